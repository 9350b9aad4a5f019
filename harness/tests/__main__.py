# SPDX-License-Identifier: GPL-2.0
"""Run a module of tests: `python3 -m harness.tests check` runs test_check.py.

A test that reads a file of the repository which is not in inputs.TESTS fails: an outcome
is told "as before" where only other files have changed.
"""

import json
import os
import sys
import unittest

from harness.boot.inputs import TESTS
from harness.common.run import ROOT

# Those, what is made, and git's own.
ALLOWED = tuple(f"{ROOT}/{name}" for name in (*TESTS, "build", ".git"))


def guard(event, arguments):
    """Refuse to open a file of the repository that is not ALLOWED."""
    if event == "open" and isinstance(arguments[0], (str, os.PathLike)):
        path = os.fspath(arguments[0])
        if path.startswith(f"{ROOT}/") and not path.startswith(ALLOWED) and os.path.isfile(path):
            raise PermissionError(f"{path} is not in inputs.TESTS")


if __name__ == "__main__":
    sys.addaudithook(guard)
    result = unittest.main(module=None, exit=False, argv=[
        "harness.tests", f"harness.tests.test_{sys.argv[1]}"]).result
    failed = len(result.errors) + len(result.failures) + len(result.unexpectedSuccesses)
    passed = result.testsRun - failed - len(result.skipped)
    print(json.dumps({"passed": passed, "failed": failed}))     # selftest reads it
    sys.exit(failed or not passed)

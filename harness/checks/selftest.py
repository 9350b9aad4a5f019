# SPDX-License-Identifier: GPL-2.0
"""The harness's own tests pass."""

from __future__ import annotations

import concurrent.futures
import os
import re
from collections.abc import Iterator

from ..common import tools
from ..common.report import Tally
from ..common.run import PYTHON, ROOT, Done, tried
from ..common.units import Outcome, Unit


def units() -> list[Unit]:
    """A module of harness/tests each."""
    return [Unit("selftest", path.stem.removeprefix("test_"), tools=tools.BUILD_KERNEL,
                 inputs=("tests",))
            for path in sorted((ROOT / "harness" / "tests").glob("test_*.py"))]


def run(_composed: object, names: list[str]) -> Iterator[tuple[str, Outcome]]:
    """Run the modules called names, as many at a time as there are CPUs."""
    def test(name: str) -> Done:
        return tried(PYTHON, "-m", "harness.tests", name, cwd=ROOT)

    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for name, done in zip(names, pool.map(test, names)):
            tally = counted(done.stdout)
            if done.returncode and not tally.failed:
                tally += Tally(0, 1)
            yield name, Outcome(tally, done.stdout.splitlines() if tally.failed else [])


def counted(text: str) -> Tally:
    """Return what text, unittest's output, says; that none ran is a failure."""
    line = re.search(r"^Ran (\d+) tests?", text, re.MULTILINE)
    ran = int(line[1]) if line else 0
    bad = re.search(r"^FAILED \((.*)\)$", text, re.MULTILINE)
    failed = sum(map(int, re.findall(r"(?:failures|errors|successes)=(\d+)",
                                     bad[1] if bad else "")))
    skipped = sum(map(int, re.findall(r"\bskipped=(\d+)", text)))
    return Tally(max(ran - failed - skipped, 0), failed or int(ran == 0))

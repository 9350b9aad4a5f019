# SPDX-License-Identifier: GPL-2.0
"""What sparse says counts where the series brings the line."""

import pathlib
import subprocess
import tempfile
import unittest
from unittest import mock

from harness.common.report import Tally
from harness.common.units import Outcome
from harness.checks import builds, sparse

DIFF = """\
--- a/drivers/a.c
+++ b/drivers/a.c
@@ -3 +3,2 @@ static int a;
-x
+y
+z
@@ -9,2 +10,0 @@
-gone
-gone
--- /dev/null
+++ b/drivers/new.c
@@ -0,0 +1 @@
+int b;
"""

WORDS = f"""\
{builds.WORKTREE}/drivers/a.c:4:7: warning: incorrect type in assignment
{builds.WORKTREE}/drivers/a.c:4:7: warning: incorrect type in assignment
{builds.WORKTREE}/drivers/sub/../a.c:3:7: warning: found by another way
{builds.WORKTREE}/drivers/a.c:5:7: warning: symbol 'old' was not declared
{builds.WORKTREE}/drivers/a.c:3:1: error: bad constant expression
../{builds.WORKTREE.name}/drivers/new.c:1: warning: symbol 'b' was not declared
"""


class Sparse(unittest.TestCase):
    def test_added(self):
        self.assertEqual(sparse.added(DIFF), {"drivers/a.c": {3, 4}, "drivers/new.c": {1}})

    def test_said(self):
        self.assertEqual(sparse.said(WORDS, sparse.added(DIFF)), [
            "drivers/a.c:4: warning: incorrect type in assignment",
            "drivers/a.c:3: warning: found by another way",
            "drivers/new.c:1: warning: symbol 'b' was not declared"])

    def test_reasons(self):
        killed = "make[6]: *** [scripts/Makefile.build:289: drivers/a.o] Segmentation fault"
        self.assertEqual(sparse.reasons(f"{WORDS}{killed}\nmake: Target 'drivers/a.o' not "
                                        "remade because of errors."), [killed])

    def test_what_fails_once(self):
        """It runs once more; what fails twice has failed."""
        for ends, failed in (([0, 0], 0), ([0, 1, 0], 0), ([0, 1, 1], 1), ([1], 1)):
            made = [subprocess.CompletedProcess((), end, "killed") for end in ends]
            with tempfile.TemporaryDirectory() as out, \
                    mock.patch.object(builds, "BUILD", pathlib.Path(out)), \
                    mock.patch.object(sparse.builds, "configure"), \
                    mock.patch.object(sparse.builds, "make", side_effect=made) as make, \
                    mock.patch("builtins.print"):
                outcome = sparse.check(builds.Config("um", "um", ["a/"], ""), {})
            self.assertEqual((len(ends), failed), (make.call_count, outcome.tally.failed), ends)

    def test_configuration_of_which_nothing_changed(self):
        one = builds.Config("um", "um", [], "")
        composed = mock.Mock(tree=pathlib.Path("linux"), end="end")
        for before, tally, checked, kept in (
                (None, (3, 0), 1, 1), (None, (3, 1), 1, 0), (None, (0, 0), 1, 0), (7, (7, 0), 0, 0)):
            with mock.patch.object(sparse.builds, "load", lambda: [one]), \
                    mock.patch.object(sparse, "git", lambda *_, **__: ""), \
                    mock.patch.object(sparse.tools, "need"), \
                    mock.patch.object(sparse.compose, "worktree"), \
                    mock.patch.object(sparse.objects, "noted", lambda *_: before), \
                    mock.patch.object(sparse.objects, "note") as note, \
                    mock.patch.object(sparse.objects, "forget") as forget, \
                    mock.patch.object(sparse, "check",
                                      return_value=Outcome(Tally(*tally))) as check, \
                    mock.patch("builtins.print"):
                found = dict(sparse.run(composed, ["um"]))
            self.assertEqual(Tally(*tally), found["um"].tally)
            self.assertEqual((checked, kept, checked - kept),
                             (check.call_count, note.call_count, forget.call_count))

# SPDX-License-Identifier: GPL-2.0
"""What sparse says counts where the series brings the line."""

import unittest

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
            "drivers/new.c:1: warning: symbol 'b' was not declared"])

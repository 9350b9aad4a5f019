# SPDX-License-Identifier: GPL-2.0
"""A small kernel and a small project, in a temporary directory, to try things on."""

import pathlib
import tempfile
import unittest
import unittest.mock

from harness.common import report, run
from harness.kernel import archive, compose, export, source, topics

MAKEFILE = "VERSION = 7\nPATCHLEVEL = 3\nSUBLEVEL = 4\nEXTRAVERSION =\n"
MANY = "".join(f"int line{n};\n" + "\n" * (n % 3 == 0) for n in range(40))
ME = {"GIT_AUTHOR_NAME": "A Person", "GIT_AUTHOR_EMAIL": "a@example.org",
      "GIT_COMMITTER_NAME": "A Person", "GIT_COMMITTER_EMAIL": "a@example.org",
      "GIT_CONFIG_GLOBAL": "/dev/null", "LC_ALL": "C.UTF-8"}


def put(top, files):
    """Write files ({path: str}) below top."""
    for path, text in files.items():
        path = pathlib.Path(top, path)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, newline="")


def commit(tree, message, files=(), gone=()):
    """Commit files ({path: str}) in tree, without those in gone."""
    put(tree, dict(files))
    for path in gone:
        (tree / path).unlink()
    run.git(tree, "add", "-A", "-f")
    run.git(tree, "commit", "-q", "--allow-empty", "--cleanup=verbatim", "-F", "-",
            stdin=message)


def total(outcomes):
    """outcomes: what a check yields -> ((passed, failed), str: what is wrong)."""
    found = [outcome for _, outcome in outcomes]
    tally = sum((each.tally for each in found), report.Tally())
    return (tally.passed, tally.failed), "\n".join(word for each in found for word in each.words)


class Kernel(unittest.TestCase):
    """self.top holds linux (a git tree), project (this repository), project/build."""

    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.top = pathlib.Path(scratch.name)
        self.linux, self.root = self.top / "linux", self.top / "project"
        self.tree = self.root / "build/linux"
        put(self.linux, {"Makefile": MAKEFILE, "Kbuild": "", "a.c": MANY, "b.c": "int b;\n",
                         ".gitignore": "*.o\n"})
        put(self.root, {"patches/series": topics.HEAD + "base 7.3.4\n"})
        env = unittest.mock.patch.dict("os.environ", ME)
        env.start()
        self.addCleanup(env.stop)
        for where, name in ((source, "BUILD"), (archive, "BUILD")):
            patch = unittest.mock.patch.object(where, name, self.root / "build")
            patch.start()
            self.addCleanup(patch.stop)
        run.git(self.linux, "init", "-q", "-b", "master")
        commit(self.linux, "base\n")
        quiet = unittest.mock.patch("builtins.print")
        quiet.start()
        self.addCleanup(quiet.stop)

    def compose(self, **options):
        return compose.compose(self.root, self.tree, source.tree(self.linux), **options)

    def export(self):
        export.export(self.root, self.tree)

    def series(self):
        """-> str, patches/series."""
        return (self.root / "patches/series").read_text()

    def develop(self):
        """Make two topics in the composed tree and export them."""
        self.compose()
        run.git(self.tree, "checkout", "-q", "-b", "one")
        put(self.tree, {"run.sh": "#!/bin/sh\n"})
        (self.tree / "run.sh").chmod(0o755)
        commit(self.tree, "a: first\n\n  odd  space \t\n\ntrailer\n",
               {"a.c": MANY.replace("line5;", "five;"), "drivers/new.c": "int new;\n"})
        commit(self.tree, "a: second, " + 60 * "long " + "\n",
               {"a.c": MANY.replace("line5;", "five;").replace("line25;", "more;"),
                "drivers/e.c": "a\n", "tests/Makefile": "obj-y += one.o\n"})
        run.git(self.tree, "checkout", "-q", "-b", "two")
        commit(self.tree, "b: gone\n", {"c.c": "int b;\n"}, ["b.c"])
        commit(self.tree, "only a new file\n", {"drivers/other.c": "no newline"})
        commit(self.tree, "e: change\n", {"tests/Makefile": "obj-y += one.o\nobj-y += two.o"})
        self.export()

    def files(self):
        """-> {path: bytes} of the project without build/."""
        return {str(p.relative_to(self.root)): p.read_bytes()
                for p in self.root.rglob("*")
                if p.is_file() and "build" not in p.relative_to(self.root).parts}

# SPDX-License-Identifier: GPL-2.0
"""Every commit builds: on a toy tree whose makefiles behave like the kernel's."""

import contextlib
import io
import pathlib
import subprocess
import tempfile
import types
import unittest
from unittest import mock

from harness import builds, jobs
from harness.report import Problem

# allnoconfig and objects, with the kernel's *.cmd files and incremental builds.
MAKEFILE = """
allnoconfig:
	@grep -v FORBIDDEN $(KCONFIG_ALLCONFIG) > $(O)/.config
vmlinux: ; @touch $(O)/linked
available: ; @true
unavailable: ; @echo '*** no such compiler'; exit 1
$(O)/%.o: %.c api.h
	@gcc -Wall -c $(CURDIR)/$< -o $@
	@printf 'source_x := %s\\n  %s \\\\\\n' $(CURDIR)/$< $(CURDIR)/api.h > $(@D)/.$(@F).cmd
all: $(O)/a.o $(O)/b.o
"""
GOOD = "#include \"api.h\"\nint a(void) { return A; }\n"


class Warnings(unittest.TestCase):
    def test_places_are_dropped(self):
        tree = builds.WORKTREE
        one = f"{tree}/drivers/a.c:12:3: warning: unused variable 'x' [-Wunused]\n   12 | int x;\n"
        two = "../commits/drivers/a.c:99:1: warning: unused variable 'x' [-Wunused]\n"
        self.assertEqual(builds.warnings(one), builds.warnings(two))
        self.assertEqual(list(builds.warnings(one)),
                         ["drivers/a.c: warning: unused variable 'x' [-Wunused]"])

    def test_kernel_doc_and_modpost(self):
        text = "Warning: drivers/a.c:7 no description\nWARNING: modpost: missing x\nCC a.o\n"
        self.assertEqual(sum(builds.warnings(text).values()), 2)

    def test_the_same_warning_twice_is_two(self):
        line = "a.c:1:1: warning: x\n"
        self.assertEqual(sum((builds.warnings(line * 2) - builds.warnings(line)).values()), 1)


class Concerns(unittest.TestCase):
    FILES = {"drivers/iommu/tests/hw.c", "include/linux/iommu.h", "top.c"}

    def test_what_is_built_from(self):
        for path in ("include/linux/iommu.h", "drivers/iommu/Makefile", "Makefile",
                     "drivers/iommu/tests/Makefile", "sound/Kconfig", "lib/Kconfig.debug"):
            self.assertTrue(builds.concerns(path, self.FILES), path)

    def test_what_is_not(self):
        for path in ("drivers/iommu/x.c", "drivers/iommu/tests/hw/Makefile", "sound/Kbuild",
                     "drivers/iommu/Makefile.txt"):
            self.assertFalse(builds.concerns(path, self.FILES), path)


class Commits(unittest.TestCase):
    def setUp(self):
        self.dir = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.tree = self.dir / "linux"
        self.tree.mkdir()
        self.commits, self.log = [], ""
        self.git("init", "-q")
        self.commit({"Makefile": MAKEFILE, "Kconfig": "config WANTED\n", "api.h": "#define A 1\n",
                     "a.c": GOOD, "b.c": "int b;\nint f(void) { int old; return 0; }\n"})
        self.git("branch", "base")
        for target, value in (("builds.BUILD", self.dir), ("builds.WORKTREE", self.dir / "commits"),
                              ("builds.SOURCE", rf"{self.dir}/commits/"),
                              ("tools.need", lambda *names: None)):
            self.enterContext(mock.patch("harness." + target, value))
        self.table("WANTED")

    def table(self, options, later=""):
        self.enterContext(mock.patch.object(builds, "load", lambda: [
            builds.Config("toy", "um", ["all"], options, later, link=True)]))

    def git(self, *command):
        return subprocess.run(["git", "-C", self.tree, "-c", "user.name=n", "-c", "user.email=e",
                               *command], check=True, text=True, stdout=subprocess.PIPE).stdout.strip()

    def commit(self, files):
        for name, text in files.items():
            (self.tree / name).write_text(text)
        self.git("add", "-A")
        self.git("commit", "-qm", f"change {' '.join(files)}")
        self.commits.append(self.git("rev-parse", "HEAD"))

    def run_builds(self):
        """Return [(ok, text)] in the order of the rows; two topics split the commits."""
        topics = [types.SimpleNamespace(commits=[c]) for c in self.commits[1:2]] + \
                 [types.SimpleNamespace(commits=self.commits[2:])] * (len(self.commits) > 2)
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            rows = builds.run(types.SimpleNamespace(
                tree=self.tree, topics=topics, base=types.SimpleNamespace(commit=self.commits[0])))
        self.log = out.getvalue()
        return [(row[2], row[4]) for row in rows]

    def test_good_commits_once(self):
        self.commit({"a.c": GOOD + "\n"})
        self.commit({"README": "nothing that is built\n"})
        self.commit({"b.c": "int b;\n"})
        self.assertEqual(self.run_builds(),
                         [(True, "linked"), (True, "not touched"), (True, "linked")])
        self.assertEqual(self.run_builds(),
                         [(True, "known good"), (True, "not touched"), (True, "known good")])

    def test_base_that_was_interrupted(self):
        self.commit({"a.c": GOOD + "\n"})
        with mock.patch.object(builds, "warnings", side_effect=KeyboardInterrupt), \
                self.assertRaises(KeyboardInterrupt):
            self.run_builds()
        self.assertEqual(self.run_builds(), [(True, "linked")])

    def test_optional(self):
        self.commit({"a.c": GOOD + "\n"})
        must = builds.Config("toy", "um", ["all"], "WANTED")
        for target, count in (("unavailable", 1), ("available", 2)):
            may = builds.Config("may", "um", ["all"], "WANTED", if_make=target)
            with mock.patch.object(builds, "load", lambda: [must, may]):
                self.assertEqual(len(self.run_builds()), count)
            self.assertEqual("may: skipped, no such compiler" in self.log, count == 1)

    def test_error_in_the_middle(self):
        self.commit({"a.c": GOOD + "\n"})
        self.commit({"a.c": GOOD + "int c = nothing;\n"})
        self.commit({"a.c": GOOD})
        for _ in range(2):
            self.assertEqual([ok for ok, _ in self.run_builds()], [True, False, True])
            self.assertIn("nothing", self.log)

    def test_new_warning_is_not_forgotten(self):
        self.commit({"a.c": GOOD + "int g(void) { int unused; return 0; }\n"})
        for _ in range(2):
            (ok, text), = self.run_builds()
            self.assertFalse(ok)
            self.assertIn("a.c: warning: unused variable", text)

    def test_old_warning_may_stay(self):
        self.commit({"b.c": "\n\nint b;\nint f(void) { int old; return 0; }\n"})
        self.assertEqual(self.run_builds(), [(True, "linked")])

    def test_header_rebuilds_its_users(self):
        self.commit({"a.c": GOOD + "\n"})
        self.commit({"api.h": "#define B 1\n"})
        self.commit({"README": "nothing that is built\n", "api.h": "#define A 1\n"})
        self.assertEqual([ok for ok, _ in self.run_builds()], [True, False, True])

    def test_link_that_fails_without_a_message(self):
        self.commit({"Makefile": MAKEFILE.replace("touch", "false")})
        self.assertEqual([ok for ok, _ in self.run_builds()], [False])

    def test_source_nobody_builds(self):
        self.commit({"lost.c": "int lost;\n"})
        self.assertEqual(self.run_builds()[-1], (False, "no configuration builds it"))

    def test_option_that_does_not_stick(self):
        (self.tree / "Kconfig").write_text("config FORBIDDEN\n")
        self.git("commit", "-qam", "base with FORBIDDEN")
        self.commits = [self.git("rev-parse", "HEAD")]
        self.git("branch", "-f", "base")
        self.table("FORBIDDEN LATER")
        with self.assertRaisesRegex(Problem, "wants FORBIDDEN for"):
            self.run_builds()

    def test_option_that_a_later_commit_allows(self):
        self.commit({"Kconfig": "config WANTED\nconfig FORBIDDEN\n"})
        self.table("WANTED", later="FORBIDDEN")
        self.assertTrue(all(ok for ok, _ in self.run_builds()), self.log)

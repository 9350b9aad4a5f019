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

from harness.common.report import Problem
from harness.kernel import topics
from harness.kernel.commits import Branch
from harness.checks import builds

from .fake import total

# allnoconfig and objects, with the kernel's *.cmd files and incremental builds.
MAKEFILE = """
allnoconfig:
	@grep -v FORBIDDEN $(KCONFIG_ALLCONFIG) > $(O)/.config
	@grep '^# set' Kconfig >> $(O)/.config || :
vmlinux: ; @touch $(O)/linked
available: ; @true
unavailable: ; @echo '*** no such compiler'; exit 1
%.o: $(O)/%.o ; @true
$(O)/%.o: %.c api.h
	@gcc -Wall -c $(CURDIR)/$< -o $@
	@printf 'savedcmd_x := gcc -Wall -c %s -o %s; touch $$$$PWD/by_hand\\n' $(CURDIR)/$< $@ > $(@D)/.$(@F).cmd
	@printf 'source_x := %s\\n  %s \\\\\\n' $(CURDIR)/$< $(CURDIR)/api.h >> $(@D)/.$(@F).cmd
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
        for name, value in (("BUILD", self.dir), ("WORKTREE", self.dir / "commits")):
            self.enterContext(mock.patch.object(builds, name, value))
        self.enterContext(mock.patch.object(builds.tools, "need", lambda *names: None))
        self.table("WANTED")

    def table(self, options, later=""):
        self.enterContext(mock.patch.object(builds, "load", lambda: [
            builds.Config("toy", "um", ["all"], options, later, link=True)]))

    def git(self, *command):
        return subprocess.run(["git", "-C", self.tree, "-c", "user.name=n", "-c", "user.email=e",
                               *command], check=True, text=True,
                              stdout=subprocess.PIPE).stdout.strip()

    def commit(self, files):
        for name, text in files.items():
            (self.tree / name).write_text(text)
        self.git("add", "-A")
        self.git("commit", "-qm", f"change {' '.join(files)}")
        self.commits.append(self.git("rev-parse", "HEAD"))

    def run_builds(self, *lengths):
        """Build the commits, in topics of so many of them; all in one if none are given.

        Return (passed, failed); self.log has what was said, self.built what was built:
        the configuration and its targets, in their order.
        """
        known, branches, start = {}, {}, 0
        for length in lengths or (len(self.commits) - 1,):
            name = f"topic{start}"
            known[name] = topics.Topic(name, patches={f"{n}-x.patch": [] for n in range(length)})
            branches[name] = Branch(name, self.commits[start], self.commits[start + length],
                                    self.commits[start + 1:start + length + 1])
            start += length

        class Made:
            def __init__(self, base, tree):
                pass

            def make(self, parts):
                return [branches[list(parts)[-1]]]

            __enter__ = lambda self: self
            __exit__ = lambda *_: None

        self.built, out = [], io.StringIO()
        check = builds.Builder.check

        def noted(builder, targets, *objects_only):
            self.built.append(f"{builder.config.name} {' '.join(targets)}")
            return check(builder, targets, *objects_only)

        with contextlib.redirect_stdout(out), mock.patch.object(builds, "Commits", Made), \
                mock.patch.object(builds.topics, "read", lambda: known), \
                mock.patch.object(builds.Builder, "check", noted):
            counts, words = total(builds.run(types.SimpleNamespace(
                tree=self.tree, base=types.SimpleNamespace(commit=self.commits[0])), list(known)))
        self.log = out.getvalue() + words
        return counts

    def test_commits_compile_and_topics_link(self):
        self.commit({"a.c": GOOD + "\n"})
        self.commit({"README": "nothing that is built\n"})
        self.commit({"b.c": "int b;\n"})
        self.assertEqual((3, 0), self.run_builds())
        self.assertEqual(["toy a.o", "toy b.o", "toy vmlinux all"], self.built)
        (self.dir / "commits-toy/linked").unlink()
        self.assertEqual((4, 0), self.run_builds(1, 2))
        self.assertTrue((self.dir / "commits-toy/linked").exists())

    def made_without_make(self):
        """Return whether an object was, as compile() does, and forget it."""
        path = self.dir / "commits-toy/by_hand"
        there = path.exists()
        path.unlink(missing_ok=True)
        return there

    def test_c_files_alone_are_compiled_without_make(self):
        self.commit({"a.c": GOOD + "\n"})
        self.assertEqual((2, 0), self.run_builds())
        self.assertTrue(self.made_without_make())
        self.commit({"a.c": GOOD + "int c(void) { int unused; return 0; }\n"})
        self.assertEqual((1, 2), self.run_builds())
        self.assertIn("unused variable", self.log)
        self.assertTrue(self.made_without_make())

    def test_more_than_c_files_is_made(self):
        self.commit({"a.c": GOOD + "\n", "api.h": "#define A 2\n"})
        self.commit({"Kconfig": "config WANTED\nconfig OTHER\n"})
        self.assertEqual((3, 0), self.run_builds())
        self.assertFalse(self.made_without_make())

    def test_after_a_failure_all_is_made(self):
        self.commit({"a.c": "no c\n"})
        self.commit({"a.c": GOOD})
        self.assertEqual((2, 1), self.run_builds())
        self.assertFalse(self.made_without_make())

    def test_c_files_alone_are_not_linked(self):
        self.commit({"a.c": GOOD + "\n"})
        self.run_builds()
        self.assertEqual(["toy a.o", "toy all"], self.built)

    def test_one_configuration_for_a_commit_all_for_a_topic(self):
        self.commit({"a.c": GOOD + "\n"})
        both = [builds.Config(name, "um", ["all"], "WANTED") for name in ("toy", "other")]
        with mock.patch.object(builds, "load", lambda: both):
            self.assertEqual((3, 0), self.run_builds())
        self.assertEqual("toy a.o", self.built[0])
        self.assertCountEqual(["toy all", "other all"], self.built[1:])    # at a time

    def test_new_file_that_only_another_configuration_has(self):
        self.commit({"c.c": "int c;\n", "Makefile": MAKEFILE.replace(
            "$(O)/b.o\n", "$(O)/b.o\nmore: $(O)/c.o\n")})
        both = [builds.Config("toy", "um", ["all"], "WANTED"),
                builds.Config("other", "um", ["all", "more"], "WANTED")]
        with mock.patch.object(builds, "load", lambda: both), \
                mock.patch.object(builds.Builder, "targets", lambda self, whole: (
                    ["all"] if self.config.name == "toy" or not (self.config.out / ".config")
                    .exists() or not (builds.WORKTREE / "c.c").exists() else ["all", "more"])):
            self.assertEqual(0, self.run_builds()[1], self.log)
        self.assertEqual(["toy all", "other all more"], self.built[:2])

    def test_base_that_was_interrupted(self):
        self.commit({"a.c": GOOD + "\n"})
        with mock.patch.object(builds, "warnings", side_effect=KeyboardInterrupt), \
                self.assertRaises(KeyboardInterrupt):
            self.run_builds()
        self.assertEqual((2, 0), self.run_builds())

    def test_optional(self):
        self.commit({"a.c": GOOD + "\n"})
        must = builds.Config("toy", "um", ["all"], "WANTED")
        for target, count in (("unavailable", 1), ("available", 2)):
            may = builds.Config("may", "um", ["all"], "WANTED", if_make=target)
            with mock.patch.object(builds, "load", lambda: [must, may]):
                self.assertEqual((1 + count, 0), self.run_builds())
            self.assertEqual("may: skipped, no such compiler" in self.log, count == 1)

    def test_error_in_the_middle(self):
        self.commit({"a.c": GOOD + "\n"})
        self.commit({"a.c": GOOD + "int c = nothing;\n"})
        self.commit({"a.c": GOOD})
        for _ in range(2):
            self.assertEqual((3, 1), self.run_builds())
            self.assertRegex(self.log, "topic0: change a.c: FAILED with toy(?s:.*)nothing")

    def test_what_was_built_whole_is_not_again(self):
        self.commit({"api.h": "#define A 2\n"})
        self.commit({"README": "nothing that is built\n"})
        self.commit({"b.c": "int b;\n"})
        self.assertEqual((4, 0), self.run_builds(1, 1, 1))
        self.assertEqual(["toy all", "toy vmlinux all", "toy b.o", "toy vmlinux all"], self.built)

    def test_what_is_as_in_the_base_is_not_built_whole(self):
        self.commit({"api.h": "#define A 2\n"})
        self.commit({"api.h": "#define A 1\n", "README": "nothing that is built\n"})
        self.assertEqual((3, 0), self.run_builds(1, 1))
        self.assertEqual(["toy all", "toy vmlinux all", "toy all"], self.built)

    def test_options_that_leave_config_as_it_was(self):
        self.commit({"Kconfig": "config WANTED\nconfig OTHER\n"})
        self.assertEqual((1, 0), self.run_builds())
        self.assertEqual(["toy all"], self.built)

    def test_whole_that_was_not_linked(self):
        self.commit({"a.c": GOOD + "\n"})
        self.commit({"README": "nothing that is built\n"})
        self.run_builds(1, 1)
        self.assertEqual(["toy a.o", "toy all", "toy vmlinux all"], self.built)

    def test_options_that_change_config(self):
        self.commit({"Kconfig": "config WANTED\n# set X\n"})
        self.assertEqual((2, 0), self.run_builds())
        self.assertEqual(["toy all", "toy vmlinux all"], self.built)

    def test_source_that_ends_as_it_was_built_whole(self):
        self.commit({"a.c": GOOD + "\n"})
        self.commit({"a.c": GOOD + "\n\n"})
        self.commit({"a.c": GOOD + "\n"})
        self.assertEqual((5, 0), self.run_builds(1, 2), self.log)

    def test_whole_again_after_a_failure(self):
        self.commit({"a.c": GOOD + "int c = nothing;\n"})
        self.commit({"README": "nothing that is built\n"})
        self.assertEqual((0, 4), self.run_builds(1, 1))

    def test_new_warning_is_not_forgotten(self):
        self.commit({"a.c": GOOD + "int g(void) { int unused; return 0; }\n"})
        for _ in range(2):
            self.assertEqual((0, 2), self.run_builds())
            self.assertIn("a.c: warning: unused variable", self.log)

    def test_old_warning_may_stay(self):
        self.commit({"b.c": "\n\nint b;\nint f(void) { int old; return 0; }\n"})
        self.assertEqual((2, 0), self.run_builds())

    def test_header_rebuilds_its_users(self):
        self.commit({"a.c": GOOD + "\n"})
        self.commit({"api.h": "#define B 1\n"})
        self.commit({"README": "nothing that is built\n", "api.h": "#define A 1\n"})
        self.assertEqual((3, 1), self.run_builds())

    def test_link_that_fails_without_a_message(self):
        self.commit({"Makefile": MAKEFILE.replace("touch", "false")})
        self.assertEqual((1, 1), self.run_builds())

    def test_source_nobody_builds(self):
        self.commit({"lost.c": "int lost;\n"})
        self.assertEqual(1, self.run_builds()[1])
        self.assertIn("none builds lost.c", self.log)

    def test_source_that_leaves_the_makefile(self):
        more = MAKEFILE.replace("$(O)/b.o\n", "$(O)/b.o $(O)/c.o\n")
        self.commit({"c.c": "int c;\n", "Makefile": more})
        self.assertEqual(0, self.run_builds()[1], self.log)
        self.commits.pop()
        self.git("reset", "-q", "--hard", "HEAD~")
        self.commit({"c.c": "int c;\n"})
        self.assertEqual(1, self.run_builds()[1])
        self.assertIn("none builds c.c", self.log)

    def test_nothing_is_left_of_an_earlier_run(self):
        left = self.dir / "commits-toy" / "left.o"
        left.parent.mkdir()
        left.touch()
        self.commit({"a.c": GOOD + "\n"})
        self.assertEqual((2, 0), self.run_builds())
        self.assertFalse(left.exists())

    def test_option_of_another_topic(self):
        """What its options had built from a file of the base is not built without them."""
        more = MAKEFILE.replace("$(O)/b.o\n", "$(O)/b.o $(O)/c.o\n")
        (self.tree / "c.c").write_text("int c;\n")
        self.git("add", "-A")
        self.git("commit", "-qm", "base with c.c")
        self.commits = [self.git("rev-parse", "HEAD")]
        self.commit({"Makefile": more})
        self.commit({"Makefile": MAKEFILE})
        self.commit({"c.c": "int c;\n\n"})
        self.assertEqual(1, self.run_builds(1, 1, 1)[1])
        self.assertIn("none builds c.c", self.log)
        self.assertNotIn("toy c.o", self.built)

    def test_option_that_does_not_stick(self):
        (self.tree / "Kconfig").write_text("config FORBIDDEN\n")
        self.git("commit", "-qam", "base with FORBIDDEN")
        self.commits = [self.git("rev-parse", "HEAD")]
        self.git("branch", "-f", "base")
        self.table("FORBIDDEN LATER")
        with self.assertRaisesRegex(Problem, "sets FORBIDDEN for"):
            self.run_builds()

    def test_option_that_a_later_commit_allows(self):
        self.commit({"Kconfig": "config WANTED\nconfig FORBIDDEN\n"})
        self.table("WANTED", later="FORBIDDEN")
        self.assertEqual(0, self.run_builds()[1], self.log)

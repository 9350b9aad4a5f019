# SPDX-License-Identifier: GPL-2.0
"""Patches to commits and back: nothing is lost, nothing is half done."""

import os
import shutil
import unittest.mock

from harness import repair, series, tools
from harness.report import Problem
from harness.run import git

from .fake import MAKEFILE, MANY, Kernel, commit, put


class RoundTrip(Kernel):
    def test_same_bytes_and_same_trees(self):
        self.develop()
        first, tree = self.files(), git(self.tree, "rev-parse", "HEAD^{tree}")
        self.assertIn("drivers/new.c", first)
        self.assertTrue(os.access(self.root / "run.sh", os.X_OK))
        self.assertNotIn(b"index ", first["patches/one/01-a-first.patch"])
        shutil.rmtree(self.tree)
        composed = self.compose()
        self.assertEqual(tree, git(self.tree, "rev-parse", "HEAD^{tree}"))
        self.assertEqual([], series.round_trip(composed, self.root))
        self.export()
        self.assertEqual(first, self.files())

    def test_carriage_returns(self):
        self.compose()
        git(self.tree, "checkout", "-q", "-b", "one")
        commit(self.tree, "x\n", {"dos.c": "a\r\nb\r\n"})
        commit(self.tree, "y\n", {"dos.c": "a\r\nc\r\n"})
        self.export()
        shutil.rmtree(self.tree)
        self.assertEqual([], series.round_trip(self.compose(), self.root))
        self.assertEqual(b"a\r\nc\r\n", (self.tree / "dos.c").read_bytes())

    def test_message_is_verbatim(self):
        self.develop()
        composed = self.compose()
        body = git(self.tree, "log", "-1", "--format=%B", composed.topics[0].commits[0])
        self.assertIn("  odd  space \t\n", body)

    def test_same_ids_everywhere(self):
        self.develop()
        first = self.compose().topics
        shutil.rmtree(self.tree)
        self.assertEqual(first, self.compose().topics)

    def test_round_trip_sees_a_change(self):
        self.develop()
        composed = self.compose()
        put(self.root, {"drivers/other.c": "changed"})
        self.assertEqual(["drivers/other.c"], series.round_trip(composed, self.root))

    def test_users_git_settings_do_not_matter(self):
        self.develop()
        first = self.files()
        put(self.top, {"config": "[diff]\nnoprefix = true\ncontext = 9\n"
                                 "suppressBlankEmpty = true\n[core]\nautocrlf = true\n[apply]\nwhitespace = fix\n"})
        with unittest.mock.patch.dict(os.environ, GIT_CONFIG_GLOBAL=f"{self.top}/config"):
            shutil.rmtree(self.tree)
            self.compose()
            self.export()
        self.assertEqual(first, self.files())

    def test_dropped_commit_takes_its_files_away(self):
        self.develop()
        self.compose()
        git(self.tree, "reset", "-q", "--hard", "HEAD~2")
        self.export()
        self.assertNotIn("drivers/other.c", self.files())
        self.assertEqual(1, sum("patches/two" in name for name in self.files()))

    def test_new_file_may_not_replace_ours(self):
        self.compose()
        put(self.root, {"README": "ours"})
        git(self.tree, "checkout", "-q", "-b", "one")
        commit(self.tree, "x\n", {"README": "theirs"})
        self.assertRaisesRegex(Problem, "README", self.export)
        self.assertEqual("ours", (self.root / "README").read_text())

    def test_other_base_version_moves_hunks_only(self):
        self.develop()
        commit(self.linux, "newer\n", {"Makefile": MAKEFILE.replace("= 4", "= 5"),
                                       "a.c": "int added;\n" + MANY})
        composed = self.compose()
        self.assertEqual("7.3.5", composed.base.version)
        self.assertEqual([], series.round_trip(composed, self.root))


class Move(Kernel):
    def test_only_changed_files_are_written(self):
        self.develop()
        self.compose()
        kept = (self.tree / "a.c").stat().st_mtime_ns
        put(self.root, {"drivers/other.c": "int other;\n"})
        self.compose()
        self.assertEqual("int other;\n", (self.tree / "drivers/other.c").read_text())
        self.assertEqual(kept, (self.tree / "a.c").stat().st_mtime_ns)

    def test_nothing_to_do_is_quick(self):
        self.develop()
        first = self.compose()
        with unittest.mock.patch.object(series, "commits", side_effect=AssertionError):
            self.assertEqual(first.topics, self.compose().topics)

    def test_build_output_does_not_matter(self):
        self.develop()
        put(self.tree, {"a.o": "x", "vmlinux": "x"})
        self.compose()
        self.assertTrue((self.tree / "vmlinux").exists())

    def test_commits_are_not_lost(self):
        self.develop()
        self.compose()
        commit(self.tree, "mine\n", {"mine.c": "int mine;\n"})
        self.assertRaisesRegex(Problem, "make export", self.compose)
        self.assertRaisesRegex(Problem, "make export", series.check_kept, self.root, self.tree)
        self.assertIn("mine", git(self.tree, "log", "-1", "--format=%s"))
        self.export()
        self.assertEqual(4, len(self.compose().topics[1].commits))

    def test_changes_are_not_lost(self):
        self.develop()
        self.compose()
        put(self.tree, {"a.c": "changed"})
        self.assertRaisesRegex(Problem, "uncommitted", self.compose)
        self.assertRaisesRegex(Problem, "uncommitted", self.export)
        self.assertEqual("changed", (self.tree / "a.c").read_text())

    def test_detached_commits_are_not_lost(self):
        self.develop()
        self.compose()
        git(self.tree, "checkout", "-q", "--detach")
        commit(self.tree, "mine\n", {"mine.c": ""})
        self.assertRaisesRegex(Problem, "on no branch", self.compose)
        self.assertRaisesRegex(Problem, "on no branch", self.export)

    def test_branch_beside_the_line_is_refused(self):
        self.develop()
        self.compose()
        git(self.tree, "checkout", "-q", "-b", "side", "one")
        commit(self.tree, "mine\n", {"mine.c": ""})
        self.assertRaisesRegex(Problem, "side|two", self.export)

    def test_rebase_moves_both_topics(self):
        self.develop()
        self.compose()
        env = {"GIT_SEQUENCE_EDITOR": "sed -i 1s/pick/reword/",
               "GIT_EDITOR": "sed -i 1s/first/once/"}
        git(self.tree, "rebase", "-q", "-i", "base", env=env)
        self.export()
        self.assertIn("patches/one/01-a-once.patch", self.files())
        self.assertEqual([], series.round_trip(self.compose(), self.root))

    def test_file_in_the_way_is_kept(self):
        self.develop()
        self.compose()
        put(self.root, {"drivers/third.c": "ours", "patches/series":
            (self.root / "patches/series").read_text() + "\t\tdrivers/third.c\n"})
        put(self.tree, {"drivers/third.c": "theirs"})
        self.assertRaisesRegex(Problem, "third.c", self.compose)
        self.assertEqual("theirs", (self.tree / "drivers/third.c").read_text())
        (self.tree / "drivers/third.c").unlink()
        self.compose()

    def test_file_gone_and_brought_again(self):
        self.compose()
        git(self.tree, "checkout", "-q", "-b", "one")
        commit(self.tree, "x\n", {"again.c": "int first;\n"})
        commit(self.tree, "y\n", {}, ["again.c"])
        commit(self.tree, "z\n", {"again.c": "int second;\n"})
        self.export()
        self.assertEqual(b"int first;\n", self.files()["again.c"])
        shutil.rmtree(self.tree)
        self.assertEqual([], series.round_trip(self.compose(), self.root))

    def test_interrupted_checkout_is_made_again(self):
        self.develop()
        shutil.rmtree(self.tree)
        with unittest.mock.patch.object(series, "_finish", side_effect=KeyboardInterrupt):
            self.assertRaises(KeyboardInterrupt, self.compose)
        self.assertFalse(self.tree.exists())
        self.assertEqual(2, len(self.compose().topics))

    def test_interrupted_move_is_finished(self):
        self.develop()
        self.compose()
        put(self.root, {"drivers/other.c": "int other;\n"})
        with unittest.mock.patch.object(series, "_finish", side_effect=[None, KeyboardInterrupt]):
            self.assertRaises(KeyboardInterrupt, self.compose)
        put(self.tree, {".git/index.lock": "", "a.c": "half"})
        composed = self.compose()
        self.assertEqual([], series.round_trip(composed, self.root))
        self.assertEqual("", git(self.tree, "status", "--porcelain"))

    def test_other_base(self):
        self.develop()
        first = self.compose()
        commit(self.linux, "newer\n", {"b.c": "int b;\n", "d.c": "int d;\n"})
        composed = self.compose()
        self.assertNotEqual(first.base.commit, composed.base.commit)
        self.assertTrue((self.tree / "d.c").exists())

    def test_little_space(self):
        little = unittest.mock.Mock(return_value=unittest.mock.Mock(free=3e9))
        self.assertRaisesRegex(Problem, "3.0 GB free", tools.space, "/", 8, little)
        with unittest.mock.patch.object(tools, "space", side_effect=Problem("full")):
            self.assertRaises(Problem, self.compose)
        self.assertFalse(self.tree.exists())


class Repair(Kernel):
    def setUp(self):
        super().setUp()
        self.develop()
        self.before = self.compose()
        self.head = git(self.tree, "rev-parse", "HEAD")
        commit(self.linux, "newer\n", {"a.c": MANY.replace("line4;", "four;")})
        self.where = self.tree.with_name("repair")

    def test_conflict_is_told_and_nothing_moves(self):
        files = self.files()
        self.assertRaisesRegex(Problem, r"(?s)one/01-a-first.patch.*a\.c:.*#1.*repair",
                               self.compose)
        self.assertEqual(self.head, git(self.tree, "rev-parse", "HEAD"))
        self.assertEqual(files, self.files())
        self.assertIn("five", (self.where / "a.c.rej").read_text())

    def test_mend(self):
        self.assertRaises(Problem, self.compose)
        mend = (self.root, self.where)
        self.assertRaisesRegex(Problem, "a.c.rej", repair.mend, *mend)
        (self.where / "a.c.rej").unlink()
        text = (self.where / "a.c").read_text()
        put(self.where, {"a.c": text.replace("line5;", "five;")})
        self.assertRaises(Problem, self.compose)        # what was mended stays
        repair.mend(*mend)
        self.assertFalse(self.where.exists())
        composed = self.compose()
        self.assertIn("four;\nint five;", (self.tree / "a.c").read_text())
        self.assertEqual([], series.round_trip(composed, self.root))

    def test_first_compose(self):
        shutil.rmtree(self.tree)
        self.assertRaisesRegex(Problem, "repair", self.compose)
        (self.where / "a.c.rej").unlink()
        put(self.where, {"a.c": MANY.replace("line5;", "five;")})
        repair.mend(self.root, self.where)
        self.compose()

    def test_nothing_to_mend(self):
        self.assertRaisesRegex(Problem, "nothing to mend", repair.mend, self.root, self.where)

    def test_bad_series(self):
        put(self.root, {"patches/series": "base 7.3.4\n\tx.patch\n"})
        self.assertRaisesRegex(Problem, "series:2", self.compose)
        put(self.root, {"patches/series": "base 7.3.4\none\n\tx.patch\n"})
        self.assertRaisesRegex(Problem, "x.patch is missing", self.compose)

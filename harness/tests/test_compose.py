# SPDX-License-Identifier: GPL-2.0
"""Patches to commits and back: nothing is lost, nothing is half done."""

import fcntl
import json
import os
import shutil
import unittest.mock

from harness.common import tools
from harness.common.report import Problem
from harness.common.run import git, output
from harness.kernel import commits, compose, export, repair, tree

from .fake import MAKEFILE, MANY, Kernel, commit, put


def round_trip(composed, root):
    return export.round_trip(composed.tree, root)


class RoundTrip(Kernel):
    def test_one_run_at_a_time(self):
        self.compose()
        self.compose()
        compose.HELD.pop(self.tree.parent).close()
        with open(self.tree.parent / "lock", "w") as other:
            fcntl.flock(other, fcntl.LOCK_EX)
            self.assertRaisesRegex(Problem, "another `make` works in .*build", self.compose)
        self.compose()

    def test_same_bytes_and_same_trees(self):
        self.develop()
        first, tree = self.files(), git(self.tree, "rev-parse", "HEAD^{tree}")
        self.assertIn("drivers/new.c", first)
        self.assertTrue(os.access(self.root / "run.sh", os.X_OK))
        self.assertNotIn(b"index ", first["patches/one/01-a-first.patch"])
        shutil.rmtree(self.tree)
        composed = self.compose()
        self.assertEqual(tree, git(self.tree, "rev-parse", "HEAD^{tree}"))
        self.assertEqual([], round_trip(composed, self.root))
        self.export()
        self.assertEqual(first, self.files())

    def test_carriage_returns(self):
        self.compose()
        git(self.tree, "checkout", "-q", "-b", "one")
        commit(self.tree, "x\n", {"dos.c": "a\r\nb\r\n", "Kconfig": "a\r\nb\r\n"})
        commit(self.tree, "y\n", {"Kconfig": "a\r\nc\r\n"})
        self.export()
        shutil.rmtree(self.tree)
        self.assertEqual([], round_trip(self.compose(), self.root))
        self.assertEqual(b"a\r\nb\r\n", (self.tree / "dos.c").read_bytes())
        self.assertEqual(b"a\r\nc\r\n", (self.tree / "Kconfig").read_bytes())

    def test_message_keeps_its_lines(self):
        self.develop()
        composed = self.compose()
        body = git(self.tree, "log", "-1", "--format=%B", composed.topics[0].commits[0])
        self.assertIn("  odd  space\n", body)

    def test_same_ids_everywhere(self):
        self.develop()
        first = self.compose().topics
        shutil.rmtree(self.tree)
        self.assertEqual(first, self.compose().topics)

    def test_round_trip_sees_a_change(self):
        self.develop()
        composed = self.compose()
        put(self.root, {"drivers/other.c": "changed"})
        self.assertEqual(["drivers/other.c"], round_trip(composed, self.root))

    def test_users_git_settings_do_not_matter(self):
        self.develop()
        first = self.files()
        put(self.top, {"config": "[diff]\nnoprefix = true\ncontext = 9\n"
                                 "suppressBlankEmpty = true\n[core]\nautocrlf = true\n"
                                 "[apply]\nwhitespace = fix\n"})
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
        self.assertEqual([], round_trip(composed, self.root))


class Git(Kernel):
    """The files are git's: authors, dates and what is below `---` survive."""

    OTHER = "Zoë D. Other <zoe@example.org>"

    def other(self, message):
        """Put a commit of another author on the branch two, and export it."""
        self.develop()
        git(self.tree, "checkout", "-q", "two")
        put(self.tree, {"a.c": (self.tree / "a.c").read_text().replace("line9;", "nine;")})
        git(self.tree, "commit", "-q", "-a", "-m", message, f"--author={self.OTHER}",
            "--date=2025-01-02 03:04:05 +0600")
        self.export()
        return self.root / "patches/two/04-c-nine.patch"

    def test_other_author_survives(self):
        path = self.other(f"c: nine\n\nSigned-off-by: {self.OTHER}\n")
        first = self.files()
        shutil.rmtree(self.tree)
        composed = self.compose()
        self.assertEqual(f"{self.OTHER} 2025-01-02 03:04:05 +0600", git(
            self.tree, "log", "-1", "--format=%an <%ae> %ai", "two").strip())
        self.assertEqual([], round_trip(composed, self.root))
        self.export()
        self.assertEqual(first, self.files())
        self.assertIn(b"\nDate: Thu, 2 Jan 2025 03:04:05 +0600\n", path.read_bytes())

    def test_own_patch_is_the_composers(self):
        self.develop()
        path = "patches/one/01-a-first.patch"
        self.assertIn(b"\nFrom: iotlb-sync <iotlb-sync@localhost>\n", self.files()[path])
        self.assertNotIn(b"example.org", self.files()[path])
        with unittest.mock.patch.dict(os.environ, GIT_AUTHOR_NAME="Ü. Ser, Jr",
                                      GIT_AUTHOR_EMAIL="u@example.org"):
            self.compose()
            self.assertEqual("Ü. Ser, Jr <u@example.org>", git(
                self.tree, "log", "-1", "--format=%an <%ae>").strip())
            first = self.files()
            self.export()
        self.assertEqual(first, self.files())

    def test_composer_who_signed_off_stays_author(self):
        self.OTHER = "A Person <a@example.org>"
        path = self.other(f"c: nine\n\nSigned-off-by: {self.OTHER}\n")
        self.assertIn(f"\nFrom: {self.OTHER}\n".encode(), path.read_bytes())

    def test_git_am_gives_the_commit(self):
        """Of a file that brings no new kernel file."""
        path = self.other("c: nine\n\nbody\n")
        git(self.tree, "checkout", "-q", "--detach", "two~")
        git(self.tree, "am", "-q", path)
        for form in ("%T", "%B", "%an <%ae> %ad"):
            self.assertEqual(*(git(self.tree, "log", "-1", f"--format={form}", commit)
                               for commit in ("two", "HEAD")))

    def test_shared_files_are_in_the_patches(self):
        self.develop()
        files = self.files()
        self.assertNotIn("tests/Makefile", files)
        self.assertIn(b"new file mode 100644\n--- /dev/null\n+++ b/tests/Makefile\n",
                      next(data for path, data in files.items() if "02-a-second" in path))
        self.assertNotIn("tests/Makefile", self.series())

    def test_new_file_is_edited_by_none(self):
        self.develop()
        before = self.files()
        for edit in ({"drivers/new.c": "int newer;\n"}, None):
            git(self.tree, "checkout", "-q", "two")
            commit(self.tree, "edit it\n", edit or {}, [] if edit else ["drivers/new.c"])
            self.assertRaisesRegex(
                Problem, r'\("edit it"\).* edits drivers/new.c, which .*\("a: first"\) brings.*'
                "--fixup", self.export)
            git(self.tree, "reset", "-q", "--hard", "HEAD~")
        self.assertEqual(before, self.files())

    def test_notes_are_below_the_message(self):
        self.develop()
        git(self.tree, "notes", "add", "-m", "Seen to fail:\n\n  by hand", "one~")
        self.export()
        text = self.files()["patches/one/01-a-first.patch"]
        self.assertIn(b"\n---\n\nNotes:\n    Seen to fail:\n    \n      by hand\n\ndiff", text)
        shutil.rmtree(self.tree)
        composed = self.compose()
        self.assertEqual("Seen to fail:\n\n  by hand", git(self.tree, "notes", "show",
                                                          composed.topics[0].commits[0]).strip())
        self.assertEqual([], round_trip(composed, self.root))
        git(self.tree, "commit", "-q", "--amend", "--allow-empty", "-m", "e: another")
        git(self.tree, "rebase", "-q", "-f", "base")
        self.export()
        self.assertEqual(text, self.files()["patches/one/01-a-first.patch"])

    def test_notes_edited_in_the_file(self):
        self.develop()
        self.compose()
        path = self.root / "patches/one/01-a-first.patch"
        plain = path.read_text()
        for new in ("\n---\n\nNotes:\n    one\n\n", "\n---\n\nNotes:\n    two\n\n", "\n---\n"):
            path.write_text(plain.replace("\n---\n", new, 1))
            self.assertEqual([], round_trip(self.compose(), self.root))
            self.export()
            self.assertEqual(plain.replace("\n---\n", new, 1), path.read_text())

    def test_notes_are_not_lost(self):
        self.develop()
        self.compose()
        git(self.tree, "notes", "add", "-m", "mine", "two")
        put(self.root, {"drivers/new.c": "int newer;\n"})
        self.assertRaisesRegex(Problem, "make export", self.compose)
        self.assertRaisesRegex(Problem, "make export", compose.check_kept, self.root, self.tree)

    def test_lines_that_look_like_places_are_not_lost(self):
        self.develop()
        git(self.tree, "checkout", "-q", "two")
        commit(self.tree, "s: x\n\nbase address is 3\n", {"doc.rst": "base one\n"})
        self.export()
        self.compose()
        put(self.tree, {"doc.rst": "base two\n"})
        git(self.tree, "commit", "-q", "-a", "--amend", "-m", "s: x\n\nbase address is 4\n")
        self.assertRaisesRegex(Problem, "make export", self.compose)
        self.compose_kept()

    def compose_kept(self):
        self.export()
        self.assertEqual(b"base two\n", self.files()["doc.rst"])
        self.assertEqual([], round_trip(self.compose(), self.root))

    def test_binary_change(self):
        self.develop()
        git(self.tree, "checkout", "-q", "two")
        (self.tree / "tests/Makefile").write_bytes(b"a\0b")
        git(self.tree, "commit", "-q", "-a", "-m", "s: binary")
        self.assertRaisesRegex(Problem, "binary", self.export)

    def test_what_was_made_and_is_gone_is_made_again(self):
        self.develop()
        first = self.compose()
        git(self.tree, "checkout", "-q", "--detach")
        for text in ("{", json.dumps({key: "0" * 40 for key in json.loads(
                (self.tree / ".git/made").read_text())})):
            (self.tree / ".git/made").write_text(text)
            (self.tree / ".git/composed").write_text(json.dumps({**json.loads(
                (self.tree / ".git/composed").read_text()), "key": ""}))
            git(self.tree, "checkout", "-q", "two")
            self.assertEqual(first.topics, self.compose().topics)

    def test_what_is_no_patch(self):
        self.develop()
        self.compose()
        path = self.root / "patches/one/01-a-first.patch"
        path.write_text("a: first\n\nbody\n---\n" + path.read_text().partition("\n---\n")[2])
        self.assertRaisesRegex(Problem, "01-a-first.patch is not what `git format-patch` writes",
                               self.compose)

    def test_message_that_git_am_would_not_keep(self):
        self.develop()
        before = self.files()
        for message in ("x\n\n---\n\ny\n", "x\n\n--- a/y\nz\n", "x\n\ndiff --git a/y b/y\nz\n",
                        "x\n\nIndex: y\nz\n", "x\n\nFrom: A <a@b>\n\ny\n", "[x] y\n\nz\n",
                        "x\n\nSubject: y\n\nz\n"):
            git(self.tree, "checkout", "-q", "two")
            commit(self.tree, message, {"x.c": ""})
            with self.subTest(message):
                self.assertRaisesRegex(Problem, "git am. would not keep the message.*reword it",
                                       self.export)
            git(self.tree, "reset", "-q", "--hard", "HEAD~")
        self.assertEqual(before, self.files())

    def test_odd_messages_and_files(self):
        self.develop()
        git(self.tree, "checkout", "-q", "two")
        for message, files in (("s: x\n\nFrom here\n    $ it\n# goes\n-- >8 --\non\n", {"x.c": ""}),
                               ("s: ü 中\n\nbödy\n", {"d/ü file.c": "x", "Kconfig.y": "a"}),
                               ("s: " + 40 * "word " + "\n\nbody\n", {"y.c": "\n\n"})):
            commit(self.tree, message, files)
        commit(self.tree, "s: moved\n", {"moved.c": MANY}, ["a.c"])
        end = git(self.tree, "rev-parse", "two^{tree}")
        self.export()
        first = self.files()
        shutil.rmtree(self.tree)
        self.assertEqual([], round_trip(self.compose(), self.root))
        self.assertEqual(end, git(self.tree, "rev-parse", "two^{tree}"))
        self.export()
        self.assertEqual(first, self.files())


class OneTopic(Kernel):
    """A topic on what it needs, in the tree and beside it."""

    def setUp(self):
        super().setUp()
        self.develop()
        git(self.tree, "checkout", "-q", "-b", "three", "two")
        put(self.tree, {"a.c": (self.tree / "a.c").read_text().replace("line12;", "twelve;")})
        commit(self.tree, "c: twelve\n", {"third.c": "int third;\n"})
        self.export()
        put(self.root, {"patches/series": self.series().replace(
            "\nthree\n", "\nthree\n\tneeds one 1: because\n")})
        self.whole = self.compose()

    def test_composed_on_what_it_needs(self):
        composed = self.compose(only="three")
        self.assertEqual([("one", 1), ("three", 1)],
                         [(each.name, len(each.commits)) for each in composed.topics])
        self.assertEqual({"base", "one", "three"}, set(tree.heads(self.tree)))
        self.assertFalse((self.tree / "drivers/other.c").exists())
        self.assertTrue((self.tree / "b.c").exists())
        self.assertEqual(self.whole, self.compose())

    def test_export_of_one_topic_leaves_the_others(self):
        before = self.files()
        self.compose(only="three")
        self.export()
        self.assertEqual(before, self.files())
        put(self.tree, {"a.c": (self.tree / "a.c").read_text().replace("twelve;", "dozen;")})
        git(self.tree, "commit", "-q", "-a", "--amend", "-m", "c: a dozen")
        self.export()
        after = self.files()
        self.assertIn(b"dozen", after.pop("patches/three/01-c-a-dozen.patch"))
        before.pop("patches/three/01-c-twelve.patch")
        before["patches/series"] = before["patches/series"].replace(b"c-twelve", b"c-a-dozen")
        self.assertEqual(before, after)
        self.assertIn("int dozen", output("cat", self.compose().tree / "a.c"))

    def test_file_of_another_topic(self):
        self.compose(only="three")
        git(self.tree, "rm", "-q", "third.c")
        put(self.tree, {"drivers/other.c": "mine"})
        git(self.tree, "add", "-A")
        git(self.tree, "commit", "-q", "--amend", "--no-edit")
        self.assertRaisesRegex(Problem, "drivers/other.c, which the topic two brings", self.export)

    def test_topic_that_needs_all_others(self):
        put(self.root, {"patches/series": self.series().replace("needs one 1: because",
                                                                "needs one, two: because")})
        self.compose()
        self.compose(only="three")
        self.compose()
        self.assertIsNone(tree.only_topic(self.tree))

    def test_what_it_needs_is_not_changed_there(self):
        self.compose(only="three")
        git(self.tree, "checkout", "-q", "one")
        commit(self.tree, "more\n", {"more.c": ""})
        git(self.tree, "rebase", "-q", "one", "three")
        self.assertRaisesRegex(Problem, "branch one is not as it was.*make tree TOPIC=one",
                               self.export)

    def test_beside(self):
        where = self.root / "build/history/linux"
        with unittest.mock.patch.object(compose, "Commits", lambda base, tree: commits.Commits(
                base, self.root, tree)):
            compose.beside(self.whole, where, {"one": 2, "two": 2})
            self.assertTrue((where / "drivers/new.c").exists())
            self.assertTrue((where / "drivers/other.c").exists())
            compose.beside(self.whole, where, {"one": 2, "three": 1},
                           (self.root / "patches/one/01-a-first.patch",))
        self.assertFalse((where / "drivers/new.c").exists())
        self.assertTrue((where / "third.c").exists())
        self.assertEqual(self.whole.end, git(self.tree, "rev-parse", "HEAD").strip())

    def test_left_out_beside(self):
        where = self.root / "build/history/linux"
        with unittest.mock.patch.object(compose, "LEFT_OUT", ("/a.c",)):
            compose.worktree(self.tree, where, self.whole.base.commit)
            self.assertFalse((where / "a.c").exists())
            self.assertTrue((where / "b.c").exists())
            compose.worktree(self.tree, where, self.whole.end)
        self.assertFalse((where / "a.c").exists())
        self.assertTrue((where / "third.c").exists())
        self.assertEqual("", git(where, "status", "--porcelain"))
        self.assertTrue((self.tree / "a.c").exists())
        self.assertEqual(self.whole, self.compose())


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
        with unittest.mock.patch.object(compose, "Commits", side_effect=AssertionError):
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
        self.assertRaisesRegex(Problem, "make export", compose.check_kept, self.root, self.tree)
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
        self.assertEqual([], round_trip(self.compose(), self.root))

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

    def test_interrupted_checkout_is_made_again(self):
        self.develop()
        shutil.rmtree(self.tree)
        with unittest.mock.patch.object(compose, "_finish", side_effect=KeyboardInterrupt):
            self.assertRaises(KeyboardInterrupt, self.compose)
        self.assertFalse(self.tree.exists())
        self.assertEqual(2, len(self.compose().topics))

    def test_interrupted_move_is_finished(self):
        self.develop()
        self.compose()
        put(self.root, {"drivers/other.c": "int other;\n"})
        with unittest.mock.patch.object(compose, "_finish", side_effect=[None, KeyboardInterrupt]):
            self.assertRaises(KeyboardInterrupt, self.compose)
        put(self.tree, {".git/index.lock": "", "a.c": "half"})
        composed = self.compose()
        self.assertEqual([], round_trip(composed, self.root))
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
        with unittest.mock.patch.object(tools, "space", side_effect=Problem("full")) as space:
            with unittest.mock.patch.object(compose, "TREE", self.tree):
                self.assertRaisesRegex(Problem, "full", self.compose)
            space.assert_called_once_with(self.tree.parent)
            self.assertFalse(self.tree.exists())
            self.compose()                              # is no kernel, and needs little


class Repair(Kernel):
    def setUp(self):
        super().setUp()
        self.develop()
        self.before = self.compose()
        self.head = git(self.tree, "rev-parse", "HEAD")
        commit(self.linux, "newer\n", {"a.c": MANY.replace("line4;", "four;")})
        self.where = self.tree.with_name("repair")

    def go_on(self):
        git(self.where, "add", "-u")
        git(self.where, "am", "--continue")

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
        self.assertRaisesRegex(Problem, "git am --continue", repair.mend, *mend)
        self.go_on()
        repair.mend(*mend)
        self.assertFalse(self.where.exists())
        composed = self.compose()
        self.assertIn("four;\nint five;", (self.tree / "a.c").read_text())
        self.assertEqual([], round_trip(composed, self.root))

    def test_first_compose(self):
        shutil.rmtree(self.tree)
        self.assertRaisesRegex(Problem, "repair", self.compose)
        (self.where / "a.c.rej").unlink()
        put(self.where, {"a.c": MANY.replace("line5;", "five;")})
        self.go_on()
        repair.mend(self.root, self.where)
        self.compose()

    def test_new_file_is_mended_too(self):
        self.assertRaises(Problem, self.compose)
        (self.where / "a.c.rej").unlink()
        put(self.where, {"a.c": MANY.replace("line5;", "five;").replace("line4;", "four;"),
                         "drivers/new.c": "int ported;\n"})
        self.go_on()
        put(self.where, {"a.c": "more"})
        self.assertRaisesRegex(Problem, "uncommitted", repair.mend, self.root, self.where)
        git(self.where, "checkout", "-q", "a.c")
        repair.mend(self.root, self.where)
        self.assertEqual(b"int ported;\n", self.files()["drivers/new.c"])
        self.assertEqual([], round_trip(self.compose(), self.root))

    def test_new_files_and_author_stay(self):
        before = self.files()
        self.test_mend()
        after = self.files()
        self.assertEqual(before["patches/series"].decode(), after["patches/series"].decode())
        self.assertEqual(["patches/one/01-a-first.patch"],
                         [path for path in before if before[path] != after[path]])
        self.assertIn(b"\nFrom: iotlb-sync <iotlb-sync@localhost>\nDate: ",
                      after["patches/one/01-a-first.patch"])

    def test_nothing_to_mend(self):
        self.assertRaisesRegex(Problem, "nothing to do: there is no", repair.mend, self.root, self.where)

    def test_bad_series(self):
        put(self.root, {"patches/series": "base 7.3.4\n\tx.patch\n"})
        self.assertRaisesRegex(Problem, "series:2", self.compose)
        put(self.root, {"patches/series": "base 7.3.4\none\n\t01-x.patch\n"})
        self.assertRaisesRegex(Problem, "x.patch is missing", self.compose)

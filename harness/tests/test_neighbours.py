# SPDX-License-Identifier: GPL-2.0
"""Trees of other releases: what applies, what does not and where; nothing is touched."""

import dataclasses
import os
import pathlib
import shutil
import unittest
from unittest import mock

from harness import __main__ as commands
from harness.common import markdown, run
from harness.common.report import Problem
from harness.kernel import archive, compose, export, mails, neighbours, source, topics, tree
from harness.kernel.archive import Missing
from harness.boot import inputs
from harness.checks import neighbours as check

from .fake import MAKEFILE, MANY, Kernel, commit, put, total
from .test_mails import MAINTAINER
from .test_source import checksum

NEXT = MAKEFILE.replace("PATCHLEVEL = 3", "PATCHLEVEL = 4")


class Neighbour(Kernel):
    """self.linux is of the next release, build/linux is composed on the one before."""

    def setUp(self):
        super().setUp()
        commit(self.linux, "script\n", {"scripts/get_maintainer.pl": MAINTAINER})
        self.develop()
        put(self.root, {"patches/series": self.series().replace(
            "\ntwo\n", "\ntwo\n\tneeds one\n")})
        put(self.root, {f"patches/{topic}/cover": f"{topic}: the subject\n\nBody of it.\n"
                        for topic in ("one", "two")})
        self.before = self.compose()
        self.near = self.root / "build/neighbour/linux"
        self.release({"Makefile": NEXT, "a.c": "int added;\n" + MANY})

    def release(self, files, gone=()):
        commit(self.linux, "another release\n", files, gone)

    def base(self):
        return source.tree(self.linux, neighbours=True)

    def try_on(self, only=None):
        return neighbours.tree(self.base(), only, self.root, self.near)

    def state(self):
        """-> str that changes with the project, its composed tree, and what is in build."""
        return checksum(self.root)


class Applies(Neighbour):
    def test_in_a_tree_of_its_own(self):
        user, ours = checksum(self.linux), checksum(self.tree)
        composed = self.try_on()
        self.assertEqual("7.4.4", composed.base.version)
        self.assertEqual(["one", "two"], [topic.name for topic in composed.topics])
        self.assertIn("int added;", (self.near / "a.c").read_text())
        self.assertIn("int five;", (self.near / "a.c").read_text())
        self.assertEqual((user, ours), (checksum(self.linux), checksum(self.tree)))

    def test_as_the_mails_do(self):
        composed, out = self.try_on(), self.root / "mails"
        mails.write(composed, ["one"], out, root=self.root)
        self.assertTrue(mails.applies(composed, out / "one/v1", "one", self.root))
        mail = (out / "one/v1/0001-a-first.patch").read_text()
        self.assertIn("@@ -6,7 +6,7 @@", mail)     # one line further down

    def test_only_that_topic_and_what_it_needs(self):
        self.release({"c.c": "theirs, too\n"})
        self.assertRaisesRegex(Problem, "two/01-b-gone.patch", self.try_on)
        composed = self.try_on("one")
        self.assertEqual(["one"], [topic.name for topic in composed.topics])
        self.assertEqual({"base", "one"}, set(tree.heads(self.near)))
        self.assertRaisesRegex(Problem, "no topic three; there are one, two",
                               self.try_on, "three")

    def test_topics_that_are_not_needed_may_be_added_later(self):
        self.try_on("one")
        self.assertEqual(2, len(self.try_on().topics))

    def test_ours_goes_on_as_before(self):
        self.try_on()
        run.git(self.linux, "reset", "-q", "--hard", "HEAD~")
        with mock.patch.object(compose, "Commits", side_effect=AssertionError):
            self.assertEqual(self.before, self.compose())

    def test_plain_tree(self):
        put(self.linux, {"Makefile": NEXT})
        shutil.rmtree(self.linux / ".git")
        user = checksum(self.linux)
        self.try_on()
        self.assertEqual(user, checksum(self.linux))

    def test_work_there_is_kept_and_not_exported(self):
        self.try_on()
        commit(self.near, "mine\n", {"mine.c": "int mine;\n"})
        self.release({"d.c": "int d;\n"})
        with self.assertRaisesRegex(Problem, "fetch them from there") as caught:
            self.try_on()
        self.assertNotIn("make export", str(caught.exception))
        self.assertIn("mine", run.git(self.near, "log", "-1", "--format=%s"))
        files = self.files()
        self.assertRaisesRegex(Problem, "is based on Linux 7.4.4", export.export,
                               self.root, self.near)
        self.assertEqual(files, self.files())


class DoesNotApply(Neighbour):
    def setUp(self):
        super().setUp()
        self.release({"a.c": MANY.replace("line4;", "four;"), "tests/Makefile": "theirs\n"})
    def fails(self):
        with self.assertRaises(Problem) as caught:
            self.try_on()
        return str(caught.exception)

    def test_names_commit_and_hunk(self):
        text = self.fails()
        self.assertIn("do not all apply to Linux 7.4.4", text)
        self.assertIn("  patches/one/01-a-first.patch\n  a: first\n", text)
        self.assertRegex(text, r"    a\.c: hunk 1 of 1, @@ -5,7 \+5,7 @@ int line2;\n")
        self.assertIn("Those before it apply: one 0 of 2\n", text)
        self.assertNotIn("make mend", text)

    def test_names_the_others(self):
        text = self.fails()
        self.assertIn("Without it, 2 of 5 apply", text)
        self.assertRegex(text, r"  patches/one/02-a-second.*\n  patches/two/03-e-change.patch\n")
        self.assertNotIn("two/01", text)

    def test_second_hunk_of_a_later_topic(self):
        run.git(self.linux, "reset", "-q", "--hard", "HEAD~")
        run.git(self.tree, "checkout", "-q", "two")
        text = (self.tree / "a.c").read_text()
        commit(self.tree, "a: twice\n", {"a.c": text.replace("line1;", "one;").replace(
            "line30;", "thirty;")})
        self.export()
        self.release({"a.c": MANY.replace("line31;", "changed;")})
        text = self.fails()
        self.assertIn("  patches/two/04-a-twice.patch\n  a: twice\n    a.c: hunk 2 of 2, @@", text)
        self.assertIn("Those before it apply: one 2 of 2, two 3 of 4\n", text)
        self.assertIn("make series TOPIC=... KDIR=", text)

    def test_all_context_counts(self):
        run.git(self.linux, "reset", "-q", "--hard", "HEAD~")
        self.release({"a.c": MANY.replace("line3;", "three;")})     # two lines before it
        self.assertIn("  patches/one/01-a-first.patch\n", self.fails())

    def test_new_file_that_is_there(self):
        run.git(self.linux, "reset", "-q", "--hard", "HEAD~")
        self.release({"drivers/other.c": "theirs\n"})
        text = self.fails()
        self.assertIn("patches/two/02-only-a-new-file.patch\n", text)
        self.assertIn("drivers/other.c: already exists in index", text)

    def test_nothing_is_made_or_touched(self):
        user, ours = checksum(self.linux), self.state()
        self.fails()
        self.assertEqual((user, ours), (checksum(self.linux), self.state()))
        self.assertFalse(self.near.parent.exists())
        self.assertFalse(self.tree.with_name("repair").exists())

    def test_one_that_applied_stays(self):
        run.git(self.linux, "reset", "-q", "--hard", "HEAD~")
        self.try_on()
        good = checksum(self.near)
        self.release({"a.c": MANY.replace("line4;", "four;")})
        self.fails()
        self.assertEqual(good, checksum(self.near))

    def test_new_file_in_our_release(self):
        run.git(self.linux, "reset", "-q", "--hard", "HEAD~2")
        commit(self.linux, "x\n", {"drivers/other.c": "theirs\n"})
        self.assertRaisesRegex(Problem, "drivers/other.c: already exists in index", self.compose)
        self.assertFalse(self.tree.with_name("repair").exists())


class Commands(Neighbour):
    """`make` with KDIR: series and tree take another release, others refuse."""

    def setUp(self):
        super().setUp()
        make, near, write = compose.compose, neighbours.tree, mails.write
        read = topics.read
        for where, name, new in (
                (compose, "compose", lambda *words, **more: make(
                    *(words or (self.root, self.tree)), **more)),
                (neighbours, "tree", lambda base, only: near(base, only, self.root, self.near)),
                (mails, "write", lambda *words, **more: write(*words, root=self.root, **more)),
                (topics, "read", lambda root=self.root: read(root)),
                (inputs, "at_start", lambda: ""),   # nothing is kept here
                (neighbours, "TOP", self.root / "build/neighbour"),
                (mails, "MAILS", self.root / "build/series")):
            patch = mock.patch.object(where, name, new)
            patch.start()
            self.addCleanup(patch.stop)

    def make(self, name, **variables):
        """-> (exit status, the lines it printed)."""
        words = [f"--{key}={value}" for key, value in {"KDIR": self.linux, **variables}.items()]
        with mock.patch("builtins.print") as said:
            status = commands.main(name, *words)
        return status, [str(word) for call in said.call_args_list for word in call.args]

    def test_series(self):
        self.assertEqual((0, []), (self.make("series")[0], []))
        self.assertTrue((self.root / "build/neighbour/7.4.4/two/v1/0003-e-change.patch").exists())
        self.assertFalse((self.root / "build/series").exists())

    def test_series_of_one_topic(self):
        self.release({"c.c": "theirs, too\n"})
        self.assertEqual(0, self.make("series", TOPIC="one")[0])
        self.assertEqual(["one"], os.listdir(self.root / "build/neighbour/7.4.4"))
        self.assertEqual(1, self.make("series")[0])

    def test_series_of_our_release(self):
        run.git(self.linux, "reset", "-q", "--hard", "HEAD~")
        self.assertEqual(0, self.make("series")[0])
        self.assertTrue((self.root / "build/series/two/v1/0003-e-change.patch").exists())
        self.assertFalse(self.near.exists())

    def test_tree(self):
        status, words = self.make("tree")
        self.assertEqual((0, str(self.near)), (status, words[-1]))

    def test_tree_of_one_topic(self):
        run.git(self.linux, "reset", "-q", "--hard", "HEAD~")
        status, words = self.make("tree", TOPIC="one")
        self.assertEqual((0, str(self.tree)), (status, words[-1]))
        self.assertEqual({"base", "one"}, set(tree.heads(self.tree)))

    def test_others_refuse(self):
        ours = self.state()
        for name in ("all", "kunit", "check", "mutants", "fixes", "e2e", "history",
                     "models-history", "cost", "topics", "export"):
            status, words = self.make(name)
            self.assertEqual((1, 1), (status, len(words)), name)
            self.assertRegex(words[0], "is Linux 7.4.4, the patches fit 7.3.y.*`make series`")
        self.assertEqual(ours, self.state())


class Table(Neighbour):
    """The check, on a package that holds the other release."""

    def setUp(self):
        super().setUp()
        self.release({"b.c": "int other;\n", "odd name": "x"})
        self.cache, self.toml = self.top / "cache", self.top / "neighbours.toml"
        self.page = self.top / "page.md"
        self.fetched, outer = [], self
        for where, name, value in ((markdown, "BUILD", self.top / "build"),
                                   (check, "TABLE",
                                    dataclasses.replace(check.TABLE, page=self.page))):
            patch = mock.patch.object(where, name, value)
            patch.start()
            self.addCleanup(patch.stop)

        class Archive:
            def __init__(self, suite):
                outer.assertEqual("some-backports", suite)

            def newest(self, package):
                self.deb = outer.deb()
                return "7.4.4-1", archive.sha(self.deb)

            def download(self, package, version, directory):
                outer.fetched.append(package)
                return pathlib.Path(run.output("cp", "-v", self.deb, directory)
                                    .split("'")[3])

        self.archive = Archive
        self.table('"two/b-gone" = "other"')

    def deb(self):
        """-> path of a package of self.linux, as Debian makes it."""
        name = "linux-source-7.4"
        top = self.top / "deb"
        put(top, {"DEBIAN/control": f"Package: {name}\nVersion: 7.4.4-1\nArchitecture: all\n"
                  "Maintainer: x <x@y>\nDescription: x\n", "usr/src/x": ""})
        run.output("git", "-C", self.linux, "archive", f"--prefix={name}/", "-o",
                   f"{top}/usr/src/{name}.tar", "HEAD")
        run.output("xz", "-f", f"{top}/usr/src/{name}.tar")
        run.output("dpkg-deb", "--root-owner-group", "-b", top, f"{self.top}/{name}_1_all.deb")
        return self.top / f"{name}_1_all.deb"

    def table(self, unfit, apply="2"):
        self.toml.write_text('[[neighbour]]\nrelease = "7.4"\nsuite = "some-backports"\n'
                             f"[neighbour.unfit]\n{unfit}\n")
        self.page.write_text("# Before\n\n" + markdown.table(check.TABLE.head, [
            ["7.4", "one", 2, 2, ""], ["7.4", "two", 3, apply, "`01`: other"]]) + "\nAfter\n")

    def check(self):
        """-> (counts, what was said)."""
        with mock.patch("builtins.print") as said:
            found = dict(check.run(None, ["7.4"], self.toml, self.root, self.cache, self.archive))
            found[""] = check.close(found, self.toml, self.root)
        counts, words = total(found.items())
        return counts, words + "".join(f"\n{word}" for call in said.call_args_list
                                       for word in call.args)

    def test_as_the_table_says(self):
        counts, said = self.check()
        self.assertEqual((5 + 4, 0), counts, said)

    def test_just_some_topics(self):
        self.toml.write_text(self.toml.read_text().replace('suite', 'topics = ["o*"]\nsuite', 1)
                             .replace('"two/b-gone" = "other"', ""))
        self.page.write_text(markdown.table(check.TABLE.head, [["7.4", "one", 2, 2, ""]]))
        self.assertEqual((2 + 3, 0), self.check()[0])

    def test_many_reasons_are_elsewhere(self):
        with mock.patch.object(check, "MANY", 1):
            self.assertIn("page.md lacks: | 7.4 | two | 3 | 2 | "
                          "[see there](../../patches/two/README.md)",
                          self.check()[1])

    def test_whole_tree_says_the_same(self):
        names = [unfit.path.name for unfit in neighbours.survey(
            self.base(), neighbours.wanted(None, self.root), self.root)]
        self.assertEqual(["01-b-gone.patch"], names)

    def test_only_what_is_touched_is_read(self):
        repo = self.top / "scratch"
        repo.mkdir()
        base = neighbours.package(neighbours.load(self.toml)[0], repo, self.root, self.cache,
                                  self.archive)
        self.assertEqual("7.4.4", base.version)
        self.assertEqual(["Makefile", "a.c", "b.c"],
                         run.git(repo, "ls-tree", "-r", "--name-only", base.commit).split())

    def test_new_files_are_read(self):
        self.release({"drivers/other.c": "theirs\n"})
        counts, said = self.check()
        self.assertEqual((4 + 4, 1), counts)
        self.assertIn("two/only-a-new-file does not apply to 7.4:\n    drivers/other.c: already",
                      said)

    def test_update(self):
        self.check()
        self.release({"d.c": "int d;\n"})
        self.check()
        self.assertEqual(1, len(self.fetched))
        said = neighbours.update(neighbours.load(self.toml)[0], self.cache, self.archive)
        self.assertEqual(("7.4.4-1", 2), (said, len(self.fetched)))
        self.assertEqual(1, len(list(self.cache.glob("*/*.deb"))))

    def test_one_that_does_not_apply(self):
        self.table("")
        counts, said = self.check()
        self.assertEqual((4 + 3, 1 + 2), counts, said)
        self.assertRegex(said, r"two/b-gone does not apply to 7.4:\n    b\.c: hunk 1 of 1")

    def test_one_that_applies_now(self):
        self.table('"two/b-gone" = "other"\n"one/a-first" = "no"')
        counts, said = self.check()
        self.assertIn("one/a-first applies to 7.4", said)
        self.assertEqual((4 + 3, 1 + 2), counts, said)

    def test_one_that_is_gone(self):
        self.table('"two/b-gone" = "other"\n"two/nothing" = "no"')
        counts, said = self.check()
        self.assertIn("two/nothing is not a patch", said)
        self.assertEqual(1, counts[1])

    def test_page_that_is_wrong(self):
        self.table('"two/b-gone" = "other"', apply="3")
        counts, said = self.check()
        self.assertEqual((5 + 3, 2), counts)
        self.assertIn("page.md lacks: | 7.4 | two | 3 | 2 | `01`: other |", said)

    def test_fetched_once_beside_ours(self):
        put(self.cache, {"package.json": "ours", "linux.git/HEAD": "ours", "ours.deb": "ours"})
        before = checksum(self.cache)
        self.check()
        self.assertEqual((5 + 4, 0), self.check()[0])
        self.assertEqual(["linux-source-7.4"], self.fetched)
        shutil.rmtree(self.cache / "linux-source-7.4")
        self.assertEqual(before, checksum(self.cache))

    def test_not_offered(self):
        missing = mock.Mock(side_effect=Missing("no package linux-source-7.4"))
        with mock.patch.object(self.archive, "newest", missing):
            counts, said = self.check()
        self.assertEqual((4, 0), counts)      # the page's lines
        self.assertIn("not checked: 7.4, no package linux-source-7.4", said)

    def test_fetch_that_fails_is_a_failure(self):
        with mock.patch.object(self.archive, "download", side_effect=Problem("no network")):
            self.assertRaisesRegex(Problem, "no network", self.check)

    def test_bad_table(self):
        self.toml.write_text("[[neighbour]]\nname = '7.4'\n")
        self.assertRaisesRegex(Problem, "bad table", neighbours.load, self.toml)


class Real(unittest.TestCase):
    def test_names_are_patches(self):
        names = {f"{topic.name}/{topics.slug(patch)}"
                 for topic in topics.read().values() for patch in topic.patches}
        for each in neighbours.load():
            self.assertLessEqual(set(each.unfit), names)
            self.assertTrue(all(each.unfit.values()))


if __name__ == "__main__":
    unittest.main()

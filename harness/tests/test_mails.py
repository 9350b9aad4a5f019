# SPDX-License-Identifier: GPL-2.0
"""The mails: complete, addressed, and the same tree when they are applied."""

import os
import shutil
import unittest
import unittest.mock

from harness.common.report import Problem
from harness.common.run import git, output
from harness.kernel import commits, mails, topics

from .fake import Kernel, commit, put

MAINTAINER = """\
#!/usr/bin/perl
if (grep { $_ eq "--scm" } @ARGV) {
	print "git git://example.org/of/$ARGV[-1].git\\n";
	print "git git://git.kernel.org/pub/scm/linux/kernel/git/torvalds/linux.git\\n";
} else {
	print "\\"A (B)\\" <a\\@example.org> (maintainer:FOO (BAR),reviewer:BAZ)\\n";
	print "M <m\\@example.org> (maintainer:BAZ)\\n";
	print "L <l\\@example.org> (maintainer:THE REST)\\n";
	print "R <r\\@example.org> (reviewer:FOO)\\nlist\\@example.org (open list)\\n";
}
"""
MAINTAINERS = """\
List of maintainers

FOO (BAR)
M:	A (B) <a@example.org>
T:	git git://example.org/of/./.git
T:	git git://example.org/other.git
F:	*

BAZ
M:	M <m@example.org>

THE REST
T:	git git://example.org/of/drivers/.git
"""


class Mails(Kernel):
    def setUp(self):
        super().setUp()
        commit(self.linux, "script\n", {"scripts/get_maintainer.pl": MAINTAINER,
                                        "MAINTAINERS": MAINTAINERS,
                                        ".gitattributes": "*.c diff=cpp\n"})
        self.develop()
        git(self.tree, "checkout", "-q", "-b", "three", "two")
        put(self.tree, {"a.c": (self.tree / "a.c").read_text().replace("line12;", "twelve;")})
        commit(self.tree, "c: twelve\n", {"third.c": "int third;\n"})
        self.export()
        self.edit("patches/series", "\ntwo\n", "\ntwo\n\tneeds one\n")
        self.edit("patches/series", "\nthree\n", "\nthree\n\tneeds one: because\n")
        self.out = self.root / "build/series"
        put(self.root, {f"patches/{topic}/cover": f"{topic}: the subject\n\nBody of it.\n"
                        for topic in ("one", "two")})

    def edit(self, path, old, new):
        put(self.root, {path: (self.root / path).read_text().replace(old, new)})

    def write(self, *names, **options):
        """Write the mails of names, all if none -> str, what was printed."""
        with unittest.mock.patch("builtins.print") as said:
            mails.write(self.compose(), list(names or topics.read(self.root)), self.out,
                        root=self.root, **options)
        return "\n".join(str(word) for call in said.call_args_list for word in call.args)

    def read(self, path):
        return (self.out / path).read_text()

    def test_complete(self):
        self.write()
        self.assertEqual(
            "To: \"A (B)\" <a@example.org>\nTo: M <m@example.org>\nTo: L <l@example.org>\n"
            "Cc: R <r@example.org>\nCc: list@example.org\n", self.read("one/v1/recipients"))
        cover = self.read("two/v1/0000-cover-letter.patch")
        self.assertIn("Subject: [PATCH 0/3] two: the subject\n", cover)
        self.assertIn("\nBody of it.\n", cover)
        mail = self.read("one/v1/0001-a-first.patch")
        self.assertIn("From: A Person <a@example.org>", mail)
        self.assertIn("Signed-off-by: A Person <a@example.org>", mail)

    def test_needs_are_named_as_git_does(self):
        self.write()
        ids = [git(self.tree, "patch-id", "--stable", stdin=git(self.tree, "show", one)).split()[0]
               for one in git(self.tree, "rev-list", "--reverse", "base..one").split()]
        for mail in ("two/v1/0000-cover-letter.patch", "three/v1/0001-c-twelve.patch"):
            self.assertIn("\nApplies to v7.3.4\n" +
                          "".join(f"prerequisite-patch-id: {id}\n" for id in ids), self.read(mail))
            self.assertNotIn("base-commit", self.read(mail))
        self.assertNotIn("prerequisite", self.read("one/v1/0000-cover-letter.patch"))

    def test_base_that_others_have(self):
        git(self.linux, "tag", "v7.3.3")
        self.write("one")
        self.assertNotIn("base-commit", self.read("one/v1/0000-cover-letter.patch"))
        git(self.linux, "tag", "-a", "-m", "Linux 7.3.4", "v7.3.4")
        self.write("one")
        self.assertIn("\nbase-commit: " + git(self.linux, "rev-parse", "HEAD"),
                      self.read("one/v1/0000-cover-letter.patch"))
        git(self.linux, "tag", "-d", "v7.3.4")
        git(self.linux, "update-ref", "refs/remotes/origin/master", "HEAD")
        self.write("one")
        self.assertNotIn("Applies to", self.read("one/v1/0000-cover-letter.patch"))

    def test_one_patch_has_no_cover(self):
        self.write("three")
        self.assertEqual(["0001-c-twelve.patch", "recipients"],
                         sorted(os.listdir(self.out / "three/v1")))
        self.assertIn("Subject: [PATCH] c: twelve\n", self.read("three/v1/0001-c-twelve.patch"))

    def test_same_tree(self):
        self.write()
        for name in ("one", "two", "three"):
            self.assertTrue(self.applies(name), name)
        (self.out / "two/v1/0003-e-change.patch").unlink()
        self.assertFalse(self.applies("two"))
        shutil.copy(self.out / "one/v1/0001-a-first.patch", self.out / "three/v1/0002-x.patch")
        self.assertFalse(self.applies("three"))

    def applies(self, name):
        return mails.applies(self.compose(), self.out / name / "v1", name, self.root)

    def test_git_am_takes_them_on_the_kernel_as_it_is(self):
        self.write("one")
        git(self.linux, "am", "-q", *sorted((self.out / "one/v1").glob("000[12]*.patch")))
        self.assertEqual(git(self.tree, "rev-parse", "one^{tree}"),
                         git(self.linux, "rev-parse", "HEAD^{tree}"))

    def test_git_sends_them(self):
        self.write()
        said = output("git", "send-email", "--dry-run", "--smtp-server=/bin/true",
                      *sorted((self.out / "one/v1").glob("*.patch")), cwd=self.top)
        self.assertEqual(3, said.count("Result: OK"))

    def test_notes_are_below_the_message(self):
        git(self.tree, "checkout", "-q", "three")
        git(self.tree, "notes", "add", "-m", "Seen to fail.")
        self.export()
        self.write("three")
        message, _, below = self.read("three/v1/0001-c-twelve.patch").partition("\n---\n")
        self.assertIn("\nNotes:\n    Seen to fail.\n", below)
        self.assertIn("Signed-off-by", message)

    def test_second_version(self):
        self.write("one", "three")
        put(self.root, {"drivers/new.c": "int new;\nint newer;\n"})
        second = mails.Options(version=2, reply="<x@example.org>", rfc=True)
        self.assertRaisesRegex(Problem, 'v2 of one .*"Changes in v2:" in .*one/cover',
                               self.write, "one", options=second)
        self.edit("patches/one/cover", "Body of it.", "Body of it.\n\nChanges in v2:\n- newer\n")
        self.write("one", options=second)
        cover = self.read("one/v2/v2-0000-cover-letter.patch")
        self.assertIn("Subject: [RFC PATCH v2 0/2] one: the subject\n", cover)
        self.assertIn("In-Reply-To: <x@example.org>", cover)
        self.assertIn("\nChanges in v2:\n- newer\n", cover)
        self.assertRegex(cover, r"(?s)Range-diff against v1:\n1:.* ! 1:.*\+.*int newer;")
        self.assertIn("int new;", self.read("one/v1/0001-a-first.patch"))

    def test_second_version_of_one_patch(self):
        self.write("three")
        second = mails.Options(version=2)
        self.assertRaisesRegex(Problem, "below `---` in the patch", self.write, "three",
                               options=second)
        git(self.tree, "checkout", "-q", "three")
        git(self.tree, "notes", "add", "-m", "Changes in v2:\n- none")
        self.export()
        self.write("three", options=second)
        self.assertRegex(self.read("three/v2/v2-0001-c-twelve.patch"),
                         r"(?s)\n---\n.*Changes in v2:.*Range-diff against v1:\n1:  \w+ = 1:")

    def test_last_mails_are_gone_or_do_not_apply(self):
        self.edit("patches/one/cover", "Body of it.", "Changes in v2: none")
        second = mails.Options(version=2)
        self.assertIn("no range-diff: there are no mails in", self.write("one", options=second))
        self.write("one")
        mail = self.out / "one/v1/0001-a-first.patch"
        mail.write_text(mail.read_text().replace(" int line6;", " int line66;"))
        self.assertIn("do not apply to what one needs", self.write("one", options=second))
        self.assertNotIn("Range-diff", self.read("one/v2/v2-0000-cover-letter.patch"))

    def test_mails_that_may_have_been_sent_are_kept(self):
        self.write("one")
        first = self.read("one/v1/0001-a-first.patch")
        self.assertEqual("", self.write("one", "three", keep=True))
        self.assertTrue((self.out / "three/v1").exists())
        put(self.root, {"drivers/new.c": "int newer;\n"})
        self.assertIn("make series TOPIC=one", self.write("one", keep=True))
        self.assertEqual(first, self.read("one/v1/0001-a-first.patch"))
        self.write("one")
        self.assertIn("int newer;", self.read("one/v1/0001-a-first.patch"))

    def test_other_author(self):
        git(self.tree, "checkout", "-q", "three")
        git(self.tree, "commit", "-q", "--amend", "--no-edit", "--author=O <o@example.org>")
        self.export()
        self.assertRaisesRegex(Problem, '"c: twelve" is by O <o@example.org>, without a Signed-off',
                               self.write, "three")
        git(self.tree, "commit", "-q", "--amend", "--author=O <o@example.org>", "-m",
            "c: twelve\n\nSigned-off-by: O <o@example.org>")
        self.export()
        self.write("three")
        self.assertIn("\nFrom: O <o@example.org>\n", self.read("three/v1/0001-c-twelve.patch"))
        self.assertIn("\nSigned-off-by: O <o@example.org>\n"
                      "Signed-off-by: A Person <a@example.org>\n",
                      self.read("three/v1/0001-c-twelve.patch"))

    def test_no_cover(self):
        self.write("two")
        (self.root / "patches/two/cover").unlink()
        self.assertRaisesRegex(Problem, "two/cover is missing", self.write, "two")
        self.assertTrue((self.out / "two/v1/0000-cover-letter.patch").exists())

    def test_no_identity(self):
        with unittest.mock.patch.dict(os.environ), \
                unittest.mock.patch.object(commits, "ROOT", self.top):
            for name in ("GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL"):
                del os.environ[name]
            self.assertIsNone(commits.identity())
            self.assertRaisesRegex(Problem, "git config --global user.name", self.write, "one")
            self.assertFalse(self.out.exists())

    def test_where_topics_go(self):
        self.assertEqual([
            [1, "one", 2, "nothing", "./.git", "A", "M"],
            [2, "two", 3, "one", "./.git", "A", "M"],
            [2, "three", 1, "one", "./.git", "A", "M"]],
            mails.routes(self.compose(), self.root))


class Routes(unittest.TestCase):
    def test_first_tree_of_each_section(self):
        self.assertEqual({"FOO (BAR)": "git git://example.org/of/./.git",
                          "THE REST": "git git://example.org/of/drivers/.git"},
                         mails.trees_of(MAINTAINERS))

    def test_tag(self):
        self.assertEqual(["v7.3.4", "v7.4", "v7.4-rc1", "v7.3.10"], list(map(
            mails.tag, ("7.3.4", "7.4.0", "7.4.0-rc1", "7.3.10"))))

    def test_order(self):
        known = {"a": topics.Topic("a"), "b": topics.Topic("b", [topics.Need("a")]),
                 "c": topics.Topic("c"), "d": topics.Topic("d", [topics.Need("c"),
                                                                topics.Need("b", 1, "why")])}
        self.assertEqual({"a": 1, "b": 2, "c": 1, "d": 3}, mails.order(known))

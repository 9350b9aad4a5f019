# SPDX-License-Identifier: GPL-2.0
"""The mails: complete, addressed, and the same tree when they are applied."""

import os
import unittest.mock

from harness import mails, series
from harness.report import Problem
from harness.run import output

from .fake import Kernel, commit, put

MAINTAINER = """\
#!/usr/bin/perl
print "\\"A (B)\\" <a\\@example.org> (maintainer:FOO (BAR))\\n";
print "R <r\\@example.org> (reviewer:FOO)\\nlist\\@example.org (open list)\\n";
"""


class Mails(Kernel):
    def setUp(self):
        super().setUp()
        commit(self.linux, "script\n", {"scripts/get_maintainer.pl": MAINTAINER})
        self.develop()
        self.out = self.root / "build/series"
        put(self.root, {f"patches/{topic}/cover": f"{topic}: the subject\n\nBody of it.\n"
                        for topic in ("one", "two")})

    def write(self, **options):
        mails.write(self.compose(), self.out, root=self.root, **options)

    def test_complete(self):
        self.write()
        self.assertEqual(
            "To: \"A (B)\" <a@example.org>\nCc: R <r@example.org>\nCc: list@example.org\n",
            (self.out / "one/recipients").read_text())
        cover = (self.out / "two/0000-cover-letter.patch").read_text()
        self.assertIn("Subject: [PATCH 0/3] two: the subject\n", cover)
        self.assertIn("\nBody of it.\n", cover)
        self.assertIn("\nbase-commit: ", cover)
        mail = (self.out / "one/0001-a-first.patch").read_text()
        self.assertIn("From: A Person <a@example.org>", mail)
        self.assertIn("Signed-off-by: A Person <a@example.org>", mail)

    def test_same_tree(self):
        self.write()
        composed = self.compose()
        self.assertTrue(mails.applies(composed, self.out))
        (self.out / "two/0003-e-change.patch").unlink()
        self.assertFalse(mails.applies(composed, self.out))

    def test_git_sends_them(self):
        self.write()
        said = output("git", "send-email", "--dry-run", "--smtp-server=/bin/true",
                      *sorted((self.out / "one").glob("*.patch")), cwd=self.top)
        self.assertEqual(3, said.count("Result: OK"))

    def test_one_topic(self):
        self.write(only="two")
        self.assertFalse((self.out / "one").exists())
        self.assertRaisesRegex(Problem, "no topic three; there are one, two",
                               self.write, only="three")

    def test_no_cover(self):
        self.write()
        (self.root / "patches/two/cover").unlink()
        self.assertRaisesRegex(Problem, "two/cover is missing", self.write)
        self.assertTrue((self.out / "two/0000-cover-letter.patch").exists())

    def test_no_identity(self):
        with unittest.mock.patch.dict(os.environ), \
                unittest.mock.patch.object(series, "ROOT", self.top):
            for name in ("GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL"):
                del os.environ[name]
            self.assertIsNone(series.identity())
            self.assertRaisesRegex(Problem, "git config --global user.name", self.write)
            self.assertFalse(self.out.exists())

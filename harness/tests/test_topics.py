# SPDX-License-Identifier: GPL-2.0
"""patches/series: what is written there is read, and what a topic stands on follows."""

import pathlib
import tempfile
import unittest
from unittest import mock

from harness.common.report import Problem
from harness.common.run import git
from harness.kernel import topics
from harness.kernel.commits import Commits
from harness.checks import topics as alone

from .fake import Kernel, commit, put, total

SERIES = topics.HEAD + """base 7.3.4

one
	01-a.patch
		new.c
	02-b.patch

fixes/two
	01-c.patch
	02-d.patch

three
	needs one 1
	needs fixes/two 2: it would be wrong
	01-e.patch

four
	needs three, fixes/two
	01-f.patch
"""


class Read(unittest.TestCase):
    def read(self, text=SERIES):
        with tempfile.TemporaryDirectory() as name:
            put(name, {"patches/series": text})
            return topics.read(pathlib.Path(name))

    def test_written_as_it_was_read(self):
        version, known = topics.parse(SERIES, "")
        self.assertEqual(SERIES, topics.text(version, list(known.values())))
        self.assertEqual(("7.3.4", ["one", "fixes/two", "three", "four"]), (version, [*known]))
        self.assertEqual([topics.Need("one", 1), topics.Need("fixes/two", 2, "it would be wrong")],
                         known["three"].needs)

    def test_what_a_topic_stands_on(self):
        known = self.read()
        self.assertEqual({"one": 2}, topics.alone(known, "one"))
        self.assertEqual({"one": 1, "fixes/two": 2, "three": 1}, topics.alone(known, "three"))
        self.assertEqual({"one": 1, "fixes/two": 2, "three": 1, "four": 1},
                         topics.alone(known, "four"))
        self.assertEqual(["one", "fixes/two", "three", "four"], list(topics.alone(known, "four")) )
        self.assertRaisesRegex(Problem, "no topic five; there are one, fixes/two",
                               topics.alone, known, "five")

    def test_patterns(self):
        known = self.read()
        self.assertEqual({"fixes/two": 2}, topics.chosen(known, ["fixes/*"]))
        self.assertEqual({"one": 2, "four": 1}, topics.chosen(known, ["four", "one"]))
        self.assertRaisesRegex(Problem, "no topic x/", topics.chosen, known, ["x/*", "one"])

    def test_what_is_wrong(self):
        for text, words in (("\t01-x.patch\n", "series:2: `01-x.patch` is not expected here"),
                            ("one\n\tneeds two\n\t01-a.patch\ntwo\n", "series:3: one needs `two`"),
                            ("one\n\tneeds one\n", "one needs `one`, which is not a topic before"),
                            ("one\n\t01-a.patch\ntwo\n\tneeds one 2\n",
                             "series:5: two needs 2 patches of one, which has 1"),
                            ("one\n\t01-a.patch\ntwo\n\tneeds one many\n", "`one many`"),
                            ("one\n        01-a.patch\n", "has blanks around it"),
                            ("one two\n", "`one two` is not"), ("one\n\tneeds\n", "`needs` is not"),
                            ("one\none\n", "series:3: `one` is not"), ("base\n", "`base` is not"),
                            ("one\n\t01-a.patch\n\t01-a.patch\n", "series:4"),
                            ("one\n\t01-a.patch\n\t\tf.c\n\t\tf.c\n", "series:5"),
                            ("series\n", "`series` is not"), ("a.patch\n", "`a.patch` is not")):
            self.assertRaisesRegex(Problem, words, self.read, "base 7.3.4\n" + text)
        self.assertRaisesRegex(Problem, "no line `base 7.3.4`", self.read, "one\n")


class Alone(Kernel):
    """What a topic says that it needs is what it needs."""

    def setUp(self):
        super().setUp()
        self.compose()
        line = self.tree / "a.c"
        for name, *edits in (("one", ("line5;", "five;"), ("line20;", "twenty;")),
                             ("two", ("line30;", "thirty;")), ("three", ("line6;", "six;"))):
            git(self.tree, "checkout", "-q", "-b", name)
            for old, new in edits:
                commit(self.tree, f"{name}: {new}\n", {"a.c": line.read_text().replace(old, new)})
        self.export()
        self.plain = self.series()

    def judge(self, name, *needs):
        """Return what is wrong about topic name if it says that it needs needs."""
        lines = "".join(f"\tneeds {need}\n" for need in needs)
        put(self.root, {"patches/series": self.plain.replace(f"\n{name}\n", f"\n{name}\n{lines}")})
        composed = self.compose()
        with Commits(composed.base, self.root, composed.tree) as commits:
            return alone.judge(commits, commits.topics, commits.topics[name])

    def test_right(self):
        self.assertEqual([], self.judge("two"))
        self.assertEqual([], self.judge("three", "one 1"))
        self.assertEqual([], self.judge("three", "one 1", "two: it would be wrong"))

    def test_missing(self):
        self.assertRegex(self.judge("three", "two")[0], "three does not apply to what it needs: "
                         r"patches/three/01-three-six.patch(?s:.*)a\.c")

    def test_needless(self):
        self.assertRegex(self.judge("two", "one")[0], "two applies without one: remove that need")
        self.assertRegex(self.judge("three", "one 1", "two")[0], "three applies without two")

    def test_more_than_is_needed(self):
        self.assertRegex(self.judge("three", "one 2")[0], "three applies without patch 2 of one")

    def test_reason_for_what_does_not_apply_without(self):
        self.assertRegex(self.judge("three", "one 1: why")[0],
                         "three does not apply without what it needs for a reason: ")

    def test_table(self):
        self.judge("three", "one 1")
        composed = self.compose()
        with mock.patch.object(alone, "Commits",
                               lambda base, tree: Commits(base, self.root, tree)), \
                mock.patch.object(alone.topics, "read", return_value=topics.read(self.root)):
            self.assertEqual(((4, 0), ""), total(alone.run(composed, list(topics.read()))))

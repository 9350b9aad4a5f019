# SPDX-License-Identifier: GPL-2.0
"""Targets and variables of make: what is not known is refused, with what there is."""

import io
import os
import subprocess
import unittest
from unittest import mock

from harness import __main__ as commands
from harness.run import ROOT


class Variables(unittest.TestCase):
    def setUp(self):
        self.got = []
        patch = mock.patch.dict(commands.COMMANDS, {"one": self.one}, clear=True)
        patch.start()
        self.addCleanup(patch.stop)

    def one(self, kdir: str = "", only: str = "") -> int:
        self.got.append((kdir, only, os.environ.get("ONLY"), os.environ.get("KDIR")))
        return 0

    def make(self, *words, **environment):
        """-> (exit status, what was said)."""
        with mock.patch.dict(os.environ, environment), \
                mock.patch("sys.stderr", new_callable=io.StringIO) as said:
            return commands.main(*words), said.getvalue()

    def test_given(self):
        self.assertEqual((0, ""), self.make("one", "ONLY=a b", "KDIR=/x=y", ONLY="a b"))
        self.assertEqual([("/x=y", "a b", None, None)], self.got)

    def test_environment_names_the_kernel_and_nothing_else(self):
        self.make("one", KDIR="/x", ONLY="a")
        self.assertEqual([("/x", "", None, None)], self.got)

    def test_unknown_variable(self):
        self.assertEqual((1, "error: `make one` takes KDIR, ONLY, not JOBS\n"),
                         self.make("one", "JOBS=x"))
        self.assertEqual((1, "error: `make one` takes KDIR, ONLY, not x\n"),
                         self.make("one", "x"))
        self.assertEqual([], self.got)

    def test_unknown_target(self):
        self.assertEqual((1, "error: there is no target two; there are one\n"), self.make("two"))


class Make(unittest.TestCase):
    """The Makefile hands over targets and variables as they are."""

    def make(self, *words):
        """-> str, what make says."""
        return subprocess.run(["make", "-C", ROOT, *words], text=True, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, env={"PATH": os.environ["PATH"]}).stdout

    def test_any_target(self):
        for target in ("nothing", "patches", "README.md"):
            self.assertIn(f"error: there is no target {target}; there are all, check, kunit,",
                          self.make(target))

    def test_variables(self):
        self.assertIn("error: `make help` takes no variable, not ONLY", self.make("help", "ONLY=a"))
        self.assertIn("error: V=<a@b> `x` 'y' $z is no version",
                      self.make("series", "V=<a@b> `x` 'y' $$z"))
        self.assertIn("error: there is no check nothing; there are harness, round-trip,",
                      self.make("check", "ONLY=round-trip nothing"))

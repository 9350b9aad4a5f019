# SPDX-License-Identifier: GPL-2.0
"""Targets and variables of make: what is not known is refused, with what there is."""

import io
import os
import pathlib
import subprocess
import tempfile
import unittest
from unittest import mock

from harness import __main__ as commands
from harness.common.report import Tally
from harness.common.run import ROOT


class Variables(unittest.TestCase):
    def setUp(self):
        self.got = []
        patch = mock.patch.dict(commands.COMMANDS, {
            "one": commands.Command("help", self.one, ("kdir", "only"))}, clear=True)
        patch.start()
        self.addCleanup(patch.stop)

    def one(self, kdir, only):
        self.got.append((kdir, only, os.environ.get("ONLY"), os.environ.get("KDIR")))
        return Tally(1, only == "bad")

    def make(self, *words, **environment):
        """-> (exit status, what was said)."""
        with mock.patch.dict(os.environ, environment), \
                mock.patch("sys.stderr", new_callable=io.StringIO) as said:
            return commands.main(*words), said.getvalue()

    def test_given(self):
        self.assertEqual((0, ""), self.make("one", "--ONLY=a b", "--KDIR=/x=y", ONLY="a b"))
        self.assertEqual([("/x=y", "a b", None, None)], self.got)

    def test_update_says_what_is_newest(self):
        with mock.patch.object(commands.source, "package") as package, \
                mock.patch.object(commands.neighbours, "load") as known, \
                mock.patch.object(commands.neighbours, "update", return_value="7.2.4-1"), \
                mock.patch("sys.stdout", new_callable=io.StringIO) as said:
            package.return_value.origin = "Debian linux-source-7.3"
            known.return_value = [mock.Mock(package="linux-source-7.2")]
            commands.update()
        self.assertEqual("Debian linux-source-7.3\nDebian linux-source-7.2 7.2.4-1\n",
                         said.getvalue())

    def test_exit_status(self):
        self.assertEqual(1, self.make("one", "--only=bad")[0])

    def test_environment_names_the_kernel_and_nothing_else(self):
        self.make("one", KDIR="/x", ONLY="a")
        self.assertEqual([("/x", "", None, None)], self.got)

    def test_unknown_variable(self):
        for word in ("--JOBS=x", "x", "--ONL=x"):
            status, said = self.make("one", word)
            self.assertEqual((1, f"error: unrecognized arguments: {word}; `make help` lists "
                              "targets and what they take\n"), (status, said))
        self.assertEqual([], self.got)

    def test_unknown_target(self):
        self.assertRegex(self.make("two")[1], "error: .*invalid choice: 'two'.*one")


class Make(unittest.TestCase):
    """The Makefile hands over targets and variables as they are."""

    def make(self, *words):
        """-> str, what make says."""
        return subprocess.run(["make", "-C", ROOT, *words], text=True, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, env={"PATH": os.environ["PATH"]}).stdout

    def test_any_target(self):
        for target in ("nothing", "patches", "README.md"):
            self.assertRegex(self.make(target),
                             f"error: .*'{target}' .*'?all'?, '?check'?, '?units'?")

    def test_python_stays_if_its_installation_is_interrupted(self):
        with tempfile.TemporaryDirectory() as scratch:
            python = pathlib.Path(scratch, "python3")
            for name in ("apt-get", "sudo"):
                pathlib.Path(scratch, name).write_text(
                    f"#!/bin/sh\ntouch {python}\nkill -INT 0\nsleep 9\n")
                pathlib.Path(scratch, name).chmod(0o755)
            done = subprocess.run(["make", "-C", ROOT, f"PYTHON={python}", "help"],
                                  env={"PATH": f"{scratch}:{os.environ['PATH']}"},
                                  start_new_session=True, stdout=subprocess.DEVNULL,
                                  stderr=subprocess.DEVNULL)
            self.assertNotEqual(0, done.returncode)
            self.assertTrue(python.exists())

    def test_variables(self):
        self.assertIn("error: unrecognized arguments: --ONLY=a", self.make("help", "ONLY=a"))
        self.assertIn("error: V=<a@b> `x` 'y' $z is not a number",
                      self.make("series", "V=<a@b> `x` 'y' $$z"))
        self.assertIn("error: there is no check nothing; there are selftest, lint,",
                      self.make("check", "ONLY=round-trip nothing"))

# SPDX-License-Identifier: GPL-2.0
"""Which QEMU the jobs get, and how it is wrapped."""

import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest
import unittest.mock

from harness.common import run
from harness.common.report import Problem
from harness.boot import qemu

QEMU = """#!/bin/sh
[ "$1" = --version ] && echo "QEMU emulator version {} (Debian)" && exit
echo "$@"
echo oops >&2
"""


class Qemu(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.top = pathlib.Path(scratch.name)
        self.fetched, outer = [], self

        class Archive:
            def __init__(self, suite):
                outer.assertTrue(suite.endswith("-backports"))

            def newest(self, package):
                return outer.offer, ""

            def download(self, package, version, directory):
                outer.fetched.append(version)
                return pathlib.Path(shutil.copy(outer.deb(version), directory))

        self.archive, self.offer = Archive, "10.0.2"
        (self.top / "bin").mkdir()
        path = f"{self.top}/bin:{os.environ['PATH']}"
        for patch in (unittest.mock.patch.object(qemu, "BIN", self.top / "wrapped"),
                      unittest.mock.patch.object(qemu.tools, "need"),
                      unittest.mock.patch.dict("os.environ", PATH=path),
                      unittest.mock.patch("builtins.print")):
            self.enterContext(patch)

    def program(self, path, version):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(QEMU.format(version))
        path.chmod(0o755)

    def deb(self, version):
        """-> path of a package with a QEMU of version (str)."""
        top = self.top / f"deb-{version}"
        self.program(top / "usr/bin/qemu-system-s390x", version)
        (top / "DEBIAN").mkdir()
        (top / "DEBIAN/control").write_text(
            f"Package: qemu\nVersion: {version}\nArchitecture: all\n"
            "Maintainer: x <x@y>\nDescription: x\n")
        run.output("dpkg-deb", "--root-owner-group", "-b", top, f"{top}.deb")
        return pathlib.Path(f"{top}.deb")

    def backport(self):
        return qemu.backport("qemu-system-s390x", "qemu", self.top / "cache", self.archive)

    def test_backport_is_fetched_once(self):
        self.assertEqual(10, qemu.version(self.backport()))
        self.assertEqual(self.backport(), self.backport())
        self.assertEqual(["10.0.2"], self.fetched)

    def test_backport_too_old(self):
        self.offer = "9.2"
        self.assertRaisesRegex(Problem, "older than QEMU 10", self.backport)

    def test_backport_does_not_run(self):
        self.backport().write_text("#!/bin/sh\necho no library >&2; exit 127\n")
        self.assertRaisesRegex(Problem, "no library", self.backport)

    def test_interrupted_fetch(self):
        (self.top / "cache/qemu.part/usr").mkdir(parents=True)
        self.assertEqual(10, qemu.version(self.backport()))

    def test_wrapper(self):
        self.program(self.top / "bin/qemu-system-s390x", "10.0")
        words = self.top / "words"
        env = {**os.environ, **qemu.environment("s390", words)}
        done = subprocess.run(["qemu-system-s390x", "-append", "a 'b  c' kvm.x", "-accel",
                               "kvm", "-accel", "tcg"], env=env, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True)
        self.assertEqual("-append a 'b  c' kvm.x -accel tcg -accel tcg\n", done.stdout)
        self.assertEqual("oops\n", words.read_text())

    def test_old_one_is_not_used(self):
        self.program(self.top / "bin/qemu-system-s390x", "7.2.22")
        with unittest.mock.patch.object(qemu, "backport", return_value="/new") as backport:
            qemu.environment("s390", "words")
        backport.assert_called_once_with("qemu-system-s390x", "qemu-system-s390x")
        self.assertIn("exec /new ", (self.top / "wrapped/qemu-system-s390x").read_text())

# SPDX-License-Identifier: GPL-2.0
"""Kernels that are built: of what ccache has, nothing comes back that is not the same."""

import os
import pathlib
import subprocess
import tempfile
import unittest

from harness.boot import jobs, kunit

from .fake import put


class Cached(unittest.TestCase):
    def built(self, arch):
        """Build an object with what .incbin takes in, twice; return what the second one has."""
        with tempfile.TemporaryDirectory() as scratch:
            top = pathlib.Path(scratch)
            cc, env = kunit.compiler(jobs.Kernel("k", [], arch=arch))
            for inside in ("old kernel", "new kernel"):
                put(top, {"piggy.S": '.section .rodata\n.incbin "vmlinux.bin.gz"\n',
                          "vmlinux.bin.gz": inside})
                subprocess.run(f"{cc} -Wp,-MMD,piggy.d -c -o piggy.o piggy.S", shell=True,
                               cwd=top, check=True,
                               env={**os.environ, **env, "CCACHE_DIR": str(top / "ccache")})
            return (top / "piggy.o").read_bytes()

    def test_compressed_kernel(self):
        for arch in ("x86_64", "um"):
            with self.subTest(arch):
                self.assertIn(b"new kernel", self.built(arch))

    def test_other_objects(self):
        cc, env = kunit.compiler(jobs.Kernel("k", [], arch="x86_64"))
        with tempfile.TemporaryDirectory() as scratch:
            top = pathlib.Path(scratch)
            put(top, {"a.c": "int a;\n"})
            env = {**os.environ, **env, "CCACHE_DIR": str(top / "ccache")}
            for _ in range(2):
                subprocess.run(f"{cc} -Wp,-MMD,a.d -c -o a.o a.c", shell=True, cwd=top,
                               check=True, env=env)
            said = subprocess.run(["ccache", "--print-stats"], env=env, check=True,
                                  capture_output=True, text=True).stdout
            self.assertIn("direct_cache_hit\t1", said)

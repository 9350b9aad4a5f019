# SPDX-License-Identifier: GPL-2.0
"""What a machine boots into that runs selftests: what is in it, and what its init makes of them."""

import os
import pathlib
import shlex
import subprocess
import tempfile
import unittest
import unittest.mock

from harness.boot import jobs, kunit, programs
from harness.common import run
from harness.common.report import Problem

from .fake import ME, put

# What tools/testing/selftests builds here; it says how it was called.
SELFTESTS = """\
all:
\tmkdir -p $(O)/kselftest/$(TARGETS)
\techo '$(KHDR_INCLUDES) $(LDFLAGS)' >$(O)/kselftest/$(TARGETS)/one_test
"""
GEN = '#!/bin/sh\ncp "$3" "$2"\n'


def made(*paths, arch="x86_64", **facts):
    """Return a job with the programs paths."""
    return jobs.Job("job", "", jobs.Kernel("k", [], arch=arch), [], programs=list(paths), **facts)


class Initramfs(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.top = pathlib.Path(scratch.name)
        put(self.top, {"linux/Makefile": "headers:\n", "kunit/k/usr/gen_init_cpio": GEN,
                       "linux/tools/testing/selftests/Makefile": SELFTESTS,
                       "linux/include/uapi/a.h": "", "linux/arch/x/a.h": ""})
        (self.top / "kunit/k/usr/gen_init_cpio").chmod(0o755)
        self.unpacked = self.enterContext(unittest.mock.patch.object(
            programs, "unpacked", return_value=pathlib.Path("/unpacked")))
        self.enterContext(unittest.mock.patch("builtins.print"))
        self.enterContext(unittest.mock.patch.object(run, "BUILD", self.top))

    def archive(self, job):
        job.kernel.top = self.top
        make = kunit.make_line(job.kernel)
        return programs.initramfs(self.top / "linux", job, make).read_text()

    def test_what_is_in_it(self):
        text = self.archive(made("vfio/one_test", "guest/disk"))
        out = self.top / "kunit/k"
        self.assertIn(f"file /init {out}/guest/init 0755 0 0\n", text)
        self.assertIn("nod /dev/console", text)
        self.assertIn(f"dir /vfio 0755 0 0\nfile /vfio/one_test {out}/kselftest/vfio/one_test 0755",
                      text)
        self.assertIn(f"file /guest/disk {out}/guest/disk 0755", text)
        self.assertEqual("/vfio/one_test\n/guest/disk\n", (out / "job.programs").read_text())
        self.assertEqual(f"-isystem {out}/usr/include -isystem /unpacked/usr/include -static "
                         "-pthread -L/unpacked/usr/lib/x86_64-linux-gnu\n",
                         (out / "kselftest/vfio/one_test").read_text())

    def test_library_of_the_machine(self):
        self.archive(made("vfio/one_test"))
        self.assertEqual(("uuid-dev", "uuid-dev-amd64"),
                         (self.unpacked.call_args[0][0], self.unpacked.call_args[0][2].name))

    def test_selftest_that_is_not_built(self):
        with self.assertRaisesRegex(Problem, "has built no .*other_test"):
            self.archive(made("vfio/other_test"))

    def test_sources_decide(self):
        tree = self.top / "linux"
        self.enterContext(unittest.mock.patch.dict("os.environ", ME))
        run.git(tree, "init", "-q")
        keys = []
        for change in ({}, {"include/uapi/a.h": "int a;\n"}, {"arch/x/a.h": "int b;\n"}, {"b": ""}):
            put(tree, change)
            run.git(tree, "add", "-A")
            run.git(tree, "commit", "-q", "--allow-empty", "-m", "x")
            keys.append(kunit.facts(tree, made("vfio/one_test")))
        self.assertEqual(3, len(set(keys)))
        self.assertEqual(keys[2], keys[3])

    def test_last_command_line_counts(self):
        job = made("vfio/one_test", mode="lazy", kernel_args=["device=1:2"])
        said = shlex.split(programs.boot_options(job, pathlib.Path("/a b")))
        self.assertEqual(["-initrd", "/a b", "-append"], said[:3])
        self.assertEqual("console=ttyS0 kunit.enable=0 panic=-1 printk.devkmsg=on "
                         f"{programs.UNSAFE} iommu.strict=0 device=1:2", said[3])
        self.assertNotIn("unsafe", programs.boot_options(made("guest/disk"), pathlib.Path("/a")))


class Loads(unittest.TestCase):
    """The loads see what is not as it was written."""

    def disk(self, change=("", "")):
        """Run disk.c, with change (a text, and what takes its place), on a file."""
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        program, disk = pathlib.Path(scratch.name, "program"), pathlib.Path(scratch.name, "disk")
        source = (programs.GUEST / "disk.c").read_text()
        for old, new in (('"load.h"', f'"{programs.GUEST}/load.h"'), ("/dev/nvme0n1", str(disk)),
                         ("| O_DIRECT", ""), ("TIMES 8000", "TIMES 300"), change):
            self.assertIn(old, source)
            source = source.replace(old, new)
        run.output("gcc", "-O2", "-pthread", "-x", "c", "-o", program, "-", stdin=source)
        with open(disk, "wb") as file:
            os.truncate(file.fileno(), 64 << 20)
        return subprocess.run([program], stdout=subprocess.PIPE, text=True)

    def test_disk(self):
        done = self.disk()
        self.assertEqual(0, done.returncode)
        self.assertIn("\nok 1 disk.verified\n", done.stdout)

    def test_disk_that_changes_a_word(self):
        late = "if (writes) { data[9] ^= 1; pwrite(fd, data, 4096, where); }"
        for change in (("munmap(data, size);", late),
                       ("pread(fd, data, size, where)", "(ssize_t)size"),
                       ("pwrite(fd, data, size, where)", "0")):
            done = self.disk(change)
            self.assertEqual(1, done.returncode)
            self.assertIn("\nnot ok 1 disk.verified\n", done.stdout)


if __name__ == "__main__":
    unittest.main()

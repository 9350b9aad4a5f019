# SPDX-License-Identifier: GPL-2.0
"""What jobs.toml may hold, and the commands that come of it."""

import contextlib
import io
import pathlib
import tempfile
import unittest
import unittest.mock

from harness.common import tools
from harness.common.report import Problem
from harness.kernel import topics
from harness.boot import jobs, kunit

from .fake import put

TABLE = """
[kernel.x]
arch = "x86_64"
kunitconfig = ["k"]
trim = ["CONFIG_VT=n"]
[job.vtd]
about = "VT-d"
kernel = "x"
filter = "e2e*"
qemu_args = "-device edu"
modes = ["strict", "lazy"]
suites = ["e2e"]
"""


def load(text):
    """text: str -> what jobs.load() makes of it."""
    with tempfile.TemporaryDirectory() as name:
        path = pathlib.Path(name, "jobs.toml")
        path.write_text(text)
        return jobs.load(path)


class Table(unittest.TestCase):
    def test_upstream_command(self):
        kernel = jobs.Kernel("uml", ["drivers/iommu/tests"], trim=["CONFIG_VT=n"])
        job = jobs.Job("uml", "", kernel, [])
        self.assertEqual(jobs.upstream(job), "./tools/testing/kunit/kunit.py run "
                         "--kunitconfig=drivers/iommu/tests")
        kernel = jobs.Kernel("arm64", ["k"], arch="arm64", cross_compile="a-")
        job = jobs.Job("arm64", "", kernel, [], qemu_args="-x y")
        self.assertEqual(jobs.upstream(job), "./tools/testing/kunit/kunit.py run --arch=arm64 "
                         "--cross_compile=a- --kunitconfig=k '--qemu_args=-x y'")

    def test_programs(self):
        job = jobs.Job("user", "", jobs.Kernel("k", []), [], programs=["vfio/a_test", "guest/disk"])
        self.assertEqual("tools/testing/selftests/vfio/a_test harness/boot/guest/disk.c",
                         jobs.upstream(job))

    def test_a_kernel_without_an_option_of_the_one_it_is_like(self):
        table = load(TABLE + """
[kernel.y]
like = "x"
with = ["CONFIG_SMP=y"]
without = ["CONFIG_VT=n"]
kunitconfig = ["l"]
[job.y]
about = "y"
kernel = "y"
suites = []
""")
        self.assertEqual((["CONFIG_VT=n"], []), (table["vtd-strict"].kernel.trim,
                                                 table["vtd-strict"].kernel.kconfig_add))
        self.assertEqual(["CONFIG_SMP=y"], table["y"].kernel.kconfig_add)
        self.assertEqual(([], ["l"], "x86_64"), (table["y"].kernel.trim,
                         table["y"].kernel.kunitconfig, table["y"].kernel.arch))

    def test_a_job_for_each_mode(self):
        table = load(TABLE)
        self.assertEqual(["vtd-strict", "vtd-lazy"], list(table))
        self.assertIs(table["vtd-strict"].kernel, table["vtd-lazy"].kernel)
        self.assertEqual(jobs.upstream(table["vtd-lazy"]), "./tools/testing/kunit/kunit.py run "
                         "--arch=x86_64 --kunitconfig=k '--qemu_args=-device edu' "
                         "--kernel_args=iommu.strict=0 'e2e*'")

    def test_edu_takes_its_time(self):
        table = load(TABLE + 'iommu = "VT-d"\n')
        self.assertIn(" --timeout=900 ", jobs.upstream(table["vtd-strict"]))

    def test_virtual_time(self):
        for more, virtual in (("", False), ('iommu = "VT-d"\n', True)):
            self.assertEqual(virtual, load(TABLE + more)["vtd-lazy"].virtual)
        several = TABLE.replace("-device edu", "-device edu -smp 4") + 'iommu = "VT-d"\n'
        self.assertFalse(load(several)["vtd-lazy"].virtual)

    def test_arguments_of_the_harness(self):
        options = jobs.run_options(load(TABLE)["vtd-strict"], "-trace x")
        self.assertIn("--qemu_args=-device edu -trace x", options)

    def test_sanitizers(self):
        add = ('[sanitizer.san]\nabout = "with x"\nkconfig_add = ["CONFIG_KASAN=y"]\n'
               'console = ["KASAN is on"]\nslower = 4\n'
               'jobs = ["vtd-strict", "vtd-lazy"]\ncheck = ["vtd-lazy"]\n')
        table = load(TABLE + add)
        self.assertEqual(["vtd-strict", "vtd-lazy", "vtd-strict-san", "vtd-lazy-san"], list(table))
        plain, added = table["vtd-lazy"], table["vtd-lazy-san"]
        self.assertEqual(("", [], []), (plain.sanitizer, plain.console, plain.kernel.kconfig_add))
        self.assertEqual(("san", False, ["KASAN is on"], ["CONFIG_KASAN=y"], 4 * plain.timeout),
                         (added.sanitizer, added.default, added.console, added.kernel.kconfig_add,
                          added.timeout))
        self.assertEqual("x-san", added.kernel.out.name)
        self.assertEqual(plain.suites, added.suites)
        self.assertEqual([False, True], [table[f"vtd-{mode}-san"].check
                                         for mode in ("strict", "lazy")])
        with self.assertRaisesRegex(Problem, "none-such"):
            load(TABLE + add.replace('"vtd-strict"', '"none-such"'))

    def test_kernel_like_another(self):
        more = ('[kernel.z]\nlike = "x"\nkunitconfig = ["z"]\n'
                '[job.z]\nabout = ""\nkernel = "z"\nsuites = []\n')
        table = load(TABLE + more)
        self.assertEqual(("z", "x86_64", ["z"], ["CONFIG_VT=n"]),
                         (table["z"].kernel.name, table["z"].kernel.arch,
                          table["z"].kernel.kunitconfig, table["z"].kernel.trim))
        self.assertEqual(["k"], table["vtd-lazy"].kernel.kunitconfig)
        with self.assertRaisesRegex(Problem, "bad table: 'w'"):
            load(TABLE + more.replace('like = "x"', 'like = "w"'))

    def test_real_table(self):
        table = jobs.load().values()
        self.assertTrue(any(job.default for job in table))
        self.assertEqual({"virtio-x86_64-strict", "virtio-x86_64-lazy", "virtio-arm64-strict",
                          "virtio-arm64-lazy"}, {job.name for job in table
                                              if job.always and not job.sanitizer})

    def test_wrong_tables(self):
        for old, new, word in (("suites", "suits", "suits"), ('kernel = "x"', 'kernel = "y"', "y"),
                               ('"lazy"', '"lasy"', "lasy"), ("trim", "trimm", "trimm")):
            with self.assertRaisesRegex(Problem, word):
                load(TABLE.replace(old, new))

    def test_kernel_of_one_topic(self):
        known = topics.read()
        mine = {job.kernel.topic: job for job in jobs.load().values() if job.kernel.topic}
        self.assertEqual({"sync", "io-pgtable", "kunit-mmio"}, set(mine))
        composed = unittest.mock.Mock()
        with unittest.mock.patch.object(kunit.compose, "beside") as beside:
            self.assertIs(composed.tree, kunit.tree_of(composed, jobs.Kernel("um", [])))
            for name, job in mine.items():
                where = kunit.tree_of(composed, job.kernel)
                self.assertEqual((composed, where, topics.alone(known, name)),
                                 beside.call_args[0])
                self.assertEqual(where.parent, job.kernel.out.parent.parent)


class Build(unittest.TestCase):
    def setUp(self):
        self.top = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))

    def build(self, script):
        """Build by a kunit.py that is script -> (kunit.build()'s result, what it printed)."""
        put(self.top, {"kunit.py": script})
        with unittest.mock.patch.object(kunit, "KUNIT", "kunit.py"), \
                unittest.mock.patch.object(kunit, "BUILD", self.top), \
                unittest.mock.patch.object(kunit.tools, "need") as need, \
                contextlib.redirect_stdout(io.StringIO()) as said:
            built = kunit.build(self.top, jobs.Kernel("x", [], tools=["gcc-x"], top=self.top))
        self.assertIn("gcc-x", need.call_args[0])
        return built, said.getvalue()

    def test_success_without_a_kernel(self):
        built, said = self.build("print('OpenSBI bios was not found')\n")
        self.assertFalse(built)
        self.assertRegex(said, r"(?s)FAILED.*was not found\n.*reports success, but built no ")

    def test_success(self):
        self.assertTrue(self.build("open('kunit/x/vmlinux', 'w')\n")[0])

    def test_again(self):
        """With the same options, and just what is run."""
        for arch, target, cc in (("um", "linux", "ccache"), ("x86_64", "all", kunit.NO_INCBIN)):
            put(self.top, {"Makefile": f"{target}: ; @echo $(CC) $(KCFLAGS) $(ARCH) $(O)\n"})
            kernel = jobs.Kernel("x", [], arch, top=self.top)
            done = kunit.remake(self.top, kernel)
            self.assertEqual((0, f"{cc} gcc -fmacro-prefix-map=../../= {arch} {kernel.out}\n"),
                             (done.returncode, done.stdout))
        put(self.top, {"Makefile": "all: ; @false\n"})
        self.assertTrue(kunit.remake(self.top, kernel).returncode)

    def test_configuration_of_ones_own(self):
        """kunit.py may go on with the .config that it made, and with no other."""
        script = ("import pathlib\nconfig = pathlib.Path('kunit/x/.config')\n"
                  "print('found', config.exists())\n"
                  "config.write_text('CONFIG_A=y\\n')\nopen('kunit/x/vmlinux', 'w')\n")
        put(self.top, {"kunit/x/.config": "CONFIG_B=y\n"})
        log = self.top / "log/kunit-x-build.log"
        for found in ("False", "True"):
            self.build(script)
            self.assertEqual(f"found {found}\n", log.read_text())
        put(self.top, {"kunit/x/.config": "CONFIG_A=y\nCONFIG_B=y\n"})
        self.build(script)
        self.assertEqual("found False\n", log.read_text())

    def test_what_kernels_need_is_known(self):
        for job in jobs.load().values():
            self.assertLessEqual(set(job.kernel.tools), set(tools.TABLE))
            # Where this is missing, kunit.py builds nothing and reports success.
            self.assertEqual(job.kernel.arch == "riscv", "opensbi" in job.kernel.tools)


class Limit(unittest.TestCase):
    def test_what_hangs_is_killed(self):
        """A child that ignores SIGTERM, as a UML that hangs; its parent waits for it."""
        with tempfile.TemporaryDirectory() as scratch:
            tree = pathlib.Path(scratch)
            (tree / "hang.py").write_text(
                "import subprocess\n"
                "print(subprocess.call(['sh', '-c', 'trap \"\" TERM; while :; do :; done']))\n")
            with unittest.mock.patch.object(kunit, "KUNIT", "hang.py"):
                status, said = kunit.call(tree, [], tree / "log", lambda: None, {}, limit=1)
        self.assertEqual((0, "-9\n"), (status, said))

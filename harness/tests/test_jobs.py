# SPDX-License-Identifier: GPL-2.0
"""What jobs.toml may hold, and the commands that come of it."""

import pathlib
import tempfile
import unittest

from harness import jobs, kunit
from harness.report import Problem

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

    def test_arguments_of_the_harness(self):
        options = jobs.run_options(load(TABLE)["vtd-strict"], "-trace x")
        self.assertIn("--qemu_args=-device edu -trace x", options)

    def test_real_table(self):
        table = jobs.load().values()
        self.assertTrue(any(job.default for job in table))
        self.assertEqual({"virtio-x86_64-strict", "virtio-x86_64-lazy", "virtio-arm64-strict",
                          "virtio-arm64-lazy"}, {job.name for job in table if job.always})

    def test_wrong_tables(self):
        for old, new, word in (("suites", "suits", "suits"), ('kernel = "x"', 'kernel = "y"', "y"),
                               ('"lazy"', '"lasy"', "lasy"), ("trim", "trimm", "trimm")):
            with self.assertRaisesRegex(Problem, word):
                load(TABLE.replace(old, new))

    def test_unknown_job(self):
        with self.assertRaisesRegex(Problem, "no job is called nope"):
            kunit.run(None, ["nope"])

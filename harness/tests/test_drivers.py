# SPDX-License-Identifier: GPL-2.0
"""The tables of drivers, suites and machines in the page of results."""

import dataclasses
import pathlib
import tempfile
import unittest
from unittest import mock

from harness.common import markdown
from harness.common.report import Problem, Tally
from harness.common.units import Outcome
from harness.boot import drivers, jobs, suites
from harness.boot.verdict import Result
from harness.checks import kunit

KNOWN = [drivers.Driver("one", "flushes", "always", model="a book",
                        suites=["iommu_one", "iommu_one_32"]),
         drivers.Driver("two", "asks", "range", jobs=["qemu-strict", "qemu-lazy"]),
         drivers.Driver("three", "cannot run", "unmap")]
ROWS = [Result("tests", "iommu_one", 20, 0, 3, 1.0, {"driver": 2, "hardware": 1}),
        Result("tests", "iommu_one_32", 21, 0, 2, 1.0, {"hardware": 2}),
        Result("tests", "iommu_sync", 117, 0, 0, 1.0),
        Result("tests", "(kernel log)", 1, 0, 0, 1.0),
        Result("qemu-strict", "iommu_e2e", 27, 0, 0, 1.0),
        Result("qemu-lazy", "iommu_e2e", 5, 0, 1, 1.0, {"model": 1}),
        Result("qemu-lazy", "(commands)", 1, 0, 0, 1.0), Result("other", "iommu_one", 9, 0, 0, 1.0)]
TABLE = markdown.line(drivers.TABLE.head) + """
|---|---|---|---|---|---|---|---|---|
| one | flushes | always | `iommu_one`, `iommu_one_32` | a book | 41 | 3 | 2 | 0 |
| two | asks | range | QEMU | QEMU | 32 | 0 | 0 | 1 |
"""


class Drivers(unittest.TestCase):
    def setUp(self):
        where = tempfile.TemporaryDirectory()
        self.addCleanup(where.cleanup)
        self.page = pathlib.Path(where.name, "page.md")
        empty = mock.Mock(compared=lambda _: Outcome(Tally()))
        for module, name, value in (
                (markdown, "BUILD", pathlib.Path(where.name, "build")),
                (drivers, "load", lambda: KNOWN), (suites, "TABLE", empty),
                (suites, "MACHINES", empty),
                (drivers, "TABLE", dataclasses.replace(drivers.TABLE, page=self.page))):
            patch = mock.patch.object(module, name, value)
            patch.start()
            self.addCleanup(patch.stop)

    def compare(self):
        found = Outcome(Tally(), data=[dataclasses.asdict(row) for row in ROWS])
        with mock.patch.object(kunit, "show"):
            done = kunit.close({"all": found})
        return (done.tally.passed, done.tally.failed), "\n".join(done.words)

    def test_counts(self):
        self.assertEqual(markdown.table(drivers.TABLE.head, drivers.lines(ROWS)), TABLE)

    def test_page_that_is_right(self):
        self.page.write_text(f"# Before\n\n{TABLE}\nAfter\n")
        self.assertEqual(self.compare(), ((4, 0), ""))

    def test_page_that_is_wrong_and_mended(self):
        self.page.write_text(f"# Before\n\n{TABLE.replace('41', '40')}\nAfter\n")
        counts, said = self.compare()
        self.assertEqual(counts, (3, 2))
        self.assertRegex(said, r"page.md lacks: .*\| 41 \|")
        self.assertRegex(said, r"page.md has, and should not: .*\| 40 \|.*\n.*make pages")
        self.assertTrue(drivers.TABLE.write())
        self.assertEqual(self.page.read_text(), f"# Before\n\n{TABLE}\nAfter\n")

    def test_page_without_table(self):
        self.page.write_text("# Before\n")
        with self.assertRaisesRegex(Problem, "no table"):
            self.compare()

    def test_write_before_check(self):
        self.assertFalse(drivers.TABLE.write())


class Suites(unittest.TestCase):
    KNOWN = [suites.Suite("iommu_one iommu_two", "a"), suites.Suite("iommu_*", "b"),
             suites.Suite("gone", "c")]
    ARCHS = {"tests": "um", "qemu": "x86_64", "arm": "arm64"}

    def test_most_that_pass_in_one_job(self):
        rows = [Result(job, suite, passed, 0, 1, 1.0) for job, suite, passed in (
            ("qemu", "iommu_one", 4), ("arm", "iommu_one", 5), ("tests", "iommu_one", 0),
            ("left-out", "iommu_one", 9), ("tests", "iommu_three", 2), ("qemu", "iommu_two", 1))]
        self.assertEqual([["`iommu_one`, `iommu_two`", "arm64, x86_64", "6 in 2 suites", "a"],
                          ["`iommu_*`", "UML", "2", "b"], ["`gone`", "", "0", "c"]],
                         suites.lines(rows, self.KNOWN, self.ARCHS))
        self.assertEqual(suites.lines(rows, self.KNOWN, self.ARCHS),
                         suites.lines(rows[::-1], self.KNOWN, self.ARCHS))

    def test_machines(self):
        kernel = jobs.Kernel("k", [], arch="x86_64")
        known = {name: jobs.Job(name, "", kernel, [suite], iommu="I", mode=mode,
                                qemu_args="-x -device edu -device edu")
                 for name, suite, mode in (("a-strict", "iommu_e2e", "strict"),
                                           ("a-lazy", "iommu_e2e", "lazy"),
                                           ("b", "iommu_e2e_dma", ""), ("c", "other", ""))}
        rows = [Result(job, suite, passed, 0, 0, 1.0) for job, suite, passed in (
            ("a-strict", "iommu_e2e", 3), ("a-lazy", "iommu_e2e", 2),
            ("a-strict", "iommu_e2e_dma", 4), ("a-strict", "(kernel log)", 1),
            ("b", "iommu_e2e_dma", 1))]
        self.assertEqual([["a", "I", "x86_64", "`-x`", 7, 2], ["b", "I", "x86_64", "`-x`", 1, ""]],
                         suites.machines(rows, known))
        known["a-san"] = dataclasses.replace(known["a-strict"], name="a-san", sanitizer="san")
        self.assertEqual(2, len(suites.machines(rows, known)))

    def test_every_suite_has_a_table(self):
        known, used = suites.load(), set()
        for job in jobs.load().values():
            for name in job.suites if job.check else ():
                each = suites.of(name, known)
                self.assertTrue(each, f"{name} of {job.name} has no table in suites.toml")
                used.add(each.name)
        self.assertEqual({each.name for each in known}, used)


class Table(unittest.TestCase):
    def test_every_job_exists(self):
        known = jobs.load()
        for driver in drivers.load():
            self.assertLessEqual(set(driver.jobs), set(known), driver.name)
            self.assertLessEqual(set(driver.suites), set(known[drivers.MODELS].suites),
                                 driver.name)

    def test_bad_table(self):
        with tempfile.NamedTemporaryFile("w", suffix=".toml") as file:
            file.write("[[driver]]\nname = 'one'\n")
            file.flush()
            with self.assertRaisesRegex(Problem, "bad table"):
                drivers.load(pathlib.Path(file.name))


if __name__ == "__main__":
    unittest.main()

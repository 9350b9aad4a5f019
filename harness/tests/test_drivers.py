# SPDX-License-Identifier: GPL-2.0
"""The README's table of drivers."""

import dataclasses
import pathlib
import tempfile
import unittest
from unittest import mock

from harness.common import readme
from harness.common.report import Problem, Tally
from harness.common.units import Outcome
from harness.boot import drivers, jobs
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
TABLE = readme.line(drivers.HEAD) + """
|---|---|---|---|---|---|---|---|---|
| one | flushes | always | `iommu_one`, `iommu_one_32` | a book | 41 | 3 | 2 | 0 |
| two | asks | range | QEMU | QEMU | 32 | 0 | 0 | 1 |
"""


class Drivers(unittest.TestCase):
    def setUp(self):
        where = tempfile.TemporaryDirectory()
        self.addCleanup(where.cleanup)
        self.readme = pathlib.Path(where.name, "README.md")
        for module, name, value in ((readme, "README", self.readme),
                                    (drivers, "load", lambda: KNOWN),
                            (drivers, "TABLE", pathlib.Path(where.name, "build", "drivers.md"))):
            patch = mock.patch.object(module, name, value)
            patch.start()
            self.addCleanup(patch.stop)

    def compare(self):
        found = Outcome(Tally(), data=[dataclasses.asdict(row) for row in ROWS])
        with mock.patch.object(kunit, "show"):
            done = kunit.close({"all": found})
        return (done.tally.passed, done.tally.failed), "\n".join(done.words)

    def test_counts(self):
        self.assertEqual(drivers.markdown(ROWS), TABLE)

    def test_readme_that_is_right(self):
        self.readme.write_text(f"# Before\n\n{TABLE}\nAfter\n")
        self.assertEqual(self.compare(), ((4, 0), ""))

    def test_readme_that_is_wrong_and_mended(self):
        self.readme.write_text(f"# Before\n\n{TABLE.replace('41', '40')}\nAfter\n")
        counts, said = self.compare()
        self.assertEqual(counts, (3, 1))
        self.assertIn("| 41 |", said)
        self.assertTrue(readme.write(drivers.TABLE, drivers.HEAD))
        self.assertEqual(self.readme.read_text(), f"# Before\n\n{TABLE}\nAfter\n")

    def test_readme_without_table(self):
        self.readme.write_text("# Before\n")
        with self.assertRaisesRegex(Problem, "no table"):
            self.compare()

    def test_write_before_check(self):
        self.assertFalse(readme.write(drivers.TABLE, drivers.HEAD))


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

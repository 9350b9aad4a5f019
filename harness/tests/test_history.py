# SPDX-License-Identifier: GPL-2.0
"""What a row of `make e2e-history` must show."""

import unittest
import unittest.mock

from harness import history, jobs, kunit
from harness.report import Problem

JOB = jobs.Job("virtio", "", jobs.Kernel("kernel", []), [], iommu="virtio-iommu")
WARNING = f"WARNING: iommu.c:1: viommu_iotlb_sync: {history.WARNING}\n"


def report(plain=(), param=(), **more):
    """Return kunit.py's JSON, with failed cases and cases of a parametrised one."""
    def cases(names):
        return [{"name": name, "status": "PASS"} for name in {"good", "empty_gather_test"} - {*names}
                ] + [{"name": name, "status": "FAIL"} for name in names]

    misc = {"crashed": 0, "errors": 0, **more}
    return {"misc": misc, "sub_groups": [
        {"name": "iommu_e2e", "test_cases": cases(plain), "sub_groups": [
            {"name": "write_test", "test_cases": cases(param), "sub_groups": []},
            {"name": "read_test", "test_cases": cases([]), "sub_groups": []}]}]}


def judge(row, console="", **facts):
    """Return (line of the table, complaints)."""
    with unittest.mock.patch("builtins.print"):
        return history.judge(history.Row("kernel", **row), JOB,
                             kunit.Run(report(**facts), "", console, "", 1.0, ""))


class Judge(unittest.TestCase):
    def test_safe(self):
        line, wrong = judge({})
        self.assertEqual((["kernel", "virtio-iommu", "0 of 3", "as it must be", "nobody"], []),
                         (line, wrong))

    def test_corrupted(self):
        facts = {"plain": ["hole_test"], "param": ["synced"]}
        line, wrong = judge({"unsafe": ["virtio"]}, **facts)
        self.assertEqual(("2 of 4", []), (line[2], wrong))
        self.assertIn("memory is corrupted", judge({}, **facts)[1][0])

    def test_not_corrupted_though_it_should_be(self):
        self.assertIn("memory is safe", judge({"unsafe": ["virtio"]})[1][0])

    def test_contract_is_no_corruption(self):
        line, wrong = judge({}, plain=["empty_gather_test"])
        self.assertEqual(("0 of 3", "skipped", []), (line[2], line[3], wrong))

    def test_warning(self):
        line, wrong = judge({"warns": ["virtio"]}, WARNING)
        self.assertEqual(("viommu_iotlb_sync", []), (line[4], wrong))
        self.assertIn("no warning", judge({"warns": ["virtio"]})[1][0])
        self.assertIn("a warning", judge({}, WARNING)[1][0])

    def test_crash(self):
        self.assertEqual("did not run", judge({}, crashed=1)[0][2])
        self.assertTrue(judge({}, crashed=1)[1])


class Rows(unittest.TestCase):
    def test_real_table(self):
        names, rows = history.load()
        self.assertLessEqual(set(names), set(jobs.load()))
        for row in rows:
            self.assertTrue(all(diff for diff, _ in history.patch(row)))

    def test_patch_that_is_gone(self):
        with self.assertRaisesRegex(Problem, "0 patches"):
            history.patch(history.Row("kernel", revert="no-such-patch"))

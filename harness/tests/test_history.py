# SPDX-License-Identifier: GPL-2.0
"""What a row of `make history` must show."""

import contextlib
import dataclasses
import io
import pathlib
import sys
import tempfile
import unittest
from unittest import mock

from harness.common.report import Problem, Tally
from harness.common.units import Outcome
from harness.kernel import topics
from harness.boot import drivers, inputs, jobs, kunit, objects
from harness.checks import history, models_history

JOB = jobs.Job("virtio", "", jobs.Kernel("kernel", []), [], iommu="virtio-iommu")
WARNING = f"WARNING: iommu.c:1: viommu_iotlb_sync: {history.WARNING}\n"


def report(plain=(), param=(), **more):
    """Return kunit.py's JSON, with failed cases and cases of a parametrised one."""
    def cases(names):
        good = {"good", "empty_gather_test"} - {*names}
        return [{"name": name, "status": "PASS"} for name in good] + \
               [{"name": name, "status": "FAIL"} for name in names]

    misc = {"crashed": 0, "errors": 0, **more}
    return {"misc": misc, "sub_groups": [
        {"name": "iommu_e2e", "test_cases": cases(plain), "sub_groups": [
            {"name": "write_test", "test_cases": cases(param), "sub_groups": []},
            {"name": "read_test", "test_cases": cases([]), "sub_groups": []}]}]}


def judge(row, console="", **facts):
    """Return (line of the table, complaints)."""
    with mock.patch("builtins.print"):
        return history.judge(history.Row("kernel", **row), JOB,
                             kunit.Booted(report(**facts), "", console, "", 1.0, ""))


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

    def test_nothing_but_skipped(self):
        with mock.patch.dict(globals(), report=lambda **_: {
                "misc": {"crashed": 0, "errors": 0}, "sub_groups": [
                    {"name": "iommu_e2e", "sub_groups": [], "test_cases": [
                        {"name": "write_test", "status": "SKIP"}]}]}):
            self.assertIn("all cases were skipped", judge({})[1][0])

    def test_user_space(self):
        """It has no case for what is called and not."""
        with mock.patch.dict(globals(), report=lambda **_: {
                "misc": {"crashed": 0, "errors": 0}, "sub_groups": [
                    {"name": "vfio_iotlb_test", "sub_groups": [], "test_cases": [
                        {"name": "page", "status": "FAIL"}]}]}):
            with mock.patch.object(JOB, "programs", ["vfio/vfio_iotlb_test"]):
                line, wrong = judge({"unsafe": ["virtio"]})
        self.assertEqual((["kernel", "virtio-iommu, user space", "1 of 1", "", "nobody"], []),
                         (line, wrong))

    def test_crash(self):
        self.assertEqual("did not run", judge({}, crashed=1)[0][2])
        self.assertTrue(judge({}, crashed=1)[1])


KNOWN = [drivers.Driver("one", "flushes", "always", suites=["iommu_one"]),
         drivers.Driver("two", "asks", "range", suites=["iommu_two"]),
         drivers.Driver("three", "", "range", jobs=["qemu"])]


def judge_models(one, two, unsafe=("always",)):
    """one, two: cases that failed, None if none ran -> what judge_models() returns."""
    found = {f"{suite}.{case}": {"FAIL" if case in failed else "PASS"}
             for suite, failed in (("iommu_one", one), ("iommu_two", two)) if failed is not None
             for case in ("unmap_test", "map_test", "empty_sync_test")}
    with mock.patch.object(drivers, "load", lambda: KNOWN):
        return models_history.judge(history.Row("7.3", unsafe=list(unsafe)), found)


class Models(unittest.TestCase):
    def test_as_expected(self):
        self.assertEqual(judge_models(["unmap_test", "empty_sync_test"], []),
                         ({"one": "1 of 2", "two": "0 of 2"}, []))

    def test_safe_though_nothing_keeps_it_so(self):
        for failed in ([], ["map_test"], ["empty_sync_test"]):
            self.assertIn("one: safe", judge_models(failed, [])[1][0])

    def test_unsafe_though_it_must_not_be(self):
        self.assertIn("two: iommu_two.unmap_test",
                      judge_models(["unmap_test"], ["unmap_test"])[1][0])
        self.assertEqual(judge_models([], [], unsafe=())[1], [])

    def test_suite_that_did_not_run(self):
        self.assertIn("no suite of two", judge_models(["unmap_test"], None)[1][0])

    def test_just_some_cases_of_some_drivers(self):
        row = history.Row("7.3, sync", kinds=["always"], cases=["map_test", "other_test"])
        with mock.patch.object(drivers, "load", lambda: KNOWN):
            for status, wrong in (("PASS", []), ("FAIL", ["7.3, sync: iommu_one.map_test failed"])):
                self.assertEqual(models_history.judge(row, {"iommu_one.map_test": {status}})[1],
                                 wrong)

    def test_what_is_run(self):
        known = [dataclasses.replace(KNOWN[0], suites=["iommu_b", "iommu_a", "iommu_a_own"])]
        with mock.patch.object(drivers, "load", lambda: known):
            self.assertEqual(["iommu_a", "iommu_a_own", "iommu_b"],
                             models_history.filters_of(history.Row("7.3")))
            self.assertEqual(["iommu_a.x_test", "iommu_b.x_test"],
                             models_history.filters_of(history.Row("7.3", cases=["x_test"])))

    def test_kernel_with_some_drivers(self):
        job = jobs.load()[drivers.MODELS]
        kernel = models_history.kernel_of(job, history.Row("", kinds=["always"]))
        self.assertIn("CONFIG_MSM_IOMMU=n", kernel.kconfig_add)
        self.assertFalse([option for option in kernel.kconfig_add
                          if "SPRD" in option or "CONFIG_=" in option])

    def test_kernels_do_not_share_a_folder(self):
        one, two = (models_history.kernel_of(jobs.load()[name])
                    for name in (drivers.MODELS, "smp-soak"))
        self.assertNotEqual(one.name, two.name)
        self.assertIn("drivers/iommu/tests/hw/smp.kunitconfig", two.kunitconfig)
        self.assertNotIn("drivers/iommu/tests/hw/smp.kunitconfig", one.kunitconfig)


class Images(unittest.TestCase):
    def test_same_image(self):
        """What ran with an image does not run again, but for what failed."""
        known = {name: jobs.Job(name, "", jobs.Kernel("x", []), [], iommu="x") for name in "ab"}
        boot = mock.Mock()
        with tempfile.TemporaryDirectory() as top, contextlib.ExitStack() as stack:
            for where, name, value in (
                    (inputs, "KEPT", pathlib.Path(top)), (inputs, "AGAIN", False),
                    (inputs, "disturbed", lambda _: ""),
                    (kunit, "facts", lambda _, job: (job.facts,)),
                    (objects, "noted", lambda *_: None), (objects, "note", mock.Mock()),
                    (inputs.Inputs, "key", lambda _, unit, *more: unit.name + more[0]),
                    (history, "load", lambda: history.Rows(["a", "b"], [], [history.Row("7.3")], [])),
                    (history.jobs, "load", lambda: known), (history.Row, "checkout", mock.Mock()),
                    (history.kunit, "build", lambda *_: True), (history, "boot", boot),
                    (history.kunit, "image", lambda _: self.image), (sys, "stdout", io.StringIO())):
                stack.enter_context(mock.patch.object(where, name, value))
            for self.image, bad, boots, failed in (
                    ("1", 0, 2, 0), ("1", 1, 2, 0), ("2", 1, 4, 2), ("2", 0, 6, 0)):
                boot.side_effect = lambda _row, job, _name: Outcome(
                    Tally(1 - bad, bad), ["wrong"] * bad, [job.name])
                found = dict(history.run(None, ["7.3"]))
                self.assertEqual((boots, failed), (boot.call_count, found["7.3"].tally.failed))
                self.assertEqual([["a"], ["b"]], found["7.3"].data)


class Rows(unittest.TestCase):
    def test_check_leaves_out_user_space(self):
        units = {unit.name: unit.sample for unit in history.units()}
        self.assertTrue(units["the series"])
        self.assertFalse(units["the series, user space"])

    def test_real_table(self):
        rows, known = history.load(), jobs.load()
        self.assertLessEqual({*rows.jobs, *rows.user}, set(known))
        for _, row, names in rows.units():  # they run in one kernel
            self.assertEqual(1, len({known[name].kernel.name for name in names}))
            self.assertLessEqual({*row.unsafe, *row.warns}, {*rows.jobs, *rows.user})
        for row in rows.model:
            self.assertTrue("fixes/*" in row.topics or row.cases)
            self.assertLessEqual(set(row.unsafe), {driver.kind for driver in drivers.load()})
        for row in rows.row + rows.model:
            self.assertTrue(topics.chosen(topics.read(), row.topics))
            self.assertTrue(not row.without or topics.find(row.without))
            self.assertTrue(not row.apply or (history.FOLDER / row.apply).read_text())

    def test_patch_that_is_gone(self):
        with self.assertRaisesRegex(Problem, "0 patches"):
            history.Row("kernel", without="no-such-patch").checkout(None)

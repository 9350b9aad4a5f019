# SPDX-License-Identifier: GPL-2.0
"""Tests of what `make cost` makes of a kernel log and of QEMU's trace."""

import contextlib
import dataclasses
import io
import json
import pathlib
import tempfile
import unittest
from types import SimpleNamespace
from unittest import mock

from harness.common import markdown
from harness.common.report import Problem, Tally
from harness.boot import drivers, jobs
from harness.checks import cost
from harness.checks.cost import best, count, document, one_topic, plots, registers
from harness.checks.cost.count import ALONE, AROUND, BASE, SERIES, Count, Driver, Run

CONSOLE = """\
    # unmap_fast_test: cost: iommu_unmap_fast pages 16 593 601
    # unmap_fast_test: cost: iommu_iotlb_sync pages 16 762 814
        ok 1 pages 16
"""
TRACE = """\
smmuv3_cmdq_opcode <--- SMMU_CMD_CFGI_STE
pci_cfg_read edu 02:0 @0xf4 -> 0x0
pci_cfg_read edu 02:0 @0xf3 -> 0x0
smmuv3_cmdq_opcode <--- SMMU_CMD_TLBI_NH_VA
pci_cfg_read edu 02:0 @0xf4 -> 0x0
smmuv3_cmdq_opcode <--- SMMU_CMD_TLBI_NH_VA
smmuv3_other
smmuv3_cmdq_opcode <--- SMMU_CMD_SYNC
pci_cfg_read edu 02:0 @0xf3 -> 0x0
smmuv3_cmdq_opcode <--- SMMU_CMD_SYNC
"""
EVENTS = ["smmuv3_cmdq_opcode"]


def driver(base, series, kind="range", name="SMMUv3", alone=None):
    """base, series, alone (default base): lists of Count -> Driver."""
    return Driver("arm64", name, kind,
                  {version: {each.key: each for each in listed} for version, listed in
                   ((BASE, base), (ALONE, base if alone is None else alone), (SERIES, series))})


def counts(unmap=100, sync=50, empty=10, told=2):
    """Return the counts (list of Count) of an unmap, its sync, and an empty one."""
    return [Count("iommu_unmap_fast", "pages", 1, unmap, 0),
            Count("iommu_iotlb_sync", "pages", 1, sync, told),
            Count("iommu_iotlb_sync", "empty", 0, empty, 0)]


def run_of(slope, fixed, call="iommu_unmap_fast"):
    """Return counts (list of Count) that cost fixed, and slope for each page."""
    return [Count(call, "pages", n, fixed + slope * n, 0) for n in (1, 2, 4, 8, 16)]


class ReadTest(unittest.TestCase):
    def test_counts_and_commands_meet(self):
        found = count.read(CONSOLE, TRACE, EVENTS)
        self.assertEqual(found["iommu_unmap_fast", "pages", 16].instructions, 593)
        self.assertEqual(found["iommu_unmap_fast", "pages", 16].commands, 0)
        self.assertEqual(found["iommu_iotlb_sync", "pages", 16].commands, 2)

    def test_a_mark_that_is_missing(self):
        with self.assertRaisesRegex(Problem, "2 counts .* 1 in"):
            count.read(CONSOLE, TRACE.partition("@0xf3")[2].partition("@0xf3")[2] +
                       "pci_cfg_read edu 02:0 @0xf4 -> 0x0\n", EVENTS)

    def test_without_commands(self):
        found = count.read(CONSOLE, "", [])
        self.assertIsNone(found["iommu_iotlb_sync", "pages", 16].commands)

    def test_registers(self):
        self.assertEqual(registers.read("  # commands_test: commands: pages 16 17 16 1\n"),
                         {"pages 16": "17, 16, 1"})

    def test_registers_of_whom(self):
        """Of each driver on a model, not of the suites with cases of one driver only."""
        chosen = set(registers.suites())
        for driver in drivers.load():
            self.assertTrue(not driver.suites or chosen & {*driver.suites}, driver.name)
        self.assertNotIn("iommu_msm_own", chosen)


class JudgeTest(unittest.TestCase):
    def test_the_same_is_fine(self):
        self.assertEqual(count.judge(driver(counts(), counts())), (4, []))

    def test_what_one_call_gains_another_may_lose(self):
        self.assertEqual(count.judge(driver(counts(), counts(unmap=99, sync=51)))[1], [])

    def test_one_instruction_more(self):
        wrong = count.judge(driver(counts(), counts(sync=51)))[1]
        self.assertEqual(wrong, ["arm64, SMMUv3: iommu_unmap_fast + iommu_iotlb_sync, pages 1: "
                                 "151 instructions with series, 150 on the base"])

    def test_one_instruction_more_with_sync_alone(self):
        wrong = count.judge(driver(counts(), counts(), alone=counts(unmap=101)))[1]
        self.assertEqual(wrong, ["arm64, SMMUv3: iommu_unmap_fast + iommu_iotlb_sync, pages 1: "
                                 "151 instructions with sync, 150 on the base"])

    def test_page_tables_are_judged_in_a_domain_only(self):
        for call, paths in (("lpae_s1", 0), ("core_lpae", 10)):
            both = driver(run_of(9, 9, call), run_of(9, 10, call), "", "formats")
            self.assertEqual((count.judge(both)[0], len(count.judge(both)[1])),
                             (paths, paths // 2))

    def test_one_command_more(self):
        wrong = count.judge(driver(counts(), counts(told=3)))[1]
        self.assertEqual(len(wrong), 1)
        self.assertIn("3 commands with series, 2 on the base", wrong[0])

    def test_an_empty_gather_is_free_for_range_drivers_only(self):
        base, series = counts(), counts(empty=90)
        self.assertIn("iommu_iotlb_sync, empty: 90", count.judge(driver(base, series))[1][0])
        self.assertEqual(count.judge(driver(base, series, "always"))[1], [])

    def test_a_count_that_one_kernel_lacks(self):
        with self.assertRaisesRegex(Problem, "pages 1 was not counted"):
            count.judge(driver(counts(), counts()[1:]))

    def test_slope(self):
        both = driver(run_of(61, 400), run_of(12, 370))
        self.assertEqual(document.slopes(both, "iommu_unmap_fast"),
                         {BASE: [61, 400], ALONE: [61, 400], SERIES: [12, 370]})
        self.assertEqual(document.slopes(both, "iommu_unmap"), {})

    def test_verdict(self):
        right, wrong, line = cost.verdict([driver(counts(), counts()),
                                            driver(counts(), counts(told=3), name="AMD")])
        self.assertEqual((right, len(wrong)), (7, 1))
        self.assertIn("4 paths behind 2 IOMMUs: 1 cost", line)


class BestTest(unittest.TestCase):
    def compare(self, known, now):
        with mock.patch.object(best, "compiler", lambda arch: "12"):
            return best.compare([driver(counts(), counts(**now))],
                                best.counted([driver(counts(), counts(**known))]))

    def test_as_ever(self):
        self.assertEqual(self.compare({}, {})[:2], (2, []))

    def test_what_was_won_is_lost(self):
        """The base takes more still."""
        for known, now in (({"unmap": 90}, {"unmap": 91}), ({"told": 1}, {"told": 2})):
            right, wrong, _ = self.compare(known, now)
            self.assertEqual((right, len(wrong)), (1, 1))

    def test_less_is_told(self):
        self.assertIn("2 paths take no more than before, 1 of them less; 0 are new",
                      self.compare({}, {"unmap": 99})[2])

    def test_another_compiler(self):
        with mock.patch.object(best, "compiler", lambda arch: "12"):
            right, wrong, line = best.compare([driver(counts(), counts())], {"gcc 11": {}})
        self.assertEqual((right, wrong), (0, []))
        self.assertIn("2 are new", line)

    def test_the_file(self):
        for paths in best.read().values():
            for cost_ in paths.values():
                self.assertEqual(len(cost_), 2)


class TopicTest(unittest.TestCase):
    def test_more_and_less(self):
        both = Driver("arm64", "formats", "", {
            version: {each.key: each for each in (*run_of(slope, 9, "lpae_s1"),
                                                  *run_of(3, 9, "limit"))}
            for version, slope in zip(AROUND, (30, 29))})
        self.assertEqual([[*row[2:7], row[-1]] for row in one_topic.rows(both)][0],
                         ["lpae_s1", "pages", 1, 39, 38, ""])
        self.assertEqual(len(one_topic.rows(both)), 5)
        both.counts[AROUND[1]]["lpae_s1", "pages", 1].instructions = 40
        self.assertEqual(one_topic.rows(both)[0][-1], "more")

    def test_a_topic_that_is_counted_nowhere(self):
        with self.assertRaisesRegex(Problem, "has runs for virtio-cost, io-pgtable"):
            one_topic.runs("models")


class RunsTest(unittest.TestCase):
    def test_the_table_fits_the_jobs(self):
        runs = count.load()
        known = jobs.load()
        for run in runs:
            booted = list(count.boots(run, known))
            self.assertEqual(len(booted), len(run.modes))
            self.assertTrue(booted[0].commands)
            self.assertIn("CONFIG_IOMMU_COST_KUNIT_TEST=y", booted[0].kernel.trim)
        self.assertTrue(any(run.guard and run.kind == "range" for run in runs))
        self.assertTrue(any(run.guard and run.kind == "always" for run in runs))

    def test_lazy_counts_the_dma_api_only(self):
        run = Run("SMMUv3", "range", "smmuv3-stage1", ["strict", "lazy"], "-cpu max")
        strict, lazy = count.boots(run, jobs.load())
        self.assertEqual((strict.filter, lazy.filter), ("iommu_cost", "iommu_cost.dma*"))
        self.assertEqual((strict.mode, lazy.mode), ("strict", "lazy"))
        self.assertTrue(strict.qemu_args.endswith(" -cpu max"))

    def test_bad_table(self):
        with tempfile.TemporaryDirectory() as top:
            path = pathlib.Path(top, "runs.toml")
            path.write_text("[[run]]\nwhat = 1\n")
            with self.assertRaisesRegex(Problem, "has a bad table"):
                count.load(path)

    def boot(self, **run):
        job = SimpleNamespace(name="smmuv3", commands=EVENTS)
        done = {"report": None, "console": "", "trace": "", "logs": "see x", **run}
        with mock.patch.object(count.kunit, "boot", return_value=SimpleNamespace(**done)):
            return count.boot("tree", job, Run("SMMUv3", "range", "smmuv3", ["strict"]), BASE)

    def test_a_kernel_that_does_not_boot(self):
        with self.assertRaisesRegex(Problem, "did not run, see x"):
            self.boot()

    def test_a_case_that_fails(self):
        report = {"sub_groups": [{"name": "iommu_cost", "sub_groups": [], "test_cases": [
            {"name": "unmap_test", "status": "FAIL"}]}]}
        with self.assertRaisesRegex(Problem, "iommu_cost.unmap_test failed"):
            self.boot(report=report, console=CONSOLE, trace=TRACE)

    def test_same_image(self):
        """What was counted with an image is not counted again."""
        run = Run("SMMUv3", "range", "smmuv3-stage1", ["strict"])
        counted = {each.key: each for each in counts()}
        boot = mock.Mock(return_value=counted)
        with tempfile.TemporaryDirectory() as top, contextlib.ExitStack() as stack:
            for where, name, value in (
                    (count.inputs, "KEPT", pathlib.Path(top)), (count.inputs, "AGAIN", False),
                    (count.inputs, "disturbed", lambda _: ""),
                    (count.variants, "checkout", mock.Mock()),
                    (count.objects, "noted", lambda *_: None),
                    (count.objects, "note", mock.Mock()),
                    (count.inputs.Inputs, "key", lambda _, unit, image, *more: image),
                    (count.kunit, "build", lambda *_: True),
                    (count.kunit, "image", lambda kernel: str(kernel.top.name) + self.image),
                    (count, "boot", boot)):
                stack.enter_context(mock.patch.object(where, name, value))
            stack.enter_context(contextlib.redirect_stdout(io.StringIO()))
            composed = SimpleNamespace(tree=pathlib.Path("series/linux"))
            for self.image, boots in (("1", 3), ("1", 3), ("2", 6)):
                found = list(count.each(composed, [run]))
                self.assertEqual(boots, boot.call_count)
                self.assertEqual(counted, found[0][1].counts[SERIES])

    def test_a_suite_that_counts_nothing(self):
        with self.assertRaisesRegex(Problem, "counted nothing"):
            self.boot(report={"sub_groups": []})


class DocumentTest(unittest.TestCase):
    def setUp(self):
        formats = [run_of(30, 280, "lpae_s1") + run_of(3, 60, "limit"),
                   run_of(12, 230, "lpae_s1") + run_of(3, 60, "limit")]
        extra = [Count("iommu_iotlb_sync", "pages", n, 5, 2) for n in (1, 2, 4, 8, 16)]
        extra += [Count("iommu_iotlb_sync", "empty", 0, 9, 0),
                  Count("iommu_unmap", "pages", 1, 500, 2)]
        self.drivers = [driver(run_of(61, 400) + extra, run_of(12, 370) + extra),
                        driver(*formats, kind="", name="formats")]
        self.enterContext(mock.patch.object(document.inputs, "stamp", lambda _: {"tree": "t"}))

    def test_json(self):
        composed = SimpleNamespace(base=SimpleNamespace(version="7.3.4"))
        data = json.loads(json.dumps(document.document(composed, self.drivers, {}, {})))
        call = data["counts"]["arm64"]["SMMUv3"]["iommu_unmap_fast"]
        self.assertEqual(call["slope"],
                         {BASE: [61, 400], ALONE: [61, 400], SERIES: [12, 370]})
        self.assertIn({"shape": "pages", "n": 16, "base": 1376, "sync": 1376, "series": 562,
                       "base_commands": 0, "sync_commands": 0, "series_commands": 0},
                      call["points"])
        self.assertEqual({"tree": "t"}, data["stamp"])

    def test_page_table(self):
        rows = document.page_rows(self.drivers)
        self.assertEqual(rows[0], ["arm64", "SMMUv3", "61", "61", "12", 1381, 1381, 567,
                                   "", "", ""])
        self.assertEqual(rows[1][:5], ["arm64", "lpae_s1", "30", "30", "12"])
        new = document.table(document.TABLE.head, rows)
        self.assertEqual(document.differences(new, new), [])
        near = new.replace("1381", "1382")
        self.assertEqual(document.differences(new, near), [])
        self.assertEqual(len(document.differences(new, new.replace("1381", "1400"))), 1)
        self.assertEqual(len(document.differences("", new)), 3)

    def test_run_and_write(self):
        composed = SimpleNamespace(base=SimpleNamespace(version="7.3.4"), tree="tree")
        stands = {(cost.count, "count"): mock.Mock(return_value=self.drivers),
                  (cost.sizes, "measure"): mock.Mock(return_value={}),
                  (cost.registers, "count"): mock.Mock(return_value={}),
                  (document.sizes, "rows"): mock.Mock(return_value=[]),
                  (plots, "draw"): lambda _, out: (out / "slope.svg").write_text("<svg/>")}
        with tempfile.TemporaryDirectory() as top, contextlib.ExitStack() as stack:
            top = pathlib.Path(top)
            page = top / "page.md"
            page.write_text(document.table(document.TABLE.head, []) + "\nAfter\n")
            (top / "best.json").write_text('{"gcc 11": {}}')
            for (where, name), stand in {
                    **stands, (cost, "OUT"): top / "out", (markdown, "BUILD"): top / "build",
                    (document, "TABLE"): dataclasses.replace(document.TABLE, page=page),
                    (best, "FILE"): top / "best.json", (best, "compiler"): lambda arch: "12",
                    (cost, "PICTURE"): top / "slope.svg"}.items():
                stack.enter_context(mock.patch.object(where, name, stand))
            said = stack.enter_context(contextlib.redirect_stdout(io.StringIO()))
            self.assertFalse(cost.write())
            self.assertEqual(cost.measure(composed), Tally(14, 0))
            self.assertIn("0 of 3 lines are the page's", said.getvalue())
            self.assertTrue(cost.write())
            self.assertIn("| arm64 | SMMUv3 | 61 | 61 | 12 | 1381 | 1381 | 567 |  |  |  |\n",
                          page.read_text())
            self.assertTrue(page.read_text().endswith("\n\nAfter\n"))
            cost.measure(composed)
            self.assertIn("3 of 3 lines are the page's", said.getvalue())
            self.assertIn("7 paths take no more than before, 0 of them less; 0 are new",
                          said.getvalue())
            self.assertEqual({"gcc 11", "gcc 12"}, {*best.read(top / "best.json")})

    def test_markdown(self):
        text = document.markdown(self.drivers, {}, {"iommu_qcom": {"pages 16": {
            BASE: "17, 16, 1", SERIES: "17, 16, 1"}}}, "all is well")
        self.assertIn("| iommu_qcom | pages | 16 | 17, 16, 1 | 17, 16, 1 |", text)
        self.assertIn("| iommu_unmap_fast + iommu_iotlb_sync | pages | 16 | 1381 | 1381 | 567 "
                      "| 2 | 2 | 2 |", text)

    def test_pictures(self):
        try:
            import matplotlib
        except ImportError:
            self.skipTest("matplotlib is not there yet")
        del matplotlib
        with tempfile.TemporaryDirectory() as top:
            first, again = pathlib.Path(top, "a"), pathlib.Path(top, "b")
            for out in (first, again):
                out.mkdir()
                plots.draw(self.drivers, out)
            self.assertEqual({path.name for path in first.iterdir()},
                             {f"{name}.{kind}" for name in ("cost", "slope", "commands")
                              for kind in ("svg", "png")})
            for path in first.glob("*.svg"):
                self.assertEqual(path.read_text(), (again / path.name).read_text())


if __name__ == "__main__":
    unittest.main()

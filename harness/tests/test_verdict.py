# SPDX-License-Identifier: GPL-2.0
"""How a KUnit run is judged, and what is said about it."""

import dataclasses
import json
import pathlib
import tempfile
import unittest
import unittest.mock

from harness.boot import jobs, kunit, verdict

from .fake import put

CLEAN = "Linux version 7.3.4\narm-v7s io-pgtable: self test ok\nreboot: System halted\n"


def group(name, passed=0, failed=0, skipped=0, crashed=0, errors=0):
    """Return one suite as kunit.py's JSON has it."""
    return {"name": name, "misc": {"passed": passed, "failed": failed, "errors": errors,
                                   "skipped": skipped, "crashed": crashed}}


def report(*groups, **more):
    """Return kunit.py's JSON for groups; more: counts that are in no suite."""
    total = group("", **more)
    for each in groups:
        for key, value in each["misc"].items():
            total["misc"][key] += value
    return {**total, "sub_groups": list(groups)}


KERNEL = jobs.Kernel("kernel", [])


def judge(*groups, console=CLEAN, suites=("sync",), texts=(), trace="", more=None, **facts):
    """Return (passed, failed, complaints) of one run; facts: of the job."""
    job = jobs.Job("job", "", KERNEL, list(suites), console=list(texts), **facts)
    rows, wrong = verdict.results(job, report(*groups, **(more or {})), console, trace, 1.0)
    return sum(r.passed for r in rows), sum(r.failed for r in rows), "\n".join(wrong)


class Judge(unittest.TestCase):
    def test_counts(self):
        passed, failed, wrong = judge(group("sync", passed=7))
        self.assertEqual((passed, failed, wrong), (8, 0, ""))    # 7 and the log

    def test_failed_crashed_and_broken_cases_all_count(self):
        job = jobs.Job("job", "", KERNEL, ["sync"])
        rows, _ = verdict.results(job, report(group("sync", failed=1, crashed=1, errors=1)), "",
                                  "", 1.0)
        self.assertEqual([(r.suite, r.failed) for r in rows], [("sync", 3), ("(kernel log)", 0)])

    def test_absent_suite_fails(self):
        _, failed, wrong = judge(group("other", passed=3))
        self.assertEqual(failed, 1)
        self.assertIn("suite sync did not run", wrong)

    def test_who_lacks_what_was_skipped_is_told(self):
        found = verdict.blame(
            "[    0.1]     # Subtest: one\n    ok 1 a # SKIP driver: has none\n"
            "    ok 2 b\n    # Subtest: two\n        # Subtest: c\n"
            "        ok 1 first of it # SKIP hardware: has none\n"
            "        ok 2 second # SKIP hardware: has none\n    ok 1 c # SKIP whatever\n")
        self.assertEqual(found, {"one": {"driver": 1}, "two": {"hardware": 2}})

    def test_skip_without_one_of_these_fails(self):
        said = "    # Subtest: sync\n    ok 1 a # SKIP model: has none\n"
        told = judge(group("sync", passed=1, skipped=1), console=CLEAN + said)
        self.assertEqual((2, 0, ""), told)
        for said_too in ("", "    ok 2 b # SKIP has none\n", "    ok 2 b # SKIP nobody: has none\n"):
            _, failed, wrong = judge(group("sync", passed=1, skipped=2),
                                     console=CLEAN + said + said_too)
            self.assertEqual(1, failed)
            self.assertIn("suite sync: 1 case(s) were skipped", wrong)

    def test_suite_of_others_skips_what_is_known(self):
        said = "    # Subtest: theirs\n" + "    ok 1 a # SKIP no room\n" * 2
        for count, failures in ((2, 0), (1, 1), (3, 1)):
            rows, wrong = verdict.results(
                jobs.Job("job", "", KERNEL, ["theirs"], skips={"theirs": count}),
                report(group("theirs", passed=1, skipped=2)), said, "", 1.0)
            self.assertEqual(failures, sum(row.failed for row in rows))
            self.assertEqual([f"suite theirs skipped 2 cases, not {count}"] * failures, wrong)

    def test_results_are_kept_as_json(self):
        rows, _ = verdict.results(
            jobs.Job("job", "", KERNEL, []), report(group("one", skipped=1)),
            "    # Subtest: one\n    ok 1 a # SKIP model: has none\n", "", 1.0)
        self.assertEqual(json.loads(json.dumps(dataclasses.asdict(rows[0])))["blamed"],
                         {"model": 1})

    def test_suite_that_skips_everything_fails(self):
        _, failed, wrong = judge(group("sync", skipped=3))
        self.assertEqual(failed, 1)
        self.assertIn("ran no case", wrong)

    def test_unexpected_suite_that_fails_counts(self):
        self.assertEqual(judge(group("sync", passed=1), group("other", failed=2))[1], 2)

    def test_crash_outside_the_suites_fails(self):
        _, failed, wrong = judge(group("sync", passed=1), more={"errors": 1, "crashed": 1})
        self.assertEqual(failed, 2)
        self.assertIn("crashed or hung", wrong)

    def test_dirty_log_fails(self):
        for line in ("WARNING: CPU: 0 PID: 9 at drivers/iommu/iommu.c:2772 f+0x1",
                     "WARNING: drivers/iommu/iommu.c:2772 at f+0x1, CPU#0: swapper/1",
                     "BUG: KASAN: slab-use-after-free in f",
                     "BUG: sleeping function called from invalid context",
                     "WARNING: possible recursive locking detected",
                     "[ BUG: Invalid wait context ]",
                     "INFO: trying to register non-static key.",
                     "turning off the locking correctness validator.",
                     "UBSAN: shift-out-of-bounds in drivers/iommu/x.c:1:2",
                     "Oops: general protection fault", "Call Trace:", "Call trace:",
                     "------------[ cut here ]------------",
                     "Internal error: synchronous external abort: 96000004 [#1]",
                     "Kernel panic - not syncing: Kernel mode fault"):
            _, failed, wrong = judge(group("sync", passed=1), console=CLEAN + line + "\n")
            self.assertEqual(failed, 1, line)
            self.assertIn(line, wrong)

    def test_harmless_lines_are_no_dirt(self):
        self.assertIsNone(verdict.DIRT.search("# Subtest: iommu_sync_warning"))
        self.assertIsNone(verdict.DIRT.search("DEBUG: nothing"))

    def test_injected_fault_is_not_dirt(self):
        said = ("FAULT_INJECTION: forcing a failure.\nname failslab\nCPU: 0\n"
                "Call Trace:\n <TASK>\n dump_stack+0x1/0x2\n </TASK>\n")
        self.assertEqual([], verdict.dirt(said))
        self.assertEqual(["Call Trace:"], verdict.dirt(said + "CPU: 0\nCall Trace:\n"))
        self.assertEqual(["BUG: sleeping"], verdict.dirt("BUG: sleeping\n" + said))

    def test_console_text(self):
        text = "arm-v7s io-pgtable: self test ok"
        self.assertEqual(judge(group("sync", passed=1), texts=[text])[1], 0)
        _, failed, wrong = judge(group("sync", passed=1), texts=[text], console="\n")
        self.assertEqual(failed, 1)
        self.assertIn("lacks: " + text, wrong)


    def test_several_cpus(self):
        there = "smp: Brought up 1 node, 4 CPUs\n"
        for facts in ({"qemu_args": "-m 2G -smp 4 -device x"}, {"kernel_args": ["ncpus=4"]}):
            self.assertEqual(judge(group("sync", passed=1), console=there, **facts)[1], 0)
            _, failed, wrong = judge(group("sync", passed=1), console="smp: 1 CPU\n", **facts)
            self.assertEqual(failed, 1)
            self.assertIn("lacks: " + there.strip(), wrong)

    def test_mode(self):
        good = CLEAN + "# in_flight_test: the DMA API is lazy\n"
        self.assertEqual(judge(group("sync", passed=1), mode="lazy", console=good)[1], 0)
        _, failed, wrong = judge(group("sync", passed=1), mode="strict", console=good)
        self.assertEqual(failed, 1)
        self.assertIn("the DMA API is strict", wrong)


class Commands(unittest.TestCase):
    """What QEMU's trace must hold around the marks of the suite."""

    def wrong(self, empty, full, always=False):
        """empty, full: events during either sync -> list of complaints."""
        job = jobs.Job("job", "", KERNEL, [], commands=["iotlb_*"], always=always)
        lines = ["iotlb_flush before", "pci_cfg_read edu 00:02.0 @0x0 -> 0x1",
                 "pci_cfg_read edu 00:02.0 @0xf1 -> 0x0", *empty,
                 "pci_cfg_read edu 00:02.0 @0xf3 -> 0x0", "iotlb_flush between",
                 "pci_cfg_read edu 00:02.0 @0xf2 -> 0x0", *full,
                 "pci_cfg_read edu 00:02.0 @0xf3 -> 0x0", "iotlb_flush after"]
        return verdict.miscounts(job, "\n".join(lines))

    def test_range(self):
        self.assertEqual([], self.wrong([], ["iotlb_flush 1", "iotlb_wait"]))
        self.assertIn("empty gather: 1 commands, expected none",
                      self.wrong(["iotlb_flush 1"], ["iotlb_flush 2"])[0])
        self.assertIn("unmapped: 0 commands, expected some", self.wrong([], ["other"])[0])

    def test_always(self):
        self.assertEqual([], self.wrong(["iotlb_flush 1"], [], always=True))
        self.assertEqual(2, len(self.wrong([], ["iotlb_flush 1"], always=True)))

    def test_no_trace(self):
        job = jobs.Job("job", "", KERNEL, [], commands=["iotlb_*"])
        self.assertEqual(2, len(verdict.miscounts(job, "")))
        _, failed, wrong = judge(group("sync", passed=1), commands=["iotlb_*"])
        self.assertEqual(failed, 2)
        self.assertIn("has no sync", wrong)

    def test_text(self):
        job = jobs.Job("job", "", KERNEL, [], trace=["S2_IPA"])
        self.assertIn("QEMU's trace lacks: S2_IPA", verdict.miscounts(job, "iotlb NH_VA"))
        self.assertNotIn("S2_IPA", str(verdict.miscounts(job, "iotlb S2_IPA")))


class Words(unittest.TestCase):
    def test_what_kunit_py_says_of_a_log(self):
        script = ("import sys\nprint('[10:00:00]', *sys.argv[1:])\nprint('[10:00:01] ')\n"
                  "print('[10:00:01]', sys.stdin.read())\n")
        with tempfile.TemporaryDirectory() as name:
            put(name, {kunit.KUNIT: script})
            self.assertEqual(["parse --failed", "not ok 1 bad"],
                             kunit.failures(pathlib.Path(name), "not ok 1 bad"))

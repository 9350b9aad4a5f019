# SPDX-License-Identifier: GPL-2.0
"""How a KUnit run is judged, and what jobs.toml may hold."""

import pathlib
import tempfile
import unittest

from harness import jobs
from harness.report import Problem

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


def judge(*groups, console=CLEAN, suites=("sync",), texts=(), **more):
    """Return (passed, failed, complaints) of one run."""
    job = jobs.Job("job", "", [], list(suites), console=list(texts))
    rows, wrong = jobs.results(job, report(*groups, **more), console, 1.0)
    return sum(r.passed for r in rows), sum(r.failed for r in rows), "\n".join(wrong)


class Judge(unittest.TestCase):
    def test_counts(self):
        passed, failed, wrong = judge(group("sync", passed=7, skipped=2))
        self.assertEqual((passed, failed, wrong), (8, 0, ""))    # 7 and the log

    def test_failed_crashed_and_broken_cases_all_count(self):
        job = jobs.Job("job", "", [], ["sync"])
        rows, _ = jobs.results(job, report(group("sync", failed=1, crashed=1, errors=1)), "", 1.0)
        self.assertEqual([(r.suite, r.failed) for r in rows], [("sync", 3), ("(kernel log)", 0)])

    def test_absent_suite_fails(self):
        _, failed, wrong = judge(group("other", passed=3))
        self.assertEqual(failed, 1)
        self.assertIn("suite sync did not run", wrong)

    def test_suite_that_skips_everything_fails(self):
        _, failed, wrong = judge(group("sync", skipped=3))
        self.assertEqual(failed, 1)
        self.assertIn("ran no case", wrong)

    def test_unexpected_suite_that_fails_counts(self):
        self.assertEqual(judge(group("sync", passed=1), group("other", failed=2))[1], 2)

    def test_crash_outside_the_suites_fails(self):
        _, failed, wrong = judge(group("sync", passed=1), errors=1, crashed=1)
        self.assertEqual(failed, 2)
        self.assertIn("crashed or hung", wrong)

    def test_dirty_log_fails(self):
        for line in ("WARNING: CPU: 0 PID: 9 at drivers/iommu/iommu.c:2772 f+0x1",
                     "WARNING: drivers/iommu/iommu.c:2772 at f+0x1, CPU#0: swapper/1",
                     "BUG: KASAN: slab-use-after-free in f",
                     "BUG: sleeping function called from invalid context",
                     "UBSAN: shift-out-of-bounds in drivers/iommu/x.c:1:2",
                     "Oops: general protection fault", "Call Trace:", "Call trace:",
                     "------------[ cut here ]------------",
                     "Internal error: synchronous external abort: 96000004 [#1]",
                     "Kernel panic - not syncing: Kernel mode fault"):
            _, failed, wrong = judge(group("sync", passed=1), console=CLEAN + line + "\n")
            self.assertEqual(failed, 1, line)
            self.assertIn(line, wrong)

    def test_harmless_lines_are_no_dirt(self):
        self.assertIsNone(jobs.DIRT.search("# Subtest: iommu_sync_warning"))
        self.assertIsNone(jobs.DIRT.search("DEBUG: nothing"))

    def test_console_text(self):
        text = "arm-v7s io-pgtable: self test ok"
        self.assertEqual(judge(group("sync", passed=1), texts=[text])[1], 0)
        _, failed, wrong = judge(group("sync", passed=1), texts=[text], console="\n")
        self.assertEqual(failed, 1)
        self.assertIn("lacks: " + text, wrong)


class Words(unittest.TestCase):
    def test_only_what_failed_is_repeated(self):
        text = ("Building\n[10:00:00] ======\n[10:00:01] ==== sync (2 subtests) ====\n"
                "[10:00:01] [PASSED] good\n[10:00:01] # bad: EXPECTATION FAILED at x.c:1\n"
                "[10:00:01] [FAILED] bad\n[10:00:01] ==== [FAILED] sync ====\n")
        self.assertEqual(jobs.failures(text),
                         ["# bad: EXPECTATION FAILED at x.c:1", "[FAILED] bad",
                          "==== [FAILED] sync ===="])


class Table(unittest.TestCase):
    def test_upstream_command(self):
        job = jobs.Job("uml", "", ["drivers/iommu/tests"], [], trim=["CONFIG_VT=n"])
        self.assertEqual(jobs.upstream(job), "./tools/testing/kunit/kunit.py run "
                         "--kunitconfig=drivers/iommu/tests")
        job = jobs.Job("arm64", "", ["k"], [], arch="arm64", cross_compile="a-", qemu_args="-x y")
        self.assertEqual(jobs.upstream(job), "./tools/testing/kunit/kunit.py run --arch=arm64 "
                         "--cross_compile=a- --kunitconfig=k '--qemu_args=-x y'")

    def test_real_table(self):
        self.assertTrue(any(job.default for job in jobs.load().values()))

    def test_unknown_key_and_unknown_job(self):
        with tempfile.TemporaryDirectory() as name:
            path = pathlib.Path(name, "jobs.toml")
            path.write_text("[a]\nabout = ''\nkunitconfig = []\nsuits = []\n")
            with self.assertRaisesRegex(Problem, "suits"):
                jobs.load(path)
        with self.assertRaisesRegex(Problem, "no job is called nope"):
            jobs.run(None, ["nope"])

# SPDX-License-Identifier: GPL-2.0
"""Cases that come to something else in another order are told of, and soaks that fail end."""

import pathlib
import unittest
from unittest import mock

from harness.boot import jobs, kunit, soak
from harness.checks import order
from harness.common.report import Problem

JOB = jobs.Job("tests", "", jobs.Kernel("um", []), [], filter="i*", kernel_args=["time-travel"])
COMPOSED = mock.Mock(tree=pathlib.Path("linux"))


def report(**cases):
    """Return kunit.py's JSON of one suite."""
    return {"sub_groups": [{"name": "one", "sub_groups": [], "test_cases": [
        {"name": name, "status": status} for name, status in cases.items()]}]}


class Runs(unittest.TestCase):
    def boots(self, answer):
        """Have kunit.start() give what answer makes of a job; return the list of those jobs."""
        started = []

        def start(_tree, job, _name, _tick):
            started.append(job)
            return kunit.Booted(answer(job), "", "", "", 1.0, "see the log")
        for module, name, value in ((kunit, "start", start), (kunit, "build", lambda *_: True),
                                    (jobs, "load", lambda: {"tests": JOB})):
            patch = mock.patch.object(module, name, value)
            patch.start()
            self.addCleanup(patch.stop)
        return started


class Order(Runs):
    def run_order(self, answer):
        started = self.boots(answer)
        done = dict(order.run(COMPOSED, ["alone", "shuffled"]))
        return started, done

    def test_same_whatever_the_order(self):
        def answer(job):
            name = job.filter.removeprefix("i*").removeprefix(".")
            return report(**{case: "PASS" for case in (name and [name]) or ["a", "b"]})
        started, done = self.run_order(answer)
        self.assertEqual([job.filter for job in started], ["i*", "i*.a", "i*.b", "i*"])
        self.assertEqual(started[-1].kernel_args, ["time-travel", "iommu_hw.order=1"])
        for each in done.values():
            self.assertEqual((each.tally.passed, each.tally.failed), (2, 0))

    def test_case_that_needs_another(self):
        def answer(job):
            return {"i*.a": report(a="FAIL"), "i*.b": report(b="SKIP")}.get(
                job.filter, report(a="PASS", b="SKIP"))
        done = self.run_order(answer)[1]
        self.assertEqual(done["alone"].words, ["one.a: FAIL, in the order listed PASS"])
        self.assertEqual(done["shuffled"].words, [])

    def test_case_that_does_not_run(self):
        done = self.run_order(lambda job: report(a="PASS") if job.filter == "i*" else None)[1]
        self.assertEqual(done["alone"].words, ["one.a: did not run, in the order listed PASS"])


class Soak(Runs):
    def test_seeds_until_time_is_over(self):
        started = self.boots(lambda job: report(soak_test="PASS"))
        with mock.patch.object(soak, "monotonic", iter([0, 10, 61, 62]).__next__):
            tally = soak.soak(lambda: COMPOSED, "7", "1")
        self.assertEqual((tally.passed, tally.failed), (2, 0))
        self.assertEqual([job.kernel_args[1] for job in started],
                         ["iommu_hw.seed=7", "iommu_hw.seed=8"])

    def test_ends_with_the_seed_that_fails(self):
        for answer in (report(soak_test="FAIL"), None):
            started = self.boots(lambda job, answer=answer: answer)
            self.assertEqual(soak.soak(lambda: COMPOSED, "3", "5").failed, 1)
            self.assertEqual(len(started), 1)

    def test_words_are_refused(self):
        with self.assertRaisesRegex(Problem, "TIME=ten"):
            soak.soak(lambda: COMPOSED, "", "ten")

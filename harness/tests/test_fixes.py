# SPDX-License-Identifier: GPL-2.0
"""What must come of a kernel without one of the fixes."""

import dataclasses
import pathlib
import tempfile
import unittest
from unittest import mock

from harness.common import markdown
from harness.common.report import Problem
from harness.common.run import Done
from harness.kernel import neighbours, patches, topics
from harness.boot import jobs
from harness.checks import fixes, mutants

from harness.tests.test_mutants import ran

JOB = jobs.Job("tests", "", jobs.Kernel("um", []), [])
FIX = fixes.Fix("a-Mend", "tests", ["sync.unmap0", "sync.unmap1"])
HANGS = dataclasses.replace(FIX, hangs=True)
DIFF = "--- a/x\n+++ b/x\n"


class Load(unittest.TestCase):
    def load(self, text):
        with tempfile.NamedTemporaryFile("w", suffix=".toml") as file:
            file.write(text)
            file.flush()
            return fixes.load(pathlib.Path(file.name))

    def test_own(self):
        known = topics.read()
        self.assertEqual(sum(topics.chosen(known, [fixes.TOPICS]).values()),
                         len(fixes.paths(fixes.load(), known)))

    def test_own_jobs(self):
        for fix in fixes.load():
            if fix.job:
                self.assertTrue(fixes.job_of(fix).kernel.kunitconfig)

    def test_tested_or_not(self):
        told = 'sees = "x"\nwhere = "y"\n'
        self.assertEqual([fixes.Fix("a", "tests", ["s.c"], sees="x", where="y"),
                          fixes.Fix("b", no_test="why", sees="x", where="y")],
                         self.load(f'[[fix]]\npatch = "a"\n{told}job = "tests"\n'
                                   'cases = ["s.c"]\n'
                                   f'[[fix]]\npatch = "b"\n{told}no_test = "why"\n'))
        for wrong in ('patch = "a"', 'patch = "a"\njob = "tests"', 'patch = "a"\ncases = ["s.c"]',
                      'patch = "a"\njob = "tests"\ncases = ["s.c"]\nno_test = "why"',
                      'patch = "a"\nno_test = "why"\nother = 1'):
            with self.assertRaises(Problem):
                self.load(f"[[fix]]\n{wrong}\n{told}")
        for wrong in ('sees = "x"', 'where = "x"'):
            with self.assertRaisesRegex(Problem, "needs sees and where"):
                self.load(f'[[fix]]\npatch = "a"\nno_test = "why"\n{wrong}\n')

    def test_unknown_job(self):
        with self.assertRaisesRegex(Problem, "no job is called none"):
            fixes.job_of(fixes.Fix("a", "none", ["s.c"]))

    def test_each_patch_has_its_table(self):
        def paths(*names):
            return fixes.paths([FIX], {"sync": topics.Topic("sync", patches={"01-no.patch": []}),
                                       "fixes/x": topics.Topic("fixes/x", patches={
                                           name: [] for name in names})})

        self.assertEqual("01-a-Mend.patch", paths("01-a-Mend.patch")["a-Mend"].name)
        with self.assertRaisesRegex(Problem, r"b is in patches/fixes/\* but not"):
            paths("01-a-Mend.patch", "02-b.patch")
        with self.assertRaisesRegex(Problem, r"a-Mend is in .* but not in patches/fixes/\*"):
            paths()

    def test_page(self):
        known = {"fixes/x": topics.Topic("fixes/x", patches={"01-a.patch": [], "02-b.patch": []})}
        releases = [neighbours.Neighbour("6.12", "old", unfit={"fixes/x/a": "no foo()"}),
                    neighbours.Neighbour("7.2", "new")]
        rows = fixes.lines([
            fixes.Fix("b", no_test="why", sees="s", where="w", has=["7.2"]),
            fixes.Fix("a", "tests", ["s.c", "s.d"], sees="t", where="v", has=["6.12", "7.2"]),
        ], known, releases)
        self.assertEqual([
            "| fix | what a user sees without it | where | test | in 6.12? | in 7.2? |",
            "|---|---|---|---|---|---|",
            "| x 01 | t | v | `s.c`, `s.d` | yes, but the patch does not apply: no foo() | "
            "yes, and the patch applies |",
            "| x 02 | s | w | none: why | no | yes, and the patch applies |",
        ], markdown.table(fixes.page_table(releases).head, rows).splitlines())


class Run(unittest.TestCase):
    def setUp(self):
        self.log = []
        for where, name, new in (
                (fixes.kunit, "build", lambda *_: self.log.append("build") or True),
                (fixes.kunit, "remake", lambda *_: self.log.append("remake") or self.made),
                (fixes.kunit, "start", self.start),
                (fixes, "git", lambda _, *words, **__: self.log.append(" ".join(words[:2]))),
                (fixes.patches, "read", lambda _: patches.Patch(b"", "", DIFF.encode()))):
            patch = mock.patch.object(where, name, new)
            patch.start()
            self.addCleanup(patch.stop)
        self.results = {}
        self.made = Done([], 0, "")

    def start(self, _tree, job, _name, _tick):
        self.log.append(job.filter)
        return ran(self.results[job.filter])

    def leave_out(self, first, second):
        self.results = {"sync.unmap0": {"plain": [first]},
                        "sync.unmap1": {"plain": ["PASS", second]}}
        return fixes.leave_out(FIX, JOB, pathlib.Path("a.patch"))

    def test_all_cases_fail(self):
        self.assertEqual(("sync.unmap0, sync.unmap1", True), self.leave_out("FAIL", "FAIL"))
        self.assertEqual(["apply -R", "remake", "sync.unmap0", "sync.unmap1", "apply -"], self.log)

    def test_one_does_not_notice(self):
        words, good = self.leave_out("FAIL", "PASS")
        self.assertFalse(good)
        self.assertIn(f"NOT sync.unmap1, which {mutants.SURVIVED}", words)

    def test_skipped_is_not_noticed(self):
        words, good = self.leave_out("FAIL", "SKIP")
        self.assertFalse(good)
        self.assertIn(f"NOT sync.unmap1, which {mutants.SURVIVED}", words)

    def test_missing_is_not_noticed(self):
        self.results = {"sync.unmap0": {"plain": ["FAIL"]}, "sync.unmap1": {"plain": ["PASS"]}}
        words, good = fixes.leave_out(FIX, JOB, pathlib.Path("a.patch"))
        self.assertFalse(good)
        self.assertIn("no such case", words)

    def test_the_kernel_log_tells(self):
        with mock.patch.object(fixes.kunit, "start", lambda *_: ran(None, "BUG: no boot\n")):
            self.assertTrue(fixes.leave_out(FIX, JOB, pathlib.Path("a.patch"))[1])
        with mock.patch.object(fixes.kunit, "start", lambda *_: ran(None, "")):
            self.assertFalse(fixes.leave_out(FIX, JOB, pathlib.Path("a.patch"))[1])

    def test_tree_is_restored(self):
        self.made = Done([], 2, "a.c:1: error: odd\n")
        with self.assertRaisesRegex(Problem, "does not build without (?s:.*)error: odd"):
            self.leave_out("FAIL", "FAIL")
        self.assertEqual(["apply -R", "remake", "apply -"], self.log)

    def test_hangs_if_it_is_said_to(self):
        for state, fix, good in ((mutants.HUNG, FIX, False), (mutants.KILLED, FIX, True),
                                 (mutants.HUNG, HANGS, True), (mutants.KILLED, HANGS, False)):
            with mock.patch.object(fixes, "run_cases", lambda *_, it=state: {"s.c": (it, "")}):
                self.assertEqual(good, fixes.leave_out(fix, JOB, pathlib.Path("a.patch"))[1])

    def test_cases_must_pass_with_all_fixes(self):
        self.results = {"sync.unmap0": {"plain": ["PASS"]},
                        "sync.unmap1": {"plain": ["PASS", "FAIL"]}}
        with mock.patch.object(fixes.variants, "checkout") as checkout, \
                mock.patch.object(fixes, "job_of", lambda _: JOB):
            with self.assertRaisesRegex(Problem, "sync.unmap1 killed"):
                fixes.prepare(None, [FIX])
            self.assertEqual(fixes.variants.MODELS, checkout.call_args[0][1])
            self.results["sync.unmap1"] = {"plain": ["PASS", "PASS"]}
            self.assertEqual(JOB, fixes.prepare(None, [FIX]))

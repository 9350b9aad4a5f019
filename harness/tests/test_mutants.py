# SPDX-License-Identifier: GPL-2.0
"""What becomes of a mutant, and what is left of it afterwards."""

import contextlib
import dataclasses
import io
import pathlib
import subprocess
import tempfile
import threading
import unittest
from unittest import mock

from harness.common.report import Problem
from harness.boot import jobs, kunit
from harness.checks import mutants

from .fake import total

JOB = jobs.Job("tests", "", jobs.Kernel("um", []), ["sync"])
TABLE = """
[[mutant]]
name = "core: {}"
file = "a.c"
old = '''
	good();
'''
new = '''
	bad();
'''
suites = "sync*"
"""


def mutant(**changes):
    facts = {"name": "core: a", "file": "a.c", "old": "good\n", "new": "bad\n", "suites": "sync"}
    return mutants.Mutant(**{**facts, **changes})


def report(param=("PASS",), plain=("PASS",), suites=()):
    """Return kunit.py's JSON for suite sync with the cases map (param) and unmap<n>.

    suites: what comes of further suites, which have no cases.
    """
    def cases(name, statuses):
        return [{"name": f"{name}{n}", "status": each} for n, each in enumerate(statuses)]

    statuses = [*param, *plain, *suites]
    misc = {"failed": statuses.count("FAIL"), "crashed": statuses.count("ERROR"), "errors": 0,
            "passed": statuses.count("PASS"), "skipped": statuses.count("SKIP")}
    return {"misc": misc, "test_cases": cases("suite", suites), "sub_groups": [
        {"name": "sync", "misc": misc, "test_cases": cases("unmap", plain),
         "sub_groups": [{"name": "map", "sub_groups": [], "test_cases": cases("p", param)}]}]}


ENDED = "reboot: System halted"


def ran(facts, console=ENDED):
    """facts: dict for report(), None for no report -> kunit.Booted."""
    return kunit.Booted(facts if facts is None else report(**facts), "", console, "", 1.0,
                        "see log")


def judge(console=ENDED, **facts):
    return mutants.judge(ran(facts, console))


class Judge(unittest.TestCase):
    def test_killed(self):
        self.assertEqual(("killed", "sync.unmap1"), judge(plain=["PASS", "FAIL"]))

    def test_parameters_are_one_case(self):
        self.assertEqual(("killed", "sync.map"), judge(param=["FAIL", "PASS", "FAIL"]))

    def test_names_two(self):
        self.assertEqual(("killed", "sync.unmap0, sync.unmap1"), judge(plain=["FAIL"] * 2))
        self.assertEqual(("killed", "sync.unmap0, sync.unmap1 and 2 more"),
                         judge(param=["FAIL"], plain=["FAIL"] * 3))

    def test_crash(self):
        self.assertEqual(("killed", "sync.unmap0 (crash)"),
                         judge("Kernel panic", plain=["ERROR"]))

    def test_time_that_is_over_kills_nobody(self):
        self.assertEqual((mutants.HUNG, ""), judge("ok 1\n", plain=["ERROR"]))
        self.assertEqual(("killed", "sync.unmap0"), judge("ok 1\n", plain=["FAIL", "ERROR"]))

    def test_crash_without_a_name(self):
        run = ran({"plain": ["ERROR", "ERROR"]}, "Kernel panic - not syncing")
        cases = run.report["sub_groups"][0]["test_cases"]
        cases[1]["name"] = ""
        self.assertEqual("sync.unmap0 (crash)", mutants.judge(run)[1])
        del cases[0]
        self.assertEqual(("killed", "a case of sync (crash)"), mutants.judge(run))

    def test_lost_line_is_no_crash(self):
        self.assertEqual("SURVIVED", judge(plain=["ERROR"])[0])
        self.assertEqual(("killed", "sync.unmap1"), judge(plain=["ERROR", "FAIL"]))

    def test_suite_that_does_not_start(self):
        self.assertEqual(("killed", "suite0"), judge(suites=["FAIL"]))
        run = ran({"suites": ["FAIL"]})
        run.report["sub_groups"] = []
        self.assertEqual(("killed", "suite0"), mutants.judge(run))

    def test_survived(self):
        self.assertEqual(("SURVIVED", ""), judge(plain=["PASS", "SKIP"]))
        for console in ("reboot: Restarting system\n", "1..2\nok 1 a\n    ok 1 b\nnot ok 2 c\n"):
            self.assertEqual(("SURVIVED", ""), judge(console, plain=["PASS"]))
        self.assertEqual(mutants.HUNG, judge("1..2\nok 1 a\n    ok 1 b\n", plain=["PASS"])[0])

    def test_no_case(self):
        self.assertEqual("does not boot", mutants.judge(ran(None))[0])
        run = ran({})
        run.report["sub_groups"] = []
        self.assertEqual("does not boot", mutants.judge(run)[0])


class Tree(unittest.TestCase):
    """A tree with a.c, a make that sees it, and kernels that say what they are told."""

    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.file = pathlib.Path(scratch.name, "a.c")
        self.file.write_text("good\n")
        self.seen, self.consoles = [], []
        self.place = mutants.Place("mutant-1", self.file.parent, JOB)
        for where, name, value in ((kunit, "remake", self.make),
                                   (kunit, "start", self.start), (kunit, "boot", self.start)):
            patch = mock.patch.object(where, name, value)
            patch.start()
            self.addCleanup(patch.stop)

    def make(self, _tree, _kernel):
        self.seen.append(self.file.read_text())
        return subprocess.CompletedProcess([], self.status, "a.c:1: error: no bad\nmake: Error 2\n")

    def start(self, _tree, job, _name, _tick=None):
        self.seen.append((job.filter, job.timeout))
        return ran(self.runs.pop(0), *([self.consoles.pop(0)] if self.consoles else []))

    def run_mutant(self, *runs, status=0, **changes):
        """Return (state, words) after kernels that run as runs (dicts) say."""
        self.runs, self.status, self.seen = list(runs), status, []
        outcome = mutants.run_mutant(mutant(**changes), self.place)
        self.assertEqual("good\n", self.file.read_text())
        return outcome.state, outcome.words

    def test_killed(self):
        self.assertEqual(("killed", "sync.unmap0"), self.run_mutant({"plain": ["FAIL"]}))
        self.assertEqual(["bad\n", ("sync", mutants.TIMEOUT)], self.seen)

    def test_survived(self):
        self.assertEqual("SURVIVED", self.run_mutant({})[0])

    def test_reason_to_survive(self):
        self.assertEqual("spared", self.run_mutant({}, survives="same code")[0])
        self.assertEqual("KILLED", self.run_mutant({"plain": ["FAIL"]}, survives="same code")[0])
        self.assertEqual("does not boot", self.run_mutant(None, survives="same code")[0])

    def test_out_of_time_is_run_again(self):
        self.consoles = ["", ENDED]
        self.assertEqual("SURVIVED", self.run_mutant({"plain": ["ERROR"]}, {})[0])
        self.assertEqual([("sync", mutants.TIMEOUT), ("sync", 2 * mutants.TIMEOUT)], self.seen[1:])
        self.consoles = ["", ""]
        self.assertEqual(mutants.HUNG, self.run_mutant(*[{"plain": ["ERROR"]}] * 2)[0])
        self.consoles = ["", "Kernel panic"]
        self.assertEqual("killed", self.run_mutant(*[{"plain": ["ERROR"]}] * 2)[0])

    def test_suites_until_one_fails(self):
        self.assertEqual("killed", self.run_mutant({}, {"plain": ["FAIL"]}, suites="a* b* c")[0])
        self.assertEqual([("a*", 30), ("b*", 30)], self.seen[1:])
        self.assertEqual("SURVIVED", self.run_mutant({}, {}, suites="a b")[0])

    def test_sanitizers(self):
        self.place.job = dataclasses.replace(JOB, sanitizer="san")
        self.consoles = [f"WARNING: bad unlock\n{ENDED}", ENDED]
        self.assertEqual(("killed", "the kernel log: WARNING: bad unlock"), self.run_mutant({}))
        self.assertEqual("SURVIVED", self.run_mutant({})[0])
        self.place.job = JOB
        self.consoles = [f"WARNING: bad unlock\n{ENDED}"]
        self.assertEqual("SURVIVED", self.run_mutant({})[0])

    def test_all_suites(self):
        self.assertEqual("killed", self.run_mutant({"plain": ["FAIL"]}, suites="")[0])
        self.assertEqual(("", 30), self.seen[1])

    def test_does_not_apply(self):
        self.assertEqual(("does not apply", "old is there 0 times"), self.run_mutant(old="go\n"))
        self.assertEqual("does not apply", self.run_mutant(old="o")[0])
        self.assertEqual("does not apply", self.run_mutant(new="good\n")[0])
        self.assertEqual("does not apply", self.run_mutant(file="b.c")[0])
        self.assertEqual([], self.seen)

    def test_does_not_build(self):
        self.assertEqual(("does not build", "a.c:1: error: no bad"), self.run_mutant(status=2))
        self.assertEqual(["bad\n"], self.seen)

    def test_interrupted(self):
        with mock.patch.object(kunit, "remake", side_effect=KeyboardInterrupt), \
                self.assertRaises(KeyboardInterrupt):
            mutants.run_mutant(mutant(), self.place)
        self.assertEqual("good\n", self.file.read_text())

    def test_places_share_the_work(self):
        names = ["one", "two"]
        both = threading.Barrier(2, timeout=10)

        def run_mutant(each, place):
            both.wait()     # breaks if one place has to do all
            return mutants.Fate(each, place)

        with mock.patch.object(mutants, "run_mutant", run_mutant):
            done = list(mutants.run_all([mutant(name=f"core: {i}") for i in range(6)], names))
        self.assertEqual(6, len({each.mutant.name for each in done}))
        self.assertEqual({"one", "two"}, {each.state for each in done})

    def test_place_is_free_again_after_an_error(self):
        with mock.patch.object(mutants, "run_mutant", side_effect=OSError("disk")), \
                self.assertRaisesRegex(OSError, "disk"):
            list(mutants.run_all([mutant(name=f"core: {i}") for i in range(6)], ["one"]))

    def check_original(self, run, *suites):
        self.runs = [run]
        with contextlib.redirect_stdout(io.StringIO()):
            mutants.check_original(self.place, [mutant(suites=each) for each in suites])

    def test_original(self):
        self.check_original({}, "sync", "s*", "*.unmap?", "sync.map s*", "")

    def test_original_fails(self):
        for run in (None, {"plain": ["FAIL"]}):
            with self.assertRaisesRegex(Problem, "without any mutation.*see log"):
                self.check_original(run)

    def test_suites_that_are_not_there(self):
        for suites in ("snyc", "sync nope*", "sync.remap"):
            with self.assertRaisesRegex(Problem, "core: a: no case passes"):
                self.check_original({}, "sync", suites)
        self.consoles = ["    # Subtest: sync\n    ok 1 unmap0 # SKIP model: of it\n" + ENDED]
        with self.assertRaisesRegex(Problem, "no case passes"):
            self.check_original({"plain": ["SKIP"]}, "sync.unmap0")


class Closing(unittest.TestCase):
    def closing(self, *states):
        """Return (good, wrong, last line)."""
        out = io.StringIO()
        fates = [mutants.Fate(mutant(name=f"core: {n}", survives="why not"), state, "w")
                 for n, state in enumerate(states)]
        names = [fate.mutant.name for fate in fates]
        with contextlib.redirect_stdout(out), \
                mock.patch.object(mutants, "load", lambda: [fate.mutant for fate in fates]), \
                mock.patch.object(mutants, "set_up", lambda *_: [None]), \
                mock.patch.object(mutants, "check_original"), \
                mock.patch.object(mutants, "run_all", lambda *_: iter(fates)):
            found = dict(mutants.run(None, names))
            mutants.close(found)
        self.text = out.getvalue()
        (good, wrong), _ = total(found.items())
        return good, wrong, self.text.splitlines()[-1]

    def test_good(self):
        self.assertEqual((3, 0, "3 mutants: 2 killed, 1 survived"),
                         self.closing(mutants.KILLED, mutants.SPARED, mutants.KILLED))
        self.assertIn("survives: why not", self.text)

    def test_wrong(self):
        self.assertEqual((1, 1, "2 mutants: 1 killed, 1 survived"),
                         self.closing(mutants.KILLED, mutants.SURVIVED))
        self.assertEqual((0, 1, "1 mutants: 1 killed, 0 survived"), self.closing(mutants.REVIVED))
        self.assertEqual((0, 3, "3 mutants: 0 killed, 0 survived, 1 do not apply, "
                          "1 do not build, 1 do not boot"),
                         self.closing(mutants.DEAD, mutants.BROKEN, mutants.UNFIT))


    def test_jobs_have_kernels_of_their_own(self):
        some = [mutant(name="core: a"), mutant(name="amd: b", job="amd-strict"), mutant(name="core: c")]
        made = []
        with contextlib.redirect_stdout(io.StringIO()), \
                mock.patch.object(mutants, "load", lambda: some), \
                mock.patch.object(mutants, "set_up",
                                  lambda _, job, count: made.append(job.name) or [None]), \
                mock.patch.object(mutants, "check_original"), \
                mock.patch.object(mutants, "run_all", lambda mine, _: iter(
                    [mutants.Fate(each, mutants.KILLED) for each in mine])):
            found = [name for name, _ in mutants.run(None, ["amd: b", "core: a", "core: c"])]
        self.assertEqual(made, ["tests", "amd-strict"])
        self.assertEqual(found, ["core: a", "core: c", "amd: b"])


class Tables(unittest.TestCase):
    def load(self, **files):
        with tempfile.TemporaryDirectory() as name:
            for stem, text in files.items():
                pathlib.Path(name, f"{stem}.toml").write_text(text)
            return mutants.load(pathlib.Path(name))

    def test_all_files(self):
        found = self.load(b=TABLE.format("b"), a=TABLE.format("a"))
        self.assertEqual(["core: a", "core: b"], [each.name for each in found])
        self.assertEqual(("\tgood();\n", "\tbad();\n"), (found[0].old, found[0].new))

    def test_wrong(self):
        for text, word in ((TABLE + "suits = 1\n", "suits"), ("[[mutnat]]\n", "mutant"),
                           (TABLE + "x\n", "a.toml has a bad table")):
            with self.assertRaisesRegex(Problem, word):
                self.load(a=text)

    def test_same_name(self):
        with self.assertRaisesRegex(Problem, "2 mutants are called core: a"):
            self.load(a=TABLE.format("a"), b=TABLE.format("a"))

    def test_units(self):
        some = [mutant(name="core: a"), mutant(name="core: b", check=True)]
        with mock.patch.object(mutants, "load", lambda: some):
            self.assertEqual([("core: a", False), ("core: b", True)],
                             [(unit.name, unit.sample) for unit in mutants.units()])

    def test_real_tables(self):
        found = mutants.load()
        self.assertTrue(any(each.check for each in found))
        known = jobs.load()
        for each in found:
            self.assertIn(each.job, known, each.name)
            self.assertRegex(each.name, r"^[\w-]+: \w")
            self.assertNotEqual(each.old, each.new, each.name)

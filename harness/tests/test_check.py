# SPDX-License-Identifier: GPL-2.0
"""`make check`: it goes on after a failure, its last line tells the truth, and units that
others ran count as if they had been run here."""

import contextlib
import dataclasses
import io
import json
import os
import pathlib
import shlex
import signal
import subprocess
import tempfile
import threading
import time
import types
import unittest
from unittest import mock

from harness import check, shards
from harness.common import report
from harness.common.report import Problem, Tally
from harness.common.run import git, tried
from harness.common.units import Outcome, Unit
from harness.kernel.commits import Branch
from harness.boot import inputs, jobs
from harness.checks import checkpatch, kernel_doc, kunit, mails, selftest

from .fake import ME, total

DISTURBED = inputs.disturbed


def fake(name, what, close=None):
    """-> a Check: what is {unit: (passed, failed), or a Problem}."""
    def run(_composed, names):
        for each in names:
            module.ran.append(each)
            if isinstance(what[each], BaseException):
                raise what[each]
            yield each, Outcome(Tally(*what[each]), [f"{each} is wrong"] * what[each][1])

    module = types.SimpleNamespace(
        __doc__="What it holds.", ran=[], run=run,
        units=lambda: [Unit(name, each, sample=not each.startswith("-")) for each in what])
    if close:
        module.close = close
    return module


class Run(unittest.TestCase):
    def setUp(self):
        self.top = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        for where, name, value in (
                (check, "RESULTS", self.top / "results"), (inputs, "KEPT", self.top / "kept"),
                (inputs, "AGAIN", False),
                (inputs, "stamp", lambda _: {"repository": self.content, "base": "7.3.4"}),
                (inputs, "repository", lambda: self.content),
                (inputs, "disturbed", lambda _: "files have changed" * (self.content != "a")),
                (inputs, "Inputs", lambda _: types.SimpleNamespace(key=lambda unit: "k" + "".join(
                    each if each.isalnum() else "-" for each in unit.id)))):
            self.enterContext(mock.patch.object(where, name, value))
        self.content = "a"

    def checks(self, **checks):
        self.known = {name: each if hasattr(each, "run") else fake(name, each)
                      for name, each in checks.items()}
        self.enterContext(mock.patch.object(check, "CHECKS", self.known))
        self.enterContext(mock.patch.object(check, "LINES", [(name,) for name in checks]))
        self.enterContext(mock.patch.object(shards, "load", lambda: {
            name: shards.Budget(60, 10, 5) for name in checks}))

    def run_it(self, command=check.check, *words, **options):
        """-> (failed, what was printed)."""
        with contextlib.redirect_stdout(io.StringIO()) as out:
            tally = command(*words or [lambda: None], **options)
        return tally.failed, out.getvalue()

    def collect(self, *folders, only=""):
        with contextlib.redirect_stdout(io.StringIO()) as out:
            tally = check.collect(" ".join(map(str, folders)), only)
        return tally.failed, out.getvalue()


class Lines(Run):
    """Two lines of checks run at a time."""
    def meet(self, name, *, last=""):
        """-> a Check whose unit ends when that of the other line has begun."""
        def run(_composed, names):
            self.there.wait(9)
            print(f"\n{name} is he", end="")
            self.there.wait(9)
            print("re")
            if name == last:
                raise KeyboardInterrupt
            yield from ((each, Outcome(Tally(1))) for each in names)
        return types.SimpleNamespace(__doc__="It.", run=run, units=lambda: [Unit(name)])

    def setUp(self):
        super().setUp()
        self.there = threading.Barrier(2)

    def test_both_at_a_time(self):
        self.checks(docs=self.meet("docs"), kunit=self.meet("kunit"))
        failed, text = self.run_it()
        self.assertEqual(0, failed)
        self.assertIn("\n\ndocs is here\n", text)
        self.assertIn("\n\nkunit is here\n", text)

    def test_the_other_ends_when_one_is_interrupted(self):
        def run(_composed, names):
            self.there.wait(9)
            self.there.wait(9)
            for each in names:
                report.STOP.wait(9)
                yield each, Outcome(Tally(0, 1), ["killed"])
        sleep = subprocess.Popen(["sleep", "60"])
        self.addCleanup(sleep.kill)
        long = types.SimpleNamespace(__doc__="It.", run=run, units=lambda: [Unit("kunit")])
        self.checks(docs=self.meet("docs", last="docs"), kunit=long)
        with self.assertRaises(KeyboardInterrupt):
            self.run_it()
        self.assertEqual(-signal.SIGTERM, sleep.wait(10))
        self.assertFalse(check.place("kunit").exists())
        with self.assertRaises(report.Stopped):
            report.Stage("x").step()

    def short(self):
        """Have minutes be over soon."""
        whole = check.run_units
        return mock.patch.object(check, "run_units", lambda compose, chosen, again, _seconds:
                                 whole(compose, chosen, again, 0.5))

    def test_what_has_no_time(self):
        def run(_composed, names):
            yield names[0], Outcome(Tally(1))
            report.STOP.wait(9)
            yield names[1], Outcome(Tally(0, 1), ["killed"])
        self.checks(docs=types.SimpleNamespace(
            __doc__="It.", run=run, units=lambda: [Unit("docs", "a"), Unit("docs", "b")]))
        with self.short():
            failed, text = self.run_it(within="80")
        self.assertEqual(0, failed)
        self.assertIn("1 of 2 units had no time in 80 minutes", text)
        self.assertIn("\n  docs: b\n", text)
        self.assertNotIn("killed", text)
        self.assertFalse(check.place("docs/b").exists())

    def test_the_last_lines_tell_what_failed(self):
        """Whoever sees no more than the end of the output knows it, and why."""
        def run(_composed, names):
            yield names[0], Outcome(Tally(0, 1), ["\n=====\nbecause of this", "and that"])
            report.STOP.wait(9)
        self.checks(docs=types.SimpleNamespace(
            __doc__="It.", run=run, units=lambda: [Unit("docs", str(each)) for each in range(99)]))
        with self.short():
            failed, text = self.run_it(within="80")
        self.assertEqual(1, failed)
        self.assertEqual(["98 of 99 units had no time in 80 minutes:", "  docs: 98, from 1 to 98",
                          "", "to run again what failed:", "  make unit ID=docs/0",
                          "    because of this", "    and that", "", "0 passed, 1 failed"],
                         text.splitlines()[-9:])

    def test_no_time_at_all(self):
        self.checks(docs=types.SimpleNamespace(
            __doc__="It.", run=lambda *_: report.STOP.wait(9) and (), units=lambda: [Unit("docs")]))
        with self.short(), self.assertRaisesRegex(Problem, "nothing was done in 80 minutes"):
            self.run_it(within="80")
        with self.assertRaisesRegex(Problem, "not a number of minutes"):
            self.run_it(within="soon")

    def tearDown(self):
        report.STOP.clear()

    def test_every_check_is_in_one(self):
        self.assertEqual(sorted(check.CHECKS),
                         sorted(name for line in check.LINES for name in line))

    def test_in_turn(self):
        """Those of a line never run at the same time."""
        self.checks(kunit={"": (1, 0)}, history={"": (1, 0)}, fixes={"": (1, 0)})
        self.enterContext(mock.patch.object(check, "LINES", [("kunit", "history", "fixes")]))
        busy, most = [], []

        def run(_composed, names):
            busy.append(1)
            most.append(len(busy))
            time.sleep(.05)
            busy.pop()
            yield from ((each, Outcome(Tally(1))) for each in names)
        for each in self.known.values():
            each.run = run
        self.run_it()
        self.assertEqual([1, 1, 1], most)


class Closing(Run):
    def test_last_line(self):
        self.checks(a={"": (3, 0)}, b={"x": (4, 2), "y": (1, 0)})
        failed, text = self.run_it()
        self.assertEqual((2, 1), (failed, text.count("\n8 passed, 2 failed\n")))
        self.assertIn("x is wrong", text)
        self.assertIn("make unit ID=b/x", text)

    def test_goes_on_after_a_check_that_cannot_run(self):
        self.checks(a={"x": (1, 0), "y": Problem("no such thing"), "z": (1, 0)}, b={"": (4, 0)})
        failed, text = self.run_it()
        self.assertEqual((2, 1), (failed, text.count("\n5 passed, 2 failed\n")))
        self.assertEqual(2, text.count("no such thing"))    # there, and at the end

    def test_error_of_the_harness(self):
        self.checks(a={"x": (1, 0), "y": ValueError("odd")}, b={"": (4, 0)})
        failed, text = self.run_it()
        self.assertEqual((1, 1), (failed, text.count("\n5 passed, 1 failed\n")))
        self.assertIn("ValueError: odd", text)

    def test_unit_nobody_asked_for(self):
        loud = fake("a", {"x": (1, 0)})
        loud.run = lambda *_: iter([("x", Outcome(Tally(1))), ("x", Outcome(Tally(7))),
                                    ("y", Outcome(Tally(7)))])
        self.checks(a=loud)
        self.assertIn("\n1 passed, 0 failed\n", self.run_it()[1])

    def test_unit_that_never_ran_has_failed(self):
        silent = fake("a", {"x": (1, 0), "y": (1, 0)})
        silent.run = lambda *_: iter([("x", Outcome(Tally(1)))])
        self.checks(a=silent)
        self.assertEqual(1, self.run_it()[0])

    def test_only(self):
        self.checks(a={"": Problem("no such thing")}, b={"x": (4, 0), "y": (2, 0)})
        for only, last in (("b", "6 passed, 0 failed"), ("b/y", "2 passed, 0 failed"),
                           ("b/*", "6 passed, 0 failed")):
            self.assertIn(f"\n{last}\n", self.run_it(only=only)[1])

    def test_unknown_name(self):
        self.checks(a={"": (1, 0)}, b={"x": (1, 0)})
        for only, words in (("b c", "no check c; there are a, b"), ("b/y", "no unit b/y")):
            with self.assertRaisesRegex(Problem, words):
                self.run_it(only=only)

    def test_what_only_a_name_asks_for(self):
        self.checks(a={"x": (1, 0), "-y": (1, 0)})
        self.run_it()
        self.run_it(only="a")
        self.assertEqual(["x"], self.known["a"].ran)
        self.run_it(check.unit, lambda: None, id="a/-y")
        self.assertEqual(["x", "-y"], self.known["a"].ran)
        self.run_it(only="a/*", again="1")
        self.assertEqual(["x", "-y", "x", "-y"], self.known["a"].ran)

    def test_whole_check_is_judged_together(self):
        close = mock.Mock(return_value=Outcome(Tally(1, 1), ["README lacks"]))
        self.checks(a=fake("a", {"x": (1, 0), "y": (1, 0), "-z": (1, 0)}, close))
        self.assertEqual(0, self.run_it(only="a/x")[0])
        close.assert_not_called()
        failed, text = self.run_it()
        self.assertEqual((1, {"x", "y"}), (failed, set(close.call_args[0][0])))
        self.assertIn("\n  make check ONLY=a\n    README lacks\n", text)

    def test_list_says_how_they_went(self):
        self.checks(a={"x": (2, 1), "y": (1, 0)})
        self.run_it()
        self.assertRegex(self.run_it(list="1")[1],
                         r"a +What it holds\. +2 +1 min 00 s +3 +1 +0 min 00 s\n$")


class AsBefore(Run):
    def test_what_passed_is_not_run_again(self):
        self.checks(a={"x": (2, 0), "y": (1, 1)})
        self.run_it()
        failed, text = self.run_it()
        self.assertEqual(["x", "y", "y"], self.known["a"].ran)
        self.assertIn("1 of 2 as before", text)
        self.assertIn("\n3 passed, 1 failed\n", text)
        self.assertRegex(text, r"a +3 +1 +2 +1 ")

    def test_again(self):
        self.checks(a={"x": (2, 0)})
        self.run_it()
        self.assertNotIn("as before,", self.run_it(again="1")[1])
        self.assertEqual(["x", "x"], self.known["a"].ran)

    def test_files_that_change_while_it_runs(self):
        """What was read before, and what is in the files now, may not be the same."""
        edited = fake("a", {"x": (2, 0)})
        run = edited.run

        def edit(*words):
            self.content = "b"
            return run(*words)

        edited.run = edit
        self.checks(a=edited, b={"": (1, 0)})
        self.enterContext(mock.patch.object(check, "LINES", [("a", "b")]))     # in turn
        self.assertIn("files have changed while it ran", self.run_it()[1])
        edited.run, self.content = run, "a"
        self.run_it()
        self.assertEqual((["x", "x"], ["", ""]), (edited.ran, self.known["b"].ran))

    def test_what_fails_is_not_kept_any_more(self):
        passes = fake("a", {"x": (2, 0)})
        self.checks(a=passes)
        self.run_it()
        passes.run = fake("a", {"x": (1, 1)}).run
        self.run_it(again="1")
        self.assertEqual(1, self.run_it()[0])

    def test_nothing_to_tell_is_not_kept(self):
        self.checks(a={"x": (0, 0)})
        self.run_it()
        self.run_it()
        self.assertEqual(["x", "x"], self.known["a"].ran)

    def test_inputs_that_are_other_ones_in_the_end(self):
        """As when the run itself has fetched or installed something."""
        keys = iter("ab")
        self.checks(a={"x": (2, 0)})
        with mock.patch.object(inputs, "Inputs", lambda _: types.SimpleNamespace(
                key=lambda unit, made=next(keys): made)):
            self.run_it()
        self.assertEqual([], list(inputs.KEPT.glob("*")))

    def test_interrupted(self):
        """What was done is kept, and its result is there."""
        self.checks(a={"x": (2, 0), "y": KeyboardInterrupt()})
        with self.assertRaises(KeyboardInterrupt):
            self.run_it()
        self.assertTrue(check.place("a/x").exists())
        with self.assertRaises(KeyboardInterrupt):
            self.run_it()
        self.assertEqual(["x", "y", "y"], self.known["a"].ran)

    def test_disturbed(self):
        composed = types.SimpleNamespace(tree="tree", end="1")
        said = {"rev-parse": "1\n", "status": ""}
        with mock.patch.object(inputs, "git", lambda _, what, *__, **___: said[what]), \
                mock.patch.object(inputs, "at_start", lambda: "a"):
            self.assertEqual("", DISTURBED(composed))
            for what, text, words in (("rev-parse", "2", "tree is not as"),
                                      ("status", "?? x\n", "tree is not as")):
                with mock.patch.dict(said, {what: text}):
                    self.assertIn(words, DISTURBED(composed))
            self.content = "b"
            self.assertIn("files of this repository", DISTURBED(composed))

    def test_a_unit_that_is_named_is_run(self):
        self.checks(a={"x": (2, 0)})
        self.run_it()
        self.run_it(check.unit, lambda: None, id="a/x")
        self.assertEqual(["x", "x"], self.known["a"].ran)

    def test_data_is_kept(self):
        outcome = Outcome(Tally(2), data=[{"a": 1}], seconds=3.5, at=5.5)
        inputs.keep("key", outcome)
        self.assertEqual(Outcome(Tally(2), [], [{"a": 1}], 3.5, True), inputs.kept("key"))
        self.assertEqual(5.5, inputs.kept("key").at)

    def test_damaged_is_run_again(self):
        inputs.keep("key", Outcome(Tally(2)))
        next(inputs.KEPT.iterdir()).write_text("{")
        self.assertIsNone(inputs.kept("key"))


class Results(Run):
    def setUp(self):
        super().setUp()
        self.checks(a={"x": (2, 0), "y/z": (1, 0)}, b={"": (4, 0)})
        self.stamps = {}

    def test_collected_from_anywhere(self):
        self.run_it(check.unit, lambda: None, id="a/x")
        check.RESULTS.rename(self.top / "one")
        self.run_it(check.unit, lambda: None, id="a/y/z b")
        failed, text = self.collect(self.top / "one", check.RESULTS)
        self.assertEqual((0, 1), (failed, text.count("\n7 passed, 0 failed\n")))

    def test_just_these(self):
        self.run_it(only="a/x")
        self.assertEqual(0, self.collect(only="a/x")[0])
        self.assertEqual(1, self.collect(only="a")[0])

    def test_missing_is_a_failure(self):
        self.run_it(only="a")
        failed, text = self.collect()
        self.assertEqual(1, failed)
        self.assertIn("1 of 3 units have no result, as b", text)

    def test_of_another_commit(self):
        self.run_it()
        self.content = "b"
        self.run_it(only="b")
        failed, text = self.collect()
        self.assertEqual(2, failed)
        self.assertIn("2 results are of another commit, as ", text)

    def test_pass_of_another_commit_and_failure_of_this(self):
        self.run_it()
        check.RESULTS.rename(self.top / "old")
        self.content = "b"
        self.known["a"].run = fake("a", {"x": (1, 1), "y/z": (1, 0)}).run
        with mock.patch.object(inputs, "disturbed", lambda _: ""):
            self.run_it(again="1")
        for folders in (["old", "results"], ["results", "old"]):
            failed, text = self.collect(*(self.top / each for each in folders))
            self.assertEqual(1, failed, text)

    def test_result_of_a_run_that_ended_early(self):
        """What an earlier run left is gone when a unit begins."""
        self.run_it()
        self.known["a"].run = lambda *_: iter(())
        with mock.patch.object(check, "guarded", side_effect=KeyboardInterrupt), \
                self.assertRaises(KeyboardInterrupt):
            self.run_it(only="a", again="1")
        self.assertFalse(check.place("a/x").exists())

    def test_counted_with_another_compiler(self):
        for name, found in (("a", "gcc 12"), ("cost", "gcc 12"), ("other", "gcc 14")):
            self.stamps[name] = {"repository": "r", "base": "b", "compilers": [found]}
        del self.stamps["a"]["compilers"]
        self.assertIn("cost and other are not of the same compilers: what is counted",
                      inputs.differ(self.stamps))
        del self.stamps["other"]
        self.assertEqual("", inputs.differ(self.stamps))

    def test_compilers_are_those_that_count(self):
        self.checks(a={"": (1, 0)}, cost={"": (1, 0)})
        with mock.patch.object(inputs, "compilers", lambda: ["gcc 12"]):
            self.run_it()
        self.assertEqual({"a": None, "cost": ["gcc 12"]}, {
            name: json.loads(check.place(name).read_text())["stamp"].get("compilers")
            for name in ("a", "cost")})

    def test_full_disk(self):
        with mock.patch.object(check, "LEAST", 10 ** 9), \
                self.assertRaisesRegex(Problem, "GB free in .* need 1000000000 GB"):
            self.run_it()

    def test_of_files_that_changed(self):
        self.run_it()
        path = check.RESULTS / "a%2Fx.json"
        data = json.loads(path.read_text())
        path.write_text(json.dumps({**data, "stamp": {"repository": None, "base": "7.3.4"}}))
        with self.assertRaisesRegex(Problem, "changed while a/x ran"):
            self.collect()

    def test_failed_and_repeated(self):
        self.run_it()
        check.RESULTS.rename(self.top / "one")
        path = self.top / "one/a%2Fx.json"
        data = json.loads(path.read_text())
        path.write_text(json.dumps({**data, "tally": {"passed": 0, "failed": 1}}))
        self.assertEqual(1, self.collect(self.top / "one")[0])
        self.run_it(only="a/x")
        failed, text = self.collect(self.top / "one", check.RESULTS)
        self.assertEqual(0, failed)
        self.assertIn("a/x failed in one folder and passed in another", text)

    def test_no_result(self):
        check.RESULTS.mkdir()
        (check.RESULTS / "x.json").write_text("{}")
        with self.assertRaisesRegex(Problem, "x.json is not the result of a unit"):
            self.collect()
        with self.assertRaisesRegex(Problem, "is not a folder: RESULTS="):
            self.collect(self.top / "nowhere")


class Shards(unittest.TestCase):
    def test_together_the_whole_and_none_twice(self):
        units, budgets = check.all_units(), shards.load()
        for count in (1, 2, 3, 5, 20):
            parts = shards.shares(units, count, budgets)
            self.assertEqual(count, len(parts))
            self.assertEqual(sorted(unit.id for unit in units),
                             sorted(unit.id for part in parts for unit in part))

    def test_balanced(self):
        budgets = shards.load()
        for count in (2, 5):
            times = []
            for part in shards.shares(check.all_units(), count, budgets):
                groups = {}
                for unit in part:
                    groups.setdefault((unit.check, unit.setup), []).append(unit)
                times.append(sum(shards.time(group, budgets) for group in groups.values()))
            self.assertLess(max(times), 1.3 * min(times), times)

    def test_a_share_is_in_order(self):
        units = check.all_units()
        mine = shards.share(units, "2/5")
        self.assertEqual(mine, [unit for unit in units if unit in mine])

    def test_no_share(self):
        for which in ("0/5", "6/5", "2", "x"):
            with self.assertRaisesRegex(Problem, "is not a share"):
                shards.share([], which)

    def test_every_check_has_a_budget(self):
        self.assertEqual(set(check.CHECKS), set(shards.load()))


class Units(unittest.TestCase):
    def test_real_ones(self):
        units = check.all_units(False)
        self.assertEqual(len(units), len({unit.id for unit in units}))
        for unit in units:
            self.assertEqual([unit.id], shlex.split(unit.id))
        for unit in (units[0], units[-1], next(each for each in units if " " in each.name)):
            self.assertEqual([unit], check.named([unit.id]), unit.id)
        for name in check.CHECKS:
            self.assertTrue([unit for unit in units if unit.check == name and unit.sample], name)
        for unit in units:
            self.assertTrue({*unit.inputs} <= {*inputs.KINDS}, unit.id)
            self.assertEqual(bool(unit.topic), bool({"topic", "code"} & {*unit.inputs}), unit.id)
            self.assertEqual(bool(unit.parts), "parts" in unit.inputs, unit.id)

    def test_all_jobs_but_those_left_out(self):
        names = {unit.name for unit in kunit.units() if unit.sample}
        self.assertEqual({name for name, job in jobs.load().items() if job.check}, names)
        self.assertLessEqual({"tests", "tests-san"}, names)


class Kunit(unittest.TestCase):
    def run_jobs(self, image="1", failed=1):
        """-> {job: its Outcome} of three, of which one has a kernel that does not build."""
        known = {name: jobs.Job(name, "", jobs.Kernel(kernel, []), [])
                 for name, kernel in (("a", "good"), ("b", "bad"), ("c", "good"))}
        rows = [kunit.Result("", "suite", 3, failed, 0, 9.0)]
        self.ran = []

        def run_job(_tree, job):
            self.ran.append(job.name)
            return rows, ["wrong"] * failed

        with mock.patch.object(kunit.jobs, "load", lambda: known), \
                mock.patch.object(kunit.kunit, "build", lambda _, kernel: kernel.name == "good"), \
                mock.patch.object(kunit.kunit, "image", lambda _: image), \
                mock.patch.object(kunit.kunit, "run_job", run_job), \
                mock.patch.object(kunit.objects, "noted", lambda *_: None), \
                mock.patch.object(kunit.objects, "note"), \
                mock.patch.object(inputs.Inputs, "key",
                                  lambda _, unit, *more: unit.name + "".join(more[:1])), \
                mock.patch.object(inputs, "disturbed", lambda _: self.why_not), \
                contextlib.redirect_stdout(io.StringIO()):
            return dict(kunit.run(mock.Mock(), ["a", "b", "c"]))

    def setUp(self):
        top = self.enterContext(tempfile.TemporaryDirectory())
        for name, value in (("KEPT", pathlib.Path(top)), ("AGAIN", False)):
            self.enterContext(mock.patch.object(inputs, name, value))
        self.why_not = ""

    def test_jobs_of_a_kernel(self):
        found = self.run_jobs()
        self.assertEqual({"a": Tally(3, 1), "c": Tally(3, 1), "b": Tally(0, 1)},
                         {name: each.tally for name, each in found.items()})
        self.assertIn("bad does not build", found["b"].words[0])

    def test_tree_of_a_topic_stays_until_its_jobs_end(self):
        known = {name: jobs.Job(name, "", jobs.Kernel(name, [], topic=name), []) for name in "ab"}
        log = []

        def run_once(what, _facts, _run):
            time.sleep(.05)
            log.append(what)
            return Outcome(Tally(1))

        with mock.patch.object(kunit.jobs, "load", lambda: known), \
                mock.patch.object(kunit.kunit, "tree_of",
                                  lambda _, kernel: log.append(f"tree {kernel.name}")), \
                mock.patch.object(kunit.objects, "image", lambda *_: "image"), \
                mock.patch.object(inputs, "Inputs",
                                  lambda _: types.SimpleNamespace(once=run_once)):
            dict(kunit.run(mock.Mock(), ["a", "b"]))
        self.assertEqual(["tree a", "KUnit a", "tree b", "KUnit b"], log)

    def test_same_image(self):
        first = self.run_jobs(failed=0)
        self.assertEqual(first["a"].data, self.run_jobs(failed=0)["a"].data)
        self.assertEqual([], self.ran)
        self.run_jobs("2", failed=0)
        self.assertEqual(["a", "c"], self.ran)

    def test_disturbed(self):
        self.why_not = "files have changed"
        self.run_jobs(failed=0)
        self.why_not = ""
        self.run_jobs(failed=0)
        self.assertEqual(["a", "c"], self.ran)

    def test_facts_of_a_job(self):
        kernel = jobs.Kernel("x", [])
        job = jobs.Job("a", "", kernel, [])
        self.assertEqual(job.facts, dataclasses.replace(job, kernel=dataclasses.replace(
            kernel, top=pathlib.Path("/elsewhere"))).facts)
        for change in ({"kernel_args": ["x"]}, {"filter": "x"}, {"suites": ["x"]}):
            self.assertNotEqual(job.facts, dataclasses.replace(job, **change).facts)

    def test_what_failed_is_run_again(self):
        self.run_jobs()
        self.run_jobs()
        self.assertEqual(["a", "c"], self.ran)

    def test_again(self):
        self.run_jobs(failed=0)
        inputs.AGAIN = True
        self.run_jobs(failed=0)
        self.assertEqual(["a", "c"], self.ran)

    def test_image(self):
        with tempfile.TemporaryDirectory() as top:
            kernel = jobs.Kernel("x", [], top=pathlib.Path(top))
            found = set()
            for path in ("vmlinux", "arch/x86/boot/bzImage"):
                for text in ("a", "b"):
                    (kernel.out / path).parent.mkdir(parents=True, exist_ok=True)
                    (kernel.out / path).write_text(text)
                    found.add(kunit.kunit.image(kernel))
            self.assertEqual(4, len(found))

    def choose(self, run, *words):
        plain = jobs.Job("uml", "", jobs.Kernel("um", []), [], default=True)
        table = {"uml": plain, "uml-san": dataclasses.replace(plain, default=False, sanitizer="san"),
                 "arm": jobs.Job("arm", "", plain.kernel, [], iommu="SMMU"),
                 "arm-san": jobs.Job("arm", "", plain.kernel, [], iommu="SMMU", sanitizer="san")}
        with mock.patch.object(check.jobs, "load", return_value=table), \
                mock.patch.object(check, "_jobs") as found:
            run(None, *words)
        return found.call_args[0][1]

    def test_choice(self):
        for run, words, chosen in ((check.run_jobs, (), ["uml"]), (check.run_jobs, ("arm",), ["arm"]),
                                   (check.sanitize, (), ["uml-san", "arm-san"]),
                                   (check.sanitize, ("uml-san",), ["uml-san"]),
                                   (check.end_to_end, (), ["arm"])):
            self.assertEqual(chosen, self.choose(run, *words), words)

    def test_unknown_job(self):
        with self.assertRaisesRegex(Problem, "no job is called nope"):
            self.choose(check.run_jobs, "nope")
        with self.assertRaisesRegex(Problem, "no job is called uml; there are: uml-san, arm-san"):
            self.choose(check.sanitize, "uml")

    def test_end_to_end_is_one_line_a_job(self):
        job = jobs.Job("vtd-lazy", "", jobs.Kernel("x", []), [], iommu="VT-d", mode="lazy")
        rows = [{"job": "vtd-lazy", "suite": suite, "passed": passed, "failed": failed,
                 "skipped": 0, "seconds": 9.0}
                for suite, passed, failed in (("iommu_e2e", 27, 0), ("(kernel log)", 0, 2))]
        with mock.patch.object(kunit, "table") as table, \
                mock.patch.object(kunit.jobs, "load", lambda: {"vtd-lazy": job}):
            kunit.show({"vtd-lazy": Outcome(Tally(27, 2), [], rows)})
        self.assertEqual([["vtd-lazy", "VT-d", "lazy", 27, "2 FAILED", "9"]],
                         table.call_args[0][1])


class Selftest(unittest.TestCase):
    def test_memory(self):
        def found(free=1 << 20, flag=0):
            return types.SimpleNamespace(f_bavail=free, f_frsize=4096, f_flag=flag)
        for stat, may, env in (
                (found(), True, {"TMPDIR": "/x"}), (found(), False, {}),
                (found(free=100), True, {}), (found(flag=os.ST_NOEXEC), True, {}),
                (OSError("no such directory"), True, {})):
            with mock.patch.object(os, "statvfs", side_effect=[stat]), \
                    mock.patch.object(os, "access", lambda *_: may):
                self.assertEqual(env, selftest.in_memory("/x"))

    def test_counts(self):
        for text, status, counts in (
                ('....\nOK\n{"passed": 12, "failed": 0}\n', 0, (12, 0)),
                ('FAILED\n{"passed": 6, "failed": 3}\n', 1, (6, 3)),
                ('{"passed": 0, "failed": 0}\n', 1, (0, 1)),
                ('{"passed": 3, "failed": 0}\n', 1, (3, 1)),
                ('{"passed": 3, "failed": 0}\nSegmentation fault\n', 0, (0, 1)),
                ("", 0, (0, 1)), ("12\n", 0, (0, 1)),
                ("Traceback (most recent call last):\n", 1, (0, 1))):
            done = selftest.Done([], status, text)
            self.assertEqual(selftest.counted(done), Tally(*counts), text)

    def test_what_modules_say(self):
        """Skipped, expected and unexpected; in a module of its own, and by itself."""
        with tempfile.TemporaryDirectory() as top:
            package = pathlib.Path(top, "harness")
            package.symlink_to(selftest.ROOT / "harness")
            code = ("import unittest, sys, harness.tests, types\n"
                    "class T(unittest.TestCase):\n"
                    "    def test_a(self): pass\n"
                    "    def test_b(self): self.fail()\n"
                    "    def test_c(self): 1 / 0\n"
                    "    def test_d(self): self.skipTest('x')\n"
                    "    @unittest.expectedFailure\n"
                    "    def test_e(self): pass\n")
            pathlib.Path(top, "run.py").write_text(
                f"import runpy, sys, types\nmodule = types.ModuleType('harness.tests.test_x')\n"
                f"exec({code!r}, module.__dict__)\nimport harness.tests\n"
                "sys.modules['harness.tests.test_x'] = harness.tests.test_x = module\n"
                "sys.argv = ['x', 'x']\nrunpy.run_module('harness.tests', run_name='__main__')\n")
            done = tried(selftest.PYTHON, "run.py", cwd=pathlib.Path(top),
                         env={"PYTHONPATH": top})
        self.assertEqual(Tally(1, 3), selftest.counted(done), done.stdout)
        self.assertTrue(done.returncode)


class Checkpatch(unittest.TestCase):
    """A stand-in for checkpatch.pl obeys --ignore as the real one does."""
    SCRIPT = """
my ($ignore) = map { /^--ignore=(.*)/ ? $1 : () } @ARGV;
my %ignore = map { $_ => 1 } split /,/, $ignore;
open my $mail, '<', $ARGV[-1]; 
for (<$mail>) { chomp; print "$ARGV[-1]:1: $_: text\\n" unless $ignore{(split /:/)[1]} }
"""

    def check(self, *messages, topic="topic"):
        """Return ((passed, failed), printed) of mails of topic (str: types to complain of)."""
        out = io.StringIO()
        with tempfile.TemporaryDirectory() as name:
            tree = pathlib.Path(name)
            (tree / "scripts").mkdir()
            (tree / "scripts/checkpatch.pl").write_text(self.SCRIPT)
            (tree / "mails").mkdir(parents=True)
            for number, text in enumerate(("ERROR:COVER\n",) + messages):
                (tree / f"mails/{number:04}-x.patch").write_text(text)
            with mock.patch.object(checkpatch.WRITTEN, "of", lambda *_: tree / "mails"), \
                    contextlib.redirect_stdout(out):
                counts, words = total(checkpatch.run(types.SimpleNamespace(tree=tree), [topic]))
        return counts, out.getvalue() + words

    def test_any_complaint_fails_its_mail(self):
        counts, text = self.check("", "CHECK:SPACING\n")
        self.assertEqual(counts, (1, 1))
        self.assertIn("CHECK:SPACING", text)

    def test_exceptions_are_ignored_and_told(self):
        counts, text = self.check("".join(f"WARNING:{t}\n" for t in checkpatch.IGNORED))
        self.assertEqual(counts, (1, 0))
        for kind, reason in checkpatch.IGNORED.items():
            self.assertIn(f"{kind}, {reason}", text)

    def test_exceptions_of_one_topic(self):
        with mock.patch.object(checkpatch, "IGNORED_IN", {"one": {"MACRO": "why"}}):
            counts, text = self.check("ERROR:MACRO\n", topic="one")
            self.assertEqual(((1, 0), True), (counts, "in one: MACRO, why" in text))
            counts, text = self.check("ERROR:MACRO\n")
            self.assertEqual(((0, 1), False), (counts, "not checked in" in text))

    def test_no_mail_is_a_failure(self):
        self.assertEqual(self.check()[0], (0, 1))


class KernelDoc(unittest.TestCase):
    def check(self, script, *texts):
        """Return the counts for commits that make a.h each of texts, on a base with the
        first (None: not there)."""
        with tempfile.TemporaryDirectory() as name, mock.patch.dict("os.environ", ME):
            tree = pathlib.Path(name)
            git(tree, "init", "-q")
            (tree / "tools/docs").mkdir(parents=True)
            (tree / "tools/docs/kernel-doc").write_text(script)
            commits = []
            for text in texts:
                if text is not None:
                    (tree / "a.h").write_text(text)
                git(tree, "add", "-A")
                git(tree, "commit", "-qm", "m", "--allow-empty")
                commits.append(git(tree, "rev-parse", "HEAD").strip())
            composed = types.SimpleNamespace(tree=tree, base=None)
            branch = Branch("one", commits[0], commits[-1], commits[1:])
            with mock.patch.object(kernel_doc, "Commits") as made, \
                    mock.patch.object(kernel_doc.topics, "alone"):
                made.return_value.__enter__.return_value.make.return_value = [branch]
                return total(kernel_doc.run(composed, ["one"]))[0]

    # Complains of every line that holds "bad", by its number.
    SCRIPT = ("import sys\nfor n, l in enumerate(open(sys.argv[-1])):\n"
              "  if 'bad' in l: print(f'Warning: {sys.argv[-1]}:{n} {l.strip()}')\n")

    def test_old_warnings_may_stay_and_move(self):
        self.assertEqual(self.check(self.SCRIPT, "bad a\n", "\n\nbad a\n"), (1, 0))

    def test_new_warning(self):
        self.assertEqual(self.check(self.SCRIPT, "bad a\n", "bad a\nbad b\n"), (0, 1))
        self.assertEqual(self.check(self.SCRIPT, "bad a\n", "bad a\nbad a\n"), (0, 1))

    def test_warning_that_a_later_commit_takes_away(self):
        self.assertEqual(self.check(self.SCRIPT, "a\n", "bad a\n", "a\n"), (1, 1))

    def test_new_file(self):
        self.assertEqual(self.check(self.SCRIPT, None, "bad a\n"), (0, 1))
        self.assertEqual(self.check(self.SCRIPT, None, "good\n"), (1, 0))


class MailsOfARun(unittest.TestCase):
    """No check reads what an earlier run has left."""

    def test_written_once_a_run(self):
        written = mails.Mails()
        with mock.patch.object(mails.mails, "write", return_value={"one": "dir"}) as write:
            self.assertEqual(["dir"] * 2, [written.of(None, "one"), written.of(None, "one")])
        self.addCleanup(written.scratch.cleanup)
        self.assertEqual(1, write.call_count)
        where = write.call_args[0][2]
        self.assertEqual([], list(where.iterdir()))
        self.assertNotIn(check.BUILD, where.parents)

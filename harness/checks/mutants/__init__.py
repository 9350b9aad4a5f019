# SPDX-License-Identifier: GPL-2.0
"""With each mutant a test fails; this is a sample, `make mutants` runs all."""

from __future__ import annotations

import collections
import concurrent.futures
import dataclasses
import fnmatch
import os
import pathlib
import queue
import re
from collections.abc import Iterator
from dataclasses import dataclass

from ...common import tables
from ...common.report import Problem, Stage, Tally, table
from ...common.run import BUILD, ROOT
from ...common.units import Outcome, Unit
from ...kernel import compose
from ...kernel.compose import Composed
from ...boot import drivers, jobs, kunit, verdict

FOLDER = ROOT / "harness" / "checks" / "mutants"
TOP = BUILD / "mutants"

# The seconds that a broken kernel may run, on UML and in QEMU.
TIMEOUT, TIMEOUT_QEMU = 30, 120

# With more mutants than this, a place for each CPU is worth what it takes to build.
MANY = 40

# The last words of a kernel that comes to its end; s390's says none.
END = re.compile(r"^reboot: (System halted|Restarting system)", re.M)
# How many suites a kernel has, and each that is done.
PLAN, DONE = re.compile(r"^1\.\.(\d+)$", re.M), re.compile(r"^(?:not )?ok \d+ ", re.M)
# Words of one that crashes. One that says neither was stopped when its time was over.
CRASH = re.compile(r"Kernel panic|\bOops\b|\bBUG: |Segfault with no mm|Internal error")

# What may come of a mutant; the first two are as they should be.
KILLED, SPARED, SURVIVED, REVIVED = "killed", "spared", "SURVIVED", "KILLED"
UNFIT, BROKEN, DEAD = "does not apply", "does not build", "does not boot"
HUNG = "hangs, and no test reports it"


@dataclass
class Mutant:
    """One table of mutants/*.toml, see the head of core.toml."""
    name: str
    file: str
    old: str
    new: str
    suites: str
    job: str = drivers.MODELS
    survives: str = ""
    check: bool = False

    @property
    def globs(self) -> list[str]:
        """What kunit.py is to filter by, one for each run."""
        return self.suites.split() or [""]

    def apply(self, source: str) -> str | None:
        """Return source, the file's text, mutated; None if it does not apply."""
        fits = source.count(self.old) == 1 and self.new != self.old
        return source.replace(self.old, self.new) if fits else None


@dataclass
class Fate:
    """What came of mutant: state, one of the above, and words on it."""
    mutant: Mutant
    state: str
    words: str = ""


@dataclass
class Place:
    """Where mutants are built and run, one at a time.

    tree: a kernel tree to break; job: whose kernel is built there.
    """
    name: str
    tree: pathlib.Path
    job: jobs.Job


def load(where: pathlib.Path = FOLDER) -> list[Mutant]:
    """Return the mutants of the tables in where.

    Raises Problem if a table is wrong, or a name is not the only one of its kind.
    """
    mutants: list[Mutant] = []
    for path in sorted(where.glob("*.toml")):
        mutants += tables.load(path, lambda known: [Mutant(**each) for each in known["mutant"]])
    for name, count in collections.Counter(mutant.name for mutant in mutants).items():
        if count > 1:
            raise Problem(f"{where}: {count} mutants are called {name}")
    return mutants


def check_original(place: Place, mutants: list[Mutant]) -> None:
    """Run what is to be broken at place.

    Raises Problem if it does not pass, or if none of its cases that pass are
    those which one of mutants wants to be run: nothing could kill it.
    """
    done = kunit.boot(place.tree, place.job, "mutants-none")
    failed = 1
    if done.report:
        rows, wrong = verdict.results(place.job, done.report, done.console, done.trace,
                                      done.seconds)
        failed = sum(row.failed for row in rows)
        print(*wrong, sep="\n", end="\n" if wrong else "")
    if failed or not done.report:
        raise Problem("the kernel fails without any mutation, fix that first; " + done.logs)
    passed = [case for case, status in verdict.cases(done.report).items() if "PASS" in status]
    for mutant in mutants:
        for glob in mutant.globs:
            wanted = glob if "." in glob else f"{glob or '*'}.*"
            if not any(fnmatch.fnmatchcase(case, wanted) for case in passed):
                raise Problem(f"{mutant.name}: no case passes that `suites` {glob!r} matches")


def ends(console: str) -> bool:
    """Return whether the kernel of this log came to its end, or at least to that of its tests."""
    plan = PLAN.search(console)
    return bool(END.search(console)) or \
        plan is not None and len(DONE.findall(console)) >= int(plan[1])


def judge(run: kunit.Booted) -> tuple[str, str]:
    """Return state and words for a mutant that ran as run says.

    It is KILLED if a case failed or the kernel crashed; HUNG if its time was over.
    """
    cases = verdict.cases(run.report) if run.report else {}
    if run.report:  # a suite that does not start has no cases
        cases.update({suite["name"]: {suite["status"]} for suite in run.report["test_cases"]})
    if not cases:
        return DEAD, ""
    # To kunit.py a lost line of the log looks like a crash.
    ended, crashed = ends(run.console), bool(CRASH.search(run.console))
    killers = [case for case, status in cases.items()
               if "FAIL" in status or "ERROR" in status and crashed and not ended]
    # What a crash keeps from telling its name is nameless for kunit.py too.
    killers = [case for case in killers if not case.endswith(".")] or \
              [f"a case of {case[:-1]}" for case in killers]
    if not killers:
        return (SURVIVED, "") if ended else (HUNG, "")
    words = ", ".join(killers[:2]) + (f" and {len(killers) - 2} more" if killers[2:] else "")
    return KILLED, words + (" (crash)" if crashed and not ended else "")


def start(tree: pathlib.Path, job: jobs.Job, name: str) -> tuple[str, str, kunit.Booted]:
    """Run job on the kernel built from tree; return state and words, and the run.

    One that was still running when its time was over is run again, for twice as long: this
    machine may have been busy.
    """
    for again in (1, 2):
        ran = kunit.start(tree, dataclasses.replace(job, timeout=job.timeout * again), name,
                          lambda: None)
        state, words = judge(ran)
        if state != HUNG:
            break
    return state, words, ran


def run_mutant(mutant: Mutant, place: Place) -> Fate:
    """Build and run mutant at place."""
    path = place.tree / mutant.file
    original = path.read_text() if path.is_file() else ""
    mutated = mutant.apply(original)
    if mutated is None:
        return Fate(mutant, UNFIT, f"old is there {original.count(mutant.old)} times")
    state = words = ""
    try:
        path.write_text(mutated)
        done = kunit.remake(place.tree, place.job.kernel)
        if done.returncode:
            lines = done.stdout.splitlines()
            return Fate(mutant, BROKEN, next((line for line in lines if "error: " in line),
                                             lines[-1] if lines else ""))
        for glob in mutant.globs:
            part = dataclasses.replace(place.job, filter=glob or place.job.filter,
                                       timeout=TIMEOUT if place.job.kernel.arch == "um"
                                       else TIMEOUT_QEMU)
            state, words, ran = start(place.tree, part, place.name)
            if state == SURVIVED and part.sanitizer and (dirt := verdict.dirt(ran.console)):
                state, words = KILLED, f"the kernel log: {dirt[0].strip()}"
            if state != SURVIVED:
                break
    finally:    # with a time of its own, so that make sees it
        path.write_text(original)
    if mutant.survives:
        state = {SURVIVED: SPARED, KILLED: REVIVED}.get(state, state)
    return Fate(mutant, state, words)


def cell(fate: Fate) -> str:
    """Return what the table says of fate."""
    if fate.state == KILLED:
        return fate.words
    if fate.state == SPARED:
        return f"survives: {fate.mutant.survives}"
    if fate.state == REVIVED:
        return f"KILLED, although `survives` gives a reason why no test can notice: {fate.words}"
    return fate.state + (f": {fate.words}" if fate.words else "")


def set_up(composed: Composed, whole: jobs.Job, count: int) -> list[Place]:
    """Build the kernel of job whole, which is to be broken, count times.

    Raises Problem if it does not build.
    """
    places = []
    for number in range(1, count + 1):
        top = TOP / str(number)
        job = dataclasses.replace(whole, kernel=dataclasses.replace(whole.kernel, top=top))
        place = Place(f"mutant-{number}", top / "linux", job)
        top.mkdir(parents=True, exist_ok=True)
        compose.worktree(composed.tree, place.tree, composed.end)
        if not kunit.build(place.tree, job.kernel):
            raise Problem("the kernel does not build without any mutation")
        places.append(place)
    return places


def run_all(mutants: list[Mutant], places: list[Place]) -> Iterator[Fate]:
    """Yield the fates of mutants, as they come from places."""
    free: queue.SimpleQueue[Place] = queue.SimpleQueue()
    for place in places:
        free.put(place)

    def run_one(mutant: Mutant) -> Fate:
        place = free.get()
        try:
            return run_mutant(mutant, place)
        finally:
            free.put(place)

    with concurrent.futures.ThreadPoolExecutor(len(places)) as pool:
        pending = [pool.submit(run_one, mutant) for mutant in mutants]
        try:
            for each in concurrent.futures.as_completed(pending):
                yield each.result()
        finally:
            pool.shutdown(cancel_futures=True)


def units() -> list[Unit]:
    """A mutant each; `make check` has those marked `check`."""
    known = jobs.load()
    return [Unit("mutants", each.name, known[each.job].kernel.name,
                 kunit.tools_of(known[each.job].kernel), each.check) for each in load()]


def run(composed: Composed, names: list[str]) -> Iterator[tuple[str, Outcome]]:
    """Build and run the mutants called names, those of a job after another."""
    mutants = [each for each in load() if each.name in names]
    for name, job in jobs.load().items():
        mine = [each for each in mutants if each.job == name]
        if mine:
            yield from run_job(composed, job, mine)


def run_job(composed: Composed, job: jobs.Job, mutants: list[Mutant]) -> \
        Iterator[tuple[str, Outcome]]:
    """Build and run mutants, which are those of job, on as many places as are worth it."""
    places = set_up(composed, job, (os.cpu_count() or 1) if len(mutants) > MANY else 1)
    check_original(places[0], mutants)
    stage = Stage(f"mutants, {job.name}", len(mutants))
    for fate in run_all(mutants, places):
        stage.step(fate.mutant.name)
        good = fate.state in (KILLED, SPARED)
        yield fate.mutant.name, Outcome(Tally(int(good), int(not good)),
                                        [] if good else [f"{fate.mutant.name}: {cell(fate)}"],
                                        {"state": fate.state, "cell": cell(fate)})
    stage.done()


def close(outcomes: dict[str, Outcome]) -> Outcome:
    """Print the table and the totals."""
    known = {name: each.data for name, each in outcomes.items() if each.data}
    if not known:
        return Outcome(Tally())
    print()
    table(["mutant", "killed by"], [[name, data["cell"]] for name, data in known.items()])
    count = collections.Counter(data["state"] for data in known.values())
    totals = [f"{count[KILLED] + count[REVIVED]} killed",
              f"{count[SURVIVED] + count[SPARED]} survived"]
    totals += [f"{count[state]} {state.replace('does', 'do')}"
               for state in (UNFIT, BROKEN, DEAD, HUNG) if count[state]]
    print(f"\n{len(known)} mutants: {', '.join(totals)}", flush=True)
    return Outcome(Tally())

# SPDX-License-Identifier: GPL-2.0
"""`make check`: everything a change must pass, whole, in shares, or a unit at a time."""

from __future__ import annotations

import concurrent.futures
import contextlib
import dataclasses
import fnmatch
import itertools
import json
import math
import os
import pathlib
import re
import signal
import time
import traceback
import urllib.parse
from collections.abc import Callable, Iterable, Iterator

from .common import report, tools, units
from .common.report import Problem, Tally, minutes, table
from .common.run import BUILD, ROOT, children
from .common.units import Check, Outcome, Unit
from .kernel.compose import Composed
from .boot import inputs, jobs
from .checks import (audit, builds, checkpatch, cost, docs, fixes, history, kernel_doc, kunit, lint,
                     mails, models_history, mutants, neighbours, order, pages, round_trip, selftest,
                     sparse, topics)
from . import shards

CHECKS: dict[str, Check] = {
    "selftest": selftest, "lint": lint, "round-trip": round_trip, "topics": topics, "mails": mails,
    "neighbours": neighbours, "checkpatch": checkpatch, "kernel-doc": kernel_doc, "docs": docs,
    "pages": pages, "audit": audit, "kunit": kunit, "order": order, "cost": cost,
    "mutants": mutants, "fixes": fixes, "history": history, "models-history": models_history,
    "builds": builds, "sparse": sparse}

# Two of these lines run at a time, and begin from the top: the longest first, and what soon
# tells of a mistake.  Those in a line use the same directories, or what one has made, in turn.
LINES: tuple[tuple[str, ...], ...] = (
    ("kunit", "order", "cost", "mutants", "fixes", "history", "models-history"),
    ("selftest", "lint", "round-trip"), ("builds", "sparse"), ("topics",), ("mails", "checkpatch"),
    ("neighbours",), ("kernel-doc",), ("docs", "pages"), ("audit",))

# What came of each unit, a file each; `make collect` reads them.
RESULTS = BUILD / "results"

# Gigabytes that must be free even where all was built before.
LEAST = 2

Compose = Callable[[], Composed]


# --- which

def all_units(sample: bool = True) -> list[Unit]:
    """Return all units, or with sample those that `make check` runs."""
    return [unit for check in CHECKS.values() for unit in check.units()
            if unit.sample or not sample]


def named(words: Iterable[str]) -> list[Unit]:
    """Return the units that words, names of checks or ids of units, stand for.

    An id may be a pattern, as mutants/*, which also has what `make check` leaves out.
    """
    known = all_units(False)
    chosen: list[Unit] = []
    for word in words:
        found = [unit for unit in known if fnmatch.fnmatchcase(unit.id, word)] or \
                [unit for unit in known if unit.check == word and unit.sample]
        if not found:
            check = word.partition("/")[0]
            if check in CHECKS:
                raise Problem(f"there is no unit {word}; `make units ALL=1` lists them")
            raise Problem(f"there is no check {word}; there are {', '.join(CHECKS)}")
        chosen += found
    return [unit for unit in known if unit in chosen]


def of(check: str, only: str = "") -> list[Unit]:
    """Return the units of check with only in their names."""
    found = [unit for unit in CHECKS[check].units() if only in unit.name]
    if not found:
        raise Problem(f"nothing of {check} has {only!r} in its name")
    return found


# --- running them

def run_units(compose: Compose, chosen: list[Unit], again: bool = True,
              seconds: float | None = None) -> dict[Unit, Outcome]:
    """Run the units chosen, whatever happens to each; their outcomes are left in RESULTS.

    again: also those that passed before with the same inputs; seconds: after which all that
    still runs is stopped, and has no outcome.  Raises Problem if the kernel cannot be composed,
    or a program is missing that cannot be installed.
    """
    ends = time.monotonic() + seconds if seconds else math.inf
    inputs.at_start()
    inputs.AGAIN = again
    report.STOP.clear()
    tools.space(ROOT, LEAST)
    composed = compose()    # which refuses other releases, before anything is installed
    tools.need(*dict.fromkeys(name for unit in chosen for name in unit.tools))
    for unit in chosen:
        place(unit.id).unlink(missing_ok=True)
    run = Run(composed, chosen)
    with report.whole_lines(), concurrent.futures.ThreadPoolExecutor(2) as pool:
        lines = [pool.submit(run.line, line) for line in LINES]
        try:
            left = max(0, ends - time.monotonic())
            for each in concurrent.futures.as_completed(lines, left if seconds else None):
                each.result()
        except TimeoutError:
            stop()
        except BaseException:
            stop()
            raise
    return {unit: run.found[unit] for unit in chosen if unit in run.found}


class Run:
    """The run of units on composed; found: what came of them so far."""

    def __init__(self, composed: Composed, chosen: list[Unit]):
        self.composed, self.chosen = composed, chosen
        self.stamp = inputs.stamp(composed)
        known = inputs.Inputs(composed)
        self.keys = {unit: known.key(unit) for unit in chosen}
        self.found: dict[Unit, Outcome] = {}

    def line(self, names: tuple[str, ...]) -> None:
        """Run the units of the checks names, one check after the other."""
        report.go_on()
        for name in names:
            mine = {unit.name: unit for unit in self.chosen if unit.check == name}
            if mine:
                self.check(name, CHECKS[name], mine)

    def check(self, name: str, check: Check, mine: dict[str, Unit]) -> None:
        """Run the units mine, by their names, of check."""
        print(f"\n{name}: {headline(check)}", flush=True)
        stamp = {**self.stamp, **({"compilers": inputs.compilers()} if name == "cost" else {})}
        before = {name: kept for name, unit in mine.items()
                  if (kept := inputs.kept(self.keys[unit]))}
        if before:
            print(f"  {len(before)} of {len(mine)} as before, with the same inputs", flush=True)
        for each, outcome in before.items():
            self.found[mine[each]] = outcome
            note(mine[each], outcome, stamp)
        left = [each for each in mine if each not in before]
        try:
            for each, outcome in guarded(check, self.composed, left) if left else ():
                report.go_on()
                self.found[mine[each]] = outcome
                note(mine[each], outcome, stamp)
                print(*outcome.words, sep="\n", end="\n" if outcome.words else "", flush=True)
        finally:    # also of what was done when it is interrupted
            done = [mine[each] for each in left if mine[each] in self.found]
            why_not = inputs.disturbed(self.composed) if done else ""
            if why_not:
                print(f"{why_not} while it ran: it will run again next time", flush=True)
            known = inputs.Inputs(self.composed)
            for unit in done:
                if why_not:
                    note(unit, self.found[unit], {**stamp, "repository": None})
                inputs.keep(self.keys[unit], self.found[unit], why_not or
                            ("other inputs" if known.key(unit) != self.keys[unit] else ""))


def stop() -> None:
    """Have all that runs end: checks at their next step, programs now."""
    report.STOP.set()
    for child in children(os.getpid()):
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, signal.SIGTERM)


def guarded(check: Check, composed: Composed, names: list[str]) -> Iterator[tuple[str, Outcome]]:
    """Run the units names of check; those that an error keeps from running have failed."""
    left, start = list(names), time.monotonic()
    try:
        for name, outcome in check.run(composed, names):
            if name in left:
                left.remove(name)
                outcome.seconds = time.monotonic() - start
                yield name, outcome
            start = time.monotonic()
        why = "it did not run"
    except (Problem, OSError) as problem:
        why = str(problem)
    except Exception:   # of the harness itself; the other checks go on
        why = traceback.format_exc()
    for count, name in enumerate(left):
        yield name, Outcome(Tally(0, 1), [why] if not count else [], None,
                            time.monotonic() - start if not count else 0)


def headline(check: Check) -> str:
    """Return what check holds."""
    return (check.__doc__ or "").splitlines()[0]


# --- results

def place(id: str) -> pathlib.Path:
    """Return the file of the result of the unit with that id."""
    return RESULTS / (urllib.parse.quote(id, safe="") + ".json")


def note(unit: Unit, outcome: Outcome, stamp: dict[str, object]) -> None:
    """Leave what came of unit as a file; stamp: what it was run on."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    data = {"unit": unit.id, "stamp": stamp, **dataclasses.asdict(outcome)}
    part = place(unit.id).with_suffix(".part")
    part.write_text(json.dumps(data, indent=1) + "\n")
    part.replace(place(unit.id))


def read(path: pathlib.Path) -> tuple[str, dict[str, object], Outcome]:
    """Return id, stamp and outcome of the result in path."""
    try:
        data = json.loads(path.read_text())
        id, stamp = data.pop("unit"), data.pop("stamp")
        tally = Tally(**data.pop("tally"))
        return id, stamp, Outcome(tally, **{**data, "at": data.get("at", 0.0)})
    except (ValueError, KeyError, TypeError, AttributeError):
        raise Problem(f"{path} is not the result of a unit: remove it, and run the unit "
                      "again") from None


def closing(found: dict[Unit, Outcome], whole: Iterable[str] = (),
            seconds: float | None = None, remarks: Iterable[str] = ()) -> Tally:
    """Print what the checks say of found, a table, and what failed last; return the sum.

    whole: checks all of whose units are in found, and are judged together; seconds: that all
    of it took, None if it did not run at once; remarks: lines to print below the table.
    """
    lines, total = [], Tally()
    bad = [(f"make unit ID={unit.id}", outcome) for unit, outcome in found.items()
           if outcome.tally.failed]
    for name, check in CHECKS.items():
        mine = {unit.name: outcome for unit, outcome in found.items() if unit.check == name}
        if not mine:
            continue
        tally = sum((each.tally for each in mine.values()), Tally())
        if name in whole:
            last = units.close(check, mine)
            print(*last.words, sep="\n", end="\n" if last.words else "", flush=True)
            tally += last.tally
            bad += [(f"make check ONLY={name}", last)] if last.tally.failed else []
        before = sum(each.before for each in mine.values())
        took = sum(each.seconds for each in mine.values() if not each.before)
        lines.append([name, tally.passed, tally.failed, len(mine),
                      "all" if before == len(mine) else before or "", minutes(took)])
        total += tally
    if seconds is not None:
        lines.append(["in all", total.passed, total.failed, len(found), "", minutes(seconds)])
    print()
    table(["check", "passed", "failed", "units", "as before", "time"], lines)
    for remark in remarks:
        print(remark)
    if bad:
        print("\nto run again what failed:")
        for command, outcome in bad[:20]:
            said = [line for line in "\n".join(outcome.words).splitlines() if re.search(r"\w", line)]
            print(f"  {command}", *(f"    {line.strip()[:200]}" for line in said[:3]), sep="\n")
    print(f"\n{total.passed} passed, {total.failed} failed", flush=True)
    return total


# --- commands

def check(compose: Compose, only: str = "", shard: str = "", again: str = "",
          within: str = "", list: str = "") -> Tally:
    """Run everything; only: checks or units; shard: as "2/5"; again: nothing as before.

    within: minutes after which it ends with what passed or failed by then, for machines whose
    time is limited: what had no time is named, and is no failure.
    """
    if list:
        return show()
    if within and not within.isdecimal():
        raise Problem(f"WITHIN={within} is not a number of minutes")
    chosen = named(only.split()) if only else all_units()
    if shard:
        chosen = shards.share(chosen, shard)
    start = time.monotonic()
    found = run_units(compose, chosen, bool(again), 60 * int(within) if within else None)
    late = [unit for unit in chosen if unit not in found]
    if late and not found:
        raise Problem(f"nothing was done in {within} minutes")
    return closing(found, complete(found), time.monotonic() - start,
                   no_time(late, len(chosen), within) if late else ())


def no_time(late: list[Unit], count: int, within: str) -> Iterator[str]:
    """Yield lines that name the units late, of count, by check."""
    yield f"\n{len(late)} of {count} units had no time in {within} minutes:"
    for name, of_it in itertools.groupby(late, lambda unit: unit.check):
        names = [unit.name or name for unit in of_it]
        yield f"  {name}: " + (", ".join(names) if len(names) < 9 else
                               f"{len(names)}, from {names[0]} to {names[-1]}")


def complete(found: Iterable[Unit]) -> set[str]:
    """Return the checks all of whose units, as `make check` has them, are in found."""
    there = set(found)
    return {name for name, check in CHECKS.items()
            if all(unit in there for unit in check.units() if unit.sample)}


def some(name: str, compose: Compose, only: str = "") -> Tally:
    """Run the units of check name with only in their names, and show what it makes of them."""
    return closing(run_units(compose, of(name, only)), [name])


def run_jobs(compose: Compose, job: str = "") -> Tally:
    """Run a job, or those that jobs.toml marks as default."""
    known = jobs.load()
    return _chosen(compose, job, known, [name for name, each in known.items() if each.default])


def sanitize(compose: Compose, job: str = "") -> Tally:
    """Run a job that has sanitizers, or all of them."""
    known = [name for name, each in jobs.load().items() if each.sanitizer]
    return _chosen(compose, job, known, known)


def _chosen(compose: Compose, job: str, known: Iterable[str], default: list[str]) -> Tally:
    """Run job, which must be one of those known; without it, those of default."""
    if job and job not in known:
        raise Problem(f"no job is called {job}; there are: {', '.join(known)}")
    return _jobs(compose, [job] if job else default)


def end_to_end(compose: Compose) -> Tally:
    """Run all jobs that have an IOMMU."""
    return _jobs(compose, [name for name, each in jobs.load().items()
                           if each.iommu and not each.sanitizer])


def _jobs(compose: Compose, names: list[str]) -> Tally:
    found = run_units(compose, named(f"kunit/{name}" for name in names))
    print()
    kunit.show({unit.name: outcome for unit, outcome in found.items()})
    return sum((each.tally for each in found.values()), Tally())


def unit(compose: Compose, id: str = "") -> Tally:
    """Run one unit, or several with blanks between them."""
    if not id:
        raise Problem("ID= is missing: `make units` lists them")
    return closing(run_units(compose, named(id.split())))


def show_units(all: str = "") -> None:
    """List the units of `make check` as commands; all: also the others."""
    budgets = shards.load()
    table(["command", "seconds", "shares", "needs"],
          [[f"make unit ID={unit.id}", budgets[unit.check].setup + budgets[unit.check].unit,
            unit.setup, " ".join(packages(unit))] for unit in all_units(not all)])


def packages(unit: Unit) -> list[str]:
    """Return the Debian packages that unit needs, but those that all have."""
    common = {tools.TABLE[name][1] for name in tools.BUILD_KERNEL}
    return sorted({tools.TABLE[name][1] for name in unit.tools} - common)


def show() -> Tally:
    """List the checks, what each may take, and how it went last time."""
    budgets = shards.load()
    lines = []
    for name, check in CHECKS.items():
        mine = [unit for unit in check.units() if unit.sample]
        known = [read(place(unit.id))[2] for unit in mine if place(unit.id).exists()]
        tally = sum((each.tally for each in known), Tally())
        lines.append([name, headline(check), len(mine), minutes(budgets[name].seconds),
                      *([tally.passed, tally.failed, minutes(sum(each.seconds for each in known))]
                        if known else [])])
    table(["check", "what it holds", "units", "may take", "last: passed", "failed", "time"],
          [line + [""] * (7 - len(line)) for line in lines])
    return Tally()


def collect(results: str = "", only: str = "") -> Tally:
    """Make the closing table of results of any machines; what is missing has failed.

    results: folders with them, instead of this clone's own; only: as for check().
    """
    found: dict[str, Outcome] = {}
    stamps: dict[str, dict[str, object]] = {}
    here, others = inputs.repository(), []
    for folder in [*map(pathlib.Path, results.split())] or [RESULTS]:
        if not folder.is_dir():
            raise Problem(f"{folder} is not a folder: RESULTS= takes folders like "
                          f"{RESULTS}, copied from the machines that ran the units")
        for path in sorted(folder.glob("*.json")):
            id, stamp, outcome = read(path)
            if stamp.get("repository") not in (None, here):
                others.append(str(path))
                continue
            if id in found and bool(found[id].tally.failed) != bool(outcome.tally.failed):
                print(f"{id} failed in one folder and passed in another: the latter counts")
            if id not in found or found[id].tally.failed:
                found[id], stamps[id] = outcome, stamp
    if others:
        print(f"{len(others)} results are of another commit, as {others[0]}: "
              "they do not count", flush=True)
    wanted = named(only.split()) if only else all_units()
    stamps = {unit.id: stamps[unit.id] for unit in wanted if unit.id in stamps}
    why = inputs.differ(stamps)
    if why:
        raise Problem(why)
    rows = {unit: found.get(unit.id) or Outcome(Tally(0, 1), ["missing"]) for unit in wanted}
    missing = [unit.id for unit in wanted if unit.id not in found]
    tally = closing(rows, complete(unit for unit in wanted if unit.id in found))
    if missing:
        print(f"{len(missing)} of {len(wanted)} units have no result, as {missing[0]}", flush=True)
    return tally

# SPDX-License-Identifier: GPL-2.0
"""The sections on KUnit: suites, drivers, and what runs behind QEMU's IOMMUs."""

from __future__ import annotations

from collections.abc import Iterable

from ..common.units import Unit
from ..boot import drivers, jobs
from ..boot.verdict import BLAMED, Result as Suite
from .html import Html, anchor, code, el, fold, join, small, table
from .known import Known
from .parts import BAD, GOOD, NONE, logs, mark, of_all, origin, some, status, took, worst_first

SKIPS = [*(f"skipped: {who}" for who in BLAMED), "no reason"]


def suites_of(known: Known, names: Iterable[str]) -> list[Suite]:
    """Return what the suites of the jobs names counted, of those that ran."""
    there = known.of("kunit")
    return [Suite(**row) for name in names if name in there
            for row in there[name].outcome.data or []]


def skips(rows: Iterable[Suite]) -> list[int]:
    """Return how many cases of rows were skipped, as SKIPS."""
    rows = list(rows)
    by = [sum(row.blamed.get(who, 0) for row in rows) for who in BLAMED]
    return [*by, sum(row.skipped for row in rows) - sum(by)]


def job_row(known: Known, unit: Unit, job: jobs.Job) -> list[object]:
    """A line for the job of unit: how it went, its counts, time and logs."""
    result, mine = known.results.get(unit.id), suites_of(known, [unit.name])
    counts: list[object] = [""] * (len(SKIPS) + 3)
    if result:
        counts = [sum(row.passed for row in mine), result.outcome.tally.failed, *skips(mine),
                  took(mine[0].seconds) if mine else ""]
    name = code(unit.name)
    if result and not job.iommu:
        name = el("a", name, href="#" + anchor("suites", unit.name))
    return [join(name, small(job.about)), status(known, result), *counts,
            logs(unit) if result else ""]


def job_table(caption: str, known: Known, chosen: dict[str, jobs.Job]) -> Html:
    """A table of the jobs chosen; what neither ran nor is part of `make check` is just named."""
    units = [unit for unit in known.units if unit.check == "kunit" and unit.name in chosen]
    shown = [unit for unit in units if unit.sample or unit.id in known.results]
    rest = [unit.name for unit in units if unit not in shown]
    rows = [job_row(known, unit, chosen[unit.name]) for unit in shown]
    return join(table(caption, ["job", "result", "passed", "failed", *SKIPS, "time", "logs"],
                      worst_first(rows, 3)),
                el("p", "Not run, and not part of ", code("make check"), ": ", ", ".join(rest),
                   ".", class_="origin") if rest else "")


def suites(known: Known) -> Html:
    """The jobs without an IOMMU, and the suites of each."""
    chosen = {name: job for name, job in jobs.load().items() if not job.iommu}
    there = {name: result for name, result in known.of("kunit").items() if name in chosen}
    return join(origin(known, [*there.values()], "make kunit"), job_table("Jobs", known, chosen),
                *(suite_fold(name, suites_of(known, [name])) for name in there))


def suite_fold(name: str, rows: list[Suite]) -> Html:
    """The suites of a job, folded."""
    failed = sum(row.failed for row in rows)
    return fold(join(code(name), small(some(len(rows), "suite")), " ",
                     mark(f"{failed} failed", BAD) if failed else ""),
                table(f"Suites of {name}", ["suite", "result", "passed", "failed", *SKIPS],
                      [[code(row.suite), mark("failed", BAD) if row.failed else
                        mark("passed", GOOD) if row.passed else mark("skipped", NONE),
                        row.passed, row.failed, *skips([row])]
                       for row in sorted(rows, key=lambda row: -row.failed)]),
                id=anchor("suites", name))


def by_driver(known: Known) -> Html:
    """Each driver, on models and on QEMU's IOMMUs."""
    there = known.of("kunit")
    tested = {driver.name: [drivers.MODELS] * bool(driver.suites) + driver.jobs
              for driver in drivers.load()}
    used = {name: there[name] for names in tested.values() for name in names if name in there}
    return join(origin(known, [*used.values()], "make kunit"), table(
        "Drivers", ["driver", "class", "tested by", "result", "passed", "failed", *SKIPS],
        worst_first((driver_row(known, driver, tested[driver.name])
                     for driver in drivers.load()), 5)),
        el("p", "Class always declares that its sync must always run, range invalidates what was "
           "gathered, unmap has no sync.", class_="origin"))


def driver_row(known: Known, driver: drivers.Driver, tested: list[str]) -> list[object]:
    """A line for a driver, which the jobs tested run."""
    ran = [name for name in tested if name in known.of("kunit")]
    mine = drivers.mine(driver, suites_of(known, ran))
    failed = sum(row.failed for row in mine)
    where = [f"{some(len(driver.suites), 'suite')} on models made after {driver.model}"] * \
        bool(driver.suites) + [f"{len(driver.jobs)} in QEMU"] * bool(driver.jobs)
    counts: list[object] = [sum(row.passed for row in mine), failed, *skips(mine)]
    return [join(driver.name, small(driver.sync)), driver.kind, small("; ".join(where)),
            of_all(len(ran), len(tested), failed) if tested else mark("no test", NONE),
            *(counts if ran else [""] * len(counts))]


def end_to_end(known: Known) -> Html:
    """The jobs behind QEMU's IOMMUs."""
    chosen = {name: job for name, job in jobs.load().items() if job.iommu}
    ran = [result for name, result in known.of("kunit").items() if name in chosen]
    return join(origin(known, ran, "make e2e"), *(
        job_table(caption, known, {name: job for name, job in chosen.items()
                                   if bool(job.programs) == programs})
        for caption, programs in (("A device's DMA behind real drivers", False),
                                  ("User space, and devices under load", True))))

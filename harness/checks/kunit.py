# SPDX-License-Identifier: GPL-2.0
"""Every KUnit job passes, and the pages have what they counted; sanitizers in a few."""

from __future__ import annotations

import concurrent.futures
import dataclasses
import functools
import pathlib
from collections.abc import Iterator

from ..common.report import Tally, table
from ..common.units import Outcome, Unit
from ..kernel.compose import Composed
from ..boot import drivers, inputs, jobs, kunit, objects, suites
from ..boot.jobs import Job
from ..boot.verdict import BLAMED, Result


def units() -> list[Unit]:
    """A job each."""
    return [Unit("kunit", name, job.kernel.name, kunit.tools_of(job.kernel),
                 job.check,
                 ("code",) if job.kernel.topic else ("series",), job.kernel.topic)
            for name, job in jobs.load().items()]


def run(composed: Composed, names: list[str]) -> Iterator[tuple[str, Outcome]]:
    """Run the jobs called names; one kernel is built while jobs run the one before."""
    known, decides = jobs.load(), inputs.Inputs(composed)
    kernels: dict[str, list[Job]] = {}
    for name in names:
        kernels.setdefault(known[name].kernel.name, []).append(known[name])
    pending: dict[concurrent.futures.Future[Outcome], str] = {}

    def drain(block: bool) -> Iterator[tuple[str, Outcome]]:
        while pending and (block or any(each.done() for each in pending)):
            done, _ = concurrent.futures.wait(
                pending, return_when=concurrent.futures.FIRST_COMPLETED)
            for each in done:
                yield pending.pop(each), each.result()

    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        try:
            for mine in kernels.values():
                kernel = mine[0].kernel
                if kernel.topic:    # its tree becomes another's, and jobs read it
                    yield from drain(True)
                tree = kunit.tree_of(composed, kernel)
                wanted = {f"KUnit {job.name}": kunit.facts(tree, job) for job in mine}
                image = objects.image(decides, f"series {kernel.name}", tree, kernel, wanted)
                for job, (what, decisive) in zip(mine, wanted.items()):
                    if image:
                        pending[pool.submit(decides.once, what, (image, *decisive),
                                            functools.partial(judge, tree, job))] = job.name
                    else:
                        row = Result(job.name, "(build)", 0, 1, 0, 0)
                        yield job.name, Outcome(Tally(0, 1),
                                                [f"the kernel {kernel.name} does not build"],
                                                [dataclasses.asdict(row)])
                yield from drain(False)
            yield from drain(True)
        finally:    # those that have not begun do not, when it is interrupted
            pool.shutdown(wait=False, cancel_futures=True)


def judge(tree: pathlib.Path, job: Job) -> Outcome:
    """Run job, whose kernel was built from tree."""
    print(f"KUnit {job.name}: {job.about}\n  {jobs.upstream(job)}", flush=True)
    rows, wrong = kunit.run_job(tree, job)
    tally = Tally(sum(row.passed for row in rows), sum(row.failed for row in rows))
    print(f"  {job.name}: {tally.passed} passed, {tally.failed} failed, {rows[0].seconds:.0f} s",
          flush=True)
    return Outcome(tally, wrong, [dataclasses.asdict(row) for row in rows])


def results(outcomes: dict[str, Outcome]) -> list[Result]:
    """Return what the suites of all outcomes counted."""
    return [Result(**row) for each in outcomes.values() for row in each.data or []]


def show(outcomes: dict[str, Outcome]) -> None:
    """Print a line for each suite of jobs without an IOMMU, and one for each job with one."""
    known, rows = jobs.load(), results(outcomes)
    plain = [row for row in rows if not known[row.job].iommu]
    if plain:
        table(["job", "suite", "passed", "failed", "skipped", *(f"by {who}" for who in BLAMED)],
              [[row.job, row.suite, row.passed, row.failed, row.skipped,
                *(row.blamed.get(who, 0) for who in BLAMED)] for row in plain])
    lines = []
    for name in outcomes:
        mine = [row for row in rows if row.job == name]
        if known[name].iommu and mine:
            failed = sum(row.failed for row in mine)
            passed = sum(row.passed for row in mine if not row.suite.startswith("("))
            lines.append([name, known[name].iommu, known[name].mode, passed,
                          f"{failed} FAILED" if failed else "ok", f"{mine[0].seconds:.0f}"])
    if plain and lines:
        print()
    if lines:
        table(["job", "IOMMU", "mode", "cases", "result", "seconds"], lines)


def close(outcomes: dict[str, Outcome]) -> Outcome:
    """Print the tables, and compare those of the page with them."""
    show(outcomes)
    rows = results(outcomes)
    compared = [drivers.TABLE.compared(drivers.lines(rows)),
                suites.TABLE.compared(suites.lines(rows)),
                suites.MACHINES.compared(suites.machines(rows))]
    return Outcome(sum((each.tally for each in compared), Tally()),
                   [word for each in compared for word in each.words])

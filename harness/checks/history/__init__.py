# SPDX-License-Identifier: GPL-2.0
"""Memory is safe with the series, and is not without its parts, on QEMU's IOMMUs."""

from __future__ import annotations

import dataclasses
import functools
import pathlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ...common import markdown, tables
from ...common.report import Problem, Tally, table
from ...common.run import ROOT, must_match
from ...common.units import Outcome, Unit
from ...kernel import variants
from ...kernel.compose import Composed
from ...boot import inputs, jobs, kunit, objects, verdict

FOLDER = ROOT / "harness" / "checks" / "history"
TABLE = markdown.Table("history", markdown.PAGES / "results.md", [
    "kernel", "IOMMU", "cases that corrupt memory", "sync of an empty gather", "warned about"])
# Cases that say who is called and not who is safe.
CONTRACT = "iommu_e2e.empty_gather_test"

# Without the case in which a kernel hangs that lacks the fix: it would take the others along.
FILTER = "kunit.filter=speed>very_slow"

WARNING = "the gather does not cover what was removed, and iotlb_sync_always is not set"


@dataclass
class Row:
    """One table of rows.toml."""
    kernel: str
    topics: list[str] = dataclasses.field(default_factory=lambda: ["*"])
    without: str = ""
    apply: str = ""
    unsafe: list[str] = dataclasses.field(default_factory=list)
    warns: list[str] = dataclasses.field(default_factory=list)
    kinds: list[str] = dataclasses.field(default_factory=list)
    cases: list[str] = dataclasses.field(default_factory=list)

    def checkout(self, composed: Composed) -> None:
        """Make variants.TREE this kernel."""
        variants.checkout(composed, self.topics, self.without,
                          FOLDER / self.apply if self.apply else None)


@dataclass
class Rows:
    """The tables of rows.toml: names of jobs, in the kernel and in user space, the rows for
    these, and the rows for the models."""
    jobs: list[str]
    user: list[str]
    row: list[Row]
    model: list[Row]

    def units(self) -> Iterator[tuple[str, Row, list[str]]]:
        """Yield each unit's name, its row, and the names of its jobs, which share a kernel."""
        for row in self.row:
            yield row.kernel, row, self.jobs
            yield f"{row.kernel}, user space", row, self.user


def load(path: pathlib.Path = FOLDER / "rows.toml") -> Rows:
    """Return what the table at path says.

    Raises Problem if it is wrong.
    """
    def parse(known: dict[str, Any]) -> Rows:
        return Rows(known["jobs"], known["user"], [Row(**each) for each in known["row"]],
                    [Row(**each) for each in known["model"]])
    return tables.load(path, parse)


def judge(row: Row, job: jobs.Job, run: kunit.Booted) -> tuple[list[str], list[str]]:
    """Return a line of the table, and what is not as row says.

    run: of job on the kernel of row.
    """
    iommu = f"{job.iommu}, user space" if job.programs else job.iommu
    if not run.report or run.report["misc"]["crashed"] or run.report["misc"]["errors"]:
        return ([row.kernel, iommu, "did not run", "", ""],
                [*run.text.splitlines()[-10:], run.logs])
    found = {case: "FAIL" in status for case, status in verdict.cases(run.report).items()}
    called = {True: "skipped", False: "as it must be", None: ""}[found.pop(CONTRACT, None)]
    corrupt = [case for case, failed in found.items() if failed]
    console = run.console.splitlines()
    warned = [line.strip() for line in console if WARNING in line]
    if corrupt:
        print(f"  {', '.join(corrupt)}; for example",
              next((line.strip() for line in console if "still reaches" in line and
                    "write" in line), ""), sep="\n  ", flush=True)
    print(*warned[:1], sep="\n", end="\n" if warned else "", flush=True)
    wrong = [] if any(status & {"PASS", "FAIL"} for status in verdict.cases(run.report).values()) \
        else [f"{row.kernel}, {iommu}: all cases were skipped"]
    if bool(corrupt) != (job.name in row.unsafe):
        wrong.append(f"{row.kernel}, {iommu}: memory is " +
                     ("corrupted" if corrupt else "safe, although it should be corrupted"))
    if bool(warned) != (job.name in row.warns):
        wrong.append(f"{row.kernel}, {iommu}: " +
                     ("a warning, see above" if warned else "no warning"))
    return [row.kernel, iommu, f"{len(corrupt)} of {len(found)}", called,
            must_match(rf"(\w+): {WARNING}", warned[0], "the kernel's warning")[1]
            if warned else "nobody"], wrong


def boot(row: Row, job: jobs.Job, name: str) -> Outcome:
    """Boot job on the kernel of row, as name; the outcome has its line of the table."""
    line, wrong = judge(row, job, kunit.boot(variants.TREE, job, name))
    return Outcome(Tally(int(not wrong), len(wrong)), wrong, line)


def units() -> list[Unit]:
    """A kernel each; the check leaves out those for user space."""
    rows, known = load(), jobs.load()
    return [Unit("history", name, name, kunit.tools_of(known[mine[0]].kernel),
                 mine is rows.jobs, inputs=("parts", "tools"), parts=tuple(row.topics))
            for name, row, mine in rows.units()]


def run(composed: Composed, names: list[str]) -> Iterator[tuple[str, Outcome]]:
    """Build and run the kernels called names."""
    known, decides = jobs.load(), inputs.Inputs(composed)
    for count, (name, row, mine) in enumerate(load().units(), 1):
        if name not in names:
            continue
        print(f"\n{name}", flush=True)
        row.checkout(composed)
        kernel = dataclasses.replace(known[mine[0]].kernel, top=variants.TOP)
        booted = [dataclasses.replace(known[job], kernel=kernel,
                                      kernel_args=[*known[job].kernel_args, FILTER])
                  for job in mine]
        wanted = {f"{row.kernel}, {job.name}": (*kunit.facts(variants.TREE, job), repr(row))
                  for job in booted}
        image = objects.image(decides, name, variants.TREE, kernel, wanted)
        if not image:
            raise Problem(f"the kernel of {name} does not build")
        lines, wrong = [], []
        for job, (what, facts) in zip(booted, wanted.items()):
            outcome = decides.once(what, (image, *facts), functools.partial(
                boot, row, job, f"history-{count}-{job.name}"))
            lines.append(outcome.data)
            wrong += outcome.words
        yield name, Outcome(Tally(max(len(lines) - len(wrong), 0), len(wrong)), wrong, lines)


def close(outcomes: dict[str, Outcome]) -> Outcome:
    """Print the table, and compare the page's if all of the kernels that it has were run."""
    lines = [line for each in outcomes.values() for line in each.data or []]
    if lines:
        print()
        table(TABLE.head, lines)
    wanted = [outcomes.get(row.kernel) for row in load().row]
    if not all(each and each.data for each in wanted):
        return Outcome(Tally())
    return TABLE.compared(line for each in wanted if each for line in each.data)

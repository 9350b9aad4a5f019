# SPDX-License-Identifier: GPL-2.0
"""Memory is safe with the series, and is not without what it brings, on QEMU's IOMMUs."""

from __future__ import annotations

import dataclasses
import functools
import pathlib
from collections.abc import Iterator
from dataclasses import dataclass

from ...common import tables
from ...common.report import Problem, Tally, table
from ...common.run import ROOT, must_match
from ...common.units import Outcome, Unit
from ...kernel import variants
from ...kernel.compose import Composed
from ...boot import inputs, jobs, kunit, objects, verdict

FOLDER = ROOT / "harness" / "checks" / "history"
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


def load(path: pathlib.Path = FOLDER / "rows.toml") -> tuple[list[str], list[Row], list[Row]]:
    """Return the names of jobs, the rows for these, and the rows for the models.

    Raises Problem if a table is wrong.
    """
    return tables.load(path, lambda known: (
        known["jobs"], [Row(**each) for each in known["row"]],
        [Row(**each) for each in known["model"]]))


def judge(row: Row, job: jobs.Job, run: kunit.Booted) -> tuple[list[str], list[str]]:
    """Return a line of the table, and what is not as row says.

    run: of job on the kernel of row.
    """
    if not run.report or run.report["misc"]["crashed"] or run.report["misc"]["errors"]:
        return ([row.kernel, job.iommu, "did not run", "", ""],
                [*run.text.splitlines()[-10:], run.logs])
    found = {case: "FAIL" in status for case, status in verdict.cases(run.report).items()}
    called = not found.pop(CONTRACT, True)
    corrupt = [case for case, failed in found.items() if failed]
    console = run.console.splitlines()
    warned = [line.strip() for line in console if WARNING in line]
    if corrupt:
        print(f"  {', '.join(corrupt)}; for example",
              next((line.strip() for line in console if "still reaches" in line and
                    "write" in line), ""), sep="\n  ", flush=True)
    print(*warned[:1], sep="\n", end="\n" if warned else "", flush=True)
    wrong = [] if any(status & {"PASS", "FAIL"} for status in verdict.cases(run.report).values()) \
        else [f"{row.kernel}, {job.iommu}: all cases were skipped"]
    if bool(corrupt) != (job.name in row.unsafe):
        wrong.append(f"{row.kernel}, {job.iommu}: memory is " +
                     ("corrupted" if corrupt else "safe, though nothing keeps it so"))
    if bool(warned) != (job.name in row.warns):
        wrong.append(f"{row.kernel}, {job.iommu}: " +
                     ("a warning, see above" if warned else "no warning"))
    return [row.kernel, job.iommu, f"{len(corrupt)} of {len(found)}",
            "as it must be" if called else "skipped",
            must_match(rf"(\w+): {WARNING}", warned[0], "the kernel's warning")[1]
            if warned else "nobody"], wrong


def boot(row: Row, job: jobs.Job, name: str) -> Outcome:
    """Boot job on the kernel of row, as name; the outcome has its line of the table."""
    line, wrong = judge(row, job, kunit.boot(variants.TREE, job, name))
    return Outcome(Tally(int(not wrong), len(wrong)), wrong, line)


def units() -> list[Unit]:
    """A kernel each."""
    names, rows, _ = load()
    job = jobs.load()[names[0]]
    return [Unit("history", row.kernel, row.kernel, kunit.tools_of(job.kernel),
                 inputs=("parts", "tools"), parts=tuple(row.topics)) for row in rows]


def run(composed: Composed, names: list[str]) -> Iterator[tuple[str, Outcome]]:
    """Build and run the kernels called names."""
    job_names, rows, _ = load()
    known, decides = jobs.load(), inputs.Inputs(composed)
    kernel = dataclasses.replace(known[job_names[0]].kernel, top=variants.TOP)
    for count, row in enumerate(rows, 1):
        if row.kernel not in names:
            continue
        print(f"\n{row.kernel}", flush=True)
        row.checkout(composed)
        booted = [dataclasses.replace(known[name], kernel=kernel,
                                      kernel_args=[*known[name].kernel_args, FILTER])
                  for name in job_names]
        wanted = {f"{row.kernel}, {job.name}": (job.facts, repr(row)) for job in booted}
        image = objects.image(decides, row.kernel, variants.TREE, kernel, wanted)
        if not image:
            raise Problem(f"the kernel of {row.kernel} does not build")
        lines, wrong = [], []
        for job, (what, facts) in zip(booted, wanted.items()):
            outcome = decides.once(what, (image, *facts), functools.partial(
                boot, row, job, f"history-{count}-{job.name}"))
            lines.append(outcome.data)
            wrong += outcome.words
        yield row.kernel, Outcome(Tally(max(len(lines) - len(wrong), 0), len(wrong)), wrong, lines)


def close(outcomes: dict[str, Outcome]) -> Outcome:
    """Print the table."""
    lines = [line for each in outcomes.values() for line in each.data or []]
    if lines:
        print()
        table(["kernel", "IOMMU", "cases that corrupt memory", "sync of an empty gather",
               "warned about"], lines)
    return Outcome(Tally())

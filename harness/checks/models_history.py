# SPDX-License-Identifier: GPL-2.0
"""Without the faked range, the drivers that need it fail on models, and no others.

And with `sync` alone, the sync of a domain that has no device does no harm.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

from ..common import markdown
from ..common.report import Problem, Stage, Tally, table
from ..common.units import Outcome, Unit
from ..kernel import variants
from ..kernel.compose import Composed
from ..boot import drivers, jobs, kunit, verdict
from .history import Row, load

# The rest of its head are the kernels of rows.toml.
HEAD = ["driver", "class"]

# The case that says who is called and not who is safe.
CONTRACT = "empty_sync_test"

# Cases that fail where a sync is skipped that must not be.
STALE = ("unmap_test", "stale_test", "unmap_many_test", "batch_test", "dma_test", "soak_test")


def judge(row: Row, found: dict[str, set[str]]) -> tuple[dict[str, str], list[str]]:
    """Return the cell of each driver, and what is not as row says.

    found: as verdict.cases(), on the kernel of row.
    """
    cells, wrong = {}, []
    for driver in there(row):
        mine = {name: "FAIL" in status for name, status in found.items()
                if name.partition(".")[0] in driver.suites and
                not name.endswith(CONTRACT)}
        failed = [name for name, bad in mine.items() if bad]
        stale = [name for name in failed if name.partition(".")[2] in STALE]
        cells[driver.name] = f"{len(failed)} of {len(mine)}"
        if not mine:
            wrong.append(f"{row.kernel}: no suite of {driver.name} ran")
        elif row.cases:
            wrong += [f"{row.kernel}: {name} failed" for name in failed]
        elif bool(stale) != (driver.kind in row.unsafe):
            wrong.append(f"{row.kernel}, {driver.name}: " +
                         (f"{', '.join(stale)} failed" if stale else
                          "safe, although it should fail"))
    return cells, wrong


def there(row: Row) -> list[drivers.Driver]:
    """Return the drivers on models that the kernel of row has."""
    return [driver for driver in drivers.load()
            if driver.suites and (not row.kinds or driver.kind in row.kinds)]


def filters_of(row: Row) -> list[str]:
    """Return what runs the suites of row, or its cases, which are those that all share: suites
    of one driver's own have none of them."""
    suites = sorted(suite for driver in there(row) for suite in driver.suites)
    return [f"{suite}.{case}" for suite in suites if not suite.endswith("_own")
            for case in row.cases] or suites


def kernel_of(job: jobs.Job, row: Row | None = None) -> jobs.Kernel:
    """Return the kernel of job as it is without the other topics, for row."""
    hw = [each for each in job.kernel.kunitconfig if each.startswith("drivers/iommu/tests/hw")]
    kernel = dataclasses.replace(job.kernel, name=f"{job.kernel.name}-models", top=variants.TOP,
                                 kunitconfig=[*hw, "drivers/iommu/generic_pt"])
    if not row or not row.kinds:
        return kernel
    absent = [driver.option for driver in drivers.load()
              if driver.suites and driver.kind not in row.kinds]
    return dataclasses.replace(kernel, kunitconfig=kernel.kunitconfig[:1],
                               kconfig_add=[f"CONFIG_{option}=n" for option in absent])


def units() -> list[Unit]:
    """A kernel each."""
    job = jobs.load()[drivers.MODELS]
    return [Unit("models-history", row.kernel, row.kernel, kunit.tools_of(job.kernel),
                 inputs=("parts", "tools"), parts=tuple(row.topics))
            for row in load().model]


def run(composed: Composed, names: list[str]) -> Iterator[tuple[str, Outcome]]:
    """Build and run the kernels called names."""
    job = jobs.load()[drivers.MODELS]
    for row in load().model:
        if row.kernel not in names:
            continue
        kernel = kernel_of(job, row)
        filters = filters_of(row)
        print(f"\n{row.kernel}", flush=True)
        row.checkout(composed)
        if not kunit.build(variants.TREE, kernel):
            raise Problem(f"the kernel of {row.kernel} does not build")
        found: dict[str, set[str]] = {}
        stage = Stage(row.kernel, len(filters))
        for each in filters:    # one at a time: UML loses words of those who say much
            stage.step(each)
            one = dataclasses.replace(job, kernel=kernel, filter=each)
            ran = kunit.start(variants.TREE, one, "history-models", lambda: None)
            found.update(verdict.cases(ran.report) if ran.report else {})
        stage.done()
        cells, wrong = judge(row, found)
        others = sorted({case for case, status in found.items() for case in [case.partition(".")[2]]
                         if "FAIL" in status and case not in (*STALE, CONTRACT)})
        print(f"{row.kernel}: of other cases fail: {', '.join(others) or 'none'}", flush=True)
        wrong += [f"{row.kernel}: {each} did not run" for each in filters
                  if not any(f"{case}.".startswith(each + ".") for case in found)]
        yield row.kernel, Outcome(Tally(max(len(cells) - len(wrong), 0), len(wrong)), wrong, cells)


def close(outcomes: dict[str, Outcome]) -> Outcome:
    """Print the table, and compare the page's if all kernels were run."""
    known = {name: each.data for name, each in outcomes.items() if each.data}
    lines = [[driver.name, driver.kind, *(cells.get(driver.name, "") for cells in known.values())]
             for driver in drivers.load() if driver.suites]
    if known:
        print()
        table([*HEAD, *known], lines)
    made = page_table()
    return made.compared(lines) if [*HEAD, *known] == made.head else Outcome(Tally())


def page_table() -> markdown.Table:
    """Return the table of the page of results."""
    return markdown.Table("models-history", markdown.PAGES / "results.md",
                          [*HEAD, *(row.kernel for row in load().model)])

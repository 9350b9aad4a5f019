# SPDX-License-Identifier: GPL-2.0
"""The same device on kernels with and without what this series is about."""

import dataclasses
import re
import time
import tomllib
from dataclasses import dataclass

from . import compose, drivers, jobs, kunit, topics, verdict
from .report import Problem, Stage, minutes, table
from .run import BUILD, ROOT, git

HERE = ROOT / "harness" / "history"
TOP = BUILD / "history"
TREE = TOP / "linux"

# What the end-to-end jobs' kernels have for tests: with it the base takes the same
# configuration as the series, and ccache has most objects.
SUITES = ["end-to-end", "benchmark"]
# What runs drivers on models, on a base with fixes.
MODELS = ["fixes/*", "kunit-mmio", *SUITES, "models"]
# The benchmark's page tables where there is no tlb_add_range().
OLD_TABLES = ROOT / "harness" / "bench" / "7.3.patch"

# Cases that say who is called and not who is safe.
CONTRACT = "iommu_e2e.empty_gather_test"
MODELS_CONTRACT = "empty_sync_test"

# Cases that fail where a sync is skipped that must not be.
STALE = ("unmap_test", "stale_test", "unmap_many_test", "batch_test", "dma_test", "hw_soak_test")
WARNING = "unmap gathered nothing, and iotlb_sync_always is not declared"


@dataclass
class Row:
    """One table of rows.toml."""
    kernel: str
    topics: list = dataclasses.field(default_factory=lambda: ["*"])
    without: str = ""
    apply: str = ""
    unsafe: list = dataclasses.field(default_factory=list)
    warns: list = dataclasses.field(default_factory=list)


def load(path=HERE / "rows.toml"):
    """Return (names of jobs, list of Row, list of Row: those of the models).

    Problem if a table is wrong.
    """
    with open(path, "rb") as file:
        tables = tomllib.load(file)
    try:
        return (tables["jobs"], [Row(**table) for table in tables["row"]],
                [Row(**table) for table in tables["model"]])
    except (TypeError, KeyError) as error:
        raise Problem(f"{path} has a bad table: {error}") from None


def checkout(composed, row):
    """Make TREE the kernel of row (Row); a Problem if a patch does not apply."""
    known = topics.read()[1]
    without = (topics.find(row.without),) if row.without else ()
    parts = topics.chosen(known, row.topics)
    compose.beside(composed, TREE, parts, without)
    if "benchmark" in parts and "io-pgtable" not in parts:
        git(TREE, "apply", OLD_TABLES)
    if row.apply:
        git(TREE, "apply", HERE / row.apply)


def judge(row, job, run):
    """Return (line of the table, list of str: what is not as row says).

    run: kunit.Run of job (Job) on the kernel of row (Row).
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
    wrong = []
    if bool(corrupt) != (job.name in row.unsafe):
        wrong.append(f"{row.kernel}, {job.iommu}: memory is " +
                     ("corrupted" if corrupt else "safe, though nothing keeps it so"))
    if bool(warned) != (job.name in row.warns):
        wrong.append(f"{row.kernel}, {job.iommu}: " +
                     ("a warning, see above" if warned else "no warning"))
    return [row.kernel, job.iommu, f"{len(corrupt)} of {len(found)}",
            "as it must be" if called else "skipped",
            re.search(r"(\w+): " + WARNING, warned[0])[1] if warned else "nobody"], wrong


def run(composed):
    """Build and run all rows; print a table.

    Return (int, lines of the table; int, things that are not as the rows say).
    """
    names, rows, _ = load()
    known = jobs.load()
    lines, wrong = [], []
    start = time.monotonic()
    for count, row in enumerate(rows, 1):
        print(f"\n{count}/{len(rows)} {row.kernel} ({minutes(time.monotonic() - start)})",
              flush=True)
        checkout(composed, row)
        for name in names:
            job = known[name]
            kernel = dataclasses.replace(job.kernel, top=TOP)
            job = dataclasses.replace(job, kernel=kernel)
            if name == names[0] and not kunit.build(TREE, kernel):
                raise Problem(f"the kernel of {row.kernel} does not build")
            line, complaints = judge(row, job, kunit.boot(TREE, job, f"history-{count}-{name}"))
            lines.append(line)
            wrong += complaints
    print()
    table(["kernel", "IOMMU", "cases that corrupt memory", "sync of an empty gather",
           "warned about"], lines)
    print(*wrong, sep="\n", end="\n" if wrong else "")
    return len(lines), len(wrong)


def judge_models(row, found):
    """Return (dict of cells {driver: str}, list of str: what is not as row says).

    found: dict {suite.case: set of str}, as verdict.cases(), on the kernel of row (Row).
    """
    cells, wrong = {}, []
    for driver in drivers.load():
        if not driver.suites:
            continue
        mine = {name: "FAIL" in status for name, status in found.items()
                if name.partition(".")[0] in driver.suites and
                not name.endswith(MODELS_CONTRACT)}
        failed = [name for name, bad in mine.items() if bad]
        stale = [name for name in failed if name.partition(".")[2] in STALE]
        cells[driver.name] = f"{len(failed)} of {len(mine)}"
        if not mine:
            wrong.append(f"{row.kernel}: no suite of {driver.name} ran")
        elif bool(stale) != (driver.kind in row.unsafe):
            wrong.append(f"{row.kernel}, {driver.name}: " +
                         (f"{', '.join(stale)} failed" if stale else
                          "safe, though nothing keeps it so"))
    return cells, wrong


def run_models(composed):
    """Run the drivers' suites with the fixes only, and without what the core forges.

    Print a table.  Return (int, its lines; int, things that are not as the rows say).
    """
    rows = load()[2]
    job = jobs.load()[drivers.MODELS]
    kernel = dataclasses.replace(job.kernel, name="um-models", top=TOP,
                                 kunitconfig=["drivers/iommu/tests/hw"])
    suites = sorted(suite for driver in drivers.load() for suite in driver.suites)
    columns, wrong = [], []
    start = time.monotonic()
    for count, row in enumerate(rows, 1):
        print(f"\n{count}/{len(rows)} {row.kernel} ({minutes(time.monotonic() - start)})",
              flush=True)
        checkout(composed, row)
        if not kunit.build(TREE, kernel):
            raise Problem(f"the kernel of {row.kernel} does not build")
        found = {}
        stage = Stage(row.kernel, len(suites))
        for suite in suites:    # one at a time: UML loses words of those who say much
            stage.step(suite)
            one = dataclasses.replace(job, kernel=kernel, filter=suite)
            ran = kunit.start(TREE, one, f"history-models-{count}", lambda: None)
            found.update(verdict.cases(ran.report) if ran.report else {})
        stage.done()
        cells, complaints = judge_models(row, found)
        columns.append(cells)
        wrong += complaints
    lines = [[driver.name, driver.kind, *(cells.get(driver.name, "") for cells in columns)]
             for driver in drivers.load() if driver.suites]
    print()
    table(["driver", "class", *(row.kernel for row in rows)], lines)
    print(*wrong, sep="\n", end="\n" if wrong else "")
    return len(lines) * len(rows), len(wrong)

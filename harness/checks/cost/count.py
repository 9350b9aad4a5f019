# SPDX-License-Identifier: GPL-2.0
"""What unmap and sync cost, base and series, counted in one run.

QEMU executes one instruction in each ns of virtual time (-icount shift=0), and
the suite iommu_cost reads counters that tick once a ns: the results are numbers
of instructions, the same each time.
"""

import dataclasses
import re
import statistics
import time
from dataclasses import dataclass, field

from ...boot import inputs, jobs, kunit, verdict
from ...common import tables
from ...common.report import Problem, Tally, minutes
from ...common.run import BUILD, ROOT
from ...common.units import Outcome, Unit
from ...kernel import variants

HERE = ROOT / "harness" / "checks" / "cost"
OUT = BUILD / "cost"
FORMATS = "formats"
BASE, SERIES = "base", "series"

LINE = re.compile(r"cost: (\S+) (\S+) (\d+) (\d+) (\d+)")
MARK, END = "@0xf4", "@0xf3"    # enum e2e_mark

# What users of the IOMMU do, as sums of the calls that the suite counts.
UNMAP_FAST = "iommu_unmap_fast + iommu_iotlb_sync"
PATHS = {
    "iommu_unmap": ["iommu_unmap"],
    UNMAP_FAST: ["iommu_unmap_fast", "iommu_iotlb_sync"],
    "queued iommu_unmap_fast": ["queued_unmap"],
    "batch of iommu_unmap_fast + iommu_iotlb_sync": ["batched_unmap"],
    "dma_unmap_page": ["dma_unmap_page"],
    "dma_unmap_sg": ["dma_unmap_sg"],
}


@dataclass
class Run:
    """One table of runs.toml."""
    driver: str
    kind: str
    job: str
    modes: list
    qemu_args: str = ""
    filter: str = "iommu_cost"
    guard: bool = False


@dataclass
class Count:
    """What one call took: instructions, and commands to the IOMMU or None.

    shape: "pages" (n of 4 KiB), "table" (of n pages), "block" (one page of a
    table's size), "calls" (n of them), a mode of the DMA API (n entries), "empty".
    """
    call: str
    shape: str
    n: int
    instructions: int
    commands: int = None

    @property
    def key(self):
        """What it is a count of."""
        return self.call, self.shape, self.n


@dataclass
class Driver:
    """All counts of one driver, or of the formats, on one architecture."""
    arch: str
    name: str
    kind: str
    counts: dict = field(default_factory=lambda: {BASE: {}, SERIES: {}})


def load(path=HERE / "runs.toml"):
    """Return the tables of path, list of Run; Problem if one is wrong."""
    return tables.load(path, lambda known: [Run(**each) for each in known["run"]])


def commands(trace, events):
    """Return how many of events (list of str) QEMU's trace (str) has between marks.

    A list of int, one for each pair of marks.
    """
    counts, inside = [], False
    for line in trace.splitlines():
        event = line.partition(" ")[0]
        if event == verdict.MARK:
            if MARK in line:
                counts.append(0)
            inside = MARK in line or inside and END not in line
        elif inside and event in events:
            counts[-1] += 1
    return counts


def read(console, trace, events):
    """Return what the suite said in the kernel log, {key: Count}.

    console: str; trace: str, QEMU's; events: list of str, its commands, none if
    they are not to be counted.  Raises Problem if the two do not fit.
    """
    found = [Count(line[1], line[2], int(line[3]), int(line[4]))
             for line in LINE.finditer(console)]
    if events:
        told = commands(trace, events)
        if len(told) != len(found):
            raise Problem(f"{len(found)} counts in the kernel log, {len(told)} in QEMU's trace")
        for each, number in zip(found, told):
            each.commands = number
    return {each.key: each for each in found}


def boots(run, known):
    """Yield the jobs (Job) that run (Run) boots, of those known (as jobs.load())."""
    names = [run.job if run.job in known else f"{run.job}-{mode}" for mode in run.modes]
    for name in names:
        job = known[name]
        again = name != names[0] and run.filter == Run.filter
        yield dataclasses.replace(
            job, filter=run.filter + ".dma*" * again, timeout=300, console=[],
            qemu_args=f"{job.qemu_args} {run.qemu_args}".strip())


def count(composed, runs):
    """Count all of runs (list of Run) -> list of Driver."""
    found = {}
    for _, driver in each(composed, runs):
        known = found.setdefault((driver.arch, driver.name), driver)
        for version, counts in driver.counts.items():
            known.counts[version].update(counts)
    return list(found.values())


def each(composed, runs):
    """Build the kernels of runs (list of Run), boot them, and yield each Run and its Driver."""
    known, built, decides = jobs.load(), set(), inputs.Inputs(composed)
    start = time.monotonic()
    variants.checkout(composed, variants.SUITES)
    trees = {BASE: variants.TREE, SERIES: composed.tree}
    for number, run in enumerate(runs, 1):
        print(f"\n{number}/{len(runs)} {run.driver}, {run.job} "
              f"({minutes(time.monotonic() - start)})", flush=True)
        driver = Driver(known[next(boots(run, known)).name].kernel.arch, run.driver, run.kind)
        for version, tree in trees.items():
            for job in boots(run, known):
                kernel = dataclasses.replace(job.kernel, top=tree.parent)
                if kernel.out not in built and not kunit.build(tree, kernel):
                    raise Problem(f"the kernel {kernel.name} of the {version} does not build")
                built.add(kernel.out)
                key = decides.key(Unit("count", f"{run.driver} {job.name}", inputs=("kunit",)),
                                  kunit.image(kernel))
                driver.counts[version].update(
                    boot(tree, dataclasses.replace(job, kernel=kernel), run, version, key))
        yield run, driver


def boot(tree, job, run, version, key=""):
    """Boot job (Job) and return what it counted, {key: Count}; Problem if it failed.

    key: of inputs, which tells whether it was counted before with the same image.
    """
    before = inputs.kept(key)
    if before:
        print(f"{job.name} {version}: as before, with the same kernel", flush=True)
        counts = [Count(**each) for each in before.data]
        return {each.key: each for each in counts}
    events = [] if run.driver == FORMATS else job.commands
    done = kunit.boot(tree, job, f"cost-{version}-{job.name}")
    if not done.report:
        raise Problem(f"{job.name} did not run, {done.logs}")
    failed = [case for case, status in verdict.cases(done.report).items()
              if not status <= {"PASS", "SKIP"}]
    if failed:
        raise Problem(f"{job.name}: {', '.join(failed)} failed, {done.logs}")
    counts = read(done.console, done.trace, events)
    if not counts:
        raise Problem(f"{job.name} counted nothing, {done.logs}")
    inputs.keep(key, Outcome(Tally(len(counts)),
                             data=[dataclasses.asdict(each) for each in counts.values()]))
    return counts


def total(counts, calls, shape, n):
    """Return (instructions, commands or None) of calls (list of str) in a row.

    counts: {key: Count}; None if one of the calls was not counted.
    """
    parts = [counts.get((call, shape, n)) for call in calls]
    if None in parts:
        return None
    told = [part.commands for part in parts]
    return sum(part.instructions for part in parts), None if None in told else sum(told)


def paths(driver):
    """Yield (path, shape, n, base, series) for each path of driver (Driver).

    base, series: (instructions, commands or None).
    """
    for path, calls in PATHS.items():
        for call, shape, n in driver.counts[BASE]:
            if call != calls[0] or shape == "empty":
                continue
            both = [total(driver.counts[version], calls, shape, n)
                    for version in (BASE, SERIES)]
            if None in both:
                raise Problem(f"{driver.arch}, {driver.name}: {path}, {shape} {n} was not "
                              "counted on both kernels")
            yield path, shape, n, *both
    if driver.kind == "range":
        empty = "iommu_iotlb_sync", "empty", 0
        both = [driver.counts[version][empty] for version in (BASE, SERIES)]
        yield ("iommu_iotlb_sync", "empty", 0,
               *((each.instructions, each.commands) for each in both))


def judge(driver):
    """Return (paths compared, list of str: those on which the series costs more)."""
    number, wrong = 0, []
    for path, shape, n, base, series in paths(driver):
        number += 1
        what = f"{driver.arch}, {driver.name}: {path}, {shape} {n or ''}".rstrip()
        if series[0] > base[0]:
            wrong.append(f"{what}: {series[0]} instructions, {base[0]} on the base")
        if base[1] is not None and series[1] > base[1]:
            wrong.append(f"{what}: {series[1]} commands, {base[1]} on the base")
    return number, wrong


def slope(counts, calls, shape="pages"):
    """Return (instructions for each page, instructions besides), two float.

    The line nearest to all sizes of calls (list of str) in counts ({key: Count});
    None if there are less than two.
    """
    points = [(n, total(counts, calls, shape, n)) for call, shape_, n in counts
              if call == calls[0] and shape_ == shape]
    points = [(n, cost[0]) for n, cost in points if cost]
    if len(points) < 2:
        return None
    return tuple(statistics.linear_regression(*zip(*points)))

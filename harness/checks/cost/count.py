# SPDX-License-Identifier: GPL-2.0
"""What unmap and sync cost: base, `sync` alone and series, counted in one run.

QEMU executes one instruction in each ns of virtual time (-icount shift=0), and
the suite iommu_cost reads counters that tick once a ns: the results are numbers
of instructions, the same each time.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
import pathlib
import re
import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from ...common import tables
from ...common.report import Problem, Tally, minutes
from ...common.run import BUILD, ROOT
from ...common.units import Outcome
from ...kernel import variants
from ...kernel.compose import Composed
from ...boot import inputs, jobs, kunit, objects, verdict

FOLDER = ROOT / "harness" / "checks" / "cost"
OUT = BUILD / "cost"
FORMATS = "formats"
# Linux 7.3, with `sync` alone, with everything; and another way to do without `sync`.
BASE, ALONE, SERIES = VERSIONS = "base", "sync", "series"
CALLED = "always-call"
# What a topic needs, and with the topic.
AROUND = "before", "after"

LINE = re.compile(r"cost: (\S+) (\S+) (\d+) (\d+) (\d+)")
# Calls on a domain of the suite's own are called so, and are judged; other page tables
# are there to be compared.
DOMAIN = "core_"
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
    modes: list[str]
    qemu_args: str = ""
    filter: str = "iommu_cost"
    guard: bool = False
    topics: list[str] = field(default_factory=list)


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
    commands: int | None = None

    @property
    def key(self) -> Key:
        """What it is a count of."""
        return self.call, self.shape, self.n


# The call, the shape and n of a count.
Key = tuple[str, str, int]
Counts = dict[Key, Count]
# Instructions, and commands to the IOMMU if they were counted.
Cost = tuple[int, int | None]
# What users do, shape and n; what that costs by version.
Path = tuple[str, str, int, dict[str, Cost]]


@dataclass
class Driver:
    """All counts of one driver, or of the formats, on one architecture, by version."""
    arch: str
    name: str
    kind: str
    counts: dict[str, Counts]

    @property
    def first(self) -> Counts:
        """Those of the version that the others are compared with."""
        return next(iter(self.counts.values()))


def load(path: pathlib.Path = FOLDER / "runs.toml") -> list[Run]:
    """Return the tables of path; raises Problem if one is wrong."""
    return tables.load(path, lambda known: [Run(**each) for each in known["run"]])


def commands(trace: str, events: list[str]) -> list[int]:
    """Return how many of events QEMU's trace has between each pair of marks."""
    counts: list[int] = []
    inside = False
    for line in trace.splitlines():
        event = line.partition(" ")[0]
        if event == verdict.MARK:
            if MARK in line:
                counts.append(0)
            inside = MARK in line or inside and END not in line
        elif inside and event in events:
            counts[-1] += 1
    return counts


def read(console: str, trace: str, events: list[str]) -> Counts:
    """Return what the suite said in console, the kernel log.

    trace: QEMU's; events: its commands, none if they are not to be counted.
    Raises Problem if the two do not fit.
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


def boots(run: Run, known: dict[str, jobs.Job]) -> Iterator[jobs.Job]:
    """Yield the jobs that run boots, of those known."""
    names = [run.job if run.job in known else f"{run.job}-{mode}" for mode in run.modes]
    for name in names:
        job = known[name]
        again = name != names[0] and run.filter == Run.filter
        yield dataclasses.replace(
            job, filter=run.filter + ".dma*" * again, timeout=300, console=[],
            qemu_args=f"{job.qemu_args} {run.qemu_args}".strip())


def trees(composed: Composed, versions: tuple[str, ...] = VERSIONS) -> dict[str, pathlib.Path]:
    """Return where versions are."""
    known = {BASE: variants.TREE, SERIES: composed.tree}
    return {version: known.get(version, variants.BESIDE / version / "linux")
            for version in versions}


def checkout(composed: Composed, versions: dict[str, pathlib.Path], topic: str = "") -> None:
    """Make the trees of versions; topic: what AROUND is about."""
    topics = {BASE: variants.SUITES, ALONE: ["sync", *variants.SUITES], CALLED: variants.SUITES}
    around = dict(zip(AROUND, variants.with_suites(topic))) if topic else {}
    for version, tree in versions.items():
        if version in around:
            variants.put(composed, around[version], tree=tree)
        elif version in topics:
            variants.checkout(composed, topics[version], tree=tree,
                              edit=FOLDER / f"{version}.patch" if version == CALLED else None)


def count(composed: Composed, runs: list[Run]) -> list[Driver]:
    """Count all of runs, on CALLED as well."""
    found: dict[tuple[str, str], Driver] = {}
    for _, driver in each(composed, runs, (*VERSIONS, CALLED)):
        known = found.setdefault((driver.arch, driver.name), driver)
        for version, counts in driver.counts.items():
            known.counts[version].update(counts)
    return list(found.values())


def each(composed: Composed, runs: list[Run], versions: tuple[str, ...] = VERSIONS,
         topic: str = "") -> Iterator[tuple[Run, Driver]]:
    """Build the kernels of runs, boot them, and yield each run and its driver.

    topic: with versions AROUND, what they are about.
    """
    known, decides = jobs.load(), inputs.Inputs(composed)
    start, places = time.monotonic(), trees(composed, versions)
    checkout(composed, places, topic)
    wanted: dict[tuple[str, str], dict[str, tuple[str, ...]]] = {}
    for run, version in itertools.product(runs, places):
        for job in boots(run, known):
            wanted.setdefault((version, job.kernel.name), {}).update(asked(run, job, version))
    images: dict[tuple[str, str], str] = {}
    for number, run in enumerate(runs, 1):
        print(f"\n{number}/{len(runs)} {run.driver}, {run.job} "
              f"({minutes(time.monotonic() - start)})", flush=True)
        driver = Driver(next(boots(run, known)).kernel.arch, run.driver, run.kind,
                        {version: {} for version in versions})
        for (version, tree), job in itertools.product(places.items(), boots(run, known)):
            kernel = dataclasses.replace(job.kernel, top=tree.parent)
            place = version, kernel.name
            if place not in images:
                images[place] = objects.image(decides, " ".join(place), tree, kernel,
                                              wanted[place])
            if not images[place]:
                raise Problem(f"the kernel {kernel.name} of the {version} does not build")
            for what, facts in asked(run, job, version).items():
                outcome = decides.once(what, (images[place], *facts), functools.partial(
                    counted, tree, dataclasses.replace(job, kernel=kernel), run, version))
                counts = [Count(**data) for data in outcome.data]
                driver.counts[version].update({each.key: each for each in counts})
        yield run, driver


def asked(run: Run, job: jobs.Job, version: str) -> dict[str, tuple[str, ...]]:
    """Return what booting job for run is called, and what decides it besides the image."""
    return {f"{run.driver} {job.name} {version}": (job.facts, repr(run))}


def counted(tree: pathlib.Path, job: jobs.Job, run: Run, version: str) -> Outcome:
    """Boot job; the outcome has what it counted."""
    counts = boot(tree, job, run, version)
    return Outcome(Tally(len(counts)), data=[*map(dataclasses.asdict, counts.values())])


def boot(tree: pathlib.Path, job: jobs.Job, run: Run, version: str) -> Counts:
    """Boot job and return what it counted; raises Problem if it failed."""
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
    return counts


def total(counts: Counts, calls: list[str], shape: str, n: int) -> Cost | None:
    """Return what calls cost in a row, None if one of them was not counted."""
    parts = [counts[call, shape, n] for call in calls if (call, shape, n) in counts]
    if len(parts) < len(calls):
        return None
    told = [part.commands for part in parts if part.commands is not None]
    return sum(part.instructions for part in parts), sum(told) if len(told) == len(parts) else None


def paths(driver: Driver) -> Iterator[Path]:
    """Yield what users of driver do."""
    known = {**PATHS, **{call: [call] for call, _, _ in driver.first
                         if call.startswith(DOMAIN)}}
    empty: Key = "iommu_iotlb_sync", "empty", 0
    for path, calls in known.items():
        for call, shape, n in driver.first:
            if call == calls[0] and (call, shape, n) != empty:
                yield path, shape, n, costs(driver, calls, shape, n)
    if driver.kind == "range":
        yield *empty, costs(driver, [empty[0]], *empty[1:])


def costs(driver: Driver, calls: list[str], shape: str, n: int) -> dict[str, Cost]:
    """Return what calls cost in a row, by version; raises Problem if one was not counted."""
    found = {version: cost for version, counts in driver.counts.items()
             if (cost := total(counts, calls, shape, n))}
    if len(found) < len(driver.counts):
        raise Problem(f"{driver.arch}, {driver.name}: {' + '.join(calls)}, {shape} {n} was "
                      "not counted on all kernels")
    return found


def judge(driver: Driver) -> tuple[int, list[str]]:
    """Return how many paths were compared, each with two versions, and where one costs more."""
    number, wrong = 0, []
    for path, shape, n, cost in paths(driver):
        what = f"{driver.arch}, {driver.name}: {path}, {shape} {n or ''}".rstrip()
        base = cost[BASE]
        for version in (ALONE, SERIES):
            number, mine = number + 1, cost[version]
            if mine[0] > base[0]:
                wrong.append(f"{what}: {mine[0]} instructions with {version}, "
                             f"{base[0]} on the base")
            if base[1] is not None and mine[1] is not None and mine[1] > base[1]:
                wrong.append(f"{what}: {mine[1]} commands with {version}, {base[1]} on the base")
    return number, wrong


def slope(counts: Counts, calls: list[str], shape: str = "pages") -> tuple[float, float] | None:
    """Return the instructions for each page, and those besides.

    That is the line nearest to all sizes of calls in counts; None if there are less than
    two.
    """
    points = {n: cost[0] for call, shape_, n in counts if call == calls[0] and shape_ == shape
              if (cost := total(counts, calls, shape, n))}
    if len(points) < 2:
        return None
    line = statistics.linear_regression([*points], [*points.values()])
    return line.slope, line.intercept

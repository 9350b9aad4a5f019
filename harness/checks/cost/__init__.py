# SPDX-License-Identifier: GPL-2.0
"""Unmap and sync cost no instruction more than on the base; `make cost` counts all of it."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from ...common.report import Tally, table
from ...common.units import Outcome, Unit
from ...kernel import variants
from ...kernel.compose import Composed
from ...boot import jobs, kunit
from . import best, count, document, one_topic, plots, registers, sizes
from .count import OUT

PICTURE = count.FOLDER / "slope.svg"    # what the page shows


def verdict(counted: list[count.Driver]) -> tuple[int, list[str], str]:
    """Return how many paths of counted cost no more, those that do, and a line on both."""
    number = 0
    wrong: list[str] = []
    for driver in counted:
        compared, costlier = count.judge(driver)
        number, wrong = number + compared, wrong + costlier
    names = len({driver.name for driver in counted if driver.kind})
    return number - len(wrong), wrong, (
        f"{number // 2} paths behind {names} IOMMUs: {len(wrong)} cost an instruction or a "
        "command more than on Linux 7.3, with `sync` alone or with the series")


def units() -> list[Unit]:
    """What runs.toml marks as `guard`."""
    known = jobs.load()
    return [Unit("cost", name, job.kernel.name, kunit.tools_of(job.kernel),
                 inputs=("series", "parts", "tools"), parts=("sync", *variants.SUITES))
            for name, runs in guarded()
            for job in [next(count.boots(runs[0], known))]]


def guarded() -> list[tuple[str, list[count.Run]]]:
    """Return the runs of runs.toml that are marked as `guard`, by job."""
    runs = sorted((each for each in count.load() if each.guard), key=lambda each: each.job)
    return [(name, [*group]) for name, group in itertools.groupby(runs, lambda each: each.job)]


def run(composed: Composed, names: list[str]) -> Iterator[tuple[str, Outcome]]:
    """Count the drivers of the jobs names; what costs more with the series is wrong."""
    chosen = [each for name, runs in guarded() if name in names for each in runs]
    for name, found in itertools.groupby(count.each(composed, chosen), lambda pair: pair[0].job):
        drivers = [driver for _, driver in found]
        right, wrong, line = verdict(drivers)
        as_few, more, also = best.compare(drivers, best.read())
        print(line, also, sep="\n", flush=True)
        yield name, Outcome(Tally(right + as_few, len(wrong) + len(more)), wrong + more,
                            [(driver.arch, driver.name, *path) for driver in drivers
                             for path in count.paths(driver)])


def measure(composed: Composed, topic: str = "") -> Tally:
    """Count all of it, write it to OUT, and print a table; or topic by itself.

    Return how many paths cost no more, and how many do.
    """
    if topic:
        return one_topic.measure(composed, topic)
    counted = count.count(composed, count.load())
    code = {arch: {version: sizes.measure(tree, arch, version)
                   for version, tree in count.trees(composed).items()} for arch in sizes.TARGETS}
    told = registers.count(composed)
    right, wrong, line = verdict(counted)
    _, lost, also = best.compare(counted, best.read())
    OUT.mkdir(parents=True, exist_ok=True)
    document.write_json(OUT / "cost.json",
                        document.document(composed, counted, code, told))
    best.write(OUT / best.FILE.name, best.merged(best.read(), best.counted(counted)))
    (OUT / "cost.md").write_text(document.markdown(counted, code, told, line))
    plots.draw(counted, OUT)
    rows = document.page_rows(counted)
    print()
    table(document.TABLE.head, rows)
    other = document.differences(document.TABLE.split()[1], document.TABLE.keep(rows))
    print(f"\n{len(rows) - len(other)} of {len(rows)} lines are the page's, within "
          f"{document.TOLERANCE:.0%}", *other, *wrong, *lost, line, also,
          f"all of it: {OUT / 'cost.md'}, cost.json and pictures beside it", sep="\n",
          flush=True)
    return Tally(right, len(wrong))


def write() -> bool:
    """Put table and picture of the last measure() into the page; False if there was none."""
    if not document.TABLE.write():
        return False
    PICTURE.write_text((OUT / PICTURE.name).read_text())
    best.FILE.write_text((OUT / best.FILE.name).read_text())
    return True

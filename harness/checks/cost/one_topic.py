# SPDX-License-Identifier: GPL-2.0
"""What one topic costs or saves: counted on what it needs, and with it."""

from __future__ import annotations

from ...common.report import Problem, Tally, table
from ...kernel.compose import Composed
from . import count
from .count import AROUND, FORMATS, Driver

HEAD = ["arch", "driver or page table", "path", "shape", "n", *AROUND, "commands", "", ""]
# Sizes in the table; all are counted, and judged.
SIZES = 0, 1, 16, 256, 512
# Page tables that topics are about, among those that are only there to be compared.
IO_PGTABLE = "lpae_", "v7s", "dart"


def runs(topic: str) -> list[count.Run]:
    """Return where topic is counted; raises Problem if nowhere."""
    known = count.load()
    found = [run for run in known if topic in run.topics]
    if not found:
        names = dict.fromkeys(name for run in known for name in run.topics)
        raise Problem(f"{topic} is not counted: harness/checks/cost/runs.toml has runs for "
                      f"{', '.join(names)}")
    return found


def rows(driver: Driver) -> list[list[object]]:
    """Return the lines of the table for driver; the last cell says what takes more."""
    found: list[list[object]] = []
    for path, shape, n, cost in paths(driver):
        before, after = (cost[version] for version in AROUND)
        more = after[0] > before[0] or (after[1] or 0) > (before[1] or 0)
        found.append([driver.arch, driver.name if driver.name != FORMATS else "", path, shape,
                      n or "", before[0], after[0],
                      *("" if each[1] is None else each[1] for each in (before, after)),
                      "more" if more else ""])
    return found


def paths(driver: Driver) -> list[count.Path]:
    """Return what users of driver do; of the formats, page tables by themselves as well."""
    calls = dict.fromkeys(call for call, _, _ in driver.first if call.startswith(IO_PGTABLE))
    return [*count.paths(driver),
            *((call, shape, n, count.costs(driver, [call], shape, n))
              for call in calls for each, shape, n in driver.first if each == call)]


def measure(composed: Composed, topic: str) -> Tally:
    """Count topic, and print a table; return how many paths were counted."""
    lines = [row for _, driver in count.each(composed, runs(topic), AROUND, topic)
             for row in rows(driver)]
    print()
    table(HEAD, [row for row in lines if (row[4] or 0) in SIZES])
    more = sum(bool(row[-1]) for row in lines)
    print(f"\n{topic}: {len(lines)} paths, {more} take an instruction or a command more than "
          "on what it needs", flush=True)
    return Tally(len(lines))

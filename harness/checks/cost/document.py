# SPDX-License-Identifier: GPL-2.0
"""What `make cost` counted, as JSON, as Markdown, and beside what the page says."""

from __future__ import annotations

import json
import pathlib
import time
from typing import Any

from ...common.markdown import PAGES, Table, table
from ...kernel.compose import Composed
from ...boot import inputs
from . import count, sizes
from .count import ALONE, BASE, CALLED, FORMATS, SERIES, VERSIONS, Driver
from .registers import Writes
from .sizes import Sizes

# What tables call a version.
NAMES = {BASE: "7.3", ALONE: "`sync`", SERIES: "all", CALLED: "always called"}
TABLE = Table("cost", PAGES / "cost.md", [
    "arch", "driver or page table", *(f"{what}{NAMES[version]}" for first in (
        "instructions per 4 KiB page", "unmap and sync of 64 KiB", "a 2 MiB table")
                                      for version in VERSIONS
                                      for what in [f"{first}: " * (version == BASE)])])
LIMIT = "limit"
TOLERANCE = 0.01

# Of each architecture and version.
Code = dict[str, dict[str, Sizes]]


def points(driver: Driver) -> dict[str, list[dict[str, Any]]]:
    """Return all counts of driver by call: shape, n, and what each version took."""
    found: dict[str, list[dict[str, Any]]] = {}
    for key, each in driver.counts[BASE].items():
        both = {version: counts[key] for version, counts in driver.counts.items()
                if key in counts}
        found.setdefault(each.call, []).append(
            {"shape": each.shape, "n": each.n,
             **{version: each.instructions for version, each in both.items()},
             **{f"{version}_commands": each.commands for version, each in both.items()}})
    return found


def slopes(driver: Driver, call: str) -> dict[str, list[float]]:
    """Return what each version takes per page and besides for call; {} if it has no slope."""
    found = {}
    for version, counts in driver.counts.items():
        line = count.slope(counts, [call])
        if not line:
            return {}
        found[version] = [round(value, 2) for value in line]
    return found


def document(composed: Composed, drivers: list[Driver], code: Code,
             registers: Writes) -> dict[str, Any]:
    """Return what is kept as JSON: {arch: {driver: {call: points and slope}}}, and the rest."""
    counts: dict[str, dict[str, Any]] = {}
    for driver in drivers:
        counts.setdefault(driver.arch, {})[driver.name] = {
            call: {"points": each, "slope": slopes(driver, call)}
            for call, each in points(driver).items()}
    return {"kernel": composed.base.version, "stamp": inputs.stamp(composed), "at": time.time(),
            "unit": "instructions", "counts": counts, "sizes": code, "registers": registers}


def write_json(path: pathlib.Path, data: dict[str, Any]) -> None:
    """Write data to path."""
    path.write_text(json.dumps(data, indent=1) + "\n")


def short(value: float) -> str:
    """Return value without needless digits."""
    return f"{value:.1f}".removesuffix(".0")


def counted(driver: Driver, path: list[str], shape: str, n: int) -> list[object]:
    """Return the instructions of path, some calls, on VERSIONS; "" if not counted."""
    found = [count.total(driver.counts[version], path, shape, n) for version in VERSIONS]
    return [each[0] if each else "" for each in found]


def page_rows(drivers: list[Driver]) -> list[list[object]]:
    """Return the rows of TABLE, of drivers."""
    rows: list[list[object]] = []
    for driver in drivers:
        if driver.name == FORMATS:
            lines = [(call, call, [call]) for call in points(driver)]
        else:
            lines = [(driver.name, "iommu_unmap_fast", count.PATHS[count.UNMAP_FAST])]
        for name, first, whole in lines:
            slope = slopes(driver, first)
            tables = [n for call, shape, n in driver.counts[BASE]
                      if call == first and shape == "table"]
            rows.append([driver.arch, name, *(short(slope[version][0]) for version in VERSIONS),
                         *counted(driver, whole, "pages", 16),
                         *counted(driver, whole, "table", (tables or [0])[0])])
    return rows


def markdown(drivers: list[Driver], code: Code, registers: Writes, verdict: str) -> str:
    """Return all that was measured as Markdown; verdict: the closing line."""
    parts = ["# What unmap and sync cost\n", verdict + "\n",
             "Instructions, and commands to the IOMMU where there are any; the lowest of "
             "five rounds. Slopes are those of the line nearest to 1, 2, 4 ... 512 pages.\n",
             table(TABLE.head, page_rows(drivers))]
    rows: list[list[object]]
    for driver in drivers:
        versions = list(driver.counts)
        names = [NAMES[version] for version in versions]
        if driver.name == FORMATS:
            head = ["page table", "shape", "pages", *names]
            rows = [[call, point["shape"], point["n"], *map(point.get, versions)]
                    for call, each in points(driver).items() for point in each]
        else:
            head = ["path", "shape", "n", *names, f"commands: {names[0]}", *names[1:]]
            rows = [[path, shape, n or "", *(told[version][part] for part in (0, 1)
                                             for version in versions)]
                    for path, shape, n, told in count.paths(driver)]
            rows += [[call, point["shape"], point["n"] or "", *map(point.get, versions),
                      *(point[f"{version}_commands"] for version in versions)]
                     for call, each in points(driver).items() for point in each
                     if call in ("iommu_unmap_fast", "iommu_iotlb_sync",
                                 "iommu_flush_iotlb_all")]
        parts += [f"## {driver.name}, {driver.arch}\n", table(head, rows)]
    for arch, measured in code.items():
        parts += [f"## Code and structures, {arch}, in bytes\n",
                  table(["what", *(NAMES[version] for version in measured)], sizes.rows([*measured.values()]))]
    if registers:
        parts += ["## Drivers on models: register writes, invalidations, syncs\n",
                  table(["suite", "shape", "n", "7.3 with the fixes", "all"],
                        [[suite, *what.split(), both.get(BASE, ""), both.get(SERIES, "")]
                         for suite, each in registers.items() for what, both in each.items()])]
    return "\n".join(parts)


def differences(old: str, new: str, tolerance: float = TOLERANCE) -> list[str]:
    """Return the lines of the Markdown table new that old does not repeat.

    Cells that are numbers may differ by tolerance, a fraction.
    """
    known = {}
    for text in old.splitlines():
        cells = [cell.strip() for cell in text.strip("|").split("|")]
        known[tuple(cells[:2])] = cells
    wrong = []
    for text in new.splitlines()[2:]:
        cells = [cell.strip() for cell in text.strip("|").split("|")]
        before = known.get(tuple(cells[:2]), [])
        if len(before) != len(cells) or not all(
                near(a, b, tolerance) for a, b in zip(before[2:], cells[2:])):
            wrong.append(text)
    return wrong


def near(old: str, new: str, tolerance: float) -> bool:
    """Return whether old and new, numbers or empty, are the same but for tolerance."""
    if not old or not new:
        return old == new
    return abs(float(new) - float(old)) <= tolerance * abs(float(old))

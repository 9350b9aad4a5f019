# SPDX-License-Identifier: GPL-2.0
"""The section on what unmap and sync cost."""

from __future__ import annotations

import dataclasses
import json
import pathlib
from typing import Any

from ..common.report import Tally
from ..common.units import Outcome, Unit
from ..checks import cost as counted
from ..checks.cost import document, plots
from ..checks.cost.count import BASE, FORMATS, SERIES, VERSIONS
from . import picture
from .html import Html, code, el, figure, fold, join, table
from .known import Known, Result
from .parts import NONE, link, mark, of_what, origin, span, stale, status

# What tables call a version, without the marks of Markdown.
NAMES = {version: name.strip("`") for version, name in document.NAMES.items()}


def cost(known: Known) -> Html:
    """What `make check` counts, and the last `make cost`."""
    there = known.of("cost")
    names = [unit.name for unit in known.wanted("cost")]
    compilers = {str(name) for result in there.values()
                 for name in result.stamp.get("compilers", [])}     # type: ignore[attr-defined]
    return join(origin(known, [*there.values()], "make check ONLY=cost"),
                el("p", "Compiled by ", ", ".join(sorted(compilers)), ".", class_="origin")
                if compilers else "",
                table("Unmap and sync, compared with Linux 7.3",
                      ["job", "result", "passed", "failed"],
                      [[code(name), status(known, there.get(name)),
                        *(dataclasses.astuple(there[name].outcome.tally)
                          if name in there else ("", ""))] for name in names]),
                path_tables([row for result in there.values()
                             for row in result.outcome.data or []]),
                el("h3", "All of it, by make cost"), whole_cost(known))


def path_tables(paths: list[list[Any]]) -> Html:
    """What each path took, by IOMMU; paths: as data of the check has them."""
    groups: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for arch, name, _, _, _, cost in paths:
        groups.setdefault((arch, name), []).append(cost)
    if not groups:
        return Html()
    rows = []
    for (arch, name), each in groups.items():
        saved = [cost[BASE][0] - cost[SERIES][0] for cost in each]
        rows.append([f"{name}, {arch}", len(each), sum(less < 0 for less in saved),
                     sum(less == 0 for less in saved), sum(less > 0 for less in saved),
                     max(saved)])
    head: list[object] = [NAMES[version] for version in VERSIONS]
    return join(
        table("Instructions of the series beside those of 7.3",
              ["IOMMU", "paths", "more", "as many", "less", "most saved"], rows),
        fold(f"All {len(paths)} paths", table(
            "Instructions, and commands to the IOMMU",
            ["path", "IOMMU", "shape", "n", *head, *(f"commands: {name}" for name in head)],
            [[code(path), f"{name}, {arch}", shape, n or "",
              *(cost[version][part] for part in (0, 1) for version in VERSIONS)]
             for arch, name, path, shape, n, cost in paths])))


def whole_cost(known: Known) -> Html:
    """What the last `make cost` has left, or the picture that the repository has."""
    path = counted.OUT / "cost.json"
    if not path.exists():
        return join(el("p", mark("not run", NONE), ": ", code("make cost"), " counts all sizes "
                       "and ways. The picture is that of the repository, from an earlier run.",
                       class_="origin"), plot(counted.PICTURE))
    data = json.loads(path.read_text())
    stamp = data.get("stamp", {})
    # As the result of a unit, for what it is of.
    result = Result(Unit("cost"), stamp, Outcome(Tally(), at=data.get("at", 0.0)), path)
    rows = [[f"{name}, {arch}" if name != FORMATS else f"{call}, {arch}",
             *(figure(document.short(each["slope"][version][0]))
               if version in each["slope"] else "" for version in NAMES)]
            for arch, those in data["counts"].items() for name, calls in those.items()
            for call, each in calls.items()
            if each["slope"] and (name == FORMATS or call == "iommu_unmap_fast")]
    return join(el("p", "Counted ", span([result.outcome.at]), ", of ", of_what(stamp), ". ",
                   link(counted.OUT / "cost.md", "All tables"), " ", link(path, "JSON"),
                   class_="origin"),
                stale(known, [result], "make cost"),
                *(plot(counted.OUT / f"{name}.svg") for name in ("slope", "commands", "cost")),
                table("Instructions for each 4 KiB page unmapped",
                      ["driver or page table", *NAMES.values()], rows))


# What the pictures of plots.py show.
SHOWS = {"slope": "Instructions for each page unmapped, Linux 7.3 and the series",
         "commands": "Commands to the IOMMU for each iommu_unmap(), Linux 7.3 and the series",
         "cost": "Instructions by pages in one unmap, Linux 7.3 and the series"}


def plot(path: pathlib.Path) -> Html:
    """The picture in path, nothing if it was not drawn."""
    if not path.exists():
        return Html()
    colours = {plots.COLORS[BASE]: "var(--base)", plots.COLORS[SERIES]: "var(--series)"}
    return el("figure", el("div", picture.inline(path.read_text(), path.stem, SHOWS[path.stem],
                                                 colours),
                           class_="wide", tabindex=0, role="region", aria_label=SHOWS[path.stem]),
              el("figcaption", SHOWS[path.stem]))

# SPDX-License-Identifier: GPL-2.0
"""Pictures of what `make cost` counted, as SVG and PNG."""

from __future__ import annotations

import pathlib
from collections.abc import Iterator
from typing import Any

from ...common import tools
from . import count
from .count import BASE, FORMATS, SERIES, Counts, Driver
from .document import LIMIT, slopes

COLORS = {BASE: "#b0413e", SERIES: "#2e6f9e", LIMIT: "#888888"}
LABELS = {BASE: "Linux 7.3", SERIES: "the series"}
GENERIC = "generic_pt"


def pyplot() -> Any:
    """Return matplotlib.pyplot, set to draw the same file each time."""
    tools.need("matplotlib")
    import matplotlib
    matplotlib.use("Agg")
    matplotlib.rcParams.update({"svg.hashsalt": "bench", "svg.fonttype": "none",
                                "font.size": 9, "axes.spines.top": False,
                                "axes.spines.right": False})
    from matplotlib import pyplot as plt
    return plt


def save(plt: Any, figure: Any, out: pathlib.Path, name: str) -> None:
    """Write figure to out/name.svg and .png."""
    figure.tight_layout()
    figure.savefig(out / f"{name}.svg", metadata={"Date": None, "Creator": None})
    figure.savefig(out / f"{name}.png", dpi=120)
    plt.close(figure)


def series_of(drivers: list[Driver]) -> Iterator[tuple[str, str, Driver, str]]:
    """Yield what a slope was counted of, but the limit: arch, name, driver, call."""
    for driver in drivers:
        if driver.name == FORMATS:
            for call in dict.fromkeys(key[0] for key in driver.counts[BASE]):
                if call != LIMIT:
                    yield driver.arch, call, driver, call
        else:
            yield driver.arch, driver.name, driver, "iommu_unmap_fast"


def formats(drivers: list[Driver], arch: str) -> Driver | None:
    """Return the page tables counted on arch, None if there are none."""
    return next((driver for driver in drivers
                 if driver.arch == arch and driver.name == FORMATS), None)


def curve(counts: Counts, call: str) -> tuple[list[int], list[int]]:
    """Return the pages and the instructions of call in counts."""
    found = sorted((key[2], each.instructions) for key, each in counts.items()
                   if key[:2] == (call, "pages"))
    return [n for n, _ in found], [cost for _, cost in found]


def draw_cost(plt: Any, drivers: list[Driver], out: pathlib.Path) -> None:
    """Instructions against pages, a field for each driver and page table."""
    shown = list(series_of(drivers))
    columns = 4
    lines = -(-len(shown) // columns)
    figure, fields = plt.subplots(lines, columns, figsize=(13, 2.6 * lines), squeeze=False)
    for field in fields.flat[len(shown):]:
        field.axis("off")
    for field, (arch, name, driver, call) in zip(fields.flat, shown):
        for version in (BASE, SERIES):
            field.plot(*curve(driver.counts[version], call), color=COLORS[version],
                       label=LABELS[version], marker=".", linewidth=1.2,
                       linestyle="--" if version == BASE else "-")
        limit = formats(drivers, arch)
        if limit:
            field.plot(*curve(limit.counts[SERIES], LIMIT), color=COLORS[LIMIT],
                       label="entries cleared, nothing else", linewidth=1)
        field.set(xscale="log", yscale="log", title=f"{name}, {arch}")
        field.set_xticks([1, 8, 64, 512], ["1", "8", "64", "512"])
        field.minorticks_off()
    fields[0][0].legend(frameon=False, fontsize=7)
    figure.supxlabel("pages of 4 KiB in one unmap (DART: 16 KiB)")
    figure.supylabel("instructions")
    save(plt, figure, out, "cost")


def draw_slopes(plt: Any, drivers: list[Driver], out: pathlib.Path) -> None:
    """Instructions for each page, a pair of bars for each driver and page table."""
    arches = list(dict.fromkeys(driver.arch for driver in drivers))
    groups = {arch: [(name, slopes(driver, call)) for a, name, driver, call
                     in series_of(drivers) if a == arch] for arch in arches}
    figure, fields = plt.subplots(1, len(arches), figsize=(12, 3.8), squeeze=False, sharey=True,
                                  gridspec_kw={"width_ratios": [len(groups[a]) + 1
                                                                for a in arches]})
    for field, arch in zip(fields[0], arches):
        names = [name.replace(f"{GENERIC}_", "generic_pt\n") for name, _ in groups[arch]]
        for offset, version in ((-0.2, BASE), (0.2, SERIES)):
            bars = field.bar([i + offset for i in range(len(names))],
                             [slope[version][0] for _, slope in groups[arch]], 0.4,
                             color=COLORS[version], label=LABELS[version])
            field.bar_label(bars, fmt="%.0f", fontsize=7)
        marks = [slope[SERIES][0] for name, slope in groups[arch] if name.startswith(GENERIC)]
        if marks:
            field.axhline(min(marks), color=COLORS[LIMIT], linewidth=0.8, linestyle=":",
                          label="the best of generic_pt")
        field.set(title=arch, yscale="log", ylim=(1, 600))
        field.set_xticks(range(len(names)), names, rotation=35, ha="right", fontsize=8)
    fields[0][0].set_ylabel("instructions for each page unmapped")
    fields[0][0].legend(frameon=False, fontsize=8, loc="upper left")
    save(plt, figure, out, "slope")


def draw_commands(plt: Any, drivers: list[Driver], out: pathlib.Path) -> None:
    """Commands to the IOMMU for each iommu_unmap(), a pair of bars for each size."""
    shown = [driver for driver in drivers if driver.name != FORMATS]
    figure, fields = plt.subplots(1, len(shown), figsize=(13, 3), squeeze=False, sharey=True)
    for field, driver in zip(fields[0], shown):
        found = [row for row in count.paths(driver) if row[0] == "iommu_unmap" and
                 (row[1] != "pages" or row[2] in (1, 16, 128, 512))]
        for offset, version in ((-0.2, BASE), (0.2, SERIES)):
            bars = field.bar([i + offset for i in range(len(found))],
                             [costs[version][1] for *_, costs in found], 0.4,
                             color=COLORS[version], label=LABELS[version])
            field.bar_label(bars, fontsize=6)
        field.set(yscale="log", ylim=(0.5, 2000))
        field.set_title(f"{driver.name},\n{driver.arch}", fontsize=8)
        field.set_xticks(range(len(found)), [f"{row[2] or ''} {row[1]}".strip()
                                             for row in found], rotation=90, fontsize=7)
    fields[0][0].set_ylabel("commands for each iommu_unmap()")
    fields[0][0].legend(frameon=False, fontsize=7, loc="upper left")
    save(plt, figure, out, "commands")


def draw(drivers: list[Driver], out: pathlib.Path) -> None:
    """Draw all pictures of drivers into out."""
    plt = pyplot()
    for function in (draw_cost, draw_slopes, draw_commands):
        function(plt, drivers, out)

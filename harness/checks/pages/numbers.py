# SPDX-License-Identifier: GPL-2.0
"""What is counted in the tables of the repository: how many of what, and which packages."""

from __future__ import annotations

from collections.abc import Iterable

from ...common import markdown, tools
from ...kernel import topics
from ...boot import drivers, jobs
from .. import audit, fixes, mutants
from ..cost import best

TABLE = markdown.Table("numbers", markdown.PAGES / "results.md",
                       ["there are", "in all", "of these"])
PACKAGES = markdown.Table("packages", markdown.PAGES / "hosts.md",
                          ["what for", "Debian's packages"])


def rows() -> list[list[object]]:
    """Return the rows of TABLE."""
    series = topics.read()
    mending = topics.chosen(series, [fixes.TOPICS])
    known = drivers.load()
    broken = mutants.load()
    runs = jobs.load().values()
    return [
        ["topics", len(series), f"{len(mending)} `{fixes.TOPICS}`, a series for each driver, or "
                                "what drivers share"],
        ["patches", sum(len(topic.patches) for topic in series.values()),
         f"{sum(mending.values())} in `{fixes.TOPICS}`"],
        ["drivers", len(known),
         f"{sum(bool(each.suites) for each in known)} run on models of their hardware, "
         f"{sum(bool(each.jobs) for each in known)} in QEMU"],
        ["models of hardware, with its variants", sum(not suite.endswith("_own") for each in known
                                   for suite in each.suites), ""],
        ["jobs: a kernel and what runs on it", len(runs),
         f"{sum(job.check for job in runs)} in `make check`; "
         f"{sum(bool(job.sanitizer) for job in runs)} with sanitizers"],
        ["mutants", len(broken), f"{sum(bool(each.survives) for each in broken)} spared, with the "
                                 f"reason; {sum(each.check for each in broken)} in `make check`"],
        ["small drivers that the audit's rules are tried on",
         len(list((audit.FOLDER / "corpus").glob("*.c"))), ""],
        *(["paths of unmap and sync whose instructions were counted", len(paths),
           f"with {compiler}"] for compiler, paths in best.read().items())]


def packages() -> list[list[object]]:
    """Return the rows of PACKAGES: what the units of each check need besides a kernel build."""
    from ... import check   # it uses the checks, and this one it

    def listed(names: Iterable[str]) -> str:
        return ", ".join(f"`{name}`" for name in names)

    rows: list[list[object]] = [
        ["to build any kernel", listed(sorted({tools.TABLE[name][1]
                                               for name in tools.BUILD_KERNEL}))]]
    for name, each in check.CHECKS.items():
        found = {package for unit in each.units() for package in check.packages(unit)}
        if found:
            rows.append([f"`make check ONLY={name}`", listed(sorted(found))])
    return rows

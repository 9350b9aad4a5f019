# SPDX-License-Identifier: GPL-2.0
"""The suites, what each holds, and how many cases passed where: tables of the page of results."""

from __future__ import annotations

import fnmatch
import pathlib
from collections.abc import Iterable
from dataclasses import dataclass

from ..common import markdown, tables
from ..common.run import ROOT
from . import jobs
from .verdict import Result

TABLE = markdown.Table("suites", markdown.PAGES / "results.md",
                       ["suite", "runs on", "cases that pass", "holds"])
MACHINES = markdown.Table("machines", markdown.PAGES / "results.md", [
    "job", "IOMMU", "arch", "QEMU's arguments, before `-device edu -device edu`",
    "passed: strict", "passed: lazy"])

# The suites of a device's DMA, and the devices.
END_TO_END = "iommu_e2e", "iommu_e2e_dma"
DEVICES = " -device edu -device edu"


@dataclass
class Suite:
    """One table of suites.toml."""
    name: str
    holds: str


def load(path: pathlib.Path = ROOT / "harness" / "boot" / "suites.toml") -> list[Suite]:
    """Return the tables of path; raises Problem if one is wrong."""
    return tables.load(path, lambda known: [Suite(**each) for each in known["suite"]])


def of(name: str, known: Iterable[Suite]) -> Suite | None:
    """Return the first of known that the suite called name belongs to, None if there is none."""
    return next((each for each in known
                 if any(fnmatch.fnmatchcase(name, glob) for glob in each.name.split())), None)


def lines(rows: list[Result], known: list[Suite] | None = None,
          archs: dict[str, str] | None = None) -> list[list[object]]:
    """Return the rows of TABLE for the suites known, with what rows counted.

    archs: of the kernel of each job that counts, those of `make check` if absent.  A suite that
    several of them run counts where most passed.
    """
    known = known or load()
    archs = archs or {name: job.kernel.arch for name, job in jobs.load().items() if job.check}
    found: list[list[object]] = []
    for suite in known:
        most: dict[str, int] = {}
        where = set()
        for row in rows:
            if of(row.suite, known) is suite and row.passed and row.job in archs:
                most[row.suite] = max(row.passed, most.get(row.suite, 0))
                where.add(archs[row.job])
        found.append([
            ", ".join(f"`{glob}`" for glob in suite.name.split()),
            ", ".join(["UML"] * ("um" in where) + sorted(where - {"um"})),
            f"{sum(most.values())}" + f" in {len(most)} suites" * (len(most) > 1), suite.holds])
    return found


def machines(rows: list[Result],
             known: dict[str, jobs.Job] | None = None) -> list[list[object]]:
    """Return the rows of MACHINES for the jobs known, with what rows counted."""
    found: dict[str, list[object]] = {}
    for job in (known or jobs.load()).values():
        if not set(END_TO_END) & set(job.suites) or job.sanitizer:
            continue
        name = job.name.removesuffix(f"-{job.mode}")
        line = found.setdefault(name, [name, job.iommu, job.kernel.arch,
                                       f"`{job.qemu_args.replace(DEVICES, '')}`", "", ""])
        line[5 if job.mode == "lazy" else 4] = sum(
            row.passed for row in rows if row.job == job.name and row.suite in END_TO_END)
    return list(found.values())

# SPDX-License-Identifier: GPL-2.0
"""The drivers, the suites that run them, and the table of both in the page of results."""

from __future__ import annotations

import pathlib
from collections.abc import Iterable
from dataclasses import dataclass, field

from ..common import markdown, tables
from ..common.run import ROOT
from .verdict import BLAMED, Result

# The job whose suites run drivers on models of their hardware.
MODELS = "tests"

TABLE = markdown.Table("drivers", markdown.PAGES / "results.md", [
    "driver", "what its sync does", "class", "tested by", "model made after", "passed",
    *(f"skipped: {who}" for who in BLAMED)])


@dataclass
class Driver:
    """One table of drivers.toml."""
    name: str
    sync: str
    kind: str
    file: str = ""
    option: str = ""
    model: str = ""
    tables: list[str] = field(default_factory=list)
    suites: list[str] = field(default_factory=list)
    jobs: list[str] = field(default_factory=list)


def load(path: pathlib.Path = ROOT / "harness" / "boot" / "drivers.toml") -> list[Driver]:
    """Return the tables of path; raises Problem if one is wrong."""
    return tables.load(path, lambda known: [Driver(**each) for each in known["driver"]])


def mine(driver: Driver, rows: Iterable[Result]) -> list[Result]:
    """Return those of rows that ran driver."""
    return [row for row in rows if not row.suite.startswith("(") and
            (row.job in driver.jobs or row.job == MODELS and row.suite in driver.suites)]


def lines(rows: list[Result], known: list[Driver] | None = None) -> list[list[object]]:
    """Return the rows of TABLE for the drivers known, default all, with what rows counted.

    One that nothing runs is left out.
    """
    found: list[list[object]] = []
    for driver in known or load():
        if not driver.suites and not driver.jobs:
            continue
        ran = mine(driver, rows)
        where = [f"`{suite}`" for suite in driver.suites] + ["QEMU"] * bool(driver.jobs)
        found.append([driver.name, driver.sync, driver.kind, ", ".join(where),
                      "; ".join([driver.model] * bool(driver.suites) + ["QEMU"] * bool(driver.jobs)),
                      sum(row.passed for row in ran),
                      *(sum(row.blamed.get(who, 0) for row in ran) for who in BLAMED)])
    return found

# SPDX-License-Identifier: GPL-2.0
"""The drivers, the suites that run them, and the table of both in the README."""

from dataclasses import dataclass, field

from ..common import readme, tables
from ..common.run import BUILD, ROOT

TABLE = BUILD / "drivers.md"

# The job whose suites run drivers on models of their hardware.
MODELS = "tests"

HEAD = ["driver", "what its sync does", "class", "tested by", "passed", "skipped"]


@dataclass
class Driver:
    """One table of drivers.toml."""
    name: str
    sync: str
    kind: str
    file: str = ""
    suites: list = field(default_factory=list)
    jobs: list = field(default_factory=list)


def load(path=ROOT / "harness" / "boot" / "drivers.toml"):
    """Return the list of Driver of path; Problem if a table is wrong."""
    return tables.load(path, lambda known: [Driver(**each) for each in known["driver"]])


def mine(driver, rows):
    """Return those of rows (list of verdict.Result) that ran driver (Driver)."""
    return [row for row in rows if not row.suite.startswith("(") and
            (row.job in driver.jobs or row.job == MODELS and row.suite in driver.suites)]


def markdown(rows, known=None):
    """Return the table (str) of all drivers (list of Driver), as rows have them.

    rows: list of verdict.Result.
    """
    lines = []
    for driver in known or load():
        ran = mine(driver, rows)
        where = [f"`{suite}`" for suite in driver.suites] + ["QEMU"] * bool(driver.jobs)
        lines.append([driver.name, driver.sync, driver.kind, ", ".join(where),
                      sum(row.passed for row in ran), sum(row.skipped for row in ran)])
    return readme.table(HEAD, lines)

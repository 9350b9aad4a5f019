# SPDX-License-Identifier: GPL-2.0
"""The drivers, the suites that run them, and the table of both in the README."""

import tomllib
from dataclasses import dataclass, field

from .report import Problem
from .run import BUILD, ROOT

README = ROOT / "README.md"
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


def load(path=ROOT / "harness" / "drivers.toml"):
    """Return the list of Driver of path; Problem if a table is wrong."""
    with open(path, "rb") as file:
        tables = tomllib.load(file)
    try:
        return [Driver(kind=table.pop("class"), **table) for table in tables["driver"]]
    except (TypeError, KeyError) as error:
        raise Problem(f"{path} has a bad table: {error}") from None


def mine(driver, rows):
    """Return those of rows (list of verdict.Result) that ran driver (Driver)."""
    return [row for row in rows if not row.suite.startswith("(") and
            (row.job in driver.jobs or row.job == MODELS and row.suite in driver.suites)]


def line(cells):
    """cells: list -> str, a line of a Markdown table."""
    return "| " + " | ".join(map(str, cells)) + " |"


def table(head, rows):
    """Return a Markdown table (str) of rows (lists) below head (list of str)."""
    return "\n".join([line(head), "|---" * len(head) + "|", *map(line, rows), ""])


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
    return table(HEAD, lines)


def split(text, head=HEAD):
    """Return (what is before the table, the table, what is after).

    text: str, the README; head: list of str, the table's.
    """
    start = text.find(line(head))
    if start < 0:
        raise Problem(f"{README} has no table that begins with\n  {line(head)}\n"
                      "Put that line where the table belongs, and an empty line after it.")
    end = text.find("\n\n", start) + 1 or len(text)
    return text[:start], text[start:end], text[end:]


def compare(rows):
    """Keep the table of rows (list of verdict.Result) for write(); return as agree()."""
    return agree(markdown(rows), TABLE)


def agree(new, path, head=HEAD):
    """Keep the table new (str), with that head (list of str), in path for write().

    Return (lines that the README has right, lines that it has not), two int.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(new)
    old = split(README.read_text(), head)[1].splitlines()
    wrong = [text for text in new.splitlines() if text not in old]
    print(*(f"README lacks: {text}" for text in wrong), sep="\n", end="\n" if wrong else "")
    if wrong:
        print("`make readme` puts the table of this run there", flush=True)
    return len(new.splitlines()) - len(wrong), len(wrong)


def write(path=None, head=HEAD):
    """Put the table in path, of that head, into the README; False if there is none.

    path: that of compare() if None; head: list of str.
    """
    path = path or TABLE
    if not path.exists():
        return False
    before, _, after = split(README.read_text(), head)
    README.write_text(before + path.read_text() + after)
    return True

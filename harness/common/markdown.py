# SPDX-License-Identifier: GPL-2.0
"""Markdown tables of the pages that are made: compare them with a run, put new ones there."""

from __future__ import annotations

import pathlib
from collections.abc import Iterable
from dataclasses import dataclass

from .report import Problem, Tally
from .run import BUILD, ROOT
from .units import Outcome

PAGES = ROOT / "harness" / "doc"


def line(cells: Iterable[object]) -> str:
    """Return a line of a Markdown table."""
    return "| " + " | ".join(map(str, cells)) + " |"


def table(head: list[str], rows: Iterable[Iterable[object]]) -> str:
    """Return a Markdown table of rows below head."""
    return "\n".join([line(head), "|---" * len(head) + "|", *map(line, rows), ""])


def differ(page: pathlib.Path, new: list[str], old: list[str], remedy: str) -> Outcome:
    """Return in which lines old, which page has, is not new; remedy: what to do then."""
    wrong = [f"{page.name} lacks: {text}" for text in new if text not in old] + \
            [f"{page.name} has, and should not: {text}" for text in old if text not in new]
    return Outcome(Tally(len(set(new) & set(old)), len(wrong)),
                   [*wrong, *[remedy] * bool(wrong)])


@dataclass(frozen=True)
class Table:
    """The one table with that head in page; name: what it is called in build/tables, where
    the last run leaves it until `make pages` puts it into the page."""
    name: str
    page: pathlib.Path
    head: list[str]

    @property
    def kept(self) -> pathlib.Path:
        """The file that holds it until then."""
        return BUILD / "tables" / f"{self.name}.md"

    def split(self) -> tuple[str, str, str]:
        """Return what is before the table in its page, it, the rest."""
        text = self.page.read_text()
        start = text.find(line(self.head))
        if start < 0:
            raise Problem(f"{self.page} has no table that begins with\n  {line(self.head)}\n"
                          "Put that line where the table belongs, and an empty line after it.")
        end = text.find("\n\n", start) + 1 or len(text)
        return text[:start], text[start:end], text[end:]

    def rows(self) -> list[list[str]]:
        """Return the cells of each line below the head, as the page has them."""
        return [[cell.strip() for cell in text.strip("|").split("|")]
                for text in self.split()[1].splitlines()[2:]]

    def keep(self, rows: Iterable[Iterable[object]]) -> str:
        """Keep the table with rows for write(); return its text."""
        new = table(self.head, rows)
        self.kept.parent.mkdir(parents=True, exist_ok=True)
        self.kept.write_text(new)
        return new

    def compared(self, rows: Iterable[Iterable[object]]) -> Outcome:
        """Keep the table with rows; say in which lines the page differs."""
        return differ(self.page, self.keep(rows).splitlines(), self.split()[1].splitlines(),
                      "run `make pages`: it puts the table of this run there")

    def write(self) -> bool:
        """Put the kept table into the page; return False if there is none."""
        if not self.kept.exists():
            return False
        before, _, after = self.split()
        self.page.write_text(before + self.kept.read_text() + after)
        return True

# SPDX-License-Identifier: GPL-2.0
"""Tables of the README, or of another page, that are made: compare them, and put new ones there."""

from __future__ import annotations

import pathlib
from collections.abc import Iterable

from .report import Problem, Tally
from .run import ROOT
from .units import Outcome

README = ROOT / "README.md"


def line(cells: Iterable[object]) -> str:
    """Return a line of a Markdown table."""
    return "| " + " | ".join(map(str, cells)) + " |"


def table(head: list[str], rows: Iterable[Iterable[object]]) -> str:
    """Return a Markdown table of rows below head."""
    return "\n".join([line(head), "|---" * len(head) + "|", *map(line, rows), ""])


def split(page: pathlib.Path, head: list[str]) -> tuple[str, str, str]:
    """Return what is before the table with that head in page, it, the rest."""
    text = page.read_text()
    start = text.find(line(head))
    if start < 0:
        raise Problem(f"{page} has no table that begins with\n  {line(head)}\n"
                      "Put that line where the table belongs, and an empty line after it.")
    end = text.find("\n\n", start) + 1 or len(text)
    return text[:start], text[start:end], text[end:]


def compared(new: str, path: pathlib.Path, head: list[str],
             page: pathlib.Path | None = None) -> Outcome:
    """Keep the table new, with that head, in path for write(); say which of its lines page (the
    README if absent) lacks."""
    page = page or README
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(new)
    old = split(page, head)[1].splitlines()
    wrong = [f"{page.name} lacks: {text}"
             for text in new.splitlines() if text not in old]
    return Outcome(Tally(len(new.splitlines()) - len(wrong), len(wrong)), [
        *wrong, *["`make readme` puts the table of this run there"] * bool(wrong)])


def write(path: pathlib.Path, head: list[str], page: pathlib.Path | None = None) -> bool:
    """Put the table in path, of that head, into page, the README if absent.

    Return False if there is none.
    """
    page = page or README
    if not path.exists():
        return False
    before, _, after = split(page, head)
    page.write_text(before + path.read_text() + after)
    return True

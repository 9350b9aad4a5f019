# SPDX-License-Identifier: GPL-2.0
"""HTML that is well-formed: what is put into it is escaped, unless it is HTML itself."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Sequence


class Html(str):
    """Text that is HTML already."""


class Figure(Html):
    """HTML that stands to the right in a table, as numbers do."""


def text(value: object) -> Html:
    """Return value as HTML; a number with its thousands apart, nothing for None."""
    if isinstance(value, Html):
        return value
    if value is None:
        return Html()
    if isinstance(value, int) and value >= 10_000:
        return Html(f"{value:,}".replace(",", "\u202f"))
    return Html(html.escape(str(value)))


def figure(value: object) -> Figure:
    """Return value as HTML that stands to the right."""
    return Figure(text(value))


def join(*parts: object) -> Html:
    """Return parts one after the other."""
    return Html("".join(map(text, parts)))


def el(tag: str, *inside: object, **attributes: object) -> Html:
    """Return an element; attributes that are None are left out, class_ is class, aria_label
    aria-label."""
    given = "".join(f' {name.rstrip("_").replace("_", "-")}="{html.escape(str(value))}"'
                    for name, value in attributes.items() if value is not None)
    return Html(f"<{tag}{given}>{join(*inside)}</{tag}>")


def listed(items: Iterable[object], **attributes: object) -> Html:
    """Return a list of items."""
    return el("ul", *(el("li", item) for item in items), **attributes)


def code(value: object) -> Html:
    """Return value as code."""
    return el("code", value)


def ticked(value: str) -> Html:
    """Return value with what is in `ticks` as code."""
    return join(*(code(part) if i % 2 else part for i, part in enumerate(value.split("`"))))


def small(value: object) -> Html:
    """Return value as a line of less importance; nothing if there is none."""
    return el("small", value) if value else Html()


def number(value: object) -> bool:
    """Return whether value is to stand as one."""
    return isinstance(value, (int, float, Figure))


def table(caption: str, head: Sequence[object], rows: Sequence[Sequence[object]],
          foot: Sequence[object] = ()) -> Html:
    """Return a table that scrolls by itself where it is too wide.

    The first cell of a row is its head; numbers, and the heads of columns with nothing else,
    stand to the right; foot: a last row, of sums.
    """
    numbers = [any(number(row[i]) for row in rows) and
               all(number(row[i]) or row[i] in ("", None) for row in rows)
               for i in range(len(head))]

    def line(row: Sequence[object]) -> Html:
        return el("tr", el("th", row[0], scope="row"), *(
            el("td", each, class_="n zero" if each == 0 else "n" if number(each) else None)
            for each in row[1:]))

    return el("div", el("table", el("caption", caption), el("thead", el("tr", *(
        el("th", each, scope="col", class_="n" if right else None)
        for each, right in zip(head, numbers)))),
        el("tbody", *map(line, rows)), el("tfoot", line(foot)) if foot else ""),
        class_="wide", tabindex=0, role="region", aria_label=caption)


def fold(summary: object, *inside: object, id: str | None = None) -> Html:
    """Return inside, folded away behind summary; a link to id opens it."""
    return el("details", el("summary", summary), el("div", *inside, id=id))


def anchor(*words: str) -> str:
    """Return words as the id of an element."""
    return re.sub(r"\W+", "-", "-".join(words))

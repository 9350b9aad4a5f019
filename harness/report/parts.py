# SPDX-License-Identifier: GPL-2.0
"""What several sections say: how a unit went, when and of what results are, where logs lie."""

from __future__ import annotations

import collections
import datetime
import pathlib
import urllib.parse
from collections.abc import Iterable, Iterator, Sequence

from ..common.report import minutes
from ..common.run import BUILD
from ..common.units import Unit
from ..checks import history
from .html import Figure, Html, code, el, figure, join, text
from .known import MIXED, OTHER, SAME, Known, Result

# Kinds of marks.
GOOD, BAD, WARN, NONE = "good", "bad", "warn", "none"

# So many trees and commits are named.
MOST = 3


def some(count: int, one: str, many: str = "") -> str:
    """Return count with the word for one, or for many."""
    return f"{count} {one if count == 1 else many or one + 's'}"


def took(seconds: float) -> Figure:
    """Return how long something took."""
    return figure(minutes(seconds) if seconds >= 60 else f"{seconds:.0f} s")


def mark(words: str, kind: str) -> Html:
    """Return words that are seen at once, in the colour of kind."""
    return el("span", words, class_=f"mark {kind}")


def status(known: Known, result: Result | None, good: str = "passed") -> Html:
    """Return how a unit went: words, and whether that is an earlier run or of another kernel.

    good: the word for what passed.
    """
    if not result:
        return mark("not run", NONE)
    tally = result.outcome.tally
    first = mark(f"{tally.failed} failed", BAD) if tally.failed else \
        mark(good, GOOD) if tally.passed else mark("not tried", NONE)
    state = known.state(result.stamp)
    if result.outcome.before:
        first = join(first, " ", el("span", "as before", class_="tag"))
    if state in (OTHER, MIXED):
        first = join(first, " ", mark("other tree" if state == OTHER else "files changed", WARN))
    return first


def when(at: float, after: float = 0) -> Html:
    """Return the time at, in UTC; without the day if after, which stands before it, is of that."""
    time, before = (datetime.datetime.fromtimestamp(each, datetime.timezone.utc)
                    for each in (at, after))
    words = f"{time:%H:%M}" if time.date() == before.date() else f"{time:%Y-%m-%d %H:%M}"
    return el("time", words, datetime=f"{time:%Y-%m-%dT%H:%M:%SZ}")


def short(id: object) -> str:
    """Return as much of a hash as people read."""
    return str(id)[:12]


def span(times: Iterable[float]) -> Html:
    """Return from when to when times are, without those that are not known."""
    there = sorted(filter(None, times))
    if not there:
        return text("not noted when")
    first, last = when(there[0]), when(there[-1], there[0])
    return join(first, join(" to ", last) if there[-1] - there[0] >= 60 else "")


def of_what(stamp: dict[str, object]) -> str:
    """Return what stamp says a result is of."""
    tree = f"tree {short(stamp['tree'])}" if "tree" in stamp else "a tree that was not noted"
    return tree + (f" and commit {stamp['commit']}" if "commit" in stamp else "")


def origin(known: Known, results: Sequence[Result], again: str) -> Html:
    """Return from when results are and of what, with a warning if that is not what is here.

    again: the command that runs these units.
    """
    if not results:
        return el("p", mark("not run", NONE), ": ", code(again), " runs it.", class_="origin")
    before = sum(each.outcome.before for each in results)
    kinds = collections.Counter(of_what(each.stamp) for each in results)
    line = el("p", f"{some(len(results), 'result')}: ",
              span(each.outcome.at for each in results),
              f", {before} of them as before, with the same inputs" if before else "",
              "; ", ", ".join(f"{count} of {name}" if len(kinds) > 1 else f"of {name}"
                              for name, count in kinds.most_common(MOST)),
              f", and {some(len(kinds) - MOST, 'other')}" if len(kinds) > MOST else "", ".",
              class_="origin")
    return join(line, stale(known, results, again))


def stale(known: Known, results: Sequence[Result], again: str) -> Html:
    """Return a warning if some of results are not of what is here, else nothing."""
    states = collections.Counter(known.state(each.stamp) for each in results)
    here = f"the tree that is composed now, {short(known.now.tree)}" if known.now.tree else \
        "what is checked out now, and no tree is composed"
    words = []
    if states[OTHER]:
        words.append(f"Not of {here}: {states[OTHER]} of {len(results)}.")
    if states[MIXED]:
        words.append(f"Files of the repository changed while it ran: {states[MIXED]}.")
    if states[SAME]:
        words.append(f"Of the same tree, but other files of the repository have changed since: "
                     f"{states[SAME]} of {len(results)}.")
    if not words:
        return Html()
    hard = states[OTHER] or states[MIXED]
    return el("p", el("strong", "Out of date. " if hard else "Note. "), " ".join(words), " ",
              code(again), " runs what has other inputs now.",
              class_="warning" if hard else "remark")


def link(path: pathlib.Path, words: object) -> Html:
    """Return words that lead to path, below build/, or just words if it is not there."""
    if not path.exists():
        return text(words)
    return el("a", words, href=urllib.parse.quote(str(path.relative_to(BUILD))))


def logs(unit: Unit) -> Html:
    """Return links to what unit has left in build/log by itself; nothing if there is nothing."""
    found = [(words, BUILD / "log" / name) for words, name in _logs(unit)]
    return el("span", Html(" ".join(link(path, words) for words, path in found
                                    if path.exists() and path.stat().st_size)), class_="logs")


def _logs(unit: Unit) -> Iterator[tuple[str, str]]:
    """Yield what logs of unit are called, and their names."""
    if unit.check == "docs":
        yield "log", "docs.log"
    elif unit.check == "kunit":
        yield "kunit.py", f"kunit-{unit.name}.log"
        yield "kernel", f"kunit-{unit.name}-console.log"
        yield "QEMU", f"kunit-{unit.name}-qemu.log"
        yield "build", f"kunit-{unit.setup}-build.log"
    elif unit.check == "history":
        for count, (name, _, mine) in enumerate(history.load().units(), 1):
            if name == unit.name:
                for job in mine:
                    yield job, f"kunit-history-{count}-{job}-console.log"


def of_all(ran: int, wanted: int, failed: int) -> Html:
    """Return what is to be said of a check with so many units."""
    if failed:
        return mark(f"{failed} failed", BAD)
    if not ran:
        return mark("not run", NONE)
    return mark("passed", GOOD) if ran == wanted else mark(f"{wanted - ran} not run", NONE)


def worst_first(rows: Iterable[list[object]], failed: int) -> list[list[object]]:
    """Return rows, those before others that have more in the column failed."""
    return sorted(rows, key=lambda row: -int(str(row[failed] or 0)))


def sums(rows: list[list[object]]) -> list[object]:
    """Return a last row for rows: the sum of each column but the first, all of numbers."""
    return ["all", *(sum(int(str(row[i])) for row in rows) for i in range(1, len(rows[0])))]

# SPDX-License-Identifier: GPL-2.0
"""The sections on what failed, what was composed, and the checks."""

from __future__ import annotations

from ..common.report import Tally
from ..common.units import Outcome
from ..kernel import mails, topics
from .. import check
from .html import Html, anchor, code, el, figure, fold, join, listed, small, table, ticked
from .known import MIXED, OTHER, Known, Result
from .parts import (BAD, GOOD, NONE, WARN, link, logs, mark, of_all, of_what, origin, some, span,
                    status, took)

# So many lines of a failure are shown at once.
LINES = 12


def failures(known: Known) -> Html:
    """All that failed, with its words."""
    bad = [result for result in known.results.values() if result.failed]
    parts = [failure(known, result) for result in bad if result.outcome.words]
    parts += [complaint(name, outcome) for name, outcome in known.closed.items()
              if outcome.tally.failed]
    mute = [result for result in bad if not result.outcome.words]
    if mute:
        parts.append(join(el("p", "These failed, too, and say no more:"), listed(
            code(f"make unit ID={result.unit.id}") for result in mute)))
    if parts:
        return join(*parts)
    if not known.results:
        return el("p", mark("not run", NONE), ": nothing yet; ", code("make check"), " runs all.")
    return el("p", mark("none", GOOD), f" of {some(len(known.results), 'unit')} that ran.")


def failure(known: Known, result: Result) -> Html:
    """What came of a unit that failed."""
    return el("article", el("h3", result.unit.id, " ", status(known, result)),
              said(result.outcome.words),
              el("p", code(f"make unit ID={result.unit.id}"), " runs it again. Last run: ",
                 span([result.outcome.at]), ", of ", of_what(result.stamp), ". ",
                 logs(result.unit), class_="origin"), class_="failure")


def complaint(name: str, outcome: Outcome) -> Html:
    """What a check has against all of its units together."""
    return el("article", el("h3", f"{name}, all of it ",
                            mark(f"{outcome.tally.failed} failed", BAD)),
              said(outcome.words), class_="failure")


def said(words: list[str]) -> Html:
    """Words of a failure; many are folded."""
    lines = "\n".join(words).splitlines()
    if len(lines) <= LINES:
        return el("pre", "\n".join(lines))
    return join(el("pre", "\n".join(lines[:LINES])),
                fold(f"{len(lines) - LINES} more lines", el("pre", "\n".join(lines[LINES:]))))


def composed(known: Known) -> Html:
    """The kernel, its topics, and how each passes the checks of topics."""
    now = known.now
    facts = [("Linux", now.version), ("tree", code(now.tree)), ("commit", code(now.end)),
             ("repository", code(now.commit))] if now.tree else \
        [("Linux", join(mark("not composed", NONE), ": ", code("make tree"), " composes it.")),
         ("repository", code(now.commit))]
    notes = []
    if now.only:
        notes.append(el("p", el("strong", "One topic. "), f"What is composed is {now.only}, on "
                        "what it needs; results are of all topics.", class_="warning"))
    if now.moved:
        notes.append(el("p", el("strong", "More commits. "), "The branches of build/linux hold "
                        "commits that are not in patches/.", class_="warning"))
    return join(el("dl", *(join(el("dt", name), el("dd", value)) for name, value in facts),
                   class_="facts"), *notes, topic_table(known))


def topic_table(known: Known) -> Html:
    """A line for each topic: commits, needs, and the checks whose units are topics."""
    by_topic = [name for name in check.CHECKS if (mine := known.wanted(name)) and
                all(unit.topic and unit.topic == unit.name for unit in mine)]
    series, results = topics.read(), {name: known.of(name) for name in by_topic}
    there = known.now.topics or {name: len(each.patches) for name, each in series.items()}
    rows = [[link(mails.MAILS / name, name), count,
             ", ".join(map(str, series[name].needs)) if name in series else "",
             *(status(known, results[each].get(name)) for each in by_topic)]
            for name, count in there.items()]
    origins = [origin(known, [*found.values()], f"make check ONLY={name}")
               for name, found in results.items()]
    return fold(
        join("Topics", small(some(len(there), "topic") + f", {sum(there.values())} commits" +
                             (", as in patches/series" if not known.now.topics else ""))),
        table("Topics", ["topic", "commits", "needs", *by_topic], rows,
              ["all", sum(there.values()), "", *[""] * len(by_topic)]),
        *(join(el("h3", name), each) for name, each in zip(by_topic, origins)))


def checks(known: Known) -> Html:
    """What `make check` is made of, a line each, and its units."""
    rows, folds, total = [], [], Tally()
    for name, each in check.CHECKS.items():
        there = known.of(name)
        results = [there[unit.name] for unit in known.wanted(name) if unit.name in there]
        tally = sum((result.outcome.tally for result in results), Tally())
        last = known.closed.get(name)
        tally += last.tally if last else Tally()
        total += tally
        before = sum(result.outcome.before for result in results)
        seconds = sum(result.outcome.seconds for result in results if not result.outcome.before)
        wanted = len(known.wanted(name))
        rows.append([
            join(el("a", name, href="#" + anchor("check", name)),
                 small(ticked(check.headline(each)))),
            join(of_all(len(results), wanted, tally.failed), " ", aged(known, results)),
            figure(f"{len(results)} of {wanted}"),
            *([tally.passed, tally.failed,
               figure("all") if before == len(results) else before or "",
               took(seconds)] if results else [""] * 4)])
        folds.append(units_of(known, name))
    return join(origin(known, [known.results[unit.id] for unit in known.wanted()
                               if unit.id in known.results], "make check"),
                table("The checks", ["check", "result", "units", "passed", "failed", "as before",
                                     "time"], rows, ["all", "", "", total.passed, total.failed,
                                                     "", ""]),
                gone(known), *folds)


def aged(known: Known, results: list[Result]) -> Html:
    """Return a mark if some of results are not of what is here, else nothing."""
    old = sum(known.state(result.stamp) in (OTHER, MIXED) for result in results)
    return mark(f"{old} out of date", WARN) if old else Html()


def units_of(known: Known, name: str) -> Html:
    """All units of a check that have a result, and what else there is, folded."""
    there = known.of(name)
    missing = [unit.name or name for unit in known.missing(name)]
    rows = [[code(result.unit.id), status(known, result), result.outcome.tally.passed,
             result.outcome.tally.failed, took(result.outcome.seconds),
             span([result.outcome.at]), logs(result.unit)] for result in there.values()]
    also = len(there) - (len(known.wanted(name)) - len(missing))
    more = ", ".join(filter(None, [
        f"{len(there)} ran" + (f", {also} of them not part of make check" if also else ""),
        f"{len(missing)} not run" if missing else ""]))
    return fold(join(name, small(more)),
                origin(known, [*there.values()], f"make check ONLY={name}"),
                table(f"Units of {name}", ["unit", "result", "passed", "failed", "time", "when",
                                           "logs"], rows) if rows else "",
                el("p", "Not run: ", ", ".join(missing), ".") if missing else "",
                id=anchor("check", name))


def gone(known: Known) -> Html:
    """A remark on results that stand for nothing any more."""
    if not known.gone:
        return Html()
    return el("p", f"{some(len(known.gone), 'result')} of units that are not there any more, as "
              f"{known.gone[0]}, left out.", class_="remark")

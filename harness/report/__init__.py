# SPDX-License-Identifier: GPL-2.0
"""`make report`: what the last runs left, as one page that needs nothing else."""

from __future__ import annotations

import pathlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from ..common.report import Problem, Tally
from ..common.run import BUILD
from ..boot.verdict import BLAMED
from .. import check
from . import cost, runs, suites, without
from .html import Html, code, el, join
from .known import Known, gather
from .parts import BAD, GOOD, NONE, WARN, mark, origin, short, some, when

PAGE = BUILD / "report.html"
TITLE = "iotlb-sync: the last runs"
STYLE = pathlib.Path(__file__).with_name("style.css")


@dataclass
class Section:
    """A section of the page; checks: those whose failures its place in the list tells."""
    id: str
    title: str
    make: Callable[[Known], Html]
    checks: tuple[str, ...] = ()


SECTIONS = (
    Section("failures", "Failures", runs.failures, tuple(check.CHECKS)),
    Section("composed", "What was composed", runs.composed),
    Section("checks", "Checks", runs.checks),
    Section("suites", "Suites", suites.suites, ("kunit",)),
    Section("drivers", "Drivers", suites.by_driver),
    Section("end-to-end", "End to end", suites.end_to_end),
    Section("cost", "Cost", cost.cost, ("cost",)),
    Section("history", "History", without.history, ("history", "models-history")),
    Section("mutants", "Mutants", without.mutants, ("mutants",)),
    Section("fixes", "Fixes", without.fixes, ("fixes",)),
)


def write(results: str = "") -> None:
    """Write PAGE of the last results; results: folders with them, instead of this clone's."""
    folders = [*map(pathlib.Path, results.split())] or [check.RESULTS]
    for folder in folders:
        if results and not folder.is_dir():
            raise Problem(f"{folder} is no folder with results: RESULTS= wants such as "
                          f"{check.RESULTS}, copied from the machines that ran the units")
    known = gather(folders)
    PAGE.parent.mkdir(parents=True, exist_ok=True)
    PAGE.write_text(page(known))
    total = tally(known)
    print(f"{total.passed} passed, {total.failed} failed, {len(known.missing())} of "
          f"{len(known.wanted())} units of `make check` not run: {PAGE}")


def tally(known: Known) -> Tally:
    """Return what all that ran came to."""
    return sum((each.tally for each in [*(result.outcome for result in known.results.values()),
                                        *known.closed.values()]), Tally())


def page(known: Known) -> str:
    """Return all of the page."""
    return "<!DOCTYPE html>\n" + el(
        "html", el("head", Html('<meta charset="utf-8"><meta name="viewport" '
                                'content="width=device-width, initial-scale=1">'
                                '<meta name="color-scheme" content="light dark">'),
                   el("title", TITLE), el("style", Html(STYLE.read_text()))),
        el("body", el("a", "To the results", href="#failures", class_="skip"),
           el("header", el("h1", TITLE), summary(known)),
           nav(known),
           el("main", *(section(known, each) for each in SECTIONS)),
           el("footer", el("p", "Made by ", code("make report"), " ", when(time.time()),
                           " UTC, of commit ", code(known.now.commit),
                           ". Times are in UTC."))),
        lang="en") + "\n"


def section(known: Known, each: Section) -> Html:
    """Return one section of the page."""
    return el("section", el("h2", each.title, id=f"{each.id}-title"), each.make(known),
              id=each.id, aria_labelledby=f"{each.id}-title")


def nav(known: Known) -> Html:
    """Return the list of sections, with what failed in each."""
    items = []
    for each in SECTIONS:
        failed = sum(result.failed for name in each.checks for result in known.of(name).values())
        items.append(el("li", el("a", each.title, " ", el("b", failed, class_="count")
                                 if failed else "", href=f"#{each.id}")))
    return el("nav", el("ul", *items), aria_label="Sections")


def summary(known: Known) -> Html:
    """Return what matters most: whether something failed, what was counted, when, and of what."""
    bad = sum(result.failed for result in known.results.values()) + \
        sum(bool(each.tally.failed) for each in known.closed.values())
    units = some(len(known.results), "unit")
    verdict = join(mark("not run", NONE), ": nothing yet.") if not known.results else \
        join(mark("failed", BAD), f" {bad} of {units} that ran.") if bad else \
        join(mark("passed", GOOD), f" {units}, all that ran.")
    now = known.now
    composed = join(f"Linux {now.version}, {sum(now.topics.values())} commits in "
                    f"{some(len(now.topics), 'topic')}, tree ", code(short(now.tree)), ".") \
        if now.tree else join(mark("not composed", NONE), ": ", code("make tree"),
                              " composes the kernel.")
    return join(el("p", verdict, class_="verdict"), el("dl", *cards(known, bad), class_="cards"),
                el("p", composed, class_="origin"),
                origin(known, [*known.results.values()], "make check") if known.results else "")


def cards(known: Known, bad: int) -> Iterator[Html]:
    """Yield the numbers of all; bad: how many units failed."""
    total = tally(known)
    *by, rest = suites.skips(suites.suites_of(known, known.of("kunit")))
    shown = [("passed", total.passed, "", GOOD),
             ("failed", total.failed, f"in {some(bad, 'unit')}" if bad else "", BAD),
             *((f"skipped: {who}", count, f"the {who} lacks it", NONE)
               for who, count in zip(BLAMED, by)),
             *([("skipped", rest, "no reason given", NONE)] if rest else []),
             ("not run", len(known.missing()), f"of {len(known.wanted())} units of make check",
              WARN)]
    for name, count, more, kind in shown:
        yield el("div", el("dt", name), el("dd", count, el("small", more)),
                 class_=f"card {kind if count else NONE}")

# SPDX-License-Identifier: GPL-2.0
"""The sections on kernels that lack something, or have something broken, so that tests fail."""

from __future__ import annotations

import collections
from dataclasses import dataclass

from ..kernel import neighbours, topics
from ..boot import drivers, jobs
from ..checks import fixes as mended, history as kernels, mutants as broken
from .html import Html, anchor, code, el, figure, fold, join, small, table, ticked
from .known import Known, Result
from .parts import NONE, mark, origin, some, status, sums, worst_first


def history(known: Known) -> Html:
    """Which kernels corrupt memory, in QEMU and on models."""
    there = known.of("history")
    lines: list[list[object]] = []
    known_jobs = jobs.load()
    for name, row, mine in kernels.load().units():
        if name in there and there[name].outcome.data:
            lines += [[kernel, iommu, figure(corrupt), called, warned, status(known, there[name])]
                      for kernel, iommu, corrupt, called, warned in there[name].outcome.data]
        else:
            lines.append([name, ", ".join(known_jobs[job].iommu for job in mine), "", "", "",
                          status(known, there.get(name))])
    return join(origin(known, [*there.values()], "make history"), table(
        "In QEMU", ["kernel", "IOMMU", "cases that corrupt memory", "sync of an empty gather",
                    "warned about", "as expected"], lines), models(known))


def models(known: Known) -> Html:
    """The same of drivers on models."""
    there = known.of("models-history")
    names = [row.kernel for row in kernels.load().model]
    cells = {name: there[name].outcome.data or {} for name in there}
    return join(
        el("h3", "On models"), origin(known, [*there.values()], "make models-history"), table(
            "Cases that fail, by kernel", ["driver", "class", *names],
            [[driver.name, driver.kind, *(figure(cells.get(name, {}).get(driver.name, ""))
                                          for name in names)]
             for driver in drivers.load() if driver.suites],
            ["as expected", "", *(status(known, there.get(name)) for name in names)]))


# What may have come of a mutant, as words to count it by; the worst first.
FATES = "failed", "not run", broken.KILLED, broken.SPARED


@dataclass
class Fate:
    """What came of mutant: one of FATES, how that is shown, and more words on it."""
    mutant: broken.Mutant
    word: str
    shown: Html
    more: str


def fate(known: Known, mutant: broken.Mutant, result: Result | None) -> Fate:
    """Return what came of mutant, of which result tells."""
    if not result:
        return Fate(mutant, "not run", status(known, None), mutant.survives)
    data = result.outcome.data or {"state": "", "cell": ""}     # where nothing could be built
    word = data["state"] if data["state"] in (broken.KILLED, broken.SPARED) else "failed"
    return Fate(mutant, word, status(known, result, word),
                mutant.survives if word == broken.SPARED else data["cell"])


def mutants(known: Known) -> Html:
    """What was broken on purpose, by area."""
    there = known.of("mutants")
    areas: dict[str, list[Fate]] = {}
    for mutant in broken.load():
        areas.setdefault(mutant.name.partition(":")[0], []).append(
            fate(known, mutant, there.get(mutant.name)))
    rows: list[list[object]] = []
    for area, fates in areas.items():
        fates.sort(key=lambda each: FATES.index(each.word))
        count = collections.Counter(each.word for each in fates)
        rows.append([el("a", area, href="#" + anchor("mutants", area)), len(fates),
                     *(count[word] for word in FATES)])
    spared = [each for fates in areas.values() for each in fates if each.mutant.survives]
    return join(
        origin(known, [*there.values()], "make mutants"),
        table("By area", ["area", "mutants", *FATES], worst_first(rows, 2), sums(rows)),
        el("p", "Killed: a case failed or the kernel crashed, as it must. Spared: it survives, "
           "and there is a reason.", class_="origin"),
        fold(join("May survive", small(some(len(spared), "mutant") + ", and why")), table(
            "May survive", ["mutant", "result", "why no test can notice"],
            [[each.mutant.name, each.shown, ticked(each.mutant.survives)] for each in spared])),
        *(fold(join(area, small(some(len(fates), "mutant"))), table(
            f"Mutants of {area}", ["mutant", "result", "killed by, or why it may survive"],
            [[each.mutant.name.partition(": ")[2], each.shown, ticked(each.more)]
             for each in fates]), id=anchor("mutants", area)) for area, fates in areas.items()))


def fixes(known: Known) -> Html:
    """What is mended on the way, by driver."""
    there, listed, others = known.of("fixes"), topics.read(), neighbours.load()
    by_patch = {each.patch: each for each in mended.load()}
    mended.paths([*by_patch.values()], listed)  # or say what has no table, and the reverse
    drivers_of = {topic: {patch: by_patch[topics.slug(patch)] for patch in listed[topic].patches}
                  for topic in topics.chosen(listed, [mended.TOPICS])}
    rows: list[list[object]] = []
    for topic, those in drivers_of.items():
        ran = [there[fix.patch] for fix in those.values() if fix.cases and fix.patch in there]
        failed, untested = sum(each.failed for each in ran), sum(bool(fix.no_test)
                                                                 for fix in those.values())
        rows.append([el("a", topic.partition("/")[2], href="#" + anchor(topic)), len(those),
                     failed, len(those) - len(ran) - untested, len(ran) - failed, untested])
    return join(
        origin(known, [*there.values()], "make fixes"),
        table("Each fix left out in turn", ["driver", "fixes", "no test fails", "not run",
                                            "tests fail", "has no test"],
              worst_first(rows, 2), sums(rows)),
        *(fold(join(topic.partition("/")[2], small(some(len(those), "fix", "fixes"))),
               fix_table(known, topic, those, others), id=anchor(topic))
          for topic, those in drivers_of.items()))


def fix_table(known: Known, topic: str, those: dict[str, mended.Fix],
              others: list[neighbours.Neighbour]) -> Html:
    """The fixes of a topic, by their patches; others: releases that may have what they mend."""
    there = known.of("fixes")
    return table(
        f"Fixes of {topic.partition('/')[2]}",
        ["fix", "left out", "what a user sees without it", "where", "tests",
         *(f"in {each.release}" for each in others)],
        [[f"{patch[:2]} {fix.patch.replace('-', ' ')}",
          mark("no test", NONE) if fix.no_test else
          status(known, there.get(fix.patch), "tests fail"), ticked(fix.sees), ticked(fix.where),
          ticked(fix.no_test) or join(*(join(code(case), " ") for case in fix.cases)),
          *(ticked(mended.older(fix, f"{topic}/{fix.patch}", each)) for each in others)]
         for patch, fix in those.items()])

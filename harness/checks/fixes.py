# SPDX-License-Identifier: GPL-2.0
"""Without a fix its tests fail; this is a sample, `make fixes` runs all."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from ..common import markdown, tables
from ..common.report import Problem, Stage, Tally, table
from ..common.run import ROOT, git
from ..common.units import Outcome, Unit
from ..kernel import neighbours, patches, topics, variants
from ..kernel.compose import Composed
from ..boot import jobs, kunit, verdict
from . import models_history, mutants

TABLE = ROOT / "harness" / "checks" / "fixes.toml"
TOPICS = "fixes/*"
# The page of all fixes.
PAGE = ROOT / "patches" / "fixes" / "README.md"

# Seconds that a case may take.
TIMEOUT = 40


@dataclass
class Fix:
    """One table of fixes.toml."""
    patch: str
    job: str = ""
    cases: list[str] = field(default_factory=list)
    hangs: bool = False
    series: bool = False
    file: str = ""
    old: str = ""
    new: str = ""
    no_test: str = ""
    check: bool = False
    sees: str = ""
    where: str = ""
    has: list[str] = field(default_factory=list)


def load(path: pathlib.Path = TABLE) -> list[Fix]:
    """Return the tables of path; raises Problem if one is wrong."""
    fixes = tables.load(path, lambda known: [Fix(**each) for each in known["fix"]])
    for fix in fixes:
        if bool(fix.cases) == bool(fix.no_test) or bool(fix.cases) != bool(fix.job):
            raise Problem(f"{path}: {fix.patch} needs a job and cases, or no_test")
        if not fix.sees or not fix.where:
            raise Problem(f"{path}: {fix.patch} needs sees and where, for the page of fixes")
    return fixes


def paths(fixes: list[Fix], known: dict[str, topics.Topic]) -> dict[str, pathlib.Path]:
    """Return the file of each fix, by the name of its patch.

    Raises Problem unless each patch of those topics known that TOPICS matches has one.
    """
    there = {topics.slug(patch): topics.path_of(name, patch)
             for name in topics.chosen(known, [TOPICS]) for patch in known[name].patches}
    named = {fix.patch for fix in fixes}
    wrong = [f"{name} is in patches/{TOPICS} but not in {TABLE}"
             for name in sorted(there.keys() - named)] + \
            [f"{name} is in {TABLE} but not in patches/{TOPICS}"
             for name in sorted(named - there.keys())]
    if wrong:
        raise Problem("\n".join(wrong))
    return there


def job_of(fix: Fix, known: dict[str, jobs.Job] | None = None) -> jobs.Job:
    """Return the job of those known that runs the cases of fix, on a kernel of its own."""
    known = known or jobs.load()
    if fix.job not in known:
        raise Problem(f"{TABLE}: {fix.patch}: no job is called {fix.job}")
    job = known[fix.job]
    if fix.series:
        kernel = dataclasses.replace(job.kernel, top=variants.TOP)
    elif job.kernel.arch == "um":
        kernel = models_history.kernel_of(job)
    else:
        kernel = dataclasses.replace(
            job.kernel, name=f"{job.kernel.name}-fixes", top=variants.TOP,
            kunitconfig=[f"drivers/iommu/tests/e2e/e2e-{job.kernel.arch}.kunitconfig"])
    return dataclasses.replace(job, kernel=kernel)


def build(job: jobs.Job) -> None:
    """Build job's kernel; raises Problem if it does not."""
    if not kunit.build(variants.TREE, job.kernel):
        raise Problem(f"the kernel {job.kernel.name} does not build")


def run_cases(cases: Iterable[str], job: jobs.Job) -> dict[str, tuple[str, str]]:
    """Run cases on job's kernel, each by itself, as any may crash it.

    Return for each one of mutants' states, and words on it; a case that passes, or is
    skipped in the end, is SURVIVED.
    """
    found = {}
    for case in cases:
        state, words, ran = mutants.start(
            variants.TREE, dataclasses.replace(job, filter=case, timeout=TIMEOUT), "fixes")
        if state != mutants.KILLED and verdict.dirt(ran.console):
            state, words = mutants.KILLED, "the kernel log"
        if state == mutants.SURVIVED and not (ran.report and case in verdict.cases(ran.report)):
            state, words = mutants.UNFIT, "there is no such case"
        found[case] = state, words
    return found


def prepare(composed: Composed, fixes: list[Fix]) -> jobs.Job:
    """Make TREE Linux with all fixes, or the series if fixes need that.

    Return the job that they have in common, built.  Raises Problem if one of their cases
    fails.
    """
    series = fixes[0].series
    variants.checkout(composed, ["*"] if series else variants.MODELS)
    job = job_of(fixes[0])
    build(job)
    cases = sorted({case for fix in fixes for case in fix.cases})
    wrong = [f"{case} {state}: {words}" for case, (state, words) in run_cases(cases, job).items()
             if state != mutants.SURVIVED]
    if wrong:
        raise Problem("with all fixes, these must pass:\n" + "\n".join(wrong))
    return job


def undo(fix: Fix, path: pathlib.Path) -> Callable[[], object]:
    """Take fix, of the patch path, out of TREE; return what puts it back."""
    if fix.file:
        source = variants.TREE / fix.file
        text = source.read_text()
        edit = mutants.Mutant(fix.patch, fix.file, fix.old, fix.new, "")
        without = edit.apply(text)
        if without is None:
            raise Problem(f"{TABLE}: {fix.patch}: old is in {fix.file} {text.count(fix.old)} times")
        source.write_text(without)
        return lambda: source.write_text(text)
    diff = patches.read(path).diff.decode(errors="surrogateescape")
    git(variants.TREE, "apply", "-R", "-", stdin=diff)
    return lambda: git(variants.TREE, "apply", "-", stdin=diff)


def leave_out(fix: Fix, job: jobs.Job, path: pathlib.Path) -> tuple[str, bool]:
    """Run fix with job on TREE, as prepare() left it, without its patch path.

    Return a cell of the table, and whether all of its cases failed.
    """
    restore = undo(fix, path)
    try:
        done = kunit.remake(variants.TREE, job.kernel)
        if done.returncode:
            raise Problem(f"the kernel {job.kernel.name} does not build without {fix.patch}:\n  " +
                          "\n  ".join(done.stdout.splitlines()[-8:]))
        found = run_cases(fix.cases, job)
    finally:
        restore()
    wanted = mutants.HUNG if fix.hangs else mutants.KILLED
    words = [case if state == wanted else f"NOT {case}, which {state} {more}".rstrip()
             for case, (state, more) in found.items()]
    return ", ".join(words), all(state == wanted for state, _ in found.values())


def units() -> list[Unit]:
    """A fix each; `make check` has those marked `check`."""
    known = jobs.load()
    return [Unit("fixes", fix.patch, job_of(fix, known).kernel.name if fix.job else "",
                 kunit.tools_of(known[fix.job].kernel) if fix.job else (), fix.check,
                 inputs=("parts", "tools"), parts=("*",) if fix.series else tuple(variants.MODELS))
            for fix in load()]


def run(composed: Composed, names: list[str]) -> Iterator[tuple[str, Outcome]]:
    """Leave out each of the fixes called names, one at a time."""
    fixes = load()
    where = paths(fixes, topics.read())
    chosen = [fix for fix in fixes if fix.patch in names]
    for fix in chosen:
        if fix.no_test:
            yield fix.patch, Outcome(Tally(1), [], f"none: {fix.no_test}")
    stage = Stage("fixes left out", sum(bool(fix.job) for fix in chosen))
    for key in sorted({(fix.job, fix.series) for fix in chosen if fix.job}):
        group = [fix for fix in chosen if (fix.job, fix.series) == key]
        job = prepare(composed, group)
        for fix in group:
            stage.step(fix.patch)
            cell, good = leave_out(fix, job, where[fix.patch])
            yield fix.patch, Outcome(Tally(int(good), int(not good)),
                                     [] if good else [f"{fix.patch}: {cell}"], cell)
    stage.done()


def page_table(others: list[neighbours.Neighbour]) -> markdown.Table:
    """Return the table of PAGE, where others are the older releases."""
    return markdown.Table("fixes", PAGE, ["fix", "what a user sees without it", "where", "test",
                                          *(f"in {each.release}?" for each in others)])


def lines(fixes: list[Fix], known: dict[str, topics.Topic],
          others: list[neighbours.Neighbour]) -> list[list[object]]:
    """Return the rows of the page for fixes, which paths() finds in the topics known."""
    rows: list[list[object]] = []
    by_name = {fix.patch: fix for fix in fixes}
    for topic in topics.chosen(known, [TOPICS]):
        for patch in known[topic].patches:
            fix = by_name[topics.slug(patch)]
            rows.append([f"{topic.partition('/')[2]} {patch[:2]}", fix.sees, fix.where,
                         ", ".join(f"`{case}`" for case in fix.cases) or f"none: {fix.no_test}",
                         *(older(fix, f"{topic}/{fix.patch}", each) for each in others)])
    return rows


def older(fix: Fix, name: str, each: neighbours.Neighbour) -> str:
    """Return whether the release each has the defect, and takes the patch name of fix."""
    if each.release not in fix.has:
        return "no"
    return f"yes, but the patch does not apply: {each.unfit[name]}" if name in each.unfit else \
        "yes, and the patch applies"


def close(outcomes: dict[str, Outcome]) -> Outcome:
    """Print the table, and compare PAGE."""
    rows = [[name, each.data] for name, each in outcomes.items() if each.data]
    if rows:
        print()
        table(["without this fix", "these fail"], rows)
    others = neighbours.load()
    return page_table(others).compared(lines(load(), topics.read(), others))

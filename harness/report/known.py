# SPDX-License-Identifier: GPL-2.0
"""What there is to report: the kernel that is composed now, and the results of the last runs."""

from __future__ import annotations

import contextlib
import functools
import io
import pathlib
from collections.abc import Iterable
from dataclasses import dataclass, field

from ..common import units
from ..common.report import Problem, Tally
from ..common.run import git
from ..common.units import Outcome, Unit
from ..kernel import tree
from ..boot import inputs
from .. import check

# Of what a result is: of what is here now, of the same kernel with other files of this
# repository, of another kernel, of nobody knows what.
HERE, SAME, OTHER, MIXED = "here", "same", "other", "mixed"


@dataclass
class Now:
    """What is here: the kernel in build/linux, "" if there is none, and this repository.

    topics: the number of commits of each; only: the topic it was composed for; moved: it holds
    commits that came later.
    """
    repository: str
    commit: str
    version: str = ""
    tree: str = ""
    end: str = ""
    topics: dict[str, int] = field(default_factory=dict)
    only: str | None = None
    moved: bool = False


def now(where: pathlib.Path = tree.TREE) -> Now:
    """Return what is here, with the kernel in where."""
    found = Now(inputs.repository(), inputs.commit())
    note = tree.note(where)
    if note["refs"]:
        found.topics = {each["name"]: len(each["commits"]) for each in note["topics"]}
        found.end = [*note["refs"].values()][-1]
        found.tree = git(where, "rev-parse", f"{found.end}^{{tree}}").strip()
        found.version = tree.release(where)
        found.only = note["only"]
        found.moved = tree.heads(where) != note["refs"]
    return found


@dataclass
class Result:
    """The last result of a unit: of what it is, and what came of it."""
    unit: Unit
    stamp: dict[str, object]
    outcome: Outcome
    path: pathlib.Path

    @property
    def failed(self) -> bool:
        """Whether it did not pass."""
        return bool(self.outcome.tally.failed)


@dataclass
class Known:
    """The units there are, and results by their ids; gone: ids of results whose units are not
    there any more."""
    now: Now
    units: list[Unit]
    results: dict[str, Result] = field(default_factory=dict)
    gone: list[str] = field(default_factory=list)

    def of(self, name: str) -> dict[str, Result]:
        """Return the results of the check name, by the names of their units."""
        return {unit.name: self.results[unit.id] for unit in self.units
                if unit.check == name and unit.id in self.results}

    def wanted(self, name: str = "") -> list[Unit]:
        """Return the units of `make check`, of all checks or that one."""
        return [unit for unit in self.units if unit.sample and name in ("", unit.check)]

    def missing(self, name: str = "") -> list[Unit]:
        """Return those of wanted() that have no result."""
        return [unit for unit in self.wanted(name) if unit.id not in self.results]

    def state(self, stamp: dict[str, object]) -> str:
        """Return of what a result with stamp is."""
        if not stamp.get("repository"):
            return MIXED
        if self.now.tree and stamp.get("tree", self.now.tree) != self.now.tree:
            return OTHER
        if stamp["repository"] == self.now.repository:
            return HERE
        return SAME if self.now.tree and "tree" in stamp else OTHER

    @functools.cached_property
    def closed(self) -> dict[str, Outcome]:
        """Return what checks have to say of all their units, where all are of what is here."""
        found = {}
        for name, each in check.CHECKS.items():
            mine = {unit.name: self.results[unit.id] for unit in self.wanted(name)
                    if unit.id in self.results and
                    self.state(self.results[unit.id].stamp) == HERE}
            if len(mine) == len(self.wanted(name)):
                outcomes = {unit: result.outcome for unit, result in mine.items()}
                try:
                    with contextlib.redirect_stdout(io.StringIO()):
                        found[name] = units.close(each, outcomes)
                except Problem as problem:
                    found[name] = Outcome(Tally(0, 1), [str(problem)])
        return found


def gather(folders: Iterable[pathlib.Path], where: pathlib.Path = tree.TREE) -> Known:
    """Return what is known of results in folders, the newest of each unit."""
    found = Known(now(where), check.all_units(False))
    ids = {unit.id: unit for unit in found.units}
    for path in sorted(path for folder in folders for path in folder.glob("*.json")):
        id, stamp, outcome = check.read(path)
        if id not in ids:
            found.gone.append(id)
        elif id not in found.results or outcome.at > found.results[id].outcome.at:
            found.results[id] = Result(ids[id], stamp, outcome, path)
    return found

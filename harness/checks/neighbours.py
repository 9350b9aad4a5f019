# SPDX-License-Identifier: GPL-2.0
"""Patches apply to other releases of Linux, or not, as neighbours.toml and the page say."""

from __future__ import annotations

import pathlib
import re
import tempfile
from collections.abc import Iterator

from ..common import markdown
from ..common.report import Tally
from ..common.run import CACHE, ROOT
from ..common.units import Outcome, Unit
from ..kernel import neighbours, topics
from ..kernel.archive import Archive, Missing
from ..kernel.commits import Unfit
from ..kernel.neighbours import Neighbour

# So many reasons are left to the page of their topics.
MANY = 10
TABLE = markdown.Table("releases", markdown.PAGES / "releases.md",
                       ["Linux", "topic", "commits", "apply", "do not apply, and why"])


def units() -> list[Unit]:
    """A release each."""
    return [Unit("neighbours", each.release, tools=("keyring",), inputs=("patches", "neighbours"))
            for each in neighbours.load()]


def name(path: pathlib.Path, root: pathlib.Path = ROOT) -> str:
    """Return the topic and the name of the patch path, without number and ending."""
    return f"{neighbours.place(path, root)[0]}/{topics.slug(path.name)}"


def compare(each: Neighbour, unfit: list[Unfit], known: dict[str, topics.Topic],
            root: pathlib.Path = ROOT) -> list[str]:
    """Return what is not as each says, if unfit do not apply; known: all topics."""
    found = {name(patch.path, root): patch for patch in unfit}
    names = {f"{topic}/{topics.slug(patch)}" for topic in known for patch in known[topic].patches}
    wrong = []
    for patch in sorted(found.keys() - each.unfit.keys()):
        wrong.append("\n    ".join([f"{patch} does not apply to {each.release}:",
                                    *neighbours.where(found[patch])]))
    for patch in sorted(each.unfit.keys() - found.keys()):
        table = neighbours.TABLE.name
        wrong.append(f"{patch} applies to {each.release}, {table} says that it does not"
                     if patch in names else f"{patch} is not a patch, but {table} names it")
    return wrong


def rows(each: Neighbour, known: dict[str, topics.Topic]) -> list[list[object]]:
    """Return the rows of TABLE for each.

    known: all topics; those in a folder of patches/ share a line.
    """
    groups: dict[str, list[str]] = {}
    for topic in topics.chosen(known, each.topics):
        groups.setdefault(re.sub("/.*", "/*", topic), []).append(topic)
    lines: list[list[object]] = []
    for group, names in groups.items():
        reasons = []
        for topic in names:
            for patch in known[topic].patches:
                key = f"{topic}/{topics.slug(patch)}"
                if key in each.unfit:
                    short = topic.rpartition("/")[2] + " " if group != topic else ""
                    reasons.append(f"`{short}{patch[:2]}`: {each.unfit[key]}")
        count = sum(len(known[topic].patches) for topic in names)
        lines.append([each.release, group, count, count - len(reasons),
                      "; ".join(reasons) if len(reasons) < MANY else
                      f"[see there](../../patches/{group.partition('/')[0]}/README.md)"])
    return lines


def run(_composed: object, names: list[str], path: pathlib.Path = neighbours.TABLE,
        root: pathlib.Path = ROOT, cache: pathlib.Path = CACHE,
        archive: type[Archive] = Archive) -> Iterator[tuple[str, Outcome]]:
    """Try the patches on the packages of the releases names.

    Of a package that Debian offers no longer this says so, and counts nothing.
    """
    known = topics.read(root)
    for each in neighbours.load(path):
        if each.release not in names:
            continue
        parts = topics.chosen(known, each.topics)
        with tempfile.TemporaryDirectory() as scratch:
            try:
                base = neighbours.package(each, pathlib.Path(scratch), root, cache, archive)
            except Missing as problem:
                print(f"  not checked: {each.release}, {problem}", flush=True)
                yield each.release, Outcome(Tally())
                continue
            unfit = neighbours.survey(base, parts, root)
        wrong = compare(each, unfit, known, root)
        yield each.release, Outcome(
            Tally(neighbours.total(parts) - len(wrong), len(wrong)), wrong)


def close(_outcomes: dict[str, Outcome], path: pathlib.Path = neighbours.TABLE,
          root: pathlib.Path = ROOT) -> Outcome:
    """Compare TABLE with what neighbours.toml says."""
    known = topics.read(root)
    return TABLE.compared([line for each in neighbours.load(path) for line in rows(each, known)])

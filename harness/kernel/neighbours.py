# SPDX-License-Identifier: GPL-2.0
"""Other releases of Linux: do the patches apply there, and if not, which and where?

A patch applies if `git am` of its mail would do it: each hunk finds all of its
lines, there or further up or down; nothing is merged.  Whether the result builds
is not asked.
"""

from __future__ import annotations

import pathlib
import re
from dataclasses import dataclass, field

from ..common import tables
from ..common.report import Problem, Stage
from ..common.run import BUILD, CACHE, ROOT
from . import compose, patches, source, topics
from .archive import Archive, Known, fetched, lock, record
from .commits import Commits, Unfit

TABLE = ROOT / "harness" / "kernel" / "neighbours.toml"
TOP = BUILD / "neighbour"
TREE = TOP / "linux"


@dataclass
class Neighbour:
    """One table of neighbours.toml."""
    release: str
    suite: str
    topics: list[str] = field(default_factory=lambda: ["*"])
    unfit: dict[str, str] = field(default_factory=dict)

    @property
    def package(self) -> str:
        """What Debian calls its source."""
        return "linux-source-" + self.release


def load(path: pathlib.Path = TABLE) -> list[Neighbour]:
    """Return the tables of path; raises Problem if one is wrong."""
    return tables.load(path, lambda known: [Neighbour(**each) for each in known["neighbour"]])


# --- a tree of the user's

def wanted(only: str | None = None, root: pathlib.Path = ROOT) -> topics.Parts:
    """Return the topic only and what it needs, or all topics."""
    known = topics.read(root)
    return topics.alone(known, only) if only else topics.all_of(known)


def survey(base: source.Base, parts: topics.Parts, root: pathlib.Path = ROOT) -> list[Unfit]:
    """Return the patches of parts that do not apply to base.

    Those are left out, and the others tried on.  Nothing is kept, and nothing is
    checked out.
    """
    found: list[Unfit] = []
    stage = Stage(f"try {total(parts)} commits on Linux {base.version}")
    with Commits(base, root, who=patches.PROJECT) as commits:
        commits.make(parts, found.append)
    stage.done(f"{total(parts) - len(found)} apply")
    return found


def tree(base: source.Base, only: str | None = None, root: pathlib.Path = ROOT,
         where: pathlib.Path = TREE) -> compose.Composed:
    """As compose.compose(), on a base of another release, in a tree of its own.

    Raises Problem, which names the first patch that does not apply, before anything is
    made.
    """
    parts = wanted(only, root)
    unfit = survey(base, parts, root)
    if unfit:
        raise Problem(describe(base, unfit, parts, root))
    return compose.compose(root, where, base, only)


def mails(base: source.Base) -> pathlib.Path:
    """Return where the mails for base go, beside those for the patches' own release."""
    return TOP / base.version


def total(parts: topics.Parts) -> int:
    """Return how many patches parts have."""
    return sum(parts.values())


def describe(base: source.Base, unfit: list[Unfit], parts: topics.Parts,
             root: pathlib.Path = ROOT) -> str:
    """Return which patch is the first that does not apply, where, and what else.

    unfit: at least one; parts: what was tried.
    """
    first, *others = unfit
    topic, count = place(first.path, root)
    earlier = list(parts)[:list(parts).index(topic)]
    applied = [f"{each} {parts[each]} of {parts[each]}" for each in earlier]
    text = [f"the patches do not all apply to Linux {base.version}, {base.origin}; the first "
            "that does not:", f"  {first.path.relative_to(root)}",
            f"  {patches.read(first.path).subject}", *(f"    {line}" for line in where(first)),
            "Those before it apply: " + ", ".join(applied + [f"{topic} {count} of {parts[topic]}"])]
    if others:
        text += [f"Without it, {total(parts) - len(unfit)} of {total(parts)} apply; these "
                 "do not either:",
                 *(f"  {each.path.relative_to(root)}" for each in others)]
    text.append("Nothing was made or changed; the patches stay those for "
                f"{source.RELEASE}. Port them in a tree of your own, or take a topic that needs "
                "none of them:\n  make series TOPIC=... KDIR=...")
    return "\n".join(text)


def place(path: pathlib.Path, root: pathlib.Path = ROOT) -> tuple[str, int]:
    """Return the topic of the patch path, and how many come before it there."""
    topic = str(path.parent.relative_to(root / "patches"))
    return topic, list(topics.read(root)[topic].patches).index(path.name)


def where(unfit: Unfit) -> list[str]:
    """Return each file of unfit that does not fit, and its hunk.

    git names the first such hunk of a file.
    """
    files = re.split(rb"^diff --git a/(.*) b/\1$", unfit.mail, flags=re.M)
    hunks = {path.decode(errors="replace"): re.findall(r"^@@ .*$", text.decode(errors="replace"),
                                                       re.M)
             for path, text in zip(files[1::2], files[2::2])}
    lines = []
    for word in unfit.words.splitlines():
        failed = re.fullmatch(r"error: patch failed: (.*):(\d+)", word)
        if failed:
            path, place = failed.groups()
            heads = hunks.get(path, [])
            lines += [f"{path}: hunk {number} of {len(heads)}, {head}"
                      for number, head in enumerate(heads, 1)
                      if re.match(rf"@@ -{place}\b", head)] or [f"{path}:{place}"]
        elif not word.endswith(": patch does not apply"):
            lines.append(word.removeprefix("error: "))
    return lines


# --- Debian's packages

def package(each: Neighbour, repo: pathlib.Path, root: pathlib.Path = ROOT,
            cache: pathlib.Path = CACHE, archive: type[Archive] = Archive) -> source.Base:
    """Return the base of each: just the files that the patches touch.

    It is made in repo; the package is kept in cache, in a directory of its own.
    Raises Problem, Missing if not offered.
    """
    top = cache / each.package
    with lock(top):
        known = _fetch(each, top, archive, False)
        stage = Stage(f"read {each.package} {known['version']}")
        commit = source.imported(top / known["file"], repo, "neighbour", each.package,
                                 patches.touched(root) | {"Makefile"})
        stage.done()
    return source.Base(repo, commit, source.version_at(repo, commit),
                       f"Debian {each.package} {known['version']}")


def update(each: Neighbour, cache: pathlib.Path = CACHE,
           archive: type[Archive] = Archive) -> str:
    """Fetch the newest package of each to cache; return its version."""
    with lock(cache / each.package):
        return _fetch(each, cache / each.package, archive, True)["version"]


def _fetch(each: Neighbour, top: pathlib.Path, archive: type[Archive], newer: bool) -> Known:
    known = fetched(top, each.package, each.suite, archive, newer)
    record(top, known)
    return known

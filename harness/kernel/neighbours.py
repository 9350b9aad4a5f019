# SPDX-License-Identifier: GPL-2.0
"""Other releases of Linux: do the patches apply there, and if not, which and where?

A patch applies if `git am` of its mail would do it: each hunk finds all of its
lines, there or further up or down; nothing is merged.  Whether the result builds
is not asked.
"""

import re
from dataclasses import dataclass, field

from ..common import tables
from . import compose, patches, source, topics
from .archive import Archive, fetched, keep, lock
from .commits import Commits
from ..common.report import Problem, Stage
from ..common.run import BUILD, CACHE, ROOT, git

HERE = ROOT / "harness" / "kernel" / "neighbours.toml"
TOP = BUILD / "neighbour"
TREE = TOP / "linux"


@dataclass
class Neighbour:
    """One table of neighbours.toml."""
    release: str
    suite: str
    unfit: dict = field(default_factory=dict)

    @property
    def package(self):
        """str, what Debian calls its source."""
        return "linux-source-" + self.release


def load(path=HERE):
    """Return the list of Neighbour of path; Problem if a table is wrong."""
    return tables.load(path, lambda known: [Neighbour(**each) for each in known["neighbour"]])


# --- a tree of the user's

def wanted(only=None, root=ROOT):
    """-> topics.Parts: the topic only (str) and what it needs, or all of them."""
    known = topics.read(root)[1]
    return topics.alone(known, only) if only else topics.all_of(known)


def survey(base, parts, root=ROOT):
    """-> patches (list of commits.Unfit) of parts that do not apply to base (source.Base).

    Those are left out, and the others tried on.  Nothing is kept, and nothing is
    checked out.
    """
    found = []
    stage = Stage(f"try {total(parts)} commits on Linux {base.version}")
    with Commits(base, root, who=patches.PROJECT) as commits:
        commits.make(parts, found.append)
    stage.done(f"{total(parts) - len(found)} apply")
    return found


def tree(base, only=None, root=ROOT, where=TREE):
    """As compose.compose(), on a base of another release -> compose.Composed.

    That is in a tree of its own.  Raises Problem, which names the first patch that
    does not apply, before anything is made.
    """
    parts = wanted(only, root)
    unfit = survey(base, parts, root)
    if unfit:
        raise Problem(describe(base, unfit, parts, root))
    return compose.compose(root, where, base, only)


def mails(base):
    """-> path where the mails for base go, beside those for the patches' own release."""
    return TOP / base.version


def total(parts):
    """-> int, the patches of parts (topics.Parts)."""
    return sum(parts.values())


def describe(base, unfit, parts, root=ROOT):
    """-> str: which patch is the first that does not apply, where, and what else.

    unfit: list of commits.Unfit, not empty; parts: what was tried.
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


def place(path, root=ROOT):
    """path: of a patch -> (str, its topic; int, how many come before it there)."""
    topic = str(path.parent.relative_to(root / "patches"))
    return topic, list(topics.read(root)[1][topic].patches).index(path.name)


def where(unfit):
    """-> list of str: each file of unfit (commits.Unfit) that does not fit, and its hunk.

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

def package(each, repo, root=ROOT, cache=CACHE, archive=Archive):
    """-> source.Base of each (Neighbour): just the files that the patches touch.

    It is made in repo (path); the package is kept in cache (path), in a directory of
    its own.  archive: class as Archive.  Raises Problem, Missing if not offered.
    """
    top = cache / each.package
    with lock(top):
        known = _fetch(each, top, archive, False)
        stage = Stage(f"read {each.package} {known['version']}")
        commit = source.imported(top / known["file"], repo, "neighbour", each.package,
                                 patches.touched(root) | {"Makefile"})
        stage.done()
    return source.Base(repo, commit, source.version(git(repo, "show", f"{commit}:Makefile")),
                       f"Debian {each.package} {known['version']}")


def update(each, cache=CACHE, archive=Archive):
    """Fetch the newest package of each (Neighbour) to cache (path) -> its version (str)."""
    with lock(cache / each.package):
        return _fetch(each, cache / each.package, archive, True)["version"]


def _fetch(each, top, archive, newer):
    known = fetched(top, each.package, each.suite, archive, newer)
    keep(top, known)
    return known

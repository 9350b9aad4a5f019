# SPDX-License-Identifier: GPL-2.0
"""Other releases of Linux: do the patches apply there, and if not, which and where?

A patch applies if `git am` of its mail would do it: each hunk finds all of its
lines, there or further up or down; nothing is merged.  Whether the result builds
is not asked.
"""

import pathlib
import re
import tempfile
import tomllib
from dataclasses import dataclass, field

from . import drivers, series, source
from .archive import Archive, Missing, fetched, keep, lock
from .patches import needed, read_patch, touched
from .report import Problem, Stage
from .run import BUILD, CACHE, ROOT, git

HERE = ROOT / "harness" / "neighbours.toml"
TOP = BUILD / "neighbour"
TREE = TOP / "linux"
TABLE = BUILD / "neighbours.md"
HEAD = ["Linux", "topic", "commits", "apply", "do not apply, and why"]


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
    with open(path, "rb") as file:
        tables = tomllib.load(file)
    try:
        return [Neighbour(**table) for table in tables["neighbour"]]
    except (TypeError, KeyError) as error:
        raise Problem(f"{path} has a bad table: {error}") from None


# --- a tree of the user's

def survey(base, only=None, root=ROOT):
    """-> patches (list of series.Unfit) that do not apply to base (source.Base).

    Those are left out, and the others tried on.  only: str, the last topic to try.
    Nothing is kept, and nothing is checked out.
    """
    found = []
    wanted = needed(only, root)
    stage = Stage(f"try {total(wanted)} commits on Linux {base.version}")
    with tempfile.TemporaryDirectory() as scratch:
        tree = pathlib.Path(scratch, "linux")
        series.borrow(tree, base.repo)
        series.commits(root, tree, base, series.NOBODY, wanted, found.append)
    stage.done(f"{total(wanted) - len(found)} apply")
    return found


def compose(base, only=None, root=ROOT, tree=TREE):
    """As series.compose(), on a base of another release -> series.Composed.

    That is in a tree of its own.  Raises Problem, which names the first patch that
    does not apply, before anything is made.
    """
    unfit = survey(base, only, root)
    if unfit:
        raise Problem(describe(base, unfit, needed(only, root)))
    return series.compose(root, tree, base, only)


def mails(base):
    """-> path where the mails for base go, beside those for the patches' own release."""
    return TOP / base.version


def total(wanted):
    """wanted: dict as of patches.needed() -> int, its patches."""
    return sum(map(len, wanted.values()))


def describe(base, unfit, wanted):
    """-> str: which patch is the first that does not apply, where, and what else.

    unfit: list of series.Unfit, not empty; wanted: dict as of patches.needed().
    """
    first, *others = unfit
    topic, patch = first.path.parent.name, first.path.name
    earlier = list(wanted)[:list(wanted).index(topic)]
    count = list(wanted[topic]).index(patch)
    subject = read_patch(first.path)[0].decode(errors="replace").partition("\n")[0]
    applied = [f"{each} {len(wanted[each])} of {len(wanted[each])}" for each in earlier]
    text = [f"the patches do not all apply to Linux {base.version}, {base.origin}; the first "
            "that does not:", f"  patches/{topic}/{patch}", f"  {subject}",
            *(f"    {line}" for line in where(first)),
            "Those before it apply: " +
            ", ".join(applied + [f"{topic} {count} of {len(wanted[topic])}"])]
    if others:
        text += [f"Without it, {total(wanted) - len(unfit)} of {total(wanted)} apply; these "
                 "do not either:",
                 *(f"  patches/{each.path.parent.name}/{each.path.name}" for each in others)]
    text.append("Nothing was made or changed; the patches stay those for "
                f"{source.SERIES}. Port them in a tree of your own" +
                (f", or take what comes before:\n  make series TOPIC={earlier[-1]} KDIR=..."
                 if earlier else "."))
    return "\n".join(text)


def where(unfit):
    """-> list of str: each file of unfit (series.Unfit) that does not fit, and its hunk.

    git names the first such hunk of a file.
    """
    files = re.split(rb"^diff --git a/(.*) b/\1$", unfit.diff, flags=re.M)
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
                                 touched(root) | {"Makefile"})
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


def name(path):
    """path: of a patch -> str, its topic and name, without number and ending."""
    return f"{path.parent.name}/{path.stem.partition('-')[2]}"


def compare(each, unfit, wanted):
    """-> list of str: what is not as each (Neighbour) says.

    unfit: list of series.Unfit; wanted: dict as of patches.needed(), all of it.
    """
    found = {name(patch.path): patch for patch in unfit}
    names = {name(pathlib.Path(topic, patch)) for topic in wanted for patch in wanted[topic]}
    wrong = []
    for patch in sorted(found.keys() - each.unfit.keys()):
        wrong.append("\n    ".join([f"{patch} does not apply to {each.release}:",
                                    *where(found[patch])]))
    for patch in sorted(each.unfit.keys() - found.keys()):
        wrong.append(f"{patch} applies to {each.release}, {HERE.name} denies it"
                     if patch in names else f"{patch} is no patch, {HERE.name} names it")
    return wrong


def rows(each, wanted):
    """-> lines (lists) of the README's table for each (Neighbour), with HEAD."""
    lines = []
    for topic, patches in wanted.items():
        reasons = [f"`{number}`: {each.unfit[key]}"
                   for number, key in ((patch.partition("-")[0], name(pathlib.Path(topic, patch)))
                                       for patch in patches) if key in each.unfit]
        lines.append([each.release, topic, len(patches), len(patches) - len(reasons),
                      "; ".join(reasons)])
    return lines


def check(path=HERE, root=ROOT, cache=CACHE, archive=Archive):
    """Try the patches on the packages of path; compare with it, and the README with both.

    Of a package that Debian offers no longer this says so, and counts nothing.
    Return (things that are as they are said to be, things that are not), two int.
    """
    wanted = needed(None, root)
    right = wrong = 0
    lines = []
    for each in load(path):
        lines += rows(each, wanted)
        with tempfile.TemporaryDirectory() as scratch:
            try:
                base = package(each, pathlib.Path(scratch), root, cache, archive)
            except Missing as problem:
                print(f"  not checked: {each.release}, {problem}", flush=True)
                continue
            unfit = survey(base, None, root)
        complaints = compare(each, unfit, wanted)
        print(*complaints, sep="\n", end="\n" if complaints else "", flush=True)
        right += total(wanted) - len(complaints)
        wrong += len(complaints)
    in_readme = drivers.agree(drivers.table(HEAD, lines), TABLE, HEAD)
    return right + in_readme[0], wrong + in_readme[1]

# SPDX-License-Identifier: GPL-2.0
"""What a build was made of, and whether another tree makes the same of it."""

from __future__ import annotations

import pathlib
import posixpath
import re
from collections.abc import Mapping
from typing import Any

from ..common.report import Tally
from ..common.run import git, tried
from ..common.units import Outcome, Unit
from . import inputs, kunit
from .jobs import Kernel

# What makes a change concern any build.
OPTIONS = re.compile(r"(^|/)Kconfig[^/]*$")
# What any build runs, and headers that may take the place of others.
EVERYWHERE = re.compile(r"^scripts/(?!coccinelle/)|(^|/)include/.*\.h$")
# What concerns a build only if that names it. No build names all others: make reads Makefiles
# of directories of which nothing is built, scripts read tables.
NAMED = re.compile(r"(Documentation|LICENSES|samples|tools|scripts/coccinelle)/|"
                   r"(MAINTAINERS|README)$|.*\.([chS]|rs|rst|kunitconfig|gitignore)$")


def source(tree: pathlib.Path) -> str:
    """Return a pattern for tree in make's output and in *.cmd files: ccache makes it relative."""
    return rf"(?:{re.escape(str(tree))}|(?:\.\./)+{re.escape(tree.name)})/"


def built(out: pathlib.Path, tree: pathlib.Path) -> set[str]:
    """Return the files of tree that the objects in the build directory out came from."""
    line = re.compile(rf"^ *(?:source_\S+ := )?{source(tree)}(\S+)", re.MULTILINE)
    files: set[str] = set()
    for cmd in out.rglob(".*.cmd"):
        files.update(line.findall(cmd.read_text(errors="replace")))
    return {posixpath.normpath(file) for file in files}     # gcc says fmt/../pt.h


def concerns(path: str, files: set[str]) -> bool:
    """Return whether a change of path can change what is built from files."""
    if path in files or OPTIONS.search(path) or EVERYWHERE.search(path):
        return True
    name = "/" + posixpath.basename(path)
    if path.endswith(".h") and any(file.endswith(name) for file in files):
        return True     # the compiler may find it in the place of another
    return not NAMED.match(path)


def _key(decides: inputs.Inputs, what: str) -> str:
    return decides.key(Unit("made", what, inputs=("tools",)))


def note(decides: inputs.Inputs, what: str, tree: pathlib.Path, out: pathlib.Path,
         data: Any) -> None:
    """Note data of what, which was just built in the directory out from tree."""
    files = sorted(built(out, tree))
    inputs.keep(_key(decides, what), Outcome(Tally(int(bool(files))), data=[
        git(tree, "rev-parse", "HEAD^{tree}").strip(), files, data]),
        inputs.disturbed(decides.composed))


def forget(decides: inputs.Inputs, what: str) -> None:
    """Take away what was noted of what, which fails now."""
    inputs.keep(_key(decides, what), Outcome(Tally(0, 1)))


def noted(decides: inputs.Inputs, what: str, tree: pathlib.Path) -> Any:
    """Return what was noted of what, None if tree has anything else of what that was made of.

    Edits that are not committed are not seen: what is to tell of these.
    """
    before = inputs.kept(_key(decides, what))
    if not before:
        return None
    old, files, data = before.data
    if tried("git", "-C", tree, "cat-file", "-e", old).returncode:
        return None
    changed = git(tree, "diff", "--name-only", "--no-renames", "-z", old, "HEAD").split("\0")[:-1]
    known = set(files)
    # kunit.py reads kunitconfigs, and is one of the tools.
    return None if any(concerns(path, known) or path.endswith("kunitconfig") or
                       path.startswith("tools/") for path in changed) else data


def image(decides: inputs.Inputs, what: str, tree: pathlib.Path, kernel: Kernel,
          wanted: Mapping[str, tuple[str, ...]]) -> str:
    """Return the image of kernel, of tree, "" if it does not build.

    what: the kernel is called; wanted: what is to be run with it, and facts on that, as
    Inputs.once() has them.  It is not built if it was built of the same before, and all of
    that passed then.
    """
    before: str | None = noted(decides, what, tree)
    if before and all(decides.passed(each, before, *facts) for each, facts in wanted.items()):
        return before
    if not kunit.build(tree, kernel):
        forget(decides, what)
        return ""
    made = kunit.image(kernel)
    note(decides, what, tree, kernel.out, made)
    return made

# SPDX-License-Identifier: GPL-2.0
"""What is in a composed kernel tree: its branches, its release, work to be kept."""

from __future__ import annotations

import json
import pathlib
from typing import Any

from ..common.report import Problem
from ..common.run import BUILD, git
from . import patches, source
from .patches import PLAIN

TREE = BUILD / "linux"


def note(tree: pathlib.Path) -> dict[str, Any]:
    """Return what compose() noted of tree; nothing if it made none of it."""
    path = tree / ".git/composed"
    composed: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {"refs": {}}
    return composed


def only_topic(tree: pathlib.Path) -> str | None:
    """Return the topic that tree was composed for, None if for all."""
    only: str | None = note(tree).get("only")
    return only


def refs(tree: pathlib.Path) -> dict[str, str]:
    """Return the branches of tree and their commits, as composed."""
    composed: dict[str, str] = note(tree)["refs"]
    return composed


def heads(tree: pathlib.Path) -> dict[str, str]:
    """Return the branches of tree and their commits."""
    lines = git(tree, "for-each-ref", "--format=%(refname:lstrip=2) %(objectname)",
                "refs/heads")
    return dict(line.split() for line in lines.splitlines())


def notes(tree: pathlib.Path) -> str:
    """Return the commit that holds the notes of tree, "" if there are none."""
    return git(tree, "for-each-ref", "--format=%(objectname)", "refs/notes/commits").strip()


def notes_changed(tree: pathlib.Path) -> bool:
    """Return whether notes of tree are not those that the harness made."""
    return bool(note(tree).get("notes", "") != notes(tree))


def notes_made(tree: pathlib.Path, before: str) -> None:
    """Take note that the harness itself has changed the notes of tree, which were before."""
    composed = note(tree)
    if "key" in composed and composed.get("notes", "") == before:
        patches.write(tree / ".git/composed",      # others may read it
                      json.dumps({**composed, "notes": notes(tree)}, indent=1).encode())


def release(tree: pathlib.Path) -> str:
    """Return the version, as 7.3.4, of the branch `base` of tree."""
    return source.version_at(tree, "base")


def how_to_keep(tree: pathlib.Path) -> str:
    """Return how to keep what was committed in tree."""
    if source.ours(release(tree)):
        return "`make export`"
    return "fetch them from there"


def settled(tree: pathlib.Path) -> None:
    """Raise Problem if tree has work on no branch: uncommitted, or in a rebase."""
    if (tree / ".git/rebase-merge").exists() or (tree / ".git/rebase-apply").exists():
        raise Problem(f"a rebase is going on in {tree}: finish or abort it there")
    if git(tree, "status", "--porcelain", "--untracked-files=no", env=PLAIN):
        raise Problem(f"{tree} has uncommitted changes: commit them there and "
                      f"{how_to_keep(tree)}, or undo them")
    if not git(tree, "for-each-ref", "--contains=HEAD", "refs/heads"):
        raise Problem(f"HEAD of {tree} is on no branch: put its commits on a topic's "
                      "branch there, or check one out")

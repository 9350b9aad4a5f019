# SPDX-License-Identifier: GPL-2.0
"""Topics as commits on a kernel: any of them, by `git am`, in a tree or beside it."""

from __future__ import annotations

import fcntl
import hashlib
import json
import pathlib
import shutil
from dataclasses import asdict, dataclass
from typing import IO

from ..common import tools
from ..common.report import Problem, Stage
from ..common.run import ROOT, git
from . import export, repair, source, topics
from .commits import CHANGING, Branch, Commits, Unfit, borrow, composer, missing
from .patches import PLAIN, Who
from .tree import TREE, heads, how_to_keep, note, notes, notes_changed, refs, settled


# What a tree beside the first leaves out: a quarter of it, and no build here reads it.
LEFT_OUT = ("/drivers/gpu/drm/amd/include/",)

# The locks that this run holds, by directory, as long as it runs.
HELD: dict[pathlib.Path, IO[str]] = {}


@dataclass
class Composed:
    """A tree with topics on base."""
    tree: pathlib.Path
    base: source.Base
    topics: list[Branch]

    @property
    def end(self) -> str:
        """The last commit."""
        return self.topics[-1].end if self.topics else self.base.commit


def compose(root: pathlib.Path = ROOT, tree: pathlib.Path = TREE,
            base: source.Base | None = None, only: str | None = None) -> Composed:
    """Turn the patches of root into commits in tree.

    only: a topic, which is composed on what it needs; default all of them.  Nothing
    moves in tree unless all of them apply, and then only files that differ are written.
    Raises Problem for a patch that does not apply and for work in tree that is not in
    the repository.
    """
    base = base or source.base()
    _only_one(tree.parent)
    known = topics.read(root)
    parts = topics.alone(known, only) if only else topics.all_of(known)
    who = composer()
    if not (tree / ".git").exists():
        _first(tree, base, who)
    _finish(tree)
    key = _key(root, base, who, parts, only)
    last = note(tree)
    if last["refs"] != heads(tree) or last["head"] != _head(tree) or notes_changed(tree):
        check_kept(root, tree)
    else:
        settled(tree)
        if last["key"] == key:
            return Composed(tree, base, [Branch(**branch) for branch in last["topics"]])
    borrow(tree, base.repo)

    def stop(unfit: Unfit) -> None:
        raise Problem(repair.conflict(tree, unfit, root))

    stage = Stage(f"compose {sum(parts.values())} patches")
    with Commits(base, root, tree, who) as commits:
        branches = commits.make(parts, stop)
    stage.done()
    _move(tree, base, branches, who, key, only)
    return Composed(tree, base, branches)


def _only_one(where: pathlib.Path) -> None:
    """Raise Problem if another run works in the directory where; else none can until this ends.

    They would build and boot each other's kernels.
    """
    where.mkdir(parents=True, exist_ok=True)
    if where not in HELD:
        file = open(where / "lock", "w")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            raise Problem(f"another `make` works in {where}: wait until it ends, or use another "
                          "clone") from None
        HELD[where] = file


def _first(tree: pathlib.Path, base: source.Base, who: Who) -> None:
    """Check out base beside tree, and give it its name when it is complete."""
    part = tree.with_name(tree.name + ".part")
    part.parent.mkdir(parents=True, exist_ok=True)
    if tree == TREE:    # not the small ones of tests, which are in /tmp
        tools.space(part.parent)
    shutil.rmtree(part, ignore_errors=True)
    shutil.rmtree(tree, ignore_errors=True)
    stage = Stage(f"check out Linux {base.version}")
    borrow(part, base.repo)
    for key, value in (("rebase.updateRefs", "true"), ("checkout.workers", "0"),
                       ("gc.auto", "0"), ("core.autocrlf", "false"),
                       ("notes.rewriteRef", "refs/notes/commits")):
        git(part, "config", key, value)
    _move(part, base, [], who, "")
    part.rename(tree)
    stage.done()


def _key(root: pathlib.Path, base: source.Base, who: Who, parts: topics.Parts,
         only: str | None) -> str:
    """Return what changes with anything the commits of parts are made of."""
    digest = hashlib.sha256(repr((base.commit, str(base.repo), who, parts, only)).encode())
    paths = ["patches/series"]
    for name, topic in topics.read(root).items():
        for patch, files in list(topic.patches.items())[:parts.get(name, 0)]:
            paths += [f"patches/{name}/{patch}", *files]
    for path in paths:
        try:
            mode = (root / path).stat().st_mode & 0o100
            digest.update(repr((path, mode)).encode() + (root / path).read_bytes())
        except OSError:
            raise missing(root / path, root) from None
    return digest.hexdigest()


def _move(tree: pathlib.Path, base: source.Base, branches: list[Branch], who: Who, key: str,
          only: str | None = None) -> None:
    """Move branches and work tree; key: what the branches are made of; only: for which topic.

    .git/moving says where to until all is done, then becomes .git/composed.
    """
    for name, value in zip(("name", "email"), who):
        git(tree, "config", "user." + name, value)
    ends = {"base": base.commit, **{branch.name: branch.end for branch in branches}}
    target = {"key": key, "only": only, "refs": ends, "head": "ref: refs/heads/" + list(ends)[-1],
              "notes": notes(tree), "topics": [asdict(branch) for branch in branches]}
    start = ["HEAD"] if heads(tree) else []
    moving = tree / ".git/moving"
    moving.write_text(json.dumps(target, indent=1))
    try:
        git(tree, "read-tree", "-m", "-u", *start, list(ends.values())[-1], env=PLAIN)
    except Problem:
        moving.unlink()     # nothing was moved
        raise
    _finish(tree, False)


def _finish(tree: pathlib.Path, again: bool = True) -> None:
    """Finish a move; again: one that was interrupted (the tree was clean)."""
    moving = tree / ".git/moving"
    if not moving.exists():
        return
    target = json.loads(moving.read_text())
    ends = target["refs"]
    if again:
        for lock in (tree / ".git").rglob("*.lock"):
            lock.unlink()
        git(tree, "read-tree", "--reset", "-u", list(ends.values())[-1], env=PLAIN)
    git(tree, "symbolic-ref", "HEAD", "refs/heads/moving")
    for name in heads(tree).keys() - ends.keys():
        git(tree, "update-ref", "-d", "refs/heads/" + name)
    git(tree, "update-ref", "-m", "compose", "--stdin",
        stdin="".join(f"update refs/heads/{name} {id}\n" for name, id in ends.items()))
    git(tree, "symbolic-ref", "HEAD", target["head"].removeprefix("ref: "))
    moving.replace(tree / ".git/composed")


def _head(tree: pathlib.Path) -> str:
    return (tree / ".git/HEAD").read_text().strip()


def check_kept(root: pathlib.Path = ROOT, tree: pathlib.Path = TREE) -> None:
    """Raise Problem if tree holds work the repository does not."""
    _finish(tree)
    settled(tree)
    if (heads(tree) != refs(tree) or notes_changed(tree)) and \
            export.differences(export.render(tree, root), root, export.exact(tree, root)):
        raise Problem(f"{tree} holds commits that are not in this repository: "
                      f"{how_to_keep(tree)} to keep them, or delete {tree}")


# --- trees beside it

def worktree(tree: pathlib.Path, where: pathlib.Path, commit: str) -> None:
    """Make where a clean work tree of the repository tree, at commit, without LEFT_OUT."""
    with CHANGING:
        _add(tree, where, commit)
    git(where, "checkout", "-q", "--force", "--detach", commit)


def _add(tree: pathlib.Path, where: pathlib.Path, commit: str) -> None:
    """Make where a work tree of the repository tree, if it is none."""
    common = ("rev-parse", "--path-format=absolute", "--git-common-dir")
    try:
        there = git(where, *common) == git(tree, *common)
    except (Problem, OSError):
        there = False
    if not there:
        stage = Stage(f"work tree {where}")
        shutil.rmtree(where, ignore_errors=True)
        where.parent.mkdir(parents=True, exist_ok=True)
        git(tree, "worktree", "prune")
        git(tree, "worktree", "add", "-q", "--detach", "--no-checkout", where, commit)
        git(where, "sparse-checkout", "set", "--no-cone", "/*", *(f"!{name}" for name in LEFT_OUT))
        stage.done()


def beside(composed: Composed, where: pathlib.Path, parts: topics.Parts,
           without: tuple[pathlib.Path, ...] = ()) -> list[Branch]:
    """Make where a work tree of composed's repository with parts on its base.

    without: patches that are left out.  Returns the topics as they are there.
    """
    with Commits(composed.base, tree=composed.tree) as commits:
        branches = commits.make(parts, without=without)
    worktree(composed.tree, where, (branches or [Branch("", "", composed.base.commit, [])])[-1].end)
    return branches

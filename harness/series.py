# SPDX-License-Identifier: GPL-2.0
"""The patches of this repository as git commits in a kernel tree."""

import dataclasses
import hashlib
import json
import os
import pathlib
import shutil
import subprocess
import tempfile

from . import repair, source, tools
from .patches import (PLAIN, TREE, Topic, branches, differences, keep, needed, read_patch,
                      read_series, render, settled)
from .report import Problem, Stage
from .run import ROOT, git, output, raw

NOBODY = ("iotlb-sync", "iotlb-sync@localhost")


@dataclasses.dataclass
class Composed:
    """A tree (path) with the topics (list of Topic) on base (source.Base)."""
    tree: pathlib.Path
    base: source.Base
    topics: list


@dataclasses.dataclass
class Unfit:
    """A patch (path) that does not apply to a commit (parent), and git's words on it.

    diff: bytes, what does not apply; none if a file that is to be new is there already.
    """
    path: pathlib.Path
    parent: str
    diff: bytes
    words: str


def identity():
    """-> (name, email) of the git user, None if git does not know one."""
    found = []
    for key in ("name", "email"):
        value = os.environ.get("GIT_AUTHOR_" + key.upper()) or subprocess.run(
            ["git", "-C", ROOT, "config", "user." + key], text=True,
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout.strip()
        found.append(value)
    return tuple(found) if all(found) else None


def as_person(person, date):
    """person: (name, email); date: str -> environment (dict) git commits with."""
    return {f"GIT_{role}_{key}": value for role in ("AUTHOR", "COMMITTER")
            for key, value in zip(("NAME", "EMAIL", "DATE"), (*person, date))}


def borrow(tree, repo):
    """Make tree a git repository that borrows the objects of repo (path).

    Nothing is written to repo.
    """
    objects = pathlib.Path(tree, ".git/objects/info/alternates")
    if not objects.exists():
        output("git", "init", "-q", "--template=", "-b", "base", tree, env=PLAIN)
        objects.parent.mkdir(exist_ok=True)
    lines = objects.read_text().splitlines() if objects.exists() else []
    if f"{repo}/objects" not in lines:
        objects.write_text("".join(f"{l}\n" for l in [f"{repo}/objects"] + lines))
    if (repo / "shallow").exists():
        shutil.copy(repo / "shallow", tree / ".git/shallow")


def compose(root=ROOT, tree=TREE, base=None, only=None):
    """Turn the repository's patches into commits in tree -> Composed.

    only: str, the last topic that is needed, default all.  Nothing moves in tree
    unless all of them apply, and then only files that differ are written.  Raises
    Problem for a patch that does not apply and for work in tree that is not in the
    repository.
    """
    base = base or source.base()
    topics = needed(only, root)
    who = identity() or NOBODY
    if not (tree / ".git").exists():
        _first(tree, base, who)
    _finish(tree)
    key = _key(root, base, who, topics)
    known = json.loads((tree / ".git/composed").read_text())
    if known["refs"] != branches(tree) or known["head"] != _head(tree):
        check_kept(root, tree)
    else:
        settled(tree)
        if known["key"] == key:
            return Composed(tree, base, [Topic(**topic) for topic in known["topics"]])
    borrow(tree, base.repo)

    def stop(unfit):
        raise Problem(repair.conflict(tree, unfit.path, unfit.diff, unfit.parent)
                      if unfit.diff else unfit.words)

    topics = commits(root, tree, base, who, topics, stop)
    _move(tree, base, topics, who, key)
    return Composed(tree, base, topics)


def _first(tree, base, who):
    """Check out base beside tree, and give it its name when it is complete."""
    part = tree.with_name(tree.name + ".part")
    part.parent.mkdir(parents=True, exist_ok=True)
    tools.space(part.parent)
    shutil.rmtree(part, ignore_errors=True)
    shutil.rmtree(tree, ignore_errors=True)
    stage = Stage(f"check out Linux {base.version}")
    borrow(part, base.repo)
    for key, value in (("rebase.updateRefs", "true"), ("checkout.workers", "0"),
                       ("gc.auto", "0"), ("core.autocrlf", "false")):
        git(part, "config", key, value)
    _move(part, base, [], who, "")
    part.rename(tree)
    stage.done()


def _key(root, base, who, topics):
    """-> str that changes with anything the commits of topics (dict) are made of."""
    digest = hashlib.sha256(repr((base.commit, str(base.repo), who)).encode())
    paths = ["patches/series"]
    for topic, patches in topics.items():
        for patch, files in patches.items():
            paths += [f"patches/{topic}/{patch}", *files]
    for path in paths:
        try:
            mode = (root / path).stat().st_mode & 0o100
            digest.update(repr((path, mode)).encode() + (root / path).read_bytes())
        except OSError:
            raise Problem(f"{path} is missing, patches/series names it: restore it "
                          "with git, or take it out there")
    return digest.hexdigest()


def commits(root, tree, base, who, wanted, unfit):
    """Make the commits, without branches or work tree -> list of Topic.

    wanted: dict as of patches.needed(); unfit: function that is called with an Unfit
    for each patch that does not apply, which is left out if it returns.
    """
    topics, parent = [], base.commit
    date = int(git(tree, "log", "-1", "--format=%ct", base.commit))
    with tempfile.TemporaryDirectory() as scratch:
        env = {**PLAIN, "GIT_INDEX_FILE": scratch + "/index"}
        git(tree, "read-tree", base.commit, env=env)
        for name, patches in wanted.items():
            topic = Topic(name, parent, parent, [])
            for patch, files in patches.items():
                path = root / "patches" / name / patch
                message, diff = read_patch(path)
                there = files and git(tree, "ls-files", "--", *files, env=env).splitlines()
                if there:       # `git am` would refuse it, too
                    unfit(Unfit(path, parent, b"", f"{there[0]}: is there already, and "
                                f"patches/{name}/{patch} is to bring it"))
                    continue
                words = diff and _apply(tree, diff, env)
                if words:
                    unfit(Unfit(path, parent, diff, words))
                    continue
                if files:
                    _add(root, tree, files, env)
                date += 1
                id = git(tree, "write-tree", env=env).strip()
                parent = raw("git", "-C", tree, "commit-tree", "-p", parent, id,
                             stdin=message, env={**PLAIN, **as_person(who, f"{date} +0000")},
                             ).decode().strip()
                topic.commits.append(parent)
            topic.end = parent
            topics.append(topic)
    return topics


def _apply(tree, diff, env):
    """Apply diff (bytes) to the index env names -> str, why it does not apply if so.

    As `git am` would: with all its context, wherever in the file that is.
    """
    done = subprocess.run(["git", "-C", tree, "apply", "--cached", "--whitespace=nowarn",
                           "-"], input=diff, env={**os.environ, **env},
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    return done.stdout.decode(errors="replace") if done.returncode else ""


def _add(root, tree, files, env):
    """Add new kernel files of the repository to the index env names."""
    paths = "".join(f"{root}/{path}\n" for path in files)
    ids = git(tree, "hash-object", "-w", "--no-filters", "--stdin-paths", stdin=paths)
    info = ""
    for path, id in zip(files, ids.split()):
        mode = "100755" if (root / path).stat().st_mode & 0o100 else "100644"
        info += f"{mode} {id}\t{path}\n"
    git(tree, "update-index", "--index-info", stdin=info, env=env)


def _move(tree, base, topics, who, key):
    """Move branches and work tree to topics; key: str, what they are made of.

    .git/moving says where to until all is done, then becomes .git/composed.
    """
    for name, value in zip(("name", "email"), who):
        git(tree, "config", "user." + name, value)
    refs = {"base": base.commit, **{topic.name: topic.end for topic in topics}}
    note = {"key": key, "refs": refs, "head": "ref: refs/heads/" + list(refs)[-1],
            "topics": [dataclasses.asdict(topic) for topic in topics]}
    start = ["HEAD"] if branches(tree) else []
    moving = tree / ".git/moving"
    moving.write_text(json.dumps(note, indent=1))
    try:
        git(tree, "read-tree", "-m", "-u", *start, list(refs.values())[-1], env=PLAIN)
    except Problem:
        moving.unlink()     # nothing was moved
        raise
    _finish(tree, False)


def _finish(tree, again=True):
    """Finish a move; again: bool, one that was interrupted (the tree was clean)."""
    moving = tree / ".git/moving"
    if not moving.exists():
        return
    note = json.loads(moving.read_text())
    refs = note["refs"]
    if again:
        for lock in (tree / ".git").rglob("*.lock"):
            lock.unlink()
        git(tree, "read-tree", "--reset", "-u", list(refs.values())[-1], env=PLAIN)
    git(tree, "update-ref", "-m", "compose", "--stdin",
        stdin="".join(f"update refs/heads/{name} {id}\n" for name, id in refs.items()))
    git(tree, "symbolic-ref", "HEAD", note["head"].removeprefix("ref: "))
    for name in branches(tree).keys() - refs.keys():
        git(tree, "update-ref", "-d", "refs/heads/" + name)
    moving.replace(tree / ".git/composed")


def _head(tree):
    return (tree / ".git/HEAD").read_text().strip()


def check_kept(root=ROOT, tree=TREE):
    """Raise Problem if tree holds work the repository does not."""
    _finish(tree)
    settled(tree)
    if branches(tree) != json.loads((tree / ".git/composed").read_text())["refs"] and \
            differences(render(tree, root), root):
        raise Problem(f"{tree} holds commits that are not in this repository: "
                      f"{keep(tree)} to keep them, or delete {tree}")


def round_trip(composed, root=ROOT):
    """-> list of str, where exporting composed would change the repository."""
    same = read_series(root)[0] == composed.base.version
    return differences(render(composed.tree, root), root, positions=same)



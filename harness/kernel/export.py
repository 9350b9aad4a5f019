# SPDX-License-Identifier: GPL-2.0
"""The commits of a tree as the files of this repository: patches, new files, series."""

from __future__ import annotations

import contextlib
import pathlib
import re

from ..common.report import Problem
from ..common.run import ROOT, git, raw
from . import patches, source, topics
from .commits import Branch
from .patches import PLAIN, SHARED, write
from .tree import TREE, heads, only_topic, refs, release, settled

# Paths in this repository, their content, and whether they are executable.
Files = dict[str, tuple[bytes, bool]]


def stack(tree: pathlib.Path, root: pathlib.Path = ROOT) -> list[Branch]:
    """Return the branches of tree on base, in the order they apply."""
    ends = heads(tree)
    start = ends.pop("base", None)
    if not start:
        raise Problem(f"{tree} has no branch `base`: make it again at the commit "
                      f"before the first topic, or delete {tree}")
    known = list(topics.read(root)) if (root / "patches/series").exists() else []
    order = []
    for name, id in ends.items():
        count = int(git(tree, "rev-list", "--count", f"{start}..{id}"))
        order.append((count, known.index(name) if name in known else len(known), name))
    branches = []
    for _, _, name in sorted(order):
        end = ends[name]
        commits = git(tree, "rev-list", "--reverse", f"{start}..{end}").split()
        line = git(tree, "rev-list", "--reverse", "--first-parent", "--ancestry-path",
                   f"{start}..{end}").split()
        if start != end and (not line or line != commits):
            raise Problem(f"branch {name} of {tree} does not continue the "
                          "branch before it: `git rebase` it, or delete it")
        branches.append(Branch(name, start, end, commits))
        start = end
    return branches


def render(tree: pathlib.Path, root: pathlib.Path = ROOT) -> Files:
    """Return the files that the commits of tree make.

    Of a tree that was composed for one topic, these are that topic's, and those of
    the others are as they were.
    """
    known = topics.read(root)
    branches, only = stack(tree, root), only_topic(tree)
    if only:
        _needs_are_kept(tree, branches, only)
    made: dict[str, topics.Topic] = {}
    files: Files = {}
    brought: dict[str, str] = {}
    for branch in branches:
        needs = known[branch.name].needs if branch.name in known else []
        others = {path: name for name, each in known.items() if only not in (None, name)
                  for new in each.patches.values() for path in new}
        topic = topics.Topic(branch.name, needs)
        for number, commit in enumerate(branch.commits, 1):
            name = patches.slug(tree, commit, number)
            new = topic.patches[name] = []
            for path, id, mode in new_files(tree, commit, brought):
                if branch.name == only and path in others:
                    raise Problem(f"{commit[:12]} in {tree} brings {path}, which the topic "
                                  f"{others[path]} brings: name what it needs in patches/series, "
                                  "or the file otherwise")
                brought[path] = commit
                new.append(path)
                if only in (None, branch.name):
                    files[path] = (raw("git", "-C", tree, "cat-file", "blob", id),
                                   mode == "100755")
            if only in (None, branch.name):
                files[f"patches/{branch.name}/{name}"] = (
                    patches.written(tree, commit, new), False)
        made[branch.name] = topic
    if only and only not in made:
        raise Problem(f"{tree} was made for the topic {only}, and has no such branch: drop the "
                      "topic in a tree of all, `make tree`")
    if only:
        made = {**known, only: made[only]}
    series = topics.text(topics.made_for(root) if only else release(tree),
                         list(made.values()))
    topics.parse(series, "the new patches/series")
    files["patches/series"] = (series.encode(), False)
    return files


def _needs_are_kept(tree: pathlib.Path, branches: list[Branch], only: str) -> None:
    """Raise Problem if a tree that was composed for the topic only has others changed."""
    before = refs(tree)
    for branch in branches:
        if branch.name != only and branch.end != before.get(branch.name):
            raise Problem(f"{tree} was made for the topic {only}, and its branch {branch.name} "
                          f"is not as it was: `make tree TOPIC={branch.name}`, or `make tree` "
                          "for all of them, and change it there")


def new_files(tree: pathlib.Path, commit: str,
              brought: dict[str, str]) -> list[tuple[str, str, str]]:
    """Return paths, blobs and modes of the new files that commit brings.

    brought: {file: commit} of those before it.  Raises Problem if it edits one.
    """
    found = []
    fields = git(tree, "diff-tree", "-r", "--no-renames", "--raw", "-z", f"{commit}^", commit,
                 env=PLAIN).split("\0")
    for meta, path in zip(fields[::2], fields[1::2]):
        _, mode, _, id, kind = meta.split()
        if path in brought:
            subject, first = (git(tree, "log", "-1", "--format=%h (\"%s\")", each).strip()
                              for each in (commit, brought[path]))
            raise Problem(f"{subject} in {tree} edits {path}, which {first} brings: put the "
                          "change into that one (git commit --fixup, git rebase --autosquash), "
                          "or into a file of its own")
        if kind == "A" and mode.startswith("100") and not SHARED.fullmatch(path):
            found.append((path, id, mode))
    return found


def differences(files: Files, root: pathlib.Path = ROOT, positions: bool = True) -> list[str]:
    """Return the paths where files, as of render(), differ from the repository.

    positions: whether `base` and the places of hunks count.
    """
    def plain(path: str, data: bytes) -> bytes:
        if positions or path in brought:
            return data
        if path == "patches/series":
            return re.sub(rb"^base .*$", b"", data, flags=re.M)
        message, mark, diff = data.partition(b"\ndiff --git ")
        return message + mark + re.sub(rb"^@@ -\S+ \+\S+ @@.*$", b"@@", diff, flags=re.M)

    brought = files.keys() - {path for path in files if path.startswith("patches/")}
    differ = []
    for path, (data, executable) in files.items():
        here = root / path
        if not here.is_file() or plain(path, here.read_bytes()) != plain(path, data) or \
                bool(here.stat().st_mode & 0o100) != executable:
            differ.append(path)
    return sorted(differ + stale(files, root))


def stale(files: Files, root: pathlib.Path = ROOT) -> list[str]:
    """Return patches and new kernel files of the repository that files leaves out."""
    here = {str(path.relative_to(root)) for path in (root / "patches").rglob("*.patch")}
    here.update(path for path in topics.new_files(root) if (root / path).exists())
    named = set()
    for topic in topics.parse(files["patches/series"][0].decode(), "patches/series")[1].values():
        for patch, new in topic.patches.items():
            named.update([f"patches/{topic.name}/{patch}", *new])
    return sorted(here - named)


def export(root: pathlib.Path = ROOT, tree: pathlib.Path = TREE) -> None:
    """Write the commits of tree to the repository; print what changed."""
    if not (tree / ".git").exists():
        raise Problem(f"there is no {tree} to export: `make tree` makes it")
    settled(tree)
    if not source.ours(release(tree)):
        raise Problem(f"{tree} is based on Linux {release(tree)}, the patches are for "
                      f"{source.RELEASE}.y: rebase its topics and its branch `base` to that")
    files = render(tree, root)
    # Of one topic the hunks stand elsewhere than below all the others.
    changed = differences(files, root, positions=only_topic(tree) is None)
    gone = stale(files, root)
    ours = {"patches/series", *topics.new_files(root)}
    for path in changed:
        if (root / path).exists() and path not in ours and path[-6:] != ".patch":
            raise Problem(f"{path} is a file of this repository, a commit in {tree} "
                          "brings a new kernel file of that name: rename it there")
    for path in changed:
        if path in files:
            write(root / path, *files[path])
    for path in gone:
        (root / path).unlink()
        with contextlib.suppress(OSError):
            (root / path).parent.rmdir()
    for path in changed:
        print(("removed " if path in gone else "wrote   ") + path)
    print(f"{len(changed)} files changed")


def round_trip(tree: pathlib.Path, root: pathlib.Path = ROOT) -> list[str]:
    """Return where exporting what was composed would change the repository."""
    return differences(render(tree, root), root, exact(tree, root))


def exact(tree: pathlib.Path, root: pathlib.Path = ROOT) -> bool:
    """Return whether hunks of tree stand where those of the patches do."""
    return topics.made_for(root) == release(tree) and only_topic(tree) is None

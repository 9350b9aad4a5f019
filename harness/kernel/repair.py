# SPDX-License-Identifier: GPL-2.0
"""A patch that does not apply: a tree in which `git am` waits, and back to the patch."""

from __future__ import annotations

import pathlib

from ..common.report import Problem
from ..common.run import BUILD, ROOT, git, output, raw, tried
from . import export, patches, topics
from .commits import Unfit
from .patches import PLAIN

REPAIR = BUILD / "repair"


def conflict(tree: pathlib.Path, unfit: Unfit, root: pathlib.Path = ROOT) -> str:
    """Leave a work tree of tree to mend unfit in; return what failed and what to do."""
    name = str(unfit.path.relative_to(root / "patches"))
    repair = tree.with_name(REPAIR.name)
    words = "\n  ".join(unfit.words.splitlines())
    if "error: patch failed: " not in unfit.words:     # no hunk to put in by hand
        return f"patches/{name} does not apply:\n  {words}"
    if not repair.exists():
        git(tree, "worktree", "prune")
        git(tree, "worktree", "add", "-q", "--detach", repair, unfit.parent, env=PLAIN)
        done = tried("git", "-C", repair, "am", "-q", "--keep-cr", "--reject", env=PLAIN,
                     stdin=unfit.mail)
        git(repair, "add", "-A", "-f", "--", ".", ":!*.rej")    # new files, too
        _note(repair).write_text(f"{unfit.parent} {name}\n{done.stdout}")
    head, *said = _read(repair)
    if head != f"{unfit.parent} {name}":
        return (f"patches/{name} does not apply, and {repair} holds an unfinished repair of "
                f"{head.split()[-1]}: run `make mend`, or delete {repair}")
    said = [line for line in said if line.startswith("Rejected")]
    return (f"patches/{name} does not apply:\n  {words}\n  " + "\n  ".join(said) +
            f"\nIn {repair} `git am` waits, with the hunks that fit; the others are in .rej "
            "files.\nPut them in there, delete the .rej files, `git add -u`, `git am "
            "--continue`; then `make mend` and `make`.")


def _note(repair: pathlib.Path) -> pathlib.Path:
    return pathlib.Path(git(repair, "rev-parse", "--absolute-git-dir").strip(), "mending")


def _read(repair: pathlib.Path) -> list[str]:
    """Return the lines of the note: commit and patch, then what git said."""
    try:
        return _note(repair).read_text().splitlines()
    except (Problem, OSError):
        raise Problem(f"{repair} is not complete: delete it, and run `make` again") from None


def mend(root: pathlib.Path = ROOT, repair: pathlib.Path = REPAIR) -> None:
    """Make the commit in the repair tree the patch that failed."""
    if not repair.exists():
        raise Problem(f"nothing to do: there is no {repair}")
    parent, name = _read(repair)[0].split()
    rejects = git(repair, "ls-files", "-o", "*.rej").split()
    if rejects:
        raise Problem(f"hunks are left in {repair}: put them in and delete " +
                      " ".join(rejects))
    if (_note(repair).parent / "rebase-apply").exists():
        raise Problem(f"`git am` still waits in {repair}: `git add -u` and `git am --continue` "
                      "there")
    if git(repair, "rev-list", f"{parent}..HEAD").split() != [
            git(repair, "rev-parse", "HEAD").strip()]:
        raise Problem(f"{repair} must have one commit on {parent[:12]}, that of patches/{name}")
    path = root / "patches" / name
    if git(repair, "status", "--porcelain", "--untracked-files=no"):
        raise Problem(f"{repair} has uncommitted changes: `git commit --amend -a` there")
    topic, _, patch = name.rpartition("/")
    version, known = topics.made_for(root), topics.read(root)
    new = [path for path, _, _ in export.new_files(repair, "HEAD", {})]
    notes = patches.read(path).notes
    if notes:
        git(repair, "notes", "add", "-f", "-F", "-", "HEAD", stdin=notes)
    text = patches.written(repair, "HEAD", new)
    for each, id, mode in export.new_files(repair, "HEAD", {}):
        patches.write(root / each, raw("git", "-C", repair, "cat-file", "blob", id),
                      mode == "100755")
    known[topic].patches[patch] = new
    patches.write(root / "patches/series", topics.text(version, list(known.values())).encode())
    patches.write(path, text)
    common = git(repair, "rev-parse", "--path-format=absolute", "--git-common-dir").strip()
    output("git", "--git-dir", common, "worktree", "remove", "--force", repair)
    print(f"patches/{name} is replaced by the repaired one; run `make` again")

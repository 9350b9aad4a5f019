# SPDX-License-Identifier: GPL-2.0
"""A patch that does not apply: a tree to mend it in, and back to the patch."""

import os
import pathlib
import subprocess

from .patches import PLAIN, diff, read_patch, write
from .report import Problem
from .run import BUILD, ROOT, git, output

REPAIR = BUILD / "repair"


def conflict(tree, path, diff, parent):
    """Leave a tree to mend path's patch in -> str, what failed and what to do.

    tree: path; diff: bytes that do not apply to commit parent (id).
    """
    name = f"{path.parent.name}/{path.name}"
    repair = tree.with_name(REPAIR.name)
    if not repair.exists():
        git(tree, "worktree", "prune")
        git(tree, "worktree", "add", "-q", "--detach", repair, parent, env=PLAIN)
        done = subprocess.run(["git", "-C", repair, "apply", "--reject",
                               "--whitespace=nowarn", "-"], input=diff,
                              env={**os.environ, **PLAIN}, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT)
        _note(repair).write_text(f"{parent} {name}\n" + done.stdout.decode(errors="replace"))
    head, *words = _read(repair)
    if head != f"{parent} {name}":
        return (f"patches/{name} does not apply, and {repair} still holds the repair of "
                f"{head.split()[-1]}: `make mend` that, or delete {repair}")
    words = [word for word in words if not word.endswith("searching for:")
             and word.startswith(("error", "Rejected", "Applying"))]
    return (f"patches/{name} does not apply to this base:\n  " + "\n  ".join(words) +
            f"\nThe tree before it, with the hunks that fit, is {repair}; the others "
            "are in its .rej files.\nPut them in there, delete the .rej files, then "
            "`make mend` and `make`.")


def _note(repair):
    return pathlib.Path(git(repair, "rev-parse", "--absolute-git-dir").strip(), "mending")


def _read(repair):
    """-> lines of the note: commit and patch, then what git apply said."""
    try:
        return _note(repair).read_text().splitlines()
    except (Problem, OSError):
        raise Problem(f"{repair} is not complete: delete it, and run `make` again")


def mend(root=ROOT, repair=REPAIR):
    """Make the changes in the repair tree the new diff of the patch that failed."""
    if not repair.exists():
        raise Problem(f"nothing to mend: there is no {repair}")
    name = _read(repair)[0].split()[-1]
    rejects = git(repair, "ls-files", "-o", "*.rej").split()
    if rejects:
        raise Problem(f"hunks are left in {repair}: put them in and delete " +
                      " ".join(rejects))
    git(repair, "add", "-u", env=PLAIN)
    path = root / "patches" / name
    message = read_patch(path)[0]
    mended = diff(repair, "HEAD", git(repair, "write-tree", env=PLAIN).strip())
    write(path, message + b"---\n" + mended, False)
    common = git(repair, "rev-parse", "--path-format=absolute", "--git-common-dir").strip()
    output("git", "--git-dir", common, "worktree", "remove", "--force", repair)
    print(f"patches/{name} is mended; run `make` again")

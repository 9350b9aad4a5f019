# SPDX-License-Identifier: GPL-2.0
"""No C file has a kernel-doc warning that it did not have in the base."""

import collections
import pathlib
import re
import subprocess
import tempfile
from collections.abc import Iterator

from ..common.report import Tally
from ..common.run import PYTHON, git
from ..common.units import Outcome, Unit
from ..kernel.compose import Composed


def units() -> list[Unit]:
    """Just one."""
    return [Unit("kernel-doc")]


def warnings(tree: pathlib.Path, directory: pathlib.Path, path: str) -> collections.Counter[str]:
    """Count the warnings of tree's kernel-doc about directory/path, without lines."""
    done = subprocess.run([PYTHON, tree / "tools/docs/kernel-doc", "-none", "-Wall", path],
                          cwd=directory, text=True, errors="replace",
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    found = collections.Counter(re.sub(r":\d+(?= )", "", line)
                                for line in done.stdout.splitlines())
    if done.returncode and not found:
        found["kernel-doc failed"] = 1
    return found


def run(composed: Composed, names: list[str]) -> Iterator[tuple[str, Outcome]]:
    """Read all C files that the topics change."""
    passed, said = 0, []
    base, end = composed.base.commit, composed.end
    changed = git(composed.tree, "diff", "--name-only", "--no-renames",
                  "--diff-filter=d", base, end, "--", "*.c", "*.h").split()
    with tempfile.TemporaryDirectory() as old:
        for path in changed:
            known: collections.Counter[str] = collections.Counter()
            if git(composed.tree, "ls-tree", "--name-only", base, path):
                copy = pathlib.Path(old, path)
                copy.parent.mkdir(parents=True, exist_ok=True)
                copy.write_text(git(composed.tree, "show", f"{base}:{path}"),
                                errors="surrogateescape")
                known = warnings(composed.tree, pathlib.Path(old), path)
            new = warnings(composed.tree, composed.tree, path) - known
            passed += not new
            said += ["\n".join(new)] if new else []
    for name in names:
        yield name, Outcome(Tally(passed, len(said)), said)

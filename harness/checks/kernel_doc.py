# SPDX-License-Identifier: GPL-2.0
"""No commit brings a kernel-doc warning to a C file that it changes."""

from __future__ import annotations

import collections
import pathlib
import re
import tempfile
from collections.abc import Iterator

from ..common.report import Tally
from ..common.run import PYTHON, git, raw, tried
from ..common.units import Outcome, Unit
from ..kernel import topics
from ..kernel.commits import Commits
from ..kernel.compose import Composed


def units() -> list[Unit]:
    """A topic each."""
    return [Unit("kernel-doc", name, inputs=("code", "tools"), topic=name)
            for name in topics.read()]


def warnings(tree: pathlib.Path, directory: pathlib.Path, path: str) -> collections.Counter[str]:
    """Count the warnings of tree's kernel-doc about directory/path, without lines."""
    done = tried(PYTHON, tree / "tools/docs/kernel-doc", "-none", "-Wall", path, cwd=directory)
    found = collections.Counter(re.sub(r":\d+(?= )", "", line)
                                for line in done.stdout.splitlines())
    if done.returncode and not found:
        found["kernel-doc failed"] = 1
    return found


class Reader:
    """Has kernel-doc read files of commits, each version of a file once."""

    def __init__(self, tree: pathlib.Path, scratch: pathlib.Path):
        self.tree, self.scratch = tree, scratch
        self.known: dict[str, collections.Counter[str]] = {}

    def of(self, commit: str, path: str) -> collections.Counter[str]:
        """Return the warnings about path as it is in commit; none if it is not there."""
        blob = git(self.tree, "ls-tree", "--object-only", commit, path).strip()
        if not blob:
            return collections.Counter()
        if blob not in self.known:
            copy = self.scratch / path
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(raw("git", "-C", self.tree, "cat-file", "blob", blob))
            self.known[blob] = warnings(self.tree, self.scratch, path)
        return self.known[blob]


def run(composed: Composed, names: list[str]) -> Iterator[tuple[str, Outcome]]:
    """Read what each commit of the topics names changes."""
    known = topics.read()
    with tempfile.TemporaryDirectory() as scratch, \
            Commits(composed.base, tree=composed.tree) as commits:
        reader = Reader(composed.tree, pathlib.Path(scratch))
        for name in names:
            branch = commits.make(topics.alone(known, name))[-1]
            passed, said, before = 0, [], branch.start
            for commit in branch.commits:
                for path in git(composed.tree, "diff", "--name-only", "--no-renames",
                                "--diff-filter=d", before, commit, "--", "*.c", "*.h").split():
                    new = reader.of(commit, path) - reader.of(before, path)
                    passed += not new
                    said += ["\n".join(new)] if new else []
                before = commit
            yield name, Outcome(Tally(passed, len(said)), said)

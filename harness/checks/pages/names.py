# SPDX-License-Identifier: GPL-2.0
"""Names in a Markdown page: paths, suites, and what the kernel calls things."""

from __future__ import annotations

import fnmatch
import pathlib
import re

from ...boot import jobs
from ...common.run import tried
from . import commands

# Paths of the repository, or of the kernel.
PATH = re.compile(r"(?<![\w./$-])(?:harness|patches|drivers|include|lib|scripts|tools|"
                  r"Documentation)/[\w./*-]*[\w*/]")
# A file by its name, which is looked for nowhere.
FILE = re.compile(r"[\w-]+\.(?:sh|ko|[ch])\b")
# A suite, a case of one, or a function or structure of the kernel.
NAME = re.compile(r"(?<![\w$.*-])(?:[a-z0-9*]+_)*(?:iommu|io_pgtable|smmuv3|kunit|vfio)_"
                  r"[\w*]+(?:\.\w+)?")
WHERE = "drivers/iommu", "drivers/vfio", "include", "lib/kunit", "tools/testing/selftests"


def judge(text: str, root: pathlib.Path, tree: pathlib.Path) -> tuple[int, list[str]]:
    """Return how many names the code in text has, and which mean nothing in the repository root
    nor in tree, the kernel."""
    paths: dict[str, int] = {}
    names: dict[str, int] = {}
    for number, line in commands.code(text):
        for path in PATH.findall(line):
            if "<" not in line:
                paths.setdefault(path, number)
        for name in NAME.findall(FILE.sub("", PATH.sub("", line))):
            names.setdefault(name, number)
    suites = {suite for job in jobs.load().values() for suite in job.suites}
    kernels = identifiers(tree, [name for name in names if not known(name, suites)])
    wrong = [f"{number}: there is no {path}" for path, number in paths.items()
             if not any(root.glob(path)) and not any(tree.glob(path))]
    wrong += [f"{number}: {name} is no suite, and nothing of the kernel's"
              for name, number in names.items()
              if not known(name, suites) and name.partition(".")[0] not in kernels]
    return len(paths) + len(names), wrong


def known(name: str, suites: set[str]) -> bool:
    """Return whether one of suites is called name, or that is a case of it, or a pattern."""
    return bool(fnmatch.filter(suites, name.partition(".")[0]))


def identifiers(tree: pathlib.Path, names: list[str]) -> set[str]:
    """Return which of names the kernel in tree has."""
    if not names:
        return set()
    done = tried("git", "grep", "-how", "-E", "|".join(map(re.escape, names)), "HEAD", "--",
                 *WHERE, cwd=tree)
    return set(done.stdout.split())

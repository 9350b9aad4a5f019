# SPDX-License-Identifier: GPL-2.0
"""sparse reports nothing about the lines that the series brings.

It checks the C files of the series at the last commit, with each configuration of
builds.toml that builds them.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator

from ..common import tools
from ..common.report import Tally
from ..common.run import git
from ..common.units import Outcome, Unit
from ..kernel import compose
from ..kernel.compose import Composed
from ..kernel.patches import PLAIN
from ..boot import inputs, objects
from . import builds

# Debian 12's sparse, 0.6.4, does not know this; without it the kernel refuses sparse.
FLAGS = "CF=-D__typeof_unqual__=__typeof__"
# What that version makes of the assertions in MODULE_LICENSE() and the like.
NOISE = "error: bad constant expression"

MESSAGE = re.compile(rf"^{objects.source(builds.WORKTREE)}(\S+?):(\d+):(?:\d+:)? (.*)",
                     re.MULTILINE)


def added(diff: str) -> dict[str, set[int]]:
    """Return the lines that diff, which has no context, adds to each file."""
    lines: dict[str, set[int]] = {}
    path = ""
    for line in diff.splitlines():
        hunk = re.match(r"@@ -\S+ \+(\d+)(?:,(\d+))? @@", line)
        if line.startswith("+++ b/"):
            path = line.removeprefix("+++ b/")
        elif hunk:
            first, count = int(hunk[1]), int(hunk[2] or 1)
            lines.setdefault(path, set()).update(range(first, first + count))
    return lines


def said(text: str, lines: dict[str, set[int]]) -> list[str]:
    """Return the messages in text, sparse's output, about lines, as added() returns them."""
    found = [(posixpath.normpath(path), number, words)
             for path, number, words in MESSAGE.findall(text)]
    return list(dict.fromkeys(f"{path}:{number}: {words}" for path, number, words in found
                              if int(number) in lines.get(path, ()) and words != NOISE))


def reasons(text: str) -> list[str]:
    """Return what may tell in text, output of a make that failed, why it did.

    That is all but noise, warnings, and the targets that make could not come to.
    """
    dull = (NOISE, " warning: ", " not remade because of errors")
    return [line for line in text.splitlines() if not any(each in line for each in dull)][:16]


def units() -> list[Unit]:
    """A configuration each."""
    return [Unit("sparse", config.name, tools=(*tools.BUILD_KERNEL, "sparse", *config.tools))
            for config in builds.load()]


def run(composed: Composed, names: list[str]) -> Iterator[tuple[str, Outcome]]:
    """Check with the configurations names, all C files that they build."""
    configs = [config for config in builds.load() if config.name in names]
    tools.need(*tools.BUILD_KERNEL, "sparse", *(name for c in configs for name in c.tools))
    decides, base, end = inputs.Inputs(composed), composed.base.commit, composed.end
    lines = added(git(composed.tree, "diff", "-U0", "--no-renames", base, end, "--",
                      "*.c", "*.h", env={**PLAIN, "GIT_LITERAL_PATHSPECS": "0"}))
    compose.worktree(composed.tree, builds.WORKTREE, end)
    for config in configs:
        what = f"sparse {config.name}"
        before = objects.noted(decides, what, builds.WORKTREE)
        if before is not None:
            print(f"{config.name}: as before, nothing that it builds has changed", flush=True)
            yield config.name, Outcome(Tally(before))
            continue
        outcome = check(config, lines)
        if outcome.tally.passed and not outcome.tally.failed:
            objects.note(decides, what, builds.WORKTREE, config.out, outcome.tally.passed)
        else:
            objects.forget(decides, what)
        yield config.name, outcome


def check(config: builds.Config, lines: dict[str, set[int]]) -> Outcome:
    """Check the C files that config builds; lines: those that count, by file."""
    if not builds.usable(config):
        return Outcome(Tally())
    config.empty()
    builds.configure(config)
    sources: list[str] = []
    done = builds.make(config, *config.targets)
    if not done.returncode:
        sources = [path for path in lines if path.endswith(".c") and
                   (config.out / path).with_suffix(".o").exists()]
        command = ("C=2", FLAGS, *(path.removesuffix(".c") + ".o" for path in sources))
        done = builds.make(config, *command)
        if done.returncode:     # it was seen once, and not in 20 runs more: no error, no verdict
            print(f"sparse {config.name}: failed, and runs once more:",
                  *reasons(done.stdout), sep="\n", flush=True)
            done = builds.make(config, *command)
    if done.returncode:
        return Outcome(Tally(0, 1), reasons(done.stdout))
    words = said(done.stdout, lines)
    bad = len({word.partition(":")[0] for word in words})
    return Outcome(Tally(max(len(sources) - bad, 0), bad), words)

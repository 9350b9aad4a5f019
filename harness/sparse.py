# SPDX-License-Identifier: GPL-2.0
"""sparse has nothing to say about the lines that the series brings.

It checks the C files of the series at the last commit, with each configuration of
builds.toml that builds them.
"""

import re

from . import builds, compose, tools
from .report import Stage
from .run import git

# Debian 12's sparse, 0.6.4, does not know this; without it the kernel refuses sparse.
FLAGS = "CF=-D__typeof_unqual__=__typeof__"
# What that version makes of the assertions in MODULE_LICENSE() and the like.
NOISE = "error: bad constant expression"

MESSAGE = re.compile(rf"^{builds.SOURCE}(\S+?):(\d+):(?:\d+:)? (.*)", re.MULTILINE)


def added(diff):
    """diff: str, without context -> {path: set of int, the lines it adds}."""
    lines, path = {}, None
    for line in diff.splitlines():
        hunk = re.match(r"@@ -\S+ \+(\d+)(?:,(\d+))? @@", line)
        if line.startswith("+++ b/"):
            path = line.removeprefix("+++ b/")
        elif hunk:
            first, count = int(hunk[1]), int(hunk[2] or 1)
            lines.setdefault(path, set()).update(range(first, first + count))
    return lines


def said(text, lines):
    """-> messages (list of str) in text, sparse's output, about lines (as added())."""
    return list(dict.fromkeys(
        f"{path}:{number}: {words}" for path, number, words in MESSAGE.findall(text)
        if int(number) in lines.get(path, ()) and words != NOISE))


def run(composed):
    """Check all -> (files that were checked, messages), two int."""
    configs = builds.load()
    tools.need(*tools.BUILD_KERNEL, "sparse", *(name for c in configs for name in c.tools))
    base, end = composed.base.commit, composed.end
    lines = added(git(composed.tree, "diff", "-U0", "--no-renames", base, end, "--",
                      "*.c", "*.h"))
    compose.worktree(composed.tree, builds.WORKTREE, end)
    configs = [config for config in configs if builds.usable(config)]
    stage, checked, found = Stage("sparse", len(configs)), set(), []
    for config in configs:
        stage.step(config.name)
        config.empty()
        builds.configure(config)
        done = builds.make(config, *config.targets)
        if not done.returncode:
            sources = [path for path in lines if path.endswith(".c") and
                       (config.out / path).with_suffix(".o").exists()]
            done = builds.make(config, "C=2", FLAGS,
                               *(path.removesuffix(".c") + ".o" for path in sources))
            checked.update(sources)
            found += said(done.stdout, lines)
        if done.returncode:
            found.append(f"{config.name}:\n" + "\n".join(done.stdout.splitlines()[-15:]))
    stage.done(f"{len(checked)} files, {len(found)} messages")
    print(*found, sep="\n", end="\n" if found else "")
    return len(checked), len(found)

# SPDX-License-Identifier: GPL-2.0
"""KCSAN's reports: those of code that the series is about, and those of others."""

from __future__ import annotations

import re
from collections.abc import Iterable

from ..common.run import output
from .jobs import Kernel

# A report's title names the functions of both accesses, or the one that was seen.
TITLE = re.compile(r"^.*\bBUG: KCSAN: .*?race in (\S+)(?: / (\S+))?.*\n?", re.M)


def functions(kernel: Kernel, directories: Iterable[str]) -> set[str]:
    """Return the functions of kernel, which is built, whose objects lie below directories."""
    found: set[str] = set()
    for directory in directories:
        listed = output(f"{kernel.cross_compile}nm", "--format=posix", "--defined-only",
                        f"{directory}/built-in.a", cwd=kernel.out)
        found.update(match[1] for match in re.finditer(r"^(\S+) [tTwW] ", listed, re.M))
    return found


def leave_out(console: str, known: set[str]) -> tuple[str, list[str]]:
    """Return console without the titles of reports that name no function known, and those."""
    others: list[str] = []

    def judge(title: re.Match[str]) -> str:
        if known & {each for each in title.groups() if each}:
            return title[0]
        others.append(title[0].strip())
        return ""

    return TITLE.sub(judge, console), others

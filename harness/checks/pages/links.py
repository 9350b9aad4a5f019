# SPDX-License-Identifier: GPL-2.0
"""Links of a Markdown page, and where they lead."""

from __future__ import annotations

import os
import pathlib
import re
from collections.abc import Iterator

LINK = re.compile(r"\]\(([^)\s]+)\)")
CODE = re.compile(r"`[^`]*`")
ELSEWHERE = re.compile(r"[a-z]+:")


def prose(text: str) -> Iterator[tuple[int, str]]:
    """Yield number and text of each line that is no block of code."""
    fenced = False
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith("```"):
            fenced = not fenced
        elif not fenced and not line.startswith("    "):
            yield number, line


def found(text: str) -> Iterator[tuple[int, str]]:
    """Yield line and target of each link in text, a page, that leads into the repository."""
    for number, line in prose(text):
        for target in LINK.findall(CODE.sub("", line)):
            if not ELSEWHERE.match(target):
                yield number, target


def anchors(text: str) -> set[str]:
    """Return what the headings of text, a page, are called in links."""
    slugs: dict[str, int] = {}
    for _, line in prose(text):
        if heading := re.match(r"#+ +(.*)", line):
            plain = re.sub(r"\]\([^)]*\)", "]", heading[1]).lower()
            slug = re.sub(r"[^\w\- ]", "", plain).strip().replace(" ", "-")
            slugs[slug] = slugs.get(slug, -1) + 1
    return {f"{slug}-{count}" if count else slug
            for slug, most in slugs.items() for count in range(most + 1)}


def leads_to(page: pathlib.Path, target: str) -> pathlib.Path:
    """Return the file that target, a link in page, leads to."""
    path = target.partition("#")[0]
    return pathlib.Path(os.path.normpath(page.parent / path)) if path else page


def targets(page: pathlib.Path) -> set[pathlib.Path]:
    """Return the pages that page leads to; a folder leads to its README.md."""
    if page.suffix != ".md" or not page.is_file():
        return set()
    there = {leads_to(page, target) for _, target in found(page.read_text())}
    return {path / "README.md" if path.is_dir() else path for path in there}


def judge(page: pathlib.Path, root: pathlib.Path) -> tuple[int, list[str]]:
    """Return how many links page has, and which lead nowhere in the repository root."""
    count, wrong = 0, []
    for number, target in found(page.read_text()):
        count += 1
        path, anchor = leads_to(page, target), target.partition("#")[2]
        if not path.is_relative_to(root) or not path.exists():
            wrong.append(f"{number}: the link {target} leads to no file of the repository")
        elif anchor and anchor not in anchors(path.read_text()):
            wrong.append(f"{number}: the link {target} leads to no heading of {path.name}")
    return count, wrong

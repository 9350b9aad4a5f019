# SPDX-License-Identifier: GPL-2.0
"""README and pages are true: links, commands, names, numbers; the README is one screen."""

from __future__ import annotations

import pathlib
from collections.abc import Iterator

from ...common import markdown
from ...common.report import Tally
from ...common.run import ROOT
from ...common.units import Outcome, Unit
from ...kernel import mails, topics
from ...kernel.compose import Composed
from . import commands, links, names, numbers

# What one screen is, and how many clicks it may take from there to each page.
LINES, WORDS, CLICKS = 80, 800, 2

# Where each topic goes.  People and trees are those of MAINTAINERS when `make topics` asked last,
# which takes too long for a check.
ROUTES = markdown.Table("topics", markdown.PAGES / "upstream.md", mails.ROUTES)
TABLES = [numbers.TABLE, numbers.PACKAGES, ROUTES]


def all_pages(root: pathlib.Path = ROOT) -> list[pathlib.Path]:
    """Return the README and all other pages of the repository root."""
    return [root / "README.md", *sorted((root / "harness" / "doc").glob("*.md")),
            *sorted((root / "patches").rglob("*.md"))]


def units() -> list[Unit]:
    """A page each, and the tables that need no run."""
    return [*(Unit("pages", str(page.relative_to(ROOT)), inputs=("repository", "series"))
              for page in all_pages()),
            *(Unit("pages", name, inputs=("repository",)) for name in COMPARED)]


def run(composed: Composed, chosen: list[str]) -> Iterator[tuple[str, Outcome]]:
    """Judge the pages and tables chosen."""
    for name in chosen:
        yield name, COMPARED[name]() if name in COMPARED else judge(ROOT / name, composed.tree)


def routed() -> Outcome:
    """Compare what ROUTES says of topics, without people and trees, with patches/series."""
    wanted = mails.standing(topics.read()).values()
    asked = len(mails.ROUTES) - len(next(iter(wanted)))
    return markdown.differ(ROUTES.page, [markdown.line(line) for line in wanted],
                           [markdown.line(line[:-asked]) for line in ROUTES.rows()],
                           "run `make topics`, and then `make pages`")


# The units that are tables, and not pages.
COMPARED = {"numbers": lambda: numbers.TABLE.compared(numbers.rows()),
            "packages": lambda: numbers.PACKAGES.compared(numbers.packages()), "topics": routed}


def judge(page: pathlib.Path, tree: pathlib.Path, root: pathlib.Path = ROOT) -> Outcome:
    """Return what is right in page of the repository root, and what is wrong; tree: the kernel."""
    text, right = page.read_text(), 0
    wrong: list[str] = []
    for found, bad in (links.judge(page, root), commands.judge(text, tree),
                       names.judge(text, root, tree)):
        right, wrong = right + max(found - len(bad), 0), wrong + bad
    if page == root / "README.md":
        limits = too_long(text) + too_far(page, root)
        right, wrong = right + 3 - len(limits), wrong + limits
    name = page.relative_to(root)
    return Outcome(Tally(right, len(wrong)), [f"{name}:{words}" for words in wrong])


def too_long(text: str) -> list[str]:
    """Return by how much text, the README, is more than one screen."""
    return [f" it has {count} {what}, one screen has {limit}: move something to harness/doc/"
            for count, what, limit in ((len(text.splitlines()), "lines", LINES),
                                       (len(text.split()), "words", WORDS)) if count > limit]


def too_far(readme: pathlib.Path, root: pathlib.Path) -> list[str]:
    """Return which pages of root nobody finds from readme in so many clicks, in one line."""
    near = {readme}
    for _ in range(CLICKS):
        near |= {target for page in near for target in links.targets(page)}
    far = [str(page.relative_to(root)) for page in all_pages(root) if page not in near]
    return [f" more than {CLICKS} clicks to {', '.join(far)}: link them"] if far else []

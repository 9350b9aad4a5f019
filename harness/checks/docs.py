# SPDX-License-Identifier: GPL-2.0
"""Sphinx reports nothing about the kernel pages that the series brings or changes.

Only these and a few more are built, in seconds; all of the kernel's take half an hour.
"""

from __future__ import annotations

import os
import pathlib
import re
import shutil
from collections.abc import Container, Iterable, Iterator

from ..common import tools
from ..common.report import Problem, Stage, Tally, table
from ..common.run import BUILD, git, logged
from ..common.units import Outcome, Unit
from ..kernel.compose import Composed

OUT = BUILD / "docs"
TOOLS = ("gcc", "make", "sphinx", "yaml", "graphviz")

# Pages that those of the series refer to, or are part of; patterns, too.
NEEDED = ("driver-api/generic_pt", "dev-tools/coccinelle", "dev-tools/kunit/**")

WARNING = re.compile(r"^.*\b(?:WARNING|ERROR|CRITICAL|Exception|Error):? .*$", re.MULTILINE)
# Sphinx's words about a page it does not know, and the page.
MISSING = re.compile(r"(?:nonexisting document|unknown document:) '([^']+)'")


def pages(composed: Composed) -> list[str]:
    """Return the names, without .rst, of the pages that the series changes."""
    changed = git(composed.tree, "diff", "--name-only", "--no-renames", "--diff-filter=d",
                  composed.base.commit, composed.end, "--",
                  "Documentation/*.rst").split()
    return [path.removeprefix("Documentation/").removesuffix(".rst") for path in changed]


def around(names: Iterable[str]) -> list[str]:
    """Return the pages names, NEEDED and the indexes above them."""
    folders = {folder for name in names for folder in pathlib.PurePath(name).parents}
    return sorted({*names, *NEEDED, *(str(folder / "index") for folder in folders)})


def warnings(text: str, documentation: pathlib.Path, built: Container[str]) -> list[str]:
    """Return the warnings in text, what the build printed.

    That a page of documentation is missing, which is only not among those built, is none.
    """
    found = []
    for line in WARNING.findall(text):
        missing = MISSING.search(line)
        if missing:
            page = pathlib.Path(line.split(":")[0])
            whole = "toctree" in line or missing[1].startswith("/")
            path = (documentation if whole else page.parent) / missing[1].lstrip("/")
            if missing[1] not in built and path.with_suffix(".rst").exists():
                continue
        found.append(line)
    return found


def units() -> list[Unit]:
    """Just one."""
    return [Unit("docs", tools=TOOLS)]


def build(composed: Composed) -> tuple[list[str], list[str]]:
    """Build the pages; return their names, and what Sphinx complains of."""
    tools.need(*TOOLS)
    mine = pages(composed)
    if not mine:
        raise Problem("the series brings no page below Documentation/")
    built = around(mine)
    shutil.rmtree(OUT, ignore_errors=True)
    stage = Stage(f"build {len(mine)} pages of documentation")
    # netlink's pages are made from tables, wherever a build starts.
    options = ("-D exclude_patterns=netlink -D include_patterns=" +
               ",".join(name + ".rst" for name in built))
    log = logged("docs.log", "make", "htmldocs", f"BUILDDIR={OUT}", f"SPHINXOPTS={options}",
                 cwd=composed.tree, env={"PATH": f"/usr/bin:{os.environ['PATH']}"})
    found = warnings(log.read_text(errors="replace"), composed.tree / "Documentation", built)
    missing = [name for name in mine if not (OUT / f"{name}.html").exists()]
    found += [f"{name}.rst gave no page, see {log}" for name in missing]
    stage.done(f"{len(found)} warnings")
    return mine, found


def run(composed: Composed, names: list[str]) -> Iterator[tuple[str, Outcome]]:
    """Build them, and say where they are."""
    mine, found = build(composed)
    table(["page", "file"], [[name, OUT / f"{name}.html"] for name in mine])
    for name in names:
        yield name, Outcome(Tally(len(mine), len(found)), found)

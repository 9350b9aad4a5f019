# SPDX-License-Identifier: GPL-2.0
"""A kernel beside the composed one: the base with other topics, or without a patch."""

from __future__ import annotations

import pathlib

from ..common.run import BUILD, ROOT, git
from . import compose, topics
from .compose import Composed
from .patches import PLAIN

TOP = BUILD / "history"
TREE = TOP / "linux"

# What the end-to-end jobs' kernels have for tests: with it the base takes the same
# configuration as the series, and ccache has most objects.
SUITES = ["end-to-end", "benchmark"]
# What runs drivers on models, on a base with fixes.
MODELS = ["fixes/*", "kunit-mmio", *SUITES, "models"]
# The benchmark's page tables where there is no tlb_add_range().
OLD_TABLES = ROOT / "harness" / "checks" / "cost" / "7.3.patch"


def checkout(composed: Composed, patterns: list[str], without: str = "",
             edit: pathlib.Path | None = None) -> None:
    """Make TREE the base with the topics that patterns, as fixes/*, match.

    without: name of a patch, without number and ending, that is left out; edit: a patch
    that is applied in the end.  Raises Problem if one of them does not apply.
    """
    parts = topics.chosen(topics.read(), patterns)
    compose.beside(composed, TREE, parts, (topics.find(without),) if without else ())
    if "benchmark" in parts and "io-pgtable" not in parts:
        git(TREE, "apply", OLD_TABLES, env=PLAIN)
    if edit:
        git(TREE, "apply", edit, env=PLAIN)

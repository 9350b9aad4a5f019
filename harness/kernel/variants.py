# SPDX-License-Identifier: GPL-2.0
"""A kernel beside the composed one: the base with other topics, or without a patch."""

from __future__ import annotations

import pathlib

from ..common.run import BUILD, ROOT, git
from . import compose, topics
from .compose import Composed
from .patches import PLAIN
from .topics import Parts

TOP = BUILD / "history"
TREE = TOP / "linux"

# What the end-to-end jobs' kernels have for tests: with it the base takes the same
# configuration as the series, and ccache has most objects.
SUITES = ["end-to-end", "benchmark"]
# What runs drivers on models, on a base with fixes.
MODELS = ["fixes/*", "kunit-mmio", *SUITES, "models"]
# Where more are at the same time, each in a folder of its name.
BESIDE = BUILD / "variants"
# What the benchmark is changed by where a topic is not there.
OLDER = {topic: ROOT / "harness" / "checks" / "cost" / f"without-{topic}.patch"
         for topic in ("sync", "io-pgtable")}


def checkout(composed: Composed, patterns: list[str], without: str = "",
             edit: pathlib.Path | None = None, tree: pathlib.Path = TREE) -> None:
    """Make tree the base with the topics that patterns, as fixes/*, match; see put()."""
    put(composed, topics.chosen(topics.read(), patterns), without, edit, tree)


def put(composed: Composed, parts: Parts, without: str = "", edit: pathlib.Path | None = None,
        tree: pathlib.Path = TREE) -> None:
    """Make tree the base with parts of topics.

    without: name of a patch, without number and ending, that is left out; edit: a patch
    that is applied in the end.  Raises Problem if one of them does not apply.
    """
    compose.beside(composed, tree, parts, (topics.find(without),) if without else ())
    for topic, patch in OLDER.items():
        if "benchmark" in parts and topic not in parts:
            git(tree, "apply", patch, env=PLAIN)
    if edit:
        git(tree, "apply", edit, env=PLAIN)


def with_suites(topic: str) -> tuple[Parts, Parts]:
    """Return what topic needs, and that with topic, both with SUITES."""
    known = topics.read()
    topics.must_be_in(topic, known)
    suites = topics.chosen(known, SUITES)
    both = ({**topics.below(known, known[topic].needs), **suites},
            {**topics.alone(known, topic), **suites})
    before, after = ({name: parts[name] for name in known if name in parts} for parts in both)
    return before, after

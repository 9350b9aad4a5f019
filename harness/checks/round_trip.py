# SPDX-License-Identifier: GPL-2.0
"""export(compose(repository)) is the repository."""

from __future__ import annotations

from collections.abc import Iterator

from ..common.report import Tally
from ..common.units import Outcome, Unit
from ..kernel import export
from ..kernel.compose import Composed


def units() -> list[Unit]:
    """Just one."""
    return [Unit("round-trip", inputs=("repository", "composer"))]


def run(composed: Composed, names: list[str]) -> Iterator[tuple[str, Outcome]]:
    """Export composed, and compare."""
    for name in names:
        wrong = [f"export would change {path}" for path in export.round_trip(composed.tree)]
        count = sum(len(topic.commits) for topic in composed.topics)
        yield name, Outcome(Tally(0 if wrong else count, len(wrong)), wrong)

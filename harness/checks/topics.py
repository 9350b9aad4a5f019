# SPDX-License-Identifier: GPL-2.0
"""Each topic applies by `git am` to what it needs, and needs all of that."""

from __future__ import annotations

from collections.abc import Iterator

from ..common.report import Problem, Tally
from ..common.units import Outcome, Unit
from ..kernel import topics
from ..kernel.commits import Commits
from ..kernel.compose import Composed


def units() -> list[Unit]:
    """A topic each."""
    return [Unit("topics", name, inputs=("code",), topic=name) for name in topics.read()]


def run(composed: Composed, names: list[str]) -> Iterator[tuple[str, Outcome]]:
    """Apply each of the topics names to what it needs, and to less than that."""
    known = topics.read()
    with Commits(composed.base, tree=composed.tree) as commits:
        for name in names:
            wrong = judge(commits, known, known[name])
            yield name, Outcome(Tally(max(1 + len(known[name].needs) - len(wrong), 0), len(wrong)),
                                wrong)


def judge(commits: Commits, known: dict[str, topics.Topic], topic: topics.Topic) -> list[str]:
    """Return what is not as patches/series says of topic."""
    def fails(needs: list[topics.Need]) -> str:
        """Return why topic does not apply to needs, "" if it does."""
        try:
            commits.make({**topics.below(known, needs), topic.name: len(topic.patches)})
        except Problem as problem:
            return str(problem)
        return ""

    why = fails(topic.needs)
    if why:
        return [f"{topic.name} does not apply to what it needs: {why}"]
    wrong = []
    for place, need in enumerate(topic.needs):
        if need.why:
            continue
        fewer = list(topic.needs)
        whole = need.count or len(known[need.topic].patches)
        fewer[place:place + 1] = [] if need.count in (None, 1) else [
            topics.Need(need.topic, whole - 1)]
        if not fails(fewer):
            wrong.append(f"{topic.name} applies without " + (
                f"patch {whole} of " if need.count else "") + f"{need.topic}: remove that need "
                "from patches/series, or give the reason there why it is wrong without")
    why = fails([need for need in topic.needs if not need.why])
    if why:
        wrong.append(f"{topic.name} does not apply without what it needs for a reason: {why}; "
                     "in patches/series, a need without which it does not apply has none")
    return wrong

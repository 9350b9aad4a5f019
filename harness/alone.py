# SPDX-License-Identifier: GPL-2.0
"""Each topic applies to the base and what it needs, and to nothing less."""

from . import topics
from .commits import Commits
from .compose import Composed
from .report import Problem, Stage


def applies(composed: Composed) -> tuple[int, int]:
    """Apply each topic to what it needs, and to less than that, with `git am`.

    Returns topics and needs that are as patches/series says, and that are not.
    """
    known = topics.read()[1]
    passed, wrong = 0, []
    stage = Stage("topics", len(known))
    with Commits(composed.base, tree=composed.tree) as commits:
        for name, topic in known.items():
            stage.step(name)
            found = judge(commits, known, topic)
            wrong += found
            passed += max(1 + len(topic.needs) - len(found), 0)
    stage.done(f"{len(wrong)} wrong")
    print(*wrong, sep="\n", end="\n" if wrong else "")
    return passed, len(wrong)


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
                f"patch {whole} of " if need.count else "") + f"{need.topic}: take that need out "
                "of patches/series, or say there why it is wrong without")
    why = fails([need for need in topic.needs if not need.why])
    if why:
        wrong.append(f"{topic.name} does not apply without what it needs for a reason: {why}; "
                     "in patches/series, a need without which it does not apply has none")
    return wrong

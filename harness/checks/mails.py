# SPDX-License-Identifier: GPL-2.0
"""The mails of each topic, on what it needs, are that topic."""

from __future__ import annotations

import pathlib
import tempfile
from collections.abc import Iterator

from ..common.report import Tally
from ..common.units import Outcome, Unit
from ..kernel import commits, mails, topics
from ..kernel.compose import Composed

# What mails are made of, besides the topic: who writes them, and whom MAINTAINERS names.
INPUTS = ("topic", "composer", "scripts")


class Mails:
    """The mails of topics, written once for all checks of a run."""

    def __init__(self) -> None:
        self.scratch: tempfile.TemporaryDirectory[str] | None = None
        self.paths: dict[str, pathlib.Path] = {}

    def of(self, composed: Composed, name: str) -> pathlib.Path:
        """Return the directory with the mails of topic name."""
        self.scratch = self.scratch or tempfile.TemporaryDirectory()
        if name not in self.paths:
            self.paths.update(mails.write(composed, [name], pathlib.Path(self.scratch.name),
                                          who=commits.composer()))
        return self.paths[name]


WRITTEN = Mails()


def units() -> list[Unit]:
    """A topic each."""
    return [Unit("mails", name, tools=("perl", "git-email", "mailtools"), inputs=INPUTS,
                 topic=name) for name in topics.read()]


def run(composed: Composed, names: list[str]) -> Iterator[tuple[str, Outcome]]:
    """Apply the mails of each of the topics names, as their readers do."""
    for name in names:
        directory = WRITTEN.of(composed, name)
        count = len(mails.of_patches(directory))
        if mails.applies(composed, directory, name):
            yield name, Outcome(Tally(count, 0))
        else:
            yield name, Outcome(Tally(0, count),
                                [f"the mails in {directory} are not the topic {name}"])

# SPDX-License-Identifier: GPL-2.0
"""What checks are made of: units, each of which runs by itself, and what comes of them."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

from .report import Tally


@dataclass(frozen=True)
class Unit:
    """The smallest part of a check that runs by itself.

    name: "" if the check has just this one; setup: what it shares with others, as the
    kernel that they run; tools: keys of tools.TABLE; sample: `make check` runs it.
    inputs: keys of inputs.KINDS, what decides its outcome besides what decides all.
    topic: the one that it is about, if it is about one; parts: patterns of the topics that
    its kernel has, if not all.
    """
    check: str
    name: str = ""
    setup: str = ""
    tools: tuple[str, ...] = ()
    sample: bool = True
    inputs: tuple[str, ...] = ("series",)
    topic: str = ""
    parts: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        """What `make unit ID=` calls it, without blanks or anything a shell heeds."""
        name = re.sub(r"[^\w/.-]+", "-", self.name)
        return f"{self.check}/{name}" if name else self.check


@dataclass
class Outcome:
    """What came of a unit.

    words: lines that say what is wrong; data: what close() of the check makes its tables
    of, as JSON knows it; before: it is that of an earlier run; at: when it was there, in
    seconds since 1970, 0 if that is not known.
    """
    tally: Tally
    words: list[str] = field(default_factory=list)
    data: Any = None
    seconds: float = 0.0
    before: bool = False
    at: float = field(default_factory=time.time, compare=False)


class Check(Protocol):
    """What each module of checks/ has; the first line of its docstring says what it holds."""
    __doc__: str | None

    def units(self) -> list[Unit]:
        """Return its units; those that no sample has run only when they are named."""

    def run(self, composed: Any, names: list[str], /) -> Iterator[tuple[str, Outcome]]:
        """Run the units called names, and yield name and outcome of each when it is done.

        Raises Problem if what they share fails.
        """


def close(module: Any, outcomes: dict[str, Outcome]) -> Outcome:
    """Return what module (a Check) has to say of the outcomes of all its units; it prints
    its tables.  Most have nothing to say."""
    own: Callable[[dict[str, Outcome]], Outcome] | None = getattr(module, "close", None)
    return own(outcomes) if own else Outcome(Tally())

# SPDX-License-Identifier: GPL-2.0
"""What the user sees: stages with progress and time, closing tables, errors."""

from __future__ import annotations

import contextlib
import io
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TextIO, cast


class Problem(Exception):
    """An error the user can act on: what failed, why, and what to do."""


class Stopped(BaseException):
    """This thread is to end, as the run was interrupted."""


# Set when all threads are to end.
STOP = threading.Event()


def go_on() -> None:
    """Raise Stopped if it is time to end."""
    if STOP.is_set():
        raise Stopped


@dataclass(frozen=True)
class Tally:
    """How many things are as they should be, and how many are not."""
    passed: int = 0
    failed: int = 0

    def __add__(self, other: Tally) -> Tally:
        return Tally(self.passed + other.passed, self.failed + other.failed)


class Stage:
    """One long step: prints its name, how far it is and the time it took.

    On a terminal the line is redrawn at each step(); elsewhere a line is
    printed once a minute, so that a log stays readable.
    """

    def __init__(self, name: str, total: int = 0):
        """name: what is done; total: number of steps, 0 if unknown."""
        self.name = name
        self.total = total
        self.count = 0
        self.start = self.drawn = time.monotonic()
        self._draw("...")

    def _draw(self, text: str, end: str = "\n") -> None:
        count = f" {self.count}/{self.total}" if self.total else ""
        elapsed = time.monotonic() - self.start
        print(f"[{elapsed:5.0f} s] {self.name}{count}: {text}", end=end, flush=True)

    def step(self, text: str = "") -> None:
        """Count one step done; text: what the next one is about."""
        go_on()
        self.count += 1
        if sys.stdout.isatty():
            self._draw(f"{text:<60.60}", end="\r")
        elif time.monotonic() - self.drawn > 60:
            self.drawn = time.monotonic()
            self._draw(text)

    def done(self, text: str = "done") -> None:
        """Close the stage; text: its result."""
        if sys.stdout.isatty():
            print("\033[K", end="")
        self._draw(text)


class Lines(io.TextIOBase):
    """Passes whole lines on to stream, so that those of several threads stay apart."""

    def __init__(self, stream: TextIO):
        self.stream = stream
        self.own = threading.local()

    def write(self, text: str) -> int:
        """Keep text until its line is complete, or redrawn."""
        self.own.kept = getattr(self.own, "kept", "") + text
        if text.endswith(("\n", "\r")):
            self.stream.write(self.own.kept)
            self.stream.flush()
            self.own.kept = ""
        return len(text)

    def isatty(self) -> bool:
        """Whether the stream is a terminal."""
        return self.stream.isatty()


@contextlib.contextmanager
def whole_lines() -> Iterator[None]:
    """Have threads print lines that are not mixed."""
    with contextlib.redirect_stdout(cast(TextIO, Lines(sys.stdout))):
        yield


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print rows below head, columns aligned."""
    lines = [head, *rows]
    width = [max(len(str(line[i])) for line in lines) for i in range(len(head))]
    for i, line in enumerate(lines):
        print("  ".join(f"{str(cell):<{w}}" for cell, w in zip(line, width)).rstrip())
        if i == 0:
            print("  ".join("-" * w for w in width))


def minutes(seconds: float) -> str:
    """Return seconds as "3 min 07 s"."""
    return f"{int(seconds) // 60} min {int(seconds) % 60:02d} s"

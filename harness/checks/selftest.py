# SPDX-License-Identifier: GPL-2.0
"""The harness's own tests pass."""

from __future__ import annotations

import concurrent.futures
import json
import os
from collections.abc import Iterator

from ..common import tools
from ..common.report import Tally
from ..common.run import PYTHON, ROOT, Done, tried
from ..common.units import Outcome, Unit


# Bytes that modules of tests may need at the same time, and more.
LEAST = 1 << 30


def units() -> list[Unit]:
    """A module of harness/tests each."""
    return [Unit("selftest", path.stem.removeprefix("test_"), tools=tools.BUILD_KERNEL,
                 inputs=("tests",))
            for path in sorted((ROOT / "harness" / "tests").glob("test_*.py"))]


def run(_composed: object, names: list[str]) -> Iterator[tuple[str, Outcome]]:
    """Run the modules called names, as many at a time as there are CPUs."""
    env = in_memory()

    def test(name: str) -> Done:
        return tried(PYTHON, "-m", "harness.tests", name, cwd=ROOT, env=env)

    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for name, done in zip(names, pool.map(test, names)):
            tally = counted(done)
            yield name, Outcome(tally, done.stdout.splitlines() if tally.failed else [])


def in_memory(where: str = "/dev/shm") -> dict[str, str]:
    """Return the environment that has tests make their many small git trees in where, memory.

    It is empty where there is too little of that, or nothing there may be executed.
    """
    try:
        found = os.statvfs(where)
    except OSError:
        return {}
    fits = found.f_bavail * found.f_frsize > LEAST and not found.f_flag & os.ST_NOEXEC
    return {"TMPDIR": where} if fits and os.access(where, os.W_OK) else {}


def counted(done: Done) -> Tally:
    """Return what the last line of done says; that none passed is a failure."""
    try:
        tally = Tally(**json.loads(done.stdout.splitlines()[-1]))
    except (IndexError, TypeError, ValueError):
        tally = Tally()
    return tally if tally.failed or not done.returncode and tally.passed else tally + Tally(0, 1)

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


def units() -> list[Unit]:
    """A module of harness/tests each."""
    return [Unit("selftest", path.stem.removeprefix("test_"), tools=tools.BUILD_KERNEL,
                 inputs=("tests",))
            for path in sorted((ROOT / "harness" / "tests").glob("test_*.py"))]


def run(_composed: object, names: list[str]) -> Iterator[tuple[str, Outcome]]:
    """Run the modules called names, as many at a time as there are CPUs."""
    def test(name: str) -> Done:
        return tried(PYTHON, "-m", "harness.tests", name, cwd=ROOT)

    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for name, done in zip(names, pool.map(test, names)):
            tally = counted(done)
            yield name, Outcome(tally, done.stdout.splitlines() if tally.failed else [])


def counted(done: Done) -> Tally:
    """Return what the last line of done says; that none passed is a failure."""
    try:
        tally = Tally(**json.loads(done.stdout.splitlines()[-1]))
    except (IndexError, TypeError, ValueError):
        tally = Tally()
    return tally if tally.failed or not done.returncode and tally.passed else tally + Tally(0, 1)

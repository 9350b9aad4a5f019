# SPDX-License-Identifier: GPL-2.0
"""`make soak`: random operations on every driver that has a model, for as long as one likes."""

from __future__ import annotations

import dataclasses
import random
from time import monotonic
from collections.abc import Callable

from ..common.report import Problem, Stage, Tally, minutes, table
from ..kernel.compose import Composed
from . import drivers, jobs, kunit, verdict

CASE = "soak_test"
OPERATIONS = 100_000    # of each driver, in a boot


def number(name: str, text: str, default: int) -> int:
    """Return the number in text, default if there is none; raise Problem if it is not one."""
    if text and not (text.isdecimal() and 0 < int(text) < 2 ** 32):
        raise Problem(f"{name}={text} is not a number from 1 on")
    return int(text or default)


def soak(compose: Callable[[], Composed], seed: str, time: str) -> Tally:
    """Boot with one seed after another until time is over, or one fails.

    seed: the first; a random one if it is "".  time: in minutes, 10 if it is "".
    """
    first = number("SEED", seed, random.SystemRandom().randrange(1, 2 ** 31))
    limit = 60 * number("TIME", time, 10)
    composed, job = compose(), jobs.load()[drivers.MODELS]
    if not kunit.build(composed.tree, job.kernel):
        raise Problem(f"the kernel {job.kernel.name} does not build")
    tally, last, start = Tally(), first - 1, monotonic()
    stage = Stage("soak")
    while not tally.failed and (last < first or monotonic() - start < limit):
        last += 1
        stage.step(f"seed {last}")
        ran = kunit.start(composed.tree, dataclasses.replace(
            job, filter=f"*.{CASE}", timeout=3600, kernel_args=[
                *job.kernel_args, f"iommu_hw.seed={last}", f"iommu_hw.operations={OPERATIONS}"]),
            "soak", lambda: None)
        found = verdict.cases(ran.report) if ran.report else {}
        failed = sorted(case for case, status in found.items() if "FAIL" in status)
        tally += Tally(len(found) - len(failed), len(failed) or int(not found))
    stage.done("FAILED" if tally.failed else "done")
    table(["seeds", "drivers' suites", "operations each", "passed", "failed", "time"],
          [[f"{first} to {last}", len(found), OPERATIONS, tally.passed, tally.failed,
            minutes(monotonic() - start)]])
    if tally.failed:
        print(*failed or ["no case ran"], f"`make soak SEED={last}` repeats it; {ran.logs}",
              sep="\n")
    return tally

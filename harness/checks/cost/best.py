# SPDX-License-Identifier: GPL-2.0
"""What was won is not lost: no path takes more than best.json says it once took.

Counts are those of one compiler: {its version: {path: [instructions, commands]}}.
What is meant to take more is put there by `make cost` and `make pages`, and seen in the diff.
"""

from __future__ import annotations

import json
import pathlib

from ...common.run import output
from ...boot import jobs
from . import count
from .count import SERIES, Driver

FILE = count.FOLDER / "best.json"

Best = dict[str, dict[str, list[int | None]]]


def read(path: pathlib.Path | None = None) -> Best:
    """Return what path, FILE if absent, says."""
    found: Best = json.loads((path or FILE).read_text())
    return found


def compiler(arch: str) -> str:
    """Return the version of the compiler that kernels of arch are built with."""
    prefix = next(job.kernel.cross_compile for job in jobs.load().values()
                  if job.kernel.arch == arch)
    return output(f"{prefix}gcc", "-dumpfullversion").strip()


def counted(drivers: list[Driver]) -> Best:
    """Return what paths took with the series."""
    found: Best = {}
    for driver in drivers:
        for path, shape, n, cost in count.paths(driver):
            what = f"{driver.arch}, {driver.name}: {path}, {shape} {n or ''}".rstrip()
            found.setdefault(f"gcc {compiler(driver.arch)}", {})[what] = [*cost[SERIES]]
    return found


def compare(drivers: list[Driver], known: Best) -> tuple[int, list[str], str]:
    """Return how many paths take no more than known, those that do, and a line on both."""
    right, fewer, unknown = 0, 0, 0
    wrong: list[str] = []
    for name, paths in counted(drivers).items():
        for what, now in paths.items():
            once = known.get(name, {}).get(what)
            if once is None:
                unknown += 1
                continue
            more = [f"{mine} {unit}, {best} before" for mine, best, unit in
                    zip(now, once, ("instructions", "commands"))
                    if mine is not None and best is not None and mine > best]
            wrong += [f"{what}: {each}" for each in more]
            right += not more
            fewer += now != once and not more
    return right, wrong, (f"{right} paths take no more than before, {fewer} of them less; "
                          f"{unknown} are new, or new with this compiler")


def merged(known: Best, now: Best) -> Best:
    """Return known with what was counted now, which replaces all of the same compiler."""
    return {**known, **{name: dict(sorted(paths.items())) for name, paths in now.items()}}


def write(path: pathlib.Path, best: Best) -> None:
    """Write best to path, a line each."""
    path.write_text("{\n" + ",\n".join(
        f"{json.dumps(name)}: {{\n" + ",\n".join(
            f"{json.dumps(what)}: {json.dumps(costs)}" for what, costs in paths.items()) + "\n}"
        for name, paths in sorted(best.items())) + "\n}\n")

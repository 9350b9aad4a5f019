# SPDX-License-Identifier: GPL-2.0
"""What drivers on models of their hardware write to it to unmap and sync."""

from __future__ import annotations

import dataclasses
import pathlib
import re
from collections.abc import Iterator

from ...common.report import Problem, Stage
from ...kernel import variants
from ...kernel.compose import Composed
from ...boot import drivers, jobs, kunit
from .. import models_history
from .count import BASE, SERIES

CASE = "commands_test"
# How suites are called that have cases of one driver only, and not CASE.
OWN = "_own"
LINE = re.compile(r"commands: (\S+ \d+) (\d+) (\d+) (\d+)")


# Writes, invalidations and syncs, by suite, by shape and number, by version.
Writes = dict[str, dict[str, dict[str, str]]]


def read(console: str) -> dict[str, str]:
    """Return writes, invalidations and syncs in the kernel log, by shape and number."""
    return {line[1]: f"{line[2]}, {line[3]}, {line[4]}" for line in LINE.finditer(console)}


def suites() -> list[str]:
    """Return the suites that have CASE."""
    return sorted(suite for driver in drivers.load() for suite in driver.suites
                  if not suite.endswith(OWN))


def kernels(composed: Composed) -> Iterator[tuple[str, pathlib.Path, jobs.Kernel]]:
    """Yield base and series: version, work tree, kernel to be built from it."""
    job = jobs.load()[drivers.MODELS]
    variants.checkout(composed, variants.MODELS)
    yield BASE, variants.TREE, models_history.kernel_of(job)
    yield SERIES, composed.tree, job.kernel


def count(composed: Composed) -> Writes:
    """Return what all suites write; raises Problem if one fails."""
    job = jobs.load()[drivers.MODELS]
    found: Writes = {suite: {} for suite in suites()}
    for version, tree, kernel in kernels(composed):
        if not kunit.build(tree, kernel):
            raise Problem(f"the kernel {kernel.name} does not build")
        stage = Stage(f"register writes, {version}", len(found))
        for suite in found:
            stage.step(suite)
            ran = kunit.start(tree, dataclasses.replace(
                job, kernel=kernel, filter=f"{suite}.{CASE}"), f"registers-{version}",
                lambda: None)
            lines = read(ran.console)
            if not lines:
                raise Problem(f"{suite} reported no register writes, {ran.logs}")
            for what, numbers in lines.items():
                found[suite].setdefault(what, {})[version] = numbers
        stage.done()
    return found

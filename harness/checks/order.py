# SPDX-License-Identifier: GPL-2.0
"""Cases on models give the same results shuffled, and each by itself."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Iterator

from ..common.report import Problem, Stage, Tally
from ..common.units import Outcome, Unit
from ..kernel.compose import Composed
from ..boot import drivers, jobs, kunit, verdict

# What decides the order of the shuffled run, for the suites' parameter iommu_hw.order.
SEED = 1

Cases = dict[str, set[str]]


def units() -> list[Unit]:
    """One for each kind of run."""
    kernel = jobs.load()[drivers.MODELS].kernel
    return [Unit("order", name, kernel.name, kunit.tools_of(kernel)) for name in RUNS]


def come_to(tree: pathlib.Path, job: jobs.Job) -> Cases:
    """Return what the cases of job come to; none if the kernel does not boot."""
    ran = kunit.start(tree, job, "order", lambda: None)
    return verdict.cases(ran.report) if ran.report else {}


def alone(tree: pathlib.Path, job: jobs.Job, listed: Cases) -> Cases:
    """Return what the cases listed come to, each in a boot with none of its suite before it."""
    found: Cases = {}
    names = sorted({case.partition(".")[2] for case in listed})
    stage = Stage("order alone", len(names))
    for name in names:
        stage.step(name)
        found.update(come_to(tree, dataclasses.replace(job, filter=f"{job.filter}.{name}")))
    stage.done()
    return found


def shuffled(tree: pathlib.Path, job: jobs.Job, _listed: Cases) -> Cases:
    """Return what cases come to in a boot where those of each driver are shuffled."""
    args = [*job.kernel_args, f"iommu_hw.order={SEED}"]
    return come_to(tree, dataclasses.replace(job, kernel_args=args))


RUNS = {"alone": alone, "shuffled": shuffled}


def differ(listed: Cases, found: Cases) -> list[str]:
    """Return what is said of cases that do not come to the same."""
    return [f"{case}: {' '.join(sorted(found.get(case, {'did not run'})))}, "
            f"in the order listed {' '.join(sorted(listed.get(case, {'did not run'})))}"
            for case in sorted(listed.keys() | found.keys())
            if listed.get(case) != found.get(case)]


def run(composed: Composed, names: list[str]) -> Iterator[tuple[str, Outcome]]:
    """Run all cases as listed, and then those runs that names has."""
    job = jobs.load()[drivers.MODELS]
    if not kunit.build(composed.tree, job.kernel):
        raise Problem(f"the kernel {job.kernel.name} does not build")
    listed = come_to(composed.tree, job)
    if not listed:
        raise Problem(f"the kernel {job.kernel.name} ran no case")
    for name in names:
        wrong = differ(listed, RUNS[name](composed.tree, job, listed))
        yield name, Outcome(Tally(len(listed) - len(wrong), len(wrong)), wrong)

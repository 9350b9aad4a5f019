# SPDX-License-Identifier: GPL-2.0
"""The tables of jobs.toml: KUnit jobs, and the kernels that they run."""

from __future__ import annotations

import pathlib
import re
import shlex
from dataclasses import dataclass, field, replace
from typing import Any

from ..common import tables
from ..common.run import BUILD, ROOT

KUNIT = "tools/testing/kunit/kunit.py"

# Seconds that a job with an IOMMU may take where virtual time is real time.
REAL_TIME = 900

# The kernel's argument that tells the DMA API what to do on unmap.
MODES = {"": "", "strict": "iommu.strict=1", "lazy": "iommu.strict=0"}


@dataclass
class Kernel:
    """One table of jobs.toml below kernel: what to build, shared by jobs."""
    name: str
    kunitconfig: list[str]
    arch: str = "um"
    kconfig_add: list[str] = field(default_factory=list)
    trim: list[str] = field(default_factory=list)
    cross_compile: str = ""
    tools: list[str] = field(default_factory=list)
    topic: str = ""
    top: pathlib.Path = BUILD

    @property
    def out(self) -> pathlib.Path:
        """The build directory.

        It lies to top/linux as any other does: ccache sees the same paths.
        """
        return self.top / "kunit" / self.name


@dataclass
class Job:
    """One table of jobs.toml below job, in one of its modes if it has any."""
    name: str
    about: str
    kernel: Kernel
    suites: list[str]
    default: bool = False
    filter: str = ""
    qemu_args: str = ""
    kernel_args: list[str] = field(default_factory=list)
    iommu: str = ""
    mode: str = ""
    always: bool = False
    commands: list[str] = field(default_factory=list)
    trace: list[str] = field(default_factory=list)
    console: list[str] = field(default_factory=list)
    timeout: int = 300
    programs: list[str] = field(default_factory=list)
    check: bool = True
    skips: dict[str, int] = field(default_factory=dict)
    sanitizer: str = ""
    races: list[str] = field(default_factory=list)

    @property
    def facts(self) -> str:
        """All that is said of it, but for where its kernel lies."""
        return repr(replace(self, kernel=replace(self.kernel, top=pathlib.Path())))

    @property
    def cpus(self) -> int:
        """How many CPUs it has."""
        several = re.search(r"(-smp |\bncpus=)(\d+)", " ".join([self.qemu_args, *self.kernel_args]))
        return int(several[2]) if several else 1

    @property
    def virtual(self) -> bool:
        """Whether it has virtual time: QEMU counts the instructions of one CPU only."""
        return bool(self.iommu) and self.cpus == 1


def load(path: pathlib.Path = ROOT / "harness" / "boot" / "jobs.toml") -> dict[str, Job]:
    """Return the jobs of path by name; raises Problem if a table is wrong."""
    return tables.load(path, _made)


def _made(known: dict[str, Any]) -> dict[str, Job]:
    kernels, jobs = {}, {}
    for name, table in known["kernel"].items():
        like = known["kernel"][table.pop("like")] if "like" in table else {}
        table = like | table
        table["kconfig_add"] = table.get("kconfig_add", []) + table.pop("with", [])
        without = table.pop("without", [])
        table["trim"] = [each for each in table.get("trim", []) if each not in without]
        known["kernel"][name] = table   # for those that are like it
        kernels[name] = Kernel(name=name, **table)
    for kernel in kernels.values():
        kernel.top = BUILD / "alone" if kernel.topic else BUILD
    for name, table in known["job"].items():
        table["kernel"] = kernels[table["kernel"]]
        for mode in table.pop("modes", [""]):
            full = f"{name}-{mode}" if MODES[mode] else name
            jobs[full] = Job(name=full, mode=mode, **table)
    for kind, table in known.get("sanitizer", {}).items():
        for name in table.pop("jobs"):
            add = sanitized(jobs[name], kind, **table)
            jobs[add.name] = add
    return jobs


def sanitized(job: Job, kind: str, about: str, kconfig_add: list[str], console: list[str],
              slower: int, check: list[str], races: list[str] | None = None) -> Job:
    """Return a copy of job with a kernel of its own, by one table of jobs.toml below sanitizer."""
    kernel = replace(job.kernel, name=f"{job.kernel.name}-{kind}",
                     kconfig_add=job.kernel.kconfig_add + kconfig_add)
    return replace(job, name=f"{job.name}-{kind}", about=f"{about}: {job.about}", kernel=kernel,
                   console=job.console + console, default=False, sanitizer=kind,
                   timeout=job.timeout * slower, check=job.name in check, races=races or [])


def build_options(kernel: Kernel) -> list[str]:
    """Return what kunit.py is to be told about kernel."""
    line = [] if kernel.arch == "um" else [f"--arch={kernel.arch}"]
    if kernel.cross_compile:
        line.append(f"--cross_compile={kernel.cross_compile}")
    line += [f"--kunitconfig={path}" for path in kernel.kunitconfig]
    return line + [f"--kconfig_add={option}" for option in kernel.kconfig_add]


def run_options(job: Job, more: str = "") -> list[str]:
    """Return what kunit.py is to be told to run job; more: further arguments for QEMU."""
    line = []
    qemu = " ".join(filter(None, [job.qemu_args, more]))
    if qemu:
        line.append(f"--qemu_args={qemu}")
    if job.mode:
        line.append(f"--kernel_args={MODES[job.mode]}")
    line += [f"--kernel_args={argument}" for argument in job.kernel_args]
    return line + ([job.filter] if job.filter else [])


def upstream(job: Job) -> str:
    """Return the command that runs job in any kernel tree, or where its programs lie."""
    if job.programs:
        return " ".join(f"harness/boot/{path}.c" if path.startswith("guest/") else
                        f"tools/testing/selftests/{path}" for path in job.programs)
    patience = [f"--timeout={REAL_TIME}"] if job.iommu else []
    return shlex.join([f"./{KUNIT}", "run", *build_options(job.kernel), *patience,
                       *run_options(job)])

# SPDX-License-Identifier: GPL-2.0
"""Build the kernels of jobs.toml and run the jobs with the kernel's own kunit.py."""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import os
import pathlib
import re
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from ..common import tools
from ..common.report import Stage, go_on
from ..common.run import BUILD, PYTHON, ROOT, Done, children, tried
from ..kernel import compose, topics
from . import programs, qemu, races, verdict
from .jobs import KUNIT, Job, Kernel, build_options, run_options

# Virtual time that does not wait for real time: edu takes 100 ms for each DMA.
VIRTUAL = "-icount shift=0,sleep=off -rtc clock=vm"


# Architectures of several kernels: most objects are the same, though the configurations, which
# all files include, are not.
SEVERAL = ("um", "arm64")
# ccache for the others.
NO_INCBIN = pathlib.Path(__file__).with_name("no-incbin.sh")

# Who builds where and when is part of an image that else is always the same.
SAME = {"KBUILD_BUILD_TIMESTAMP": "@0", "KBUILD_BUILD_USER": "iotlb-sync",
        "KBUILD_BUILD_HOST": "iotlb-sync", "KBUILD_BUILD_VERSION": "1"}


class Target(Protocol):
    """What is built: where, for what, and with whose compiler."""
    @property
    def out(self) -> pathlib.Path: ...
    @property
    def arch(self) -> str: ...
    @property
    def cross_compile(self) -> str: ...


def compiler(kernel: Target) -> tuple[str, dict[str, str]]:
    """Return make's CC, and the environment, for builds of kernel whose objects clones share.

    What ccache was not asked for before it preprocesses, to compare that with what it has: a
    third more work, which finds something in kernels of SEVERAL alone.  Of the others NO_INCBIN
    keeps assembler from it.
    """
    share = {"CCACHE_BASEDIR": str(ROOT), "CCACHE_NOHASHDIR": "1"}
    if kernel.arch in SEVERAL:
        return f"ccache {kernel.cross_compile}gcc", share
    return f"{NO_INCBIN} {kernel.cross_compile}gcc", {**share, "CCACHE_DEPEND": "1"}


def call(tree: pathlib.Path, command: list[str], log: pathlib.Path, tick: Callable[[], None],
         env: dict[str, str], limit: float = math.inf) -> tuple[int, str]:
    """Run kunit.py of tree with command; return its exit status and what it printed.

    log: where its words go; tick: called now and then; env: added to the environment;
    limit: seconds after which what kunit.py has started is killed, as a UML that
    hangs does not heed its SIGTERM.
    """
    since = time.monotonic()
    log.parent.mkdir(parents=True, exist_ok=True)
    with open(log, "w") as out:
        process = subprocess.Popen([PYTHON, "-u", KUNIT, *command], cwd=tree,
                                   stdout=out, stderr=subprocess.STDOUT,
                                   stdin=subprocess.DEVNULL, start_new_session=True,
                                   env={**os.environ, **env})
        try:
            while True:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(2)
                    break
                go_on()
                tick()
                if time.monotonic() - since > limit:
                    for child in children(process.pid):
                        with contextlib.suppress(ProcessLookupError):
                            os.kill(child, signal.SIGKILL)
        finally:    # whatever is left: a make that was interrupted, a hung kernel
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
    return process.returncode, log.read_text(errors="replace")


def make_line(kernel: Target) -> list[str]:
    """Return the make that builds kernel, without the options that are a builder's own."""
    return ["make", f"-j{os.cpu_count()}", f"O={kernel.out}", f"ARCH={kernel.arch}",
            f"CROSS_COMPILE={kernel.cross_compile}"]


def make_options(tree: pathlib.Path, kernel: Target) -> tuple[list[str], dict[str, str]]:
    """Return what make is to be told to build kernel from tree, and the environment."""
    cc, env = compiler(kernel)
    # ccache makes the paths of sources relative: take that out of __FILE__.
    source = os.path.relpath(tree, kernel.out)
    return [f"CC={cc}", f"KCFLAGS=-fmacro-prefix-map={source}/="], {**env, **SAME}


def facts(tree: pathlib.Path, job: Job) -> tuple[str, ...]:
    """Return what decides the outcome of job besides the image of its kernel, from tree."""
    return (job.facts, *programs.made_of(tree, job))


def tools_of(kernel: Kernel) -> tuple[str, ...]:
    """Return what it takes to build and boot kernel, keys of tools.TABLE."""
    return (*tools.BUILD_KERNEL, *kernel.tools,
            *([] if kernel.arch == "um" else [qemu.ARCH[kernel.arch][1]]))


def build(tree: pathlib.Path, kernel: Kernel) -> bool:
    """Build kernel from tree; return True, or False with the reason printed."""
    tools.need(*tools_of(kernel))
    kernel.out.mkdir(parents=True, exist_ok=True)
    options, env = make_options(tree, kernel)
    log = BUILD / "log" / f"kunit-{kernel.name}-build.log"
    config, made = kernel.out / ".config", kernel.out / "config-made"
    if read(config) != read(made):  # somebody's own: kunit.py would take it
        config.unlink(missing_ok=True)
    stage, start = Stage(f"build kernel {kernel.name}"), time.time()
    failed, text = call(
        tree, ["build", *build_options(kernel), f"--build_dir={kernel.out}",
               *(f"--kconfig_add={option}" for option in kernel.trim),
               f"--jobs={os.cpu_count()}",
               *(f"--make_options={option}" for option in options)],
        log, lambda: stage.step(f"{objects(kernel.out, start)} objects"), env)
    if not failed and not (kernel.out / "vmlinux").exists():
        failed, text = 1, text + "\nkunit.py reports success, but built no kernel"
    made.write_text(read(config))
    stage.done("FAILED" if failed else "done")
    if failed:
        print(*text.splitlines()[-20:], f"see {log}", sep="\n  ", flush=True)
    return not failed


def remake(tree: pathlib.Path, kernel: Kernel) -> Done:
    """Build again what changed in tree since build() of kernel, and no tools.

    kunit.py would look for options first, and have a list of commands made.
    """
    go_on()
    options, env = make_options(tree, kernel)
    return tried(*make_line(kernel), "-s", *options, "linux" if kernel.arch == "um" else "all",
                 cwd=tree, env=env)


def image(kernel: Kernel) -> str:
    """Return what changes with the image of kernel, which was built."""
    found = hashlib.sha256()
    for path in sorted([kernel.out / "vmlinux", *kernel.out.glob("arch/*/boot/*Image")]):
        with open(path, "rb") as file:
            found.update(hashlib.file_digest(file, "sha256").digest())
    return found.hexdigest()


def objects(top: pathlib.Path, since: float) -> int:
    """Return how many object files below top were made since that time."""
    count = 0
    for where, _, files in os.walk(top):
        for file in files:
            with contextlib.suppress(OSError):  # make is at work there
                count += file.endswith(".o") and os.stat(f"{where}/{file}").st_mtime >= since
    return count


@dataclass
class Booted:
    """What came of a kernel that kunit.py was to boot.

    report: its JSON, None without a boot; text: its words; console: the kernel log;
    trace: QEMU's words; logs: where they are.
    """
    report: verdict.Report | None
    text: str
    console: str
    trace: str
    seconds: float
    logs: str


def boot(tree: pathlib.Path, job: Job, name: str | None = None) -> Booted:
    """As start(), and tell of it; name: what to call it, if not as the job."""
    stage = Stage(f"KUnit {name or job.name}")
    done = start(tree, job, name or job.name, lambda: stage.step("running"))
    stage.done("ran" if done.report else "FAILED to start")
    return done


def start(tree: pathlib.Path, job: Job, name: str, tick: Callable[[], None]) -> Booted:
    """Run job, whose kernel was built from tree.

    name: of its logs; tick: called now and then.
    """
    out = BUILD / "log" / f"kunit-{name}"
    log, console, words, report = (out.with_name(f"{out.name}{end}") for end in
                                   (".log", "-console.log", "-qemu.log", ".json"))
    for path in (job.kernel.out / "test.log", console, words, report):
        path.unlink(missing_ok=True)
    more, env = "", {}
    if job.kernel.arch != "um":
        env = qemu.environment(job.kernel.arch, words)
        more = " ".join(([VIRTUAL] if job.virtual else []) +
                        [f"-trace {event}" for event in job.commands and
                         [verdict.MARK, *job.commands]])
    if job.programs:
        archive = programs.initramfs(tree, job, make_line(job.kernel))
        more = f"{more} {programs.boot_options(job, archive)}"
    since = time.monotonic()
    _, text = call(tree, ["exec", *build_options(job.kernel), *run_options(job, more),
                          f"--build_dir={job.kernel.out}", f"--timeout={job.timeout}",
                          f"--json={report}"], log, tick, env, limit=job.timeout + 10)
    seconds = time.monotonic() - since
    booted = report.exists()
    if booted:
        (job.kernel.out / "test.log").rename(console)
    return Booted(json.loads(report.read_text()) if booted else None, text,
                  read(console), read(words), seconds, f"see {log} and {console}")


def read(path: pathlib.Path) -> str:
    """Return what is in path, nothing if there is no such file."""
    return path.read_text(errors="replace") if path.exists() else ""


def run_job(tree: pathlib.Path, job: Job) -> tuple[list[verdict.Result], list[str]]:
    """Run job, whose kernel was built from tree; return what it counted, and what is wrong."""
    done = start(tree, job, job.name, lambda: None)
    said = done.trace.splitlines()[-5:]
    if not done.report:
        return ([verdict.Result(job.name, "(start)", 0, 1, 0, done.seconds)],
                [*done.text.splitlines()[-20:], *said, done.logs])
    console = done.console
    if job.races:
        console, others = races.leave_out(console, races.functions(job.kernel, job.races))
        print(f"  {job.name}: {len(others)} races of others", flush=True)
    rows, wrong = verdict.results(job, done.report, console, done.trace, done.seconds)
    if not sum(row.failed for row in rows):
        return rows, []
    if not done.console.strip():
        wrong += ["no output from the kernel; QEMU says:", *said]
    return rows, [*failures(tree, done.console), *wrong, done.logs]


def failures(tree: pathlib.Path, console: str) -> list[str]:
    """Return what kunit.py of tree says about what failed, at most 60 lines of it."""
    done = tried(PYTHON, KUNIT, "parse", "--failed", cwd=tree, stdin=console.encode())
    lines = [re.sub(r"^\[[0-9:]{8}\] ?", "", line) for line in done.stdout.splitlines()]
    return [line for line in lines if line][-60:]


def tree_of(composed: compose.Composed, kernel: Kernel) -> pathlib.Path:
    """Return the tree that kernel is built from, made if it is its own."""
    if not kernel.topic:
        return composed.tree
    compose.beside(composed, kernel.top / "linux", topics.alone(topics.read(), kernel.topic))
    return kernel.top / "linux"

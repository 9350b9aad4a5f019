# SPDX-License-Identifier: GPL-2.0
"""KUnit jobs: the kernels of jobs.toml through the kernel's own kunit.py."""

import contextlib
import json
import os
import re
import shlex
import signal
import subprocess
import time
import tomllib
from dataclasses import dataclass, field

from . import tools
from .report import Problem, Stage, table
from .run import BUILD, PYTHON, ROOT

KUNIT = "tools/testing/kunit/kunit.py"

# A kernel log with one of these is not clean, whatever the tests say.
DIRT = re.compile(r"\b(WARNING|BUG|UBSAN|KASAN|KCSAN|KFENCE|kmemleak): |\bOops\b|"
                  r"Kernel panic|Internal error|Call [Tt]race:|cut here|"
                  r"INFO: (task|rcu)|Segfault with no mm")

# Lines of kunit.py that tell of no failure.
GOOD = re.compile(r"\[(PASSED|SKIPPED)\]|^=+( .* \(\d+ subtests?\) =+| [\w-]+  ?=+)?$|"
                  r"^(Test results stored|Elapsed time|Running tests with:|\$ )")


@dataclass
class Job:
    """One table of jobs.toml."""
    name: str
    about: str
    kunitconfig: list
    suites: list
    default: bool = False
    arch: str = "um"
    kconfig_add: list = field(default_factory=list)
    trim: list = field(default_factory=list)
    cross_compile: str = ""
    qemu_args: str = ""
    tools: list = field(default_factory=list)
    console: list = field(default_factory=list)
    timeout: int = 300


@dataclass
class Result:
    """Counts of one suite; seconds (float) are those of its whole job.

    A suite in brackets is the job's own: (build) failed, or (kernel log).
    """
    job: str
    suite: str
    passed: int
    failed: int
    skipped: int
    seconds: float


def load(path=ROOT / "harness" / "jobs.toml"):
    """Return the jobs of path, {name: Job}; Problem if a table is wrong."""
    with open(path, "rb") as file:
        tables = tomllib.load(file)
    try:
        return {name: Job(name=name, **table) for name, table in tables.items()}
    except TypeError as error:
        raise Problem(f"{path} has a bad table: {error}") from None


def options(job):
    """Return what kunit.py is to be told about job (list of str)."""
    line = [] if job.arch == "um" else [f"--arch={job.arch}"]
    if job.cross_compile:
        line.append(f"--cross_compile={job.cross_compile}")
    line += [f"--kunitconfig={path}" for path in job.kunitconfig]
    line += [f"--kconfig_add={option}" for option in job.kconfig_add]
    if job.qemu_args:
        line.append(f"--qemu_args={job.qemu_args}")
    return line


def upstream(job):
    """Return the command that runs job in any kernel tree (str)."""
    return shlex.join([f"./{KUNIT}", "run"] + options(job))


def compiler(cross_compile=""):
    """Return (make's CC, environment) for builds whose objects clones share."""
    return (f"ccache {cross_compile}gcc",
            {"CCACHE_BASEDIR": str(ROOT), "CCACHE_NOHASHDIR": "1"})


def results(job, report, console, seconds):
    """Judge one run.

    report: dict, kunit.py's JSON; console: str, the kernel log.
    Return (list of Result, list of str: what is wrong).
    """
    rows, wrong = [], []
    for group in report["sub_groups"]:
        count = group["misc"]
        failed = count["failed"] + count["crashed"] + count["errors"]
        rows.append(Result(job.name, group["name"], count["passed"], failed,
                           count["skipped"], seconds))
    # What the parser cannot put into a suite: a crash, a hang, a broken plan.
    count = report["misc"]
    lost = (count["failed"] + count["crashed"] + count["errors"] -
            sum(row.failed for row in rows))
    if lost > 0:
        rows.append(Result(job.name, "(run)", 0, lost, 0, seconds))
    if count["crashed"] or count["errors"]:
        wrong += ["the kernel crashed or hung; its last lines:"]
        wrong += ["  " + line for line in console.splitlines()[-15:]]
    for suite in job.suites:
        row = next((row for row in rows if row.suite == suite), None)
        if not row:
            rows.append(Result(job.name, suite, 0, 1, 0, seconds))
            wrong.append(f"suite {suite} did not run")
        elif not row.passed and not row.failed:
            row.failed = 1
            wrong.append(f"suite {suite} ran no case")
    dirt = [line for line in console.splitlines() if DIRT.search(line)]
    absent = [text for text in job.console if text not in console]
    wrong += [f"kernel log: {line.strip()}" for line in dirt[:10]]
    wrong += [f"kernel log lacks: {text}" for text in absent]
    rows.append(Result(job.name, "(kernel log)", int(not dirt and not absent),
                       len(dirt) + len(absent), 0, seconds))
    return rows, wrong


def failures(text):
    """Return kunit.py's own words (text: its output) about what failed."""
    _, _, tests = text.partition("======\n")
    lines = [re.sub(r"^\[[0-9:]{8}\] ?", "", line) for line in tests.splitlines()]
    return [line for line in lines if line and not GOOD.search(line)][-60:]


def watch(process, name, build_dir, log):
    """Wait for kunit.py (Popen) and show how far it is."""
    stage = Stage(f"KUnit {name}")
    while True:
        try:
            process.wait(2)
            return stage
        except subprocess.TimeoutExpired:
            if "Starting KUnit Kernel" in log.read_text(errors="replace"):
                stage.step("running")
            else:
                objects = sum(file.endswith(".o") for _, _, files in os.walk(build_dir)
                              for file in files)
                stage.step(f"building, {objects} objects")


def run_job(composed, job):
    """Build and run one job; return its list of Result, failures printed."""
    tools.need(*tools.BUILD_KERNEL, *job.tools)
    build_dir = BUILD / "kunit" / job.name
    log = BUILD / "log" / f"kunit-{job.name}.log"
    console, report = build_dir / "test.log", build_dir / "results.json"
    for path in (build_dir, log.parent):
        path.mkdir(parents=True, exist_ok=True)
    for path in (console, report):
        path.unlink(missing_ok=True)
    cc, env = compiler(job.cross_compile)
    # ccache makes the paths of sources relative: take that out of __FILE__.
    source = os.path.relpath(composed.tree, build_dir)
    command = [PYTHON, "-u", KUNIT, "run", *options(job), f"--build_dir={build_dir}",
               *(f"--kconfig_add={option}" for option in job.trim),
               f"--make_options=CC={cc}",
               f"--make_options=KCFLAGS=-fmacro-prefix-map={source}/=",
               f"--timeout={job.timeout}", f"--json={report}"]
    print(f"KUnit {job.name}: {job.about}\n  {upstream(job)}", flush=True)
    start = time.monotonic()
    with open(log, "w") as out:
        process = subprocess.Popen(command, cwd=composed.tree, stdout=out,
                                   stderr=subprocess.STDOUT,
                                   stdin=subprocess.DEVNULL, start_new_session=True,
                                   env={**os.environ, **env})
        try:
            stage = watch(process, job.name, build_dir, log)
        finally:    # whatever is left: a make that was interrupted, a hung kernel
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
    seconds = time.monotonic() - start
    text = log.read_text(errors="replace")
    if not report.exists():
        stage.done("FAILED to build or start")
        print(*text.splitlines()[-20:], f"see {log}", sep="\n  ", flush=True)
        return [Result(job.name, "(build)", 0, 1, 0, seconds)]
    kernel_log = console.read_text(errors="replace")
    rows, wrong = results(job, json.loads(report.read_text()), kernel_log, seconds)
    passed, failed = sum(r.passed for r in rows), sum(r.failed for r in rows)
    stage.done(f"{passed} passed, {failed} failed")
    if failed:
        print(*failures(text), *wrong, f"see {log} and {console}", sep="\n  ",
              flush=True)
    return rows


def run(composed, names=None):
    """Run the jobs called names; print a table, return a list of Result.

    Default: the one that $JOB names, without it those that jobs.toml marks so.
    """
    jobs = load()
    if not names and os.environ.get("JOB"):
        names = [os.environ["JOB"]]
    for name in names or []:
        if name not in jobs:
            raise Problem(f"no job is called {name}; there are: {', '.join(jobs)}")
    chosen = names or [name for name, job in jobs.items() if job.default]
    rows = [row for name in chosen for row in run_job(composed, jobs[name])]
    table(["job", "suite", "passed", "failed", "skipped"],
          [[row.job, row.suite, row.passed, row.failed, row.skipped] for row in rows])
    return rows

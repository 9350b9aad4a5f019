# SPDX-License-Identifier: GPL-2.0
"""What the run of a KUnit job is worth, and how it is told."""

from __future__ import annotations

import fnmatch
import re
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from .jobs import Job

# What kunit.py writes as JSON.
Report = dict[str, Any]

# Who lacks what a case is about: the first word of the reason why it was skipped.
BLAMED = ("hardware", "driver", "model")

MODE = "the DMA API is {}"      # the suite's own words
POLICY = "DMA domain TLB invalidation policy: {} mode"      # the kernel's, and which is asked for

# The kernel's words once it has started them: one without CONFIG_SMP takes no notice of others.
CPUS = "smp: Brought up 1 node, {} CPUs"

# Reads of config space with which the suite marks QEMU's trace (enum e2e_mark).
MARK = "pci_cfg_read"
MARKS = {"0xf1": "sync of an empty gather", "0xf2": "sync of what was unmapped",
         "0xf3": None}

# A kernel log with one of these is not clean, whatever the tests say.
DIRT = re.compile(r"\b(WARNING|BUG|UBSAN|KASAN|KCSAN|KFENCE|kmemleak): |\bOops\b|"
                  r"Kernel panic|Internal error|Call [Tt]race:|cut here|"
                  r"INFO: (task|rcu|trying to register)|turning off the locking|"
                  r"Segfault with no mm")

# Where a test has an allocation fail, the kernel says so, and where that is.
INJECTED = re.compile(r"FAULT_INJECTION: forcing a failure\.\n(.*\n){,8}?.*Call [Tt]race:")


@dataclass
class Result:
    """Counts of one suite; seconds are those of its whole job.

    blamed: how many cases were skipped, by who lacks what they are about.
    A suite in brackets is the job's own: (build) failed, or (kernel log).
    """
    job: str
    suite: str
    passed: int
    failed: int
    skipped: int
    seconds: float
    blamed: dict[str, int] = field(default_factory=dict)


def blame(console: str) -> dict[str, Counter[str]]:
    """Return how many cases each suite skipped, by who is blamed; console: the kernel log."""
    found: dict[str, Counter[str]] = {}
    suite = ""
    for line in console.splitlines():
        if began := re.search(r"(?:^|\] )    # Subtest: (\S+)", line):
            suite = began[1]
        elif skipped := re.search(r" ok \d+ .* # SKIP (\w+): ", line):
            found.setdefault(suite, Counter())[skipped[1]] += 1
    return found


def results(job: Job, report: Report, console: str, trace: str,
            seconds: float) -> tuple[list[Result], list[str]]:
    """Return what a run of job counted, and what is wrong.

    console: the kernel log; trace: QEMU's.
    """
    rows: list[Result] = []
    wrong: list[str] = []
    blamed = blame(console)
    for group in report["sub_groups"]:
        count = group["misc"]
        failed = count["failed"] + count["crashed"] + count["errors"]
        rows.append(Result(job.name, group["name"], count["passed"], failed,
                           count["skipped"], seconds, dict(blamed.get(group["name"], {}))))
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
        elif suite in job.skips:
            if row.skipped != job.skips[suite]:
                row.failed += 1
                wrong.append(f"suite {suite} skipped {row.skipped} cases, not {job.skips[suite]}")
        elif unsaid := row.skipped - sum(row.blamed.get(who, 0) for who in BLAMED):
            row.failed += 1
            wrong.append(f"suite {suite}: {unsaid} case(s) were skipped whose reason does not begin "
                         f"with {', '.join(f'{who}: ' for who in BLAMED[:-1])}or {BLAMED[-1]}: ")
    if job.commands:
        complaints = miscounts(job, trace)
        rows.append(Result(job.name, "(commands)", int(not complaints), len(complaints),
                           0, seconds))
        wrong += complaints
    found = dirt(console)
    policy = POLICY if job.programs else MODE
    wanted = job.console + ([policy.format(job.mode)] if job.mode else []) + \
        ([CPUS.format(job.cpus)] if job.cpus > 1 else [])
    absent = [text for text in wanted if text not in console]
    wrong += [f"kernel log: {line.strip()}" for line in found[:10]]
    wrong += [f"kernel log lacks: {text}" for text in absent]
    rows.append(Result(job.name, "(kernel log)", int(not found and not absent),
                       len(found) + len(absent), 0, seconds))
    return rows, wrong


def dirt(console: str) -> list[str]:
    """Return the lines of console that a clean kernel log has not."""
    return [line for line in INJECTED.sub("", console).splitlines() if DIRT.search(line)]


def cases(report: Report) -> dict[str, set[str]]:
    """Return what the runs of each case, as suite.case, came to."""
    found = {}
    for suite in report["sub_groups"]:
        for case in suite["test_cases"]:
            found[f"{suite['name']}.{case['name']}"] = {case["status"]}
        for case in suite["sub_groups"]:    # with parameters
            found[f"{suite['name']}.{case['name']}"] = {
                each["status"] for each in case["test_cases"]}
    return found


def miscounts(job: Job, trace: str) -> list[str]:
    """Return what is wrong with what the IOMMU was told, as QEMU's trace has it.

    A sync of an empty gather reaches it only if the driver's must always run;
    then the next sync has nothing left to say.  And the texts must be there that the
    job wants.
    """
    counts: dict[str | None, int] = {}
    part: str | None = None
    for line in trace.splitlines():
        event = line.partition(" ")[0]
        if event == MARK:
            mark = re.search(r"@(0xf\w)\b", line)
            part = MARKS.get(mark[1]) if mark else part
            counts.setdefault(part, 0)
        elif any(fnmatch.fnmatch(event, wanted) for wanted in job.commands) and part:
            counts[part] += 1
    wrong = []
    for name, expected in (("sync of an empty gather", job.always),
                           ("sync of what was unmapped", not job.always)):
        if name not in counts:
            wrong.append(f"QEMU's trace has no {name}")
        elif bool(counts[name]) != expected:
            wrong.append(f"{name}: {counts[name]} commands, expected " +
                         ("some" if expected else "none"))
    return wrong + [f"QEMU's trace lacks: {text}" for text in job.trace if text not in trace]

# SPDX-License-Identifier: GPL-2.0
"""`make check`: everything a change must pass."""

import collections
import concurrent.futures
import json
import os
import pathlib
import re
import subprocess
import tempfile
import time

from . import (alone, audit, bench, builds, commits, docs, drivers, export, fixes, history, jobs,
               kunit, mails, mutants, neighbours, sparse, tools, topics, verdict)
from .report import Problem, Stage, minutes, table
from .run import BUILD, PYTHON, ROOT, git

# What each part took last time, for `make check LIST=1`.
TIMES = BUILD / "check.json"

# What checkpatch.pl cannot know here: its type, and why it does not matter.
IGNORED = {
    "FILE_PATH_CHANGES": "MAINTAINERS covers the directories of all new files",
    "MISSING_FIXES_TAG": "what brought some defects could not be established",
    "UNDOCUMENTED_DT_STRING": "compatibles of tests, test,*, have no bindings anywhere",
    "UNKNOWN_COMMIT_ID": "the base is a source package without history",
}


def run_unittest(_composed):
    """The harness's own tests."""
    tools.need(*tools.BUILD_KERNEL)

    def run_one(path):
        return subprocess.run(
            [PYTHON, "-m", "unittest", f"harness.tests.{path.stem}"], cwd=ROOT, text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    passed = failed = 0
    paths = sorted((ROOT / "harness" / "tests").glob("test_*.py"))
    stage = Stage("harness tests", len(paths))
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for path, done in zip(paths, pool.map(run_one, paths)):
            stage.step(path.stem)
            good, bad = count_unittest(done.stdout)
            bad = bad or int(done.returncode != 0)
            passed, failed = passed + good, failed + bad
            if bad:
                print(done.stdout, flush=True)
    stage.done()
    return passed, failed


def count_unittest(text):
    """text: str, what unittest printed -> (passed, failed); none run is a failure."""
    ran = re.search(r"^Ran (\d+) tests?", text, re.MULTILINE)
    ran = int(ran[1]) if ran else 0
    bad = re.search(r"^FAILED \((.*)\)$", text, re.MULTILINE)
    failed = sum(map(int, re.findall(r"(?:failures|errors|successes)=(\d+)",
                                     bad[1] if bad else "")))
    skipped = sum(map(int, re.findall(r"\bskipped=(\d+)", text)))
    return max(ran - failed - skipped, 0), failed or int(ran == 0)


def run_round_trip(composed):
    """export(compose(repository)) is the repository."""
    wrong = export.round_trip(composed.tree)
    print(*(f"export would change {path}" for path in wrong), sep="\n", end="\n" if wrong else "")
    return sum(len(t.commits) for t in composed.topics) * (not wrong), len(wrong)


def run_topics(composed):
    """Each topic applies to what it needs, as `git am` takes it, and needs all of that."""
    return alone.applies(composed)


class Mails:
    """The mails of all topics, written once for all checks of a run."""

    def __init__(self):
        self.scratch = self.paths = None

    def of(self, composed):
        """-> {topic: path of its mails} of composed (compose.Composed)."""
        if not self.paths:
            self.scratch = tempfile.TemporaryDirectory()
            self.paths = mails.write(composed, list(topics.read()[1]),
                                     pathlib.Path(self.scratch.name), who=commits.composer())
        return self.paths


WRITTEN = Mails()


def run_mails(composed):
    """The mails of each topic, on what it needs, are that topic."""
    passed = failed = 0
    for name, directory in WRITTEN.of(composed).items():
        count = len(mails.of_patches(directory))
        good = mails.applies(composed, directory, name)
        print(*[] if good else [f"the mails in {directory} are not the topic {name}"], end="")
        passed, failed = passed + count * good, failed + count * (not good)
    return passed, failed


def run_neighbours(_composed):
    """What applies to other releases of Linux is what neighbours.toml and the README say."""
    return neighbours.check()


def run_checkpatch(composed):
    """checkpatch.pl --strict has nothing to say about the patches."""
    tools.need("perl", "ply", "gitpython")
    for kind, reason in IGNORED.items():
        print(f"  not checked: {kind}, {reason}")
    # It runs a Python script that wants the packages of Debian's python3.
    env = {**os.environ, "PATH": f"/usr/bin:{os.environ['PATH']}"}
    passed = failed = 0
    for mail in (mail for each in WRITTEN.of(composed).values() for mail in mails.of_patches(each)):
        done = subprocess.run(
            ["perl", "scripts/checkpatch.pl", "--strict", "--terse", "--show-types",
             "--no-summary", f"--ignore={','.join(IGNORED)}", mail],
            cwd=composed.tree, text=True, errors="replace", env=env,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        if done.stdout.strip() or done.returncode:
            failed += 1
            print(done.stdout.strip() or f"{mail}: checkpatch.pl failed")
        else:
            passed += 1
    return passed, failed or int(passed == 0)


def kernel_doc(tree, directory, path):
    """Count kernel-doc's warnings about directory/path, Counter without lines."""
    done = subprocess.run([PYTHON, tree / "tools/docs/kernel-doc", "-none", "-Wall", path],
                          cwd=directory, text=True, errors="replace",
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    found = collections.Counter(re.sub(r":\d+(?= )", "", line)
                                for line in done.stdout.splitlines())
    if done.returncode and not found:
        found["kernel-doc failed"] = 1
    return found


def run_kernel_doc(composed):
    """No C file has a kernel-doc warning that it did not have in the base."""
    passed = failed = 0
    base, end = composed.base.commit, composed.end
    changed = git(composed.tree, "diff", "--name-only", "--no-renames",
                  "--diff-filter=d", base, end, "--", "*.c", "*.h").split()
    with tempfile.TemporaryDirectory() as old:
        for path in changed:
            known = collections.Counter()
            if git(composed.tree, "ls-tree", "--name-only", base, path):
                copy = pathlib.Path(old, path)
                copy.parent.mkdir(parents=True, exist_ok=True)
                copy.write_text(git(composed.tree, "show", f"{base}:{path}"),
                                errors="surrogateescape")
                known = kernel_doc(composed.tree, old, path)
            new = kernel_doc(composed.tree, composed.tree, path) - known
            print(*new, sep="\n", end="\n" if new else "")
            failed, passed = failed + bool(new), passed + (not new)
    return passed, failed


def run_docs(composed):
    """Sphinx has nothing to say about the pages of the series."""
    return docs.run(composed)


def run_builds(composed):
    """Every commit compiles what it touches, every topic builds, without a new warning."""
    return builds.run(composed)


def run_sparse(composed):
    """sparse has nothing to say about the lines that the series brings."""
    return sparse.run(composed)


def run_kunit(composed):
    """Every KUnit job, and the README's table of what they counted; without sanitizers."""
    all_jobs = {name: job for name, job in jobs.load().items() if not job.san}
    rows = kunit.run(composed, list(all_jobs))
    end_to_end = {name: job for name, job in all_jobs.items() if job.iommu}
    verdict.show([row for row in rows if row.job not in end_to_end])
    print()
    verdict.show_end_to_end(end_to_end, rows)
    right, wrong = drivers.compare(rows)
    return (sum(row.passed for row in rows) + right,
            sum(row.failed for row in rows) + wrong)


def run_history(composed):
    """Memory is safe with the series, and is not without what it brings."""
    lines, wrong = history.run(composed)
    return max(lines - wrong, 0), wrong


def run_mutants(composed):
    """Each thing broken on purpose fails a test; a sample, `make mutants` does all."""
    return mutants.run(composed, sample=True)


def run_fixes(composed):
    """Without a fix its tests fail; a sample, `make fixes` does all."""
    return fixes.run(composed, sample=True)


def run_models_history(composed):
    """The models see which drivers are unsafe without a forged range."""
    lines, wrong = history.run_models(composed)
    return max(lines - wrong, 0), wrong


def run_bench(composed):
    """Unmap and sync cost no instruction more than on the base; `make bench` counts all."""
    return bench.guard(composed)


def run_audit(composed):
    """Who must declare that its sync must always run does, and the rules would notice."""
    return audit.run(composed)


CHECKS = {
    "harness": run_unittest,
    "round-trip": run_round_trip,
    "topics": run_topics,
    "mails": run_mails,
    "neighbours": run_neighbours,
    "checkpatch": run_checkpatch,
    "kernel-doc": run_kernel_doc,
    "docs": run_docs,
    "audit": run_audit,
    "kunit": run_kunit,
    "cost": run_bench,
    "mutants": run_mutants,
    "fixes": run_fixes,
    "history": run_history,
    "models-history": run_models_history,
    "builds": run_builds,
    "sparse": run_sparse,
}


def run_all(composed, checks):
    """Run checks (as CHECKS) one after the other, whatever happens to each.

    Return a list of (name, passed, failed, seconds).
    """
    rows = []
    for name, function in checks.items():
        print(f"\n{name}: {function.__doc__ or ''}", flush=True)
        start = time.monotonic()
        try:
            passed, failed = function(composed)
        except (Problem, OSError) as problem:
            print(f"{name}: {problem}", flush=True)
            passed, failed = 0, 1
        rows.append((name, passed, failed, time.monotonic() - start))
        remember(*rows[-1])
    return rows


def remember(name, passed, failed, seconds):
    """Note for LIST=1 how a check went."""
    TIMES.parent.mkdir(parents=True, exist_ok=True)
    TIMES.write_text(json.dumps({**last(), name: [passed, failed, seconds]}))


def last():
    """-> {check: [passed, failed, seconds]}, how those went that were run before."""
    return json.loads(TIMES.read_text()) if TIMES.exists() else {}


def show():
    """Print the checks there are, and how they went last time."""
    known = last()
    table(["check", "what it holds", "last: passed", "failed", "time"], [
        [name, function.__doc__.splitlines()[0],
         *(["", "", ""] if name not in known else
           [*known[name][:2], minutes(known[name][2])])] for name, function in CHECKS.items()])


def closing(rows):
    """Print the table of run_all()'s rows and the last line; return what failed."""
    print()
    table(["check", "passed", "failed", "time"],
          [[name, passed, failed, minutes(seconds)] for name, passed, failed, seconds in rows])
    passed, failed = sum(row[1] for row in rows), sum(row[2] for row in rows)
    print(f"\n{passed} passed, {failed} failed", flush=True)
    return failed


def run(compose, only=(), checks=CHECKS):
    """Compose and run checks, of these just only (names); return how many things failed.

    compose: function that returns a compose.Composed.
    """
    for name in only:
        if name not in checks:
            raise Problem(f"there is no check {name}; there are {', '.join(checks)}")
    return closing(run_all(compose(), {name: function for name, function in checks.items()
                                       if not only or name in only}))

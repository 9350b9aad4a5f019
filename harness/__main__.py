# SPDX-License-Identifier: GPL-2.0
"""The commands behind the Makefile's targets, in one table."""

from __future__ import annotations

import argparse
import functools
import os
import shutil
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn

from .common import run
from .common.report import Problem, Tally, minutes, table
from .kernel import (commits, compose, export, mails, neighbours, repair, source, topics, tree)
from .kernel.compose import Composed
from .boot import drivers, inputs, soak, suites
from .checks import cost, fixes, history, models_history, neighbours as releases, pages
from . import check, debian, report

# make's and git's own variables would reach the make and git started here.
FOREIGN = ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "MAKEOVERRIDES", "GIT_DIR",
           "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX", "GIT_OBJECT_DIRECTORY",
           "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_COMMON_DIR", "GIT_NAMESPACE")


def told(composed: Composed) -> Composed:
    """Say what composed stands on."""
    print(f"Linux {composed.base.version} from {composed.base.origin}", flush=True)
    return composed


def all_topics(kdir: str) -> Composed:
    """Return all topics on the kernel in kdir, or on Debian's."""
    return told(compose.compose(base=source.base(kdir)))


def anywhere(kdir: str, topic: str) -> tuple[Composed | None, source.Base]:
    """Return topic and what it needs, or all, on another release in kdir; and the base."""
    base = source.base(kdir, neighbours=True)
    return None if source.ours(base.version) else told(neighbours.tree(base, topic or None)), base


def everything(kdir: str) -> Tally:
    """Compose, write the mails, run the KUnit jobs marked default."""
    start = time.monotonic()
    composed = all_topics(kdir)
    if commits.identity():
        mails.show(mails.write(composed, list(topics.read()), keep=True))
    else:
        print("no mails: git has no name and address of yours; `make series` says how to set "
              "them")
    tally = check.run_jobs(lambda: composed)
    print()
    table(["kernel", "topics", "patches", "passed", "failed", "time"],
          [[composed.base.version, len(composed.topics),
            sum(len(topic.commits) for topic in composed.topics), tally.passed, tally.failed,
            minutes(time.monotonic() - start)]])
    return tally


def write_mails(kdir: str, topic: str, v: str, reply: str, rfc: str) -> None:
    """Write the mails of topic, or of all, and say where they are."""
    if v and (not v.isdecimal() or int(v) < 1):
        raise Problem(f"V={v} is not a number: V=2 is the second version")
    known = topics.read()
    if topic:
        topics.must_be_in(topic, known)
    composed, base = anywhere(kdir, topic)
    out = neighbours.mails(base) if composed else mails.MAILS
    mails.show(mails.write(composed or all_topics(kdir), [topic] if topic else [*known], out,
                           options=mails.Options(int(v or 1), reply, bool(rfc))))


def make_tree(kdir: str, topic: str) -> None:
    """Compose topic on what it needs, or all, and say where."""
    composed, base = anywhere(kdir, topic)
    print((composed or told(compose.compose(base=base, only=topic or None))).tree)


def where_to(kdir: str) -> None:
    """Print where each topic goes, and keep it for the page."""
    lines = mails.routes(all_topics(kdir))
    table(mails.ROUTES, lines)
    pages.ROUTES.keep(lines)


def export_tree(kdir: str) -> None:
    """Turn the commits of the kernel tree back into patches and new files."""
    base, only = source.base(kdir), tree.only_topic(tree.TREE)
    export.export()
    compose.compose(base=base, only=only)   # notes that nothing in the tree would be lost now


def write_pages() -> None:
    """Put the tables of the last checks, and of `make cost`, into the pages."""
    made = [drivers.TABLE, suites.TABLE, suites.MACHINES, history.TABLE,
            models_history.page_table(), releases.TABLE,
            fixes.page_table(neighbours.load()), *pages.TABLES]
    pages.numbers.TABLE.keep(pages.numbers.rows())
    pages.numbers.PACKAGES.keep(pages.numbers.packages())
    written = [each.name for each in made if each.write()] + ["cost"] * cost.write()
    print("put into the pages:", ", ".join(written))


def update() -> None:
    """Fetch newer packages."""
    print(source.package(update=True).origin)
    for each in neighbours.load():
        print("Debian", each.package, neighbours.update(each))


def clean() -> None:
    """Remove build/, unless there is work in it."""
    if repair.REPAIR.exists():
        raise Problem(f"{repair.REPAIR} holds an unfinished repair: run `make mend`, or delete it")
    for where in (tree.TREE, neighbours.TREE):
        if (where / ".git").exists():
            compose.check_kept(tree=where)
    shutil.rmtree(run.BUILD, ignore_errors=True)
    print(f"removed {run.BUILD}; the kernel source stays in {run.CACHE}")


def usage() -> None:
    """Print the table of commands."""
    table(["target", "what it makes or does", "takes"],
          [["make " + name, each.help, " ".join(each.takes).upper()]
           for name, each in COMMANDS.items()])
    print("KDIR=/path/to/linux takes that tree instead of Debian's package. With `series` "
          "and `tree` it\nmay be of another release: they say whether the patches apply there.")


@dataclass
class Command:
    """A target of make.

    run: what it calls, with the variables it takes, in lower case; or, if composes, with
    a function that composes all topics on KDIR, and the other variables.
    """
    help: str
    run: Callable[..., Tally | None]
    takes: tuple[str, ...] = ()
    composes: bool = False

    def __call__(self, values: dict[str, str]) -> int:
        """Run it; return the exit status."""
        given: list[Any] = []
        if self.composes:
            given.append(functools.partial(all_topics, values.pop("kdir")))
        tally = self.run(*given, **values)
        return 1 if tally and tally.failed else 0


def _some(name: str, help: str, *takes: str) -> Command:
    return Command(help, functools.partial(check.some, name), ("kdir", *takes), True)


COMMANDS = {
    "all": Command("the mails, the KUnit tests that need no QEMU, and a closing table (default)",
                   everything, ("kdir",)),
    "check": Command("all that a change must pass; LIST=1, ONLY=\"docs audit\", SHARD=2/5, AGAIN=1, "
                     "WITHIN=80",
                     check.check, ("kdir", "only", "shard", "again", "within", "list"), True),
    "units": Command("the parts of `check`, as commands; ALL=1: also those that it leaves out",
                     check.show_units, ("all",)),
    "unit": Command("one of these parts: ID=kunit/tests", check.unit, ("kdir", "id"), True),
    "collect": Command("the closing table, from build/results or RESULTS=\"folders\"",
                       check.collect, ("results", "only")),
    "report": Command("the last results as one page, build/report.html; RESULTS=\"folders\"",
                      report.write, ("results",)),
    "kunit": Command("the KUnit tests; JOB=name", check.run_jobs, ("kdir", "job"), True),
    "sanitize": Command("the same with KASAN, UBSAN, lockdep, KCSAN, on several CPUs too; JOB=name",
                        check.sanitize, ("kdir", "job"), True),
    "soak": Command("random operations on drivers on models; SEED= of the first, TIME=10 minutes",
                    soak.soak, ("kdir", "seed", "time"), True),
    "mutants": _some("mutants", "break the kernel in one place at a time: a test must fail",
                     "only"),
    "fixes": _some("fixes", "leave out one fix at a time: its tests must fail", "only"),
    "e2e": Command("a device's DMA behind real drivers on QEMU's IOMMUs", check.end_to_end,
                   ("kdir",), True),
    "history": _some("history", "the same on kernels with and without parts of the series"),
    "models-history": _some("models-history",
                            "drivers on models of their hardware, without parts of the series"),
    "cost": Command("instructions, commands, code size of unmap and sync; TOPIC=: of one topic",
                    lambda kernel, topic: cost.measure(kernel(), topic), ("kdir", "topic"), True),
    "audit": _some("audit", "which drivers must declare iotlb_sync_always, and which do"),
    "docs": _some("docs", "the kernel pages that the series brings, as HTML"),
    "debian": Command("`make` and `make check` on a bare Debian: RELEASE=13, KEEP=1, SHARE=1",
                      debian.run, ("release", "only", "keep", "share")),
    "pages": Command("write the tables of the last `make check` and `make cost` into harness/doc/",
                     write_pages),
    "topics": Command("what each topic needs, whose tree it goes to, whose ack it waits for",
                      where_to, ("kdir",)),
    "series": Command("the mails in build/series; TOPIC=, V=2, REPLY=<message-id>, RFC=1",
                      write_mails, ("kdir", "topic", "v", "reply", "rfc")),
    "tree": Command("the kernel tree with the patches as commits; TOPIC=: on what it needs",
                    make_tree, ("kdir", "topic")),
    "export": Command("write the commits of the kernel tree back to patches/ and new files",
                      export_tree, ("kdir",)),
    "mend": Command("take the repaired patch from build/repair", repair.mend),
    "update": Command("ask Debian for newer kernels of this release and its neighbours", update),
    "clean": Command("remove build/; the downloaded kernel stays in the cache", clean),
    "help": Command("this list", usage),
}


class Parser(argparse.ArgumentParser):
    """One whose errors are Problems."""

    def error(self, message: str) -> NoReturn:
        raise Problem(f"{message}; `make help` lists targets and what they take")


def parser() -> Parser:
    """Return the parser of the command line: a target, and --variable=value."""
    top = Parser(prog="harness", allow_abbrev=False, description=__doc__)
    targets = top.add_subparsers(dest="target", metavar="target", required=True,
                                 parser_class=Parser)
    for name, command in COMMANDS.items():
        sub = targets.add_parser(name, help=command.help, description=command.help,
                                 allow_abbrev=False)
        for each in command.takes:
            sub.add_argument(f"--{each}", f"--{each.upper()}", dest=each,
                             default=os.environ.get("KDIR", "") if each == "kdir" else "")
    return top


def main(*words: str) -> int:
    """Run the command that words ask for; return the exit status."""
    try:
        values = vars(parser().parse_args(list(words)))
        command = COMMANDS[values.pop("target")]
        if command.composes:
            inputs.at_start()
        # make exports what it was given.
        for variable in (*FOREIGN, *{name.upper() for each in COMMANDS.values()
                                     for name in each.takes}):
            os.environ.pop(variable, None)
        os.environ["LC_ALL"] = "C.UTF-8"    # other programs' words are read here
        os.environ["PYTHONNOUSERSITE"] = "1"    # Debian's python3-* packages are what is wanted
        return command(values)
    except (Problem, OSError) as problem:
        print(f"error: {problem}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\ninterrupted; run again to continue", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

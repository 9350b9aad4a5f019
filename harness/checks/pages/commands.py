# SPDX-License-Identifier: GPL-2.0
"""Commands in a Markdown page: targets of make, their variables, and the values of these."""

from __future__ import annotations

import pathlib
import re
from collections.abc import Callable, Iterator

from ...common.report import Problem
from ...kernel import topics
from ...boot import jobs
from ..cost import one_topic
from .links import CODE

# make and its words, as a shell takes them: options, variables with values, targets.
VALUE = r"\"[^\"]*\"|'[^']*'|[^\s|;&)\"'`]*"
MAKE = re.compile(rf"(?<![\w/.$-])make((?:\s+(?:-\w+|\w+=(?:{VALUE})|[a-z][\w-]*))*)"
                  r"(?=\s*(?:$|[|;&)`'\"#]))")
WORD = re.compile(rf"\s+(?:(-\w+)|(\w+)=({VALUE})|([a-z][\w-]*))")
# Of a value that stands for others.
PLACEHOLDER = re.compile(r"\.\.\.|[<${]|^/|^$")


def code(text: str) -> Iterator[tuple[int, str]]:
    """Yield line and text of all code in text, a page, without comments; a line that goes on is
    whole."""
    fenced, whole = False, ""
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith("```"):
            fenced = not fenced
        elif fenced or line.startswith("    "):
            whole += re.sub(r"(^|\s)#.*", "", line)
            if whole.endswith("\\"):
                whole = whole[:-1]
                continue
            yield number, whole
            whole = ""
        else:
            for span in CODE.findall(line):
                yield number, span.strip("`")


def calls(text: str) -> Iterator[tuple[int, list[str], dict[str, str]]]:
    """Yield line, targets and variables of each call of make in text, a page.

    Those with an option but -s, as -C, are about another Makefile.
    """
    for number, line in code(text):
        for call in MAKE.finditer(line):
            words = WORD.findall(call[1])
            if all(option in ("", "-s") for option, *_ in words):
                yield (number, [target for *_, target in words if target] or ["all"],
                       {name: value.strip("\"'") for _, name, value, _ in words if name})


def values() -> dict[str, Callable[[str, str], object]]:
    """Return what raises Problem for a wrong value of a variable, by its name: called with
    target and value."""
    from ... import check, debian, shards     # they use the checks, and this one them

    def job(_target: str, value: str) -> None:
        if value not in jobs.load():
            raise Problem(f"no job is called {value}")

    def topic(target: str, value: str) -> None:
        topics.must_be_in(value, topics.read())
        if target == "cost":
            one_topic.runs(value)

    def only(target: str, value: str) -> None:
        if target in check.CHECKS:
            check.of(target, value)
        else:
            check.named(value.split())

    def number(_target: str, value: str) -> None:
        if not value.isdecimal():
            raise Problem(f"{value} is not a number")

    return {"job": job, "topic": topic, "only": only,
            "id": lambda _, value: check.named(value.split()),
            "shard": lambda _, value: shards.share([], value),
            "release": lambda _, value: debian.known(value, ""),
            **dict.fromkeys(("v", "time", "seed", "within", "again", "list", "all", "keep",
                             "share", "rfc"), number)}


def judge(text: str, tree: pathlib.Path) -> tuple[int, list[str]]:
    """Return how many calls of make text, a page, has, and what is wrong with which.

    What is no target here may be one of the kernel's own Makefile, in tree.
    """
    from ... import __main__ as registry
    count, wrong, judges = 0, [], values()
    kernels = (tree / "Makefile").read_text()
    for number, targets, variables in calls(text):
        count += 1
        for target in targets:
            known = registry.COMMANDS.get(target)
            if known:
                wrong += [f"{number}: make {target}: {words}"
                          for words in misused(target, known.takes, variables, judges)]
            elif not re.search(rf"^(?:[\w%-]+ )*{re.escape(target)}(?: [\w%-]+)*:", kernels, re.M):
                wrong.append(f"{number}: make {target}: neither `make help` nor Linux has this "
                             "target")
    return count, wrong


def misused(target: str, takes: tuple[str, ...], variables: dict[str, str],
            judges: dict[str, Callable[[str, str], object]]) -> Iterator[str]:
    """Yield what is wrong with variables of target, which takes some."""
    for name, value in variables.items():
        if name.lower() not in takes:
            yield f"it takes no {name}"
        elif name.lower() in judges and not PLACEHOLDER.search(value):
            try:
                judges[name.lower()](target, value)
            except Problem as problem:
                yield f"{name}={value}: {problem}"

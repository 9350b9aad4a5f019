# SPDX-License-Identifier: GPL-2.0
"""patches/series: the topics in order, what each needs, and its patches.

    base 7.3.4

    sync
    	01-slug.patch
    		path/of/a/new/kernel/file.c

    io-pgtable
    	needs sync, fixes/mediatek 4
    	needs fixes/qcom 1: why, if it would apply without
    	01-slug.patch

A topic stands on the base, what it needs, and what that needs; with a number, on
the first so many patches of a topic.
"""

from __future__ import annotations

import fnmatch
import pathlib
import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from ..common.report import Problem
from ..common.run import ROOT

HEAD = """\
# Topics in the order they apply; what each needs; its patches; the new files each brings.
# `make export` writes patches and files; who needs what is written by hand.
"""

# How many patches of which topics, in the order they apply.
Parts = dict[str, int]


@dataclass
class Need:
    """That a topic (name) must be there, or its first patches (count; None for all).

    why: what is wrong without it, although patches apply; "" if they do not.
    """
    topic: str
    count: int | None = None
    why: str = ""

    def __str__(self) -> str:
        return self.topic if self.count is None else f"{self.topic} {self.count}"


@dataclass
class Topic:
    """What one maintainer takes as one series: {patch name: [new kernel file]}."""
    name: str
    needs: list[Need] = field(default_factory=list)
    patches: dict[str, list[str]] = field(default_factory=dict)


# What topics and patches may be called; `series` and `base` are taken.
TOPIC = re.compile(r"(?!(?:series|base)$)[A-Za-z0-9_][\w.+/-]*(?<!\.patch)")
PATCH = re.compile(r"\d\d+-\S+\.patch")


def read(root: pathlib.Path = ROOT) -> dict[str, Topic]:
    """Return the topics of patches/series by name."""
    return _read(root)[1]


def made_for(root: pathlib.Path = ROOT) -> str:
    """Return the version that the patches were made for."""
    return _read(root)[0]


def _read(root: pathlib.Path) -> tuple[str, dict[str, Topic]]:
    path = root / "patches/series"
    try:
        text = path.read_text()
    except OSError:
        raise Problem(f"{path} is missing: restore it with git, or `make export`") from None
    return parse(text, str(path))


def parse(text: str, where: str) -> tuple[str, dict[str, Topic]]:
    """Return what text says, version and topics; Problems call it where."""
    version, topic, files = None, None, None
    found: dict[str, Topic] = {}
    brought = set()
    for number, line in enumerate(text.splitlines(), 1):
        word = line.lstrip("\t")
        depth = len(line) - len(word)
        here = f"{where}:{number}"
        if not word or line.startswith("#"):
            continue
        if word != word.strip():
            raise Problem(f"{here}: `{word}` has blanks around it: topics, patches and "
                          "files are indented by tabs only")
        if depth == 0 and re.fullmatch(r"base \S+", word) and not version:
            version = word.split()[1]
        elif depth == 0 and TOPIC.fullmatch(word) and word not in found:
            topic, files = found.setdefault(word, Topic(word)), None
        elif depth == 1 and topic and word.startswith("needs "):
            topic.needs += _needs(word.removeprefix("needs "), topic.name, found, here)
        elif depth == 1 and topic and PATCH.fullmatch(word) and word not in topic.patches:
            files = topic.patches.setdefault(word, [])
        elif depth == 2 and files is not None and word not in brought:
            files.append(word)
            brought.add(word)
        else:
            raise Problem(f"{here}: `{word}` is not expected here: it must be a topic, a patch of "
                          "it as 01-slug.patch, or a new file of that, each once")
    if not version:
        raise Problem(f"{where} has no line `base 7.3.4`, the version the patches are for")
    return version, found


def _needs(words: str, name: str, known: dict[str, Topic], where: str) -> list[Need]:
    """Return what one line says that topic name needs; known: those before it, and it."""
    names, _, why = words.partition(": ")
    needs = []
    for each in names.split(", "):
        form = re.fullmatch(r"(\S+)(?: (\d+))?", each)
        if not form or form[1] == name or form[1] not in known:
            raise Problem(f"{where}: {name} needs `{each}`, which is not a topic before it")
        count = int(form[2]) if form[2] else None
        if count is not None and not 0 < count <= len(known[form[1]].patches):
            raise Problem(f"{where}: {name} needs {count} patches of {form[1]}, which has "
                          f"{len(known[form[1]].patches)}")
        needs.append(Need(form[1], count, why))
    return needs


def text(version: str, topics: list[Topic]) -> str:
    """Return what patches/series says of topics."""
    lines = [HEAD + f"base {version}"]
    for topic in topics:
        lines += ["", topic.name]
        reasons = dict.fromkeys(need.why for need in topic.needs)
        for why in reasons:
            same = ", ".join(str(need) for need in topic.needs if need.why == why)
            lines.append(f"\tneeds {same}" + (f": {why}" if why else ""))
        for patch, files in topic.patches.items():
            lines += [f"\t{patch}", *(f"\t\t{path}" for path in files)]
    return "\n".join(lines) + "\n"


def all_of(topics: dict[str, Topic]) -> Parts:
    """Return all topics, whole."""
    return {name: len(topic.patches) for name, topic in topics.items()}


def below(topics: dict[str, Topic], needs: list[Need]) -> Parts:
    """Return what needs stands for, with what that needs in turn."""
    counts: Parts = {}

    def add(need: Need) -> None:
        whole = len(topics[need.topic].patches)
        counts[need.topic] = max(counts.get(need.topic, 0), need.count or whole)
        for each in topics[need.topic].needs:
            add(each)

    for need in needs:
        add(need)
    return {name: counts[name] for name in topics if name in counts}


def alone(topics: dict[str, Topic], name: str) -> Parts:
    """Return the topic called name, on what it needs."""
    must_be_in(name, topics)
    return {**below(topics, topics[name].needs), name: len(topics[name].patches)}


def chosen(topics: dict[str, Topic], patterns: list[str]) -> Parts:
    """Return the topics, whole, whose names match one of patterns, as fixes/*."""
    for pattern in patterns:
        if not fnmatch.filter(topics, pattern):
            must_be_in(pattern, topics)
    return {name: len(topic.patches) for name, topic in topics.items()
            if any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)}


def must_be_in(name: str, names: Iterable[str]) -> None:
    """Raise Problem if name is not one of the topics' names."""
    if name not in names:
        raise Problem(f"there is no topic {name}; there are {', '.join(names)}")


def path_of(topic: str, patch: str, root: pathlib.Path = ROOT) -> pathlib.Path:
    """Return the file of a patch."""
    return root / "patches" / topic / patch


def find(words: str, root: pathlib.Path = ROOT) -> pathlib.Path:
    """Return the file of the one patch whose name, without number and ending, is words."""
    found = [path_of(topic.name, patch, root) for topic in read(root).values()
             for patch in topic.patches if slug(patch) == words]
    if len(found) != 1:
        raise Problem(f"{len(found)} patches of patches/series are called {words}")
    return found[0]


def slug(patch: str) -> str:
    """Return the name of a patch without its number and ending."""
    return patch.partition("-")[2].removesuffix(".patch")


def new_files(root: pathlib.Path = ROOT) -> list[str]:
    """Return the new kernel files that the patches bring; none without a series."""
    if not (root / "patches/series").exists():
        return []
    return [path for topic in read(root).values()
            for files in topic.patches.values() for path in files]

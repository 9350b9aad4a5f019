# SPDX-License-Identifier: GPL-2.0
"""What the drivers of a tree do with the gather, from what facts.cocci reads."""

from __future__ import annotations

import collections
import re
from collections.abc import Callable
from dataclasses import dataclass, field

from ...common.report import Problem

# What names a page table in a driver's source, and its name in a table.
TABLES = {r"ARM_(32|64|MALI)_LPAE.*": "LPAE", r"ARM_V7S": "v7s", r"APPLE_DART2?": "DART"}
GENERIC_PT = "IOMMU_PT_DOMAIN_OPS"

# Who adds to a gather, who writes registers, and what else may be done with a gather.
ADD = re.compile(r"iommu_iotlb_gather_add_\w+")
WRITE = re.compile(r"(__raw_)?write[bwlq](_relaxed)?|iowrite\w+|regmap_\w*(write|update)\w*|"
                   r"\w*_write_reg|SET_\w+")
HELPERS = {"iommu_iotlb_gather_queued": {"queued"}, "iommu_iotlb_gather_empty": {"start", "end"},
           "iommu_iotlb_gather_is_disjoint": {"start", "end"}}
ORDER = ("start", "end", "pgsize", "pt", "freelist", "queued")

# A definition of a macro over more than one line, and what makes it interesting.
MACRO = re.compile(r"^#define \w+(?:.*\\\n)+.*\n", re.M)
OPS = re.compile(r"\(const struct iommu_domain_ops\)|^\s*\.(map_pages|unmap_pages|iotlb_sync)\b",
                 re.M)

# What Coccinelle calls a #define; not all versions read it, and all read where it is used.
DEFINE = "something_else"

# Arguments of the callbacks that are the gather, from 0.
SYNC, UNMAP = 1, 4


@dataclass
class Row:
    """One iommu_domain_ops (file and name); reads is None if it has no iotlb_sync."""
    file: str
    name: str
    tables: set[str]
    reads: set[str] | None
    kind: str
    declared: bool
    wrong: list[str] = field(default_factory=list)

    def cells(self) -> list[str]:
        """Return what HEAD names, without the verdict."""
        reads = sorted(self.reads or (), key=lambda m: (ORDER.index(m) if m in ORDER else 9, m))
        return [f"{self.file}: {self.name}", ", ".join(sorted(self.tables)),
                "-" if self.reads is None else ", ".join(reads) or "nothing",
                "yes" if self.declared else "no", self.kind]


HEAD = ["driver", "page table", "sync reads", "declared", "class"]

# A function, and a gather in one, with the file before it.
Function = tuple[str, str]
Gather = tuple[str, str, str]


def macros(files: dict[str, str]) -> tuple[str, list[str]]:
    """Return the macros of files that make domain ops, and the path that each line is from."""
    text, lines = "", []
    for path, source in files.items():
        for macro in MACRO.findall(source):
            if OPS.search(macro):
                text += macro
                lines += [path] * macro.count("\n")
    return text, lines


class Facts:
    """The lines of facts.cocci, each in the table of its kind."""

    def __init__(self, text: str, place: Callable[[str, int], str] = lambda file, line: file):
        """place: gives the file of a macro's line."""
        # By file and name and place of the ops: {member: value}.
        self.ops: dict[tuple[str, str, str], dict[str, str]] = collections.defaultdict(dict)
        # By file.
        self.format: dict[str, set[str]] = collections.defaultdict(set)
        self.range: dict[str, set[str]] = collections.defaultdict(set)
        # By file and function.
        self.call: dict[Function, set[str]] = collections.defaultdict(set)
        self.gather: dict[Function, dict[int, str]] = collections.defaultdict(dict)
        # By file, function and name of the gather there; then by place.
        self.used: dict[Gather, set[str]] = collections.defaultdict(set)
        self.read: dict[Gather, dict[str, str]] = collections.defaultdict(dict)
        self.passed: dict[Gather, dict[str, tuple[str, int]]] = collections.defaultdict(dict)
        for line in text.splitlines():
            mark, *words = line.split("\t")
            if mark == "FACT":
                self._take(words, place)

    def _take(self, words: list[str], place: Callable[[str, int], str]) -> None:
        """Put a line of facts.cocci where it belongs."""
        match words:
            case ["member", _, _, name, _] if name == DEFINE:
                pass
            case ["member", file, at, name, text]:
                found = re.fullmatch(r"\. (\w+) = (.*)", text)
                member = found[1] if found else text.partition(" ")[0]
                file = place(file, int(at.partition(":")[0]))
                self.ops[file, name, at][member] = found[2] if found else text
            case ["format", file, name]:
                self.format[file].update(table for pattern, table in TABLES.items()
                                         if re.fullmatch(pattern, name))
            case ["range", file, function]:
                self.range[file].add(function.lstrip("& "))
            case ["call", file, function, callee]:
                self.call[file, function].add(callee)
            case ["gather", file, function, index, name]:
                self.gather[file, function][int(index)] = name
            case ["used", file, function, name, at]:
                self.used[file, function, name].add(at)
            case ["read", file, function, name, at, member]:
                self.read[file, function, name][at] = member
            case ["passed", file, function, name, at, callee, index]:
                self.passed[file, function, name][at] = callee, int(index)
            case _:
                raise Problem(f"facts.cocci prints a line of unknown form: {words}")

    def home(self, file: str, function: str) -> str | None:
        """Return the file that defines function, as seen from file; None if not known."""
        homes = [where for where, name in self.gather if name == function]
        return file if file in homes else homes[0] if len(homes) == 1 else None

    def taken(self, file: str, function: str, index: int,
              above: tuple[Function, ...] = ()) -> set[str]:
        """Return what function reads of the gather that is its argument index.

        That is members; name() for who is given it and is not seen; ? for any other use,
        such as a call through a pointer.
        """
        home = self.home(file, function)
        if (home, function) in above:
            return set()
        name = self.gather[home, function].get(index) if home else None
        if not home or not name:
            return HELPERS.get(function) or {f"{function}()"}
        key, found = (home, function, name), set()
        for at in self.used[key]:
            if at in self.read[key]:
                found.add(self.read[key][at])
            elif at in self.passed[key]:
                callee, place = self.passed[key][at]
                found |= self.taken(home, callee, place, (*above, (home, function)))
            else:
                found.add("?")
        return found

    def reaches(self, file: str, function: str, pattern: re.Pattern[str]) -> bool:
        """Return whether function, or what it calls in file, calls what pattern matches."""
        seen: set[str] = set()
        todo = {function}
        while todo:
            seen |= todo
            todo = {callee for name in todo for callee in self.call[file, name]} - seen
        return any(pattern.fullmatch(name) for name in seen)

    def unmap_does(self, file: str, unmap: str | None, pattern: re.Pattern[str]) -> bool:
        """Return the same of unmap, or of the callbacks that a page table has in file."""
        return any(self.reaches(file, function, pattern)
                   for function in {*self.range[file], unmap} if function)

    def rows(self) -> list[Row]:
        """Return all ops that unmap."""
        return [self._row(file, name, members)
                for (file, name, _), members in sorted(self.ops.items())
                if {"unmap_pages", GENERIC_PT, GENERIC_PT + "1"} & members.keys()]

    def _row(self, file: str, name: str, members: dict[str, str]) -> Row:
        unmap = function(members.get("unmap_pages"))
        sync = function(members.get("iotlb_sync"))
        declared = function(members.get("iotlb_sync_always")) not in (None, "false")
        reads = self.taken(file, sync, SYNC) if sync else None
        row = Row(file, name, {"generic_pt"} if not unmap else self.format[file] or {"own"}, reads,
                  "always" if declared else "range" if sync else "unmap", declared)
        if declared and reads is None:
            row.wrong.append("declares without a sync")
        elif declared and reads:
            row.wrong.append("declares, and reads the gather")
        elif row.kind == "range" and not reads:
            row.wrong.append("does not declare, and reads nothing")
        if row.kind == "range" and unmap and not (
                self.taken(file, unmap, UNMAP) and self.unmap_does(file, unmap, ADD)):
            row.wrong.append("unmap gathers nothing")
        if row.kind == "unmap" and not self.unmap_does(file, unmap, WRITE):
            row.wrong.append("unmap writes no register")
        return row


def function(value: str | None) -> str | None:
    """Return the name in value, an initializer with spaces between its tokens, or None.

    A macro that was expanded before the value's end may follow the name.
    """
    found = re.match(r"(?:\( [^)]* \)|[& ])*(\w+)", value or "")
    return found[1] if found and found[1] not in ("NULL", "0") else None

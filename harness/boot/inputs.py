# SPDX-License-Identifier: GPL-2.0
"""What decides the outcome of a unit, and the outcomes of runs with exactly that.

A unit that passed needs no second run while everything in this table is the same.
What is not in it must not decide anything: each kind of input has a test that it changes
the key.  Outcomes are kept in the cache, for all clones of this user.

What only boots a kernel depends on less: on its image, which is made the same whoever
builds it when.  objects.py tells which image that is without a build, where nothing that
it was made of has changed.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
import os
import pathlib
import platform
import re
import shutil
from collections.abc import Callable, Iterable

from ..common import tools
from ..common.report import Tally
from ..common.run import CACHE, ROOT, git, output
from ..common.units import Outcome, Unit
from ..kernel import commits, neighbours, patches, topics
from ..kernel.compose import Composed
from ..kernel.patches import PLAIN
from . import qemu

KEPT = CACHE / "outcomes"

# What the harness's own tests read of the repository.
TESTS = ("harness", "Makefile", "patches/series", "scripts/coccinelle")

# Whether all runs again, as `make check AGAIN=1` wants.
AGAIN = False

# Programs that are run if they are there, and those that come with a compiler.
OPTIONAL = ("rustc", "bindgen", "rustfmt", "dtc", "awk", "sh")
BINUTILS = ("ld", "as", "ar", "nm", "objcopy", "objdump", "strip")

# What make, the kernel's makefiles, compilers and scripts read.
VARIABLES = re.compile(r"PATH|LANG|LC_\w+|TMPDIR|TZ|ARCH|CROSS_COMPILE|K\w*FLAGS|\w*CFLAGS|LDFLAGS|"
                       r"KBUILD_\w+|KCONFIG_\w+|CONFIG_\w+|HOST\w+|LLVM\w*|CC|LD|AR|NM|MAKE\w*|"
                       r"CCACHE_\w+|COMPILER_PATH|\w*INCLUDE_PATH|LIBRARY_PATH|GCC_\w+|"
                       r"LD_\w+|PYTHON\w*|PERL\w*|QEMU_\w+|GIT_\w+|SPARSE|CHECK|SPATCH|SPHINX\w*|"
                       r"CPATH|PYFLAKES_\w+|MYPY\w*|RUST\w*|CARGO\w*|DTC\w*|SPFLAGS|DOCS_\w+|"
                       r"BASH_ENV|ENV|SOURCE_DATE_EPOCH|COCCI\w*|CHECKPATCH\w*|HOME")
# Files below HOME that the kernel's scripts heed.
DOTFILES = (".checkpatch.conf", ".get_maintainer.conf", ".get_maintainer.ignore", ".cocciconfig")


def digest(root: pathlib.Path, names: Iterable[str]) -> str:
    """Return what changes with the name, mode or content of a file of names, below root."""
    found = hashlib.sha256()
    for name in sorted(set(names)):
        path = root / name
        if path.is_symlink():
            kind, data = "link", os.readlink(path).encode()
        elif path.is_file():
            kind, data = str(path.stat().st_mode & 0o100), path.read_bytes()
        else:
            kind, data = "gone", b""
        found.update(repr((name, kind, len(data))).encode() + data)
    return found.hexdigest()


def files(root: pathlib.Path, *below: str) -> list[str]:
    """Return the files of the repository root below those paths, committed or not."""
    return git(root, "ls-files", "-z", "--cached", "--others",
               "--exclude-per-directory=.gitignore", "--", *below).split("\0")[:-1]


def repository(root: pathlib.Path = ROOT) -> str:
    """Return what changes with any file of the repository."""
    return digest(root, files(root))


@functools.cache
def harness(root: pathlib.Path) -> str:
    """Return what changes with the code and tables of the harness that decide an outcome, and
    the rules that the audit tries; what runs was read from them when it started."""
    return digest(root, (name for name in files(root, "harness", "Makefile", "scripts")
                         if not name.startswith(("harness/tests/", "harness/doc/",
                                                 "harness/report/"))))


@functools.cache
def at_start() -> str:
    """Return what repository() was when this was called first, and note what harness() is."""
    harness(ROOT)
    return repository()


class Inputs:
    """The inputs of units, on composed.  Each is computed once."""

    def __init__(self, composed: Composed, root: pathlib.Path = ROOT):
        self.composed = composed
        self.root = root
        self.known: dict[str, object] = {}
        self.seen: dict[str, Outcome] = {}

    def key(self, unit: Unit, *more: str) -> str:
        """Return what changes with any input of unit, or with more."""
        values: dict[str, object] = {"unit": unit.id, "more": more}
        for kind in (*ALWAYS, *unit.inputs):
            where = " ".join([kind, *{"topic": [unit.topic], "code": [unit.topic],
                                      "parts": unit.parts}.get(kind, [])])
            if where not in self.known:
                self.known[where] = KINDS[kind](self, unit)
            values[kind] = self.known[where]
        return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()

    def _once(self, what: str, more: tuple[str, ...]) -> str:
        return self.key(Unit("once", what, inputs=("tools",)), *more)

    def passed(self, what: str, *more: str) -> bool:
        """Return whether once() has an earlier outcome; it has that then, whatever happens."""
        key = self._once(what, more)
        before = kept(key)
        if before:
            self.seen[key] = before
        return before is not None

    def once(self, what: str, more: tuple[str, ...], run: Callable[[], Outcome]) -> Outcome:
        """Return the outcome of run, or that of an earlier one which passed.

        what: it is called; more: what decides it besides the kernel's tools, as an image.
        """
        key = self._once(what, more)
        before = self.seen.get(key) or kept(key)
        if before:
            print(f"{what}: as before, with the same kernel", flush=True)
            return before
        outcome = run()
        keep(key, outcome, disturbed(self.composed))
        return outcome

    def harness(self, _unit: Unit) -> object:
        """All of the harness but its own tests, pages and report, as it is when it starts."""
        return harness(self.root)

    def tests(self, _unit: Unit) -> object:
        """The harness with its own tests, and what those read besides."""
        return digest(self.root, files(self.root, *TESTS))

    def repository(self, _unit: Unit) -> object:
        """All files of the repository."""
        return repository(self.root)

    def patches(self, _unit: Unit) -> object:
        """All patches and new files."""
        return digest(self.root, [*files(self.root, "patches"), *topics.new_files(self.root)])

    def topic(self, unit: Unit) -> object:
        """The unit's topic and what that needs, with messages and cover."""
        known = topics.read(self.root)
        names = [f"patches/{unit.topic}/cover"]
        for name, count in topics.alone(known, unit.topic).items():
            names += [f"patches/{name}/{patch}" for patch in list(known[name].patches)[:count]]
        return [self.code(unit), digest(self.root, names)]

    def code(self, unit: Unit) -> object:
        """What the commits of the unit's topic, and of what that needs, do to the kernel."""
        return self._code(topics.alone(topics.read(self.root), unit.topic))

    def parts(self, unit: Unit) -> object:
        """What the topics that the unit's kernel has do to the kernel."""
        return self._code(topics.chosen(topics.read(self.root), list(unit.parts)))

    def _code(self, parts: topics.Parts) -> list[object]:
        known = topics.read(self.root)
        found: list[object] = []
        for name, count in parts.items():
            found += [name, count, *map(repr, known[name].needs)]
            for patch, new in list(known[name].patches.items())[:count]:
                diff = patches.read(topics.path_of(name, patch, self.root)).diff
                found += [patch, hashlib.sha256(diff).hexdigest(), digest(self.root, new)]
        return found

    def _tree(self, *paths: str) -> list[str]:
        return [git(self.composed.tree, "rev-parse", f"{self.composed.end}:{path}").strip()
                for path in paths]

    def series(self, _unit: Unit) -> object:
        """The composed tree: all of its files, and not the messages."""
        return self._tree("")

    def scripts(self, _unit: Unit) -> object:
        """The kernel's scripts, what runs them, and MAINTAINERS."""
        return self._tree("scripts", "Makefile", "MAINTAINERS")

    def headers(self, _unit: Unit) -> object:
        """The kernel's headers and pages, which checkpatch.pl looks into."""
        return self._tree("include", "Documentation")

    def tools(self, _unit: Unit) -> object:
        """The kernel's own tools, as what builds kernels and reads what they say."""
        return self._tree("tools")

    def composer(self, _unit: Unit) -> object:
        """Who composes."""
        return list(commits.composer())

    def neighbours(self, _unit: Unit) -> object:
        """The other releases, as they were fetched."""
        notes = [CACHE / each.package / "package.json" for each in neighbours.load()]
        return [note.read_text() if note.exists() else None for note in notes]

    def base(self, _unit: Unit) -> object:
        """The kernel that the patches are put on."""
        base = self.composed.base
        return [base.version,
                git(self.composed.tree, "rev-parse", f"{base.commit}^{{tree}}").strip()]

    def origin(self, _unit: Unit) -> object:
        """Where that kernel is from: a repository with history knows what others do not."""
        return self.composed.base.origin

    def packages(self, _unit: Unit) -> object:
        """All Debian packages of this machine and their versions."""
        return output("dpkg-query", "-W", "-f",
                      "${db:Status-Status} ${Package}:${Architecture} ${Version}\n")

    def programs(self, _unit: Unit) -> object:
        """The programs that are run: where they are, how big, how old."""
        found = []
        prefixes = [probe.removesuffix("gcc") for probe, _ in tools.TABLE.values()
                    if re.search(r"(^|-)gcc$", probe)]
        for probe in [*(probe for probe, _ in tools.TABLE.values()), *OPTIONAL,
                      *(prefix + name for prefix in prefixes for name in BINUTILS)]:
            path = None if "/" in probe else shutil.which(probe)
            if path:
                stat = os.stat(path)
                found.append([probe, os.path.realpath(path), stat.st_size, stat.st_mtime_ns])
        for _, _, package in qemu.ARCH.values():
            top = CACHE / package
            found.append([package, top.stat().st_mtime_ns if top.exists() else None])
        return found

    def environment(self, _unit: Unit) -> object:
        """Variables and files that other programs heed, and the machine."""
        home = pathlib.Path.home()
        heeded = {name: value for name, value in sorted(os.environ.items())
                  if VARIABLES.fullmatch(name)}
        return [platform.machine(), platform.release(), digest(home, DOTFILES), heeded]


KINDS: dict[str, Callable[[Inputs, Unit], object]] = {
    name: getattr(Inputs, name) for name in (
        "harness", "tests", "repository", "patches", "topic", "code", "parts", "series",
        "scripts", "headers", "tools", "composer", "neighbours", "base", "origin", "packages", "programs",
        "environment")}
ALWAYS = ("harness", "base", "origin", "packages", "programs", "environment")


def kept(key: str) -> Outcome | None:
    """Return the outcome of an earlier run with that key, None if there is none."""
    if AGAIN or not key:
        return None
    try:
        data = json.loads((KEPT / f"{key}.json").read_text())
        return Outcome(Tally(*data["tally"]), [], data["data"], data["seconds"], True, data["at"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def keep(key: str, outcome: Outcome, why_not: str = "") -> None:
    """Keep outcome if it is of something that passed, and was not disturbed.

    why_not: what disturbed it.  One that failed takes away what was kept with that key,
    and one that has nothing to tell, as of what could not be tried here, is not kept.
    """
    if not key:
        return
    path = KEPT / f"{key}.json"
    if outcome.tally.failed:
        path.unlink(missing_ok=True)
    elif outcome.tally.passed and not why_not:
        KEPT.mkdir(parents=True, exist_ok=True)
        part = KEPT / f"{key}.{os.getpid()}.part"
        part.write_text(json.dumps({"tally": dataclasses.astuple(outcome.tally),
                                    "data": outcome.data, "seconds": outcome.seconds,
                                    "at": outcome.at}))
        part.replace(path)


def disturbed(composed: Composed) -> str:
    """Return what changed since this run started, "" if nothing did: an outcome may be of
    what was there before, or of what is there now."""
    if repository() != at_start():
        return "files of this repository have changed"
    tree = composed.tree
    if git(tree, "rev-parse", "HEAD").strip() != composed.end or \
            git(tree, "status", "--porcelain", "--untracked-files=all", env=PLAIN):
        return f"{tree} is not as it was composed"
    return ""


# What to do where results are not of one thing.
DIFFERENT = {
    "repository": "check out the same commit on all machines, and run the units again where it "
                  "is another",
    "base": "run the units again where the kernel is another version",
    "compilers": "what is counted depends on them; count on machines with the same"}


def differ(stamps: dict[str, dict[str, object]]) -> str:
    """Return why results with stamps (by id) are not of one thing, "" if they are."""
    for what in ("repository", "base", "compilers"):
        found: dict[str, str] = {}
        for id, stamp in stamps.items():
            if what == "compilers" and what not in stamp:
                continue
            if not stamp.get(what):
                return f"files of the repository changed while {id} ran: run it again"
            found.setdefault(str(stamp[what]), id)
        if len(found) > 1:
            first, second = list(found.values())[:2]
            return f"{first} and {second} are not of the same {what}: {DIFFERENT[what]}"
    return ""


def stamp(composed: Composed) -> dict[str, object]:
    """Return what a result is of.  Those that are collected have repository and base in common;
    commit and tree are what git calls the repository and the files of the composed kernel."""
    return {"repository": repository(), "base": Inputs(composed).base(Unit("")),
            "commit": commit(),
            "tree": git(composed.tree, "rev-parse", f"{composed.end}^{{tree}}").strip()}


def commit(root: pathlib.Path = ROOT) -> str:
    """Return what git calls the state of the repository."""
    return git(root, "describe", "--always", "--dirty", "--abbrev=12").strip()


def compilers() -> list[str]:
    """Return what the compilers of this machine call themselves."""
    names = sorted(probe for probe, _ in tools.TABLE.values() if re.search(r"(^|-)gcc$", probe))
    return [output(name, "--version").partition("\n")[0] for name in names if shutil.which(name)]

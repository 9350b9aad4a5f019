# SPDX-License-Identifier: GPL-2.0
"""Drivers that must declare iotlb_sync_always do, no others; the rules find each mistake.

Coccinelle finds out what each driver does; drivers.toml says what it should.
"""

from __future__ import annotations

import pathlib
import re
import shutil
import time
from collections.abc import Callable, Collection, Iterator

from ...common import tools
from ...common.report import Problem, Stage, Tally, go_on, minutes, table
from ...common.run import BUILD, ROOT, Word, logged, output, raw
from ...common.units import Outcome, Unit
from ...kernel.compose import Composed
from ...boot import drivers
from .facts import HEAD, Facts, Row, macros

FOLDER = ROOT / "harness" / "checks" / "audit"
TOP = BUILD / "audit"
TOOLS = ("coccinelle", "libpython", "gcc", "make", "git")
RULES = sorted((ROOT / "scripts" / "coccinelle" / "iommu").glob("*.cocci"))

# Where drivers, and users of what they share, are in a kernel tree.
IOMMU = "drivers/iommu"
DIRECTORIES = (IOMMU, "drivers/gpu/drm/msm", "drivers/vfio")

# What a rule may find, as the corpus calls it, and the words it says so with.
KINDS = {
    "undeclared": "ignores the gather",
    "declared": "declared, but",
    "no callback": "declared without",
    "not gathered": "gathers nothing",
    "not flushed": "does not flush",
    "zero": "may be 0 bytes",
}
MENDED = {"undeclared", "declared", "zero"}     # MODE=patch changes these

# What the rules must find on the base, below drivers/iommu.
BASE = {
    "apple-dart.c": "undeclared",
    "arm/arm-smmu/arm-smmu.c": "undeclared",
    "arm/arm-smmu/qcom_iommu.c": "undeclared",
    "ipmmu-vmsa.c": "undeclared",
    "sprd-iommu.c": "undeclared",
    "sun50i-iommu.c": "undeclared",
    "virtio-iommu.c": "undeclared",
}

# Ops of tests that are wrong on purpose, and why.
ON_PURPOSE = {
    "iommufd/selftest.c: amdv1_mock_sync_always_ops": "shares its sync with mocks that gather",
    "tests/e2e/cost-pgtable-test.c: range_ops": "its sync does nothing",
    "tests/sync-domain.c: sync_always_ops": "notes the gather it is given",
    "tests/sync-domain.c: sync_none_ops": "its IOTLB is a bitmap",
    "tests/sync-domain.c: sync_none_always_ops": "it must have no effect",
    "tests/sync-domain.c: sync_undeclared_ops": "the core must warn",
    "tests/sync-domain.c: sync_undeclared_all_ops": "the core must warn",
    "tests/sync-example.c: toy_unmap_ops": "its hardware is functions",
}

# What need not be in drivers.toml: no hardware behind it.
NO_HARDWARE = re.compile(r"tests/|iommufd/|generic_pt/")

MARKER = re.compile(r"\s*/\* finds: ([\w ]+) \*/$")

# What a rule prints of a file, a line and words, by mode.
REPORT = {
    "report": re.compile(r"^(?:\./)?(\S+?):(\d+):[\d-]+: (.*)$", re.M),
    "org": re.compile(r"^\* TODO \[\[view:(?:\./)?(\S+?)::\S*linb=(\d+)::\S*\]\[(.*)\]\]$", re.M),
}

# Debian's; it comes with spatch, which takes one such file instead of another.
BUILTINS = pathlib.Path("/usr/lib/coccinelle/standard.h")

# File, line, kind and words of what a rule reports.
Report = tuple[str, int, str, str]
# How much is right, and how much is wrong.
Counts = tuple[int, int]


def kind_of(words: str) -> str:
    """Return which of KINDS a report with words is; raises Problem if it is none."""
    for kind, text in KINDS.items():
        if text in words:
            return kind
    raise Problem(f"a rule in {RULES[0].parent} reports what none of audit.KINDS matches: {words}")


def reports(text: str, mode: str = "report") -> list[Report]:
    """Return what is reported in text, which spatch printed in mode."""
    return [(file, int(line), kind_of(words), words)
            for file, line, words in REPORT[mode].findall(text)]


def complaints(text: str) -> list[str]:
    """Return the lines of text, spatch's standard error, without its usual words."""
    return [line for line in text.splitlines()
            if line.strip() and not re.fullmatch(r"\d+ files match|.*spatch -D .*", line)]


def quiet(path: pathlib.Path) -> None:
    """Raise Problem if spatch has complained in the file path."""
    wrong = complaints(path.read_text(errors="replace")) if path.exists() else []
    if wrong:
        raise Problem(f"spatch reports errors, see {path}:\n  " + "\n  ".join(wrong[:8]))


def coccicheck(tree: pathlib.Path, rule: pathlib.Path, directory: pathlib.Path) -> list[Report]:
    """Run rule by the kernel's own `make coccicheck` of tree in directory.

    Nothing is written to tree; with more than one job spatch would, for as long as it
    runs, and is no faster.
    """
    name = f"{rule.stem}-{'-'.join(pathlib.Path(directory).parts[-3:])}"
    debug, out = TOP / f"{name}.err", TOP / "out"
    debug.unlink(missing_ok=True)
    out.mkdir(parents=True, exist_ok=True)
    log = logged(f"audit/{name}.log", "make", "-C", tree, f"O={out}", "coccicheck",
                 f"COCCI={rule}", "MODE=report", f"M={directory}", f"DEBUG_FILE={debug}", "J=1")
    quiet(debug)
    return reports(log.read_text(errors="replace"))


def spatch(rule: pathlib.Path, mode: str | None, directory: pathlib.Path, *options: Word) -> str:
    """Run rule in mode, if it has any, on directory; return what it printed."""
    error = TOP / f"{rule.stem}-{mode}.err"
    error.parent.mkdir(parents=True, exist_ok=True)
    own = re.search(r"^// Options: (.*)$", rule.read_text(), re.M)
    printed = output("sh", "-c", 'exec "$@" 2>"$0"', error, "spatch", "--very-quiet",
                     *(("-D", mode) if mode else ()), "--cocci-file", rule,
                     *(own[1].split() if own else ()), *options, "--dir", ".",
                     cwd=directory)
    quiet(error)
    return printed


def tree_is_right(tree: pathlib.Path) -> Counts:
    """The rules find nothing in tree."""
    passed = failed = 0
    for rule in RULES:
        for directory in DIRECTORIES:
            found = coccicheck(tree, rule, tree / directory)
            for file, line, _, words in found:
                print(f"{directory}/{file}:{line}: {words}")
            passed, failed = passed + (not found), failed + len(found)
    return passed, failed


def base_is_wrong(composed: Composed) -> Counts:
    """The rules find in the base what BASE says, and no more."""
    base = TOP / "base"
    shutil.rmtree(base, ignore_errors=True)
    base.mkdir(parents=True)
    raw("tar", "-x", "-C", base, stdin=raw("git", "-C", composed.tree, "archive",
                                           composed.base.commit, IOMMU))
    found = [(file, kind) for rule in RULES
             for file, _, kind, _ in coccicheck(composed.tree, rule, base / IOMMU)]
    return compared(found, BASE.items(), "on the base")


def compared(found: Collection[tuple[str | int, ...]], wanted: Collection[tuple[str | int, ...]],
             where: str) -> Counts:
    """Print how found differs from wanted, and where that is; return the counts."""
    missing, surplus = list(wanted), []
    for item in found:
        if item in missing:
            missing.remove(item)
        else:
            surplus.append(item)
    for what, items in (("not found", missing), ("not expected", surplus)):
        for item in sorted(items):
            print(f"{what} {where}: {': '.join(map(str, item))}")
    return len(wanted) - len(missing), len(missing) + len(surplus)


def markers(text: str) -> dict[int, str]:
    """Return the kinds in text, a file of the corpus, by line; raises Problem for others."""
    found = {}
    for number, line in enumerate(text.splitlines(), 1):
        marker = MARKER.search(line)
        if marker and marker[1] not in KINDS:
            raise Problem(f"line {number} of the corpus finds {marker[1]!r}, which is none of "
                          + ", ".join(KINDS))
        if marker:
            found[number] = marker[1]
    return found


def unmarked(text: str) -> str:
    """Return text without markers."""
    return "".join(MARKER.sub("", line) + "\n" for line in text.splitlines())


def corpus_is_found(mode: str, corpus: pathlib.Path = FOLDER / "corpus") -> Counts:
    """The rules find every marker of the corpus in mode, and no more."""
    wanted = [(path.name, line, kind) for path in sorted(corpus.glob("*.c"))
              for line, kind in markers(path.read_text()).items()]
    found = [(file, line, kind) for rule in RULES for file, line, kind, _ in
             reports(spatch(rule, mode, corpus, "--no-show-diff"), mode)]
    passed, failed = compared(found, wanted, "in the corpus")
    right = {path.name for path in corpus.glob("*.c")} - {file for file, _, _ in wanted}
    return passed + len(right - {file for file, _, _ in found}), failed


def corpus_is_mended(corpus: pathlib.Path = FOLDER / "corpus") -> Counts:
    """MODE=patch makes of the corpus what it should.

    That is the file .fixed beside it if there is one, something else where a
    marker is of MENDED, and the same otherwise.
    """
    work, failed = TOP / "corpus", 0
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    old = {path.name: path.read_text() for path in sorted(corpus.glob("*.c"))}
    for name, text in old.items():
        (work / name).write_text(unmarked(text))
    for rule in RULES:
        spatch(rule, "patch", work, "--in-place")
    for name, text in old.items():
        new, fixed = (work / name).read_text(), corpus / name.replace(".c", ".fixed")
        if fixed.exists():
            right = new == fixed.read_text()
        else:
            right = (new != unmarked(text)) == bool(MENDED & set(markers(text).values()))
        if not right:
            print(f"not what MODE=patch should make of {corpus / name}: {work / name}")
            failed += 1
    return len(old) - failed, failed


def read_tree(tree: pathlib.Path) -> list[Row]:
    """Return all ops in tree's drivers/iommu that unmap."""
    where = tree / IOMMU
    files = {str(path.relative_to(where)): path.read_text(errors="replace")
             for path in sorted(where.rglob("*.[ch]"))}
    TOP.mkdir(parents=True, exist_ok=True)
    text, lines = macros(files)
    builtins, known = TOP / "macros.h", BUILTINS.read_text()
    builtins.write_text(known + text)

    def place(file: str, line: int) -> str:
        return lines[line - known.count("\n") - 1] if file == str(builtins) else file

    printed = spatch(FOLDER / "facts.cocci", None, where, "--macro-file-builtins", builtins)
    return Facts(printed.replace("\t./", "\t"), place).rows()


def tree_is_consistent(rows: list[Row], on_purpose: dict[str, str] = ON_PURPOSE) -> Counts:
    """Print the table of rows, and count those that are wrong, and not on_purpose."""
    cells, wrong = [], {f"{row.file}: {row.name}" for row in rows if row.wrong}
    for row in rows:
        verdict = ", ".join(row.wrong) or "ok"
        if row.wrong and f"{row.file}: {row.name}" in on_purpose:
            verdict += f" (on purpose: {on_purpose[f'{row.file}: {row.name}']})"
        cells.append([*row.cells(), verdict])
    print()
    table([*HEAD, "verdict"], cells)
    print()
    stale = on_purpose.keys() - wrong
    print(*(f"right, but audit.ON_PURPOSE lists it as wrong: {name}" for name in sorted(stale)),
          sep="\n", end="\n" if stale else "")
    failed = len(wrong - on_purpose.keys()) + len(stale)
    return len(rows) - len(wrong - on_purpose.keys()), failed


def differences(rows: list[Row], known: list[drivers.Driver]) -> list[str]:
    """Return how rows differ from known, the drivers of drivers.toml."""
    facts: dict[str, tuple[str, str]] = {}
    wrong = []
    for row in rows:
        if NO_HARDWARE.match(row.file):
            continue
        fact = ", ".join(sorted(row.tables)), row.kind
        if facts.setdefault(row.file, fact) != fact:
            wrong.append(f"{row.file} has ops of two kinds or page tables")
    wrong += [f"drivers.toml lacks {file}"
              for file in facts.keys() - {driver.file for driver in known}]
    for driver in known:
        if driver.file not in facts:
            wrong.append(f"drivers.toml has {driver.file}, which unmaps nothing")
            continue
        written = ", ".join(sorted(driver.tables)), driver.kind
        wrong += [f"drivers.toml: the {what} of {driver.file} is {there}, not {here}"
                  for what, here, there in zip(("page table", "kind"), written,
                                               facts[driver.file]) if here != there]
    return wrong


def drivers_are_right(tree: pathlib.Path) -> Counts:
    """What the drivers of tree do is right, and written down."""
    rows, known = read_tree(tree), drivers.load()
    right, wrong = tree_is_consistent(rows)
    other = differences(rows, known)
    print(*other, sep="\n", end="\n" if other else "")
    return right + max(len(known) - len(other), 0), wrong + len(other)


# Units, and what each consists of; its inputs are those that it reads.
PARTS: dict[str, dict[str, Callable[[Composed], Counts]]] = {
    "corpus": {
        "MODE=report on the corpus": lambda _: corpus_is_found("report"),
        "MODE=org on the corpus": lambda _: corpus_is_found("org"),
        "MODE=patch on the corpus": lambda _: corpus_is_mended()},
    "base": {"the rules on the base": base_is_wrong},
    "series": {
        "the rules on the series": lambda composed: tree_is_right(composed.tree),
        "what the drivers do, and drivers.toml": lambda composed: drivers_are_right(composed.tree)}}
INPUTS: dict[str, tuple[str, ...]] = {"corpus": (), "base": ("series",), "series": ("series",)}


def units() -> list[Unit]:
    """One for each thing that the rules are tried on."""
    return [Unit("audit", name, tools=TOOLS, inputs=INPUTS[name]) for name in PARTS]


def run(composed: Composed, names: list[str]) -> Iterator[tuple[str, Outcome]]:
    """Do what PARTS has for each of names."""
    tools.need(*TOOLS)
    TOP.mkdir(parents=True, exist_ok=True)
    for name in names:
        total, words, lines = Tally(), [], []
        for what, part in PARTS[name].items():
            go_on()
            stage, start = Stage(what), time.monotonic()
            try:
                passed, failed = part(composed)
                words += [f"{what}: {failed} wrong"] * bool(failed)
            except Problem as problem:
                passed, failed = 0, 1
                words.append(str(problem))
            stage.done(f"{passed} right, {failed} wrong")
            total += Tally(passed, failed)
            lines.append([what, passed, failed, minutes(time.monotonic() - start)])
        yield name, Outcome(total, words, lines)


def close(outcomes: dict[str, Outcome]) -> Outcome:
    """Print the table."""
    print()
    table(["audit", "right", "wrong", "time"],
          [line for each in outcomes.values() for line in each.data or []])
    return Outcome(Tally())

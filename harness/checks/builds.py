# SPDX-License-Identifier: GPL-2.0
"""Every commit compiles what it touches, every topic builds, without a new warning.

That is on what the topic needs, with the configurations of builds.toml.

Each of its commits compiles what it touches with one configuration that has it; where
the topic ends, all configurations build what it changes; those that link do, if it
changes more than C files.
"""

from __future__ import annotations

import collections
import concurrent.futures
import os
import re
import pathlib
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from ..common import tables, tools
from ..common.report import Problem, Stage, Tally, go_on
from ..common.run import BUILD, PYTHON, ROOT, Done, git, tried
from ..common.units import Outcome, Unit
from ..kernel import compose, topics
from ..kernel.commits import Branch, Commits
from ..kernel.compose import Composed
from ..boot import objects
from ..boot.kunit import compiler, make_line

WORKTREE = BUILD / "commits"
# C files that are not part of a kernel.
USERLAND = ("Documentation/", "samples/", "scripts/", "tools/", "usr/")


@dataclass
class Config:
    """One table of builds.toml."""
    name: str
    arch: str
    targets: list[str]
    options: str
    later: str = ""
    cross_compile: str = ""
    tools: list[str] = field(default_factory=list)
    link: bool = False
    if_make: str = ""

    @property
    def out(self) -> pathlib.Path:
        """The build directory."""
        return BUILD / f"commits-{self.name}"

    def empty(self) -> None:
        """Make the build directory anew, empty."""
        shutil.rmtree(self.out, ignore_errors=True)
        self.out.mkdir(parents=True)


def load(path: pathlib.Path = ROOT / "harness" / "checks" / "builds.toml") -> list[Config]:
    """Return the configurations of path."""
    return tables.load(path, lambda known: [Config(name=name, **each)
                                            for name, each in known.items()])


def warnings(text: str) -> collections.Counter[str]:
    """Count the warnings and errors in text, make's output.

    They are without work tree and line numbers, so that those of two commits compare.
    """
    lines = [line for line in text.splitlines()
             if re.search(r"\b(warning|error): ", line, re.IGNORECASE)]
    tree = re.compile(objects.source(WORKTREE))
    return collections.Counter(tree.sub("", re.sub(r":\d+(:\d+)?:? ", ": ", line))
                               for line in lines)


def built(config: Config) -> set[str]:
    """Return the files of the tree that config's objects came from."""
    return objects.built(config.out, WORKTREE)


def command_of(target: pathlib.Path) -> str:
    """Return the command that made the object target, "" if it is not known."""
    try:
        first = target.with_name(f".{target.name}.cmd").read_text().split("\n", 1)[0]
    except FileNotFoundError:
        return ""
    command = first.partition(" := ")[2] if first.startswith("savedcmd_") else ""
    return command.replace("$$", "$").replace(r"\#", "#")


def make(config: Config, *targets: str) -> Done:
    """Run make in the work tree.

    W=1 would have kernel-doc read each C file, which takes longer than to compile it: the
    check `kernel-doc` does that for what a commit changes.
    """
    go_on()
    cc, env = compiler(config)
    return tried(*make_line(config), "-s", "-k", f"CC={cc}", f"PYTHON3={PYTHON}",
                 "KERNELDOC=/dev/null", "W=1", *targets, cwd=WORKTREE,
                 env={**env, "KCONFIG_ALLCONFIG": str(config.out / "wanted")})


def configure(config: Config) -> None:
    """Write .config as config's table and the checked out Kconfig files say.

    Raises Problem if an option that these files know is not set in the end.
    """
    options = config.options.split()
    (config.out / "wanted").write_text(
        "".join(f"CONFIG_{o}=y\n" for o in options + config.later.split()))
    done = make(config, "allnoconfig")
    if done.returncode:
        raise Problem(f"allnoconfig for {config.name} failed:\n{done.stdout}")
    got = (config.out / ".config").read_text().splitlines()
    missing = [o for o in options if f"CONFIG_{o}=y" not in got and
               tried("git", "grep", "-qE", rf"^\s*(menu)?config {o}$", "--", "*Kconfig*",
                     cwd=WORKTREE).returncode == 0]
    if missing:
        raise Problem(f"harness/checks/builds.toml sets {', '.join(missing)} for "
                      f"{config.name}, but other options do not allow it")


class Builder:
    """Builds commits with one configuration, and knows the base with it.

    It starts with an empty directory: what an earlier run built there is not what a
    topic of this one builds.
    """

    def __init__(self, config: Config):
        """The base is checked out."""
        self.config = config
        self.kconfig: str | None = None     # what .config was made from
        self.headers: str | None = None     # and what the headers that are made of that were
        self.whole = ""         # the last commit of which all was built, and nothing failed
        self.options = ""       # what .config was then
        self.linked = False     # and whether that was linked
        self.clean = True       # all objects are of a build without failure
        self.there = set(git(WORKTREE, "ls-files").splitlines())
        config.empty()
        self.warnings = self.build_base()
        self.base, self.base_options = self.whole, self.options
        self.base_files = built(config)
        self.files: set[str] | None = self.base_files

    def build(self, targets: list[str]) -> tuple[int, str]:
        """Build targets of what is checked out; return make's exit status and words.

        A build that failed does not repeat the warnings of what it had compiled: its
        objects go before the next one.
        """
        if not self.clean:
            for path in self.config.out.rglob("*.o"):
                path.unlink()
        self.configured()
        self.clean = False
        done = make(self.config, *targets)
        self.headers = self.kconfig
        return done.returncode, done.stdout

    def compile(self, targets: list[str]) -> tuple[int, str]:
        """Make the objects targets, whose C files alone have changed; return as build().

        By the commands that made them before: make takes 7 s of CPU to find that there is
        nothing else to do.
        """
        self.configured()
        commands = [command_of(self.config.out / target) for target in targets]
        if not self.clean or self.headers != self.kconfig or not all(commands):
            return self.build(targets)
        self.clean = False
        env = compiler(self.config)[1]
        done = [tried("sh", "-ec", command, cwd=self.config.out, env=env) for command in commands]
        return max(each.returncode for each in done), "".join(each.stdout for each in done)

    def configured(self) -> str:
        """Make .config what the checked out Kconfig files say; return it."""
        kconfig = git(WORKTREE, "ls-files", "-s", "*Kconfig*")
        if self.kconfig != kconfig:
            configure(self.config)
        self.kconfig = kconfig
        return (self.config.out / ".config").read_text()

    def built_whole(self, targets: list[str]) -> None:
        """Note that all of what is checked out was built, as targets."""
        self.whole = git(WORKTREE, "rev-parse", "HEAD").strip()
        self.options = self.configured()
        self.linked = "vmlinux" in targets

    def concerned(self, tree: pathlib.Path) -> bool:
        """Return whether what is checked out may be built to something else than was before.

        That is the base, which all topics are on, and what was last built whole.
        """
        files, options = built(self.config), objects.OPTIONS.search

        def differs(commit: str, config: str) -> bool:
            paths = changed(tree, commit, "HEAD")
            return any(objects.concerns(path, files) for path in paths if not options(path)) or \
                any(map(options, paths)) and self.configured() != config

        return differs(self.base, self.base_options) and differs(self.whole, self.options)

    def build_base(self) -> collections.Counter[str]:
        """Build the base; return its warnings.  Raises Problem if it does not build."""
        stage = Stage(f"base with {self.config.name}")
        status, words = self.build(self.targets(True))
        if status:
            stage.done("FAILED")
            raise Problem(f"the base does not build with {self.config.name}:\n" +
                          "\n".join(words.splitlines()[-15:]))
        seen = warnings(words)
        self.clean = True
        self.built_whole(self.targets(True))
        stage.done(f"{sum(seen.values())} warnings")
        return seen

    def targets(self, whole: bool) -> list[str]:
        """Return what is built; whole: link as well if the table says so."""
        return ["vmlinux", *self.config.targets] if whole and self.config.link \
            else self.config.targets

    def has(self) -> set[str]:
        """Return the files of the tree that are built.

        Those of the base, and of those that topics bring, all that were built: an object
        may be left of a topic whose options had it built from a file of the base.
        """
        if self.files is None:
            self.files = self.base_files | built(self.config) - self.there
        return self.files

    def check(self, targets: list[str], objects_only: bool = False) -> str:
        """Build targets; return what is wrong, "" if nothing.

        objects_only: they are objects, of C files that are all that has changed.
        """
        status, words = (self.compile if objects_only else self.build)(targets)
        new = warnings(words) - self.warnings
        self.files = None
        if status or new:
            self.whole = ""
            return "\n".join(list(new) or words.splitlines()[-15:])
        self.clean = True
        return ""

    def check_whole(self, targets: list[str]) -> str:
        """As check(), of all that the table builds; what is checked out is `whole` then."""
        wrong = self.check(targets)
        if not wrong:
            self.built_whole(targets)
        return wrong


def checkout(commit: str) -> None:
    """Check commit out."""
    git(WORKTREE, "checkout", "-q", "--force", "--detach", commit)


def usable(config: Config) -> bool:
    """Return whether this machine's tools can build config; say why not."""
    if not config.if_make:
        return True
    config.out.mkdir(parents=True, exist_ok=True)
    done = make(config, config.if_make)
    if done.returncode:
        why = [line.strip("* ") for line in done.stdout.splitlines() if line.strip("* ")]
        print(f"{config.name}: skipped, {why[0] if why else config.if_make}", flush=True)
    return not done.returncode


def check_commit(commit: str, touched: list[str],
                 builders: list[Builder]) -> list[tuple[str, str]]:
    """Compile the paths that commit touches, each with one of builders.

    That is the objects of C files that are built already; for anything else, all that
    the table builds.  Return configurations, and what is wrong with each, "" if nothing.
    """
    checkout(commit)
    left = [path for path in touched if not path.startswith(USERLAND)]
    there = set(git(WORKTREE, "ls-files").splitlines())
    sources = {path for path in left if path.endswith(".c")} & there
    wanted: dict[str, list[str]] = {}
    new = set()
    for path in sorted(sources):
        owner = next((each for each in builders if path in each.has()), None)
        if owner:
            wanted.setdefault(owner.config.name, []).append(path.removesuffix(".c") + ".o")
        else:
            new.add(path)
    for path in left:
        fits = [each for each in builders if objects.concerns(path, each.has())]
        if path not in sources and fits and not any(
                wanted.get(each.config.name) == each.config.targets for each in fits):
            wanted[fits[0].config.name] = fits[0].config.targets
    rows = [(each.config.name, each.check(wanted[each.config.name], set(left) == sources - new))
            for each in builders if each.config.name in wanted]
    for builder in builders:    # who has a new file is known when it was built
        new -= builder.has()
        if new and wanted.get(builder.config.name) != builder.config.targets:
            rows.append((builder.config.name, builder.check(builder.config.targets)))
            new -= builder.has()
    return rows


def units() -> list[Unit]:
    """A topic each; all configurations are tried on it."""
    needs = sorted({name for config in load() for name in config.tools})
    return [Unit("builds", name, "bases", (*tools.BUILD_KERNEL, *needs), True, ("code",), name)
            for name in topics.read()]


def run(composed: Composed, names: list[str]) -> Iterator[tuple[str, Outcome]]:
    """Build the topics called names.

    One is counted for each commit and configuration that was built, one more for each
    C file that no configuration builds.
    """
    configs = load()
    tools.need(*tools.BUILD_KERNEL, *(name for c in configs for name in c.tools))
    compose.worktree(composed.tree, WORKTREE, composed.base.commit)
    # A make that has little to compile uses one CPU.
    pool = concurrent.futures.ThreadPoolExecutor(os.cpu_count())
    builders = list(pool.map(Builder, filter(usable, configs)))
    known = topics.read()
    # Those on `sync` have another iommu.h, which most files include.
    order = sorted(names, key=lambda name: "sync" in topics.alone(known, name))
    stage = Stage("commits", sum(len(known[name].patches) for name in names))
    with Commits(composed.base, tree=composed.tree) as commits:
        for name in order:
            branch = commits.make(topics.alone(known, name))[-1]
            yield name, topic(composed, branch, builders, pool, stage)
    stage.done()


def topic(composed: Composed, branch: Branch, builders: list[Builder],
          pool: concurrent.futures.Executor, stage: Stage) -> Outcome:
    """Build the commits of branch, and where it ends, all that it concerns."""
    rows: list[tuple[str, str, str]] = []
    sources: set[str] = set()
    before = branch.start
    for commit in branch.commits:
        subject = git(composed.tree, "log", "-1", "--format=%s", commit).strip()
        stage.step(f"{branch.name}: {subject}")
        touched = changed(composed.tree, before, commit)
        sources.update(path for path in touched
                       if path.endswith(".c") and not path.startswith(USERLAND))
        rows += [(subject, *row) for row in check_commit(commit, touched, builders)]
        before = commit
    whole = changed(composed.tree, composed.base.commit, branch.end)
    sources &= set(whole)
    # What C files alone refer to is seldom missing when they are linked.
    link = not all(path.endswith(".c") for path in whole)
    checkout(branch.end)
    # What was built whole at another commit need not be again, where no change concerns it.
    wanted = pool.map(lambda each: not each.whole or bool(sources & each.has()) or
                      link and each.config.link and not each.linked or
                      each.concerned(WORKTREE), builders)
    concerned = [each for each, is_wanted in zip(builders, wanted) if is_wanted]
    for path in sources:    # what is built is told by what is built anew
        forget(path, builders)

    def as_a_whole(each: Builder) -> tuple[str, str, str]:
        return "as a whole", each.config.name, each.check_whole(each.targets(link))

    rows += pool.map(as_a_whole, concerned)
    there = set(git(WORKTREE, "ls-files").splitlines())
    lost = sources & there - set().union(*(built(each.config) for each in builders))
    rows += [("as a whole", "any configuration", f"none builds {path}") for path in sorted(lost)]
    words = [f"{branch.name}: {what}: FAILED with {name}\n{wrong}"
             for what, name, wrong in rows if wrong]
    return Outcome(Tally(len(rows) - len(words), len(words)), words)


def forget(path: str, builders: Iterable[Builder]) -> None:
    """Remove the objects of the C file path."""
    for builder in builders:
        target = (builder.config.out / path).with_suffix(".o")
        target.unlink(missing_ok=True)
        target.with_name(f".{target.name}.cmd").unlink(missing_ok=True)
        builder.files = None


def changed(tree: pathlib.Path, old: str, new: str) -> list[str]:
    """Return the paths that differ between the commits old and new of tree."""
    return git(tree, "diff", "--name-only", "--no-renames", old, new).split()

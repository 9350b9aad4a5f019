# SPDX-License-Identifier: GPL-2.0
"""Every commit builds: what it touches, with each configuration of builds.toml."""

import collections
import hashlib
import json
import os
import re
import shutil
import subprocess
import time
import tomllib
from dataclasses import dataclass, field

from . import tools
from .kunit import compiler
from .report import Problem, Stage
from .run import BUILD, ROOT, git, output

WORKTREE = BUILD / "commits"
# The work tree in make's output and in *.cmd files: ccache makes it relative.
SOURCE = rf"(?:{re.escape(str(WORKTREE))}|(?:\.\./)+{WORKTREE.name})/"
# What makes a commit concern a configuration even if it was not built before:
# options, and how to build a directory of which something is built.
OPTIONS = re.compile(r"(^|/)Kconfig[^/]*$")
RULES = re.compile(r"(.*/|^)(Makefile|Kbuild)$")
# C files that are not part of a kernel.
USERLAND = ("Documentation/", "samples/", "scripts/", "tools/", "usr/")


@dataclass
class Config:
    """One table of builds.toml."""
    name: str
    arch: str
    targets: list
    options: str
    later: str = ""
    cross_compile: str = ""
    tools: list = field(default_factory=list)
    link: bool = False
    if_make: str = ""

    @property
    def out(self):
        """Path of the build directory."""
        return BUILD / f"commits-{self.name}"


def load(path=ROOT / "harness" / "builds.toml"):
    """Return the configurations of path, list of Config."""
    with open(path, "rb") as file:
        return [Config(name=name, **table)
                for name, table in tomllib.load(file).items()]


def warnings(text):
    """Count the warnings and errors in make's output (text: str).

    Return Counter of str, without work tree and line numbers, so that those of
    two commits compare.
    """
    lines = [line for line in text.splitlines()
             if re.search(r"\b(warning|error): ", line, re.IGNORECASE)]
    return collections.Counter(re.sub(SOURCE, "", re.sub(r":\d+(:\d+)?:? ", ": ", line))
                               for line in lines)


def built(config):
    """Return the files config's objects came from, set of str (tree paths)."""
    files = set()
    for cmd in config.out.rglob(".*.o.cmd"):
        files.update(re.findall(rf"^ *(?:source_\S+ := )?{SOURCE}(\S+)",
                                cmd.read_text(errors="replace"), re.MULTILINE))
    return files


def make(config, *targets):
    """Run make in the work tree; return its CompletedProcess, output together."""
    cc, env = compiler(config.cross_compile)
    return subprocess.run(
        ["make", "-s", "-k", f"-j{os.cpu_count()}", f"O={config.out}",
         f"ARCH={config.arch}", f"CROSS_COMPILE={config.cross_compile}",
         f"CC={cc}", "W=1", *targets], cwd=WORKTREE, text=True, errors="replace", stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        env={**os.environ, **env, "KCONFIG_ALLCONFIG": str(config.out / "wanted")})


def configure(config):
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
               subprocess.run(["git", "grep", "-qE", rf"^\s*(menu)?config {o}$",
                               "--", "*Kconfig*"], cwd=WORKTREE).returncode == 0]
    if missing:
        raise Problem(f"harness/builds.toml wants {', '.join(missing)} for "
                      f"{config.name}, but other options do not allow it")


class Builder:
    """Builds commits with one configuration and remembers what was good."""

    def __init__(self, config, base):
        """config: Config; base: str, commit id of the base."""
        self.config = config
        self.path = config.out / "state.json"
        self.files = set()
        version = output(f"{config.cross_compile}gcc", "--version")
        key = hashlib.sha256(repr((config, base, version)).encode()).hexdigest()
        self.state = json.loads(self.path.read_text()) if self.path.exists() else {}
        if self.state.get("key") != key or "warnings" not in self.state:
            shutil.rmtree(config.out, ignore_errors=True)
            config.out.mkdir(parents=True)
            self.state = {"key": key, "good": [], "config": None, "open": False}
            self.build_base(base)

    def save(self, **changes):
        """Put changes into the state, on disk too."""
        self.state.update(changes)
        self.path.write_text(json.dumps(self.state))

    def build(self, commit, targets):
        """Check commit out and build targets; return CompletedProcess.

        A build that was interrupted or failed does not repeat the warnings of
        what it had compiled: its objects go before the next one.
        """
        if self.state["open"]:
            for path in self.config.out.rglob("*.o"):
                path.unlink()
        git(WORKTREE, "checkout", "-q", "--force", "--detach", commit)
        kconfig = git(WORKTREE, "ls-files", "-s", "*Kconfig*")
        kconfig = hashlib.sha256(kconfig.encode()).hexdigest()
        if self.state["config"] != kconfig:
            configure(self.config)
        self.save(open=True, config=kconfig)
        return make(self.config, *targets)

    def build_base(self, base):
        """Build the base and keep its warnings; Problem if it does not build."""
        stage = Stage(f"base with {self.config.name}")
        done = self.build(base, self.targets(True))
        if done.returncode:
            stage.done("FAILED")
            raise Problem(f"the base does not build with {self.config.name}:\n" +
                          "\n".join(done.stdout.splitlines()[-15:]))
        seen = warnings(done.stdout)
        self.save(open=False, warnings=seen)
        stage.done(f"{sum(seen.values())} warnings")

    def targets(self, whole):
        """whole: bool, link as well if the table says so -> list of str."""
        return ["vmlinux", *self.config.targets] if whole and self.config.link \
            else self.config.targets

    def check(self, commit, touched, ends):
        """Build one commit.

        touched: its paths; ends: bool, it is the last of its topic.
        Return (ok: bool, text: str what it was or what is wrong).
        """
        link = ends and self.config.link
        stamp = git(WORKTREE, "rev-parse", f"{commit}^{{tree}}").strip()
        stamp += " linked" if link else ""
        if stamp in self.state["good"]:
            return True, "known good"
        if not self.files:
            self.files = built(self.config)
        if not link and not any(concerns(path, self.files) for path in touched):
            return True, "not touched"
        done = self.build(commit, self.targets(ends))
        new = warnings(done.stdout)
        new -= collections.Counter(self.state["warnings"])
        if done.returncode or new:
            words = list(new) or done.stdout.splitlines()[-15:]
            return False, "\n".join(words)
        self.files = set()
        self.save(open=False, good=self.state["good"] + [stamp])
        return True, "linked" if link else "built"


def concerns(path, files):
    """-> bool, whether a change of path (str) can change what is built from files (set)."""
    rules = RULES.match(path)
    return path in files or bool(OPTIONS.search(path)) or \
        bool(rules) and any(file.startswith(rules[1]) for file in files)


def usable(config):
    """-> bool, False if this machine's tools cannot build config; says why."""
    if not config.if_make:
        return True
    config.out.mkdir(parents=True, exist_ok=True)
    done = make(config, config.if_make)
    if done.returncode:
        why = [line.strip("* ") for line in done.stdout.splitlines() if line.strip("* ")]
        print(f"{config.name}: skipped, {why[0] if why else config.if_make}", flush=True)
    return not done.returncode


def worktree(tree, commit, where):
    """Make sure where (path) is a work tree of the repository tree (new: of commit)."""
    common = ("rev-parse", "--path-format=absolute", "--git-common-dir")
    try:
        if git(where, *common) == git(tree, *common):
            return
    except (Problem, OSError):
        pass
    stage = Stage("work tree for builds")
    shutil.rmtree(where, ignore_errors=True)
    git(tree, "worktree", "prune")
    git(tree, "worktree", "add", "-q", "--detach", where, commit)
    stage.done()


def run(composed):
    """Build every commit of composed with every configuration.

    Return a list of (subject, configuration, ok, seconds, text); one more per
    C file of the series that no configuration builds.
    """
    configs = load()
    tools.need(*tools.BUILD_KERNEL, *(name for c in configs for name in c.tools))
    worktree(composed.tree, composed.base.commit, WORKTREE)
    configs = [config for config in configs if usable(config)]
    builders = [Builder(config, composed.base.commit) for config in configs]
    rows, sources = [], set()
    before = composed.base.commit
    stage = Stage("commits", len(builders) * sum(len(t.commits) for t in composed.topics))
    for topic in composed.topics:
        for commit in topic.commits:
            subject = git(composed.tree, "log", "-1", "--format=%s", commit).strip()
            touched = git(composed.tree, "diff", "--name-only", "--no-renames",
                          before, commit).split()
            sources.update(p for p in touched
                           if p.endswith(".c") and not p.startswith(USERLAND))
            before = commit
            for builder in builders:
                name = builder.config.name
                stage.step(f"{name}: {subject}")
                start = time.monotonic()
                ok, text = builder.check(commit, touched, commit == topic.commits[-1])
                rows.append((subject, name, ok, time.monotonic() - start, text))
                if not ok:
                    print(f"\n{subject}: FAILED with {name}\n{text}", flush=True)
    there = set(git(composed.tree, "ls-tree", "-r", "--name-only", before).splitlines())
    for path in sorted(sources & there - set().union(*map(built, configs))):
        rows.append((path, "any", False, 0.0, "no configuration builds it"))
        print(f"{path}: no configuration of harness/builds.toml builds it")
    stage.done(f"{sum(not row[2] for row in rows)} failed")
    return rows

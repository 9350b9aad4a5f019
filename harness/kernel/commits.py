# SPDX-License-Identifier: GPL-2.0
"""Patches as git commits, made by `git am` beside the tree that keeps them."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import os
import pathlib
import re
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from ..common.report import Problem
from ..common.run import ROOT, git, output, tried
from . import patches, source, topics, tree
from .patches import PLAIN, PROJECT, Who

# What a commit is does not depend on when and where it is made of a patch.
AM = ("-q", "--keep-cr", "--committer-date-is-author-date")

# Held by the thread that changes notes or work trees of the repository that keeps the commits.
CHANGING = threading.Lock()


@dataclass
class Branch:
    """A topic as it was composed: its commits (ids, oldest first) lead from start to end."""
    name: str
    start: str
    end: str
    commits: list[str]


@dataclass
class Unfit:
    """A patch (path) that does not apply to commit parent: its mail, and git's words."""
    path: pathlib.Path
    parent: str
    mail: bytes
    words: str


def identity() -> Who | None:
    """Return the git user, None if git does not know one."""
    name, address = (os.environ.get("GIT_AUTHOR_" + key.upper()) or _configured("user." + key)
                     for key in ("name", "email"))
    return (name, address) if name and address else None


def _configured(key: str) -> str:
    """Return what git is configured to take for key, "" if nothing."""
    try:
        return git(ROOT, "config", key).strip()
    except Problem:
        return ""


def composer() -> Who:
    """Return who is to be the author of the project's own patches."""
    return identity() or PROJECT


def as_person(person: Who) -> dict[str, str]:
    """Return the environment git commits with."""
    return {f"GIT_{role}_{key}": value for role in ("AUTHOR", "COMMITTER")
            for key, value in zip(("NAME", "EMAIL"), person)}


def borrow(tree: pathlib.Path, repo: pathlib.Path) -> None:
    """Make tree a git repository that borrows the objects of repo.

    Nothing is written to repo.
    """
    objects = pathlib.Path(tree, ".git/objects/info/alternates")
    if not objects.exists():
        output("git", "init", "-q", "--template=", "-b", "base", tree, env=PLAIN)
        objects.parent.mkdir(exist_ok=True)
    lines = objects.read_text().splitlines() if objects.exists() else []
    if f"{repo}/objects" not in lines:
        objects.write_text("".join(f"{l}\n" for l in [f"{repo}/objects"] + lines))
    if (repo / "shallow").exists():
        shutil.copy(repo / "shallow", tree / ".git/shallow")


class Commits:
    """Makes commits of patches on a base; what was made once is not made again.

    It has a work tree of its own, of the files that the patches touch.
    """

    def __init__(self, base: source.Base, root: pathlib.Path = ROOT,
                 tree: pathlib.Path | None = None, who: Who | None = None):
        """tree: whose repository keeps the commits; None if nothing is to be kept."""
        self.base, self.root, self.tree = base, root, tree
        self.who = who or composer()
        self.topics = topics.read(root)
        self.made: dict[str, str | Unfit] = {}
        self.known = tree / ".git/made" if tree else None
        if tree and self.known:
            self.made.update(_there(tree, self.known))
        self.scratch = tempfile.TemporaryDirectory()
        self.where = pathlib.Path(self.scratch.name, "linux")
        # The author is in the mail.
        self.env = {**PLAIN, **as_person(self.who)}
        self.ready = False

    def __enter__(self) -> Commits:
        return self

    def __exit__(self, *_: object) -> None:
        self.scratch.cleanup()
        if self.tree and self.known:
            with CHANGING:
                mine = {key: made for key, made in self.made.items() if isinstance(made, str)}
                patches.write(self.known, json.dumps(
                    {**_there(self.tree, self.known), **mine}).encode())

    def _set_up(self) -> None:
        if self.ready:
            return
        borrow(self.where, self.base.repo)
        if self.tree:
            self.env["GIT_OBJECT_DIRECTORY"] = str(self.tree / ".git/objects")
        for key, value in (("core.autocrlf", "false"), ("gc.auto", "0")):
            git(self.where, "config", key, value)
        names = sorted(patches.touched(self.root))
        git(self.where, "sparse-checkout", "set", "--no-cone", "--stdin", env=self.env,
            stdin="".join("/" + re.sub(r"([\\*?\[! ])", r"\\\1", name) + "\n" for name in names))
        git(self.where, "reset", "-q", "--hard", self.base.commit, env=self.env)
        self.ready = True

    def make(self, parts: topics.Parts, unfit: Callable[[Unfit], None] | None = None,
             without: tuple[pathlib.Path, ...] = ()) -> list[Branch]:
        """Make the commits of parts, but for the patches without.

        unfit is called with each patch that does not apply, which is left out if it
        returns; if it is None, that is a Problem.
        """
        todo = [(path, name, self._mail(path, files))
                for name, count in parts.items()
                for patch, files in list(self.topics[name].patches.items())[:count]
                if (path := topics.path_of(name, patch, self.root)) not in without]
        parent, noted = self.base.commit, {}
        commits: dict[str, list[str]] = {name: [] for name in parts}
        for number, (path, name, mail) in enumerate(todo):
            if self._key(parent, mail) not in self.made:
                self._am(parent, todo[number:], unfit is None)
            made = self.made[self._key(parent, mail)]
            if isinstance(made, str):
                commits[name].append(made)
                noted[made] = patches.read(path).notes
                parent = made
            elif unfit:
                unfit(made)
            else:
                raise Problem(f"{path.relative_to(self.root)} does not apply:\n  " +
                              made.words.replace("\n", "\n  "))
        with CHANGING:
            self._note(noted)
        branches, parent = [], self.base.commit
        for name, ids in commits.items():
            branches.append(Branch(name, parent, (ids or [parent])[-1], ids))
            parent = branches[-1].end
        return branches

    def _key(self, parent: str, mail: bytes) -> str:
        """Return what stands for all that the commit of mail on parent is made of."""
        return hashlib.sha256(repr((parent, self.who, AM, git_version())).encode() + mail).hexdigest()

    def _am(self, parent: str, todo: list[tuple[pathlib.Path, str, bytes]], stop: bool) -> None:
        """Put todo (paths, topics, mails) on commit parent; note what is made of each.

        stop: at the first that does not apply; others are left out.
        """
        self._set_up()
        git(self.where, "reset", "-q", "--hard", parent, env=self.env)
        with files([mail for _, _, mail in todo]) as names:
            unfit, command = {}, ["am", *AM, *names]
            while (done := tried("git", "-C", self.where, *command, env=self.env)).returncode:
                words = done.stdout.splitlines()
                state = self.where / ".git/rebase-apply"
                if not state.exists():
                    raise Problem("`git am` failed:\n  " + "\n  ".join(words))
                unfit[int((state / "next").read_text()) - 1] = "\n".join(
                    line for line in words if line.startswith("error: "))
                if stop:
                    git(self.where, "am", "--quit", env=self.env)
                    break
                command = ["am", "--skip"]
        made = iter(git(self.where, "rev-list", "--reverse", f"{parent}..HEAD",
                        env=self.env).split())
        for number, (path, _, mail) in enumerate(todo):
            key = self._key(parent, mail)
            if number in unfit:
                self.made[key] = Unfit(path, parent, mail, unfit[number])
                if stop:
                    return
            else:
                self.made[key] = parent = next(made)

    def apply(self, parent: str, mails: list[bytes]) -> str | None:
        """Return the commit that mails give on commit parent, None if one does not apply."""
        self._set_up()
        git(self.where, "reset", "-q", "--hard", parent, env=self.env)
        with files(mails) as names:
            failed = tried("git", "-C", self.where, "am", *AM, *names, env=self.env).returncode
        if failed:
            git(self.where, "am", "--quit", env=self.env)
            return None
        return git(self.where, "rev-parse", "HEAD", env=self.env).strip()

    def _mail(self, path: pathlib.Path, files: list[str]) -> bytes:
        try:
            return patches.mail(path, files, self.who, self.root)
        except FileNotFoundError as error:
            raise missing(error.filename, self.root) from None

    def _note(self, noted: dict[str, str]) -> None:
        """Have what is below `---` in patches as notes of their commits."""
        if not self.tree:
            return
        before = tree.notes(self.tree)
        there = {line.split()[1] for line in git(self.tree, "notes", "list").splitlines()}
        for commit, text in noted.items():
            old = git(self.tree, "notes", "show", commit).strip("\n") if commit in there else ""
            if text and text != old:
                git(self.tree, "notes", "add", "-f", "-F", "-", commit, stdin=text, env=self.env)
            elif old and not text:
                git(self.tree, "notes", "remove", commit, env=self.env)
        tree.notes_made(self.tree, before)


@functools.cache
def git_version() -> str:
    """Return which git makes commits here."""
    return output("git", "version")


def _there(tree: pathlib.Path, known: pathlib.Path) -> dict[str, str]:
    """Return what known says was made before, as far as the repository tree still has it."""
    try:
        made: dict[str, str] = json.loads(known.read_text())
    except (FileNotFoundError, ValueError):
        return {}
    lines = git(tree, "cat-file", "--batch-check=%(objectname) %(objecttype)",
                stdin="\n".join(made.values())).splitlines()
    there = {line.split()[0] for line in lines if line.endswith(" commit")}
    return {key: commit for key, commit in made.items() if commit in there}


@contextlib.contextmanager
def files(mails: list[bytes]) -> Iterator[list[str]]:
    """Have mails in files, whose names are in their order, for as long as they are needed."""
    with tempfile.TemporaryDirectory() as directory:
        names = [f"{directory}/{number:04d}" for number in range(len(mails))]
        for name, mail in zip(names, mails):
            pathlib.Path(name).write_bytes(mail)
        yield names


def missing(path: str | pathlib.Path, root: pathlib.Path) -> Problem:
    """Return what is to be said of a file that patches/series names, and is not there."""
    return Problem(f"{pathlib.Path(path).relative_to(root)} is missing, patches/series names "
                   "it: restore it with git, or take it out there")

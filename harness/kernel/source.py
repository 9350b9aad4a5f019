# SPDX-License-Identifier: GPL-2.0
"""The kernel the patches apply to: Debian's source package, or the tree in KDIR.

The package is kept in CACHE with a git repository that holds one commit for it;
all clones of this project share them.  A tree in KDIR is only ever read.  Other
releases have their own ways, see neighbours.py.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import os
import pathlib
import re
import shutil
import subprocess
import tarfile

from ..common import tools
from ..common.report import Problem, Stage
from ..common.run import BUILD, CACHE, git, output, raw, tried
from .archive import Archive, fetched, lock, record

RELEASE = "7.3"
PACKAGE = "linux-source-" + RELEASE
SUITE = "trixie-backports"      # bookworm's own suites do not carry it
AUTHOR = "Debian linux-source <debian-kernel@lists.debian.org>"
USE_KDIR = f"or name a clean {RELEASE} kernel tree: make KDIR=/path/to/linux"
# Debian adds this and more to .gitignore, and git would refuse new files.
PACKAGING = b"#\n# Debian packaging: ignore everything"
READ_ONLY = {"GIT_OPTIONAL_LOCKS": "0"}


@dataclasses.dataclass
class Base:
    """A repository with the pristine commit (id) of a kernel; origin: words on where from."""
    repo: pathlib.Path
    commit: str
    version: str
    origin: str


def version(makefile: str) -> str | None:
    """Return the version, as 7.3.4, in makefile, a kernel's top one; None if it has none."""
    part: dict[str, str] = dict(re.findall(
        r"^(VERSION|PATCHLEVEL|SUBLEVEL|EXTRAVERSION) *= *(\S*)$", makefile, re.M))
    if not {"VERSION", "PATCHLEVEL", "SUBLEVEL"} <= part.keys():
        return None
    return ("{VERSION}.{PATCHLEVEL}.{SUBLEVEL}".format(**part) +
            part.get("EXTRAVERSION", ""))


def version_at(repo: pathlib.Path, commit: str) -> str:
    """Return the version of the kernel that commit of repo is; raises Problem if of none."""
    found = version(git(repo, "show", f"{commit}:Makefile"))
    if not found:
        raise Problem(f"the Makefile of {commit} in {repo} is not that of a kernel: remove {repo}, "
                      "and run again")
    return found


def ours(version: str) -> bool:
    """Return whether the patches are for the release of version."""
    return version.startswith(RELEASE + ".")


def base(kdir: str = "", neighbours: bool = False) -> Base:
    """Return the kernel tree kdir, else the Debian package.

    neighbours: as for tree().
    """
    return tree(pathlib.Path(kdir), neighbours) if kdir else package()


# --- Debian's package

def _pack_intact(pack: pathlib.Path) -> bool:
    """Return whether pack ends with the SHA-1 of all before it."""
    data = pack.read_bytes()
    return hashlib.sha1(data[:-20]).digest() == data[-20:]


def imported(deb: pathlib.Path, repo: pathlib.Path, branch: str, package: str = PACKAGE,
             paths: set[str] | None = None) -> str:
    """Commit the kernel tree packed in deb to branch of repo; return the id.

    package: what deb is called; paths: the files that are wanted, None for all.
    Nothing is unpacked to disk, and the same package gives the same commit everywhere.
    """
    tools.need("xz")
    if not (repo / "HEAD").exists():
        output("git", "init", "-q", "--bare", repo)
    for stale in repo.glob("objects/pack/tmp_*"):
        stale.unlink()
    inner = f"./usr/src/{package}.tar.xz"
    listing = output("sh", "-c", 'dpkg-deb --fsys-tarfile "$0" | '
                     'TZ=UTC tar -tv --full-time "$1"', deb, inner)
    day, time = listing.split()[3:5]
    when = output("date", "-u", "-d", f"{day} {time}", "+%s").strip()
    unpack = subprocess.Popen(
        ["bash", "-o", "pipefail", "-c", 'dpkg-deb --fsys-tarfile "$0" | '
         'tar -xO "$1" | xz -dc', str(deb), inner], stdout=subprocess.PIPE)
    load = subprocess.Popen(
        ["git", "-C", str(repo), "-c", "core.compression=1", "-c",
         "fastimport.unpackLimit=0", "fast-import", "--quiet", "--force", "--done",
         "--depth=0"], stdin=subprocess.PIPE)
    assert unpack.stdout and load.stdin     # pipes
    write = load.stdin.write
    try:
        text = f"{package} {branch}\n"
        write(f"commit refs/heads/{branch}\nauthor {AUTHOR} {when} +0000\n"
              f"committer {AUTHOR} {when} +0000\ndata {len(text)}\n{text}".encode())
        with tarfile.open(fileobj=unpack.stdout, mode="r|") as tar:
            for entry in tar:
                getattr(tar, "members").clear()
                path = entry.name.partition("/")[2]
                if paths is not None and path not in paths:
                    continue
                content = tar.extractfile(entry) if entry.isfile() else None
                if content:
                    mode = "100755" if entry.mode & 0o100 else "100644"
                    data = content.read()
                elif entry.issym():
                    mode, data = "120000", os.fsencode(entry.linkname)
                else:
                    continue
                if path == ".gitignore":
                    data = data.partition(PACKAGING)[0]
                write(b"M %s inline %s\ndata %d\n" %
                      (mode.encode(), os.fsencode(path), len(data)))
                write(data)
                write(b"\n")
        write(b"done\n")
    except (BrokenPipeError, tarfile.TarError):
        pass
    except BaseException:
        load.kill()
        unpack.kill()
        raise
    finally:
        with contextlib.suppress(BrokenPipeError):
            load.stdin.close()
        unpack.stdout.close()
        failed = load.wait() | unpack.wait()
    if failed:
        raise Problem(f"{deb} did not unpack into {repo}: see the messages above, check "
                      "the free space there, and run again")
    return git(repo, "rev-parse", f"refs/heads/{branch}").strip()


def package(cache: pathlib.Path = CACHE, archive: type[Archive] = Archive,
            update: bool = False) -> Base:
    """Return the package in cache, which is fetched if there is none, or to update it.

    Raises Problem if it cannot be fetched.
    """
    with lock(cache):
        return _package(cache, archive, update)


def _package(cache: pathlib.Path, archive: type[Archive], update: bool) -> Base:
    try:
        known = fetched(cache, PACKAGE, SUITE, archive, update)
    except Problem as problem:
        raise Problem(f"{problem}\nTry again with a network, {USE_KDIR}") from None
    deb, repo = cache / known["file"], cache / "linux.git"
    if not all(map(_pack_intact, repo.glob("objects/pack/*.pack"))):
        print(f"{repo} is damaged: making it again")
        shutil.rmtree(repo)
    branch = re.sub(r"[^\w.+-]", "-", known["version"])
    commit = known["commit"]
    if not commit or not _holds(repo, commit):
        stage = Stage(f"import {PACKAGE} {known['version']}")
        known["commit"] = commit = imported(deb, repo, branch)
        stage.done(commit[:12])
        record(cache, known)
    return Base(repo, commit, version_at(repo, commit), f"Debian {PACKAGE} {known['version']}")


def _holds(repo: pathlib.Path, commit: str) -> bool:
    return not tried("git", "-C", repo, "cat-file", "-e", commit + "^{tree}").returncode


# --- the user's own tree

def tree(kdir: pathlib.Path, neighbours: bool = False) -> Base:
    """Return the kernel tree kdir; raises Problem if it is no clean one of this release.

    neighbours: whether other releases will do.
    """
    kdir = kdir.expanduser().resolve()
    try:
        found = version((kdir / "Makefile").read_text())
    except OSError:
        found = None
    if not found or not (kdir / "Kbuild").exists():
        raise Problem(f"KDIR={kdir} is not a kernel source tree: it has no Makefile "
                      f"and Kbuild of one; name the top of a {RELEASE} tree")
    if not neighbours and not ours(found):
        raise Problem(f"KDIR={kdir} is Linux {found}, the patches fit {RELEASE}.y: "
                      f"check out a {RELEASE} version there, or leave KDIR out; only "
                      "`make series` and `make tree` take other releases")
    return _git_tree(kdir, found) if (kdir / ".git").exists() else _plain_tree(kdir, found)


def _git_tree(kdir: pathlib.Path, found: str) -> Base:
    if git(kdir, "status", "--porcelain", "--untracked-files=no", env=READ_ONLY):
        raise Problem(f"KDIR={kdir} has uncommitted changes: commit or stash them "
                      "there (they were left untouched)")
    commit = git(kdir, "rev-parse", "HEAD", env=READ_ONLY).strip()
    common = git(kdir, "rev-parse", "--path-format=absolute", "--git-common-dir",
                 env=READ_ONLY).strip()
    return Base(pathlib.Path(common), commit, found, f"{kdir} at {commit[:12]}")


def _plain_tree(kdir: pathlib.Path, found: str) -> Base:
    if list(kdir.glob(".config")) + list(kdir.glob("include/config")) + \
            list(kdir.glob("arch/*/include/generated")):
        raise Problem(f"KDIR={kdir} has been built in: `make mrproper` there (it takes "
                      ".config away), or name a git tree; it was left untouched")
    repo = BUILD / "kdir.git"
    if not (repo / "HEAD").exists():
        output("git", "init", "-q", "--bare", repo)
    (repo / "index.lock").unlink(missing_ok=True)
    stage = Stage(f"import {kdir}")
    work = ("git", "--git-dir", repo, "--work-tree", kdir, "-c", "core.compression=1",
            "-c", "core.autocrlf=false")
    output(*work, "add", "-A", "-f", cwd=kdir)
    with contextlib.suppress(OSError):
        ignore = (kdir / ".gitignore").read_bytes().partition(PACKAGING)[0]
        id = raw(*work, "hash-object", "-w", "--stdin", stdin=ignore).decode().strip()
        output(*work, "update-index", "--cacheinfo", f"100644,{id},.gitignore")
    stamp = {f"GIT_{role}_{key}": value for role in ("AUTHOR", "COMMITTER") for key, value
             in (("NAME", "KDIR"), ("EMAIL", "kdir@localhost"), ("DATE", "1700000000 +0000"))}
    commit = output(*work, "commit-tree", "-m", f"Linux {found}",
                    output(*work, "write-tree").strip(), env=stamp).strip()
    output(*work, "update-ref", "refs/heads/base", commit)
    stage.done(commit[:12])
    return Base(repo, commit, found, str(kdir))

# SPDX-License-Identifier: GPL-2.0
"""`make debian`: `make` and `make check` on a bare Debian, in a root of its own.

mmdebstrap makes the root, enters it and removes it, also for ordinary users, who
are root there by a user namespace.
"""

from __future__ import annotations

import os
import pathlib
import shlex
import shutil
import subprocess
import sys

from .common import tools
from .common.report import Problem
from .common.run import BUILD, CACHE, ROOT, git, output
from .kernel.archive import NOTE, codename, lock, mirrors
from . import check

TOP = BUILD / "debian"
SUITES = {"12": "bookworm", "13": "trixie"}
NEWEST = "13"
BARE = ("git", "make", "ca-certificates")      # what the README asks for
PROJECT = "iotlb-sync"                          # its clone, below /root


def commands(only: str) -> str:
    """What runs in the root, for a shell; only: the checks, or all and `make` before."""
    words = [["chown", "-R", "0:0", "/root"], ["cd", f"/root/{PROJECT}"]]
    words += [["make", "check", f"ONLY={only}"]] if only else [["make"], ["make", "check"]]
    return " && ".join(map(shlex.join, words))


def bootstrap(suite: str, mirror: str, brings: pathlib.Path, target: pathlib.Path | None,
              script: str, root: bool) -> list[str]:
    """The command that makes a root of suite with brings in /root, and runs script there.

    target: where it stays; None for one that is removed.  root: whether that is who we are.
    """
    inside = shlex.join(["env", "-u", "TMPDIR", "-u", "XDG_CACHE_HOME", "HOME=/root",
                         "sh", "-c", script])
    return ["mmdebstrap", "--variant=apt", f"--mode={'root' if root else 'unshare'}",
            f"--format={'directory' if target else 'null'}", f"--include={','.join(BARE)}",
            f"--customize-hook=sync-in {shlex.quote(str(brings))} /root",
            f'--customize-hook=chroot "$1" {inside}', suite, str(target or "/dev/null"), mirror]


def packed(brings: pathlib.Path, share: bool, root: pathlib.Path = ROOT,
           cache: pathlib.Path = CACHE) -> str:
    """Put in brings what goes to /root: a clone of root; return its commit.

    share: also the kernel package that cache holds.  Raises Problem if there is none.
    """
    shutil.rmtree(brings, ignore_errors=True)
    brings.mkdir(parents=True)
    output("git", "clone", "-q", root, brings / PROJECT)
    if share:
        with lock(cache):
            kept = [*cache.glob("*.deb"), *cache.glob(NOTE)]
            if len(kept) < 2:
                raise Problem(f"{cache} holds no kernel package to share: `make tree` fetches it")
            (brings / ".cache" / cache.name).mkdir(parents=True)
            for path in kept:
                shutil.copy(path, brings / ".cache" / cache.name)
    return git(brings / PROJECT, "rev-parse", "--short", "HEAD").strip()


def shown(command: list[str], log: pathlib.Path, env: dict[str, str]) -> int:
    """Run command; print what it prints, and keep it in log; return its exit status."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with open(log, "wb") as file, subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, env={**os.environ, **env}) as process:
        try:
            for line in process.stdout or ():
                file.write(line)
                sys.stdout.write(line.decode(errors="replace"))
                sys.stdout.flush()
        finally:    # mmdebstrap is interrupted when we are, and needs time to remove the root
            process.communicate()
    return process.returncode


def must_be_open(path: pathlib.Path) -> None:
    """Raise Problem if path is hidden from the users that an ordinary user is in a root."""
    for each in (path, *path.parents):
        if not each.stat().st_mode & 0o001:
            raise Problem(f"{each} is closed to other users, and so to the root of a user "
                          f"namespace: `chmod o+x {each}`, or run as root")


def known(release: str, only: str) -> str:
    """Return the suite of release; raise Problem if that, or a check of only, is not known."""
    if release not in SUITES:
        raise Problem(f"RELEASE={release} is not known here; there are {', '.join(SUITES)}")
    check.named(only.split())
    return SUITES[release]


def run(release: str = "", only: str = "", keep: str = "", share: str = "") -> None:
    """Run `make` and `make check` on a bare Debian of release; raise Problem if one fails.

    only: checks to run instead; keep: leave the root in build/debian; share: take the
    cached kernel package there.
    """
    release = release or NEWEST
    suite = known(release, only)
    root = os.geteuid() == 0
    tools.need("git", "mmdebstrap", "keyring", *([] if root else ["uidmap"]))
    target = TOP / release if keep else None
    remove = f"`{'' if root else 'unshare --map-root-user --map-auto '}rm -r {target}`"
    if target and target.exists():
        raise Problem(f"{target} is there from an earlier run with KEEP=1: {remove}")
    TOP.mkdir(parents=True, exist_ok=True)
    if not root:
        must_be_open(TOP)
    found = mirrors(codename())
    if not found:
        raise Problem("apt has no Debian mirror for this release, to make a root from")
    brings, log = TOP / f"{release}.root", BUILD / "log" / f"debian-{release}.log"
    try:
        commit = packed(brings, bool(share))
        print(f"Debian {release}, {suite}: {commit}, without changes that are not committed" +
              (", and the cached kernel package" if share else "; nothing cached is shared"),
              flush=True)
        failed = shown(bootstrap(suite, found[0], brings, target, commands(only), root), log,
                       {"TMPDIR": str(TOP)})
    finally:
        shutil.rmtree(brings, ignore_errors=True)
    if target and target.exists():
        print(f"the root stays in {target}, with the project in root/{PROJECT}; "
              f"remove it with {remove}")
    if failed:
        raise Problem(f"failed on Debian {release}, see {log}")

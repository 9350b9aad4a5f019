# SPDX-License-Identifier: GPL-2.0
"""Other programs: run them, keep their output, tell why they failed."""

import os
import pathlib
import subprocess

from .report import Problem

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
BUILD = ROOT / "build"
CACHE = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or
                     pathlib.Path.home() / ".cache") / "iotlb-sync"
PYTHON = "/usr/bin/python3"     # Debian's own: the python3-* packages serve it


def raw(*command, cwd=None, env=None, stdin=None):
    """Run command (strings) and return its standard output (bytes).

    cwd: path; env: dict added to the environment; stdin: bytes fed to it.
    Raises Problem with the command and its last words when it fails.
    """
    done = subprocess.run([str(c) for c in command], cwd=cwd, input=stdin,
                          env={**os.environ, **(env or {})},
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if done.returncode:
        words = (done.stderr or done.stdout).decode(errors="replace")
        raise Problem(f"`{' '.join(map(str, command))}` failed:\n  " +
                      "\n  ".join(words.strip().splitlines()[-8:]))
    return done.stdout


def output(*command, stdin=None, **options):
    """As raw(), with stdin and the return value str; no newline is translated."""
    if stdin is not None:
        stdin = stdin.encode(errors="surrogateescape")
    return raw(*command, stdin=stdin, **options).decode(errors="surrogateescape")


def git(tree, *command, **options):
    """Run git in tree (path) and return its standard output (str)."""
    return output("git", "-C", tree, *command, **options)


def logged(log, *command, cwd=None, env=None):
    """Run command with everything it prints in build/log/<log>; return the path.

    Raises Problem with the log's last lines when it fails.
    """
    path = BUILD / "log" / log
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w") as out:
        done = subprocess.run([str(c) for c in command], cwd=cwd,
                              env={**os.environ, **(env or {})}, stdout=out,
                              stdin=subprocess.DEVNULL, stderr=subprocess.STDOUT)
    if done.returncode:
        words = path.read_text(errors="replace").strip().splitlines()[-15:]
        raise Problem(f"`{' '.join(map(str, command))}` failed, see {path}:\n  " +
                      "\n  ".join(words))
    return path

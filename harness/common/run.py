# SPDX-License-Identifier: GPL-2.0
"""Other programs: run them, keep their output, tell why they failed."""

from __future__ import annotations

import contextlib
import os
import pathlib
import re
import subprocess
from collections.abc import Iterator, Mapping
from typing import Any

from .report import Problem

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
BUILD = ROOT / "build"
CACHE = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or
                     pathlib.Path.home() / ".cache") / "iotlb-sync"
PYTHON = "/usr/bin/python3"     # Debian's own: the python3-* packages serve it


Word = str | pathlib.Path
Variables = Mapping[str, str]
Done = subprocess.CompletedProcess[str]


def raw(*command: Word, cwd: pathlib.Path | None = None, env: Variables | None = None,
        stdin: bytes | None = None) -> bytes:
    """Run command and return its standard output.

    env: added to the environment; stdin: what is fed to it.
    Raises Problem with the command and its last words when it fails.
    """
    done = subprocess.run([str(word) for word in command], cwd=cwd, input=stdin,
                          env={**os.environ, **(env or {})},
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if done.returncode:
        words = (done.stderr or done.stdout).decode(errors="replace")
        raise Problem(f"`{' '.join(map(str, command))}` failed:\n  " +
                      "\n  ".join(words.strip().splitlines()[-8:]))
    return done.stdout


def output(*command: Word, stdin: str | None = None, **options: Any) -> str:
    """As raw(), with text instead of bytes; no newline is translated."""
    data = None if stdin is None else stdin.encode(errors="surrogateescape")
    return raw(*command, stdin=data, **options).decode(errors="surrogateescape")


def git(tree: Word, *command: Word, **options: Any) -> str:
    """Run git in tree, with the options of output(), and return its standard output."""
    return output("git", "-C", tree, *command, **options)


def tried(*command: Word, cwd: pathlib.Path | None = None, env: Variables | None = None,
          stdin: bytes = b"") -> Done:
    """Run command, which may fail; return its status, and all that it printed as stdout."""
    done = subprocess.run([str(word) for word in command], cwd=cwd, input=stdin,
                          env={**os.environ, **(env or {})},
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    return Done(done.args, done.returncode, done.stdout.decode(errors="replace"))


def must_match(pattern: str, text: str, whose: str) -> re.Match[str]:
    """Return where pattern is found in text, with ^ and $ for lines.

    Raises Problem if it is nowhere, with whose, as "the output of x".
    """
    match = re.search(pattern, text, re.M)
    if not match:
        raise Problem(f"{whose} has no line that matches `{pattern}`:\n  " +
                      "\n  ".join(text.strip().splitlines()[:8]))
    return match


def logged(log: str, *command: Word, cwd: pathlib.Path | None = None,
           env: Variables | None = None) -> pathlib.Path:
    """Run command with everything it prints in build/log/<log>; return the path.

    Raises Problem with the log's last lines when it fails.
    """
    path = BUILD / "log" / log
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w") as out:
        done = subprocess.run([str(word) for word in command], cwd=cwd,
                              env={**os.environ, **(env or {})}, stdout=out,
                              stdin=subprocess.DEVNULL, stderr=subprocess.STDOUT)
    if done.returncode:
        words = path.read_text(errors="replace").strip().splitlines()[-15:]
        raise Problem(f"`{' '.join(map(str, command))}` failed, see {path}:\n  " +
                      "\n  ".join(words))
    return path


def children(pid: int) -> Iterator[int]:
    """Yield the processes that process pid has started."""
    for task in pathlib.Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            yield from map(int, task.read_text().split())

# SPDX-License-Identifier: GPL-2.0
"""Programs this machine needs: find them, install what is missing, or say how."""

from __future__ import annotations

import os
import pathlib
import shutil
from collections.abc import Callable
from typing import Any

from .report import Problem, Stage
from .run import tried

# name: (probe, Debian package); the probe is a program, or a path when it has a /
TABLE = {
    "gcc": ("gcc", "gcc"),
    "libc": ("/usr/include/stdio.h", "libc6-dev"),
    "make": ("make", "make"),
    "flex": ("flex", "flex"),
    "bison": ("bison", "bison"),
    "bc": ("bc", "bc"),
    "ccache": ("ccache", "ccache"),
    "libelf": ("/usr/include/libelf.h", "libelf-dev"),
    "perl": ("/usr/share/perl/*/Term/ANSIColor.pm", "perl"),
    "xz": ("xz", "xz-utils"),
    "git": ("git", "git"),
    "keyring": ("/usr/share/keyrings/debian-archive-keyring.gpg",
                "debian-archive-keyring"),
    "git-email": ("/usr/lib/git-core/git-send-email", "git-email"),
    "mailtools": ("/usr/share/perl5/Mail/Address.pm", "libmailtools-perl"),
    "gcc-arm": ("arm-linux-gnueabihf-gcc", "gcc-arm-linux-gnueabihf"),
    "gcc-arm64": ("aarch64-linux-gnu-gcc", "gcc-aarch64-linux-gnu"),
    "gcc-s390": ("s390x-linux-gnu-gcc", "gcc-s390x-linux-gnu"),
    "gcc-riscv": ("riscv64-linux-gnu-gcc", "gcc-riscv64-linux-gnu"),
    "libc-arm64": ("/usr/aarch64-linux-gnu/include/stdio.h", "libc6-dev-arm64-cross"),
    "qemu-x86": ("qemu-system-x86_64", "qemu-system-x86"),
    "qemu-arm": ("qemu-system-aarch64", "qemu-system-arm"),
    "qemu-riscv": ("qemu-system-riscv64", "qemu-system-riscv64"),
    # QEMU's package of Debian 12 has it, that of 13 a link to package opensbi, which it needs
    "opensbi": ("/usr/share/qemu/opensbi-riscv64-generic-fw_dynamic.bin", "qemu-system-riscv64"),
    "qemu-s390": ("qemu-system-s390x", "qemu-system-s390x"),
    "coccinelle": ("spatch", "coccinelle"),
    "libpython": ("/usr/lib/*/libpython3.*.so", "libpython3-dev"),  # spatch wants this name
    "ply": ("/usr/lib/python3/dist-packages/ply", "python3-ply"),
    "gitpython": ("/usr/lib/python3/dist-packages/git", "python3-git"),
    "elftools": ("/usr/lib/python3/dist-packages/elftools", "python3-pyelftools"),
    "pahole": ("pahole", "dwarves"),
    "sparse": ("sparse", "sparse"),
    "sphinx": ("/usr/bin/sphinx-build", "python3-sphinx"),
    "yaml": ("/usr/lib/python3/dist-packages/yaml", "python3-yaml"),
    "graphviz": ("dot", "graphviz"),
    "mmdebstrap": ("mmdebstrap", "mmdebstrap"),
    "uidmap": ("newuidmap", "uidmap"),
    "mypy": ("/usr/bin/mypy", "mypy"),
    "pyflakes": ("/usr/lib/python3/dist-packages/pyflakes", "pyflakes3"),
    "matplotlib": ("/usr/lib/python3/dist-packages/matplotlib", "python3-matplotlib"),
}
BUILD_KERNEL = ("gcc", "libc", "make", "flex", "bison", "bc", "ccache", "libelf",
                "perl", "xz", "git")
INSTALL = ("apt-get", "install", "-y", "--no-upgrade", "--no-install-recommends")


def present(probe: str) -> bool:
    """Return whether probe, as in TABLE, finds what it is for."""
    if "/" in probe:
        return any(pathlib.Path("/").glob(probe.lstrip("/")))
    return shutil.which(probe) is not None


def become_root() -> list[str] | None:
    """Return what a command begins with to run as root, None if there is no way."""
    if os.geteuid() == 0:
        return []
    sudo = ["sudo", "-n"]
    if shutil.which("sudo") and not tried(*sudo, "true").returncode:
        return sudo
    return None


def need(*names: str, table: dict[str, tuple[str, str]] = TABLE,
         root: Callable[[], list[str] | None] = become_root) -> None:
    """Make sure the programs, keys of table, are there.

    root: as become_root().  Raises Problem if one is missing and cannot be installed.
    """
    packages = sorted({table[n][1] for n in names if not present(table[n][0])})
    if not packages:
        return
    prefix = root()
    command = " ".join(("sudo",) + INSTALL + tuple(packages))
    if prefix is None:
        raise Problem(f"{', '.join(packages)} missing and this user may not "
                      f"install; run:\n  {command}")
    stage = Stage("install " + " ".join(packages))
    apt = prefix + ["env", "DEBIAN_FRONTEND=noninteractive"]
    for step in (INSTALL, ("apt-get", "update"), INSTALL):
        done = tried(*apt, *step, *(packages if step is INSTALL else []))
        if step is INSTALL and not done.returncode:
            break
    missing = sorted({table[n][1] for n in names if not present(table[n][0])})
    if missing:
        stage.done("failed")
        raise Problem(f"apt did not install {', '.join(missing)}; fix that, then "
                      f"run `make` again:\n  {command}\n  " +
                      "\n  ".join(done.stdout.strip().splitlines()[-4:]))
    stage.done()


def space(path: pathlib.Path, gigabytes: float = 12,
          usage: Callable[[pathlib.Path], Any] = shutil.disk_usage) -> None:
    """Raise Problem if less than so many gigabytes are free where path is."""
    free = usage(path).free / 1e9
    if free < gigabytes:
        raise Problem(f"{free:.1f} GB free in {path}, a kernel tree and its builds "
                      f"need {gigabytes} GB: free some, or clone this repository "
                      "to a larger disk")

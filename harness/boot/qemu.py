# SPDX-License-Identifier: GPL-2.0
"""QEMU for the KUnit jobs: this machine's, or a newer one from Debian's backports.

The newer one is only unpacked, into CACHE, and shared by all clones; what the
machine has installed stays as it is, and gives it libraries and firmware.
"""

from __future__ import annotations

import os
import pathlib
import shutil

from ..common import tools
from ..common.report import Problem
from ..common.run import BUILD, CACHE, Word, must_match, output
from ..kernel.archive import Archive, codename, unpacked

LEAST = 10      # riscv-iommu, stage 2 of SMMUv3, first stage tables of VT-d
BIN = BUILD / "qemu"

# kunit.py's --arch: (program, name in tools.TABLE, package of the backport)
ARCH = {
    "x86_64": ("qemu-system-x86_64", "qemu-x86", "qemu-system-x86"),
    "i386": ("qemu-system-i386", "qemu-x86", "qemu-system-x86"),
    "arm64": ("qemu-system-aarch64", "qemu-arm", "qemu-system-arm"),
    "arm": ("qemu-system-arm", "qemu-arm", "qemu-system-arm"),
    "riscv": ("qemu-system-riscv64", "qemu-riscv", "qemu-system-riscv"),
    "s390": ("qemu-system-s390x", "qemu-s390", "qemu-system-s390x"),
}

# kunit.py asks for KVM first, but only TCG can count virtual time; and it reads
# QEMU's own words, in $QEMU_WORDS here, as part of the kernel's.  The modules in
# place may be another version's, and no job needs one.
WRAPPER = """\
#!/bin/sh
for arg; do shift; [ "$arg" = kvm ] && arg=tcg; set -- "$@" "$arg"; done
QEMU_MODULE_DIR=/nonexistent exec {program} "$@" 2>"$QEMU_WORDS"
"""


def version(program: Word) -> int:
    """Return the major version of program, a QEMU."""
    return int(must_match(r"version (\d+)", output(program, "--version"),
                          f"`{program} --version`")[1])


def backport(program: str, package: str, cache: pathlib.Path = CACHE,
             archive: type[Archive] = Archive) -> pathlib.Path:
    """Return the path of program from package, fetched if not in cache yet.

    Raises Problem if there is none, or it is too old or does not run.
    """
    top = unpacked(package, lambda: archive(codename() + "-backports"), cache / package)
    path = top / "usr/bin" / program
    try:
        enough = version(path) >= LEAST
    except (Problem, OSError) as problem:
        raise Problem(f"{path} does not run: {problem}\nInstall QEMU {LEAST} or newer, "
                      f"or remove {top} and run again") from None
    if not enough:
        raise Problem(f"{path} is older than QEMU {LEAST}: install a newer one, or "
                      f"remove {top} and run again")
    return path


def environment(arch: str, words: pathlib.Path) -> dict[str, str]:
    """Return the environment in which kunit.py finds QEMU for arch, as in ARCH.

    words: where to put what QEMU itself has to say.
    """
    program, tool, package = ARCH[arch]
    tools.need(tool)
    path: Word | None = shutil.which(program)
    if not path or version(path) < LEAST:
        path = backport(program, package)
    BIN.mkdir(parents=True, exist_ok=True)
    wrapper = BIN / program
    wrapper.write_text(WRAPPER.format(program=path))
    wrapper.chmod(0o755)
    return {"PATH": f"{BIN}:{os.environ['PATH']}", "QEMU_WORDS": str(words)}

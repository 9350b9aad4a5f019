# SPDX-License-Identifier: GPL-2.0
"""Programs for the kernels of jobs.toml: selftests of the kernel tree, and those of guest/."""

from __future__ import annotations

import pathlib
import shlex

from ..common.report import Problem, Stage
from ..common.run import CACHE, ROOT, git, logged, output
from ..kernel.archive import Archive, codename, unpacked
from .jobs import MODES, Job, Kernel

GUEST = ROOT / "harness" / "boot" / "guest"

# kunit.py's --arch: the console that it has the kernel use.
CONSOLE = {"x86_64": "ttyS0", "arm64": "ttyAMA0"}

# For user space that has a device: these kernels do not remap interrupts.
UNSAFE = "vfio_iommu_type1.allow_unsafe_interrupts=1 iommufd.allow_unsafe_interrupts=1"

# Lines for usr/gen_init_cpio, before those for programs: init has output before /dev is mounted.
FIRST = ["dir /dev 0755 0 0", "nod /dev/console 0600 0 0 c 5 1"]

# kunit.py's --arch: Debian's name of it, and its directory of libraries.
DEBIAN = {"x86_64": ("amd64", "x86_64-linux-gnu"), "arm64": ("arm64", "aarch64-linux-gnu")}

# Debian's package of the library that a collection of selftests wants.  They are unpacked and
# not installed: no cross compiler has them.
LIBRARIES = {"vfio": "uuid-dev", "iommu": "libcap-dev"}


def collections(job: Job) -> list[str]:
    """Return the directories that job has programs of."""
    return list(dict.fromkeys(path.partition("/")[0] for path in job.programs))


def made_of(tree: pathlib.Path, job: Job) -> tuple[str, ...]:
    """Return what changes with anything in tree that the programs of job are built from, but
    for the kernel's tools."""
    return (git(tree, "rev-parse", "HEAD:include/uapi", "HEAD:arch"),) if job.programs else ()


def selftests(tree: pathlib.Path, kernel: Kernel, name: str, make: list[str]) -> pathlib.Path:
    """Build the selftests of tree below name for kernel; return the directory they are in.

    make: as for initramfs().
    """
    debian, triplet = DEBIAN[kernel.arch]
    library = unpacked(LIBRARIES[name], lambda: Archive(codename(), debian),
                       CACHE / f"{LIBRARIES[name]}-{debian}") / "usr"
    log = f"kunit-{kernel.name}-{name}.log"
    logged(log, *make, "-s", "headers", cwd=tree)
    logged(log, *make, "-s", "-C", "tools/testing/selftests", f"TARGETS={name}",
           f"KHDR_INCLUDES=-isystem {kernel.out}/usr/include -isystem {library}/include",
           f"LDFLAGS=-static -pthread -L{library}/lib/{triplet}", cwd=tree)
    return kernel.out / "kselftest" / name


def guest(kernel: Kernel, name: str) -> pathlib.Path:
    """Build the program name of GUEST for kernel; return its path."""
    path = kernel.out / "guest" / name
    path.parent.mkdir(exist_ok=True)
    output(f"{kernel.cross_compile}gcc", "-Wall", "-Wextra", "-Werror", "-O2", "-static", "-pthread",
           "-o", path, GUEST / f"{name}.c")
    return path


def initramfs(tree: pathlib.Path, job: Job, make: list[str]) -> pathlib.Path:
    """Build the programs of job from tree; return the archive that its kernel boots into.

    make: the command that builds its kernel, which is there.  Raises Problem if it fails.
    """
    kernel = job.kernel
    stage = Stage(f"build programs of {job.name}")
    lines = [*FIRST, f"file /init {guest(kernel, 'init')} 0755 0 0"]
    for name in collections(job):
        lines.append(f"dir /{name} 0755 0 0")
        mine = [path.partition("/")[2] for path in job.programs if path.startswith(f"{name}/")]
        if name != GUEST.name:
            built = selftests(tree, kernel, name, make)
        for program in mine:
            path = guest(kernel, program) if name == GUEST.name else built / program
            if not path.exists():
                raise Problem(f"make of selftests {name} succeeds, but has built no {path}")
            lines.append(f"file /{name}/{program} {path} 0755 0 0")
    listed = kernel.out / f"{job.name}.programs"
    listed.write_text("".join(f"/{path}\n" for path in job.programs))
    lines.append(f"file /programs {listed} 0644 0 0")
    table, archive = listed.with_suffix(".list"), listed.with_suffix(".cpio")
    table.write_text("\n".join(lines) + "\n")
    output(kernel.out / "usr/gen_init_cpio", "-o", archive, table)
    stage.done()
    return archive


def boot_options(job: Job, archive: pathlib.Path) -> str:
    """Return what QEMU is to be told on top of what kunit.py tells it.

    That has the kernel run KUnit suites, and end; of several -append QEMU takes the last.
    """
    line = [f"console={CONSOLE[job.kernel.arch]}", "kunit.enable=0", "panic=-1",
            "printk.devkmsg=on", UNSAFE if "vfio" in collections(job) else "", MODES[job.mode],
            *job.kernel_args]
    return shlex.join(["-initrd", str(archive), "-append", " ".join(filter(None, line))])

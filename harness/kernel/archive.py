# SPDX-License-Identifier: GPL-2.0
"""Debian packages of suites this machine does not use, through private apt lists.

One that is kept has a directory with its NOTE: what it is, and its hash.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import pathlib
import re
import shutil
from collections.abc import Callable, Iterator
from typing import TypedDict

from ..common import tools
from ..common.report import Problem, Stage
from ..common.run import BUILD, must_match, output

KEYRING = tools.TABLE["keyring"][0]
NOTE = "package.json"

APT_CONF = """\
Dir::Etc::SourceList "{apt}/sources.list";
Dir::Etc::SourceParts "/dev/null";
Dir::State::Lists "{apt}/lists";
Dir::Cache "{apt}/cache";
APT::Sandbox::User "root";
Acquire::Languages "none";
#clear APT::Update;
{more}"""


class Missing(Problem):
    """A package that is not offered."""


class Known(TypedDict):
    """What NOTE says of a package; commit: what was made of it, None before that."""
    package: str
    version: str
    sha256: str
    file: str
    commit: str | None


@contextlib.contextmanager
def lock(cache: pathlib.Path) -> Iterator[None]:
    """Keep other runs out of cache as long as this context lasts."""
    cache.mkdir(parents=True, exist_ok=True)
    with open(cache / "lock", "w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(f"waiting for another run that fills {cache}", flush=True)
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def mirrors(codename: str, *options: str) -> list[str]:
    """Return the URIs that apt has for codename, the running release.

    `apt-get update --print-uris` knows every format of sources and needs no
    lists; the release's own main component tells Debian's mirrors from others.
    """
    uris = output("apt-get", *options, "-o", "Debug::NoLocking=1", "-o",
                  f"Dir::State::Lists={BUILD}/apt/none", "--print-uris", "update")
    found = re.findall(rf"^'(\S+)/dists/{codename}/main/binary-all/", uris, re.M)
    return list(dict.fromkeys(found))


def codename() -> str:
    """Return the name of the running release."""
    path = pathlib.Path("/etc/os-release")
    return must_match(r'^VERSION_CODENAME="?(\w+)', path.read_text(), str(path))[1]


class Archive:
    """One suite of the Debian archive this machine uses.

    architecture: of its packages, as Debian calls it, if not this machine's.
    """

    def __init__(self, suite: str, architecture: str = ""):
        tools.need("keyring")
        self.suite = suite
        self.apt = BUILD / "apt" / (f"{suite}-{architecture}" if architecture else suite)
        for name in ("lists/partial", "none/partial", "cache/archives/partial"):
            (self.apt / name).mkdir(parents=True, exist_ok=True)
        self.conf = self.apt / "apt.conf"
        self.conf.write_text(APT_CONF.format(apt=self.apt, more=(
            f'APT::Architecture "{architecture}";\nAPT::Architectures "{architecture}";\n'
            if architecture else "")))

    def newest(self, package: str) -> tuple[str, str]:
        """Return version and SHA-256 of the newest package.

        Raises Missing if a mirror answers that there is none, Problem if none answers.
        """
        why, kind = "apt has no Debian mirror for this release", Problem
        for uri in mirrors(codename()):
            (self.apt / "sources.list").write_text(
                f"deb [signed-by={KEYRING}] {uri} {self.suite} main\n")
            try:
                output("apt-get", "-c", self.conf, "-o", "APT::Update::Error-Mode=any",
                       "update")
            except Problem as problem:
                why = str(problem)
                continue
            lines = output("apt-cache", "-c", self.conf, "madison", package)
            if lines:
                found = lines.split("|")[1].strip()
                show = output("apt-cache", "-c", self.conf, "show", f"{package}={found}")
                return found, must_match(r"^SHA256: (\w+)", show, f"`apt-cache show {package}`")[1]
            why, kind = f"{uri} {self.suite} does not offer it", Missing
        raise kind(f"no package {package}: {why}")

    def download(self, package: str, version: str, directory: pathlib.Path) -> pathlib.Path:
        """Fetch version of package into directory; return the .deb's path."""
        output("apt-get", "-c", self.conf, "download", f"{package}={version}",
               cwd=directory)
        return next(directory.glob(f"{package}_*.deb"))


def unpacked(package: str, source: Callable[[], Archive], top: pathlib.Path) -> pathlib.Path:
    """Return top, in which the files of package are; it is fetched from source() the first time.

    What the machine has installed stays as it is.  Raises Problem if there is none to fetch.
    """
    with lock(top.parent):
        if not top.exists():
            stage = Stage(f"fetch {package}")
            there = source()
            found, _ = there.newest(package)
            part = top.with_name(top.name + ".part")
            shutil.rmtree(part, ignore_errors=True)
            part.mkdir()
            deb = there.download(package, found, part)      # apt checks its hash
            output("dpkg-deb", "-x", deb, part)
            deb.unlink()
            part.rename(top)
            stage.done(found)
    return top


def sha(path: pathlib.Path) -> str:
    """Return the SHA-256 of a file."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def fetched(cache: pathlib.Path, package: str, suite: str, archive: type[Archive] = Archive,
            update: bool = False) -> Known:
    """Return what NOTE is to say of package, whose "file" is in cache.

    It is fetched from suite if it is not there or damaged, or if update and there is a
    newer one: then it has no "commit" yet, and record() is to note it.
    Raises Problem; Missing if there is none to fetch.
    """
    known = _kept(cache, package)
    if known and not update:
        return known
    source = archive(suite)
    stage = Stage(f"fetch {package}")
    version, digest = source.newest(package)
    if known and (version, digest) == (known["version"], known["sha256"]):
        stage.done(f"{version} is the newest")
        return known
    fetch = cache / "fetch"
    shutil.rmtree(fetch, ignore_errors=True)
    fetch.mkdir()
    deb = source.download(package, version, fetch)
    if sha(deb) != digest:
        raise Problem(f"{deb.name} arrived damaged; run again")
    deb = deb.replace(cache / deb.name)
    fetch.rmdir()
    stage.done(version)
    return {"package": package, "version": version, "sha256": digest, "file": deb.name,
            "commit": None}


def _kept(cache: pathlib.Path, package: str) -> Known | None:
    """Return what NOTE says of package in cache, None if it is missing, damaged or another's."""
    try:
        known: Known = json.loads((cache / NOTE).read_text())
        if known["package"] != package:
            return None
        deb = cache / known["file"]
        if sha(deb) == known["sha256"]:
            return known
        print(f"{deb} is damaged: fetching it again")
    except (OSError, ValueError, KeyError):
        pass
    return None


def record(cache: pathlib.Path, known: Known) -> None:
    """Note known in cache, and remove other packages."""
    note = cache / NOTE
    note.with_suffix(".new").write_text(json.dumps(known, indent=1) + "\n")
    note.with_suffix(".new").replace(note)
    for old in set(cache.glob("*.deb")) - {cache / known["file"]}:
        old.unlink()

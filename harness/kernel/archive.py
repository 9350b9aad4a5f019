# SPDX-License-Identifier: GPL-2.0
"""Debian packages of suites this machine does not use, through private apt lists.

One that is kept has a directory with its NOTE: what it is, and its hash.
"""

import contextlib
import fcntl
import hashlib
import json
import pathlib
import re
import shutil

from ..common import tools
from ..common.report import Problem, Stage
from ..common.run import BUILD, output

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
"""


class Missing(Problem):
    """A package that is not offered."""


@contextlib.contextmanager
def lock(cache):
    """Keep other runs out of cache (path) as long as this context lasts."""
    cache.mkdir(parents=True, exist_ok=True)
    with open(cache / "lock", "w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(f"waiting for another run that fills {cache}", flush=True)
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def mirrors(codename, *options):
    """codename: str, the running release -> URIs (list of str) apt has for it.

    `apt-get update --print-uris` knows every format of sources and needs no
    lists; the release's own main component tells Debian's mirrors from others.
    """
    uris = output("apt-get", *options, "-o", "Debug::NoLocking=1", "-o",
                  f"Dir::State::Lists={BUILD}/apt/none", "--print-uris", "update")
    found = re.findall(rf"^'(\S+)/dists/{codename}/main/binary-all/", uris, re.M)
    return list(dict.fromkeys(found))


def codename():
    """-> str, the name of the running release."""
    text = pathlib.Path("/etc/os-release").read_text()
    return re.search(r'^VERSION_CODENAME="?(\w+)', text, re.M)[1]


class Archive:
    """One suite (str) of the Debian archive this machine uses."""

    def __init__(self, suite):
        tools.need("keyring")
        self.suite = suite
        self.apt = BUILD / "apt" / suite
        for name in ("lists/partial", "none/partial", "cache/archives/partial"):
            (self.apt / name).mkdir(parents=True, exist_ok=True)
        self.conf = self.apt / "apt.conf"
        self.conf.write_text(APT_CONF.format(apt=self.apt))

    def newest(self, package):
        """-> (version, sha256) of the newest package (str).

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
                return found, re.search(r"^SHA256: (\w+)", show, re.M)[1]
            why, kind = f"{uri} {self.suite} does not offer it", Missing
        raise kind(f"no {package} to be had: {why}")

    def download(self, package, version, directory):
        """Fetch version (str) of package into directory; return the .deb's path."""
        output("apt-get", "-c", self.conf, "download", f"{package}={version}",
               cwd=directory)
        return next(directory.glob(f"{package}_*.deb"))


def sha(path):
    """-> str, the SHA-256 of a file."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def fetched(cache, package, suite, archive=Archive, update=False):
    """-> what NOTE is to say of package (str), as a dict; "file" in cache (path) is it.

    It is fetched from suite (str) if it is not there or damaged, or if update (bool)
    and there is a newer one: then it has no "commit" yet, and keep() is to note it.
    archive: class as Archive.  Raises Problem; Missing if there is none to fetch.
    """
    try:
        known = json.loads((cache / NOTE).read_text())
        deb = cache / known["file"]
        if sha(deb) != known["sha256"]:
            print(f"{deb} is damaged: fetching it again")
            known = None
    except (OSError, ValueError, KeyError):
        known = None
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


def keep(cache, known):
    """Note known, as fetched() returns it, in cache (path); remove other packages."""
    note = cache / NOTE
    note.with_suffix(".new").write_text(json.dumps(known, indent=1) + "\n")
    note.with_suffix(".new").replace(note)
    for old in set(cache.glob("*.deb")) - {cache / known["file"]}:
        old.unlink()

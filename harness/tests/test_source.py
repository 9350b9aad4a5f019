# SPDX-License-Identifier: GPL-2.0
"""The base kernel: the package's cache, mirrors, and trees in KDIR."""

import hashlib
import pathlib
import shutil
import subprocess
import unittest.mock

from harness.common import run, tools
from harness.common.report import Problem
from harness.kernel import archive, export, source

from .fake import MAKEFILE, Kernel, put

DEBIAN_IGNORE = "*.o\n#\n# Debian packaging: ignore everything at the top\n/*\n"


def checksum(top):
    """-> str that changes with any file, mode or time below top.

    Times of object files are left out: git freshens an object it meets again.
    """
    facts = [(str(p), p.lstat().st_mode, p.read_bytes() if p.is_file() else b"",
              "objects" in p.parts or p.lstat().st_mtime_ns) for p in sorted(top.rglob("*"))]
    return hashlib.sha256(repr(facts).encode()).hexdigest()


class Package(Kernel):
    def setUp(self):
        super().setUp()
        self.cache, self.fetched, self.version = self.top / "cache", [], "7.3.4-1~bpo13+1"
        outer = self

        class Archive:
            def __init__(self, suite):
                pass

            def newest(self, package):
                self.deb = outer.deb(outer.version)
                return outer.version, archive.sha(self.deb)

            def download(self, package, version, directory):
                outer.fetched.append(version)
                return pathlib.Path(shutil.copy(self.deb, directory))

        self.archive = Archive

    def deb(self, version):
        """-> path of a package as Debian makes it."""
        name = f"{source.PACKAGE}_{version}_all"
        top = self.top / name
        if not top.exists():
            kernel = self.top / "k" / source.PACKAGE
            shutil.copytree(self.linux, kernel, ignore=shutil.ignore_patterns(".git"),
                            dirs_exist_ok=True)
            put(kernel, {".gitignore": DEBIAN_IGNORE, "run.sh": "#!/bin/sh\n",
                         "Makefile": MAKEFILE.replace("4", version[4])})
            (kernel / "run.sh").chmod(0o755)
            (kernel / "link.c").unlink(missing_ok=True)
            (kernel / "link.c").symlink_to("a.c")
            put(top, {"DEBIAN/control": f"Package: {source.PACKAGE}\nVersion: {version}\n"
                      "Architecture: all\nMaintainer: x <x@y>\nDescription: x\n",
                      "usr/src/x": ""})
            subprocess.run(["tar", "-C", kernel.parent, "--mtime=@1700000000", "-cJf",
                            f"{top}/usr/src/{source.PACKAGE}.tar.xz", source.PACKAGE], check=True)
            run.output("touch", "-d", "@1700000000", f"{top}/usr/src/{source.PACKAGE}.tar.xz")
            run.output("dpkg-deb", "--root-owner-group", "-b", top, f"{top}.deb")
        return pathlib.Path(f"{top}.deb")

    def package(self, **options):
        return source.package(self.cache, self.archive, **options)

    def test_fetched_once(self):
        base = self.package()
        self.assertEqual(("7.3.4", ["7.3.4-1~bpo13+1"]), (base.version, self.fetched))
        files = run.git(base.repo, "ls-tree", "-r", base.commit)
        self.assertRegex(files, r"100755 blob \w+\trun.sh\n")
        self.assertRegex(files, r"120000 blob \w+\tlink.c\n")
        self.assertEqual("*.o\n", run.git(base.repo, "show", base.commit + ":.gitignore"))
        self.archive = None
        self.assertEqual(base, self.package())

    def test_same_commit_everywhere(self):
        first = self.package().commit
        shutil.rmtree(self.cache)
        self.assertEqual(first, self.package().commit)

    def test_damaged_package(self):
        base = self.package()
        deb, = self.cache.glob("*.deb")
        deb.write_bytes(deb.read_bytes()[:-1] + b"x")
        self.assertEqual(base, self.package())
        self.assertEqual(2, len(self.fetched))

    def test_damaged_repository(self):
        base = self.package()
        pack, = base.repo.glob("objects/pack/*.pack")
        pack.chmod(0o644)
        pack.write_bytes(pack.read_bytes()[:-30] + bytes(30))
        self.assertEqual(base, self.package())
        self.assertEqual(1, len(self.fetched))
        run.git(base.repo, "fsck")

    def test_damaged_on_arrival(self):
        sha = unittest.mock.patch.object(self.archive, "newest", lambda archive, package: (
            setattr(archive, "deb", self.deb(self.version)), (self.version, "0"))[1])
        with sha:
            self.assertRaisesRegex(Problem, "damaged", self.package)
        self.assertEqual("7.3.4", self.package().version)

    def test_interrupted_import(self):
        with unittest.mock.patch.object(source.tarfile, "open", side_effect=KeyboardInterrupt):
            self.assertRaises(KeyboardInterrupt, self.package)
        self.assertEqual("7.3.4", self.package().version)

    def test_update(self):
        old = self.package()
        self.package(update=True)
        self.assertEqual(1, len(self.fetched))
        self.version = "7.3.5-1"
        self.assertEqual(old, self.package())
        new = self.package(update=True)
        self.assertEqual("7.3.5", new.version)
        self.assertEqual(1, len(list(self.cache.glob("*.deb"))))
        run.git(new.repo, "cat-file", "-e", old.commit)     # other clones borrow it

    def test_of_another_release(self):
        self.package()
        note = self.cache / archive.NOTE
        note.write_text(note.read_text().replace(source.PACKAGE, "linux-source-7.1"))
        self.package()
        self.assertEqual(2, len(self.fetched))

    def test_no_network(self):
        with unittest.mock.patch.object(self.archive, "newest", side_effect=Problem("x")):
            self.assertRaises(Problem, self.package)
            self.version = "7.3.4-1~bpo13+1"
        self.package()
        self.archive = None
        self.package()


class Mirror(Kernel):
    """apt's own words, for each format of sources, in a root of its own."""

    LINE = "deb http://{}/debian {} main\n"
    STANZA = "Types: deb\nURIs: http://{}/debian/\nSuites: {} {}-updates\nComponents: main\n"

    def mirrors(self, files):
        root = self.top / "root"
        put(root, {"var/lib/dpkg/status": "", "var/cache/apt/archives/partial/x": "",
                   "etc/apt/apt.conf.d/x": "", "etc/apt/sources.list.d/x": "",
                   "etc/apt/preferences.d/x": "", "../project/build/apt/none/partial/x": ""})
        put(root / "etc/apt", files)
        return archive.mirrors("bookworm", "-o", f"Dir={root}")

    def test_one_line(self):
        self.assertEqual(["http://a.example/debian"], self.mirrors({"sources.list":
            self.LINE.format("s.example", "bookworm-security") +
            "deb http://docker.example/debian bookworm stable\n" +
            self.LINE.format("a.example", "bookworm")}))

    def test_stanza(self):
        self.assertEqual(["http://b.example/debian"], self.mirrors(
            {"sources.list.d/debian.sources": self.STANZA.format("b.example", *2 * ["bookworm"])}))

    def test_none(self):
        self.assertEqual([], self.mirrors({}))

    def newest(self, update):
        """Ask for a package; update: what comes of `apt-get update`."""
        with unittest.mock.patch.object(archive, "mirrors", return_value=["http://x"]), \
                unittest.mock.patch.object(archive, "output", side_effect=[update, ""]), \
                unittest.mock.patch.object(archive.tools, "need"):
            archive.Archive("some-suite").newest("some-package")

    def test_not_offered(self):
        self.assertRaisesRegex(archive.Missing, "http://x some-suite does not offer it",
                               self.newest, "")

    def test_no_answer_is_no_answer(self):
        with self.assertRaisesRegex(Problem, "no package some-package: no network") as caught:
            self.newest(Problem("no network"))
        self.assertNotIsInstance(caught.exception, archive.Missing)

    def test_says_use_kdir(self):
        with unittest.mock.patch.object(archive, "mirrors", return_value=[]):
            self.assertRaisesRegex(Problem, "KDIR", source.package, self.top / "cache")


class Kdir(Kernel):
    def kdir(self):
        return source.tree(self.linux)

    def test_untouched(self):
        before = checksum(self.linux)
        self.develop()
        self.compose()
        self.assertEqual(before, checksum(self.linux))

    def test_not_a_kernel(self):
        (self.linux / "Kbuild").unlink()
        self.assertRaisesRegex(Problem, "not a kernel", self.kdir)
        self.assertRaisesRegex(Problem, "not a kernel", source.tree, self.top / "none")

    def test_other_version(self):
        put(self.linux, {"Makefile": MAKEFILE.replace("3", "2")})
        self.assertRaisesRegex(Problem, "7.2.4.*7.3.y", self.kdir)

    def test_changed(self):
        put(self.linux, {"a.c": "changed"})
        self.assertRaisesRegex(Problem, "uncommitted", self.kdir)
        self.assertEqual("changed", (self.linux / "a.c").read_text())

    def test_untracked_does_not_matter(self):
        put(self.linux, {"notes": "mine"})
        self.assertEqual("7.3.4", self.kdir().version)

    def test_linked_worktree(self):
        run.git(self.linux, "worktree", "add", "-q", self.top / "other")
        self.linux = self.top / "other"
        self.develop()

    def test_shallow(self):
        run.git(self.linux, "commit", "-q", "--allow-empty", "-m", "x")
        run.output("git", "clone", "-q", "--depth=1", f"file://{self.linux}", self.top / "s")
        self.linux = self.top / "s"
        self.develop()

    def plain(self):
        shutil.rmtree(self.linux / ".git")
        put(self.linux, {".gitignore": DEBIAN_IGNORE})

    def test_plain(self):
        self.plain()
        before = checksum(self.linux)
        self.develop()
        composed = self.compose()
        self.assertEqual([], export.round_trip(composed.tree, self.root))
        self.assertEqual(before, checksum(self.linux))
        put(self.linux, {"b.c": "int b;\n", "d.c": "int d;\n"})
        self.compose()
        self.assertTrue((self.tree / "d.c").exists())
        self.assertNotIn("/*", (self.tree / ".gitignore").read_text())

    def test_plain_and_built(self):
        self.plain()
        put(self.linux, {".config": ""})
        self.assertRaisesRegex(Problem, "mrproper", self.kdir)


class Tools(Kernel):
    TABLE = {"x": ("no-such-program", "no-such-package"), "sh": ("sh", "dash"),
             "lib": ("/no/such/*.h", "no-such-dev")}

    def test_present(self):
        tools.need("sh", table=self.TABLE, root=None)

    def test_says_the_command(self):
        self.assertRaisesRegex(Problem, "sudo apt-get install .*no-such-dev no-such-package$",
                               tools.need, "x", "sh", "lib", table=self.TABLE, root=lambda: None)

    def test_apt_fails(self):
        with unittest.mock.patch.object(tools, "tried") as tried:
            tried.return_value = subprocess.CompletedProcess([], 100, "E: Unable to locate\n")
            self.assertRaisesRegex(Problem, "Unable to locate", tools.need, "x",
                                   table=self.TABLE, root=lambda: ["sudo", "-n"])
            self.assertEqual(("sudo", "-n", "env"), tried.call_args[0][:3])

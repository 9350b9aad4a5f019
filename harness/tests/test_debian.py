# SPDX-License-Identifier: GPL-2.0
"""`make debian`, but for the root that mmdebstrap makes."""

import contextlib
import io
import pathlib
import subprocess
import tempfile
import unittest
from unittest import mock

from harness import debian
from harness.common import run
from harness.common.report import Problem

from .fake import ME, commit


class Command(unittest.TestCase):
    def test_make_and_check(self):
        self.assertTrue(debian.commands("").endswith(" && make && make check"))
        self.assertTrue(debian.commands("docs audit")
                        .endswith(f"{debian.PROJECT} && make check 'ONLY=docs audit'"))

    def test_a_failure_ends_it(self):
        """The root is a script that runs what it is told with `make` that fails."""
        with tempfile.TemporaryDirectory() as scratch:
            script = debian.commands("").replace("/root", scratch).replace("chown", "true")
            pathlib.Path(scratch, debian.PROJECT).mkdir()
            for make, status, said in (("false", 1, ""), ("echo", 0, "\ncheck\n")):
                done = subprocess.run(["sh", "-c", f"make() {{ {make} $*; }}\n{script}"],
                                      stdout=subprocess.PIPE, text=True)
                self.assertEqual((status, said), (done.returncode, done.stdout))

    def test_root_is_removed_unless_it_is_to_stay(self):
        gone = debian.bootstrap("trixie", "http://a/debian", pathlib.Path("/b c"), None, "x", True)
        stays = debian.bootstrap("trixie", "http://a/debian", pathlib.Path("/b c"),
                                 pathlib.Path("/t"), "x", False)
        self.assertIn("--format=null", gone)
        self.assertIn("--mode=root", gone)
        self.assertIn("--customize-hook=sync-in '/b c' /root", gone)
        self.assertEqual(["trixie", "/dev/null", "http://a/debian"], gone[-3:])
        self.assertIn("--format=directory", stays)
        self.assertIn("--mode=unshare", stays)
        self.assertEqual(["trixie", "/t", "http://a/debian"], stays[-3:])

    def test_script_reaches_the_shell_of_the_root_as_it_is(self):
        hook = debian.bootstrap("s", "m", pathlib.Path("/b"), None, "make 'ONLY=a b'", True)[-4]
        inside = hook.partition("=")[2].replace('chroot "$1"', "")
        done = subprocess.run(["sh", "-c", inside.replace("sh -c", "echo")], text=True,
                              stdout=subprocess.PIPE)
        self.assertEqual("make 'ONLY=a b'\n", done.stdout)


class Run(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.top = pathlib.Path(scratch.name)
        self.root, self.cache = self.top / "project", self.top / "cache"
        self.root.mkdir()
        for patch in (mock.patch.dict("os.environ", ME), mock.patch("os.geteuid", return_value=0),
                      mock.patch.object(debian, "BUILD", self.top),
                      mock.patch.object(debian, "TOP", self.top / "debian"),
                      mock.patch.object(debian.tools, "need"),
                      mock.patch.object(debian, "mirrors", return_value=["m"])):
            self.enterContext(patch)
        run.git(self.root, "init", "-q")
        commit(self.root, "one\n", {"a": "committed\n"})
        (self.root / "a").write_text("changed\n")

    def run_it(self, status, **options):
        """Run where mmdebstrap is a script that ends with status -> what is printed."""
        command = ["sh", "-c", f"echo Hello; echo $TMPDIR; exit {status}"]
        packed = debian.packed
        with mock.patch.object(debian, "bootstrap", return_value=command) as self.bootstrap, \
                mock.patch.object(debian, "packed",
                                  lambda b, s: packed(b, s, self.root, self.cache)), \
                contextlib.redirect_stdout(io.StringIO()) as said:
            debian.run("13", **options)
        return said.getvalue()

    def test_what_is_printed_is_kept(self):
        said = self.run_it(0)
        log = (self.top / "log/debian-13.log").read_text()
        self.assertEqual(f"Hello\n{self.top}/debian\n", log)
        self.assertTrue(said.endswith(log))
        self.assertIn("nothing cached is shared", said)
        self.assertEqual([], list((self.top / "debian").iterdir()))

    def test_interrupt_waits_for_the_end(self):
        done = self.top / "done"
        with mock.patch.object(debian, "sys") as interrupted, self.assertRaises(KeyboardInterrupt):
            interrupted.stdout.write.side_effect = KeyboardInterrupt
            debian.shown(["sh", "-c", f"echo; sleep 1; echo; touch {done}"], self.top / "log", {})
        self.assertTrue(done.exists())

    def test_failure(self):
        self.assertRaisesRegex(Problem, "failed on Debian 13, see .*debian-13.log", self.run_it, 3)
        self.assertEqual([], list((self.top / "debian").iterdir()))

    def test_root_that_stayed(self):
        (self.top / "debian/13").mkdir(parents=True)
        self.assertRaisesRegex(Problem, "earlier run with KEEP=1: .*rm -r ",
                               self.run_it, 0, keep="1")
        self.run_it(0)
        self.assertIsNone(self.bootstrap.call_args[0][3])

    def test_clone_is_what_is_committed(self):
        commit_id = debian.packed(self.top / "in", False, self.root, self.cache)
        self.assertTrue(run.git(self.root, "rev-parse", "HEAD").startswith(commit_id))
        self.assertEqual("committed\n", (self.top / "in" / debian.PROJECT / "a").read_text())
        self.assertEqual([debian.PROJECT], [path.name for path in (self.top / "in").iterdir()])

    def test_shared(self):
        with self.assertRaisesRegex(Problem, "holds no kernel package"):
            debian.packed(self.top / "in", True, self.root, self.cache)
        for name in ("linux.deb", debian.NOTE, "other"):
            (self.cache / name).write_text("")
        debian.packed(self.top / "in", True, self.root, self.cache)
        self.assertEqual({"linux.deb", debian.NOTE},
                         {path.name for path in (self.top / "in/.cache/cache").iterdir()})

    def test_closed_to_others(self):
        closed = self.top / "closed"
        (closed / "debian").mkdir(parents=True)
        closed.chmod(0o754)
        self.assertRaisesRegex(Problem, f"chmod o\\+x {closed}`", debian.must_be_open,
                               closed / "debian")

    def test_what_is_not_known(self):
        self.assertRaisesRegex(Problem, "RELEASE=11 .*12, 13", debian.known, "11", "")
        self.assertRaisesRegex(Problem, "no check nothing", debian.known, "13", "docs nothing")
        self.assertEqual("bookworm", debian.known("12", "docs audit"))


if __name__ == "__main__":
    unittest.main()

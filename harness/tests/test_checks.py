# SPDX-License-Identifier: GPL-2.0
"""`make check`: it goes on after a failure, and its last line tells the truth."""

import contextlib
import io
import pathlib
import subprocess
import tempfile
import types
import unittest
from unittest import mock

from harness import checks
from harness.report import Problem


def broken(_composed):
    raise Problem("no such thing")


def run(only=(), **functions):
    """Return (failed, printed) of checks functions, of these just only; LIST=1 at the end."""
    out = io.StringIO()
    with tempfile.TemporaryDirectory() as name, contextlib.redirect_stdout(out), \
            mock.patch.object(checks, "TIMES", pathlib.Path(name, "build/check.json")):
        failed = checks.run(lambda: None, only, functions)
        checks.show()
    return failed, out.getvalue()


class Closing(unittest.TestCase):
    def test_last_line(self):
        failed, text = run(a=lambda _: (3, 0), b=lambda _: (4, 2))
        self.assertEqual((failed, text.count("\n7 passed, 2 failed\n")), (2, 1))

    def test_goes_on_after_a_check_that_cannot_run(self):
        failed, text = run(a=broken, b=lambda _: (4, 0))
        self.assertEqual((failed, text.count("\n4 passed, 1 failed\n")), (1, 1))
        self.assertIn("no such thing", text)

    def test_only(self):
        failed, text = run(only=["b"], a=broken, b=lambda _: (4, 0))
        self.assertEqual((failed, text.count("\n4 passed, 0 failed\n")), (0, 1))
        self.assertNotIn("no such thing", text)

    def test_unknown_name(self):
        with self.assertRaisesRegex(Problem, "no check c; there are a, b"):
            run(only=["b", "c"], a=broken, b=broken)

    def test_list_says_how_they_went(self):
        with mock.patch.dict(checks.CHECKS, {"a": broken}, clear=True):
            broken.__doc__ = "What it holds."
            self.assertRegex(run(a=broken)[1], r"a +What it holds\. +0 +1 +0 min 00 s\n$")


class Unittest(unittest.TestCase):
    def test_counts(self):
        for text, counts in (
                ("Ran 12 tests in 1.0s\n\nOK\n", (12, 0)),
                ("Ran 12 tests in 1.0s\n\nOK (skipped=2)\n", (10, 0)),
                ("Ran 12 tests in 1s\n\nFAILED (failures=1, errors=2, skipped=3)\n", (6, 3)),
                ("Ran 0 tests in 0.0s\n\nOK\n", (0, 1)),
                ("Traceback (most recent call last):\n", (0, 1))):
            self.assertEqual(checks.count_unittest(text), counts, text)


class Kunit(unittest.TestCase):
    def test_all_jobs_but_sanitized(self):
        with mock.patch.object(checks.kunit, "run", return_value=[]) as run, \
                mock.patch.object(checks.verdict, "show_end_to_end"), \
                mock.patch.object(checks.drivers, "compare", return_value=(0, 0)), \
                contextlib.redirect_stdout(io.StringIO()):
            checks.run_kunit(None)
        names = run.call_args[0][1]
        self.assertEqual({name for name, job in checks.jobs.load().items() if not job.san},
                         set(names))
        self.assertIn("tests", names)


class Checkpatch(unittest.TestCase):
    """A stand-in for checkpatch.pl obeys --ignore as the real one does."""
    SCRIPT = """
my ($ignore) = map { /^--ignore=(.*)/ ? $1 : () } @ARGV;
my %ignore = map { $_ => 1 } split /,/, $ignore;
open my $mail, '<', $ARGV[-1]; 
for (<$mail>) { chomp; print "$ARGV[-1]:1: $_: text\\n" unless $ignore{(split /:/)[1]} }
"""

    def check(self, *mails):
        """Return ((passed, failed), printed) of mails (str: types to complain of)."""
        out = io.StringIO()
        with tempfile.TemporaryDirectory() as name:
            tree = pathlib.Path(name)
            (tree / "scripts").mkdir()
            (tree / "scripts/checkpatch.pl").write_text(self.SCRIPT)
            (tree / "mails").mkdir(parents=True)
            for number, text in enumerate(("ERROR:COVER\n",) + mails):
                (tree / f"mails/{number:04}-x.patch").write_text(text)
            with mock.patch.object(checks.WRITTEN, "of", lambda _: {"topic": tree / "mails"}), \
                    contextlib.redirect_stdout(out):
                counts = checks.run_checkpatch(types.SimpleNamespace(tree=tree))
        return counts, out.getvalue()

    def test_any_complaint_fails_its_mail(self):
        counts, text = self.check("", "CHECK:SPACING\n")
        self.assertEqual(counts, (1, 1))
        self.assertIn("CHECK:SPACING", text)

    def test_exceptions_are_ignored_and_told(self):
        counts, text = self.check("".join(f"WARNING:{t}\n" for t in checks.IGNORED))
        self.assertEqual(counts, (1, 0))
        for kind, reason in checks.IGNORED.items():
            self.assertIn(f"{kind}, {reason}", text)

    def test_no_mail_is_a_failure(self):
        self.assertEqual(self.check()[0], (0, 1))


class KernelDoc(unittest.TestCase):
    def check(self, script, old, new):
        """Return the counts for a.h, old in the base (None: not there), new now."""
        with tempfile.TemporaryDirectory() as name:
            tree = pathlib.Path(name)
            git = lambda *c: subprocess.run(
                ["git", "-C", tree, "-c", "user.name=n", "-c", "user.email=e", *c],
                check=True, text=True, stdout=subprocess.PIPE).stdout.strip()
            git("init", "-q")
            (tree / "tools/docs").mkdir(parents=True)
            (tree / "tools/docs/kernel-doc").write_text(script)
            commits = []
            for text in (old, new):
                if text is not None:
                    (tree / "a.h").write_text(text)
                git("add", "-A")
                git("commit", "-qm", "m", "--allow-empty")
                commits.append(git("rev-parse", "HEAD"))
            composed = types.SimpleNamespace(
                tree=tree, base=types.SimpleNamespace(commit=commits[0]),
                end=commits[1])
            with contextlib.redirect_stdout(io.StringIO()):
                return checks.run_kernel_doc(composed)

    # Complains of every line that holds "bad", by its number.
    SCRIPT = ("import sys\nfor n, l in enumerate(open(sys.argv[-1])):\n"
              "  if 'bad' in l: print(f'Warning: {sys.argv[-1]}:{n} {l.strip()}')\n")

    def test_old_warnings_may_stay_and_move(self):
        self.assertEqual(self.check(self.SCRIPT, "bad a\n", "\n\nbad a\n"), (1, 0))

    def test_new_warning(self):
        self.assertEqual(self.check(self.SCRIPT, "bad a\n", "bad a\nbad b\n"), (0, 1))
        self.assertEqual(self.check(self.SCRIPT, "bad a\n", "bad a\nbad a\n"), (0, 1))

    def test_new_file(self):
        self.assertEqual(self.check(self.SCRIPT, None, "bad a\n"), (0, 1))
        self.assertEqual(self.check(self.SCRIPT, None, "good\n"), (1, 0))


class MailsOfARun(unittest.TestCase):
    """No check reads what an earlier run has left."""

    def test_written_once_a_run(self):
        mails = checks.Mails()
        with mock.patch.object(checks.mails, "write", return_value={"one": "dir"}) as write, \
                mock.patch.object(checks.topics, "read", return_value=("7.3.4", {"one": None})):
            self.assertEqual([{"one": "dir"}] * 2, [mails.of(None), mails.of(None)])
        self.addCleanup(mails.scratch.cleanup)
        self.assertEqual(1, write.call_count)
        where = write.call_args[0][2]
        self.assertEqual([], list(where.iterdir()))
        self.assertNotIn(checks.BUILD, where.parents)

# SPDX-License-Identifier: GPL-2.0
"""`make audit`: what is read of the rules, the corpus, the source and drivers.toml."""

import contextlib
import dataclasses
import io
import pathlib
import re
import tempfile
import unittest
from unittest import mock

from harness.common.report import Problem
from harness.boot import drivers
from harness.checks import audit
from harness.checks.audit import facts

SPATCH = """
Please check for false positives in the output before submitting a patch.

./arm/one.c:12:3-13: one_sync() ignores the gather: without .iotlb_sync_always = true it is skipped
two.c:7:1-29: adds size to the gather, which may be 0 bytes
"""

ROWS = [facts.Row("arm/one.c", "one_ops", {"LPAE", "v7s"}, set(), "always", True),
        facts.Row("two.c", "two_ops", {"generic_pt"}, {"start", "end"}, "range", False),
        facts.Row("three.c", "three_ops", {"own"}, None, "unmap", False),
        facts.Row("tests/four.c", "four_ops", {"own"}, {"end"}, "range", False)]
KNOWN = [drivers.Driver("one", "", "always", file="arm/one.c", tables=["v7s", "LPAE"]),
         drivers.Driver("two", "", "range", file="two.c", tables=["generic_pt"]),
         drivers.Driver("three", "", "unmap", file="three.c", tables=["own"])]


def said(function, *arguments):
    """-> (what function returned, what it printed)."""
    with contextlib.redirect_stdout(io.StringIO()) as out:
        return function(*arguments), out.getvalue()


class Reports(unittest.TestCase):
    def test_reports(self):
        self.assertEqual([report[:3] for report in audit.reports(SPATCH)],
                         [("arm/one.c", 12, "undeclared"), ("two.c", 7, "zero")])

    def test_reports_in_org_mode(self):
        self.assertEqual(audit.reports("* TODO [[view:./a/b.c::face=ovl-face1::linb=7::colb=1::"
                                       "cole=9][adds x to the gather, which may be 0 bytes]]\n",
                                       "org"),
                         [("a/b.c", 7, "zero", "adds x to the gather, which may be 0 bytes")])

    def test_report_of_a_kind_that_is_not_known(self):
        with self.assertRaisesRegex(Problem, "KINDS"):
            audit.reports("one.c:1:2-3: looks odd\n")

    def test_regular_expressions_are_the_same_in_pcre_and_in_ocaml(self):
        """Coccinelle has either; ( | ) { } are letters to the other, as is \\ with one."""
        for rule in [*audit.RULES, audit.FOLDER / "facts.cocci"]:
            for pattern in re.findall(r'[=!]~ *"(.*?)"', rule.read_text()):
                self.assertNotRegex(pattern, r"[(|){}\\]", rule)

    def test_what_a_rule_says_is_of_one_kind(self):
        for kind, words in audit.KINDS.items():
            self.assertEqual(audit.kind_of(f"x() {words} y"), kind)

    def test_complaints(self):
        self.assertEqual(audit.complaints(
            "/usr/bin/spatch -D report --cocci-file a.cocci\n36 files match\n\n"), [])
        self.assertEqual(len(audit.complaints("EXN: Failure(\"x\") in a.c\n36 files match\n")), 1)

    def test_quiet(self):
        with tempfile.TemporaryDirectory() as where:
            log = pathlib.Path(where, "log")
            audit.quiet(log)
            log.write_text("warning: e: metavariable x not used\n")
            with self.assertRaisesRegex(Problem, "metavariable x"):
                audit.quiet(log)

    def test_compared(self):
        both = [("one.c", 1, "zero"), ("two.c", 2, "zero")]
        self.assertEqual(said(audit.compared, both, both[::-1], "here"), ((2, 0), ""))
        result, text = said(audit.compared, both[:1] * 2, both, "here")
        self.assertEqual(result, (1, 2))
        self.assertIn("not found here: two.c: 2: zero", text)
        self.assertIn("not expected here: one.c: 1: zero", text)


class Corpus(unittest.TestCase):
    def test_markers(self):
        text = "a;\nb; /* finds: undeclared */\nc;\t/* finds: no callback */\n"
        self.assertEqual(audit.markers(text), {2: "undeclared", 3: "no callback"})
        self.assertEqual(audit.unmarked(text), "a;\nb;\nc;\n")

    def test_marker_of_a_kind_that_is_not_known(self):
        with self.assertRaisesRegex(Problem, "line 2 .*'undeclred'"):
            audit.markers("a;\nb; /* finds: undeclred */\n")

    def corpus(self, patch, report):
        """Judge a corpus with one wrong file -> (found, mended), each (passed, failed).

        patch: str, appended to a.c by MODE=patch; report: str, what MODE=report prints.
        """
        where = tempfile.TemporaryDirectory()
        self.addCleanup(where.cleanup)
        corpus = pathlib.Path(where.name, "corpus")
        corpus.mkdir()
        (corpus / "a.c").write_text("a; /* finds: zero */\n")
        (corpus / "a.fixed").write_text("a;\nmore\n")
        (corpus / "b.c").write_text("b;\n")

        def spatch(_rule, mode, directory, *_options):
            if mode == "patch":
                file = directory / "a.c"
                file.write_text(file.read_text() + patch)
            return report

        with mock.patch.object(audit, "spatch", spatch), \
                mock.patch.object(audit, "RULES", [pathlib.Path("x.cocci")]), \
                mock.patch.object(audit, "TOP", pathlib.Path(where.name, "build")):
            return (said(audit.corpus_is_found, "report", corpus)[0],
                    said(audit.corpus_is_mended, corpus)[0])

    def test_corpus(self):
        self.assertEqual(self.corpus("more\n", "a.c:1:1-2: may be 0 bytes\n"), ((2, 0), (2, 0)))
        self.assertEqual(self.corpus("less\n", "a.c:1:1-2: may be 0 bytes\n"), ((2, 0), (1, 1)))
        self.assertEqual(self.corpus("", ""), ((1, 1), (1, 1)))
        self.assertEqual(self.corpus("more\n", "b.c:1:1-2: may be 0 bytes\n")[0], (0, 2))

    def test_every_kind_is_there_twice_and_every_file_says_what_it_is(self):
        kinds = []
        for path in sorted((audit.FOLDER / "corpus").glob("*.c")):
            text = path.read_text()
            self.assertTrue(text.startswith("// SPDX-License-Identifier: GPL-2.0\n/*\n * "), path)
            kinds += audit.markers(text).values()
            self.assertEqual(path.name.startswith("right-"), not audit.markers(text), path)
        for kind in audit.KINDS:
            self.assertGreaterEqual(kinds.count(kind), 2, kind)


class Differences(unittest.TestCase):
    def wrong(self, rows=ROWS, known=KNOWN):
        return audit.differences(rows, known)

    def with_third(self, **other):
        return self.wrong(known=[*KNOWN[:2], dataclasses.replace(KNOWN[2], **other)])

    def test_none(self):
        self.assertEqual(self.wrong(), [])

    def test_missing_driver(self):
        self.assertEqual(self.wrong(known=KNOWN[:2]), ["drivers.toml lacks three.c"])

    def test_surplus_driver(self):
        five = drivers.Driver("five", "", "unmap", file="five.c", tables=["own"])
        self.assertEqual(self.wrong(known=[*KNOWN, five]),
                         ["drivers.toml has five.c, which unmaps nothing"])

    def test_other_kind(self):
        self.assertEqual(self.with_third(kind="always"),
                         ["drivers.toml: the kind of three.c is unmap, not always"])

    def test_other_page_table(self):
        self.assertEqual(self.with_third(tables=["LPAE"]),
                         ["drivers.toml: the page table of three.c is own, not LPAE"])

    def test_ops_of_two_kinds(self):
        other = facts.Row("two.c", "other_ops", {"generic_pt"}, None, "unmap", False)
        self.assertEqual(self.wrong(ROWS + [other]),
                         ["two.c has ops of two kinds or page tables"])

    def test_every_driver_has_a_file(self):
        files = [driver.file for driver in drivers.load()]
        self.assertTrue(all(file.endswith(".c") for file in files))
        self.assertEqual(len(files), len(set(files)))


class Consistent(unittest.TestCase):
    def test_on_purpose(self):
        bad = facts.Row("tests/x.c", "x_ops", {"own"}, {"end"}, "always", True, ["odd"])
        for on_purpose, result in (({}, (4, 1)), ({"tests/x.c: x_ops": "why"}, (5, 0)),
                                   ({"tests/x.c: x_ops": "why", "tests/y.c: y": "?"}, (5, 1))):
            self.assertEqual(said(audit.tree_is_consistent, ROWS + [bad], on_purpose)[0], result)


FACTS = [
    "member\tone.c\t9:8\tone_ops\t. unmap_pages = & one_unmap",
    "member\tone.c\t9:8\tone_ops\t. iotlb_sync = ( void * ) one_sync",
    "format\tone.c\tARM_64_LPAE_S1", "format\tone.c\tARM_V7S",
    "gather\tone.c\tone_unmap\t4\tg",
    "used\tone.c\tone_unmap\tg\t3:1",
    "gather\tone.c\tone_sync\t1\tg",
    "used\tone.c\tone_sync\tg\t5:1",
    "passed\tone.c\tone_sync\tg\t5:1\thelper\t0",
    "gather\ttwo.c\thelper\t0\tgather",
    "used\ttwo.c\thelper\tgather\t1:1", "read\ttwo.c\thelper\tgather\t1:1\tstart",
    "used\ttwo.c\thelper\tgather\t2:1", "read\ttwo.c\thelper\tgather\t2:1\tend",
    "range\tone.c\tone_add", "call\tone.c\tone_add\tiommu_iotlb_gather_add_range",
]


def row(*more, without=()):
    """The Row of FACTS, without lines that hold a word of without, and more."""
    lines = [line for line in FACTS if not any(word in line for word in without)]
    (found,) = facts.Facts("".join(f"FACT\t{line}\n" for line in (*lines, *more))).rows()
    return found


class Facts(unittest.TestCase):
    DECLARED = "member\tone.c\t9:8\tone_ops\t. iotlb_sync_always = true ONE_OPS"

    def test_range_through_a_helper_of_another_file(self):
        self.assertEqual(row().cells(),
                         ["one.c: one_ops", "LPAE, v7s", "start, end", "no", "range"])
        self.assertEqual(row().wrong, [])

    def test_helper_that_is_not_seen(self):
        self.assertEqual(row(without=["two.c"]).reads, {"helper()"})

    def test_use_that_is_not_followed(self):
        self.assertEqual(row(without=["passed"]).reads, {"?"})

    def test_recursion(self):
        self.assertEqual(row("used\ttwo.c\thelper\tgather\t4:1",
                             "passed\ttwo.c\thelper\tgather\t4:1\thelper\t0").reads,
                         {"start", "end"})

    def test_declared_though_it_reads(self):
        self.assertEqual((row(self.DECLARED).kind, row(self.DECLARED).wrong),
                         ("always", ["declares, and reads the gather"]))

    def test_always(self):
        self.assertEqual(row(self.DECLARED, without=["5:1"]).cells()[2:],
                         ["nothing", "yes", "always"])
        self.assertEqual(row(self.DECLARED, without=["5:1"]).wrong, [])

    def test_undeclared(self):
        self.assertEqual(row(without=["5:1"]).wrong, ["does not declare, and reads nothing"])

    def test_unmap_that_does_not_gather(self):
        for gone in ("one_add", "3:1"):
            self.assertEqual(row(without=[gone]).wrong, ["unmap gathers nothing"])

    def test_no_sync(self):
        self.assertEqual(row(without=["sync"]).cells()[2:], ["-", "no", "unmap"])
        self.assertEqual(row(without=["sync"]).wrong, ["unmap writes no register"])
        self.assertEqual(row("call\tone.c\tone_unmap\tone_flush", "call\tone.c\tone_flush\twritel",
                             without=["sync"]).wrong, [])
        self.assertEqual(row(self.DECLARED, without=[") one_sync"]).wrong,
                         ["declares without a sync"])

    def test_generic_pt(self):
        found = row("member\tone.c\t9:8\tone_ops\tIOMMU_PT_DOMAIN_OPS ( amdv1 )",
                    without=["unmap", "format"])
        self.assertEqual((found.tables, found.wrong), ({"generic_pt"}, []))
        found = row("member\tone.c\t9:8\tone_ops\tIOMMU_PT_DOMAIN_OPS ( amdv1 )",
                    without=["unmap", "format", "sync", "one_add"])
        self.assertEqual((found.kind, found.wrong), ("unmap", ["unmap writes no register"]))

    def test_line_that_is_not_known(self):
        for line in ("colour\tone.c\tred", "format\tone.c"):
            self.assertRaisesRegex(Problem, "line of unknown form", facts.Facts, f"FACT\t{line}\n")

    def test_ops_that_do_not_unmap(self):
        other = "FACT\tmember\tone.c\t1:1\tops\t. attach_dev = x\n"
        self.assertEqual(facts.Facts(other).rows(), [])

    def test_ops_of_a_macro_count_where_it_is_used(self):
        self.assertEqual(row("member\tone.c\t2:8\tsomething_else\t. unmap_pages = one_unmap").name,
                         "one_ops")

    def test_function(self):
        for value, name in (("fn", "fn"), ("& fn", "fn"), ("( void * ) & fn", "fn"),
                            ("fn SOME_OPS", "fn"), ("NULL", None), ("0", None), (None, None)):
            self.assertEqual(facts.function(value), name)

    def test_macros(self):
        ours = "#define OPS() \\\n\t.iotlb_sync = a, \\\n\t.free = b\n"
        text, lines = facts.macros({"one.c": "int a;\n" + ours + "int b;\n",
                                    "two.c": "#define X \\\n\t1\n"})
        self.assertEqual((text, lines), (ours, ["one.c"] * 3))


if __name__ == "__main__":
    unittest.main()

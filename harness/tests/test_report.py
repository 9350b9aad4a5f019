# SPDX-License-Identifier: GPL-2.0
"""`make report`: a page of what the last runs left, and of nothing else."""

import contextlib
import functools
import io
import json
import pathlib
import tempfile
import types
import unittest
from html.parser import HTMLParser
from unittest import mock

from harness import check, report
from harness.boot import drivers, inputs, jobs
from harness.checks import cost, fixes, history, mutants
from harness.checks.cost import best, count
from harness.common.report import Problem, Tally
from harness.common.run import git
from harness.common.units import Outcome, Unit
from harness.kernel import neighbours
from harness.report import html, known, parts, picture, runs

from .fake import Kernel, commit, put

TREE, OLD = "a" * 40, "b" * 40
# What is the same for all tests is read once.
UNITS = functools.cache(check.all_units)
LOADED = {module: functools.cache(module.load) for module in (
    jobs, drivers, neighbours, fixes, history, mutants)}
HERE = {"repository": "r", "commit": "c0ffee", "tree": TREE}
ROW = {"job": "tests", "suite": "iommu_msm", "passed": 40, "failed": 0, "skipped": 6,
       "seconds": 9.0, "blamed": {"hardware": 1, "driver": 2}}

SVG = """<?xml version="1.0"?>
<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "http://www.w3.org/Graphics/SVG/1.1/DTD/svg11.dtd">
<svg xmlns:xlink="http://www.w3.org/1999/xlink" width="9pt" height="9pt" viewBox="0 0 9 9"
 xmlns="http://www.w3.org/2000/svg" version="1.1">
<metadata><a xmlns="http://example.org/"/></metadata>
<defs><style>*{stroke: none}</style><path id="m1" style="fill: #ffffff"/></defs>
<g id="g" clip-path="url(#m1)"><use xlink:href="#m1" style="stroke: #000000"/>
<path style="fill: #b0413e"/><text style="font: 7px 'DejaVu Sans', sans-serif">a &lt; b</text></g>
</svg>"""


class Page(HTMLParser):
    """A page: tags with their attributes, and the text of each section; it must be well-formed."""
    def __init__(self, text):
        super().__init__()
        self.tags, self.open, self.text, self.sections = [], [], "", {}
        self.said = ""
        self.feed(text)
        self.close()
        assert not self.open, self.open

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag != "meta":
            self.open.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop()[0] == tag, (tag, self.getpos())

    def handle_data(self, data):
        if self.open and self.open[-1][0] == "style":
            return
        self.text += data
        for tag, attrs in self.open:
            if tag == "section":
                self.sections[attrs["id"]] = self.sections.get(attrs["id"], "") + data + "|"


class Report(unittest.TestCase):
    def setUp(self):
        self.top = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.results = self.top / "results"
        self.results.mkdir()
        self.now = known.Now("r", "c0ffee", "7.3.4", TREE, "c" * 40, {"sync": 16, "models": 23})
        for where, name, value in (
                (known, "now", lambda _: self.now), (check, "all_units", UNITS),
                (parts, "BUILD", self.top),
                (report, "PAGE", self.top / "report.html"), (check, "RESULTS", self.results),
                (cost, "OUT", self.top / "cost"), (runs.mails, "MAILS", self.top / "series")):
            self.enterContext(mock.patch.object(where, name, value))
        for module, load in LOADED.items():
            self.enterContext(mock.patch.object(module, "load", load))

    def ran(self, id, passed=1, failed=0, words=(), data=None, stamp=HERE, **more):
        """Leave a result of the unit id."""
        outcome = {"tally": {"passed": passed, "failed": failed}, "words": list(words),
                   "data": data, "seconds": 1.0, "before": False, "at": 1.8e9, **more}
        outcome = {key: value for key, value in outcome.items() if value is not None}
        (self.results / check.place(id).name).write_text(
            json.dumps({"unit": id, "stamp": stamp, **outcome}))

    def made(self):
        """-> Page, with what `make report` said as .said."""
        with contextlib.redirect_stdout(io.StringIO()) as said:
            report.write()
        page = Page((self.top / "report.html").read_text())
        page.said = said.getvalue()
        return page

    def everything(self):
        """Leave results of all kinds."""
        self.ran("kunit/tests", 40, data=[ROW])
        self.ran("kunit/vtd-legacy-lazy", 0, 1, ["<b>crash</b>"], data=[
            {**ROW, "job": "vtd-legacy-lazy", "passed": 0, "failed": 1}])
        self.ran("history/Linux-7.3", data=[["Linux 7.3", "virtio-iommu", "4 of 25", "skipped",
                                             "nobody"]])
        self.ran("models-history/7.3-fixes", data={"msm": "1 of 47"})
        put(self.top, {"cost/slope.svg": SVG, "cost/commands.svg": SVG})
        put(self.top, {"cost/cost.json": json.dumps(
            {"stamp": HERE, "at": 1.8e9, "counts": {"arm64": {"SMMUv3": {"iommu_unmap_fast": {
                "slope": {"base": [61.5, 400], "sync": [61, 400], "series": [12.2, 370]}}}}}})})


class Whole(Report):
    def test_needs_nothing_else(self):
        self.everything()
        page = self.made()
        for tag, attrs in page.tags:
            self.assertNotIn(tag, ("script", "link", "img", "iframe", "object", "embed", "base"))
            for name, value in attrs.items():
                self.assertFalse(name.startswith("on"), (tag, name))
                self.assertNotRegex(value, "//|^[a-z]+:" if name == "href" else "https?://")
        text = (self.top / "report.html").read_text()
        self.assertNotRegex(text, r"@import|url\((?!#)|https?://")

    def test_links_lead_somewhere(self):
        self.everything()
        put(self.top, {"log/kunit-tests.log": "words"})
        page = self.made()
        ids = [attrs["id"] for _, attrs in page.tags if "id" in attrs]
        self.assertEqual(len(ids), len(set(ids)))
        for tag, attrs in page.tags:
            for name in ("href", "aria-labelledby"):
                where = attrs.get(name, "#" + ids[0] if name == "href" else ids[0])
                if name == "href" and not where.startswith("#"):
                    self.assertTrue((self.top / where).exists(), where)
                else:
                    self.assertIn(where.removeprefix("#"), ids)
        self.assertIn("log/kunit-tests.log", [attrs.get("href") for _, attrs in page.tags])

    def test_tables_have_heads(self):
        self.everything()
        page = self.made()
        count = [tag for tag, _ in page.tags].count
        self.assertGreater(count("table"), 10)
        self.assertEqual(count("table"), count("caption"))
        self.assertTrue(all(attrs.get("scope") in ("row", "col")
                            for tag, attrs in page.tags if tag == "th"))
        for tag in ("header", "nav", "main", "footer", "h1", "title"):
            self.assertEqual(1, count(tag), tag)

    def test_nothing_has_run(self):
        self.now = known.Now("r", "c0ffee")
        page = self.made()
        for each in report.SECTIONS[2:]:
            with self.subTest(each.id):
                self.assertIn("not run", page.sections[each.id])
                self.assertNotRegex(page.sections[each.id], r"\|passed\|\||\d+ failed")
        self.assertIn("not composed", page.sections["composed"])
        self.assertIn("nothing yet", page.sections["failures"])
        self.assertTrue(page.said.startswith("0 passed, 0 failed, "), page.said)

    def test_every_section_says_from_when_and_of_what(self):
        self.everything()
        self.ran("mutants/core-a-sync-that-must-always-run-is-skipped",
                 data={"state": "killed", "cell": "iommu_sync.always_test"})
        self.ran("fixes/iommu-msm-Do-not-scan-in-probe_device")
        page = self.made()
        for each in ("checks", "suites", "drivers", "end-to-end", "cost", "history", "mutants"):
            with self.subTest(each):
                self.assertIn("2027-01-15 08:00", page.sections[each])
                self.assertIn("tree aaaaaaaaaaaa and commit c0ffee", page.sections[each])

    def test_folder_that_is_not_there(self):
        with self.assertRaisesRegex(Problem, "nowhere is no folder"):
            report.write("nowhere")

    def test_damaged(self):
        (self.results / "x.json").write_text("{")
        with self.assertRaisesRegex(Problem, "x.json is not the result of a unit"):
            report.write()

    def test_newest_of_two_folders(self):
        for other, here in ((2e9, 1e9), (1e9, 2e9)):
            self.ran("docs", 5, at=other)
            (self.results / "docs.json").rename(self.top / "docs.json")
            self.ran("docs", 7, at=here)
            with contextlib.redirect_stdout(io.StringIO()) as said:
                report.write(f"{self.top} {self.results}")
            self.assertIn(f"{5 if other > here else 7} passed, 0 failed", said.getvalue())


class Failures(Report):
    def test_come_first_and_are_told(self):
        self.ran("docs", 6)
        self.ran("kunit/tests", 2, 3, ["iommu_sync.<x> & \"y\"", "see it"], data=[
            {**ROW, "failed": 3, "suite": "iommu_sync"}])
        page = self.made()
        self.assertEqual("failures", next(iter(page.sections)))
        self.assertIn("kunit/tests", page.sections["failures"])
        self.assertIn('iommu_sync.<x> & "y"\nsee it', page.sections["failures"])
        self.assertIn("failed 1 of 2 units that ran", page.text)
        self.assertIn("8 passed, 3 failed", page.said)

    def test_nothing_of_a_result_becomes_a_tag(self):
        evil = "<script>alert(1)</script><h1 id='failures'>"
        self.ran("kunit/tests", 2, 3, [evil], data=[{**ROW, "suite": evil}],
                 stamp={"repository": evil, "commit": evil, "tree": evil})
        self.ran("history/Linux-7.3", data=[[evil] * 5])
        self.ran("models-history/7.3-fixes", data={"msm": evil})
        page = self.made()
        self.assertEqual(1, [tag for tag, _ in page.tags].count("h1"))
        self.assertNotIn("script", [tag for tag, _ in page.tags])
        for each in ("failures", "suites", "history"):
            self.assertIn(evil, page.sections[each])

    def test_first_in_tables(self):
        self.ran("kunit/tests", 2, data=[ROW, {**ROW, "suite": "iommu_bad", "failed": 1}])
        self.ran("kunit/pgtable", 2, 1, ["x"], data=[{**ROW, "job": "pgtable", "failed": 1}])
        text = self.made().sections["suites"]
        self.assertLess(text.index("|pgtable|"), text.index("|tests|"))
        self.assertLess(text.index("|iommu_bad|"), text.index("|iommu_msm|"))

    def test_many_words_are_folded_and_none_are_lost(self):
        self.ran("docs", 0, 1, [f"line {number}" for number in range(40)])
        text = self.made().sections["failures"]
        self.assertIn("28 more lines", text)
        self.assertIn("line 39", text)

    def test_without_words(self):
        self.ran("sparse/arm64", 0, 1)
        self.assertIn("make unit ID=sparse/arm64", self.made().sections["failures"])

    def test_none(self):
        self.ran("docs", 6)
        page = self.made()
        self.assertIn("none| of 1 unit that ran", page.sections["failures"])
        self.assertIn("passed 1 unit, all that ran", page.text)

    def test_a_table_that_is_not_there(self):
        def close(_outcomes):
            raise Problem("README.md has no table")
        whole = types.SimpleNamespace(__doc__="It.", close=close, units=lambda: [Unit("a", "x")])
        with mock.patch.object(check, "CHECKS", {"a": whole}), \
                mock.patch.object(check, "all_units", lambda _: whole.units()):
            self.ran("a/x", 5)
            self.assertIn("README.md has no table", runs.failures(known.gather([self.results])))

    def test_what_a_check_has_against_all_units_together(self):
        def close(_outcomes):
            print("a table")
            return Outcome(Tally(3, 1), ["README.md lacks: | x |"])
        whole = types.SimpleNamespace(__doc__="It.", close=close, units=lambda: [Unit("a", "x")])
        for stamp, there in ((HERE, True), ({**HERE, "repository": "other"}, False)):
            with mock.patch.object(check, "CHECKS", {"a": whole}), \
                    mock.patch.object(check, "all_units", lambda _: whole.units()):
                self.ran("a/x", 5, stamp=stamp)
                found = known.gather([self.results])
                text = str(runs.failures(found))
                self.assertEqual(there, "README.md lacks: | x |" in text)
                self.assertEqual(Tally(8, 1) if there else Tally(5), report.tally(found))


class Of(Report):
    """Of what results are, and whether that is what is here."""
    def warned(self, **stamp):
        self.ran("docs", 6, stamp={**HERE, **stamp})
        return self.made()

    def test_here(self):
        text = self.warned().text
        self.assertNotIn("Out of date", text)
        self.assertNotIn("other tree", text)

    def test_another_tree(self):
        page = self.warned(tree=OLD, repository="other")
        self.assertIn(f"Not of the tree that is composed now, {TREE[:12]}: 1 of 1.",
                      page.sections["checks"])
        self.assertIn("other tree", page.sections["checks"])
        self.assertIn("tree bbbbbbbbbbbb", page.sections["checks"])
        self.assertIn("Out of date", page.text.partition("Failures")[0])

    def test_many_trees(self):
        for number, id in enumerate(("docs", "lint/mypy", "lint/pyflakes", "round-trip", "docs")):
            self.ran(id, stamp={**HERE, "tree": f"{number}" * 40})
        header = self.made().text.partition("Failures")[0]
        self.assertIn("1 of tree 111111111111 and commit c0ffee", header)
        self.assertIn(", and 1 other.", header)

    def test_another_base_for_the_same_repository(self):
        self.assertIn("Out of date", self.warned(tree=OLD).text)

    def test_the_same_tree_and_another_harness(self):
        page = self.warned(repository="other")
        self.assertIn("Of the same tree, but other files of the repository", page.text)
        self.assertNotIn("Out of date", page.text)

    def test_files_that_changed(self):
        self.assertIn("Files of the repository changed while it ran: 1.",
                      self.warned(repository=None).text)

    def test_not_noted(self):
        self.ran("docs", 6, stamp={"repository": "other", "base": []}, at=None)
        page = self.made()
        self.assertIn("Out of date", page.text)
        self.assertIn("not noted when", page.sections["checks"])
        self.assertIn("a tree that was not noted", page.sections["checks"])

    def test_nothing_is_composed(self):
        self.now = known.Now("r", "c0ffee")
        self.assertNotIn("Out of date", self.warned().text)
        self.assertIn("no tree is composed", self.warned(repository="other").text)

    def test_one_topic_and_more_commits(self):
        self.now.only, self.now.moved = "sync", True
        text = self.made().sections["composed"]
        self.assertIn("What is composed is sync, on what it needs", text)
        self.assertIn("commits that are not in patches/", text)

    def test_as_before(self):
        self.ran("docs", 6, before=True)
        text = self.made().sections["checks"]
        self.assertIn("1 of them as before", text)
        self.assertRegex(text, r"\|1 of 1\|6\|0\|all\|0 s\|")

    def test_units_that_are_gone(self):
        self.ran("mutants/nothing-of-that-name", 0, 1, ["x"])
        page = self.made()
        self.assertIn("1 result of units that are not there any more", page.text)
        self.assertIn("0 passed, 0 failed", page.said)


class Here(Kernel):
    """What is composed."""
    def test_now(self):
        with mock.patch.object(inputs, "repository", lambda: "r"), \
                mock.patch.object(inputs, "commit", lambda: "c"):
            self.assertEqual(known.Now("r", "c"), known.now(self.tree))
            self.develop()
            self.compose()
            found = known.now(self.tree)
            self.assertEqual(("7.3.4", {"one": 2, "two": 3}, None, False),
                             (found.version, found.topics, found.only, found.moved))
            self.assertEqual(git(self.tree, "rev-parse", "two^{tree}").strip(), found.tree)
            commit(self.tree, "more\n", {"a.c": "int a;\n"})
            self.assertEqual((found.tree, True),
                             (known.now(self.tree).tree, known.now(self.tree).moved))
            git(self.tree, "reset", "-q", "--hard", "HEAD~")
            self.compose(only="one")
            self.assertEqual("one", known.now(self.tree).only)


class Sections(Report):
    def test_skips_by_reason(self):
        self.ran("kunit/tests", 40, data=[ROW])
        page = self.made()
        self.assertIn("|40|0|1|2|0|3|9 s|", page.sections["suites"])
        self.assertRegex(page.text, r"skipped: hardware1.*skipped: driver2.*skipped: model0.*"
                                    r"skipped3no reason given")

    def test_drivers(self):
        self.ran("kunit/tests", 41, data=[ROW])
        text = self.made().sections["drivers"]
        self.assertRegex(text, r"\|msm\|.*?\|passed\|40\|0\|1\|2\|0\|3\|")
        self.assertRegex(text, r"\|virtio-iommu\|[^\d]*4 in QEMU\|not run\|(?!0)")
        self.assertRegex(text, r"\|riscv\|[^|]*\|range\|[^|]*\|1 not run\|")
        self.assertRegex(text, r"\|tegra-smmu\|[^|]*\|unmap\|no test\|")

    def test_end_to_end(self):
        self.everything()
        text = self.made().sections["end-to-end"]
        self.assertRegex(text, r"\|vtd-legacy-lazy\|[^|]*\|1 failed\|0\|1\|")
        self.assertRegex(text, r"\|vtd-legacy-strict\|[^|]*\|not run\|")
        self.assertRegex(text, r"not part of \|make check\|.*load-amd-strict")

    def test_history(self):
        self.everything()
        text = self.made().sections["history"]
        self.assertIn("Linux 7.3|virtio-iommu|4 of 25|skipped|nobody|passed|", text)
        self.assertRegex(text, r"the series\|[^|]*\|not run\|")
        self.assertIn("msm|unmap|1 of 47|", text)

    def test_mutants(self):
        for id, data, failed in (
                ("core-a-sync-that-must-always-run-is-skipped",
                 {"state": "killed", "cell": "iommu_sync.x"}, 0),
                ("core-an-empty-gather-is-synced-for-all-drivers",
                 {"state": "SURVIVED", "cell": "SURVIVED"}, 1),
                ("core-a-driver-without-a-sync-is-asked-for-one", None, 1),
                ("omap-detach-without-the-flush", {"state": "spared", "cell": "why"}, 0)):
            self.ran(f"mutants/{id}", 1 - failed, failed, data=data)
        known_ones = mutants.load()
        core = sum(each.name.startswith("core:") for each in known_ones)
        text = self.made().sections["mutants"]
        self.assertIn(f"|core|{core}|2|{core - 3}|1|0|", text)
        self.assertIn(f"|all|{len(known_ones)}|2|{len(known_ones) - 4}|1|1|", text)
        self.assertLess(text.index("|core|"), text.index("|omap|"))    # what failed comes first
        for each in known_ones:
            if each.survives:
                self.assertIn(each.survives, text)

    def test_fixes(self):
        self.ran("fixes/iommu-dma-Keep-the-IOVA-in-__iommu_dma_unmap-if-not-all-was-unmapped")
        text = self.made().sections["fixes"]
        self.assertIn("|dma-iommu|2|0|1|1|0|", text)
        self.assertIn("two devices share an IOVA", text)
        self.assertIn("these are the tests of the fix before it", text)

    def test_topics(self):
        self.ran("checkpatch/sync", 15, 1, ["x"])
        text = self.made().sections["composed"]
        self.assertIn("2 topics, 39 commits|", text)
        self.assertRegex(text, r"\|sync\|16\|(not run\|)+1 failed\|(not run\|)+")
        self.assertNotIn("|docs|", text)

    def test_cost_that_check_counts(self):
        def counts(unmap):
            return {each.key: each for each in (
                count.Count("iommu_unmap_fast", "pages", 1, unmap, 0),
                count.Count("iommu_iotlb_sync", "pages", 1, 10, 2))}
        driver = count.Driver("arm64", "SMMUv3", "always", {
            "base": counts(50), "sync": counts(50), "series": counts(30)})
        ran = count.Run("SMMUv3", "always", "smmuv3-stage1", ["strict"])
        with mock.patch.object(count, "each", lambda *_: [(ran, driver)]), \
                mock.patch.object(best, "compiler", lambda _: "12"), \
                mock.patch.object(best, "read", lambda: {}), \
                contextlib.redirect_stdout(io.StringIO()):
            (name, outcome), = cost.run(None, ["smmuv3-stage1"])
        self.ran(f"cost/{name}", 2, data=outcome.data,
                 stamp={**HERE, "compilers": ["gcc <12>"]})
        text = self.made().sections["cost"]
        self.assertIn("|SMMUv3, arm64|1|0|0|1|20|", text)
        self.assertIn("|pages|1|60|60|40|2|2|2|", text)
        self.assertIn("gcc <12>", text)

    def test_all_of_the_cost(self):
        self.assertIn("not run|: |make cost|", self.made().sections["cost"])
        self.everything()
        page = self.made()
        self.assertIn("|SMMUv3, arm64|61.5|61|12.2|", page.sections["cost"])
        self.assertEqual(2, [tag for tag, _ in page.tags].count("svg"))
        self.assertNotIn("Out of date", page.sections["cost"])
        put(self.top, {"cost/cost.json": json.dumps({"counts": {}})})
        self.assertIn("a tree that was not noted", self.made().sections["cost"])
        self.assertIn("Out of date", self.made().sections["cost"])


class Parts(unittest.TestCase):
    def test_escape(self):
        self.assertEqual('<p class="&quot;x" data-a="1">&lt;b&gt;&amp;<b>2</b></p>', html.el(
            "p", "<b>&", html.el("b", 2), class_='"x', data_a=1, id=None))

    def test_numbers(self):
        self.assertEqual("12\u202f345", html.text(12345))
        self.assertEqual("9999", html.text(9999))
        text = html.table("t", ["a", "b", "c"], [["x", 1, "y"], ["z", "", html.figure("2 s")]])
        self.assertIn('<th scope="col" class="n">b</th><th scope="col">c</th>', text)
        self.assertIn('<td class="n">2 s</td>', text)
        self.assertIn('<td class="n zero">0</td>', html.table("t", ["a", "b"], [["x", 0]]))

    def test_picture(self):
        text = picture.inline(SVG, "slope", 'what "it" shows', {"#b0413e": "var(--base)"})
        Page(text)
        for wanted in ('id="slope-m1"', 'href="#slope-m1"', 'clip-path="url(#slope-m1)"',
                       "stroke: currentColor", "fill: none", "fill: var(--base)", "a &lt; b",
                       'viewBox="0 0 9 9"', 'role="img"', "what &quot;it&quot; shows"):
            self.assertIn(wanted, text)
        self.assertNotRegex(text, r"metadata|example|<style|DOCTYPE|xmlns|width=|DejaVu")

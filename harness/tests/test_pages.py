# SPDX-License-Identifier: GPL-2.0
"""README and pages: each thing that the check looks for, wrong once."""

import dataclasses
from unittest import mock

from harness.common import markdown
from harness.common.report import Tally
from harness.checks import history, models_history, pages
from harness.checks.pages import commands, links, numbers

from .fake import Kernel, commit, put

README = """\
# One

[Two](harness/doc/two.md#two-and-a-half), [a folder](harness/doc),
[elsewhere](https://x.example/#y)

    make series TOPIC=sync V=2      # comments are no commands: make nothing X=1
    git clone x && make check ONLY="docs kunit/tests" SHARD=2/5 | tail
    make KDIR=/path/to/linux
    make headers && make -C tools nothing
    cd $(make -s tree | tail -n1)

`make kunit JOB=...` runs `iommu_sync` and `iommu_e2e_dma.unmap_test` of `drivers/here.c`.
You make nothing by words. `iommu_known()`, `patches/<topic>/cover`, `patches/*`.
"""
TWO = """\
# Two

## Two and `a half`

[back](../../README.md), [here](#two), [all](README.md)
"""
ALL = "[two](two.md) [three](three.md)\n"


class Pages(Kernel):
    def setUp(self):
        super().setUp()
        put(self.root, {"README.md": README, "harness/doc/two.md": TWO,
                        "harness/doc/three.md": "# Three\n", "harness/doc/README.md": ALL})
        commit(self.linux, "x\n", {"Makefile": "PHONY += headers\nheaders: a b\n\techo\n",
                                   "drivers/here.c": "",
                                   "include/x.h": "int iommu_known(void);\n"})

    def judge(self, name="README.md"):
        """-> (Tally, what is wrong, as one text)."""
        found = pages.judge(self.root / name, self.linux, self.root)
        return found.tally, "\n".join(found.words)

    def test_right(self):
        # 2 links, 6 calls of make, 2 paths, 3 names, 3 limits
        self.assertEqual((Tally(16), ""), self.judge())
        self.assertEqual((Tally(3), ""), self.judge("harness/doc/two.md"))

    def wrong(self, old, new, why, name="README.md"):
        """Have new instead of old in the page name, and expect just that complaint."""
        path = self.root / name
        text = path.read_text()
        self.assertIn(old, text)
        path.write_text(text.replace(old, new, 1))
        tally, said = self.judge(name)
        path.write_text(text)
        self.assertEqual(1, tally.failed, said)
        self.assertRegex(said, rf"^{name}:(\d+:)? .*{why}")

    def test_links(self):
        self.wrong("[elsewhere](https:", "[none](harness/doc/none.md#x)[elsewhere](https:",
                   "none.md#x leads to no file")
        self.wrong("[elsewhere](https://x.example/", "[e](../linux/Makefile", "leads to no file")
        self.wrong("two-and-a-half", "two-and-a-third", "leads to no heading of two.md")
        self.wrong("(#two)", "(#too)", "#too leads to no heading", "harness/doc/two.md")

    def test_code_has_no_links(self):
        self.assertEqual([], list(links.found("    [a](b)\n`[a](b)`\n```\n[a](b)\n```\n")))

    def test_anchors(self):
        self.assertEqual({"a", "a-1", "what-it-s-for--x_y", "on-board"}, links.anchors(
            "# A\n\n## A\n### What It-s for: `x_y`\n# [On](b.md) *board*\n    # no heading\n"
            .replace("for: ", "for:  ")))

    def test_clicks(self):
        self.wrong("[a folder](harness/doc),", "", r"more than 2 clicks to harness/doc/three.md")

    def test_one_screen(self):
        self.wrong("\n\n", "\n" * 80, "lines, one screen has 80")
        self.wrong("You", "You " + "and " * 800 + "you", "words, one screen has 800")

    def test_targets_and_variables(self):
        self.wrong("make series", "make serial", "make serial: neither `make help` nor Linux")
        self.wrong("make headers", "make heads", "make heads: neither")
        self.wrong("TOPIC=sync", "TOPICS=sync", "make series: it takes no TOPICS")
        self.wrong("make KDIR", "make LDIR", "make all: it takes no LDIR")
        self.wrong("kunit JOB", "soak JOB", "make soak: it takes no JOB")

    def test_values(self):
        self.wrong("TOPIC=sync", "TOPIC=sink", "no topic sink")
        self.wrong("V=2", "V=two", "V=two: two is not a number")
        self.wrong("docs kunit", "does kunit", "no check does")
        self.wrong("kunit/tests", "kunit/test", "no unit kunit/test")
        self.wrong("SHARD=2/5", "SHARD=6/5", "SHARD=6/5")
        self.wrong("JOB=...", "JOB=virtio", "no job is called virtio")
        for old, new, why in (("mutants ONLY=virtio", "mutants ONLY=nowhere", "nothing of mutants"),
                              ("cost TOPIC=virtio-cost", "cost TOPIC=models", "is not counted"),
                              ("debian RELEASE=13", "debian RELEASE=11", "not known here"),
                              ("unit ID=lint/mypy", "unit ID=lint/my", "no unit lint/my")):
            self.wrong("`make kunit JOB=...`", f"`make {new}`", why)
            (self.root / "README.md").write_text(README.replace("kunit JOB=...", old))
            self.assertEqual(0, self.judge()[0].failed)
            (self.root / "README.md").write_text(README)

    def test_lines_that_go_on(self):
        self.assertEqual([(2, ["fixes"], {"ONLY": "a b"})],
                         list(commands.calls("    make fixes \\\n        ONLY='a b'\n")))

    def test_names(self):
        self.wrong("`iommu_sync`", "`iommu_sunk`", "iommu_sunk is no suite")
        self.wrong("`iommu_e2e_dma.", "`iommu_e2e_dna.", "iommu_e2e_dna.unmap_test is no suite")
        self.wrong("drivers/here.c", "drivers/there.c", "there is no drivers/there.c")
        self.wrong("iommu_known()", "iommu_unknown()", "iommu_unknown is no suite")


class Tables(Kernel):
    def setUp(self):
        super().setUp()
        self.enterContext(mock.patch.object(markdown, "BUILD", self.root / "build"))
        self.page = self.root / "page.md"

    def on_page(self, table):
        """-> table, on a page of ours."""
        return dataclasses.replace(table, page=self.page)

    def test_numbers_are_counted(self):
        rows = numbers.rows()
        self.assertEqual(len(numbers.TABLE.head), len(rows[0]))
        self.page.write_text(markdown.table(numbers.TABLE.head, rows))
        table = self.on_page(numbers.TABLE)
        self.assertEqual(0, table.compared(rows).tally.failed)
        with mock.patch.object(numbers.mutants, "load", return_value=[]):
            said = table.compared(numbers.rows())
        self.assertEqual(2, said.tally.failed)
        self.assertIn("page.md lacks: | mutants | 0 | 0 spared", said.words[0])

    def test_packages_of_every_check(self):
        rows = dict(numbers.packages())
        self.assertIn("`gcc`", rows["to build any kernel"])
        self.assertIn("`coccinelle`", rows["`make check ONLY=audit`"])

    def test_topics_without_asking(self):
        wanted = [[*line, "tree", "people", "acks"]
                  for line in pages.mails.standing(pages.topics.read()).values()]
        with mock.patch.object(pages, "ROUTES", self.on_page(pages.ROUTES)):
            self.page.write_text(markdown.table(pages.ROUTES.head, wanted))
            self.assertEqual(Tally(len(wanted)), pages.routed().tally)
            wanted[1][2] += 1
            self.page.write_text(markdown.table(pages.ROUTES.head, wanted))
            self.assertEqual(Tally(len(wanted) - 1, 2), pages.routed().tally)

    def test_history(self):
        kernels = [row.kernel for row in history.load().row]
        lines = [[name, "I", "0 of 1", "skipped", "nobody"] for name in kernels]
        found = {name: mock.Mock(data=[line]) for name, line in zip(kernels, lines)}
        user = {"x, user space": mock.Mock(data=[["x", "U", "1 of 1", "", "nobody"]])}
        self.page.write_text(markdown.table(history.TABLE.head, lines))
        with mock.patch.object(history, "TABLE", self.on_page(history.TABLE)):
            self.assertEqual(Tally(2 + len(kernels)), history.close({**found, **user}).tally)
            found[kernels[1]] = mock.Mock(data=[[kernels[1], "I", "1 of 1", "skipped", "nobody"]])
            self.assertEqual(2, history.close(found).tally.failed)
            del found[kernels[0]]   # of some there is nothing to say
            self.assertEqual(Tally(), history.close(found).tally)

    def test_models_history(self):
        table = self.on_page(models_history.page_table())
        driver = models_history.drivers.Driver("d", "", "always", suites=["s"])
        found = {name: mock.Mock(data={"d": "0 of 3"}) for name in table.head[2:]}
        line = ["d", "always", *["0 of 3"] * len(found)]
        self.page.write_text(markdown.table(table.head, [line]))
        with mock.patch.object(models_history, "page_table", lambda: table), \
                mock.patch.object(models_history.drivers, "load", lambda: [driver]):
            self.assertEqual(Tally(3), models_history.close(found).tally)
            found[table.head[2]] = mock.Mock(data={"d": "1 of 3"})
            self.assertEqual(2, models_history.close(found).tally.failed)
            del found[table.head[2]]
            self.assertEqual(Tally(), models_history.close(found).tally)

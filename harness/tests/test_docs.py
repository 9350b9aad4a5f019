# SPDX-License-Identifier: GPL-2.0
"""`make docs`: which pages are built, and which of Sphinx's words count."""

import pathlib
import tempfile
import unittest

from harness.checks import docs

PRINTED = """\
Using alabaster theme
{0}/index.rst:12: WARNING: toctree contains reference to nonexisting document 'there'
{0}/a/index.rst:12: WARNING: unknown document: '/there'
{0}/a/index.rst:13: WARNING: unknown document: '../there'
{0}/a/index.rst:14: WARNING: toctree contains reference to nonexisting document 'a/gone'
{0}/a/page.rst:9: WARNING: unknown document: 'there'
{0}/a/page.rst:10: WARNING: unknown document: 'a/page'
WARNING: ./include/linux/iommu.h:850 struct member 'fwnode' not described in 'x'
{0}/a/page.rst:1: ERROR: Unknown directive type "kernel-figures".
"""


class Docs(unittest.TestCase):
    def test_warnings(self):
        with tempfile.TemporaryDirectory() as folder:
            documentation = pathlib.Path(folder)
            (documentation / "a").mkdir()
            for name in ("there", "a/page"):
                (documentation / f"{name}.rst").touch()
            found = docs.warnings(PRINTED.format(documentation), documentation,
                                  docs.around(["a/page"]))
        self.assertEqual([line.partition(":")[2] for line in found], [
            "14: WARNING: toctree contains reference to nonexisting document 'a/gone'",
            "9: WARNING: unknown document: 'there'",
            "10: WARNING: unknown document: 'a/page'",
            " ./include/linux/iommu.h:850 struct member 'fwnode' not described in 'x'",
            '1: ERROR: Unknown directive type "kernel-figures".'])

    def test_around(self):
        names = docs.around(["dev-tools/kunit/mmio", "driver-api/index"])
        self.assertEqual(set(names) - set(docs.NEEDED),
                         {"index", "dev-tools/index", "dev-tools/kunit/index",
                          "dev-tools/kunit/mmio", "driver-api/index"})

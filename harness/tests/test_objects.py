# SPDX-License-Identifier: GPL-2.0
"""What a kernel was built of: it need not be built again where none of that is another."""

import types
import unittest
from unittest import mock

from harness.common.report import Tally
from harness.common.run import git
from harness.common.units import Outcome
from harness.boot import inputs, jobs, objects

from .fake import Kernel, commit, put

FILES = {"drivers/iommu/tests/hw.c", "include/linux/iommu.h", "top.c"}


class Concerns(unittest.TestCase):
    def test_what_is_built_from(self):
        for path in ("include/linux/iommu.h", "drivers/iommu/Makefile", "Makefile",
                     "drivers/iommu/tests/Makefile", "sound/Kconfig", "lib/Kconfig.debug",
                     "scripts/Makefile.lib", "drivers/iommu/Makefile.more", "scripts/x.sh",
                     "arch/arm64/include/asm/new.h", "include/kunit/new.h",
                     "arch/x86/entry/syscalls/syscall_64.tbl", "lib/kunit/new.dtso",
                     "drivers/iommu/tests/hw/Makefile", "sound/Kbuild", "sound/iommu.h",
                     "Documentation/Kconfig"):
            self.assertTrue(objects.concerns(path, FILES), path)

    def test_what_is_not(self):
        for path in ("drivers/iommu/x.c", "tools/testing/Makefile", "Documentation/Makefile",
                     "scripts/coccinelle/iommu/x.cocci", "drivers/iommu/new.h", "MAINTAINERS",
                     "Documentation/driver-api/x.dot", "rust/kernel/x.rs"):
            self.assertFalse(objects.concerns(path, FILES), path)


class Images(Kernel):
    """A kernel of a.c and b.c, each with a header; it is booted by job x."""
    def setUp(self):
        super().setUp()
        commit(self.linux, "more\n", {"a.h": "", "drivers/.kunitconfig": "", "new.c": ""})
        self.kernel = jobs.Kernel("um", [], top=self.top)
        self.builds, self.why_not, self.names = 0, "", True
        for where, name, value in (
                (inputs, "KEPT", self.top / "kept"), (inputs, "AGAIN", False),
                (inputs, "disturbed", lambda _: self.why_not),
                (inputs.Inputs, "key", lambda _, unit, *more: "-".join((unit.name, *more))),
                (objects.kunit, "build", self.build),
                (objects.kunit, "image", lambda kernel: f"image{self.builds}")):
            self.enterContext(mock.patch.object(where, name, value))
        self.decides = inputs.Inputs(types.SimpleNamespace(tree=self.linux))

    def build(self, tree, kernel):
        self.builds += 1
        put(kernel.out, {
            ".a.o.cmd": f"source_a.o := {tree}/a.c\n  {tree}/sub/../a.h \\\n" if self.names else "",
            "sub/.b.o.cmd": f"source_b.o := ../../{tree.name}/sub/../b.c\n" if self.names else ""})
        return self.builds < 99

    def image(self, passes=True):
        """-> the image; it passes what is wanted of it if asked to."""
        made = objects.image(self.decides, "it", self.linux, self.kernel, {"x": ("facts",)})
        if passes:
            self.decides.once("x", (made, "facts"), lambda: Outcome(Tally(1)))
        return made

    def again(self, **files):
        """-> whether it is built again when those change."""
        before = self.builds
        commit(self.linux, "change\n", {path.replace("__", "/").replace("_dot_", "."): text
                                        for path, text in files.items()})
        self.image()
        return self.builds > before

    def test_same(self):
        self.assertEqual(["image1", "image1"], [self.image(), self.image()])

    def test_what_it_was_made_of(self):
        self.image()
        self.assertFalse(self.again(new_dot_c="int x;\n", MAINTAINERS="x"))
        for path in ("a_dot_c", "a_dot_h", "b_dot_c", "Makefile", "Kconfig", "include__x_dot_h",
                     "x_dot_tbl", "drivers___dot_kunitconfig", "tools__x_dot_c"):
            self.assertTrue(self.again(**{path: "int x;\n"}), path)
            self.assertFalse(self.again(**{path: "int x;\n"}), path)

    def test_taken_back(self):
        """What was built last is what counts."""
        self.image()
        self.assertTrue(self.again(a_dot_h="int x;\n"))
        self.assertTrue(self.again(a_dot_h=""))

    def test_what_did_not_pass(self):
        self.image(False)
        self.image()
        self.image()
        self.assertEqual(2, self.builds)

    def test_disturbed(self):
        self.why_not = "files changed"
        self.image(False)
        self.why_not = ""
        self.decides.once("x", ("image1", "facts"), lambda: Outcome(Tally(1)))
        self.image()
        self.assertEqual(2, self.builds)

    def test_commit_that_this_clone_lacks(self):
        self.image()
        git(self.linux, "checkout", "-q", "--orphan", "new")
        commit(self.linux, "other\n", {"b.c": "int bb;\n"})
        git(self.linux, "branch", "-D", "master")
        git(self.linux, "reflog", "expire", "--expire=now", "--all")
        git(self.linux, "gc", "-q", "--prune=now")
        self.image()
        self.assertEqual(2, self.builds)

    def test_again(self):
        self.image()
        inputs.AGAIN = True
        self.image()
        self.assertEqual(2, self.builds)

    def test_build_that_names_nothing(self):
        self.names = False
        self.image()
        self.image()
        self.assertEqual(2, self.builds)

    def test_failure_is_not_forgotten(self):
        self.image()
        self.builds, inputs.AGAIN = 98, True
        self.assertEqual("", self.image(False))
        inputs.AGAIN = False
        self.assertEqual("", self.image(False))

    def test_what_passed_is_what_is_told(self):
        """Another clone may take an outcome away before it is told."""
        self.image()
        self.assertTrue(self.decides.passed("x", "image1", "facts"))
        inputs.keep("x-image1-facts", Outcome(Tally(0, 1)))
        run = mock.Mock(return_value=Outcome(Tally(1)))
        self.assertTrue(self.decides.once("x", ("image1", "facts"), run).before)

    def test_it_does_not_build(self):
        self.builds = 98
        self.assertEqual("", self.image(False))
        self.builds = 98
        self.assertEqual("", self.image(False))

# SPDX-License-Identifier: GPL-2.0
"""What decides the outcome of a unit changes its key; nothing else does."""

import os
import types
from unittest import mock

from harness.common.run import git
from harness.common.units import Unit
from harness.kernel import topics
from harness.boot import inputs

from . import __main__ as guarded
from .fake import Kernel, commit, put


class Keys(Kernel):
    def setUp(self):
        super().setUp()
        commit(self.linux, "more\n", {
            "scripts/checkpatch.pl": "a", "MAINTAINERS": "a",
            "include/linux/iommu.h": "int a;\n",
            "Documentation/x.rst": "a", "tools/testing/kunit/kunit.py": "",
            "drivers/old.c": "int a;\n"})
        self.develop()
        put(self.root, {"harness/check.py": "a", "harness/tests/test_a.py": "a", "Makefile": "a",
                        "harness/doc/a.md": "a", "harness/report/a.css": "a",
                        "README.md": "a",
                        "patches/one/cover": "one: subject\n\nBody.\n",
                        "patches/two/cover": "two: subject\n\nBody.\n",
                        ".gitignore": "build/\n"})
        git(self.root, "init", "-q")
        git(self.root, "add", "-A")
        self.programs = "all: 1\n"
        for name, value in (("CACHE", self.top / "cache"), ("output", lambda *_: self.programs)):
            patch = mock.patch.object(inputs, name, value)
            patch.start()
            self.addCleanup(patch.stop)

    def keys(self):
        """-> {kind of input: key of a unit that has no other}."""
        inputs.harness.cache_clear()
        made = inputs.Inputs(self.compose(), self.root)
        found = {kind: made.key(Unit("check", inputs=(kind,), topic="one", parts=("o*",)))
                 for kind in inputs.KINDS if kind not in inputs.ALWAYS}
        return {**found, "all": made.key(Unit("check", inputs=("parts",), parts=("*",))),
                "": made.key(Unit("check", inputs=())),
                "two": made.key(Unit("check", inputs=("topic",), topic="two")),
                "code of two": made.key(Unit("check", inputs=("code",), topic="two"))}

    def changes(self, *kinds, edit):
        """edit changes just the keys of these kinds; all of them if none are given."""
        before = self.keys()
        edit()
        after = self.keys()
        self.assertEqual(set(kinds or before),
                         {kind for kind in before if before[kind] != after[kind]})

    def put(self, **files):
        """-> function that writes files ({path with __ for /: text})."""
        return lambda: put(self.root, {path.replace("__", "/").replace("_md", ".md"): text
                                       for path, text in files.items()})

    def patch(self, old, new):
        """-> function that changes the first patch of topic one."""
        def edit():
            path = next(self.root.glob("patches/one/01-*"))
            text = path.read_text()
            self.assertIn(old, text)
            path.write_text(text.replace(old, new))
        return edit

    def test_nothing(self):
        before = self.keys()
        os.utime(self.root / "Makefile")
        self.assertEqual(before, self.keys())

    def test_unit_and_topic(self):
        made = inputs.Inputs(self.compose(), self.root)
        units = [Unit("check", name, inputs=("topic",), topic=topic)
                 for name, topic in (("", "one"), ("x", "one"), ("", "two"))]
        self.assertEqual(3, len({made.key(unit) for unit in units}))

    def test_harness(self):
        self.changes(edit=lambda: put(self.root, {"harness/check.py": "b"}))
        self.changes(edit=lambda: put(self.root, {"harness/new.py": ""}))
        self.changes(edit=lambda: (self.root / "harness/new.py").unlink())
        self.changes(edit=lambda: put(self.root, {"Makefile": "b"}))
        self.changes(edit=lambda: (self.root / "harness/check.py").chmod(0o755))

    def test_what_a_result_is_of(self):
        git(self.root, "commit", "-q", "-m", "project")
        with mock.patch.object(inputs, "repository", lambda: "r"), \
                mock.patch.object(inputs, "commit", lambda made=inputs.commit: made(self.root)):
            composed = self.compose()
            stamp = inputs.stamp(composed)
            self.assertEqual(git(self.tree, "rev-parse", "HEAD^{tree}").strip(), stamp["tree"])
            self.assertEqual(git(self.root, "rev-parse", "--short=12", "HEAD").strip(),
                             stamp["commit"])
            put(self.root, {"Makefile": "b"})
            self.assertEqual(f"{stamp['commit']}-dirty", inputs.stamp(composed)["commit"])

    def test_harness_that_is_edited_while_it_runs(self):
        """What runs is what was read when it started."""
        unit = Unit("check", inputs=())
        before = inputs.Inputs(self.compose(), self.root).key(unit)
        put(self.root, {"harness/check.py": "b"})
        self.assertEqual(before, inputs.Inputs(self.compose(), self.root).key(unit))

    def test_repository(self):
        for path in ("README.md", "new"):
            self.changes("repository", edit=lambda: put(self.root, {path: "b"}))

    def test_tests(self):
        for path in ("harness/tests/test_a.py", "harness/doc/a.md", "harness/report/a.css"):
            self.changes("repository", "tests", edit=lambda: put(self.root, {path: "b"}))

    def test_rules_of_the_audit(self):
        self.changes(edit=lambda: put(self.root, {"scripts/coccinelle/a.cocci": "b"}))

    def test_file_that_only_this_user_ignores(self):
        put(self.root, {".git/info/exclude": "local*\n"})
        self.changes(edit=lambda: put(self.root, {"harness/local.toml": ""}))

    def test_compiler_of_another_language(self):
        put(self.top, {"bin/x": ""})
        with mock.patch.dict(os.environ, {"PATH": f"{self.top}/bin:{os.environ['PATH']}"}):
            for name in ("bindgen", "aarch64-linux-gnu-ld"):
                def install(path=self.top / "bin" / name):
                    path.write_text("#!/bin/sh\n")
                    path.chmod(0o755)
                self.changes(edit=install)

    def test_digest_of_what_runs_is_taken_at_start(self):
        inputs.at_start.cache_clear()
        with mock.patch.object(inputs, "ROOT", self.root), \
                mock.patch.object(inputs, "repository", lambda: "a"):
            inputs.at_start()
        before = inputs.harness(self.root)
        put(self.root, {"harness/check.py": "b"})
        self.assertEqual(before, inputs.harness(self.root))
        inputs.at_start.cache_clear()

    def test_tests_read_nothing_else(self):
        root = inputs.ROOT
        for path, refused in (("README.md", True), ("patches/series", False), ("build/x", False),
                              ("harness/check.py", False), ("patches", False)):
            try:
                guarded.guard("open", (root / path, "r", 0))
                self.assertFalse(refused, path)
            except PermissionError as error:
                self.assertTrue(refused, path)
                self.assertIn("README.md is not in inputs.TESTS", str(error))

    def test_message(self):
        self.changes("repository", "patches", "topic", edit=self.patch("a: first", "a: changed"))

    def test_cover(self):
        self.changes("repository", "patches", "topic",
                     edit=lambda: put(self.root, {"patches/one/cover": "b: subject\n\nBody.\n"}))

    def test_code(self):
        self.changes("repository", "patches", "topic", "code", "parts", "all", "series",
                     edit=self.patch("+int five;", "+int half;"))

    def test_new_file(self):
        self.changes("repository", "patches", "topic", "code", "parts", "all", "series",
                     edit=lambda: put(self.root, {"drivers/new.c": "int other;\n"}))

    def test_topic_below(self):
        """A topic that needs another changes with that."""
        put(self.root, {"patches/series": self.series().replace("\ntwo\n", "\ntwo\n\tneeds one\n")})
        self.changes("repository", "patches", "topic", "two",
                     edit=self.patch("a: first", "a: changed"))
        self.changes("repository", "patches", "topic", "code", "parts", "all", "series", "two",
                     "code of two", edit=self.patch("+int five;", "+int half;"))

    def test_need(self):
        series = self.series().replace("\ntwo\n", "\ntwo\n\tneeds one 1: why\n")
        self.changes("tests", "repository", "patches", "two", "code of two", "all",
                     edit=lambda: put(self.root, {"patches/series": series}))

    def test_order(self):
        """Patches are the same, and in another order."""
        def edit():
            text = self.series()
            lines = [line for line in text.splitlines(True) if line.startswith("\t0")]
            swapped = text.replace(lines[0], "\t09-x.patch\n")
            put(self.root, {"patches/series": swapped})
            next(self.root.glob("patches/one/01-*")).rename(self.root / "patches/one/09-x.patch")
        self.changes("tests", "repository", "patches", "topic", "code", "parts", "all",
                     edit=edit)

    def test_base(self):
        self.changes(edit=lambda: commit(self.linux, "b\n", {"drivers/old.c": "int b;\n"}))

    def test_origin(self):
        """The same tree from elsewhere."""
        def move():
            git(self.top, "clone", "-q", self.linux, self.top / "other")
            self.linux = self.top / "other"
        self.changes(edit=move)

    def test_tools_of_the_kernel(self):
        for path, kind in (("scripts/checkpatch.pl", "scripts"), ("MAINTAINERS", "scripts"), ("Makefile", "scripts"),
                           ("include/linux/iommu.h", "headers"), ("Documentation/x.rst", "headers"),
                           ("tools/testing/kunit/kunit.py", "tools")):
            composed = self.compose()
            before = inputs.Inputs(composed, self.root)
            git(composed.tree, "checkout", "-q", "--detach")
            commit(composed.tree, "b\n", {path: "b"})
            after = inputs.Inputs(types.SimpleNamespace(
                tree=composed.tree, base=composed.base,
                end=git(composed.tree, "rev-parse", "HEAD").strip()), self.root)
            unit = Unit("check", inputs=(kind,))
            self.assertNotEqual(before.key(unit), after.key(unit), path)
            git(composed.tree, "checkout", "-q", "two")

    def test_packages(self):
        def upgrade():
            self.programs = "all: 2\n"
        self.changes(edit=upgrade)

    def test_program(self):
        gcc = self.top / "bin/gcc"
        put(self.top, {"bin/gcc": "#!/bin/sh\n"})
        gcc.chmod(0o755)
        with mock.patch.dict(os.environ, {"PATH": f"{self.top}/bin:{os.environ['PATH']}"}):
            self.changes(edit=lambda: gcc.write_text("#!/bin/sh\n\n"))

    def test_qemu_of_the_cache(self):
        self.changes(edit=lambda: put(self.top, {"cache/qemu-system-x86/usr/bin/x": ""}))

    def test_environment(self):
        for name in ("KCFLAGS", "PATH", "LLVM", "KBUILD_BUILD_HOST", "CFLAGS", "PYTHONPATH",
                     "CPATH", "PYFLAKES_BUILTINS"):
            with mock.patch.dict(os.environ):
                self.changes(edit=lambda: os.environ.update(
                    {name: os.environ.get(name, "") + ":x"}))
        with mock.patch.dict(os.environ):
            before = self.keys()
            os.environ["EDITOR"] = "ed"
            self.assertEqual(before, self.keys())

    def test_files_of_the_user(self):
        with mock.patch.object(inputs.pathlib.Path, "home", lambda: self.top):
            self.changes(edit=lambda: put(self.top, {".checkpatch.conf": "--types X\n"}))

    def test_composer(self):
        def rename():
            os.environ.update({f"GIT_{role}_NAME": "Another" for role in ("AUTHOR", "COMMITTER")})
        with mock.patch.dict(os.environ):
            before = self.keys()
            rename()
            after = self.keys()
        self.assertNotEqual(before["composer"], after["composer"])

    def test_other_releases(self):
        name = f"cache/{inputs.neighbours.load()[0].package}/package.json"
        self.changes("neighbours", edit=lambda: put(self.top, {name: "{}"}))

    def test_every_kind_is_tried(self):
        self.assertEqual({"harness", "base", "origin", "packages", "programs", "environment"},
                         set(inputs.ALWAYS))
        self.assertEqual({"tests", "repository", "patches", "topic", "code", "parts",
                          "series", "scripts", "headers", "tools", "composer", "neighbours"},
                         set(inputs.KINDS) - set(inputs.ALWAYS))
        self.assertTrue(topics.read(self.root))

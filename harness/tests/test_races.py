# SPDX-License-Identifier: GPL-2.0
"""Which of KCSAN's reports are of code that the series is about."""

import pathlib
import subprocess
import tempfile
import unittest

from harness.boot import jobs, races

CONSOLE = """\
BUG: KCSAN: data-race in e1000_clean / e1000_xmit
write to 0xffff888004a6d2a8 of 8 bytes by task 1 on cpu 1:
[   17.1] BUG: KCSAN: data-race in iova_free / fq_flush.isra.0
BUG: KCSAN: data-race in fq_flush.isra.0 / e1000_xmit
BUG: KCSAN: assert: race in fq_flush.isra.0 / mas_store
BUG: KCSAN: data-race in mas_store
BUG: KASAN: slab-use-after-free in mas_store
"""


class Races(unittest.TestCase):
    def test_one_of_two_is_enough(self):
        left, others = races.leave_out(CONSOLE, {"fq_flush.isra.0"})
        self.assertEqual(["BUG: KCSAN: data-race in e1000_clean / e1000_xmit",
                          "BUG: KCSAN: data-race in mas_store"], others)
        self.assertEqual([line for line in CONSOLE.splitlines() if line not in others],
                         left.splitlines())

    def test_functions_of_a_directory(self):
        with tempfile.TemporaryDirectory() as top:
            kernel = jobs.Kernel("x", [], top=pathlib.Path(top))
            where = kernel.out / "drivers"
            where.mkdir(parents=True)
            (where / "a.c").write_text("int data; static int g(void) { return data; }\n"
                                       "int f(void) { return g(); }\n")
            for line in ("gcc -O0 -c a.c", "ar rcT built-in.a a.o"):
                subprocess.run(line.split(), cwd=where, check=True)
            self.assertEqual({"f", "g"}, races.functions(kernel, ["drivers"]))

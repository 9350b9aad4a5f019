# SPDX-License-Identifier: GPL-2.0
"""What `size`, `pahole` and debug information say of how large code is."""

import pathlib
import subprocess
import tempfile
import unittest
from unittest import mock

from harness.common import tools
from harness.common.report import Problem
from harness.checks.cost import sizes

SIZE = """   text	   data	    bss	    dec	    hex	filename
  20260	    957	     40	  21257	   5309	drivers/iommu/iommu.o
    420	      0	      0	    420	    1a4	drivers/iommu/io-pgtable.o
"""
PAHOLE = """struct iommu_iotlb_gather {
	long unsigned int          start;                /*     0     8 */
	union {
		struct {
			u8         leaf_levels_bitmap;   /*    16     1 */
		} pt;                                    /*    16     2 */
	};                                               /*    16     8 */
	bool                       queued;               /*    24     1 */

	/* XXX 7 bytes hole, try to pack */

	struct iommu_pages_list    freelist;             /*    32    16 */

	/* size: 48, cachelines: 1, members: 5 */
	/* sum members: 41, holes: 1, sum holes: 7 */
	/* last cacheline: 48 bytes */
};
struct iommu_domain_ops {
	u8                         iotlb_sync_always:1;  /*    96: 0  1 */

	/* size: 104, cachelines: 2, members: 13 */
	/* padding: 6 */
	/* paddings: 1, sum paddings: 4 */
	/* bit_padding: 5 bits */
	/* last cacheline: 40 bytes */
};
"""
# What is inlined has a known number of bytes; slow()'s rare part goes out of line.
CODE = """
#define BYTES(n) asm volatile(".skip " #n)
#define INLINE static inline __attribute__((always_inline)) void

INLINE part(void) { BYTES(24); }
INLINE fast(void) { BYTES(16); part(); }
INLINE slow(int rare) { if (__builtin_expect(rare, 0)) BYTES(400); BYTES(40); }
INLINE between(void) { fast(); }
static __attribute__((noinline)) void copy(void) { BYTES(80); }

void once(void) { BYTES(8); fast(); }
void twice(void) { BYTES(8); fast(); BYTES(8); between(); BYTES(8); }
void split(int rare) { slow(rare); BYTES(4000); }
static __attribute__((noinline)) int cloned(int x) { fast(); return x ? x * 3 + 1 : 7; }
int any(int x) { return cloned(x); }
int zero(void) { return cloned(0); }
void calls(void) { copy(); BYTES(8); copy(); }
"""


def measured(**changes):
    """Return what measure() might, with changes."""
    return {"text": {"a.o": 100}, "sites": {"a.o": {"unmap": [36], "unlink": [36, 40]}},
            "structs": {"ops": {"size": 96, "holes": 0, "padding": 0}}, **changes}


class Parse(unittest.TestCase):
    def test_size(self):
        self.assertEqual([20260, 420], sizes.texts(SIZE))

    def test_pahole(self):
        self.assertEqual({"iommu_iotlb_gather": {"size": 48, "holes": 7, "padding": 0},
                          "iommu_domain_ops": {"size": 104, "holes": 0, "padding": 6}},
                         sizes.structs(PAHOLE))
        self.assertEqual({}, sizes.structs(""))


class Sites(unittest.TestCase):
    object: pathlib.Path

    @classmethod
    def setUpClass(cls):
        tools.need("gcc", "libc", "elftools")
        top = cls.enterClassContext(tempfile.TemporaryDirectory())
        cls.object = pathlib.Path(top) / "a.o"
        subprocess.run(["gcc", "-g", "-gdwarf-5", "-O2", "-fipa-cp-clone", "-c", "-x", "c",
                        "-", "-o", cls.object], input=CODE, text=True, check=True)

    def test_inlined(self):
        self.assertEqual({"once": [40], "twice": [40, 40], "cloned": [40, 40]},
                         sizes.sites(self.object, "fast"))

    def test_inlined_in_what_is_inlined(self):
        self.assertEqual({"once": [24], "twice": [24, 24], "cloned": [24, 24]},
                         sizes.sites(self.object, "part"))

    def test_in_two_ranges(self):
        found = sizes.sites(self.object, "slow")
        self.assertEqual(["split"], list(found))
        self.assertEqual(1, len(found["split"]))
        self.assertIn(found["split"][0], range(440, 470))

    def test_not_inlined(self):
        [(function, [size])] = sizes.sites(self.object, "copy").items()
        self.assertEqual("copy", function)
        self.assertIn(size, range(80, 90))

    def test_nowhere(self):
        self.assertEqual({}, sizes.sites(self.object, "once_more"))


class Build(unittest.TestCase):
    def build(self, got):
        """Build a tree whose .config is got (str) in the end; return (objects, commands)."""
        commands = []
        with tempfile.TemporaryDirectory() as top, \
                mock.patch.object(sizes, "BUILD", pathlib.Path(top)), \
                mock.patch.object(sizes, "logged", lambda *command, **_: commands.append(command)):
            config = sizes.Config("arm64-base", "arm64", ["iommu.o", "../vfio/v.o"], "A B")
            config.out.mkdir(parents=True)
            (config.out / ".config").write_text(got)
            objects = sizes.build("/tree", config)
            self.assertEqual("CONFIG_A=y\nCONFIG_B=y\n", (config.out / "wanted").read_text())
            self.assertEqual(config.out / "drivers/vfio/v.o", objects["drivers/vfio/v.o"])
        return list(objects), commands

    def test_config_then_objects(self):
        objects, commands = self.build("CONFIG_B=y\nCONFIG_C=y\nCONFIG_A=y\n")
        self.assertEqual(["drivers/iommu/iommu.o", "drivers/vfio/v.o"], objects)
        self.assertEqual([("allnoconfig",), tuple(objects)],
                         [commands[0][-1:], commands[1][-2:]])

    def test_option_not_set(self):
        self.assertRaisesRegex(Problem, "to have CONFIG_B=y, but", self.build,
                               "CONFIG_A=y\n# CONFIG_B is not set\n")


class Rows(unittest.TestCase):
    def test_no_change(self):
        self.assertEqual([["a.o: text", "100", "100"],
                          ["a.o: iommu_iotlb_sync() in unmap()", "36", "36"],
                          ["a.o: iommu_iotlb_sync() in unlink()", "36 + 40", "36 + 40"],
                          ["iommu_iotlb_sync(), all places", "112", "112"],
                          ["struct ops: size, holes, padding", "96, 0, 0", "96, 0, 0"]],
                         sizes.rows([measured(), measured()]))

    def test_a_place_in_one_only(self):
        lines = sizes.rows([measured(), measured(sites={"a.o": {"unmap": [48], "new": [8]}})])
        self.assertEqual([["a.o: iommu_iotlb_sync() in unmap()", "36", "48"],
                          ["a.o: iommu_iotlb_sync() in unlink()", "36 + 40", "0"],
                          ["a.o: iommu_iotlb_sync() in new()", "0", "8"],
                          ["iommu_iotlb_sync(), all places", "112", "56"]], lines[1:-1])

// SPDX-License-Identifier: GPL-2.0-only
/*
 * Models of Unisoc's IOMMU, in both versions that the driver knows: VAU and EX
 *
 * One flat table of page numbers serves one device. Where a page has none, accesses
 * go to a page of the driver's, and nobody is told. What the registers mean is taken
 * from the driver's macros and from its use of them. The TLB is assumed to be cleared
 * by an update and by nothing else, also while the IOMMU is off.
 */
#include "cases.h"

#define VERSION			0x00
#define VERSION_VAU		BIT(8)
#define CFG_EN			BIT(0)
#define VAU_AUTH_CFG		0x0c
#define REGS			(0x24 / sizeof(u32))

/**
 * struct sprd - an IOMMU
 * @cfg: offset of a register, as those below
 * @update: clears the TLB
 * @first_ppn: where the table is
 * @first_vpn: of the table
 * @vpn_range: how many pages it has, less one
 * @regs: all of them
 * @stray: how many writes went to registers that the driver has no use for
 * @posts: set by tests: an update arrives when a register is read
 */
struct sprd {
	unsigned int cfg;
	unsigned int update;
	unsigned int first_ppn;
	unsigned int first_vpn;
	unsigned int vpn_range;
	u32 regs[REGS];
	unsigned int stray;
	bool posts;
};

static struct sprd sprd_vau = {
	.cfg = 0x04,
	.update = 0x08,
	.first_ppn = 0x10,
	.first_vpn = 0x1c,
	.vpn_range = 0x20,
	.regs[VERSION / 4] = VERSION_VAU,
};

/* Its version, which is 0, is in the configuration */
static struct sprd sprd_ex = {
	.cfg = 0x00,
	.update = 0x04,
	.first_vpn = 0x08,
	.vpn_range = 0x0c,
	.first_ppn = 0x10,
};

static const struct hw_inval sprd_all = {
	.caches = HW_ALL_CACHES,
	.tag = HW_ANY_TAG,
};

static u64 sprd_read(struct hw_iommu *iommu, unsigned int window,
		     unsigned int offset, unsigned int size)
{
	struct sprd *sprd = iommu->priv;

	if (sprd->posts)
		hw_complete(iommu);
	return offset / 4 < REGS ? sprd->regs[offset / 4] : 0;
}

static void sprd_write(struct hw_iommu *iommu, unsigned int window,
		       unsigned int offset, unsigned int size, u64 value)
{
	struct sprd *sprd = iommu->priv;

	if (offset == sprd->update) {
		if (value != U32_MAX)
			return;
		if (sprd->posts)
			hw_post(iommu, &sprd_all);
		else
			hw_flush(iommu, &sprd_all);
	} else if (sprd == &sprd_vau && (offset == VERSION || offset == VAU_AUTH_CFG)) {
		sprd->stray++;
	} else if (offset / 4 < REGS) {
		sprd->regs[offset / 4] = value;
	}
}

static int sprd_stream(struct hw_iommu *iommu, u32 stream, u64 iova,
		       struct hw_root *root)
{
	struct sprd *sprd = iommu->priv;

	if (!(sprd->regs[sprd->cfg / 4] & CFG_EN))
		return 1;

	root->table = (u64)sprd->regs[sprd->first_ppn / 4] << 12;
	return 0;
}

static int sprd_step(struct hw_iommu *iommu, const struct hw_root *root, u64 table,
		     int level, u64 iova, struct hw_entry *entry)
{
	struct sprd *sprd = iommu->priv;
	u64 index = (iova >> 12) - sprd->regs[sprd->first_vpn / 4];
	u32 ppn;

	if (index > sprd->regs[sprd->vpn_range / 4])
		return -EFAULT;

	ppn = hw_load32(iommu, table + index * sizeof(u32));
	if (!ppn)
		return -EFAULT;

	entry->iova = ALIGN_DOWN(iova, SZ_4K);
	entry->size = SZ_4K;
	entry->addr = (u64)ppn << 12;
	return 0;
}

static void sprd_vau_reset(struct hw_iommu *iommu)
{
	iommu->priv = &sprd_vau;
}

static void sprd_ex_reset(struct hw_iommu *iommu)
{
	iommu->priv = &sprd_ex;
}

static const struct hw_ops sprd_vau_ops = {
	.reset = sprd_vau_reset,
	.read = sprd_read,
	.write = sprd_write,
	.stream = sprd_stream,
	.step = sprd_step,
};

static const struct hw_ops sprd_ex_ops = {
	.reset = sprd_ex_reset,
	.read = sprd_read,
	.write = sprd_write,
	.stream = sprd_stream,
	.step = sprd_step,
};

OF_OVERLAY_DECLARE(sprd);
OF_OVERLAY_DECLARE(sprd_ex);

static const struct hw_desc sprd_desc = {
	.name = "sprd-iommu",
	.kind = HW_ALWAYS,
	.no_flush_all = true,
	.caches_misses = true,
	.commands.sync = { 1, 1 },
	.overlay = of_overlay_begin(sprd),
	.overlay_end = of_overlay_end(sprd),
	.windows = { { 0x600010000, SZ_4K, BIT(0) } },
	.soc = "/sprd-soc",
	.masters = { { "/sprd-master" } },
	.ops = &sprd_vau_ops,
	.no_snoop = true,
	.streams = 1,
	.no_two_masters = "hardware: serves one device",
	.no_two_domains = "hardware: serves one device",
	.no_fault = true,
	.no_read_only = true,
};

static const struct hw_desc sprd_ex_desc = {
	.name = "sprd-iommu",
	.kind = HW_ALWAYS,
	.no_flush_all = true,
	.caches_misses = true,
	.commands.sync = { 1, 1 },
	.overlay = of_overlay_begin(sprd_ex),
	.overlay_end = of_overlay_end(sprd_ex),
	.windows = { { 0x600011000, SZ_4K } },
	.masters = { { "/sprd-ex-master" } },
	.ops = &sprd_ex_ops,
	.no_snoop = true,
	.streams = 1,
	.no_two_masters = "hardware: serves one device",
	.no_two_domains = "hardware: serves one device",
	.no_fault = true,
	.no_read_only = true,
};

HW_IOMMU(sprd, sprd_desc);
HW_IOMMU(sprd_ex, sprd_ex_desc);

/* The driver knows the version by the time that it programs the first domain */
static void version_test(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, 0, sprd_vau.stray);
}

/* A domain works for the device behind another IOMMU as well, or is refused there */
static void foreign_domain_test(struct kunit *test)
{
	struct hw_test *t = test->priv;
	struct device *dev = hw_find_device(test, sprd_ex_desc.masters[0].path);
	u64 paddr = 0;
	int ret;

	KUNIT_ASSERT_EQ(test, 0,
			iommu_map(t->domain, t->iova, virt_to_phys(t->memory), SZ_4K,
				  IOMMU_READ | IOMMU_WRITE, GFP_KERNEL));
	ret = iommu_attach_group(t->domain, dev->iommu_group);
	if (ret) {
		KUNIT_EXPECT_EQ(test, -EINVAL, ret);
		return;
	}
	hw_translate(&sprd_ex_iommu, 0, t->iova, false, &paddr);
	KUNIT_EXPECT_EQ(test, virt_to_phys(t->memory), paddr);
	iommu_detach_group(t->domain, dev->iommu_group);
}

static void stop_posting(void *data)
{
	sprd_vau.posts = false;
}

/* When unmap returns, what clears the TLB has arrived, however long it took */
static void posted_test(struct kunit *test)
{
	struct hw_test *t = test->priv;
	u64 paddr;

	KUNIT_ASSERT_EQ(test, 0,
			iommu_map(t->domain, t->iova, virt_to_phys(t->memory), SZ_4K,
				  IOMMU_READ | IOMMU_WRITE, GFP_KERNEL));
	KUNIT_ASSERT_EQ(test, 0, hw_translate(t->iommu, 0, t->iova, true, &paddr));
	sprd_vau.posts = true;
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test, stop_posting, NULL));
	KUNIT_ASSERT_EQ(test, SZ_4K, iommu_unmap(t->domain, t->iova, SZ_4K));
	KUNIT_EXPECT_EQ(test, -EFAULT, hw_translate(t->iommu, 0, t->iova, true, &paddr));
}

static struct kunit_case sprd_only_cases[] = {
	KUNIT_CASE(version_test),
	KUNIT_CASE(foreign_domain_test),
	KUNIT_CASE(posted_test),
	{}
};

static struct kunit_suite sprd_only_suite = {
	.name = "iommu_sprd_own",
	.init = sprd_test_init,
	.exit = hw_test_exit,
	.test_cases = sprd_only_cases,
};

kunit_test_suite(sprd_only_suite);

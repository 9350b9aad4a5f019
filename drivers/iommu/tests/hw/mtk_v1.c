// SPDX-License-Identifier: GPL-2.0-only
/*
 * Model of MediaTek's IOMMU, the M4U of the first generation, as mt2701 has it
 *
 * One flat table of pages serves all devices. The SMI, which is between them and the
 * IOMMU, says for each port whether it is translated. What the registers mean is
 * taken from the drivers' macros and from their use of them: that each of the two
 * enables of an invalidation stands for one of two TLBs in a row is assumed.
 */
#include "cases.h"

#include <linux/of.h>
#include <linux/of_platform.h>
#include <linux/platform_device.h>
#include <linux/sizes.h>

#define PT_BASE			0x000
#define INT_CONTROL		0x220
#define INT_CONTROL_CLEAR	BIT(12)
#define FAULT_ST		0x224
#define FAULT_TRANSLATION	BIT(0)
#define FAULT_VA		0x228
#define INVLD_PA		0x22c
#define INT_ID			0x388
#define INT_ID_LARB_PORT(l, p)	((6 - (l)) << 13 | (p) << 8)
#define INVALIDATE		0x5c0
#define INVALIDATE_RANGE	BIT(0)
#define INVALIDATE_ALL		BIT(1)
#define INVLD_START		0x5c4
#define INVLD_END		0x5c8
#define INV_SEL			0x5d8
#define INV_SEL_EN0		BIT(0)
#define INV_SEL_EN1		BIT(1)
#define CPE_DONE		0x60c
#define REGS			(0x700 / sizeof(u32))

#define DESC_VALID		BIT(1)

/* Four bits for each port, eight ports to a register */
#define SMI_COMMON		1	/* window */
#define SMI_SECUR_CON		0x5c0
#define SMI_SECUR_CON_VIRTUAL	BIT(3)
#define SMI_REGS		(0x700 / sizeof(u32))

#define TLB0			HW_LEAVES
#define TLB1			BIT(2)

static struct mtk_v1_model {
	u32 regs[REGS];
	u32 smi[SMI_REGS];
	struct hw_inval range;	/* being invalidated */
} mtk_v1;

static u64 mtk_v1_read(struct hw_iommu *iommu, unsigned int window,
		       unsigned int offset, unsigned int size)
{
	if (window == SMI_COMMON)
		return offset / 4 < SMI_REGS ? mtk_v1.smi[offset / 4] : 0;
	if (window || offset / 4 >= REGS)
		return 0;

	if (offset == CPE_DONE && iommu->syncs[0].polls && !hw_busy(iommu)) {
		hw_post(iommu, &mtk_v1.range);
		hw_complete(iommu);
		mtk_v1.regs[CPE_DONE / 4] = 1;
	}
	return mtk_v1.regs[offset / 4];
}

static void mtk_v1_invalidate(struct hw_iommu *iommu, u32 how)
{
	const u32 *regs = mtk_v1.regs;
	u32 sel = regs[INV_SEL / 4];
	struct hw_inval inval = {
		.caches = (sel & INV_SEL_EN0 ? TLB0 : 0) |
			  (sel & INV_SEL_EN1 ? TLB1 : 0),
		.tag = HW_ANY_TAG,
	};

	if (how & INVALIDATE_ALL) {
		/* Nobody waits for this one */
		hw_flush(iommu, &inval);
	} else if (how & INVALIDATE_RANGE) {
		u64 end = (regs[INVLD_END / 4] & GENMASK(31, 12)) + (u64)SZ_4K;

		inval.iova = regs[INVLD_START / 4] & GENMASK(31, 12);
		if (end > inval.iova)
			inval.size = end - inval.iova;
		else
			inval.caches = 0;
		/* There is one at a time: if another is still busy it is given up */
		mtk_v1.range = inval;
		hw_start(iommu);
	}
}

static void mtk_v1_write(struct hw_iommu *iommu, unsigned int window,
			 unsigned int offset, unsigned int size, u64 value)
{
	if (window == SMI_COMMON && offset / 4 < SMI_REGS)
		mtk_v1.smi[offset / 4] = value;
	if (window || offset / 4 >= REGS)
		return;

	switch (offset) {
	case INVALIDATE:
		mtk_v1_invalidate(iommu, value);
		return;
	case INT_CONTROL:
		if (value & INT_CONTROL_CLEAR)
			mtk_v1.regs[FAULT_ST / 4] = 0;
		value &= ~(u64)INT_CONTROL_CLEAR;
		break;
	case FAULT_ST:
	case FAULT_VA:
	case INVLD_PA:
	case INT_ID:
		return;
	}
	mtk_v1.regs[offset / 4] = value;
}

static int mtk_v1_stream(struct hw_iommu *iommu, u32 stream, u64 iova,
			 struct hw_root *root)
{
	u32 con = mtk_v1.smi[SMI_SECUR_CON / 4 + stream / 8] >> stream % 8 * 4;

	if (!(con & SMI_SECUR_CON_VIRTUAL))
		return 1;

	root->table = mtk_v1.regs[PT_BASE / 4];
	root->caches = TLB0 | TLB1;
	return root->table ? 0 : -EFAULT;
}

static int mtk_v1_step(struct hw_iommu *iommu, const struct hw_root *root,
		       u64 table, int level, u64 iova, struct hw_entry *entry)
{
	u32 desc;

	if (iova >= SZ_4G)
		return -EFAULT;

	desc = hw_load32(iommu, table + (iova >> 12) * sizeof(desc));
	if (!(desc & DESC_VALID))
		return -EFAULT;

	entry->iova = ALIGN_DOWN(iova, SZ_4K);
	entry->size = SZ_4K;
	entry->addr = desc & GENMASK(31, 12);
	return 0;
}

/* The hardware does not tell reads from writes. All ports of the test are larb 0's. */
static void mtk_v1_fault(struct hw_iommu *iommu, u32 stream, u64 iova, bool write)
{
	u32 *regs = mtk_v1.regs;

	scoped_guard(spinlock_irqsave, &iommu->lock) {
		/* The first is kept until it is cleared */
		if (regs[FAULT_ST / 4])
			return;

		regs[FAULT_ST / 4] = FAULT_TRANSLATION;
		regs[FAULT_VA / 4] = (u32)iova & GENMASK(31, 12);
		regs[INVLD_PA / 4] = 0;
		regs[INT_ID / 4] = INT_ID_LARB_PORT(0, stream);
		if (!(regs[INT_CONTROL / 4] & FAULT_TRANSLATION))
			return;
	}
	hw_raise_irq(iommu, 0);
}

static void mtk_v1_power_off(struct hw_iommu *iommu, unsigned int window,
			     struct hw_inval *lost)
{
	if (window)
		lost->caches = 0;
	else
		memset(mtk_v1.regs, 0, sizeof(mtk_v1.regs));
}

static const struct hw_ops mtk_v1_ops = {
	.read = mtk_v1_read,
	.write = mtk_v1_write,
	.stream = mtk_v1_stream,
	.step = mtk_v1_step,
	.fault = mtk_v1_fault,
	.power_off = mtk_v1_power_off,
};

OF_OVERLAY_DECLARE(mtk_v1);

static const struct hw_desc mtk_v1_desc = {
	.name = "mtk-iommu-v1",
	.kind = HW_UNMAP,
	.caches_misses = true,
	.commands.call = { 1, 1 },
	.overlay = of_overlay_begin(mtk_v1),
	.overlay_end = of_overlay_end(mtk_v1),
	.windows = {
		{ 0x600b00000, SZ_4K, BIT(5), BIT(0) },
		/* The part of it that is always on */
		[SMI_COMMON] = { 0x600b10000, SZ_4K, BIT(2) },
		{ 0x600b20000, SZ_4K, GENMASK(4, 3), BIT(1) },	/* larb 0 */
		/* An IOMMU without devices */
		{ 0x600b30000, SZ_4K, BIT(6), BIT(2) },
	},
	.soc = "/mtk-v1-soc",
	.masters = { { "/mtk-v1-master", 5 } },
	.ops = &mtk_v1_ops,
	.no_snoop = true,
	/* The ports of larb 0 */
	.streams = 11,
	.idle_bypass = true,
	.no_two_masters = "driver: has one domain, for one group",
	.no_two_domains = "driver: has one domain, for ever",
	.reports_stuck = true,
	/* Faults are reported to the default domain, which can have no handler */
	.logs_faults = true,
	/* The first domain to be attached gets the only table */
	.default_domain = true,
	.one_domain = true,
	.stays_on = true,
	.exact = true,
	.no_read_only = true,
};

HW_IOMMU(mtk_v1, mtk_v1_desc);

/* The cases of this driver alone */

/* The hardware has one page table, and who is refused that must know */
static void second_domain_test(struct kunit *test)
{
	struct hw_test *t = test->priv;
	struct iommu_domain *domain = iommu_paging_domain_alloc(t->master[0].dev);
	struct iommu_group *group = t->master[0].dev->iommu_group;
	int ret;

	KUNIT_ASSERT_FALSE(test, IS_ERR_OR_NULL(domain));
	ret = iommu_attach_group(domain, group);
	KUNIT_EXPECT_EQ(test, -EINVAL, ret);
	if (!ret)
		iommu_detach_group(domain, group);
	iommu_domain_free(domain);
}

/* All ports of the device are translated, and no other */
static void ports_test(struct kunit *test)
{
	struct hw_test *t = test->priv;
	phys_addr_t paddr = virt_to_phys(t->memory);

	KUNIT_ASSERT_EQ(test, 0, iommu_map(t->domain, t->iova, paddr, SZ_4K,
					   IOMMU_READ | IOMMU_WRITE, GFP_KERNEL));
	for (u32 port = 0; port < mtk_v1_desc.streams; port++) {
		u64 found = 0;

		hw_translate(t->iommu, port, t->iova, false, &found);
		KUNIT_EXPECT_EQ_MSG(test, found, port == 5 || port == 6 ? paddr : t->iova,
				    "port %u", port);
	}
	KUNIT_EXPECT_EQ(test, SZ_4K, iommu_unmap(t->domain, t->iova, SZ_4K));
}

static struct device *idle_iommu(struct kunit *test)
{
	struct device_node *np = of_find_node_by_path("/mtk-v1-idle@600b30000");
	struct platform_device *pdev = of_find_device_by_node(np);

	of_node_put(np);
	KUNIT_ASSERT_NOT_NULL(test, pdev);
	put_device(&pdev->dev);
	KUNIT_ASSERT_NOT_NULL(test, pdev->dev.driver);
	return &pdev->dev;
}

/* An IOMMU that no device was ever attached to is suspended and resumed as others */
static void idle_resume_test(struct kunit *test)
{
	struct device *dev = idle_iommu(test);
	const struct dev_pm_ops *pm = dev->driver->pm;

	if (!pm->suspend)
		kunit_skip(test, "model: the kernel has no suspend");

	KUNIT_EXPECT_EQ(test, 0, pm->suspend(dev));
	KUNIT_EXPECT_EQ(test, 0, pm->resume(dev));
}

/* Its interrupt, which the firmware may have left pending */
static void idle_interrupt_test(struct kunit *test)
{
	struct hw_test *t = test->priv;

	KUNIT_ASSERT_NOT_NULL(test, idle_iommu(test));
	hw_raise_irq(t->iommu, 1);
}

static struct kunit_case mtk_v1_more_cases[] = {
	KUNIT_CASE(second_domain_test),
	KUNIT_CASE(ports_test),
	KUNIT_CASE(idle_resume_test),
	KUNIT_CASE(idle_interrupt_test),
	{}
};

static struct kunit_suite mtk_v1_more_suite = {
	.name = "iommu_mtk_v1_own",
	.init = mtk_v1_test_init,
	.exit = hw_test_exit,
	.test_cases = mtk_v1_more_cases,
};

kunit_test_suite(mtk_v1_more_suite);

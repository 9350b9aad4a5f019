// SPDX-License-Identifier: GPL-2.0-only
/*
 * Models of MediaTek's IOMMU, the M4U of the second generation
 *
 * That of mt8195's infrastructure has five banks, each with registers, an interrupt
 * and a table of its own; bank 0 also has what they share. A register of the
 * peripheral configuration says which ports are translated.
 *
 * That of mt8192's multimedia has one bank. The local arbiter (larb) of the SMI,
 * which is between it and the devices, says which ports are translated, and adds bits
 * 33 and 32 to their addresses.
 *
 * mt8195's multimedia has two of these, for video output (vdo) and for video processing
 * (vpp), which walk one page table. Each has a TLB and completes its own invalidations.
 *
 * What the registers mean is taken from the drivers' macros and from their use of
 * them: that each of the two enables of an invalidation stands for one of two TLBs in
 * a row, is assumed. So is that the second also keeps pointers to tables, and loses
 * those of an address when that is invalidated: the architecture of short descriptors
 * allows it, and the driver relied on it while it had a tlb_flush_walk().
 */
#include "cases.h"

#include <linux/bitfield.h>
#include <linux/of.h>
#include <linux/of_platform.h>
#include <linux/platform_device.h>
#include <linux/sizes.h>

#define BANK_SIZE		SZ_4K
#define MAX_BANKS		5

#define PT_BASE			0x000
#define PT_BASE_31_14		GENMASK(31, 14)
#define PT_BASE_34_32		GENMASK(2, 0)
#define INVALIDATE		0x020
#define INVALIDATE_RANGE	BIT(0)
#define INVALIDATE_ALL		BIT(1)
#define INVLD_START		0x024
#define INVLD_END		0x028
#define INV_SEL			0x02c
#define INV_SEL_EN0		BIT(0)
#define INV_SEL_EN1		BIT(1)
#define WR_LEN_CTRL		0x054
#define INT_CONTROL0		0x120
#define INT_CONTROL0_CLEAR	BIT(12)
#define INT_MAIN		0x124
#define CPE_DONE		0x12c
#define FAULT_ST1		0x134
#define FAULT_TRANSLATION	BIT(0)
#define MMU0_FAULT_VA		0x13c
#define MMU0_FAULT_34_32	GENMASK(11, 9)
#define MMU0_FAULT_WRITE	BIT(1)
#define MMU0_INVLD_PA		0x140
#define MMU0_INT_ID		0x150
#define INT_ID_PORT(port)	((port) << 2)
#define INT_ID_LARB4		(2 << 9)
#define REGS			(0x200 / sizeof(u32))

/* Window 1 of the one for infrastructure */
#define PERICFG_IOMMU_1		0x714	/* a bit for each port */

/* Window 1 of those for multimedia; a register for each port */
#define LARB_NONSEC_CON		0x380
#define LARB_PORTS		32
#define LARB_MMU_EN		BIT(0)
#define LARB_BANK_SEL		GENMASK(9, 8)	/* thrice more above */
#define LARB_SLEEP		0x00c
#define LARB_SLEEP_EN		BIT(0)
#define LARB_SLEEP_READY	BIT(16)

#define TLB0			HW_LEAVES
#define TLB1			BIT(2)

/**
 * struct mtk_model - registers
 * @banks: of the IOMMU, or of the IOMMUs that share their table, one each
 * @range: what each is invalidating by address
 * @polls: how often CPE_DONE of each is still to be read until that is done
 * @several: these are IOMMUs, not banks
 * @ports: infrastructure: which ports are translated
 * @larb: multimedia: how each port is
 */
struct mtk_model {
	u32 banks[MAX_BANKS][REGS];
	struct hw_inval range[MAX_BANKS];
	unsigned int polls[MAX_BANKS];
	bool several;
	u32 ports;
	u32 larb[LARB_PORTS];
};

static struct mtk_model mtk_infra, mtk_mm, mtk_shared = {
	.several = true,
};

static u64 mtk_read(struct hw_iommu *iommu, unsigned int window,
		    unsigned int offset, unsigned int size)
{
	struct mtk_model *mtk = iommu->priv;
	unsigned int bank = offset / BANK_SIZE;
	unsigned int reg = offset % BANK_SIZE;

	if (bank >= MAX_BANKS || reg / 4 >= REGS)
		return 0;

	if (reg == CPE_DONE && mtk->polls[bank] && !iommu->stuck &&
	    !--mtk->polls[bank]) {
		hw_post(iommu, &mtk->range[bank]);
		hw_complete(iommu);
		mtk->banks[bank][CPE_DONE / 4] = 1;
	}
	return mtk->banks[bank][reg / 4];
}

static u64 mtk_addr(u32 reg)
{
	return (reg & GENMASK(31, 12)) | (u64)(reg & 3) << 32;
}

static void mtk_invalidate(struct hw_iommu *iommu, unsigned int bank, u32 how)
{
	struct mtk_model *mtk = iommu->priv;
	const u32 *regs = mtk->banks[bank];
	u32 sel = regs[INV_SEL / 4];
	struct hw_inval inval = {
		.caches = (sel & INV_SEL_EN0 ? TLB0 : 0) |
			  (sel & INV_SEL_EN1 ? TLB1 | HW_TABLES : 0),
		.tag = bank,
	};

	if (how & INVALIDATE_ALL) {
		/* Nobody waits for this one. Bank 0 does it for all. */
		if (!bank && !mtk->several)
			inval.tag = HW_ANY_TAG;
		hw_flush(iommu, &inval);
	} else if (how & INVALIDATE_RANGE) {
		u64 end = mtk_addr(regs[INVLD_END / 4]) + SZ_4K;

		inval.iova = mtk_addr(regs[INVLD_START / 4]);
		if (end > inval.iova)
			inval.size = end - inval.iova;
		else
			inval.caches = 0;
		/* There is one at a time: if another is still busy it is given up */
		mtk->range[bank] = inval;
		mtk->polls[bank] = 2;
		/* Several IOMMUs are told in turn: that is one sync */
		if (!bank || !mtk->several)
			iommu->counts.syncs++;
	}
}

static void mtk_write(struct hw_iommu *iommu, unsigned int window,
		      unsigned int offset, unsigned int size, u64 value)
{
	struct mtk_model *mtk = iommu->priv;
	unsigned int bank = offset / BANK_SIZE;
	unsigned int reg = offset % BANK_SIZE;

	if (bank >= MAX_BANKS || reg / 4 >= REGS)
		return;

	switch (reg) {
	case INVALIDATE:
		mtk_invalidate(iommu, bank, value);
		return;
	case INT_CONTROL0:
		if (value & INT_CONTROL0_CLEAR)
			mtk->banks[bank][FAULT_ST1 / 4] = 0;
		value &= ~(u64)INT_CONTROL0_CLEAR;
		break;
	case FAULT_ST1:
	case MMU0_FAULT_VA:
	case MMU0_INVLD_PA:
	case MMU0_INT_ID:
		return;
	}
	mtk->banks[bank][reg / 4] = value;
}

static void mtk_reset(struct hw_iommu *iommu, struct mtk_model *mtk)
{
	iommu->priv = mtk;
	memset(mtk->banks, 0, sizeof(mtk->banks));
	/* Unless it has a value, the driver takes it that none was saved */
	mtk->banks[0][WR_LEN_CTRL / 4] = 0x00280028;
}

static int mtk_root(struct hw_iommu *iommu, unsigned int bank, struct hw_root *root)
{
	struct mtk_model *mtk = iommu->priv;
	u32 base = mtk->banks[bank][PT_BASE / 4];

	root->tag = bank;
	root->table = (base & PT_BASE_31_14) | (u64)(base & PT_BASE_34_32) << 32;
	root->level = 1;
	root->caches = TLB0 | TLB1;
	return root->table ? 0 : -EFAULT;
}

static int mtk_step(struct hw_iommu *iommu, const struct hw_root *root, u64 table,
		    int level, u64 iova, struct hw_entry *entry)
{
	return hw_v7s_step(iommu, root, table, level, true, iova, entry);
}

static void mtk_raise(struct hw_iommu *iommu, unsigned int bank, u32 id, u64 iova,
		      bool write)
{
	struct mtk_model *mtk = iommu->priv;
	u32 *regs = mtk->banks[bank];

	scoped_guard(spinlock_irqsave, &iommu->lock) {
		/* The first is kept until it is cleared */
		if (regs[FAULT_ST1 / 4])
			return;

		regs[FAULT_ST1 / 4] = FAULT_TRANSLATION;
		regs[MMU0_FAULT_VA / 4] = (iova & GENMASK(31, 12)) |
					  FIELD_PREP(MMU0_FAULT_34_32, iova >> 32) |
					  (write ? MMU0_FAULT_WRITE : 0);
		regs[MMU0_INVLD_PA / 4] = 0;
		regs[MMU0_INT_ID / 4] = id;
		if (!(regs[INT_MAIN / 4] & FAULT_TRANSLATION))
			return;
	}
	hw_raise_irq(iommu, bank);
}

static void mtk_infra_reset(struct hw_iommu *iommu)
{
	mtk_reset(iommu, &mtk_infra);
}

static u64 mtk_infra_read(struct hw_iommu *iommu, unsigned int window,
			  unsigned int offset, unsigned int size)
{
	if (!window)
		return mtk_read(iommu, window, offset, size);
	return offset == PERICFG_IOMMU_1 ? mtk_infra.ports : 0;
}

static void mtk_infra_write(struct hw_iommu *iommu, unsigned int window,
			    unsigned int offset, unsigned int size, u64 value)
{
	if (!window)
		mtk_write(iommu, window, offset, size, value);
	else if (offset == PERICFG_IOMMU_1)
		mtk_infra.ports = value;
}

static unsigned int mtk_infra_bank(u32 port)
{
	return port >= 20 ? 4 : 0;
}

static int mtk_infra_stream(struct hw_iommu *iommu, u32 stream, u64 iova,
			    struct hw_root *root)
{
	if (!(mtk_infra.ports & BIT(stream)))
		return 1;
	if (iova >= SZ_4G)
		return -EFAULT;
	return mtk_root(iommu, mtk_infra_bank(stream), root);
}

static void mtk_infra_fault(struct hw_iommu *iommu, u32 stream, u64 iova, bool write)
{
	mtk_raise(iommu, mtk_infra_bank(stream), INT_ID_PORT(stream), iova, write);
}

static const struct hw_ops mtk_infra_ops = {
	.reset = mtk_infra_reset,
	.read = mtk_infra_read,
	.write = mtk_infra_write,
	.stream = mtk_infra_stream,
	.step = mtk_step,
	.fault = mtk_infra_fault,
};

OF_OVERLAY_DECLARE(mtk);

static const struct hw_desc mtk_infra_desc = {
	.name = "mtk-iommu infra",
	.kind = HW_RANGE,
	.caches_misses = true,
	.commands.sync = { 1, 1 },
	.commands.table = { 1, 1 },
	.overlay = of_overlay_begin(mtk),
	.overlay_end = of_overlay_end(mtk),
	.windows = {
		{ 0x600500000, MAX_BANKS * BANK_SIZE },
		{ 0x600510000, SZ_4K },
	},
	.soc = "/mtk-soc",
	.masters = { { "/mtk-master-0", 16 }, { "/mtk-master-1", 20 } },
	.ops = &mtk_infra_ops,
	.no_snoop = true,
	.streams = 32,
	.idle_bypass = true,
	.no_two_masters = "hardware: has a page table for each bank; see iommu_mtk_own",
	.reports_stuck = true,
	/* Faults are reported to the default domain, which can have no handler */
	.logs_faults = true,
	/* All domains of a bank have one table, and leave behind what is mapped in it */
	.default_domain = true,
	.no_sleep = "hardware: is always on",
	.stays_attached = true,
	.exact = true,
	.no_read_only = true,
};

HW_IOMMU(mtk_infra, mtk_infra_desc);

static void mtk_mm_reset(struct hw_iommu *iommu)
{
	mtk_reset(iommu, &mtk_mm);
}

static u32 *mtk_mm_larb(unsigned int window, unsigned int offset)
{
	unsigned int port = (offset - LARB_NONSEC_CON) / 4;

	return window == 1 && port < LARB_PORTS ? &mtk_mm.larb[port] : NULL;
}

static u64 mtk_mm_read(struct hw_iommu *iommu, unsigned int window,
		       unsigned int offset, unsigned int size)
{
	u32 *larb = mtk_mm_larb(window, offset);

	if (!window)
		return mtk_read(iommu, window, offset, size);
	return larb ? *larb : 0;
}

static void mtk_mm_write(struct hw_iommu *iommu, unsigned int window,
			 unsigned int offset, unsigned int size, u64 value)
{
	u32 *larb = mtk_mm_larb(window, offset);

	if (!window)
		mtk_write(iommu, window, offset, size, value);
	else if (larb)
		*larb = value;
}

static int mtk_mm_stream(struct hw_iommu *iommu, u32 stream, u64 iova,
			 struct hw_root *root)
{
	u32 larb = mtk_mm.larb[stream];

	if (!(larb & LARB_MMU_EN))
		return 1;
	if (iova >> 32 != FIELD_GET(LARB_BANK_SEL, larb))
		return -EFAULT;
	return mtk_root(iommu, 0, root);
}

static void mtk_mm_fault(struct hw_iommu *iommu, u32 stream, u64 iova, bool write)
{
	mtk_raise(iommu, 0, INT_ID_LARB4 | INT_ID_PORT(stream), iova, write);
}

static void mtk_mm_power_off(struct hw_iommu *iommu, unsigned int window,
			     struct hw_inval *lost)
{
	if (!window) {
		mtk_reset(iommu, &mtk_mm);
		return;
	}
	lost->caches = 0;
	if (window == 1)
		memset(mtk_mm.larb, 0, sizeof(mtk_mm.larb));
}

static const struct hw_ops mtk_mm_ops = {
	.reset = mtk_mm_reset,
	.read = mtk_mm_read,
	.write = mtk_mm_write,
	.stream = mtk_mm_stream,
	.step = mtk_step,
	.fault = mtk_mm_fault,
	.power_off = mtk_mm_power_off,
};

OF_OVERLAY_DECLARE(mtk_mm);

static const struct hw_desc mtk_mm_desc = {
	.name = "mtk-iommu mm",
	.kind = HW_RANGE,
	.caches_misses = true,
	.commands.sync = { 1, 1 },
	.commands.table = { 1, 1 },
	.overlay = of_overlay_begin(mtk_mm),
	.overlay_end = of_overlay_end(mtk_mm),
	.windows = {
		{ 0x600580000, BANK_SIZE, BIT(6), BIT(0) },
		{ 0x600590000, SZ_4K, GENMASK(5, 4), BIT(1) },	/* larb 4 */
		{ 0x6005a0000, SZ_4K, GENMASK(3, 0), BIT(2) },	/* SMI common */
		{ 0x6005b0000, SZ_4K, GENMASK(5, 4), BIT(3) },	/* larb 0 */
	},
	.soc = "/mtk-mm-soc",
	.masters = { { "/mtk-mm-master-0", 0 }, { "/mtk-mm-master-1", 3 } },
	.ops = &mtk_mm_ops,
	.no_snoop = true,
	.streams = LARB_PORTS,
	.idle_bypass = true,
	.no_two_domains = "driver: has one group for all devices of a region",
	.reports_stuck = true,
	.logs_faults = true,
	/* Larb 4 has what is from 4 GiB on */
	.iova = SZ_4G + SZ_16M,
	.default_domain = true,
	.stays_attached = true,
	.stays_on = true,
	.exact = true,
	.no_read_only = true,
};

HW_IOMMU(mtk_mm, mtk_mm_desc);

/* Larb 0 is that of vdo, larb 1 that of vpp; streams are the ports of both */
static u32 mtk_shared_larbs[2][SZ_4K / sizeof(u32)];

static void mtk_shared_reset(struct hw_iommu *iommu)
{
	mtk_reset(iommu, &mtk_shared);
	mtk_shared.banks[1][WR_LEN_CTRL / 4] = mtk_shared.banks[0][WR_LEN_CTRL / 4];
}

static u32 *mtk_shared_larb(unsigned int window, unsigned int offset)
{
	unsigned int larb = offset / SZ_4K;

	return window == 1 && larb < ARRAY_SIZE(mtk_shared_larbs) ?
	       &mtk_shared_larbs[larb][offset % SZ_4K / 4] : NULL;
}

static u64 mtk_shared_read(struct hw_iommu *iommu, unsigned int window,
			   unsigned int offset, unsigned int size)
{
	u32 *larb = mtk_shared_larb(window, offset);
	u32 value;

	if (!window)
		return mtk_read(iommu, window, offset, size);
	if (!larb)
		return 0;

	value = *larb;
	/* It is asleep as soon as it is asked to be */
	if (offset % SZ_4K == LARB_SLEEP && value & LARB_SLEEP_EN)
		value |= LARB_SLEEP_READY;
	return value;
}

static void mtk_shared_write(struct hw_iommu *iommu, unsigned int window,
			     unsigned int offset, unsigned int size, u64 value)
{
	u32 *larb = mtk_shared_larb(window, offset);

	if (!window)
		mtk_write(iommu, window, offset, size, value);
	else if (larb)
		*larb = value;
}

static int mtk_shared_stream(struct hw_iommu *iommu, u32 stream, u64 iova,
			     struct hw_root *root)
{
	unsigned int larb = stream / LARB_PORTS;
	u32 con = mtk_shared_larbs[larb][LARB_NONSEC_CON / 4 + stream % LARB_PORTS];

	if (!(con & LARB_MMU_EN))
		return 1;
	if (iova >> 32 != FIELD_GET(LARB_BANK_SEL, con))
		return -EFAULT;
	return mtk_root(iommu, larb, root);
}

static void mtk_shared_fault(struct hw_iommu *iommu, u32 stream, u64 iova, bool write)
{
	mtk_raise(iommu, stream / LARB_PORTS, INT_ID_PORT(stream % LARB_PORTS), iova,
		  write);
}

static const struct hw_ops mtk_shared_ops = {
	.reset = mtk_shared_reset,
	.read = mtk_shared_read,
	.write = mtk_shared_write,
	.stream = mtk_shared_stream,
	.step = mtk_step,
	.fault = mtk_shared_fault,
};

OF_OVERLAY_DECLARE(mtk_shared);

static const struct hw_desc mtk_shared_desc = {
	.name = "mtk-iommu shared",
	.kind = HW_RANGE,
	.commands.sync = { 2, 1 },
	.commands.table = { 2, 1 },
	.caches_misses = true,
	.stays_on = true,
	.overlay = of_overlay_begin(mtk_shared),
	.overlay_end = of_overlay_end(mtk_shared),
	.windows = {
		{ 0x6005c0000, 2 * BANK_SIZE },	/* vdo, vpp */
		{ 0x6005d0000, 2 * SZ_4K },	/* larbs 0 and 1 */
		{ 0x6005e0000, 2 * SZ_4K },	/* SMI common of each */
	},
	.soc = "/mtk-shared-soc",
	.masters = {
		{ "/mtk-shared-vdo-master", 2 },
		{ "/mtk-shared-vpp-master", LARB_PORTS + 3 },
	},
	.ops = &mtk_shared_ops,
	.no_snoop = true,
	.streams = 2 * LARB_PORTS,
	.idle_bypass = true,
	.no_two_domains = "driver: has one group for all devices of a region",
	.reports_stuck = true,
	.logs_faults = true,
	.default_domain = true,
	.stays_attached = true,
	.exact = true,
	.no_read_only = true,
};

HW_IOMMU(mtk_shared, mtk_shared_desc);

/* The cases of this driver alone */

static struct device *device_of(struct kunit *test, struct device_node *np)
{
	struct platform_device *pdev = of_find_device_by_node(np);

	of_node_put(np);
	KUNIT_ASSERT_NOT_NULL(test, pdev);
	put_device(&pdev->dev);
	return &pdev->dev;
}

static struct device *device_at(struct kunit *test, const char *path)
{
	return device_of(test, of_find_node_by_path(path));
}

/* A domain that @own is attached to is of no use to @other */
static void expect_unfit(struct kunit *test, struct device *own, struct device *other)
{
	struct iommu_domain *domain = iommu_paging_domain_alloc(own);
	int ret;

	KUNIT_ASSERT_FALSE(test, IS_ERR_OR_NULL(domain));
	KUNIT_ASSERT_PTR_NE(test, own->iommu_group, other->iommu_group);
	KUNIT_ASSERT_EQ(test, 0, iommu_attach_group(domain, own->iommu_group));
	ret = iommu_attach_group(domain, other->iommu_group);
	KUNIT_EXPECT_EQ(test, -EINVAL, ret);
	if (!ret)
		iommu_detach_group(domain, other->iommu_group);
	iommu_detach_group(domain, own->iommu_group);
	iommu_domain_free(domain);
}

/* Two IOMMUs that do not share their page table */
static void other_iommu_test(struct kunit *test)
{
	struct hw_test *t = test->priv;
	struct device *infra = device_at(test, mtk_infra_desc.masters[0].path);

	expect_unfit(test, t->master[0].dev, infra);
	expect_unfit(test, infra, t->master[0].dev);
}

/* Ports of a bank, of which one device has two */
static void same_bank_test(struct kunit *test)
{
	struct hw_test *t = test->priv;
	struct device *first = device_at(test, mtk_infra_desc.masters[1].path);
	struct device *second = device_at(test, "/mtk-master-2");
	struct iommu_domain *domain = iommu_get_domain_for_dev(first);
	static const u32 ports[] = { 20, 21, 22 };
	u64 paddr, iova = SZ_16M;

	if (!iommu_is_dma_domain(domain))
		kunit_skip(test, "driver: has no second domain for a bank");
	KUNIT_ASSERT_PTR_EQ(test, domain, iommu_get_domain_for_dev(second));

	KUNIT_ASSERT_EQ(test, 0, iommu_map(domain, iova, virt_to_phys(t->memory), SZ_4K,
					   IOMMU_READ | IOMMU_WRITE, GFP_KERNEL));
	for (unsigned int i = 0; i < ARRAY_SIZE(ports); i++) {
		paddr = 0;
		hw_translate(&mtk_infra_iommu, ports[i], iova, false, &paddr);
		KUNIT_EXPECT_EQ(test, virt_to_phys(t->memory), paddr);
	}
	KUNIT_EXPECT_EQ(test, SZ_4K, iommu_unmap(domain, iova, SZ_4K));
	for (unsigned int i = 0; i < ARRAY_SIZE(ports); i++)
		KUNIT_EXPECT_EQ(test, -EFAULT,
				hw_translate(&mtk_infra_iommu, ports[i], iova, false,
					     &paddr));
}

/* Two banks of an IOMMU */
static void other_bank_test(struct kunit *test)
{
	expect_unfit(test, device_at(test, mtk_infra_desc.masters[0].path),
		     device_at(test, mtk_infra_desc.masters[1].path));
}

/* Two ranges of addresses in one page table */
static void other_region_test(struct kunit *test)
{
	struct hw_test *t = test->priv;

	expect_unfit(test, t->master[0].dev, device_at(test, "/mtk-mm-idle"));
}

static struct kunit_case mtk_cases[] = {
	KUNIT_CASE(other_iommu_test),
	KUNIT_CASE(same_bank_test),
	KUNIT_CASE(other_bank_test),
	KUNIT_CASE(other_region_test),
	{}
};

static struct kunit_suite mtk_suite = {
	.name = "iommu_mtk_own",
	.init = mtk_mm_test_init,
	.exit = hw_test_exit,
	.test_cases = mtk_cases,
};

kunit_test_suite(mtk_suite);

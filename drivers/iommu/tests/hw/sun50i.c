// SPDX-License-Identifier: GPL-2.0-only
/*
 * Model of Allwinner's IOMMU, as the H6 has it
 *
 * One table of two levels serves all masters. Each master has a micro TLB of its
 * own, all share a macro TLB, and a page table walk (PTW) cache remembers where
 * tables are. What a page permits is looked up by its authority index (ACI), for
 * each master. What the registers and entries mean is taken from the driver's macros
 * and from its use of them. Vendor's manuals of later chips agree on the table base,
 * the invalidations by address and the authority registers.
 */
#include "cases.h"

#include <linux/bitfield.h>
#include <linux/sizes.h>
#include <trace/events/kmem.h>

#define ENABLE			0x020
#define ENABLE_ENABLE		BIT(0)
#define BYPASS			0x030
#define TTB			0x050
#define TTB_ADDR		GENMASK(31, 14)
#define PREFETCH		0x070
#define TLB_FLUSH		0x080
#define TLB_FLUSH_MICRO		GENMASK(5, 0)
#define TLB_FLUSH_MACRO		BIT(16)
#define TLB_FLUSH_PTW		BIT(17)
#define TLB_IVLD_ADDR		0x090
#define TLB_IVLD_MASK		0x094
#define TLB_IVLD		0x098
#define PC_IVLD_ADDR		0x0a0
#define PC_IVLD			0x0a8
#define IVLD_ENABLE		BIT(0)
#define DM_AUT_CTRL(aci)	(0x0b0 + (aci) / 2 * 4)
#define DM_AUT_NO_READ(aci, m)	BIT((aci) % 2 * 16 + (m) * 2)
#define DM_AUT_NO_WRITE(aci, m)	BIT((aci) % 2 * 16 + (m) * 2 + 1)
#define INT_ENABLE		0x100
#define INT_CLR			0x104
#define INT_STA			0x108
#define INT_MASTER(m)		BIT(m)
#define INT_INVALID_L1PG	BIT(16)
#define INT_INVALID_L2PG	BIT(17)
#define INT_ERR_ADDR(m)		(0x110 + (m) * 4)
#define INT_ERR_ADDR_L1		0x130
#define INT_ERR_ADDR_L2		0x134
#define INT_ERR_DATA(m)		(0x150 + (m) * 4)
#define L1PG_INT		0x180
#define L2PG_INT		0x184
#define REGS			(0x188 / sizeof(u32))

#define MASTERS			6

#define DTE_VALID		GENMASK(1, 0)	/* if it is 1 */
#define DTE_TABLE		GENMASK(31, 10)
#define PTE_VALID		BIT(1)
#define PTE_ACI			GENMASK(7, 4)
#define PTE_PAGE		GENMASK(31, 12)

#define MACRO_TLB		HW_LEAVES
#define MICRO_TLB(m)		BIT(2 + (m))
#define MICRO_TLBS		GENMASK(2 + MASTERS - 1, 2)
#define PTW_CACHE		HW_TABLES

/**
 * struct sun50i - an IOMMU
 * @regs: its registers
 * @bypassed: set if the driver turned translation off; cleared by tests
 */
struct sun50i {
	u32 regs[REGS];
	bool bypassed;
};

static struct sun50i sun50i_h6 = {
	.regs[BYPASS / 4] = GENMASK(MASTERS - 1, 0),
};

/* No chip has a second one */
static struct sun50i sun50i_other = {
	.regs[BYPASS / 4] = GENMASK(MASTERS - 1, 0),
};

static u64 sun50i_read(struct hw_iommu *iommu, unsigned int window,
		       unsigned int offset, unsigned int size)
{
	struct sun50i *sun50i = iommu->priv;

	switch (offset) {
	case TLB_FLUSH:
	case TLB_IVLD:
	case PC_IVLD:
		if (sun50i->regs[offset / 4] && !hw_busy(iommu))
			sun50i->regs[offset / 4] = 0;
		break;
	}
	return offset / 4 < REGS ? sun50i->regs[offset / 4] : 0;
}

static void sun50i_write(struct hw_iommu *iommu, unsigned int window,
			 unsigned int offset, unsigned int size, u64 value)
{
	struct sun50i *sun50i = iommu->priv;
	struct hw_inval inval = {
		.tag = HW_ANY_TAG,
	};

	switch (offset) {
	case ENABLE:
		if (!(value & ENABLE_ENABLE))
			sun50i->bypassed = true;
		break;
	case TLB_FLUSH:
		inval.caches = FIELD_GET(TLB_FLUSH_MICRO, value) * MICRO_TLB(0);
		if (value & TLB_FLUSH_MACRO)
			inval.caches |= MACRO_TLB;
		if (value & TLB_FLUSH_PTW)
			inval.caches |= PTW_CACHE;
		break;
	case TLB_IVLD:
		if (!(value & IVLD_ENABLE))
			return;
		inval.caches = MACRO_TLB | MICRO_TLBS;
		inval.iova = sun50i->regs[TLB_IVLD_ADDR / 4] &
			     sun50i->regs[TLB_IVLD_MASK / 4];
		inval.size = (u64)~sun50i->regs[TLB_IVLD_MASK / 4] + 1;
		break;
	case PC_IVLD:
		if (!(value & IVLD_ENABLE))
			return;
		inval.caches = PTW_CACHE;
		inval.iova = ALIGN_DOWN(sun50i->regs[PC_IVLD_ADDR / 4], SZ_1M);
		inval.size = SZ_1M;
		inval.queue = 1;
		break;
	case INT_CLR:
		sun50i->regs[INT_STA / 4] &= ~value;
		sun50i->regs[L1PG_INT / 4] = 0;
		sun50i->regs[L2PG_INT / 4] = 0;
		return;
	case INT_STA:
	case L1PG_INT:
	case L2PG_INT:
		return;
	}

	if (offset / 4 < REGS)
		sun50i->regs[offset / 4] = value;
	if (inval.caches) {
		hw_post(iommu, &inval);
		hw_start_sync(iommu, 0, offset == TLB_FLUSH ? HW_ALL_QUEUES :
			      BIT(inval.queue));
	}
}

static int sun50i_stream(struct hw_iommu *iommu, u32 stream, u64 iova,
			 struct hw_root *root)
{
	struct sun50i *sun50i = iommu->priv;

	if (!(sun50i->regs[ENABLE / 4] & ENABLE_ENABLE) ||
	    sun50i->regs[BYPASS / 4] & BIT(stream))
		return 1;
	if (iova > U32_MAX)
		return -EFAULT;

	root->table = sun50i->regs[TTB / 4] & TTB_ADDR;
	root->level = 1;
	root->caches = MACRO_TLB | MICRO_TLB(stream);
	root->prefetch = sun50i->regs[PREFETCH / 4] & BIT(stream);
	root->priv = (void *)(unsigned long)stream;
	return 0;
}

static int sun50i_step(struct hw_iommu *iommu, const struct hw_root *root,
		       u64 table, int level, u64 iova, struct hw_entry *entry)
{
	struct sun50i *sun50i = iommu->priv;
	u32 master = (unsigned long)root->priv;
	u32 index, desc, aci, denied;

	/* Behind the last page there is nothing to prefetch */
	if (iova > U32_MAX)
		return -EFAULT;

	if (level == 1) {
		desc = hw_load32(iommu, table + (iova >> 20) * sizeof(u32));
		if ((desc & DTE_VALID) != 1)
			return -EFAULT;
		entry->size = SZ_1M;
		entry->iova = ALIGN_DOWN(iova, SZ_1M);
		entry->addr = desc & DTE_TABLE;
		entry->table = true;
		entry->level = 2;
		return 0;
	}

	index = iova >> 12 & 0xff;
	desc = hw_load32(iommu, table + index * sizeof(u32));
	if (!(desc & PTE_VALID))
		return -EFAULT;

	entry->size = SZ_4K;
	entry->iova = ALIGN_DOWN(iova, SZ_4K);
	entry->addr = desc & PTE_PAGE;

	aci = FIELD_GET(PTE_ACI, desc);
	denied = sun50i->regs[DM_AUT_CTRL(aci) / 4];
	if (denied & DM_AUT_NO_READ(aci, master))
		entry->prot &= ~HW_READ;
	if (denied & DM_AUT_NO_WRITE(aci, master))
		entry->prot &= ~HW_WRITE;
	return 0;
}

/* Return whether the driver wants an interrupt for it */
static bool sun50i_blame(struct hw_iommu *iommu, u32 stream, u64 iova)
{
	struct sun50i *sun50i = iommu->priv;
	u32 status, dte, pte;

	guard(spinlock_irqsave)(&iommu->lock);

	dte = hw_load32(iommu, (sun50i->regs[TTB / 4] & TTB_ADDR) +
			(iova >> 20) * sizeof(u32));
	if ((dte & DTE_VALID) != 1) {
		status = INT_INVALID_L1PG;
		sun50i->regs[INT_ERR_ADDR_L1 / 4] = iova;
		sun50i->regs[L1PG_INT / 4] = BIT(stream);
		goto out;
	}

	pte = hw_load32(iommu, (dte & DTE_TABLE) + (iova >> 12 & 0xff) * sizeof(u32));
	if (!(pte & PTE_VALID)) {
		status = INT_INVALID_L2PG;
		sun50i->regs[INT_ERR_ADDR_L2 / 4] = iova;
		sun50i->regs[L2PG_INT / 4] = BIT(stream);
		goto out;
	}

	status = INT_MASTER(stream);
	sun50i->regs[INT_ERR_ADDR(stream) / 4] = iova;
	sun50i->regs[INT_ERR_DATA(stream) / 4] = pte;
out:
	/* Still the same interrupt, for as long as the driver does not clear it */
	if (sun50i->regs[INT_STA / 4] & status)
		return false;
	sun50i->regs[INT_STA / 4] |= status;
	return sun50i->regs[INT_ENABLE / 4] & status;
}

static void sun50i_fault(struct hw_iommu *iommu, u32 stream, u64 iova, bool write)
{
	if (iova <= U32_MAX && sun50i_blame(iommu, stream, iova))
		hw_raise_irq(iommu, 0);
}

static void sun50i_power_off(struct hw_iommu *iommu, unsigned int window,
			     struct hw_inval *lost)
{
	struct sun50i *sun50i = iommu->priv;

	memset(sun50i->regs, 0, sizeof(sun50i->regs));
	sun50i->regs[BYPASS / 4] = GENMASK(MASTERS - 1, 0);
}

static void sun50i_reset(struct hw_iommu *iommu)
{
	iommu->priv = &sun50i_h6;
}

static void sun50i_other_reset(struct hw_iommu *iommu)
{
	iommu->priv = &sun50i_other;
}

static const struct hw_ops sun50i_ops = {
	.reset = sun50i_reset,
	.read = sun50i_read,
	.write = sun50i_write,
	.stream = sun50i_stream,
	.step = sun50i_step,
	.fault = sun50i_fault,
	.power_off = sun50i_power_off,
};

static const struct hw_ops sun50i_other_ops = {
	.reset = sun50i_other_reset,
	.power_off = sun50i_power_off,
	.read = sun50i_read,
	.write = sun50i_write,
	.stream = sun50i_stream,
	.step = sun50i_step,
};

OF_OVERLAY_DECLARE(sun50i);
OF_OVERLAY_DECLARE(sun50i_other);

static const struct hw_desc sun50i_desc = {
	.name = "sun50i-iommu",
	.kind = HW_ALWAYS,
	.commands.sync = { 1, 1 },
	.refills = true,
	.overlay = of_overlay_begin(sun50i),
	.overlay_end = of_overlay_end(sun50i),
	.windows = { { 0x600020000, SZ_4K, BIT(0), .resets = BIT(0) } },
	.soc = "/sun50i-soc",
	.masters = { { "/sun50i-master0", 0 }, { "/sun50i-master3", 3 } },
	.ops = &sun50i_ops,
	.no_snoop = true,
	.no_idle_stream = "hardware: all streams share one page table",
	.no_two_domains = "hardware: has one page table",
	.reports_stuck = true,
};

HW_IOMMU(sun50i, sun50i_desc);

static const struct hw_desc sun50i_other_desc = {
	.name = "sun50i-iommu",
	.overlay = of_overlay_begin(sun50i_other),
	.overlay_end = of_overlay_end(sun50i_other),
	.windows = { { 0x600021000, SZ_4K, BIT(0), .resets = BIT(0) } },
	.soc = "/sun50i-other-soc",
	.masters = { { "/sun50i-other-master", 0 } },
	.ops = &sun50i_other_ops,
};

static struct hw_iommu sun50i_other_iommu = {
	.desc = &sun50i_other_desc,
};

static int __init sun50i_other_setup(void)
{
	return hw_setup(&sun50i_other_iommu);
}
pure_initcall(sun50i_other_setup);

static void map_one(struct kunit *test, unsigned int page)
{
	struct hw_test *t = test->priv;

	KUNIT_ASSERT_EQ(test, 0,
			iommu_map(t->domain, t->iova,
				  virt_to_phys(t->memory) + page * SZ_4K, SZ_4K,
				  IOMMU_READ | IOMMU_WRITE, GFP_KERNEL));
}

static u64 sun50i_reaches(struct hw_test *t, u32 stream)
{
	u64 paddr;

	return hw_translate(t->iommu, stream, t->iova, false, &paddr) ? 0 : paddr;
}

/* All masters share the table, and each has a TLB that must lose what is unmapped */
static void all_masters_test(struct kunit *test)
{
	struct hw_test *t = test->priv;

	map_one(test, 0);
	for (u32 stream = 0; stream < MASTERS; stream++)
		KUNIT_EXPECT_EQ_MSG(test, virt_to_phys(t->memory),
				    sun50i_reaches(t, stream), "master %u", stream);
	KUNIT_EXPECT_EQ(test, SZ_4K, iommu_unmap(t->domain, t->iova, SZ_4K));
	for (u32 stream = 0; stream < MASTERS; stream++)
		KUNIT_EXPECT_EQ_MSG(test, 0, sun50i_reaches(t, stream), "master %u",
				    stream);
}

/* From one domain that translates to another, no access bypasses the IOMMU */
static void switch_test(struct kunit *test)
{
	struct hw_test *t = test->priv;
	struct iommu_group *group = t->master[0].dev->iommu_group;

	sun50i_h6.bypassed = false;
	iommu_detach_group(t->domain, group);
	if (!iommu_is_dma_domain(iommu_get_domain_for_dev(t->master[0].dev)))
		kunit_skip(test, "model: the default domain does not translate");
	KUNIT_EXPECT_EQ(test, 0, iommu_attach_group(t->domain, group));
	KUNIT_EXPECT_FALSE(test, sun50i_h6.bypassed);
}

/* In the identity domain translation is off, and so is the clock of the registers */
static void identity_domain_test(struct kunit *test)
{
	struct hw_test *t = test->priv;
	struct device *dev = t->master[0].dev;
	struct iommu_group *group = dev->iommu_group;
	struct iommu_domain *identity = dev->iommu->iommu_dev->ops->identity_domain;
	u64 paddr;

	map_one(test, 0);
	KUNIT_EXPECT_EQ(test, 0, hw_translate(t->iommu, 0, t->iova, false, &paddr));
	iommu_detach_group(t->domain, group);
	KUNIT_ASSERT_EQ(test, 0, iommu_attach_group(identity, group));
	KUNIT_EXPECT_EQ(test, 0, hw_translate(t->iommu, 0, t->iova, false, &paddr));
	KUNIT_EXPECT_EQ(test, t->iova, paddr);

	/* Neither an interrupt nor a change of what is not attached needs registers */
	hw_raise_irq(t->iommu, 0);
	KUNIT_EXPECT_EQ(test, SZ_4K, iommu_unmap(t->domain, t->iova, SZ_4K));
	map_one(test, 1);
	hw_expect_powered(test, t->iommu);

	iommu_detach_group(identity, group);
	KUNIT_ASSERT_EQ(test, 0, iommu_attach_group(t->domain, group));
	KUNIT_EXPECT_EQ(test, 0, hw_translate(t->iommu, 0, t->iova, false, &paddr));
	KUNIT_EXPECT_EQ(test, virt_to_phys(t->memory) + SZ_4K, paddr);
}

/* When translation is on again, nothing is left of what was cached before */
static void on_again_test(struct kunit *test)
{
	struct hw_test *t = test->priv;
	struct device *dev = t->master[0].dev;
	struct iommu_domain *identity = dev->iommu->iommu_dev->ops->identity_domain;
	struct iommu_domain *domain;
	u64 paddr;

	iommu_detach_group(t->domain, dev->iommu_group);
	t->attached = false;
	domain = iommu_get_domain_for_dev(dev);
	if (!iommu_is_dma_domain(domain))
		kunit_skip(test, "model: the default domain does not translate");

	KUNIT_ASSERT_EQ(test, 0,
			iommu_map(domain, t->iova, virt_to_phys(t->memory), SZ_4K,
				  IOMMU_READ | IOMMU_WRITE, GFP_KERNEL));
	KUNIT_EXPECT_EQ(test, 0, hw_translate(t->iommu, 0, t->iova, false, &paddr));
	KUNIT_ASSERT_EQ(test, 0, iommu_attach_group(identity, dev->iommu_group));
	KUNIT_EXPECT_EQ(test, SZ_4K, iommu_unmap(domain, t->iova, SZ_4K));
	iommu_detach_group(identity, dev->iommu_group);
	KUNIT_EXPECT_EQ(test, -EFAULT, hw_translate(t->iommu, 0, t->iova, false, &paddr));
}

/* A domain works for the devices behind another IOMMU as well, or is refused there */
static void foreign_domain_test(struct kunit *test)
{
	struct hw_test *t = test->priv;
	struct device *dev = hw_find_device(test, sun50i_other_desc.masters[0].path);
	u64 paddr = 0;
	int ret;

	ret = iommu_attach_group(t->domain, dev->iommu_group);
	if (ret) {
		KUNIT_EXPECT_EQ(test, -EINVAL, ret);
		return;
	}
	map_one(test, 0);
	hw_translate(&sun50i_other_iommu, 0, t->iova, false, &paddr);
	KUNIT_EXPECT_EQ(test, virt_to_phys(t->memory), paddr);
	/* What was unmapped is gone in both */
	iommu_unmap(t->domain, t->iova, SZ_4K);
	KUNIT_EXPECT_EQ(test, -EFAULT, hw_translate(&sun50i_other_iommu, 0, t->iova,
						    false, &paddr));
	KUNIT_EXPECT_EQ(test, -EFAULT, hw_translate(t->iommu, 0, t->iova, false, &paddr));
	iommu_detach_group(t->domain, dev->iommu_group);
	hw_expect_powered(test, &sun50i_other_iommu);
}

/* A table that is waited for, and whether it was freed */
struct freed_table {
	void *table;
	bool freed;
};

static void note_table(void *data, unsigned long call_site, const void *object,
		       const struct kmem_cache *cache)
{
	struct freed_table *freed = data;

	if (object == freed->table)
		freed->freed = true;
}

static void stop_noting(void *data)
{
	unregister_trace_kmem_cache_free(note_table, data);
	tracepoint_synchronize_unregister();
}

/* A domain that is freed takes its page tables with it */
static void leak_test(struct kunit *test)
{
	struct hw_test *t = test->priv;
	struct iommu_group *group = t->master[0].dev->iommu_group;
	struct freed_table freed = {};
	u64 table;

	map_one(test, 0);
	table = sun50i_h6.regs[TTB / 4] & TTB_ADDR;
	table = hw_load32(t->iommu, table + (t->iova >> 20) * sizeof(u32)) & DTE_TABLE;
	freed.table = phys_to_virt(table);

	iommu_detach_group(t->domain, group);
	t->attached = false;
	if (register_trace_kmem_cache_free(note_table, &freed))
		kunit_skip(test, "model: the kernel has no tracepoints");
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test, stop_noting, &freed));
	iommu_domain_free(t->domain);
	t->domain = NULL;
	kunit_release_action(test, stop_noting, &freed);
	KUNIT_EXPECT_TRUE(test, freed.freed);
}

static struct kunit_case sun50i_only_cases[] = {
	KUNIT_CASE(all_masters_test),
	KUNIT_CASE(switch_test),
	KUNIT_CASE(identity_domain_test),
	KUNIT_CASE(on_again_test),
	KUNIT_CASE(foreign_domain_test),
	KUNIT_CASE(leak_test),
	{}
};

static struct kunit_suite sun50i_only_suite = {
	.name = "iommu_sun50i_own",
	.init = sun50i_test_init,
	.exit = hw_test_exit,
	.test_cases = sun50i_only_cases,
};

kunit_test_suite(sun50i_only_suite);

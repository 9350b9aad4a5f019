// SPDX-License-Identifier: GPL-2.0-only
/*
 * Model of the MMU in front of the processors and accelerators of OMAP
 *
 * It serves one device, which here has two of them, as the DSP of a DRA7. A TLB has 32
 * entries that software can read and load one at a time, as CAM (which address) and RAM
 * (which memory); the victim pointer in LOCK says which. FLUSH_ENTRY drops what
 * translates the address in CAM. What the walk finds is loaded where there is room, else
 * over the victim. There are no permissions.
 *
 * What the registers mean is taken from the driver's macros and from its use of them;
 * that pointers to tables are not kept, from the driver flushing none before it frees
 * tables. Entries of tables are like ARM's short descriptors.
 */
#include "cases.h"

#include <linux/bitfield.h>
#include <linux/delay.h>
#include <linux/omap-iommu.h>
#include <linux/pm_runtime.h>
#include <linux/sizes.h>

#include "../../iommu-priv.h"
#include "../../omap-iommu.h"

#define REVISION		0x00
#define REVISION_2_0		0x20
#define IRQSTATUS		0x18
#define IRQENABLE		0x1c
#define IRQ_TRANSLATION_FAULT	BIT(1)
#define CNTL			0x44
#define CNTL_MMU_EN		BIT(1)
#define CNTL_TWL_EN		BIT(2)
#define FAULT_AD		0x48
#define TTB			0x4c
#define TTB_ADDR		GENMASK(31, 14)
#define LOCK			0x50
#define LOCK_BASE		GENMASK(14, 10)
#define LOCK_VICTIM		GENMASK(8, 4)
#define LD_TLB			0x54
#define CAM			0x58
#define CAM_TAG			GENMASK(31, 12)
#define CAM_V			BIT(2)
#define CAM_SIZE		GENMASK(1, 0)
#define RAM			0x5c
#define RAM_ADDR		GENMASK(31, 12)
#define GFLUSH			0x60
#define FLUSH_ENTRY		0x64
#define READ_CAM		0x68
#define READ_RAM		0x6c
#define GO			BIT(0)
#define REGS			(0x70 / sizeof(u32))

#define TLB_ENTRIES		32

#define ENT_TYPE		GENMASK(1, 0)
#define L1_TABLE		1
#define L1_TABLE_ADDR		GENMASK(31, 10)
#define L1_SECTION		2
#define L1_SUPERSECTION		BIT(18)
#define L2_LARGE		1
#define L2_SMALL		BIT(1)

/**
 * struct omap_mmu - an MMU, of which a device may have two
 * @regs: its registers
 * @flushing: entries are looked at, and none is to be loaded
 */
struct omap_mmu {
	u32 regs[REGS];
	bool flushing;
};

static struct omap_mmu omap_mmus[2];

static struct omap_mmu *omap_mmu(struct hw_iommu *iommu)
{
	return &omap_mmus[iommu->instance];
}

static u32 *omap_reg(struct hw_iommu *iommu, unsigned int offset)
{
	return &omap_mmu(iommu)->regs[offset / sizeof(u32)];
}

/* As CAM has them */
static const u32 omap_sizes[] = { SZ_1M, SZ_64K, SZ_4K, SZ_16M };

static struct hw_entry *omap_victim(struct hw_iommu *iommu)
{
	return &iommu->tlb[FIELD_GET(LOCK_VICTIM, *omap_reg(iommu, LOCK))];
}

static void omap_flush(struct hw_iommu *iommu, u64 iova, u64 size)
{
	omap_mmu(iommu)->flushing = true;
	hw_flush(iommu, &(struct hw_inval) {
		.caches = HW_ALL_CACHES,
		.tag = HW_ANY_TAG,
		.iova = iova,
		.size = size,
	});
	omap_mmu(iommu)->flushing = false;
}

static void omap_load(struct hw_iommu *iommu)
{
	struct hw_entry *entry = omap_victim(iommu);
	u32 cam = *omap_reg(iommu, CAM);
	u32 size = omap_sizes[cam & CAM_SIZE];

	*entry = (struct hw_entry) {
		.iova = ALIGN_DOWN(cam & CAM_TAG, size),
		.size = size,
		.addr = ALIGN_DOWN(*omap_reg(iommu, RAM) & RAM_ADDR, size),
		.prot = HW_READ | HW_WRITE,
		.caches = cam & CAM_V ? HW_LEAVES : 0,
	};
	iommu->used = max_t(unsigned int, iommu->used, entry - iommu->tlb + 1);
}

static u64 omap_read(struct hw_iommu *iommu, unsigned int window,
		     unsigned int offset, unsigned int size)
{
	const struct hw_entry *entry = omap_victim(iommu);
	u32 value;

	switch (offset) {
	case REVISION:
		return REVISION_2_0;
	case READ_CAM:
		if (!entry->caches)
			return 0;
		for (value = 0; omap_sizes[value] != entry->size; value++)
			;
		return entry->iova | CAM_V | value;
	case READ_RAM:
		return entry->caches ? entry->addr : 0;
	}
	return offset / 4 < REGS ? *omap_reg(iommu, offset) : 0;
}

static void omap_write(struct hw_iommu *iommu, unsigned int window,
		       unsigned int offset, unsigned int size, u64 value)
{
	switch (offset) {
	case IRQSTATUS:
		*omap_reg(iommu, IRQSTATUS) &= ~value;
		break;
	case LD_TLB:
		if (value & GO)
			omap_load(iommu);
		break;
	case GFLUSH:
		if (value & GO)
			omap_flush(iommu, 0, 0);
		break;
	case FLUSH_ENTRY:
		if (value & GO)
			omap_flush(iommu, *omap_reg(iommu, CAM) & CAM_TAG, SZ_4K);
		break;
	case FAULT_AD:
		break;
	default:
		if (offset / 4 < REGS)
			*omap_reg(iommu, offset) = value;
	}
}

static int omap_stream(struct hw_iommu *iommu, u32 stream, u64 iova,
		       struct hw_root *root)
{
	if (!(*omap_reg(iommu, CNTL) & CNTL_MMU_EN))
		return 1;

	root->table = *omap_reg(iommu, TTB) & TTB_ADDR;
	return iova > U32_MAX ? -EFAULT : 0;
}

/* Make room for what the walk is going to load */
static void omap_evict(struct hw_iommu *iommu)
{
	u32 *lock = omap_reg(iommu, LOCK);
	u32 victim = FIELD_GET(LOCK_VICTIM, *lock);
	unsigned int i;

	for (i = 0; i < TLB_ENTRIES; i++)
		if (!iommu->tlb[i].caches)
			return;

	iommu->tlb[victim].caches = 0;
	if (++victim == TLB_ENTRIES)
		victim = FIELD_GET(LOCK_BASE, *lock);
	*lock &= ~LOCK_VICTIM;
	*lock |= FIELD_PREP(LOCK_VICTIM, victim);
}

/* Both levels at once, as nothing remembers where the second is */
static int omap_step(struct hw_iommu *iommu, const struct hw_root *root, u64 table,
		     int level, u64 iova, struct hw_entry *entry)
{
	u32 ent, type;

	if (!(*omap_reg(iommu, CNTL) & CNTL_TWL_EN))
		return -EFAULT;

	ent = hw_load32(iommu, table + (iova >> 20) * sizeof(ent));
	type = ent & ENT_TYPE;
	if (type == L1_SECTION) {
		entry->size = ent & L1_SUPERSECTION ? SZ_16M : SZ_1M;
	} else if (type == L1_TABLE) {
		ent = hw_load32(iommu, (ent & L1_TABLE_ADDR) +
				(iova >> 12 & 0xff) * sizeof(ent));
		type = ent & ENT_TYPE;
		if (type & L2_SMALL)
			entry->size = SZ_4K;
		else if (type == L2_LARGE)
			entry->size = SZ_64K;
		else
			return -EFAULT;
	} else {
		return -EFAULT;
	}

	entry->iova = ALIGN_DOWN(iova, entry->size);
	entry->addr = ALIGN_DOWN((u64)ent, entry->size);
	if (!omap_mmu(iommu)->flushing)
		omap_evict(iommu);
	return 0;
}

static void omap_fault(struct hw_iommu *iommu, u32 stream, u64 iova, bool write)
{
	bool irq = false;

	scoped_guard(spinlock_irqsave, &iommu->lock) {
		/* The first fault stays until it is cleared */
		if (*omap_reg(iommu, IRQSTATUS) & IRQ_TRANSLATION_FAULT)
			return;
		*omap_reg(iommu, IRQSTATUS) |= IRQ_TRANSLATION_FAULT;
		*omap_reg(iommu, FAULT_AD) = iova;
		irq = *omap_reg(iommu, IRQENABLE) & IRQ_TRANSLATION_FAULT;
	}
	if (irq)
		hw_raise_irq(iommu, iommu->instance);
}

static void omap_power_off(struct hw_iommu *iommu, unsigned int window,
			   struct hw_inval *lost)
{
	memset(omap_mmu(iommu)->regs, 0, sizeof(omap_mmu(iommu)->regs));
}

static const struct hw_ops omap_ops = {
	.read = omap_read,
	.write = omap_write,
	.stream = omap_stream,
	.step = omap_step,
	.fault = omap_fault,
	.power_off = omap_power_off,
};

OF_OVERLAY_DECLARE(omap);

static const struct hw_desc omap_desc = {
	.name = "omap-iommu",
	.kind = HW_UNMAP,
	.overlay = of_overlay_begin(omap),
	.overlay_end = of_overlay_end(omap),
	.windows = {
		{ 0x600900000, SZ_4K, BIT(0), BIT(0) },
		{ 0x600901000, SZ_4K, BIT(1), BIT(1) },
	},
	.instances = 2,
	.soc = "/omap-soc",
	.masters = { { "/omap-master" } },
	.ops = &omap_ops,
	.no_snoop = true,
	.no_sleep = "driver: keeps the IOMMU awake while a domain is attached",
	.streams = 1,
	.no_two_masters = "driver: has one device to a domain",
	.no_two_domains = "hardware: has one page table",
	.forgets = true,
	.exact = true,
	.no_read_only = true,
};

HW_IOMMU(omap, omap_desc);

/* A device that a domain refuses stays where it is */
static void busy_domain_test(struct kunit *test)
{
	struct hw_test *t = test->priv;
	struct device *dev = t->master[0].dev;
	struct iommu_domain *busy = iommu_paging_domain_alloc(dev);
	u64 paddr = 0;

	KUNIT_ASSERT_FALSE(test, IS_ERR(busy));
	/* As if another device were in it */
	container_of(busy, struct omap_iommu_domain, domain)->dev = dev;
	KUNIT_EXPECT_EQ(test, 0, iommu_map(t->domain, t->iova, virt_to_phys(t->memory),
					   SZ_4K, IOMMU_READ, GFP_KERNEL));
	KUNIT_EXPECT_EQ(test, -EINVAL, busy->ops->attach_dev(busy, dev, t->domain));
	KUNIT_EXPECT_EQ(test, 0, hw_translate(t->iommu, t->master[0].stream, t->iova, false,
					      &paddr));
	KUNIT_EXPECT_EQ(test, virt_to_phys(t->memory), paddr);
	KUNIT_EXPECT_EQ(test, SZ_4K, iommu_unmap(t->domain, t->iova, SZ_4K));

	container_of(busy, struct omap_iommu_domain, domain)->dev = NULL;
	iommu_domain_free(busy);
}

/* An interrupt while there is no domain is not the driver's */
static void idle_fault_test(struct kunit *test)
{
	struct hw_test *t = test->priv;
	struct device *dev = t->master[0].dev;
	struct iommu_domain *identity = dev_iommu_ops(dev)->identity_domain;

	KUNIT_EXPECT_EQ(test, 0, identity->ops->attach_dev(identity, dev, t->domain));
	hw_raise_irq(t->iommu, 0);
	KUNIT_EXPECT_EQ(test, 0, t->domain->ops->attach_dev(t->domain, dev, identity));
}

/* The driver of a processor that idles lets its MMUs sleep, and keeps the domain */
static void deactivated_test(struct kunit *test)
{
	struct hw_test *t = test->priv;
	struct omap_iommu_domain *domain =
		container_of(t->domain, struct omap_iommu_domain, domain);

	hw_map_pages(test, t->iova, 0, 4);
	hw_expect_reached(test, 0, t->iova, 0, 4);
	KUNIT_EXPECT_EQ(test, 0, omap_iommu_domain_deactivate(t->domain));
	msleep(HW_SLEEP_MS);
	for (unsigned int line = 0; line < omap_desc.instances; line++)
		hw_raise_irq(t->iommu, line);
	hw_unmap(test, t->iova + SZ_4K, 1);
	hw_map(test, t->iova + SZ_8M, 4, 1);
	for (unsigned int i = 0; i < domain->num_iommus; i++)
		KUNIT_EXPECT_TRUE(test,
				  pm_runtime_suspended(domain->iommus[i].iommu_dev->dev));
	KUNIT_EXPECT_EQ(test, 0, omap_iommu_domain_activate(t->domain));

	hw_expect_reached(test, 0, t->iova, 0, 1);
	hw_expect_reached(test, 0, t->iova + SZ_8M, 4, 1);
	hw_expect_refused(test, 0, t->iova + SZ_4K, 1);
	hw_expect_reached(test, 0, t->iova + 2 * SZ_4K, 2, 2);
	hw_unmap(test, t->iova, 1);
	hw_unmap(test, t->iova + 2 * SZ_4K, 2);
	hw_unmap(test, t->iova + SZ_8M, 1);
}

static struct kunit_case omap_own_cases[] = {
	KUNIT_CASE(busy_domain_test),
	KUNIT_CASE(idle_fault_test),
	KUNIT_CASE(deactivated_test),
	{}
};

static struct kunit_suite omap_own_suite = {
	.name = "iommu_omap_own",
	.init = omap_test_init,
	.exit = hw_test_exit,
	.test_cases = omap_own_cases,
};

kunit_test_suite(omap_own_suite);

// SPDX-License-Identifier: GPL-2.0-only
/*
 * Models of Renesas' IPMMU, as R-Car Gen2, Gen3 and Gen4 have it
 *
 * Of Gen3 and Gen4 a main IPMMU walks the tables, long descriptors of 32-bit ARM, for
 * the IPMMUs that devices are behind: these have a TLB each, in front of that of the
 * main one, and a micro-TLB for each device, which names the context. Both have to
 * forget. Contexts are the main one's, so that all are told apart. Of Gen2 each IPMMU
 * walks for itself, and its driver uses one context.
 *
 * What the registers mean, and where they are, is taken from the driver's macros and
 * comments, and from its use of them; that the main IPMMU's flush is done only after the
 * others' is its assumption.
 */
#include "cases.h"

#include <linux/bitfield.h>
#include <linux/of.h>
#include <linux/of_platform.h>
#include <linux/sizes.h>

/* The main one and two in front of it, or the only one */
enum {
	IPMMU_MAIN,
	IPMMU_LEAF,
	IPMMU_OTHER_LEAF,
	IPMMU_WINDOWS,
};

#define MAX_CONTEXTS		16
#define MAX_UTLBS		64

/* Of each context, but for IMCTR in the main IPMMU only */
#define CONTEXT_SIZE		0x40
#define IMCTR			0x00
#define IMCTR_INTEN		BIT(2)
#define IMCTR_FLUSH		BIT(1)
#define IMCTR_MMUEN		BIT(0)
#define IMTTBCR			0x08
#define IMTTBCR_EAE		BIT(31)
#define IMTTBCR_SL0_GEN2	GENMASK(5, 4)
#define SL0_GEN2_LEVEL_1	1
#define IMTTBCR_SL0		GENMASK(7, 6)
#define SL0_LEVEL_1		2
#define IMTTLBR0		0x10
#define IMTTUBR0		0x14
#define IMTTBR0_ADDR		GENMASK_ULL(39, 5)
#define IMSTR			0x20
#define IMSTR_PF		BIT(1)
#define IMSTR_TF		BIT(0)
#define IMELAR			0x30
#define IMEUAR			0x34	/* not of Gen2 */

/* Of each micro-TLB; those from the 32nd on are apart */
#define IMUCTR_0		0x300
#define IMUCTR_32		0x600
#define IMUCTR_STEP		0x10
#define IMUCTR_TTSEL		GENMASK(7, 4)
#define IMUCTR_MMUEN		BIT(0)

/*
 * The TLB in front of the main one. The driver flushes it first: where it takes what it
 * misses from the main one, a device that asks between the two flushes would have it
 * keep what was unmapped. Whether it does is not public; here it walks by itself.
 */
#define LEAF_TLB(window)	BIT(1 + (window))

/* Streams of the other leaf */
#define OTHER_LEAF(utlb)	(MAX_UTLBS + (utlb))

/**
 * struct ipmmu - a main IPMMU and those in front of it
 * @contexts: how many it has
 * @utlbs: how many micro-TLBs each has
 * @gen2: there is but one
 * @alias: where the registers of the non-secure world are
 * @context_base: offset of the registers of context 0
 * @context_step: from there to those of the next
 * @utlb_base: offset of those of the micro-TLBs
 * @context: registers of the contexts
 * @utlb: IMUCTR and the three after it
 */
struct ipmmu {
	unsigned int contexts;
	unsigned int utlbs;
	bool gen2;
	unsigned int alias;
	unsigned int context_base;
	unsigned int context_step;
	unsigned int utlb_base;
	u32 context[IPMMU_WINDOWS][MAX_CONTEXTS][CONTEXT_SIZE / sizeof(u32)];
	u32 utlb[IPMMU_WINDOWS][MAX_UTLBS][IMUCTR_STEP / sizeof(u32)];
};

static struct ipmmu ipmmu_gen2_model = {
	.contexts = 1,
	.utlbs = 32,
	.gen2 = true,
	.alias = 0x800,
	.context_step = CONTEXT_SIZE,
};

static struct ipmmu ipmmu_model = {
	.contexts = 8,
	.utlbs = 48,
	.context_step = CONTEXT_SIZE,
};

static struct ipmmu ipmmu_gen4_model = {
	.contexts = 16,
	.utlbs = 64,
	.context_base = 0x10000,
	.context_step = SZ_4K + CONTEXT_SIZE,
	.utlb_base = 0x3000,
};

/* From the 8th on they begin in the middle of a page */
static unsigned int ipmmu_context_base(struct ipmmu *ipmmu, unsigned int context)
{
	unsigned int base = ipmmu->context_base + context * ipmmu->context_step;

	return context < 8 ? base : base - 8 * CONTEXT_SIZE + SZ_2K;
}

/* Return the context that a register is of, or -1 if it is of none */
static int ipmmu_context_at(struct ipmmu *ipmmu, unsigned int offset)
{
	for (unsigned int c = 0; c < ipmmu->contexts; c++)
		if (offset - ipmmu_context_base(ipmmu, c) < CONTEXT_SIZE)
			return c;
	return -1;
}

static u32 *ipmmu_reg(struct ipmmu *ipmmu, unsigned int window, unsigned int context,
		      unsigned int offset)
{
	return &ipmmu->context[window][context][offset / sizeof(u32)];
}

/* Return a register of a micro-TLB, or NULL if there is none at this offset */
static u32 *ipmmu_utlb_reg(struct ipmmu *ipmmu, unsigned int window,
			   unsigned int offset)
{
	unsigned int base, first;

	offset -= ipmmu->utlb_base;
	first = offset >= IMUCTR_32 ? 32 : 0;
	base = first ? IMUCTR_32 : IMUCTR_0;
	if (offset < base || first + (offset - base) / IMUCTR_STEP >= ipmmu->utlbs ||
	    (offset - base) / IMUCTR_STEP >= 32)
		return NULL;

	return &ipmmu->utlb[window][first + (offset - base) / IMUCTR_STEP]
			   [offset % IMUCTR_STEP / sizeof(u32)];
}

static u64 ipmmu_read(struct hw_iommu *iommu, unsigned int window,
		      unsigned int offset, unsigned int size)
{
	struct ipmmu *ipmmu = iommu->priv;
	int context;
	u32 *reg;

	if (offset < ipmmu->alias)
		return 0;
	offset -= ipmmu->alias;

	context = ipmmu_context_at(ipmmu, offset);
	if (context < 0) {
		reg = ipmmu_utlb_reg(ipmmu, window, offset);
		return reg ? *reg : 0;
	}

	offset -= ipmmu_context_base(ipmmu, context);
	reg = ipmmu_reg(ipmmu, window, context, offset);
	if (window == IPMMU_MAIN && offset == IMCTR &&
	    !hw_sync_busy(iommu, context, iommu->stuck))
		*reg &= ~IMCTR_FLUSH;
	return *reg;
}

static void ipmmu_write_ctr(struct hw_iommu *iommu, unsigned int window,
			    unsigned int context, u32 value)
{
	struct ipmmu *ipmmu = iommu->priv;
	u32 *reg = ipmmu_reg(ipmmu, window, context, IMCTR);

	if (value & IMCTR_FLUSH)
		hw_post(iommu, &(struct hw_inval) {
			.caches = window == IPMMU_MAIN ? HW_LEAVES | HW_TABLES :
				  LEAF_TLB(window),
			.tag = context,
			.queue = context,
		});

	if (window != IPMMU_MAIN)
		value &= ~IMCTR_FLUSH;
	else if (value & IMCTR_FLUSH)
		hw_start_sync(iommu, context, BIT(context));
	else
		value |= *reg & IMCTR_FLUSH;
	*reg = value;
}

static void ipmmu_write(struct hw_iommu *iommu, unsigned int window,
			unsigned int offset, unsigned int size, u64 value)
{
	struct ipmmu *ipmmu = iommu->priv;
	int context;
	u32 *reg;

	if (offset < ipmmu->alias)
		return;
	offset -= ipmmu->alias;

	context = ipmmu_context_at(ipmmu, offset);
	if (context < 0) {
		reg = ipmmu_utlb_reg(ipmmu, window, offset);
		if (reg)
			*reg = value;
		return;
	}

	offset -= ipmmu_context_base(ipmmu, context);
	reg = ipmmu_reg(ipmmu, window, context, offset);
	switch (offset) {
	case IMCTR:
		ipmmu_write_ctr(iommu, window, context, value);
		break;
	case IMSTR:
		/* Cleared by zeroes, and the address with it */
		*reg &= value;
		if (!*reg) {
			*ipmmu_reg(ipmmu, window, context, IMELAR) = 0;
			*ipmmu_reg(ipmmu, window, context, IMEUAR) = 0;
		}
		break;
	case IMELAR:
	case IMEUAR:
		break;
	default:
		*reg = value;
	}
}

/* The IPMMU that a stream's device is behind */
static unsigned int ipmmu_window(struct ipmmu *ipmmu, u32 stream)
{
	if (ipmmu->gen2)
		return IPMMU_MAIN;
	return stream < MAX_UTLBS ? IPMMU_LEAF : IPMMU_OTHER_LEAF;
}

/* Return the context of a micro-TLB, or -1 if it has none */
static int ipmmu_context(struct ipmmu *ipmmu, u32 stream)
{
	u32 ctr = ipmmu->utlb[ipmmu_window(ipmmu, stream)][stream % MAX_UTLBS][0];

	return ctr & IMUCTR_MMUEN ? FIELD_GET(IMUCTR_TTSEL, ctr) : -1;
}

static int ipmmu_stream(struct hw_iommu *iommu, u32 stream, u64 iova,
			struct hw_root *root)
{
	struct ipmmu *ipmmu = iommu->priv;
	unsigned int window = ipmmu_window(ipmmu, stream);
	int context = ipmmu_context(ipmmu, stream);
	u32 ttbcr;

	if (context < 0)
		return 1;
	if (context >= ipmmu->contexts || iova > U32_MAX)
		return -EFAULT;
	if (!(*ipmmu_reg(ipmmu, IPMMU_MAIN, context, IMCTR) & IMCTR_MMUEN) ||
	    !(*ipmmu_reg(ipmmu, window, context, IMCTR) & IMCTR_MMUEN))
		return -EFAULT;

	ttbcr = *ipmmu_reg(ipmmu, IPMMU_MAIN, context, IMTTBCR);
	if (!(ttbcr & IMTTBCR_EAE))
		return -EFAULT;
	if (ipmmu->gen2 && FIELD_GET(IMTTBCR_SL0_GEN2, ttbcr) != SL0_GEN2_LEVEL_1)
		return -EFAULT;
	if (!ipmmu->gen2 && FIELD_GET(IMTTBCR_SL0, ttbcr) != SL0_LEVEL_1)
		return -EFAULT;

	root->tag = context;
	root->table = *ipmmu_reg(ipmmu, IPMMU_MAIN, context, IMTTLBR0) |
		      (u64)*ipmmu_reg(ipmmu, IPMMU_MAIN, context, IMTTUBR0) << 32;
	root->table &= IMTTBR0_ADDR;
	root->level = 1;
	root->caches = HW_LEAVES;
	if (window != IPMMU_MAIN)
		root->caches |= LEAF_TLB(window);
	return 0;
}

static int ipmmu_step(struct hw_iommu *iommu, const struct hw_root *root, u64 table,
		      int level, u64 iova, struct hw_entry *entry)
{
	return hw_lpae_step(iommu, root, table, level, false, iova, entry);
}

static void ipmmu_fault(struct hw_iommu *iommu, u32 stream, u64 iova, bool write)
{
	struct ipmmu *ipmmu = iommu->priv;
	/* All that is mapped can be read */
	u64 paddr;
	bool mapped = write && !hw_translate(iommu, stream, iova, false, &paddr);
	int context;
	bool raise;

	scoped_guard(spinlock_irqsave, &iommu->lock) {
		context = ipmmu_context(ipmmu, stream);
		if (context < 0 || context >= ipmmu->contexts)
			return;

		if (!*ipmmu_reg(ipmmu, IPMMU_MAIN, context, IMSTR)) {
			*ipmmu_reg(ipmmu, IPMMU_MAIN, context, IMELAR) =
				lower_32_bits(iova);
			if (!ipmmu->gen2)
				*ipmmu_reg(ipmmu, IPMMU_MAIN, context, IMEUAR) =
					upper_32_bits(iova);
		}
		*ipmmu_reg(ipmmu, IPMMU_MAIN, context, IMSTR) |= mapped ? IMSTR_PF :
									  IMSTR_TF;
		raise = *ipmmu_reg(ipmmu, IPMMU_MAIN, context, IMCTR) & IMCTR_INTEN;
	}

	if (raise)
		hw_raise_irq(iommu, 0);
}

static void ipmmu_power_off(struct hw_iommu *iommu, unsigned int window,
			    struct hw_inval *lost)
{
	struct ipmmu *ipmmu = iommu->priv;

	memset(ipmmu->context[window], 0, sizeof(ipmmu->context[window]));
	memset(ipmmu->utlb[window], 0, sizeof(ipmmu->utlb[window]));
	lost->caches = window == IPMMU_MAIN ? HW_LEAVES | HW_TABLES : LEAF_TLB(window);
}

static void ipmmu_reset(struct hw_iommu *iommu)
{
	iommu->priv = &ipmmu_model;
}

static void ipmmu_gen2_reset(struct hw_iommu *iommu)
{
	iommu->priv = &ipmmu_gen2_model;
}

static void ipmmu_gen4_reset(struct hw_iommu *iommu)
{
	iommu->priv = &ipmmu_gen4_model;
}

#define IPMMU_OPS(of_reset)		\
	.reset = (of_reset),		\
	.read = ipmmu_read,		\
	.write = ipmmu_write,		\
	.stream = ipmmu_stream,		\
	.step = ipmmu_step,		\
	.fault = ipmmu_fault,		\
	.power_off = ipmmu_power_off

static const struct hw_ops ipmmu_ops = { IPMMU_OPS(ipmmu_reset) };
static const struct hw_ops ipmmu_gen2_ops = { IPMMU_OPS(ipmmu_gen2_reset) };
static const struct hw_ops ipmmu_gen4_ops = { IPMMU_OPS(ipmmu_gen4_reset) };

OF_OVERLAY_DECLARE(ipmmu);
OF_OVERLAY_DECLARE(ipmmu_gen2);
OF_OVERLAY_DECLARE(ipmmu_gen4);

/* The first device of each has two micro-TLBs, and one stream is asked here */
static const struct hw_desc ipmmu_desc = {
	.name = "ipmmu-vmsa",
	.kind = HW_ALWAYS,
	.commands.sync = { 2, 1 },
	.commands.table = { 2, 1 },
	.overlay = of_overlay_begin(ipmmu),
	.overlay_end = of_overlay_end(ipmmu),
	.windows = {
		[IPMMU_MAIN] = { 0x600040000, SZ_4K, .powers = BIT(0) },
		[IPMMU_LEAF] = { 0x600048000, SZ_4K, .powers = BIT(1) },
		[IPMMU_OTHER_LEAF] = { 0x600049000, SZ_4K, .powers = BIT(2) },
	},
	.soc = "/ipmmu-soc",
	.masters = { { "/ipmmu-master-0", 40 }, { "/ipmmu-master-1", 31 } },
	.ops = &ipmmu_ops,
	.no_snoop = true,
	.streams = 48,
	.idle_bypass = true,
	.no_two_domains = "driver: has one group for all devices behind an IOMMU",
	.reports_stuck = true,
};

HW_IOMMU(ipmmu, ipmmu_desc);

static const struct hw_desc ipmmu_gen2_desc = {
	.name = "ipmmu-vmsa gen2",
	.kind = HW_ALWAYS,
	.commands.sync = { 1, 1 },
	.commands.table = { 1, 1 },
	.overlay = of_overlay_begin(ipmmu_gen2),
	.overlay_end = of_overlay_end(ipmmu_gen2),
	.windows = { [IPMMU_MAIN] = { 0x600050000, SZ_4K } },
	.soc = "/ipmmu-gen2-soc",
	.masters = { { "/ipmmu-gen2-master-0", 5 }, { "/ipmmu-gen2-master-1", 31 } },
	.ops = &ipmmu_gen2_ops,
	.no_snoop = true,
	.streams = 32,
	.idle_bypass = true,
	.no_two_domains = "driver: uses one context",
	.reports_stuck = true,
	/* Faults are reported to the default domain, which can have no handler */
	.logs_faults = true,
	/* It has the only context */
	.default_domain = true,
};

HW_IOMMU(ipmmu_gen2, ipmmu_gen2_desc);

static const struct hw_desc ipmmu_gen4_desc = {
	.name = "ipmmu-vmsa gen4",
	.kind = HW_ALWAYS,
	.commands.sync = { 2, 1 },
	.commands.table = { 2, 1 },
	.overlay = of_overlay_begin(ipmmu_gen4),
	.overlay_end = of_overlay_end(ipmmu_gen4),
	.windows = {
		[IPMMU_MAIN] = { 0x600060000, SZ_128K },
		[IPMMU_LEAF] = { 0x600080000, SZ_128K },
	},
	.soc = "/ipmmu-gen4-soc",
	.masters = { { "/ipmmu-gen4-master-0", 40 }, { "/ipmmu-gen4-master-1", 63 } },
	.ops = &ipmmu_gen4_ops,
	.no_snoop = true,
	.streams = 64,
	.idle_bypass = true,
	.no_two_domains = "driver: has one group for all devices behind an IOMMU",
	.reports_stuck = true,
};

HW_IOMMU(ipmmu_gen4, ipmmu_gen4_desc);

/* The cases of this driver alone */

static u64 ipmmu_reaches(struct hw_test *t, u32 stream)
{
	u64 paddr;

	return hw_translate(t->iommu, stream, t->iova, false, &paddr) ? 0 : paddr;
}

static void map_one(struct kunit *test, struct iommu_domain *domain, phys_addr_t paddr)
{
	struct hw_test *t = test->priv;

	KUNIT_ASSERT_EQ(test, 0, iommu_map(domain, t->iova, paddr, SZ_4K,
					   IOMMU_READ | IOMMU_WRITE, GFP_KERNEL));
}

/* Each micro-TLB of the device is in its domain, and no other is; they leave it together */
static void utlbs_test(struct kunit *test)
{
	struct hw_test *t = test->priv;
	struct iommu_group *group = t->master[0].dev->iommu_group;
	struct iommu_domain *identity = t->domain->owner->identity_domain;
	phys_addr_t paddr = virt_to_phys(t->memory);
	static const u32 streams[] = { 5, 40, 31 };

	map_one(test, t->domain, paddr);
	for (unsigned int i = 0; i < ARRAY_SIZE(streams); i++)
		KUNIT_EXPECT_EQ(test, paddr, ipmmu_reaches(t, streams[i]));
	KUNIT_EXPECT_EQ(test, SZ_4K, iommu_unmap(t->domain, t->iova, SZ_4K));
	for (unsigned int i = 0; i < ARRAY_SIZE(streams); i++)
		KUNIT_EXPECT_EQ(test, 0, ipmmu_reaches(t, streams[i]));
	for (u32 stream = 0; stream < ipmmu_model.utlbs; stream++)
		if (stream != 5 && stream != 40 && stream != 31)
			KUNIT_EXPECT_EQ_MSG(test, t->iova, ipmmu_reaches(t, stream),
					    "micro-TLB %u", stream);

	iommu_detach_group(t->domain, group);
	KUNIT_ASSERT_EQ(test, 0, iommu_attach_group(identity, group));
	for (unsigned int i = 0; i < ARRAY_SIZE(streams); i++)
		KUNIT_EXPECT_EQ(test, t->iova, ipmmu_reaches(t, streams[i]));
	iommu_detach_group(identity, group);
	KUNIT_ASSERT_EQ(test, 0, iommu_attach_group(t->domain, group));
}

/* Devices behind two IPMMUs have a context each: what one loses, the other keeps */
static void two_leaves_test(struct kunit *test)
{
	struct hw_test *t = test->priv;
	struct device *dev = hw_find_device(test, "/ipmmu-master-2");
	u32 stream = t->master[0].stream, other_stream = OTHER_LEAF(7);
	phys_addr_t paddr = virt_to_phys(t->memory);
	struct iommu_domain *other;

	KUNIT_ASSERT_PTR_NE(test, dev->iommu_group, t->master[0].dev->iommu_group);
	other = iommu_paging_domain_alloc(dev);
	KUNIT_ASSERT_FALSE(test, IS_ERR_OR_NULL(other));
	KUNIT_ASSERT_EQ(test, 0, iommu_attach_group(other, dev->iommu_group));

	for (unsigned int i = 0; i < 2; i++) {
		struct iommu_domain *first = i ? other : t->domain;
		struct iommu_domain *second = i ? t->domain : other;
		u32 first_stream = i ? other_stream : stream;
		u32 second_stream = i ? stream : other_stream;

		map_one(test, first, paddr);
		map_one(test, second, paddr + SZ_4K);
		KUNIT_EXPECT_EQ(test, paddr, ipmmu_reaches(t, first_stream));
		KUNIT_EXPECT_EQ(test, paddr + SZ_4K, ipmmu_reaches(t, second_stream));

		KUNIT_EXPECT_EQ(test, SZ_4K, iommu_unmap(first, t->iova, SZ_4K));
		KUNIT_EXPECT_EQ(test, 0, ipmmu_reaches(t, first_stream));
		KUNIT_EXPECT_EQ(test, paddr + SZ_4K, ipmmu_reaches(t, second_stream));

		KUNIT_EXPECT_EQ(test, SZ_4K, iommu_unmap(second, t->iova, SZ_4K));
		KUNIT_EXPECT_EQ(test, 0, ipmmu_reaches(t, second_stream));
	}

	iommu_detach_group(other, dev->iommu_group);
	iommu_domain_free(other);
}

/* A domain is flushed in one of the IPMMUs, so that it is of no use behind another */
static void other_leaf_test(struct kunit *test)
{
	struct hw_test *t = test->priv;
	struct device *dev = hw_find_device(test, "/ipmmu-master-2");

	KUNIT_EXPECT_EQ(test, -EINVAL, iommu_attach_group(t->domain, dev->iommu_group));
}

/* A device that goes leaves the domain with all its micro-TLBs, and others stay */
static void released_test(struct kunit *test)
{
	struct hw_test *t = test->priv;
	struct device_node *np = of_node_get(t->master[0].dev->of_node);
	phys_addr_t paddr = virt_to_phys(t->memory);

	map_one(test, t->domain, paddr);
	of_platform_device_destroy(t->master[0].dev, NULL);
	KUNIT_EXPECT_EQ(test, t->iova, ipmmu_reaches(t, 5));
	KUNIT_EXPECT_EQ(test, t->iova, ipmmu_reaches(t, 40));
	KUNIT_EXPECT_EQ(test, paddr, ipmmu_reaches(t, 31));

	KUNIT_EXPECT_NOT_NULL(test, of_platform_device_create(np, NULL, NULL));
	of_node_put(np);
	t->master[0].dev = hw_find_device(test, ipmmu_desc.masters[0].path);
}

static struct kunit_case ipmmu_own_cases[] = {
	KUNIT_CASE(utlbs_test),
	KUNIT_CASE(two_leaves_test),
	KUNIT_CASE(other_leaf_test),
	KUNIT_CASE(released_test),
	{}
};

static struct kunit_suite ipmmu_own_suite = {
	.name = "iommu_ipmmu_own",
	.init = ipmmu_test_init,
	.exit = hw_test_exit,
	.test_cases = ipmmu_own_cases,
};

kunit_test_suite(ipmmu_own_suite);

// SPDX-License-Identifier: GPL-2.0-only
/*
 * Model of Renesas' IPMMU, as R-Car Gen3 has it
 *
 * A main IPMMU walks the tables, long descriptors of 32-bit ARM, for the IPMMUs that
 * devices are behind: these have a TLB each, in front of that of the main one, and a
 * micro-TLB for each device, which names the context. Both have to forget. What the
 * registers mean is taken from the driver's macros and comments, and from its use of
 * them; that the main IPMMU's flush is done only after the others' is its assumption.
 */
#include "hw.h"

#include <linux/bitfield.h>
#include <linux/sizes.h>

enum {
	IPMMU_MAIN,
	IPMMU_CACHE,
	IPMMU_WINDOWS,
};

#define CONTEXTS		8
#define CONTEXT_SIZE		0x40

/* Of each context, but for IMCTR in the main IPMMU only */
#define IMCTR			0x00
#define IMCTR_INTEN		BIT(2)
#define IMCTR_FLUSH		BIT(1)
#define IMCTR_MMUEN		BIT(0)
#define IMTTBCR			0x08
#define IMTTBCR_EAE		BIT(31)
#define IMTTBCR_SL0		GENMASK(7, 6)
#define IMTTBCR_SL0_LEVEL_1	2
#define IMTTLBR0		0x10
#define IMTTUBR0		0x14
#define IMTTBR0_ADDR		GENMASK_ULL(39, 5)
#define IMSTR			0x20
#define IMSTR_PF		BIT(1)
#define IMSTR_TF		BIT(0)
#define IMELAR			0x30
#define IMEUAR			0x34

/* Of each micro-TLB; those from the 32nd on are apart */
#define IMUCTR_0		0x300
#define IMUCTR_32		0x600
#define IMUCTR_STEP		0x10
#define IMUCTR_TTSEL		GENMASK(7, 4)
#define IMUCTR_MMUEN		BIT(0)

/* The TLB in front of the main one */
#define CACHE_LEAVES		BIT(2)

static u32 ipmmu_regs[IPMMU_WINDOWS][SZ_4K / sizeof(u32)];

static u32 *ipmmu_reg(unsigned int window, unsigned int context, unsigned int offset)
{
	return &ipmmu_regs[window][(context * CONTEXT_SIZE + offset) / sizeof(u32)];
}

static u64 ipmmu_read(struct hw_iommu *iommu, unsigned int window,
		      unsigned int offset, unsigned int size)
{
	unsigned int context = offset / CONTEXT_SIZE;
	u32 *reg = ipmmu_reg(window, 0, offset);

	if (window == IPMMU_MAIN && context < CONTEXTS &&
	    offset % CONTEXT_SIZE == IMCTR && *reg & IMCTR_FLUSH && !hw_busy(iommu))
		*reg &= ~IMCTR_FLUSH;

	return *reg;
}

static void ipmmu_write(struct hw_iommu *iommu, unsigned int window,
			unsigned int offset, unsigned int size, u64 value)
{
	unsigned int context = offset / CONTEXT_SIZE;
	u32 *reg = ipmmu_reg(window, 0, offset);

	if (context >= CONTEXTS) {
		*reg = value;
		return;
	}

	switch (offset % CONTEXT_SIZE) {
	case IMCTR:
		if (value & IMCTR_FLUSH)
			hw_post(iommu, &(struct hw_inval) {
				.caches = window == IPMMU_MAIN ?
					  HW_LEAVES | HW_TABLES : CACHE_LEAVES,
				.tag = context,
			});
		if (window == IPMMU_CACHE)
			value &= ~IMCTR_FLUSH;
		else if (value & IMCTR_FLUSH)
			hw_start(iommu);
		else
			value |= *reg & IMCTR_FLUSH;
		*reg = value;
		break;
	case IMSTR:
		/* Cleared by zeroes, and the address with it */
		*reg &= value;
		if (!*reg) {
			*ipmmu_reg(window, context, IMELAR) = 0;
			*ipmmu_reg(window, context, IMEUAR) = 0;
		}
		break;
	case IMELAR:
	case IMEUAR:
		break;
	default:
		*reg = value;
	}
}

/* Return the context of a micro-TLB, or -1 if it has none */
static int ipmmu_context(u32 utlb)
{
	u32 ctr = *ipmmu_reg(IPMMU_CACHE, 0, utlb < 32 ?
			     IMUCTR_0 + utlb * IMUCTR_STEP :
			     IMUCTR_32 + (utlb - 32) * IMUCTR_STEP);

	return ctr & IMUCTR_MMUEN ? FIELD_GET(IMUCTR_TTSEL, ctr) : -1;
}

static int ipmmu_stream(struct hw_iommu *iommu, u32 stream, u64 iova,
			struct hw_root *root)
{
	int context = ipmmu_context(stream);
	u32 ttbcr;

	if (context < 0)
		return 1;
	if (context >= CONTEXTS || iova > U32_MAX)
		return -EFAULT;
	if (!(*ipmmu_reg(IPMMU_MAIN, context, IMCTR) & IMCTR_MMUEN) ||
	    !(*ipmmu_reg(IPMMU_CACHE, context, IMCTR) & IMCTR_MMUEN))
		return -EFAULT;

	ttbcr = *ipmmu_reg(IPMMU_MAIN, context, IMTTBCR);
	if (!(ttbcr & IMTTBCR_EAE) ||
	    FIELD_GET(IMTTBCR_SL0, ttbcr) != IMTTBCR_SL0_LEVEL_1)
		return -EFAULT;

	root->tag = context;
	root->table = *ipmmu_reg(IPMMU_MAIN, context, IMTTLBR0) |
		      (u64)*ipmmu_reg(IPMMU_MAIN, context, IMTTUBR0) << 32;
	root->table &= IMTTBR0_ADDR;
	root->level = 1;
	root->caches = HW_LEAVES | CACHE_LEAVES;
	return 0;
}

static int ipmmu_step(struct hw_iommu *iommu, const struct hw_root *root, u64 table,
		      int level, u64 iova, struct hw_entry *entry)
{
	return hw_lpae_step(root, table, level, false, iova, entry);
}

static void ipmmu_fault(struct hw_iommu *iommu, u32 stream, u64 iova, bool write)
{
	/* All that is mapped can be read */
	u64 paddr;
	bool mapped = write && !hw_translate(iommu, stream, iova, false, &paddr);
	int context;
	bool raise;

	scoped_guard(spinlock_irqsave, &iommu->lock) {
		context = ipmmu_context(stream);
		if (context < 0 || context >= CONTEXTS)
			return;

		if (!*ipmmu_reg(IPMMU_MAIN, context, IMSTR)) {
			*ipmmu_reg(IPMMU_MAIN, context, IMELAR) = lower_32_bits(iova);
			*ipmmu_reg(IPMMU_MAIN, context, IMEUAR) = upper_32_bits(iova);
		}
		*ipmmu_reg(IPMMU_MAIN, context, IMSTR) |= mapped ? IMSTR_PF : IMSTR_TF;
		raise = *ipmmu_reg(IPMMU_MAIN, context, IMCTR) & IMCTR_INTEN;
	}

	if (raise)
		hw_raise_irq(iommu, 0);
}

static const struct hw_ops ipmmu_ops = {
	.read = ipmmu_read,
	.write = ipmmu_write,
	.stream = ipmmu_stream,
	.step = ipmmu_step,
	.fault = ipmmu_fault,
};

OF_OVERLAY_DECLARE(ipmmu);

static const struct hw_desc ipmmu_desc = {
	.name = "ipmmu-vmsa",
	.kind = HW_ALWAYS,
	.overlay = of_overlay_begin(ipmmu),
	.overlay_end = of_overlay_end(ipmmu),
	.windows = {
		[IPMMU_MAIN] = { 0x600040000, SZ_4K },
		[IPMMU_CACHE] = { 0x600048000, SZ_4K },
	},
	.soc = "/ipmmu-soc",
	.masters = { { "/ipmmu-master", 5 }, { "/ipmmu-master", 40 } },
	.ops = &ipmmu_ops,
	.stuck = "TLB sync timed out",
};

HW_IOMMU(ipmmu, ipmmu_desc);

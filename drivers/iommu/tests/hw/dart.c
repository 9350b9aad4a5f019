// SPDX-License-Identifier: GPL-2.0-only
/*
 * Models of Apple's DARTs with pages of 4K: that of the M1 (t8103), and the one of its
 * USB4 ports, which has more streams and no bypass
 *
 * Each stream has four tables of two levels, one for each GiB of its addresses, and
 * what the IOTLB holds of a stream is invalidated as a whole. Nothing is public but
 * what the driver and its page table code do: what registers and entries mean is
 * taken from these.
 */
#include "hw.h"

#include <linux/bitfield.h>
#include <linux/sizes.h>
#include <linux/slab.h>

#define PARAMS1			0x00
#define PARAMS1_PAGE_SHIFT	GENMASK(27, 24)
#define PARAMS2			0x04
#define PARAMS2_BYPASS		BIT(0)
#define STREAM_COMMAND		0x20
#define STREAM_COMMAND_BUSY	BIT(2)
#define STREAM_COMMAND_INVAL	BIT(20)
#define STREAM_SELECT(i)	(0x34 + (i) * 4)
#define ERROR			0x40
#define ERROR_NO_TTBR		BIT(0)
#define ERROR_NO_PMD		BIT(1)
#define ERROR_NO_PTE		BIT(2)
#define ERROR_WRITE_FAULT	BIT(3)
#define ERROR_READ_FAULT	BIT(4)
#define ERROR_STREAM		GENMASK(27, 24)
#define ERROR_FLAG		BIT(31)
#define ERROR_ADDR_LO		0x50
#define ERROR_ADDR_HI		0x54
#define STREAMS_ENABLE		0xfc
#define TCR(sid)		(0x100 + (sid) * 4)
#define TCR_TRANSLATE		BIT(7)
#define TCR_BYPASS		BIT(8)
#define TCR_BYPASS_DAPF		BIT(12)
#define TCR_KNOWN		(TCR_TRANSLATE | TCR_BYPASS | TCR_BYPASS_DAPF)
#define TTBR(dart, sid, i)	((dart)->ttbr + (sid) * 16 + (i) * 4)
#define TTBR_VALID		BIT(31)
#define TTBR_TABLE		GENMASK(23, 0)
#define REGS			(0x800 / sizeof(u32))

#define PTE_VALID		BIT_ULL(0)
#define PTE_WHOLE_PAGE		BIT_ULL(1)	/* PTE_FIRST and PTE_LAST do not count */
#define PTE_NO_WRITE		BIT_ULL(7)
#define PTE_NO_READ		BIT_ULL(8)
#define PTE_ADDR		GENMASK_ULL(35, 12)
#define PTE_LAST		GENMASK_ULL(51, 40)	/* byte of the page */
#define PTE_FIRST		GENMASK_ULL(63, 52)

/**
 * struct dart - a DART
 * @desc: what it has in common with other IOMMUs
 * @ttbr: where TTBR registers begin
 * @bypass: a stream may bypass it
 */
struct dart {
	struct hw_desc desc;
	unsigned int ttbr;
	bool bypass;
};

static const struct dart *to_dart(struct hw_iommu *iommu)
{
	return container_of(iommu->desc, struct dart, desc);
}

static void dart_reset(struct hw_iommu *iommu)
{
	u32 *regs = kcalloc(REGS, sizeof(*regs), GFP_KERNEL | __GFP_NOFAIL);

	regs[PARAMS1 / 4] = FIELD_PREP(PARAMS1_PAGE_SHIFT, 12);
	regs[PARAMS2 / 4] = to_dart(iommu)->bypass ? PARAMS2_BYPASS : 0;
	iommu->priv = regs;
}

static u64 dart_read(struct hw_iommu *iommu, unsigned int window,
		     unsigned int offset, unsigned int size)
{
	u32 *regs = iommu->priv;

	if (offset == STREAM_COMMAND)
		return hw_busy(iommu) ? STREAM_COMMAND_BUSY : 0;
	return offset / 4 < REGS ? regs[offset / 4] : 0;
}

static void dart_invalidate(struct hw_iommu *iommu)
{
	u32 *regs = iommu->priv;
	unsigned int sid;

	for (sid = 0; sid < iommu->desc->streams; sid++)
		if (regs[STREAM_SELECT(sid / 32) / 4] & BIT(sid % 32))
			hw_post(iommu, &(struct hw_inval) {
				.caches = HW_ALL_CACHES,
				.tag = sid,
			});
	hw_start(iommu);
}

static void dart_write(struct hw_iommu *iommu, unsigned int window,
		       unsigned int offset, unsigned int size, u64 value)
{
	u32 *regs = iommu->priv;

	switch (offset) {
	case STREAM_COMMAND:
		if (value & STREAM_COMMAND_INVAL)
			dart_invalidate(iommu);
		break;
	case ERROR:
		regs[ERROR / 4] &= ~value;
		break;
	case PARAMS1:
	case PARAMS2:
	case ERROR_ADDR_LO:
	case ERROR_ADDR_HI:
		break;
	default:
		if (offset / 4 < REGS)
			regs[offset / 4] = value;
	}
}

static int dart_stream(struct hw_iommu *iommu, u32 stream, u64 iova,
		       struct hw_root *root)
{
	const struct dart *dart = to_dart(iommu);
	u32 *regs = iommu->priv;
	u32 tcr = regs[TCR(stream) / 4], ttbr;

	/* Where others are enabled is not known. What follows is TCR(0) */
	if (stream < 32 && !(regs[STREAMS_ENABLE / 4] & BIT(stream)))
		return -EFAULT;
	/* What else there is may let everything through, for all that is known */
	if (tcr & ~TCR_KNOWN || (dart->bypass && tcr & TCR_BYPASS))
		return 1;
	if (!(tcr & TCR_TRANSLATE) || iova > U32_MAX)
		return -EFAULT;

	ttbr = regs[TTBR(dart, stream, iova >> 30) / 4];
	if (!(ttbr & TTBR_VALID))
		return -EFAULT;

	root->tag = stream;
	root->table = (u64)(ttbr & TTBR_TABLE) << 12;
	root->level = 1;
	return 0;
}

static int dart_step(struct hw_iommu *iommu, const struct hw_root *root, u64 table,
		     int level, u64 iova, struct hw_entry *entry)
{
	unsigned int shift = level == 1 ? 21 : 12;
	u64 pte = hw_load64(table + (iova >> shift & 511) * sizeof(pte));
	u32 byte = iova & (SZ_4K - 1);

	if (!(pte & PTE_VALID))
		return -EFAULT;

	entry->size = BIT(shift);
	entry->iova = ALIGN_DOWN(iova, entry->size);
	entry->addr = pte & PTE_ADDR;

	if (level == 1) {
		entry->table = true;
		entry->level = 2;
		return 0;
	}

	if (!(pte & PTE_WHOLE_PAGE) && (byte < FIELD_GET(PTE_FIRST, pte) ||
					byte > FIELD_GET(PTE_LAST, pte)))
		return -EFAULT;

	if (pte & PTE_NO_READ)
		entry->prot &= ~HW_READ;
	if (pte & PTE_NO_WRITE)
		entry->prot &= ~HW_WRITE;
	return 0;
}

static u32 dart_error(struct hw_iommu *iommu, u32 stream, u64 iova, bool write)
{
	struct hw_entry entry = {};
	struct hw_root root = {};

	if (dart_stream(iommu, stream, iova, &root))
		return ERROR_NO_TTBR;
	if (dart_step(iommu, &root, root.table, 1, iova, &entry))
		return ERROR_NO_PMD;
	if (dart_step(iommu, &root, entry.addr, 2, iova, &entry))
		return ERROR_NO_PTE;
	return write ? ERROR_WRITE_FAULT : ERROR_READ_FAULT;
}

static void dart_fault(struct hw_iommu *iommu, u32 stream, u64 iova, bool write)
{
	u32 *regs = iommu->priv;

	/* The driver limits the rate at which it logs faults, of all DARTs together */
	if (iommu->desc->no_fault)
		return;

	scoped_guard(spinlock_irqsave, &iommu->lock) {
		regs[ERROR / 4] = ERROR_FLAG | FIELD_PREP(ERROR_STREAM, stream) |
				       dart_error(iommu, stream, iova, write);
		regs[ERROR_ADDR_LO / 4] = lower_32_bits(iova);
		regs[ERROR_ADDR_HI / 4] = upper_32_bits(iova);
	}
	hw_raise_irq(iommu, 0);
}

static const struct hw_ops dart_ops = {
	.reset = dart_reset,
	.read = dart_read,
	.write = dart_write,
	.stream = dart_stream,
	.step = dart_step,
	.fault = dart_fault,
};

OF_OVERLAY_DECLARE(dart);
OF_OVERLAY_DECLARE(dart_usb4);

static const struct dart dart = {
	.desc = {
		.name = "apple-dart",
		.kind = HW_ALWAYS,
		.overlay = of_overlay_begin(dart),
		.overlay_end = of_overlay_end(dart),
		.windows = { { 0x600030000, SZ_16K } },
		.soc = "/dart-soc",
		.masters = { { "/dart-master0", 0 }, { "/dart-master9", 9 } },
		.ops = &dart_ops,
		.stuck = "busy bit did not clear after command",
		.fault_log = "translation fault",
		.streams = 16,
	},
	.ttbr = 0x200,
	.bypass = true,
};

static const struct dart dart_usb4 = {
	.desc = {
		.name = "apple-dart (USB4)",
		.kind = HW_ALWAYS,
		.overlay = of_overlay_begin(dart_usb4),
		.overlay_end = of_overlay_end(dart_usb4),
		.windows = { { 0x600034000, SZ_16K } },
		.soc = "/dart-usb4-soc",
		.masters = { { "/dart-usb4-master40", 40 }, { "/dart-usb4-master5", 5 } },
		.ops = &dart_ops,
		.stuck = "busy bit did not clear after command",
		.no_fault = true,
		.streams = 64,
	},
	.ttbr = 0x400,
};

HW_IOMMU(dart, dart.desc);
HW_IOMMU(dart_usb4, dart_usb4.desc);

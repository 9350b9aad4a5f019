// SPDX-License-Identifier: GPL-2.0-only
/*
 * Model of Unisoc's IOMMU, as its VAU version
 *
 * One flat table of page numbers serves one device. Where a page has none, accesses
 * go to a page of the driver's, and nobody is told. What the registers mean is taken
 * from the driver's macros and from its use of them. The TLB is assumed to be cleared
 * by an update and by nothing else, also while the IOMMU is off.
 */
#include "hw.h"

#define VERSION			0x00
#define VERSION_VAU		BIT(8)
#define CFG			0x04
#define CFG_EN			BIT(0)
#define UPDATE			0x08
#define FIRST_PPN		0x10
#define FIRST_VPN		0x1c
#define VPN_RANGE		0x20
#define REGS			(0x24 / sizeof(u32))

static u32 sprd_regs[REGS] = {
	[VERSION / 4] = VERSION_VAU,
};

static const struct hw_inval sprd_all = {
	.caches = HW_ALL_CACHES,
	.tag = HW_ANY_TAG,
};

static u64 sprd_read(struct hw_iommu *iommu, unsigned int window,
		     unsigned int offset, unsigned int size)
{
	return offset / 4 < REGS ? sprd_regs[offset / 4] : 0;
}

static void sprd_write(struct hw_iommu *iommu, unsigned int window,
		       unsigned int offset, unsigned int size, u64 value)
{
	if (offset == UPDATE) {
		if (value == U32_MAX)
			hw_flush(iommu, &sprd_all);
	} else if (offset != VERSION && offset / 4 < REGS) {
		sprd_regs[offset / 4] = value;
	}
}

static int sprd_stream(struct hw_iommu *iommu, u32 stream, u64 iova,
		       struct hw_root *root)
{
	if (!(sprd_regs[CFG / 4] & CFG_EN))
		return 1;

	root->table = (u64)sprd_regs[FIRST_PPN / 4] << 12;
	return 0;
}

static int sprd_step(struct hw_iommu *iommu, const struct hw_root *root, u64 table,
		     int level, u64 iova, struct hw_entry *entry)
{
	u64 index = (iova >> 12) - sprd_regs[FIRST_VPN / 4];
	u32 ppn;

	if (index > sprd_regs[VPN_RANGE / 4])
		return -EFAULT;

	ppn = hw_load32(table + index * sizeof(u32));
	if (!ppn)
		return -EFAULT;

	entry->iova = ALIGN_DOWN(iova, SZ_4K);
	entry->size = SZ_4K;
	entry->addr = (u64)ppn << 12;
	return 0;
}

static const struct hw_ops sprd_ops = {
	.read = sprd_read,
	.write = sprd_write,
	.stream = sprd_stream,
	.step = sprd_step,
};

OF_OVERLAY_DECLARE(sprd);

static const struct hw_desc sprd_desc = {
	.name = "sprd-iommu",
	.kind = HW_ALWAYS,
	.overlay = of_overlay_begin(sprd),
	.overlay_end = of_overlay_end(sprd),
	.windows = { { 0x600010000, SZ_4K } },
	.provider = "/sprd-soc",
	.masters = { { "/sprd-master" } },
	.ops = &sprd_ops,
	.no_fault = true,
	.no_read_only = true,
};

HW_IOMMU(sprd, sprd_desc);

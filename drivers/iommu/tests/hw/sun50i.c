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
#include "hw.h"

#include <linux/bitfield.h>
#include <linux/sizes.h>

#define ENABLE			0x020
#define ENABLE_ENABLE		BIT(0)
#define BYPASS			0x030
#define TTB			0x050
#define TTB_ADDR		GENMASK(31, 14)
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

static u32 sun50i_regs[REGS] = {
	[BYPASS / 4] = GENMASK(MASTERS - 1, 0),
};

static u64 sun50i_read(struct hw_iommu *iommu, unsigned int window,
		       unsigned int offset, unsigned int size)
{
	switch (offset) {
	case TLB_FLUSH:
	case TLB_IVLD:
	case PC_IVLD:
		if (sun50i_regs[offset / 4] && !hw_busy(iommu))
			sun50i_regs[offset / 4] = 0;
		break;
	}
	return offset / 4 < REGS ? sun50i_regs[offset / 4] : 0;
}

static void sun50i_write(struct hw_iommu *iommu, unsigned int window,
			 unsigned int offset, unsigned int size, u64 value)
{
	struct hw_inval inval = {
		.tag = HW_ANY_TAG,
	};

	switch (offset) {
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
		inval.iova = sun50i_regs[TLB_IVLD_ADDR / 4] &
			     sun50i_regs[TLB_IVLD_MASK / 4];
		inval.size = (u64)~sun50i_regs[TLB_IVLD_MASK / 4] + 1;
		break;
	case PC_IVLD:
		if (!(value & IVLD_ENABLE))
			return;
		inval.caches = PTW_CACHE;
		inval.iova = ALIGN_DOWN(sun50i_regs[PC_IVLD_ADDR / 4], SZ_1M);
		inval.size = SZ_1M;
		break;
	case INT_CLR:
		sun50i_regs[INT_STA / 4] &= ~value;
		sun50i_regs[L1PG_INT / 4] = 0;
		sun50i_regs[L2PG_INT / 4] = 0;
		return;
	case INT_STA:
	case L1PG_INT:
	case L2PG_INT:
		return;
	}

	if (offset / 4 < REGS)
		sun50i_regs[offset / 4] = value;
	if (inval.caches) {
		hw_post(iommu, &inval);
		hw_start(iommu);
	}
}

static int sun50i_stream(struct hw_iommu *iommu, u32 stream, u64 iova,
			 struct hw_root *root)
{
	if (!(sun50i_regs[ENABLE / 4] & ENABLE_ENABLE) ||
	    sun50i_regs[BYPASS / 4] & BIT(stream))
		return 1;
	if (iova > U32_MAX)
		return -EFAULT;

	root->table = sun50i_regs[TTB / 4] & TTB_ADDR;
	root->level = 1;
	root->caches = MACRO_TLB | MICRO_TLB(stream);
	root->priv = (void *)(unsigned long)stream;
	return 0;
}

static int sun50i_step(struct hw_iommu *iommu, const struct hw_root *root,
		       u64 table, int level, u64 iova, struct hw_entry *entry)
{
	u32 master = (unsigned long)root->priv;
	u32 index, desc, aci, denied;

	if (level == 1) {
		desc = hw_load32(table + (iova >> 20) * sizeof(u32));
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
	desc = hw_load32(table + index * sizeof(u32));
	if (!(desc & PTE_VALID))
		return -EFAULT;

	entry->size = SZ_4K;
	entry->iova = ALIGN_DOWN(iova, SZ_4K);
	entry->addr = desc & PTE_PAGE;

	aci = FIELD_GET(PTE_ACI, desc);
	denied = sun50i_regs[DM_AUT_CTRL(aci) / 4];
	if (denied & DM_AUT_NO_READ(aci, master))
		entry->prot &= ~HW_READ;
	if (denied & DM_AUT_NO_WRITE(aci, master))
		entry->prot &= ~HW_WRITE;
	return 0;
}

/* Return whether the driver wants an interrupt for it */
static bool sun50i_blame(struct hw_iommu *iommu, u32 stream, u64 iova)
{
	u32 status, dte, pte;

	guard(spinlock_irqsave)(&iommu->lock);

	dte = hw_load32((sun50i_regs[TTB / 4] & TTB_ADDR) +
			(iova >> 20) * sizeof(u32));
	if ((dte & DTE_VALID) != 1) {
		status = INT_INVALID_L1PG;
		sun50i_regs[INT_ERR_ADDR_L1 / 4] = iova;
		sun50i_regs[L1PG_INT / 4] = BIT(stream);
		goto out;
	}

	pte = hw_load32((dte & DTE_TABLE) + (iova >> 12 & 0xff) * sizeof(u32));
	if (!(pte & PTE_VALID)) {
		status = INT_INVALID_L2PG;
		sun50i_regs[INT_ERR_ADDR_L2 / 4] = iova;
		sun50i_regs[L2PG_INT / 4] = BIT(stream);
		goto out;
	}

	status = INT_MASTER(stream);
	sun50i_regs[INT_ERR_ADDR(stream) / 4] = iova;
	sun50i_regs[INT_ERR_DATA(stream) / 4] = pte;
out:
	sun50i_regs[INT_STA / 4] |= status;
	return sun50i_regs[INT_ENABLE / 4] & status;
}

static void sun50i_fault(struct hw_iommu *iommu, u32 stream, u64 iova, bool write)
{
	if (iova <= U32_MAX && sun50i_blame(iommu, stream, iova))
		hw_raise_irq(iommu, 0);
}

static const struct hw_ops sun50i_ops = {
	.read = sun50i_read,
	.write = sun50i_write,
	.stream = sun50i_stream,
	.step = sun50i_step,
	.fault = sun50i_fault,
};

OF_OVERLAY_DECLARE(sun50i);

static const struct hw_desc sun50i_desc = {
	.name = "sun50i-iommu",
	.kind = HW_ALWAYS,
	.overlay = of_overlay_begin(sun50i),
	.overlay_end = of_overlay_end(sun50i),
	.windows = { { 0x600020000, SZ_4K } },
	.provider = "/sun50i-soc",
	.masters = { { "/sun50i-master0", 0 }, { "/sun50i-master3", 3 } },
	.ops = &sun50i_ops,
	.stuck = "TLB Flush timed out!",
};

HW_IOMMU(sun50i, sun50i_desc);

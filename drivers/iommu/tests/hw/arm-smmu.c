// SPDX-License-Identifier: GPL-2.0-only
/*
 * Model of ARM's SMMU, versions 1 and 2
 *
 * A stream is matched by number, or is a number of its own; the entry found gives it
 * a context bank, which has it translated by stage 1 or by stage 2. The IOTLB keeps
 * address spaces apart by ASID and VMID, not by bank. Invalidations are posted, those
 * to the registers of a bank for the bank alone to complete. All this is the
 * architecture's. Only lower halves of address spaces, long descriptors, and one stage
 * at a time are modelled; all else faults. That an SMMU is one of several instances
 * changes nothing for it.
 */
#include "arm-smmu.h"

#include <linux/bitfield.h>
#include <linux/bitops.h>
#include <linux/sizes.h>
#include <linux/slab.h>

#define CR0			0x000
#define CR0_VMID16EN		BIT(31)
#define CR0_USFCFG		BIT(10)
#define CR0_GFIE		BIT(2)
#define CR0_CLIENTPD		BIT(0)
#define ACR			0x010
#define ACR_CACHE_LOCK		BIT(26)
#define ID0			0x020
#define ID1			0x024
#define ID2			0x028
#define ID7			0x03c
#define GFAR			0x040
#define GFSR			0x048
#define GFSR_MULTI		BIT(31)
#define GFSR_SMCF		BIT(2)
#define GFSR_USF		BIT(1)
#define GFSR_ICF		BIT(0)
#define GFSYNR0		0x050
#define GFSYNR0_WNR		BIT(1)
#define GFSYNR1		0x054
#define TLBIVMID		0x064
#define TLBIALLNSNH		0x068
#define TLBGSYNC		0x070
#define TLBGSTATUS		0x074
#define SMR(n)			(0x800 + (n) * 4)
#define SMR_VALID		BIT(31)
#define SMR_MASK		GENMASK(30, 16)
#define SMR_ID			GENMASK(14, 0)
#define S2CR(n)			(0xc00 + (n) * 4)
#define S2CR_TYPE		GENMASK(17, 16)
#define S2CR_TYPE_TRANS		0
#define S2CR_TYPE_BYPASS	1
#define S2CR_TYPE_FAULT		2
#define S2CR_CBNDX		GENMASK(7, 0)

/* In the second page */
#define CBAR(n)			((n) * 4)
#define CBAR_IRPTNDX		GENMASK(31, 24)
#define CBAR_TYPE		GENMASK(17, 16)
#define CBAR_TYPE_S2		0
#define CBAR_TYPE_S1		1
#define CBAR_VMID		GENMASK(7, 0)
#define CBFRSYNRA(n)		(0x400 + (n) * 4)
#define CBA2R(n)		(0x800 + (n) * 4)
#define CBA2R_VMID16		GENMASK(31, 16)
#define CBA2R_VA64		BIT(0)

/* In the page of each bank */
#define SCTLR			0x000
#define SCTLR_CFIE		BIT(6)
#define SCTLR_M			BIT(0)
#define ACTLR			0x004
#define ACTLR_CPRE		BIT(1)
#define TCR2			0x010
#define TCR2_AS			BIT(4)
#define TTBR0			0x020
#define TTBR1			0x028
#define TTBR_ASID16		GENMASK_ULL(63, 48)
#define TTBR_ASID8		GENMASK_ULL(55, 48)
#define TTBR_ADDR		GENMASK_ULL(47, 3)
#define TCR			0x030
#define TCR_EAE			BIT(31)
#define TCR_A1			BIT(22)
#define TCR_TG0			GENMASK(15, 14)
#define TCR_TG0_4K		0
#define TCR_TG0_64K		1
#define TCR_TG0_16K		2
#define TCR_EPD0		BIT(7)
#define TCR_T0SZ		GENMASK(5, 0)
#define TCR_T0SZ_AARCH32	GENMASK(2, 0)
#define VTCR_SL0		GENMASK(7, 6)
#define VTCR_T0SZ_AARCH32	GENMASK(3, 0)
#define FSR			0x058
#define FSR_MULTI		BIT(31)
#define FSR_PF			BIT(3)
#define FSR_TF			BIT(1)
#define FAR			0x060
#define FSYNR0			0x068
#define FSYNR0_S1CBNDX		GENMASK(23, 16)
#define FSYNR0_WNR		BIT(4)
#define TLBIVA			0x600
#define TLBIASID		0x610
#define TLBIVAL			0x620
#define TLBIIPAS2		0x630
#define TLBIIPAS2L		0x638
#define TLBSYNC			0x7f0
#define TLBSTATUS		0x7f4

/* Where invalidations are posted: to the bank of that number, or here */
#define GLOBAL_QUEUE		SMMU_BANKS
/* Has an entry after reset, and no device */
#define LEFT_STREAM		0x13
/* Instead of a bank */
#define BYPASS			(-1)

#define TAG_S2			BIT(31)
#define TAG_VMID		GENMASK(30, 16)
#define TAG_ASID		GENMASK(15, 0)

struct smmu {
	const struct smmu_variant *variant;
	/* No translation was found when one was last looked for */
	bool missing;
	/* A fault was there when the driver first let accesses through */
	bool started_faulted;
	u32 pages[2 + SMMU_BANKS][SZ_4K / sizeof(u32)];
};

static u32 *gr0(struct smmu *smmu, unsigned int offset)
{
	return &smmu->pages[0][offset / sizeof(u32)];
}

static u32 *gr1(struct smmu *smmu, unsigned int offset)
{
	return &smmu->pages[1][offset / sizeof(u32)];
}

static u32 *cb(struct smmu *smmu, unsigned int bank, unsigned int offset)
{
	return &smmu->pages[2 + bank][offset / sizeof(u32)];
}

static u64 get64(const u32 *reg)
{
	return reg[0] | (u64)reg[1] << 32;
}

static void put64(u32 *reg, u64 value)
{
	reg[0] = value;
	reg[1] = value >> 32;
}

static unsigned int bank_type(struct smmu *smmu, unsigned int bank)
{
	return FIELD_GET(CBAR_TYPE, *gr1(smmu, CBAR(bank)));
}

static bool bank_is_64bit(struct smmu *smmu, unsigned int bank)
{
	return *gr1(smmu, CBA2R(bank)) & CBA2R_VA64;
}

/* Of its pages, in bits, or 0 for what the SMMU does not have; alike for both stages */
static unsigned int bank_page_shift(struct smmu *smmu, unsigned int bank)
{
	u32 id2 = smmu->variant->id2;

	if (!bank_is_64bit(smmu, bank))
		return 12;

	switch (FIELD_GET(TCR_TG0, *cb(smmu, bank, TCR))) {
	case TCR_TG0_4K:
		return id2 & SMMU_ID2_4K ? 12 : 0;
	case TCR_TG0_16K:
		return id2 & SMMU_ID2_16K ? 14 : 0;
	case TCR_TG0_64K:
		return id2 & SMMU_ID2_64K ? 16 : 0;
	default:
		return 0;
	}
}

static u32 bank_vmid(struct smmu *smmu, unsigned int bank)
{
	if (*gr0(smmu, CR0) & CR0_VMID16EN)
		return FIELD_GET(CBA2R_VMID16, *gr1(smmu, CBA2R(bank)));
	return FIELD_GET(CBAR_VMID, *gr1(smmu, CBAR(bank)));
}

static u32 s1_tag(struct smmu *smmu, unsigned int bank, u32 asid)
{
	return FIELD_PREP(TAG_VMID, bank_vmid(smmu, bank)) | asid;
}

static u32 s2_tag(u32 vmid)
{
	return TAG_S2 | vmid;
}

static void smmu_reset_regs(struct hw_iommu *iommu)
{
	struct smmu *smmu = iommu->priv;
	unsigned int last;

	memset(smmu->pages, 0, sizeof(smmu->pages));
	*gr0(smmu, CR0) = CR0_CLIENTPD;
	/* Unknown after reset, and no instance's is that of another */
	*gr0(smmu, GFSR) = iommu->instance ? GFSR_SMCF : GFSR_USF;
	*gr0(smmu, ACR) = ACR_CACHE_LOCK;
	*gr0(smmu, ID0) = smmu->variant->id0;
	*gr0(smmu, ID1) = smmu->variant->id1;
	*gr0(smmu, ID2) = smmu->variant->id2;
	*gr0(smmu, ID7) = smmu->variant->id7;
	/* Firmware has left an entry, to be handed over or to be cleared */
	last = smmu->variant->handed_over ? 0 : SMMU_SMRS - 1;
	*gr0(smmu, SMR(last)) = SMR_VALID | (smmu->variant->handed_over ?: LEFT_STREAM);
	*gr0(smmu, S2CR(last)) = FIELD_PREP(S2CR_TYPE, S2CR_TYPE_BYPASS);
	*cb(smmu, SMMU_BANKS - 1, FSR) = FSR_TF;
	for (unsigned int bank = 0; bank < SMMU_BANKS; bank++)
		*cb(smmu, bank, ACTLR) = ACTLR_CPRE;
}

static void smmu_reset(struct hw_iommu *iommu)
{
	struct smmu *smmu = kzalloc_obj(*smmu);

	if (!smmu)
		panic("no memory for the registers of %s\n", iommu->desc->name);

	smmu->variant = container_of_const(iommu->desc, struct smmu_variant, desc);
	iommu->priv = smmu;
	smmu_reset_regs(iommu);
}

static void smmu_power_off(struct hw_iommu *iommu, unsigned int window,
			   struct hw_inval *lost)
{
	smmu_reset_regs(iommu);
}

/* Return the index in smmu::pages of the register at @offset, or -1 */
static int smmu_page(struct smmu *smmu, unsigned int *offset)
{
	unsigned int shift = smmu->variant->id1 & SMMU_ID1_64K_PAGES ? 16 : 12;
	unsigned int page = *offset >> shift;

	*offset &= BIT(shift) - 1;
	if (*offset >= SZ_4K)
		return -1;
	if (page < 2)
		return page;
	if (page < SMMU_PAGES || page >= SMMU_PAGES + SMMU_BANKS)
		return -1;
	return 2 + page - SMMU_PAGES;
}

/* Whether a sync that was written to the registers of @queue is under way */
static bool smmu_busy(struct hw_iommu *iommu, unsigned int queue)
{
	return hw_sync_busy(iommu, queue, iommu->first->stuck);
}

static u64 smmu_read(struct hw_iommu *iommu, unsigned int window,
		     unsigned int offset, unsigned int size)
{
	struct smmu *smmu = iommu->priv;
	int page = smmu_page(smmu, &offset);
	const u32 *reg;

	if (page < 0)
		return 0;
	if (page == 0 && offset == TLBGSTATUS)
		return smmu_busy(iommu, GLOBAL_QUEUE);
	if (page >= 2 && offset == TLBSTATUS)
		return smmu_busy(iommu, page - 2);

	reg = &smmu->pages[page][offset / sizeof(u32)];
	return size == sizeof(u64) ? get64(reg) : *reg;
}

static bool smmu_faulted(struct smmu *smmu)
{
	for (unsigned int bank = 0; bank < SMMU_BANKS; bank++)
		if (*cb(smmu, bank, FSR))
			return true;
	return *gr0(smmu, GFSR);
}

static void smmu_write_cr0(struct smmu *smmu, u32 value)
{
	if (*gr0(smmu, CR0) & CR0_CLIENTPD && !(value & CR0_CLIENTPD))
		smmu->started_faulted |= smmu_faulted(smmu);
	*gr0(smmu, CR0) = value;
}

static void smmu_write_s2cr(struct smmu *smmu, unsigned int offset, u32 value)
{
	u32 type = FIELD_GET(S2CR_TYPE, value);

	if (smmu->variant->bypass_faults && type == S2CR_TYPE_FAULT)
		return;
	if (smmu->variant->bypass_faults && type == S2CR_TYPE_BYPASS)
		FIELD_MODIFY(S2CR_TYPE, &value, S2CR_TYPE_FAULT);
	*gr0(smmu, offset) = value;
}

static void smmu_write_global(struct hw_iommu *iommu, unsigned int offset, u32 value)
{
	struct smmu *smmu = iommu->priv;

	switch (offset) {
	case CR0:
		smmu_write_cr0(smmu, value);
		break;
	case ID0 ... ID7:
		break;
	case GFSR:
		*gr0(smmu, GFSR) &= ~value;
		break;
	case TLBIVMID:
		/* That of its stage 1 too, if there were two stages */
		hw_post(iommu, &(struct hw_inval) {
			.caches = HW_ALL_CACHES,
			.tag = s2_tag(value & GENMASK(15, 0)),
			.queue = GLOBAL_QUEUE,
		});
		break;
	case TLBIALLNSNH:
		hw_post(iommu, &(struct hw_inval) {
			.caches = HW_ALL_CACHES,
			.tag = HW_ANY_TAG,
			.queue = GLOBAL_QUEUE,
		});
		break;
	case TLBGSYNC:
		hw_start_sync(iommu, GLOBAL_QUEUE, HW_ALL_QUEUES);
		break;
	case S2CR(0) ... S2CR(SMMU_SMRS - 1):
		smmu_write_s2cr(smmu, offset, value);
		break;
	default:
		*gr0(smmu, offset) = value;
	}
}

/* By address and ASID, which are packed as the format of the bank has it */
static void smmu_inval_va(struct hw_iommu *iommu, unsigned int bank, u32 caches,
			  u64 value)
{
	struct smmu *smmu = iommu->priv;
	bool is_64bit = bank_is_64bit(smmu, bank);

	if (smmu->variant->keeps_tables)
		caches &= ~HW_TABLES;

	hw_post(iommu, &(struct hw_inval) {
		.caches = caches,
		.tag = s1_tag(smmu, bank,
			      is_64bit ? value >> 48 : value & GENMASK(7, 0)),
		.iova = is_64bit ? (value & GENMASK_ULL(43, 0)) << 12 :
				   value & GENMASK(31, 12),
		.size = BIT(bank_page_shift(smmu, bank)),
		.queue = bank,
	});
}

static void smmu_inval_ipa(struct hw_iommu *iommu, unsigned int bank, u32 caches,
			   u64 value)
{
	hw_post(iommu, &(struct hw_inval) {
		.caches = caches,
		.tag = s2_tag(bank_vmid(iommu->priv, bank)),
		.iova = (value & GENMASK_ULL(35, 0)) << 12,
		.size = BIT(bank_page_shift(iommu->priv, bank)),
		.queue = bank,
	});
}

static void smmu_inval(struct hw_iommu *iommu, unsigned int bank,
		       unsigned int offset, u64 value)
{
	struct smmu *smmu = iommu->priv;
	bool s2 = bank_type(smmu, bank) == CBAR_TYPE_S2;

	if (s2 && !smmu->variant->v1 && offset == TLBIIPAS2)
		smmu_inval_ipa(iommu, bank, HW_ALL_CACHES, value);
	else if (s2 && !smmu->variant->v1 && offset == TLBIIPAS2L)
		smmu_inval_ipa(iommu, bank, HW_LEAVES, value);
	else if (!s2 && offset == TLBIVA)
		smmu_inval_va(iommu, bank, HW_ALL_CACHES, value);
	else if (!s2 && offset == TLBIVAL)
		smmu_inval_va(iommu, bank, HW_LEAVES, value);
	else if (!s2 && offset == TLBIASID)
		hw_post(iommu, &(struct hw_inval) {
			.caches = HW_ALL_CACHES,
			.tag = s1_tag(smmu, bank, FIELD_GET(TAG_ASID, value)),
			.spares_global = true,
			.queue = bank,
		});
}

static void smmu_write(struct hw_iommu *iommu, unsigned int window,
		       unsigned int offset, unsigned int size, u64 value)
{
	struct smmu *smmu = iommu->priv;
	int page = smmu_page(smmu, &offset);
	unsigned int bank = page - 2;

	if (page < 0)
		return;
	if (page == 0) {
		smmu_write_global(iommu, offset, value);
		return;
	}
	if (page == 1) {
		*gr1(smmu, offset) = value;
		return;
	}

	switch (offset) {
	case ACTLR:
		if (!(*gr0(smmu, ACR) & ACR_CACHE_LOCK))
			*cb(smmu, bank, ACTLR) = value;
		break;
	case FSR:
		*cb(smmu, bank, FSR) &= ~value;
		break;
	case TLBIVA ... TLBIIPAS2L:
		smmu_inval(iommu, bank, offset, value);
		break;
	case TLBSYNC:
		hw_start_sync(iommu, bank, BIT(bank));
		break;
	default:
		if (size == sizeof(u64))
			put64(cb(smmu, bank, offset), value);
		else
			*cb(smmu, bank, offset) = value;
	}
}

/* The entry for a stream: its S2CR, or -ENOENT, or -EEXIST if there is more than one */
static int smmu_match(struct smmu *smmu, u32 stream)
{
	int found = -ENOENT;
	u32 smr;

	if (!(smmu->variant->id0 & SMMU_ID0_SMS))
		return stream < BIT(FIELD_GET(SMMU_ID0_NUMSIDB, smmu->variant->id0)) ?
		       stream : -ENOENT;

	for (unsigned int i = 0; i < SMMU_SMRS; i++) {
		smr = *gr0(smmu, SMR(i));
		if (!(smr & SMR_VALID) ||
		    (stream ^ FIELD_GET(SMR_ID, smr)) & ~FIELD_GET(SMR_MASK, smr))
			continue;
		if (found >= 0)
			return -EEXIST;
		found = i;
	}
	return found;
}

/*
 * Return the bank that translates for a stream, or BYPASS, or -EFAULT with the reason
 * in @gfsr
 */
static int smmu_bank(struct smmu *smmu, u32 stream, u32 *gfsr)
{
	u32 cr0 = *gr0(smmu, CR0), s2cr, bank;
	int entry;

	if (cr0 & CR0_CLIENTPD)
		return BYPASS;

	entry = smmu_match(smmu, stream);
	if (entry == -ENOENT && !(cr0 & CR0_USFCFG))
		return BYPASS;
	if (entry < 0) {
		*gfsr = entry == -ENOENT ? GFSR_USF : GFSR_SMCF;
		return -EFAULT;
	}

	s2cr = *gr0(smmu, S2CR(entry));
	if (FIELD_GET(S2CR_TYPE, s2cr) == S2CR_TYPE_BYPASS)
		return BYPASS;
	bank = FIELD_GET(S2CR_CBNDX, s2cr);
	if (FIELD_GET(S2CR_TYPE, s2cr) != S2CR_TYPE_TRANS || bank >= SMMU_BANKS) {
		*gfsr = GFSR_ICF;
		return -EFAULT;
	}
	return *cb(smmu, bank, SCTLR) & SCTLR_M ? bank : BYPASS;
}

/* Stage 1. Return how many bits of address the table has, or 0 */
static unsigned int smmu_s1_root(struct smmu *smmu, unsigned int bank,
				 struct hw_root *root)
{
	bool is_64bit = bank_is_64bit(smmu, bank);
	u32 tcr = *cb(smmu, bank, TCR);
	u64 asid = get64(cb(smmu, bank, tcr & TCR_A1 ? TTBR1 : TTBR0));
	unsigned int bits;

	if (tcr & TCR_EPD0)
		return 0;

	if (is_64bit) {
		bits = 64 - FIELD_GET(TCR_T0SZ, tcr);
		if (bits < 25 || bits > 48)
			return 0;
	} else {
		if (!(tcr & TCR_EAE))
			return 0;
		bits = 32 - FIELD_GET(TCR_T0SZ_AARCH32, tcr);
	}

	asid = is_64bit && *cb(smmu, bank, TCR2) & TCR2_AS ?
	       FIELD_GET(TTBR_ASID16, asid) : FIELD_GET(TTBR_ASID8, asid);
	root->tag = s1_tag(smmu, bank, asid);
	root->level = 4 - DIV_ROUND_UP(bits - root->page_shift, root->page_shift - 3);
	return bits;
}

/* Stage 2: the first tables may be up to 16, one after the other */
static unsigned int smmu_s2_root(struct smmu *smmu, unsigned int bank,
				 struct hw_root *root)
{
	u32 vtcr = *cb(smmu, bank, TCR);
	unsigned int bits, index_bits, table_bits;

	if (bank_is_64bit(smmu, bank))
		bits = 64 - FIELD_GET(TCR_T0SZ, vtcr);
	else
		bits = 32 - sign_extend32(FIELD_GET(VTCR_T0SZ_AARCH32, vtcr), 3);

	root->tag = s2_tag(bank_vmid(smmu, bank));
	/* Counted from the last level, in one fewer if pages are of 4K */
	root->level = (root->page_shift == 12 ? 2 : 3) - (int)FIELD_GET(VTCR_SL0, vtcr);
	if (root->level < 0)
		return 0;
	index_bits = root->page_shift - 3;
	table_bits = root->page_shift + index_bits * (4 - root->level);
	return bits > table_bits - index_bits && bits <= table_bits + 4 ? bits : 0;
}

static int smmu_stream(struct hw_iommu *iommu, u32 stream, u64 iova,
		       struct hw_root *root)
{
	struct smmu *smmu = iommu->priv;
	unsigned int bits = 0;
	u32 gfsr;
	int bank;

	bank = smmu_bank(smmu, stream, &gfsr);
	if (bank < 0)
		return bank == BYPASS ? 1 : -EFAULT;

	root->page_shift = bank_page_shift(smmu, bank);
	if (!root->page_shift)
		bits = 0;
	else if (bank_type(smmu, bank) == CBAR_TYPE_S1)
		bits = smmu_s1_root(smmu, bank, root);
	else if (bank_type(smmu, bank) == CBAR_TYPE_S2)
		bits = smmu_s2_root(smmu, bank, root);
	smmu->missing = !bits || iova >> bits;
	if (smmu->missing)
		return -EFAULT;

	root->table = get64(cb(smmu, bank, TTBR0)) & TTBR_ADDR;
	return 0;
}

static int smmu_step(struct hw_iommu *iommu, const struct hw_root *root, u64 table,
		     int level, u64 iova, struct hw_entry *entry)
{
	struct smmu *smmu = iommu->priv;
	int ret = hw_lpae_step(iommu, root, table, level, root->tag & TAG_S2, iova, entry);

	smmu->missing = ret;
	return ret;
}

/* Return the interrupt, or -1 */
static int smmu_global_fault(struct hw_iommu *iommu, u32 gfsr, u32 stream, u64 iova,
			     bool write)
{
	struct smmu *smmu = iommu->priv;

	if (*gr0(smmu, GFSR)) {
		*gr0(smmu, GFSR) |= GFSR_MULTI;
	} else {
		*gr0(smmu, GFSR) = gfsr;
		put64(gr0(smmu, GFAR), iova);
		*gr0(smmu, GFSYNR0) = write ? GFSYNR0_WNR : 0;
		*gr0(smmu, GFSYNR1) = stream;
	}
	return *gr0(smmu, CR0) & CR0_GFIE ? iommu->instance : -1;
}

static int smmu_context_fault(struct smmu *smmu, unsigned int bank, u32 stream,
			      u64 iova, bool write)
{
	if (*cb(smmu, bank, FSR)) {
		*cb(smmu, bank, FSR) |= FSR_MULTI;
	} else {
		*cb(smmu, bank, FSR) = smmu->missing ? FSR_TF : FSR_PF;
		put64(cb(smmu, bank, FAR), iova);
		*cb(smmu, bank, FSYNR0) = FIELD_PREP(FSYNR0_S1CBNDX, bank) |
					  (write ? FSYNR0_WNR : 0);
		*gr1(smmu, CBFRSYNRA(bank)) = stream;
	}
	if (!(*cb(smmu, bank, SCTLR) & SCTLR_CFIE))
		return -1;
	if (smmu->variant->one_irq)
		return 0;
	if (smmu->variant->v1)
		return 1 + FIELD_GET(CBAR_IRPTNDX, *gr1(smmu, CBAR(bank)));
	return 1 + bank;
}

static void smmu_fault(struct hw_iommu *iommu, u32 stream, u64 iova, bool write)
{
	struct smmu *smmu = iommu->priv;
	int bank, line = -1;
	u32 gfsr;

	scoped_guard(spinlock_irqsave, &iommu->lock) {
		bank = smmu_bank(smmu, stream, &gfsr);
		if (bank == -EFAULT)
			line = smmu_global_fault(iommu, gfsr, stream, iova, write);
		else if (bank >= 0)
			line = smmu_context_fault(smmu, bank, stream, iova, write);
	}
	if (line >= 0)
		hw_raise_irq(iommu, line);
}

/**
 * hw_smmu_faulted() - whether an SMMU has a fault that the driver has not cleared
 * @iommu: an instance of it
 *
 * Return: true if it has, in any bank or in none.
 */
bool hw_smmu_faulted(struct hw_iommu *iommu)
{
	struct smmu *smmu = iommu->priv;

	guard(spinlock_irqsave)(&iommu->lock);
	return smmu_faulted(smmu);
}

/**
 * hw_smmu_started_faulted() - whether one was there when the driver began
 * @iommu: an instance of it
 *
 * Return: true if any was left when it first let accesses through.
 */
bool hw_smmu_started_faulted(struct hw_iommu *iommu)
{
	struct smmu *smmu = iommu->priv;

	return smmu->started_faulted;
}

const struct hw_ops hw_smmu_ops = {
	.reset = smmu_reset,
	.read = smmu_read,
	.write = smmu_write,
	.stream = smmu_stream,
	.step = smmu_step,
	.fault = smmu_fault,
	.power_off = smmu_power_off,
};

OF_OVERLAY_DECLARE(arm_smmu_s1);
OF_OVERLAY_DECLARE(arm_smmu_s2);
OF_OVERLAY_DECLARE(arm_smmu_s2_32);
OF_OVERLAY_DECLARE(arm_smmu_s1_32);
OF_OVERLAY_DECLARE(arm_smmu_v1);

/* 48 bits of address, as an MMU-500 */
static const struct smmu_variant smmu_s1 = {
	.desc = {
		.name = "arm-smmu, stage 1",
		.windows = { SMMU_WINDOW(0x600200000, SZ_1M) },
		.masters = {
			{ "/arm-smmu-s1-master0", 0x400 },
			{ "/arm-smmu-s1-master1", 0x7002 },
		},
		.streams = BIT(15),
		.iova = BIT_ULL(40) + SZ_16M,
		.exact = true,
		.commands.entry = { 1, 0 },
		.commands.table = { 1, 1 },
		.overlay = of_overlay_begin(arm_smmu_s1),
		.overlay_end = of_overlay_end(arm_smmu_s1),
		SMMU_DESC("/arm-smmu-s1"),
	},
	SMMU_500(SMMU_ID2_4K),
};

/* 40 bits of address: the first table is two, and tests map in the second */
static const struct smmu_variant smmu_s2 = {
	.desc = {
		.name = "arm-smmu, stage 2",
		.windows = { SMMU_WINDOW(0x600300000, SZ_64K) },
		.masters = {
			{ "/arm-smmu-s2-master0", 1 },
			{ "/arm-smmu-s2-master1", 2 },
		},
		.streams = BIT(15),
		.iova = BIT_ULL(39) + SZ_16M,
		.exact = true,
		.commands.entry = { 1, 0 },
		.commands.table = { 1, 1 },
		.overlay = of_overlay_begin(arm_smmu_s2),
		.overlay_end = of_overlay_end(arm_smmu_s2),
		.first_tag = TAG_S2,
		SMMU_DESC("/arm-smmu-s2"),
	},
	.id0 = SMMU_ID0(SMMU_BANKS) | SMMU_ID0_SMRS | SMMU_ID0_S2TS |
	       SMMU_ID0_NO_AARCH32 | SMMU_ID0_NO_AARCH32S | SMMU_ID0_CTTW,
	.id1 = SMMU_ID1 | FIELD_PREP_CONST(SMMU_ID1_NUMS2CB, SMMU_BANKS),
	.id2 = SMMU_ID2_4K | SMMU_ID2_VMID16 | FIELD_PREP_CONST(SMMU_ID2_UBS, 2) |
	       FIELD_PREP_CONST(SMMU_ID2_OAS, 2) | FIELD_PREP_CONST(SMMU_ID2_IAS, 2),
};

/* 40 bits of address in formats of AArch32 alone */
static const struct smmu_variant smmu_s2_32 = {
	.desc = {
		.name = "arm-smmu, stage 2 of 32 bits",
		.windows = { SMMU_WINDOW(0x600490000, SZ_64K) },
		.masters = {
			{ "/arm-smmu-s2-32-master0", 1 },
			{ "/arm-smmu-s2-32-master1", 2 },
		},
		.streams = BIT(15),
		.iova = BIT_ULL(39) + SZ_16M,
		.exact = true,
		.commands.entry = { 1, 0 },
		.commands.table = { 1, 1 },
		.overlay = of_overlay_begin(arm_smmu_s2_32),
		.overlay_end = of_overlay_end(arm_smmu_s2_32),
		.first_tag = TAG_S2,
		SMMU_DESC("/arm-smmu-s2-32"),
	},
	.id0 = SMMU_ID0(SMMU_BANKS) | SMMU_ID0_SMRS | SMMU_ID0_S2TS |
	       SMMU_ID0_NO_AARCH32S | SMMU_ID0_CTTW,
	.id1 = SMMU_ID1 | FIELD_PREP_CONST(SMMU_ID1_NUMS2CB, SMMU_BANKS),
	.id2 = FIELD_PREP_CONST(SMMU_ID2_OAS, 2) | FIELD_PREP_CONST(SMMU_ID2_IAS, 2),
};

/* 32 bits of address, no stream matching, table walks that are not coherent */
static const struct smmu_variant smmu_s1_32 = {
	.desc = {
		.name = "arm-smmu, stage 1 of 32 bits",
		.windows = { SMMU_WINDOW(0x600400000, SZ_64K) },
		.masters = {
			{ "/arm-smmu-s1-32-master0", 3 },
			{ "/arm-smmu-s1-32-master1", 6 },
		},
		.streams = BIT(3),
		.iova = 0xc1000000,
		.no_snoop = true,
		.exact = true,
		.commands.entry = { 1, 0 },
		.commands.table = { 1, 1 },
		.overlay = of_overlay_begin(arm_smmu_s1_32),
		.overlay_end = of_overlay_end(arm_smmu_s1_32),
		SMMU_DESC("/arm-smmu-s1-32"),
	},
	.id0 = SMMU_ID0(SMMU_BANKS) | FIELD_PREP_CONST(SMMU_ID0_NUMSIDB, 3) |
	       SMMU_ID0_S1TS | SMMU_ID0_NO_AARCH32S,
	.id1 = SMMU_ID1,
	.id2 = FIELD_PREP_CONST(SMMU_ID2_UBS, 0) | FIELD_PREP_CONST(SMMU_ID2_OAS, 2) |
	       FIELD_PREP_CONST(SMMU_ID2_IAS, 2),
};

/* Version 1: stage 2 is invalidated by VMID alone, and banks share interrupts */
static const struct smmu_variant smmu_v1 = {
	.desc = {
		.name = "arm-smmu, version 1",
		.windows = { SMMU_WINDOW(0x600480000, SZ_64K) },
		.masters = {
			{ "/arm-smmu-v1-master0", 1 },
			{ "/arm-smmu-v1-master1", 2 },
		},
		.streams = BIT(15),
		.iova = BIT_ULL(39) + SZ_16M,
		.commands.run = { 1, 0 },
		.commands.table = { 1, 1 },
		.overlay = of_overlay_begin(arm_smmu_v1),
		.overlay_end = of_overlay_end(arm_smmu_v1),
		.first_tag = TAG_S2,
		SMMU_DESC("/arm-smmu-v1"),
	},
	.id0 = SMMU_ID0(2) | SMMU_ID0_SMRS | SMMU_ID0_S2TS | SMMU_ID0_NO_AARCH32S |
	       SMMU_ID0_CTTW,
	.id1 = SMMU_ID1 | FIELD_PREP_CONST(SMMU_ID1_NUMS2CB, SMMU_BANKS),
	.id2 = FIELD_PREP_CONST(SMMU_ID2_OAS, 2) | FIELD_PREP_CONST(SMMU_ID2_IAS, 2),
	.v1 = true,
};

HW_IOMMU(arm_smmu_s1, smmu_s1.desc);
HW_IOMMU(arm_smmu_s2, smmu_s2.desc);
HW_IOMMU(arm_smmu_s2_32, smmu_s2_32.desc);
HW_IOMMU(arm_smmu_s1_32, smmu_s1_32.desc);
HW_IOMMU(arm_smmu_v1, smmu_v1.desc);

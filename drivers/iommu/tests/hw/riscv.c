// SPDX-License-Identifier: GPL-2.0-only
/*
 * Models of the RISC-V IOMMU, as its architecture specification defines it
 *
 * Two of them, as far apart as the specification lets them be. "riscv" has Sv57 and
 * three levels of device directory in the extended format, and knows invalidations of
 * ranges and of non-leaf entries; "riscv-base" has Sv39, one level in the base format,
 * a single interrupt, and neither.
 *
 * Commands are executed as far as the next IOFENCE.C. What they invalidate is certain
 * to be gone once the fence has completed, that is, once the head of the queue is past
 * it. Device contexts are cached as well, until IODIR.INVAL_DDT. Translations that are
 * contiguous (Svnapot) are cached page by page. There is no second stage, no process
 * directory and no ATS.
 */
#include "cases.h"

#include <linux/bitfield.h>
#include <linux/delay.h>
#include <linux/sizes.h>

#define CAPABILITIES		0x0000
#define CAP_VERSION_1_0		0x10
#define CAP_SV39		BIT_ULL(9)
#define CAP_SV48		BIT_ULL(10)
#define CAP_SV57		BIT_ULL(11)
#define CAP_MSI_FLAT		BIT_ULL(22)
#define CAP_IGS_WSI		BIT_ULL(28)
#define CAP_PAS_56		(56ULL << 32)
#define CAP_NL			BIT_ULL(42)
#define CAP_S			BIT_ULL(43)
#define FCTL			0x0008
#define FCTL_WSI		BIT(1)
#define DDTP			0x0010
#define DDTP_MODE		GENMASK_ULL(3, 0)
#define DDTP_OFF		0
#define DDTP_BARE		1
#define DDTP_1LVL		2
#define DDTP_BUSY		BIT_ULL(4)
#define CQB			0x0018
#define CQH			0x0020
#define CQT			0x0024
#define FQB			0x0028
#define FQH			0x0030
#define FQT			0x0034
#define CQCSR			0x0048
#define CQCSR_CMD_ILL		BIT(10)
#define CQCSR_ERRORS		GENMASK(11, 8)
#define FQCSR			0x004c
#define FQCSR_OVERFLOW		BIT(9)
#define FQCSR_ERRORS		GENMASK(9, 8)
#define QCSR_ENABLE		BIT(0)
#define QCSR_INTR		BIT(1)
#define QCSR_ON			BIT(16)
#define IPSR			0x0054
#define IPSR_FIP		BIT(1)
#define ICVEC			0x02f8
#define ICVEC_FIV		GENMASK(7, 4)

#define PPN			GENMASK_ULL(53, 10)
#define LOG2SZ			GENMASK_ULL(4, 0)

#define CMD_OPCODE		GENMASK_ULL(9, 0)	/* with the function */
#define CMD_IOTINVAL_VMA	1
#define CMD_IOFENCE_C		2
#define CMD_IODIR_INVAL_DDT	3
#define CMD_AV			BIT_ULL(10)
#define CMD_PSCID		GENMASK_ULL(31, 12)
#define CMD_PSCV		BIT_ULL(32)
#define CMD_GV			BIT_ULL(33)
#define CMD_NL			BIT_ULL(34)
#define CMD_DV			BIT_ULL(33)
#define CMD_DID			GENMASK_ULL(63, 40)
#define CMD1_S			BIT_ULL(9)
#define CMD1_ADDR		GENMASK_ULL(61, 10)

#define DDTE_V			BIT_ULL(0)
#define DC_TC_V			BIT_ULL(0)
#define DC_TA_PSCID		GENMASK_ULL(31, 12)
#define DC_FSC_MODE		GENMASK_ULL(63, 60)
#define DC_FSC_PPN		GENMASK_ULL(43, 0)
#define FSC_BARE		0
#define FSC_SV39		8
#define FSC_SV57		10

#define PTE_V			BIT_ULL(0)
#define PTE_R			BIT_ULL(1)
#define PTE_W			BIT_ULL(2)
#define PTE_X			BIT_ULL(3)
#define PTE_U			BIT_ULL(4)
#define PTE_A			BIT_ULL(6)
#define PTE_D			BIT_ULL(7)
#define PTE_RESERVED		GENMASK_ULL(62, 54)	/* without Svpbmt */
#define PTE_N			BIT_ULL(63)
#define PTE_NAPOT		GENMASK_ULL(13, 10)
#define PTE_NAPOT_64K		BIT_ULL(13)

#define CAUSE_READ		13
#define CAUSE_WRITE		15
#define CAUSE_DMA_DISABLED	256
#define CAUSE_DDT_INVALID	258
#define CAUSE_DDT_MISCONFIGURED	259
#define FQ_TTYP			GENMASK_ULL(39, 34)
#define FQ_TTYP_READ		2
#define FQ_TTYP_WRITE		3
#define FQ_DID			GENMASK_ULL(63, 40)

/* A device context, as cached */
struct riscv_dc {
	bool valid;
	bool posted;
	u32 did;
	u64 ta;
	u64 fsc;
};

struct riscv {
	u64 caps;
	unsigned int max_cq_log2sz;
	unsigned int max_fq_log2sz;
	unsigned int max_mode;

	u32 fctl;
	u64 ddtp;
	u64 cqb;
	u32 cqh;
	u32 cqt;
	u32 cqcsr;
	bool fence;		/* at the head of the queue, and begun */
	u64 fqb;
	u32 fqh;
	u32 fqt;
	u32 fqcsr;
	u32 ipsr;
	u32 icvec;
	struct riscv_dc dcs[4];
};

/* A small queue of commands wraps around, and has to be waited for */
static struct riscv riscv_full = {
	.caps = CAP_VERSION_1_0 | CAP_SV39 | CAP_SV48 | CAP_SV57 | CAP_MSI_FLAT |
		CAP_IGS_WSI | CAP_PAS_56 | CAP_NL | CAP_S,
	.max_cq_log2sz = 3,
	.max_fq_log2sz = 15,
	.max_mode = DDTP_1LVL + 2,
};

static struct riscv riscv_base = {
	.caps = CAP_VERSION_1_0 | CAP_SV39 | CAP_IGS_WSI | CAP_PAS_56,
	.max_cq_log2sz = 15,
	.max_fq_log2sz = 15,
	.max_mode = DDTP_1LVL,
};

static u64 riscv_ppn(u64 value)
{
	return FIELD_GET(PPN, value) << 12;
}

static u32 riscv_mask(u64 qb)
{
	return (2U << FIELD_GET(LOG2SZ, qb)) - 1;
}

/* Return false if there can be no such command */
static bool riscv_iotinval(struct hw_iommu *iommu, u64 cmd0, u64 cmd1)
{
	struct riscv *riscv = iommu->priv;
	struct hw_inval inval = {
		.caches = HW_ALL_CACHES,
		.tag = cmd0 & CMD_PSCV ? FIELD_GET(CMD_PSCID, cmd0) : HW_ANY_TAG,
	};
	u64 pfn, pages = 1;

	if ((cmd0 & CMD_NL && !(riscv->caps & CAP_NL)) ||
	    (cmd1 & CMD1_S && !(riscv->caps & CAP_S)))
		return false;
	/* Of a guest, and no device is a guest's */
	if (cmd0 & CMD_GV)
		return true;

	if (cmd0 & CMD_AV) {
		pfn = FIELD_GET(CMD1_ADDR, cmd1);
		if (cmd1 & CMD1_S) {
			/* As many pages as the lowest zero bit says */
			pages = 2ULL << __ffs64(~pfn);
			pfn &= ~(pages - 1);
		}
		inval.iova = pfn << 12;
		inval.size = pages << 12;
		if (!(cmd0 & CMD_NL))
			inval.caches = HW_LEAVES;
	}
	hw_post(iommu, &inval);
	return true;
}

static void riscv_iodir_inval(struct riscv *riscv, u64 cmd0)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(riscv->dcs); i++)
		if (!(cmd0 & CMD_DV) || riscv->dcs[i].did == FIELD_GET(CMD_DID, cmd0))
			riscv->dcs[i].posted = true;
}

static void riscv_run(struct hw_iommu *iommu)
{
	struct riscv *riscv = iommu->priv;
	bool legal = true;
	u64 cmd, cmd0;

	while (riscv->cqh != riscv->cqt && riscv->cqcsr & QCSR_ON &&
	       !(riscv->cqcsr & CQCSR_ERRORS) && !riscv->fence) {
		cmd = riscv_ppn(riscv->cqb) + riscv->cqh * 16;
		cmd0 = hw_load64(iommu, cmd);

		switch (FIELD_GET(CMD_OPCODE, cmd0)) {
		case CMD_IOTINVAL_VMA:
			legal = riscv_iotinval(iommu, cmd0, hw_load64(iommu, cmd + 8));
			break;
		case CMD_IODIR_INVAL_DDT:
			riscv_iodir_inval(riscv, cmd0);
			break;
		case CMD_IOFENCE_C:
			hw_start(iommu);
			riscv->fence = true;
			return;
		default:
			legal = false;
			break;
		}
		if (legal)
			riscv->cqh = (riscv->cqh + 1) & riscv_mask(riscv->cqb);
		else
			riscv->cqcsr |= CQCSR_CMD_ILL;
	}
}

static u32 riscv_read_cqh(struct hw_iommu *iommu)
{
	struct riscv *riscv = iommu->priv;
	unsigned int i;

	/* The driver polls for 90 s without a pause, which virtual time has no end of */
	if (riscv->fence && iommu->stuck)
		mdelay(10);
	if (riscv->fence && !hw_busy(iommu)) {
		for (i = 0; i < ARRAY_SIZE(riscv->dcs); i++)
			if (riscv->dcs[i].posted)
				riscv->dcs[i] = (struct riscv_dc) {};

		riscv->fence = false;
		riscv->cqh = (riscv->cqh + 1) & riscv_mask(riscv->cqb);
		riscv_run(iommu);
	}
	return riscv->cqh;
}

static u64 riscv_read(struct hw_iommu *iommu, unsigned int window,
		      unsigned int offset, unsigned int size)
{
	struct riscv *riscv = iommu->priv;
	u64 value;

	switch (offset) {
	case CAPABILITIES:
		return riscv->caps;
	case FCTL:
		return riscv->fctl;
	case DDTP:
		value = riscv->ddtp;
		riscv->ddtp &= ~DDTP_BUSY;
		return value;
	case CQB:
		return riscv->cqb;
	case CQH:
		return riscv_read_cqh(iommu);
	case CQT:
		return riscv->cqt;
	case CQCSR:
		return riscv->cqcsr;
	case FQB:
		return riscv->fqb;
	case FQH:
		return riscv->fqh;
	case FQT:
		return riscv->fqt;
	case FQCSR:
		return riscv->fqcsr;
	case IPSR:
		return riscv->ipsr;
	case ICVEC:
		return riscv->icvec;
	default:
		return 0;
	}
}

static u64 riscv_legal_qb(u64 value, unsigned int max_log2sz)
{
	u64 log2sz = FIELD_GET(LOG2SZ, value);

	log2sz = min(log2sz, max_log2sz);
	return (value & PPN) | FIELD_PREP(LOG2SZ, log2sz);
}

static void riscv_write_qcsr(u32 *qcsr, u32 value, u32 errors)
{
	*qcsr &= ~(value & errors);
	*qcsr &= ~(QCSR_ENABLE | QCSR_INTR | QCSR_ON);
	*qcsr |= value & (QCSR_ENABLE | QCSR_INTR);
	if (value & QCSR_ENABLE)
		*qcsr |= QCSR_ON;
}

static void riscv_write(struct hw_iommu *iommu, unsigned int window,
			unsigned int offset, unsigned int size, u64 value)
{
	struct riscv *riscv = iommu->priv;

	switch (offset) {
	case FCTL:
		riscv->fctl = value & FCTL_WSI;
		break;
	case DDTP:
		if (FIELD_GET(DDTP_MODE, value) <= riscv->max_mode)
			riscv->ddtp = (value & (PPN | DDTP_MODE)) | DDTP_BUSY;
		break;
	case CQB:
		riscv->cqb = riscv_legal_qb(value, riscv->max_cq_log2sz);
		break;
	case CQT:
		riscv->cqt = value & riscv_mask(riscv->cqb);
		riscv_run(iommu);
		break;
	case CQCSR:
		if (value & QCSR_ENABLE && !(riscv->cqcsr & QCSR_ON)) {
			riscv->cqh = 0;
			riscv->cqcsr &= ~CQCSR_ERRORS;
		}
		riscv_write_qcsr(&riscv->cqcsr, value, CQCSR_ERRORS);
		riscv_run(iommu);
		break;
	case FQB:
		riscv->fqb = riscv_legal_qb(value, riscv->max_fq_log2sz);
		break;
	case FQH:
		riscv->fqh = value & riscv_mask(riscv->fqb);
		break;
	case FQCSR:
		if (value & QCSR_ENABLE && !(riscv->fqcsr & QCSR_ON)) {
			riscv->fqt = 0;
			riscv->fqcsr &= ~FQCSR_ERRORS;
		}
		riscv_write_qcsr(&riscv->fqcsr, value, FQCSR_ERRORS);
		break;
	case IPSR:
		riscv->ipsr &= ~value;
		break;
	case ICVEC:
		riscv->icvec = value & GENMASK(15, 0);
		break;
	}
}

/* Return 0, or the cause of the fault */
static int riscv_walk_ddt(struct hw_iommu *iommu, u32 did, struct riscv_dc *dc)
{
	struct riscv *riscv = iommu->priv;
	bool extended = riscv->caps & CAP_MSI_FLAT;
	unsigned int shift = extended ? 6 : 7;
	unsigned int mode = FIELD_GET(DDTP_MODE, riscv->ddtp);
	u64 table = riscv_ppn(riscv->ddtp);
	u64 context, tc;
	int level;

	if (mode == DDTP_OFF)
		return CAUSE_DMA_DISABLED;

	for (level = mode - DDTP_1LVL; level; level--) {
		u32 index = did >> (shift + 9 * (level - 1)) & 511;
		u64 entry = hw_load64(iommu, table + index * sizeof(entry));

		if (!(entry & DDTE_V))
			return CAUSE_DDT_INVALID;
		table = riscv_ppn(entry);
	}

	context = table + (did & (BIT(shift) - 1)) * (extended ? 64 : 32);
	tc = hw_load64(iommu, context);
	if (!(tc & DC_TC_V))
		return CAUSE_DDT_INVALID;
	/* All the rest is about what there is not; so is the second stage */
	if (tc != DC_TC_V || hw_load64(iommu, context + 8))
		return CAUSE_DDT_MISCONFIGURED;

	*dc = (struct riscv_dc) {
		.valid = true,
		.did = did,
		.ta = hw_load64(iommu, context + 16),
		.fsc = hw_load64(iommu, context + 24),
	};
	return 0;
}

static const struct riscv_dc *riscv_context(struct hw_iommu *iommu, u32 did)
{
	struct riscv *riscv = iommu->priv;
	struct riscv_dc *dc, *unused = NULL;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(riscv->dcs); i++) {
		dc = &riscv->dcs[i];
		if (dc->valid && dc->did == did)
			return dc;
		if (!dc->valid)
			unused = dc;
	}
	return riscv_walk_ddt(iommu, did, unused) ? NULL : unused;
}

static int riscv_stream(struct hw_iommu *iommu, u32 stream, u64 iova,
			struct hw_root *root)
{
	struct riscv *riscv = iommu->priv;
	const struct riscv_dc *dc;
	unsigned int mode;

	if (FIELD_GET(DDTP_MODE, riscv->ddtp) == DDTP_BARE)
		return 1;

	dc = riscv_context(iommu, stream);
	if (!dc)
		return -EFAULT;

	mode = FIELD_GET(DC_FSC_MODE, dc->fsc);
	if (mode == FSC_BARE)
		return 1;
	if (mode < FSC_SV39 || mode > FSC_SV57 ||
	    !(riscv->caps & CAP_SV39 << (mode - FSC_SV39)))
		return -EFAULT;

	root->tag = FIELD_GET(DC_TA_PSCID, dc->ta);
	root->table = FIELD_GET(DC_FSC_PPN, dc->fsc) << 12;
	root->level = 2 + mode - FSC_SV39;
	return 0;
}

static int riscv_step(struct hw_iommu *iommu, const struct hw_root *root, u64 table,
		      int level, u64 iova, struct hw_entry *entry)
{
	unsigned int shift = 12 + 9 * level;
	u64 pte = hw_load64(iommu, table + (iova >> shift & 511) * sizeof(pte));
	u64 size = BIT_ULL(shift);

	/* Addresses are sign-extended */
	if (sign_extend64(iova, 12 + 9 * (root->level + 1) - 1) != iova)
		return -EFAULT;
	if (!(pte & PTE_V) || pte & PTE_RESERVED || (pte & PTE_W && !(pte & PTE_R)))
		return -EFAULT;

	entry->size = size;
	entry->iova = ALIGN_DOWN(iova, size);
	entry->addr = riscv_ppn(pte);

	if (!(pte & (PTE_R | PTE_X))) {
		if (!level || pte & (PTE_N | PTE_U | PTE_A | PTE_D))
			return -EFAULT;
		entry->table = true;
		entry->level = level - 1;
		return 0;
	}

	/* Devices act as users, and nobody sets the accessed and dirty bits for them */
	if (!(pte & PTE_U) || !(pte & PTE_A))
		return -EFAULT;
	if (pte & PTE_N) {
		if (level || (pte & PTE_NAPOT) != PTE_NAPOT_64K)
			return -EFAULT;
		entry->addr = ALIGN_DOWN(entry->addr, SZ_64K) +
			      (entry->iova & (SZ_64K - 1));
	} else if (!IS_ALIGNED(entry->addr, size)) {
		return -EFAULT;
	}
	entry->prot = (pte & PTE_R ? HW_READ : 0) |
		      (pte & PTE_W && pte & PTE_D ? HW_WRITE : 0);
	return 0;
}

/* Return the interrupt to be raised, or -1 */
static int riscv_report(struct hw_iommu *iommu, u32 stream, u64 iova, bool write)
{
	struct riscv *riscv = iommu->priv;
	u32 next = (riscv->fqt + 1) & riscv_mask(riscv->fqb);
	struct riscv_dc dc;
	__le64 *record;
	u64 cause;

	guard(spinlock_irqsave)(&iommu->lock);

	if (!(riscv->fqcsr & QCSR_ON) || riscv->fqcsr & FQCSR_ERRORS)
		return -1;

	if (next == riscv->fqh) {
		riscv->fqcsr |= FQCSR_OVERFLOW;
	} else {
		cause = riscv_walk_ddt(iommu, stream, &dc) ?:
			write ? CAUSE_WRITE : CAUSE_READ;
		record = phys_to_virt(riscv_ppn(riscv->fqb) + riscv->fqt * 32);
		record[0] = cpu_to_le64(cause | FIELD_PREP(FQ_DID, stream) |
			FIELD_PREP(FQ_TTYP, write ? FQ_TTYP_WRITE : FQ_TTYP_READ));
		record[1] = 0;
		record[2] = cpu_to_le64(iova);
		record[3] = 0;
		riscv->fqt = next;
	}

	if (!(riscv->fqcsr & QCSR_INTR) || riscv->ipsr & IPSR_FIP)
		return -1;
	riscv->ipsr |= IPSR_FIP;
	return riscv->fctl & FCTL_WSI ? FIELD_GET(ICVEC_FIV, riscv->icvec) : -1;
}

static void riscv_fault(struct hw_iommu *iommu, u32 stream, u64 iova, bool write)
{
	int line = riscv_report(iommu, stream, iova, write);

	if (line >= 0)
		hw_raise_irq(iommu, line);
}

static void riscv_full_reset(struct hw_iommu *iommu)
{
	iommu->priv = &riscv_full;
}

static void riscv_base_reset(struct hw_iommu *iommu)
{
	iommu->priv = &riscv_base;
}

static const struct hw_ops riscv_full_ops = {
	.reset = riscv_full_reset,
	.read = riscv_read,
	.write = riscv_write,
	.stream = riscv_stream,
	.step = riscv_step,
	.fault = riscv_fault,
};

static const struct hw_ops riscv_base_ops = {
	.reset = riscv_base_reset,
	.read = riscv_read,
	.write = riscv_write,
	.stream = riscv_stream,
	.step = riscv_step,
	.fault = riscv_fault,
};

OF_OVERLAY_DECLARE(riscv);
OF_OVERLAY_DECLARE(riscv_base);

static const struct hw_desc riscv_desc = {
	.name = "riscv-iommu",
	.kind = HW_RANGE,
	.commands.sync = { 1, 1 },
	.exact = true,
	.logs_faults = true,
	.reports_stuck = true,
	.stuck_for_long = true,
	.overlay = of_overlay_begin(riscv),
	.overlay_end = of_overlay_end(riscv),
	.windows = { { 0x600600000, SZ_4K } },
	.soc = "/riscv-soc",
	.masters = {
		{ "/riscv-master-0", 5 },
		{ "/riscv-master-1", 0x12345 },
	},
	.ops = &riscv_full_ops,
	.streams = 0x12346,
};

static const struct hw_desc riscv_base_desc = {
	.name = "riscv-iommu-base",
	.kind = HW_RANGE,
	.commands.span = { 1, 0 },
	.commands.sync = { 0, 1 },
	.commands.table = { 1, 0 },
	.commands.all_with_table = true,
	.exact = true,
	.logs_faults = true,
	.reports_stuck = true,
	.stuck_for_long = true,
	.overlay = of_overlay_begin(riscv_base),
	.overlay_end = of_overlay_end(riscv_base),
	.windows = { { 0x600680000, SZ_4K } },
	.soc = "/riscv-base-soc",
	.masters = {
		{ "/riscv-base-master-0", 5 },
		{ "/riscv-base-master-1", 0x45 },
	},
	.ops = &riscv_base_ops,
	.streams = BIT(7),
};

HW_IOMMU(riscv, riscv_desc);
HW_IOMMU(riscv_base, riscv_base_desc);

/* What a stream reaches where tests map; 0 if it is refused */
static u64 riscv_reaches(struct hw_iommu *iommu, u32 stream, u64 iova)
{
	u64 paddr;

	return hw_translate(iommu, stream, iova, false, &paddr) ? 0 : paddr;
}

/* All IDs of a device are in its domain, and leave it together */
static void two_ids_test(struct kunit *test)
{
	struct hw_test *t = test->priv;
	struct device *dev = t->master[0].dev;
	struct iommu_domain *blocked = dev->iommu->iommu_dev->ops->blocked_domain;
	u64 paddr = virt_to_phys(t->memory);

	hw_map(test, t->iova, 0, 1);
	for (u32 id = 5; id <= 6; id++)
		KUNIT_EXPECT_EQ(test, paddr, riscv_reaches(t->iommu, id, t->iova));
	iommu_detach_group(t->domain, dev->iommu_group);
	KUNIT_EXPECT_EQ(test, 0, iommu_attach_group(blocked, dev->iommu_group));
	for (u32 id = 5; id <= 6; id++)
		KUNIT_EXPECT_EQ(test, 0, riscv_reaches(t->iommu, id, t->iova));
	iommu_detach_group(blocked, dev->iommu_group);
	KUNIT_ASSERT_EQ(test, 0, iommu_attach_group(t->domain, dev->iommu_group));
	for (u32 id = 5; id <= 6; id++)
		KUNIT_EXPECT_EQ(test, paddr, riscv_reaches(t->iommu, id, t->iova));
}

/* A domain has devices behind two IOMMUs: neither of them keeps what is unmapped */
static void two_iommus_test(struct kunit *test)
{
	struct hw_test *t = test->priv;
	struct iommu_group *group = t->master[0].dev->iommu_group, *other_group;
	struct device *other = hw_find_device(test, riscv_base_desc.masters[0].path);
	/* Both know the format of the one that knows less */
	struct iommu_domain *domain = iommu_paging_domain_alloc(other);
	u64 paddr = virt_to_phys(t->memory);

	KUNIT_ASSERT_FALSE(test, IS_ERR_OR_NULL(domain));
	other_group = other->iommu_group;
	iommu_detach_group(t->domain, group);
	KUNIT_ASSERT_EQ(test, 0, iommu_attach_group(domain, group));
	KUNIT_ASSERT_EQ(test, 0, iommu_attach_group(domain, other_group));

	for (unsigned int i = 0; i < 2; i++) {
		KUNIT_ASSERT_EQ(test, 0, iommu_map(domain, t->iova, paddr, SZ_4K,
						   IOMMU_READ, GFP_KERNEL));
		KUNIT_EXPECT_EQ(test, paddr, riscv_reaches(&riscv_iommu, 5, t->iova));
		KUNIT_EXPECT_EQ(test, paddr, riscv_reaches(&riscv_base_iommu, 5, t->iova));
		KUNIT_EXPECT_EQ(test, SZ_4K, iommu_unmap(domain, t->iova, SZ_4K));
		KUNIT_EXPECT_EQ(test, 0, riscv_reaches(&riscv_iommu, 5, t->iova));
		KUNIT_EXPECT_EQ(test, 0, riscv_reaches(&riscv_base_iommu, 5, t->iova));
	}

	iommu_detach_group(domain, other_group);
	iommu_detach_group(domain, group);
	iommu_domain_free(domain);
	KUNIT_ASSERT_EQ(test, 0, iommu_attach_group(t->domain, group));
}

static struct kunit_case riscv_own_cases[] = {
	KUNIT_CASE(two_ids_test),
	KUNIT_CASE(two_iommus_test),
	{}
};

static struct kunit_suite riscv_own_suite = {
	.name = "iommu_riscv_own",
	.init = riscv_test_init,
	.exit = hw_test_exit,
	.test_cases = riscv_own_cases,
};

kunit_test_suite(riscv_own_suite);

// SPDX-License-Identifier: GPL-2.0-only
/*
 * Models of Samsung's System MMU, versions 5 and 7
 *
 * A SysMMU serves one device; a domain can have several, and so can a device: with
 * version 7 the first one uses two, for even and odd pages. Each has a TLB and caches
 * the first-level descriptors that it meets on the way (FLPD). What the registers mean
 * is taken from the driver's macros and from its use of them:
 *
 * - FLUSH_ALL drops all; FLUSH_ENTRY and FLUSH_RANGE drop translations only, as the
 *   driver takes FLUSH_ALL where a first-level descriptor has to go;
 * - what is invalidated while the SysMMU translates can come back with a translation
 *   that is in flight: here it always does, so that the driver has to block first,
 *   and blocking takes until the second read of STATUS;
 * - a SysMMU that reported a fault is blocked until told otherwise;
 * - one that is disabled lets everything through.
 *
 * Version 7 here has virtual machines: most registers are those of one of them.
 */
#include "hw.h"

#include <linux/bitfield.h>
#include <linux/sizes.h>

#define CTRL			0x00
#define CTRL_EN			BIT(0)
#define CTRL_BLOCK		BIT(1)
#define CTRL_INT		BIT(2)
#define CFG			0x04
#define CFG_EAP			BIT(2)	/* check permissions */
#define STATUS			0x08
#define STATUS_BLOCKED		BIT(0)
#define PT_BASE			0x0c
#define FLUSH_ALL		0x10
#define FLUSH_ENTRY		0x14
#define FLUSH_RANGE		0x18
#define FLUSH_START		0x20
#define FLUSH_END		0x24
#define FLUSH_GO		BIT(0)
#define VERSION			0x34
#define VERSION_OF(major)	((u32)(major) << 28)
#define INT_STATUS		0x60
#define INT_CLEAR		0x64

#define V5_FAULT_AR_VA		0x70
#define V5_FAULT_AW_VA		0x80
#define V5_INT_PAGE		BIT(1)
#define V5_INT_ACCESS		BIT(3)
#define V5_INT_AW_SHIFT		16

#define V7_CAPA0		0x870
#define V7_CAPA0_CAPA1		BIT(11)
#define V7_CAPA1		0x874
#define V7_CAPA1_VCR		BIT(14)
#define V7_FAULT_VA		0x1000
#define V7_FAULT_INFO		0x1004
#define V7_FAULT_INFO_WRITE	BIT(20)
#define V7_INT_PAGE		BIT(1)
#define V7_INT_ACCESS		BIT(2)
#define V7_VM			0x8000	/* registers from PT_BASE to FLUSH_END */
#define V7_VM_CTRL		0x8000
#define V7_VM_CTRL_EN		BIT(0)
#define V7_VM_CTRL_STALL	BIT(3)

#define ENT_TYPE		GENMASK(1, 0)
#define L1_TABLE		1
#define L1_SECTION		2
#define L1_PROT			GENMASK(5, 4)
#define L2_LARGE		1
#define L2_SMALL		BIT(1)
#define L2_PROT			GENMASK(3, 2)
#define TABLE_ADDR		GENMASK(31, 6)

/* One for each device, and another one for the first */
#define SYSMMUS			(HW_MAX_MASTERS + 1)

struct exynos {
	bool v7;
	bool flushing;
	struct sysmmu {
		u32 ctrl;
		u32 cfg;
		u32 vm_ctrl;
		u32 pt_base;
		u32 start;
		u32 end;
		u32 int_status;
		u32 fault_va;
		u32 fault_info;
		unsigned int draining;
		bool stalled;
	} sysmmu[SYSMMUS];
};

/* Which one a stream goes through */
static unsigned int exynos_nr(struct exynos *exynos, u32 stream, u64 iova)
{
	return exynos->v7 && !stream && (iova >> 12) & 1 ? SYSMMUS - 1 : stream;
}

static bool sysmmu_blocked(const struct sysmmu *s)
{
	return s->stalled || (s->ctrl & CTRL_BLOCK && !s->draining);
}

static void sysmmu_flush(struct hw_iommu *iommu, unsigned int nr,
			 const struct hw_inval *inval)
{
	struct exynos *exynos = iommu->priv;
	struct sysmmu *s = &exynos->sysmmu[nr];

	if (s->ctrl & CTRL_EN && !sysmmu_blocked(s)) {
		iommu->counts.invals++;
		return;
	}

	exynos->flushing = true;
	hw_flush(iommu, inval);
	exynos->flushing = false;
}

static u64 exynos_read(struct hw_iommu *iommu, unsigned int window,
		       unsigned int offset, unsigned int size)
{
	struct exynos *exynos = iommu->priv;
	struct sysmmu *s = &exynos->sysmmu[window];

	switch (offset) {
	case STATUS:
		if (s->draining && !iommu->stuck)
			s->draining--;
		return sysmmu_blocked(s) ? STATUS_BLOCKED : 0;
	case VERSION:
		return VERSION_OF(exynos->v7 ? 7 : 5);
	case INT_STATUS:
		return s->int_status;
	}

	if (exynos->v7) {
		switch (offset) {
		case V7_CAPA0:
			return V7_CAPA0_CAPA1;
		case V7_CAPA1:
			return V7_CAPA1_VCR;
		case V7_FAULT_VA:
			return s->fault_va;
		case V7_FAULT_INFO:
			return s->fault_info;
		case V7_VM_CTRL:
			return s->vm_ctrl;
		}
	} else if (offset == (s->fault_info & V7_FAULT_INFO_WRITE ?
			      V5_FAULT_AW_VA : V5_FAULT_AR_VA)) {
		return s->fault_va;
	}
	return 0;
}

static void exynos_write(struct hw_iommu *iommu, unsigned int window,
			 unsigned int offset, unsigned int size, u64 value)
{
	struct exynos *exynos = iommu->priv;
	struct sysmmu *s = &exynos->sysmmu[window];
	struct hw_inval inval = {
		.caches = HW_LEAVES,
		.tag = window,
	};

	switch (offset) {
	case CTRL:
		/* Only what translates has anything in flight */
		s->draining = 0;
		if (value & CTRL_BLOCK && s->ctrl & CTRL_EN && !sysmmu_blocked(s))
			s->draining = 2;
		s->stalled = false;
		s->ctrl = value;
		return;
	case CFG:
		s->cfg = value;
		return;
	case INT_CLEAR:
		s->int_status &= ~value;
		return;
	case V7_VM_CTRL:
		s->vm_ctrl = value;
		return;
	}

	if (exynos->v7) {
		if (offset < V7_VM)
			return;
		offset -= V7_VM;
	}

	switch (offset) {
	case PT_BASE:
		s->pt_base = value;
		break;
	case FLUSH_START:
		s->start = value;
		break;
	case FLUSH_END:
		s->end = value;
		break;
	case FLUSH_ALL:
		if (!(value & FLUSH_GO))
			break;
		inval.caches = HW_ALL_CACHES;
		sysmmu_flush(iommu, window, &inval);
		break;
	case FLUSH_ENTRY:
		if (!(value & FLUSH_GO))
			break;
		inval.iova = ALIGN_DOWN(value, SZ_4K);
		inval.size = SZ_4K;
		sysmmu_flush(iommu, window, &inval);
		break;
	case FLUSH_RANGE:
		if (!(value & FLUSH_GO) || s->end < s->start)
			break;
		inval.iova = ALIGN_DOWN(s->start, SZ_4K);
		inval.size = ALIGN_DOWN(s->end, SZ_4K) + SZ_4K - inval.iova;
		sysmmu_flush(iommu, window, &inval);
		break;
	}
}

static int exynos_stream(struct hw_iommu *iommu, u32 stream, u64 iova,
			 struct hw_root *root)
{
	struct exynos *exynos = iommu->priv;
	unsigned int nr = exynos_nr(exynos, stream, iova);
	struct sysmmu *s = &exynos->sysmmu[nr];

	if (!(s->ctrl & CTRL_EN))
		return 1;
	if (exynos->v7 && !(s->vm_ctrl & V7_VM_CTRL_EN))
		return 1;
	/* A device waits then, but a test cannot wait for the end of a fault */
	if (s->stalled && !exynos->flushing)
		return -EFAULT;
	if (s->ctrl & CTRL_BLOCK && !exynos->flushing)
		return -EAGAIN;

	root->tag = nr;
	root->table = (u64)s->pt_base << 12;
	root->level = 1;
	root->priv = s;
	return iova > U32_MAX ? -EFAULT : 0;
}

static int exynos_step(struct hw_iommu *iommu, const struct hw_root *root,
		       u64 table, int level, u64 iova, struct hw_entry *entry)
{
	const struct sysmmu *s = root->priv;
	u64 index = level == 1 ? iova >> 20 : iova >> 12 & 0xff;
	u32 ent = hw_load32(iommu, table + index * sizeof(ent));
	u32 type = ent & ENT_TYPE;

	if (level == 1 && type == L1_TABLE) {
		entry->table = true;
		entry->level = 2;
		entry->size = SZ_1M;
		entry->addr = (u64)(ent & TABLE_ADDR) << 4;
	} else if (level == 1 && type == L1_SECTION) {
		entry->size = SZ_1M;
		entry->prot = FIELD_GET(L1_PROT, ent);
	} else if (level == 2 && type & L2_SMALL) {
		entry->size = SZ_4K;
		entry->prot = FIELD_GET(L2_PROT, ent);
	} else if (level == 2 && type == L2_LARGE) {
		entry->size = SZ_64K;
		entry->prot = FIELD_GET(L2_PROT, ent);
	} else {
		return -EFAULT;
	}

	entry->iova = ALIGN_DOWN(iova, entry->size);
	if (!entry->table) {
		entry->addr = ALIGN_DOWN((u64)ent << 4, entry->size);
		if (!(s->cfg & CFG_EAP))
			entry->prot = HW_READ | HW_WRITE;
	}
	return 0;
}

/* Whether it is the permissions that an access failed for */
static bool exynos_is_mapped(struct hw_iommu *iommu, const struct hw_root *root,
			     u64 iova)
{
	struct hw_entry entry = {};

	if (exynos_step(iommu, root, root->table, 1, iova, &entry))
		return false;
	return !entry.table ||
	       !exynos_step(iommu, root, entry.addr, 2, iova, &entry);
}

static void exynos_fault(struct hw_iommu *iommu, u32 stream, u64 iova, bool write)
{
	struct exynos *exynos = iommu->priv;
	unsigned int nr = exynos_nr(exynos, stream, iova);
	struct sysmmu *s = &exynos->sysmmu[nr];
	struct hw_root root = {};
	bool irq = false;

	scoped_guard(spinlock_irqsave, &iommu->lock) {
		/* The first fault stays until it is cleared */
		if (s->int_status || exynos_stream(iommu, stream, iova, &root))
			return;

		s->fault_va = iova;
		s->fault_info = write ? V7_FAULT_INFO_WRITE : 0;
		if (exynos->v7) {
			s->int_status = exynos_is_mapped(iommu, &root, iova) ?
					V7_INT_ACCESS : V7_INT_PAGE;
			s->stalled = s->vm_ctrl & V7_VM_CTRL_STALL;
		} else {
			s->int_status = exynos_is_mapped(iommu, &root, iova) ?
					V5_INT_ACCESS : V5_INT_PAGE;
			if (write)
				s->int_status <<= V5_INT_AW_SHIFT;
			s->stalled = true;
		}
		irq = s->ctrl & CTRL_INT;
	}
	if (irq)
		hw_raise_irq(iommu, nr);
}

static void exynos_power_off(struct hw_iommu *iommu, unsigned int window,
			     struct hw_inval *lost)
{
	struct exynos *exynos = iommu->priv;

	exynos->sysmmu[window] = (struct sysmmu) {};
	lost->tag = window;
}

static void exynos_reset(struct hw_iommu *iommu)
{
	static struct exynos v5;

	iommu->priv = &v5;
}

static void exynos_v7_reset(struct hw_iommu *iommu)
{
	static struct exynos v7 = {
		.v7 = true,
	};

	iommu->priv = &v7;
}

static const struct hw_ops exynos_ops = {
	.reset = exynos_reset,
	.read = exynos_read,
	.write = exynos_write,
	.stream = exynos_stream,
	.step = exynos_step,
	.fault = exynos_fault,
	.power_off = exynos_power_off,
};

static const struct hw_ops exynos_v7_ops = {
	.reset = exynos_v7_reset,
	.read = exynos_read,
	.write = exynos_write,
	.stream = exynos_stream,
	.step = exynos_step,
	.fault = exynos_fault,
	.power_off = exynos_power_off,
};

OF_OVERLAY_DECLARE(exynos);

static const struct hw_desc exynos_desc = {
	.name = "exynos-sysmmu v5",
	.kind = HW_UNMAP,
	.commands.entry = { 2, 2 },
	.overlay = of_overlay_begin(exynos),
	.overlay_end = of_overlay_end(exynos),
	.windows = {
		{ 0x600800000, SZ_4K, GENMASK(2, 0), BIT(0) },
		{ 0x600810000, SZ_4K, GENMASK(5, 3), BIT(1) },
	},
	.soc = "/exynos-soc",
	.masters = { { "/exynos-master0", 0 }, { "/exynos-master1", 1 } },
	.ops = &exynos_ops,
	.no_snoop = true,
	.streams = 2,
	.exact = true,
	.reports_stuck = true,
	.stuck_stale = true,
};

HW_IOMMU(exynos, exynos_desc);

OF_OVERLAY_DECLARE(exynos_v7);

static const struct hw_desc exynos_v7_desc = {
	.name = "exynos-sysmmu v7",
	.kind = HW_UNMAP,
	.commands.entry = { 3, 3 },
	.overlay = of_overlay_begin(exynos_v7),
	.overlay_end = of_overlay_end(exynos_v7),
	.windows = {
		{ 0x600820000, SZ_64K, GENMASK(2, 0), BIT(0) },
		{ 0x600830000, SZ_64K, GENMASK(5, 3), BIT(1) },
		{ 0x600840000, SZ_64K, GENMASK(7, 6) | BIT(2), BIT(0) },
	},
	.soc = "/exynos-v7-soc",
	.masters = { { "/exynos-v7-master0", 0 }, { "/exynos-v7-master1", 1 } },
	.ops = &exynos_v7_ops,
	.no_snoop = true,
	.streams = 2,
	.exact = true,
	.reports_stuck = true,
	.stuck_stale = true,
};

HW_IOMMU(exynos_v7, exynos_v7_desc);

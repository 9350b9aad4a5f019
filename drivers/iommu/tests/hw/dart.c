// SPDX-License-Identifier: GPL-2.0-only
/*
 * Models of Apple's DARTs with pages of 4K: that of the M1 (t8103), the one of its USB4
 * ports, which has more streams and no bypass, and that of the M2 (t8110)
 *
 * What the IOTLB holds of a stream is invalidated as a whole, by one command at a time.
 * It keeps misses: the driver invalidates what it has mapped. Nothing is public but
 * what the driver and its page table code do: what registers and entries mean is taken
 * from these.
 *
 * The first two have four tables of two levels for each stream, one for each GiB of
 * its addresses. A t8110 has one table of two levels, or of three: four, says the
 * driver, which counts the TTBR. Those known have pages of 16K, more than UML has.
 */
#include "cases.h"

#include <linux/bitfield.h>
#include <linux/of.h>
#include <linux/of_platform.h>
#include <linux/platform_device.h>
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
#define ERROR_STREAM		GENMASK(27, 24)
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

#define PARAMS3_T8110		0x08
#define PARAMS3_PA_WIDTH	GENMASK(29, 24)
#define PARAMS3_VA_WIDTH	GENMASK(21, 16)
#define PARAMS4_T8110		0x0c
#define PARAMS4_NUM_SIDS	GENMASK(8, 0)
#define TLB_CMD_T8110		0x80
#define TLB_CMD_BUSY		BIT(31)
#define TLB_CMD_OP		GENMASK(10, 8)
#define TLB_CMD_OP_FLUSH_ALL	0
#define TLB_CMD_OP_FLUSH_SID	1
#define TLB_CMD_STREAM		GENMASK(7, 0)
#define ERROR_T8110		0x100
#define ERROR_T8110_STREAM	GENMASK(27, 20)
#define ERROR_MASK_T8110	0x104
#define ERROR_ADDR_LO_T8110	0x170
#define ERROR_ADDR_HI_T8110	0x174
#define ERROR_STREAMS_T8110(i)	(0x1c0 + (i) * 4)
#define ENABLE_STREAMS_T8110(i)	(0xc00 + (i) * 4)
#define DISABLE_STREAMS_T8110	0xc20
#define STREAM_REGS_T8110	8
#define TCR_T8110(sid)		(0x1000 + (sid) * 4)
#define TCR_T8110_FOUR_LEVEL	BIT(3)
#define TCR_T8110_BYPASS_DAPF	BIT(2)
#define TCR_T8110_BYPASS	BIT(1)
#define TCR_T8110_TRANSLATE	BIT(0)
#define TCR_T8110_KNOWN		(TCR_T8110_FOUR_LEVEL | TCR_T8110_BYPASS_DAPF | \
				 TCR_T8110_BYPASS | TCR_T8110_TRANSLATE)
#define TTBR_T8110(sid)		(0x1400 + (sid) * 4)
#define TTBR_T8110_VALID	BIT(0)
#define TTBR_T8110_TABLE	GENMASK(29, 2)	/* in units of 16K */
#define REGS			(0x1800 / sizeof(u32))

/* Codes of errors. All but the first are a bit further up on a t8110, for its PGD */
#define ERROR_NO_TTBR		0
#define ERROR_NO_ENTRY(level)	(level)
#define ERROR_WRITE_FAULT	3
#define ERROR_READ_FAULT	4
#define ERROR_FLAG		BIT(31)

#define PTE_VALID		BIT_ULL(0)
#define PTE_WHOLE_PAGE		BIT_ULL(1)	/* PTE_FIRST and PTE_LAST do not count */
#define PTE_NO_WRITE		BIT_ULL(7)
#define PTE_NO_READ		BIT_ULL(8)
#define PTE_ADDR		GENMASK_ULL(35, 12)
#define PTE_LAST		GENMASK_ULL(51, 40)	/* byte of the page */
#define PTE_FIRST		GENMASK_ULL(63, 52)
#define PTE_T8110_NO_WRITE	BIT_ULL(2)
#define PTE_T8110_NO_READ	BIT_ULL(3)
#define PTE_T8110_ADDR		GENMASK_ULL(37, 8)	/* shifted by 4 */

/* Which of its streams is that of a device: not the same behind each of several DARTs */
#define SID(iommu, stream)	((stream) ^ (iommu)->instance * 5)

/**
 * struct dart - a DART
 * @desc: what it has in common with other IOMMUs
 * @ttbr: where TTBR registers begin, but for a t8110
 * @bypass: a stream may bypass it
 * @t8110: it is a t8110
 * @two_path: another device behind it, with two streams; it may be absent
 * @two_streams: those
 */
struct dart {
	struct hw_desc desc;
	unsigned int ttbr;
	bool bypass;
	bool t8110;
	const char *two_path;
	u32 two_streams[2];
};

static const struct dart *to_dart(struct hw_iommu *iommu)
{
	return container_of(iommu->desc, struct dart, desc);
}

static void dart_power_off(struct hw_iommu *iommu, unsigned int window,
			   struct hw_inval *lost)
{
	u32 *regs = iommu->priv;

	memset(regs, 0, REGS * sizeof(*regs));
	regs[PARAMS1 / 4] = FIELD_PREP(PARAMS1_PAGE_SHIFT, 12);
	regs[PARAMS2 / 4] = to_dart(iommu)->bypass ? PARAMS2_BYPASS : 0;
	if (!to_dart(iommu)->t8110)
		return;

	/* As many bits of address as three levels of 4K translate */
	regs[PARAMS3_T8110 / 4] = FIELD_PREP(PARAMS3_PA_WIDTH, 42) |
				  FIELD_PREP(PARAMS3_VA_WIDTH, 39);
	regs[PARAMS4_T8110 / 4] = FIELD_PREP(PARAMS4_NUM_SIDS, iommu->desc->streams);
	regs[ERROR_MASK_T8110 / 4] = U32_MAX;
}

/* A boot loader may leave it with streams that reach all memory, and with an error */
static void dart_reset(struct hw_iommu *iommu)
{
	bool t8110 = to_dart(iommu)->t8110;
	u32 *regs = kcalloc(REGS, sizeof(*regs), GFP_KERNEL | __GFP_NOFAIL);

	iommu->priv = regs;
	dart_power_off(iommu, 0, NULL);
	for (u32 sid = 0; sid < iommu->desc->streams; sid++)
		regs[(t8110 ? TCR_T8110(sid) : TCR(sid)) / 4] = U32_MAX;
	regs[(t8110 ? ERROR_T8110 : ERROR) / 4] = ERROR_FLAG | BIT(ERROR_NO_TTBR);
}

static u64 dart_read(struct hw_iommu *iommu, unsigned int window,
		     unsigned int offset, unsigned int size)
{
	u32 *regs = iommu->priv;

	if (offset == STREAM_COMMAND)
		return hw_busy(iommu) ? STREAM_COMMAND_BUSY : 0;
	return offset / 4 < REGS ? regs[offset / 4] : 0;
}

static u64 dart_t8110_read(struct hw_iommu *iommu, unsigned int window,
			   unsigned int offset, unsigned int size)
{
	u32 *regs = iommu->priv;

	if (offset == TLB_CMD_T8110)
		return hw_busy(iommu) ? TLB_CMD_BUSY : 0;
	return offset / 4 < REGS ? regs[offset / 4] : 0;
}

static void dart_invalidate(struct hw_iommu *iommu, u32 tag)
{
	hw_post(iommu, &(struct hw_inval) {
		.caches = HW_ALL_CACHES,
		.tag = tag,
	});
}

/* There is no room for a second command: it is lost */
static void dart_command(struct hw_iommu *iommu)
{
	u32 *regs = iommu->priv;
	unsigned int sid;

	if (iommu->syncs[0].polls)
		return;

	for (sid = 0; sid < iommu->desc->streams; sid++)
		if (regs[STREAM_SELECT(sid / 32) / 4] & BIT(sid % 32))
			dart_invalidate(iommu, sid);
	hw_start(iommu);
}

/* The driver flushes a domain by commands for one stream after another: that is one */
static void dart_t8110_command(struct hw_iommu *iommu, u32 command)
{
	u32 *regs = iommu->priv;
	u32 *last = &regs[TLB_CMD_T8110 / 4];

	if (iommu->syncs[0].polls)
		return;

	switch (FIELD_GET(TLB_CMD_OP, command)) {
	case TLB_CMD_OP_FLUSH_ALL:
		dart_invalidate(iommu, HW_ANY_TAG);
		break;
	case TLB_CMD_OP_FLUSH_SID:
		dart_invalidate(iommu, FIELD_GET(TLB_CMD_STREAM, command));
		break;
	}
	hw_start(iommu);
	if (FIELD_GET(TLB_CMD_STREAM, command) > FIELD_GET(TLB_CMD_STREAM, *last))
		iommu->counts.syncs--;
	*last = command;
}

static void dart_write(struct hw_iommu *iommu, unsigned int window,
		       unsigned int offset, unsigned int size, u64 value)
{
	u32 *regs = iommu->priv;

	switch (offset) {
	case STREAM_COMMAND:
		if (value & STREAM_COMMAND_INVAL)
			dart_command(iommu);
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

static void dart_t8110_write(struct hw_iommu *iommu, unsigned int window,
			     unsigned int offset, unsigned int size, u64 value)
{
	u32 *regs = iommu->priv;

	switch (offset) {
	case TLB_CMD_T8110:
		dart_t8110_command(iommu, value);
		break;
	case ERROR_T8110:
	case ERROR_STREAMS_T8110(0) ... ERROR_STREAMS_T8110(STREAM_REGS_T8110 - 1):
		regs[offset / 4] &= ~value;
		break;
	case ENABLE_STREAMS_T8110(0) ... ENABLE_STREAMS_T8110(STREAM_REGS_T8110 - 1):
		regs[offset / 4] |= value;
		break;
	case DISABLE_STREAMS_T8110 ... DISABLE_STREAMS_T8110 + STREAM_REGS_T8110 * 4 - 1:
		offset += ENABLE_STREAMS_T8110(0) - DISABLE_STREAMS_T8110;
		regs[offset / 4] &= ~value;
		break;
	case PARAMS1:
	case PARAMS2:
	case PARAMS3_T8110:
	case PARAMS4_T8110:
	case ERROR_ADDR_LO_T8110:
	case ERROR_ADDR_HI_T8110:
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
	u32 sid = SID(iommu, stream);
	u32 *regs = iommu->priv;
	u32 tcr = regs[TCR(sid) / 4], ttbr;

	/* Where others are enabled is not known. What follows is TCR(0) */
	if (sid < 32 && !(regs[STREAMS_ENABLE / 4] & BIT(sid)))
		return -EFAULT;
	/* What else there is may let everything through, for all that is known */
	if (tcr & ~TCR_KNOWN || (dart->bypass && tcr & TCR_BYPASS))
		return 1;
	if (!(tcr & TCR_TRANSLATE) || iova > U32_MAX)
		return -EFAULT;

	ttbr = regs[TTBR(dart, sid, iova >> 30) / 4];
	if (!(ttbr & TTBR_VALID))
		return -EFAULT;

	root->tag = sid;
	root->table = (u64)(ttbr & TTBR_TABLE) << 12;
	root->level = 1;
	return 0;
}

static int dart_t8110_stream(struct hw_iommu *iommu, u32 stream, u64 iova,
			     struct hw_root *root)
{
	const struct dart *dart = to_dart(iommu);
	u32 sid = SID(iommu, stream);
	u32 *regs = iommu->priv;
	u32 tcr = regs[TCR_T8110(sid) / 4], ttbr = regs[TTBR_T8110(sid) / 4];
	bool four_level = tcr & TCR_T8110_FOUR_LEVEL;

	if (!(regs[ENABLE_STREAMS_T8110(sid / 32) / 4] & BIT(sid % 32)))
		return -EFAULT;
	if (tcr & ~TCR_T8110_KNOWN || (dart->bypass && tcr & TCR_T8110_BYPASS))
		return 1;
	if (!(tcr & TCR_T8110_TRANSLATE) || iova >> (four_level ? 39 : 30))
		return -EFAULT;
	if (!(ttbr & TTBR_T8110_VALID))
		return -EFAULT;

	root->tag = sid;
	root->table = (u64)FIELD_GET(TTBR_T8110_TABLE, ttbr) << 14;
	root->level = four_level ? 0 : 1;
	return 0;
}

/* Levels are 0, 1 and 2, by what is left of the address; @entry without permissions */
static int dart_read_entry(struct hw_iommu *iommu, u64 table, int level, u64 iova,
			   u64 *pte, struct hw_entry *entry)
{
	const struct dart *dart = to_dart(iommu);
	unsigned int shift = 30 - 9 * level;

	*pte = hw_load64(iommu, table + (iova >> shift & 511) * sizeof(*pte));
	if (!(*pte & PTE_VALID))
		return -EFAULT;

	entry->size = BIT(shift);
	entry->iova = ALIGN_DOWN(iova, entry->size);
	entry->addr = dart->t8110 ? (*pte & PTE_T8110_ADDR) << 4 : *pte & PTE_ADDR;
	entry->table = level < 2;
	entry->level = level + 1;
	return 0;
}

static int dart_step(struct hw_iommu *iommu, const struct hw_root *root, u64 table,
		     int level, u64 iova, struct hw_entry *entry)
{
	const struct dart *dart = to_dart(iommu);
	u32 byte = iova & (SZ_4K - 1);
	bool whole;
	u64 pte;

	if (dart_read_entry(iommu, table, level, iova, &pte, entry))
		return -EFAULT;
	if (entry->table)
		return 0;

	whole = !dart->t8110 && pte & PTE_WHOLE_PAGE;
	if (!whole && (byte < FIELD_GET(PTE_FIRST, pte) || byte > FIELD_GET(PTE_LAST, pte)))
		return -EFAULT;

	if (pte & (dart->t8110 ? PTE_T8110_NO_READ : PTE_NO_READ))
		entry->prot &= ~HW_READ;
	if (pte & (dart->t8110 ? PTE_T8110_NO_WRITE : PTE_NO_WRITE))
		entry->prot &= ~HW_WRITE;
	return 0;
}

static u32 dart_error(struct hw_iommu *iommu, u32 stream, u64 iova, bool write)
{
	unsigned int pgd = to_dart(iommu)->t8110;
	struct hw_entry entry = {};
	struct hw_root root = {};

	if (iommu->desc->ops->stream(iommu, stream, iova, &root))
		return BIT(ERROR_NO_TTBR);

	entry.addr = root.table;
	entry.level = root.level;
	do {
		int level = entry.level;

		if (dart_step(iommu, &root, entry.addr, level, iova, &entry))
			return BIT(ERROR_NO_ENTRY(level) + pgd);
	} while (entry.table);

	return BIT((write ? ERROR_WRITE_FAULT : ERROR_READ_FAULT) + pgd);
}

/* One error at a time: what comes until the driver has cleared it is lost */
static void dart_fault(struct hw_iommu *iommu, u32 stream, u64 iova, bool write)
{
	u32 *regs = iommu->priv;

	scoped_guard(spinlock_irqsave, &iommu->lock) {
		if (regs[ERROR / 4] & ERROR_FLAG)
			return;
		regs[ERROR / 4] = ERROR_FLAG |
				  FIELD_PREP(ERROR_STREAM, SID(iommu, stream)) |
				  dart_error(iommu, stream, iova, write);
		regs[ERROR_ADDR_LO / 4] = lower_32_bits(iova);
		regs[ERROR_ADDR_HI / 4] = upper_32_bits(iova);
	}
	hw_raise_irq(iommu, iommu->instance);
}

/* Nor is there another one of a stream until its bit is cleared */
static void dart_t8110_fault(struct hw_iommu *iommu, u32 stream, u64 iova, bool write)
{
	u32 sid = SID(iommu, stream);
	u32 *regs = iommu->priv;
	u32 error;

	scoped_guard(spinlock_irqsave, &iommu->lock) {
		error = dart_error(iommu, stream, iova, write);
		if (regs[ERROR_T8110 / 4] & ERROR_FLAG ||
		    regs[ERROR_STREAMS_T8110(sid / 32) / 4] & BIT(sid % 32) ||
		    regs[ERROR_MASK_T8110 / 4] & error)
			return;
		regs[ERROR_T8110 / 4] = ERROR_FLAG |
					FIELD_PREP(ERROR_T8110_STREAM, sid) | error;
		regs[ERROR_STREAMS_T8110(sid / 32) / 4] |= BIT(sid % 32);
		regs[ERROR_ADDR_LO_T8110 / 4] = lower_32_bits(iova);
		regs[ERROR_ADDR_HI_T8110 / 4] = upper_32_bits(iova);
	}
	hw_raise_irq(iommu, iommu->instance);
}

static const struct hw_ops dart_ops = {
	.reset = dart_reset,
	.read = dart_read,
	.write = dart_write,
	.stream = dart_stream,
	.step = dart_step,
	.fault = dart_fault,
	.power_off = dart_power_off,
};

static const struct hw_ops dart_t8110_ops = {
	.reset = dart_reset,
	.read = dart_t8110_read,
	.write = dart_t8110_write,
	.stream = dart_t8110_stream,
	.step = dart_step,
	.fault = dart_t8110_fault,
	.power_off = dart_power_off,
};

OF_OVERLAY_DECLARE(dart);
OF_OVERLAY_DECLARE(dart_usb4);
OF_OVERLAY_DECLARE(dart_three);
OF_OVERLAY_DECLARE(dart_t8110);

static const struct dart dart = {
	.desc = {
		.name = "apple-dart",
		.kind = HW_ALWAYS,
		.no_blocks = "driver: maps no blocks",
		.commands.sync = { 2, 1 },
		.overlay = of_overlay_begin(dart),
		.overlay_end = of_overlay_end(dart),
		.windows = { { 0x600030000, SZ_16K, BIT(0), BIT(0) } },
		.soc = "/dart-soc",
		.masters = { { "/dart-master0", 0 }, { "/dart-master9", 9 } },
		.ops = &dart_ops,
		.reports_stuck = true,
		.logs_faults = true,
		.caches_misses = true,
		.streams = 16,
	},
	.ttbr = 0x200,
	.bypass = true,
};

static const struct dart dart_usb4 = {
	.desc = {
		.name = "apple-dart (USB4)",
		.kind = HW_ALWAYS,
		.no_blocks = "driver: maps no blocks",
		.commands.sync = { 2, 1 },
		.overlay = of_overlay_begin(dart_usb4),
		.overlay_end = of_overlay_end(dart_usb4),
		.windows = { { 0x600034000, SZ_16K, BIT(0), BIT(0) } },
		.soc = "/dart-usb4-soc",
		.masters = { { "/dart-usb4-master40", 40 }, { "/dart-usb4-master5", 5 } },
		.ops = &dart_ops,
		.reports_stuck = true,
		.logs_faults = true,
		.caches_misses = true,
		.streams = 64,
	},
	.ttbr = 0x400,
};

/* Devices behind three DARTs, the most that the driver knows */
static const struct dart dart_three = {
	.desc = {
		.name = "apple-dart (three)",
		.kind = HW_ALWAYS,
		.no_blocks = "driver: maps no blocks",
		.commands.sync = { 2, 1 },
		.overlay = of_overlay_begin(dart_three),
		.overlay_end = of_overlay_end(dart_three),
		.windows = {
			{ 0x600038000, SZ_16K, BIT(0), BIT(0) },
			{ 0x60003c000, SZ_16K, BIT(1), BIT(0) },
			{ 0x60004c000, SZ_16K, BIT(2), BIT(0) },
		},
		.instances = 3,
		.soc = "/dart-three-soc",
		.masters = { { "/dart-three-master1", 1 }, { "/dart-three-master2", 2 } },
		.ops = &dart_ops,
		.reports_stuck = true,
		.logs_faults = true,
		.caches_misses = true,
		.streams = 16,
	},
	.ttbr = 0x200,
	.bypass = true,
	.two_path = "/dart-three-soc/two",
	.two_streams = { 3, 12 },
};

static const struct dart dart_t8110 = {
	.desc = {
		.name = "apple-dart (t8110)",
		.kind = HW_ALWAYS,
		.no_blocks = "driver: maps no blocks",
		.commands.sync = { 2, 1 },
		.overlay = of_overlay_begin(dart_t8110),
		.overlay_end = of_overlay_end(dart_t8110),
		.windows = { { 0x600044000, SZ_16K, BIT(0), BIT(0) } },
		.soc = "/dart-t8110-soc",
		.masters = { { "/dart-t8110-master200", 200 }, { "/dart-t8110-master3", 3 } },
		.ops = &dart_t8110_ops,
		.reports_stuck = true,
		.logs_faults = true,
		.caches_misses = true,
		.streams = 256,
	},
	.bypass = true,
	.t8110 = true,
	.two_path = "/dart-t8110-soc/two",
	.two_streams = { 5, 130 },
};

HW_IOMMU(dart, dart.desc);
HW_IOMMU(dart_usb4, dart_usb4.desc);
HW_IOMMU(dart_three, dart_three.desc);
HW_IOMMU(dart_t8110, dart_t8110.desc);

static struct hw_iommu *const darts[] = {
	&dart_iommu,
	&dart_usb4_iommu,
	&dart_three_iommu,
	&dart_t8110_iommu,
};

static void dart_name(struct hw_iommu *const *iommu, char *desc)
{
	strscpy(desc, (*iommu)->desc->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(dart, darts, dart_name);

/* Those with a device of two streams */
static struct hw_iommu *const dart_twos[] = {
	&dart_three_iommu,
	&dart_t8110_iommu,
};

KUNIT_ARRAY_PARAM(dart_two, dart_twos, dart_name);

static u32 dart_reg(struct hw_iommu *iommu, unsigned int offset)
{
	u32 *regs = iommu->priv;

	guard(spinlock_irqsave)(&iommu->lock);
	return regs[offset / 4];
}

/*
 * At each fault the driver clears the error, at each DART, so that the next one is seen.
 * Of what it logs there is a limit, shared by all DARTs of a kind.
 */
static void fault_cleared_test(struct kunit *test)
{
	struct hw_test *t = test->priv;
	bool t8110 = to_dart(t->iommu)->t8110;

	for (unsigned int i = 0; i < 2 * max(t->iommu->desc->instances, 1); i++) {
		u64 iova = t->iova + i * SZ_4K;
		unsigned int cleared = 0;
		u8 value;

		KUNIT_EXPECT_EQ(test, -EFAULT,
				hw_access(t->iommu, t->master[0].stream, iova, false,
					  &value));
		for (struct hw_iommu *one = t->iommu; one; one = one->next) {
			u32 error = dart_reg(one, t8110 ? ERROR_T8110 : ERROR);
			u32 addr = dart_reg(one, t8110 ? ERROR_ADDR_LO_T8110 :
						 ERROR_ADDR_LO);

			cleared += !error && addr == iova;
		}
		KUNIT_EXPECT_EQ_MSG(test, 1, cleared, "fault at 0x%llx", iova);
	}
}

/* All the domains there are, of which each has its tables elsewhere */
static void many_domains_test(struct kunit *test)
{
	struct hw_test *t = test->priv;
	struct iommu_group *group = t->master[0].dev->iommu_group;
	struct iommu_domain *domains[8];
	u64 paddr;

	iommu_detach_group(t->domain, group);
	for (unsigned int i = 0; i < ARRAY_SIZE(domains); i++) {
		domains[i] = iommu_paging_domain_alloc(t->master[0].dev);
		KUNIT_ASSERT_FALSE(test, IS_ERR(domains[i]));
		KUNIT_EXPECT_EQ(test, 0, iommu_attach_group(domains[i], group));
		KUNIT_EXPECT_EQ(test, 0,
				iommu_map(domains[i], t->iova, virt_to_phys(t->memory),
					  SZ_4K, IOMMU_READ, GFP_KERNEL));
		KUNIT_EXPECT_EQ(test, 0,
				hw_translate(t->iommu, t->master[0].stream, t->iova,
					     false, &paddr));
		KUNIT_EXPECT_EQ(test, virt_to_phys(t->memory), paddr);
		iommu_detach_group(domains[i], group);
	}
	for (unsigned int i = 0; i < ARRAY_SIZE(domains); i++)
		iommu_domain_free(domains[i]);
}

/* What @stream reaches at @iova; HW_NO_PADDR if it is refused */
static u64 dart_reaches(struct kunit *test, u32 stream, u64 iova)
{
	struct hw_test *t = test->priv;
	u64 paddr;

	return hw_translate(t->iommu, stream, iova, true, &paddr) ? HW_NO_PADDR : paddr;
}

static void dart_expect_refused(struct kunit *test, u32 stream, u64 iova)
{
	struct hw_test *t = test->priv;
	u64 paddr;

	KUNIT_EXPECT_EQ_MSG(test, -EFAULT,
			    hw_translate(t->iommu, stream, iova, true, &paddr),
			    "stream %u", stream);
}

/*
 * A device has several streams: each domain is for all of them, and so is each flush.
 * It is there for this test alone, and its streams are idle in others.
 */
static void two_streams_test(struct kunit *test)
{
	struct hw_test *t = test->priv;
	const struct dart *dart = to_dart(t->iommu);
	const u32 *streams = dart->two_streams;
	u64 iova = t->iova, paddr = virt_to_phys(t->memory);
	const struct iommu_ops *ops;
	struct iommu_domain *domain;
	struct device_node *np = of_find_node_by_path(dart->two_path);
	struct device *dev;

	KUNIT_ASSERT_NOT_NULL(test, of_platform_device_create(np, NULL, NULL));
	of_node_put(np);
	dev = hw_find_device(test, dart->two_path);
	ops = dev->iommu->iommu_dev->ops;
	domain = iommu_paging_domain_alloc(dev);
	KUNIT_ASSERT_FALSE(test, IS_ERR(domain));

	KUNIT_EXPECT_EQ(test, 0, iommu_attach_group(domain, dev->iommu_group));
	KUNIT_EXPECT_EQ(test, 0, iommu_map(domain, iova, paddr, SZ_4K,
					   IOMMU_READ | IOMMU_WRITE, GFP_KERNEL));
	for (unsigned int i = 0; i < 2; i++)
		KUNIT_EXPECT_EQ(test, paddr, dart_reaches(test, streams[i], iova));
	KUNIT_EXPECT_EQ(test, SZ_4K, iommu_unmap(domain, iova, SZ_4K));
	for (unsigned int i = 0; i < 2; i++)
		dart_expect_refused(test, streams[i], iova);
	iommu_detach_group(domain, dev->iommu_group);
	iommu_domain_free(domain);

	KUNIT_EXPECT_EQ(test, 0, iommu_attach_group(ops->identity_domain,
						    dev->iommu_group));
	for (unsigned int i = 0; i < 2; i++)
		KUNIT_EXPECT_EQ(test, iova, dart_reaches(test, streams[i], iova));
	iommu_detach_group(ops->identity_domain, dev->iommu_group);

	/* It goes while its default domain has something mapped */
	domain = iommu_get_domain_for_dev(dev);
	if (iommu_is_dma_domain(domain)) {
		KUNIT_EXPECT_EQ(test, 0, iommu_map(domain, iova, paddr, SZ_4K,
						   IOMMU_WRITE, GFP_KERNEL));
		for (unsigned int i = 0; i < 2; i++)
			KUNIT_EXPECT_EQ(test, paddr,
					dart_reaches(test, streams[i], iova));
	}
	of_platform_device_destroy(dev, NULL);
	for (unsigned int i = 0; i < 2; i++)
		dart_expect_refused(test, streams[i], iova);
}

/* Without translation a device reaches the memory that it asks for, or none */
static void static_domains_test(struct kunit *test)
{
	struct hw_test *t = test->priv;
	struct device *dev = t->master[0].dev;
	const struct iommu_ops *ops = dev->iommu->iommu_dev->ops;
	u32 stream = t->master[0].stream;

	iommu_detach_group(t->domain, dev->iommu_group);

	if (to_dart(t->iommu)->bypass) {
		KUNIT_EXPECT_EQ(test, 0, iommu_attach_group(ops->identity_domain,
							    dev->iommu_group));
		KUNIT_EXPECT_EQ(test, t->iova, dart_reaches(test, stream, t->iova));
		iommu_detach_group(ops->identity_domain, dev->iommu_group);
	} else {
		KUNIT_EXPECT_EQ(test, -EINVAL, iommu_attach_group(ops->identity_domain,
								  dev->iommu_group));
	}

	KUNIT_EXPECT_EQ(test, 0, iommu_map(t->domain, t->iova, virt_to_phys(t->memory),
					   SZ_4K, IOMMU_WRITE, GFP_KERNEL));
	KUNIT_EXPECT_EQ(test, 0, iommu_attach_group(t->domain, dev->iommu_group));
	KUNIT_EXPECT_EQ(test, virt_to_phys(t->memory),
			dart_reaches(test, stream, t->iova));
	iommu_detach_group(t->domain, dev->iommu_group);
	KUNIT_EXPECT_EQ(test, 0, iommu_attach_group(ops->blocked_domain,
						    dev->iommu_group));
	dart_expect_refused(test, stream, t->iova);
	iommu_detach_group(ops->blocked_domain, dev->iommu_group);
}

static int dart_own_init(struct kunit *test)
{
	struct hw_iommu *const *iommu = test->param_value;

	return hw_test_init(test, *iommu);
}

static struct kunit_case dart_own_cases[] = {
	KUNIT_CASE_PARAM(fault_cleared_test, dart_gen_params),
	KUNIT_CASE_PARAM(many_domains_test, dart_gen_params),
	KUNIT_CASE_PARAM(static_domains_test, dart_gen_params),
	KUNIT_CASE_PARAM(two_streams_test, dart_two_gen_params),
	{}
};

static struct kunit_suite dart_own_suite = {
	.name = "iommu_dart_own",
	.init = dart_own_init,
	.exit = hw_test_exit,
	.test_cases = dart_own_cases,
};

kunit_test_suite(dart_own_suite);

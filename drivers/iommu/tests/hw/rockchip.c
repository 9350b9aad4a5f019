// SPDX-License-Identifier: GPL-2.0-only
/*
 * Models of Rockchip's IOMMU, as its first and its second version
 *
 * An IOMMU is one MMU or several, each with registers and an IOTLB of its own. The
 * first master has two ports with an MMU each, and uses them for even and odd pages;
 * the second has one MMU, of another IOMMU, so that a domain can have both.
 *
 * What the registers mean is taken from the driver's macros and from its use of them.
 * Zapping a line is taken to drop one page's translation and nothing else; a reset
 * and paging that is disabled leave the IOTLB as it is. Each command that the driver
 * waits for takes until the register that it polls is read, in odd MMUs twice, and so
 * in all for what turns something off, where the driver waits for one MMU alone. What
 * is commanded until then is lost. Paging goes off in a stall only.
 */
#include "cases.h"

#define DTE_ADDR		0x00
#define STATUS			0x04
#define STATUS_PAGING		BIT(0)
#define STATUS_FAULT		BIT(1)
#define STATUS_STALL		BIT(2)
#define STATUS_IDLE		BIT(3)
#define STATUS_REPLAY_EMPTY	BIT(4)
#define STATUS_FAULT_WRITE	BIT(5)
#define COMMAND			0x08
#define CMD_ENABLE_PAGING	0
#define CMD_DISABLE_PAGING	1
#define CMD_ENABLE_STALL	2
#define CMD_DISABLE_STALL	3
#define CMD_ZAP_CACHE		4
#define CMD_FAULT_DONE		5
#define CMD_FORCE_RESET		6
#define PAGE_FAULT_ADDR		0x0c
#define ZAP_ONE_LINE		0x10
#define INT_RAWSTAT		0x14
#define INT_CLEAR		0x18
#define INT_MASK		0x1c
#define INT_STATUS		0x20
#define INT_PAGE_FAULT		BIT(0)
#define AUTO_GATING		0x24

#define ENTRY_VALID		BIT(0)
#define ENTRY_READ		BIT(1)
#define ENTRY_WRITE		BIT(2)

#define MMUS			3

/*
 * How often a driver asks for the end of a command; with SMP, and so without virtual time,
 * it may get to do so only once, within the millisecond that it has patience for
 */
#define POLLS			(IS_ENABLED(CONFIG_SMP) ? 1 : 2)

struct rockchip_mmu {
	u32 dte_addr;
	u32 status;
	u32 fault_addr;
	u32 rawstat;
	u32 int_mask;
	u32 auto_gating;
	u32 command;		/* under way */
	unsigned int polls;	/* until it is done */
};

struct rockchip {
	bool v2;
	struct rockchip_mmu mmus[MMUS];
};

static struct rockchip rockchip_v1;
static struct rockchip rockchip_v2 = { .v2 = true };

/* The interrupt of an MMU's IOMMU is also the number of its clock and domain */
static unsigned int rockchip_line(unsigned int mmu)
{
	return mmu == 2;
}

static unsigned int rockchip_mmu(u32 stream, u64 iova)
{
	return stream ? 2 : (iova >> 12) & 1;
}

static u64 rockchip_addr(struct rockchip *rk, u32 entry)
{
	u64 addr = entry & GENMASK(31, 12);

	if (rk->v2)
		addr |= (u64)(entry & GENMASK(11, 8)) << 24 |
			(u64)(entry & GENMASK(7, 4)) << 32;
	return addr;
}

/* The driver asks whether a command is done */
static void rockchip_poll(struct rockchip_mmu *mmu)
{
	if (!mmu->polls || --mmu->polls)
		return;

	switch (mmu->command) {
	case CMD_ENABLE_PAGING:
		mmu->status |= STATUS_PAGING;
		break;
	case CMD_DISABLE_PAGING:
		if (mmu->status & STATUS_STALL)
			mmu->status &= ~STATUS_PAGING;
		break;
	case CMD_ENABLE_STALL:
		if (mmu->status & STATUS_PAGING && !(mmu->status & STATUS_FAULT))
			mmu->status |= STATUS_STALL;
		break;
	case CMD_DISABLE_STALL:
		mmu->status &= ~STATUS_STALL;
		break;
	case CMD_FORCE_RESET:
		*mmu = (struct rockchip_mmu) {};
		break;
	}
}

static u64 rockchip_read(struct hw_iommu *iommu, unsigned int window,
			 unsigned int offset, unsigned int size)
{
	struct rockchip *rk = iommu->priv;
	struct rockchip_mmu *mmu = &rk->mmus[window];

	switch (offset) {
	case DTE_ADDR:
		if (mmu->command == CMD_FORCE_RESET)
			rockchip_poll(mmu);
		return mmu->dte_addr;
	case STATUS:
		if (mmu->command != CMD_FORCE_RESET)
			rockchip_poll(mmu);
		return mmu->status | STATUS_IDLE | STATUS_REPLAY_EMPTY;
	case PAGE_FAULT_ADDR:
		return mmu->fault_addr;
	case INT_RAWSTAT:
		return mmu->rawstat;
	case INT_MASK:
		return mmu->int_mask;
	case INT_STATUS:
		return mmu->rawstat & mmu->int_mask;
	case AUTO_GATING:
		return mmu->auto_gating;
	default:
		return 0;
	}
}

static void rockchip_command(struct hw_iommu *iommu, unsigned int window, u32 command)
{
	struct rockchip *rk = iommu->priv;
	struct rockchip_mmu *mmu = &rk->mmus[window];

	if (mmu->polls)
		return;

	switch (command) {
	case CMD_ZAP_CACHE:
		hw_flush(iommu, &(struct hw_inval) {
			.caches = HW_ALL_CACHES,
			.tag = window,
		});
		break;
	case CMD_FAULT_DONE:
		mmu->status &= ~(STATUS_FAULT | STATUS_FAULT_WRITE);
		break;
	case CMD_DISABLE_PAGING:
	case CMD_DISABLE_STALL:
		mmu->command = command;
		mmu->polls = POLLS;
		break;
	case CMD_ENABLE_PAGING:
	case CMD_ENABLE_STALL:
	case CMD_FORCE_RESET:
		mmu->command = command;
		mmu->polls = window % 2 ? POLLS : 1;
		break;
	}
}

static void rockchip_write(struct hw_iommu *iommu, unsigned int window,
			   unsigned int offset, unsigned int size, u64 value)
{
	struct rockchip *rk = iommu->priv;
	struct rockchip_mmu *mmu = &rk->mmus[window];

	switch (offset) {
	case DTE_ADDR:
		/* Not while translations may be under way */
		if (mmu->status & STATUS_STALL || !(mmu->status & STATUS_PAGING))
			mmu->dte_addr = value & GENMASK(31, rk->v2 ? 4 : 12);
		break;
	case COMMAND:
		rockchip_command(iommu, window, value);
		break;
	case ZAP_ONE_LINE:
		hw_flush(iommu, &(struct hw_inval) {
			.caches = HW_LEAVES,
			.tag = window,
			.iova = ALIGN_DOWN(value, SZ_4K),
			.size = SZ_4K,
		});
		break;
	case INT_CLEAR:
		mmu->rawstat &= ~value;
		break;
	case INT_MASK:
		mmu->int_mask = value;
		break;
	case AUTO_GATING:
		mmu->auto_gating = value;
		break;
	}
}

static int rockchip_stream(struct hw_iommu *iommu, u32 stream, u64 iova,
			   struct hw_root *root)
{
	struct rockchip *rk = iommu->priv;
	struct rockchip_mmu *mmu;

	root->tag = rockchip_mmu(stream, iova);
	mmu = &rk->mmus[root->tag];

	/* A device is not heard until its fault, or the stall, is over */
	if (mmu->status & STATUS_FAULT)
		return -EFAULT;
	if (mmu->status & STATUS_STALL)
		return -EAGAIN;
	if (!(mmu->status & STATUS_PAGING))
		return 1;
	if (iova >> 32)
		return -EFAULT;

	root->table = rockchip_addr(rk, mmu->dte_addr);
	root->priv = rk;
	return 0;
}

static int rockchip_step(struct hw_iommu *iommu, const struct hw_root *root, u64 table,
			 int level, u64 iova, struct hw_entry *entry)
{
	struct rockchip *rk = iommu->priv;
	unsigned int shift = level ? 12 : 22;
	u32 value = hw_load32(iommu, table + ((iova >> shift) & 1023) * sizeof(value));

	if (!(value & ENTRY_VALID))
		return -EFAULT;

	entry->size = BIT_ULL(shift);
	entry->iova = ALIGN_DOWN(iova, entry->size);
	entry->addr = rockchip_addr(rk, value);
	entry->table = !level;
	entry->level = level + 1;
	entry->prot = (value & ENTRY_READ ? HW_READ : 0) |
		      (value & ENTRY_WRITE ? HW_WRITE : 0);
	return 0;
}

static void rockchip_fault(struct hw_iommu *iommu, u32 stream, u64 iova, bool write)
{
	unsigned int window = rockchip_mmu(stream, iova);
	struct rockchip *rk = iommu->priv;
	struct rockchip_mmu *mmu = &rk->mmus[window];

	scoped_guard(spinlock_irqsave, &iommu->lock) {
		if (!(mmu->status & STATUS_PAGING) || mmu->status & STATUS_FAULT)
			return;
		mmu->status |= STATUS_FAULT | (write ? STATUS_FAULT_WRITE : 0);
		mmu->fault_addr = iova;
		mmu->rawstat |= INT_PAGE_FAULT;
		if (!(mmu->int_mask & INT_PAGE_FAULT))
			return;
	}
	hw_raise_irq(iommu, rockchip_line(window));
}

static void rockchip_power_off(struct hw_iommu *iommu, unsigned int window,
			       struct hw_inval *lost)
{
	struct rockchip *rk = iommu->priv;

	rk->mmus[window] = (struct rockchip_mmu) {};
	lost->tag = window;
}

static void rockchip_v1_reset(struct hw_iommu *iommu)
{
	iommu->priv = &rockchip_v1;
}

static void rockchip_v2_reset(struct hw_iommu *iommu)
{
	iommu->priv = &rockchip_v2;
}

static const struct hw_ops rockchip_v1_ops = {
	.reset = rockchip_v1_reset,
	.read = rockchip_read,
	.write = rockchip_write,
	.stream = rockchip_stream,
	.step = rockchip_step,
	.fault = rockchip_fault,
	.power_off = rockchip_power_off,
};

static const struct hw_ops rockchip_v2_ops = {
	.reset = rockchip_v2_reset,
	.read = rockchip_read,
	.write = rockchip_write,
	.stream = rockchip_stream,
	.step = rockchip_step,
	.fault = rockchip_fault,
	.power_off = rockchip_power_off,
};

OF_OVERLAY_DECLARE(rockchip);
OF_OVERLAY_DECLARE(rockchip_v2);

static const struct hw_desc rockchip_desc = {
	.name = "rockchip-iommu",
	.kind = HW_UNMAP,
	.shares_irq = true,
	.commands.entry = { 3, 3 },
	.cuts_blocks = true,
	.exact = true,
	.overlay = of_overlay_begin(rockchip),
	.overlay_end = of_overlay_end(rockchip),
	.windows = {
		{ 0x600700000, 0x100, BIT(0) | BIT(2), BIT(0) },
		{ 0x600701000, 0x100, BIT(0) | BIT(2), BIT(0) },
		{ 0x600702000, 0x100, BIT(1) | BIT(2), BIT(1) },
	},
	.soc = "/rockchip-soc",
	.masters = {
		{ "/rockchip-master-0", 0 },
		{ "/rockchip-master-1", 1 },
	},
	.ops = &rockchip_v1_ops,
	.no_snoop = true,
	.streams = 2,
};

static const struct hw_desc rockchip_v2_desc = {
	.name = "rockchip-iommu-v2",
	.kind = HW_UNMAP,
	.shares_irq = true,
	.commands.entry = { 3, 3 },
	.cuts_blocks = true,
	.exact = true,
	.overlay = of_overlay_begin(rockchip_v2),
	.overlay_end = of_overlay_end(rockchip_v2),
	.windows = {
		{ 0x600708000, 0x100, BIT(0) | BIT(2), BIT(0) },
		{ 0x600709000, 0x100, BIT(0) | BIT(2), BIT(0) },
		{ 0x60070a000, 0x100, BIT(1) | BIT(2), BIT(1) },
	},
	.soc = "/rockchip-v2-soc",
	.masters = {
		{ "/rockchip-v2-master-0", 0 },
		{ "/rockchip-v2-master-1", 1 },
	},
	.ops = &rockchip_v2_ops,
	.no_snoop = true,
	.streams = 2,
};

HW_IOMMU(rockchip, rockchip_desc);
HW_IOMMU(rockchip_v2, rockchip_v2_desc);

/* How firmware may leave the MMUs of an IOMMU, or an attach that failed */
static const struct {
	const char *name;
	u32 status[2];
} rockchip_left[] = {
	{ "the first faulted", { STATUS_PAGING | STATUS_FAULT, 0 } },
	{ "the second faulted", { 0, STATUS_PAGING | STATUS_FAULT } },
	{ "both on, one faulted", { STATUS_PAGING, STATUS_PAGING | STATUS_FAULT } },
	{ "the first on", { STATUS_PAGING, 0 } },
	{ "one stalled", { STATUS_PAGING, STATUS_PAGING | STATUS_STALL } },
};

KUNIT_ARRAY_PARAM_DESC(rockchip_left, rockchip_left, name);

static void left_on_test(struct kunit *test)
{
	const typeof(rockchip_left[0]) *left = test->param_value;
	struct hw_test *t = test->priv;
	struct iommu_group *group = t->master[0].dev->iommu_group;
	struct rockchip *rk = t->iommu->priv;
	u64 paddr;

	KUNIT_ASSERT_EQ(test, 0,
			iommu_map(t->domain, t->iova, virt_to_phys(t->memory),
				  2 * SZ_4K, IOMMU_READ | IOMMU_WRITE, GFP_KERNEL));
	iommu_detach_group(t->domain, group);
	for (int i = 0; i < 2; i++)
		rk->mmus[i] = (struct rockchip_mmu) {
			.dte_addr = SZ_4K,
			.status = left->status[i],
		};

	KUNIT_ASSERT_EQ(test, 0, iommu_attach_group(t->domain, group));
	for (int i = 0; i < 2; i++) {
		KUNIT_EXPECT_EQ(test, STATUS_PAGING, rk->mmus[i].status);
		KUNIT_EXPECT_EQ(test, 0, hw_translate(t->iommu, 0,
						      t->iova + i * SZ_4K, true,
						      &paddr));
		KUNIT_EXPECT_EQ(test, virt_to_phys(t->memory) + i * SZ_4K, paddr);
	}
}

static struct kunit_case rockchip_own_cases[] = {
	KUNIT_CASE_PARAM(left_on_test, rockchip_left_gen_params),
	{}
};

static struct kunit_suite rockchip_own_suite = {
	.name = "iommu_rockchip_own",
	.init = rockchip_test_init,
	.exit = hw_test_exit,
	.test_cases = rockchip_own_cases,
};

kunit_test_suite(rockchip_own_suite);

// SPDX-License-Identifier: GPL-2.0-only
/*
 * Model of Verisilicon's IOMMU
 *
 * Two of them, each with one device, so that a domain can have both. A table of page
 * table addresses, of which one entry is in use, points to a directory, and that to
 * page tables.
 *
 * What the registers mean is taken from the driver's macros and from its use of them:
 * all of an IOTLB is flushed, at once, when the flush bit goes from 0 to 1, and not by
 * switching translation off and on.
 */
#include "cases.h"

#include <linux/delay.h>
#include <linux/of_platform.h>
#include <linux/platform_device.h>
#include <linux/pm_runtime.h>
#include <linux/sizes.h>

#define FLUSH			0x184
#define FLUSH_BIT		BIT(4)
#define CONFIG1			0x1ac
#define EXCEPTION		0x380	/* to write; to read, the address of a fault */
#define STATUS			0x384
#define STATUS_FAULT		BIT(1)
#define CONTROL			0x388
#define ENABLE			BIT(0)
#define TLB_ARRAY_BASE		0x38c

#define ENTRY_VALID		BIT(0)
#define PTA_ADDR		GENMASK_ULL(31, 10)
#define DTE_ADDR		GENMASK(31, 6)
#define PTE_WRITE		BIT(2)
#define PTE_ADDR		GENMASK(31, 12)
#define PTE_ADDR_HI		GENMASK(11, 4)

#define IOMMUS			2

static struct vsi_regs {
	u32 flush;
	u32 config1;
	u32 exception;
	u32 fault_addr;
	u32 status;
	u32 control;
	u32 array_base;
	bool bypassed;	/* set if the driver turned translation off; cleared by tests */
} vsi_regs[IOMMUS];

static u64 vsi_read(struct hw_iommu *iommu, unsigned int window,
		    unsigned int offset, unsigned int size)
{
	struct vsi_regs *regs = &vsi_regs[window];

	switch (offset) {
	case FLUSH:
		return regs->flush;
	case CONFIG1:
		return regs->config1;
	case EXCEPTION:
		return regs->fault_addr;
	case STATUS:
		return regs->status;
	case CONTROL:
		return regs->control;
	case TLB_ARRAY_BASE:
		return regs->array_base;
	default:
		return 0;
	}
}

static void vsi_write(struct hw_iommu *iommu, unsigned int window,
		      unsigned int offset, unsigned int size, u64 value)
{
	struct vsi_regs *regs = &vsi_regs[window];

	switch (offset) {
	case FLUSH:
		if (value & ~regs->flush & FLUSH_BIT)
			hw_flush(iommu, &(struct hw_inval) {
				.caches = HW_ALL_CACHES,
				.tag = window,
			});
		regs->flush = value;
		break;
	case CONFIG1:
		regs->config1 = value;
		break;
	case EXCEPTION:
		regs->exception = value;
		break;
	case STATUS:
		regs->status = value;
		break;
	case CONTROL:
		regs->control = value;
		if (!(value & ENABLE))
			regs->bypassed = true;
		break;
	case TLB_ARRAY_BASE:
		regs->array_base = value;
		break;
	}
}

static int vsi_stream(struct hw_iommu *iommu, u32 stream, u64 iova,
		      struct hw_root *root)
{
	struct vsi_regs *regs = &vsi_regs[stream];

	if (!(regs->control & ENABLE))
		return 1;
	if (iova >> 32)
		return -EFAULT;

	root->tag = stream;
	root->table = regs->array_base;
	return 0;
}

static int vsi_step(struct hw_iommu *iommu, const struct hw_root *root, u64 table,
		    int level, u64 iova, struct hw_entry *entry)
{
	u32 value;

	switch (level) {
	case 0:
		entry->iova = 0;
		entry->size = BIT_ULL(32);
		entry->addr = hw_load64(iommu, table) & PTA_ADDR;
		break;
	case 1:
		value = hw_load32(iommu, table + (iova >> 22) * sizeof(value));
		if (!(value & ENTRY_VALID))
			return -EFAULT;
		entry->iova = ALIGN_DOWN(iova, SZ_4M);
		entry->size = SZ_4M;
		entry->addr = value & DTE_ADDR;
		break;
	default:
		value = hw_load32(iommu, table + (iova >> 12 & 1023) * sizeof(value));
		if (!(value & ENTRY_VALID))
			return -EFAULT;
		entry->iova = ALIGN_DOWN(iova, SZ_4K);
		entry->size = SZ_4K;
		entry->addr = (value & PTE_ADDR) | (u64)(value & PTE_ADDR_HI) << 28;
		entry->prot = HW_READ | (value & PTE_WRITE ? HW_WRITE : 0);
		return 0;
	}

	entry->table = true;
	entry->level = level + 1;
	return 0;
}

static void vsi_fault(struct hw_iommu *iommu, u32 stream, u64 iova, bool write)
{
	struct vsi_regs *regs = &vsi_regs[stream];

	scoped_guard(spinlock_irqsave, &iommu->lock) {
		/* The first is kept until it is cleared */
		if (regs->status & STATUS_FAULT)
			return;
		regs->fault_addr = iova;
		regs->status |= STATUS_FAULT;
		if (!(regs->exception & ENABLE))
			return;
	}
	hw_raise_irq(iommu, stream);
}

static void vsi_power_off(struct hw_iommu *iommu, unsigned int window,
			  struct hw_inval *lost)
{
	vsi_regs[window] = (struct vsi_regs) {
		.bypassed = vsi_regs[window].bypassed,
	};
	lost->tag = window;
}

static const struct hw_ops vsi_ops = {
	.read = vsi_read,
	.write = vsi_write,
	.stream = vsi_stream,
	.step = vsi_step,
	.fault = vsi_fault,
	.power_off = vsi_power_off,
};

OF_OVERLAY_DECLARE(vsi);

static const struct hw_desc vsi_desc = {
	.name = "vsi-iommu",
	.kind = HW_UNMAP,
	.shares_irq = true,
	.caches_misses = true,
	.commands.entry = { 2, 2 },
	.overlay = of_overlay_begin(vsi),
	.overlay_end = of_overlay_end(vsi),
	.windows = {
		{ 0x600a00000, SZ_4K, BIT(0) | BIT(2), BIT(0) },
		{ 0x600a01000, SZ_4K, BIT(1) | BIT(2), BIT(1) },
	},
	.soc = "/vsi-soc",
	.masters = { { "/vsi-master-0", 0 }, { "/vsi-master-1", 1 } },
	.ops = &vsi_ops,
	.no_snoop = true,
	.streams = 2,
};

HW_IOMMU(vsi, vsi_desc);

/* The IOMMU sleeps when it was idle for 100 ms */
#define SLEEP_MS		500

/* From one domain that translates to another, no access bypasses the IOMMU */
static void switch_test(struct kunit *test)
{
	struct hw_test *t = test->priv;
	struct iommu_group *group = t->master[0].dev->iommu_group;

	vsi_regs[0].bypassed = false;
	iommu_detach_group(t->domain, group);
	if (!iommu_is_dma_domain(iommu_get_domain_for_dev(t->master[0].dev)))
		kunit_skip(test, "model: the default domain does not translate");
	KUNIT_EXPECT_EQ(test, 0, iommu_attach_group(t->domain, group));
	KUNIT_EXPECT_FALSE(test, vsi_regs[0].bypassed);
}

/* In the identity domain, which has no lock, translation is off */
static void identity_domain_test(struct kunit *test)
{
	struct hw_test *t = test->priv;
	struct device *dev = t->master[0].dev;
	struct iommu_group *group = dev->iommu_group;
	struct iommu_domain *identity = dev->iommu->iommu_dev->ops->identity_domain;
	u64 paddr;

	KUNIT_ASSERT_EQ(test, 0,
			iommu_map(t->domain, t->iova, virt_to_phys(t->memory), SZ_4K,
				  IOMMU_READ | IOMMU_WRITE, GFP_KERNEL));
	iommu_detach_group(t->domain, group);
	KUNIT_ASSERT_EQ(test, 0, iommu_attach_group(identity, group));
	KUNIT_EXPECT_EQ(test, 0, hw_translate(t->iommu, 0, t->iova, false, &paddr));
	KUNIT_EXPECT_EQ(test, t->iova, paddr);

	/* Also after it has slept */
	pm_runtime_put_sync(dev);
	msleep(SLEEP_MS);
	pm_runtime_get_sync(dev);
	KUNIT_EXPECT_EQ(test, 0, hw_translate(t->iommu, 0, t->iova, false, &paddr));
	KUNIT_EXPECT_EQ(test, t->iova, paddr);

	iommu_detach_group(identity, group);
	KUNIT_ASSERT_EQ(test, 0, iommu_attach_group(t->domain, group));
	KUNIT_EXPECT_EQ(test, 0, hw_translate(t->iommu, 0, t->iova, false, &paddr));
	KUNIT_EXPECT_EQ(test, virt_to_phys(t->memory), paddr);
}

static struct device *first_iommu(void)
{
	struct device_node *np = of_find_node_by_path("/iommu@600a00000");
	struct platform_device *pdev = of_find_device_by_node(np);

	of_node_put(np);
	/* It is there for ever */
	if (pdev)
		put_device(&pdev->dev);
	return pdev ? &pdev->dev : NULL;
}

static void wake_master(void *data)
{
	pm_runtime_get_sync(data);
}

/* With a page mapped, the first IOMMU sleeps until the test ends. Return the IOMMU. */
static struct device *put_to_sleep(struct kunit *test)
{
	struct hw_test *t = test->priv;
	struct device *dev = t->master[0].dev;
	struct device *iommu = first_iommu();

	KUNIT_ASSERT_NOT_NULL(test, iommu);
	KUNIT_ASSERT_EQ(test, 0,
			iommu_map(t->domain, t->iova, virt_to_phys(t->memory), SZ_4K,
				  IOMMU_READ | IOMMU_WRITE, GFP_KERNEL));
	pm_runtime_put_sync(dev);
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test, wake_master, dev));
	msleep(SLEEP_MS);
	KUNIT_ASSERT_TRUE(test, pm_runtime_suspended(iommu));
	return iommu;
}

/* An IOMMU that sleeps does so while something is unmapped */
static void unmap_asleep_test(struct kunit *test)
{
	struct device *iommu = put_to_sleep(test);
	struct hw_test *t = test->priv;

	KUNIT_EXPECT_EQ(test, SZ_4K, iommu_unmap(t->domain, t->iova, SZ_4K));
	msleep(20);
	KUNIT_EXPECT_TRUE(test, pm_runtime_suspended(iommu));
}

/* And there is nobody left who has it awake, if it could not be woken */
static void unmap_disabled_test(struct kunit *test)
{
	struct device *iommu = put_to_sleep(test);
	struct hw_test *t = test->priv;
	int users;

	pm_runtime_disable(iommu);
	users = atomic_read(&iommu->power.usage_count);
	KUNIT_EXPECT_EQ(test, SZ_4K, iommu_unmap(t->domain, t->iova, SZ_4K));
	KUNIT_EXPECT_EQ(test, users, atomic_read(&iommu->power.usage_count));
	atomic_set(&iommu->power.usage_count, users);
	pm_runtime_enable(iommu);
}

/* Nor does an interrupt wake it, which its handler could not wait for */
static void interrupt_asleep_test(struct kunit *test)
{
	struct device *iommu = put_to_sleep(test);
	struct hw_test *t = test->priv;

	hw_raise_irq(t->iommu, 0);
	KUNIT_EXPECT_TRUE(test, pm_runtime_suspended(iommu));
}

static struct kunit_case vsi_only_cases[] = {
	KUNIT_CASE(switch_test),
	KUNIT_CASE(identity_domain_test),
	KUNIT_CASE(unmap_asleep_test),
	KUNIT_CASE(unmap_disabled_test),
	KUNIT_CASE(interrupt_asleep_test),
	{}
};

static struct kunit_suite vsi_only_suite = {
	.name = "iommu_vsi_own",
	.init = vsi_test_init,
	.exit = hw_test_exit,
	.test_cases = vsi_only_cases,
};

kunit_test_suite(vsi_only_suite);

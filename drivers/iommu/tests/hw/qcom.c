// SPDX-License-Identifier: GPL-2.0-only
/*
 * Model of Qualcomm's IOMMU, an SMMUv2 whose global registers belong to firmware
 *
 * What is left are the context banks, for stage 1 and long descriptors of 32-bit ARM;
 * firmware has routed each stream to one. Their registers are those of the SMMUv2
 * architecture. A TLBSYNC completes what its own bank was told to invalidate. While
 * one of the clocks is off, registers cannot be reached, nor before the kernel has asked
 * firmware for their bank. No public text says what firmware does then; the driver asks
 * before it programs a bank, but clears FSR in probe, which does nothing here.
 */
#include "hw.h"
#include "../../arm/arm-smmu/arm-smmu.h"

#include <linux/bitfield.h>
#include <linux/dma-mapping.h>
#include <linux/firmware/qcom/qcom_scm_fake.h>
#include <linux/of.h>
#include <linux/of_platform.h>
#include <linux/pm_runtime.h>
#include <linux/platform_device.h>
#include <linux/sizes.h>

#define BANKS			4
#define BANK_SIZE		SZ_4K

/* Where the device's two streams go, and where that of another device */
#define FIRST_BANK		1
#define SECOND_BANK		2
#define OTHER_BANK		3

/* What firmware calls this IOMMU */
#define SECURE_ID		17

#define SCTLR			0x000
#define SCTLR_CFCFG		BIT(7)
#define SCTLR_CFIE		BIT(6)
#define SCTLR_AFE		BIT(2)
#define SCTLR_M			BIT(0)
#define RESUME			0x008
#define TTBR0			0x020
#define TTBR_ADDR		GENMASK_ULL(39, 5)
#define TTBR_ASID		GENMASK_ULL(55, 48)
#define TCR			0x030
#define TCR_EAE			BIT(31)
#define TCR_T0SZ		GENMASK(2, 0)
#define FSR			0x058
#define FSR_MULTI		BIT(31)
#define FSR_SS			BIT(30)
#define FSR_PF			BIT(3)
#define FSR_TF			BIT(1)
#define FAR			0x060
#define FSYNR0			0x068
#define FSYNR0_WNR		BIT(4)
#define TLBIVA			0x600
#define TLBIASID		0x610
#define TLBIVAL			0x620
#define TLBI_ADDR		GENMASK(31, 12)
#define TLBI_ASID		GENMASK(7, 0)
#define TLBSYNC			0x7f0
#define TLBSTATUS		0x7f4
#define TLBSTATUS_SACTIVE	BIT(0)

enum {
	QCOM_BANKS,
	QCOM_LOCAL,
};

static u32 qcom_regs[BANKS][BANK_SIZE / sizeof(u32)];

static u32 *qcom_reg(unsigned int bank, unsigned int offset)
{
	return &qcom_regs[bank][offset / sizeof(u32)];
}

static u64 qcom_reg64(unsigned int bank, unsigned int offset)
{
	return *qcom_reg(bank, offset) | (u64)*qcom_reg(bank, offset + 4) << 32;
}

static bool qcom_ours(unsigned int bank)
{
	return test_bit(bank, &qcom_scm_fake_sec_cfg[SECURE_ID]);
}

static bool qcom_busy(struct hw_iommu *iommu, unsigned int bank)
{
	/* The driver takes 5 s to give up on a bank: one that is stuck will do */
	return hw_sync_busy(iommu, bank, iommu->stuck && bank == FIRST_BANK);
}

static u64 qcom_read(struct hw_iommu *iommu, unsigned int window,
		     unsigned int offset, unsigned int size)
{
	unsigned int bank = offset / BANK_SIZE;

	if (window != QCOM_BANKS || !qcom_ours(bank))
		return 0;

	offset %= BANK_SIZE;
	if (offset == TLBSTATUS)
		return qcom_busy(iommu, bank) ? TLBSTATUS_SACTIVE : 0;
	return size == 8 ? qcom_reg64(bank, offset) : *qcom_reg(bank, offset);
}

static void qcom_inval(struct hw_iommu *iommu, unsigned int bank, u32 caches,
		       u32 value, u64 size)
{
	hw_post(iommu, &(struct hw_inval) {
		.caches = caches,
		.tag = FIELD_GET(TLBI_ASID, value),
		.iova = value & TLBI_ADDR,
		.size = size,
		.spares_global = !size,
		.queue = bank,
	});
}

static void qcom_write(struct hw_iommu *iommu, unsigned int window,
		       unsigned int offset, unsigned int size, u64 value)
{
	unsigned int bank = offset / BANK_SIZE;

	if (window != QCOM_BANKS || !qcom_ours(bank))
		return;

	offset %= BANK_SIZE;
	switch (offset) {
	case TLBIVA:
		qcom_inval(iommu, bank, HW_ALL_CACHES, value, SZ_4K);
		break;
	case TLBIVAL:
		qcom_inval(iommu, bank, HW_LEAVES, value, SZ_4K);
		break;
	case TLBIASID:
		qcom_inval(iommu, bank, HW_ALL_CACHES, value, 0);
		break;
	case TLBSYNC:
		hw_start_sync(iommu, bank, BIT(bank));
		/* The device has two banks, to be synced in turn: that is one sync */
		if (bank != FIRST_BANK)
			iommu->counts.syncs--;
		break;
	case FSR:
		*qcom_reg(bank, FSR) &= ~value | FSR_SS;
		break;
	case RESUME:
		*qcom_reg(bank, FSR) &= ~FSR_SS;
		break;
	default:
		*qcom_reg(bank, offset) = value;
		if (size == 8)
			*qcom_reg(bank, offset + 4) = value >> 32;
	}
}

static int qcom_stream(struct hw_iommu *iommu, u32 stream, u64 iova,
		       struct hw_root *root)
{
	u32 tcr = *qcom_reg(stream, TCR);
	u64 ttbr = qcom_reg64(stream, TTBR0);

	if (!(*qcom_reg(stream, SCTLR) & SCTLR_M))
		return 1;

	/* Behind a transaction that is stalled */
	if (*qcom_reg(stream, FSR) & FSR_SS)
		return -EFAULT;

	if (!(tcr & TCR_EAE) || iova >> (32 - FIELD_GET(TCR_T0SZ, tcr)))
		return -EFAULT;

	root->tag = FIELD_GET(TTBR_ASID, ttbr);
	root->table = ttbr & TTBR_ADDR;
	root->level = FIELD_GET(TCR_T0SZ, tcr) < 2 ? 1 : 2;
	return 0;
}

static int qcom_step(struct hw_iommu *iommu, const struct hw_root *root, u64 table,
		     int level, u64 iova, struct hw_entry *entry)
{
	return hw_lpae_step(iommu, root, table, level, false, iova, entry);
}

static void qcom_fault(struct hw_iommu *iommu, u32 stream, u64 iova, bool write)
{
	/* All that is mapped can be read */
	u64 paddr;
	bool mapped = write && !hw_translate(iommu, stream, iova, false, &paddr);
	u32 sctlr, *fsr = qcom_reg(stream, FSR);

	scoped_guard(spinlock_irqsave, &iommu->lock) {
		sctlr = *qcom_reg(stream, SCTLR);
		if (*fsr) {
			*fsr |= FSR_MULTI;
		} else {
			*fsr = mapped ? FSR_PF : FSR_TF;
			if (sctlr & SCTLR_CFCFG)
				*fsr |= FSR_SS;
			*qcom_reg(stream, FAR) = lower_32_bits(iova);
			*qcom_reg(stream, FAR + 4) = upper_32_bits(iova);
			*qcom_reg(stream, FSYNR0) = write ? FSYNR0_WNR : 0;
		}
	}

	if (sctlr & SCTLR_CFIE)
		hw_raise_irq(iommu, stream);
}

static const struct hw_ops qcom_ops = {
	.read = qcom_read,
	.write = qcom_write,
	.stream = qcom_stream,
	.step = qcom_step,
	.fault = qcom_fault,
};

OF_OVERLAY_DECLARE(qcom);

static const struct hw_desc qcom_desc = {
	.name = "qcom-iommu",
	.kind = HW_ALWAYS,
	.commands.entry = { 2, 0 },
	.commands.sync = { 0, 1 },
	.overlay = of_overlay_begin(qcom),
	.overlay_end = of_overlay_end(qcom),
	.windows = {
		[QCOM_BANKS] = { 0x600100000, BANKS * BANK_SIZE, GENMASK(1, 0) },
		[QCOM_LOCAL] = { 0x600110000, SZ_16K, GENMASK(1, 0) },
	},
	.soc = "/qcom-soc",
	.masters = {
		{ "/qcom-master", FIRST_BANK },
		{ "/qcom-master", SECOND_BANK },
	},
	.ops = &qcom_ops,
	.no_snoop = true,
	.streams = BANKS,
	.idle_bypass = true,
	.no_blocks = "driver: maps no blocks",
	.no_two_domains = "driver: has one device to a domain; see iommu_qcom_own",
	.reports_stuck = true,
	.exact = true,
	.shares_irq = true,
};

HW_IOMMU(qcom, qcom_desc);

#define OTHER_MASTER		"/qcom-other-master"

static struct device *qcom_device(struct kunit *test, struct device_node *np)
{
	struct platform_device *pdev = of_find_device_by_node(np);

	of_node_put(np);
	KUNIT_ASSERT_NOT_NULL(test, pdev);
	/* It is there from boot on, and stays */
	put_device(&pdev->dev);
	return &pdev->dev;
}

/* The device reads what the DMA API has mapped for it */
static void qcom_expect_dma(struct kunit *test, struct device *master)
{
	u8 *memory = kunit_kzalloc(test, SZ_4K, GFP_KERNEL);
	dma_addr_t iova;
	u8 value = 0;

	KUNIT_ASSERT_NOT_NULL(test, memory);
	*memory = 0x5a;
	iova = dma_map_single(master, memory, SZ_4K, DMA_TO_DEVICE);
	KUNIT_ASSERT_EQ(test, 0, dma_mapping_error(master, iova));
	KUNIT_EXPECT_EQ(test, 0, hw_access(&qcom_iommu, FIRST_BANK, iova, false, &value));
	KUNIT_EXPECT_EQ(test, 0x5a, value);
	dma_unmap_single(master, iova, SZ_4K, DMA_TO_DEVICE);
}

/* The driver can be unbound, touches no register without a clock, and bound again */
static void unbind_test(struct kunit *test)
{
	struct device *master, *other, *iommu;

	wait_for_device_probe();
	master = qcom_device(test, of_find_node_by_path(qcom_desc.masters[0].path));
	other = qcom_device(test, of_find_node_by_path(OTHER_MASTER));
	iommu = qcom_device(test, of_parse_phandle(master->of_node, "iommus", 0));
	qcom_expect_dma(test, master);

	device_release_driver(iommu);
	hw_expect_powered(test, &qcom_iommu);

	KUNIT_ASSERT_EQ(test, 1, device_attach(iommu));
	/* They may have been bound with their IOMMU */
	if (!device_is_bound(master))
		KUNIT_ASSERT_EQ(test, 1, device_attach(master));
	if (!device_is_bound(other))
		KUNIT_ASSERT_EQ(test, 1, device_attach(other));
	qcom_expect_dma(test, master);
	hw_expect_powered(test, &qcom_iommu);
}

/* A domain that outlives its device needs nothing of it when it is freed */
static void outlived_test(struct kunit *test)
{
	struct device *master;
	struct device_node *np;
	struct iommu_domain *domain;
	size_t size = struct_size_t(struct iommu_fwspec, ids, 2);

	wait_for_device_probe();
	np = of_find_node_by_path(qcom_desc.masters[0].path);
	master = qcom_device(test, of_node_get(np));
	domain = iommu_paging_domain_alloc(master);
	KUNIT_ASSERT_FALSE(test, IS_ERR_OR_NULL(domain));
	KUNIT_ASSERT_EQ(test, 0, iommu_attach_group(domain, master->iommu_group));
	iommu_detach_group(domain, master->iommu_group);

	of_platform_device_destroy(master, NULL);
	/* One of these gets the memory of the fwspec */
	for (unsigned int i = 0; i < 1024; i++) {
		void *other = kunit_kmalloc(test, size, GFP_KERNEL);

		KUNIT_ASSERT_NOT_NULL(test, other);
		memset(other, 0xff, size);
	}
	iommu_domain_free(domain);

	KUNIT_EXPECT_NOT_NULL(test, of_platform_device_create(np, NULL, NULL));
	qcom_expect_dma(test, qcom_device(test, np));
}

static u64 qcom_reaches(unsigned int bank, u64 iova)
{
	u64 paddr;

	return hw_translate(&qcom_iommu, bank, iova, false, &paddr) ? 0 : paddr;
}

/* Attach a device to a new domain that has @paddr at @iova */
static struct iommu_domain *qcom_attach(struct kunit *test, struct device *dev, u64 iova,
					phys_addr_t paddr)
{
	struct iommu_domain *domain = iommu_paging_domain_alloc(dev);

	KUNIT_ASSERT_FALSE(test, IS_ERR_OR_NULL(domain));
	KUNIT_ASSERT_EQ(test, 0, iommu_attach_group(domain, dev->iommu_group));
	KUNIT_ASSERT_EQ(test, 0, iommu_map(domain, iova, paddr, SZ_4K,
					   IOMMU_READ | IOMMU_WRITE, GFP_KERNEL));
	return domain;
}

/* Two devices on a domain each: what one of them loses, the other keeps */
static void two_devices_test(struct kunit *test)
{
	void *memory = kunit_kzalloc(test, SZ_4K, GFP_KERNEL);
	struct iommu_domain *domain, *other_domain;
	struct device *master, *other;
	u64 iova = SZ_16M;
	phys_addr_t paddr;

	KUNIT_ASSERT_NOT_NULL(test, memory);
	paddr = ALIGN_DOWN(virt_to_phys(memory), SZ_4K);
	wait_for_device_probe();
	master = qcom_device(test, of_find_node_by_path(qcom_desc.masters[0].path));
	other = qcom_device(test, of_find_node_by_path(OTHER_MASTER));
	domain = qcom_attach(test, master, iova, paddr);
	KUNIT_ASSERT_LE(test, 0, pm_runtime_resume_and_get(other));
	other_domain = qcom_attach(test, other, iova, paddr);

	/* The TLB is maintained for the contexts of one device */
	iommu_detach_group(other_domain, other->iommu_group);
	KUNIT_EXPECT_EQ(test, -EINVAL, iommu_attach_group(domain, other->iommu_group));
	KUNIT_ASSERT_EQ(test, 0, iommu_attach_group(other_domain, other->iommu_group));

	for (unsigned int bank = FIRST_BANK; bank <= OTHER_BANK; bank++)
		KUNIT_EXPECT_EQ(test, paddr, qcom_reaches(bank, iova));
	KUNIT_EXPECT_EQ(test, SZ_4K, iommu_unmap(domain, iova, SZ_4K));
	KUNIT_EXPECT_EQ(test, 0, qcom_reaches(FIRST_BANK, iova));
	KUNIT_EXPECT_EQ(test, 0, qcom_reaches(SECOND_BANK, iova));
	KUNIT_EXPECT_EQ(test, paddr, qcom_reaches(OTHER_BANK, iova));

	KUNIT_ASSERT_EQ(test, 0, iommu_map(domain, iova, paddr, SZ_4K,
					   IOMMU_READ | IOMMU_WRITE, GFP_KERNEL));
	KUNIT_EXPECT_EQ(test, paddr, qcom_reaches(SECOND_BANK, iova));
	KUNIT_EXPECT_EQ(test, SZ_4K, iommu_unmap(other_domain, iova, SZ_4K));
	KUNIT_EXPECT_EQ(test, 0, qcom_reaches(OTHER_BANK, iova));
	KUNIT_EXPECT_EQ(test, paddr, qcom_reaches(SECOND_BANK, iova));

	iommu_detach_group(domain, master->iommu_group);
	iommu_detach_group(other_domain, other->iommu_group);
	pm_runtime_put_sync(other);
	iommu_domain_free(domain);
	iommu_domain_free(other_domain);
}

/* What concerns no other driver */
static struct kunit_case qcom_own_cases[] = {
	KUNIT_CASE(two_devices_test),
	KUNIT_CASE(unbind_test),
	KUNIT_CASE(outlived_test),
	{}
};

static struct kunit_suite qcom_own_suite = {
	.name = "iommu_qcom_own",
	.test_cases = qcom_own_cases,
};

kunit_test_suite(qcom_own_suite);

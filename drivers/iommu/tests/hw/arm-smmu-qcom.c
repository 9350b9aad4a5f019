// SPDX-License-Identifier: GPL-2.0-only
/*
 * The SMMU of Qualcomm's SDM845, an MMU-500 that firmware has its hand on
 *
 * Firmware takes bypass for fault in S2CR, and ignores writes of fault: the driver finds
 * out, and has streams bypass by way of a context bank. One stream bypasses from boot
 * on, as that of a display which shows a logo. What firmware does is taken from the
 * driver; qcom.dtso has its node.
 */
#include "arm-smmu.h"
#include "cases.h"

#include <linux/dma-mapping.h>
#include <linux/firmware/qcom/qcom_scm_fake.h>
#include <linux/io.h>
#include <linux/sizes.h>

OF_OVERLAY_DECLARE(arm_smmu_qcom);

#define QCOM_HANDED_OVER	0x880

static const struct smmu_variant smmu_qcom = {
	.desc = {
		.name = "arm-smmu, SDM845",
		.windows = { SMMU_WINDOW(0x610400000, SZ_1M) },
		.masters = {
			{ "/arm-smmu-qcom-master0", 0x40 },
			{ "/arm-smmu-qcom-master1", 0x60 },
		},
		/* Below the one that bypasses */
		.streams = QCOM_HANDED_OVER,
		.iova = BIT_ULL(40) + SZ_16M,
		.exact = true,
		.commands.entry = { 1, 0 },
		.commands.table = { 2, 1 },
		.commands.all_with_table = true,
		.overlay = of_overlay_begin(arm_smmu_qcom),
		.overlay_end = of_overlay_end(arm_smmu_qcom),
		SMMU_DESC("/arm-smmu-qcom"),
	},
	SMMU_500(SMMU_ID2_4K),
	.bypass_faults = true,
	.handed_over = QCOM_HANDED_OVER,
};

HW_IOMMU(arm_smmu_qcom, smmu_qcom.desc);

static int qcom_own_test_init(struct kunit *test)
{
	return hw_test_init(test, &arm_smmu_qcom_iommu);
}

/* What @stream reaches at @iova; HW_NO_PADDR if it is refused */
static u64 qcom_reached(struct hw_test *t, u32 stream, u64 iova)
{
	u64 paddr;

	return hw_translate(t->iommu, stream, iova, true, &paddr) ? HW_NO_PADDR : paddr;
}

/* What firmware has handed over keeps its way to memory */
static void handed_over_test(struct kunit *test)
{
	struct hw_test *t = test->priv;

	KUNIT_EXPECT_EQ(test, t->iova, qcom_reached(t, QCOM_HANDED_OVER, t->iova));
}

static void qcom_free_domain(void *domain)
{
	iommu_domain_free(domain);
}

/* Domains until there is no context bank left for another */
static void qcom_use_banks(struct kunit *test)
{
	struct hw_test *t = test->priv;
	struct iommu_group *group = t->master[0].dev->iommu_group;
	struct iommu_domain *domain;
	int ret = 0;

	iommu_detach_group(t->domain, group);
	while (!ret) {
		domain = iommu_paging_domain_alloc(t->master[0].dev);
		KUNIT_ASSERT_FALSE(test, IS_ERR_OR_NULL(domain));
		ret = kunit_add_action_or_reset(test, qcom_free_domain, domain);
		KUNIT_ASSERT_EQ(test, 0, ret);
		ret = iommu_attach_group(domain, group);
		if (!ret)
			iommu_detach_group(domain, group);
	}
	KUNIT_EXPECT_EQ(test, 0, iommu_attach_group(t->domain, group));
}

/*
 * Firmware that faults what should bypass does not keep a stream from that, nor do
 * domains that use up the context banks
 */
static void bypass_test(struct kunit *test)
{
	struct hw_test *t = test->priv;
	struct iommu_group *group = t->master[0].dev->iommu_group;
	struct iommu_domain *identity = t->domain->owner->identity_domain;
	u32 stream = t->master[0].stream;

	KUNIT_ASSERT_NOT_NULL(test, identity);
	qcom_use_banks(test);
	iommu_detach_group(t->domain, group);
	KUNIT_EXPECT_EQ(test, 0, iommu_attach_group(identity, group));
	KUNIT_EXPECT_EQ(test, t->iova, qcom_reached(t, stream, t->iova));
	iommu_detach_group(identity, group);
	KUNIT_ASSERT_EQ(test, 0, iommu_attach_group(t->domain, group));
	KUNIT_EXPECT_EQ(test, HW_NO_PADDR, qcom_reached(t, stream, t->iova));
}

/* Nor does it, where it ignores that a stream is to be refused what it had */
static void blocked_test(struct kunit *test)
{
	struct hw_test *t = test->priv;
	struct device *dev = t->master[0].dev;
	struct iommu_domain *blocked = t->domain->owner->blocked_domain;
	u32 stream = t->master[0].stream;
	dma_addr_t iova;

	KUNIT_ASSERT_NOT_NULL(test, blocked);
	/* The default domain may bypass, too: that is an address of its own then */
	iommu_detach_group(t->domain, dev->iommu_group);
	iova = dma_map_single(dev, t->memory, SZ_4K, DMA_BIDIRECTIONAL);
	KUNIT_ASSERT_EQ(test, 0, dma_mapping_error(dev, iova));
	KUNIT_EXPECT_EQ(test, virt_to_phys(t->memory), qcom_reached(t, stream, iova));

	KUNIT_EXPECT_EQ(test, 0, iommu_attach_group(blocked, dev->iommu_group));
	KUNIT_EXPECT_EQ(test, HW_NO_PADDR, qcom_reached(t, stream, iova));
	iommu_detach_group(blocked, dev->iommu_group);
	KUNIT_EXPECT_EQ(test, virt_to_phys(t->memory), qcom_reached(t, stream, iova));
	dma_unmap_single(dev, iova, SZ_4K, DMA_BIDIRECTIONAL);
	KUNIT_ASSERT_EQ(test, 0, iommu_attach_group(t->domain, dev->iommu_group));
}

/* The driver had firmware turn off what slows down devices that are not in real time */
static void wait_safe_test(struct kunit *test)
{
	KUNIT_EXPECT_FALSE(test, qcom_scm_fake_wait_safe);
}

/* What concerns no other SMMU */
static struct kunit_case qcom_own_cases[] = {
	KUNIT_CASE(handed_over_test),
	KUNIT_CASE(bypass_test),
	KUNIT_CASE(blocked_test),
	KUNIT_CASE(wait_safe_test),
	{}
};

static struct kunit_suite qcom_own_suite = {
	.name = "iommu_arm_smmu_qcom_own",
	.init = qcom_own_test_init,
	.exit = hw_test_exit,
	.test_cases = qcom_own_cases,
};

kunit_test_suite(qcom_own_suite);

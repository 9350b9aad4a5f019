// SPDX-License-Identifier: GPL-2.0-only
/*
 * SMMUs whose pages are larger than the kernel's
 *
 * The cases that all drivers have are for pages of 4K. Here they are of 16K, with
 * stage 1, or of 64K, with stage 2. The DMA API cannot use such an IOMMU: the SMMUs are
 * Qualcomm's, for which the driver puts some devices into the identity domain.
 */
#include "arm-smmu.h"

#include <linux/of.h>
#include <linux/of_platform.h>
#include <linux/platform_device.h>
#include <linux/sizes.h>
#include <linux/string.h>

OF_OVERLAY_DECLARE(arm_smmu_s1_16k);
OF_OVERLAY_DECLARE(arm_smmu_s2_64k);

static const struct smmu_variant smmu_s1_16k = {
	.desc = {
		.name = "arm-smmu, stage 1, pages of 16K",
		.windows = { { 0x610500000, SZ_1M } },
		.masters = { { "/arm-smmu-s1-16k-master0", 1 } },
		.iova = BIT_ULL(40),
		.overlay = of_overlay_begin(arm_smmu_s1_16k),
		.overlay_end = of_overlay_end(arm_smmu_s1_16k),
		SMMU_DESC("/arm-smmu-s1-16k"),
	},
	.id0 = SMMU_ID0(SMMU_BANKS) | SMMU_ID0_SMRS | SMMU_ID0_S1TS |
	       SMMU_ID0_NO_AARCH32 | SMMU_ID0_NO_AARCH32S | SMMU_ID0_CTTW,
	.id1 = SMMU_ID1 | SMMU_ID1_64K_PAGES,
	.id2 = SMMU_ID2_16K | FIELD_PREP_CONST(SMMU_ID2_UBS, SMMU_ID2_48_BITS) |
	       FIELD_PREP_CONST(SMMU_ID2_OAS, SMMU_ID2_48_BITS) |
	       FIELD_PREP_CONST(SMMU_ID2_IAS, SMMU_ID2_48_BITS),
	.id7 = FIELD_PREP_CONST(SMMU_ID7_MAJOR, 2),
};

static const struct smmu_variant smmu_s2_64k = {
	.desc = {
		.name = "arm-smmu, stage 2, pages of 64K",
		.windows = { { 0x610600000, SZ_64K } },
		.masters = { { "/arm-smmu-s2-64k-master0", 1 } },
		.iova = BIT_ULL(39),
		.overlay = of_overlay_begin(arm_smmu_s2_64k),
		.overlay_end = of_overlay_end(arm_smmu_s2_64k),
		SMMU_DESC("/arm-smmu-s2-64k"),
	},
	.id0 = SMMU_ID0(SMMU_BANKS) | SMMU_ID0_SMRS | SMMU_ID0_S2TS |
	       SMMU_ID0_NO_AARCH32 | SMMU_ID0_NO_AARCH32S | SMMU_ID0_CTTW,
	.id1 = SMMU_ID1 | FIELD_PREP_CONST(SMMU_ID1_NUMS2CB, SMMU_BANKS),
	.id2 = SMMU_ID2_64K | SMMU_ID2_VMID16 | FIELD_PREP_CONST(SMMU_ID2_UBS, 2) |
	       FIELD_PREP_CONST(SMMU_ID2_OAS, 2) | FIELD_PREP_CONST(SMMU_ID2_IAS, 2),
};

static struct hw_iommu s1_16k_iommu = {
	.desc = &smmu_s1_16k.desc,
};

static struct hw_iommu s2_64k_iommu = {
	.desc = &smmu_s2_64k.desc,
};

static int __init own_setup(void)
{
	int ret = hw_setup(&s1_16k_iommu);

	return ret ?: hw_setup(&s2_64k_iommu);
}
pure_initcall(own_setup);

/*
 * struct granule - an SMMU and its pages
 * @iommu: the SMMU
 * @size: of its pages, in bytes
 * @block: what its next larger ones have
 */
struct granule {
	struct hw_iommu *iommu;
	size_t size;
	size_t block;
};

static const struct granule granules[] = {
	{ &s1_16k_iommu, SZ_16K, SZ_32M },
	{ &s2_64k_iommu, SZ_64K, SZ_512M },
};

static void granule_describe(const struct granule *granule, char *description)
{
	strscpy(description, granule->iommu->desc->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(granule, granules, granule_describe);

/* Where nothing is accessed, as it is asked only what an address translates to */
#define OWN_PADDR	BIT_ULL(36)

/**
 * struct own_test - what a case works with
 * @granule: the SMMU
 * @group: of its device
 * @domain: that the device is attached to
 * @iova: where to map, a multiple of the block's size
 * @stream: of the device
 */
struct own_test {
	const struct granule *granule;
	struct iommu_group *group;
	struct iommu_domain *domain;
	u64 iova;
	u32 stream;
};

static void own_free_domain(void *data)
{
	struct own_test *t = data;

	iommu_detach_group(t->domain, t->group);
	iommu_domain_free(t->domain);
}

static int own_test_init(struct kunit *test)
{
	const struct granule *granule = test->param_value;
	const struct hw_desc *desc = granule->iommu->desc;
	struct own_test *t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);
	struct platform_device *pdev;
	struct device_node *np;

	KUNIT_ASSERT_NOT_NULL(test, t);
	test->priv = t;
	wait_for_device_probe();
	np = of_find_node_by_path(desc->masters[0].path);
	pdev = of_find_device_by_node(np);
	of_node_put(np);
	KUNIT_ASSERT_NOT_NULL(test, pdev);
	/* It is there from boot on, and stays */
	put_device(&pdev->dev);
	KUNIT_ASSERT_TRUE(test, device_iommu_mapped(&pdev->dev));

	t->granule = granule;
	t->group = pdev->dev.iommu_group;
	t->iova = desc->iova;
	t->stream = desc->masters[0].stream;
	t->domain = iommu_paging_domain_alloc(&pdev->dev);
	KUNIT_ASSERT_FALSE(test, IS_ERR_OR_NULL(t->domain));
	KUNIT_ASSERT_EQ(test, 0, iommu_attach_group(t->domain, t->group));
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test, own_free_domain, t));
	KUNIT_ASSERT_EQ(test, granule->size | granule->block, t->domain->pgsize_bitmap);
	if (!granule->iommu->soc)
		granule->iommu->soc = hw_soc_get(desc->soc);
	hw_clear(granule->iommu);
	return 0;
}

static void own_map(struct kunit *test, u64 offset, size_t size)
{
	struct own_test *t = test->priv;

	KUNIT_ASSERT_EQ(test, 0,
			iommu_map(t->domain, t->iova + offset, OWN_PADDR + offset, size,
				  IOMMU_READ | IOMMU_WRITE, GFP_KERNEL));
}

static void own_unmap(struct kunit *test, u64 offset, size_t size)
{
	struct own_test *t = test->priv;

	KUNIT_ASSERT_EQ(test, size, iommu_unmap(t->domain, t->iova + offset, size));
}

/* Each page at its first, its last and some byte between */
static void own_expect(struct kunit *test, u64 offset, size_t size, bool mapped)
{
	struct own_test *t = test->priv;
	size_t page = t->granule->size;
	const size_t within[] = { 0, SZ_4K + 1, page - 1 };
	u64 at, paddr;
	int ret;

	for (u64 end = offset + size; offset < end; offset += page)
		for (unsigned int i = 0; i < ARRAY_SIZE(within); i++) {
			at = offset + within[i];
			ret = hw_translate(t->granule->iommu, t->stream, t->iova + at,
					   false, &paddr);
			KUNIT_ASSERT_EQ_MSG(test, mapped ? 0 : -EFAULT, ret,
					    "0x%llx", at);
			if (mapped)
				KUNIT_ASSERT_EQ(test, OWN_PADDR + at, paddr);
		}
}

/* Of many pages some go, and the others stay in the IOTLB */
static void pages_test(struct kunit *test)
{
	struct own_test *t = test->priv;
	size_t page = t->granule->size;

	own_map(test, 0, 8 * page);
	own_expect(test, 0, 8 * page, true);
	hw_clear(t->granule->iommu);
	own_unmap(test, 2 * page, 3 * page);
	KUNIT_EXPECT_EQ(test, 3, t->granule->iommu->counts.invals);
	KUNIT_EXPECT_EQ(test, 1, t->granule->iommu->counts.syncs);
	KUNIT_EXPECT_EQ(test, 0, t->granule->iommu->counts.live);
	own_expect(test, 0, 2 * page, true);
	own_expect(test, 2 * page, 3 * page, false);
	own_expect(test, 5 * page, 3 * page, true);
}

/* Where a whole table goes a block may follow, and the other way round */
static void table_test(struct kunit *test)
{
	struct own_test *t = test->priv;
	size_t page = t->granule->size, block = t->granule->block;

	for (u64 offset = 0; offset < block; offset += page)
		own_map(test, offset, page);
	own_expect(test, 0, 4 * page, true);
	own_expect(test, block - 4 * page, 4 * page, true);
	own_unmap(test, 0, block);
	own_expect(test, 0, 4 * page, false);
	own_expect(test, block - 4 * page, 4 * page, false);

	own_map(test, 0, block);
	own_expect(test, 0, 4 * page, true);
	own_unmap(test, 0, block);
	own_expect(test, 0, 4 * page, false);
	own_map(test, page, page);
	own_expect(test, 0, page, false);
	own_expect(test, page, page, true);
	own_expect(test, 2 * page, 2 * page, false);
}

/* A whole domain */
static void flush_all_test(struct kunit *test)
{
	struct own_test *t = test->priv;
	size_t page = t->granule->size;
	struct iommu_iotlb_gather gather;

	own_map(test, 0, 4 * page);
	own_expect(test, 0, 4 * page, true);
	iommu_iotlb_gather_init(&gather);
	gather.queued = true;
	KUNIT_ASSERT_EQ(test, 4 * page,
			iommu_unmap_fast(t->domain, t->iova, 4 * page, &gather));
	own_expect(test, 0, 4 * page, true);
	iommu_flush_iotlb_all(t->domain);
	own_expect(test, 0, 4 * page, false);
}

/* Less than a page is refused */
static void small_map_test(struct kunit *test)
{
	struct own_test *t = test->priv;
	int ret;

	kunit_warning_suppress(test) {
		ret = iommu_map(t->domain, t->iova, OWN_PADDR, SZ_4K, IOMMU_READ,
				GFP_KERNEL);
	}
	KUNIT_EXPECT_NE(test, 0, ret);
	own_expect(test, 0, t->granule->size, false);
}

static struct kunit_case own_cases[] = {
	KUNIT_CASE_PARAM(pages_test, granule_gen_params),
	KUNIT_CASE_PARAM(table_test, granule_gen_params),
	KUNIT_CASE_PARAM(flush_all_test, granule_gen_params),
	KUNIT_CASE_PARAM(small_map_test, granule_gen_params),
	{}
};

static struct kunit_suite own_suite = {
	.name = "iommu_arm_smmu_own",
	.init = own_test_init,
	.test_cases = own_cases,
};

kunit_test_suite(own_suite);

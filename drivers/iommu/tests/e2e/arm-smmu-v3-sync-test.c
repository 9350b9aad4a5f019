// SPDX-License-Identifier: GPL-2.0
/*
 * What an SMMUv3 is told to invalidate where plain unmaps do not lead: pages
 * whose dirty bits were cleared, and blocks of 4 TiB.
 *
 * QEMU's SMMUv3 sets no dirty bits: to it a clean page is a read-only one. So a
 * device must not be able to write to a page that was cleaned and synced. If it
 * can, the IOTLB has the page as dirty still, and hardware, too, would let it
 * write and not set the dirty bit.
 */
#include <linux/bitfield.h>
#include <linux/io-pgtable.h>

#include "../../arm/arm-smmu-v3/arm-smmu-v3.h"
#include "e2e-device.h"

#define PROT		(IOMMU_READ | IOMMU_WRITE | IOMMU_CACHE)
#define BLOCK_ORDER	get_order(SZ_2M)

/* edu reaches 256 MiB in all */
#define IOVA		SZ_16M
#define OWN_IOVA	SZ_8M

struct sync_test {
	struct e2e_device *edev;
	struct arm_smmu_device *smmu;
	struct iommu_domain *domain;
	bool attached;
};

static const bool withhold[] = { false, true };

static void withhold_desc(const bool *withheld, char *desc)
{
	strscpy(desc, *withheld ? "sync withheld" : "synced",
		KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(withhold, withhold, withhold_desc);

KUNIT_DEFINE_ACTION_WRAPPER(free_domain, iommu_domain_free,
			    struct iommu_domain *);
KUNIT_DEFINE_ACTION_WRAPPER(free_invs, kfree, const void *);

static void free_block(void *block)
{
	free_pages((unsigned long)block, BLOCK_ORDER);
}

static bool behind_smmuv3(struct device *dev)
{
	struct device *iommu = dev->iommu->iommu_dev->dev->parent;

	return iommu && iommu->driver &&
	       !strcmp(iommu->driver->name, "arm-smmu-v3");
}

static int sync_test_init(struct kunit *test)
{
	struct sync_test *st = kunit_kzalloc(test, sizeof(*st), GFP_KERNEL);
	struct arm_smmu_master *master;
	struct device *dev;

	KUNIT_ASSERT_NOT_NULL(test, st);
	test->priv = st;
	st->edev = e2e_device_get(test, 0);
	dev = &st->edev->pdev->dev;
	if (!behind_smmuv3(dev))
		kunit_skip(test, "model: the device is not behind an SMMUv3");
	master = dev_iommu_priv_get(dev);
	st->smmu = master->smmu;
	if (!(st->smmu->features & ARM_SMMU_FEAT_TRANS_S1))
		kunit_skip(test, "hardware: the SMMUv3 has no stage 1");
	return 0;
}

static void detach(void *context)
{
	struct sync_test *st = context;

	iommu_detach_device(st->domain, &st->edev->pdev->dev);
}

/* A domain that tracks dirty pages; the emulated SMMU must not know */
static void attach_dirty_domain(struct kunit *test)
{
	struct sync_test *st = test->priv;
	struct device *dev = &st->edev->pdev->dev;
	struct iommu_domain *domain;
	struct io_pgtable_cfg *cfg;

	domain = iommu_paging_domain_alloc_flags(dev,
						 IOMMU_HWPT_ALLOC_DIRTY_TRACKING);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, domain);
	KUNIT_ASSERT_EQ(test, 0,
			kunit_add_action_or_reset(test, free_domain, domain));
	KUNIT_ASSERT_NOT_NULL(test, domain->dirty_ops);

	cfg = &io_pgtable_ops_to_pgtable(to_smmu_domain(domain)->pgtbl_ops)->cfg;
	cfg->quirks &= ~IO_PGTABLE_QUIRK_ARM_HD;
	st->domain = domain;
	KUNIT_ASSERT_EQ(test, 0, iommu_attach_device(domain, dev));
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test, detach, st));
	cfg->quirks |= IO_PGTABLE_QUIRK_ARM_HD;

	KUNIT_ASSERT_EQ(test, 0, iommu_map(domain, OWN_IOVA,
					   virt_to_phys(st->edev->own),
					   E2E_OWN_SIZE, PROT, GFP_KERNEL));
	st->edev->own_iova = OWN_IOVA;
}

/* What IOMMU_HWPT_GET_DIRTY_BITMAP does, but for the bitmap */
static void clean(struct kunit *test, size_t size,
		  struct iommu_iotlb_gather *gather)
{
	struct sync_test *st = test->priv;
	const struct iommu_dirty_ops *ops = st->domain->dirty_ops;
	struct iommu_dirty_bitmap dirty;

	iommu_dirty_bitmap_init(&dirty, NULL, gather);
	KUNIT_ASSERT_EQ(test, 0, ops->read_and_clear_dirty(st->domain, IOVA,
							   size, 0, &dirty));
}

/* Pages, and blocks with a page behind them: the IOTLB has to forget them all */
static void dirty_test(struct kunit *test)
{
	bool withheld = *(const bool *)test->param_value;
	static const struct {
		size_t size;
		unsigned long touched[3];
	} layouts[] = {
		{ 16 * SZ_4K, { 0, 7 * SZ_4K, 15 * SZ_4K } },
		{ 2 * SZ_2M + SZ_4K, { SZ_4K, SZ_2M + SZ_1M, 2 * SZ_2M } },
	};
	struct sync_test *st = test->priv;
	struct iommu_iotlb_gather gather;
	void *block;

	attach_dirty_domain(test);
	block = (void *)__get_free_pages(GFP_KERNEL, BLOCK_ORDER);
	KUNIT_ASSERT_NOT_NULL(test, block);
	KUNIT_ASSERT_EQ(test, 0,
			kunit_add_action_or_reset(test, free_block, block));

	for (int i = 0; i < ARRAY_SIZE(layouts); i++) {
		size_t size = layouts[i].size;

		for (size_t at = 0; at < size; at += SZ_2M)
			KUNIT_ASSERT_EQ(test, 0,
					iommu_map(st->domain, IOVA + at,
						  virt_to_phys(block),
						  min(size - at, SZ_2M), PROT,
						  GFP_KERNEL));
		for (int j = 0; j < ARRAY_SIZE(layouts[i].touched); j++) {
			unsigned long at = layouts[i].touched[j];

			KUNIT_ASSERT_TRUE(test,
					  e2e_writes(test, st->edev, IOVA + at,
						     block + at % SZ_2M));
		}

		clean(test, size, &gather);
		KUNIT_EXPECT_EQ(test, IOVA, gather.start);
		KUNIT_EXPECT_EQ(test, IOVA + size - 1, gather.end);
		if (!withheld)
			iommu_iotlb_sync(st->domain, &gather);

		for (int j = 0; j < ARRAY_SIZE(layouts[i].touched); j++) {
			unsigned long at = layouts[i].touched[j];

			KUNIT_EXPECT_EQ_MSG(test, withheld,
					    e2e_writes(test, st->edev, IOVA + at,
						       block + at % SZ_2M),
					    "of %zu bytes cleaned, that at %#lx is%s dirty for the IOTLB",
					    size, at, withheld ? " not" : "");
		}
		KUNIT_ASSERT_EQ(test, size,
				iommu_unmap(st->domain, IOVA, size));
	}
}

/*
 * Sync a block of 4 TiB in a domain that nothing is attached to, and expect a
 * single command for it, of level 1 where it says so.
 */
static void expect_block_command(struct kunit *test, u32 features)
{
	struct sync_test *st = test->priv;
	struct arm_smmu_device *smmu = st->smmu;
	struct arm_smmu_queue *queue = &smmu->cmdq.q;
	struct arm_smmu_domain *smmu_domain;
	struct arm_smmu_invs *invs;
	struct iommu_iotlb_gather gather;
	u32 before = smmu->features, prod;
	u64 command[CMDQ_ENT_DWORDS], opcode, granule, level;

	smmu_domain = kunit_kzalloc(test, sizeof(*smmu_domain), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, smmu_domain);
	invs = arm_smmu_invs_alloc(1);
	KUNIT_ASSERT_NOT_NULL(test, invs);
	KUNIT_ASSERT_EQ(test, 0,
			kunit_add_action_or_reset(test, free_invs, invs));
	invs->inv[0] = (struct arm_smmu_inv) {
		.smmu = smmu,
		.type = INV_TYPE_S1_ASID,
		.size_opcode = CMDQ_OP_TLBI_NH_VA,
		.nsize_opcode = CMDQ_OP_TLBI_NH_ASID,
		.pgsize = ilog2(SZ_64K),
		.users = 1,
	};
	RCU_INIT_POINTER(smmu_domain->invs, invs);
	smmu_domain->domain.ops = st->domain->ops;

	iommu_iotlb_gather_init(&gather);
	iommu_iotlb_gather_add_range(&gather, 0, SZ_4T);
	gather.pgsize = SZ_4T;

	prod = READ_ONCE(queue->llq.prod);
	smmu->features = features;
	iommu_iotlb_sync(&smmu_domain->domain, &gather);
	smmu->features = before;

	KUNIT_EXPECT_EQ(test, 2, Q_IDX(&queue->llq,
				       READ_ONCE(queue->llq.prod) - prod));
	for (int i = 0; i < CMDQ_ENT_DWORDS; i++)
		command[i] = le64_to_cpu(Q_ENT(queue, prod)[i]);
	opcode = FIELD_GET(CMDQ_0_OP, command[0]);
	granule = FIELD_GET(CMDQ_TLBI_1_TG, command[1]);
	level = FIELD_GET(CMDQ_TLBI_1_TTL, command[1]);
	KUNIT_EXPECT_EQ(test, CMDQ_OP_TLBI_NH_VA, opcode);
	KUNIT_EXPECT_EQ(test, 0, command[1] & CMDQ_TLBI_1_VA_MASK);
	if (features & ARM_SMMU_FEAT_RANGE_INV) {
		KUNIT_EXPECT_EQ(test, 3, granule);
		KUNIT_EXPECT_EQ(test, 1, level);
	}
}

static void block_4t_test(struct kunit *test)
{
	struct sync_test *st = test->priv;

	attach_dirty_domain(test);
	expect_block_command(test, st->smmu->features & ~ARM_SMMU_FEAT_RANGE_INV);
}

static void block_4t_range_test(struct kunit *test)
{
	struct sync_test *st = test->priv;

	attach_dirty_domain(test);
	expect_block_command(test, st->smmu->features | ARM_SMMU_FEAT_RANGE_INV);
}

static struct kunit_case sync_cases[] = {
	KUNIT_CASE_PARAM(dirty_test, withhold_gen_params),
	KUNIT_CASE(block_4t_test),
	KUNIT_CASE(block_4t_range_test),
	{}
};

static struct kunit_suite sync_suite = {
	.name = "smmuv3_sync",
	.suite_init = e2e_suite_init,
	.suite_exit = e2e_suite_exit,
	.init = sync_test_init,
	.test_cases = sync_cases,
};

kunit_test_suite(sync_suite);

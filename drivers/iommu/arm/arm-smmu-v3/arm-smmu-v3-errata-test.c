// SPDX-License-Identifier: GPL-2.0
/*
 * Where an erratum has invalidations issued twice: each of the TLB and of cached
 * configuration is, with its sync; those of devices' TLBs (ATS) are not.
 *
 * No emulated SMMUv3 has the erratum, so the test sets the key that says so.
 */
#include <kunit/test.h>
#include <linux/bitfield.h>
#include <linux/pci.h>

#include "arm-smmu-v3.h"

struct errata_test {
	struct arm_smmu_device *smmu;
	struct device *dev;
	struct iommu_domain *domain;
};

KUNIT_DEFINE_ACTION_WRAPPER(put_pdev, pci_dev_put, struct pci_dev *);
KUNIT_DEFINE_ACTION_WRAPPER(free_domain, iommu_domain_free,
			    struct iommu_domain *);
KUNIT_DEFINE_ACTION_WRAPPER(free_invs, kfree, const void *);

static void detach(void *context)
{
	struct errata_test *et = context;

	iommu_detach_device(et->domain, et->dev);
}

static void disable_repeating(void *unused)
{
	static_branch_disable(&arm_smmu_erratum_repeat_tlbi_cfgi_key);
}

static bool behind_smmuv3(struct device *dev)
{
	struct device *iommu;

	if (!dev->iommu || !dev->iommu->iommu_dev)
		return false;
	iommu = dev->iommu->iommu_dev->dev->parent;
	return iommu && iommu->driver &&
	       !strcmp(iommu->driver->name, "arm-smmu-v3");
}

/* A device that no driver has, alone in its group */
static int errata_test_init(struct kunit *test)
{
	struct errata_test *et = kunit_kzalloc(test, sizeof(*et), GFP_KERNEL);
	struct pci_dev *pdev = NULL;

	KUNIT_ASSERT_NOT_NULL(test, et);
	test->priv = et;
	for_each_pci_dev(pdev)
		if (!pdev->dev.driver && behind_smmuv3(&pdev->dev))
			break;
	if (!pdev)
		kunit_skip(test, "model: there is no free device behind an SMMUv3");
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test, put_pdev, pdev));
	et->dev = &pdev->dev;
	et->smmu = ((struct arm_smmu_master *)dev_iommu_priv_get(et->dev))->smmu;

	et->domain = iommu_paging_domain_alloc(et->dev);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, et->domain);
	KUNIT_ASSERT_EQ(test, 0,
			kunit_add_action_or_reset(test, free_domain, et->domain));

	static_branch_enable(&arm_smmu_erratum_repeat_tlbi_cfgi_key);
	return kunit_add_action_or_reset(test, disable_repeating, NULL);
}

static u32 producer(struct errata_test *et)
{
	return READ_ONCE(et->smmu->cmdq.q.llq.prod);
}

/* The operation of the command that was issued at @prod */
static u8 op_at(struct errata_test *et, u32 prod)
{
	return FIELD_GET(CMDQ_0_OP,
			 le64_to_cpu(Q_ENT(&et->smmu->cmdq.q, prod)[0]));
}

static bool is_repeated(u8 op)
{
	return op >= CMDQ_OP_CFGI_STE && op < CMDQ_OP_ATC_INV;
}

/*
 * Expect that what was issued since @prod, each time up to a sync, was issued twice if
 * it is to be repeated. Return how many of these began with an operation from @first to
 * @last.
 */
static unsigned int expect_repeated(struct kunit *test, u32 prod, u8 first, u8 last)
{
	struct errata_test *et = test->priv;
	struct arm_smmu_ll_queue *llq = &et->smmu->cmdq.q.llq;
	u32 left = Q_IDX(llq, producer(et) - prod);
	unsigned int found = 0;

	while (left) {
		u8 op = op_at(et, prod);
		u32 count = 1;

		if (op == CMDQ_OP_PREFETCH_CFG) {	/* without a sync */
			prod++;
			left--;
			continue;
		}
		found += op >= first && op <= last;
		while (count < left && op_at(et, prod + count - 1) != CMDQ_OP_CMD_SYNC)
			count++;
		if (is_repeated(op)) {
			KUNIT_ASSERT_LE(test, 2 * count, left);
			for (u32 i = 0; i < count; i++)
				KUNIT_EXPECT_EQ(test, op_at(et, prod + i),
						op_at(et, prod + count + i));
			count *= 2;
		} else {
			KUNIT_EXPECT_TRUE(test, count == left ||
					  op_at(et, prod + count) != op);
		}
		prod += count;
		left -= count;
	}
	return found;
}

static void attach(struct kunit *test)
{
	struct errata_test *et = test->priv;

	KUNIT_ASSERT_EQ(test, 0, iommu_attach_device(et->domain, et->dev));
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test, detach, et));
}

/* Attach invalidates what the SMMU has cached of stream table and context descriptors */
static void attach_test(struct kunit *test)
{
	u32 prod = producer(test->priv);

	attach(test);
	KUNIT_EXPECT_NE(test, 0, expect_repeated(test, prod, CMDQ_OP_CFGI_STE,
						 CMDQ_OP_CFGI_CD));
}

static void unmap_test(struct kunit *test)
{
	struct errata_test *et = test->priv;
	u32 prod;

	attach(test);
	KUNIT_ASSERT_EQ(test, 0,
			iommu_map(et->domain, SZ_16M, SZ_16M, SZ_64K,
				  IOMMU_READ | IOMMU_WRITE, GFP_KERNEL));
	prod = producer(et);
	KUNIT_EXPECT_EQ(test, SZ_64K, iommu_unmap(et->domain, SZ_16M, SZ_64K));
	KUNIT_EXPECT_EQ(test, 1, expect_repeated(test, prod, CMDQ_OP_TLBI_NH_ALL,
						 CMDQ_OP_ATC_INV - 1));
}

/* A domain that nothing is attached to, but says that a device with a TLB was */
static void device_tlb_test(struct kunit *test)
{
	struct errata_test *et = test->priv;
	struct arm_smmu_domain *smmu_domain;
	struct iommu_iotlb_gather gather;
	struct arm_smmu_invs *invs = arm_smmu_invs_alloc(1);
	u32 prod;

	KUNIT_ASSERT_NOT_NULL(test, invs);
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test, free_invs, invs));
	invs->inv[0] = (struct arm_smmu_inv) {
		.smmu = et->smmu,
		.type = INV_TYPE_ATS,
		.size_opcode = CMDQ_OP_ATC_INV,
		.nsize_opcode = CMDQ_OP_ATC_INV,
		.id = 3,
		.ssid = IOMMU_NO_PASID,
		.users = 1,
	};
	invs->has_ats = true;
	smmu_domain = kunit_kzalloc(test, sizeof(*smmu_domain), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, smmu_domain);
	RCU_INIT_POINTER(smmu_domain->invs, invs);
	smmu_domain->smmu = et->smmu;
	smmu_domain->domain.ops = et->domain->ops;
	smmu_domain->domain.pgsize_bitmap = SZ_4K;

	iommu_iotlb_gather_init(&gather);
	iommu_iotlb_gather_add_range(&gather, SZ_16M, SZ_4K);
	gather.pgsize = SZ_4K;
	prod = producer(et);
	iommu_iotlb_sync(&smmu_domain->domain, &gather);
	KUNIT_EXPECT_EQ(test, 1, expect_repeated(test, prod, CMDQ_OP_ATC_INV,
						 CMDQ_OP_ATC_INV));
}

static struct kunit_case errata_cases[] = {
	KUNIT_CASE(attach_test),
	KUNIT_CASE(unmap_test),
	KUNIT_CASE(device_tlb_test),
	{}
};

static struct kunit_suite errata_suite = {
	.name = "smmuv3_errata",
	.init = errata_test_init,
	.test_cases = errata_cases,
};

kunit_test_suite(errata_suite);

MODULE_IMPORT_NS("EXPORTED_FOR_KUNIT_TESTING");
MODULE_DESCRIPTION("KUnit tests of errata of the arm-smmu-v3 driver");
MODULE_LICENSE("GPL");

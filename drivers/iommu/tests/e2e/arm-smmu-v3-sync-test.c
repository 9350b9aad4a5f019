// SPDX-License-Identifier: GPL-2.0
/*
 * What an SMMUv3 is told to invalidate where plain unmaps do not lead: pages
 * whose dirty bits were cleared, blocks of 4 TiB, and, by the commands alone,
 * the TLBs of devices (ATS), nested domains and page tables of processes (SVA).
 *
 * QEMU's SMMUv3 sets no dirty bits: to it a clean page is a read-only one. So a
 * device must not be able to write to a page that was cleaned and synced. If it
 * can, the IOTLB has the page as dirty still, and hardware, too, would let it
 * write and not set the dirty bit.
 */
#include <linux/bitfield.h>
#include <linux/io-pgtable.h>
#include <linux/mmu_notifier.h>

#include "../../arm/arm-smmu-v3/arm-smmu-v3.h"
#include "../../iommu-priv.h"
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

/* Invalidations of a domain; a device is sid 3 or 4, a PASID is 9 */
#define INV_S1								\
	{ .type = INV_TYPE_S1_ASID, .users = 1, .id = 5,		\
	  .size_opcode = CMDQ_OP_TLBI_NH_VA,				\
	  .nsize_opcode = CMDQ_OP_TLBI_NH_ASID, .pgsize = 12 }
#define INV_S2								\
	{ .type = INV_TYPE_S2_VMID, .users = 1, .id = 7,		\
	  .size_opcode = CMDQ_OP_TLBI_S2_IPA,				\
	  .nsize_opcode = CMDQ_OP_TLBI_S12_VMALL, .pgsize = 12 }
#define INV_S1_OF_S2							\
	{ .type = INV_TYPE_S2_VMID_S1_CLEAR, .users = 1, .id = 7,	\
	  .size_opcode = CMDQ_OP_TLBI_NH_ALL,				\
	  .nsize_opcode = CMDQ_OP_TLBI_NH_ALL }
#define INV_ATS(_sid, _ssid, _users)					\
	{ .type = INV_TYPE_ATS, .users = (_users), .id = (_sid),	\
	  .size_opcode = CMDQ_OP_ATC_INV,				\
	  .nsize_opcode = CMDQ_OP_ATC_INV, .ssid = (_ssid) }
#define INV_ATS_FULL(_sid)						\
	{ .type = INV_TYPE_ATS_FULL, .users = 1, .id = (_sid),		\
	  .size_opcode = CMDQ_OP_ATC_INV,				\
	  .nsize_opcode = CMDQ_OP_ATC_INV }

#define INVS_MAX	4
#define COMMANDS_MAX	8

/* The first @count of @inv, as a domain has them */
static struct arm_smmu_invs *make_invs(struct kunit *test,
				       const struct arm_smmu_inv *inv,
				       size_t count)
{
	struct sync_test *st = test->priv;
	struct arm_smmu_invs *invs = arm_smmu_invs_alloc(count);

	KUNIT_ASSERT_NOT_NULL(test, invs);
	KUNIT_ASSERT_EQ(test, 0,
			kunit_add_action_or_reset(test, free_invs, invs));
	for (size_t i = 0; i < count; i++) {
		invs->inv[i] = inv[i];
		invs->inv[i].smmu = st->smmu;
		invs->has_ats |= arm_smmu_inv_is_ats(&inv[i]);
	}
	return invs;
}

/* A domain that nothing is attached to, with the first @count of @inv */
static struct arm_smmu_domain *make_domain(struct kunit *test,
					   const struct arm_smmu_inv *inv,
					   size_t count)
{
	struct sync_test *st = test->priv;
	struct arm_smmu_domain *smmu_domain;

	smmu_domain = kunit_kzalloc(test, sizeof(*smmu_domain), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, smmu_domain);
	RCU_INIT_POINTER(smmu_domain->invs, make_invs(test, inv, count));
	smmu_domain->smmu = st->smmu;
	smmu_domain->domain.ops = st->domain->ops;
	smmu_domain->domain.pgsize_bitmap = SZ_4K;
	return smmu_domain;
}

/* Field @mask of dword @i of the command that was issued at @prod */
static u64 command_field(struct sync_test *st, u32 prod, int i, u64 mask)
{
	u64 dword = le64_to_cpu(Q_ENT(&st->smmu->cmdq.q, prod)[i]);

	return (dword & mask) >> __ffs64(mask);
}

/* Commands issued since the queue's producer index was @prod */
static u32 commands_since(struct sync_test *st, u32 prod)
{
	struct arm_smmu_ll_queue *llq = &st->smmu->cmdq.q.llq;

	return Q_IDX(llq, READ_ONCE(llq->prod) - prod);
}

/*
 * Sync a block of 4 TiB in a domain that nothing is attached to, and expect a
 * single command for it, of level 1 where it says so.
 */
static void expect_block_command(struct kunit *test, u32 features)
{
	static const struct arm_smmu_inv inv = {
		.type = INV_TYPE_S1_ASID,
		.size_opcode = CMDQ_OP_TLBI_NH_VA,
		.nsize_opcode = CMDQ_OP_TLBI_NH_ASID,
		.pgsize = ilog2(SZ_64K),
		.users = 1,
	};
	struct sync_test *st = test->priv;
	struct arm_smmu_domain *smmu_domain = make_domain(test, &inv, 1);
	struct iommu_iotlb_gather gather;
	u32 before = st->smmu->features, prod;

	iommu_iotlb_gather_init(&gather);
	iommu_iotlb_gather_add_range(&gather, 0, SZ_4T);
	gather.pgsize = SZ_4T;

	prod = READ_ONCE(st->smmu->cmdq.q.llq.prod);
	st->smmu->features = features;
	iommu_iotlb_sync(&smmu_domain->domain, &gather);
	st->smmu->features = before;

	KUNIT_EXPECT_EQ(test, 2, commands_since(st, prod));
	KUNIT_EXPECT_EQ(test, CMDQ_OP_TLBI_NH_VA,
			command_field(st, prod, 0, CMDQ_0_OP));
	KUNIT_EXPECT_EQ(test, 0,
			command_field(st, prod, 1, CMDQ_TLBI_1_VA_MASK));
	if (features & ARM_SMMU_FEAT_RANGE_INV) {
		KUNIT_EXPECT_EQ(test, 3,
				command_field(st, prod, 1, CMDQ_TLBI_1_TG));
		KUNIT_EXPECT_EQ(test, 1,
				command_field(st, prod, 1, CMDQ_TLBI_1_TTL));
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

/* What a command has to say; ids are of its kind, size is log2 of 4K pages */
struct command {
	u8 op;
	u32 id;
	u32 ssid;
	u64 address;
	u8 size;
};

#define SYNC		{ .op = CMDQ_OP_CMD_SYNC }
#define ATC_ALL(_sid)							\
	{ .op = CMDQ_OP_ATC_INV, .id = (_sid), .size = ATC_INV_SIZE_ALL }

struct invalidation {
	const char *name;
	struct arm_smmu_inv invs[INVS_MAX];
	unsigned long iova;
	size_t size;		/* in bytes; 0: flush_iotlb_all instead of a sync */
	struct command commands[COMMANDS_MAX];
};

static const struct invalidation invalidations[] = {
	{
		.name = "a device",
		.invs = { INV_S1, INV_ATS(3, IOMMU_NO_PASID, 1) },
		.iova = SZ_2M, .size = SZ_64K,
		.commands = {
			{ CMDQ_OP_TLBI_NH_VA, 5, 0, SZ_2M }, SYNC,
			{ CMDQ_OP_ATC_INV, 3, 0, SZ_2M, 4 }, SYNC,
		},
	}, {
		/* A power of two, and aligned to it */
		.name = "pages 7 to 10",
		.invs = { INV_S1, INV_ATS(3, IOMMU_NO_PASID, 1) },
		.iova = 7 * SZ_4K, .size = 4 * SZ_4K,
		.commands = {
			{ CMDQ_OP_TLBI_NH_VA, 5, 0, 7 * SZ_4K }, SYNC,
			{ CMDQ_OP_ATC_INV, 3, 0, 0, 4 }, SYNC,
		},
	}, {
		.name = "IOVA 0",
		.invs = { INV_S1, INV_ATS(3, IOMMU_NO_PASID, 1) },
		.iova = 0, .size = SZ_4K,
		.commands = {
			{ CMDQ_OP_TLBI_NH_VA, 5 }, SYNC,
			{ CMDQ_OP_ATC_INV, 3 }, SYNC,
		},
	}, {
		.name = "a PASID",
		.invs = { INV_S1, INV_ATS(3, 9, 1) },
		.iova = SZ_2M, .size = SZ_4K,
		.commands = {
			{ CMDQ_OP_TLBI_NH_VA, 5, 0, SZ_2M }, SYNC,
			{ CMDQ_OP_ATC_INV, 3, 9, SZ_2M }, SYNC,
		},
	}, {
		.name = "two devices",
		.invs = {
			INV_S1, INV_ATS(3, IOMMU_NO_PASID, 1),
			INV_ATS(4, IOMMU_NO_PASID, 1),
		},
		.iova = SZ_2M, .size = SZ_4K,
		.commands = {
			{ CMDQ_OP_TLBI_NH_VA, 5, 0, SZ_2M }, SYNC,
			{ CMDQ_OP_ATC_INV, 3, 0, SZ_2M },
			{ CMDQ_OP_ATC_INV, 4, 0, SZ_2M }, SYNC,
		},
	}, {
		.name = "a device that has left",
		.invs = {
			INV_S1, INV_ATS(3, IOMMU_NO_PASID, 0),
			INV_ATS(4, IOMMU_NO_PASID, 1),
		},
		.iova = SZ_2M, .size = SZ_4K,
		.commands = {
			{ CMDQ_OP_TLBI_NH_VA, 5, 0, SZ_2M }, SYNC,
			{ CMDQ_OP_ATC_INV, 4, 0, SZ_2M }, SYNC,
		},
	}, {
		.name = "all of a device",
		.invs = { INV_S1, INV_ATS(3, IOMMU_NO_PASID, 1) },
		.commands = {
			{ CMDQ_OP_TLBI_NH_ASID, 5 }, SYNC, ATC_ALL(3), SYNC,
		},
	}, {
		/* Devices have guests' addresses, which the host does not know */
		.name = "nested",
		.invs = { INV_S2, INV_S1_OF_S2, INV_ATS_FULL(3) },
		.iova = SZ_2M, .size = SZ_64K,
		.commands = {
			{ CMDQ_OP_TLBI_S2_IPA, 7, 0, SZ_2M }, SYNC,
			{ CMDQ_OP_TLBI_NH_ALL, 7 }, SYNC, ATC_ALL(3), SYNC,
		},
	}, {
		.name = "all of nested",
		.invs = { INV_S2, INV_S1_OF_S2, INV_ATS_FULL(3) },
		.commands = {
			{ CMDQ_OP_TLBI_S12_VMALL, 7 }, SYNC, ATC_ALL(3), SYNC,
		},
	},
};

KUNIT_ARRAY_PARAM_DESC(invalidation, invalidations, name);

static size_t count_invs(const struct invalidation *inv)
{
	size_t count = 0;

	while (count < INVS_MAX && inv->invs[count].size_opcode)
		count++;
	return count;
}

/* Expect that all of @expected was issued since @prod, and nothing else */
static void expect_commands(struct kunit *test, u32 prod,
			    const struct command *expected)
{
	struct sync_test *st = test->priv;
	u32 count = 0;

	for (; count < COMMANDS_MAX && expected[count].op; count++) {
		const struct command *want = &expected[count];
		u32 at = prod + count;
		u8 op = command_field(st, at, 0, CMDQ_0_OP);
		u64 address = 0;
		u32 id = 0, ssid = 0;
		u8 size = 0;

		switch (op) {
		case CMDQ_OP_CMD_SYNC:
			break;
		case CMDQ_OP_ATC_INV:
			id = command_field(st, at, 0, CMDQ_ATC_0_SID);
			ssid = command_field(st, at, 0, CMDQ_ATC_0_SSID);
			size = command_field(st, at, 1, CMDQ_ATC_1_SIZE);
			address = command_field(st, at, 1,
						CMDQ_ATC_1_ADDR_MASK) << 12;
			KUNIT_EXPECT_EQ(test, !!ssid,
					command_field(st, at, 0, CMDQ_0_SSV));
			break;
		default:
			id = command_field(st, at, 0, CMDQ_TLBI_0_ASID) +
			     command_field(st, at, 0, CMDQ_TLBI_0_VMID);
			address = command_field(st, at, 1,
						CMDQ_TLBI_1_VA_MASK) << 12;
			break;
		}
		KUNIT_EXPECT_EQ_MSG(test, want->op, op, "command %u", count);
		KUNIT_EXPECT_EQ_MSG(test, want->id, id, "command %u", count);
		KUNIT_EXPECT_EQ_MSG(test, want->ssid, ssid, "command %u",
				    count);
		KUNIT_EXPECT_EQ_MSG(test, want->address, address, "command %u",
				    count);
		KUNIT_EXPECT_EQ_MSG(test, want->size, size, "command %u",
				    count);
	}
	KUNIT_EXPECT_EQ(test, count, commands_since(st, prod));
}

static void commands_test(struct kunit *test)
{
	const struct invalidation *inv = test->param_value;
	struct sync_test *st = test->priv;
	struct arm_smmu_domain *smmu_domain;
	struct iommu_iotlb_gather gather;
	u32 before = st->smmu->features, prod;

	attach_dirty_domain(test);
	smmu_domain = make_domain(test, inv->invs, count_invs(inv));

	prod = READ_ONCE(st->smmu->cmdq.q.llq.prod);
	st->smmu->features |= ARM_SMMU_FEAT_RANGE_INV;
	if (inv->size) {
		iommu_iotlb_gather_init(&gather);
		iommu_iotlb_gather_add_range(&gather, inv->iova, inv->size);
		gather.pgsize = SZ_4K;
		iommu_iotlb_sync(&smmu_domain->domain, &gather);
	} else {
		iommu_flush_iotlb_all(&smmu_domain->domain);
	}
	st->smmu->features = before;

	expect_commands(test, prod, inv->commands);
}

static void free_sva_domain(void *context)
{
	struct iommu_domain *domain = context;

	domain->ops->free(domain);
}

/* What a device's PASID is told of changes to the process's page table */
static void sva_test(struct kunit *test)
{
	static const struct {
		unsigned long start;
		unsigned long end;
		struct command commands[COMMANDS_MAX];
	} changes[] = {
		{ SZ_2M, SZ_2M + SZ_4K, {
			{ CMDQ_OP_TLBI_NH_VA, 5, 0, SZ_2M }, SYNC,
			{ CMDQ_OP_ATC_INV, 3, 9, SZ_2M }, SYNC,
		} },
		{ 0, ULONG_MAX, {
			{ CMDQ_OP_TLBI_NH_ASID, 5 }, SYNC,
			{ CMDQ_OP_ATC_INV, 3, 9, 0, ATC_INV_SIZE_ALL }, SYNC,
		} },
	};
	static const struct arm_smmu_inv inv[] = { INV_S1, INV_ATS(3, 9, 1) };
	struct sync_test *st = test->priv;
	struct device *dev = &st->edev->pdev->dev;
	struct arm_smmu_invs *invs, *before;
	struct arm_smmu_domain *smmu_domain;
	struct iommu_domain *domain;
	u32 features = st->smmu->features;

	if (!IS_ENABLED(CONFIG_ARM_SMMU_V3_SVA))
		kunit_skip(test, "model: the kernel has no SVA for it");
	KUNIT_ASSERT_EQ(test, 0, kunit_attach_mm());
	st->smmu->features |= ARM_SMMU_FEAT_SVA;
	domain = dev_iommu_ops(dev)->domain_alloc_sva(dev, current->mm);
	st->smmu->features = features;
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, domain);
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test, free_sva_domain,
							   domain));

	smmu_domain = to_smmu_domain(domain);
	invs = make_invs(test, inv, ARRAY_SIZE(inv));
	before = rcu_replace_pointer(smmu_domain->invs, invs, true);
	st->smmu->features |= ARM_SMMU_FEAT_RANGE_INV;
	for (int i = 0; i < ARRAY_SIZE(changes); i++) {
		u32 prod = READ_ONCE(st->smmu->cmdq.q.llq.prod);

		mmu_notifier_arch_invalidate_secondary_tlbs(current->mm,
							    changes[i].start,
							    changes[i].end);
		expect_commands(test, prod, changes[i].commands);
	}
	st->smmu->features = features;
	rcu_assign_pointer(smmu_domain->invs, before);
}

static struct kunit_case sync_cases[] = {
	KUNIT_CASE_PARAM(dirty_test, withhold_gen_params),
	KUNIT_CASE(block_4t_test),
	KUNIT_CASE(block_4t_range_test),
	KUNIT_CASE_PARAM(commands_test, invalidation_gen_params),
	KUNIT_CASE(sva_test),
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

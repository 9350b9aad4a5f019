// SPDX-License-Identifier: GPL-2.0-only
/*
 * Random operations, and an oracle that knows what a device must and must not reach
 */
#include "cases.h"

#include <linux/bitmap.h>
#include <linux/moduleparam.h>
#include <linux/prandom.h>
#include <linux/random.h>

/* Pages on either side of where one table ends and the next begins */
#define SLOTS		32

#undef MODULE_PARAM_PREFIX
#define MODULE_PARAM_PREFIX HW_PARAM_PREFIX

unsigned int hw_soak_seed = 1;
module_param_named(seed, hw_soak_seed, uint, 0444);
MODULE_PARM_DESC(seed, "of the soak tests' random numbers; 0: a new one each time");

unsigned int hw_soak_operations = 10000;
module_param_named(operations, hw_soak_operations, uint, 0444);
MODULE_PARM_DESC(operations, "how many each soak test does");

/**
 * struct soak - what must be true of the slots, kept apart from the driver's tables
 * @rnd: random numbers
 * @gather: of the unmaps since the last sync
 * @iova: of the first slot
 * @page: what each slot has mapped, or had
 * @mapped: slots that must be reached
 * @unsynced: slots that may be reached: unmapped, but there was no sync since
 */
struct soak {
	struct rnd_state rnd;
	struct iommu_iotlb_gather gather;
	unsigned long iova;
	unsigned int page[SLOTS];
	DECLARE_BITMAP(mapped, SLOTS);
	DECLARE_BITMAP(unsynced, SLOTS);
};

static unsigned int below(struct soak *soak, unsigned int limit)
{
	return prandom_u32_state(&soak->rnd) % limit;
}

static void soak_sync(struct hw_test *t, struct soak *soak)
{
	iommu_iotlb_sync(t->domain, &soak->gather);
	iommu_iotlb_gather_init(&soak->gather);
	bitmap_zero(soak->unsynced, SLOTS);
}

/* A few slots from @slot on that are neither mapped nor waiting for a sync */
static void soak_map(struct kunit *test, struct soak *soak, unsigned int slot)
{
	struct hw_test *t = test->priv;
	unsigned int count = 0, limit = 1 + below(soak, 6);
	unsigned int page = below(soak, HW_MEMORY / SZ_4K - SLOTS);

	while (count < limit && slot + count < SLOTS &&
	       !test_bit(slot + count, soak->mapped) &&
	       !test_bit(slot + count, soak->unsynced)) {
		soak->page[slot + count] = page + count;
		count++;
	}
	if (!count)
		return;

	KUNIT_ASSERT_EQ(test, 0,
			iommu_map(t->domain, soak->iova + slot * SZ_4K,
				  virt_to_phys(t->memory) + page * SZ_4K,
				  count * SZ_4K, IOMMU_READ | IOMMU_WRITE, GFP_KERNEL));
	bitmap_set(soak->mapped, slot, count);
}

/* While they are unmapped, a device still asks for some of the slots */
static void soak_read_ahead(struct hw_test *t, u64 iova, unsigned int count)
{
	u64 first_and_last[] = { iova, iova + (count - 1) * SZ_4K };

	hw_read_ahead(t->iommu, t->master[0].stream, first_and_last,
		      ARRAY_SIZE(first_and_last));
}

/* A run of mapped slots from @slot on; @fast: without a sync */
static void soak_unmap(struct kunit *test, struct soak *soak, unsigned int slot,
		       bool fast)
{
	struct hw_test *t = test->priv;
	unsigned long iova = soak->iova + slot * SZ_4K;
	unsigned int count = 0, limit = 1 + below(soak, 6);

	while (count < limit && slot + count < SLOTS &&
	       test_bit(slot + count, soak->mapped))
		count++;
	if (!count)
		return;

	soak_read_ahead(t, iova, count);
	if (fast) {
		KUNIT_ASSERT_EQ(test, count * SZ_4K,
				iommu_unmap_fast(t->domain, iova, count * SZ_4K,
						 &soak->gather));
		bitmap_set(soak->unsynced, slot, count);
	} else {
		KUNIT_ASSERT_EQ(test, count * SZ_4K,
				iommu_unmap(t->domain, iova, count * SZ_4K));
	}
	bitmap_clear(soak->mapped, slot, count);
	hw_read_ahead(t->iommu, 0, NULL, 0);
}

static void soak_access(struct kunit *test, struct soak *soak, unsigned int slot)
{
	struct hw_test *t = test->priv;
	unsigned int m = hw_two_masters(t) ? below(soak, 2) : 0;
	unsigned long iova = soak->iova + slot * SZ_4K + below(soak, SZ_4K);
	u64 expected = virt_to_phys(t->memory) + soak->page[slot] * SZ_4K +
		       offset_in_page(iova);
	u64 paddr = 0;
	int ret;

	ret = hw_translate(t->iommu, t->master[m].stream, iova, below(soak, 2), &paddr);
	if (test_bit(slot, soak->mapped)) {
		KUNIT_ASSERT_EQ_MSG(test, ret, 0, "slot %u is mapped", slot);
		KUNIT_ASSERT_EQ_MSG(test, paddr, expected, "slot %u", slot);
	} else if (!test_bit(slot, soak->unsynced)) {
		KUNIT_ASSERT_EQ_MSG(test, ret, -EFAULT, "slot %u is not mapped", slot);
	} else if (!ret) {
		KUNIT_ASSERT_EQ_MSG(test, paddr, expected, "slot %u, not synced", slot);
	}
}

void hw_soak_test(struct kunit *test)
{
	struct hw_test *t = test->priv;
	u32 seed = hw_soak_seed ?: get_random_u32();
	struct soak *soak = kunit_kzalloc(test, sizeof(*soak), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, soak);
	kunit_info(test, "seed %u\n", seed);
	prandom_seed_state(&soak->rnd, seed);
	iommu_iotlb_gather_init(&soak->gather);
	soak->iova = t->iova + SZ_4M - SLOTS / 2 * SZ_4K;

	for (unsigned int i = 0; i < hw_soak_operations; i++) {
		unsigned int slot = below(soak, SLOTS);

		switch (below(soak, 8)) {
		case 0:
			soak_map(test, soak, slot);
			break;
		case 1:
			soak_unmap(test, soak, slot, true);
			break;
		case 2:
			soak_unmap(test, soak, slot, false);
			break;
		case 3:
			if (!below(soak, 4))
				soak_sync(t, soak);
			break;
		default:
			soak_access(test, soak, slot);
		}
	}
	soak_sync(t, soak);
	for (unsigned int slot = 0; slot < SLOTS; slot++)
		soak_access(test, soak, slot);
}

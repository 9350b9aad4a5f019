// SPDX-License-Identifier: GPL-2.0
/*
 * SMMUv3 invalidates what is in the gather page by page, so all of it must be
 * of one page size and contiguous: anything else is synced before the gather is
 * filled anew. These tests hold the driver to that, on a domain of its own
 * making. They need a PCI device behind an SMMUv3, and leave it alone.
 */
#include <kunit/test-bug.h>
#include <kunit/test.h>
#include <linux/bitmap.h>
#include <linux/iommu.h>
#include <linux/pci.h>
#include <linux/prandom.h>
#include <linux/sizes.h>

#define SEED	0x5ca1ab1e

struct synced {
	unsigned long start;
	unsigned long end;
	size_t pgsize;
};

struct gather_test {
	struct iommu_domain *domain;
	struct iommu_domain_ops ops;
	const struct iommu_domain_ops *real_ops;
	struct iommu_iotlb_gather gather;
	struct synced synced[16];
	unsigned int syncs;
	unsigned long covered;		/* bytes in all syncs */
	DECLARE_BITMAP(pages, 64);	/* of 4K, from 2M on, that were synced */
};

static void record_sync(struct iommu_domain *domain,
			struct iommu_iotlb_gather *gather)
{
	struct gather_test *gt = kunit_get_current_test()->priv;

	if (gt->syncs < ARRAY_SIZE(gt->synced))
		gt->synced[gt->syncs] = (struct synced) {
			gather->start, gather->end, gather->pgsize,
		};
	gt->syncs++;
	gt->covered += gather->end - gather->start + 1;
	for (unsigned long iova = gather->start; iova < gather->end; iova += SZ_4K)
		if (iova - SZ_2M < 64 * SZ_4K)
			set_bit((iova - SZ_2M) / SZ_4K, gt->pages);
	gt->real_ops->iotlb_sync(domain, gather);
}

static void free_domain(void *domain)
{
	iommu_domain_free(domain);
}

static bool behind_smmuv3(struct device *dev)
{
	struct device *iommu;

	if (!device_iommu_mapped(dev) || !dev->iommu)
		return false;
	iommu = dev->iommu->iommu_dev->dev->parent;
	return iommu && iommu->driver &&
	       !strcmp(iommu->driver->name, "arm-smmu-v3");
}

static int gather_test_init(struct kunit *test)
{
	struct gather_test *gt = kunit_kzalloc(test, sizeof(*gt), GFP_KERNEL);
	struct pci_dev *pdev = NULL;

	KUNIT_ASSERT_NOT_NULL(test, gt);
	for_each_pci_dev(pdev)
		if (behind_smmuv3(&pdev->dev))
			break;
	if (!pdev)
		kunit_skip(test, "model: no PCI device is behind an SMMUv3");
	gt->domain = iommu_paging_domain_alloc(&pdev->dev);
	pci_dev_put(pdev);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, gt->domain);
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test, free_domain,
							   gt->domain));
	if (!(gt->domain->pgsize_bitmap & SZ_4K))
		kunit_skip(test, "hardware: the SMMUv3 has no 4K pages");

	/* The driver's own ops, but for a look at what it is asked to sync */
	gt->real_ops = gt->domain->ops;
	gt->ops = *gt->real_ops;
	gt->ops.iotlb_sync = record_sync;
	gt->domain->ops = &gt->ops;
	iommu_iotlb_gather_init(&gt->gather);
	test->priv = gt;
	return 0;
}

static void map(struct kunit *test, unsigned long iova, size_t size)
{
	struct gather_test *gt = test->priv;

	KUNIT_ASSERT_EQ(test, 0, iommu_map(gt->domain, iova, iova, size,
					   IOMMU_READ, GFP_KERNEL));
}

static void unmap(struct kunit *test, unsigned long iova, size_t size)
{
	struct gather_test *gt = test->priv;

	KUNIT_ASSERT_EQ(test, size, iommu_unmap_fast(gt->domain, iova, size,
						     &gt->gather));
}

static void expect_gather(struct kunit *test, unsigned long iova, size_t size,
			  size_t pgsize)
{
	struct gather_test *gt = test->priv;

	KUNIT_EXPECT_EQ(test, iova, gt->gather.start);
	KUNIT_EXPECT_EQ(test, iova + size - 1, gt->gather.end);
	KUNIT_EXPECT_EQ(test, pgsize, gt->gather.pgsize);
}

static void expect_synced(struct kunit *test, unsigned int nr,
			  unsigned long iova, size_t size, size_t pgsize)
{
	struct gather_test *gt = test->priv;

	KUNIT_ASSERT_GT(test, gt->syncs, nr);
	KUNIT_EXPECT_EQ(test, iova, gt->synced[nr].start);
	KUNIT_EXPECT_EQ(test, iova + size - 1, gt->synced[nr].end);
	KUNIT_EXPECT_EQ(test, pgsize, gt->synced[nr].pgsize);
}

static void test_run(struct kunit *test)
{
	struct gather_test *gt = test->priv;

	map(test, SZ_2M + SZ_4K, 100 * SZ_4K);
	unmap(test, SZ_2M + SZ_4K, 100 * SZ_4K);
	KUNIT_EXPECT_EQ(test, 0, gt->syncs);
	expect_gather(test, SZ_2M + SZ_4K, 100 * SZ_4K, SZ_4K);

	iommu_iotlb_sync(gt->domain, &gt->gather);
	KUNIT_EXPECT_EQ(test, 1, gt->syncs);
	expect_synced(test, 0, SZ_2M + SZ_4K, 100 * SZ_4K, SZ_4K);
}

static void test_merge_contiguous(struct kunit *test)
{
	struct gather_test *gt = test->priv;

	map(test, SZ_2M, SZ_1M);
	unmap(test, SZ_2M + 4 * SZ_4K, 2 * SZ_4K);
	unmap(test, SZ_2M + 6 * SZ_4K, 3 * SZ_4K);
	unmap(test, SZ_2M + 1 * SZ_4K, 3 * SZ_4K);
	KUNIT_EXPECT_EQ(test, 0, gt->syncs);
	expect_gather(test, SZ_2M + SZ_4K, 8 * SZ_4K, SZ_4K);
}

/* Two runs in two tables, but one range of one page size */
static void test_merge_across_tables(struct kunit *test)
{
	struct gather_test *gt = test->priv;

	map(test, SZ_2M - 4 * SZ_4K, 8 * SZ_4K);
	unmap(test, SZ_2M - 4 * SZ_4K, 8 * SZ_4K);
	KUNIT_EXPECT_EQ(test, 0, gt->syncs);
	expect_gather(test, SZ_2M - 4 * SZ_4K, 8 * SZ_4K, SZ_4K);
}

static void test_disjoint_syncs_first(struct kunit *test)
{
	struct gather_test *gt = test->priv;

	map(test, SZ_2M, SZ_1M);
	unmap(test, SZ_2M, 2 * SZ_4K);
	unmap(test, SZ_2M + 3 * SZ_4K, 2 * SZ_4K);
	KUNIT_EXPECT_EQ(test, 1, gt->syncs);
	expect_synced(test, 0, SZ_2M, 2 * SZ_4K, SZ_4K);
	expect_gather(test, SZ_2M + 3 * SZ_4K, 2 * SZ_4K, SZ_4K);
}

static void test_page_size_syncs_first(struct kunit *test)
{
	struct gather_test *gt = test->priv;

	map(test, SZ_2M - SZ_4K, SZ_4K);
	map(test, SZ_2M, SZ_2M);
	unmap(test, SZ_2M - SZ_4K, SZ_4K);
	unmap(test, SZ_2M, SZ_2M);
	KUNIT_EXPECT_EQ(test, 1, gt->syncs);
	expect_synced(test, 0, SZ_2M - SZ_4K, SZ_4K, SZ_4K);
	expect_gather(test, SZ_2M, SZ_2M, SZ_2M);
}

static void test_page_sizes_in_one_unmap(struct kunit *test)
{
	struct gather_test *gt = test->priv;

	map(test, SZ_2M - SZ_4K, SZ_4K + 2 * SZ_2M + SZ_4K);
	unmap(test, SZ_2M - SZ_4K, SZ_4K + 2 * SZ_2M + SZ_4K);
	KUNIT_EXPECT_EQ(test, 2, gt->syncs);
	expect_synced(test, 0, SZ_2M - SZ_4K, SZ_4K, SZ_4K);
	expect_synced(test, 1, SZ_2M, 2 * SZ_2M, SZ_2M);
	expect_gather(test, 3 * SZ_2M, SZ_4K, SZ_4K);
}

/* A table of small pages goes as one entry of the size it spans */
static void test_table(struct kunit *test)
{
	struct gather_test *gt = test->priv;
	unsigned int i;

	for (i = 0; i < SZ_2M / SZ_4K; i++)
		map(test, SZ_2M + i * SZ_4K, SZ_4K);
	unmap(test, SZ_2M, SZ_2M);
	KUNIT_EXPECT_EQ(test, 0, gt->syncs);
	expect_gather(test, SZ_2M, SZ_2M, SZ_2M);
}

static void test_queued(struct kunit *test)
{
	struct gather_test *gt = test->priv;

	gt->gather.queued = true;
	map(test, SZ_2M - SZ_4K, SZ_4K + SZ_2M);
	unmap(test, SZ_2M - SZ_4K, SZ_4K + SZ_2M);
	KUNIT_EXPECT_EQ(test, 0, gt->syncs);
	KUNIT_EXPECT_TRUE(test, iommu_iotlb_gather_empty(&gt->gather));
	KUNIT_EXPECT_EQ(test, 0, gt->gather.pgsize);
}

static void test_hole(struct kunit *test)
{
	struct gather_test *gt = test->priv;

	kunit_warning_suppress(test) {
		KUNIT_EXPECT_EQ(test, 0, iommu_unmap_fast(gt->domain, SZ_1G,
							  SZ_4K, &gt->gather));
		/* io-pgtable's own, about the hole */
		KUNIT_EXPECT_SUPPRESSED_WARNING_COUNT(test, 1);
	}
	iommu_iotlb_sync(gt->domain, &gt->gather);
	KUNIT_EXPECT_EQ(test, 0, gt->syncs);
}

/* Whatever is unmapped in whatever order, all of it and no more is synced */
static void test_nothing_lost(struct kunit *test)
{
	const unsigned int pages = 64;
	struct gather_test *gt = test->priv;
	struct rnd_state rnd;
	unsigned int round, page, count, left;

	kunit_info(test, "seed %#x\n", SEED);
	prandom_seed_state(&rnd, SEED);
	for (round = 0; round < 200; round++) {
		DECLARE_BITMAP(mapped, 64);

		bitmap_fill(mapped, pages);
		map(test, SZ_2M, pages * SZ_4K);
		gt->covered = 0;
		bitmap_zero(gt->pages, pages);
		for (left = pages; left; left -= count) {
			page = prandom_u32_state(&rnd) % pages;
			page = find_next_bit_wrap(mapped, pages, page);
			count = 1 + prandom_u32_state(&rnd) % 8;
			count = find_next_zero_bit(mapped,
						   min(page + count, pages),
						   page) - page;
			bitmap_clear(mapped, page, count);
			unmap(test, SZ_2M + page * SZ_4K, count * SZ_4K);
		}
		iommu_iotlb_sync(gt->domain, &gt->gather);
		KUNIT_ASSERT_EQ(test, pages * SZ_4K, gt->covered);
		KUNIT_ASSERT_TRUE(test, bitmap_full(gt->pages, pages));
	}
}

static struct kunit_case gather_cases[] = {
	KUNIT_CASE(test_run),
	KUNIT_CASE(test_merge_contiguous),
	KUNIT_CASE(test_merge_across_tables),
	KUNIT_CASE(test_disjoint_syncs_first),
	KUNIT_CASE(test_page_size_syncs_first),
	KUNIT_CASE(test_page_sizes_in_one_unmap),
	KUNIT_CASE(test_table),
	KUNIT_CASE(test_queued),
	KUNIT_CASE(test_hole),
	KUNIT_CASE(test_nothing_lost),
	{}
};

static struct kunit_suite gather_suite = {
	.name = "smmuv3_gather",
	.init = gather_test_init,
	.test_cases = gather_cases,
};

kunit_test_suite(gather_suite);

MODULE_DESCRIPTION("KUnit tests of what arm-smmu-v3 gathers");
MODULE_LICENSE("GPL");

// SPDX-License-Identifier: GPL-2.0-only
/*
 * Cases of blocks and of the tables that they replace
 */
#include "cases.h"

#include <linux/slab.h>
#include <linux/string.h>
#include <trace/events/kmem.h>

/* Of a block nothing goes, or what the driver says, from where it was asked to on */
static void unmap_part(struct kunit *test, unsigned int pages)
{
	struct hw_test *t = test->priv;
	size_t size = 0;
	unsigned int gone;

	hw_map(test, t->iova, 0, pages);
	hw_expect_reached(test, 0, t->iova, 0, pages);
	hw_may_warn(test, true);
	size = iommu_unmap(t->domain, t->iova + SZ_4K, SZ_4K);
	hw_may_warn(test, false);
	gone = min(size / SZ_4K, pages - 1);
	hw_expect_reached(test, 0, t->iova, 0, 1);
	hw_expect_refused(test, 0, t->iova + SZ_4K, gone);
	hw_expect_reached(test, 0, t->iova + (1 + gone) * SZ_4K, 1 + gone,
			  pages - 1 - gone);
	if (!gone) {
		hw_unmap(test, t->iova, pages);
		return;
	}
	hw_unmap(test, t->iova, 1);
	if (gone < pages - 1)
		hw_unmap(test, t->iova + (1 + gone) * SZ_4K, pages - 1 - gone);
}

void hw_block_test(struct kunit *test)
{
	struct hw_test *t = test->priv;
	unsigned int pages;

	for (pages = hw_first_block(test); pages; pages = hw_next_block(t, pages)) {
		hw_map(test, t->iova, 0, pages);
		/* Some blocks are as many entries as a table has for pages: not by the first */
		hw_expect_reached(test, 0, t->iova + (pages - 1) * SZ_4K, pages - 1, 1);
		hw_expect_reached(test, 0, t->iova, 0, pages);
		hw_expect_found(test, t->iova, 0, pages);
		hw_clear(t->iommu);
		hw_unmap(test, t->iova, pages);
		hw_expect_syncs(test, 1);
		hw_expect_exact(test);
		hw_expect_refused(test, 0, t->iova, pages);
		unmap_part(test, pages);
	}
}

/* Memory is about to be freed: the hardware must not read from it any more */
static void note_freed(struct hw_test *t, void *start, size_t size)
{
	for (unsigned int m = 0; m < HW_MAX_MASTERS && t->master[m].dev; m++)
		if (hw_reads_from(t->iommu, t->master[m].stream, t->iova,
				  virt_to_phys(start), size))
			t->freed_early++;
}

static void note_freed_object(void *data, unsigned long call_site, const void *object,
			      const struct kmem_cache *cache)
{
	note_freed(data, (void *)object, kmem_cache_size((struct kmem_cache *)cache));
}

static void note_freed_pages(void *data, struct page *page, unsigned int order)
{
	note_freed(data, page_address(page), PAGE_SIZE << order);
}

static void stop_noting_freed(void *data)
{
	unregister_trace_kmem_cache_free(note_freed_object, data);
	unregister_trace_mm_page_free(note_freed_pages, data);
	tracepoint_synchronize_unregister();
}

/* No table is freed that the hardware still uses: from unmap, map or detach */
void hw_freed_table_test(struct kunit *test)
{
	struct hw_test *t = test->priv;
	const u64 iova = t->iova;
	unsigned int pages;

	KUNIT_ASSERT_EQ(test, 0, register_trace_kmem_cache_free(note_freed_object, t));
	KUNIT_EXPECT_EQ(test, 0, register_trace_mm_page_free(note_freed_pages, t));
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test, stop_noting_freed, t));

	for (pages = 1; pages; pages = hw_next_block(t, pages)) {
		hw_map_pages(test, t->iova, 0, pages);
		hw_expect_reached(test, 0, t->iova, 0, 1);
		/* A table that is forgotten before it is unlinked is soon found again */
		hw_read_ahead(t->iommu, t->master[0].stream, &iova, 1);
		hw_unmap(test, t->iova, pages);
		hw_read_ahead(t->iommu, 0, NULL, 0);
		KUNIT_EXPECT_EQ_MSG(test, 0, t->freed_early, "unmap of %u pages", pages);
		hw_map(test, t->iova, 0, pages);
		KUNIT_EXPECT_EQ_MSG(test, 0, t->freed_early, "map of %u pages", pages);
		hw_unmap(test, t->iova, pages);
	}

	if (t->iommu->desc->default_domain)
		return;
	hw_map(test, t->iova, 0, 1);
	hw_expect_reached(test, 0, t->iova, 0, 1);
	t->freed_early = 0;
	hw_detach(t);
	KUNIT_EXPECT_EQ_MSG(test, 0, t->freed_early, "detach");
}

/* A new table: a device that goes on asking finds nothing in it but what is mapped */
void hw_new_table_test(struct kunit *test)
{
	struct hw_test *t = test->priv;
	const u64 iova[] = { t->iova, t->iova + SZ_4K, t->iova + SZ_1M - SZ_4K };

	hw_read_ahead(t->iommu, t->master[0].stream, iova, ARRAY_SIZE(iova));
	hw_map(test, t->iova, 0, 1);
	hw_read_ahead(t->iommu, 0, NULL, 0);
	hw_expect_reached(test, 0, t->iova, 0, 1);
	hw_expect_refused(test, 0, t->iova + SZ_4K, 2);
	hw_expect_refused(test, 0, t->iova + SZ_1M - SZ_4K, 1);
	hw_map(test, t->iova + SZ_4K, 1, 1);
	hw_expect_reached(test, 0, t->iova, 0, 2);
}

/* As many pages as a block has: gone are they, and the table if they had one */
void hw_table_test(struct kunit *test)
{
	struct hw_test *t = test->priv;
	struct iommu_iotlb_gather gather;
	unsigned int pages;

	for (pages = hw_first_block(test); pages; pages = hw_next_block(t, pages)) {
		hw_map_pages(test, t->iova, 0, pages);
		hw_expect_reached(test, 0, t->iova, 0, pages);
		iommu_iotlb_gather_init(&gather);
		hw_unmap_fast(test, t->iova, pages, &gather);
		iommu_iotlb_sync(t->domain, &gather);
		hw_expect_refused(test, 0, t->iova, pages);
		hw_map(test, t->iova + SZ_4K, 1, 1);
		hw_expect_refused(test, 0, t->iova, 1);
		hw_expect_reached(test, 0, t->iova + SZ_4K, 1, 1);
		hw_expect_refused(test, 0, t->iova + 2 * SZ_4K, pages - 2);
		hw_unmap(test, t->iova + SZ_4K, 1);
	}
}

/* A block where there was a table, and the other way round */
void hw_block_over_table_test(struct kunit *test)
{
	struct hw_test *t = test->priv;
	unsigned int pages;

	for (pages = hw_first_block(test); pages; pages = hw_next_block(t, pages)) {
		hw_map_pages(test, t->iova + SZ_4K, 1, 2);
		hw_expect_reached(test, 0, t->iova + SZ_4K, 1, 2);
		hw_unmap(test, t->iova + SZ_4K, 2);
		hw_map(test, t->iova, 0, pages);
		hw_expect_reached(test, 0, t->iova, 0, pages);
		hw_unmap(test, t->iova, pages);
		hw_expect_refused(test, 0, t->iova, pages);
		hw_map(test, t->iova + 2 * SZ_4K, 5, 1);
		hw_expect_refused(test, 0, t->iova, 2);
		hw_expect_reached(test, 0, t->iova + 2 * SZ_4K, 5, 1);
		hw_unmap(test, t->iova + 2 * SZ_4K, 1);
	}
}

/* A page where there is a block: it must not be taken for a table, and written to */
void hw_page_over_block_test(struct kunit *test)
{
	struct hw_test *t = test->priv;
	unsigned int pages, page;
	int ret;

	for (pages = hw_first_block(test); pages; pages = hw_next_block(t, pages)) {
		hw_map(test, t->iova, 0, pages);
		hw_may_warn(test, true);
		ret = iommu_map(t->domain, t->iova + SZ_4K,
				virt_to_phys(hw_page(t, 5)), SZ_4K,
				IOMMU_READ | IOMMU_WRITE, GFP_KERNEL);
		hw_may_warn(test, false);
		for (page = 0; page < pages; page++)
			KUNIT_EXPECT_NULL_MSG(test, memchr_inv(hw_page(t, page) + 1, 0,
							       SZ_4K - 1),
					      "page %u of %u", page, pages);
		if (ret)
			hw_expect_reached(test, 0, t->iova, 0, pages);
		hw_unmap(test, t->iova, pages);
		hw_expect_refused(test, 0, t->iova, pages);
	}
}

/*
 * A table that goes is used again for another address, and may hold anything by then:
 * until the sync a device may reach what was unmapped, but not what is there instead
 */
static void expect_not_through(struct kunit *test, u64 iova, unsigned int page)
{
	struct hw_test *t = test->priv;
	u64 paddr;

	if (!hw_translate(t->iommu, t->master[0].stream, iova, false, &paddr))
		KUNIT_EXPECT_NE(test, paddr, virt_to_phys(hw_page(t, page)));
}

void hw_reused_table_test(struct kunit *test)
{
	struct hw_test *t = test->priv;
	struct iommu_iotlb_gather gather;
	u64 other = t->iova + SZ_4M;
	unsigned int pages;

	for (pages = hw_first_block(test); pages; pages = hw_next_block(t, pages)) {
		hw_map_pages(test, t->iova, 0, pages);
		/* Of the others the hardware knows no more than the table */
		hw_expect_reached(test, 0, t->iova, 0, 1);
		iommu_iotlb_gather_init(&gather);
		hw_unmap_fast(test, t->iova, pages, &gather);
		hw_map(test, other + 5 * SZ_4K, 7, 1);
		expect_not_through(test, t->iova + 5 * SZ_4K, 7);
		hw_expect_reached(test, 0, other + 5 * SZ_4K, 7, 1);
		iommu_iotlb_sync(t->domain, &gather);
		hw_expect_refused(test, 0, t->iova, pages);
		hw_unmap(test, other + 5 * SZ_4K, 1);
		/* There may still be a table */
		other += SZ_2M;
	}
}

/* The same where a block replaces a table that was left empty */
void hw_replaced_table_test(struct kunit *test)
{
	struct hw_test *t = test->priv;
	u64 paddr, other = t->iova + SZ_4M;
	unsigned int pages;

	for (pages = hw_first_block(test); pages; pages = hw_next_block(t, pages)) {
		hw_map_pages(test, t->iova, 0, 2);
		hw_unmap(test, t->iova, 2);
		/* Without a fault: drivers flush at one */
		KUNIT_EXPECT_EQ(test, -EFAULT,
				hw_translate(t->iommu, t->master[0].stream, t->iova,
					     false, &paddr));
		KUNIT_ASSERT_EQ(test, 0,
				iommu_map_nosync(t->domain, t->iova,
						 virt_to_phys(t->memory), pages * SZ_4K,
						 IOMMU_READ | IOMMU_WRITE, GFP_KERNEL));
		hw_map(test, other + 5 * SZ_4K, 7, 1);
		expect_not_through(test, t->iova + 5 * SZ_4K, 7);
		KUNIT_ASSERT_EQ(test, 0,
				iommu_sync_map(t->domain, t->iova, pages * SZ_4K));
		hw_expect_reached(test, 0, t->iova, 0, pages);
		hw_unmap(test, t->iova, pages);
		hw_unmap(test, other + 5 * SZ_4K, 1);
		other += SZ_2M;
	}
}

// SPDX-License-Identifier: GPL-2.0
/*
 * What unmap and sync cost behind a real IOMMU, for the users of the IOMMU API
 * and of the DMA API. See cost.h for what is counted, and how to read the log.
 *
 * The last round of each count is marked in QEMU's trace, in the order of the
 * log: what is between two marks, the IOMMU was told in that call.
 */
#include <linux/scatterlist.h>

#include "../../iommu-pages.h"
#include "cost.h"
#include "e2e-device.h"

#define BLOCK		SZ_2M
#define FIRST_IOVA	SZ_1G
#define MAX_SG		256

/* What is unmapped: @pages of 4K each, or one of a larger size if they are 0 */
struct shape {
	const char *name;
	size_t offset;
	unsigned int pages;
};

/* From the middle of a table on, so that no table is unmapped as a whole */
#define PAGES(n) { .name = "pages", .offset = SZ_1M, .pages = n }

static const struct shape shapes[] = {
	PAGES(1), PAGES(2), PAGES(4), PAGES(8), PAGES(16), PAGES(32), PAGES(64),
	PAGES(128), PAGES(256), PAGES(512),
	{ .name = "table", .pages = BLOCK / SZ_4K },
	{ .name = "block" },
};

static const unsigned int counts[] = { 1, 2, 8, 64 };
static const unsigned int entries[] = { 1, 16, MAX_SG };

static void shape_desc(const struct shape *shape, char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "%s %u", shape->name, shape->pages);
}

static void number_desc(const unsigned int *number, char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "%u", *number);
}

KUNIT_ARRAY_PARAM(shape, shapes, shape_desc);
KUNIT_ARRAY_PARAM(count, counts, number_desc);
KUNIT_ARRAY_PARAM(entry, entries, number_desc);

struct cost_test {
	struct e2e_device *edev;
	struct device *dev;
	struct iommu_domain *domain;
	struct iommu_iotlb_gather gather;
	void *block;
	unsigned int round;
};

/* True once for each round */
static bool next_round(struct cost_test *ct)
{
	ct->round = (ct->round + 1) % (COST_ROUNDS + 1);
	return ct->round;
}

static void mark(struct cost_test *ct, enum e2e_mark mark)
{
	if (ct->round == COST_ROUNDS)
		e2e_mark(ct->edev, mark);
}

#define COUNT(ct, cost, call)						\
do {									\
	struct cost_test *__ct = ct;					\
									\
	mark(__ct, E2E_MARK_COST);					\
	COST_COUNT(cost, call);						\
	mark(__ct, E2E_MARK_END);					\
} while (0)

static void free_block(void *block)
{
	free_pages((unsigned long)block, get_order(BLOCK));
}

static int cost_init(struct kunit *test)
{
	struct cost_test *ct = kunit_kzalloc(test, sizeof(*ct), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, ct);
	test->priv = ct;
	ct->edev = e2e_device_get(test, 0);
	ct->dev = &ct->edev->pdev->dev;
	ct->block = (void *)__get_free_pages(GFP_KERNEL, get_order(BLOCK));
	KUNIT_ASSERT_NOT_NULL(test, ct->block);
	iommu_iotlb_gather_init(&ct->gather);
	return kunit_add_action_or_reset(test, free_block, ct->block);
}

static void detach(void *context)
{
	struct cost_test *ct = context;

	iommu_detach_device(ct->domain, ct->dev);
	iommu_domain_free(ct->domain);
}

static void attach(struct kunit *test)
{
	struct cost_test *ct = test->priv;

	ct->domain = iommu_paging_domain_alloc(ct->dev);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, ct->domain);
	KUNIT_ASSERT_EQ(test, 0, iommu_attach_device(ct->domain, ct->dev));
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test, detach, ct));
}

static size_t size_of(const struct shape *shape)
{
	return shape->pages ? shape->pages * SZ_4K : BLOCK;
}

static unsigned long iova_of(const struct shape *shape)
{
	return FIRST_IOVA + shape->offset;
}

/* Each page by itself: a page table that can would use larger ones */
static void map(struct kunit *test, unsigned long iova, size_t size)
{
	struct cost_test *ct = test->priv;
	size_t step = size == BLOCK ? BLOCK : SZ_4K;

	for (size_t done = 0; done < size; done += step)
		KUNIT_ASSERT_EQ(test, 0,
				iommu_map(ct->domain, iova + done,
					  virt_to_phys(ct->block), step,
					  IOMMU_READ | IOMMU_WRITE | IOMMU_CACHE,
					  GFP_KERNEL));
}

static void map_shape(struct kunit *test, const struct shape *shape)
{
	if (!shape->pages)
		map(test, iova_of(shape), BLOCK);
	for (unsigned int i = 0; i < shape->pages; i++)
		map(test, iova_of(shape) + i * SZ_4K, SZ_4K);
}

static void unmap_test(struct kunit *test)
{
	const struct shape *shape = test->param_value;
	struct cost_test *ct = test->priv;
	struct cost unmap = {};
	size_t unmapped;

	attach(test);
	while (next_round(ct)) {
		map_shape(test, shape);
		COUNT(ct, &unmap, unmapped = iommu_unmap(ct->domain, iova_of(shape),
							 size_of(shape)));
		KUNIT_ASSERT_EQ(test, size_of(shape), unmapped);
	}
	cost_report(test, &unmap, "iommu_unmap", shape->name, shape->pages);
}

static void unmap_fast_test(struct kunit *test)
{
	const struct shape *shape = test->param_value;
	struct cost_test *ct = test->priv;
	struct cost unmap = {}, sync = {};
	size_t unmapped;

	attach(test);
	while (next_round(ct)) {
		map_shape(test, shape);
		COUNT(ct, &unmap,
		      unmapped = iommu_unmap_fast(ct->domain, iova_of(shape),
						  size_of(shape), &ct->gather));
		COUNT(ct, &sync, iommu_iotlb_sync(ct->domain, &ct->gather));
		KUNIT_ASSERT_EQ(test, size_of(shape), unmapped);
	}
	cost_report(test, &unmap, "iommu_unmap_fast", shape->name, shape->pages);
	cost_report(test, &sync, "iommu_iotlb_sync", shape->name, shape->pages);
}

static void queued_test(struct kunit *test)
{
	const struct shape *shape = test->param_value;
	struct cost_test *ct = test->priv;
	struct cost unmap = {}, flush = {};
	size_t unmapped;

	attach(test);
	while (next_round(ct)) {
		map_shape(test, shape);
		ct->gather.queued = true;
		COUNT(ct, &unmap,
		      unmapped = iommu_unmap_fast(ct->domain, iova_of(shape),
						  size_of(shape), &ct->gather));
		COUNT(ct, &flush, iommu_flush_iotlb_all(ct->domain));
		KUNIT_ASSERT_EQ(test, size_of(shape), unmapped);
		iommu_put_pages_list(&ct->gather.freelist);
		iommu_iotlb_gather_init(&ct->gather);
	}
	cost_report(test, &unmap, "queued_unmap", shape->name, shape->pages);
	cost_report(test, &flush, "iommu_flush_iotlb_all", shape->name,
		    shape->pages);
}

static void batch_test(struct kunit *test)
{
	unsigned int count = *(const unsigned int *)test->param_value;
	const struct shape shape = PAGES(count);
	struct cost_test *ct = test->priv;
	struct cost cost = {};

	attach(test);
	while (next_round(ct)) {
		map_shape(test, &shape);
		COUNT(ct, &cost, ({
			for (unsigned int i = 0; i < count; i++)
				iommu_unmap_fast(ct->domain,
						 iova_of(&shape) + i * SZ_4K,
						 SZ_4K, &ct->gather);
			iommu_iotlb_sync(ct->domain, &ct->gather);
		}));
	}
	cost_report(test, &cost, "batched_unmap", "calls", count);
}

static void empty_sync_test(struct kunit *test)
{
	struct cost_test *ct = test->priv;
	struct cost cost = {};

	attach(test);
	while (next_round(ct))
		COUNT(ct, &cost, iommu_iotlb_sync(ct->domain, &ct->gather));
	cost_report(test, &cost, "iommu_iotlb_sync", "empty", 0);
}

/* The name of the mode goes with the numbers, as they have little in common */
static const char *dma_init(struct kunit *test)
{
	struct cost_test *ct = test->priv;
	struct iommu_domain *domain = iommu_get_domain_for_dev(ct->dev);

	if (!domain || !iommu_is_dma_domain(domain))
		kunit_skip(test, "model: the DMA API bypasses the IOMMU");
	return domain->type == IOMMU_DOMAIN_DMA_FQ ? "lazy" : "strict";
}

static void dma_page_test(struct kunit *test)
{
	unsigned int pages = *(const unsigned int *)test->param_value;
	struct cost_test *ct = test->priv;
	const char *mode = dma_init(test);
	struct cost cost = {};
	dma_addr_t iova;

	while (next_round(ct)) {
		iova = dma_map_page(ct->dev, virt_to_page(ct->block), 0,
				    pages * SZ_4K, DMA_FROM_DEVICE);
		KUNIT_ASSERT_EQ(test, 0, dma_mapping_error(ct->dev, iova));
		COUNT(ct, &cost, dma_unmap_page(ct->dev, iova, pages * SZ_4K,
						DMA_FROM_DEVICE));
	}
	cost_report(test, &cost, "dma_unmap_page", mode, pages);
}

static void dma_sg_test(struct kunit *test)
{
	unsigned int n = *(const unsigned int *)test->param_value;
	struct cost_test *ct = test->priv;
	const char *mode = dma_init(test);
	struct scatterlist *sgl, *sg;
	struct cost cost = {};
	int i;

	sgl = kunit_kcalloc(test, n, sizeof(*sgl), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, sgl);
	while (next_round(ct)) {
		sg_init_table(sgl, n);
		/* Not next to each other in memory */
		for_each_sg(sgl, sg, n, i)
			sg_set_buf(sg, ct->block, SZ_4K);
		KUNIT_ASSERT_NE(test, 0, dma_map_sg(ct->dev, sgl, n,
						    DMA_FROM_DEVICE));
		COUNT(ct, &cost, dma_unmap_sg(ct->dev, sgl, n, DMA_FROM_DEVICE));
	}
	cost_report(test, &cost, "dma_unmap_sg", mode, n);
}

static struct kunit_case cost_cases[] = {
	KUNIT_CASE_PARAM(unmap_test, shape_gen_params),
	KUNIT_CASE_PARAM(unmap_fast_test, shape_gen_params),
	KUNIT_CASE_PARAM(queued_test, shape_gen_params),
	KUNIT_CASE_PARAM(batch_test, count_gen_params),
	KUNIT_CASE(empty_sync_test),
	KUNIT_CASE_PARAM(dma_page_test, entry_gen_params),
	KUNIT_CASE_PARAM(dma_sg_test, entry_gen_params),
	{ }
};

static struct kunit_suite cost_suite = {
	.name = "iommu_cost",
	.suite_init = e2e_suite_init,
	.suite_exit = e2e_suite_exit,
	.init = cost_init,
	.test_cases = cost_cases,
};

kunit_test_suite(cost_suite);

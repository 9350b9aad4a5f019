// SPDX-License-Identifier: GPL-2.0
/*
 * The examples for driver authors keep what the core asks of drivers.
 */
#include "sync-example.h"

/* Clears page table entries up to a hole; returns the bytes it removed */
size_t toy_clear(struct toy_domain *toy, unsigned long iova, size_t size)
{
	size_t done;

	for (done = 0; done < size; done += SZ_4K) {
		if (!toy->table[(iova + done) / SZ_4K])
			break;
		toy->table[(iova + done) / SZ_4K] = false;
	}
	return done;
}

/* The hardware has been told, but may not have got round to it */
void toy_post(struct toy_domain *toy, unsigned long start, unsigned long last)
{
	unsigned long page;

	for (page = start / SZ_4K; page <= last / SZ_4K; page++)
		toy->posted[page] = true;
	toy->invalidations++;
}

/* All that was posted has been done */
void toy_wait(struct toy_domain *toy)
{
	unsigned int page;

	for (page = 0; page < TOY_PAGES; page++) {
		toy->iotlb[page] &= !toy->posted[page];
		toy->posted[page] = false;
	}
}

struct toy_param {
	const char *name;
	const struct iommu_domain_ops *ops;
};

static const struct toy_param toy_params[] = {
	{ "range", &toy_range_ops },
	{ "flush", &toy_flush_ops },
	{ "wait", &toy_wait_ops },
	{ "unmap", &toy_unmap_ops },
};

KUNIT_ARRAY_PARAM_DESC(toy, toy_params, name);

static int toy_test_init(struct kunit *test)
{
	const struct toy_param *param = test->param_value;
	struct toy_domain *toy = kunit_kzalloc(test, sizeof(*toy), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, toy);
	toy->domain.type = IOMMU_DOMAIN_UNMANAGED;
	toy->domain.ops = param->ops;
	toy->domain.pgsize_bitmap = SZ_4K;
	test->priv = toy;
	toy->warnings = kunit_start_suppress_warning(test);
	return iommu_map(&toy->domain, 0, 0, TOY_PAGES * SZ_4K, IOMMU_READ,
			 GFP_KERNEL);
}

/* Drivers that do as they declare are not warned about */
static void toy_test_exit(struct kunit *test)
{
	struct toy_domain *toy = test->priv;

	KUNIT_EXPECT_EQ(test, 0, kunit_suppressed_warning_count(toy->warnings));
}

/* The device uses all that is mapped, so that it is cached */
static void toy_use(struct toy_domain *toy)
{
	unsigned int page;

	for (page = 0; page < TOY_PAGES; page++)
		toy->iotlb[page] |= toy->table[page];
}

/* How many pages the device can use that are not mapped */
static unsigned int toy_stale(struct toy_domain *toy)
{
	unsigned int page, stale = 0;

	for (page = 0; page < TOY_PAGES; page++)
		stale += toy->iotlb[page] && !toy->table[page];
	return stale;
}

/* Nothing stale is left after a sync, of one unmap or of several */
static void test_unmap(struct kunit *test)
{
	struct toy_domain *toy = test->priv;
	struct iommu_domain *domain = &toy->domain;
	unsigned int before_sync = domain->ops->iotlb_sync ? 3 : 0;
	struct iommu_iotlb_gather gather;

	toy_use(toy);
	KUNIT_EXPECT_EQ(test, SZ_4K, iommu_unmap(domain, 4 * SZ_4K, SZ_4K));
	KUNIT_EXPECT_EQ(test, 0, toy_stale(toy));

	toy_use(toy);
	iommu_iotlb_gather_init(&gather);
	KUNIT_EXPECT_EQ(test, SZ_4K, iommu_unmap_fast(domain, 0, SZ_4K, &gather));
	KUNIT_EXPECT_EQ(test, SZ_8K,
			iommu_unmap_fast(domain, 8 * SZ_4K, SZ_8K, &gather));
	KUNIT_EXPECT_EQ(test, before_sync, toy_stale(toy));
	iommu_iotlb_sync(domain, &gather);
	KUNIT_EXPECT_EQ(test, 0, toy_stale(toy));
}

/* Where nothing was mapped there is nothing to invalidate by range */
static void test_hole(struct kunit *test)
{
	struct toy_domain *toy = test->priv;
	struct iommu_domain *domain = &toy->domain;
	unsigned int before;

	KUNIT_EXPECT_EQ(test, SZ_4K, iommu_unmap(domain, 0, SZ_4K));
	before = toy->invalidations;
	KUNIT_EXPECT_EQ(test, 0, iommu_unmap(domain, 0, SZ_4K));
	KUNIT_EXPECT_EQ(test, domain->ops == &toy_flush_ops,
			toy->invalidations - before);
}

/* A queued unmap leaves it to flush_iotlb_all, or has nothing to leave */
static void test_queued(struct kunit *test)
{
	struct toy_domain *toy = test->priv;
	struct iommu_domain *domain = &toy->domain;
	struct iommu_iotlb_gather gather;

	toy_use(toy);
	iommu_iotlb_gather_init(&gather);
	gather.queued = true;
	KUNIT_EXPECT_EQ(test, SZ_4K, iommu_unmap_fast(domain, 0, SZ_4K, &gather));
	KUNIT_EXPECT_EQ(test, domain->ops == &toy_unmap_ops, toy->invalidations);
	iommu_flush_iotlb_all(domain);
	KUNIT_EXPECT_EQ(test, 0, toy_stale(toy));
}

static struct kunit_case toy_cases[] = {
	KUNIT_CASE_PARAM(test_unmap, toy_gen_params),
	KUNIT_CASE_PARAM(test_hole, toy_gen_params),
	KUNIT_CASE_PARAM(test_queued, toy_gen_params),
	{}
};

static struct kunit_suite toy_suite = {
	.name = "iommu_sync_example",
	.init = toy_test_init,
	.exit = toy_test_exit,
	.test_cases = toy_cases,
};

kunit_test_suite(toy_suite);

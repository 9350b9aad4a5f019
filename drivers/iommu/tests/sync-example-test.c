// SPDX-License-Identifier: GPL-2.0
/*
 * The examples in Documentation/driver-api/iommu-sync.rst: drivers of a made-up
 * IOMMU, one for each kind of sync, and tests that they keep what it asks for.
 */
#include <kunit/test.h>
#include <linux/iommu.h>
#include <linux/sizes.h>

#define TOY_PAGES	16

struct toy_domain {
	struct iommu_domain domain;
	bool table[TOY_PAGES];		/* what is mapped */
	bool iotlb[TOY_PAGES];		/* what the device can use */
	bool posted[TOY_PAGES];		/* invalidations that are under way */
	unsigned int invalidations;

	struct kunit_suppressed_warning *warnings;
};

#define to_toy(d) container_of(d, struct toy_domain, domain)

static int toy_map_pages(struct iommu_domain *domain, unsigned long iova,
			 phys_addr_t paddr, size_t pgsize, size_t pgcount,
			 int prot, gfp_t gfp, size_t *mapped)
{
	struct toy_domain *toy = to_toy(domain);

	for (; pgcount; pgcount--, iova += pgsize, *mapped += pgsize)
		toy->table[iova / SZ_4K] = true;
	return 0;
}

/* Clears page table entries up to a hole; returns the bytes it removed */
static size_t toy_clear(struct toy_domain *toy, unsigned long iova, size_t size)
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
static void toy_post(struct toy_domain *toy, unsigned long start,
		     unsigned long last)
{
	unsigned long page;

	for (page = start / SZ_4K; page <= last / SZ_4K; page++)
		toy->posted[page] = true;
	toy->invalidations++;
}

/* All that was posted has been done */
static void toy_wait(struct toy_domain *toy)
{
	unsigned int page;

	for (page = 0; page < TOY_PAGES; page++) {
		toy->iotlb[page] &= !toy->posted[page];
		toy->posted[page] = false;
	}
}

static void toy_flush_iotlb_all(struct iommu_domain *domain)
{
	toy_post(to_toy(domain), 0, TOY_PAGES * SZ_4K - 1);
	toy_wait(to_toy(domain));
}

/* Gathers a range */
static size_t range_unmap_pages(struct iommu_domain *domain, unsigned long iova,
				size_t pgsize, size_t pgcount,
				struct iommu_iotlb_gather *gather)
{
	size_t removed = toy_clear(to_toy(domain), iova, pgsize * pgcount);

	if (removed && !iommu_iotlb_gather_queued(gather))
		iommu_iotlb_gather_add_range(gather, iova, removed);
	return removed;
}

static void range_iotlb_sync(struct iommu_domain *domain,
			     struct iommu_iotlb_gather *gather)
{
	toy_post(to_toy(domain), gather->start, gather->end);
	toy_wait(to_toy(domain));
}

static const struct iommu_domain_ops range_ops = {
	.map_pages = toy_map_pages,
	.unmap_pages = range_unmap_pages,
	.flush_iotlb_all = toy_flush_iotlb_all,
	.iotlb_sync = range_iotlb_sync,
};

/* Flushes everything */
static size_t flush_unmap_pages(struct iommu_domain *domain, unsigned long iova,
				size_t pgsize, size_t pgcount,
				struct iommu_iotlb_gather *gather)
{
	return toy_clear(to_toy(domain), iova, pgsize * pgcount);
}

static void flush_iotlb_sync(struct iommu_domain *domain,
			     struct iommu_iotlb_gather *gather)
{
	toy_flush_iotlb_all(domain);
}

static const struct iommu_domain_ops flush_ops = {
	.map_pages = toy_map_pages,
	.unmap_pages = flush_unmap_pages,
	.flush_iotlb_all = toy_flush_iotlb_all,
	.iotlb_sync = flush_iotlb_sync,
	.iotlb_sync_always = true,
};

/* Waits for what unmap has posted */
static size_t wait_unmap_pages(struct iommu_domain *domain, unsigned long iova,
			       size_t pgsize, size_t pgcount,
			       struct iommu_iotlb_gather *gather)
{
	size_t removed = toy_clear(to_toy(domain), iova, pgsize * pgcount);

	if (removed && !iommu_iotlb_gather_queued(gather))
		toy_post(to_toy(domain), iova, iova + removed - 1);
	return removed;
}

static void wait_iotlb_sync(struct iommu_domain *domain,
			    struct iommu_iotlb_gather *gather)
{
	toy_wait(to_toy(domain));
}

static const struct iommu_domain_ops wait_ops = {
	.map_pages = toy_map_pages,
	.unmap_pages = wait_unmap_pages,
	.flush_iotlb_all = toy_flush_iotlb_all,
	.iotlb_sync = wait_iotlb_sync,
	.iotlb_sync_always = true,
};

/* Invalidates in unmap */
static size_t unmap_unmap_pages(struct iommu_domain *domain, unsigned long iova,
				size_t pgsize, size_t pgcount,
				struct iommu_iotlb_gather *gather)
{
	size_t removed = toy_clear(to_toy(domain), iova, pgsize * pgcount);

	if (removed) {
		toy_post(to_toy(domain), iova, iova + removed - 1);
		toy_wait(to_toy(domain));
	}
	return removed;
}

static const struct iommu_domain_ops unmap_ops = {
	.map_pages = toy_map_pages,
	.unmap_pages = unmap_unmap_pages,
};

/* The tests */
struct toy_param {
	const char *name;
	const struct iommu_domain_ops *ops;
};

static const struct toy_param toy_params[] = {
	{ "range", &range_ops },
	{ "flush", &flush_ops },
	{ "wait", &wait_ops },
	{ "unmap", &unmap_ops },
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
	KUNIT_EXPECT_EQ(test, domain->ops == &flush_ops,
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
	KUNIT_EXPECT_EQ(test, domain->ops == &unmap_ops, toy->invalidations);
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

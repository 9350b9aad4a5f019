// SPDX-License-Identifier: GPL-2.0
/*
 * What iommu_unmap() and iommu_iotlb_sync() promise to drivers which work on
 * the range in the gather, and to those which declare iotlb_sync_always.
 */
#include <kunit/device.h>
#include <linux/scatterlist.h>

#include "sync-domain.h"

struct sync_param {
	const char *name;
	const struct iommu_domain_ops *ops;
	unsigned long base;
};

/* At both ends of the address space, and across 4G where there is more */
static const struct sync_param sync_params[] = {
	{ "range-0", &sync_range_ops, 0 },
	{ "range-top", &sync_range_ops, -(unsigned long)SYNC_SIZE },
	{ "always-0", &sync_always_ops, 0 },
	{ "always-top", &sync_always_ops, -(unsigned long)SYNC_SIZE },
#if BITS_PER_LONG == 64
	{ "range-4G", &sync_range_ops, SZ_4G - SYNC_SIZE / 2 },
	{ "always-4G", &sync_always_ops, SZ_4G - SYNC_SIZE / 2 },
#endif
};

KUNIT_ARRAY_PARAM_DESC(sync, sync_params, name);

struct sync_test {
	struct kunit_suppressed_warning *warnings;
	unsigned int expected_warnings;
	struct sync_domain *sd;
	bool always;
};

static int sync_test_init(struct kunit *test)
{
	const struct sync_param *param = test->param_value;
	struct sync_test *st = kunit_kzalloc(test, sizeof(*st), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, st);
	test->priv = st;
	st->warnings = kunit_start_suppress_warning(test);
	if (!param)
		return 0;
	st->sd = sync_domain_alloc(test, param->ops, param->base);
	st->always = param->ops->iotlb_sync_always;
	return 0;
}

static void sync_test_exit(struct kunit *test)
{
	struct sync_test *st = test->priv;

	KUNIT_EXPECT_EQ(test, st->expected_warnings,
			kunit_suppressed_warning_count(st->warnings));
}

/* What was removed can no longer be used, after one sync of just that */
static void expect_synced(struct kunit *test, unsigned int page,
			  unsigned int count)
{
	struct sync_test *st = test->priv;

	KUNIT_EXPECT_EQ(test, 1, st->sd->syncs);
	KUNIT_EXPECT_FALSE(test, sync_domain_stale(st->sd));
	if (!st->always)
		sync_domain_expect_gathered(test, st->sd, page, count);
}

static void expect_nothing_to_sync(struct kunit *test)
{
	struct sync_test *st = test->priv;

	KUNIT_EXPECT_EQ(test, st->always ? 1 : 0, st->sd->syncs);
}

static void test_unmap(struct kunit *test)
{
	struct sync_test *st = test->priv;
	struct sync_domain *sd = st->sd;

	sync_domain_map(test, sd, 0, SYNC_PAGES);
	KUNIT_EXPECT_EQ(test, SYNC_SIZE,
			iommu_unmap(&sd->domain, sd->base, SYNC_SIZE));
	expect_synced(test, 0, SYNC_PAGES);
}

/* 11 small pages, a large one, and 2 small ones: three calls to the driver */
static void test_unmap_in_pieces(struct kunit *test)
{
	struct sync_test *st = test->priv;
	struct sync_domain *sd = st->sd;

	sync_domain_map(test, sd, 5, 29);
	KUNIT_EXPECT_EQ(test, 29 * SZ_4K,
			iommu_unmap(&sd->domain, sync_iova(sd, 5), 29 * SZ_4K));
	KUNIT_EXPECT_EQ(test, 3, sd->unmaps);
	expect_synced(test, 5, 29);
}

static void test_cleared_before_sync(struct kunit *test)
{
	struct sync_test *st = test->priv;
	struct sync_domain *sd = st->sd;

	sync_domain_map(test, sd, 5, 29);
	iommu_unmap(&sd->domain, sync_iova(sd, 5), 29 * SZ_4K);
	KUNIT_EXPECT_EQ(test, 1, sd->syncs);
	KUNIT_EXPECT_FALSE(test, sd->mapped_at_sync);
}

static void test_neighbours_stay(struct kunit *test)
{
	struct sync_test *st = test->priv;
	struct sync_domain *sd = st->sd;

	sync_domain_map(test, sd, 0, SYNC_PAGES);
	KUNIT_EXPECT_EQ(test, SZ_4K,
			iommu_unmap(&sd->domain, sync_iova(sd, 7), SZ_4K));
	KUNIT_EXPECT_EQ(test, SYNC_PAGES - 1,
			bitmap_weight(sd->mapped, SYNC_PAGES));
	expect_synced(test, 7, 1);
}

/* Without a sync the device keeps access, or the other cases prove nothing */
static void test_unmap_fast_does_not_sync(struct kunit *test)
{
	struct sync_test *st = test->priv;
	struct sync_domain *sd = st->sd;
	struct iommu_iotlb_gather gather;

	iommu_iotlb_gather_init(&gather);
	sync_domain_map(test, sd, 3, 5);
	iommu_unmap_fast(&sd->domain, sync_iova(sd, 3), 5 * SZ_4K, &gather);
	KUNIT_EXPECT_EQ(test, 0, sd->syncs);
	KUNIT_EXPECT_TRUE(test, sync_domain_stale(sd));

	iommu_iotlb_sync(&sd->domain, &gather);
	expect_synced(test, 3, 5);
}

static void test_sync_starts_the_gather_anew(struct kunit *test)
{
	struct sync_test *st = test->priv;
	struct sync_domain *sd = st->sd;
	struct iommu_iotlb_gather gather;

	iommu_iotlb_gather_init(&gather);
	iommu_iotlb_gather_add_range(&gather, sync_iova(sd, 3), 1);
	KUNIT_EXPECT_FALSE(test, iommu_iotlb_gather_empty(&gather));

	iommu_iotlb_sync(&sd->domain, &gather);
	KUNIT_EXPECT_EQ(test, 1, sd->syncs);
	KUNIT_EXPECT_TRUE(test, iommu_iotlb_gather_empty(&gather));
}

static void test_sync_of_empty_gather(struct kunit *test)
{
	struct sync_test *st = test->priv;
	struct sync_domain *sd = st->sd;
	struct iommu_iotlb_gather gather;

	iommu_iotlb_gather_init(&gather);
	KUNIT_EXPECT_TRUE(test, iommu_iotlb_gather_empty(&gather));
	iommu_iotlb_sync(&sd->domain, &gather);
	expect_nothing_to_sync(test);
}

static void test_batch(struct kunit *test)
{
	static const unsigned int orders[][3] = {
		{ 10, 30, 50 }, { 50, 30, 10 }, { 30, 50, 10 },
	};
	struct sync_test *st = test->priv;
	struct sync_domain *sd = st->sd;
	struct iommu_iotlb_gather gather;
	unsigned int i, j;

	for (i = 0; i < ARRAY_SIZE(orders); i++) {
		sd->syncs = 0;
		sync_domain_map(test, sd, 0, SYNC_PAGES);
		iommu_iotlb_gather_init(&gather);
		for (j = 0; j < 3; j++)
			iommu_unmap_fast(&sd->domain,
					 sync_iova(sd, orders[i][j]),
					 4 * SZ_4K, &gather);
		KUNIT_EXPECT_EQ(test, 0, sd->syncs);
		iommu_iotlb_sync(&sd->domain, &gather);
		expect_synced(test, 10, 44);
		iommu_unmap(&sd->domain, sd->base, 10 * SZ_4K);
		iommu_unmap(&sd->domain, sync_iova(sd, 14), 16 * SZ_4K);
		iommu_unmap(&sd->domain, sync_iova(sd, 34), 16 * SZ_4K);
		iommu_unmap(&sd->domain, sync_iova(sd, 54), 10 * SZ_4K);
	}
}

static void test_partial_unmap(struct kunit *test)
{
	struct sync_test *st = test->priv;
	struct sync_domain *sd = st->sd;

	sync_domain_map(test, sd, 5, 20);
	KUNIT_EXPECT_EQ(test, 20 * SZ_4K,
			iommu_unmap(&sd->domain, sync_iova(sd, 5), 40 * SZ_4K));
	expect_synced(test, 5, 20);
}

static void test_unmap_hole(struct kunit *test)
{
	struct sync_test *st = test->priv;
	struct sync_domain *sd = st->sd;

	KUNIT_EXPECT_EQ(test, 0, iommu_unmap(&sd->domain, sd->base, SYNC_SIZE));
	expect_nothing_to_sync(test);
}

static void test_unmap_nothing(struct kunit *test)
{
	struct sync_test *st = test->priv;
	struct sync_domain *sd = st->sd;

	sync_domain_map(test, sd, 0, SYNC_PAGES);
	KUNIT_EXPECT_EQ(test, 0, iommu_unmap(&sd->domain, sd->base, 0));
	KUNIT_EXPECT_EQ(test, 0, sd->unmaps);
	expect_nothing_to_sync(test);
}

static void test_unmap_fails(struct kunit *test)
{
	struct sync_test *st = test->priv;
	struct sync_domain *sd = st->sd;

	sync_domain_map(test, sd, 0, SYNC_PAGES);
	sd->unmap_fails = true;
	KUNIT_EXPECT_EQ(test, 0, iommu_unmap(&sd->domain, sd->base, SYNC_SIZE));
	expect_nothing_to_sync(test);
}

static void test_map_fails_midway(struct kunit *test)
{
	struct sync_test *st = test->priv;
	struct sync_domain *sd = st->sd;

	sd->map_limit = 20;
	KUNIT_EXPECT_EQ(test, -ENOMEM,
			iommu_map(&sd->domain, sync_iova(sd, 5), 0, 29 * SZ_4K,
				  IOMMU_READ, GFP_KERNEL));
	KUNIT_EXPECT_TRUE(test, bitmap_empty(sd->mapped, SYNC_PAGES));
	expect_synced(test, 5, 20);
}

/* Nothing is cached: not even an always-sync driver has anything to do */
static void test_map_fails_at_once(struct kunit *test)
{
	struct sync_test *st = test->priv;
	struct sync_domain *sd = st->sd;

	sd->map_limit = 0;
	KUNIT_EXPECT_EQ(test, -ENOMEM,
			iommu_map(&sd->domain, sd->base, 0, SZ_4K, IOMMU_READ,
				  GFP_ATOMIC));
	KUNIT_EXPECT_EQ(test, 0, sd->unmaps);
	KUNIT_EXPECT_EQ(test, 0, sd->syncs);
}

static void test_map_sync_fails(struct kunit *test)
{
	struct sync_test *st = test->priv;
	struct sync_domain *sd = st->sd;

	sd->map_sync_fails = true;
	KUNIT_EXPECT_EQ(test, -EIO,
			iommu_map(&sd->domain, sync_iova(sd, 5), 0, 3 * SZ_4K,
				  IOMMU_READ, GFP_KERNEL));
	KUNIT_EXPECT_TRUE(test, bitmap_empty(sd->mapped, SYNC_PAGES));
	expect_synced(test, 5, 3);
}

/* Three segments that do not touch each other, with room for @limit pages */
static ssize_t map_sg(struct kunit *test, struct sync_domain *sd,
		      unsigned int limit)
{
	void *buf = kunit_kmalloc(test, 6 * 4 * SZ_4K, GFP_KERNEL);
	struct scatterlist sg[3];
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, buf);
	sg_init_table(sg, ARRAY_SIZE(sg));
	for (i = 0; i < ARRAY_SIZE(sg); i++)
		sg_set_buf(&sg[i], buf + i * 2 * 4 * SZ_4K, 4 * SZ_4K);

	sd->map_limit = limit;
	return iommu_map_sg(&sd->domain, sync_iova(sd, 5), sg, ARRAY_SIZE(sg),
			    IOMMU_READ, GFP_KERNEL);
}

static void test_map_sg_fails(struct kunit *test)
{
	struct sync_test *st = test->priv;
	struct sync_domain *sd = st->sd;

	KUNIT_EXPECT_EQ(test, -ENOMEM, map_sg(test, sd, 8));
	KUNIT_EXPECT_TRUE(test, bitmap_empty(sd->mapped, SYNC_PAGES));
	expect_synced(test, 5, 8);
}

static void test_map_sg_fails_at_once(struct kunit *test)
{
	struct sync_test *st = test->priv;
	struct sync_domain *sd = st->sd;

	KUNIT_EXPECT_EQ(test, -ENOMEM, map_sg(test, sd, 0));
	KUNIT_EXPECT_EQ(test, 0, sd->unmaps);
	KUNIT_EXPECT_EQ(test, 0, sd->syncs);
}

static void test_map_sg_sync_fails(struct kunit *test)
{
	struct sync_test *st = test->priv;
	struct sync_domain *sd = st->sd;

	sd->map_sync_fails = true;
	KUNIT_EXPECT_EQ(test, -EIO, map_sg(test, sd, SYNC_PAGES));
	KUNIT_EXPECT_TRUE(test, bitmap_empty(sd->mapped, SYNC_PAGES));
	expect_synced(test, 5, 12);
}

static void test_queued(struct kunit *test)
{
	struct sync_test *st = test->priv;
	struct sync_domain *sd = st->sd;
	struct iommu_iotlb_gather gather;

	iommu_iotlb_gather_init(&gather);
	gather.queued = true;
	sync_domain_map(test, sd, 5, 29);
	KUNIT_EXPECT_EQ(test, 29 * SZ_4K,
			iommu_unmap_fast(&sd->domain, sync_iova(sd, 5),
					 29 * SZ_4K, &gather));
	KUNIT_EXPECT_TRUE(test, sync_domain_stale(sd));

	iommu_flush_iotlb_all(&sd->domain);
	KUNIT_EXPECT_EQ(test, 1, sd->flushes);
	KUNIT_EXPECT_EQ(test, 0, sd->syncs);
	KUNIT_EXPECT_FALSE(test, sync_domain_stale(sd));
}

static void test_no_iotlb_sync(struct kunit *test)
{
	struct sync_domain *sd = sync_domain_alloc(test, &sync_none_ops, 0);
	struct iommu_iotlb_gather gather;

	sync_domain_map(test, sd, 5, 29);
	KUNIT_EXPECT_EQ(test, 29 * SZ_4K,
			iommu_unmap(&sd->domain, sync_iova(sd, 5), 29 * SZ_4K));
	KUNIT_EXPECT_FALSE(test, sync_domain_stale(sd));

	iommu_iotlb_gather_init(&gather);
	iommu_iotlb_gather_add_range(&gather, sd->base, SZ_4K);
	iommu_iotlb_sync(&sd->domain, &gather);
	KUNIT_EXPECT_TRUE(test, iommu_iotlb_gather_empty(&gather));
}

static struct sync_domain *alloc_target;

static struct iommu_domain *alloc_paging(struct device *dev)
{
	return &alloc_target->domain;
}

static void forget_iommu(void *dev)
{
	((struct device *)dev)->iommu = NULL;
}

/* Ops as a driver would have them, seen through its first domain */
static struct iommu_domain *alloc_with(struct kunit *test,
				       const struct iommu_domain_ops *ops)
{
	struct iommu_device *iommu = kunit_kzalloc(test, sizeof(*iommu), GFP_KERNEL);
	struct dev_iommu *param = kunit_kzalloc(test, sizeof(*param), GFP_KERNEL);
	static const struct iommu_ops iommu_ops = {
		.domain_alloc_paging = alloc_paging,
	};
	struct device *dev = kunit_device_register(test, "sync-test");

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, dev);
	KUNIT_ASSERT_NOT_NULL(test, iommu);
	KUNIT_ASSERT_NOT_NULL(test, param);
	iommu->ops = &iommu_ops;
	param->iommu_dev = iommu;
	dev->iommu = param;
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test, forget_iommu, dev));

	alloc_target = sync_domain_alloc(test, ops, 0);
	return iommu_paging_domain_alloc(dev);
}

static void test_declaration_accepted(struct kunit *test)
{
	struct iommu_domain *domain = alloc_with(test, &sync_always_ops);

	KUNIT_EXPECT_PTR_EQ(test, domain, &alloc_target->domain);
	KUNIT_EXPECT_EQ(test, 0, alloc_target->frees);
}

static void test_declaration_without_callback_refused(struct kunit *test)
{
	struct sync_test *st = test->priv;

	st->expected_warnings = 1;
	KUNIT_EXPECT_EQ(test, -EINVAL,
			PTR_ERR(alloc_with(test, &sync_broken_ops)));
	KUNIT_EXPECT_EQ(test, 1, alloc_target->frees);
}

static struct kunit_case sync_cases[] = {
	KUNIT_CASE_PARAM(test_unmap, sync_gen_params),
	KUNIT_CASE_PARAM(test_unmap_in_pieces, sync_gen_params),
	KUNIT_CASE_PARAM(test_cleared_before_sync, sync_gen_params),
	KUNIT_CASE_PARAM(test_neighbours_stay, sync_gen_params),
	KUNIT_CASE_PARAM(test_unmap_fast_does_not_sync, sync_gen_params),
	KUNIT_CASE_PARAM(test_sync_starts_the_gather_anew, sync_gen_params),
	KUNIT_CASE_PARAM(test_sync_of_empty_gather, sync_gen_params),
	KUNIT_CASE_PARAM(test_batch, sync_gen_params),
	KUNIT_CASE_PARAM(test_partial_unmap, sync_gen_params),
	KUNIT_CASE_PARAM(test_unmap_hole, sync_gen_params),
	KUNIT_CASE_PARAM(test_unmap_nothing, sync_gen_params),
	KUNIT_CASE_PARAM(test_unmap_fails, sync_gen_params),
	KUNIT_CASE_PARAM(test_map_fails_midway, sync_gen_params),
	KUNIT_CASE_PARAM(test_map_fails_at_once, sync_gen_params),
	KUNIT_CASE_PARAM(test_map_sync_fails, sync_gen_params),
	KUNIT_CASE_PARAM(test_map_sg_fails, sync_gen_params),
	KUNIT_CASE_PARAM(test_map_sg_fails_at_once, sync_gen_params),
	KUNIT_CASE_PARAM(test_map_sg_sync_fails, sync_gen_params),
	KUNIT_CASE_PARAM(test_queued, sync_gen_params),
	KUNIT_CASE(test_no_iotlb_sync),
	KUNIT_CASE(test_declaration_accepted),
	KUNIT_CASE(test_declaration_without_callback_refused),
	{}
};

static struct kunit_suite sync_suite = {
	.name = "iommu_sync",
	.init = sync_test_init,
	.exit = sync_test_exit,
	.test_cases = sync_cases,
};

kunit_test_suite(sync_suite);

MODULE_DESCRIPTION("KUnit tests of the IOMMU core's unmap and sync");
MODULE_LICENSE("GPL");

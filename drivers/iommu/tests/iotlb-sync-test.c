// SPDX-License-Identifier: GPL-2.0
/*
 * What iommu_unmap() and iommu_iotlb_sync() promise to drivers which work on
 * the range in the gather, and to those which declare iotlb_sync_always.
 */
#include <kunit/run-in-irq-context.h>
#include <linux/delay.h>
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

	if (st)
		KUNIT_EXPECT_EQ(test, 0,
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

static void unmap_is_synced(struct kunit *test)
{
	struct sync_test *st = test->priv;
	struct sync_domain *sd = st->sd;

	sync_domain_map(test, sd, 0, SYNC_PAGES);
	KUNIT_EXPECT_EQ(test, SYNC_SIZE,
			iommu_unmap(&sd->domain, sd->base, SYNC_SIZE));
	expect_synced(test, 0, SYNC_PAGES);
}

/* 11 small pages, a large one, and 2 small ones: three calls to the driver */
static void unmap_in_pieces_is_synced_once(struct kunit *test)
{
	struct sync_test *st = test->priv;
	struct sync_domain *sd = st->sd;

	sync_domain_map(test, sd, 5, 29);
	KUNIT_EXPECT_EQ(test, 29 * SZ_4K,
			iommu_unmap(&sd->domain, sync_iova(sd, 5), 29 * SZ_4K));
	KUNIT_EXPECT_EQ(test, 3, sd->unmaps);
	expect_synced(test, 5, 29);
}

static void entries_are_cleared_before_the_sync(struct kunit *test)
{
	struct sync_test *st = test->priv;
	struct sync_domain *sd = st->sd;

	sync_domain_map(test, sd, 5, 29);
	iommu_unmap(&sd->domain, sync_iova(sd, 5), 29 * SZ_4K);
	KUNIT_EXPECT_EQ(test, 1, sd->syncs);
	KUNIT_EXPECT_FALSE(test, sd->mapped_at_sync);
}

static void neighbours_stay_mapped(struct kunit *test)
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
static void unmap_fast_does_not_sync(struct kunit *test)
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

static void sync_leaves_the_gather_empty(struct kunit *test)
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

static void empty_gather_is_synced_if_declared(struct kunit *test)
{
	struct sync_test *st = test->priv;
	struct sync_domain *sd = st->sd;
	struct iommu_iotlb_gather gather;

	iommu_iotlb_gather_init(&gather);
	KUNIT_EXPECT_TRUE(test, iommu_iotlb_gather_empty(&gather));
	iommu_iotlb_sync(&sd->domain, &gather);
	expect_nothing_to_sync(test);
}

static void batch_is_synced_once(struct kunit *test)
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

static void partial_unmap_syncs_what_was_removed(struct kunit *test)
{
	struct sync_test *st = test->priv;
	struct sync_domain *sd = st->sd;

	sync_domain_map(test, sd, 5, 20);
	KUNIT_EXPECT_EQ(test, 20 * SZ_4K,
			iommu_unmap(&sd->domain, sync_iova(sd, 5), 40 * SZ_4K));
	expect_synced(test, 5, 20);
}

static void unmap_of_a_hole_gathers_nothing(struct kunit *test)
{
	struct sync_test *st = test->priv;
	struct sync_domain *sd = st->sd;

	KUNIT_EXPECT_EQ(test, 0, iommu_unmap(&sd->domain, sd->base, SYNC_SIZE));
	expect_nothing_to_sync(test);
}

static void unmap_of_size_0_gathers_nothing(struct kunit *test)
{
	struct sync_test *st = test->priv;
	struct sync_domain *sd = st->sd;

	sync_domain_map(test, sd, 0, SYNC_PAGES);
	KUNIT_EXPECT_EQ(test, 0, iommu_unmap(&sd->domain, sd->base, 0));
	KUNIT_EXPECT_EQ(test, 0, sd->unmaps);
	expect_nothing_to_sync(test);
}

static void failed_unmap_gathers_nothing(struct kunit *test)
{
	struct sync_test *st = test->priv;
	struct sync_domain *sd = st->sd;

	sync_domain_map(test, sd, 0, SYNC_PAGES);
	sd->unmap_fails = true;
	KUNIT_EXPECT_EQ(test, 0, iommu_unmap(&sd->domain, sd->base, SYNC_SIZE));
	expect_nothing_to_sync(test);
}

static void failed_map_is_unwound(struct kunit *test)
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
static void failed_map_of_nothing_is_not_unwound(struct kunit *test)
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

static void map_whose_sync_fails_is_unwound(struct kunit *test)
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

static void failed_map_sg_is_unwound(struct kunit *test)
{
	struct sync_test *st = test->priv;
	struct sync_domain *sd = st->sd;

	KUNIT_EXPECT_EQ(test, -ENOMEM, map_sg(test, sd, 8));
	KUNIT_EXPECT_TRUE(test, bitmap_empty(sd->mapped, SYNC_PAGES));
	expect_synced(test, 5, 8);
}

static void failed_map_sg_of_nothing_is_not_unwound(struct kunit *test)
{
	struct sync_test *st = test->priv;
	struct sync_domain *sd = st->sd;

	KUNIT_EXPECT_EQ(test, -ENOMEM, map_sg(test, sd, 0));
	KUNIT_EXPECT_EQ(test, 0, sd->unmaps);
	KUNIT_EXPECT_EQ(test, 0, sd->syncs);
}

static void map_sg_whose_sync_fails_is_unwound(struct kunit *test)
{
	struct sync_test *st = test->priv;
	struct sync_domain *sd = st->sd;

	sd->map_sync_fails = true;
	KUNIT_EXPECT_EQ(test, -EIO, map_sg(test, sd, SYNC_PAGES));
	KUNIT_EXPECT_TRUE(test, bitmap_empty(sd->mapped, SYNC_PAGES));
	expect_synced(test, 5, 12);
}

static void queued_unmap_is_not_synced(struct kunit *test)
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

/* Whether it declares that it must always be called, or not */
static void no_sync_is_called_where_there_is_none(struct kunit *test)
{
	static const struct iommu_domain_ops *const ops[] = {
		&sync_none_ops, &sync_none_always_ops,
	};
	struct iommu_iotlb_gather gather;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(ops); i++) {
		struct sync_domain *sd = sync_domain_alloc(test, ops[i], 0);

		sync_domain_map(test, sd, 5, 29);
		KUNIT_EXPECT_EQ(test, 29 * SZ_4K,
				iommu_unmap(&sd->domain, sync_iova(sd, 5),
					    29 * SZ_4K));
		KUNIT_EXPECT_FALSE(test, sync_domain_stale(sd));

		iommu_iotlb_gather_init(&gather);
		iommu_iotlb_sync(&sd->domain, &gather);
		iommu_iotlb_gather_add_range(&gather, sd->base, SZ_4K);
		iommu_iotlb_sync(&sd->domain, &gather);
		KUNIT_EXPECT_TRUE(test, iommu_iotlb_gather_empty(&gather));
	}
}

/* Maps, unmaps and syncs 5 pages; returns whether just that was invalidated */
static bool unmap_5_pages(struct sync_domain *sd)
{
	const size_t size = 5 * SZ_4K;

	sd->syncs = 0;
	if (iommu_map(&sd->domain, sd->base, 0, size, IOMMU_READ, GFP_ATOMIC) ||
	    iommu_unmap(&sd->domain, sd->base, size) != size)
		return false;
	if (sd->syncs != 1 || sync_domain_stale(sd))
		return false;
	return sd->domain.ops->iotlb_sync_always ||
	       (sd->start == sd->base && sd->end == sd->base + size - 1);
}

static void unmap_with_interrupts_off_is_synced(struct kunit *test)
{
	struct sync_test *st = test->priv;
	unsigned long flags;
	bool right;

	local_irq_save(flags);
	right = unmap_5_pages(st->sd) && irqs_disabled();
	local_irq_restore(flags);
	KUNIT_EXPECT_TRUE(test, right);
}

/* A domain for each context, as they interrupt each other */
static bool unmap_in_context(void *data)
{
	struct sync_domain **sd = data;

	if (in_hardirq())
		return unmap_5_pages(sd[0]);
	if (in_serving_softirq())
		return unmap_5_pages(sd[1]);
	/* UML in time travel mode gets interrupts only while it waits */
	udelay(1);
	return unmap_5_pages(sd[2]);
}

static void unmap_in_an_interrupt_is_synced(struct kunit *test)
{
	const struct sync_param *param = test->param_value;
	struct sync_domain *sd[3];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(sd); i++)
		sd[i] = sync_domain_alloc(test, param->ops, param->base);
	kunit_run_irq_test(test, unmap_in_context, 1000, sd);
}

static struct kunit_case sync_cases[] = {
	KUNIT_CASE_PARAM(unmap_is_synced, sync_gen_params),
	KUNIT_CASE_PARAM(unmap_in_pieces_is_synced_once, sync_gen_params),
	KUNIT_CASE_PARAM(entries_are_cleared_before_the_sync, sync_gen_params),
	KUNIT_CASE_PARAM(neighbours_stay_mapped, sync_gen_params),
	KUNIT_CASE_PARAM(unmap_fast_does_not_sync, sync_gen_params),
	KUNIT_CASE_PARAM(sync_leaves_the_gather_empty, sync_gen_params),
	KUNIT_CASE_PARAM(empty_gather_is_synced_if_declared, sync_gen_params),
	KUNIT_CASE_PARAM(batch_is_synced_once, sync_gen_params),
	KUNIT_CASE_PARAM(partial_unmap_syncs_what_was_removed, sync_gen_params),
	KUNIT_CASE_PARAM(unmap_of_a_hole_gathers_nothing, sync_gen_params),
	KUNIT_CASE_PARAM(unmap_of_size_0_gathers_nothing, sync_gen_params),
	KUNIT_CASE_PARAM(failed_unmap_gathers_nothing, sync_gen_params),
	KUNIT_CASE_PARAM(failed_map_is_unwound, sync_gen_params),
	KUNIT_CASE_PARAM(failed_map_of_nothing_is_not_unwound, sync_gen_params),
	KUNIT_CASE_PARAM(map_whose_sync_fails_is_unwound, sync_gen_params),
	KUNIT_CASE_PARAM(failed_map_sg_is_unwound, sync_gen_params),
	KUNIT_CASE_PARAM(failed_map_sg_of_nothing_is_not_unwound, sync_gen_params),
	KUNIT_CASE_PARAM(map_sg_whose_sync_fails_is_unwound, sync_gen_params),
	KUNIT_CASE_PARAM(queued_unmap_is_not_synced, sync_gen_params),
	KUNIT_CASE_PARAM(unmap_with_interrupts_off_is_synced, sync_gen_params),
	KUNIT_CASE_PARAM(unmap_in_an_interrupt_is_synced, sync_gen_params),
	KUNIT_CASE(no_sync_is_called_where_there_is_none),
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

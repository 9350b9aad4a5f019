// SPDX-License-Identifier: GPL-2.0
/*
 * What iommu_unmap_fast() does about a driver that removed translations but
 * left them out of the gather.
 */
#include <kunit/visibility.h>

#include "../iommu-priv.h"
#include "sync-domain.h"

struct not_gathered_test {
	struct kunit_suppressed_warning *warnings;
	struct iommu_iotlb_gather gather;
	void *warned[ARRAY_SIZE(iommu_syncs_warned)];
};

/* Each case starts with nobody having been warned about */
static int not_gathered_init(struct kunit *test)
{
	struct not_gathered_test *ng =
		kunit_kzalloc(test, sizeof(*ng), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, ng);
	test->priv = ng;
	memcpy(ng->warned, iommu_syncs_warned, sizeof(ng->warned));
	memset(iommu_syncs_warned, 0, sizeof(iommu_syncs_warned));
	iommu_iotlb_gather_init(&ng->gather);
	ng->warnings = kunit_start_suppress_warning(test);
	return 0;
}

static void not_gathered_exit(struct kunit *test)
{
	struct not_gathered_test *ng = test->priv;

	if (ng)
		memcpy(iommu_syncs_warned, ng->warned, sizeof(ng->warned));
}

static void expect_warnings(struct kunit *test, int count)
{
	struct not_gathered_test *ng = test->priv;

	KUNIT_EXPECT_EQ(test, count,
			kunit_suppressed_warning_count(ng->warnings));
}

static size_t unmap(struct kunit *test, struct sync_domain *sd,
		    unsigned int page, unsigned int count)
{
	struct not_gathered_test *ng = test->priv;

	return iommu_unmap_fast(&sd->domain, sync_iova(sd, page),
				count * SZ_4K, &ng->gather);
}

static void expect_in_gather(struct kunit *test, struct sync_domain *sd,
			     unsigned int page, unsigned int count)
{
	struct not_gathered_test *ng = test->priv;

	iommu_iotlb_sync(&sd->domain, &ng->gather);
	KUNIT_EXPECT_EQ(test, 1, sd->syncs);
	KUNIT_EXPECT_FALSE(test, sync_domain_stale(sd));
	sync_domain_expect_gathered(test, sd, page, count);
}

static const unsigned long bases[] = {
	0,
	-(unsigned long)SYNC_SIZE,
#if BITS_PER_LONG == 64
	SZ_4G - SYNC_SIZE / 2,
#endif
};

static void base_desc(const unsigned long *base, char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "%#lx", *base);
}

KUNIT_ARRAY_PARAM(base, bases, base_desc);

static void what_was_removed_is_gathered(struct kunit *test)
{
	const unsigned long *base = test->param_value;
	struct sync_domain *sd =
		sync_domain_alloc(test, &sync_undeclared_ops, *base);

	sync_domain_map(test, sd, 0, SYNC_PAGES);
	KUNIT_EXPECT_EQ(test, SYNC_SIZE, unmap(test, sd, 0, SYNC_PAGES));
	expect_warnings(test, 1);
	expect_in_gather(test, sd, 0, SYNC_PAGES);
}

/* 20 pages of 40 were mapped */
static void only_what_was_removed_is_gathered(struct kunit *test)
{
	const unsigned long *base = test->param_value;
	struct sync_domain *sd =
		sync_domain_alloc(test, &sync_undeclared_ops, *base);

	sync_domain_map(test, sd, 5, 20);
	KUNIT_EXPECT_EQ(test, 20 * SZ_4K, unmap(test, sd, 5, 40));
	expect_warnings(test, 1);
	expect_in_gather(test, sd, 5, 20);
}

static void ascending_batch_is_gathered(struct kunit *test)
{
	struct sync_domain *sd = sync_domain_alloc(test, &sync_undeclared_ops, 0);

	sync_domain_map(test, sd, 0, SYNC_PAGES);
	unmap(test, sd, 0, 1);
	unmap(test, sd, 20, 1);
	unmap(test, sd, 40, 1);
	expect_in_gather(test, sd, 0, 41);
}

/*
 * What is not promised: the core looks at the end of the gather only, and that
 * of the first range covers those below it. So nobody notices that these were
 * not gathered, and a sync that reads the gather leaves them to the device.
 */
static void descending_batch_is_not_noticed(struct kunit *test)
{
	struct sync_domain *sd = sync_domain_alloc(test, &sync_undeclared_ops, 0);
	struct not_gathered_test *ng = test->priv;

	sync_domain_map(test, sd, 0, SYNC_PAGES);
	unmap(test, sd, 40, 1);
	unmap(test, sd, 20, 1);
	unmap(test, sd, 0, 1);
	expect_warnings(test, 1);
	iommu_iotlb_sync(&sd->domain, &ng->gather);
	sync_domain_expect_gathered(test, sd, 40, 1);
	KUNIT_EXPECT_TRUE(test, sync_domain_stale(sd));
}

/* The same within one unmap, of 11 small pages that are left out and a large one */
static void piece_before_one_that_is_gathered_is_not_noticed(struct kunit *test)
{
	struct sync_domain *sd = sync_domain_alloc(test, &sync_range_ops, 0);
	struct not_gathered_test *ng = test->priv;

	sync_domain_map(test, sd, 5, 27);
	sd->gather_skip = 1;
	unmap(test, sd, 5, 27);
	KUNIT_EXPECT_EQ(test, 2, sd->unmaps);
	expect_warnings(test, 0);
	iommu_iotlb_sync(&sd->domain, &ng->gather);
	sync_domain_expect_gathered(test, sd, 16, 16);
	KUNIT_EXPECT_TRUE(test, sync_domain_stale(sd));
}

/* What is: one that ignores the gather is called, and leaves nothing */
static void any_batch_is_safe_if_sync_ignores_the_gather(struct kunit *test)
{
	static const unsigned int orders[][3] = {
		{ 0, 20, 40 }, { 40, 20, 0 }, { 20, 40, 0 },
	};
	struct not_gathered_test *ng = test->priv;
	unsigned int i, j;

	for (i = 0; i < ARRAY_SIZE(orders); i++) {
		struct sync_domain *sd =
			sync_domain_alloc(test, &sync_undeclared_all_ops, 0);

		sync_domain_map(test, sd, 0, SYNC_PAGES);
		for (j = 0; j < 3; j++)
			unmap(test, sd, orders[i][j], 1);
		KUNIT_EXPECT_TRUE(test, sync_domain_stale(sd));
		iommu_iotlb_sync(&sd->domain, &ng->gather);
		KUNIT_EXPECT_EQ(test, 1, sd->syncs);
		KUNIT_EXPECT_FALSE(test, sync_domain_stale(sd));
	}
	expect_warnings(test, 1);
}

/* To gather in the first unmap does not make up for the second */
static void second_unmap_is_noticed(struct kunit *test)
{
	struct sync_domain *sd = sync_domain_alloc(test, &sync_range_ops, 0);

	sync_domain_map(test, sd, 0, SYNC_PAGES);
	sd->gather_limit = 1;
	unmap(test, sd, 3, 1);
	expect_warnings(test, 0);
	unmap(test, sd, 9, 2);
	expect_warnings(test, 1);
	expect_in_gather(test, sd, 3, 8);
}

/* The same within one unmap, of 11 small pages and a large one */
static void second_piece_is_noticed(struct kunit *test)
{
	struct sync_domain *sd = sync_domain_alloc(test, &sync_range_ops, 0);

	sync_domain_map(test, sd, 5, 27);
	sd->gather_limit = 1;
	unmap(test, sd, 5, 27);
	KUNIT_EXPECT_EQ(test, 2, sd->unmaps);
	expect_warnings(test, 1);
	expect_in_gather(test, sd, 5, 27);
}

/* In whatever order, on whatever domain; and each unmap is synced */
static void each_driver_is_warned_about_once(struct kunit *test)
{
	static const struct iommu_domain_ops *const ops[] = {
		&sync_undeclared_ops, &sync_undeclared_all_ops,
	};
	unsigned int i, page;

	for (i = 0; i < 6; i++) {
		struct sync_domain *sd = sync_domain_alloc(test, ops[i % 2], 0);

		sync_domain_map(test, sd, 0, SYNC_PAGES);
		for (page = 0; page < 3; page++)
			iommu_unmap(&sd->domain, sync_iova(sd, page), SZ_4K);
		KUNIT_EXPECT_EQ(test, 3, sd->syncs);
		KUNIT_EXPECT_FALSE(test, sync_domain_stale(sd));
		expect_warnings(test, min(i + 1, 2));
	}
}

/* Nor are there more warnings than there is room to note them */
static void ninth_driver_is_not_warned_about(struct kunit *test)
{
	struct sync_domain *sd = sync_domain_alloc(test, &sync_undeclared_ops, 0);
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(iommu_syncs_warned); i++)
		iommu_syncs_warned[i] = &iommu_syncs_warned[i];
	sync_domain_map(test, sd, 0, SYNC_PAGES);
	unmap(test, sd, 0, SYNC_PAGES);
	expect_warnings(test, 0);
	expect_in_gather(test, sd, 0, SYNC_PAGES);
}

/* No driver is warned about for an unmap that removed nothing */
static void removing_nothing_is_right(struct kunit *test)
{
	const unsigned long *base = test->param_value;
	struct sync_domain *sd =
		sync_domain_alloc(test, &sync_undeclared_ops, *base);
	struct not_gathered_test *ng = test->priv;

	unmap(test, sd, 0, SYNC_PAGES);
	unmap(test, sd, 3, 1);
	unmap(test, sd, 3, 0);
	expect_warnings(test, 0);
	KUNIT_EXPECT_TRUE(test, iommu_iotlb_gather_empty(&ng->gather));
	iommu_iotlb_sync(&sd->domain, &ng->gather);
	KUNIT_EXPECT_EQ(test, 0, sd->syncs);
}

static void queued_gather_is_left_alone(struct kunit *test)
{
	const unsigned long *base = test->param_value;
	struct sync_domain *sd =
		sync_domain_alloc(test, &sync_undeclared_ops, *base);
	struct not_gathered_test *ng = test->priv;

	ng->gather.queued = true;
	sync_domain_map(test, sd, 0, SYNC_PAGES);
	unmap(test, sd, 0, SYNC_PAGES);
	expect_warnings(test, 0);
	KUNIT_EXPECT_TRUE(test, iommu_iotlb_gather_empty(&ng->gather));
}

/* Those that declare, or have no sync */
static void others_need_not_gather(struct kunit *test)
{
	const unsigned long *base = test->param_value;
	struct sync_domain *always =
		sync_domain_alloc(test, &sync_always_ops, *base);
	struct sync_domain *none =
		sync_domain_alloc(test, &sync_none_ops, *base);
	struct not_gathered_test *ng = test->priv;

	sync_domain_map(test, always, 0, SYNC_PAGES);
	sync_domain_map(test, none, 0, SYNC_PAGES);
	unmap(test, always, 0, SYNC_PAGES);
	unmap(test, none, 0, SYNC_PAGES);
	expect_warnings(test, 0);
	KUNIT_EXPECT_TRUE(test, iommu_iotlb_gather_empty(&ng->gather));
}

/* In whatever order the unmaps come */
static void drivers_that_gather_are_right(struct kunit *test)
{
	const unsigned long *base = test->param_value;
	struct sync_domain *sd = sync_domain_alloc(test, &sync_range_ops, *base);

	sync_domain_map(test, sd, 0, SYNC_PAGES);
	unmap(test, sd, 30, 10);
	unmap(test, sd, 0, 1);
	unmap(test, sd, SYNC_PAGES - 1, 1);
	expect_warnings(test, 0);
	expect_in_gather(test, sd, 0, SYNC_PAGES);
}

/* A gather that was synced in unmap holds what was removed since */
static void drivers_that_sync_in_unmap_are_right(struct kunit *test)
{
	const unsigned long *base = test->param_value;
	struct sync_domain *sd =
		sync_domain_alloc(test, &sync_disjoint_ops, *base);
	struct not_gathered_test *ng = test->priv;

	sync_domain_map(test, sd, 0, SYNC_PAGES);
	unmap(test, sd, 30, 10);
	unmap(test, sd, 0, 1);
	unmap(test, sd, SYNC_PAGES - 1, 1);
	expect_warnings(test, 0);
	KUNIT_EXPECT_EQ(test, 2, sd->syncs);
	iommu_iotlb_sync(&sd->domain, &ng->gather);
	KUNIT_EXPECT_EQ(test, 3, sd->syncs);
	KUNIT_EXPECT_FALSE(test, sync_domain_stale(sd));
	sync_domain_expect_gathered(test, sd, SYNC_PAGES - 1, 1);
}

static struct kunit_case not_gathered_cases[] = {
	KUNIT_CASE_PARAM(what_was_removed_is_gathered, base_gen_params),
	KUNIT_CASE_PARAM(only_what_was_removed_is_gathered, base_gen_params),
	KUNIT_CASE(ascending_batch_is_gathered),
	KUNIT_CASE(descending_batch_is_not_noticed),
	KUNIT_CASE(piece_before_one_that_is_gathered_is_not_noticed),
	KUNIT_CASE(any_batch_is_safe_if_sync_ignores_the_gather),
	KUNIT_CASE(second_unmap_is_noticed),
	KUNIT_CASE(second_piece_is_noticed),
	KUNIT_CASE(each_driver_is_warned_about_once),
	KUNIT_CASE(ninth_driver_is_not_warned_about),
	KUNIT_CASE_PARAM(removing_nothing_is_right, base_gen_params),
	KUNIT_CASE_PARAM(queued_gather_is_left_alone, base_gen_params),
	KUNIT_CASE_PARAM(others_need_not_gather, base_gen_params),
	KUNIT_CASE_PARAM(drivers_that_gather_are_right, base_gen_params),
	KUNIT_CASE_PARAM(drivers_that_sync_in_unmap_are_right, base_gen_params),
	{}
};

static struct kunit_suite not_gathered_suite = {
	.name = "iommu_not_gathered",
	.init = not_gathered_init,
	.exit = not_gathered_exit,
	.test_cases = not_gathered_cases,
};

kunit_test_suite(not_gathered_suite);

MODULE_IMPORT_NS("EXPORTED_FOR_KUNIT_TESTING");

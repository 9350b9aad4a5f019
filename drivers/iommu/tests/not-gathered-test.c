// SPDX-License-Identifier: GPL-2.0
/*
 * What iommu_unmap_fast() does about a driver that removed translations but
 * left them out of the gather.
 */
#include "sync-domain.h"

struct not_gathered_test {
	struct kunit_suppressed_warning *warnings;
	struct iommu_iotlb_gather gather;
};

/* Each case starts with another driver having been warned about last */
static int not_gathered_init(struct kunit *test)
{
	struct sync_domain *other =
		sync_domain_alloc(test, &sync_undeclared2_ops, 0);
	struct not_gathered_test *ng =
		kunit_kzalloc(test, sizeof(*ng), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, ng);
	test->priv = ng;
	kunit_warning_suppress(test) {
		sync_domain_map(test, other, 0, 1);
		iommu_unmap(&other->domain, other->base, SZ_4K);
	}
	iommu_iotlb_gather_init(&ng->gather);
	ng->warnings = kunit_start_suppress_warning(test);
	return 0;
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

static void test_undeclared(struct kunit *test)
{
	const unsigned long *base = test->param_value;
	struct sync_domain *sd =
		sync_domain_alloc(test, &sync_undeclared_ops, *base);

	sync_domain_map(test, sd, 0, SYNC_PAGES);
	KUNIT_EXPECT_EQ(test, SYNC_SIZE, unmap(test, sd, 0, SYNC_PAGES));
	expect_warnings(test, 1);
	expect_in_gather(test, sd, 0, SYNC_PAGES);
}

/* Only what was removed is gathered, not all that was asked for */
static void test_undeclared_partial(struct kunit *test)
{
	const unsigned long *base = test->param_value;
	struct sync_domain *sd =
		sync_domain_alloc(test, &sync_undeclared_ops, *base);

	sync_domain_map(test, sd, 5, 20);
	KUNIT_EXPECT_EQ(test, 20 * SZ_4K, unmap(test, sd, 5, 40));
	expect_warnings(test, 1);
	expect_in_gather(test, sd, 5, 20);
}

static void test_undeclared_batch(struct kunit *test)
{
	struct sync_domain *sd = sync_domain_alloc(test, &sync_undeclared_ops, 0);

	sync_domain_map(test, sd, 0, SYNC_PAGES);
	unmap(test, sd, 0, 1);
	unmap(test, sd, 20, 1);
	unmap(test, sd, 40, 1);
	expect_in_gather(test, sd, 0, 41);
}

/* Gathering in the first unmap is no excuse for the second */
static void test_gathers_once_in_a_batch(struct kunit *test)
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
static void test_gathers_first_piece(struct kunit *test)
{
	struct sync_domain *sd = sync_domain_alloc(test, &sync_range_ops, 0);

	sync_domain_map(test, sd, 5, 27);
	sd->gather_limit = 1;
	unmap(test, sd, 5, 27);
	KUNIT_EXPECT_EQ(test, 2, sd->unmaps);
	expect_warnings(test, 1);
	expect_in_gather(test, sd, 5, 27);
}

static void test_warned_once_in_a_row(struct kunit *test)
{
	struct sync_domain *a = sync_domain_alloc(test, &sync_undeclared_ops, 0);
	struct sync_domain *b = sync_domain_alloc(test, &sync_undeclared2_ops, 0);
	unsigned int i;

	sync_domain_map(test, a, 0, SYNC_PAGES);
	sync_domain_map(test, b, 0, SYNC_PAGES);
	for (i = 0; i < 3; i++)
		iommu_unmap(&a->domain, sync_iova(a, i), SZ_4K);
	expect_warnings(test, 1);
	for (i = 0; i < 3; i++)
		iommu_unmap(&b->domain, sync_iova(b, i), SZ_4K);
	expect_warnings(test, 2);
	iommu_unmap(&a->domain, sync_iova(a, 3), SZ_4K);
	expect_warnings(test, 3);

	/* Synced every time, warned about or not */
	KUNIT_EXPECT_EQ(test, 4, a->syncs);
	KUNIT_EXPECT_EQ(test, 3, b->syncs);
	KUNIT_EXPECT_FALSE(test, sync_domain_stale(a));
	KUNIT_EXPECT_FALSE(test, sync_domain_stale(b));
}

/* No warning where nothing was removed, for any driver at any address */
static void test_nothing_removed(struct kunit *test)
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

/* Nor for a queued gather, which is left as it is */
static void test_queued(struct kunit *test)
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

/* Nor for those which declare, or have nothing to sync */
static void test_no_need_to_gather(struct kunit *test)
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

/* Nor for those which gather, in whatever order their unmaps come */
static void test_gathers(struct kunit *test)
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

static struct kunit_case not_gathered_cases[] = {
	KUNIT_CASE_PARAM(test_undeclared, base_gen_params),
	KUNIT_CASE_PARAM(test_undeclared_partial, base_gen_params),
	KUNIT_CASE(test_undeclared_batch),
	KUNIT_CASE(test_gathers_once_in_a_batch),
	KUNIT_CASE(test_gathers_first_piece),
	KUNIT_CASE(test_warned_once_in_a_row),
	KUNIT_CASE_PARAM(test_nothing_removed, base_gen_params),
	KUNIT_CASE_PARAM(test_queued, base_gen_params),
	KUNIT_CASE_PARAM(test_no_need_to_gather, base_gen_params),
	KUNIT_CASE_PARAM(test_gathers, base_gen_params),
	{}
};

static struct kunit_suite not_gathered_suite = {
	.name = "iommu_not_gathered",
	.init = not_gathered_init,
	.test_cases = not_gathered_cases,
};

kunit_test_suite(not_gathered_suite);

// SPDX-License-Identifier: GPL-2.0
/*
 * What the page table formats of io-pgtable report through tlb_add_range()
 * when they unmap: all that was cleared, nothing else, once a run, and only to
 * those who have a use for it.
 */
#include <kunit/device.h>
#include <kunit/resource.h>
#include <kunit/test-bug.h>
#include <kunit/test.h>
#include <linux/bitops.h>
#include <linux/cpu.h>
#include <linux/cpumask.h>
#include <linux/gfp.h>
#include <linux/io-pgtable.h>
#include <linux/iommu.h>
#include <linux/minmax.h>
#include <linux/sizes.h>
#include <linux/vmstat.h>
#include <linux/workqueue.h>

struct format {
	const char *name;
	enum io_pgtable_fmt fmt;
	unsigned long quirks;
	unsigned int ias;
	unsigned int oas;
	unsigned long pgsize_bitmap;
	/* What to map and unmap, and the page table entries it consists of */
	size_t pgsize;
	size_t granule;
};

#define FORMAT(_fmt, _quirks, _ias, _oas, _bitmap, _pgsize, _granule) {	\
	.name = #_fmt " " #_ias " bits " #_pgsize,			\
	.fmt = _fmt,							\
	.quirks = _quirks,						\
	.ias = _ias,							\
	.oas = _oas,							\
	.pgsize_bitmap = _bitmap,					\
	.pgsize = SZ_##_pgsize,						\
	.granule = SZ_##_granule,					\
}

#define NO_WARN IO_PGTABLE_QUIRK_NO_WARN
#define MEDIATEK (IO_PGTABLE_QUIRK_ARM_MTK_EXT | IO_PGTABLE_QUIRK_NO_PERMS | \
		  IO_PGTABLE_QUIRK_ARM_NS)
#define HW_DIRTY (NO_WARN | IO_PGTABLE_QUIRK_ARM_HD)
#define V7S_SIZES (SZ_4K | SZ_64K | SZ_1M | SZ_16M)

static const struct format formats[] = {
	FORMAT(ARM_32_LPAE_S1, NO_WARN, 32, 40, SZ_4K | SZ_2M | SZ_1G, 4K, 4K),
	FORMAT(ARM_32_LPAE_S1, NO_WARN, 32, 40, SZ_4K | SZ_2M | SZ_1G, 2M, 2M),
	FORMAT(ARM_32_LPAE_S1, NO_WARN, 32, 40, SZ_4K | SZ_2M | SZ_1G, 1G, 1G),
	FORMAT(ARM_32_LPAE_S2, NO_WARN, 40, 40, SZ_4K | SZ_2M | SZ_1G, 4K, 4K),
	FORMAT(ARM_32_LPAE_S2, NO_WARN, 40, 40, SZ_4K | SZ_2M | SZ_1G, 2M, 2M),
	FORMAT(ARM_32_LPAE_S2, NO_WARN, 40, 40, SZ_4K | SZ_2M | SZ_1G, 1G, 1G),
	FORMAT(ARM_64_LPAE_S1, NO_WARN, 48, 48, SZ_4K | SZ_2M | SZ_1G, 4K, 4K),
	FORMAT(ARM_64_LPAE_S1, NO_WARN, 48, 48, SZ_4K | SZ_2M | SZ_1G, 2M, 2M),
	FORMAT(ARM_64_LPAE_S1, NO_WARN, 48, 48, SZ_4K | SZ_2M | SZ_1G, 1G, 1G),
	FORMAT(ARM_64_LPAE_S1, NO_WARN, 48, 48, SZ_16K | SZ_32M, 16K, 16K),
	FORMAT(ARM_64_LPAE_S1, NO_WARN, 48, 48, SZ_16K | SZ_32M, 32M, 32M),
	FORMAT(ARM_64_LPAE_S1, NO_WARN, 48, 48, SZ_64K | SZ_512M, 64K, 64K),
	FORMAT(ARM_64_LPAE_S1, NO_WARN, 48, 48, SZ_64K | SZ_512M, 512M, 512M),
	FORMAT(ARM_64_LPAE_S1, HW_DIRTY, 42, 48, SZ_4K | SZ_2M | SZ_1G, 4K, 4K),
	FORMAT(ARM_64_LPAE_S1, HW_DIRTY, 42, 48, SZ_4K | SZ_2M | SZ_1G, 2M, 2M),
	FORMAT(ARM_64_LPAE_S2, NO_WARN, 48, 48, SZ_4K | SZ_2M | SZ_1G, 4K, 4K),
	FORMAT(ARM_64_LPAE_S2, NO_WARN, 48, 48, SZ_4K | SZ_2M | SZ_1G, 2M, 2M),
	FORMAT(ARM_64_LPAE_S2, NO_WARN, 48, 48, SZ_4K | SZ_2M | SZ_1G, 1G, 1G),
	FORMAT(ARM_64_LPAE_S2, NO_WARN, 48, 48, SZ_16K | SZ_32M, 16K, 16K),
	FORMAT(ARM_64_LPAE_S2, NO_WARN, 48, 48, SZ_16K | SZ_32M, 32M, 32M),
	FORMAT(ARM_64_LPAE_S2, NO_WARN, 48, 48, SZ_64K | SZ_512M, 64K, 64K),
	FORMAT(ARM_64_LPAE_S2, NO_WARN, 48, 48, SZ_64K | SZ_512M, 512M, 512M),
	FORMAT(ARM_MALI_LPAE, 0, 48, 40, SZ_4K | SZ_2M | SZ_1G, 4K, 4K),
	FORMAT(ARM_MALI_LPAE, 0, 48, 40, SZ_4K | SZ_2M | SZ_1G, 2M, 2M),
	FORMAT(ARM_MALI_LPAE, 0, 48, 40, SZ_4K | SZ_2M | SZ_1G, 1G, 1G),
	FORMAT(ARM_V7S, 0, 32, 32, V7S_SIZES, 4K, 4K),
	FORMAT(ARM_V7S, 0, 32, 32, V7S_SIZES, 64K, 4K),
	FORMAT(ARM_V7S, 0, 32, 32, V7S_SIZES, 1M, 1M),
	FORMAT(ARM_V7S, 0, 32, 32, V7S_SIZES, 16M, 1M),
	FORMAT(ARM_V7S, MEDIATEK, 34, 35, V7S_SIZES, 4K, 4K),
	FORMAT(ARM_V7S, MEDIATEK, 34, 35, V7S_SIZES, 64K, 4K),
	FORMAT(ARM_V7S, MEDIATEK, 34, 35, V7S_SIZES, 1M, 1M),
	FORMAT(ARM_V7S, MEDIATEK, 34, 35, V7S_SIZES, 16M, 1M),
	FORMAT(APPLE_DART, 0, 32, 36, SZ_4K, 4K, 4K),
	FORMAT(APPLE_DART, 0, 36, 36, SZ_16K, 16K, 16K),
	FORMAT(APPLE_DART2, 0, 42, 42, SZ_16K, 16K, 16K),
};

KUNIT_ARRAY_PARAM_DESC(format, formats, name);

static size_t smallest_pgsize(const struct format *f)
{
	return 1UL << __ffs(f->pgsize_bitmap);
}

/* Can an entry for @f->pgsize point to a table instead? */
static bool can_be_table(const struct format *f)
{
	return f->granule > smallest_pgsize(f);
}

/* Bytes of IOVA that an unsigned long can name */
static u64 space_size(const struct format *f)
{
	return BIT_ULL(min_t(unsigned int, f->ias, BITS_PER_LONG));
}

/* Bytes of IOVA under one table with entries for @f->pgsize */
static u64 table_size(const struct format *f)
{
	if (f->fmt == ARM_V7S)
		return f->pgsize < SZ_1M ? SZ_1M : BIT_ULL(f->ias);
	return (u64)f->pgsize * (smallest_pgsize(f) / sizeof(u64));
}

/* Where to put @pages: at the start, in the middle, and at the end */
#define NUM_PLACES 3

static unsigned long place(const struct format *f, unsigned int i, size_t pages)
{
	u64 last = space_size(f) - (u64)pages * f->pgsize;
	u64 places[NUM_PLACES] = { 0, min(space_size(f) / 2, last), last };

	return places[i];
}

/* A page table, and what it reported since reset_records() */
struct pgtable {
	const struct format *f;
	struct io_pgtable_ops *ops;
	struct iommu_iotlb_gather gather;
	size_t unmap_size;
	struct iommu_iotlb_gather walks;
	size_t walk_bytes;
	unsigned int walk_mapped;
	u64 hd_root;
	int tables;
	unsigned int freed_early;
	unsigned int runs;
	size_t small_pages;
	struct {
		struct iommu_iotlb_gather *gather;
		unsigned long iova;
		size_t size;
		size_t granule;
		void *cookie;
		unsigned int mapped;
		size_t walk_bytes;
	} last_run;
};

static bool is_mapped(struct pgtable *pt, unsigned long iova)
{
	/* Not the first byte, which may well be at physical address 0 */
	return pt->ops->iova_to_phys(pt->ops, iova + 1);
}

/* Count the entries with a translation, be it a page or a table */
static unsigned int count_mapped(struct pgtable *pt, unsigned long iova,
				 size_t size)
{
	size_t last_page = pt->f->granule - smallest_pgsize(pt->f);
	unsigned int n = 0;

	for (size_t done = 0; done < size; done += pt->f->granule)
		n += is_mapped(pt, iova + done) ||
		     is_mapped(pt, iova + done + last_page);

	return n;
}

/* The cookie is under test, so do without it */
static struct pgtable *current_pgtable(void)
{
	return kunit_get_current_test()->priv;
}

static void record_walk(unsigned long iova, size_t size, size_t granule,
			void *cookie)
{
	struct pgtable *pt = current_pgtable();

	iommu_iotlb_gather_add_range(&pt->walks, iova, size);
	pt->walk_bytes += size;
	pt->walk_mapped += count_mapped(pt, iova, min(size, pt->unmap_size));
}

static void record_run(struct iommu_iotlb_gather *gather, unsigned long iova,
		       size_t size, size_t granule, void *cookie)
{
	struct pgtable *pt = current_pgtable();

	pt->runs++;
	pt->last_run.gather = gather;
	pt->last_run.iova = iova;
	pt->last_run.size = size;
	pt->last_run.granule = granule;
	pt->last_run.cookie = cookie;
	/* A size that is wrong may be huge, do not spend hours on it */
	pt->last_run.mapped = count_mapped(pt, iova, min(size, pt->unmap_size));
	pt->last_run.walk_bytes = pt->walk_bytes;
}

static const struct iommu_flush_ops record_ops = {
	.tlb_flush_walk	= record_walk,
	.tlb_add_range	= record_run,
};

static const struct iommu_flush_ops walk_ops = {
	.tlb_flush_walk	= record_walk,
};

/* As drivers do that invalidate the plain range */
static void gather_run(struct iommu_iotlb_gather *gather, unsigned long iova,
		       size_t size, size_t granule, void *cookie)
{
	iommu_iotlb_gather_add_range(gather, iova, size);
}

static const struct iommu_flush_ops gather_ops = {
	.tlb_add_range	= gather_run,
};

/*
 * As a driver may do whose IOMMU drops just one page of a block for an
 * invalidation by address. It cannot tell a block from a table, and need not:
 * the pages of a table are invalid, too.
 */
static void count_pages(struct iommu_iotlb_gather *gather, unsigned long iova,
			size_t size, size_t granule, void *cookie)
{
	struct pgtable *pt = current_pgtable();
	size_t page = smallest_pgsize(pt->f);

	for (size_t done = 0; granule > page && done < size; done += page) {
		iommu_iotlb_gather_add_range(gather, iova + done, page);
		pt->small_pages++;
	}
}

static const struct iommu_flush_ops erratum_ops = {
	.tlb_add_range	= count_pages,
};

static void no_flush_walk(unsigned long iova, size_t size, size_t granule,
			  void *cookie)
{
}

/* For more threads than the one that has the test */
static const struct iommu_flush_ops neighbour_ops = {
	.tlb_flush_walk	= no_flush_walk,
	.tlb_add_range	= gather_run,
};

static void reset_records(struct pgtable *pt)
{
	iommu_iotlb_gather_init(&pt->walks);
	pt->walk_bytes = 0;
	pt->walk_mapped = 0;
	pt->freed_early = 0;
	pt->runs = 0;
	memset(&pt->last_run, 0, sizeof(pt->last_run));
}

KUNIT_DEFINE_ACTION_WRAPPER(free_ops, free_io_pgtable_ops,
			    struct io_pgtable_ops *);

static void *alloc_table(void *cookie, size_t size, gfp_t gfp)
{
	current_pgtable()->tables++;
	return alloc_pages_exact(size, gfp | __GFP_ZERO);
}

static void free_table(void *cookie, void *pages, size_t size)
{
	struct pgtable *pt = current_pgtable();

	/* A test that ends frees what is left, without a flush */
	if (pt) {
		pt->tables--;
		pt->freed_early += !pt->walk_bytes;
	}
	free_pages_exact(pages, size);
}

static struct pgtable *alloc_pgtable(struct kunit *test,
				     const struct iommu_flush_ops *tlb)
{
	const struct format *f = test->param_value;
	struct io_pgtable_cfg cfg = {
		.quirks = f->quirks,
		.pgsize_bitmap = f->pgsize_bitmap,
		.ias = f->ias,
		.oas = f->oas,
		.coherent_walk = true,
		.tlb = tlb,
	};
	struct pgtable *pt;

	/* Tables are counted with the runs, in the test's own thread */
	if (tlb == &record_ops && (f->fmt < ARM_V7S || f->fmt == ARM_MALI_LPAE)) {
		cfg.alloc = alloc_table;
		cfg.free = free_table;
	}

	if (f->oas > BITS_PER_BYTE * sizeof(phys_addr_t))
		kunit_skip(test, "hardware: physical addresses are too small");

	pt = kunit_kzalloc(test, sizeof(*pt), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, pt);
	pt->f = f;
	iommu_iotlb_gather_init(&pt->gather);
	reset_records(pt);
	test->priv = pt;

	cfg.iommu_dev = kunit_device_register(test, "io-pgtable");
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, cfg.iommu_dev);
	pt->ops = alloc_io_pgtable_ops(f->fmt, &cfg, pt);
	KUNIT_ASSERT_NOT_NULL(test, pt->ops);
	if (f->quirks & IO_PGTABLE_QUIRK_ARM_HD)
		pt->hd_root = cfg.arm_lpae_s1_cfg.ttbr;
	KUNIT_ASSERT_EQ(test, 0,
			kunit_add_action_or_reset(test, free_ops, pt->ops));
	return pt;
}

static void map_as(struct kunit *test, size_t pgsize, unsigned long iova,
		   size_t size)
{
	struct pgtable *pt = test->priv;
	size_t mapped;
	int ret;

	for (; size; size -= mapped, iova += mapped) {
		mapped = 0;
		ret = pt->ops->map_pages(pt->ops, iova, 0, pgsize,
					 size >> __ffs(pgsize),
					 IOMMU_READ | IOMMU_WRITE, GFP_KERNEL,
					 &mapped);
		KUNIT_ASSERT_EQ(test, ret, 0);
		KUNIT_ASSERT_GE(test, mapped, pgsize);
	}
}

static void map(struct kunit *test, unsigned long iova, size_t size)
{
	struct pgtable *pt = test->priv;

	map_as(test, pt->f->pgsize, iova, size);
}

#define MIXED_PAGES 3

/* The page in the middle consists of many smaller ones, if there are smaller */
static void map_mixed(struct kunit *test, unsigned long iova)
{
	struct pgtable *pt = test->priv;
	size_t pgsize = pt->f->pgsize;

	map(test, iova, pgsize);
	map_as(test, smallest_pgsize(pt->f), iova + pgsize, pgsize);
	map(test, iova + 2 * pgsize, pgsize);
}

static size_t unmap(struct pgtable *pt, unsigned long iova, size_t size,
		    struct iommu_iotlb_gather *gather)
{
	reset_records(pt);
	pt->unmap_size = size;
	return pt->ops->unmap_pages(pt->ops, iova, pt->f->pgsize,
				    size >> __ffs(pt->f->pgsize), gather);
}

/* An unmap that comes across a page which is not mapped */
static size_t unmap_missing(struct kunit *test, unsigned long iova, size_t size)
{
	struct pgtable *pt = test->priv;
	bool warns = IS_ENABLED(CONFIG_BUG) &&
		     !(pt->f->quirks & IO_PGTABLE_QUIRK_NO_WARN);
	size_t unmapped = 0;

	kunit_warning_suppress(test) {
		unmapped = unmap(pt, iova, size, &pt->gather);
		KUNIT_EXPECT_SUPPRESSED_WARNING_COUNT(test, warns);
	}

	return unmapped;
}

static void expect_run(struct kunit *test, unsigned long iova, size_t size)
{
	struct pgtable *pt = test->priv;

	KUNIT_EXPECT_EQ(test, pt->runs, 1);
	KUNIT_EXPECT_EQ(test, pt->last_run.iova, iova);
	KUNIT_EXPECT_EQ(test, pt->last_run.size, size);
	KUNIT_EXPECT_EQ(test, pt->last_run.granule, pt->f->granule);
}

static void expect_gathered(struct kunit *test,
			    const struct iommu_iotlb_gather *gather,
			    unsigned long start, unsigned long end)
{
	KUNIT_EXPECT_EQ(test, gather->start, start);
	KUNIT_EXPECT_EQ(test, gather->end, end);
}

/* Does what it is asked for, whoever gets to know of it */
static unsigned long unmap_mixed(struct kunit *test, unsigned int i,
				 struct iommu_iotlb_gather *gather)
{
	struct pgtable *pt = test->priv;
	unsigned long iova = place(pt->f, i, MIXED_PAGES);
	size_t size = MIXED_PAGES * pt->f->pgsize;

	map_mixed(test, iova);
	KUNIT_EXPECT_EQ(test, count_mapped(pt, iova, size),
			size >> __ffs(pt->f->granule));
	KUNIT_EXPECT_EQ(test, unmap(pt, iova, size, gather), size);
	KUNIT_EXPECT_EQ(test, count_mapped(pt, iova, size), 0);

	return iova;
}

static void expect_no_runs(struct kunit *test,
			   struct iommu_iotlb_gather *gather)
{
	struct pgtable *pt = test->priv;

	for (unsigned int i = 0; i < NUM_PLACES; i++) {
		unmap_mixed(test, i, gather);
		KUNIT_EXPECT_EQ(test, pt->runs, 0);
	}
}

static void test_run_is_reported_once(struct kunit *test)
{
	struct pgtable *pt = alloc_pgtable(test, &record_ops);
	const struct format *f = pt->f;
	size_t full_table = min3(table_size(f), space_size(f), (u64)SIZE_MAX) >>
			    __ffs(f->pgsize);
	size_t pages[] = { 1, 2, full_table };

	for (unsigned int i = 0; i < ARRAY_SIZE(pages) * NUM_PLACES; i++) {
		unsigned long iova = place(f, i % NUM_PLACES,
					   pages[i / NUM_PLACES]);
		size_t size = pages[i / NUM_PLACES] * f->pgsize;

		map(test, iova, size);
		KUNIT_EXPECT_EQ(test, unmap(pt, iova, size, &pt->gather), size);
		expect_run(test, iova, size);
	}
}

static void test_run_includes_tables(struct kunit *test)
{
	struct pgtable *pt = alloc_pgtable(test, &record_ops);

	for (unsigned int i = 0; i < NUM_PLACES; i++)
		expect_run(test, unmap_mixed(test, i, &pt->gather),
			   MIXED_PAGES * pt->f->pgsize);
}

static void test_run_is_cleared(struct kunit *test)
{
	struct pgtable *pt = alloc_pgtable(test, &record_ops);

	for (unsigned int i = 0; i < NUM_PLACES; i++) {
		unmap_mixed(test, i, &pt->gather);
		KUNIT_EXPECT_EQ(test, pt->runs, 1);
		KUNIT_EXPECT_EQ(test, pt->last_run.mapped, 0);
		/* Nor can a table be cached again once the walk is flushed */
		KUNIT_EXPECT_EQ(test, pt->walk_mapped, 0);
	}
}

static void test_run_has_gather_and_cookie(struct kunit *test)
{
	struct pgtable *pt = alloc_pgtable(test, &record_ops);

	map(test, 0, pt->f->pgsize);
	unmap(pt, 0, pt->f->pgsize, &pt->gather);
	KUNIT_EXPECT_PTR_EQ(test, pt->last_run.gather, &pt->gather);
	KUNIT_EXPECT_PTR_EQ(test, pt->last_run.cookie, pt);
}

static void test_run_spares_neighbours(struct kunit *test)
{
	struct pgtable *pt = alloc_pgtable(test, &record_ops);
	size_t pgsize = pt->f->pgsize;

	for (unsigned int i = 0; i < NUM_PLACES; i++) {
		unsigned long iova = place(pt->f, i, 3);

		map(test, iova, 3 * pgsize);
		unmap(pt, iova + pgsize, pgsize, &pt->gather);
		expect_run(test, iova + pgsize, pgsize);
		KUNIT_EXPECT_TRUE(test, is_mapped(pt, iova));
		KUNIT_EXPECT_TRUE(test, is_mapped(pt, iova + 2 * pgsize));

		unmap(pt, iova, pgsize, &pt->gather);
		unmap(pt, iova + 2 * pgsize, pgsize, &pt->gather);
	}
}

/* What is in the next table is for another call, though v7s may carry on */
static void test_run_ends_with_table(struct kunit *test)
{
	struct pgtable *pt = alloc_pgtable(test, &record_ops);
	const struct format *f = pt->f;
	u64 ends[] = { table_size(f), space_size(f) / 2,
		       space_size(f) - table_size(f) };

	if (table_size(f) >= space_size(f))
		kunit_skip(test, "hardware: all entries are in one table");

	for (unsigned int i = 0; i < ARRAY_SIZE(ends); i++) {
		unsigned long iova = ends[i] - 2 * f->pgsize;
		size_t size = 5 * f->pgsize, unmapped;
		unsigned int calls = 0;

		map(test, iova, size);
		for (; size; size -= unmapped, iova += unmapped) {
			unmapped = 0;
			kunit_warning_suppress(test) {
				unmapped = unmap(pt, iova, size, &pt->gather);
				KUNIT_EXPECT_SUPPRESSED_WARNING_COUNT(test, 0);
			}
			KUNIT_ASSERT_GE(test, unmapped, f->pgsize);
			expect_run(test, iova, unmapped);
			calls++;
		}
		KUNIT_EXPECT_LE(test, calls, 2);
		if (f->fmt != ARM_V7S)
			KUNIT_EXPECT_EQ(test, calls, 2);
	}
}

static void test_run_ends_at_hole(struct kunit *test)
{
	struct pgtable *pt = alloc_pgtable(test, &record_ops);
	size_t pgsize = pt->f->pgsize;

	for (unsigned int i = 0; i < NUM_PLACES; i++) {
		unsigned long iova = place(pt->f, i, 3);

		map(test, iova, pgsize);
		map(test, iova + 2 * pgsize, pgsize);
		KUNIT_EXPECT_EQ(test, unmap_missing(test, iova, 3 * pgsize),
				pgsize);
		expect_run(test, iova, pgsize);
		KUNIT_EXPECT_TRUE(test, is_mapped(pt, iova + 2 * pgsize));

		unmap(pt, iova + 2 * pgsize, pgsize, &pt->gather);
	}
}

static void test_no_run_if_first_is_missing(struct kunit *test)
{
	struct pgtable *pt = alloc_pgtable(test, &record_ops);
	size_t pgsize = pt->f->pgsize;

	for (unsigned int i = 0; i < NUM_PLACES; i++) {
		unsigned long iova = place(pt->f, i, 2);

		/* First with no table, then in a table with another page */
		KUNIT_EXPECT_EQ(test, unmap_missing(test, iova, 2 * pgsize), 0);
		KUNIT_EXPECT_EQ(test, pt->runs, 0);

		map(test, iova + pgsize, pgsize);
		KUNIT_EXPECT_EQ(test, unmap_missing(test, iova, 2 * pgsize), 0);
		KUNIT_EXPECT_EQ(test, pt->runs, 0);
		KUNIT_EXPECT_TRUE(test, is_mapped(pt, iova + pgsize));

		unmap(pt, iova + pgsize, pgsize, &pt->gather);
	}
}

static void test_no_run_without_gather(struct kunit *test)
{
	alloc_pgtable(test, &record_ops);
	expect_no_runs(test, NULL);
}

static void test_no_run_for_queued_gather(struct kunit *test)
{
	struct pgtable *pt = alloc_pgtable(test, &record_ops);

	pt->gather.queued = true;
	expect_no_runs(test, &pt->gather);
}

static void test_no_flush_ops(struct kunit *test)
{
	struct pgtable *pt = alloc_pgtable(test, NULL);

	expect_no_runs(test, &pt->gather);
}

static void test_no_tlb_add_range(struct kunit *test)
{
	struct pgtable *pt = alloc_pgtable(test, &walk_ops);

	expect_no_runs(test, &pt->gather);
	KUNIT_EXPECT_EQ(test, pt->walk_bytes,
			can_be_table(pt->f) ? pt->f->pgsize : 0);
}

static void test_walk_precedes_run(struct kunit *test)
{
	struct pgtable *pt = alloc_pgtable(test, &record_ops);
	size_t pgsize = pt->f->pgsize;

	for (unsigned int i = 0; i < NUM_PLACES; i++) {
		unsigned long iova = unmap_mixed(test, i, &pt->gather);
		size_t tables = can_be_table(pt->f) ? pgsize : 0;

		KUNIT_EXPECT_EQ(test, pt->runs, 1);
		KUNIT_EXPECT_EQ(test, pt->last_run.walk_bytes, tables);
		if (tables)
			expect_gathered(test, &pt->walks, iova + pgsize,
					iova + 2 * pgsize - 1);
	}
}

static void test_table_is_freed_after_walk(struct kunit *test)
{
	struct pgtable *pt = alloc_pgtable(test, &record_ops);
	size_t pgsize = pt->f->pgsize;

	for (unsigned int i = 0; i < NUM_PLACES; i++) {
		unsigned long iova = place(pt->f, i, MIXED_PAGES);
		int tables;

		/* With the tables above it, which stay */
		map(test, iova, pgsize);
		unmap(pt, iova, pgsize, &pt->gather);
		tables = pt->tables;

		unmap_mixed(test, i, &pt->gather);
		KUNIT_EXPECT_EQ(test, pt->tables, tables);
		KUNIT_EXPECT_EQ(test, pt->freed_early, 0);
	}
}

/* The formats with a cache for their tables complain of what is left in it */
static void test_no_table_is_left(struct kunit *test)
{
	struct pgtable *pt = alloc_pgtable(test, &record_ops);

	for (unsigned int i = 0; i < NUM_PLACES; i++)
		unmap_mixed(test, i, &pt->gather);

	kunit_warning_suppress(test) {
		kunit_release_action(test, free_ops, pt->ops);
		KUNIT_EXPECT_SUPPRESSED_WARNING_COUNT(test, 0);
	}
}

/* A page goes as a whole or not at all */
static void test_no_run_for_part_of_page(struct kunit *test)
{
	struct pgtable *pt = alloc_pgtable(test, &record_ops);
	size_t pgsize = pt->f->pgsize, small = smallest_pgsize(pt->f);

	if (pgsize == small)
		kunit_skip(test, "hardware: there are no smaller pages");

	for (unsigned int i = 0; i < NUM_PLACES; i++) {
		unsigned long iova = place(pt->f, i, 1);
		size_t unmapped = 0;

		map(test, iova, pgsize);
		reset_records(pt);
		pt->unmap_size = small;
		kunit_warning_suppress(test) {
			unmapped = pt->ops->unmap_pages(pt->ops, iova, small, 1,
							&pt->gather);
		}
		KUNIT_EXPECT_EQ(test, unmapped, 0);
		KUNIT_EXPECT_EQ(test, pt->runs, 0);
		KUNIT_EXPECT_TRUE(test, is_mapped(pt, iova));
		KUNIT_EXPECT_EQ(test, unmap(pt, iova, pgsize, &pt->gather), pgsize);
	}
}

/* Nor does a page of many entries go if one of them is missing */
static void test_no_run_if_entries_are_missing(struct kunit *test)
{
	struct pgtable *pt = alloc_pgtable(test, &record_ops);
	size_t pgsize = pt->f->pgsize, granule = pt->f->granule;

	if (pgsize == granule)
		kunit_skip(test, "hardware: a page is one entry");

	for (unsigned int i = 0; i < NUM_PLACES; i++) {
		unsigned long iova = place(pt->f, i, 2);

		map(test, iova, pgsize);
		map_as(test, granule, iova + pgsize, pgsize - granule);
		KUNIT_EXPECT_EQ(test, unmap_missing(test, iova, 2 * pgsize),
				pgsize);
		expect_run(test, iova, pgsize);
		KUNIT_EXPECT_EQ(test, count_mapped(pt, iova + pgsize, pgsize),
				pgsize / granule - 1);
		pt->ops->unmap_pages(pt->ops, iova + pgsize, granule,
				     pgsize / granule - 1, &pt->gather);
	}
}

/* Nor does it matter where the memory is: its address may have more bits than a long */
static void test_run_of_highest_address(struct kunit *test)
{
	struct pgtable *pt = alloc_pgtable(test, &record_ops);
	size_t pgsize = pt->f->pgsize, mapped = 0;
	phys_addr_t paddr = BIT_ULL(pt->f->oas) - pgsize;
	unsigned long iova = place(pt->f, 1, 1);

	KUNIT_ASSERT_EQ(test, 0,
			pt->ops->map_pages(pt->ops, iova, paddr, pgsize, 1,
					   IOMMU_READ | IOMMU_WRITE, GFP_KERNEL,
					   &mapped));
	KUNIT_EXPECT_EQ(test, pgsize, mapped);
	KUNIT_EXPECT_EQ(test, paddr + 1,
			pt->ops->iova_to_phys(pt->ops, iova + 1));
	KUNIT_EXPECT_EQ(test, pgsize, unmap(pt, iova, pgsize, &pt->gather));
	expect_run(test, iova, pgsize);
	KUNIT_EXPECT_FALSE(test, is_mapped(pt, iova));
}

/* map_pages() has no gather for the empty table that it removes */
static void test_no_run_if_block_replaces_table(struct kunit *test)
{
	struct pgtable *pt = alloc_pgtable(test, &record_ops);
	size_t small = smallest_pgsize(pt->f);

	for (unsigned int i = 0; i < NUM_PLACES; i++) {
		unsigned long iova = place(pt->f, i, 1);

		map_as(test, small, iova, small);
		KUNIT_EXPECT_EQ(test, small,
				pt->ops->unmap_pages(pt->ops, iova, small, 1,
						     &pt->gather));
		reset_records(pt);
		map(test, iova, pt->f->pgsize);
		KUNIT_EXPECT_EQ(test, pt->runs, 0);
		if (can_be_table(pt->f))
			expect_gathered(test, &pt->walks, iova,
					iova + pt->f->granule - 1);
	}
}

static void test_gather_range_grows(struct kunit *test)
{
	struct pgtable *pt = alloc_pgtable(test, &gather_ops);
	unsigned long middle = place(pt->f, 1, 1), last = place(pt->f, 2, 1);
	size_t pgsize = pt->f->pgsize;

	map(test, 0, pgsize);
	map(test, middle, pgsize);
	map(test, last, pgsize);

	unmap(pt, middle, pgsize, &pt->gather);
	expect_gathered(test, &pt->gather, middle, middle + pgsize - 1);
	unmap(pt, last, pgsize, &pt->gather);
	expect_gathered(test, &pt->gather, middle, last + pgsize - 1);
	unmap(pt, 0, pgsize, &pt->gather);
	expect_gathered(test, &pt->gather, 0, last + pgsize - 1);
}

static void test_gather_range_stays_empty(struct kunit *test)
{
	struct pgtable *pt = alloc_pgtable(test, &gather_ops);
	struct iommu_iotlb_gather empty;

	iommu_iotlb_gather_init(&empty);
	for (unsigned int i = 0; i < NUM_PLACES; i++) {
		unmap_missing(test, place(pt->f, i, 1), pt->f->pgsize);
		expect_gathered(test, &pt->gather, empty.start, empty.end);
	}
}

/* A run of larger entries can be taken for one of the smallest pages */
static void test_run_of_small_pages(struct kunit *test)
{
	struct pgtable *pt = alloc_pgtable(test, &erratum_ops);
	size_t size = MIXED_PAGES * pt->f->pgsize, page = smallest_pgsize(pt->f);
	unsigned long iova;

	for (unsigned int i = 0; i < NUM_PLACES; i++) {
		pt->small_pages = 0;
		iommu_iotlb_gather_init(&pt->gather);
		iova = unmap_mixed(test, i, &pt->gather);
		if (pt->f->granule == page) {
			KUNIT_EXPECT_EQ(test, 0, pt->small_pages);
			continue;
		}
		KUNIT_EXPECT_EQ(test, size / page, pt->small_pages);
		expect_gathered(test, &pt->gather, iova, iova + size - 1);
	}
}

static unsigned long slab_pages(void)
{
	return global_node_page_state_pages(NR_SLAB_UNRECLAIMABLE_B);
}

#define REFUSALS 20000

/* Of a page table that cannot be made, nothing is kept: the first level is too large */
static void test_refused_is_freed(struct kunit *test)
{
	struct io_pgtable_cfg cfg = {
		.pgsize_bitmap = SZ_4K,
		.ias = 48,
		.oas = 42,
		.coherent_walk = true,
	};
	unsigned long before;

	if (IS_ENABLED(CONFIG_KASAN))
		kunit_skip(test, "model: KASAN keeps for a while what is freed");

	cfg.iommu_dev = kunit_device_register(test, "io-pgtable");
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, cfg.iommu_dev);

	before = slab_pages();
	kunit_warning_suppress(test) {
		for (unsigned int i = 0; i < REFUSALS; i++)
			KUNIT_ASSERT_NULL(test, alloc_io_pgtable_ops(ARM_64_LPAE_S2,
								     &cfg, NULL));
	}
	/* Not even 64 bytes of each */
	KUNIT_EXPECT_LT(test, slab_pages(), before + REFUSALS * 64 / PAGE_SIZE);
}

/* An entry of ARM_64_LPAE_S1 with pages of 4K and 42 bits */
#define HD_TOP_SHIFT	39
#define HD_LEVEL_BITS	9
#define HD_TABLE	GENMASK_ULL(47, 12)
#define HD_READ_ONLY	BIT(7)

static unsigned long *hd_entry(struct pgtable *pt, unsigned long iova)
{
	u64 *table = phys_to_virt(pt->hd_root & HD_TABLE), *entry;

	for (int shift = HD_TOP_SHIFT;; shift -= HD_LEVEL_BITS) {
		entry = &table[(iova >> shift) & (BIT(HD_LEVEL_BITS) - 1)];
		if (BIT(shift) == pt->f->pgsize)
			return (unsigned long *)entry;
		table = phys_to_virt(READ_ONCE(*entry) & HD_TABLE);
	}
}

static void test_dirty(struct kunit *test)
{
	struct pgtable *pt = alloc_pgtable(test, &neighbour_ops);
	unsigned long iova = place(pt->f, 1, 1);
	struct iommu_dirty_bitmap dirty;

	if (!pt->hd_root)
		kunit_skip(test, "hardware: the entries have no dirty bits");

	/* A page is dirty when it is mapped, clean when that was read, and dirty again */
	map(test, iova, pt->f->pgsize);
	iommu_dirty_bitmap_init(&dirty, NULL, &pt->gather);
	for (unsigned int i = 0; i < 3; i++) {
		KUNIT_EXPECT_EQ(test, 0,
				pt->ops->read_and_clear_dirty(pt->ops, iova,
							      pt->f->pgsize, 0,
							      &dirty));
		KUNIT_EXPECT_EQ(test, i == 1, iommu_iotlb_gather_empty(&pt->gather));
		iommu_iotlb_gather_init(&pt->gather);
		/* As hardware does */
		if (i == 1)
			clear_bit(ilog2(HD_READ_ONLY), hd_entry(pt, iova));
	}
}

#define WORKERS		3
#define WORKER_PAGES	32
#define WORKER_ROUNDS	100

/* Has every third page of @pt: two workers unmap theirs, one looks at its own */
struct worker {
	struct work_struct work;
	struct pgtable *pt;
	struct iommu_iotlb_gather gather;
	unsigned int first;
	unsigned int pages;
	unsigned int wrong;
};

static unsigned long worker_iova(const struct worker *w, unsigned int page)
{
	return (w->first + page * WORKERS) * w->pt->f->pgsize;
}

static int worker_map(struct worker *w, unsigned long iova, size_t pgsize)
{
	struct io_pgtable_ops *ops = w->pt->ops;
	size_t mapped = 0;

	return ops->map_pages(ops, iova, 0, pgsize, 1, IOMMU_READ | IOMMU_WRITE,
			      GFP_KERNEL, &mapped);
}

/* One small page in each table that may stand in for an entry of @page */
static int worker_map_tables(struct worker *w, unsigned int page)
{
	const struct format *f = w->pt->f;
	int ret = 0;

	for (size_t done = 0; !ret && done < f->pgsize; done += f->granule)
		ret = worker_map(w, worker_iova(w, page) + done,
				 smallest_pgsize(f));
	return ret;
}

static size_t worker_unmap(struct worker *w, unsigned int page)
{
	struct io_pgtable_ops *ops = w->pt->ops;

	return ops->unmap_pages(ops, worker_iova(w, page), w->pt->f->pgsize, 1,
				&w->gather);
}

/* In every other round there are tables in place of pages */
static void unmap_own_pages(struct work_struct *work)
{
	struct worker *w = container_of(work, struct worker, work);
	size_t pgsize = w->pt->f->pgsize;

	for (unsigned int round = 0; round < WORKER_ROUNDS; round++) {
		bool tables = can_be_table(w->pt->f) && round % 2;

		for (unsigned int i = 0; i < w->pages; i++)
			w->wrong += 0 != (tables ? worker_map_tables(w, i) :
					  worker_map(w, worker_iova(w, i), pgsize));
		for (unsigned int i = 0; i < w->pages; i++)
			w->wrong += worker_unmap(w, i) != pgsize ||
				    is_mapped(w->pt, worker_iova(w, i));
	}
}

/* 1 if what a device writes to a page of @w is not seen, or seen again */
static unsigned int worker_dirty(struct worker *w, unsigned long iova)
{
	struct io_pgtable_ops *ops = w->pt->ops;
	size_t pgsize = w->pt->f->pgsize;
	struct iommu_dirty_bitmap dirty;
	bool seen;

	clear_bit(ilog2(HD_READ_ONLY), hd_entry(w->pt, iova));
	iommu_iotlb_gather_init(&w->gather);
	iommu_dirty_bitmap_init(&dirty, NULL, &w->gather);
	if (ops->read_and_clear_dirty(ops, iova, pgsize, 0, &dirty))
		return 1;
	seen = w->gather.start == iova && w->gather.end == iova + pgsize - 1;
	iommu_iotlb_gather_init(&w->gather);
	if (ops->read_and_clear_dirty(ops, iova, pgsize, 0, &dirty))
		return 1;
	return !seen || !iommu_iotlb_gather_empty(&w->gather);
}

/* A page that nobody unmaps stays as it is, whoever walks to it and how */
static void look_at_own_pages(struct work_struct *work)
{
	struct worker *w = container_of(work, struct worker, work);
	struct io_pgtable_ops *ops = w->pt->ops;

	for (unsigned int i = 0; i < w->pages * WORKER_ROUNDS; i++) {
		unsigned long iova = worker_iova(w, i % w->pages);

		w->wrong += ops->iova_to_phys(ops, iova + 1) != 1;
		if (w->pt->hd_root)
			w->wrong += worker_dirty(w, iova);
	}
}

/* Neighbours in one table are for whoever mapped them, there is no lock */
static void test_neighbours_on_several_cpus(struct kunit *test)
{
	struct pgtable *pt = alloc_pgtable(test, &neighbour_ops);
	u64 pages = min(table_size(pt->f), space_size(pt->f)) >>
		    __ffs(pt->f->pgsize);
	struct worker *workers;
	int cpu = -1;

	if (num_online_cpus() < WORKERS)
		kunit_skip(test, "model: there are fewer CPUs than workers");

	workers = kunit_kcalloc(test, WORKERS, sizeof(*workers), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, workers);
	for (unsigned int i = 0; i < WORKERS; i++) {
		struct worker *w = &workers[i];
		bool stays = i == WORKERS - 1;

		w->pt = pt;
		w->first = i;
		w->pages = min_t(u64, pages / WORKERS, WORKER_PAGES);
		iommu_iotlb_gather_init(&w->gather);
		INIT_WORK(&w->work, stays ? look_at_own_pages : unmap_own_pages);
		for (unsigned int page = 0; stays && page < w->pages; page++)
			KUNIT_ASSERT_EQ(test, 0,
					worker_map(w, worker_iova(w, page),
						   pt->f->pgsize));
	}

	cpus_read_lock();
	for (unsigned int i = 0; i < WORKERS; i++) {
		cpu = cpumask_next_wrap(cpu, cpu_online_mask);
		schedule_work_on(cpu, &workers[i].work);
	}
	cpus_read_unlock();
	for (unsigned int i = 0; i < WORKERS; i++)
		flush_work(&workers[i].work);

	for (unsigned int i = 0; i < WORKERS; i++) {
		struct worker *w = &workers[i];
		bool stays = i == WORKERS - 1;

		KUNIT_EXPECT_EQ(test, 0, w->wrong);
		for (unsigned int page = 0; page < w->pages; page++)
			KUNIT_EXPECT_EQ(test, stays,
					is_mapped(pt, worker_iova(w, page)));
		if (!stays)
			expect_gathered(test, &w->gather, worker_iova(w, 0),
					worker_iova(w, w->pages - 1) +
					pt->f->pgsize - 1);
	}
}

static struct kunit_case io_pgtable_run_cases[] = {
	KUNIT_CASE_PARAM(test_run_is_reported_once, format_gen_params),
	KUNIT_CASE_PARAM(test_run_includes_tables, format_gen_params),
	KUNIT_CASE_PARAM(test_run_is_cleared, format_gen_params),
	KUNIT_CASE_PARAM(test_run_has_gather_and_cookie, format_gen_params),
	KUNIT_CASE_PARAM(test_run_spares_neighbours, format_gen_params),
	KUNIT_CASE_PARAM(test_run_ends_with_table, format_gen_params),
	KUNIT_CASE_PARAM(test_run_ends_at_hole, format_gen_params),
	KUNIT_CASE_PARAM(test_no_run_if_first_is_missing, format_gen_params),
	KUNIT_CASE_PARAM(test_no_run_without_gather, format_gen_params),
	KUNIT_CASE_PARAM(test_no_run_for_queued_gather, format_gen_params),
	KUNIT_CASE_PARAM(test_no_flush_ops, format_gen_params),
	KUNIT_CASE_PARAM(test_no_tlb_add_range, format_gen_params),
	KUNIT_CASE_PARAM(test_walk_precedes_run, format_gen_params),
	KUNIT_CASE_PARAM(test_table_is_freed_after_walk, format_gen_params),
	KUNIT_CASE_PARAM(test_no_table_is_left, format_gen_params),
	KUNIT_CASE_PARAM(test_no_run_for_part_of_page, format_gen_params),
	KUNIT_CASE_PARAM(test_no_run_if_entries_are_missing, format_gen_params),
	KUNIT_CASE_PARAM(test_no_run_if_block_replaces_table,
			 format_gen_params),
	KUNIT_CASE_PARAM(test_gather_range_grows, format_gen_params),
	KUNIT_CASE_PARAM(test_gather_range_stays_empty, format_gen_params),
	KUNIT_CASE_PARAM(test_run_of_small_pages, format_gen_params),
	KUNIT_CASE_PARAM(test_run_of_highest_address, format_gen_params),
	KUNIT_CASE(test_refused_is_freed),
	{}
};

static struct kunit_suite io_pgtable_run_suite = {
	.name = "io_pgtable_run",
	.test_cases = io_pgtable_run_cases,
};

static struct kunit_case io_pgtable_smp_cases[] = {
	KUNIT_CASE_PARAM(test_dirty, format_gen_params),
	KUNIT_CASE_PARAM(test_neighbours_on_several_cpus, format_gen_params),
	{}
};

/* A suite of its own, to be run by itself where there are several CPUs */
static struct kunit_suite io_pgtable_smp_suite = {
	.name = "io_pgtable_smp",
	.test_cases = io_pgtable_smp_cases,
};

kunit_test_suites(&io_pgtable_run_suite, &io_pgtable_smp_suite);

MODULE_DESCRIPTION("KUnit tests of what io-pgtable reports on unmap");
MODULE_LICENSE("GPL");

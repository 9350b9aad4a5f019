// SPDX-License-Identifier: GPL-2.0-only
/*
 * What every IOMMU driver must pass: what the devices behind it reach, and when no
 * longer
 */
#include "cases.h"

#include <kunit/run-in-irq-context.h>

#include <linux/delay.h>
#include <linux/dma-mapping.h>
#include <linux/of.h>
#include <linux/of_platform.h>
#include <linux/platform_device.h>
#include <linux/pm_runtime.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <trace/events/kmem.h>

#include "../../dma-iommu.h"
#include "../e2e/kernel-log.h"

/* No flush queue waits longer: 10 ms, and a tick or two */
#define QUEUE_MS	100

/* No driver keeps its IOMMU awake for longer without need: 100 ms, and the work */
#define SLEEP_MS	500

/* What drivers log of faults they may limit to some in 5 s, and leave to a thread */
#define FAULT_MS	6000

/* What page @page holds, and so what a device sees that reaches it */
static u8 mark(unsigned int page)
{
	return page % 199 + 1;
}

/* What master @m sees at @iova; 0, which no page holds, if it is refused */
static u8 sees(struct hw_test *t, unsigned int m, u64 iova)
{
	u8 value;

	if (hw_access(t->iommu, t->master[m].stream, iova, false, &value))
		return 0;
	return value;
}

/* Whether master @m can write to @iova; what it would write does no harm */
static bool writes(struct hw_test *t, unsigned int m, u64 iova)
{
	u8 value = 0xff;

	return !hw_access(t->iommu, t->master[m].stream, iova + SZ_1K, true, &value);
}

static void *page_of(struct hw_test *t, unsigned int page)
{
	return t->memory + page * SZ_4K;
}

/* @count pages from @page on, reached through as many from @iova on */
static void expect_reached(struct kunit *test, unsigned int m, u64 iova,
			   unsigned int page, unsigned int count)
{
	struct hw_test *t = test->priv;

	for (unsigned int i = 0; i < count; i++) {
		KUNIT_EXPECT_EQ_MSG(test, sees(t, m, iova + i * SZ_4K), mark(page + i),
				    "read of page %u", i);
		KUNIT_EXPECT_TRUE_MSG(test, writes(t, m, iova + i * SZ_4K),
				      "write of page %u", i);
		KUNIT_EXPECT_EQ_MSG(test, *(u8 *)(page_of(t, page + i) + SZ_1K), 0xff,
				    "what was written to page %u", i);
		*(u8 *)(page_of(t, page + i) + SZ_1K) = 0;
	}
}

/*
 * All pages without an access, then the first one with it: drivers log each fault, and
 * some flush then, which would hide what later pages show
 */
static void expect_refused(struct kunit *test, unsigned int m, u64 iova,
			   unsigned int count)
{
	struct hw_test *t = test->priv;
	u32 stream = t->master[m].stream;
	u64 paddr;

	for (unsigned int i = 0; i < count; i++) {
		KUNIT_EXPECT_EQ_MSG(test, -EFAULT,
				    hw_translate(t->iommu, stream, iova + i * SZ_4K,
						 false, &paddr), "read of page %u", i);
		KUNIT_EXPECT_EQ_MSG(test, -EFAULT,
				    hw_translate(t->iommu, stream, iova + i * SZ_4K,
						 true, &paddr), "write of page %u", i);
	}
	KUNIT_EXPECT_EQ(test, 0, sees(t, m, iova));
	KUNIT_EXPECT_FALSE(test, writes(t, m, iova));
}

static void map(struct kunit *test, u64 iova, unsigned int page, unsigned int count)
{
	struct hw_test *t = test->priv;

	KUNIT_ASSERT_EQ(test, 0,
			iommu_map(t->domain, iova, virt_to_phys(page_of(t, page)),
				  count * SZ_4K, IOMMU_READ | IOMMU_WRITE, GFP_KERNEL));
}

/* Each page on its own, so that there are page entries where a block would fit */
static void map_pages(struct kunit *test, u64 iova, unsigned int page,
		      unsigned int count)
{
	for (unsigned int i = 0; i < count; i++)
		map(test, iova + i * SZ_4K, page + i, 1);
}

/* With the sync that belongs to it */
static void unmap(struct kunit *test, u64 iova, unsigned int count)
{
	struct hw_test *t = test->priv;

	KUNIT_ASSERT_EQ(test, count * SZ_4K,
			iommu_unmap(t->domain, iova, count * SZ_4K));
}

static void unmap_fast(struct kunit *test, u64 iova, unsigned int count,
		       struct iommu_iotlb_gather *gather)
{
	struct hw_test *t = test->priv;

	KUNIT_ASSERT_EQ(test, count * SZ_4K,
			iommu_unmap_fast(t->domain, iova, count * SZ_4K, gather));
}

/* Drivers that invalidate in unmap may do so in as many steps as they like */
static void expect_syncs(struct kunit *test, unsigned long syncs)
{
	struct hw_test *t = test->priv;

	if (t->iommu->desc->kind != HW_UNMAP)
		KUNIT_EXPECT_EQ(test, syncs, t->iommu->counts.syncs);
}

/* Nothing was invalidated that still was mapped */
static void expect_exact(struct kunit *test)
{
	struct hw_test *t = test->priv;

	KUNIT_EXPECT_EQ(test, 0, t->iommu->counts.live);
}

static int note_fault(struct iommu_domain *domain, struct device *dev,
		      unsigned long iova, int flags, void *token)
{
	struct hw_test *t = token;

	t->faulted = iova;
	return 0;
}

/* The second master may share the group of the first */
static struct iommu_group *second_group(struct hw_test *t)
{
	struct device *dev = t->master[1].dev;

	return dev && dev->iommu_group != t->master[0].dev->iommu_group ?
	       dev->iommu_group : NULL;
}

static int attach(struct hw_test *t)
{
	int ret;

	ret = iommu_attach_group(t->domain, t->master[0].dev->iommu_group);
	if (ret)
		return ret;

	if (second_group(t)) {
		ret = iommu_attach_group(t->domain, second_group(t));
		if (ret) {
			iommu_detach_group(t->domain, t->master[0].dev->iommu_group);
			return ret;
		}
	}
	t->attached = true;
	t->iommu->quiet = false;
	return 0;
}

static void detach(struct hw_test *t)
{
	if (!t->attached)
		return;
	if (second_group(t))
		iommu_detach_group(t->domain, second_group(t));
	iommu_detach_group(t->domain, t->master[0].dev->iommu_group);
	t->attached = false;
	/* Domains of the DMA API have no fault handler: exynos-iommu panics then */
	t->iommu->quiet = true;
}

/* All masters in a new domain, in which nothing is mapped */
static void attach_new(struct kunit *test)
{
	struct hw_test *t = test->priv;

	t->domain = iommu_paging_domain_alloc(t->master[0].dev);
	KUNIT_ASSERT_FALSE(test, IS_ERR_OR_NULL(t->domain));
	iommu_set_fault_handler(t->domain, note_fault, t);
	KUNIT_ASSERT_EQ(test, 0, attach(t));
}

/* A device reads and writes the memory mapped, and no other */
static void map_test(struct kunit *test)
{
	struct hw_test *t = test->priv;

	expect_refused(test, 0, t->iova, 1);
	map(test, t->iova, 3, 4);
	expect_reached(test, 0, t->iova, 3, 4);
	expect_refused(test, 0, t->iova - SZ_4K, 1);
	expect_refused(test, 0, t->iova + 4 * SZ_4K, 1);
}

/* Up to the last page of what the domain claims to have */
static void aperture_test(struct kunit *test)
{
	struct hw_test *t = test->priv;
	u64 last = ALIGN_DOWN(t->domain->geometry.aperture_end, SZ_4K);

	if (!t->domain->geometry.force_aperture)
		kunit_skip(test, "the domain does not say what it has");

	map(test, last, 3, 1);
	expect_reached(test, 0, last, 3, 1);
	unmap(test, last, 1);
	expect_refused(test, 0, last, 1);
}

/* Whether @stream is that of a master */
static bool has_master(struct hw_test *t, u32 stream)
{
	for (unsigned int m = 0; m < HW_MAX_MASTERS && t->master[m].dev; m++)
		if (t->master[m].stream == stream)
			return true;
	return false;
}

/* A stream that no driver has use for reaches nothing */
static void idle_stream_test(struct kunit *test)
{
	struct hw_test *t = test->priv;
	u64 paddr;

	if (!t->iommu->desc->streams)
		kunit_skip(test, "it is not known what streams there are");

	map(test, t->iova, 0, 1);
	for (u32 stream = 0; stream < t->iommu->desc->streams; stream++)
		if (!has_master(t, stream))
			KUNIT_EXPECT_EQ_MSG(test, -EFAULT,
					    hw_translate(t->iommu, stream, t->iova,
							 false, &paddr),
					    "stream %u", stream);
}

static void read_only_test(struct kunit *test)
{
	struct hw_test *t = test->priv;

	if (t->iommu->desc->no_read_only)
		kunit_skip(test, "the hardware knows no permissions");

	KUNIT_ASSERT_EQ(test, 0, iommu_map(t->domain, t->iova, virt_to_phys(t->memory),
					   SZ_4K, IOMMU_READ, GFP_KERNEL));
	KUNIT_EXPECT_EQ(test, mark(0), sees(t, 0, t->iova));
	KUNIT_EXPECT_FALSE(test, writes(t, 0, t->iova));
	KUNIT_EXPECT_EQ(test, 0, *(u8 *)(t->memory + SZ_1K));
}

/* Whether master 0, refused at @iova, has the driver log so */
static bool fault_logged(struct hw_test *t, u64 iova)
{
	struct kernel_log log;
	u8 value = 0;

	kernel_log_start(&log);
	for (unsigned int ms = 0; ms < FAULT_MS; ms += 20) {
		hw_access(t->iommu, t->master[0].stream, iova, true, &value);
		msleep(20);
		if (kernel_log_has(&log, t->iommu->desc->fault_log))
			return true;
	}
	return false;
}

/* The driver learns where its device was refused */
static void fault_test(struct kunit *test)
{
	struct hw_test *t = test->priv;
	unsigned long iova = t->iova + 5 * SZ_4K;

	if (t->iommu->desc->no_fault)
		kunit_skip(test, "the driver is not told of faults");

	if (t->iommu->desc->fault_log) {
		KUNIT_EXPECT_TRUE(test, fault_logged(t, iova));
	} else {
		KUNIT_EXPECT_EQ(test, 0, sees(t, 0, iova));
		KUNIT_EXPECT_EQ(test, iova, ALIGN_DOWN(t->faulted, SZ_4K));
	}
}

/* What is unmapped and synced cannot be reached, and one sync did it */
static void unmap_test(struct kunit *test)
{
	struct hw_test *t = test->priv;

	map(test, t->iova, 0, 1);
	expect_reached(test, 0, t->iova, 0, 1);
	hw_clear(t->iommu);
	unmap(test, t->iova, 1);
	expect_syncs(test, 1);
	expect_refused(test, 0, t->iova, 1);
}

/* Until the sync the device gets through: the model forgets nothing by itself */
static void stale_test(struct kunit *test)
{
	struct hw_test *t = test->priv;
	struct iommu_iotlb_gather gather;

	map(test, t->iova, 0, 1);
	expect_reached(test, 0, t->iova, 0, 1);
	iommu_iotlb_gather_init(&gather);
	unmap_fast(test, t->iova, 1, &gather);
	if (t->iommu->desc->kind == HW_UNMAP)
		expect_refused(test, 0, t->iova, 1);
	else
		expect_reached(test, 0, t->iova, 0, 1);
	iommu_iotlb_sync(t->domain, &gather);
	expect_refused(test, 0, t->iova, 1);
}

/* An empty gather: always-sync drivers flush, the registers of others are left alone */
static void empty_sync_test(struct kunit *test)
{
	struct hw_test *t = test->priv;
	struct iommu_iotlb_gather gather;

	map(test, t->iova, 0, 1);
	expect_reached(test, 0, t->iova, 0, 1);
	hw_clear(t->iommu);
	iommu_iotlb_gather_init(&gather);
	iommu_iotlb_sync(t->domain, &gather);
	if (t->iommu->desc->kind == HW_ALWAYS)
		KUNIT_EXPECT_EQ(test, 1, t->iommu->counts.syncs);
	else
		KUNIT_EXPECT_EQ(test, 0, hw_writes(t->iommu));
	expect_reached(test, 0, t->iova, 0, 1);
}

/* A context in which a page is mapped, reached, unmapped, and reached no longer */
struct context {
	struct hw_test *t;
	u64 iova;
	phys_addr_t paddr;
};

static bool unmap_in(const struct context *c)
{
	struct iommu_domain *domain = c->t->domain;
	u32 stream = c->t->master[0].stream;
	u64 paddr;

	if (iommu_map(domain, c->iova, c->paddr, SZ_4K, IOMMU_READ | IOMMU_WRITE,
		      GFP_ATOMIC))
		return false;
	if (hw_translate(c->t->iommu, stream, c->iova, false, &paddr) ||
	    paddr != c->paddr)
		return false;
	if (iommu_unmap(domain, c->iova, SZ_4K) != SZ_4K)
		return false;
	return hw_translate(c->t->iommu, stream, c->iova, false, &paddr) == -EFAULT;
}

/* Each context has a page of its own, as they interrupt each other */
static bool unmap_in_context(void *data)
{
	const struct context *contexts = data;

	if (in_hardirq())
		return unmap_in(&contexts[0]);
	if (in_serving_softirq())
		return unmap_in(&contexts[1]);
	/* UML in time travel mode gets interrupts only while it waits */
	udelay(1);
	return unmap_in(&contexts[2]);
}

/* As the interrupt of a device driver has the DMA API unmap */
static void atomic_test(struct kunit *test)
{
	struct hw_test *t = test->priv;
	struct context contexts[3];
	unsigned long flags;
	bool right;

	for (unsigned int i = 0; i < ARRAY_SIZE(contexts); i++)
		contexts[i] = (struct context) {
			.t = t,
			.iova = t->iova + i * SZ_4K,
			.paddr = virt_to_phys(page_of(t, i)),
		};

	local_irq_save(flags);
	right = unmap_in(&contexts[0]) && irqs_disabled();
	local_irq_restore(flags);
	KUNIT_EXPECT_TRUE(test, right);

	kunit_run_irq_test(test, unmap_in_context, 300, contexts);
}

/* An unmap that finds nothing leaves nothing to invalidate */
static void unmap_nothing_test(struct kunit *test)
{
	struct hw_test *t = test->priv;
	struct iommu_iotlb_gather gather;

	iommu_iotlb_gather_init(&gather);
	hw_clear(t->iommu);
	kunit_warning_suppress(test) {
		iommu_unmap_fast(t->domain, t->iova, SZ_4K, &gather);
	}
	if (t->iommu->desc->kind == HW_RANGE) {
		iommu_iotlb_sync(t->domain, &gather);
		KUNIT_EXPECT_EQ(test, 0, hw_writes(t->iommu));
	}
	expect_refused(test, 0, t->iova, 1);
}

/* At an address that is used again the device reaches the new page, not the old */
static void remap_test(struct kunit *test)
{
	struct hw_test *t = test->priv;

	for (unsigned int page = 0; page < 4; page++) {
		map(test, t->iova, page, 1);
		expect_reached(test, 0, t->iova, page, 1);
		unmap(test, t->iova, 1);
	}
	expect_refused(test, 0, t->iova, 1);
}

/* Of many pages one goes, and the others stay where they are */
static void neighbours_test(struct kunit *test)
{
	struct hw_test *t = test->priv;

	map_pages(test, t->iova, 0, 16);
	expect_reached(test, 0, t->iova, 0, 16);
	hw_clear(t->iommu);
	unmap(test, t->iova + 7 * SZ_4K, 1);
	if (t->iommu->desc->exact)
		expect_exact(test);
	expect_reached(test, 0, t->iova, 0, 7);
	expect_refused(test, 0, t->iova + 7 * SZ_4K, 1);
	expect_reached(test, 0, t->iova + 8 * SZ_4K, 8, 8);
}

/* By the time that the hardware is told to forget an entry, it is gone */
static void cleared_first_test(struct kunit *test)
{
	struct hw_test *t = test->priv;
	unsigned int count = 4;

	/* With one page gone these flush all, the next one too */
	if (t->iommu->desc->kind == HW_UNMAP && !t->iommu->desc->exact)
		count = 1;

	map_pages(test, t->iova, 0, count);
	expect_reached(test, 0, t->iova, 0, count);
	hw_clear(t->iommu);
	unmap(test, t->iova, count);
	KUNIT_EXPECT_LT(test, 0, t->iommu->counts.invals);
	expect_exact(test);
	expect_refused(test, 0, t->iova, count);
}

/* Many pages at once, and one sync for all */
static void unmap_many_test(struct kunit *test)
{
	struct hw_test *t = test->priv;

	map_pages(test, t->iova, 0, 32);
	expect_reached(test, 0, t->iova, 0, 32);
	hw_clear(t->iommu);
	unmap(test, t->iova, 32);
	expect_syncs(test, 1);
	expect_refused(test, 0, t->iova, 32);
}

/* The end of one table and the beginning of the next */
static void two_tables_test(struct kunit *test)
{
	struct hw_test *t = test->priv;
	u64 iova = t->iova + SZ_4M - 8 * SZ_4K;

	map_pages(test, iova, 0, 16);
	expect_reached(test, 0, iova, 0, 16);
	hw_clear(t->iommu);
	unmap(test, iova, 16);
	expect_syncs(test, 1);
	expect_refused(test, 0, iova, 16);
}

/* Several unmaps, one sync */
static void batch_test(struct kunit *test)
{
	struct hw_test *t = test->priv;
	struct iommu_iotlb_gather gather;

	map_pages(test, t->iova, 0, 24);
	expect_reached(test, 0, t->iova, 0, 24);
	hw_clear(t->iommu);
	iommu_iotlb_gather_init(&gather);
	unmap_fast(test, t->iova + 2 * SZ_4K, 3, &gather);
	unmap_fast(test, t->iova + 8 * SZ_4K, 1, &gather);
	unmap_fast(test, t->iova + 14 * SZ_4K, 5, &gather);
	iommu_iotlb_sync(t->domain, &gather);
	expect_syncs(test, 1);
	expect_reached(test, 0, t->iova, 0, 2);
	expect_refused(test, 0, t->iova + 2 * SZ_4K, 3);
	expect_reached(test, 0, t->iova + 5 * SZ_4K, 5, 3);
	expect_refused(test, 0, t->iova + 8 * SZ_4K, 1);
	expect_reached(test, 0, t->iova + 9 * SZ_4K, 9, 5);
	expect_refused(test, 0, t->iova + 14 * SZ_4K, 5);
	expect_reached(test, 0, t->iova + 19 * SZ_4K, 19, 5);
}

/* What waits for a flush of the whole domain is told to no one in unmap */
static void flush_all_test(struct kunit *test)
{
	struct hw_test *t = test->priv;
	struct iommu_iotlb_gather gather;

	if (!t->domain->ops->flush_iotlb_all)
		kunit_skip(test, "the driver cannot flush a whole domain");

	map_pages(test, t->iova, 0, 4);
	for (unsigned int m = 0; m < 1 + hw_two_masters(t); m++)
		expect_reached(test, m, t->iova, 0, 4);
	iommu_iotlb_gather_init(&gather);
	gather.queued = true;
	unmap_fast(test, t->iova, 4, &gather);
	iommu_flush_iotlb_all(t->domain);
	for (unsigned int m = 0; m < 1 + hw_two_masters(t); m++)
		expect_refused(test, m, t->iova, 4);
}

/* The next larger block that the domain maps and the test has memory for, in pages */
static unsigned int next_block(struct hw_test *t, unsigned int pages)
{
	unsigned long larger = t->domain->pgsize_bitmap & -(2UL * pages * SZ_4K);

	return larger && BIT(__ffs(larger)) <= HW_MEMORY ? BIT(__ffs(larger)) / SZ_4K : 0;
}

static unsigned int first_block(struct kunit *test)
{
	unsigned int pages = next_block(test->priv, 1);

	if (!pages)
		kunit_skip(test, "the hardware has no blocks of 2 MiB or less");
	return pages;
}

static void block_test(struct kunit *test)
{
	struct hw_test *t = test->priv;
	unsigned int pages;

	for (pages = first_block(test); pages; pages = next_block(t, pages)) {
		map(test, t->iova, 0, pages);
		expect_reached(test, 0, t->iova, 0, pages);
		hw_clear(t->iommu);
		unmap(test, t->iova, pages);
		expect_syncs(test, 1);
		expect_exact(test);
		expect_refused(test, 0, t->iova, pages);
	}
}

/* No table is freed while the IOTLB still has where it is, synced or not */
static void expect_tables(struct kunit *test)
{
	struct hw_test *t = test->priv;
	struct hw_entry *entry;
	struct folio *folio;

	for (unsigned int i = 0; i < t->iommu->used; i++) {
		entry = &t->iommu->tlb[i];
		if (!entry->caches || !entry->table)
			continue;
		/* Slabs are not counted */
		folio = page_folio(phys_to_page(entry->addr));
		KUNIT_EXPECT_TRUE_MSG(test,
				      folio_test_slab(folio) || folio_ref_count(folio),
				      "table of 0x%llx", entry->iova);
	}
}

/* Memory is about to be freed: the hardware must not find it on a walk any more */
static void note_freed(struct hw_test *t, void *start, size_t size)
{
	for (unsigned int m = 0; m < HW_MAX_MASTERS && t->master[m].dev; m++)
		if (hw_walks_through(t->iommu, t->master[m].stream, t->iova,
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

/* No table is freed that the hardware still walks: from unmap, map or detach */
static void freed_table_test(struct kunit *test)
{
	struct hw_test *t = test->priv;
	unsigned int pages;

	if (register_trace_kmem_cache_free(note_freed_object, t))
		kunit_skip(test, "the kernel has no tracepoints");
	KUNIT_EXPECT_EQ(test, 0, register_trace_mm_page_free(note_freed_pages, t));
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test, stop_noting_freed, t));

	for (pages = 1; pages; pages = next_block(t, pages)) {
		map_pages(test, t->iova, 0, pages);
		unmap(test, t->iova, pages);
		KUNIT_EXPECT_EQ_MSG(test, 0, t->freed_early, "unmap of %u pages", pages);
		map(test, t->iova, 0, pages);
		KUNIT_EXPECT_EQ_MSG(test, 0, t->freed_early, "map of %u pages", pages);
		unmap(test, t->iova, pages);
	}

	if (t->iommu->desc->default_domain)
		return;
	map(test, t->iova, 0, 1);
	t->freed_early = 0;
	detach(t);
	KUNIT_EXPECT_EQ_MSG(test, 0, t->freed_early, "detach");
}

/* As many pages as a block has: gone are they, and the table if they had one */
static void table_test(struct kunit *test)
{
	struct hw_test *t = test->priv;
	struct iommu_iotlb_gather gather;
	unsigned int pages;

	for (pages = first_block(test); pages; pages = next_block(t, pages)) {
		map_pages(test, t->iova, 0, pages);
		expect_reached(test, 0, t->iova, 0, pages);
		iommu_iotlb_gather_init(&gather);
		unmap_fast(test, t->iova, pages, &gather);
		expect_tables(test);
		iommu_iotlb_sync(t->domain, &gather);
		expect_refused(test, 0, t->iova, pages);
		map(test, t->iova + SZ_4K, 1, 1);
		expect_refused(test, 0, t->iova, 1);
		expect_reached(test, 0, t->iova + SZ_4K, 1, 1);
		expect_refused(test, 0, t->iova + 2 * SZ_4K, pages - 2);
		unmap(test, t->iova + SZ_4K, 1);
	}
}

/* A block where there was a table, and the other way round */
static void block_over_table_test(struct kunit *test)
{
	struct hw_test *t = test->priv;
	unsigned int pages;

	for (pages = first_block(test); pages; pages = next_block(t, pages)) {
		map_pages(test, t->iova + SZ_4K, 1, 2);
		expect_reached(test, 0, t->iova + SZ_4K, 1, 2);
		unmap(test, t->iova + SZ_4K, 2);
		map(test, t->iova, 0, pages);
		expect_reached(test, 0, t->iova, 0, pages);
		unmap(test, t->iova, pages);
		expect_refused(test, 0, t->iova, pages);
		map(test, t->iova + 2 * SZ_4K, 5, 1);
		expect_refused(test, 0, t->iova, 2);
		expect_reached(test, 0, t->iova + 2 * SZ_4K, 5, 1);
		unmap(test, t->iova + 2 * SZ_4K, 1);
	}
}

/* A page where there is a block: it must not be taken for a table, and written to */
static void page_over_block_test(struct kunit *test)
{
	struct hw_test *t = test->priv;
	unsigned int pages, page;
	int ret;

	for (pages = first_block(test); pages; pages = next_block(t, pages)) {
		map(test, t->iova, 0, pages);
		kunit_warning_suppress(test) {
			ret = iommu_map(t->domain, t->iova + SZ_4K,
					virt_to_phys(page_of(t, 5)), SZ_4K,
					IOMMU_READ | IOMMU_WRITE, GFP_KERNEL);
		}
		for (page = 0; page < pages; page++)
			KUNIT_EXPECT_NULL_MSG(test, memchr_inv(page_of(t, page) + 1, 0,
							       SZ_4K - 1),
					      "page %u of %u", page, pages);
		if (ret)
			expect_reached(test, 0, t->iova, 0, pages);
		unmap(test, t->iova, pages);
		expect_refused(test, 0, t->iova, pages);
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
		KUNIT_EXPECT_NE(test, paddr, virt_to_phys(page_of(t, page)));
}

static void reused_table_test(struct kunit *test)
{
	struct hw_test *t = test->priv;
	struct iommu_iotlb_gather gather;
	u64 other = t->iova + SZ_4M;
	unsigned int pages;

	for (pages = first_block(test); pages; pages = next_block(t, pages)) {
		map_pages(test, t->iova, 0, pages);
		/* Of the others the hardware knows no more than the table */
		expect_reached(test, 0, t->iova, 0, 1);
		iommu_iotlb_gather_init(&gather);
		unmap_fast(test, t->iova, pages, &gather);
		map(test, other + 5 * SZ_4K, 7, 1);
		expect_not_through(test, t->iova + 5 * SZ_4K, 7);
		expect_reached(test, 0, other + 5 * SZ_4K, 7, 1);
		iommu_iotlb_sync(t->domain, &gather);
		expect_refused(test, 0, t->iova, pages);
		unmap(test, other + 5 * SZ_4K, 1);
		/* There may still be a table */
		other += SZ_2M;
	}
}

/* The same where a block replaces a table that was left empty */
static void replaced_table_test(struct kunit *test)
{
	struct hw_test *t = test->priv;
	u64 paddr, other = t->iova + SZ_4M;
	unsigned int pages;

	for (pages = first_block(test); pages; pages = next_block(t, pages)) {
		map_pages(test, t->iova, 0, 2);
		unmap(test, t->iova, 2);
		/* Without a fault: drivers flush at one */
		KUNIT_EXPECT_EQ(test, -EFAULT,
				hw_translate(t->iommu, t->master[0].stream, t->iova,
					     false, &paddr));
		KUNIT_ASSERT_EQ(test, 0,
				iommu_map_nosync(t->domain, t->iova,
						 virt_to_phys(t->memory), pages * SZ_4K,
						 IOMMU_READ | IOMMU_WRITE, GFP_KERNEL));
		map(test, other + 5 * SZ_4K, 7, 1);
		expect_not_through(test, t->iova + 5 * SZ_4K, 7);
		KUNIT_ASSERT_EQ(test, 0,
				iommu_sync_map(t->domain, t->iova, pages * SZ_4K));
		expect_reached(test, 0, t->iova, 0, pages);
		unmap(test, t->iova, pages);
		unmap(test, other + 5 * SZ_4K, 1);
		other += SZ_2M;
	}
}

/* Before a domain is ever attached its sync has nothing to do */
static void sync_unattached_test(struct kunit *test)
{
	struct hw_test *t = test->priv;
	struct iommu_domain *domain = iommu_paging_domain_alloc(t->master[0].dev);
	struct iommu_iotlb_gather gather;

	KUNIT_ASSERT_FALSE(test, IS_ERR_OR_NULL(domain));
	map(test, t->iova, 0, 1);
	expect_reached(test, 0, t->iova, 0, 1);
	iommu_iotlb_gather_init(&gather);
	iommu_iotlb_sync(domain, &gather);
	iommu_domain_free(domain);
	expect_reached(test, 0, t->iova, 0, 1);
}

/* A domain may refuse to map before it is ever attached; it then has nothing mapped */
static void unattached_test(struct kunit *test)
{
	struct hw_test *t = test->priv;
	struct iommu_domain *domain = iommu_paging_domain_alloc(t->master[0].dev);
	phys_addr_t paddr = virt_to_phys(t->memory);
	phys_addr_t found;
	bool mapped;

	KUNIT_ASSERT_FALSE(test, IS_ERR_OR_NULL(domain));
	if (t->iommu->desc->one_domain) {
		iommu_domain_free(domain);
		kunit_skip(test, "the driver has one domain, for ever");
	}

	mapped = !iommu_map(domain, t->iova, paddr, SZ_4K, IOMMU_READ | IOMMU_WRITE,
			    GFP_KERNEL);
	/* One driver asks the hardware, which does not know the domain */
	found = iommu_iova_to_phys(domain, t->iova);
	if (found)
		KUNIT_EXPECT_EQ(test, mapped ? paddr : 0, found);
	KUNIT_EXPECT_EQ(test, mapped ? SZ_4K : 0, iommu_unmap(domain, t->iova, SZ_4K));
	iommu_domain_free(domain);
}

/* A domain that was replaced goes, and the one in its place stays */
static void free_replaced_test(struct kunit *test)
{
	struct hw_test *t = test->priv;
	struct iommu_domain *replaced = t->domain;

	if (t->iommu->desc->default_domain)
		kunit_skip(test, "the hardware has no second context");

	map(test, t->iova, 0, 2);
	expect_reached(test, 0, t->iova, 0, 2);
	detach(t);
	attach_new(test);
	map(test, t->iova, 2, 1);
	iommu_domain_free(replaced);
	expect_reached(test, 0, t->iova, 2, 1);
	expect_refused(test, 0, t->iova + SZ_4K, 1);
}

/* Without a domain that translates, a device gets what it asks for, or nothing */
static void identity_test(struct kunit *test)
{
	struct hw_test *t = test->priv;
	u64 paddr;

	map(test, t->iova, 0, 1);
	expect_reached(test, 0, t->iova, 0, 1);
	detach(t);
	if (iommu_is_dma_domain(iommu_get_domain_for_dev(t->master[0].dev)))
		kunit_skip(test, "the default domain translates");
	if (!hw_translate(t->iommu, t->master[0].stream, t->iova, false, &paddr))
		KUNIT_EXPECT_EQ(test, t->iova, paddr);
}

/* Nor after its last device is detached, which then reaches no more than before */
static void sync_of_detached_test(struct kunit *test)
{
	struct hw_test *t = test->priv;
	u32 stream = t->master[0].stream;
	struct iommu_iotlb_gather gather;
	bool reached[4];
	u64 paddr;

	if (t->iommu->desc->default_domain)
		kunit_skip(test, "the hardware has no second context");

	map_pages(test, t->iova, 0, 4);
	expect_reached(test, 0, t->iova, 0, 4);
	detach(t);
	for (unsigned int i = 0; i < ARRAY_SIZE(reached); i++)
		reached[i] = !hw_translate(t->iommu, stream, t->iova + i * SZ_4K, true,
					   &paddr);
	iommu_iotlb_gather_init(&gather);
	iommu_iotlb_sync(t->domain, &gather);
	for (unsigned int i = 0; i < ARRAY_SIZE(reached); i++)
		KUNIT_EXPECT_TRUE(test, reached[i] ||
				  hw_translate(t->iommu, stream, t->iova + i * SZ_4K,
					       true, &paddr));
}

/* After a domain is detached its sync does no harm, nor does its unmap */
static void sync_detached_test(struct kunit *test)
{
	struct hw_test *t = test->priv;
	struct iommu_iotlb_gather gather;

	if (t->iommu->desc->default_domain)
		kunit_skip(test, "the hardware has no second context");
	if (t->iommu->desc->forgets)
		kunit_skip(test, "the driver frees the tables of a domain on detach");

	map_pages(test, t->iova, 0, 4);
	expect_reached(test, 0, t->iova, 0, 4);
	detach(t);
	if (iommu_is_dma_domain(iommu_get_domain_for_dev(t->master[0].dev)))
		expect_refused(test, 0, t->iova, 4);
	iommu_iotlb_gather_init(&gather);
	iommu_iotlb_sync(t->domain, &gather);
	unmap(test, t->iova + SZ_4K, 1);
	KUNIT_ASSERT_EQ(test, 0, attach(t));
	expect_reached(test, 0, t->iova, 0, 1);
	expect_refused(test, 0, t->iova + SZ_4K, 1);
	expect_reached(test, 0, t->iova + 2 * SZ_4K, 2, 2);
}

/* Two devices on one domain: neither reaches what is unmapped */
static void two_masters_test(struct kunit *test)
{
	struct hw_test *t = test->priv;

	if (!hw_two_masters(t))
		kunit_skip(test, "the hardware has one device to a domain");

	map_pages(test, t->iova, 0, 4);
	expect_reached(test, 0, t->iova, 0, 4);
	expect_reached(test, 1, t->iova, 0, 4);
	unmap(test, t->iova + SZ_4K, 2);
	for (unsigned int m = 0; m < 2; m++) {
		expect_reached(test, m, t->iova, 0, 1);
		expect_refused(test, m, t->iova + SZ_4K, 2);
		expect_reached(test, m, t->iova + 3 * SZ_4K, 3, 1);
	}
}

/* Two devices on a domain each: what one of them loses, the other keeps */
static void two_domains_test(struct kunit *test)
{
	struct hw_test *t = test->priv;
	struct iommu_domain *own = t->domain;
	bool default_domain = t->iommu->desc->default_domain;
	struct iommu_domain *other;

	if (!second_group(t))
		kunit_skip(test, "the hardware has one domain");

	if (default_domain) {
		other = iommu_get_domain_for_dev(t->master[1].dev);
	} else {
		other = iommu_paging_domain_alloc(t->master[1].dev);
		KUNIT_ASSERT_FALSE(test, IS_ERR_OR_NULL(other));
		iommu_set_fault_handler(other, note_fault, t);
		iommu_detach_group(own, second_group(t));
		KUNIT_EXPECT_EQ(test, 0, iommu_attach_group(other, second_group(t)));
	}

	map_pages(test, t->iova, 0, 4);
	t->domain = other;
	map_pages(test, t->iova, 8, 4);
	for (unsigned int i = 0; i < 4; i++) {
		expect_reached(test, 0, t->iova + i * SZ_4K, i, 1);
		expect_reached(test, 1, t->iova + i * SZ_4K, 8 + i, 1);
		t->domain = i % 2 ? other : own;
		unmap(test, t->iova + i * SZ_4K, 1);
		if (i % 2) {
			expect_reached(test, 0, t->iova + i * SZ_4K, i, 1);
			expect_refused(test, 1, t->iova + i * SZ_4K, 1);
		} else {
			expect_refused(test, 0, t->iova + i * SZ_4K, 1);
			expect_reached(test, 1, t->iova + i * SZ_4K, 8 + i, 1);
		}
	}

	t->domain = other;
	unmap(test, t->iova, 1);
	unmap(test, t->iova + 2 * SZ_4K, 1);
	t->domain = own;
	if (default_domain)
		return;

	iommu_detach_group(other, second_group(t));
	KUNIT_EXPECT_EQ(test, 0, iommu_attach_group(own, second_group(t)));
	iommu_domain_free(other);
}

/* Whether the IOMMU of each master sleeps once the master does */
static bool iommus_asleep(struct hw_test *t)
{
	struct platform_device *pdev;
	struct device_node *np;
	bool asleep = true;

	msleep(SLEEP_MS);
	for (unsigned int m = 0; m < HW_MAX_MASTERS && t->master[m].dev; m++) {
		np = of_parse_phandle(t->master[m].dev->of_node, "iommus", 0);
		pdev = of_find_device_by_node(np);
		of_node_put(np);
		if (!pdev)
			return false;
		asleep &= pm_runtime_suspended(&pdev->dev);
		put_device(&pdev->dev);
	}
	return asleep;
}

static void wake_masters(void *data)
{
	struct hw_test *t = data;

	for (unsigned int m = 0; m < HW_MAX_MASTERS && t->master[m].dev; m++)
		pm_runtime_get_sync(t->master[m].dev);
}

/* What is unmapped while the IOMMU sleeps is out of reach when it is awake again */
static void suspend_test(struct kunit *test)
{
	struct hw_test *t = test->priv;

	map_pages(test, t->iova, 0, 4);
	expect_reached(test, 0, t->iova, 0, 4);

	for (unsigned int m = 0; m < HW_MAX_MASTERS && t->master[m].dev; m++)
		pm_runtime_put_sync(t->master[m].dev);
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test, wake_masters, t));
	if (!iommus_asleep(t))
		kunit_skip(test, "the IOMMU does not sleep when its devices do");
	unmap(test, t->iova + SZ_4K, 2);
	kunit_release_action(test, wake_masters, t);

	expect_reached(test, 0, t->iova, 0, 1);
	expect_refused(test, 0, t->iova + SZ_4K, 2);
	expect_reached(test, 0, t->iova + 3 * SZ_4K, 3, 1);
}

/* A map that fails half way is undone and synced, without sleeping if it must not */
static void failed_map_test(struct kunit *test)
{
	struct hw_test *t = test->priv;
	u64 iova = t->iova + SZ_4M - 2 * SZ_4K;
	static DEFINE_SPINLOCK(lock);
	struct kernel_log log;
	int ret;

	/* Some page tables refuse all that they would hold: two get what is in one */
	map(test, iova + 3 * SZ_4K, 5, 1);
	expect_reached(test, 0, iova + 3 * SZ_4K, 5, 1);
	hw_clear(t->iommu);
	kernel_log_start(&log);
	kunit_warning_suppress(test) {
		spin_lock(&lock);
		ret = iommu_map(t->domain, iova, virt_to_phys(t->memory), 4 * SZ_4K,
				IOMMU_READ | IOMMU_WRITE, GFP_ATOMIC);
		spin_unlock(&lock);
	}
	KUNIT_ASSERT_FALSE(test, kernel_log_has(&log, "BUG: "));
	if (!ret)
		kunit_skip(test, "the driver maps over what is mapped");
	KUNIT_EXPECT_TRUE_MSG(test, IS_ERR_VALUE((long)ret), "%d is no errno", ret);

	if (t->iommu->desc->kind == HW_ALWAYS)
		expect_syncs(test, 1);
	expect_refused(test, 0, iova, 3);
	expect_reached(test, 0, iova + 3 * SZ_4K, 5, 1);
}

/* What the hardware was told since hw_clear(), for those who compare kernels */
static void report_commands(struct kunit *test, const char *shape, unsigned int count)
{
	struct hw_iommu *iommu = ((struct hw_test *)test->priv)->iommu;
	unsigned long writes = hw_writes(iommu);

	kunit_info(test, "commands: %s %u %lu %lu %lu\n", shape, count, writes,
		   iommu->counts.invals, iommu->counts.syncs);
	if (count)
		KUNIT_EXPECT_NE_MSG(test, 0, writes, "of %s %u", shape, count);
}

static void commands_of_unmap(struct kunit *test, const char *shape, u64 iova,
			      unsigned int count)
{
	struct hw_test *t = test->priv;

	hw_clear(t->iommu);
	unmap(test, iova, count);
	report_commands(test, shape, count);
}

/* Eight pages, an unmap each, one sync for all */
static void commands_of_batch(struct kunit *test, const char *shape, u64 iova,
			      unsigned int step)
{
	struct hw_test *t = test->priv;
	struct iommu_iotlb_gather gather;

	for (unsigned int i = 0; i < 8; i++)
		map(test, iova + i * step * SZ_4K, i, 1);
	hw_clear(t->iommu);
	iommu_iotlb_gather_init(&gather);
	for (unsigned int i = 0; i < 8; i++)
		unmap_fast(test, iova + i * step * SZ_4K, 1, &gather);
	iommu_iotlb_sync(t->domain, &gather);
	report_commands(test, shape, 8);
}

/* How much the hardware is told is not judged: that it is told anything, is */
static void commands_test(struct kunit *test)
{
	static const unsigned int counts[] = { 1, 16, 128, 512 };
	struct hw_test *t = test->priv;
	struct iommu_iotlb_gather gather;
	u64 middle = t->iova + SZ_512K;
	unsigned int pages;

	/* Where tables are of 2M or more, none of them goes as a whole */
	for (unsigned int i = 0; i < ARRAY_SIZE(counts); i++) {
		map_pages(test, middle, 0, counts[i]);
		commands_of_unmap(test, "pages", middle, counts[i]);
	}

	pages = next_block(t, SZ_512K / SZ_4K);
	if (pages) {
		map_pages(test, t->iova, 0, pages);
		commands_of_unmap(test, "table", t->iova, pages);
		map(test, t->iova, 0, pages);
		commands_of_unmap(test, "block", t->iova, pages);
	}

	hw_clear(t->iommu);
	iommu_iotlb_gather_init(&gather);
	iommu_iotlb_sync(t->domain, &gather);
	report_commands(test, "empty", 0);

	commands_of_batch(test, "batch", middle, 1);
	commands_of_batch(test, "apart", middle, 2);
}

/* A flush that does not complete is reported, and ends */
static void stuck_test(struct kunit *test)
{
	struct hw_test *t = test->priv;
	struct iommu_iotlb_gather gather;
	struct kernel_log log;

	if (!t->iommu->desc->stuck)
		kunit_skip(test, "the driver has no limit to its wait, or no wait");

	map(test, t->iova, 0, 1);
	expect_reached(test, 0, t->iova, 0, 1);
	kernel_log_start(&log);
	hw_clear(t->iommu);
	t->iommu->stuck = true;
	iommu_iotlb_gather_init(&gather);
	unmap_fast(test, t->iova, 1, &gather);
	iommu_iotlb_sync(t->domain, &gather);
	t->iommu->stuck = false;
	KUNIT_EXPECT_LT(test, 0, t->iommu->counts.invals);
	KUNIT_EXPECT_TRUE_MSG(test, kernel_log_has(&log, t->iommu->desc->stuck),
			      "no \"%s\" in the kernel log", t->iommu->desc->stuck);

	map(test, t->iova + SZ_4K, 1, 1);
	unmap(test, t->iova + SZ_4K, 1);
	expect_refused(test, 0, t->iova + SZ_4K, 1);
	/* What did not complete then does with a flush of more than what was unmapped */
	if (t->iommu->desc->kind != HW_UNMAP || !t->iommu->desc->exact)
		expect_refused(test, 0, t->iova, 1);
}

static struct device *dma_device(struct kunit *test)
{
	struct hw_test *t = test->priv;
	struct iommu_domain *domain;

	if (!t->iommu->desc->default_domain)
		detach(t);
	domain = iommu_get_domain_for_dev(t->master[0].dev);
	if (!domain || !iommu_is_dma_domain(domain))
		kunit_skip(test, "the driver has no DMA API domains");
	return t->master[0].dev;
}

static dma_addr_t dma_map(struct kunit *test, struct device *dev, unsigned int page)
{
	struct hw_test *t = test->priv;
	dma_addr_t iova = dma_map_single(dev, page_of(t, page), SZ_4K,
					 DMA_BIDIRECTIONAL);

	KUNIT_ASSERT_EQ(test, 0, dma_mapping_error(dev, iova));
	return iova;
}

/* The DMA API in strict mode: out of reach on return, and never the old page */
static void dma_test(struct kunit *test)
{
	struct hw_test *t = test->priv;
	struct device *dev = dma_device(test);
	dma_addr_t iova, first;

	first = dma_map(test, dev, 0);
	expect_reached(test, 0, first, 0, 1);
	hw_clear(t->iommu);
	dma_unmap_single(dev, first, SZ_4K, DMA_BIDIRECTIONAL);
	expect_syncs(test, 1);
	expect_refused(test, 0, first, 1);

	iova = dma_map(test, dev, 1);
	KUNIT_EXPECT_EQ(test, first, iova);
	expect_reached(test, 0, iova, 1, 1);
	dma_unmap_single(dev, iova, SZ_4K, DMA_BIDIRECTIONAL);
	expect_refused(test, 0, iova, 1);
}

/* In lazy mode: after the queue is flushed, without a sync on the way there */
static void dma_lazy_test(struct kunit *test)
{
	struct hw_test *t = test->priv;
	struct device *dev = dma_device(test);
	struct iommu_domain *domain = iommu_get_domain_for_dev(dev);
	dma_addr_t iova[4];

	if (!device_iommu_capable(dev, IOMMU_CAP_DEFERRED_FLUSH))
		kunit_skip(test, "the driver cannot defer flushes");

	/* What a change to DMA-FQ in sysfs does. There is no way back */
	if (domain->type != IOMMU_DOMAIN_DMA_FQ) {
		KUNIT_ASSERT_EQ(test, 0, iommu_dma_init_fq(domain));
		domain->type = IOMMU_DOMAIN_DMA_FQ;
	}

	for (unsigned int i = 0; i < ARRAY_SIZE(iova); i++) {
		iova[i] = dma_map(test, dev, i);
		expect_reached(test, 0, iova[i], i, 1);
	}
	hw_clear(t->iommu);
	for (unsigned int i = 0; i < ARRAY_SIZE(iova); i++)
		dma_unmap_single(dev, iova[i], SZ_4K, DMA_BIDIRECTIONAL);
	expect_syncs(test, 0);
	for (unsigned int i = 0; i < ARRAY_SIZE(iova); i++)
		expect_reached(test, 0, iova[i], i, 1);
	msleep(QUEUE_MS);
	expect_syncs(test, 1);
	for (unsigned int i = 0; i < ARRAY_SIZE(iova); i++)
		expect_refused(test, 0, iova[i], 1);
}

/**
 * hw_find_device() - find a device behind an IOMMU
 * @test: fails if there is none
 * @path: of its devicetree node
 *
 * Drivers may still be waiting for each other when the first test begins.
 *
 * Return: the device, which is there from boot on, and goes in removed_test() only.
 */
struct device *hw_find_device(struct kunit *test, const char *path)
{
	struct device_node *np = of_find_node_by_path(path);
	struct platform_device *pdev = of_find_device_by_node(np);

	of_node_put(np);
	KUNIT_ASSERT_NOT_NULL_MSG(test, pdev, "there is no %s", path);
	put_device(&pdev->dev);
	KUNIT_ASSERT_TRUE_MSG(test, device_iommu_mapped(&pdev->dev),
			      "%s has no IOMMU: did the driver probe?", path);
	return &pdev->dev;
}

/* Devices that go leave their IOMMU without a domain, and may be replaced by others */
static void removed_test(struct kunit *test)
{
	struct hw_test *t = test->priv;
	const struct hw_desc *desc = t->iommu->desc;
	struct device_node *np[HW_MAX_MASTERS] = {};
	struct iommu_domain *domain;
	struct kernel_log log;
	u64 iova = t->iova, paddr;

	if (desc->one_domain)
		kunit_skip(test, "the driver has one domain, for ever");

	detach(t);
	domain = iommu_get_domain_for_dev(t->master[0].dev);
	if (iommu_is_dma_domain(domain)) {
		iova = dma_map(test, t->master[0].dev, 0);
		expect_reached(test, 0, iova, 0, 1);
	}

	kernel_log_start(&log);
	for (unsigned int m = 0; m < HW_MAX_MASTERS && t->master[m].dev; m++) {
		if (m && t->master[m].dev == t->master[0].dev)
			break;
		np[m] = of_node_get(t->master[m].dev->of_node);
		of_platform_device_destroy(t->master[m].dev, NULL);
	}
	/* With its tables, unless the domain is the test's */
	if (desc->default_domain)
		t->domain = NULL;
	if (!desc->stays_attached &&
	    !hw_translate(t->iommu, t->master[0].stream, iova, false, &paddr))
		KUNIT_EXPECT_EQ(test, paddr, iova);
	/* The IOMMU, which may be suspended now, must not ask the device that is gone */
	msleep(SLEEP_MS);

	for (unsigned int m = 0; m < HW_MAX_MASTERS && np[m]; m++) {
		KUNIT_EXPECT_NOT_NULL(test, of_platform_device_create(np[m], NULL, NULL));
		of_node_put(np[m]);
	}
	KUNIT_EXPECT_FALSE(test, kernel_log_has(&log, "WARNING: "));

	for (unsigned int m = 0; m < HW_MAX_MASTERS && desc->masters[m].path; m++)
		t->master[m].dev = hw_find_device(test, desc->masters[m].path);
	if (desc->default_domain) {
		t->domain = iommu_get_domain_for_dev(t->master[0].dev);
	} else {
		iommu_domain_free(t->domain);
		attach_new(test);
	}
	map(test, t->iova, 1, 1);
	expect_reached(test, 0, t->iova, 1, 1);
	unmap(test, t->iova, 1);
	expect_refused(test, 0, t->iova, 1);
}

/* The last one is for ever */
const struct kunit_case hw_cases[HW_MAX_CASES] = {
	KUNIT_CASE(map_test),
	KUNIT_CASE(aperture_test),
	KUNIT_CASE(idle_stream_test),
	KUNIT_CASE(read_only_test),
	KUNIT_CASE(fault_test),
	KUNIT_CASE(unmap_test),
	KUNIT_CASE(stale_test),
	KUNIT_CASE(empty_sync_test),
	KUNIT_CASE(atomic_test),
	KUNIT_CASE(unmap_nothing_test),
	KUNIT_CASE(remap_test),
	KUNIT_CASE(neighbours_test),
	KUNIT_CASE(cleared_first_test),
	KUNIT_CASE(unmap_many_test),
	KUNIT_CASE(two_tables_test),
	KUNIT_CASE(batch_test),
	KUNIT_CASE(flush_all_test),
	KUNIT_CASE(block_test),
	KUNIT_CASE(table_test),
	KUNIT_CASE(freed_table_test),
	KUNIT_CASE(block_over_table_test),
	KUNIT_CASE(page_over_block_test),
	KUNIT_CASE(reused_table_test),
	KUNIT_CASE(replaced_table_test),
	KUNIT_CASE(sync_unattached_test),
	KUNIT_CASE(unattached_test),
	KUNIT_CASE(free_replaced_test),
	KUNIT_CASE(identity_test),
	KUNIT_CASE(sync_of_detached_test),
	KUNIT_CASE(sync_detached_test),
	KUNIT_CASE(two_masters_test),
	KUNIT_CASE(two_domains_test),
	KUNIT_CASE(suspend_test),
	KUNIT_CASE(failed_map_test),
	KUNIT_CASE(commands_test),
	KUNIT_CASE_SLOW(stuck_test),
	KUNIT_CASE(hw_soak_test),
	KUNIT_CASE(dma_test),
	KUNIT_CASE(dma_lazy_test),
	KUNIT_CASE(removed_test),
	{}
};

static void free_memory(void *memory)
{
	free_pages((unsigned long)memory, get_order(HW_MEMORY));
}

static void free_domain(void *data)
{
	struct hw_test *t = data;

	detach(t);
	if (!IS_ERR_OR_NULL(t->domain))
		iommu_domain_free(t->domain);
}

/**
 * hw_test_init() - what each case begins with
 * @test: the case; its priv is set to a &struct hw_test
 * @iommu: the IOMMU
 *
 * All masters are attached to a new domain, in which nothing is mapped.
 *
 * Return: 0; anything wrong fails the case.
 */
int hw_test_init(struct kunit *test, struct hw_iommu *iommu)
{
	const struct hw_desc *desc = iommu->desc;
	struct hw_test *t;

	wait_for_device_probe();

	t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, t);
	test->priv = t;
	t->iommu = iommu;
	t->iova = desc->iova ?: SZ_16M;

	if (desc->soc && !iommu->soc) {
		iommu->soc = hw_soc_get(desc->soc);
		KUNIT_ASSERT_NOT_NULL(test, iommu->soc);
	}

	for (unsigned int m = 0; m < HW_MAX_MASTERS && desc->masters[m].path; m++) {
		t->master[m].dev = hw_find_device(test, desc->masters[m].path);
		t->master[m].stream = desc->masters[m].stream;
	}

	t->memory = (void *)__get_free_pages(GFP_KERNEL | __GFP_ZERO,
					     get_order(HW_MEMORY));
	KUNIT_ASSERT_NOT_NULL(test, t->memory);
	KUNIT_ASSERT_EQ(test, 0,
			kunit_add_action_or_reset(test, free_memory, t->memory));
	for (unsigned int page = 0; page < HW_MEMORY / SZ_4K; page++)
		*(u8 *)page_of(t, page) = mark(page);

	if (desc->default_domain) {
		t->domain = iommu_get_domain_for_dev(t->master[0].dev);
		if (!iommu_is_dma_domain(t->domain)) {
			t->domain = NULL;
			kunit_skip(test, "the default domain does not translate");
		}
	} else {
		KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test, free_domain, t));
		attach_new(test);
	}
	hw_clear(iommu);
	return 0;
}

/* Large blocks first, as part of one cannot be unmapped; there are holes */
static void unmap_all(struct kunit *test)
{
	struct hw_test *t = test->priv;

	kunit_warning_suppress(test) {
		for (u64 size = SZ_16M; size >= SZ_4K; size /= 2)
			for (u64 iova = t->iova; iova < t->iova + SZ_16M &&
			     t->domain->pgsize_bitmap & size; iova += size)
				if (size > SZ_4K || iommu_iova_to_phys(t->domain, iova))
					iommu_unmap(t->domain, iova, size);
	}
}

/**
 * hw_test_exit() - what each case ends with
 * @test: the case
 *
 * A domain that outlives the case is left empty.
 */
void hw_test_exit(struct kunit *test)
{
	struct hw_test *t = test->priv;

	if (t && t->iommu->desc->default_domain && t->domain)
		unmap_all(test);
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * Cases of one page or a few: what a device reaches, and when no longer
 */
#include "cases.h"

#include <kunit/run-in-irq-context.h>

#include <linux/delay.h>
#include <linux/ktime.h>
#include <linux/time-internal.h>

/* Drivers may leave to a thread what they log of a fault, and log some in 5 s only */
#define FAULT_MS	6000

/* A device reads and writes the memory mapped, and no other */
void hw_map_test(struct kunit *test)
{
	struct hw_test *t = test->priv;

	for (unsigned int m = 0; m < 1 + hw_two_masters(t); m++)
		hw_expect_refused(test, m, hw_left_iova(t->iommu), 1);
	hw_expect_refused(test, 0, t->iova, 1);
	hw_map(test, t->iova, 3, 4);
	hw_expect_reached(test, 0, t->iova, 3, 4);
	hw_expect_refused(test, 0, t->iova - SZ_4K, 1);
	hw_expect_refused(test, 0, t->iova + 4 * SZ_4K, 1);

	hw_expect_found(test, t->iova, 3, 4);
	KUNIT_EXPECT_EQ(test, 0, iommu_iova_to_phys(t->domain, t->iova - 1));
	KUNIT_EXPECT_EQ(test, 0, iommu_iova_to_phys(t->domain, t->iova + 4 * SZ_4K + 0x234));
}

static void reach_page(struct kunit *test, u64 iova)
{
	hw_expect_refused(test, 0, iova, 1);
	hw_map(test, iova, 3, 1);
	hw_expect_reached(test, 0, iova, 3, 1);
	hw_expect_found(test, iova, 3, 1);
	hw_unmap(test, iova, 1);
	hw_expect_refused(test, 0, iova, 1);
}

/* From the first page to the last of what the domain claims to have */
void hw_aperture_test(struct kunit *test)
{
	struct hw_test *t = test->priv;

	reach_page(test, t->domain->geometry.aperture_start);
	if (!t->domain->geometry.force_aperture)
		kunit_skip(test, "driver: the domain does not say where it ends");
	reach_page(test, ALIGN_DOWN(t->domain->geometry.aperture_end, SZ_4K));
}

/* Whether @stream is that of a master, which may have others than that of the test */
static bool has_master(struct hw_test *t, u32 stream)
{
	for (unsigned int m = 0; m < HW_MAX_MASTERS && t->master[m].dev; m++) {
		struct iommu_fwspec *fwspec = dev_iommu_fwspec_get(t->master[m].dev);

		if (t->master[m].stream == stream)
			return true;
		for (unsigned int i = 0; fwspec && i < fwspec->num_ids; i++)
			if (fwspec->ids[i] == stream)
				return true;
	}
	return false;
}

/* A stream that no driver has use for reaches nothing of the domain */
void hw_idle_stream_test(struct kunit *test)
{
	struct hw_test *t = test->priv;
	const struct hw_desc *desc = t->iommu->desc;
	unsigned int idle = 0;
	u64 paddr;
	int ret;

	if (!desc->streams)
		kunit_skip(test, "%s",
			   desc->no_idle_stream ?: "model: knows no idle streams");

	hw_map(test, t->iova, 0, 1);
	for (u32 stream = 0; stream < desc->streams; stream++) {
		if (has_master(t, stream))
			continue;
		idle++;
		paddr = t->iova;
		ret = hw_translate(t->iommu, stream, t->iova, false, &paddr);
		KUNIT_EXPECT_EQ_MSG(test, t->iova, paddr, "stream %u", stream);
		if (!desc->idle_bypass)
			KUNIT_EXPECT_EQ_MSG(test, -EFAULT, ret, "stream %u", stream);
	}
	if (!idle)
		kunit_skip(test, "hardware: each stream is that of a device");
}

void hw_read_only_test(struct kunit *test)
{
	struct hw_test *t = test->priv;

	if (t->iommu->desc->no_read_only)
		kunit_skip(test, "hardware: knows no permissions");

	KUNIT_ASSERT_EQ(test, 0, iommu_map(t->domain, t->iova, virt_to_phys(t->memory),
					   SZ_4K, IOMMU_READ, GFP_KERNEL));
	KUNIT_EXPECT_EQ(test, hw_mark(0), hw_sees(t, 0, t->iova));
	KUNIT_EXPECT_FALSE(test, hw_can_write(t, 0, t->iova));
	KUNIT_EXPECT_EQ(test, 0, *(u8 *)(t->memory + SZ_1K));
}

/* Master 0, refused at @iova, has the driver log where that was */
static void expect_logged(struct kunit *test, u64 iova)
{
	struct hw_test *t = test->priv;
	struct hw_log log = { .number = iova };
	u8 value = 0;

	hw_log_start(test, &log);
	for (unsigned int ms = 0; ms < FAULT_MS && !log.named; ms += 20) {
		hw_access(t->iommu, t->master[0].stream, iova, true, &value);
		msleep(20);
	}
	hw_log_stop(test, &log);
	KUNIT_EXPECT_NE(test, 0, log.named);
}

/* The driver learns where its device was refused */
void hw_fault_test(struct kunit *test)
{
	struct hw_test *t = test->priv;
	unsigned long iova = t->iova + 5 * SZ_4K;

	if (t->iommu->desc->no_fault)
		kunit_skip(test, "driver: is not told of faults");

	/* The next one comes if the first is cleared. Some devices have two MMUs. */
	for (unsigned int i = 0; i < 4; i++, iova += SZ_4K) {
		if (t->iommu->desc->logs_faults) {
			expect_logged(test, iova);
			continue;
		}
		KUNIT_EXPECT_EQ(test, 0, hw_sees(t, 0, iova));
		KUNIT_EXPECT_EQ(test, iova, ALIGN_DOWN(t->faulted, SZ_4K));
	}
}

/* What is unmapped and synced cannot be reached, and one sync did it */
void hw_unmap_test(struct kunit *test)
{
	struct hw_test *t = test->priv;

	hw_map(test, t->iova, 0, 1);
	hw_expect_reached(test, 0, t->iova, 0, 1);
	hw_clear(t->iommu);
	hw_unmap(test, t->iova, 1);
	hw_expect_syncs(test, 1);
	hw_expect_refused(test, 0, t->iova, 1);
}

/* Until the sync the device gets through: the model forgets nothing by itself */
void hw_stale_test(struct kunit *test)
{
	struct hw_test *t = test->priv;
	struct iommu_iotlb_gather gather;

	hw_map(test, t->iova, 0, 1);
	hw_expect_reached(test, 0, t->iova, 0, 1);
	iommu_iotlb_gather_init(&gather);
	hw_unmap_fast(test, t->iova, 1, &gather);
	if (t->iommu->desc->kind == HW_UNMAP)
		hw_expect_refused(test, 0, t->iova, 1);
	else
		hw_expect_reached(test, 0, t->iova, 0, 1);
	iommu_iotlb_sync(t->domain, &gather);
	hw_expect_refused(test, 0, t->iova, 1);
}

/* An empty gather: always-sync drivers flush, the registers of others are left alone */
void hw_empty_sync_test(struct kunit *test)
{
	struct hw_test *t = test->priv;
	struct iommu_iotlb_gather gather;

	hw_map(test, t->iova, 0, 1);
	hw_expect_reached(test, 0, t->iova, 0, 1);
	hw_clear(t->iommu);
	iommu_iotlb_gather_init(&gather);
	iommu_iotlb_sync(t->domain, &gather);
	if (t->iommu->desc->kind == HW_ALWAYS)
		KUNIT_EXPECT_EQ(test, 1, t->iommu->counts.syncs);
	else
		KUNIT_EXPECT_EQ(test, 0, hw_writes(t->iommu));
	hw_expect_reached(test, 0, t->iova, 0, 1);
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
void hw_atomic_test(struct kunit *test)
{
	struct hw_test *t = test->priv;
	struct context contexts[3];
	unsigned long flags;
	bool right;

	for (unsigned int i = 0; i < ARRAY_SIZE(contexts); i++)
		contexts[i] = (struct context) {
			.t = t,
			.iova = t->iova + i * SZ_4K,
			.paddr = virt_to_phys(hw_page(t, i)),
		};

	local_irq_save(flags);
	right = unmap_in(&contexts[0]) && irqs_disabled();
	local_irq_restore(flags);
	KUNIT_EXPECT_TRUE(test, right);

	kunit_run_irq_test(test, unmap_in_context, 300, contexts);
}

/* An unmap that finds nothing leaves nothing to invalidate */
void hw_unmap_nothing_test(struct kunit *test)
{
	struct hw_test *t = test->priv;
	struct iommu_iotlb_gather gather;

	iommu_iotlb_gather_init(&gather);
	hw_clear(t->iommu);
	hw_may_warn(test, true);
	iommu_unmap_fast(t->domain, t->iova, SZ_4K, &gather);
	hw_may_warn(test, false);
	if (t->iommu->desc->kind == HW_RANGE) {
		iommu_iotlb_sync(t->domain, &gather);
		KUNIT_EXPECT_EQ(test, 0, hw_writes(t->iommu));
	}
	hw_expect_refused(test, 0, t->iova, 1);
}

/* At an address that is used again the device reaches the new page, not the old */
void hw_remap_test(struct kunit *test)
{
	struct hw_test *t = test->priv;

	for (unsigned int page = 0; page < 4; page++) {
		hw_map(test, t->iova, page, 1);
		hw_expect_reached(test, 0, t->iova, page, 1);
		hw_unmap(test, t->iova, 1);
	}
	hw_expect_refused(test, 0, t->iova, 1);
}

/* Of many pages one goes, and the others stay where they are */
void hw_neighbours_test(struct kunit *test)
{
	struct hw_test *t = test->priv;

	hw_map_pages(test, t->iova, 0, 16);
	hw_expect_reached(test, 0, t->iova, 0, 16);
	hw_clear(t->iommu);
	hw_unmap(test, t->iova + 7 * SZ_4K, 1);
	if (t->iommu->desc->exact)
		hw_expect_exact(test);
	hw_expect_reached(test, 0, t->iova, 0, 7);
	hw_expect_refused(test, 0, t->iova + 7 * SZ_4K, 1);
	hw_expect_reached(test, 0, t->iova + 8 * SZ_4K, 8, 8);
}

/* By the time that the hardware is told to forget an entry, it is gone */
void hw_cleared_first_test(struct kunit *test)
{
	struct hw_test *t = test->priv;
	unsigned int count = 4;

	/* With one page gone these flush all, the next one too */
	if (t->iommu->desc->kind == HW_UNMAP && !t->iommu->desc->exact)
		count = 1;

	hw_map_pages(test, t->iova, 0, count);
	hw_expect_reached(test, 0, t->iova, 0, count);
	hw_clear(t->iommu);
	hw_unmap(test, t->iova, count);
	KUNIT_EXPECT_LT(test, 0, t->iommu->counts.invals);
	hw_expect_exact(test);
	hw_expect_refused(test, 0, t->iova, count);
}

/* Many pages at once, and one sync for all */
void hw_unmap_many_test(struct kunit *test)
{
	struct hw_test *t = test->priv;

	hw_map_pages(test, t->iova, 0, 32);
	hw_expect_reached(test, 0, t->iova, 0, 32);
	hw_clear(t->iommu);
	hw_unmap(test, t->iova, 32);
	hw_expect_syncs(test, 1);
	hw_expect_refused(test, 0, t->iova, 32);
}

/* The end of one table and the beginning of the next */
void hw_two_tables_test(struct kunit *test)
{
	struct hw_test *t = test->priv;
	u64 iova = t->iova + SZ_4M - 8 * SZ_4K;

	hw_map_pages(test, iova, 0, 16);
	hw_expect_reached(test, 0, iova, 0, 16);
	hw_clear(t->iommu);
	hw_unmap(test, iova, 16);
	hw_expect_syncs(test, 1);
	hw_expect_refused(test, 0, iova, 16);
}

/* Several unmaps, one sync */
void hw_batch_test(struct kunit *test)
{
	struct hw_test *t = test->priv;
	struct iommu_iotlb_gather gather;

	hw_map_pages(test, t->iova, 0, 24);
	hw_expect_reached(test, 0, t->iova, 0, 24);
	hw_clear(t->iommu);
	iommu_iotlb_gather_init(&gather);
	hw_unmap_fast(test, t->iova + 2 * SZ_4K, 3, &gather);
	hw_unmap_fast(test, t->iova + 8 * SZ_4K, 1, &gather);
	hw_unmap_fast(test, t->iova + 14 * SZ_4K, 5, &gather);
	iommu_iotlb_sync(t->domain, &gather);
	hw_expect_syncs(test, 1);
	hw_expect_reached(test, 0, t->iova, 0, 2);
	hw_expect_refused(test, 0, t->iova + 2 * SZ_4K, 3);
	hw_expect_reached(test, 0, t->iova + 5 * SZ_4K, 5, 3);
	hw_expect_refused(test, 0, t->iova + 8 * SZ_4K, 1);
	hw_expect_reached(test, 0, t->iova + 9 * SZ_4K, 9, 5);
	hw_expect_refused(test, 0, t->iova + 14 * SZ_4K, 5);
	hw_expect_reached(test, 0, t->iova + 19 * SZ_4K, 19, 5);
}

/* What waits for a flush of the whole domain is told to no one in unmap */
void hw_flush_all_test(struct kunit *test)
{
	struct hw_test *t = test->priv;
	struct iommu_iotlb_gather gather;

	if (t->iommu->desc->kind == HW_UNMAP || t->iommu->desc->no_flush_all)
		kunit_skip(test, "driver: cannot flush a whole domain");
	KUNIT_ASSERT_NOT_NULL(test, t->domain->ops->flush_iotlb_all);

	hw_map_pages(test, t->iova, 0, 4);
	for (unsigned int m = 0; m < 1 + hw_two_masters(t); m++)
		hw_expect_reached(test, m, t->iova, 0, 4);
	iommu_iotlb_gather_init(&gather);
	gather.queued = true;
	hw_unmap_fast(test, t->iova, 4, &gather);
	iommu_flush_iotlb_all(t->domain);
	for (unsigned int m = 0; m < 1 + hw_two_masters(t); m++)
		hw_expect_refused(test, m, t->iova, 4);
}

/* A map that fails half way is undone and synced, without sleeping if it must not */
void hw_failed_map_test(struct kunit *test)
{
	struct hw_test *t = test->priv;
	u64 iova = t->iova + SZ_4M - 2 * SZ_4K;
	static DEFINE_SPINLOCK(lock);
	struct hw_log log = {};
	int ret;

	/* Some page tables refuse all that they would hold: two get what is in one */
	hw_map(test, iova + 3 * SZ_4K, 5, 1);
	hw_expect_reached(test, 0, iova + 3 * SZ_4K, 5, 1);
	hw_clear(t->iommu);
	hw_log_start(test, &log);
	hw_may_warn(test, true);
	spin_lock(&lock);
	ret = iommu_map(t->domain, iova, virt_to_phys(t->memory), 4 * SZ_4K,
			IOMMU_READ | IOMMU_WRITE, GFP_ATOMIC);
	spin_unlock(&lock);
	hw_may_warn(test, false);
	hw_log_stop(test, &log);
	KUNIT_ASSERT_EQ(test, 0, log.bugs);
	if (!ret)
		kunit_skip(test, "driver: maps over what is mapped");
	KUNIT_EXPECT_TRUE_MSG(test, IS_ERR_VALUE((long)ret), "%d is no errno", ret);

	if (t->iommu->desc->kind == HW_ALWAYS)
		hw_expect_syncs(test, 1);
	hw_expect_refused(test, 0, iova, 3);
	hw_expect_reached(test, 0, iova + 3 * SZ_4K, 5, 1);
}

/* What is unmapped, as the hardware is told of it */
struct unmapped {
	unsigned int entries;
	unsigned int runs;	/* of entries that are next to each other in a table */
	unsigned int calls;	/* of unmap */
	unsigned int tables;	/* that went as a whole */
	unsigned int span;	/* pages from the first to the last */
};

static void add_commands(struct hw_command *sum, const struct hw_command *each,
			 unsigned int times)
{
	sum->invals += each->invals * times;
	sum->syncs += each->syncs * times;
}

/* What it takes to have all that forgotten; the counts are also for who compares kernels */
static void expect_commands(struct kunit *test, const char *shape, unsigned int count,
			    const struct unmapped *unmapped)
{
	struct hw_iommu *iommu = ((struct hw_test *)test->priv)->iommu;
	const struct hw_commands *takes = &iommu->desc->commands;
	struct hw_command sum = {};

	kunit_info(test, "commands: %s %u %lu %lu %lu\n", shape, count, hw_writes(iommu),
		   iommu->counts.invals, iommu->counts.syncs);

	if (unmapped->calls || iommu->desc->kind == HW_ALWAYS)
		add_commands(&sum, &takes->sync, 1);
	if (unmapped->tables && takes->all_with_table) {
		add_commands(&sum, &takes->table, 1);
	} else {
		add_commands(&sum, &takes->entry, unmapped->entries);
		add_commands(&sum, &takes->run, unmapped->runs);
		add_commands(&sum, &takes->call, unmapped->calls);
		add_commands(&sum, &takes->table, unmapped->tables);
		add_commands(&sum, &takes->span, unmapped->span);
	}
	KUNIT_EXPECT_EQ_MSG(test, sum.invals, iommu->counts.invals, "%s %u", shape, count);
	KUNIT_EXPECT_EQ_MSG(test, sum.syncs, iommu->counts.syncs, "%s %u", shape, count);
}

/* @table: how many pages a table has, 0 if none goes */
static void commands_of_pages(struct kunit *test, const char *shape, u64 iova,
			      unsigned int count, unsigned int table)
{
	struct hw_test *t = test->priv;
	u64 first = iova / SZ_4K, end = first + count;
	struct unmapped unmapped = {
		.entries = count,
		.runs = 1,
		.calls = 1,
		.span = count,
	};

	if (table) {
		unmapped.runs = (end - 1) / table - first / table + 1;
		if (end / table > DIV_ROUND_UP(first, table))
			unmapped.tables = end / table - DIV_ROUND_UP(first, table);
	}
	hw_map_pages(test, iova, 0, count);
	hw_clear(t->iommu);
	hw_unmap(test, iova, count);
	expect_commands(test, shape, count, &unmapped);
}

static void commands_of_block(struct kunit *test, unsigned int pages)
{
	struct hw_test *t = test->priv;
	struct unmapped unmapped = {
		.entries = t->iommu->desc->cuts_blocks ? pages : 1,
		.runs = 1,
		.calls = 1,
		.span = 1,
	};

	hw_map(test, t->iova, 0, pages);
	hw_clear(t->iommu);
	hw_unmap(test, t->iova, pages);
	expect_commands(test, "block", pages, &unmapped);
}

/* Eight pages, an unmap each, one sync for all */
static void commands_of_batch(struct kunit *test, const char *shape, u64 iova,
			      unsigned int step)
{
	struct hw_test *t = test->priv;
	struct iommu_iotlb_gather gather;
	struct unmapped unmapped = {
		.entries = 8,
		.runs = 8,
		.calls = 8,
		.span = 7 * step + 1,
	};

	for (unsigned int i = 0; i < 8; i++)
		hw_map(test, iova + i * step * SZ_4K, i, 1);
	hw_clear(t->iommu);
	iommu_iotlb_gather_init(&gather);
	for (unsigned int i = 0; i < 8; i++)
		hw_unmap_fast(test, iova + i * step * SZ_4K, 1, &gather);
	iommu_iotlb_sync(t->domain, &gather);
	expect_commands(test, shape, 8, &unmapped);
}

/* The hardware is told what it has to forget, and no more */
void hw_commands_test(struct kunit *test)
{
	static const unsigned int counts[] = { 1, 16, 128, 512 };
	struct hw_test *t = test->priv;
	struct iommu_iotlb_gather gather;
	u64 middle = t->iova + SZ_512K;
	unsigned int table = hw_next_block(t, SZ_512K / SZ_4K);

	/* Where tables are of 2M or more, none of them goes as a whole */
	for (unsigned int i = 0; i < ARRAY_SIZE(counts); i++)
		commands_of_pages(test, "pages", middle, counts[i], table);

	if (table) {
		commands_of_pages(test, "table", t->iova, table, table);
		commands_of_block(test, table);
	}

	hw_clear(t->iommu);
	iommu_iotlb_gather_init(&gather);
	iommu_iotlb_sync(t->domain, &gather);
	expect_commands(test, "empty", 0, &(struct unmapped) {});

	commands_of_batch(test, "batch", middle, 1);
	commands_of_batch(test, "apart", middle, 2);
}

/* A flush that does not complete is reported, and ends */
void hw_stuck_test(struct kunit *test)
{
	struct hw_test *t = test->priv;
	struct iommu_iotlb_gather gather;
	struct hw_log log = {};
	ktime_t start;

	if (!t->iommu->desc->reports_stuck)
		kunit_skip(test, "driver: has no limit to its wait, or no wait");
	if (t->iommu->desc->stuck_for_long && time_travel_mode == TT_MODE_OFF)
		kunit_skip(test, "driver: waits too long; use time-travel=inf-cpu");

	hw_map(test, t->iova, 0, 1);
	hw_expect_reached(test, 0, t->iova, 0, 1);
	hw_log_start(test, &log);
	hw_clear(t->iommu);
	t->iommu->stuck = true;
	start = ktime_get();
	iommu_iotlb_gather_init(&gather);
	hw_unmap_fast(test, t->iova, 1, &gather);
	iommu_iotlb_sync(t->domain, &gather);
	t->iommu->stuck = false;
	hw_log_stop(test, &log);
	KUNIT_EXPECT_LT(test, 0, t->iommu->counts.invals);
	/* Who waits for long says so once, for all its IOMMUs */
	if (t->iommu->desc->stuck_for_long)
		KUNIT_EXPECT_LE(test, 60 * MSEC_PER_SEC,
				ktime_ms_delta(ktime_get(), start));
	else
		KUNIT_EXPECT_NE(test, 0, log.lines);

	hw_map(test, t->iova + SZ_4K, 1, 1);
	hw_unmap(test, t->iova + SZ_4K, 1);
	hw_expect_refused(test, 0, t->iova + SZ_4K, 1);
	if (!t->iommu->desc->stuck_stale)
		hw_expect_refused(test, 0, t->iova, 1);
}

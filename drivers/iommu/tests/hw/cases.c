// SPDX-License-Identifier: GPL-2.0-only
/*
 * What every case begins with, works with and ends with
 */
#include "cases.h"

#include <linux/dma-mapping.h>
#include <linux/moduleparam.h>
#include <linux/of.h>
#include <linux/of_platform.h>
#include <linux/platform_device.h>
#include <linux/prandom.h>
#include <linux/string.h>
#include <trace/events/printk.h>

#undef MODULE_PARAM_PREFIX
#define MODULE_PARAM_PREFIX HW_PARAM_PREFIX

static unsigned int hw_order;
module_param_named(order, hw_order, uint, 0444);
MODULE_PARM_DESC(order, "seed of a random order of each driver's cases; 0: as they are listed");

/**
 * hw_shuffle() - have cases run in another order, if the command line asks for it
 * @cases: of a suite
 *
 * Context: before KUnit runs them.
 */
void __init hw_shuffle(struct kunit_case *cases)
{
	unsigned int count = 0;
	struct rnd_state rnd;

	if (!hw_order)
		return;
	while (cases[count].run_case)
		count++;
	prandom_seed_state(&rnd, hw_order);
	for (unsigned int i = count - 1; i > 0; i--) {
		unsigned int other = prandom_u32_state(&rnd) % (i + 1);

		swap(cases[i], cases[other]);
	}
}

/**
 * hw_mark() - what a page of the case begins with, and so what a device sees there
 * @page: number of the page
 *
 * Return: the byte, never 0.
 */
u8 hw_mark(unsigned int page)
{
	return page % 199 + 1;
}

/**
 * hw_may_warn() - what a case does next may be warned about, or may not
 * @test: fails if there were warnings before, where there must be none
 * @may: the driver and the core may warn, until this is called with false
 *
 * At the end of a case it is as if this were called with true.
 */
void hw_may_warn(struct kunit *test, bool may)
{
	struct hw_test *t = test->priv;
	int count = kunit_suppressed_warning_count(t->warnings);

	if (may)
		KUNIT_EXPECT_EQ_MSG(test, t->warned, count,
				    "the driver or the core warns");
	t->warned = count;
}

/**
 * hw_page() - memory of the case
 * @t: the case
 * @page: number of the page, below HW_MEMORY / SZ_4K
 *
 * Return: the page of 4 KiB.
 */
void *hw_page(struct hw_test *t, unsigned int page)
{
	return t->memory + page * SZ_4K;
}

/**
 * hw_sees() - have a device read
 * @t: the case
 * @m: number of the master
 * @iova: address
 *
 * Return: the byte that it reads; 0, which no page begins with, if it is refused.
 */
u8 hw_sees(struct hw_test *t, unsigned int m, u64 iova)
{
	u8 value;

	if (hw_access(t->iommu, t->master[m].stream, iova, false, &value))
		return 0;
	return value;
}

/**
 * hw_can_write() - have a device write
 * @t: the case
 * @m: number of the master
 * @iova: address of a page, which it writes to the middle of
 *
 * Return: true if it is not refused.
 */
bool hw_can_write(struct hw_test *t, unsigned int m, u64 iova)
{
	u8 value = 0xff;

	return !hw_access(t->iommu, t->master[m].stream, iova + SZ_1K, true, &value);
}

/**
 * hw_expect_reached() - a device must reach what is mapped
 * @test: fails if it does not
 * @m: number of the master
 * @iova: of the first page
 * @page: that this one is mapped to, and the next ones to the next
 * @count: how many pages
 */
void hw_expect_reached(struct kunit *test, unsigned int m, u64 iova,
		       unsigned int page, unsigned int count)
{
	struct hw_test *t = test->priv;

	for (unsigned int i = 0; i < count; i++) {
		u8 *written = hw_page(t, page + i) + SZ_1K;

		KUNIT_EXPECT_EQ_MSG(test, hw_sees(t, m, iova + i * SZ_4K),
				    hw_mark(page + i), "read of page %u", i);
		KUNIT_EXPECT_TRUE_MSG(test, hw_can_write(t, m, iova + i * SZ_4K),
				      "write of page %u", i);
		KUNIT_EXPECT_EQ_MSG(test, *written, 0xff,
				    "what was written to page %u", i);
		*written = 0;
	}
}

/**
 * hw_expect_found() - the driver finds what is mapped, whatever the offset in a page or block
 * @test: fails if iommu_iova_to_phys() returns another address
 * @iova: of the first page
 * @page: that this one is mapped to, and the next ones to the next
 * @count: how many pages
 */
void hw_expect_found(struct kunit *test, u64 iova, unsigned int page, unsigned int count)
{
	static const u16 offsets[] = { 0, 0x234, SZ_4K - 1 };
	struct hw_test *t = test->priv;

	for (unsigned int i = 0; i < count * ARRAY_SIZE(offsets); i++) {
		u64 at = i / ARRAY_SIZE(offsets) * SZ_4K + offsets[i % ARRAY_SIZE(offsets)];

		KUNIT_EXPECT_EQ_MSG(test, virt_to_phys(hw_page(t, page)) + at,
				    iommu_iova_to_phys(t->domain, iova + at),
				    "offset 0x%llx", at);
	}
}

/**
 * hw_expect_refused() - a device must not get through
 * @test: fails if it does
 * @m: number of the master
 * @iova: of the first page
 * @count: how many pages
 */
void hw_expect_refused(struct kunit *test, unsigned int m, u64 iova,
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
}

/**
 * hw_map() - map memory of the case
 * @test: fails if that does
 * @iova: of the first page
 * @page: what to map there, and the next pages next to it
 * @count: how many pages; a block where they fit one
 */
void hw_map(struct kunit *test, u64 iova, unsigned int page, unsigned int count)
{
	struct hw_test *t = test->priv;

	KUNIT_ASSERT_EQ(test, 0,
			iommu_map(t->domain, iova, virt_to_phys(hw_page(t, page)),
				  count * SZ_4K, IOMMU_READ | IOMMU_WRITE, GFP_KERNEL));
}

/**
 * hw_map_pages() - map each page on its own, also where a block would fit
 * @test: as hw_map() has it
 * @iova: the same
 * @page: the same
 * @count: the same
 */
void hw_map_pages(struct kunit *test, u64 iova, unsigned int page, unsigned int count)
{
	for (unsigned int i = 0; i < count; i++)
		hw_map(test, iova + i * SZ_4K, page + i, 1);
}

/**
 * hw_unmap() - unmap and sync
 * @test: fails if it unmaps more or less
 * @iova: of the first page
 * @count: how many pages
 */
void hw_unmap(struct kunit *test, u64 iova, unsigned int count)
{
	struct hw_test *t = test->priv;

	KUNIT_ASSERT_EQ(test, count * SZ_4K,
			iommu_unmap(t->domain, iova, count * SZ_4K));
}

/**
 * hw_unmap_fast() - unmap without a sync
 * @test: fails if it unmaps more or less
 * @iova: of the first page
 * @count: how many pages
 * @gather: for the sync
 */
void hw_unmap_fast(struct kunit *test, u64 iova, unsigned int count,
		   struct iommu_iotlb_gather *gather)
{
	struct hw_test *t = test->priv;

	KUNIT_ASSERT_EQ(test, count * SZ_4K,
			iommu_unmap_fast(t->domain, iova, count * SZ_4K, gather));
}

/**
 * hw_expect_syncs() - so many syncs since hw_clear()
 * @test: fails if there were more or less
 * @syncs: how many
 *
 * Drivers that invalidate in unmap may do so in as many steps as they like.
 */
void hw_expect_syncs(struct kunit *test, unsigned long syncs)
{
	struct hw_test *t = test->priv;

	if (t->iommu->desc->kind != HW_UNMAP)
		KUNIT_EXPECT_EQ(test, syncs, t->iommu->counts.syncs);
}

/**
 * hw_expect_exact() - nothing was invalidated that still was mapped, since hw_clear()
 * @test: fails if something was
 */
void hw_expect_exact(struct kunit *test)
{
	struct hw_test *t = test->priv;

	KUNIT_EXPECT_EQ(test, 0, t->iommu->counts.live);
}

/**
 * hw_note_fault() - for iommu_set_fault_handler(): note where a device was refused
 * @domain: of the device
 * @dev: which was refused
 * @iova: where
 * @flags: IOMMU_FAULT_*
 * @token: the &struct hw_test
 *
 * Return: 0, as it has been handled.
 */
int hw_note_fault(struct iommu_domain *domain, struct device *dev, unsigned long iova,
		  int flags, void *token)
{
	struct hw_test *t = token;

	t->faulted = iova;
	return 0;
}

/* For all of hw_log; nothing is logged with it held */
static DEFINE_RAW_SPINLOCK(hw_log_lock);

/* Called for each line, which need not end with a NUL, from any context and CPU */
static void hw_note_line(void *data, const char *text, size_t len)
{
	struct hw_log *log = data;
	char number[17];

	guard(raw_spinlock_irqsave)(&hw_log_lock);

	if (str_has_prefix(text, "WARNING: ")) {
		log->warnings++;
	} else if (str_has_prefix(text, "BUG: ")) {
		log->bugs++;
	} else {
		log->lines++;
		snprintf(number, sizeof(number), "%llx", log->number);
		log->named += !!strnstr(text, number, len);
	}
}

static void hw_stop_noting_lines(void *log)
{
	unregister_trace_console(hw_note_line, log);
	tracepoint_synchronize_unregister();
}

/**
 * hw_log_start() - begin to listen to what the kernel logs
 * @test: the case, at whose end it ends if not before
 * @log: what to listen for, and what was heard
 */
void hw_log_start(struct kunit *test, struct hw_log *log)
{
	KUNIT_ASSERT_EQ(test, 0, register_trace_console(hw_note_line, log));
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test, hw_stop_noting_lines, log));
}

/**
 * hw_log_stop() - end what hw_log_start() has begun
 * @test: the case
 * @log: the same
 */
void hw_log_stop(struct kunit *test, struct hw_log *log)
{
	kunit_release_action(test, hw_stop_noting_lines, log);
}

/**
 * hw_second_group() - the group of the second master, which may share that of the first
 * @t: the case
 *
 * Return: the group, or NULL if it has none of its own.
 */
struct iommu_group *hw_second_group(struct hw_test *t)
{
	struct device *dev = t->master[1].dev;

	return dev && dev->iommu_group != t->master[0].dev->iommu_group ?
	       dev->iommu_group : NULL;
}

/**
 * hw_attach() - attach all masters to the domain
 * @t: the case
 *
 * Return: 0; or a negative errno, and none is attached.
 */
int hw_attach(struct hw_test *t)
{
	int ret;

	ret = iommu_attach_group(t->domain, t->master[0].dev->iommu_group);
	if (ret)
		return ret;

	if (hw_second_group(t)) {
		ret = iommu_attach_group(t->domain, hw_second_group(t));
		if (ret) {
			iommu_detach_group(t->domain, t->master[0].dev->iommu_group);
			return ret;
		}
	}
	t->attached = true;
	return 0;
}

/**
 * hw_detach() - detach all masters, which go back to their default domain
 * @t: the case
 */
void hw_detach(struct hw_test *t)
{
	if (!t->attached)
		return;
	if (hw_second_group(t))
		iommu_detach_group(t->domain, hw_second_group(t));
	iommu_detach_group(t->domain, t->master[0].dev->iommu_group);
	t->attached = false;
}

/**
 * hw_attach_new() - all masters in a new domain, in which nothing is mapped
 * @test: fails if that does
 */
void hw_attach_new(struct kunit *test)
{
	struct hw_test *t = test->priv;

	t->domain = iommu_paging_domain_alloc(t->master[0].dev);
	KUNIT_ASSERT_FALSE(test, IS_ERR_OR_NULL(t->domain));
	iommu_set_fault_handler(t->domain, hw_note_fault, t);
	KUNIT_ASSERT_EQ(test, 0, hw_attach(t));
}

/**
 * hw_next_block() - the next larger block that the domain maps
 * @t: the case
 * @pages: that the block must have more of
 *
 * Return: how many pages of 4 KiB it has; 0 if there is none that the memory of the
 * case is enough for.
 */
unsigned int hw_next_block(struct hw_test *t, unsigned int pages)
{
	unsigned long larger = t->domain->pgsize_bitmap & -(2UL * pages * SZ_4K);

	return larger && BIT(__ffs(larger)) <= HW_MEMORY ? BIT(__ffs(larger)) / SZ_4K : 0;
}

/**
 * hw_first_block() - the smallest block that the domain maps
 * @test: skipped if there is none
 *
 * Return: how many pages of 4 KiB it has.
 */
unsigned int hw_first_block(struct kunit *test)
{
	struct hw_test *t = test->priv;
	unsigned int pages = hw_next_block(t, 1);

	if (!pages)
		kunit_skip(test, "%s", t->iommu->desc->no_blocks ?:
			   "hardware: has no blocks");
	return pages;
}

/**
 * hw_dma_device() - have the first master use the DMA API
 * @test: skipped if the driver has no such domains
 *
 * Return: the device, in its default domain.
 */
struct device *hw_dma_device(struct kunit *test)
{
	struct hw_test *t = test->priv;
	struct iommu_domain *domain;

	if (!t->iommu->desc->default_domain)
		hw_detach(t);
	domain = iommu_get_domain_for_dev(t->master[0].dev);
	if (!domain || !iommu_is_dma_domain(domain))
		kunit_skip(test, "driver: has no domains for the DMA API");
	return t->master[0].dev;
}

/**
 * hw_dma_map() - map a page of the case through the DMA API
 * @test: fails if that does
 * @dev: from hw_dma_device()
 * @page: number of the page
 *
 * Return: its address for @dev.
 */
dma_addr_t hw_dma_map(struct kunit *test, struct device *dev, unsigned int page)
{
	struct hw_test *t = test->priv;
	dma_addr_t iova = dma_map_single(dev, hw_page(t, page), SZ_4K,
					 DMA_BIDIRECTIONAL);

	KUNIT_ASSERT_EQ(test, 0, dma_mapping_error(dev, iova));
	return iova;
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

static void hw_free_memory(void *memory)
{
	free_pages((unsigned long)memory, get_order(HW_MEMORY));
}

static void hw_free_domain(void *data)
{
	struct hw_test *t = data;

	hw_detach(t);
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
	t->warnings = kunit_start_suppress_warning(test);

	if (desc->soc)
		KUNIT_ASSERT_NOT_NULL(test, iommu->soc);

	for (unsigned int m = 0; m < HW_MAX_MASTERS && desc->masters[m].path; m++) {
		t->master[m].dev = hw_find_device(test, desc->masters[m].path);
		t->master[m].stream = desc->masters[m].stream;
	}

	t->memory = (void *)__get_free_pages(GFP_KERNEL | __GFP_ZERO,
					     get_order(HW_MEMORY));
	KUNIT_ASSERT_NOT_NULL(test, t->memory);
	KUNIT_ASSERT_EQ(test, 0,
			kunit_add_action_or_reset(test, hw_free_memory, t->memory));
	for (unsigned int page = 0; page < HW_MEMORY / SZ_4K; page++)
		*(u8 *)hw_page(t, page) = hw_mark(page);

	if (desc->default_domain) {
		t->domain = iommu_get_domain_for_dev(t->master[0].dev);
		if (!iommu_is_dma_domain(t->domain)) {
			t->domain = NULL;
			kunit_skip(test, "model: the default domain does not translate");
		}
	} else {
		KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test, hw_free_domain, t));
		hw_attach_new(test);
	}
	hw_clear(iommu);
	return 0;
}

/* Large blocks first, as part of one cannot be unmapped; there are holes */
static void hw_unmap_all(struct kunit *test)
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

	if (!t)
		return;
	hw_may_warn(test, true);
	for (struct hw_iommu *one = t->iommu; one; one = one->next) {
		KUNIT_EXPECT_EQ(test, 0, hw_take(one, &one->conflicts));
		KUNIT_EXPECT_EQ(test, 0, hw_take(one, &one->unknown));
		hw_expect_powered(test, one);
	}
	if (t->iommu->desc->default_domain && t->domain)
		hw_unmap_all(test);
}

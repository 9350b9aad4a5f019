// SPDX-License-Identifier: GPL-2.0
/*
 * What a DMA engine reaches of memory that was unmapped, through the DMA API: for
 * machines that have an engine with memcpy behind an IOMMU. A channel that nobody uses
 * is taken for each IOMMU, and given back; its domain stays as it is.
 *
 * Without faults=1 nothing accesses an IOVA that is not mapped: other memory is mapped
 * in place of what was unmapped, and the engine must reach that and not the old one.
 * Drivers with an iotlb_sync_map may flush just then, so with these a sync that unmap
 * has missed is seen with faults=1 only.
 */
#include <kunit/test.h>
#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/device.h>
#include <linux/dma-mapping.h>
#include <linux/dmaengine.h>
#include <linux/iommu.h>
#include <linux/jiffies.h>
#include <linux/module.h>
#include <linux/scatterlist.h>
#include <linux/sizes.h>
#include <linux/string.h>
#include <linux/string_choices.h>

#define MAX_CHANNELS	64
#define ROUNDS		8
#define PAGES		8

/* The engine accesses a mapping at so many places, evenly apart, at most */
#define PLACES		4

/* No flush queue waits longer: 10 ms, and a tick or two */
#define DRAIN_MS	100

static char *wanted_channel;
module_param_named(channel, wanted_channel, charp, 0444);
MODULE_PARM_DESC(channel, "the only channel to take, as dma0chan0");

static char *wanted_device;
module_param_named(device, wanted_device, charp, 0444);
MODULE_PARM_DESC(device, "the only device to take a channel of");

static bool faults;
module_param(faults, bool, 0444);
MODULE_PARM_DESC(faults, "also access what is not mapped; may stop the engine, or the machine");

static unsigned int timeout_ms = 1000;
module_param(timeout_ms, uint, 0444);
MODULE_PARM_DESC(timeout_ms, "how long an access may take");

/**
 * struct engine - A channel that the suite has taken
 * @chan: it
 * @dev: the device that accesses memory for it
 * @done: completed when a transfer is
 * @result: of that transfer
 * @lost: a transfer never ended and cannot be stopped: its memory is not freed
 */
struct engine {
	struct dma_chan *chan;
	struct device *dev;
	struct completion done;
	enum dmaengine_tx_result result;
	bool lost;
};

static struct engine engines[MAX_CHANNELS];
static unsigned int engine_count;

/**
 * struct scan - A look at all channels
 * @suite: that logs what is refused; may be NULL
 * @usable: those that can be taken, one for each IOMMU
 * @count: how many
 * @over: false if no channel was free, which is where it begins
 * @about: a channel
 * @why: that one is refused
 * @dev: of the last channel refused
 * @reason: why that was
 */
struct scan {
	struct kunit_suite *suite;
	struct dma_chan *usable[MAX_CHANNELS];
	unsigned int count;
	bool over;
	const struct dma_chan *about;
	const char *why;
	const struct device *dev;
	const char *reason;
};

static const char *refusal(struct dma_chan *chan)
{
	struct device *dev = dmaengine_get_dma_device(chan);
	struct iommu_domain *domain;

	if ((wanted_channel && strcmp(wanted_channel, dma_chan_name(chan))) ||
	    (wanted_device && strcmp(wanted_device, dev_name(dev))))
		return "not asked for";
	if (chan->client_count)
		return "in use";
	if (!dma_has_cap(DMA_MEMCPY, chan->device->cap_mask))
		return "no memcpy";
	domain = iommu_get_domain_for_dev(dev);
	if (!domain)
		return "no IOMMU";
	if (domain->type == IOMMU_DOMAIN_IDENTITY)
		return "the IOMMU does not translate";
	if (!iommu_is_dma_domain(domain))
		return "not in a domain of the DMA API";
	return NULL;
}

static struct iommu_device *iommu_of(struct dma_chan *chan)
{
	return dmaengine_get_dma_device(chan)->iommu->iommu_dev;
}

static bool has_iommu(struct scan *scan, struct iommu_device *iommu)
{
	for (unsigned int i = 0; i < scan->count; i++)
		if (iommu_of(scan->usable[i]) == iommu)
			return true;
	return false;
}

/* Channels of a device follow each other: what is the same of them is said once */
static void refuse(struct scan *scan, struct dma_chan *chan, const char *reason)
{
	struct device *dev = dmaengine_get_dma_device(chan);

	if (chan == scan->about)
		scan->why = reason;
	if (!scan->suite || (dev == scan->dev && reason == scan->reason))
		return;
	scan->dev = dev;
	scan->reason = reason;
	kunit_log(KERN_INFO, scan->suite,
		  "    # board: refused channel=%s device=%s reason=\"%s\"\n",
		  dma_chan_name(chan), dev_name(dev), reason);
}

static int look_at_channel(struct device *class_dev, void *context)
{
	struct dma_chan_dev *chan_dev = container_of(class_dev, struct dma_chan_dev, device);
	struct dma_chan *chan = chan_dev->chan;
	struct scan *scan = context;
	const char *reason;

	if (!chan)
		return 0;
	reason = refusal(chan);
	if (!reason && (has_iommu(scan, iommu_of(chan)) || scan->count == MAX_CHANNELS))
		reason = "another channel is taken";
	if (reason)
		refuse(scan, chan, reason);
	else
		scan->usable[scan->count++] = chan;
	return 0;
}

/*
 * Called for a free channel with the list of all locked. A device of which no channel is
 * free would be left out, so look at the class.
 */
static bool look_at_all(struct dma_chan *chan, void *context)
{
	struct scan *scan = context;

	if (!scan->over)
		class_for_each_device(chan->dev->device.class, NULL, scan, look_at_channel);
	scan->over = true;
	return false;
}

static void scan_channels(struct scan *scan)
{
	dma_cap_mask_t any;

	dma_cap_zero(any);
	dma_request_channel(any, look_at_all, scan);
}

static bool is_channel(struct dma_chan *chan, void *context)
{
	return chan == context;
}

static void log_engine(struct kunit_suite *suite, struct engine *engine)
{
	struct iommu_domain *domain = iommu_get_domain_for_dev(engine->dev);
	struct device *iommu = iommu_of(engine->chan)->dev;
	struct device *parent = iommu->parent;

	kunit_log(KERN_INFO, suite,
		  "    # board: channel=%s device=%s driver=%s iommu=%s iommu_device=%s domain=%s declared=%s sync_map=%s\n",
		  dma_chan_name(engine->chan), dev_name(engine->dev),
		  dev_driver_string(engine->chan->device->dev),
		  parent && parent->driver ? parent->driver->name : dev_name(iommu),
		  dev_name(iommu),
		  domain->type == IOMMU_DOMAIN_DMA_FQ ? "lazy" : "strict",
		  str_yes_no(domain->ops->iotlb_sync_always),
		  str_yes_no(domain->ops->iotlb_sync_map));
}

static int suite_init(struct kunit_suite *suite)
{
	struct scan *scan = kzalloc_obj(*scan);
	dma_cap_mask_t mask;

	if (!scan)
		return -ENOMEM;
	wait_for_device_probe();
	scan->suite = suite;
	scan_channels(scan);
	dma_cap_zero(mask);
	dma_cap_set(DMA_MEMCPY, mask);
	engine_count = 0;
	for (unsigned int i = 0; i < scan->count; i++) {
		struct engine *engine = &engines[engine_count];

		*engine = (struct engine) {
			.chan = dma_request_channel(mask, is_channel, scan->usable[i]),
		};
		if (!engine->chan)
			continue;
		engine->dev = dmaengine_get_dma_device(engine->chan);
		init_completion(&engine->done);
		log_engine(suite, engine);
		engine_count++;
	}
	if (!engine_count)
		kunit_log(KERN_INFO, suite, "    # board: none%s\n",
			  scan->over ? "" : " reason=\"no channel is free\"");
	kfree(scan);
	return 0;
}

static void suite_exit(struct kunit_suite *suite)
{
	while (engine_count--)
		if (!engines[engine_count].lost)
			dma_release_channel(engines[engine_count].chan);
	engine_count = 0;
}

/* If there is none a single parameter stands for that, with which all cases are skipped */
static const void *engine_gen_params(struct kunit *test, const void *prev, char *desc)
{
	const struct engine *engine = prev ? (const struct engine *)prev + 1 : engines;

	if (engine >= engines + max(engine_count, 1))
		return NULL;
	strscpy(desc, engine_count ? dev_name(engine->dev) : "none", KUNIT_PARAM_DESC_SIZE);
	return engine;
}

/**
 * enum way - How memory is mapped
 * @WHOLE: as one piece
 * @LIST: its pages in descending order, so that none is merged with the next, in a list
 * @LINKED: the same, one by one
 */
enum way {
	WHOLE,
	LIST,
	LINKED,
};

/**
 * struct mapping - Memory that is mapped, or was
 * @engine: that it is mapped for
 * @way: how
 * @size: of @memory
 * @memory: what
 * @iova: where
 * @sgt: of a LIST
 * @state: if it is LINKED
 */
struct mapping {
	struct engine *engine;
	enum way way;
	size_t size;
	void *memory;
	dma_addr_t iova;
	struct sg_table sgt;
	struct dma_iova_state state;
};

/**
 * struct engine_test - What a case works with
 * @engine: the channel
 * @dev: its device
 * @lazy: IOVAs are flushed, and free, some time after unmap
 * @own: two pages that stay mapped; the engine copies from and to the first
 * @own_iova: where
 * @old: memory to be mapped and unmapped, as much as the largest block that is tested
 * @new: as much, to be mapped in its place
 */
struct engine_test {
	struct engine *engine;
	struct device *dev;
	bool lazy;
	void *own;
	dma_addr_t own_iova;
	void *old;
	void *new;
};

#define MEMORY		max(SZ_2M, 16 * PAGE_SIZE)
#define OWN_SIZE	(2 * PAGE_SIZE)

static void give_back(void *context)
{
	struct engine_test *et = context;

	if (et->engine->lost)
		return;
	if (et->own_iova != DMA_MAPPING_ERROR)
		dma_unmap_single(et->dev, et->own_iova, OWN_SIZE, DMA_BIDIRECTIONAL);
	free_pages((unsigned long)et->own, get_order(OWN_SIZE));
	free_pages((unsigned long)et->old, get_order(MEMORY));
	free_pages((unsigned long)et->new, get_order(MEMORY));
}

static int engine_test_init(struct kunit *test)
{
	struct engine_test *et;

	if (!engine_count)
		kunit_skip(test, "model: no DMA engine with memcpy is free and translated");
	et = kunit_kzalloc(test, sizeof(*et), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, et);
	test->priv = et;
	et->engine = (struct engine *)test->param_value;
	et->dev = et->engine->dev;
	KUNIT_ASSERT_FALSE_MSG(test, et->engine->lost, "an earlier transfer never ended");
	et->lazy = iommu_get_domain_for_dev(et->dev)->type == IOMMU_DOMAIN_DMA_FQ;
	et->own_iova = DMA_MAPPING_ERROR;
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action(test, give_back, et));
	et->own = (void *)__get_free_pages(GFP_KERNEL, get_order(OWN_SIZE));
	et->old = (void *)__get_free_pages(GFP_KERNEL, get_order(MEMORY));
	et->new = (void *)__get_free_pages(GFP_KERNEL, get_order(MEMORY));
	KUNIT_ASSERT_TRUE(test, et->own && et->old && et->new);
	et->own_iova = dma_map_single(et->dev, et->own, OWN_SIZE, DMA_BIDIRECTIONAL);
	KUNIT_ASSERT_EQ(test, 0, dma_mapping_error(et->dev, et->own_iova));
	return 0;
}

static void transfer_done(void *context, const struct dmaengine_result *result)
{
	struct engine *engine = context;

	engine->result = result ? result->result : DMA_TRANS_NOERROR;
	complete(&engine->done);
}

/* What cannot be stopped may complete when this module is gone */
static int stop(struct engine *engine)
{
	if (dmaengine_terminate_sync(engine->chan)) {
		engine->lost = true;
		__module_get(THIS_MODULE);
	}
	return -ETIMEDOUT;
}

/* Return 0, -EIO if the engine reports an error, or -ETIMEDOUT if it did not end */
static int copy_page_of(struct engine *engine, dma_addr_t to, dma_addr_t from)
{
	struct dma_async_tx_descriptor *tx;
	dma_cookie_t cookie;

	tx = dmaengine_prep_dma_memcpy(engine->chan, to, from, PAGE_SIZE,
				       DMA_PREP_INTERRUPT | DMA_CTRL_ACK);
	if (!tx)
		return -ENOMEM;
	reinit_completion(&engine->done);
	tx->callback_result = transfer_done;
	tx->callback_param = engine;
	cookie = dmaengine_submit(tx);
	if (dma_submit_error(cookie))
		return cookie;
	dma_async_issue_pending(engine->chan);
	if (!wait_for_completion_timeout(&engine->done, msecs_to_jiffies(timeout_ms)))
		return stop(engine);
	if (engine->result != DMA_TRANS_NOERROR ||
	    dma_async_is_tx_complete(engine->chan, cookie, NULL, NULL) == DMA_ERROR)
		return -EIO;
	return 0;
}

/* Have the engine fill a page */
static int engine_writes(struct engine_test *et, dma_addr_t iova, u8 byte)
{
	dma_sync_single_for_cpu(et->dev, et->own_iova, PAGE_SIZE, DMA_BIDIRECTIONAL);
	memset(et->own, byte, PAGE_SIZE);
	dma_sync_single_for_device(et->dev, et->own_iova, PAGE_SIZE, DMA_BIDIRECTIONAL);
	return copy_page_of(et->engine, iova, et->own_iova);
}

/* Have the engine read a page, which is in @own then; 0 there is what never arrived */
static int engine_reads(struct engine_test *et, dma_addr_t iova)
{
	int ret;

	dma_sync_single_for_cpu(et->dev, et->own_iova, PAGE_SIZE, DMA_BIDIRECTIONAL);
	memset(et->own, 0, PAGE_SIZE);
	dma_sync_single_for_device(et->dev, et->own_iova, PAGE_SIZE, DMA_BIDIRECTIONAL);
	ret = copy_page_of(et->engine, et->own_iova, iova);
	dma_sync_single_for_cpu(et->dev, et->own_iova, PAGE_SIZE, DMA_BIDIRECTIONAL);
	return ret;
}

static bool holds(const void *page, u8 byte)
{
	return !memchr_inv(page, byte, PAGE_SIZE);
}

/* Differs from what the last 200 calls returned, and from 0 */
static u8 token(void)
{
	static u8 last;

	last = last % 0xff + 1;
	return last;
}

static int map_list(struct mapping *m)
{
	unsigned int count = m->size / PAGE_SIZE;
	struct scatterlist *sg;
	unsigned int i;
	int ret;

	ret = sg_alloc_table(&m->sgt, count, GFP_KERNEL);
	if (ret)
		return ret;
	for_each_sgtable_sg(&m->sgt, sg, i)
		sg_set_buf(sg, m->memory + (count - 1 - i) * PAGE_SIZE, PAGE_SIZE);
	ret = dma_map_sgtable(m->engine->dev, &m->sgt, DMA_BIDIRECTIONAL, 0);
	if (ret) {
		sg_free_table(&m->sgt);
		return ret;
	}
	m->iova = sg_dma_address(m->sgt.sgl);
	return 0;
}

static int map_linked(struct mapping *m)
{
	phys_addr_t last = virt_to_phys(m->memory) + m->size - PAGE_SIZE;
	size_t done;
	int ret;

	if (!dma_iova_try_alloc(m->engine->dev, &m->state, last, m->size))
		return -ENOSPC;
	m->iova = m->state.addr;
	for (done = 0; done < m->size; done += PAGE_SIZE) {
		ret = dma_iova_link(m->engine->dev, &m->state, last - done, done, PAGE_SIZE,
				    DMA_BIDIRECTIONAL, 0);
		if (ret)
			goto err_destroy;
	}
	ret = dma_iova_sync(m->engine->dev, &m->state, 0, m->size);
	if (!ret)
		return 0;
err_destroy:
	dma_iova_destroy(m->engine->dev, &m->state, done, DMA_BIDIRECTIONAL, 0);
	return ret;
}

static void unmap_memory(void *context)
{
	struct mapping *m = context;

	if (m->engine->lost)
		return;
	switch (m->way) {
	case WHOLE:
		dma_unmap_single(m->engine->dev, m->iova, m->size, DMA_BIDIRECTIONAL);
		break;
	case LIST:
		dma_unmap_sgtable(m->engine->dev, &m->sgt, DMA_BIDIRECTIONAL, 0);
		sg_free_table(&m->sgt);
		break;
	case LINKED:
		dma_iova_destroy(m->engine->dev, &m->state, m->size, DMA_BIDIRECTIONAL, 0);
		break;
	}
}

static struct mapping *map(struct kunit *test, enum way way, void *memory, size_t size)
{
	struct mapping *m = kunit_kzalloc(test, sizeof(*m), GFP_KERNEL);
	struct engine_test *et = test->priv;
	int ret = 0;

	KUNIT_ASSERT_NOT_NULL(test, m);
	*m = (struct mapping) {
		.engine = et->engine,
		.way = way,
		.size = size,
		.memory = memory,
	};
	switch (way) {
	case WHOLE:
		m->iova = dma_map_single(m->engine->dev, memory, size, DMA_BIDIRECTIONAL);
		ret = dma_mapping_error(m->engine->dev, m->iova);
		break;
	case LIST:
		ret = map_list(m);
		break;
	case LINKED:
		ret = map_linked(m);
		break;
	}
	KUNIT_ASSERT_EQ(test, 0, ret);
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test, unmap_memory, m));
	return m;
}

/* Out of reach on return, or in lazy mode when the queue was flushed, and so here too */
static void unmap(struct kunit *test, struct mapping *m)
{
	struct engine_test *et = test->priv;

	kunit_release_action(test, unmap_memory, m);
	if (et->lazy)
		msleep(DRAIN_MS);
}

/* Let the CPU see what an engine has written that does not snoop its caches */
static void look(struct kunit *test, void *memory, size_t size)
{
	struct engine_test *et = test->priv;
	dma_addr_t iova = dma_map_single(et->dev, memory, size, DMA_FROM_DEVICE);

	KUNIT_ASSERT_EQ(test, 0, dma_mapping_error(et->dev, iova));
	dma_unmap_single(et->dev, iova, size, DMA_FROM_DEVICE);
}

static unsigned int places(size_t size)
{
	return min(size / PAGE_SIZE, PLACES);
}

/* Where in a mapping the engine accesses it, the last page among them */
static size_t place(size_t size, unsigned int i)
{
	return i == places(size) - 1 ? size - PAGE_SIZE : i * (size / places(size));
}

/* The page that is mapped so far behind the IOVA */
static void *page_at(const struct mapping *m, size_t at)
{
	return m->memory + (m->way == WHOLE ? at : m->size - PAGE_SIZE - at);
}

/* Have the IOTLB know it all, and be sure that it is used: else nothing is proved */
static void use(struct kunit *test, const struct mapping *m, u8 byte)
{
	struct engine_test *et = test->priv;

	for (unsigned int i = 0; i < places(m->size); i++) {
		size_t at = place(m->size, i);

		KUNIT_ASSERT_EQ(test, 0, engine_writes(et, m->iova + at, byte));
		KUNIT_ASSERT_EQ(test, 0, engine_reads(et, m->iova + at));
		KUNIT_ASSERT_TRUE_MSG(test, holds(et->own, byte),
				      "the engine does not read what it wrote: %*ph", 8, et->own);
	}
}

static void expect_holds(struct kunit *test, const struct mapping *m, u8 byte,
			 const char *what)
{
	for (unsigned int i = 0; i < places(m->size); i++) {
		size_t at = place(m->size, i);
		const u8 *page = page_at(m, at);

		KUNIT_EXPECT_TRUE_MSG(test, holds(page, byte),
				      "%s, 0x%zx behind IOVA %pad: not %02x but %*ph",
				      what, at, &m->iova, byte, 8, page);
	}
}

/* A copy by the engine arrives, and no further than it should */
static void copy_test(struct kunit *test)
{
	struct engine_test *et = test->priv;
	u8 before = token(), byte = token();
	struct mapping *m;

	memset(et->old, before, 3 * PAGE_SIZE);
	m = map(test, WHOLE, et->old, 3 * PAGE_SIZE);
	KUNIT_ASSERT_EQ(test, 0, engine_writes(et, m->iova + PAGE_SIZE, byte));
	unmap(test, m);
	KUNIT_EXPECT_TRUE(test, holds(et->old, before));
	KUNIT_EXPECT_TRUE(test, holds(et->old + PAGE_SIZE, byte));
	KUNIT_EXPECT_TRUE(test, holds(et->old + 2 * PAGE_SIZE, before));
}

/* The engine must reach what is mapped now, return whether the IOVA was the same */
static bool remap_once(struct kunit *test, enum way was, enum way is, size_t size)
{
	u8 old = token(), new = token(), byte = token();
	struct engine_test *et = test->priv;
	struct mapping *before, *after;

	memset(et->old, old, size);
	memset(et->new, new, size);
	old = token();
	before = map(test, was, et->old, size);
	use(test, before, old);
	unmap(test, before);
	expect_holds(test, before, old, "the engine did not write");

	after = map(test, is, et->new, size);
	if (after->iova != before->iova) {
		unmap(test, after);
		return false;
	}
	for (unsigned int i = 0; i < places(size); i++) {
		size_t at = place(size, i);

		KUNIT_ASSERT_EQ(test, 0, engine_reads(et, after->iova + at));
		KUNIT_EXPECT_TRUE_MSG(test, holds(et->own, new),
				      "a read at IOVA %pad, 0x%zx further, is not of what is mapped: not %02x but %*ph%s",
				      &after->iova, at, new, 8, et->own,
				      holds(et->own, old) ? ", the memory that was unmapped" : "");
		KUNIT_ASSERT_EQ(test, 0, engine_writes(et, after->iova + at, byte));
	}
	unmap(test, after);
	look(test, et->old, size);
	expect_holds(test, before, old, "memory that was unmapped was written to");
	expect_holds(test, after, byte, "a write does not reach what is mapped");
	return true;
}

static void remap(struct kunit *test, enum way was, enum way is, size_t size)
{
	unsigned int same = 0;

	for (int i = 0; i < ROUNDS && test->status != KUNIT_FAILURE; i++)
		same += remap_once(test, was, is, size);
	kunit_info(test, "%u of %u times the IOVA was the same\n", same, ROUNDS);
	if (!same)
		kunit_skip(test, "model: no IOVA was used again");
}

static void page_test(struct kunit *test)
{
	remap(test, WHOLE, WHOLE, PAGE_SIZE);
}

static void pages_test(struct kunit *test)
{
	remap(test, WHOLE, WHOLE, 16 * PAGE_SIZE);
}

static void list_test(struct kunit *test)
{
	remap(test, LIST, LIST, 16 * PAGE_SIZE);
}

static void linked_test(struct kunit *test)
{
	remap(test, LINKED, LINKED, 16 * PAGE_SIZE);
}

static void block_test(struct kunit *test)
{
	remap(test, WHOLE, WHOLE, SZ_2M);
}

static void block_over_table_test(struct kunit *test)
{
	remap(test, LIST, WHOLE, SZ_2M);
}

static void table_over_block_test(struct kunit *test)
{
	remap(test, WHOLE, LIST, SZ_2M);
}

/* Some of several mappings go, and those between them stay */
static void neighbours_test(struct kunit *test)
{
	struct engine_test *et = test->priv;
	struct mapping *old[PAGES], *new[PAGES];
	u8 first = token(), byte[PAGES];
	unsigned int same = 0;

	memset(et->new, first, PAGES * PAGE_SIZE);
	for (int i = 0; i < PAGES; i++) {
		byte[i] = token();
		old[i] = map(test, WHOLE, et->old + i * PAGE_SIZE, PAGE_SIZE);
		use(test, old[i], byte[i]);
	}
	for (int i = 0; i < PAGES; i += 2)
		unmap(test, old[i]);
	for (int i = 0; i < PAGES; i += 2) {
		new[i] = map(test, WHOLE, et->new + i * PAGE_SIZE, PAGE_SIZE);
		for (int j = 0; j < PAGES; j += 2)
			same += new[i]->iova == old[j]->iova;
		KUNIT_ASSERT_EQ(test, 0, engine_reads(et, new[i]->iova));
		KUNIT_EXPECT_TRUE_MSG(test, holds(et->own, first),
				      "a read at IOVA %pad is not of what is mapped: %*ph",
				      &new[i]->iova, 8, et->own);
		use(test, new[i], token());
	}
	for (int i = 1; i < PAGES; i += 2) {
		KUNIT_ASSERT_EQ(test, 0, engine_reads(et, old[i]->iova));
		KUNIT_EXPECT_TRUE_MSG(test, holds(et->own, byte[i]),
				      "a read at IOVA %pad is not of what is mapped: %*ph",
				      &old[i]->iova, 8, et->own);
	}
	for (int i = 0; i < PAGES; i++)
		unmap(test, i % 2 ? old[i] : new[i]);
	look(test, et->old, PAGES * PAGE_SIZE);
	for (int i = 0; i < PAGES; i++)
		expect_holds(test, old[i], byte[i],
			     "memory that was unmapped was written to");
	kunit_info(test, "%u of %u times the IOVA was the same\n", same, PAGES / 2);
}

/* Nobody else gets a channel that is in use, nor does this suite take one */
static void in_use_test(struct kunit *test)
{
	struct scan *scan = kunit_kzalloc(test, sizeof(*scan), GFP_KERNEL);
	struct engine_test *et = test->priv;

	KUNIT_ASSERT_NOT_NULL(test, scan);
	scan->about = et->engine->chan;
	scan_channels(scan);
	for (unsigned int i = 0; i < scan->count; i++)
		KUNIT_EXPECT_PTR_NE(test, scan->usable[i], et->engine->chan);
	if (!scan->over)
		kunit_skip(test, "model: no other channel is free");
	KUNIT_EXPECT_STREQ(test, scan->why, "in use");
}

/* After a fault: else what comes next would prove nothing */
static void expect_alive(struct kunit *test)
{
	struct engine_test *et = test->priv;
	u8 byte = token();

	KUNIT_ASSERT_FALSE_MSG(test, et->engine->lost, "the engine cannot be stopped");
	KUNIT_ASSERT_EQ_MSG(test, 0, engine_writes(et, et->own_iova + PAGE_SIZE, byte),
			    "the engine does not work any more");
	dma_sync_single_for_cpu(et->dev, et->own_iova, OWN_SIZE, DMA_BIDIRECTIONAL);
	KUNIT_ASSERT_TRUE(test, holds(et->own + PAGE_SIZE, byte));
	dma_sync_single_for_device(et->dev, et->own_iova, OWN_SIZE, DMA_BIDIRECTIONAL);
}

/* After unmap nothing must arrive; the engine may report that, or stop */
static void gone(struct kunit *test, enum way way, size_t size)
{
	struct engine_test *et = test->priv;
	struct mapping *m;
	u8 byte = token();
	int ret;

	if (!faults)
		kunit_skip(test, "model: an access that must fail is made with faults=1 only");

	memset(et->old, token(), size);
	m = map(test, way, et->old, size);
	use(test, m, byte);
	unmap(test, m);
	expect_holds(test, m, byte, "the engine did not write");
	for (unsigned int i = 0; i < places(size); i++) {
		size_t at = place(size, i);

		ret = engine_reads(et, m->iova + at);
		KUNIT_EXPECT_TRUE(test, !ret || ret == -EIO || ret == -ETIMEDOUT);
		KUNIT_EXPECT_FALSE_MSG(test, holds(et->own, byte),
				       "a read at IOVA %pad, 0x%zx further, is of memory that was unmapped",
				       &m->iova, at);
		expect_alive(test);
		ret = engine_writes(et, m->iova + at, token());
		KUNIT_EXPECT_TRUE(test, !ret || ret == -EIO || ret == -ETIMEDOUT);
		expect_alive(test);
	}
	look(test, et->old, size);
	expect_holds(test, m, byte, "memory that was unmapped was written to");
}

static void page_gone_test(struct kunit *test)
{
	gone(test, WHOLE, PAGE_SIZE);
}

static void list_gone_test(struct kunit *test)
{
	gone(test, LIST, 16 * PAGE_SIZE);
}

static void linked_gone_test(struct kunit *test)
{
	gone(test, LINKED, 16 * PAGE_SIZE);
}

static void block_gone_test(struct kunit *test)
{
	gone(test, WHOLE, SZ_2M);
}

#define ENGINE_CASE(name) KUNIT_CASE_PARAM(name, engine_gen_params)

static struct kunit_case engine_cases[] = {
	ENGINE_CASE(in_use_test),
	ENGINE_CASE(copy_test),
	ENGINE_CASE(page_test),
	ENGINE_CASE(pages_test),
	ENGINE_CASE(list_test),
	ENGINE_CASE(linked_test),
	ENGINE_CASE(block_test),
	ENGINE_CASE(block_over_table_test),
	ENGINE_CASE(table_over_block_test),
	ENGINE_CASE(neighbours_test),
	ENGINE_CASE(page_gone_test),
	ENGINE_CASE(list_gone_test),
	ENGINE_CASE(linked_gone_test),
	ENGINE_CASE(block_gone_test),
	{ }
};

static struct kunit_suite engine_suite = {
	.name = "iommu_e2e_dmaengine",
	.suite_init = suite_init,
	.suite_exit = suite_exit,
	.init = engine_test_init,
	.test_cases = engine_cases,
};

kunit_test_suite(engine_suite);

MODULE_DESCRIPTION("End-to-end tests of the DMA API with a DMA engine");
MODULE_LICENSE("GPL");

// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the hardware models of IOMMUs share: the IOTLB, the walk, the way to boot
 */
#include "hw.h"

#include <linux/delay.h>
#include <linux/dma-mapping.h>
#include <linux/io.h>
#include <linux/ktime.h>
#include <linux/list.h>
#include <linux/mod_devicetable.h>
#include <linux/of.h>
#include <linux/platform_device.h>
#include <linux/pm_runtime.h>
#include <linux/property.h>
#include <linux/random.h>
#include <linux/slab.h>

/* All of them; complete before there is a second thread, and never changed again */
static LIST_HEAD(hw_iommus);

/* With hw_set_slow(), one access in so many takes a while */
#define HW_SLOW_ONE_IN	8

/* For a driver on another CPU, which may itself be kept waiting */
#define HW_WAIT_MS	1000

/* How often a window has lost its registers */
static unsigned int hw_window_losses(struct hw_iommu *iommu, unsigned int nr)
{
	const struct hw_window *window = &iommu->desc->windows[iommu->instance + nr];
	unsigned long powers = window->powers, resets = window->resets;
	unsigned int line, losses = 0;

	for_each_set_bit(line, &powers, HW_SOC_LINES)
		losses += hw_soc_losses(iommu->soc, line, false);
	for_each_set_bit(line, &resets, HW_SOC_LINES)
		losses += hw_soc_losses(iommu->soc, line, true);
	return losses;
}

/* The IOTLB has lost what @lost says, and what was posted for it is done with it */
static void hw_lose_tlb(struct hw_iommu *iommu, const struct hw_inval *lost)
{
	struct hw_entry *entry;
	unsigned int i;

	for (i = 0; i < iommu->used; i++) {
		entry = &iommu->tlb[i];
		if (lost->tag != HW_ANY_TAG && entry->tag != lost->tag)
			continue;
		entry->caches &= ~lost->caches;
		entry->posted &= ~lost->caches;
		entry->started &= ~lost->caches;
	}
}

/* Let windows forget what they have lost since somebody last looked */
static void hw_catch_up(struct hw_iommu *iommu)
{
	unsigned int i, losses;

	for (i = 0; iommu->soc && i < HW_MAX_WINDOWS && iommu->windows[i].mmio; i++) {
		struct hw_inval lost = {
			.caches = HW_ALL_CACHES,
			.tag = HW_ANY_TAG,
		};

		losses = hw_window_losses(iommu, i);
		if (losses == iommu->windows[i].losses)
			continue;

		iommu->windows[i].losses = losses;
		iommu->losses++;
		iommu->desc->ops->power_off(iommu, i, &lost);
		if (iommu->loses_tlb)
			hw_lose_tlb(iommu, &lost);
	}
}

/* Whether the registers of a window can be accessed; counts if not */
static bool hw_powered(struct hw_iommu *iommu, unsigned int nr, unsigned int offset,
		       bool write)
{
	const struct hw_window *window = &iommu->desc->windows[iommu->instance + nr];
	unsigned long clks = window->clks;
	unsigned long powers = window->powers;
	unsigned long resets = window->resets;
	unsigned int line;
	bool powered = true;

	if (!iommu->soc)
		return true;

	for_each_set_bit(line, &clks, HW_SOC_LINES)
		powered &= hw_soc_clk_enabled(iommu->soc, line) > 0;
	for_each_set_bit(line, &powers, HW_SOC_LINES)
		powered &= hw_soc_power_on(iommu->soc, line);
	for_each_set_bit(line, &resets, HW_SOC_LINES)
		powered &= !hw_soc_reset_asserted(iommu->soc, line);

	if (!powered && !iommu->unpowered++) {
		iommu->unpowered_at.window = nr;
		iommu->unpowered_at.offset = offset;
		iommu->unpowered_at.write = write;
	}
	return powered;
}

static bool hw_covers(const struct hw_entry *entry, u32 tag, u64 iova)
{
	return (tag == HW_ANY_TAG || entry->tag == tag) && iova >= entry->iova &&
	       iova - entry->iova < entry->size;
}

static struct hw_entry *hw_lookup(struct hw_iommu *iommu, u32 tag, u32 caches,
				  bool table, u64 iova)
{
	struct hw_entry *entry, *found = NULL;
	unsigned int i;

	for (i = 0; i < iommu->used; i++) {
		entry = &iommu->tlb[i];
		if (!(entry->caches & caches) || entry->table != table ||
		    !hw_covers(entry, tag, iova))
			continue;
		/* The smallest is furthest down the walk */
		if (!found || entry->size < found->size)
			found = entry;
	}
	return found;
}

/* Tables must be changed so that no address is translated twice, as to page and block */
static bool hw_conflicts(struct hw_iommu *iommu, const struct hw_entry *entry)
{
	struct hw_entry *other;
	unsigned int i;

	for (i = 0; i < iommu->used; i++) {
		other = &iommu->tlb[i];
		if (other->caches & entry->caches && !other->table && other->prot &&
		    !entry->table && other->tag == entry->tag &&
		    other->iova <= entry->iova + (entry->size - 1) &&
		    entry->iova <= other->iova + (other->size - 1))
			return true;
	}
	return false;
}

static void hw_fill(struct hw_iommu *iommu, const struct hw_entry *entry)
{
	unsigned int i;

	for (i = 0; i < iommu->used; i++)
		if (!iommu->tlb[i].caches)
			break;

	iommu->conflicts += hw_conflicts(iommu, entry);

	/* Entries must not leave unless told to, or a stale one might not be seen */
	if (WARN_ON(i == HW_TLB_SIZE))
		return;

	iommu->tlb[i] = *entry;
	iommu->used = max(iommu->used, i + 1);
}

/*
 * Return 0 with the translation in @leaf, or -EFAULT with the rest of it. @cached: by way of
 * the IOTLB; what comes of a table that is to be forgotten will be forgotten with it
 */
static int hw_walk(struct hw_iommu *iommu, u32 stream, const struct hw_root *root,
		   u64 iova, bool cached, struct hw_entry *leaf)
{
	u64 table = root->table;
	int level = root->level;
	struct hw_entry from = {};
	struct hw_entry *hit;
	int ret;

	if (cached) {
		hit = hw_lookup(iommu, root->tag, HW_TABLES, true, iova);
		if (hit) {
			table = hit->addr;
			level = hit->level;
			from = *hit;
		}
	}

	do {
		*leaf = (struct hw_entry) {
			.tag = root->tag,
			.stream = stream,
			.prot = HW_READ | HW_WRITE,
			.posted = from.posted & HW_TABLES ? HW_ALL_CACHES : 0,
			.started = from.started & HW_TABLES ? HW_ALL_CACHES : 0,
			.queues = from.posted & HW_TABLES ? from.queues : 0,
		};
		ret = iommu->desc->ops->step(iommu, root, table, level, iova, leaf);
		if (ret)
			return ret;

		leaf->caches = leaf->table ? HW_TABLES : root->caches ?: HW_LEAVES;
		if (cached)
			hw_fill(iommu, leaf);
		table = leaf->addr;
		level = leaf->level;
	} while (leaf->table);

	return 0;
}

/* Whether the tables in use still have @entry */
static bool hw_live(struct hw_iommu *iommu, const struct hw_entry *entry)
{
	struct hw_root root = {};
	struct hw_entry now;

	return !iommu->desc->ops->stream(iommu, entry->stream, entry->iova, &root) &&
	       root.tag == entry->tag &&
	       !hw_walk(iommu, entry->stream, &root, entry->iova, false, &now) &&
	       now.addr == entry->addr && now.size == entry->size;
}

/**
 * hw_post() - invalidate, at some time until the next hw_complete()
 * @iommu: the IOMMU
 * @inval: what
 */
void hw_post(struct hw_iommu *iommu, const struct hw_inval *inval)
{
	struct hw_entry *entry;
	unsigned int i;

	iommu->counts.invals++;

	for (i = 0; i < iommu->used; i++) {
		entry = &iommu->tlb[i];
		if (!(entry->caches & inval->caches))
			continue;
		if (inval->tag != HW_ANY_TAG && entry->tag != inval->tag)
			continue;
		if (inval->spares_global && entry->global)
			continue;
		if (inval->size && (entry->iova > inval->iova + (inval->size - 1) ||
				    entry->iova + (entry->size - 1) < inval->iova))
			continue;

		entry->posted |= inval->caches;
		entry->queues |= BIT(inval->queue);
		if (!entry->table && hw_live(iommu, entry))
			iommu->counts.live++;
	}
}

/* What was posted to @queues takes effect; @all: also if it was so after a sync began */
static void hw_complete_queues(struct hw_iommu *iommu, u32 queues, bool all)
{
	struct hw_entry *entry;
	unsigned int i;

	for (i = 0; i < iommu->used; i++) {
		entry = &iommu->tlb[i];
		if (!(entry->queues & queues))
			continue;
		entry->caches &= ~(all ? entry->posted : entry->started);
		entry->posted &= entry->caches;
		entry->started = 0;
		if (!entry->posted)
			entry->queues = 0;
	}
	while (iommu->used && !iommu->tlb[iommu->used - 1].caches)
		iommu->used--;
}

/**
 * hw_complete() - have all that was posted take effect
 * @iommu: the IOMMU
 *
 * No sync is under way any more.
 */
void hw_complete(struct hw_iommu *iommu)
{
	hw_complete_queues(iommu, HW_ALL_QUEUES, true);
	memset(iommu->syncs, 0, sizeof(iommu->syncs));
}

/**
 * hw_start_sync() - begin to complete what was posted to some queues
 * @iommu: the IOMMU
 * @nr: of the status that says whether it is under way, below HW_SYNCS
 * @queues: one bit each
 *
 * It takes until hw_sync_busy() has been asked twice: a driver that does not wait gets
 * nothing. What is posted later is for the next sync. If that begins while one with the
 * same status is under way, the status says so until both are complete. Of several
 * instances, each takes longer than the one after it: the last to be asked does not
 * answer for the others.
 */
void hw_start_sync(struct hw_iommu *iommu, unsigned int nr, u32 queues)
{
	struct hw_entry *entry;
	unsigned int i;

	for (i = 0; i < iommu->used; i++) {
		entry = &iommu->tlb[i];
		if (entry->queues & queues)
			entry->started = entry->posted;
	}
	iommu->counts.syncs++;
	iommu->syncs[nr].polls = 2 + iommu->desc->instances - iommu->instance;
	iommu->syncs[nr].queues = queues;
}

/**
 * hw_start() - begin to complete all that was posted
 * @iommu: the IOMMU
 */
void hw_start(struct hw_iommu *iommu)
{
	hw_start_sync(iommu, 0, HW_ALL_QUEUES);
}

/**
 * hw_sync_busy() - the driver asks whether what hw_start_sync() began is complete
 * @iommu: the IOMMU
 * @nr: of the status
 * @stuck: it is not, for ever
 *
 * Return: true while it is not.
 */
bool hw_sync_busy(struct hw_iommu *iommu, unsigned int nr, bool stuck)
{
	if (!iommu->syncs[nr].polls)
		return false;
	if (stuck || --iommu->syncs[nr].polls)
		return true;
	hw_complete_queues(iommu, iommu->syncs[nr].queues, false);
	return false;
}

/**
 * hw_busy() - the driver asks whether what hw_start() began is complete
 * @iommu: the IOMMU
 *
 * Return: true while it is not, for ever if a test has the hardware stuck.
 */
bool hw_busy(struct hw_iommu *iommu)
{
	return hw_sync_busy(iommu, 0, iommu->first->stuck);
}

/**
 * hw_flush() - an invalidation that takes effect at once
 * @iommu: the IOMMU
 * @inval: what
 *
 * Completes all that was posted before, too.
 */
void hw_flush(struct hw_iommu *iommu, const struct hw_inval *inval)
{
	hw_post(iommu, inval);
	iommu->counts.syncs++;
	hw_complete(iommu);
}

/**
 * hw_raise_irq() - raise an interrupt
 * @iommu: the IOMMU
 * @line: of its hw_soc
 *
 * Context: no locks held; the driver's handler runs, and accesses registers.
 */
void hw_raise_irq(struct hw_iommu *iommu, unsigned int line)
{
	struct hw_soc *soc = iommu->first->soc;
	unsigned long flags;

	if (!soc)
		return;
	local_irq_save(flags);
	hw_soc_raise_irq(soc, line);
	local_irq_restore(flags);
}

/* With what hw_walk() says of it */
static void hw_fill_miss(struct hw_iommu *iommu, const struct hw_root *root, u64 iova,
			 const struct hw_entry *walked)
{
	hw_fill(iommu, &(struct hw_entry) {
		.iova = ALIGN_DOWN(iova, SZ_4K),
		.size = SZ_4K,
		.tag = root->tag,
		.stream = walked->stream,
		.caches = root->caches ?: HW_LEAVES,
		.posted = walked->posted,
		.started = walked->started,
		.queues = walked->queues,
	});
}

static void hw_prefetch(struct hw_iommu *iommu, u32 stream, const struct hw_root *root,
			u64 iova)
{
	struct hw_entry leaf;

	if (!hw_lookup(iommu, root->tag, root->caches ?: HW_LEAVES, false, iova) &&
	    hw_walk(iommu, stream, root, iova, true, &leaf))
		hw_fill_miss(iommu, root, iova, &leaf);
}

/* Return 0 with the translation in @leaf, 1 for none as there is no need, or -EFAULT */
static int hw_lookup_or_walk(struct hw_iommu *iommu, u32 stream, u64 iova,
			     struct hw_entry *leaf)
{
	struct hw_root root = {};
	struct hw_entry *hit;
	int ret;

	ret = iommu->desc->ops->stream(iommu, stream, iova, &root);
	if (ret)
		return ret;

	hit = hw_lookup(iommu, root.tag, root.caches ?: HW_LEAVES, false, iova);
	if (!hit) {
		iommu->counts.walks++;
		ret = hw_walk(iommu, stream, &root, iova, true, leaf);
		if (ret && iommu->desc->caches_misses)
			hw_fill_miss(iommu, &root, iova, leaf);
		if (!ret && root.prefetch)
			hw_prefetch(iommu, stream, &root, leaf->iova + leaf->size);
		return ret;
	}

	iommu->counts.hits++;
	if (iommu->desc->refills && hit->caches & ~hit->posted) {
		hit->posted &= ~root.caches;
		hit->started &= ~root.caches;
	}
	hit->caches |= root.caches;
	*leaf = *hit;
	return 0;
}

/**
 * hw_translate_one() - translate for a device, through one of several instances
 * @iommu: the instance
 * @stream: of the device
 * @iova: address
 * @write: whether it is going to write
 * @paddr: set to the physical address
 *
 * Return: 0, -EFAULT where an access would be refused, -EAGAIN if the driver has the device
 * wait, or -ENODEV if the stream does not come through this instance.
 */
int hw_translate_one(struct hw_iommu *iommu, u32 stream, u64 iova, bool write, u64 *paddr)
{
	struct hw_entry leaf;
	int ret;

	guard(spinlock_irqsave)(&iommu->lock);

	hw_catch_up(iommu);
	ret = hw_lookup_or_walk(iommu, stream, iova, &leaf);
	if (ret < 0)
		return ret;
	if (ret) {
		*paddr = iova;
		return 0;
	}

	if (!(leaf.prot & (write ? HW_WRITE : HW_READ)))
		return -EFAULT;

	*paddr = leaf.addr + (iova - leaf.iova);
	return 0;
}

/* A driver that has the device wait is at work in another thread, or nothing comes of it */
static int hw_wait_and_translate(struct hw_iommu *iommu, u32 stream, u64 iova, bool write,
				 u64 *paddr)
{
	ktime_t end = 0;
	int ret;

	while ((ret = hw_translate_one(iommu, stream, iova, write, paddr)) == -EAGAIN) {
		if (!end)
			end = ktime_add_ms(ktime_get(), HW_WAIT_MS);
		else if (ktime_after(ktime_get(), end))
			return -EFAULT;
		if (in_task() && !irqs_disabled())
			usleep_range(20, 50);
		else
			udelay(1);
	}
	return ret;
}

/**
 * hw_translate() - translate for a device, without an access
 * @iommu: the IOMMU
 * @stream: of the device
 * @iova: address
 * @write: whether it is going to write
 * @paddr: set to the physical address
 *
 * Raises no interrupt. Of several instances, which are asked one after another, all that
 * the stream comes through must give the same answer: where they do not, @paddr is
 * HW_NO_PADDR, and so neither what is mapped nor a refusal.
 *
 * Context: any; may take a while where the driver has the device wait.
 * Return: 0, or -EFAULT where an access would be refused.
 */
int hw_translate(struct hw_iommu *iommu, u32 stream, u64 iova, bool write,
		 u64 *paddr)
{
	bool found = false, differ = false;
	int ret = -EFAULT;
	u64 addr = 0;

	for (struct hw_iommu *one = iommu; one; one = one->next) {
		u64 other = 0;
		int err = hw_wait_and_translate(one, stream, iova, write, &other);

		if (err == -ENODEV)
			continue;
		if (found)
			differ |= err != ret || other != addr;
		found = true;
		ret = err;
		addr = other;
	}

	if (differ) {
		addr = HW_NO_PADDR;
		ret = 0;
	}
	if (!ret)
		*paddr = addr;
	return ret;
}

static bool hw_reads_from_one(struct hw_iommu *iommu, u32 stream, u64 iova, u64 start,
			      u64 size)
{
	struct hw_entry leaf, *entry;
	struct hw_root root = {};
	unsigned int i;

	guard(spinlock_irqsave)(&iommu->lock);

	hw_catch_up(iommu);
	if (iommu->desc->ops->stream(iommu, stream, iova, &root))
		return false;

	for (i = 0; i < iommu->used; i++) {
		entry = &iommu->tlb[i];
		if (entry->caches && entry->table && entry->tag == root.tag &&
		    entry->addr - start < size)
			return true;
	}

	iommu->watch.start = start;
	iommu->watch.size = size;
	iommu->watch.met = false;
	hw_walk(iommu, stream, &root, iova, false, &leaf);
	iommu->watch.size = 0;
	return iommu->watch.met;
}

/**
 * hw_reads_from() - tell whether the hardware may read some memory as a table
 * @iommu: the IOMMU
 * @stream: of the device that it translates for
 * @iova: address to be translated
 * @start: physical address of the memory
 * @size: of the memory, in bytes
 *
 * Nothing is taken from the IOTLB, nor put into it.
 *
 * Return: true if a walk would read there, or the IOTLB has a table there.
 */
bool hw_reads_from(struct hw_iommu *iommu, u32 stream, u64 iova, u64 start, u64 size)
{
	for (; iommu; iommu = iommu->next)
		if (hw_reads_from_one(iommu, stream, iova, start, size))
			return true;
	return false;
}

/* Which of the instances an access goes through: they take turns by page */
static struct hw_iommu *hw_instance(struct hw_iommu *iommu, u64 iova)
{
	unsigned int turn = PHYS_PFN(iova) % (iommu->desc->instances ?: 1);

	while (turn--)
		iommu = iommu->next;
	return iommu;
}

/**
 * hw_access() - read or write a byte of memory, as a device behind the IOMMU
 * @iommu: the IOMMU
 * @stream: of the device
 * @iova: address
 * @write: whether to write
 * @value: what to write, or set to what was read
 *
 * Context: process context, no locks held.
 * Return: 0, or -EFAULT if the IOMMU refused; the driver has then been told.
 */
int hw_access(struct hw_iommu *iommu, u32 stream, u64 iova, bool write, u8 *value)
{
	u64 paddr;
	u8 *byte;
	int ret;

	ret = hw_translate(iommu, stream, iova, write, &paddr);
	if (ret) {
		if (iommu->desc->ops->fault)
			iommu->desc->ops->fault(hw_instance(iommu, iova), stream, iova,
						write);
		return ret;
	}

	byte = hw_memory(paddr);
	if (!byte)
		return -EFAULT;

	if (write)
		WRITE_ONCE(*byte, *value);
	else
		*value = READ_ONCE(*byte);
	return 0;
}

/**
 * hw_find() - find the IOMMU that a device is behind
 * @dev: the device
 * @stream: set to that of the device
 *
 * Return: the IOMMU; NULL if @dev is not in any hw_desc::masters.
 */
struct hw_iommu *hw_find(struct device *dev, u32 *stream)
{
	const struct hw_master *master;
	struct hw_iommu *iommu;
	struct device_node *np;

	list_for_each_entry(iommu, &hw_iommus, node) {
		for (unsigned int m = 0; m < HW_MAX_MASTERS; m++) {
			master = &iommu->desc->masters[m];
			if (!master->path)
				break;
			np = of_find_node_by_path(master->path);
			of_node_put(np);
			if (np && np == dev->of_node) {
				*stream = master->stream;
				return iommu->first;
			}
		}
	}
	return NULL;
}

/**
 * hw_clear() - count from zero again
 * @iommu: the IOMMU
 */
void hw_clear(struct hw_iommu *iommu)
{
	unsigned int i;

	for (; iommu; iommu = iommu->next) {
		for (i = 0; i < HW_MAX_WINDOWS && iommu->windows[i].mmio; i++)
			kunit_mmio_clear(iommu->windows[i].mmio);

		guard(spinlock_irqsave)(&iommu->lock);
		iommu->counts = (struct hw_counts) {};
	}
}

/**
 * hw_take() - read what an IOMMU has counted, and count from zero again
 * @iommu: the IOMMU
 * @count: one of its counts
 *
 * Return: the count.
 */
unsigned int hw_take(struct hw_iommu *iommu, unsigned int *count)
{
	guard(spinlock_irqsave)(&iommu->lock);

	return xchg(count, 0);
}

/**
 * hw_expect_powered() - fail if registers were accessed that were off
 * @test: the case
 * @iommu: the IOMMU
 *
 * Looks at all accesses since the last call, or since boot: one while a clock or a
 * power domain is off, or in reset, hangs some hardware. Here reads are of 0, and
 * what is written is lost.
 */
void hw_expect_powered(struct kunit *test, struct hw_iommu *iommu)
{
	KUNIT_EXPECT_EQ_MSG(test, 0, hw_take(iommu, &iommu->unpowered),
			    "registers were accessed while off; first a %s of window %u, offset 0x%x",
			    iommu->unpowered_at.write ? "write" : "read",
			    iommu->unpowered_at.window, iommu->unpowered_at.offset);
}

/**
 * hw_writes() - how many registers were written since hw_clear()
 * @iommu: the IOMMU
 *
 * Return: the number of writes to any window of any instance.
 */
unsigned long hw_writes(struct hw_iommu *iommu)
{
	unsigned long writes = 0;
	unsigned int i;

	for (; iommu; iommu = iommu->next)
		for (i = 0; i < HW_MAX_WINDOWS && iommu->windows[i].mmio; i++)
			writes += kunit_mmio_writes(iommu->windows[i].mmio);
	return writes;
}

/**
 * hw_read_ahead() - have a device translate whenever the driver accesses a register
 * @iommu: the IOMMU
 * @stream: of the device
 * @iova: where, just before and just after each access
 * @count: how many addresses, at most HW_MAX_AHEAD; 0 to end it
 */
void hw_read_ahead(struct hw_iommu *iommu, u32 stream, const u64 *iova,
		   unsigned int count)
{
	for (; iommu; iommu = iommu->next) {
		guard(spinlock_irqsave)(&iommu->lock);
		iommu->ahead.stream = stream;
		iommu->ahead.count = min(count, HW_MAX_AHEAD);
		memcpy(iommu->ahead.iova, iova, iommu->ahead.count * sizeof(*iova));
	}
}

/* Set by hw_set_slow() */
static unsigned int hw_slow_us;

/**
 * hw_set_slow() - let other CPUs overtake one that programs an IOMMU
 * @us: what a driver does to registers, and to memory that it has mapped for an IOMMU, may
 *	take less than so many microseconds more, at random; 0: it does not
 */
void hw_set_slow(unsigned int us)
{
	WRITE_ONCE(hw_slow_us, us);
}

/**
 * hw_dawdle() - what hw_set_slow() has set takes a while
 *
 * Context: any, without hw_iommu::lock.
 */
void hw_dawdle(void)
{
	unsigned int max_us = READ_ONCE(hw_slow_us), us;

	if (!max_us)
		return;
	us = get_random_u32_below(HW_SLOW_ONE_IN * max_us);
	if (us < max_us)
		udelay(us);
}

static void hw_do_read_ahead(struct hw_iommu *iommu)
{
	struct hw_entry leaf;
	unsigned int i;

	for (i = 0; i < iommu->ahead.count; i++)
		hw_lookup_or_walk(iommu, iommu->ahead.stream, iommu->ahead.iova[i], &leaf);
}

/**
 * hw_written_back() - memory has changed, for IOMMUs that do not snoop
 *
 * Devices that read ahead do so here too, as what is written next may depend on it.
 */
void hw_written_back(void)
{
	struct hw_iommu *iommu;

	list_for_each_entry(iommu, &hw_iommus, node) {
		if (!READ_ONCE(iommu->ahead.count))
			continue;

		guard(spinlock_irqsave)(&iommu->lock);
		hw_catch_up(iommu);
		hw_do_read_ahead(iommu);
	}
}

static u64 hw_mmio_read(void *priv, unsigned int offset, unsigned int size)
{
	struct hw_mmio *mmio = priv;
	struct hw_iommu *iommu = mmio->iommu;

	u64 value;

	hw_dawdle();
	guard(spinlock_irqsave)(&iommu->lock);
	hw_catch_up(iommu);
	if (!hw_powered(iommu, mmio - iommu->windows, offset, false))
		return 0;
	hw_do_read_ahead(iommu);
	value = iommu->desc->ops->read(iommu, mmio - iommu->windows, offset, size);
	hw_do_read_ahead(iommu);
	return value;
}

static void hw_mmio_write(void *priv, unsigned int offset, unsigned int size,
			  u64 value)
{
	struct hw_mmio *mmio = priv;
	struct hw_iommu *iommu = mmio->iommu;

	hw_dawdle();
	guard(spinlock_irqsave)(&iommu->lock);
	hw_catch_up(iommu);
	if (!hw_powered(iommu, mmio - iommu->windows, offset, true))
		return;
	hw_do_read_ahead(iommu);
	iommu->desc->ops->write(iommu, mmio - iommu->windows, offset, size, value);
	hw_do_read_ahead(iommu);
}

static const struct kunit_mmio_ops hw_mmio_ops = {
	.read = hw_mmio_read,
	.write = hw_mmio_write,
};

/**
 * hw_left_iova() - where the last user of an IOMMU has left a translation in its IOTLB
 * @iommu: the IOMMU
 *
 * That was firmware with a splash screen, or the kernel before this one, and it is there
 * in each address space. A driver must have it forgotten before a device can use it.
 *
 * Return: the address of a page, where tests map nothing.
 */
u64 hw_left_iova(struct hw_iommu *iommu)
{
	return (iommu->desc->iova ?: SZ_16M) + SZ_64M;
}

static void __init hw_leave_translations(struct hw_iommu *iommu)
{
	for (u32 tag = 0; tag < HW_LEFT_TAGS; tag++)
		hw_fill(iommu, &(struct hw_entry) {
			.iova = hw_left_iova(iommu),
			.size = SZ_4K,
			.addr = hw_left_iova(iommu),
			.prot = HW_READ | HW_WRITE,
			.tag = iommu->desc->first_tag + tag,
			.stream = iommu->desc->masters[0].stream,
			.caches = HW_ALL_CACHES & ~HW_TABLES,
		});
}

/* With @count windows from @first on; fewer if there are not as many */
static int __init hw_setup_one(struct hw_iommu *iommu, unsigned int first,
			       unsigned int count)
{
	const struct hw_desc *desc = iommu->desc;

	spin_lock_init(&iommu->lock);
	list_add_tail(&iommu->node, &hw_iommus);
	if (desc->ops->reset)
		desc->ops->reset(iommu);
	hw_leave_translations(iommu);

	for (unsigned int i = 0; i < count && desc->windows[first + i].size; i++) {
		const struct hw_window *at = &desc->windows[first + i];
		struct hw_mmio *mmio = &iommu->windows[i];
		struct kunit_mmio *window;

		mmio->iommu = iommu;
		window = kunit_mmio_create(at->start, at->size, &hw_mmio_ops, mmio);
		if (IS_ERR(window)) {
			pr_err("%s: no registers at %pa: %pe\n", desc->name,
			       &at->start, window);
			return PTR_ERR(window);
		}
		mmio->mmio = window;
	}
	return 0;
}

/* The instances but the first one */
static int __init hw_setup_others(struct hw_iommu *iommu)
{
	struct hw_iommu *last = iommu, *next;
	int ret;

	for (unsigned int i = 1; i < iommu->desc->instances; i++) {
		next = kzalloc_obj(*next);
		if (!next)
			return -ENOMEM;

		next->desc = iommu->desc;
		next->first = iommu;
		next->instance = i;
		ret = hw_setup_one(next, i, 1);
		if (ret)
			return ret;
		last->next = next;
		last = next;
	}
	return 0;
}

/**
 * hw_setup() - power on an IOMMU and the devices behind it
 * @iommu: the IOMMU, with desc set
 *
 * For an initcall before those of drivers: some drivers probe once and never
 * again, and few can be unbound.
 *
 * Return: 0 or a negative errno.
 */
int __init hw_setup(struct hw_iommu *iommu)
{
	const struct hw_desc *desc = iommu->desc;
	int id, ret;

	iommu->first = iommu;
	ret = hw_setup_one(iommu, 0, desc->instances ? 1 : HW_MAX_WINDOWS);
	if (!ret)
		ret = hw_setup_others(iommu);
	if (ret)
		return ret;

	ret = of_overlay_fdt_apply(desc->overlay,
				   desc->overlay_end - desc->overlay, &id, NULL);
	if (ret)
		pr_err("%s: no devicetree: %d\n", desc->name, ret);
	return ret;
}

/* After the driver of the SoCs was registered, before those of most IOMMUs are */
static int __init hw_find_socs(void)
{
	struct hw_iommu *iommu;

	list_for_each_entry(iommu, &hw_iommus, node)
		if (iommu->desc->soc)
			iommu->soc = hw_soc_get(iommu->desc->soc);
	return 0;
}
subsys_initcall_sync(hw_find_socs);

/*
 * At work from now on, as some IOMMUs are off while the devices behind them are; but for
 * those that would keep the IOMMU awake while others do not
 */
static int hw_master_probe(struct platform_device *pdev)
{
	int ret = devm_pm_runtime_enable(&pdev->dev);

	if (ret || device_is_compatible(&pdev->dev, "test,dma-master-asleep"))
		return ret;
	return pm_runtime_resume_and_get(&pdev->dev);
}

static const struct of_device_id hw_master_match[] = {
	{ .compatible = "test,dma-master" },
	{ .compatible = "test,dma-master-asleep" },
	{ }
};

/* They sleep before the IOMMU does, and wake up after it */
static const struct dev_pm_ops hw_master_pm_ops = {
	SYSTEM_SLEEP_PM_OPS(pm_runtime_force_suspend, pm_runtime_force_resume)
};

/* Devices are given their IOMMU when a driver is bound */
static struct platform_driver hw_master_driver = {
	.probe = hw_master_probe,
	.driver = {
		.name = "test-dma-master",
		.of_match_table = hw_master_match,
		.pm = &hw_master_pm_ops,
	},
};
builtin_platform_driver(hw_master_driver);

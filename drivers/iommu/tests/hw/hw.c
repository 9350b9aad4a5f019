// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the hardware models of IOMMUs share: the IOTLB, the walk, the way to boot
 */
#include "hw.h"

#include <linux/dma-mapping.h>
#include <linux/io.h>
#include <linux/mod_devicetable.h>
#include <linux/of.h>
#include <linux/platform_device.h>
#include <linux/pm_runtime.h>

/* Memory that hw_walks_through() watches, and whether a walk has read from it */
static struct {
	u64 start;
	u64 size;
	bool met;
} hw_watch;

/* A table that was freed can lead anywhere */
static void *hw_memory(u64 paddr)
{
	if (paddr - hw_watch.start < hw_watch.size)
		hw_watch.met = true;
	return pfn_valid(PHYS_PFN(paddr)) ? phys_to_virt(paddr) : NULL;
}

/**
 * hw_load32() - read an entry of a table
 * @paddr: physical address, a multiple of 4
 *
 * Return: the entry, in the byte order of the CPU; 0 if there is no memory.
 */
u32 hw_load32(u64 paddr)
{
	__le32 *entry = hw_memory(paddr);

	return entry ? le32_to_cpu(READ_ONCE(*entry)) : 0;
}

/**
 * hw_load64() - read an entry of a table
 * @paddr: physical address, a multiple of 8
 *
 * Return: the entry, in the byte order of the CPU; 0 if there is no memory.
 */
u64 hw_load64(u64 paddr)
{
	__le64 *entry = hw_memory(paddr);

	return entry ? le64_to_cpu(READ_ONCE(*entry)) : 0;
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

static void hw_fill(struct hw_iommu *iommu, const struct hw_entry *entry)
{
	unsigned int i;

	for (i = 0; i < iommu->used; i++)
		if (!iommu->tlb[i].caches)
			break;

	/* Entries must not leave unless told to, or a stale one might not be seen */
	if (WARN_ON(i == HW_TLB_SIZE))
		return;

	iommu->tlb[i] = *entry;
	iommu->used = max(iommu->used, i + 1);
}

/* Return 0 with the translation in @leaf, or -EFAULT. @cached: by way of the IOTLB */
static int hw_walk(struct hw_iommu *iommu, u32 stream, const struct hw_root *root,
		   u64 iova, bool cached, struct hw_entry *leaf)
{
	u64 table = root->table;
	int level = root->level;
	struct hw_entry *hit;
	int ret;

	if (cached) {
		hit = hw_lookup(iommu, root->tag, HW_TABLES, true, iova);
		if (hit) {
			table = hit->addr;
			level = hit->level;
		}
	}

	do {
		*leaf = (struct hw_entry) {
			.tag = root->tag,
			.stream = stream,
			.prot = HW_READ | HW_WRITE,
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
		if (inval->size && (entry->iova > inval->iova + (inval->size - 1) ||
				    entry->iova + (entry->size - 1) < inval->iova))
			continue;

		entry->posted |= inval->caches;
		entry->queues |= BIT(inval->queue);
		if (!entry->table && hw_live(iommu, entry))
			iommu->counts.live++;
	}
}

static void hw_complete_queues(struct hw_iommu *iommu, u32 queues)
{
	struct hw_entry *entry;
	unsigned int i;

	for (i = 0; i < iommu->used; i++) {
		entry = &iommu->tlb[i];
		if (!(entry->queues & queues))
			continue;
		entry->caches &= ~entry->posted;
		entry->posted = 0;
		entry->queues = 0;
	}
	while (iommu->used && !iommu->tlb[iommu->used - 1].caches)
		iommu->used--;
	iommu->busy = 0;
}

/**
 * hw_complete() - have all that was posted take effect
 * @iommu: the IOMMU
 */
void hw_complete(struct hw_iommu *iommu)
{
	hw_complete_queues(iommu, HW_ALL_QUEUES);
}

/**
 * hw_start_queues() - begin to complete what was posted to some queues
 * @iommu: the IOMMU
 * @queues: one bit each
 *
 * It takes until hw_busy() has been asked twice: a driver that does not wait gets
 * nothing.
 */
void hw_start_queues(struct hw_iommu *iommu, u32 queues)
{
	iommu->counts.syncs++;
	iommu->busy = 2;
	iommu->syncing = queues;
}

/**
 * hw_start() - begin to complete what was posted
 * @iommu: the IOMMU
 */
void hw_start(struct hw_iommu *iommu)
{
	hw_start_queues(iommu, HW_ALL_QUEUES);
}

/**
 * hw_busy() - the driver asks whether what hw_start() began is complete
 * @iommu: the IOMMU
 *
 * Return: true while it is not, for ever if a test has the hardware stuck.
 */
bool hw_busy(struct hw_iommu *iommu)
{
	if (!iommu->busy)
		return false;
	if (iommu->stuck)
		return true;
	if (!--iommu->busy)
		hw_complete_queues(iommu, iommu->syncing);
	return iommu->busy;
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
	unsigned long flags;

	if (!iommu->soc)
		return;
	local_irq_save(flags);
	hw_soc_raise_irq(iommu->soc, line);
	local_irq_restore(flags);
}

/**
 * hw_translate() - translate for a device, without an access
 * @iommu: the IOMMU
 * @stream: of the device
 * @iova: address
 * @write: whether it is going to write
 * @paddr: set to the physical address
 *
 * Raises no interrupt.
 *
 * Return: 0, or -EFAULT where an access would be refused.
 */
int hw_translate(struct hw_iommu *iommu, u32 stream, u64 iova, bool write,
		 u64 *paddr)
{
	struct hw_root root = {};
	struct hw_entry leaf, *hit;
	int ret;

	guard(spinlock_irqsave)(&iommu->lock);

	ret = iommu->desc->ops->stream(iommu, stream, iova, &root);
	if (ret < 0)
		return ret;
	if (ret) {
		*paddr = iova;
		return 0;
	}

	hit = hw_lookup(iommu, root.tag, root.caches ?: HW_LEAVES, false, iova);
	if (hit) {
		iommu->counts.hits++;
		hit->caches |= root.caches;
		leaf = *hit;
	} else {
		iommu->counts.walks++;
		ret = hw_walk(iommu, stream, &root, iova, true, &leaf);
		if (ret)
			return ret;
	}

	if (!(leaf.prot & (write ? HW_WRITE : HW_READ)))
		return -EFAULT;

	*paddr = leaf.addr + (iova - leaf.iova);
	return 0;
}

/**
 * hw_walks_through() - tell whether a walk would read some memory
 * @iommu: the IOMMU
 * @stream: of the device that the walk is for
 * @iova: address to be translated
 * @start: physical address of the memory
 * @size: of the memory, in bytes
 *
 * Nothing is taken from the IOTLB, nor put into it.
 *
 * Return: true if there is a walk, and it would read there.
 */
bool hw_walks_through(struct hw_iommu *iommu, u32 stream, u64 iova, u64 start,
		      u64 size)
{
	struct hw_root root = {};
	struct hw_entry leaf;

	guard(spinlock_irqsave)(&iommu->lock);

	if (iommu->desc->ops->stream(iommu, stream, iova, &root))
		return false;

	hw_watch.start = start;
	hw_watch.size = size;
	hw_watch.met = false;
	hw_walk(iommu, stream, &root, iova, false, &leaf);
	hw_watch.size = 0;
	return hw_watch.met;
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
		if (iommu->desc->ops->fault && !iommu->quiet)
			iommu->desc->ops->fault(iommu, stream, iova, write);
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
 * hw_clear() - count from zero again
 * @iommu: the IOMMU
 */
void hw_clear(struct hw_iommu *iommu)
{
	unsigned int i;

	for (i = 0; i < HW_MAX_WINDOWS && iommu->windows[i].mmio; i++)
		kunit_mmio_clear(iommu->windows[i].mmio);

	guard(spinlock_irqsave)(&iommu->lock);
	iommu->counts = (struct hw_counts) {};
}

/**
 * hw_writes() - how many registers were written since hw_clear()
 * @iommu: the IOMMU
 *
 * Return: the number of writes to any of its windows.
 */
unsigned long hw_writes(struct hw_iommu *iommu)
{
	unsigned long writes = 0;
	unsigned int i;

	for (i = 0; i < HW_MAX_WINDOWS && iommu->windows[i].mmio; i++)
		writes += kunit_mmio_writes(iommu->windows[i].mmio);
	return writes;
}

static u64 hw_mmio_read(void *priv, unsigned int offset, unsigned int size)
{
	struct hw_mmio *mmio = priv;
	struct hw_iommu *iommu = mmio->iommu;

	guard(spinlock_irqsave)(&iommu->lock);
	return iommu->desc->ops->read(iommu, mmio - iommu->windows, offset, size);
}

static void hw_mmio_write(void *priv, unsigned int offset, unsigned int size,
			  u64 value)
{
	struct hw_mmio *mmio = priv;
	struct hw_iommu *iommu = mmio->iommu;

	guard(spinlock_irqsave)(&iommu->lock);
	iommu->desc->ops->write(iommu, mmio - iommu->windows, offset, size, value);
}

static const struct kunit_mmio_ops hw_mmio_ops = {
	.read = hw_mmio_read,
	.write = hw_mmio_write,
};

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
	unsigned int i;
	int id, ret;

	spin_lock_init(&iommu->lock);
	if (desc->ops->reset)
		desc->ops->reset(iommu);

	for (i = 0; i < HW_MAX_WINDOWS && desc->windows[i].size; i++) {
		struct hw_mmio *mmio = &iommu->windows[i];
		struct kunit_mmio *window;

		mmio->iommu = iommu;
		window = kunit_mmio_add(NULL, desc->windows[i].start,
					desc->windows[i].size, &hw_mmio_ops, mmio);
		if (IS_ERR(window)) {
			pr_err("%s: no registers at %pa: %pe\n", desc->name,
			       &desc->windows[i].start, window);
			return PTR_ERR(window);
		}
		mmio->mmio = window;
	}

	ret = of_overlay_fdt_apply(desc->overlay,
				   desc->overlay_end - desc->overlay, &id, NULL);
	if (ret)
		pr_err("%s: no devicetree: %d\n", desc->name, ret);
	return ret;
}

/* At work from now on: some IOMMUs are off while the devices behind them are */
static int hw_master_probe(struct platform_device *pdev)
{
	int ret = devm_pm_runtime_enable(&pdev->dev);

	return ret ?: pm_runtime_resume_and_get(&pdev->dev);
}

static const struct of_device_id hw_master_match[] = {
	{ .compatible = "test,dma-master" },
	{ }
};

/* Devices are given their IOMMU when a driver is bound */
static struct platform_driver hw_master_driver = {
	.probe = hw_master_probe,
	.driver = {
		.name = "test-dma-master",
		.of_match_table = hw_master_match,
	},
};
builtin_platform_driver(hw_master_driver);

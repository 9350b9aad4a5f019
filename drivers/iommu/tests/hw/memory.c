// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory as IOMMUs read it
 *
 * An IOMMU that does not snoop the caches of the CPU sees of a table what its driver has
 * written back, by way of the DMA API: of all memory that is mapped for an IOMMU a copy
 * is kept, which changes when it is synced for the device, and not before. It takes
 * CONFIG_DMA_API_DEBUG, as else the DMA API does nothing where there is nothing to do.
 */
#include "hw.h"

#include <linux/dma-mapping.h>
#include <linux/io.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/xarray.h>
#include <trace/events/dma.h>

/* No table is smaller, and none begins within one of these */
#define HW_COPY_SIZE		SZ_1K

/* By physical address, divided by HW_COPY_SIZE: the copy, or that there need be none */
static DEFINE_XARRAY_FLAGS(hw_copies, XA_FLAGS_LOCK_IRQ);
#define HW_COHERENT		xa_mk_value(0)

/**
 * hw_memory() - find memory
 * @paddr: physical address; any, as a table that was freed can lead anywhere
 *
 * Return: where it is for the CPU, or NULL if there is none.
 */
void *hw_memory(u64 paddr)
{
	return pfn_valid(PHYS_PFN(paddr)) ? phys_to_virt(paddr) : NULL;
}

/*
 * Copy words of memory that other CPUs may write to: as hardware reads it, each of them is
 * the old one or the new one
 */
static void hw_copy(void *to, const void *from, size_t size)
{
	size_t at = 0;

	if (IS_ALIGNED((unsigned long)from | size, sizeof(u64)))
		for (; at < size; at += sizeof(u64))
			*(u64 *)(to + at) = READ_ONCE(*(u64 *)(from + at));
	else if (IS_ALIGNED((unsigned long)from | size, sizeof(u32)))
		for (; at < size; at += sizeof(u32))
			*(u32 *)(to + at) = READ_ONCE(*(u32 *)(from + at));
	else	/* no table */
		memcpy(to, from, size);
}

/*
 * Read a word of @size bytes, which are all in one copy if they are in any. What memory
 * holds is not known where it is neither coherent nor mapped; ones are an entry for most
 * page tables.
 */
static void hw_load(struct hw_iommu *iommu, u64 paddr, void *value, size_t size)
{
	void *memory = hw_memory(paddr), *copy;

	if (paddr - iommu->watch.start < iommu->watch.size)
		iommu->watch.met = true;

	memset(value, 0, size);
	if (!memory)
		return;

	guard(spinlock_irqsave)(&hw_copies.xa_lock);

	copy = xa_load(&hw_copies, paddr / HW_COPY_SIZE);
	if (!iommu->desc->no_snoop || !IS_ENABLED(CONFIG_DMA_API_DEBUG) ||
	    copy == HW_COHERENT) {
		hw_copy(value, memory, size);
	} else if (copy) {
		hw_copy(value, copy + paddr % HW_COPY_SIZE, size);
	} else {
		memset(value, 0xff, size);
		iommu->unknown++;
	}
}

/**
 * hw_load32() - read an entry of a table
 * @iommu: who reads
 * @paddr: physical address, a multiple of 4
 *
 * Return: the entry, in the byte order of the CPU; 0 if there is no memory.
 */
u32 hw_load32(struct hw_iommu *iommu, u64 paddr)
{
	__le32 entry;

	hw_load(iommu, paddr, &entry, sizeof(entry));
	return le32_to_cpu(entry);
}

/**
 * hw_load64() - read an entry of a table
 * @iommu: who reads
 * @paddr: physical address, a multiple of 8
 *
 * Return: the entry, in the byte order of the CPU; 0 if there is no memory.
 */
u64 hw_load64(struct hw_iommu *iommu, u64 paddr)
{
	__le64 entry;

	hw_load(iommu, paddr, &entry, sizeof(entry));
	return le64_to_cpu(entry);
}

static void hw_set_copy(u64 at, void *copy)
{
	void *old;

	scoped_guard(spinlock_irqsave, &hw_copies.xa_lock)
		old = __xa_store(&hw_copies, at / HW_COPY_SIZE, copy, GFP_ATOMIC);
	WARN_ON(xa_is_err(old));
	if (old && !xa_is_value(old) && !xa_is_err(old))
		kfree(old);
}

/* Devices behind an IOMMU have no tables */
static bool hw_may_have_tables(struct device *dev)
{
	return !dev->iommu_group;
}

static void hw_note_map(void *data, struct device *dev, phys_addr_t phys,
			dma_addr_t addr, size_t size, enum dma_data_direction dir,
			unsigned long attrs)
{
	u64 at, end = phys + size;

	if (!hw_may_have_tables(dev) || addr == DMA_MAPPING_ERROR)
		return;
	hw_dawdle();
	for (at = ALIGN_DOWN(phys, HW_COPY_SIZE); at < end; at += HW_COPY_SIZE)
		hw_set_copy(at, kmemdup(phys_to_virt(at), HW_COPY_SIZE, GFP_ATOMIC));
}

static void hw_note_unmap(void *data, struct device *dev, dma_addr_t addr, size_t size,
			  enum dma_data_direction dir, unsigned long attrs)
{
	u64 at, end = addr + size;

	if (!hw_may_have_tables(dev))
		return;
	for (at = ALIGN_DOWN(addr, HW_COPY_SIZE); at < end; at += HW_COPY_SIZE)
		hw_set_copy(at, NULL);
}

static void hw_note_alloc(void *data, struct device *dev, void *virt, dma_addr_t addr,
			  size_t size, enum dma_data_direction dir, gfp_t flags,
			  unsigned long attrs)
{
	u64 at, end = addr + size;

	if (!hw_may_have_tables(dev) || !virt)
		return;
	for (at = ALIGN_DOWN(addr, HW_COPY_SIZE); at < end; at += HW_COPY_SIZE)
		hw_set_copy(at, HW_COHERENT);
}

static void hw_note_free(void *data, struct device *dev, void *virt, dma_addr_t addr,
			 size_t size, enum dma_data_direction dir, unsigned long attrs)
{
	hw_note_unmap(data, dev, addr, size, dir, attrs);
}

static void hw_write_back(u64 at, u64 end)
{
	void *copy;
	u64 next;

	guard(spinlock_irqsave)(&hw_copies.xa_lock);

	for (; at < end; at = next) {
		next = min(end, ALIGN_DOWN(at, HW_COPY_SIZE) + HW_COPY_SIZE);
		copy = xa_load(&hw_copies, at / HW_COPY_SIZE);
		if (copy && copy != HW_COHERENT)
			hw_copy(copy + at % HW_COPY_SIZE, phys_to_virt(at), next - at);
	}
}

static void hw_note_sync(void *data, struct device *dev, dma_addr_t addr, size_t size,
			 enum dma_data_direction dir)
{
	if (!hw_may_have_tables(dev))
		return;
	hw_dawdle();
	hw_write_back(addr, addr + size);
	hw_written_back();
}

static int __init hw_note_memory(void)
{
	return register_trace_dma_map_phys(hw_note_map, NULL) ?:
	       register_trace_dma_unmap_phys(hw_note_unmap, NULL) ?:
	       register_trace_dma_alloc(hw_note_alloc, NULL) ?:
	       register_trace_dma_free(hw_note_free, NULL) ?:
	       register_trace_dma_sync_single_for_device(hw_note_sync, NULL);
}
pure_initcall(hw_note_memory);

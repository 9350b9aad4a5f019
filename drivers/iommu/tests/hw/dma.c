// SPDX-License-Identifier: GPL-2.0-only
/*
 * A DMA engine in each device behind a model: it copies memory as that device
 *
 * As much real hardware, it stops where the IOMMU refuses an access, and says nothing: a
 * client whose transfer does not end has to terminate it. The driver of the IOMMU is not
 * told of faults: one panics of those that no domain's handler takes.
 */
#include "hw.h"

#include <linux/dmaengine.h>
#include <linux/platform_device.h>
#include <linux/pm_runtime.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/workqueue.h>

#include "../../../dma/virt-dma.h"

/**
 * struct hw_dma - an engine with one channel
 * @node: in the list of all
 * @dma: the engine
 * @vc: its channel
 * @iommu: that it is behind
 * @stream: of its accesses
 * @stopped: until it is terminated; protected by the lock of @vc
 * @work: does the transfers that were issued, one after the other
 */
struct hw_dma {
	struct list_head node;
	struct dma_device dma;
	struct virt_dma_chan vc;
	struct hw_iommu *iommu;
	u32 stream;
	bool stopped;
	struct work_struct work;
};

struct hw_transfer {
	struct virt_dma_desc vd;
	u64 to;
	u64 from;
	size_t size;
};

static LIST_HEAD(hw_dmas);
static DEFINE_MUTEX(hw_dmas_lock);

static struct hw_dma *hw_to_dma(struct dma_chan *chan)
{
	return container_of(chan, struct hw_dma, vc.chan);
}

static void *hw_dma_reach(struct hw_dma *hd, u64 iova, bool write)
{
	u64 paddr;

	if (hw_translate(hd->iommu, hd->stream, iova, write, &paddr))
		return NULL;
	return hw_memory(paddr);
}

static bool hw_dma_copy(struct hw_dma *hd, const struct hw_transfer *transfer)
{
	u64 from = transfer->from, to = transfer->to;
	size_t left = transfer->size, part;
	void *source, *dest;

	for (; left; left -= part, from += part, to += part) {
		part = min3(left, SZ_4K - from % SZ_4K, SZ_4K - to % SZ_4K);
		source = hw_dma_reach(hd, from, false);
		if (!source)
			return false;
		dest = hw_dma_reach(hd, to, true);
		if (!dest)
			return false;
		memcpy(dest, source, part);
	}
	return true;
}

/* What is terminated meanwhile is not freed before hw_dma_synchronize() */
static void hw_dma_work(struct work_struct *work)
{
	struct hw_dma *hd = container_of(work, struct hw_dma, work);
	struct virt_dma_desc *vd;
	bool copied;

	guard(spinlock_irq)(&hd->vc.lock);

	while (!hd->stopped && (vd = vchan_next_desc(&hd->vc))) {
		spin_unlock_irq(&hd->vc.lock);
		copied = hw_dma_copy(hd, container_of(vd, struct hw_transfer, vd));
		spin_lock_irq(&hd->vc.lock);

		if (vd != vchan_next_desc(&hd->vc))
			continue;
		if (copied) {
			list_del(&vd->node);
			vchan_cookie_complete(vd);
		} else {
			hd->stopped = true;
		}
	}
}

static void hw_dma_free_transfer(struct virt_dma_desc *vd)
{
	kfree(container_of(vd, struct hw_transfer, vd));
}

static struct dma_async_tx_descriptor *
hw_dma_prep_memcpy(struct dma_chan *chan, dma_addr_t to, dma_addr_t from, size_t size,
		   unsigned long flags)
{
	struct hw_transfer *transfer = kzalloc_obj(*transfer, GFP_NOWAIT);

	if (!transfer)
		return NULL;

	transfer->to = to;
	transfer->from = from;
	transfer->size = size;
	return vchan_tx_prep(&hw_to_dma(chan)->vc, &transfer->vd, flags);
}

static void hw_dma_issue_pending(struct dma_chan *chan)
{
	struct hw_dma *hd = hw_to_dma(chan);

	guard(spinlock_irqsave)(&hd->vc.lock);

	if (vchan_issue_pending(&hd->vc))
		schedule_work(&hd->work);
}

static int hw_dma_terminate_all(struct dma_chan *chan)
{
	struct hw_dma *hd = hw_to_dma(chan);
	LIST_HEAD(all);

	guard(spinlock_irqsave)(&hd->vc.lock);

	vchan_get_all_descriptors(&hd->vc, &all);
	list_splice_tail(&all, &hd->vc.desc_terminated);
	hd->stopped = false;
	return 0;
}

static void hw_dma_synchronize(struct dma_chan *chan)
{
	struct hw_dma *hd = hw_to_dma(chan);

	flush_work(&hd->work);
	vchan_synchronize(&hd->vc);
}

/* The IOMMU may be off while all devices behind it are */
static int hw_dma_alloc_chan_resources(struct dma_chan *chan)
{
	return pm_runtime_resume_and_get(chan->device->dev);
}

static void hw_dma_free_chan_resources(struct dma_chan *chan)
{
	hw_dma_terminate_all(chan);
	hw_dma_synchronize(chan);
	pm_runtime_put(chan->device->dev);
}

static void hw_dma_release(struct dma_device *dma)
{
	kfree(container_of(dma, struct hw_dma, dma));
}

static void hw_dma_add(struct device *dev)
{
	struct hw_iommu *iommu;
	struct hw_dma *hd;
	u32 stream;

	iommu = hw_find(dev, &stream);
	if (!iommu)
		return;

	hd = kzalloc_obj(*hd);
	if (!hd)
		return;

	hd->iommu = iommu;
	hd->stream = stream;
	INIT_WORK(&hd->work, hw_dma_work);

	hd->dma.dev = dev;
	dma_cap_set(DMA_MEMCPY, hd->dma.cap_mask);
	dma_cap_set(DMA_PRIVATE, hd->dma.cap_mask);
	hd->dma.device_alloc_chan_resources = hw_dma_alloc_chan_resources;
	hd->dma.device_free_chan_resources = hw_dma_free_chan_resources;
	hd->dma.device_prep_dma_memcpy = hw_dma_prep_memcpy;
	hd->dma.device_tx_status = dma_cookie_status;
	hd->dma.device_issue_pending = hw_dma_issue_pending;
	hd->dma.device_terminate_all = hw_dma_terminate_all;
	hd->dma.device_synchronize = hw_dma_synchronize;
	hd->dma.device_release = hw_dma_release;
	INIT_LIST_HEAD(&hd->dma.channels);
	hd->vc.desc_free = hw_dma_free_transfer;
	vchan_init(&hd->vc, &hd->dma);

	if (dma_async_device_register(&hd->dma)) {
		dev_err(dev, "no DMA engine\n");
		kfree(hd);
		return;
	}
	guard(mutex)(&hw_dmas_lock);
	list_add_tail(&hd->node, &hw_dmas);
}

static void hw_dma_remove(struct device *dev)
{
	struct hw_dma *hd, *next;

	guard(mutex)(&hw_dmas_lock);

	list_for_each_entry_safe(hd, next, &hw_dmas, node) {
		if (hd->dma.dev != dev)
			continue;
		list_del(&hd->node);
		dma_async_device_unregister(&hd->dma);
	}
}

static int hw_dma_notify(struct notifier_block *nb, unsigned long event, void *dev)
{
	if (event == BUS_NOTIFY_BOUND_DRIVER)
		hw_dma_add(dev);
	else if (event == BUS_NOTIFY_UNBIND_DRIVER)
		hw_dma_remove(dev);
	return NOTIFY_OK;
}

static struct notifier_block hw_dma_notifier = {
	.notifier_call = hw_dma_notify,
};

/* Before there is a driver for devices behind models */
static int __init hw_dma_init(void)
{
	return bus_register_notifier(&platform_bus_type, &hw_dma_notifier);
}
subsys_initcall_sync(hw_dma_init);

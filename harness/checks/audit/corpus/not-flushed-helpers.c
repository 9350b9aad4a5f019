// SPDX-License-Identifier: GPL-2.0
/*
 * No sync, and the helpers of its unmap do no more than clean the cache for
 * what they clear, log and lock.  What it gathers nobody takes.
 */
#include <linux/iommu.h>
#include <linux/io.h>

struct toy_domain {
	struct iommu_domain domain;
	void __iomem *base;
	u32 *table;
	struct device *dev;
	struct mutex mutex;
};

#define to_toy(d) container_of(d, struct toy_domain, domain)

#define toy_index(iova) (((iova) >> PAGE_SHIFT) & GENMASK(9, 0))

static void toy_set(struct toy_domain *toy, u32 *entry, u32 value)
{
	WRITE_ONCE(*entry, cpu_to_le32(value));
	dma_sync_single_for_device(toy->dev, virt_to_phys(entry), sizeof(*entry),
				   DMA_TO_DEVICE);
}

static size_t toy_clear(struct toy_domain *toy, unsigned long iova, size_t n)
{
	size_t i;

	for (i = 0; i < min(n, 1024); i++)
		toy_set(toy, toy->table + toy_index(iova) + i, 0);
	dev_dbg(toy->dev, "cleared %zu\n", i);
	return i * PAGE_SIZE;
}

static size_t toy_unmap(struct iommu_domain *domain, unsigned long iova,
			size_t pgsize, size_t pgcount,
			struct iommu_iotlb_gather *gather)
{
	size_t size;

	if (WARN_ON_ONCE(!pgcount))
		return 0;
	mutex_lock(&to_toy(domain)->mutex);
	size = toy_clear(to_toy(domain), iova, pgcount);
	mutex_unlock(&to_toy(domain)->mutex);
	if (size)
		iommu_iotlb_gather_add_range(gather, iova, size);
	return size;
}

static struct iommu_domain_ops toy_domain_ops = {
	.iotlb_sync	= NULL,
	.unmap_pages	= toy_unmap, /* finds: not flushed */
};

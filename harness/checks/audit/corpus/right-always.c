// SPDX-License-Identifier: GPL-2.0
/*
 * Its sync flushes everything, and it declares; through a helper that ignores
 * the gather as well.
 */
#include <linux/iommu.h>
#include <linux/io.h>

struct toy_domain {
	struct iommu_domain domain;
	void __iomem *base;
	u32 *table;
	spinlock_t lock;
};

#define to_toy(d) container_of(d, struct toy_domain, domain)

static size_t toy_unmap(struct iommu_domain *domain, unsigned long iova,
			size_t pgsize, size_t pgcount,
			struct iommu_iotlb_gather *gather)
{
	struct toy_domain *toy = to_toy(domain);
	unsigned long flags;

	spin_lock_irqsave(&toy->lock, flags);
	memset(toy->table + (iova >> PAGE_SHIFT), 0, pgcount * sizeof(u32));
	spin_unlock_irqrestore(&toy->lock, flags);

	return pgsize * pgcount;
}

static void toy_flush(struct iommu_domain *domain, struct iommu_iotlb_gather *unused)
{
	writel(1, to_toy(domain)->base);
}

static void toy_sync(struct iommu_domain *domain,
		     struct iommu_iotlb_gather *gather)
{
	toy_flush(domain, gather);
}

static const struct iommu_ops toy_ops = {
	.default_domain_ops = &(const struct iommu_domain_ops) {
		.unmap_pages	= toy_unmap,
		.iotlb_sync	= toy_sync,
		.iotlb_sync_always = true,
	}
};

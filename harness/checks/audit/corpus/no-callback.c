// SPDX-License-Identifier: GPL-2.0
/*
 * Declares that its sync must always run, and has none.
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
	writel(iova, toy->base);
	spin_unlock_irqrestore(&toy->lock, flags);

	return pgsize * pgcount;
}

static const struct iommu_domain_ops toy_domain_ops = {
	.unmap_pages	= toy_unmap,
	.iotlb_sync_always = true, /* finds: no callback */
};

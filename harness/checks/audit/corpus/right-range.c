// SPDX-License-Identifier: GPL-2.0
/*
 * Gathers what it removed, by itself, and syncs that range.
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
	memset(to_toy(domain)->table + (iova >> PAGE_SHIFT), 0, pgcount * sizeof(u32));
	iommu_iotlb_gather_add_range(gather, iova, pgcount << PAGE_SHIFT);
	return pgcount << PAGE_SHIFT;
}

static void toy_sync(struct iommu_domain *domain,
		     struct iommu_iotlb_gather *gather)
{
	struct toy_domain *toy = to_toy(domain);

	writel(gather->start, toy->base + 4);
	writel(gather->end, toy->base + 8);
}

static const struct iommu_ops toy_ops = {
	.default_domain_ops = &(const struct iommu_domain_ops) {
		.unmap_pages	= toy_unmap,
		.iotlb_sync	= toy_sync,
	}
};

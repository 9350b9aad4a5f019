// SPDX-License-Identifier: GPL-2.0
/*
 * Gathers by itself, and flushes everything: the gather is empty only if there
 * is nothing to flush, so it need not declare.
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
	iommu_iotlb_gather_add_range(gather, iova, pgsize * pgcount);
	return pgsize * pgcount;
}

static void toy_sync(struct iommu_domain *domain,
		     struct iommu_iotlb_gather *gather)
{
	writel(1, to_toy(domain)->base);
}

static const struct iommu_domain_ops toy_domain_ops = {
	.unmap_pages	= toy_unmap,
	.iotlb_sync	= toy_sync,
};

// SPDX-License-Identifier: GPL-2.0
/*
 * Its unmap is in another file and may gather or not: who ignores the gather
 * must declare all the same.
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

size_t toy_unmap(struct iommu_domain *domain, unsigned long iova,
		 size_t pgsize, size_t pgcount,
		 struct iommu_iotlb_gather *gather);

static void toy_sync(struct iommu_domain *domain,
		     struct iommu_iotlb_gather *gather)
{
	writel(1, to_toy(domain)->base);
}

const struct iommu_domain_ops toy_domain_ops = {
	.iotlb_sync	= toy_sync, /* finds: undeclared */
	.unmap_pages	= toy_unmap,
};

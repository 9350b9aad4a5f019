// SPDX-License-Identifier: GPL-2.0
/*
 * Declares, but the helper of its helper reads the gather.
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

static void toy_flush_one(void __iomem *base, const struct iommu_iotlb_gather *g)
{
	writel(g->start, base + 4);
	writel(g->end, base + 8);
}

static void toy_flush(struct toy_domain *toy, struct iommu_iotlb_gather *g)
{
	toy_flush_one(toy->base, g);
}

static void toy_sync(struct iommu_domain *domain,
		     struct iommu_iotlb_gather *gather)
{
	toy_flush(to_toy(domain), gather);
}

static const struct iommu_ops toy_ops = {
	.default_domain_ops = &(const struct iommu_domain_ops) {
		.unmap_pages	= toy_unmap,
		.iotlb_sync	= toy_sync,
		.iotlb_sync_always = true, /* finds: declared */
	}
};

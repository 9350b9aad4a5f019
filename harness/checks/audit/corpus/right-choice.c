// SPDX-License-Identifier: GPL-2.0
/*
 * Which sync it is, or whether it declares, is not known before the driver is
 * built: nothing can be said.
 */
#include <linux/iommu.h>
#include <linux/io.h>
#include <linux/io-pgtable.h>

struct toy_domain {
	struct iommu_domain domain;
	void __iomem *base;
	struct io_pgtable_ops *iop;
};

#define to_toy(d) container_of(d, struct toy_domain, domain)

static size_t toy_unmap(struct iommu_domain *domain, unsigned long iova,
			size_t pgsize, size_t pgcount,
			struct iommu_iotlb_gather *gather)
{
	return to_toy(domain)->iop->unmap_pages(to_toy(domain)->iop, iova, pgsize,
						pgcount, gather);
}

static void toy_sync_all(struct iommu_domain *domain,
			 struct iommu_iotlb_gather *gather)
{
	writel(1, to_toy(domain)->base);
}

static void toy_sync_range(struct iommu_domain *domain,
			   struct iommu_iotlb_gather *gather)
{
	writel(gather->start, to_toy(domain)->base);
}

static const struct iommu_domain_ops toy_domain_ops = {
	.unmap_pages	= toy_unmap,
	.iotlb_sync	= IS_ENABLED(CONFIG_TOY_RANGES) ? toy_sync_range : toy_sync_all,
};

static const struct iommu_domain_ops toy_old_ops = {
	.unmap_pages	= toy_unmap,
	.iotlb_sync	= toy_sync_all,
#ifdef CONFIG_TOY_POSTS
	.iotlb_sync_always = true,
#endif
};

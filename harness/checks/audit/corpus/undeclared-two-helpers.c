// SPDX-License-Identifier: GPL-2.0
/*
 * The gather goes through two helpers, one of which calls itself, and none
 * reads it.  The ops come first, prototypes before them.
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
			struct iommu_iotlb_gather *gather);
static void toy_sync(struct iommu_domain *domain,
		     struct iommu_iotlb_gather *gather);

static const struct iommu_domain_ops toy_domain_ops = {
	.unmap_pages	= &toy_unmap,
	.iotlb_sync	= &toy_sync,	/* finds: undeclared */
};

static size_t toy_unmap(struct iommu_domain *domain, unsigned long iova,
			size_t pgsize, size_t pgcount,
			struct iommu_iotlb_gather *gather)
{
	struct toy_domain *toy = to_toy(domain);

	return toy->iop->unmap_pages(toy->iop, iova, pgsize, pgcount, gather);
}

static void toy_flush(struct iommu_iotlb_gather *g, struct toy_domain *toy, int n)
{
	writel(1, toy->base + n);
	if (n)
		toy_flush(g, toy, n - 1);
}

static void toy_flush_banks(struct toy_domain *toy, struct iommu_iotlb_gather *g)
{
	toy_flush(g, toy, 3);
}

static void toy_sync(struct iommu_domain *domain,
		     struct iommu_iotlb_gather *gather)
{
	toy_flush_banks(to_toy(domain), gather);
}

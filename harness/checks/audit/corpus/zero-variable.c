// SPDX-License-Identifier: GPL-2.0
/*
 * Gathers what an unmap has returned, which can be nothing; the second test
 * comes too late.
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
	struct toy_domain *toy = to_toy(domain);
	size_t unmapped = toy->iop->unmap_pages(toy->iop, iova, pgsize, pgcount, NULL);

	iommu_iotlb_gather_add_range(gather, iova, unmapped); /* finds: zero */
	return unmapped;
}

static size_t toy_unmap_all(struct toy_domain *toy, unsigned long iova,
			    struct iommu_iotlb_gather *gather)
{
	size_t size, total = 0;

	do {
		size = toy_clear_one(toy, iova + total);
		total += size;
		if (!iommu_iotlb_gather_queued(gather))
			iommu_iotlb_gather_add_page(&toy->domain, gather, iova, size); /* finds: zero */
	} while (size);
	return total;
}

static void toy_sync(struct iommu_domain *domain,
		     struct iommu_iotlb_gather *gather)
{
	struct toy_domain *toy = to_toy(domain);

	writel(gather->start, toy->base + 4);
	writel(gather->end, toy->base + 8);
}

static const struct iommu_domain_ops toy_domain_ops = {
	.unmap_pages	= toy_unmap,
	.iotlb_sync	= toy_sync,
};

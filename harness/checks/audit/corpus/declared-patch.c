// SPDX-License-Identifier: GPL-2.0
/*
 * What MODE=patch makes of a declaration that is not meant: its line goes.
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

static void toy_tlb_add_range(struct iommu_iotlb_gather *gather,
			      unsigned long iova, size_t size, size_t granule,
			      void *cookie)
{
	iommu_iotlb_gather_add_range(gather, iova, size);
}

static const struct iommu_flush_ops toy_tlb = {
	.tlb_flush_all	= toy_tlb_flush_all,
	.tlb_add_range	= toy_tlb_add_range,
};

static size_t toy_unmap(struct iommu_domain *domain, unsigned long iova,
			size_t pgsize, size_t pgcount,
			struct iommu_iotlb_gather *gather)
{
	struct toy_domain *toy = to_toy(domain);

	return toy->iop->unmap_pages(toy->iop, iova, pgsize, pgcount, gather);
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
	.iotlb_sync_always = true, /* finds: declared */
	.free		= toy_free,
};

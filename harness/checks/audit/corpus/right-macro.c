// SPDX-License-Identifier: GPL-2.0
/*
 * A macro sets some members, or generic_pt does: what they are is not seen,
 * and nothing may be said about them.
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

	return toy->iop->unmap_pages(toy->iop, iova, pgsize, pgcount, gather);
}

#define TOY_OPS				\
	.unmap_pages = toy_unmap,	\
	.iotlb_sync_always = true

static void toy_sync(struct iommu_domain *domain,
		     struct iommu_iotlb_gather *gather)
{
	writel(1, to_toy(domain)->base);
}

static const struct iommu_domain_ops toy_domain_ops = {
	TOY_OPS,
	.iotlb_sync = toy_sync,
};

static void toy_pt_sync(struct iommu_domain *domain,
			struct iommu_iotlb_gather *gather)
{
	writel(gather->start, to_toy(domain)->base);
	iommu_put_pages_list(&gather->freelist);
}

static const struct iommu_domain_ops toy_pt_ops = {
	IOMMU_PT_DOMAIN_OPS(amdv1),
	.iotlb_sync = toy_pt_sync,
};

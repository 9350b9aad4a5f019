// SPDX-License-Identifier: GPL-2.0
/*
 * The ops are in a macro, which some versions of Coccinelle parse and others do
 * not: nothing may be said about them, and MODE=patch must leave its lines alone.
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

static void toy_sync(struct iommu_domain *domain,
		     struct iommu_iotlb_gather *gather)
{
	writel(1, to_toy(domain)->base);
}

#define TOY_COMMON_OPS()						\
	.domain_alloc_paging	= toy_domain_alloc_paging,		\
	.default_domain_ops	= &(const struct iommu_domain_ops) {	\
		.unmap_pages	= toy_unmap,				\
		.iotlb_sync	= toy_sync,				\
	}

static const struct iommu_ops toy_ops = {
	TOY_COMMON_OPS(),
};

#define TOY_DOMAIN_OPS (&(const struct iommu_domain_ops) {	\
	.unmap_pages	= toy_unmap,				\
	.iotlb_sync	= toy_sync,				\
})

static const struct iommu_ops toy_other_ops = {
	.default_domain_ops	= TOY_DOMAIN_OPS,
};

// SPDX-License-Identifier: GPL-2.0
/*
 * Declares, and says that there is no sync; ops in the iommu_ops.
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

static struct iommu_ops toy_ops = {
	.default_domain_ops = &(struct iommu_domain_ops) {
		.unmap_pages	= toy_unmap,
		.iotlb_sync	= NULL,
		.iotlb_sync_always = true, /* finds: no callback */
	}
};

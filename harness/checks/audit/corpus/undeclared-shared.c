// SPDX-License-Identifier: GPL-2.0
/*
 * Two ops share a sync that flushes everything; one of them declares, the
 * other says that it need not be called.
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
		     struct iommu_iotlb_gather *gather __maybe_unused)
{
	writel(1, to_toy(domain)->base);
}

static struct iommu_domain_ops toy_stage1_ops = {
	.unmap_pages	= toy_unmap,
	.iotlb_sync	= toy_sync,
	.iotlb_sync_always = true,
};

static struct iommu_domain_ops toy_stage2_ops = {
	.unmap_pages	= toy_unmap,
	.iotlb_sync	= toy_sync,
	.iotlb_sync_always = false, /* finds: undeclared */
};

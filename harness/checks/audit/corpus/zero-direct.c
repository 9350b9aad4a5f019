// SPDX-License-Identifier: GPL-2.0
/*
 * Gathers the result of a call, pages times their size, or nothing on purpose.
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

static void toy_remove(struct toy_domain *toy, unsigned long iova, size_t pgsize,
		       struct iommu_iotlb_gather *gather)
{
	size_t n;

	iommu_iotlb_gather_add_range(gather, iova, toy_clear(toy, iova)); /* finds: zero */
	iommu_iotlb_gather_add_range(gather, iova, toy_unmap_pages(toy) * SZ_4K); /* finds: zero */
	iommu_iotlb_gather_add_range(gather, iova, SZ_4K * toy_unmap_pages(toy)); /* finds: zero */
	n = toy_unmap_pages(toy, iova);
	iommu_iotlb_gather_add_range(gather, iova, n * pgsize); /* finds: zero */
	n = toy_unmap_pages(toy, iova);
	iommu_iotlb_gather_add_range(gather, iova, pgsize * n); /* finds: zero */
	n = toy_unmap_pages(toy, iova);
	iommu_iotlb_gather_add_pages(&toy->domain, gather, iova, n << PAGE_SHIFT, pgsize); /* finds: zero */
	iommu_iotlb_gather_add_range(gather, iova, 0); /* finds: zero */
}

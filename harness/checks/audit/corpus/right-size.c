// SPDX-License-Identifier: GPL-2.0
/*
 * Sizes that are tested, in many ways, or that are somebody else's business.
 */
#include <linux/iommu.h>
#include <linux/io.h>
#include <linux/io-pgtable.h>

static size_t toy_unmap(struct io_pgtable_ops *ops, unsigned long iova, size_t pgsize,
			size_t pgcount, struct iommu_iotlb_gather *gather)
{
	size_t size, total = 0;

	while ((size = toy_clear_one(ops, iova)))
		iommu_iotlb_gather_add_range(gather, iova, size);

	size = ops->unmap_pages(ops, iova, pgsize, 1, NULL);
	if (size)
		iommu_iotlb_gather_add_range(gather, iova, size);

	size = toy_clear_one(ops, iova);
	if (gather && likely(size > 0))
		iommu_iotlb_gather_add_page(ops->domain, gather, iova, size);

	for (;;) {
		size = toy_clear_one(ops, iova);
		if (size == 0)
			break;
		total += size;
		iommu_iotlb_gather_add_range(gather, iova, size << PAGE_SHIFT);
	}

	size = toy_clear_one(ops, iova);
	if (WARN_ON(!size))
		return 0;
	iommu_iotlb_gather_add_range(gather, iova, size);

	size = toy_clear_one(ops, iova);
	if (unlikely(!size))
		return 0;
	iommu_iotlb_gather_add_range(gather, iova, size);

	iommu_iotlb_gather_add_range(gather, iova, pgsize);
	iommu_iotlb_gather_add_range(gather, iova, pgsize * pgcount);
	iommu_iotlb_gather_add_range(gather, iova, BIT(12));
	iommu_iotlb_gather_add_range(gather, iova, toy_page_size(ops));
	iommu_iotlb_gather_add_range(gather, 0, SZ_4K);
	return total;
}

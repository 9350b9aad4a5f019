// SPDX-License-Identifier: GPL-2.0
/*
 * What MODE=patch makes of a size that may be 0: a test before it.
 */
#include <linux/iommu.h>
#include <linux/io.h>
#include <linux/io-pgtable.h>

static size_t toy_unmap(struct io_pgtable_ops *ops, unsigned long iova,
			size_t pgsize, struct iommu_iotlb_gather *gather)
{
	size_t size;

	size = ops->unmap_pages(ops, iova, pgsize, 1, NULL);
	iommu_iotlb_gather_add_range(gather, iova, size); /* finds: zero */
	return size;
}

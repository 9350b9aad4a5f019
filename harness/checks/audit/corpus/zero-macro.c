// SPDX-License-Identifier: GPL-2.0
/*
 * A macro gathers what may be 0 bytes. It is found, and MODE=patch leaves it
 * alone: its lines end in backslashes, which Coccinelle does not write.
 */
#include <linux/iommu.h>

#define toy_unmap_page(ops, iova, gather)						\
	do {										\
		size_t size = (ops)->unmap_pages(ops, iova, PAGE_SIZE, 1, NULL);	\
		iommu_iotlb_gather_add_range(gather, iova, size); } while (0) /* finds: zero */

static void toy_unmap(struct io_pgtable_ops *ops, unsigned long iova,
		      struct iommu_iotlb_gather *gather)
{
	toy_unmap_page(ops, iova, gather);
}

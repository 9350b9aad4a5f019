// SPDX-License-Identifier: GPL-2.0
/*
 * Nothing is ever mapped, and unmap returns no bytes.
 */
#include <linux/iommu.h>
#include <linux/io.h>

static size_t toy_unmap(struct iommu_domain *domain, unsigned long iova,
			size_t pgsize, size_t pgcount,
			struct iommu_iotlb_gather *gather)
{
	return 0;
}

static const struct iommu_domain_ops toy_none_ops = {
	.unmap_pages	= toy_unmap,
};

static const struct iommu_domain_ops toy_range_ops = {
	.unmap_pages	= toy_unmap,
	.iotlb_sync	= toy_sync_range,
};

/* Identity and blocked domains have neither */
static const struct iommu_domain_ops toy_identity_ops = {
	.attach_dev	= toy_attach,
};

// SPDX-License-Identifier: GPL-2.0
/*
 * Its unmap hands the gather to a helper, which forgets it.  The sync is in
 * another file: whatever it does, it is skipped.
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

static size_t toy_clear(struct toy_domain *toy, unsigned long iova, size_t n,
			struct iommu_iotlb_gather *gather)
{
	memset(toy->table + (iova >> PAGE_SHIFT), 0, n * sizeof(u32));
	return n * PAGE_SIZE;
}

static size_t toy_unmap(struct iommu_domain *domain, unsigned long iova,
			size_t pgsize, size_t pgcount,
			struct iommu_iotlb_gather *gather)
{
	return toy_clear(to_toy(domain), iova, pgcount, gather);
}

static const struct iommu_ops toy_ops = {
	.default_domain_ops = &(const struct iommu_domain_ops) {
		.unmap_pages	= toy_unmap, /* finds: not gathered */
		.iotlb_sync	= toy_sync_range,
	}
};

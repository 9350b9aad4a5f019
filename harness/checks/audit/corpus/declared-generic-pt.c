// SPDX-License-Identifier: GPL-2.0
/*
 * generic_pt gathers whatever it removes, and the sync reads that.
 */
#include <linux/generic_pt/iommu.h>
#include <linux/io.h>

struct toy_domain {
	union {
		struct iommu_domain domain;
		struct pt_iommu_x86_64 pt;
	};
	void __iomem *base;
};

#define to_toy(d) container_of(d, struct toy_domain, domain)

static void toy_sync(struct iommu_domain *domain,
		     struct iommu_iotlb_gather *gather)
{
	writeq(gather->start, to_toy(domain)->base);
	writeq(gather->end, to_toy(domain)->base + 8);
	iommu_put_pages_list(&gather->freelist);
}

static const struct iommu_domain_ops toy_domain_ops = {
	IOMMU_PT_DOMAIN_OPS(x86_64),
	.iotlb_sync	= toy_sync,
	.iotlb_sync_always = true,	/* finds: declared */
};

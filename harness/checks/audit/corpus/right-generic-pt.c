// SPDX-License-Identifier: GPL-2.0
/*
 * generic_pt gathers whatever it removes: a sync that flushes everything need
 * not declare.
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

static void toy_sync(struct iommu_domain *domain,
		     struct iommu_iotlb_gather *gather)
{
	writel(1, to_toy(domain)->base);
}

static const struct iommu_domain_ops toy_domain_ops = {
	IOMMU_PT_DOMAIN_OPS(x86_64),
	.iotlb_sync = toy_sync,
};

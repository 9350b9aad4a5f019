// SPDX-License-Identifier: GPL-2.0
/*
 * The examples in Documentation/driver-api/iommu-sync.rst: drivers of a made-up
 * IOMMU, one for each kind of sync.
 */
#include "sync-example.h"

static int toy_map_pages(struct iommu_domain *domain, unsigned long iova,
			 phys_addr_t paddr, size_t pgsize, size_t pgcount,
			 int prot, gfp_t gfp, size_t *mapped)
{
	struct toy_domain *toy = to_toy(domain);

	for (; pgcount; pgcount--, iova += pgsize, *mapped += pgsize)
		toy->table[iova / SZ_4K] = true;
	return 0;
}

static void toy_flush_iotlb_all(struct iommu_domain *domain)
{
	toy_post(to_toy(domain), 0, TOY_PAGES * SZ_4K - 1);
	toy_wait(to_toy(domain));
}

/* Gathers a range */
static size_t range_unmap_pages(struct iommu_domain *domain, unsigned long iova,
				size_t pgsize, size_t pgcount,
				struct iommu_iotlb_gather *gather)
{
	size_t removed = toy_clear(to_toy(domain), iova, pgsize * pgcount);

	if (removed && !iommu_iotlb_gather_queued(gather))
		iommu_iotlb_gather_add_range(gather, iova, removed);
	return removed;
}

static void range_iotlb_sync(struct iommu_domain *domain,
			     struct iommu_iotlb_gather *gather)
{
	toy_post(to_toy(domain), gather->start, gather->end);
	toy_wait(to_toy(domain));
}

const struct iommu_domain_ops toy_range_ops = {
	.map_pages = toy_map_pages,
	.unmap_pages = range_unmap_pages,
	.flush_iotlb_all = toy_flush_iotlb_all,
	.iotlb_sync = range_iotlb_sync,
};

/* Flushes everything */
static size_t flush_unmap_pages(struct iommu_domain *domain, unsigned long iova,
				size_t pgsize, size_t pgcount,
				struct iommu_iotlb_gather *gather)
{
	return toy_clear(to_toy(domain), iova, pgsize * pgcount);
}

static void flush_iotlb_sync(struct iommu_domain *domain,
			     struct iommu_iotlb_gather *gather)
{
	toy_flush_iotlb_all(domain);
}

const struct iommu_domain_ops toy_flush_ops = {
	.map_pages = toy_map_pages,
	.unmap_pages = flush_unmap_pages,
	.flush_iotlb_all = toy_flush_iotlb_all,
	.iotlb_sync = flush_iotlb_sync,
	.iotlb_sync_always = true,
};

/* Waits for what unmap has posted */
static size_t wait_unmap_pages(struct iommu_domain *domain, unsigned long iova,
			       size_t pgsize, size_t pgcount,
			       struct iommu_iotlb_gather *gather)
{
	size_t removed = toy_clear(to_toy(domain), iova, pgsize * pgcount);

	if (removed && !iommu_iotlb_gather_queued(gather))
		toy_post(to_toy(domain), iova, iova + removed - 1);
	return removed;
}

static void wait_iotlb_sync(struct iommu_domain *domain,
			    struct iommu_iotlb_gather *gather)
{
	toy_wait(to_toy(domain));
}

const struct iommu_domain_ops toy_wait_ops = {
	.map_pages = toy_map_pages,
	.unmap_pages = wait_unmap_pages,
	.flush_iotlb_all = toy_flush_iotlb_all,
	.iotlb_sync = wait_iotlb_sync,
	.iotlb_sync_always = true,
};

/* Invalidates in unmap */
static size_t unmap_unmap_pages(struct iommu_domain *domain, unsigned long iova,
				size_t pgsize, size_t pgcount,
				struct iommu_iotlb_gather *gather)
{
	size_t removed = toy_clear(to_toy(domain), iova, pgsize * pgcount);

	if (removed) {
		toy_post(to_toy(domain), iova, iova + removed - 1);
		toy_wait(to_toy(domain));
	}
	return removed;
}

const struct iommu_domain_ops toy_unmap_ops = {
	.map_pages = toy_map_pages,
	.unmap_pages = unmap_unmap_pages,
};

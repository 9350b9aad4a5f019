// SPDX-License-Identifier: GPL-2.0
/*
 * A paging domain whose driver, page table and IOTLB belong to a test.
 */
#include "sync-domain.h"

static unsigned int sync_page(struct sync_domain *sd, unsigned long iova)
{
	return (iova - sd->base) / SZ_4K;
}

static int sync_map_pages(struct iommu_domain *domain, unsigned long iova,
			  phys_addr_t paddr, size_t pgsize, size_t pgcount,
			  int prot, gfp_t gfp, size_t *mapped)
{
	struct sync_domain *sd = to_sync_domain(domain);
	unsigned int page = sync_page(sd, iova);
	unsigned int want = pgsize * pgcount / SZ_4K;
	unsigned int free = sd->map_limit -
			    bitmap_weight(sd->mapped, SYNC_PAGES);
	unsigned int count = min(want, free);

	bitmap_set(sd->mapped, page, count);
	bitmap_set(sd->cached, page, count);
	*mapped = count * SZ_4K;
	return count < want ? -ENOMEM : 0;
}

static int sync_map_sync(struct iommu_domain *domain, unsigned long iova,
			 size_t size)
{
	return to_sync_domain(domain)->map_sync_fails ? -EIO : 0;
}

/* Removes up to the first hole, gathers what was removed if @gather */
static size_t __sync_unmap(struct sync_domain *sd, unsigned long iova,
			   size_t size, struct iommu_iotlb_gather *gather)
{
	unsigned int page = sync_page(sd, iova);
	unsigned int end, count;

	sd->unmaps++;
	if (sd->unmap_fails)
		return 0;

	end = find_next_zero_bit(sd->mapped, page + size / SZ_4K, page);
	count = end - page;
	bitmap_clear(sd->mapped, page, count);

	if (count && gather && !gather->queued &&
	    sd->unmaps > sd->gather_skip && sd->unmaps <= sd->gather_limit)
		iommu_iotlb_gather_add_range(gather, iova, count * SZ_4K);
	return count * SZ_4K;
}

static size_t sync_unmap_pages(struct iommu_domain *domain, unsigned long iova,
			       size_t pgsize, size_t pgcount,
			       struct iommu_iotlb_gather *gather)
{
	return __sync_unmap(to_sync_domain(domain), iova, pgsize * pgcount,
			    gather);
}

static size_t sync_unmap_pages_no_gather(struct iommu_domain *domain,
					 unsigned long iova, size_t pgsize,
					 size_t pgcount,
					 struct iommu_iotlb_gather *gather)
{
	return __sync_unmap(to_sync_domain(domain), iova, pgsize * pgcount,
			    NULL);
}

static size_t sync_unmap_pages_disjoint(struct iommu_domain *domain,
					unsigned long iova, size_t pgsize,
					size_t pgcount,
					struct iommu_iotlb_gather *gather)
{
	size_t size = __sync_unmap(to_sync_domain(domain), iova,
				   pgsize * pgcount, NULL);

	if (!size)
		return 0;
	if (iommu_iotlb_gather_is_disjoint(gather, iova, size))
		iommu_iotlb_sync(domain, gather);
	iommu_iotlb_gather_add_range(gather, iova, size);
	return size;
}

static size_t sync_unmap_pages_flush(struct iommu_domain *domain,
				     unsigned long iova, size_t pgsize,
				     size_t pgcount,
				     struct iommu_iotlb_gather *gather)
{
	struct sync_domain *sd = to_sync_domain(domain);
	size_t size = __sync_unmap(sd, iova, pgsize * pgcount, NULL);

	bitmap_clear(sd->cached, sync_page(sd, iova), size / SZ_4K);
	return size;
}

static void sync_flush_all(struct iommu_domain *domain)
{
	struct sync_domain *sd = to_sync_domain(domain);

	sd->flushes++;
	bitmap_zero(sd->cached, SYNC_PAGES);
}

static void sync_record(struct sync_domain *sd,
			struct iommu_iotlb_gather *gather)
{
	sd->syncs++;
	sd->start = gather->start;
	sd->end = gather->end;
	sd->mapped_at_sync = !bitmap_empty(sd->mapped, SYNC_PAGES);
}

static void sync_range(struct iommu_domain *domain,
		       struct iommu_iotlb_gather *gather)
{
	struct sync_domain *sd = to_sync_domain(domain);
	unsigned int page;

	sync_record(sd, gather);
	for (page = 0; page < SYNC_PAGES; page++)
		if (gather->start <= sync_iova(sd, page) &&
		    gather->end >= sync_iova(sd, page) + SZ_4K - 1)
			clear_bit(page, sd->cached);
}

static void sync_all(struct iommu_domain *domain,
		     struct iommu_iotlb_gather *gather)
{
	struct sync_domain *sd = to_sync_domain(domain);

	sync_record(sd, gather);
	bitmap_zero(sd->cached, SYNC_PAGES);
}

#define SYNC_OPS				\
	.map_pages = sync_map_pages,		\
	.iotlb_sync_map = sync_map_sync,	\
	.flush_iotlb_all = sync_flush_all

const struct iommu_domain_ops sync_range_ops = {
	SYNC_OPS,
	.unmap_pages = sync_unmap_pages,
	.iotlb_sync = sync_range,
};

const struct iommu_domain_ops sync_disjoint_ops = {
	SYNC_OPS,
	.unmap_pages = sync_unmap_pages_disjoint,
	.iotlb_sync = sync_range,
};

const struct iommu_domain_ops sync_always_ops = {
	SYNC_OPS,
	.unmap_pages = sync_unmap_pages_no_gather,
	.iotlb_sync = sync_all,
	.iotlb_sync_always = true,
};

/* Syncs by range, so that a wrong range in its place shows */
const struct iommu_domain_ops sync_undeclared_ops = {
	SYNC_OPS,
	.unmap_pages = sync_unmap_pages_no_gather,
	.iotlb_sync = sync_range,
};

const struct iommu_domain_ops sync_undeclared_all_ops = {
	SYNC_OPS,
	.unmap_pages = sync_unmap_pages_no_gather,
	.iotlb_sync = sync_all,
};

const struct iommu_domain_ops sync_none_ops = {
	SYNC_OPS,
	.unmap_pages = sync_unmap_pages_flush,
};

const struct iommu_domain_ops sync_none_always_ops = {
	SYNC_OPS,
	.unmap_pages = sync_unmap_pages_flush,
	.iotlb_sync_always = true,
};

struct sync_domain *sync_domain_alloc(struct kunit *test,
				      const struct iommu_domain_ops *ops,
				      unsigned long base)
{
	struct sync_domain *sd = kunit_kzalloc(test, sizeof(*sd), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, sd);
	sd->domain.type = IOMMU_DOMAIN_UNMANAGED;
	sd->domain.ops = ops;
	/* Two sizes, so that one unmap makes several calls to the driver */
	sd->domain.pgsize_bitmap = SZ_4K | SZ_64K;
	sd->base = base;
	sd->map_limit = SYNC_PAGES;
	sd->gather_limit = UINT_MAX;
	return sd;
}

void sync_domain_map(struct kunit *test, struct sync_domain *sd,
		     unsigned int page, unsigned int count)
{
	KUNIT_ASSERT_EQ(test, 0, iommu_map(&sd->domain, sync_iova(sd, page), 0,
					   count * SZ_4K,
					   IOMMU_READ | IOMMU_WRITE,
					   GFP_KERNEL));
}

/* The last sync was for exactly these pages */
void sync_domain_expect_gathered(struct kunit *test, struct sync_domain *sd,
				 unsigned int page, unsigned int count)
{
	KUNIT_EXPECT_EQ(test, sd->start, sync_iova(sd, page));
	KUNIT_EXPECT_EQ(test, sd->end, sync_iova(sd, page + count) - 1);
}

/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A paging domain whose driver, page table and IOTLB belong to a test.
 *
 * It is a window of SYNC_PAGES small pages. Mapping a page has the device use
 * it at once, so that its translation is cached. A cached translation stays
 * usable after the page is unmapped, until the driver invalidates it: what is
 * cached but not mapped is what a missing sync leaves to the device.
 */
#ifndef __IOMMU_TESTS_SYNC_DOMAIN_H
#define __IOMMU_TESTS_SYNC_DOMAIN_H

#include <kunit/test.h>
#include <linux/bitmap.h>
#include <linux/iommu.h>
#include <linux/sizes.h>

#define SYNC_PAGES	64
#define SYNC_SIZE	(SYNC_PAGES * SZ_4K)

struct sync_domain {
	struct iommu_domain domain;
	unsigned long base;

	DECLARE_BITMAP(mapped, SYNC_PAGES);
	DECLARE_BITMAP(cached, SYNC_PAGES);

	/* What the driver does wrong */
	unsigned int map_limit;		/* pages it has memory for */
	bool map_sync_fails;
	bool unmap_fails;
	unsigned int gather_skip;	/* unmap calls before it gathers */
	unsigned int gather_limit;	/* unmap calls until it does no more */

	/* What was asked of it */
	unsigned int unmaps;
	unsigned int syncs;
	unsigned int flushes;

	/* What the last sync found */
	unsigned long start;
	unsigned long end;
	bool mapped_at_sync;
};

#define to_sync_domain(d) container_of(d, struct sync_domain, domain)

/* Invalidates the range in the gather */
extern const struct iommu_domain_ops sync_range_ops;
/* The same, and syncs in unmap rather than gather ranges that do not touch */
extern const struct iommu_domain_ops sync_disjoint_ops;
/* Declares iotlb_sync_always, invalidates everything, never gathers */
extern const struct iommu_domain_ops sync_always_ops;
/* Neither gather nor declare; the first invalidates the range, the other all */
extern const struct iommu_domain_ops sync_undeclared_ops;
extern const struct iommu_domain_ops sync_undeclared_all_ops;
/* Invalidates in unmap, and has no sync */
extern const struct iommu_domain_ops sync_none_ops;
/* The same, and declares that the sync it does not have must always run */
extern const struct iommu_domain_ops sync_none_always_ops;

struct sync_domain *sync_domain_alloc(struct kunit *test,
				      const struct iommu_domain_ops *ops,
				      unsigned long base);
void sync_domain_map(struct kunit *test, struct sync_domain *sd,
		     unsigned int page, unsigned int count);
void sync_domain_expect_gathered(struct kunit *test, struct sync_domain *sd,
				 unsigned int page, unsigned int count);

static inline unsigned long sync_iova(struct sync_domain *sd, unsigned int page)
{
	return sd->base + page * SZ_4K;
}

/* Can the device still use a translation that was removed? */
static inline bool sync_domain_stale(struct sync_domain *sd)
{
	return !bitmap_subset(sd->cached, sd->mapped, SYNC_PAGES);
}

#endif

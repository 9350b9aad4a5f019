/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A made-up IOMMU and its drivers, the examples for driver authors.
 */
#ifndef __IOMMU_TESTS_SYNC_EXAMPLE_H
#define __IOMMU_TESTS_SYNC_EXAMPLE_H

#include <kunit/test.h>
#include <linux/iommu.h>
#include <linux/sizes.h>

#define TOY_PAGES	16

struct toy_domain {
	struct iommu_domain domain;
	bool table[TOY_PAGES];		/* what is mapped */
	bool iotlb[TOY_PAGES];		/* what the device can use */
	bool posted[TOY_PAGES];		/* invalidations that are under way */
	unsigned int invalidations;

	struct kunit_suppressed_warning *warnings;
};

#define to_toy(d) container_of(d, struct toy_domain, domain)

/* The hardware */
size_t toy_clear(struct toy_domain *toy, unsigned long iova, size_t size);
void toy_post(struct toy_domain *toy, unsigned long start, unsigned long last);
void toy_wait(struct toy_domain *toy);

/* The drivers */
extern const struct iommu_domain_ops toy_range_ops;
extern const struct iommu_domain_ops toy_flush_ops;
extern const struct iommu_domain_ops toy_wait_ops;
extern const struct iommu_domain_ops toy_unmap_ops;

#endif

/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __IOMMU_TESTS_HW_CASES_H
#define __IOMMU_TESTS_HW_CASES_H

#include "hw.h"

#include <linux/sizes.h>

/* Memory of each case, in bytes: as much as the largest block that is tested */
#define HW_MEMORY	SZ_2M

/**
 * struct hw_test - what a case works with
 * @iommu: the IOMMU
 * @master: the devices behind it; the second may be absent
 * @domain: that all of them are attached to
 * @attached: false while they are not
 * @iova: where to map
 * @faulted: the last address at which the driver saw a device refused
 * @freed_early: how often memory was freed that the hardware would have walked
 * @memory: HW_MEMORY bytes, contiguous and aligned to that; the first byte of each
 *	page tells which it is
 */
struct hw_test {
	struct hw_iommu *iommu;
	struct {
		struct device *dev;
		u32 stream;
	} master[HW_MAX_MASTERS];
	struct iommu_domain *domain;
	bool attached;
	unsigned long iova;
	unsigned long faulted;
	unsigned int freed_early;
	void *memory;
};

/* Whether a second device is in the domain */
static inline bool hw_two_masters(struct hw_test *t)
{
	return t->master[1].dev &&
	       iommu_get_domain_for_dev(t->master[1].dev) == t->domain;
}

struct device *hw_find_device(struct kunit *test, const char *path);
void hw_soak_test(struct kunit *test);

#endif

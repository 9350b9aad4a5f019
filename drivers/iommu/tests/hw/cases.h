/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __IOMMU_TESTS_HW_CASES_H
#define __IOMMU_TESTS_HW_CASES_H

#include "hw.h"

#include <linux/sizes.h>

/* No driver keeps its IOMMU awake for longer without need: 100 ms, and the work */
#define HW_SLEEP_MS	500

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
 * @warnings: what the driver or the core warned about since the case began
 * @warned: how many of these there were when hw_may_warn() was called last
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
	struct kunit_suppressed_warning *warnings;
	int warned;
};

/**
 * struct hw_log - what the kernel logs while a case listens
 * @number: that lines are looked through for, in hexadecimal digits
 * @lines: how many lines there were, without those of @warnings and @bugs
 * @named: how many of these have @number
 * @warnings: how many begin with "WARNING: "
 * @bugs: how many begin with "BUG: "
 */
struct hw_log {
	u64 number;
	unsigned int lines;
	unsigned int named;
	unsigned int warnings;
	unsigned int bugs;
};

/* Whether a second device is in the domain */
static inline bool hw_two_masters(struct hw_test *t)
{
	return t->master[1].dev &&
	       iommu_get_domain_for_dev(t->master[1].dev) == t->domain;
}

u8 hw_mark(unsigned int page);
void *hw_page(struct hw_test *t, unsigned int page);
u8 hw_sees(struct hw_test *t, unsigned int m, u64 iova);
bool hw_can_write(struct hw_test *t, unsigned int m, u64 iova);
void hw_expect_reached(struct kunit *test, unsigned int m, u64 iova,
		       unsigned int page, unsigned int count);
void hw_expect_found(struct kunit *test, u64 iova, unsigned int page, unsigned int count);
void hw_expect_refused(struct kunit *test, unsigned int m, u64 iova,
		       unsigned int count);

void hw_map(struct kunit *test, u64 iova, unsigned int page, unsigned int count);
void hw_may_warn(struct kunit *test, bool may);
void hw_map_pages(struct kunit *test, u64 iova, unsigned int page, unsigned int count);
void hw_unmap(struct kunit *test, u64 iova, unsigned int count);
void hw_unmap_fast(struct kunit *test, u64 iova, unsigned int count,
		   struct iommu_iotlb_gather *gather);
unsigned int hw_next_block(struct hw_test *t, unsigned int pages);
unsigned int hw_first_block(struct kunit *test);

void hw_expect_syncs(struct kunit *test, unsigned long syncs);
void hw_expect_exact(struct kunit *test);
int hw_note_fault(struct iommu_domain *domain, struct device *dev, unsigned long iova,
		  int flags, void *token);

void hw_log_start(struct kunit *test, struct hw_log *log);
void hw_log_stop(struct kunit *test, struct hw_log *log);

struct iommu_group *hw_second_group(struct hw_test *t);
int hw_attach(struct hw_test *t);
void hw_detach(struct hw_test *t);
void hw_attach_new(struct kunit *test);
struct device *hw_find_device(struct kunit *test, const char *path);

/* Parameters of the suites are iommu_hw.* on the kernel's command line */
#define HW_PARAM_PREFIX	"iommu_hw."

/* cases-soak.c: of random numbers, and of operations */
extern unsigned int hw_soak_seed;
extern unsigned int hw_soak_operations;

struct device *hw_dma_device(struct kunit *test);
void hw_dma_make_lazy(struct kunit *test, struct device *dev);
dma_addr_t hw_dma_map(struct kunit *test, struct device *dev, unsigned int page);

#endif

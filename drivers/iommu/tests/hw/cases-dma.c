// SPDX-License-Identifier: GPL-2.0-only
/*
 * Cases of the DMA API
 */
#include "cases.h"

#include <linux/delay.h>
#include <linux/dma-mapping.h>

#include "../../dma-iommu.h"

/* No flush queue waits longer: 10 ms, and a tick or two */
#define QUEUE_MS	100

/* The DMA API in strict mode: out of reach on return, and never the old page */
void hw_dma_test(struct kunit *test)
{
	struct hw_test *t = test->priv;
	struct device *dev = hw_dma_device(test);
	dma_addr_t iova, first;

	first = hw_dma_map(test, dev, 0);
	hw_expect_reached(test, 0, first, 0, 1);
	hw_clear(t->iommu);
	dma_unmap_single(dev, first, SZ_4K, DMA_BIDIRECTIONAL);
	hw_expect_syncs(test, 1);
	hw_expect_refused(test, 0, first, 1);

	iova = hw_dma_map(test, dev, 1);
	KUNIT_EXPECT_EQ(test, first, iova);
	hw_expect_reached(test, 0, iova, 1, 1);
	dma_unmap_single(dev, iova, SZ_4K, DMA_BIDIRECTIONAL);
	hw_expect_refused(test, 0, iova, 1);
}

/* There is no way back to strict mode but to begin the domain's DMA API anew */
static void make_strict(void *data)
{
	struct hw_test *t = data;
	struct iommu_domain *domain = iommu_get_domain_for_dev(t->master[0].dev);

	iommu_put_dma_cookie(domain);
	domain->cookie_type = IOMMU_COOKIE_NONE;
	domain->type = IOMMU_DOMAIN_DMA;
	iommu_get_dma_cookie(domain);
	for (unsigned int m = 0; m < HW_MAX_MASTERS && t->master[m].dev; m++)
		if (iommu_get_domain_for_dev(t->master[m].dev) == domain)
			iommu_setup_dma_ops(t->master[m].dev, domain);
}

/**
 * hw_dma_make_lazy() - have the DMA API flush lazily until the case ends
 * @test: skipped if the driver cannot
 * @dev: from hw_dma_device()
 */
void hw_dma_make_lazy(struct kunit *test, struct device *dev)
{
	struct iommu_domain *domain = iommu_get_domain_for_dev(dev);

	if (!device_iommu_capable(dev, IOMMU_CAP_DEFERRED_FLUSH))
		kunit_skip(test, "driver: cannot defer flushes");

	/* What a change to DMA-FQ in sysfs does */
	if (domain->type != IOMMU_DOMAIN_DMA_FQ) {
		KUNIT_ASSERT_EQ(test, 0, iommu_dma_init_fq(domain));
		domain->type = IOMMU_DOMAIN_DMA_FQ;
		KUNIT_ASSERT_EQ(test, 0,
				kunit_add_action_or_reset(test, make_strict, test->priv));
	}
}

/* In lazy mode: after the queue is flushed, without a sync on the way there */
void hw_dma_lazy_test(struct kunit *test)
{
	struct hw_test *t = test->priv;
	struct device *dev = hw_dma_device(test);
	dma_addr_t iova[4];

	hw_dma_make_lazy(test, dev);
	for (unsigned int i = 0; i < ARRAY_SIZE(iova); i++) {
		iova[i] = hw_dma_map(test, dev, i);
		hw_expect_reached(test, 0, iova[i], i, 1);
	}
	hw_clear(t->iommu);
	for (unsigned int i = 0; i < ARRAY_SIZE(iova); i++)
		dma_unmap_single(dev, iova[i], SZ_4K, DMA_BIDIRECTIONAL);
	hw_expect_syncs(test, 0);
	for (unsigned int i = 0; i < ARRAY_SIZE(iova); i++)
		hw_expect_reached(test, 0, iova[i], i, 1);
	msleep(QUEUE_MS);
	hw_expect_syncs(test, 1);
	for (unsigned int i = 0; i < ARRAY_SIZE(iova); i++)
		hw_expect_refused(test, 0, iova[i], 1);
}

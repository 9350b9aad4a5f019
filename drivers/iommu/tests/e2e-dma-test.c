// SPDX-License-Identifier: GPL-2.0
/*
 * The DMA API, seen by a device: out of its reach is what was unmapped, at once
 * in strict mode, and after the next flush of the queue in lazy mode. Which mode
 * it is, the command line says (iommu.strict=0 or 1).
 */
#include <linux/delay.h>
#include <linux/ktime.h>
#include <linux/scatterlist.h>

#include "e2e-device.h"

#define PAGES		8

/* No flush queue waits longer */
#define DRAIN_MS	3000

struct e2e_dma_test {
	struct e2e_device *edev;
	struct device *dev;
	void *pages[PAGES];
	u64 mask;
	bool lazy;
};

static void restore_mask(void *context)
{
	struct e2e_dma_test *edt = context;

	dma_set_mask(edt->dev, edt->mask);
}

static void unmap_own(void *context)
{
	struct e2e_device *edev = context;

	dma_unmap_single(&edev->pdev->dev, edev->own_iova, E2E_OWN_SIZE,
			 DMA_BIDIRECTIONAL);
}

static void free_page_of(void *page)
{
	free_page((unsigned long)page);
}

static int e2e_dma_init(struct kunit *test)
{
	struct e2e_dma_test *edt = kunit_kzalloc(test, sizeof(*edt), GFP_KERNEL);
	struct iommu_domain *domain;

	KUNIT_ASSERT_NOT_NULL(test, edt);
	test->priv = edt;
	edt->edev = e2e_device_get(test, 0);
	edt->dev = &edt->edev->pdev->dev;
	domain = iommu_get_domain_for_dev(edt->dev);
	if (!domain || !iommu_is_dma_domain(domain))
		kunit_skip(test, "the DMA API bypasses the IOMMU");
	edt->lazy = domain->type == IOMMU_DOMAIN_DMA_FQ;
	edt->mask = *edt->dev->dma_mask;
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action(test, restore_mask, edt));
	KUNIT_ASSERT_EQ(test, 0,
			dma_set_mask(edt->dev, DMA_BIT_MASK(edt->edev->ops->address_bits)));
	for (int i = 0; i < PAGES; i++) {
		edt->pages[i] = (void *)__get_free_page(GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, edt->pages[i]);
		KUNIT_ASSERT_EQ(test, 0,
				kunit_add_action_or_reset(test, free_page_of,
							  edt->pages[i]));
	}
	edt->edev->own_iova = dma_map_single(edt->dev, edt->edev->own,
					     E2E_OWN_SIZE, DMA_BIDIRECTIONAL);
	KUNIT_ASSERT_EQ(test, 0,
			dma_mapping_error(edt->dev, edt->edev->own_iova));
	return kunit_add_action_or_reset(test, unmap_own, edt->edev);
}

static dma_addr_t map_page(struct kunit *test, unsigned int page)
{
	struct e2e_dma_test *edt = test->priv;
	dma_addr_t iova = dma_map_single(edt->dev, edt->pages[page], SZ_4K,
					 DMA_BIDIRECTIONAL);

	KUNIT_ASSERT_EQ(test, 0, dma_mapping_error(edt->dev, iova));
	return iova;
}

static void unmap_page(struct e2e_dma_test *edt, dma_addr_t iova)
{
	dma_unmap_single(edt->dev, iova, SZ_4K, DMA_BIDIRECTIONAL);
}

static void drain(struct e2e_dma_test *edt)
{
	if (edt->lazy)
		msleep(DRAIN_MS);
}

static void expect_reach(struct kunit *test, dma_addr_t iova, unsigned int page,
			 bool reach)
{
	struct e2e_dma_test *edt = test->priv;

	e2e_expect_reach(test, edt->edev, iova, edt->pages[page], reach);
}

static void page_test(struct kunit *test)
{
	struct e2e_dma_test *edt = test->priv;
	dma_addr_t iova = map_page(test, 0);

	expect_reach(test, iova, 0, true);
	unmap_page(edt, iova);
	drain(edt);
	expect_reach(test, iova, 0, false);
}

static void pages_test(struct kunit *test)
{
	struct e2e_dma_test *edt = test->priv;
	dma_addr_t iova[PAGES];

	for (int i = 0; i < PAGES; i++) {
		iova[i] = map_page(test, i);
		expect_reach(test, iova[i], i, true);
	}
	for (int i = 0; i < PAGES; i += 2)
		unmap_page(edt, iova[i]);
	drain(edt);
	for (int i = 0; i < PAGES; i++)
		expect_reach(test, iova[i], i, i % 2);
	for (int i = 1; i < PAGES; i += 2)
		unmap_page(edt, iova[i]);
	drain(edt);
	for (int i = 0; i < PAGES; i++)
		expect_reach(test, iova[i], i, false);
}

static void sg_test(struct kunit *test)
{
	struct e2e_dma_test *edt = test->priv;
	struct scatterlist sgl[PAGES];
	struct sg_table sgt = { .sgl = sgl, .orig_nents = PAGES };
	struct sg_dma_page_iter iter;
	dma_addr_t iova[PAGES];
	int pages = 0;

	sg_init_table(sgl, PAGES);
	for (int i = 0; i < PAGES; i++)
		sg_set_buf(&sgl[i], edt->pages[i], SZ_4K);
	KUNIT_ASSERT_EQ(test, 0, dma_map_sgtable(edt->dev, &sgt,
						 DMA_BIDIRECTIONAL, 0));
	/* Neighbours in IOVA are merged */
	for_each_sgtable_dma_page(&sgt, &iter, 0) {
		KUNIT_ASSERT_LT(test, pages, PAGES);
		iova[pages++] = sg_page_iter_dma_address(&iter);
	}
	KUNIT_ASSERT_EQ(test, PAGES, pages);
	for (int i = 0; i < PAGES; i++)
		expect_reach(test, iova[i], i, true);
	dma_unmap_sgtable(edt->dev, &sgt, DMA_BIDIRECTIONAL, 0);
	drain(edt);
	for (int i = 0; i < PAGES; i++)
		expect_reach(test, iova[i], i, false);
}

/* The corruption that users see: the device uses the page of yesterday */
static void iova_reused_test(struct kunit *test)
{
	struct e2e_dma_test *edt = test->priv;
	dma_addr_t iova = map_page(test, 0);
	dma_addr_t again;

	expect_reach(test, iova, 0, true);
	unmap_page(edt, iova);
	again = map_page(test, 1);
	if (again == iova)
		KUNIT_EXPECT_FALSE_MSG(test, edt->lazy,
				       "the IOVA is in use before it is flushed");
	expect_reach(test, again, 1, true);
	unmap_page(edt, again);
	drain(edt);
	again = map_page(test, 2);
	expect_reach(test, again, 2, true);
	expect_reach(test, again, 0, false);
	expect_reach(test, again, 1, false);
	unmap_page(edt, again);
	drain(edt);
	expect_reach(test, again, 2, false);
}

/* What lazy mode risks, and strict mode does not: an access right after unmap */
static void in_flight_test(struct kunit *test)
{
	struct e2e_dma_test *edt = test->priv;
	unsigned int delay_us = edt->edev->ops->delay_us;
	dma_addr_t iova = map_page(test, 0);
	u8 *page = edt->pages[0];
	ktime_t started;

	kunit_info(test, "the DMA API is %s\n", edt->lazy ? "lazy" : "strict");
	/* Known to the IOTLB */
	expect_reach(test, iova, 0, true);
	memset(page, 0x5a, E2E_BYTES);
	if (delay_us) {
		e2e_start_write(test, edt->edev, iova, 0xa5);
		started = ktime_get();
		/* Timers may be too coarse to sleep for 1 ms less */
		while (ktime_us_delta(ktime_get(), started) < delay_us - 1000)
			cpu_relax();
		unmap_page(edt, iova);
	} else {
		unmap_page(edt, iova);
		e2e_start_write(test, edt->edev, iova, 0xa5);
	}
	e2e_wait(test, edt->edev);
	KUNIT_EXPECT_EQ_MSG(test, *page, edt->lazy ? 0xa5 : 0x5a,
			    "in %s mode, the page's new owner finds %*ph",
			    edt->lazy ? "lazy" : "strict", E2E_BYTES, page);
	drain(edt);
	expect_reach(test, iova, 0, false);
}

static struct kunit_case e2e_dma_cases[] = {
	KUNIT_CASE_SLOW(page_test),
	KUNIT_CASE_SLOW(pages_test),
	KUNIT_CASE_SLOW(sg_test),
	KUNIT_CASE_SLOW(iova_reused_test),
	KUNIT_CASE_SLOW(in_flight_test),
	{ }
};

static struct kunit_suite e2e_dma_suite = {
	.name = "iommu_e2e_dma",
	.suite_init = e2e_suite_init,
	.suite_exit = e2e_suite_exit,
	.init = e2e_dma_init,
	.test_cases = e2e_dma_cases,
};

kunit_test_suite(e2e_dma_suite);

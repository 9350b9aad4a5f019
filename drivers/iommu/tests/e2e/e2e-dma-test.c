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
		kunit_skip(test, "model: the DMA API bypasses the IOMMU");
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
		/* Timers may be too coarse to sleep for 2 ms less */
		while (ktime_us_delta(ktime_get(), started) < delay_us - 2000)
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

/* Two pages at neighbouring IOVAs, in two mappings */
struct two_pages {
	struct dma_iova_state state;
	struct scatterlist sgl[2];
	struct sg_table sgt;
	dma_addr_t iova;
};

static int map_sg(struct e2e_dma_test *edt, struct two_pages *two, void **pages)
{
	int ret;

	two->sgt = (struct sg_table) { .sgl = two->sgl, .orig_nents = 2 };
	sg_init_table(two->sgl, 2);
	for (int i = 0; i < 2; i++)
		sg_set_buf(&two->sgl[i], pages[i], SZ_4K);
	ret = dma_map_sgtable(edt->dev, &two->sgt, DMA_BIDIRECTIONAL, 0);
	two->iova = sg_dma_address(two->sgl);
	return ret;
}

static void unmap_sg(struct e2e_dma_test *edt, struct two_pages *two)
{
	dma_unmap_sgtable(edt->dev, &two->sgt, DMA_BIDIRECTIONAL, 0);
}

static int link_pages(struct e2e_dma_test *edt, struct two_pages *two,
		      void **pages)
{
	phys_addr_t phys = virt_to_phys(pages[0]);
	int ret;

	if (!dma_iova_try_alloc(edt->dev, &two->state, phys, SZ_8K))
		return -ENOSPC;
	two->iova = two->state.addr;
	for (int i = 0; i < 2; i++) {
		phys = virt_to_phys(pages[i]);
		ret = dma_iova_link(edt->dev, &two->state, phys, i * SZ_4K,
				    SZ_4K, DMA_BIDIRECTIONAL, 0);
		if (ret) {
			dma_iova_destroy(edt->dev, &two->state, i * SZ_4K,
					 DMA_BIDIRECTIONAL, 0);
			return ret;
		}
	}
	return dma_iova_sync(edt->dev, &two->state, 0, SZ_8K);
}

static void destroy_iova(struct e2e_dma_test *edt, struct two_pages *two)
{
	dma_iova_destroy(edt->dev, &two->state, SZ_8K, DMA_BIDIRECTIONAL, 0);
}

static const struct short_unmap {
	const char *desc;
	int (*map)(struct e2e_dma_test *edt, struct two_pages *two,
		   void **pages);
	void (*unmap)(struct e2e_dma_test *edt, struct two_pages *two);
} short_unmaps[] = {
	{ "dma_unmap_sgtable", map_sg, unmap_sg },
	{ "dma_iova_destroy", link_pages, destroy_iova },
};

KUNIT_ARRAY_PARAM_DESC(short_unmap, short_unmaps, desc);

/*
 * An unmap that finds a page missing may leave the next one mapped. Nobody else
 * must get the IOVA of that: the old owner's memory is there.
 */
static void short_unmap_test(struct kunit *test)
{
	const struct short_unmap *way = test->param_value;
	struct e2e_dma_test *edt = test->priv;
	struct iommu_domain *domain = iommu_get_domain_for_dev(edt->dev);
	void *pages[] = {	/* in an order in which they are not merged */
		max(edt->pages[0], edt->pages[1]),
		min(edt->pages[0], edt->pages[1]),
	};
	struct two_pages old, new;
	int ret;

	KUNIT_ASSERT_EQ(test, 0, way->map(edt, &old, pages));
	KUNIT_ASSERT_EQ(test, SZ_4K, iommu_unmap(domain, old.iova, SZ_4K));

	/* The DMA API warns of it, some page tables do */
	kunit_warning_suppress(test)
		way->unmap(edt, &old);
	drain(edt);
	if (!iommu_iova_to_phys(domain, old.iova + SZ_4K))
		kunit_skip(test, "driver: unmaps what comes after a hole");
	e2e_expect_reach(test, edt->edev, old.iova + SZ_4K, pages[1], true);

	for (int i = 0; i < PAGES; i++) {
		kunit_warning_suppress(test)
			ret = way->map(edt, &new, pages);
		KUNIT_EXPECT_EQ_MSG(test, 0, ret, "is that IOVA in use?");
		if (ret)
			break;
		KUNIT_EXPECT_NE(test, old.iova, new.iova);
		way->unmap(edt, &new);
	}
	KUNIT_EXPECT_EQ(test, SZ_4K,
			iommu_unmap(domain, old.iova + SZ_4K, SZ_4K));
}

/* A driver that unmaps twice must not have two others share an IOVA */
static void double_unmap_test(struct kunit *test)
{
	const struct short_unmap *way = test->param_value;
	struct e2e_dma_test *edt = test->priv;
	struct iommu_domain *domain = iommu_get_domain_for_dev(edt->dev);
	struct two_pages old, new[2];
	size_t size;
	int ret;

	KUNIT_ASSERT_EQ(test, 0, way->map(edt, &old, edt->pages));
	way->unmap(edt, &old);
	drain(edt);
	kunit_warning_suppress(test)
		size = iommu_unmap(domain, old.iova, SZ_4K);
	if (size)
		kunit_skip(test, "driver: unmaps what is not mapped");
	kunit_warning_suppress(test)
		way->unmap(edt, &old);
	drain(edt);

	KUNIT_ASSERT_EQ(test, 0, way->map(edt, &new[0], edt->pages));
	kunit_warning_suppress(test)
		ret = way->map(edt, &new[1], edt->pages);
	KUNIT_EXPECT_EQ_MSG(test, 0, ret, "is that IOVA in use?");
	if (!ret) {
		KUNIT_EXPECT_NE(test, new[0].iova, new[1].iova);
		way->unmap(edt, &new[1]);
	}
	way->unmap(edt, &new[0]);
}

static struct kunit_case e2e_dma_cases[] = {
	KUNIT_CASE_SLOW(page_test),
	KUNIT_CASE_SLOW(pages_test),
	KUNIT_CASE_SLOW(sg_test),
	KUNIT_CASE_SLOW(iova_reused_test),
	KUNIT_CASE_SLOW(in_flight_test),
	KUNIT_CASE_PARAM_ATTR(short_unmap_test, short_unmap_gen_params,
			      { .speed = KUNIT_SPEED_SLOW }),
	KUNIT_CASE_PARAM_ATTR(double_unmap_test, short_unmap_gen_params,
			      { .speed = KUNIT_SPEED_SLOW }),
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

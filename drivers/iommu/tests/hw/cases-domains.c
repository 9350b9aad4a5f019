// SPDX-License-Identifier: GPL-2.0-only
/*
 * Cases of domains and devices that come and go
 */
#include "cases.h"

#include <linux/delay.h>
#include <linux/dma-mapping.h>
#include <linux/of.h>
#include <linux/of_platform.h>
#include <linux/platform_device.h>

#include "../../dma-iommu.h"

/* Before a domain is ever attached its sync has nothing to do */
void hw_sync_unattached_test(struct kunit *test)
{
	struct hw_test *t = test->priv;
	struct iommu_domain *domain = iommu_paging_domain_alloc(t->master[0].dev);
	struct iommu_iotlb_gather gather;

	KUNIT_ASSERT_FALSE(test, IS_ERR_OR_NULL(domain));
	hw_map(test, t->iova, 0, 1);
	hw_expect_reached(test, 0, t->iova, 0, 1);
	iommu_iotlb_gather_init(&gather);
	iommu_iotlb_sync(domain, &gather);
	iommu_domain_free(domain);
	hw_expect_reached(test, 0, t->iova, 0, 1);
}

/* A domain may refuse to map before it is ever attached; it then has nothing mapped */
void hw_unattached_test(struct kunit *test)
{
	struct hw_test *t = test->priv;
	struct iommu_domain *domain = iommu_paging_domain_alloc(t->master[0].dev);
	phys_addr_t paddr = virt_to_phys(t->memory);
	phys_addr_t found;
	bool mapped;

	KUNIT_ASSERT_FALSE(test, IS_ERR_OR_NULL(domain));
	if (t->iommu->desc->one_domain) {
		iommu_domain_free(domain);
		kunit_skip(test, "driver: has one domain, for ever");
	}

	mapped = !iommu_map(domain, t->iova, paddr, SZ_4K, IOMMU_READ | IOMMU_WRITE,
			    GFP_KERNEL);
	/* One driver asks the hardware, which does not know the domain */
	found = iommu_iova_to_phys(domain, t->iova);
	if (found)
		KUNIT_EXPECT_EQ(test, mapped ? paddr : 0, found);
	KUNIT_EXPECT_EQ(test, mapped ? SZ_4K : 0, iommu_unmap(domain, t->iova, SZ_4K));
	iommu_domain_free(domain);
}

/* A domain that was replaced goes, and the one in its place stays */
void hw_free_replaced_test(struct kunit *test)
{
	struct hw_test *t = test->priv;
	struct iommu_domain *replaced = t->domain;

	if (t->iommu->desc->default_domain)
		kunit_skip(test, "driver: knows no second domain");

	hw_map(test, t->iova, 0, 2);
	hw_expect_reached(test, 0, t->iova, 0, 2);
	hw_detach(t);
	hw_attach_new(test);
	hw_map(test, t->iova, 2, 1);
	iommu_domain_free(replaced);
	hw_expect_reached(test, 0, t->iova, 2, 1);
	hw_expect_refused(test, 0, t->iova + SZ_4K, 1);
}

/*
 * A device that goes on asking while it is moved from domain to domain gets nothing from
 * those that it has left, and its IOMMU has forgotten what it found there meanwhile
 */
void hw_switch_test(struct kunit *test)
{
	struct hw_test *t = test->priv;
	struct iommu_domain *left = t->domain;
	struct iommu_domain *between;
	const u64 iova = t->iova;
	u64 paddr;
	int ret;

	if (t->iommu->desc->default_domain)
		kunit_skip(test, "driver: knows no second domain");

	hw_map(test, iova, 0, 1);
	hw_expect_reached(test, 0, iova, 0, 1);
	hw_read_ahead(t->iommu, t->master[0].stream, &iova, 1);
	hw_detach(t);
	between = iommu_get_domain_for_dev(t->master[0].dev);
	if (!t->iommu->desc->stays_attached) {
		ret = hw_translate(t->iommu, t->master[0].stream, iova, false, &paddr);
		KUNIT_EXPECT_TRUE(test, ret == -EFAULT || paddr == iova);
	}
	if (iommu_is_dma_domain(between))
		KUNIT_ASSERT_EQ(test, 0, iommu_map(between, iova, virt_to_phys(hw_page(t, 1)),
						   SZ_4K, IOMMU_READ | IOMMU_WRITE,
						   GFP_KERNEL));
	hw_sees(t, 0, iova);
	hw_attach_new(test);
	hw_read_ahead(t->iommu, 0, NULL, 0);
	hw_expect_refused(test, 0, iova, 1);
	hw_map(test, iova, 2, 1);
	hw_expect_reached(test, 0, iova, 2, 1);

	if (iommu_is_dma_domain(between) && !t->iommu->desc->forgets)
		KUNIT_EXPECT_EQ(test, SZ_4K, iommu_unmap(between, iova, SZ_4K));
	iommu_domain_free(left);
	hw_expect_reached(test, 0, iova, 2, 1);
}

static void expect_bypass(struct kunit *test, unsigned int m, u64 iova, unsigned int count)
{
	struct hw_test *t = test->priv;
	u64 paddr = 0;

	for (u64 end = iova + count * SZ_4K; iova < end; iova += SZ_4K) {
		KUNIT_EXPECT_EQ_MSG(test, 0, hw_translate(t->iommu, t->master[m].stream,
							  iova, false, &paddr),
				    "master %u", m);
		KUNIT_EXPECT_EQ_MSG(test, iova, paddr, "master %u", m);
	}
}

/* In an identity domain a device gets what it asks for, and what was mapped before it */
void hw_identity_test(struct kunit *test)
{
	struct hw_test *t = test->priv;
	struct iommu_group *group = t->master[0].dev->iommu_group;
	struct iommu_domain *identity = t->domain->owner->identity_domain;
	int ret;

	if (!identity)
		kunit_skip(test, "driver: has no identity domain");
	if (t->iommu->desc->stays_on)
		kunit_skip(test, "driver: translation is never turned off again");

	hw_map(test, t->iova, 0, 2);
	hw_expect_reached(test, 0, t->iova, 0, 2);
	hw_detach(t);
	ret = iommu_attach_group(identity, group);
	if (ret == -EINVAL)
		kunit_skip(test, "hardware: cannot be bypassed");
	KUNIT_ASSERT_EQ(test, 0, ret);
	for (unsigned int m = 0; m < HW_MAX_MASTERS && t->master[m].dev; m++)
		if (t->master[m].dev->iommu_group == group)
			expect_bypass(test, m, t->iova, 2);
	iommu_detach_group(identity, group);

	if (!t->iommu->desc->default_domain)
		KUNIT_ASSERT_EQ(test, 0, hw_attach(t));
	if (!t->iommu->desc->forgets)
		hw_expect_reached(test, 0, t->iova, 0, 2);
}

/* Nor after its last device is detached, which then reaches no more than before */
void hw_sync_of_detached_test(struct kunit *test)
{
	struct hw_test *t = test->priv;
	u32 stream = t->master[0].stream;
	struct iommu_iotlb_gather gather;
	bool reached[4];
	u64 paddr;

	if (t->iommu->desc->default_domain)
		kunit_skip(test, "driver: knows no second domain");

	hw_map_pages(test, t->iova, 0, 4);
	hw_expect_reached(test, 0, t->iova, 0, 4);
	hw_detach(t);
	for (unsigned int i = 0; i < ARRAY_SIZE(reached); i++)
		reached[i] = !hw_translate(t->iommu, stream, t->iova + i * SZ_4K, true,
					   &paddr);
	iommu_iotlb_gather_init(&gather);
	iommu_iotlb_sync(t->domain, &gather);
	for (unsigned int i = 0; i < ARRAY_SIZE(reached); i++)
		KUNIT_EXPECT_TRUE(test, reached[i] ||
				  hw_translate(t->iommu, stream, t->iova + i * SZ_4K,
					       true, &paddr));
}

/* After a domain is detached its sync does no harm, nor does its unmap */
void hw_sync_detached_test(struct kunit *test)
{
	struct hw_test *t = test->priv;
	struct iommu_iotlb_gather gather;

	if (t->iommu->desc->default_domain)
		kunit_skip(test, "driver: knows no second domain");
	if (t->iommu->desc->forgets)
		kunit_skip(test, "driver: frees the tables of a domain on detach");

	hw_map_pages(test, t->iova, 0, 4);
	hw_expect_reached(test, 0, t->iova, 0, 4);
	hw_detach(t);
	if (iommu_is_dma_domain(iommu_get_domain_for_dev(t->master[0].dev)))
		hw_expect_refused(test, 0, t->iova, 4);
	iommu_iotlb_gather_init(&gather);
	iommu_iotlb_sync(t->domain, &gather);
	hw_unmap(test, t->iova + SZ_4K, 1);
	KUNIT_ASSERT_EQ(test, 0, hw_attach(t));
	hw_expect_reached(test, 0, t->iova, 0, 1);
	hw_expect_refused(test, 0, t->iova + SZ_4K, 1);
	hw_expect_reached(test, 0, t->iova + 2 * SZ_4K, 2, 2);
}

/* Two devices on one domain: neither reaches what is unmapped, be it pages or a block */
void hw_two_masters_test(struct kunit *test)
{
	struct hw_test *t = test->priv;
	unsigned int pages;

	if (!hw_two_masters(t))
		kunit_skip(test, "%s", t->iommu->desc->no_two_masters ?:
			   "model: has one device");

	/* Both may remember that there is nothing */
	hw_expect_refused(test, 0, t->iova, 4);
	hw_expect_refused(test, 1, t->iova, 4);
	hw_map_pages(test, t->iova, 0, 4);
	hw_expect_reached(test, 0, t->iova, 0, 4);
	hw_expect_reached(test, 1, t->iova, 0, 4);
	hw_unmap(test, t->iova + SZ_4K, 2);
	for (unsigned int m = 0; m < 2; m++) {
		hw_expect_reached(test, m, t->iova, 0, 1);
		hw_expect_refused(test, m, t->iova + SZ_4K, 2);
		hw_expect_reached(test, m, t->iova + 3 * SZ_4K, 3, 1);
	}
	hw_unmap(test, t->iova, 1);
	hw_unmap(test, t->iova + 3 * SZ_4K, 1);

	for (pages = hw_next_block(t, 1); pages; pages = hw_next_block(t, pages)) {
		hw_map(test, t->iova, 0, pages);
		for (unsigned int m = 0; m < 2; m++)
			hw_expect_reached(test, m, t->iova, 0, pages);
		hw_unmap(test, t->iova, pages);
		for (unsigned int m = 0; m < 2; m++)
			hw_expect_refused(test, m, t->iova, pages);
	}
}

/* Two devices on a domain each: what one of them loses, the other keeps */
void hw_two_domains_test(struct kunit *test)
{
	struct hw_test *t = test->priv;
	struct iommu_domain *own = t->domain;
	bool default_domain = t->iommu->desc->default_domain;
	struct iommu_domain *other;

	if (!hw_second_group(t))
		kunit_skip(test, "%s", t->iommu->desc->no_two_domains ?:
			   "model: has one group of devices");

	if (default_domain) {
		other = iommu_get_domain_for_dev(t->master[1].dev);
	} else {
		other = iommu_paging_domain_alloc(t->master[1].dev);
		KUNIT_ASSERT_FALSE(test, IS_ERR_OR_NULL(other));
		iommu_set_fault_handler(other, hw_note_fault, t);
		iommu_detach_group(own, hw_second_group(t));
		KUNIT_EXPECT_EQ(test, 0, iommu_attach_group(other, hw_second_group(t)));
	}

	hw_map_pages(test, t->iova, 0, 4);
	t->domain = other;
	hw_map_pages(test, t->iova, 8, 4);
	for (unsigned int i = 0; i < 4; i++) {
		hw_expect_reached(test, 0, t->iova + i * SZ_4K, i, 1);
		hw_expect_reached(test, 1, t->iova + i * SZ_4K, 8 + i, 1);
		t->domain = i % 2 ? other : own;
		hw_unmap(test, t->iova + i * SZ_4K, 1);
		if (i % 2) {
			hw_expect_reached(test, 0, t->iova + i * SZ_4K, i, 1);
			hw_expect_refused(test, 1, t->iova + i * SZ_4K, 1);
		} else {
			hw_expect_refused(test, 0, t->iova + i * SZ_4K, 1);
			hw_expect_reached(test, 1, t->iova + i * SZ_4K, 8 + i, 1);
		}
	}

	t->domain = other;
	hw_unmap(test, t->iova, 1);
	hw_unmap(test, t->iova + 2 * SZ_4K, 1);
	t->domain = own;
	if (default_domain)
		return;

	iommu_detach_group(other, hw_second_group(t));
	KUNIT_EXPECT_EQ(test, 0, iommu_attach_group(own, hw_second_group(t)));
	iommu_domain_free(other);
}

/* @asleep: once nobody drives them, and their IOMMU has fallen asleep */
static void hw_removed(struct kunit *test, bool asleep)
{
	struct hw_test *t = test->priv;
	const struct hw_desc *desc = t->iommu->desc;
	struct device_node *np[HW_MAX_MASTERS] = {};
	struct iommu_domain *domain;
	struct hw_log log = {};
	u64 iova = t->iova, paddr;

	hw_detach(t);
	domain = iommu_get_domain_for_dev(t->master[0].dev);
	if (iommu_is_dma_domain(domain)) {
		/* Not by way of the DMA API, whose users unmap before they go */
		KUNIT_ASSERT_EQ(test, 0, iommu_map(domain, iova, virt_to_phys(t->memory),
						   SZ_4K, IOMMU_READ | IOMMU_WRITE,
						   GFP_KERNEL));
		hw_expect_reached(test, 0, iova, 0, 1);
		/* The next domain may have the same tables, with all that is left in them */
		if (desc->stays_attached)
			iommu_unmap(domain, iova, SZ_4K);
	}

	hw_log_start(test, &log);
	for (unsigned int m = 0; asleep && m < HW_MAX_MASTERS && t->master[m].dev; m++) {
		device_release_driver(t->master[m].dev);
		msleep(HW_SLEEP_MS);
	}
	for (unsigned int m = 0; m < HW_MAX_MASTERS && t->master[m].dev; m++) {
		if (m && t->master[m].dev == t->master[0].dev)
			break;
		np[m] = of_node_get(t->master[m].dev->of_node);
		of_platform_device_destroy(t->master[m].dev, NULL);
	}
	/* With its tables, unless the domain is the test's */
	if (desc->default_domain)
		t->domain = NULL;
	if (!desc->stays_attached &&
	    !hw_translate(t->iommu, t->master[0].stream, iova, false, &paddr))
		KUNIT_EXPECT_EQ(test, paddr, iova);
	/* The IOMMU, which may be suspended now, must not ask the device that is gone */
	msleep(HW_SLEEP_MS);

	for (unsigned int m = 0; m < HW_MAX_MASTERS && np[m]; m++) {
		KUNIT_EXPECT_NOT_NULL(test, of_platform_device_create(np[m], NULL, NULL));
		of_node_put(np[m]);
	}
	hw_log_stop(test, &log);
	KUNIT_EXPECT_EQ(test, 0, log.warnings);

	for (unsigned int m = 0; m < HW_MAX_MASTERS && desc->masters[m].path; m++)
		t->master[m].dev = hw_find_device(test, desc->masters[m].path);
	if (desc->default_domain) {
		t->domain = iommu_get_domain_for_dev(t->master[0].dev);
	} else {
		iommu_domain_free(t->domain);
		hw_attach_new(test);
	}
	hw_map(test, t->iova, 1, 1);
	hw_expect_reached(test, 0, t->iova, 1, 1);
	hw_unmap(test, t->iova, 1);
	hw_expect_refused(test, 0, t->iova, 1);
}

/* Devices that go leave their IOMMU without a domain, and may be replaced by others */
void hw_removed_test(struct kunit *test)
{
	struct hw_test *t = test->priv;

	if (t->iommu->desc->one_domain)
		kunit_skip(test, "driver: has one domain, for ever");

	hw_removed(test, false);
	hw_removed(test, true);
}

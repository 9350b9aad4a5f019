// SPDX-License-Identifier: GPL-2.0-only
/*
 * IOMMUs that sleep: while the devices behind them do, and with the whole system
 *
 * Where an IOMMU has a power domain its registers are lost when that goes off. Whether
 * its TLB is, is up to the hardware: each case runs with one that is kept, and with
 * one that is lost.
 */
#include "cases.h"

#include <linux/delay.h>
#include <linux/of.h>
#include <linux/of_platform.h>
#include <linux/platform_device.h>
#include <linux/pm.h>
#include <linux/pm_runtime.h>
#include <linux/suspend.h>

#define PAGES	4

/* Where something is mapped while the IOMMU sleeps */
#define LATER		SZ_8M

/* All masters reach @count pages from @page on, or none of them if @mapped is false */
static void expect_pages(struct kunit *test, unsigned int page, unsigned int count,
			 bool mapped)
{
	struct hw_test *t = test->priv;
	u64 iova = t->iova + page * SZ_4K;

	for (unsigned int m = 0; m < 1 + hw_two_masters(t); m++) {
		if (mapped)
			hw_expect_reached(test, m, iova, page, count);
		else
			hw_expect_refused(test, m, iova, count);
	}
}

/* The IOMMU of a master, which is there from boot on; NULL if it is no platform's */
static struct device *iommu_of(struct hw_test *t, unsigned int m)
{
	struct device_node *np;
	struct platform_device *pdev;

	np = of_parse_phandle(t->master[m].dev->of_node, "iommus", 0);
	pdev = of_find_device_by_node(np);
	of_node_put(np);
	if (!pdev)
		return NULL;
	put_device(&pdev->dev);
	return &pdev->dev;
}

static void wake_masters(void *data)
{
	struct hw_test *t = data;

	for (unsigned int m = 0; m < HW_MAX_MASTERS && t->master[m].dev; m++)
		pm_runtime_get_sync(t->master[m].dev);
}

/* Let all masters sleep until wake_masters() is called, or the case ends */
static void put_masters(struct kunit *test)
{
	struct hw_test *t = test->priv;

	for (unsigned int m = 0; m < HW_MAX_MASTERS && t->master[m].dev; m++)
		pm_runtime_put_sync(t->master[m].dev);
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test, wake_masters, t));
}

static void keep_tlb(void *data)
{
	struct hw_test *t = data;

	t->iommu->loses_tlb = false;
}

static void lose_tlb(struct kunit *test, bool loses)
{
	struct hw_test *t = test->priv;

	kunit_info(test, "with the power the TLB is %s\n", loses ? "lost" : "kept");
	t->iommu->loses_tlb = loses;
}

static bool has_domains(struct hw_test *t)
{
	const struct hw_window *windows = t->iommu->desc->windows;

	for (unsigned int i = 0; i < HW_MAX_WINDOWS; i++)
		if (windows[i].powers)
			return true;
	return false;
}

/* Skip the case unless the IOMMU sleeps while its devices do */
static void needs_runtime_pm(struct kunit *test)
{
	struct hw_test *t = test->priv;
	struct device *iommu = iommu_of(t, 0);

	KUNIT_ASSERT_NOT_NULL(test, iommu);
	if (!pm_runtime_enabled(iommu))
		kunit_skip(test, "driver: has no runtime PM");
	if (t->iommu->desc->no_sleep)
		kunit_skip(test, "%s", t->iommu->desc->no_sleep);
}

static void hw_suspend(struct kunit *test)
{
	struct hw_test *t = test->priv;
	unsigned int losses = t->iommu->losses;
	struct iommu_iotlb_gather gather;
	u64 later = t->iova + LATER;
	unsigned int block = 1;

	while (hw_next_block(t, block))
		block = hw_next_block(t, block);
	hw_map_pages(test, t->iova, 0, PAGES);
	expect_pages(test, 0, PAGES, true);
	/* That may leave a table, which a block will replace */
	hw_map(test, later, 0, 1);
	hw_unmap(test, later, 1);
	for (unsigned int m = 0; m < 1 + hw_two_masters(t); m++)
		hw_expect_refused(test, m, later, 2);

	put_masters(test);
	msleep(HW_SLEEP_MS);
	for (unsigned int m = 0; m < HW_MAX_MASTERS && t->master[m].dev; m++)
		KUNIT_EXPECT_TRUE_MSG(test, pm_runtime_suspended(iommu_of(t, m)),
				      "the IOMMU of master %u is awake", m);
	for (unsigned int line = 0; t->iommu->desc->shares_irq && line < HW_SOC_LINES; line++)
		hw_raise_irq(t->iommu, line);
	/* It is woken up for these, or left alone */
	iommu_iotlb_gather_init(&gather);
	iommu_iotlb_sync(t->domain, &gather);
	msleep(HW_SLEEP_MS);
	if (t->domain->ops->flush_iotlb_all)
		iommu_flush_iotlb_all(t->domain);
	msleep(HW_SLEEP_MS);
	hw_unmap(test, t->iova + SZ_4K, 2);
	msleep(HW_SLEEP_MS);
	hw_map(test, later, 0, block);
	kunit_release_action(test, wake_masters, t);

	expect_pages(test, 0, 1, true);
	expect_pages(test, 1, 2, false);
	expect_pages(test, 3, 1, true);
	for (unsigned int m = 0; m < 1 + hw_two_masters(t); m++)
		hw_expect_reached(test, m, later, 0, block);
	if (has_domains(t))
		KUNIT_EXPECT_NE(test, losses, t->iommu->losses);
	hw_unmap(test, later, block);
	hw_unmap(test, t->iova, 1);
	hw_unmap(test, t->iova + 3 * SZ_4K, 1);
	expect_pages(test, 0, PAGES, false);
}

/* Awake again, all masters are in a domain in which nothing is mapped yet */
static void expect_attached(struct kunit *test)
{
	struct hw_test *t = test->priv;

	kunit_release_action(test, wake_masters, t);
	expect_pages(test, 0, 1, false);
	hw_map(test, t->iova, 0, 1);
	expect_pages(test, 0, 1, true);
	hw_unmap(test, t->iova, 1);
	expect_pages(test, 0, 1, false);
}

/* Nothing is mapped while domains come and go */
static void attach_asleep(struct kunit *test)
{
	struct hw_test *t = test->priv;
	struct iommu_group *group = t->master[0].dev->iommu_group;
	struct iommu_domain *identity = t->domain->owner->identity_domain;

	put_masters(test);
	msleep(HW_SLEEP_MS);
	hw_detach(t);
	if (identity) {
		msleep(HW_SLEEP_MS);
		KUNIT_EXPECT_EQ(test, 0, iommu_attach_group(identity, group));
		msleep(HW_SLEEP_MS);
		iommu_detach_group(identity, group);
	}
	msleep(HW_SLEEP_MS);
	KUNIT_ASSERT_EQ(test, 0, hw_attach(t));
	expect_attached(test);
}

/*
 * What is unmapped while the IOMMU sleeps is out of reach when it is awake again, and
 * what is mapped is not; so are domains that are attached
 */
void hw_suspend_test(struct kunit *test)
{
	struct hw_test *t = test->priv;

	needs_runtime_pm(test);
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test, keep_tlb, t));
	for (unsigned int i = 0; i < 2; i++) {
		lose_tlb(test, i);
		hw_suspend(test);
		if (!t->iommu->desc->default_domain)
			attach_asleep(test);
	}
}

/* All masters sleep until wake_masters() is called, and their IOMMUs stay awake */
static void keep_awake(struct kunit *test)
{
	struct hw_test *t = test->priv;
	struct device *iommus[HW_MAX_MASTERS] = {};
	unsigned int m;

	for (m = 0; m < HW_MAX_MASTERS && t->master[m].dev; m++) {
		iommus[m] = iommu_of(t, m);
		KUNIT_ASSERT_NOT_NULL(test, iommus[m]);
		KUNIT_EXPECT_LE(test, 0, pm_runtime_get_sync(iommus[m]));
	}
	put_masters(test);
	msleep(HW_SLEEP_MS);
	for (m = 0; m < HW_MAX_MASTERS && iommus[m]; m++)
		pm_runtime_put_noidle(iommus[m]);
	for (m = 0; m < HW_MAX_MASTERS && iommus[m]; m++) {
		KUNIT_EXPECT_TRUE(test, pm_runtime_active(iommus[m]));
		KUNIT_EXPECT_EQ(test, 0, atomic_read(&iommus[m]->power.usage_count));
	}
}

static void hw_idle(struct kunit *test, bool flush_all)
{
	struct hw_test *t = test->priv;
	struct iommu_iotlb_gather gather;

	hw_map_pages(test, t->iova, 0, PAGES);
	expect_pages(test, 0, PAGES, true);
	keep_awake(test);
	if (flush_all) {
		iommu_iotlb_gather_init(&gather);
		gather.queued = true;
		hw_unmap_fast(test, t->iova + SZ_4K, 2, &gather);
		iommu_flush_iotlb_all(t->domain);
	} else {
		hw_unmap(test, t->iova + SZ_4K, 2);
	}
	kunit_release_action(test, wake_masters, t);
	expect_pages(test, 0, 1, true);
	expect_pages(test, 1, 2, false);
	expect_pages(test, 3, 1, true);
	hw_unmap(test, t->iova, 1);
	hw_unmap(test, t->iova + 3 * SZ_4K, 1);
}

/* Nor does it matter if the IOMMU, without a user, happens to be awake all the time */
void hw_idle_test(struct kunit *test)
{
	struct hw_test *t = test->priv;

	needs_runtime_pm(test);
	hw_idle(test, false);
	if (t->domain->ops->flush_iotlb_all)
		hw_idle(test, true);
	if (t->iommu->desc->default_domain)
		return;

	keep_awake(test);
	hw_detach(t);
	KUNIT_ASSERT_EQ(test, 0, hw_attach(t));
	expect_attached(test);
}

#ifdef CONFIG_PM_SLEEP

enum phase {
	SUSPENDED,		/* by their drivers' suspend() */
	SUSPENDED_LATE,		/* and suspend_late() */
	SUSPENDED_NOIRQ,	/* and suspend_noirq(), and no interrupt comes any more */
};

/*
 * What may happen when all devices have been through @phase: those that are about to go
 * through the next unmap a page each, other devices on the same lines raise them, and up
 * to the end there is the timer of a flush queue, where the driver allows for one.
 */
static void unmap_in_sleep(struct kunit *test, enum phase phase)
{
	struct hw_test *t = test->priv;

	if (phase < SUSPENDED_NOIRQ) {
		hw_unmap(test, t->iova + (2 + phase) * SZ_4K, 1);
		KUNIT_EXPECT_EQ(test, 0,
				iommu_iova_to_phys(t->domain, t->iova + (2 + phase) * SZ_4K));
		KUNIT_EXPECT_NE(test, 0, iommu_iova_to_phys(t->domain, t->iova));
		for (unsigned int line = 0;
		     t->iommu->desc->shares_irq && line < HW_SOC_LINES; line++)
			hw_raise_irq(t->iommu, line);
	}
	/* A table goes with its pages, in some formats, and has to be flushed at once */
	if (phase == SUSPENDED && hw_next_block(t, 1))
		hw_unmap(test, t->iova + LATER, hw_next_block(t, 1));
	if (phase < SUSPENDED_NOIRQ ? !!t->domain->ops->flush_iotlb_all :
	    device_iommu_capable(t->master[0].dev, IOMMU_CAP_DEFERRED_FLUSH))
		iommu_flush_iotlb_all(t->domain);
}

/* All devices sleep, as when the system is suspended to idle */
static int hw_system_sleep(struct kunit *test)
{
	unsigned int flags = lock_system_sleep();
	int ret;

	ret = dpm_suspend_start(PMSG_SUSPEND);
	if (ret)
		goto resume;
	unmap_in_sleep(test, SUSPENDED);

	ret = dpm_suspend_late(PMSG_SUSPEND);
	if (ret)
		goto resume;
	unmap_in_sleep(test, SUSPENDED_LATE);

	ret = dpm_suspend_noirq(PMSG_SUSPEND);
	if (!ret) {
		unmap_in_sleep(test, SUSPENDED_NOIRQ);
		dpm_resume_noirq(PMSG_RESUME);
	}
	dpm_resume_early(PMSG_RESUME);
resume:
	dpm_resume_end(PMSG_RESUME);
	unlock_system_sleep(flags);
	return ret;
}

/*
 * After the system has slept, devices reach what they did before, and no more: nor what
 * was unmapped on the way. @idle: they slept before
 */
static void sleep_with_system(struct kunit *test, bool idle)
{
	struct hw_test *t = test->priv;
	unsigned int losses = t->iommu->losses;
	unsigned int block = hw_next_block(t, 1);

	hw_map_pages(test, t->iova, 0, PAGES);
	expect_pages(test, 0, PAGES, true);
	hw_unmap(test, t->iova + SZ_4K, 1);
	if (block) {
		hw_map_pages(test, t->iova + LATER, 0, block);
		hw_expect_reached(test, 0, t->iova + LATER, 0, 1);
	}
	if (idle) {
		put_masters(test);
		msleep(HW_SLEEP_MS);
	}
	KUNIT_EXPECT_EQ(test, 0, hw_system_sleep(test));
	if (idle && !t->iommu->desc->default_domain) {
		hw_detach(t);
		KUNIT_ASSERT_EQ(test, 0, hw_attach(t));
	}
	if (idle)
		kunit_release_action(test, wake_masters, t);

	expect_pages(test, 0, 1, true);
	expect_pages(test, 1, 3, false);
	hw_expect_refused(test, 0, t->iova + LATER, block);
	if (has_domains(t))
		KUNIT_EXPECT_NE(test, losses, t->iommu->losses);

	hw_unmap(test, t->iova, 1);
	expect_pages(test, 0, PAGES, false);
}

void hw_system_sleep_test(struct kunit *test)
{
	struct hw_test *t = test->priv;
	struct device *iommu = iommu_of(t, 0);

	KUNIT_ASSERT_NOT_NULL(test, iommu);
	if (!iommu->driver->pm)
		kunit_skip(test, "driver: does not know of system sleep");
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test, keep_tlb, t));

	for (unsigned int i = 0; i < 2; i++) {
		lose_tlb(test, i);
		sleep_with_system(test, false);
		if (pm_runtime_enabled(iommu) && !t->iommu->desc->no_sleep)
			sleep_with_system(test, true);
	}
}

#else /* !CONFIG_PM_SLEEP */

void hw_system_sleep_test(struct kunit *test)
{
	kunit_skip(test, "model: UML with SMP has no system sleep");
}

#endif

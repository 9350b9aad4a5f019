// SPDX-License-Identifier: GPL-2.0
/*
 * Unmap and sync, seen by a device: once the sync has returned, what was
 * unmapped is out of its reach. Most cases run twice. With the sync withheld,
 * the device must still get through, or the case would prove nothing; an
 * emulated IOMMU can be relied on to remember. All memory that a device can
 * reach belongs to the test.
 *
 * What the cases must know of one IOMMU or another is in enum traits.
 */
#include <linux/bitmap.h>
#include <linux/delay.h>
#include <linux/minmax.h>
#include <linux/moduleparam.h>
#include <linux/prandom.h>
#include <linux/random.h>
#include <linux/virtio.h>

#include "e2e-device.h"
#include "kernel-log.h"

#define PAGES		16
#define BLOCK		SZ_2M
#define BLOCK_ORDER	get_order(BLOCK)
#define PROT		(IOMMU_READ | IOMMU_WRITE | IOMMU_CACHE)

/* Offsets from the first IOVA of the tests; edu reaches 256 MiB in all */
#define OWN_OFFSET	SZ_8M
#define FAULT_OFFSET	0xabc000
#define FIRST_IOVA	SZ_16M

static unsigned int seed;
module_param(seed, uint, 0444);
MODULE_PARM_DESC(seed, "Seed of the soak, 0 for another each time");

/*
 * Written down here instead of read from the driver's ops, so that a test fails
 * if a driver loses its declaration.
 */
enum traits {
	ALWAYS_SYNC	= BIT(0),	/* its sync must run for empty gathers */
	SYNCS_MAP	= BIT(1),	/* a map ends what unmap has left over */
	FLUSHES_TABLES	= BIT(2),	/* unmap forgets tables on the spot */
	FLUSHES_DOMAIN	= BIT(3),	/* any sync takes all of the domain along */
	SPLITS_BLOCKS	= BIT(4),	/* the model forgets a block's first page */
	FAULTS_AS_EVENT	= BIT(5),	/* whose fault it was is logged, not where */
	FAULTS_UNSEEN	= BIT(6),	/* the model reports no fault */
	NEEDS_REFRESH	= BIT(7),	/* attached, the model sees no older maps */
};

static const struct {
	const char *name;
	unsigned int traits;
} known_iommus[] = {
	{ "virtio_iommu",	ALWAYS_SYNC | SYNCS_MAP },
	{ "arm-smmu-v3",	FLUSHES_TABLES },
	/* AMD as QEMU has it: non-present entries are cached, in theory */
	{ "ivhd",		SYNCS_MAP | FLUSHES_DOMAIN | FAULTS_UNSEEN },
	{ "riscv-iommu@",	SPLITS_BLOCKS },
	{ "s390-iommu.",	SYNCS_MAP | FAULTS_AS_EVENT | NEEDS_REFRESH },
};

/* By the IOMMU's driver, or its name in sysfs where it is no device */
static unsigned int traits_of(struct device *dev)
{
	struct device *iommu = dev->iommu->iommu_dev->dev;
	const char *name = dev_name(iommu);

	if (iommu->parent && iommu->parent->driver)
		name = iommu->parent->driver->name;
	for (int i = 0; i < ARRAY_SIZE(known_iommus); i++)
		if (strstarts(name, known_iommus[i].name))
			return known_iommus[i].traits;
	return 0;
}

struct e2e_test {
	struct e2e_device *edev;
	struct iommu_domain *domain;
	struct iommu_domain *attached;
	unsigned int traits;
	dma_addr_t iova;		/* the first that cases use */
	void *pages;			/* BLOCK bytes for the device to reach */
	struct iommu_iotlb_gather gather;
	bool withheld;
};

/* The sync of a case: at once, or withheld until the access has been seen */
static const bool withhold[] = { false, true };

static void withhold_desc(const bool *withheld, char *desc)
{
	strscpy(desc, *withheld ? "sync withheld" : "synced",
		KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(withhold, withhold, withhold_desc);

static void free_domain(void *domain)
{
	iommu_domain_free(domain);
}

static void free_block(void *block)
{
	free_pages((unsigned long)block, BLOCK_ORDER);
}

static void *alloc_block(struct kunit *test)
{
	void *block = (void *)__get_free_pages(GFP_KERNEL, BLOCK_ORDER);

	KUNIT_ASSERT_NOT_NULL(test, block);
	KUNIT_ASSERT_EQ(test, 0,
			kunit_add_action_or_reset(test, free_block, block));
	return block;
}

static void map(struct kunit *test, struct iommu_domain *domain,
		dma_addr_t iova, void *memory, size_t size)
{
	KUNIT_ASSERT_EQ(test, 0, iommu_map(domain, iova, virt_to_phys(memory),
					   size, PROT, GFP_KERNEL));
}

/* s390 reserves what is below the IOVAs that it translates */
static dma_addr_t first_iova(struct iommu_domain *domain,
			     struct e2e_device *edev)
{
	struct device *dev = &edev->pdev->dev;
	dma_addr_t first = domain->geometry.aperture_start;
	struct iommu_resv_region *region;
	LIST_HEAD(resv);

	iommu_get_resv_regions(dev, &resv);
	list_for_each_entry(region, &resv, list)
		if (region->start <= first)
			first = max(first, region->start + region->length);
	iommu_put_resv_regions(dev, &resv);
	return first;
}

static struct iommu_domain *domain_alloc(struct kunit *test,
					 struct e2e_device *edev)
{
	struct iommu_domain *domain = iommu_paging_domain_alloc(&edev->pdev->dev);

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, domain);
	KUNIT_ASSERT_EQ(test, 0,
			kunit_add_action_or_reset(test, free_domain, domain));
	map(test, domain, first_iova(domain, edev) + OWN_OFFSET, edev->own,
	    E2E_OWN_SIZE);
	return domain;
}

static void detach(void *context)
{
	struct e2e_test *e2e = context;

	if (e2e->attached)
		iommu_detach_device(e2e->attached, &e2e->edev->pdev->dev);
	e2e->attached = NULL;
}

static void attach(struct kunit *test, struct iommu_domain *domain)
{
	struct e2e_test *e2e = test->priv;

	detach(e2e);
	KUNIT_ASSERT_EQ(test, 0,
			iommu_attach_device(domain, &e2e->edev->pdev->dev));
	if (e2e->traits & NEEDS_REFRESH)
		iommu_flush_iotlb_all(domain);
	e2e->attached = domain;
	e2e->edev->own_iova = first_iova(domain, e2e->edev) + OWN_OFFSET;
}

static int e2e_init(struct kunit *test)
{
	struct e2e_test *e2e = kunit_kzalloc(test, sizeof(*e2e), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, e2e);
	test->priv = e2e;
	e2e->edev = e2e_device_get(test, 0);
	e2e->traits = traits_of(&e2e->edev->pdev->dev);
	e2e->pages = alloc_block(test);
	e2e->domain = domain_alloc(test, e2e->edev);
	e2e->iova = first_iova(e2e->domain, e2e->edev) + FIRST_IOVA;
	e2e->withheld = test->param_value && *(const bool *)test->param_value;
	iommu_iotlb_gather_init(&e2e->gather);
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action(test, detach, e2e));
	attach(test, e2e->domain);
	return 0;
}

static dma_addr_t iova(struct e2e_test *e2e, unsigned int page)
{
	return e2e->iova + page * SZ_4K;
}

static void *memory(struct e2e_test *e2e, unsigned int page)
{
	return e2e->pages + page * SZ_4K;
}

/* Each page by itself, as most users do */
static void map_pages(struct kunit *test, unsigned int first, unsigned int count)
{
	struct e2e_test *e2e = test->priv;

	for (unsigned int i = first; i < first + count; i++)
		map(test, e2e->domain, iova(e2e, i), memory(e2e, i), SZ_4K);
}

/* Fill the IOTLB. Any map, unmap or sync may drop more of it than it must */
static void use_pages(struct kunit *test, unsigned int first, unsigned int count)
{
	struct e2e_test *e2e = test->priv;

	for (unsigned int i = first; i < first + count; i++)
		KUNIT_ASSERT_TRUE(test, e2e_reads(test, e2e->edev, iova(e2e, i),
						  memory(e2e, i)));
}

/* Leaves the sync to the case */
static void unmap(struct kunit *test, dma_addr_t iova, size_t size)
{
	struct e2e_test *e2e = test->priv;

	KUNIT_ASSERT_EQ(test, size, iommu_unmap_fast(e2e->domain, iova, size,
						     &e2e->gather));
}

static void sync(struct e2e_test *e2e)
{
	iommu_iotlb_sync(e2e->domain, &e2e->gather);
}

static void expect_pages(struct kunit *test, unsigned int first,
			 unsigned int count, bool reach)
{
	struct e2e_test *e2e = test->priv;

	for (unsigned int i = first; i < first + count; i++)
		e2e_expect_reach(test, e2e->edev, iova(e2e, i),
				 memory(e2e, i), reach);
}

/*
 * The second half of most cases: all of the pages can be reached before they
 * are synced, and none afterwards.
 */
static void expect_sync_ends(struct kunit *test, unsigned int first,
			     unsigned int count)
{
	struct e2e_test *e2e = test->priv;

	if (e2e->withheld)
		expect_pages(test, first, count, true);
	sync(e2e);
	expect_pages(test, first, count, false);
}

static bool reaches_unmapped(struct kunit *test,
			     bool (*access)(struct kunit *test,
					    struct e2e_device *edev,
					    dma_addr_t iova, void *memory))
{
	struct e2e_test *e2e = test->priv;
	bool reached;

	map_pages(test, 0, 1);
	use_pages(test, 0, 1);
	unmap(test, e2e->iova, SZ_4K);
	if (!e2e->withheld)
		sync(e2e);
	reached = access(test, e2e->edev, e2e->iova, e2e->pages);
	sync(e2e);
	return reached;
}

static void read_test(struct kunit *test)
{
	struct e2e_test *e2e = test->priv;

	KUNIT_EXPECT_EQ_MSG(test, e2e->withheld,
			    reaches_unmapped(test, e2e_reads),
			    "the device %s read what the page's new owner wrote",
			    e2e->withheld ? "did not" : "has");
}

static void write_test(struct kunit *test)
{
	struct e2e_test *e2e = test->priv;

	KUNIT_EXPECT_EQ_MSG(test, e2e->withheld,
			    reaches_unmapped(test, e2e_writes),
			    "the page's new owner finds %*ph", E2E_BYTES,
			    e2e->pages);
}

/* Where IOVAs begin is one as any other; virtual machines have memory there */
static void first_page_test(struct kunit *test)
{
	struct e2e_test *e2e = test->priv;

	e2e->iova = first_iova(e2e->domain, e2e->edev);
	map_pages(test, 0, 2);
	use_pages(test, 0, 2);
	for (int i = 0; i < 2; i++)
		KUNIT_EXPECT_EQ(test, virt_to_phys(memory(e2e, i)) + 0x234,
				iommu_iova_to_phys(e2e->domain,
						   iova(e2e, i) + 0x234));
	unmap(test, e2e->iova, SZ_4K);
	KUNIT_EXPECT_EQ(test, 0, iommu_iova_to_phys(e2e->domain, e2e->iova));
	expect_sync_ends(test, 0, 1);
	expect_pages(test, 1, 1, true);
	unmap(test, iova(e2e, 1), SZ_4K);
	sync(e2e);
}

static void iova_reused_test(struct kunit *test)
{
	struct e2e_test *e2e = test->priv;
	void *old = memory(e2e, 0), *new = memory(e2e, 1);
	bool stale = e2e->withheld && !(e2e->traits & SYNCS_MAP);

	map_pages(test, 0, 1);
	use_pages(test, 0, 1);
	unmap(test, e2e->iova, SZ_4K);
	if (!e2e->withheld)
		sync(e2e);
	map(test, e2e->domain, e2e->iova, new, SZ_4K);
	e2e_expect_reach(test, e2e->edev, e2e->iova, old, stale);
	sync(e2e);
	e2e_expect_reach(test, e2e->edev, e2e->iova, old, false);
	e2e_expect_reach(test, e2e->edev, e2e->iova, new, true);
	unmap(test, e2e->iova, SZ_4K);
	sync(e2e);
}

static void one_of_many_test(struct kunit *test)
{
	struct e2e_test *e2e = test->priv;

	map_pages(test, 0, PAGES);
	use_pages(test, 0, PAGES);
	unmap(test, iova(e2e, 7), SZ_4K);
	expect_sync_ends(test, 7, 1);
	expect_pages(test, 0, 7, true);
	expect_pages(test, 8, PAGES - 8, true);
	unmap(test, iova(e2e, 0), 7 * SZ_4K);
	unmap(test, iova(e2e, 8), (PAGES - 8) * SZ_4K);
	sync(e2e);
	expect_pages(test, 0, PAGES, false);
}

static void one_sync_test(struct kunit *test)
{
	struct e2e_test *e2e = test->priv;

	map_pages(test, 0, PAGES);
	use_pages(test, 0, PAGES);
	for (int i = 0; i < PAGES; i++)
		unmap(test, iova(e2e, i), SZ_4K);
	expect_sync_ends(test, 0, PAGES);
}

/* With neighbours that stay, and in no order */
static void one_sync_scattered_test(struct kunit *test)
{
	static const unsigned int gone[] = { 9, 2, 14, 5 };
	struct e2e_test *e2e = test->priv;
	DECLARE_BITMAP(mapped, PAGES);
	unsigned int page;

	map_pages(test, 0, PAGES);
	use_pages(test, 0, PAGES);
	bitmap_fill(mapped, PAGES);
	for (int i = 0; i < ARRAY_SIZE(gone); i++) {
		use_pages(test, gone[i], 1);
		unmap(test, iova(e2e, gone[i]), SZ_4K);
		__clear_bit(gone[i], mapped);
	}
	/* A driver that cannot hold them all syncs all but the last */
	if (e2e->withheld && !(e2e->traits & FLUSHES_DOMAIN))
		expect_pages(test, gone[ARRAY_SIZE(gone) - 1], 1, true);
	sync(e2e);
	for (page = 0; page < PAGES; page++)
		expect_pages(test, page, 1, test_bit(page, mapped));
	for_each_set_bit(page, mapped, PAGES)
		unmap(test, iova(e2e, page), SZ_4K);
	sync(e2e);
}

/* How much an unmap across a hole removes is the driver's choice */
static void hole_test(struct kunit *test)
{
	struct e2e_test *e2e = test->priv;
	size_t size;

	map_pages(test, 0, 4);
	map_pages(test, 6, 4);
	use_pages(test, 0, 4);
	use_pages(test, 6, 4);
	/* Some drivers warn their callers about it */
	kunit_warning_suppress(test)
		size = iommu_unmap_fast(e2e->domain, e2e->iova, 10 * SZ_4K,
					&e2e->gather);
	KUNIT_EXPECT_LE(test, size, 10 * SZ_4K);
	if (e2e->withheld && size)
		expect_pages(test, 0, 1, true);
	sync(e2e);
	for (int i = 0; i < 10; i++) {
		bool mapped = iommu_iova_to_phys(e2e->domain, iova(e2e, i));

		expect_pages(test, i, 1, mapped);
		if (mapped) {
			unmap(test, iova(e2e, i), SZ_4K);
			sync(e2e);
			expect_pages(test, i, 1, false);
		}
	}
}

/*
 * Unmap without memory, from the end of one table into what has none: nothing
 * that the driver forgets may be left to the device.
 */
static void no_memory_test(struct kunit *test)
{
#ifdef CONFIG_FAILSLAB
	struct e2e_test *e2e = test->priv;
	dma_addr_t start = e2e->iova + BLOCK - 2 * SZ_4K;
	size_t size;

	map(test, e2e->domain, start, e2e->pages, SZ_4K);
	map(test, e2e->domain, start + SZ_4K, e2e->pages + SZ_4K, SZ_4K);
	e2e_expect_reach(test, e2e->edev, start, e2e->pages, true);
	e2e_expect_reach(test, e2e->edev, start + SZ_4K, e2e->pages + SZ_4K,
			 true);

	kunit_warning_suppress(test) {
		current->fail_nth = 1;
		size = iommu_unmap_fast(e2e->domain, start, 4 * SZ_4K,
					&e2e->gather);
		current->fail_nth = 0;
	}
	KUNIT_EXPECT_LE(test, size, 4 * SZ_4K);
	sync(e2e);
	for (size_t at = 0; at < 2 * SZ_4K; at += SZ_4K) {
		bool mapped = iommu_iova_to_phys(e2e->domain, start + at);

		e2e_expect_reach(test, e2e->edev, start + at, e2e->pages + at,
				 mapped);
		if (mapped)
			KUNIT_EXPECT_EQ(test, SZ_4K,
					iommu_unmap(e2e->domain, start + at,
						    SZ_4K));
	}
#else
	kunit_skip(test, "model: allocations cannot be made to fail, see CONFIG_FAILSLAB");
#endif
}

static void refused_map_test(struct kunit *test)
{
	struct e2e_test *e2e = test->priv;
	int ret;

	map_pages(test, 0, 1);
	use_pages(test, 0, 1);
	kunit_warning_suppress(test)
		ret = iommu_map(e2e->domain, e2e->iova,
				virt_to_phys(memory(e2e, 1)), SZ_4K, PROT,
				GFP_KERNEL);
	if (!e2e_reads(test, e2e->edev, e2e->iova, memory(e2e, 1)))
		KUNIT_EXPECT_NE_MSG(test, 0, ret,
				    "what is not mapped is said to be");
	while (iommu_iova_to_phys(e2e->domain, e2e->iova))
		unmap(test, e2e->iova, SZ_4K);
	sync(e2e);
	expect_pages(test, 0, 2, false);

	/* What was refused is of no concern to those who come later */
	map_pages(test, 0, 1);
	e2e_expect_reach(test, e2e->edev, e2e->iova, memory(e2e, 0), true);
	unmap(test, e2e->iova, SZ_4K);
	sync(e2e);
}

/* A sync whose commands are never answered has to end, with interrupts off */
static void broken_queue_test(struct kunit *test)
{
#if IS_REACHABLE(CONFIG_VIRTIO)
	struct e2e_test *e2e = test->priv;
	struct device *iommu = e2e->edev->pdev->dev.iommu->iommu_dev->dev;
	struct virtio_device *vdev;

	if (!iommu->parent || !is_virtio_device(iommu->parent))
		kunit_skip(test, "hardware: the IOMMU has no virtqueue");
	vdev = dev_to_virtio(iommu->parent);

	map_pages(test, 0, 1);
	use_pages(test, 0, 1);
	unmap(test, e2e->iova, SZ_4K);
	virtio_break_device(vdev);
	sync(e2e);
	KUNIT_EXPECT_NE(test, 0,
			iommu_map(e2e->domain, e2e->iova,
				  virt_to_phys(memory(e2e, 1)), SZ_4K, PROT,
				  GFP_KERNEL));
	__virtio_unbreak_device(vdev);

	/* The kick was lost */
	virtqueue_notify(list_first_entry(&vdev->vqs, struct virtqueue, list));
	sync(e2e);
	expect_pages(test, 0, 2, false);
#else
	kunit_skip(test, "hardware: no IOMMU has a virtqueue");
#endif
}

static void expect_offsets(struct kunit *test, void *block, bool first_only,
			   bool reach)
{
	struct e2e_test *e2e = test->priv;
	static const size_t offsets[] = {
		0, SZ_4K, SZ_1M, BLOCK - SZ_4K, BLOCK - E2E_BYTES
	};

	for (int i = 0; i < (first_only ? 1 : ARRAY_SIZE(offsets)); i++)
		e2e_expect_reach(test, e2e->edev, e2e->iova + offsets[i],
				 block + offsets[i], reach);
}

static void expect_pages_of_table(struct kunit *test, void *block, bool reach)
{
	expect_offsets(test, block, false, reach);
}

static void expect_block(struct kunit *test, void *block, bool reach)
{
	struct e2e_test *e2e = test->priv;

	expect_offsets(test, block, e2e->traits & SPLITS_BLOCKS, reach);
}

static void need_block(struct kunit *test)
{
	struct e2e_test *e2e = test->priv;

	if (!(e2e->domain->pgsize_bitmap & BLOCK))
		kunit_skip(test, "hardware: the IOMMU has no pages of 2 MiB");
}

static void block_test(struct kunit *test)
{
	struct e2e_test *e2e = test->priv;

	need_block(test);
	map(test, e2e->domain, e2e->iova, e2e->pages, BLOCK);
	expect_block(test, e2e->pages, true);
	KUNIT_EXPECT_EQ(test, virt_to_phys(e2e->pages) + BLOCK - 0x234,
			iommu_iova_to_phys(e2e->domain,
					   e2e->iova + BLOCK - 0x234));
	unmap(test, e2e->iova, BLOCK);
	if (e2e->withheld)
		expect_block(test, e2e->pages, true);
	sync(e2e);
	expect_block(test, e2e->pages, false);
}

/* A table is removed with all its pages, and a block takes its place */
static void table_test(struct kunit *test)
{
	struct e2e_test *e2e = test->priv;
	void *block = alloc_block(test);

	for (int i = 0; i < BLOCK / SZ_4K; i++)
		map(test, e2e->domain, iova(e2e, i), memory(e2e, i), SZ_4K);
	expect_pages_of_table(test, e2e->pages, true);
	unmap(test, e2e->iova, BLOCK);
	if (e2e->withheld)
		expect_pages_of_table(test, e2e->pages,
				      !(e2e->traits & FLUSHES_TABLES));
	sync(e2e);
	expect_pages_of_table(test, e2e->pages, false);

	map(test, e2e->domain, e2e->iova, block, BLOCK);
	expect_block(test, block, true);
	expect_block(test, e2e->pages, false);
	unmap(test, e2e->iova, BLOCK);
	sync(e2e);
	expect_block(test, block, false);
}

/*
 * The marks let a reader of QEMU's trace count what the IOMMU is told in
 * between.
 */
static void empty_gather_test(struct kunit *test)
{
	struct e2e_test *e2e = test->priv;
	struct iommu_iotlb_gather empty;

	map_pages(test, 0, 1);
	use_pages(test, 0, 1);
	unmap(test, e2e->iova, SZ_4K);

	iommu_iotlb_gather_init(&empty);
	e2e_mark(e2e->edev, E2E_MARK_EMPTY_SYNC);
	iommu_iotlb_sync(e2e->domain, &empty);
	e2e_mark(e2e->edev, E2E_MARK_END);
	expect_pages(test, 0, 1, !(e2e->traits & ALWAYS_SYNC));

	e2e_mark(e2e->edev, E2E_MARK_SYNC);
	sync(e2e);
	e2e_mark(e2e->edev, E2E_MARK_END);
	expect_pages(test, 0, 1, false);
}

static void iommu_unmap_test(struct kunit *test)
{
	struct e2e_test *e2e = test->priv;

	map_pages(test, 0, PAGES);
	use_pages(test, 0, PAGES);
	KUNIT_EXPECT_EQ(test, PAGES * SZ_4K,
			iommu_unmap(e2e->domain, e2e->iova, PAGES * SZ_4K));
	expect_pages(test, 0, PAGES, false);
}

static void attach_elsewhere_test(struct kunit *test)
{
	struct e2e_test *e2e = test->priv;
	struct iommu_domain *other = domain_alloc(test, e2e->edev);
	void *there = memory(e2e, 0), *here = memory(e2e, 1);

	map(test, other, e2e->iova, there, SZ_4K);
	map(test, e2e->domain, e2e->iova, here, SZ_4K);
	e2e_expect_reach(test, e2e->edev, e2e->iova, here, true);

	attach(test, other);
	e2e_expect_reach(test, e2e->edev, e2e->iova, here, false);
	e2e_expect_reach(test, e2e->edev, e2e->iova, there, true);

	attach(test, e2e->domain);
	e2e_expect_reach(test, e2e->edev, e2e->iova, there, false);
	e2e_expect_reach(test, e2e->edev, e2e->iova, here, true);
	unmap(test, e2e->iova, SZ_4K);
	sync(e2e);
	e2e_expect_reach(test, e2e->edev, e2e->iova, here, false);

	attach(test, other);
	e2e_expect_reach(test, e2e->edev, e2e->iova, there, true);
	detach(e2e);
}

/* No device is left to invalidate anything for, but one comes back */
static void unmap_detached_test(struct kunit *test)
{
	struct e2e_test *e2e = test->priv;

	map_pages(test, 0, 2);
	use_pages(test, 0, 2);
	detach(e2e);
	unmap(test, iova(e2e, 0), SZ_4K);
	sync(e2e);
	attach(test, e2e->domain);
	expect_pages(test, 0, 1, false);
	expect_pages(test, 1, 1, true);
	unmap(test, iova(e2e, 1), SZ_4K);
	sync(e2e);
	expect_pages(test, 1, 1, false);
}

struct attachment {
	struct iommu_domain *domain;
	struct device *dev;
};

static void detach_second(void *context)
{
	struct attachment *second = context;

	iommu_detach_device(second->domain, second->dev);
}

static void two_devices_test(struct kunit *test)
{
	struct e2e_test *e2e = test->priv;
	struct e2e_device *second = e2e_device_get(test, 1);
	struct attachment *attachment =
		kunit_kzalloc(test, sizeof(*attachment), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, attachment);
	attachment->domain = e2e->domain;
	attachment->dev = &second->pdev->dev;
	KUNIT_ASSERT_EQ(test, 0, iommu_attach_device(e2e->domain, attachment->dev));
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test, detach_second,
							   attachment));
	if (e2e->traits & NEEDS_REFRESH)
		iommu_flush_iotlb_all(e2e->domain);
	second->own_iova = e2e->edev->own_iova + E2E_OWN_SIZE;
	map(test, e2e->domain, second->own_iova, second->own, E2E_OWN_SIZE);

	map_pages(test, 0, 1);
	use_pages(test, 0, 1);
	e2e_expect_reach(test, second, e2e->iova, e2e->pages, true);
	unmap(test, e2e->iova, SZ_4K);
	if (e2e->withheld) {
		e2e_expect_reach(test, e2e->edev, e2e->iova, e2e->pages, true);
		e2e_expect_reach(test, second, e2e->iova, e2e->pages, true);
	}
	sync(e2e);
	e2e_expect_reach(test, e2e->edev, e2e->iova, e2e->pages, false);
	e2e_expect_reach(test, second, e2e->iova, e2e->pages, false);
}

/* Fault messages are rate limited, and there were many before */
static void fault_test(struct kunit *test)
{
	struct e2e_test *e2e = test->priv;
	dma_addr_t nowhere = first_iova(e2e->domain, e2e->edev) + FAULT_OFFSET;
	char text[40];
	struct kernel_log log;
	bool found = false;

	if (e2e->traits & FAULTS_UNSEEN)
		kunit_skip(test, "model: the emulated IOMMU reports no faults");
	if (e2e->traits & FAULTS_AS_EVENT)
		snprintf(text, sizeof(text), "%s: Event", pci_name(e2e->edev->pdev));
	else
		snprintf(text, sizeof(text), "%llx", (u64)nowhere);
	kernel_log_start(&log);
	for (int i = 0; i < 4 && !found; i++) {
		msleep(5000);
		KUNIT_EXPECT_FALSE(test, e2e_writes(test, e2e->edev, nowhere,
						    e2e->pages));
		msleep(100);
		found = kernel_log_has(&log, text);
	}
	KUNIT_EXPECT_TRUE_MSG(test, found, "no \"%s\" in the kernel log",
			      text);
}

#define SOAK_SLOTS	16
#define SOAK_PAGES	64
#define SOAK_ACCESSES	512

/* What the device must see of each IOVA, kept apart from the driver's tables */
struct soak {
	struct rnd_state rnd;
	DECLARE_BITMAP(mapped, SOAK_SLOTS);
	DECLARE_BITMAP(unsynced, SOAK_SLOTS);
	u8 page[SOAK_SLOTS];		/* that is, or was last, mapped */
	unsigned int accesses, steps, stale;
};

static unsigned int below(struct soak *soak, unsigned int limit)
{
	return prandom_u32_state(&soak->rnd) % limit;
}

static void soak_sync(struct e2e_test *e2e, struct soak *soak)
{
	sync(e2e);
	bitmap_zero(soak->unsynced, SOAK_SLOTS);
}

static void soak_access(struct kunit *test, struct soak *soak)
{
	struct e2e_test *e2e = test->priv;
	unsigned int slot = below(soak, SOAK_SLOTS);
	void *page = memory(e2e, soak->page[slot]);
	bool reach = test_bit(slot, soak->mapped), got;
	bool write = below(soak, 2);

	/* Where both outcomes are right there is nothing to see */
	if (!e2e->withheld && test_bit(slot, soak->unsynced))
		return;
	got = (write ? e2e_writes : e2e_reads)(test, e2e->edev, iova(e2e, slot),
					       page);
	soak->accesses++;
	if (got == reach)
		return;
	if (!soak->stale++ && !e2e->withheld)
		KUNIT_FAIL(test, "step %u: IOVA slot %u, %s page %u: a %s %s it: %*ph",
			   soak->steps, slot, reach ? "mapped to" : "once",
			   soak->page[slot], write ? "write" : "read",
			   got ? "reaches" : "does not reach", 8, page);
}

static void soak_map(struct kunit *test, struct soak *soak)
{
	struct e2e_test *e2e = test->priv;
	unsigned int slot = below(soak, SOAK_SLOTS);
	unsigned int count = 1 + below(soak, 4);

	for (; count && slot < SOAK_SLOTS; slot++, count--) {
		if (test_bit(slot, soak->mapped) || test_bit(slot, soak->unsynced))
			continue;
		soak->page[slot] = below(soak, SOAK_PAGES);
		map(test, e2e->domain, iova(e2e, slot),
		    memory(e2e, soak->page[slot]), SZ_4K);
		set_bit(slot, soak->mapped);
	}
}

static void soak_unmap(struct kunit *test, struct soak *soak)
{
	struct e2e_test *e2e = test->priv;
	unsigned int slot = find_next_bit(soak->mapped, SOAK_SLOTS,
					  below(soak, SOAK_SLOTS));
	unsigned int end = find_next_zero_bit(soak->mapped, SOAK_SLOTS, slot);
	unsigned int count = min(end - slot, 1 + below(soak, 4));

	if (!count)
		return;
	bitmap_clear(soak->mapped, slot, count);
	if (!e2e->withheld && below(soak, 2)) {
		KUNIT_EXPECT_EQ(test, count * SZ_4K,
				iommu_unmap(e2e->domain, iova(e2e, slot),
					    count * SZ_4K));
		return;
	}
	/* The sync is lost, not late: a driver may make up for it in unmap */
	if (e2e->withheld)
		iommu_iotlb_gather_init(&e2e->gather);
	else
		bitmap_set(soak->unsynced, slot, count);
	unmap(test, iova(e2e, slot), count * SZ_4K);
}

static void soak_test(struct kunit *test)
{
	struct soak *soak = kunit_kzalloc(test, sizeof(*soak), GFP_KERNEL);
	struct e2e_test *e2e = test->priv;
	u32 start = seed ?: get_random_u32();

	KUNIT_ASSERT_NOT_NULL(test, soak);
	kunit_info(test, "seed=%u\n", start);
	prandom_seed_state(&soak->rnd, start);
	for (; soak->accesses < SOAK_ACCESSES; soak->steps++) {
		/* One is proof enough */
		if (e2e->withheld && soak->stale)
			break;
		switch (below(soak, 16)) {
		case 0 ... 1:
			soak_map(test, soak);
			break;
		case 2 ... 3:
			soak_unmap(test, soak);
			break;
		case 4:
			if (!e2e->withheld)
				soak_sync(e2e, soak);
			break;
		default:
			soak_access(test, soak);
		}
	}
	if (e2e->withheld)
		KUNIT_EXPECT_NE_MSG(test, 0, soak->stale,
				    "%u accesses without a sync, all as if synced",
				    soak->accesses);
	else
		KUNIT_EXPECT_EQ_MSG(test, 0, soak->stale,
				    "of %u accesses, with seed=%u",
				    soak->accesses, start);
	for (int slot = 0; slot < SOAK_SLOTS; slot++)
		if (test_bit(slot, soak->mapped))
			unmap(test, iova(e2e, slot), SZ_4K);
	sync(e2e);
	iommu_flush_iotlb_all(e2e->domain);
}

/* A device takes its time */
#define WITHHOLD_CASE(name)					\
	KUNIT_CASE_PARAM_ATTR(name, withhold_gen_params,	\
			      { .speed = KUNIT_SPEED_SLOW })

static struct kunit_case e2e_cases[] = {
	WITHHOLD_CASE(read_test),
	WITHHOLD_CASE(write_test),
	WITHHOLD_CASE(first_page_test),
	WITHHOLD_CASE(iova_reused_test),
	WITHHOLD_CASE(one_of_many_test),
	WITHHOLD_CASE(one_sync_test),
	WITHHOLD_CASE(one_sync_scattered_test),
	WITHHOLD_CASE(hole_test),
	KUNIT_CASE_SLOW(no_memory_test),
	KUNIT_CASE_SLOW(refused_map_test),
	/* For ever, where the driver does not look */
	KUNIT_CASE_ATTR(broken_queue_test, { .speed = KUNIT_SPEED_VERY_SLOW }),
	WITHHOLD_CASE(block_test),
	WITHHOLD_CASE(table_test),
	WITHHOLD_CASE(two_devices_test),
	KUNIT_CASE_SLOW(empty_gather_test),
	KUNIT_CASE_SLOW(iommu_unmap_test),
	KUNIT_CASE_SLOW(attach_elsewhere_test),
	KUNIT_CASE_SLOW(unmap_detached_test),
	KUNIT_CASE_SLOW(fault_test),
	WITHHOLD_CASE(soak_test),
	{ }
};

static struct kunit_suite e2e_suite = {
	.name = "iommu_e2e",
	.suite_init = e2e_suite_init,
	.suite_exit = e2e_suite_exit,
	.init = e2e_init,
	.test_cases = e2e_cases,
};

kunit_test_suite(e2e_suite);

MODULE_DESCRIPTION("End-to-end tests of unmap and IOTLB sync");
MODULE_LICENSE("GPL");

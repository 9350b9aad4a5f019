// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a device reaches after its memory was unmapped: nothing
 *
 * An IOMMU remembers translations. If those of memory that is unmapped are not
 * invalidated, the device still reaches it, whomever it belongs to by then. Here it stays
 * the test's, which sees whether the device has written there.
 */
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/sizes.h>
#include <linux/vfio.h>

#include <libvfio.h>

#include "kselftest_harness.h"

/* As much as a device writes at once; igb needs 60 bytes at least, and copies 1 KiB at most */
#define WRITE_SIZE	SZ_1K

static const char *device_bdf;

struct iotlb {
	struct iommu *iommu;
	struct vfio_pci_device *device;
	struct iova_allocator *iova_allocator;
	struct dma_region source;
	u8 written;
};

static void *memory_alloc(u64 size)
{
	size_t align = size < SZ_2M ? getpagesize() : SZ_2M;
	void *vaddr = mmap_reserve(size, align, 0);

	VFIO_ASSERT_EQ(mmap(vaddr, size, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0), vaddr);
	madvise(vaddr, size, MADV_HUGEPAGE);
	memset(vaddr, 0, size);
	return vaddr;
}

static struct dma_region region_alloc(struct iotlb *t, u64 size)
{
	return (struct dma_region) {
		.vaddr = memory_alloc(size),
		.iova = iova_allocator_alloc(t->iova_allocator, size),
		.size = size,
	};
}

static void iotlb_init(struct iotlb *t, const char *iommu_mode)
{
	t->iommu = iommu_init(iommu_mode);
	t->device = vfio_pci_device_init(device_bdf, t->iommu);
	t->iova_allocator = iova_allocator_init(t->iommu);

	t->device->driver.region = region_alloc(t, SZ_2M);
	iommu_map(t->iommu, &t->device->driver.region);
	t->source = region_alloc(t, SZ_2M);
	iommu_map(t->iommu, &t->source);
	vfio_pci_driver_init(t->device);
	VFIO_ASSERT_LE(WRITE_SIZE, t->device->driver.max_memcpy_size);
}

static void iotlb_cleanup(struct iotlb *t)
{
	vfio_pci_driver_remove(t->device);
	iova_allocator_cleanup(t->iova_allocator);
	vfio_pci_device_cleanup(t->device);
	iommu_cleanup(t->iommu);
}

/* Whether memory at @vaddr is what the device writes to @iova; it must be all, or nothing */
static bool device_reaches(struct iotlb *t, iova_t iova, void *vaddr)
{
	u8 before[WRITE_SIZE];

	if (!++t->written)
		t->written++;
	memset(t->source.vaddr, t->written, WRITE_SIZE);
	memset(vaddr, 0, WRITE_SIZE);
	memset(before, 0, WRITE_SIZE);

	/* Not all devices report that they were refused */
	vfio_pci_driver_memcpy(t->device, t->source.iova, iova, WRITE_SIZE);

	if (!memcmp(vaddr, t->source.vaddr, WRITE_SIZE))
		return true;
	VFIO_ASSERT_EQ(memcmp(vaddr, before, WRITE_SIZE), 0, "reached in part\n");
	return false;
}

/* The first, a middle and the last place of the region */
static void region_places(struct dma_region *region, u64 *place)
{
	place[0] = 0;
	place[1] = (region->size / 2) & ~(u64)(getpagesize() - 1);
	place[2] = region->size - WRITE_SIZE;
}

static void expect_region(struct __test_metadata *_metadata, struct iotlb *t,
			  struct dma_region *region, bool reached)
{
	u64 place[3];

	region_places(region, place);
	for (int i = 0; i < ARRAY_SIZE(place); i++) {
		EXPECT_EQ(reached, device_reaches(t, region->iova + place[i],
						  region->vaddr + place[i])) {
			TH_LOG("at 0x%lx of 0x%lx", place[i], region->size);
		}
	}
}

FIXTURE(vfio_iotlb_test) {
	struct iotlb t;
};

FIXTURE_VARIANT(vfio_iotlb_test) {
	const char *iommu_mode;
};

#define FIXTURE_VARIANT_ADD_IOMMU_MODE(_iommu_mode)		\
FIXTURE_VARIANT_ADD(vfio_iotlb_test, _iommu_mode) {		\
	.iommu_mode = #_iommu_mode,				\
}

FIXTURE_VARIANT_ADD_ALL_IOMMU_MODES();

#undef FIXTURE_VARIANT_ADD_IOMMU_MODE

FIXTURE_SETUP(vfio_iotlb_test)
{
	iotlb_init(&self->t, variant->iommu_mode);
}

FIXTURE_TEARDOWN(vfio_iotlb_test)
{
	iotlb_cleanup(&self->t);
}

static void unmap_and_try(struct __test_metadata *_metadata, struct iotlb *t, u64 size)
{
	struct dma_region region = region_alloc(t, size);

	iommu_map(t->iommu, &region);
	expect_region(_metadata, t, &region, true);
	iommu_unmap(t->iommu, &region);
	expect_region(_metadata, t, &region, false);
}

TEST_F(vfio_iotlb_test, page)
{
	unmap_and_try(_metadata, &self->t, getpagesize());
}

TEST_F(vfio_iotlb_test, huge_page)
{
	unmap_and_try(_metadata, &self->t, SZ_2M);
}

TEST_F(vfio_iotlb_test, huge_pages)
{
	unmap_and_try(_metadata, &self->t, SZ_16M);
}

/* What is mapped there next is reached, and what was mapped there before is not */
TEST_F(vfio_iotlb_test, other_memory)
{
	struct dma_region first = region_alloc(&self->t, SZ_2M);
	struct dma_region second = first;

	second.vaddr = memory_alloc(SZ_2M);
	iommu_map(self->t.iommu, &first);
	expect_region(_metadata, &self->t, &first, true);
	iommu_unmap(self->t.iommu, &first);
	iommu_map(self->t.iommu, &second);
	expect_region(_metadata, &self->t, &first, false);
	expect_region(_metadata, &self->t, &second, true);
	iommu_unmap(self->t.iommu, &second);
	expect_region(_metadata, &self->t, &second, false);
}

/* Of several regions, what is next to one that is unmapped is still reached */
TEST_F(vfio_iotlb_test, neighbours)
{
	struct dma_region all = region_alloc(&self->t, 4 * getpagesize());
	struct dma_region page[4];

	for (int i = 0; i < ARRAY_SIZE(page); i++) {
		page[i] = all;
		page[i].vaddr += i * getpagesize();
		page[i].iova += i * getpagesize();
		page[i].size = getpagesize();
		iommu_map(self->t.iommu, &page[i]);
		expect_region(_metadata, &self->t, &page[i], true);
	}
	iommu_unmap(self->t.iommu, &page[1]);
	for (int i = 0; i < ARRAY_SIZE(page); i++)
		expect_region(_metadata, &self->t, &page[i], i != 1);
}

TEST_F(vfio_iotlb_test, unmap_all)
{
	struct dma_region region[3];

	for (int i = 0; i < ARRAY_SIZE(region); i++) {
		region[i] = region_alloc(&self->t, SZ_2M);
		iommu_map(self->t.iommu, &region[i]);
		expect_region(_metadata, &self->t, &region[i], true);
	}
	iommu_unmap_all(self->t.iommu);
	/* Those of the device, which it needs to try; some IOMMUs are synced here, too */
	iommu_map(self->t.iommu, &self->t.device->driver.region);
	iommu_map(self->t.iommu, &self->t.source);
	for (int i = 0; i < ARRAY_SIZE(region); i++)
		expect_region(_metadata, &self->t, &region[i], false);
}

/*
 * A part of what was mapped as a whole. Type 1 unmaps all of it, if it is the first part
 * and else nothing, and says so; its emulation by iommufd unmaps the part; all others
 * refuse. What was unmapped is not reached, the rest is.
 */
static void unmap_part(struct __test_metadata *_metadata, struct iotlb *t,
		       const char *mode, unsigned int first)
{
	struct dma_region region = region_alloc(t, 4 * getpagesize());
	bool type1 = !strcmp(mode, MODE_VFIO_TYPE1_IOMMU);
	bool compat = !strcmp(mode, MODE_IOMMUFD_COMPAT_TYPE1);
	u64 expected = type1 ? (first ? 0 : region.size) : compat ? getpagesize() : 0;
	struct dma_region part;
	u64 unmapped = 0;
	int ret;

	iommu_map(t->iommu, &region);
	for (u64 at = 0; at < region.size; at += getpagesize())
		EXPECT_TRUE(device_reaches(t, region.iova + at, region.vaddr + at));

	part = (struct dma_region) {
		.iova = region.iova + first * getpagesize(),
		.size = getpagesize(),
	};
	INIT_LIST_HEAD(&part.link);
	ret = __iommu_unmap(t->iommu, &part, &unmapped);
	EXPECT_EQ(type1 || compat, !ret);
	EXPECT_EQ(expected, unmapped);
	for (u64 at = 0; at < region.size; at += getpagesize()) {
		bool gone = at >= first * getpagesize() &&
			    at < first * getpagesize() + unmapped;

		EXPECT_EQ(!gone, device_reaches(t, region.iova + at, region.vaddr + at)) {
			TH_LOG("page %lu", at / getpagesize());
		}
	}
}

TEST_F(vfio_iotlb_test, first_part)
{
	unmap_part(_metadata, &self->t, variant->iommu_mode, 0);
}

TEST_F(vfio_iotlb_test, middle_part)
{
	unmap_part(_metadata, &self->t, variant->iommu_mode, 1);
}

#define LOOPS	32

struct remapper {
	pthread_t thread;
	struct iommu iommu;
	struct dma_region region;
	bool stop;
	unsigned long count;
};

static void *remap(void *data)
{
	struct remapper *r = data;

	while (!__atomic_load_n(&r->stop, __ATOMIC_RELAXED)) {
		iommu_map(&r->iommu, &r->region);
		iommu_unmap(&r->iommu, &r->region);
		__atomic_add_fetch(&r->count, 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

static unsigned long count_of(struct remapper *r)
{
	return __atomic_load_n(&r->count, __ATOMIC_RELAXED);
}

/* Two threads map and unmap all the time, next to what a third does and in the same tables */
TEST_F_TIMEOUT(vfio_iotlb_test, threads, 120)
{
	struct dma_region all = region_alloc(&self->t, 4 * getpagesize());
	struct dma_region mine = all;
	struct remapper r[2] = {};

	mine.size = getpagesize();
	for (int i = 0; i < ARRAY_SIZE(r); i++) {
		/* With regions of its own, as the lists of the library have no lock */
		r[i].iommu = *self->t.iommu;
		INIT_LIST_HEAD(&r[i].iommu.dma_regions);
		r[i].region = mine;
		r[i].region.vaddr += (i + 1) * getpagesize();
		r[i].region.iova += (i + 1) * getpagesize();
		ASSERT_EQ(0, pthread_create(&r[i].thread, NULL, remap, &r[i]));
	}
	/* With one CPU it may take some time until all have run */
	for (int i = 0; i < LOOPS || !count_of(&r[0]) || !count_of(&r[1]); i++) {
		iommu_map(self->t.iommu, &mine);
		EXPECT_TRUE(device_reaches(&self->t, mine.iova, mine.vaddr));
		iommu_unmap(self->t.iommu, &mine);
		EXPECT_FALSE(device_reaches(&self->t, mine.iova, mine.vaddr));
		/* Reached or not */
		device_reaches(&self->t, r[i % 2].region.iova, r[i % 2].region.vaddr);
	}
	for (int i = 0; i < ARRAY_SIZE(r); i++) {
		__atomic_store_n(&r[i].stop, true, __ATOMIC_RELAXED);
		ASSERT_EQ(0, pthread_join(r[i].thread, NULL));
		EXPECT_LT(0, r[i].count);
		expect_region(_metadata, &self->t, &r[i].region, false);
	}
}

/* What a process that ends, or closes its files, shares with others */
FIXTURE(vfio_iotlb_exit_test) {
	struct shared {
		u8 memory[SZ_2M];
		bool ready;
		bool closed;
	} *shared;
};

FIXTURE_VARIANT(vfio_iotlb_exit_test) {
	const char *iommu_mode;
};

#define FIXTURE_VARIANT_ADD_IOMMU_MODE(_iommu_mode)		\
FIXTURE_VARIANT_ADD(vfio_iotlb_exit_test, _iommu_mode) {	\
	.iommu_mode = #_iommu_mode,				\
}

FIXTURE_VARIANT_ADD_ALL_IOMMU_MODES();

FIXTURE_SETUP(vfio_iotlb_exit_test)
{
	self->shared = mmap(NULL, sizeof(*self->shared), PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, self->shared);
}

FIXTURE_TEARDOWN(vfio_iotlb_exit_test)
{
	munmap(self->shared, sizeof(*self->shared));
}

/* Have the device write to shared memory, until killed or until all files are closed */
static void write_for_ever(const char *iommu_mode, struct shared *shared, bool close_files)
{
	struct vfio_pci_driver *driver;
	struct dma_region region;
	struct iotlb t = {};

	iotlb_init(&t, iommu_mode);
	driver = &t.device->driver;
	region = region_alloc(&t, SZ_2M);
	region.vaddr = shared->memory;
	iommu_map(t.iommu, &region);
	VFIO_ASSERT_TRUE(device_reaches(&t, region.iova, region.vaddr));
	__atomic_store_n(&shared->ready, true, __ATOMIC_RELEASE);

	while (!close_files) {
		vfio_pci_driver_memcpy_start(t.device, t.source.iova, region.iova, WRITE_SIZE,
					     driver->max_memcpy_count);
		vfio_pci_driver_memcpy_wait(t.device);
	}

	vfio_pci_driver_memcpy_start(t.device, t.source.iova, region.iova, WRITE_SIZE,
				     driver->max_memcpy_count);
	close_range(3, ~0U, 0);
	__atomic_store_n(&shared->closed, true, __ATOMIC_RELEASE);
	pause();
}

static void leave(struct __test_metadata *_metadata, const char *iommu_mode,
		  struct shared *shared, bool close_files)
{
	bool *until = close_files ? &shared->closed : &shared->ready;
	int status;
	pid_t pid;

	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		write_for_ever(iommu_mode, shared, close_files);
		exit(KSFT_FAIL);
	}

	while (!__atomic_load_n(until, __ATOMIC_ACQUIRE)) {
		ASSERT_EQ(0, waitpid(pid, &status, WNOHANG));
		usleep(1000);
	}
	if (!close_files) {
		usleep(10000);
		kill(pid, SIGKILL);
		ASSERT_EQ(pid, waitpid(pid, &status, 0));
	}

	memset(shared->memory, 0xa5, sizeof(shared->memory));
	usleep(100000);
	for (u64 i = 0; i < sizeof(shared->memory); i++) {
		if (shared->memory[i] != 0xa5) {
			EXPECT_EQ(0xa5, shared->memory[i]);
			TH_LOG("written to at 0x%lx", i);
			break;
		}
	}
	if (close_files) {
		kill(pid, SIGKILL);
		waitpid(pid, &status, 0);
	}
}

TEST_F(vfio_iotlb_exit_test, killed)
{
	leave(_metadata, variant->iommu_mode, self->shared, false);
}

TEST_F(vfio_iotlb_exit_test, closed)
{
	leave(_metadata, variant->iommu_mode, self->shared, true);
}

static bool device_has_selftests_driver(void)
{
	struct iommu *iommu = iommu_init(default_iommu_mode);
	struct vfio_pci_device *device = vfio_pci_device_init(device_bdf, iommu);
	bool has_driver = device->driver.ops;

	vfio_pci_device_cleanup(device);
	iommu_cleanup(iommu);
	return has_driver;
}

int main(int argc, char *argv[])
{
	device_bdf = vfio_selftests_get_bdf(&argc, argv);

	if (!device_has_selftests_driver()) {
		fprintf(stderr, "No driver found for device %s\n", device_bdf);
		return KSFT_SKIP;
	}

	return test_harness_run(argc, argv);
}

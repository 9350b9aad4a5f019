// SPDX-License-Identifier: GPL-2.0-only
/*
 * Threads on several CPUs that map and unmap neighbours in the tables of one domain,
 * while devices do not stop to access it, and one of them leaves it and comes back
 */
#include "cases.h"

#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/dma-mapping.h>
#include <linux/kthread.h>
#include <linux/prandom.h>
#include <linux/random.h>
#include <linux/sched.h>
#include <linux/seqlock.h>

/* Of a page or two, by turns for each thread, on either side of where a table ends */
#define SMALL_SLOTS	32
#define SMALL_PAGES	2

#define MAX_THREADS	4

/* Each with a domain of its own, whose first tables they make at a time */
#define ROUNDS		10

/* Where threads make a table at a time: as many, and apart as far as any of them reaches */
#define NEW_TABLES	256
#define NEW_TABLE_SIZE	SZ_4M

/* What a driver does to an IOMMU takes so long at most; longer, to overtake who makes a table */
#define SLOW_US		16
#define NEW_TABLE_US	128

/* As many as one unmaps before it syncs */
#define BATCH		3

/* As many as one has mapped through the DMA API, and pages that each of them may have */
#define DMA_SLOTS	8
#define DMA_PAGES	8

/**
 * struct race_slot - a range of addresses that one thread maps and unmaps
 * @iova: the first one
 * @size: in pages, all that it may have mapped
 * @seq: of what follows, which its thread changes while it maps, or unmaps and syncs
 * @pages: how many are mapped, from @iova on; 0 if none
 * @page: of the memory of the case, the first one of those
 * @shift: the first address has the page after that, and the last one has that
 */
struct race_slot {
	u64 iova;
	unsigned int size;
	seqcount_t seq;
	unsigned int pages;
	unsigned int page;
	unsigned int shift;
};

/**
 * struct race_thread - a thread
 * @race: what all have in common
 * @task: the thread; NULL if there is none
 * @rnd: its random numbers
 * @nr: of those that map and unmap: which one
 * @done: those are
 */
struct race_thread {
	struct race *race;
	struct task_struct *task;
	struct rnd_state rnd;
	unsigned int nr;
	struct completion done;
};

/**
 * struct race - what all threads have in common
 * @t: the case
 * @slots: of all threads: thread t of n has t, t + n, t + 2n and so on
 * @nr_slots: how many there are: small ones, and a large one for each thread if the domain
 *	has blocks
 * @operations: how many maps and unmaps each thread is to do
 * @masters: how many devices are in the domain
 * @attach_seq: of @detached
 * @detached: the second device is not in the domain
 * @threads: those that map and unmap
 * @nr_threads: how many these are
 * @ready: how many of them are about to begin
 * @device: has the devices access
 * @attacher: attaches and detaches the second device
 * @dev: for the DMA API
 * @lazy: that flushes lazily
 * @failed: bit 0 is set once something is wrong
 * @message: what that is
 */
struct race {
	struct hw_test *t;
	struct race_slot slots[SMALL_SLOTS + MAX_THREADS];
	unsigned int nr_slots;
	unsigned int operations;
	unsigned int masters;
	seqcount_t attach_seq;
	bool detached;
	struct race_thread threads[MAX_THREADS];
	unsigned int nr_threads;
	atomic_t ready;
	struct race_thread device;
	struct race_thread attacher;
	struct device *dev;
	bool lazy;
	unsigned long failed;
	char message[160];
};

static unsigned int below(struct race_thread *thread, unsigned int limit)
{
	return prandom_u32_state(&thread->rnd) % limit;
}

/* Only what is wrong first is told, and by the thread of the test */
static __printf(2, 3) void race_fail(struct race *race, const char *fmt, ...)
{
	va_list args;

	if (test_and_set_bit(0, &race->failed))
		return;
	va_start(args, fmt);
	vsnprintf(race->message, sizeof(race->message), fmt, args);
	va_end(args);
}

static bool race_failed(struct race *race)
{
	return test_bit(0, &race->failed);
}

/*
 * A device asks for a page of a slot, by way of one instance of the IOMMU. It must reach
 * what is mapped, and nothing else, but for the time that it takes the thread of the slot to
 * change it. A device that is not in the domain may bypass the IOMMU; so may one that comes
 * or goes, which may get what is mapped, too.
 */
static void race_access(struct race_thread *thread, struct race_slot *slot,
			struct hw_iommu *iommu, unsigned int m, unsigned int offset)
{
	struct race *race = thread->race;
	struct hw_test *t = race->t;
	unsigned int seq = raw_read_seqcount(&slot->seq);
	unsigned int attach_seq = raw_read_seqcount(&race->attach_seq);
	unsigned int pages = READ_ONCE(slot->pages), shift = READ_ONCE(slot->shift);
	unsigned int page = READ_ONCE(slot->page);
	bool detached = m && READ_ONCE(race->detached);
	u64 iova = slot->iova + offset * SZ_4K, expected, paddr = 0;
	bool reached, refused, bypassed;
	int ret;

	ret = hw_translate_one(iommu, t->master[m].stream, iova, below(thread, 2), &paddr);
	if (ret == -ENODEV || ret == -EAGAIN || seq & 1 || read_seqcount_retry(&slot->seq, seq))
		return;

	expected = offset < pages ?
		   virt_to_phys(hw_page(t, page + (offset + shift) % pages)) : HW_NO_PADDR;
	refused = ret == -EFAULT;
	reached = !ret && offset < pages && paddr == expected;
	bypassed = !ret && paddr == iova;
	if (m && (attach_seq & 1 || read_seqcount_retry(&race->attach_seq, attach_seq)))
		reached |= refused || bypassed;
	else if (detached)
		reached = refused || bypassed || t->iommu->desc->stays_attached;
	else if (offset >= pages)
		reached = refused;

	if (!reached)
		race_fail(race, "%s, device %u, 0x%llx: %d, 0x%llx; %s, at 0x%llx%s",
			  current->comm, m, iova, ret, paddr,
			  offset < pages ? "mapped" : "not mapped", expected,
			  detached ? "; not attached" : "");
}

/* All devices ask for the pages of a slot that are apart, and for one that may be mapped */
static void race_access_all(struct race_thread *thread, struct race_slot *slot)
{
	const unsigned int last = max(READ_ONCE(slot->pages), 1) - 1;
	const unsigned int offsets[] = { 0, 1, last, slot->size - 1 };

	for (struct hw_iommu *one = thread->race->t->iommu; one; one = one->next)
		for (unsigned int m = 0; m < thread->race->masters; m++)
			for (unsigned int i = 0; i < ARRAY_SIZE(offsets); i++)
				race_access(thread, slot, one, m, offsets[i]);
}

/* A large slot gets a block, or pages, whose table goes with them */
static void race_map(struct race_thread *thread, struct race_slot *slot)
{
	struct race *race = thread->race;
	struct hw_test *t = race->t;
	bool large = slot->size > SMALL_PAGES;
	unsigned int page = 0, shift = 0, pages = 1 + below(thread, SMALL_PAGES);
	phys_addr_t paddr;
	int ret;

	if (large) {
		pages = hw_next_block(t, 1);
		while (pages < slot->size && below(thread, 2))
			pages = hw_next_block(t, pages);
		shift = below(thread, 2);
	} else {
		page = below(thread, HW_MEMORY / SZ_4K - SMALL_PAGES);
	}
	paddr = virt_to_phys(hw_page(t, page));

	raw_write_seqcount_begin(&slot->seq);
	ret = iommu_map(t->domain, slot->iova, paddr + shift * SZ_4K, (pages - shift) * SZ_4K,
			IOMMU_READ | IOMMU_WRITE, GFP_KERNEL);
	if (!ret && shift)
		ret = iommu_map(t->domain, slot->iova + (pages - 1) * SZ_4K, paddr, SZ_4K,
				IOMMU_READ | IOMMU_WRITE, GFP_KERNEL);
	WRITE_ONCE(slot->page, page);
	WRITE_ONCE(slot->shift, shift);
	WRITE_ONCE(slot->pages, pages);
	raw_write_seqcount_end(&slot->seq);

	if (ret)
		race_fail(race, "%s: map of 0x%llx: %d", current->comm, slot->iova, ret);
	else
		race_access_all(thread, slot);
}

/*
 * A few slots, and then a sync; or a flush of all, as the DMA API in lazy mode has it, where
 * there is no table to be freed by then
 */
static void race_unmap(struct race_thread *thread, struct race_slot **slots,
		       unsigned int count)
{
	struct race *race = thread->race;
	struct hw_test *t = race->t;
	struct iommu_iotlb_gather gather;
	unsigned int i;
	size_t size;

	iommu_iotlb_gather_init(&gather);
	gather.queued = t->domain->ops->flush_iotlb_all && !below(thread, 4);
	for (i = 0; i < count; i++) {
		gather.queued &= slots[i]->size == SMALL_PAGES;
		race_access_all(thread, slots[i]);
	}

	for (i = 0; i < count; i++) {
		raw_write_seqcount_begin(&slots[i]->seq);
		size = iommu_unmap_fast(t->domain, slots[i]->iova, slots[i]->pages * SZ_4K,
					&gather);
		if (size != slots[i]->pages * SZ_4K)
			race_fail(race, "%s: unmap of 0x%llx: 0x%zx", current->comm,
				  slots[i]->iova, size);
	}
	if (gather.queued)
		iommu_flush_iotlb_all(t->domain);
	else
		iommu_iotlb_sync(t->domain, &gather);
	for (i = 0; i < count; i++) {
		WRITE_ONCE(slots[i]->pages, 0);
		raw_write_seqcount_end(&slots[i]->seq);
	}

	for (i = 0; i < count; i++)
		race_access_all(thread, slots[i]);
}

/* One of a thread's own slots, at random */
static struct race_slot *race_slot(struct race_thread *thread)
{
	struct race *race = thread->race;

	return &race->slots[thread->nr + race->nr_threads *
			   below(thread, race->nr_slots / race->nr_threads)];
}

static void race_operate(struct race_thread *thread)
{
	struct race_slot *slots[BATCH];
	unsigned int count = 0, limit = 1 + below(thread, BATCH);

	slots[0] = race_slot(thread);
	if (!slots[0]->pages) {
		race_map(thread, slots[0]);
		return;
	}
	do {
		struct race_slot *other = race_slot(thread);

		count++;
		if (count == limit || !other->pages || other == slots[0] ||
		    (count > 1 && other == slots[1]))
			break;
		slots[count] = other;
	} while (true);
	race_unmap(thread, slots, count);
}

/* All begin at a time; @nr: how often they did so before */
static void race_wait_for_all(struct race *race, unsigned int nr)
{
	atomic_inc(&race->ready);
	while (atomic_read(&race->ready) < (nr + 1) * race->nr_threads && !race_failed(race))
		cond_resched();
}

static void race_wait_for_stop(void)
{
	while (!kthread_should_stop())
		schedule_timeout_idle(1);
}

static int race_mapper(void *data)
{
	struct race_thread *thread = data;

	race_wait_for_all(thread->race, 0);
	for (unsigned int i = 0; i < thread->race->operations && !race_failed(thread->race); i++) {
		race_operate(thread);
		cond_resched();
	}
	complete(&thread->done);
	race_wait_for_stop();
	return 0;
}

/* The devices of all, for as long as somebody maps */
static int race_device(void *data)
{
	struct race_thread *thread = data;
	struct race *race = thread->race;

	while (!kthread_should_stop() && !race_failed(race)) {
		race_access_all(thread, &race->slots[below(thread, race->nr_slots)]);
		cond_resched();
	}
	race_wait_for_stop();
	return 0;
}

/* The second device goes to its default domain, and comes back */
static int race_attacher(void *data)
{
	struct race_thread *thread = data;
	struct race *race = thread->race;
	struct iommu_domain *domain = race->t->domain;
	struct iommu_group *group = hw_second_group(race->t);
	int ret;

	while (!kthread_should_stop() && !race_failed(race)) {
		raw_write_seqcount_begin(&race->attach_seq);
		iommu_detach_group(domain, group);
		WRITE_ONCE(race->detached, true);
		raw_write_seqcount_end(&race->attach_seq);
		race_access_all(thread, &race->slots[below(thread, race->nr_slots)]);
		cond_resched();

		raw_write_seqcount_begin(&race->attach_seq);
		ret = iommu_attach_group(domain, group);
		WRITE_ONCE(race->detached, ret);
		raw_write_seqcount_end(&race->attach_seq);
		if (ret)
			race_fail(race, "%s: %d", current->comm, ret);
		race_access_all(thread, &race->slots[below(thread, race->nr_slots)]);
		cond_resched();
	}
	race_wait_for_stop();
	return 0;
}

static void race_start(struct race *race, struct race_thread *thread,
		       int (*function)(void *data), const char *name)
{
	thread->task = kthread_create(function, thread, "%s/%u", name, thread->nr);
	if (IS_ERR(thread->task)) {
		race_fail(race, "no thread %s: %pe", name, thread->task);
		thread->task = NULL;
		return;
	}
	wake_up_process(thread->task);
}

static void race_stop(struct race_thread *thread)
{
	if (thread->task)
		kthread_stop(thread->task);
}

static void race_init_thread(struct race *race, struct race_thread *thread, u32 seed,
			     unsigned int nr)
{
	thread->race = race;
	thread->nr = nr;
	init_completion(&thread->done);
	prandom_seed_state(&thread->rnd, seed);
}

static void race_init_slots(struct race *race)
{
	struct hw_test *t = race->t;
	unsigned int block = 0;
	struct race_slot *slot;

	for (unsigned int next = hw_next_block(t, 1); next; next = hw_next_block(t, next))
		block = next;

	race->nr_slots = SMALL_SLOTS + (block ? race->nr_threads : 0);
	for (unsigned int i = 0; i < race->nr_slots; i++) {
		slot = &race->slots[i];
		seqcount_init(&slot->seq);
		if (i < SMALL_SLOTS) {
			slot->size = SMALL_PAGES;
			slot->iova = t->iova + SZ_4M +
				     ((int)i - SMALL_SLOTS / 2) * SMALL_PAGES * SZ_4K;
		} else {
			slot->size = block;
			slot->iova = t->iova + SZ_8M + (i - SMALL_SLOTS) * HW_MEMORY;
		}
	}
}

static struct race *race_alloc(struct kunit *test)
{
	struct race *race;

	if (num_online_cpus() == 1)
		kunit_skip(test, "model: has one CPU; use seccomp=on ncpus=2");

	race = kunit_kzalloc(test, sizeof(*race), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, race);
	return race;
}

static void race_init(struct kunit *test, struct race *race, unsigned int threads,
		      u32 seed)
{
	unsigned int i;

	memset(race, 0, sizeof(*race));
	race->t = test->priv;
	race->masters = 1 + hw_two_masters(race->t);
	race->nr_threads = threads;
	race->operations = hw_soak_operations / 2 / ROUNDS / threads;
	seqcount_init(&race->attach_seq);
	for (i = 0; i < threads; i++)
		race_init_thread(race, &race->threads[i], seed + i, i);
	race_init_thread(race, &race->device, seed + i, 0);
	race_init_thread(race, &race->attacher, seed + i + 1, 0);
}

/* Nothing may be logged meanwhile, be it of a flush that takes too long */
static void race_run(struct kunit *test, struct race *race, int (*mapper)(void *data),
		     unsigned int slow_us, bool device, bool attacher)
{
	struct hw_log log = {};
	unsigned int i;

	hw_log_start(test, &log);
	hw_set_slow(slow_us);
	for (i = 0; i < race->nr_threads; i++)
		race_start(race, &race->threads[i], mapper, "map");
	if (device)
		race_start(race, &race->device, race_device, "device");
	if (attacher)
		race_start(race, &race->attacher, race_attacher, "attach");

	for (i = 0; i < race->nr_threads; i++)
		if (race->threads[i].task)
			wait_for_completion(&race->threads[i].done);
	race_stop(&race->attacher);
	race_stop(&race->device);
	for (i = 0; i < race->nr_threads; i++)
		race_stop(&race->threads[i]);
	hw_set_slow(0);
	hw_log_stop(test, &log);
	KUNIT_EXPECT_FALSE_MSG(test, race_failed(race), "%s", race->message);
	KUNIT_EXPECT_EQ(test, 0, log.lines + log.warnings + log.bugs);
}

static void race_soak(struct kunit *test, struct race *race, unsigned int threads,
		      u32 seed)
{
	struct hw_test *t = test->priv;
	unsigned int i;

	race_init(test, race, threads, seed);
	race_init_slots(race);
	race_run(test, race, race_mapper, SLOW_US, true,
		 hw_second_group(t) && race->masters > 1 && !t->iommu->desc->default_domain);
	for (i = 0; i < race->nr_slots; i++)
		if (race->slots[i].pages)
			hw_unmap(test, race->slots[i].iova, race->slots[i].pages);
	for (i = 0; i < race->nr_slots; i++)
		hw_expect_refused(test, 0, race->slots[i].iova, SMALL_PAGES);
}

/*
 * Neighbours in a table are mapped, unmapped and synced at a time: of each a device
 * reaches what is mapped, and nothing once the sync has returned
 */
void hw_smp_soak_test(struct kunit *test)
{
	struct race *race = race_alloc(test);
	u32 seed = hw_soak_seed ?: get_random_u32();
	struct hw_test *t = test->priv;

	kunit_info(test, "seed %u\n", seed);
	for (unsigned int round = 0; round < ROUNDS && !race_failed(race); round++) {
		if (round && !t->iommu->desc->default_domain) {
			hw_detach(t);
			iommu_domain_free(t->domain);
			hw_attach_new(test);
		}
		race_soak(test, race, round % 2 ? MAX_THREADS : 2,
			  seed + round * (MAX_THREADS + 2));
	}
}

static u64 race_reach(struct race_thread *thread, dma_addr_t iova)
{
	struct hw_test *t = thread->race->t;
	u64 paddr;

	return hw_translate(t->iommu, t->master[0].stream, iova, true, &paddr) ?
	       HW_NO_PADDR : paddr;
}

static u64 race_new_table(struct race *race, unsigned int i)
{
	return race->t->iova + (u64)i * NEW_TABLE_SIZE;
}

/* Each has a page in each table, which another one makes meanwhile; one begins later */
static int race_table_mapper(void *data)
{
	struct race_thread *thread = data;
	struct race *race = thread->race;
	phys_addr_t paddr = virt_to_phys(hw_page(race->t, thread->nr));
	u64 iova, reached;
	int ret;

	for (unsigned int i = 0; i < race->operations && !race_failed(race); i++) {
		iova = race_new_table(race, i) + thread->nr * SZ_4K;
		race_wait_for_all(race, i);
		if ((i + thread->nr) % race->nr_threads)
			udelay(below(thread, NEW_TABLE_US));
		ret = iommu_map(race->t->domain, iova, paddr, SZ_4K, IOMMU_READ | IOMMU_WRITE,
				GFP_KERNEL);
		reached = race_reach(thread, iova);
		if (ret || reached != paddr)
			race_fail(race, "%s: map of 0x%llx: %d; it is at 0x%llx and not 0x%llx",
				  current->comm, iova, ret, reached, (u64)paddr);
	}
	complete(&thread->done);
	race_wait_for_stop();
	return 0;
}

/* What is mapped is reached at once, also if another CPU makes the table meanwhile */
void hw_smp_new_table_test(struct kunit *test)
{
	struct race *race = race_alloc(test);
	struct hw_test *t = test->priv;
	u64 end = t->domain->geometry.aperture_end;

	race_init(test, race, 2, hw_soak_seed ?: get_random_u32());
	race->operations = min_t(u64, NEW_TABLES, (end - t->iova) / NEW_TABLE_SIZE);
	race_run(test, race, race_table_mapper, NEW_TABLE_US, false, false);
	for (unsigned int i = 0; i < race->operations && !race_failed(race); i++)
		hw_unmap(test, race_new_table(race, i), race->nr_threads);
}

/* Of what one thread unmaps, another one may get the addresses, but no page */
static int race_dma_mapper(void *data)
{
	struct race_thread *thread = data;
	struct race *race = thread->race;
	dma_addr_t iova[DMA_SLOTS];
	phys_addr_t paddr[DMA_SLOTS] = {};
	unsigned int slot, page;
	void *memory;

	race_wait_for_all(race, 0);
	for (unsigned int i = 0; i < race->operations && !race_failed(race); i++) {
		slot = below(thread, DMA_SLOTS);
		if (paddr[slot]) {
			dma_unmap_single(race->dev, iova[slot], SZ_4K, DMA_BIDIRECTIONAL);
			if (!race->lazy && race_reach(thread, iova[slot]) == paddr[slot])
				race_fail(race, "%s: 0x%llx is unmapped, and still at 0x%llx",
					  current->comm, (u64)iova[slot],
					  (u64)paddr[slot]);
			paddr[slot] = 0;
			cond_resched();
			continue;
		}

		page = (thread->nr * DMA_SLOTS + slot) * DMA_PAGES + below(thread, DMA_PAGES);
		memory = hw_page(race->t, page);
		iova[slot] = dma_map_single(race->dev, memory, SZ_4K, DMA_BIDIRECTIONAL);
		if (dma_mapping_error(race->dev, iova[slot])) {
			race_fail(race, "%s: cannot map", current->comm);
			break;
		}
		paddr[slot] = virt_to_phys(memory);
		if (race_reach(thread, iova[slot]) != paddr[slot])
			race_fail(race, "%s: 0x%llx is mapped, at 0x%llx and not 0x%llx",
				  current->comm, (u64)iova[slot],
				  race_reach(thread, iova[slot]), (u64)paddr[slot]);
	}

	for (slot = 0; slot < DMA_SLOTS; slot++)
		if (paddr[slot])
			dma_unmap_single(race->dev, iova[slot], SZ_4K, DMA_BIDIRECTIONAL);
	complete(&thread->done);
	race_wait_for_stop();
	return 0;
}

static void race_dma(struct kunit *test, bool lazy)
{
	struct race *race = race_alloc(test);

	race_init(test, race, MAX_THREADS, hw_soak_seed ?: get_random_u32());
	race->operations *= ROUNDS;
	race->dev = hw_dma_device(test);
	race->lazy = lazy;
	if (lazy)
		hw_dma_make_lazy(test, race->dev);
	race_run(test, race, race_dma_mapper, SLOW_US, false, false);
}

/* The same through the DMA API */
void hw_smp_dma_test(struct kunit *test)
{
	race_dma(test, false);
}

/* In lazy mode no address is mapped again before it was flushed, by whichever CPU */
void hw_smp_dma_lazy_test(struct kunit *test)
{
	race_dma(test, true);
}

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Hardware models of IOMMUs, for KUnit tests of their drivers
 *
 * A model serves the registers of one IOMMU. When a device of the test accesses
 * memory, the model translates as the hardware does: from the table base that the
 * driver has programmed, by a walk of its own, through an IOTLB that remembers what
 * it has seen until the driver has it forget.
 *
 * Drivers access registers with locks held and interrupts off, from several CPUs at a
 * time. All that a model knows is protected by hw_iommu::lock, which is taken with
 * interrupts off for each access of a driver and each translation for a device, one at a
 * time. Under it is the lock of the copies in memory.c, and nothing else: a model calls
 * no driver, and raises an interrupt without it, as the handler takes locks and accesses
 * registers. What is said below to be set by tests is set while no other thread uses the
 * IOMMU.
 */
#ifndef __IOMMU_TESTS_HW_H
#define __IOMMU_TESTS_HW_H

#include "soc.h"

#include <kunit/mmio.h>
#include <kunit/of.h>
#include <kunit/test.h>

#include <linux/bits.h>
#include <linux/init.h>
#include <linux/iommu.h>
#include <linux/kernel.h>
#include <linux/list.h>
#include <linux/spinlock.h>
#include <linux/string.h>
#include <linux/types.h>

/* What an IOTLB is made of, one bit each. A model may name more, from BIT(2) on. */
#define HW_LEAVES		BIT(0)	/* translations */
#define HW_TABLES		BIT(1)	/* where the tables are */
#define HW_ALL_CACHES		(~0U)

#define HW_ANY_TAG		(~0U)
#define HW_NO_PADDR		(~0ULL)
#define HW_ALL_QUEUES		(~0U)
#define HW_SYNCS		32

#define HW_READ			BIT(0)
#define HW_WRITE		BIT(1)

#define HW_TLB_SIZE		2048
#define HW_LEFT_TAGS		16
#define HW_MAX_WINDOWS		4
#define HW_MAX_MASTERS		2
#define HW_MAX_AHEAD		4

struct hw_iommu;

/**
 * enum hw_kind - what a driver does for the IOTLB to forget
 * @HW_ALWAYS: declares that its sync must always run
 * @HW_RANGE: gathers what is unmapped, and invalidates that in its sync
 * @HW_UNMAP: invalidates in unmap, and has no sync
 */
enum hw_kind {
	HW_ALWAYS,
	HW_RANGE,
	HW_UNMAP,
};

/**
 * struct hw_root - where the walk for a stream begins
 * @tag: address space that the IOTLB keeps apart: context, ASID, VMID
 * @table: physical address of the first table
 * @level: of the first table, as the model counts
 * @caches: caches that keep translations for this stream; HW_LEAVES if 0
 * @prefetch: with a translation that is walked for comes the next one, or that there
 *	is none
 * @page_shift: tables are as large as a page, of so many bits; 12 if 0
 * @priv: for the model
 */
struct hw_root {
	u32 tag;
	u64 table;
	int level;
	u32 caches;
	bool prefetch;
	unsigned int page_shift;
	void *priv;
};

/**
 * struct hw_entry - an entry of a page table, and of an IOTLB
 * @iova: first address translated
 * @size: in bytes, a power of two; @iova is a multiple of it
 * @addr: physical address of the memory, or of the next table
 * @table: it is the next table, not memory
 * @level: of that table
 * @prot: HW_READ, HW_WRITE
 * @global: it is of all address spaces, as far as the table is concerned
 * @tag: address space
 * @stream: that it was first used for
 * @caches: caches that have it; none if the entry is free
 * @posted: caches that will lose it once the invalidations posted are complete
 * @started: those of @posted for which a sync is under way
 * @queues: where those were posted
 */
struct hw_entry {
	u64 iova;
	u64 size;
	u64 addr;
	bool table;
	int level;
	u32 prot;
	bool global;
	u32 tag;
	u32 stream;
	u32 caches;
	u32 posted;
	u32 started;
	u32 queues;
};

/**
 * struct hw_inval - an invalidation
 * @caches: caches to be invalidated
 * @tag: address space, or HW_ANY_TAG
 * @iova: first address
 * @size: in bytes; 0 for all addresses
 * @spares_global: those of all address spaces stay
 * @queue: where it is posted, below HW_SYNCS, for hardware that can complete some of them
 */
struct hw_inval {
	u32 caches;
	u32 tag;
	u64 iova;
	u64 size;
	bool spares_global;
	unsigned int queue;
};

/**
 * struct hw_ops - what a model does
 * @reset: set the registers to what they are after reset; called once, may sleep
 * @read: a register was read: return what it holds. @window is the index in
 *	hw_desc::windows, @offset is within that.
 * @write: a register was written
 * @stream: fill @root for a stream that translates @iova; return 0, 1 for a stream
 *	that bypasses the IOMMU, -EFAULT for one that is blocked, -EAGAIN for one that has
 *	to wait until the driver is done, -ENODEV for one that does not come through this
 *	instance
 * @step: read the entry for @iova in the table at @table: fill @iova, @size, @addr,
 *	@table, @level and @prot of @entry; return 0, or -EFAULT if there is none
 * @fault: a device was refused: set registers, and raise the interrupt if the
 *	driver has enabled it. Called in process context, without locks.
 * @power_off: a window has lost its power, or was reset: set its registers to what
 *	they are after reset. Narrow @lost, which is all that the IOTLB holds, to what
 *	is lost with it if tests say so. May be absent if hw_desc has neither domains
 *	nor resets.
 *
 * All but @reset and @fault are called with hw_iommu::lock held and interrupts off.
 */
struct hw_ops {
	void (*reset)(struct hw_iommu *iommu);
	u64 (*read)(struct hw_iommu *iommu, unsigned int window,
		    unsigned int offset, unsigned int size);
	void (*write)(struct hw_iommu *iommu, unsigned int window,
		      unsigned int offset, unsigned int size, u64 value);
	int (*stream)(struct hw_iommu *iommu, u32 stream, u64 iova,
		      struct hw_root *root);
	int (*step)(struct hw_iommu *iommu, const struct hw_root *root,
		    u64 table, int level, u64 iova, struct hw_entry *entry);
	void (*fault)(struct hw_iommu *iommu, u32 stream, u64 iova, bool write);
	void (*power_off)(struct hw_iommu *iommu, unsigned int window,
			  struct hw_inval *lost);
};

/**
 * struct hw_command - what the hardware is told
 * @invals: invalidations
 * @syncs: times that they are completed
 */
struct hw_command {
	unsigned int invals;
	unsigned int syncs;
};

/**
 * struct hw_commands - what it takes to have the hardware forget what is unmapped
 * @entry: for each entry
 * @run: for each run of entries that are next to each other in a table
 * @call: for each unmap
 * @sync: for the sync
 * @table: for each table that goes as a whole
 * @span: for each page from the first to the last that the sync is for
 * @all_with_table: if a table goes, @table and @sync are all that it takes
 */
struct hw_commands {
	struct hw_command entry;
	struct hw_command run;
	struct hw_command call;
	struct hw_command sync;
	struct hw_command table;
	struct hw_command span;
	bool all_with_table;
};

/**
 * struct hw_window - registers, and what they need to be accessed
 * @start: physical address
 * @size: in bytes
 * @clks: clocks of the SoC that must run, one bit each
 * @powers: power domains that must be on, and that registers are lost with
 * @resets: resets that must not be asserted, and that registers are lost by
 */
struct hw_window {
	phys_addr_t start;
	size_t size;
	u8 clks;
	u8 powers;
	u8 resets;
};

struct hw_master {
	const char *path;
	u32 stream;
};

/**
 * struct hw_desc - an IOMMU, its driver and its masters
 * @name: as the kernel log and errors call it
 * @kind: what the driver does
 * @overlay: devicetree overlay, from OF_OVERLAY_DECLARE()
 * @overlay_end: its end
 * @windows: its registers
 * @instances: how many there are of it, if not one: each has one of @windows, and an
 *	access of a device may go through any
 * @soc: path of the hw-soc that it is wired to, if there is one
 * @masters: devices behind it; the second may be absent
 * @ops: the model
 * @streams: how many there are, from 0 on; 0 if no case is to look at idle ones
 * @idle_bypass: those of no device get through untranslated
 * @no_idle_stream: why no case looks at those, "hardware: ..." or "driver: ..."
 * @no_blocks: why tests map none, if it is not for the hardware
 * @no_two_masters: why no two devices are in one domain
 * @no_two_domains: why no two devices are in a domain each
 * @reports_stuck: the driver logs if a flush does not complete
 * @stuck_for_long: it waits for more than a minute, and may log that once
 * @stuck_stale: what such a flush was for stays, until something else flushes more
 * @iova: where tests begin to map, a multiple of 16M; 16M if 0
 * @no_flush_all: the driver has no flush of a whole domain, though it has a sync
 * @default_domain: tests must use the default domain, there can be no other
 * @forgets: domains lose what is mapped when they are detached
 * @refills: a cache that was told to forget a translation takes it from another one that
 *	was not yet
 * @no_snoop: walks do not see what is in the caches of the CPU only
 * @caches_misses: the IOTLB also keeps that there is no translation
 * @exact: what is invalidated is what was unmapped, and no more
 * @one_domain: the driver knows one domain, for ever
 * @stays_attached: the hardware goes on to use the domain of a device that is removed
 * @stays_on: the driver of the bus turns translation on, and never off again
 * @shares_irq: the driver takes interrupts of other devices, also while it sleeps
 * @first_tag: the lowest that hw_root::tag is
 * @no_fault: the driver does not learn of faults
 * @logs_faults: the driver logs where it was, and does not call report_iommu_fault()
 * @no_read_only: the hardware knows no permissions
 * @cuts_blocks: the driver maps a block as pages
 * @commands: what commands_test() expects of the driver
 * @no_sleep: why the IOMMU does not sleep while its devices do, though its driver has
 *	runtime PM; NULL if it does
 */
struct hw_desc {
	const char *name;
	enum hw_kind kind;
	u8 *overlay;
	u8 *overlay_end;
	struct hw_window windows[HW_MAX_WINDOWS];
	unsigned int instances;
	const char *soc;
	struct hw_master masters[HW_MAX_MASTERS];
	const struct hw_ops *ops;
	u32 streams;
	bool idle_bypass;
	const char *no_idle_stream;
	const char *no_blocks;
	const char *no_two_masters;
	const char *no_two_domains;
	u64 iova;
	const char *no_sleep;
	bool reports_stuck;
	bool stuck_for_long;
	bool stuck_stale;
	bool no_flush_all;
	bool default_domain;
	bool forgets;
	bool refills;
	bool no_snoop;
	bool caches_misses;
	bool exact;
	bool one_domain;
	bool stays_attached;
	bool stays_on;
	bool shares_irq;
	u32 first_tag;
	bool no_fault;
	bool logs_faults;
	bool no_read_only;
	bool cuts_blocks;
	struct hw_commands commands;
};

/**
 * struct hw_counts - what an IOTLB has seen
 * @hits: accesses that it translated
 * @walks: accesses that it walked the tables for
 * @invals: invalidations
 * @syncs: times that the driver had invalidations complete
 * @live: translations invalidated that the tables still had: too much was
 *	invalidated, or too early
 */
struct hw_counts {
	unsigned long hits;
	unsigned long walks;
	unsigned long invals;
	unsigned long syncs;
	unsigned long live;
};

/**
 * struct hw_iommu - an IOMMU at work
 * @desc: what it is
 * @priv: for the model
 * @first: the first of its instances, the only one that tests know of
 * @next: the next one, or NULL
 * @instance: which one it is, from 0 on
 * @windows: its registers, as many as desc has
 * @node: in the list of all
 * @soc: what it is wired to, if desc has one; set before its driver probes
 * @stuck: set by tests: no flush completes
 * @loses_tlb: set by tests: the IOTLB goes with the power
 * @lock: protects all below, and the model's own state
 * @syncs: for each status that says whether a flush is under way: how many polls until it
 *	is complete, and the queues that it completes
 * @counts: since hw_clear()
 * @losses: how often windows lost their registers
 * @unpowered: accesses to registers that were off, since a test last looked
 * @unpowered_at: the first of them, for messages
 * @used: entries of @tlb that have ever been in use
 * @conflicts: how often a translation was found that overlaps another one in @tlb
 * @unknown: how often a walk that does not snoop read what the driver has neither mapped
 *	for it nor allocated as coherent
 * @watch: memory that hw_reads_from() is about, and whether a walk has read there
 * @ahead: what a device reads ahead whenever the driver accesses a register
 * @tlb: the IOTLB
 */
struct hw_iommu {
	const struct hw_desc *desc;
	void *priv;
	struct hw_iommu *first;
	struct hw_iommu *next;
	unsigned int instance;
	struct hw_mmio {
		struct hw_iommu *iommu;
		struct kunit_mmio *mmio;
		unsigned int losses;	/* that it has heard of */
	} windows[HW_MAX_WINDOWS];
	struct list_head node;
	struct hw_soc *soc;
	bool stuck;
	bool loses_tlb;
	spinlock_t lock;	/* see above */
	struct {
		unsigned int polls;
		u32 queues;
	} syncs[HW_SYNCS];
	struct hw_counts counts;
	unsigned int losses;
	unsigned int unpowered;
	struct {
		unsigned int window;
		unsigned int offset;
		bool write;
	} unpowered_at;
	unsigned int used;
	unsigned int conflicts;
	unsigned int unknown;
	struct {
		u64 start;
		u64 size;
		bool met;
	} watch;
	struct {
		u32 stream;
		u64 iova[HW_MAX_AHEAD];
		unsigned int count;
	} ahead;
	struct hw_entry tlb[HW_TLB_SIZE];
};

/* For models, with hw_iommu::lock held */
void hw_post(struct hw_iommu *iommu, const struct hw_inval *inval);
void hw_complete(struct hw_iommu *iommu);
void hw_start(struct hw_iommu *iommu);
void hw_start_sync(struct hw_iommu *iommu, unsigned int nr, u32 queues);
bool hw_busy(struct hw_iommu *iommu);
bool hw_sync_busy(struct hw_iommu *iommu, unsigned int nr, bool stuck);
void hw_flush(struct hw_iommu *iommu, const struct hw_inval *inval);
u32 hw_load32(struct hw_iommu *iommu, u64 paddr);
u64 hw_load64(struct hw_iommu *iommu, u64 paddr);

int hw_lpae_step(struct hw_iommu *iommu, const struct hw_root *root, u64 table,
		 int level, bool stage2, u64 iova, struct hw_entry *entry);
int hw_v7s_step(struct hw_iommu *iommu, const struct hw_root *root, u64 table, int level,
		bool mtk, u64 iova, struct hw_entry *entry);

/* For models, in hw_ops::fault */
void hw_raise_irq(struct hw_iommu *iommu, unsigned int line);

/* Between memory.c and hw.c */
void hw_dawdle(void);
void *hw_memory(u64 paddr);
void hw_written_back(void);

/* For tests */
int hw_translate(struct hw_iommu *iommu, u32 stream, u64 iova, bool write,
		 u64 *paddr);
int hw_translate_one(struct hw_iommu *iommu, u32 stream, u64 iova, bool write, u64 *paddr);
u64 hw_left_iova(struct hw_iommu *iommu);
bool hw_reads_from(struct hw_iommu *iommu, u32 stream, u64 iova, u64 start, u64 size);
int hw_access(struct hw_iommu *iommu, u32 stream, u64 iova, bool write, u8 *value);
struct hw_iommu *hw_find(struct device *dev, u32 *stream);
void hw_read_ahead(struct hw_iommu *iommu, u32 stream, const u64 *iova,
		   unsigned int count);
void hw_set_slow(unsigned int us);
void hw_clear(struct hw_iommu *iommu);
unsigned int hw_take(struct hw_iommu *iommu, unsigned int *count);
void hw_expect_powered(struct kunit *test, struct hw_iommu *iommu);
unsigned long hw_writes(struct hw_iommu *iommu);

int hw_setup(struct hw_iommu *iommu);

/* cases-*.c: what every driver must pass */
void hw_map_test(struct kunit *test);
void hw_aperture_test(struct kunit *test);
void hw_idle_stream_test(struct kunit *test);
void hw_read_only_test(struct kunit *test);
void hw_fault_test(struct kunit *test);
void hw_unmap_test(struct kunit *test);
void hw_stale_test(struct kunit *test);
void hw_empty_sync_test(struct kunit *test);
void hw_atomic_test(struct kunit *test);
void hw_unmap_nothing_test(struct kunit *test);
void hw_remap_test(struct kunit *test);
void hw_neighbours_test(struct kunit *test);
void hw_cleared_first_test(struct kunit *test);
void hw_unmap_many_test(struct kunit *test);
void hw_two_tables_test(struct kunit *test);
void hw_batch_test(struct kunit *test);
void hw_flush_all_test(struct kunit *test);
void hw_failed_map_test(struct kunit *test);
void hw_commands_test(struct kunit *test);
void hw_stuck_test(struct kunit *test);
void hw_block_test(struct kunit *test);
void hw_new_table_test(struct kunit *test);
void hw_table_test(struct kunit *test);
void hw_freed_table_test(struct kunit *test);
void hw_block_over_table_test(struct kunit *test);
void hw_page_over_block_test(struct kunit *test);
void hw_reused_table_test(struct kunit *test);
void hw_replaced_table_test(struct kunit *test);
void hw_sync_unattached_test(struct kunit *test);
void hw_unattached_test(struct kunit *test);
void hw_free_replaced_test(struct kunit *test);
void hw_switch_test(struct kunit *test);
void hw_identity_test(struct kunit *test);
void hw_sync_of_detached_test(struct kunit *test);
void hw_sync_detached_test(struct kunit *test);
void hw_two_masters_test(struct kunit *test);
void hw_two_domains_test(struct kunit *test);
void hw_suspend_test(struct kunit *test);
void hw_idle_test(struct kunit *test);
void hw_system_sleep_test(struct kunit *test);
void hw_dma_test(struct kunit *test);
void hw_dma_lazy_test(struct kunit *test);
void hw_removed_test(struct kunit *test);
void hw_soak_test(struct kunit *test);
void hw_smp_soak_test(struct kunit *test);
void hw_smp_new_table_test(struct kunit *test);
void hw_smp_dma_test(struct kunit *test);
void hw_smp_dma_lazy_test(struct kunit *test);

#define HW_CASE_OF(case, function)				\
	{							\
		.run_case = (function),				\
		.name = #case,					\
		.module_name = KBUILD_MODNAME,			\
	}
#define HW_CASE(case)		HW_CASE_OF(case, hw_##case)

/* They are last, as the cases end with the first that has no function */
#define HW_SMP_CASE(case)	HW_CASE_OF(case, PTR_IF(IS_ENABLED(CONFIG_SMP), hw_##case))

#define HW_CASES						\
	((struct kunit_case[]) {				\
		HW_CASE(map_test),				\
		HW_CASE(aperture_test),				\
		HW_CASE(idle_stream_test),			\
		HW_CASE(read_only_test),			\
		HW_CASE(fault_test),				\
		HW_CASE(unmap_test),				\
		HW_CASE(stale_test),				\
		HW_CASE(empty_sync_test),			\
		HW_CASE(atomic_test),				\
		HW_CASE(unmap_nothing_test),			\
		HW_CASE(remap_test),				\
		HW_CASE(neighbours_test),			\
		HW_CASE(cleared_first_test),			\
		HW_CASE(unmap_many_test),			\
		HW_CASE(two_tables_test),			\
		HW_CASE(batch_test),				\
		HW_CASE(flush_all_test),			\
		HW_CASE(failed_map_test),			\
		HW_CASE(commands_test),				\
		HW_CASE(stuck_test),				\
		HW_CASE(block_test),				\
		HW_CASE(new_table_test),			\
		HW_CASE(table_test),				\
		HW_CASE(freed_table_test),			\
		HW_CASE(block_over_table_test),			\
		HW_CASE(page_over_block_test),			\
		HW_CASE(reused_table_test),			\
		HW_CASE(replaced_table_test),			\
		HW_CASE(sync_unattached_test),			\
		HW_CASE(unattached_test),			\
		HW_CASE(free_replaced_test),			\
		HW_CASE(switch_test),				\
		HW_CASE(identity_test),				\
		HW_CASE(sync_of_detached_test),			\
		HW_CASE(sync_detached_test),			\
		HW_CASE(two_masters_test),			\
		HW_CASE(two_domains_test),			\
		HW_CASE(suspend_test),				\
		HW_CASE(idle_test),				\
		HW_CASE(system_sleep_test),			\
		HW_CASE(dma_test),				\
		HW_CASE(dma_lazy_test),				\
		HW_CASE(removed_test),				\
		HW_CASE(soak_test),				\
		HW_SMP_CASE(smp_soak_test),			\
		HW_SMP_CASE(smp_new_table_test),		\
		HW_SMP_CASE(smp_dma_test),			\
		HW_SMP_CASE(smp_dma_lazy_test),			\
		{}						\
	})

/* cases.c */
void hw_shuffle(struct kunit_case *cases);
int hw_test_init(struct kunit *test, struct hw_iommu *iommu);
void hw_test_exit(struct kunit *test);

/* An IOMMU that lives from boot on, and its suite */
#define HW_IOMMU(id, description)				\
	static struct hw_iommu id##_iommu = {			\
		.desc = &(description),				\
	};							\
	static struct kunit_suite id##_suite;			\
	static int __init id##_setup(void)			\
	{							\
		hw_shuffle(id##_suite.test_cases);		\
		return hw_setup(&id##_iommu);			\
	}							\
	pure_initcall(id##_setup);				\
	static int id##_test_init(struct kunit *test)		\
	{							\
		return hw_test_init(test, &id##_iommu);		\
	}							\
	static struct kunit_suite id##_suite = {		\
		.name = "iommu_" #id,				\
		.init = id##_test_init,				\
		.exit = hw_test_exit,				\
		.test_cases = HW_CASES,				\
	};							\
	kunit_test_suite(id##_suite)

#endif

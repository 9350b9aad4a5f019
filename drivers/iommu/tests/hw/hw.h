/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Hardware models of IOMMUs, for KUnit tests of their drivers
 *
 * A model serves the registers of one IOMMU. When a device of the test accesses
 * memory, the model translates as the hardware does: from the table base that the
 * driver has programmed, by a walk of its own, through an IOTLB that remembers what
 * it has seen until the driver has it forget.
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
#include <linux/spinlock.h>
#include <linux/string.h>
#include <linux/types.h>

/* What an IOTLB is made of, one bit each. A model may name more, from BIT(2) on. */
#define HW_LEAVES		BIT(0)	/* translations */
#define HW_TABLES		BIT(1)	/* where the tables are */
#define HW_ALL_CACHES		(~0U)

#define HW_ANY_TAG		(~0U)
#define HW_ALL_QUEUES		(~0U)

#define HW_READ			BIT(0)
#define HW_WRITE		BIT(1)

#define HW_TLB_SIZE		2048
#define HW_MAX_WINDOWS		4
#define HW_MAX_MASTERS		2

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
 * @priv: for the model
 */
struct hw_root {
	u32 tag;
	u64 table;
	int level;
	u32 caches;
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
 * @tag: address space
 * @stream: that it was first used for
 * @caches: caches that have it; none if the entry is free
 * @posted: caches that will lose it once the invalidations posted are complete
 * @queues: where those were posted
 */
struct hw_entry {
	u64 iova;
	u64 size;
	u64 addr;
	bool table;
	int level;
	u32 prot;
	u32 tag;
	u32 stream;
	u32 caches;
	u32 posted;
	u32 queues;
};

/**
 * struct hw_inval - an invalidation
 * @caches: caches to be invalidated
 * @tag: address space, or HW_ANY_TAG
 * @iova: first address
 * @size: in bytes; 0 for all addresses
 * @queue: where it is posted, below 32, for hardware that can complete some of them
 */
struct hw_inval {
	u32 caches;
	u32 tag;
	u64 iova;
	u64 size;
	unsigned int queue;
};

/**
 * struct hw_ops - what a model does
 * @reset: set the registers to what they are after reset; called once, may sleep
 * @read: a register was read: return what it holds. @window is the index in
 *	hw_desc::windows, @offset is within that.
 * @write: a register was written
 * @stream: fill @root for a stream that translates @iova; return 0, 1 for a stream
 *	that bypasses the IOMMU, -EFAULT for one that is blocked
 * @step: read the entry for @iova in the table at @table: fill @iova, @size, @addr,
 *	@table, @level and @prot of @entry; return 0, or -EFAULT if there is none
 * @fault: a device was refused: set registers, and raise the interrupt if the
 *	driver has enabled it. Called in process context, without locks.
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
};

struct hw_window {
	phys_addr_t start;
	size_t size;
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
 * @soc: path of the hw-soc that it is wired to, if there is one
 * @masters: devices behind it; the second may be absent
 * @ops: the model
 * @streams: how many there are, from 0 on; 0 if that is not known
 * @stuck: what the driver logs if a flush does not complete; NULL if it does not
 *	wait for any
 * @iova: where tests begin to map, a multiple of 16M; 16M if 0
 * @default_domain: tests must use the default domain, there can be no other
 * @forgets: domains lose what is mapped when they are detached
 * @exact: what is invalidated is what was unmapped, and no more
 * @one_domain: the driver knows one domain, for ever
 * @stays_attached: the hardware goes on to use the domain of a device that is removed
 * @no_fault: the driver does not learn of faults
 * @fault_log: what the driver logs at a fault; NULL if it calls report_iommu_fault()
 * @no_read_only: the hardware knows no permissions
 */
struct hw_desc {
	const char *name;
	enum hw_kind kind;
	u8 *overlay;
	u8 *overlay_end;
	struct hw_window windows[HW_MAX_WINDOWS];
	const char *soc;
	struct hw_master masters[HW_MAX_MASTERS];
	const struct hw_ops *ops;
	u32 streams;
	const char *stuck;
	u64 iova;
	const char *fault_log;
	bool default_domain;
	bool forgets;
	bool exact;
	bool one_domain;
	bool stays_attached;
	bool no_fault;
	bool no_read_only;
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
 * @windows: its registers, as many as desc has
 * @soc: what it is wired to, if desc has one; set when the first test runs
 * @stuck: set by tests: no flush completes
 * @quiet: set by tests: nobody is told when a device is refused
 * @lock: protects all below, and the model's own state
 * @busy: how many polls until the flush that was started is complete
 * @syncing: the queues that it completes
 * @counts: since hw_clear()
 * @used: entries of @tlb that have ever been in use
 * @tlb: the IOTLB
 */
struct hw_iommu {
	const struct hw_desc *desc;
	void *priv;
	struct hw_mmio {
		struct hw_iommu *iommu;
		struct kunit_mmio *mmio;
	} windows[HW_MAX_WINDOWS];
	struct hw_soc *soc;
	bool stuck;
	bool quiet;
	spinlock_t lock;	/* see above */
	unsigned int busy;
	u32 syncing;
	struct hw_counts counts;
	unsigned int used;
	struct hw_entry tlb[HW_TLB_SIZE];
};

/* For models, with hw_iommu::lock held */
void hw_post(struct hw_iommu *iommu, const struct hw_inval *inval);
void hw_complete(struct hw_iommu *iommu);
void hw_start(struct hw_iommu *iommu);
void hw_start_queues(struct hw_iommu *iommu, u32 queues);
bool hw_busy(struct hw_iommu *iommu);
void hw_flush(struct hw_iommu *iommu, const struct hw_inval *inval);
u32 hw_load32(u64 paddr);
u64 hw_load64(u64 paddr);

int hw_lpae_step(const struct hw_root *root, u64 table, int level, bool stage2,
		 u64 iova, struct hw_entry *entry);
int hw_v7s_step(const struct hw_root *root, u64 table, int level, bool mtk, u64 iova,
		struct hw_entry *entry);

/* For models, in hw_ops::fault */
void hw_raise_irq(struct hw_iommu *iommu, unsigned int line);

/* For tests */
int hw_translate(struct hw_iommu *iommu, u32 stream, u64 iova, bool write,
		 u64 *paddr);
bool hw_walks_through(struct hw_iommu *iommu, u32 stream, u64 iova, u64 start,
		      u64 size);
int hw_access(struct hw_iommu *iommu, u32 stream, u64 iova, bool write, u8 *value);
void hw_clear(struct hw_iommu *iommu);
unsigned long hw_writes(struct hw_iommu *iommu);

int hw_setup(struct hw_iommu *iommu);

/* cases.c */
#define HW_MAX_CASES	42

extern const struct kunit_case hw_cases[HW_MAX_CASES];
int hw_test_init(struct kunit *test, struct hw_iommu *iommu);
void hw_test_exit(struct kunit *test);

/* An IOMMU that lives from boot on, and its suite */
#define HW_IOMMU(id, description)				\
	static struct hw_iommu id##_iommu = {			\
		.desc = &(description),				\
	};							\
	static struct kunit_case id##_cases[HW_MAX_CASES];	\
	static int __init id##_setup(void)			\
	{							\
		/* KUnit keeps results in them */		\
		memcpy(id##_cases, hw_cases, sizeof(hw_cases));	\
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
		.test_cases = id##_cases,			\
	};							\
	kunit_test_suite(id##_suite)

#endif

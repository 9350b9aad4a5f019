/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Count what a call costs, and say so in the log:
 *
 *   cost: <call> <shape> <n> <least> <most>
 *
 * <n> is the number of pages, entries or calls, <least> and <most> are what one
 * of the rounds took. They are instructions on a CPU that QEMU emulates with
 * -icount shift=0, where one takes 1 ns and the counters below tick once in that
 * time: on arm64 with -cpu max,cntfrq=1000000000. Elsewhere they are ticks.
 */
#ifndef __IOMMU_TESTS_COST_H
#define __IOMMU_TESTS_COST_H

#include <kunit/test.h>
#include <linux/irqflags.h>
#include <linux/minmax.h>
#include <linux/timex.h>

/* The first rounds fill caches of the page and slab allocators, and do not count */
#define COST_WARM_UP	3
#define COST_ROUNDS	(COST_WARM_UP + 5)

struct cost {
	unsigned int rounds;
	u64 least;
	u64 most;
};

static __always_inline u64 cost_now(void)
{
#ifdef CONFIG_RISCV
	return csr_read(CSR_INSTRET);
#else
	return get_cycles();
#endif
}

/* What @call takes and how it is counted */
#define COST_RAW(call)							\
({									\
	unsigned long __flags;						\
	u64 __start, __spent;						\
									\
	local_irq_save(__flags);					\
	__start = cost_now();						\
	call;								\
	__spent = cost_now() - __start;					\
	local_irq_restore(__flags);					\
	__spent;							\
})

static inline void cost_add(struct cost *cost, u64 spent)
{
	if (cost->rounds++ < COST_WARM_UP)
		return;
	cost->least = cost->least ? min(cost->least, spent) : spent;
	cost->most = max(cost->most, spent);
}

/* Add a round of @call to @cost */
#define COST_COUNT(cost, call)						\
	cost_add(cost, COST_RAW(call) - COST_RAW(barrier()))

static inline void cost_report(struct kunit *test, const struct cost *cost,
			       const char *call, const char *shape, size_t n)
{
	kunit_info(test, "cost: %s %s %zu %llu %llu\n", call, shape, n,
		   cost->least, cost->most);
}

#endif

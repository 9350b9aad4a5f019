/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Register windows that tests serve to drivers
 */

#ifndef _KUNIT_MMIO_H
#define _KUNIT_MMIO_H

#include <kunit/test.h>

#include <linux/err.h>
#include <linux/types.h>

/* The largest window there can be, in bytes */
#define KUNIT_MMIO_MAX_SIZE	(16U << 20)

struct kunit_mmio;

/**
 * struct kunit_mmio_ops - what happens when a driver accesses a register window
 * @read: returns what a read of size bytes (1, 2, 4 or 8) at offset, counted in
 *	bytes from the start of the window, gives; bits beyond size are dropped.
 *	If absent, reads give what the memory of the window holds.
 * @write: takes a write of size bytes (1, 2, 4 or 8) of value at offset. If
 *	absent, writes go to the memory of the window; if not, it is up to @write
 *	whether they do.
 *
 * Both are given the private pointer of the window first. Values are as the
 * driver sees them on a little-endian bus: what writel() was given, and what
 * readl() returns.
 *
 * A window has memory if one of the two is absent. It is as large as the window,
 * holds 0 at first, and can be had and changed with kunit_mmio_peek() and
 * kunit_mmio_poke(), also by the op that is there.
 *
 * Context: That of the access, without a lock of the window: drivers access
 * registers with spinlocks held and interrupts off, and from several threads.
 * Must not sleep, nor raise an interrupt whose handler takes a lock that the
 * driver may hold. A KUnit expectation that fails allocates memory: note what
 * was wrong, and fail the test from its own thread.
 */
struct kunit_mmio_ops {
	u64 (*read)(void *priv, unsigned int offset, unsigned int size);
	void (*write)(void *priv, unsigned int offset, unsigned int size,
		      u64 value);
};

/**
 * struct kunit_mmio_access - an access that a driver made
 * @offset: of the first byte in the window
 * @size: in bytes: 1, 2, 4 or 8
 * @write: whether it was a write
 * @value: what was written, or what was read
 */
struct kunit_mmio_access {
	unsigned int offset;
	unsigned int size;
	bool write;
	u64 value;
};

#ifdef CONFIG_INDIRECT_IOMEM

struct kunit_mmio *kunit_mmio_create(phys_addr_t start, size_t size,
				     const struct kunit_mmio_ops *ops,
				     void *priv);
void kunit_mmio_destroy(struct kunit_mmio *mmio);
struct kunit_mmio *kunit_mmio_add(struct kunit *test, phys_addr_t start,
				  size_t size, const struct kunit_mmio_ops *ops,
				  void *priv);
void kunit_mmio_remove(struct kunit *test, struct kunit_mmio *mmio);
u64 kunit_mmio_peek(struct kunit_mmio *mmio, unsigned int offset,
		    unsigned int size);
void kunit_mmio_poke(struct kunit_mmio *mmio, unsigned int offset,
		     unsigned int size, u64 value);
unsigned int kunit_mmio_mappings(struct kunit_mmio *mmio);
unsigned long kunit_mmio_reads(struct kunit_mmio *mmio);
unsigned long kunit_mmio_writes(struct kunit_mmio *mmio);
int kunit_mmio_log_start(struct kunit *test, struct kunit_mmio *mmio,
			 unsigned int entries);
unsigned int kunit_mmio_log(struct kunit *test, struct kunit_mmio *mmio,
			    const struct kunit_mmio_access **log);
void kunit_mmio_clear(struct kunit_mmio *mmio);

#else

static inline struct kunit_mmio *
kunit_mmio_create(phys_addr_t start, size_t size,
		  const struct kunit_mmio_ops *ops, void *priv)
{
	return ERR_PTR(-EOPNOTSUPP);
}

static inline void kunit_mmio_destroy(struct kunit_mmio *mmio)
{
}

static inline struct kunit_mmio *
kunit_mmio_add(struct kunit *test, phys_addr_t start, size_t size,
	       const struct kunit_mmio_ops *ops, void *priv)
{
	kunit_skip(test, "requires CONFIG_INDIRECT_IOMEM, as UML has it");
	return ERR_PTR(-EOPNOTSUPP);
}

static inline void kunit_mmio_remove(struct kunit *test, struct kunit_mmio *mmio)
{
}

static inline u64 kunit_mmio_peek(struct kunit_mmio *mmio, unsigned int offset,
				  unsigned int size)
{
	return ~0ULL;
}

static inline void kunit_mmio_poke(struct kunit_mmio *mmio, unsigned int offset,
				   unsigned int size, u64 value)
{
}

static inline unsigned int kunit_mmio_mappings(struct kunit_mmio *mmio)
{
	return 0;
}

static inline unsigned long kunit_mmio_reads(struct kunit_mmio *mmio)
{
	return 0;
}

static inline unsigned long kunit_mmio_writes(struct kunit_mmio *mmio)
{
	return 0;
}

static inline int kunit_mmio_log_start(struct kunit *test,
				       struct kunit_mmio *mmio,
				       unsigned int entries)
{
	return -EOPNOTSUPP;
}

static inline unsigned int kunit_mmio_log(struct kunit *test,
					  struct kunit_mmio *mmio,
					  const struct kunit_mmio_access **log)
{
	*log = NULL;
	return 0;
}

static inline void kunit_mmio_clear(struct kunit_mmio *mmio)
{
}

#endif /* CONFIG_INDIRECT_IOMEM */

#endif /* _KUNIT_MMIO_H */

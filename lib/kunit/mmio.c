// SPDX-License-Identifier: GPL-2.0
/*
 * Register windows that tests serve to drivers
 */

#include <kunit/mmio.h>
#include <kunit/resource.h>
#include <kunit/static_stub.h>
#include <kunit/visibility.h>

#include <linux/align.h>
#include <linux/atomic.h>
#include <linux/bits.h>
#include <linux/bug.h>
#include <linux/cleanup.h>
#include <linux/compiler.h>
#include <linux/export.h>
#include <linux/ioport.h>
#include <linux/log2.h>
#include <linux/logic_iomem.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/string.h>

#include <asm/byteorder.h>

#include "mmio-impl.h"

struct kunit_mmio_log {
	struct kunit *test;
	unsigned int entries;
	unsigned int count;	/* one more than entries if there were too many */
	struct kunit_mmio_access accesses[] __counted_by(entries);
};

struct kunit_mmio {
	struct resource res;
	struct kunit *test;	/* NULL if it is nobody's */
	struct kunit_mmio_ops ops;
	void *priv;
	atomic_t mappings;
	atomic_long_t reads;
	atomic_long_t writes;
	atomic_long_t stray;
	struct kunit_mmio_access first_stray;
	spinlock_t lock;	/* of the log and what is in it */
	struct kunit_mmio_log *log;
	size_t mem_size;	/* 0 if ops need no memory */
	u8 mem[] __counted_by(mem_size) __aligned(sizeof(u64));
};

/* Redirected where failures are expected, and not to be seen in the kernel log */
VISIBLE_IF_KUNIT void kunit_mmio_print(struct kunit *test,
				       struct va_format *message)
{
	KUNIT_STATIC_STUB_REDIRECT(kunit_mmio_print, test, message);
	kunit_err(test, "%pV\n", message);
}
EXPORT_SYMBOL_IF_KUNIT(kunit_mmio_print);

static __printf(2, 3) void kunit_mmio_fail(struct kunit *test,
					   const char *fmt, ...)
{
	struct va_format message = { .fmt = fmt };
	va_list args;

	kunit_set_failure(test);

	va_start(args, fmt);
	message.va = &args;
	kunit_mmio_print(test, &message);
	va_end(args);
}

static u64 kunit_mmio_truncate(u64 value, unsigned int size)
{
	return value & GENMASK_ULL(size * BITS_PER_BYTE - 1, 0);
}

/*
 * Threads that access a register at the same time see all of what another one
 * wrote, or nothing, as long as it is aligned and not wider than a long.
 */
static u64 kunit_mmio_load(struct kunit_mmio *mmio, unsigned int offset,
			   unsigned int size)
{
	const void *at = &mmio->mem[offset];
	__le64 raw = 0;

	if (!IS_ALIGNED(offset, size)) {
		memcpy(&raw, at, size);
		return le64_to_cpu(raw);
	}

	switch (size) {
	case 1:
		return READ_ONCE(*(const u8 *)at);
	case 2:
		return le16_to_cpu(READ_ONCE(*(const __le16 *)at));
	case 4:
		return le32_to_cpu(READ_ONCE(*(const __le32 *)at));
	default:
		return le64_to_cpu(READ_ONCE(*(const __le64 *)at));
	}
}

static void kunit_mmio_store(struct kunit_mmio *mmio, unsigned int offset,
			     unsigned int size, u64 value)
{
	__le64 raw = cpu_to_le64(value);
	void *at = &mmio->mem[offset];

	if (!IS_ALIGNED(offset, size)) {
		memcpy(at, &raw, size);
		return;
	}

	switch (size) {
	case 1:
		WRITE_ONCE(*(u8 *)at, value);
		break;
	case 2:
		WRITE_ONCE(*(__le16 *)at, cpu_to_le16(value));
		break;
	case 4:
		WRITE_ONCE(*(__le32 *)at, cpu_to_le32(value));
		break;
	default:
		WRITE_ONCE(*(__le64 *)at, raw);
	}
}

static void kunit_mmio_account(struct kunit_mmio *mmio, unsigned int offset,
			       unsigned int size, bool write, u64 value)
{
	struct kunit_mmio_log *log;

	atomic_long_inc(write ? &mmio->writes : &mmio->reads);

	if (!READ_ONCE(mmio->log))
		return;

	guard(spinlock_irqsave)(&mmio->lock);

	log = mmio->log;
	if (!log)
		return;

	if (log->count < log->entries)
		log->accesses[log->count] = (struct kunit_mmio_access) {
			.offset = offset,
			.size = size,
			.write = write,
			.value = value,
		};
	if (log->count <= log->entries)
		log->count++;
}

/*
 * The areas of logic_iomem are larger than most windows, so that accesses can go
 * astray. Failing a test allocates memory, and drivers access registers with
 * spinlocks held: the test fails when the window is removed.
 */
static bool kunit_mmio_inside(struct kunit_mmio *mmio, unsigned int offset,
			      unsigned int size, bool write)
{
	if (offset + size <= resource_size(&mmio->res))
		return true;

	if (!mmio->test)
		WARN(1, "%s of %u bytes at 0x%x, beyond the end of %pR\n",
		     write ? "write" : "read", size, offset, &mmio->res);
	else if (atomic_long_inc_return(&mmio->stray) == 1)
		mmio->first_stray = (struct kunit_mmio_access) {
			.offset = offset,
			.size = size,
			.write = write,
		};
	return false;
}

static unsigned long kunit_mmio_read(void *priv, unsigned int offset, int size)
{
	struct kunit_mmio *mmio = priv;
	u64 value;

	if (!kunit_mmio_inside(mmio, offset, size, false))
		return ~0UL;

	if (mmio->ops.read)
		value = mmio->ops.read(mmio->priv, offset, size);
	else
		value = kunit_mmio_load(mmio, offset, size);
	value = kunit_mmio_truncate(value, size);
	kunit_mmio_account(mmio, offset, size, false, value);
	return value;
}

static void kunit_mmio_write(void *priv, unsigned int offset, int size,
			     unsigned long val)
{
	struct kunit_mmio *mmio = priv;
	u64 value = kunit_mmio_truncate(val, size);

	if (!kunit_mmio_inside(mmio, offset, size, true))
		return;

	kunit_mmio_account(mmio, offset, size, true, value);
	if (mmio->ops.write)
		mmio->ops.write(mmio->priv, offset, size, value);
	else
		kunit_mmio_store(mmio, offset, size, value);
}

static void kunit_mmio_unmap(void *priv)
{
	struct kunit_mmio *mmio = priv;

	atomic_dec(&mmio->mappings);
}

static const struct logic_iomem_ops kunit_mmio_iomem_ops = {
	.read = kunit_mmio_read,
	.write = kunit_mmio_write,
	.unmap = kunit_mmio_unmap,
};

static long kunit_mmio_map(void *region_priv, unsigned long offset, size_t size,
			   const struct logic_iomem_ops **ops, void **priv)
{
	struct kunit_mmio *mmio = region_priv;

	atomic_inc(&mmio->mappings);
	*ops = &kunit_mmio_iomem_ops;
	*priv = mmio;
	return offset;
}

static const struct logic_iomem_region_ops kunit_mmio_region_ops = {
	.map = kunit_mmio_map,
};

static void kunit_mmio_log_end(void *data)
{
	struct kunit_mmio *mmio = data;
	struct kunit_mmio_log *log;

	scoped_guard(spinlock_irqsave, &mmio->lock) {
		log = mmio->log;
		WRITE_ONCE(mmio->log, NULL);
	}
	kvfree(log);
}

/* Before the test ends that it belongs to */
static void kunit_mmio_log_drop(struct kunit_mmio *mmio)
{
	if (mmio->log)
		kunit_release_action(mmio->log->test, kunit_mmio_log_end, mmio);
}

static void kunit_mmio_free(struct kunit_mmio *mmio)
{
	kunit_mmio_log_drop(mmio);
	kvfree(mmio);
}

/**
 * kunit_mmio_create() - create a register window that belongs to no test
 * @start: physical address; need not be aligned. No other window and no region
 *	of logic_iomem may be there: on UML addresses from 0x600000000 on are
 *	beyond memory and PCI
 * @size: in bytes, KUNIT_MMIO_MAX_SIZE at most
 * @ops: what accesses do, copied; NULL for registers that keep what is written
 *	to them
 * @priv: private pointer for @ops
 *
 * Drivers request, map and access the window as they do with real registers:
 * ioremap(), readl(), writel(), memcpy_toio() and the like. Accesses larger than
 * a register, as by memcpy_toio(), arrive one byte at a time.
 *
 * The window is there until kunit_mmio_destroy() is called, if ever. This is for
 * drivers that can only be probed at boot, or keep their registers mapped for
 * ever; else see kunit_mmio_add().
 *
 * An access beyond the end of the window warns. That end is what counts:
 * accesses inside of the window are not held against the part of it that was
 * mapped.
 *
 * Context: May sleep.
 * Return: the window, or an error pointer: -EBUSY where it would overlap
 * something, -EINVAL for a bad size, -ENOMEM, -EOPNOTSUPP without
 * CONFIG_INDIRECT_IOMEM.
 */
struct kunit_mmio *kunit_mmio_create(phys_addr_t start, size_t size,
				     const struct kunit_mmio_ops *ops,
				     void *priv)
{
	size_t mem_size = ops && ops->read && ops->write ? 0 : size;
	struct kunit_mmio *mmio;
	int ret;

	if (!size || size > KUNIT_MMIO_MAX_SIZE || start + size - 1 < start)
		return ERR_PTR(-EINVAL);

	mmio = kvzalloc_flex(*mmio, mem, mem_size);
	if (!mmio)
		return ERR_PTR(-ENOMEM);

	mmio->mem_size = mem_size;
	mmio->res = DEFINE_RES_MEM_NAMED(start, size, "KUnit registers");
	if (ops)
		mmio->ops = *ops;
	mmio->priv = priv;
	spin_lock_init(&mmio->lock);

	ret = logic_iomem_add_region(&mmio->res, &kunit_mmio_region_ops, mmio);
	if (ret) {
		kvfree(mmio);
		return ERR_PTR(ret);
	}

	return mmio;
}
EXPORT_SYMBOL_GPL(kunit_mmio_create);

/**
 * kunit_mmio_destroy() - destroy a register window that belongs to no test
 * @mmio: the window, from kunit_mmio_create(); freed
 *
 * Warns if the window is still mapped. Any access through such a mapping warns
 * from then on, and reads all ones.
 *
 * A window from kunit_mmio_add() is left alone, with a warning.
 *
 * Context: May sleep. No access may be under way. If a test has the window
 * logged, only to be called from its thread.
 */
void kunit_mmio_destroy(struct kunit_mmio *mmio)
{
	unsigned int left;

	if (WARN_ON(mmio->test))
		return;

	left = logic_iomem_remove_region(&mmio->res);
	WARN(left, "%pR is still mapped, %u time(s)\n", &mmio->res, left);
	kunit_mmio_free(mmio);
}
EXPORT_SYMBOL_GPL(kunit_mmio_destroy);

static void kunit_mmio_release(void *data)
{
	struct kunit_mmio *mmio = data;
	unsigned int left = logic_iomem_remove_region(&mmio->res);
	long stray = atomic_long_read(&mmio->stray);

	if (left)
		kunit_mmio_fail(mmio->test, "%pR is still mapped, %u time(s)",
				&mmio->res, left);

	if (stray)
		kunit_mmio_fail(mmio->test,
				"%ld access(es) beyond the end of %pR, first a %s of %u byte(s) at 0x%x",
				stray, &mmio->res,
				mmio->first_stray.write ? "write" : "read",
				mmio->first_stray.size, mmio->first_stray.offset);

	kunit_mmio_free(mmio);
}

/**
 * kunit_mmio_add() - add a register window to a test
 * @test: test that the window lives as long as
 * @start: physical address, as for kunit_mmio_create()
 * @size: in bytes, KUNIT_MMIO_MAX_SIZE at most
 * @ops: what accesses do, copied; NULL for registers that keep what is written
 *	to them
 * @priv: private pointer for @ops
 *
 * The window is as one from kunit_mmio_create(), but is removed when the test
 * ends, in reverse order with whatever else the test cleans up: add windows
 * before the device is added, and the driver is unbound first. The test fails
 * when the window is removed if it is still mapped, or if there was an access
 * beyond its end.
 *
 * Without CONFIG_INDIRECT_IOMEM the test is skipped, and this does not return.
 *
 * Context: May sleep. Only to be called from the thread of @test.
 * Return: the window, or an error pointer: -EBUSY where it would overlap
 * something, -EINVAL for a bad size, -ENOMEM.
 */
struct kunit_mmio *kunit_mmio_add(struct kunit *test, phys_addr_t start,
				  size_t size, const struct kunit_mmio_ops *ops,
				  void *priv)
{
	struct kunit_mmio *mmio = kunit_mmio_create(start, size, ops, priv);
	int ret;

	if (IS_ERR(mmio))
		return mmio;

	mmio->test = test;
	ret = kunit_add_action_or_reset(test, kunit_mmio_release, mmio);
	if (ret)
		return ERR_PTR(ret);

	return mmio;
}
EXPORT_SYMBOL_GPL(kunit_mmio_add);

/**
 * kunit_mmio_remove() - remove a register window from a test before it ends
 * @test: the test it was added to; any other leaves it where it is
 * @mmio: the window, from kunit_mmio_add(); freed
 *
 * The test fails if the window is still mapped, or if there was an access beyond
 * its end. Any access through a mapping that is left warns from then on, and
 * reads all ones.
 *
 * Context: May sleep. No access may be under way. Only to be called from the
 * thread of @test.
 */
void kunit_mmio_remove(struct kunit *test, struct kunit_mmio *mmio)
{
	kunit_release_action(test, kunit_mmio_release, mmio);
}
EXPORT_SYMBOL_GPL(kunit_mmio_remove);

static bool kunit_mmio_has_memory(struct kunit_mmio *mmio, unsigned int offset,
				  unsigned int size)
{
	if (is_power_of_2(size) && size <= sizeof(u64) &&
	    offset < mmio->mem_size && size <= mmio->mem_size - offset)
		return true;

	WARN(1, "%pR has no memory of %u bytes at 0x%x\n", &mmio->res, size,
	     offset);
	if (mmio->test)
		kunit_set_failure(mmio->test);
	return false;
}

/**
 * kunit_mmio_peek() - what is in the memory of a register window
 * @mmio: the window, with an op that is absent
 * @offset: of the first byte in the window
 * @size: in bytes: 1, 2, 4 or 8
 *
 * This is no access: it is neither counted nor logged, and calls no op.
 *
 * A register at a multiple of its size is had as a whole, whoever writes to it
 * meanwhile; on 32 bit that does not hold for a @size of 8.
 *
 * Where the window has no such memory, or @size is another, this warns, and the
 * test of the window fails, if it has one.
 *
 * Context: Any.
 * Return: what a read without an op gives to the driver. All ones where there is
 * no memory.
 */
u64 kunit_mmio_peek(struct kunit_mmio *mmio, unsigned int offset,
		    unsigned int size)
{
	if (!kunit_mmio_has_memory(mmio, offset, size))
		return ~0ULL;

	return kunit_mmio_load(mmio, offset, size);
}
EXPORT_SYMBOL_GPL(kunit_mmio_peek);

/**
 * kunit_mmio_poke() - change what is in the memory of a register window
 * @mmio: the window, with an op that is absent
 * @offset: of the first byte in the window
 * @size: in bytes: 1, 2, 4 or 8
 * @value: what to put there, as a write without an op does; bits beyond @size
 *	are dropped
 *
 * This is no access: it is neither counted nor logged, and calls no op. It
 * changes a register as a whole where kunit_mmio_peek() has it as a whole.
 *
 * Where the window has no such memory, or @size is another, this warns, changes
 * nothing, and the test of the window fails, if it has one.
 *
 * Context: Any.
 */
void kunit_mmio_poke(struct kunit_mmio *mmio, unsigned int offset,
		     unsigned int size, u64 value)
{
	if (kunit_mmio_has_memory(mmio, offset, size))
		kunit_mmio_store(mmio, offset, size, value);
}
EXPORT_SYMBOL_GPL(kunit_mmio_poke);

/**
 * kunit_mmio_mappings() - how many times a register window is mapped
 * @mmio: the window
 *
 * Context: Any.
 * Return: the number of ioremap()s without their iounmap().
 */
unsigned int kunit_mmio_mappings(struct kunit_mmio *mmio)
{
	return atomic_read(&mmio->mappings);
}
EXPORT_SYMBOL_GPL(kunit_mmio_mappings);

/**
 * kunit_mmio_reads() - how many times registers were read
 * @mmio: the window
 *
 * Context: Any.
 * Return: the number of reads since the window was made, or since the last
 * kunit_mmio_clear(), logged or not.
 */
unsigned long kunit_mmio_reads(struct kunit_mmio *mmio)
{
	return atomic_long_read(&mmio->reads);
}
EXPORT_SYMBOL_GPL(kunit_mmio_reads);

/**
 * kunit_mmio_writes() - how many times registers were written
 * @mmio: the window
 *
 * Context: Any.
 * Return: the number of writes since the window was made, or since the last
 * kunit_mmio_clear(), logged or not.
 */
unsigned long kunit_mmio_writes(struct kunit_mmio *mmio)
{
	return atomic_long_read(&mmio->writes);
}
EXPORT_SYMBOL_GPL(kunit_mmio_writes);

/**
 * kunit_mmio_log_start() - log the accesses to a register window from now on
 * @test: test that the log lives as long as; need not be that of the window
 * @mmio: the window
 * @entries: how many accesses the log holds
 *
 * The log ends when @test does, or when the window is removed or destroyed. An
 * earlier log of the window ends now, unless this fails.
 *
 * An access that is under way meanwhile may or may not be logged. The counts of
 * the window stay as they are.
 *
 * Context: May sleep. Only to be called from the thread of @test.
 * Return: 0, -ENOMEM, or -EOPNOTSUPP without CONFIG_INDIRECT_IOMEM.
 */
int kunit_mmio_log_start(struct kunit *test, struct kunit_mmio *mmio,
			 unsigned int entries)
{
	struct kunit_mmio_log *log = kvzalloc_flex(*log, accesses, entries);

	if (!log)
		return -ENOMEM;

	log->test = test;
	log->entries = entries;

	kunit_mmio_log_drop(mmio);
	scoped_guard(spinlock_irqsave, &mmio->lock)
		WRITE_ONCE(mmio->log, log);

	return kunit_add_action_or_reset(test, kunit_mmio_log_end, mmio);
}
EXPORT_SYMBOL_GPL(kunit_mmio_log_start);

/**
 * kunit_mmio_log() - the accesses to a register window, in order
 * @test: fails if there were more accesses than the log holds, or if there is no
 *	log
 * @mmio: the window, with a log that kunit_mmio_log_start() has begun
 * @log: set to the first access since then, or since the last
 *	kunit_mmio_clear(), or to NULL if there is no log; must not be NULL itself
 *
 * What @log is set to is valid until the log ends or the window is cleared.
 * Accesses that happen meanwhile are not part of the result.
 *
 * Context: Only to be called from the thread of @test, and not with locks held,
 * as a test that fails allocates memory.
 * Return: the number of accesses in @log: as many as it holds if there were more,
 * 0 if there is no log.
 */
unsigned int kunit_mmio_log(struct kunit *test, struct kunit_mmio *mmio,
			    const struct kunit_mmio_access **log)
{
	unsigned int count = 0, entries = 0;

	*log = NULL;
	scoped_guard(spinlock_irqsave, &mmio->lock) {
		if (mmio->log) {
			*log = mmio->log->accesses;
			count = mmio->log->count;
			entries = mmio->log->entries;
		}
	}

	if (!*log) {
		kunit_mmio_fail(test, "accesses to %pR are not logged", &mmio->res);
		return 0;
	}

	if (count <= entries)
		return count;

	kunit_mmio_fail(test, "more than %u accesses to %pR, the others are not in the log",
			entries, &mmio->res);
	return entries;
}
EXPORT_SYMBOL_GPL(kunit_mmio_log);

/**
 * kunit_mmio_clear() - forget the accesses so far
 * @mmio: the window
 *
 * Sets the counts to 0 and empties the log, if there is one. What the memory of
 * the window holds stays. Accesses beyond the end of the window are not
 * forgotten.
 *
 * Context: Any. Of an access that is under way, the count may stay without the
 * entry in the log, or the other way round.
 */
void kunit_mmio_clear(struct kunit_mmio *mmio)
{
	guard(spinlock_irqsave)(&mmio->lock);

	atomic_long_set(&mmio->reads, 0);
	atomic_long_set(&mmio->writes, 0);
	if (mmio->log)
		mmio->log->count = 0;
}
EXPORT_SYMBOL_GPL(kunit_mmio_clear);

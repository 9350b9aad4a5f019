// SPDX-License-Identifier: GPL-2.0
/*
 * KUnit-managed register windows, served by callbacks of the test
 */

#include <kunit/mmio.h>
#include <kunit/resource.h>
#include <kunit/static_stub.h>
#include <kunit/visibility.h>

#include <linux/atomic.h>
#include <linux/bits.h>
#include <linux/cleanup.h>
#include <linux/export.h>
#include <linux/ioport.h>
#include <linux/logic_iomem.h>
#include <linux/slab.h>
#include <linux/spinlock.h>

#include "mmio-impl.h"

struct kunit_mmio {
	struct resource res;
	struct kunit *test;
	const struct kunit_mmio_ops *ops;
	void *priv;
	atomic_t mappings;
	spinlock_t lock;	/* of all below */
	unsigned long reads;
	unsigned long writes;
	unsigned long stray;
	struct kunit_mmio_access first_stray;
	unsigned int logged;
	struct kunit_mmio_access log[KUNIT_MMIO_LOG_SIZE];
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

static void kunit_mmio_account(struct kunit_mmio *mmio, unsigned int offset,
			       unsigned int size, bool write, u64 value)
{
	guard(spinlock_irqsave)(&mmio->lock);

	if (write)
		mmio->writes++;
	else
		mmio->reads++;
	if (mmio->logged < KUNIT_MMIO_LOG_SIZE)
		mmio->log[mmio->logged] = (struct kunit_mmio_access) {
			.offset = offset,
			.size = size,
			.write = write,
			.value = value,
		};
	if (mmio->logged <= KUNIT_MMIO_LOG_SIZE)
		mmio->logged++;
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

	if (!mmio->test) {
		WARN(1, "%s of %u bytes at 0x%x, beyond the end of %pR\n",
		     write ? "write" : "read", size, offset, &mmio->res);
		return false;
	}

	guard(spinlock_irqsave)(&mmio->lock);

	if (!mmio->stray++)
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
	u64 value = 0;

	if (!kunit_mmio_inside(mmio, offset, size, false))
		return ~0UL;

	if (mmio->ops->read)
		value = mmio->ops->read(mmio->priv, offset, size);
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
	if (mmio->ops->write)
		mmio->ops->write(mmio->priv, offset, size, value);
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

static void kunit_mmio_free(void *data)
{
	struct kunit_mmio *mmio = data;
	unsigned int left = logic_iomem_remove_region(&mmio->res);

	if (left && mmio->test)
		kunit_mmio_fail(mmio->test, "%pR is still mapped, %u time(s)",
				&mmio->res, left);
	else
		WARN(left, "%pR is still mapped, %u time(s)\n", &mmio->res, left);

	if (mmio->stray)
		kunit_mmio_fail(mmio->test,
				"%lu access(es) beyond the end of %pR, first a %s of %u byte(s) at 0x%x",
				mmio->stray, &mmio->res,
				mmio->first_stray.write ? "write" : "read",
				mmio->first_stray.size, mmio->first_stray.offset);

	kvfree(mmio);
}

/**
 * kunit_mmio_add() - add a register window
 * @test: test that the window lives as long as, or NULL for one that stays until
 *	kunit_mmio_remove() is called, if ever: for drivers that can only be
 *	probed at boot, or keep their registers mapped for ever
 * @start: physical address; need not be aligned. No other window and no region
 *	of logic_iomem may be there: on UML addresses from 0x600000000 on are
 *	beyond memory and PCI
 * @size: in bytes, KUNIT_MMIO_MAX_SIZE at most
 * @ops: what accesses do; must stay as long as the window
 * @priv: private pointer for @ops
 *
 * Drivers request, map and access the window as they do with real registers:
 * ioremap(), readl(), writel(), memcpy_toio() and the like. Accesses larger than
 * a register, as by memcpy_toio(), arrive one byte at a time.
 *
 * With @test, the window is removed when the test ends, in reverse order with
 * whatever else the test cleans up: add windows before the device is added, and
 * the driver is unbound first. The test fails when the window is removed if it
 * is still mapped, or if there was an access beyond its end. That end is what
 * counts: accesses inside of the window are not held against the part of it that
 * was mapped.
 *
 * Without @test, an access beyond the end warns.
 *
 * Without CONFIG_INDIRECT_IOMEM the test is skipped; without @test as well,
 * -EOPNOTSUPP is returned.
 *
 * Context: May sleep. With @test, only to be called from its thread.
 * Return: the window, or an error pointer: -EBUSY where it would overlap
 * something, -EINVAL for a bad size or no @ops, -ENOMEM.
 */
struct kunit_mmio *kunit_mmio_add(struct kunit *test, phys_addr_t start,
				  size_t size, const struct kunit_mmio_ops *ops,
				  void *priv)
{
	struct kunit_mmio *mmio;
	int ret;

	if (!size || size > KUNIT_MMIO_MAX_SIZE || start + size - 1 < start || !ops)
		return ERR_PTR(-EINVAL);

	mmio = kvzalloc_obj(*mmio);
	if (!mmio)
		return ERR_PTR(-ENOMEM);

	mmio->res = DEFINE_RES_MEM_NAMED(start, size, "KUnit registers");
	mmio->test = test;
	mmio->ops = ops;
	mmio->priv = priv;
	spin_lock_init(&mmio->lock);

	ret = logic_iomem_add_region(&mmio->res, &kunit_mmio_region_ops, mmio);
	if (ret) {
		kvfree(mmio);
		return ERR_PTR(ret);
	}

	if (test) {
		ret = kunit_add_action_or_reset(test, kunit_mmio_free, mmio);
		if (ret)
			return ERR_PTR(ret);
	}

	return mmio;
}
EXPORT_SYMBOL_GPL(kunit_mmio_add);

/**
 * kunit_mmio_remove() - remove a register window
 * @mmio: the window; freed
 *
 * Windows of a test are removed when it ends; this is for removing one earlier,
 * and for windows without a test. The test fails, or without one a warning is
 * given, if the window is still mapped. Any access through such a mapping warns
 * from then on, and reads all ones.
 *
 * Context: May sleep. No access may be under way. The window of a test is only
 * to be removed from its thread.
 */
void kunit_mmio_remove(struct kunit_mmio *mmio)
{
	if (mmio->test)
		kunit_release_action(mmio->test, kunit_mmio_free, mmio);
	else
		kunit_mmio_free(mmio);
}
EXPORT_SYMBOL_GPL(kunit_mmio_remove);

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
 * Return: the number of reads since the last kunit_mmio_clear(), those that did
 * not fit into the log included.
 */
unsigned long kunit_mmio_reads(struct kunit_mmio *mmio)
{
	return READ_ONCE(mmio->reads);
}
EXPORT_SYMBOL_GPL(kunit_mmio_reads);

/**
 * kunit_mmio_writes() - how many times registers were written
 * @mmio: the window
 *
 * Context: Any.
 * Return: the number of writes since the last kunit_mmio_clear(), those that did
 * not fit into the log included.
 */
unsigned long kunit_mmio_writes(struct kunit_mmio *mmio)
{
	return READ_ONCE(mmio->writes);
}
EXPORT_SYMBOL_GPL(kunit_mmio_writes);

/**
 * kunit_mmio_log() - all accesses to a register window, in order
 * @test: fails if there were more accesses than the log holds
 * @mmio: the window
 * @log: set to the first access since the last kunit_mmio_clear(); valid until
 *	the window is cleared or removed
 *
 * Accesses that happen meanwhile are not part of the result.
 *
 * Context: May sleep.
 * Return: the number of accesses in @log, KUNIT_MMIO_LOG_SIZE at most.
 */
unsigned int kunit_mmio_log(struct kunit *test, struct kunit_mmio *mmio,
			    const struct kunit_mmio_access **log)
{
	unsigned int logged;

	scoped_guard(spinlock_irqsave, &mmio->lock)
		logged = mmio->logged;

	*log = mmio->log;
	if (logged <= KUNIT_MMIO_LOG_SIZE)
		return logged;

	kunit_mmio_fail(test, "more than %u accesses to %pR, the others are not in the log",
			KUNIT_MMIO_LOG_SIZE, &mmio->res);
	return KUNIT_MMIO_LOG_SIZE;
}
EXPORT_SYMBOL_GPL(kunit_mmio_log);

/**
 * kunit_mmio_clear() - forget the accesses so far
 * @mmio: the window
 *
 * Sets the counts to 0 and empties the log. Accesses beyond the end of the window
 * are not forgotten.
 *
 * Context: Any.
 */
void kunit_mmio_clear(struct kunit_mmio *mmio)
{
	guard(spinlock_irqsave)(&mmio->lock);

	mmio->reads = 0;
	mmio->writes = 0;
	mmio->logged = 0;
}
EXPORT_SYMBOL_GPL(kunit_mmio_clear);

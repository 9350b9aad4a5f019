// SPDX-License-Identifier: GPL-2.0
/*
 * KUnit tests for register windows
 */

#include <kunit/mmio.h>
#include <kunit/platform_device.h>
#include <kunit/resource.h>
#include <kunit/static_stub.h>
#include <kunit/test-bug.h>
#include <kunit/test.h>

#include <linux/completion.h>
#include <linux/io.h>
#include <linux/ioport.h>
#include <linux/module.h>
#include <linux/platform_device.h>
#include <linux/sched.h>
#include <linux/unaligned.h>

#include "mmio-impl.h"

/* On UML beyond memory, PCI, and what other tests may have there from boot on */
#define MMIO_START	0x700000000ULL
#define MMIO_SIZE	0x100

/* What most windows of the tests are: memory of the test's own */
struct mmio_regs {
	u8 bytes[MMIO_SIZE];
};

struct mmio_test {
	struct kunit fake;	/* fails where that is expected */
	char message[160];	/* of the failure */
	struct mmio_regs regs;
	struct kunit_mmio *mmio;	/* for ops that use its memory */
	struct completion bound;
};

static u64 mmio_test_read(void *priv, unsigned int offset, unsigned int size)
{
	struct mmio_regs *regs = priv;
	u64 value = 0;
	unsigned int i;

	for (i = 0; i < size; i++)
		value |= (u64)regs->bytes[offset + i] << (i * 8);
	return value;
}

static void mmio_test_write(void *priv, unsigned int offset, unsigned int size,
			    u64 value)
{
	struct mmio_regs *regs = priv;
	unsigned int i;

	for (i = 0; i < size; i++)
		regs->bytes[offset + i] = value >> (i * 8);
}

static const struct kunit_mmio_ops mmio_test_ops = {
	.read = mmio_test_read,
	.write = mmio_test_write,
};

/* Keeps the failures of the fake test out of the kernel log */
static void mmio_test_print(struct kunit *fake, struct va_format *message)
{
	struct mmio_test *ctx = kunit_get_current_test()->priv;

	scnprintf(ctx->message, sizeof(ctx->message), "%pV", message);
}

static void mmio_test_iounmap(void *addr)
{
	iounmap((void __iomem __force *)addr);
}

static void __iomem *mmio_test_ioremap(struct kunit *test, phys_addr_t start,
				       size_t size)
{
	void __iomem *addr = ioremap(start, size);

	KUNIT_ASSERT_NOT_NULL(test, (__force void *)addr);
	KUNIT_ASSERT_EQ(test, 0,
			kunit_add_action_or_reset(test, mmio_test_iounmap,
						  (void __force *)addr));
	return addr;
}

static void mmio_test_unmap_now(struct kunit *test, void __iomem *addr)
{
	kunit_release_action(test, mmio_test_iounmap, (void __force *)addr);
}

static struct kunit_mmio *mmio_test_add(struct kunit *test, phys_addr_t start,
					size_t size, struct mmio_regs *regs)
{
	struct kunit_mmio *mmio = kunit_mmio_add(test, start, size,
						 &mmio_test_ops, regs);

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, mmio);
	return mmio;
}

static void mmio_test_log_start(struct kunit *test, struct kunit_mmio *mmio,
				unsigned int entries)
{
	KUNIT_ASSERT_EQ(test, 0, kunit_mmio_log_start(test, mmio, entries));
}

/* Each byte differs, so that they are told apart in whatever size they come */
static void mmio_test_sizes(struct kunit *test)
{
	const u64 value = 0x8877665544332211ULL;
	struct mmio_test *ctx = test->priv;
	void __iomem *addr;
	unsigned int size;

	mmio_test_add(test, MMIO_START, MMIO_SIZE, &ctx->regs);
	addr = mmio_test_ioremap(test, MMIO_START, MMIO_SIZE);

	writeb(0x11, addr + 0x11);
	writew(0x2211, addr + 0x22);
	writel(0x44332211, addr + 0x34);
	writeq(value, addr + 0x48);

	KUNIT_EXPECT_EQ(test, 0x11, ctx->regs.bytes[0x11]);
	KUNIT_EXPECT_EQ(test, 0, ctx->regs.bytes[0x12]);
	KUNIT_EXPECT_EQ(test, 0x2211, get_unaligned_le16(&ctx->regs.bytes[0x22]));
	KUNIT_EXPECT_EQ(test, 0, ctx->regs.bytes[0x24]);
	KUNIT_EXPECT_EQ(test, 0x44332211, get_unaligned_le32(&ctx->regs.bytes[0x34]));
	KUNIT_EXPECT_EQ(test, 0, ctx->regs.bytes[0x38]);
	KUNIT_EXPECT_EQ(test, value, get_unaligned_le64(&ctx->regs.bytes[0x48]));

	for (size = 0; size < MMIO_SIZE; size++)
		ctx->regs.bytes[size] = 0xff - size;

	KUNIT_EXPECT_EQ(test, 0xee, readb(addr + 0x11));
	KUNIT_EXPECT_EQ(test, 0xdcdd, readw(addr + 0x22));
	KUNIT_EXPECT_EQ(test, 0xc8c9cacb, readl(addr + 0x34));
	KUNIT_EXPECT_EQ(test, 0xb0b1b2b3b4b5b6b7ULL, readq(addr + 0x48));

	/* The last register of all is inside */
	writel(1, addr + MMIO_SIZE - 4);
	KUNIT_EXPECT_EQ(test, 1, readl(addr + MMIO_SIZE - 4));
}

/* As memory, whatever sizes the accesses are made in */
static void mmio_test_bulk(struct kunit *test)
{
	static const u8 data[] = { 0x10, 0x21, 0x32, 0x43, 0x54, 0x65, 0x76 };
	const struct kunit_mmio_access *log;
	struct mmio_test *ctx = test->priv;
	struct kunit_mmio *mmio;
	u8 buf[sizeof(data)];
	void __iomem *addr;

	mmio = mmio_test_add(test, MMIO_START, MMIO_SIZE, &ctx->regs);
	mmio_test_log_start(test, mmio, 2);
	addr = mmio_test_ioremap(test, MMIO_START, MMIO_SIZE);

	memcpy_toio(addr + 3, data, sizeof(data));
	KUNIT_EXPECT_MEMEQ(test, &ctx->regs.bytes[3], data, sizeof(data));
	KUNIT_EXPECT_EQ(test, 0, ctx->regs.bytes[2]);
	KUNIT_EXPECT_EQ(test, 0, ctx->regs.bytes[3 + sizeof(data)]);
	KUNIT_EXPECT_EQ(test, sizeof(data), kunit_mmio_writes(mmio));

	memcpy_fromio(buf, addr + 3, sizeof(buf));
	KUNIT_EXPECT_MEMEQ(test, buf, data, sizeof(data));
	KUNIT_EXPECT_EQ(test, sizeof(data), kunit_mmio_reads(mmio));

	kunit_mmio_clear(mmio);
	memset_io(addr + 4, -2, 2);
	KUNIT_EXPECT_EQ(test, 0x10, ctx->regs.bytes[3]);
	KUNIT_EXPECT_EQ(test, 0xfe, ctx->regs.bytes[4]);
	KUNIT_EXPECT_EQ(test, 0xfe, ctx->regs.bytes[5]);
	KUNIT_EXPECT_EQ(test, 0x43, ctx->regs.bytes[6]);

	/* The sign of the int that memset_io() takes goes no further */
	KUNIT_ASSERT_EQ(test, 2, kunit_mmio_log(test, mmio, &log));
	KUNIT_EXPECT_EQ(test, 1, log[0].size);
	KUNIT_EXPECT_EQ(test, 0xfe, log[0].value);
}

/* Registers that nothing serves keep what is written to them */
static void mmio_test_memory(struct kunit *test)
{
	static const struct kunit_mmio_ops none;
	const struct kunit_mmio_ops *ops[] = { NULL, &none };
	const u64 value = 0x8877665544332211ULL;
	struct kunit_mmio *mmio;
	void __iomem *addr;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(ops); i++) {
		mmio = kunit_mmio_add(test, MMIO_START, MMIO_SIZE, ops[i], NULL);
		KUNIT_ASSERT_NOT_ERR_OR_NULL(test, mmio);
		addr = mmio_test_ioremap(test, MMIO_START, MMIO_SIZE);
		KUNIT_EXPECT_EQ(test, 0, readq(addr));
		KUNIT_EXPECT_EQ(test, 0, kunit_mmio_peek(mmio, MMIO_SIZE - 8, 8));

		/* Little-endian in whatever size, at a multiple of it or not */
		writeq(value, addr + 0x10);
		KUNIT_EXPECT_EQ(test, value, readq(addr + 0x10));
		KUNIT_EXPECT_EQ(test, value >> 8, readq(addr + 0x11));
		KUNIT_EXPECT_EQ(test, 0x88776655, readl(addr + 0x14));
		KUNIT_EXPECT_EQ(test, 0x66554433, readl(addr + 0x12));
		KUNIT_EXPECT_EQ(test, 0x6655, readw(addr + 0x14));
		KUNIT_EXPECT_EQ(test, 0x7766, readw(addr + 0x15));
		KUNIT_EXPECT_EQ(test, 0x77, readb(addr + 0x16));

		/* Nothing beside it */
		memset_io(addr + 0x20, 0xff, 0x20);
		writeb(0x11, addr + 0x21);
		writew(0x2211, addr + 0x24);
		KUNIT_EXPECT_EQ(test, 0xffff2211ffff11ffULL, readq(addr + 0x20));
		writew(0x2211, addr + 0x23);
		KUNIT_EXPECT_EQ(test, 0xffff222211ff11ffULL, readq(addr + 0x20));
		writel(0x44332211, addr + 0x28);
		KUNIT_EXPECT_EQ(test, 0xffffffff44332211ULL, readq(addr + 0x28));
		writel(0x44332211, addr + 0x2a);
		KUNIT_EXPECT_EQ(test, 0xffff443322112211ULL, readq(addr + 0x28));
		writeq(value, addr + 0x31);
		KUNIT_EXPECT_EQ(test, value << 8 | 0xff, readq(addr + 0x30));
		KUNIT_EXPECT_EQ(test, 0xffffffffffffff88ULL, readq(addr + 0x38));

		mmio_test_unmap_now(test, addr);
		kunit_mmio_remove(test, mmio);
	}
}

/* What the test does to the memory is what the driver finds there, uncounted */
static void mmio_test_peek_poke(struct kunit *test)
{
	const u64 value = 0x8877665544332211ULL;
	struct kunit_mmio *mmio;
	void __iomem *addr;

	mmio = kunit_mmio_add(test, MMIO_START, MMIO_SIZE, NULL, NULL);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, mmio);
	addr = mmio_test_ioremap(test, MMIO_START, MMIO_SIZE);

	kunit_mmio_poke(mmio, 0x10, 1, value);
	kunit_mmio_poke(mmio, 0x12, 2, value);
	kunit_mmio_poke(mmio, 0x14, 4, value);
	kunit_mmio_poke(mmio, 0x19, 4, value);
	kunit_mmio_poke(mmio, 0x20, 8, value);
	kunit_mmio_poke(mmio, MMIO_SIZE - 1, 1, 0x77);
	KUNIT_EXPECT_EQ(test, 0x2211, kunit_mmio_peek(mmio, 0x12, 2));
	KUNIT_EXPECT_EQ(test, 0x33, kunit_mmio_peek(mmio, 0x16, 1));
	KUNIT_EXPECT_EQ(test, value, kunit_mmio_peek(mmio, 0x20, 8));
	KUNIT_EXPECT_EQ(test, 0x77, kunit_mmio_peek(mmio, MMIO_SIZE - 1, 1));
	KUNIT_EXPECT_EQ(test, 0, kunit_mmio_reads(mmio));
	KUNIT_EXPECT_EQ(test, 0, kunit_mmio_writes(mmio));

	KUNIT_EXPECT_EQ(test, 0x22110011, readl(addr + 0x10));
	KUNIT_EXPECT_EQ(test, 0x44332211, readl(addr + 0x14));
	KUNIT_EXPECT_EQ(test, 0x33221100, readl(addr + 0x18));
	KUNIT_EXPECT_EQ(test, 0x44, readl(addr + 0x1c));
	KUNIT_EXPECT_EQ(test, value, readq(addr + 0x20));
	KUNIT_EXPECT_EQ(test, 5, kunit_mmio_reads(mmio));

	writel(0x12345678, addr + 0x30);
	KUNIT_EXPECT_EQ(test, 0x3456, kunit_mmio_peek(mmio, 0x31, 2));

	/* The memory is no part of what is counted */
	kunit_mmio_clear(mmio);
	KUNIT_EXPECT_EQ(test, 0x12345678, kunit_mmio_peek(mmio, 0x30, 4));
}

/* A read op alone: writes go to the memory, from which it may take what it gives */
static u64 mmio_test_read_other(void *priv, unsigned int offset, unsigned int size)
{
	struct mmio_test *ctx = priv;

	return offset ? kunit_mmio_peek(ctx->mmio, offset, size) + 1 : 0x1234;
}

static void mmio_test_read_alone(struct kunit *test)
{
	static const struct kunit_mmio_ops ops = { .read = mmio_test_read_other };
	struct mmio_test *ctx = test->priv;
	void __iomem *addr;

	ctx->mmio = kunit_mmio_add(test, MMIO_START, MMIO_SIZE, &ops, ctx);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, ctx->mmio);
	addr = mmio_test_ioremap(test, MMIO_START, MMIO_SIZE);

	writel(5, addr);
	writel(6, addr + 4);
	KUNIT_EXPECT_EQ(test, 5, kunit_mmio_peek(ctx->mmio, 0, 4));
	KUNIT_EXPECT_EQ(test, 6, kunit_mmio_peek(ctx->mmio, 4, 4));
	KUNIT_EXPECT_EQ(test, 0x1234, readl(addr));
	KUNIT_EXPECT_EQ(test, 7, readl(addr + 4));
	KUNIT_EXPECT_EQ(test, 2, kunit_mmio_writes(ctx->mmio));
	KUNIT_EXPECT_EQ(test, 2, kunit_mmio_reads(ctx->mmio));
}

/* A write op alone: what it does not put into the memory is not there */
static void mmio_test_write_other(void *priv, unsigned int offset,
				  unsigned int size, u64 value)
{
	struct mmio_test *ctx = priv;

	if (offset)
		kunit_mmio_poke(ctx->mmio, offset + 4, size, value + 1);
}

static void mmio_test_write_alone(struct kunit *test)
{
	static const struct kunit_mmio_ops ops = { .write = mmio_test_write_other };
	struct mmio_test *ctx = test->priv;
	void __iomem *addr;

	ctx->mmio = kunit_mmio_add(test, MMIO_START, MMIO_SIZE, &ops, ctx);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, ctx->mmio);
	addr = mmio_test_ioremap(test, MMIO_START, MMIO_SIZE);

	kunit_mmio_poke(ctx->mmio, 0, 4, 9);
	writel(5, addr);
	writel(6, addr + 4);
	KUNIT_EXPECT_EQ(test, 9, readl(addr));
	KUNIT_EXPECT_EQ(test, 0, readl(addr + 4));
	KUNIT_EXPECT_EQ(test, 7, readl(addr + 8));
	KUNIT_EXPECT_EQ(test, 2, kunit_mmio_writes(ctx->mmio));
	KUNIT_EXPECT_EQ(test, 3, kunit_mmio_reads(ctx->mmio));
}

/* Memory that is not there cannot be looked at, which fails the test */
static void mmio_test_no_memory(struct kunit *test)
{
	static const struct {
		unsigned int offset;
		unsigned int size;
	} bad[] = {
		{ MMIO_SIZE - 3, 4 },
		{ MMIO_SIZE, 1 },
		{ UINT_MAX, 1 },
		{ UINT_MAX - 3, 4 },
		{ 0, 0 },
		{ 0, 3 },
		{ 0, 16 },
	};
	struct mmio_test *ctx = test->priv;
	struct kunit_mmio *mmio;
	unsigned int i;

	mmio = kunit_mmio_add(&ctx->fake, MMIO_START, MMIO_SIZE, NULL, NULL);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, mmio);
	kunit_mmio_poke(mmio, MMIO_SIZE - 4, 4, 1);

	kunit_warning_suppress(test) {
		for (i = 0; i < ARRAY_SIZE(bad); i++) {
			ctx->fake.status = KUNIT_SUCCESS;
			kunit_mmio_poke(mmio, bad[i].offset, bad[i].size, ~0ULL);
			KUNIT_EXPECT_EQ_MSG(test, KUNIT_FAILURE, ctx->fake.status, "%u", i);
			ctx->fake.status = KUNIT_SUCCESS;
			KUNIT_EXPECT_EQ_MSG(test, ~0ULL,
					    kunit_mmio_peek(mmio, bad[i].offset,
							    bad[i].size), "%u", i);
			KUNIT_EXPECT_EQ_MSG(test, KUNIT_FAILURE, ctx->fake.status, "%u", i);
		}
		KUNIT_EXPECT_SUPPRESSED_WARNING_COUNT(test, 2 * ARRAY_SIZE(bad));
	}
	KUNIT_EXPECT_EQ(test, 1, kunit_mmio_peek(mmio, MMIO_SIZE - 4, 4));
	KUNIT_EXPECT_EQ(test, 0, kunit_mmio_peek(mmio, 0, 8));
	kunit_mmio_remove(&ctx->fake, mmio);

	/* A window with both ops has none at all */
	mmio = mmio_test_add(&ctx->fake, MMIO_START, MMIO_SIZE, &ctx->regs);
	ctx->fake.status = KUNIT_SUCCESS;
	kunit_warning_suppress(test) {
		KUNIT_EXPECT_EQ(test, ~0ULL, kunit_mmio_peek(mmio, 0, 1));
		KUNIT_EXPECT_SUPPRESSED_WARNING_COUNT(test, 1);
	}
	KUNIT_EXPECT_EQ(test, KUNIT_FAILURE, ctx->fake.status);
}

static void mmio_test_overlap(struct kunit *test)
{
	struct {
		phys_addr_t start;
		size_t size;
	} bad[] = {
		{ MMIO_START, MMIO_SIZE },
		{ MMIO_START - 4, 5 },
		{ MMIO_START + MMIO_SIZE - 1, 1 },
		{ MMIO_START + 4, 4 },
		{ MMIO_START - 4, MMIO_SIZE + 8 },
	};
	struct resource res = DEFINE_RES_MEM(MMIO_START, MMIO_SIZE);
	struct mmio_test *ctx = test->priv;
	struct platform_device *pdev;
	struct kunit_mmio *mmio;
	unsigned int i;

	mmio = mmio_test_add(test, MMIO_START, MMIO_SIZE, &ctx->regs);
	for (i = 0; i < ARRAY_SIZE(bad); i++)
		KUNIT_EXPECT_EQ(test, -EBUSY,
				PTR_ERR(kunit_mmio_add(test, bad[i].start,
						       bad[i].size,
						       &mmio_test_ops, NULL)));

	/* Next to each other is fine */
	mmio_test_add(test, MMIO_START - 4, 4, &ctx->regs);
	mmio_test_add(test, MMIO_START + MMIO_SIZE, 4, &ctx->regs);

	/* A device comes, with all of the window as its registers, and goes */
	pdev = platform_device_register_simple("kunit-mmio-none", -1, &res, 1);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, pdev);
	platform_device_unregister(pdev);
	KUNIT_EXPECT_EQ(test, -EBUSY,
			PTR_ERR(kunit_mmio_add(test, MMIO_START, MMIO_SIZE,
					       &mmio_test_ops, NULL)));

	/* The device may be there first, and stay for longer */
	kunit_mmio_remove(test, mmio);
	pdev = platform_device_register_simple("kunit-mmio-none", -1, &res, 1);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, pdev);
	mmio = kunit_mmio_add(test, MMIO_START, MMIO_SIZE, &mmio_test_ops, NULL);
	KUNIT_EXPECT_NOT_ERR_OR_NULL(test, mmio);
	if (!IS_ERR(mmio))
		kunit_mmio_remove(test, mmio);
	platform_device_unregister(pdev);
}

static void mmio_test_bad(struct kunit *test)
{
	struct {
		phys_addr_t start;
		size_t size;
	} bad[] = {
		{ MMIO_START, 0 },
		{ 0, 0 },
		{ MMIO_START, KUNIT_MMIO_MAX_SIZE + 1 },
		{ MMIO_START, SIZE_MAX },
		{ PHYS_ADDR_MAX - 2, 4 },
	};
	struct mmio_test *ctx = test->priv;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(bad); i++)
		KUNIT_EXPECT_EQ(test, -EINVAL,
				PTR_ERR(kunit_mmio_add(test, bad[i].start,
						       bad[i].size, NULL, NULL)));

	mmio_test_add(test, MMIO_START, KUNIT_MMIO_MAX_SIZE, &ctx->regs);
	mmio_test_ioremap(test, MMIO_START, KUNIT_MMIO_MAX_SIZE);
}

static void mmio_test_apart(struct kunit *test)
{
	struct mmio_test *ctx = test->priv;
	struct kunit_mmio *mmio, *other;
	void __iomem *addr, *other_addr;
	struct mmio_regs *other_regs;

	other_regs = kunit_kzalloc(test, sizeof(*other_regs), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, other_regs);

	mmio = mmio_test_add(test, MMIO_START, MMIO_SIZE, &ctx->regs);
	other = mmio_test_add(test, MMIO_START + MMIO_SIZE, MMIO_SIZE, other_regs);
	addr = mmio_test_ioremap(test, MMIO_START, MMIO_SIZE);
	other_addr = mmio_test_ioremap(test, MMIO_START + MMIO_SIZE, MMIO_SIZE);

	writel(1, addr + 8);
	writel(2, other_addr + 8);
	writel(3, other_addr + 12);

	KUNIT_EXPECT_EQ(test, 1, readl(addr + 8));
	KUNIT_EXPECT_EQ(test, 1, ctx->regs.bytes[8]);
	KUNIT_EXPECT_EQ(test, 2, other_regs->bytes[8]);
	KUNIT_EXPECT_EQ(test, 0, ctx->regs.bytes[12]);
	KUNIT_EXPECT_EQ(test, 1, kunit_mmio_writes(mmio));
	KUNIT_EXPECT_EQ(test, 2, kunit_mmio_writes(other));
	KUNIT_EXPECT_EQ(test, 1, kunit_mmio_reads(mmio));
	KUNIT_EXPECT_EQ(test, 0, kunit_mmio_reads(other));

	kunit_mmio_clear(other);
	KUNIT_EXPECT_EQ(test, 1, kunit_mmio_writes(mmio));
	KUNIT_EXPECT_EQ(test, 0, kunit_mmio_writes(other));
}

static void mmio_test_mappings(struct kunit *test)
{
	struct mmio_test *ctx = test->priv;
	struct kunit_mmio *mmio;
	void __iomem *a, *b;

	mmio = mmio_test_add(test, MMIO_START, MMIO_SIZE, &ctx->regs);
	KUNIT_EXPECT_EQ(test, 0, kunit_mmio_mappings(mmio));

	a = mmio_test_ioremap(test, MMIO_START, MMIO_SIZE);
	KUNIT_EXPECT_EQ(test, 1, kunit_mmio_mappings(mmio));
	b = mmio_test_ioremap(test, MMIO_START, 4);
	KUNIT_EXPECT_EQ(test, 2, kunit_mmio_mappings(mmio));

	writel(1, a);
	KUNIT_EXPECT_EQ(test, 1, readl(b));

	mmio_test_unmap_now(test, a);
	KUNIT_EXPECT_EQ(test, 1, kunit_mmio_mappings(mmio));
	KUNIT_EXPECT_EQ(test, 1, readl(b));
	mmio_test_unmap_now(test, b);
	KUNIT_EXPECT_EQ(test, 0, kunit_mmio_mappings(mmio));
}

/* As drivers do that map one block of registers of several */
static void mmio_test_partial(struct kunit *test)
{
	const struct kunit_mmio_access *log;
	struct mmio_test *ctx = test->priv;
	struct kunit_mmio *mmio;
	void __iomem *addr;

	mmio = mmio_test_add(test, MMIO_START, MMIO_SIZE, &ctx->regs);
	mmio_test_log_start(test, mmio, 1);
	addr = mmio_test_ioremap(test, MMIO_START + 0x40, 0x10);
	writel(7, addr + 8);

	KUNIT_EXPECT_EQ(test, 7, ctx->regs.bytes[0x48]);
	KUNIT_ASSERT_EQ(test, 1, kunit_mmio_log(test, mmio, &log));
	KUNIT_EXPECT_EQ(test, 0x48, log[0].offset);

	/* More than there is */
	kunit_warning_suppress(test) {
		KUNIT_EXPECT_NULL(test, (__force void *)ioremap(MMIO_START + 0x40, MMIO_SIZE));
		KUNIT_EXPECT_SUPPRESSED_WARNING_COUNT(test, 1);
	}
	KUNIT_EXPECT_EQ(test, 1, kunit_mmio_mappings(mmio));
}

static void mmio_test_log(struct kunit *test)
{
	static const struct kunit_mmio_access expected[] = {
		{ .offset = 0x10, .size = 4, .write = true, .value = 0x12345678 },
		{ .offset = 0x11, .size = 1, .write = false, .value = 0x56 },
		{ .offset = 0x20, .size = 2, .write = true, .value = 0xfffe },
		{ .offset = 0x20, .size = 4, .write = false, .value = 0xfffe },
		{ .offset = 0x10, .size = 2, .write = false, .value = 0x5678 },
	};
	const struct kunit_mmio_access *log;
	struct mmio_test *ctx = test->priv;
	struct kunit_mmio *mmio;
	void __iomem *addr;
	unsigned int i;

	mmio = mmio_test_add(test, MMIO_START, MMIO_SIZE, &ctx->regs);
	addr = mmio_test_ioremap(test, MMIO_START, MMIO_SIZE);
	mmio_test_log_start(test, mmio, ARRAY_SIZE(expected));
	KUNIT_EXPECT_EQ(test, 0, kunit_mmio_log(test, mmio, &log));

	writel(0x12345678, addr + 0x10);
	readb(addr + 0x11);
	writew(-2, addr + 0x20);
	readl(addr + 0x20);
	readw(addr + 0x10);

	KUNIT_EXPECT_EQ(test, 3, kunit_mmio_reads(mmio));
	KUNIT_EXPECT_EQ(test, 2, kunit_mmio_writes(mmio));
	KUNIT_ASSERT_EQ(test, ARRAY_SIZE(expected),
			kunit_mmio_log(test, mmio, &log));
	for (i = 0; i < ARRAY_SIZE(expected); i++) {
		KUNIT_EXPECT_EQ_MSG(test, expected[i].offset, log[i].offset, "%u", i);
		KUNIT_EXPECT_EQ_MSG(test, expected[i].size, log[i].size, "%u", i);
		KUNIT_EXPECT_EQ_MSG(test, expected[i].write, log[i].write, "%u", i);
		KUNIT_EXPECT_EQ_MSG(test, expected[i].value, log[i].value, "%u", i);
	}

	kunit_mmio_clear(mmio);
	KUNIT_EXPECT_EQ(test, 0, kunit_mmio_reads(mmio));
	KUNIT_EXPECT_EQ(test, 0, kunit_mmio_writes(mmio));
	KUNIT_EXPECT_EQ(test, 0, kunit_mmio_log(test, mmio, &log));

	writeb(3, addr + 0x30);
	KUNIT_ASSERT_EQ(test, 1, kunit_mmio_log(test, mmio, &log));
	KUNIT_EXPECT_EQ(test, 0x30, log[0].offset);
}

/* What a read gives is what the driver sees of it */
static u64 mmio_test_read_ones(void *priv, unsigned int offset, unsigned int size)
{
	return ~0ULL;
}

static void mmio_test_truncated(struct kunit *test)
{
	static const struct kunit_mmio_ops ops = { .read = mmio_test_read_ones };
	const struct kunit_mmio_access *log;
	struct kunit_mmio *mmio;
	void __iomem *addr;

	mmio = kunit_mmio_add(test, MMIO_START, MMIO_SIZE, &ops, NULL);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, mmio);
	mmio_test_log_start(test, mmio, 3);
	addr = mmio_test_ioremap(test, MMIO_START, MMIO_SIZE);

	KUNIT_EXPECT_EQ(test, 0xffff, readw(addr));
	KUNIT_EXPECT_EQ(test, 0xffffffffU, readl(addr));
	KUNIT_EXPECT_EQ(test, ~0ULL, readq(addr));
	KUNIT_ASSERT_EQ(test, 3, kunit_mmio_log(test, mmio, &log));
	KUNIT_EXPECT_EQ(test, 0xffff, log[0].value);
	KUNIT_EXPECT_EQ(test, 0xffffffffU, log[1].value);
	KUNIT_EXPECT_EQ(test, ~0ULL, log[2].value);
}

#define MMIO_ENTRIES	100

static void mmio_test_overflow(struct kunit *test)
{
	const struct kunit_mmio_access *log;
	struct mmio_test *ctx = test->priv;
	struct kunit_mmio *mmio;
	void __iomem *addr;
	unsigned int i;

	mmio = mmio_test_add(test, MMIO_START, MMIO_SIZE, &ctx->regs);
	mmio_test_log_start(test, mmio, MMIO_ENTRIES);
	addr = mmio_test_ioremap(test, MMIO_START, MMIO_SIZE);

	/* Full is not too much */
	for (i = 0; i < MMIO_ENTRIES; i++)
		writel(i, addr);
	KUNIT_EXPECT_EQ(test, MMIO_ENTRIES, kunit_mmio_log(&ctx->fake, mmio, &log));
	KUNIT_EXPECT_EQ(test, KUNIT_SUCCESS, ctx->fake.status);
	KUNIT_EXPECT_EQ(test, MMIO_ENTRIES - 1, log[MMIO_ENTRIES - 1].value);

	writel(i, addr);
	readl(addr);
	KUNIT_EXPECT_EQ(test, MMIO_ENTRIES, kunit_mmio_log(&ctx->fake, mmio, &log));
	KUNIT_EXPECT_EQ(test, KUNIT_FAILURE, ctx->fake.status);
	KUNIT_EXPECT_NOT_NULL(test, strstr(ctx->message, "more than 100 accesses"));
	KUNIT_EXPECT_EQ(test, 0, log[0].value);
	KUNIT_EXPECT_EQ(test, MMIO_ENTRIES + 1, kunit_mmio_writes(mmio));
	KUNIT_EXPECT_EQ(test, 1, kunit_mmio_reads(mmio));

	/* Cleared, it serves again */
	kunit_mmio_clear(mmio);
	writel(9, addr);
	KUNIT_ASSERT_EQ(test, 1, kunit_mmio_log(test, mmio, &log));
	KUNIT_EXPECT_EQ(test, 9, log[0].value);
}

/* To look at a log that is not there fails the test; counts are there always */
static void mmio_test_no_log(struct kunit *test)
{
	const struct kunit_mmio_access *log = (void *)test;
	struct mmio_test *ctx = test->priv;
	struct kunit_mmio *mmio;
	void __iomem *addr;

	mmio = mmio_test_add(test, MMIO_START, MMIO_SIZE, &ctx->regs);
	addr = mmio_test_ioremap(test, MMIO_START, MMIO_SIZE);
	writel(1, addr);
	readl(addr);
	KUNIT_EXPECT_EQ(test, 0, kunit_mmio_log(&ctx->fake, mmio, &log));
	KUNIT_EXPECT_NULL(test, log);
	KUNIT_EXPECT_EQ(test, KUNIT_FAILURE, ctx->fake.status);
	KUNIT_EXPECT_NOT_NULL_MSG(test, strstr(ctx->message, "not logged"),
				  "%s", ctx->message);
	KUNIT_EXPECT_EQ(test, 1, kunit_mmio_writes(mmio));
	KUNIT_EXPECT_EQ(test, 1, kunit_mmio_reads(mmio));

	kunit_mmio_clear(mmio);
	KUNIT_EXPECT_EQ(test, 0, kunit_mmio_writes(mmio));
}

/* A log begins empty, takes the place of another one, and leaves the counts */
static void mmio_test_log_again(struct kunit *test)
{
	const struct kunit_mmio_access *log;
	struct mmio_test *ctx = test->priv;
	struct kunit_mmio *mmio;
	void __iomem *addr;

	mmio = mmio_test_add(test, MMIO_START, MMIO_SIZE, &ctx->regs);
	addr = mmio_test_ioremap(test, MMIO_START, MMIO_SIZE);
	writel(1, addr);
	mmio_test_log_start(test, mmio, 1);
	writel(2, addr);
	KUNIT_ASSERT_EQ(test, 1, kunit_mmio_log(test, mmio, &log));
	KUNIT_EXPECT_EQ(test, 2, log[0].value);

	mmio_test_log_start(test, mmio, 2);
	KUNIT_EXPECT_EQ(test, 0, kunit_mmio_log(test, mmio, &log));
	writel(3, addr);
	writel(4, addr);
	KUNIT_ASSERT_EQ(test, 2, kunit_mmio_log(test, mmio, &log));
	KUNIT_EXPECT_EQ(test, 3, log[0].value);
	KUNIT_EXPECT_EQ(test, 4, log[1].value);
	KUNIT_EXPECT_EQ(test, 4, kunit_mmio_writes(mmio));
}

/* A log goes with the test that began it, or with the window, whichever ends first */
static void mmio_test_log_ends(struct kunit *test)
{
	const struct kunit_mmio_access *log;
	struct mmio_test *ctx = test->priv;
	struct kunit_mmio *mmio;
	void __iomem *addr;

	mmio = mmio_test_add(test, MMIO_START, MMIO_SIZE, &ctx->regs);
	addr = mmio_test_ioremap(test, MMIO_START, MMIO_SIZE);
	mmio_test_log_start(&ctx->fake, mmio, 1);
	kunit_cleanup(&ctx->fake);
	/* Set current->kunit_test back to the test, for the stub */
	current->kunit_test = test;

	writel(1, addr);
	KUNIT_EXPECT_EQ(test, 0, kunit_mmio_log(&ctx->fake, mmio, &log));
	KUNIT_EXPECT_EQ(test, KUNIT_FAILURE, ctx->fake.status);

	/* One that takes the place of another test's leaves nothing to clean up there */
	mmio_test_log_start(&ctx->fake, mmio, 1);
	mmio_test_log_start(test, mmio, 1);
	KUNIT_EXPECT_TRUE(test, list_empty(&ctx->fake.resources));
	writel(2, addr);
	KUNIT_ASSERT_EQ(test, 1, kunit_mmio_log(test, mmio, &log));
	KUNIT_EXPECT_EQ(test, 2, log[0].value);

	/* Nor does a window */
	mmio_test_log_start(&ctx->fake, mmio, 1);
	mmio_test_unmap_now(test, addr);
	kunit_mmio_remove(test, mmio);
	KUNIT_EXPECT_TRUE(test, list_empty(&ctx->fake.resources));
}

static void mmio_test_beyond(struct kunit *test)
{
	struct mmio_test *ctx = test->priv;
	struct kunit_mmio *mmio;
	void __iomem *addr;
	unsigned long flags;

	/* If they got through, the handlers would still be inside of the memory */
	mmio = mmio_test_add(&ctx->fake, MMIO_START, MMIO_SIZE / 2, &ctx->regs);
	addr = mmio_test_ioremap(test, MMIO_START, MMIO_SIZE / 2);

	/* As drivers do it: the failure must not be reported from here */
	local_irq_save(flags);
	writel(-1, addr + MMIO_SIZE / 2 - 2);
	local_irq_restore(flags);
	KUNIT_EXPECT_EQ(test, 0xff, readb(addr + MMIO_SIZE / 2));
	KUNIT_EXPECT_STREQ(test, "", ctx->message);

	KUNIT_EXPECT_EQ(test, 0, ctx->regs.bytes[MMIO_SIZE / 2 - 2]);
	KUNIT_EXPECT_EQ(test, 0, ctx->regs.bytes[MMIO_SIZE / 2]);
	KUNIT_EXPECT_EQ(test, 0, kunit_mmio_writes(mmio));
	KUNIT_EXPECT_EQ(test, 0, kunit_mmio_reads(mmio));

	mmio_test_unmap_now(test, addr);
	kunit_cleanup(&ctx->fake);
	KUNIT_EXPECT_EQ(test, KUNIT_FAILURE, ctx->fake.status);
	KUNIT_EXPECT_NOT_NULL_MSG(test,
				  strstr(ctx->message, "a write of 4 byte(s) at 0x7e"),
				  "%s", ctx->message);
	KUNIT_EXPECT_NOT_NULL_MSG(test, strstr(ctx->message, "2 access(es)"),
				  "%s", ctx->message);
}

/* The test that all goes well in does not fail, and leaves nothing behind */
static void mmio_test_clean(struct kunit *test)
{
	struct mmio_test *ctx = test->priv;
	void __iomem *addr;

	mmio_test_add(&ctx->fake, MMIO_START, MMIO_SIZE, &ctx->regs);
	addr = ioremap(MMIO_START, MMIO_SIZE);
	KUNIT_ASSERT_NOT_NULL(test, (__force void *)addr);
	writel(1, addr);
	iounmap(addr);

	kunit_cleanup(&ctx->fake);
	KUNIT_EXPECT_EQ(test, KUNIT_SUCCESS, ctx->fake.status);
	KUNIT_EXPECT_STREQ(test, "", ctx->message);

	kunit_warning_suppress(test)
		KUNIT_EXPECT_NULL(test, (__force void *)ioremap(MMIO_START, MMIO_SIZE));
	mmio_test_add(test, MMIO_START, MMIO_SIZE, &ctx->regs);
}

static void mmio_test_left_mapped(struct kunit *test)
{
	struct mmio_test *ctx = test->priv;

	mmio_test_add(&ctx->fake, MMIO_START, MMIO_SIZE, &ctx->regs);
	mmio_test_ioremap(test, MMIO_START, MMIO_SIZE);
	mmio_test_ioremap(test, MMIO_START, MMIO_SIZE);

	KUNIT_EXPECT_EQ(test, KUNIT_SUCCESS, ctx->fake.status);
	kunit_cleanup(&ctx->fake);
	KUNIT_EXPECT_EQ(test, KUNIT_FAILURE, ctx->fake.status);
	KUNIT_EXPECT_NOT_NULL_MSG(test,
				  strstr(ctx->message, "still mapped, 2 time(s)"),
				  "%s", ctx->message);
}

static void mmio_test_use_after_removal(struct kunit *test)
{
	struct mmio_test *ctx = test->priv;
	void __iomem *addr, *other;
	struct kunit_mmio *mmio;
	u8 buf[4] = { };

	mmio = mmio_test_add(&ctx->fake, MMIO_START, MMIO_SIZE, &ctx->regs);
	addr = mmio_test_ioremap(test, MMIO_START, MMIO_SIZE);
	kunit_mmio_remove(&ctx->fake, mmio);
	KUNIT_EXPECT_EQ(test, KUNIT_FAILURE, ctx->fake.status);

	/* Neither a new window nor a new mapping is reached by the old one */
	mmio = mmio_test_add(test, MMIO_START, MMIO_SIZE, &ctx->regs);
	other = mmio_test_ioremap(test, MMIO_START, MMIO_SIZE);
	KUNIT_EXPECT_PTR_NE(test, addr, other);

	kunit_warning_suppress(test) {
		KUNIT_EXPECT_EQ(test, 0xffffffffU, readl(addr));
		KUNIT_EXPECT_SUPPRESSED_WARNING_COUNT(test, 1);
		writel(1, addr);
		KUNIT_EXPECT_SUPPRESSED_WARNING_COUNT(test, 2);
		memcpy_fromio(buf, addr, sizeof(buf));
		KUNIT_EXPECT_SUPPRESSED_WARNING_COUNT(test, 3);
	}
	KUNIT_EXPECT_EQ(test, 0xff, buf[3]);
	KUNIT_EXPECT_EQ(test, 0, ctx->regs.bytes[0]);
	KUNIT_EXPECT_EQ(test, 0, kunit_mmio_writes(mmio));

	/* Unmapping it late is no problem, and gives the area back */
	mmio_test_unmap_now(test, addr);
	KUNIT_EXPECT_EQ(test, 1, kunit_mmio_mappings(mmio));
	KUNIT_EXPECT_PTR_EQ(test, addr,
			    mmio_test_ioremap(test, MMIO_START, MMIO_SIZE));
}

static void mmio_test_destroy_boot(void *mmio)
{
	kunit_mmio_destroy(mmio);
}

/* A window that belongs to no test is there until it is destroyed */
static void mmio_test_boot(struct kunit *test)
{
	struct mmio_test *ctx = test->priv;
	struct kunit_mmio *mmio;
	void __iomem *addr;

	mmio = kunit_mmio_create(MMIO_START, MMIO_SIZE, &mmio_test_ops, &ctx->regs);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, mmio);

	/* A test ends */
	kunit_cleanup(test);
	KUNIT_ASSERT_EQ(test, 0,
			kunit_add_action_or_reset(test, mmio_test_destroy_boot, mmio));

	addr = ioremap(MMIO_START, MMIO_SIZE);
	KUNIT_ASSERT_NOT_NULL(test, (__force void *)addr);
	writel(4, addr);
	KUNIT_EXPECT_EQ(test, 4, ctx->regs.bytes[0]);
	KUNIT_EXPECT_EQ(test, 1, kunit_mmio_writes(mmio));

	/* There is no test to fail: these warn */
	kunit_warning_suppress(test) {
		KUNIT_EXPECT_EQ(test, 0xff, readb(addr + MMIO_SIZE));
		KUNIT_EXPECT_SUPPRESSED_WARNING_COUNT(test, 1);
		kunit_release_action(test, mmio_test_destroy_boot, mmio);
		KUNIT_EXPECT_SUPPRESSED_WARNING_COUNT(test, 2);
	}
	iounmap(addr);

	mmio_test_add(test, MMIO_START, MMIO_SIZE, &ctx->regs);
}

/* The window of a test is not destroyed under it, nor removed from another one */
static void mmio_test_not_mine(struct kunit *test)
{
	struct mmio_test *ctx = test->priv;
	struct kunit_mmio *mmio;
	void __iomem *addr;

	mmio = mmio_test_add(test, MMIO_START, MMIO_SIZE, &ctx->regs);
	kunit_warning_suppress(test) {
		kunit_mmio_destroy(mmio);
		KUNIT_EXPECT_SUPPRESSED_WARNING_COUNT(test, 1);
	}
	kunit_mmio_remove(&ctx->fake, mmio);

	addr = mmio_test_ioremap(test, MMIO_START, MMIO_SIZE);
	writel(1, addr);
	KUNIT_EXPECT_EQ(test, 1, kunit_mmio_writes(mmio));
}

#define MMIO_TEST_ENABLE	0x10

static int mmio_test_probe(struct platform_device *pdev)
{
	void __iomem *base = devm_platform_ioremap_resource(pdev, 0);

	if (IS_ERR(base))
		return PTR_ERR(base);

	writel(1, base + MMIO_TEST_ENABLE);
	platform_set_drvdata(pdev, (void __force *)base);
	return 0;
}

static void mmio_test_remove(struct platform_device *pdev)
{
	void __iomem *base = (void __iomem __force *)platform_get_drvdata(pdev);

	writel(0, base + MMIO_TEST_ENABLE);
}

static struct platform_driver mmio_test_driver = {
	.probe = mmio_test_probe,
	.remove = mmio_test_remove,
	.driver = {
		.name = "kunit-mmio-test",
	},
};

/* What a test does with a driver, all of it; what it adds first goes last */
static void mmio_test_platform_driver(struct kunit *test)
{
	struct resource res = DEFINE_RES_MEM(MMIO_START, MMIO_SIZE);
	struct platform_device_info info = {
		.name = "kunit-mmio-test",
		.id = PLATFORM_DEVID_NONE,
		.res = &res,
		.num_res = 1,
	};
	struct mmio_test *ctx = test->priv;
	struct platform_device *pdev;
	struct kunit_mmio *mmio;

	mmio = mmio_test_add(&ctx->fake, MMIO_START, MMIO_SIZE, &ctx->regs);

	pdev = kunit_platform_device_register_full(&ctx->fake, &info);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, pdev);
	KUNIT_ASSERT_EQ(test, 0,
			kunit_platform_device_prepare_wait_for_probe(&ctx->fake, pdev,
								     &ctx->bound));
	KUNIT_ASSERT_EQ(test, 0,
			kunit_platform_driver_register(&ctx->fake,
						       &mmio_test_driver));
	KUNIT_ASSERT_NE(test, 0, wait_for_completion_timeout(&ctx->bound, 5 * HZ));

	KUNIT_EXPECT_EQ(test, 1, ctx->regs.bytes[MMIO_TEST_ENABLE]);
	KUNIT_EXPECT_EQ(test, 1, kunit_mmio_mappings(mmio));

	kunit_cleanup(&ctx->fake);
	KUNIT_EXPECT_EQ(test, 0, ctx->regs.bytes[MMIO_TEST_ENABLE]);
	KUNIT_EXPECT_EQ(test, KUNIT_SUCCESS, ctx->fake.status);
	KUNIT_EXPECT_STREQ(test, "", ctx->message);
}

static int mmio_test_init(struct kunit *test)
{
	struct mmio_test *ctx;

	if (!IS_ENABLED(CONFIG_INDIRECT_IOMEM)) {
		KUNIT_EXPECT_EQ(test, -EOPNOTSUPP,
				PTR_ERR(kunit_mmio_create(MMIO_START, MMIO_SIZE,
							  NULL, NULL)));
		kunit_mmio_add(test, MMIO_START, MMIO_SIZE, NULL, NULL);
		KUNIT_FAIL(test, "not skipped");
		return -EOPNOTSUPP;
	}

	/* Outlives kunit_cleanup() */
	ctx = kzalloc_obj(*ctx);
	KUNIT_ASSERT_NOT_NULL(test, ctx);

	kunit_init_test(&ctx->fake, "kunit_mmio_fake", NULL);
	init_completion(&ctx->bound);
	test->priv = ctx;
	kunit_activate_static_stub(test, kunit_mmio_print, mmio_test_print);
	return 0;
}

static void mmio_test_exit(struct kunit *test)
{
	struct mmio_test *ctx = test->priv;

	if (!ctx)
		return;

	kunit_cleanup(&ctx->fake);
	kunit_cleanup(test);
	kfree(ctx);
}

static struct kunit_case mmio_test_cases[] = {
	KUNIT_CASE(mmio_test_sizes),
	KUNIT_CASE(mmio_test_bulk),
	KUNIT_CASE(mmio_test_memory),
	KUNIT_CASE(mmio_test_peek_poke),
	KUNIT_CASE(mmio_test_read_alone),
	KUNIT_CASE(mmio_test_write_alone),
	KUNIT_CASE(mmio_test_no_memory),
	KUNIT_CASE(mmio_test_overlap),
	KUNIT_CASE(mmio_test_bad),
	KUNIT_CASE(mmio_test_apart),
	KUNIT_CASE(mmio_test_mappings),
	KUNIT_CASE(mmio_test_partial),
	KUNIT_CASE(mmio_test_log),
	KUNIT_CASE(mmio_test_truncated),
	KUNIT_CASE(mmio_test_overflow),
	KUNIT_CASE(mmio_test_no_log),
	KUNIT_CASE(mmio_test_log_again),
	KUNIT_CASE(mmio_test_log_ends),
	KUNIT_CASE(mmio_test_beyond),
	KUNIT_CASE(mmio_test_clean),
	KUNIT_CASE(mmio_test_left_mapped),
	KUNIT_CASE(mmio_test_use_after_removal),
	KUNIT_CASE(mmio_test_boot),
	KUNIT_CASE(mmio_test_not_mine),
	KUNIT_CASE(mmio_test_platform_driver),
	{}
};

static struct kunit_suite mmio_test_suite = {
	.name = "kunit_mmio",
	.init = mmio_test_init,
	.exit = mmio_test_exit,
	.test_cases = mmio_test_cases,
};

kunit_test_suite(mmio_test_suite);

MODULE_DESCRIPTION("KUnit tests for register windows");
MODULE_LICENSE("GPL");
MODULE_IMPORT_NS("EXPORTED_FOR_KUNIT_TESTING");

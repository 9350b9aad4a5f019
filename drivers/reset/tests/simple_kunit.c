// SPDX-License-Identifier: GPL-2.0
/*
 * KUnit tests for the simple reset controller driver
 */

#include <kunit/mmio.h>
#include <kunit/of.h>
#include <kunit/resource.h>
#include <kunit/test.h>

#include <linux/bits.h>
#include <linux/io.h>
#include <linux/ktime.h>
#include <linux/module.h>
#include <linux/of.h>
#include <linux/reset.h>
#include <linux/reset/reset-simple.h>

/* A controller of kunit_reset_simple.dtso, and who has lines of it */
struct reset_simple_case {
	const char *consumer;
	phys_addr_t start;
	unsigned int size;
	unsigned int at[2];	/* offsets of its first register and its last */
	bool active_low;
	bool status_active_low;
};

static const struct reset_simple_case reset_simple_cases[] = {
	{ "/kunit-reset-high", 0x700000000ULL, 0x8, { 0, 4 }, false, false },
	{ "/kunit-reset-low", 0x700001000ULL, 0x8, { 0, 4 }, true, true },
	{ "/kunit-reset-mixed", 0x700002000ULL, 0x100, { 0x20, 0x3c }, false, true },
};

KUNIT_ARRAY_PARAM_DESC(reset_simple, reset_simple_cases, consumer);

/* The bits of the consumer's lines, of which it has one in each register above */
static const u32 reset_simple_bits[] = { BIT(5), BIT(31) };

struct reset_simple_ctx {
	struct kunit_mmio *mmio;
	struct device_node *consumer;
};

KUNIT_DEFINE_ACTION_WRAPPER(reset_simple_put, reset_control_put, struct reset_control *);

static struct reset_control *reset_simple_get(struct kunit *test, int line)
{
	struct reset_simple_ctx *ctx = test->priv;
	struct reset_control *rstc;

	rstc = of_reset_control_get_exclusive_by_index(ctx->consumer, line);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, rstc);
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test, reset_simple_put, rstc));
	return rstc;
}

static void reset_simple_fill(struct kunit *test, u32 value)
{
	const struct reset_simple_case *param = test->param_value;
	struct reset_simple_ctx *ctx = test->priv;

	for (int offset = 0; offset < param->size; offset += 4)
		kunit_mmio_poke(ctx->mmio, offset, 4, value);
}

/* The bit of the line becomes @set, and all others stay what they are */
static void reset_simple_expect(struct kunit *test, int (*op)(struct reset_control *), bool set)
{
	const struct reset_simple_case *param = test->param_value;
	struct reset_simple_ctx *ctx = test->priv;

	for (int line = 0; line < 2; line++) {
		struct reset_control *rstc = reset_simple_get(test, line);

		for (int others = -1; others <= 0; others++) {
			reset_simple_fill(test, others);
			KUNIT_EXPECT_EQ(test, 0, op(rstc));

			for (int offset = 0; offset < param->size; offset += 4) {
				u32 bit = offset == param->at[line] ? reset_simple_bits[line] : 0;

				KUNIT_EXPECT_EQ_MSG(test, set ? others | bit : others & ~bit,
						    kunit_mmio_peek(ctx->mmio, offset, 4),
						    "line %d, offset 0x%x", line, offset);
			}
		}
	}
}

static void reset_simple_test_assert(struct kunit *test)
{
	const struct reset_simple_case *param = test->param_value;

	reset_simple_expect(test, reset_control_assert, !param->active_low);
}

static void reset_simple_test_deassert(struct kunit *test)
{
	const struct reset_simple_case *param = test->param_value;

	reset_simple_expect(test, reset_control_deassert, param->active_low);
}

static void reset_simple_test_status(struct kunit *test)
{
	const struct reset_simple_case *param = test->param_value;
	struct reset_simple_ctx *ctx = test->priv;

	for (int line = 0; line < 2; line++) {
		struct reset_control *rstc = reset_simple_get(test, line);

		reset_simple_fill(test, 0);
		kunit_mmio_poke(ctx->mmio, param->at[line], 4, reset_simple_bits[line]);
		KUNIT_EXPECT_EQ(test, !param->status_active_low, reset_control_status(rstc));

		reset_simple_fill(test, ~0U);
		kunit_mmio_poke(ctx->mmio, param->at[line], 4, ~reset_simple_bits[line]);
		KUNIT_EXPECT_EQ(test, param->status_active_low, reset_control_status(rstc));
	}
	KUNIT_EXPECT_EQ(test, 0, kunit_mmio_writes(ctx->mmio));
}

/* There is no line behind the last one */
static void reset_simple_test_nr_resets(struct kunit *test)
{
	struct reset_simple_ctx *ctx = test->priv;

	KUNIT_EXPECT_EQ(test, -EINVAL,
			PTR_ERR(of_reset_control_get_exclusive_by_index(ctx->consumer, 2)));
}

/* How long it takes is known to others only, which use the ops without the driver */
static void reset_simple_test_reset(struct kunit *test)
{
	const struct reset_simple_case *param = test->param_value;
	struct reset_simple_data data = {
		.membase = ioremap(param->start, param->size),
		.active_low = param->active_low,
		.reset_us = 2000,
	};
	struct reset_simple_ctx *ctx = test->priv;
	const struct kunit_mmio_access *log;
	ktime_t since = ktime_get();

	KUNIT_ASSERT_NOT_NULL(test, (__force void *)data.membase);
	spin_lock_init(&data.lock);
	KUNIT_EXPECT_EQ(test, 0, kunit_mmio_log_start(test, ctx->mmio, 4));
	KUNIT_EXPECT_LT(test, reset_control_reset(reset_simple_get(test, 0)), 0);
	KUNIT_EXPECT_EQ(test, 0, reset_simple_ops.reset(&data.rcdev, 39));
	KUNIT_EXPECT_GE(test, ktime_us_delta(ktime_get(), since), data.reset_us);
	iounmap(data.membase);

	/* Each write comes after a read */
	KUNIT_ASSERT_EQ(test, 4, kunit_mmio_log(test, ctx->mmio, &log));
	KUNIT_EXPECT_TRUE(test, log[1].write && log[3].write);
	KUNIT_EXPECT_EQ(test, 4, log[1].offset);
	KUNIT_EXPECT_EQ(test, param->active_low ? 0 : BIT(7), log[1].value);
	KUNIT_EXPECT_EQ(test, 4, log[3].offset);
	KUNIT_EXPECT_EQ(test, param->active_low ? BIT(7) : 0, log[3].value);
}

static int reset_simple_test_init(struct kunit *test)
{
	struct reset_simple_ctx *ctx = kunit_kzalloc(test, sizeof(*ctx), GFP_KERNEL);
	const struct reset_simple_case *param = test->param_value;

	KUNIT_ASSERT_NOT_NULL(test, ctx);
	test->priv = ctx;

	/* The registers of all controllers have to be there before the devices */
	for (int i = 0; i < ARRAY_SIZE(reset_simple_cases); i++) {
		const struct reset_simple_case *each = &reset_simple_cases[i];
		struct kunit_mmio *mmio = kunit_mmio_add(test, each->start, each->size, NULL, NULL);

		KUNIT_ASSERT_NOT_ERR_OR_NULL(test, mmio);
		if (each == param)
			ctx->mmio = mmio;
	}
	KUNIT_ASSERT_EQ(test, 0, of_overlay_apply_kunit(test, kunit_reset_simple));
	KUNIT_ASSERT_EQ(test, 1, kunit_mmio_mappings(ctx->mmio));

	ctx->consumer = of_find_node_by_path(param->consumer);
	KUNIT_ASSERT_NOT_NULL(test, ctx->consumer);
	of_node_put_kunit(test, ctx->consumer);
	return 0;
}

static struct kunit_case reset_simple_test_cases[] = {
	KUNIT_CASE_PARAM(reset_simple_test_assert, reset_simple_gen_params),
	KUNIT_CASE_PARAM(reset_simple_test_deassert, reset_simple_gen_params),
	KUNIT_CASE_PARAM(reset_simple_test_status, reset_simple_gen_params),
	KUNIT_CASE_PARAM(reset_simple_test_nr_resets, reset_simple_gen_params),
	KUNIT_CASE_PARAM(reset_simple_test_reset, reset_simple_gen_params),
	{}
};

static struct kunit_suite reset_simple_test_suite = {
	.name = "reset_simple",
	.init = reset_simple_test_init,
	.test_cases = reset_simple_test_cases,
};

kunit_test_suite(reset_simple_test_suite);

MODULE_DESCRIPTION("KUnit tests for the simple reset controller driver");
MODULE_LICENSE("GPL");

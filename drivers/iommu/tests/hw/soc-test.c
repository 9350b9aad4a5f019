// SPDX-License-Identifier: GPL-2.0
/*
 * KUnit tests of the clocks, power domains, resets and interrupts that the models are
 * wired to
 */

#include "soc.h"

#include <kunit/of.h>
#include <kunit/platform_device.h>
#include <kunit/resource.h>
#include <kunit/test.h>

#include <linux/clk.h>
#include <linux/completion.h>
#include <linux/interrupt.h>
#include <linux/irq.h>
#include <linux/of.h>
#include <linux/of_platform.h>
#include <linux/platform_device.h>
#include <linux/pm_domain.h>
#include <linux/pm_runtime.h>
#include <linux/reset.h>

/* The consumer has a clock, a domain, a reset and an interrupt of each of two SoCs */
#define LINE	2

struct consumer {
	struct clk *clk[2];
	struct device *power[2];
	struct reset_control *reset[2];
	int irq[2];
	atomic_t handled[2];
};

struct soc_test {
	struct kunit fake;	/* that the overlay lives as long as */
	struct completion bound;
	struct consumer *consumer;
	struct hw_soc *a, *b;
};

static irqreturn_t consumer_irq(int irq, void *handled)
{
	atomic_inc(handled);
	return IRQ_HANDLED;
}

static void consumer_detach(void *power)
{
	dev_pm_domain_detach(power, true);
}

static int consumer_probe(struct platform_device *pdev)
{
	static const char * const names[] = { "a", "b" };
	struct device *dev = &pdev->dev;
	struct consumer *consumer;
	unsigned int i;
	int ret;

	consumer = devm_kzalloc(dev, sizeof(*consumer), GFP_KERNEL);
	if (!consumer)
		return -ENOMEM;

	for (i = 0; i < 2; i++) {
		consumer->clk[i] = devm_clk_get(dev, names[i]);
		if (IS_ERR(consumer->clk[i]))
			return PTR_ERR(consumer->clk[i]);

		consumer->power[i] = dev_pm_domain_attach_by_name(dev, names[i]);
		if (IS_ERR_OR_NULL(consumer->power[i]))
			return PTR_ERR(consumer->power[i]) ?: -ENODEV;
		ret = devm_add_action_or_reset(dev, consumer_detach,
					       consumer->power[i]);
		if (ret)
			return ret;

		consumer->reset[i] =
			devm_reset_control_get_exclusive(dev, names[i]);
		if (IS_ERR(consumer->reset[i]))
			return PTR_ERR(consumer->reset[i]);

		consumer->irq[i] = platform_get_irq(pdev, i);
		if (consumer->irq[i] < 0)
			return consumer->irq[i];

		ret = devm_request_irq(dev, consumer->irq[i], consumer_irq, 0,
				       dev_name(dev), &consumer->handled[i]);
		if (ret)
			return ret;
	}

	platform_set_drvdata(pdev, consumer);
	return 0;
}

static const struct of_device_id consumer_match[] = {
	{ .compatible = "test,hw-soc-consumer" },
	{ }
};

static struct platform_driver consumer_driver = {
	.probe = consumer_probe,
	.driver = {
		.name = "hw-soc-consumer",
		.of_match_table = consumer_match,
	},
};

static void soc_test_clks(struct kunit *test)
{
	struct soc_test *ctx = test->priv;
	struct clk *clk = ctx->consumer->clk[0];

	KUNIT_EXPECT_EQ(test, 0, hw_soc_clk_enabled(ctx->a, LINE));
	KUNIT_EXPECT_EQ(test, 100000000, clk_get_rate(clk));

	KUNIT_ASSERT_EQ(test, 0, clk_prepare_enable(clk));
	KUNIT_EXPECT_EQ(test, 1, hw_soc_clk_enabled(ctx->a, LINE));
	KUNIT_EXPECT_EQ(test, 0, hw_soc_clk_enabled(ctx->a, LINE + 1));

	/* Enabled twice, the clock is on until it is disabled twice */
	KUNIT_ASSERT_EQ(test, 0, clk_enable(clk));
	KUNIT_EXPECT_EQ(test, 1, hw_soc_clk_enabled(ctx->a, LINE));
	clk_disable(clk);
	KUNIT_EXPECT_EQ(test, 1, hw_soc_clk_enabled(ctx->a, LINE));

	clk_disable_unprepare(clk);
	KUNIT_EXPECT_EQ(test, 0, hw_soc_clk_enabled(ctx->a, LINE));
}

static void soc_test_powers(struct kunit *test)
{
	struct soc_test *ctx = test->priv;
	struct device *power = ctx->consumer->power[0];
	int losses = hw_soc_losses(ctx->a, LINE, false);

	KUNIT_EXPECT_FALSE(test, hw_soc_power_on(ctx->a, LINE));

	KUNIT_ASSERT_EQ(test, 0, pm_runtime_resume_and_get(power));
	KUNIT_EXPECT_TRUE(test, hw_soc_power_on(ctx->a, LINE));
	KUNIT_EXPECT_FALSE(test, hw_soc_power_on(ctx->a, LINE + 1));
	KUNIT_EXPECT_EQ(test, losses, hw_soc_losses(ctx->a, LINE, false));

	KUNIT_ASSERT_EQ(test, 0, pm_runtime_put_sync(power));
	KUNIT_EXPECT_FALSE(test, hw_soc_power_on(ctx->a, LINE));
	KUNIT_EXPECT_EQ(test, losses + 1, hw_soc_losses(ctx->a, LINE, false));
	KUNIT_EXPECT_EQ(test, 0, hw_soc_losses(ctx->a, LINE + 1, false));
}

static void soc_test_resets(struct kunit *test)
{
	struct soc_test *ctx = test->priv;
	struct reset_control *reset = ctx->consumer->reset[0];

	KUNIT_EXPECT_FALSE(test, hw_soc_reset_asserted(ctx->a, LINE));
	KUNIT_EXPECT_EQ(test, 0, reset_control_status(reset));

	KUNIT_ASSERT_EQ(test, 0, reset_control_assert(reset));
	KUNIT_EXPECT_TRUE(test, hw_soc_reset_asserted(ctx->a, LINE));
	KUNIT_EXPECT_FALSE(test, hw_soc_reset_asserted(ctx->a, LINE + 1));
	KUNIT_EXPECT_EQ(test, 1, reset_control_status(reset));

	KUNIT_EXPECT_EQ(test, 1, hw_soc_losses(ctx->a, LINE, true));
	KUNIT_EXPECT_EQ(test, 0, hw_soc_losses(ctx->a, LINE + 1, true));

	KUNIT_ASSERT_EQ(test, 0, reset_control_deassert(reset));
	KUNIT_EXPECT_FALSE(test, hw_soc_reset_asserted(ctx->a, LINE));
	KUNIT_EXPECT_EQ(test, 1, hw_soc_losses(ctx->a, LINE, true));

	/* A pulse ends deasserted */
	KUNIT_ASSERT_EQ(test, 0, reset_control_assert(reset));
	KUNIT_ASSERT_EQ(test, 0, reset_control_reset(reset));
	KUNIT_EXPECT_FALSE(test, hw_soc_reset_asserted(ctx->a, LINE));
}

static void soc_test_irqs(struct kunit *test)
{
	struct soc_test *ctx = test->priv;
	struct consumer *consumer = ctx->consumer;

	KUNIT_EXPECT_EQ(test, 0, hw_soc_raise_irq(ctx->a, LINE));
	KUNIT_EXPECT_EQ(test, 1, atomic_read(&consumer->handled[0]));
	KUNIT_EXPECT_EQ(test, 0, hw_soc_raise_irq(ctx->a, LINE));
	KUNIT_EXPECT_EQ(test, 2, atomic_read(&consumer->handled[0]));

	/* Not wired to anything */
	KUNIT_EXPECT_EQ(test, -ENXIO, hw_soc_raise_irq(ctx->a, LINE + 1));
	KUNIT_EXPECT_EQ(test, 2, atomic_read(&consumer->handled[0]));

	disable_irq(consumer->irq[0]);
	hw_soc_raise_irq(ctx->a, LINE);
	KUNIT_EXPECT_EQ(test, 2, atomic_read(&consumer->handled[0]));
	enable_irq(consumer->irq[0]);
}

static void soc_test_apart(struct kunit *test)
{
	struct soc_test *ctx = test->priv;
	struct consumer *consumer = ctx->consumer;

	KUNIT_EXPECT_PTR_NE(test, ctx->a, ctx->b);

	KUNIT_ASSERT_EQ(test, 0, clk_prepare_enable(consumer->clk[1]));
	KUNIT_EXPECT_EQ(test, 0, hw_soc_clk_enabled(ctx->a, LINE));
	KUNIT_EXPECT_EQ(test, 1, hw_soc_clk_enabled(ctx->b, LINE));
	clk_disable_unprepare(consumer->clk[1]);

	KUNIT_ASSERT_EQ(test, 0, pm_runtime_resume_and_get(consumer->power[1]));
	KUNIT_EXPECT_FALSE(test, hw_soc_power_on(ctx->a, LINE));
	KUNIT_EXPECT_TRUE(test, hw_soc_power_on(ctx->b, LINE));
	KUNIT_ASSERT_EQ(test, 0, pm_runtime_put_sync(consumer->power[1]));

	KUNIT_ASSERT_EQ(test, 0, reset_control_assert(consumer->reset[1]));
	KUNIT_EXPECT_FALSE(test, hw_soc_reset_asserted(ctx->a, LINE));
	KUNIT_EXPECT_TRUE(test, hw_soc_reset_asserted(ctx->b, LINE));
	KUNIT_ASSERT_EQ(test, 0, reset_control_deassert(consumer->reset[1]));

	KUNIT_EXPECT_EQ(test, 0, hw_soc_raise_irq(ctx->b, LINE));
	KUNIT_EXPECT_EQ(test, 0, atomic_read(&consumer->handled[0]));
	KUNIT_EXPECT_EQ(test, 1, atomic_read(&consumer->handled[1]));
}

/* Lines that are not there: in the devicetree, and in the test */
static void soc_test_no_such_line(struct kunit *test)
{
	struct soc_test *ctx = test->priv;
	struct device_node *np;

	np = of_find_node_by_name(NULL, "hw-soc-bad-consumer");
	KUNIT_ASSERT_NOT_NULL(test, np);
	KUNIT_EXPECT_EQ(test, -EINVAL, PTR_ERR(of_clk_get(np, 0)));
	KUNIT_EXPECT_EQ(test, -EINVAL,
			PTR_ERR(of_reset_control_get_exclusive(np, NULL)));
	of_node_put(np);

	kunit_warning_suppress(test) {
		KUNIT_EXPECT_EQ(test, -EINVAL,
				hw_soc_clk_enabled(ctx->a, HW_SOC_LINES));
		KUNIT_EXPECT_FALSE(test, hw_soc_power_on(ctx->a, HW_SOC_LINES));
		KUNIT_EXPECT_EQ(test, -EINVAL,
				hw_soc_losses(ctx->a, HW_SOC_LINES, false));
		KUNIT_EXPECT_FALSE(test,
				   hw_soc_reset_asserted(ctx->a, HW_SOC_LINES));
		KUNIT_EXPECT_EQ(test, -EINVAL,
				hw_soc_raise_irq(ctx->a, HW_SOC_LINES));
		KUNIT_EXPECT_SUPPRESSED_WARNING_COUNT(test, 5);
	}
}

/* The overlay takes everything with it */
static void soc_test_gone(struct kunit *test)
{
	struct soc_test *ctx = test->priv;
	int irq = ctx->consumer->irq[0];

	KUNIT_EXPECT_NOT_NULL(test, irq_get_irq_data(irq));
	KUNIT_EXPECT_NULL(test, hw_soc_get("/hw-soc-none"));
	KUNIT_EXPECT_NULL(test, hw_soc_get("/hw-soc-consumer"));

	kunit_cleanup(&ctx->fake);
	KUNIT_EXPECT_NULL(test, irq_get_irq_data(irq));
	KUNIT_EXPECT_NULL(test, hw_soc_get("/hw-soc-a"));
}

static void soc_test_put(void *soc)
{
	hw_soc_put(soc);
}

static struct hw_soc *soc_test_get(struct kunit *test, struct kunit *fake,
				   const char *path)
{
	struct hw_soc *soc = hw_soc_get(path);

	KUNIT_ASSERT_NOT_NULL(test, soc);
	KUNIT_ASSERT_EQ(test, 0,
			kunit_add_action_or_reset(fake, soc_test_put, soc));
	return soc;
}

static int soc_test_init(struct kunit *test)
{
	struct platform_device *pdev;
	struct soc_test *ctx;
	struct device_node *np;

	if (!of_root)
		kunit_skip(test, "model: there is no devicetree to apply an overlay to");

	/* Outlives kunit_cleanup() */
	ctx = kzalloc_obj(*ctx);
	KUNIT_ASSERT_NOT_NULL(test, ctx);
	kunit_init_test(&ctx->fake, "hw_soc_fake", NULL);
	init_completion(&ctx->bound);
	test->priv = ctx;

	KUNIT_ASSERT_EQ(test, 0, of_overlay_apply_kunit(&ctx->fake, soc_test));
	ctx->a = soc_test_get(test, &ctx->fake, "/hw-soc-a");
	ctx->b = soc_test_get(test, &ctx->fake, "/hw-soc-b");

	np = of_find_node_by_path("/hw-soc-consumer");
	pdev = of_find_device_by_node(np);
	of_node_put(np);
	KUNIT_ASSERT_NOT_NULL(test, pdev);
	platform_device_put(pdev);	/* the overlay keeps it */

	KUNIT_ASSERT_EQ(test, 0,
			kunit_platform_device_prepare_wait_for_probe(&ctx->fake, pdev,
								     &ctx->bound));
	KUNIT_ASSERT_EQ(test, 0,
			kunit_platform_driver_register(&ctx->fake, &consumer_driver));
	KUNIT_ASSERT_NE(test, 0, wait_for_completion_timeout(&ctx->bound, 5 * HZ));
	ctx->consumer = platform_get_drvdata(pdev);
	return 0;
}

static void soc_test_exit(struct kunit *test)
{
	struct soc_test *ctx = test->priv;

	if (!ctx)
		return;

	kunit_cleanup(&ctx->fake);
	kfree(ctx);
}

static struct kunit_case soc_test_cases[] = {
	KUNIT_CASE(soc_test_clks),
	KUNIT_CASE(soc_test_powers),
	KUNIT_CASE(soc_test_resets),
	KUNIT_CASE(soc_test_irqs),
	KUNIT_CASE(soc_test_apart),
	KUNIT_CASE(soc_test_no_such_line),
	KUNIT_CASE(soc_test_gone),
	{}
};

static struct kunit_suite soc_test_suite = {
	.name = "iommu_hw_soc",
	.init = soc_test_init,
	.exit = soc_test_exit,
	.test_cases = soc_test_cases,
};

kunit_test_suite(soc_test_suite);

// SPDX-License-Identifier: GPL-2.0
/*
 * Clocks, resets and interrupts for drivers that are tested on devicetree
 *
 * A driver that a test probes from a devicetree overlay wants what its device
 * is wired to. One node in the overlay provides it:
 *
 *	soc: provider {
 *		compatible = "test,kunit-provider";
 *		#clock-cells = <1>;
 *		#reset-cells = <1>;
 *		interrupt-controller;
 *		#interrupt-cells = <1>;
 *	};
 *
 * Each such node is an instance of its own.
 */

#include <kunit/provider.h>

#include <linux/atomic.h>
#include <linux/clk-provider.h>
#include <linux/irq.h>
#include <linux/irq_sim.h>
#include <linux/irqdomain.h>
#include <linux/module.h>
#include <linux/of.h>
#include <linux/of_platform.h>
#include <linux/platform_device.h>
#include <linux/reset-controller.h>

struct kunit_provider_clk {
	struct clk_hw hw;
	atomic_t enabled;
};

struct kunit_provider {
	struct device *dev;
	struct kunit_provider_clk clks[KUNIT_PROVIDER_LINES];
	struct reset_controller_dev resets;
	unsigned long asserted;
	struct irq_domain *irqs;
};

static int kunit_provider_clk_enable(struct clk_hw *hw)
{
	atomic_inc(&container_of(hw, struct kunit_provider_clk, hw)->enabled);
	return 0;
}

static void kunit_provider_clk_disable(struct clk_hw *hw)
{
	atomic_dec(&container_of(hw, struct kunit_provider_clk, hw)->enabled);
}

static unsigned long kunit_provider_clk_rate(struct clk_hw *hw,
					     unsigned long parent_rate)
{
	return 100 * 1000 * 1000;
}

static const struct clk_ops kunit_provider_clk_ops = {
	.enable = kunit_provider_clk_enable,
	.disable = kunit_provider_clk_disable,
	.recalc_rate = kunit_provider_clk_rate,
};

static struct clk_hw *kunit_provider_clk_get(struct of_phandle_args *args,
					     void *data)
{
	struct kunit_provider *provider = data;

	if (args->args_count != 1 || args->args[0] >= KUNIT_PROVIDER_LINES)
		return ERR_PTR(-EINVAL);
	return &provider->clks[args->args[0]].hw;
}

static int kunit_provider_add_clks(struct kunit_provider *provider)
{
	unsigned int i;
	int ret;

	for (i = 0; i < KUNIT_PROVIDER_LINES; i++) {
		struct clk_init_data init = {
			.ops = &kunit_provider_clk_ops,
		};

		init.name = devm_kasprintf(provider->dev, GFP_KERNEL, "%s-%u",
					   dev_name(provider->dev), i);
		if (!init.name)
			return -ENOMEM;

		provider->clks[i].hw.init = &init;
		ret = devm_clk_hw_register(provider->dev, &provider->clks[i].hw);
		if (ret)
			return ret;
	}

	return devm_of_clk_add_hw_provider(provider->dev, kunit_provider_clk_get,
					   provider);
}

static int kunit_provider_assert(struct reset_controller_dev *resets,
				 unsigned long id)
{
	struct kunit_provider *provider =
		container_of(resets, struct kunit_provider, resets);

	set_bit(id, &provider->asserted);
	return 0;
}

static int kunit_provider_deassert(struct reset_controller_dev *resets,
				   unsigned long id)
{
	struct kunit_provider *provider =
		container_of(resets, struct kunit_provider, resets);

	clear_bit(id, &provider->asserted);
	return 0;
}

static int kunit_provider_reset(struct reset_controller_dev *resets,
				unsigned long id)
{
	kunit_provider_assert(resets, id);
	return kunit_provider_deassert(resets, id);
}

static int kunit_provider_status(struct reset_controller_dev *resets,
				 unsigned long id)
{
	struct kunit_provider *provider =
		container_of(resets, struct kunit_provider, resets);

	return test_bit(id, &provider->asserted);
}

static const struct reset_control_ops kunit_provider_reset_ops = {
	.reset = kunit_provider_reset,
	.assert = kunit_provider_assert,
	.deassert = kunit_provider_deassert,
	.status = kunit_provider_status,
};

/* Drivers do not dispose of the interrupts that they got from devicetree */
static void kunit_provider_dispose_irqs(void *data)
{
	struct kunit_provider *provider = data;
	unsigned int i;

	for (i = 0; i < KUNIT_PROVIDER_LINES; i++)
		irq_dispose_mapping(irq_find_mapping(provider->irqs, i));
}

static int kunit_provider_probe(struct platform_device *pdev)
{
	struct kunit_provider *provider;
	int ret;

	provider = devm_kzalloc(&pdev->dev, sizeof(*provider), GFP_KERNEL);
	if (!provider)
		return -ENOMEM;

	provider->dev = &pdev->dev;
	ret = kunit_provider_add_clks(provider);
	if (ret)
		return ret;

	provider->resets.ops = &kunit_provider_reset_ops;
	provider->resets.owner = THIS_MODULE;
	provider->resets.of_node = pdev->dev.of_node;
	provider->resets.nr_resets = KUNIT_PROVIDER_LINES;
	ret = devm_reset_controller_register(&pdev->dev, &provider->resets);
	if (ret)
		return ret;

	provider->irqs = devm_irq_domain_create_sim(&pdev->dev,
						    dev_fwnode(&pdev->dev),
						    KUNIT_PROVIDER_LINES);
	if (IS_ERR(provider->irqs))
		return PTR_ERR(provider->irqs);

	ret = devm_add_action_or_reset(&pdev->dev, kunit_provider_dispose_irqs,
				       provider);
	if (ret)
		return ret;

	platform_set_drvdata(pdev, provider);
	return 0;
}

static const struct of_device_id kunit_provider_match[] = {
	{ .compatible = "test,kunit-provider" },
	{ }
};
MODULE_DEVICE_TABLE(of, kunit_provider_match);

static struct platform_driver kunit_provider_driver = {
	.probe = kunit_provider_probe,
	.driver = {
		.name = "kunit-provider",
		.of_match_table = kunit_provider_match,
		.suppress_bind_attrs = true,
	},
};
module_platform_driver(kunit_provider_driver);

/**
 * kunit_provider_get() - find the provider of a devicetree node
 * @path: of the node, as "/provider"
 *
 * The provider goes with its node: with an overlay of the test, it is not to be
 * used any more when the overlay is removed, not even by kunit_provider_put().
 *
 * Context: May sleep.
 * Return: the provider, to be given to kunit_provider_put() when done, or NULL
 * if there is no such node, or no driver is bound to it (yet).
 */
struct kunit_provider *kunit_provider_get(const char *path)
{
	struct device_node *np = of_find_node_by_path(path);
	struct platform_device *pdev = of_find_device_by_node(np);
	struct kunit_provider *provider = NULL;

	of_node_put(np);
	if (!pdev)
		return NULL;

	if (pdev->dev.driver == &kunit_provider_driver.driver)
		provider = platform_get_drvdata(pdev);
	if (!provider)
		platform_device_put(pdev);
	return provider;
}
EXPORT_SYMBOL_GPL(kunit_provider_get);

/**
 * kunit_provider_put() - let go of a provider
 * @provider: from kunit_provider_get()
 *
 * Context: May sleep.
 */
void kunit_provider_put(struct kunit_provider *provider)
{
	put_device(provider->dev);
}
EXPORT_SYMBOL_GPL(kunit_provider_put);

static bool kunit_provider_has(unsigned int line)
{
	return !WARN(line >= KUNIT_PROVIDER_LINES,
		     "there are %u lines, and none with number %u\n",
		     KUNIT_PROVIDER_LINES, line);
}

/**
 * kunit_provider_clk_enabled() - how many times a clock is enabled
 * @provider: from kunit_provider_get()
 * @line: which clock, below KUNIT_PROVIDER_LINES
 *
 * The clock framework counts the users of a clock and enables it for the first
 * one only, so that this is 0 or 1 unless the framework is broken. All clocks
 * run at 100 MHz.
 *
 * Context: Any.
 * Return: the number of enables without their disable, or -EINVAL with a warning
 * if there is no such clock.
 */
int kunit_provider_clk_enabled(struct kunit_provider *provider, unsigned int line)
{
	if (!kunit_provider_has(line))
		return -EINVAL;

	return atomic_read(&provider->clks[line].enabled);
}
EXPORT_SYMBOL_GPL(kunit_provider_clk_enabled);

/**
 * kunit_provider_reset_asserted() - whether a reset is asserted
 * @provider: from kunit_provider_get()
 * @line: which reset, below KUNIT_PROVIDER_LINES
 *
 * Context: Any.
 * Return: true if it is asserted; none is at first. False with a warning if there
 * is no such reset.
 */
bool kunit_provider_reset_asserted(struct kunit_provider *provider,
				   unsigned int line)
{
	return kunit_provider_has(line) && test_bit(line, &provider->asserted);
}
EXPORT_SYMBOL_GPL(kunit_provider_reset_asserted);

/**
 * kunit_provider_raise_irq() - raise an interrupt
 * @provider: from kunit_provider_get()
 * @line: which interrupt, below KUNIT_PROVIDER_LINES
 *
 * The handler has run when this returns, with interrupts off but not in hard
 * interrupt context, unless it is threaded or the interrupt is disabled. What is
 * raised while it is disabled can be lost.
 *
 * Context: Any, but not with a lock held that the handler takes, and so not from
 * the write handler of a register window.
 * Return: 0, -ENXIO if nobody has mapped the interrupt, or -EINVAL with a warning
 * if there is no such interrupt.
 */
int kunit_provider_raise_irq(struct kunit_provider *provider, unsigned int line)
{
	unsigned int virq;

	if (!kunit_provider_has(line))
		return -EINVAL;

	virq = irq_find_mapping(provider->irqs, line);
	return virq ? generic_handle_irq_safe(virq) : -ENXIO;
}
EXPORT_SYMBOL_GPL(kunit_provider_raise_irq);

MODULE_DESCRIPTION("Clocks, resets and interrupts for KUnit tests");
MODULE_LICENSE("GPL");

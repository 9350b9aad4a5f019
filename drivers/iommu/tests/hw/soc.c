// SPDX-License-Identifier: GPL-2.0
/*
 * What an IOMMU is wired to in its SoC: clocks, power domains, resets and
 * interrupts
 *
 * A driver that probes from a devicetree overlay wants them. One node in the
 * overlay provides them:
 *
 *	soc: soc {
 *		compatible = "test,hw-soc";
 *		#clock-cells = <1>;
 *		#power-domain-cells = <1>;
 *		#reset-cells = <1>;
 *		interrupt-controller;
 *		#interrupt-cells = <1>;
 *	};
 *
 * Each such node is a SoC of its own.
 */

#include "soc.h"

#include <linux/atomic.h>
#include <linux/clk-provider.h>
#include <linux/irq.h>
#include <linux/irq_sim.h>
#include <linux/irqdomain.h>
#include <linux/module.h>
#include <linux/of.h>
#include <linux/of_platform.h>
#include <linux/platform_device.h>
#include <linux/pm_domain.h>
#include <linux/reset-controller.h>

struct hw_soc_clk {
	struct clk_hw hw;
	atomic_t enabled;
};

struct hw_soc_power {
	struct generic_pm_domain genpd;
	bool on;
	atomic_t losses;
};

struct hw_soc {
	struct device *dev;
	struct hw_soc_clk clks[HW_SOC_LINES];
	struct hw_soc_power powers[HW_SOC_LINES];
	struct generic_pm_domain *domains[HW_SOC_LINES];
	struct genpd_onecell_data onecell;
	unsigned int nr_domains;
	struct reset_controller_dev resets;
	unsigned long asserted;
	atomic_t times_reset[HW_SOC_LINES];
	struct irq_domain *irqs;
};

static int hw_soc_clk_enable(struct clk_hw *hw)
{
	atomic_inc(&container_of(hw, struct hw_soc_clk, hw)->enabled);
	return 0;
}

static void hw_soc_clk_disable(struct clk_hw *hw)
{
	atomic_dec(&container_of(hw, struct hw_soc_clk, hw)->enabled);
}

static unsigned long hw_soc_clk_rate(struct clk_hw *hw, unsigned long parent_rate)
{
	return 100 * 1000 * 1000;
}

static const struct clk_ops hw_soc_clk_ops = {
	.enable = hw_soc_clk_enable,
	.disable = hw_soc_clk_disable,
	.recalc_rate = hw_soc_clk_rate,
};

static struct clk_hw *hw_soc_clk_get(struct of_phandle_args *args, void *data)
{
	struct hw_soc *soc = data;

	if (args->args_count != 1 || args->args[0] >= HW_SOC_LINES)
		return ERR_PTR(-EINVAL);
	return &soc->clks[args->args[0]].hw;
}

static int hw_soc_add_clks(struct hw_soc *soc)
{
	unsigned int i;
	int ret;

	for (i = 0; i < HW_SOC_LINES; i++) {
		struct clk_init_data init = {
			.ops = &hw_soc_clk_ops,
		};

		init.name = devm_kasprintf(soc->dev, GFP_KERNEL, "%s-%u",
					   dev_name(soc->dev), i);
		if (!init.name)
			return -ENOMEM;

		soc->clks[i].hw.init = &init;
		ret = devm_clk_hw_register(soc->dev, &soc->clks[i].hw);
		if (ret)
			return ret;
	}

	return devm_of_clk_add_hw_provider(soc->dev, hw_soc_clk_get, soc);
}

static int hw_soc_power_up(struct generic_pm_domain *genpd)
{
	WRITE_ONCE(container_of(genpd, struct hw_soc_power, genpd)->on, true);
	return 0;
}

static int hw_soc_power_down(struct generic_pm_domain *genpd)
{
	struct hw_soc_power *power = container_of(genpd, struct hw_soc_power, genpd);

	WRITE_ONCE(power->on, false);
	atomic_inc(&power->losses);
	return 0;
}

/* Consumers are gone by now, as the driver core removes them first */
static void hw_soc_remove_powers(void *data)
{
	struct hw_soc *soc = data;

	of_genpd_del_provider(soc->dev->of_node);
	while (soc->nr_domains)
		pm_genpd_remove(soc->domains[--soc->nr_domains]);
}

static int hw_soc_add_powers(struct hw_soc *soc)
{
	struct hw_soc_power *power;
	int ret;

	ret = devm_add_action_or_reset(soc->dev, hw_soc_remove_powers, soc);
	if (ret)
		return ret;

	while (soc->nr_domains < HW_SOC_LINES) {
		power = &soc->powers[soc->nr_domains];
		power->genpd.name = devm_kasprintf(soc->dev, GFP_KERNEL, "%s-%u",
						   dev_name(soc->dev), soc->nr_domains);
		if (!power->genpd.name)
			return -ENOMEM;

		power->genpd.power_on = hw_soc_power_up;
		power->genpd.power_off = hw_soc_power_down;
		ret = pm_genpd_init(&power->genpd, NULL, true);
		if (ret)
			return ret;
		soc->domains[soc->nr_domains++] = &power->genpd;
	}

	soc->onecell.domains = soc->domains;
	soc->onecell.num_domains = HW_SOC_LINES;
	return of_genpd_add_provider_onecell(soc->dev->of_node, &soc->onecell);
}

static int hw_soc_assert(struct reset_controller_dev *resets, unsigned long id)
{
	struct hw_soc *soc = container_of(resets, struct hw_soc, resets);

	if (!test_and_set_bit(id, &soc->asserted))
		atomic_inc(&soc->times_reset[id]);
	return 0;
}

static int hw_soc_deassert(struct reset_controller_dev *resets, unsigned long id)
{
	struct hw_soc *soc = container_of(resets, struct hw_soc, resets);

	clear_bit(id, &soc->asserted);
	return 0;
}

static int hw_soc_reset(struct reset_controller_dev *resets, unsigned long id)
{
	hw_soc_assert(resets, id);
	return hw_soc_deassert(resets, id);
}

static int hw_soc_status(struct reset_controller_dev *resets, unsigned long id)
{
	struct hw_soc *soc = container_of(resets, struct hw_soc, resets);

	return test_bit(id, &soc->asserted);
}

static const struct reset_control_ops hw_soc_reset_ops = {
	.reset = hw_soc_reset,
	.assert = hw_soc_assert,
	.deassert = hw_soc_deassert,
	.status = hw_soc_status,
};

/* Drivers do not dispose of the interrupts that they got from devicetree */
static void hw_soc_dispose_irqs(void *data)
{
	struct hw_soc *soc = data;
	unsigned int i;

	for (i = 0; i < HW_SOC_LINES; i++)
		irq_dispose_mapping(irq_find_mapping(soc->irqs, i));
}

static int hw_soc_probe(struct platform_device *pdev)
{
	struct hw_soc *soc;
	int ret;

	soc = devm_kzalloc(&pdev->dev, sizeof(*soc), GFP_KERNEL);
	if (!soc)
		return -ENOMEM;

	soc->dev = &pdev->dev;
	ret = hw_soc_add_clks(soc);
	if (ret)
		return ret;

	ret = hw_soc_add_powers(soc);
	if (ret)
		return ret;

	soc->resets.ops = &hw_soc_reset_ops;
	soc->resets.owner = THIS_MODULE;
	soc->resets.of_node = pdev->dev.of_node;
	soc->resets.nr_resets = HW_SOC_LINES;
	ret = devm_reset_controller_register(&pdev->dev, &soc->resets);
	if (ret)
		return ret;

	soc->irqs = devm_irq_domain_create_sim(&pdev->dev, dev_fwnode(&pdev->dev),
					       HW_SOC_LINES);
	if (IS_ERR(soc->irqs))
		return PTR_ERR(soc->irqs);

	ret = devm_add_action_or_reset(&pdev->dev, hw_soc_dispose_irqs, soc);
	if (ret)
		return ret;

	platform_set_drvdata(pdev, soc);
	return 0;
}

static const struct of_device_id hw_soc_match[] = {
	{ .compatible = "test,hw-soc" },
	{ }
};

static struct platform_driver hw_soc_driver = {
	.probe = hw_soc_probe,
	.driver = {
		.name = "hw-soc",
		.of_match_table = hw_soc_match,
		.suppress_bind_attrs = true,
	},
};

/* Before drivers probe, so that no access of theirs goes unseen */
static int __init hw_soc_init(void)
{
	return platform_driver_register(&hw_soc_driver);
}
subsys_initcall(hw_soc_init);

/**
 * hw_soc_get() - find the SoC of a devicetree node
 * @path: of the node, as "/soc"
 *
 * The SoC goes with its node: with an overlay of the test, it is not to be used
 * any more when the overlay is removed, not even by hw_soc_put().
 *
 * Context: May sleep.
 * Return: the SoC, to be given to hw_soc_put() when done, or NULL if there is no
 * such node, or no driver is bound to it (yet).
 */
struct hw_soc *hw_soc_get(const char *path)
{
	struct device_node *np = of_find_node_by_path(path);
	struct platform_device *pdev = of_find_device_by_node(np);
	struct hw_soc *soc = NULL;

	of_node_put(np);
	if (!pdev)
		return NULL;

	if (pdev->dev.driver == &hw_soc_driver.driver)
		soc = platform_get_drvdata(pdev);
	if (!soc)
		platform_device_put(pdev);
	return soc;
}

/**
 * hw_soc_put() - let go of a SoC
 * @soc: from hw_soc_get()
 *
 * Context: May sleep.
 */
void hw_soc_put(struct hw_soc *soc)
{
	put_device(soc->dev);
}

static bool hw_soc_has(unsigned int line)
{
	return !WARN(line >= HW_SOC_LINES,
		     "there are %u lines, and none with number %u\n",
		     HW_SOC_LINES, line);
}

/**
 * hw_soc_clk_enabled() - how many times a clock is enabled
 * @soc: from hw_soc_get()
 * @line: which clock, below HW_SOC_LINES
 *
 * The clock framework counts the users of a clock and enables it for the first
 * one only, so that this is 0 or 1 unless the framework is broken. All clocks
 * run at 100 MHz.
 *
 * Context: Any.
 * Return: the number of enables without their disable, or -EINVAL with a warning
 * if there is no such clock.
 */
int hw_soc_clk_enabled(struct hw_soc *soc, unsigned int line)
{
	if (!hw_soc_has(line))
		return -EINVAL;

	return atomic_read(&soc->clks[line].enabled);
}

/**
 * hw_soc_power_on() - whether a power domain is on
 * @soc: from hw_soc_get()
 * @line: which domain, below HW_SOC_LINES
 *
 * Context: Any.
 * Return: true if it is on; none is at first. False with a warning if there is no
 * such domain.
 */
bool hw_soc_power_on(struct hw_soc *soc, unsigned int line)
{
	return hw_soc_has(line) && READ_ONCE(soc->powers[line].on);
}

/**
 * hw_soc_losses() - how many times what is on a line has lost its state
 * @soc: from hw_soc_get()
 * @line: of a power domain or of a reset, below HW_SOC_LINES
 * @reset: whether it is a reset
 *
 * Context: Any.
 * Return: how many times the domain was switched off, or the reset asserted; -EINVAL
 * with a warning if there is no such line.
 */
int hw_soc_losses(struct hw_soc *soc, unsigned int line, bool reset)
{
	if (!hw_soc_has(line))
		return -EINVAL;

	return atomic_read(reset ? &soc->times_reset[line] : &soc->powers[line].losses);
}

/**
 * hw_soc_reset_asserted() - whether a reset is asserted
 * @soc: from hw_soc_get()
 * @line: which reset, below HW_SOC_LINES
 *
 * Context: Any.
 * Return: true if it is asserted; none is at first. False with a warning if there
 * is no such reset.
 */
bool hw_soc_reset_asserted(struct hw_soc *soc, unsigned int line)
{
	return hw_soc_has(line) && test_bit(line, &soc->asserted);
}

/**
 * hw_soc_raise_irq() - raise an interrupt
 * @soc: from hw_soc_get()
 * @line: which interrupt, below HW_SOC_LINES
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
int hw_soc_raise_irq(struct hw_soc *soc, unsigned int line)
{
	unsigned int virq;

	if (!hw_soc_has(line))
		return -EINVAL;

	virq = irq_find_mapping(soc->irqs, line);
	return virq ? generic_handle_irq_safe(virq) : -ENXIO;
}

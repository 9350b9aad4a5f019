// SPDX-License-Identifier: GPL-2.0
/*
 * Example of a driver that is tested on a register window, see
 * Documentation/dev-tools/kunit/mmio.rst
 */

#include <kunit/mmio.h>
#include <kunit/platform_device.h>
#include <kunit/test.h>

#include <linux/io.h>
#include <linux/iopoll.h>
#include <linux/ioport.h>
#include <linux/module.h>
#include <linux/platform_device.h>

/* The driver */
#define WIDGET_ID	0x00
#define WIDGET_CTRL	0x04
#define WIDGET_STATUS	0x08

static int widget_probe(struct platform_device *pdev)
{
	void __iomem *base = devm_platform_ioremap_resource(pdev, 0);
	u32 status;

	if (IS_ERR(base))
		return PTR_ERR(base);
	if (readl(base + WIDGET_ID) != 0x1234)
		return -ENODEV;
	writel(1, base + WIDGET_CTRL);
	return readl_poll_timeout(base + WIDGET_STATUS, status, status & 1, 10, 1000);
}

static struct platform_driver widget_driver = {
	.probe = widget_probe,
	.driver.name = "kunit-widget",
};

/* The test */
static const struct resource widget_regs = DEFINE_RES_MEM(0x600000000ULL, 0x1000);

static void widget_add_device(struct kunit *test)
{
	struct platform_device_info info = {
		.name = "kunit-widget", .res = &widget_regs, .num_res = 1,
	};

	KUNIT_ASSERT_EQ(test, 0, kunit_platform_driver_register(test, &widget_driver));
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, kunit_platform_device_register_full(test, &info));
}

static void widget_is_started(struct kunit *test)
{
	struct kunit_mmio *mmio;

	mmio = kunit_mmio_add(test, widget_regs.start, resource_size(&widget_regs), NULL, NULL);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, mmio);
	kunit_mmio_poke(mmio, WIDGET_ID, 4, 0x1234);
	kunit_mmio_poke(mmio, WIDGET_STATUS, 4, 1);

	widget_add_device(test);
	KUNIT_EXPECT_EQ(test, 1, kunit_mmio_peek(mmio, WIDGET_CTRL, 4));
}

/* The test with behaviour */
struct widget {
	struct kunit_mmio *mmio;
};

/* The widget is ready once it is started */
static void widget_write(void *priv, unsigned int offset, unsigned int size, u64 value)
{
	struct widget *widget = priv;

	if (offset == WIDGET_CTRL)
		kunit_mmio_poke(widget->mmio, WIDGET_STATUS, 4, value & 1);
}

static const struct kunit_mmio_ops widget_ops = { .write = widget_write };

static void widget_is_waited_for(struct kunit *test)
{
	const struct kunit_mmio_access *log;
	struct widget *widget;

	widget = kunit_kzalloc(test, sizeof(*widget), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, widget);
	widget->mmio = kunit_mmio_add(test, widget_regs.start, resource_size(&widget_regs),
				      &widget_ops, widget);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, widget->mmio);
	kunit_mmio_poke(widget->mmio, WIDGET_ID, 4, 0x1234);
	KUNIT_ASSERT_EQ(test, 0, kunit_mmio_log_start(test, widget->mmio, 10));

	widget_add_device(test);
	KUNIT_ASSERT_EQ(test, 3, kunit_mmio_log(test, widget->mmio, &log));
	KUNIT_EXPECT_FALSE(test, log[0].write);
	KUNIT_EXPECT_EQ(test, WIDGET_ID, log[0].offset);
	KUNIT_EXPECT_TRUE(test, log[1].write);
	KUNIT_EXPECT_EQ(test, WIDGET_CTRL, log[1].offset);
	KUNIT_EXPECT_EQ(test, 1, log[1].value);
	KUNIT_EXPECT_FALSE(test, log[2].write);
	KUNIT_EXPECT_EQ(test, WIDGET_STATUS, log[2].offset);
}

/* The suite */
static struct kunit_case widget_test_cases[] = {
	KUNIT_CASE(widget_is_started),
	KUNIT_CASE(widget_is_waited_for),
	{}
};

static struct kunit_suite widget_test_suite = {
	.name = "kunit_mmio_example",
	.test_cases = widget_test_cases,
};

kunit_test_suite(widget_test_suite);

MODULE_DESCRIPTION("Example of a driver that is tested on a register window");
MODULE_LICENSE("GPL");

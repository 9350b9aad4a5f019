// SPDX-License-Identifier: GPL-2.0
/*
 * Example of a driver that is tested on a register window, see
 * Documentation/dev-tools/kunit/mmio.rst
 */

#include <kunit/mmio.h>
#include <kunit/platform_device.h>
#include <kunit/test.h>

#include <linux/io.h>
#include <linux/ioport.h>
#include <linux/module.h>
#include <linux/platform_device.h>

/* The driver */
#define WIDGET_ID	0x00
#define WIDGET_CTRL	0x04

static int widget_probe(struct platform_device *pdev)
{
	void __iomem *base = devm_platform_ioremap_resource(pdev, 0);

	if (IS_ERR(base))
		return PTR_ERR(base);
	if (readl(base + WIDGET_ID) != 0x1234)
		return -ENODEV;
	writel(1, base + WIDGET_CTRL);
	return 0;
}

static struct platform_driver widget_driver = {
	.probe = widget_probe,
	.driver.name = "kunit-widget",
};

/* The test */
static u64 widget_read(void *priv, unsigned int offset, unsigned int size)
{
	return offset == WIDGET_ID ? 0x1234 : 0;
}

static const struct kunit_mmio_ops widget_ops = { .read = widget_read };

static void widget_starts_after_id(struct kunit *test)
{
	struct resource res = DEFINE_RES_MEM(0x600000000ULL, 0x1000);
	struct platform_device_info info = {
		.name = "kunit-widget", .res = &res, .num_res = 1,
	};
	const struct kunit_mmio_access *log;
	struct kunit_mmio *mmio;

	mmio = kunit_mmio_add(test, res.start, resource_size(&res), &widget_ops, NULL);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, mmio);
	KUNIT_ASSERT_EQ(test, 0, kunit_platform_driver_register(test, &widget_driver));
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, kunit_platform_device_register_full(test, &info));

	KUNIT_ASSERT_EQ(test, 2, kunit_mmio_log(test, mmio, &log));
	KUNIT_EXPECT_FALSE(test, log[0].write);
	KUNIT_EXPECT_EQ(test, WIDGET_ID, log[0].offset);
	KUNIT_EXPECT_TRUE(test, log[1].write);
	KUNIT_EXPECT_EQ(test, WIDGET_CTRL, log[1].offset);
	KUNIT_EXPECT_EQ(test, 1, log[1].value);
}

/* The suite */
static struct kunit_case widget_test_cases[] = {
	KUNIT_CASE(widget_starts_after_id),
	{}
};

static struct kunit_suite widget_test_suite = {
	.name = "kunit_mmio_example",
	.test_cases = widget_test_cases,
};

kunit_test_suite(widget_test_suite);

MODULE_DESCRIPTION("Example of a driver that is tested on a register window");
MODULE_LICENSE("GPL");

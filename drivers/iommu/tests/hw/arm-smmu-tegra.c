// SPDX-License-Identifier: GPL-2.0-only
/*
 * The SMMUs of NVIDIA's Tegra: MMU-500s, of which two can be programmed alike, as
 * accesses are interleaved between them
 *
 * Tegra186 has one; of Tegra194's three MMU-500s two are one SMMU, and the third is one
 * as Tegra186's. The driver tells the memory controller of each device, so that it uses
 * the right stream: here that only remembers for whom it was asked. Which interrupt the
 * second instance raises for a context is in no public text: here it is the one that the
 * driver has requested.
 */
#include "arm-smmu.h"
#include "cases.h"

#include <linux/dma-mapping.h>
#include <linux/mod_devicetable.h>
#include <linux/of.h>
#include <linux/of_platform.h>
#include <linux/platform_device.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/string.h>

#include <soc/tegra/mc.h>

#define TEGRA_MAX_DEVICES	8

struct tegra_mc_model {
	struct tegra_mc mc;
	struct mutex lock;	/* of what follows: devices may probe at a time */
	/* Those it was asked for; a device that goes and comes back has the same node */
	const struct device_node *asked[TEGRA_MAX_DEVICES];
	unsigned int count;
};

static int tegra_mc_model_probe_device(struct tegra_mc *mc, struct device *dev)
{
	struct tegra_mc_model *model = container_of(mc, struct tegra_mc_model, mc);

	guard(mutex)(&model->lock);

	for (unsigned int i = 0; i < model->count; i++)
		if (model->asked[i] == dev->of_node)
			return 0;
	if (model->count == TEGRA_MAX_DEVICES)
		return -ENOSPC;
	model->asked[model->count++] = dev->of_node;
	return 0;
}

static const struct tegra_mc_ops tegra_mc_model_ops = {
	.probe_device = tegra_mc_model_probe_device,
};

static const struct tegra_mc_soc tegra_mc_model_soc = {
	.ops = &tegra_mc_model_ops,
};

static int tegra_mc_model_probe(struct platform_device *pdev)
{
	struct tegra_mc_model *model;

	model = devm_kzalloc(&pdev->dev, sizeof(*model), GFP_KERNEL);
	if (!model)
		return -ENOMEM;

	mutex_init(&model->lock);
	model->mc.dev = &pdev->dev;
	model->mc.soc = &tegra_mc_model_soc;
	platform_set_drvdata(pdev, &model->mc);
	return 0;
}

static const struct of_device_id tegra_mc_model_match[] = {
	{ .compatible = "test,tegra-mc" },
	{ }
};

static struct platform_driver tegra_mc_model_driver = {
	.probe = tegra_mc_model_probe,
	.driver = {
		.name = "test-tegra-mc",
		.of_match_table = tegra_mc_model_match,
		.suppress_bind_attrs = true,
	},
};
builtin_platform_driver(tegra_mc_model_driver);

OF_OVERLAY_DECLARE(arm_smmu_tegra186);
OF_OVERLAY_DECLARE(arm_smmu_tegra194);

/* Of stream numbers the SMMU is told to look at 7 bits */
#define TEGRA_STREAMS		BIT(7)

/* The first device has another stream, the last one */
#define TEGRA_SECOND_STREAM	(TEGRA_STREAMS - 1)

static const struct smmu_variant smmu_tegra186 = {
	.desc = {
		.name = "arm-smmu, Tegra186",
		.windows = { SMMU_WINDOW(0x610000000, SZ_1M) },
		.masters = {
			{ "/arm-smmu-tegra186-master0", 0x11 },
			{ "/arm-smmu-tegra186-master1", 0x22 },
		},
		/* Without the second one of the first device */
		.streams = TEGRA_SECOND_STREAM,
		.iova = BIT_ULL(40) + SZ_16M,
		.exact = true,
		.commands.entry = { 1, 0 },
		.commands.table = { 1, 1 },
		.overlay = of_overlay_begin(arm_smmu_tegra186),
		.overlay_end = of_overlay_end(arm_smmu_tegra186),
		SMMU_DESC("/arm-smmu-tegra186"),
	},
	SMMU_500(SMMU_ID2_4K | SMMU_ID2_64K),
	.one_irq = true,
};

static const struct smmu_variant smmu_tegra194 = {
	.desc = {
		.name = "arm-smmu, Tegra194",
		.no_blocks = "driver: maps no blocks, for an erratum",
		.windows = { SMMU_WINDOW(0x610200000, SZ_1M), SMMU_WINDOW(0x610300000, SZ_1M) },
		.instances = 2,
		.masters = {
			{ "/arm-smmu-tegra194-master0", 0x11 },
			{ "/arm-smmu-tegra194-master1", 0x22 },
		},
		/* Without the second one of the first device */
		.streams = TEGRA_SECOND_STREAM,
		.iova = BIT_ULL(40) + SZ_16M,
		.exact = true,
		.commands.entry = { 1, 0 },
		.commands.table = { 1, 1 },
		/* It reports none to the domain's handler */
		.logs_faults = true,
		.overlay = of_overlay_begin(arm_smmu_tegra194),
		.overlay_end = of_overlay_end(arm_smmu_tegra194),
		SMMU_DESC("/arm-smmu-tegra194"),
	},
	SMMU_500(SMMU_ID2_4K | SMMU_ID2_64K),
	.keeps_tables = true,
	.one_irq = true,
};

HW_IOMMU(arm_smmu_tegra186, smmu_tegra186.desc);
HW_IOMMU(arm_smmu_tegra194, smmu_tegra194.desc);

static struct hw_iommu *const tegra_iommus[] = {
	&arm_smmu_tegra186_iommu,
	&arm_smmu_tegra194_iommu,
};

static void tegra_describe(struct hw_iommu *const *iommu, char *description)
{
	strscpy(description, (*iommu)->desc->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(tegra, tegra_iommus, tegra_describe);

static int tegra_test_init(struct kunit *test)
{
	struct hw_iommu *const *iommu = test->param_value;

	return hw_test_init(test, *iommu);
}

/* The memory controller was asked for each device */
static void memory_controller_test(struct kunit *test)
{
	struct hw_test *t = test->priv;

	for (unsigned int m = 0; m < HW_MAX_MASTERS; m++) {
		struct device *dev = t->master[m].dev;
		struct device_node *np, *mc_np;
		struct platform_device *pdev;
		struct tegra_mc_model *model;
		bool asked = false;

		np = of_parse_phandle(dev->of_node, "iommus", 0);
		mc_np = of_parse_phandle(np, "nvidia,memory-controller", 0);
		pdev = of_find_device_by_node(mc_np);
		of_node_put(mc_np);
		of_node_put(np);
		KUNIT_ASSERT_NOT_NULL(test, pdev);
		model = container_of((struct tegra_mc *)platform_get_drvdata(pdev),
				     struct tegra_mc_model, mc);
		for (unsigned int i = 0; i < model->count; i++)
			asked |= model->asked[i] == dev->of_node;
		KUNIT_EXPECT_TRUE_MSG(test, asked, "%s", dev_name(dev));
		put_device(&pdev->dev);
	}
}

/* All streams of a device are in its domain, and leave it together */
static void second_stream_test(struct kunit *test)
{
	struct hw_test *t = test->priv;
	struct iommu_group *group = t->master[0].dev->iommu_group;
	u64 paddr;

	KUNIT_ASSERT_EQ(test, 0, iommu_map(t->domain, t->iova, virt_to_phys(t->memory),
					   SZ_4K, IOMMU_READ | IOMMU_WRITE, GFP_KERNEL));
	KUNIT_EXPECT_EQ(test, 0, hw_translate(t->iommu, TEGRA_SECOND_STREAM, t->iova,
					      true, &paddr));
	KUNIT_EXPECT_EQ(test, virt_to_phys(t->memory), paddr);
	iommu_detach_group(t->domain, group);
	/* To the default domain, which has nothing mapped, or bypasses */
	if (!hw_translate(t->iommu, TEGRA_SECOND_STREAM, t->iova, true, &paddr))
		KUNIT_EXPECT_EQ(test, t->iova, paddr);
	KUNIT_ASSERT_EQ(test, 0, iommu_attach_group(t->domain, group));
	KUNIT_EXPECT_EQ(test, 0, hw_translate(t->iommu, TEGRA_SECOND_STREAM, t->iova,
					      true, &paddr));
}

static void tegra_expect_streams(struct kunit *test, u64 iova, int expected)
{
	struct hw_test *t = test->priv;
	const u32 streams[] = { t->master[0].stream, TEGRA_SECOND_STREAM };
	u64 paddr;

	for (unsigned int i = 0; i < ARRAY_SIZE(streams); i++)
		KUNIT_EXPECT_EQ_MSG(test, expected, hw_translate(t->iommu, streams[i], iova,
								 true, &paddr),
				    "stream %u", streams[i]);
}

/* They leave with the device, too, and come with it */
static void released_streams_test(struct kunit *test)
{
	struct hw_test *t = test->priv;
	struct device *dev = hw_dma_device(test);
	struct device_node *np = of_node_get(dev->of_node);
	dma_addr_t iova = hw_dma_map(test, dev, 0);

	tegra_expect_streams(test, iova, 0);
	of_platform_device_destroy(dev, NULL);
	tegra_expect_streams(test, iova, -EFAULT);

	KUNIT_EXPECT_NOT_NULL(test, of_platform_device_create(np, NULL, NULL));
	of_node_put(np);
	t->master[0].dev = hw_find_device(test, t->iommu->desc->masters[0].path);
	iova = hw_dma_map(test, t->master[0].dev, 0);
	tegra_expect_streams(test, iova, 0);
	dma_unmap_single(t->master[0].dev, iova, SZ_4K, DMA_BIDIRECTIONAL);
}

/* Streams that differ in the bits only which the SMMU does not look at are one */
static void masked_stream_test(struct kunit *test)
{
	struct hw_test *t = test->priv;
	u32 stream = t->master[0].stream;
	u64 paddr;

	KUNIT_ASSERT_EQ(test, 0, iommu_map(t->domain, t->iova, virt_to_phys(t->memory),
					   SZ_4K, IOMMU_READ | IOMMU_WRITE, GFP_KERNEL));
	for (u32 other = stream; other < BIT(15); other += TEGRA_STREAMS)
		KUNIT_EXPECT_EQ(test, 0, hw_translate(t->iommu, other, t->iova, true,
						      &paddr));
}

/* No instance has anything to report */
static void tegra_expect_no_fault(struct kunit *test, const char *when)
{
	struct hw_test *t = test->priv;

	for (struct hw_iommu *i = t->iommu; i; i = i->next)
		KUNIT_EXPECT_FALSE_MSG(test, hw_smmu_faulted(i), "instance %u %s",
				       i->instance, when);
}

/* Faults are cleared in the instance that has them, whichever it is */
static void faults_cleared_test(struct kunit *test)
{
	struct hw_test *t = test->priv;
	u32 no_stream = t->master[0].stream + 1;
	u8 value;

	/* Instances take turns by page */
	for (unsigned int page = 0; page < 4; page++) {
		u64 iova = t->iova + page * SZ_4K;

		hw_access(t->iommu, t->master[0].stream, iova, false, &value);
		tegra_expect_no_fault(test, "after a fault of a context");
		hw_access(t->iommu, no_stream, iova, false, &value);
		tegra_expect_no_fault(test, "after a fault of no context");
	}
}

/* What firmware had left of them was gone before the first access */
static void old_faults_test(struct kunit *test)
{
	struct hw_test *t = test->priv;

	for (struct hw_iommu *i = t->iommu; i; i = i->next)
		KUNIT_EXPECT_FALSE_MSG(test, hw_smmu_started_faulted(i), "instance %u",
				       i->instance);
}

static struct kunit_case tegra_cases[] = {
	KUNIT_CASE_PARAM(memory_controller_test, tegra_gen_params),
	KUNIT_CASE_PARAM(second_stream_test, tegra_gen_params),
	KUNIT_CASE_PARAM(released_streams_test, tegra_gen_params),
	KUNIT_CASE_PARAM(masked_stream_test, tegra_gen_params),
	KUNIT_CASE_PARAM(faults_cleared_test, tegra_gen_params),
	KUNIT_CASE_PARAM(old_faults_test, tegra_gen_params),
	{}
};

static struct kunit_suite tegra_suite = {
	.name = "iommu_arm_smmu_tegra_own",
	.init = tegra_test_init,
	.exit = hw_test_exit,
	.test_cases = tegra_cases,
};

kunit_test_suite(tegra_suite);

// SPDX-License-Identifier: GPL-2.0-only
/*
 * Model of Qualcomm's IOMMU as APQ8064 has it, older than the SMMUs of ARM's design
 *
 * Four of them: two are one device's, which has two machine IDs at each, like the
 * display controller of APQ8064; one is another's, and one has none. An IOMMU has two
 * contexts, and a table that says for each machine ID which of them it goes to. What the
 * TLB holds is tagged with the ASID that the context had.
 *
 * What the registers mean is taken from the driver's macros and from its use of them:
 * invalidations take effect at once, those of all addresses are for the ASID of the
 * context, and FSR is cleared by writing ones. That a fault can stall what comes after
 * it is left out.
 */
#include "cases.h"

#include <linux/bitfield.h>
#include <linux/device/driver.h>
#include <linux/dma-mapping.h>
#include <linux/of.h>
#include <linux/of_platform.h>
#include <linux/platform_device.h>
#include <linux/sizes.h>

#include "../../iommu-priv.h"

#define IOMMUS			4
#define CONTEXTS		2
#define MIDS			4

/* Of a context, which has a page each */
#define SCTLR			0x000
#define SCTLR_M			BIT(0)
#define ACTLR			0x004
#define ACTLR_CFEIE		BIT(1)
#define ACTLR_TLBMCFG		GENMASK(13, 12)
#define ACTLR_V2PCFG		GENMASK(17, 16)
#define MISS_WALKS		3	/* for both */
#define CONTEXTIDR		0x008
#define CONTEXTIDR_ASID		GENMASK(7, 0)
#define TTBR0			0x010
#define TTBR0_ADDR		GENMASK(31, 14)
#define PAR			0x01c
#define PAR_FAULT		BIT(0)
#define PAR_SUPERSECTION	BIT(1)
#define PAR_ADDR		GENMASK(31, 12)
#define FSR			0x020
#define FSR_TF			BIT(1)
#define FSR_APF			BIT(3)
#define FSRRESTORE		0x024
#define FAR			0x028
#define REGS			(0x050 / sizeof(u32))
#define TLBIALL			0x800
#define TLBIVA			0x808
#define TLBIVA_ADDR		GENMASK(31, 12)
#define TLBIVA_ASID		GENMASK(7, 0)
#define V2PPR			0x810

/* Of all */
#define M2VCBR			0xff000
#define M2VCBR_CBNDX		GENMASK(15, 8)
#define CBACR			0xff800
#define CBACR_IRPTNDX		GENMASK(31, 24)

static struct msm_model {
	u32 contexts[CONTEXTS][REGS];
	u32 m2vcbr[MIDS];
	u32 cbacr[CONTEXTS];
} msm_models[IOMMUS];

/* Set by tests: count how often the first device was let through untranslated */
static bool msm_watched;
static unsigned int msm_bypassed;

/* Where the value of a register is kept, or NULL if it has none */
static u32 *msm_reg(unsigned int window, unsigned int offset)
{
	struct msm_model *msm = &msm_models[window];

	if (offset / SZ_4K < CONTEXTS && offset % SZ_4K / 4 < REGS)
		return &msm->contexts[offset / SZ_4K][offset % SZ_4K / 4];
	if (offset >= M2VCBR && offset < M2VCBR + MIDS * 4)
		return &msm->m2vcbr[(offset - M2VCBR) / 4];
	if (offset >= CBACR && offset < CBACR + CONTEXTS * 4)
		return &msm->cbacr[(offset - CBACR) / 4];
	return NULL;
}

static u64 msm_read(struct hw_iommu *iommu, unsigned int window,
		    unsigned int offset, unsigned int size)
{
	u32 *reg = msm_reg(window, offset);

	return reg ? *reg : 0;
}

static u32 msm_tag(unsigned int window, u32 asid)
{
	return window << 8 | asid;
}

/* What the CPU asks of the walk: where a context has @iova */
static u32 msm_lookup(struct hw_iommu *iommu, const u32 *regs, u32 iova)
{
	struct hw_entry entry = {
		.addr = regs[TTBR0 / 4] & TTBR0_ADDR,
		.level = 1,
	};
	u32 par;

	if (FIELD_GET(ACTLR_V2PCFG, regs[ACTLR / 4]) != MISS_WALKS)
		return PAR_FAULT;

	do {
		entry.table = false;
		if (hw_v7s_step(iommu, NULL, entry.addr, entry.level, false, iova, &entry))
			return PAR_FAULT;
	} while (entry.table);

	par = (entry.addr + (iova - entry.iova)) & PAR_ADDR;
	return entry.size == SZ_16M ? par | PAR_SUPERSECTION : par;
}

static void msm_write_context(struct hw_iommu *iommu, unsigned int window, u32 *regs,
			      unsigned int offset, u32 value)
{
	switch (offset) {
	case TLBIALL:
		hw_flush(iommu, &(struct hw_inval) {
			.caches = HW_ALL_CACHES,
			.tag = msm_tag(window, FIELD_GET(CONTEXTIDR_ASID,
							 regs[CONTEXTIDR / 4])),
		});
		break;
	case TLBIVA:
		hw_flush(iommu, &(struct hw_inval) {
			.caches = HW_ALL_CACHES,
			.tag = msm_tag(window, FIELD_GET(TLBIVA_ASID, value)),
			.iova = value & TLBIVA_ADDR,
			.size = SZ_4K,
		});
		break;
	case V2PPR:
		regs[PAR / 4] = msm_lookup(iommu, regs, value);
		break;
	case FSR:
		regs[FSR / 4] &= ~value;
		break;
	case FSRRESTORE:
		regs[FSR / 4] = value;
		break;
	default:
		if (offset / 4 < REGS)
			regs[offset / 4] = value;
	}
}

static u32 msm_context(u32 stream)
{
	return FIELD_GET(M2VCBR_CBNDX, msm_models[stream / MIDS].m2vcbr[stream % MIDS]);
}

static bool msm_bypasses(u32 stream)
{
	u32 context = msm_context(stream);

	return context < CONTEXTS &&
	       !(msm_models[stream / MIDS].contexts[context][SCTLR / 4] & SCTLR_M);
}

static void msm_write(struct hw_iommu *iommu, unsigned int window,
		      unsigned int offset, unsigned int size, u64 value)
{
	unsigned int context = offset / SZ_4K;
	u32 *reg;

	if (context < CONTEXTS) {
		msm_write_context(iommu, window, msm_models[window].contexts[context],
				  offset % SZ_4K, value);
	} else {
		reg = msm_reg(window, offset);
		if (reg)
			*reg = value;
	}

	if (msm_watched && (msm_bypasses(0) || msm_bypasses(2) ||
			    msm_bypasses(MIDS) || msm_bypasses(MIDS + 2)))
		msm_bypassed++;
}

static int msm_stream(struct hw_iommu *iommu, u32 stream, u64 iova,
		      struct hw_root *root)
{
	u32 window = stream / MIDS;
	u32 context = msm_context(stream);
	u32 *regs;

	if (context >= CONTEXTS)
		return -EFAULT;

	regs = msm_models[window].contexts[context];
	if (msm_bypasses(stream))
		return 1;
	if (iova > U32_MAX)
		return -EFAULT;

	root->tag = msm_tag(window, FIELD_GET(CONTEXTIDR_ASID, regs[CONTEXTIDR / 4]));
	root->table = regs[TTBR0 / 4] & TTBR0_ADDR;
	root->level = 1;
	root->priv = regs;
	return 0;
}

static int msm_step(struct hw_iommu *iommu, const struct hw_root *root, u64 table,
		    int level, u64 iova, struct hw_entry *entry)
{
	u32 *regs = root->priv;

	if (FIELD_GET(ACTLR_TLBMCFG, regs[ACTLR / 4]) != MISS_WALKS)
		return -EFAULT;

	return hw_v7s_step(iommu, root, table, level, false, iova, entry);
}

static void msm_fault(struct hw_iommu *iommu, u32 stream, u64 iova, bool write)
{
	struct msm_model *msm = &msm_models[stream / MIDS];
	u32 context = msm_context(stream);
	/* All that is mapped can be read */
	u64 paddr;
	bool mapped = write && !hw_translate(iommu, stream, iova, false, &paddr);
	unsigned int irq;
	u32 *regs;

	if (context >= CONTEXTS)
		return;

	scoped_guard(spinlock_irqsave, &iommu->lock) {
		regs = msm->contexts[context];
		/* The first is kept until it is cleared */
		if (regs[FSR / 4])
			return;
		regs[FSR / 4] = mapped ? FSR_APF : FSR_TF;
		regs[FAR / 4] = iova;
		if (!(regs[ACTLR / 4] & ACTLR_CFEIE))
			return;
		irq = FIELD_GET(CBACR_IRPTNDX, msm->cbacr[context]);
	}
	hw_raise_irq(iommu, stream / MIDS * 2 + irq);
}

/* Where the IDs go is up to the driver */
static void msm_reset(struct hw_iommu *iommu)
{
	for (unsigned int i = 0; i < IOMMUS; i++)
		for (unsigned int mid = 0; mid < MIDS; mid++)
			msm_models[i].m2vcbr[mid] = M2VCBR_CBNDX;
}

static const struct hw_ops msm_ops = {
	.reset = msm_reset,
	.read = msm_read,
	.write = msm_write,
	.stream = msm_stream,
	.step = msm_step,
	.fault = msm_fault,
};

OF_OVERLAY_DECLARE(msm);

static const struct hw_desc msm_desc = {
	.name = "msm-iommu",
	.kind = HW_UNMAP,
	.caches_misses = true,
	.commands.entry = { 3, 3 },
	.commands.table = { 3, 3 },
	.overlay = of_overlay_begin(msm),
	.overlay_end = of_overlay_end(msm),
	.windows = {
		{ 0x600c00000, SZ_1M, GENMASK(1, 0) },
		{ 0x600d00000, SZ_1M, GENMASK(3, 2) },
		{ 0x600e00000, SZ_1M, GENMASK(5, 4) },
		{ 0x600f00000, SZ_1M, GENMASK(7, 6) },
	},
	.soc = "/msm-soc",
	/* Machine ID 2 at the second IOMMU, 1 at the third */
	.masters = {
		{ "/msm-master-0", MIDS + 2 },
		{ "/msm-master-1", 2 * MIDS + 1 },
	},
	.ops = &msm_ops,
	.no_snoop = true,
	.no_idle_stream = "hardware: routes each machine ID to a context, idle or not",
	.logs_faults = true,
	.exact = true,
};

HW_IOMMU(msm, msm_desc);

static u64 msm_stream_reaches(struct hw_test *t, u32 stream)
{
	u64 paddr;

	return hw_translate(t->iommu, stream, t->iova, false, &paddr) ? 0 : paddr;
}

static u64 msm_reaches(struct hw_test *t, unsigned int m)
{
	return msm_stream_reaches(t, t->master[m].stream);
}

static void msm_map(struct kunit *test, struct iommu_domain *domain)
{
	struct hw_test *t = test->priv;

	KUNIT_ASSERT_EQ(test, 0, iommu_map(domain, t->iova, virt_to_phys(t->memory), SZ_4K,
					   IOMMU_READ, GFP_KERNEL));
}

/* Each machine ID of a device, behind either of its IOMMUs, loses what is unmapped */
static void machine_ids_test(struct kunit *test)
{
	struct hw_test *t = test->priv;
	static const u32 streams[] = { 0, 2, MIDS + 0, MIDS + 2, 2 * MIDS + 1 };

	msm_map(test, t->domain);
	for (unsigned int i = 0; i < ARRAY_SIZE(streams); i++)
		KUNIT_EXPECT_EQ_MSG(test, virt_to_phys(t->memory),
				    msm_stream_reaches(t, streams[i]), "stream %u",
				    streams[i]);
	KUNIT_EXPECT_EQ(test, SZ_4K, iommu_unmap(t->domain, t->iova, SZ_4K));
	for (unsigned int i = 0; i < ARRAY_SIZE(streams); i++)
		KUNIT_EXPECT_EQ_MSG(test, 0, msm_stream_reaches(t, streams[i]),
				    "stream %u", streams[i]);
}

/* As the core does */
static int msm_move(struct hw_test *t, unsigned int m, struct iommu_domain *old,
		    struct iommu_domain *new)
{
	return new->ops->attach_dev(new, t->master[m].dev, old);
}

/* On the way from domain to domain a device is in one of them, never in none */
static void switch_test(struct kunit *test)
{
	struct hw_test *t = test->priv;
	struct iommu_domain *other = iommu_paging_domain_alloc(t->master[0].dev);

	KUNIT_ASSERT_FALSE(test, IS_ERR(other));
	msm_map(test, t->domain);
	KUNIT_EXPECT_EQ(test, virt_to_phys(t->memory), msm_reaches(t, 0));

	msm_bypassed = 0;
	msm_watched = true;
	KUNIT_EXPECT_EQ(test, 0, msm_move(t, 0, t->domain, other));
	KUNIT_EXPECT_EQ(test, 0, msm_reaches(t, 0));
	KUNIT_EXPECT_EQ(test, virt_to_phys(t->memory), msm_reaches(t, 1));
	KUNIT_EXPECT_EQ(test, 0, msm_move(t, 0, other, t->domain));
	msm_watched = false;

	KUNIT_EXPECT_EQ(test, 0, msm_bypassed);
	KUNIT_EXPECT_EQ(test, virt_to_phys(t->memory), msm_reaches(t, 0));
	iommu_domain_free(other);
}

/* One of two devices leaves: the other stays, and unmap finds the right IOMMUs */
static void identity_between_test(struct kunit *test)
{
	struct hw_test *t = test->priv;
	struct iommu_domain *identity = dev_iommu_ops(t->master[0].dev)->identity_domain;
	struct iommu_domain *other = iommu_paging_domain_alloc(t->master[0].dev);

	KUNIT_ASSERT_FALSE(test, IS_ERR(other));
	msm_map(test, t->domain);
	KUNIT_EXPECT_EQ(test, 0, msm_move(t, 0, t->domain, identity));
	KUNIT_EXPECT_EQ(test, t->iova, msm_reaches(t, 0));
	KUNIT_EXPECT_EQ(test, virt_to_phys(t->memory), msm_reaches(t, 1));

	KUNIT_EXPECT_EQ(test, 0, msm_move(t, 0, identity, other));
	msm_map(test, other);
	KUNIT_EXPECT_EQ(test, virt_to_phys(t->memory), msm_reaches(t, 0));
	KUNIT_EXPECT_EQ(test, SZ_4K, iommu_unmap(t->domain, t->iova, SZ_4K));
	KUNIT_EXPECT_EQ(test, virt_to_phys(t->memory), msm_reaches(t, 0));
	KUNIT_EXPECT_EQ(test, 0, msm_reaches(t, 1));
	KUNIT_EXPECT_EQ(test, SZ_4K, iommu_unmap(other, t->iova, SZ_4K));
	KUNIT_EXPECT_EQ(test, 0, msm_reaches(t, 0));

	KUNIT_EXPECT_EQ(test, 0, msm_move(t, 0, other, identity));
	KUNIT_EXPECT_EQ(test, 0, msm_move(t, 0, identity, t->domain));
	iommu_domain_free(other);
}

/* What was mapped is there after the last device has left, and can be unmapped */
static void unmap_after_detach_test(struct kunit *test)
{
	struct hw_test *t = test->priv;
	struct iommu_domain *identity = dev_iommu_ops(t->master[0].dev)->identity_domain;

	msm_map(test, t->domain);
	for (unsigned int m = 0; m < 2; m++)
		KUNIT_EXPECT_EQ(test, 0, msm_move(t, m, t->domain, identity));
	KUNIT_EXPECT_EQ(test, SZ_4K, iommu_unmap(t->domain, t->iova, SZ_4K));
	msm_map(test, t->domain);
	for (unsigned int m = 0; m < 2; m++) {
		KUNIT_EXPECT_EQ(test, 0, msm_move(t, m, identity, t->domain));
		KUNIT_EXPECT_EQ(test, virt_to_phys(t->memory), msm_reaches(t, m));
	}
}

/* Let the DMA API of the devices map nothing, or all: tables do not go through it */
static void msm_set_masks(u64 mask)
{
	struct platform_device *pdev;
	struct device_node *np;

	for (unsigned int m = 0; m < 2; m++) {
		np = of_find_node_by_path(msm_desc.masters[m].path);
		pdev = of_find_device_by_node(np);
		of_node_put(np);
		if (!pdev)
			continue;
		*pdev->dev.dma_mask = mask;
		put_device(&pdev->dev);
	}
}

static int msm_own_init(struct kunit *test)
{
	wait_for_device_probe();
	msm_set_masks(SZ_4K - 1);
	return msm_test_init(test);
}

static void msm_own_exit(struct kunit *test)
{
	hw_test_exit(test);
	msm_set_masks(DMA_BIT_MASK(32));
}

static struct kunit_case msm_own_cases[] = {
	KUNIT_CASE(machine_ids_test),
	KUNIT_CASE(switch_test),
	KUNIT_CASE(identity_between_test),
	KUNIT_CASE(unmap_after_detach_test),
	{}
};

/* What the core does on ARM only, where no domain is for the DMA API */
static struct kunit_suite msm_own_suite = {
	.name = "iommu_msm_own",
	.init = msm_own_init,
	.exit = msm_own_exit,
	.test_cases = msm_own_cases,
};

kunit_test_suite(msm_own_suite);

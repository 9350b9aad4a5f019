// SPDX-License-Identifier: GPL-2.0
/*
 * KUnit tests of what VT-d is told to forget: for domains with and without
 * PASIDs, devices with a TLB of their own (ATS), and nested domains whose
 * parent unmaps.
 *
 * The queue is that of an IOMMU of the machine, which takes and completes what
 * is in it. The domains and devices are the test's, with IDs that nobody else
 * has, so nothing needed gets lost. What was sent stays in the queue, and is
 * read there.
 */
#include <kunit/device.h>
#include <kunit/test.h>
#include <linux/bitfield.h>
#include <linux/dmar.h>
#include <linux/pci.h>
#include <linux/sizes.h>
#include <linux/xarray.h>

#include "iommu.h"

#define BUS		0xfe
#define DID		0xfff0	/* at the end of what drivers take from */
#define PASID		5
#define IOVA		(4ULL * SZ_1G)
#define DEVICES		20	/* more than fit in a batch */

#define CACHING_MODE	BIT_ULL(7)	/* of the capabilities */

static_assert(DEVICES > QI_MAX_BATCHED_DESC_COUNT);
static_assert(cap_caching_mode(CACHING_MODE));

struct cache_test {
	struct intel_iommu *iommu;
	int seen;		/* the head up to which the queue was looked at */
	int sent;		/* the head after it */
};

/* One thing to forget, whatever kind of descriptor said so */
struct forget {
	bool device;		/* a device's TLB */
	u16 id;			/* domain ID; of a device, its PCI ID */
	u32 pasid;		/* IOMMU_NO_PASID, 0, if the descriptor has none */
	u64 first;
	u64 last;
};

static struct qi_desc *desc_at(struct intel_iommu *iommu, int index)
{
	return iommu->qi->desc + (index << qi_shift(iommu));
}

static unsigned int desc_type(const struct qi_desc *desc)
{
	return FIELD_GET(GENMASK_ULL(3, 0), desc->qw0);
}

/* Set the range of 4K << @order that @addr is in; of all if @order is too large */
static void set_range(struct forget *forget, u64 addr, unsigned int order)
{
	u64 mask = order >= 52 ? U64_MAX : BIT_ULL(VTD_PAGE_SHIFT + order) - 1;

	forget->first = addr & ~mask;
	forget->last = addr | mask;
}

/* Sizes of device TLBs are encoded in the address, by its lowest 0 */
static void set_device_range(struct forget *forget, u64 qw1, bool more)
{
	u64 pfn = qw1 >> VTD_PAGE_SHIFT;

	set_range(forget, qw1, more ? ffz(pfn) + 1 : 0);
}

/* Whether @desc has the IOMMU forget something, and what */
static bool decode(const struct qi_desc *desc, struct forget *forget)
{
	u64 qw0 = desc->qw0, qw1 = desc->qw1;

	*forget = (struct forget){ .last = U64_MAX };
	switch (desc_type(desc)) {
	case QI_IOTLB_TYPE:
		forget->id = FIELD_GET(GENMASK_ULL(31, 16), qw0);
		if (FIELD_GET(GENMASK_ULL(5, 4), qw0) == 3)
			set_range(forget, qw1, FIELD_GET(GENMASK_ULL(5, 0), qw1));
		return true;
	case QI_EIOTLB_TYPE:
		forget->id = FIELD_GET(GENMASK_ULL(31, 16), qw0);
		forget->pasid = FIELD_GET(GENMASK_ULL(51, 32), qw0);
		if (FIELD_GET(GENMASK_ULL(5, 4), qw0) == QI_GRAN_PSI_PASID)
			set_range(forget, qw1, FIELD_GET(GENMASK_ULL(5, 0), qw1));
		return true;
	case QI_DIOTLB_TYPE:
		forget->device = true;
		forget->id = FIELD_GET(GENMASK_ULL(47, 32), qw0);
		set_device_range(forget, qw1, qw1 & QI_DEV_IOTLB_SIZE);
		return true;
	case QI_DEIOTLB_TYPE:
		forget->device = true;
		forget->id = FIELD_GET(GENMASK_ULL(31, 16), qw0);
		forget->pasid = FIELD_GET(GENMASK_ULL(51, 32), qw0);
		set_device_range(forget, qw1, qw1 & QI_DEV_EIOTLB_SIZE);
		return true;
	}
	return false;
}

/*
 * How often all of @wanted was forgotten, in one go, since look(). An IOMMU
 * must forget before the devices, which may ask it again; and each batch ends
 * with a wait.
 */
static unsigned int forgotten(struct kunit *test, const struct forget *wanted)
{
	struct cache_test *ct = test->priv;
	unsigned int times = 0, type = QI_IWD_TYPE;

	for (int at = ct->seen; at != ct->sent; at = (at + 1) % QI_LENGTH) {
		const struct qi_desc *desc = desc_at(ct->iommu, at);
		struct forget forget;

		type = desc_type(desc);
		if (!decode(desc, &forget))
			continue;
		if (forget.device == wanted->device && forget.id == wanted->id &&
		    forget.pasid == wanted->pasid &&
		    forget.first <= wanted->first && forget.last >= wanted->last)
			times++;
	}
	KUNIT_EXPECT_EQ(test, QI_IWD_TYPE, type);
	return times;
}

/* Whether everything about IOTLBs was sent before the first of devices */
static bool devices_last(struct cache_test *ct)
{
	bool device = false;

	for (int at = ct->seen; at != ct->sent; at = (at + 1) % QI_LENGTH) {
		struct forget forget;

		if (!decode(desc_at(ct->iommu, at), &forget))
			continue;
		if (device && !forget.device)
			return false;
		device = forget.device;
	}
	return true;
}

#define FORGOTTEN(test, ...)						\
	forgotten(test, &(struct forget){ __VA_ARGS__ })

/* Flush [@start, @end] of @domain, and look at what was sent for it */
static void flush(struct kunit *test, struct dmar_domain *domain,
		  unsigned long start, unsigned long end)
{
	struct cache_test *ct = test->priv;
	unsigned long flags;

	/* Others use the queue, too, but not from this CPU now */
	local_irq_save(flags);
	ct->seen = ct->iommu->qi->free_head;
	cache_tag_flush_range(domain, start, end, 0);
	ct->sent = ct->iommu->qi->free_head;
	local_irq_restore(flags);
}

/* The same where something was mapped; @caching: the IOMMU caches what is not mapped */
static void flush_mapped(struct kunit *test, struct dmar_domain *domain,
			 unsigned long start, unsigned long end, bool caching)
{
	struct cache_test *ct = test->priv;
	u64 cap = ct->iommu->cap;
	unsigned long flags;

	local_irq_save(flags);
	domain->iotlb_sync_map = true;
	ct->iommu->cap = caching ? cap | CACHING_MODE : cap & ~CACHING_MODE;
	ct->seen = ct->iommu->qi->free_head;
	intel_ss_paging_domain_ops.iotlb_sync_map(&domain->domain, start,
						  end - start + 1);
	ct->sent = ct->iommu->qi->free_head;
	ct->iommu->cap = cap;
	local_irq_restore(flags);
}

static void forget_iommu(void *dev)
{
	((struct device *)dev)->iommu = NULL;
}

static u16 device_id(struct device *dev)
{
	struct device_domain_info *info = dev_iommu_priv_get(dev);

	return PCI_DEVID(info->bus, info->devfn);
}

static struct device *new_device(struct kunit *test, unsigned int devfn, bool ats)
{
	struct cache_test *ct = test->priv;
	struct device_domain_info *info;
	struct dev_iommu *param;
	struct device *dev;
	char name[16];

	info = kunit_kzalloc(test, sizeof(*info), GFP_KERNEL);
	param = kunit_kzalloc(test, sizeof(*param), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, info);
	KUNIT_ASSERT_NOT_NULL(test, param);
	snprintf(name, sizeof(name), "vtd-cache-%u", devfn);
	dev = kunit_device_register(test, name);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, dev);
	info->iommu = ct->iommu;
	info->bus = BUS;
	info->devfn = devfn;
	info->ats_enabled = ats;
	info->ats_qdep = 1;
	param->iommu_dev = &ct->iommu->iommu;
	param->priv = info;
	dev->iommu = param;
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test, forget_iommu, dev));
	return dev;
}

static void free_domain(void *context)
{
	struct dmar_domain *domain = context;

	xa_destroy(&domain->iommu_array);
	kfree(domain->qi_batch);
}

/* A domain as far as caches go, with @did on the IOMMU */
static struct dmar_domain *new_domain(struct kunit *test, u16 did,
				      const struct iommu_domain_ops *ops)
{
	struct cache_test *ct = test->priv;
	struct iommu_domain_info *info;
	struct dmar_domain *domain;

	domain = kunit_kzalloc(test, sizeof(*domain), GFP_KERNEL);
	info = kunit_kzalloc(test, sizeof(*info), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, domain);
	KUNIT_ASSERT_NOT_NULL(test, info);
	domain->domain.type = IOMMU_DOMAIN_UNMANAGED;
	domain->domain.ops = ops;
	INIT_LIST_HEAD(&domain->cache_tags);
	spin_lock_init(&domain->cache_lock);
	xa_init(&domain->iommu_array);
	info->iommu = ct->iommu;
	info->did = did;
	KUNIT_ASSERT_NULL(test, xa_store(&domain->iommu_array,
					 ct->iommu->seq_id, info, GFP_KERNEL));
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test, free_domain,
							   domain));
	return domain;
}

static struct dmar_domain *new_nested(struct kunit *test, u16 did,
				      struct dmar_domain *parent)
{
	struct dmar_domain *domain = new_domain(test, did, NULL);

	domain->domain.type = IOMMU_DOMAIN_NESTED;
	domain->s2_domain = parent;
	return domain;
}

struct assigned {
	struct dmar_domain *domain;
	struct device *dev;
	ioasid_t pasid;
};

static void unassign(void *context)
{
	struct assigned *assigned = context;

	cache_tag_unassign_domain(assigned->domain, assigned->dev,
				  assigned->pasid);
}

/* What attach does about caches */
static struct assigned *assign(struct kunit *test, struct dmar_domain *domain,
			       struct device *dev, ioasid_t pasid)
{
	struct assigned *assigned = kunit_kzalloc(test, sizeof(*assigned),
						  GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, assigned);
	*assigned = (struct assigned){ domain, dev, pasid };
	KUNIT_ASSERT_EQ(test, 0, cache_tag_assign_domain(domain, dev, pasid));
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test, unassign, assigned));
	return assigned;
}

static int cache_test_init(struct kunit *test)
{
	struct cache_test *ct = kunit_kzalloc(test, sizeof(*ct), GFP_KERNEL);
	struct dmar_drhd_unit *drhd;
	struct intel_iommu *iommu;

	KUNIT_ASSERT_NOT_NULL(test, ct);
	test->priv = ct;
	down_read(&dmar_global_lock);
	for_each_active_iommu(iommu, drhd)
		if (iommu->qi && iommu->gcmd & DMA_GCMD_TE)
			ct->iommu = iommu;
	up_read(&dmar_global_lock);
	if (!ct->iommu)
		kunit_skip(test, "hardware: no VT-d with a queue is enabled");
	return 0;
}

static const struct {
	const char *name;
	unsigned long start;
	unsigned long end;
} ranges[] = {
	{ "a page", IOVA, IOVA + SZ_4K - 1 },
	{ "16 pages", IOVA + SZ_64K, IOVA + SZ_128K - 1 },
	{ "3 pages, unaligned", IOVA + SZ_4K, IOVA + SZ_16K - 1 },
	{ "2M", IOVA + SZ_2M, IOVA + SZ_4M - 1 },
	{ "the first page", 0, SZ_4K - 1 },
	{ "everything", 0, ULONG_MAX },
};

KUNIT_ARRAY_PARAM_DESC(ranges, ranges, name);

/* Second stage, no PASID: the IOTLB by domain ID, then the device's TLB */
static void paging_test(struct kunit *test)
{
	const typeof(ranges[0]) *range = test->param_value;
	struct dmar_domain *domain = new_domain(test, DID, NULL);
	struct device *plain = new_device(test, 1, false);
	struct device *ats = new_device(test, 2, true);

	assign(test, domain, plain, IOMMU_NO_PASID);
	assign(test, domain, ats, IOMMU_NO_PASID);
	flush(test, domain, range->start, range->end);
	KUNIT_EXPECT_EQ(test, 1, FORGOTTEN(test, .id = DID, .first = range->start,
					   .last = range->end));
	KUNIT_EXPECT_EQ(test, 1, FORGOTTEN(test, .device = true,
					   .id = device_id(ats),
					   .first = range->start,
					   .last = range->end));
	KUNIT_EXPECT_EQ(test, 0, FORGOTTEN(test, .device = true,
					   .id = device_id(plain)));
	KUNIT_EXPECT_TRUE(test, devices_last(test->priv));
}

/* First stage, with a PASID: both by PASID */
static void pasid_test(struct kunit *test)
{
	const typeof(ranges[0]) *range = test->param_value;
	struct dmar_domain *domain = new_domain(test, DID,
						&intel_fs_paging_domain_ops);
	struct cache_test *ct = test->priv;
	struct device *dev = new_device(test, 1, true);

	if (!ecap_smts(ct->iommu->ecap))
		kunit_skip(test, "hardware: VT-d has no scalable mode");

	assign(test, domain, dev, PASID);
	flush(test, domain, range->start, range->end);
	KUNIT_EXPECT_EQ(test, 1, FORGOTTEN(test, .id = DID, .pasid = PASID,
					   .first = range->start,
					   .last = range->end));
	KUNIT_EXPECT_EQ(test, 1, FORGOTTEN(test, .device = true, .pasid = PASID,
					   .id = device_id(dev),
					   .first = range->start,
					   .last = range->end));
	KUNIT_EXPECT_TRUE(test, devices_last(test->priv));
}

/* A device that needs to be told twice is, with and without a PASID */
static void twice_test(struct kunit *test)
{
	struct device *dev = new_device(test, 1, true);
	struct device_domain_info *info = dev_iommu_priv_get(dev);
	struct dmar_domain *domain = new_domain(test, DID, NULL);
	struct cache_test *ct = test->priv;

	info->dtlb_extra_inval = 1;
	assign(test, domain, dev, IOMMU_NO_PASID);
	flush(test, domain, IOVA, IOVA + SZ_4K - 1);
	KUNIT_EXPECT_EQ(test, 2, FORGOTTEN(test, .device = true,
					   .id = device_id(dev), .first = IOVA,
					   .last = IOVA + SZ_4K - 1));

	if (!ecap_smts(ct->iommu->ecap))
		return;
	domain = new_domain(test, DID + 1, &intel_fs_paging_domain_ops);
	assign(test, domain, dev, PASID);
	flush(test, domain, IOVA, IOVA + SZ_4K - 1);
	KUNIT_EXPECT_EQ(test, 2, FORGOTTEN(test, .device = true, .pasid = PASID,
					   .id = device_id(dev), .first = IOVA,
					   .last = IOVA + SZ_4K - 1));
}

/* More devices than a batch has room for: none is left out */
static void many_devices_test(struct kunit *test)
{
	struct dmar_domain *domain = new_domain(test, DID, NULL);
	struct device *devs[DEVICES];

	for (int i = 0; i < DEVICES; i++) {
		devs[i] = new_device(test, i, true);
		assign(test, domain, devs[i], IOMMU_NO_PASID);
	}
	flush(test, domain, IOVA, IOVA + SZ_4K - 1);
	KUNIT_EXPECT_EQ(test, 1, FORGOTTEN(test, .id = DID, .first = IOVA,
					   .last = IOVA + SZ_4K - 1));
	for (int i = 0; i < DEVICES; i++)
		KUNIT_EXPECT_EQ(test, 1, FORGOTTEN(test, .device = true,
						   .id = device_id(devs[i]),
						   .first = IOVA,
						   .last = IOVA + SZ_4K - 1));
	KUNIT_EXPECT_TRUE(test, devices_last(test->priv));
}

/*
 * The parent of nested domains unmaps: gone for the ID of each, and all of each
 * device's TLB, which has addresses of the guest
 */
static void nested_test(struct kunit *test)
{
	const typeof(ranges[0]) *range = test->param_value;
	struct dmar_domain *parent = new_domain(test, DID, NULL);
	struct device *devs[2];

	for (int i = 0; i < ARRAY_SIZE(devs); i++) {
		devs[i] = new_device(test, i, true);
		assign(test, new_nested(test, DID + 1 + i, parent), devs[i],
		       IOMMU_NO_PASID);
	}
	flush(test, parent, range->start, range->end);
	for (int i = 0; i < ARRAY_SIZE(devs); i++) {
		KUNIT_EXPECT_EQ(test, 1, FORGOTTEN(test, .id = DID + 1 + i,
						   .first = range->start,
						   .last = range->end));
		KUNIT_EXPECT_EQ(test, 1, FORGOTTEN(test, .device = true,
						   .id = device_id(devs[i]),
						   .last = U64_MAX));
	}
}

/* What a guest flushes is of its own domain alone, and no more than it says */
static void guest_test(struct kunit *test)
{
	struct dmar_domain *parent = new_domain(test, DID, NULL);
	struct dmar_domain *nested = new_nested(test, DID + 1, parent);
	struct dmar_domain *other = new_nested(test, DID + 2, parent);
	struct device *dev = new_device(test, 1, true);
	struct device *other_dev = new_device(test, 2, true);

	assign(test, nested, dev, IOMMU_NO_PASID);
	assign(test, other, other_dev, IOMMU_NO_PASID);
	flush(test, nested, IOVA, IOVA + SZ_4K - 1);
	KUNIT_EXPECT_EQ(test, 1, FORGOTTEN(test, .id = DID + 1, .first = IOVA,
					   .last = IOVA + SZ_4K - 1));
	KUNIT_EXPECT_EQ(test, 1, FORGOTTEN(test, .device = true,
					   .id = device_id(dev), .first = IOVA,
					   .last = IOVA + SZ_4K - 1));
	KUNIT_EXPECT_EQ(test, 0, FORGOTTEN(test, .device = true,
					   .id = device_id(dev), .last = U64_MAX));
	KUNIT_EXPECT_EQ(test, 0, FORGOTTEN(test, .id = DID + 2, .first = IOVA,
					   .last = IOVA));
	KUNIT_EXPECT_EQ(test, 0, FORGOTTEN(test, .device = true,
					   .id = device_id(other_dev),
					   .first = IOVA, .last = IOVA));
}

/* Detached, a nested domain is none of the parent's business; others still are */
static void detached_test(struct kunit *test)
{
	struct dmar_domain *parent = new_domain(test, DID, NULL);
	struct device *dev = new_device(test, 1, true);
	struct device *other = new_device(test, 2, true);
	struct assigned *gone;

	gone = assign(test, new_nested(test, DID + 1, parent), dev, IOMMU_NO_PASID);
	assign(test, new_nested(test, DID + 2, parent), other, IOMMU_NO_PASID);
	kunit_release_action(test, unassign, gone);
	flush(test, parent, IOVA, IOVA + SZ_4K - 1);
	KUNIT_EXPECT_EQ(test, 0, FORGOTTEN(test, .id = DID + 1, .first = IOVA,
					   .last = IOVA));
	KUNIT_EXPECT_EQ(test, 0, FORGOTTEN(test, .device = true,
					   .id = device_id(dev)));
	KUNIT_EXPECT_EQ(test, 1, FORGOTTEN(test, .id = DID + 2, .first = IOVA,
					   .last = IOVA + SZ_4K - 1));
	KUNIT_EXPECT_EQ(test, 1, FORGOTTEN(test, .device = true,
					   .id = device_id(other),
					   .last = U64_MAX));
}

/*
 * What an IOMMU keeps of addresses where nothing was mapped is gone once there
 * is: of second stages, by domain ID, those of guests too. Devices keep no such
 * thing, nor does any IOMMU of first stages.
 */
static void mapped_test(struct kunit *test)
{
	const typeof(ranges[0]) *range = test->param_value;
	struct dmar_domain *domain = new_domain(test, DID, NULL);
	struct dmar_domain *first = new_domain(test, DID + 1,
					       &intel_fs_paging_domain_ops);
	struct cache_test *ct = test->priv;

	assign(test, domain, new_device(test, 1, true), IOMMU_NO_PASID);
	assign(test, new_nested(test, DID + 2, domain), new_device(test, 2, true),
	       IOMMU_NO_PASID);
	assign(test, first, new_device(test, 3, true), IOMMU_NO_PASID);

	flush_mapped(test, domain, range->start, range->end, true);
	for (u16 did = DID; did <= DID + 2; did += 2)
		KUNIT_EXPECT_EQ(test, 1, FORGOTTEN(test, .id = did,
						   .first = range->start,
						   .last = range->end));
	for (unsigned int devfn = 1; devfn <= 2; devfn++)
		KUNIT_EXPECT_EQ(test, 0, FORGOTTEN(test, .device = true,
						   .id = PCI_DEVID(BUS, devfn)));
	flush_mapped(test, domain, range->start, range->end, false);
	KUNIT_EXPECT_EQ(test, ct->seen, ct->sent);
	flush_mapped(test, first, range->start, range->end, true);
	KUNIT_EXPECT_EQ(test, ct->seen, ct->sent);
}

static struct kunit_case cache_cases[] = {
	KUNIT_CASE_PARAM(paging_test, ranges_gen_params),
	KUNIT_CASE_PARAM(pasid_test, ranges_gen_params),
	KUNIT_CASE(twice_test),
	KUNIT_CASE(many_devices_test),
	KUNIT_CASE_PARAM(nested_test, ranges_gen_params),
	KUNIT_CASE(guest_test),
	KUNIT_CASE(detached_test),
	KUNIT_CASE_PARAM(mapped_test, ranges_gen_params),
	{}
};

static struct kunit_suite cache_suite = {
	.name = "intel_iommu_cache",
	.init = cache_test_init,
	.test_cases = cache_cases,
};

kunit_test_suite(cache_suite);

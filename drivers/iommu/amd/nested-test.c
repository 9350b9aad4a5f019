// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests of nested domains: what is in the DTE, and what the IOMMU is told
 * to forget; and this also of tables in the guest's format, and of PASIDs.
 *
 * The device, its IOMMU and the PCI segment are the test's. The command buffer
 * is memory, the registers too, and every COMPLETION_WAIT is over before it was
 * sent, as the semaphore is ahead of all numbers that the driver waits for.
 * What has been sent is read from the buffer, so nothing can get lost that a
 * later command would hide on real hardware.
 */
#include <kunit/device.h>
#include <kunit/test.h>
#include <linux/bitfield.h>
#include <linux/io.h>
#include <linux/iommu.h>
#include <linux/mman.h>
#include <linux/mmu_notifier.h>
#include <linux/sizes.h>
#include <linux/uaccess.h>

#include "amd_iommu.h"
#include "iommufd.h"

#define PROT		(IOMMU_READ | IOMMU_WRITE)
#define IOVA		SZ_16M
#define PAGES		4

#define SEGMENT		0xffff	/* one that IVRS tables do not have */
#define DEVID		0x08
#define OTHER_DEVID	0x10
#define LAST_BDF	0xff
#define MMIO_SIZE	SZ_16K
#define SEMAPHORE	BIT_ULL(62)

/* What a guest has in its DTEs: domain IDs, and where its GCR3 tables are */
#define GUEST_DOMID	1
#define OTHER_GUEST	2
#define GCR3		0x123456000ULL
#define OTHER_GCR3	0x876543000ULL

/* Of a process's page table; both bytes of what a device is told */
#define PASID		0x105

struct nested_test {
	struct amd_iommu *iommu;
	struct amd_iommu *other_iommu;
	struct device *dev;
	struct iommu_dev_data *dev_data;
	struct protection_domain *parent;
	struct iommufd_viommu *viommu;
	u32 seen;		/* the tail up to which commands were looked at */
};

KUNIT_DEFINE_ACTION_WRAPPER(free_domain, amd_iommu_domain_free,
			    struct iommu_domain *);

/* Commands */

static unsigned int command_type(const struct iommu_cmd *cmd)
{
	return cmd->data[1] >> 28;
}

/* The command at @tail; there is none at the tail itself */
static const struct iommu_cmd *command(struct amd_iommu *iommu, u32 tail)
{
	return (const struct iommu_cmd *)(iommu->cmd_buf + tail);
}

static u32 next_command(u32 tail)
{
	return (tail + sizeof(struct iommu_cmd)) % CMD_BUFFER_SIZE;
}

/* Forget what was sent; have the IOMMU take it, so that there is room */
static void commands_done(struct nested_test *nt)
{
	nt->seen = nt->iommu->cmd_buf_tail;
	writel(nt->seen, nt->iommu->mmio_base + MMIO_CMD_HEAD_OFFSET);
}

/* Whether an invalidation of pages has all of [@first, @last] */
static bool covers(const struct iommu_cmd *cmd, u64 first, u64 last)
{
	u64 address = ((u64)cmd->data[3] << 32 | cmd->data[2]) & PAGE_MASK;
	unsigned int lg2 = PAGE_SHIFT;

	if (cmd->data[2] & CMD_INV_IOMMU_PAGES_SIZE_MASK)
		lg2 = ffz(address >> PAGE_SHIFT) + PAGE_SHIFT + 1;
	/* Bits 63:52 cannot encode a size */
	if (lg2 > 52)
		return true;
	return first >> lg2 == address >> lg2 && last >> lg2 == address >> lg2;
}

/* What a command must be */
struct wanted {
	unsigned int type;
	u16 id;			/* of the domain, or the device */
	bool tables;
	bool guest;		/* in the guest's format, and for @pasid */
	u32 pasid;
	u64 first;
	u64 last;
};

/* The format, and the PASID, as commands for the IOMMU or the device have it */
static bool is_format(const struct iommu_cmd *cmd, const struct wanted *wanted)
{
	u32 pasid = cmd->data[0] & 0xfffff;

	if (wanted->guest != !!(cmd->data[2] & CMD_INV_IOMMU_PAGES_GN_MASK))
		return false;
	if (wanted->type == CMD_INV_IOTLB_PAGES)
		pasid = (cmd->data[0] >> 16 & 0xff) << 8 | (cmd->data[1] >> 16 & 0xff);
	return !wanted->guest || pasid == wanted->pasid;
}

static bool is_wanted(const struct iommu_cmd *cmd, const struct wanted *wanted)
{
	if (command_type(cmd) != wanted->type)
		return false;

	switch (wanted->type) {
	case CMD_INV_IOMMU_PAGES:
		return (cmd->data[1] & 0xffff) == wanted->id &&
		       is_format(cmd, wanted) &&
		       (!wanted->tables ||
			cmd->data[2] & CMD_INV_IOMMU_PAGES_PDE_MASK) &&
		       covers(cmd, wanted->first, wanted->last);
	case CMD_INV_IOTLB_PAGES:
		return (cmd->data[0] & 0xffff) == wanted->id &&
		       is_format(cmd, wanted) &&
		       covers(cmd, wanted->first, wanted->last);
	default:
		return cmd->data[0] == wanted->id;
	}
}

/*
 * Whether one was among those sent since commands_done(), after which the IOMMU
 * was waited for.
 */
static bool sent(struct nested_test *nt, const struct wanted *wanted)
{
	bool found = false, waited = false;

	for (u32 at = nt->seen; at != nt->iommu->cmd_buf_tail; at = next_command(at)) {
		const struct iommu_cmd *cmd = command(nt->iommu, at);

		if (command_type(cmd) == CMD_COMPL_WAIT)
			waited = found;
		else if (is_wanted(cmd, wanted))
			found = true;
	}
	return waited;
}

/* Whether [@first, @last] of @domid was flushed, and that waited for */
static bool flushed(struct nested_test *nt, u16 domid, u64 first, u64 last)
{
	return sent(nt, &(struct wanted){ .type = CMD_INV_IOMMU_PAGES, .id = domid,
					  .first = first, .last = last });
}

/* The same, and what leads to tables there */
static bool flushed_tables(struct nested_test *nt, u16 domid, u64 first, u64 last)
{
	return sent(nt, &(struct wanted){ .type = CMD_INV_IOMMU_PAGES, .id = domid,
					  .tables = true,
					  .first = first, .last = last });
}

static bool flushed_all(struct nested_test *nt, u16 domid)
{
	return flushed_tables(nt, domid, 0, U64_MAX);
}

static bool flushed_dte(struct nested_test *nt)
{
	return sent(nt, &(struct wanted){ .type = CMD_INV_DEV_ENTRY, .id = DEVID });
}

static bool flushed_device(struct nested_test *nt, u64 first, u64 last)
{
	return sent(nt, &(struct wanted){ .type = CMD_INV_IOTLB_PAGES, .id = DEVID,
					  .first = first, .last = last });
}

/* In the guest's format, for a PASID: of the device's own ID, and in its TLB */
static bool flushed_pasid(struct nested_test *nt, u32 pasid, bool tables, u64 first,
			  u64 last)
{
	const struct wanted in_iommu = {
		.type = CMD_INV_IOMMU_PAGES, .id = nt->dev_data->gcr3_info.domid,
		.tables = tables, .guest = true, .pasid = pasid,
		.first = first, .last = last,
	};
	const struct wanted in_device = {
		.type = CMD_INV_IOTLB_PAGES, .id = DEVID,
		.guest = true, .pasid = pasid, .first = first, .last = last,
	};

	return sent(nt, &in_iommu) && sent(nt, &in_device);
}

/* The hardware, and what it has been told */

static struct dev_table_entry *dte(struct nested_test *nt)
{
	return &get_dev_table(nt->iommu)[DEVID];
}

static u16 dte_domid(struct nested_test *nt)
{
	return FIELD_GET(DTE_DOMID_MASK, dte(nt)->data[1]);
}

static bool dte_has_guest(struct nested_test *nt)
{
	return dte(nt)->data[0] & DTE_FLAG_GV;
}

static u64 dte_gcr3(struct nested_test *nt)
{
	return FIELD_GET(DTE_GCR3_14_12, dte(nt)->data[0]) << 12 |
	       FIELD_GET(DTE_GCR3_30_15, dte(nt)->data[1]) << 15 |
	       FIELD_GET(DTE_GCR3_51_31, dte(nt)->data[1]) << 31;
}

static bool dte_is_of(struct nested_test *nt, struct protection_domain *pdom)
{
	struct pt_iommu_amdv1_hw_info info;

	pt_iommu_amdv1_hw_info(&pdom->amdv1, &info);
	return dte(nt)->data[0] & DTE_FLAG_TV &&
	       FIELD_GET(DTE_MODE_MASK, dte(nt)->data[0]) == info.mode &&
	       FIELD_GET(DTE_HOST_TRP, dte(nt)->data[0]) << 12 ==
	       __sme_set(info.host_pt_root);
}

static struct amd_iommu *new_iommu(struct kunit *test,
				   struct amd_iommu_pci_seg *seg, int index)
{
	struct amd_iommu *iommu = kunit_kzalloc(test, sizeof(*iommu), GFP_KERNEL);
	u64 *sem = kunit_kzalloc(test, sizeof(*sem), GFP_KERNEL);
	void *mmio = kunit_kzalloc(test, MMIO_SIZE, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, iommu);
	KUNIT_ASSERT_NOT_NULL(test, sem);
	KUNIT_ASSERT_NOT_NULL(test, mmio);
	iommu->cmd_buf = kunit_kzalloc(test, CMD_BUFFER_SIZE, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, iommu->cmd_buf);
	*sem = SEMAPHORE;
	iommu->dev = kunit_kzalloc(test, sizeof(*iommu->dev), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, iommu->dev);
	iommu->cmd_sem = sem;
	iommu->mmio_base = (u8 __iomem *)mmio;
	iommu->index = index;
	iommu->pci_seg = seg;
	iommu->features = FEATURE_HDSUP;
	raw_spin_lock_init(&iommu->lock);
	return iommu;
}

static struct amd_iommu_pci_seg *new_segment(struct kunit *test)
{
	struct amd_iommu_pci_seg *seg = kunit_kzalloc(test, sizeof(*seg),
						      GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, seg);
	seg->id = SEGMENT;
	seg->last_bdf = LAST_BDF;
	seg->dev_table = kunit_kcalloc(test, LAST_BDF + 1,
				       sizeof(*seg->dev_table), GFP_KERNEL);
	seg->alias_table = kunit_kcalloc(test, LAST_BDF + 1,
					 sizeof(*seg->alias_table), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, seg->dev_table);
	KUNIT_ASSERT_NOT_NULL(test, seg->alias_table);
	for (int i = 0; i <= LAST_BDF; i++)
		seg->alias_table[i] = i;
	return seg;
}

/* What the core and the driver have of a device that was probed */
static struct device *new_device(struct kunit *test, const char *name,
				 u16 devid, struct amd_iommu *iommu)
{
	struct iommu_dev_data *dev_data = kunit_kzalloc(test, sizeof(*dev_data),
							GFP_KERNEL);
	struct dev_iommu *param = kunit_kzalloc(test, sizeof(*param), GFP_KERNEL);
	struct device *dev = kunit_device_register(test, name);

	KUNIT_ASSERT_NOT_NULL(test, dev_data);
	KUNIT_ASSERT_NOT_NULL(test, param);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, dev);
	mutex_init(&dev_data->mutex);
	spin_lock_init(&dev_data->dte_lock);
	dev_data->devid = devid;
	dev_data->dev = dev;
	param->iommu_dev = &iommu->iommu;
	param->priv = dev_data;
	dev->iommu = param;
	return dev;
}

static void forget_iommu(void *dev)
{
	((struct device *)dev)->iommu = NULL;
}

static struct iommu_domain *new_paging(struct kunit *test, u32 flags)
{
	struct nested_test *nt = test->priv;
	struct iommu_domain *dom;

	dom = amd_iommu_ops.domain_alloc_paging_flags(nt->dev, flags, NULL);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, dom);
	dom->type = IOMMU_DOMAIN_UNMANAGED;
	dom->owner = &amd_iommu_ops;
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test, free_domain, dom));
	return dom;
}

static struct protection_domain *new_domain(struct kunit *test)
{
	return to_pdomain(new_paging(test, IOMMU_HWPT_ALLOC_DIRTY_TRACKING));
}

static void destroy_viommu(void *viommu)
{
	((struct iommufd_viommu *)viommu)->ops->destroy(viommu);
}

static void free_by_ops(void *dom)
{
	((struct iommu_domain *)dom)->ops->free(dom);
}

/* A nested domain as user space asks for it, with a guest's DTE */
static struct iommu_domain *new_nested(struct kunit *test, u16 guest_domid,
				       u64 gcr3)
{
	struct nested_test *nt = test->priv;
	struct iommu_hwpt_amd_guest guest = { .dte = {
		DTE_FLAG_V | DTE_FLAG_TV | DTE_FLAG_GV | DTE_FLAG_GIOV |
		FIELD_PREP(DTE_GCR3_14_12, gcr3 >> 12),
		FIELD_PREP(DTE_DOMID_MASK, guest_domid) |
		FIELD_PREP(DTE_GCR3_30_15, gcr3 >> 15) |
		FIELD_PREP(DTE_GCR3_51_31, gcr3 >> 31),
		FIELD_PREP(DTE_GPT_LEVEL_MASK, GUEST_PGTABLE_4_LEVEL),
	} };
	struct iommu_user_data data = {
		.type = IOMMU_HWPT_DATA_AMD_GUEST,
		.len = sizeof(guest),
	};
	struct iommu_domain *dom;
	unsigned long user;

	user = kunit_vm_mmap(test, NULL, 0, PAGE_SIZE, PROT_READ | PROT_WRITE,
			     MAP_ANONYMOUS | MAP_PRIVATE, 0);
	KUNIT_ASSERT_NE(test, 0UL, user);
	data.uptr = (void __user *)user;
	KUNIT_ASSERT_EQ(test, 0UL, copy_to_user(data.uptr, &guest, sizeof(guest)));

	dom = amd_iommu_alloc_domain_nested(nt->viommu, 0, &data);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, dom);
	dom->owner = &amd_iommu_ops;
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test, free_by_ops, dom));
	return dom;
}

static u16 host_domid(struct iommu_domain *nested)
{
	return container_of(nested, struct nested_domain,
			    domain)->gdom_info->hdom_id;
}

static void attach(struct kunit *test, struct iommu_domain *dom)
{
	struct nested_test *nt = test->priv;

	commands_done(nt);
	KUNIT_ASSERT_EQ(test, 0, dom->ops->attach_dev(dom, nt->dev, NULL));
}

static void block(struct nested_test *nt)
{
	struct iommu_domain *blocked = amd_iommu_ops.blocked_domain;

	commands_done(nt);
	blocked->ops->attach_dev(blocked, nt->dev, NULL);
}

/* Each page by itself, so that it can be unmapped by itself */
static void map_pages(struct kunit *test, u64 first, unsigned int count)
{
	struct nested_test *nt = test->priv;

	for (unsigned int i = 0; i < count; i++) {
		KUNIT_ASSERT_EQ(test, 0, iommu_map(&nt->parent->domain,
						   first + i * SZ_4K, 0, SZ_4K,
						   PROT, GFP_KERNEL));
		/* In QEMU the driver flushes what it maps */
		commands_done(nt);
	}
}

/* A nested domain, its device attached and its parent with pages mapped */
static struct iommu_domain *attached_nested(struct kunit *test)
{
	struct nested_test *nt = test->priv;
	struct iommu_domain *nested = new_nested(test, GUEST_DOMID, GCR3);

	map_pages(test, IOVA, PAGES);
	attach(test, nested);
	commands_done(nt);
	return nested;
}

static int nested_test_init(struct kunit *test)
{
	struct nested_test *nt = kunit_kzalloc(test, sizeof(*nt), GFP_KERNEL);
	struct amd_iommu_pci_seg *seg = new_segment(test);
	struct amd_iommu_viommu *viommu;

	if (!amd_iommu_hpt_vasize || amd_iommu_hatdis)
		kunit_skip(test, "hardware: no AMD IOMMU has set the size of tables");

	KUNIT_ASSERT_NOT_NULL(test, nt);
	test->priv = nt;
	nt->iommu = new_iommu(test, seg, 0);
	nt->other_iommu = new_iommu(test, seg, 1);
	nt->dev = new_device(test, "amd-nested", DEVID, nt->iommu);
	KUNIT_ASSERT_EQ(test, 0,
			kunit_add_action_or_reset(test, forget_iommu, nt->dev));
	nt->dev_data = dev_iommu_priv_get(nt->dev);
	nt->parent = new_domain(test);

	viommu = kunit_kzalloc(test, sizeof(*viommu), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, viommu);
	viommu->core.iommu_dev = &nt->iommu->iommu;
	nt->viommu = &viommu->core;
	KUNIT_ASSERT_EQ(test, 0,
			amd_iommufd_viommu_init(nt->viommu, &nt->parent->domain,
						NULL));
	return kunit_add_action_or_reset(test, destroy_viommu, nt->viommu);
}

/* Before domains are freed */
static void nested_test_exit(struct kunit *test)
{
	struct nested_test *nt = test->priv;

	if (nt && nt->viommu)
		block(nt);
}

/* The DTE has the parent's table, the ID of the guest's domain, its GCR3 table */
static void attach_test(struct kunit *test)
{
	struct nested_test *nt = test->priv;
	struct iommu_domain *nested = attached_nested(test);

	KUNIT_EXPECT_TRUE(test, dte_is_of(nt, nt->parent));
	KUNIT_EXPECT_TRUE(test, dte_has_guest(nt));
	KUNIT_EXPECT_EQ(test, host_domid(nested), dte_domid(nt));
	KUNIT_EXPECT_NE(test, nt->parent->id, dte_domid(nt));
	KUNIT_EXPECT_EQ(test, GCR3, dte_gcr3(nt));
}

/* The parent unmaps: gone for every guest's domain before memory is given back */
static void unmap_test(struct kunit *test)
{
	struct nested_test *nt = test->priv;
	struct iommu_domain *nested = attached_nested(test);
	struct iommu_domain *other = new_nested(test, OTHER_GUEST, OTHER_GCR3);
	const u64 first = IOVA + SZ_8K, last = first + SZ_8K - 1;

	KUNIT_ASSERT_NE(test, host_domid(nested), host_domid(other));
	KUNIT_ASSERT_EQ(test, SZ_8K, iommu_unmap(&nt->parent->domain, first, SZ_8K));
	KUNIT_EXPECT_TRUE(test, flushed(nt, nt->parent->id, first, last));
	KUNIT_EXPECT_TRUE(test, flushed(nt, host_domid(nested), first, last));
	KUNIT_EXPECT_TRUE(test, flushed(nt, host_domid(other), first, last));
}

/* The parent frees a table: what led there is forgotten, too */
static void table_test(struct kunit *test)
{
	struct nested_test *nt = test->priv;
	struct iommu_domain *parent = &nt->parent->domain;
	struct iommu_domain *nested = attached_nested(test);
	const u64 first = SZ_1G, last = first + SZ_2M - 1;

	map_pages(test, first, SZ_2M / SZ_4K);
	KUNIT_ASSERT_EQ(test, SZ_2M, iommu_unmap(parent, first, SZ_2M));
	KUNIT_EXPECT_TRUE(test, flushed_tables(nt, nt->parent->id, first, last));
	KUNIT_EXPECT_TRUE(test, flushed_tables(nt, host_domid(nested), first, last));
}

/* flush_iotlb_all() is for everything, of every guest's domain */
static void flush_all_test(struct kunit *test)
{
	struct nested_test *nt = test->priv;
	struct iommu_domain *nested = attached_nested(test);

	nt->parent->domain.ops->flush_iotlb_all(&nt->parent->domain);
	KUNIT_EXPECT_TRUE(test, flushed_all(nt, nt->parent->id));
	KUNIT_EXPECT_TRUE(test, flushed_all(nt, host_domid(nested)));
}

/* Nothing is left in the IOTLB of an ID that may soon be another domain's */
static void detach_test(struct kunit *test)
{
	struct nested_test *nt = test->priv;
	struct iommu_domain *nested = attached_nested(test);

	block(nt);
	KUNIT_EXPECT_FALSE(test, dte(nt)->data[0] & DTE_FLAG_TV);
	KUNIT_EXPECT_FALSE(test, dte_has_guest(nt));
	KUNIT_EXPECT_TRUE(test, flushed_dte(nt));
	KUNIT_EXPECT_TRUE(test, flushed_all(nt, host_domid(nested)));
	KUNIT_EXPECT_TRUE(test, list_empty(&nt->parent->dev_list));
	KUNIT_EXPECT_TRUE(test, xa_empty(&nt->parent->iommu_array));
}

/* The parent alone, nested, and alone again */
static void parent_test(struct kunit *test)
{
	struct nested_test *nt = test->priv;
	struct iommu_domain *nested = attached_nested(test);

	for (int i = 0; i < 2; i++) {
		attach(test, &nt->parent->domain);
		KUNIT_EXPECT_TRUE(test, dte_is_of(nt, nt->parent));
		KUNIT_EXPECT_FALSE(test, dte_has_guest(nt));
		KUNIT_EXPECT_EQ(test, nt->parent->id, dte_domid(nt));
		KUNIT_EXPECT_TRUE(test, flushed_dte(nt));
		KUNIT_EXPECT_TRUE(test, flushed_all(nt, host_domid(nested)));

		attach(test, nested);
		KUNIT_EXPECT_TRUE(test, dte_has_guest(nt));
		KUNIT_EXPECT_EQ(test, host_domid(nested), dte_domid(nt));
		KUNIT_EXPECT_TRUE(test, flushed_dte(nt));
		KUNIT_EXPECT_TRUE(test, flushed_all(nt, nt->parent->id));
	}
}

/* From one of the guest's domains to another */
static void other_guest_test(struct kunit *test)
{
	struct nested_test *nt = test->priv;
	struct iommu_domain *nested = attached_nested(test);
	struct iommu_domain *other = new_nested(test, OTHER_GUEST, OTHER_GCR3);

	attach(test, other);
	KUNIT_EXPECT_TRUE(test, dte_is_of(nt, nt->parent));
	KUNIT_EXPECT_EQ(test, host_domid(other), dte_domid(nt));
	KUNIT_EXPECT_EQ(test, OTHER_GCR3, dte_gcr3(nt));
	KUNIT_EXPECT_TRUE(test, flushed_dte(nt));
	KUNIT_EXPECT_TRUE(test, flushed_all(nt, host_domid(nested)));
}

/* A domain that the device was in before does not keep it: it may be freed */
static void domain_before_test(struct kunit *test)
{
	struct nested_test *nt = test->priv;
	struct protection_domain *before = new_domain(test);
	struct iommu_domain *nested = attached_nested(test);

	attach(test, &before->domain);
	KUNIT_ASSERT_FALSE(test, list_empty(&before->dev_list));
	attach(test, nested);
	KUNIT_EXPECT_TRUE(test, list_empty(&before->dev_list));
	KUNIT_EXPECT_FALSE(test, list_empty(&nt->parent->dev_list));
	KUNIT_EXPECT_TRUE(test, flushed_all(nt, before->id));
}

/* The parent's table gets a level more */
static void grow_test(struct kunit *test)
{
	struct nested_test *nt = test->priv;
	struct iommu_domain *nested = attached_nested(test);
	struct pt_iommu_amdv1_hw_info before, after;

	pt_iommu_amdv1_hw_info(&nt->parent->amdv1, &before);
	KUNIT_ASSERT_EQ(test, 0, iommu_map(&nt->parent->domain, BIT_ULL(40), 0,
					   SZ_4K, PROT, GFP_KERNEL));
	pt_iommu_amdv1_hw_info(&nt->parent->amdv1, &after);
	KUNIT_ASSERT_GT(test, after.mode, before.mode);

	KUNIT_EXPECT_TRUE(test, dte_is_of(nt, nt->parent));
	KUNIT_EXPECT_TRUE(test, dte_has_guest(nt));
	KUNIT_EXPECT_EQ(test, GCR3, dte_gcr3(nt));
	KUNIT_EXPECT_EQ(test, host_domid(nested), dte_domid(nt));
	KUNIT_EXPECT_TRUE(test, flushed_dte(nt));
	KUNIT_EXPECT_TRUE(test, flushed_all(nt, host_domid(nested)));
}

/* The IOMMU is to set dirty bits of the parent's pages, and to see them clean */
static void dirty_test(struct kunit *test)
{
	struct nested_test *nt = test->priv;
	struct iommu_domain *parent = &nt->parent->domain;
	struct iommu_domain *nested = attached_nested(test);

	KUNIT_EXPECT_FALSE(test, dte(nt)->data[0] & DTE_FLAG_HAD);
	KUNIT_ASSERT_EQ(test, 0,
			parent->dirty_ops->set_dirty_tracking(parent, true));
	KUNIT_EXPECT_EQ(test, DTE_FLAG_HAD, dte(nt)->data[0] & DTE_FLAG_HAD);
	KUNIT_EXPECT_TRUE(test, flushed_dte(nt));
	KUNIT_EXPECT_TRUE(test, flushed_all(nt, host_domid(nested)));

	/* Attached after it was enabled */
	block(nt);
	attach(test, nested);
	KUNIT_EXPECT_EQ(test, DTE_FLAG_HAD, dte(nt)->data[0] & DTE_FLAG_HAD);

	KUNIT_ASSERT_EQ(test, 0,
			parent->dirty_ops->set_dirty_tracking(parent, false));
	KUNIT_EXPECT_FALSE(test, dte(nt)->data[0] & DTE_FLAG_HAD);
}

/* A device's TLB has addresses of the guest: all of it goes */
static void device_tlb_test(struct kunit *test)
{
	struct nested_test *nt = test->priv;
	struct iommu_domain *parent = &nt->parent->domain;

	attached_nested(test);
	nt->dev_data->ats_enabled = 1;
	KUNIT_ASSERT_EQ(test, SZ_4K, iommu_unmap(parent, IOVA, SZ_4K));
	KUNIT_EXPECT_TRUE(test, flushed_device(nt, 0, U64_MAX));

	/* Of the parent alone, what was unmapped */
	attach(test, parent);
	KUNIT_EXPECT_TRUE(test, flushed_device(nt, 0, U64_MAX));
	commands_done(nt);
	KUNIT_ASSERT_EQ(test, SZ_4K, iommu_unmap(parent, IOVA + SZ_8K, SZ_4K));
	KUNIT_EXPECT_TRUE(test, flushed_device(nt, IOVA + SZ_8K,
					       IOVA + SZ_8K + SZ_4K - 1));
	KUNIT_EXPECT_FALSE(test, flushed_device(nt, 0, U64_MAX));
}

/* What is flushed goes to the vIOMMU's IOMMU, so no other has such a device */
static void other_iommu_test(struct kunit *test)
{
	struct nested_test *nt = test->priv;
	struct iommu_domain *nested = attached_nested(test);
	struct device *dev = new_device(test, "amd-other", OTHER_DEVID,
					nt->other_iommu);

	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test, forget_iommu, dev));
	KUNIT_EXPECT_EQ(test, -EINVAL, nested->ops->attach_dev(nested, dev, NULL));
	KUNIT_EXPECT_EQ(test, 0, get_dev_table(nt->iommu)[OTHER_DEVID].data[0]);
	KUNIT_EXPECT_EQ(test, 0, nt->other_iommu->cmd_buf_tail);
}

struct features {
	u64 efr;
	int gpt_level;
};

static void set_features(void *data)
{
	const struct features *features = data;

	amd_iommu_efr = features->efr;
	amd_iommu_gpt_level = features->gpt_level;
}

/* A domain with tables in the guest's format, as for PASIDs, and the device in it */
static struct iommu_domain *attached_guest_format(struct kunit *test)
{
	struct nested_test *nt = test->priv;
	struct features *features;
	struct iommu_domain *dom;

	features = kunit_kzalloc(test, sizeof(*features), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, features);
	features->efr = amd_iommu_efr;
	features->gpt_level = amd_iommu_gpt_level;
	amd_iommu_efr |= FEATURE_GT | FEATURE_GIOSUP | FEATURE_PPR | FEATURE_EPHSUP;
	if (pgtable_l5_enabled())
		amd_iommu_gpt_level = PAGE_MODE_5_LEVEL;
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test, set_features,
							   features));
	dom = new_paging(test, IOMMU_HWPT_ALLOC_PASID);
	nt->dev_data->max_pasids = PASID + 1;
	nt->dev_data->pasid_enabled = 1;
	attach(test, dom);
	nt->dev_data->ats_enabled = 1;
	commands_done(nt);
	return dom;
}

/* Gone for the device's own ID, and from its TLB; with tables what leads there */
static void guest_format_test(struct kunit *test)
{
	struct nested_test *nt = test->priv;
	struct iommu_domain *dom = attached_guest_format(test);

	KUNIT_EXPECT_TRUE(test, dte_has_guest(nt));
	KUNIT_EXPECT_EQ(test, nt->dev_data->gcr3_info.domid, dte_domid(nt));
	KUNIT_ASSERT_EQ(test, 0, iommu_map(dom, IOVA, 0, SZ_4M, PROT, GFP_KERNEL));
	KUNIT_ASSERT_EQ(test, 0, iommu_map(dom, SZ_1G, SZ_4K, SZ_2M, PROT, GFP_KERNEL));

	commands_done(nt);
	KUNIT_ASSERT_EQ(test, SZ_4M, iommu_unmap(dom, IOVA, SZ_4M));
	KUNIT_EXPECT_TRUE(test, flushed_pasid(nt, 0, false, IOVA, IOVA + SZ_4M - 1));
	commands_done(nt);
	KUNIT_ASSERT_EQ(test, SZ_2M, iommu_unmap(dom, SZ_1G, SZ_2M));
	KUNIT_EXPECT_TRUE(test, flushed_pasid(nt, 0, true, SZ_1G, SZ_1G + SZ_2M - 1));
	commands_done(nt);
	dom->ops->flush_iotlb_all(dom);
	KUNIT_EXPECT_TRUE(test, flushed_pasid(nt, 0, true, 0, U64_MAX));
}

/* A process's page table: what it unmaps is gone for its PASID, all if that ends */
static void process_test(struct kunit *test)
{
	const u64 first = IOVA, last = IOVA + SZ_8K - 1;
	struct nested_test *nt = test->priv;
	struct iommu_domain *dom;

	if (IS_ENABLED(CONFIG_LOCKDEP))
		kunit_skip(test, "driver: asserts the lock of a group, and there is none");

	attached_guest_format(test);
	KUNIT_ASSERT_EQ(test, 0, kunit_attach_mm());
	dom = amd_iommu_ops.domain_alloc_sva(nt->dev, current->mm);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, dom);
	dom->mm = current->mm;
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test, free_by_ops, dom));

	KUNIT_ASSERT_EQ(test, 0, dom->ops->set_dev_pasid(dom, nt->dev, PASID, NULL));
	KUNIT_EXPECT_TRUE(test, flushed_pasid(nt, PASID, true, 0, U64_MAX));
	commands_done(nt);
	mmu_notifier_arch_invalidate_secondary_tlbs(dom->mm, first, last + 1);
	KUNIT_EXPECT_TRUE(test, flushed_pasid(nt, PASID, true, first, last));
	KUNIT_EXPECT_FALSE(test, flushed_pasid(nt, 0, false, first, last));
	commands_done(nt);
	amd_iommu_remove_dev_pasid(nt->dev, PASID, dom);
	KUNIT_EXPECT_TRUE(test, flushed_pasid(nt, PASID, true, 0, U64_MAX));
	commands_done(nt);
	mmu_notifier_arch_invalidate_secondary_tlbs(dom->mm, first, last + 1);
	KUNIT_EXPECT_EQ(test, nt->seen, nt->iommu->cmd_buf_tail);
}

static struct kunit_case nested_cases[] = {
	KUNIT_CASE(attach_test),
	KUNIT_CASE(unmap_test),
	KUNIT_CASE(table_test),
	KUNIT_CASE(flush_all_test),
	KUNIT_CASE(detach_test),
	KUNIT_CASE(parent_test),
	KUNIT_CASE(other_guest_test),
	KUNIT_CASE(domain_before_test),
	KUNIT_CASE(grow_test),
	KUNIT_CASE(dirty_test),
	KUNIT_CASE(device_tlb_test),
	KUNIT_CASE(other_iommu_test),
	KUNIT_CASE(guest_format_test),
	KUNIT_CASE(process_test),
	{}
};

static struct kunit_suite nested_suite = {
	.name = "amd_iommu_nested",
	.init = nested_test_init,
	.exit = nested_test_exit,
	.test_cases = nested_cases,
};

kunit_test_suite(nested_suite);

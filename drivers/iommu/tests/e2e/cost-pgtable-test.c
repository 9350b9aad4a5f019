// SPDX-License-Identifier: GPL-2.0
/*
 * What unmap costs in the page table formats by themselves: those of io-pgtable
 * with a driver that does nothing, those of the generic page table, and as the
 * limit for all of them, tables whose entries are cleared and nothing else. And
 * what iommu_unmap() costs, sync included, with the first of these in a domain.
 */
#include <kunit/device.h>
#include <linux/generic_pt/iommu.h>
#include <linux/io-pgtable.h>
#include <linux/iommu.h>
#include <linux/module.h>
#include <linux/sizes.h>

#include "../../iommu-pages.h"
#include "cost.h"

#define FIRST_IOVA	SZ_1G
#define MEMORY		SZ_1G
#define PROT		(IOMMU_READ | IOMMU_WRITE)

static const unsigned int counts[] = { 1, 2, 4, 8, 16, 32, 64, 128, 256, 512 };

struct format;

struct table {
	const struct format *format;
	struct device *dev;
	struct iommu_domain domain;
	struct iommu_iotlb_gather gather;
	union {
		struct io_pgtable_ops *ops;
		struct pt_iommu iommu;
		struct pt_iommu_vtdss vtdss;
		struct pt_iommu_riscv_64 riscv_64;
		struct pt_iommu_x86_64 x86_64;
		u64 *root;
	};
};

/**
 * struct format - A page table format
 * @name: in the log
 * @init: make the empty @table; 0 or -errno
 * @exit: free it
 * @map: one page; 0 or -errno
 * @unmap: a number of pages next to each other; the bytes unmapped
 * @fmt: of io-pgtable
 * @domain_ops: of a domain that has it
 * @pgsize: the smallest page
 * @block: what a table of pages translates; 0 if it cannot be unmapped at once
 */
struct format {
	const char *name;
	int (*init)(struct table *table);
	void (*exit)(struct table *table);
	int (*map)(struct table *table, unsigned long iova, size_t pgsize);
	size_t (*unmap)(struct table *table, unsigned long iova, size_t pgsize,
			size_t count);
	enum io_pgtable_fmt fmt;
	const struct iommu_domain_ops *domain_ops;
	size_t pgsize;
	size_t block;
};

static void no_flush(void *cookie)
{
}

static void no_flush_walk(unsigned long iova, size_t size, size_t granule,
			  void *cookie)
{
}

static void no_add_range(struct iommu_iotlb_gather *gather, unsigned long iova,
			 size_t size, size_t granule, void *cookie)
{
}

static const struct iommu_flush_ops no_flush_ops = {
	.tlb_flush_all	= no_flush,
	.tlb_flush_walk	= no_flush_walk,
	.tlb_add_range	= no_add_range,
};

static int io_pgtable_init(struct table *table)
{
	const struct format *f = table->format;
	struct io_pgtable_cfg cfg = {
		.pgsize_bitmap = f->pgsize | f->block,
		.ias = 32,
		.oas = f->fmt == ARM_V7S ? 32 : 36,
		.coherent_walk = true,
		.tlb = &no_flush_ops,
		.iommu_dev = table->dev,
	};

	table->ops = alloc_io_pgtable_ops(f->fmt, &cfg, NULL);
	return table->ops ? 0 : -ENOENT;
}

static void io_pgtable_exit(struct table *table)
{
	free_io_pgtable_ops(table->ops);
}

static int io_pgtable_map(struct table *table, unsigned long iova, size_t pgsize)
{
	size_t mapped = 0;

	return table->ops->map_pages(table->ops, iova, MEMORY, pgsize, 1, PROT,
				     GFP_KERNEL, &mapped);
}

/* As the IOMMU core does, which asks again for what is in the next table */
static size_t io_pgtable_unmap(struct table *table, unsigned long iova,
			       size_t pgsize, size_t count)
{
	size_t unmapped = 0, ret;

	do {
		ret = table->ops->unmap_pages(table->ops, iova + unmapped, pgsize,
					      count - unmapped / pgsize,
					      &table->gather);
		unmapped += ret;
	} while (ret && unmapped < count * pgsize);
	return unmapped;
}

static size_t domain_unmap_pages(struct iommu_domain *domain, unsigned long iova,
				 size_t pgsize, size_t pgcount,
				 struct iommu_iotlb_gather *gather)
{
	struct table *table = container_of(domain, struct table, domain);

	return table->ops->unmap_pages(table->ops, iova, pgsize, pgcount, gather);
}

static size_t domain_unmap_pages_gather(struct iommu_domain *domain,
					unsigned long iova, size_t pgsize,
					size_t pgcount,
					struct iommu_iotlb_gather *gather)
{
	size_t size = domain_unmap_pages(domain, iova, pgsize, pgcount, gather);

	if (size)
		iommu_iotlb_gather_add_range(gather, iova, size);
	return size;
}

static void domain_sync(struct iommu_domain *domain,
			struct iommu_iotlb_gather *gather)
{
}

static const struct iommu_domain_ops always_ops = {
	.unmap_pages = domain_unmap_pages,
	.iotlb_sync = domain_sync,
	.iotlb_sync_always = true,
};

static const struct iommu_domain_ops range_ops = {
	.unmap_pages = domain_unmap_pages_gather,
	.iotlb_sync = domain_sync,
};

static int domain_init(struct table *table)
{
	const struct format *f = table->format;

	table->domain.type = IOMMU_DOMAIN_UNMANAGED;
	table->domain.ops = f->domain_ops;
	table->domain.pgsize_bitmap = f->pgsize | f->block;
	return io_pgtable_init(table);
}

static size_t domain_unmap(struct table *table, unsigned long iova,
			   size_t pgsize, size_t count)
{
	return iommu_unmap(&table->domain, iova, count * pgsize);
}

static int generic_init_vtdss(struct table *table)
{
	const struct pt_iommu_vtdss_cfg cfg = {
		.common.hw_max_vasz_lg2 = 48,
		.common.hw_max_oasz_lg2 = 48,
		.top_level = 3,
	};

	return pt_iommu_vtdss_init(&table->vtdss, &cfg, GFP_KERNEL);
}

static int generic_init_riscv_64(struct table *table)
{
	const struct pt_iommu_riscv_64_cfg cfg = {
		.common.features = BIT(PT_FEAT_SIGN_EXTEND) |
				   BIT(PT_FEAT_DETAILED_GATHER),
		.common.hw_max_vasz_lg2 = 48,
		.common.hw_max_oasz_lg2 = 48,
	};

	return pt_iommu_riscv_64_init(&table->riscv_64, &cfg, GFP_KERNEL);
}

static int generic_init_x86_64(struct table *table)
{
	const struct pt_iommu_x86_64_cfg cfg = {
		.common.features = BIT(PT_FEAT_SIGN_EXTEND),
		.common.hw_max_vasz_lg2 = 48,
		.common.hw_max_oasz_lg2 = 48,
		.top_level = 3,
	};

	return pt_iommu_x86_64_init(&table->x86_64, &cfg, GFP_KERNEL);
}

static void generic_exit(struct table *table)
{
	pt_iommu_deinit(&table->iommu);
}

static int generic_map(struct table *table, unsigned long iova, size_t pgsize)
{
	size_t mapped = 0;

	return table->iommu.ops->map_range(&table->iommu, iova, MEMORY, pgsize,
					   PROT, GFP_KERNEL, &mapped);
}

static size_t generic_unmap(struct table *table, unsigned long iova,
			    size_t pgsize, size_t count)
{
	return table->iommu.ops->unmap_range(&table->iommu, iova, count * pgsize,
					     &table->gather);
}

/* Four levels of 512 entries, each the address of the next table or of a page */
#define LIMIT_LEVELS	4
#define LIMIT_BITS	9
#define LIMIT_ENTRIES	BIT(LIMIT_BITS)

static unsigned int limit_index(unsigned long iova, unsigned int level)
{
	return (iova >> (12 + level * LIMIT_BITS)) & (LIMIT_ENTRIES - 1);
}

static int limit_init(struct table *table)
{
	table->root = (u64 *)get_zeroed_page(GFP_KERNEL);
	return table->root ? 0 : -ENOMEM;
}

static void limit_free(u64 *entries, unsigned int level)
{
	for (unsigned int i = 0; level && i < LIMIT_ENTRIES; i++)
		if (entries[i])
			limit_free(phys_to_virt(entries[i]), level - 1);
	free_page((unsigned long)entries);
}

static void limit_exit(struct table *table)
{
	limit_free(table->root, LIMIT_LEVELS - 1);
}

static int limit_map(struct table *table, unsigned long iova, size_t pgsize)
{
	u64 *entry = table->root;
	void *next;

	for (unsigned int level = LIMIT_LEVELS - 1; level; level--) {
		entry += limit_index(iova, level);
		if (!*entry) {
			next = (void *)get_zeroed_page(GFP_KERNEL);
			if (!next)
				return -ENOMEM;
			*entry = virt_to_phys(next);
		}
		entry = phys_to_virt(*entry);
	}
	WRITE_ONCE(entry[limit_index(iova, 0)], MEMORY);
	return 0;
}

static noinline size_t limit_unmap(struct table *table, unsigned long iova,
				   size_t pgsize, size_t count)
{
	size_t size = count * pgsize;
	unsigned int first, last;
	u64 *entry;

	while (count) {
		entry = table->root;
		for (unsigned int level = LIMIT_LEVELS - 1; level; level--)
			entry = phys_to_virt(entry[limit_index(iova, level)]);
		first = limit_index(iova, 0);
		last = min(first + count, LIMIT_ENTRIES);
		for (unsigned int i = first; i < last; i++)
			WRITE_ONCE(entry[i], 0);
		iova += (last - first) * pgsize;
		count -= last - first;
	}
	return size;
}

#define IO_PGTABLE(_name, _fmt, _pgsize, _block) {			\
	.name = _name,							\
	.init = io_pgtable_init,					\
	.exit = io_pgtable_exit,					\
	.map = io_pgtable_map,						\
	.unmap = io_pgtable_unmap,					\
	.fmt = _fmt,							\
	.pgsize = _pgsize,						\
	.block = _block,						\
}

#define DOMAIN(_name, _fmt, _ops, _pgsize, _block) {			\
	.name = "core_" _name,						\
	.init = domain_init,						\
	.exit = io_pgtable_exit,					\
	.map = io_pgtable_map,						\
	.unmap = domain_unmap,						\
	.fmt = _fmt,							\
	.domain_ops = &(_ops),						\
	.pgsize = _pgsize,						\
	.block = _block,						\
}

#define GENERIC(_name) {						\
	.name = "generic_pt_" #_name,					\
	.init = generic_init_##_name,					\
	.exit = generic_exit,						\
	.map = generic_map,						\
	.unmap = generic_unmap,						\
	.pgsize = SZ_4K,						\
	.block = SZ_2M,							\
}

static const struct format formats[] = {
	IO_PGTABLE("lpae_s1", ARM_64_LPAE_S1, SZ_4K, SZ_2M),
	IO_PGTABLE("lpae_s2", ARM_64_LPAE_S2, SZ_4K, SZ_2M),
	IO_PGTABLE("v7s", ARM_V7S, SZ_4K, SZ_1M),
	IO_PGTABLE("dart", APPLE_DART, SZ_16K, 0),
	DOMAIN("lpae_always", ARM_64_LPAE_S1, always_ops, SZ_4K, SZ_2M),
	DOMAIN("lpae_range", ARM_64_LPAE_S1, range_ops, SZ_4K, SZ_2M),
	DOMAIN("v7s_always", ARM_V7S, always_ops, SZ_4K, SZ_1M),
	DOMAIN("v7s_range", ARM_V7S, range_ops, SZ_4K, SZ_1M),
	DOMAIN("dart_always", APPLE_DART, always_ops, SZ_16K, 0),
	GENERIC(vtdss),
	GENERIC(riscv_64),
	GENERIC(x86_64),
	{
		.name = "limit",
		.init = limit_init,
		.exit = limit_exit,
		.map = limit_map,
		.unmap = limit_unmap,
		.pgsize = SZ_4K,
	},
};

KUNIT_ARRAY_PARAM_DESC(format, formats, name);

static void free_table(void *context)
{
	struct table *table = context;

	table->format->exit(table);
}

static int pgtable_init(struct kunit *test)
{
	struct table *table = kunit_kzalloc(test, sizeof(*table), GFP_KERNEL);
	int ret;

	KUNIT_ASSERT_NOT_NULL(test, table);
	test->priv = table;
	table->format = test->param_value;
	table->dev = kunit_device_register(test, "cost-pgtable");
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, table->dev);
	set_dev_node(table->dev, NUMA_NO_NODE);
	iommu_iotlb_gather_init(&table->gather);
	ret = table->format->init(table);
	if (ret == -ENOENT)
		kunit_skip(test, "model: is not in this kernel");
	KUNIT_ASSERT_EQ(test, 0, ret);
	return kunit_add_action_or_reset(test, free_table, table);
}

/* @count times @unmap_size, which are mapped as @pgsize, @rounds times */
static void count_unmap(struct kunit *test, const char *shape,
			unsigned long iova, size_t unmap_size, size_t pgsize,
			size_t count)
{
	struct table *table = test->priv;
	const struct format *f = table->format;
	size_t size = count * unmap_size, unmapped;
	struct cost cost = {};

	for (int round = 0; round < COST_ROUNDS; round++) {
		for (size_t done = 0; done < size; done += pgsize)
			KUNIT_ASSERT_EQ(test, 0, f->map(table, iova + done, pgsize));
		COST_COUNT(&cost, unmapped = f->unmap(table, iova, unmap_size, count));
		KUNIT_ASSERT_EQ(test, size, unmapped);
		iommu_put_pages_list(&table->gather.freelist);
		iommu_iotlb_gather_init(&table->gather);
	}
	cost_report(test, &cost, f->name, shape, size / pgsize);
}

static void pages_test(struct kunit *test)
{
	struct table *table = test->priv;
	const struct format *f = table->format;

	/* From the middle of a table on */
	for (int i = 0; i < ARRAY_SIZE(counts); i++)
		count_unmap(test, "pages", FIRST_IOVA + f->block / 2, f->pgsize,
			    f->pgsize, counts[i]);
}

static void block_test(struct kunit *test)
{
	struct table *table = test->priv;
	const struct format *f = table->format;

	if (!f->block)
		kunit_skip(test, "hardware: has pages of one size only");
	count_unmap(test, "table", FIRST_IOVA, f->block, f->pgsize, 1);
	count_unmap(test, "block", FIRST_IOVA, f->block, f->block, 1);
}

static struct kunit_case pgtable_cases[] = {
	KUNIT_CASE_PARAM(pages_test, format_gen_params),
	KUNIT_CASE_PARAM(block_test, format_gen_params),
	{ }
};

static struct kunit_suite pgtable_suite = {
	.name = "iommu_cost_pgtable",
	.init = pgtable_init,
	.test_cases = pgtable_cases,
};

kunit_test_suite(pgtable_suite);

MODULE_IMPORT_NS("GENERIC_PT_IOMMU");

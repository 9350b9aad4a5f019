// SPDX-License-Identifier: GPL-2.0
/*
 * No sync: a helper of a helper writes the register, or a macro does, or asm,
 * or who knows.
 */
#include <linux/iommu.h>
#include <linux/io.h>

struct toy_domain {
	struct iommu_domain domain;
	void __iomem *base;
	u32 *table;
	struct regmap *map;
	const struct toy_hw *hw;
};

#define to_toy(d) container_of(d, struct toy_domain, domain)

#define TOY_FLUSH_ALL	writel(1, toy_base)
#define toy_write(toy, value) writel(value, (toy)->base)
#define toy_flush_some(toy, iova) do { toy_write(toy, iova); } while (0)

static void toy_flush_bank(struct toy_domain *toy, unsigned long iova)
{
	regmap_write(toy->map, 4, iova);
}

static void toy_flush(struct toy_domain *toy, unsigned long iova)
{
	toy_flush_bank(toy, iova);
}

static size_t toy_unmap_a(struct iommu_domain *domain, unsigned long iova,
			  size_t pgsize, size_t pgcount,
			  struct iommu_iotlb_gather *gather)
{
	struct toy_domain *toy = to_toy(domain);

	toy->table[iova >> PAGE_SHIFT] = 0;
	toy_flush(toy, iova);
	return pgsize;
}

static const struct iommu_domain_ops toy_a_ops = {
	.unmap_pages = toy_unmap_a,
};

static size_t toy_unmap_b(struct iommu_domain *domain, unsigned long iova,
			  size_t pgsize, size_t pgcount,
			  struct iommu_iotlb_gather *gather)
{
	struct toy_domain *toy = to_toy(domain);

	toy->table[iova >> PAGE_SHIFT] = 0;
	toy_write(toy, iova);
	return pgsize;
}

static const struct iommu_domain_ops toy_b_ops = {
	.unmap_pages = toy_unmap_b,
};

static size_t toy_unmap_c(struct iommu_domain *domain, unsigned long iova,
			  size_t pgsize, size_t pgcount,
			  struct iommu_iotlb_gather *gather)
{
	struct toy_domain *toy = to_toy(domain);

	toy->table[iova >> PAGE_SHIFT] = 0;
	TOY_FLUSH_ALL;
	return pgsize;
}

static const struct iommu_domain_ops toy_c_ops = {
	.unmap_pages = toy_unmap_c,
};

static size_t toy_unmap_d(struct iommu_domain *domain, unsigned long iova,
			  size_t pgsize, size_t pgcount,
			  struct iommu_iotlb_gather *gather)
{
	struct toy_domain *toy = to_toy(domain);

	toy->table[iova >> PAGE_SHIFT] = 0;
	toy_flush_some(toy, iova);
	return pgsize;
}

static const struct iommu_domain_ops toy_d_ops = {
	.unmap_pages = toy_unmap_d,
};

static size_t toy_unmap_e(struct iommu_domain *domain, unsigned long iova,
			  size_t pgsize, size_t pgcount,
			  struct iommu_iotlb_gather *gather)
{
	struct toy_domain *toy = to_toy(domain);

	toy->table[iova >> PAGE_SHIFT] = 0;
	asm volatile("tlbi %0" : : "r" (iova));
	return pgsize;
}

static const struct iommu_domain_ops toy_e_ops = {
	.unmap_pages = toy_unmap_e,
};

static size_t toy_unmap_f(struct iommu_domain *domain, unsigned long iova,
			  size_t pgsize, size_t pgcount,
			  struct iommu_iotlb_gather *gather)
{
	struct toy_domain *toy = to_toy(domain);

	toy->table[iova >> PAGE_SHIFT] = 0;
	toy->hw->flush(toy, iova);
	return pgsize;
}

static const struct iommu_domain_ops toy_f_ops = {
	.unmap_pages = toy_unmap_f,
};

static size_t toy_unmap_g(struct iommu_domain *domain, unsigned long iova,
			  size_t pgsize, size_t pgcount,
			  struct iommu_iotlb_gather *gather)
{
	struct toy_domain *toy = to_toy(domain);

	toy->table[iova >> PAGE_SHIFT] = 0;
	other_file_flush(toy, iova);
	return pgsize;
}

static const struct iommu_domain_ops toy_g_ops = {
	.unmap_pages = toy_unmap_g,
};

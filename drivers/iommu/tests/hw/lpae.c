// SPDX-License-Identifier: GPL-2.0-only
/*
 * The walk of ARM's long descriptors, as the architecture defines it; devices are not
 * privileged
 */
#include "hw.h"

#include <linux/log2.h>

#define LPAE_VALID		BIT_ULL(0)
#define LPAE_TABLE		BIT_ULL(1)	/* at level 3: a page */
#define LPAE_S1_UNPRIV		BIT_ULL(6)
#define LPAE_S1_RDONLY		BIT_ULL(7)
#define LPAE_S1_NG		BIT_ULL(11)
#define LPAE_S2_READ		BIT_ULL(6)
#define LPAE_S2_WRITE		BIT_ULL(7)
#define LPAE_AF			BIT_ULL(10)
#define LPAE_ADDR		GENMASK_ULL(47, 12)

/**
 * hw_lpae_step() - one step of a walk, for hw_ops::step
 * @iommu: who walks
 * @root: where the walk began; its first table may be larger or smaller than a page
 * @table: physical address of the table
 * @level: of the table, 0 to 3
 * @stage2: the permissions are those of stage 2
 * @iova: address, with no bits beyond the input size
 * @entry: what was found
 *
 * Return: 0, or -EFAULT if there is no translation.
 */
int hw_lpae_step(struct hw_iommu *iommu, const struct hw_root *root, u64 table,
		 int level, bool stage2, u64 iova, struct hw_entry *entry)
{
	unsigned int page_shift = root->page_shift ?: 12;
	unsigned int bits = page_shift - ilog2(sizeof(u64));
	unsigned int shift = page_shift + bits * (3 - level);
	u64 index = iova >> shift;
	u64 desc;

	if (level != root->level)
		index &= BIT(bits) - 1;
	desc = hw_load64(iommu, table + index * sizeof(desc));

	if (!(desc & LPAE_VALID))
		return -EFAULT;
	if (level == 3 && !(desc & LPAE_TABLE))
		return -EFAULT;

	entry->size = BIT_ULL(shift);
	entry->iova = ALIGN_DOWN(iova, entry->size);
	entry->addr = desc & LPAE_ADDR & -BIT_ULL(page_shift);

	if (level < 3 && desc & LPAE_TABLE) {
		entry->table = true;
		entry->level = level + 1;
		return 0;
	}

	/* Blocks are of level 2, and of level 1 where pages are of 4K */
	if (level < (page_shift == 12 ? 1 : 2) || !(desc & LPAE_AF))
		return -EFAULT;

	entry->addr &= ~(entry->size - 1);
	if (stage2)
		entry->prot = (desc & LPAE_S2_READ ? HW_READ : 0) |
			      (desc & LPAE_S2_WRITE ? HW_WRITE : 0);
	else if (desc & LPAE_S1_UNPRIV)
		entry->prot = HW_READ | (desc & LPAE_S1_RDONLY ? 0 : HW_WRITE);
	else
		entry->prot = 0;
	entry->global = !stage2 && !(desc & LPAE_S1_NG);
	return 0;
}

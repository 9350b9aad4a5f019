// SPDX-License-Identifier: GPL-2.0-only
/*
 * The walk of ARM's short descriptors, as the architecture defines it, with access
 * flag and the permissions that go with it; or what MediaTek makes of it: there are no
 * permissions, and the bits thus free extend addresses. Which bit extends which address
 * is taken from the page table code.
 */
#include "hw.h"

#include <linux/sizes.h>

#define V7S_TYPE		GENMASK(1, 0)
#define V7S_L1_TABLE		1
#define V7S_L1_SUPERSECTION	BIT(18)
#define V7S_L1_TABLE_ADDR	GENMASK(31, 10)
#define V7S_L1_RDONLY		BIT(15)
#define V7S_L1_UNPRIV		BIT(11)
#define V7S_L1_AF		BIT(10)
#define V7S_L1_NG		BIT(17)
#define V7S_L2_LARGE		1
#define V7S_L2_RDONLY		BIT(9)
#define V7S_L2_UNPRIV		BIT(5)
#define V7S_L2_AF		BIT(4)
#define V7S_L2_NG		BIT(11)
#define V7S_MTK_PA_32		BIT(9)
#define V7S_MTK_PA_33		BIT(4)
#define V7S_MTK_PA_34		BIT(5)

static u64 v7s_addr(u32 desc, u32 mask, bool mtk)
{
	u64 addr = desc & mask;

	if (!mtk)
		return addr;
	if (desc & V7S_MTK_PA_32)
		addr |= BIT_ULL(32);
	if (desc & V7S_MTK_PA_33)
		addr |= BIT_ULL(33);
	if (desc & V7S_MTK_PA_34)
		addr |= BIT_ULL(34);
	return addr;
}

/**
 * hw_v7s_step() - one step of a walk, for hw_ops::step
 * @iommu: who walks
 * @root: where the walk began
 * @table: physical address of the table
 * @level: of the table, 1 or 2
 * @mtk: whether MediaTek's
 * @iova: address, with no bits beyond the input size
 * @entry: what was found
 *
 * Return: 0, or -EFAULT if there is no translation.
 */
int hw_v7s_step(struct hw_iommu *iommu, const struct hw_root *root, u64 table, int level,
		bool mtk, u64 iova, struct hw_entry *entry)
{
	u64 index = level == 1 ? iova >> 20 : iova >> 12 & 255;
	u32 desc = hw_load32(iommu, table + index * sizeof(desc));
	u32 type = desc & V7S_TYPE;

	if (!type)
		return -EFAULT;

	if (level == 1 && type == V7S_L1_TABLE) {
		entry->size = SZ_1M;
		entry->iova = ALIGN_DOWN(iova, entry->size);
		entry->addr = v7s_addr(desc, V7S_L1_TABLE_ADDR, mtk);
		entry->table = true;
		entry->level = 2;
		return 0;
	}

	if (level == 1)
		entry->size = desc & V7S_L1_SUPERSECTION ? SZ_16M : SZ_1M;
	else
		entry->size = type == V7S_L2_LARGE ? SZ_64K : SZ_4K;

	entry->iova = ALIGN_DOWN(iova, entry->size);
	entry->addr = v7s_addr(desc, ~((u32)entry->size - 1), mtk);
	if (mtk)
		return 0;

	if (!(desc & (level == 1 ? V7S_L1_AF : V7S_L2_AF)))
		return -EFAULT;
	if (!(desc & (level == 1 ? V7S_L1_UNPRIV : V7S_L2_UNPRIV)))
		entry->prot = 0;
	else if (desc & (level == 1 ? V7S_L1_RDONLY : V7S_L2_RDONLY))
		entry->prot = HW_READ;
	entry->global = !(desc & (level == 1 ? V7S_L1_NG : V7S_L2_NG));
	return 0;
}

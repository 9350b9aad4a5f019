/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Model of ARM's SMMU, versions 1 and 2: what its variants are made of
 */
#ifndef __IOMMU_TESTS_HW_ARM_SMMU_H
#define __IOMMU_TESTS_HW_ARM_SMMU_H

#include "hw.h"

#include <linux/bitfield.h>
#include <linux/bits.h>
#include <linux/log2.h>
#include <linux/types.h>

#define SMMU_ID0_S1TS		BIT(30)
#define SMMU_ID0_S2TS		BIT(29)
#define SMMU_ID0_SMS		BIT(27)
#define SMMU_ID0_ATOSNS		BIT(26)
#define SMMU_ID0_NO_AARCH32	BIT(25)
#define SMMU_ID0_NO_AARCH32S	BIT(24)
#define SMMU_ID0_NUMIRPT	GENMASK(23, 16)
#define SMMU_ID0_CTTW		BIT(14)
#define SMMU_ID0_NUMSIDB	GENMASK(12, 9)
#define SMMU_ID0_NUMSMRG	GENMASK(7, 0)
#define SMMU_ID1_64K_PAGES	BIT(31)
#define SMMU_ID1_NUMPAGENDXB	GENMASK(30, 28)
#define SMMU_ID1_NUMS2CB	GENMASK(23, 16)
#define SMMU_ID1_NUMCB		GENMASK(7, 0)
#define SMMU_ID2_VMID16		BIT(15)
#define SMMU_ID2_64K		BIT(14)
#define SMMU_ID2_16K		BIT(13)
#define SMMU_ID2_4K		BIT(12)
#define SMMU_ID2_UBS		GENMASK(11, 8)
#define SMMU_ID2_OAS		GENMASK(7, 4)
#define SMMU_ID2_IAS		GENMASK(3, 0)
#define SMMU_ID7_MAJOR		GENMASK(7, 4)

/* As many as hw_soc has interrupts for, beside the global one */
#define SMMU_BANKS		7
/* 8 pages of global registers, 8 of banks */
#define SMMU_PAGES		8
#define SMMU_SMRS		8

/**
 * struct smmu_variant - an SMMU
 * @desc: what the fixture must know
 * @id0: ID register
 * @id1: ID register
 * @id2: ID register
 * @id7: ID register
 * @v1: version 1
 * @keeps_tables: an erratum: what is invalidated by address is no table
 * @one_irq: all banks of all instances raise one interrupt
 * @bypass_faults: firmware takes writes to S2CR: of type bypass, as of type fault; those
 *	of type fault it ignores
 * @handed_over: the stream for which firmware has left an SMR, that bypasses; 0 if none
 */
struct smmu_variant {
	struct hw_desc desc;
	u32 id0;
	u32 id1;
	u32 id2;
	u32 id7;
	bool v1;
	bool keeps_tables;
	bool one_irq;
	bool bypass_faults;
	u32 handed_over;
};

extern const struct hw_ops hw_smmu_ops;

bool hw_smmu_faulted(struct hw_iommu *iommu);
bool hw_smmu_started_faulted(struct hw_iommu *iommu);

#define SMMU_DESC(path)							\
	.kind = HW_ALWAYS,						\
	.soc = path "-soc",						\
	.ops = &hw_smmu_ops,						\
	.commands.sync = { 0, 1 },					\
	.reports_stuck = true,						\
	.shares_irq = true

/* One clock and one power domain */
#define SMMU_WINDOW(start, size)	{ start, size, BIT(0), BIT(0) }

#define SMMU_ID0(irqs)	(FIELD_PREP_CONST(SMMU_ID0_NUMIRPT, irqs) | SMMU_ID0_ATOSNS)
#define SMMU_ID0_SMRS	(FIELD_PREP_CONST(SMMU_ID0_NUMSIDB, 15) | SMMU_ID0_SMS | \
			 FIELD_PREP_CONST(SMMU_ID0_NUMSMRG, SMMU_SMRS))
#define SMMU_ID1							\
	(FIELD_PREP_CONST(SMMU_ID1_NUMPAGENDXB, ilog2(SMMU_PAGES) - 1) | \
	 FIELD_PREP_CONST(SMMU_ID1_NUMCB, SMMU_BANKS))
/* The size of addresses, as ID2 has it */
#define SMMU_ID2_48_BITS	5

/* An MMU-500 with stage 1 alone, and pages of these sizes */
#define SMMU_500(page_sizes)						\
	.id0 = SMMU_ID0(SMMU_BANKS) | SMMU_ID0_SMRS | SMMU_ID0_S1TS |	\
	       SMMU_ID0_NO_AARCH32S | SMMU_ID0_CTTW,			\
	.id1 = SMMU_ID1 | SMMU_ID1_64K_PAGES |				\
	       FIELD_PREP_CONST(SMMU_ID1_NUMS2CB, 1),			\
	.id2 = (page_sizes) |						\
	       FIELD_PREP_CONST(SMMU_ID2_UBS, SMMU_ID2_48_BITS) |	\
	       FIELD_PREP_CONST(SMMU_ID2_OAS, SMMU_ID2_48_BITS) |	\
	       FIELD_PREP_CONST(SMMU_ID2_IAS, SMMU_ID2_48_BITS),	\
	.id7 = FIELD_PREP_CONST(SMMU_ID7_MAJOR, 2)

#endif

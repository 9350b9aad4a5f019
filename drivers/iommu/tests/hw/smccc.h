/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Firmware for the hardware models: what drivers have asked it for
 */
#ifndef __IOMMU_TESTS_HW_SMCCC_H
#define __IOMMU_TESTS_HW_SMCCC_H

#include <linux/types.h>

/* Of Qualcomm's, whether SMMUs wait for clients in real time; set at boot */
extern bool hw_qcom_wait_safe;

/*
 * Of Qualcomm's, by the secure ID of the IOMMU: a bit for each context that the kernel
 * has asked for
 */
#define HW_QCOM_SEC_IDS		32

extern unsigned long hw_qcom_sec_cfg[HW_QCOM_SEC_IDS];

#endif

// SPDX-License-Identifier: GPL-2.0-only
/*
 * A stand-in for Qualcomm's firmware, for tests: it answers secure monitor calls
 *
 * It has three calls: whether it has one, the one by which the kernel asks for a part of
 * the hardware, and a switch of the SMMU.
 */
#include <linux/arm-smccc.h>
#include <linux/bitops.h>
#include <linux/export.h>
#include <linux/firmware/qcom/qcom_scm_fake.h>

#include "qcom_scm.h"

#define QCOM_IS_CALL_AVAIL \
	SCM_SMC_FNID(QCOM_SCM_SVC_INFO, QCOM_SCM_INFO_IS_CALL_AVAIL)
#define QCOM_RESTORE_SEC_CFG \
	SCM_SMC_FNID(QCOM_SCM_SVC_MP, QCOM_SCM_MP_RESTORE_SEC_CFG)
#define QCOM_SMMU_ERRATA1 \
	SCM_SMC_FNID(QCOM_SCM_SVC_SMMU_PROGRAM, QCOM_SCM_SMMU_CONFIG_ERRATA1)

bool qcom_scm_fake_wait_safe = true;
EXPORT_SYMBOL_GPL(qcom_scm_fake_wait_safe);

unsigned long qcom_scm_fake_sec_cfg[QCOM_SCM_FAKE_SEC_IDS];
EXPORT_SYMBOL_GPL(qcom_scm_fake_sec_cfg);

/* See linux/arm-smccc.h. qcom_scm says in @a1 what its arguments are, from @a2 on */
asmlinkage void __arm_smccc_smc(unsigned long a0, unsigned long a1, unsigned long a2,
				unsigned long a3, unsigned long a4, unsigned long a5,
				unsigned long a6, unsigned long a7,
				struct arm_smccc_res *res, struct arm_smccc_quirk *quirk)
{
	u32 which;

	*res = (struct arm_smccc_res) {};
	if (ARM_SMCCC_OWNER_NUM(a0) != ARM_SMCCC_OWNER_SIP) {
		res->a0 = SMCCC_RET_NOT_SUPPORTED;
		return;
	}

	switch (ARM_SMCCC_FUNC_NUM(a0)) {
	case QCOM_IS_CALL_AVAIL:
		which = ARM_SMCCC_FUNC_NUM(a2);
		res->a1 = which == QCOM_IS_CALL_AVAIL || which == QCOM_RESTORE_SEC_CFG ||
			  which == QCOM_SMMU_ERRATA1;
		break;
	case QCOM_RESTORE_SEC_CFG:
		if (a2 < QCOM_SCM_FAKE_SEC_IDS && a3 < BITS_PER_LONG)
			set_bit(a3, &qcom_scm_fake_sec_cfg[a2]);
		else
			res->a0 = QCOM_SCM_EINVAL_ARG;
		break;
	case QCOM_SMMU_ERRATA1:
		if (a2 == QCOM_SCM_SMMU_CONFIG_ERRATA1_CLIENT_ALL)
			qcom_scm_fake_wait_safe = a3;
		else
			res->a0 = QCOM_SCM_EINVAL_ARG;
		break;
	default:
		res->a0 = SMCCC_RET_NOT_SUPPORTED;
	}
}
EXPORT_SYMBOL_GPL(__arm_smccc_smc);

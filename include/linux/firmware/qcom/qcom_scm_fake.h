/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A stand-in for Qualcomm's firmware, for tests: what it was asked for
 */
#ifndef __QCOM_SCM_FAKE_H
#define __QCOM_SCM_FAKE_H

#include <linux/types.h>

/* Whether SMMUs wait for clients in real time; set at boot */
extern bool qcom_scm_fake_wait_safe;

/* By secure ID: a bit for each spare number that qcom_scm_restore_sec_cfg() was given */
#define QCOM_SCM_FAKE_SEC_IDS	32

extern unsigned long qcom_scm_fake_sec_cfg[QCOM_SCM_FAKE_SEC_IDS];

#endif

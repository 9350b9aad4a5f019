/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What an IOMMU is wired to in its SoC: clocks, power domains, resets and
 * interrupts
 */

#ifndef __IOMMU_TESTS_HW_SOC_H
#define __IOMMU_TESTS_HW_SOC_H

#include <linux/types.h>

/* How many clocks, domains, resets and interrupts each SoC has: numbers 0 to 7 */
#define HW_SOC_LINES	8

struct hw_soc;

struct hw_soc *hw_soc_get(const char *path);
void hw_soc_put(struct hw_soc *soc);
int hw_soc_clk_enabled(struct hw_soc *soc, unsigned int line);
bool hw_soc_power_on(struct hw_soc *soc, unsigned int line);
int hw_soc_losses(struct hw_soc *soc, unsigned int line, bool reset);
bool hw_soc_reset_asserted(struct hw_soc *soc, unsigned int line);
int hw_soc_raise_irq(struct hw_soc *soc, unsigned int line);

#endif /* __IOMMU_TESTS_HW_SOC_H */

/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Clocks, resets and interrupts for drivers that are tested on devicetree
 */

#ifndef _KUNIT_PROVIDER_H
#define _KUNIT_PROVIDER_H

#include <linux/types.h>

/* How many clocks, resets and interrupts each provider has: numbers 0 to 7 */
#define KUNIT_PROVIDER_LINES	8

struct kunit_provider;

struct kunit_provider *kunit_provider_get(const char *path);
void kunit_provider_put(struct kunit_provider *provider);
int kunit_provider_clk_enabled(struct kunit_provider *provider, unsigned int line);
bool kunit_provider_reset_asserted(struct kunit_provider *provider, unsigned int line);
int kunit_provider_raise_irq(struct kunit_provider *provider, unsigned int line);

#endif /* _KUNIT_PROVIDER_H */

/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Internals of register windows that their own tests reach into
 */

#ifndef _KUNIT_MMIO_IMPL_H
#define _KUNIT_MMIO_IMPL_H

#include <kunit/test.h>

#include <linux/printk.h>

void kunit_mmio_print(struct kunit *test, struct va_format *message);

#endif /* _KUNIT_MMIO_IMPL_H */

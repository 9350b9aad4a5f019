/* SPDX-License-Identifier: GPL-2.0 */
#ifndef __IOMMU_TESTS_KERNEL_LOG_H
#define __IOMMU_TESTS_KERNEL_LOG_H

#include <linux/kmsg_dump.h>
#include <linux/string.h>

struct kernel_log {
	struct kmsg_dump_iter iter;
};

/* Whether @text is in the lines that @log has not seen yet, all of which it sees now */
static inline bool kernel_log_has(struct kernel_log *log, const char *text)
{
	char line[256];
	bool found = false;
	size_t len;

	while (kmsg_dump_get_line(&log->iter, false, line, sizeof(line) - 1, &len)) {
		line[len] = 0;
		found |= !!strstr(line, text);
	}
	return found;
}

/* From now on */
static inline void kernel_log_start(struct kernel_log *log)
{
	kmsg_dump_rewind(&log->iter);
	kernel_log_has(log, "");
}

#endif

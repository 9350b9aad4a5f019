/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A PCI device whose DMA a test steers. It has a buffer of its own, which it
 * fills from memory and writes to memory.
 */
#ifndef __IOMMU_TESTS_E2E_DEVICE_H
#define __IOMMU_TESTS_E2E_DEVICE_H

#include <kunit/test.h>
#include <linux/dma-mapping.h>
#include <linux/iommu.h>
#include <linux/pci.h>
#include <linux/sizes.h>

struct e2e_device;

/*
 * Offsets in config space that nobody else reads: with -trace pci_cfg_read,
 * QEMU notes the read among all else that it traces.
 */
enum e2e_mark {
	E2E_MARK_EMPTY_SYNC = 0xf1,
	E2E_MARK_SYNC,
	E2E_MARK_END,
	E2E_MARK_COST,
};

/* Bytes in the device's buffer, and in each access to memory */
#define E2E_BYTES	8

/* Memory that the device needs to be mapped before it can be used */
#define E2E_OWN_SIZE	SZ_16K

/**
 * struct e2e_device_ops - How to steer one kind of device
 * @probe: make the enabled device usable; 0 or -errno. May be NULL
 * @remove: undo @probe; may be NULL
 * @start: start an access of E2E_BYTES at @iova. DMA_TO_DEVICE fills the
 *	device's buffer, DMA_FROM_DEVICE writes it to memory; 0 or -errno
 * @wait: sleep until the access is over, whether or not it was allowed; 0 or
 *	-errno
 * @address_bits: of IOVAs it can use
 * @delay_us: time between @start and the access to memory, in microseconds
 */
struct e2e_device_ops {
	int (*probe)(struct e2e_device *edev);
	void (*remove)(struct e2e_device *edev);
	int (*start)(struct e2e_device *edev, dma_addr_t iova,
		     enum dma_data_direction dir);
	int (*wait)(struct e2e_device *edev);
	unsigned int address_bits;
	unsigned int delay_us;
};

/**
 * struct e2e_device - A device that the suites have taken
 * @pdev: it, enabled and mastering the bus
 * @ops: how to steer it
 * @regs: for the ops, its registers
 * @own: E2E_OWN_SIZE of memory for bounced data, then for the ops
 * @own_iova: where the device finds @own
 * @priv: for the ops
 * @node: in the list of devices taken, in the order they were found
 */
struct e2e_device {
	struct pci_dev *pdev;
	const struct e2e_device_ops *ops;
	void __iomem *regs;
	void *own;
	dma_addr_t own_iova;
	void *priv;
	struct list_head node;
};

extern const struct e2e_device_ops e2e_edu_ops;
extern const struct e2e_device_ops e2e_virtio_blk_ops;

int e2e_suite_init(struct kunit_suite *suite);
void e2e_suite_exit(struct kunit_suite *suite);
struct e2e_device *e2e_device_get(struct kunit *test, unsigned int index);
void e2e_mark(struct e2e_device *edev, enum e2e_mark mark);

void e2e_start_write(struct kunit *test, struct e2e_device *edev,
		     dma_addr_t iova, u8 byte);
void e2e_wait(struct kunit *test, struct e2e_device *edev);
bool e2e_writes(struct kunit *test, struct e2e_device *edev, dma_addr_t iova,
		void *memory);
bool e2e_reads(struct kunit *test, struct e2e_device *edev, dma_addr_t iova,
	       void *memory);
void e2e_expect_reach(struct kunit *test, struct e2e_device *edev,
		      dma_addr_t iova, void *memory, bool reach);

#endif

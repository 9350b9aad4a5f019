// SPDX-License-Identifier: GPL-2.0
/*
 * The devices that the end-to-end suites take, as an ordinary driver does, and
 * give back.
 */
#include <linux/string.h>
#include <linux/virtio_ids.h>

#include "e2e-device.h"

static LIST_HEAD(e2e_devices);

static int e2e_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct e2e_device *edev;
	int ret;

	edev = devm_kzalloc(&pdev->dev, sizeof(*edev), GFP_KERNEL);
	if (!edev)
		return -ENOMEM;
	edev->pdev = pdev;
	edev->ops = (const struct e2e_device_ops *)id->driver_data;
	edev->own = (void *)devm_get_free_pages(&pdev->dev,
						GFP_KERNEL | __GFP_ZERO,
						get_order(E2E_OWN_SIZE));
	if (!edev->own)
		return -ENOMEM;
	ret = pcim_enable_device(pdev);
	if (ret)
		return ret;
	pci_set_master(pdev);
	if (edev->ops->probe) {
		ret = edev->ops->probe(edev);
		if (ret)
			return ret;
	}
	pci_set_drvdata(pdev, edev);
	list_add_tail(&edev->node, &e2e_devices);
	return 0;
}

static void e2e_remove(struct pci_dev *pdev)
{
	struct e2e_device *edev = pci_get_drvdata(pdev);

	list_del(&edev->node);
	if (edev->ops->remove)
		edev->ops->remove(edev);
	pci_clear_master(pdev);
}

static const struct pci_device_id e2e_ids[] = {
	{
		PCI_DEVICE(0x1234, 0x11e8),
		.driver_data = (kernel_ulong_t)&e2e_edu_ops,
	},
	{
		PCI_DEVICE(PCI_VENDOR_ID_REDHAT_QUMRANET,
			   0x1040 + VIRTIO_ID_BLOCK),
		.driver_data = (kernel_ulong_t)&e2e_virtio_blk_ops,
	},
	{ }
};

static pci_ers_result_t e2e_error_detected(struct pci_dev *pdev,
					   pci_channel_state_t state)
{
	return state == pci_channel_io_perm_failure ?
	       PCI_ERS_RESULT_DISCONNECT : PCI_ERS_RESULT_CAN_RECOVER;
}

/* s390 isolates a device whose access was blocked, until its driver agrees */
static const struct pci_error_handlers e2e_err_handler = {
	.error_detected = e2e_error_detected,
};

/* The tests choose the domain */
static struct pci_driver e2e_driver = {
	.name = "iommu-e2e",
	.id_table = e2e_ids,
	.probe = e2e_probe,
	.remove = e2e_remove,
	.err_handler = &e2e_err_handler,
	.driver_managed_dma = true,
};

/**
 * e2e_suite_init() - Take all devices that no other driver has
 * @suite: the suite that needs them
 *
 * Return: 0 or -errno.
 */
int e2e_suite_init(struct kunit_suite *suite)
{
	return pci_register_driver(&e2e_driver);
}

/**
 * e2e_suite_exit() - Give the devices back
 * @suite: the suite that is over
 */
void e2e_suite_exit(struct kunit_suite *suite)
{
	pci_unregister_driver(&e2e_driver);
}

/**
 * e2e_device_get() - Find a device behind an IOMMU
 * @test: the running test, skipped if there is no such device
 * @index: which one, counted from 0
 *
 * Return: the device.
 */
struct e2e_device *e2e_device_get(struct kunit *test, unsigned int index)
{
	struct e2e_device *edev;

	list_for_each_entry(edev, &e2e_devices, node) {
		if (index--)
			continue;
		if (!device_iommu_mapped(&edev->pdev->dev))
			kunit_skip(test, "model: %s is not behind an IOMMU",
				   pci_name(edev->pdev));
		return edev;
	}
	kunit_skip(test, "model: not enough devices, give QEMU more");
}

/**
 * e2e_mark() - Leave a mark in QEMU's trace
 * @edev: the device whose config space is read
 * @mark: where
 */
void e2e_mark(struct e2e_device *edev, enum e2e_mark mark)
{
	u8 ignored;

	pci_read_config_byte(edev->pdev, mark, &ignored);
}

static void start(struct kunit *test, struct e2e_device *edev, dma_addr_t iova,
		  enum dma_data_direction dir)
{
	KUNIT_ASSERT_EQ(test, 0, edev->ops->start(edev, iova, dir));
}

/**
 * e2e_start_write() - Let a device start to write to memory
 * @test: the running test
 * @edev: the device; its @own must be mapped
 * @iova: where it writes
 * @byte: what it writes, E2E_BYTES times
 *
 * The access is made within the delay of the device; e2e_wait() ends it.
 */
void e2e_start_write(struct kunit *test, struct e2e_device *edev,
		     dma_addr_t iova, u8 byte)
{
	memset(edev->own, byte, E2E_BYTES);
	start(test, edev, edev->own_iova, DMA_TO_DEVICE);
	e2e_wait(test, edev);
	start(test, edev, iova, DMA_FROM_DEVICE);
}

/**
 * e2e_wait() - Wait until the access a device has started is over
 * @test: the running test
 * @edev: the device
 */
void e2e_wait(struct kunit *test, struct e2e_device *edev)
{
	KUNIT_ASSERT_EQ(test, 0, edev->ops->wait(edev));
}

/* Never the same twice in a row, and never 0, which a blocked read returns */
static u8 token(void)
{
	static u8 last;

	last = last % 0xff + 1;
	return last;
}

static bool holds(const void *memory, u8 byte)
{
	return !memchr_inv(memory, byte, E2E_BYTES);
}

/**
 * e2e_writes() - Let a device write, and tell where that went
 * @test: the running test, which fails if only some bytes arrive
 * @edev: the device; its @own must be mapped
 * @iova: where it writes
 * @memory: E2E_BYTES that may be reached, filled anew before
 *
 * Return: true if the device has reached @memory.
 */
bool e2e_writes(struct kunit *test, struct e2e_device *edev, dma_addr_t iova,
		void *memory)
{
	u8 owner = token(), device = token();

	memset(memory, owner, E2E_BYTES);
	e2e_start_write(test, edev, iova, device);
	e2e_wait(test, edev);
	if (holds(memory, owner))
		return false;
	if (!holds(memory, device))
		KUNIT_FAIL(test, "neither %02x nor %02x at IOVA %pad: %*ph",
			   owner, device, &iova, E2E_BYTES, memory);
	return true;
}

/**
 * e2e_reads() - Let a device read, and tell from where
 * @test: the running test
 * @edev: the device; its @own must be mapped
 * @iova: where it reads
 * @memory: E2E_BYTES that may be reached, filled anew before
 *
 * Return: true if the device has got what is in @memory.
 */
bool e2e_reads(struct kunit *test, struct e2e_device *edev, dma_addr_t iova,
	       void *memory)
{
	u8 owner = token();

	memset(memory, owner, E2E_BYTES);
	start(test, edev, iova, DMA_TO_DEVICE);
	e2e_wait(test, edev);
	memset(edev->own, 0, E2E_BYTES);
	start(test, edev, edev->own_iova, DMA_FROM_DEVICE);
	e2e_wait(test, edev);
	return holds(edev->own, owner);
}

/**
 * e2e_expect_reach() - Fail a test unless a device can, or cannot, get at memory
 * @test: the running test
 * @edev: the device; its @own must be mapped
 * @iova: where it reads and then writes
 * @memory: E2E_BYTES that it must reach, or not
 * @reach: which of the two is right
 */
void e2e_expect_reach(struct kunit *test, struct e2e_device *edev,
		      dma_addr_t iova, void *memory, bool reach)
{
	const char *what = reach ? "does not reach" : "still reaches";

	KUNIT_EXPECT_EQ_MSG(test, reach, e2e_reads(test, edev, iova, memory),
			    "a read of IOVA %pad %s the page: %*ph",
			    &iova, what, E2E_BYTES, memory);
	KUNIT_EXPECT_EQ_MSG(test, reach, e2e_writes(test, edev, iova, memory),
			    "a write to IOVA %pad %s the page, which now holds %*ph",
			    &iova, what, E2E_BYTES, memory);
}

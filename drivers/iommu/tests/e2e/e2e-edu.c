// SPDX-License-Identifier: GPL-2.0
/*
 * QEMU's edu device, see docs/specs/edu.rst there: one DMA channel between
 * memory and a buffer of 4 KiB inside the device, 100 ms after its start.
 */
#include <linux/bits.h>
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/io.h>
#include <linux/iopoll.h>

#include "e2e-device.h"

#define EDU_DMA_SRC		0x80
#define EDU_DMA_DST		0x88
#define EDU_DMA_COUNT		0x90
#define EDU_DMA_CMD		0x98
#define EDU_DMA_CMD_RUN		BIT(0)
#define EDU_DMA_CMD_TO_MEMORY	BIT(1)

/* As the device comes; more are an option of QEMU's */
#define EDU_ADDRESS_BITS	28
#define EDU_BUFFER		0x40000
#define EDU_DELAY_US		100000

static int edu_probe(struct e2e_device *edev)
{
	edev->regs = pcim_iomap_region(edev->pdev, 0, "iommu-e2e");
	return PTR_ERR_OR_ZERO(edev->regs);
}

static int edu_start(struct e2e_device *edev, dma_addr_t iova,
		     enum dma_data_direction dir)
{
	bool to_memory = dir == DMA_FROM_DEVICE;

	if (iova + E2E_BYTES - 1 > DMA_BIT_MASK(EDU_ADDRESS_BITS))
		return -EINVAL;
	writel(to_memory ? EDU_BUFFER : iova, edev->regs + EDU_DMA_SRC);
	writel(to_memory ? iova : EDU_BUFFER, edev->regs + EDU_DMA_DST);
	writel(E2E_BYTES, edev->regs + EDU_DMA_COUNT);
	writel(EDU_DMA_CMD_RUN | (to_memory ? EDU_DMA_CMD_TO_MEMORY : 0),
	       edev->regs + EDU_DMA_CMD);
	return 0;
}

static int edu_wait(struct e2e_device *edev)
{
	u32 cmd;

	usleep_range(EDU_DELAY_US, EDU_DELAY_US + 1000);
	return readl_poll_timeout(edev->regs + EDU_DMA_CMD, cmd,
				  !(cmd & EDU_DMA_CMD_RUN), EDU_DELAY_US / 10,
				  10 * EDU_DELAY_US);
}

const struct e2e_device_ops e2e_edu_ops = {
	.probe = edu_probe,
	.start = edu_start,
	.wait = edu_wait,
	.address_bits = EDU_ADDRESS_BITS,
	.delay_us = EDU_DELAY_US,
};

// SPDX-License-Identifier: GPL-2.0
/*
 * A virtio disk of a single sector, for machines that QEMU has no edu device
 * for. The first E2E_BYTES of the sector are the device's buffer: the disk
 * reads memory to write the sector, and writes memory to read it.
 *
 *	-drive if=none,id=d,driver=null-co,size=512,snapshot=on
 *	-device virtio-blk-pci,drive=d,disable-legacy=on,iommu_platform=on
 *
 * Each access begins with a reset, because the queue may have another IOVA than
 * before, and ends with one, because a disk that has been reset leaves memory
 * alone.
 */
#include <linux/bits.h>
#include <linux/io.h>
#include <linux/iopoll.h>
#include <linux/string.h>
#include <linux/virtio_blk.h>
#include <linux/virtio_byteorder.h>
#include <linux/virtio_config.h>
#include <linux/virtio_pci_modern.h>
#include <linux/virtio_ring.h>

#include "e2e-device.h"

#define VBLK_SECTOR	512
#define VBLK_FEATURES	(BIT_ULL(VIRTIO_F_VERSION_1) | \
			 BIT_ULL(VIRTIO_F_ACCESS_PLATFORM))

/* In the memory that the device owns, behind the bounced data */
#define VBLK_RING	SZ_4K
#define VBLK_REQUEST	SZ_8K

#define VBLK_POLL_US	100
#define VBLK_TIMEOUT_US	1000000

enum { HEADER, DATA, REST, STATUS, VBLK_DESCS };

struct vblk_request {
	struct virtio_blk_outhdr header;
	u8 rest[VBLK_SECTOR - E2E_BYTES];
	u8 status;
};

struct vblk {
	struct virtio_pci_modern_device mdev;
	void __iomem *notify;
	struct vring ring;
	struct vblk_request *request;
};

static u8 vblk_try_reset(struct vblk *vblk)
{
	vp_modern_set_status(&vblk->mdev, 0);
	return vp_modern_get_status(&vblk->mdev);
}

/*
 * A blocked access can make the platform isolate the device: writes are lost,
 * and reads return ones, until the platform's recovery is over.
 */
static int vblk_reset(struct vblk *vblk)
{
	u8 status;

	return read_poll_timeout(vblk_try_reset, status,
				 !status && !pci_channel_offline(vblk->mdev.pci_dev),
				 VBLK_POLL_US, VBLK_TIMEOUT_US, false, vblk);
}

static int vblk_negotiate(struct vblk *vblk)
{
	struct virtio_pci_modern_device *mdev = &vblk->mdev;
	u8 status = VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER;
	int ret;

	ret = vblk_reset(vblk);
	if (ret)
		return ret;
	/* Without VIRTIO_F_ACCESS_PLATFORM it would go around the IOMMU */
	if (~vp_modern_get_features(mdev) & VBLK_FEATURES)
		return -ENODEV;
	vp_modern_set_status(mdev, status);
	vp_modern_set_features(mdev, VBLK_FEATURES);
	status |= VIRTIO_CONFIG_S_FEATURES_OK;
	vp_modern_set_status(mdev, status);
	return vp_modern_get_status(mdev) == status ? 0 : -EIO;
}

/*
 * Whoever has data on a disk has more than one sector of it. The capacity is
 * little endian for sure once VIRTIO_F_VERSION_1 is negotiated.
 */
static bool vblk_is_scratch(struct vblk *vblk)
{
	struct virtio_blk_config __iomem *config = vblk->mdev.device;

	return config && ioread32(&config->capacity) == 1 &&
	       !ioread32((void __iomem *)&config->capacity + sizeof(u32));
}

static int vblk_probe(struct e2e_device *edev)
{
	struct virtio_pci_modern_device *mdev;
	struct vblk *vblk;
	int ret;

	vblk = devm_kzalloc(&edev->pdev->dev, sizeof(*vblk), GFP_KERNEL);
	if (!vblk)
		return -ENOMEM;
	mdev = &vblk->mdev;
	mdev->pci_dev = edev->pdev;
	ret = vp_modern_probe(mdev);
	if (ret)
		return ret;

	ret = vblk_negotiate(vblk);
	if (ret)
		goto err_remove;
	ret = -ENODEV;
	if (!vblk_is_scratch(vblk))
		goto err_remove;
	vblk->notify = vp_modern_map_vq_notify(mdev, 0, NULL);
	if (!vblk->notify)
		goto err_remove;

	vring_init(&vblk->ring, VBLK_DESCS, edev->own + VBLK_RING,
		   VRING_USED_ALIGN_SIZE);
	vblk->request = edev->own + VBLK_REQUEST;
	edev->priv = vblk;
	return 0;

err_remove:
	vp_modern_set_status(mdev, 0);
	vp_modern_remove(mdev);
	return ret;
}

static void vblk_remove(struct e2e_device *edev)
{
	struct vblk *vblk = edev->priv;

	vblk_reset(vblk);
	if (!vblk->mdev.notify_base)
		pci_iounmap(edev->pdev, vblk->notify);
	vp_modern_remove(&vblk->mdev);
}

static dma_addr_t vblk_iova(struct e2e_device *edev, void *own)
{
	return edev->own_iova + (own - edev->own);
}

static void vblk_set_desc(struct vblk *vblk, unsigned int i, dma_addr_t iova,
			  u32 size, u16 flags)
{
	if (i < VBLK_DESCS - 1)
		flags |= VRING_DESC_F_NEXT;
	vblk->ring.desc[i] = (struct vring_desc) {
		.addr = __cpu_to_virtio64(true, iova),
		.len = __cpu_to_virtio32(true, size),
		.flags = __cpu_to_virtio16(true, flags),
		.next = __cpu_to_virtio16(true, i + 1),
	};
}

static void vblk_prepare(struct e2e_device *edev, dma_addr_t iova,
			 bool to_memory)
{
	u16 flags = to_memory ? VRING_DESC_F_WRITE : 0;
	struct vblk *vblk = edev->priv;
	struct vblk_request *request = vblk->request;

	memset(request, 0, sizeof(*request));
	request->header.type = __cpu_to_virtio32(true, to_memory ?
						 VIRTIO_BLK_T_IN :
						 VIRTIO_BLK_T_OUT);
	vblk_set_desc(vblk, HEADER, vblk_iova(edev, &request->header),
		      sizeof(request->header), 0);
	vblk_set_desc(vblk, DATA, iova, E2E_BYTES, flags);
	vblk_set_desc(vblk, REST, vblk_iova(edev, request->rest),
		      sizeof(request->rest), flags);
	vblk_set_desc(vblk, STATUS, vblk_iova(edev, &request->status),
		      sizeof(request->status), VRING_DESC_F_WRITE);

	vblk->ring.avail->flags =
		__cpu_to_virtio16(true, VRING_AVAIL_F_NO_INTERRUPT);
	vblk->ring.avail->ring[0] = __cpu_to_virtio16(true, HEADER);
	vblk->ring.avail->idx = __cpu_to_virtio16(true, 1);
	vblk->ring.used->flags = 0;
	vblk->ring.used->idx = 0;
}

static int vblk_start(struct e2e_device *edev, dma_addr_t iova,
		      enum dma_data_direction dir)
{
	struct vblk *vblk = edev->priv;
	struct virtio_pci_modern_device *mdev = &vblk->mdev;
	int ret;

	ret = vblk_negotiate(vblk);
	if (ret)
		return ret;
	vblk_prepare(edev, iova, dir == DMA_FROM_DEVICE);
	vp_modern_set_queue_size(mdev, 0, VBLK_DESCS);
	vp_modern_queue_address(mdev, 0, vblk_iova(edev, vblk->ring.desc),
				vblk_iova(edev, vblk->ring.avail),
				vblk_iova(edev, vblk->ring.used));
	vp_modern_set_queue_enable(mdev, 0, true);
	vp_modern_set_status(mdev, vp_modern_get_status(mdev) |
				   VIRTIO_CONFIG_S_DRIVER_OK);
	iowrite16(0, vblk->notify);
	return 0;
}

/* A device that is isolated reads as one that needs a reset */
static bool vblk_over(struct vblk *vblk)
{
	return READ_ONCE(vblk->ring.used->idx) ||
	       vp_modern_get_status(&vblk->mdev) & VIRTIO_CONFIG_S_NEEDS_RESET;
}

static int vblk_wait(struct e2e_device *edev)
{
	struct vblk *vblk = edev->priv;
	bool over;

	/* Not an error: the queue may be blocked too */
	read_poll_timeout(vblk_over, over, over, VBLK_POLL_US, VBLK_TIMEOUT_US,
			  false, vblk);
	return vblk_reset(vblk);
}

const struct e2e_device_ops e2e_virtio_blk_ops = {
	.probe = vblk_probe,
	.remove = vblk_remove,
	.start = vblk_start,
	.wait = vblk_wait,
	.address_bits = 64,
};

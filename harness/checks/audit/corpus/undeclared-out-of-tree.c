// SPDX-License-Identifier: GPL-2.0
/*
 * The style of a driver that never was sent: no const, other names, casts,
 * (void) for what is not used.
 */
#include <linux/iommu.h>
#include <linux/io.h>
#include <linux/io-pgtable.h>

struct acme_dom { struct iommu_domain d; volatile void *regs; struct io_pgtable_ops * p; };

static size_t AcmeUnmap( struct iommu_domain * d, unsigned long va, size_t sz, size_t n, struct iommu_iotlb_gather * ig )
{
	struct acme_dom * a = (struct acme_dom *) d;
	return a->p->unmap_pages( a->p, va, sz, n, ig );
}

static void AcmeSync( struct iommu_domain * d, struct iommu_iotlb_gather * ig )
{
	struct acme_dom * a = (struct acme_dom *) d;
	(void) ig;
	iowrite32( 0xffffffff, a->regs );
}

struct iommu_domain_ops AcmeOps = {
	.unmap_pages = AcmeUnmap,
	.iotlb_sync = (void *) AcmeSync, /* finds: undeclared */
};

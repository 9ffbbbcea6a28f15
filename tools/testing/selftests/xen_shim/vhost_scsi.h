/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A virtio SCSI guest on vhost-scsi, for comparison: reads, and nothing else
 */
#ifndef XEN_SHIM_TEST_VHOST_SCSI_H
#define XEN_SHIM_TEST_VHOST_SCSI_H

#include "vhost.h"

#define VHOST_SCSI_DEPTH	16

struct vhost_scsi {
	struct vhost v;
	struct domain memory;		/* none of the shim's */
	uint32_t head;			/* page of all requests and responses */
	uint32_t data[VHOST_SCSI_DEPTH];	/* pages to read into */
	unsigned int slot[VHOST_SCSI_DEPTH];	/* that are free */
	unsigned int slots;
};

/* To the target that target_make() has made for TARGET_VHOST. Return: 0 or < 0. */
int vhost_scsi_open(struct vhost_scsi *s, size_t pages);
void vhost_scsi_close(struct vhost_scsi *s);

/* Queue a read of one page, which needs a free slot; show it and kick. */
int vhost_scsi_read(struct vhost_scsi *s, uint32_t sector);

/* Wait for one that is done. Return: 0, -ETIMEDOUT, -EIO. */
int vhost_scsi_wait(struct vhost_scsi *s);

#endif /* XEN_SHIM_TEST_VHOST_SCSI_H */

// SPDX-License-Identifier: GPL-2.0
/*
 * Reads through vhost-scsi (vhost_scsi.h)
 *
 * Three descriptors each: request, response, data. All requests share one page,
 * responses its other half.
 */
#include <assert.h>
#include <errno.h>
#include <linux/types.h>
#include <linux/virtio_scsi.h>
#include <string.h>
#include <sys/ioctl.h>

#include "scsi.h"
#include "target.h"
#include "vhost_scsi.h"

#define IO_QUEUE	2	/* the first; before it are control and events */
#define PARTS		3
#define REQUEST_SIZE	64
#define RESPONSE_SIZE	128
#define RESPONSES	(XPAGE / 2)
#define WAIT_MS		2000

static_assert(sizeof(struct virtio_scsi_cmd_req) <= REQUEST_SIZE, "request");
static_assert(sizeof(struct virtio_scsi_cmd_resp) <= RESPONSE_SIZE, "response");
static_assert(VHOST_SCSI_DEPTH * RESPONSE_SIZE <= RESPONSES, "responses");

static void *request_of(struct vhost_scsi *s, unsigned int slot)
{
	return dom_page(&s->memory, s->head) + slot * REQUEST_SIZE;
}

static struct virtio_scsi_cmd_resp *response_of(struct vhost_scsi *s, unsigned int slot)
{
	return (void *)(dom_page(&s->memory, s->head) + RESPONSES + slot * RESPONSE_SIZE);
}

int vhost_scsi_open(struct vhost_scsi *s, size_t pages)
{
	struct vhost_scsi_target to = {
		.abi_version = VHOST_SCSI_ABI_VERSION,
		.vhost_wwpn = TARGET_WWN,
		.vhost_tpgt = 1,
	};
	int error;

	memset(s, 0, sizeof(*s));
	error = dom_alloc(&s->memory, 0, pages) ?:
		vhost_open(&s->v, &s->memory, "/dev/vhost-scsi", IO_QUEUE);
	if (error)
		return error;
	if (ioctl(s->v.fd, VHOST_SCSI_SET_ENDPOINT, &to)) {
		set_why("VHOST_SCSI_SET_ENDPOINT: %s", strerror(errno));
		return -errno;
	}
	s->head = page_get(&s->memory);
	for (unsigned int i = 0; i < VHOST_SCSI_DEPTH; i++) {
		s->data[i] = page_get(&s->memory);
		s->slot[s->slots++] = i;
	}
	return 0;
}

void vhost_scsi_close(struct vhost_scsi *s)
{
	struct vhost_scsi_target from = {
		.abi_version = VHOST_SCSI_ABI_VERSION,
		.vhost_wwpn = TARGET_WWN,
		.vhost_tpgt = 1,
	};

	ioctl(s->v.fd, VHOST_SCSI_CLEAR_ENDPOINT, &from);
	vhost_close(&s->v);
	dom_destroy(&s->memory);
}

int vhost_scsi_read(struct vhost_scsi *s, uint32_t sector)
{
	unsigned int slot = s->slot[--s->slots];
	struct virtio_scsi_cmd_req *request = request_of(s, slot);
	uint64_t head = s->head * XPAGE;
	const struct vhost_part parts[PARTS] = {
		{ head + slot * REQUEST_SIZE, sizeof(*request), false },
		{ head + RESPONSES + slot * RESPONSE_SIZE,
		  sizeof(struct virtio_scsi_cmd_resp), true },
		{ s->data[slot] * XPAGE, XPAGE, true },
	};

	memset(request, 0, sizeof(*request));
	/* Single level: target 1, LUN 0. Virtio 1.2, 5.6.6.1. */
	request->lun[0] = 1;
	request->lun[1] = 1;
	request->lun[2] = 0x40;
	request->tag = slot;
	request->cdb[0] = 0x28;		/* READ(10) */
	scsi_set_blocks(request->cdb, sector, PAGE_SECTORS);
	response_of(s, slot)->response = 0xff;
	vhost_add(&s->v, slot * PARTS, parts, PARTS);
	return vhost_kick(&s->v);
}

int vhost_scsi_wait(struct vhost_scsi *s)
{
	unsigned int slot;
	uint32_t first;

	while (!vhost_pop(&s->v, &first)) {
		if (vhost_wait(&s->v, WAIT_MS) && s->v.seen == s->v.used->idx) {
			set_why("vhost-scsi: %u reads are not done", vhost_in_flight(&s->v));
			return -ETIMEDOUT;
		}
	}
	slot = first / PARTS;
	if (slot >= VHOST_SCSI_DEPTH || response_of(s, slot)->response ||
	    response_of(s, slot)->status || response_of(s, slot)->resid) {
		set_why("vhost-scsi: a read failed");
		return -EIO;
	}
	s->slot[s->slots++] = slot;
	return 0;
}

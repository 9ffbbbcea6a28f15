/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A queue of a vhost backend, for comparison: the same process, the same
 * guest memory, but virtio
 */
#ifndef XEN_SHIM_TEST_VHOST_H
#define XEN_SHIM_TEST_VHOST_H

#include <linux/vhost.h>
#include <linux/virtio_ring.h>

#include "domain.h"

#define VHOST_ENTRIES	256

struct vhost {
	int fd;
	struct domain *d;	/* its memory; it is none of the shim's */
	unsigned int index;
	struct vring_desc *desc;
	struct vring_avail *avail;
	struct vring_used *used;
	int kick_fd, call_fd;
	uint16_t next;		/* index of avail */
	uint16_t seen;		/* index of used */
};

/* A part of a request: where in the guest's memory, and who writes. */
struct vhost_part {
	uint64_t gpa;
	uint32_t length;
	bool in;
};

/* @path: of the device. @index: of the queue. Return: 0 or -errno. */
int vhost_open(struct vhost *v, struct domain *d, const char *path,
	       unsigned int index);
void vhost_close(struct vhost *v);

/* Requests that are not done yet. */
unsigned int vhost_in_flight(const struct vhost *v);

/* Queue a request at the place @slot of up to @count descriptors. */
void vhost_add(struct vhost *v, unsigned int slot,
	       const struct vhost_part *parts, unsigned int count);
int vhost_kick(struct vhost *v);

/* Take one that is done. @slot: of it. Return: false if there is none. */
bool vhost_pop(struct vhost *v, uint32_t *slot);

/* Take what is done. Return: how many requests. */
unsigned int vhost_reap(struct vhost *v);
int vhost_wait(struct vhost *v, int timeout_ms);

#endif /* XEN_SHIM_TEST_VHOST_H */

// SPDX-License-Identifier: GPL-2.0
/*
 * A vhost queue (vhost.h): split ring, features only what virtio 1 demands
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/virtio_config.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "vhost.h"

static int call(struct vhost *v, unsigned long request, const char *name, void *arg)
{
	if (!ioctl(v->fd, request, arg))
		return 0;
	set_why("%s: %s", name, strerror(errno));
	return -errno;
}

#define CALL(v, request, arg) call(v, request, #request, arg)

static int set_memory(struct vhost *v)
{
	struct {
		struct vhost_memory head;
		struct vhost_memory_region region;
	} m = { .head = { .nregions = 1 } };

	m.region.memory_size = v->d->pages * XPAGE;
	m.region.userspace_addr = (uintptr_t)v->d->ram;
	return CALL(v, VHOST_SET_MEM_TABLE, &m);
}

static int set_queue(struct vhost *v)
{
	struct vhost_vring_state size = { v->index, VHOST_ENTRIES };
	struct vhost_vring_state base = { v->index, 0 };
	struct vhost_vring_file kick = { v->index, v->kick_fd };
	struct vhost_vring_file done = { v->index, v->call_fd };
	struct vhost_vring_addr at = {
		.index = v->index,
		.desc_user_addr = (uintptr_t)v->desc,
		.avail_user_addr = (uintptr_t)v->avail,
		.used_user_addr = (uintptr_t)v->used,
	};

	return CALL(v, VHOST_SET_VRING_NUM, &size) ?:
	       CALL(v, VHOST_SET_VRING_BASE, &base) ?:
	       CALL(v, VHOST_SET_VRING_ADDR, &at) ?:
	       CALL(v, VHOST_SET_VRING_KICK, &kick) ?:
	       CALL(v, VHOST_SET_VRING_CALL, &done);
}

int vhost_open(struct vhost *v, struct domain *d, const char *path,
	       unsigned int index)
{
	uint64_t features = 1ULL << VIRTIO_F_VERSION_1;

	memset(v, 0, sizeof(*v));
	v->d = d;
	v->index = index;
	v->fd = open(path, O_RDWR | O_CLOEXEC);
	if (v->fd < 0) {
		set_why("%s: %s", path, strerror(errno));
		return -errno;
	}
	v->desc = (void *)dom_page(d, page_get(d));
	v->avail = (void *)dom_page(d, page_get(d));
	v->used = (void *)dom_page(d, page_get(d));
	v->kick_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	v->call_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return CALL(v, VHOST_SET_OWNER, NULL) ?:
	       CALL(v, VHOST_SET_FEATURES, &features) ?:
	       set_memory(v) ?: set_queue(v);
}

void vhost_close(struct vhost *v)
{
	close(v->fd);
	close(v->kick_fd);
	close(v->call_fd);
}

unsigned int vhost_in_flight(const struct vhost *v)
{
	return (uint16_t)(v->next - v->seen);
}

void vhost_add(struct vhost *v, unsigned int slot,
	       const struct vhost_part *parts, unsigned int count)
{
	for (unsigned int i = 0; i < count; i++) {
		struct vring_desc *desc = v->desc + slot + i;

		desc->addr = parts[i].gpa;
		desc->len = parts[i].length;
		desc->flags = parts[i].in ? VRING_DESC_F_WRITE : 0;
		if (i + 1 < count)
			desc->flags |= VRING_DESC_F_NEXT;
		desc->next = slot + i + 1;
	}
	v->avail->ring[v->next++ % VHOST_ENTRIES] = slot;
	__atomic_store_n(&v->avail->idx, v->next, __ATOMIC_SEQ_CST);
}

int vhost_kick(struct vhost *v)
{
	uint64_t one = 1;

	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (__atomic_load_n(&v->used->flags, __ATOMIC_RELAXED) & VRING_USED_F_NO_NOTIFY)
		return 0;
	return write(v->kick_fd, &one, sizeof(one)) == sizeof(one) ? 0 : -errno;
}

bool vhost_pop(struct vhost *v, uint32_t *slot)
{
	if (__atomic_load_n(&v->used->idx, __ATOMIC_ACQUIRE) == v->seen)
		return false;
	*slot = v->used->ring[v->seen++ % VHOST_ENTRIES].id;
	return true;
}

unsigned int vhost_reap(struct vhost *v)
{
	uint16_t done = __atomic_load_n(&v->used->idx, __ATOMIC_ACQUIRE);
	uint16_t count = done - v->seen;

	v->seen = done;
	return count;
}

int vhost_wait(struct vhost *v, int timeout_ms)
{
	struct pollfd polled = { .fd = v->call_fd, .events = POLLIN };
	uint64_t count;

	if (poll(&polled, 1, timeout_ms) <= 0)
		return -ETIMEDOUT;
	return read(v->call_fd, &count, sizeof(count)) < 0 ? -errno : 0;
}

// SPDX-License-Identifier: GPL-2.0
/*
 * Devices in the xenstore, and rings (device.h)
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "device.h"

#define BACKEND_HOME	"/local/domain/0"	/* of BACKEND_DOMID */

void device_paths(struct device *dev, struct xs *xs, uint16_t domid,
		  const char *type, unsigned int id)
{
	memset(dev, 0, sizeof(*dev));
	dev->xs = xs;
	snprintf(dev->front, sizeof(dev->front), "/local/domain/%u/device/%s/%u",
		 domid, type, id);
	snprintf(dev->back, sizeof(dev->back), BACKEND_HOME "/backend/%s/%u/%u",
		 type, domid, id);
	snprintf(dev->sysfs, sizeof(dev->sysfs),
		 "/sys/bus/xen-backend/devices/%s-%u-%u", type, domid, id);
}

int device_make(struct device *dev, struct domain *d, struct xs *xs,
		const char *type, unsigned int id)
{
	char home[64];
	int error;

	device_paths(dev, xs, d->domid, type, id);
	dev->d = d;
	snprintf(home, sizeof(home), "/local/domain/%u", d->domid);
	/*
	 * The backend's probe begins when its directory comes; until "frontend"
	 * is in it, that does nothing. So that is for device_offer().
	 */
	error = xs_write(xs, home, "domid", "%u", d->domid) ?:
		xs_write(xs, dev->front, "backend", "%s", dev->back) ?:
		xs_write(xs, dev->front, "backend-id", "%u", BACKEND_DOMID) ?:
		xs_write(xs, dev->front, "state", "%u", XB_INITIALISING) ?:
		xs_write(xs, dev->back, "frontend-id", "%u", d->domid) ?:
		xs_write(xs, dev->back, "online", "1") ?:
		xs_write(xs, dev->back, "state", "%u", XB_INITIALISING);
	if (error)
		set_why("making %s: %s", dev->back, strerror(-error));
	return error;
}

int device_offer(struct device *dev)
{
	int error = xs_write(dev->xs, dev->back, "frontend", "%s", dev->front);

	if (!error)
		error = xs_wait(dev->xs, dev->back, "state", XB_INIT_WAIT, STATE_MS);
	if (error)
		set_why("%s did not come to state %d: %s", dev->back,
			XB_INIT_WAIT, strerror(-error));
	return error;
}

int device_queues(struct device *dev, unsigned int count)
{
	int error = xs_write(dev->xs, dev->front, "multi-queue-num-queues", "%u", count);

	if (error)
		set_why("writing to %s: %s", dev->front, strerror(-error));
	return error;
}

void device_queue_dir(const struct device *dev, unsigned int i, unsigned int count,
		      char *dir, size_t size)
{
	if (count == 1)
		snprintf(dir, size, "%s", dev->front);
	else
		snprintf(dir, size, "%s/queue-%u", dev->front, i);
}

/* Where xenbus_dev_error() writes to: DIR/error. */
static void error_dir(const struct device *dev, char *path, size_t size)
{
	snprintf(path, size, BACKEND_HOME "/error%s", dev->back + strlen(BACKEND_HOME));
}

bool device_error(const struct device *dev, char *text, size_t size)
{
	char path[200];

	error_dir(dev, path, sizeof(path) - sizeof("/error"));
	strcat(path, "/error");
	return !xs_read(dev->xs, path, text, size);
}

int device_state(struct device *dev, enum xenbus_state front,
		 enum xenbus_state back)
{
	int error = xs_write(dev->xs, dev->front, "state", "%u", front);
	char text[256];

	if (!error)
		error = xs_wait(dev->xs, dev->back, "state", back, STATE_MS);
	if (!error)
		return 0;
	if (!device_error(dev, text, sizeof(text)))
		snprintf(text, sizeof(text), "no error node");
	set_why("%s is in state %ld, not %d: %s (%s)", dev->back,
		xs_number(dev->xs, dev->back, "state", -1), back,
		strerror(-error), text);
	return error;
}

/*
 * The backend's device goes away after its state says that it is closed. Who
 * makes one of the same name before that is not heard.
 */
int device_wait_gone(const struct device *dev)
{
	uint64_t end = now_ms() + STATE_MS;

	while (!access(dev->sysfs, F_OK)) {
		if (now_ms() > end) {
			set_why("%s is still there", dev->sysfs);
			return -ETIMEDOUT;
		}
		sleep_us(500);
	}
	return 0;
}

int device_remove(struct device *dev)
{
	int error = xs_write(dev->xs, dev->back, "online", "0");
	char errors[200];

	if (!error)
		error = device_state(dev, XB_CLOSED, XB_CLOSED);
	if (!error)
		error = device_wait_gone(dev);
	/* Whatever came of that, they must go. */
	xs_rm(dev->xs, dev->back);
	xs_rm(dev->xs, dev->front);
	error_dir(dev, errors, sizeof(errors));
	xs_rm(dev->xs, errors);
	return error;
}

int ring_make(struct ring *r, struct domain *d, uint32_t entries, size_t size)
{
	r->d = d;
	r->entries = entries;
	r->size = size;
	r->req_prod = 0;
	r->rsp_cons = 0;
	r->page = page_get(d);
	if (r->page == NO_PAGE)
		return -ENOMEM;
	r->s = (void *)dom_page(d, r->page);
	memset(r->s, 0, XPAGE);
	r->s->req_event = 1;
	r->s->rsp_event = 1;
	r->gref = gref_get(d, r->page, false);
	return r->gref ? 0 : -ENOMEM;
}

int ring_free(struct ring *r)
{
	int error = gref_put(r->d, r->gref);

	if (error)
		set_why("the ring's gref %u is in use after the device is closed",
			r->gref);
	else
		page_put(r->d, r->page);
	return error;
}

uint32_t ring_room(const struct ring *r)
{
	return r->entries - (r->req_prod - r->rsp_cons);
}

void *ring_next(struct ring *r)
{
	return (uint8_t *)r->s->entries + r->req_prod++ % r->entries * r->size;
}

bool ring_push(struct ring *r)
{
	uint32_t old = r->s->req_prod;

	__atomic_store_n(&r->s->req_prod, r->req_prod, __ATOMIC_SEQ_CST);
	/* The backend wants to hear of the request number req_event. */
	return r->req_prod - __atomic_load_n(&r->s->req_event, __ATOMIC_SEQ_CST) <
	       r->req_prod - old;
}

bool ring_pop(struct ring *r, void *out, size_t length)
{
	uint32_t prod = __atomic_load_n(&r->s->rsp_prod, __ATOMIC_ACQUIRE);

	if (prod == r->rsp_cons) {
		/* Ask to be called for the next one, then look again. */
		__atomic_store_n(&r->s->rsp_event, r->rsp_cons + 1,
				 __ATOMIC_SEQ_CST);
		prod = __atomic_load_n(&r->s->rsp_prod, __ATOMIC_SEQ_CST);
		if (prod == r->rsp_cons)
			return false;
	}
	memcpy(out, (uint8_t *)r->s->entries +
	       r->rsp_cons++ % r->entries * r->size, length);
	return true;
}

/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A pair of frontend and backend in the xenstore, and the frontend's rings
 */
#ifndef XEN_SHIM_TEST_DEVICE_H
#define XEN_SHIM_TEST_DEVICE_H

#include "domain.h"
#include "xs.h"

#define STATE_MS	60000	/* how long a change of state may take */

/* What a toolstack makes and a guest finds. */
struct device {
	struct domain *d;
	struct xs *xs;
	char front[128];	/* paths in the store */
	char back[128];
	char sysfs[128];	/* of the backend's device */
};

/* Only the paths: for device_remove() of a domain that is not this process's. */
void device_paths(struct device *dev, struct xs *xs, uint16_t domid,
		  const char *type, unsigned int id);

/*
 * Make both directories: @type vbd, vif or vscsi. The caller adds what the
 * type needs to them, and then lets the backend see them: device_offer().
 */
int device_make(struct device *dev, struct domain *d, struct xs *xs,
		const char *type, unsigned int id);
int device_offer(struct device *dev);

/*
 * Say how many queues the frontend has; and where in the store queue @i of
 * @count has its nodes: with one, it is the frontend's own directory.
 */
int device_queues(struct device *dev, unsigned int count);
void device_queue_dir(const struct device *dev, unsigned int i, unsigned int count,
		      char *dir, size_t size);

/* What the backend has to complain of. Return: false if it does not. */
bool device_error(const struct device *dev, char *text, size_t size);

/* Set the frontend's state, and wait for the backend to follow. */
int device_state(struct device *dev, enum xenbus_state front,
		 enum xenbus_state back);

/*
 * Close, and remove both directories, as a toolstack does: whoever owned the
 * domain need not be there any more.
 */
int device_remove(struct device *dev);

/* Wait until the backend's device is not there, whoever removes it. */
int device_wait_gone(const struct device *dev);

/* --- front ring: one page, granted to the backend -------------------------- */

struct ring {
	struct domain *d;
	struct sring *s;
	uint32_t page, gref;
	uint32_t entries, size;
	uint32_t req_prod, rsp_cons;	/* ours */
};

int ring_make(struct ring *r, struct domain *d, uint32_t entries, size_t size);
int ring_free(struct ring *r);

/* Room for requests. */
uint32_t ring_room(const struct ring *r);

/* The entry for the next request; it counts at once, but is not seen yet. */
void *ring_next(struct ring *r);

/* Show them to the backend. Return: it wants to be kicked. */
bool ring_push(struct ring *r);

/* The next response, copied to @out. Return: false if there is none. */
bool ring_pop(struct ring *r, void *out, size_t length);

#endif /* XEN_SHIM_TEST_DEVICE_H */

/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The blkif frontend of the toy domain: queues with a ring of one page each
 */
#ifndef XEN_SHIM_TEST_BLK_H
#define XEN_SHIM_TEST_BLK_H

#include "device.h"

#define BLK_MS		30000	/* how long a request may take */

/* A queue, and the device: further queues have what the first one has. */
struct blk {
	struct device dev;
	struct ring ring;
	struct port port;
	bool persistent;
	uint64_t sectors;
	unsigned int indirect_max;	/* segments; 0: not offered */
	bool flush, discard;
	uint64_t next_id;
	unsigned int in_flight;
	unsigned int lost_calls;	/* a response was there, and no call */
};

/* Part of a page to read into or write from. */
struct blk_part {
	uint32_t gref;
	uint8_t first, last;
};

/* @dev_t: of the real block device. */
int blk_connect(struct blk *b, struct domain *d, struct xs *xs, unsigned int id,
		unsigned int major, unsigned int minor, bool persistent);

/* The same with @count queues, @b is the first of. */
int blk_connect_queues(struct blk *b, unsigned int count, struct domain *d,
		       struct xs *xs, unsigned int id, unsigned int major,
		       unsigned int minor, bool persistent);

/* The parts of that. First: everything but queues. */
int blk_offer(struct blk *b, struct domain *d, struct xs *xs, unsigned int id,
	      unsigned int major, unsigned int minor, bool persistent);
int blk_queue(struct blk *b, const struct device *dev, unsigned int i,
	      unsigned int count);

/* Close and remove; then nothing of the domain is mapped any more. */
int blk_disconnect(struct blk *b);
int blk_disconnect_queues(struct blk *b, unsigned int count);

/* The second half of that, for one queue: the backend is gone already. */
int blk_release(struct blk *b);

/* Room for one more request? */
bool blk_room(const struct blk *b);

/*
 * Queue a request, which blk_kick() shows to the backend. They need room.
 * Return: its id.
 */
uint64_t blk_rw(struct blk *b, int op, uint64_t sector,
		const struct blk_part *parts, unsigned int n);

/* @frames: grefs of pages that hold the segments */
uint64_t blk_indirect(struct blk *b, int op, uint64_t sector,
		      unsigned int segments, const uint32_t *frames);
uint64_t blk_discard(struct blk *b, uint64_t sector, uint64_t sectors);
uint64_t blk_raw(struct blk *b, const struct blk_request *r);
int blk_kick(struct blk *b);

/* Wait for any response. Return: 0, -ETIMEDOUT. */
int blk_wait(struct blk *b, struct blk_response *rsp);

/* Kick, and wait for the response to @id alone. Return: status, or -ETIMEDOUT. */
int blk_done(struct blk *b, uint64_t id);

#endif /* XEN_SHIM_TEST_BLK_H */

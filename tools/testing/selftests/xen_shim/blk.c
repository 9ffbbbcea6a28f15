// SPDX-License-Identifier: GPL-2.0
/*
 * The blkif frontend (blk.h)
 */
#include <errno.h>
#include <string.h>

#include "blk.h"
#include "clock.h"

int blk_offer(struct blk *b, struct domain *d, struct xs *xs, unsigned int id,
	      unsigned int major, unsigned int minor, bool persistent)
{
	struct device *dev = &b->dev;

	memset(b, 0, sizeof(*b));
	b->persistent = persistent;
	return device_make(dev, d, xs, "vbd", id) ?:
	       xs_write(xs, dev->back, "mode", "w") ?:
	       xs_write(xs, dev->back, "dev", "xvda") ?:
	       xs_write(xs, dev->back, "type", "phy") ?:
	       device_offer(dev) ?:
	       /* Where a hotplug script comes in: hexadecimal. */
	       xs_write(xs, dev->back, "physical-device", "%x:%x", major, minor) ?:
	       xs_write(xs, dev->front, "protocol", "x86_64-abi") ?:
	       xs_write(xs, dev->front, "feature-persistent", "%u", persistent);
}

int blk_queue(struct blk *b, const struct device *dev, unsigned int i,
	      unsigned int count)
{
	struct xs *xs = dev->xs;
	char dir[160];

	device_queue_dir(dev, i, count, dir, sizeof(dir));
	return ring_make(&b->ring, dev->d, BLK_RING_ENTRIES,
			 sizeof(struct blk_request)) ?:
	       port_open(dev->d, &b->port) ?:
	       xs_write(xs, dir, "ring-ref", "%u", b->ring.gref) ?:
	       xs_write(xs, dir, "event-channel", "%u", b->port.port);
}

int blk_connect_queues(struct blk *b, unsigned int count, struct domain *d,
		       struct xs *xs, unsigned int id, unsigned int major,
		       unsigned int minor, bool persistent)
{
	struct device *dev = &b->dev;
	int error = blk_offer(b, d, xs, id, major, minor, persistent);

	if (!error && count > 1)
		error = device_queues(dev, count);
	for (unsigned int i = 0; !error && i < count; i++) {
		if (i)
			b[i] = *b;
		error = blk_queue(&b[i], dev, i, count);
	}
	if (!error)
		error = device_state(dev, XB_INITIALISED, XB_CONNECTED);
	if (error)
		return error;
	for (unsigned int i = 0; i < count; i++) {
		b[i].sectors = xs_number(xs, dev->back, "sectors", 0);
		b[i].indirect_max = xs_number(xs, dev->back,
					      "feature-max-indirect-segments", 0);
		b[i].flush = xs_number(xs, dev->back, "feature-flush-cache", 0);
		b[i].discard = xs_number(xs, dev->back, "feature-discard", 0);
	}
	return xs_write(xs, dev->front, "state", "%u", XB_CONNECTED);
}

int blk_connect(struct blk *b, struct domain *d, struct xs *xs, unsigned int id,
		unsigned int major, unsigned int minor, bool persistent)
{
	return blk_connect_queues(b, 1, d, xs, id, major, minor, persistent);
}

int blk_release(struct blk *b)
{
	return ring_free(&b->ring) ?: port_close(b->dev.d, &b->port);
}

int blk_disconnect_queues(struct blk *b, unsigned int count)
{
	int error = device_remove(&b->dev);

	for (unsigned int i = 0; !error && i < count; i++)
		error = blk_release(&b[i]);
	return error;
}

int blk_disconnect(struct blk *b)
{
	return blk_disconnect_queues(b, 1);
}

bool blk_room(const struct blk *b)
{
	return ring_room(&b->ring);
}

static struct blk_request *begin(struct blk *b, uint8_t op)
{
	struct blk_request *r = ring_next(&b->ring);

	memset(r, 0, sizeof(*r));
	r->op = op;
	r->rw.id = b->next_id++;
	b->in_flight++;
	return r;
}

uint64_t blk_rw(struct blk *b, int op, uint64_t sector,
		const struct blk_part *parts, unsigned int n)
{
	struct blk_request *r = begin(b, op);

	r->rw.segments = n;
	r->rw.sector = sector;
	for (unsigned int i = 0; i < n; i++) {
		r->rw.seg[i].gref = parts[i].gref;
		r->rw.seg[i].first = parts[i].first;
		r->rw.seg[i].last = parts[i].last;
	}
	return r->rw.id;
}

uint64_t blk_indirect(struct blk *b, int op, uint64_t sector,
		      unsigned int segments, const uint32_t *frames)
{
	unsigned int n = (segments + SEGMENTS_PER_FRAME - 1) / SEGMENTS_PER_FRAME;
	struct blk_request *r = begin(b, BLK_INDIRECT);

	r->indirect.op = op;
	r->indirect.segments = segments;
	r->indirect.sector = sector;
	for (unsigned int i = 0; i < n && i < BLK_INDIRECT_FRAMES; i++)
		r->indirect.gref[i] = frames[i];
	return r->indirect.id;
}

uint64_t blk_discard(struct blk *b, uint64_t sector, uint64_t sectors)
{
	struct blk_request *r = begin(b, BLK_DISCARD);

	r->discard.sector = sector;
	r->discard.sectors = sectors;
	return r->discard.id;
}

uint64_t blk_raw(struct blk *b, const struct blk_request *raw)
{
	struct blk_request *r = begin(b, raw->op);
	uint64_t id = r->rw.id;

	*r = *raw;
	r->rw.id = id;
	return id;
}

int blk_kick(struct blk *b)
{
	return ring_push(&b->ring) ? port_kick(&b->port) : 0;
}

int blk_wait(struct blk *b, struct blk_response *rsp)
{
	uint64_t end = now_ms() + BLK_MS;
	bool called = true;

	while (!ring_pop(&b->ring, rsp, sizeof(*rsp))) {
		if (now_ms() > end) {
			set_why("no response for %d s, %u requests in flight",
				BLK_MS / 1000, b->in_flight);
			return -ETIMEDOUT;
		}
		called = !port_wait(&b->port, 2000);
	}
	b->lost_calls += !called;
	b->in_flight--;
	return 0;
}

int blk_done(struct blk *b, uint64_t id)
{
	struct blk_response rsp;
	int error = blk_kick(b) ?: blk_wait(b, &rsp);

	if (error)
		return error;
	if (rsp.id != id) {
		set_why("response to request %llu, not %llu",
			(unsigned long long)rsp.id, (unsigned long long)id);
		return -EPROTO;
	}
	return rsp.status;
}

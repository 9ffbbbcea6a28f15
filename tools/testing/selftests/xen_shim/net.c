// SPDX-License-Identifier: GPL-2.0
/*
 * The netif frontend (net.h)
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "clock.h"
#include "net.h"

int net_offer(struct net *n, struct domain *d, struct xs *xs, unsigned int id)
{
	struct device *dev = &n->dev;
	uint8_t *m = n->mac;

	memset(n, 0, sizeof(*n));
	snprintf(n->vif, sizeof(n->vif), "vif%u.%u", d->domid, id);
	memcpy(m, "\x00\x16\x3e\x00\x00\x01", 6);
	m[4] = d->domid;
	return ring_make(&n->ctrl, d, NET_CTRL_RING_ENTRIES,
			 sizeof(struct net_ctrl_request)) ?:
	       port_open(d, &n->ctrl_port) ?:
	       device_make(dev, d, xs, "vif", id) ?:
	       xs_write(xs, dev->back, "handle", "%u", id) ?:
	       xs_write(xs, dev->back, "script", "none") ?:
	       xs_write(xs, dev->back, "mac", "%02x:%02x:%02x:%02x:%02x:%02x",
			m[0], m[1], m[2], m[3], m[4], m[5]) ?:
	       /* What a hotplug script says when it has done its part. */
	       xs_write(xs, dev->back, "hotplug-status", "connected") ?:
	       device_offer(dev) ?:
	       xs_write(xs, dev->front, "ctrl-ring-ref", "%u", n->ctrl.gref) ?:
	       xs_write(xs, dev->front, "event-channel-ctrl", "%u", n->ctrl_port.port) ?:
	       xs_write(xs, dev->front, "request-rx-copy", "1") ?:
	       xs_write(xs, dev->front, "feature-rx-notify", "1") ?:
	       xs_write(xs, dev->front, "feature-sg", "1") ?:
	       xs_write(xs, dev->front, "feature-gso-tcpv4", "1");
}

int net_queue(struct net *n, const struct device *dev, unsigned int i,
	      unsigned int count)
{
	struct domain *d = dev->d;
	struct xs *xs = dev->xs;
	char dir[160];

	device_queue_dir(dev, i, count, dir, sizeof(dir));
	return ring_make(&n->tx, d, NET_RING_ENTRIES, sizeof(struct net_tx_request)) ?:
	       ring_make(&n->rx, d, NET_RING_ENTRIES, sizeof(struct net_rx_request)) ?:
	       port_open(d, &n->tx_port) ?:
	       port_open(d, &n->rx_port) ?:
	       xs_write(xs, dir, "tx-ring-ref", "%u", n->tx.gref) ?:
	       xs_write(xs, dir, "rx-ring-ref", "%u", n->rx.gref) ?:
	       xs_write(xs, dir, "event-channel-tx", "%u", n->tx_port.port) ?:
	       xs_write(xs, dir, "event-channel-rx", "%u", n->rx_port.port);
}

int net_connect_queues(struct net *n, unsigned int count, struct domain *d,
		       struct xs *xs, unsigned int id)
{
	struct device *dev = &n->dev;
	int error = net_offer(n, d, xs, id);

	if (!error && count > 1)
		error = device_queues(dev, count);
	for (unsigned int i = 0; !error && i < count; i++) {
		if (i) {
			n[i] = *n;
			n[i].ctrl = (struct ring) { };
		}
		error = net_queue(&n[i], dev, i, count);
	}
	return error ?: device_state(dev, XB_CONNECTED, XB_CONNECTED);
}

int net_connect(struct net *n, struct domain *d, struct xs *xs, unsigned int id)
{
	return net_connect_queues(n, 1, d, xs, id);
}

static int put_slots(struct net *n)
{
	struct domain *d = n->dev.d;

	for (int i = 0; i < NET_RING_ENTRIES; i++) {
		if (n->tx_slot[i].gref && gref_put(d, n->tx_slot[i].gref)) {
			set_why("gref %u of a packet is in use after the device is closed",
				n->tx_slot[i].gref);
			return -EBUSY;
		}
		if (!n->rx_slot[i].gref)
			continue;
		if (gref_put(d, n->rx_slot[i].gref)) {
			set_why("gref %u to receive into is in use after the device is closed",
				n->rx_slot[i].gref);
			return -EBUSY;
		}
		page_put(d, n->rx_slot[i].page);
	}
	return 0;
}

int net_release(struct net *n)
{
	struct domain *d = n->dev.d;
	int error = put_slots(n) ?:
		    ring_free(&n->tx) ?: ring_free(&n->rx) ?:
		    port_close(d, &n->tx_port) ?: port_close(d, &n->rx_port);

	if (error || !n->ctrl.d)
		return error;
	return ring_free(&n->ctrl) ?: port_close(d, &n->ctrl_port);
}

int net_disconnect_queues(struct net *n, unsigned int count)
{
	int error = device_remove(&n->dev);

	for (unsigned int i = 0; !error && i < count; i++)
		error = net_release(&n[i]);
	return error;
}

int net_disconnect(struct net *n)
{
	return net_disconnect_queues(n, 1);
}

/* --- to the backend -------------------------------------------------------- */

static int free_id(const struct net *n, unsigned int from)
{
	for (unsigned int i = 0; i < NET_RING_ENTRIES; i++) {
		unsigned int id = (from + i) % NET_RING_ENTRIES;

		if (!n->tx_slot[id].gref)
			return id;
	}
	return -1;
}

int net_send(struct net *n, const struct net_piece *pieces, unsigned int count,
	     uint16_t flags, uint16_t gso_size)
{
	uint64_t end = now_ms() + NET_MS;
	unsigned int total = 0, i;

	while (ring_room(&n->tx) < count + 1) {
		if (!net_reap(n))
			port_wait(&n->tx_port, 1000);
		if (now_ms() > end) {
			set_why("no room for a packet for %d s", NET_MS / 1000);
			return -ETIMEDOUT;
		}
	}
	for (i = 0; i < count; i++)
		total += pieces[i].length;
	for (i = 0; i < count; i++) {
		struct net_tx_request *r = ring_next(&n->tx);
		struct net_extra *extra;
		int id = free_id(n, n->tx.req_prod);

		if (id < 0)
			return -ENOSPC;
		r->gref = gref_get(n->dev.d, pieces[i].page, true);
		n->tx_slot[id].gref = r->gref;
		r->id = id;
		r->offset = pieces[i].offset;
		r->size = i ? pieces[i].length : total;
		r->flags = i ? 0 : flags;
		if (i + 1 < count)
			r->flags |= NET_TX_MORE_DATA;
		n->tx_in_flight++;
		if (i || !gso_size)
			continue;
		r->flags |= NET_TX_EXTRA_INFO;
		extra = ring_next(&n->tx);
		memset(extra, 0, sizeof(*extra));
		extra->type = NET_EXTRA_GSO;
		extra->gso.size = gso_size;
		extra->gso.type = NET_GSO_TCPV4;
	}
	return ring_push(&n->tx) ? port_kick(&n->tx_port) : 0;
}

unsigned int net_reap(struct net *n)
{
	struct net_tx_response rsp;
	unsigned int count = 0;

	while (ring_pop(&n->tx, &rsp, sizeof(rsp))) {
		count++;
		if (rsp.status == NET_NULL)	/* an extra has no id */
			continue;
		if (rsp.status == NET_OKAY)
			n->tx_okay++;
		else
			n->tx_failed++;
		if (rsp.id >= NET_RING_ENTRIES || !n->tx_slot[rsp.id].gref ||
		    gref_put(n->dev.d, n->tx_slot[rsp.id].gref)) {
			n->tx_failed++;
			continue;
		}
		n->tx_slot[rsp.id].gref = 0;
		n->tx_in_flight--;
	}
	return count;
}

int net_wait_sent(struct net *n)
{
	uint64_t end = now_ms() + NET_MS;

	while (n->tx_in_flight) {
		if (!net_reap(n))
			port_wait(&n->tx_port, 1000);
		if (now_ms() > end) {
			set_why("%u slots are not answered after %d s",
				n->tx_in_flight, NET_MS / 1000);
			return -ETIMEDOUT;
		}
	}
	return 0;
}

/* --- from the backend ------------------------------------------------------- */

static void post(struct net *n)
{
	unsigned int at = n->rx.req_prod % NET_RING_ENTRIES;
	struct net_rx_request *r = ring_next(&n->rx);

	r->id = at;
	r->pad = 0;
	r->gref = n->rx_slot[at].gref;
}

int net_post_all(struct net *n)
{
	struct domain *d = n->dev.d;

	for (int i = 0; i < NET_RING_ENTRIES; i++) {
		n->rx_slot[i].page = page_get(d);
		if (n->rx_slot[i].page == NO_PAGE)
			return -ENOMEM;
		n->rx_slot[i].gref = gref_get(d, n->rx_slot[i].page, false);
		post(n);
	}
	return ring_push(&n->rx) ? port_kick(&n->rx_port) : 0;
}

/* The next response; its place is free to be posted again. */
static int next_response(struct net *n, void *rsp, unsigned int *at, int timeout_ms)
{
	uint64_t end = now_ms() + timeout_ms;

	*at = n->rx.rsp_cons % NET_RING_ENTRIES;
	while (!ring_pop(&n->rx, rsp, sizeof(struct net_rx_response))) {
		if (now_ms() > end)
			return -ETIMEDOUT;
		port_wait(&n->rx_port, 100);
	}
	return 0;
}

int net_receive(struct net *n, void *packet, size_t room, uint16_t *flags,
		uint16_t *gso_size, int timeout_ms)
{
	struct net_rx_response rsp;
	unsigned int at, length = 0;
	struct net_extra extra;
	bool first = true, bad = false;
	int error;

	*gso_size = 0;
	do {
		error = next_response(n, &rsp, &at, first ? timeout_ms : NET_MS);
		if (error)
			return error;
		if (first)
			*flags = rsp.flags;
		if (rsp.status < 0 || rsp.offset + rsp.status > (int)XPAGE ||
		    length + rsp.status > room) {
			bad = true;
		} else {
			memcpy((uint8_t *)packet + length,
			       dom_page(n->dev.d, n->rx_slot[at].page) + rsp.offset,
			       rsp.status);
			length += rsp.status;
		}
		post(n);
		if (first && rsp.flags & NET_RX_EXTRA_INFO) {
			do {
				error = next_response(n, &extra, &at, NET_MS);
				if (error)
					return error;
				if (extra.type == NET_EXTRA_GSO)
					*gso_size = extra.gso.size;
				post(n);
			} while (extra.flags & NET_EXTRA_MORE);
		}
		first = false;
	} while (rsp.flags & NET_RX_MORE_DATA);
	if (ring_push(&n->rx))
		port_kick(&n->rx_port);
	return bad ? -EIO : (int)length;
}

/* --- control ---------------------------------------------------------------- */

int net_control(struct net *n, uint16_t type, const uint32_t *data,
		struct net_ctrl_response *rsp)
{
	struct net_ctrl_request *r = ring_next(&n->ctrl);
	uint64_t end = now_ms() + NET_MS;

	memset(r, 0, sizeof(*r));
	r->type = type;
	r->id = n->ctrl.req_prod;
	if (data)
		memcpy(r->data, data, sizeof(r->data));
	ring_push(&n->ctrl);
	port_kick(&n->ctrl_port);
	while (!ring_pop(&n->ctrl, rsp, sizeof(*rsp))) {
		if (now_ms() > end) {
			set_why("control request %u is not answered", type);
			return -ETIMEDOUT;
		}
		port_wait(&n->ctrl_port, 100);
	}
	return rsp->status == NET_CTRL_SUCCESS ? 0 : -EREMOTEIO;
}

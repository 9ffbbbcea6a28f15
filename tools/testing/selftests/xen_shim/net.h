/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The netif frontend of the toy domain: queues of two rings and two event
 * channels each, and a control ring
 */
#ifndef XEN_SHIM_TEST_NET_H
#define XEN_SHIM_TEST_NET_H

#include "device.h"

#define NET_MS		20000	/* how long a packet may take */

/* A queue, and the device. */
struct net {
	struct device dev;
	struct ring tx, rx;
	struct port tx_port, rx_port;
	struct ring ctrl;		/* the first queue has it */
	struct port ctrl_port;
	char vif[16];			/* netback's interface */
	uint8_t mac[6];			/* the guest's */
	struct {
		uint32_t gref;		/* 0: free */
	} tx_slot[NET_RING_ENTRIES];	/* by id */
	unsigned int tx_in_flight;	/* slots */
	struct {
		uint32_t page, gref;
	} rx_slot[NET_RING_ENTRIES];	/* by place in the ring */
	unsigned int tx_okay, tx_failed;	/* responses */
};

/* A piece of a packet: what is in one page. */
struct net_piece {
	uint32_t page;
	uint16_t offset, length;
};

/* @id: of the device; the interface is vif<domid>.<id>. */
int net_connect(struct net *n, struct domain *d, struct xs *xs, unsigned int id);
int net_disconnect(struct net *n);

/* The same with @count queues, @n is the first of. */
int net_connect_queues(struct net *n, unsigned int count, struct domain *d,
		       struct xs *xs, unsigned int id);
int net_disconnect_queues(struct net *n, unsigned int count);

/* The parts of connecting. First: everything but queues. */
int net_offer(struct net *n, struct domain *d, struct xs *xs, unsigned int id);
int net_queue(struct net *n, const struct device *dev, unsigned int i,
	      unsigned int count);

/* The second half of disconnecting, for one queue: the backend is gone already. */
int net_release(struct net *n);

/*
 * Send one packet. @flags: NET_TX_*; @gso_size: 0, or the size of TCP
 * segments. Its pages may be used again after net_wait_sent().
 */
int net_send(struct net *n, const struct net_piece *pieces, unsigned int count,
	     uint16_t flags, uint16_t gso_size);

/* Take the responses that are there. Return: how many. */
unsigned int net_reap(struct net *n);

/* Until every slot is answered. */
int net_wait_sent(struct net *n);

/* Give netback all pages to receive into. */
int net_post_all(struct net *n);

/*
 * Receive one packet. @gso_size: of its segments, 0 if it has none.
 * Return: length, -ETIMEDOUT, or -EIO if netback reports an error.
 */
int net_receive(struct net *n, void *packet, size_t room, uint16_t *flags,
		uint16_t *gso_size, int timeout_ms);

/* A request on the control ring. Return: 0, -errno; @rsp is what came back. */
int net_control(struct net *n, uint16_t type, const uint32_t *data,
		struct net_ctrl_response *rsp);

#endif /* XEN_SHIM_TEST_NET_H */

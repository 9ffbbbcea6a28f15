/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Frames between the toy domain and the far end of the network: made, sent, and
 * compared with what arrives
 */
#ifndef XEN_SHIM_TEST_FLOW_H
#define XEN_SHIM_TEST_FLOW_H

#include "net.h"
#include "wire.h"

#define FLOW_PAGES	64
#define FLOW_LARGE	(65536 + ETH_HEADER)
#define WIRE_MS		10000	/* how long a frame may take */

struct flow {
	struct domain *d;
	struct net *n;
	struct wire wire;
	uint64_t seed;
	uint32_t seq;			/* of the last frame */
	uint32_t page[FLOW_PAGES];	/* to send from */
	uint8_t frame[FLOW_LARGE];	/* what was sent */
	uint8_t got[FLOW_LARGE];	/* what arrived */
};

/* @length bytes at random. */
void flow_fill(struct flow *f, uint8_t *p, size_t length);

/*
 * A link that has just come up may lose frames for a second: repeat one until
 * it has come out, and take what is late, too.
 */
int flow_wait_link(struct flow *f);

/* The next of our frames that comes out. Return: its length, < 0. */
int flow_from_wire(struct flow *f, struct wire_header *h, bool tcp,
		   unsigned int *payload, uint32_t *number);

/* Put a frame into the guest's pages, cut as @cut says. Return: pieces. */
unsigned int flow_lay_out(struct flow *f, struct net_piece *pieces,
			  const uint8_t *data, unsigned int length,
			  const uint16_t *cut, unsigned int cuts);

/* Send one UDP frame of @length bytes, and compare what comes out. */
int flow_send_udp(struct flow *f, unsigned int length, const uint16_t *cut,
		  unsigned int cuts, bool partial);

/* Receive one of our frames, of @length bytes. */
int flow_to_guest(struct flow *f, unsigned int length, uint16_t *flags,
		  uint16_t *gso);

#endif /* XEN_SHIM_TEST_FLOW_H */

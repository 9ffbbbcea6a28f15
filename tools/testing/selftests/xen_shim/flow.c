// SPDX-License-Identifier: GPL-2.0
/*
 * Frames between the toy domain and the far end (flow.h)
 */
#include <errno.h>
#include <string.h>

#include "clock.h"
#include "flow.h"
#include "run.h"

void flow_fill(struct flow *f, uint8_t *p, size_t length)
{
	while (length--)
		*p++ = next_random(&f->seed) >> 56;
}

int flow_wait_link(struct flow *f)
{
	struct net_piece piece = { .page = f->page[0] };
	uint64_t end = now_ms() + WIRE_MS;
	struct wire_header h;
	int length = -1;

	piece.length = frame_headers(dom_page(f->d, f->page[0]), f->wire.mac,
				     f->n->mac, false, 0, 0, false);
	while (length < 0) {
		if (net_send(f->n, &piece, 1, 0, 0) || net_wait_sent(f->n))
			return -1;
		if (now_ms() > end)
			return fail("nothing came out within %d s", WIRE_MS / 1000);
		length = wire_receive(&f->wire, &h, f->got, sizeof(f->got), 100);
	}
	while (wire_receive(&f->wire, &h, f->got, sizeof(f->got), 300) >= 0)
		;
	return 0;
}

int flow_from_wire(struct flow *f, struct wire_header *h, bool tcp,
		   unsigned int *payload, uint32_t *number)
{
	uint64_t end = now_ms() + WIRE_MS;
	int length;

	while (now_ms() < end) {
		length = wire_receive(&f->wire, h, f->got, sizeof(f->got), 1000);
		if (length > 0 && frame_ours(f->got, length, tcp, payload, number))
			return length;
	}
	return fail("nothing came out within %d s", WIRE_MS / 1000);
}

unsigned int flow_lay_out(struct flow *f, struct net_piece *pieces,
			  const uint8_t *data, unsigned int length,
			  const uint16_t *cut, unsigned int cuts)
{
	unsigned int i, at = 0;

	for (i = 0; at < length; i++) {
		unsigned int size = i < cuts ? cut[i] : XPAGE;

		if (size > length - at)
			size = length - at;
		pieces[i].page = f->page[i];
		pieces[i].length = size;
		/* As far back in the page as it goes. */
		pieces[i].offset = next_random(&f->seed) % 2 ? XPAGE - size :
				   next_random(&f->seed) % (XPAGE - size + 1);
		memcpy(dom_page(f->d, f->page[i]) + pieces[i].offset, data + at, size);
		at += size;
	}
	return i;
}

int flow_send_udp(struct flow *f, unsigned int length, const uint16_t *cut,
		  unsigned int cuts, bool partial)
{
	unsigned int payload = length - ETH_HEADER - IP_HEADER - UDP_HEADER, at, count;
	struct net_piece pieces[NET_SLOTS + 1];
	struct wire_header h;
	uint32_t number;
	int size;

	f->seq = (f->seq + 1) & 0xffff;
	flow_fill(f, f->frame + length - payload, payload);
	frame_headers(f->frame, f->wire.mac, f->n->mac, false, payload, f->seq, partial);
	count = flow_lay_out(f, pieces, f->frame, length, cut, cuts);
	if (net_send(f->n, pieces, count,
		     partial ? NET_TX_CSUM_BLANK | NET_TX_DATA_VALIDATED : 0, 0) ||
	    net_wait_sent(f->n))
		return -1;
	size = flow_from_wire(f, &h, false, &at, &number);
	if (size < 0)
		return -1;
	/* Short frames may come out padded. */
	if (number != f->seq || size < (int)length)
		return fail("frame %u of %u bytes came out as %u of %d", f->seq, length,
			    number, size);
	if (memcmp(f->got + at, f->frame + at, payload))
		return fail("a frame of %u bytes in %u slots came out with other bytes",
			    length, count);
	if (partial && h.flags & 1)
		return 0;	/* left to us */
	if (!frame_intact(f->got, size))
		return fail("a frame of %u bytes came out with a wrong checksum", length);
	return 0;
}

int flow_to_guest(struct flow *f, unsigned int length, uint16_t *flags,
		  uint16_t *gso)
{
	uint64_t end = now_ms() + WIRE_MS;
	unsigned int at;
	uint32_t number;
	int size;

	while (now_ms() < end) {
		size = net_receive(f->n, f->got, sizeof(f->got), flags, gso, 1000);
		if (size == -EIO)
			return fail("netback reports an error");
		if (size < 0 || !(frame_ours(f->got, size, false, &at, &number) ||
				  frame_ours(f->got, size, true, &at, &number)))
			continue;
		if (size != (int)length)
			return fail("a frame of %u bytes arrived as one of %d", length,
				    size);
		return 0;
	}
	return fail("a frame of %u bytes did not arrive", length);
}

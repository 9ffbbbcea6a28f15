// SPDX-License-Identifier: GPL-2.0
/*
 * netback serves the toy domain; what it sends and receives is compared with
 * what comes out of, and goes into, the far end (wire.h)
 *
 * Settings: XEN_SHIM_NETPORT and XEN_SHIM_NETPEER (two network cards that are
 * connected, instead of a tap), XEN_SHIM_NETSINK (another one), XEN_SHIM_SEED.
 */
#include <stdio.h>

#include "clock.h"
#include "flow.h"
#include "run.h"

#define DOMID		12
#define PAGES		2048
#define FRAME_MAX	1514U
#define GSO_PAYLOAD	40000U
#define GSO_SIZE	1448U
#define BULK		2000
#define WINDOW		32

static struct domain d;
static struct xs xs;
static struct net n;
static struct flow f = { .d = &d, .n = &n, .wire = { .fd = -1 } };

static int step_connect(void)
{
	int error;

	if (open_store(&xs) || dom_create(&d, DOMID, PAGES))
		return -1;
	for (unsigned int i = 0; i < FLOW_PAGES; i++)
		f.page[i] = page_get(&d);
	if (net_connect(&n, &d, &xs, 0))
		return -1;
	error = wire_open(&f.wire, n.vif);
	if (error) {
		ksft_print_msg("%s\n", why);
		return error;
	}
	return net_post_all(&n) ?: flow_wait_link(&f);
}

static int step_sizes(void)
{
	for (unsigned int length = 60; length <= FRAME_MAX; length += 7)
		if (flow_send_udp(&f, length, NULL, 0, false))
			return -1;
	return flow_send_udp(&f, FRAME_MAX, NULL, 0, false);
}

static int step_slots(void)
{
	uint16_t cut[NET_SLOTS];

	for (unsigned int slots = 2; slots <= NET_SLOTS; slots++) {
		unsigned int each = FRAME_MAX / slots;

		for (unsigned int i = 0; i < slots; i++)
			cut[i] = each + (i % 2 ? 5 : -5);
		cut[slots - 1] = FRAME_MAX;
		if (flow_send_udp(&f, FRAME_MAX, cut, slots, false))
			return -1;
	}
	/* The first slot shorter than what is copied, and than the headers. */
	for (cut[0] = ETH_HEADER; cut[0] < 140; cut[0] += 9)
		if (flow_send_udp(&f, FRAME_MAX, cut, 1, false))
			return -1;
	return 0;
}

static int step_partial(void)
{
	for (unsigned int length = 100; length <= FRAME_MAX; length += 101)
		if (flow_send_udp(&f, length, NULL, 0, true))
			return -1;
	return 0;
}

/* A TCP packet of 40000 bytes comes out whole, or in segments. */
static int step_gso(void)
{
	struct net_piece pieces[NET_SLOTS];
	unsigned int headers, at, count, have = 0, frames = 0;
	struct wire_header h;
	uint32_t number, first = 1000;
	int size;

	headers = ETH_HEADER + IP_HEADER + TCP_HEADER;
	flow_fill(&f, f.frame + headers, GSO_PAYLOAD);
	frame_headers(f.frame, f.wire.mac, n.mac, true, GSO_PAYLOAD, first, true);
	count = flow_lay_out(&f, pieces, f.frame, headers + GSO_PAYLOAD, NULL, 0);
	if (net_send(&n, pieces, count, NET_TX_CSUM_BLANK | NET_TX_DATA_VALIDATED,
		     GSO_SIZE))
		return -1;
	while (have < GSO_PAYLOAD) {
		unsigned int length;

		size = flow_from_wire(&f, &h, true, &at, &number);
		if (size < 0)
			return -1;
		if (!(h.flags & 1) && !frame_intact(f.got, size))
			return fail("segment %u has a wrong checksum", frames);
		length = size - at;
		if (number != first + have || have + length > GSO_PAYLOAD ||
		    memcmp(f.got + at, f.frame + headers + have, length))
			return fail("segment %u, of %u bytes at %u, is not what was sent",
				    frames, length, number - first);
		have += length;
		frames++;
	}
	ksft_print_msg("%u bytes in %u slots came out in %u frames\n", have, count,
		       frames);
	return net_wait_sent(&n);
}

/* Packets beyond what netback copies are mapped. */
static int step_mapped(void)
{
	struct shim_stats before, after;

	if (shim_stats(DOMID, &before))
		return -1;
	for (int i = 0; i < 50; i++)
		if (flow_send_udp(&f, FRAME_MAX, NULL, 0, false))
			return -1;
	if (shim_stats(DOMID, &after))
		return -1;
	if (after.maps - before.maps != 50)
		return fail("%ld maps for 50 packets", after.maps - before.maps);
	return 0;
}

/* They leave through a network card without a copy; tap and bridge make one. */
static int step_zerocopy(void)
{
	const char *card = getenv("XEN_SHIM_NETSINK");
	struct net_piece piece = { .page = f.page[0], .length = FRAME_MAX };

	int64_t sent = interface_stat(n.vif, "tx_zerocopy_sent");
	int64_t success = interface_stat(n.vif, "tx_zerocopy_success");

	if (!card) {
		set_why("XEN_SHIM_NETSINK names no network card");
		return STEP_SKIP;
	}
	if (sent < 0)
		return fail("%s does not count zero copy", n.vif);
	wire_close(&f.wire);
	if (wire_open_sink(&f.wire, n.vif, card))
		return -1;
	frame_headers(dom_page(&d, f.page[0]), f.wire.mac, n.mac, false, FRAME_MAX - 42, 1,
		      false);
	for (int i = 0; i < 50; i++)
		if (net_send(&n, &piece, 1, 0, 0))
			return -1;
	if (net_wait_sent(&n))
		return -1;
	sent = interface_stat(n.vif, "tx_zerocopy_sent") - sent;
	success = interface_stat(n.vif, "tx_zerocopy_success") - success;
	if (sent < 50 || success < 50)
		return fail("50 packets: %lld sent mapped, %lld without a copy",
			    (long long)sent, (long long)success);
	wire_close(&f.wire);
	return wire_open(&f.wire, n.vif) ?: flow_wait_link(&f);
}

/* --- the other direction ---------------------------------------------------- */

static int step_receive(void)
{
	uint16_t flags, gso;

	for (unsigned int length = 60; length <= FRAME_MAX; length += 11) {
		unsigned int payload = length - ETH_HEADER - IP_HEADER - UDP_HEADER;

		flow_fill(&f, f.frame + length - payload, payload);
		frame_headers(f.frame, n.mac, f.wire.mac, false, payload, ++f.seq & 0xffff,
			      false);
		if (wire_send(&f.wire, NULL, f.frame, length) ||
		    flow_to_guest(&f, length, &flags, &gso))
			return -1;
		if (memcmp(f.got, f.frame, length))
			return fail("a frame of %u bytes arrived with other bytes",
				    length);
	}
	return 0;
}

static int step_receive_gso(void)
{
	unsigned int headers = ETH_HEADER + IP_HEADER + TCP_HEADER;
	struct wire_header h = {
		.flags = 1, .gso = 1, .header = headers, .gso_size = GSO_SIZE,
		.csum_start = ETH_HEADER + IP_HEADER, .csum_offset = 16,
	};
	uint16_t flags, gso;

	if (!f.wire.tap) {
		set_why("a network card sends no such frames");
		return STEP_SKIP;
	}
	flow_fill(&f, f.frame + headers, GSO_PAYLOAD);
	frame_headers(f.frame, n.mac, f.wire.mac, true, GSO_PAYLOAD, 5000, true);
	if (wire_send(&f.wire, &h, f.frame, headers + GSO_PAYLOAD) ||
	    flow_to_guest(&f, headers + GSO_PAYLOAD, &flags, &gso))
		return -1;
	if (memcmp(f.got, f.frame, headers + GSO_PAYLOAD))
		return fail("a packet of %u bytes arrived with other bytes", GSO_PAYLOAD);
	if (gso != GSO_SIZE || !(flags & NET_RX_CSUM_BLANK))
		return fail("segment size %u, flags %#x", gso, flags);
	return 0;
}

/* --- many at once, both ways -------------------------------------------------- */

static void bulk_payload(uint32_t number, uint8_t *p, unsigned int length)
{
	uint64_t state = number * 0x9e3779b97f4a7c15ULL + 1;

	while (length--)
		*p++ = next_random(&state) >> 56;
}

static unsigned int bulk_length(uint32_t number)
{
	return 100 + number * 37 % (FRAME_MAX - 100);
}

static unsigned int bulk_frame(uint32_t number, const uint8_t *to,
			       const uint8_t *from)
{
	unsigned int length = bulk_length(number);
	unsigned int payload = length - ETH_HEADER - IP_HEADER - UDP_HEADER;

	bulk_payload(number, f.frame + length - payload, payload);
	frame_headers(f.frame, to, from, false, payload, number, false);
	return length;
}

static int bulk_check(unsigned int size, unsigned int at, uint32_t number)
{
	uint8_t expected[FRAME_MAX];
	unsigned int length = bulk_length(number);

	if (size != length || !frame_intact(f.got, size))
		return fail("packet %u is broken", number);
	bulk_payload(number, expected, length - at);
	if (memcmp(expected, f.got + at, length - at))
		return fail("packet %u has other bytes", number);
	return 0;
}

static int step_bulk(void)
{
	unsigned int sent, out = 0, in = 0, at;
	uint16_t flags, gso;
	struct wire_header h;
	uint32_t number;
	int size;

	for (sent = 0; sent < BULK;) {
		/* A window each way, so that no queue on the way is full. */
		for (int i = 0; i < WINDOW; i++, sent++) {
			struct net_piece piece = { .page = f.page[i] };

			piece.length = bulk_frame(sent, f.wire.mac, n.mac);
			memcpy(dom_page(&d, f.page[i]), f.frame, piece.length);
			if (net_send(&n, &piece, 1, 0, 0))
				return -1;
			if (wire_send(&f.wire, NULL, f.frame,
				      bulk_frame(sent, n.mac, f.wire.mac)))
				return -1;
		}
		for (; out < sent; out++) {
			size = flow_from_wire(&f, &h, false, &at, &number);
			if (size < 0)
				return -1;
			if (number != out)
				return fail("packet %u came out, not %u", number, out);
			if (bulk_check(size, at, number))
				return -1;
		}
		while (in < sent) {
			size = net_receive(&n, f.got, sizeof(f.got), &flags, &gso, WIRE_MS);
			if (size < 0)
				return fail("packet %u did not arrive (%d)", in, size);
			if (!frame_ours(f.got, size, false, &at, &number))
				continue;
			if (number != in)
				return fail("packet %u arrived, not %u", number, in);
			if (bulk_check(size, at, number))
				return -1;
			in++;
		}
		if (net_wait_sent(&n))
			return -1;
	}
	return n.tx_failed ? fail("%u responses say that sending failed", n.tx_failed) : 0;
}

/* --- control ring: what is set is what debugfs shows ---------------------------- */

static int step_hash(void)
{
	char path[64], line[256], word[8];
	struct net_ctrl_response rsp;
	uint8_t *key = dom_page(&d, f.page[0]);
	uint32_t gref = gref_get(&d, f.page[0], true);
	uint32_t data[3] = { NET_CTRL_TOEPLITZ };
	unsigned int seen = 0;
	FILE *file;

	flow_fill(&f, key, 40);
	if (net_control(&n, NET_CTRL_SET_ALGORITHM, data, &rsp))
		return fail("no Toeplitz hash: status %u", rsp.status);
	if (net_control(&n, NET_CTRL_GET_HASH_FLAGS, NULL, &rsp) || rsp.data != 0xf)
		return fail("hash types %#x", rsp.data);
	data[0] = gref;
	data[1] = 40;
	if (net_control(&n, NET_CTRL_SET_HASH_KEY, data, &rsp))
		return fail("no key: status %u", rsp.status);
	data[0] = gref + DOM_GRANTS;
	if (!net_control(&n, NET_CTRL_SET_HASH_KEY, data, &rsp))
		return fail("a key from a gref that there is not");
	if (gref_put(&d, gref))
		return fail("the key's gref is in use after the response");
	snprintf(path, sizeof(path), "/sys/kernel/debug/xen-netback/%s/ctrl", n.vif);
	file = fopen(path, "re");
	if (!file)
		return fail("%s: %s", path, strerror(errno));
	/* "[0 - 7]: 01 23 45 ..." */
	while (fgets(line, sizeof(line), file)) {
		char *p = strstr(line, "]:");

		if (!p || !strchr(line, '-') || seen >= 40)
			continue;
		for (p += 2; seen < 40 && sscanf(p, " %2s", word) == 1; p += 3) {
			if (strtoul(word, NULL, 16) != key[seen])
				break;
			seen++;
		}
	}
	fclose(file);
	return seen == 40 ? 0 : fail("%u of 40 bytes of the key are in %s", seen, path);
}

/* A packet that cannot be mapped fails, and only that. */
static int step_refused(void)
{
	struct net_piece piece = { .page = f.page[0], .length = 1000 };
	unsigned int failed = n.tx_failed;
	struct net_tx_request *r;
	uint32_t gref;

	if (net_send(&n, &piece, 1, 0, 0) || net_wait_sent(&n))
		return -1;
	gref = gref_get(&d, f.page[0], true);
	n.tx_slot[0].gref = gref;
	n.tx_in_flight++;
	r = ring_next(&n.tx);
	*r = (struct net_tx_request) { .gref = gref, .size = 1000 };
	d.grants[gref].domid = DOMID;
	if ((ring_push(&n.tx) && port_kick(&n.tx_port)) || net_wait_sent(&n))
		return -1;
	if (n.tx_failed != failed + 1)
		return fail("a page that is granted to somebody else was sent");
	n.tx_failed = failed;
	return flow_send_udp(&f, FRAME_MAX, NULL, 0, false);
}

static int step_close(void)
{
	struct shim_stats s;

	if (net_disconnect(&n))
		return -1;
	wire_close(&f.wire);
	if (shim_stats(DOMID, &s))
		return -1;
	if (s.mappings || s.pinned != PAGES)
		return fail("%ld mappings and %ld pinned pages after the device is closed",
			    s.mappings, s.pinned);
	dom_destroy(&d);
	return shim_wait_idle(10000, &s);
}

int main(void)
{
	static const struct step steps[] = {
		{ "a network device connects", step_connect, true },
		{ "frames of all sizes are sent", step_sizes, false },
		{ "frames in 2 to 18 slots are sent", step_slots, false },
		{ "checksums are completed", step_partial, false },
		{ "40000 bytes of TCP in one packet are sent", step_gso, false },
		{ "long frames are mapped", step_mapped, false },
		{ "they leave through a network card without a copy", step_zerocopy, false },
		{ "frames of all sizes are received", step_receive, false },
		{ "40000 bytes of TCP in one packet are received", step_receive_gso, false },
		{ "2000 packets both ways at once", step_bulk, false },
		{ "hash key over the control ring", step_hash, false },
		{ "a packet that cannot be mapped is refused", step_refused, false },
		{ "nothing is left when the device is closed", step_close, false },
	};

	f.seed = begin_tests();
	run_steps(steps, ARRAY_SIZE(steps));
}

// SPDX-License-Identifier: GPL-2.0
/*
 * Devices with several queues: rings and event channels of their own, one
 * device behind them
 *
 * Whatever goes through one queue must come back through the same, with its
 * call on that queue's event channel, and be right in the end: on the disk and
 * on the wire. Settings: XEN_SHIM_BLKDEV (its content is lost), XEN_SHIM_SEED.
 */
#include <fcntl.h>
#include <stdio.h>

#include "blk.h"
#include "clock.h"
#include "disk.h"
#include "flow.h"
#include "run.h"

#define DOMID		16
#define PAGES		4096
#define QUEUES		4
#define ROUNDS		16
#define QUIET_MS	200	/* in which nothing must happen */
#define BLK_PARAM	"/sys/module/xen_blkback/parameters/max_queues"
#define NET_PARAM	"/sys/module/xen_netback/parameters/max_queues"
#define FRAME		1000U
#define FRAMES		100

static struct domain d;
static struct xs xs;
static struct disk disk = { .fd = -1 };
static struct blk b[QUEUES];
static struct net n[QUEUES];
static struct flow f = { .d = &d, .n = n, .wire = { .fd = -1 } };
static char blk_max[16], net_max[16];	/* what the parameters were */

/* Set the parameter of a backend; @old: what it was. */
static int parameter(const char *path, const char *value, char *old)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);
	ssize_t length = fd < 0 ? -1 : old ? read(fd, old, 15) : 0;

	if (length >= 0) {
		if (old)
			old[length] = '\0';
		length = pwrite(fd, value, strlen(value), 0);
	}
	if (fd >= 0)
		close(fd);
	return length < 0 ? fail("%s: %s", path, strerror(errno)) : 0;
}

static int step_ready(void)
{
	char text[16];
	int error = disk_open(&disk, 0);

	if (error)
		return error;
	snprintf(text, sizeof(text), "%d", QUEUES);
	if (parameter(BLK_PARAM, text, blk_max) || parameter(NET_PARAM, text, net_max))
		return -1;
	return open_store(&xs) ?: dom_create(&d, DOMID, PAGES);
}

/* --- disk ------------------------------------------------------------------------ */

static uint32_t page[QUEUES][BLK_RING_ENTRIES];

static void fill(uint8_t *p, uint64_t number)
{
	for (size_t i = 0; i < XPAGE / sizeof(number); i++)
		memcpy(p + i * sizeof(number), &number, sizeof(number));
}

/* Of a round, what is at the place @i of queue @q. */
static uint64_t content(unsigned int round, unsigned int q, unsigned int i)
{
	return ((uint64_t)round << 32 | q << 16 | i) * 0x9e3779b97f4a7c15ULL + f.seed;
}

/* Places of the queues are interleaved on the disk. */
static uint64_t place(unsigned int q, unsigned int i)
{
	return (i * QUEUES + q) * PAGE_SECTORS;
}

static int step_blk_connect(void)
{
	unsigned int max;

	if (blk_connect_queues(b, QUEUES, &d, &xs, 51712, disk.major, disk.minor, false))
		return -1;
	max = xs_number(&xs, b->dev.back, "multi-queue-max-queues", 0);
	if (max != QUEUES)
		return fail("blkback offers %u queues", max);
	for (int q = 0; q < QUEUES; q++)
		for (int i = 0; i < BLK_RING_ENTRIES; i++)
			page[q][i] = page_get(&d);
	return 0;
}

/* Fill the ring of one queue, without a kick. */
static uint64_t fill_ring(unsigned int q, int op, uint32_t *gref)
{
	struct blk_part part = { .last = PAGE_SECTORS - 1 };
	uint64_t first = b[q].next_id;

	for (unsigned int i = 0; i < BLK_RING_ENTRIES; i++) {
		gref[i] = gref_get(&d, page[q][i], op == BLK_WRITE);
		part.gref = gref[i];
		blk_rw(&b[q], op, place(q, i), &part, 1);
	}
	return first;
}

/* All responses of one queue are there, and those of no other. */
static int take_ring(unsigned int q, uint64_t first, const uint32_t *gref)
{
	bool seen[BLK_RING_ENTRIES] = { };
	struct blk_response rsp;

	for (unsigned int i = 0; i < BLK_RING_ENTRIES; i++) {
		uint64_t at;

		if (blk_wait(&b[q], &rsp))
			return -1;
		at = rsp.id - first;
		if (at >= BLK_RING_ENTRIES || seen[at] || rsp.status)
			return fail("queue %u: response to request %llu: %d", q,
				    (unsigned long long)rsp.id, rsp.status);
		seen[at] = true;
		if (gref_put(&d, gref[at]))
			return fail("queue %u: a gref is in use after the response", q);
	}
	if (b[q].lost_calls)
		return fail("queue %u: %u responses without a call on its event channel",
			    q, b[q].lost_calls);
	return 0;
}

/* The rings of all queues are full at once; kicks go round from @from. */
static int all_rings(int op, unsigned int from)
{
	uint32_t gref[QUEUES][BLK_RING_ENTRIES];
	uint64_t first[QUEUES];

	for (unsigned int q = 0; q < QUEUES; q++)
		/* Each queue numbers its requests by itself. */
		first[q] = fill_ring(q, op, gref[q]);
	for (unsigned int q = 0; q < QUEUES; q++)
		if (blk_kick(&b[(from + q) % QUEUES]))
			return -1;
	for (unsigned int q = 0; q < QUEUES; q++)
		if (take_ring((from + q) % QUEUES, first[(from + q) % QUEUES],
			      gref[(from + q) % QUEUES]))
			return -1;
	return 0;
}

static int blk_round(unsigned int round)
{
	uint8_t data[XPAGE], expected[XPAGE];
	unsigned int q, i;

	for (q = 0; q < QUEUES; q++)
		for (i = 0; i < BLK_RING_ENTRIES; i++)
			fill(dom_page(&d, page[q][i]), content(round, q, i));
	if (all_rings(BLK_WRITE, round))
		return -1;
	for (q = 0; q < QUEUES; q++) {
		for (i = 0; i < BLK_RING_ENTRIES; i++) {
			fill(expected, content(round, q, i));
			if (disk_read(&disk, place(q, i), data, XPAGE))
				return -1;
			if (memcmp(data, expected, XPAGE))
				return fail("page %u of queue %u is not on the disk", i, q);
			fill(data, ~content(round, q, i));
			if (disk_write(&disk, place(q, i), data, XPAGE))
				return -1;
		}
	}
	if (all_rings(BLK_READ, round + 1))
		return -1;
	for (q = 0; q < QUEUES; q++) {
		for (i = 0; i < BLK_RING_ENTRIES; i++) {
			fill(expected, ~content(round, q, i));
			if (memcmp(dom_page(&d, page[q][i]), expected, XPAGE))
				return fail("page %u of queue %u is not what the disk has",
					    i, q);
		}
	}
	return 0;
}

static int step_blk_rounds(void)
{
	for (unsigned int round = 0; round < ROUNDS; round++)
		if (blk_round(round))
			return -1;
	ksft_print_msg("%u requests in %u queues, both directions\n",
		       2 * ROUNDS * QUEUES * BLK_RING_ENTRIES, QUEUES);
	return 0;
}

/* A kick is for its queue alone. */
static int step_blk_kick(void)
{
	struct blk_part part = { .last = PAGE_SECTORS - 1 };
	struct blk_response rsp;
	uint32_t gref[2];

	/* A response may be seen before the call for it. */
	while (!port_wait(&b[0].port, QUIET_MS))
		;

	for (int q = 0; q < 2; q++) {
		gref[q] = gref_get(&d, page[q][0], false);
		part.gref = gref[q];
		blk_rw(&b[q], BLK_READ, 0, &part, 1);
		ring_push(&b[q].ring);
	}
	port_kick(&b[1].port);
	if (blk_wait(&b[1], &rsp) || rsp.status)
		return fail("a read through queue 1 fails");
	sleep_us(QUIET_MS * 1000);
	if (ring_pop(&b[0].ring, &rsp, sizeof(rsp)))
		return fail("queue 0 was served for the kick of queue 1");
	if (!port_wait(&b[0].port, 0))
		return fail("queue 0 was called");
	port_kick(&b[0].port);
	if (blk_wait(&b[0], &rsp) || rsp.status)
		return fail("a read through queue 0 fails");
	return gref_put(&d, gref[0]) || gref_put(&d, gref[1]) ?
	       fail("a gref is in use after the response") : 0;
}

static int step_blk_close(void)
{
	struct shim_stats s;

	if (blk_disconnect_queues(b, QUEUES) || shim_stats(DOMID, &s))
		return -1;
	return s.mappings ? fail("%ld mappings after the device is closed", s.mappings) : 0;
}

/* --- network ----------------------------------------------------------------------- */

static int step_net_connect(void)
{
	if (net_connect_queues(n, QUEUES, &d, &xs, 0) || wire_open(&f.wire, n->vif))
		return -1;
	for (int i = 0; i < FLOW_PAGES; i++)
		f.page[i] = page_get(&d);
	for (int q = 0; q < QUEUES; q++)
		if (net_post_all(&n[q]))
			return -1;
	return flow_wait_link(&f);
}

/* flow_send_udp() waits for the answers on the queue that it sends through. */
static int step_net_send(void)
{
	for (unsigned int i = 0; i < FRAMES * QUEUES; i++) {
		f.n = &n[i % QUEUES];
		if (flow_send_udp(&f, FRAME, NULL, 0, false))
			return -1;
	}
	for (int q = 0; q < QUEUES; q++)
		if (n[q].tx_failed || n[q].tx_okay < FRAMES)
			return fail("queue %d: %u sent, %u failed", q, n[q].tx_okay,
				    n[q].tx_failed);
	return 0;
}

/* By Toeplitz hash; the control ring maps every value of it to one queue. */
static int map_hash(unsigned int q)
{
	uint32_t *table = (void *)dom_page(&d, f.page[0]);
	uint32_t gref = gref_get(&d, f.page[0], true);
	uint32_t size[3] = { 8 }, mapping[3] = { gref, 8, 0 };
	struct net_ctrl_response rsp;
	int error;

	for (int i = 0; i < 8; i++)
		table[i] = q;
	error = net_control(n, NET_CTRL_SET_MAPPING_SIZE, size, &rsp) ?:
		net_control(n, NET_CTRL_SET_MAPPING, mapping, &rsp);
	if (gref_put(&d, gref))
		return fail("the mapping's gref is in use after the response");
	return error ? fail("no mapping to queue %u: status %u", q, rsp.status) : 0;
}

static int start_hash(void)
{
	uint32_t gref = gref_get(&d, f.page[0], true);
	uint32_t algorithm[3] = { NET_CTRL_TOEPLITZ }, types[3] = { 1 };	/* IPv4 */
	uint32_t key[3] = { gref, 40 };
	struct net_ctrl_response rsp;
	int error = net_control(n, NET_CTRL_SET_ALGORITHM, algorithm, &rsp) ?:
		    net_control(n, NET_CTRL_SET_HASH_FLAGS, types, &rsp) ?:
		    net_control(n, NET_CTRL_SET_HASH_KEY, key, &rsp);

	if (gref_put(&d, gref))
		return fail("the key's gref is in use after the response");
	return error ? fail("no hash: status %u", rsp.status) : 0;
}

/* A frame arrives through queue @q. */
static int receive_one(unsigned int q)
{
	unsigned int headers = ETH_HEADER + IP_HEADER + UDP_HEADER;
	uint16_t flags, gso;

	f.n = &n[q];
	flow_fill(&f, f.frame + headers, FRAME - headers);
	frame_headers(f.frame, n->mac, f.wire.mac, false, FRAME - headers, ++f.seq, false);
	if (wire_send(&f.wire, NULL, f.frame, FRAME) ||
	    flow_to_guest(&f, FRAME, &flags, &gso))
		return -1;
	return memcmp(f.got, f.frame, FRAME) ?
	       fail("queue %u: a frame arrived with other bytes", q) : 0;
}

/* Nothing of ours is in the other queues. */
static int check_others(unsigned int q)
{
	uint16_t flags, gso;
	unsigned int at;
	uint32_t number;
	int length;

	for (unsigned int other = 0; other < QUEUES; other++) {
		if (other == q)
			continue;
		do {
			length = net_receive(&n[other], f.got, sizeof(f.got), &flags,
					     &gso, 0);
			if (length > 0 && frame_ours(f.got, length, false, &at, &number))
				return fail("frame %u arrived through queue %u, not %u",
					    number, other, q);
		} while (length > 0);
	}
	return 0;
}

static int step_net_receive(void)
{
	if (start_hash())
		return -1;
	for (unsigned int q = 0; q < QUEUES; q++) {
		if (map_hash(q))
			return -1;
		for (int i = 0; i < FRAMES; i++)
			if (receive_one(q))
				return -1;
		if (check_others(q))
			return -1;
	}
	/* To a queue that there is not. */
	return map_hash(QUEUES) ? 0 : fail("a mapping to queue %d is taken", QUEUES);
}

static int step_net_close(void)
{
	struct shim_stats s;

	wire_close(&f.wire);
	if (net_disconnect_queues(n, QUEUES) || shim_stats(DOMID, &s))
		return -1;
	return s.mappings ? fail("%ld mappings after the device is closed", s.mappings) : 0;
}

/* --- what must be refused -------------------------------------------------------------- */

/*
 * The backend complains. Not its state: netback says that it is connected even
 * after it has failed.
 */
static int wait_refused(struct device *dev, enum xenbus_state front)
{
	uint64_t end = now_ms() + STATE_MS;
	char text[256];

	if (xs_write(&xs, dev->front, "state", "%u", front))
		return -1;
	while (!device_error(dev, text, sizeof(text))) {
		if (now_ms() > end)
			return fail("%s does not refuse", dev->back);
		sleep_us(1000);
	}
	return 0;
}

/* @claimed queues are said to be there, and @there are. */
static int refused_blk(unsigned int claimed, unsigned int there)
{
	if (blk_offer(b, &d, &xs, 51712, disk.major, disk.minor, false) ||
	    device_queues(&b->dev, claimed))
		return -1;
	for (unsigned int i = 0; i < there; i++) {
		if (i)
			b[i] = *b;
		if (blk_queue(&b[i], &b->dev, i, claimed))
			return -1;
	}
	return wait_refused(&b->dev, XB_INITIALISED) ?:
	       blk_disconnect_queues(b, there);
}

static int refused_net(unsigned int claimed, unsigned int there)
{
	if (net_offer(n, &d, &xs, 0) || device_queues(&n->dev, claimed))
		return -1;
	for (unsigned int i = 0; i < there; i++) {
		if (i) {
			n[i] = *n;
			n[i].ctrl = (struct ring) { };
		}
		if (net_queue(&n[i], &n->dev, i, claimed))
			return -1;
	}
	if (wait_refused(&n->dev, XB_CONNECTED))
		return -1;
	if (there)
		return net_disconnect_queues(n, there);
	return device_remove(&n->dev) ?: ring_free(&n->ctrl) ?:
	       port_close(&d, &n->ctrl_port);
}

static int step_refused(void)
{
	static const struct { unsigned int claimed, there; } tests[] = {
		{ 0, 0 }, { QUEUES + 1, 0 }, { UINT32_MAX, 0 },
		{ 2, 1 }, { QUEUES, QUEUES - 1 },
	};
	struct shim_stats s;

	for (size_t i = 0; i < sizeof(tests) / sizeof(*tests); i++) {
		if (refused_blk(tests[i].claimed, tests[i].there) ||
		    refused_net(tests[i].claimed, tests[i].there)) {
			ksft_print_msg("%u queues, of which %u are there:\n",
				       tests[i].claimed, tests[i].there);
			return -1;
		}
		if (shim_stats(DOMID, &s))
			return -1;
		if (s.mappings)
			return fail("%u queues, of which %u are there: %ld mappings are left",
				    tests[i].claimed, tests[i].there, s.mappings);
	}
	return 0;
}

static int step_left(void)
{
	struct shim_stats left;

	dom_destroy(&d);
	disk_close(&disk);
	return parameter(BLK_PARAM, blk_max, NULL) ?:
	       parameter(NET_PARAM, net_max, NULL) ?: shim_wait_idle(10000, &left);
}

int main(void)
{
	static const struct step steps[] = {
		{ "backends that offer 4 queues", step_ready, true },
		{ "a block device with 4 queues connects", step_blk_connect, false },
		{ "4 full rings at once, both directions", step_blk_rounds, false },
		{ "a kick of one queue is none of another", step_blk_kick, false },
		{ "nothing is mapped when the block device is closed", step_blk_close, false },
		{ "a network device with 4 queues connects", step_net_connect, false },
		{ "frames are sent through each queue", step_net_send, false },
		{ "frames are received through the queue of their hash", step_net_receive, false },
		{ "nothing is mapped when the network device is closed", step_net_close, false },
		{ "a wrong number of queues is refused", step_refused, false },
		{ "nothing is left", step_left, false },
	};

	f.seed = begin_tests();
	run_steps(steps, ARRAY_SIZE(steps));
}

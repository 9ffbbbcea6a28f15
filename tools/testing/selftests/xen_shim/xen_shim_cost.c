// SPDX-License-Identifier: GPL-2.0
/*
 * What the shim costs: no test, for there is no number that is right
 *
 * Counts per operation, of the whole machine: of instructions, if XEN_SHIM_PORT
 * is the I/O port of a counter of them (an emulator may have one), else of
 * nanoseconds. One line each: "cost NAME NUMBER", in hundredths. Settings:
 * XEN_SHIM_ROUNDS.
 */
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <stdio.h>
#include <sys/io.h>
#include <sys/ioctl.h>

#include "blk.h"
#include "clock.h"
#include "disk.h"
#include "net.h"
#include "run.h"
#include "scsi.h"
#include "target.h"
#include "vhost.h"
#include "vhost_scsi.h"
#include "wire.h"

#define DOMID		15
#define PAGES		2048
#define BATCH		16
#define BENCH		"/sys/kernel/debug/xen_shim/bench"
#define TRIES		5

static struct domain d;
static struct xs xs;
static unsigned long rounds;
static unsigned short counter_port;

static uint64_t counter(void)
{
	struct timespec t;
	uint64_t low;

	if (counter_port) {
		low = inl(counter_port);	/* latches both halves */
		return low | (uint64_t)inl(counter_port + 4) << 32;
	}
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ULL + t.tv_nsec;
}

/* The least of a few tries: timers and the like only add. */
static int measure(const char *name, int (*run)(void *arg), void *arg,
		   unsigned long operations, uint64_t *least)
{
	*least = UINT64_MAX;
	for (int i = 0; i < TRIES; i++) {
		uint64_t start = counter(), cost;

		if (run(arg))
			return -1;
		cost = counter() - start;
		if (cost < *least)
			*least = cost;
	}
	*least = *least * 100 / operations;
	printf("cost %s %llu\n", name, (unsigned long long)*least);
	fflush(stdout);
	return 0;
}

/* --- the grant operations alone -------------------------------------------------- */

static int bench(void *arg)
{
	FILE *file = fopen(BENCH, "we");
	int error;

	if (!file)
		return fail("%s: %s", BENCH, strerror(errno));
	error = fputs(arg, file) < 0;
	error |= fclose(file) != 0;
	return error ? fail("%s: %s: %s", BENCH, (char *)arg, strerror(errno)) : 0;
}

static int step_grants(void)
{
	static const char *const op[] = { "none", "map", "copy" };
	char text[64], name[32];
	uint64_t cost[3];
	uint32_t first = 0;

	if (access(BENCH, F_OK)) {
		set_why("there is no %s", BENCH);
		return STEP_SKIP;
	}
	/* Consecutive ones: they come off the free list in order. */
	for (int i = 0; i < BATCH; i++) {
		uint32_t gref = gref_get(&d, page_get(&d), false);

		if (i && gref != first + i)
			return fail("grefs are not consecutive");
		first = i ? first : gref;
	}
	for (int i = 0; i < 3; i++) {
		snprintf(text, sizeof(text), "%s %u %u %u %lu", op[i], DOMID, first,
			 BATCH, rounds);
		snprintf(name, sizeof(name), "%s.%u", op[i], BATCH);
		if (measure(name, bench, text, rounds * BATCH, &cost[i]))
			return -1;
	}
	ksft_print_msg("map and unmap, batch of %u: %.2f each; copy of 4096 bytes: %.2f\n",
		       BATCH, (cost[1] - cost[0]) / 100.0, cost[2] / 100.0);
	return 0;
}

/* --- a disk --------------------------------------------------------------------------- */

static struct disk disk;
static struct blk b;
static uint32_t read_gref[BLK_RING_ENTRIES];
static uint64_t seed = 1;

/* @arg: depth */
static int reads(void *arg)
{
	unsigned int depth = (uintptr_t)arg;
	struct blk_part part = { .last = PAGE_SECTORS - 1 };
	struct blk_response rsp;
	unsigned long done = 0, issued = 0;

	while (done < rounds) {
		while (issued < rounds && b.in_flight < depth) {
			part.gref = read_gref[issued++ % BLK_RING_ENTRIES];
			blk_rw(&b, BLK_READ, next_random(&seed) % 8192 * 8, &part, 1);
		}
		if (blk_kick(&b) || blk_wait(&b, &rsp))
			return -1;
		if (rsp.status)
			return fail("a read failed: %d", rsp.status);
		done++;
	}
	return 0;
}

static int step_blk(void)
{
	static const unsigned int depth[] = { 1, 16, 32 };
	char name[32];
	uint64_t cost;
	int error = disk_open(&disk, 0);

	if (error)
		return error;
	for (int persistent = 0; persistent < 2; persistent++) {
		if (blk_connect(&b, &d, &xs, 51712, disk.major, disk.minor, persistent))
			return -1;
		for (int i = 0; i < BLK_RING_ENTRIES; i++)
			read_gref[i] = gref_get(&d, page_get(&d), false);
		for (unsigned int i = 0; i < 3; i++) {
			snprintf(name, sizeof(name), "blkback.read4k.%s%u",
				 persistent ? "persistent." : "", depth[i]);
			if (measure(name, reads, (void *)(uintptr_t)depth[i], rounds,
				    &cost))
				return -1;
			ksft_print_msg("%s: %.0f\n", name, cost / 100.0);
		}
		if (blk_disconnect(&b))
			return -1;
	}
	disk_close(&disk);
	return 0;
}

/* --- a LUN of the same disk: scsiback, and vhost-scsi --------------------------------- */

static struct scsi scsi;
static struct vhost_scsi vhost_scsi;

static uint32_t random_sector(void)
{
	return next_random(&seed) % 8192 * 8;
}

/* @arg: depth */
static int scsi_reads(void *arg)
{
	unsigned int depth = (uintptr_t)arg;
	unsigned long done = 0, issued = 0;
	struct scsi_response rsp;

	while (done < rounds) {
		for (; issued < rounds && issued - done < depth; issued++) {
			struct scsi_request *r = ring_next(&scsi.ring);

			*r = (struct scsi_request) {
				.act = SCSI_CDB, .command_length = 10, .command = { 0x28 },
				.direction = SCSI_FROM_DEVICE, .segments = 1,
				.seg = { { read_gref[issued % BLK_RING_ENTRIES], 0, XPAGE } },
			};
			scsi_set_blocks(r->command, random_sector(), PAGE_SECTORS);
		}
		if (ring_push(&scsi.ring))
			port_kick(&scsi.port);
		while (!ring_pop(&scsi.ring, &rsp, sizeof(rsp)))
			if (port_wait(&scsi.port, 2000))
				return fail("scsiback: no response");
		if (rsp.result)
			return fail("a read failed: %#x", rsp.result);
		done++;
	}
	return 0;
}

static int vhost_scsi_reads(void *arg)
{
	unsigned int depth = (uintptr_t)arg;
	unsigned long done = 0, issued = 0;

	while (done < rounds) {
		for (; issued < rounds && issued - done < depth; issued++)
			if (vhost_scsi_read(&vhost_scsi, random_sector()))
				return fail("kick: %s", strerror(errno));
		if (vhost_scsi_wait(&vhost_scsi))
			return -1;
		done++;
	}
	return 0;
}

static int measure_scsi(const char *what, int (*run)(void *arg))
{
	static const unsigned int depth[] = { 1, VHOST_SCSI_DEPTH };
	char name[32];
	uint64_t cost;

	for (int i = 0; i < 2; i++) {
		snprintf(name, sizeof(name), "%s.read4k.%u", what, depth[i]);
		if (measure(name, run, (void *)(uintptr_t)depth[i], rounds, &cost))
			return -1;
		ksft_print_msg("%s: %.0f\n", name, cost / 100.0);
	}
	return 0;
}

static int step_scsi(void)
{
	int error = disk_open(&disk, 0) ?: target_make(TARGET_XEN, disk.path);

	if (error)
		return error;
	error = scsi_connect(&scsi, &d, &xs, 0) ?: measure_scsi("scsiback", scsi_reads) ?:
		scsi_disconnect(&scsi);
	target_remove(TARGET_XEN);
	disk_close(&disk);
	return error;
}

/* It is the disk's content that arrives. */
static int check_vhost_scsi(void)
{
	uint8_t data[XPAGE];
	unsigned int slot = vhost_scsi.slot[vhost_scsi.slots - 1];

	for (size_t i = 0; i < XPAGE; i++)
		data[i] = next_random(&seed) >> 56;
	if (disk_write(&disk, 0, data, XPAGE))
		return -1;
	if (vhost_scsi_read(&vhost_scsi, 0) || vhost_scsi_wait(&vhost_scsi))
		return -1;
	return memcmp(data, dom_page(&vhost_scsi.memory, vhost_scsi.data[slot]), XPAGE) ?
	       fail("vhost-scsi: what was read is not what the disk has") : 0;
}

static int step_vhost_scsi(void)
{
	int error;

	if (access("/dev/vhost-scsi", F_OK)) {
		set_why("there is no /dev/vhost-scsi");
		return STEP_SKIP;
	}
	error = disk_open(&disk, 0) ?: target_make(TARGET_VHOST, disk.path);
	if (error)
		return error;
	error = vhost_scsi_open(&vhost_scsi, PAGES) ?: check_vhost_scsi() ?:
		measure_scsi("vhost-scsi", vhost_scsi_reads);
	vhost_scsi_close(&vhost_scsi);
	target_remove(TARGET_VHOST);
	disk_close(&disk);
	return error;
}

/* --- a network interface: packets to a host that drops them --------------------------- */

static struct net n;
static struct net_piece packet;

static int packets(void *arg)
{
	(void)arg;
	for (unsigned long i = 0; i < rounds; i++)
		if (net_send(&n, &packet, 1, 0, 0))
			return -1;
	return net_wait_sent(&n);
}

static int step_net(void)
{
	static const unsigned int length[] = { 64, 1514 };
	char name[32];
	uint64_t cost;

	if (net_connect(&n, &d, &xs, 0) || interface_up(n.vif, true) ||
	    net_post_all(&n))
		return -1;
	packet.page = page_get(&d);
	frame_headers(dom_page(&d, packet.page), n.mac, n.mac, false, 1472, 1, false);
	for (int i = 0; i < 2; i++) {
		packet.length = length[i];
		snprintf(name, sizeof(name), "netback.tx.%u", length[i]);
		if (measure(name, packets, NULL, rounds, &cost))
			return -1;
		ksft_print_msg("%s: %.0f\n", name, cost / 100.0);
	}
	return net_disconnect(&n);
}

/* --- the same packets through vhost-net and a tap, to a host that drops them ----------- */

#define TAP		"xenshimvhost"
#define VIRTIO_NET_TX	1
#define VIRTIO_HEADER	12	/* struct virtio_net_hdr_v1 */

static struct domain plain;	/* memory only */
static struct vhost v;
static struct vhost_part frame;

static int open_vhost_tap(void)
{
	struct ifreq r = { .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR };
	struct vhost_vring_file backend = { VIRTIO_NET_TX, -1 };
	int header = VIRTIO_HEADER;

	snprintf(r.ifr_name, IFNAMSIZ, "%s", TAP);
	backend.fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
	if (backend.fd < 0 || ioctl(backend.fd, TUNSETIFF, &r) ||
	    ioctl(backend.fd, TUNSETVNETHDRSZ, &header))
		return fail("no tap: %s", strerror(errno));
	if (interface_up(TAP, true))
		return -1;
	if (ioctl(v.fd, VHOST_NET_SET_BACKEND, &backend))
		return fail("VHOST_NET_SET_BACKEND: %s", strerror(errno));
	return 0;
}

static int vhost_drain(unsigned int limit)
{
	while (vhost_in_flight(&v) > limit) {
		if (!vhost_reap(&v) && vhost_wait(&v, 2000) && !vhost_reap(&v))
			return fail("vhost-net: %u packets are not done",
				    vhost_in_flight(&v));
	}
	return 0;
}

static int vhost_packets(void *arg)
{
	(void)arg;
	for (unsigned long i = 0; i < rounds; i++) {
		if (vhost_drain(VHOST_ENTRIES - 1))
			return -1;
		vhost_add(&v, v.next % VHOST_ENTRIES, &frame, 1);
		if (vhost_kick(&v))
			return fail("kick: %s", strerror(errno));
	}
	return vhost_drain(0);
}

static int step_vhost(void)
{
	static const unsigned int length[] = { 64, 1514 };
	static const uint8_t to[6] = { 2, 0, 0, 0, 0, 9 };
	char name[32];
	uint64_t cost;
	uint32_t page;

	if (access("/dev/vhost-net", F_OK)) {
		set_why("there is no /dev/vhost-net");
		return STEP_SKIP;
	}
	if (dom_alloc(&plain, DOMID + 1, PAGES) ||
	    vhost_open(&v, &plain, "/dev/vhost-net", VIRTIO_NET_TX) || open_vhost_tap())
		return -1;
	page = page_get(&plain);
	memset(dom_page(&plain, page), 0, VIRTIO_HEADER);
	frame_headers(dom_page(&plain, page) + VIRTIO_HEADER, to, to, false, 1472, 1,
		      false);
	frame.gpa = page * XPAGE;
	for (int i = 0; i < 2; i++) {
		frame.length = VIRTIO_HEADER + length[i];
		snprintf(name, sizeof(name), "vhost-net.tx.%u", length[i]);
		if (measure(name, vhost_packets, NULL, rounds, &cost))
			return -1;
		ksft_print_msg("%s: %.0f\n", name, cost / 100.0);
	}
	vhost_close(&v);
	return 0;
}

static int step_ready(void)
{
	if (open_store(&xs))
		return -1;
	if (counter_port && iopl(3))
		return fail("iopl: %s", strerror(errno));
	return dom_create(&d, DOMID, PAGES);
}

int main(void)
{
	static const struct step steps[] = {
		{ "a domain", step_ready, true },
		{ "grant operations", step_grants, false },
		{ "reads of 4096 bytes", step_blk, false },
		{ "reads of 4096 bytes, with scsiback", step_scsi, false },
		{ "reads of 4096 bytes, with vhost-scsi", step_vhost_scsi, false },
		{ "packets", step_net, false },
		{ "packets, with vhost-net", step_vhost, false },
	};

	begin_tests();
	rounds = setting("XEN_SHIM_ROUNDS", 1000) ?: 1;
	counter_port = setting("XEN_SHIM_PORT", 0);
	run_steps(steps, ARRAY_SIZE(steps));
}

// SPDX-License-Identifier: GPL-2.0
/*
 * A hostile guest against blkback, netback and scsiback
 *
 * Round by round, a domain with a disk, a network interface and a LUN makes
 * requests at random (hostile.h) while another process changes its grant table. Every
 * second round is wild: requests are rewritten where they are, the guest's own
 * rings are among the buffers, and at its end the indices jump; there the
 * backend may give up on the device. In the other rounds it must answer all.
 *
 * Another domain and this process have pages that must not change, and must
 * not be found in the guest's memory or on its disk. What else goes wrong
 * shows on the console: WARN, KASAN, lockdep.
 *
 * Settings: XEN_SHIM_REQUESTS, XEN_SHIM_SEED.
 */
#include <signal.h>
#include <stdalign.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "clock.h"
#include "disk.h"
#include "hostile.h"
#include "run.h"
#include "target.h"
#include "wire.h"

#define DOMID		40
#define BYSTANDER	41
#define PAGES		1024
#define BATCH		64
#define BLK_PER_ROUND	200	/* blkback pauses after each one that is bad */
#define ROUND_MAX	20000
#define STALL_MS	10000
#define WILD_STALL_MS	100

static struct domain d, bystander;
static struct xs xs;
static struct disk disk = { .fd = -1 };
static struct blk b;
static struct net n;
static struct scsi scsi;
static bool has_target;
static struct wire wire = { .fd = -1 };
static struct hostile h;
static uint64_t seed, canary_seed;
static unsigned long wanted, made, gave_up;
static unsigned long scsi_made, scsi_good, scsi_bad;	/* answers of tame rounds */
static unsigned int rounds;
static alignas(4096) uint8_t own[CANARY_PAGES * XPAGE];
static uint8_t *others;

/* Say that all responses so far are seen: we do not look at them. */
static void skip_responses(struct ring *r)
{
	r->rsp_cons = __atomic_load_n(&r->s->rsp_prod, __ATOMIC_ACQUIRE);
	r->s->rsp_event = r->rsp_cons + 1;
}

/* Until there is room for @count. Return: 0, or -1 if nothing moves. */
static int wait_room(struct ring *r, const struct port *p, unsigned int count)
{
	unsigned int limit = h.wild ? WILD_STALL_MS : STALL_MS;
	uint64_t end = now_ms() + limit;

	for (;;) {
		skip_responses(r);
		/* A wild guest's ring may hold anything. */
		if (ring_room(r) <= r->entries && ring_room(r) >= count)
			return 0;
		if (now_ms() > end)
			return -1;
		port_wait(p, 10);
	}
}

/* --- the process that changes things behind the requests' back ------------------ */

static pid_t start_disturber(void)
{
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	seed ^= 0x5a5a5a5a;
	for (;;) {
		for (int i = 0; i < 8; i++)
			hostile_change(&h);
		if (h.wild) {
			hostile_rewrite(&h, &b.ring);
			hostile_rewrite(&h, &n.tx);
			hostile_rewrite(&h, &n.rx);
			if (has_target)
				hostile_rewrite(&h, &scsi.ring);
		}
		sleep_us(next_random(&seed) % 200);
	}
}

static void stop(pid_t pid)
{
	if (pid <= 0)
		return;
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

/* --- requests -------------------------------------------------------------------- */

static int blk_batch(unsigned int count)
{
	while (count--) {
		if (wait_room(&b.ring, &b.port, 1))
			return -1;
		hostile_blk(&h, &b);
		made++;
		if (ring_push(&b.ring))
			port_kick(&b.port);
	}
	return 0;
}

static int net_batch(unsigned int count)
{
	static const uint8_t broadcast[6] = { 255, 255, 255, 255, 255, 255 };
	uint8_t frame[600] = { };
	uint32_t before;

	for (unsigned int i = 0; i < count; i++) {
		if (wait_room(&n.tx, &n.tx_port, NET_SLOTS))
			return -1;
		before = n.tx.req_prod;
		hostile_net_tx(&h, &n);
		made += n.tx.req_prod - before;
	}
	if (ring_push(&n.tx))
		port_kick(&n.tx_port);
	skip_responses(&n.rx);
	for (unsigned int i = 0; i < count && ring_room(&n.rx); i++, made++)
		hostile_net_rx(&h, &n);
	if (ring_push(&n.rx))
		port_kick(&n.rx_port);
	/* Something to receive; one that netback has no room for is lost. */
	frame_headers(frame, broadcast, n.mac, false, sizeof(frame) - 42, made, false);
	for (unsigned int i = 0; i < count / 4; i++)
		wire_send(&wire, NULL, frame, sizeof(frame));
	if (wait_room(&n.ctrl, &n.ctrl_port, 2))
		return -1;
	hostile_net_ctrl(&h, &n);
	made++;
	if (ring_push(&n.ctrl))
		port_kick(&n.ctrl_port);
	return 0;
}

/* Until there is room for @count. In a tame round, look at the answers. */
static int scsi_wait_room(unsigned int count)
{
	uint64_t end = now_ms() + STALL_MS;
	struct scsi_response rsp;

	if (h.wild)
		return wait_room(&scsi.ring, &scsi.port, count);
	for (;;) {
		while (ring_pop(&scsi.ring, &rsp, sizeof(rsp)))
			*(rsp.result ? &scsi_bad : &scsi_good) += 1;
		if (ring_room(&scsi.ring) >= count)
			return 0;
		if (now_ms() > end)
			return -1;
		port_wait(&scsi.port, 10);
	}
}

static int scsi_batch(unsigned int count)
{
	while (has_target && count--) {
		if (scsi_wait_room(1))
			return -1;
		hostile_scsi(&h, &scsi, disk.sectors);
		made++;
		scsi_made++;
		if (ring_push(&scsi.ring))
			port_kick(&scsi.port);
	}
	return 0;
}

/* The last thing: producers that are nonsense. */
static void jump(struct ring *r, const struct port *p)
{
	r->s->req_prod = hostile_number(&h, r->req_prod, r->req_prod + r->entries);
	r->s->rsp_prod = hostile_number(&h, r->rsp_cons, r->rsp_cons + r->entries);
	port_kick(p);
	made++;
}

static int work(unsigned long requests)
{
	unsigned long start = made, blk_made = 0;

	while (made - start < requests) {
		if (net_batch(BATCH)) {
			gave_up++;
			if (!h.wild)
				return fail("round %u: netback answers no more", rounds);
			break;
		}
		if (scsi_batch(BATCH / 4)) {
			gave_up++;
			if (!h.wild)
				return fail("round %u: scsiback answers no more", rounds);
			break;
		}
		if (blk_made >= BLK_PER_ROUND)
			continue;
		blk_made += BATCH / 4;
		if (blk_batch(BATCH / 4)) {
			gave_up++;
			if (!h.wild)
				return fail("round %u: blkback answers no more", rounds);
			break;
		}
	}
	if (!h.wild)
		return has_target && scsi_wait_room(SCSI_RING_ENTRIES) ?
		       fail("round %u: scsiback does not answer all", rounds) : 0;
	jump(&b.ring, &b.port);
	jump(&n.tx, &n.tx_port);
	jump(&n.rx, &n.rx_port);
	jump(&n.ctrl, &n.ctrl_port);
	if (has_target)
		jump(&scsi.ring, &scsi.port);
	sleep_us(20000);
	return 0;
}

/* --- rounds ------------------------------------------------------------------------ */

/* Pages that netback takes for TCP, wherever a packet begins. */
static void fill_pages(void)
{
	for (int i = 0; i < HOSTILE_GREFS; i++) {
		uint8_t *page = dom_page(&d, h.page[i]);

		for (unsigned int at = 0; at + 512 <= XPAGE; at += 512)
			frame_headers(page + at, n.mac, n.mac, next_random(&seed) % 2,
				      next_random(&seed) % 1400, at, true);
	}
}

static int round_begin(void)
{
	if (dom_create(&d, DOMID, PAGES) ||
	    blk_connect(&b, &d, &xs, 51712, disk.major, disk.minor, rounds % 4 > 1) ||
	    net_connect(&n, &d, &xs, 0) ||
	    (has_target && scsi_connect(&scsi, &d, &xs, 0)))
		return -1;
	if (hostile_init(&h, &d, &seed))
		return fail("no pages");
	fill_pages();
	h.wild = rounds % 2;
	return wire_open(&wire, n.vif);
}

/* Look at the guest's memory last, when nobody writes to it any more. */
static int round_end(void)
{
	struct shim_stats s;
	int error;

	wire_close(&wire);
	error = device_remove(&b.dev);
	error = device_remove(&n.dev) ?: error;
	if (has_target)
		error = device_state(&scsi.dev, XB_CLOSING, XB_CLOSING) ?:
			device_remove(&scsi.dev) ?: error;
	if (error)
		return error;
	if (shim_stats(DOMID, &s))
		return -1;
	if (s.mappings)
		return fail("round %u: %ld pages are mapped after the devices are closed",
			    rounds, s.mappings);
	error = canary_leaked(d.ram, d.pages * XPAGE, "the guest's memory");
	dom_destroy(&d);
	return error;
}

static int round_run(unsigned long requests)
{
	pid_t disturber = 0;
	int error = round_begin();

	if (!error) {
		disturber = start_disturber();
		error = work(requests);
		stop(disturber);
	}
	if (error)
		ksft_print_msg("%s\n", why);
	return round_end() ?: error;
}

static int step_ready(void)
{
	int error = disk_open(&disk, 0);

	if (error)
		return error;
	if (open_store(&xs))
		return -1;
	error = target_make(TARGET_XEN, disk.path);
	if (error < 0)
		return error;
	has_target = !error;
	canary_seed = seed ^ 0x1234;
	canary_fill(own, canary_seed);
	if (dom_create(&bystander, BYSTANDER, PAGES))
		return -1;
	/* They are granted to domain 0 as the guest's pages are. */
	for (int i = 0; i < CANARY_PAGES; i++)
		if (!gref_get(&bystander, PAGES - CANARY_PAGES + i, false))
			return -1;
	others = dom_page(&bystander, PAGES - CANARY_PAGES);
	canary_fill(others, canary_seed + 1);
	return 0;
}

static int step_requests(void)
{
	unsigned long each = wanted / 10 < ROUND_MAX ? wanted / 10 + 1 : ROUND_MAX;
	struct shim_stats before, after;
	uint64_t start = now_ms();

	if (shim_totals(&before))
		return -1;
	for (; made < wanted; rounds++)
		if (round_run(each))
			return -1;
	if (shim_totals(&after))
		return -1;
	ksft_print_msg("%lu requests in %u rounds, %llu s; a backend gave up %lu times\n",
		       made, rounds, (unsigned long long)(now_ms() - start) / 1000,
		       gave_up);
	ksft_print_msg("%ld maps, %ld copies, %ld refused\n", after.maps - before.maps,
		       after.copies - before.copies, after.refused - before.refused);
	ksft_print_msg("%lu requests to scsiback; in tame rounds %lu were done, %lu were not\n",
		       scsi_made, scsi_good, scsi_bad);
	if (has_target && (!scsi_good || !scsi_bad))
		return fail("those to scsiback test nothing");
	if (after.refused == before.refused || after.maps == before.maps ||
	    after.copies == before.copies)
		return fail("these requests test nothing");
	return 0;
}

static int step_canaries(void)
{
	static uint8_t data[256 * XPAGE];

	if (canary_check(own, canary_seed, "this process") ||
	    canary_check(others, canary_seed + 1, "another domain"))
		return -1;
	for (uint32_t gref = DOM_FIRST_GREF; gref < DOM_GRANTS; gref++)
		if (gref_busy(&bystander, gref))
			return fail("gref %u of another domain is in use", gref);
	for (uint64_t at = 0; at + sizeof(data) / SECTOR <= disk.sectors;
	     at += sizeof(data) / SECTOR)
		if (disk_read(&disk, at, data, sizeof(data)) ||
		    canary_leaked(data, sizeof(data), "the disk"))
			return -1;
	return 0;
}

/* Others are served as ever. */
static int step_afterwards(void)
{
	struct shim_stats left;

	if (blk_connect(&b, &bystander, &xs, 51712, disk.major, disk.minor, false))
		return -1;
	if (blk_done(&b, blk_rw(&b, BLK_READ, 0, &(struct blk_part){
			gref_get(&bystander, page_get(&bystander), false), 0, 7 }, 1)))
		return fail("a read by another domain fails");
	if (blk_disconnect(&b))
		return -1;
	dom_destroy(&bystander);
	if (has_target)
		target_remove(TARGET_XEN);
	disk_close(&disk);
	return shim_wait_idle(10000, &left);
}

int main(void)
{
	static const struct step steps[] = {
		{ "two domains, one with canaries", step_ready, true },
		{ "backends survive a hostile guest", step_requests, false },
		{ "no page of others was written or read", step_canaries, false },
		{ "another domain afterwards", step_afterwards, false },
	};

	seed = begin_tests();
	wanted = setting("XEN_SHIM_REQUESTS", 2000);
	ksft_print_msg("%lu requests, seed %llu\n", wanted, (unsigned long long)seed);
	run_steps(steps, ARRAY_SIZE(steps));
}

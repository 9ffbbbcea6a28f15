// SPDX-License-Identifier: GPL-2.0
/*
 * The owner of a domain is killed while its requests are in flight
 *
 * A child is the domain: it keeps blkback or netback busy until it gets
 * SIGKILL, at a time that a seed decides. Afterwards this process, as the
 * toolstack, takes the device away. Then no page may be pinned or mapped any
 * more. Settings: XEN_SHIM_KILLS, XEN_SHIM_SEED.
 */
#include <signal.h>
#include <sys/wait.h>

#include "blk.h"
#include "clock.h"
#include "disk.h"
#include "net.h"
#include "run.h"
#include "wire.h"

#define FIRST_DOMID	20
#define DOMIDS		8
#define PAGES		1024
#define DISK_DELAY_US	3000	/* so that requests wait when the owner dies */
#define KILL_WITHIN_US	20000
#define DEVICE		0

static struct disk disk = { .fd = -1 };
static struct xs xs;
static uint64_t seed;
static unsigned int kills;

/* --- the child: a domain that is busy --------------------------------------- */

static void tell(int fd)
{
	if (write(fd, "r", 1) != 1)
		_exit(2);
}

static void busy_blk(struct domain *d, struct xs *store, int ready, bool persistent)
{
	struct blk_part parts[BLK_SEGMENTS];
	struct blk_response rsp;
	struct blk b;
	int issued = 0;

	if (blk_connect(&b, d, store, DEVICE, disk.major, disk.minor, persistent))
		return;
	for (int i = 0; i < BLK_SEGMENTS; i++) {
		parts[i].gref = gref_get(d, page_get(d), false);
		parts[i].first = 0;
		parts[i].last = PAGE_SECTORS - 1;
	}
	for (;;) {
		while (blk_room(&b))
			blk_rw(&b, issued++ % 2 ? BLK_READ : BLK_WRITE,
			       next_random(&seed) % 1000 * 88, parts, BLK_SEGMENTS);
		blk_kick(&b);
		if (issued == BLK_RING_ENTRIES)
			tell(ready);
		if (blk_wait(&b, &rsp))
			return;
	}
}

static void busy_net(struct domain *d, struct xs *store, int ready)
{
	struct net_piece piece = { .page = page_get(d), .length = 1514 };
	struct net n;
	int sent = 0;

	if (net_connect(&n, d, store, DEVICE) || interface_up(n.vif, true) ||
	    net_post_all(&n))
		return;
	frame_headers(dom_page(d, piece.page), n.mac, n.mac, false, 1472, 1, false);
	for (;;) {
		if (net_send(&n, &piece, 1, 0, 0))
			return;
		if (++sent == 64)
			tell(ready);
	}
}

static int child(uint16_t domid, unsigned int round, int ready)
{
	struct domain d;
	struct xs store;

	if (xs_open(&store) || dom_create(&d, domid, PAGES)) {
		ksft_print_msg("the domain: %s\n", why);
		return 2;
	}
	if (round % 3 == 2)
		busy_net(&d, &store, ready);
	else
		busy_blk(&d, &store, ready, round % 3);
	ksft_print_msg("the domain: %s\n", why);
	return 2;
}

/* --- the toolstack ------------------------------------------------------------ */

static int kill_one(unsigned int round)
{
	const char *type = round % 3 == 2 ? "vif" : "vbd";
	uint16_t domid = FIRST_DOMID + round % DOMIDS;
	struct shim_stats left;
	struct device dev;
	int ready[2], status;
	char byte;
	pid_t pid;

	if (pipe(ready))
		return fail("pipe: %s", strerror(errno));
	fflush(stdout);
	pid = fork();
	if (pid < 0)
		return fail("fork: %s", strerror(errno));
	if (!pid) {
		close(ready[0]);
		_exit(child(domid, round, ready[1]));
	}
	close(ready[1]);
	status = read(ready[0], &byte, 1);
	close(ready[0]);
	if (status == 1) {
		sleep_us(next_random(&seed) % KILL_WITHIN_US);
		kill(pid, SIGKILL);
	}
	waitpid(pid, &status, 0);
	if (!WIFSIGNALED(status))
		return fail("round %u: the domain did not come up", round);
	device_paths(&dev, &xs, domid, type, DEVICE);
	if (device_remove(&dev))
		return -1;
	if (shim_wait_idle(10000, &left)) {
		ksft_print_msg("round %u (%s): %s\n", round, type, why);
		return -1;
	}
	return 0;
}

static int step_ready(void)
{
	struct shim_stats s;
	int error = disk_open(&disk, DISK_DELAY_US);

	if (error)
		return error;
	if (open_store(&xs))
		return -1;
	return shim_wait_idle(1000, &s);
}

static int step_kills(void)
{
	uint64_t start = now_ms();

	for (unsigned int round = 0; round < kills; round++)
		if (kill_one(round))
			return -1;
	ksft_print_msg("%u owners killed, %llu ms each\n", kills,
		       (unsigned long long)(now_ms() - start) / kills);
	return 0;
}

/* A domain that nobody kills works as ever. */
static int step_afterwards(void)
{
	struct shim_stats left;
	struct domain d;
	struct blk b;

	if (dom_create(&d, FIRST_DOMID, PAGES) ||
	    blk_connect(&b, &d, &xs, DEVICE, disk.major, disk.minor, false))
		return -1;
	if (blk_done(&b, blk_rw(&b, BLK_READ, 0, &(struct blk_part){
			gref_get(&d, page_get(&d), false), 0, 7 }, 1)))
		return fail("a read fails");
	if (blk_disconnect(&b))
		return -1;
	dom_destroy(&d);
	disk_close(&disk);
	return shim_wait_idle(10000, &left);
}

int main(void)
{
	static const struct step steps[] = {
		{ "nothing is pinned at the start", step_ready, true },
		{ "nothing is left of owners that were killed", step_kills, false },
		{ "another domain afterwards", step_afterwards, false },
	};

	seed = begin_tests();
	kills = setting("XEN_SHIM_KILLS", 20);
	ksft_print_msg("%u kills, seed %llu\n", kills, (unsigned long long)seed);
	run_steps(steps, ARRAY_SIZE(steps));
}

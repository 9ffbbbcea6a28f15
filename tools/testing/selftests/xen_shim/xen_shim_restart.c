// SPDX-License-Identifier: GPL-2.0
/*
 * The store's daemon is killed, and started again
 *
 * While devices are connected and have requests in flight, and at any moment
 * while they connect and close. The backends go, as nobody could tell them that
 * their frontends are gone; nothing may be mapped any more, no request may be
 * answered wrongly, and with the next daemon, the same domain gets its devices
 * anew. The daemon is whichever serves: it is started as it was started before.
 * Settings: XEN_SHIM_RESTARTS, XEN_SHIM_SEED.
 */
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>

#include "blk.h"
#include "clock.h"
#include "disk.h"
#include "net.h"
#include "run.h"
#include "wire.h"

#define DOMID		30
#define PAGES		1024
#define DISK_DELAY_US	3000	/* so that requests wait when the daemon dies */
#define KILL_WITHIN_US	60000
#define GONE_MS		20000
#define STORE_GONE	3	/* exit status of a child whose store is gone */
#define WORDS		64

static struct disk disk = { .fd = -1 };
static struct domain d;
static struct xs xs;
static uint64_t seed;
static unsigned int restarts;

/* --- the daemon ------------------------------------------------------------------ */

/* What to start it with. */
struct command {
	char path[256];
	char text[2][8192];	/* arguments, environment */
	char *word[2][WORDS + 1];
};

static struct command command;
static pid_t daemon_pid;

/* The words of /proc/PID/cmdline or environ. */
static int words(const char *name, char *text, size_t size, char **word)
{
	char path[64];
	ssize_t n;
	int fd, count = 0;

	snprintf(path, sizeof(path), "/proc/%d/%s", daemon_pid, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return fail("%s: %s", path, strerror(errno));
	n = read(fd, text, size - 1);
	close(fd);
	if (n < 0)
		return fail("%s: %s", path, strerror(errno));
	text[n] = '\0';
	for (char *p = text; p < text + n && count < WORDS; p += strlen(p) + 1)
		word[count++] = p;
	word[count] = NULL;
	return 0;
}

static int learn_daemon(void)
{
	daemon_pid = xs_server(&xs, command.path, sizeof(command.path));
	return words("cmdline", command.text[0], sizeof(command.text[0]),
		     command.word[0]) ?:
	       words("environ", command.text[1], sizeof(command.text[1]),
		     command.word[1]);
}

static void kill_daemon(void)
{
	kill(daemon_pid, SIGKILL);
	/* The first one is nobody's child here. */
	waitpid(daemon_pid, NULL, 0);
	xs_close(&xs);
}

/* It must not keep our output open, nor be in our session. */
static void exec_daemon(void)
{
	int fd = open("/dev/null", O_RDWR);

	setsid();
	dup2(fd, 0);
	dup2(fd, 1);
	dup2(fd, 2);
	execve(command.path, command.word[0], command.word[1]);
	_exit(127);
}

static int start_daemon(void)
{
	int error;

	fflush(stdout);
	daemon_pid = fork();
	if (!daemon_pid)
		exec_daemon();
	error = xs_connect(&xs, GONE_MS);
	return error ? fail("no new daemon: %s", strerror(-error)) : 0;
}

/* --- with devices connected --------------------------------------------------------- */

static struct blk b;
static struct net n;
static uint32_t page[BLK_RING_ENTRIES];
static uint32_t gref[BLK_RING_ENTRIES];
static uint64_t first_id;

static void fill(uint8_t *p, uint64_t number)
{
	for (size_t i = 0; i < XPAGE; i += sizeof(number))
		memcpy(p + i, &number, sizeof(number));
}

/* What a sector has that was written in a round. */
static uint64_t content(unsigned int round, unsigned int i)
{
	return (uint64_t)(round + 1) << 32 | i;
}

static int connect_both(unsigned int round)
{
	if (blk_connect(&b, &d, &xs, 51712, disk.major, disk.minor, round % 2) ||
	    net_connect(&n, &d, &xs, 0) || interface_up(n.vif, true) ||
	    net_post_all(&n))
		return -1;
	return 0;
}

/* A full ring of writes, and packets. */
static int make_busy(unsigned int round)
{
	struct net_piece piece = { .page = page[0], .length = 1514 };
	struct blk_part part = { .last = PAGE_SECTORS - 1 };

	first_id = b.next_id;
	for (unsigned int i = 0; i < BLK_RING_ENTRIES; i++) {
		fill(dom_page(&d, page[i]), content(round, i));
		gref[i] = gref_get(&d, page[i], false);
		part.gref = gref[i];
		blk_rw(&b, BLK_WRITE, i * PAGE_SECTORS, &part, 1);
	}
	for (int i = 0; i < 32; i++)
		if (net_send(&n, &piece, 1, 0, 0))
			return -1;
	return blk_kick(&b);
}

/*
 * Nothing of the domain is in use, though the domain is. Backends leave the bus
 * before they let go of what they have.
 */
static int wait_unmapped(void)
{
	uint64_t end = now_ms() + GONE_MS;
	struct shim_stats s;

	do {
		if (shim_stats(DOMID, &s))
			return -1;
		if (!s.mappings)
			break;
		sleep_us(500);
	} while (now_ms() < end);
	if (s.mappings || s.pinned != PAGES)
		return fail("%ld mappings and %ld pinned pages without backends",
			    s.mappings, s.pinned);
	for (uint32_t i = DOM_FIRST_GREF; i < DOM_GRANTS; i++)
		if (gref_busy(&d, i))
			return fail("gref %u is in use without backends", i);
	return 0;
}

/*
 * Each request is answered at most once. Who was told that it is done finds it
 * on the disk; for others that is open.
 */
static int check_answers(unsigned int round, unsigned int *answered)
{
	static uint8_t data[XPAGE], expected[XPAGE];
	bool seen[BLK_RING_ENTRIES] = { };
	struct blk_response rsp;

	while (ring_pop(&b.ring, &rsp, sizeof(rsp))) {
		uint64_t i = rsp.id - first_id;

		if (i >= BLK_RING_ENTRIES || seen[i] || rsp.status)
			return fail("response to request %llu: %d",
				    (unsigned long long)rsp.id, rsp.status);
		seen[i] = true;
		++*answered;
		fill(expected, content(round, i));
		if (disk_read(&disk, i * PAGE_SECTORS, data, XPAGE))
			return -1;
		if (memcmp(data, expected, XPAGE))
			return fail("request %llu is answered, and not on the disk",
				    (unsigned long long)rsp.id);
	}
	return 0;
}

static int restart_connected(unsigned int round, unsigned int *waiting,
			     unsigned int *answered)
{
	if (connect_both(round) || make_busy(round))
		return -1;
	sleep_us(next_random(&seed) % (2 * DISK_DELAY_US));
	*waiting += b.ring.req_prod -
		    __atomic_load_n(&b.ring.s->rsp_prod, __ATOMIC_ACQUIRE);
	kill_daemon();
	if (device_wait_gone(&b.dev) || device_wait_gone(&n.dev) ||
	    wait_unmapped() || check_answers(round, answered))
		return -1;
	for (int i = 0; i < BLK_RING_ENTRIES; i++)
		if (gref_put(&d, gref[i]))
			return fail("gref %u is in use", gref[i]);
	return blk_release(&b) ?: net_release(&n) ?: start_daemon();
}

static int step_ready(void)
{
	int error = disk_open(&disk, DISK_DELAY_US);

	if (error)
		return error;
	if (open_store(&xs) || learn_daemon() || dom_create(&d, DOMID, PAGES))
		return -1;
	for (int i = 0; i < BLK_RING_ENTRIES; i++)
		page[i] = page_get(&d);
	return 0;
}

static int step_connected(void)
{
	unsigned int waiting = 0, answered = 0;

	for (unsigned int round = 0; round < restarts; round++)
		if (restart_connected(round, &waiting, &answered))
			return -1;
	ksft_print_msg("%u restarts: %u requests, of which %u were in flight; %u were answered\n",
		       restarts, restarts * BLK_RING_ENTRIES, waiting, answered);
	return waiting ? 0 : fail("no request was in flight");
}

/* The domain is the one that was there all the time. */
static int step_again(void)
{
	struct blk_part part = { .last = PAGE_SECTORS - 1 };

	if (connect_both(0))
		return -1;
	fill(dom_page(&d, page[0]), ~0ULL);
	part.gref = gref_get(&d, page[0], true);
	if (blk_done(&b, blk_rw(&b, BLK_WRITE, 0, &part, 1)) ||
	    gref_put(&d, part.gref))
		return fail("writing fails");
	fill(dom_page(&d, page[0]), 0);
	part.gref = gref_get(&d, page[0], false);
	if (blk_done(&b, blk_rw(&b, BLK_READ, 0, &part, 1)) ||
	    gref_put(&d, part.gref))
		return fail("reading fails");
	for (size_t i = 0; i < XPAGE; i++)
		if (dom_page(&d, page[0])[i] != 0xff)
			return fail("byte %zu is not what was written", i);
	if (net_send(&n, &(struct net_piece){ page[0], 0, 1514 }, 1, 0, 0) ||
	    net_wait_sent(&n))
		return -1;
	return blk_disconnect(&b) ?: net_disconnect(&n) ?: wait_unmapped();
}

/* --- while devices come and go -------------------------------------------------------- */

/* Until the store is gone. Return: exit status. */
static int come_and_go(unsigned int round)
{
	struct blk disk_front;
	struct net net_front;
	struct domain own;
	struct xs store;
	int error = xs_connect(&store, 0) ?: dom_create(&own, DOMID + 1, PAGES);

	while (!error) {
		if (round % 2)
			error = blk_connect(&disk_front, &own, &store, 0, disk.major,
					    disk.minor, false) ?:
				blk_disconnect(&disk_front);
		else
			error = net_connect(&net_front, &own, &store, 0) ?:
				net_disconnect(&net_front);
	}
	if (error == -EPIPE || error == -ECONNRESET || error == -ECONNREFUSED)
		return STORE_GONE;
	ksft_print_msg("the child: %s (%d)\n", why, error);
	return 1;
}

static int wait_no_backend(void)
{
	uint64_t end = now_ms() + GONE_MS;
	struct dirent *entry;
	unsigned int count;
	DIR *dir;

	do {
		count = 0;
		dir = opendir("/sys/bus/xen-backend/devices");
		while (dir && (entry = readdir(dir)))
			count += entry->d_name[0] != '.';
		if (dir)
			closedir(dir);
		if (!count)
			return 0;
		sleep_us(1000);
	} while (now_ms() < end);
	return fail("%u backends are left", count);
}

static int restart_connecting(unsigned int round)
{
	struct shim_stats left;
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (!pid) {
		status = come_and_go(round);
		fflush(stdout);
		_exit(status);
	}
	sleep_us(next_random(&seed) % KILL_WITHIN_US);
	kill_daemon();
	waitpid(pid, &status, 0);
	if (!WIFEXITED(status) || WEXITSTATUS(status) != STORE_GONE)
		return fail("round %u: the child's status is %#x", round, status);
	return wait_no_backend() ?: shim_wait_idle(GONE_MS, &left) ?: start_daemon();
}

static int step_connecting(void)
{
	struct shim_stats left;

	dom_destroy(&d);
	if (shim_wait_idle(GONE_MS, &left))
		return -1;
	for (unsigned int round = 0; round < 2 * restarts; round++)
		if (restart_connecting(round))
			return -1;
	return 0;
}

static int step_afterwards(void)
{
	struct shim_stats left;

	if (dom_create(&d, DOMID, PAGES))
		return -1;
	for (int i = 0; i < BLK_RING_ENTRIES; i++)
		page[i] = page_get(&d);
	if (step_again())
		return -1;
	dom_destroy(&d);
	disk_close(&disk);
	return shim_wait_idle(GONE_MS, &left);
}

int main(void)
{
	static const struct step steps[] = {
		{ "a domain, and a daemon that can be started again", step_ready, true },
		{ "the daemon is killed with requests in flight", step_connected, false },
		{ "the domain has its devices again", step_again, false },
		{ "the daemon is killed while devices come and go", step_connecting, false },
		{ "another domain afterwards", step_afterwards, false },
	};

	seed = begin_tests();
	restarts = setting("XEN_SHIM_RESTARTS", 6);
	ksft_print_msg("%u restarts, seed %llu\n", restarts, (unsigned long long)seed);
	run_steps(steps, ARRAY_SIZE(steps));
}

// SPDX-License-Identifier: GPL-2.0
/*
 * Does all shared memory come out of whole chunks, which are used again, and
 * given back?
 *
 * Looks at the pool's own figures (debugfs, cc_shared), at the counters of
 * conversions and at the direct map, while buffers that user space shares come
 * and go, and a network interface. SKIP where there is no such pool: see
 * Documentation/core-api/cc-shared.rst.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "kselftest.h"
#include "cvm.h"

#define CHUNKS		"/sys/kernel/debug/cc_shared/chunks"

/* What a buffer needs beyond the pages that are shared already */
#define FRESH		(8 * CVM_BLOCK)

/* The pool keeps an empty chunk for 10 s, and looks every 10 s. */
#define GIVE_BACK_S	25

#define NIC_CYCLES	3

/* Small buffers, to use up what the pool has at hand, and how many at most */
#define SMALL		(64UL << 10)
#define SMALL_COUNT	256

/* Everything that the tests compare, at one moment */
struct moment {
	struct cvm_counters counters;
	struct cvm_pool pool;
};

static unsigned long moments, odd_moments;

static unsigned long chunk_pages(const struct cvm_pool *pool)
{
	return pool->granule / CVM_PAGE;
}

static bool adds_up(const struct cvm_pool *pool)
{
	unsigned long taken = pool->chunks_swiotlb + pool->chunks_leaked;

	return pool->chunks >= pool->chunks_empty + taken &&
	       pool->pages_used + pool->pages_free ==
	       (pool->chunks - taken) * chunk_pages(pool) + pool->small_pages;
}

static void print_pool(const char *what, const struct cvm_pool *pool)
{
	ksft_print_msg("%s: chunks %lu, empty %lu, swiotlb %lu, leaked %lu\n", what,
		       pool->chunks, pool->chunks_empty, pool->chunks_swiotlb,
		       pool->chunks_leaked);
	ksft_print_msg("%s: pages used %lu, free %lu, small %lu, small leaked %lu\n", what,
		       pool->pages_used, pool->pages_free, pool->small_pages,
		       pool->small_leaked);
}

/* The kernel takes all figures of the pool under one lock: no moment is odd. */
static void look(struct moment *now)
{
	cvm_read_counters(&now->counters);
	cvm_read_pool(&now->pool);

	moments++;
	if (adds_up(&now->pool))
		return;
	if (!odd_moments++)
		print_pool("does not add up", &now->pool);
}

static bool no_small(const struct cvm_counters *c)
{
	return !c->to_shared_4k && !c->to_private_4k;
}

static bool none_failed(const struct cvm_counters *c)
{
	return !c->to_shared_fail && !c->to_private_fail;
}

/* The chunks one by one, added up: what the figures should say */
static bool read_chunks(struct cvm_pool *sum, unsigned long *pages,
			unsigned long *whole_pages)
{
	unsigned long pfn, nr, used, longest;
	char line[256], *tail;
	FILE *file = fopen(CHUNKS, "re");
	bool ok = true;

	memset(sum, 0, sizeof(*sum));
	*pages = *whole_pages = 0;
	if (!file)
		return false;

	while (fgets(line, sizeof(line), file)) {
		tail = strstr(line, "longest_free");
		if (sscanf(line, "%lx node %*d %*s pages %lu used %lu", &pfn, &nr, &used) != 3 ||
		    !tail || sscanf(tail, "longest_free %lu", &longest) != 1 ||
		    used > nr || longest > nr - used || (used < nr && !longest)) {
			ksft_print_msg("odd chunk: %s", line);
			ok = false;
			continue;
		}
		*pages += nr;
		if (strstr(line, " whole "))
			*whole_pages += nr;
		else
			sum->pages_used += used, sum->pages_free += nr - used;
	}
	fclose(file);

	return ok;
}

static void test_chunks(void)
{
	unsigned long pages, whole, size;
	struct cvm_pool sum;
	struct moment now;
	bool ok = false;

	/* Other parts of the system may take pages between the two files. */
	for (int i = 0; i < CVM_TRIES && !ok; i++) {
		look(&now);
		size = chunk_pages(&now.pool);
		ok = read_chunks(&sum, &pages, &whole) &&
		     pages == now.pool.chunks * size + now.pool.small_pages +
			      now.pool.small_leaked &&
		     whole == (now.pool.chunks_swiotlb + now.pool.chunks_leaked) * size +
			      now.pool.small_leaked &&
		     sum.pages_used == now.pool.pages_used &&
		     sum.pages_free == now.pool.pages_free;
	}

	print_pool("figures", &now.pool);
	ksft_print_msg("one by one: pages %lu, whole %lu, used %lu, free %lu\n",
		       pages, whole, sum.pages_used, sum.pages_free);
	ksft_test_result(ok, "the chunks one by one are what the figures say\n");
}

/* Is the buffer zero? Leaves something else there. */
static bool zeroed(int fd, size_t bytes)
{
	unsigned char *mem = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	size_t found = bytes;

	if (mem == MAP_FAILED) {
		ksft_print_msg("mmap: %s\n", strerror(errno));
		return false;
	}
	for (size_t i = 0; i < bytes && found == bytes; i++) {
		if (mem[i])
			found = i;
	}
	if (found != bytes)
		ksft_print_msg("byte %#zx of %#zx is %#x\n", found, bytes, mem[found]);
	memset(mem, 0xa5, bytes);
	munmap(mem, bytes);

	return found == bytes;
}

/* A buffer that comes, is used and goes */
struct use {
	size_t bytes;
	struct moment before, during, after;
	struct cvm_counters taken, released;
	bool shared, zeroed;
};

static void use_buffer(struct use *use, size_t bytes)
{
	int fd;

	memset(use, 0, sizeof(*use));
	use->bytes = bytes;
	look(&use->before);
	fd = cvm_share(bytes);
	look(&use->during);
	if (fd < 0) {
		ksft_print_msg("cannot share %zu MiB: %s\n", bytes >> 20, strerror(-fd));
		return;
	}
	use->shared = true;
	use->zeroed = zeroed(fd, bytes);
	close(fd);
	look(&use->after);
	use->taken = cvm_delta(&use->during.counters, &use->before.counters);
	use->released = cvm_delta(&use->after.counters, &use->during.counters);
}

/* Whole chunks only, and no more than it takes; one may be for the reserve. */
static bool took_chunks(const struct use *use)
{
	return use->shared && no_small(&use->taken) && none_failed(&use->taken) &&
	       use->taken.to_shared_2m >= FRESH / CVM_BLOCK &&
	       use->taken.to_shared_2m <= use->bytes / CVM_BLOCK + 1;
}

static bool took_pages(const struct use *use)
{
	return use->during.pool.pages_used - use->before.pool.pages_used ==
	       use->bytes / CVM_PAGE;
}

static bool released_pages(const struct use *use)
{
	return use->after.pool.pages_used == use->before.pool.pages_used;
}

static bool converted_nothing(const struct use *use)
{
	return use->shared && no_small(&use->taken) && none_failed(&use->taken) &&
	       !use->taken.to_shared_2m;
}

/* A buffer for which there is not enough at hand, and the same one again */
static void use_twice(struct use *first, struct use *again)
{
	cvm_drop_empty();
	use_buffer(first, cvm_fresh_size(FRESH));
	use_buffer(again, first->bytes);
}

static void test_buffer(struct use *first)
{
	bool chunks = false, pages = false, back = false, reused = false;
	bool is_zero = true;
	struct use again;

	/*
	 * Each may be disturbed by other parts of the system that share memory
	 * at this moment, except that memory is zeroed.
	 */
	for (int i = 0; i < CVM_TRIES && !(chunks && pages && back && reused); i++) {
		use_twice(first, &again);
		chunks |= took_chunks(first);
		pages |= took_pages(first);
		back |= released_pages(first) && released_pages(&again);
		reused |= converted_nothing(&again);
		is_zero &= first->zeroed && again.zeroed;
	}

	cvm_print("taking", &first->taken);
	cvm_print("releasing", &first->released);
	print_pool("before", &first->before.pool);
	print_pool("during", &first->during.pool);
	print_pool("after", &first->after.pool);
	ksft_test_result(chunks, "%zu MiB are shared in whole chunks\n", first->bytes >> 20);
	ksft_test_result(pages, "the pool counts each page of it\n");
	ksft_test_result(back, "they are given back with the buffer\n");
	cvm_print("taking again", &again.taken);
	ksft_test_result(reused, "the next one converts nothing\n");
	ksft_test_result(is_zero, "the memory of both is zeroed\n");
}

/* Blocks that became private since @then, none of them less than whole */
static bool gave_back(const struct moment *then, unsigned long blocks,
		      struct cvm_counters *delta)
{
	struct moment now;

	look(&now);
	*delta = cvm_delta(&now.counters, &then->counters);

	return delta->to_private_2m >= blocks && no_small(delta) && none_failed(delta);
}

static void test_drop(void)
{
	struct cvm_counters delta = {};
	struct use use = {};
	bool ok = false;

	/* The shrinker passes while somebody else changes the pool. */
	for (int i = 0; i < CVM_TRIES && !ok; i++) {
		cvm_drop_empty();
		use_buffer(&use, cvm_fresh_size(FRESH));
		if (!use.taken.to_shared_2m)
			continue;
		cvm_drop_empty();
		ok = gave_back(&use.during, use.taken.to_shared_2m, &delta);
	}

	cvm_print("after drop_caches", &delta);
	ksft_test_result(ok, "empty chunks are private at once when memory is short\n");
}

static double now_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);

	return now.tv_sec + now.tv_nsec / 1e9;
}

static void test_time(void)
{
	struct cvm_counters delta = {};
	double start, took;
	struct use use;
	bool ok;

	cvm_drop_empty();
	use_buffer(&use, cvm_fresh_size(FRESH));
	start = now_s();
	do {
		usleep(100000);
		took = now_s() - start;
		ok = use.taken.to_shared_2m &&
		     gave_back(&use.during, use.taken.to_shared_2m, &delta);
	} while (!ok && took < GIVE_BACK_S);

	cvm_print("when left alone", &delta);
	ksft_print_msg("after %.1f s\n", took);
	ksft_test_result(ok, "empty chunks are private within %d s\n", GIVE_BACK_S);
}

static int cycle_nic(int sock, const char *name, struct cvm_counters *delta)
{
	struct moment before, after;
	int ret;

	look(&before);
	ret = cvm_set_netdev(sock, name, true);
	ret = ret ?: cvm_set_netdev(sock, name, false);
	cvm_drop_empty();
	look(&after);
	*delta = cvm_delta(&after.counters, &before.counters);

	return ret;
}

static bool at_hand(unsigned long bytes)
{
	struct cvm_pool now;

	cvm_read_pool(&now);

	return now.pages_free >= now.reserve_pages + bytes / CVM_PAGE;
}

/* So that whoever comes next must convert. Return: number of buffers. */
static int use_up(int *fds)
{
	int count = 0;

	cvm_drop_empty();
	for (size_t bytes = SMALL; bytes; bytes = bytes > CVM_PAGE ? CVM_PAGE : 0) {
		while (count < SMALL_COUNT && at_hand(bytes)) {
			fds[count] = cvm_share(bytes);
			if (fds[count] < 0)
				return count;
			count++;
		}
	}

	return count;
}

static void test_nic(void)
{
	int sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	const char *name = sock < 0 ? NULL : cvm_find_netdev(sock);
	struct cvm_counters delta = {};
	int fds[SMALL_COUNT], count;
	bool ok = true;
	int ret = 0;

	if (!name) {
		ksft_test_result_skip("network: no interface is down, name one in CVM_NETDEV\n");
		return;
	}

	count = use_up(fds);
	ksft_print_msg("nothing at hand any more: %s, after %d buffers\n",
		       at_hand(CVM_PAGE) ? "no" : "yes", count);
	for (int i = 0; i < NIC_CYCLES && ok; i++) {
		ret = cycle_nic(sock, name, &delta);
		ok = !ret && no_small(&delta) && none_failed(&delta);
	}
	while (count--)
		close(fds[count]);
	close(sock);

	cvm_print(name, &delta);
	ksft_test_result(ok, "%s: up and down converts no single page: %s\n",
			 name, strerror(-ret));
}

/* Not repeated: a second attempt would find the direct map split already. */
static void test_direct_map(long before)
{
	long after = cvm_meminfo_kb("DirectMap4k:");

	ksft_test_result(before >= 0 && after <= before,
			 "direct map: %ld kB in 4 KiB pages before, %ld kB after\n",
			 before, after);
}

static void test_leaks(const struct moment *start)
{
	struct moment now;

	look(&now);
	ksft_print_msg("leaked before this test: %lu chunks, %lu pages\n",
		       start->pool.chunks_leaked, start->pool.small_leaked);
	ksft_test_result(!now.pool.chunks_leaked && !now.pool.small_leaked,
			 "leaked: %lu chunks, %lu pages\n",
			 now.pool.chunks_leaked, now.pool.small_leaked);
}

int main(void)
{
	struct moment start;
	struct use use;
	long direct_map;

	cvm_require();
	if (geteuid())
		ksft_exit_skip("only root can read debugfs\n");
	if (!cvm_has_pool())
		ksft_exit_skip("no pool: no cc_shared/stats in debugfs (is it mounted?)\n");
	if (!cvm_can_share())
		ksft_exit_skip("no heap system_cc_shared, see the config file\n");

	ksft_set_plan(13);
	look(&start);
	direct_map = cvm_meminfo_kb("DirectMap4k:");

	ksft_test_result(cvm_read_pool(&start.pool) == CVM_POOL_FIGURES,
			 "the pool has all its figures\n");
	test_chunks();
	test_buffer(&use);
	test_drop();
	test_time();
	test_nic();
	test_direct_map(direct_map);
	ksft_test_result(!odd_moments, "the figures add up: %lu times of %lu\n",
			 moments - odd_moments, moments);
	test_leaks(&start);

	ksft_finished();
}

// SPDX-License-Identifier: GPL-2.0
/*
 * Is SWIOTLB's default pool aligned to the granule, and was it shared whole?
 *
 * The kernel says where the pool is in its log only. It may fail to find memory
 * of this alignment, which is no error of the kernel, but is one of a guest that
 * ought to spare its host.
 */
#include <stdio.h>
#include <string.h>

#include "kselftest.h"
#include "cvm.h"

#define NSLABS	"/sys/kernel/debug/swiotlb/io_tlb_nslabs"
#define SLAB	2048UL

struct pool {
	unsigned long start, end;
	bool no_granule;
};

static bool parse(const char *text, void *arg)
{
	struct pool *pool = arg;

	if (strstr(text, "software IO TLB: no pool aligned"))
		pool->no_granule = true;

	return sscanf(text, "software IO TLB: mapped [mem 0x%lx-0x%lx]",
		      &pool->start, &pool->end) == 2;
}

static void test_slabs(const struct pool *pool)
{
	unsigned long slabs = 0;
	char buf[64];

	if (cvm_read_file(NSLABS, buf, sizeof(buf)) < 0) {
		ksft_test_result_skip("number of slabs: no debugfs, or not root\n");
		return;
	}

	/* Dynamic pools may have been added since. */
	ksft_test_result(sscanf(buf, "%lu", &slabs) == 1 &&
			 slabs * SLAB >= pool->end - pool->start,
			 "%lu slabs make up the pool\n", slabs);
}

/*
 * With a pool of shared memory (cc_shared/stats in debugfs), the range is
 * shared chunk by chunk, as it is needed.
 */
static void test_shared(const struct pool *pool)
{
	unsigned long blocks = (pool->end - pool->start) / CVM_BLOCK;
	struct cvm_counters now;
	struct cvm_pool chunks;

	cvm_read_counters(&now);
	if (!cvm_read_pool(&chunks)) {
		ksft_test_result(blocks && now.to_shared_2m >= blocks,
				 "%lu blocks of 2 MiB were shared whole, the pool has %lu\n",
				 now.to_shared_2m, blocks);
		return;
	}

	ksft_test_result(chunks.chunks_swiotlb && chunks.chunks_swiotlb <= blocks &&
			 now.to_shared_2m >= chunks.chunks_swiotlb,
			 "%lu of the pool's %lu blocks are in use, %lu were shared whole\n",
			 chunks.chunks_swiotlb, blocks, now.to_shared_2m);
}

int main(void)
{
	struct pool pool = {};

	cvm_require();
	if (!cvm_kernel_log(parse, &pool))
		ksft_exit_skip("the kernel's log does not tell where the pool is (any more)\n");

	ksft_print_msg("pool: 0x%lx-0x%lx\n", pool.start, pool.end);
	if (pool.no_granule)
		ksft_print_msg("the kernel says that it found no memory for an aligned pool\n");

	ksft_set_plan(4);
	ksft_test_result(!(pool.start % CVM_BLOCK), "base 0x%lx is aligned to 2 MiB\n",
			 pool.start);
	ksft_test_result(pool.end > pool.start && !((pool.end - pool.start) % CVM_BLOCK),
			 "size 0x%lx is a multiple of 2 MiB\n", pool.end - pool.start);
	test_shared(&pool);
	test_slabs(&pool);

	ksft_finished();
}

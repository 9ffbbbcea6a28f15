// SPDX-License-Identifier: GPL-2.0
/*
 * KUnit tests of the pool of shared memory: the pool of this very guest
 *
 * They convert memory, and are skipped where there is no such pool. Memory that
 * is allocated here is really shared with the host.
 */
#include <kunit/test.h>
#include <linux/cc_shared.h>
#include <linux/dma-mapping.h>
#include <linux/list.h>
#include <linux/mm.h>
#include <linux/nodemask.h>
#include <linux/sizes.h>
#include <linux/string.h>

#include "shared_pool.h"

static int guest_init(struct kunit *test)
{
	if (!cc_shared_pool_enabled())
		kunit_skip(test, "no confidential guest with a pool");
	return 0;
}

static struct cc_shared_stats stats_now(void)
{
	guard(spinlock_irqsave)(&cc_shared_pool.lock);
	return cc_shared_pool.stats;
}

/* SWIOTLB hands out 256 KiB at most. */
static void guest_64_mib(struct kunit *test)
{
	struct cc_shared_stats before = stats_now(), after;
	void *buf = cc_shared_alloc(SZ_64M, NUMA_NO_NODE, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, buf);
	after = stats_now();
	KUNIT_EXPECT_TRUE(test, IS_ALIGNED(__pa(buf), cc_shared_granule()));
	KUNIT_EXPECT_NULL(test, memchr_inv(buf, 0, SZ_64M));
	KUNIT_EXPECT_GE(test, after.chunks,
			before.chunks - before.empty + SZ_64M / cc_shared_granule());
	KUNIT_EXPECT_EQ(test, after.small_pages, before.small_pages);

	memset(buf, 0x5a, SZ_64M);
	cc_shared_free(buf, SZ_64M);
	after = stats_now();
	KUNIT_EXPECT_EQ(test, after.pages_used, before.pages_used);
	KUNIT_EXPECT_EQ(test, after.leaked, before.leaked);

	scoped_guard(mutex, &cc_shared_pool.grow_lock)
		cc_shared_release(&cc_shared_pool, ULONG_MAX, 0);
	KUNIT_EXPECT_LE(test, stats_now().chunks, before.chunks);
}

static void guest_low_memory(struct kunit *test)
{
	static const size_t sizes[] = { PAGE_SIZE, SZ_16K, PAGE_SIZE, SZ_16K };
	struct page *pages[ARRAY_SIZE(sizes)];
	unsigned int i;

	/* After a single page, the next free place is not aligned to 16 KiB. */
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		pages[i] = cc_shared_alloc_pages(sizes[i], NUMA_NO_NODE,
						 GFP_KERNEL, DMA_BIT_MASK(32));
		KUNIT_ASSERT_NOT_NULL(test, pages[i]);
		KUNIT_EXPECT_LE(test, page_to_phys(pages[i]) + sizes[i] - 1,
				DMA_BIT_MASK(32));
		KUNIT_EXPECT_TRUE(test, IS_ALIGNED(page_to_phys(pages[i]),
						   sizes[i]));
	}
	for (i = 0; i < ARRAY_SIZE(sizes); i++)
		cc_shared_free_pages(pages[i], sizes[i]);
}

/*
 * Nothing is kept below 16 MiB or whatever is the limit of an odd device, but it
 * can be had.
 */
static void guest_odd_limits(struct kunit *test)
{
	struct page *page;

	/* Downwards: what was had for one limit would do for higher ones. */
	for (unsigned int bits = 31; bits >= 24; bits--) {
		page = cc_shared_alloc_pages(PAGE_SIZE, NUMA_NO_NODE, GFP_KERNEL,
					     DMA_BIT_MASK(bits));
		KUNIT_EXPECT_NOT_NULL_MSG(test, page, "%u bits", bits);
		if (!page)
			continue;
		KUNIT_EXPECT_LE(test, page_to_phys(page) + PAGE_SIZE - 1,
				DMA_BIT_MASK(bits));
		cc_shared_free_pages(page, PAGE_SIZE);
	}
}

/* More than the buddy allocator has in one piece, once the reserve is used up. */
static void guest_beyond_the_reserve(struct kunit *test)
{
	struct cc_shared_request req = {
		.nr_pages = 2 << MAX_PAGE_ORDER,
		.nid = NUMA_NO_NODE,
		.limit = CC_SHARED_NO_LIMIT,
		.gfp = GFP_KERNEL,
	};
	unsigned int most = totalram_pages() / req.nr_pages, count;
	struct cc_shared_chunk *blocks =
		kunit_kcalloc(test, most, sizeof(*blocks), GFP_KERNEL);
	struct page *page;

	if (!IS_ENABLED(CONFIG_CONTIG_ALLOC))
		kunit_skip(test, "kernel without CONFIG_CONTIG_ALLOC");
	KUNIT_ASSERT_NOT_NULL(test, blocks);

	for (count = 0; count < most; count++) {
		page = cc_shared_ops.get(&req, &blocks[count]);
		KUNIT_EXPECT_NOT_NULL_MSG(test, page, "block %u", count);
		if (!page)
			break;
		blocks[count].pfn = page_to_pfn(page);
		blocks[count].nr_pages = req.nr_pages;
		if (blocks[count].source == CC_SHARED_BUDDY) {
			count++;
			break;
		}
	}
	while (count--)
		cc_shared_ops.put(&blocks[count]);
}

static void guest_atomic(struct kunit *test)
{
	void *buf = cc_shared_alloc(PAGE_SIZE, NUMA_NO_NODE, GFP_ATOMIC);

	KUNIT_ASSERT_NOT_NULL(test, buf);
	KUNIT_EXPECT_NULL(test, memchr_inv(buf, 0, PAGE_SIZE));
	cc_shared_free(buf, PAGE_SIZE);
}

static void guest_each_node(struct kunit *test)
{
	void *buf;
	int nid;

	for_each_node_state(nid, N_MEMORY) {
		buf = cc_shared_alloc(2 * cc_shared_granule(), nid, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, buf);
		KUNIT_EXPECT_EQ(test, page_to_nid(virt_to_page(buf)), nid);
		cc_shared_free(buf, 2 * cc_shared_granule());
	}
}

static int smallest_node(void)
{
	int nid, found = first_memory_node;

	for_each_node_state(nid, N_MEMORY) {
		if (node_present_pages(nid) < node_present_pages(found))
			found = nid;
	}
	return found;
}

/* Take what the page allocator has; the reserve is not its own to give away. */
static void empty_node(int nid, unsigned int order, struct list_head *taken)
{
	struct page *page;

	while ((page = alloc_pages_node(nid, GFP_KERNEL | __GFP_THISNODE |
					__GFP_NORETRY | __GFP_NOWARN, order)))
		list_add(&page->lru, taken);
}

/* More than a node of the laboratory's guests has */
#define MAX_CHUNKS	2048

/* Return: number of chunks that the node still had; the last one is of another. */
static unsigned int use_up_node(int nid, void **chunks)
{
	unsigned int count;

	for (count = 0; count < MAX_CHUNKS - 1; count++) {
		chunks[count] = cc_shared_alloc(cc_shared_granule(), nid,
						GFP_KERNEL);
		if (!chunks[count] ||
		    page_to_nid(virt_to_page(chunks[count])) != nid)
			break;
	}
	return count;
}

static void guest_full_node(struct kunit *test)
{
	unsigned int order = get_order(cc_shared_granule()), count, i;
	struct cc_shared_stats before = stats_now(), now;
	struct page *page, *next;
	void **chunks, *small[64];
	LIST_HEAD(taken);
	int nid;

	if (num_node_state(N_MEMORY) < 2)
		kunit_skip(test, "one node");

	chunks = kunit_kcalloc(test, MAX_CHUNKS, sizeof(*chunks), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, chunks);
	nid = smallest_node();
	empty_node(nid, order, &taken);
	count = use_up_node(nid, chunks);
	kunit_info(test, "node %d had %u chunks left\n", nid, count);
	KUNIT_EXPECT_NOT_NULL(test, chunks[count]);
	KUNIT_EXPECT_GT(test, count, 0);

	/* Pages come from elsewhere, and not each from a chunk of its own. */
	now = stats_now();
	for (i = 0; i < ARRAY_SIZE(small); i++) {
		small[i] = cc_shared_alloc(PAGE_SIZE, nid, GFP_KERNEL);
		KUNIT_EXPECT_NOT_NULL(test, small[i]);
	}
	KUNIT_EXPECT_LE(test, stats_now().chunks, now.chunks + 1);
	KUNIT_EXPECT_EQ(test, stats_now().small_pages, before.small_pages);

	for (i = 0; i < ARRAY_SIZE(small); i++)
		cc_shared_free(small[i], PAGE_SIZE);
	for (i = 0; i <= count && chunks[i]; i++)
		cc_shared_free(chunks[i], cc_shared_granule());
	list_for_each_entry_safe(page, next, &taken, lru)
		__free_pages(page, order);

	KUNIT_EXPECT_EQ(test, stats_now().pages_used, before.pages_used);
	KUNIT_EXPECT_EQ(test, stats_now().leaked, before.leaked);
}

static void guest_impossible(struct kunit *test)
{
	KUNIT_EXPECT_NULL(test, cc_shared_alloc(0, NUMA_NO_NODE, GFP_KERNEL));
	KUNIT_EXPECT_NULL(test, cc_shared_alloc(SIZE_MAX, NUMA_NO_NODE,
						GFP_KERNEL | __GFP_NOWARN));
	KUNIT_EXPECT_NULL(test, cc_shared_alloc(1UL << 40, NUMA_NO_NODE,
						GFP_KERNEL | __GFP_NOWARN));
}

static struct kunit_case guest_cases[] = {
	KUNIT_CASE_SLOW(guest_64_mib),
	KUNIT_CASE(guest_low_memory),
	KUNIT_CASE(guest_odd_limits),
	KUNIT_CASE(guest_beyond_the_reserve),
	KUNIT_CASE(guest_atomic),
	KUNIT_CASE(guest_each_node),
	KUNIT_CASE_SLOW(guest_full_node),
	KUNIT_CASE(guest_impossible),
	{}
};

static struct kunit_suite guest_suite = {
	.name = "cc_shared_guest",
	.init = guest_init,
	.test_cases = guest_cases,
};

kunit_test_suite(guest_suite);

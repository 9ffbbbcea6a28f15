// SPDX-License-Identifier: GPL-2.0
/*
 * KUnit tests of the pool of shared memory: use
 *
 * They run on any machine, see shared_pool_fake.h.
 */
#include <kunit/test.h>
#include <linux/cc_shared.h>
#include <linux/mm.h>
#include <linux/string.h>

#include "shared_pool_fake.h"
#include "shared_reserve.h"

static void pool_first_page(struct kunit *test)
{
	struct page *page = fake_alloc(1, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, page);
	/* Shared once and whole, and nothing stale is in it. */
	KUNIT_EXPECT_EQ(test, atomic_read(&fake.shares), CHUNK_PAGES);
	KUNIT_EXPECT_NULL(test, memchr_inv(page_address(page), 0, PAGE_SIZE));
	KUNIT_EXPECT_EQ(test, fake.pool.stats.pages_used, 1);
	KUNIT_EXPECT_EQ(test, fake.pool.stats.pages_free, CHUNK_PAGES - 1);

	fake_free(page, 1);
	KUNIT_EXPECT_EQ(test, fake.pool.stats.empty, 1);
	KUNIT_EXPECT_EQ(test, fake_release_all(), CHUNK_PAGES);
	KUNIT_EXPECT_EQ(test, atomic_read(&fake.unshares), CHUNK_PAGES);
}

static void pool_zeroed_again(struct kunit *test)
{
	struct page *page = fake_alloc(2, GFP_KERNEL), *again;

	KUNIT_ASSERT_NOT_NULL(test, page);
	memset(page_address(page), 0x5a, 2 * PAGE_SIZE);
	fake_free(page, 2);

	again = fake_alloc(2, GFP_KERNEL);
	KUNIT_EXPECT_PTR_EQ(test, again, page);
	KUNIT_EXPECT_NULL(test, memchr_inv(page_address(again), 0, 2 * PAGE_SIZE));
	fake_free(again, 2);
}

static void pool_chunk_is_used_up(struct kunit *test)
{
	static struct page *pages[CHUNK_PAGES + 1];
	unsigned int i;

	for (i = 0; i < CHUNK_PAGES; i++) {
		pages[i] = fake_alloc(1, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, pages[i]);
	}
	KUNIT_EXPECT_EQ(test, atomic_read(&fake.shares), CHUNK_PAGES);
	KUNIT_EXPECT_EQ(test, fake.pool.stats.pages_free, 0);

	pages[i] = fake_alloc(1, GFP_KERNEL);
	KUNIT_EXPECT_EQ(test, atomic_read(&fake.shares), 2 * CHUNK_PAGES);

	for (i = 0; i <= CHUNK_PAGES; i++)
		fake_free(pages[i], 1);
	KUNIT_EXPECT_EQ(test, fake.pool.stats.empty, 2);
}

static void pool_natural_alignment(struct kunit *test)
{
	static const unsigned int sizes[] = { 1, 2, 3, 5, 8, 64, 100, 1, 256 };
	struct page *pages[ARRAY_SIZE(sizes)];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		unsigned long align = roundup_pow_of_two(sizes[i]);

		pages[i] = fake_alloc(sizes[i], GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, pages[i]);
		KUNIT_EXPECT_EQ(test, page_to_pfn(pages[i]) & (align - 1), 0);
	}
	for (i = 0; i < ARRAY_SIZE(sizes); i++)
		fake_free(pages[i], sizes[i]);
}

static void pool_fragmented(struct kunit *test)
{
	static struct page *pages[CHUNK_PAGES];
	struct page *pair;
	unsigned int i;

	for (i = 0; i < CHUNK_PAGES; i++) {
		pages[i] = fake_alloc(1, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, pages[i]);
	}
	for (i = 0; i < CHUNK_PAGES; i += 2)
		fake_free(pages[i], 1);

	/* Half of the chunk is free, but no two pages next to each other. */
	pair = fake_alloc(2, GFP_KERNEL);
	KUNIT_EXPECT_NOT_NULL(test, pair);
	KUNIT_EXPECT_EQ(test, atomic_read(&fake.shares), 2 * CHUNK_PAGES);
	/* A single page still fits into the holes. */
	pages[0] = fake_alloc(1, GFP_KERNEL);
	KUNIT_EXPECT_EQ(test, atomic_read(&fake.shares), 2 * CHUNK_PAGES);

	fake_free(pair, 2);
	KUNIT_EXPECT_EQ(test, fake_release_all(), CHUNK_PAGES);
	fake_free(pages[0], 1);
	for (i = 1; i < CHUNK_PAGES; i += 2)
		fake_free(pages[i], 1);
}

static void pool_large(struct kunit *test)
{
	unsigned long nr = CHUNK_PAGES + CHUNK_PAGES / 2;
	struct page *page = fake_alloc(nr, GFP_KERNEL), *rest, *again;

	KUNIT_ASSERT_NOT_NULL(test, page);
	KUNIT_EXPECT_EQ(test, page_to_pfn(page) % CHUNK_PAGES, 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&fake.shares), 2 * CHUNK_PAGES);
	KUNIT_EXPECT_NULL(test, memchr_inv(page_address(page), 0,
					   nr << PAGE_SHIFT));

	/* What is left of the last chunk is not wasted. */
	rest = fake_alloc(CHUNK_PAGES / 2, GFP_KERNEL);
	KUNIT_EXPECT_EQ(test, page_to_pfn(rest), page_to_pfn(page) + nr);
	fake_free(rest, CHUNK_PAGES / 2);
	fake_free(page, nr);
	KUNIT_EXPECT_EQ(test, fake.pool.stats.empty, 2);

	/* The same two chunks do it again, without a conversion. */
	again = fake_alloc(nr, GFP_KERNEL);
	KUNIT_EXPECT_NOT_NULL(test, again);
	KUNIT_EXPECT_EQ(test, atomic_read(&fake.shares), 2 * CHUNK_PAGES);
	fake_free(again, nr);
}

static void pool_atomic(struct kunit *test)
{
	struct page *page;

	fake.pool.reserve = RESERVE;
	/* Nothing is shared yet, and this caller cannot wait for it. */
	scoped_guard(mutex, &fake.pool.grow_lock) {
		KUNIT_EXPECT_NULL(test, fake_alloc(1, GFP_ATOMIC));
		/* The worker waits for the lock. */
		KUNIT_EXPECT_EQ(test, atomic_read(&fake.shares), 0);
	}

	flush_work(&fake.pool.refill);
	KUNIT_EXPECT_EQ(test, atomic_read(&fake.shares), CHUNK_PAGES);
	page = fake_alloc(1, GFP_ATOMIC);
	KUNIT_ASSERT_NOT_NULL(test, page);
	fake_free(page, 1);
}

static void pool_reserve_is_kept(struct kunit *test)
{
	static struct page *pages[2 * CHUNK_PAGES], *atomic[RESERVE];
	unsigned int i;

	fake.pool.reserve = RESERVE;
	for (i = 0; i < ARRAY_SIZE(pages); i++) {
		pages[i] = fake_alloc(1, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, pages[i]);
		KUNIT_ASSERT_GE(test, fake.pool.stats.pages_free, RESERVE);
	}
	for (i = 0; i < RESERVE; i++) {
		atomic[i] = fake_alloc(1, GFP_ATOMIC);
		KUNIT_ASSERT_NOT_NULL(test, atomic[i]);
	}
	for (i = 0; i < RESERVE; i++)
		fake_free(atomic[i], 1);
	for (i = 0; i < ARRAY_SIZE(pages); i++)
		fake_free(pages[i], 1);
}

static void pool_trim_waits(struct kunit *test)
{
	struct page *page = fake_alloc(1, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, page);
	fake_free(page, 1);
	scoped_guard(mutex, &fake.pool.grow_lock)
		KUNIT_EXPECT_EQ(test, cc_shared_release(&fake.pool, ULONG_MAX,
							CC_SHARED_TRIM_DELAY), 0);
	KUNIT_EXPECT_TRUE(test, delayed_work_pending(&fake.pool.trim));
	/* Nor is anything released that is needed for atomic callers. */
	fake.pool.reserve = RESERVE;
	KUNIT_EXPECT_EQ(test, fake_release_all(), 0);
	KUNIT_EXPECT_EQ(test, fake.pool.stats.chunks, 1);
}

static void pool_limit(struct kunit *test)
{
	struct cc_shared_request req = {
		.nr_pages = 1,
		.nid = NUMA_NO_NODE,
		.gfp = GFP_KERNEL | __GFP_NOWARN,
	};
	struct page *page = fake_alloc(1, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, page);
	KUNIT_EXPECT_EQ(test, fake.last_limit, CC_SHARED_NO_LIMIT);

	/* There is a page, but it is one byte beyond what is allowed. */
	req.limit = PFN_PHYS(round_down(page_to_pfn(page), CHUNK_PAGES) +
			     CHUNK_PAGES) - 2;
	req.gfp = GFP_ATOMIC | __GFP_NOWARN;
	KUNIT_EXPECT_NULL(test, cc_shared_pool_alloc(&fake.pool, &req));
	flush_work(&fake.pool.refill);
	KUNIT_EXPECT_EQ(test, fake.last_limit, req.limit);

	req.limit++;
	fake_free(page, 1);
	page = cc_shared_pool_alloc(&fake.pool, &req);
	KUNIT_EXPECT_NOT_NULL(test, page);
	fake_free(page, 1);
}

static void pool_whole_chunk(struct kunit *test)
{
	struct page *whole, *page;

	whole = cc_shared_pool_get_chunk(&fake.pool, CC_SHARED_NO_LIMIT);
	KUNIT_ASSERT_NOT_NULL(test, whole);
	KUNIT_EXPECT_EQ(test, fake.pool.stats.whole, 1);
	KUNIT_EXPECT_EQ(test, fake.pool.stats.pages_used, 0);

	page = fake_alloc(1, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, page);
	KUNIT_EXPECT_EQ(test, fake.pool.stats.chunks, 2);
	fake_free(page, 1);

	/* Given back, it is a chunk like any other. */
	cc_shared_pool_put_chunk(&fake.pool, whole);
	KUNIT_EXPECT_EQ(test, fake.pool.stats.whole, 0);
	KUNIT_EXPECT_EQ(test, fake.pool.stats.empty, 2);
}

/* A whole chunk is not taken of what is kept for atomic callers. */
static void pool_whole_chunk_and_reserve(struct kunit *test)
{
	struct page *page = fake_alloc(1, GFP_KERNEL), *chunk;

	KUNIT_ASSERT_NOT_NULL(test, page);
	fake_free(page, 1);
	fake.pool.reserve = RESERVE;

	chunk = cc_shared_pool_get_chunk(&fake.pool, CC_SHARED_NO_LIMIT);
	KUNIT_ASSERT_NOT_NULL(test, chunk);
	KUNIT_EXPECT_EQ(test, fake.pool.stats.chunks, 2);
	KUNIT_EXPECT_EQ(test, fake.pool.stats.pages_free, CHUNK_PAGES);
	cc_shared_pool_put_chunk(&fake.pool, chunk);
}

static void pool_parse_bound(struct kunit *test)
{
	static const char * const bad[] = {
		NULL, "", "x", "-1", "5x", "51%", "8%%", "%", "10M%x", "of",
	};
	struct cc_shared_bound bound;

	KUNIT_EXPECT_EQ(test, cc_shared_parse_bound("64M", &bound), 0);
	KUNIT_EXPECT_EQ(test, bound.size, SZ_64M);
	KUNIT_EXPECT_EQ(test, bound.percent, 0);
	KUNIT_EXPECT_FALSE(test, bound.off);
	KUNIT_EXPECT_EQ(test, cc_shared_parse_bound("12%", &bound), 0);
	KUNIT_EXPECT_EQ(test, bound.percent, 12);
	KUNIT_EXPECT_EQ(test, cc_shared_parse_bound("off", &bound), 0);
	KUNIT_EXPECT_TRUE(test, bound.off);
	for (unsigned int i = 0; i < ARRAY_SIZE(bad); i++)
		KUNIT_EXPECT_EQ_MSG(test, cc_shared_parse_bound(bad[i], &bound),
				    -EINVAL, "%s", bad[i]);
}

static struct kunit_case use_cases[] = {
	KUNIT_CASE(pool_first_page),
	KUNIT_CASE(pool_zeroed_again),
	KUNIT_CASE(pool_chunk_is_used_up),
	KUNIT_CASE(pool_natural_alignment),
	KUNIT_CASE(pool_fragmented),
	KUNIT_CASE(pool_large),
	KUNIT_CASE(pool_atomic),
	KUNIT_CASE(pool_reserve_is_kept),
	KUNIT_CASE(pool_trim_waits),
	KUNIT_CASE(pool_limit),
	KUNIT_CASE(pool_whole_chunk),
	KUNIT_CASE(pool_whole_chunk_and_reserve),
	KUNIT_CASE(pool_parse_bound),
	{}
};

static struct kunit_suite use_suite = {
	.name = "cc_shared_pool",
	.init = fake_init,
	.exit = fake_exit,
	.test_cases = use_cases,
};

kunit_test_suite(use_suite);

MODULE_IMPORT_NS("EXPORTED_FOR_KUNIT_TESTING");
MODULE_DESCRIPTION("KUnit tests of the pool of shared memory");
MODULE_LICENSE("GPL");

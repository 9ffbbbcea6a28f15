// SPDX-License-Identifier: GPL-2.0
/*
 * KUnit tests of the pool of shared memory: failure, shortage and crowds
 *
 * They run on any machine, see shared_pool_fake.h.
 */
#include <kunit/test.h>
#include <linux/completion.h>
#include <linux/dma-mapping.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/prandom.h>
#include <linux/sched/mm.h>

#include "shared_pool_fake.h"

static void pool_reserve_exhausted(struct kunit *test)
{
	static struct page *pages[CHUNK_PAGES];
	struct page *page;
	unsigned int i;

	fake.pool.reserve = RESERVE;
	/* One chunk can be had, and then no more. */
	page = fake_alloc(1, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, page);
	fake.fail_get = -1;
	fake.fail_get_small = -1;
	for (i = 0; i < CHUNK_PAGES - 1; i++) {
		pages[i] = fake_alloc(1, GFP_ATOMIC);
		KUNIT_ASSERT_NOT_NULL(test, pages[i]);
	}
	KUNIT_EXPECT_NULL(test, fake_alloc(1, GFP_ATOMIC));
	flush_work(&fake.pool.refill);
	KUNIT_EXPECT_NULL(test, fake_alloc(1, GFP_ATOMIC));

	/* It works again as soon as there is a chunk. */
	fake_memory_is_back();
	KUNIT_EXPECT_NULL(test, fake_alloc(1, GFP_ATOMIC));
	flush_work(&fake.pool.refill);
	fake_free(page, 1);
	page = fake_alloc(1, GFP_ATOMIC);
	KUNIT_EXPECT_NOT_NULL(test, page);

	fake_free(page, 1);
	for (i = 0; i < CHUNK_PAGES - 1; i++)
		fake_free(pages[i], 1);
}

static void pool_no_chunk(struct kunit *test)
{
	struct page *page;

	fake.fail_get = -1;
	page = fake_alloc(3, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, page);
	KUNIT_EXPECT_EQ(test, atomic_read(&fake.shares), 4);
	KUNIT_EXPECT_EQ(test, fake.pool.stats.small_pages, 4);
	KUNIT_EXPECT_EQ(test, fake.pool.stats.chunks, 0);
	KUNIT_EXPECT_NULL(test, memchr_inv(page_address(page), 0, 3 * PAGE_SIZE));

	fake_free(page, 3);
	fake_release_all();
	KUNIT_EXPECT_EQ(test, fake.pool.stats.small_pages, 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&fake.unshares), 4);
}

/* There may be more than a chunk in one piece where there is no chunk. */
static void pool_large_without_chunks(struct kunit *test)
{
	unsigned long nr = CHUNK_PAGES + 1;
	struct page *page;

	fake.fail_get = -1;
	page = fake_alloc(nr, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, page);
	KUNIT_EXPECT_EQ(test, atomic_read(&fake.shares), 2 * CHUNK_PAGES);
	KUNIT_EXPECT_EQ(test, fake.pool.stats.small_pages, 2 * CHUNK_PAGES);
	KUNIT_EXPECT_NULL(test, memchr_inv(page_address(page), 0,
					   nr << PAGE_SHIFT));

	fake_free(page, nr);
	fake_release_all();
	KUNIT_EXPECT_EQ(test, fake.pool.stats.small_pages, 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&fake.put), 2 * CHUNK_PAGES);
}

static struct page *alloc_below(phys_addr_t limit, gfp_t gfp)
{
	struct cc_shared_request req = {
		.nr_pages = 1,
		.nid = NUMA_NO_NODE,
		.limit = limit,
		.gfp = gfp | __GFP_NOWARN,
	};

	return cc_shared_pool_alloc(&fake.pool, &req);
}

/* Who has a limit that cannot be met does not stand in the way of others. */
static void pool_nothing_below(struct kunit *test)
{
	struct page *page;

	fake.full_below = DMA_BIT_MASK(30);
	KUNIT_EXPECT_NULL(test, alloc_below(DMA_BIT_MASK(24), GFP_KERNEL));
	KUNIT_EXPECT_NULL(test, alloc_below(DMA_BIT_MASK(30), GFP_KERNEL));

	page = alloc_below(CC_SHARED_NO_LIMIT, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, page);
	KUNIT_EXPECT_EQ(test, fake.pool.stats.chunks, 1);
	KUNIT_EXPECT_EQ(test, fake.pool.stats.small_pages, 0);
	fake_free(page, 1);
}

static void pool_refill_nothing_below(struct kunit *test)
{
	fake.pool.reserve = RESERVE;
	fake.full_below = DMA_BIT_MASK(30);
	KUNIT_EXPECT_NULL(test, alloc_below(DMA_BIT_MASK(30), GFP_ATOMIC));
	flush_work(&fake.pool.refill);
	KUNIT_EXPECT_EQ(test, fake.pool.stats.pages_free, CHUNK_PAGES);
}

/* Whoever takes the last free pages has them replaced. */
static void pool_reserve_is_refilled(struct kunit *test)
{
	struct page *page = fake_alloc(1, GFP_KERNEL), *most, *chunk;

	KUNIT_ASSERT_NOT_NULL(test, page);
	fake.pool.reserve = RESERVE;
	fake.fail_get = -1;
	most = fake_alloc(CHUNK_PAGES / 2, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, most);
	fake_free(most, CHUNK_PAGES / 2);
	KUNIT_EXPECT_EQ(test, fake.pool.stats.small_pages, 0);

	fake_free(page, 1);
	most = fake_alloc(CHUNK_PAGES, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, most);
	flush_work(&fake.pool.refill);
	KUNIT_EXPECT_EQ(test, fake.pool.stats.pages_free, RESERVE);
	fake_free(most, CHUNK_PAGES);

	fake.pool.reserve = 2 * RESERVE;
	chunk = cc_shared_pool_get_chunk(&fake.pool, CC_SHARED_NO_LIMIT);
	KUNIT_ASSERT_NOT_NULL(test, chunk);
	flush_work(&fake.pool.refill);
	KUNIT_EXPECT_GE(test, fake.pool.stats.pages_free, 2 * RESERVE);
	cc_shared_pool_put_chunk(&fake.pool, chunk);
}

/* Who is part of I/O does not wait for the mutex, however that was said. */
static void pool_noio(struct kunit *test)
{
	struct page *page, *scoped;
	unsigned int noio;

	mutex_lock(&fake.pool.grow_lock);
	page = fake_alloc(1, GFP_NOIO);
	noio = memalloc_noio_save();
	scoped = fake_alloc(1, GFP_KERNEL);
	memalloc_noio_restore(noio);
	mutex_unlock(&fake.pool.grow_lock);

	KUNIT_ASSERT_NOT_NULL(test, page);
	KUNIT_ASSERT_NOT_NULL(test, scoped);
	KUNIT_EXPECT_EQ(test, fake.pool.stats.small_pages, 2);
	fake_free(page, 1);
	fake_free(scoped, 1);
}

/* Without chunks, atomic callers are served from single pages. */
static void pool_refill_without_chunk(struct kunit *test)
{
	static struct page *pages[RESERVE];
	unsigned int i;

	fake.pool.reserve = RESERVE;
	fake.fail_get = -1;
	KUNIT_EXPECT_NULL(test, fake_alloc(1, GFP_ATOMIC));
	flush_work(&fake.pool.refill);
	KUNIT_EXPECT_GE(test, fake.pool.stats.small_pages, RESERVE);

	for (i = 0; i < RESERVE; i++) {
		pages[i] = fake_alloc(1, GFP_ATOMIC);
		KUNIT_ASSERT_NOT_NULL(test, pages[i]);
	}
	for (i = 0; i < RESERVE; i++)
		fake_free(pages[i], 1);

	/* They go as soon as there are chunks again. */
	flush_work(&fake.pool.refill);
	fake_memory_is_back();
	fake_free(fake_alloc(CHUNK_PAGES, GFP_KERNEL), CHUNK_PAGES);
	fake_release_all();
	KUNIT_EXPECT_LE(test, fake.pool.stats.pages_free, CHUNK_PAGES);
}

/* Who prefers a node that is full is served by others, and costs no more. */
static void pool_node_is_full(struct kunit *test)
{
	struct page *pages[4], *other;
	unsigned int i;

	if (MAX_NUMNODES == 1)
		kunit_skip(test, "kernel for one node");

	fake.full_node = MAX_NUMNODES - 1;
	for (i = 0; i < ARRAY_SIZE(pages); i++) {
		pages[i] = fake_alloc_node(1, fake.full_node, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, pages[i]);
	}
	KUNIT_EXPECT_EQ(test, fake.pool.stats.chunks, 1);
	KUNIT_EXPECT_EQ(test, fake.pool.stats.small_pages, 0);

	/* Nor do others have to wait until it is looked at again. */
	other = fake_alloc(CHUNK_PAGES, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, other);
	KUNIT_EXPECT_EQ(test, fake.pool.stats.chunks, 2);

	fake_free(other, CHUNK_PAGES);
	for (i = 0; i < ARRAY_SIZE(pages); i++)
		fake_free(pages[i], 1);
}

static void pool_share_fails(struct kunit *test)
{
	struct page *page;

	/* The chunk is leaked, and the page comes from elsewhere. */
	fake.fail_share = 1;
	page = fake_alloc(1, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, page);
	KUNIT_EXPECT_EQ(test, fake.pool.stats.leaked, 1);
	KUNIT_EXPECT_EQ(test, fake.pool.stats.small_pages, 1);
	KUNIT_EXPECT_EQ(test, atomic_read(&fake.put), 0);
	fake_free(page, 1);
	fake_release_all();
	KUNIT_EXPECT_EQ(test, atomic_read(&fake.put), 1);

	/* Nothing can be shared at all. */
	fake.fail_share = -1;
	KUNIT_EXPECT_NULL(test, fake_alloc(1, GFP_KERNEL));
	KUNIT_EXPECT_EQ(test, fake.pool.stats.leaked, 2);
	KUNIT_EXPECT_EQ(test, fake.pool.stats.small_leaked, 1);
	fake_release_all();
	KUNIT_EXPECT_EQ(test, atomic_read(&fake.put), 1);
}

static void pool_unshare_fails(struct kunit *test)
{
	struct page *page = fake_alloc(1, GFP_KERNEL), *small;

	KUNIT_ASSERT_NOT_NULL(test, page);
	fake_free(page, 1);
	fake.fail_unshare = 1;
	KUNIT_EXPECT_EQ(test, fake_release_all(), 0);
	KUNIT_EXPECT_EQ(test, fake.pool.stats.leaked, 1);
	KUNIT_EXPECT_EQ(test, atomic_read(&fake.put), 0);

	fake.fail_get = -1;
	small = fake_alloc(1, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, small);
	fake.fail_unshare = 1;
	fake_free(small, 1);
	fake_release_all();
	KUNIT_EXPECT_EQ(test, fake.pool.stats.small_leaked, 1);
	KUNIT_EXPECT_EQ(test, atomic_read(&fake.put), 0);
}

/* A working day of the pool, of which the nth conversion fails. */
static void workday(void)
{
	struct page *page[6] = {};
	static const unsigned int nr[] = { 1, CHUNK_PAGES, CHUNK_PAGES + 1, 7,
					   CHUNK_PAGES / 2, 300 };

	for (int round = 0; round < 2; round++) {
		for (unsigned int i = 0; i < ARRAY_SIZE(nr); i++)
			page[i] = fake_alloc(nr[i], GFP_KERNEL);
		for (unsigned int i = 0; i < ARRAY_SIZE(nr); i++) {
			if (page[i])
				fake_free(page[i], nr[i]);
		}
		fake_release_all();
		fake_release_all();
	}
}

static void pool_nth_failure(struct kunit *test)
{
	int n, failures = 0;
	bool failed = true;

	for (n = 1; failed && n < 100; n++) {
		fake.fail_share = n;
		fake.fail_unshare = n;

		workday();
		KUNIT_EXPECT_EQ(test, fake.pool.stats.pages_used, 0);
		KUNIT_EXPECT_EQ(test, atomic_read(&fake.wrong), 0);
		/* What failed is leaked, and nothing else is. */
		KUNIT_EXPECT_EQ(test, fake.failed_pages,
				fake.pool.stats.leaked * CHUNK_PAGES +
				fake.pool.stats.small_leaked);

		failed = !fake.fail_share || !fake.fail_unshare;
		failures += failed;
	}
	/* The sweep went past the last conversion. */
	KUNIT_EXPECT_LT(test, n, 100);
	KUNIT_EXPECT_GT(test, failures, 4);
}

static void pool_stopped(struct kunit *test)
{
	struct page *page = fake_alloc(1, GFP_KERNEL), *more;

	KUNIT_ASSERT_NOT_NULL(test, page);
	cc_shared_pool_stop(&fake.pool);

	/* What is shared can be used, but nothing is converted. */
	more = fake_alloc(1, GFP_KERNEL);
	KUNIT_EXPECT_NOT_NULL(test, more);
	KUNIT_EXPECT_NULL(test, fake_alloc(CHUNK_PAGES, GFP_KERNEL));
	fake_free(more, 1);
	fake_free(page, 1);
	KUNIT_EXPECT_EQ(test, fake_release_all(), 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&fake.shares), CHUNK_PAGES);
	KUNIT_EXPECT_EQ(test, atomic_read(&fake.unshares), 0);

	WRITE_ONCE(fake.pool.stopped, false);
}

static void pool_bad_free(struct kunit *test)
{
	struct page *page = fake_alloc(4, GFP_KERNEL), *other;

	KUNIT_ASSERT_NOT_NULL(test, page);
	other = alloc_page(GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, other);

	kunit_warning_suppress(test) {
		/* One page more than was handed out; then what is not ours */
		fake_free(page, 5);
		fake_free(other, 1);
		KUNIT_EXPECT_SUPPRESSED_WARNING_COUNT(test, 2);
	}
	KUNIT_EXPECT_EQ(test, fake.pool.stats.pages_used, 4);

	__free_page(other);
	fake_free(page, 4);
	KUNIT_EXPECT_EQ(test, fake.pool.stats.pages_used, 0);
}

#define CROWD		4
#define CROWD_ROUNDS	4000

struct member {
	struct task_struct *task;
	struct completion done;
	u32 seed;
	unsigned int overlaps;
	unsigned int failures;
};

/* Allocates and frees at random, and signs what it was given. */
static int member_fn(void *data)
{
	struct { struct page *page; unsigned int nr; } held[8] = {};
	struct member *m = data;
	struct rnd_state rnd;

	prandom_seed_state(&rnd, m->seed);
	for (int i = 0; i < CROWD_ROUNDS; i++) {
		unsigned int at = prandom_u32_state(&rnd) % ARRAY_SIZE(held);
		gfp_t gfp = i & 7 ? GFP_KERNEL : GFP_ATOMIC;
		u32 *first;

		if (held[at].page) {
			first = page_address(held[at].page);
			m->overlaps += *first != m->seed;
			fake_free(held[at].page, held[at].nr);
			held[at].page = NULL;
			continue;
		}

		held[at].nr = 1 + prandom_u32_state(&rnd) % 40;
		held[at].page = fake_alloc(held[at].nr, gfp);
		if (!held[at].page) {
			m->failures += gfp == GFP_KERNEL;
			continue;
		}
		first = page_address(held[at].page);
		m->overlaps += *first != 0;
		*first = m->seed;
	}
	for (unsigned int i = 0; i < ARRAY_SIZE(held); i++) {
		if (held[i].page)
			fake_free(held[i].page, held[i].nr);
	}
	complete(&m->done);
	return 0;
}

static void pool_concurrent(struct kunit *test)
{
	struct member *crowd = kunit_kcalloc(test, CROWD, sizeof(*crowd),
					     GFP_KERNEL);
	int i;

	KUNIT_ASSERT_NOT_NULL(test, crowd);
	fake.pool.reserve = RESERVE;
	for (i = 0; i < CROWD; i++) {
		init_completion(&crowd[i].done);
		crowd[i].seed = i + 1;
		crowd[i].task = kthread_run(member_fn, &crowd[i],
					    "cc_shared/%d", i);
		KUNIT_ASSERT_NOT_ERR_OR_NULL(test, crowd[i].task);
	}
	/* Somebody takes chunks away all the time. */
	for (i = 0; i < 200; i++) {
		fake_release_all();
		cond_resched();
	}
	for (i = 0; i < CROWD; i++) {
		wait_for_completion(&crowd[i].done);
		KUNIT_EXPECT_EQ(test, crowd[i].overlaps, 0);
		KUNIT_EXPECT_EQ(test, crowd[i].failures, 0);
	}
	KUNIT_EXPECT_EQ(test, fake.pool.stats.pages_used, 0);
}

static struct kunit_case fault_cases[] = {
	KUNIT_CASE(pool_reserve_exhausted),
	KUNIT_CASE(pool_no_chunk),
	KUNIT_CASE(pool_large_without_chunks),
	KUNIT_CASE(pool_nothing_below),
	KUNIT_CASE(pool_refill_nothing_below),
	KUNIT_CASE(pool_reserve_is_refilled),
	KUNIT_CASE(pool_noio),
	KUNIT_CASE(pool_refill_without_chunk),
	KUNIT_CASE(pool_node_is_full),
	KUNIT_CASE(pool_share_fails),
	KUNIT_CASE(pool_unshare_fails),
	KUNIT_CASE(pool_nth_failure),
	KUNIT_CASE(pool_stopped),
	KUNIT_CASE(pool_bad_free),
	KUNIT_CASE_SLOW(pool_concurrent),
	{}
};

static struct kunit_suite fault_suite = {
	.name = "cc_shared_pool_fault",
	.init = fake_init,
	.exit = fake_exit,
	.test_cases = fault_cases,
};

kunit_test_suite(fault_suite);

// SPDX-License-Identifier: GPL-2.0
/*
 * A pool of shared memory whose conversions are only recorded, for KUnit tests
 */
#include <kunit/test.h>
#include <linux/cc_shared.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/xarray.h>

#include "shared_pool_fake.h"

struct cc_shared_fake fake;

/* Count down to the one call that fails; below zero, all of them do. */
static bool fails(int *countdown)
{
	if (!*countdown)
		return false;
	if (*countdown < 0)
		return true;
	return !--*countdown;
}

static void record(unsigned long addr, int numpages, bool shared)
{
	unsigned long pfn = PHYS_PFN(__pa(addr));

	for (int i = 0; i < numpages; i++, pfn++) {
		if (!!xa_load(&fake.shared, pfn) == shared)
			atomic_inc(&fake.wrong);
		if (shared)
			xa_store(&fake.shared, pfn, xa_mk_value(1), GFP_KERNEL);
		else
			xa_erase(&fake.shared, pfn);
	}
}

static int fake_share(unsigned long addr, int numpages)
{
	if (fails(&fake.fail_share)) {
		fake.failed_pages += numpages;
		return -EIO;
	}

	record(addr, numpages, true);
	atomic_add(numpages, &fake.shares);
	return 0;
}

static int fake_unshare(unsigned long addr, int numpages)
{
	if (fails(&fake.fail_unshare)) {
		fake.failed_pages += numpages;
		return -EIO;
	}

	record(addr, numpages, false);
	atomic_add(numpages, &fake.unshares);
	return 0;
}

static struct page *fake_get(const struct cc_shared_request *req,
			     struct cc_shared_chunk *template)
{
	unsigned int order = get_order(PFN_PHYS(req->nr_pages));
	struct page *page;

	fake.last_limit = req->limit;
	if (req->limit <= fake.full_below)
		return NULL;
	if (!template->small && req->nid == fake.full_node)
		return NULL;
	if (fails(template->small ? &fake.fail_get_small : &fake.fail_get))
		return NULL;

	page = alloc_pages(GFP_KERNEL | __GFP_NOWARN, order);
	if (!page)
		return NULL;

	/* Stale contents, to see that nobody gets to see them */
	memset(page_address(page), 0xa5, PAGE_SIZE << order);
	split_page(page, order);
	if (template->small)
		return page;
	for (unsigned long i = req->nr_pages; i < 1UL << order; i++)
		__free_page(page + i);
	template->source = CC_SHARED_BUDDY;
	return page;
}

static void fake_put(const struct cc_shared_chunk *chunk)
{
	for (unsigned int i = 0; i < chunk->nr_pages; i++) {
		if (xa_load(&fake.shared, chunk->pfn + i) ||
		    xa_load(&fake.pool.chunks, chunk->pfn + i))
			atomic_inc(&fake.wrong);
		__free_page(pfn_to_page(chunk->pfn + i));
	}
	atomic_add(chunk->nr_pages, &fake.put);
}

static bool fake_is_low(unsigned long pfn)
{
	return true;
}

static const struct cc_shared_ops fake_ops = {
	.get = fake_get,
	.put = fake_put,
	.share = fake_share,
	.unshare = fake_unshare,
	.is_low = fake_is_low,
};

struct page *fake_alloc_node(unsigned long nr_pages, int nid, gfp_t gfp)
{
	struct cc_shared_request req = {
		.nr_pages = nr_pages,
		.nid = nid,
		.limit = CC_SHARED_NO_LIMIT,
		.gfp = gfp | __GFP_NOWARN,
	};

	return cc_shared_pool_alloc(&fake.pool, &req);
}

struct page *fake_alloc(unsigned long nr_pages, gfp_t gfp)
{
	return fake_alloc_node(nr_pages, NUMA_NO_NODE, gfp);
}

void fake_free(struct page *page, unsigned long nr_pages)
{
	cc_shared_pool_free(&fake.pool, page, nr_pages);
}

unsigned long fake_release_all(void)
{
	guard(mutex)(&fake.pool.grow_lock);
	return cc_shared_release(&fake.pool, ULONG_MAX, 0);
}

static unsigned long xa_count(struct xarray *xa)
{
	unsigned long index, count = 0;
	void *entry;

	xa_for_each(xa, index, entry)
		count++;
	return count;
}

/* There are chunks to be had again, and the pool need not find out by itself. */
void fake_memory_is_back(void)
{
	fake.fail_get = 0;
	fake.fail_get_small = 0;
	fake.pool.retry[false].after = jiffies;
	fake.pool.retry[true].after = jiffies;
}

int fake_init(struct kunit *test)
{
	memset(&fake, 0, sizeof(fake));
	fake.full_node = MAX_NUMNODES;
	xa_init(&fake.shared);
	cc_shared_pool_init(&fake.pool, CC_SHARED_PREFERRED_GRANULE, &fake_ops);
	return 0;
}

/* Nothing is lost, and nothing was given back that the host can reach. */
void fake_exit(struct kunit *test)
{
	struct cc_shared_chunk *chunk;
	unsigned long index, leaked;

	fake.pool.reserve = 0;
	fake.fail_unshare = 0;
	flush_work(&fake.pool.refill);
	fake_release_all();
	cc_shared_pool_stop(&fake.pool);

	leaked = fake.pool.stats.leaked * CHUNK_PAGES +
		 fake.pool.stats.small_leaked;
	KUNIT_EXPECT_EQ(test, atomic_read(&fake.wrong), 0);
	KUNIT_EXPECT_EQ(test, fake.pool.stats.pages_used, 0);
	KUNIT_EXPECT_EQ(test, fake.pool.stats.pages_free, 0);
	KUNIT_EXPECT_EQ(test, fake.pool.stats.empty, 0);
	KUNIT_EXPECT_EQ(test, fake.pool.stats.small_pages, 0);
	KUNIT_EXPECT_EQ(test, fake.pool.stats.chunks, fake.pool.stats.leaked);
	KUNIT_EXPECT_EQ(test, atomic_read(&fake.shares) -
			atomic_read(&fake.unshares),
			xa_count(&fake.shared));
	KUNIT_EXPECT_LE(test, xa_count(&fake.shared), leaked);

	/* The record says what is leaked, so a test need not leak it. */
	xa_for_each(&fake.pool.chunks, index, chunk) {
		KUNIT_EXPECT_TRUE(test, chunk->whole);
		xa_erase(&fake.pool.chunks, index);
		if (index != chunk->pfn + (chunk->small ? chunk->nr_pages - 1 : 0))
			continue;
		for (unsigned int i = 0; i < chunk->nr_pages; i++)
			__free_page(pfn_to_page(chunk->pfn + i));
		kfree_rcu(chunk, rcu);
	}
	xa_destroy(&fake.pool.chunks);
	xa_destroy(&fake.shared);
}

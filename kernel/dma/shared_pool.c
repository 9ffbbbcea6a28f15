// SPDX-License-Identifier: GPL-2.0
/*
 * Pool of memory shared with the host of a confidential guest
 *
 * Pages are handed out of chunks of one granule that are shared already. Who
 * may sleep pays for new chunks, and leaves the last free pages to those who
 * may not. If no chunk can be had, pages are shared one by one: that costs the
 * host a large page, but the caller gets what it asked for.
 *
 * Invariants:
 *  - A chunk contains shared memory only, and only of callers of this file.
 *  - What is handed out is zeroed, after the host could last write to it
 *    unasked and before the caller sees it.
 *  - All bookkeeping is in private memory. The host cannot reach it.
 */
#define pr_fmt(fmt) "cc_shared: " fmt

#include <linux/bitmap.h>
#include <linux/cc_platform.h>
#include <linux/cc_shared.h>
#include <linux/export.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/pfn.h>
#include <linux/sched.h>
#include <linux/sched/mm.h>

#include <kunit/visibility.h>

#include "shared_pool.h"

struct cc_shared_pool cc_shared_pool;
EXPORT_SYMBOL_IF_KUNIT(cc_shared_pool);
DEFINE_STATIC_KEY_FALSE(cc_shared_pool_key);
EXPORT_SYMBOL_GPL(cc_shared_pool_key);

/**
 * cc_shared_find_chunk() - find the chunk that a page is in
 * @pool: the pool
 * @pfn: page frame
 *
 * Context: Any. Under the lock of the pool or rcu_read_lock().
 * Return: The chunk, or NULL if the pool does not know the page.
 */
struct cc_shared_chunk *cc_shared_find_chunk(struct cc_shared_pool *pool,
					     unsigned long pfn)
{
	unsigned long first = round_down(pfn, pool->chunk_pages);
	struct cc_shared_chunk *chunk = xa_load(&pool->chunks, first);

	if (chunk && pfn - chunk->pfn < chunk->nr_pages)
		return chunk;

	return xa_load(&pool->chunks, pfn);
}

/* Put the chunk on the list where it belongs now, and correct the counts. */
static void chunk_relist(struct cc_shared_pool *pool,
			 struct cc_shared_chunk *chunk, unsigned int used_before)
{
	long more = (long)chunk->used - (long)used_before;

	pool->stats.pages_used += more;
	pool->stats.pages_free -= more;
	if (!chunk->small) {
		pool->stats.empty += !chunk->used;
		pool->stats.empty -= !used_before;
	}

	if (chunk->used == chunk->nr_pages) {
		list_move(&chunk->node, &pool->full);
		return;
	}
	if (!chunk->used) {
		chunk->empty_since = jiffies;
		list_move_tail(&chunk->node, &pool->empty);
		return;
	}
	/* Fill up chunks that are in use, so that others become empty. */
	if (!used_before || used_before == chunk->nr_pages)
		list_move_tail(&chunk->node, &pool->partial);
}

static void chunk_take(struct cc_shared_pool *pool,
		       struct cc_shared_chunk *chunk, unsigned long start,
		       unsigned long nr)
{
	unsigned int before = chunk->used;

	bitmap_set(chunk->bitmap, start, nr);
	chunk->used += nr;
	chunk_relist(pool, chunk, before);
}

static bool chunk_suits(const struct cc_shared_chunk *chunk,
			const struct cc_shared_request *req, int nid)
{
	return (nid == NUMA_NO_NODE || nid == chunk->nid) &&
	       cc_shared_within(chunk->pfn, chunk->nr_pages, req->limit);
}

static struct page *take_part(struct cc_shared_pool *pool,
			      struct list_head *list,
			      const struct cc_shared_request *req, int nid)
{
	unsigned long align = roundup_pow_of_two(req->nr_pages) - 1;
	struct cc_shared_chunk *chunk;
	unsigned long start;

	list_for_each_entry(chunk, list, node) {
		if (chunk->nr_pages - chunk->used < req->nr_pages)
			continue;
		if (!chunk_suits(chunk, req, nid))
			continue;

		start = bitmap_find_next_zero_area(chunk->bitmap,
						   chunk->nr_pages, 0,
						   req->nr_pages, align);
		if (start >= chunk->nr_pages)
			continue;

		chunk_take(pool, chunk, start, req->nr_pages);
		return pfn_to_page(chunk->pfn + start);
	}

	return NULL;
}

/* Are there enough empty chunks one after the other? */
static bool run_is_empty(struct cc_shared_pool *pool, unsigned long pfn,
			 const struct cc_shared_request *req, int nid)
{
	unsigned long end = pfn + req->nr_pages;
	struct cc_shared_chunk *chunk;

	for (; pfn < end; pfn += pool->chunk_pages) {
		chunk = xa_load(&pool->chunks, pfn);
		/* Leaked, on its way to be released, or smaller than a chunk? */
		if (!chunk || chunk->used || chunk->small ||
		    list_empty(&chunk->node))
			return false;
		if (!chunk_suits(chunk, req, nid))
			return false;
	}

	return true;
}

static struct page *take_run(struct cc_shared_pool *pool,
			     const struct cc_shared_request *req, int nid)
{
	unsigned long pfn, first, left = req->nr_pages, nr;
	struct cc_shared_chunk *chunk;

	list_for_each_entry(chunk, &pool->empty, node) {
		if (run_is_empty(pool, chunk->pfn, req, nid))
			goto found;
	}
	return NULL;

found:
	first = chunk->pfn;
	for (pfn = first; left; pfn += nr, left -= nr) {
		chunk = xa_load(&pool->chunks, pfn);
		nr = min_t(unsigned long, left, pool->chunk_pages);
		chunk_take(pool, chunk, 0, nr);
	}
	return pfn_to_page(first);
}

static struct page *cc_shared_take(struct cc_shared_pool *pool,
				   const struct cc_shared_request *req, int nid)
{
	struct page *page = NULL;

	guard(spinlock_irqsave)(&pool->lock);

	if (req->nr_pages > pool->chunk_pages)
		page = take_run(pool, req, nid);

	/* More than a chunk may be there in one piece, shared for want of them. */
	if (!page)
		page = take_part(pool, &pool->partial, req, nid);
	if (!page)
		page = take_part(pool, &pool->empty, req, nid);
	return page;
}

static struct page *grow_and_take(struct cc_shared_pool *pool,
				  const struct cc_shared_request *req)
{
	const gfp_t any_reclaim = __GFP_IO | __GFP_FS;
	gfp_t gfp = current_gfp_context(req->gfp);
	struct page *page = NULL;

	/*
	 * Whoever holds the mutex may wait for I/O, as movable pages are moved
	 * out of the way. So who is part of I/O does not wait for the mutex.
	 */
	if ((gfp & any_reclaim) == any_reclaim)
		mutex_lock(&pool->grow_lock);
	else if (!mutex_trylock(&pool->grow_lock))
		return NULL;

	/* Somebody else may have grown the pool in the meantime. */
	if (!cc_shared_short(pool, req->nr_pages))
		page = cc_shared_take(pool, req, req->nid);
	if (!page && !cc_shared_grow(pool, req))
		page = cc_shared_take(pool, req, req->nid);

	mutex_unlock(&pool->grow_lock);
	return page;
}

static void want_refill(struct cc_shared_pool *pool, phys_addr_t limit)
{
	scoped_guard(spinlock_irqsave, &pool->lock)
		pool->refill_limit = min(pool->refill_limit, limit);

	queue_work(system_dfl_wq, &pool->refill);
}

static struct page *alloc_atomic(struct cc_shared_pool *pool,
				 const struct cc_shared_request *req)
{
	struct page *page = cc_shared_take(pool, req, req->nid);

	if (!page && req->nid != NUMA_NO_NODE)
		page = cc_shared_take(pool, req, NUMA_NO_NODE);
	if ((!page && req->nr_pages <= pool->chunk_pages) ||
	    cc_shared_short(pool, 0))
		want_refill(pool, req->limit);

	return page;
}

/* The last resort: the host has to split a large page for this. */
static struct page *small_and_take(struct cc_shared_pool *pool,
				   const struct cc_shared_request *req)
{
	struct page *page = NULL;
	int tries = 3;

	/* What has just been shared may be snatched away by atomic callers. */
	while (!page && tries-- && !cc_shared_grow_small(pool, req))
		page = cc_shared_take(pool, req, NUMA_NO_NODE);

	return page;
}

static struct page *take_or_grow(struct cc_shared_pool *pool,
				 const struct cc_shared_request *req)
{
	struct page *page = NULL;

	if (!cc_shared_short(pool, req->nr_pages))
		page = cc_shared_take(pool, req, req->nid);
	return page ?: grow_and_take(pool, req);
}

static struct page *alloc_blocking(struct cc_shared_pool *pool,
				   const struct cc_shared_request *req)
{
	struct cc_shared_request any = *req;
	struct page *page = NULL;

	might_sleep();

	/* A full node must not make the pool grow on another one each time. */
	any.nid = NUMA_NO_NODE;
	if (req->nid != NUMA_NO_NODE)
		page = take_or_grow(pool, req);
	if (!page)
		page = take_or_grow(pool, &any);
	if (!page)
		page = cc_shared_take(pool, &any, NUMA_NO_NODE);
	if (!page)
		page = small_and_take(pool, req);
	/* For want of anything else, it may have been of the last free pages. */
	if (page && cc_shared_short(pool, 0))
		want_refill(pool, CC_SHARED_NO_LIMIT);

	return page;
}

/**
 * cc_shared_pool_alloc() - allocate pages out of a given pool
 * @pool: the pool
 * @req: what is asked for
 *
 * Context: Process context if the request's flags allow blocking; otherwise
 *	    any in which spin_lock() is allowed.
 * Return: The first page, zeroed, or NULL.
 */
struct page *cc_shared_pool_alloc(struct cc_shared_pool *pool,
				  const struct cc_shared_request *req)
{
	struct page *page;

	if (gfpflags_allow_blocking(req->gfp))
		page = alloc_blocking(pool, req);
	else
		page = alloc_atomic(pool, req);

	if (page)
		memset(page_address(page), 0, PFN_PHYS(req->nr_pages));
	else if (!(req->gfp & __GFP_NOWARN))
		pr_warn_ratelimited("no memory to share: %lu pages for %s\n",
				    req->nr_pages, current->comm);
	return page;
}
EXPORT_SYMBOL_IF_KUNIT(cc_shared_pool_alloc);

static void chunk_give_back(struct cc_shared_pool *pool,
			    struct cc_shared_chunk *chunk, unsigned long start,
			    unsigned long nr)
{
	unsigned int before = chunk->used;

	bitmap_clear(chunk->bitmap, start, nr);
	chunk->used -= nr;
	chunk_relist(pool, chunk, before);
}

/* Is this what was handed out? If not, better leak it than give it twice. */
static bool chunk_owes(struct cc_shared_pool *pool,
		       const struct cc_shared_chunk *chunk, unsigned long start,
		       unsigned long nr)
{
	unsigned long end = start + nr;

	if (!chunk || chunk->whole || end > chunk->nr_pages)
		return false;

	return find_next_zero_bit(chunk->bitmap, end, start) >= end;
}

/**
 * cc_shared_pool_free() - free pages into a given pool
 * @pool: the pool
 * @page: first page
 * @nr_pages: number of pages that was asked for
 *
 * Context: Any in which spin_lock() is allowed.
 */
void cc_shared_pool_free(struct cc_shared_pool *pool, struct page *page,
			 unsigned long nr_pages)
{
	unsigned long pfn = page_to_pfn(page), start, nr;
	struct cc_shared_chunk *chunk;

	guard(spinlock_irqsave)(&pool->lock);

	for (; nr_pages; pfn += nr, nr_pages -= nr) {
		chunk = cc_shared_find_chunk(pool, pfn);
		if (WARN_ON_ONCE(!chunk))
			return;

		start = pfn - chunk->pfn;
		nr = min(nr_pages, chunk->nr_pages - start);
		if (WARN_ON_ONCE(!chunk_owes(pool, chunk, start, nr)))
			return;
		chunk_give_back(pool, chunk, start, nr);
	}

	if (!list_empty(&pool->empty))
		queue_delayed_work(system_dfl_wq, &pool->trim,
				   CC_SHARED_TRIM_DELAY);
}
EXPORT_SYMBOL_IF_KUNIT(cc_shared_pool_free);

static struct page *take_whole(struct cc_shared_pool *pool,
			       const struct cc_shared_request *req)
{
	struct cc_shared_chunk *chunk;

	guard(spinlock_irqsave)(&pool->lock);

	list_for_each_entry(chunk, &pool->empty, node) {
		if (chunk->small || !pool->ops->is_low(chunk->pfn) ||
		    !chunk_suits(chunk, req, NUMA_NO_NODE))
			continue;

		chunk_take(pool, chunk, 0, chunk->nr_pages);
		chunk->whole = true;
		pool->stats.whole++;
		pool->stats.pages_used -= chunk->nr_pages;
		return pfn_to_page(chunk->pfn);
	}

	return NULL;
}

/**
 * cc_shared_pool_get_chunk() - get a whole chunk of the low area of the reserve
 * @pool: the pool
 * @limit: last physical address allowed
 *
 * Unlike pages, a chunk is not zeroed.
 *
 * Context: Process context. May sleep, and takes part in no I/O.
 * Return: The first page of the chunk, or NULL.
 */
struct page *cc_shared_pool_get_chunk(struct cc_shared_pool *pool,
				      phys_addr_t limit)
{
	struct cc_shared_request req = {
		.nr_pages = pool->chunk_pages,
		.nid = NUMA_NO_NODE,
		.limit = limit,
		.gfp = GFP_KERNEL | __GFP_NOWARN,
		.low_only = true,
	};
	struct page *page = NULL;

	guard(mutex)(&pool->grow_lock);

	if (!cc_shared_short(pool, req.nr_pages))
		page = take_whole(pool, &req);
	if (!page) {
		cc_shared_grow(pool, &req);
		page = take_whole(pool, &req);
	}
	/* There was no other: it was to be for callers that cannot sleep. */
	if (page && cc_shared_short(pool, 0))
		want_refill(pool, CC_SHARED_NO_LIMIT);

	return page;
}
EXPORT_SYMBOL_IF_KUNIT(cc_shared_pool_get_chunk);

/**
 * cc_shared_pool_put_chunk() - give a whole chunk back
 * @pool: the pool
 * @page: what cc_shared_pool_get_chunk() returned
 *
 * Context: Any in which spin_lock() is allowed.
 */
void cc_shared_pool_put_chunk(struct cc_shared_pool *pool, struct page *page)
{
	struct cc_shared_chunk *chunk;

	guard(spinlock_irqsave)(&pool->lock);

	chunk = xa_load(&pool->chunks, page_to_pfn(page));
	if (WARN_ON_ONCE(!chunk || !chunk->whole))
		return;

	chunk->whole = false;
	pool->stats.whole--;
	pool->stats.pages_used += chunk->nr_pages;
	chunk_give_back(pool, chunk, 0, chunk->nr_pages);
	queue_delayed_work(system_dfl_wq, &pool->trim,
			   CC_SHARED_TRIM_DELAY);
}
EXPORT_SYMBOL_IF_KUNIT(cc_shared_pool_put_chunk);

/* A confidential guest without a pool: cc_shared=off, or not set up here. */
static struct page *alloc_unpooled(struct cc_shared_pool *pool,
				   const struct cc_shared_request *req)
{
	struct page *page = NULL;

	if (pool->ops && gfpflags_allow_blocking(req->gfp))
		page = small_and_take(pool, req);
	if (page)
		memset(page_address(page), 0, PFN_PHYS(req->nr_pages));
	return page;
}

/**
 * cc_shared_alloc_pages() - allocate pages that are shared with the host
 * @size: size in bytes, rounded up to whole pages
 * @nid: preferred node, or %NUMA_NO_NODE
 * @gfp: %GFP_KERNEL or the like; without __GFP_DIRECT_RECLAIM the call does
 *	 not sleep, and succeeds only as long as there are pages in chunks that
 *	 are shared already
 * @limit: last physical address that the caller can use, or
 *	   %CC_SHARED_NO_LIMIT; use this instead of %GFP_DMA and %GFP_DMA32
 *
 * Any size is possible for which there is contiguous memory. Outside a
 * confidential guest the pages are ordinary ones.
 *
 * Context: Any in which spin_lock() is allowed. May sleep, and may convert
 *	    memory, if @gfp allows blocking.
 * Return: The first page, zeroed, with an address in the direct map, or NULL.
 */
struct page *cc_shared_alloc_pages(size_t size, int nid, gfp_t gfp,
				   phys_addr_t limit)
{
	struct cc_shared_request req = {
		.nr_pages = PFN_UP(size),
		.nid = nid,
		.limit = limit,
		.gfp = gfp & ~(GFP_ZONEMASK | __GFP_ZERO | __GFP_COMP),
	};

	if (!req.nr_pages || size > LONG_MAX)
		return NULL;
	if (cc_shared_pool_enabled())
		return cc_shared_pool_alloc(&cc_shared_pool, &req);
	if (cc_platform_has(CC_ATTR_GUEST_MEM_ENCRYPT))
		return alloc_unpooled(&cc_shared_pool, &req);

	return cc_shared_alloc_plain(&req);
}
EXPORT_SYMBOL_GPL(cc_shared_alloc_pages);

/**
 * cc_shared_free_pages() - free pages of cc_shared_alloc_pages()
 * @page: first page
 * @size: size in bytes that was asked for
 *
 * Context: Any in which spin_lock() is allowed. Does not sleep.
 */
void cc_shared_free_pages(struct page *page, size_t size)
{
	if (cc_platform_has(CC_ATTR_GUEST_MEM_ENCRYPT))
		cc_shared_pool_free(&cc_shared_pool, page, PFN_UP(size));
	else
		__free_pages(page, get_order(size));
}
EXPORT_SYMBOL_GPL(cc_shared_free_pages);

/**
 * cc_shared_get_chunk() - get a whole chunk for bounce buffers
 * @limit: last physical address allowed
 *
 * Context: Process context. May sleep, and may convert memory.
 * Return: First page of a chunk in the low area of the reserve, or NULL. The
 *	   memory is not zeroed.
 */
struct page *cc_shared_get_chunk(phys_addr_t limit)
{
	return cc_shared_pool_get_chunk(&cc_shared_pool, limit);
}

/**
 * cc_shared_put_chunk() - give back a chunk of cc_shared_get_chunk()
 * @page: first page of the chunk
 *
 * Context: Any in which spin_lock() is allowed. Does not sleep.
 */
void cc_shared_put_chunk(struct page *page)
{
	cc_shared_pool_put_chunk(&cc_shared_pool, page);
}

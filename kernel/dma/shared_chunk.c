// SPDX-License-Identifier: GPL-2.0
/*
 * Pool of memory shared with the host: chunks come and go
 *
 * Invariants:
 *  - A chunk is cleared before it is shared: what its previous owner left there
 *    is nobody else's business, and on some platforms conversion keeps it.
 *  - The bookkeeping for a chunk exists before it is shared, so that nothing
 *    can fail between a conversion and its being on record.
 *  - After a failed conversion the state of a page is unknown. It is neither
 *    used nor freed.
 *  - Chunks are found by moving pages out of the way, which may wait for I/O.
 *    Nothing that I/O depends on waits for that.
 */
#define pr_fmt(fmt) "cc_shared: " fmt

#include <linux/bitmap.h>
#include <linux/cc_convert_policy.h>
#include <linux/cma.h>
#include <linux/dma-direct.h>
#include <linux/mm.h>
#include <linux/sched/mm.h>
#include <linux/set_memory.h>
#include <linux/slab.h>

#include <kunit/visibility.h>

#include "shared_pool.h"

/* The largest zone that is wholly within the limit, or the lowest one. */
static gfp_t zone_within(phys_addr_t limit)
{
	if (IS_ENABLED(CONFIG_ZONE_DMA) && limit <= zone_dma_limit)
		return GFP_DMA;
	if (IS_ENABLED(CONFIG_ZONE_DMA32) && limit < CC_SHARED_NO_LIMIT &&
	    limit <= max_t(u64, DMA_BIT_MASK(32), zone_dma_limit))
		return GFP_DMA32;
	return 0;
}

/* Return: 0 if there is none. */
static gfp_t lower_zone(gfp_t zone)
{
	if (IS_ENABLED(CONFIG_ZONE_DMA32) && !zone)
		return GFP_DMA32;
	if (IS_ENABLED(CONFIG_ZONE_DMA) && zone != GFP_DMA)
		return GFP_DMA;
	return 0;
}

/* A limit that is within a zone: try luck, then the lower ones. */
static struct page *alloc_within(const struct cc_shared_request *req, gfp_t gfp)
{
	unsigned int order = get_order(PFN_PHYS(req->nr_pages));
	gfp_t zone = zone_within(req->limit);
	struct page *page;

	if (order > MAX_PAGE_ORDER)
		return NULL;

	do {
		page = alloc_pages_node(req->nid, gfp | zone, order);
		if (!page || cc_shared_within(page_to_pfn(page), 1UL << order,
					      req->limit))
			return page;

		__free_pages(page, order);
		zone = lower_zone(zone);
	} while (zone);

	return NULL;
}

/**
 * cc_shared_alloc_plain() - allocate ordinary pages, outside confidential guests
 * @req: what is asked for
 *
 * Context: As the flags of the request say.
 * Return: The first page, zeroed, or NULL.
 */
struct page *cc_shared_alloc_plain(const struct cc_shared_request *req)
{
	return alloc_within(req, req->gfp | __GFP_ZERO);
}

#ifdef CONFIG_CONTIG_ALLOC
/* More than the buddy allocator has in one piece */
static struct page *get_contig(const struct cc_shared_request *req,
			       unsigned int order, gfp_t gfp)
{
	int nid = req->nid == NUMA_NO_NODE ? numa_mem_id() : req->nid;
	struct page *page;

	/* It is either tried or not: the flag is refused. */
	gfp &= ~__GFP_NORETRY;
	page = alloc_contig_pages(1UL << order, gfp | zone_within(req->limit),
				  nid, NULL);
	if (!page)
		return NULL;
	if (!cc_shared_within(page_to_pfn(page), 1UL << order, req->limit)) {
		free_contig_range(page_to_pfn(page), 1UL << order);
		return NULL;
	}
	return page;
}
#else
static struct page *get_contig(const struct cc_shared_request *req,
			       unsigned int order, gfp_t gfp)
{
	return NULL;
}
#endif

static struct page *get_buddy(const struct cc_shared_request *req)
{
	gfp_t gfp = GFP_KERNEL | __GFP_NORETRY | __GFP_NOWARN;
	unsigned int order = get_order(PFN_PHYS(req->nr_pages));
	unsigned long pfn;
	struct page *page;

	if (req->nid != NUMA_NO_NODE)
		gfp |= __GFP_THISNODE;

	page = alloc_within(req, gfp);
	if (page)
		split_page(page, order);
	else if (order > MAX_PAGE_ORDER)
		page = get_contig(req, order, gfp);
	if (!page)
		return NULL;

	pfn = page_to_pfn(page);
	for (unsigned long i = req->nr_pages; i < 1UL << order; i++)
		__free_page(pfn_to_page(pfn + i));
	return page;
}

static struct page *get_small(const struct cc_shared_request *req)
{
	struct page *page;

	page = alloc_within(req, req->gfp | __GFP_NOWARN);
	if (page)
		split_page(page, get_order(PFN_PHYS(req->nr_pages)));
	return page;
}

static struct page *get_pages(const struct cc_shared_request *req,
			      struct cc_shared_chunk *template)
{
	struct page *page;

	if (template->small)
		return get_small(req);

	page = cc_shared_reserve_get(req, template);
	if (page || req->low_only)
		return page;

	template->source = CC_SHARED_BUDDY;
	return get_buddy(req);
}

static void put_pages(const struct cc_shared_chunk *chunk)
{
	struct page *page = pfn_to_page(chunk->pfn);

	switch (chunk->source) {
	case CC_SHARED_SEED:
		break;
	case CC_SHARED_CMA:
		cc_shared_reserve_put(page, chunk);
		break;
	case CC_SHARED_BUDDY:
		for (unsigned int i = 0; i < chunk->nr_pages; i++)
			__free_page(page + i);
		break;
	}
}

/* What the one pool of a running system uses; tests bring their own. */
const struct cc_shared_ops cc_shared_ops = {
	.get = get_pages,
	.put = put_pages,
	.share = set_memory_decrypted,
	.unshare = set_memory_encrypted,
	.is_low = cc_shared_reserve_is_low,
};
EXPORT_SYMBOL_IF_KUNIT(cc_shared_ops);

static void chunk_forget(struct cc_shared_pool *pool,
			 struct cc_shared_chunk *chunk)
{
	unsigned long nr = chunk->small ? chunk->nr_pages : 1;

	for (unsigned long pfn = chunk->pfn; nr--; pfn++)
		xa_erase(&pool->chunks, pfn);
	kfree_rcu(chunk, rcu);
}

static struct cc_shared_chunk *
chunk_new(struct cc_shared_pool *pool, unsigned long pfn, unsigned int nr_pages,
	  const struct cc_shared_chunk *template)
{
	struct cc_shared_chunk *chunk;
	unsigned long last;

	chunk = kzalloc(struct_size(chunk, bitmap, BITS_TO_LONGS(nr_pages)),
			GFP_KERNEL | __GFP_NOWARN);
	if (!chunk)
		return NULL;

	INIT_LIST_HEAD(&chunk->node);
	chunk->cma = template->cma;
	chunk->source = template->source;
	chunk->small = template->small;
	chunk->pfn = pfn;
	chunk->nr_pages = nr_pages;
	chunk->nid = pfn_to_nid(pfn);
	chunk->empty_since = jiffies;

	/* A small one is found by each of its pages, as it has no alignment. */
	last = template->small ? pfn + nr_pages - 1 : pfn;
	for (; pfn <= last; pfn++) {
		if (!xa_err(xa_store(&pool->chunks, pfn, chunk,
				     GFP_KERNEL | __GFP_NOWARN)))
			continue;
		chunk_forget(pool, chunk);
		return NULL;
	}

	return chunk;
}

static void chunk_leak(struct cc_shared_pool *pool,
		       struct cc_shared_chunk *chunk)
{
	guard(spinlock_irqsave)(&pool->lock);

	bitmap_fill(chunk->bitmap, chunk->nr_pages);
	chunk->used = chunk->nr_pages;
	/* Nobody was given this chunk, so nobody may give it back. */
	chunk->whole = true;
	list_move(&chunk->node, &pool->leaked);
	if (chunk->small) {
		pool->stats.small_leaked += chunk->nr_pages;
	} else {
		pool->stats.chunks++;
		pool->stats.leaked++;
	}
}

static void count_chunk(struct cc_shared_pool *pool,
			struct cc_shared_chunk *chunk, int sign)
{
	if (chunk->small) {
		pool->stats.small_pages += sign * (long)chunk->nr_pages;
		return;
	}
	pool->stats.chunks += sign;
	pool->stats.empty += sign;
}

static void chunk_publish(struct cc_shared_pool *pool,
			  struct cc_shared_chunk *chunk)
{
	guard(spinlock_irqsave)(&pool->lock);

	list_add(&chunk->node, &pool->empty);
	pool->stats.pages_free += chunk->nr_pages;
	count_chunk(pool, chunk, 1);
}

/* Forget chunks of a block that is as private as it was when we got it. */
static void unget(struct cc_shared_pool *pool, unsigned long pfn,
		  unsigned long nr_pages, const struct cc_shared_chunk *template)
{
	struct cc_shared_chunk part = *template, *chunk;

	part.nr_pages = pool->chunk_pages;
	for (; nr_pages; pfn += part.nr_pages, nr_pages -= part.nr_pages) {
		chunk = xa_load(&pool->chunks, pfn);
		if (chunk)
			chunk_forget(pool, chunk);
		part.pfn = pfn;
		pool->ops->put(&part);
	}
}

/* Record and share a block; its chunks end up as empty, leaked, or not at all. */
static int add_chunks(struct cc_shared_pool *pool, unsigned long pfn,
		      unsigned long nr_pages,
		      const struct cc_shared_chunk *template)
{
	void *vaddr = page_address(pfn_to_page(pfn));
	unsigned long at, end = pfn + nr_pages;
	int ret;

	for (at = pfn; at < end; at += pool->chunk_pages) {
		if (chunk_new(pool, at, pool->chunk_pages, template))
			continue;
		unget(pool, pfn, nr_pages, template);
		return -ENOMEM;
	}

	memset(vaddr, 0, PFN_PHYS(nr_pages));
	ret = pool->ops->share((unsigned long)vaddr, nr_pages);
	if (cc_convert_refused(ret)) {
		unget(pool, pfn, nr_pages, template);
		return ret;
	}

	for (at = pfn; at < end; at += pool->chunk_pages) {
		if (ret)
			chunk_leak(pool, xa_load(&pool->chunks, at));
		else
			chunk_publish(pool, xa_load(&pool->chunks, at));
	}
	if (ret)
		pr_warn_ratelimited("cannot share %lu KiB: %d, leaking it\n",
				    nr_pages << (PAGE_SHIFT - 10), ret);
	return ret;
}

/* What may not wait for I/O on its own behalf may not on ours. */
static unsigned int memalloc_scope(gfp_t gfp)
{
	if (!(gfp & __GFP_IO))
		return memalloc_flags_save(PF_MEMALLOC_NOIO);
	if (!(gfp & __GFP_FS))
		return memalloc_flags_save(PF_MEMALLOC_NOFS);
	return memalloc_flags_save(0);
}

/* Where no chunk was found, there will not be one in a moment either. */
#define RETRY_DELAY	HZ

static struct cc_shared_retry *retry_of(struct cc_shared_pool *pool,
					const struct cc_shared_request *req)
{
	if (req->nid != NUMA_NO_NODE)
		return &pool->retry_node[req->nid];
	return &pool->retry[req->low_only];
}

static struct page *get_block(struct cc_shared_pool *pool,
			      const struct cc_shared_request *req,
			      struct cc_shared_chunk *template)
{
	struct cc_shared_retry *retry = retry_of(pool, req);
	bool single = req->nr_pages == pool->chunk_pages;
	struct page *page;

	/* That there is none below a limit says nothing about a higher one. */
	if (single && req->limit <= retry->limit &&
	    time_before(jiffies, retry->after))
		return NULL;

	page = pool->ops->get(req, template);
	/* That there are not many in a row says nothing about one. */
	if (!page && single) {
		retry->after = jiffies + RETRY_DELAY;
		retry->limit = req->limit;
	}
	return page;
}

/**
 * cc_shared_grow() - share more chunks
 * @pool: the pool
 * @req: what the chunks are for; rounded up to whole chunks. If it names a
 *	 node, they are of that node.
 *
 * Context: Process context. The caller holds the mutex of the pool.
 * Return: 0, or a negative error code. If 0, there are as many new empty
 *	   chunks, one after the other.
 */
int cc_shared_grow(struct cc_shared_pool *pool,
		   const struct cc_shared_request *req)
{
	struct cc_shared_request whole = *req;
	struct cc_shared_chunk template = {};
	struct page *page;
	unsigned int scope;
	int ret;

	lockdep_assert_held(&pool->grow_lock);

	if (pool->stopped)
		return -EBUSY;

	whole.nr_pages = round_up(req->nr_pages, pool->chunk_pages);

	scope = memalloc_scope(req->gfp);
	page = get_block(pool, &whole, &template);
	ret = page ? add_chunks(pool, page_to_pfn(page), whole.nr_pages,
				&template) : -ENOMEM;
	memalloc_flags_restore(scope);

	return ret;
}

/**
 * cc_shared_seed() - share chunks that stay shared
 * @pool: the pool
 * @pfn: first page frame, aligned to a chunk
 * @nr_chunks: number of chunks
 *
 * Context: Process context, early in boot.
 * Return: 0, or a negative error code.
 */
int cc_shared_seed(struct cc_shared_pool *pool, unsigned long pfn,
		   unsigned long nr_chunks)
{
	struct cc_shared_chunk template = { .source = CC_SHARED_SEED };

	guard(mutex)(&pool->grow_lock);

	return add_chunks(pool, pfn, nr_chunks * pool->chunk_pages, &template);
}

/* Record and share a block, which ends up as empty, leaked, or not at all. */
static int add_small(struct cc_shared_pool *pool,
		     const struct cc_shared_chunk *template)
{
	void *vaddr = page_address(pfn_to_page(template->pfn));
	struct cc_shared_chunk *chunk;
	int ret;

	chunk = chunk_new(pool, template->pfn, template->nr_pages, template);
	if (!chunk) {
		pool->ops->put(template);
		return -ENOMEM;
	}

	memset(vaddr, 0, PFN_PHYS(chunk->nr_pages));
	ret = pool->ops->share((unsigned long)vaddr, chunk->nr_pages);
	if (!ret) {
		chunk_publish(pool, chunk);
	} else if (cc_convert_refused(ret)) {
		chunk_forget(pool, chunk);
		pool->ops->put(template);
	} else {
		chunk_leak(pool, chunk);
	}
	return ret;
}

/**
 * cc_shared_grow_small() - share a block that is not made of chunks
 * @pool: the pool
 * @req: what the block is for
 *
 * The last resort: the host has to split a large page for this.
 *
 * Context: Process context.
 * Return: 0, or a negative error code. If 0, there is a block of that size.
 */
int cc_shared_grow_small(struct cc_shared_pool *pool,
			 const struct cc_shared_request *req)
{
	struct cc_shared_chunk template = {
		.source = CC_SHARED_BUDDY,
		.small = true,
		.nr_pages = roundup_pow_of_two(req->nr_pages),
	};
	struct page *page;
	unsigned int scope;
	int ret;

	if (READ_ONCE(pool->stopped))
		return -EBUSY;

	scope = memalloc_scope(req->gfp);
	page = pool->ops->get(req, &template);
	template.pfn = page ? page_to_pfn(page) : 0;
	ret = page ? add_small(pool, &template) : -ENOMEM;
	memalloc_flags_restore(scope);

	return ret;
}

/* Make a chunk private that is on no list. Return: pages that now are. */
static unsigned long chunk_unshare(struct cc_shared_pool *pool,
				   struct cc_shared_chunk *chunk)
{
	unsigned long vaddr = (unsigned long)page_address(pfn_to_page(chunk->pfn));
	const struct cc_shared_chunk memory = *chunk;
	unsigned long nr_pages = chunk->nr_pages;

	if (pool->ops->unshare(vaddr, nr_pages)) {
		pr_warn_ratelimited("cannot make %lu KiB private, leaking it\n",
				    nr_pages << (PAGE_SHIFT - 10));
		chunk_leak(pool, chunk);
		return 0;
	}

	/* In this order: a block that is shared at once may be of these pages. */
	chunk_forget(pool, chunk);
	pool->ops->put(&memory);
	return nr_pages;
}

static unsigned long spare_pages(struct cc_shared_pool *pool)
{
	return pool->stats.pages_free - min(pool->stats.pages_free,
					    pool->reserve);
}

/**
 * cc_shared_releasable() - how many pages could be made private now?
 * @pool: the pool
 *
 * Context: Any in which spin_lock() is allowed.
 * Return: Number of pages in empty chunks that are not needed.
 */
unsigned long cc_shared_releasable(struct cc_shared_pool *pool)
{
	unsigned long pages = 0, spare;
	struct cc_shared_chunk *chunk;

	guard(spinlock_irqsave)(&pool->lock);

	spare = spare_pages(pool);
	list_for_each_entry(chunk, &pool->empty, node) {
		if (chunk->source == CC_SHARED_SEED ||
		    chunk->nr_pages > spare)
			continue;
		pages += chunk->nr_pages;
		spare -= chunk->nr_pages;
	}

	return pages;
}

static struct cc_shared_chunk *pick_empty(struct cc_shared_pool *pool,
					  unsigned long delay)
{
	struct cc_shared_chunk *chunk;

	guard(spinlock_irqsave)(&pool->lock);

	list_for_each_entry(chunk, &pool->empty, node) {
		if (chunk->source == CC_SHARED_SEED ||
		    chunk->nr_pages > spare_pages(pool) ||
		    time_before(jiffies, chunk->empty_since + delay))
			continue;

		list_del_init(&chunk->node);
		pool->stats.pages_free -= chunk->nr_pages;
		count_chunk(pool, chunk, -1);
		return chunk;
	}

	return NULL;
}

/**
 * cc_shared_release() - make empty chunks private, and give them back
 * @pool: the pool
 * @max_chunks: release no more than that
 * @delay: release only what has been empty for that long, in jiffies
 *
 * Context: Process context. The caller holds the mutex of the pool.
 * Return: Number of pages released.
 */
unsigned long cc_shared_release(struct cc_shared_pool *pool,
				unsigned long max_chunks, unsigned long delay)
{
	struct cc_shared_chunk *chunk;
	unsigned long released = 0;
	unsigned int noio;

	lockdep_assert_held(&pool->grow_lock);

	noio = memalloc_noio_save();
	while (max_chunks-- && !pool->stopped) {
		chunk = pick_empty(pool, delay);
		if (!chunk)
			break;
		released += chunk_unshare(pool, chunk);
	}
	memalloc_noio_restore(noio);

	return released;
}
EXPORT_SYMBOL_IF_KUNIT(cc_shared_release);

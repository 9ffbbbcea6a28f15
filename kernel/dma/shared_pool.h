/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Pool of memory shared with the host of a confidential guest: internals
 *
 *   shared_pool.c     pages out of chunks, and back: what callers see
 *   shared_chunk.c    chunks come, are converted, and go
 *   shared_reserve.c  the bounded reserve from which chunks come, set up at boot
 *   shared_work.c     what happens behind the callers' backs: refill, trim,
 *                     shrinker, stop before kexec
 *   shared_debugfs.c  /sys/kernel/debug/cc_shared
 *
 * Two locks. @grow_lock is a mutex: whoever converts a chunk holds it. @lock is
 * a spinlock and nests inside: whoever touches a list, a bitmap or a count
 * holds it. Nothing is converted under @lock.
 *
 * Life of a chunk: it is private and on no list until it has been shared. Then
 * it is on exactly one of the lists @empty, @partial, @full. Only an empty
 * chunk becomes private again. If that fails, or if sharing it failed, nobody
 * knows what its pages are, and it stays on @leaked for good.
 */
#ifndef _KERNEL_DMA_SHARED_POOL_H
#define _KERNEL_DMA_SHARED_POOL_H

#include <linux/cc_shared.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/numa.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>

struct cma;
struct cc_shared_pool;

/**
 * enum cc_shared_source - where the memory of a chunk goes when it is private
 * @CC_SHARED_SEED: nowhere: converted at boot and never given back
 * @CC_SHARED_CMA: to the reserve
 * @CC_SHARED_BUDDY: to the page allocator, as there was none in the reserve
 */
enum cc_shared_source {
	CC_SHARED_SEED,
	CC_SHARED_CMA,
	CC_SHARED_BUDDY,
};

/**
 * struct cc_shared_chunk - memory that was converted in one piece
 * @node: entry in one of the lists of the pool
 * @rcu: for freeing
 * @cma: area that the memory is from, if @source is %CC_SHARED_CMA
 * @pfn: first page frame
 * @empty_since: when the chunk became empty, in jiffies
 * @nr_pages: size: a granule, unless @small
 * @used: number of pages handed out
 * @nid: node
 * @source: where the memory is from
 * @whole: true while the chunk is handed out by cc_shared_get_chunk()
 * @small: true if this is less than a chunk, shared for want of one
 * @bitmap: one bit for each page, set if handed out
 */
struct cc_shared_chunk {
	struct list_head node;
	struct rcu_head rcu;
	struct cma *cma;
	unsigned long pfn;
	unsigned long empty_since;
	unsigned int nr_pages;
	unsigned int used;
	int nid;
	enum cc_shared_source source;
	bool whole;
	bool small;
	unsigned long bitmap[];
};

/**
 * struct cc_shared_request - what is asked for
 * @nr_pages: number of pages
 * @nid: preferred node, or %NUMA_NO_NODE
 * @limit: last physical address allowed
 * @gfp: flags of the caller, without zones
 * @low_only: only from the low area of the reserve
 */
struct cc_shared_request {
	unsigned long nr_pages;
	int nid;
	phys_addr_t limit;
	gfp_t gfp;
	bool low_only;
};

/**
 * struct cc_shared_ops - what the pool needs from the rest of the kernel
 * @get: get private memory made of single pages, in process context: chunks, of
 *	 the node if one is given, or if the template says @small, a block of the
 *	 next power of two; fills in @cma and @source of the template
 * @put: give such memory back
 * @share: convert to shared, as set_memory_decrypted()
 * @unshare: convert to private, as set_memory_encrypted()
 * @is_low: is this page frame in the low area of the reserve?
 */
struct cc_shared_ops {
	struct page *(*get)(const struct cc_shared_request *req,
			    struct cc_shared_chunk *template);
	void (*put)(const struct cc_shared_chunk *chunk);
	int (*share)(unsigned long addr, int numpages);
	int (*unshare)(unsigned long addr, int numpages);
	bool (*is_low)(unsigned long pfn);
};

/**
 * struct cc_shared_stats - what there is at a given moment
 * @chunks: chunks of a granule that are shared, including @leaked
 * @empty: those of which nothing is handed out
 * @whole: those handed out whole, to SWIOTLB
 * @leaked: those whose state is unknown after a failed conversion
 * @pages_used: pages handed out, those of @whole not counted
 * @pages_free: pages that can be handed out
 * @small_pages: those of both that are in blocks of less than a chunk
 * @small_leaked: those of which the state is unknown
 */
struct cc_shared_stats {
	unsigned long chunks;
	unsigned long empty;
	unsigned long whole;
	unsigned long leaked;
	unsigned long pages_used;
	unsigned long pages_free;
	unsigned long small_pages;
	unsigned long small_leaked;
};

/**
 * struct cc_shared_retry - when not to look for chunks
 * @after: until then, in jiffies
 * @limit: for requests with no higher limit
 */
struct cc_shared_retry {
	unsigned long after;
	phys_addr_t limit;
};

/**
 * struct cc_shared_pool - a pool of shared memory
 * @lock: protects everything but @grow_lock
 * @grow_lock: held while chunks are converted
 * @empty: chunks with no page handed out; the first has been so the longest
 * @partial: chunks with some pages handed out
 * @full: chunks with all pages handed out
 * @leaked: chunks that can neither be used nor freed
 * @chunks: all chunks by number of their first page frame
 * @stats: counts
 * @chunk_pages: pages in a chunk
 * @reserve: number of free pages to keep for callers that cannot sleep
 * @refill_limit: last physical address allowed for the next refill
 * @retry: when there were no chunks; second, of the low area only
 * @retry_node: the same for chunks of one node
 * @stopped: no conversions any more
 * @refill: converts a chunk when there are fewer free pages than @reserve
 * @trim: makes chunks private that have been empty for long
 * @ops: how to get and convert memory
 */
struct cc_shared_pool {
	spinlock_t lock;	/* lists, bitmaps and counts */
	struct mutex grow_lock;	/* conversion of chunks */
	struct list_head empty;
	struct list_head partial;
	struct list_head full;
	struct list_head leaked;
	struct xarray chunks;
	struct cc_shared_stats stats;
	unsigned int chunk_pages;
	unsigned long reserve;
	phys_addr_t refill_limit;
	struct cc_shared_retry retry[2];
	struct cc_shared_retry retry_node[MAX_NUMNODES];
	bool stopped;
	struct work_struct refill;
	struct delayed_work trim;
	const struct cc_shared_ops *ops;
};

/* How long a chunk stays shared after it became empty */
#define CC_SHARED_TRIM_DELAY	(10 * HZ)

extern struct cc_shared_pool cc_shared_pool;
extern const struct cc_shared_ops cc_shared_ops;

/* shared_pool.c */
struct page *cc_shared_pool_alloc(struct cc_shared_pool *pool,
				  const struct cc_shared_request *req);
void cc_shared_pool_free(struct cc_shared_pool *pool, struct page *page,
			 unsigned long nr_pages);
struct page *cc_shared_pool_get_chunk(struct cc_shared_pool *pool,
				      phys_addr_t limit);
void cc_shared_pool_put_chunk(struct cc_shared_pool *pool, struct page *page);
struct cc_shared_chunk *cc_shared_find_chunk(struct cc_shared_pool *pool,
					     unsigned long pfn);

/* shared_chunk.c */
int cc_shared_grow(struct cc_shared_pool *pool,
		   const struct cc_shared_request *req);
int cc_shared_seed(struct cc_shared_pool *pool, unsigned long pfn,
		   unsigned long nr_chunks);
int cc_shared_grow_small(struct cc_shared_pool *pool,
			 const struct cc_shared_request *req);
struct page *cc_shared_alloc_plain(const struct cc_shared_request *req);
unsigned long cc_shared_releasable(struct cc_shared_pool *pool);
unsigned long cc_shared_release(struct cc_shared_pool *pool,
				unsigned long max_chunks, unsigned long delay);

/* shared_work.c */
void cc_shared_pool_init(struct cc_shared_pool *pool, size_t granule,
			 const struct cc_shared_ops *ops);
void cc_shared_pool_stop(struct cc_shared_pool *pool);

/* shared_reserve.c */
struct page *cc_shared_reserve_get(const struct cc_shared_request *req,
				   struct cc_shared_chunk *template);
unsigned long cc_shared_reserve_bound(void);
bool cc_shared_reserve_is_low(unsigned long pfn);
void cc_shared_reserve_put(struct page *page,
			   const struct cc_shared_chunk *chunk);

static inline bool cc_shared_within(unsigned long pfn, unsigned long nr_pages,
				    phys_addr_t limit)
{
	return PFN_PHYS(pfn + nr_pages) - 1 <= limit;
}

/* Are there too few free pages, should nr_pages be taken by who can wait? */
static inline bool cc_shared_short(struct cc_shared_pool *pool,
				   unsigned long nr_pages)
{
	return READ_ONCE(pool->stats.pages_free) < pool->reserve + nr_pages;
}

#endif /* _KERNEL_DMA_SHARED_POOL_H */

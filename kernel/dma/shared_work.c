// SPDX-License-Identifier: GPL-2.0
/*
 * Pool of memory shared with the host: what happens in the background
 *
 * Free pages for callers that cannot sleep are replaced by a worker. Chunks
 * that became empty are given back when they have stayed so for a while, since
 * to convert a chunk to and fro costs more than to keep it, or at once when
 * memory is short.
 *
 * Before the system restarts, conversions end for good: kexec converts all
 * memory to private itself, on platforms that need it, and nothing must move
 * while it does. Chunks stay usable until then.
 */
#define pr_fmt(fmt) "cc_shared: " fmt

#include <linux/init.h>
#include <linux/mm.h>
#include <linux/reboot.h>
#include <linux/shrinker.h>

#include <kunit/visibility.h>

#include "shared_pool.h"

/* Something at least if @must, and else until there is no want. */
static void refill_within(struct cc_shared_pool *pool, phys_addr_t limit,
			  bool must)
{
	/* What is kept in advance is not worth the life of a process. */
	struct cc_shared_request req = {
		.nr_pages = pool->chunk_pages,
		.nid = NUMA_NO_NODE,
		.limit = limit,
		.gfp = GFP_KERNEL | __GFP_NORETRY | __GFP_NOWARN,
	};

	if (!must && !cc_shared_short(pool, 0))
		return;
	if (!cc_shared_grow(pool, &req))
		return;

	/* No chunk to be had: the largest blocks that can, until it suffices */
	for (req.nr_pages = rounddown_pow_of_two(pool->reserve); req.nr_pages;
	     req.nr_pages /= 2) {
		while (must || cc_shared_short(pool, 0)) {
			if (cc_shared_grow_small(pool, &req))
				break;
			must = false;
		}
	}
}

static void refill_work(struct work_struct *work)
{
	struct cc_shared_pool *pool =
		container_of(work, struct cc_shared_pool, refill);
	phys_addr_t limit;

	scoped_guard(spinlock_irqsave, &pool->lock) {
		limit = pool->refill_limit;
		pool->refill_limit = CC_SHARED_NO_LIMIT;
	}

	guard(mutex)(&pool->grow_lock);

	/* A limit says that somebody may have found nothing below it. */
	if (limit != CC_SHARED_NO_LIMIT)
		refill_within(pool, limit, true);
	/* Below it there may be nothing; most callers have none. */
	refill_within(pool, CC_SHARED_NO_LIMIT, false);
}

static void trim_work(struct work_struct *work)
{
	struct cc_shared_pool *pool =
		container_of(work, struct cc_shared_pool, trim.work);

	scoped_guard(mutex, &pool->grow_lock)
		cc_shared_release(pool, ULONG_MAX, CC_SHARED_TRIM_DELAY);

	/* Some may have become empty after this work was queued. */
	if (cc_shared_releasable(pool) && !READ_ONCE(pool->stopped))
		queue_delayed_work(system_dfl_wq, &pool->trim,
				   CC_SHARED_TRIM_DELAY);
}

/**
 * cc_shared_pool_init() - initialize a pool without any memory
 * @pool: the pool
 * @granule: size of a chunk in bytes, a power of two
 * @ops: how to get and convert memory
 *
 * Context: Process context.
 */
void cc_shared_pool_init(struct cc_shared_pool *pool, size_t granule,
			 const struct cc_shared_ops *ops)
{
	spin_lock_init(&pool->lock);
	mutex_init(&pool->grow_lock);
	INIT_LIST_HEAD(&pool->empty);
	INIT_LIST_HEAD(&pool->partial);
	INIT_LIST_HEAD(&pool->full);
	INIT_LIST_HEAD(&pool->leaked);
	xa_init(&pool->chunks);
	INIT_WORK(&pool->refill, refill_work);
	INIT_DELAYED_WORK(&pool->trim, trim_work);
	pool->chunk_pages = granule >> PAGE_SHIFT;
	pool->refill_limit = CC_SHARED_NO_LIMIT;
	pool->ops = ops;
}
EXPORT_SYMBOL_IF_KUNIT(cc_shared_pool_init);

/**
 * cc_shared_pool_stop() - no conversions any more
 * @pool: the pool
 *
 * Context: Process context. Waits for conversions that are under way.
 */
void cc_shared_pool_stop(struct cc_shared_pool *pool)
{
	scoped_guard(mutex, &pool->grow_lock)
		WRITE_ONCE(pool->stopped, true);

	cancel_work_sync(&pool->refill);
	cancel_delayed_work_sync(&pool->trim);
}
EXPORT_SYMBOL_IF_KUNIT(cc_shared_pool_stop);

static unsigned long shrink_count(struct shrinker *shrinker,
				  struct shrink_control *sc)
{
	return cc_shared_releasable(&cc_shared_pool) ?: SHRINK_EMPTY;
}

static unsigned long shrink_scan(struct shrinker *shrinker,
				 struct shrink_control *sc)
{
	struct cc_shared_pool *pool = &cc_shared_pool;
	unsigned long released;

	/* Reclaim may have been entered by whoever holds the mutex. */
	if (!mutex_trylock(&pool->grow_lock))
		return SHRINK_STOP;

	released = cc_shared_release(pool, DIV_ROUND_UP(sc->nr_to_scan,
							pool->chunk_pages), 0);
	mutex_unlock(&pool->grow_lock);

	return released ?: SHRINK_STOP;
}

static int restart_notify(struct notifier_block *nb, unsigned long action,
			  void *data)
{
	cc_shared_pool_stop(&cc_shared_pool);
	return NOTIFY_DONE;
}

static struct notifier_block restart_nb = {
	.notifier_call = restart_notify,
};

static int __init cc_shared_work_init(void)
{
	struct shrinker *shrinker;

	if (!cc_shared_pool_enabled())
		return 0;

	register_reboot_notifier(&restart_nb);

	shrinker = shrinker_alloc(0, "cc-shared");
	if (!shrinker)
		return -ENOMEM;

	shrinker->count_objects = shrink_count;
	shrinker->scan_objects = shrink_scan;
	shrinker_register(shrinker);
	return 0;
}
subsys_initcall(cc_shared_work_init);

// SPDX-License-Identifier: GPL-2.0-only
/*
 * SWIOTLB's default pool in a confidential guest: converted chunk by chunk
 *
 * There are as many free slots online as there are used ones, so that a burst
 * finds room while a worker converts memory for the next one; mapping a buffer
 * cannot wait for that. Chunks go offline when they are empty and nobody found
 * a chunk full for a while.
 *
 * Invariants:
 *  - An area is offline: its used counter says it is full, each of its slots
 *    says that no slot is free, and @online_areas of the pool says so.
 *    Its memory is somebody else's then, maybe that of another IO TLB pool.
 *  - An area goes offline only while none of its slots is used, under its lock.
 */
#define pr_fmt(fmt) "software IO TLB: " fmt

#include <linux/cc_shared.h>
#include <linux/mm.h>
#include <linux/pfn.h>
#include <linux/string.h>

#include "swiotlb_chunks.h"

/* How long to wait, after the last pressure, before chunks go offline */
#define SHRINK_DELAY	(10 * HZ)

static unsigned long used_slots(const struct io_tlb_chunks *chunks)
{
	const struct io_tlb_pool *pool = chunks->pool;
	unsigned long used = 0;

	for (unsigned int i = 0; i < chunks->nr_online; i++)
		used += READ_ONCE(pool->areas[chunks->online[i]].used);

	return used;
}

/* Would this number of chunks have as many free slots as used ones? */
static bool suffices(const struct io_tlb_chunks *chunks, unsigned int nr_online)
{
	return (unsigned long)nr_online * chunks->pool->area_nslabs >=
	       2 * used_slots(chunks);
}

static bool may_grow(const struct io_tlb_chunks *chunks)
{
	return READ_ONCE(chunks->nr_online) < chunks->max_online;
}

static size_t chunk_size(const struct io_tlb_pool *pool)
{
	return (size_t)pool->area_nslabs << IO_TLB_SHIFT;
}

static bool take_online(struct io_tlb_chunks *chunks)
{
	struct io_tlb_pool *pool = chunks->pool;
	struct io_tlb_area *area;
	unsigned int number;
	struct page *page;

	lockdep_assert_held(&chunks->mutex);

	page = cc_shared_get_chunk(pool->end - 1);
	WRITE_ONCE(chunks->stuck, !page);
	if (!page)
		return false;

	memset(page_address(page), 0, chunk_size(pool));

	number = (page_to_phys(page) - pool->start) / chunk_size(pool);
	area = &pool->areas[number];
	WRITE_ONCE(pool->online_areas[number], true);
	scoped_guard(spinlock_irqsave, &area->lock) {
		swiotlb_mark_area_free(pool, number);
		area->index = 0;
		area->used = 0;
	}

	WRITE_ONCE(chunks->online[chunks->nr_online], number);
	/* Who sees the count sees the entry; pairs with swiotlb_search_chunks() */
	smp_store_release(&chunks->nr_online, chunks->nr_online + 1);
	return true;
}

static bool mark_offline(struct io_tlb_pool *pool, unsigned int number)
{
	struct io_tlb_area *area = &pool->areas[number];

	guard(spinlock_irqsave)(&area->lock);

	if (area->used)
		return false;

	swiotlb_mark_area_used(pool, number);
	area->used = pool->area_nslabs;
	return true;
}

static bool take_offline(struct io_tlb_chunks *chunks, unsigned int at)
{
	struct io_tlb_pool *pool = chunks->pool;
	unsigned int number = chunks->online[at];
	phys_addr_t phys = pool->start + number * chunk_size(pool);

	lockdep_assert_held(&chunks->mutex);

	if (!mark_offline(pool, number))
		return false;

	WRITE_ONCE(pool->online_areas[number], false);
	WRITE_ONCE(chunks->online[at], chunks->online[chunks->nr_online - 1]);
	WRITE_ONCE(chunks->nr_online, chunks->nr_online - 1);
	cc_shared_put_chunk(pfn_to_page(PHYS_PFN(phys)));
	return true;
}

static void grow_work(struct work_struct *work)
{
	struct io_tlb_chunks *chunks =
		container_of(work, struct io_tlb_chunks, grow);

	guard(mutex)(&chunks->mutex);

	/* Free slots that are not next to each other may not be enough. */
	if (xchg(&chunks->failed, false) && may_grow(chunks))
		take_online(chunks);

	while (may_grow(chunks) &&
	       !suffices(chunks, chunks->nr_online)) {
		if (!take_online(chunks))
			break;
	}

	if (chunks->nr_online > chunks->min_online)
		queue_delayed_work(system_dfl_wq, &chunks->shrink,
				   SHRINK_DELAY);
}

static void shrink_work(struct work_struct *work)
{
	struct io_tlb_chunks *chunks =
		container_of(work, struct io_tlb_chunks, shrink.work);
	unsigned int at;

	guard(mutex)(&chunks->mutex);

	if (time_after(jiffies, READ_ONCE(chunks->pressure) + SHRINK_DELAY)) {
		for (at = chunks->nr_online; at-- > 0; ) {
			if (chunks->nr_online <= chunks->min_online ||
			    !suffices(chunks, chunks->nr_online - 1))
				break;
			take_offline(chunks, at);
		}
	}

	if (chunks->nr_online > chunks->min_online)
		queue_delayed_work(system_dfl_wq, &chunks->shrink,
				   SHRINK_DELAY);
}

/**
 * swiotlb_chunks_pressure() - a chunk is full
 * @chunks: the chunks
 * @failed: all others were full, too
 *
 * Context: Any.
 */
void swiotlb_chunks_pressure(struct io_tlb_chunks *chunks, bool failed)
{
	WRITE_ONCE(chunks->pressure, jiffies);
	if (failed)
		WRITE_ONCE(chunks->failed, true);
	if (may_grow(chunks))
		queue_work(system_dfl_wq, &chunks->grow);
}

/**
 * swiotlb_chunks_init() - initialize, with all chunks offline
 * @chunks: the chunks
 * @pool: the pool, all of whose slots are marked as used
 * @min_online: number of chunks that stay online
 * @max_online: never more than that
 *
 * Context: Early in boot.
 */
void __init swiotlb_chunks_init(struct io_tlb_chunks *chunks,
				struct io_tlb_pool *pool,
				unsigned int min_online,
				unsigned int max_online)
{
	chunks->pool = pool;
	chunks->max_online = min(max_online, pool->nareas);
	chunks->min_online = min(min_online, chunks->max_online);
	mutex_init(&chunks->mutex);
	INIT_WORK(&chunks->grow, grow_work);
	INIT_DELAYED_WORK(&chunks->shrink, shrink_work);
	pool->chunks = chunks;
}

/**
 * swiotlb_chunks_start() - take the first chunks online
 * @chunks: the chunks
 *
 * Context: Process context, once memory can be shared, before the first buffer
 *	    is mapped.
 */
void __init swiotlb_chunks_start(struct io_tlb_chunks *chunks)
{
	guard(mutex)(&chunks->mutex);

	while (chunks->nr_online < chunks->min_online) {
		if (!take_online(chunks))
			break;
	}

	pr_info("%u of up to %u chunks of %zu KiB in use\n", chunks->nr_online,
		chunks->max_online, chunk_size(chunks->pool) >> 10);
}

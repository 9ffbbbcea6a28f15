/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * SWIOTLB's default pool in a confidential guest: converted chunk by chunk
 *
 * The pool spans the whole low area of the reserve of shared memory, so that it
 * is found by comparing two addresses, as ever. But only as much of it is
 * shared with the host, and given to bounce buffers, as is needed. Each chunk
 * is an area of its own: one that is not shared looks like one that is full.
 */
#ifndef _KERNEL_DMA_SWIOTLB_CHUNKS_H
#define _KERNEL_DMA_SWIOTLB_CHUNKS_H

#include <linux/compiler.h>
#include <linux/mutex.h>
#include <linux/spinlock.h>
#include <linux/swiotlb.h>
#include <linux/workqueue.h>

/**
 * struct io_tlb_area - IO TLB memory area descriptor
 *
 * This is a single area with a single lock.
 *
 * @used:	The number of used IO TLB block.
 * @index:	The slot index to start searching in this area for next round.
 * @lock:	The lock to protect the above data structures in the map and
 *		unmap calls.
 */
struct io_tlb_area {
	unsigned long used;
	unsigned int index;
	spinlock_t lock;	/* used, index, and the slots of the area */
};

/**
 * struct io_tlb_chunks - which chunks of a pool are in use
 * @pool: the pool; its areas are the chunks
 * @mutex: serializes changes to @online and @nr_online
 * @min_online: number of chunks that stay online
 * @max_online: never more than that
 * @pressure: last time that a chunk was found full, in jiffies
 * @failed: no room was found for a buffer since chunks were last taken online
 * @stuck: there was no chunk to be had at the last attempt
 * @grow: takes chunks online
 * @shrink: takes chunks offline
 * @nr_online: number of entries in @online
 * @online: numbers of the areas that are online. Read without a lock: an entry
 *	    that is out of date is the number of an area that is full.
 */
struct io_tlb_chunks {
	struct io_tlb_pool *pool;
	struct mutex mutex;	/* online and nr_online */
	unsigned int min_online;
	unsigned int max_online;
	unsigned long pressure;
	bool failed;
	bool stuck;
	struct work_struct grow;
	struct delayed_work shrink;
	unsigned int nr_online;
	unsigned int online[];
};

void swiotlb_mark_area_free(struct io_tlb_pool *pool, unsigned int aindex);
void swiotlb_mark_area_used(struct io_tlb_pool *pool, unsigned int aindex);

void swiotlb_chunks_init(struct io_tlb_chunks *chunks, struct io_tlb_pool *pool,
			 unsigned int min_online, unsigned int max_online);
void swiotlb_chunks_start(struct io_tlb_chunks *chunks);
void swiotlb_chunks_pressure(struct io_tlb_chunks *chunks, bool failed);

/* More chunks can be had in a moment, as far as anybody knows. */
static inline bool swiotlb_chunks_can_grow(const struct io_tlb_chunks *chunks)
{
	return chunks && !READ_ONCE(chunks->stuck) &&
	       READ_ONCE(chunks->nr_online) < chunks->max_online;
}

/* Slots of areas that are not online count as used in these areas. */
static inline unsigned long
swiotlb_chunks_offline_slots(const struct io_tlb_pool *pool)
{
	const struct io_tlb_chunks *chunks = pool->chunks;

	if (!chunks)
		return 0;

	return (unsigned long)(pool->nareas - READ_ONCE(chunks->nr_online)) *
	       pool->area_nslabs;
}

#endif /* _KERNEL_DMA_SWIOTLB_CHUNKS_H */

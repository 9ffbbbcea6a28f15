// SPDX-License-Identifier: GPL-2.0
/*
 * Handles of mappings
 *
 * A handle is an index into a table that only grows, by chunks, so an entry is
 * found without a lock. Free ones are a list. Each mapping has a handle of its
 * own, however often its grant is mapped.
 */
#include <linux/slab.h>

#include "shim.h"

#define NO_HANDLE	U32_MAX

struct shim_maptrack *shim_maptrack_chunks[SHIM_MAX_CHUNKS];
unsigned int shim_maptrack_nr_chunks;
static u32 free_head = NO_HANDLE;

/* Protects the list of free handles and the growth of the table. */
static DEFINE_RAW_SPINLOCK(maptrack_lock);

static void push_free(grant_handle_t handle)
{
	struct shim_maptrack *entry = __shim_maptrack_entry(handle);

	entry->dom = NULL;
	entry->ref = free_head;
	free_head = handle;
}

/* Called without the lock, as it allocates. Others may grow the table too. */
static bool grow(void)
{
	struct shim_maptrack *chunk;
	unsigned long flags;
	unsigned int nr, i;

	chunk = kcalloc(SHIM_CHUNK_SIZE, sizeof(*chunk),
			GFP_ATOMIC | __GFP_NOWARN);
	if (!chunk)
		return false;

	raw_spin_lock_irqsave(&maptrack_lock, flags);
	nr = shim_maptrack_nr_chunks;
	if (nr < SHIM_MAX_CHUNKS) {
		shim_maptrack_chunks[nr] = chunk;
		/* Pairs with shim_maptrack_entry(). */
		smp_store_release(&shim_maptrack_nr_chunks, nr + 1);
		for (i = SHIM_CHUNK_SIZE; i--; )
			push_free(nr * SHIM_CHUNK_SIZE + i);
		chunk = NULL;
	}
	raw_spin_unlock_irqrestore(&maptrack_lock, flags);
	kfree(chunk);

	return !chunk;
}

static unsigned int pop_free(grant_handle_t *handles, unsigned int nr)
{
	unsigned long flags;
	unsigned int n;

	raw_spin_lock_irqsave(&maptrack_lock, flags);
	for (n = 0; n < nr && free_head != NO_HANDLE; n++) {
		handles[n] = free_head;
		free_head = __shim_maptrack_entry(free_head)->ref;
	}
	raw_spin_unlock_irqrestore(&maptrack_lock, flags);

	return n;
}

/**
 * shim_maptrack_alloc - have handles for mappings
 * @handles: to be set
 * @nr: number of handles
 *
 * Context: Any.
 * Return: Number of handles that were set: less than @nr if there is no memory,
 * or if 2^20 handles are in use
 */
unsigned int shim_maptrack_alloc(grant_handle_t *handles, unsigned int nr)
{
	unsigned int n;

	for (n = 0; n < nr; ) {
		n += pop_free(handles + n, nr - n);
		if (n < nr && !grow())
			break;
	}

	return n;
}

/**
 * shim_maptrack_free - give handles back
 * @handles: handles of which the entries are not used any more
 * @nr: number of handles
 *
 * Context: Any.
 */
void shim_maptrack_free(const grant_handle_t *handles, unsigned int nr)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&maptrack_lock, flags);
	while (nr--)
		push_free(*handles++);
	raw_spin_unlock_irqrestore(&maptrack_lock, flags);
}

/**
 * shim_maptrack_exit - free the table
 *
 * Context: There are no mappings, and nobody maps.
 */
void shim_maptrack_exit(void)
{
	while (shim_maptrack_nr_chunks)
		kfree(shim_maptrack_chunks[--shim_maptrack_nr_chunks]);

	free_head = NO_HANDLE;
}

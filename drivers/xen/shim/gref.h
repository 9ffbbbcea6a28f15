/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The use of one grant of version 1, under its lock
 *
 * The grant table is memory that the guest writes at any time, and so does this
 * file: it sets GTF_reading and GTF_writing while a grant is in use, so that
 * the guest does not take its page back, and clears them when the last user is
 * gone. An entry is believed once: flags and domain ID are read together, and
 * the frame is read after the flags were set, for it belongs to them only then
 * (include/xen/interface/grant_table.h).
 *
 * Whether the flags are set follows from the number of users in shim_active;
 * both change under the lock of the grant.
 *
 * All of it is inline: batches keep what the last grant has left in registers.
 */
#ifndef _DRIVERS_XEN_SHIM_GREF_H
#define _DRIVERS_XEN_SHIM_GREF_H

#include <linux/atomic.h>
#include <linux/nospec.h>

#include "shim.h"

/* Domain ID of backends: guests grant access to the initial domain. */
#define SHIM_BACKEND_DOMID	0

/* The part of an entry that says who may do what, read and changed at once. */
union shim_header {
	u32 word;
	struct {
		u16 flags;
		domid_t domid;
	};
};

/**
 * struct shim_use - a kind of use
 * @mask: the part of an entry that decides whether it is permitted
 * @set: flags that tell the guest
 * @one: a user of this kind, in shim_active
 * @all: all users of this kind
 */
struct shim_use {
	union shim_header mask;
	union shim_header set;
	u32 one;
	u32 all;
};

/* To read, and to write. */
extern const struct shim_use shim_uses[2];

/* What the mask leaves of a word that permits the use; flags are its low half. */
#define SHIM_PERMITTED		(GTF_permit_access | SHIM_BACKEND_DOMID << 16)

s16 shim_gref_refusal(u32 header);
s16 shim_gref_used(const struct shim_active *active, u32 gfn,
		   const struct shim_use *use);

/* What to begin with, as with shim_no_region. */
#define SHIM_NO_BLOCK	{ .nr = U32_MAX }

/**
 * struct shim_block - the grants that have one lock and follow each other
 * @nr: which one; U32_MAX is none
 * @dirty: whether what was written is to be marked as such
 * @lock: the lock, which is held, or NULL if there was no block yet
 * @shared: their entries
 * @active: how they are used
 */
struct shim_block {
	u32 nr;
	bool dirty;
	raw_spinlock_t *lock;
	struct grant_entry_v1 *shared;
	struct shim_active *active;
};

static __always_inline void shim_block_leave(const struct shim_block *block)
{
	if (block->lock)
		raw_spin_unlock(block->lock);
}

/*
 * Go to the block of a grant. Bounds are checked here; within a block there is
 * nothing that a reference could exceed. Returns whether there is such a grant:
 * if not, the block remains what it was. Interrupts are off.
 */
static __always_inline bool shim_block_enter(struct shim_block *block,
					     struct shim_domain *dom,
					     grant_ref_t ref)
{
	/* Pairs with shim_gnttab_set(). */
	unsigned int nr = smp_load_acquire(&dom->nr_grefs);
	raw_spinlock_t *lock;
	struct shim_frame *frame;
	unsigned int first;

	if (unlikely(ref >= nr))
		return false;
	ref = array_index_nospec(ref, nr);

	lock = shim_gref_lock(dom, ref);
	if (lock != block->lock) {
		shim_block_leave(block);
		raw_spin_lock(lock);
		block->lock = lock;
	}

	frame = shim_frame(dom, ref);
	first = round_down(ref % SHIM_GREFS_PER_FRAME, SHIM_GREFS_PER_LOCK);
	block->shared = &frame->shared[first];
	block->active = &frame->active[first];
	block->nr = ref / SHIM_GREFS_PER_LOCK;
	/* Under the lock: pairs with shim_dirty_enable(). */
	block->dirty = smp_load_acquire(&dom->logging);

	return true;
}

/* Tell the guest what its page is not used for any more. */
static __always_inline void shim_clear_flags(struct grant_entry_v1 *shared,
					     const struct shim_active *active)
{
	BUILD_BUG_ON(offsetof(struct grant_entry_v1, flags));

	/* After all that was done with the page. */
	smp_mb__before_atomic();
	if (likely(!active->users))
		atomic_andnot(GTF_writing | GTF_reading, (atomic_t *)shared);
	else if (active->users < SHIM_WRITER)
		atomic_andnot(GTF_writing, (atomic_t *)shared);
}

/*
 * Use a grant of the block that was entered. @region is where the frame of the
 * last grant was found for the same use, and set to where this one's is.
 */
static __always_inline s16 shim_use_grant(struct shim_domain *dom,
					  const struct shim_block *block,
					  grant_ref_t ref,
					  const struct shim_use *use,
					  const struct shim_region **region,
					  struct page **page)
{
	struct grant_entry_v1 *shared =
		&block->shared[ref % SHIM_GREFS_PER_LOCK];
	struct shim_active *active = &block->active[ref % SHIM_GREFS_PER_LOCK];
	const struct shim_region *found;
	u32 *header = (u32 *)shared;
	u32 old = READ_ONCE(*header);
	s16 status;
	u32 gfn;

	lockdep_assert_held(block->lock);

	do {
		if (unlikely((old & use->mask.word) != SHIM_PERMITTED))
			return shim_gref_refusal(old);
	} while (unlikely(!try_cmpxchg(header, &old, old | use->set.word)));

	gfn = READ_ONCE(shared->frame);
	if (unlikely(active->users)) {
		status = shim_gref_used(active, gfn, use);
		if (status != GNTST_okay)
			goto out_clear;
	}

	if (unlikely(gfn - (*region)->gfn >= (*region)->nr_pages)) {
		found = shim_memory_region(dom, gfn, use->one == SHIM_WRITER);
		if (!found) {
			status = GNTST_bad_page;
			goto out_clear;
		}
		*region = found;
	}

	*page = shim_region_page(*region, gfn);
	active->gfn = gfn;
	active->users += use->one;

	return GNTST_okay;

out_clear:
	shim_clear_flags(shared, active);

	return status;
}

/*
 * Undo that, in the block that was entered. Returns whether there was such a
 * use of the grant.
 */
static __always_inline bool shim_unuse_grant(struct shim_domain *dom,
					     const struct shim_block *block,
					     grant_ref_t ref,
					     const struct shim_use *use)
{
	struct shim_active *active = &block->active[ref % SHIM_GREFS_PER_LOCK];

	lockdep_assert_held(block->lock);

	if (unlikely(!(active->users & use->all)))
		return false;

	active->users -= use->one;
	if (unlikely(block->dirty) && use->one == SHIM_WRITER)
		shim_dirty_mark(dom, active->gfn);
	shim_clear_flags(&block->shared[ref % SHIM_GREFS_PER_LOCK], active);

	return true;
}

#endif /* _DRIVERS_XEN_SHIM_GREF_H */

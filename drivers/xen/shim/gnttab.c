// SPDX-License-Identifier: GPL-2.0
/*
 * Where a guest keeps its grant table
 *
 * The frames are part of the guest's memory, which is pinned. Frames are only
 * added, so gref.c finds an entry without a lock.
 */
#include <linux/mm.h>
#include <linux/slab.h>

#include "shim.h"

/**
 * shim_gnttab_dirty - mark what is written without anybody saying when
 * @dom: domain
 *
 * That is the grant table itself, and pages that are mapped writable now.
 *
 * Context: May sleep. The caller holds the domain's lock, and has seen that
 * the domain logs.
 */
void shim_gnttab_dirty(struct shim_domain *dom)
{
	unsigned int ref;

	lockdep_assert_held(&dom->lock);

	for (ref = 0; ref < dom->nr_grefs; ref++) {
		struct shim_frame *frame = shim_frame(dom, ref);
		raw_spinlock_t *lock = shim_gref_lock(dom, ref);
		struct shim_active *active;

		if (ref % SHIM_GREFS_PER_FRAME == 0) {
			shim_dirty_mark(dom, frame->gfn);
			cond_resched();
		}

		active = &frame->active[ref % SHIM_GREFS_PER_FRAME];
		raw_spin_lock_irq(lock);
		if (active->users >= SHIM_WRITER)
			shim_dirty_mark(dom, active->gfn);
		raw_spin_unlock_irq(lock);
	}
}

/**
 * shim_gnttab_sync - wait for who uses grants now
 * @dom: domain
 *
 * Context: May sleep.
 */
void shim_gnttab_sync(struct shim_domain *dom)
{
	unsigned int i;

	for (i = 0; i < SHIM_NR_LOCKS; i++) {
		raw_spin_lock_irq(&dom->locks[i].lock);
		raw_spin_unlock_irq(&dom->locks[i].lock);
	}
}

/**
 * shim_gnttab_set - set the frames of the grant table, or add some
 * @dom: domain
 * @frames: guest physical addresses
 * @nr: number of frames, up to XEN_SHIM_MAX_GNTTAB_FRAMES
 *
 * Context: May sleep. The caller holds the domain's lock.
 * Return: 0; -EINVAL if it is not memory that can be written, or if frames are
 * taken away or changed; -ENOMEM
 */
int shim_gnttab_set(struct shim_domain *dom, const u64 *frames,
		    unsigned int nr)
{
	unsigned int old = dom->nr_grefs / SHIM_GREFS_PER_FRAME;
	unsigned int i;

	lockdep_assert_held(&dom->lock);

	if (nr < old)
		return -EINVAL;

	for (i = 0; i < nr; i++) {
		struct shim_frame *frame = &dom->frames[i];
		u64 gfn = frames[i] >> XEN_PAGE_SHIFT;
		struct page *page;

		if (!IS_ALIGNED(frames[i], XEN_PAGE_SIZE))
			return -EINVAL;

		if (i < old) {
			if (frame->gfn != gfn)
				return -EINVAL;
			continue;
		}

		page = shim_memory_page(dom, gfn, true);
		if (!page)
			return -EINVAL;

		/* May be left over from a call that failed. */
		if (!frame->active) {
			frame->active = kcalloc(SHIM_GREFS_PER_FRAME,
						sizeof(*frame->active),
						GFP_KERNEL_ACCOUNT);
			if (!frame->active)
				return -ENOMEM;
		}

		frame->shared = page_address(page);
		frame->gfn = gfn;
	}

	/* Pairs with shim_block_enter(). */
	smp_store_release(&dom->nr_grefs, nr * SHIM_GREFS_PER_FRAME);

	return 0;
}

/**
 * shim_gnttab_free - forget the grant table
 * @dom: domain, which nobody uses
 */
void shim_gnttab_free(struct shim_domain *dom)
{
	unsigned int i;

	for (i = 0; i < XEN_SHIM_MAX_GNTTAB_FRAMES; i++)
		kfree(dom->frames[i].active);
}

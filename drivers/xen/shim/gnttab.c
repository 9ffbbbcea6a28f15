// SPDX-License-Identifier: GPL-2.0
/*
 * The grant table of a guest, version 1
 *
 * The table is memory that the guest writes at any time, and so does this
 * file: it sets GTF_reading and GTF_writing while a grant is in use, so that
 * the guest does not take its page back, and clears them when the last user is
 * gone. An entry is believed once: flags and domain ID are read together, and
 * the frame is read after the flags were set, for it belongs to them only then
 * (include/xen/interface/grant_table.h).
 *
 * Whether the flags are set follows from the number of users in shim_active;
 * both change under the lock of the grant.
 */
#include <linux/mm.h>
#include <linux/nospec.h>
#include <linux/slab.h>

#include "shim.h"

/* Domain ID of backends: guests grant access to the initial domain. */
#define SHIM_BACKEND_DOMID	0

/* The part of an entry that says who may do what, read and changed at once. */
union gnttab_header {
	u32 word;
	struct {
		u16 flags;
		domid_t domid;
	};
};

struct gref {
	struct grant_entry_v1 *shared;
	struct shim_active *active;
	raw_spinlock_t *lock;
};

static bool gref_find(struct shim_domain *dom, grant_ref_t ref, struct gref *g)
{
	/* Pairs with shim_gnttab_set(). */
	unsigned int nr = smp_load_acquire(&dom->nr_grefs);
	unsigned int frame, idx;

	if (ref >= nr)
		return false;

	ref = array_index_nospec(ref, nr);
	frame = ref / SHIM_GREFS_PER_FRAME;
	idx = ref % SHIM_GREFS_PER_FRAME;
	g->shared = &dom->gnttab[frame][idx];
	g->active = &dom->active[frame][idx];
	g->lock = &dom->locks[ref % SHIM_NR_LOCKS].lock;

	return true;
}

/* Tell the guest that its page is in use, if it grants that. */
static s16 gref_set_flags(const struct gref *g, bool write)
{
	u16 want = GTF_reading | (write ? GTF_writing : 0);
	u32 *word = (u32 *)g->shared;
	union gnttab_header old, new;

	old.word = READ_ONCE(*word);
	do {
		if ((old.flags & GTF_type_mask) != GTF_permit_access ||
		    old.domid != SHIM_BACKEND_DOMID)
			return GNTST_bad_gntref;

		if (write && (old.flags & GTF_readonly))
			return GNTST_permission_denied;

		new = old;
		new.flags |= want;
	} while (!try_cmpxchg(word, &old.word, new.word));

	return GNTST_okay;
}

/* Tell the guest what its page is not used for any more. */
static void gref_clear_flags(const struct gref *g)
{
	u16 flags = READ_ONCE(g->shared->flags);
	u16 clear = 0;

	if (!g->active->writers)
		clear |= GTF_writing;
	if (!g->active->writers && !g->active->readers)
		clear |= GTF_reading;
	if (!clear)
		return;

	/* Orders what was done with the page before. */
	while (!try_cmpxchg(&g->shared->flags, &flags, flags & ~clear))
		;
}

static s16 gref_get_locked(struct shim_domain *dom, const struct gref *g,
			   bool write, struct page **page)
{
	struct shim_active *active = g->active;
	s16 status;
	u32 gfn;

	status = gref_set_flags(g, write);
	if (status != GNTST_okay)
		return status;

	gfn = READ_ONCE(g->shared->frame);
	if ((active->readers || active->writers) && active->gfn != gfn) {
		/* Changed in use: there is no telling which one was meant. */
		status = GNTST_general_error;
		goto out_clear;
	}

	*page = shim_memory_page(dom, gfn, write);
	if (!*page) {
		status = GNTST_bad_page;
		goto out_clear;
	}

	active->gfn = gfn;
	if (write)
		active->writers++;
	else
		active->readers++;

	return GNTST_okay;

out_clear:
	gref_clear_flags(g);

	return status;
}

/**
 * shim_gref_get - use a granted page
 * @dom: whose grant it is; the caller has a reference
 * @ref: grant reference, as the guest gave it
 * @write: whether the page is to be written
 * @page: set to the page
 *
 * Context: Any.
 * Return: GNTST_okay, then call shim_gref_put() later; or why it is refused
 */
s16 shim_gref_get(struct shim_domain *dom, grant_ref_t ref, bool write,
		  struct page **page)
{
	unsigned long flags;
	struct gref g;
	s16 status;

	if (!gref_find(dom, ref, &g))
		return GNTST_bad_gntref;

	raw_spin_lock_irqsave(g.lock, flags);
	status = gref_get_locked(dom, &g, write, page);
	raw_spin_unlock_irqrestore(g.lock, flags);

	return status;
}

/**
 * shim_gref_put - cease to use a granted page
 * @dom: whose grant it is; may be dead
 * @ref: what shim_gref_get() took
 * @write: same; then the page is marked as dirty
 *
 * Context: Any.
 */
void shim_gref_put(struct shim_domain *dom, grant_ref_t ref, bool write)
{
	unsigned long flags;
	struct gref g;

	if (WARN_ON_ONCE(!gref_find(dom, ref, &g)))
		return;

	raw_spin_lock_irqsave(g.lock, flags);
	if (write) {
		g.active->writers--;
		shim_dirty_mark(dom, g.active->gfn);
	} else {
		g.active->readers--;
	}
	gref_clear_flags(&g);
	raw_spin_unlock_irqrestore(g.lock, flags);
}

/**
 * shim_gnttab_dirty - mark what is written without anybody saying when
 * @dom: domain
 *
 * That is the grant table itself, and pages that are mapped writable now.
 *
 * Context: May sleep. The caller holds the domain's lock.
 */
void shim_gnttab_dirty(struct shim_domain *dom)
{
	unsigned int ref;

	lockdep_assert_held(&dom->lock);

	for (ref = 0; ref < dom->nr_grefs; ref++) {
		struct shim_active *active;
		unsigned int frame = ref / SHIM_GREFS_PER_FRAME;
		raw_spinlock_t *lock = &dom->locks[ref % SHIM_NR_LOCKS].lock;

		if (ref % SHIM_GREFS_PER_FRAME == 0) {
			shim_dirty_mark(dom, dom->gnttab_gfn[frame]);
			cond_resched();
		}

		active = &dom->active[frame][ref % SHIM_GREFS_PER_FRAME];
		raw_spin_lock_irq(lock);
		if (active->writers)
			shim_dirty_mark(dom, active->gfn);
		raw_spin_unlock_irq(lock);
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
		u64 gfn = frames[i] >> XEN_PAGE_SHIFT;
		struct page *page;

		if (!IS_ALIGNED(frames[i], XEN_PAGE_SIZE))
			return -EINVAL;

		if (i < old) {
			if (dom->gnttab_gfn[i] != gfn)
				return -EINVAL;
			continue;
		}

		page = shim_memory_page(dom, gfn, true);
		if (!page)
			return -EINVAL;

		/* May be left over from a call that failed. */
		if (!dom->active[i]) {
			dom->active[i] = kcalloc(SHIM_GREFS_PER_FRAME,
						 sizeof(*dom->active[i]),
						 GFP_KERNEL_ACCOUNT);
			if (!dom->active[i])
				return -ENOMEM;
		}

		dom->gnttab[i] = page_address(page);
		dom->gnttab_gfn[i] = gfn;
	}

	/* Pairs with gref_find(). */
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
		kfree(dom->active[i]);
}

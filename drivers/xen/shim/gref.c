// SPDX-License-Identifier: GPL-2.0
/*
 * Mapping and unmapping grants of version 1
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
 * Backends are trusted: what they pass is checked for errors of theirs. The
 * grants that they pass on are a guest's, and hostile. Unmapping cannot fail, as
 * drivers have no answer to that. Any of this may run in hard interrupt
 * context. References to a domain, handles, and interrupts off are taken for
 * several operations at a time.
 */
#include <linux/mm.h>
#include <linux/nospec.h>

#include <xen/grant_table.h>

#include "shim.h"

/* Domain ID of backends: guests grant access to the initial domain. */
#define SHIM_BACKEND_DOMID	0

/* Operations with interrupts off, and handles taken or given back, at once. */
#define GREF_BATCH		16

struct shim_stats shim_stats;
atomic_long_t shim_mapped;

/* The part of an entry that says who may do what, read and changed at once. */
union gnttab_header {
	u32 word;
	struct {
		u16 flags;
		domid_t domid;
	};
};

/* Tell the guest that its page is in use, if it grants that. */
static __always_inline s16 set_flags(struct grant_entry_v1 *shared, bool write)
{
	const union gnttab_header mask = {
		.flags = GTF_type_mask, .domid = (domid_t)~0 };
	const union gnttab_header expect = {
		.flags = GTF_permit_access, .domid = SHIM_BACKEND_DOMID };
	const union gnttab_header want = {
		.flags = GTF_reading | (write ? GTF_writing : 0) };
	const union gnttab_header deny = {
		.flags = write ? GTF_readonly : 0 };
	u32 *word = (u32 *)shared;
	u32 old = READ_ONCE(*word);

	do {
		if (unlikely((old & mask.word) != expect.word))
			return GNTST_bad_gntref;
		if (unlikely(old & deny.word))
			return GNTST_permission_denied;
	} while (!try_cmpxchg(word, &old, old | want.word));

	return GNTST_okay;
}

/* Tell the guest what its page is not used for any more. */
static __always_inline void clear_flags(struct grant_entry_v1 *shared,
					const struct shim_active *active)
{
	u16 clear = active->users ? GTF_writing : GTF_writing | GTF_reading;
	u16 flags = READ_ONCE(shared->flags);

	if (active->users >= SHIM_WRITER)
		return;

	/* Orders what was done with the page before. */
	while (!try_cmpxchg(&shared->flags, &flags, flags & ~clear))
		;
}

/*
 * The lock of a grant is kept for the next one, which is likely to be a
 * neighbour: a batch takes few locks then. One is held at a time.
 */
static __always_inline raw_spinlock_t *lock_next(struct shim_domain *dom,
						 grant_ref_t ref,
						 raw_spinlock_t *held)
{
	raw_spinlock_t *lock = shim_gref_lock(dom, ref);

	if (lock == held)
		return held;
	if (held)
		raw_spin_unlock(held);
	raw_spin_lock(lock);

	return lock;
}

static __always_inline s16 get_locked(struct shim_domain *dom, grant_ref_t ref,
				      bool write, struct page **page)
{
	struct shim_frame *frame = shim_frame(dom, ref);
	struct grant_entry_v1 *shared =
		&frame->shared[ref % SHIM_GREFS_PER_FRAME];
	struct shim_active *active = &frame->active[ref % SHIM_GREFS_PER_FRAME];
	u32 user = write ? SHIM_WRITER : SHIM_READER;
	struct page *found;
	s16 status;
	u32 gfn;

	lockdep_assert_held(shim_gref_lock(dom, ref));

	status = set_flags(shared, write);
	if (unlikely(status != GNTST_okay))
		return status;

	gfn = READ_ONCE(shared->frame);
	if (unlikely(active->users)) {
		/* Changed in use: there is no telling which one was meant. */
		if (active->gfn != gfn) {
			status = GNTST_general_error;
			goto out_clear;
		}
		if (!shim_active_room(active, write)) {
			status = GNTST_no_space;
			goto out_clear;
		}
	}

	found = shim_memory_page(dom, gfn, write);
	if (unlikely(!found)) {
		status = GNTST_bad_page;
		goto out_clear;
	}

	*page = found;
	active->gfn = gfn;
	active->users += user;

	return GNTST_okay;

out_clear:
	clear_flags(shared, active);

	return status;
}

static __always_inline void put_locked(struct shim_domain *dom, grant_ref_t ref,
				       bool write)
{
	struct shim_frame *frame = shim_frame(dom, ref);
	struct shim_active *active = &frame->active[ref % SHIM_GREFS_PER_FRAME];

	lockdep_assert_held(shim_gref_lock(dom, ref));

	active->users -= write ? SHIM_WRITER : SHIM_READER;
	if (write)
		shim_dirty_mark(dom, active->gfn);
	clear_flags(&frame->shared[ref % SHIM_GREFS_PER_FRAME], active);
}

/* Bring a reference of the guest's into the range of its grants, or refuse. */
static __always_inline bool check_ref(struct shim_domain *dom, grant_ref_t *ref)
{
	/* Pairs with shim_gnttab_set(). */
	unsigned int nr = smp_load_acquire(&dom->nr_grefs);

	if (unlikely(*ref >= nr))
		return false;
	*ref = array_index_nospec(*ref, nr);

	return true;
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
	raw_spinlock_t *lock;
	unsigned long flags;
	s16 status;

	if (!check_ref(dom, &ref))
		return GNTST_bad_gntref;

	lock = shim_gref_lock(dom, ref);
	raw_spin_lock_irqsave(lock, flags);
	status = get_locked(dom, ref, write, page);
	raw_spin_unlock_irqrestore(lock, flags);

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
	raw_spinlock_t *lock = shim_gref_lock(dom, ref);
	unsigned long flags;

	raw_spin_lock_irqsave(lock, flags);
	put_locked(dom, ref, write);
	raw_spin_unlock_irqrestore(lock, flags);
}

/*
 * Map up to GREF_BATCH grants of one domain, the first of which is operation
 * @first. Sets @done to the number of operations. Returns how many of them were
 * refused.
 */
static noinline unsigned int map_batch(struct shim_domain *dom,
				       struct gnttab_map_grant_ref *op,
				       unsigned int first, unsigned int count,
				       const struct gnttab_page_changed *page_cb,
				       unsigned int *done)
{
	grant_handle_t handles[GREF_BATCH] __uninitialized;
	const grant_handle_t *next = handles, *end;
	const domid_t domid = op->dom;
	raw_spinlock_t *held = NULL;
	unsigned long flags;
	unsigned int i;

	end = handles + shim_maptrack_alloc(handles, count);

	local_irq_save(flags);
	for (i = first; i < first + count; i++, op++) {
		bool write = !(op->flags & GNTMAP_readonly);
		struct shim_maptrack *entry;
		grant_ref_t ref = op->ref;
		struct page *page;

		if (op->dom != domid)
			break;

		if (unlikely(next == end)) {
			op->status = GNTST_no_device_space;
			continue;
		}

		/* Who asks for an address or a bus address cannot use a page. */
		if (unlikely(op->flags & ~GNTMAP_readonly)) {
			op->status = GNTST_general_error;
			continue;
		}

		if (!check_ref(dom, &ref)) {
			op->status = GNTST_bad_gntref;
			continue;
		}

		held = lock_next(dom, ref, held);
		op->status = get_locked(dom, ref, write, &page);
		if (unlikely(op->status != GNTST_okay))
			continue;

		op->handle = *next++;
		entry = __shim_maptrack_entry(op->handle);
		entry->dom = dom;
		entry->ref = ref;
		entry->write = write;
		page_cb->cb(i, page_to_phys(page), page_cb->ctx);
	}
	if (held)
		raw_spin_unlock(held);
	local_irq_restore(flags);

	if (next < end)
		shim_maptrack_free(next, end - next);
	*done = i - first;

	return *done - (next - handles);
}

/**
 * shim_map_grants - see struct xen_shim_ops
 * @ops: what to map
 * @count: number of operations
 * @page_cb: told of the pages; without it, all are refused
 */
void shim_map_grants(struct gnttab_map_grant_ref *ops, unsigned int count,
		     const struct gnttab_page_changed *page_cb)
{
	unsigned int i, n;

	for (i = 0; i < count; i += n) {
		struct shim_domain *dom = shim_domain_find(ops[i].dom);
		unsigned int refused;

		if (!dom || !page_cb) {
			n = 1;
			ops[i].status = dom ? GNTST_general_error :
					      GNTST_bad_domain;
			shim_count_maps(dom, 0, 1);
			if (dom)
				shim_domain_put(dom);
			continue;
		}

		refused = map_batch(dom, &ops[i], i, min(count - i, GREF_BATCH),
				    page_cb, &n);
		shim_count_maps(dom, n - refused, refused);
		/* One reference per mapping; there is one already. */
		if (refused == n)
			shim_domain_put(dom);
		else if (n - refused > 1)
			refcount_add(n - refused - 1, &dom->refs);
	}
}

/* Unmap what belongs to one domain. Returns how many operations that was. */
static noinline unsigned int unmap_batch(struct gnttab_unmap_grant_ref *op,
					 unsigned int count)
{
	grant_handle_t handles[GREF_BATCH] __uninitialized;
	struct shim_domain *dom = NULL;
	raw_spinlock_t *held = NULL;
	unsigned int i, n = 0;
	unsigned long flags;

	local_irq_save(flags);
	for (i = 0; i < count; i++, op++) {
		struct shim_maptrack *entry = shim_maptrack_entry(op->handle);

		if (WARN_ON_ONCE(!entry || !entry->dom)) {
			op->status = GNTST_bad_handle;
			continue;
		}

		if (unlikely(entry->dom != dom)) {
			if (dom)
				break;
			dom = entry->dom;
		}

		held = lock_next(dom, entry->ref, held);
		put_locked(dom, entry->ref, entry->write);
		entry->dom = NULL;
		op->status = GNTST_okay;
		handles[n++] = op->handle;
	}
	if (held)
		raw_spin_unlock(held);
	local_irq_restore(flags);

	if (n) {
		shim_maptrack_free(handles, n);
		atomic_long_sub(n, &shim_mapped);
		shim_domain_put_many(dom, n);
	}

	return i;
}

/**
 * shim_unmap_grants - see struct xen_shim_ops
 * @ops: what to unmap
 * @count: number of operations
 */
void shim_unmap_grants(struct gnttab_unmap_grant_ref *ops, unsigned int count)
{
	while (count) {
		unsigned int n = unmap_batch(ops, min(count, GREF_BATCH));

		ops += n;
		count -= n;
	}
}

struct translated {
	struct page *page;
};

static void translated_cb(unsigned int idx, phys_addr_t addr, void *ctx)
{
	struct translated *t = ctx;

	t->page = pfn_to_page(PHYS_PFN(addr));
}

/**
 * shim_translate_gref - see xen_shim_translate_gref()
 * @domid: domain that granted the page
 * @ref: grant reference
 * @writable: whether it is to be written
 * @handle: set to what shim_put_gref() takes
 *
 * Return: The page or ERR_PTR()
 */
struct page *shim_translate_gref(domid_t domid, grant_ref_t ref, bool writable,
				 grant_handle_t *handle)
{
	struct translated t = { };
	const struct gnttab_page_changed page_cb = {
		.cb = translated_cb,
		.ctx = &t,
	};
	struct gnttab_map_grant_ref op = {
		.dom = domid,
		.ref = ref,
		.flags = writable ? 0 : GNTMAP_readonly,
	};

	shim_map_grants(&op, 1, &page_cb);

	switch (op.status) {
	case GNTST_okay:
		*handle = op.handle;
		return t.page;
	case GNTST_bad_domain:
		return ERR_PTR(-ESRCH);
	case GNTST_no_device_space:
		return ERR_PTR(-ENOSPC);
	default:
		return ERR_PTR(-EACCES);
	}
}

/**
 * shim_put_gref - see xen_shim_put_gref()
 * @handle: what shim_translate_gref() set
 */
void shim_put_gref(grant_handle_t handle)
{
	struct gnttab_unmap_grant_ref op = { .handle = handle };

	shim_unmap_grants(&op, 1);
}

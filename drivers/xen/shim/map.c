// SPDX-License-Identifier: GPL-2.0
/*
 * Mapping and unmapping grants
 *
 * A handle says which grant of which domain is mapped, and how. Mappings that
 * are alike have the same handle, and are counted in shim_active: so nothing
 * is allocated, and there is nothing of which one guest could leave too little
 * for another. A handle that is given back once too often can only be one of
 * the same grant.
 *
 * Backends are trusted: what they pass is checked for errors of theirs. The
 * grants that they pass on are a guest's, and hostile. Unmapping cannot fail, as
 * drivers have no answer to that. Any of this may run in hard interrupt
 * context. References to a domain, locks, and interrupts off are taken for
 * several operations at a time, and what was found for one operation is tried
 * first for the next.
 */
#include <linux/mm.h>

#include <xen/grant_table.h>
#include <xen/shim.h>

#include "gref.h"

/* Operations with interrupts off at once. */
#define MAP_BATCH		32

/* A handle: number of the domain, grant reference, and whether to write. */
#define HANDLE_DOMAIN_SHIFT	16
#define HANDLE_REF_SHIFT	1
#define HANDLE_WRITE		1U

static_assert(XEN_SHIM_MAX_GNTTAB_FRAMES * SHIM_GREFS_PER_FRAME <=
	      1 << (HANDLE_DOMAIN_SHIFT - HANDLE_REF_SHIFT));
/* ~0 is what drivers take for no handle. */
static_assert(SHIM_MAX_DOMAINS < 1 << (32 - HANDLE_DOMAIN_SHIFT));

static __always_inline grant_ref_t handle_ref(grant_handle_t handle)
{
	return (handle & GENMASK(HANDLE_DOMAIN_SHIFT - 1, HANDLE_REF_SHIFT)) >>
		HANDLE_REF_SHIFT;
}

/* The array that nearly all callers want the pages in, or NULL. */
static struct page **page_array(const struct gnttab_page_changed *page_cb)
{
	return page_cb->cb == xen_shim_page_to_array ? page_cb->ctx : NULL;
}

/*
 * Map grants of one domain: operations @first to @end, or up to one that is of
 * another domain. Sets @done to the number of operations. Returns how many of
 * them were refused.
 */
static noinline unsigned int map_batch(struct shim_domain *dom,
				       struct gnttab_map_grant_ref *ops,
				       unsigned int first, unsigned int end,
				       const struct gnttab_page_changed *page_cb,
				       unsigned int *done)
{
	const struct shim_region *region = &shim_no_region;
	struct page **pages = page_array(page_cb);
	struct gnttab_map_grant_ref *op = &ops[first];
	const domid_t domid = op->dom;
	struct shim_block block = SHIM_NO_BLOCK;
	const struct shim_use *use = NULL;
	u32 flags = ~0U, handle = 0;
	unsigned int i, refused = 0;
	unsigned long irq_flags;

	local_irq_save(irq_flags);
	for (i = first; i < end; i++, op++) {
		const grant_ref_t ref = op->ref;
		struct page *page;
		s16 status;

		if (unlikely(op->dom != domid))
			break;

		if (unlikely(op->flags != flags)) {
			bool write = !(op->flags & GNTMAP_readonly);

			/* Who asks for an address cannot use a page. */
			if (op->flags & ~GNTMAP_readonly) {
				status = GNTST_general_error;
				goto out_refuse;
			}

			flags = op->flags;
			use = &shim_uses[write];
			handle = dom->nr << HANDLE_DOMAIN_SHIFT |
				 (write ? HANDLE_WRITE : 0);
			/* It may be one that is not to be written. */
			region = &shim_no_region;
		}

		if (unlikely(ref / SHIM_GREFS_PER_LOCK != block.nr) &&
		    !shim_block_enter(&block, dom, ref)) {
			status = GNTST_bad_gntref;
			goto out_refuse;
		}

		status = shim_use_grant(dom, &block, ref, use, &region, &page);
		if (unlikely(status != GNTST_okay))
			goto out_refuse;

		op->status = GNTST_okay;
		op->handle = handle | ref << HANDLE_REF_SHIFT;
		if (likely(pages))
			pages[i] = page;
		else
			page_cb->cb(i, page_to_phys(page), page_cb->ctx);
		continue;

out_refuse:
		op->status = status;
		refused++;
	}
	shim_block_leave(&block);
	local_irq_restore(irq_flags);

	*done = i - first;

	return refused;
}

/* Count operations, of which all others are mapped. */
static void count_maps(struct shim_domain *dom, unsigned int done,
		       unsigned int refused)
{
	if (done > refused)
		atomic64_add(done - refused, &dom->stats.maps);
	if (refused)
		atomic64_add(refused, &dom->stats.refused);
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
	unsigned int i, done;

	for (i = 0; i < count; i += done) {
		unsigned int end = min(count, i + MAP_BATCH);
		struct shim_domain *dom = NULL;
		unsigned int refused;

		/* One reference per mapping, and back what is too many. */
		if (page_cb)
			dom = shim_domain_find_many(ops[i].dom, end - i);
		if (!dom) {
			done = 1;
			ops[i].status = page_cb ? GNTST_bad_domain :
						  GNTST_general_error;
			atomic64_inc(&shim_stats.refused);
			continue;
		}

		refused = map_batch(dom, ops, i, end, page_cb, &done);
		count_maps(dom, done, refused);
		if (end - i > done - refused)
			shim_domain_put_many(dom, end - i - done + refused);
	}
}

/*
 * Unmap what belongs to the domain of the first operation, up to an operation
 * of another one. Returns how many operations that was.
 */
static noinline unsigned int unmap_batch(struct gnttab_unmap_grant_ref *op,
					 unsigned int count)
{
	const u32 nr = op->handle >> HANDLE_DOMAIN_SHIFT;
	struct shim_domain *dom = shim_domain_by_nr(nr);
	struct shim_block block = SHIM_NO_BLOCK;
	unsigned int i, bad = 0;
	unsigned long flags;

	if (WARN_ON_ONCE(!dom)) {
		op->status = GNTST_bad_handle;
		return 1;
	}

	local_irq_save(flags);
	for (i = 0; i < count; i++, op++) {
		const grant_handle_t handle = op->handle;
		const grant_ref_t ref = handle_ref(handle);

		if (unlikely(handle >> HANDLE_DOMAIN_SHIFT != nr))
			break;

		if (unlikely(ref / SHIM_GREFS_PER_LOCK != block.nr) &&
		    !shim_block_enter(&block, dom, ref))
			goto out_bad;

		if (unlikely(!shim_unuse_grant(dom, &block, ref,
					       &shim_uses[handle & HANDLE_WRITE])))
			goto out_bad;

		op->status = GNTST_okay;
		continue;

out_bad:
		op->status = GNTST_bad_handle;
		bad++;
	}
	shim_block_leave(&block);
	local_irq_restore(flags);

	WARN_ON_ONCE(bad);
	if (i > bad) {
		atomic64_add(i - bad, &dom->stats.unmaps);
		shim_domain_put_many(dom, i - bad);
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
		unsigned int n;

		/* Has the domain of a handle that is not valid stay meanwhile. */
		rcu_read_lock();
		n = unmap_batch(ops, min(count, MAP_BATCH));
		rcu_read_unlock();

		ops += n;
		count -= n;
	}
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
	struct page *page = NULL;
	const struct gnttab_page_changed page_cb = {
		.cb = xen_shim_page_to_array,
		.ctx = &page,
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
		return page;
	case GNTST_bad_domain:
		return ERR_PTR(-ESRCH);
	case GNTST_no_space:
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

// SPDX-License-Identifier: GPL-2.0
/*
 * Grant operations: what backends call instead of the hypervisor
 *
 * Backends are trusted: what they pass is checked for errors of theirs, and
 * the grants, offsets and lengths that they pass on from a guest are checked
 * because they are hostile. Unmapping cannot fail, as drivers have no answer to
 * that. Any of this may run in hard interrupt context.
 *
 * References to a domain, and handles, are taken and given back for several
 * operations at a time.
 */
#include <linux/mm.h>
#include <linux/string.h>

#include <xen/grant_table.h>

#include "shim.h"

/* Handles that are taken from or given to the free list at once. */
#define HANDLE_BATCH	16

struct shim_stats shim_stats;
atomic_long_t shim_mapped;

static void count_maps(struct shim_domain *dom, unsigned int ok,
		       unsigned int refused)
{
	if (ok) {
		atomic_long_add(ok, &shim_mapped);
		atomic64_add(ok, &shim_stats.maps);
		atomic64_add(ok, &dom->stats.maps);
	}
	if (refused) {
		atomic64_add(refused, &shim_stats.refused);
		atomic64_add(refused, &dom->stats.refused);
	}
}

static s16 map_one(struct shim_domain *dom, struct gnttab_map_grant_ref *op,
		   grant_handle_t handle, struct page **page)
{
	bool write = !(op->flags & GNTMAP_readonly);
	struct shim_maptrack *entry;
	s16 status;

	/* Who asks for an address or a bus address cannot use a page. */
	if (op->flags & ~GNTMAP_readonly)
		return GNTST_general_error;

	status = shim_gref_get(dom, op->ref, write, page);
	if (status != GNTST_okay)
		return status;

	entry = shim_maptrack_entry(handle);
	entry->dom = dom;
	entry->ref = op->ref;
	entry->write = write;
	op->handle = handle;

	return GNTST_okay;
}

/* Map what belongs to one domain. Returns how many operations that was. */
static unsigned int map_run(struct gnttab_map_grant_ref *ops,
			    unsigned int first, unsigned int count,
			    const struct gnttab_page_changed *page_cb)
{
	struct shim_domain *dom = shim_domain_find(ops[first].dom);
	unsigned int i, used = 0, have = 0, ok = 0;
	grant_handle_t handles[HANDLE_BATCH];

	for (i = first; i < count && ops[i].dom == ops[first].dom; i++) {
		struct gnttab_map_grant_ref *op = &ops[i];
		struct page *page;

		if (!dom || !page_cb) {
			op->status = dom ? GNTST_general_error :
					   GNTST_bad_domain;
			continue;
		}

		if (used == have) {
			have = shim_maptrack_alloc(handles,
						   min(count - i, HANDLE_BATCH));
			used = 0;
		}
		if (used == have) {
			op->status = GNTST_no_device_space;
			continue;
		}

		op->status = map_one(dom, op, handles[used], &page);
		if (op->status != GNTST_okay)
			continue;

		used++;
		ok++;
		page_cb->cb(i, page_to_phys(page), page_cb->ctx);
	}

	shim_maptrack_free(handles + used, have - used);
	if (!dom) {
		atomic64_add(i - first, &shim_stats.refused);
		return i - first;
	}

	count_maps(dom, ok, i - first - ok);
	if (ok)
		refcount_add(ok, &dom->refs);
	shim_domain_put(dom);

	return i - first;
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
	unsigned int i = 0;

	while (i < count)
		i += map_run(ops, i, count, page_cb);
}

/**
 * shim_unmap_grants - see struct xen_shim_ops
 * @ops: what to unmap
 * @count: number of operations
 */
void shim_unmap_grants(struct gnttab_unmap_grant_ref *ops, unsigned int count)
{
	grant_handle_t handles[HANDLE_BATCH];
	struct shim_domain *dom = NULL;
	unsigned int i, n = 0, refs = 0;

	for (i = 0; i < count; i++) {
		struct shim_maptrack *entry;

		entry = shim_maptrack_entry(ops[i].handle);
		if (WARN_ON_ONCE(!entry || !entry->dom)) {
			ops[i].status = GNTST_bad_handle;
			continue;
		}

		if (entry->dom != dom) {
			if (refs)
				shim_domain_put_many(dom, refs);
			dom = entry->dom;
			refs = 0;
		}

		shim_gref_put(dom, entry->ref, entry->write);
		entry->dom = NULL;
		ops[i].status = GNTST_okay;
		refs++;
		handles[n++] = ops[i].handle;
		if (n == HANDLE_BATCH) {
			shim_maptrack_free(handles, n);
			atomic_long_sub(n, &shim_mapped);
			n = 0;
		}
	}

	shim_maptrack_free(handles, n);
	atomic_long_sub(n, &shim_mapped);
	if (refs)
		shim_domain_put_many(dom, refs);
}

/* One end of a copy: a granted page, or one of this kernel. */
struct copy_end {
	struct shim_domain *dom;
	grant_ref_t ref;
	bool write;
	struct page *page;
};

static s16 copy_end_get(struct copy_end *end, bool is_ref, domid_t domid,
			grant_ref_t ref, xen_pfn_t gmfn, bool write)
{
	s16 status;

	end->dom = NULL;
	if (!is_ref) {
		if (domid != DOMID_SELF)
			return GNTST_permission_denied;
		if (!pfn_valid(gmfn))
			return GNTST_bad_page;
		end->page = pfn_to_page(gmfn);
		return GNTST_okay;
	}

	end->dom = shim_domain_find(domid);
	if (!end->dom)
		return GNTST_bad_domain;

	end->ref = ref;
	end->write = write;
	status = shim_gref_get(end->dom, ref, write, &end->page);
	if (status != GNTST_okay) {
		atomic64_inc(&end->dom->stats.refused);
		shim_domain_put(end->dom);
		end->dom = NULL;
	}

	return status;
}

static void copy_end_put(struct copy_end *end)
{
	if (!end->dom)
		return;

	shim_gref_put(end->dom, end->ref, end->write);
	atomic64_inc(&end->dom->stats.copies);
	shim_domain_put(end->dom);
}

static s16 copy_one(const struct gnttab_copy *op)
{
	struct copy_end src, dst;
	s16 status;

	if (op->flags & ~(GNTCOPY_source_gref | GNTCOPY_dest_gref))
		return GNTST_general_error;

	if (op->source.offset + op->len > XEN_PAGE_SIZE ||
	    op->dest.offset + op->len > XEN_PAGE_SIZE)
		return GNTST_bad_copy_arg;

	status = copy_end_get(&src, op->flags & GNTCOPY_source_gref,
			      op->source.domid, op->source.u.ref,
			      op->source.u.gmfn, false);
	if (status != GNTST_okay)
		return status;

	status = copy_end_get(&dst, op->flags & GNTCOPY_dest_gref,
			      op->dest.domid, op->dest.u.ref,
			      op->dest.u.gmfn, true);
	if (status == GNTST_okay) {
		memcpy(page_address(dst.page) + op->dest.offset,
		       page_address(src.page) + op->source.offset, op->len);
		copy_end_put(&dst);
	}
	copy_end_put(&src);

	return status;
}

/**
 * shim_copy_grants - see struct xen_shim_ops
 * @ops: what to copy
 * @count: number of operations
 */
void shim_copy_grants(struct gnttab_copy *ops, unsigned int count)
{
	unsigned int i, ok = 0;

	for (i = 0; i < count; i++) {
		ops[i].status = copy_one(&ops[i]);
		ok += ops[i].status == GNTST_okay;
	}

	atomic64_add(ok, &shim_stats.copies);
	atomic64_add(count - ok, &shim_stats.refused);
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

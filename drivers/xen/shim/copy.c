// SPDX-License-Identifier: GPL-2.0
/*
 * Copies between granted pages and those of this kernel
 *
 * Offsets and lengths may be a guest's: no range crosses the end of its page.
 * A grant is in use while it is copied, so the guest does not take it back.
 */
#include <linux/mm.h>
#include <linux/string.h>

#include "shim.h"

/* One end of a copy: a granted page, or one of this kernel. */
struct copy_end {
	struct shim_domain *dom;	/* NULL for this kernel */
	grant_ref_t ref;
	bool write;
	struct page *page;
};

/*
 * The domain of the last operation and the region of its page, as those of the
 * next one are likely to be the same; and how many ranges were copied for the
 * domain since it was found. There is one to read from, and one to write to.
 */
struct copy_domain {
	struct shim_domain *dom;
	const struct shim_region *region;
	domid_t domid;
	unsigned int copies;
};

static void copy_domain_put(struct copy_domain *last)
{
	if (!last->dom)
		return;

	if (last->copies)
		atomic64_add(last->copies, &last->dom->stats.copies);
	shim_domain_put(last->dom);
}

static struct shim_domain *copy_domain_find(struct copy_domain *last,
					    domid_t domid)
{
	if (last->dom && last->domid == domid)
		return last->dom;

	copy_domain_put(last);
	last->dom = shim_domain_find(domid);
	last->region = &shim_no_region;
	last->domid = domid;
	last->copies = 0;

	return last->dom;
}

/* Count that, for the domain that has refused it if there is one. */
static s16 refuse(struct shim_domain *dom, s16 status)
{
	atomic64_inc(dom ? &dom->stats.refused : &shim_stats.refused);

	return status;
}

static s16 copy_end_get(struct copy_end *end, struct copy_domain *last,
			bool is_ref, domid_t domid, grant_ref_t ref,
			xen_pfn_t gmfn, bool write)
{
	s16 status;

	if (!is_ref) {
		if (domid != DOMID_SELF)
			return refuse(NULL, GNTST_permission_denied);
		if (!pfn_valid(gmfn))
			return refuse(NULL, GNTST_bad_page);
		end->dom = NULL;
		end->page = pfn_to_page(gmfn);
		return GNTST_okay;
	}

	end->dom = copy_domain_find(last, domid);
	if (!end->dom)
		return refuse(NULL, GNTST_bad_domain);

	end->ref = ref;
	end->write = write;
	status = shim_gref_get(end->dom, ref, write, &last->region, &end->page);

	return status == GNTST_okay ? status : refuse(end->dom, status);
}

static void copy_end_put(struct copy_end *end)
{
	if (end->dom)
		shim_gref_put(end->dom, end->ref, end->write);
}

static s16 copy_one(const struct gnttab_copy *op, struct copy_domain *from,
		    struct copy_domain *to)
{
	struct copy_end src, dst;
	s16 status;

	if (op->flags & ~(GNTCOPY_source_gref | GNTCOPY_dest_gref))
		return refuse(NULL, GNTST_general_error);

	if (op->source.offset + op->len > XEN_PAGE_SIZE ||
	    op->dest.offset + op->len > XEN_PAGE_SIZE)
		return refuse(NULL, GNTST_bad_copy_arg);

	status = copy_end_get(&src, from, op->flags & GNTCOPY_source_gref,
			      op->source.domid, op->source.u.ref,
			      op->source.u.gmfn, false);
	if (status != GNTST_okay)
		return status;

	status = copy_end_get(&dst, to, op->flags & GNTCOPY_dest_gref,
			      op->dest.domid, op->dest.u.ref,
			      op->dest.u.gmfn, true);
	if (status == GNTST_okay) {
		/* A guest may have granted the same page at both ends. */
		memmove(page_address(dst.page) + op->dest.offset,
			page_address(src.page) + op->source.offset, op->len);
		copy_end_put(&dst);
		(dst.dom ? to : from)->copies++;
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
	struct copy_domain from = { }, to = { };
	unsigned int i;

	for (i = 0; i < count; i++)
		ops[i].status = copy_one(&ops[i], &from, &to);

	copy_domain_put(&from);
	copy_domain_put(&to);
}

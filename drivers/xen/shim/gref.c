// SPDX-License-Identifier: GPL-2.0
/*
 * The use of single grants, and why one is refused
 *
 * See gref.h for what is done to the guest's entry.
 */
#include "gref.h"

const struct shim_region shim_no_region;

const struct shim_use shim_uses[2] = {
	[false] = {
		.mask = { .flags = GTF_type_mask, .domid = (domid_t)~0 },
		.set = { .flags = GTF_reading },
		.one = SHIM_READER,
		.all = SHIM_READER * SHIM_MAX_USERS,
	},
	[true] = {
		.mask = { .flags = GTF_type_mask | GTF_readonly,
			  .domid = (domid_t)~0 },
		.set = { .flags = GTF_reading | GTF_writing },
		.one = SHIM_WRITER,
		.all = SHIM_WRITER * SHIM_MAX_USERS,
	},
};

/**
 * shim_gref_refusal - why an entry does not permit what was asked for
 * @header: its flags and domain ID
 *
 * Return: GNTST_bad_gntref if it grants nothing to a backend, else
 * GNTST_permission_denied
 */
s16 shim_gref_refusal(u32 header)
{
	/* What permits to read, at least. */
	if ((header & shim_uses[false].mask.word) != SHIM_PERMITTED)
		return GNTST_bad_gntref;

	return GNTST_permission_denied;
}

/**
 * shim_gref_used - whether a grant that is in use may be used once more
 * @active: how it is used
 * @gfn: what its entry says now
 * @use: how it shall be used
 *
 * Context: The caller holds the lock of the grant.
 * Return: GNTST_okay; GNTST_general_error if the guest has changed the frame,
 * as there is no telling which one is meant; GNTST_no_space if there are too
 * many users
 */
s16 shim_gref_used(const struct shim_active *active, u32 gfn,
		   const struct shim_use *use)
{
	if (active->gfn != gfn)
		return GNTST_general_error;

	return (active->users & use->all) == use->all ? GNTST_no_space :
							GNTST_okay;
}

/**
 * shim_gref_get - use a granted page
 * @dom: whose grant it is; the caller has a reference
 * @ref: grant reference, as the guest gave it
 * @write: whether the page is to be written
 * @region: where the page of the last grant was, for the same use, or
 *	&shim_no_region; set to where this one's is
 * @page: set to the page
 *
 * Context: Any.
 * Return: GNTST_okay, then call shim_gref_put() later; or why it is refused
 */
s16 shim_gref_get(struct shim_domain *dom, grant_ref_t ref, bool write,
		  const struct shim_region **region, struct page **page)
{
	struct shim_block block = SHIM_NO_BLOCK;
	s16 status = GNTST_bad_gntref;
	unsigned long flags;

	local_irq_save(flags);
	if (shim_block_enter(&block, dom, ref))
		status = shim_use_grant(dom, &block, ref, &shim_uses[write],
					region, page);
	shim_block_leave(&block);
	local_irq_restore(flags);

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
	struct shim_block block = SHIM_NO_BLOCK;
	unsigned long flags;
	bool done;

	local_irq_save(flags);
	done = shim_block_enter(&block, dom, ref) &&
	       shim_unuse_grant(dom, &block, ref, &shim_uses[write]);
	shim_block_leave(&block);
	local_irq_restore(flags);

	WARN_ON_ONCE(!done);
}

// SPDX-License-Identifier: GPL-2.0
/*
 * Which pages of a guest backends have written: for live migration
 *
 * As with vhost, a page is marked when its writer is done with it: at the last
 * unmap of one writable mapping and after a copy. What is mapped writable when
 * the log is read, such as rings and persistent grants, is reported each time.
 * The bitmaps are allocated when they are first asked for, and then stay.
 */
#include <linux/bitmap.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "shim.h"

/* Most words of the log that one call may ask for: 2^20 pages. */
#define MAX_LOG_PAGES	BIT(20)

/**
 * shim_dirty_mark - note that a page was written
 * @dom: domain, which logs
 * @gfn: guest frame number
 *
 * Context: Any.
 */
void shim_dirty_mark(struct shim_domain *dom, u64 gfn)
{
	unsigned int i;

	for (i = 0; i < dom->nr_regions; i++) {
		struct shim_region *region = &dom->regions[i];

		if (gfn - region->gfn < region->nr_pages) {
			set_bit(gfn - region->gfn, region->dirty);
			return;
		}
	}
}

/**
 * shim_dirty_enable - start or stop to log
 * @dom: domain
 * @on: whether to log from now on; then nothing is dirty
 *
 * Context: May sleep. The caller holds the domain's lock.
 * Return: 0; -EINVAL without memory table; -ENOMEM
 */
int shim_dirty_enable(struct shim_domain *dom, bool on)
{
	unsigned int i;

	lockdep_assert_held(&dom->lock);

	if (!dom->nr_regions)
		return -EINVAL;

	for (i = 0; on && i < dom->nr_regions; i++) {
		struct shim_region *region = &dom->regions[i];
		size_t nr = BITS_TO_LONGS(region->nr_pages);

		if (region->dirty)
			bitmap_zero(region->dirty, region->nr_pages);
		else
			region->dirty = kvcalloc(nr, sizeof(long),
						 GFP_KERNEL_ACCOUNT |
						 __GFP_NOWARN);
		if (!region->dirty)
			return -ENOMEM;
	}

	/* Pairs with shim_block_enter(): who logs finds the bitmaps. */
	smp_store_release(&dom->logging, on);
	/*
	 * Who ceased to use a page without having seen this has done so by the
	 * time that this returns, and what was written is in the memory that
	 * the caller sees.
	 */
	shim_gnttab_sync(dom);

	return 0;
}

/* Take the bits of 64 pages out of the log. */
static u64 take_word(struct shim_domain *dom, u64 gfn)
{
	unsigned int i, bit;
	u64 word = 0;

	for (i = 0; i < dom->nr_regions; i++) {
		struct shim_region *region = &dom->regions[i];

		if (gfn + 64 <= region->gfn ||
		    gfn >= region->gfn + region->nr_pages)
			continue;

		for (bit = 0; bit < 64; bit++) {
			u64 idx = gfn + bit - region->gfn;

			if (idx < region->nr_pages &&
			    test_bit(idx, region->dirty) &&
			    test_and_clear_bit(idx, region->dirty))
				word |= BIT_ULL(bit);
		}
	}

	return word;
}

/**
 * shim_dirty_get - copy a part of the log to user space, and clear it
 * @dom: domain
 * @log: which part, and where to
 *
 * Context: May sleep. The caller holds the domain's lock.
 * Return: 0; -EINVAL for a bad range, or if nothing is logged; -EFAULT, then
 * bits may be lost, as nobody can know which ones arrived
 */
int shim_dirty_get(struct shim_domain *dom,
		   const struct xen_shim_dirty_log *log)
{
	u64 __user *to = u64_to_user_ptr(log->bitmap);
	u64 gfn = log->gpa >> PAGE_SHIFT;
	u64 done;

	lockdep_assert_held(&dom->lock);

	if (log->flags || log->pad || log->nr_pages > MAX_LOG_PAGES ||
	    !IS_ALIGNED(log->gpa, 64 * PAGE_SIZE) ||
	    log->gpa + (log->nr_pages << PAGE_SHIFT) < log->gpa)
		return -EINVAL;

	if (!dom->logging)
		return -EINVAL;

	shim_gnttab_dirty(dom);

	for (done = 0; done < log->nr_pages; done += 64, to++) {
		u64 word = take_word(dom, gfn + done);

		/* Bits of pages that were not asked for stay in the log. */
		if (log->nr_pages - done < 64) {
			u64 rest = word & ~GENMASK_ULL(log->nr_pages - done - 1,
						       0);
			unsigned int bit;

			word &= ~rest;
			for (bit = 0; rest; bit++, rest >>= 1)
				if (rest & 1)
					shim_dirty_mark(dom, gfn + done + bit);
		}

		if (put_user(word, to))
			return -EFAULT;
		cond_resched();
	}

	return 0;
}

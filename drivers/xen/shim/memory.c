// SPDX-License-Identifier: GPL-2.0
/*
 * The memory of a guest: pinned, charged, and found by frame number
 *
 * Everything is pinned at once, before the first grant is mapped, since a
 * backend maps and unmaps where it may not sleep. It is charged to the limit
 * on locked memory (RLIMIT_MEMLOCK) of the process that set the table, and the
 * charge lives as long as the pins, even if the process is gone by then.
 */
#include <linux/mm.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "shim.h"

/* Pages that are pinned at once: what one look at signals is worth. */
#define PIN_BATCH	1024

atomic_long_t shim_pinned;

static int pin_region(struct shim_region *region, u64 hva)
{
	unsigned int gup_flags = FOLL_LONGTERM;
	unsigned long done = 0;

	if (!region->readonly)
		gup_flags |= FOLL_WRITE;

	while (done < region->nr_pages) {
		int n = min(region->nr_pages - done, PIN_BATCH);

		n = pin_user_pages_fast(hva + done * PAGE_SIZE, n, gup_flags,
					region->pages + done);
		if (n > 0)
			done += n;
		else
			break;

		if (fatal_signal_pending(current))
			break;
		cond_resched();
	}

	if (done == region->nr_pages)
		return 0;

	unpin_user_pages(region->pages, done);

	return fatal_signal_pending(current) ? -EINTR : -EFAULT;
}

static void unpin_regions(struct shim_region *regions, unsigned int nr)
{
	while (nr--) {
		struct shim_region *region = &regions[nr];

		unpin_user_pages_dirty_lock(region->pages, region->nr_pages,
					    !region->readonly);
		kvfree(region->pages);
		kvfree(region->dirty);
	}
	kfree(regions);
}

/* The regions of a table and what it takes to pin them. */
static int check_table(const struct xen_shim_mem_region *table,
		       unsigned int nr, unsigned long *total)
{
	u64 next = 0;

	*total = 0;
	while (nr--) {
		const struct xen_shim_mem_region *r = table++;

		if (r->pad || (r->flags & ~XEN_SHIM_MEM_READONLY) || !r->size ||
		    !IS_ALIGNED(r->gpa | r->size | r->hva, PAGE_SIZE))
			return -EINVAL;

		/* Ordered, and neither overlapping nor wrapping around. */
		if (r->gpa < next || r->gpa + r->size < r->gpa)
			return -EINVAL;

		if (r->hva != (unsigned long)r->hva ||
		    !access_ok((void __user *)(unsigned long)r->hva, r->size))
			return -EFAULT;

		next = r->gpa + r->size;
		*total += r->size >> PAGE_SHIFT;
	}

	return 0;
}

static int pin_table(const struct xen_shim_mem_region *table, unsigned int nr,
		     struct shim_region *regions)
{
	unsigned int i;
	int err;

	for (i = 0; i < nr; i++) {
		struct shim_region *region = &regions[i];

		region->gfn = table[i].gpa >> PAGE_SHIFT;
		region->nr_pages = table[i].size >> PAGE_SHIFT;
		region->readonly = table[i].flags & XEN_SHIM_MEM_READONLY;
		region->pages = kvmalloc_array(region->nr_pages,
					       sizeof(*region->pages),
					       GFP_KERNEL_ACCOUNT |
					       __GFP_NOWARN);
		err = region->pages ? pin_region(region, table[i].hva) :
				      -ENOMEM;
		if (err) {
			kvfree(region->pages);
			unpin_regions(regions, i);
			return err;
		}
	}

	return 0;
}

/**
 * shim_memory_set - pin the memory of a guest
 * @dom: domain, which has none yet
 * @table: regions
 * @nr: number of regions, 1 .. XEN_SHIM_MAX_REGIONS
 *
 * Context: May sleep. The caller holds the domain's lock.
 * Return: 0, or an error, and nothing was changed: -EBUSY if there is a table,
 * -ENOMEM beyond RLIMIT_MEMLOCK
 */
int shim_memory_set(struct shim_domain *dom,
		    const struct xen_shim_mem_region *table, unsigned int nr)
{
	struct shim_region *regions;
	unsigned long total;
	int err;

	lockdep_assert_held(&dom->lock);

	if (dom->nr_regions)
		return -EBUSY;

	err = check_table(table, nr, &total);
	if (err)
		return err;

	regions = kcalloc(nr, sizeof(*regions), GFP_KERNEL_ACCOUNT);
	if (!regions)
		return -ENOMEM;

	err = account_locked_vm(current->mm, total, true);
	if (err) {
		kfree(regions);
		return err;
	}

	err = pin_table(table, nr, regions);
	if (err) {
		account_locked_vm(current->mm, total, false);
		return err;
	}

	mmgrab(current->mm);
	dom->mm = current->mm;
	dom->pinned = total;
	dom->regions = regions;
	atomic_long_add(total, &shim_pinned);
	/* Pairs with shim_memory_region(). */
	smp_store_release(&dom->nr_regions, nr);

	return 0;
}

/**
 * shim_memory_region - look up where a page of a guest is
 * @dom: domain; the caller has a reference
 * @gfn: guest frame number, as the guest gave it
 * @write: whether the page is to be written
 *
 * Context: Any.
 * Return: The region that has the page, and stays as long as the reference;
 * NULL if there is none, or if it may only be read
 */
const struct shim_region *shim_memory_region(const struct shim_domain *dom,
					     u64 gfn, bool write)
{
	/* Pairs with shim_memory_set(). */
	unsigned int nr = smp_load_acquire(&dom->nr_regions);
	const struct shim_region *region;

	for (region = dom->regions; region < dom->regions + nr; region++) {
		if (gfn - region->gfn >= region->nr_pages)
			continue;

		return write && region->readonly ? NULL : region;
	}

	return NULL;
}

/**
 * shim_memory_free - unpin the memory of a guest
 * @dom: domain, which nobody uses
 *
 * Context: May sleep.
 */
void shim_memory_free(struct shim_domain *dom)
{
	if (!dom->nr_regions)
		return;

	unpin_regions(dom->regions, dom->nr_regions);
	account_locked_vm(dom->mm, dom->pinned, false);
	mmdrop(dom->mm);
	atomic_long_sub(dom->pinned, &shim_pinned);
}

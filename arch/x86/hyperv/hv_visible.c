// SPDX-License-Identifier: GPL-2.0
/*
 * Record of the guest pages that are visible to the host
 *
 * Before a kexec all of them must become private, as the next kernel knows
 * nothing of them. They are kept as runs of consecutive page frames. Memory is
 * shared in chunks of 2 MiB, so there are few of them.
 *
 * Invariants:
 *  - Runs are sorted, not empty, and there is a gap between any two of them.
 *  - Nothing is allocated under the lock, or once pages have changed hands:
 *    what a change of the set needs is reserved before.
 *  - If a change fails, the set names pages that are private. It never lacks
 *    one that is visible, as long as callers add before they share, and remove
 *    after they unshared.
 */
#include <linux/list.h>
#include <linux/minmax.h>
#include <linux/slab.h>

#include <kunit/visibility.h>

#include "hv_visible.h"

/* Page frames from @first to before @end */
struct hv_visible_run {
	struct list_head node;
	u64 first;
	u64 end;
};

/* How many of the page frames follow each other? */
static unsigned int run_length(const u64 pfns[], unsigned int count)
{
	unsigned int n = 1;

	while (n < count && pfns[n] == pfns[0] + n)
		n++;

	return n;
}

/**
 * hv_visible_unreserve() - free what a change of the set did not need
 * @spare: as filled by hv_visible_reserve()
 *
 * Context: Any in which kfree() is allowed.
 */
void hv_visible_unreserve(struct list_head *spare)
{
	struct hv_visible_run *run, *tmp;

	list_for_each_entry_safe(run, tmp, spare, node) {
		list_del(&run->node);
		kfree(run);
	}
}
EXPORT_SYMBOL_IF_KUNIT(hv_visible_unreserve);

/**
 * hv_visible_reserve() - allocate what one change of the set may need
 * @spare: list head to initialize and fill
 * @pfns: page frames that will be added or removed
 * @count: number of page frames
 *
 * Each run of page frames becomes one run of the set when it is added, and
 * splits at most one when it is removed.
 *
 * Context: Process context, may sleep.
 * Return: 0, or -ENOMEM with an empty list.
 */
int hv_visible_reserve(struct list_head *spare, const u64 pfns[],
		       unsigned int count)
{
	struct hv_visible_run *run;
	unsigned int n;

	INIT_LIST_HEAD(spare);
	for (; count; pfns += n, count -= n) {
		n = run_length(pfns, count);
		run = kzalloc_obj(*run);
		if (!run) {
			hv_visible_unreserve(spare);
			return -ENOMEM;
		}
		list_add(&run->node, spare);
	}

	return 0;
}
EXPORT_SYMBOL_IF_KUNIT(hv_visible_reserve);

/* Put a reserved run into the set, in front of @next. */
static int insert_run(struct list_head *next, u64 first, u64 end,
		      struct list_head *spare)
{
	struct hv_visible_run *run;

	run = list_first_entry_or_null(spare, struct hv_visible_run, node);
	if (!run)
		return -ENOMEM;

	run->first = first;
	run->end = end;
	list_move_tail(&run->node, next);
	return 0;
}

static int add_run(struct hv_visible *set, u64 first, u64 end,
		   struct list_head *spare)
{
	struct hv_visible_run *run, *next;

	list_for_each_entry(run, &set->runs, node) {
		if (run->end >= first)
			break;
	}
	if (list_entry_is_head(run, &set->runs, node) || run->first > end)
		return insert_run(&run->node, first, end, spare);

	run->first = min(run->first, first);
	run->end = max(run->end, end);

	/* Having grown, it may have reached those behind it. */
	while (!list_is_last(&run->node, &set->runs)) {
		next = list_next_entry(run, node);
		if (next->first > run->end)
			break;
		run->end = max(run->end, next->end);
		list_move(&next->node, spare);
	}

	return 0;
}

static int remove_run(struct hv_visible *set, u64 first, u64 end,
		      struct list_head *spare)
{
	struct hv_visible_run *run, *tmp;
	int ret;

	list_for_each_entry_safe(run, tmp, &set->runs, node) {
		if (run->end <= first)
			continue;
		if (run->first >= end)
			break;

		if (run->first < first && run->end > end) {
			ret = insert_run(&run->node, run->first, first, spare);
			if (!ret)
				run->first = end;
			return ret;
		}
		if (run->first < first)
			run->end = first;
		else if (run->end > end)
			run->first = end;
		else
			list_move(&run->node, spare);
	}

	return 0;
}

/* Apply @change to each run of consecutive page frames, under the lock. */
static int change_runs(struct hv_visible *set, const u64 pfns[],
		       unsigned int count, struct list_head *spare,
		       int (*change)(struct hv_visible *set, u64 first, u64 end,
				     struct list_head *spare))
{
	unsigned int n;
	int ret;

	guard(raw_spinlock_irqsave)(&set->lock);

	for (; count; pfns += n, count -= n) {
		n = run_length(pfns, count);
		ret = change(set, pfns[0], pfns[0] + n, spare);
		if (ret)
			return ret;
	}

	return 0;
}

/**
 * hv_visible_add() - add page frames that are about to become visible
 * @set: the set
 * @pfns: page frames; those that are in the set already do no harm
 * @count: number of page frames
 * @spare: what hv_visible_reserve() allocated for them; runs that were merged
 *	   are added to it
 *
 * Context: Any. Takes the lock of the set.
 * Return: 0, or -ENOMEM if @spare is too short, and some were not added.
 */
int hv_visible_add(struct hv_visible *set, const u64 pfns[],
		   unsigned int count, struct list_head *spare)
{
	return change_runs(set, pfns, count, spare, add_run);
}
EXPORT_SYMBOL_IF_KUNIT(hv_visible_add);

/**
 * hv_visible_remove() - remove page frames that are private again
 * @set: the set
 * @pfns: page frames; those that are not in the set do no harm
 * @count: number of page frames
 * @spare: what hv_visible_reserve() allocated for them; runs that are not
 *	   needed any more are added to it
 *
 * Context: Any. Takes the lock of the set.
 * Return: 0, or -ENOMEM if @spare is too short, and some were not removed.
 */
int hv_visible_remove(struct hv_visible *set, const u64 pfns[],
		      unsigned int count, struct list_head *spare)
{
	return change_runs(set, pfns, count, spare, remove_run);
}
EXPORT_SYMBOL_IF_KUNIT(hv_visible_remove);

/**
 * hv_visible_next() - list page frames of the set, across runs
 * @set: the set
 * @cursor: 0 at first; where to go on at the next call
 * @pfns: where to put them, in ascending order
 * @max: how many fit there
 *
 * Context: Any in which the set does not change: the lock is not taken, as
 *	    this is for a kernel that is about to be replaced, or has crashed
 *	    with the lock held.
 * Return: Number of page frames; 0 at the end.
 */
unsigned int hv_visible_next(const struct hv_visible *set, u64 *cursor,
			     u64 pfns[], unsigned int max)
{
	struct hv_visible_run *run;
	unsigned int n = 0;
	u64 pfn;

	list_for_each_entry(run, &set->runs, node) {
		for (pfn = max(run->first, *cursor); pfn < run->end; pfn++) {
			if (n == max)
				return n;
			pfns[n++] = pfn;
			*cursor = pfn + 1;
		}
	}

	return n;
}
EXPORT_SYMBOL_IF_KUNIT(hv_visible_next);

/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Record of the guest pages that are visible to the host: interface
 *
 * See hv_visible.c. The units are Hyper-V page frame numbers, of 4 KiB.
 */
#ifndef _ARCH_X86_HYPERV_HV_VISIBLE_H
#define _ARCH_X86_HYPERV_HV_VISIBLE_H

#include <linux/list.h>
#include <linux/spinlock.h>
#include <linux/types.h>

/**
 * struct hv_visible - a set of page frames
 * @lock: protects the set; no other lock is taken under it
 * @runs: &struct hv_visible_run, sorted, not adjacent to each other
 */
struct hv_visible {
	raw_spinlock_t lock;	/* protects @runs */
	struct list_head runs;
};

int hv_visible_reserve(struct list_head *spare, const u64 pfns[],
		       unsigned int count);
void hv_visible_unreserve(struct list_head *spare);
int hv_visible_add(struct hv_visible *set, const u64 pfns[],
		   unsigned int count, struct list_head *spare);
int hv_visible_remove(struct hv_visible *set, const u64 pfns[],
		      unsigned int count, struct list_head *spare);
unsigned int hv_visible_next(const struct hv_visible *set, u64 *cursor,
			     u64 pfns[], unsigned int max);

#endif /* _ARCH_X86_HYPERV_HV_VISIBLE_H */

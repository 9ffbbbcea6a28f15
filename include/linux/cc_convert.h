/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Accounting of conversions between private and shared guest memory
 *
 * The architecture calls cc_convert_account() once for every request to
 * convert memory, when its outcome is known. Outside confidential guests, and
 * without CONFIG_CC_CONVERT, the call is a no-op behind a static branch.
 *
 * See Documentation/arch/x86/cc-convert.rst for the counters and the event.
 */
#ifndef _LINUX_CC_CONVERT_H
#define _LINUX_CC_CONVERT_H

#include <linux/atomic.h>
#include <linux/jump_label.h>
#include <linux/types.h>

/**
 * struct cc_convert_split - a range of memory, by size of its parts
 * @nr_2m: number of naturally aligned 2 MiB blocks wholly in the range
 * @nr_4k: number of 4 KiB pages of the range outside of such blocks
 *
 * Alignment is that of the physical address.
 */
struct cc_convert_split {
	unsigned long nr_2m;
	unsigned long nr_4k;
};

#ifdef CONFIG_CC_CONVERT

/**
 * struct cc_convert_counters - what was converted in one direction
 * @nr_2m: naturally aligned 2 MiB blocks
 * @nr_4k: 4 KiB pages outside of such blocks
 * @nr_failed: requests that failed
 *
 * All CPUs share them: a conversion flushes the TLBs of all CPUs, too.
 */
struct cc_convert_counters {
	atomic_long_t nr_2m;
	atomic_long_t nr_4k;
	atomic_long_t nr_failed;
};

DECLARE_STATIC_KEY_FALSE(cc_convert_key);

struct cc_convert_split cc_convert_split_range(unsigned long addr,
					       unsigned long nr_pages);
void __cc_convert_account(unsigned long addr, unsigned long nr_pages, bool enc,
			  int ret, unsigned long caller);
void cc_convert_init(void);

/**
 * cc_convert_account() - account for one conversion request
 * @addr: kernel virtual address of the first page
 * @nr_pages: number of pages
 * @enc: true for a conversion to private, false for one to shared
 * @ret: 0, or the error code with which the conversion failed
 * @caller: return address of the function that asked for the conversion
 *
 * Context: Any.
 */
static inline void cc_convert_account(unsigned long addr,
				      unsigned long nr_pages, bool enc, int ret,
				      unsigned long caller)
{
	if (static_branch_unlikely(&cc_convert_key))
		__cc_convert_account(addr, nr_pages, enc, ret, caller);
}

#if IS_ENABLED(CONFIG_KUNIT)
extern struct cc_convert_counters cc_convert_to_shared;
extern struct cc_convert_counters cc_convert_to_private;

void cc_convert_split_add(struct cc_convert_split *split, unsigned long pfn,
			  unsigned long nr_pages);
#endif

#else /* !CONFIG_CC_CONVERT */

static inline void cc_convert_account(unsigned long addr,
				      unsigned long nr_pages, bool enc, int ret,
				      unsigned long caller)
{
}

static inline void cc_convert_init(void)
{
}

#endif /* CONFIG_CC_CONVERT */
#endif /* _LINUX_CC_CONVERT_H */

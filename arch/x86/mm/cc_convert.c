// SPDX-License-Identifier: GPL-2.0
/*
 * Accounting of conversions between private and shared memory
 *
 * Every conversion costs a confidential guest hypercalls and TLB flushes, and
 * a conversion of less than 2 MiB costs its host a large page. This file says
 * how many there are: six counters in sysfs, and one trace event.
 *
 * Conversions reach it by two ways: set_memory_encrypted() and
 * set_memory_decrypted(), and their early counterparts in mem_encrypt_amd.c.
 * What reaches neither is listed in Documentation/arch/x86/cc-convert.rst.
 *
 * Invariants:
 *  - Nothing is counted outside confidential guests. SME on bare metal
 *    converts memory too, but there is no host which would have to follow.
 *  - What is counted is what the kernel asked for. Into how many hypercalls a
 *    platform divides a request is not visible here.
 *  - Accounting never changes the outcome of a conversion.
 */
#include <linux/atomic.h>
#include <linux/cc_convert.h>
#include <linux/cc_platform.h>
#include <linux/export.h>
#include <linux/init.h>
#include <linux/kobject.h>
#include <linux/math.h>
#include <linux/mm.h>
#include <linux/overflow.h>
#include <linux/sizes.h>
#include <linux/sysfs.h>
#include <linux/vmalloc.h>

#include <kunit/visibility.h>

#define CREATE_TRACE_POINTS
#include <trace/events/cc_convert.h>

#define PAGES_PER_2M	(SZ_2M / PAGE_SIZE)

VISIBLE_IF_KUNIT struct cc_convert_counters cc_convert_to_shared;
EXPORT_SYMBOL_IF_KUNIT(cc_convert_to_shared);
VISIBLE_IF_KUNIT struct cc_convert_counters cc_convert_to_private;
EXPORT_SYMBOL_IF_KUNIT(cc_convert_to_private);

DEFINE_STATIC_KEY_FALSE(cc_convert_key);

/**
 * cc_convert_split_add() - add a physically contiguous range to a split
 * @split: what to add to
 * @pfn: first page frame of the range
 * @nr_pages: number of pages
 *
 * A range that runs past the end of the number space contains no blocks.
 *
 * Context: Any.
 */
VISIBLE_IF_KUNIT void cc_convert_split_add(struct cc_convert_split *split,
					   unsigned long pfn,
					   unsigned long nr_pages)
{
	unsigned long first, last, end;

	first = round_up(pfn, PAGES_PER_2M);
	if (first < pfn || check_add_overflow(pfn, nr_pages, &end)) {
		split->nr_4k += nr_pages;
		return;
	}

	last = round_down(end, PAGES_PER_2M);
	if (last <= first) {
		split->nr_4k += nr_pages;
		return;
	}

	split->nr_2m += (last - first) / PAGES_PER_2M;
	split->nr_4k += nr_pages - (last - first);
}
EXPORT_SYMBOL_IF_KUNIT(cc_convert_split_add);

static struct cc_convert_split split_vmalloc(unsigned long addr,
					     unsigned long nr_pages)
{
	struct cc_convert_split split = {};
	unsigned long pfn, run_pfn = 0, run = 0;
	struct page *page;

	for (; nr_pages; nr_pages--, addr += PAGE_SIZE) {
		page = vmalloc_to_page((void *)addr);
		if (!page) {
			split.nr_4k++;
			continue;
		}

		pfn = page_to_pfn(page);
		if (run && pfn == run_pfn + run) {
			run++;
			continue;
		}

		cc_convert_split_add(&split, run_pfn, run);
		run_pfn = pfn;
		run = 1;
	}
	cc_convert_split_add(&split, run_pfn, run);

	return split;
}

/**
 * cc_convert_split_range() - split a range of kernel virtual memory by size
 * @addr: kernel virtual address: direct map, kernel image or vmalloc()
 * @nr_pages: number of pages
 *
 * Pages of a vmalloc() range count as a block where 2 MiB of them happen to
 * be contiguous and aligned in physical memory.
 *
 * Context: Any. The range must be mapped.
 * Return: How many blocks and pages the range consists of.
 */
struct cc_convert_split cc_convert_split_range(unsigned long addr,
					       unsigned long nr_pages)
{
	struct cc_convert_split split = {};

	if (is_vmalloc_or_module_addr((void *)addr))
		return split_vmalloc(addr, nr_pages);

	cc_convert_split_add(&split, PHYS_PFN(__pa(addr)), nr_pages);
	return split;
}
EXPORT_SYMBOL_IF_KUNIT(cc_convert_split_range);

static unsigned long first_pfn(unsigned long addr)
{
	struct page *page;

	if (!is_vmalloc_or_module_addr((void *)addr))
		return PHYS_PFN(__pa(addr));

	page = vmalloc_to_page((void *)addr);
	return page ? page_to_pfn(page) : 0;
}

static void count_conversion(const struct cc_convert_split *split, bool enc,
			     int ret)
{
	struct cc_convert_counters *counters =
		enc ? &cc_convert_to_private : &cc_convert_to_shared;

	if (ret) {
		atomic_long_inc(&counters->nr_failed);
		return;
	}

	atomic_long_add(split->nr_2m, &counters->nr_2m);
	atomic_long_add(split->nr_4k, &counters->nr_4k);
}

/**
 * __cc_convert_account() - account for one conversion request
 * @addr: kernel virtual address of the first page
 * @nr_pages: number of pages
 * @enc: true for a conversion to private, false for one to shared
 * @ret: 0, or the error code with which the conversion failed
 * @caller: return address of the function that asked for the conversion
 *
 * Slow path of cc_convert_account().
 *
 * Context: Any.
 */
void __cc_convert_account(unsigned long addr, unsigned long nr_pages, bool enc,
			  int ret, unsigned long caller)
{
	struct cc_convert_split split = cc_convert_split_range(addr, nr_pages);

	count_conversion(&split, enc, ret);
	trace_cc_convert(first_pfn(addr), nr_pages, split.nr_2m, split.nr_4k,
			 enc, ret, caller);
}
EXPORT_SYMBOL_IF_KUNIT(__cc_convert_account);

/**
 * cc_convert_init() - start accounting
 *
 * To be called once it is known that this is a confidential guest, and before
 * the first conversion.
 *
 * Context: Boot, after jump_label_init().
 */
void __init cc_convert_init(void)
{
	static_branch_enable(&cc_convert_key);
}

struct counter_attribute {
	struct kobj_attribute attr;
	atomic_long_t *counter;
};

static ssize_t counter_show(struct kobject *kobj, struct kobj_attribute *attr,
			    char *buf)
{
	atomic_long_t *counter =
		container_of(attr, struct counter_attribute, attr)->counter;

	return sysfs_emit(buf, "%lu\n", atomic_long_read(counter));
}

#define COUNTER_ATTRIBUTE(_name, _counter)				\
	static struct counter_attribute _name##_attribute = {		\
		.attr = __ATTR(_name, 0444, counter_show, NULL),	\
		.counter = &(_counter),					\
	}

COUNTER_ATTRIBUTE(to_shared_2m, cc_convert_to_shared.nr_2m);
COUNTER_ATTRIBUTE(to_shared_4k, cc_convert_to_shared.nr_4k);
COUNTER_ATTRIBUTE(to_shared_fail, cc_convert_to_shared.nr_failed);
COUNTER_ATTRIBUTE(to_private_2m, cc_convert_to_private.nr_2m);
COUNTER_ATTRIBUTE(to_private_4k, cc_convert_to_private.nr_4k);
COUNTER_ATTRIBUTE(to_private_fail, cc_convert_to_private.nr_failed);

static struct attribute *cc_convert_attributes[] = {
	&to_shared_2m_attribute.attr.attr,
	&to_shared_4k_attribute.attr.attr,
	&to_shared_fail_attribute.attr.attr,
	&to_private_2m_attribute.attr.attr,
	&to_private_4k_attribute.attr.attr,
	&to_private_fail_attribute.attr.attr,
	NULL
};

static const struct attribute_group cc_convert_group = {
	.name = "cc_convert",
	.attrs = cc_convert_attributes,
};

static int __init cc_convert_sysfs_init(void)
{
	if (!static_key_enabled(&cc_convert_key))
		return 0;

	return sysfs_create_group(mm_kobj, &cc_convert_group);
}
subsys_initcall(cc_convert_sysfs_init);

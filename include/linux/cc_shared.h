/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Memory that a confidential guest shares with its host
 *
 * In a confidential guest, cc_shared_alloc() and cc_shared_alloc_pages() hand
 * out pages that the host can read and write. They come out of naturally
 * aligned chunks of one granule, which are converted once and whole, and are
 * used again and again. In any other system the same calls hand out ordinary
 * pages, so that a caller need not ask where it runs.
 *
 * What a caller can rely on:
 *  - Memory is zeroed, and its address is one of the direct map.
 *  - Its physical address is aligned to its size rounded up to a power of two,
 *    but not to more than a granule.
 *  - Memory that cannot be made private again is never given to anybody else
 *    as private memory: it is leaked.
 *
 * What a caller must not do: hand such pages to the page allocator, or assume
 * that what it reads there twice is the same twice. The host writes to it.
 *
 * See Documentation/core-api/cc-shared.rst.
 */
#ifndef _LINUX_CC_SHARED_H
#define _LINUX_CC_SHARED_H

#include <linux/cc_shared_granule.h>
#include <linux/gfp.h>
#include <linux/init.h>
#include <linux/jump_label.h>
#include <linux/mm.h>
#include <linux/string.h>
#include <linux/types.h>

/**
 * CC_SHARED_NO_LIMIT - no limit to the physical address of an allocation
 */
#define CC_SHARED_NO_LIMIT	(~(phys_addr_t)0)

#ifdef CONFIG_CC_SHARED_POOL

DECLARE_STATIC_KEY_FALSE(cc_shared_pool_key);

/**
 * cc_shared_pool_enabled() - is this a guest that has a pool of shared memory?
 *
 * Context: Any. False until early in boot, when memory can be converted.
 * Return: true in a confidential guest, unless cc_shared=off was given.
 */
static inline bool cc_shared_pool_enabled(void)
{
	return static_branch_unlikely(&cc_shared_pool_key);
}

void __init cc_shared_reserve_init(void);
size_t __init cc_shared_reserve_low(phys_addr_t *base, size_t *seed);
void __init cc_shared_init(void);
struct page *cc_shared_alloc_pages(size_t size, int nid, gfp_t gfp,
				   phys_addr_t limit);
void cc_shared_free_pages(struct page *page, size_t size);
struct page *cc_shared_get_chunk(phys_addr_t limit);
void cc_shared_put_chunk(struct page *page);

#else /* !CONFIG_CC_SHARED_POOL */

static inline bool cc_shared_pool_enabled(void)
{
	return false;
}

static inline void cc_shared_reserve_init(void)
{
}

static inline size_t cc_shared_reserve_low(phys_addr_t *base, size_t *seed)
{
	return 0;
}

static inline void cc_shared_init(void)
{
}

static inline struct page *cc_shared_get_chunk(phys_addr_t limit)
{
	return NULL;
}

static inline void cc_shared_put_chunk(struct page *page)
{
}

static inline struct page *cc_shared_alloc_pages(size_t size, int nid,
						 gfp_t gfp, phys_addr_t limit)
{
	return alloc_pages_node(nid, gfp | __GFP_ZERO, get_order(size));
}

static inline void cc_shared_free_pages(struct page *page, size_t size)
{
	__free_pages(page, get_order(size));
}

#endif /* CONFIG_CC_SHARED_POOL */

/**
 * cc_shared_alloc() - allocate memory that is shared with the host
 * @size: size in bytes, rounded up to whole pages
 * @nid: preferred node, or %NUMA_NO_NODE
 * @gfp: %GFP_KERNEL or the like; without __GFP_DIRECT_RECLAIM the call does
 *	 not sleep, and succeeds only as long as there are pages in chunks that
 *	 are shared already
 *
 * Context: Any in which spin_lock() is allowed. May sleep, and may convert
 *	    memory, if @gfp allows blocking.
 * Return: Address in the direct map of zeroed memory, or NULL.
 */
static inline void *cc_shared_alloc(size_t size, int nid, gfp_t gfp)
{
	struct page *page = cc_shared_alloc_pages(size, nid, gfp,
						  CC_SHARED_NO_LIMIT);

	return page ? page_address(page) : NULL;
}

/**
 * cc_shared_free() - free memory allocated with cc_shared_alloc()
 * @vaddr: address that cc_shared_alloc() returned, or NULL
 * @size: size in bytes that was asked for
 *
 * Context: Any in which spin_lock() is allowed. Does not sleep.
 */
static inline void cc_shared_free(void *vaddr, size_t size)
{
	if (vaddr)
		cc_shared_free_pages(virt_to_page(vaddr), size);
}

#endif /* _LINUX_CC_SHARED_H */

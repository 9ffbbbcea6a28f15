/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A pool of shared memory whose conversions are only recorded, for KUnit tests
 *
 * The record knows the state of every page, and counts what is wrong: memory
 * that is shared twice, made private twice, or given back while it is shared.
 * When a test ends, all memory must be accounted for: given back, or leaked for
 * a reason.
 */
#ifndef _KERNEL_DMA_SHARED_POOL_FAKE_H
#define _KERNEL_DMA_SHARED_POOL_FAKE_H

#include <kunit/test.h>
#include <linux/atomic.h>
#include <linux/xarray.h>

#include "shared_pool.h"

#define CHUNK_PAGES	((unsigned int)(CC_SHARED_PREFERRED_GRANULE >> PAGE_SHIFT))

/* Pages kept for atomic callers, by tests that want any */
#define RESERVE		32

/**
 * struct cc_shared_fake - the pool of the test that is running
 * @pool: the pool
 * @shared: one entry for each page that is shared
 * @shares: pages shared so far
 * @unshares: pages made private so far
 * @put: pages given back so far
 * @wrong: number of requests that do not fit the state of a page
 * @fail_share: the nth conversion to shared fails; all of them, if negative
 * @fail_unshare: the same for conversions to private
 * @fail_get: the same for getting memory for chunks
 * @fail_get_small: the same for getting memory for less than a chunk
 * @failed_pages: pages of all conversions that failed
 * @last_limit: limit of the last request for memory
 * @full_node: a node that has no chunk
 * @full_below: there is nothing for who has this limit or a lower one
 */
struct cc_shared_fake {
	struct cc_shared_pool pool;
	struct xarray shared;
	atomic_t shares;
	atomic_t unshares;
	atomic_t put;
	atomic_t wrong;
	int fail_share;
	int fail_unshare;
	int fail_get;
	int fail_get_small;
	unsigned long failed_pages;
	phys_addr_t last_limit;
	int full_node;
	phys_addr_t full_below;
};

extern struct cc_shared_fake fake;

struct page *fake_alloc_node(unsigned long nr_pages, int nid, gfp_t gfp);
struct page *fake_alloc(unsigned long nr_pages, gfp_t gfp);
void fake_free(struct page *page, unsigned long nr_pages);
unsigned long fake_release_all(void);
void fake_memory_is_back(void);
int fake_init(struct kunit *test);
void fake_exit(struct kunit *test);

#endif /* _KERNEL_DMA_SHARED_POOL_FAKE_H */

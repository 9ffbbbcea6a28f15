/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the tests of confidential guests have in common
 *
 * A test begins with cvm_require(), which ends it with SKIP if this is not a
 * confidential guest or if the kernel does not count conversions. Other parts
 * of the system may convert memory while a test runs: a test that compares
 * exact numbers repeats the comparison a few times before it fails.
 */
#ifndef __SELFTESTS_CVM_H
#define __SELFTESTS_CVM_H

#include <stdbool.h>
#include <stddef.h>

#define CVM_PAGE	4096UL
#define CVM_BLOCK	(2UL << 20)
#define CVM_TRIES	5

/**
 * struct cvm_counters - the counters in /sys/kernel/mm/cc_convert
 * @to_shared_2m: naturally aligned 2 MiB blocks converted to shared
 * @to_shared_4k: 4 KiB pages outside of such blocks
 * @to_shared_fail: requests that failed
 * @to_private_2m: the same for conversions to private
 * @to_private_4k: ditto
 * @to_private_fail: ditto
 */
struct cvm_counters {
	unsigned long to_shared_2m;
	unsigned long to_shared_4k;
	unsigned long to_shared_fail;
	unsigned long to_private_2m;
	unsigned long to_private_4k;
	unsigned long to_private_fail;
};

/* Name of the platform, or NULL if this is not a confidential guest. */
const char *cvm_platform(void);

/* SKIP the whole program unless conversions can be watched here. */
void cvm_require(void);

/* Number of counters found in /sys/kernel/mm/cc_convert, out of 6. */
int cvm_read_counters(struct cvm_counters *now);

/* now - then, member by member. */
struct cvm_counters cvm_delta(const struct cvm_counters *now,
			      const struct cvm_counters *then);

/* Pages converted to shared, or to private, in whatever size. */
unsigned long cvm_shared_pages(const struct cvm_counters *c);
unsigned long cvm_private_pages(const struct cvm_counters *c);

void cvm_print(const char *what, const struct cvm_counters *c);

/*
 * Share memory with the host: a buffer of the dma-buf heap system_cc_shared.
 * Closing it makes it private again. The heap converts at most 1 MiB at once.
 * Return: a file descriptor, or -errno; -ENOENT if there is no such heap.
 */
int cvm_share(size_t bytes);

/* Is there a heap for cvm_share()? */
bool cvm_can_share(void);

/**
 * struct cvm_pool - the pool of shared memory: debugfs, cc_shared/stats
 * @granule: size of a chunk in bytes
 * @reserve_pages: free pages that are kept for callers that cannot sleep
 * @chunks: chunks that are shared
 * @chunks_empty: those of which nothing is in use
 * @chunks_swiotlb: those in use for bounce buffers
 * @chunks_leaked: those lost after a failed conversion
 * @pages_used: pages in use, those of @chunks_swiotlb not counted
 * @pages_free: pages that can be handed out at once
 * @small_pages: those of both in blocks of less than a chunk
 * @small_leaked: pages of such blocks lost after a failed conversion
 */
struct cvm_pool {
	unsigned long granule;
	unsigned long reserve_pages;
	unsigned long chunks;
	unsigned long chunks_empty;
	unsigned long chunks_swiotlb;
	unsigned long chunks_leaked;
	unsigned long pages_used;
	unsigned long pages_free;
	unsigned long small_pages;
	unsigned long small_leaked;
};

/* Number of figures found, out of CVM_POOL_FIGURES; 0 if there is no pool. */
#define CVM_POOL_FIGURES	10
int cvm_read_pool(struct cvm_pool *now);

bool cvm_has_pool(void);

/* Let the pool make its empty chunks private, as when memory is short. */
void cvm_drop_empty(void);

/*
 * The size of a buffer for which at least @bytes must be converted, after
 * cvm_drop_empty(): without a pool, that many; else more, by what the pool
 * has at hand.
 */
size_t cvm_fresh_size(size_t bytes);

/* Is there an entry in this folder, but for hidden ones, that suits? */
bool cvm_find_entry(const char *path, bool (*suits)(const char *name, void *arg),
		    void *arg);

/*
 * Name of a network interface that a test may take up and down: the one in
 * CVM_NETDEV, or the first with a device that is down; NULL if there is none.
 */
const char *cvm_find_netdev(int sock);

/* Take it up or down. Return: 0 or -errno. */
int cvm_set_netdev(int sock, const char *name, bool up);

/* Value of a word NAME=value on the kernel's command line, or NULL. */
const char *cvm_cmdline(const char *name);

/*
 * Call @line for every message in the kernel's log, oldest first, until it
 * returns true. Return: true if it did.
 */
bool cvm_kernel_log(bool (*line)(const char *text, void *arg), void *arg);

/* Read a small file into @buf as a string. Return: length, or -errno. */
int cvm_read_file(const char *path, char *buf, size_t size);

/* @name with its colon. Return: a figure of /proc/meminfo in KiB, or -1. */
long cvm_meminfo_kb(const char *name);

#endif /* __SELFTESTS_CVM_H */

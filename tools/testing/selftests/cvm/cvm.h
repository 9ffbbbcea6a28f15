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
 * struct cvm_counters - the counters of conversions in /proc/vmstat
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

/* Number of counters found in /proc/vmstat, out of 6. */
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

/* Value of a word NAME=value on the kernel's command line, or NULL. */
const char *cvm_cmdline(const char *name);

/*
 * Call @line for every message in the kernel's log, oldest first, until it
 * returns true. Return: true if it did.
 */
bool cvm_kernel_log(bool (*line)(const char *text, void *arg), void *arg);

/* Read a small file into @buf as a string. Return: length, or -errno. */
int cvm_read_file(const char *path, char *buf, size_t size);

#endif /* __SELFTESTS_CVM_H */

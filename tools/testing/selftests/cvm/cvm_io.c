// SPDX-License-Identifier: GPL-2.0
/*
 * Does reading a disk convert memory, and is what it reads the same twice?
 *
 * All data of a confidential guest goes through bounce buffers. Those are
 * shared already: I/O by itself must not convert a single page.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <linux/fs.h>

#include "kselftest.h"
#include "cvm.h"

#define PIECE	(1024UL * 1024)
#define TOTAL	(64 * PIECE)

/* FNV-1a, http://www.isthe.com/chongo/tech/comp/fnv/, a byte at a time */
#define FNV_BASIS	0xcbf29ce484222325ULL
#define FNV_PRIME	0x100000001b3ULL

static bool is_mounted(const char *name)
{
	char buf[65536], dev[300];

	if (cvm_read_file("/proc/mounts", buf, sizeof(buf)) < 0)
		return true;
	/* A partition of it counts as well. */
	snprintf(dev, sizeof(dev), "/dev/%s", name);

	return strstr(buf, dev);
}

static bool anything(const char *name, void *arg)
{
	return true;
}

static bool is_held(const char *name)
{
	char path[300];

	snprintf(path, sizeof(path), "/sys/block/%.100s/holders", name);
	return cvm_find_entry(path, anything, NULL);
}

static char disk_path[300];

/* A disk with a device behind it that no one uses */
static bool disk_suits(const char *name, void *arg)
{
	snprintf(disk_path, sizeof(disk_path), "/sys/block/%.100s/device", name);
	if (access(disk_path, F_OK))
		return false;

	snprintf(disk_path, sizeof(disk_path), "/dev/%.100s", name);
	return !access(disk_path, R_OK) && !is_mounted(name) && !is_held(name);
}

static const char *find_disk(void)
{
	const char *chosen = getenv("CVM_BLKDEV");

	if (chosen)
		return chosen;

	return cvm_find_entry("/sys/block", disk_suits, NULL) ? disk_path : NULL;
}

/* Return: bytes read, with their hash in @hash; or -errno. */
static ssize_t read_disk(int fd, unsigned char *buf, size_t total, uint64_t *hash)
{
	size_t done = 0;
	ssize_t n;

	*hash = FNV_BASIS;
	while (done < total) {
		n = pread(fd, buf, PIECE, done);
		if (n < 0)
			return -errno;
		if (!n)
			break;
		for (ssize_t i = 0; i < n; i++)
			*hash = (*hash ^ buf[i]) * FNV_PRIME;
		done += n;
	}

	return done;
}

int main(void)
{
	struct cvm_counters before, after, delta = {};
	unsigned long long size = 0;
	uint64_t first, again;
	unsigned char *buf;
	const char *disk;
	bool quiet = false;
	ssize_t bytes, n;
	int fd;

	cvm_require();

	disk = find_disk();
	if (!disk)
		ksft_exit_skip("no unused disk: name one in CVM_BLKDEV\n");
	fd = open(disk, O_RDONLY | O_DIRECT | O_CLOEXEC);
	if (fd < 0)
		ksft_exit_fail_msg("%s: %s\n", disk, strerror(errno));
	if (ioctl(fd, BLKGETSIZE64, &size) || size < PIECE)
		ksft_exit_skip("%s is smaller than 1 MiB\n", disk);
	if (posix_memalign((void **)&buf, PIECE, PIECE))
		ksft_exit_fail_msg("out of memory\n");

	if (size > TOTAL)
		size = TOTAL;
	size -= size % PIECE;

	ksft_set_plan(4);

	/* The first read may set something up. */
	bytes = read_disk(fd, buf, size, &first);
	ksft_test_result(bytes == (ssize_t)size, "%s: %zd bytes read\n", disk, bytes);

	for (int i = 0; i < CVM_TRIES && !quiet; i++) {
		cvm_read_counters(&before);
		n = read_disk(fd, buf, size, &again);
		cvm_read_counters(&after);
		delta = cvm_delta(&after, &before);
		quiet = !delta.to_shared_4k && !delta.to_private_4k;
		if (n != bytes || again != first)
			break;
	}

	cvm_print("while reading", &delta);
	ksft_test_result(n == bytes && again == first,
			 "the same data again: %016llx %016llx\n",
			 (unsigned long long)first, (unsigned long long)again);
	ksft_test_result(quiet, "reading converted no single pages\n");
	ksft_test_result(!delta.to_shared_fail && !delta.to_private_fail,
			 "reading made no conversion fail\n");

	free(buf);
	close(fd);
	ksft_finished();
}

/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The real block device behind blkback, and the tests' own way to it
 */
#ifndef XEN_SHIM_TEST_DISK_H
#define XEN_SHIM_TEST_DISK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct disk {
	int fd;			/* O_DIRECT */
	char path[64];
	unsigned int major, minor;
	uint64_t sectors;
	bool made;		/* a null_blk that goes away with disk_close() */
};

/*
 * The disk in XEN_SHIM_BLKDEV, whose content is lost; or else a null_blk that
 * keeps what is written to it. @delay_us: how long that takes for a request,
 * 0: no time. Return: 0; < 0; or 1, which is STEP_SKIP: there is none. why says so.
 */
int disk_open(struct disk *disk, unsigned int delay_us);
void disk_close(struct disk *disk);

/* Past the page cache. @data and @length: whole sectors. Return: 0, -errno. */
int disk_read(struct disk *disk, uint64_t sector, void *data, size_t length);
int disk_write(struct disk *disk, uint64_t sector, const void *data, size_t length);

#endif /* XEN_SHIM_TEST_DISK_H */

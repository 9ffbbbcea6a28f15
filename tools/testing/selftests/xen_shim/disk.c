// SPDX-License-Identifier: GPL-2.0
/*
 * The real block device (disk.h)
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdalign.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "abi.h"
#include "disk.h"
#include "domain.h"

#define CONFIGFS	"/sys/kernel/config"
#define NULL_BLK	CONFIGFS "/nullb/xenshim"
#define NULL_BLK_MIB	64
#define NO_DISK		1	/* as STEP_SKIP */
#define COPY_ROOM	(256 * XPAGE)

static int set(const char *name, const char *value)
{
	char path[128];
	int fd, n;

	snprintf(path, sizeof(path), NULL_BLK "/%s", name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	n = write(fd, value, strlen(value));
	close(fd);
	return n < 0 ? -EINVAL : 0;
}

static int make_null_blk(struct disk *disk, unsigned int delay_us)
{
	char number[32] = "", path[128];
	FILE *index;
	int error;

	if (access(CONFIGFS "/nullb", F_OK))
		mount("none", CONFIGFS, "configfs", 0, NULL);
	if (mkdir(NULL_BLK, 0755)) {
		set_why("no null_blk: %s: %s", NULL_BLK, strerror(errno));
		return NO_DISK;
	}
	disk->made = true;
	snprintf(path, sizeof(path), "%u", NULL_BLK_MIB);
	snprintf(number, sizeof(number), "%u000", delay_us);
	error = set("size", path) ?: set("memory_backed", "1") ?:
		set("discard", "1") ?: set("cache_size", "0");
	if (!error && delay_us)
		error = set("irqmode", "2") ?: set("completion_nsec", number);
	error = error ?: set("power", "1");
	if (error) {
		set_why("null_blk does not come up: %s", strerror(-error));
		return -ENODEV;
	}
	snprintf(disk->path, sizeof(disk->path), "/dev/xenshim");
	if (!access(disk->path, F_OK))
		return 0;
	index = fopen(NULL_BLK "/index", "r");
	if (!index || !fgets(number, sizeof(number), index))
		number[0] = '\0';
	if (index)
		fclose(index);
	number[strcspn(number, "\n")] = '\0';
	snprintf(disk->path, sizeof(disk->path), "/dev/nullb%s", number);
	return 0;
}

int disk_open(struct disk *disk, unsigned int delay_us)
{
	const char *given = getenv("XEN_SHIM_BLKDEV");
	struct stat st;
	uint64_t bytes;
	int error = 0;

	memset(disk, 0, sizeof(*disk));
	disk->fd = -1;
	if (given && !delay_us)
		snprintf(disk->path, sizeof(disk->path), "%s", given);
	else
		error = make_null_blk(disk, delay_us);
	if (error)
		return error;
	disk->fd = open(disk->path, O_RDWR | O_DIRECT | O_CLOEXEC);
	if (disk->fd < 0 || fstat(disk->fd, &st) || !S_ISBLK(st.st_mode) ||
	    ioctl(disk->fd, BLKGETSIZE64, &bytes)) {
		set_why("%s is no disk that can be opened: %s", disk->path,
			strerror(errno));
		return -ENODEV;
	}
	disk->major = major(st.st_rdev);
	disk->minor = minor(st.st_rdev);
	disk->sectors = bytes / SECTOR;
	return 0;
}

void disk_close(struct disk *disk)
{
	if (disk->fd >= 0)
		close(disk->fd);
	if (disk->made) {
		set("power", "0");
		rmdir(NULL_BLK);
	}
	disk->fd = -1;
}

/* O_DIRECT wants an aligned buffer: everything goes through one. */
static int transfer(struct disk *disk, bool out, uint64_t sector, void *data,
		    size_t length)
{
	static alignas(4096) uint8_t room[COPY_ROOM];
	off_t at = sector * SECTOR;
	uint8_t *p = data;

	while (length) {
		size_t n = length < COPY_ROOM ? length : COPY_ROOM;
		ssize_t done;

		if (out)
			memcpy(room, p, n);
		done = out ? pwrite(disk->fd, room, n, at) :
			     pread(disk->fd, room, n, at);
		if (done != (ssize_t)n) {
			set_why("%s: %s", disk->path, strerror(errno));
			return -EIO;
		}
		if (!out)
			memcpy(p, room, n);
		p += n;
		at += n;
		length -= n;
	}
	return 0;
}

int disk_read(struct disk *disk, uint64_t sector, void *data, size_t length)
{
	return transfer(disk, false, sector, data, length);
}

int disk_write(struct disk *disk, uint64_t sector, const void *data, size_t length)
{
	return transfer(disk, true, sector, (void *)data, length);
}

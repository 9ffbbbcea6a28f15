// SPDX-License-Identifier: GPL-2.0
/*
 * loadgen SECONDS READERS KIB DEVICE...: keep READERS x KIB of reads in flight
 * on each device, past the page cache, and compare what they read. Prints how
 * many MiB were read and, for each device, "DEVICE SHA256" of what all of it
 * was compared with.
 *
 * That is the first 16 MiB (the read area of lab/cvmlab/disks.py), read by one
 * reader before there is any load. Its bytes are random, so that no two pieces
 * of it are alike: a buffer that was mistaken for another one is noticed. Each
 * reader is a process of its own that reads at random places.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define AREA	(16l << 20)
#define STEP	4096l
#define PIECE	(64l << 10)		/* of the reference, at once */

struct device {
	const char *path;
	unsigned char *reference;
};

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ull + t.tv_nsec;
}

/* Read all of it. Says what went wrong. */
static bool read_at(int fd, const char *path, void *buffer, size_t length, off_t at)
{
	ssize_t got = pread(fd, buffer, length, at);

	if (got == (ssize_t)length)
		return true;
	fprintf(stderr, "loadgen: %s: %s\n", path, got < 0 ? strerror(errno) : "short read");
	return false;
}

static bool read_reference(struct device *device)
{
	int fd = open(device->path, O_RDONLY | O_DIRECT | O_CLOEXEC);
	bool ok = fd >= 0;

	if (!ok)
		fprintf(stderr, "loadgen: %s: %s\n", device->path, strerror(errno));
	device->reference = mmap(NULL, AREA, PROT_READ | PROT_WRITE,
				 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (device->reference == MAP_FAILED) {
		perror("loadgen: mmap");
		ok = false;
	}
	for (off_t at = 0; ok && at < AREA; at += PIECE)
		ok = read_at(fd, device->path, device->reference + at, PIECE, at);
	if (fd >= 0)
		close(fd);
	return ok;
}

/* sha256sum(1) knows how. */
static bool print_sum(const struct device *device)
{
	FILE *sum;

	printf("%s ", device->path);
	fflush(stdout);
	sum = popen("sha256sum | cut -d' ' -f1", "w");
	if (!sum)
		return false;
	fwrite(device->reference, 1, AREA, sum);
	return !pclose(sum);
}

/* Is this what is at @at? If not, say whose it is. */
static bool same(const struct device *device, const unsigned char *buffer, size_t length,
		 off_t at)
{
	const unsigned char *right = device->reference + at, *other;
	size_t i = 0;

	if (!memcmp(buffer, right, length))
		return true;
	while (buffer[i] == right[i])
		i++;
	other = memmem(device->reference, AREA, buffer + i, length - i < 16 ? length - i : 16);
	fprintf(stderr, "loadgen: %s: wrong data at %#zx of %zu KiB at %#lx: ", device->path,
		i, length >> 10, (long)at);
	if (other)
		fprintf(stderr, "it belongs at %#tx\n", other - device->reference);
	else
		fprintf(stderr, "%#x instead of %#x\n", buffer[i], right[i]);
	return false;
}

/* Read until @end. Return: bytes read, or -1. */
static int64_t reader(const struct device *device, size_t length, uint64_t end,
		      unsigned int seed)
{
	int fd = open(device->path, O_RDONLY | O_DIRECT | O_CLOEXEC);
	off_t places = (AREA - (off_t)length) / STEP + 1, at;
	int64_t total = 0;
	void *buffer;

	if (fd < 0 || posix_memalign(&buffer, STEP, length))
		return -1;
	do {
		at = rand_r(&seed) % places * STEP;
		if (!read_at(fd, device->path, buffer, length, at) ||
		    !same(device, buffer, length, at))
			return -1;
		total += length;
	} while (now_ns() < end);
	return total;
}

int main(int argc, char **argv)
{
	int seconds, readers, kib, devices = argc - 4, count, failed = 0;
	int64_t *read_by, total = 0;
	struct device *device;
	uint64_t end;

	if (argc < 5 || (seconds = atoi(argv[1])) < 1 || (readers = atoi(argv[2])) < 1 ||
	    (kib = atoi(argv[3])) < 4 || kib > AREA / 1024) {
		fprintf(stderr, "usage: loadgen SECONDS READERS KIB DEVICE...\n");
		return 2;
	}
	count = readers * devices;
	device = calloc(devices, sizeof(*device));
	read_by = mmap(NULL, count * sizeof(*read_by), PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (!device || read_by == MAP_FAILED) {
		perror("loadgen");
		return 1;
	}
	for (int i = 0; i < devices; i++) {
		device[i].path = argv[4 + i];
		if (!read_reference(&device[i]))
			return 1;
	}
	end = now_ns() + seconds * 1000000000ull;
	for (int i = 0; i < count; i++) {
		pid_t pid = fork();

		if (pid < 0) {
			perror("loadgen: fork");
			failed = 1;
			break;
		}
		if (!pid) {
			read_by[i] = reader(&device[i % devices], kib * 1024ul, end, i + 1);
			_exit(read_by[i] < 0);
		}
	}
	for (int status; wait(&status) > 0; )
		failed |= status != 0;
	for (int i = 0; i < count; i++)
		total += read_by[i] > 0 ? read_by[i] : 0;
	printf("%lld\n", (long long)(total >> 20));
	for (int i = 0; i < devices; i++)
		failed |= !print_sum(&device[i]);
	return failed;
}

// SPDX-License-Identifier: GPL-2.0
/*
 * loadgen SECONDS READERS KIB DEVICE...: keep READERS x KIB of reads in flight
 * on each device, past the page cache. Prints how many MiB were read.
 *
 * Each reader is a process of its own that reads at random places; the
 * content is not looked at.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ull + t.tv_nsec;
}

/* Read until @end. Return: bytes read, or -1. */
static int64_t reader(const char *path, size_t length, uint64_t end, unsigned int seed)
{
	int fd = open(path, O_RDONLY | O_DIRECT | O_CLOEXEC);
	int64_t total = 0, size, slots;
	void *buffer;

	if (fd < 0 || posix_memalign(&buffer, 4096, length))
		return -1;
	size = lseek(fd, 0, SEEK_END);
	slots = size / (int64_t)length;
	if (slots < 1)
		return -1;
	do {
		ssize_t got = pread(fd, buffer, length, rand_r(&seed) % slots * (int64_t)length);

		if (got != (ssize_t)length) {
			fprintf(stderr, "loadgen: %s: %s\n", path,
				got < 0 ? strerror(errno) : "short read");
			return -1;
		}
		total += got;
	} while (now_ns() < end);
	return total;
}

int main(int argc, char **argv)
{
	int seconds, readers, kib, count, failed = 0;
	int64_t *read_by, total = 0;
	uint64_t end;

	if (argc < 5 || (seconds = atoi(argv[1])) < 1 || (readers = atoi(argv[2])) < 1 ||
	    (kib = atoi(argv[3])) < 4) {
		fprintf(stderr, "usage: loadgen SECONDS READERS KIB DEVICE...\n");
		return 2;
	}
	count = readers * (argc - 4);
	read_by = mmap(NULL, count * sizeof(*read_by), PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (read_by == MAP_FAILED) {
		perror("loadgen: mmap");
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
			read_by[i] = reader(argv[4 + i % (argc - 4)], kib * 1024ul, end, i + 1);
			_exit(read_by[i] < 0);
		}
	}
	for (int status; wait(&status) > 0; )
		failed |= status != 0;
	for (int i = 0; i < count; i++)
		total += read_by[i] > 0 ? read_by[i] : 0;
	printf("%lld\n", (long long)(total >> 20));
	return failed;
}

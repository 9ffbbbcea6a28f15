// SPDX-License-Identifier: GPL-2.0
/*
 * hold DEVICE KIB COUNT DONE: start COUNT reads of KIB past the page cache, one
 * after the other, and wait for all of them; then create the file DONE.
 *
 * On a disk that is slow to answer the reads stay in flight, and so do their
 * bounce buffers. Each is one piece: it ends up in one segment of a huge page.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { HUGE = 2 << 20, STACK = 64 << 10, PAUSE_US = 50000 };

static int fd;
static size_t length;
static char *buffer;

/* All may read into the same memory: its content is never used. */
static void *reader(void *arg)
{
	if (pread(fd, buffer, length, 0) == (ssize_t)length)
		return NULL;
	fprintf(stderr, "hold: read: %s\n", strerror(errno));
	return arg;
}

int main(int argc, char **argv)
{
	pthread_t *threads;
	pthread_attr_t attr;
	void *failed;
	int count, ret = 0;

	if (argc != 5 || (length = strtoul(argv[2], NULL, 0) * 1024) < 4096 || length > HUGE ||
	    (count = atoi(argv[3])) < 1) {
		fprintf(stderr, "usage: hold DEVICE KIB COUNT DONE\n");
		return 2;
	}
	threads = calloc(count, sizeof(*threads));
	fd = open(argv[1], O_RDONLY | O_DIRECT | O_CLOEXEC);
	if (!threads || fd < 0 || posix_memalign((void **)&buffer, HUGE, HUGE) ||
	    madvise(buffer, HUGE, MADV_HUGEPAGE)) {
		fprintf(stderr, "hold: %s: %s\n", argv[1], strerror(errno));
		return 1;
	}
	memset(buffer, 1, HUGE);
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK);
	for (int i = 0; i < count; i++) {
		if (pthread_create(&threads[i], &attr, reader, threads)) {
			fprintf(stderr, "hold: no thread for read %d\n", i);
			return 1;
		}
		usleep(PAUSE_US);		/* workers make room for the next one */
	}
	for (int i = 0; i < count; i++) {
		pthread_join(threads[i], &failed);
		ret |= !!failed;
	}
	close(open(argv[4], O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
	return ret;
}

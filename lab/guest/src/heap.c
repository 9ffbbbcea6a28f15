// SPDX-License-Identifier: GPL-2.0
/*
 * heap KIB READY: take a buffer that is shared with the host from the dma-buf
 * heap system_cc_shared, write and read all of it, create the file READY and
 * stay until killed.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/dma-heap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#define HEAP "/dev/dma_heap/system_cc_shared"

int main(int argc, char **argv)
{
	struct dma_heap_allocation_data request = { .fd_flags = O_RDWR | O_CLOEXEC };
	volatile size_t *words;
	int heap;

	if (argc != 3 || atoi(argv[1]) < 4) {
		fprintf(stderr, "usage: heap KIB READY\n");
		return 2;
	}
	request.len = atoi(argv[1]) * 1024ul;
	heap = open(HEAP, O_RDWR | O_CLOEXEC);
	if (heap < 0 || ioctl(heap, DMA_HEAP_IOCTL_ALLOC, &request)) {
		fprintf(stderr, "heap: %s: %s\n", HEAP, strerror(errno));
		return 1;
	}
	words = mmap(NULL, request.len, PROT_READ | PROT_WRITE, MAP_SHARED, request.fd, 0);
	if (words == MAP_FAILED) {
		fprintf(stderr, "heap: mmap: %s\n", strerror(errno));
		return 1;
	}
	for (size_t i = 0; i < request.len / sizeof(*words); i++)
		words[i] = ~i;
	for (size_t i = 0; i < request.len / sizeof(*words); i++) {
		if (words[i] != ~i) {
			fprintf(stderr, "heap: word %zu is %#zx\n", i, words[i]);
			return 1;
		}
	}
	close(open(argv[2], O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
	for (;;)
		pause();
}

// SPDX-License-Identifier: GPL-2.0
/*
 * insns PORT DEVICE BYTES READS BATCHES: how many instructions the guest
 * executes per read of BYTES past the page cache, user space included.
 *
 * PORT is where QEMU's device isa-insn-count is. READS reads warm everything
 * up, then each of BATCHES batches of READS reads is counted. Prints the
 * smallest count of a batch, divided by READS and rounded: interrupts of timers
 * only add.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/io.h>
#include <unistd.h>

enum { PORTS = 8, HIGH_HALF = 4, AREA = 16 << 20 };

static uint64_t executed(unsigned short port)
{
	uint64_t low = inl(port);		/* latches both halves */

	return low | (uint64_t)inl(port + HIGH_HALF) << 32;
}

static int read_batch(int fd, void *buffer, size_t length, int reads)
{
	static off_t at;

	for (int i = 0; i < reads; i++) {
		if (pread(fd, buffer, length, at) != (ssize_t)length)
			return -1;
		at = (at + length) % AREA;
	}
	return 0;
}

int main(int argc, char **argv)
{
	unsigned long port, length, reads, batches;
	uint64_t best = UINT64_MAX;
	void *buffer;
	int fd;

	if (argc != 6 || !(port = strtoul(argv[1], NULL, 0)) ||
	    !(length = strtoul(argv[3], NULL, 0)) || length % 512 || AREA % length ||
	    !(reads = strtoul(argv[4], NULL, 0)) || !(batches = strtoul(argv[5], NULL, 0))) {
		fprintf(stderr, "usage: insns PORT DEVICE BYTES READS BATCHES\n");
		return 2;
	}
	if (ioperm(port, PORTS, 1)) {
		fprintf(stderr, "insns: ioperm(%#lx): %s\n", port, strerror(errno));
		return 1;
	}
	fd = open(argv[2], O_RDONLY | O_DIRECT | O_CLOEXEC);
	if (fd < 0 || posix_memalign(&buffer, 4096, length)) {
		fprintf(stderr, "insns: %s: %s\n", argv[2], strerror(errno));
		return 1;
	}
	for (unsigned long i = 0; i <= batches; i++) {
		uint64_t start = executed(port), count;

		if (read_batch(fd, buffer, length, reads)) {
			fprintf(stderr, "insns: reading %s: %s\n", argv[2], strerror(errno));
			return 1;
		}
		count = executed(port) - start;
		if (i > 0 && count < best)
			best = count;
	}
	printf("%llu\n", (unsigned long long)((best + reads / 2) / reads));
	return 0;
}

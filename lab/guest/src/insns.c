// SPDX-License-Identifier: GPL-2.0
/*
 * insns PORT DEVICE BYTES READS: how many instructions the guest executes for
 * a read of BYTES past the page cache, user space included.
 *
 * PORT is where QEMU's device isa-insn-count is. A quarter as many reads warm
 * everything up. Prints the smallest count, the median and the largest:
 * interrupts of timers only add.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/io.h>
#include <sys/mman.h>
#include <unistd.h>

#include "counter.h"

enum { PORTS = 8, AREA = 16 << 20, HUGE = 2 << 20 };

int main(int argc, char **argv)
{
	unsigned long port, length, reads, warm;
	uint64_t *counts;
	void *buffer;
	int fd;

	if (argc != 5 || !(port = strtoul(argv[1], NULL, 0)) ||
	    !(length = strtoul(argv[3], NULL, 0)) || length % 512 || AREA % length || length > HUGE ||
	    !(reads = strtoul(argv[4], NULL, 0))) {
		fprintf(stderr, "usage: insns PORT DEVICE BYTES READS\n");
		return 2;
	}
	warm = reads / 4;
	counts = calloc(reads + warm, sizeof(*counts));
	if (ioperm(port, PORTS, 1)) {
		fprintf(stderr, "insns: ioperm(%#lx): %s\n", port, strerror(errno));
		return 1;
	}
	fd = open(argv[2], O_RDONLY | O_DIRECT | O_CLOEXEC);
	if (!counts || fd < 0 || posix_memalign(&buffer, HUGE, HUGE) ||
	    madvise(buffer, HUGE, MADV_HUGEPAGE)) {
		fprintf(stderr, "insns: %s: %s\n", argv[2], strerror(errno));
		return 1;
	}
	/* A huge page is one segment: scattered pages differ between runs. */
	memset(buffer, 1, HUGE);
	for (unsigned long i = 0; i < reads + warm; i++) {
		uint64_t start = executed(port);

		if (pread(fd, buffer, length, i * length % AREA) != (ssize_t)length) {
			fprintf(stderr, "insns: reading %s: %s\n", argv[2], strerror(errno));
			return 1;
		}
		counts[i] = executed(port) - start;
	}
	qsort(counts + warm, reads, sizeof(*counts), ascending);
	printf("%llu %llu %llu\n", (unsigned long long)counts[warm],
	       (unsigned long long)counts[warm + reads / 2],
	       (unsigned long long)counts[warm + reads - 1]);
	return 0;
}

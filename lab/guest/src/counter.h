/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The instruction counter of the laboratory's QEMU (device isa-insn-count), for
 * programs that may use its ports.
 */
#ifndef LAB_COUNTER_H
#define LAB_COUNTER_H

#include <stdint.h>
#include <sys/io.h>

enum { HIGH_HALF = 4 };

/* Return: instructions executed so far. */
static inline uint64_t executed(unsigned short port)
{
	uint64_t low = inl(port);		/* latches both halves */

	return low | (uint64_t)inl(port + HIGH_HALF) << 32;
}

/* For qsort(3) of counts. */
static inline int ascending(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

#endif

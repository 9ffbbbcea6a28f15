/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Reserve of the pool of shared memory: what tests need to see of it
 */
#ifndef _KERNEL_DMA_SHARED_RESERVE_H
#define _KERNEL_DMA_SHARED_RESERVE_H

#include <linux/types.h>

/**
 * struct cc_shared_bound - value of cc_shared=
 * @size: bound in bytes, if @percent is 0
 * @percent: bound in percent of memory, or 0
 * @off: no pool at all
 */
struct cc_shared_bound {
	phys_addr_t size;
	unsigned int percent;
	bool off;
};

#if IS_ENABLED(CONFIG_KUNIT)
int cc_shared_parse_bound(const char *str, struct cc_shared_bound *bound);
#endif

#endif /* _KERNEL_DMA_SHARED_RESERVE_H */

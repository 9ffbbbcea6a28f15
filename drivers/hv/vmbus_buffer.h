/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Buffers that a VMBus device shares with its host: internals for tests
 */
#ifndef _HV_VMBUS_BUFFER_H
#define _HV_VMBUS_BUFFER_H

#include <linux/hyperv.h>
#include <linux/list.h>
#include <linux/types.h>

struct page;

/**
 * struct vmbus_buffer_block - contiguous part of a buffer
 * @node: entry in the list of the buffer
 * @page: first page, of cc_shared_alloc_pages()
 * @size: size in bytes, a multiple of %PAGE_SIZE
 */
struct vmbus_buffer_block {
	struct list_head node;
	struct page *page;
	u32 size;
};

#if IS_ENABLED(CONFIG_KUNIT)
struct page *vmbus_alloc_block(u32 size, int nid);
int vmbus_alloc_shared(struct vmbus_buffer *buf, u32 size, size_t granule,
		       int nid);
#endif

#endif /* _HV_VMBUS_BUFFER_H */

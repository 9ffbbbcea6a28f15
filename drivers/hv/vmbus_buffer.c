// SPDX-License-Identifier: GPL-2.0
/*
 * Buffers that a VMBus device shares with its host
 *
 * A buffer is contiguous for its driver, but need not be contiguous in memory.
 * In an isolated guest it is made of blocks of shared memory: whole granules,
 * which are converted once, if at all, and a rest that shares a granule with
 * others. No conversion happens here. In any other guest it comes from
 * vzalloc(), and costs what that costs.
 *
 * Invariants:
 *  - The mapping is gone before a block is freed.
 *  - As long as the host has a GPADL of it, no part of a buffer is freed.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/cc_shared.h>
#include <linux/export.h>
#include <linux/hyperv.h>
#include <linux/log2.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/topology.h>
#include <linux/vmalloc.h>
#include <asm/mshyperv.h>

#include <kunit/static_stub.h>
#include <kunit/visibility.h>

#include "vmbus_buffer.h"

/* It is no reason to try hard if there is not so much in one piece. */
VISIBLE_IF_KUNIT struct page *vmbus_alloc_block(u32 size, int nid)
{
	gfp_t gfp = GFP_KERNEL;

	KUNIT_STATIC_STUB_REDIRECT(vmbus_alloc_block, size, nid);

	if (size > PAGE_SIZE)
		gfp |= __GFP_NORETRY | __GFP_NOWARN;

	return cc_shared_alloc_pages(size, nid, gfp, CC_SHARED_NO_LIMIT);
}
EXPORT_SYMBOL_IF_KUNIT(vmbus_alloc_block);

static void free_blocks(struct vmbus_buffer *buf)
{
	struct vmbus_buffer_block *block, *tmp;

	list_for_each_entry_safe(block, tmp, &buf->blocks, node) {
		list_del(&block->node);
		cc_shared_free_pages(block->page, block->size);
		kfree(block);
	}
}

static int alloc_blocks(struct vmbus_buffer *buf, u32 size, size_t granule,
			int nid)
{
	struct vmbus_buffer_block *block;
	u32 max = max_t(size_t, granule, PAGE_SIZE);
	u32 left = size;

	while (left) {
		block = kzalloc_obj(*block);
		if (!block)
			return -ENOMEM;

		for (;;) {
			block->size = min(left, max);
			block->page = vmbus_alloc_block(block->size, nid);
			if (block->page || block->size == PAGE_SIZE)
				break;
			max = rounddown_pow_of_two(block->size - 1);
		}
		if (!block->page) {
			kfree(block);
			return -ENOMEM;
		}

		list_add_tail(&block->node, &buf->blocks);
		left -= block->size;
	}

	return 0;
}

static void *map_blocks(const struct vmbus_buffer *buf, u32 size)
{
	struct vmbus_buffer_block *block;
	unsigned int n = 0;
	struct page **pages;
	void *addr;

	/* The direct map is as good. */
	if (list_is_singular(&buf->blocks)) {
		block = list_first_entry(&buf->blocks,
					 struct vmbus_buffer_block, node);
		return page_address(block->page);
	}

	pages = kvmalloc_objs(*pages, PHYS_PFN(size));
	if (!pages)
		return NULL;

	list_for_each_entry(block, &buf->blocks, node) {
		for (unsigned int i = 0; i < PHYS_PFN(block->size); i++)
			pages[n++] = block->page + i;
	}

	addr = vmap(pages, n, VM_MAP | VM_ALLOW_HUGE_VMAP,
		    pgprot_decrypted(PAGE_KERNEL));
	kvfree(pages);
	return addr;
}

VISIBLE_IF_KUNIT int vmbus_alloc_shared(struct vmbus_buffer *buf, u32 size,
					size_t granule, int nid)
{
	int ret;

	ret = alloc_blocks(buf, size, granule, nid);
	if (ret)
		goto out_free;

	buf->addr = map_blocks(buf, size);
	if (buf->addr)
		return 0;

	ret = -ENOMEM;
out_free:
	free_blocks(buf);
	return ret;
}
EXPORT_SYMBOL_IF_KUNIT(vmbus_alloc_shared);

/**
 * vmbus_alloc_buffer() - allocate a buffer that a device shares with its host
 * @channel: the channel that the buffer is for
 * @size: size in bytes, rounded up to whole pages
 * @buf: buffer to be initialized
 *
 * The memory is zeroed. In an isolated guest it is shared with the host,
 * unless the channel can use private memory.
 *
 * Context: Process context, may sleep.
 * Return: 0, or a negative error code, with a buffer that can be freed.
 */
int vmbus_alloc_buffer(struct vmbus_channel *channel, u32 size,
		       struct vmbus_buffer *buf)
{
	int ret = 0;

	*buf = (struct vmbus_buffer){ };
	INIT_LIST_HEAD(&buf->blocks);

	if (!size || size > U32_MAX - PAGE_SIZE)
		return -EINVAL;
	size = PAGE_ALIGN(size);

	if (hv_is_isolation_supported() && !channel->co_external_memory) {
		ret = vmbus_alloc_shared(buf, size, cc_shared_granule(),
					 cpu_to_node(channel->target_cpu));
	} else {
		buf->addr = vzalloc(size);
		if (!buf->addr)
			ret = -ENOMEM;
	}
	if (!ret)
		buf->size = size;

	return ret;
}
EXPORT_SYMBOL_GPL(vmbus_alloc_buffer);

/**
 * vmbus_free_buffer() - free a buffer of vmbus_alloc_buffer()
 * @buf: the buffer, or one that is all zero
 *
 * If the host could not be made to give up the GPADL of the buffer, the memory
 * is leaked.
 *
 * Context: Process context, may sleep.
 */
void vmbus_free_buffer(struct vmbus_buffer *buf)
{
	if (!buf->addr)
		return;

	if (buf->gpadl.gpadl_handle) {
		pr_warn("the host still has GPADL %#x, leak %u KiB\n",
			buf->gpadl.gpadl_handle, buf->size >> 10);
	} else if (list_empty(&buf->blocks)) {
		vfree(buf->addr);
	} else {
		if (is_vmalloc_addr(buf->addr))
			vunmap(buf->addr);
		free_blocks(buf);
	}

	buf->addr = NULL;
}
EXPORT_SYMBOL_GPL(vmbus_free_buffer);

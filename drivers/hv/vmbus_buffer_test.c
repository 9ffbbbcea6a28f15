// SPDX-License-Identifier: GPL-2.0
/*
 * KUnit tests of the buffers that a VMBus device shares with its host
 *
 * They run on any machine: blocks are ordinary pages where there is no host
 * to share them with.
 */
#include <kunit/static_stub.h>
#include <kunit/test.h>
#include <linux/cc_shared.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/pgtable.h>
#include <linux/sizes.h>
#include <linux/vmalloc.h>

#include "vmbus_buffer.h"

static struct vmbus_buffer buf;

/* Blocks of more than this many bytes cannot be had. */
static u32 largest;
/* How many allocations succeed before all fail */
static unsigned int good_for;

static struct page *stingy_alloc(u32 size, int nid)
{
	if (size > largest || !good_for)
		return NULL;

	good_for--;
	return cc_shared_alloc_pages(size, nid, GFP_KERNEL | __GFP_NOWARN,
				     CC_SHARED_NO_LIMIT);
}

static int buffer_init(struct kunit *test)
{
	buf = (struct vmbus_buffer){ };
	INIT_LIST_HEAD(&buf.blocks);
	return 0;
}

static void buffer_exit(struct kunit *test)
{
	buf.gpadl.gpadl_handle = 0;
	vmbus_free_buffer(&buf);
}

/* Every page of the blocks is where the driver sees it, and is zero. */
static void expect_mapped(struct kunit *test, u32 size)
{
	struct vmbus_buffer_block *block;
	u8 *addr = buf.addr;
	u32 sum = 0;

	KUNIT_ASSERT_NOT_NULL(test, addr);
	list_for_each_entry(block, &buf.blocks, node) {
		for (u32 at = 0; at < block->size; at += PAGE_SIZE, sum += PAGE_SIZE) {
			u8 *page = page_address(block->page) + at;

			KUNIT_ASSERT_NULL(test, memchr_inv(addr + sum, 0, PAGE_SIZE));
			addr[sum + 17] = 0x5a;
			KUNIT_ASSERT_EQ(test, page[17], 0x5a);
			KUNIT_ASSERT_EQ(test, virt_to_hvpfn(addr + sum),
					virt_to_hvpfn(page));
		}
	}
	KUNIT_EXPECT_EQ(test, sum, size);
}

static void buffer_single(struct kunit *test)
{
	KUNIT_ASSERT_EQ(test, vmbus_alloc_shared(&buf, SZ_1M, SZ_2M,
						 NUMA_NO_NODE), 0);
	KUNIT_EXPECT_EQ(test, list_count_nodes(&buf.blocks), 1);
	/* No second mapping for what is contiguous already */
	KUNIT_EXPECT_FALSE(test, is_vmalloc_addr(buf.addr));
	expect_mapped(test, SZ_1M);
}

static void buffer_granules(struct kunit *test)
{
	struct vmbus_buffer_block *block;
	u32 size = 3 * SZ_2M + 5 * PAGE_SIZE;

	KUNIT_ASSERT_EQ(test, vmbus_alloc_shared(&buf, size, SZ_2M,
						 NUMA_NO_NODE), 0);
	if (list_count_nodes(&buf.blocks) != 4)
		kunit_skip(test, "memory is too fragmented for blocks of 2 MiB");

	list_for_each_entry(block, &buf.blocks, node) {
		if (list_is_last(&block->node, &buf.blocks)) {
			KUNIT_EXPECT_EQ(test, block->size, 5 * PAGE_SIZE);
			break;
		}
		KUNIT_EXPECT_EQ(test, block->size, SZ_2M);
		KUNIT_EXPECT_TRUE(test, IS_ALIGNED(page_to_phys(block->page), SZ_2M));
	}
	expect_mapped(test, size);
}

/* Are the granules mapped by huge entries where that is possible? */
static void buffer_huge(struct kunit *test)
{
#ifdef CONFIG_X86_64
	unsigned long addr;
	unsigned int level;

	KUNIT_ASSERT_EQ(test, vmbus_alloc_shared(&buf, 2 * SZ_2M + PAGE_SIZE,
						 SZ_2M, NUMA_NO_NODE), 0);
	if (list_count_nodes(&buf.blocks) != 3)
		kunit_skip(test, "memory is too fragmented for blocks of 2 MiB");

	addr = (unsigned long)buf.addr;
	KUNIT_EXPECT_TRUE(test, IS_ALIGNED(addr, PMD_SIZE));
	KUNIT_ASSERT_NOT_NULL(test, lookup_address(addr, &level));
	KUNIT_EXPECT_EQ(test, level, PG_LEVEL_2M);
	KUNIT_ASSERT_NOT_NULL(test, lookup_address(addr + SZ_2M, &level));
	KUNIT_EXPECT_EQ(test, level, PG_LEVEL_2M);
	KUNIT_ASSERT_NOT_NULL(test, lookup_address(addr + 2 * SZ_2M, &level));
	KUNIT_EXPECT_EQ(test, level, PG_LEVEL_4K);
#else
	kunit_skip(test, "this looks at page tables of x86");
#endif
}

/* Down to what there is, to the page if need be, and never back up. */
static void buffer_fragmented(struct kunit *test)
{
	struct vmbus_buffer_block *block;
	u32 size = SZ_256K + SZ_8K;

	kunit_activate_static_stub(test, vmbus_alloc_block, stingy_alloc);
	good_for = UINT_MAX;
	largest = max_t(u32, SZ_16K, PAGE_SIZE);

	KUNIT_ASSERT_EQ(test, vmbus_alloc_shared(&buf, PAGE_ALIGN(size), SZ_2M,
						 NUMA_NO_NODE), 0);
	list_for_each_entry(block, &buf.blocks, node)
		KUNIT_EXPECT_LE(test, block->size, largest);
	expect_mapped(test, PAGE_ALIGN(size));
}

/* Wherever memory runs out: an error, and all that was allocated is freed. */
static void buffer_no_memory(struct kunit *test)
{
	kunit_activate_static_stub(test, vmbus_alloc_block, stingy_alloc);
	largest = PAGE_SIZE;

	for (unsigned int n = 0; n < 8; n++) {
		good_for = n;
		KUNIT_EXPECT_EQ(test, vmbus_alloc_shared(&buf, 8 * PAGE_SIZE,
							 SZ_2M, NUMA_NO_NODE),
				-ENOMEM);
		KUNIT_EXPECT_TRUE(test, list_empty(&buf.blocks));
		KUNIT_EXPECT_NULL(test, buf.addr);
	}

	good_for = 8;
	KUNIT_EXPECT_EQ(test, vmbus_alloc_shared(&buf, 8 * PAGE_SIZE, SZ_2M,
						 NUMA_NO_NODE), 0);
	expect_mapped(test, 8 * PAGE_SIZE);
}

/* What the host may still access must not be freed. */
static void buffer_gpadl_left(struct kunit *test)
{
	struct vmbus_buffer copy;

	KUNIT_ASSERT_EQ(test, vmbus_alloc_shared(&buf, SZ_8K, SZ_2M,
						 NUMA_NO_NODE), 0);
	copy = buf;
	buf.gpadl.gpadl_handle = 0xe1e10;
	vmbus_free_buffer(&buf);
	KUNIT_EXPECT_NULL(test, buf.addr);
	KUNIT_EXPECT_EQ(test, list_count_nodes(&buf.blocks), 1);

	/* Nothing was freed, so that it can be freed now. */
	buf.addr = copy.addr;
	buf.gpadl.gpadl_handle = 0;
	expect_mapped(test, PAGE_ALIGN(SZ_8K));
	vmbus_free_buffer(&buf);
	KUNIT_EXPECT_TRUE(test, list_empty(&buf.blocks));
}

static void buffer_free_zero(struct kunit *test)
{
	struct vmbus_buffer zero = { };

	vmbus_free_buffer(&zero);
	KUNIT_EXPECT_NULL(test, zero.addr);
}

static struct kunit_case buffer_cases[] = {
	KUNIT_CASE(buffer_single),
	KUNIT_CASE(buffer_granules),
	KUNIT_CASE(buffer_huge),
	KUNIT_CASE(buffer_fragmented),
	KUNIT_CASE(buffer_no_memory),
	KUNIT_CASE(buffer_gpadl_left),
	KUNIT_CASE(buffer_free_zero),
	{}
};

static struct kunit_suite buffer_suite = {
	.name = "vmbus_buffer",
	.init = buffer_init,
	.exit = buffer_exit,
	.test_cases = buffer_cases,
};

kunit_test_suite(buffer_suite);

MODULE_IMPORT_NS("EXPORTED_FOR_KUNIT_TESTING");
MODULE_DESCRIPTION("KUnit tests of buffers shared with a Hyper-V host");
MODULE_LICENSE("GPL");

// SPDX-License-Identifier: GPL-2.0
/*
 * KUnit tests of the page frames of a request to a Hyper-V disk
 *
 * They run on any machine: the scatterlists are made up, as the DMA API would
 * have filled them in.
 */
#include <kunit/test.h>
#include <linux/module.h>
#include <linux/sizes.h>

#include "storvsc_sgl.h"

#define MAX_ENTRIES	4
#define MAX_PFNS	64
#define UNTOUCHED	0xdeadull

static struct scatterlist sgl[MAX_ENTRIES];
static u64 pfns[MAX_PFNS + 1];

static int sgl_init(struct kunit *test)
{
	sg_init_table(sgl, MAX_ENTRIES);
	for (int i = 0; i <= MAX_PFNS; i++)
		pfns[i] = UNTOUCHED;
	return 0;
}

static void entry(int i, dma_addr_t addr, unsigned int len)
{
	sg_dma_address(&sgl[i]) = addr;
	sg_dma_len(&sgl[i]) = len;
}

static void expect_pfns(struct kunit *test, int at, u64 first, int count)
{
	for (int i = 0; i < count; i++)
		KUNIT_EXPECT_EQ(test, pfns[at + i], first + i);
}

static void sgl_one_page(struct kunit *test)
{
	entry(0, 0x12345000, SZ_4K);
	KUNIT_EXPECT_EQ(test, storvsc_fill_pfns(sgl, 1, pfns, 1), 0);
	expect_pfns(test, 0, 0x12345, 1);
	KUNIT_EXPECT_EQ(test, pfns[1], UNTOUCHED);
}

/* 512 bytes at an offset: one page; over the end of it: two. */
static void sgl_offset(struct kunit *test)
{
	entry(0, 0x1000 + 512, 512);
	KUNIT_EXPECT_EQ(test, storvsc_fill_pfns(sgl, 1, pfns, 1), 0);
	expect_pfns(test, 0, 1, 1);

	entry(0, 0x1000 + 3584, 1024);
	KUNIT_EXPECT_EQ(test, storvsc_fill_pfns(sgl, 1, pfns, 2), 0);
	expect_pfns(test, 0, 1, 2);
	KUNIT_EXPECT_EQ(test, pfns[2], UNTOUCHED);
}

/* Entries may be longer than a page, and need not follow each other. */
static void sgl_entries(struct kunit *test)
{
	entry(0, 0x1000 + 2048, 2048 + 3 * SZ_4K);
	entry(1, 0x80000000, SZ_64K);
	entry(2, 0x3000, 512);
	KUNIT_EXPECT_EQ(test, storvsc_fill_pfns(sgl, 3, pfns, 21), 0);
	expect_pfns(test, 0, 0x1, 4);
	expect_pfns(test, 4, 0x80000, 16);
	expect_pfns(test, 20, 0x3, 1);
	KUNIT_EXPECT_EQ(test, pfns[21], UNTOUCHED);
}

/* Above 4 GiB, and with the bit that says shared where there is one */
static void sgl_high(struct kunit *test)
{
	if (sizeof(dma_addr_t) < sizeof(u64))
		kunit_skip(test, "DMA addresses have 32 bits");

	entry(0, (dma_addr_t)0x4000123456000ull, SZ_8K);
	KUNIT_EXPECT_EQ(test, storvsc_fill_pfns(sgl, 1, pfns, 2), 0);
	expect_pfns(test, 0, 0x4000123456ull, 2);
}

/* With guest pages of 64 KiB, an entry may begin at any Hyper-V page. */
static void sgl_large_guest_pages(struct kunit *test)
{
	entry(0, 0x10000 + 5 * SZ_4K + 512, SZ_64K - 5 * SZ_4K - 512);
	entry(1, 0x50000, SZ_64K);
	KUNIT_EXPECT_EQ(test, storvsc_fill_pfns(sgl, 2, pfns, 27), 0);
	expect_pfns(test, 0, 0x15, 11);
	expect_pfns(test, 11, 0x50, 16);
}

/* The array is never overrun, and a short one is not sent. */
static void sgl_count(struct kunit *test)
{
	entry(0, 0x1000, 4 * SZ_4K);
	KUNIT_EXPECT_EQ(test, storvsc_fill_pfns(sgl, 1, pfns, 3), -EINVAL);
	KUNIT_EXPECT_EQ(test, pfns[3], UNTOUCHED);
	KUNIT_EXPECT_EQ(test, storvsc_fill_pfns(sgl, 1, pfns, 5), -EINVAL);
	KUNIT_EXPECT_EQ(test, storvsc_fill_pfns(sgl, 0, pfns, 1), -EINVAL);

	entry(1, 0x8000, SZ_4K);
	KUNIT_EXPECT_EQ(test, storvsc_fill_pfns(sgl, 2, pfns, 4), -EINVAL);
	KUNIT_EXPECT_EQ(test, storvsc_fill_pfns(sgl, 2, pfns, 5), 0);
}

/* A bounce buffer that lost the offset would shift the data: refuse that. */
static void sgl_gaps(struct kunit *test)
{
	entry(0, 0x1000, SZ_4K);
	entry(1, 0x8000 + 512, SZ_4K - 512);
	KUNIT_EXPECT_EQ(test, storvsc_fill_pfns(sgl, 2, pfns, 2), -EINVAL);

	entry(0, 0x1000, 512);
	entry(1, 0x8000, SZ_4K);
	KUNIT_EXPECT_EQ(test, storvsc_fill_pfns(sgl, 2, pfns, 2), -EINVAL);
}

static struct kunit_case sgl_cases[] = {
	KUNIT_CASE(sgl_one_page),
	KUNIT_CASE(sgl_offset),
	KUNIT_CASE(sgl_entries),
	KUNIT_CASE(sgl_high),
	KUNIT_CASE(sgl_large_guest_pages),
	KUNIT_CASE(sgl_count),
	KUNIT_CASE(sgl_gaps),
	{}
};

static struct kunit_suite sgl_suite = {
	.name = "storvsc_sgl",
	.init = sgl_init,
	.test_cases = sgl_cases,
};

kunit_test_suite(sgl_suite);

MODULE_DESCRIPTION("KUnit tests of requests to Hyper-V disks");
MODULE_LICENSE("GPL");

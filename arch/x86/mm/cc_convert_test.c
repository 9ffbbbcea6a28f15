// SPDX-License-Identifier: GPL-2.0
/*
 * KUnit tests of the accounting of conversions, arch/x86/mm/cc_convert.c
 *
 * They convert nothing and run anywhere: the splitting of ranges is plain
 * arithmetic, and the counters are fed with requests that never happened.
 */
#include <kunit/test.h>
#include <linux/cc_convert.h>
#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/sizes.h>
#include <linux/vmalloc.h>

#define BLOCK	(SZ_2M / PAGE_SIZE)

struct split_case {
	const char *name;
	unsigned long pfn, nr_pages;
	unsigned long nr_2m, nr_4k;
};

static const struct split_case split_cases[] = {
	{ "nothing",		      0,	    0,		   0, 0 },
	{ "nothing, aligned",	      BLOCK,	    0,		   0, 0 },
	{ "one page",		      BLOCK,	    1,		   0, 1 },
	{ "one page, odd",	      BLOCK + 3,    1,		   0, 1 },
	{ "one block",		      BLOCK,	    BLOCK,	   1, 0 },
	{ "block at zero",	      0,	    BLOCK,	   1, 0 },
	{ "many blocks",	      4 * BLOCK,    64 * BLOCK,	   64, 0 },
	{ "block size, not aligned",  BLOCK + 1,    BLOCK,	   0, BLOCK },
	{ "one page short",	      BLOCK,	    BLOCK - 1,	   0, BLOCK - 1 },
	{ "head",		      BLOCK - 1,    BLOCK + 1,	   1, 1 },
	{ "tail",		      BLOCK,	    BLOCK + 1,	   1, 1 },
	{ "head and tail",	      BLOCK - 3,    BLOCK + 10,	   1, 10 },
	{ "two halves",		      BLOCK / 2,    BLOCK,	   0, BLOCK },
	{ "two blocks but a page",    BLOCK + 1,    2 * BLOCK - 1, 1, BLOCK - 1 },
	{ "end of the number space",  ULONG_MAX,    1,		   0, 1 },
	{ "alignment wraps",	      ULONG_MAX - 1, 1,		   0, 1 },
	{ "range wraps",	      -BLOCK,	    2 * BLOCK,	   0, 2 * BLOCK },
	{ "last block but one",	      -2 * BLOCK,   BLOCK,	   1, 0 },
};

KUNIT_ARRAY_PARAM_DESC(split, split_cases, name);

static void split_range(struct kunit *test)
{
	const struct split_case *c = test->param_value;
	struct cc_convert_split split = {};

	cc_convert_split_add(&split, c->pfn, c->nr_pages);
	KUNIT_EXPECT_EQ(test, split.nr_2m, c->nr_2m);
	KUNIT_EXPECT_EQ(test, split.nr_4k, c->nr_4k);
}

static void split_adds_up(struct kunit *test)
{
	struct cc_convert_split split = {};

	cc_convert_split_add(&split, 0, BLOCK);
	cc_convert_split_add(&split, 5 * BLOCK, 2 * BLOCK + 7);
	cc_convert_split_add(&split, 1, 1);
	KUNIT_EXPECT_EQ(test, split.nr_2m, 3);
	KUNIT_EXPECT_EQ(test, split.nr_4k, 8);
}

/* Whatever the range, no page is lost and none is counted twice. */
static void split_conserves_pages(struct kunit *test)
{
	unsigned long pfn, nr;

	for (pfn = 0; pfn < 2 * BLOCK; pfn += 31) {
		for (nr = 0; nr < 4 * BLOCK; nr += 37) {
			struct cc_convert_split split = {};

			cc_convert_split_add(&split, pfn, nr);
			KUNIT_ASSERT_EQ(test, split.nr_2m * BLOCK + split.nr_4k, nr);
		}
	}
}

struct counts {
	long nr_2m, nr_4k, nr_failed;
};

static struct counts read_counts(struct cc_convert_counters *counters)
{
	return (struct counts) {
		.nr_2m = atomic_long_read(&counters->nr_2m),
		.nr_4k = atomic_long_read(&counters->nr_4k),
		.nr_failed = atomic_long_read(&counters->nr_failed),
	};
}

static void expect_growth(struct kunit *test,
			  struct cc_convert_counters *counters,
			  const struct counts *before,
			  const struct counts *growth)
{
	struct counts now = read_counts(counters);

	KUNIT_EXPECT_EQ(test, now.nr_2m - before->nr_2m, growth->nr_2m);
	KUNIT_EXPECT_EQ(test, now.nr_4k - before->nr_4k, growth->nr_4k);
	KUNIT_EXPECT_EQ(test, now.nr_failed - before->nr_failed,
			growth->nr_failed);
}

struct account_case {
	const char *name;
	bool enc;
	int ret;
	struct counts growth;
};

static const struct account_case account_cases[] = {
	{ "to shared",		false,	0,	{ .nr_2m = 3, .nr_4k = 5 } },
	{ "to private",		true,	0,	{ .nr_2m = 3, .nr_4k = 5 } },
	{ "to shared, failed",	false,	-EIO,	{ .nr_failed = 1 } },
	{ "to private, failed",	true,	-EIO,	{ .nr_failed = 1 } },
};

KUNIT_ARRAY_PARAM_DESC(account, account_cases, name);

/*
 * Nothing else converts memory while the kernel runs its built-in tests. The
 * counters of the other direction stay as they are.
 */
static void account_counts(struct kunit *test)
{
	const struct account_case *c = test->param_value;
	struct cc_convert_counters *same, *other;
	struct counts before, before_other;
	const struct counts none = {};

	same = c->enc ? &cc_convert_to_private : &cc_convert_to_shared;
	other = c->enc ? &cc_convert_to_shared : &cc_convert_to_private;
	before = read_counts(same);
	before_other = read_counts(other);

	/* 3 blocks and 5 pages; no byte of them is read */
	__cc_convert_account((unsigned long)__va(SZ_2M), 3 * BLOCK + 5, c->enc,
			     c->ret, _THIS_IP_);

	expect_growth(test, same, &before, &c->growth);
	expect_growth(test, other, &before_other, &none);
}

/* A vmalloc() range is not contiguous: at best its pages count as pages. */
static void split_vmalloc_range(struct kunit *test)
{
	unsigned long nr = 2 * BLOCK;
	struct cc_convert_split split;
	struct page *page = alloc_page(GFP_KERNEL);
	struct page **pages;
	void *addr;

	KUNIT_ASSERT_NOT_NULL(test, page);
	pages = kunit_kcalloc(test, nr, sizeof(*pages), GFP_KERNEL);
	if (!pages)
		goto out_free;

	/* The same page many times is as far from contiguous as it gets. */
	for (unsigned long i = 0; i < nr; i++)
		pages[i] = page;
	addr = vmap(pages, nr, VM_MAP, PAGE_KERNEL);
	if (!addr)
		goto out_free;

	split = cc_convert_split_range((unsigned long)addr, nr);
	KUNIT_EXPECT_EQ(test, split.nr_2m, 0);
	KUNIT_EXPECT_EQ(test, split.nr_4k, nr);

	vunmap(addr);
	__free_page(page);
	return;

out_free:
	__free_page(page);
	KUNIT_FAIL(test, "out of memory");
}

/* Two adjacent blocks of the direct map, seen through vmap(). */
static void split_vmalloc_contiguous(struct kunit *test)
{
	unsigned int order = get_order(SZ_4M);
	struct cc_convert_split split;
	struct page **pages, *block;
	void *addr;

	block = alloc_pages(GFP_KERNEL | __GFP_NOWARN, order);
	if (!block)
		kunit_skip(test, "no 4 MiB of contiguous memory");

	pages = kunit_kcalloc(test, 2 * BLOCK, sizeof(*pages), GFP_KERNEL);
	if (!pages)
		goto out_free;

	for (unsigned long i = 0; i < 2 * BLOCK; i++)
		pages[i] = block + i;
	addr = vmap(pages, 2 * BLOCK, VM_MAP, PAGE_KERNEL);
	if (!addr)
		goto out_free;

	split = cc_convert_split_range((unsigned long)addr, 2 * BLOCK);
	KUNIT_EXPECT_EQ(test, split.nr_2m, 2);
	KUNIT_EXPECT_EQ(test, split.nr_4k, 0);

	split = cc_convert_split_range((unsigned long)addr + PAGE_SIZE, BLOCK);
	KUNIT_EXPECT_EQ(test, split.nr_2m, 0);
	KUNIT_EXPECT_EQ(test, split.nr_4k, BLOCK);

	vunmap(addr);
	__free_pages(block, order);
	return;

out_free:
	__free_pages(block, order);
	KUNIT_FAIL(test, "out of memory");
}

static struct kunit_case cc_convert_test_cases[] = {
	KUNIT_CASE_PARAM(split_range, split_gen_params),
	KUNIT_CASE(split_adds_up),
	KUNIT_CASE(split_conserves_pages),
	KUNIT_CASE(split_vmalloc_range),
	KUNIT_CASE(split_vmalloc_contiguous),
	KUNIT_CASE_PARAM(account_counts, account_gen_params),
	{}
};

static struct kunit_suite cc_convert_test_suite = {
	.name = "cc_convert",
	.test_cases = cc_convert_test_cases,
};

kunit_test_suite(cc_convert_test_suite);

MODULE_IMPORT_NS("EXPORTED_FOR_KUNIT_TESTING");
MODULE_DESCRIPTION("KUnit tests of the accounting of memory conversions");
MODULE_LICENSE("GPL");

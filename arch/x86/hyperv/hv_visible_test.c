// SPDX-License-Identifier: GPL-2.0
/*
 * KUnit tests of the record of pages that are visible to the host
 *
 * They run on any machine, as no page changes hands. A plain bitmap is the
 * model that the random test compares with.
 */
#include <kunit/test.h>
#include <linux/bitmap.h>
#include <linux/module.h>
#include <linux/prandom.h>

#include "hv_visible.h"

#define MODEL_BITS	1024

static struct hv_visible set;

static int visible_init(struct kunit *test)
{
	raw_spin_lock_init(&set.lock);
	INIT_LIST_HEAD(&set.runs);
	return 0;
}

static void visible_exit(struct kunit *test)
{
	hv_visible_unreserve(&set.runs);
}

static void fill(u64 pfns[], u64 first, unsigned int count)
{
	for (unsigned int i = 0; i < count; i++)
		pfns[i] = first + i;
}

static int change(u64 first, unsigned int count, bool add)
{
	static u64 pfns[MODEL_BITS];
	struct list_head spare;
	int ret;

	fill(pfns, first, count);
	if (hv_visible_reserve(&spare, pfns, count))
		return -ENOMEM;
	ret = add ? hv_visible_add(&set, pfns, count, &spare) :
		    hv_visible_remove(&set, pfns, count, &spare);
	hv_visible_unreserve(&spare);
	return ret;
}

static int add(u64 first, unsigned int count)
{
	return change(first, count, true);
}

static int del(u64 first, unsigned int count)
{
	return change(first, count, false);
}

/* Is the set exactly this range of page frames? Otherwise say what it is. */
static void expect_range(struct kunit *test, u64 first, unsigned int count)
{
	static u64 pfns[MODEL_BITS];
	u64 cursor = 0;
	unsigned int n = hv_visible_next(&set, &cursor, pfns, MODEL_BITS);

	KUNIT_ASSERT_EQ(test, n, count);
	for (unsigned int i = 0; i < n; i++)
		KUNIT_EXPECT_EQ(test, pfns[i], first + i);
}

static void visible_merge(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, add(512, 510), 0);
	KUNIT_EXPECT_EQ(test, add(1022, 2), 0);
	KUNIT_EXPECT_EQ(test, list_count_nodes(&set.runs), 1);
	KUNIT_EXPECT_EQ(test, add(0, 10), 0);
	KUNIT_EXPECT_EQ(test, list_count_nodes(&set.runs), 2);
	KUNIT_EXPECT_EQ(test, add(502, 10), 0);
	KUNIT_EXPECT_EQ(test, list_count_nodes(&set.runs), 2);
	/* The gap in between, from both ends */
	KUNIT_EXPECT_EQ(test, add(10, 492), 0);
	KUNIT_EXPECT_EQ(test, list_count_nodes(&set.runs), 1);
	expect_range(test, 0, 1024);
}

static void visible_merge_many(struct kunit *test)
{
	for (u64 pfn = 0; pfn < 100; pfn += 2)
		KUNIT_EXPECT_EQ(test, add(pfn, 1), 0);
	KUNIT_EXPECT_EQ(test, list_count_nodes(&set.runs), 50);
	KUNIT_EXPECT_EQ(test, add(0, 100), 0);
	KUNIT_EXPECT_EQ(test, list_count_nodes(&set.runs), 1);
	expect_range(test, 0, 100);
}

static void visible_overlap(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, add(100, 100), 0);
	KUNIT_EXPECT_EQ(test, add(150, 10), 0);
	KUNIT_EXPECT_EQ(test, add(150, 100), 0);
	KUNIT_EXPECT_EQ(test, add(50, 100), 0);
	KUNIT_EXPECT_EQ(test, list_count_nodes(&set.runs), 1);
	expect_range(test, 50, 200);
}

static void visible_split(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, add(0, 100), 0);
	KUNIT_EXPECT_EQ(test, del(40, 20), 0);
	KUNIT_EXPECT_EQ(test, list_count_nodes(&set.runs), 2);
	KUNIT_EXPECT_EQ(test, del(0, 40), 0);
	KUNIT_EXPECT_EQ(test, list_count_nodes(&set.runs), 1);
	expect_range(test, 60, 40);
	KUNIT_EXPECT_EQ(test, del(90, 100), 0);
	expect_range(test, 60, 30);
	KUNIT_EXPECT_EQ(test, del(0, 70), 0);
	expect_range(test, 70, 20);
	KUNIT_EXPECT_EQ(test, del(0, 200), 0);
	KUNIT_EXPECT_TRUE(test, list_empty(&set.runs));
}

static void visible_remove_several(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, add(0, 10), 0);
	KUNIT_EXPECT_EQ(test, add(20, 10), 0);
	KUNIT_EXPECT_EQ(test, add(40, 10), 0);
	KUNIT_EXPECT_EQ(test, del(5, 41), 0);
	KUNIT_EXPECT_EQ(test, list_count_nodes(&set.runs), 2);
	KUNIT_EXPECT_EQ(test, del(46, 4), 0);
	expect_range(test, 0, 5);
}

static void visible_remove_unknown(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, del(7, 3), 0);
	KUNIT_EXPECT_EQ(test, add(0, 5), 0);
	KUNIT_EXPECT_EQ(test, del(5, 3), 0);
	expect_range(test, 0, 5);
}

/* Without memory nothing is lost: the set names too much rather than too little. */
static void visible_no_memory(struct kunit *test)
{
	u64 pfns[] = { 50, 51 };
	LIST_HEAD(spare);

	KUNIT_EXPECT_EQ(test, hv_visible_add(&set, pfns, 2, &spare), -ENOMEM);
	KUNIT_EXPECT_TRUE(test, list_empty(&set.runs));

	KUNIT_EXPECT_EQ(test, add(0, 100), 0);
	KUNIT_EXPECT_EQ(test, hv_visible_remove(&set, pfns, 2, &spare), -ENOMEM);
	expect_range(test, 0, 100);

	/* What needs no memory does not fail. */
	pfns[0] = 0;
	KUNIT_EXPECT_EQ(test, hv_visible_remove(&set, pfns, 1, &spare), 0);
	KUNIT_EXPECT_EQ(test, hv_visible_add(&set, pfns, 1, &spare), 0);
	expect_range(test, 0, 100);
}

/* One reservation is enough for page frames in any order. */
static void visible_scattered(struct kunit *test)
{
	static const u64 pfns[] = { 9, 3, 4, 5, 1, 7, 8, 2, 6 };
	struct list_head spare;
	int ret;

	KUNIT_ASSERT_EQ(test, hv_visible_reserve(&spare, pfns,
						 ARRAY_SIZE(pfns)), 0);
	ret = hv_visible_add(&set, pfns, ARRAY_SIZE(pfns), &spare);
	hv_visible_unreserve(&spare);
	KUNIT_EXPECT_EQ(test, ret, 0);
	KUNIT_EXPECT_EQ(test, list_count_nodes(&set.runs), 1);
	expect_range(test, 1, 9);

	KUNIT_ASSERT_EQ(test, hv_visible_reserve(&spare, pfns, 5), 0);
	ret = hv_visible_remove(&set, pfns, 5, &spare);
	hv_visible_unreserve(&spare);
	KUNIT_EXPECT_EQ(test, ret, 0);
	/* 2 and 6 to 8 */
	KUNIT_EXPECT_EQ(test, list_count_nodes(&set.runs), 2);
}

/* As many page frames per hypercall as fit, also across runs. */
static void visible_batches(struct kunit *test)
{
	static u64 pfns[510];
	u64 cursor = 0;

	KUNIT_EXPECT_EQ(test, hv_visible_next(&set, &cursor, pfns, 510), 0);

	KUNIT_EXPECT_EQ(test, add(1000, 300), 0);
	KUNIT_EXPECT_EQ(test, add(5000, 300), 0);
	KUNIT_EXPECT_EQ(test, hv_visible_next(&set, &cursor, pfns, 510), 510);
	KUNIT_EXPECT_EQ(test, pfns[0], 1000);
	KUNIT_EXPECT_EQ(test, pfns[299], 1299);
	KUNIT_EXPECT_EQ(test, pfns[300], 5000);
	KUNIT_EXPECT_EQ(test, pfns[509], 5209);
	KUNIT_EXPECT_EQ(test, hv_visible_next(&set, &cursor, pfns, 510), 90);
	KUNIT_EXPECT_EQ(test, pfns[0], 5210);
	KUNIT_EXPECT_EQ(test, pfns[89], 5299);
	KUNIT_EXPECT_EQ(test, hv_visible_next(&set, &cursor, pfns, 510), 0);
}

/* Compare with a bitmap, and see that runs are merged as far as possible. */
static void expect_model(struct kunit *test, const unsigned long *model)
{
	static u64 pfns[MODEL_BITS];
	unsigned int bit, runs = 0, i = 0;
	u64 cursor = 0;
	unsigned int n = hv_visible_next(&set, &cursor, pfns, MODEL_BITS);

	KUNIT_ASSERT_EQ(test, n, bitmap_weight(model, MODEL_BITS));
	for_each_set_bit(bit, model, MODEL_BITS) {
		KUNIT_ASSERT_EQ(test, pfns[i], bit);
		if (!i || pfns[i - 1] != bit - 1)
			runs++;
		i++;
	}
	KUNIT_ASSERT_EQ(test, list_count_nodes(&set.runs), runs);
}

static void visible_random(struct kunit *test)
{
	static DECLARE_BITMAP(model, MODEL_BITS);
	struct rnd_state rnd;

	bitmap_zero(model, MODEL_BITS);
	prandom_seed_state(&rnd, 20210510);

	for (unsigned int i = 0; i < 2000; i++) {
		u32 r = prandom_u32_state(&rnd);
		unsigned int first = r % MODEL_BITS;
		unsigned int count = 1 + (r >> 10) % 64;

		count = min(count, MODEL_BITS - first);
		if (r >> 31) {
			bitmap_set(model, first, count);
			KUNIT_ASSERT_EQ(test, add(first, count), 0);
		} else {
			bitmap_clear(model, first, count);
			KUNIT_ASSERT_EQ(test, del(first, count), 0);
		}
		expect_model(test, model);
	}
}

static struct kunit_case visible_cases[] = {
	KUNIT_CASE(visible_merge),
	KUNIT_CASE(visible_merge_many),
	KUNIT_CASE(visible_overlap),
	KUNIT_CASE(visible_split),
	KUNIT_CASE(visible_remove_several),
	KUNIT_CASE(visible_remove_unknown),
	KUNIT_CASE(visible_no_memory),
	KUNIT_CASE(visible_scattered),
	KUNIT_CASE(visible_batches),
	KUNIT_CASE(visible_random),
	{}
};

static struct kunit_suite visible_suite = {
	.name = "hv_visible",
	.init = visible_init,
	.exit = visible_exit,
	.test_cases = visible_cases,
};

kunit_test_suite(visible_suite);

MODULE_IMPORT_NS("EXPORTED_FOR_KUNIT_TESTING");
MODULE_DESCRIPTION("KUnit tests of the pages visible to a Hyper-V host");
MODULE_LICENSE("GPL");

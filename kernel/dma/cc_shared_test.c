// SPDX-License-Identifier: GPL-2.0
/*
 * KUnit tests of the sharing granule, include/linux/cc_shared_granule.h
 *
 * They hold in any guest and on bare metal: the pure helper is tested with
 * every kind of guest as an argument, the real one against the machine on
 * which the test happens to run.
 */
#include <kunit/test.h>
#include <linux/cc_platform.h>
#include <linux/cc_shared_granule.h>
#include <linux/mm.h>

static void granule_plain_guest(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, cc_shared_granule_for(false, 0), PAGE_SIZE);
	/* A minimum has no meaning where nothing is shared. */
	KUNIT_EXPECT_EQ(test, cc_shared_granule_for(false, SZ_64K), PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, cc_shared_granule_for(false, SZ_1G), PAGE_SIZE);
}

static void granule_cc_guest(struct kunit *test)
{
	size_t preferred = max_t(size_t, PAGE_SIZE, SZ_2M);

	KUNIT_EXPECT_EQ(test, cc_shared_granule_for(true, 0), preferred);
	KUNIT_EXPECT_EQ(test, cc_shared_granule_for(true, PAGE_SIZE), preferred);
	KUNIT_EXPECT_EQ(test, cc_shared_granule_for(true, SZ_64K), preferred);
	KUNIT_EXPECT_EQ(test, cc_shared_granule_for(true, preferred), preferred);
}

static void granule_minimum_wins(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, cc_shared_granule_for(true, SZ_4M), (size_t)SZ_4M);
	KUNIT_EXPECT_EQ(test, cc_shared_granule_for(true, SZ_1G), (size_t)SZ_1G);
	/* Nobody can align to 3 MiB. */
	KUNIT_EXPECT_EQ(test, cc_shared_granule_for(true, SZ_2M + SZ_1M),
			(size_t)SZ_4M);
	KUNIT_EXPECT_EQ(test, cc_shared_granule_for(true, SZ_2M + 1),
			(size_t)SZ_4M);
}

static void granule_of_this_machine(struct kunit *test)
{
	size_t granule = cc_shared_granule();

	KUNIT_EXPECT_TRUE(test, is_power_of_2(granule));
	KUNIT_EXPECT_GE(test, granule, PAGE_SIZE);

	if (cc_platform_has(CC_ATTR_GUEST_MEM_ENCRYPT))
		KUNIT_EXPECT_GE(test, granule, (size_t)SZ_2M);
	else
		KUNIT_EXPECT_EQ(test, granule, PAGE_SIZE);
}

static struct kunit_case cc_shared_test_cases[] = {
	KUNIT_CASE(granule_plain_guest),
	KUNIT_CASE(granule_cc_guest),
	KUNIT_CASE(granule_minimum_wins),
	KUNIT_CASE(granule_of_this_machine),
	{}
};

static struct kunit_suite cc_shared_test_suite = {
	.name = "cc_shared",
	.test_cases = cc_shared_test_cases,
};

kunit_test_suite(cc_shared_test_suite);

MODULE_DESCRIPTION("KUnit tests of the granule of memory shared with the host");
MODULE_LICENSE("GPL");

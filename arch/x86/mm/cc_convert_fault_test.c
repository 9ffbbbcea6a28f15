// SPDX-License-Identifier: GPL-2.0
/*
 * KUnit tests of fault injection into conversions, fail_cc_convert
 *
 * They cover which conversions are offered to should_fail(), for conversions
 * that never happen, and run anywhere.
 */
#include <kunit/test.h>
#include <linux/cc_convert_fault.h>
#include <linux/errno.h>

#define BEFORE	CC_CONVERT_FAULT_BEFORE
#define AFTER	CC_CONVERT_FAULT_AFTER

struct match_case {
	const char *name;
	struct cc_convert_fault_filter filter;
	/* to shared before and after, to private before and after */
	bool shared_before, shared_after, private_before, private_after;
};

static const struct match_case match_cases[] = {
	{ "before, both ways",	{ BEFORE, true, true },	  true, false, true, false },
	{ "before, to shared",	{ BEFORE, true, false },  true, false, false, false },
	{ "before, to private",	{ BEFORE, false, true },  false, false, true, false },
	{ "before, none",	{ BEFORE, false, false }, false, false, false, false },
	{ "after, both ways",	{ AFTER, true, true },	  false, true, false, true },
	{ "after, to shared",	{ AFTER, true, false },	  false, true, false, false },
	{ "after, to private",	{ AFTER, false, true },	  false, false, false, true },
	{ "after, none",	{ AFTER, false, false },  false, false, false, false },
};

KUNIT_ARRAY_PARAM_DESC(match, match_cases, name);

static void fault_match(struct kunit *test)
{
	const struct match_case *c = test->param_value;

	KUNIT_EXPECT_EQ(test, c->shared_before,
			cc_convert_fault_match(&c->filter, BEFORE, false));
	KUNIT_EXPECT_EQ(test, c->shared_after,
			cc_convert_fault_match(&c->filter, AFTER, false));
	KUNIT_EXPECT_EQ(test, c->private_before,
			cc_convert_fault_match(&c->filter, BEFORE, true));
	KUNIT_EXPECT_EQ(test, c->private_after,
			cc_convert_fault_match(&c->filter, AFTER, true));
}

static void fault_parse_when(struct kunit *test)
{
	enum cc_convert_fault_when when = BEFORE;

	KUNIT_EXPECT_EQ(test, cc_convert_fault_parse_when("after\n", &when), 0);
	KUNIT_EXPECT_EQ(test, when, AFTER);
	KUNIT_EXPECT_EQ(test, cc_convert_fault_parse_when("before", &when), 0);
	KUNIT_EXPECT_EQ(test, when, BEFORE);
}

static void fault_parse_when_rejects(struct kunit *test)
{
	static const char * const bad[] = {
		"", "\n", "0", "bef", "before after", "After", " after", "after0\n",
	};
	enum cc_convert_fault_when when = AFTER;

	for (unsigned int i = 0; i < ARRAY_SIZE(bad); i++) {
		KUNIT_EXPECT_EQ_MSG(test, cc_convert_fault_parse_when(bad[i], &when),
				    -EINVAL, "'%s'", bad[i]);
		KUNIT_EXPECT_EQ(test, when, AFTER);
	}
}

static struct kunit_case cc_convert_fault_test_cases[] = {
	KUNIT_CASE_PARAM(fault_match, match_gen_params),
	KUNIT_CASE(fault_parse_when),
	KUNIT_CASE(fault_parse_when_rejects),
	{}
};

static struct kunit_suite cc_convert_fault_test_suite = {
	.name = "cc_convert_fault",
	.test_cases = cc_convert_fault_test_cases,
};

kunit_test_suite(cc_convert_fault_test_suite);

MODULE_IMPORT_NS("EXPORTED_FOR_KUNIT_TESTING");
MODULE_DESCRIPTION("KUnit tests of fault injection into memory conversions");
MODULE_LICENSE("GPL");

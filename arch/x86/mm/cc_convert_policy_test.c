// SPDX-License-Identifier: GPL-2.0
/*
 * KUnit tests of the policy for small conversions, cc_convert=warn|strict
 *
 * They judge conversions that never happen, and run anywhere.
 */
#include <kunit/test.h>
#include <linux/cc_convert_policy.h>
#include <linux/sched/task.h>

struct judge_case {
	const char *name;
	enum cc_convert_mode mode;
	bool booted, enc;
	unsigned long nr_4k;
	bool exempt;
	enum cc_convert_verdict verdict;
};

static const struct judge_case judge_cases[] = {
	{ "warn: a page",
	  CC_CONVERT_WARN, true, false, 1, false, CC_CONVERT_ALLOWED_WARN },
	{ "strict: a page",
	  CC_CONVERT_STRICT, true, false, 1, false, CC_CONVERT_REFUSED },
	{ "strict: many pages",
	  CC_CONVERT_STRICT, true, false, 511, false, CC_CONVERT_REFUSED },
	{ "off: a page",
	  CC_CONVERT_OFF, true, false, 1, false, CC_CONVERT_ALLOWED },
	{ "warn: whole blocks",
	  CC_CONVERT_WARN, true, false, 0, false, CC_CONVERT_ALLOWED },
	{ "strict: whole blocks",
	  CC_CONVERT_STRICT, true, false, 0, false, CC_CONVERT_ALLOWED },
	{ "warn: during boot",
	  CC_CONVERT_WARN, false, false, 1, false, CC_CONVERT_ALLOWED },
	{ "strict: during boot",
	  CC_CONVERT_STRICT, false, false, 1, false, CC_CONVERT_ALLOWED },
	{ "warn: to private",
	  CC_CONVERT_WARN, true, true, 1, false, CC_CONVERT_ALLOWED },
	{ "strict: to private",
	  CC_CONVERT_STRICT, true, true, 1, false, CC_CONVERT_ALLOWED },
	{ "warn: unavoidable",
	  CC_CONVERT_WARN, true, false, 1, true, CC_CONVERT_ALLOWED },
	{ "strict: unavoidable",
	  CC_CONVERT_STRICT, true, false, 1, true, CC_CONVERT_ALLOWED },
};

KUNIT_ARRAY_PARAM_DESC(judge, judge_cases, name);

static void policy_judge(struct kunit *test)
{
	const struct judge_case *c = test->param_value;

	KUNIT_EXPECT_EQ(test, c->verdict,
			cc_convert_judge(c->mode, c->booted, c->enc, c->nr_4k,
					 c->exempt));
}

static void policy_parse(struct kunit *test)
{
	enum cc_convert_mode mode = CC_CONVERT_STRICT;

	KUNIT_EXPECT_EQ(test, cc_convert_parse_mode("off", &mode), 0);
	KUNIT_EXPECT_EQ(test, mode, CC_CONVERT_OFF);
	KUNIT_EXPECT_EQ(test, cc_convert_parse_mode("strict", &mode), 0);
	KUNIT_EXPECT_EQ(test, mode, CC_CONVERT_STRICT);
	KUNIT_EXPECT_EQ(test, cc_convert_parse_mode("warn", &mode), 0);
	KUNIT_EXPECT_EQ(test, mode, CC_CONVERT_WARN);
}

static void policy_parse_rejects(struct kunit *test)
{
	static const char * const bad[] = {
		"", "1", "Strict", "strict ", "stric", "warn,strict", NULL,
	};
	enum cc_convert_mode mode = CC_CONVERT_WARN;

	for (unsigned int i = 0; i < ARRAY_SIZE(bad); i++) {
		KUNIT_EXPECT_EQ_MSG(test, cc_convert_parse_mode(bad[i], &mode),
				    -EINVAL, "'%s'", bad[i] ?: "(none)");
		KUNIT_EXPECT_EQ(test, mode, CC_CONVERT_WARN);
	}
}

/* An exemption holds for its task, from the first begin to the last end. */
static void policy_exemption(struct kunit *test)
{
	struct cc_convert_unavoidable outer, inner;

	KUNIT_EXPECT_FALSE(test, cc_convert_exempt(current));

	__cc_convert_unavoidable_begin(&outer);
	KUNIT_EXPECT_TRUE(test, cc_convert_exempt(current));
	KUNIT_EXPECT_FALSE(test, cc_convert_exempt(&init_task));

	__cc_convert_unavoidable_begin(&inner);
	__cc_convert_unavoidable_end(&inner);
	KUNIT_EXPECT_TRUE(test, cc_convert_exempt(current));

	__cc_convert_unavoidable_end(&outer);
	KUNIT_EXPECT_FALSE(test, cc_convert_exempt(current));
}

/* Both halves of a section may see a different state of the static branch. */
static void policy_exemption_late(struct kunit *test)
{
	struct cc_convert_unavoidable section = {};

	__cc_convert_unavoidable_end(&section);
	KUNIT_EXPECT_FALSE(test, cc_convert_exempt(current));
}

/* No other error may be taken for a refusal: pages would be freed. */
static void policy_refusal_is_special(struct kunit *test)
{
	static const int other[] = { 0, 1, EPERM, -EIO, -EBUSY, -ENOMEM, -EFAULT };

	for (unsigned int i = 0; i < ARRAY_SIZE(other); i++)
		KUNIT_EXPECT_FALSE(test, cc_convert_refused(other[i]));
}

static struct kunit_case cc_convert_policy_test_cases[] = {
	KUNIT_CASE_PARAM(policy_judge, judge_gen_params),
	KUNIT_CASE(policy_parse),
	KUNIT_CASE(policy_parse_rejects),
	KUNIT_CASE(policy_exemption),
	KUNIT_CASE(policy_exemption_late),
	KUNIT_CASE(policy_refusal_is_special),
	{}
};

static struct kunit_suite cc_convert_policy_test_suite = {
	.name = "cc_convert_policy",
	.test_cases = cc_convert_policy_test_cases,
};

kunit_test_suite(cc_convert_policy_test_suite);

MODULE_IMPORT_NS("EXPORTED_FOR_KUNIT_TESTING");
MODULE_DESCRIPTION("KUnit tests of the policy for small memory conversions");
MODULE_LICENSE("GPL");

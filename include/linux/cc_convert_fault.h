/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Fault injection into conversions between private and shared memory
 *
 * A tool for those who test what callers do when a conversion fails. Two hooks
 * around the conversion stand for its two ways to fail: before anything has
 * changed, and after everything has. A caller is told the same in both cases,
 * namely that it does not know what the pages are.
 *
 * See fail_cc_convert in Documentation/fault-injection/fault-injection.rst.
 */
#ifndef _LINUX_CC_CONVERT_FAULT_H
#define _LINUX_CC_CONVERT_FAULT_H

#include <linux/types.h>

/**
 * enum cc_convert_fault_when - at which point of a conversion it fails
 * @CC_CONVERT_FAULT_BEFORE: nothing has been converted
 * @CC_CONVERT_FAULT_AFTER: all has been converted
 */
enum cc_convert_fault_when {
	CC_CONVERT_FAULT_BEFORE,
	CC_CONVERT_FAULT_AFTER,
};

/**
 * struct cc_convert_fault_filter - which conversions may be made to fail
 * @when: the point at which they fail
 * @to_shared: whether those to shared may fail
 * @to_private: whether those to private may fail
 */
struct cc_convert_fault_filter {
	enum cc_convert_fault_when when;
	bool to_shared;
	bool to_private;
};

#ifdef CONFIG_FAIL_CC_CONVERT

int cc_convert_fault(enum cc_convert_fault_when when, unsigned long nr_pages,
		     bool enc);

#if IS_ENABLED(CONFIG_KUNIT)
int cc_convert_fault_parse_when(const char *str,
				enum cc_convert_fault_when *when);
bool cc_convert_fault_match(const struct cc_convert_fault_filter *filter,
			    enum cc_convert_fault_when when, bool enc);
#endif

#else /* !CONFIG_FAIL_CC_CONVERT */

static inline int cc_convert_fault(enum cc_convert_fault_when when,
				   unsigned long nr_pages, bool enc)
{
	return 0;
}

#endif /* CONFIG_FAIL_CC_CONVERT */
#endif /* _LINUX_CC_CONVERT_FAULT_H */

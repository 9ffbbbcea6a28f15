// SPDX-License-Identifier: GPL-2.0
/*
 * Fault injection into conversions between private and shared memory
 *
 * Whoever asks for a conversion that fails does not know in which state it
 * left the memory, and must not give it to anybody else. Hosts hardly ever
 * fail, so that this is code which nobody has seen run. fail_cc_convert runs
 * it.
 *
 * Invariants:
 *  - With "before", a conversion that is made to fail has changed nothing;
 *    with "after", it has been carried out in full. Both report -EIO, so that
 *    callers cannot tell one from the other.
 *  - A conversion is offered to should_fail() once, if the filter matches, and
 *    not at all otherwise. With fail-nth, n thus counts conversions.
 *  - Conversions that were refused, or failed by themselves before they would
 *    have been made to fail, are not counted.
 */
#include <linux/cc_convert_fault.h>
#include <linux/debugfs.h>
#include <linux/errno.h>
#include <linux/export.h>
#include <linux/fault-inject.h>
#include <linux/init.h>
#include <linux/seq_file.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include <kunit/visibility.h>

static struct {
	struct fault_attr attr;
	struct cc_convert_fault_filter filter;
} fail_cc_convert = {
	.attr = FAULT_ATTR_INITIALIZER,
	.filter = {
		.when = CC_CONVERT_FAULT_BEFORE,
		.to_shared = true,
		.to_private = true,
	},
};

static const char * const when_names[] = {
	[CC_CONVERT_FAULT_BEFORE] = "before",
	[CC_CONVERT_FAULT_AFTER]  = "after",
};

/**
 * cc_convert_fault_parse_when() - parse the attribute "when"
 * @str: "before" or "after", possibly with a newline at the end
 * @when: receives the value
 *
 * Context: Any.
 * Return: 0, or -EINVAL if it is neither; @when is then unchanged.
 */
VISIBLE_IF_KUNIT int cc_convert_fault_parse_when(const char *str,
						 enum cc_convert_fault_when *when)
{
	int i = sysfs_match_string(when_names, str);

	if (i < 0)
		return i;

	*when = i;
	return 0;
}
EXPORT_SYMBOL_IF_KUNIT(cc_convert_fault_parse_when);

/**
 * cc_convert_fault_match() - may this conversion be made to fail here?
 * @filter: which conversions may
 * @when: the point that the conversion has reached
 * @enc: true for a conversion to private, false for one to shared
 *
 * Context: Any.
 * Return: true if it may.
 */
VISIBLE_IF_KUNIT bool
cc_convert_fault_match(const struct cc_convert_fault_filter *filter,
		       enum cc_convert_fault_when when, bool enc)
{
	/* debugfs may change the filter at any time. */
	if (READ_ONCE(filter->when) != when)
		return false;

	return enc ? READ_ONCE(filter->to_private) :
		     READ_ONCE(filter->to_shared);
}
EXPORT_SYMBOL_IF_KUNIT(cc_convert_fault_match);

/**
 * cc_convert_fault() - make a conversion fail, if so configured
 * @when: the point that the conversion has reached
 * @nr_pages: number of pages, by which the attribute "space" is measured
 * @enc: true for a conversion to private, false for one to shared
 *
 * To be called with %CC_CONVERT_FAULT_BEFORE when nothing has been changed,
 * and with %CC_CONVERT_FAULT_AFTER when the conversion has succeeded.
 *
 * Context: Any.
 * Return: 0 to go on, or -EIO, which the conversion is to return.
 */
int cc_convert_fault(enum cc_convert_fault_when when, unsigned long nr_pages,
		     bool enc)
{
	if (!cc_convert_fault_match(&fail_cc_convert.filter, when, enc))
		return 0;

	return should_fail(&fail_cc_convert.attr, nr_pages) ? -EIO : 0;
}

static int __init setup_fail_cc_convert(char *str)
{
	return setup_fault_attr(&fail_cc_convert.attr, str);
}
__setup("fail_cc_convert=", setup_fail_cc_convert);

static int when_show(struct seq_file *m, void *unused)
{
	seq_printf(m, "%s\n", when_names[READ_ONCE(fail_cc_convert.filter.when)]);
	return 0;
}

static ssize_t when_write(struct file *file, const char __user *ubuf,
			  size_t len, loff_t *ppos)
{
	enum cc_convert_fault_when when;
	char buf[sizeof("before\n")] = {};
	int ret;

	if (len >= sizeof(buf))
		return -EINVAL;
	if (copy_from_user(buf, ubuf, len))
		return -EFAULT;

	ret = cc_convert_fault_parse_when(buf, &when);
	if (ret)
		return ret;

	WRITE_ONCE(fail_cc_convert.filter.when, when);
	return len;
}
DEFINE_SHOW_STORE_ATTRIBUTE(when);

static int __init fail_cc_convert_debugfs(void)
{
	struct dentry *dir;

	dir = fault_create_debugfs_attr("fail_cc_convert", NULL,
					&fail_cc_convert.attr);
	debugfs_create_file("when", 0600, dir, NULL, &when_fops);
	debugfs_create_bool("to_shared", 0600, dir,
			    &fail_cc_convert.filter.to_shared);
	debugfs_create_bool("to_private", 0600, dir,
			    &fail_cc_convert.filter.to_private);

	return 0;
}
late_initcall(fail_cc_convert_debugfs);

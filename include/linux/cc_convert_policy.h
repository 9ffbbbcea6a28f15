/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Policy for conversions of less than 2 MiB: cc_convert=warn|strict
 *
 * A tool for developers who want to know which code shares single pages with
 * the host at run time. Off by default, and then a no-op behind a static
 * branch.
 *
 * See Documentation/arch/x86/cc-convert.rst.
 */
#ifndef _LINUX_CC_CONVERT_POLICY_H
#define _LINUX_CC_CONVERT_POLICY_H

#include <linux/errno.h>
#include <linux/jump_label.h>
#include <linux/list.h>
#include <linux/sched.h>
#include <linux/types.h>

/**
 * enum cc_convert_mode - what to do about a conversion of less than 2 MiB
 * @CC_CONVERT_OFF: nothing
 * @CC_CONVERT_WARN: carry it out, and say who asked for it
 * @CC_CONVERT_STRICT: say so, and refuse it
 */
enum cc_convert_mode {
	CC_CONVERT_OFF,
	CC_CONVERT_WARN,
	CC_CONVERT_STRICT,
};

/**
 * enum cc_convert_verdict - what is to become of one conversion
 * @CC_CONVERT_ALLOWED: carry it out
 * @CC_CONVERT_ALLOWED_WARN: carry it out, with a warning
 * @CC_CONVERT_REFUSED: return an error before anything is changed
 */
enum cc_convert_verdict {
	CC_CONVERT_ALLOWED,
	CC_CONVERT_ALLOWED_WARN,
	CC_CONVERT_REFUSED,
};

/**
 * struct cc_convert_unavoidable - a section of code that must convert pages
 * @node: entry in the list of all such sections that are being executed
 * @task: the task that executes it
 *
 * Lives on the stack of the task, from cc_convert_unavoidable_begin() to
 * cc_convert_unavoidable_end(). Private to the policy.
 */
struct cc_convert_unavoidable {
	struct list_head node;
	struct task_struct *task;
};

#ifdef CONFIG_CC_CONVERT

DECLARE_STATIC_KEY_FALSE(cc_convert_policy_key);

bool cc_convert_refused(int ret);
int __cc_convert_check(unsigned long addr, unsigned long nr_pages, bool enc,
		       unsigned long caller);
void __cc_convert_unavoidable_begin(struct cc_convert_unavoidable *section);
void __cc_convert_unavoidable_end(struct cc_convert_unavoidable *section);

/**
 * cc_convert_check() - may this conversion take place?
 * @addr: kernel virtual address of the first page
 * @nr_pages: number of pages
 * @enc: true for a conversion to private, false for one to shared
 * @caller: return address of whoever asks for the conversion
 *
 * To be called before anything is changed.
 *
 * Context: Any.
 * Return: 0 to go on, -EPERM if the conversion is refused.
 */
static inline int cc_convert_check(unsigned long addr, unsigned long nr_pages,
				   bool enc, unsigned long caller)
{
	if (static_branch_unlikely(&cc_convert_policy_key))
		return __cc_convert_check(addr, nr_pages, enc, caller);
	return 0;
}

/**
 * cc_convert_unavoidable_begin() - conversions of single pages have a reason
 * @section: to be passed to cc_convert_unavoidable_end()
 *
 * Puts a site on the list of those which have to share single pages, whatever
 * the policy says: because an interface to the host asks for one page, and
 * the guest cannot go on without it. The exemption is for the current task
 * only. Each site has its line in Documentation/arch/x86/cc-convert.rst.
 *
 * Context: Any, also with interrupts disabled. Sections may nest.
 */
static inline void
cc_convert_unavoidable_begin(struct cc_convert_unavoidable *section)
{
	section->task = NULL;
	if (static_branch_unlikely(&cc_convert_policy_key))
		__cc_convert_unavoidable_begin(section);
}

/**
 * cc_convert_unavoidable_end() - end of an exemption
 * @section: as passed to cc_convert_unavoidable_begin()
 *
 * Context: That of cc_convert_unavoidable_begin(), in the same task.
 */
static inline void
cc_convert_unavoidable_end(struct cc_convert_unavoidable *section)
{
	if (static_branch_unlikely(&cc_convert_policy_key))
		__cc_convert_unavoidable_end(section);
}

#if IS_ENABLED(CONFIG_KUNIT)
int cc_convert_parse_mode(const char *str, enum cc_convert_mode *mode);
enum cc_convert_verdict cc_convert_judge(enum cc_convert_mode mode,
					 bool booted, bool enc,
					 unsigned long nr_4k, bool exempt);
bool cc_convert_exempt(const struct task_struct *task);
#endif

#else /* !CONFIG_CC_CONVERT */

static inline bool cc_convert_refused(int ret)
{
	return false;
}

static inline int cc_convert_check(unsigned long addr, unsigned long nr_pages,
				   bool enc, unsigned long caller)
{
	return 0;
}

static inline void
cc_convert_unavoidable_begin(struct cc_convert_unavoidable *section)
{
}

static inline void
cc_convert_unavoidable_end(struct cc_convert_unavoidable *section)
{
}

#endif /* CONFIG_CC_CONVERT */
#endif /* _LINUX_CC_CONVERT_POLICY_H */

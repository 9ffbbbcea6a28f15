// SPDX-License-Identifier: GPL-2.0
/*
 * Policy for conversions of less than 2 MiB: cc_convert=warn|strict
 *
 * Memory that a confidential guest shares with its host is best shared in
 * naturally aligned blocks of 2 MiB. This file finds the code that does
 * otherwise once the system is up, and makes it fail if so wished.
 *
 * Invariants:
 *  - Conversions to private are never refused: the memory would have to be
 *    leaked, and refusing to protect memory protects nobody.
 *  - Conversions during boot are never refused: what they share is there for
 *    the life of the guest, and without it there is no guest.
 *  - A refused conversion has changed nothing, and returns -EPERM, which no
 *    other failure of a conversion does.
 */
#define pr_fmt(fmt) "cc_convert: " fmt

#include <linux/cc_convert.h>
#include <linux/cc_convert_policy.h>
#include <linux/cc_platform.h>
#include <linux/export.h>
#include <linux/init.h>
#include <linux/printk.h>
#include <linux/ratelimit.h>
#include <linux/spinlock.h>
#include <linux/string.h>

#include <kunit/visibility.h>

DEFINE_STATIC_KEY_FALSE(cc_convert_policy_key);

static enum cc_convert_mode policy_mode __ro_after_init;

/* Sections of code that must convert single pages, while they are executed. */
static LIST_HEAD(exempt_sections);
static DEFINE_RAW_SPINLOCK(exempt_lock);

/**
 * cc_convert_parse_mode() - parse the argument of cc_convert=
 * @str: the argument, NULL if there is none
 * @mode: receives the mode
 *
 * Context: Any.
 * Return: 0, or -EINVAL if there is no such mode; @mode is then unchanged.
 */
VISIBLE_IF_KUNIT int cc_convert_parse_mode(const char *str,
					   enum cc_convert_mode *mode)
{
	static const char * const names[] = {
		[CC_CONVERT_OFF]    = "off",
		[CC_CONVERT_WARN]   = "warn",
		[CC_CONVERT_STRICT] = "strict",
	};
	int i = str ? match_string(names, ARRAY_SIZE(names), str) : -EINVAL;

	if (i < 0)
		return i;

	*mode = i;
	return 0;
}
EXPORT_SYMBOL_IF_KUNIT(cc_convert_parse_mode);

/**
 * cc_convert_judge() - what is to become of a conversion
 * @mode: the policy
 * @booted: true once the system is up
 * @enc: true for a conversion to private
 * @nr_4k: number of pages that are not part of a whole 2 MiB block
 * @exempt: true if the site is known to have no choice
 *
 * Context: Any.
 * Return: The verdict.
 */
VISIBLE_IF_KUNIT enum cc_convert_verdict
cc_convert_judge(enum cc_convert_mode mode, bool booted, bool enc,
		 unsigned long nr_4k, bool exempt)
{
	if (mode == CC_CONVERT_OFF || !booted || enc || !nr_4k || exempt)
		return CC_CONVERT_ALLOWED;

	if (mode == CC_CONVERT_WARN)
		return CC_CONVERT_ALLOWED_WARN;

	return CC_CONVERT_REFUSED;
}
EXPORT_SYMBOL_IF_KUNIT(cc_convert_judge);

/**
 * cc_convert_exempt() - is a task inside an unavoidable section?
 * @task: the task
 *
 * Context: Any. Takes exempt_lock.
 * Return: true if it is.
 */
VISIBLE_IF_KUNIT bool cc_convert_exempt(const struct task_struct *task)
{
	struct cc_convert_unavoidable *section;

	guard(raw_spinlock_irqsave)(&exempt_lock);

	list_for_each_entry(section, &exempt_sections, node) {
		if (section->task == task)
			return true;
	}

	return false;
}
EXPORT_SYMBOL_IF_KUNIT(cc_convert_exempt);

/**
 * __cc_convert_unavoidable_begin() - slow path of cc_convert_unavoidable_begin()
 * @section: the section that begins
 *
 * Context: Any. Takes exempt_lock.
 */
void __cc_convert_unavoidable_begin(struct cc_convert_unavoidable *section)
{
	guard(raw_spinlock_irqsave)(&exempt_lock);

	section->task = current;
	list_add(&section->node, &exempt_sections);
}
EXPORT_SYMBOL_IF_KUNIT(__cc_convert_unavoidable_begin);

/**
 * __cc_convert_unavoidable_end() - slow path of cc_convert_unavoidable_end()
 * @section: the section that ends
 *
 * Context: Any. Takes exempt_lock.
 */
void __cc_convert_unavoidable_end(struct cc_convert_unavoidable *section)
{
	/* The policy came into force after the section had begun. */
	if (!section->task)
		return;

	guard(raw_spinlock_irqsave)(&exempt_lock);

	list_del(&section->node);
}
EXPORT_SYMBOL_IF_KUNIT(__cc_convert_unavoidable_end);

static void report(const struct cc_convert_split *split, unsigned long caller,
		   bool refused)
{
	static DEFINE_RATELIMIT_STATE(limit, DEFAULT_RATELIMIT_INTERVAL,
				      DEFAULT_RATELIMIT_BURST);

	if (!__ratelimit(&limit))
		return;

	pr_warn("%s %lu blocks of 2 MiB and %lu pages of 4 KiB with the host for %pS\n",
		refused ? "refused to share" : "sharing",
		split->nr_2m, split->nr_4k, (void *)caller);
	dump_stack_lvl(KERN_WARNING);
}

/**
 * __cc_convert_check() - slow path of cc_convert_check()
 * @addr: kernel virtual address of the first page
 * @nr_pages: number of pages
 * @enc: true for a conversion to private, false for one to shared
 * @caller: return address of whoever asks for the conversion
 *
 * Context: Any. Takes exempt_lock. The range must be mapped.
 * Return: 0 to go on, -EPERM if the conversion is refused.
 */
int __cc_convert_check(unsigned long addr, unsigned long nr_pages, bool enc,
		       unsigned long caller)
{
	struct cc_convert_split split = cc_convert_split_range(addr, nr_pages);
	enum cc_convert_verdict verdict;

	verdict = cc_convert_judge(policy_mode, system_state == SYSTEM_RUNNING,
				   enc, split.nr_4k, cc_convert_exempt(current));
	if (verdict == CC_CONVERT_ALLOWED)
		return 0;

	report(&split, caller, verdict == CC_CONVERT_REFUSED);
	return verdict == CC_CONVERT_REFUSED ? -EPERM : 0;
}

/**
 * cc_convert_refused() - was a conversion refused by policy?
 * @ret: what set_memory_decrypted() returned
 *
 * After any other error the state of the pages is unknown, and they must not
 * be freed. After this one they are private, as they were before.
 *
 * Context: Any.
 * Return: true if nothing was converted because of cc_convert=strict.
 */
bool cc_convert_refused(int ret)
{
	/* Without a policy in force, -EPERM says nothing about the pages. */
	return ret == -EPERM && static_key_enabled(&cc_convert_policy_key);
}
EXPORT_SYMBOL_IF_KUNIT(cc_convert_refused);

static int __init cc_convert_setup(char *str)
{
	if (!cc_convert_parse_mode(str, &policy_mode))
		return 0;

	pr_warn("cc_convert=%s is unknown, use off, warn or strict\n",
		str ?: "");
	return -EINVAL;
}
early_param("cc_convert", cc_convert_setup);

/* The policy spares boot, so that there is no hurry to put it into force. */
static int __init cc_convert_policy_init(void)
{
	if (policy_mode == CC_CONVERT_OFF)
		return 0;

	if (!cc_platform_has(CC_ATTR_GUEST_MEM_ENCRYPT)) {
		pr_info("not a confidential guest, cc_convert= has no effect\n");
		return 0;
	}

	pr_info("conversions of less than 2 MiB are %s once the system is up\n",
		policy_mode == CC_CONVERT_STRICT ? "refused" : "reported");
	static_branch_enable(&cc_convert_policy_key);
	return 0;
}
core_initcall(cc_convert_policy_init);

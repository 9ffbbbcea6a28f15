/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A test program is a table of steps, run in its order; each one is a result.
 */
#ifndef XEN_SHIM_TEST_RUN_H
#define XEN_SHIM_TEST_RUN_H

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kselftest.h"
#include "domain.h"

/* Not this kernel, or not this machine; why says what is missing. */
#define STEP_SKIP	1

/* Return: 0, STEP_SKIP, or < 0, for which why has the reason. */
struct step {
	const char *name;
	int (*run)(void);
	bool vital;		/* without it no later one makes sense */
};

/* In a step: fail with a reason. */
#define fail(...)	({ set_why(__VA_ARGS__); -1; })

/* A setting from the environment. */
static inline unsigned long setting(const char *name, unsigned long other)
{
	const char *text = getenv(name);

	return text && *text ? strtoul(text, NULL, 0) : other;
}

static inline void need_shim(void)
{
	ksft_print_header();
	if (access("/dev/xen-shim", F_OK))
		ksft_exit_skip("there is no /dev/xen-shim: CONFIG_XEN_SHIM\n");
	if (geteuid())
		ksft_exit_skip("needs root\n");
}

/* As ksft_test_result_skip(), but with the name where KTAP has it. */
static inline void skipped(const char *name)
{
	ksft_inc_xskip_cnt();
	printf("ok %u %s # SKIP %s\n", ksft_test_num(), name, why);
}

static inline int run_step(const struct step *step)
{
	int result;

	set_why("no reason was given");
	result = step->run();
	if (result < 0)
		ksft_print_msg("%s (%d)\n", why, result);
	return result;
}

static inline void run_steps(const struct step *steps, unsigned int n)
{
	bool over = false;
	int result = 0;

	ksft_set_plan(n);
	for (unsigned int i = 0; i < n; i++) {
		/* After a vital step, the others have its result. */
		if (!over)
			result = run_step(&steps[i]);
		over |= steps[i].vital && result;
		if (result < 0)
			ksft_test_result_fail("%s\n", steps[i].name);
		else if (result == STEP_SKIP)
			skipped(steps[i].name);
		else
			ksft_test_result_pass("%s\n", steps[i].name);
		fflush(stdout);
	}
	ksft_finished();
}

#endif /* XEN_SHIM_TEST_RUN_H */

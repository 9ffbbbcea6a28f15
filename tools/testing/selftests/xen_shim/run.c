// SPDX-License-Identifier: GPL-2.0
/*
 * How a test program begins, and runs its steps (run.h)
 */
#include <stdio.h>
#include <stdlib.h>

#include "run.h"

unsigned long setting(const char *name, unsigned long other)
{
	const char *text = getenv(name);

	return text && *text ? strtoul(text, NULL, 0) : other;
}

uint64_t begin_tests(void)
{
	ksft_print_header();
	if (access("/dev/xen-shim", F_OK))
		ksft_exit_skip("there is no /dev/xen-shim: CONFIG_XEN_SHIM\n");
	if (geteuid())
		ksft_exit_skip("needs root\n");
	return setting("XEN_SHIM_SEED", 1) ?: 1;
}

int open_store(struct xs *xs)
{
	int error = xs_open(xs);
	char path[256];
	int pid;

	if (error)
		return fail("no xenstore: %s", strerror(-error));
	pid = xs_server(xs, path, sizeof(path));
	ksft_print_msg("xenstore: process %d, %s\n", pid, path);
	return 0;
}

/* As ksft_test_result_skip(), but with the name where KTAP has it. */
static void skipped(const char *name)
{
	ksft_inc_xskip_cnt();
	printf("ok %u %s # SKIP %s\n", ksft_test_num(), name, why);
}

static int run_step(const struct step *step)
{
	int result;

	set_why("no reason was given");
	result = step->run();
	if (result < 0)
		ksft_print_msg("%s (%d)\n", why, result);
	return result;
}

void run_steps(const struct step *steps, unsigned int n)
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

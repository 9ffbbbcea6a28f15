/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A test program is a table of steps, run in its order; each one is a result.
 */
#ifndef XEN_SHIM_TEST_RUN_H
#define XEN_SHIM_TEST_RUN_H

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "kselftest.h"
#include "domain.h"
#include "xs.h"

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
unsigned long setting(const char *name, unsigned long other);

/*
 * The first thing that a program does: it is skipped where there is no shim.
 * Return: the seed of everything that is random, not 0.
 */
uint64_t begin_tests(void);

/* In a step: connect to the store, and say which program that is. */
int open_store(struct xs *xs);

/* Run all steps, and end the program. */
void __noreturn run_steps(const struct step *steps, unsigned int n);

#endif /* XEN_SHIM_TEST_RUN_H */

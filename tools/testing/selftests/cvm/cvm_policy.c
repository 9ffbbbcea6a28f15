// SPDX-License-Identifier: GPL-2.0
/*
 * Does the kernel do what cc_convert= on its command line says?
 *
 * What is tested depends on how the guest was booted: with cc_convert=warn,
 * cc_convert=strict, or without. To see all three, boot three times.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "kselftest.h"
#include "cvm.h"

#define PAGES	3

static bool contains(const char *text, void *what)
{
	return strstr(text, what);
}

static bool logged(const char *what)
{
	return cvm_kernel_log(contains, (void *)what);
}

/* Return: file descriptor of the buffer, or a negative error code. */
static int share_pages(const char *what, struct cvm_counters *delta)
{
	struct cvm_counters before, after;
	int fd;

	cvm_read_counters(&before);
	fd = cvm_share(PAGES * CVM_PAGE);
	cvm_read_counters(&after);
	*delta = cvm_delta(&after, &before);

	cvm_print(what, delta);
	return fd;
}

static void test_off(void)
{
	int fd = cvm_share(PAGES * CVM_PAGE);

	ksft_test_result(fd >= 0, "pages can be shared\n");
	ksft_test_result(!logged("cc_convert: sharing") &&
			 !logged("cc_convert: refused"),
			 "no one complains\n");
	if (fd >= 0)
		close(fd);
}

static void test_warn(void)
{
	int fd = cvm_share(PAGES * CVM_PAGE);

	ksft_test_result(fd >= 0, "pages can be shared\n");
	ksft_test_result(logged("cc_convert: sharing"),
			 "the kernel says that they are, and who did it\n");
	if (fd >= 0)
		close(fd);
}

static void test_strict(void)
{
	struct cvm_counters delta;
	int fd = share_pages("strict", &delta);

	/* What the heap makes of the refusal is up to it. */
	ksft_test_result(fd == -EPERM || fd == -ENOMEM, "pages cannot be shared: %s\n",
			 fd < 0 ? strerror(-fd) : "they were");
	if (fd >= 0)
		close(fd);

	ksft_test_result(delta.to_shared_fail >= 1 && !cvm_shared_pages(&delta),
			 "the refusal counts as a failure and nothing was shared\n");
	ksft_test_result(!cvm_private_pages(&delta) && !delta.to_private_fail,
			 "what never was shared is not taken back\n");
	ksft_test_result(logged("cc_convert: refused"),
			 "the kernel says that it refused, and to whom\n");
}

/*
 * With a pool of shared memory there is nothing to warn of and nothing to
 * refuse: pages come out of whole blocks.
 */
static void test_pool(void)
{
	struct cvm_counters delta;
	int fd = share_pages("with a pool", &delta);

	ksft_test_result(fd >= 0, "pages can be shared: %s\n", fd < 0 ? strerror(-fd) : "yes");
	ksft_test_result(!delta.to_shared_4k && !delta.to_shared_fail,
			 "no single page is converted or refused\n");
	if (fd >= 0)
		close(fd);
}

/*
 * A buffer of several blocks, of which the first is refused. All of them are
 * private as before, and must be freed.
 */
static void test_strict_frees(void)
{
	long before = cvm_meminfo_kb("MemAvailable:"), after;
	int i, fd = -1;

	for (i = 0; i < 64; i++) {
		fd = cvm_share(4 << 20);
		if (fd >= 0)
			break;
	}
	after = cvm_meminfo_kb("MemAvailable:");

	ksft_test_result(fd < 0 && before - after < (32 << 10),
			 "256 MiB refused, %ld MiB less available\n",
			 (before - after) >> 10);
}

int main(void)
{
	const char *policy;

	cvm_require();
	if (!cvm_can_share())
		ksft_exit_skip("no heap system_cc_shared, see the config file\n");

	policy = cvm_cmdline("cc_convert") ?: "off";
	ksft_print_msg("cc_convert=%s\n", policy);

	if (!strcmp(policy, "off")) {
		ksft_set_plan(2);
		test_off();
	} else if (cvm_has_pool() &&
		   (!strcmp(policy, "warn") || !strcmp(policy, "strict"))) {
		ksft_set_plan(2);
		test_pool();
	} else if (!strcmp(policy, "warn")) {
		ksft_set_plan(2);
		test_warn();
	} else if (!strcmp(policy, "strict")) {
		ksft_set_plan(5);
		test_strict();
		test_strict_frees();
	} else {
		ksft_exit_skip("cc_convert=%s is no policy that this test knows\n",
			       policy);
	}

	ksft_finished();
}

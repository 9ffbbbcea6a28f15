// SPDX-License-Identifier: GPL-2.0
/*
 * Do the counters of conversions in /proc/vmstat tell what happened?
 *
 * The dma-buf heap of shared memory is the instrument: it lets user space
 * share an exact number of pages with the host, and take them back.
 */
#include <string.h>
#include <unistd.h>

#include "kselftest.h"
#include "cvm.h"

/* Below 1 MiB, so that the heap has no way to make whole blocks of them. */
#define PAGES	37

static void test_present(void)
{
	struct cvm_counters now;
	int found = cvm_read_counters(&now);

	cvm_print("since boot", &now);
	ksft_test_result(found == 6, "%d of 6 counters are there\n", found);
}

static void test_boot(void)
{
	struct cvm_counters now;

	cvm_read_counters(&now);
	ksft_test_result(cvm_shared_pages(&now) > 0,
			 "%lu pages were shared since boot\n",
			 cvm_shared_pages(&now));
}

/*
 * A guest cannot take back what it never shared. The tail of __bss_decrypted
 * of SEV guests is shared by declaration, and less than a block.
 */
static void test_balance(void)
{
	struct cvm_counters now;

	cvm_read_counters(&now);
	ksft_test_result(cvm_private_pages(&now) <=
			 cvm_shared_pages(&now) + CVM_BLOCK / CVM_PAGE,
			 "%lu pages to private, %lu pages to shared\n",
			 cvm_private_pages(&now), cvm_shared_pages(&now));
}

static void test_failures(void)
{
	const char *policy = cvm_cmdline("cc_convert");
	struct cvm_counters now;

	if (policy && !strcmp(policy, "strict")) {
		ksft_test_result_skip("failures: cc_convert=strict makes them\n");
		return;
	}

	cvm_read_counters(&now);
	ksft_test_result(!now.to_shared_fail && !now.to_private_fail,
			 "no conversion failed\n");
}

/* Share PAGES, take them back, and see both in the counters and no more. */
static bool share_once(struct cvm_counters *shared, struct cvm_counters *back)
{
	struct cvm_counters before, during, after;
	int fd;

	cvm_read_counters(&before);
	fd = cvm_share(PAGES * CVM_PAGE);
	cvm_read_counters(&during);
	if (fd < 0) {
		ksft_print_msg("cannot share memory: %s\n", strerror(-fd));
		return false;
	}
	close(fd);
	cvm_read_counters(&after);

	*shared = cvm_delta(&during, &before);
	*back = cvm_delta(&after, &during);

	return shared->to_shared_4k == PAGES && !shared->to_shared_2m &&
	       !cvm_private_pages(shared) && !shared->to_shared_fail &&
	       back->to_private_4k == PAGES && !back->to_private_2m &&
	       !cvm_shared_pages(back) && !back->to_private_fail;
}

static void test_exact(void)
{
	const char *policy = cvm_cmdline("cc_convert");
	struct cvm_counters shared = {}, back = {};
	bool ok = false;

	if (!cvm_can_share()) {
		ksft_test_result_skip("exact counts: no heap system_cc_shared, see config\n");
		return;
	}
	if (policy && !strcmp(policy, "strict")) {
		ksft_test_result_skip("exact counts: cc_convert=strict allows none\n");
		return;
	}

	for (int i = 0; i < CVM_TRIES && !ok; i++)
		ok = share_once(&shared, &back);

	cvm_print("shared", &shared);
	cvm_print("taken back", &back);
	ksft_test_result(ok, "%d pages shared and taken back count as such\n",
			 PAGES);
}

int main(void)
{
	cvm_require();
	ksft_set_plan(5);

	test_present();
	test_boot();
	test_balance();
	test_failures();
	test_exact();

	ksft_finished();
}

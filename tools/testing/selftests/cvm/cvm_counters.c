// SPDX-License-Identifier: GPL-2.0
/*
 * Do the counters of conversions in sysfs tell what happened?
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

/* With a pool: what must be shared beyond what it has at hand */
#define FRESH	(4 * CVM_BLOCK)

/* Pages may become private a while after the buffer is gone: cc_shared=off */
#define SETTLE_US	100000
#define SETTLE_TRIES	250

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
	for (int i = 0; i < SETTLE_TRIES; i++) {
		cvm_read_counters(&after);
		*back = cvm_delta(&after, &during);
		if (cvm_private_pages(back) >= PAGES)
			break;
		usleep(SETTLE_US);
	}

	*shared = cvm_delta(&during, &before);

	return shared->to_shared_4k == PAGES && !shared->to_shared_2m &&
	       !cvm_private_pages(shared) && !shared->to_shared_fail &&
	       back->to_private_4k == PAGES && !back->to_private_2m &&
	       !cvm_shared_pages(back) && !back->to_private_fail;
}

/*
 * With a pool of shared memory, chunks are converted and not pages: as many
 * each way as the pool says that it has more, and less.
 */
static bool share_chunks_once(struct cvm_counters *shared, struct cvm_counters *back)
{
	struct cvm_counters before, during, after;
	struct cvm_pool none, some, left;
	int fd;

	cvm_drop_empty();
	cvm_read_pool(&none);
	cvm_read_counters(&before);
	fd = cvm_share(cvm_fresh_size(FRESH));
	cvm_read_counters(&during);
	cvm_read_pool(&some);
	if (fd < 0) {
		ksft_print_msg("cannot share memory: %s\n", strerror(-fd));
		return false;
	}
	close(fd);
	cvm_drop_empty();
	cvm_read_counters(&after);
	cvm_read_pool(&left);

	*shared = cvm_delta(&during, &before);
	*back = cvm_delta(&after, &during);

	return shared->to_shared_2m && !shared->to_shared_4k &&
	       shared->to_shared_2m == some.chunks - none.chunks &&
	       !cvm_private_pages(shared) && !shared->to_shared_fail &&
	       back->to_private_2m && !back->to_private_4k &&
	       back->to_private_2m == some.chunks - left.chunks &&
	       !cvm_shared_pages(back) && !back->to_private_fail;
}

static void test_exact(void)
{
	const char *policy = cvm_cmdline("cc_convert");
	struct cvm_counters shared = {}, back = {};
	bool pool = cvm_has_pool();
	bool ok = false;

	if (!cvm_can_share()) {
		ksft_test_result_skip("exact counts: no heap system_cc_shared, see config\n");
		return;
	}
	if (!pool && policy && !strcmp(policy, "strict")) {
		ksft_test_result_skip("exact counts: cc_convert=strict allows none\n");
		return;
	}

	for (int i = 0; i < CVM_TRIES && !ok; i++)
		ok = pool ? share_chunks_once(&shared, &back) :
			    share_once(&shared, &back);

	cvm_print("shared", &shared);
	cvm_print("taken back", &back);
	if (pool)
		ksft_test_result(ok, "chunks shared and taken back count as such\n");
	else
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

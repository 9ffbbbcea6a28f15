// SPDX-License-Identifier: GPL-2.0
/*
 * Does a network interface give back what it shares?
 *
 * Many drivers allocate their rings when an interface goes up, and free them
 * when it goes down. Each such cycle must convert as many pages to private as
 * it converted to shared.
 *
 * Only touches an interface that is down, unless CVM_NETDEV names another.
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "kselftest.h"
#include "cvm.h"

#define CYCLES	5

/* Some drivers free their rings a little later. */
#define SETTLE_US	10000
#define SETTLE_TRIES	300

static bool balanced(const struct cvm_counters *delta)
{
	return cvm_shared_pages(delta) == cvm_private_pages(delta);
}

/* Return: 0, or -errno; what the cycle converted is in @delta. */
static int cycle(int sock, const char *name, struct cvm_counters *delta)
{
	struct cvm_counters before, after;
	int ret;

	cvm_read_counters(&before);
	ret = cvm_set_netdev(sock, name, true);
	if (ret)
		return ret;
	ret = cvm_set_netdev(sock, name, false);
	if (ret)
		return ret;

	for (int i = 0; i < SETTLE_TRIES; i++) {
		cvm_read_counters(&after);
		*delta = cvm_delta(&after, &before);
		if (balanced(delta))
			break;
		usleep(SETTLE_US);
	}

	return 0;
}

int main(void)
{
	const char *policy = cvm_cmdline("cc_convert");
	struct cvm_counters delta = {};
	bool all_balanced = true;
	const char *name;
	int sock, ret;

	cvm_require();
	if (policy && !strcmp(policy, "strict") && !cvm_has_pool())
		ksft_exit_skip("cc_convert=strict keeps drivers from allocating\n");

	sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (sock < 0)
		ksft_exit_skip("no sockets: %s\n", strerror(errno));
	name = cvm_find_netdev(sock);
	if (!name)
		ksft_exit_skip("no interface that is down: name one in CVM_NETDEV\n");

	ksft_set_plan(3);

	/* The first cycle may set up what stays. */
	ret = cycle(sock, name, &delta);
	cvm_print("first cycle", &delta);
	ksft_test_result(!ret, "%s: up and down: %s\n", name, strerror(-ret));

	for (int i = 0; i < CYCLES && !ret; i++) {
		ret = cycle(sock, name, &delta);
		if (!balanced(&delta)) {
			cvm_print("not balanced", &delta);
			all_balanced = false;
		}
	}

	cvm_print("last cycle", &delta);
	ksft_test_result(!ret && all_balanced,
			 "%s: %d cycles give back what they share\n", name, CYCLES);
	ksft_test_result(!delta.to_shared_fail && !delta.to_private_fail,
			 "%s: no conversion failed\n", name);

	close(sock);
	ksft_finished();
}

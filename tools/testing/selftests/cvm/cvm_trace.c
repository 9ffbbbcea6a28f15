// SPDX-License-Identifier: GPL-2.0
/*
 * Do the event cc_convert:cc_convert and the counters tell the same?
 *
 * Uses a trace instance of its own, so that other users of tracing are not
 * disturbed.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kselftest.h"
#include "cvm.h"

#define TRACEFS		"/sys/kernel/tracing"
#define INSTANCE	TRACEFS "/instances/cvm_selftest"
#define EVENT		INSTANCE "/events/cc_convert/cc_convert/enable"

#define FORMAT		"to=%15s pfn=%lx nr_pages=%lu nr_2m=%lu nr_4k=%lu " \
			"ret=%d caller=%127s"

/* More than 1 MiB, so that the heap needs several conversions. */
#define PAGES	300

struct events {
	struct cvm_counters sum;	/* what the counters should say */
	int count;			/* of events */
	int odd;			/* of events that make no sense */
};

static int write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
	int ret = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, text, strlen(text)) < 0)
		ret = -errno;
	close(fd);

	return ret;
}

static void add_event(struct events *events, const char *text)
{
	unsigned long pfn, nr_pages, nr_2m, nr_4k;
	char to[16], caller[128];
	bool private;
	int ret;

	if (sscanf(text, FORMAT, to, &pfn, &nr_pages, &nr_2m, &nr_4k, &ret,
		   caller) != 7) {
		ksft_print_msg("cannot read event: %s\n", text);
		events->odd++;
		return;
	}

	private = !strcmp(to, "private");
	events->count++;
	if ((!private && strcmp(to, "shared")) || !pfn || !strchr(caller, '+') ||
	    nr_2m * (CVM_BLOCK / CVM_PAGE) + nr_4k != nr_pages) {
		ksft_print_msg("odd event: %s\n", text);
		events->odd++;
	}

	if (ret && private)
		events->sum.to_private_fail++;
	else if (ret)
		events->sum.to_shared_fail++;
	else if (private)
		events->sum.to_private_2m += nr_2m, events->sum.to_private_4k += nr_4k;
	else
		events->sum.to_shared_2m += nr_2m, events->sum.to_shared_4k += nr_4k;
}

static void read_events(struct events *events)
{
	static const char name[] = "cc_convert: ";
	char line[1024], *text;
	FILE *file;

	memset(events, 0, sizeof(*events));
	file = fopen(INSTANCE "/trace", "re");
	if (!file)
		return;

	while (fgets(line, sizeof(line), file)) {
		text = line[0] == '#' ? NULL : strstr(line, name);
		if (text)
			add_event(events, text + strlen(name));
	}
	fclose(file);
}

static bool same(const struct cvm_counters *a, const struct cvm_counters *b)
{
	return !memcmp(a, b, sizeof(*a));
}

/* Returns true if events and counters agree, and if there were any. */
static bool compare_once(struct events *events, struct cvm_counters *counted)
{
	struct cvm_counters before, after;
	size_t bytes;
	int fd;

	cvm_drop_empty();
	bytes = cvm_fresh_size(PAGES * CVM_PAGE);
	write_file(INSTANCE "/trace", "");
	cvm_read_counters(&before);
	write_file(EVENT, "1");

	fd = cvm_share(bytes);
	if (fd >= 0)
		close(fd);
	cvm_drop_empty();

	write_file(EVENT, "0");
	cvm_read_counters(&after);

	*counted = cvm_delta(&after, &before);
	read_events(events);

	return events->count && same(&events->sum, counted);
}

static void run_tests(void)
{
	struct cvm_counters counted = {};
	struct events events = {};
	bool ok = false;

	for (int i = 0; i < CVM_TRIES && !ok; i++)
		ok = compare_once(&events, &counted);

	cvm_print("counters", &counted);
	cvm_print("events", &events.sum);
	ksft_test_result(ok, "%d events add up to the counters\n", events.count);
	ksft_test_result(events.count && !events.odd,
			 "each event is complete, and its sizes add up\n");
}

int main(void)
{
	cvm_require();

	if (access(TRACEFS "/instances", W_OK))
		ksft_exit_skip("no tracefs at " TRACEFS ", or not root\n");
	if (!cvm_can_share())
		ksft_exit_skip("no heap system_cc_shared, see the config file\n");
	if (mkdir(INSTANCE, 0700) && errno != EEXIST)
		ksft_exit_fail_msg(INSTANCE ": %s\n", strerror(errno));

	ksft_set_plan(3);
	ksft_test_result(!access(EVENT, W_OK), "event cc_convert:cc_convert exists\n");
	run_tests();

	rmdir(INSTANCE);
	ksft_finished();
}

// SPDX-License-Identifier: GPL-2.0
/*
 * The small xenstore by itself: needs neither the shim nor root
 *
 * Requests go in and answers come out as bytes, in pieces of every size, as
 * over the kernel's ring of 1 KiB.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "kselftest.h"
#include "store.h"

static struct store store;
static struct store_conn conn;

/* Put "a|b" as strings a and b; one that ends in | has its '\0'. */
static size_t body(char *out, const char *text)
{
	size_t length = strlen(text);

	for (size_t i = 0; i < length; i++)
		out[i] = text[i] == '|' ? '\0' : text[i];
	return length;
}

static bool ask(uint32_t type, const char *text, size_t step)
{
	char data[sizeof(struct xs_header) + 4096];
	struct xs_header head = { .type = type, .req_id = 7 };
	size_t length, at, n;

	head.len = body(data + sizeof(head), text);
	memcpy(data, &head, sizeof(head));
	length = sizeof(head) + head.len;
	for (at = 0; at < length; at += n) {
		n = step < length - at ? step : length - at;
		if (!store_input(&conn, data + at, n))
			return false;
	}
	return true;
}

/* The next answer is of @type, with this body. */
static bool answered(uint32_t type, const char *text)
{
	char expected[4096];
	size_t length = body(expected, text);
	struct xs_header head;
	bool same;

	if (conn.out_length < sizeof(head))
		return false;
	memcpy(&head, conn.out, sizeof(head));
	same = head.type == type && head.len == length &&
	       conn.out_length >= sizeof(head) + length &&
	       !memcmp(conn.out + sizeof(head), expected, length) &&
	       (type == XS_WATCH_EVENT || head.req_id == 7);
	if (!same)
		ksft_print_msg("answer of type %u: %.*s\n", head.type,
			       (int)head.len, conn.out + sizeof(head));
	store_sent(&conn, sizeof(head) + head.len);
	return same;
}

static bool exchange(uint32_t type, const char *text, const char *answer)
{
	return ask(type, text, 4096) && answered(type, answer) && !conn.out_length;
}

static bool refused(uint32_t type, const char *text, const char *error)
{
	return ask(type, text, 4096) && answered(XS_ERROR, error) && !conn.out_length;
}

static bool test_values(void)
{
	return exchange(XS_WRITE, "/a/b/c|5", "OK|") &&
	       exchange(XS_READ, "/a/b/c|", "5") &&
	       exchange(XS_READ, "/a/b|", "") &&
	       exchange(XS_WRITE, "/a/b/c|", "OK|") &&
	       exchange(XS_READ, "/a/b/c|", "") &&
	       refused(XS_READ, "/a/x|", "ENOENT|") &&
	       refused(XS_READ, "/a/b/c", "EINVAL|") &&
	       refused(XS_READ, "//a|", "EINVAL|") &&
	       refused(99, "/a|", "ENOSYS|");
}

static bool test_relative(void)
{
	return exchange(XS_WRITE, "backend/vbd/1|x", "OK|") &&
	       exchange(XS_READ, STORE_HOME "/backend/vbd/1|", "x") &&
	       exchange(XS_READ, "domid|", "0");
}

/* Names that sort before and after '/' must not come between. */
static bool test_directory(void)
{
	return exchange(XS_WRITE, "/d/one/x|", "OK|") &&
	       exchange(XS_WRITE, "/d/one-b|", "OK|") &&
	       exchange(XS_WRITE, "/d/one0|", "OK|") &&
	       exchange(XS_WRITE, "/d-|", "OK|") &&
	       exchange(XS_DIRECTORY, "/d|", "one|one-b|one0|") &&
	       exchange(XS_DIRECTORY, "/d/one|", "x|") &&
	       exchange(XS_DIRECTORY, "/d/one0|", "") &&
	       refused(XS_DIRECTORY, "/e|", "ENOENT|");
}

static bool test_rm(void)
{
	return exchange(XS_WRITE, "/r/one/x/y|", "OK|") &&
	       exchange(XS_WRITE, "/r/one-b|", "OK|") &&
	       exchange(XS_RM, "/r/one|", "OK|") &&
	       exchange(XS_DIRECTORY, "/r|", "one-b|") &&
	       refused(XS_READ, "/r/one/x/y|", "ENOENT|") &&
	       exchange(XS_RM, "/r/one|", "OK|") &&
	       refused(XS_RM, "/q/one|", "ENOENT|");
}

static bool test_watch(void)
{
	return ask(XS_WATCH, "/w|tok|", 4096) && answered(XS_WATCH, "OK|") &&
	       answered(XS_WATCH_EVENT, "/w|tok|") && !conn.out_length &&
	       ask(XS_WRITE, "/w/x|1", 4096) && answered(XS_WRITE, "OK|") &&
	       answered(XS_WATCH_EVENT, "/w/x|tok|") && !conn.out_length &&
	       exchange(XS_WRITE, "/wx|1", "OK|") &&
	       refused(XS_WATCH, "/w|tok|", "EEXIST|") &&
	       exchange(XS_UNWATCH, "/w|tok|", "OK|") &&
	       exchange(XS_WRITE, "/w/x|2", "OK|") &&
	       refused(XS_UNWATCH, "/w|tok|", "ENOENT|");
}

/* As the kernel watches "backend", and the state of a frontend. */
static bool test_watch_kernel(void)
{
	return ask(XS_WATCH, "backend|1|", 4096) && answered(XS_WATCH, "OK|") &&
	       answered(XS_WATCH_EVENT, "backend|1|") &&
	       ask(XS_WRITE, STORE_HOME "/backend/vif/9|", 4096) &&
	       answered(XS_WRITE, "OK|") &&
	       answered(XS_WATCH_EVENT, "backend/vif/9|1|") &&
	       exchange(XS_UNWATCH, "backend|1|", "OK|") &&
	       exchange(XS_WRITE, "/f/9/state|4", "OK|") &&
	       ask(XS_WATCH, "/f/9/state|2|", 4096) && answered(XS_WATCH, "OK|") &&
	       answered(XS_WATCH_EVENT, "/f/9/state|2|") &&
	       /* Gone with all above it. */
	       ask(XS_RM, "/f|", 4096) &&
	       answered(XS_WATCH_EVENT, "/f/9/state|2|") &&
	       answered(XS_RM, "OK|") &&
	       exchange(XS_RESET_WATCHES, "|", "OK|") &&
	       exchange(XS_WRITE, "/f/9/state|4", "OK|");
}

static bool test_transaction(void)
{
	return ask(XS_TRANSACTION_START, "|", 4096) &&
	       answered(XS_TRANSACTION_START, "1|") &&
	       refused(XS_TRANSACTION_END, "T|", "ENOENT|");
}

static bool test_pieces(void)
{
	for (size_t step = 1; step < 40; step++)
		if (!ask(XS_WRITE, "/p|value", step) || !answered(XS_WRITE, "OK|") ||
		    !ask(XS_READ, "/p|", step) || !answered(XS_READ, "value"))
			return false;
	return true;
}

static bool test_too_long(void)
{
	struct xs_header head = { .type = XS_READ, .len = XS_PAYLOAD_MAX + 1 };

	return !store_input(&conn, (char *)&head, sizeof(head));
}

/* Against a list of what was written, with paths and removals at random. */
static bool test_random(void)
{
	static char value[4][4][4][8];
	static const char *const name[4] = { "a", "a-", "a0", "b" };
	const struct store_node *n;
	char path[32];

	srand(1);
	for (int i = 0; i < 20000; i++) {
		int a = rand() % 4, b = rand() % 4, c = rand() % 4;

		if (rand() % 10) {
			snprintf(path, sizeof(path), "/z/%s/%s/%s", name[a], name[b],
				 name[c]);
			snprintf(value[a][b][c], sizeof(value[a][b][c]), "%d", i);
			store_write(&store, path, value[a][b][c],
				    strlen(value[a][b][c]));
		} else {
			snprintf(path, sizeof(path), "/z/%s/%s", name[a], name[b]);
			store_rm(&store, path);
			memset(value[a][b], 0, sizeof(value[a][b]));
		}
		a = rand() % 4;
		b = rand() % 4;
		c = rand() % 4;
		snprintf(path, sizeof(path), "/z/%s/%s/%s", name[a], name[b], name[c]);
		n = store_find(&store, path);
		if (n ? strcmp(n->value, value[a][b][c]) : value[a][b][c][0]) {
			ksft_print_msg("round %d: %s is wrong\n", i, path);
			return false;
		}
	}
	return true;
}

int main(void)
{
	static const struct { const char *name; bool (*run)(void); } tests[] = {
		{ "values", test_values },
		{ "paths below the kernel's home", test_relative },
		{ "directories", test_directory },
		{ "removal", test_rm },
		{ "watches", test_watch },
		{ "watches as the kernel sets them", test_watch_kernel },
		{ "transactions", test_transaction },
		{ "requests in pieces", test_pieces },
		{ "20000 writes and removals at random", test_random },
		{ "a request that is too long", test_too_long },
	};

	ksft_print_header();
	ksft_set_plan(ARRAY_SIZE(tests));
	store_init(&store);
	store_attach(&store, &conn);
	for (size_t i = 0; i < ARRAY_SIZE(tests); i++)
		ksft_test_result(tests[i].run(), "%s\n", tests[i].name);
	store_free(&store);
	ksft_finished();
}

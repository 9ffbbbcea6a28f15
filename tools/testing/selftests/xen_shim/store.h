/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A small xenstore: the tree, its watches, and requests of one connection
 *
 * Enough for the kernel's backends and for these tests. Permissions and
 * quotas do not exist: everybody here is privileged. A transaction is a
 * number: what is done in it takes effect at once, and neither conflicts nor
 * goes away when the transaction is aborted. One thread only.
 */
#ifndef XEN_SHIM_TEST_STORE_H
#define XEN_SHIM_TEST_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "abi.h"

struct store_node {
	char *path;		/* absolute; the root is "" */
	char *value;		/* not terminated */
	size_t length;
};

/* Sorted by path, so that everything below a node follows it closely. */
struct store {
	struct store_node *node;
	size_t nodes, room;
	struct store_conn *conns;
	uint32_t transactions;
};

struct store_watch {
	struct store_watch *next;
	char *path;		/* absolute */
	char *token;
	bool relative;		/* events carry paths below the home, too */
};

/* One end: the kernel's ring or a client's socket. */
struct store_conn {
	struct store_conn *next;
	struct store *store;
	struct store_watch *watches;
	char in[sizeof(struct xs_header) + XS_PAYLOAD_MAX];
	size_t have;
	char *out;
	size_t out_length, out_room;
};

/* Paths that do not begin with / are below this: domain 0's home. */
#define STORE_HOME	"/local/domain/0"

void store_init(struct store *s);
void store_attach(struct store *s, struct store_conn *c);
void store_detach(struct store_conn *c);
void store_free(struct store *s);

/*
 * Take bytes that the other end has sent; complete requests are answered into
 * c->out. Return: false if what came is no request: close the connection.
 */
bool store_input(struct store_conn *c, const char *data, size_t length);

/* Forget the first @length bytes of c->out: they were sent. */
void store_sent(struct store_conn *c, size_t length);

/* The tree itself. Errors: the name that goes over the wire, or NULL. */
const struct store_node *store_find(const struct store *s, const char *path);
const char *store_write(struct store *s, const char *path, const char *value,
			size_t length);
const char *store_rm(struct store *s, const char *path);

/*
 * Find the next child of @path. @i: where to go on, 0 at first. Return: its
 * name, which ends at its '\0' or '/', or NULL.
 */
const char *store_child(const struct store *s, const char *path, size_t *i);

#endif /* XEN_SHIM_TEST_STORE_H */

/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A client of a xenstore: the small one here, or Xen's own daemon
 *
 * Functions return 0 or -errno; what the store answers with is one of its
 * error names, which are those of errno.
 */
#ifndef XEN_SHIM_TEST_XS_H
#define XEN_SHIM_TEST_XS_H

#include <stdbool.h>
#include <stddef.h>

#include "kselftest.h"	/* __printf */

/* Default of the environment's XEN_SHIM_STORE: a path, or a daemon's socket. */
#define XS_SOCKET	"/tmp/xen_shim_store"

struct xs {
	int fd;
};

/* Connect; if nobody listens there, start ./xen_store first. */
int xs_open(struct xs *xs);

/* Connect, and wait for who is to listen there; nothing is started. */
int xs_connect(struct xs *xs, int timeout_ms);
void xs_close(struct xs *xs);

/* Who listens at the other end. Return: the process; @path: of its program. */
int xs_server(const struct xs *xs, char *path, size_t size);

/* @value: room for @size with its end. */
int xs_read(struct xs *xs, const char *path, char *value, size_t size);
int xs_rm(struct xs *xs, const char *path);

/* DIR/NAME = the formatted value */
__printf(4, 5)
int xs_write(struct xs *xs, const char *dir, const char *name,
	     const char *format, ...);

/* DIR/NAME as a number, or @other if it is not there. */
long xs_number(struct xs *xs, const char *dir, const char *name, long other);

/* Wait until DIR/NAME is @value. Return: 0, -ETIMEDOUT, or why it cannot be read. */
int xs_wait(struct xs *xs, const char *dir, const char *name, long value,
	    int timeout_ms);

/* Wait until @path is not there. */
int xs_wait_gone(struct xs *xs, const char *path, int timeout_ms);

#endif /* XEN_SHIM_TEST_XS_H */

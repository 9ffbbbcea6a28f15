/* SPDX-License-Identifier: GPL-2.0 */
#ifndef XEN_SHIM_TEST_STORE_WATCH_H
#define XEN_SHIM_TEST_STORE_WATCH_H

#include "store.h"

/* Is @path @top, or below it? */
bool store_below(const char *path, const char *top);

/*
 * @path was written; or it was removed with all that was below it, which
 * fires the watches there, too.
 */
void store_fire(struct store *s, const char *path, bool removed);

#endif

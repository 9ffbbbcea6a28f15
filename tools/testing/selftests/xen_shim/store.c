// SPDX-License-Identifier: GPL-2.0
/*
 * The tree of the small xenstore (store.h)
 *
 * Nodes are an array sorted by path with '/' below every other character, so
 * that a node is followed by all that is below it.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store.h"
#include "store_watch.h"

static void *must(void *memory)
{
	if (memory)
		return memory;
	fprintf(stderr, "xen_store: no memory\n");
	exit(1);
}

static int path_cmp(const char *a, const char *b)
{
	for (; *a && *a == *b; a++)
		b++;
	if (*a == *b)
		return 0;
	if (!*a || (*b && *a == '/'))
		return -1;
	if (!*b || *b == '/')
		return 1;
	return (unsigned char)*a - (unsigned char)*b;
}

/* The first node that is not before @path. */
static size_t find_place(const struct store *s, const char *path)
{
	size_t low = 0, high = s->nodes;

	while (low < high) {
		size_t mid = (low + high) / 2;

		if (path_cmp(s->node[mid].path, path) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

bool store_below(const char *path, const char *top)
{
	size_t length = strlen(top);

	return !strncmp(path, top, length) && (!path[length] || path[length] == '/');
}

static void set_value(struct store_node *n, const char *value, size_t length)
{
	free(n->value);
	n->value = must(malloc(length + 1));
	memcpy(n->value, value, length);
	n->value[length] = '\0';
	n->length = length;
}

static struct store_node *insert(struct store *s, size_t at, const char *path)
{
	struct store_node *n;

	if (s->nodes == s->room) {
		s->room = s->room ? 2 * s->room : 64;
		s->node = must(realloc(s->node, s->room * sizeof(*n)));
	}
	n = s->node + at;
	memmove(n + 1, n, (s->nodes++ - at) * sizeof(*n));
	n->path = must(strdup(path));
	n->value = NULL;
	set_value(n, "", 0);
	return n;
}

/* The node, made with all that is missing above it. */
static size_t make(struct store *s, const char *path)
{
	size_t at = find_place(s, path);
	char *slash, *parent;

	if (at < s->nodes && !strcmp(s->node[at].path, path))
		return at;
	slash = strrchr(path, '/');
	if (slash) {
		parent = must(strndup(path, slash - path));
		make(s, parent);
		free(parent);
	}
	at = find_place(s, path);
	insert(s, at, path);
	return at;
}

void store_init(struct store *s)
{
	memset(s, 0, sizeof(*s));
	make(s, "");
	make(s, "/tool");
	make(s, STORE_HOME);
	store_write(s, STORE_HOME "/domid", "0", 1);
}

const struct store_node *store_find(const struct store *s, const char *path)
{
	size_t at = find_place(s, path);

	if (at == s->nodes || strcmp(s->node[at].path, path))
		return NULL;
	return s->node + at;
}

const char *store_write(struct store *s, const char *path, const char *value,
			size_t length)
{
	/* make() may move the nodes. */
	size_t at = make(s, path);

	set_value(s->node + at, value, length);
	store_fire(s, path, false);
	return NULL;
}

const char *store_rm(struct store *s, const char *path)
{
	size_t first = find_place(s, path), last = first, i;
	const char *slash = strrchr(path, '/');
	char *parent;
	bool exists;

	if (!*path)
		return "EINVAL";
	if (!store_find(s, path)) {
		/* No error if it could have been there. */
		parent = must(strndup(path, slash ? slash - path : 0));
		exists = store_find(s, parent);
		free(parent);
		return exists ? NULL : "ENOENT";
	}
	while (last < s->nodes && store_below(s->node[last].path, path))
		last++;
	for (i = first; i < last; i++) {
		free(s->node[i].path);
		free(s->node[i].value);
	}
	memmove(s->node + first, s->node + last,
		(s->nodes - last) * sizeof(*s->node));
	s->nodes -= last - first;
	store_fire(s, path, true);
	return NULL;
}

const char *store_child(const struct store *s, const char *path, size_t *i)
{
	size_t length = strlen(path);

	if (!*i)
		*i = find_place(s, path) + 1;
	for (; *i < s->nodes; (*i)++) {
		const char *name = s->node[*i].path;

		if (!store_below(name, path))
			return NULL;
		name += length + 1;
		if (strchr(name, '/'))
			continue;
		(*i)++;
		return name;
	}
	return NULL;
}

void store_free(struct store *s)
{
	while (s->conns)
		store_detach(s->conns);
	for (size_t i = 0; i < s->nodes; i++) {
		free(s->node[i].path);
		free(s->node[i].value);
	}
	free(s->node);
	memset(s, 0, sizeof(*s));
}

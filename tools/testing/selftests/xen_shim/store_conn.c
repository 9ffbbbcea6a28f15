// SPDX-License-Identifier: GPL-2.0
/*
 * Requests and watches of the small xenstore (store.h)
 *
 * Wire format: include/xen/interface/io/xs_wire.h. What each request carries
 * and is answered with: docs/misc/xenstore.txt of Xen.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store.h"
#include "store_watch.h"

static void put(struct store_conn *c, const void *data, size_t length)
{
	if (c->out_length + length > c->out_room) {
		c->out_room = 2 * (c->out_length + length);
		c->out = realloc(c->out, c->out_room);
		if (!c->out) {
			fprintf(stderr, "xen_store: no memory\n");
			exit(1);
		}
	}
	memcpy(c->out + c->out_length, data, length);
	c->out_length += length;
}

static void answer(struct store_conn *c, const struct xs_header *request,
		   uint32_t type, const void *data, size_t length)
{
	struct xs_header head = *request;

	head.type = type;
	head.len = length;
	put(c, &head, sizeof(head));
	put(c, data, length);
}

static void answer_error(struct store_conn *c, const struct xs_header *request,
			 const char *error)
{
	if (error)
		answer(c, request, XS_ERROR, error, strlen(error) + 1);
	else
		answer(c, request, request->type, "OK", 3);
}

void store_sent(struct store_conn *c, size_t length)
{
	c->out_length -= length;
	memmove(c->out, c->out + length, c->out_length);
}

/* --- watches -------------------------------------------------------------- */

static void event(struct store_conn *c, const struct store_watch *w,
		  const char *path)
{
	struct xs_header head = { .type = XS_WATCH_EVENT };
	size_t skip = strlen(STORE_HOME) + 1;
	const char *shown = *path ? path : "/";

	if (w->relative)
		shown = strlen(path) > skip ? path + skip : "";
	head.len = strlen(shown) + 1 + strlen(w->token) + 1;
	put(c, &head, sizeof(head));
	put(c, shown, strlen(shown) + 1);
	put(c, w->token, strlen(w->token) + 1);
}

void store_fire(struct store *s, const char *path, bool removed)
{
	struct store_watch *w;
	struct store_conn *c;

	for (c = s->conns; c; c = c->next) {
		for (w = c->watches; w; w = w->next) {
			if (store_below(path, w->path))
				event(c, w, path);
			else if (removed && store_below(w->path, path))
				event(c, w, w->path);
		}
	}
}

static const char *watch(struct store_conn *c, const char *path,
			 const char *token, bool relative)
{
	struct store_watch *w;

	for (w = c->watches; w; w = w->next)
		if (!strcmp(w->path, path) && !strcmp(w->token, token))
			return "EEXIST";
	w = calloc(1, sizeof(*w));
	if (!w)
		return "ENOMEM";
	w->path = strdup(path);
	w->token = strdup(token);
	w->relative = relative;
	w->next = c->watches;
	c->watches = w;
	return NULL;
}

static void free_watch(struct store_watch **at)
{
	struct store_watch *w = *at;

	*at = w->next;
	free(w->path);
	free(w->token);
	free(w);
}

static const char *unwatch(struct store_conn *c, const char *path,
			   const char *token)
{
	struct store_watch **at;

	for (at = &c->watches; *at; at = &(*at)->next) {
		if (strcmp((*at)->path, path) || strcmp((*at)->token, token))
			continue;
		free_watch(at);
		return NULL;
	}
	return "ENOENT";
}

void store_attach(struct store *s, struct store_conn *c)
{
	memset(c, 0, sizeof(*c));
	c->store = s;
	c->next = s->conns;
	s->conns = c;
}

void store_detach(struct store_conn *c)
{
	struct store_conn **at = &c->store->conns;

	while (*at != c)
		at = &(*at)->next;
	*at = c->next;
	while (c->watches)
		free_watch(&c->watches);
	free(c->out);
	c->out = NULL;
}

/* --- requests ------------------------------------------------------------- */

static void directory(struct store_conn *c, const struct xs_header *head,
		      const char *path)
{
	char names[XS_PAYLOAD_MAX];
	size_t used = 0, i = 0;
	const char *name;

	if (!store_find(c->store, path)) {
		answer_error(c, head, "ENOENT");
		return;
	}
	while ((name = store_child(c->store, path, &i))) {
		size_t length = strlen(name) + 1;

		if (used + length > sizeof(names)) {
			answer_error(c, head, "E2BIG");
			return;
		}
		memcpy(names + used, name, length);
		used += length;
	}
	answer(c, head, head->type, names, used);
}

static void start_transaction(struct store_conn *c, const struct xs_header *head)
{
	char number[16];
	int length = snprintf(number, sizeof(number), "%u",
			      ++c->store->transactions);

	answer(c, head, head->type, number, length + 1);
}

/* "/a/b" of "/a/b/", "a" of HOME/a; false if it is no path. */
static bool absolute(const char *given, char *path)
{
	int length = *given == '/' ?
		snprintf(path, XS_PATH_MAX, "%s", given) :
		snprintf(path, XS_PATH_MAX, STORE_HOME "/%s", given);

	if (length >= (int)XS_PATH_MAX)
		return false;
	if (length && path[length - 1] == '/')
		path[length - 1] = '\0';
	return !strstr(path, "//");
}

static void with_path(struct store_conn *c, const struct xs_header *head,
		      const char *body, const char *path)
{
	const char *given = body, *rest = body + strlen(body) + 1;
	size_t length = head->len - (rest - body);
	const struct store_node *n;
	const char *error;

	switch (head->type) {
	case XS_READ:
		n = store_find(c->store, path);
		if (n)
			answer(c, head, head->type, n->value, n->length);
		else
			answer_error(c, head, "ENOENT");
		return;
	case XS_DIRECTORY:
		directory(c, head, path);
		return;
	case XS_WRITE:
		answer_error(c, head, NULL);
		store_write(c->store, path, rest, length);
		return;
	case XS_MKDIR:
		answer_error(c, head, NULL);
		if (!store_find(c->store, path))
			store_write(c->store, path, "", 0);
		return;
	case XS_RM:
		answer_error(c, head, store_rm(c->store, path));
		return;
	case XS_WATCH:
		error = length ? watch(c, path, rest, *given != '/') : "EINVAL";
		answer_error(c, head, error);
		if (!error)
			event(c, c->watches, path);
		return;
	case XS_UNWATCH:
		error = length ? unwatch(c, path, rest) : "EINVAL";
		answer_error(c, head, error);
		return;
	case XS_SET_PERMS:
		answer_error(c, head, NULL);
		return;
	case XS_GET_PERMS:
		answer(c, head, head->type, "n0", 3);
		return;
	}
	answer_error(c, head, "ENOSYS");
}

/* body[head->len] is '\0'. */
static void request(struct store_conn *c, const struct xs_header *head,
		    const char *body)
{
	char path[XS_PATH_MAX];

	switch (head->type) {
	case XS_TRANSACTION_START:
		start_transaction(c, head);
		return;
	case XS_TRANSACTION_END:
		answer_error(c, head, head->tx_id ? NULL : "ENOENT");
		return;
	case XS_GET_DOMAIN_PATH:
		snprintf(path, sizeof(path), "/local/domain/%.16s", body);
		answer(c, head, head->type, path, strlen(path) + 1);
		return;
	case XS_INTRODUCE:
	case XS_RELEASE:
		answer_error(c, head, NULL);
		return;
	case XS_RESET_WATCHES:
		while (c->watches)
			free_watch(&c->watches);
		answer_error(c, head, NULL);
		return;
	}
	/* Everything else begins with a path, and that with its end. */
	if (strlen(body) >= head->len || !absolute(body, path))
		answer_error(c, head, "EINVAL");
	else
		with_path(c, head, body, path);
}

bool store_input(struct store_conn *c, const char *data, size_t length)
{
	char body[XS_PAYLOAD_MAX + 1];
	struct xs_header head;
	size_t n;

	while (length) {
		n = sizeof(c->in) - c->have;
		if (n > length)
			n = length;
		memcpy(c->in + c->have, data, n);
		c->have += n;
		data += n;
		length -= n;
		for (;;) {
			memcpy(&head, c->in, sizeof(head));
			if (c->have < sizeof(head))
				break;
			if (head.len > XS_PAYLOAD_MAX)
				return false;
			n = sizeof(head) + head.len;
			if (c->have < n)
				break;
			memcpy(body, c->in + sizeof(head), head.len);
			body[head.len] = '\0';
			c->have -= n;
			memmove(c->in, c->in + n, c->have);
			request(c, &head, body);
		}
	}
	return true;
}

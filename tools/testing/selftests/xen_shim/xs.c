// SPDX-License-Identifier: GPL-2.0
/*
 * The client of a xenstore (xs.h). One request at a time; no watches: what
 * the tests wait for, they look at again and again.
 */
#define _GNU_SOURCE	/* struct ucred */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "abi.h"
#include "clock.h"
#include "xs.h"

#define START_MS	20000
#define ANSWER_S	20	/* that one may take: longer than any test waits */

static const char *socket_path(void)
{
	return getenv("XEN_SHIM_STORE") ?: XS_SOCKET;
}

static int connect_to(const char *path)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	struct timeval limit = { .tv_sec = ANSWER_S };
	int fd, error;

	if (strlen(path) >= sizeof(to.sun_path))
		return -ENAMETOOLONG;
	memcpy(to.sun_path, path, strlen(path) + 1);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (!connect(fd, (struct sockaddr *)&to, sizeof(to)) &&
	    !setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)))
		return fd;
	error = -errno;
	close(fd);
	return error;
}

/* It must not keep our output open, nor be in our session. */
static int start_daemon(const char *path)
{
	pid_t pid = fork();
	int fd;

	if (pid < 0)
		return -errno;
	if (pid)
		return 0;
	setsid();
	fd = open("/dev/kmsg", O_RDWR);
	if (fd < 0)
		fd = open("/dev/null", O_RDWR);
	dup2(fd, 0);
	dup2(fd, 1);
	dup2(fd, 2);
	execl("./xen_store", "xen_store", path, NULL);
	_exit(127);
}

int xs_connect(struct xs *xs, int timeout_ms)
{
	uint64_t end = now_ms() + timeout_ms;

	for (;;) {
		xs->fd = connect_to(socket_path());
		if (xs->fd >= 0)
			return 0;
		if (now_ms() >= end)
			return xs->fd;
		sleep_us(10000);
	}
}

int xs_open(struct xs *xs)
{
	if (!xs_connect(xs, 0))
		return 0;
	if (access("/dev/xen-shim-store", F_OK))
		return -errno;
	return start_daemon(socket_path()) ?: xs_connect(xs, START_MS);
}

void xs_close(struct xs *xs)
{
	close(xs->fd);
	xs->fd = -1;
}

int xs_server(const struct xs *xs, char *path, size_t size)
{
	struct ucred who = { .pid = -1 };
	socklen_t length = sizeof(who);
	char link[32];
	ssize_t n;

	getsockopt(xs->fd, SOL_SOCKET, SO_PEERCRED, &who, &length);
	snprintf(link, sizeof(link), "/proc/%d/exe", who.pid);
	n = readlink(link, path, size - 1);
	path[n < 0 ? 0 : n] = '\0';
	return who.pid;
}

static int read_all(int fd, void *data, size_t length)
{
	while (length) {
		ssize_t n = read(fd, data, length);

		if (n <= 0)
			return n ? -errno : -EPIPE;
		data = (char *)data + n;
		length -= n;
	}
	return 0;
}

static int error_number(const char *name)
{
	static const struct { const char *name; int number; } known[] = {
		{ "EINVAL", EINVAL }, { "EACCES", EACCES }, { "EEXIST", EEXIST },
		{ "EISDIR", EISDIR }, { "ENOENT", ENOENT }, { "ENOMEM", ENOMEM },
		{ "ENOSPC", ENOSPC }, { "EIO", EIO }, { "EROFS", EROFS },
		{ "EBUSY", EBUSY }, { "EAGAIN", EAGAIN }, { "E2BIG", E2BIG },
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
		if (!strcmp(known[i].name, name))
			return -known[i].number;
	return -EPROTO;
}

/*
 * @body: of the request; then of the answer, with '\0' behind it.
 * Return: length of the answer, or -errno.
 */
static int talk(struct xs *xs, uint32_t type, char *body, size_t length)
{
	struct xs_header head = { .type = type, .req_id = 1, .len = length };
	struct iovec vec[] = {
		{ &head, sizeof(head) }, { body, length },
	};
	struct msghdr message = { .msg_iov = vec, .msg_iovlen = 2 };
	int error;

	if (sendmsg(xs->fd, &message, MSG_NOSIGNAL) != (ssize_t)(sizeof(head) + length))
		return -EPIPE;
	error = read_all(xs->fd, &head, sizeof(head));
	if (error)
		return error;
	if (head.len > XS_PAYLOAD_MAX)
		return -EPROTO;
	error = read_all(xs->fd, body, head.len);
	if (error)
		return error;
	body[head.len] = '\0';
	if (head.type == XS_ERROR)
		return error_number(body);
	return head.type == type ? (int)head.len : -EPROTO;
}

int xs_read(struct xs *xs, const char *path, char *value, size_t size)
{
	char body[XS_PAYLOAD_MAX + 1];
	int n = snprintf(body, sizeof(body), "%s", path);

	n = talk(xs, XS_READ, body, n + 1);
	if (n < 0)
		return n;
	if (n >= (int)size)
		return -E2BIG;
	memcpy(value, body, n + 1);
	return 0;
}

int xs_rm(struct xs *xs, const char *path)
{
	char body[XS_PAYLOAD_MAX + 1];
	int n = snprintf(body, sizeof(body), "%s", path);

	n = talk(xs, XS_RM, body, n + 1);
	return n < 0 ? n : 0;
}

int xs_write(struct xs *xs, const char *dir, const char *name,
	     const char *format, ...)
{
	char body[XS_PAYLOAD_MAX + 1];
	int n = snprintf(body, 2048, "%s/%s", dir, name) + 1;
	va_list args;

	if (n > 2048)
		return -ENAMETOOLONG;
	va_start(args, format);
	n += vsnprintf(body + n, sizeof(body) - n, format, args);
	va_end(args);
	if (n >= (int)sizeof(body))
		return -E2BIG;
	n = talk(xs, XS_WRITE, body, n);
	return n < 0 ? n : 0;
}

long xs_number(struct xs *xs, const char *dir, const char *name, long other)
{
	char path[2048], value[64];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	if (xs_read(xs, path, value, sizeof(value)))
		return other;
	return strtol(value, NULL, 10);
}

int xs_wait(struct xs *xs, const char *dir, const char *name, long value,
	    int timeout_ms)
{
	uint64_t end = now_ms() + timeout_ms;
	unsigned int pause = 200;
	char path[2048], text[64];
	int error;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	for (;;) {
		error = xs_read(xs, path, text, sizeof(text));
		if (!error && strtol(text, NULL, 10) == value)
			return 0;
		if (error && error != -ENOENT)
			return error;
		if (now_ms() > end)
			return -ETIMEDOUT;
		sleep_us(pause);
		if (pause < 5000)
			pause *= 2;
	}
}

int xs_wait_gone(struct xs *xs, const char *path, int timeout_ms)
{
	uint64_t end = now_ms() + timeout_ms;
	char value[XS_PAYLOAD_MAX + 1];

	while (xs_read(xs, path, value, sizeof(value)) != -ENOENT) {
		if (now_ms() > end)
			return -ETIMEDOUT;
		sleep_us(1000);
	}
	return 0;
}

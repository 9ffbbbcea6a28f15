// SPDX-License-Identifier: GPL-2.0
/*
 * xen_store [SOCKET]: the small xenstore as a daemon
 *
 * Serves the kernel over the ring of /dev/xen-shim-store and the tests over a
 * Unix socket, both with xenstore's wire format, so that Xen's own daemon can
 * take its place. It stays until the machine stops: the kernel waits for
 * answers without end.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <xen/shim.h>

#include "store.h"
#include "xs.h"

#define MAX_CLIENTS	16

struct client {
	int fd;			/* -1: free */
	struct store_conn conn;
};

static struct store store;
static struct store_conn kernel;
static struct client clients[MAX_CLIENTS];
static struct xs_page *page;
static int kick_fd, call_fd;

static void die(const char *what)
{
	fprintf(stderr, "xen_store: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* --- the kernel's ring -------------------------------------------------- */

static bool ring_read(void)
{
	uint32_t prod = __atomic_load_n(&page->req_prod, __ATOMIC_ACQUIRE);
	uint32_t cons = page->req_cons;
	char data[XS_RING_SIZE];
	uint32_t n = 0;

	if (prod == cons)
		return false;
	if (prod - cons > XS_RING_SIZE) {
		errno = EPROTO;
		die("the kernel's ring");
	}
	while (cons != prod)
		data[n++] = page->req[cons++ % XS_RING_SIZE];
	__atomic_store_n(&page->req_cons, cons, __ATOMIC_RELEASE);
	if (!store_input(&kernel, data, n)) {
		errno = EPROTO;
		die("a request of the kernel");
	}
	return true;
}

static bool ring_write(void)
{
	uint32_t cons = __atomic_load_n(&page->rsp_cons, __ATOMIC_ACQUIRE);
	uint32_t prod = page->rsp_prod;
	uint32_t n = 0;

	while (n < kernel.out_length && prod - cons < XS_RING_SIZE)
		page->rsp[prod++ % XS_RING_SIZE] = kernel.out[n++];
	if (!n)
		return false;
	__atomic_store_n(&page->rsp_prod, prod, __ATOMIC_RELEASE);
	store_sent(&kernel, n);
	return true;
}

static void serve_kernel(void)
{
	uint64_t one = 1;
	bool moved, any = false;

	do {
		moved = ring_read();
		moved |= ring_write();
		any |= moved;
	} while (moved);
	if (any && write(call_fd, &one, sizeof(one)) != sizeof(one))
		die("signalling the kernel");
}

static void connect_kernel(void)
{
	struct xen_shim_store set = { };
	int fd = open("/dev/xen-shim-store", O_RDWR | O_CLOEXEC);

	if (fd < 0)
		die("/dev/xen-shim-store");
	page = mmap(NULL, XPAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (page == MAP_FAILED)
		die("mapping the ring");
	kick_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	call_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (kick_fd < 0 || call_fd < 0)
		die("eventfd");
	set.kick_fd = kick_fd;
	set.call_fd = call_fd;
	if (ioctl(fd, XEN_SHIM_STORE_SET, &set))
		die("XEN_SHIM_STORE_SET");
	store_attach(&store, &kernel);
}

/* --- clients ------------------------------------------------------------- */

static int listen_at(const char *path)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (strlen(path) >= sizeof(at.sun_path)) {
		errno = ENAMETOOLONG;
		die(path);
	}
	memcpy(at.sun_path, path, strlen(path) + 1);
	unlink(path);
	if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof(at)) ||
	    listen(fd, MAX_CLIENTS))
		die(path);
	return fd;
}

static void accept_client(int listener)
{
	int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

	if (fd < 0)
		return;
	for (int i = 0; i < MAX_CLIENTS; i++) {
		if (clients[i].fd >= 0)
			continue;
		clients[i].fd = fd;
		store_attach(&store, &clients[i].conn);
		return;
	}
	fprintf(stderr, "xen_store: too many clients\n");
	close(fd);
}

static void drop(struct client *c)
{
	store_detach(&c->conn);
	close(c->fd);
	c->fd = -1;
}

static void hear(struct client *c)
{
	char data[1024];
	ssize_t n = read(c->fd, data, sizeof(data));

	if (n <= 0 || !store_input(&c->conn, data, n))
		drop(c);
}

static void tell(struct client *c)
{
	ssize_t n = send(c->fd, c->conn.out, c->conn.out_length,
			 MSG_DONTWAIT | MSG_NOSIGNAL);

	if (n > 0)
		store_sent(&c->conn, n);
	else if (n < 0 && errno != EAGAIN)
		drop(c);
}

int main(int argc, char **argv)
{
	enum { LISTENER, KERNEL, FIRST };
	struct pollfd polled[FIRST + MAX_CLIENTS];
	uint64_t count;
	int i;

	for (i = 0; i < MAX_CLIENTS; i++)
		clients[i].fd = -1;
	store_init(&store);
	polled[LISTENER].fd = listen_at(argc > 1 ? argv[1] : XS_SOCKET);
	connect_kernel();
	polled[KERNEL].fd = kick_fd;
	for (;;) {
		serve_kernel();
		polled[LISTENER].events = POLLIN;
		polled[KERNEL].events = POLLIN;
		for (i = 0; i < MAX_CLIENTS; i++) {
			if (clients[i].fd >= 0 && clients[i].conn.out_length)
				tell(&clients[i]);
			polled[FIRST + i].fd = clients[i].fd;
			polled[FIRST + i].events = POLLIN;
			if (clients[i].fd >= 0 && clients[i].conn.out_length)
				polled[FIRST + i].events |= POLLOUT;
		}
		if (poll(polled, FIRST + MAX_CLIENTS, -1) < 0 && errno != EINTR)
			die("poll");
		if (polled[KERNEL].revents &&
		    read(kick_fd, &count, sizeof(count)) < 0 && errno != EAGAIN)
			die("reading the kernel's eventfd");
		for (i = 0; i < MAX_CLIENTS; i++)
			if (clients[i].fd >= 0 &&
			    polled[FIRST + i].revents & (POLLIN | POLLHUP | POLLERR))
				hear(&clients[i]);
		if (polled[LISTENER].revents)
			accept_client(polled[LISTENER].fd);
	}
}

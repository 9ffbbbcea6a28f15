// SPDX-License-Identifier: GPL-2.0
/*
 * nettalk [-m MTU] [-s SEED] [-b MIB] [-f N | -d N] A B: real traffic between
 * two interfaces that are joined outside of the guest.
 *
 * Both at home in one network stack, packets between their addresses would not
 * leave it. So B moves into a network namespace of its own, where a second
 * process waits; when that ends, the kernel brings B back.
 *
 * Every size around the borders of packets, pages and send buffers goes both
 * ways: over UDP, over TCP by write(2) from any offset in a page, and over TCP
 * by sendfile(2), whose data the kernel does not copy. Then both send MIB at the
 * same time. All bytes are pseudo-random, differ for each message, and are
 * compared one by one. Prints counts, or what was wrong.
 *
 * -f N flips one bit of the Nth message, -d N does not send it: then this
 * program must fail.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sched.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE		4096
#define AROUND		16		/* bytes on both sides of a border */
#define MOST		65507		/* of a UDP datagram: 65535 less two headers */
#define PIECE		(64 << 10)	/* of the stream, compared at once */
#define ROOM		(PIECE + PAGE)	/* for any of them, at any offset */
#define WAIT_S		20		/* for one message; a host may be busy */
#define PORT		7777

enum { UDP, TCP_WRITE, TCP_FILE, WAYS };

struct side {
	const char *ifname;
	bool first;			/* has the lower address, connects, sends first */
	int sync;			/* to the other process */
	int tcp, udp;
	int file;			/* for sendfile */
	unsigned char *out, *in, *right;
	unsigned long number;		/* of messages sent */
	unsigned long count[WAYS];
	uint64_t bytes[WAYS], stream;
};

static unsigned int mtu = 1500, mib = 4;
static uint64_t seed = 1;
static unsigned long flip, drop;

static void __attribute__((noreturn, format(printf, 1, 2))) fail(const char *format, ...)
{
	va_list list;

	va_start(list, format);
	fputs("nettalk: ", stderr);
	vfprintf(stderr, format, list);
	fputc('\n', stderr);
	_exit(1);
}

static void must(bool ok, const char *what)
{
	if (!ok)
		fail("%s: %s", what, strerror(errno));
}

/* xorshift64*: the bytes of a message are known to both sides by its name */
static void fill(unsigned char *to, size_t length, uint64_t name)
{
	uint64_t x = (name + 1) * 0x9e3779b97f4a7c15 ^ seed;

	for (size_t i = 0; i < length; i++) {
		x ^= x >> 12;
		x ^= x << 25;
		x ^= x >> 27;
		to[i] = x * 0x2545f4914f6cdd1d >> 56;
	}
}

static void compare(const struct side *s, const char *way, const unsigned char *got,
		    size_t length, uint64_t name)
{
	fill(s->right, length, name);
	for (size_t i = 0; i < length; i++)
		if (got[i] != s->right[i])
			fail("%s received wrong data by %s: %#x instead of %#x at %zu of %zu bytes",
			     s->ifname, way, got[i], s->right[i], i, length);
}

/* The sizes: every one around a border. Return: how many. */
static size_t sizes(unsigned int *list)
{
	const unsigned int borders[] = {
		AROUND + 1, 536, mtu - 52, mtu - 28, 2 * (mtu - 52), PAGE / 2, PAGE, 6144,
		2 * PAGE, 4 * PAGE, 32768, 15 * PAGE, MOST - AROUND,
	};
	size_t n = 0;

	for (size_t i = 0; i < sizeof(borders) / sizeof(*borders); i++)
		for (unsigned int size = borders[i] - AROUND; size <= borders[i] + AROUND; size++)
			list[n++] = size;
	return n;
}

/* --- setting up ---------------------------------------------------------- */

/* Move @ifname into the network namespace of process @pid. */
static void move(const char *ifname, pid_t pid)
{
	struct {
		struct nlmsghdr head;
		struct ifinfomsg info;
		struct rtattr attr;
		uint32_t pid;
	} request = {
		.head = { .nlmsg_len = sizeof(request), .nlmsg_type = RTM_NEWLINK,
			  .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK },
		.info = { .ifi_family = AF_UNSPEC, .ifi_index = if_nametoindex(ifname) },
		.attr = { .rta_len = RTA_LENGTH(sizeof(uint32_t)), .rta_type = IFLA_NET_NS_PID },
		.pid = pid,
	};
	struct {
		struct nlmsghdr head;
		struct nlmsgerr error;
	} answer;
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

	must(request.info.ifi_index, ifname);
	must(fd >= 0, "netlink");
	must(send(fd, &request, sizeof(request), 0) == sizeof(request), "netlink");
	must(recv(fd, &answer, sizeof(answer), MSG_TRUNC) > 0, "netlink");
	close(fd);
	errno = -answer.error.error;
	must(answer.head.nlmsg_type == NLMSG_ERROR && !errno, "moving the interface");
}

static struct sockaddr_in address(bool first)
{
	return (struct sockaddr_in) {
		.sin_family = AF_INET, .sin_port = htons(PORT),
		.sin_addr.s_addr = htonl(0x0a4d0001 + !first),		/* 10.77.0.1, .2 */
	};
}

/* Some drivers begin to count anew with another MTU. */
static void set_mtu(const struct side *s)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq request = { .ifr_mtu = mtu };

	must(fd >= 0, "socket");
	strncpy(request.ifr_name, s->ifname, IFNAMSIZ - 1);
	must(!ioctl(fd, SIOCSIFMTU, &request), "MTU");
	close(fd);
}

static void interface_up(const struct side *s)
{
	struct sockaddr_in own = address(s->first), mask = { .sin_family = AF_INET };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq request = { 0 };

	must(fd >= 0, "socket");
	strncpy(request.ifr_name, s->ifname, IFNAMSIZ - 1);
	own.sin_port = 0;
	memcpy(&request.ifr_addr, &own, sizeof(own));
	must(!ioctl(fd, SIOCSIFADDR, &request), "address");
	mask.sin_addr.s_addr = htonl(0xffffff00);
	memcpy(&request.ifr_netmask, &mask, sizeof(mask));
	must(!ioctl(fd, SIOCSIFNETMASK, &request), "netmask");
	must(!ioctl(fd, SIOCGIFFLAGS, &request), "flags");
	request.ifr_flags |= IFF_UP;
	must(!ioctl(fd, SIOCSIFFLAGS, &request), "interface up");
	close(fd);
}

/* Both processes are here. */
static void meet(const struct side *s)
{
	char c = 0;

	if (write(s->sync, &c, 1) != 1 || read(s->sync, &c, 1) != 1)
		fail("%s is alone: the other process has ended", s->ifname);
}

static void patience(int fd)
{
	struct timeval limit = { .tv_sec = WAIT_S };

	must(!setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) &&
	     !setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)), "time limit");
}

static void open_sockets(struct side *s)
{
	struct sockaddr_in own = address(s->first), other = address(!s->first);
	int one = 1, listener;

	s->udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	must(s->udp >= 0 && !bind(s->udp, (void *)&own, sizeof(own)) &&
	     !connect(s->udp, (void *)&other, sizeof(other)), "UDP");
	if (s->first) {
		meet(s);
		s->tcp = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		patience(s->tcp);
		must(!connect(s->tcp, (void *)&other, sizeof(other)), "connect");
	} else {
		listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		must(!bind(listener, (void *)&own, sizeof(own)) && !listen(listener, 1), "listen");
		patience(listener);
		meet(s);
		s->tcp = accept(listener, NULL, NULL);
		must(s->tcp >= 0, "accept");
		close(listener);
	}
	must(!setsockopt(s->tcp, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)), "TCP_NODELAY");
	patience(s->tcp);
	patience(s->udp);
}

static void prepare(struct side *s)
{
	set_mtu(s);
	s->out = mmap(NULL, ROOM, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	s->in = malloc(ROOM);
	s->right = malloc(ROOM);
	s->file = open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	must(s->out != MAP_FAILED && s->in && s->right, "memory");
	must(s->file >= 0 && !ftruncate(s->file, ROOM), "file in /tmp");
	interface_up(s);
	open_sockets(s);
}

/* --- messages ------------------------------------------------------------ */

static void send_all(const struct side *s, const unsigned char *from, size_t length)
{
	while (length) {
		ssize_t n = send(s->tcp, from, length, MSG_NOSIGNAL);

		if (n <= 0)
			fail("%s cannot send by TCP: %s", s->ifname, strerror(errno));
		from += n;
		length -= n;
	}
}

static void receive_all(const struct side *s, unsigned char *to, size_t length)
{
	while (length) {
		ssize_t n = recv(s->tcp, to, length, MSG_WAITALL);

		if (n <= 0)
			fail("%s waits for %zu bytes by TCP: %s", s->ifname, length,
			     n ? strerror(errno) : "the other side has closed");
		to += n;
		length -= n;
	}
}

/* One message, from any offset in a page. */
static void send_one(struct side *s, int way, size_t length, uint64_t name)
{
	size_t offset = name * 37 % PAGE;
	unsigned char *from = s->out + offset;
	off_t at = offset;

	fill(from, length, name);
	s->number++;
	if (s->number == flip)
		from[length / 2] ^= 1;
	if (s->number == drop)
		return;
	switch (way) {
	case UDP:
		if (send(s->udp, from, length, 0) != (ssize_t)length)
			fail("%s cannot send %zu bytes by UDP: %s", s->ifname, length,
			     strerror(errno));
		break;
	case TCP_WRITE:
		send_all(s, from, length);
		break;
	case TCP_FILE:
		must(pwrite(s->file, from, length, at) == (ssize_t)length, "file in /tmp");
		while (at < (off_t)(offset + length))
			if (sendfile(s->tcp, s->file, &at, offset + length - at) <= 0)
				fail("%s cannot send a file: %s", s->ifname, strerror(errno));
		break;
	}
	s->count[way]++;
	s->bytes[way] += length;
}

static void receive_one(struct side *s, int way, size_t length, uint64_t name)
{
	ssize_t n;

	if (way != UDP) {
		receive_all(s, s->in, length);
		compare(s, way == TCP_FILE ? "TCP from a file" : "TCP", s->in, length, name);
		return;
	}
	n = recv(s->udp, s->in, ROOM, 0);
	if (n < 0)
		fail("%s waits for a datagram of %zu bytes: %s", s->ifname, length, strerror(errno));
	if (n != (ssize_t)length)
		fail("%s received a datagram of %zd bytes, not %zu", s->ifname, n, length);
	compare(s, "UDP", s->in, length, name);
}

/* Each size there and back, one after the other. */
static void messages(struct side *s)
{
	unsigned int list[1024];
	size_t n = sizes(list);

	for (int way = 0; way < WAYS; way++)
		for (size_t i = 0; i < n; i++) {
			uint64_t name = (way * n + i) * 2;

			if (s->first) {
				send_one(s, way, list[i], name);
				receive_one(s, way, list[i], name + 1);
			} else {
				receive_one(s, way, list[i], name);
				send_one(s, way, list[i], name + 1);
			}
		}
}

/* --- stream -------------------------------------------------------------- */

#define STREAM_NAME(piece, first) (~(uint64_t)((piece) * 2 + (first)))

static void *stream_out(void *arg)
{
	struct side *s = arg;

	for (unsigned int i = 0; i < mib * (1 << 20) / PIECE; i++) {
		fill(s->out, PIECE, STREAM_NAME(i, s->first));
		send_all(s, s->out, PIECE);
	}
	return NULL;
}

/* Both directions at the same time. */
static void stream(struct side *s)
{
	unsigned char *in = malloc(PIECE);
	pthread_t sender;

	must(in && !pthread_create(&sender, NULL, stream_out, s), "stream");
	for (unsigned int i = 0; i < mib * (1 << 20) / PIECE; i++) {
		receive_all(s, in, PIECE);
		compare(s, "a stream", in, PIECE, STREAM_NAME(i, !s->first));
		s->stream += PIECE;
	}
	pthread_join(sender, NULL);
	free(in);
}

static unsigned long statistic(const char *ifname, const char *name)
{
	unsigned long value = 0;
	char path[128];
	FILE *file;

	snprintf(path, sizeof(path), "/sys/class/net/%s/statistics/%s", ifname, name);
	file = fopen(path, "r");
	must(file && fscanf(file, "%lu", &value) == 1, path);
	fclose(file);
	return value;
}

static void talk(struct side *s)
{
	prepare(s);
	meet(s);
	messages(s);
	stream(s);
	meet(s);
}

/* What goes through the stack alone would be right, too. */
static void went_through(const struct side *s, unsigned long out, unsigned long in)
{
	uint64_t bytes = s->stream;

	for (int way = 0; way < WAYS; way++)
		bytes += s->bytes[way];
	out = statistic(s->ifname, "tx_bytes") - out;
	in = statistic(s->ifname, "rx_bytes") - in;
	if (out < bytes || in < bytes)
		fail("%s has sent %lu and received %lu bytes, not %llu or more each", s->ifname,
		     out, in, (unsigned long long)bytes);
	printf("UDP %lu, TCP %lu, TCP from a file %lu messages of %llu KiB and %llu KiB as a stream "
	       "each way; %lu KiB out, %lu KiB in\n", s->count[UDP], s->count[TCP_WRITE],
	       s->count[TCP_FILE], (unsigned long long)(bytes - s->stream) >> 10,
	       (unsigned long long)s->stream >> 10, out >> 10, in >> 10);
}

/* The kernel moves it when the last process of its namespace is gone. */
static void wait_for_return(const char *ifname)
{
	for (int i = 0; i < 300; i++) {
		if (if_nametoindex(ifname))
			return;
		usleep(100000);
	}
	fail("%s did not come back from its namespace", ifname);
}

/* Return: where the names of both interfaces begin in @argv. */
static int arguments(int argc, char **argv)
{
	int option;

	while ((option = getopt(argc, argv, "m:s:b:f:d:")) >= 0) {
		switch (option) {
		case 'm':
			mtu = strtoul(optarg, NULL, 0);
			break;
		case 's':
			seed = strtoull(optarg, NULL, 0);
			break;
		case 'b':
			mib = strtoul(optarg, NULL, 0);
			break;
		case 'f':
			flip = strtoul(optarg, NULL, 0);
			break;
		case 'd':
			drop = strtoul(optarg, NULL, 0);
			break;
		default:
			return 0;
		}
	}
	if (argc - optind != 2 || mtu < 576 || mtu > 65535 || mib > 2048)
		return 0;
	return optind;
}

int main(int argc, char **argv)
{
	struct side a = { .first = true }, b = { .first = false };
	int names = arguments(argc, argv), ends[2], status;
	unsigned long out, in;
	pid_t child;

	if (!names) {
		fprintf(stderr, "usage: nettalk [-m MTU] [-s SEED] [-b MIB] [-f N | -d N] A B\n");
		return 2;
	}
	a.ifname = argv[names];
	b.ifname = argv[names + 1];
	must(!socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), "socketpair");
	a.sync = ends[0];
	b.sync = ends[1];
	child = fork();
	must(child >= 0, "fork");
	if (!child) {
		close(a.sync);
		must(!unshare(CLONE_NEWNET), "network namespace");
		meet(&b);		/* it is there */
		meet(&b);		/* so is the interface */
		talk(&b);
		_exit(0);
	}
	close(b.sync);
	set_mtu(&a);
	out = statistic(a.ifname, "tx_bytes");
	in = statistic(a.ifname, "rx_bytes");
	meet(&a);
	move(b.ifname, child);
	meet(&a);
	talk(&a);
	waitpid(child, &status, 0);
	wait_for_return(b.ifname);
	if (status)
		fail("the process behind %s failed", b.ifname);
	went_through(&a, out, in);
	return 0;
}

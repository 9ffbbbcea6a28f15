// SPDX-License-Identifier: GPL-2.0
/*
 * hvuio UIO [DONE]: drive a Hyper-V NIC from user space, by uio_hv_generic
 *
 * UIO is a name such as uio0. The program does what a driver does first: it
 * agrees on a version, gives the receive and the send buffer to the host, puts
 * an RNDIS message into the send buffer and finds the answer in the receive
 * buffer. So both rings and both buffers must be memory that the host reaches.
 * It prints the address of the NIC.
 *
 * With DONE, a file: afterwards it waits for that file with everything mapped.
 * The device is gone then, and each access has to end in SIGBUS.
 *
 * Layouts: include/linux/hyperv.h, drivers/net/hyperv/hyperv_net.h
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { PAGE = 4096, NVSP_SIZE = 40, WAIT_MS = 5000 };
enum { RINGS, INT_PAGE, MONITOR_PAGE, RECV, SEND, MAPS };
enum { INBAND = 6, XFER_PAGES = 7, COMPLETION = 11, WANT_COMPLETION = 1 };
enum { NVSP_INIT = 1, NDIS_VERSION = 100, RECV_BUF = 101, SEND_BUF = 104, RNDIS = 107,
       NDIS_CONFIG = 125, NVSP_V6_1 = 0x60001, NVSP_OK = 1 };
enum { RNDIS_INIT = 2, RNDIS_QUERY = 4, OID_CURRENT_ADDRESS = 0x01010102 };
#define RNDIS_DONE 0x80000000u

struct ring {
	volatile uint32_t *index;	/* write, read, interrupt mask */
	uint8_t *data;
	uint32_t size;
};

struct packet {
	uint16_t type, offset8, len8, flags;
	uint64_t id;
	uint32_t body[64];		/* what follows the 16 bytes */
};

static struct map { uint8_t *p; size_t size; unsigned int gpadl; } maps[MAPS];
static struct ring tx, rx;
static int fd;
static sigjmp_buf faulted;

static void __attribute__((noreturn, format(printf, 1, 2))) die(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fputs("hvuio: ", stderr);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	exit(1);
}

/* A file of /sys/class/uio/UIO/maps/mapN */
static void attribute(const char *uio, int map, const char *name, char *text, size_t size)
{
	char path[128];
	FILE *file;

	snprintf(path, sizeof(path), "/sys/class/uio/%s/maps/map%d/%s", uio, map, name);
	file = fopen(path, "r");
	if (!file || !fgets(text, size, file))
		die("%s cannot be read", path);
	fclose(file);
}

static void map_all(const char *uio)
{
	char text[64];

	for (int i = 0; i < MAPS; i++) {
		attribute(uio, i, "size", text, sizeof(text));
		maps[i].size = strtoul(text, NULL, 0);
		attribute(uio, i, "name", text, sizeof(text));
		sscanf(text, "%*[a-z]:%u", &maps[i].gpadl);
		maps[i].p = mmap(NULL, maps[i].size, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
				 (off_t)i * PAGE);
		if (maps[i].p == MAP_FAILED)
			die("map %d, %s: %s", i, text, strerror(errno));
	}
}

static void ring_at(struct ring *ring, uint8_t *p, size_t size)
{
	ring->index = (volatile uint32_t *)p;
	ring->data = p + PAGE;
	ring->size = size - PAGE;
}

static void put(uint32_t *at, const void *from, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		tx.data[(*at + i) % tx.size] = ((const uint8_t *)from)[i];
	*at = (*at + n) % tx.size;
}

static void signal_host(void)
{
	int32_t on = 1;

	if (write(fd, &on, sizeof(on)) != sizeof(on))
		die("the host cannot be signalled: %s", strerror(errno));
}

static void send_nvsp(const uint32_t message[NVSP_SIZE / 4], int flags)
{
	uint16_t head[4] = { INBAND, 2, (16 + NVSP_SIZE) / 8, flags };
	uint32_t at = tx.index[0];
	uint64_t id = 1, before = (uint64_t)at << 32;

	put(&at, head, sizeof(head));
	put(&at, &id, sizeof(id));
	put(&at, message, NVSP_SIZE);
	put(&at, &before, sizeof(before));
	__sync_synchronize();
	tx.index[0] = at;
	signal_host();
}

/* Take the next packet from the host; false after WAIT_MS. */
static int receive(struct packet *packet)
{
	struct pollfd wait = { .fd = fd, .events = POLLIN };
	uint32_t at = rx.index[1], length;
	uint8_t *p = (uint8_t *)packet;

	while (rx.index[0] == at) {
		uint32_t events;

		signal_host();
		if (poll(&wait, 1, WAIT_MS) <= 0)
			return 0;
		if (read(fd, &events, sizeof(events)) != sizeof(events))
			die("no interrupt: %s", strerror(errno));
	}
	__sync_synchronize();
	for (int i = 0; i < 16; i++)
		p[i] = rx.data[(at + i) % rx.size];
	length = packet->len8 * 8;
	if (length < 16 || length > sizeof(*packet))
		die("a packet of %u bytes", length);
	for (uint32_t i = 16; i < length; i++)
		p[i] = rx.data[(at + i) % rx.size];
	rx.index[1] = (at + length + 8) % rx.size;
	return 1;
}

/* Wait for the completion of the last message; its NVSP message. */
static const uint32_t *completion(const char *what)
{
	static struct packet packet;

	while (receive(&packet))
		if (packet.type == COMPLETION)
			return packet.body + packet.offset8 * 2 - 4;
	die("%s is not completed", what);
}

static void buffer(int type, int map, unsigned int id, const char *what)
{
	uint32_t message[NVSP_SIZE / 4] = { type, maps[map].gpadl, id };
	const uint32_t *answer;

	send_nvsp(message, WANT_COMPLETION);
	answer = completion(what);
	if (answer[0] != (uint32_t)type + 1 || answer[1] != NVSP_OK)
		die("%s is refused: message %u, status %u", what, answer[0], answer[1]);
}

/* Send what is in section 0 of the send buffer; the answer, in the receive buffer. */
static const uint32_t *rndis(const uint32_t *message, const char *what)
{
	uint32_t nvsp[NVSP_SIZE / 4] = { RNDIS, 1 /* control */, 0, message[1] };
	struct packet packet;

	memcpy(maps[SEND].p, message, message[1]);
	send_nvsp(nvsp, WANT_COMPLETION);
	while (receive(&packet)) {
		const uint32_t *range = packet.body + 2;
		const uint32_t *answer;

		if (packet.type != XFER_PAGES)
			continue;
		/* set and owner, number of ranges, then length and offset */
		if (range[0] < 16 || range[0] > maps[RECV].size ||
		    range[1] > maps[RECV].size - range[0])
			die("%s: the answer is outside of the buffer", what);
		answer = (uint32_t *)(maps[RECV].p + range[1]);
		if (answer[0] == (message[0] | RNDIS_DONE) && answer[2] == message[2])
			return answer;
	}
	die("%s is not answered", what);
}

static void talk(void)
{
	uint32_t init[NVSP_SIZE / 4] = { NVSP_INIT, NVSP_V6_1, NVSP_V6_1 };
	uint32_t config[NVSP_SIZE / 4] = { NDIS_CONFIG, 1514 };
	uint32_t version[NVSP_SIZE / 4] = { NDIS_VERSION, 6, 30 };
	uint32_t start[] = { RNDIS_INIT, 24, 1, 1, 0, 0x4000 };
	uint32_t query[] = { RNDIS_QUERY, 28, 2, OID_CURRENT_ADDRESS, 0, 0, 0 };
	const uint32_t *answer;
	const uint8_t *mac;

	send_nvsp(init, WANT_COMPLETION);
	answer = completion("NVSP_INIT");
	if (answer[3] != NVSP_OK)
		die("NVSP 6.1 is refused: status %u", answer[3]);
	send_nvsp(config, 0);
	send_nvsp(version, 0);
	buffer(RECV_BUF, RECV, 0xcafe, "the receive buffer");
	buffer(SEND_BUF, SEND, 0, "the send buffer");
	answer = rndis(start, "RNDIS_INIT");
	if (answer[3])
		die("RNDIS_INIT: status %#x", answer[3]);
	answer = rndis(query, "RNDIS_QUERY");
	/* status, length, and offset from the identifier on */
	if (answer[3] || answer[4] != 6 || answer[5] > 64)
		die("RNDIS_QUERY: status %#x, %u bytes", answer[3], answer[4]);
	mac = (const uint8_t *)(answer + 2) + answer[5];
	printf("%02x:%02x:%02x:%02x:%02x:%02x\n", mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
	fflush(stdout);
}

static void fault(int signal)
{
	(void)signal;
	siglongjmp(faulted, 1);
}

static void expect_fault(int map)
{
	if (sigsetjmp(faulted, 1))
		return;
	*(volatile uint8_t *)maps[map].p = 1;
	die("map %d can be written although the device is gone", map);
}

int main(int argc, char **argv)
{
	char path[64];

	if (argc != 2 && argc != 3) {
		fputs("usage: hvuio UIO [DONE]\n", stderr);
		return 2;
	}
	snprintf(path, sizeof(path), "/dev/%s", argv[1]);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		die("%s: %s", path, strerror(errno));
	map_all(argv[1]);
	ring_at(&tx, maps[RINGS].p, maps[RINGS].size / 2);
	ring_at(&rx, maps[RINGS].p + maps[RINGS].size / 2, maps[RINGS].size / 2);
	talk();
	if (argc == 2)
		return 0;
	while (access(argv[2], F_OK))
		usleep(50000);
	signal(SIGBUS, fault);
	for (int i = 0; i < MAPS; i++)
		if (i != INT_PAGE && i != MONITOR_PAGE)
			expect_fault(i);
	return 0;
}

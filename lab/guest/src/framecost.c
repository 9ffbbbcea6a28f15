// SPDX-License-Identifier: GPL-2.0
/*
 * framecost PORT A B ROUNDS [send]: instructions for a batch of frames of 1514
 * bytes that go out of interface A and come in at interface B, which are joined
 * outside of the guest. With "send" nothing is expected to arrive: the host has
 * taken B's link down. The difference of both, divided by the frames of a
 * batch, is what receiving one costs.
 *
 * PORT is where QEMU's device isa-insn-count is. After each batch the program
 * sleeps, so that what interrupts and pollers have to do is done and counted.
 * The frames' bytes differ and are compared. Prints the smallest count of a batch,
 * the median, and how many frames a batch has.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/io.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>

#include "counter.h"

enum { PORTS = 8, BATCH = 16, SETTLE_NS = 2000000, TRIES = 5000 };

#define TYPE 0x88b5		/* IEEE 802: for local experiments */

/* A socket for the frames of @ifname. Return: -1 with a message. */
static int frames_of(const char *ifname, unsigned char *address)
{
	struct sockaddr_ll where = {
		.sll_family = AF_PACKET, .sll_protocol = htons(TYPE),
		.sll_ifindex = if_nametoindex(ifname),
	};
	int fd = socket(AF_PACKET, SOCK_RAW, htons(TYPE)), room = 4 << 20;
	struct ifreq request = { 0 };

	strncpy(request.ifr_name, ifname, IFNAMSIZ - 1);
	if (fd < 0 || !where.sll_ifindex || bind(fd, (void *)&where, sizeof(where)) ||
	    ioctl(fd, SIOCGIFHWADDR, &request) ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room))) {
		fprintf(stderr, "framecost: %s: %s\n", ifname, strerror(errno));
		return -1;
	}
	memcpy(address, request.ifr_hwaddr.sa_data, ETH_ALEN);
	return fd;
}

static void settle(void)
{
	struct timespec t = { .tv_nsec = SETTLE_NS };

	nanosleep(&t, NULL);
}

static void name_frame(unsigned char *frame, unsigned int round, unsigned int number)
{
	memset(frame + ETH_HLEN, round * 31 + number, ETH_DATA_LEN);
	memcpy(frame + ETH_HLEN, &round, sizeof(round));
	memcpy(frame + ETH_HLEN + sizeof(round), &number, sizeof(number));
}

/* Return: one batch's count, 0 with a message if frames are wrong or missing. */
static uint64_t batch(unsigned short port, int out, int in, unsigned char (*frames)[ETH_FRAME_LEN],
		      unsigned int round, bool receive)
{
	unsigned char got[ETH_FRAME_LEN];
	uint64_t start;

	for (unsigned int i = 0; i < BATCH; i++)
		name_frame(frames[i], round, i);
	settle();
	start = executed(port);
	for (unsigned int i = 0; i < BATCH; i++)
		if (send(out, frames[i], ETH_FRAME_LEN, 0) != ETH_FRAME_LEN) {
			fprintf(stderr, "framecost: send: %s\n", strerror(errno));
			return 0;
		}
	settle();
	for (unsigned int i = 0, tries = 0; i < BATCH && receive; ) {
		ssize_t n = recv(in, got, sizeof(got), MSG_DONTWAIT);

		if (n < 0 && errno == EAGAIN && ++tries < TRIES) {
			settle();
			continue;
		}
		if (n != ETH_FRAME_LEN || memcmp(got, frames[i], ETH_FRAME_LEN)) {
			fprintf(stderr, "framecost: frame %u of round %u: %s\n", i, round,
				n < 0 ? strerror(errno) : "wrong data");
			return 0;
		}
		i++;
	}
	start = executed(port) - start;
	if (!receive && recv(in, got, sizeof(got), MSG_DONTWAIT) >= 0) {
		fprintf(stderr, "framecost: a frame arrived over a link that is down\n");
		return 0;
	}
	return start;
}

int main(int argc, char **argv)
{
	static unsigned char frames[BATCH][ETH_FRAME_LEN];
	unsigned char from[ETH_ALEN], to[ETH_ALEN];
	bool receive = argc == 5;
	unsigned long port, rounds, warm;
	const uint16_t type = htons(TYPE);
	uint64_t *counts;
	int out, in;

	if ((argc != 5 && (argc != 6 || strcmp(argv[5], "send"))) ||
	    !(port = strtoul(argv[1], NULL, 0)) || !(rounds = strtoul(argv[4], NULL, 0))) {
		fprintf(stderr, "usage: framecost PORT A B ROUNDS [send]\n");
		return 2;
	}
	warm = rounds / 4;
	counts = calloc(rounds + warm, sizeof(*counts));
	if (!counts || ioperm(port, PORTS, 1)) {
		fprintf(stderr, "framecost: ioperm(%#lx): %s\n", port, strerror(errno));
		return 1;
	}
	out = frames_of(argv[2], from);
	in = frames_of(argv[3], to);
	if (out < 0 || in < 0)
		return 1;
	for (int i = 0; i < BATCH; i++) {
		memcpy(frames[i], to, ETH_ALEN);
		memcpy(frames[i] + ETH_ALEN, from, ETH_ALEN);
		memcpy(frames[i] + 2 * ETH_ALEN, &type, sizeof(type));
	}
	for (unsigned long i = 0; i < rounds + warm; i++) {
		counts[i] = batch(port, out, in, frames, i, receive);
		if (!counts[i])
			return 1;
	}
	qsort(counts + warm, rounds, sizeof(*counts), ascending);
	printf("%llu %llu %d\n", (unsigned long long)counts[warm],
	       (unsigned long long)counts[warm + rounds / 2], BATCH);
	return 0;
}

// SPDX-License-Identifier: GPL-2.0
/*
 * flood SECONDS INTERFACE...: send frames out of each interface as fast as it
 * takes them, of random size, to no particular receiver. An interface that goes
 * away, or is down, is tried again until the time is over. Prints how many
 * frames were taken.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define TYPE 0x88b5		/* IEEE 802: for local experiments */

static void flood(const char *ifname, time_t seconds, uint64_t *sent)
{
	struct sockaddr_ll where = { .sll_family = AF_PACKET, .sll_protocol = htons(TYPE) };
	int fd = socket(AF_PACKET, SOCK_RAW, 0);
	time_t end = time(NULL) + seconds;
	unsigned char frame[ETH_FRAME_LEN];
	unsigned int seed = 1;

	memset(frame, 0xff, ETH_ALEN);			/* broadcast */
	memset(frame + ETH_ALEN, 2, ETH_ALEN);
	frame[2 * ETH_ALEN] = TYPE >> 8;
	frame[2 * ETH_ALEN + 1] = TYPE & 0xff;
	while (time(NULL) < end) {
		size_t size = ETH_ZLEN + rand_r(&seed) % (ETH_FRAME_LEN - ETH_ZLEN + 1);

		where.sll_ifindex = if_nametoindex(ifname);
		memset(frame + ETH_HLEN, size, sizeof(frame) - ETH_HLEN);
		if (where.sll_ifindex &&
		    sendto(fd, frame, size, 0, (void *)&where, sizeof(where)) == (ssize_t)size)
			(*sent)++;
		else
			usleep(1000);
	}
}

int main(int argc, char **argv)
{
	uint64_t *sent = mmap(NULL, argc * sizeof(*sent), PROT_READ | PROT_WRITE,
			      MAP_SHARED | MAP_ANONYMOUS, -1, 0), total = 0;
	int seconds;

	if (argc < 3 || (seconds = atoi(argv[1])) < 1 || sent == MAP_FAILED) {
		fprintf(stderr, "usage: flood SECONDS INTERFACE...\n");
		return 2;
	}
	for (int i = 2; i < argc; i++) {
		pid_t pid = fork();

		if (pid < 0) {
			perror("flood: fork");
			return 1;
		}
		if (!pid) {
			flood(argv[i], seconds, &sent[i]);
			_exit(0);
		}
	}
	while (wait(NULL) > 0)
		;
	for (int i = 2; i < argc; i++)
		total += sent[i];
	printf("%llu\n", (unsigned long long)total);
	return 0;
}

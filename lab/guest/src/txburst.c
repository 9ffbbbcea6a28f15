// SPDX-License-Identifier: GPL-2.0
/*
 * txburst IFACE COUNT SIZE [PER]: send COUNT frames of SIZE bytes out of an
 * interface, and wait until its driver has sent them.
 *
 * With PER a frame is a TCP segment of SIZE bytes that the NIC cuts into packets
 * (virtio_net_hdr, include/uapi/linux/virtio_net.h): what the kernel makes of it
 * has its head in one buffer and the rest in pages. PER is how many packets the
 * driver counts for one.
 *
 * Prints how many packets the driver says it has sent.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum { IN_FLIGHT = 32, MSS = 1448, IP_HEAD = 20, TCP_HEAD = 20, MOST = 60000, WAIT_MS = 20000 };

#define TYPE 0x88b5		/* IEEE 802: for local experiments */

static unsigned long sent(const char *ifname)
{
	char path[128];
	unsigned long n = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/sys/class/net/%s/statistics/tx_packets", ifname);
	file = fopen(path, "r");
	if (!file || fscanf(file, "%lu", &n) != 1) {
		perror(path);
		exit(1);
	}
	fclose(file);
	return n;
}

/* Wait until the driver has counted that many packets, and a little longer. */
static bool wait_sent(const char *ifname, unsigned long wanted)
{
	const struct timespec ms = { .tv_nsec = 1000000 };

	for (int i = 0; i < WAIT_MS; i++) {
		if (sent(ifname) >= wanted)
			return true;
		nanosleep(&ms, NULL);
	}
	return false;
}

/* The checksum of what is not the payload, which the NIC completes */
static unsigned short pseudo(const unsigned char *ip, size_t tcp)
{
	unsigned long sum = IPPROTO_TCP + tcp;

	for (int i = 12; i < IP_HEAD; i += 2)
		sum += ip[i] << 8 | ip[i + 1];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return htons(sum);
}

/* Write Ethernet, IPv4 and TCP headers. */
static void headers(unsigned char *frame, size_t size)
{
	unsigned char *ip = frame + ETH_HLEN, *tcp = ip + IP_HEAD;
	unsigned short total = htons(size - ETH_HLEN), check, type = htons(ETH_P_IP);

	memcpy(frame + 12, &type, 2);
	ip[0] = 0x45;
	memcpy(ip + 2, &total, 2);
	ip[8] = 64;
	ip[9] = IPPROTO_TCP;
	memcpy(ip + 12, "\x0a\x4d\x00\x01\x0a\x4d\x00\x02", 8);
	tcp[12] = TCP_HEAD / 4 << 4;
	check = pseudo(ip, size - ETH_HLEN - IP_HEAD);
	memcpy(tcp + 16, &check, 2);
}

int main(int argc, char **argv)
{
	unsigned long per = argc == 5 ? strtoul(argv[4], NULL, 0) : 1;
	bool gso = argc == 5;
	struct sockaddr_ll where = { .sll_family = AF_PACKET };
	struct virtio_net_hdr offload = {
		.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM, .gso_type = VIRTIO_NET_HDR_GSO_TCPV4,
		.hdr_len = ETH_HLEN + IP_HEAD + TCP_HEAD, .gso_size = MSS,
		.csum_start = ETH_HLEN + IP_HEAD, .csum_offset = 16,
	};
	static unsigned char frame[MOST] = "\x52\x54\x00\x00\x00\x01\x52\x54\x00\x00\x00\x02\x88\xb5";
	struct iovec parts[2] = { { &offload, sizeof(offload) }, { frame, 0 } };
	unsigned long count, size, before;
	int fd, on = 1;

	if (argc < 4 || argc > 5 || !per || !(count = strtoul(argv[2], NULL, 0)) ||
	    (size = strtoul(argv[3], NULL, 0)) < 60 || size > MOST) {
		fprintf(stderr, "usage: txburst IFACE COUNT SIZE [PER]\n");
		return 2;
	}
	fd = socket(AF_PACKET, SOCK_RAW, 0);
	where.sll_ifindex = if_nametoindex(argv[1]);
	if (fd < 0 || !where.sll_ifindex || bind(fd, (void *)&where, sizeof(where)) ||
	    (gso && setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, &on, sizeof(on)))) {
		perror(argv[1]);
		return 1;
	}
	for (size_t i = ETH_HLEN; i < size; i++)
		frame[i] = i * 7;
	if (gso)
		headers(frame, size);
	parts[1].iov_len = size;
	before = sent(argv[1]);
	for (unsigned long i = 1; i <= count; i++) {
		if (writev(fd, parts + !gso, 1 + gso) < 0) {
			perror("txburst: send");
			return 1;
		}
		/* Drivers count a packet when they are done with it. */
		if ((i % IN_FLIGHT && i < count) || wait_sent(argv[1], before + i * per))
			continue;
		fprintf(stderr, "txburst: %lu of %lu packets sent\n", sent(argv[1]) - before,
			i * per);
		return 1;
	}
	printf("%lu\n", sent(argv[1]) - before);
	return 0;
}

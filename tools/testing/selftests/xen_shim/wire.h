/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The far end of the network: what the toy domain sends comes out here
 *
 * netback's interface is put into a bridge, whose other port is a tap that
 * this process reads; or, with XEN_SHIM_NETPORT and XEN_SHIM_NETPEER, a
 * network card, and the peer is the one that it is connected with. Both give
 * and take frames behind a struct wire_header.
 */
#ifndef XEN_SHIM_TEST_WIRE_H
#define XEN_SHIM_TEST_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WIRE_BRIDGE	"xenshim0"
#define ETH_HEADER	14U
#define IP_HEADER	20U
#define TCP_HEADER	20U
#define UDP_HEADER	8U

struct wire {
	int fd;
	bool tap;
	uint8_t mac[6];		/* of the far end */
};

/* struct virtio_net_hdr: what the kernel leaves undone in a frame */
struct wire_header {
	uint8_t flags;		/* 1: the checksum is to be completed */
	uint8_t gso;		/* 1: TCP over IPv4 */
	uint16_t header, gso_size, csum_start, csum_offset;
};

/* @vif: netback's interface. Return: 0 or -errno. */
int wire_open(struct wire *w, const char *vif);

/* Instead: a network card, with nobody at its other end; wait for its link. */
int wire_open_sink(struct wire *w, const char *vif, const char *card);
void wire_close(struct wire *w);

/* Whole frames. Return: length, -ETIMEDOUT, -errno. */
int wire_receive(struct wire *w, struct wire_header *h, void *frame, size_t room,
		 int timeout_ms);
int wire_send(struct wire *w, const struct wire_header *h, const void *frame,
	      size_t length);

int interface_up(const char *name, bool up);

/* A counter of "ethtool -S". Return: -1 if there is none of that name. */
int64_t interface_stat(const char *name, const char *counter);

/* --- frames ------------------------------------------------------------------- */

/*
 * Ethernet, IPv4 and UDP or TCP headers, in front of @payload bytes that
 * follow. @partial: the transport checksum is the pseudo header's, for the
 * other end to complete; else it is computed. Return: length of the headers.
 */
unsigned int frame_headers(uint8_t *frame, const uint8_t *to, const uint8_t *from,
			   bool tcp, unsigned int payload, uint32_t seq,
			   bool partial);

/* Is this frame one of ours, of that protocol? @payload: where it begins. */
bool frame_ours(const uint8_t *frame, unsigned int length, bool tcp,
		unsigned int *payload, uint32_t *seq);

/* Are the checksums of IP and of UDP or TCP right? */
bool frame_intact(const uint8_t *frame, unsigned int length);

#endif /* XEN_SHIM_TEST_WIRE_H */

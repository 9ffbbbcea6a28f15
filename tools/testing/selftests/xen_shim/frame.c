// SPDX-License-Identifier: GPL-2.0
/*
 * Ethernet frames with IPv4 and UDP or TCP in them (wire.h)
 */
#include <arpa/inet.h>
#include <string.h>

#include "wire.h"

#define PORT		4711	/* of both ends: how ours are known */
#define PROTO_TCP	6
#define PROTO_UDP	17

static void put16(uint8_t *p, uint16_t value)
{
	p[0] = value >> 8;
	p[1] = value;
}

static uint16_t get16(const uint8_t *p)
{
	return p[0] << 8 | p[1];
}

static uint32_t sum(uint32_t start, const uint8_t *p, unsigned int length)
{
	for (; length > 1; length -= 2, p += 2)
		start += get16(p);
	if (length)
		start += *p << 8;
	while (start >> 16)
		start = (start & 0xffff) + (start >> 16);
	return start;
}

static uint32_t pseudo_sum(const uint8_t *ip, unsigned int length)
{
	return sum(ip[9] + length, ip + 12, 8);
}

unsigned int frame_headers(uint8_t *frame, const uint8_t *to, const uint8_t *from,
			   bool tcp, unsigned int payload, uint32_t seq,
			   bool partial)
{
	unsigned int transport = tcp ? TCP_HEADER : UDP_HEADER;
	uint8_t *ip = frame + ETH_HEADER, *l4 = ip + IP_HEADER;
	uint8_t *check = l4 + (tcp ? 16 : 6);
	uint32_t pseudo;

	memcpy(frame, to, 6);
	memcpy(frame + 6, from, 6);
	put16(frame + 12, 0x0800);
	memset(ip, 0, IP_HEADER + transport);
	ip[0] = 0x45;
	put16(ip + 2, IP_HEADER + transport + payload);
	put16(ip + 4, seq);
	ip[8] = 64;
	ip[9] = tcp ? PROTO_TCP : PROTO_UDP;
	memcpy(ip + 12, "\x0a\x00\x00\x01\x0a\x00\x00\x02", 8);
	put16(ip + 10, ~sum(0, ip, IP_HEADER));
	put16(l4, PORT);
	put16(l4 + 2, PORT);
	if (tcp) {
		put16(l4 + 4, seq >> 16);
		put16(l4 + 6, seq);
		l4[12] = TCP_HEADER / 4 << 4;
		l4[13] = 0x10;		/* ACK */
		put16(l4 + 14, 0xffff);
	} else {
		put16(l4 + 4, UDP_HEADER + payload);
	}
	pseudo = pseudo_sum(ip, transport + payload);
	if (partial)
		put16(check, pseudo);
	else
		put16(check, ~sum(pseudo, l4, transport + payload));
	return ETH_HEADER + IP_HEADER + transport;
}

bool frame_ours(const uint8_t *frame, unsigned int length, bool tcp,
		unsigned int *payload, uint32_t *seq)
{
	unsigned int headers = ETH_HEADER + IP_HEADER + (tcp ? TCP_HEADER : UDP_HEADER);
	const uint8_t *ip = frame + ETH_HEADER, *l4 = ip + IP_HEADER;

	if (length < headers || get16(frame + 12) != 0x0800 || ip[0] != 0x45 ||
	    ip[9] != (tcp ? PROTO_TCP : PROTO_UDP) || get16(l4) != PORT ||
	    get16(l4 + 2) != PORT)
		return false;
	*payload = headers;
	*seq = tcp ? (uint32_t)get16(l4 + 4) << 16 | get16(l4 + 6) : get16(ip + 4);
	return true;
}

bool frame_intact(const uint8_t *frame, unsigned int length)
{
	const uint8_t *ip = frame + ETH_HEADER, *l4 = ip + IP_HEADER;
	unsigned int total = get16(ip + 2);

	if (total < IP_HEADER || total + ETH_HEADER > length)
		return false;
	if (sum(0, ip, IP_HEADER) != 0xffff)
		return false;
	return sum(pseudo_sum(ip, total - IP_HEADER), l4, total - IP_HEADER) == 0xffff;
}

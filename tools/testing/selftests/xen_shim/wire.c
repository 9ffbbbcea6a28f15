// SPDX-License-Identifier: GPL-2.0
/*
 * Bridge, tap and packet socket (wire.h)
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/ethtool.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "clock.h"
#include "domain.h"
#include "wire.h"

#define LINK_MS	10000
#define TAP	"xenshimtap"

/* The bridge's ioctls read this many bytes. */
static char bridge[IFNAMSIZ] = WIRE_BRIDGE;

/* An ioctl of a network interface, on a socket made for it. */
static int interface_ioctl(unsigned long request, void *arg)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int error = 0;

	if (fd < 0)
		return -errno;
	if (ioctl(fd, request, arg))
		error = -errno;
	close(fd);
	return error;
}

int interface_up(const char *name, bool up)
{
	struct ifreq r = { };
	int error;

	snprintf(r.ifr_name, IFNAMSIZ, "%s", name);
	error = interface_ioctl(SIOCGIFFLAGS, &r);
	r.ifr_flags = up ? r.ifr_flags | IFF_UP : r.ifr_flags & ~IFF_UP;
	if (!error)
		error = interface_ioctl(SIOCSIFFLAGS, &r);
	if (error)
		set_why("taking %s %s: %s", name, up ? "up" : "down",
			strerror(-error));
	return error;
}

int64_t interface_stat(const char *name, const char *counter)
{
	struct {
		struct ethtool_sset_info info;
		uint32_t count;
	} sets = { .info = { .cmd = ETHTOOL_GSSET_INFO, .sset_mask = 1 << ETH_SS_STATS } };
	struct ifreq r = { .ifr_data = (void *)&sets };
	struct ethtool_gstrings *names;
	struct ethtool_stats *values;
	int64_t found = -1;

	snprintf(r.ifr_name, IFNAMSIZ, "%s", name);
	if (interface_ioctl(SIOCETHTOOL, &r) || !sets.info.sset_mask)
		return -1;
	names = calloc(1, sizeof(*names) + sets.count * ETH_GSTRING_LEN);
	values = calloc(1, sizeof(*values) + sets.count * sizeof(uint64_t));
	if (!names || !values)
		return -1;
	names->cmd = ETHTOOL_GSTRINGS;
	names->string_set = ETH_SS_STATS;
	names->len = sets.count;
	values->cmd = ETHTOOL_GSTATS;
	values->n_stats = sets.count;
	r.ifr_data = (void *)names;
	if (!interface_ioctl(SIOCETHTOOL, &r)) {
		r.ifr_data = (void *)values;
		if (interface_ioctl(SIOCETHTOOL, &r))
			names->len = 0;
	}
	for (uint32_t i = 0; i < names->len; i++)
		if (!strncmp((char *)names->data + i * ETH_GSTRING_LEN, counter,
			     ETH_GSTRING_LEN))
			found = values->data[i];
	free(names);
	free(values);
	return found;
}

static int bridge_add(const char *name)
{
	struct ifreq r = { .ifr_ifindex = 0 };
	int error;

	snprintf(r.ifr_name, IFNAMSIZ, "%s", WIRE_BRIDGE);
	r.ifr_ifindex = if_nametoindex(name);
	error = interface_ioctl(SIOCBRADDIF, &r);
	if (error == -EBUSY)		/* it is there already */
		error = 0;
	if (error)
		set_why("no bridge port %s: %s", name, strerror(-error));
	return error ?: interface_up(name, true);
}

static int open_tap(struct wire *w)
{
	struct ifreq r = { .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR };

	w->tap = true;
	w->fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
	snprintf(r.ifr_name, IFNAMSIZ, "%s", TAP);
	if (w->fd < 0 || ioctl(w->fd, TUNSETIFF, &r) ||
	    ioctl(w->fd, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4)) {
		set_why("no tap: %s", strerror(errno));
		return -errno;
	}
	memcpy(w->mac, "\x02\x00\x00\x00\x00\x02", 6);
	return bridge_add(TAP);
}

static int open_packet(struct wire *w, const char *peer)
{
	struct sockaddr_ll at = { .sll_family = AF_PACKET };
	struct ifreq r = { };
	int error, room = 8 << 20, on = 1;

	error = interface_up(peer, true);
	if (error)
		return error;
	at.sll_protocol = htons(ETH_P_ALL);
	at.sll_ifindex = if_nametoindex(peer);
	w->fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(ETH_P_ALL));
	if (w->fd < 0 ||
	    setsockopt(w->fd, SOL_PACKET, PACKET_VNET_HDR, &on, sizeof(on)) ||
	    bind(w->fd, (struct sockaddr *)&at, sizeof(at)) ||
	    setsockopt(w->fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room))) {
		set_why("no packet socket on %s: %s", peer, strerror(errno));
		return -errno;
	}
	snprintf(r.ifr_name, IFNAMSIZ, "%s", peer);
	error = interface_ioctl(SIOCGIFHWADDR, &r);
	memcpy(w->mac, r.ifr_hwaddr.sa_data, 6);
	return error;
}

static int open_bridge(struct wire *w, const char *vif)
{
	int error;

	memset(w, 0, sizeof(*w));
	w->fd = -1;
	error = interface_ioctl(SIOCBRADDBR, bridge);
	if (error && error != -EEXIST) {
		set_why("no bridge: %s", strerror(-error));
		return error;
	}
	return interface_up(WIRE_BRIDGE, true) ?: bridge_add(vif);
}

int wire_open(struct wire *w, const char *vif)
{
	const char *port = getenv("XEN_SHIM_NETPORT");
	const char *peer = getenv("XEN_SHIM_NETPEER");
	int error = open_bridge(w, vif);

	if (error)
		return error;
	if (port && peer)
		return bridge_add(port) ?: open_packet(w, peer);
	return open_tap(w);
}

int wire_open_sink(struct wire *w, const char *vif, const char *card)
{
	uint64_t end = now_ms() + LINK_MS;
	struct ifreq r = { };
	int error = open_bridge(w, vif) ?: bridge_add(card);

	snprintf(r.ifr_name, IFNAMSIZ, "%s", card);
	while (!error && !(r.ifr_flags & IFF_RUNNING)) {
		sleep_us(10000);
		error = interface_ioctl(SIOCGIFFLAGS, &r);
		if (!error && now_ms() > end) {
			set_why("%s has no link", card);
			error = -ENOLINK;
		}
	}
	return error;
}

void wire_close(struct wire *w)
{
	if (w->fd >= 0)
		close(w->fd);
	w->fd = -1;
	interface_up(WIRE_BRIDGE, false);
	interface_ioctl(SIOCBRDELBR, bridge);
}

int wire_receive(struct wire *w, struct wire_header *h, void *frame, size_t room,
		 int timeout_ms)
{
	static uint8_t buffer[sizeof(*h) + 65536 + ETH_HEADER];
	struct pollfd polled = { .fd = w->fd, .events = POLLIN };
	struct sockaddr_ll from = { };
	socklen_t length = sizeof(from);
	ssize_t n;

	for (;;) {
		if (poll(&polled, 1, timeout_ms) <= 0)
			return -ETIMEDOUT;
		if (w->tap)
			n = read(w->fd, buffer, sizeof(buffer));
		else
			n = recvfrom(w->fd, buffer, sizeof(buffer), 0,
				     (struct sockaddr *)&from, &length);
		if (n < 0)
			return -errno;
		if (from.sll_pkttype == PACKET_OUTGOING)
			continue;
		break;
	}
	if ((size_t)n < sizeof(*h) || n - sizeof(*h) > room)
		return -EMSGSIZE;
	memcpy(h, buffer, sizeof(*h));
	memcpy(frame, buffer + sizeof(*h), n - sizeof(*h));
	return n - sizeof(*h);
}

int wire_send(struct wire *w, const struct wire_header *h, const void *frame,
	      size_t length)
{
	static uint8_t buffer[sizeof(*h) + 65536 + ETH_HEADER];
	size_t total = sizeof(*h) + length;

	if (h)
		memcpy(buffer, h, sizeof(*h));
	else
		memset(buffer, 0, sizeof(*h));
	memcpy(buffer + sizeof(*h), frame, length);
	if (write(w->fd, buffer, total) == (ssize_t)total)
		return 0;
	set_why("sending a frame of %zu bytes: %s", length, strerror(errno));
	return -errno;
}

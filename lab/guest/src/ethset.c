// SPDX-License-Identifier: GPL-2.0
/*
 * ethset INTERFACE WHAT [VALUE...]: what ethtool(8) and ip(8) do, as far as a
 * test needs it.
 *
 *	channels [N]		combined channels; alone: "N MOST"
 *	ring [RX TX]		entries of the rings; alone: "RX TX MOST-RX MOST-TX"
 *	offloads on|off		checksums both ways, scatter/gather, segmentation
 *	offloads		alone: "rxcsum=1 txcsum=1 ..."
 *	mtu [BYTES]
 *
 * A request that the driver refuses ends with exit status 1 and the reason.
 */
#include <errno.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

static const char *ifname, *what;
static int fd;

static int failed(void)
{
	fprintf(stderr, "ethset: %s %s: %s\n", ifname, what, strerror(errno));
	return 1;
}

static bool request(unsigned long number, struct ifreq *r)
{
	strncpy(r->ifr_name, ifname, IFNAMSIZ - 1);
	return !ioctl(fd, number, r);
}

/* One command of linux/ethtool.h. */
static bool ethtool(void *command)
{
	struct ifreq r = { .ifr_data = command };

	return request(SIOCETHTOOL, &r);
}

static int channels(int argc, char **argv)
{
	struct ethtool_channels c = { .cmd = ETHTOOL_GCHANNELS };

	if (!ethtool(&c))
		return failed();
	if (!argc) {
		printf("%u %u\n", c.combined_count, c.max_combined);
		return 0;
	}
	c.cmd = ETHTOOL_SCHANNELS;
	c.combined_count = strtoul(argv[0], NULL, 0);
	return ethtool(&c) ? 0 : failed();
}

static int ring(int argc, char **argv)
{
	struct ethtool_ringparam r = { .cmd = ETHTOOL_GRINGPARAM };

	if (!ethtool(&r))
		return failed();
	if (argc < 2) {
		printf("%u %u %u %u\n", r.rx_pending, r.tx_pending, r.rx_max_pending,
		       r.tx_max_pending);
		return 0;
	}
	r.cmd = ETHTOOL_SRINGPARAM;
	r.rx_pending = strtoul(argv[0], NULL, 0);
	r.tx_pending = strtoul(argv[1], NULL, 0);
	return ethtool(&r) ? 0 : failed();
}

/* In the order in which they can be switched on; off goes the other way. */
static const struct offload {
	const char *name;
	unsigned int get, set;
} offload_list[] = {
	{ "rxcsum", ETHTOOL_GRXCSUM, ETHTOOL_SRXCSUM },
	{ "txcsum", ETHTOOL_GTXCSUM, ETHTOOL_STXCSUM },
	{ "sg", ETHTOOL_GSG, ETHTOOL_SSG },
	{ "tso", ETHTOOL_GTSO, ETHTOOL_STSO },
	{ "gso", ETHTOOL_GGSO, ETHTOOL_SGSO },
	{ "gro", ETHTOOL_GGRO, ETHTOOL_SGRO },
};

/* What a driver cannot switch stays as it is; the caller looks. */
static int offloads(int argc, char **argv)
{
	const int n = sizeof(offload_list) / sizeof(*offload_list);
	bool on = argc && !strcmp(argv[0], "on");

	for (int i = 0; i < n; i++) {
		const struct offload *o = &offload_list[on ? i : n - 1 - i];
		struct ethtool_value value = { .cmd = argc ? o->set : o->get, .data = on };

		if (!ethtool(&value) && errno != EOPNOTSUPP && errno != EINVAL)
			return failed();
		if (!argc)
			printf("%s=%u%c", o->name, value.data, i < n - 1 ? ' ' : '\n');
	}
	return 0;
}

static int mtu(int argc, char **argv)
{
	struct ifreq r = { 0 };

	if (!argc) {
		if (!request(SIOCGIFMTU, &r))
			return failed();
		printf("%d\n", r.ifr_mtu);
		return 0;
	}
	r.ifr_mtu = strtol(argv[0], NULL, 0);
	return request(SIOCSIFMTU, &r) ? 0 : failed();
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		int (*run)(int argc, char **argv);
	} kinds[] = {
		{ "channels", channels }, { "ring", ring }, { "offloads", offloads }, { "mtu", mtu },
	};

	if (argc >= 3) {
		ifname = argv[1];
		what = argv[2];
		fd = socket(AF_INET, SOCK_DGRAM, 0);
		if (fd < 0)
			return failed();
		for (unsigned int i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
			if (!strcmp(what, kinds[i].name))
				return kinds[i].run(argc - 3, argv + 3);
	}
	fprintf(stderr, "usage: ethset INTERFACE channels|ring|offloads|mtu [VALUE...]\n");
	return 2;
}

// SPDX-License-Identifier: GPL-2.0
/*
 * What the tests of confidential guests have in common; see cvm.h
 */
#include <cpuid.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <linux/dma-heap.h>
#include <linux/types.h>

#include "kselftest.h"
#include "cvm.h"

#define HEAP	"/dev/dma_heap/system_cc_shared"
#define COUNTERS "/sys/kernel/mm/cc_convert"
#define POOL	"/sys/kernel/debug/cc_shared/stats"

/* The largest piece that the heap takes at once */
#define PIECE	(CVM_BLOCK / 2)

/*
 * The flags in /proc/cpuinfo do not tell a SEV guest: Linux clears them there,
 * and shows them on a host that can run such guests. Hence the leaves that the
 * kernel itself goes by, and for AMD the bit that says "in a virtual machine".
 *
 * 0x21 is TDX's: Intel TDX module specification, "CPUID.21H".
 * 0x8000001f is AMD's: APM volume 3, "Encrypted Memory Capabilities".
 * 0x40000003 and 0x4000000c are Hyper-V's: "Feature and Interface Discovery".
 */
#define LEAF_TDX		0x21
#define LEAF_AMD_ENCRYPTION	0x8000001f
#define LEAF_HYPERV_VENDOR	0x40000000
#define LEAF_HYPERV_FEATURES	0x40000003
#define LEAF_HYPERV_ISOLATION	0x4000000c

static bool leaf_says(unsigned int leaf, const char *signature)
{
	unsigned int eax, ebx, ecx, edx;
	char text[12];

	__cpuid_count(leaf, 0, eax, ebx, ecx, edx);
	if (leaf == LEAF_TDX) {
		memcpy(text, &ebx, 4);
		memcpy(text + 4, &edx, 4);
		memcpy(text + 8, &ecx, 4);
	} else {
		memcpy(text, &ebx, 4);
		memcpy(text + 4, &ecx, 4);
		memcpy(text + 8, &edx, 4);
	}

	return !memcmp(text, signature, sizeof(text));
}

static const char *hyperv_platform(void)
{
	unsigned int eax, ebx, ecx, edx;

	if (!leaf_says(LEAF_HYPERV_VENDOR, "Microsoft Hv"))
		return NULL;

	__cpuid(LEAF_HYPERV_FEATURES, eax, ebx, ecx, edx);
	if (!(ebx & (1u << 22)))
		return NULL;

	__cpuid(LEAF_HYPERV_ISOLATION, eax, ebx, ecx, edx);
	return (ebx & 0xf) ? "Hyper-V isolation" : NULL;
}

const char *cvm_platform(void)
{
	unsigned int eax, ebx, ecx, edx;

	__cpuid(1, eax, ebx, ecx, edx);
	if (!(ecx & (1u << 31)))
		return NULL;

	if (hyperv_platform())
		return hyperv_platform();

	if (__get_cpuid_max(0, NULL) >= LEAF_TDX &&
	    leaf_says(LEAF_TDX, "IntelTDX    "))
		return "TDX";

	if (__get_cpuid_max(0x80000000, NULL) < LEAF_AMD_ENCRYPTION)
		return NULL;

	__cpuid(LEAF_AMD_ENCRYPTION, eax, ebx, ecx, edx);
	return (eax & (1u << 1)) ? "SEV" : NULL;
}

void cvm_require(void)
{
	struct cvm_counters now;

	ksft_print_header();

	if (!cvm_platform())
		ksft_exit_skip("not a confidential guest, according to CPUID\n");
	if (!cvm_read_counters(&now))
		ksft_exit_skip("no " COUNTERS ": kernel without CONFIG_CC_CONVERT\n");

	ksft_print_msg("platform: %s\n", cvm_platform());
}

int cvm_read_file(const char *path, char *buf, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return -errno;

	n = read(fd, buf, size - 1);
	if (n < 0)
		n = -errno;
	else
		buf[n] = '\0';
	close(fd);

	return n;
}

long cvm_meminfo_kb(const char *name)
{
	char buf[8192], *line;
	long kb = -1;

	if (cvm_read_file("/proc/meminfo", buf, sizeof(buf)) < 0)
		return -1;
	line = strstr(buf, name);
	if (line)
		sscanf(line + strlen(name), "%ld", &kb);

	return kb;
}

/* A figure in a file of lines "name value" */
struct figure {
	const char *name;
	unsigned long *value;
};

/* Return: how many were found, or -errno. */
static int read_figures(const char *path, const struct figure *figures, size_t count)
{
	FILE *file = fopen(path, "re");
	unsigned long value;
	char name[64];
	int found = 0;

	if (!file)
		return -errno;

	while (fscanf(file, "%63s %lu", name, &value) == 2) {
		for (size_t i = 0; i < count; i++) {
			if (strcmp(name, figures[i].name))
				continue;
			*figures[i].value = value;
			found++;
		}
	}
	fclose(file);

	return found;
}

int cvm_read_counters(struct cvm_counters *now)
{
	const struct figure counters[] = {
		{ "to_shared_2m",	&now->to_shared_2m },
		{ "to_shared_4k",	&now->to_shared_4k },
		{ "to_shared_fail",	&now->to_shared_fail },
		{ "to_private_2m",	&now->to_private_2m },
		{ "to_private_4k",	&now->to_private_4k },
		{ "to_private_fail",	&now->to_private_fail },
	};
	char path[128], value[32], *end;
	int found = 0, ret;

	memset(now, 0, sizeof(*now));
	for (size_t i = 0; i < ARRAY_SIZE(counters); i++) {
		snprintf(path, sizeof(path), COUNTERS "/%s", counters[i].name);
		ret = cvm_read_file(path, value, sizeof(value));
		if (ret == -ENOENT)
			continue;
		if (ret < 0)
			ksft_exit_fail_msg("%s: %s\n", path, strerror(-ret));
		*counters[i].value = strtoul(value, &end, 10);
		if (end == value || *end != '\n')
			ksft_exit_fail_msg("%s: '%s' is no number\n", path, value);
		found++;
	}

	return found;
}

struct cvm_counters cvm_delta(const struct cvm_counters *now,
			      const struct cvm_counters *then)
{
	return (struct cvm_counters) {
		.to_shared_2m	 = now->to_shared_2m - then->to_shared_2m,
		.to_shared_4k	 = now->to_shared_4k - then->to_shared_4k,
		.to_shared_fail	 = now->to_shared_fail - then->to_shared_fail,
		.to_private_2m	 = now->to_private_2m - then->to_private_2m,
		.to_private_4k	 = now->to_private_4k - then->to_private_4k,
		.to_private_fail = now->to_private_fail - then->to_private_fail,
	};
}

unsigned long cvm_shared_pages(const struct cvm_counters *c)
{
	return c->to_shared_2m * (CVM_BLOCK / CVM_PAGE) + c->to_shared_4k;
}

unsigned long cvm_private_pages(const struct cvm_counters *c)
{
	return c->to_private_2m * (CVM_BLOCK / CVM_PAGE) + c->to_private_4k;
}

void cvm_print(const char *what, const struct cvm_counters *c)
{
	ksft_print_msg("%s: to shared 2m=%lu 4k=%lu fail=%lu, to private 2m=%lu 4k=%lu fail=%lu\n",
		       what, c->to_shared_2m, c->to_shared_4k, c->to_shared_fail,
		       c->to_private_2m, c->to_private_4k, c->to_private_fail);
}

bool cvm_can_share(void)
{
	return !access(HEAP, R_OK | W_OK);
}

int cvm_share(size_t bytes)
{
	struct dma_heap_allocation_data data = {
		.len = bytes,
		.fd_flags = O_RDWR | O_CLOEXEC,
	};
	int heap = open(HEAP, O_RDWR | O_CLOEXEC);
	int ret = 0;

	if (heap < 0)
		return -errno;
	if (ioctl(heap, DMA_HEAP_IOCTL_ALLOC, &data))
		ret = -errno;
	close(heap);

	return ret ?: (int)data.fd;
}

int cvm_read_pool(struct cvm_pool *now)
{
	const struct figure figures[CVM_POOL_FIGURES] = {
		{ "granule",		&now->granule },
		{ "reserve_pages",	&now->reserve_pages },
		{ "chunks",		&now->chunks },
		{ "chunks_empty",	&now->chunks_empty },
		{ "chunks_swiotlb",	&now->chunks_swiotlb },
		{ "chunks_leaked",	&now->chunks_leaked },
		{ "pages_used",		&now->pages_used },
		{ "pages_free",		&now->pages_free },
		{ "small_pages",	&now->small_pages },
		{ "small_leaked",	&now->small_leaked },
	};
	int found;

	memset(now, 0, sizeof(*now));
	found = read_figures(POOL, figures, ARRAY_SIZE(figures));

	return found < 0 ? 0 : found;
}

bool cvm_has_pool(void)
{
	struct cvm_pool now;

	return cvm_read_pool(&now) > 0;
}

/* 2: the shrinkers only, of which the pool has one */
void cvm_drop_empty(void)
{
	int fd = open("/proc/sys/vm/drop_caches", O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	if (write(fd, "2", 1) != 1)
		ksft_print_msg("drop_caches: %s\n", strerror(errno));
	close(fd);
}

size_t cvm_fresh_size(size_t bytes)
{
	struct cvm_pool now;
	size_t at_hand = 0;

	if (!cvm_read_pool(&now))
		return bytes;
	if (now.pages_free > now.reserve_pages)
		at_hand = (now.pages_free - now.reserve_pages) * CVM_PAGE;

	return (at_hand + bytes + PIECE - 1) / PIECE * PIECE;
}

static int get_flags(int sock, const char *name, short *flags)
{
	struct ifreq req = {};

	snprintf(req.ifr_name, sizeof(req.ifr_name), "%s", name);
	if (ioctl(sock, SIOCGIFFLAGS, &req))
		return -errno;
	*flags = req.ifr_flags;

	return 0;
}

int cvm_set_netdev(int sock, const char *name, bool up)
{
	struct ifreq req = {};
	short flags;
	int ret = get_flags(sock, name, &flags);

	if (ret)
		return ret;

	snprintf(req.ifr_name, sizeof(req.ifr_name), "%s", name);
	req.ifr_flags = up ? flags | IFF_UP : flags & ~IFF_UP;

	return ioctl(sock, SIOCSIFFLAGS, &req) ? -errno : 0;
}

bool cvm_find_entry(const char *path, bool (*suits)(const char *name, void *arg),
		    void *arg)
{
	DIR *dir = opendir(path);
	struct dirent *entry;
	bool found = false;

	while (dir && !found && (entry = readdir(dir)))
		found = entry->d_name[0] != '.' && suits(entry->d_name, arg);
	if (dir)
		closedir(dir);

	return found;
}

struct netdev_search {
	int sock;
	char name[IF_NAMESIZE];
};

/* An interface with a device behind it that is down */
static bool netdev_suits(const char *name, void *arg)
{
	struct netdev_search *search = arg;
	char path[300];
	short flags;

	snprintf(path, sizeof(path), "/sys/class/net/%.100s/device", name);
	if (access(path, F_OK))
		return false;

	snprintf(search->name, sizeof(search->name), "%.15s", name);
	return !get_flags(search->sock, search->name, &flags) && !(flags & IFF_UP);
}

const char *cvm_find_netdev(int sock)
{
	static struct netdev_search search;
	const char *chosen = getenv("CVM_NETDEV");

	if (chosen)
		return chosen;

	search.sock = sock;
	return cvm_find_entry("/sys/class/net", netdev_suits, &search) ? search.name : NULL;
}

const char *cvm_cmdline(const char *name)
{
	static char cmdline[4096];
	const char *value = NULL;
	size_t len = strlen(name);
	char *word, *save;

	if (cvm_read_file("/proc/cmdline", cmdline, sizeof(cmdline)) < 0)
		return NULL;

	/* The last one counts. */
	for (word = strtok_r(cmdline, "\n ", &save); word;
	     word = strtok_r(NULL, "\n ", &save)) {
		if (!strncmp(word, name, len) && word[len] == '=')
			value = word + len + 1;
	}

	return value;
}

bool cvm_kernel_log(bool (*line)(const char *text, void *arg), void *arg)
{
	int fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	char record[8192], *text, *end;
	bool found = false;
	ssize_t n;

	if (fd < 0)
		return false;

	while (!found) {
		n = read(fd, record, sizeof(record) - 1);
		/* EPIPE: the record was overwritten, go on with the next. */
		if (n < 0 && errno == EPIPE)
			continue;
		if (n <= 0)
			break;

		/* "level,sequence,time,flags;text\n key=value\n" */
		record[n] = '\0';
		text = strchr(record, ';');
		if (!text)
			continue;
		end = strchr(text, '\n');
		if (end)
			*end = '\0';
		found = line(text + 1, arg);
	}
	close(fd);

	return found;
}

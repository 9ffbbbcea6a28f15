// SPDX-License-Identifier: GPL-2.0
/*
 * edudma DEVICE read|write [PAGES]: have QEMU's device edu copy from or to
 * memory of this process, by physical addresses, as a device does that does
 * what it is not told to.
 *
 * DEVICE is a PCI address. Of PAGES pages (1) each is filled with a pattern of
 * its own first. "read" has the device read the first half of each page;
 * whether it could, only the IOMMU's log tells. "write" has it write there what
 * it read last, which is nothing but zeroes if it never read. Half a page:
 * older QEMUs end if the device's own buffer, a page, is copied to its end.
 *
 * Prints the physical address of the first page and in how many pages
 * something changed.
 *
 * The registers are those of QEMU's docs/specs/edu.rst.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum {
	PAGE = 4096, SOURCE = 0x80, TARGET = 0x88, COUNT = 0x90, COMMAND = 0x98,
	START = 1, FROM_DEVICE = 2, BUFFER = 0x40000, WAIT_MS = 5000,
	PCI_COMMAND = 4, PCI_MEMORY = 2, PCI_MASTER = 4,
};

static int open_of(const char *device, const char *file)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/%s", device, file);
	fd = open(path, O_RDWR | O_SYNC | O_CLOEXEC);
	if (fd < 0) {
		fprintf(stderr, "edudma: %s: %s\n", path, strerror(errno));
		exit(1);
	}
	return fd;
}

static volatile uint64_t *registers(const char *device)
{
	int config = open_of(device, "config");
	uint16_t command;
	void *map;

	if (pread(config, &command, 2, PCI_COMMAND) != 2)
		perror("edudma: config");
	command |= PCI_MEMORY | PCI_MASTER;
	if (pwrite(config, &command, 2, PCI_COMMAND) != 2)
		perror("edudma: config");
	map = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, open_of(device, "resource0"), 0);
	if (map == MAP_FAILED) {
		perror("edudma: resource0");
		exit(1);
	}
	return map;
}

/* The frame number is in the low 55 bits: Documentation/admin-guide/mm/pagemap.rst */
static uint64_t physical(const void *page)
{
	const uint64_t size = sysconf(_SC_PAGESIZE);	/* of the kernel's pages */
	uint64_t entry = 0;
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);

	if (pread(fd, &entry, 8, (uintptr_t)page / size * 8) != 8 || !(entry << 9)) {
		fprintf(stderr, "edudma: no physical address\n");
		exit(1);
	}
	close(fd);
	return (entry & ((1ULL << 55) - 1)) * size + (uintptr_t)page % size;
}

static void copy(volatile uint64_t *reg, uint64_t memory, int from_device)
{
	const struct timespec ms = { .tv_nsec = 1000000 };

	reg[SOURCE / 8] = from_device ? BUFFER : memory;
	reg[TARGET / 8] = from_device ? memory : BUFFER;
	reg[COUNT / 8] = PAGE / 2;
	reg[COMMAND / 8] = START | (from_device ? FROM_DEVICE : 0);
	for (int i = 0; reg[COMMAND / 8] & START; i++) {
		if (i == WAIT_MS) {
			fprintf(stderr, "edudma: the device does not finish\n");
			exit(1);
		}
		nanosleep(&ms, NULL);
	}
}

int main(int argc, char **argv)
{
	unsigned long pages = argc > 3 ? strtoul(argv[3], NULL, 0) : 1, changed = 0;
	volatile uint64_t *reg;
	unsigned char *area;

	if (argc < 3 || !pages || (strcmp(argv[2], "read") && strcmp(argv[2], "write"))) {
		fprintf(stderr, "usage: edudma DEVICE read|write [PAGES]\n");
		return 2;
	}
	area = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_LOCKED | MAP_POPULATE, -1, 0);
	if (area == MAP_FAILED) {
		perror("edudma: memory");
		return 1;
	}
	for (size_t i = 0; i < pages * PAGE; i++)
		area[i] = 1 + (i + i / PAGE) % 251;
	reg = registers(argv[1]);
	for (unsigned long page = 0; page < pages; page++)
		copy(reg, physical(area + page * PAGE), !strcmp(argv[2], "write"));
	for (unsigned long page = 0; page < pages; page++)
		for (size_t i = page * PAGE; i < (page + 1) * PAGE; i++)
			if (area[i] != 1 + (i + i / PAGE) % 251) {
				changed++;
				break;
			}
	printf("%#llx %lu\n", (unsigned long long)physical(area), changed);
	return 0;
}

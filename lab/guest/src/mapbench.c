// SPDX-License-Identifier: GPL-2.0
/*
 * mapbench ENTRIES [to|from|both [BITS]]: time of dma_map_sg() and
 * dma_unmap_sg(), in hundredths of a nanosecond per entry, by the kernel's
 * CONFIG_DMA_MAP_BENCHMARK. Prints two numbers. Under QEMU's -icount shift=0 a
 * nanosecond is an instruction.
 *
 * With a direction it is dma_map_single() of ENTRIES pages, one call for all of
 * them, for a device that addresses BITS bits (64), and the numbers are per call.
 *
 * The device must be bound to the driver dma_map_benchmark. The kernel reports
 * units of 100 ns per call: many entries per call make the figure finer.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* include/uapi/linux/map_benchmark.h, which not every libc's headers have */
struct map_benchmark {
	uint64_t avg_map_100ns, map_stddev, avg_unmap_100ns, unmap_stddev;
	uint32_t threads, seconds;
	int32_t node;
	uint32_t dma_bits, dma_dir, dma_trans_ns, granule;
	uint8_t map_mode, expansion[75];
};

enum { DMA_MAP_TO_DEVICE = 1, DMA_MAP_BENCH_SG_MODE = 1, NUMA_NO_NODE = -1 };
static const char *const directions[] = { "both", "to", "from" };	/* 0, 1, 2 */

#define DMA_MAP_BENCHMARK _IOWR('d', 1, struct map_benchmark)

int main(int argc, char **argv)
{
	struct map_benchmark bench = {
		.threads = 1,
		.seconds = 2,
		.node = NUMA_NO_NODE,
		.dma_bits = 64,
		.dma_dir = DMA_MAP_TO_DEVICE,
		.map_mode = DMA_MAP_BENCH_SG_MODE,
	};
	unsigned int calls = 1;
	int fd;

	if (argc > 2) {
		bench.map_mode = 0;
		while (bench.dma_dir = calls - 1, calls <= 3 && strcmp(argv[2], directions[calls - 1]))
			calls++;
	}
	if (argc < 2 || argc > 4 || (bench.granule = atoi(argv[1])) < 1 || calls > 3 ||
	    (argc > 3 && (bench.dma_bits = atoi(argv[3])) < 20)) {
		fprintf(stderr, "usage: mapbench ENTRIES [to|from|both [BITS]]\n");
		return 2;
	}
	calls = argc > 2 ? 1 : bench.granule;
	fd = open("/sys/kernel/debug/dma_map_benchmark", O_RDWR | O_CLOEXEC);
	if (fd < 0 || ioctl(fd, DMA_MAP_BENCHMARK, &bench)) {
		fprintf(stderr, "mapbench: %s\n", strerror(errno));
		return 1;
	}
	printf("%llu %llu\n",
	       (unsigned long long)bench.avg_map_100ns * 10000 / calls,
	       (unsigned long long)bench.avg_unmap_100ns * 10000 / calls);
	return 0;
}

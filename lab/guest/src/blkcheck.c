// SPDX-License-Identifier: GPL-2.0
/*
 * blkcheck [-s SEED] [-f N] DEVICE THREADS ROUNDS: writes and reads past the page
 * cache, of any size and place, each byte compared.
 *
 * The last 16 MiB of a scratch disk are free for this (lab/cvmlab/disks.py).
 * Each thread has its share of them and a copy in memory of what must be there.
 * A round writes random bytes and reads a place that contains them. Sizes lie
 * around those of pages and of what one request takes, places are any sector,
 * buffers begin anywhere in a page as far as the device allows. At the end
 * all of the share is read at once. Prints counts.
 *
 * -f N writes one wrong bit in the Nth round: then this program must fail.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define AREA_AT		(48l << 20)
#define AREA		(16l << 20)
#define SECTOR		512
#define PAGE		4096
#define MOST		(1 << 20)	/* bytes of one request */
#define MOST_THREADS	16

struct job {
	pthread_t thread;
	uint64_t random;
	off_t start;			/* of its share */
	size_t share;
	uint64_t written, read;
	bool ok;
};

static const char *device;
static unsigned long rounds, flip;
static size_t mem_align = SECTOR;
static int fd;

static uint64_t next(struct job *job)
{
	uint64_t x = job->random;

	x ^= x >> 12;
	x ^= x << 25;
	x ^= x >> 27;
	job->random = x;
	return x * 0x2545f4914f6cdd1d >> 16;
}

static void fill(struct job *job, unsigned char *to, size_t length)
{
	for (size_t i = 0; i < length; i++)
		to[i] = next(job);
}

/* A size in bytes: around a page, a few pages or a large request. */
static size_t any_size(struct job *job)
{
	static const size_t around[] = { SECTOR, PAGE, 2 * PAGE, 16 * PAGE, 64 * PAGE, MOST };
	size_t size = around[next(job) % (sizeof(around) / sizeof(*around))];
	long off = (long)(next(job) % 7) - 3;

	off = (long)size + off * SECTOR;
	if (off < SECTOR)
		return SECTOR;
	return off > MOST ? MOST : off;
}

static bool done(const struct job *job, const char *how, ssize_t got, size_t size, off_t at)
{
	if (got == (ssize_t)size)
		return true;
	fprintf(stderr, "blkcheck: %s of %zu bytes at %#lx of %s: %s\n", how, size,
		(long)(job->start + at), device, got < 0 ? strerror(errno) : "too short");
	return false;
}

static bool same(const struct job *job, const unsigned char *got, const unsigned char *right,
		 size_t size, off_t at)
{
	size_t i = 0;

	if (!memcmp(got, right, size))
		return true;
	while (got[i] == right[i])
		i++;
	fprintf(stderr, "blkcheck: %s has %#x instead of %#x at %#lx, byte %zu of %zu\n", device,
		got[i], right[i], (long)(job->start + at + i), i, size);
	return false;
}

static bool one_round(struct job *job, unsigned char *buffer, unsigned char *right,
		      unsigned long round)
{
	unsigned char *from = buffer + next(job) % (PAGE / mem_align) * mem_align;
	size_t size = any_size(job), more = any_size(job);
	off_t at;

	if (size > job->share)
		size = job->share;
	at = next(job) % ((job->share - size) / SECTOR + 1) * SECTOR;
	fill(job, right + at, size);
	memcpy(from, right + at, size);
	if (round == flip)
		from[size / 2] ^= 1;
	if (!done(job, "write", pwrite(fd, from, size, job->start + at), size, at))
		return false;
	job->written += size;

	/* what is read begins before it and ends behind it, as far as possible */
	at -= at < (off_t)more ? at : (off_t)more;
	size += 2 * more;
	if (size > MOST)
		size = MOST;
	if (size > job->share - at)
		size = job->share - at;
	from = buffer + next(job) % (PAGE / mem_align) * mem_align;
	memset(from, 0xa5, size);
	if (!done(job, "read", pread(fd, from, size, job->start + at), size, at))
		return false;
	job->read += size;
	return same(job, from, right + at, size, at);
}

static void *work(void *arg)
{
	struct job *job = arg;
	size_t length = (job->share > MOST ? job->share : MOST) + PAGE;
	unsigned char *buffer = mmap(NULL, length, PROT_READ | PROT_WRITE,
				     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	unsigned char *right = malloc(job->share);

	if (buffer == MAP_FAILED || !right) {
		perror("blkcheck: memory");
		return NULL;
	}
	if (!done(job, "read", pread(fd, buffer, job->share, job->start), job->share, 0))
		return NULL;
	memcpy(right, buffer, job->share);
	for (unsigned long i = 1; i <= rounds; i++)
		if (!one_round(job, buffer, right, i))
			return NULL;
	memset(buffer, 0xa5, job->share);
	if (!done(job, "read", pread(fd, buffer, job->share, job->start), job->share, 0))
		return NULL;
	job->read += job->share;
	job->ok = same(job, buffer, right, job->share, 0);
	return NULL;
}

/* How a buffer must be aligned; not every kernel tells. */
static void ask_alignment(void)
{
#ifdef STATX_DIOALIGN
	struct statx x;

	if (!statx(fd, "", AT_EMPTY_PATH, STATX_DIOALIGN, &x) && x.stx_mask & STATX_DIOALIGN &&
	    x.stx_dio_mem_align && x.stx_dio_mem_align <= SECTOR)
		mem_align = x.stx_dio_mem_align;
#endif
}

int main(int argc, char **argv)
{
	struct job jobs[MOST_THREADS] = { 0 };
	uint64_t written = 0, read = 0, seed = 1;
	unsigned long threads;
	bool ok = true;
	int option;

	while ((option = getopt(argc, argv, "s:f:")) >= 0)
		if (option == 's')
			seed = strtoull(optarg, NULL, 0);
		else if (option == 'f')
			flip = strtoul(optarg, NULL, 0);
		else
			return 2;
	if (argc - optind != 3 || !(threads = strtoul(argv[optind + 1], NULL, 0)) ||
	    threads > MOST_THREADS || !(rounds = strtoul(argv[optind + 2], NULL, 0))) {
		fprintf(stderr, "usage: blkcheck [-s SEED] [-f N] DEVICE THREADS ROUNDS\n");
		return 2;
	}
	device = argv[optind];
	fd = open(device, O_RDWR | O_DIRECT | O_CLOEXEC);
	if (fd < 0) {
		fprintf(stderr, "blkcheck: %s: %s\n", device, strerror(errno));
		return 1;
	}
	ask_alignment();
	for (unsigned long i = 0; i < threads; i++) {
		jobs[i] = (struct job) {
			.random = (seed * MOST_THREADS + i + 1) * 0x9e3779b97f4a7c15,
			.share = AREA / threads / PAGE * PAGE,
		};
		jobs[i].start = AREA_AT + i * jobs[i].share;
		if (pthread_create(&jobs[i].thread, NULL, work, &jobs[i])) {
			perror("blkcheck: thread");
			return 1;
		}
	}
	for (unsigned long i = 0; i < threads; i++) {
		pthread_join(jobs[i].thread, NULL);
		ok = ok && jobs[i].ok;
		written += jobs[i].written;
		read += jobs[i].read;
	}
	printf("%lu threads, %lu rounds each: %llu KiB written, %llu KiB read and compared; "
	       "buffers aligned to %zu\n", threads, rounds, (unsigned long long)written >> 10,
	       (unsigned long long)read >> 10, mem_align);
	return !ok;
}

// SPDX-License-Identifier: GPL-2.0
/*
 * fragment PERCENT READY: fill memory, punch holes until PERCENT of it is free
 * in single pages, create the file READY and stay until killed.
 *
 * Memory is filled with what the kernel cannot move (pipes, inodes), then the
 * rest with what it can (anonymous memory, tmpfs). Each pipe gives up the first
 * third of its pages before that, so that both kinds lie side by side
 * everywhere and compaction cannot make room either. Holes are single pages of
 * the movable kind.
 *
 * Works in /tmp, which is a tmpfs. Uses what /proc/meminfo says: memory in CMA
 * areas is not counted as free while unmovable pages are allocated.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	PAGE = 4096,
	PIPE_PAGES = 16,		/* what a pipe holds by default */
	MAX_PIPES = 60000,
	STEP = 1 << 20,			/* look at the free memory after each MiB */
	INODES = 4000,
	RESERVE = 5 << 20,		/* above the low watermark, per-CPU lists included */
};

static int pipes[MAX_PIPES][2];
static int nr_pipes;

__attribute__((format(printf, 1, 2), noreturn))
static void die(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fputs("fragment: ", stderr);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
	exit(1);
}

/* A figure of /proc/meminfo in bytes; 0 if there is none. */
static size_t meminfo(const char *name)
{
	FILE *file = fopen("/proc/meminfo", "re");
	size_t value = 0, kb;
	char key[64];

	if (!file)
		die("cannot open /proc/meminfo: %s", strerror(errno));
	while (fscanf(file, "%63[^:]: %zu kB\n", key, &kb) >= 1)
		if (!strcmp(key, name))
			value = kb * 1024;
	fclose(file);
	return value;
}

static void fill_pipes(size_t leave)
{
	static char page[PAGE];

	while (nr_pipes < MAX_PIPES) {
		int *fd = pipes[nr_pipes];

		if (nr_pipes % 16 == 0 && meminfo("MemFree") < leave + meminfo("CmaFree"))
			return;
		if (pipe2(fd, O_CLOEXEC | O_NONBLOCK))
			die("pipe %d: %s", nr_pipes, strerror(errno));
		for (int i = 0; i < PIPE_PAGES; i++)
			if (write(fd[1], page, PAGE) != PAGE)
				die("filling pipe %d: %s", nr_pipes, strerror(errno));
		nr_pipes++;
	}
}

static void thin_pipes(void)
{
	static char page[PAGE];

	for (int i = 0; i < nr_pipes; i++)
		for (int n = 0; n < PIPE_PAGES / 3; n++)
			if (read(pipes[i][0], page, PAGE) != PAGE)
				die("reading pipe %d: %s", i, strerror(errno));
}

static void fill_inodes(void)
{
	char name[64];

	mkdir("/tmp/inodes", 0700);
	for (int i = 0; i < INODES; i++) {
		snprintf(name, sizeof(name), "/tmp/inodes/%d", i);
		close(open(name, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
	}
}

/* Return: bytes touched, at most @length. */
static size_t fill(char *at, size_t length, size_t leave)
{
	size_t done;

	for (done = 0; done + STEP <= length; done += STEP) {
		if (meminfo("MemFree") < leave)
			break;
		for (size_t i = 0; i < STEP; i += PAGE)
			at[done + i] = 1;
	}
	return done;
}

/* Free single pages, spread over both areas, until @target bytes are free. */
static void punch(char *anon, size_t anon_size, int file, size_t file_size, size_t target)
{
	for (size_t first = 0; first < 8; first += 2) {
		for (size_t i = first * PAGE; i < anon_size || i < file_size; i += 8 * PAGE) {
			if (i < anon_size && madvise(anon + i, PAGE, MADV_DONTNEED))
				die("madvise: %s", strerror(errno));
			if (i < file_size &&
			    fallocate(file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, i, PAGE))
				die("fallocate: %s", strerror(errno));
			if (i % (256 * PAGE) == first * PAGE && meminfo("MemFree") >= target)
				return;
		}
	}
}

int main(int argc, char **argv)
{
	struct rlimit files = { 2 * MAX_PIPES + 64, 2 * MAX_PIPES + 64 };
	size_t total = meminfo("MemTotal"), leave = 2 * RESERVE;
	size_t anon_size, file_size;
	char *anon, *shared;
	int percent, file;

	if (argc != 3 || (percent = atoi(argv[1])) < 5 || percent > 30) {
		fprintf(stderr, "usage: fragment PERCENT READY, PERCENT from 5 to 30\n");
		return 2;
	}
	if (setrlimit(RLIMIT_NOFILE, &files))
		die("setrlimit: %s", strerror(errno));
	/* A helper that is killed would give the memory back. */
	file = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
	if (file < 0 || write(file, "-1000", 5) != 5)
		die("oom_score_adj: %s", strerror(errno));

	anon = mmap(NULL, total, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	file = open("/tmp/filler", O_CREAT | O_RDWR | O_CLOEXEC, 0600);
	if (anon == MAP_FAILED || file < 0 || ftruncate(file, total / 4))
		die("setting up: %s", strerror(errno));
	shared = mmap(NULL, total / 4, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	if (shared == MAP_FAILED || madvise(anon, total, MADV_NOHUGEPAGE))
		die("mapping: %s", strerror(errno));

	/* Down to the reserve: the DMA zone is what is taken last. */
	fill_pipes(RESERVE);
	thin_pipes();
	fill_inodes();
	/* tmpfs stops at half of memory; a quarter of what is free is enough. */
	file_size = fill(shared, total / 4, leave + (meminfo("MemFree") - leave) / 2);
	anon_size = fill(anon, total, leave);
	punch(anon, anon_size, file, file_size, total / 100 * percent);

	printf("%d MiB in pipes, %zu MiB in tmpfs, %zu MiB anonymous, %zu of %zu MiB free\n",
	       nr_pipes * (PIPE_PAGES - PIPE_PAGES / 3) / 256, file_size >> 20, anon_size >> 20,
	       meminfo("MemFree") >> 20, total >> 20);
	fflush(stdout);
	close(open(argv[2], O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
	for (;;)
		pause();
}

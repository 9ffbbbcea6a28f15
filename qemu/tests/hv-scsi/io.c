// SPDX-License-Identifier: GPL-2.0-or-later
/* Data: reads return the disk's content and touch nothing beside the buffer. */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "guest.h"

#define CHUNK       MIB
#define ROUNDS      200
#define WORKERS     4

static bool read_all(int fd, off_t from, size_t size, uint8_t salt)
{
    struct area a = area_new(0, CHUNK);
    bool good = true;
    size_t done;
    ssize_t n;

    for (done = 0; good && done < size; done += CHUNK) {
        n = pread(fd, a.buf, CHUNK, from + done);
        good = n == CHUNK && matches(a.buf, (from + done) / BLOCK, CHUNK, salt);
        if (n != CHUNK) {
            note("read of %d bytes: %zd, errno %d", CHUNK, n, errno);
        }
    }
    good = good && area_intact(&a);
    area_free(&a);
    return good;
}

static bool write_all(int fd, off_t from, size_t size, uint8_t salt)
{
    struct area a = area_new(0, CHUNK);
    bool good = true;
    size_t done;

    for (done = 0; good && done < size; done += CHUNK) {
        fill(a.buf, (from + done) / BLOCK, CHUNK, salt);
        good = pwrite(fd, a.buf, CHUNK, from + done) == CHUNK;
    }
    area_free(&a);
    return good;
}

/*
 * Buffers at any multiple of @step in a page, of any number of blocks, so first
 * and last page are partly used.  Worker @id has its own part of the disk.
 */
static bool odd_sizes(int fd, int id, int step)
{
    const off_t piece = 4 * MIB;
    unsigned seed = 20261121 + id;
    bool good = true;
    int i;

    for (i = 0; good && i < ROUNDS; i++) {
        size_t offset = rand_r(&seed) % (4096 / step) * step;
        size_t size = (1 + rand_r(&seed) % 128) * BLOCK;
        off_t at = rand_r(&seed) % ((piece - size) / BLOCK) * BLOCK;
        struct area a = area_new(offset, size);

        at += id * piece;
        good = pread(fd, a.buf, size, at) == (ssize_t)size &&
               matches(a.buf, at / BLOCK, size, READ_SALT) && area_intact(&a);
        if (good) {
            fill(a.buf, (WRITE_AT + at) / BLOCK, size, WRITE_SALT);
            good = pwrite(fd, a.buf, size, WRITE_AT + at) == (ssize_t)size;
            memset(a.buf, 0, size);
            good = good && pread(fd, a.buf, size, WRITE_AT + at) ==
                   (ssize_t)size && area_intact(&a) &&
                   matches(a.buf, (WRITE_AT + at) / BLOCK, size, WRITE_SALT);
        }
        if (!good) {
            note("offset %zu, %zu bytes at %lld: errno %d", offset, size,
                 (long long)at, errno);
        }
        area_free(&a);
    }
    return good;
}

static void test_parallel(int fd)
{
    pid_t pids[WORKERS];
    int i, status, failed = 0;

    for (i = 0; i < WORKERS; i++) {
        pids[i] = fork();
        if (!pids[i]) {
            _exit(!odd_sizes(fd, i, BLOCK));
        }
    }
    for (i = 0; i < WORKERS; i++) {
        waitpid(pids[i], &status, 0);
        failed += status != 0;
    }
    check(!failed, "four processes at a time, all channels", "%d failed",
          failed);
}

void test_io(void)
{
    int fd = open_lun(LUN_DATA, O_RDWR);

    check(fd >= 0, "the data disk is there", "errno %d", errno);
    check(read_all(fd, 0, WRITE_AT, READ_SALT), "read in pieces of 1 MiB",
          "see above");
    check(odd_sizes(fd, 0, BLOCK), "buffers at odd blocks of a page",
          "see above");
    test_parallel(fd);
    check(write_all(fd, WRITE_AT, DISK_SIZE - WRITE_AT, WRITE_SALT) &&
          read_all(fd, WRITE_AT, DISK_SIZE - WRITE_AT, WRITE_SALT),
          "write in pieces of 1 MiB, and read back", "errno %d", errno);
    close(fd);
}

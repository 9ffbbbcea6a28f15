// SPDX-License-Identifier: GPL-2.0-or-later
/* Resets, disks that come and go, and removal of the driver, under load. */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <scsi/sg.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include "guest.h"

#define READERS     8
#define PATIENCE    60      /* seconds until something counts as hung */
#define CYCLES      5

/*
 * Readers of a disk, each with one request in flight at any time.  They end
 * when a read fails or after @rounds; a wrong byte makes their status 2.
 */
static void start_readers(int lun, int rounds, pid_t *pids)
{
    int i, j, fd;

    for (i = 0; i < READERS; i++) {
        pids[i] = fork();
        if (pids[i]) {
            continue;
        }
        fd = open_lun(lun, O_RDONLY);
        for (j = 0; j < rounds; j++) {
            struct area a = area_new(i * BLOCK, 8192);
            off_t at = (i * 1024 + j * 16) * BLOCK;

            if (pread(fd, a.buf, 8192, at) != 8192) {
                _exit(1);
            }
            if (!matches(a.buf, at / BLOCK, 8192, READ_SALT) ||
                !area_intact(&a)) {
                _exit(2);
            }
            area_free(&a);
        }
        _exit(0);
    }
}

/* Return: how many ended with @status; -1 if one hangs or read wrong bytes. */
static int await_readers(pid_t *pids, int status)
{
    int i, t, s, count = 0;

    for (i = 0; i < READERS; i++) {
        for (t = 0; t < PATIENCE * 20; t++) {
            if (waitpid(pids[i], &s, WNOHANG) == pids[i]) {
                break;
            }
            usleep(50000);
        }
        if (t == PATIENCE * 20) {
            note("reader %d hangs", i);
            kill(pids[i], SIGKILL);
            return -1;
        }
        if (!WIFEXITED(s) || WEXITSTATUS(s) == 2) {
            return -1;
        }
        count += WEXITSTATUS(s) == status;
    }
    return count;
}

static bool reads_right(int lun)
{
    struct area a = area_new(0, 65536);
    int fd = open_lun(lun, O_RDONLY);
    bool good = pread(fd, a.buf, 65536, 0) == 65536 &&
                matches(a.buf, 0, 65536, READ_SALT);

    close(fd);
    area_free(&a);
    return good;
}

/* After each reset Linux waits for ten seconds. */
static void test_reset(int kind, int times, const char *name)
{
    pid_t pids[READERS];
    int fd = open_lun(LUN_SLOW, O_RDONLY);
    int i, n, failed = 0;

    start_readers(LUN_SLOW, 8, pids);
    for (i = 0; i < times; i++) {
        usleep(300000);
        failed += ioctl(fd, SG_SCSI_RESET, &kind) != 0;
    }
    n = await_readers(pids, 0);
    close(fd);
    check(!failed && n == READERS, name,
          "%d resets failed (errno %d), %d readers right", failed, errno, n);
}

static void test_hotplug(void)
{
    int i, good = 0;

    for (i = 0; i < CYCLES; i++) {
        ask_host("plug");
        if (!wait_lun(LUN_HOTPLUG, true, PATIENCE)) {
            note("cycle %d: the disk does not come", i);
            break;
        }
        if (!reads_right(LUN_HOTPLUG)) {
            break;
        }
        ask_host("unplug");
        if (!wait_lun(LUN_HOTPLUG, false, PATIENCE)) {
            note("cycle %d: the disk does not go", i);
            break;
        }
        good++;
    }
    check(good == CYCLES, "a disk comes and goes", "%d of %d", good, CYCLES);
}

static void test_unplug_busy(void)
{
    pid_t pids[READERS];
    int n;

    start_readers(LUN_SLOW, 100000, pids);
    usleep(500000);
    ask_host("unplug-slow");
    n = await_readers(pids, 1);
    check(n == READERS, "a busy disk goes: its readers end with an error",
          "%d of %d", n, READERS);
    check(wait_lun(LUN_SLOW, false, PATIENCE), "the guest sees that it is gone",
          "still there");
    check(reads_right(LUN_DATA), "the other disk is there all the same",
          "errno %d", errno);
    ask_host("plug-slow");
    check(wait_lun(LUN_SLOW, true, PATIENCE) && reads_right(LUN_SLOW),
          "and back again", "errno %d", errno);
}

static void test_resize(void)
{
    const unsigned long blocks = 2 * DISK_SIZE / BLOCK;
    int i;

    ask_host("resize");
    for (i = 0; i < PATIENCE * 20 && lun_size(LUN_DATA) != blocks; i++) {
        usleep(50000);
    }
    check(lun_size(LUN_DATA) == blocks, "the guest sees a new size",
          "%lu instead of %lu blocks", lun_size(LUN_DATA), blocks);
}

static bool rebind(const char *device, int channels)
{
    write_file("/sys/bus/vmbus/drivers/hv_storvsc/unbind", device);
    write_file("/sys/bus/vmbus/drivers/hv_storvsc/bind", device);
    return wait_lun(LUN_DATA, true, PATIENCE) && reads_right(LUN_DATA) &&
           wait_lun(LUN_SLOW, true, PATIENCE) && count_channels() == channels;
}

static void test_unbind(void)
{
    pid_t pids[READERS];
    char device[60];
    int i, n, good = 0, channels = count_channels();

    snprintf(device, sizeof(device), "%s", vmbus_device());
    for (i = 0; i < CYCLES; i++) {
        good += rebind(device, channels);
    }
    check(good == CYCLES, "driver unbound and bound", "%d of %d, %d channels",
          good, CYCLES, count_channels());

    start_readers(LUN_SLOW, 100000, pids);
    usleep(500000);
    write_file("/sys/bus/vmbus/drivers/hv_storvsc/unbind", device);
    n = await_readers(pids, 1);
    check(n == READERS, "driver unbound under load: readers end with an error",
          "%d of %d", n, READERS);
    write_file("/sys/bus/vmbus/drivers/hv_storvsc/bind", device);
    check(wait_lun(LUN_DATA, true, PATIENCE) && reads_right(LUN_DATA),
          "and bound again", "errno %d", errno);
}

void test_events(void)
{
    test_reset(SG_SCSI_RESET_DEVICE, 1, "reset of a device under load");
    test_reset(SG_SCSI_RESET_BUS, 1, "reset of a bus under load");
    test_reset(SG_SCSI_RESET_HOST, 2, "reset of the controller under load");
    test_hotplug();
    test_unplug_busy();
    test_resize();
    test_unbind();
    check(ask_host("malformed") == 0 && ask_host("dropped") == 0,
          "nothing malformed was sent, nothing lost", "see the properties");
}

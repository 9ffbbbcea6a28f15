// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Tests of hv-scsi with Linux's hv_storvsc, as the guest's first process
 *
 * The console belongs to the kernel; results and requests to the host go over
 * the second serial port, file descriptor 3.
 */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <termios.h>
#include <unistd.h>
#include "guest.h"

static void open_control(void)
{
    struct termios t;
    int fd = open("/dev/ttyS1", O_RDWR | O_NOCTTY);

    tcgetattr(fd, &t);
    cfmakeraw(&t);
    tcsetattr(fd, TCSANOW, &t);
    if (fd != 3) {
        dup2(fd, 3);
    }
}

/* Modules, in the order of their names: 00.ko, 01.ko, ... */
static void load_modules(void)
{
    char path[40];
    int i, fd;

    for (i = 0; i < 100; i++) {
        snprintf(path, sizeof(path), "/modules/%02d.ko", i);
        fd = open(path, O_RDONLY);
        if (fd < 0) {
            return;
        }
        if (syscall(SYS_finit_module, fd, "", 0)) {
            note("module %s: errno %d", path, errno);
        }
        close(fd);
    }
}

static void power_off(void)
{
    sync();
    sleep(1);
    reboot(RB_POWER_OFF);
    reboot(RB_AUTOBOOT);
}

int main(int argc, char **argv)
{
    int channels;

    mkdir("/proc", 0755);
    mkdir("/sys", 0755);
    mkdir("/dev", 0755);
    mount("proc", "/proc", "proc", 0, NULL);
    mount("sysfs", "/sys", "sysfs", 0, NULL);
    mount("devtmpfs", "/dev", "devtmpfs", 0, NULL);
    open_control();
    load_modules();

    if (argc > 1 && !strcmp(argv[1], "root")) {
        check(!access("/on-the-disk", R_OK), "root file system on the disk",
              "errno %d", errno);
        ask_host("end");
        finish();
        power_off();
    }

    channels = ask_host("channels");
    check(wait_lun(LUN_DATA, true, 60) && wait_lun(LUN_SLOW, true, 60) &&
          wait_lun(LUN_BAD, true, 60), "disks appear", "host %d", scsi_host());
    if (argc > 1 && !strcmp(argv[1], "fuzz")) {
        test_fuzz();
        ask_host("end");
        finish();
        power_off();
    }
    sleep(1);
    check(count_channels() == channels, "as many channels as the device has",
          "%d of %d", count_channels(), channels);
    test_io();
    test_sg();
    test_events();
    ask_host("end");
    finish();
    power_off();
}

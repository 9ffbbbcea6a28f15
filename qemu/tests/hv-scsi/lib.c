// SPDX-License-Identifier: GPL-2.0-or-later
/* The guest's side of the conversation, patterns, and finding disks. */

#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "guest.h"

#define PAGE        4096
#define SENTINEL    0xc3

static int number;

static void say(const char *prefix, const char *fmt, va_list args)
{
    char line[400];
    int n = snprintf(line, sizeof(line), "%s", prefix);

    n += vsnprintf(line + n, sizeof(line) - n - 1, fmt, args);
    if (n > (int)sizeof(line) - 2) {
        n = sizeof(line) - 2;
    }
    line[n++] = '\n';
    if (write(3, line, n) != n) {
        _exit(1);
    }
}

void note(const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    say("# ", fmt, args);
    va_end(args);
}

static void plain(const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    say("", fmt, args);
    va_end(args);
}

void check(bool good, const char *name, const char *fmt, ...)
{
    va_list args;

    if (!good) {
        va_start(args, fmt);
        say("# ", fmt, args);
        va_end(args);
    }
    plain("%s %d - %s", good ? "ok" : "not ok", ++number, name);
}

void finish(void)
{
    plain("1..%d", number);
}

long ask_host(const char *fmt, ...)
{
    char line[80];
    size_t n = 0;
    va_list args;

    va_start(args, fmt);
    say("host ", fmt, args);
    va_end(args);
    while (n < sizeof(line) - 1 && read(3, line + n, 1) == 1) {
        if (line[n++] == '\n') {
            break;
        }
    }
    line[n] = 0;
    return atol(line);
}

static uint8_t pattern(uint64_t block, int i, uint8_t salt)
{
    return (i < 8 ? block >> (8 * i) : block * 7 + i) ^ salt;
}

void fill(void *buf, uint64_t block, size_t size, uint8_t salt)
{
    uint8_t *p = buf;
    size_t i;

    for (i = 0; i < size; i++) {
        p[i] = pattern(block + i / BLOCK, i % BLOCK, salt);
    }
}

bool matches(const void *buf, uint64_t block, size_t size, uint8_t salt)
{
    const uint8_t *p = buf;
    size_t i;

    for (i = 0; i < size; i++) {
        if (p[i] != pattern(block + i / BLOCK, i % BLOCK, salt)) {
            note("byte %zu of block %llu: %02x", i, (unsigned long long)block,
                 p[i]);
            return false;
        }
    }
    return true;
}

void write_file(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY);

    if (fd < 0 || write(fd, text, strlen(text)) < 0) {
        note("cannot write %s to %s", text, path);
    }
    close(fd);
}

/* First name in a folder that starts with @start.  Return: found. */
static bool first_name(const char *path, const char *start, char *name)
{
    DIR *dir = opendir(path);
    struct dirent *e;
    bool found = false;

    while (dir && !found && (e = readdir(dir))) {
        if (e->d_name[0] != '.' && !strncmp(e->d_name, start, strlen(start))) {
            snprintf(name, 60, "%.59s", e->d_name);
            found = true;
        }
    }
    if (dir) {
        closedir(dir);
    }
    return found;
}

const char *vmbus_device(void)
{
    static char name[60];

    /* the driver's folder also has bind, module, ...: devices have a dash */
    DIR *dir = opendir("/sys/bus/vmbus/drivers/hv_storvsc");
    struct dirent *e;

    while (dir && (e = readdir(dir))) {
        if (strchr(e->d_name, '-')) {
            snprintf(name, sizeof(name), "%.59s", e->d_name);
        }
    }
    if (dir) {
        closedir(dir);
    }
    return name;
}

int count_channels(void)
{
    char path[200];
    struct dirent *e;
    int n = 0;
    DIR *dir;

    snprintf(path, sizeof(path), "/sys/bus/vmbus/devices/%s/channels",
             vmbus_device());
    dir = opendir(path);
    while (dir && (e = readdir(dir))) {
        n += e->d_name[0] != '.';
    }
    if (dir) {
        closedir(dir);
    }
    return n;
}

int scsi_host(void)
{
    char path[200], name[60];

    snprintf(path, sizeof(path), "/sys/bus/vmbus/devices/%s", vmbus_device());
    return first_name(path, "host", name) ? atoi(name + 4) : -1;
}

static bool lun_name(int lun, char *disk)
{
    char path[200];

    snprintf(path, sizeof(path),
             "/sys/class/scsi_device/%d:0:0:%d/device/block", scsi_host(), lun);
    return first_name(path, "sd", disk);
}

int open_lun(int lun, int flags)
{
    char disk[60], path[80];

    if (!lun_name(lun, disk)) {
        return -1;
    }
    snprintf(path, sizeof(path), "/dev/%s", disk);
    return open(path, flags | O_DIRECT);
}

unsigned long lun_size(int lun)
{
    char disk[60], path[100], text[40] = "";
    unsigned long size;
    int fd;

    if (!lun_name(lun, disk)) {
        return 0;
    }
    snprintf(path, sizeof(path), "/sys/block/%s/size", disk);
    fd = open(path, O_RDONLY);
    if (read(fd, text, sizeof(text) - 1) < 0) {
        text[0] = 0;
    }
    close(fd);
    return sscanf(text, "%lu", &size) == 1 ? size : 0;
}

/* It has a name before it has a size and a file in /dev. */
static bool lun_ready(int lun)
{
    int fd = lun_size(lun) ? open_lun(lun, O_RDONLY) : -1;

    if (fd < 0) {
        return false;
    }
    close(fd);
    return true;
}

bool wait_lun(int lun, bool there, int seconds)
{
    char disk[60];
    int i;

    for (i = 0; i < seconds * 20; i++) {
        if (there ? lun_ready(lun) : !lun_name(lun, disk)) {
            return true;
        }
        usleep(50000);
    }
    return false;
}

struct area area_new(size_t offset, size_t size)
{
    struct area a = { .size = size };

    a.map_size = (offset + size + 2 * PAGE - 1) / PAGE * PAGE + PAGE;
    a.map = mmap(NULL, a.map_size, PROT_READ | PROT_WRITE,
                 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (a.map == MAP_FAILED) {
        _exit(1);
    }
    memset(a.map, SENTINEL, a.map_size);
    a.buf = a.map + PAGE + offset;
    return a;
}

bool area_intact(const struct area *a)
{
    uint8_t *p;

    for (p = a->map; p < a->map + a->map_size; p++) {
        if (p == a->buf) {
            p += a->size;
        }
        if (p < a->map + a->map_size && *p != SENTINEL) {
            note("byte %td next to the buffer was overwritten", p - a->buf);
            return false;
        }
    }
    return true;
}

void area_free(struct area *a)
{
    munmap(a->map, a->map_size);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Shared by the guest's tests of hv-scsi. */

#ifndef HV_SCSI_GUEST_H
#define HV_SCSI_GUEST_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BLOCK       512
#define MIB         (1024 * 1024)
#define DISK_SIZE   (64 * MIB)      /* of every disk */
#define WRITE_AT    (32 * MIB)      /* tests read below and write above */
#define READ_SALT   0
#define WRITE_SALT  0x5a

enum { LUN_DATA, LUN_SLOW, LUN_BAD, LUN_HOTPLUG };
#define BAD_READ_BLOCK  1024        /* of LUN_BAD */
#define BAD_WRITE_BLOCK 2048

/* lib.c */

/* Print a result; the rest of the arguments go into a diagnostic. */
void check(bool good, const char *name, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void note(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void finish(void);

/* Let the host do something and wait for it.  Return: the host's number. */
long ask_host(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Fill or compare memory with what is on the disk at @block. */
void fill(void *buf, uint64_t block, size_t size, uint8_t salt);
bool matches(const void *buf, uint64_t block, size_t size, uint8_t salt);

/* Open a LUN of the controller, O_DIRECT; -1 if it is not there. */
int open_lun(int lun, int flags);
/* Wait until a LUN exists, or is gone.  Return: false on timeout. */
bool wait_lun(int lun, bool there, int seconds);
/* Size of a LUN in blocks, 0 if it is not there. */
unsigned long lun_size(int lun);
/* The number of the SCSI host, -1 if there is none. */
int scsi_host(void);
void write_file(const char *path, const char *text);
/* The VMBus device of the controller, as sysfs names it; "" if none. */
const char *vmbus_device(void);
/* How many channels it has. */
int count_channels(void);

/* Memory whose start and end are at any offset, with sentinels around. */
struct area {
    uint8_t *map, *buf;
    size_t map_size, size;
};
struct area area_new(size_t offset, size_t size);
bool area_intact(const struct area *a);
void area_free(struct area *a);

/* sg.c */
struct sg_result {
    int error;              /* errno of the ioctl */
    int status;             /* SAM status */
    int host, driver;
    int resid;
    uint8_t key, asc, ascq; /* of fixed-format sense data */
};
enum { SG_NONE, SG_IN, SG_OUT };
struct sg_result sg_command(int fd, const uint8_t *cdb, int cdb_len, int dir,
                            void *buf, unsigned size);

void test_sg(void);
void test_io(void);
void test_events(void);
void test_fuzz(void);

#endif

// SPDX-License-Identifier: GPL-2.0-or-later
/* SCSI commands of our own: how the controller handles lengths and errors. */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <scsi/sg.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include "guest.h"

#define CHECK_CONDITION 2
#define ILLEGAL_REQUEST 5
#define MEDIUM_ERROR    3

struct sg_result sg_command(int fd, const uint8_t *cdb, int cdb_len, int dir,
                            void *buf, unsigned size)
{
    static const int dirs[] = { SG_DXFER_NONE, SG_DXFER_FROM_DEV,
                                SG_DXFER_TO_DEV };
    uint8_t sense[64] = {};
    struct sg_io_hdr io = {
        .interface_id = 'S',
        .dxfer_direction = dirs[dir],
        .cmd_len = cdb_len,
        .cmdp = (uint8_t *)cdb,
        .dxferp = buf,
        .dxfer_len = size,
        .sbp = sense,
        .mx_sb_len = sizeof(sense),
        .timeout = 60000,
    };
    struct sg_result r = {};

    if (ioctl(fd, SG_IO, &io)) {
        r.error = errno;
        return r;
    }
    r.status = io.status;
    r.host = io.host_status;
    r.driver = io.driver_status;
    r.resid = io.resid;
    r.key = sense[2] & 0xf;
    r.asc = sense[12];
    r.ascq = sense[13];
    return r;
}

#define EXPLAIN(r) "error %d status %d host %d resid %d sense %x/%02x/%02x", \
    (r).error, (r).status, (r).host, (r).resid, (r).key, (r).asc, (r).ascq

static void test_inquiry(int fd)
{
    const uint8_t cdb[6] = { 0x12, 0, 0, 0, 96 };
    struct area a = area_new(0x123, 96);
    struct sg_result r = sg_command(fd, cdb, 6, SG_IN, a.buf, 96);
    int length = a.buf[4] + 5;

    check(!r.error && !r.status && !memcmp(a.buf + 8, "QEMU", 4) &&
          area_intact(&a), "INQUIRY into an unaligned buffer", EXPLAIN(r));
    check(r.resid == (length < 96 ? 96 - length : 0),
          "residual of a shorter answer", "resid %d of %d", r.resid, length);

    /* the command allows more than the buffer holds: a cut answer */
    memset(a.buf, 0, 96);
    memset(a.buf + 16, 0xc3, 80);
    a.size = 16;
    r = sg_command(fd, cdb, 6, SG_IN, a.buf, 16);
    check(!r.error && !r.status && !memcmp(a.buf + 8, "QEMU", 4) &&
          area_intact(&a), "INQUIRY that gets less buffer than it says",
          EXPLAIN(r));
    area_free(&a);
}

static void test_sense(int fd)
{
    uint8_t beyond[10] = { 0x28, 0, 0x7f, 0xff, 0xff, 0xff, 0, 0, 1 };
    uint8_t vendor[10] = { 0xc1 };
    struct area a = area_new(0, 512);
    struct sg_result r = sg_command(fd, beyond, 10, SG_IN, a.buf, 512);

    check(r.status == CHECK_CONDITION && r.key == ILLEGAL_REQUEST &&
          r.asc == 0x21, "sense data of a READ beyond the end", EXPLAIN(r));
    r = sg_command(fd, vendor, 10, SG_NONE, NULL, 0);
    check(r.status == CHECK_CONDITION && r.key == ILLEGAL_REQUEST &&
          r.asc == 0x20, "sense data of an unknown command", EXPLAIN(r));
    area_free(&a);
}

/* Commands that would move more, or the other way, than the buffer allows. */
static void test_mismatch(int fd)
{
    uint8_t two[10] = { 0x28, 0, 0, 0, 0, 0, 0, 0, 2 };
    uint8_t one[10] = { 0x28, 0, 0, 0, 0, 0, 0, 0, 1 };
    struct area a = area_new(0x200, 512);
    struct sg_result r;

    memset(a.buf, 0x11, 512);
    r = sg_command(fd, two, 10, SG_IN, a.buf, 512);
    check(!r.error && (r.host || r.status) && area_intact(&a),
          "READ of two blocks into one is refused", EXPLAIN(r));
    r = sg_command(fd, one, 10, SG_OUT, a.buf, 512);
    check(!r.error && (r.host || r.status),
          "READ with a buffer to write is refused", EXPLAIN(r));
    r = sg_command(fd, one, 10, SG_NONE, NULL, 0);
    check(!r.error && (r.host || r.status), "READ without a buffer is refused",
          EXPLAIN(r));
    r = sg_command(fd, one, 10, SG_IN, a.buf, 512);
    check(!r.error && !r.status && !r.host && matches(a.buf, 0, 512, READ_SALT),
          "a READ that fits still works", EXPLAIN(r));
    area_free(&a);

    /* a buffer for two blocks: one is read, the rest stays */
    a = area_new(0xe00, 1024);
    memset(a.buf, 0xc3, 1024);
    r = sg_command(fd, one, 10, SG_IN, a.buf, 1024);
    a.size = 512;
    check(!r.error && !r.status && r.resid == 512 &&
          matches(a.buf, 0, 512, READ_SALT) && area_intact(&a),
          "READ of one block into two leaves a residual", EXPLAIN(r));
    area_free(&a);
}

static void test_report_luns(int fd)
{
    const uint8_t cdb[12] = { 0xa0, [8] = 2 };
    uint8_t buf[512] __attribute__((aligned(512))) = {};
    struct sg_result r = sg_command(fd, cdb, 12, SG_IN, buf, 512);
    int n = (buf[2] << 8 | buf[3]) / 8;

    check(!r.error && !r.status && n == 3, "REPORT LUNS has all disks",
          "%d LUNs, resid %d", n, r.resid);
}

static void test_backend_errors(void)
{
    struct area a = area_new(0, 4096);
    uint8_t cdb[10] = { 0x28, 0, 0, 0, BAD_READ_BLOCK >> 8,
                        BAD_READ_BLOCK & 0xff, 0, 0, 8 };
    struct sg_result r;
    int fd = open_lun(LUN_BAD, O_RDWR);
    ssize_t n;

    r = sg_command(fd, cdb, 10, SG_IN, a.buf, 4096);
    check(r.status == CHECK_CONDITION && r.key, "sense data of a failed read",
          EXPLAIN(r));
    n = pread(fd, a.buf, 4096, BAD_READ_BLOCK * BLOCK);
    check(n < 0 && errno == EIO, "a failed read is an error of read()",
          "%zd, errno %d", n, errno);
    n = pread(fd, a.buf, 4096, 0);
    check(n == 4096 && matches(a.buf, 0, 4096, READ_SALT),
          "the next read works", "%zd, errno %d", n, errno);
    n = pwrite(fd, a.buf, 4096, BAD_WRITE_BLOCK * BLOCK);
    check(n < 0, "a failed write is an error of write()", "%zd", n);
    close(fd);
    area_free(&a);
}

void test_sg(void)
{
    int fd = open_lun(LUN_DATA, O_RDWR);

    test_inquiry(fd);
    test_sense(fd);
    test_mismatch(fd);
    test_report_luns(fd);
    close(fd);
    test_backend_errors();
}

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A hostile guest: packets of its own making in the controller's ring
 *
 * uio_hv_generic gives the ring to a process.  It negotiates as a driver does.
 * Then it sends valid requests, requests with some bytes changed, and noise.
 * Their GPA ranges are in its own memory, beyond all memory, or missing.  Each
 * packet that wants a completion must get exactly one.
 */

#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "guest.h"

#define GUID        "ba6163d9-04a1-4d29-b605-72e2ffb1dc7f"
#define DRIVERS     "/sys/bus/vmbus/drivers/"
#define PAGE        4096
#define ROUNDS      60000
#define PAGES       64          /* of memory that requests name */
#define MAX_PENDING 512
#define PATIENCE    60

/* include/linux/hyperv.h: struct hv_ring_buffer, struct vmpacket_descriptor */
struct ring {
    volatile uint32_t write_index;      /* the host writes at any time */
    volatile uint32_t read_index;       /* the same */
    volatile uint32_t interrupt_mask;   /* the same */
    volatile uint32_t pending_size;     /* the same */
};

struct packet {
    uint16_t type, offset8, len8, flags;
    uint64_t id;
};

enum { INBAND = 6, GPA_DIRECT = 9, COMPLETION = 11 };

struct half {
    struct ring *head;
    uint8_t *data;
    uint32_t size;
};

static struct half tx, rx;
static int uio;
static uint64_t pfns[PAGES];
static uint8_t *memory;
static uint8_t pending[MAX_PENDING];    /* by id - 1 */
static int num_pending, num_wrong;
static uint32_t last_status;
static unsigned seed = 20261121;

static unsigned below(unsigned n)
{
    return rand_r(&seed) % n;
}

static void copy_out(uint32_t at, void *to, uint32_t n)
{
    uint32_t i;

    for (i = 0; i < n; i++) {
        ((uint8_t *)to)[i] = rx.data[(at + i) % rx.size];
    }
}

/* Take what completions there are. */
static void receive(void)
{
    while (rx.head->read_index != rx.head->write_index) {
        uint32_t at = rx.head->read_index;
        struct packet p;
        uint32_t vstor[16] = {};

        __sync_synchronize();
        copy_out(at, &p, sizeof(p));
        copy_out(at + p.offset8 * 8, vstor, sizeof(vstor));
        if (p.type == COMPLETION) {
            if (!p.id || p.id > MAX_PENDING || !pending[p.id - 1] ||
                vstor[0] != 1) {
                num_wrong++;
            } else {
                pending[p.id - 1] = 0;
                num_pending--;
                last_status = vstor[2];
            }
        }
        __sync_synchronize();
        rx.head->read_index = (at + p.len8 * 8 + 8) % rx.size;
    }
}

static void kick(void)
{
    uint32_t on = 1;

    __sync_synchronize();
    if (write(uio, &on, sizeof(on)) != sizeof(on)) {
        num_wrong++;
    }
}

/* Wait until at most @n completions are outstanding.  Return: success. */
static bool settle(int n)
{
    int i;

    for (i = 0; num_pending > n && i < PATIENCE * 1000; i++) {
        kick();
        receive();
        if (num_pending > n) {
            usleep(1000);
        }
    }
    return num_pending <= n;
}

static void copy_in(uint32_t *at, const void *from, uint32_t n)
{
    uint32_t i;

    for (i = 0; i < n; i++) {
        tx.data[*at] = ((const uint8_t *)from)[i];
        *at = (*at + 1) % tx.size;
    }
}

static uint32_t space(void)
{
    return (tx.head->read_index + tx.size - tx.head->write_index - 1) % tx.size;
}

/* Put a packet into the ring.  @desc: GPA ranges, in multiples of 8 bytes. */
static bool submit(const void *desc, uint32_t desc_len, const void *msg,
                   uint32_t msg_len, bool answer)
{
    uint32_t padded = (msg_len + 7) / 8 * 8, at = tx.head->write_index;
    struct packet p = {
        .type = desc_len ? GPA_DIRECT : INBAND,
        .offset8 = (sizeof(p) + desc_len) / 8,
        .len8 = (sizeof(p) + desc_len + padded) / 8,
        .flags = answer,
    };
    uint64_t zero = 0, trailer = (uint64_t)at << 32;
    int i;

    if (num_pending == MAX_PENDING && !settle(MAX_PENDING / 2)) {
        return false;
    }
    for (i = 0; i < PATIENCE * 1000 && space() < p.len8 * 8u + 8; i++) {
        kick();
        receive();
        usleep(1000);
    }
    if (space() < p.len8 * 8u + 8) {
        return false;
    }
    if (answer) {
        i = 0;
        while (pending[i]) {
            i++;
        }
        pending[i] = 1;
        num_pending++;
        p.id = i + 1;
    }
    copy_in(&at, &p, sizeof(p));
    copy_in(&at, desc, desc_len);
    copy_in(&at, msg, msg_len);
    copy_in(&at, &zero, padded - msg_len);
    copy_in(&at, &trailer, sizeof(trailer));
    __sync_synchronize();
    tx.head->write_index = at;
    return true;
}

static bool operation(uint32_t op, uint16_t arg)
{
    uint32_t msg[16] = { op, 1, 0, arg };

    last_status = -1;
    return submit(NULL, 0, msg, sizeof(msg), true) && settle(0) && !last_status;
}

/* Ranges of a request.  Return: their length in bytes. */
static uint32_t make_ranges(uint64_t *desc, uint32_t *bytes)
{
    uint32_t offset = below(8) * BLOCK, n, i;

    *bytes = below(4) ? (1 + below(64)) * BLOCK :
                        1 + below((PAGES - 1) * PAGE);
    n = (offset + *bytes + PAGE - 1) / PAGE;
    desc[0] = 1ull << 32;
    desc[1] = (uint64_t)offset << 32 | *bytes;
    for (i = 0; i < n; i++) {
        desc[2 + i] = pfns[below(PAGES)];
        if (!below(50)) {
            desc[2 + i] = 0xfffffffffull - below(1000);     /* no memory */
        }
    }
    return (2 + n) * 8;
}

/* A READ, WRITE, INQUIRY, ... that is valid until noise() changes it. */
static void make_srb(uint8_t *msg, uint32_t bytes)
{
    static const uint8_t opcodes[] = {
        0x28, 0x28, 0x2a, 0x12, 0x00, 0x03, 0x1a, 0x25, 0xa0, 0x9e, 0x35, 0x42,
        0x41, 0x93, 0x15, 0x55, 0x1b, 0x8f, 0x2f,
    };
    uint8_t op = opcodes[below(sizeof(opcodes))];
    uint32_t blocks = bytes / BLOCK;

    memset(msg, 0, 64);
    msg[0] = 3;                         /* EXECUTE_SRB */
    msg[4] = 1;
    msg[12] = 52;
    msg[18] = below(8) ? 0 : below(3);  /* target */
    msg[19] = below(4);                 /* LUN; the slow one takes too long */
    msg[19] += msg[19] == LUN_SLOW;
    msg[20] = 10;
    msg[21] = 20;
    msg[22] = op != 0x2a && op != 0x42 && op != 0x15 && op != 0x55;
    memcpy(msg + 24, &bytes, 4);
    msg[28] = op;
    msg[31] = below(4);
    msg[32] = below(256);
    msg[35] = blocks >> 8;
    msg[36] = blocks;
}

static uint32_t make_message(uint8_t *msg, uint32_t bytes)
{
    uint32_t len = 64, i;

    make_srb(msg, bytes);
    if (!below(4)) {
        for (i = below(6); i; i--) {
            msg[12 + below(52)] = below(256);
        }
    }
    if (!below(20)) {
        msg[0] = below(16);
        msg[20] = below(256);
    }
    if (!below(200)) {
        msg[0] = 4 + below(3);          /* resets */
    }
    if (!below(20)) {
        for (i = 0; i < 64; i++) {
            msg[i] = below(256);
        }
    }
    if (!below(20)) {
        len = below(120);
    }
    return len;
}

static bool attack(void)
{
    uint64_t desc[2 + PAGES];
    uint8_t msg[128] = {};
    int i;

    for (i = 0; i < ROUNDS; i++) {
        uint32_t bytes, desc_len = make_ranges(desc, &bytes);
        uint32_t len = make_message(msg, bytes);

        if (!submit(desc, below(6) ? desc_len : 0, msg, len, below(50))) {
            note("round %d: %d completions are missing", i, num_pending);
            return false;
        }
        if (!below(16)) {
            kick();
            receive();
        }
    }
    return true;
}

/* Memory with known addresses: the host gets it named page by page. */
static bool make_memory(void)
{
    int fd = open("/proc/self/pagemap", O_RDONLY), i;
    uint64_t entry;

    memory = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE |
                  MAP_ANONYMOUS | MAP_LOCKED | MAP_POPULATE, -1, 0);
    for (i = 0; memory != MAP_FAILED && i < PAGES; i++) {
        memory[i * PAGE] = 1;
        if (pread(fd, &entry, 8, (uintptr_t)(memory + i * PAGE) / PAGE * 8) != 8
            || !(entry & ~0ull >> 9)) {
            break;
        }
        pfns[i] = entry & ((1ull << 55) - 1);
    }
    close(fd);
    return i == PAGES;
}

static bool open_ring(void)
{
    char path[80], text[40] = "";
    uint32_t size;
    uint8_t *map;
    int fd, i;

    for (i = 0; i < 100 && (uio = open("/dev/uio0", O_RDWR)) < 0; i++) {
        usleep(50000);
    }
    snprintf(path, sizeof(path), "/sys/class/uio/uio0/maps/map0/size");
    fd = open(path, O_RDONLY);
    if (uio < 0 || read(fd, text, sizeof(text) - 1) < 1) {
        return false;
    }
    close(fd);
    if (sscanf(text, "%x", &size) != 1) {
        return false;
    }
    size /= 2;
    map = mmap(NULL, size * 2, PROT_READ | PROT_WRITE, MAP_SHARED, uio, 0);
    if (map == MAP_FAILED) {
        return false;
    }
    tx = (struct half){ (void *)map, map + PAGE, size - PAGE };
    rx = (struct half){ (void *)(map + size), map + size + PAGE, size - PAGE };
    return true;
}

void test_fuzz(void)
{
    char device[60];

    snprintf(device, sizeof(device), "%s", vmbus_device());
    write_file(DRIVERS "hv_storvsc/unbind", device);
    write_file(DRIVERS "uio_hv_generic/new_id", GUID);
    check(make_memory() && open_ring(), "uio_hv_generic has the ring",
          "errno %d", errno);
    check(operation(7, 0) && operation(9, 0x602) && operation(10, 0) &&
          operation(8, 0), "negotiated", "status %x", last_status);
    check(attack() && settle(0) && !num_wrong,
          "hostile requests: one completion each", "%d missing, %d wrong",
          num_pending, num_wrong);
    check(ask_host("malformed") > 100, "the device counted malformed packets",
          "too few");

    /* the mapping keeps the file open, and that the channel */
    munmap(tx.head, 2 * (tx.size + PAGE));
    close(uio);
    write_file(DRIVERS "uio_hv_generic/unbind", device);
    write_file(DRIVERS "uio_hv_generic/remove_id", GUID);
    write_file(DRIVERS "hv_storvsc/bind", device);
    check(wait_lun(LUN_BAD, true, PATIENCE), "the driver gets along after that",
          "no disk");
}

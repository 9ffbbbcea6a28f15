/*
 * A bare guest of the VMBus: shared by its files
 *
 * The guest talks to the host's VMBus code without a driver, so it can send
 * messages that no driver sends.  It checks answers and prints "ok" or "FAIL"
 * lines.  Interrupts stay off; messages are polled.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef VMBUS_GUEST_H
#define VMBUS_GUEST_H

#include "../cvm-emu/guest.h"

/* Message types and layouts: include/linux/hyperv.h of Linux */
#define MSG_OFFER              1
#define MSG_RESCIND            2
#define MSG_REQUEST_OFFERS     3
#define MSG_ALL_OFFERS         4
#define MSG_OPEN               5
#define MSG_OPEN_RESULT        6
#define MSG_CLOSE              7
#define MSG_GPADL_HEADER       8
#define MSG_GPADL_BODY         9
#define MSG_GPADL_CREATED     10
#define MSG_GPADL_TEARDOWN    11
#define MSG_GPADL_TORNDOWN    12
#define MSG_RELID_RELEASED    13
#define MSG_INITIATE_CONTACT  14
#define MSG_VERSION_RESPONSE  15
#define MSG_UNLOAD            16
#define MSG_UNLOAD_RESPONSE   17
#define MSG_MODIFY            22
#define MSG_MODIFY_RESPONSE   24
#define MSG_LAST              25

#define VERSION(major, minor) ((major) << 16 | (minor))
/*
 * How long to wait for the host, in ticks of the TSC: 15 s at 4 GHz.  A count
 * of polls would be short when the host's processors are busy.
 */
#define PATIENCE (60ULL * 1000 * 1000 * 1000)
#define CONN_OLD               1
#define CONN_NEW               4
#define PAYLOAD              240

/* Memory of the guest: one page each, then rings and buffers */
#define HYPERCALL_PAGE (ARENA + 0 * PAGE)
#define MESSAGE_PAGE   (ARENA + 1 * PAGE)
#define EVENT_PAGE     (ARENA + 2 * PAGE)
#define INPUT_PAGE     (ARENA + 3 * PAGE)
#define RINGS          (ARENA + 16 * PAGE)
/* Pages of one channel's rings: a header and data for each direction */
#define RING_PAGES     8
#define SEND_OFFSET    4

static inline uint64_t ticks(void)
{
    uint32_t low, high;

    asm volatile("rdtsc" : "=a"(low), "=d"(high));
    return (uint64_t)high << 32 | low;
}

struct message {
    uint32_t type;
    uint8_t size;
    uint8_t payload[PAYLOAD];
};

struct offer {
    uint32_t relid;
    uint32_t connection;
    uint16_t index;
};

#define MAX_OFFERS 32
extern struct offer offers[MAX_OFFERS];
extern int num_offers;

/* Header of a ring */
struct ring {
    mem_u32 write_index;
    mem_u32 read_index;
    mem_u32 interrupt_mask;
    mem_u32 pending_send_sz;
    mem_u32 reserved[12];
    mem_u32 feature_bits;
};

/* synic.c */
void synic_init(void);
void synic_enable(bool on);
uint64_t hypercall(uint64_t control, uint64_t in, uint64_t out);
uint16_t post(uint32_t connection, const void *payload, uint32_t size);
uint16_t signal_event(uint32_t connection);
bool poll(struct message *msg);
bool await(struct message *msg, uint32_t type);
bool event_seen(uint32_t relid);

/* proto.c */
uint32_t get32(const struct message *msg, int offset);
bool post_words(uint32_t connection, uint32_t type, const uint32_t *words,
                int count);
bool contact(uint32_t connection, uint32_t version, uint32_t target,
             struct message *answer);
bool request_offers(void);
uint32_t create_gpadl(uint32_t relid, uint32_t gpadl, uint64_t gpa,
                      uint32_t pages);
bool teardown_gpadl(uint32_t relid, uint32_t gpadl);
uint32_t open_channel(uint32_t relid, uint32_t gpadl, uint32_t vp,
                      uint32_t offset);
void close_channel(uint32_t relid);
bool connect_and_open(void);

/* fuzz.c */
void case_fuzz(const char *seed);

#endif

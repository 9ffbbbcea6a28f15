/*
 * A bare guest of the VMBus: well-formed messages and their answers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "vmbus.h"

#define GPADL_OF_RINGS   0x1000
#define INSUFFICIENT_BUFFERS 19
/* PFNs in one message: after its header, and a range's in the first */
#define HEADER_PFNS      26
#define BODY_PFNS        28

struct offer offers[MAX_OFFERS];
int num_offers;

uint32_t get32(const struct message *msg, int offset)
{
    uint32_t v = 0;

    for (int i = 3; i >= 0; i--) {
        v = v << 8 | msg->payload[offset + i];
    }
    return v;
}

/* The host queues 16 messages; wait until it takes one more. */
static bool post_again(uint32_t connection, const void *payload, uint32_t size)
{
    uint64_t start = ticks();
    struct message msg;
    uint16_t status;

    while (ticks() - start < PATIENCE) {
        status = post(connection, payload, size);
        if (status != INSUFFICIENT_BUFFERS) {
            return status == 0;
        }
        /* it may wait for room for an answer to an earlier one */
        poll(&msg);
    }
    return false;
}

bool post_words(uint32_t connection, uint32_t type, const uint32_t *words,
                int count)
{
    uint32_t payload[PAYLOAD / 4] = { type, 0 };

    for (int i = 0; i < count; i++) {
        payload[2 + i] = words[i];
    }
    return post_again(connection, payload, 8 + 4 * count);
}

/* @target: SINT and VTL, for versions that have them */
bool contact(uint32_t connection, uint32_t version, uint32_t target,
             struct message *answer)
{
    uint32_t words[8] = { version, 0, target };

    return post_words(connection, MSG_INITIATE_CONTACT, words, 8) &&
        await(answer, MSG_VERSION_RESPONSE);
}

bool request_offers(void)
{
    uint64_t start = ticks();
    struct message msg;

    num_offers = 0;
    if (!post_words(CONN_NEW, MSG_REQUEST_OFFERS, NULL, 0)) {
        return false;
    }
    while (ticks() - start < PATIENCE) {
        if (!poll(&msg)) {
            continue;
        }
        if (get32(&msg, 0) == MSG_ALL_OFFERS) {
            return true;
        }
        if (get32(&msg, 0) == MSG_OFFER && num_offers < MAX_OFFERS) {
            offers[num_offers].index = get32(&msg, 180);
            offers[num_offers].relid = get32(&msg, 184);
            offers[num_offers++].connection = get32(&msg, 192);
        }
    }
    return false;
}

static void put64(uint8_t *to, uint64_t v)
{
    for (int i = 0; i < 8; i++) {
        to[i] = v >> 8 * i;
    }
}

/* Return: the host's status, or -1. */
uint32_t create_gpadl(uint32_t relid, uint32_t gpadl, uint64_t gpa,
                      uint32_t pages)
{
    uint8_t m[PAYLOAD] = { MSG_GPADL_HEADER };
    uint32_t *words = (uint32_t *)m;
    uint32_t i, done = 0;
    struct message msg;

    words[2] = relid;
    words[3] = gpadl;
    words[4] = 1 << 16 | (8 + 8 * pages);
    words[5] = pages * PAGE;
    words[6] = 0;
    for (; done < pages && done < HEADER_PFNS; done++) {
        put64(m + 28 + 8 * done, gpa / PAGE + done);
    }
    if (!post_again(CONN_NEW, m, 28 + 8 * done)) {
        return -1;
    }
    while (done < pages) {
        words[0] = MSG_GPADL_BODY;
        words[2] = 0;
        words[3] = gpadl;
        for (i = 0; done < pages && i < BODY_PFNS; i++, done++) {
            put64(m + 16 + 8 * i, gpa / PAGE + done);
        }
        if (!post_again(CONN_NEW, m, 16 + 8 * i)) {
            return -1;
        }
    }
    if (!await(&msg, MSG_GPADL_CREATED) || get32(&msg, 12) != gpadl) {
        return -1;
    }
    return get32(&msg, 16);
}

bool teardown_gpadl(uint32_t relid, uint32_t gpadl)
{
    uint32_t words[] = { relid, gpadl };
    struct message msg;

    return post_words(CONN_NEW, MSG_GPADL_TEARDOWN, words, 2) &&
        await(&msg, MSG_GPADL_TORNDOWN) && get32(&msg, 8) == gpadl;
}

/* Return: the host's status, or -1. */
uint32_t open_channel(uint32_t relid, uint32_t gpadl, uint32_t vp,
                      uint32_t offset)
{
    uint32_t words[35] = { relid, 77, gpadl, vp, offset };
    struct message msg;

    if (!post_words(CONN_NEW, MSG_OPEN, words, 35) ||
        !await(&msg, MSG_OPEN_RESULT) || get32(&msg, 8) != relid ||
        get32(&msg, 12) != 77) {
        return -1;
    }
    return get32(&msg, 16);
}

void close_channel(uint32_t relid)
{
    uint32_t words[] = { relid };

    check(post_words(CONN_NEW, MSG_CLOSE, words, 1), "post CLOSECHANNEL");
}

/* From any state: connect as a driver does, and disconnect. */
bool connect_and_open(void)
{
    struct message msg = { 0 };
    uint32_t relid;

    /* the first answer may belong to an earlier message */
    for (int i = 0; i < 3 && !msg.payload[8]; i++) {
        if (!contact(CONN_NEW, VERSION(5, 3), 2, &msg)) {
            return false;
        }
    }
    if (!msg.payload[8] || !request_offers() || !num_offers) {
        return false;
    }
    relid = offers[0].relid;
    for (uint64_t i = 0; i < RING_PAGES * PAGE; i++) {
        private_view(RINGS)[i] = 0;
    }
    if (create_gpadl(relid, GPADL_OF_RINGS, RINGS, RING_PAGES) ||
        open_channel(relid, GPADL_OF_RINGS, 0, SEND_OFFSET)) {
        return false;
    }
    close_channel(relid);
    return teardown_gpadl(relid, GPADL_OF_RINGS);
}

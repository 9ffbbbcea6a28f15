/*
 * A bare guest of the VMBus: one mistake at a time, and its answer
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "vmbus.h"

#define MMIO_GPA 0xfec00000ULL

static uint32_t relid;

static void connect(uint32_t version)
{
    struct message msg;

    check(contact(CONN_NEW, version, 2, &msg) && msg.payload[8], "connect");
    check(request_offers() && num_offers > 0, "offers");
    relid = offers[0].relid;
    check(offers[0].index == 0, "the first offer is a primary channel");
}

static bool one_version(uint32_t version, uint32_t target, bool good)
{
    struct message msg;

    if (!contact(CONN_NEW, version, target, &msg) ||
        msg.payload[8] != good) {
        return false;
    }
    if (!good) {
        return true;
    }
    return get32(&msg, 12) == (version < VERSION(5, 0) ? version : CONN_NEW);
}

static void case_versions(void)
{
    check(one_version(VERSION(6, 0), 2, false), "6.0 is refused");
    check(one_version(VERSION(5, 3), 2, true), "5.3");
    check(one_version(VERSION(5, 2), 2, true), "5.2");
    check(one_version(VERSION(5, 1), 2, true), "5.1");
    check(one_version(VERSION(5, 0), 2, true), "5.0");
    check(one_version(VERSION(4, 1), 0, true), "4.1");
    check(one_version(VERSION(4, 0), 0, true), "4.0");
    check(one_version(VERSION(3, 7), 0, false), "3.7 does not exist");
    check(one_version(VERSION(5, 3), 3, false), "another SINT is refused");
    check(one_version(VERSION(5, 3), 2 | 2 << 8, false), "VTL 2 is refused");
    check(one_version(0, 0, false), "0 is refused");
    check(post_words(CONN_NEW, MSG_REQUEST_OFFERS, NULL, 0),
          "ask for offers without a version");
    connect(VERSION(5, 2));
}

static void case_gpadl(void)
{
    connect(VERSION(5, 3));
    check(create_gpadl(relid, 1, RINGS, 8) == 0, "8 pages");
    check(create_gpadl(relid, 1, RINGS, 8) != 0, "the same id again");
    check(create_gpadl(relid, 2, RINGS, 600) == 0, "600 pages, with bodies");
    check(create_gpadl(999, 3, RINGS, 8) != 0, "of no channel");
    check(create_gpadl(relid, 4, RINGS, 0) != 0, "no pages");
    check(create_gpadl(relid, 5, ~0ULL << 12, 1) == 0, "beyond RAM");
    check(open_channel(relid, 5, 0, SEND_OFFSET) != 0, "open beyond RAM");
    check(teardown_gpadl(relid, 1), "tear down");
    check(create_gpadl(relid, 1, RINGS, 8) == 0, "the id is free again");
}

static void open_fails(uint32_t gpadl, uint32_t vp, uint32_t offset,
                       const char *what)
{
    uint32_t status = open_channel(relid, gpadl, vp, offset);

    check(status != 0 && status != (uint32_t)-1, what);
}

static void case_open(void)
{
    connect(VERSION(5, 3));
    check(create_gpadl(relid, 1, RINGS, RING_PAGES) == 0, "rings");
    check(create_gpadl(relid, 2, MMIO_GPA, RING_PAGES) == 0, "device memory");
    open_fails(9, 0, SEND_OFFSET, "unknown GPADL");
    open_fails(2, 0, SEND_OFFSET, "rings in device memory");
    open_fails(1, 55, SEND_OFFSET, "unknown VP");
    open_fails(1, -1, SEND_OFFSET, "VP -1");
    open_fails(1, 0, 0, "send ring at 0");
    open_fails(1, 0, 1, "no data in the receive ring");
    open_fails(1, 0, RING_PAGES - 1, "no data in the send ring");
    open_fails(1, 0, RING_PAGES, "send ring beyond the GPADL");
    open_fails(1, 0, -1, "send ring at -1");
    ((struct ring *)RINGS)->read_index = 3 * PAGE;
    open_fails(1, 0, SEND_OFFSET, "read index beyond the ring");
    ((struct ring *)RINGS)->read_index = 0;
    check(open_channel(relid, 1, 0, SEND_OFFSET) == 0, "open");
    open_fails(1, 0, SEND_OFFSET, "open twice");
    close_channel(relid);
    close_channel(relid);
    check(teardown_gpadl(relid, 1), "tear down after close");
}

/* The answer to a teardown comes when no device uses the memory. */
static void case_teardown(void)
{
    uint32_t words[2];
    struct message msg;

    connect(VERSION(5, 3));
    words[0] = relid;
    words[1] = 1;
    check(create_gpadl(relid, 1, RINGS, RING_PAGES) == 0, "rings");
    check(open_channel(relid, 1, 0, SEND_OFFSET) == 0, "open");
    check(post_words(CONN_NEW, MSG_GPADL_TEARDOWN, words, 2), "tear down");
    /* another request is answered meanwhile */
    check(create_gpadl(relid, 2, RINGS + 64 * PAGE, 1) == 0,
          "no answer to the teardown while the channel is open");
    close_channel(relid);
    check(await(&msg, MSG_GPADL_TORNDOWN), "answer after close");
}

static uint32_t modify(uint32_t vp)
{
    uint32_t words[] = { relid, vp };
    struct message msg;

    if (!post_words(CONN_NEW, MSG_MODIFY, words, 2) ||
        !await(&msg, MSG_MODIFY_RESPONSE) || get32(&msg, 8) != relid) {
        return -1;
    }
    return get32(&msg, 12);
}

static void case_modify(void)
{
    connect(VERSION(5, 3));
    check(create_gpadl(relid, 1, RINGS, RING_PAGES) == 0, "rings");
    check(modify(0) != 0, "a closed channel");
    check(open_channel(relid, 1, 0, SEND_OFFSET) == 0, "open");
    check(modify(0) == 0, "the same VP");
    check(modify(77) != 0 && modify(77) != (uint32_t)-1, "an unknown VP");
    close_channel(relid);
}

static void case_unload(void)
{
    struct message msg;

    check(post_words(CONN_NEW, MSG_UNLOAD, NULL, 0), "UNLOAD before contact");
    connect(VERSION(5, 3));
    check(create_gpadl(relid, 1, RINGS, RING_PAGES) == 0, "rings");
    check(open_channel(relid, 1, 0, SEND_OFFSET) == 0, "open");
    check(post_words(CONN_NEW, MSG_UNLOAD, NULL, 0) &&
          await(&msg, MSG_UNLOAD_RESPONSE), "UNLOAD");
    check(connect_and_open(), "connect again");
}

/* The runner unplugs the device, and plugs in one with the same instance. */
static void case_unplug(void)
{
    uint32_t words[1];
    struct message msg;
    bool seen;

    connect(VERSION(5, 3));
    words[0] = relid;
    check(create_gpadl(relid, 1, RINGS, RING_PAGES) == 0, "rings");
    check(open_channel(relid, 1, 0, SEND_OFFSET) == 0, "open");
    print("unplug\n");
    do {
        seen = poll(&msg);
    } while (!seen || get32(&msg, 0) != MSG_RESCIND);
    check(get32(&msg, 8) == relid, "rescind of the channel");
    print("plug\n");
    for (long i = 0; i < 2000000; i++) {
        if (poll(&msg)) {
            break;
        }
    }
    check(msg.type == 1 && get32(&msg, 0) == MSG_RESCIND,
          "no offer before the old id is released");
    check(post_words(CONN_NEW, MSG_RELID_RELEASED, words, 1), "release");
    check(await(&msg, MSG_OFFER), "offer");
    check(get32(&msg, 184) != 0, "a channel id");
    offers[0].relid = relid = get32(&msg, 184);
    check(create_gpadl(relid, 1, RINGS, RING_PAGES) == 0,
          "the GPADL id is free again");
    check(open_channel(relid, 1, 0, SEND_OFFSET) == 0, "open");
}

const struct test_case cases[] = {
    { "versions", case_versions },
    { "gpadl", case_gpadl },
    { "open", case_open },
    { "teardown", case_teardown },
    { "modify", case_modify },
    { "unload", case_unload },
    { "unplug", case_unplug },
    { NULL, NULL },
};

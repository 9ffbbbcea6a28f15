/*
 * A bare guest of the VMBus: random input
 *
 * Messages, rings and registers at random, but mostly almost valid: the first
 * checks refuse obvious nonsense.  The numbers come from a random seed, so a
 * run can be repeated.  After each round the host must still be able to
 * connect, offer and open.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "vmbus.h"

#define STEPS 300
#define ROUNDS 20
#define QUIET    (PATIENCE / 200)
#define FUZZ_GPADL 0x2000

static uint64_t state;

static uint32_t any(uint32_t limit)
{
    /* xorshift64* */
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    return (uint32_t)((state * 0x2545f4914f6cdd1d) >> 32) % limit;
}

static uint32_t odd_number(void)
{
    static const uint32_t odd[] = {
        0, 1, 2, 3, 4, 7, 8, 9, 24, 25, 0x7f, 0x80, 0xff, 0x100, 0xfff,
        0x1000, 0x1001, 0x3000, 0x7fff, 0x8000, 0xfff8, 0xffff, 0x10000,
        0x7fffffff, 0x80000000, 0xfffff000, 0xfffffff8, 0xfffffffe, 0xffffffff,
    };

    return any(8) ? odd[any(sizeof(odd) / sizeof(odd[0]))] : any(0xffffffff);
}

static uint32_t some_relid(void)
{
    if (any(8) && num_offers) {
        return offers[any(num_offers)].relid;
    }
    return any(4) ? any(40) : odd_number();
}

static uint32_t some_gpadl(void)
{
    return any(8) ? FUZZ_GPADL + any(6) : odd_number();
}

static uint64_t some_pfn(void)
{
    static const uint64_t odd[] = {
        0, 0xa0, 0xf0, 0xe0000, 0xfec00, 0xfee00, 0xfffff, 0x100000,
        MESSAGE_PAGE / PAGE, EVENT_PAGE / PAGE, 1ULL << 34, 1ULL << 51,
        1ULL << 52, ~0ULL, ~0ULL >> 12,
    };

    return any(30) ? RINGS / PAGE + any(64) :
        odd[any(sizeof(odd) / sizeof(odd[0]))];
}

static uint32_t some_version(void)
{
    static const uint32_t versions[] = {
        VERSION(0, 13), VERSION(1, 1), VERSION(2, 4), VERSION(3, 0),
        VERSION(4, 0), VERSION(4, 1), VERSION(5, 0), VERSION(5, 1),
        VERSION(5, 2), VERSION(5, 3), VERSION(6, 0),
    };

    return any(6) ? versions[any(11)] : odd_number();
}

static void fuzz_post(uint32_t *m, uint32_t size)
{
    if (!any(12)) {
        m[any(PAYLOAD / 4)] = odd_number();
    }
    if (!any(12)) {
        size = any(2) ? any(PAYLOAD + 1) : any(40);
    }
    post(any(6) ? CONN_NEW : any(2) ? CONN_OLD : any(8), m, size);
}

static void fuzz_gpadl(uint32_t *m)
{
    uint32_t pages = any(4) ? RING_PAGES : any(60);
    uint32_t in_header = pages < 26 ? pages : 26;

    m[0] = MSG_GPADL_HEADER;
    m[2] = some_relid();
    m[3] = some_gpadl();
    m[4] = (any(20) ? 1 : any(65536)) << 16 |
        (any(20) ? 8 + 8 * pages : any(65536));
    m[5] = any(20) ? pages * PAGE : odd_number();
    m[6] = any(20) ? 0 : odd_number();
    for (uint32_t i = 0; i < in_header; i++) {
        uint64_t pfn = some_pfn();

        m[7 + 2 * i] = pfn;
        m[8 + 2 * i] = pfn >> 32;
    }
    fuzz_post(m, 28 + 8 * in_header);
}

static void fuzz_body(uint32_t *m)
{
    m[0] = MSG_GPADL_BODY;
    m[3] = some_gpadl();
    for (int i = 4; i + 1 < PAYLOAD / 4; i += 2) {
        uint64_t pfn = some_pfn();

        m[i] = pfn;
        m[i + 1] = pfn >> 32;
    }
    fuzz_post(m, 16 + 8 * any(29));
}

static void fuzz_message(void)
{
    uint32_t m[PAYLOAD / 4] = { 0 };

    switch (any(14)) {
    case 0: case 1: case 2:
        fuzz_gpadl(m);
        return;
    case 3:
        fuzz_body(m);
        return;
    case 4: case 5: case 6:
        m[0] = MSG_OPEN;
        m[2] = some_relid();
        m[3] = any(100);
        m[4] = some_gpadl();
        m[5] = any(8) ? 0 : odd_number();
        m[6] = any(8) ? SEND_OFFSET : odd_number();
        fuzz_post(m, 28 + 120);
        return;
    case 7:
        m[0] = MSG_CLOSE;
        m[2] = some_relid();
        fuzz_post(m, 12);
        return;
    case 8:
        m[0] = MSG_GPADL_TEARDOWN;
        m[2] = some_relid();
        m[3] = some_gpadl();
        fuzz_post(m, 16);
        return;
    case 9:
        m[0] = MSG_MODIFY;
        m[2] = some_relid();
        m[3] = any(2) ? 0 : odd_number();
        fuzz_post(m, 16);
        return;
    case 10:
        m[0] = any(2) ? MSG_RELID_RELEASED : MSG_REQUEST_OFFERS;
        m[2] = some_relid();
        fuzz_post(m, 12);
        return;
    case 11:
        if (any(8)) {
            return;
        }
        m[0] = any(2) ? MSG_UNLOAD : MSG_INITIATE_CONTACT;
        m[2] = some_version();
        m[3] = any(4) ? 0 : odd_number();
        m[4] = any(4) ? 2 : odd_number();
        fuzz_post(m, 40);
        return;
    default:
        for (int i = 0; i < PAYLOAD / 4; i++) {
            m[i] = odd_number();
        }
        m[0] = any(MSG_LAST + 4);
        fuzz_post(m, any(PAYLOAD + 8));
    }
}

/* The guest's ring is the first of the two, if the pages are as they should */
static void fuzz_ring(void)
{
    uint64_t base = RINGS + any(64) * PAGE;
    struct ring *ring = (struct ring *)base;
    mem_u8 *data = (mem_u8 *)(base + PAGE);

    switch (any(6)) {
    case 0:
        ring->write_index = odd_number();
        break;
    case 1:
        ring->read_index = odd_number();
        break;
    case 2:
        ring->interrupt_mask = any(3);
        ring->pending_send_sz = odd_number();
        ring->feature_bits = any(2) ? 1 : odd_number();
        break;
    case 3:
        for (int i = 0; i < 256; i++) {
            data[i] = any(256);
        }
        break;
    default:
        ring->read_index = 0;
        ring->write_index = 8 * any(100);
        ((mem_u16 *)data)[0] = any(4) ? (any(2) ? 6 : 9) : any(16);
        ((mem_u16 *)data)[1] = any(4) ? 2 + any(4) : any(65536);
        ((mem_u16 *)data)[2] = any(4) ? 2 + any(20) : any(65536);
        ((mem_u16 *)data)[3] = any(2);
        ((mem_u32 *)data)[4] = odd_number();
        ((mem_u32 *)data)[5] = any(3) ? any(4) : odd_number();
        ((mem_u32 *)data)[6] = any(3) ? any(0x4000) : odd_number();
        ((mem_u32 *)data)[7] = any(3) ? any(0x1000) : odd_number();
        ((mem_u64 *)data)[4] = some_pfn();
        ((mem_u64 *)data)[5] = some_pfn();
    }
}

static void fuzz_step(void)
{
    struct message msg;

    switch (any(16)) {
    case 0: case 1: case 2: case 3: case 4: case 5: case 6:
        fuzz_message();
        break;
    case 7: case 8: case 9:
        fuzz_ring();
        break;
    case 10: case 11:
        signal_event(any(8) && num_offers ? offers[any(num_offers)].connection :
               odd_number());
        break;
    case 12:
        if (!any(20)) {
            synic_enable(any(2));
        }
        break;
    default:
        for (int i = any(2000); i > 0; i--) {
            if (poll(&msg) && get32(&msg, 0) == MSG_OFFER && num_offers &&
                any(2)) {
                offers[any(num_offers)].relid = get32(&msg, 184);
            }
        }
    }
}

/* Take messages until none has come for QUIET ticks. */
static void drain(void)
{
    uint64_t last = ticks();
    struct message msg;

    while (ticks() - last < QUIET) {
        if (poll(&msg)) {
            last = ticks();
        }
    }
}

/*
 * If the host is slow, answers to earlier messages may still arrive and be
 * taken for answers to this one, so try again.  A host that is stuck fails each
 * time.
 */
static bool works_again(void)
{
    for (int i = 0; i < 4; i++) {
        drain();
        if (connect_and_open()) {
            return true;
        }
    }
    return false;
}

/* The command line ends in the seed, a decimal number. */
void case_fuzz(const char *seed)
{
    state = 0;
    while (*seed >= '0' && *seed <= '9') {
        state = state * 10 + *seed++ - '0';
    }
    state = state * 0x9e3779b97f4a7c15 + 1;

    check(connect_and_open(), "connect before");
    for (int round = 0; round < ROUNDS; round++) {
        for (int step = 0; step < STEPS; step++) {
            fuzz_step();
        }
        synic_enable(true);
        if (!works_again()) {
            print_hex("round", round);
            check(false, "connect after a round");
            return;
        }
    }
    check(true, "connect after each round");
}

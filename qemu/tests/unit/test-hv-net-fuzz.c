/*
 * Hyper-V synthetic NIC: mutated messages
 *
 * Feeds the parsers messages that are almost valid. Each message lies at the
 * end of a page, and the next page is inaccessible, so that reading past a
 * message ends the test even without a sanitizer. The sequence is the same at
 * each run; HV_NET_FUZZ_ROUNDS and HV_NET_FUZZ_SEED change its length and its
 * start.
 *
 * This work is licensed under the terms of the GNU GPL, version 2 or later.
 * See the COPYING file in the top-level directory.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "../../hw/hyperv/hv-net-core.h"

/* ldl_*_p() are signed. */
static uint32_t le32(const void *p)
{
    return ldl_le_p(p);
}

#define ARENA       (64 * KiB)
#define ROUNDS      300000

static uint8_t *arena;
static uint64_t seed = 0x243f6a8885a308d3;
static unsigned rounds = ROUNDS;

/* xorshift64* */
static uint32_t rnd(uint32_t below)
{
    seed ^= seed >> 12;
    seed ^= seed << 25;
    seed ^= seed >> 27;
    return (seed * 0x2545f4914f6cdd1d >> 33) % below;
}

/* Values that break comparisons */
static uint32_t odd_value(uint32_t near)
{
    static const uint32_t odd[] = {
        0, 1, 2, 3, 7, 8, 0x7f, 0x80, 0xff, 0x100, 0x7fff, 0x8000, 0xffff,
        0x10000, 0x7fffffff, 0x80000000, 0xfffffff0, 0xffffffff,
    };

    switch (rnd(3)) {
    case 0:
        return odd[rnd(ARRAY_SIZE(odd))];
    case 1:
        return near + rnd(17) - 8;
    default:
        return rnd(256);
    }
}

/* Put @len bytes right before the inaccessible page. */
static uint8_t *place(const uint8_t *msg, size_t len)
{
    return memcpy(arena + ARENA - len, msg, len);
}

static void mutate(uint8_t *msg, size_t len)
{
    unsigned n = rnd(4);

    while (n--) {
        size_t off = rnd(len);

        if (rnd(2) && len >= 4) {
            off = MIN(off & ~3, len - 4);
            stl_le_p(msg + off, odd_value(le32(msg + off)));
        } else {
            msg[off] ^= 1 << rnd(8);
        }
    }
}

static uint32_t fuzz_get(void *opaque, unsigned which, uint32_t gpadl)
{
    int *refs = opaque;

    if (!(gpadl & 1)) {
        return 0;
    }
    refs[which]++;
    return gpadl;
}

static void fuzz_put(void *opaque, unsigned which)
{
    int *refs = opaque;

    g_assert_cmpint(refs[which]--, ==, 1);
}

static int fuzz_subchannels(void *opaque, uint32_t count)
{
    return count % 9 - 1;
}

static void fuzz_nvsp(void)
{
    static const HvNetNvspOps ops = { fuzz_get, fuzz_put, fuzz_subchannels };
    static const uint32_t types[] = {
        NVSP_INIT, NVSP1_SEND_NDIS_VERSION, NVSP1_SEND_RECV_BUF,
        NVSP1_REVOKE_RECV_BUF, NVSP1_SEND_SEND_BUF, NVSP1_REVOKE_SEND_BUF,
        NVSP2_SEND_NDIS_CONFIG, NVSP4_SWITCH_DATA_PATH, NVSP5_SUBCHANNEL,
        NVSP1_SEND_RNDIS_PKT, NVSP_INIT_COMPLETE, 0xffff,
    };
    int refs[HV_NET_NUM_BUFS] = {};
    unsigned i, good = 0;
    HvNetNvsp n;

    hv_net_nvsp_begin(&n);
    for (i = 0; i < rounds; i++) {
        uint8_t msg[NVSP_MSG_SIZE + 8] = {};
        size_t len = rnd(4) ? NVSP_MSG_SIZE : rnd(sizeof(msg) + 1);
        NvspMsg resp;
        int ret, b;

        stl_le_p(msg, types[rnd(ARRAY_SIZE(types))]);
        stl_le_p(msg + 4, rnd(2) ? NVSP_VERSION_61 : odd_value(0x60001));
        stl_le_p(msg + 8, rnd(2) ? NVSP_VERSION_61 : odd_value(0x60001));
        mutate(msg, sizeof(msg));
        ret = hv_net_nvsp_handle(&n, &ops, refs, place(msg, len), len, &resp);
        g_assert_true(ret == -EINVAL || ret == 0 || ret == NVSP_MSG_SIZE);
        good += ret >= 0;
        for (b = 0; b < HV_NET_NUM_BUFS; b++) {
            g_assert_cmpint(refs[b], ==, n.buf[b].valid);
            g_assert_true(!n.buf[b].valid || n.buf[b].sections);
        }
        g_assert_cmpint(n.frame_max, >=, HV_NET_MIN_FRAME);
        g_assert_cmpint(n.frame_max, <=, HV_NET_MAX_FRAME);
        if (!rnd(64)) {
            hv_net_nvsp_end(&n, &ops, refs);
        }
    }
    hv_net_nvsp_end(&n, &ops, refs);
    g_test_message("%u of %u messages accepted", good, rounds);
    g_assert_cmpint(good, >, rounds / 20);
}

/* A SET that would work: RSS parameters, or the MAC address */
static size_t valid_set(uint8_t *msg)
{
    uint8_t *val = msg + 28;
    size_t i, len = 40 + 16 + 40;

    stl_le_p(msg + 12, OID_GEN_RECEIVE_SCALE_PARAMS);
    stl_le_p(val + 8, NDIS_HASH_TOEPLITZ | 0x1700);
    stw_le_p(val + 12, 16);
    stl_le_p(val + 16, 40);
    stw_le_p(val + 20, 40);
    stl_le_p(val + 24, 56);
    if (rnd(2)) {
        static const char name[] = "NetworkAddress02abcd000001";

        memset(val, 0, len);
        stl_le_p(msg + 12, OID_GEN_RNDIS_CONFIG_PARAMETER);
        stl_le_p(val, 20);
        stl_le_p(val + 4, 28);
        stl_le_p(val + 8, RNDIS_CONFIG_STRING);
        stl_le_p(val + 12, 48);
        stl_le_p(val + 16, 24);
        for (i = 0; i < strlen(name); i++) {
            stw_le_p(val + 20 + 2 * i, name[i]);
        }
        len = 72;
    }
    stl_le_p(msg + 16, len);
    stl_le_p(msg + 20, 20);
    return 28 + len;
}

static void fuzz_control(void)
{
    static const uint32_t oids[] = {
        OID_GEN_SUPPORTED_LIST, OID_GEN_CURRENT_PACKET_FILTER,
        OID_802_3_MULTICAST_LIST, OID_TCP_OFFLOAD_PARAMETERS,
        OID_TCP_OFFLOAD_HARDWARE_CAPS, OID_GEN_RECEIVE_SCALE_CAPS,
        OID_GEN_FRIENDLY_NAME, OID_GEN_RECEIVE_SCALE_PARAMS,
    };
    g_autofree uint8_t *resp = g_malloc(HV_NET_CTRL_MAX + 16);
    HvNetRndis r = { .channels = 8 };
    unsigned i, j, answers = 0, rss = 0, mac = 0;

    hv_net_rndis_reset(&r);
    memset(resp + HV_NET_CTRL_MAX, 0xa5, 16);
    for (i = 0; i < rounds; i++) {
        uint8_t msg[256] = {};
        size_t n, len = 28 + rnd(200);

        stl_le_p(msg, 2 + rnd(8));
        stl_le_p(msg + 12, oids[rnd(ARRAY_SIZE(oids))]);
        stl_le_p(msg + 16, len - 28);
        stl_le_p(msg + 20, 20);
        if (rnd(2)) {
            stl_le_p(msg, RNDIS_SET);
            len = valid_set(msg);
        }
        stl_le_p(msg + 4, len);
        mutate(msg, len);
        if (!rnd(8)) {
            len = rnd(len + 1);
        }
        r.nvsp_version = rnd(2) ? NVSP_VERSION_61 : NVSP_VERSION_4;
        memset(r.mac, 0, 6);
        n = hv_net_rndis_control(&r, place(msg, len), len, resp);
        g_assert_cmpint(n, <=, HV_NET_CTRL_MAX);
        answers += n > 0;
        rss += r.rss.enabled;
        mac += r.mac[0] == 2;
        if (n) {
            g_assert_cmpint(le32(resp + 4), ==, n);
        }
        g_assert_cmpint(r.mcast_count, <=, HV_NET_MAX_MCAST);
        g_assert_cmpint(r.rss.table_len, <=, NDIS_RSS_TABLE_LEN);
        for (j = 0; j < r.rss.table_len; j++) {
            g_assert_cmpint(r.rss.table[j], <, r.channels);
        }
    }
    for (i = 0; i < 16; i++) {
        g_assert_cmphex(resp[HV_NET_CTRL_MAX + i], ==, 0xa5);
    }
    g_test_message("%u answers, RSS on %u times, MAC set %u times",
                   answers, rss, mac);
    g_assert_cmpint(answers, >, rounds / 4);
    g_assert_cmpint(rss, >, rounds / 50);
    g_assert_cmpint(mac, >, rounds / 50);
}

/* Read all of what is emitted. */
static void fuzz_emit(void *opaque, const struct iovec *iov, int cnt)
{
    uint64_t *sum = opaque;
    int i;

    for (i = 0; i < cnt; i++) {
        const uint8_t *p = iov[i].iov_base;

        g_assert_cmpint(iov[i].iov_len, >, 0);
        *sum += p[0] + p[iov[i].iov_len - 1];
    }
}

/* A TCP or UDP frame over IPv4 or IPv6, perhaps tagged. Return: its length */
static size_t valid_frame(uint8_t *f, uint32_t *l4)
{
    bool ip6 = rnd(2), tcp = rnd(2);
    size_t l3 = 14, payload = rnd(200), l4_len = (tcp ? 20 : 8) + payload;

    memset(f, 0, 400);
    if (!rnd(4)) {
        stl_be_p(f + 12, 0x81000123);
        l3 = 18;
    }
    stw_be_p(f + l3 - 2, ip6 ? 0x86dd : 0x0800);
    *l4 = l3 + (ip6 ? 40 : 20);
    f[l3] = ip6 ? 0x60 : 0x45;
    stw_be_p(f + l3 + (ip6 ? 4 : 2), ip6 ? l4_len : l4_len + 20);
    f[l3 + (ip6 ? 6 : 9)] = tcp ? 6 : 17;
    f[*l4 + 6] = 1;
    f[*l4 + 12] = 0x50;
    return *l4 + l4_len;
}

static void fuzz_tx(void)
{
    unsigned i, frames = 0, dropped = 0;
    uint64_t sum = 0;

    for (i = 0; i < rounds; i++) {
        uint8_t msg[600] = {};
        uint32_t l4;
        size_t flen = valid_frame(msg + 92, &l4), len = 92 + flen;
        HvNetTxPkt pkt;
        uint8_t *p;
        ssize_t ret;

        stl_le_p(msg, RNDIS_PACKET);
        stl_le_p(msg + 4, len);
        stl_le_p(msg + 8, 84);
        stl_le_p(msg + 12, flen);
        stl_le_p(msg + 28, 36);
        stl_le_p(msg + 32, 48);
        for (p = msg + 44; p < msg + 92; p += 16) {
            stl_le_p(p, 16);
            stl_le_p(p + 4, rnd(9));
            stl_le_p(p + 8, 12);
            stl_le_p(p + 12, rnd(2) ? l4 << 16 | rnd(32) :
                     l4 << 20 | rnd(64) | rnd(4) << 30);
        }
        mutate(msg, rnd(2) ? len : 92);
        p = place(msg, len);
        ret = hv_net_tx_parse(p, len, &pkt);
        if (ret < 0) {
            continue;
        }
        g_assert_cmpint(ret, <=, len);
        ret = hv_net_tx_emit(&pkt, fuzz_emit, &sum);
        if (ret < 0) {
            dropped++;
        } else {
            frames += ret;
        }
    }
    g_test_message("%u frames, %u dropped, sum 0x%" PRIx64, frames, dropped,
                   sum);
    g_assert_cmpint(frames, >, rounds / 4);
    g_assert_cmpint(dropped, >, rounds / 50);
}

static void fuzz_rx(void)
{
    HvNetRndis r = {
        .channels = 8, .initialized = true, .rx_csum = ~0u, .filter = 0x2f,
        .rss = { .enabled = true, .hash_info = ~0u, .table_len = 128 },
    };
    unsigned i, hashed = 0;

    for (i = 0; i < sizeof(r.rss.table); i++) {
        r.rss.table[i] = i % 8;
    }
    memset(r.rss.key, 0x6d, sizeof(r.rss.key));
    for (i = 0; i < rounds; i++) {
        uint8_t frame[400];
        HvNetRxHdr h;
        uint32_t l4;
        size_t len = valid_frame(frame, &l4);
        uint8_t *p;

        mutate(frame, rnd(2) ? len : l4);
        if (!rnd(4)) {
            len = rnd(len + 1);
        }
        p = place(frame, len);
        r.vlan = rnd(2);
        if (!hv_net_rx_wanted(&r, p, len)) {
            g_assert_cmpint(len, <, HV_NET_ETH_HLEN);
            continue;
        }
        hv_net_rx_prepare(&r, p, len, &h);
        g_assert_cmpint(h.len, <=, sizeof(h.data));
        g_assert_cmpint(h.channel, <, r.channels);
        g_assert_cmpint(le32(h.data + 4), ==,
                        h.len + len - (h.strip_vlan ? 4 : 0));
        hashed += h.channel > 0;
    }
    g_test_message("%u of %u not on channel 0", hashed, rounds);
    g_assert_cmpint(hashed, >, rounds / 10);
}

int main(int argc, char **argv)
{
    const char *env_rounds = g_getenv("HV_NET_FUZZ_ROUNDS");
    const char *env_seed = g_getenv("HV_NET_FUZZ_SEED");

    g_test_init(&argc, &argv, NULL);
    if (env_rounds) {
        rounds = MAX(g_ascii_strtoull(env_rounds, NULL, 0), 1000);
    }
    if (env_seed) {
        seed ^= g_ascii_strtoull(env_seed, NULL, 0);
    }
    arena = mmap(NULL, ARENA + qemu_real_host_page_size(),
                 PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    g_assert_true(arena != MAP_FAILED);
    g_assert_cmpint(mprotect(arena + ARENA, qemu_real_host_page_size(),
                             PROT_NONE), ==, 0);

    g_test_add_func("/hv-net/fuzz/nvsp", fuzz_nvsp);
    g_test_add_func("/hv-net/fuzz/control", fuzz_control);
    g_test_add_func("/hv-net/fuzz/tx", fuzz_tx);
    g_test_add_func("/hv-net/fuzz/rx", fuzz_rx);
    return g_test_run();
}

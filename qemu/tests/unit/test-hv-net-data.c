/*
 * Hyper-V synthetic NIC: tests of the data path
 *
 * A plain sum in this file verifies checksums.  The values that Microsoft
 * publishes for verification test the RSS hash.
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

static uint32_t be32(const void *p)
{
    return ldl_be_p(p);
}

#define IP4_SRC     { 66, 9, 149, 187 }
#define IP4_DST     { 161, 142, 100, 80 }

/* The Internet checksum's sum, folded: 0xffff if the checksum is right */
static uint32_t sum16(const uint8_t *p, size_t len, uint32_t sum)
{
    size_t i;

    for (i = 0; i < len; i++) {
        sum += i & 1 ? p[i] : p[i] << 8;
        sum = (sum & 0xffff) + (sum >> 16);
    }
    return sum;
}

/* A frame to test with; @l4 is the offset of the TCP or UDP header */
typedef struct Frame {
    uint8_t data[70000];
    uint32_t len;
    bool ip6;
    uint8_t proto;
    uint32_t l4;
} Frame;

static uint32_t pseudo(const uint8_t *frame, bool ip6, uint8_t proto,
                       uint32_t len)
{
    return sum16(frame + (ip6 ? 22 : 26), ip6 ? 32 : 8, proto + len);
}

/* A frame from a guest: the checksum field has the pseudo header's sum. */
static void frame_make(Frame *f, bool ip6, uint8_t proto, uint32_t payload,
                       bool lso)
{
    static const uint8_t src[] = IP4_SRC, dst[] = IP4_DST;
    uint32_t l4_len = (proto == 6 ? 20 : 8) + payload;
    uint32_t i;

    *f = (Frame) { .ip6 = ip6, .proto = proto, .l4 = ip6 ? 54 : 34 };
    f->len = f->l4 + l4_len;
    for (i = f->l4 + (proto == 6 ? 20 : 8); i < f->len; i++) {
        f->data[i] = i * 7 + (i >> 8);
    }
    stw_be_p(f->data + 12, ip6 ? 0x86dd : 0x0800);
    if (ip6) {
        f->data[14] = 0x60;
        stw_be_p(f->data + 18, lso ? 0 : l4_len);
        f->data[20] = proto;
        for (i = 22; i < 54; i++) {
            f->data[i] = i * 3;
        }
    } else {
        f->data[14] = 0x45;
        stw_be_p(f->data + 16, lso ? 0 : 20 + l4_len);
        stw_be_p(f->data + 18, 0xfffe);
        f->data[23] = proto;
        memcpy(f->data + 26, src, 4);
        memcpy(f->data + 30, dst, 4);
    }
    stw_be_p(f->data + f->l4, 2794);
    stw_be_p(f->data + f->l4 + 2, 1766);
    if (proto == 6) {
        stl_be_p(f->data + f->l4 + 4, 0xfffffff0);
        f->data[f->l4 + 12] = 0x50;
        f->data[f->l4 + 13] = 0x99;         /* CWR, ACK, PSH, FIN */
    } else {
        stw_be_p(f->data + f->l4 + 4, l4_len);
    }
    stw_be_p(f->data + f->l4 + (proto == 6 ? 16 : 6),
             pseudo(f->data, ip6, proto, lso ? 0 : l4_len));
}

/* What came out of hv_net_tx_emit() */
typedef struct Out {
    const Frame *f;
    uint32_t mss;
    uint32_t off;
    int count;
    bool vlan;
    uint8_t last[70000];
    size_t last_len;
} Out;

static void out_emit(void *opaque, const struct iovec *iov, int cnt)
{
    Out *o = opaque;

    o->last_len = iov_to_buf(iov, cnt, 0, o->last, sizeof(o->last));
    o->count++;
}

/* Check the frame in o->last alone, then as a part of the whole. */
static void out_emit_segment(void *opaque, const struct iovec *iov, int cnt)
{
    Out *o = opaque;
    const Frame *f = o->f;
    uint32_t payload = f->len - f->l4 - 20;
    uint32_t left = payload - o->off, len, l4_len;
    bool last;

    out_emit(o, iov, cnt);
    if (o->vlan) {
        g_assert_cmphex(be32(o->last + 12), ==, 0x8100a123);
        memmove(o->last + 12, o->last + 16, o->last_len - 16);
        o->last_len -= 4;
    }
    len = o->last_len - f->l4 - 20;
    l4_len = o->last_len - f->l4;
    g_assert_cmpint(len, ==, MIN(o->mss, left));
    last = len == left;

    if (f->ip6) {
        g_assert_cmpint(lduw_be_p(o->last + 18), ==, l4_len);
    } else {
        g_assert_cmpint(lduw_be_p(o->last + 16), ==, 20 + l4_len);
        g_assert_cmphex(lduw_be_p(o->last + 18), ==,
                        (uint16_t)(0xfffe + o->count - 1));
        g_assert_cmphex(sum16(o->last + 14, 20, 0), ==, 0xffff);
    }
    g_assert_cmphex(be32(o->last + f->l4 + 4), ==, 0xfffffff0 + o->off);
    g_assert_cmphex(o->last[f->l4 + 13], ==,
                    0x10 | (o->off ? 0 : 0x80) | (last ? 0x09 : 0));
    g_assert_cmphex(sum16(o->last + f->l4, l4_len,
                          pseudo(o->last, f->ip6, 6, l4_len)), ==, 0xffff);
    g_assert_cmpmem(o->last + f->l4 + 20, len,
                    f->data + f->l4 + 20 + o->off, len);
    o->off += len;
}

static void test_tx_lso(void)
{
    static const uint32_t sizes[] = { 1, 8, 1447, 1448, 1449, 4096, 61000 };
    g_autofree Frame *f = g_new(Frame, 1);
    g_autofree Out *o = g_new(Out, 1);
    int i;

    for (i = 0; i < 4 * ARRAY_SIZE(sizes); i++) {
        uint32_t payload = sizes[i / 4], mss = i / 4 == 1 ? 8 : 1448;
        HvNetTxPkt pkt = { .frame = f->data, .vlan = i & 2,
                           .vlan_tci = 0xa123 };
        int n;

        frame_make(f, i & 1, 6, payload, true);
        *o = (Out) { .f = f, .mss = mss, .vlan = pkt.vlan };
        pkt.len = f->len;
        pkt.lso = mss | f->l4 << 20 | NDIS_LSO_V2 |
                  (f->ip6 ? NDIS_LSO_IPV6 : 0);
        n = hv_net_tx_emit(&pkt, out_emit_segment, o);
        g_assert_cmpint(n, ==, DIV_ROUND_UP(payload, mss));
        g_assert_cmpint(o->count, ==, n);
        g_assert_cmpint(o->off, ==, payload);
    }
}

static void test_tx_csum(void)
{
    g_autofree Frame *f = g_new(Frame, 1);
    g_autofree Out *o = g_new0(Out, 1);
    int i;

    for (i = 0; i < 4 * 64; i++) {
        bool ip6 = i & 1, udp = i & 2;
        HvNetTxPkt pkt = { .frame = f->data };
        uint32_t l4_len;

        frame_make(f, ip6, udp ? 17 : 6, i >> 2, false);
        l4_len = f->len - f->l4;
        pkt.len = f->len;
        pkt.csum = f->l4 << 16 | (udp ? NDIS_TXCSUM_UDP : NDIS_TXCSUM_TCP) |
            (ip6 ? NDIS_TXCSUM_IPV6 : NDIS_TXCSUM_IPV4 |
                                      NDIS_TXCSUM_IP_HEADER);
        g_assert_cmpint(hv_net_tx_emit(&pkt, out_emit, o), ==, 1);
        g_assert_cmpint(o->last_len, ==, f->len);
        g_assert_cmphex(sum16(o->last + f->l4, l4_len,
                              pseudo(o->last, ip6, f->proto, l4_len)),
                        ==, 0xffff);
        if (!ip6) {
            g_assert_cmphex(sum16(o->last + 14, 20, 0), ==, 0xffff);
        }
    }
}

/* Headers that contradict the per-packet information */
static void test_tx_bad(void)
{
    g_autofree Frame *f = g_new(Frame, 1);
    g_autofree Out *o = g_new0(Out, 1);
    static const struct {
        uint32_t csum, lso;
    } bad[] = {
        { NDIS_TXCSUM_TCP | NDIS_TXCSUM_UDP | 34 << 16, 0 },
        { NDIS_TXCSUM_TCP, 0 },
        { NDIS_TXCSUM_TCP | 81u << 16, 0 },
        { NDIS_TXCSUM_TCP | 0x3ffu << 16, 0 },
        { NDIS_TXCSUM_UDP | 93u << 16, 0 },
        { 0, 1448 | 34 << 20 },                             /* version 1 */
        { 0, 1448 | 34 << 20 | NDIS_LSO_V2 | NDIS_LSO_IPV6 },
        { 0, 1448 | 33 << 20 | NDIS_LSO_V2 },
        { 0, 1448 | 81 << 20 | NDIS_LSO_V2 },
        { 0, 1448 | 0x3ffu << 20 | NDIS_LSO_V2 },
        { 0, 7 | 34 << 20 | NDIS_LSO_V2 },
        { 0, 0xfffff | 34 << 20 | NDIS_LSO_V2 },
    };
    int i;

    frame_make(f, false, 6, 46, false);
    g_assert_cmpint(f->len, ==, 100);
    for (i = 0; i < ARRAY_SIZE(bad); i++) {
        HvNetTxPkt pkt = { .frame = f->data, .len = f->len,
                           .csum = bad[i].csum, .lso = bad[i].lso };

        g_assert_cmpint(hv_net_tx_emit(&pkt, out_emit, o), ==, -EINVAL);
    }

    /* headers that claim to be shorter than possible, longer than the frame */
    for (i = 0; i < 8; i++) {
        static const struct {
            uint32_t off, value, len;
        } hdr[] = { { 14, 0x44, 100 }, { 14, 0x4f, 73 }, { 46, 0x40, 100 },
                    { 46, 0xf0, 93 } };
        HvNetTxPkt pkt = { .frame = f->data, .len = hdr[i / 2].len };
        uint8_t old = f->data[hdr[i / 2].off];

        if (i & 1) {
            pkt.lso = 1448 | 34 << 20 | NDIS_LSO_V2;
        } else {
            pkt.csum = NDIS_TXCSUM_IPV4 | NDIS_TXCSUM_IP_HEADER;
        }
        f->data[hdr[i / 2].off] = hdr[i / 2].value;
        g_assert_cmpint(hv_net_tx_emit(&pkt, out_emit, o), ==,
                        i == 4 || i == 6 ? 1 : -EINVAL);
        f->data[hdr[i / 2].off] = old;
    }
    g_assert_cmpint(o->count, ==, 2);
}

static void put_ppi(uint8_t *p, uint32_t type, uint32_t val)
{
    stl_le_p(p, 16);
    stl_le_p(p + 4, type);
    stl_le_p(p + 8, 12);
    stl_le_p(p + 12, val);
}

static void test_tx_parse(void)
{
    uint8_t buf[44 + 48 + 60] = {};
    HvNetTxPkt pkt;
    int i;

    stl_le_p(buf, RNDIS_PACKET);
    stl_le_p(buf + 4, sizeof(buf));
    stl_le_p(buf + 8, 36 + 48);                 /* data */
    stl_le_p(buf + 12, 60);
    stl_le_p(buf + 28, 36);                     /* per-packet information */
    stl_le_p(buf + 32, 48);
    put_ppi(buf + 44, RNDIS_PPI_VLAN, 5 | 0x123 << 4);
    put_ppi(buf + 60, RNDIS_PPI_CHECKSUM, 0x220005);
    put_ppi(buf + 76, RNDIS_PPI_LSO, 0x42);
    g_assert_cmpint(hv_net_tx_parse(buf, sizeof(buf), &pkt), ==, sizeof(buf));
    g_assert_cmpint(pkt.len, ==, 60);
    g_assert_true(pkt.frame == buf + 92);
    g_assert_true(pkt.vlan);
    g_assert_cmphex(pkt.vlan_tci, ==, 0xa123);
    g_assert_cmphex(pkt.csum, ==, 0x220005);
    g_assert_cmphex(pkt.lso, ==, 0x42);

    /* every offset and length, too large by one and by far */
    for (i = 0; i < 8; i++) {
        static const int field[] = { 4, 8, 12, 28, 32, 44, 52, 76 };
        uint32_t old = le32(buf + field[i]);

        stl_le_p(buf + field[i], i == 6 ? 13 : old + 1);
        g_assert_cmpint(hv_net_tx_parse(buf, sizeof(buf), &pkt), <, 0);
        stl_le_p(buf + field[i], 0xffffffff);
        g_assert_cmpint(hv_net_tx_parse(buf, sizeof(buf), &pkt), <, 0);
        stl_le_p(buf + field[i], old);
    }
    g_assert_cmpint(hv_net_tx_parse(buf, sizeof(buf) - 1, &pkt), <, 0);
    g_assert_cmpint(hv_net_tx_parse(buf, sizeof(buf), &pkt), ==, sizeof(buf));
}

/* The value of a piece of per-packet information, or @none */
static uint32_t find_ppi(const HvNetRxHdr *h, uint32_t type, uint32_t none)
{
    uint32_t off = 44;

    for (; off < h->len; off += le32(h->data + off)) {
        if (le32(h->data + off + 4) == type) {
            return le32(h->data + off + le32(h->data + off + 8));
        }
    }
    return none;
}

static const uint8_t rss_key[] = {
    0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2,
    0x41, 0x67, 0x25, 0x3d, 0x43, 0xa3, 0x8f, 0xb0,
    0xd0, 0xca, 0x2b, 0xcb, 0xae, 0x7b, 0x30, 0xb4,
    0x77, 0xcb, 0x2d, 0xa3, 0x80, 0x30, 0xf2, 0x0c,
    0x6a, 0x42, 0xb7, 0x3b, 0xbe, 0xac, 0x01, 0xfa,
};

/* Set RSS; channels 0 to 3 in turn. Return: the RNDIS status */
static uint32_t set_rss(HvNetRndis *r, uint32_t hash_info, uint32_t entries)
{
    uint8_t buf[40 + 4 * 256 + 40] = {};
    uint32_t i;

    buf[0] = NDIS_OBJECT_RSS_PARAMS;
    stl_le_p(buf + 8, hash_info);
    stw_le_p(buf + 12, entries * 4);
    stl_le_p(buf + 16, 40);
    stw_le_p(buf + 20, 40);
    stl_le_p(buf + 24, 40 + entries * 4);
    for (i = 0; i < entries; i++) {
        stl_le_p(buf + 40 + 4 * i, i % 4);
    }
    memcpy(buf + 40 + entries * 4, rss_key, 40);
    return hv_net_oid_set(r, OID_GEN_RECEIVE_SCALE_PARAMS, buf,
                          80 + entries * 4);
}

static void test_rx_rss(void)
{
    g_autofree Frame *f = g_new(Frame, 1);
    HvNetRndis r = { .channels = 4 };
    uint32_t tcp = NDIS_HASH_TOEPLITZ | NDIS_HASH_IPV4 | NDIS_HASH_TCP_IPV4;
    HvNetRxHdr h;

    frame_make(f, false, 6, 10, false);
    hv_net_rx_prepare(&r, f->data, f->len, &h);
    g_assert_cmpint(h.len, ==, 44);
    g_assert_cmpint(h.channel, ==, 0);

    g_assert_cmphex(set_rss(&r, tcp, 128), ==, RNDIS_STATUS_SUCCESS);
    hv_net_rx_prepare(&r, f->data, f->len, &h);
    g_assert_cmphex(find_ppi(&h, RNDIS_PPI_HASH, 0), ==, 0x51ccc178);
    g_assert_cmpint(h.channel, ==, 0x51ccc178 % 128 % 4);

    frame_make(f, false, 17, 10, false);
    hv_net_rx_prepare(&r, f->data, f->len, &h);
    g_assert_cmphex(find_ppi(&h, RNDIS_PPI_HASH, 0), ==, 0x323e8fc2);
    g_assert_cmpint(h.channel, ==, 0x323e8fc2 % 128 % 4);

    /* no such channel, too long a table, an empty one: nothing changes */
    r.channels = 3;
    g_assert_cmphex(set_rss(&r, tcp, 128), ==, RNDIS_STATUS_INVALID_DATA);
    r.channels = 4;
    g_assert_cmphex(set_rss(&r, tcp, 129), ==, RNDIS_STATUS_INVALID_DATA);
    g_assert_cmphex(set_rss(&r, tcp, 0), ==, RNDIS_STATUS_INVALID_DATA);
    g_assert_true(r.rss.enabled);
    g_assert_cmpint(r.rss.table_len, ==, 128);
}

static void test_rx_csum(void)
{
    g_autofree Frame *f = g_new(Frame, 1);
    HvNetRndis r = { .rx_csum = ~0u };
    HvNetRxHdr h;
    int i;

    for (i = 0; i < 4; i++) {
        bool ip6 = i & 1, udp = i & 2;
        uint32_t good = udp ? NDIS_RXCSUM_UDP_GOOD : NDIS_RXCSUM_TCP_GOOD;
        uint32_t bad = udp ? NDIS_RXCSUM_UDP_FAILED : NDIS_RXCSUM_TCP_FAILED;
        uint32_t ip = ip6 ? 0 : NDIS_RXCSUM_IP_GOOD;
        uint8_t *csum;

        frame_make(f, ip6, udp ? 17 : 6, 1001, false);
        csum = f->data + f->l4 + (udp ? 6 : 16);
        stw_be_p(csum, ~sum16(f->data + f->l4, f->len - f->l4, 0));
        if (!ip6) {
            stw_be_p(f->data + 24, ~sum16(f->data + 14, 20, 0));
        }
        memset(f->data + f->len, 0xee, 4);      /* padding is not summed */
        hv_net_rx_prepare(&r, f->data, f->len + 4, &h);
        g_assert_cmphex(find_ppi(&h, RNDIS_PPI_CHECKSUM, 0), ==, ip | good);
        f->data[f->l4 + 100] ^= 1;
        hv_net_rx_prepare(&r, f->data, f->len, &h);
        g_assert_cmphex(find_ppi(&h, RNDIS_PPI_CHECKSUM, 0), ==, ip | bad);
        if (udp) {
            stw_be_p(csum, 0);
            hv_net_rx_prepare(&r, f->data, f->len, &h);
            g_assert_cmphex(find_ppi(&h, RNDIS_PPI_CHECKSUM, 0), ==, ip);
        }
        /* the checksum of a truncated packet is not verified */
        hv_net_rx_prepare(&r, f->data, f->len - 1, &h);
        g_assert_cmphex(find_ppi(&h, RNDIS_PPI_CHECKSUM, 0), ==, 0);
        if (!ip6) {
            f->data[24] ^= 1;
            f->data[20] = 0x20;                 /* more fragments */
            hv_net_rx_prepare(&r, f->data, f->len, &h);
            g_assert_cmphex(find_ppi(&h, RNDIS_PPI_CHECKSUM, 0), ==,
                            NDIS_RXCSUM_IP_FAILED);
        }
    }
}

static void test_rx_vlan(void)
{
    uint8_t frame[64] = {};
    HvNetRndis r = {};
    HvNetRxHdr h;

    stl_be_p(frame + 12, 0x8100a123);
    hv_net_rx_prepare(&r, frame, sizeof(frame), &h);
    g_assert_false(h.strip_vlan);
    g_assert_cmpint(le32(h.data + 12), ==, 64);
    r.vlan = true;
    hv_net_rx_prepare(&r, frame, sizeof(frame), &h);
    g_assert_true(h.strip_vlan);
    g_assert_cmpint(le32(h.data + 12), ==, 60);
    g_assert_cmpint(le32(h.data + 4), ==, h.len + 60);
    g_assert_cmpint(le32(h.data + 8), ==, h.len - 8);
    g_assert_cmphex(find_ppi(&h, RNDIS_PPI_VLAN, 0), ==, 5 | 0x123 << 4);
    hv_net_rx_prepare(&r, frame, 17, &h);
    g_assert_false(h.strip_vlan);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/hv-net/tx/parse", test_tx_parse);
    g_test_add_func("/hv-net/tx/csum", test_tx_csum);
    g_test_add_func("/hv-net/tx/lso", test_tx_lso);
    g_test_add_func("/hv-net/tx/bad", test_tx_bad);
    g_test_add_func("/hv-net/rx/rss", test_rx_rss);
    g_test_add_func("/hv-net/rx/csum", test_rx_csum);
    g_test_add_func("/hv-net/rx/vlan", test_rx_vlan);
    return g_test_run();
}

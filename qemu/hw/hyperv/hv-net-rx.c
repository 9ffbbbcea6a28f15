/*
 * Hyper-V synthetic NIC: frames to the guest
 *
 * The packet filter, receive-side scaling, verification of checksums, and the
 * RNDIS header of a frame. Frames come from the network, so their headers are
 * trusted as little as the guest's messages.
 *
 * This work is licensed under the terms of the GNU GPL, version 2 or later.
 * See the COPYING file in the top-level directory.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "net/checksum.h"
#include "net/eth.h"
#include "hv-net-core.h"

#define ETH_TYPE_OFF        12
#define IP4_MIN_LEN         20
#define IP6_LEN             40
#define TCP_MIN_LEN         20
#define UDP_LEN             8

/*
 * What is known about a frame's headers. @l4 is 0 unless the frame holds a
 * whole, unfragmented TCP or UDP packet of @l4_len bytes.
 */
typedef struct RxFrame {
    const uint8_t *frame;
    bool ip4, ip6, tcp;
    uint32_t l3;
    uint32_t ip4_len;
    uint32_t l4;
    uint32_t l4_len;
} RxFrame;

static bool rx_mcast_wanted(const HvNetRndis *r, const uint8_t *addr)
{
    uint32_t i;

    if (r->filter & NDIS_FILTER_ALL_MULTICAST) {
        return true;
    }
    if (!(r->filter & NDIS_FILTER_MULTICAST)) {
        return false;
    }
    for (i = 0; i < r->mcast_count; i++) {
        if (!memcmp(r->mcast[i], addr, sizeof(r->mcast[i]))) {
            return true;
        }
    }
    return false;
}

/*
 * Accept the permanent MAC address as well as the one that the guest set. When
 * its driver restarts, the guest uses the permanent address again; when it only
 * changes the MTU, it keeps the other. The device sees the same messages.
 */
bool hv_net_rx_wanted(const HvNetRndis *r, const uint8_t *frame, size_t len)
{
    if (!r->initialized || len < HV_NET_ETH_HLEN) {
        return false;
    }
    if (r->filter & NDIS_FILTER_PROMISCUOUS) {
        return true;
    }
    if (is_broadcast_ether_addr(frame)) {
        return r->filter & NDIS_FILTER_BROADCAST;
    }
    if (is_multicast_ether_addr(frame)) {
        return rx_mcast_wanted(r, frame);
    }
    return (r->filter & NDIS_FILTER_DIRECTED) &&
           (!memcmp(frame, r->mac, sizeof(r->mac)) ||
            !memcmp(frame, r->mac_perm, sizeof(r->mac_perm)));
}

static void rx_parse_l4(RxFrame *f, uint8_t proto, uint32_t off, uint32_t len)
{
    f->tcp = proto == IP_PROTO_TCP;
    if ((f->tcp && len >= TCP_MIN_LEN) ||
        (proto == IP_PROTO_UDP && len >= UDP_LEN)) {
        f->l4 = off;
        f->l4_len = len;
    }
}

static void rx_parse_ip4(RxFrame *f, uint32_t avail)
{
    const uint8_t *ip = f->frame + f->l3;
    uint32_t hlen, total;

    if (avail < IP4_MIN_LEN || ip[0] >> 4 != 4) {
        return;
    }
    hlen = (ip[0] & 0xf) * 4;
    total = lduw_be_p(ip + 2);
    if (hlen < IP4_MIN_LEN || total < hlen || total > avail) {
        return;
    }
    f->ip4 = true;
    f->ip4_len = hlen;
    if (!(lduw_be_p(ip + 6) & (IP_MF | IP_OFFMASK))) {
        rx_parse_l4(f, ip[9], f->l3 + hlen, total - hlen);
    }
}

/* IPv6 extension headers are not parsed. */
static void rx_parse_ip6(RxFrame *f, uint32_t avail)
{
    const uint8_t *ip = f->frame + f->l3;
    uint32_t len;

    if (avail < IP6_LEN || ip[0] >> 4 != 6) {
        return;
    }
    len = lduw_be_p(ip + 4);
    if (len > avail - IP6_LEN) {
        return;
    }
    f->ip6 = true;
    rx_parse_l4(f, ip[6], f->l3 + IP6_LEN, len);
}

static void rx_parse(RxFrame *f, const uint8_t *frame, size_t len)
{
    uint16_t type = lduw_be_p(frame + ETH_TYPE_OFF);

    *f = (RxFrame) { .frame = frame, .l3 = HV_NET_ETH_HLEN };
    if (type == ETH_P_VLAN) {
        f->l3 += HV_NET_VLAN_HLEN;
        if (len < f->l3) {
            return;
        }
        type = lduw_be_p(frame + f->l3 - 2);
    }
    if (type == ETH_P_IP) {
        rx_parse_ip4(f, len - f->l3);
    } else if (type == ETH_P_IPV6) {
        rx_parse_ip6(f, len - f->l3);
    }
}

static bool rx_l4_csum_good(const RxFrame *f)
{
    uint32_t addrs_len = f->ip4 ? 8 : 32;
    uint8_t *addrs = (uint8_t *)f->frame + f->l3 + (f->ip4 ? 12 : 8);
    uint32_t sum = f->l4_len + (f->tcp ? IP_PROTO_TCP : IP_PROTO_UDP);

    sum += net_checksum_add(addrs_len, addrs);
    sum += net_checksum_add(f->l4_len, (uint8_t *)f->frame + f->l4);
    return !net_checksum_finish(sum);
}

/* Value of RNDIS_PPI_CHECKSUM; 0: nothing was verified. */
static uint32_t rx_csum(const HvNetRndis *r, const RxFrame *f)
{
    uint32_t value = 0;
    uint32_t want;
    bool good;

    if (f->ip4 && (r->rx_csum & HV_NET_RXCSUM_IP4)) {
        good = !net_raw_checksum((uint8_t *)f->frame + f->l3, f->ip4_len);
        value |= good ? NDIS_RXCSUM_IP_GOOD : NDIS_RXCSUM_IP_FAILED;
    }
    if (!f->l4) {
        return value;
    }
    if (f->tcp) {
        want = f->ip4 ? HV_NET_RXCSUM_TCP4 : HV_NET_RXCSUM_TCP6;
    } else {
        want = f->ip4 ? HV_NET_RXCSUM_UDP4 : HV_NET_RXCSUM_UDP6;
        if (!lduw_be_p(f->frame + f->l4 + 6)) {
            return value;           /* sent without a checksum */
        }
    }
    if (r->rx_csum & want) {
        good = rx_l4_csum_good(f);
        if (f->tcp) {
            value |= good ? NDIS_RXCSUM_TCP_GOOD : NDIS_RXCSUM_TCP_FAILED;
        } else {
            value |= good ? NDIS_RXCSUM_UDP_GOOD : NDIS_RXCSUM_UDP_FAILED;
        }
    }
    return value;
}

/* Toeplitz hash over addresses, and ports of TCP; false: no hash applies */
static bool rx_hash(const HvNetRss *rss, const RxFrame *f, uint32_t *hash)
{
    uint32_t l4 = f->ip4 ? NDIS_HASH_TCP_IPV4 : NDIS_HASH_TCP_IPV6;
    uint32_t l3 = f->ip4 ? NDIS_HASH_IPV4 : NDIS_HASH_IPV6;
    uint32_t addrs_len = f->ip4 ? 8 : 32;
    uint8_t *addrs = (uint8_t *)f->frame + f->l3 + (f->ip4 ? 12 : 8);
    bool ports = f->l4 && f->tcp && (rss->hash_info & l4);
    net_toeplitz_key key;

    if (!rss->enabled || (!f->ip4 && !f->ip6) ||
        !(ports || (rss->hash_info & l3))) {
        return false;
    }
    *hash = 0;
    net_toeplitz_key_init(&key, (uint8_t *)rss->key);
    net_toeplitz_add(hash, addrs, addrs_len, &key);
    if (ports) {
        net_toeplitz_add(hash, (uint8_t *)f->frame + f->l4, 4, &key);
    }
    return true;
}

static size_t rx_put_ppi(uint8_t *p, uint32_t type, uint32_t value)
{
    RndisPpi ppi = {
        .size = cpu_to_le32(HV_NET_PPI_SIZE),
        .type = cpu_to_le32(type),
        .offset = cpu_to_le32(sizeof(ppi)),
    };

    memcpy(p, &ppi, sizeof(ppi));
    stl_le_p(p + sizeof(ppi), value);
    return HV_NET_PPI_SIZE;
}

void hv_net_rx_prepare(const HvNetRndis *r, const uint8_t *frame, size_t len,
                       HvNetRxHdr *h)
{
    size_t ppi_off = sizeof(RndisHdr) + sizeof(RndisPacket);
    RndisPacket p = {};
    RndisHdr hdr;
    uint32_t hash, csum;
    RxFrame f;

    rx_parse(&f, frame, len);
    h->channel = 0;
    h->len = ppi_off;
    h->strip_vlan = r->vlan && f.l3 > HV_NET_ETH_HLEN && len >= f.l3;

    if (h->strip_vlan) {
        uint16_t tci = lduw_be_p(frame + HV_NET_ETH_HLEN);

        h->len += rx_put_ppi(h->data + h->len, RNDIS_PPI_VLAN,
                             NDIS_VLAN_FROM_TCI(tci));
        len -= HV_NET_VLAN_HLEN;
    }
    csum = rx_csum(r, &f);
    if (csum) {
        h->len += rx_put_ppi(h->data + h->len, RNDIS_PPI_CHECKSUM, csum);
    }
    if (rx_hash(&r->rss, &f, &hash)) {
        h->len += rx_put_ppi(h->data + h->len, RNDIS_PPI_HASH, hash);
        h->channel = r->rss.table[hash % r->rss.table_len];
    }

    hdr.type = cpu_to_le32(RNDIS_PACKET);
    hdr.len = cpu_to_le32(h->len + len);
    p.data_offset = cpu_to_le32(h->len - sizeof(hdr));
    p.data_len = cpu_to_le32(len);
    if (h->len > ppi_off) {
        p.ppi_offset = cpu_to_le32(sizeof(p));
        p.ppi_len = cpu_to_le32(h->len - ppi_off);
    }
    memcpy(h->data, &hdr, sizeof(hdr));
    memcpy(h->data + sizeof(hdr), &p, sizeof(p));
}

/*
 * Hyper-V synthetic NIC: frames from the guest
 *
 * Parses RNDIS data messages and does what their per-packet information
 * requests: checksums, TCP segmentation (LSO version 2), a VLAN tag.
 *
 * As with NDIS and with Linux's CHECKSUM_PARTIAL, the guest stores the folded
 * sum of the pseudo header in the checksum field; for LSO, the sum excludes the
 * length. If the guest stores anything else there, it sends wrong checksums.
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

#define ETH_ADDRS_LEN       12
#define TCP_CSUM_OFF        16
#define UDP_CSUM_OFF        6
#define TCP_MIN_LEN         20
#define UDP_LEN             8
#define IP4_MIN_LEN         20
#define IP6_LEN             40
/* the largest L4 offset that fits per-packet information, and TCP options */
#define LSO_HDR_MAX         (0x3ff + 60)

static bool tx_parse_ppi(const uint8_t *ppi, size_t left, HvNetTxPkt *pkt)
{
    while (left) {
        uint32_t size, type, off, value;

        if (left < sizeof(RndisPpi)) {
            return false;
        }
        size = ldl_le_p(ppi + offsetof(RndisPpi, size));
        type = ldl_le_p(ppi + offsetof(RndisPpi, type));
        off = ldl_le_p(ppi + offsetof(RndisPpi, offset));
        if (size < sizeof(RndisPpi) || size > left || off > size) {
            return false;
        }
        if (type == RNDIS_PPI_CHECKSUM || type == RNDIS_PPI_LSO ||
            type == RNDIS_PPI_VLAN) {
            if (size - off < sizeof(value)) {
                return false;
            }
            value = ldl_le_p(ppi + off);
            if (type == RNDIS_PPI_CHECKSUM) {
                pkt->csum = value;
            } else if (type == RNDIS_PPI_LSO) {
                pkt->lso = value;
            } else {
                pkt->vlan = true;
                pkt->vlan_tci = NDIS_VLAN_TO_TCI(value);
            }
        }
        ppi += size;
        left -= size;
    }
    return true;
}

ssize_t hv_net_tx_parse(uint8_t *buf, size_t len, HvNetTxPkt *pkt)
{
    uint8_t *body = buf + sizeof(RndisHdr);
    uint32_t data_off, data_len, ppi_off, ppi_len;
    RndisPacket p;
    RndisHdr hdr;

    *pkt = (HvNetTxPkt) {};
    if (len < sizeof(hdr) + sizeof(p)) {
        return -EINVAL;
    }
    memcpy(&hdr, buf, sizeof(hdr));
    memcpy(&p, body, sizeof(p));
    if (le32_to_cpu(hdr.type) != RNDIS_PACKET ||
        le32_to_cpu(hdr.len) < sizeof(hdr) + sizeof(p) ||
        le32_to_cpu(hdr.len) > len) {
        return -EINVAL;
    }
    len = le32_to_cpu(hdr.len) - sizeof(hdr);

    data_off = le32_to_cpu(p.data_offset);
    data_len = le32_to_cpu(p.data_len);
    ppi_off = le32_to_cpu(p.ppi_offset);
    ppi_len = le32_to_cpu(p.ppi_len);
    if (data_off > len || data_len > len - data_off ||
        data_len < HV_NET_ETH_HLEN) {
        return -EINVAL;
    }
    if (ppi_len &&
        (ppi_off > len || ppi_len > len - ppi_off ||
         !tx_parse_ppi(body + ppi_off, ppi_len, pkt))) {
        return -EINVAL;
    }
    pkt->frame = body + data_off;
    pkt->len = data_len;
    return sizeof(hdr) + len;
}

/* Offset of the IP header; the frame itself may contain a VLAN tag. */
static bool tx_l3(const HvNetTxPkt *pkt, uint16_t proto, uint32_t *l3)
{
    uint16_t type = lduw_be_p(pkt->frame + ETH_ADDRS_LEN);

    *l3 = HV_NET_ETH_HLEN;
    if (type == ETH_P_VLAN || type == ETH_P_DVLAN) {
        *l3 += HV_NET_VLAN_HLEN;
        if (pkt->len < *l3) {
            return false;
        }
        type = lduw_be_p(pkt->frame + *l3 - 2);
    }
    return type == proto;
}

/* Length of the IPv4 header at @l3, 0 if there is none in the frame. */
static uint32_t tx_ip4_len(const HvNetTxPkt *pkt, uint32_t l3)
{
    uint32_t len;

    if (pkt->len < l3 + IP4_MIN_LEN) {
        return 0;
    }
    len = (pkt->frame[l3] & 0xf) * 4;
    return len < IP4_MIN_LEN || len > pkt->len - l3 ? 0 : len;
}

static void tx_ip4_csum(uint8_t *ip, uint32_t len)
{
    stw_be_p(ip + 10, 0);
    stw_be_p(ip + 10, net_raw_checksum(ip, len));
}

/* Emit a frame in two parts, with the VLAN tag where it belongs. */
static void tx_emit_iov(const HvNetTxPkt *pkt, HvNetEmit *emit, void *opaque,
                        uint8_t *frame, uint32_t len,
                        uint8_t *payload, uint32_t payload_len)
{
    uint8_t tag[HV_NET_VLAN_HLEN];
    struct iovec iov[4];
    int cnt = 0;

    if (pkt->vlan) {
        stw_be_p(tag, ETH_P_VLAN);
        stw_be_p(tag + 2, pkt->vlan_tci);
        iov[cnt++] = (struct iovec) { frame, ETH_ADDRS_LEN };
        iov[cnt++] = (struct iovec) { tag, sizeof(tag) };
        frame += ETH_ADDRS_LEN;
        len -= ETH_ADDRS_LEN;
    }
    iov[cnt++] = (struct iovec) { frame, len };
    if (payload_len) {
        iov[cnt++] = (struct iovec) { payload, payload_len };
    }
    emit(opaque, iov, cnt);
}

static bool tx_csum(HvNetTxPkt *pkt)
{
    bool tcp = pkt->csum & NDIS_TXCSUM_TCP;
    bool udp = pkt->csum & NDIS_TXCSUM_UDP;
    uint32_t l3, len, l4 = NDIS_TXCSUM_L4_OFFSET(pkt->csum);
    uint16_t sum;

    if ((pkt->csum & NDIS_TXCSUM_IPV4) &&
        (pkt->csum & NDIS_TXCSUM_IP_HEADER)) {
        if (!tx_l3(pkt, ETH_P_IP, &l3)) {
            return false;
        }
        len = tx_ip4_len(pkt, l3);
        if (!len) {
            return false;
        }
        tx_ip4_csum(pkt->frame + l3, len);
    }
    if (tcp == udp) {
        return !tcp;
    }
    len = tcp ? TCP_MIN_LEN : UDP_LEN;
    if (l4 < HV_NET_ETH_HLEN || l4 > pkt->len || len > pkt->len - l4) {
        return false;
    }
    sum = net_checksum_finish(net_checksum_add(pkt->len - l4,
                                               pkt->frame + l4));
    if (udp && !sum) {
        sum = 0xffff;           /* 0 is "no checksum" */
    }
    stw_be_p(pkt->frame + l4 + (tcp ? TCP_CSUM_OFF : UDP_CSUM_OFF), sum);
    return true;
}

/* The headers of a frame to be cut: offsets into it, and the segment size. */
typedef struct TxLso {
    bool ip6;
    uint32_t l3;
    uint32_t l4;
    uint32_t hdr_len;
    uint32_t mss;
} TxLso;

static bool tx_lso_parse(const HvNetTxPkt *pkt, TxLso *lso)
{
    uint32_t ip_len;

    if (!(pkt->lso & NDIS_LSO_V2)) {
        return false;
    }
    lso->ip6 = pkt->lso & NDIS_LSO_IPV6;
    lso->mss = NDIS_LSO_MSS(pkt->lso);
    lso->l4 = NDIS_LSO_L4_OFFSET(pkt->lso);
    if (!tx_l3(pkt, lso->ip6 ? ETH_P_IPV6 : ETH_P_IP, &lso->l3)) {
        return false;
    }
    ip_len = lso->ip6 ? IP6_LEN : tx_ip4_len(pkt, lso->l3);
    if (!ip_len || lso->l4 < lso->l3 + ip_len ||
        pkt->len < lso->l4 + TCP_MIN_LEN) {
        return false;
    }
    lso->hdr_len = lso->l4 + (pkt->frame[lso->l4 + 12] >> 4) * 4;
    return lso->hdr_len >= lso->l4 + TCP_MIN_LEN &&
           lso->hdr_len < pkt->len && lso->mss >= HV_NET_MIN_MSS &&
           lso->hdr_len - lso->l3 + lso->mss <= 0xffff;
}

/*
 * Adapt @hdr, a copy of the frame's headers, to one segment: the @len bytes at
 * @data, at offset @off of the payload.
 */
static void tx_lso_header(const TxLso *lso, uint8_t *hdr, uint8_t *data,
                          uint32_t off, uint32_t len, bool last)
{
    uint8_t *ip = hdr + lso->l3;
    uint8_t *tcp = hdr + lso->l4;
    uint32_t tcp_len = lso->hdr_len - lso->l4;
    uint32_t sum;

    if (lso->ip6) {
        stw_be_p(ip + 4, lso->hdr_len - lso->l3 - IP6_LEN + len);
    } else {
        stw_be_p(ip + 2, lso->hdr_len - lso->l3 + len);
        stw_be_p(ip + 4, lduw_be_p(ip + 4) + off / lso->mss);
        tx_ip4_csum(ip, (ip[0] & 0xf) * 4);
    }

    stl_be_p(tcp + 4, ldl_be_p(tcp + 4) + off);
    if (off) {
        tcp[13] &= ~TH_CWR;
    }
    if (!last) {
        tcp[13] &= ~(TH_FIN | TH_PUSH);
    }
    sum = net_checksum_add(tcp_len, tcp) + net_checksum_add(len, data);
    stw_be_p(tcp + TCP_CSUM_OFF, net_checksum_finish(sum + tcp_len + len));
}

static int tx_lso(const HvNetTxPkt *pkt, HvNetEmit *emit, void *opaque)
{
    uint8_t hdr[LSO_HDR_MAX];
    uint32_t off, len, payload;
    TxLso lso;
    int n = 0;

    if (!tx_lso_parse(pkt, &lso)) {
        return -EINVAL;
    }
    assert(lso.hdr_len <= sizeof(hdr));
    payload = pkt->len - lso.hdr_len;
    for (off = 0; off < payload; off += len, n++) {
        uint8_t *data = pkt->frame + lso.hdr_len + off;

        len = MIN(lso.mss, payload - off);
        memcpy(hdr, pkt->frame, lso.hdr_len);
        tx_lso_header(&lso, hdr, data, off, len, off + len == payload);
        tx_emit_iov(pkt, emit, opaque, hdr, lso.hdr_len, data, len);
    }
    return n;
}

int hv_net_tx_emit(HvNetTxPkt *pkt, HvNetEmit *emit, void *opaque)
{
    if (NDIS_LSO_MSS(pkt->lso)) {
        return tx_lso(pkt, emit, opaque);
    }
    if (!tx_csum(pkt)) {
        return -EINVAL;
    }
    tx_emit_iov(pkt, emit, opaque, pkt->frame, pkt->len, NULL, 0);
    return 1;
}

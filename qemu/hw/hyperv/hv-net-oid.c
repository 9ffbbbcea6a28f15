/*
 * Hyper-V synthetic NIC: object identifiers
 *
 * The values that a guest queries and sets: what the device can do, the
 * packet filter, offloads, RSS and the MAC address.
 *
 * This work is licensed under the terms of the GNU GPL, version 2 or later.
 * See the COPYING file in the top-level directory.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "hv-net-core.h"

/* 10 Gbit/s in units of 100 bit/s */
#define LINK_SPEED          100000000u

typedef struct OidU32 {
    uint32_t oid;
    uint32_t value;
} OidU32;

/* Values that never change; all are 32 bits wide. */
static const OidU32 oid_const[] = {
    { OID_GEN_HARDWARE_STATUS, 0 },             /* ready */
    { OID_GEN_MEDIA_SUPPORTED, 0 },             /* 802.3 */
    { OID_GEN_MEDIA_IN_USE, 0 },
    { OID_GEN_LINK_SPEED, LINK_SPEED },
    { OID_GEN_VENDOR_ID, 0xffffff },            /* no IEEE number */
    { OID_GEN_VENDOR_DRIVER_VERSION, 0x10000 },
    { OID_GEN_MAC_OPTIONS, 0x8 },               /* no loopback */
    { OID_GEN_MAXIMUM_SEND_PACKETS, HV_NET_TX_BATCH },
    { OID_GEN_PHYSICAL_MEDIUM, 0 },
    { OID_802_3_MAXIMUM_LIST_SIZE, HV_NET_MAX_MCAST },
};

/* Values that are in HvNetRndis. */
static const uint32_t oid_var[] = {
    OID_GEN_MAXIMUM_LOOKAHEAD, OID_GEN_CURRENT_LOOKAHEAD,
    OID_GEN_MAXIMUM_FRAME_SIZE, OID_GEN_MAXIMUM_TOTAL_SIZE,
    OID_GEN_TRANSMIT_BLOCK_SIZE, OID_GEN_RECEIVE_BLOCK_SIZE,
    OID_GEN_CURRENT_PACKET_FILTER, OID_GEN_MEDIA_CONNECT_STATUS,
    OID_GEN_XMIT_OK, OID_GEN_RCV_OK, OID_GEN_XMIT_ERROR, OID_GEN_RCV_ERROR,
    OID_GEN_RCV_NO_BUFFER,
};

/* Values of other forms, or values that can only be set. */
static const uint32_t oid_other[] = {
    OID_GEN_SUPPORTED_LIST, OID_GEN_VENDOR_DESCRIPTION, OID_GEN_FRIENDLY_NAME,
    OID_GEN_RECEIVE_SCALE_CAPS, OID_GEN_RECEIVE_SCALE_PARAMS,
    OID_GEN_RNDIS_CONFIG_PARAMETER, OID_802_3_PERMANENT_ADDRESS,
    OID_802_3_CURRENT_ADDRESS, OID_802_3_MULTICAST_LIST,
    OID_TCP_OFFLOAD_CURRENT_CONFIG, OID_TCP_OFFLOAD_PARAMETERS,
    OID_TCP_OFFLOAD_HARDWARE_CAPS,
};

static const char oid_vendor[] = "QEMU";

/* Hyper-V's own default, for which Linux sets no alias. */
static const char oid_name[] = "Network Adapter";

QEMU_BUILD_BUG_ON((ARRAY_SIZE(oid_const) + ARRAY_SIZE(oid_var) +
                   ARRAY_SIZE(oid_other)) * sizeof(uint32_t) > 512);

static bool oid_query_u32(const HvNetRndis *r, uint32_t oid, uint32_t *val)
{
    int i;

    for (i = 0; i < ARRAY_SIZE(oid_const); i++) {
        if (oid_const[i].oid == oid) {
            *val = oid_const[i].value;
            return true;
        }
    }
    switch (oid) {
    case OID_GEN_MAXIMUM_FRAME_SIZE:
    case OID_GEN_MAXIMUM_LOOKAHEAD:
    case OID_GEN_CURRENT_LOOKAHEAD:
        *val = r->frame_max - HV_NET_ETH_HLEN;
        return true;
    case OID_GEN_MAXIMUM_TOTAL_SIZE:
    case OID_GEN_TRANSMIT_BLOCK_SIZE:
    case OID_GEN_RECEIVE_BLOCK_SIZE:
        *val = r->frame_max;
        return true;
    case OID_GEN_CURRENT_PACKET_FILTER:
        *val = r->filter;
        return true;
    case OID_GEN_MEDIA_CONNECT_STATUS:
        *val = !r->link_up;
        return true;
    case OID_GEN_XMIT_OK:
        *val = r->stats.tx_packets;
        return true;
    case OID_GEN_RCV_OK:
        *val = r->stats.rx_packets;
        return true;
    case OID_GEN_XMIT_ERROR:
        *val = r->stats.tx_errors;
        return true;
    case OID_GEN_RCV_ERROR:
        *val = r->stats.rx_errors;
        return true;
    case OID_GEN_RCV_NO_BUFFER:
        *val = r->stats.rx_no_buffer;
        return true;
    }
    return false;
}

static size_t oid_supported(uint8_t *buf)
{
    uint8_t *p = buf;
    int i;

    for (i = 0; i < ARRAY_SIZE(oid_const); i++, p += 4) {
        stl_le_p(p, oid_const[i].oid);
    }
    for (i = 0; i < ARRAY_SIZE(oid_var); i++, p += 4) {
        stl_le_p(p, oid_var[i]);
    }
    for (i = 0; i < ARRAY_SIZE(oid_other); i++, p += 4) {
        stl_le_p(p, oid_other[i]);
    }
    return p - buf;
}

static size_t oid_utf16(uint8_t *buf, const char *s)
{
    uint8_t *p = buf;

    for (; *s; s++, p += 2) {
        stw_le_p(p, *s);
    }
    return p - buf;
}

/* As much of the structure as the NDIS of this NVSP version has. */
static size_t oid_offload_caps(const HvNetRndis *r, uint8_t *buf)
{
    size_t size = NDIS_OFFLOAD_SIZE_6_0;
    uint32_t csum4 = NDIS_CSUM_IP4 | NDIS_CSUM_IP4OPT | NDIS_CSUM_TCP |
                     NDIS_CSUM_TCPOPT | NDIS_CSUM_UDP;
    uint32_t csum6 = NDIS_CSUM_IP6EXT | NDIS_CSUM_TCP | NDIS_CSUM_TCPOPT |
                     NDIS_CSUM_UDP;
    NdisOffload o = {
        .hdr.type = NDIS_OBJECT_OFFLOAD,
        .hdr.revision = 1,
        .ip4_txenc = cpu_to_le32(NDIS_ENCAP_8023),
        .ip4_txcsum = cpu_to_le32(csum4),
        .ip4_rxenc = cpu_to_le32(NDIS_ENCAP_8023),
        .ip4_rxcsum = cpu_to_le32(csum4),
        .ip6_txenc = cpu_to_le32(NDIS_ENCAP_8023),
        .ip6_txcsum = cpu_to_le32(csum6),
        .ip6_rxenc = cpu_to_le32(NDIS_ENCAP_8023),
        .ip6_rxcsum = cpu_to_le32(csum6 & ~NDIS_CSUM_IP6EXT),
        .lsov2_ip4_encap = cpu_to_le32(NDIS_ENCAP_8023),
        .lsov2_ip4_max = cpu_to_le32(HV_NET_MAX_LSO),
        .lsov2_ip4_minseg = cpu_to_le32(2),
        .lsov2_ip6_encap = cpu_to_le32(NDIS_ENCAP_8023),
        .lsov2_ip6_max = cpu_to_le32(HV_NET_MAX_LSO),
        .lsov2_ip6_minseg = cpu_to_le32(2),
        .lsov2_ip6_opts = cpu_to_le32(NDIS_LSO_IP6EXT | NDIS_LSO_TCP6OPT),
    };

    if (r->nvsp_version >= NVSP_VERSION_5) {
        o.hdr.revision = 3;
        size = NDIS_OFFLOAD_SIZE_6_30;
    } else if (r->nvsp_version >= NVSP_VERSION_4) {
        o.hdr.revision = 2;
        size = NDIS_OFFLOAD_SIZE_6_1;
    }
    o.hdr.size = cpu_to_le16(size);
    memcpy(buf, &o, size);
    return size;
}

static size_t oid_rss_caps(const HvNetRndis *r, uint8_t *buf)
{
    NdisRssCaps c = {
        .hdr.type = NDIS_OBJECT_RSS_CAPS,
        .hdr.revision = 2,
        .hdr.size = cpu_to_le16(sizeof(c)),
        .flags = cpu_to_le32(NDIS_HASH_TOEPLITZ | NDIS_RSS_CAP_TCP_IPV4 |
                             NDIS_RSS_CAP_TCP_IPV6),
        .num_messages = cpu_to_le32(r->channels),
        .num_queues = cpu_to_le32(r->channels),
        .num_table = cpu_to_le16(NDIS_RSS_TABLE_LEN),
    };

    memcpy(buf, &c, sizeof(c));
    return sizeof(c);
}

uint32_t hv_net_oid_query(const HvNetRndis *r, uint32_t oid, uint8_t *buf,
                          size_t size, size_t *out)
{
    uint32_t val;

    /* All values but one are short; the list's length is checked above. */
    assert(size >= 512);
    *out = 0;

    if (oid_query_u32(r, oid, &val)) {
        stl_le_p(buf, val);
        *out = sizeof(val);
        return RNDIS_STATUS_SUCCESS;
    }

    switch (oid) {
    case OID_GEN_SUPPORTED_LIST:
        *out = oid_supported(buf);
        break;
    case OID_GEN_VENDOR_DESCRIPTION:
        memcpy(buf, oid_vendor, sizeof(oid_vendor));
        *out = sizeof(oid_vendor);
        break;
    case OID_GEN_FRIENDLY_NAME:
        *out = oid_utf16(buf, oid_name);
        break;
    case OID_802_3_PERMANENT_ADDRESS:
        memcpy(buf, r->mac_perm, sizeof(r->mac_perm));
        *out = sizeof(r->mac_perm);
        break;
    case OID_802_3_CURRENT_ADDRESS:
        memcpy(buf, r->mac, sizeof(r->mac));
        *out = sizeof(r->mac);
        break;
    case OID_802_3_MULTICAST_LIST:
        *out = r->mcast_count * sizeof(r->mcast[0]);
        memcpy(buf, r->mcast, *out);
        break;
    case OID_TCP_OFFLOAD_CURRENT_CONFIG:
    case OID_TCP_OFFLOAD_HARDWARE_CAPS:
        *out = oid_offload_caps(r, buf);
        break;
    case OID_GEN_RECEIVE_SCALE_CAPS:
        if (r->nvsp_version < NVSP_VERSION_5) {
            return RNDIS_STATUS_NOT_SUPPORTED;
        }
        *out = oid_rss_caps(r, buf);
        break;
    default:
        return RNDIS_STATUS_NOT_SUPPORTED;
    }
    assert(*out <= size);
    return RNDIS_STATUS_SUCCESS;
}

static void oid_set_csum(HvNetRndis *r, uint32_t bit, uint8_t param)
{
    if (param == NDIS_PARAM_RX || param == NDIS_PARAM_BOTH) {
        r->rx_csum |= bit;
    } else if (param == NDIS_PARAM_OFF || param == NDIS_PARAM_TX) {
        r->rx_csum &= ~bit;
    }
}

/*
 * Only verification on receive needs state: each frame sent says itself
 * whether to compute a checksum or to cut segments.
 */
static uint32_t oid_set_offload(HvNetRndis *r, const uint8_t *buf, size_t len)
{
    NdisOffloadParams p;

    if (len < NDIS_OFFLOAD_PARAMS_MIN) {
        return RNDIS_STATUS_INVALID_LENGTH;
    }
    memcpy(&p, buf, sizeof(p));
    oid_set_csum(r, HV_NET_RXCSUM_IP4, p.ip4_csum);
    oid_set_csum(r, HV_NET_RXCSUM_TCP4, p.tcp4_csum);
    oid_set_csum(r, HV_NET_RXCSUM_UDP4, p.udp4_csum);
    oid_set_csum(r, HV_NET_RXCSUM_TCP6, p.tcp6_csum);
    oid_set_csum(r, HV_NET_RXCSUM_UDP6, p.udp6_csum);
    return RNDIS_STATUS_SUCCESS;
}

static bool oid_rss_table(const HvNetRndis *r, HvNetRss *rss,
                          const NdisRssParams *p, const uint8_t *buf,
                          size_t len)
{
    uint32_t off = le32_to_cpu(p->table_offset);
    uint32_t size = le16_to_cpu(p->table_size);
    uint32_t i;

    if (off > len || size > len - off || !size ||
        size % sizeof(uint32_t) || size > NDIS_RSS_TABLE_LEN * 4) {
        return false;
    }
    for (i = 0; i < size / 4; i++) {
        uint32_t chan = ldl_le_p(buf + off + i * 4);

        if (chan >= r->channels) {
            return false;
        }
        rss->table[i] = chan;
    }
    rss->table_len = i;
    return true;
}

static bool oid_rss_key(HvNetRss *rss, const NdisRssParams *p,
                        const uint8_t *buf, size_t len)
{
    uint32_t off = le32_to_cpu(p->key_offset);
    uint32_t size = le16_to_cpu(p->key_size);

    if (off > len || size > len - off || size != NDIS_RSS_KEY_LEN) {
        return false;
    }
    memcpy(rss->key, buf + off, size);
    return true;
}

/* Change @r only if every part is valid. */
static uint32_t oid_set_rss(HvNetRndis *r, const uint8_t *buf, size_t len)
{
    HvNetRss rss = r->rss;
    NdisRssParams p;
    uint16_t flags;

    if (len < sizeof(p)) {
        return RNDIS_STATUS_INVALID_LENGTH;
    }
    memcpy(&p, buf, sizeof(p));
    flags = le16_to_cpu(p.flags);
    if (flags & NDIS_RSS_DISABLE) {
        r->rss.enabled = false;
        return RNDIS_STATUS_SUCCESS;
    }
    if (!(flags & NDIS_RSS_HASH_UNCHANGED)) {
        rss.hash_info = le32_to_cpu(p.hash_info);
    }
    if (!(flags & NDIS_RSS_TABLE_UNCHANGED) &&
        !oid_rss_table(r, &rss, &p, buf, len)) {
        return RNDIS_STATUS_INVALID_DATA;
    }
    if (!(flags & NDIS_RSS_KEY_UNCHANGED) &&
        !oid_rss_key(&rss, &p, buf, len)) {
        return RNDIS_STATUS_INVALID_DATA;
    }
    rss.enabled = (rss.hash_info & NDIS_HASH_TOEPLITZ) && rss.table_len;
    r->rss = rss;
    return RNDIS_STATUS_SUCCESS;
}

static uint32_t oid_set_mcast(HvNetRndis *r, const uint8_t *buf, size_t len)
{
    if (len % sizeof(r->mcast[0])) {
        return RNDIS_STATUS_INVALID_LENGTH;
    }
    if (len > sizeof(r->mcast)) {
        return RNDIS_STATUS_MULTICAST_FULL;
    }
    memcpy(r->mcast, buf, len);
    r->mcast_count = len / sizeof(r->mcast[0]);
    return RNDIS_STATUS_SUCCESS;
}

/* Twelve hexadecimal digits in UTF-16 */
static bool oid_parse_mac(const uint8_t *buf, uint8_t *mac)
{
    int i;

    for (i = 0; i < 12; i++) {
        uint16_t c = lduw_le_p(buf + 2 * i);

        if (c > 0x7f || !g_ascii_isxdigit(c)) {
            return false;
        }
        mac[i / 2] = mac[i / 2] << 4 | g_ascii_xdigit_value(c);
    }
    return !(mac[0] & 1);
}

/* The one parameter that is known: NetworkAddress, the MAC address to use. */
static uint32_t oid_set_config(HvNetRndis *r, const uint8_t *buf, size_t len)
{
    static const char name[] = "NetworkAddress";
    uint32_t name_off, name_len, val_off, val_len;
    uint8_t want[2 * sizeof(name)];
    uint8_t mac[6] = {};
    RndisConfigParam p;

    if (len < sizeof(p)) {
        return RNDIS_STATUS_INVALID_LENGTH;
    }
    memcpy(&p, buf, sizeof(p));
    name_off = le32_to_cpu(p.name_offset);
    name_len = le32_to_cpu(p.name_len);
    val_off = le32_to_cpu(p.value_offset);
    val_len = le32_to_cpu(p.value_len);
    if (name_off > len || name_len > len - name_off ||
        val_off > len || val_len > len - val_off) {
        return RNDIS_STATUS_INVALID_LENGTH;
    }
    if (name_len != oid_utf16(want, name) ||
        memcmp(buf + name_off, want, name_len)) {
        return RNDIS_STATUS_NOT_SUPPORTED;
    }
    if (le32_to_cpu(p.type) != RNDIS_CONFIG_STRING ||
        val_len != 4 * sizeof(mac) || !oid_parse_mac(buf + val_off, mac)) {
        return RNDIS_STATUS_INVALID_DATA;
    }
    memcpy(r->mac, mac, sizeof(mac));
    return RNDIS_STATUS_SUCCESS;
}

uint32_t hv_net_oid_set(HvNetRndis *r, uint32_t oid, const uint8_t *buf,
                        size_t len)
{
    switch (oid) {
    case OID_GEN_CURRENT_PACKET_FILTER:
        if (len < sizeof(uint32_t)) {
            return RNDIS_STATUS_INVALID_LENGTH;
        }
        r->filter = ldl_le_p(buf);
        return RNDIS_STATUS_SUCCESS;
    case OID_GEN_CURRENT_LOOKAHEAD:
        /* Frames are always indicated whole. */
        return len < sizeof(uint32_t) ? RNDIS_STATUS_INVALID_LENGTH :
                                        RNDIS_STATUS_SUCCESS;
    case OID_802_3_MULTICAST_LIST:
        return oid_set_mcast(r, buf, len);
    case OID_TCP_OFFLOAD_PARAMETERS:
        return oid_set_offload(r, buf, len);
    case OID_GEN_RECEIVE_SCALE_PARAMS:
        return oid_set_rss(r, buf, len);
    case OID_GEN_RNDIS_CONFIG_PARAMETER:
        return oid_set_config(r, buf, len);
    }
    return RNDIS_STATUS_NOT_SUPPORTED;
}

/*
 * Hyper-V synthetic NIC: the parts that know the protocol and nothing else
 *
 * NVSP session, RNDIS control messages, and the transformation of frames from
 * and to the guest. Nothing here touches guest memory, a ring, a backend or
 * other state of QEMU: input is private memory of known length, output goes to
 * the caller's buffers and callbacks. So a test can link every parser
 * (tests/unit/test-hv-net.c).
 *
 * Invariant: a length, offset, count or index from a message is compared with
 * the size of its target before it is used.
 *
 * Context: one thread at a time per object; the device holds the BQL.
 *
 * This work is licensed under the terms of the GNU GPL, version 2 or later.
 * See the COPYING file in the top-level directory.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef HW_HYPERV_HV_NET_CORE_H
#define HW_HYPERV_HV_NET_CORE_H

#include "qemu/iov.h"
#include "qemu/units.h"
#include "hv-net-proto.h"

#define HV_NET_MAX_CHANNELS     8
#define HV_NET_ETH_HLEN         14
#define HV_NET_VLAN_HLEN        4
#define HV_NET_DEFAULT_FRAME    (1500 + HV_NET_ETH_HLEN)
#define HV_NET_MIN_FRAME        (68 + HV_NET_ETH_HLEN)
#define HV_NET_MAX_FRAME        65535

/* Largest frame that a guest may hand over for segmentation. */
#define HV_NET_MAX_LSO          (60 * KiB)
/* RNDIS messages in one NVSP message: number offered, number tolerated */
#define HV_NET_TX_BATCH         8
#define HV_NET_TX_BATCH_MAX     64
/* Bytes of one NVSP message: a send section and the largest LSO frame */
#define HV_NET_TX_MAX           (128 * KiB)
/* Make no smaller segments: 64 KiB would become too many. */
#define HV_NET_MIN_MSS          8

/* The host chooses both; Linux's defaults assume these. */
#define HV_NET_RECV_SECTION     1728
#define HV_NET_SEND_SECTION     6144
#define HV_NET_MAX_SECTIONS     (64 * KiB)

/* RNDIS header and per-packet information of a received frame */
#define HV_NET_PPI_SIZE         (sizeof(RndisPpi) + sizeof(uint32_t))
#define HV_NET_RX_HDR_MAX \
    (sizeof(RndisHdr) + sizeof(RndisPacket) + 3 * HV_NET_PPI_SIZE)

/* Largest answer to a control message; fits any receive section. */
#define HV_NET_CTRL_MAX         1024
#define HV_NET_MAX_MCAST        64

/* RSS as the guest set it; all channel numbers in @table are valid */
typedef struct HvNetRss {
    bool enabled;
    uint32_t hash_info;
    uint8_t key[NDIS_RSS_KEY_LEN];
    uint16_t table_len;
    uint8_t table[NDIS_RSS_TABLE_LEN];
} HvNetRss;

/* Statistics that the guest queries with OID_GEN_XMIT_OK and the like */
typedef struct HvNetStats {
    uint64_t tx_packets;
    uint64_t tx_errors;
    uint64_t rx_packets;
    uint64_t rx_errors;         /* too large for a section, malformed */
    uint64_t rx_no_buffer;      /* had to wait for the guest */
    uint64_t bad_messages;      /* of any kind, from the guest */
} HvNetStats;

enum {
    HV_NET_RXCSUM_IP4   = 1 << 0,
    HV_NET_RXCSUM_TCP4  = 1 << 1,
    HV_NET_RXCSUM_UDP4  = 1 << 2,
    HV_NET_RXCSUM_TCP6  = 1 << 3,
    HV_NET_RXCSUM_UDP6  = 1 << 4,
};

/**
 * struct HvNetRndis - the RNDIS device
 * @mac_perm: the address that the user gave
 * @mac: the address that the guest set, @mac_perm until then
 * @channels: how many channels the device may have, at least 1
 * @link_up: state of the link
 * @nvsp_version: version in use, decides what is offered
 * @frame_max: longest frame without VLAN tag
 * @vlan: the guest takes VLAN tags as per-packet information
 * @initialized: INITIALIZE was answered, no HALT followed
 * @filter: NDIS_FILTER_*; 0: nothing is received
 * @rx_csum: HV_NET_RXCSUM_*: checksums that the device verifies
 * @mcast_count: entries of @mcast in use
 */
typedef struct HvNetRndis {
    uint8_t mac_perm[6];
    uint8_t mac[6];
    uint16_t channels;
    bool link_up;
    uint32_t nvsp_version;
    uint32_t frame_max;
    bool vlan;
    bool initialized;
    uint32_t filter;
    uint32_t rx_csum;
    uint32_t mcast_count;
    uint8_t mcast[HV_NET_MAX_MCAST][6];
    HvNetRss rss;
    HvNetStats stats;
} HvNetRndis;

/* Forget what the guest negotiated; keep configuration, MAC and statistics. */
void hv_net_rndis_reset(HvNetRndis *r);

/**
 * hv_net_rndis_control - handle one control message
 * @msg: the message, @len bytes of private memory; bytes behind the length
 *       that the message claims are ignored
 * @resp: where the answer goes, HV_NET_CTRL_MAX bytes
 *
 * Return: the answer's length in bytes, 0 if none is due.
 */
size_t hv_net_rndis_control(HvNetRndis *r, const uint8_t *msg, size_t len,
                            uint8_t *resp);

/* Build a link INDICATE in @resp (HV_NET_CTRL_MAX bytes). Return: its length */
size_t hv_net_rndis_indicate_link(const HvNetRndis *r, uint8_t *resp);

/**
 * hv_net_oid_query - value of an OID
 * @buf: where the value goes, @size bytes
 * @out: its length
 *
 * Return: an RNDIS status.
 */
uint32_t hv_net_oid_query(const HvNetRndis *r, uint32_t oid, uint8_t *buf,
                          size_t size, size_t *out);

/* Set an OID to the @len bytes at @buf. Return: an RNDIS status. */
uint32_t hv_net_oid_set(HvNetRndis *r, uint32_t oid, const uint8_t *buf,
                        size_t len);

enum {
    HV_NET_RECV_BUF,
    HV_NET_SEND_BUF,
    HV_NET_NUM_BUFS,
};

/**
 * struct HvNetBuf - a buffer that the guest shares
 * @valid: the guest handed it over and did not revoke it
 * @id: the guest's name for it
 * @section_size: bytes per section
 * @sections: number of sections
 */
typedef struct HvNetBuf {
    bool valid;
    uint16_t id;
    uint32_t section_size;
    uint32_t sections;
} HvNetBuf;

/* What an NVSP session needs from the device. */
typedef struct HvNetNvspOps {
    /* Take a reference on a GPADL. Return: its length in bytes, 0 if none. */
    uint32_t (*get_buf)(void *opaque, unsigned which, uint32_t gpadl);
    /* Drop that reference; nothing may use the buffer after this. */
    void (*put_buf)(void *opaque, unsigned which);
    /* Have @count sub-channels. Return: how many there are, or -errno */
    int (*subchannels)(void *opaque, uint32_t count);
} HvNetNvspOps;

/* An NVSP session: lasts while channel 0 is open. */
typedef struct HvNetNvsp {
    uint32_t version;           /* 0: INIT not done */
    uint32_t ndis_version;
    uint32_t frame_max;
    uint64_t capabilities;
    HvNetBuf buf[HV_NET_NUM_BUFS];
} HvNetNvsp;

/* Start or end a session; the end releases the buffers. */
void hv_net_nvsp_begin(HvNetNvsp *n);
void hv_net_nvsp_end(HvNetNvsp *n, const HvNetNvspOps *ops, void *opaque);

/**
 * hv_net_nvsp_handle - handle a message that carries no RNDIS
 * @msg: @len bytes of private memory
 * @resp: the answer, if one is due
 *
 * Return: the answer's length in bytes (0: an empty completion), or -EINVAL
 * for a malformed, unknown or untimely message.
 */
int hv_net_nvsp_handle(HvNetNvsp *n, const HvNetNvspOps *ops, void *opaque,
                       const uint8_t *msg, size_t len, NvspMsg *resp);

/* Make the message that tells a guest to spread its sends over @channels. */
#define HV_NET_SEND_TABLE_SIZE \
    (NVSP_MSG_SIZE + NVSP_SEND_TABLE_LEN * sizeof(uint32_t))
void hv_net_nvsp_send_table(uint8_t *msg, unsigned channels);

/**
 * struct HvNetTxPkt - one frame on its way out
 * @frame: the frame without the VLAN tag of @vlan_tci, private and writable
 * @len: its length
 * @csum: value of RNDIS_PPI_CHECKSUM or 0
 * @lso: value of RNDIS_PPI_LSO or 0
 * @vlan: insert a tag with @vlan_tci
 */
typedef struct HvNetTxPkt {
    uint8_t *frame;
    uint32_t len;
    uint32_t csum;
    uint32_t lso;
    bool vlan;
    uint16_t vlan_tci;
} HvNetTxPkt;

/**
 * hv_net_tx_parse - take one RNDIS data message apart
 * @buf: private memory, @len bytes, that starts with the message
 *
 * Return: the length of the message, at most @len, or -EINVAL.
 */
ssize_t hv_net_tx_parse(uint8_t *buf, size_t len, HvNetTxPkt *pkt);

typedef void HvNetEmit(void *opaque, const struct iovec *iov, int cnt);

/**
 * hv_net_tx_emit - compute checksums, cut into segments, insert the VLAN tag
 * @emit: called once per frame that goes out
 *
 * Return: the number of frames, or -EINVAL and no frame if the headers
 * contradict the per-packet information.
 */
int hv_net_tx_emit(HvNetTxPkt *pkt, HvNetEmit *emit, void *opaque);

/**
 * struct HvNetRxHdr - header of a received frame in its section
 * @channel: the channel on which to deliver it
 * @strip_vlan: leave out the VLAN tag, it is in @data
 * @len: bytes of @data
 */
typedef struct HvNetRxHdr {
    unsigned channel;
    bool strip_vlan;
    size_t len;
    uint8_t data[HV_NET_RX_HDR_MAX];
} HvNetRxHdr;

/* Does the guest want this frame? */
bool hv_net_rx_wanted(const HvNetRndis *r, const uint8_t *frame, size_t len);

/* Fill @hdr for a frame of at least HV_NET_ETH_HLEN bytes. */
void hv_net_rx_prepare(const HvNetRndis *r, const uint8_t *frame, size_t len,
                       HvNetRxHdr *hdr);

#endif

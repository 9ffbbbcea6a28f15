/*
 * Hyper-V synthetic NIC: messages on the wire
 *
 * NVSP (the network VSP's protocol, inside VMBus packets) and Remote NDIS
 * (inside NVSP). The layouts and numbers are Microsoft's, as found in Linux's
 * drivers/net/hyperv/hyperv_net.h and include/linux/rndis.h and in the NDIS
 * reference. All fields are little-endian; users copy a message into private
 * memory first and convert on access.
 *
 * This work is licensed under the terms of the GNU GPL, version 2 or later.
 * See the COPYING file in the top-level directory.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef HW_HYPERV_HV_NET_PROTO_H
#define HW_HYPERV_HV_NET_PROTO_H

#include "qemu/compiler.h"

/* NVSP versions; Linux offers them one by one, newest first */
#define NVSP_VERSION_1      0x00002
#define NVSP_VERSION_2      0x30002
#define NVSP_VERSION_4      0x40000
#define NVSP_VERSION_5      0x50000
#define NVSP_VERSION_6      0x60000
#define NVSP_VERSION_61     0x60001

enum {
    NVSP_INIT                       = 1,
    NVSP_INIT_COMPLETE              = 2,
    NVSP1_SEND_NDIS_VERSION         = 100,
    NVSP1_SEND_RECV_BUF             = 101,
    NVSP1_SEND_RECV_BUF_COMPLETE    = 102,
    NVSP1_REVOKE_RECV_BUF           = 103,
    NVSP1_SEND_SEND_BUF             = 104,
    NVSP1_SEND_SEND_BUF_COMPLETE    = 105,
    NVSP1_REVOKE_SEND_BUF           = 106,
    NVSP1_SEND_RNDIS_PKT            = 107,
    NVSP1_SEND_RNDIS_PKT_COMPLETE   = 108,
    NVSP2_SEND_NDIS_CONFIG          = 125,
    NVSP4_SWITCH_DATA_PATH          = 129,
    NVSP5_SUBCHANNEL                = 133,
    NVSP5_SEND_INDIRECTION_TABLE    = 134,
};

enum {
    NVSP_STATUS_SUCCESS             = 1,
    NVSP_STATUS_FAIL                = 2,
    NVSP_STATUS_TOO_NEW             = 3,
    NVSP_STATUS_TOO_OLD             = 4,
    NVSP_STATUS_INVALID_RNDIS_PKT   = 5,
};

#define NVSP2_CAP_IEEE8021Q         (1ull << 3)
#define NVSP5_SUBCHANNEL_ALLOCATE   1
#define NVSP_CHANNEL_DATA           0
#define NVSP_CHANNEL_CONTROL        1
#define NVSP_NO_SECTION             0xffffffffu
#define NVSP_SEND_TABLE_LEN         16

/*
 * Every message has the size of the largest one of NVSP 6.1: Linux copies that
 * much from each completion.
 */
#define NVSP_MSG_SIZE               40

typedef struct QEMU_PACKED NvspMsg {
    uint32_t type;
    union {
        struct QEMU_PACKED {
            uint32_t min_version;
            uint32_t max_version;
        } init;
        struct QEMU_PACKED {
            uint32_t version;
            uint32_t max_mdl_chain_len;
            uint32_t status;
        } init_complete;
        struct QEMU_PACKED {
            uint32_t major;
            uint32_t minor;
        } ndis_version;
        struct QEMU_PACKED {
            uint32_t gpadl;
            uint16_t id;
        } send_buf;                 /* both directions */
        struct QEMU_PACKED {
            uint32_t status;
            uint32_t num_sections;
            uint32_t offset;
            uint32_t sub_alloc_size;
            uint32_t num_sub_allocs;
            uint32_t end_offset;
        } recv_buf_complete;
        struct QEMU_PACKED {
            uint32_t status;
            uint32_t section_size;
        } send_buf_complete;
        struct QEMU_PACKED {
            uint16_t id;
        } revoke;
        struct QEMU_PACKED {
            uint32_t channel_type;
            uint32_t section_index;
            uint32_t section_size;
        } rndis;
        struct QEMU_PACKED {
            uint32_t status;
        } rndis_complete;
        struct QEMU_PACKED {
            uint32_t mtu;           /* with the Ethernet header */
            uint32_t reserved;
            uint64_t capabilities;
        } ndis_config;
        struct QEMU_PACKED {
            uint32_t op;            /* the status in the answer */
            uint32_t count;
        } subchannel;
        struct QEMU_PACKED {
            uint32_t count;
            uint32_t offset;        /* from the start of the message */
        } send_table;
        uint8_t pad[NVSP_MSG_SIZE - 4];
    };
} NvspMsg;

QEMU_BUILD_BUG_ON(sizeof(NvspMsg) != NVSP_MSG_SIZE);

enum {
    RNDIS_PACKET        = 0x00000001,
    RNDIS_INIT          = 0x00000002,
    RNDIS_HALT          = 0x00000003,
    RNDIS_QUERY         = 0x00000004,
    RNDIS_SET           = 0x00000005,
    RNDIS_RESET         = 0x00000006,
    RNDIS_INDICATE      = 0x00000007,
    RNDIS_KEEPALIVE     = 0x00000008,
};
#define RNDIS_COMPLETE                  0x80000000u

#define RNDIS_STATUS_SUCCESS            0x00000000u
#define RNDIS_STATUS_MEDIA_CONNECT      0x4001000bu
#define RNDIS_STATUS_MEDIA_DISCONNECT   0x4001000cu
#define RNDIS_STATUS_FAILURE            0xc0000001u
#define RNDIS_STATUS_NOT_SUPPORTED      0xc00000bbu
#define RNDIS_STATUS_MULTICAST_FULL     0xc0010009u
#define RNDIS_STATUS_NOT_READY          0xc0010011u
#define RNDIS_STATUS_INVALID_LENGTH     0xc0010014u
#define RNDIS_STATUS_INVALID_DATA       0xc0010015u

typedef struct QEMU_PACKED RndisHdr {
    uint32_t type;
    uint32_t len;                   /* of the whole message */
} RndisHdr;

/* Offsets in these count from the end of RndisHdr. */
typedef struct QEMU_PACKED RndisInit {
    uint32_t req_id;
    uint32_t major;
    uint32_t minor;
    uint32_t max_xfer_size;
} RndisInit;

typedef struct QEMU_PACKED RndisInitComplete {
    uint32_t req_id;
    uint32_t status;
    uint32_t major;
    uint32_t minor;
    uint32_t dev_flags;
    uint32_t medium;
    uint32_t max_pkt_per_msg;
    uint32_t max_xfer_size;
    uint32_t pkt_alignment_factor;  /* a power of two */
    uint32_t af_list_offset;
    uint32_t af_list_size;
} RndisInitComplete;

typedef struct QEMU_PACKED RndisRequest {
    uint32_t req_id;                /* query and set */
    uint32_t oid;
    uint32_t info_len;
    uint32_t info_offset;
    uint32_t vc_handle;
} RndisRequest;

typedef struct QEMU_PACKED RndisQueryComplete {
    uint32_t req_id;
    uint32_t status;
    uint32_t info_len;
    uint32_t info_offset;
} RndisQueryComplete;

typedef struct QEMU_PACKED RndisStatus {
    uint32_t req_id;                /* set and keepalive */
    uint32_t status;
} RndisStatus;

typedef struct QEMU_PACKED RndisResetComplete {
    uint32_t status;
    uint32_t addressing_reset;      /* filter, multicast list are gone */
} RndisResetComplete;

typedef struct QEMU_PACKED RndisIndicate {
    uint32_t status;
    uint32_t buf_len;
    uint32_t buf_offset;
} RndisIndicate;

typedef struct QEMU_PACKED RndisPacket {
    uint32_t data_offset;
    uint32_t data_len;
    uint32_t oob_offset;
    uint32_t oob_len;
    uint32_t oob_count;
    uint32_t ppi_offset;
    uint32_t ppi_len;
    uint32_t vc_handle;
    uint32_t reserved;
} RndisPacket;

typedef struct QEMU_PACKED RndisPpi {
    uint32_t size;                  /* with this header */
    uint32_t type;                  /* bit 31: internal numbering */
    uint32_t offset;                /* of the value, from this header */
} RndisPpi;

enum {
    RNDIS_PPI_CHECKSUM  = 0,
    RNDIS_PPI_LSO       = 2,
    RNDIS_PPI_VLAN      = 6,
    RNDIS_PPI_HASH      = 8,
};

/* value of RNDIS_PPI_CHECKSUM, guest to host */
#define NDIS_TXCSUM_IPV4            (1u << 0)
#define NDIS_TXCSUM_IPV6            (1u << 1)
#define NDIS_TXCSUM_TCP             (1u << 2)
#define NDIS_TXCSUM_UDP             (1u << 3)
#define NDIS_TXCSUM_IP_HEADER       (1u << 4)
#define NDIS_TXCSUM_L4_OFFSET(v)    (((v) >> 16) & 0x3ff)
/* and host to guest */
#define NDIS_RXCSUM_TCP_FAILED      (1u << 0)
#define NDIS_RXCSUM_UDP_FAILED      (1u << 1)
#define NDIS_RXCSUM_IP_FAILED       (1u << 2)
#define NDIS_RXCSUM_TCP_GOOD        (1u << 3)
#define NDIS_RXCSUM_UDP_GOOD        (1u << 4)
#define NDIS_RXCSUM_IP_GOOD         (1u << 5)

/* value of RNDIS_PPI_LSO, version 2 */
#define NDIS_LSO_MSS(v)             ((v) & 0xfffff)
#define NDIS_LSO_L4_OFFSET(v)       (((v) >> 20) & 0x3ff)
#define NDIS_LSO_V2                 (1u << 30)
#define NDIS_LSO_IPV6               (1u << 31)

/* value of RNDIS_PPI_VLAN: priority 2:0, CFI 3, identifier 15:4 */
#define NDIS_VLAN_TO_TCI(v) \
    ((((v) & 7) << 13) | (((v) & 8) << 9) | (((v) >> 4) & 0xfff))
#define NDIS_VLAN_FROM_TCI(t) \
    ((((t) >> 13) & 7) | (((t) >> 9) & 8) | (((t) & 0xfffu) << 4))

#define NDIS_FILTER_DIRECTED        0x01
#define NDIS_FILTER_MULTICAST       0x02
#define NDIS_FILTER_ALL_MULTICAST   0x04
#define NDIS_FILTER_BROADCAST       0x08
#define NDIS_FILTER_PROMISCUOUS     0x20

enum {
    OID_GEN_SUPPORTED_LIST          = 0x00010101,
    OID_GEN_HARDWARE_STATUS         = 0x00010102,
    OID_GEN_MEDIA_SUPPORTED         = 0x00010103,
    OID_GEN_MEDIA_IN_USE            = 0x00010104,
    OID_GEN_MAXIMUM_LOOKAHEAD       = 0x00010105,
    OID_GEN_MAXIMUM_FRAME_SIZE      = 0x00010106,
    OID_GEN_LINK_SPEED              = 0x00010107,
    OID_GEN_TRANSMIT_BLOCK_SIZE     = 0x0001010a,
    OID_GEN_RECEIVE_BLOCK_SIZE      = 0x0001010b,
    OID_GEN_VENDOR_ID               = 0x0001010c,
    OID_GEN_VENDOR_DESCRIPTION      = 0x0001010d,
    OID_GEN_CURRENT_PACKET_FILTER   = 0x0001010e,
    OID_GEN_CURRENT_LOOKAHEAD       = 0x0001010f,
    OID_GEN_MAXIMUM_TOTAL_SIZE      = 0x00010111,
    OID_GEN_MAC_OPTIONS             = 0x00010113,
    OID_GEN_MEDIA_CONNECT_STATUS    = 0x00010114,
    OID_GEN_MAXIMUM_SEND_PACKETS    = 0x00010115,
    OID_GEN_VENDOR_DRIVER_VERSION   = 0x00010116,
    OID_GEN_PHYSICAL_MEDIUM         = 0x00010202,
    OID_GEN_RECEIVE_SCALE_CAPS      = 0x00010203,
    OID_GEN_RECEIVE_SCALE_PARAMS    = 0x00010204,
    OID_GEN_RNDIS_CONFIG_PARAMETER  = 0x0001021b,
    OID_GEN_XMIT_OK                 = 0x00020101,
    OID_GEN_RCV_OK                  = 0x00020102,
    OID_GEN_XMIT_ERROR              = 0x00020103,
    OID_GEN_RCV_ERROR               = 0x00020104,
    OID_GEN_RCV_NO_BUFFER           = 0x00020105,
    OID_GEN_FRIENDLY_NAME           = 0x00020216,
    OID_802_3_PERMANENT_ADDRESS     = 0x01010101,
    OID_802_3_CURRENT_ADDRESS       = 0x01010102,
    OID_802_3_MULTICAST_LIST        = 0x01010103,
    OID_802_3_MAXIMUM_LIST_SIZE     = 0x01010104,
};
#define OID_TCP_OFFLOAD_CURRENT_CONFIG  0xfc01020bu
#define OID_TCP_OFFLOAD_PARAMETERS      0xfc01020cu
#define OID_TCP_OFFLOAD_HARDWARE_CAPS   0xfc01020du

#define NDIS_OBJECT_RSS_CAPS        0x88
#define NDIS_OBJECT_RSS_PARAMS      0x89
#define NDIS_OBJECT_OFFLOAD         0xa7

typedef struct QEMU_PACKED NdisObject {
    uint8_t type;
    uint8_t revision;
    uint16_t size;
} NdisObject;

#define NDIS_ENCAP_8023             2
/* the capability bits of checksums; options, TCP, UDP, IPv4 header */
#define NDIS_CSUM_IP4OPT            0x001
#define NDIS_CSUM_TCPOPT            0x004
#define NDIS_CSUM_TCP               0x010
#define NDIS_CSUM_UDP               0x040
#define NDIS_CSUM_IP4               0x100
#define NDIS_CSUM_IP6EXT            0x001
#define NDIS_LSO_IP6EXT             0x001
#define NDIS_LSO_TCP6OPT            0x004

typedef struct QEMU_PACKED NdisOffload {
    NdisObject hdr;
    uint32_t ip4_txenc;
    uint32_t ip4_txcsum;
    uint32_t ip4_rxenc;
    uint32_t ip4_rxcsum;
    uint32_t ip6_txenc;
    uint32_t ip6_txcsum;
    uint32_t ip6_rxenc;
    uint32_t ip6_rxcsum;
    uint32_t lsov1[4];
    uint32_t ipsecv1[7];
    uint32_t lsov2_ip4_encap;
    uint32_t lsov2_ip4_max;
    uint32_t lsov2_ip4_minseg;
    uint32_t lsov2_ip6_encap;
    uint32_t lsov2_ip6_max;
    uint32_t lsov2_ip6_minseg;
    uint32_t lsov2_ip6_opts;
    uint32_t flags;                 /* NDIS 6.0 ends after this, */
    uint8_t ipsecv2[32];            /* 6.1 after this, */
    uint8_t rsc[4];                 /* then 6.30 */
    uint32_t encap_gre[2];
} NdisOffload;

#define NDIS_OFFLOAD_SIZE_6_0       112
#define NDIS_OFFLOAD_SIZE_6_1       144
#define NDIS_OFFLOAD_SIZE_6_30      156
QEMU_BUILD_BUG_ON(sizeof(NdisOffload) != NDIS_OFFLOAD_SIZE_6_30);
QEMU_BUILD_BUG_ON(offsetof(NdisOffload, ipsecv2) != NDIS_OFFLOAD_SIZE_6_0);
QEMU_BUILD_BUG_ON(offsetof(NdisOffload, rsc) != NDIS_OFFLOAD_SIZE_6_1);

/* values in NdisOffloadParams; 0 is "no change" */
enum {
    NDIS_PARAM_OFF      = 1,
    NDIS_PARAM_TX       = 2,
    NDIS_PARAM_RX       = 3,
    NDIS_PARAM_BOTH     = 4,
};

typedef struct QEMU_PACKED NdisOffloadParams {
    NdisObject hdr;
    uint8_t ip4_csum;
    uint8_t tcp4_csum;
    uint8_t udp4_csum;
    uint8_t tcp6_csum;
    uint8_t udp6_csum;
    /* what follows concerns transmission and needs no state here */
} NdisOffloadParams;

/* revision 1; Linux sends 22 and 28 bytes */
#define NDIS_OFFLOAD_PARAMS_MIN     20

/* capability flags of NdisRssCaps and hash types of NdisRssParams */
#define NDIS_RSS_CAP_TCP_IPV4       0x00000100
#define NDIS_RSS_CAP_TCP_IPV6       0x00000200
#define NDIS_HASH_TOEPLITZ          0x00000001
#define NDIS_HASH_IPV4              0x00000100
#define NDIS_HASH_TCP_IPV4          0x00000200
#define NDIS_HASH_IPV6              0x00000400
#define NDIS_HASH_TCP_IPV6          0x00001000
#define NDIS_RSS_KEY_LEN            40
#define NDIS_RSS_TABLE_LEN          128

typedef struct QEMU_PACKED NdisRssCaps {
    NdisObject hdr;
    uint32_t flags;
    uint32_t num_messages;
    uint32_t num_queues;
    uint16_t num_table;
} NdisRssCaps;

#define NDIS_RSS_HASH_UNCHANGED     0x0002
#define NDIS_RSS_TABLE_UNCHANGED    0x0004
#define NDIS_RSS_KEY_UNCHANGED      0x0008
#define NDIS_RSS_DISABLE            0x0010

/* Offsets count from the start of this structure; natural alignment. */
typedef struct NdisRssParams {
    NdisObject hdr;
    uint16_t flags;
    uint16_t base_cpu;
    uint32_t hash_info;
    uint16_t table_size;            /* in bytes */
    uint32_t table_offset;
    uint16_t key_size;
    uint32_t key_offset;
    uint32_t mask_offset;
    uint32_t num_masks;
    uint32_t mask_size;
} NdisRssParams;

QEMU_BUILD_BUG_ON(sizeof(NdisRssParams) != 40);

/* Offsets count from the start of this structure. */
typedef struct QEMU_PACKED RndisConfigParam {
    uint32_t name_offset;
    uint32_t name_len;
    uint32_t type;
    uint32_t value_offset;
    uint32_t value_len;
} RndisConfigParam;

#define RNDIS_CONFIG_STRING         2

#endif

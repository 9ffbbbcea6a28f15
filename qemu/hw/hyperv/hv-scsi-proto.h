/*
 * Hyper-V synthetic SCSI: packets on the wire
 *
 * Everything is little endian and packed.  The layouts and numbers are those
 * that Linux uses (drivers/scsi/storvsc_drv.c).  Status values are NTSTATUS
 * codes; Linux only distinguishes zero from all others.
 *
 * A packet is a header of 12 bytes and a payload.  Guests that speak a version
 * before 5.1 send the payload without the last 16 bytes of a SCSI request
 * block, some of them also during negotiation; a completion is as long as the
 * packet that it completes.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef HW_HYPERV_HV_SCSI_PROTO_H
#define HW_HYPERV_HV_SCSI_PROTO_H

#define HV_SCSI_GUID "ba6163d9-04a1-4d29-b605-72e2ffb1dc7f"

/* vstor_packet.operation */
enum {
    VSTOR_COMPLETE_IO            = 1,
    VSTOR_REMOVE_DEVICE          = 2,
    VSTOR_EXECUTE_SRB            = 3,
    VSTOR_RESET_LUN              = 4,
    VSTOR_RESET_ADAPTER          = 5,
    VSTOR_RESET_BUS              = 6,
    VSTOR_BEGIN_INITIALIZATION   = 7,
    VSTOR_END_INITIALIZATION     = 8,
    VSTOR_QUERY_PROTOCOL_VERSION = 9,
    VSTOR_QUERY_PROPERTIES       = 10,
    VSTOR_ENUMERATE_BUS          = 11,
    VSTOR_FCHBA_DATA             = 12,
    VSTOR_CREATE_SUB_CHANNELS    = 13,
};

#define VSTOR_VERSION(major, minor) (((major) << 8) | (minor))
#define VSTOR_VERSION_WIN6          VSTOR_VERSION(2, 0)
#define VSTOR_VERSION_WIN7          VSTOR_VERSION(4, 2)
#define VSTOR_VERSION_WIN8          VSTOR_VERSION(5, 1)
#define VSTOR_VERSION_WIN8_1        VSTOR_VERSION(6, 0)
#define VSTOR_VERSION_WIN10         VSTOR_VERSION(6, 2)

/* vstor_packet.status */
#define VSTOR_STATUS_SUCCESS               0x00000000u
#define VSTOR_STATUS_BUFFER_OVERFLOW       0x80000005u
#define VSTOR_STATUS_DEVICE_BUSY           0x80000011u
#define VSTOR_STATUS_INVALID_PARAMETER     0xc000000du
#define VSTOR_STATUS_INVALID_REQUEST       0xc0000010u
#define VSTOR_STATUS_REVISION_MISMATCH     0xc0000059u
#define VSTOR_STATUS_IO_TIMEOUT            0xc00000b5u
#define VSTOR_STATUS_NO_SUCH_DEVICE        0xc00000c0u
#define VSTOR_STATUS_CANCELLED             0xc0000120u
#define VSTOR_STATUS_INVALID_STATE         0xc0000184u
#define VSTOR_STATUS_IO_ERROR              0xc0000185u

#define VSTOR_CDB_SIZE      16
#define VSTOR_SENSE_SIZE    20      /* 5.1 and later */
#define VSTOR_SENSE_SIZE_V1 18      /* before 5.1 */

/* vmscsi_request.data_in */
enum {
    VSTOR_DATA_OUT  = 0,
    VSTOR_DATA_IN   = 1,
    VSTOR_DATA_NONE = 2,
};

/* vmscsi_request.srb_status: a number and two flags */
#define SRB_AUTOSENSE_VALID    0x80
#define SRB_SUCCESS            0x01
#define SRB_ABORTED            0x02
#define SRB_ERROR              0x04
#define SRB_BUSY               0x05
#define SRB_INVALID_REQUEST    0x06
#define SRB_TIMEOUT            0x09
#define SRB_SELECTION_TIMEOUT  0x0a
#define SRB_BUS_RESET          0x0e
#define SRB_DATA_OVERRUN       0x12
#define SRB_INVALID_LUN        0x20

/* vmscsi_request.srb_flags */
#define SRB_FLAGS_DISABLE_AUTOSENSE 0x00000020u

typedef struct QEMU_PACKED vmscsi_request {
    uint16_t length;
    uint8_t  srb_status;
    uint8_t  scsi_status;
    uint8_t  port_number;
    uint8_t  path_id;
    uint8_t  target_id;
    uint8_t  lun;
    uint8_t  cdb_length;
    uint8_t  sense_info_length;
    uint8_t  data_in;
    uint8_t  reserved;
    uint32_t data_transfer_length;
    union {
        uint8_t cdb[VSTOR_CDB_SIZE];
        uint8_t sense_data[VSTOR_SENSE_SIZE];
    };
    /* since 5.1 */
    uint16_t reserve;
    uint8_t  queue_tag;
    uint8_t  queue_action;
    uint32_t srb_flags;
    uint32_t time_out_value;
    uint32_t queue_sort_key;
} vmscsi_request;

#define VSTOR_MULTI_CHANNEL 0x1     /* vmstor_properties.flags */

typedef struct QEMU_PACKED vmstor_properties {
    uint32_t reserved;
    uint16_t max_channel_cnt;       /* not counting the first one */
    uint16_t reserved1;
    uint32_t flags;
    uint32_t max_transfer_bytes;
    uint64_t reserved2;
} vmstor_properties;

typedef struct QEMU_PACKED vmstor_version {
    uint16_t major_minor;
    uint16_t revision;
} vmstor_version;

typedef struct QEMU_PACKED vstor_packet {
    uint32_t operation;
    uint32_t flags;
    uint32_t status;
    union {
        vmscsi_request    srb;
        vmstor_properties properties;
        vmstor_version    version;
        uint16_t          sub_channel_count;
    };
} vstor_packet;

#define VSTOR_HEADER_SIZE offsetof(vstor_packet, srb)
#define VSTOR_PACKET_SIZE sizeof(vstor_packet)
#define VSTOR_PACKET_SIZE_V1 \
    (VSTOR_HEADER_SIZE + offsetof(vmscsi_request, reserve))

QEMU_BUILD_BUG_ON(sizeof(vmscsi_request) != 52);
QEMU_BUILD_BUG_ON(VSTOR_PACKET_SIZE != 64);
QEMU_BUILD_BUG_ON(VSTOR_PACKET_SIZE_V1 != 48);

#endif

/*
 * Hyper-V synthetic SCSI: the storage protocol, apart from the devices
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef HW_HYPERV_HV_SCSI_VSTOR_H
#define HW_HYPERV_HV_SCSI_VSTOR_H

#include "hv-scsi-proto.h"

/**
 * typedef HvScsiSrb - a SCSI request block, checked and in host byte order
 * @path: bus number
 * @target: target number
 * @lun: logical unit number
 * @cdb_length: bytes of @cdb that the guest filled, 1 to %VSTOR_CDB_SIZE
 * @sense_length: how many bytes of sense data the guest takes
 * @data_in: one of VSTOR_DATA_*
 * @autosense: the guest wants sense data with a check condition
 * @data_length: bytes to transfer, at most the size of the guest's buffer
 * @cdb: the command; bytes after @cdb_length are zero
 */
typedef struct HvScsiSrb {
    uint8_t path;
    uint8_t target;
    uint8_t lun;
    uint8_t cdb_length;
    uint8_t sense_length;
    uint8_t data_in;
    bool autosense;
    uint32_t data_length;
    uint8_t cdb[VSTOR_CDB_SIZE];
} HvScsiSrb;

/**
 * typedef HvScsiResult - how a SCSI request block ended
 * @status: VSTOR_STATUS_*
 * @srb_status: SRB_*, without flags
 * @scsi_status: SAM status
 * @transferred: bytes moved to or from the guest's buffer
 * @sense_length: bytes in @sense, 0 for none
 * @sense: fixed-format sense data
 */
typedef struct HvScsiResult {
    uint32_t status;
    uint8_t srb_status;
    uint8_t scsi_status;
    uint32_t transferred;
    uint8_t sense_length;
    uint8_t sense[VSTOR_SENSE_SIZE];
} HvScsiResult;

/* What a packet asks the caller to do. */
typedef enum HvScsiAction {
    HV_SCSI_REPLY,          /* only send the reply */
    HV_SCSI_EXECUTE,        /* execute the SRB */
    HV_SCSI_RESET_BUS,      /* reset all disks, then send the reply */
    HV_SCSI_RESET_LUN,      /* reset one disk, then send the reply */
    HV_SCSI_SUB_CHANNELS,   /* offer sub-channels; send the reply */
} HvScsiAction;

/* How far the guest has come on channel 0. */
typedef enum HvScsiState {
    HV_SCSI_STATE_BEGIN,
    HV_SCSI_STATE_VERSION,
    HV_SCSI_STATE_PROPERTIES,
    HV_SCSI_STATE_END,
    HV_SCSI_STATE_READY,
} HvScsiState;

/**
 * typedef HvScsiVstor - the protocol's state of one device
 * @state: where negotiation is
 * @version: agreed version, 0 before
 * @max_sub_channels: how many the guest may ask for
 * @max_transfer: limit of one request in bytes
 */
typedef struct HvScsiVstor {
    HvScsiState state;
    uint16_t version;
    uint16_t max_sub_channels;
    uint32_t max_transfer;
} HvScsiVstor;

/**
 * typedef HvScsiCommand - a decoded packet and its completion
 * @action: what to do
 * @malformed: the packet broke a rule of the protocol; the caller counts it
 * @sub_channels: for %HV_SCSI_SUB_CHANNELS
 * @srb: for %HV_SCSI_EXECUTE; for %HV_SCSI_RESET_LUN only the address
 * @reply_size: bytes of @reply to send
 * @reply: the completion; for %HV_SCSI_EXECUTE to be made by
 *         hv_scsi_vstor_result()
 */
typedef struct HvScsiCommand {
    HvScsiAction action;
    bool malformed;
    uint16_t sub_channels;
    HvScsiSrb srb;
    uint32_t reply_size;
    vstor_packet reply;
} HvScsiCommand;

/**
 * hv_scsi_vstor_packet - decode one packet of the guest and update the state
 * @v: the device's state, advanced by negotiation
 * @first: the packet came on channel 0
 * @msg: the packet; private memory, not shared with the guest
 * @len: its size in bytes, any value
 * @buffer: size of the guest's data buffer in bytes
 * @cmd: filled
 *
 * Does not fail: a malformed packet is answered with an error.
 */
void hv_scsi_vstor_packet(HvScsiVstor *v, bool first, const void *msg,
                          uint32_t len, uint64_t buffer, HvScsiCommand *cmd);

/**
 * hv_scsi_vstor_result - make the completion of an executed SRB
 * @cmd: from hv_scsi_vstor_packet(); its reply is filled
 * @res: the outcome
 */
void hv_scsi_vstor_result(HvScsiCommand *cmd, const HvScsiResult *res);

/**
 * hv_scsi_vstor_notice - make a packet that the device sends unasked
 * @v: the device's state
 * @operation: VSTOR_*
 * @packet: filled
 *
 * Return: bytes of @packet to send.
 */
uint32_t hv_scsi_vstor_notice(const HvScsiVstor *v, uint32_t operation,
                              vstor_packet *packet);

#endif

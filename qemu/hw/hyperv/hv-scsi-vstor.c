/*
 * Hyper-V synthetic SCSI: the storage protocol, apart from the devices
 *
 * Decodes the guest's packets, negotiates, and encodes the replies.  Uses
 * neither channels nor disks, allocates no memory and touches no guest memory,
 * so that a test can link it alone.
 *
 * Invariants: a packet is read only within its given length.  An HvScsiSrb that
 * leaves here keeps the bounds that hv-scsi-vstor.h states.  Unused bytes of a
 * reply are zero.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "hv-scsi-vstor.h"

static void set_status(HvScsiCommand *cmd, uint32_t status)
{
    cmd->reply.status = cpu_to_le32(status);
}

static void refuse(HvScsiCommand *cmd, uint32_t status)
{
    cmd->malformed = true;
    set_status(cmd, status);
}

static void query_version(HvScsiVstor *v, const vstor_packet *p,
                          HvScsiCommand *cmd)
{
    uint16_t version = le16_to_cpu(p->version.major_minor);

    cmd->reply.version.major_minor = p->version.major_minor;
    switch (version) {
    case VSTOR_VERSION_WIN6:
    case VSTOR_VERSION_WIN7:
    case VSTOR_VERSION_WIN8:
    case VSTOR_VERSION_WIN8_1:
    case VSTOR_VERSION_WIN10:
        v->version = version;
        v->state = HV_SCSI_STATE_PROPERTIES;
        return;
    default:
        /* no error of the guest: it tries versions from new to old */
        set_status(cmd, VSTOR_STATUS_REVISION_MISMATCH);
    }
}

/* Guests before 5.1 know nothing of sub-channels. */
static uint16_t sub_channels(const HvScsiVstor *v)
{
    return v->version >= VSTOR_VERSION_WIN8 ? v->max_sub_channels : 0;
}

static void query_properties(HvScsiVstor *v, HvScsiCommand *cmd)
{
    vmstor_properties *prop = &cmd->reply.properties;
    uint16_t count = sub_channels(v);

    prop->max_channel_cnt = cpu_to_le16(count);
    prop->flags = cpu_to_le32(count ? VSTOR_MULTI_CHANNEL : 0);
    prop->max_transfer_bytes = cpu_to_le32(v->max_transfer);
    v->state = HV_SCSI_STATE_END;
}

/* Each state expects one operation; any other leaves the state unchanged. */
static void negotiate(HvScsiVstor *v, uint32_t op, const vstor_packet *p,
                      HvScsiCommand *cmd)
{
    if (v->state == HV_SCSI_STATE_BEGIN && op == VSTOR_BEGIN_INITIALIZATION) {
        v->state = HV_SCSI_STATE_VERSION;
    } else if (v->state == HV_SCSI_STATE_VERSION &&
               op == VSTOR_QUERY_PROTOCOL_VERSION) {
        query_version(v, p, cmd);
    } else if (v->state == HV_SCSI_STATE_PROPERTIES &&
               op == VSTOR_QUERY_PROPERTIES) {
        query_properties(v, cmd);
    } else if (v->state == HV_SCSI_STATE_END &&
               op == VSTOR_END_INITIALIZATION) {
        v->state = HV_SCSI_STATE_READY;
    } else {
        refuse(cmd, VSTOR_STATUS_INVALID_STATE);
    }
}

static void create_sub_channels(const HvScsiVstor *v, bool first,
                                const vstor_packet *p, HvScsiCommand *cmd)
{
    uint16_t count = le16_to_cpu(p->sub_channel_count);

    if (!first) {
        refuse(cmd, VSTOR_STATUS_INVALID_STATE);
    } else if (count > sub_channels(v)) {
        refuse(cmd, VSTOR_STATUS_INVALID_PARAMETER);
    } else if (count) {
        cmd->action = HV_SCSI_SUB_CHANNELS;
        cmd->sub_channels = count;
    }
}

static void decode_address(const vmscsi_request *wire, HvScsiSrb *srb)
{
    srb->path = wire->path_id;
    srb->target = wire->target_id;
    srb->lun = wire->lun;
}

static void refuse_srb(HvScsiCommand *cmd, uint32_t status, uint8_t srb_status)
{
    const HvScsiResult res = { .status = status, .srb_status = srb_status };

    hv_scsi_vstor_result(cmd, &res);
    cmd->malformed = true;
}

static void execute_srb(const HvScsiVstor *v, const vmscsi_request *wire,
                        uint32_t len, uint64_t buffer, HvScsiCommand *cmd)
{
    HvScsiSrb *srb = &cmd->srb;

    decode_address(wire, srb);
    srb->cdb_length = wire->cdb_length;
    srb->data_in = wire->data_in;
    srb->data_length = le32_to_cpu(wire->data_transfer_length);
    srb->autosense = !(le32_to_cpu(wire->srb_flags) &
                       SRB_FLAGS_DISABLE_AUTOSENSE);
    srb->sense_length = MIN(wire->sense_info_length,
                            v->version >= VSTOR_VERSION_WIN8 ?
                            VSTOR_SENSE_SIZE : VSTOR_SENSE_SIZE_V1);

    if (len < VSTOR_PACKET_SIZE_V1 || !srb->cdb_length ||
        srb->cdb_length > VSTOR_CDB_SIZE || srb->data_in > VSTOR_DATA_NONE ||
        srb->data_length > v->max_transfer || srb->data_length > buffer) {
        refuse_srb(cmd, VSTOR_STATUS_INVALID_PARAMETER, SRB_INVALID_REQUEST);
        return;
    }
    memcpy(srb->cdb, wire->cdb, srb->cdb_length);
    cmd->action = HV_SCSI_EXECUTE;
}

/* Operations that are possible on any channel, after negotiation */
static void follow(HvScsiVstor *v, bool first, uint32_t op,
                   const vstor_packet *p, uint32_t len, uint64_t buffer,
                   HvScsiCommand *cmd)
{
    switch (op) {
    case VSTOR_EXECUTE_SRB:
        execute_srb(v, &p->srb, len, buffer, cmd);
        break;
    case VSTOR_RESET_BUS:
    case VSTOR_RESET_ADAPTER:
        cmd->action = HV_SCSI_RESET_BUS;
        break;
    case VSTOR_RESET_LUN:
        decode_address(&p->srb, &cmd->srb);
        cmd->action = HV_SCSI_RESET_LUN;
        break;
    case VSTOR_CREATE_SUB_CHANNELS:
        create_sub_channels(v, first, p, cmd);
        break;
    default:
        refuse(cmd, VSTOR_STATUS_INVALID_REQUEST);
    }
}

/* Sub-channels can be requested once the guest knows how many there are. */
static bool is_ready(const HvScsiVstor *v, uint32_t op)
{
    return v->state == HV_SCSI_STATE_READY ||
           (v->state == HV_SCSI_STATE_END && op == VSTOR_CREATE_SUB_CHANNELS);
}

static bool is_negotiation(uint32_t op)
{
    return op == VSTOR_BEGIN_INITIALIZATION || op == VSTOR_END_INITIALIZATION ||
           op == VSTOR_QUERY_PROTOCOL_VERSION || op == VSTOR_QUERY_PROPERTIES;
}

void hv_scsi_vstor_packet(HvScsiVstor *v, bool first, const void *msg,
                          uint32_t len, uint64_t buffer, HvScsiCommand *cmd)
{
    vstor_packet p = {};
    uint32_t op;

    memset(cmd, 0, sizeof(*cmd));
    cmd->action = HV_SCSI_REPLY;
    cmd->reply.operation = cpu_to_le32(VSTOR_COMPLETE_IO);
    cmd->reply_size = len < VSTOR_PACKET_SIZE_V1 ? VSTOR_PACKET_SIZE :
                      MIN(len, VSTOR_PACKET_SIZE);

    if (len < VSTOR_HEADER_SIZE) {
        refuse(cmd, VSTOR_STATUS_INVALID_PARAMETER);
        return;
    }
    memcpy(&p, msg, MIN(len, sizeof(p)));
    op = le32_to_cpu(p.operation);

    if (is_negotiation(op) && first) {
        negotiate(v, op, &p, cmd);
    } else if (is_negotiation(op) || !is_ready(v, op)) {
        refuse(cmd, VSTOR_STATUS_INVALID_STATE);
    } else {
        follow(v, first, op, &p, len, buffer, cmd);
    }
}

void hv_scsi_vstor_result(HvScsiCommand *cmd, const HvScsiResult *res)
{
    vmscsi_request *wire = &cmd->reply.srb;
    uint8_t sense = cmd->srb.autosense ? MIN(res->sense_length,
                                             cmd->srb.sense_length) : 0;

    set_status(cmd, res->status);
    memset(wire, 0, sizeof(*wire));
    wire->length = cpu_to_le16(cmd->reply_size - VSTOR_HEADER_SIZE);
    wire->srb_status = res->srb_status | (sense ? SRB_AUTOSENSE_VALID : 0);
    wire->scsi_status = res->scsi_status;
    wire->path_id = cmd->srb.path;
    wire->target_id = cmd->srb.target;
    wire->lun = cmd->srb.lun;
    wire->sense_info_length = sense;
    wire->data_in = cmd->srb.data_in;
    wire->data_transfer_length = cpu_to_le32(res->transferred);
    memcpy(wire->sense_data, res->sense, sense);
}

uint32_t hv_scsi_vstor_notice(const HvScsiVstor *v, uint32_t operation,
                              vstor_packet *packet)
{
    memset(packet, 0, sizeof(*packet));
    packet->operation = cpu_to_le32(operation);
    return v->version >= VSTOR_VERSION_WIN8 ? VSTOR_PACKET_SIZE :
           VSTOR_PACKET_SIZE_V1;
}

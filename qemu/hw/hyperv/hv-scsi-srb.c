/*
 * Hyper-V synthetic SCSI: requests to the SCSI layer
 *
 * Data moves between the backend and the guest's pages without a copy: the
 * SCSI layer maps the request's list of GPA ranges.  That list is cut to the
 * length of the command's transfer, because the block layer takes the length
 * from the list.
 *
 * Invariants: an SRB gets exactly one result, from set_result() and
 * hv_scsi_req_done().  The first of complete, fail and cancel detaches the SCSI
 * request, so a second one finds nothing.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "scsi/constants.h"
#include "system/block-backend.h"
#include "hv-scsi.h"
#include "trace.h"

#define INQUIRY_SIZE        36
#define INQUIRY_NO_DEVICE   0x7f    /* qualifier 3, type 31: nothing here */
#define REPORT_LUNS_HEADER  8

/* VSTOR_STATUS_* that goes with an SRB_* */
static uint32_t status_of(uint8_t srb_status)
{
    switch (srb_status) {
    case SRB_SUCCESS:
        return VSTOR_STATUS_SUCCESS;
    case SRB_BUSY:
        return VSTOR_STATUS_DEVICE_BUSY;
    case SRB_INVALID_LUN:
    case SRB_SELECTION_TIMEOUT:
        return VSTOR_STATUS_NO_SUCH_DEVICE;
    case SRB_TIMEOUT:
        return VSTOR_STATUS_IO_TIMEOUT;
    case SRB_DATA_OVERRUN:
        return VSTOR_STATUS_BUFFER_OVERFLOW;
    case SRB_INVALID_REQUEST:
        return VSTOR_STATUS_INVALID_PARAMETER;
    case SRB_ABORTED:
    case SRB_BUS_RESET:
        return VSTOR_STATUS_CANCELLED;
    default:
        return VSTOR_STATUS_IO_ERROR;
    }
}

static void set_result(HvScsiReq *r, HvScsiResult *res)
{
    res->status = status_of(res->srb_status);
    hv_scsi_vstor_result(&r->cmd, res);
    trace_hv_scsi_result(r->vmreq.transaction_id, res->srb_status,
                         res->scsi_status, res->sense_length,
                         res->transferred);
}

static void finish(HvScsiReq *r, HvScsiResult *res)
{
    SCSIRequest *sreq = r->sreq;

    set_result(r, res);
    r->sreq = NULL;
    if (sreq) {
        sreq->hba_private = NULL;
        scsi_req_unref(sreq);
    }
    hv_scsi_req_done(r);
}

static void finish_srb(HvScsiReq *r, uint8_t srb_status)
{
    HvScsiResult res = { .srb_status = srb_status };

    finish(r, &res);
}

/* Answer for a target without a disk: guests probe for disks. */
static void answer_absent(HvScsiReq *r)
{
    const uint8_t *cdb = r->cmd.srb.cdb;
    HvScsiResult res = { .srb_status = SRB_SUCCESS };
    uint8_t data[INQUIRY_SIZE] = {};
    uint32_t len;

    if (cdb[0] == INQUIRY && !(cdb[1] & 1)) {
        data[0] = INQUIRY_NO_DEVICE;
        data[4] = INQUIRY_SIZE - 5;
        len = MIN((uint16_t)lduw_be_p(&cdb[3]), INQUIRY_SIZE);
    } else if (cdb[0] == REPORT_LUNS) {
        len = MIN((uint32_t)ldl_be_p(&cdb[6]), REPORT_LUNS_HEADER);
    } else {
        finish_srb(r, SRB_INVALID_LUN);
        return;
    }
    len = MIN(len, r->cmd.srb.data_length);
    if (len && r->cmd.srb.data_in != VSTOR_DATA_IN) {
        finish_srb(r, SRB_INVALID_REQUEST);
        return;
    }
    if (len) {
        dma_buf_read(data, len, NULL, &r->vmreq.sgl, MEMTXATTRS_UNSPECIFIED);
    }
    res.transferred = len;
    finish(r, &res);
}

/* The SCSI layer's own answer for a LUN that does not exist */
static bool is_for_target(const HvScsiSrb *srb)
{
    return srb->cdb[0] == INQUIRY || srb->cdb[0] == REPORT_LUNS ||
           srb->cdb[0] == REQUEST_SENSE;
}

/*
 * The length in these commands is the most that the guest accepts, not the size
 * of the answer.  A smaller buffer only cuts the answer.
 */
static bool is_allocation_length(uint8_t opcode)
{
    switch (opcode) {
    case INQUIRY:
    case REQUEST_SENSE:
    case MODE_SENSE:
    case MODE_SENSE_10:
    case REPORT_LUNS:
        return true;
    default:
        return false;
    }
}

/* Shorten @sg to @size bytes; qemu_sglist_destroy() frees it all the same. */
static void trim(QEMUSGList *sg, uint64_t size)
{
    uint64_t left = MIN(size, sg->size);
    int i;

    sg->size = left;
    for (i = 0; left; i++) {
        sg->sg[i].len = MIN(sg->sg[i].len, left);
        left -= sg->sg[i].len;
    }
    sg->nsg = i;
}

/* Return: SRB_SUCCESS if the buffer suits the command. */
static uint8_t fit_buffer(HvScsiReq *r)
{
    const SCSICommand *cmd = &r->sreq->cmd;
    const HvScsiSrb *srb = &r->cmd.srb;

    if (cmd->mode == SCSI_XFER_NONE) {
        trim(&r->vmreq.sgl, 0);
        return SRB_SUCCESS;
    }
    if (cmd->xfer > srb->data_length &&
        !(srb->data_length && is_allocation_length(srb->cdb[0]))) {
        return SRB_DATA_OVERRUN;
    }
    if (srb->data_in != (cmd->mode == SCSI_XFER_FROM_DEV ? VSTOR_DATA_IN :
                                                           VSTOR_DATA_OUT)) {
        return SRB_INVALID_REQUEST;
    }
    trim(&r->vmreq.sgl, MIN(cmd->xfer, srb->data_length));
    return SRB_SUCCESS;
}

static void submit(HvScsiReq *r, SCSIDevice *d)
{
    HvScsiSrb *srb = &r->cmd.srb;
    SCSIRequest *sreq;
    uint8_t srb_status;

    sreq = scsi_req_new(d, 0, srb->lun, srb->cdb, srb->cdb_length, r);
    r->sreq = sreq;
    srb_status = fit_buffer(r);
    if (srb_status != SRB_SUCCESS) {
        finish_srb(r, srb_status);
        return;
    }

    /* @r may be gone when this returns */
    scsi_req_ref(sreq);
    if (scsi_req_enqueue(sreq)) {
        scsi_req_continue(sreq);
    }
    scsi_req_unref(sreq);
}

void hv_scsi_srb_execute(HvScsiReq *r)
{
    HvScsiSrb *srb = &r->cmd.srb;
    SCSIDevice *d = scsi_device_get(&r->chan->s->bus, srb->path, srb->target,
                                    srb->lun);

    trace_hv_scsi_execute(r->vmreq.transaction_id, srb->path, srb->target,
                          srb->lun, srb->cdb[0], srb->data_length);
    if (!d) {
        answer_absent(r);
        return;
    }
    if (d->lun != srb->lun && !is_for_target(srb)) {
        finish_srb(r, SRB_INVALID_LUN);
    } else {
        submit(r, d);
    }
    object_unref(OBJECT(d));
}

void hv_scsi_srb_cancel(HvScsiReq *r)
{
    SCSIRequest *sreq = r->sreq;

    scsi_req_ref(sreq);
    scsi_req_cancel(sreq);
    if (sreq->hba_private) {
        /* a cancellation was under way before: it ends with the I/O */
        blk_drain(sreq->dev->conf.blk);
    }
    assert(!sreq->hba_private);
    scsi_req_unref(sreq);
}

static uint8_t srb_status_of(int sam_status)
{
    switch (sam_status) {
    case GOOD:
    case CONDITION_GOOD:
        return SRB_SUCCESS;
    case BUSY:
    case TASK_SET_FULL:
        return SRB_BUSY;
    default:
        return SRB_ERROR;
    }
}

/* Bytes moved: the SCSI layer leaves in @residual what is missing. */
static uint32_t transferred(HvScsiReq *r, uint64_t residual)
{
    uint64_t size = r->vmreq.sgl.size;

    return size > residual ? size - residual : 0;
}

static void on_complete(SCSIRequest *sreq, size_t residual)
{
    HvScsiReq *r = sreq->hba_private;
    HvScsiResult res = {};

    if (!r || sreq->io_canceled) {
        return;
    }
    res.srb_status = srb_status_of(sreq->status);
    res.scsi_status = sreq->status;
    if (res.srb_status == SRB_SUCCESS) {
        res.transferred = transferred(r, residual);
    }
    if (sreq->status == CHECK_CONDITION) {
        res.sense_length = scsi_req_get_sense(sreq, res.sense,
                                              sizeof(res.sense));
    }
    finish(r, &res);
}

static void on_fail(SCSIRequest *sreq)
{
    HvScsiReq *r = sreq->hba_private;

    if (!r) {
        return;
    }
    switch (sreq->host_status) {
    case SCSI_HOST_NO_LUN:
        finish_srb(r, SRB_INVALID_LUN);
        break;
    case SCSI_HOST_BUSY:
        finish_srb(r, SRB_BUSY);
        break;
    case SCSI_HOST_TIME_OUT:
        finish_srb(r, SRB_TIMEOUT);
        break;
    case SCSI_HOST_ABORTED:
        finish_srb(r, SRB_ABORTED);
        break;
    case SCSI_HOST_RESET:
        finish_srb(r, SRB_BUS_RESET);
        break;
    case SCSI_HOST_TRANSPORT_DISRUPTED:
        finish_srb(r, SRB_SELECTION_TIMEOUT);
        break;
    default:
        finish_srb(r, SRB_ERROR);
    }
}

static void on_cancel(SCSIRequest *sreq)
{
    HvScsiReq *r = sreq->hba_private;

    if (!r) {
        return;
    }
    if (!qdev_is_realized(DEVICE(sreq->dev))) {
        finish_srb(r, SRB_INVALID_LUN);     /* the disk is being unplugged */
    } else if (HV_SCSI(BUS(sreq->bus)->parent)->resetting) {
        finish_srb(r, SRB_BUS_RESET);
    } else {
        finish_srb(r, SRB_ABORTED);
    }
}

static QEMUSGList *get_sg_list(SCSIRequest *sreq)
{
    HvScsiReq *r = sreq->hba_private;

    return &r->vmreq.sgl;
}

/* Capacity or medium changed: on a rescan the guest sees the unit attention. */
static void on_change(SCSIBus *bus, SCSIDevice *dev, SCSISense sense)
{
    hv_scsi_rescan(HV_SCSI(BUS(bus)->parent));
}

static void on_drained_end(SCSIBus *bus)
{
    hv_scsi_notify_all(HV_SCSI(BUS(bus)->parent));
}

/*
 * Bounds of an address: Linux scans 8 buses with 2 targets of 255 LUNs, but
 * finds disks again after a change only on bus 0.
 */
const SCSIBusInfo hv_scsi_bus_info = {
    .tcq = true,
    .max_channel = 0,
    .max_target = 1,
    .max_lun = 254,
    .complete = on_complete,
    .fail = on_fail,
    .cancel = on_cancel,
    .change = on_change,
    .get_sg_list = get_sg_list,
    .drained_end = on_drained_end,
};

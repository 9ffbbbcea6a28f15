/*
 * Hyper-V synthetic SCSI: the device's inner structures
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef HW_HYPERV_HV_SCSI_H
#define HW_HYPERV_HV_SCSI_H

#include "hw/hyperv/vmbus.h"
#include "hw/scsi/scsi.h"
#include "hv-scsi-vstor.h"

#define TYPE_HV_SCSI "hv-scsi"
OBJECT_DECLARE_SIMPLE_TYPE(HvScsi, HV_SCSI)

/* Requests that one channel may have in flight; more stay in the ring. */
#define HV_SCSI_MAX_IN_FLIGHT 1024

typedef struct HvScsiChannel HvScsiChannel;

/**
 * typedef HvScsiReq - one packet of the guest, until its completion is sent
 * @vmreq: packet and GPA ranges; must come first, vmbus.c allocates it
 * @chan: channel of the packet and of its completion; NULL after that channel
 *        has closed, and then nothing is sent
 * @sreq: the SCSI request, or NULL if there is none
 * @cmd: decoded packet and reply
 * @next: in @chan->in_flight, @chan->done or, for a reset, also @next_reset
 * @next_reset: in HvScsi.resets
 */
typedef struct HvScsiReq {
    VMBusChanReq vmreq;
    HvScsiChannel *chan;
    SCSIRequest *sreq;
    HvScsiCommand cmd;
    QTAILQ_ENTRY(HvScsiReq) next;
    QTAILQ_ENTRY(HvScsiReq) next_reset;
} HvScsiReq;

typedef QTAILQ_HEAD(, HvScsiReq) HvScsiReqList;

/**
 * struct HvScsiChannel - one channel
 * @s: the device
 * @vmchan: its VMBus channel
 * @open: the guest has it open
 * @in_flight: requests that are being executed
 * @num_in_flight: their number
 * @done: finished requests that wait for space in the ring
 */
struct HvScsiChannel {
    HvScsi *s;
    VMBusChannel *vmchan;
    bool open;
    HvScsiReqList in_flight;
    unsigned num_in_flight;
    HvScsiReqList done;
};

/**
 * struct HvScsi - the controller
 * @parent: base
 * @bus: where the disks are
 * @num_channels: property "channels"
 * @max_transfer: property "max-transfer", bytes
 * @vstor: state of the protocol
 * @chans: @num_channels of them
 * @resets: reset requests that wait for @reset_bh
 * @reset_bh: executes them; the rings are read only when there are none
 * @resetting: a reset is the reason for requests that are cancelled now
 * @rescan: the guest must be told that disks came or went
 * @num_malformed: packets that broke the protocol
 * @num_dropped: completions that could not be put into a ring
 *
 * All of this runs in the main loop with the BQL held.
 */
struct HvScsi {
    VMBusDevice parent;

    SCSIBus bus;
    uint16_t num_channels;
    uint64_t max_transfer;

    HvScsiVstor vstor;
    HvScsiChannel *chans;
    HvScsiReqList resets;
    QEMUBH *reset_bh;
    unsigned resetting;
    bool rescan;
    uint64_t num_malformed;
    uint64_t num_dropped;
};

extern const SCSIBusInfo hv_scsi_bus_info;

/* hv-scsi.c */

/**
 * hv_scsi_req_done - send a request's completion, now or when there is space
 * @r: request in its channel's list of those in flight; freed
 *
 * Each request ends here exactly once.
 */
void hv_scsi_req_done(HvScsiReq *r);

/**
 * hv_scsi_rescan - tell the guest to look for disks
 * @s: the device
 */
void hv_scsi_rescan(HvScsi *s);

/**
 * hv_scsi_notify_all - check the rings of all channels again
 * @s: the device
 */
void hv_scsi_notify_all(HvScsi *s);

/* hv-scsi-srb.c */

/**
 * hv_scsi_srb_execute - hand an SRB to the disk that it names
 * @r: decoded request in its channel's list of those in flight; may be freed
 *     on return
 */
void hv_scsi_srb_execute(HvScsiReq *r);

/**
 * hv_scsi_srb_cancel - end a request that its disk still has
 * @r: request with an @sreq; freed
 *
 * Runs the event loop until the disk no longer touches the guest's memory.
 */
void hv_scsi_srb_cancel(HvScsiReq *r);

#endif

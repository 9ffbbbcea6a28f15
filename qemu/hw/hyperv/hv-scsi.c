/*
 * Hyper-V synthetic SCSI controller
 *
 * A VMBus device with a SCSI bus, for guests with Linux's hv_storvsc or
 * another driver of the storvsp protocol.  This file has the device and its
 * channels, and moves packets from and to the rings.  hv-scsi-vstor.c knows
 * the protocol, hv-scsi-srb.c the SCSI layer.
 *
 * Invariants: a packet is copied out of the ring once and then decoded.
 * Completions go to the channel of their request, in the order of completion.
 * While one waits for space, no packet is taken from that channel.  After a
 * channel has closed, nothing touches the guest's memory on its behalf.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qemu/log.h"
#include "qemu/main-loop.h"
#include "qemu/module.h"
#include "qemu/units.h"
#include "hw/hotplug.h"
#include "hw/qdev-properties.h"
#include "migration/vmstate.h"
#include "hv-scsi.h"
#include "trace.h"

#define HV_SCSI_MAX_CHANNELS    64
#define HV_SCSI_PAGE            4096
/* One page more, for an offset in the first: still within IOV_MAX. */
#define HV_SCSI_TRANSFER_LIMIT  (2 * MiB)

static HvScsiChannel *to_channel(VMBusChannel *vmchan)
{
    HvScsi *s = HV_SCSI(vmbus_channel_device(vmchan));

    return &s->chans[vmbus_channel_idx(vmchan)];
}

static bool is_first(const HvScsiChannel *c)
{
    return c == c->s->chans;
}

/* Return: true unless there is no space in the ring now. */
static bool try_send(HvScsiChannel *c, HvScsiReq *r)
{
    uint32_t size = r->cmd.reply_size;
    ssize_t ret;

    if (!r->vmreq.need_comp) {
        return true;
    }
    ret = vmbus_channel_reserve(c->vmchan, 0, size);
    if (ret == -ENOSPC) {
        return false;
    }
    if (!ret) {
        ret = vmbus_channel_send_completion(&r->vmreq, &r->cmd.reply, size);
    }
    if (ret < 0) {
        c->s->num_dropped++;
        trace_hv_scsi_dropped(r->vmreq.transaction_id, (int)ret);
    }
    return true;
}

static bool try_send_rescan(HvScsi *s)
{
    VMBusChannel *vmchan = s->chans[0].vmchan;
    vstor_packet packet;
    uint32_t size;

    if (s->vstor.state != HV_SCSI_STATE_READY) {
        /* the guest will scan by itself */
        return true;
    }
    size = hv_scsi_vstor_notice(&s->vstor, VSTOR_ENUMERATE_BUS, &packet);
    if (vmbus_channel_reserve(vmchan, 0, size)) {
        return false;
    }
    trace_hv_scsi_rescan();
    vmbus_channel_send(vmchan, VMBUS_PACKET_DATA_INBAND, NULL, 0, &packet, size,
                       false, 0);
    return true;
}

/* Send waiting completions; the guest signals when it has made space. */
static void flush(HvScsiChannel *c)
{
    HvScsiReq *r;

    while ((r = QTAILQ_FIRST(&c->done))) {
        if (c->open && !try_send(c, r)) {
            trace_hv_scsi_ring_full(vmbus_channel_idx(c->vmchan));
            return;
        }
        QTAILQ_REMOVE(&c->done, r, next);
        vmbus_free_req(r);
    }
    if (c->open && is_first(c) && c->s->rescan) {
        c->s->rescan = !try_send_rescan(c->s);
    }
}

void hv_scsi_req_done(HvScsiReq *r)
{
    HvScsiChannel *c = r->chan;
    bool stalled;

    if (!c) {
        vmbus_free_req(r);
        return;
    }
    stalled = c->num_in_flight == HV_SCSI_MAX_IN_FLIGHT ||
              !QTAILQ_EMPTY(&c->done);
    QTAILQ_REMOVE(&c->in_flight, r, next);
    c->num_in_flight--;
    QTAILQ_INSERT_TAIL(&c->done, r, next);
    flush(c);
    if (stalled && c->open && QTAILQ_EMPTY(&c->done)) {
        /* the guest does not notify again for packets that are in the ring */
        vmbus_channel_notify_host(c->vmchan);
    }
}

void hv_scsi_rescan(HvScsi *s)
{
    s->rescan = true;
    flush(&s->chans[0]);
}

void hv_scsi_notify_all(HvScsi *s)
{
    int i;

    for (i = 0; s->chans && i < s->num_channels; i++) {
        if (s->chans[i].open) {
            vmbus_channel_notify_host(s->chans[i].vmchan);
        }
    }
}

static void reset_lun(HvScsi *s, const HvScsiSrb *srb)
{
    SCSIDevice *d = scsi_device_get(&s->bus, srb->path, srb->target, srb->lun);

    if (d && d->lun == srb->lun) {
        device_cold_reset(DEVICE(d));
    }
    object_unref(OBJECT(d));
}

/*
 * A reset runs the event loop until the disks are idle.  So it must not happen
 * while a ring is being read, and its channel may close meanwhile.
 */
static void reset_bh(void *opaque)
{
    HvScsi *s = HV_SCSI(opaque);
    HvScsiReq *r;

    if (s->resetting) {
        return;
    }
    object_ref(OBJECT(s));
    s->resetting++;
    while ((r = QTAILQ_FIRST(&s->resets))) {
        QTAILQ_REMOVE(&s->resets, r, next_reset);
        trace_hv_scsi_reset(r->cmd.action == HV_SCSI_RESET_LUN);
        if (r->cmd.action == HV_SCSI_RESET_LUN) {
            reset_lun(s, &r->cmd.srb);
        } else {
            bus_cold_reset(BUS(&s->bus));
        }
        hv_scsi_req_done(r);
    }
    s->resetting--;
    hv_scsi_notify_all(s);
    object_unref(OBJECT(s));
}

static void handle(HvScsiChannel *c, HvScsiReq *r)
{
    HvScsi *s = c->s;
    VMBusChanReq *vmreq = &r->vmreq;

    r->chan = c;
    QTAILQ_INSERT_TAIL(&c->in_flight, r, next);
    c->num_in_flight++;

    if (!vmreq->sgl.dev) {
        qemu_sglist_init(&vmreq->sgl, DEVICE(s), 0, VMBUS_DEVICE(s)->dma_as);
    }
    hv_scsi_vstor_packet(&s->vstor, is_first(c), vmreq->msg, vmreq->msglen,
                         vmreq->sgl.size, &r->cmd);
    trace_hv_scsi_packet(vmbus_channel_idx(c->vmchan), vmreq->transaction_id,
                         vmreq->msglen, r->cmd.action, r->cmd.malformed);
    if (r->cmd.malformed) {
        s->num_malformed++;
        qemu_log_mask(LOG_GUEST_ERROR, "hv-scsi: malformed or unexpected "
                      "packet of %u bytes\n", vmreq->msglen);
    }

    switch (r->cmd.action) {
    case HV_SCSI_EXECUTE:
        hv_scsi_srb_execute(r);
        return;
    case HV_SCSI_RESET_BUS:
    case HV_SCSI_RESET_LUN:
        QTAILQ_INSERT_TAIL(&s->resets, r, next_reset);
        qemu_bh_schedule(s->reset_bh);
        return;
    case HV_SCSI_SUB_CHANNELS:
        if (vmbus_device_offer_subchannels(VMBUS_DEVICE(s),
                                           r->cmd.sub_channels) < 0) {
            r->cmd.reply.status = cpu_to_le32(VSTOR_STATUS_INVALID_PARAMETER);
        }
        break;
    case HV_SCSI_REPLY:
        break;
    }
    hv_scsi_req_done(r);
}

/* Answers of the guest to packets that need none, or unknown types */
static bool is_request(const VMBusChanReq *vmreq)
{
    return vmreq->need_comp &&
           (vmreq->pkt_type == VMBUS_PACKET_DATA_INBAND ||
            vmreq->pkt_type == VMBUS_PACKET_DATA_USING_GPA_DIRECT);
}

static bool may_receive(const HvScsiChannel *c)
{
    const HvScsi *s = c->s;

    return c->open && c->num_in_flight < HV_SCSI_MAX_IN_FLIGHT &&
           QTAILQ_EMPTY(&c->done) && QTAILQ_EMPTY(&s->resets) &&
           !s->resetting && !s->bus.drain_count;
}

static void hv_scsi_chan_notify(VMBusChannel *vmchan)
{
    HvScsiChannel *c = to_channel(vmchan);
    HvScsiReq *r;

    flush(c);
    if (vmbus_channel_recv_start(vmchan)) {
        return;
    }
    while (may_receive(c)) {
        r = vmbus_channel_recv_peek(vmchan, sizeof(*r));
        if (!r) {
            break;
        }
        vmbus_channel_recv_pop(vmchan);
        if (is_request(&r->vmreq)) {
            handle(c, r);
        } else {
            c->s->num_malformed++;
            vmbus_free_req(r);
        }
    }
    vmbus_channel_recv_done(vmchan);
}

static int hv_scsi_open_channel(VMBusChannel *vmchan)
{
    HvScsiChannel *c = to_channel(vmchan);

    trace_hv_scsi_open(vmbus_channel_idx(vmchan));
    c->open = true;
    return 0;
}

static void hv_scsi_close_channel(VMBusChannel *vmchan)
{
    HvScsiChannel *c = to_channel(vmchan);
    HvScsi *s = c->s;
    HvScsiReq *r;

    trace_hv_scsi_close(vmbus_channel_idx(vmchan), c->num_in_flight);
    c->open = false;
    while ((r = QTAILQ_FIRST(&c->in_flight))) {
        if (r->sreq) {
            hv_scsi_srb_cancel(r);
            continue;
        }
        /* a reset: it must take place, but its result is not sent */
        QTAILQ_REMOVE(&c->in_flight, r, next);
        c->num_in_flight--;
        r->chan = NULL;
    }
    flush(c);
    if (is_first(c)) {
        s->vstor.state = HV_SCSI_STATE_BEGIN;
        s->vstor.version = 0;
        s->rescan = false;
        vmbus_device_rescind_subchannels(VMBUS_DEVICE(s));
    }
}

static uint16_t hv_scsi_num_channels(VMBusDevice *vdev)
{
    uint16_t n = HV_SCSI(vdev)->num_channels;

    /* a wrong number is an error of hv_scsi_realize() */
    return n && n <= HV_SCSI_MAX_CHANNELS ? n : 1;
}

/*
 * A disk without an address gets the next free LUN of target 0: Hyper-V has all
 * its disks there.
 */
static void hv_scsi_pre_plug(HotplugHandler *handler, DeviceState *dev,
                             Error **errp)
{
    SCSIBus *bus = &HV_SCSI(handler)->bus;
    SCSIDevice *d = SCSI_DEVICE(dev);
    SCSIDevice *other;

    if (d->id != -1) {
        return;     /* checked by the bus */
    }
    if (d->lun != -1) {
        other = scsi_device_find(bus, d->channel, 0, d->lun);
        if (other && other->lun == d->lun) {
            error_setg(errp, "lun=%u of target 0 is already used by '%s'",
                       d->lun, other->qdev.id ?: "a disk without id");
            return;
        }
    }
    d->id = 0;
}

static void hv_scsi_plug(HotplugHandler *handler, DeviceState *dev,
                         Error **errp)
{
    hv_scsi_rescan(HV_SCSI(handler));
}

/* On the rescan the guest asks for the disk and finds it gone. */
static void hv_scsi_unplug(HotplugHandler *handler, DeviceState *dev,
                           Error **errp)
{
    qdev_simple_device_unplug_cb(handler, dev, errp);
    hv_scsi_rescan(HV_SCSI(handler));
}

static bool check_properties(HvScsi *s, Error **errp)
{
    if (!s->num_channels || s->num_channels > HV_SCSI_MAX_CHANNELS) {
        error_setg(errp, "channels=%u: give 1 to %u", s->num_channels,
                   HV_SCSI_MAX_CHANNELS);
        return false;
    }
    if (!s->max_transfer || s->max_transfer % HV_SCSI_PAGE ||
        s->max_transfer > HV_SCSI_TRANSFER_LIMIT) {
        error_setg(errp, "max-transfer=%" PRIu64 ": give a multiple of %u up "
                   "to %" PRIu64, s->max_transfer, HV_SCSI_PAGE,
                   (uint64_t)HV_SCSI_TRANSFER_LIMIT);
        return false;
    }
    return true;
}

static void hv_scsi_realize(VMBusDevice *vdev, Error **errp)
{
    HvScsi *s = HV_SCSI(vdev);
    int i;

    if (!check_properties(s, errp)) {
        return;
    }
    s->vstor.max_sub_channels = s->num_channels - 1;
    s->vstor.max_transfer = s->max_transfer;
    QTAILQ_INIT(&s->resets);
    s->chans = g_new0(HvScsiChannel, s->num_channels);
    for (i = 0; i < s->num_channels; i++) {
        HvScsiChannel *c = &s->chans[i];

        c->s = s;
        c->vmchan = vmbus_device_channel(vdev, i);
        QTAILQ_INIT(&c->in_flight);
        QTAILQ_INIT(&c->done);
    }
    s->reset_bh = qemu_bh_new_guarded(reset_bh, s,
                                      &DEVICE(s)->mem_reentrancy_guard);
    scsi_bus_init(&s->bus, sizeof(s->bus), DEVICE(s), &hv_scsi_bus_info);
    qbus_set_hotplug_handler(BUS(&s->bus), OBJECT(s));
}

static void hv_scsi_unrealize(VMBusDevice *vdev)
{
    HvScsi *s = HV_SCSI(vdev);
    HvScsiReq *r;

    qbus_set_hotplug_handler(BUS(&s->bus), NULL);
    /* the channels are closed: only resets that have not run are left */
    while ((r = QTAILQ_FIRST(&s->resets))) {
        QTAILQ_REMOVE(&s->resets, r, next_reset);
        vmbus_free_req(r);
    }
    qemu_bh_delete(s->reset_bh);
    g_free(s->chans);
    s->chans = NULL;
}

static void hv_scsi_init(Object *obj)
{
    HvScsi *s = HV_SCSI(obj);

    object_property_add_uint64_ptr(obj, "malformed-packets", &s->num_malformed,
                                   OBJ_PROP_FLAG_READ);
    object_property_add_uint64_ptr(obj, "dropped-completions", &s->num_dropped,
                                   OBJ_PROP_FLAG_READ);
}

static const VMStateDescription vmstate_hv_scsi = {
    .name = TYPE_HV_SCSI,
    .unmigratable = 1,      /* requests in flight and the rings are not saved */
};

static const Property hv_scsi_properties[] = {
    DEFINE_PROP_UINT16("channels", HvScsi, num_channels, 1),
    DEFINE_PROP_SIZE("max-transfer", HvScsi, max_transfer, 512 * KiB),
};

static void hv_scsi_class_init(ObjectClass *klass, void *data)
{
    DeviceClass *dc = DEVICE_CLASS(klass);
    VMBusDeviceClass *vdc = VMBUS_DEVICE_CLASS(klass);
    HotplugHandlerClass *hc = HOTPLUG_HANDLER_CLASS(klass);

    dc->desc = "Hyper-V synthetic SCSI controller";
    dc->fw_name = "hv-scsi";
    dc->vmsd = &vmstate_hv_scsi;
    set_bit(DEVICE_CATEGORY_STORAGE, dc->categories);
    device_class_set_props(dc, hv_scsi_properties);
    object_class_property_set_description(klass, "channels",
        "VMBus channels that the guest may use, 1 to 64");
    object_class_property_set_description(klass, "max-transfer",
        "Limit of one request in bytes");

    qemu_uuid_parse(HV_SCSI_GUID, &vdc->classid);
    vdc->offer_on_demand = true;
    vdc->vmdev_realize = hv_scsi_realize;
    vdc->vmdev_unrealize = hv_scsi_unrealize;
    vdc->num_channels = hv_scsi_num_channels;
    vdc->open_channel = hv_scsi_open_channel;
    vdc->close_channel = hv_scsi_close_channel;
    vdc->chan_notify_cb = hv_scsi_chan_notify;

    hc->pre_plug = hv_scsi_pre_plug;
    hc->plug = hv_scsi_plug;
    hc->unplug = hv_scsi_unplug;
}

static const TypeInfo hv_scsi_info = {
    .name = TYPE_HV_SCSI,
    .parent = TYPE_VMBUS_DEVICE,
    .instance_size = sizeof(HvScsi),
    .instance_init = hv_scsi_init,
    .class_init = hv_scsi_class_init,
    .interfaces = (InterfaceInfo[]) {
        { TYPE_HOTPLUG_HANDLER },
        { }
    },
};

static void hv_scsi_register_types(void)
{
    type_register_static(&hv_scsi_info);
}

type_init(hv_scsi_register_types)

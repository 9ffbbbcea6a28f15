/*
 * Hyper-V synthetic NIC
 *
 * The network device that Hyper-V gives its guests: NVSP and Remote NDIS over
 * VMBus, with checksum and segmentation offload, receive-side scaling and
 * sub-channels. Guests drive it with hv_netvsc (Linux) or netvsc (Windows,
 * FreeBSD).
 *
 * This file has the qdev device and the connection to the network backend. A
 * backend needs no virtio-net header: the device computes checksums and cuts
 * segments itself.
 *
 * This work is licensed under the terms of the GNU GPL, version 2 or later.
 * See the COPYING file in the top-level directory.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/module.h"
#include "qapi/error.h"
#include "hw/qdev-properties.h"
#include "migration/vmstate.h"
#include "net/eth.h"
#include "system/reset.h"
#include "hv-net.h"
#include "trace.h"

#define HV_NET_GUID "f8615163-df3e-46c5-913f-f2d2f965ed0e"

void hv_net_sync(HvNet *s)
{
    NetClientState *nc = qemu_get_queue(s->nic);
    HvNetRndis *r = &s->rndis;
    MACAddr *mac = (MACAddr *)r->mac;

    r->nvsp_version = s->nvsp.version;
    r->frame_max = s->nvsp.frame_max;
    r->vlan = s->nvsp.capabilities & NVSP2_CAP_IEEE8021Q;

    qemu_set_info_str(nc, "model=%s,macaddr=" MAC_FMT
                      ",nvsp=0x%x,mtu=%u,channels=%d",
                      nc->model, MAC_ARG(mac), r->nvsp_version,
                      r->frame_max - HV_NET_ETH_HLEN, s->subchannels + 1);
}

static void hv_net_tx_done(NetClientState *nc, ssize_t len)
{
    HvNet *s = qemu_get_nic_opaque(nc);
    uint32_t i;

    assert(s->tx_inflight);
    if (--s->tx_inflight) {
        return;
    }
    for (i = 0; i < s->channels; i++) {
        VMBusChannel *chan = vmbus_device_channel(&s->parent, i);

        if (chan && vmbus_channel_is_open(chan)) {
            vmbus_channel_notify_host(chan);
        }
    }
}

void hv_net_emit(void *opaque, const struct iovec *iov, int cnt)
{
    HvNet *s = opaque;

    /* 0: queued; the other frames of this message are queued, too */
    if (!qemu_sendv_packet_async(qemu_get_queue(s->nic), iov, cnt,
                                 hv_net_tx_done)) {
        s->tx_inflight++;
    }
}

static VMBusChannel *hv_net_rx_channel(HvNet *s, unsigned idx)
{
    VMBusChannel *chan = vmbus_device_channel(&s->parent, idx);

    if (chan && vmbus_channel_is_open(chan)) {
        return chan;
    }
    return vmbus_device_channel(&s->parent, 0);
}

static int hv_net_rx_push(HvNet *s, const uint8_t *frame, size_t size)
{
    struct iovec iov[3];
    HvNetRxHdr hdr;
    int cnt = 0;

    hv_net_rx_prepare(&s->rndis, frame, size, &hdr);
    iov[cnt++] = (struct iovec) { hdr.data, hdr.len };
    if (hdr.strip_vlan) {
        size_t addrs = 2 * ETH_ALEN;

        iov[cnt++] = (struct iovec) { (void *)frame, addrs };
        frame += addrs + HV_NET_VLAN_HLEN;
        size -= addrs + HV_NET_VLAN_HLEN;
    }
    iov[cnt++] = (struct iovec) { (void *)frame, size };
    return hv_net_push(s, hv_net_rx_channel(s, hdr.channel),
                       NVSP_CHANNEL_DATA, iov, cnt);
}

/* Return: @size if the frame is done, 0 if the caller must retry it */
static ssize_t hv_net_receive(NetClientState *nc, const uint8_t *frame,
                              size_t size)
{
    HvNet *s = qemu_get_nic_opaque(nc);
    int ret;

    if (!hv_net_rx_wanted(&s->rndis, frame, size)) {
        return size;
    }
    ret = s->working ? -ENOSPC : hv_net_rx_push(s, frame, size);
    trace_hv_net_rx(s, size, ret);
    if (ret == -ENOSPC) {
        s->rndis.stats.rx_no_buffer += !s->working;
        s->rx_blocked = true;
        return 0;
    }
    if (ret < 0) {
        s->rndis.stats.rx_errors++;
    } else {
        s->rndis.stats.rx_packets++;
    }
    return size;
}

void hv_net_flush_backend(HvNet *s)
{
    if (s->rx_blocked) {
        s->rx_blocked = false;
        qemu_flush_queued_packets(qemu_get_queue(s->nic));
    }
}

static void hv_net_set_link(NetClientState *nc)
{
    HvNet *s = qemu_get_nic_opaque(nc);

    s->rndis.link_up = !nc->link_down;
    s->link_due = s->rndis.initialized;
    if (nc->link_down) {
        /* A backend that goes away never reports its frames as done. */
        qemu_purge_queued_packets(nc);
    }
    hv_net_flush(s);
}

static NetClientInfo hv_net_info = {
    .type = NET_CLIENT_DRIVER_NIC,
    .size = sizeof(NICState),
    .receive = hv_net_receive,
    .link_status_changed = hv_net_set_link,
};

static uint16_t hv_net_num_channels(VMBusDevice *vdev)
{
    return HV_NET(vdev)->channels;
}

static int hv_net_open_channel(VMBusChannel *chan)
{
    HvNet *s = HV_NET(vmbus_channel_device(chan));
    uint32_t i, idx = vmbus_channel_idx(chan);
    int open = 1;

    trace_hv_net_open(s, idx);
    if (!idx) {
        return 0;
    }

    /* When the last one is open, the guest may use them all. */
    for (i = 1; i < s->channels; i++) {
        open += i != idx &&
            vmbus_channel_is_open(vmbus_device_channel(&s->parent, i));
    }
    s->table_due = open == s->subchannels;
    return 0;
}

static void hv_net_close_channel(VMBusChannel *chan)
{
    VMBusDevice *vdev = vmbus_channel_device(chan);
    uint32_t idx = vmbus_channel_idx(chan);
    HvNet *s = HV_NET(vdev);

    trace_hv_net_close(s, idx);
    if (idx) {
        return;
    }
    vmbus_device_rescind_subchannels(vdev);
    hv_net_drop_due(s);
    hv_net_nvsp_end(&s->nvsp, &hv_net_nvsp_ops, s);
    hv_net_rndis_reset(&s->rndis);
    hv_net_sync(s);
    /* Drop frames that were kept for the guest. */
    hv_net_flush_backend(s);
}

/* Not in the device's reset: that happens whenever all channels close. */
static void hv_net_system_reset(void *opaque)
{
    HvNet *s = opaque;

    memcpy(s->rndis.mac, s->rndis.mac_perm, sizeof(s->rndis.mac));
    s->rndis.stats = (HvNetStats) {};
    hv_net_sync(s);
}

static void hv_net_vmdev_realize(VMBusDevice *vdev, Error **errp)
{
    DeviceState *dev = DEVICE(vdev);
    HvNet *s = HV_NET(vdev);

    QSIMPLEQ_INIT(&s->ctrl);
    s->tx_buf = g_malloc(HV_NET_TX_MAX);
    s->rndis.channels = s->channels;
    s->rndis.link_up = true;
    memcpy(s->rndis.mac_perm, s->conf.macaddr.a, sizeof(s->rndis.mac_perm));
    hv_net_nvsp_begin(&s->nvsp);
    hv_net_rndis_reset(&s->rndis);

    s->nic = qemu_new_nic(&hv_net_info, &s->conf, TYPE_HV_NET, dev->id,
                          &dev->mem_reentrancy_guard, s);
    hv_net_system_reset(s);
    qemu_register_reset(hv_net_system_reset, s);
}

static void hv_net_vmdev_unrealize(VMBusDevice *vdev)
{
    HvNet *s = HV_NET(vdev);

    qemu_unregister_reset(hv_net_system_reset, s);
    /* The backend reports when the frames that it still has are done. */
    qemu_purge_queued_packets(qemu_get_queue(s->nic));
    qemu_del_nic(s->nic);
    g_free(s->tx_buf);
}

/*
 * Guests identify and name NICs by the instance id. Derive it from the MAC
 * address, so that it is the same at each start.
 */
static void hv_net_default_instance(HvNet *s)
{
    uint8_t *id = s->parent.instanceid.data;

    if (qemu_uuid_is_null(&s->parent.instanceid)) {
        memcpy(id, s->conf.macaddr.a, ETH_ALEN);
        id[6] = 0x80;           /* version 8: made up by the vendor */
        id[8] = 0x80;
        memcpy(id + 10, s->conf.macaddr.a, ETH_ALEN);
    }
}

static void hv_net_realize(DeviceState *dev, Error **errp)
{
    HvNetClass *hnc = HV_NET_GET_CLASS(dev);
    HvNet *s = HV_NET(dev);

    if (s->channels < 1 || s->channels > HV_NET_MAX_CHANNELS) {
        error_setg(errp, "hv-net: channels=%u is not in the range 1 to %d",
                   s->channels, HV_NET_MAX_CHANNELS);
        return;
    }
    qemu_macaddr_default_if_unset(&s->conf.macaddr);
    if (is_multicast_ether_addr(s->conf.macaddr.a)) {
        error_setg(errp, "hv-net: mac=" MAC_FMT " is a multicast address, "
                   "use one with an even first byte",
                   MAC_ARG(&s->conf.macaddr));
        return;
    }
    hv_net_default_instance(s);
    hnc->parent_realize(dev, errp);
}

static void hv_net_instance_init(Object *obj)
{
    HvNet *s = HV_NET(obj);

    /* The base class's default differs at each start. */
    memset(&s->parent.instanceid, 0, sizeof(s->parent.instanceid));
}

static const Property hv_net_properties[] = {
    DEFINE_NIC_PROPERTIES(HvNet, conf),
    DEFINE_PROP_UINT16("channels", HvNet, channels, HV_NET_MAX_CHANNELS),
};

static const VMStateDescription vmstate_hv_net = {
    .name = TYPE_HV_NET,
    .unmigratable = 1,
};

static void hv_net_class_init(ObjectClass *klass, void *data)
{
    DeviceClass *dc = DEVICE_CLASS(klass);
    VMBusDeviceClass *vdc = VMBUS_DEVICE_CLASS(klass);

    dc->desc = "Hyper-V synthetic network adapter";
    dc->vmsd = &vmstate_hv_net;
    device_class_set_props(dc, hv_net_properties);
    device_class_set_parent_realize(dc, hv_net_realize,
                                    &HV_NET_CLASS(klass)->parent_realize);
    set_bit(DEVICE_CATEGORY_NETWORK, dc->categories);

    qemu_uuid_parse(HV_NET_GUID, &vdc->classid);
    /*
     * Not ..._SERVER_SUPPORTS_TRANSFER_PAGES: newer guests read that bit, and
     * the one for GPADLs, as confidential VMBus (VMBUS_CHANNEL_CONFIDENTIAL_*
     * of Linux).
     */
    vdc->channel_flags = VMBUS_CHANNEL_ENUMERATE_DEVICE_INTERFACE;
    vdc->offer_on_demand = true;
    vdc->num_channels = hv_net_num_channels;
    vdc->vmdev_realize = hv_net_vmdev_realize;
    vdc->vmdev_unrealize = hv_net_vmdev_unrealize;
    vdc->open_channel = hv_net_open_channel;
    vdc->close_channel = hv_net_close_channel;
    vdc->chan_notify_cb = hv_net_chan_notify;
}

static const TypeInfo hv_net_type_info = {
    .name = TYPE_HV_NET,
    .parent = TYPE_VMBUS_DEVICE,
    .instance_size = sizeof(HvNet),
    .instance_init = hv_net_instance_init,
    .class_size = sizeof(HvNetClass),
    .class_init = hv_net_class_init,
};

static void hv_net_register_types(void)
{
    type_register_static(&hv_net_type_info);
}

type_init(hv_net_register_types)

/*
 * Hyper-V synthetic NIC: messages to the guest
 *
 * The shared buffers, the sections of the receive buffer and the messages
 * that wait for a section.
 *
 * A section belongs to the guest from the transfer-page packet that names it
 * until the guest completes that packet. The packet's transaction id consists
 * of the section's number and the epoch of the buffer. A completion of a
 * section that the guest does not own is ignored.
 *
 * This work is licensed under the terms of the GNU GPL, version 2 or later.
 * See the COPYING file in the top-level directory.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/bitmap.h"
#include "hv-net.h"
#include "trace.h"

static uint32_t hv_net_get_buf(void *opaque, unsigned which, uint32_t id)
{
    HvNet *s = opaque;
    VMBusChannel *chan = vmbus_device_channel(&s->parent, 0);
    VMBusGpadl *gpadl = vmbus_get_gpadl(chan, id);

    assert(!s->gpadl[which]);
    if (!gpadl || !vmbus_gpadl_len(gpadl)) {
        vmbus_put_gpadl(gpadl);
        return 0;
    }
    s->gpadl[which] = gpadl;
    if (which == HV_NET_RECV_BUF) {
        s->busy = bitmap_new(HV_NET_MAX_SECTIONS);
        s->next_section = 0;
        s->epoch++;
    }
    return vmbus_gpadl_len(gpadl);
}

static void hv_net_put_buf(void *opaque, unsigned which)
{
    HvNet *s = opaque;

    vmbus_put_gpadl(s->gpadl[which]);
    s->gpadl[which] = NULL;
    if (which == HV_NET_RECV_BUF) {
        g_free(s->busy);
        s->busy = NULL;
    }
}

static int hv_net_subchannels(void *opaque, uint32_t count)
{
    HvNet *s = opaque;
    int ret;

    ret = vmbus_device_offer_subchannels(&s->parent,
                                         MIN(count, s->channels - 1));
    trace_hv_net_subchannels(s, count, ret);
    if (ret > 0) {
        s->subchannels = ret;
    }
    return ret;
}

const HvNetNvspOps hv_net_nvsp_ops = {
    .get_buf = hv_net_get_buf,
    .put_buf = hv_net_put_buf,
    .subchannels = hv_net_subchannels,
};

/* Find a free section, in turn, so that a stuck one is not tried each time. */
static uint32_t hv_net_free_section(HvNet *s, uint32_t sections)
{
    uint32_t i = find_next_zero_bit(s->busy, sections, s->next_section);

    if (i >= sections) {
        i = find_next_zero_bit(s->busy, sections, 0);
    }
    return i;
}

int hv_net_push(HvNet *s, VMBusChannel *chan, uint32_t channel_type,
                const struct iovec *iov, int cnt)
{
    const HvNetBuf *buf = &s->nvsp.buf[HV_NET_RECV_BUF];
    size_t len = iov_size(iov, cnt);
    struct {
        vmbus_pkt_xferpg hdr;
        vmbus_xferpg_range range;
    } desc = {};
    NvspMsg msg = {
        .type = cpu_to_le32(NVSP1_SEND_RNDIS_PKT),
        .rndis.channel_type = cpu_to_le32(channel_type),
        .rndis.section_index = cpu_to_le32(NVSP_NO_SECTION),
    };
    uint32_t section, off;
    ssize_t ret;

    if (!buf->valid || !vmbus_channel_is_open(chan)) {
        return -ENOTCONN;
    }
    if (len > buf->section_size) {
        return -EMSGSIZE;
    }
    section = hv_net_free_section(s, buf->sections);
    if (section >= buf->sections) {
        trace_hv_net_no_section(s);
        return -ENOSPC;
    }

    off = section * buf->section_size;
    ret = vmbus_iov_to_gpadl(chan, s->gpadl[HV_NET_RECV_BUF], off, iov, cnt);
    if (ret < 0) {
        return ret;
    }
    ret = vmbus_channel_reserve(chan, sizeof(desc), sizeof(msg));
    if (ret < 0) {
        trace_hv_net_no_ring(s, vmbus_channel_idx(chan));
        return ret;
    }

    desc.hdr.buffer_id = buf->id;
    desc.hdr.rangecount = 1;
    desc.range.byte_count = len;
    desc.range.byte_offset = off;
    ret = vmbus_channel_send(chan, VMBUS_PACKET_DATA_USING_XFER_PAGES,
                             &desc, sizeof(desc), &msg, sizeof(msg), true,
                             (uint64_t)s->epoch << 32 | section);
    if (ret < 0) {
        return ret;
    }
    set_bit(section, s->busy);
    s->next_section = (section + 1) % buf->sections;
    return 0;
}

void hv_net_complete(HvNet *s, uint64_t transaction_id)
{
    uint32_t section = transaction_id;

    if (!s->busy || transaction_id >> 32 != s->epoch ||
        section >= s->nvsp.buf[HV_NET_RECV_BUF].sections ||
        !test_and_clear_bit(section, s->busy)) {
        trace_hv_net_bad_completion(s, transaction_id);
        s->rndis.stats.bad_messages++;
    }
}

void hv_net_queue_ctrl(HvNet *s, const uint8_t *data, size_t len)
{
    HvNetCtrl *c = g_new(HvNetCtrl, 1);

    assert(s->ctrl_count < HV_NET_MAX_CTRL && len <= sizeof(c->data));
    memcpy(c->data, data, len);
    c->len = len;
    QSIMPLEQ_INSERT_TAIL(&s->ctrl, c, next);
    s->ctrl_count++;
}

static void hv_net_free_ctrl(HvNet *s)
{
    HvNetCtrl *c = QSIMPLEQ_FIRST(&s->ctrl);

    QSIMPLEQ_REMOVE_HEAD(&s->ctrl, next);
    s->ctrl_count--;
    g_free(c);
}

/* Return: true if no answer is left to send, or none can ever be sent */
static bool hv_net_flush_ctrl(HvNet *s, VMBusChannel *chan)
{
    HvNetCtrl *c;

    while ((c = QSIMPLEQ_FIRST(&s->ctrl))) {
        struct iovec iov = { c->data, c->len };

        if (hv_net_push(s, chan, NVSP_CHANNEL_CONTROL, &iov, 1) == -ENOSPC) {
            return false;
        }
        hv_net_free_ctrl(s);
    }
    return true;
}

static bool hv_net_flush_link(HvNet *s, VMBusChannel *chan)
{
    uint8_t data[HV_NET_CTRL_MAX];
    struct iovec iov = { data };

    if (s->link_due && s->rndis.initialized) {
        iov.iov_len = hv_net_rndis_indicate_link(&s->rndis, data);
        if (hv_net_push(s, chan, NVSP_CHANNEL_CONTROL, &iov, 1) == -ENOSPC) {
            return false;
        }
    }
    s->link_due = false;
    return true;
}

static bool hv_net_flush_table(HvNet *s, VMBusChannel *chan)
{
    uint8_t msg[HV_NET_SEND_TABLE_SIZE];

    if (s->table_due) {
        hv_net_nvsp_send_table(msg, s->subchannels + 1);
        if (vmbus_channel_reserve(chan, 0, sizeof(msg))) {
            return false;
        }
        vmbus_channel_send(chan, VMBUS_PACKET_DATA_INBAND, NULL, 0,
                           msg, sizeof(msg), false, 0);
        s->table_due = false;
    }
    return true;
}

void hv_net_flush(HvNet *s)
{
    VMBusChannel *chan = vmbus_device_channel(&s->parent, 0);

    /* Answers first: a guest that waits for one may hold all sections. */
    if (vmbus_channel_is_open(chan) &&
        hv_net_flush_ctrl(s, chan) && hv_net_flush_link(s, chan) &&
        hv_net_flush_table(s, chan)) {
        hv_net_flush_backend(s);
    }
}

void hv_net_drop_due(HvNet *s)
{
    while (!QSIMPLEQ_EMPTY(&s->ctrl)) {
        hv_net_free_ctrl(s);
    }
    s->table_due = false;
    s->link_due = false;
    s->subchannels = 0;
}

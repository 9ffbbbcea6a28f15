/*
 * Hyper-V synthetic NIC: messages from the guest
 *
 * A message is taken from a ring only when everything that it needs is there:
 * room for the completion, a place in the queue of answers, and a backend that
 * accepts frames. Otherwise it stays in the ring, and so do all messages after
 * it, until the guest's next notification or the backend's next completion.
 *
 * Data that the guest shares is copied to private memory once, and only the
 * copy is read.
 *
 * This work is licensed under the terms of the GNU GPL, version 2 or later.
 * See the COPYING file in the top-level directory.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "hv-net.h"
#include "trace.h"

/* Messages to handle before other parts of QEMU get their turn */
#define HV_NET_BUDGET       256

/* Refuse device memory: reading it may have side effects. */
static const MemTxAttrs hv_net_attrs = { .memory = 1 };

/* Append the part in a section of the send buffer. */
static bool hv_net_copy_section(HvNet *s, VMBusChannel *chan,
                                const NvspMsg *msg, size_t *len)
{
    const HvNetBuf *buf = &s->nvsp.buf[HV_NET_SEND_BUF];
    uint32_t index = le32_to_cpu(msg->rndis.section_index);
    uint32_t size = le32_to_cpu(msg->rndis.section_size);
    struct iovec iov = { s->tx_buf + *len, size };

    if (index == NVSP_NO_SECTION) {
        return true;
    }
    if (!buf->valid || index >= buf->sections || size > buf->section_size ||
        size > HV_NET_TX_MAX - *len) {
        return false;
    }
    *len += size;
    return vmbus_gpadl_to_iov(chan, s->gpadl[HV_NET_SEND_BUF],
                              index * buf->section_size, &iov, 1) >= 0;
}

/* Append the part in the guest's pages. */
static bool hv_net_copy_pages(HvNet *s, VMBusChanReq *req, size_t *len)
{
    QEMUSGList *sgl = &req->sgl;
    int i;

    for (i = 0; i < sgl->nsg; i++) {
        if (sgl->sg[i].len > HV_NET_TX_MAX - *len ||
            dma_memory_read(sgl->as, sgl->sg[i].base, s->tx_buf + *len,
                            sgl->sg[i].len, hv_net_attrs) != MEMTX_OK) {
            return false;
        }
        *len += sgl->sg[i].len;
    }
    return true;
}

static bool hv_net_data(HvNet *s, size_t len)
{
    unsigned count = 0;
    size_t pos = 0;

    if (!s->rndis.initialized) {
        return false;
    }
    while (pos < len && count++ < HV_NET_TX_BATCH_MAX) {
        HvNetTxPkt pkt;
        ssize_t ret = hv_net_tx_parse(s->tx_buf + pos, len - pos, &pkt);
        int frames;

        if (ret < 0) {
            return false;
        }
        pos += ret;
        frames = hv_net_tx_emit(&pkt, hv_net_emit, s);
        trace_hv_net_tx(s, pkt.len, pkt.csum, pkt.lso, frames);
        if (frames < 0) {
            s->rndis.stats.tx_errors++;
        } else {
            s->rndis.stats.tx_packets += frames;
        }
    }
    return pos == len;
}

static bool hv_net_control(HvNet *s, VMBusChannel *chan, size_t len)
{
    uint8_t answer[HV_NET_CTRL_MAX];
    size_t answer_len;

    if (vmbus_channel_idx(chan)) {
        return false;
    }
    answer_len = hv_net_rndis_control(&s->rndis, s->tx_buf, len, answer);
    trace_hv_net_control(s, len >= 4 ? ldl_le_p(s->tx_buf) : 0,
                         len >= 16 ? ldl_le_p(s->tx_buf + 12) : 0, answer_len);
    if (answer_len) {
        hv_net_queue_ctrl(s, answer, answer_len);
    }
    return true;
}

static uint32_t hv_net_rndis_message(HvNet *s, VMBusChanReq *req,
                                     const NvspMsg *msg)
{
    uint32_t type = le32_to_cpu(msg->rndis.channel_type);
    size_t len = 0;

    if (s->nvsp.version &&
        hv_net_copy_section(s, req->chan, msg, &len) &&
        hv_net_copy_pages(s, req, &len) && len &&
        (type == NVSP_CHANNEL_DATA ? hv_net_data(s, len) :
         type == NVSP_CHANNEL_CONTROL && hv_net_control(s, req->chan, len))) {
        return NVSP_STATUS_SUCCESS;
    }
    trace_hv_net_bad_rndis(s, type, len);
    s->rndis.stats.bad_messages++;
    return NVSP_STATUS_INVALID_RNDIS_PKT;
}

/* Return: the length of the completion in @resp */
static size_t hv_net_nvsp_message(HvNet *s, VMBusChanReq *req, NvspMsg *resp)
{
    int len = -EINVAL;

    /* Everything but packets goes over the primary channel. */
    if (!vmbus_channel_idx(req->chan)) {
        len = hv_net_nvsp_handle(&s->nvsp, &hv_net_nvsp_ops, s, req->msg,
                                 req->msglen, resp);
        hv_net_sync(s);
    }
    trace_hv_net_nvsp(s, req->msglen >= 4 ? ldl_le_p(req->msg) : 0, len);
    if (len < 0) {
        s->rndis.stats.bad_messages++;
        return 0;
    }
    return len;
}

/* Return: whether the message was handled */
static bool hv_net_message(HvNet *s, VMBusChanReq *req)
{
    NvspMsg msg = {}, resp = {};
    size_t len = NVSP_MSG_SIZE;

    if (s->tx_inflight || s->ctrl_count == HV_NET_MAX_CTRL ||
        (req->need_comp &&
         vmbus_channel_reserve(req->chan, 0, NVSP_MSG_SIZE))) {
        return false;
    }

    memcpy(&msg, req->msg, MIN(req->msglen, sizeof(msg)));
    if (le32_to_cpu(msg.type) == NVSP1_SEND_RNDIS_PKT) {
        resp.type = cpu_to_le32(NVSP1_SEND_RNDIS_PKT_COMPLETE);
        resp.rndis_complete.status =
            cpu_to_le32(hv_net_rndis_message(s, req, &msg));
    } else {
        len = hv_net_nvsp_message(s, req, &resp);
    }
    if (req->need_comp) {
        vmbus_channel_send_completion(req, &resp, len);
    }
    return true;
}

static bool hv_net_packet(HvNet *s, VMBusChanReq *req)
{
    switch (req->pkt_type) {
    case VMBUS_PACKET_COMP:
        hv_net_complete(s, req->transaction_id);
        return true;
    case VMBUS_PACKET_DATA_INBAND:
    case VMBUS_PACKET_DATA_USING_GPA_DIRECT:
        return hv_net_message(s, req);
    }
    s->rndis.stats.bad_messages++;
    return true;
}

void hv_net_chan_notify(VMBusChannel *chan)
{
    HvNet *s = HV_NET(vmbus_channel_device(chan));
    int budget = HV_NET_BUDGET;

    if (vmbus_channel_recv_start(chan)) {
        return;
    }
    s->working = true;
    while (budget) {
        VMBusChanReq *req = vmbus_channel_recv_peek(chan, sizeof(*req));
        bool done;

        if (!req) {
            break;
        }
        done = hv_net_packet(s, req);
        vmbus_free_req(req);
        if (!done) {
            break;
        }
        vmbus_channel_recv_pop(chan);
        budget--;
    }
    vmbus_channel_recv_done(chan);
    s->working = false;
    if (!budget) {
        vmbus_channel_notify_host(chan);
    }
    hv_net_flush(s);
}

/*
 * Hyper-V synthetic NIC: the device
 *
 * Shared by hv-net.c (qdev and network backend), hv-net-chan.c (messages from
 * the guest) and hv-net-buf.c (messages to the guest).
 *
 * All of it runs in the main loop with the BQL held.
 *
 * This work is licensed under the terms of the GNU GPL, version 2 or later.
 * See the COPYING file in the top-level directory.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef HW_HYPERV_HV_NET_H
#define HW_HYPERV_HV_NET_H

#include "hw/hyperv/vmbus.h"
#include "net/net.h"
#include "qemu/queue.h"
#include "hv-net-core.h"

#define TYPE_HV_NET "hv-net"
OBJECT_DECLARE_TYPE(HvNet, HvNetClass, HV_NET)

struct HvNetClass {
    VMBusDeviceClass parent_class;

    DeviceRealize parent_realize;
};

/* RNDIS control messages to the guest that wait for a receive section */
#define HV_NET_MAX_CTRL     16

typedef struct HvNetCtrl {
    QSIMPLEQ_ENTRY(HvNetCtrl) next;
    size_t len;
    uint8_t data[HV_NET_CTRL_MAX];
} HvNetCtrl;

/**
 * struct HvNet - the device
 * @channels: channels that the guest may have, with the primary one
 * @gpadl: the shared buffers, referenced while @nvsp.buf[].valid
 * @busy: receive sections that the guest has not completed, one bit each
 * @epoch: number of the receive buffer, to detect completions of an earlier one
 * @next_section: where to look for a free section first
 * @ctrl: answers that wait for a section, at most HV_NET_MAX_CTRL
 * @ctrl_count: number of entries of @ctrl
 * @subchannels: sub-channels that the guest was promised
 * @table_due: the send table has to be sent
 * @link_due: a change of the link has to be indicated
 * @rx_blocked: the network layer holds frames for the guest
 * @tx_inflight: frames that the backend holds; while there are any, no frame
 *               is taken from the guest
 * @working: a message of the guest is being handled; frames for the guest
 *           wait until the end of that
 * @tx_buf: private copy of the message being handled, HV_NET_TX_MAX bytes
 */
struct HvNet {
    VMBusDevice parent;

    NICConf conf;
    NICState *nic;
    uint16_t channels;

    HvNetNvsp nvsp;
    HvNetRndis rndis;
    VMBusGpadl *gpadl[HV_NET_NUM_BUFS];

    unsigned long *busy;
    uint32_t epoch;
    uint32_t next_section;

    QSIMPLEQ_HEAD(, HvNetCtrl) ctrl;
    unsigned ctrl_count;
    int subchannels;
    bool table_due;
    bool link_due;
    bool rx_blocked;
    unsigned tx_inflight;
    bool working;
    uint8_t *tx_buf;
};

extern const HvNetNvspOps hv_net_nvsp_ops;

/* hv-net.c */

/* Copy what NVSP negotiated to where RNDIS and the user see it. */
void hv_net_sync(HvNet *s);
/* Hand a frame to the backend. */
void hv_net_emit(void *opaque, const struct iovec *iov, int cnt);
/* Let the network layer deliver what it holds, if anything. */
void hv_net_flush_backend(HvNet *s);

/* hv-net-chan.c */

/* Handle what is in the ring of @chan, and send what is due. */
void hv_net_chan_notify(VMBusChannel *chan);

/* hv-net-buf.c */

/**
 * hv_net_push - put an RNDIS message into a section and tell the guest
 * @channel_type: NVSP_CHANNEL_DATA or NVSP_CHANNEL_CONTROL
 *
 * Return: 0; -ENOSPC if no section or no space in the ring is free (the guest
 * will notify the channel when there is); -EMSGSIZE if it fits no section;
 * another negative value if there is nowhere to put it.
 */
int hv_net_push(HvNet *s, VMBusChannel *chan, uint32_t channel_type,
                const struct iovec *iov, int cnt);
/* Handle the guest's completion of a section. */
void hv_net_complete(HvNet *s, uint64_t transaction_id);
/* Queue an answer of @len bytes; the caller checked @ctrl_count. */
void hv_net_queue_ctrl(HvNet *s, const uint8_t *data, size_t len);
/* Send the messages that are due, as far as there is room. */
void hv_net_flush(HvNet *s);
/* Drop the messages that are due, at the end of a session. */
void hv_net_drop_due(HvNet *s);

#endif

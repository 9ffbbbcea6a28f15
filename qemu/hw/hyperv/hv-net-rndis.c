/*
 * Hyper-V synthetic NIC: RNDIS control messages
 *
 * INITIALIZE, HALT, RESET, QUERY, SET and KEEPALIVE from the guest, link
 * INDICATE to it. The values behind the OIDs are in hv-net-oid.c.
 *
 * Invariant: an answer never exceeds HV_NET_CTRL_MAX.
 *
 * This work is licensed under the terms of the GNU GPL, version 2 or later.
 * See the COPYING file in the top-level directory.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "hv-net-core.h"

void hv_net_rndis_reset(HvNetRndis *r)
{
    r->initialized = false;
    r->filter = 0;
    r->rx_csum = 0;
    r->mcast_count = 0;
    r->rss = (HvNetRss) {};
    r->nvsp_version = 0;
    r->frame_max = HV_NET_DEFAULT_FRAME;
    r->vlan = false;
}

/* Put the header before the @body_len bytes that are in place already. */
static size_t rndis_finish(uint8_t *resp, uint32_t type, size_t body_len)
{
    RndisHdr hdr = {
        .type = cpu_to_le32(type),
        .len = cpu_to_le32(sizeof(hdr) + body_len),
    };

    memcpy(resp, &hdr, sizeof(hdr));
    return sizeof(hdr) + body_len;
}

static size_t rndis_answer(uint8_t *resp, uint32_t type, const void *body,
                           size_t body_len)
{
    memcpy(resp + sizeof(RndisHdr), body, body_len);
    return rndis_finish(resp, type, body_len);
}

static size_t rndis_status(uint8_t *resp, uint32_t type, uint32_t req_id,
                           uint32_t status)
{
    RndisStatus body = {
        .req_id = req_id,
        .status = cpu_to_le32(status),
    };

    return rndis_answer(resp, type, &body, sizeof(body));
}

static size_t rndis_init(HvNetRndis *r, const uint8_t *body, uint8_t *resp)
{
    RndisInitComplete c = {
        .status = cpu_to_le32(RNDIS_STATUS_SUCCESS),
        .major = cpu_to_le32(1),
        .dev_flags = cpu_to_le32(1),                /* connectionless */
        .max_pkt_per_msg = cpu_to_le32(HV_NET_TX_BATCH),
        .max_xfer_size = cpu_to_le32(HV_NET_TX_MAX),
        .pkt_alignment_factor = cpu_to_le32(3),
    };

    memcpy(&c.req_id, body, sizeof(c.req_id));
    r->initialized = true;
    return rndis_answer(resp, RNDIS_INIT | RNDIS_COMPLETE, &c, sizeof(c));
}

static void rndis_halt(HvNetRndis *r)
{
    r->initialized = false;
    r->filter = 0;
    r->rss.enabled = false;
}

static size_t rndis_reset(HvNetRndis *r, uint8_t *resp)
{
    RndisResetComplete c = {
        .status = cpu_to_le32(RNDIS_STATUS_SUCCESS),
        .addressing_reset = cpu_to_le32(1),
    };

    r->filter = 0;
    r->mcast_count = 0;
    return rndis_answer(resp, RNDIS_RESET | RNDIS_COMPLETE, &c, sizeof(c));
}

static size_t rndis_query(HvNetRndis *r, const RndisRequest *req,
                          uint8_t *resp)
{
    RndisQueryComplete c = { .req_id = req->req_id };
    size_t off = sizeof(RndisHdr) + sizeof(c);
    uint32_t status = RNDIS_STATUS_NOT_READY;
    size_t len = 0;

    if (r->initialized) {
        status = hv_net_oid_query(r, le32_to_cpu(req->oid), resp + off,
                                  HV_NET_CTRL_MAX - off, &len);
    }
    c.status = cpu_to_le32(status);
    c.info_len = cpu_to_le32(len);
    c.info_offset = cpu_to_le32(len ? sizeof(c) : 0);
    memcpy(resp + sizeof(RndisHdr), &c, sizeof(c));
    return rndis_finish(resp, RNDIS_QUERY | RNDIS_COMPLETE, sizeof(c) + len);
}

static size_t rndis_set(HvNetRndis *r, const RndisRequest *req,
                        const uint8_t *body, size_t len, uint8_t *resp)
{
    uint32_t off = le32_to_cpu(req->info_offset);
    uint32_t info_len = le32_to_cpu(req->info_len);
    uint32_t status;

    if (!r->initialized) {
        status = RNDIS_STATUS_NOT_READY;
    } else if (off > len || info_len > len - off) {
        status = RNDIS_STATUS_INVALID_LENGTH;
    } else {
        status = hv_net_oid_set(r, le32_to_cpu(req->oid), body + off,
                                info_len);
    }
    if (status != RNDIS_STATUS_SUCCESS) {
        r->stats.bad_messages++;
    }
    return rndis_status(resp, RNDIS_SET | RNDIS_COMPLETE, req->req_id, status);
}

/* How long the body of each message must be at least; -1: not known. */
static int rndis_body_min(uint32_t type)
{
    switch (type) {
    case RNDIS_INIT:
        return sizeof(RndisInit);
    case RNDIS_HALT:
    case RNDIS_RESET:
    case RNDIS_KEEPALIVE:
        return sizeof(uint32_t);
    case RNDIS_QUERY:
    case RNDIS_SET:
        return sizeof(RndisRequest);
    }
    return -1;
}

size_t hv_net_rndis_control(HvNetRndis *r, const uint8_t *msg, size_t len,
                            uint8_t *resp)
{
    const uint8_t *body = msg + sizeof(RndisHdr);
    RndisRequest req = {};
    RndisHdr hdr;
    uint32_t type;
    int min;

    if (len < sizeof(hdr)) {
        goto bad;
    }
    memcpy(&hdr, msg, sizeof(hdr));
    type = le32_to_cpu(hdr.type);
    min = rndis_body_min(type);
    if (min < 0 || le32_to_cpu(hdr.len) < sizeof(hdr) + min ||
        le32_to_cpu(hdr.len) > len) {
        goto bad;
    }
    len = le32_to_cpu(hdr.len) - sizeof(hdr);
    memcpy(&req, body, MIN(len, sizeof(req)));

    switch (type) {
    case RNDIS_INIT:
        return rndis_init(r, body, resp);
    case RNDIS_HALT:
        rndis_halt(r);
        return 0;
    case RNDIS_RESET:
        return rndis_reset(r, resp);
    case RNDIS_QUERY:
        return rndis_query(r, &req, resp);
    case RNDIS_SET:
        return rndis_set(r, &req, body, len, resp);
    case RNDIS_KEEPALIVE:
        return rndis_status(resp, RNDIS_KEEPALIVE | RNDIS_COMPLETE,
                            req.req_id, RNDIS_STATUS_SUCCESS);
    }

bad:
    r->stats.bad_messages++;
    return 0;
}

size_t hv_net_rndis_indicate_link(const HvNetRndis *r, uint8_t *resp)
{
    RndisIndicate body = {
        .status = cpu_to_le32(r->link_up ? RNDIS_STATUS_MEDIA_CONNECT :
                                           RNDIS_STATUS_MEDIA_DISCONNECT),
    };

    return rndis_answer(resp, RNDIS_INDICATE, &body, sizeof(body));
}

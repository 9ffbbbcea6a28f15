/*
 * Hyper-V synthetic NIC: the NVSP session
 *
 * Version and configuration, the two shared buffers, sub-channels. A session
 * begins when the guest opens channel 0. When that channel closes, the session
 * ends and all its state is gone.
 *
 * Invariants: before a version is agreed on, only INIT is accepted; a buffer's
 * GPADL is referenced exactly while the buffer is valid.
 *
 * This work is licensed under the terms of the GNU GPL, version 2 or later.
 * See the COPYING file in the top-level directory.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "hv-net-core.h"

/* Newest first. */
static const uint32_t nvsp_versions[] = {
    NVSP_VERSION_61, NVSP_VERSION_6, NVSP_VERSION_5,
    NVSP_VERSION_4, NVSP_VERSION_2, NVSP_VERSION_1,
};

#define NVSP_LEN(field) \
    (offsetof(NvspMsg, field) + sizeof_field(NvspMsg, field))

void hv_net_nvsp_begin(HvNetNvsp *n)
{
    *n = (HvNetNvsp) { .frame_max = HV_NET_DEFAULT_FRAME };
}

static void nvsp_put_buf(HvNetNvsp *n, const HvNetNvspOps *ops, void *opaque,
                         unsigned which)
{
    if (n->buf[which].valid) {
        n->buf[which] = (HvNetBuf) {};
        ops->put_buf(opaque, which);
    }
}

void hv_net_nvsp_end(HvNetNvsp *n, const HvNetNvspOps *ops, void *opaque)
{
    nvsp_put_buf(n, ops, opaque, HV_NET_RECV_BUF);
    nvsp_put_buf(n, ops, opaque, HV_NET_SEND_BUF);
    hv_net_nvsp_begin(n);
}

static int nvsp_init(HvNetNvsp *n, const NvspMsg *msg, NvspMsg *resp)
{
    uint32_t min = le32_to_cpu(msg->init.min_version);
    uint32_t max = le32_to_cpu(msg->init.max_version);
    uint32_t status = NVSP_STATUS_FAIL;
    uint32_t version = 0;
    int i;

    /* Buffers were laid out for the old version and size of frames. */
    if (!n->buf[HV_NET_RECV_BUF].valid && !n->buf[HV_NET_SEND_BUF].valid) {
        for (i = 0; i < ARRAY_SIZE(nvsp_versions) && !version; i++) {
            if (min <= nvsp_versions[i] && nvsp_versions[i] <= max) {
                version = nvsp_versions[i];
            }
        }
        if (version) {
            hv_net_nvsp_begin(n);
            n->version = version;
            status = NVSP_STATUS_SUCCESS;
        } else {
            status = max < NVSP_VERSION_1 ? NVSP_STATUS_TOO_OLD :
                                            NVSP_STATUS_TOO_NEW;
        }
    }

    resp->type = cpu_to_le32(NVSP_INIT_COMPLETE);
    resp->init_complete.version = cpu_to_le32(version);
    resp->init_complete.max_mdl_chain_len = cpu_to_le32(34);
    resp->init_complete.status = cpu_to_le32(status);
    return NVSP_MSG_SIZE;
}

static int nvsp_ndis_config(HvNetNvsp *n, const NvspMsg *msg)
{
    uint32_t mtu = le32_to_cpu(msg->ndis_config.mtu);

    /* The receive sections have their size already. */
    if (n->buf[HV_NET_RECV_BUF].valid ||
        mtu < HV_NET_MIN_FRAME || mtu > HV_NET_MAX_FRAME) {
        return -EINVAL;
    }
    n->frame_max = mtu;
    n->capabilities = le64_to_cpu(msg->ndis_config.capabilities);
    return 0;
}

/* A section holds the headers, a tag that is not stripped and the frame. */
static uint32_t nvsp_recv_section_size(const HvNetNvsp *n)
{
    uint32_t need = HV_NET_RX_HDR_MAX + HV_NET_VLAN_HLEN + n->frame_max;

    return MAX(HV_NET_RECV_SECTION, ROUND_UP(need, 64));
}

static bool nvsp_get_buf(HvNetNvsp *n, const HvNetNvspOps *ops, void *opaque,
                         unsigned which, const NvspMsg *msg,
                         uint32_t section_size)
{
    HvNetBuf *buf = &n->buf[which];
    uint32_t len;

    if (buf->valid) {
        return false;
    }
    len = ops->get_buf(opaque, which, le32_to_cpu(msg->send_buf.gpadl));
    if (!len) {
        return false;
    }
    buf->valid = true;
    buf->id = le16_to_cpu(msg->send_buf.id);
    buf->section_size = section_size;
    buf->sections = MIN(len / section_size, HV_NET_MAX_SECTIONS);
    if (!buf->sections) {
        nvsp_put_buf(n, ops, opaque, which);
        return false;
    }
    return true;
}

static int nvsp_recv_buf(HvNetNvsp *n, const HvNetNvspOps *ops, void *opaque,
                         const NvspMsg *msg, NvspMsg *resp)
{
    uint32_t size = nvsp_recv_section_size(n);
    HvNetBuf *buf = &n->buf[HV_NET_RECV_BUF];

    resp->type = cpu_to_le32(NVSP1_SEND_RECV_BUF_COMPLETE);
    if (!nvsp_get_buf(n, ops, opaque, HV_NET_RECV_BUF, msg, size)) {
        resp->recv_buf_complete.status = cpu_to_le32(NVSP_STATUS_FAIL);
        return NVSP_MSG_SIZE;
    }
    resp->recv_buf_complete.status = cpu_to_le32(NVSP_STATUS_SUCCESS);
    resp->recv_buf_complete.num_sections = cpu_to_le32(1);
    resp->recv_buf_complete.offset = 0;
    resp->recv_buf_complete.sub_alloc_size = cpu_to_le32(size);
    resp->recv_buf_complete.num_sub_allocs = cpu_to_le32(buf->sections);
    resp->recv_buf_complete.end_offset = cpu_to_le32(size * buf->sections);
    return NVSP_MSG_SIZE;
}

static int nvsp_send_buf(HvNetNvsp *n, const HvNetNvspOps *ops, void *opaque,
                         const NvspMsg *msg, NvspMsg *resp)
{
    bool ok = nvsp_get_buf(n, ops, opaque, HV_NET_SEND_BUF, msg,
                           HV_NET_SEND_SECTION);

    resp->type = cpu_to_le32(NVSP1_SEND_SEND_BUF_COMPLETE);
    resp->send_buf_complete.status =
        cpu_to_le32(ok ? NVSP_STATUS_SUCCESS : NVSP_STATUS_FAIL);
    resp->send_buf_complete.section_size =
        cpu_to_le32(ok ? HV_NET_SEND_SECTION : 0);
    return NVSP_MSG_SIZE;
}

static int nvsp_revoke(HvNetNvsp *n, const HvNetNvspOps *ops, void *opaque,
                       unsigned which, const NvspMsg *msg)
{
    HvNetBuf *buf = &n->buf[which];

    if (!buf->valid || buf->id != le16_to_cpu(msg->revoke.id)) {
        return -EINVAL;
    }
    nvsp_put_buf(n, ops, opaque, which);
    return 0;
}

static int nvsp_subchannel(const HvNetNvspOps *ops, void *opaque,
                           const NvspMsg *msg, NvspMsg *resp)
{
    int count = -EINVAL;

    if (le32_to_cpu(msg->subchannel.op) == NVSP5_SUBCHANNEL_ALLOCATE) {
        count = ops->subchannels(opaque, le32_to_cpu(msg->subchannel.count));
    }
    resp->type = cpu_to_le32(NVSP5_SUBCHANNEL);
    resp->subchannel.op =
        cpu_to_le32(count < 0 ? NVSP_STATUS_FAIL : NVSP_STATUS_SUCCESS);
    resp->subchannel.count = cpu_to_le32(MAX(count, 0));
    return NVSP_MSG_SIZE;
}

/* Find the oldest version with @type, and how many bytes of it are read. */
static bool nvsp_known(uint32_t type, uint32_t *version, size_t *len)
{
    *version = NVSP_VERSION_1;
    switch (type) {
    case NVSP_INIT:
        *version = 0;
        *len = NVSP_LEN(init);
        return true;
    case NVSP1_SEND_NDIS_VERSION:
        *len = NVSP_LEN(ndis_version);
        return true;
    case NVSP1_SEND_RECV_BUF:
    case NVSP1_SEND_SEND_BUF:
        *len = NVSP_LEN(send_buf);
        return true;
    case NVSP1_REVOKE_RECV_BUF:
    case NVSP1_REVOKE_SEND_BUF:
        *len = NVSP_LEN(revoke);
        return true;
    case NVSP2_SEND_NDIS_CONFIG:
        *version = NVSP_VERSION_2;
        *len = NVSP_LEN(ndis_config);
        return true;
    case NVSP4_SWITCH_DATA_PATH:
        *version = NVSP_VERSION_4;
        *len = offsetof(NvspMsg, pad);
        return true;
    case NVSP5_SUBCHANNEL:
        *version = NVSP_VERSION_5;
        *len = NVSP_LEN(subchannel);
        return true;
    }
    return false;
}

int hv_net_nvsp_handle(HvNetNvsp *n, const HvNetNvspOps *ops, void *opaque,
                       const uint8_t *buf, size_t len, NvspMsg *resp)
{
    NvspMsg msg = {};
    uint32_t version, type;
    size_t need;

    memcpy(&msg, buf, MIN(len, sizeof(msg)));
    memset(resp, 0, sizeof(*resp));
    type = le32_to_cpu(msg.type);
    if (!nvsp_known(type, &version, &need) ||
        len < need || n->version < version) {
        return -EINVAL;
    }

    switch (type) {
    case NVSP_INIT:
        return nvsp_init(n, &msg, resp);
    case NVSP1_SEND_NDIS_VERSION:
        n->ndis_version = le32_to_cpu(msg.ndis_version.major) << 16 |
                          (le32_to_cpu(msg.ndis_version.minor) & 0xffff);
        return 0;
    case NVSP1_SEND_RECV_BUF:
        return nvsp_recv_buf(n, ops, opaque, &msg, resp);
    case NVSP1_SEND_SEND_BUF:
        return nvsp_send_buf(n, ops, opaque, &msg, resp);
    case NVSP1_REVOKE_RECV_BUF:
        return nvsp_revoke(n, ops, opaque, HV_NET_RECV_BUF, &msg);
    case NVSP1_REVOKE_SEND_BUF:
        return nvsp_revoke(n, ops, opaque, HV_NET_SEND_BUF, &msg);
    case NVSP2_SEND_NDIS_CONFIG:
        return nvsp_ndis_config(n, &msg);
    case NVSP4_SWITCH_DATA_PATH:
        /* There is no virtual function, so the path is always synthetic. */
        return 0;
    case NVSP5_SUBCHANNEL:
        return nvsp_subchannel(ops, opaque, &msg, resp);
    }
    g_assert_not_reached();
}

void hv_net_nvsp_send_table(uint8_t *buf, unsigned channels)
{
    NvspMsg msg = {
        .type = cpu_to_le32(NVSP5_SEND_INDIRECTION_TABLE),
        .send_table.count = cpu_to_le32(NVSP_SEND_TABLE_LEN),
        .send_table.offset = cpu_to_le32(NVSP_MSG_SIZE),
    };
    int i;

    memcpy(buf, &msg, sizeof(msg));
    for (i = 0; i < NVSP_SEND_TABLE_LEN; i++) {
        stl_le_p(buf + sizeof(msg) + i * sizeof(uint32_t), i % channels);
    }
}

/*
 * Hyper-V synthetic NIC: tests of sessions and control messages
 *
 * This work is licensed under the terms of the GNU GPL, version 2 or later.
 * See the COPYING file in the top-level directory.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "../../hw/hyperv/hv-net-core.h"

/* ldl_*_p() are signed. */
static uint32_t le32(const void *p)
{
    return ldl_le_p(p);
}

/* NVSP */

typedef struct Host {
    uint32_t len[HV_NET_NUM_BUFS];      /* of the GPADL to hand out */
    int refs[HV_NET_NUM_BUFS];
} Host;

static uint32_t host_get(void *opaque, unsigned which, uint32_t gpadl)
{
    Host *h = opaque;

    if (gpadl != 0xe1e10) {
        return 0;
    }
    h->refs[which]++;
    return h->len[which];
}

static void host_put(void *opaque, unsigned which)
{
    Host *h = opaque;

    g_assert_cmpint(h->refs[which]--, >, 0);
}

static int host_subchannels(void *opaque, uint32_t count)
{
    return MIN(count, 3);
}

static const HvNetNvspOps ops = { host_get, host_put, host_subchannels };

static int nvsp(HvNetNvsp *n, Host *h, NvspMsg msg, NvspMsg *resp)
{
    return hv_net_nvsp_handle(n, &ops, h, (uint8_t *)&msg, sizeof(msg), resp);
}

static uint32_t nvsp_negotiate(HvNetNvsp *n, uint32_t min, uint32_t max)
{
    NvspMsg resp;
    int ret = nvsp(n, NULL, (NvspMsg) {
        .type = cpu_to_le32(NVSP_INIT),
        .init.min_version = cpu_to_le32(min),
        .init.max_version = cpu_to_le32(max),
    }, &resp);

    g_assert_cmpint(ret, ==, NVSP_MSG_SIZE);
    g_assert_cmphex(le32_to_cpu(resp.type), ==, NVSP_INIT_COMPLETE);
    if (le32_to_cpu(resp.init_complete.status) == NVSP_STATUS_SUCCESS) {
        g_assert_cmphex(n->version, ==,
                        le32_to_cpu(resp.init_complete.version));
    }
    return le32_to_cpu(resp.init_complete.status);
}

static void test_nvsp_versions(void)
{
    static const uint32_t known[] = {
        NVSP_VERSION_1, NVSP_VERSION_2, NVSP_VERSION_4,
        NVSP_VERSION_5, NVSP_VERSION_6, NVSP_VERSION_61,
    };
    HvNetNvsp n;
    int i;

    hv_net_nvsp_begin(&n);
    for (i = 0; i < ARRAY_SIZE(known); i++) {
        g_assert_cmpint(nvsp_negotiate(&n, known[i], known[i]), ==,
                        NVSP_STATUS_SUCCESS);
        g_assert_cmphex(n.version, ==, known[i]);
    }
    nvsp_negotiate(&n, NVSP_VERSION_1, 0x7fffffff);
    g_assert_cmphex(n.version, ==, NVSP_VERSION_61);

    hv_net_nvsp_begin(&n);
    g_assert_cmpint(nvsp_negotiate(&n, 0, 1), ==, NVSP_STATUS_TOO_OLD);
    g_assert_cmpint(nvsp_negotiate(&n, 0x70000, 0x70000), ==,
                    NVSP_STATUS_TOO_NEW);
    g_assert_cmphex(n.version, ==, 0);
}

static NvspMsg recv_buf_msg(uint32_t gpadl)
{
    return (NvspMsg) {
        .type = cpu_to_le32(NVSP1_SEND_RECV_BUF),
        .send_buf.gpadl = cpu_to_le32(gpadl),
        .send_buf.id = cpu_to_le16(0xcafe),
    };
}

static void test_nvsp_buffers(void)
{
    Host h = { .len = { 16 * MiB, 1 * MiB } };
    NvspMsg resp, revoke = {
        .type = cpu_to_le32(NVSP1_REVOKE_RECV_BUF),
        .revoke.id = cpu_to_le16(0xcafe),
    };
    NvspMsg config = {
        .type = cpu_to_le32(NVSP2_SEND_NDIS_CONFIG),
        .ndis_config.mtu = cpu_to_le32(9014),
    };
    HvNetNvsp n;
    int i;

    /* nothing before a version is agreed on */
    hv_net_nvsp_begin(&n);
    g_assert_cmpint(nvsp(&n, &h, recv_buf_msg(0xe1e10), &resp), ==, -EINVAL);

    nvsp_negotiate(&n, NVSP_VERSION_61, NVSP_VERSION_61);
    for (i = 0; i < 2; i++) {
        uint32_t size, count;

        nvsp(&n, &h, recv_buf_msg(0xe1e10), &resp);
        g_assert_cmpint(le32_to_cpu(resp.recv_buf_complete.status), ==,
                        NVSP_STATUS_SUCCESS);
        size = le32_to_cpu(resp.recv_buf_complete.sub_alloc_size);
        count = le32_to_cpu(resp.recv_buf_complete.num_sub_allocs);
        g_assert_cmpint(le32_to_cpu(resp.recv_buf_complete.num_sections),
                        ==, 1);
        g_assert_cmpint(size, >=, n.frame_max + HV_NET_RX_HDR_MAX);
        g_assert_cmpint((uint64_t)size * count, <=, h.len[0]);
        g_assert_cmpint((uint64_t)size * (count + 1), >, h.len[0]);
        g_assert_cmpint(h.refs[HV_NET_RECV_BUF], ==, 1);

        /* not twice, not revoked under another name, no other size */
        nvsp(&n, &h, recv_buf_msg(0xe1e10), &resp);
        g_assert_cmpint(le32_to_cpu(resp.recv_buf_complete.status), ==,
                        NVSP_STATUS_FAIL);
        g_assert_cmpint(nvsp(&n, &h, config, &resp), ==, -EINVAL);
        g_assert_cmpint(nvsp_negotiate(&n, NVSP_VERSION_5, NVSP_VERSION_5),
                        ==, NVSP_STATUS_FAIL);
        revoke.revoke.id = cpu_to_le16(1);
        g_assert_cmpint(nvsp(&n, &h, revoke, &resp), ==, -EINVAL);
        g_assert_cmpint(h.refs[HV_NET_RECV_BUF], ==, 1);

        revoke.revoke.id = cpu_to_le16(0xcafe);
        g_assert_cmpint(nvsp(&n, &h, revoke, &resp), ==, 0);
        g_assert_cmpint(h.refs[HV_NET_RECV_BUF], ==, 0);
        g_assert_cmpint(nvsp(&n, &h, revoke, &resp), ==, -EINVAL);

        /* once more with jumbo frames */
        g_assert_cmpint(nvsp(&n, &h, config, &resp), ==, 0);
        g_assert_cmpint(n.frame_max, ==, 9014);
    }

    /* a buffer that is too small for one section is given back */
    h.len[HV_NET_RECV_BUF] = 4096;
    nvsp(&n, &h, recv_buf_msg(0xe1e10), &resp);
    g_assert_cmpint(le32_to_cpu(resp.recv_buf_complete.status), ==,
                    NVSP_STATUS_FAIL);
    g_assert_cmpint(h.refs[HV_NET_RECV_BUF], ==, 0);

    /* the end of the session does it, too */
    h.len[HV_NET_RECV_BUF] = 1 * MiB;
    nvsp(&n, &h, recv_buf_msg(0xe1e10), &resp);
    hv_net_nvsp_end(&n, &ops, &h);
    g_assert_cmpint(h.refs[HV_NET_RECV_BUF], ==, 0);
    g_assert_cmpint(n.version, ==, 0);
}

static void test_nvsp_subchannels(void)
{
    NvspMsg resp, msg = {
        .type = cpu_to_le32(NVSP5_SUBCHANNEL),
        .subchannel.op = cpu_to_le32(NVSP5_SUBCHANNEL_ALLOCATE),
        .subchannel.count = cpu_to_le32(7),
    };
    uint8_t table[HV_NET_SEND_TABLE_SIZE];
    HvNetNvsp n;
    int i;

    hv_net_nvsp_begin(&n);
    nvsp_negotiate(&n, NVSP_VERSION_4, NVSP_VERSION_4);
    g_assert_cmpint(nvsp(&n, NULL, msg, &resp), ==, -EINVAL);
    nvsp_negotiate(&n, NVSP_VERSION_5, NVSP_VERSION_5);
    nvsp(&n, NULL, msg, &resp);
    g_assert_cmpint(le32_to_cpu(resp.subchannel.op), ==, NVSP_STATUS_SUCCESS);
    g_assert_cmpint(le32_to_cpu(resp.subchannel.count), ==, 3);
    msg.subchannel.op = cpu_to_le32(2);
    nvsp(&n, NULL, msg, &resp);
    g_assert_cmpint(le32_to_cpu(resp.subchannel.op), ==, NVSP_STATUS_FAIL);

    hv_net_nvsp_send_table(table, 3);
    for (i = 0; i < NVSP_SEND_TABLE_LEN; i++) {
        g_assert_cmpint(le32(table + NVSP_MSG_SIZE + 4 * i), ==, i % 3);
    }
}

/* RNDIS control */

static const uint8_t guest_mac[6] = { 0x52, 0x54, 0, 0x12, 0x34, 0x56 };

static void rndis_begin(HvNetRndis *r)
{
    uint8_t msg[24] = {}, resp[HV_NET_CTRL_MAX];

    *r = (HvNetRndis) { .channels = 4, .link_up = true };
    memcpy(r->mac, guest_mac, 6);
    memcpy(r->mac_perm, guest_mac, 6);
    hv_net_rndis_reset(r);
    r->nvsp_version = NVSP_VERSION_61;
    stl_le_p(msg, RNDIS_INIT);
    stl_le_p(msg + 4, sizeof(msg));
    g_assert_cmpint(hv_net_rndis_control(r, msg, sizeof(msg), resp), ==,
                    sizeof(RndisHdr) + sizeof(RndisInitComplete));
    g_assert_true(r->initialized);
}

/* Query @oid. Return: the status; the value in @val */
static uint32_t rndis_query(HvNetRndis *r, uint32_t oid, uint8_t *val,
                            uint32_t *len)
{
    uint8_t msg[28] = {}, resp[HV_NET_CTRL_MAX];
    size_t n;

    stl_le_p(msg, RNDIS_QUERY);
    stl_le_p(msg + 4, sizeof(msg));
    stl_le_p(msg + 8, 0x1234);
    stl_le_p(msg + 12, oid);
    n = hv_net_rndis_control(r, msg, sizeof(msg), resp);
    g_assert_cmphex(le32(resp), ==, RNDIS_QUERY | RNDIS_COMPLETE);
    g_assert_cmpint(le32(resp + 4), ==, n);
    g_assert_cmphex(le32(resp + 8), ==, 0x1234);
    *len = le32(resp + 16);
    g_assert_cmpint(n, ==, 24 + *len);
    memcpy(val, resp + 24, *len);
    return le32(resp + 12);
}

static uint32_t rndis_set(HvNetRndis *r, uint32_t oid, const void *val,
                          uint32_t len)
{
    uint8_t msg[1024] = {}, resp[HV_NET_CTRL_MAX];
    size_t n;

    stl_le_p(msg, RNDIS_SET);
    stl_le_p(msg + 4, 28 + len);
    stl_le_p(msg + 12, oid);
    stl_le_p(msg + 16, len);
    stl_le_p(msg + 20, 20);
    memcpy(msg + 28, val, len);
    n = hv_net_rndis_control(r, msg, 28 + len, resp);
    g_assert_cmpint(n, ==, 16);
    g_assert_cmphex(le32(resp), ==, RNDIS_SET | RNDIS_COMPLETE);
    return le32(resp + 12);
}

static void test_rndis_oids(void)
{
    uint8_t list[HV_NET_CTRL_MAX], val[HV_NET_CTRL_MAX];
    uint32_t i, len, list_len, answered = 0;
    HvNetRndis r;

    rndis_begin(&r);
    g_assert_cmphex(rndis_query(&r, OID_GEN_SUPPORTED_LIST, list, &list_len),
                    ==, RNDIS_STATUS_SUCCESS);
    for (i = 0; i < list_len; i += 4) {
        uint32_t oid = le32(list + i);

        answered += rndis_query(&r, oid, val, &len) == RNDIS_STATUS_SUCCESS;
    }
    /* three of them can only be set */
    g_assert_cmpint(answered, ==, list_len / 4 - 3);
    g_assert_cmphex(rndis_query(&r, 0xdeadbeef, val, &len), ==,
                    RNDIS_STATUS_NOT_SUPPORTED);

    rndis_query(&r, OID_802_3_PERMANENT_ADDRESS, val, &len);
    g_assert_cmpmem(val, len, guest_mac, 6);
    rndis_query(&r, OID_TCP_OFFLOAD_HARDWARE_CAPS, val, &len);
    g_assert_cmpint(len, ==, NDIS_OFFLOAD_SIZE_6_30);
    r.nvsp_version = NVSP_VERSION_4;
    rndis_query(&r, OID_TCP_OFFLOAD_HARDWARE_CAPS, val, &len);
    g_assert_cmpint(len, ==, NDIS_OFFLOAD_SIZE_6_1);
    g_assert_cmpint(lduw_le_p(val + 2), ==, len);
    rndis_query(&r, OID_GEN_MEDIA_CONNECT_STATUS, val, &len);
    g_assert_cmpint(le32(val), ==, 0);
    r.link_up = false;
    rndis_query(&r, OID_GEN_MEDIA_CONNECT_STATUS, val, &len);
    g_assert_cmpint(le32(val), ==, 1);
}

static size_t config_param(uint8_t *buf, const char *name, const char *val)
{
    size_t i, off = sizeof(RndisConfigParam);

    stl_le_p(buf, off);
    stl_le_p(buf + 4, 2 * strlen(name));
    stl_le_p(buf + 8, RNDIS_CONFIG_STRING);
    stl_le_p(buf + 12, off + 2 * strlen(name));
    stl_le_p(buf + 16, 2 * strlen(val));
    for (i = 0; i < strlen(name); i++, off += 2) {
        stw_le_p(buf + off, name[i]);
    }
    for (i = 0; i < strlen(val); i++, off += 2) {
        stw_le_p(buf + off, val[i]);
    }
    return off;
}

static void test_rndis_mac(void)
{
    static const uint8_t new_mac[6] = { 2, 0xab, 0xcd, 0, 0, 1 };
    uint8_t buf[256], frame[64] = {};
    HvNetRndis r;
    size_t len;

    rndis_begin(&r);
    r.filter = NDIS_FILTER_DIRECTED;
    len = config_param(buf, "NetworkAddress", "02abCD000001");
    g_assert_cmphex(rndis_set(&r, OID_GEN_RNDIS_CONFIG_PARAMETER, buf, len),
                    ==, RNDIS_STATUS_SUCCESS);
    g_assert_cmpmem(r.mac, 6, new_mac, 6);
    memcpy(frame, new_mac, 6);
    g_assert_true(hv_net_rx_wanted(&r, frame, sizeof(frame)));
    memcpy(frame, guest_mac, 6);
    g_assert_true(hv_net_rx_wanted(&r, frame, sizeof(frame)));
    frame[5]++;
    g_assert_false(hv_net_rx_wanted(&r, frame, sizeof(frame)));

    len = config_param(buf, "NetworkAddress", "03abcd000001");
    g_assert_cmphex(rndis_set(&r, OID_GEN_RNDIS_CONFIG_PARAMETER, buf, len),
                    ==, RNDIS_STATUS_INVALID_DATA);
    len = config_param(buf, "NetworkAddress", "02abcd00000g");
    g_assert_cmphex(rndis_set(&r, OID_GEN_RNDIS_CONFIG_PARAMETER, buf, len),
                    ==, RNDIS_STATUS_INVALID_DATA);
    len = config_param(buf, "networkaddress", "02abcd000001");
    g_assert_cmphex(rndis_set(&r, OID_GEN_RNDIS_CONFIG_PARAMETER, buf, len),
                    ==, RNDIS_STATUS_NOT_SUPPORTED);
    g_assert_cmpmem(r.mac, 6, new_mac, 6);
}

static void test_rndis_filter(void)
{
    static const uint8_t group[6] = { 1, 0, 0x5e, 0, 0, 1 };
    uint8_t filter[4], frame[64] = {};
    uint8_t groups[(HV_NET_MAX_MCAST + 1) * 6] = {};
    HvNetRndis r;

    rndis_begin(&r);
    memset(frame, 0xff, 6);
    g_assert_false(hv_net_rx_wanted(&r, frame, sizeof(frame)));
    stl_le_p(filter, NDIS_FILTER_BROADCAST | NDIS_FILTER_MULTICAST);
    rndis_set(&r, OID_GEN_CURRENT_PACKET_FILTER, filter, 4);
    g_assert_true(hv_net_rx_wanted(&r, frame, sizeof(frame)));
    memcpy(frame, group, 6);
    g_assert_false(hv_net_rx_wanted(&r, frame, sizeof(frame)));
    g_assert_cmphex(rndis_set(&r, OID_802_3_MULTICAST_LIST, group, 6), ==,
                    RNDIS_STATUS_SUCCESS);
    g_assert_true(hv_net_rx_wanted(&r, frame, sizeof(frame)));
    g_assert_cmphex(rndis_set(&r, OID_802_3_MULTICAST_LIST, group, 5), ==,
                    RNDIS_STATUS_INVALID_LENGTH);
    g_assert_cmphex(rndis_set(&r, OID_802_3_MULTICAST_LIST, groups,
                              sizeof(groups)), ==,
                    RNDIS_STATUS_MULTICAST_FULL);
    g_assert_cmpint(r.mcast_count, ==, 1);
    g_assert_cmphex(rndis_set(&r, OID_GEN_CURRENT_PACKET_FILTER, filter, 3),
                    ==, RNDIS_STATUS_INVALID_LENGTH);
    hv_net_rndis_reset(&r);
    g_assert_false(hv_net_rx_wanted(&r, frame, sizeof(frame)));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/hv-net/nvsp/versions", test_nvsp_versions);
    g_test_add_func("/hv-net/nvsp/buffers", test_nvsp_buffers);
    g_test_add_func("/hv-net/nvsp/subchannels", test_nvsp_subchannels);
    g_test_add_func("/hv-net/rndis/oids", test_rndis_oids);
    g_test_add_func("/hv-net/rndis/mac", test_rndis_mac);
    g_test_add_func("/hv-net/rndis/filter", test_rndis_filter);
    return g_test_run();
}

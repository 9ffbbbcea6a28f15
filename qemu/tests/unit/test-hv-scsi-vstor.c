/*
 * Tests of the storage protocol of Hyper-V's synthetic SCSI
 *
 * Packets for the decoder end where a page without access rights starts, so
 * reading too far faults without a sanitizer.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include <sys/mman.h>
#include "../../hw/hyperv/hv-scsi-vstor.h"

#define MAX_TRANSFER    (512 * 1024)
#define SUB_CHANNELS    3
#define FUZZ_ROUNDS     2000000
#define FUZZ_MAX_LEN    200

static uint8_t *guard;      /* first byte that must not be touched */

static void make_guard(void)
{
    size_t page = qemu_real_host_page_size();
    uint8_t *p = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    g_assert(p != MAP_FAILED);
    guard = p + page;
    g_assert(!mprotect(guard, page, PROT_NONE));
}

static HvScsiVstor fresh(void)
{
    return (HvScsiVstor) {
        .max_sub_channels = SUB_CHANNELS,
        .max_transfer = MAX_TRANSFER,
    };
}

static void send_len(HvScsiVstor *v, bool first, const vstor_packet *p,
                     uint32_t len, uint64_t buffer, HvScsiCommand *cmd)
{
    uint8_t *msg = guard - len;

    memset(msg, 0xa5, len);
    memcpy(msg, p, MIN(len, sizeof(*p)));
    hv_scsi_vstor_packet(v, first, msg, len, buffer, cmd);
    g_assert_cmpuint(le32_to_cpu(cmd->reply.operation), ==, VSTOR_COMPLETE_IO);
}

static uint32_t send_op(HvScsiVstor *v, uint32_t op, uint16_t arg,
                        HvScsiCommand *cmd)
{
    vstor_packet p = { .operation = cpu_to_le32(op) };

    p.sub_channel_count = cpu_to_le16(arg);
    send_len(v, true, &p, sizeof(p), 0, cmd);
    return le32_to_cpu(cmd->reply.status);
}

static HvScsiVstor ready(uint16_t version)
{
    HvScsiVstor v = fresh();
    HvScsiCommand cmd;

    g_assert(!send_op(&v, VSTOR_BEGIN_INITIALIZATION, 0, &cmd));
    g_assert(!send_op(&v, VSTOR_QUERY_PROTOCOL_VERSION, version, &cmd));
    g_assert(!send_op(&v, VSTOR_QUERY_PROPERTIES, 0, &cmd));
    g_assert(!send_op(&v, VSTOR_END_INITIALIZATION, 0, &cmd));
    g_assert_cmpint(v.state, ==, HV_SCSI_STATE_READY);
    return v;
}

static vstor_packet srb_packet(void)
{
    return (vstor_packet) {
        .operation = cpu_to_le32(VSTOR_EXECUTE_SRB),
        .srb = {
            .lun = 7,
            .cdb_length = 10,
            .sense_info_length = VSTOR_SENSE_SIZE,
            .data_in = VSTOR_DATA_IN,
            .data_transfer_length = cpu_to_le32(4096),
            .cdb = { 0x28, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11 },
        },
    };
}

static void test_versions(void)
{
    static const uint16_t known[] = {
        VSTOR_VERSION_WIN6, VSTOR_VERSION_WIN7, VSTOR_VERSION_WIN8,
        VSTOR_VERSION_WIN8_1, VSTOR_VERSION_WIN10,
    };
    HvScsiCommand cmd;
    HvScsiVstor v;
    int i;

    for (i = 0; i < ARRAY_SIZE(known); i++) {
        v = ready(known[i]);
        g_assert_cmpuint(v.version, ==, known[i]);
    }

    /* an unknown one is refused, and a known one may follow */
    v = fresh();
    send_op(&v, VSTOR_BEGIN_INITIALIZATION, 0, &cmd);
    g_assert_cmpuint(send_op(&v, VSTOR_QUERY_PROTOCOL_VERSION, 0x0700, &cmd),
                     ==, VSTOR_STATUS_REVISION_MISMATCH);
    g_assert_cmpint(v.state, ==, HV_SCSI_STATE_VERSION);
    g_assert(!send_op(&v, VSTOR_QUERY_PROTOCOL_VERSION, VSTOR_VERSION_WIN10,
                      &cmd));
}

static void test_properties(void)
{
    HvScsiVstor v = fresh();
    HvScsiCommand cmd;

    send_op(&v, VSTOR_BEGIN_INITIALIZATION, 0, &cmd);
    send_op(&v, VSTOR_QUERY_PROTOCOL_VERSION, VSTOR_VERSION_WIN10, &cmd);
    send_op(&v, VSTOR_QUERY_PROPERTIES, 0, &cmd);
    g_assert_cmpuint(le16_to_cpu(cmd.reply.properties.max_channel_cnt), ==,
                     SUB_CHANNELS);
    g_assert_cmpuint(le32_to_cpu(cmd.reply.properties.flags), ==,
                     VSTOR_MULTI_CHANNEL);
    g_assert_cmpuint(le32_to_cpu(cmd.reply.properties.max_transfer_bytes), ==,
                     MAX_TRANSFER);

    /* none before 5.1 */
    v = fresh();
    send_op(&v, VSTOR_BEGIN_INITIALIZATION, 0, &cmd);
    send_op(&v, VSTOR_QUERY_PROTOCOL_VERSION, VSTOR_VERSION_WIN7, &cmd);
    send_op(&v, VSTOR_QUERY_PROPERTIES, 0, &cmd);
    g_assert_cmpuint(cmd.reply.properties.max_channel_cnt, ==, 0);
    g_assert_cmpuint(cmd.reply.properties.flags, ==, 0);
}

static void test_order(void)
{
    vstor_packet p = srb_packet();
    HvScsiVstor v = fresh();
    HvScsiCommand cmd;

    g_assert_cmpuint(send_op(&v, VSTOR_QUERY_PROPERTIES, 0, &cmd), ==,
                     VSTOR_STATUS_INVALID_STATE);
    g_assert(cmd.malformed);
    send_len(&v, true, &p, sizeof(p), 4096, &cmd);
    g_assert_cmpint(cmd.action, ==, HV_SCSI_REPLY);
    g_assert_cmpint(v.state, ==, HV_SCSI_STATE_BEGIN);

    v = ready(VSTOR_VERSION_WIN10);
    g_assert_cmpuint(send_op(&v, VSTOR_BEGIN_INITIALIZATION, 0, &cmd), ==,
                     VSTOR_STATUS_INVALID_STATE);
    g_assert_cmpint(v.state, ==, HV_SCSI_STATE_READY);
    g_assert_cmpuint(send_op(&v, VSTOR_FCHBA_DATA, 0, &cmd), ==,
                     VSTOR_STATUS_INVALID_REQUEST);
    g_assert_cmpuint(send_op(&v, VSTOR_COMPLETE_IO, 0, &cmd), ==,
                     VSTOR_STATUS_INVALID_REQUEST);
}

static void test_sub_channels(void)
{
    vstor_packet p = { .operation = cpu_to_le32(VSTOR_CREATE_SUB_CHANNELS),
                       .sub_channel_count = cpu_to_le16(1) };
    HvScsiVstor v = ready(VSTOR_VERSION_WIN10);
    HvScsiCommand cmd;

    g_assert(!send_op(&v, VSTOR_CREATE_SUB_CHANNELS, SUB_CHANNELS, &cmd));
    g_assert_cmpint(cmd.action, ==, HV_SCSI_SUB_CHANNELS);
    g_assert_cmpuint(cmd.sub_channels, ==, SUB_CHANNELS);
    g_assert_cmpuint(send_op(&v, VSTOR_CREATE_SUB_CHANNELS, SUB_CHANNELS + 1,
                             &cmd), ==, VSTOR_STATUS_INVALID_PARAMETER);
    g_assert_cmpint(cmd.action, ==, HV_SCSI_REPLY);
    send_len(&v, false, &p, sizeof(p), 0, &cmd);
    g_assert_cmpint(cmd.action, ==, HV_SCSI_REPLY);
    g_assert(cmd.malformed);
}

static void test_srb(void)
{
    vstor_packet p = srb_packet();
    HvScsiVstor v = ready(VSTOR_VERSION_WIN10);
    HvScsiCommand cmd;

    send_len(&v, false, &p, sizeof(p), 4096, &cmd);
    g_assert_cmpint(cmd.action, ==, HV_SCSI_EXECUTE);
    g_assert(!cmd.malformed);
    g_assert_cmpuint(cmd.srb.lun, ==, 7);
    g_assert_cmpuint(cmd.srb.data_length, ==, 4096);
    g_assert_cmpuint(cmd.srb.cdb[9], ==, 9);
    g_assert_cmpuint(cmd.srb.cdb[10], ==, 0);
    g_assert_cmpuint(cmd.reply_size, ==, VSTOR_PACKET_SIZE);
    g_assert(cmd.srb.autosense);

    /* the short form: no flags, 18 bytes of sense */
    v = ready(VSTOR_VERSION_WIN7);
    send_len(&v, true, &p, VSTOR_PACKET_SIZE_V1, 4096, &cmd);
    g_assert_cmpint(cmd.action, ==, HV_SCSI_EXECUTE);
    g_assert_cmpuint(cmd.reply_size, ==, VSTOR_PACKET_SIZE_V1);
    g_assert_cmpuint(cmd.srb.sense_length, ==, VSTOR_SENSE_SIZE_V1);
}

static void expect_bad_srb(const vstor_packet *p, uint32_t len, uint64_t buffer)
{
    HvScsiVstor v = ready(VSTOR_VERSION_WIN10);
    HvScsiCommand cmd;

    send_len(&v, true, p, len, buffer, &cmd);
    g_assert_cmpint(cmd.action, ==, HV_SCSI_REPLY);
    g_assert(cmd.malformed);
    g_assert_cmpuint(cmd.reply.srb.srb_status, ==, SRB_INVALID_REQUEST);
    g_assert_cmpuint(cmd.reply.status, !=, 0);
}

static void test_bad_srb(void)
{
    vstor_packet p = srb_packet();

    expect_bad_srb(&p, sizeof(p), 4095);
    expect_bad_srb(&p, VSTOR_PACKET_SIZE_V1 - 1, 4096);
    p.srb.cdb_length = 0;
    expect_bad_srb(&p, sizeof(p), 4096);
    p.srb.cdb_length = VSTOR_CDB_SIZE + 1;
    expect_bad_srb(&p, sizeof(p), 4096);
    p = srb_packet();
    p.srb.data_in = VSTOR_DATA_NONE + 1;
    expect_bad_srb(&p, sizeof(p), 4096);
    p = srb_packet();
    p.srb.data_transfer_length = cpu_to_le32(MAX_TRANSFER + 1);
    expect_bad_srb(&p, sizeof(p), UINT64_MAX);
    p.srb.data_transfer_length = cpu_to_le32(UINT32_MAX);
    expect_bad_srb(&p, sizeof(p), UINT64_MAX);
}

static void test_short(void)
{
    vstor_packet p = srb_packet();
    HvScsiVstor v;
    HvScsiCommand cmd;
    uint32_t len;

    for (len = 0; len < VSTOR_HEADER_SIZE; len++) {
        v = ready(VSTOR_VERSION_WIN10);
        send_len(&v, true, &p, len, 4096, &cmd);
        g_assert_cmpuint(le32_to_cpu(cmd.reply.status), ==,
                         VSTOR_STATUS_INVALID_PARAMETER);
        g_assert(cmd.malformed);
        g_assert_cmpuint(cmd.reply_size, ==, VSTOR_PACKET_SIZE);
    }
}

static void test_result(void)
{
    vstor_packet p = srb_packet();
    HvScsiVstor v = ready(VSTOR_VERSION_WIN10);
    HvScsiResult res = {
        .status = VSTOR_STATUS_IO_ERROR,
        .srb_status = SRB_ERROR,
        .scsi_status = 2,
        .transferred = 512,
        .sense_length = 18,
        .sense = { 0x70, 0, 3, [12] = 0x11 },
    };
    const vmscsi_request *srb;
    HvScsiCommand cmd;

    send_len(&v, true, &p, sizeof(p), 4096, &cmd);
    hv_scsi_vstor_result(&cmd, &res);
    srb = &cmd.reply.srb;
    g_assert_cmpuint(srb->srb_status, ==, SRB_ERROR | SRB_AUTOSENSE_VALID);
    g_assert_cmpuint(srb->scsi_status, ==, 2);
    g_assert_cmpuint(srb->sense_info_length, ==, 18);
    g_assert_cmpmem(srb->sense_data, 18, res.sense, 18);
    g_assert_cmpuint(le32_to_cpu(srb->data_transfer_length), ==, 512);

    /* less space for sense data than there is, and none wanted */
    p.srb.sense_info_length = 4;
    send_len(&v, true, &p, sizeof(p), 4096, &cmd);
    hv_scsi_vstor_result(&cmd, &res);
    g_assert_cmpuint(cmd.reply.srb.sense_info_length, ==, 4);
    g_assert_cmpuint(cmd.reply.srb.sense_data[12], ==, 0);
    p.srb.srb_flags = cpu_to_le32(SRB_FLAGS_DISABLE_AUTOSENSE);
    send_len(&v, true, &p, sizeof(p), 4096, &cmd);
    hv_scsi_vstor_result(&cmd, &res);
    g_assert_cmpuint(cmd.reply.srb.srb_status, ==, SRB_ERROR);
    g_assert_cmpuint(cmd.reply.srb.sense_data[0], ==, 0);
}

/* What every packet must leave true. */
static void check_bounds(const HvScsiVstor *v, HvScsiState before, bool first,
                         uint64_t buffer, HvScsiCommand *cmd)
{
    g_assert_cmpuint(cmd->reply_size, >=, VSTOR_PACKET_SIZE_V1);
    g_assert_cmpuint(cmd->reply_size, <=, VSTOR_PACKET_SIZE);
    g_assert_cmpint(v->state, >=, before);
    g_assert_cmpint(v->state, <=, before + 1);
    g_assert(first || v->state == before);
    if (cmd->action == HV_SCSI_SUB_CHANNELS) {
        g_assert(first);
        g_assert_cmpint(before, >=, HV_SCSI_STATE_END);
        g_assert_cmpuint(cmd->sub_channels, >=, 1);
        g_assert_cmpuint(cmd->sub_channels, <=, SUB_CHANNELS);
    } else if (cmd->action != HV_SCSI_REPLY) {
        g_assert_cmpint(before, ==, HV_SCSI_STATE_READY);
    }
    if (cmd->action == HV_SCSI_EXECUTE) {
        g_assert_cmpuint(cmd->srb.cdb_length, >=, 1);
        g_assert_cmpuint(cmd->srb.cdb_length, <=, VSTOR_CDB_SIZE);
        g_assert_cmpuint(cmd->srb.sense_length, <=, VSTOR_SENSE_SIZE);
        g_assert_cmpuint(cmd->srb.data_in, <=, VSTOR_DATA_NONE);
        g_assert_cmpuint(cmd->srb.data_length, <=, buffer);
        g_assert_cmpuint(cmd->srb.data_length, <=, MAX_TRANSFER);
        g_assert_cmpuint(cmd->reply_size, >=, VSTOR_PACKET_SIZE_V1);
    }
    if (cmd->malformed) {
        g_assert_cmpint(cmd->action, ==, HV_SCSI_REPLY);
        g_assert_cmpuint(cmd->reply.status, !=, 0);
    }
}

/*
 * Random packets.  Half of them start from a valid one, so that they reach more
 * than the first check.  The random seed is fixed, so that a failure repeats.
 */
static void test_fuzz(void)
{
    unsigned long actions[HV_SCSI_SUB_CHANNELS + 1] = {};
    g_autoptr(GRand) rand = g_rand_new_with_seed(20261121);
    HvScsiVstor v = ready(VSTOR_VERSION_WIN10);
    HvScsiCommand cmd;
    int i, j;

    for (i = 0; i < FUZZ_ROUNDS; i++) {
        uint32_t len = g_rand_int_range(rand, 0, FUZZ_MAX_LEN);
        uint64_t buffer = g_rand_int(rand) >> g_rand_int_range(rand, 0, 32);
        bool first = g_rand_boolean(rand);
        uint8_t *msg = guard - len;
        HvScsiState before;

        for (j = 0; j < len; j++) {
            msg[j] = g_rand_int(rand);
        }
        if (g_rand_boolean(rand)) {
            vstor_packet p = srb_packet();

            memcpy(msg, &p, MIN(len, sizeof(p)));
            for (j = g_rand_int_range(rand, 0, 4); len && j; j--) {
                msg[g_rand_int_range(rand, 0, len)] = g_rand_int(rand);
            }
        }
        if (len >= sizeof(uint32_t) && g_rand_boolean(rand)) {
            stl_le_p(msg, g_rand_int_range(rand, 0, 16));
        }
        if (len >= VSTOR_PACKET_SIZE && g_rand_int_range(rand, 0, 8) == 0) {
            /* a number that may be a count or a version */
            stw_le_p(msg + VSTOR_HEADER_SIZE, g_rand_int_range(rand, 0, 8));
        }
        if (g_rand_int_range(rand, 0, 64) == 0) {
            v = g_rand_boolean(rand) ? fresh() : ready(VSTOR_VERSION_WIN7);
        } else if (v.state != HV_SCSI_STATE_READY &&
                   g_rand_int_range(rand, 0, 8) == 0) {
            v = ready(VSTOR_VERSION_WIN10);
        }

        before = v.state;
        hv_scsi_vstor_packet(&v, first, guard - len, len, buffer, &cmd);
        check_bounds(&v, before, first, buffer, &cmd);
        actions[cmd.action]++;
        if (cmd.action == HV_SCSI_EXECUTE) {
            HvScsiResult res = { .sense_length = g_rand_int(rand) };

            hv_scsi_vstor_result(&cmd, &res);
            g_assert_cmpuint(cmd.reply.srb.sense_info_length, <=,
                             cmd.srb.sense_length);
        }
    }
    /* fail if the generator misses an outcome: it would test nothing */
    for (i = 0; i < ARRAY_SIZE(actions); i++) {
        g_test_message("action %d: %lu times", i, actions[i]);
        g_assert_cmpuint(actions[i], >, 100);
    }
}

int main(int argc, char **argv)
{
    make_guard();
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/hv-scsi/vstor/versions", test_versions);
    g_test_add_func("/hv-scsi/vstor/properties", test_properties);
    g_test_add_func("/hv-scsi/vstor/order", test_order);
    g_test_add_func("/hv-scsi/vstor/sub-channels", test_sub_channels);
    g_test_add_func("/hv-scsi/vstor/srb", test_srb);
    g_test_add_func("/hv-scsi/vstor/bad-srb", test_bad_srb);
    g_test_add_func("/hv-scsi/vstor/short", test_short);
    g_test_add_func("/hv-scsi/vstor/result", test_result);
    g_test_add_func("/hv-scsi/vstor/fuzz", test_fuzz);
    return g_test_run();
}

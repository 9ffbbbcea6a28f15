/*
 * Hyper-V's interface under TCG: pages that the host can see
 *
 * HvCallModifySparseGpaPageHostVisibility takes a list of pages.  An isolated
 * guest makes them visible to its host (shared) or hides them (private).  The
 * hypervisor goes through the list in order and reports how far it got.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "qemu/osdep.h"
#include "qemu/bitops.h"
#include "qemu/bswap.h"
#include "hw/core/cpu.h"
#include "cvm-emu.h"
#include "hyperv-internal.h"

#define HV_PARTITION_ID_SELF       UINT64_MAX
#define HV_VISIBILITY_PRIVATE      0
#define HV_VISIBILITY_READ_WRITE   3
/* Header and list share one page. */
#define HV_VISIBILITY_MAX_REPS     510

typedef struct HvVisibility {
    uint64_t partition_id;
    uint32_t visibility;
    uint32_t reserved;
    uint64_t pfn[HV_VISIBILITY_MAX_REPS];
} HvVisibility;

QEMU_BUILD_BUG_ON(sizeof(HvVisibility) != HV_PAGE_SIZE);

static uint16_t hv_check_header(const HvVisibility *in)
{
    uint32_t visibility = le32_to_cpu(in->visibility);

    if (le64_to_cpu(in->partition_id) != HV_PARTITION_ID_SELF) {
        return HV_STATUS_INVALID_PARTITION_ID;
    }
    if (in->reserved || (visibility != HV_VISIBILITY_PRIVATE &&
                         visibility != HV_VISIBILITY_READ_WRITE)) {
        return HV_STATUS_INVALID_PARAMETER;
    }
    return HV_STATUS_SUCCESS;
}

static uint16_t hv_status(CvmEmuListResult result)
{
    switch (result) {
    case CVM_EMU_LIST_OK:
        return HV_STATUS_SUCCESS;
    case CVM_EMU_LIST_FAILED:
        return HV_STATUS_INSUFFICIENT_MEMORY;
    default:
        return HV_STATUS_INVALID_PARAMETER;
    }
}

/**
 * hv_modify_host_visibility: serve the hypercall
 * @env: the CPU
 * @control: its control value
 * @input: GPA of its parameters
 *
 * Return: the result, with the number of pages that were converted.
 */
uint64_t hv_modify_host_visibility(CPUX86State *env, uint64_t control,
                                   uint64_t input)
{
    unsigned count = HV_CONTROL_REP_COUNT(control);
    unsigned start = HV_CONTROL_REP_START(control);
    size_t size = offsetof(HvVisibility, pfn) + count * sizeof(uint64_t);
    HvVisibility in;
    CvmEmuListResult result;
    uint16_t status;
    uint64_t done;
    unsigned i;

    if (HV_CONTROL_FAST(control) || HV_CONTROL_VARHEAD(control) ||
        start >= count || count > HV_VISIBILITY_MAX_REPS) {
        return HV_STATUS_INVALID_HYPERCALL_INPUT;
    }
    if (input % sizeof(uint64_t) ||
        (input & HV_PAGE_MASK) != ((input + size - 1) & HV_PAGE_MASK)) {
        return HV_STATUS_INVALID_ALIGNMENT;
    }
    if (!hv_guest_read(env, input, &in, size)) {
        return HV_STATUS_INVALID_PARAMETER;
    }
    status = hv_check_header(&in);
    if (status != HV_STATUS_SUCCESS) {
        return HV_RESULT(status, start);
    }
    for (i = start; i < count; i++) {
        in.pfn[i] = le64_to_cpu(in.pfn[i]);
    }
    result = cvm_emu_convert_list(env_cpu(env), in.pfn + start, count - start,
                                  le32_to_cpu(in.visibility), count ==
                                  HV_VISIBILITY_MAX_REPS, &done);
    return HV_RESULT(hv_status(result), start + done);
}

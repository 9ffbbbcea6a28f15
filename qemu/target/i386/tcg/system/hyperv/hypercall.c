/*
 * Hyper-V's interface under TCG: hypercalls
 *
 * Calling convention and checks: TLFS, "Hypercall Interface".  The translator
 * makes sure that the CPU is at CPL 0, and ends the TB.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "qemu/osdep.h"
#include "qemu/bitops.h"
#include "qemu/bswap.h"
#include "exec/exec-all.h"
#include "hw/core/cpu.h"
#include "hw/hyperv/hyperv.h"
#include "tcg/helper-tcg.h"
#include "cvm-emu.h"
#include "hyperv-internal.h"
#include "trace.h"

#define HV_NOTIFY_LONG_SPIN_WAIT               0x0008
#define HV_MODIFY_SPARSE_GPA_PAGE_HOST_VISIBILITY 0x00db

#define HV_INPUT_ALIGN 8

/* Read the parameters from the address that the guest passed. */
static uint16_t hv_read_input(CPUX86State *env, uint64_t gpa, void *data,
                              size_t size)
{
    if ((gpa & (HV_INPUT_ALIGN - 1)) ||
        (gpa & HV_PAGE_MASK) != ((gpa + size - 1) & HV_PAGE_MASK)) {
        return HV_STATUS_INVALID_ALIGNMENT;
    }
    return hv_guest_read(env, gpa, data, size) ? HV_STATUS_SUCCESS
                                               : HV_STATUS_INVALID_PARAMETER;
}

static uint16_t hv_post_message(CPUX86State *env, uint64_t control,
                                uint64_t input)
{
    struct hyperv_post_message_input msg;
    uint16_t status;

    if (HV_CONTROL_FAST(control)) {
        return HV_STATUS_INVALID_HYPERCALL_INPUT;
    }
    status = hv_read_input(env, input, &msg, sizeof(msg));
    if (status != HV_STATUS_SUCCESS) {
        return status;
    }
    return hyperv_post_message(&msg);
}

static uint16_t hv_signal_event(CPUX86State *env, uint64_t control,
                                uint64_t input)
{
    uint64_t event = input;
    uint16_t status;

    if (!HV_CONTROL_FAST(control)) {
        status = hv_read_input(env, input, &event, sizeof(event));
        if (status != HV_STATUS_SUCCESS) {
            return status;
        }
        event = le64_to_cpu(event);
    }
    return hyperv_hcall_signal_event(event, true);
}

static bool hv_is_simple(uint64_t control)
{
    return !HV_CONTROL_REP_COUNT(control) && !HV_CONTROL_REP_START(control) &&
           !HV_CONTROL_VARHEAD(control);
}

static uint64_t hv_simple_hypercall(CPUX86State *env, uint64_t control,
                                    uint64_t input)
{
    bool synic = hyperv_feat_enabled(env_archcpu(env), HYPERV_FEAT_SYNIC);
    uint16_t code = HV_CONTROL_CODE(control);

    if (code != HV_NOTIFY_LONG_SPIN_WAIT &&
        (!synic || (code != HV_POST_MESSAGE && code != HV_SIGNAL_EVENT))) {
        return HV_STATUS_INVALID_HYPERCALL_CODE;
    }
    if (!hv_is_simple(control)) {
        return HV_STATUS_INVALID_HYPERCALL_INPUT;
    }
    switch (code) {
    case HV_POST_MESSAGE:
        return hv_post_message(env, control, input);
    case HV_SIGNAL_EVENT:
        return hv_signal_event(env, control, input);
    default:
        /* Advice only: other CPUs run in other threads. */
        return HV_STATUS_SUCCESS;
    }
}

static uint64_t hv_hypercall(CPUX86State *env, uint64_t control,
                             uint64_t input)
{
    if (control & HV_CONTROL_RESERVED) {
        return HV_STATUS_INVALID_HYPERCALL_INPUT;
    }
    if (cvm_emu_vbs &&
        HV_CONTROL_CODE(control) == HV_MODIFY_SPARSE_GPA_PAGE_HOST_VISIBILITY) {
        return hv_modify_host_visibility(env, control, input);
    }
    return hv_simple_hypercall(env, control, input);
}

/**
 * hyperv_tcg_hypercall: VMCALL or VMMCALL
 * @env: the CPU, at CPL 0, with its state up to date
 *
 * Raises #UD, as without a hypervisor, until the guest has set GUEST_OS_ID.
 */
void hyperv_tcg_hypercall(CPUX86State *env)
{
    target_ulong *r = env->regs;
    uint64_t control, input, result;

    if (!hv_partition.guest_os_id || !(env->cr[0] & CR0_PE_MASK)) {
        raise_exception(env, EXCP06_ILLOP);
    }
    cvm_emu_count_hypercall();
    if (env->hflags & HF_CS64_MASK) {
        control = r[R_ECX];
        input = r[R_EDX];
    } else {
        control = deposit64(r[R_EAX], 32, 32, r[R_EDX]);
        input = deposit64(r[R_ECX], 32, 32, r[R_EBX]);
    }
    result = hv_hypercall(env, control, input);
    trace_hv_tcg_hypercall(env_cpu(env)->cpu_index, control, input, result);
    if (env->hflags & HF_CS64_MASK) {
        r[R_EAX] = result;
    } else {
        r[R_EAX] = (uint32_t)result;
        r[R_EDX] = result >> 32;
    }
}

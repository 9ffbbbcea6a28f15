/*
 * Hyper-V's interface under TCG: synthetic MSRs
 *
 * An MSR that is not known here, or belongs to a feature that the CPU does
 * not have, raises #GP (TLFS, "Accessing Synthetic MSRs").  That is what a
 * guest meets that asks for more than CPUID offers.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "qemu/osdep.h"
#include "qemu/main-loop.h"
#include "qemu/timer.h"
#include "system/cpu-timers.h"
#include "hw/core/cpu.h"
#include "hw/hyperv/hyperv.h"
#include "system/runstate.h"
#include "hyperv-internal.h"
#include "trace.h"

/* Bit 0 of the hypercall, reference TSC and VP assist page MSRs. */
#define HV_PAGE_ENABLE 1
#define HV_RESET_NOW   1

/* TLFS, "Reference TSC Page" */
typedef struct HvReferenceTsc {
    uint32_t sequence;
    uint32_t reserved;
    uint64_t scale;
    int64_t offset;
} HvReferenceTsc;

static bool hv_has(CPUX86State *env, int feature)
{
    return hyperv_feat_enabled(env_archcpu(env), feature);
}

/*
 * Write the code that the guest calls for a hypercall: the instruction of the
 * CPU's vendor, although both work.  Fill the rest of the page with INT3.
 */
static bool hv_write_hypercall_page(CPUX86State *env, hwaddr gpa)
{
    static const uint8_t vmcall[] = { 0x0f, 0x01, 0xc1, 0xc3 };
    static const uint8_t vmmcall[] = { 0x0f, 0x01, 0xd9, 0xc3 };
    uint8_t page[HV_PAGE_SIZE];

    memset(page, 0xcc, sizeof(page));
    memcpy(page, IS_INTEL_CPU(env) ? vmcall : vmmcall, sizeof(vmcall));
    return hv_guest_write(env, gpa, page, sizeof(page));
}

/* The page stays disabled until the guest has set GUEST_OS_ID. */
static bool hv_wrmsr_hypercall(CPUX86State *env, uint64_t value)
{
    HvPartition *p = &hv_partition;

    if (!p->guest_os_id) {
        return true;
    }
    if ((value & HV_PAGE_ENABLE) &&
        !hv_write_hypercall_page(env, value & HV_PAGE_MASK)) {
        return false;
    }
    p->hypercall = value;
    return true;
}

static bool hv_wrmsr_guest_os_id(uint64_t value)
{
    hv_partition.guest_os_id = value;
    if (!value) {
        hv_partition.hypercall &= ~(uint64_t)HV_PAGE_ENABLE;
    }
    return true;
}

/*
 * The TSC runs at the speed of the host's TSC, which is not known.  Sequence 0
 * tells the guest to read the MSR instead.  Under -icount the TSC counts
 * virtual nanoseconds, so the page is valid.
 */
static bool hv_wrmsr_reference_tsc(CPUX86State *env, uint64_t value)
{
    HvReferenceTsc page = {};

    if (icount_enabled()) {
        page.sequence = 1;
        page.scale = UINT64_MAX / HV_REF_TIME_NS + 1;
    }
    if ((value & HV_PAGE_ENABLE) &&
        !hv_guest_write(env, value & HV_PAGE_MASK, &page, sizeof(page))) {
        return false;
    }
    hv_partition.reference_tsc = value;
    return true;
}

/* The page starts with the EOI assist field.  0: the guest must write EOI. */
static bool hv_wrmsr_vp_assist(CPUX86State *env, uint64_t value)
{
    uint32_t eoi_assist = 0;

    if ((value & HV_PAGE_ENABLE) &&
        !hv_guest_write(env, value & HV_PAGE_MASK, &eoi_assist,
                        sizeof(eoi_assist))) {
        return false;
    }
    hv_vp(env_cpu(env))->vp_assist = value;
    return true;
}

static bool hv_wrmsr_reset(uint64_t value)
{
    if (value & HV_RESET_NOW) {
        qemu_system_reset_request(SHUTDOWN_CAUSE_GUEST_RESET);
    }
    return true;
}

static bool hv_wrmsr_crash(CPUX86State *env, uint32_t msr, uint64_t value)
{
    CPUState *cs = env_cpu(env);

    if (msr != HV_X64_MSR_CRASH_CTL) {
        env->msr_hv_crash_params[msr - HV_X64_MSR_CRASH_P0] = value;
    } else if (value & HV_CRASH_CTL_NOTIFY) {
        cs->crash_occurred = true;
        qemu_system_guest_panicked(cpu_get_crash_info(cs));
    }
    return true;
}

static bool hv_wrmsr(CPUX86State *env, uint32_t msr, uint64_t value)
{
    switch (msr) {
    case HV_X64_MSR_GUEST_OS_ID:
        return hv_wrmsr_guest_os_id(value);
    case HV_X64_MSR_HYPERCALL:
        return hv_wrmsr_hypercall(env, value);
    case HV_X64_MSR_RESET:
        return hv_has(env, HYPERV_FEAT_RESET) && hv_wrmsr_reset(value);
    case HV_X64_MSR_REFERENCE_TSC:
        return hv_has(env, HYPERV_FEAT_TIME) &&
               hv_wrmsr_reference_tsc(env, value);
    case HV_X64_MSR_APIC_ASSIST_PAGE:
        return hv_wrmsr_vp_assist(env, value);
    case HV_X64_MSR_SCONTROL ... HV_X64_MSR_SINT15:
        return hv_has(env, HYPERV_FEAT_SYNIC) &&
               hv_synic_wrmsr(env, msr, value);
    case HV_X64_MSR_CRASH_P0 ... HV_X64_MSR_CRASH_CTL:
        return hv_has(env, HYPERV_FEAT_CRASH) &&
               hv_wrmsr_crash(env, msr, value);
    default:
        return false;
    }
}

bool hyperv_tcg_wrmsr__slow(CPUX86State *env, uint32_t msr, uint64_t value)
{
    bool good;

    bql_lock();
    good = hv_wrmsr(env, msr, value);
    bql_unlock();
    trace_hv_tcg_wrmsr(env_cpu(env)->cpu_index, msr, value, good);
    return good;
}

static bool hv_rdmsr(CPUX86State *env, uint32_t msr, uint64_t *value)
{
    switch (msr) {
    case HV_X64_MSR_GUEST_OS_ID:
        *value = hv_partition.guest_os_id;
        return true;
    case HV_X64_MSR_HYPERCALL:
        *value = hv_partition.hypercall;
        return true;
    case HV_X64_MSR_VP_INDEX:
        *value = hyperv_vp_index(env_cpu(env));
        return hv_has(env, HYPERV_FEAT_VPINDEX);
    case HV_X64_MSR_RESET:
        *value = 0;
        return hv_has(env, HYPERV_FEAT_RESET);
    case HV_X64_MSR_TIME_REF_COUNT:
        *value = qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL) / HV_REF_TIME_NS;
        return hv_has(env, HYPERV_FEAT_TIME);
    case HV_X64_MSR_REFERENCE_TSC:
        *value = hv_partition.reference_tsc;
        return hv_has(env, HYPERV_FEAT_TIME);
    case HV_X64_MSR_APIC_ASSIST_PAGE:
        *value = hv_vp(env_cpu(env))->vp_assist;
        return true;
    case HV_X64_MSR_SCONTROL ... HV_X64_MSR_SINT15:
        return hv_has(env, HYPERV_FEAT_SYNIC) &&
               hv_synic_rdmsr(env, msr, value);
    case HV_X64_MSR_CRASH_P0 ... HV_X64_MSR_CRASH_P4:
        *value = env->msr_hv_crash_params[msr - HV_X64_MSR_CRASH_P0];
        return hv_has(env, HYPERV_FEAT_CRASH);
    case HV_X64_MSR_CRASH_CTL:
        *value = HV_CRASH_CTL_NOTIFY;
        return hv_has(env, HYPERV_FEAT_CRASH);
    default:
        return false;
    }
}

bool hyperv_tcg_rdmsr__slow(CPUX86State *env, uint32_t msr, uint64_t *value)
{
    bool good;

    /* Guests may use this as their clock, so take no lock and do not trace. */
    if (msr == HV_X64_MSR_TIME_REF_COUNT) {
        return hv_rdmsr(env, msr, value);
    }
    bql_lock();
    good = hv_rdmsr(env, msr, value);
    bql_unlock();
    trace_hv_tcg_rdmsr(env_cpu(env)->cpu_index, msr, *value, good);
    return good;
}

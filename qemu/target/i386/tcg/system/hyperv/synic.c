/*
 * Hyper-V's interface under TCG: the synthetic interrupt controller
 *
 * Registers and delivery.  hw/hyperv/hyperv.c has message slots and event
 * flags, and the overlay pages that hold them.  Polling mode works.  Automatic
 * EOI is not offered by CPUID and raises #GP.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "qemu/osdep.h"
#include "qemu/main-loop.h"
#include "exec/memory.h"
#include "hw/core/cpu.h"
#include "hw/hyperv/hyperv.h"
#include "hw/i386/apic-msidef.h"
#include "hw/i386/apic_internal.h"
#include "hw/pci/msi.h"
#include "cvm-emu.h"
#include "hyperv-internal.h"
#include "trace.h"

#define HV_SINT_POLLING      (1u << 18)
/* Vectors below are exceptions (TLFS, "SINTx Registers"). */
#define HV_SINT_FIRST_VECTOR 16

/* Send an edge-triggered message-signalled interrupt to the CPU's own APIC. */
static void hv_deliver(X86CPU *cpu, uint8_t vector)
{
    uint32_t dest = cpu->apic_id;
    MSIMessage msi = {
        .address = APIC_DEFAULT_ADDRESS |
                   (uint64_t)(dest & ~0xffu) << 32 |
                   (dest & 0xff) << MSI_ADDR_DEST_ID_SHIFT,
        .data = vector,
    };

    apic_get_class(NULL)->send_msi(&msi);
}

static int hv_set_sint(CPUState *cs, uint32_t sint)
{
    HvVp *vp = hv_vp(cs);
    bool locked = bql_locked();
    int ret = -ENXIO;
    uint64_t reg;

    if (!locked) {
        bql_lock();
    }
    reg = vp->sint[sint];
    if ((vp->scontrol & HV_SYNIC_ENABLE) && !(reg & HV_SINT_MASKED)) {
        if (!(reg & HV_SINT_POLLING)) {
            hv_deliver(X86_CPU(cs), reg & HV_SINT_VECTOR_MASK);
        }
        ret = 0;
    }
    trace_hv_tcg_sint(cs->cpu_index, sint, reg, ret);
    if (!locked) {
        bql_unlock();
    }
    return ret;
}

static const HypervAccelOps hv_accel_ops = {
    .set_sint = hv_set_sint,
    .overlay_moved = cvm_emu_overlay_moved,
};

void hv_synic_init(void)
{
    hyperv_set_accel_ops(&hv_accel_ops);
}

void hv_synic_reset_vp(X86CPU *cpu)
{
    HvVp *vp = hv_vp(CPU(cpu));
    int i;

    for (i = 0; i < HV_SINT_COUNT; i++) {
        vp->sint[i] = HV_SINT_MASKED;
    }
}

/* The bit that tells private from shared is not part of the address. */
static hwaddr hv_overlay_addr(uint64_t reg, uint64_t enable)
{
    return reg & enable ? reg & HV_PAGE_MASK & ~cvm_emu_addr_bit : 0;
}

static bool hv_synic_update(CPUX86State *env, uint64_t *reg, uint64_t value)
{
    HvVp *vp = hv_vp(env_cpu(env));

    if (!hv_gpa_valid(env, value)) {
        return false;
    }
    *reg = value;
    hyperv_synic_update(env_cpu(env), vp->scontrol & HV_SYNIC_ENABLE,
                        hv_overlay_addr(vp->simp, HV_SIMP_ENABLE),
                        hv_overlay_addr(vp->siefp, HV_SIEFP_ENABLE));
    return true;
}

static bool hv_wrmsr_sint(uint64_t *sint, uint64_t value)
{
    bool silent = value & (HV_SINT_MASKED | HV_SINT_POLLING);

    if ((value & HV_SINT_AUTO_EOI) ||
        (!silent && (value & HV_SINT_VECTOR_MASK) < HV_SINT_FIRST_VECTOR)) {
        return false;
    }
    *sint = value;
    return true;
}

bool hv_synic_wrmsr(CPUX86State *env, uint32_t msr, uint64_t value)
{
    HvVp *vp = hv_vp(env_cpu(env));

    switch (msr) {
    case HV_X64_MSR_SCONTROL:
        return hv_synic_update(env, &vp->scontrol, value & HV_SYNIC_ENABLE);
    case HV_X64_MSR_SIEFP:
        return hv_synic_update(env, &vp->siefp, value);
    case HV_X64_MSR_SIMP:
        return hv_synic_update(env, &vp->simp, value);
    case HV_X64_MSR_EOM:
        hyperv_synic_eom(env_cpu(env));
        return true;
    case HV_X64_MSR_SINT0 ... HV_X64_MSR_SINT15:
        return hv_wrmsr_sint(&vp->sint[msr - HV_X64_MSR_SINT0], value);
    default:
        return false;
    }
}

bool hv_synic_rdmsr(CPUX86State *env, uint32_t msr, uint64_t *value)
{
    HvVp *vp = hv_vp(env_cpu(env));

    switch (msr) {
    case HV_X64_MSR_SCONTROL:
        *value = vp->scontrol;
        return true;
    case HV_X64_MSR_SVERSION:
        *value = HV_SYNIC_VERSION;
        return true;
    case HV_X64_MSR_SIEFP:
        *value = vp->siefp;
        return true;
    case HV_X64_MSR_SIMP:
        *value = vp->simp;
        return true;
    case HV_X64_MSR_EOM:
        *value = 0;
        return true;
    case HV_X64_MSR_SINT0 ... HV_X64_MSR_SINT15:
        *value = vp->sint[msr - HV_X64_MSR_SINT0];
        return true;
    default:
        return false;
    }
}

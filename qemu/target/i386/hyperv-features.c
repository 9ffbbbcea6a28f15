/*
 * Hyper-V enlightenments: what the hv-* properties of a CPU stand for
 *
 * The table and the CPUID leaves that follow from it.  Leaves and bits:
 * Hypervisor Top Level Functional Specification, "Feature and Interface
 * Discovery".
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "hyperv-features.h"

#define FLAGS(leaf, r, b) { .func = HV_CPUID_##leaf, .reg = R_##r, .bits = b }

const HypervFeature hyperv_feature[HYPERV_FEATURE_COUNT] = {
    [HYPERV_FEAT_RELAXED] = {
        "relaxed timing (hv-relaxed)",
        { FLAGS(ENLIGHTMENT_INFO, EAX, HV_RELAXED_TIMING_RECOMMENDED) },
    },
    [HYPERV_FEAT_VAPIC] = {
        "virtual APIC (hv-vapic)",
        { FLAGS(FEATURES, EAX, HV_APIC_ACCESS_AVAILABLE) },
    },
    [HYPERV_FEAT_TIME] = {
        "clocksources (hv-time)",
        { FLAGS(FEATURES, EAX, HV_TIME_REF_COUNT_AVAILABLE |
                               HV_REFERENCE_TSC_AVAILABLE) },
    },
    [HYPERV_FEAT_CRASH] = {
        "crash MSRs (hv-crash)",
        { FLAGS(FEATURES, EDX, HV_GUEST_CRASH_MSR_AVAILABLE) },
    },
    [HYPERV_FEAT_RESET] = {
        "reset MSR (hv-reset)",
        { FLAGS(FEATURES, EAX, HV_RESET_AVAILABLE) },
    },
    [HYPERV_FEAT_VPINDEX] = {
        "VP_INDEX MSR (hv-vpindex)",
        { FLAGS(FEATURES, EAX, HV_VP_INDEX_AVAILABLE) },
    },
    [HYPERV_FEAT_RUNTIME] = {
        "VP_RUNTIME MSR (hv-runtime)",
        { FLAGS(FEATURES, EAX, HV_VP_RUNTIME_AVAILABLE) },
    },
    [HYPERV_FEAT_SYNIC] = {
        "synthetic interrupt controller (hv-synic)",
        { FLAGS(FEATURES, EAX, HV_SYNIC_AVAILABLE) },
    },
    [HYPERV_FEAT_STIMER] = {
        "synthetic timers (hv-stimer)",
        { FLAGS(FEATURES, EAX, HV_SYNTIMERS_AVAILABLE) },
        .dependencies = BIT(HYPERV_FEAT_SYNIC) | BIT(HYPERV_FEAT_TIME),
    },
    [HYPERV_FEAT_FREQUENCIES] = {
        "frequency MSRs (hv-frequencies)",
        { FLAGS(FEATURES, EAX, HV_ACCESS_FREQUENCY_MSRS),
          FLAGS(FEATURES, EDX, HV_FREQUENCY_MSRS_AVAILABLE) },
    },
    [HYPERV_FEAT_REENLIGHTENMENT] = {
        "reenlightenment MSRs (hv-reenlightenment)",
        { FLAGS(FEATURES, EAX, HV_ACCESS_REENLIGHTENMENTS_CONTROL) },
    },
    [HYPERV_FEAT_TLBFLUSH] = {
        "paravirtualized TLB flush (hv-tlbflush)",
        { FLAGS(ENLIGHTMENT_INFO, EAX, HV_REMOTE_TLB_FLUSH_RECOMMENDED |
                                       HV_EX_PROCESSOR_MASKS_RECOMMENDED) },
        .dependencies = BIT(HYPERV_FEAT_VPINDEX),
    },
    [HYPERV_FEAT_EVMCS] = {
        "enlightened VMCS (hv-evmcs)",
        { FLAGS(ENLIGHTMENT_INFO, EAX, HV_ENLIGHTENED_VMCS_RECOMMENDED) },
        .dependencies = BIT(HYPERV_FEAT_VAPIC),
    },
    [HYPERV_FEAT_IPI] = {
        "paravirtualized IPI (hv-ipi)",
        { FLAGS(ENLIGHTMENT_INFO, EAX, HV_CLUSTER_IPI_RECOMMENDED |
                                       HV_EX_PROCESSOR_MASKS_RECOMMENDED) },
        .dependencies = BIT(HYPERV_FEAT_VPINDEX),
    },
    [HYPERV_FEAT_STIMER_DIRECT] = {
        "direct mode synthetic timers (hv-stimer-direct)",
        { FLAGS(FEATURES, EDX, HV_STIMER_DIRECT_MODE_AVAILABLE) },
        .dependencies = BIT(HYPERV_FEAT_STIMER),
    },
    [HYPERV_FEAT_AVIC] = {
        "AVIC/APICv support (hv-avic/hv-apicv)",
        { FLAGS(ENLIGHTMENT_INFO, EAX, HV_DEPRECATING_AEOI_RECOMMENDED) },
    },
    [HYPERV_FEAT_SYNDBG] = {
        "Enable synthetic kernel debugger channel (hv-syndbg)",
        { FLAGS(FEATURES, EDX, HV_FEATURE_DEBUG_MSRS_AVAILABLE) },
        .dependencies = BIT(HYPERV_FEAT_SYNIC) | BIT(HYPERV_FEAT_RELAXED),
        .skip_passthrough = true,
    },
    [HYPERV_FEAT_MSR_BITMAP] = {
        "enlightened MSR-Bitmap (hv-emsr-bitmap)",
        { FLAGS(NESTED_FEATURES, EAX, HV_NESTED_MSR_BITMAP) },
    },
    [HYPERV_FEAT_XMM_INPUT] = {
        "XMM fast hypercall input (hv-xmm-input)",
        { FLAGS(FEATURES, EDX, HV_HYPERCALL_XMM_INPUT_AVAILABLE) },
    },
    [HYPERV_FEAT_TLBFLUSH_EXT] = {
        "Extended gva ranges for TLB flush hypercalls (hv-tlbflush-ext)",
        { FLAGS(FEATURES, EDX, HV_EXT_GVA_RANGES_FLUSH_AVAILABLE) },
        .dependencies = BIT(HYPERV_FEAT_TLBFLUSH),
    },
    [HYPERV_FEAT_TLBFLUSH_DIRECT] = {
        "direct TLB flush (hv-tlbflush-direct)",
        { FLAGS(NESTED_FEATURES, EAX, HV_NESTED_DIRECT_FLUSH) },
        .dependencies = BIT(HYPERV_FEAT_VAPIC),
    },
};

/**
 * hyperv_feature_bits: bits of a CPUID register that enabled features ask for
 * @cpu: the CPU
 * @func: HV_CPUID_*
 * @reg: R_EAX, R_EBX, R_ECX or R_EDX
 *
 * Return: the bits.
 */
uint32_t hyperv_feature_bits(X86CPU *cpu, uint32_t func, int reg)
{
    uint32_t bits = 0;
    int feat, i;

    for (feat = 0; feat < HYPERV_FEATURE_COUNT; feat++) {
        const HypervFeature *f = &hyperv_feature[feat];

        for (i = 0; i < ARRAY_SIZE(f->flags); i++) {
            if (hyperv_feat_enabled(cpu, feat) && f->flags[i].func == func &&
                f->flags[i].reg == reg) {
                bits |= f->flags[i].bits;
            }
        }
    }
    /* The same register holds the versions of enlightened VMCS. */
    if (func == HV_CPUID_NESTED_FEATURES && reg == R_EAX &&
        hyperv_feat_enabled(cpu, HYPERV_FEAT_EVMCS)) {
        bits |= HYPERV_EVMCS_VERSION;
    }
    return bits;
}

/**
 * hyperv_check_dependencies: does the CPU have what a feature needs?
 * @cpu: the CPU
 * @feature: one of HYPERV_FEAT_*
 * @errp: receives what is missing
 *
 * Return: true if it does.
 */
bool hyperv_check_dependencies(X86CPU *cpu, int feature, Error **errp)
{
    uint64_t missing = hyperv_feature[feature].dependencies &
                       ~cpu->hyperv_features;

    if (missing) {
        error_setg(errp, "Hyper-V %s requires Hyper-V %s",
                   hyperv_feature[feature].desc,
                   hyperv_feature[ctz64(missing)].desc);
    }
    return !missing;
}

/**
 * hyperv_check_synic: does the CPU have what a SynIC in QEMU needs?
 * @cpu: the CPU
 * @errp: receives what is missing
 *
 * Return: true if it does.
 */
bool hyperv_check_synic(X86CPU *cpu, Error **errp)
{
    if (hyperv_feat_enabled(cpu, HYPERV_FEAT_SYNIC) &&
        !cpu->hyperv_synic_kvm_only &&
        !hyperv_feat_enabled(cpu, HYPERV_FEAT_VPINDEX)) {
        error_setg(errp, "Hyper-V %s requires Hyper-V %s",
                   hyperv_feature[HYPERV_FEAT_SYNIC].desc,
                   hyperv_feature[HYPERV_FEAT_VPINDEX].desc);
        return false;
    }
    return true;
}

static void hyperv_cpuid_features(X86CPU *cpu, uint32_t out[4])
{
    out[R_EAX] = hyperv_feature_bits(cpu, HV_CPUID_FEATURES, R_EAX);
    out[R_EBX] = hyperv_feature_bits(cpu, HV_CPUID_FEATURES, R_EBX);
    out[R_EDX] = hyperv_feature_bits(cpu, HV_CPUID_FEATURES, R_EDX);

    /* Part of any enlightenment */
    out[R_EAX] |= HV_HYPERCALL_AVAILABLE;
    /* VMBus devices need these hypercalls. */
    if (hyperv_feat_enabled(cpu, HYPERV_FEAT_SYNIC) &&
        !cpu->hyperv_synic_kvm_only) {
        out[R_EBX] |= HV_POST_MESSAGES | HV_SIGNAL_EVENTS;
    }
    /* Windows adds CPUs at run time with this bit only. */
    out[R_EDX] |= HV_CPU_DYNAMIC_PARTITIONING_AVAILABLE;
}

static void hyperv_cpuid_recommendations(X86CPU *cpu, uint32_t out[4])
{
    out[R_EAX] = hyperv_feature_bits(cpu, HV_CPUID_ENLIGHTMENT_INFO, R_EAX);
    out[R_EBX] = cpu->hyperv_spinlock_attempts;
    if (hyperv_feat_enabled(cpu, HYPERV_FEAT_VAPIC) &&
        !hyperv_feat_enabled(cpu, HYPERV_FEAT_AVIC)) {
        out[R_EAX] |= HV_APIC_ACCESS_RECOMMENDED;
    }
    if (cpu->hyperv_no_nonarch_cs == ON_OFF_AUTO_ON) {
        out[R_EAX] |= HV_NO_NONARCH_CORESHARING;
    }
}

/**
 * hyperv_cpuid_leaf: what a guest reads in one of Hyper-V's CPUID leaves
 * @cpu: the CPU; hv-no-nonarch-coresharing=auto is left to the accelerator
 * @func: HV_CPUID_*; the leaves of the synthetic debugger are not known here
 * @out: receives the registers, by R_*
 *
 * In HV_CPUID_VENDOR_AND_MAX_FUNCTIONS, R_EAX is the highest leaf that the
 * features ask for.
 */
void hyperv_cpuid_leaf(X86CPU *cpu, uint32_t func, uint32_t out[4])
{
    uint32_t nested = hyperv_feature_bits(cpu, HV_CPUID_NESTED_FEATURES,
                                          R_EAX);

    memset(out, 0, 4 * sizeof(*out));
    switch (func) {
    case HV_CPUID_VENDOR_AND_MAX_FUNCTIONS:
        out[R_EAX] = nested ? HV_CPUID_NESTED_FEATURES
                            : HV_CPUID_IMPLEMENT_LIMITS;
        out[R_EBX] = cpu->hyperv_vendor_id[0];
        out[R_ECX] = cpu->hyperv_vendor_id[1];
        out[R_EDX] = cpu->hyperv_vendor_id[2];
        break;
    case HV_CPUID_INTERFACE:
        out[R_EAX] = cpu->hyperv_interface_id[0];
        out[R_EBX] = cpu->hyperv_interface_id[1];
        out[R_ECX] = cpu->hyperv_interface_id[2];
        out[R_EDX] = cpu->hyperv_interface_id[3];
        break;
    case HV_CPUID_VERSION:
        out[R_EAX] = cpu->hyperv_ver_id_build;
        out[R_EBX] = (uint32_t)cpu->hyperv_ver_id_major << 16 |
                     cpu->hyperv_ver_id_minor;
        out[R_ECX] = cpu->hyperv_ver_id_sp;
        out[R_EDX] = (uint32_t)cpu->hyperv_ver_id_sb << 24 |
                     (cpu->hyperv_ver_id_sn & 0xffffff);
        break;
    case HV_CPUID_FEATURES:
        hyperv_cpuid_features(cpu, out);
        break;
    case HV_CPUID_ENLIGHTMENT_INFO:
        hyperv_cpuid_recommendations(cpu, out);
        break;
    case HV_CPUID_IMPLEMENT_LIMITS:
        out[R_EAX] = cpu->hv_max_vps;
        out[R_EBX] = cpu->hyperv_limits[0];
        out[R_ECX] = cpu->hyperv_limits[1];
        out[R_EDX] = cpu->hyperv_limits[2];
        break;
    case HV_CPUID_NESTED_FEATURES:
        out[R_EAX] = nested;
        break;
    }
}

/*
 * Hyper-V's interface under TCG: features, CPUID, life of a CPU
 *
 * The files in this directory implement some of the hv-* properties.  Any
 * other one is an error, so that none is silently ignored.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "hw/boards.h"
#include "hw/hyperv/hyperv.h"
#include "migration/blocker.h"
#include "cvm-emu.h"
#include "hyperv-features.h"
#include "hyperv-internal.h"

/* Leaf and bits that an isolated guest looks at (TLFS, "Isolation"). */
#define HV_CPUID_ISOLATION_CONFIG    0x4000000c
#define HV_ISOLATION                 (1u << 22)
#define HV_ISOLATION_TYPE_VBS        1
#define HV_SHARED_BOUNDARY_ACTIVE    (1u << 5)
#define HV_SHARED_BOUNDARY_BITS(n)   ((n) << 6)

#define SUPPORTED (BIT(HYPERV_FEAT_RELAXED) | BIT(HYPERV_FEAT_TIME) | \
                   BIT(HYPERV_FEAT_CRASH) | BIT(HYPERV_FEAT_RESET) | \
                   BIT(HYPERV_FEAT_VPINDEX) | BIT(HYPERV_FEAT_SYNIC) | \
                   BIT(HYPERV_FEAT_AVIC))

bool hyperv_tcg;
HvPartition hv_partition;
static HvVp *hv_vps;            /* by CPU index */
static uint64_t hv_features;    /* the same for all CPUs */
static Error *hv_migration_blocker;

HvVp *hv_vp(CPUState *cs)
{
    return &hv_vps[cs->cpu_index];
}

static bool hv_check_features(X86CPU *cpu, Error **errp)
{
    uint64_t unsupported = cpu->hyperv_features & ~SUPPORTED;
    int feat;

    if (cpu->hyperv_passthrough) {
        error_setg(errp, "hv-passthrough is not supported by TCG; name the "
                   "hv-* features to enable");
        return false;
    }
    if (cpu->hyperv_no_nonarch_cs != ON_OFF_AUTO_OFF) {
        error_setg(errp, "hv-no-nonarch-coresharing is not supported by TCG");
        return false;
    }
    if (unsupported) {
        error_setg(errp, "Hyper-V %s is not supported by TCG",
                   hyperv_feature[ctz64(unsupported)].desc);
        return false;
    }
    for (feat = 0; feat < HYPERV_FEATURE_COUNT; feat++) {
        if (hyperv_feat_enabled(cpu, feat) &&
            !hyperv_check_dependencies(cpu, feat, errp)) {
            return false;
        }
    }
    if (cpu->hyperv_synic_kvm_only) {
        error_setg(errp, "x-hv-synic-kvm-only=on needs KVM");
        return false;
    }
    return hyperv_check_synic(cpu, errp);
}

/* Called for the first CPU, whose properties decide for all. */
static bool hv_init(X86CPU *cpu, Error **errp)
{
    MachineState *ms = MACHINE(qdev_get_machine());

    error_setg(&hv_migration_blocker,
               "Hyper-V features under TCG: their state cannot be migrated");
    if (migrate_add_blocker(&hv_migration_blocker, errp) < 0) {
        return false;
    }
    hv_features = cpu->hyperv_features;
    hv_vps = g_new0(HvVp, ms->smp.max_cpus);
    hv_synic_init();
    hyperv_tcg = true;
    return true;
}

/**
 * hyperv_tcg_realize: give a CPU what its hv-* properties ask for
 * @cpu: CPU being realized, its properties and index are final
 * @errp: receives what is wrong with them
 *
 * Return: false on error.
 */
bool hyperv_tcg_realize(X86CPU *cpu, Error **errp)
{
    static bool first = true;

    if (first) {
        first = false;
        if (hyperv_wanted(cpu) &&
            (!hv_check_features(cpu, errp) || !hv_init(cpu, errp))) {
            return false;
        }
    }
    if (!hyperv_tcg && !hyperv_wanted(cpu)) {
        return true;
    }
    if (!hyperv_tcg || cpu->hyperv_features != hv_features) {
        error_setg(errp, "all CPUs need the same hv-* features under TCG");
        return false;
    }
    if (hyperv_feat_enabled(cpu, HYPERV_FEAT_SYNIC)) {
        hyperv_synic_add(CPU(cpu));
    }
    hv_synic_reset_vp(cpu);
    return true;
}

void hyperv_tcg_reset__slow(X86CPU *cpu)
{
    memset(&hv_partition, 0, sizeof(hv_partition));
    memset(hv_vp(CPU(cpu)), 0, sizeof(HvVp));
    hv_synic_reset_vp(cpu);
    if (hyperv_feat_enabled(cpu, HYPERV_FEAT_SYNIC)) {
        hyperv_synic_reset(CPU(cpu));
    }
}

void hyperv_tcg_cpuid__slow(X86CPU *cpu, uint32_t leaf, uint32_t *eax,
                            uint32_t *ebx, uint32_t *ecx, uint32_t *edx)
{
    uint32_t out[4];

    hyperv_cpuid_leaf(cpu, leaf, out);
    switch (leaf) {
    case HV_CPUID_ENLIGHTMENT_INFO:
        /* The SynIC has no automatic EOI. */
        if (hyperv_feat_enabled(cpu, HYPERV_FEAT_SYNIC)) {
            out[R_EAX] |= HV_DEPRECATING_AEOI_RECOMMENDED;
        }
        break;
    case HV_CPUID_VENDOR_AND_MAX_FUNCTIONS:
        if (cvm_emu_vbs) {
            out[R_EAX] = HV_CPUID_ISOLATION_CONFIG;
        }
        break;
    case HV_CPUID_FEATURES:
        if (cvm_emu_vbs) {
            out[R_EBX] |= HV_ISOLATION;
        }
        break;
    case HV_CPUID_ISOLATION_CONFIG:
        if (cvm_emu_vbs) {
            out[R_EBX] = HV_ISOLATION_TYPE_VBS | HV_SHARED_BOUNDARY_ACTIVE |
                         HV_SHARED_BOUNDARY_BITS(ctz64(cvm_emu_addr_bit));
        }
        break;
    }
    *eax = out[R_EAX];
    *ebx = out[R_EBX];
    *ecx = out[R_ECX];
    *edx = out[R_EDX];
}

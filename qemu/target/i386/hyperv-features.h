/*
 * Hyper-V enlightenments: what the hv-* properties of a CPU stand for
 *
 * Common to the accelerators that offer them.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef I386_HYPERV_FEATURES_H
#define I386_HYPERV_FEATURES_H

#include "cpu.h"

/* Highest and lowest version of enlightened VMCS that hv-evmcs stands for. */
#define HYPERV_EVMCS_VERSION ((1 << 8) | 1)
#define HYPERV_FEATURE_COUNT (HYPERV_FEAT_TLBFLUSH_DIRECT + 1)

/**
 * struct HypervFeature: one of HYPERV_FEAT_*
 * @desc: what users call it
 * @flags: CPUID bits that the guest sees; @func is 0 in an unused entry
 * @dependencies: bitmap of features without which it makes no sense
 * @skip_passthrough: not for hv-passthrough
 */
typedef struct HypervFeature {
    const char *desc;
    struct {
        uint32_t func;
        int reg;
        uint32_t bits;
    } flags[2];
    uint64_t dependencies;
    bool skip_passthrough;
} HypervFeature;

/**
 * hyperv_wanted: did the user ask for Hyper-V enlightenments?
 * @cpu: the CPU, its properties are set
 */
static inline bool hyperv_wanted(X86CPU *cpu)
{
    return cpu->hyperv_features || cpu->hyperv_passthrough ||
           cpu->hyperv_spinlock_attempts != HYPERV_SPINLOCK_NEVER_NOTIFY;
}

extern const HypervFeature hyperv_feature[HYPERV_FEATURE_COUNT];

uint32_t hyperv_feature_bits(X86CPU *cpu, uint32_t func, int reg);
bool hyperv_check_dependencies(X86CPU *cpu, int feature, Error **errp);
bool hyperv_check_synic(X86CPU *cpu, Error **errp);
void hyperv_cpuid_leaf(X86CPU *cpu, uint32_t func, uint32_t out[4]);

#endif

/*
 * Hyper-V's interface under TCG: hooks for the x86 CPU
 *
 * Without KVM, the hv-* properties of a CPU turn QEMU itself into the
 * hypervisor that a guest with Hyper-V enlightenments expects.  Each hook is
 * an inline test of a global.  The global is set when the first CPU is realized
 * and never changes afterwards.  Builds without 64-bit system emulation get
 * stubs.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef I386_HYPERV_TCG_H
#define I386_HYPERV_TCG_H

#include "cpu.h"

/* Synthetic MSRs: all of them, known or not (TLFS, appendix "MSRs"). */
#define HYPERV_TCG_MSR_FIRST 0x40000000
#define HYPERV_TCG_MSR_LAST  0x4000ffff

#if !defined(CONFIG_USER_ONLY) && defined(CONFIG_TCG) && defined(TARGET_X86_64)

/* The CPUs show Hyper-V's interface. */
extern bool hyperv_tcg;

bool hyperv_tcg_realize(X86CPU *cpu, Error **errp);
void hyperv_tcg_cpuid__slow(X86CPU *cpu, uint32_t leaf, uint32_t *eax,
                            uint32_t *ebx, uint32_t *ecx, uint32_t *edx);
bool hyperv_tcg_rdmsr__slow(CPUX86State *env, uint32_t msr, uint64_t *value);
bool hyperv_tcg_wrmsr__slow(CPUX86State *env, uint32_t msr, uint64_t value);
void hyperv_tcg_hypercall(CPUX86State *env);
void hyperv_tcg_reset__slow(X86CPU *cpu);

/**
 * hyperv_tcg_cpuid: answer CPUID leaves 4000_0000h to 4000_FFFFh
 * @cpu: the CPU
 * @leaf: CPUID leaf
 * @eax: result
 * @ebx: result
 * @ecx: result
 * @edx: result
 *
 * Return: true if @leaf is one of them, and the interface is there.
 */
static inline bool hyperv_tcg_cpuid(X86CPU *cpu, uint32_t leaf, uint32_t *eax,
                                    uint32_t *ebx, uint32_t *ecx,
                                    uint32_t *edx)
{
    if (!hyperv_tcg || leaf >> 16 != HV_CPUID_VENDOR_AND_MAX_FUNCTIONS >> 16) {
        return false;
    }
    hyperv_tcg_cpuid__slow(cpu, leaf, eax, ebx, ecx, edx);
    return true;
}

/**
 * hyperv_tcg_rdmsr: read a synthetic MSR
 * @env: the CPU, in a helper that may read the clock
 * @msr: HYPERV_TCG_MSR_FIRST to HYPERV_TCG_MSR_LAST
 * @value: receives the value; 0 without the interface
 *
 * Return: false to raise #GP.
 */
static inline bool hyperv_tcg_rdmsr(CPUX86State *env, uint32_t msr,
                                    uint64_t *value)
{
    *value = 0;
    return !hyperv_tcg || hyperv_tcg_rdmsr__slow(env, msr, value);
}

/**
 * hyperv_tcg_wrmsr: write a synthetic MSR
 * @env: the CPU, in a helper that ends its TB, without the BQL
 * @msr: HYPERV_TCG_MSR_FIRST to HYPERV_TCG_MSR_LAST
 * @value: the value; ignored without the interface
 *
 * Return: false to raise #GP.
 */
static inline bool hyperv_tcg_wrmsr(CPUX86State *env, uint32_t msr,
                                    uint64_t value)
{
    return !hyperv_tcg || hyperv_tcg_wrmsr__slow(env, msr, value);
}

/**
 * hyperv_tcg_reset: the machine is being reset
 * @cpu: a CPU; all devices have been reset
 */
static inline void hyperv_tcg_reset(X86CPU *cpu)
{
    if (hyperv_tcg) {
        hyperv_tcg_reset__slow(cpu);
    }
}

#else

#define hyperv_tcg false

static inline bool hyperv_tcg_cpuid(X86CPU *cpu, uint32_t leaf, uint32_t *eax,
                                    uint32_t *ebx, uint32_t *ecx,
                                    uint32_t *edx)
{
    return false;
}

static inline bool hyperv_tcg_rdmsr(CPUX86State *env, uint32_t msr,
                                    uint64_t *value)
{
    *value = 0;
    return true;
}

static inline bool hyperv_tcg_wrmsr(CPUX86State *env, uint32_t msr,
                                    uint64_t value)
{
    return true;
}

static inline void hyperv_tcg_hypercall(CPUX86State *env)
{
}

static inline void hyperv_tcg_reset(X86CPU *cpu)
{
}

#ifndef CONFIG_USER_ONLY
bool hyperv_tcg_realize(X86CPU *cpu, Error **errp);
#endif

#endif
#endif

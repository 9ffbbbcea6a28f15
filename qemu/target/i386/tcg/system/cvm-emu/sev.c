/*
 * Emulated confidential guests: the interface of SEV under KVM
 *
 * Features and levels: AMD APM volume 3, CPUID Fn8000_001F, and volume 2,
 * 15.34.  Hypercalls: Linux, Documentation/virt/kvm/x86/cpuid.rst and
 * hypercalls.rst.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qemu/error-report.h"
#include "hw/boards.h"
#include "hw/core/cpu.h"
#include "cvm-emu-internal.h"
#include "trace.h"

#define HV_SIGNATURE           0x40000000
#define HV_FEATURES            0x40000001
#define HV_FEATURE_MAP_GPA     (1 << 16)
#define HV_FEATURE_MIGRATION   (1 << 17)
#define HC_MAP_GPA_RANGE       12
#define HC_MAP_GPA_ENCRYPTED   (1 << 4)
#define HC_ENOSYS              1000
#define HC_EPERM               1
#define HC_EFAULT              14
#define HC_EINVAL              22

#define CPUID_SEV       0x8000001f
#define CPUID_SEV_SEV   (1 << 1)
#define CPUID_TDX       0x21

/* Answer the leaves of SEV and TDX; hyperv-tcg.h has those of Hyper-V. */
bool cvm_emu_cpuid__slow(uint32_t leaf, uint32_t *eax, uint32_t *ebx,
                         uint32_t *ecx, uint32_t *edx)
{
    uint32_t out[4] = {};

    if (cvm_emu_vbs) {
        return false;
    }
    if (cvm_emu_tdx) {
        if (leaf != CPUID_TDX) {
            return false;
        }
        memcpy(&out[1], "Inte", 4);
        memcpy(&out[3], "lTDX", 4);
        memcpy(&out[2], "    ", 4);
    } else {
        switch (leaf) {
        case HV_SIGNATURE:
            out[0] = HV_FEATURES;
            memcpy(&out[1], "KVMKVMKVM\0\0\0", 12);
            break;
        case HV_FEATURES:
            out[0] = HV_FEATURE_MAP_GPA |
                     HV_FEATURE_MIGRATION;
            break;
        case CPUID_SEV:
            out[0] = CPUID_SEV_SEV;
            out[1] = cvm_emu->cbitpos | 1 << 6;
            break;
        default:
            return false;
        }
    }
    *eax = out[0];
    *ebx = out[1];
    *ecx = out[2];
    *edx = out[3];
    return true;
}

/* Offer no nested guests: their page tables would bypass all checks. */
void cvm_emu_cpu_features__slow(X86CPU *cpu)
{
    CPUX86State *env = &cpu->env;

    env->features[FEAT_8000_0001_ECX] &= ~CPUID_EXT3_SVM;
    env->features[FEAT_1_ECX] &= ~CPUID_EXT_VMX;
    if (cvm_emu_sev) {
        env->cpuid_min_xlevel = MAX(env->cpuid_min_xlevel, CPUID_SEV);
    } else if (cvm_emu_tdx) {
        env->cpuid_min_level = MAX(env->cpuid_min_level, CPUID_TDX);
    }
}

static bool cvm_emu_check_vendor(X86CPU *cpu, Error **errp)
{
    CPUX86State *env = &cpu->env;
    bool amd = env->cpuid_vendor1 == CPUID_VENDOR_AMD_1 &&
               env->cpuid_vendor2 == CPUID_VENDOR_AMD_2 &&
               env->cpuid_vendor3 == CPUID_VENDOR_AMD_3;
    bool intel = IS_INTEL_CPU(env);

    if (cvm_emu_sev && !amd) {
        error_setg(errp, "cvm-emu: kind=sev needs a CPU of vendor "
                   "AuthenticAMD; use -cpu EPYC");
        return false;
    }
    if (cvm_emu_tdx && !intel) {
        error_setg(errp, "cvm-emu: kind=tdx needs a CPU of vendor "
                   "GenuineIntel; use -cpu max,vendor=GenuineIntel");
        return false;
    }
    return true;
}

bool cvm_emu_check_cpu__slow(X86CPU *cpu, Error **errp)
{
    CPUX86State *env = &cpu->env;
    int bit = ctz64(cvm_emu_addr_bit);
    uint32_t level = cvm_emu_sev ? env->cpuid_xlevel : env->cpuid_level;
    uint32_t need = cvm_emu_sev ? CPUID_SEV : cvm_emu_tdx ? CPUID_TDX : 1;

    if (MACHINE(qdev_get_machine())->cgs !=
        CONFIDENTIAL_GUEST_SUPPORT(cvm_emu)) {
        /* cvm_emu_machine_done() reports this with the object's id. */
        return true;
    }
    if (!cvm_emu_check_vendor(cpu, errp)) {
        return false;
    }
    if (!(env->features[FEAT_8000_0001_EDX] & CPUID_EXT2_LM)) {
        error_setg(errp, "cvm-emu: the CPU needs long mode (feature lm)");
        return false;
    }
    /* Linux verifies the C-bit with random numbers. */
    if (cvm_emu_sev && !(env->features[FEAT_1_ECX] & CPUID_EXT_RDRAND)) {
        error_setg(errp, "cvm-emu: kind=sev needs feature rdrand");
        return false;
    }
    if (cvm_emu_vbs && !hyperv_feat_enabled(cpu, HYPERV_FEAT_SYNIC)) {
        error_setg(errp, "cvm-emu: kind=hyperv-vbs needs Hyper-V's interface; "
                   "add hv-vpindex,hv-synic to -cpu");
        return false;
    }
    if (level < need) {
        error_setg(errp, "cvm-emu: CPUID level 0x%x is too low, 0x%x is "
                   "needed; leave level and xlevel alone", level, need);
        return false;
    }
    if (cpu->phys_bits > bit) {
        error_setg(errp, "cvm-emu: phys-bits=%u overlaps with bit %d of the "
                   "address, which tells private from shared",
                   cpu->phys_bits, bit);
        return false;
    }
    return true;
}

static int64_t cvm_emu_map_gpa_range(CPUX86State *env)
{
    target_ulong *r = env->regs;
    uint64_t done;

    switch (cvm_emu_convert(cvm_emu, env_cpu(env), r[R_EBX], r[R_ECX],
                            !(r[R_EDX] & HC_MAP_GPA_ENCRYPTED), &done)) {
    case CVM_EMU_OK:
        return 0;
    case CVM_EMU_FAILED:
        return -HC_EFAULT;
    default:
        return -HC_EINVAL;
    }
}

/* VMMCALL; the translator ends the TB after it. */
void cvm_emu_vmmcall(CPUX86State *env)
{
    CvmEmu *s = cvm_emu;
    uint64_t nr = env->regs[R_EAX];
    int64_t ret;

    WITH_QEMU_LOCK_GUARD(&s->lock) {
        s->hypercalls.total++;
    }
    if (env->hflags & HF_CPL_MASK) {
        ret = -HC_EPERM;
    } else if (nr == HC_MAP_GPA_RANGE && s->launched) {
        ret = cvm_emu_map_gpa_range(env);
    } else {
        ret = -HC_ENOSYS;
    }
    trace_cvm_emu_vmmcall(env_cpu(env)->cpu_index, nr, env->regs[R_EBX],
                          env->regs[R_ECX], env->regs[R_EDX], ret);
    env->regs[R_EAX] = ret;
}

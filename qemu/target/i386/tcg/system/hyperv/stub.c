/*
 * Hyper-V's interface under TCG: for binaries that do not have it
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "hyperv-features.h"
#include "hyperv-tcg.h"

bool hyperv_tcg_realize(X86CPU *cpu, Error **errp)
{
    if (hyperv_wanted(cpu)) {
        error_setg(errp, "hv-* features under TCG need a 64-bit target that "
                   "is built with CONFIG_HYPERV");
        return false;
    }
    return true;
}

#ifndef hyperv_tcg
bool hyperv_tcg;

void hyperv_tcg_cpuid__slow(X86CPU *cpu, uint32_t leaf, uint32_t *eax,
                            uint32_t *ebx, uint32_t *ecx, uint32_t *edx)
{
    g_assert_not_reached();
}

bool hyperv_tcg_rdmsr__slow(CPUX86State *env, uint32_t msr, uint64_t *value)
{
    g_assert_not_reached();
}

bool hyperv_tcg_wrmsr__slow(CPUX86State *env, uint32_t msr, uint64_t value)
{
    g_assert_not_reached();
}

void hyperv_tcg_hypercall(CPUX86State *env)
{
    g_assert_not_reached();
}

void hyperv_tcg_reset__slow(X86CPU *cpu)
{
    g_assert_not_reached();
}
#endif

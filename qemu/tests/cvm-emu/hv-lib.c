/*
 * The bare guest: hypercalls of Hyper-V
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "hv.h"

void cpuid(uint32_t leaf, uint32_t out[4])
{
    asm volatile("cpuid" : "=a"(out[0]), "=b"(out[1]), "=c"(out[2]),
                 "=d"(out[3]) : "a"(leaf), "c"(0));
}

uint64_t rdmsr(uint32_t msr)
{
    uint32_t low, high;

    asm volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr));
    return low | (uint64_t)high << 32;
}

void wrmsr(uint32_t msr, uint64_t value)
{
    asm volatile("wrmsr" : : "c"(msr), "a"((uint32_t)value),
                 "d"((uint32_t)(value >> 32)) : "memory");
}

/* As Linux does: an identity, and a page to call. */
static void enable_hypercalls(void)
{
    if (!(rdmsr(HV_HYPERCALL) & 1)) {
        wrmsr(HV_GUEST_OS_ID, 0x8100000000000000ULL);
        wrmsr(HV_HYPERCALL, HV_CALL_PAGE | 1);
    }
}

uint64_t hypercall(uint64_t control, uint64_t input)
{
    register uint64_t r8 asm("r8") = 0;
    uint64_t result;

    enable_hypercalls();
    asm volatile("call *%[page]"
                 : "=a"(result), "+c"(control), "+d"(input), "+r"(r8)
                 : [page] "r"(HV_CALL_PAGE)
                 : "cc", "memory", "r9", "r10", "r11");
    return result;
}

mem_visibility *visibility_input(bool to_shared)
{
    mem_visibility *in =
        (mem_visibility *)private_view(HV_INPUT);

    in->partition = ~0ULL;
    in->visibility = to_shared ? 3 : 0;
    in->reserved = 0;
    return in;
}

/* Make as many calls as needed; set R11 as for a TDX guest. */
uint64_t hv_request(uint64_t gpa, uint64_t pages, bool to_shared)
{
    mem_visibility *in = visibility_input(to_shared);
    uint64_t result, n, i, done = 0;

    do {
        n = pages - done < HV_MAX_REPS ? pages - done : HV_MAX_REPS;
        for (i = 0; i < n; i++) {
            in->pfn[i] = gpa / PAGE + done + i;
        }
        result = hypercall(HV_VISIBILITY | HV_REPS(n, 0), HV_INPUT);
        done += REPS_DONE(result);
        vmcall_r11 = (gpa + done * PAGE) | (to_shared ? 1ULL << bit : 0);
    } while (!STATUS(result) && REPS_DONE(result) == n && done < pages);
    if (STATUS(result)) {
        return STATUS(result);
    }
    return done < pages;
}

void expect(uint64_t have, uint64_t want, const char *what)
{
    check(have == want, what);
    if (have != want) {
        print_hex("  have", have);
        print_hex("  want", want);
    }
}

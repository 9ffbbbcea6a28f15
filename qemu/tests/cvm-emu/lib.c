/*
 * The bare guest: hypercalls, requests, memory
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "guest.h"

uint64_t vmcall_r11;

bool is_sev(void)
{
    return private_high;
}

bool is_hyperv(void)
{
    return hyperv;
}

uint64_t vmmcall(uint64_t nr, uint64_t a, uint64_t b, uint64_t c)
{
    asm volatile("vmmcall" : "+a"(nr) : "b"(a), "c"(b), "d"(c) : "memory");
    return nr;
}

uint64_t tdcall(uint64_t leaf, uint64_t rcx, uint64_t rdx)
{
    register uint64_t r8 asm("r8") = 0;
    register uint64_t r9 asm("r9") = 0;

    asm volatile(".byte 0x66, 0x0f, 0x01, 0xcc"
                 : "+a"(leaf), "+c"(rcx), "+d"(rdx), "+r"(r8), "+r"(r9)
                 : : "r10", "r11", "r12", "r13", "r14", "memory");
    return leaf;
}

uint64_t tdvmcall(uint64_t function, uint64_t a, uint64_t b)
{
    uint64_t rax = 0, rcx = 0xfc00;
    register uint64_t r10 asm("r10") = 0;
    register uint64_t r11 asm("r11") = function;
    register uint64_t r12 asm("r12") = a;
    register uint64_t r13 asm("r13") = b;

    asm volatile(".byte 0x66, 0x0f, 0x01, 0xcc"
                 : "+a"(rax), "+c"(rcx), "+r"(r10), "+r"(r11), "+r"(r12),
                   "+r"(r13)
                 : : "r14", "r15", "memory");
    vmcall_r11 = r11;
    return rax ? rax : r10;
}

uint64_t request(uint64_t gpa, uint64_t pages, bool to_shared)
{
    if (is_sev()) {
        return vmmcall(12, gpa, pages, to_shared ? 0 : 16);
    }
    if (is_hyperv()) {
        return hv_request(gpa, pages, to_shared);
    }
    return tdvmcall(0x10001, gpa | (to_shared ? 1ULL << bit : 0),
                    pages * PAGE);
}

uint64_t accept(uint64_t gpa, unsigned level)
{
    return tdcall(6, gpa | level, 0);
}

void to_shared(uint64_t gpa, uint64_t pages)
{
    check(request(gpa, pages, true) == 0, "request to share");
}

void to_private(uint64_t gpa, uint64_t pages)
{
    check(request(gpa, pages, false) == 0, "request to make private");
    if (is_sev() || is_hyperv()) {
        return;
    }
    for (uint64_t i = 0; i < pages; i++) {
        check(accept(gpa + i * PAGE, 0) == 0, "accept");
    }
}

bool all_bytes(mem_u8 *p, uint64_t n, uint8_t byte)
{
    while (n--) {
        if (*p++ != byte) {
            return false;
        }
    }
    return true;
}

/* What Linux does first under SEV: one declaration; 128 MiB of RAM. */
void declare_memory(void)
{
    if (!is_sev()) {
        return;
    }
    request(1 << 20, (127 << 20) / PAGE, false);
    /* A plain conversion ends the early phase. */
    request(ARENA - FRAME, 1, true);
}

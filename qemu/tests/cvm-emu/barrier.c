/*
 * The bare guest: instructions that order memory accesses
 *
 * The runner checks the code that the translator generates for each.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "guest.h"

/* Called, so that a translation block starts at the first one. */
asm("barriers_start:\n"
    "barriers_plain:      addl $1, (%rdi)\n"
    "barriers_add:        lock addl $1, (%rdi)\n"
    "barriers_xadd:       lock xaddq %rax, (%rdi)\n"
    "barriers_bts:        lock btsl $9, (%rdi)\n"
    "barriers_xchg:       xchgl %eax, 8(%rdi)\n"
    "barriers_cmpxchg:    lock cmpxchgl %ecx, (%rdi)\n"
    "barriers_cmpxchg16b: lock cmpxchg16b (%rdi)\n"
    "barriers_end:        ret\n");

void case_barriers(void)
{
    static uint64_t memory[2] __attribute__((aligned(16)));
    uint64_t rax = 4, rdx = 0, rbx = 7, rcx = 5;

    asm volatile("call barriers_start"
                 : "+a"(rax), "+d"(rdx), "+b"(rbx), "+c"(rcx)
                 : "D"(memory) : "memory", "cc");
    /* 1 and 1 and 4, bit 9; 2 goes, 0 comes; what is compared differs */
    check(memory[0] == 0x206 && memory[1] == 2 && rax == 0x206 && rdx == 2,
          "the operations do what they should");
    print_hex("start", (uint64_t)barriers_start);
    print_hex("plain", (uint64_t)barriers_plain);
    print_hex("add", (uint64_t)barriers_add);
    print_hex("xadd", (uint64_t)barriers_xadd);
    print_hex("bts", (uint64_t)barriers_bts);
    print_hex("xchg", (uint64_t)barriers_xchg);
    print_hex("cmpxchg", (uint64_t)barriers_cmpxchg);
    print_hex("cmpxchg16b", (uint64_t)barriers_cmpxchg16b);
    print_hex("end", (uint64_t)barriers_end);
}

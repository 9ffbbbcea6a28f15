/*
 * The bare guest: instructions that may fault, and interrupts
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "hv.h"

#define UD 6
#define GP 13
#define USER_CODE  (ARENA + FRAME)
#define USER_STACK (USER_CODE + PAGE)

struct gate {
    uint16_t low;
    uint16_t selector;
    uint16_t flags;
    uint16_t middle;
    uint32_t high;
    uint32_t zero;
};

/* Where to go on, with which stack, and what happened. */
uint64_t trap_rip, trap_rsp;
volatile uint64_t trap_vector;      /* the handlers below write it */

static struct gate idt[256];

/*
 * After a fault, resume at trap_rip, always in 64-bit mode at CPL 0.
 */
asm(".text\n"
    "trap_gp: movq $13, trap_vector\n"
    "    jmp 1f\n"
    "trap_ud: movq $6, trap_vector\n"
    "1:  mov trap_rsp, %rsp\n"
    "    push $16\n"
    "    push trap_rsp\n"
    "    push $2\n"
    "    push $8\n"
    "    push trap_rip\n"
    "    iretq\n");

static void set_gate(int vector, uint64_t handler)
{
    idt[vector] = (struct gate) {
        .low = handler, .selector = 8, .flags = 0x8e00,
        .middle = handler >> 16, .high = handler >> 32,
    };
}

static void load_idt(void)
{
    struct { uint16_t limit; uint64_t base; } __attribute__((packed)) idtr = {
        sizeof(idt) - 1, (uint64_t)idt,
    };

    set_gate(UD, (uint64_t)trap_ud);
    set_gate(GP, (uint64_t)trap_gp);
    asm volatile("lidt %0" : : "m"(idtr));
}

/* @handler has attribute interrupt. */
void set_handler(int vector, void (*handler)(void *frame))
{
    load_idt();
    set_gate(vector, (uint64_t)handler);
}

#define TRY(insn, ...)                                              \
    do {                                                            \
        load_idt();                                                 \
        trap_vector = 0;                                            \
        asm volatile("lea 1f(%%rip), %%r9\n\t"                      \
                     "mov %%r9, trap_rip\n\t"                       \
                     "mov %%rsp, trap_rsp\n\t"                      \
                     insn "\n"                                      \
                     "1:" : __VA_ARGS__                             \
                     : "r9", "r10", "r11", "cc", "memory");         \
    } while (0)

int try_rdmsr(uint32_t msr, uint64_t *value)
{
    uint32_t low = 0, high = 0;

    TRY("rdmsr", "+a"(low), "+d"(high) : "c"(msr));
    *value = low | (uint64_t)high << 32;
    return trap_vector;
}

int try_wrmsr(uint32_t msr, uint64_t value)
{
    TRY("wrmsr", : "c"(msr), "a"((uint32_t)value),
        "d"((uint32_t)(value >> 32)));
    return trap_vector;
}

int try_hypercall(bool vmcall, uint64_t control, uint64_t input,
                  uint64_t *result)
{
    uint64_t rax = 0;

    if (vmcall) {
        TRY("vmcall", "+a"(rax), "+c"(control), "+d"(input) : );
    } else {
        TRY("vmmcall", "+a"(rax), "+c"(control), "+d"(input) : );
    }
    *result = rax;
    return trap_vector;
}

/* Segments and a TSS, for CPL 3 and the way back. */
static void load_user_gdt(void)
{
    static struct { uint16_t limit; uint64_t base; } __attribute__((packed))
        gdtr;
    uint64_t base = (uint64_t)tss;

    user_gdt[4] = 0x0000890000000067ULL | (base & 0xffffff) << 16 |
                  (base >> 24 & 0xff) << 56;
    *(uint64_t *)(tss + 1) = trap_rsp;
    gdtr.limit = 8 * 8 - 1;
    gdtr.base = (uint64_t)user_gdt;
    asm volatile("lgdt %0; ltr %w1" : : "m"(gdtr), "r"(4 * 8));
}

asm(".data\n.align 16\n"
    "user_gdt: .quad 0, 0x00af9b000000ffff, 0x00cf93000000ffff, 0\n"
    "    .quad 0, 0, 0x00affb000000ffff, 0x00cff3000000ffff\n"
    "tss: .skip 104\n.text\n");

/* The code is at CPL 3 in a page of its own. */
int try_user_hypercall(bool vmcall)
{
    static uint8_t boot_stack[4096] __attribute__((aligned(16)));

    private_view(USER_CODE)[0] = 0x0f;
    private_view(USER_CODE)[1] = 0x01;
    private_view(USER_CODE)[2] = vmcall ? 0xc1 : 0xd9;
    private_view(USER_CODE)[3] = 0xf4;      /* HLT: #GP at CPL 3 */
    low_private[USER_CODE / FRAME] |= 4;
    asm volatile("mov %%cr3, %%rax; mov %%rax, %%cr3" : : : "rax", "memory");
    trap_rsp = (uint64_t)boot_stack + sizeof(boot_stack);
    load_user_gdt();
    TRY("push $7 * 8 + 3\n\t"
        "push %[stack]\n\t"
        "push $2\n\t"
        "push $6 * 8 + 3\n\t"
        "push %[code]\n\t"
        "iretq", : [stack] "r"(USER_STACK), [code] "r"(USER_CODE));
    return trap_vector;
}

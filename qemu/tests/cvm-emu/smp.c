/*
 * The bare guest: a second CPU, and halting
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "guest.h"

/* In a private mapping, as Linux does under TDX. */
#define APIC (SHARED_VIEW + 0xfee00000ULL)
#define APIC_EOI      0x0b0
#define APIC_SPURIOUS 0x0f0
#define APIC_ICR_LOW  0x300
#define APIC_ICR_HIGH 0x310
#define APIC_TIMER    0x320
#define APIC_INITIAL  0x380
#define APIC_CURRENT  0x390
#define APIC_DIVIDE   0x3e0

static mem_int ap_step;
static mem_u8 ap_value;

static mem_u32 *apic(int reg)
{
    return (mem_u32 *)(APIC + reg);
}

static void spin(long n)
{
    while (n--) {
        asm volatile("pause");
    }
}

static void wait_for(mem_int *p, int v)
{
    while (*p != v) {
        asm volatile("pause");
    }
}

void start_ap(void)
{
    for (int i = 0; i < ap_end - ap_start; i++) {
        private_view(0x8000)[i] = ap_start[i];
    }
    *apic(APIC_SPURIOUS) = 0x1ff;
    *apic(APIC_ICR_LOW) = 0xc4500;
    spin(1000000);
    *apic(APIC_ICR_LOW) = 0xc4608;
}

/* Reads a page before and after the other CPU converts it. */
void ap_main(void)
{
    mem_u8 *p = private_view(ARENA);

    for (int i = 0; i < 100; i++) {
        ap_value = *p;
    }
    ap_step = 1;
    wait_for(&ap_step, 2);
    ap_value = *p;
    ap_step = 3;
}

/* A TLB entry of another CPU must not outlive the conversion. */
void case_smp(void)
{
    declare_memory();
    *private_view(ARENA) = 1;
    start_ap();
    wait_for(&ap_step, 1);
    check(ap_value == 1, "second CPU reads private memory");
    to_shared(ARENA, 1);
    ap_step = 2;
    wait_for(&ap_step, 3);
}

/* HLT by TDG.VP.VMCALL with interrupts off wakes for an interrupt. */
void case_halt(void)
{
    /* Mask the PICs, whose timer firmware left on. */
    outb(0x21, 0xff);
    outb(0xa1, 0xff);
    *apic(APIC_SPURIOUS) = 0x1ff;
    *apic(APIC_DIVIDE) = 3;
    *apic(APIC_TIMER) = 0x40;
    *apic(APIC_INITIAL) = 1000000;
    check(tdvmcall(12, 0, 0) == 0, "HLT returns");
    check(*apic(APIC_CURRENT) == 0, "HLT waits for the timer");
}

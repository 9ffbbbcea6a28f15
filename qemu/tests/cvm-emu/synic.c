/*
 * The bare guest: interrupts, messages and events of Hyper-V's SynIC
 *
 * The other side is hyperv-testdev, which echoes what it gets.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "hv.h"

#define TESTDEV          0x3000
#define SINT_CREATE      1
#define SINT_SET         3
#define MESSAGE_CREATE   4
#define EVENT_CREATE     6

#define SINT       5
#define VECTOR     0x60
#define CONNECTION 0x21
#define MASKED     (1 << 16)
#define POLLING    (1 << 18)
#define PENDING    1

#define APIC (SHARED_VIEW + 0xfee00000ULL)

static mem_int interrupts;

static mem_u32 *apic(int reg)
{
    return (mem_u32 *)(APIC + reg);
}

static __attribute__((interrupt)) void on_interrupt(void *frame)
{
    (void)frame;
    interrupts++;
    *apic(0xb0) = 0;
}

static void testdev(uint32_t command, uint32_t connection)
{
    outl(TESTDEV, connection << 24 | command << 16 | SINT);
}

/* Messages and events need QEMU's main loop. */
static bool interrupts_become(int n)
{
    for (long i = 0; i < 20000000 && interrupts < n; i++) {
        asm volatile("pause");
    }
    for (long i = 0; i < 100000; i++) {
        asm volatile("pause");
    }
    return interrupts == n;
}

static void start_synic(void)
{
    outb(0x21, 0xff);
    outb(0xa1, 0xff);
    *apic(0xf0) = 0x1ff;
    set_handler(VECTOR, on_interrupt);
    asm volatile("sti");
    hypercall(0x7777, 0);
    wrmsr(HV_SIMP, HV_SIMP_PAGE | 1);
    wrmsr(HV_SIEFP, HV_SIEFP_PAGE | 1);
    wrmsr(HV_SINT(SINT), VECTOR);
    wrmsr(HV_SCONTROL, 1);
}

void case_hv_sint(void)
{
    start_synic();
    testdev(SINT_CREATE, 0);
    testdev(SINT_SET, 0);
    check(interrupts_become(1), "a SINT is an interrupt");
    wrmsr(HV_SINT(SINT), VECTOR | MASKED);
    testdev(SINT_SET, 0);
    check(interrupts_become(1), "not if it is masked");
    wrmsr(HV_SINT(SINT), VECTOR | POLLING);
    testdev(SINT_SET, 0);
    check(interrupts_become(1), "not if the guest polls");
    wrmsr(HV_SINT(SINT), VECTOR);
    wrmsr(HV_SCONTROL, 0);
    testdev(SINT_SET, 0);
    check(interrupts_become(1), "not without the SynIC");
    wrmsr(HV_SCONTROL, 1);
    testdev(SINT_SET, 0);
    check(interrupts_become(2), "and now again");
}

static uint64_t post(uint8_t first)
{
    mem_post_message *p =
        (mem_post_message *)private_view(HV_INPUT);

    p->connection = CONNECTION;
    p->reserved = 0;
    p->type = 1;
    p->size = 16;
    p->payload[0] = first;
    p->payload[15] = first ^ 0xff;
    return hypercall(HV_POST_MESSAGE, HV_INPUT);
}

static bool is_message(mem_message *m, uint8_t first)
{
    return m->type == 1 && m->size == 16 && m->payload[0] == first &&
           (m->payload[15] ^ first) == 0xff;
}

static void exchange(mem_message *m)
{
    check(m->type == 0, "no message yet");
    testdev(MESSAGE_CREATE, CONNECTION);
    expect(post(7), HV_OK, "post");
    check(interrupts_become(1), "an interrupt");
    check(is_message(m, 7) && !(m->flags & PENDING), "the message");

    expect(post(8), HV_OK, "post while the slot is full");
    check(interrupts_become(1), "no interrupt");
    check(is_message(m, 7), "the first message stays");
    check(m->flags & PENDING, "another is pending");
    expect(post(9) != HV_OK, true, "no room for a third");

    m->flags = 0;
    m->type = 0;
    wrmsr(HV_EOM, 0);
    check(interrupts_become(2), "EOM brings an interrupt");
    /* The device has room for one, and remembers the last that it saw. */
    check(is_message(m, 9), "and the other message");
    m->type = 0;
    for (int i = 0; i < 100; i++) {
        wrmsr(HV_EOM, 0);
    }
    expect(post(10), HV_OK, "post after needless EOMs");
    check(interrupts_become(3), "an interrupt");
    check(is_message(m, 10), "the message");
}

/* The page is private, as Linux had it under VBS before 7.3. */
void case_hv_message(void)
{
    mem_u8 *page = private_view(HV_SIMP_PAGE);

    page[SINT * 256] = 0x55;
    start_synic();
    exchange((mem_message *)(page + SINT * 256));
    wrmsr(HV_SIMP, 0);
    check(page[SINT * 256] == 0x55, "the page beneath is back");
}

void case_hv_message_shared(void)
{
    to_shared(HV_SIMP_PAGE, 1);
    start_synic();
    exchange((mem_message *)(shared_view(HV_SIMP_PAGE) +
                                         SINT * 256));
}

void case_hv_event(void)
{
    mem_u8 *flags = private_view(HV_SIEFP_PAGE) + SINT * 256;

    start_synic();
    testdev(EVENT_CREATE, CONNECTION);
    expect(hypercall(HV_SIGNAL_EVENT | HV_FAST, CONNECTION), HV_OK, "signal");
    check(interrupts_become(1), "an interrupt");
    check(flags[CONNECTION / 8] == 1 << CONNECTION % 8, "the flag");
    flags[CONNECTION / 8] = 0;
    *(mem_u64 *)private_view(HV_INPUT) = CONNECTION;
    expect(hypercall(HV_SIGNAL_EVENT, HV_INPUT), HV_OK, "signal from memory");
    check(interrupts_become(2), "an interrupt");
    check(flags[CONNECTION / 8] == 1 << CONNECTION % 8, "the flag");
    hypercall(HV_SIGNAL_EVENT | HV_FAST, CONNECTION);
    check(interrupts_become(2), "none while the flag is set");
}

/* A reset while a message waits for its slot; CMOS remembers. */
void case_hv_pending_reset(void)
{
    uint8_t boot;

    outb(0x70, 0x50);
    boot = inb(0x71);
    if (boot == 0xa5) {
        expect(rdmsr(HV_SIMP), 0, "the SynIC is new");
        expect(rdmsr(HV_GUEST_OS_ID), 0, "so is the partition");
        return;
    }
    outb(0x70, 0x50);
    outb(0x71, 0xa5);
    start_synic();
    testdev(MESSAGE_CREATE, CONNECTION);
    post(7);
    check(interrupts_become(1), "an interrupt");
    expect(post(8), HV_OK, "post while the slot is full");
    check(interrupts_become(1), "no interrupt");
    wrmsr(HV_RESET, 1);
    for (;;) {
        asm volatile("hlt");
    }
}

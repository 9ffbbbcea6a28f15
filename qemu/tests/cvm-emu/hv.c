/*
 * The bare guest: CPUID, MSRs and hypercalls of Hyper-V
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "hv.h"

#define UD 6
#define GP 13
#define MMIO_PAGE 0xfee00000ULL
#define NO_RAM    (1ULL << 32)      /* the guest has 128 MiB */

static bool isolated(void)
{
    uint32_t r[4];

    cpuid(0x40000000, r);
    return r[0] >= 0x4000000c;
}

/* The I/O APIC is not the host's: Linux maps it as private. */
void case_hv_private_mmio(void)
{
    mem_u32 *private_apic = (mem_u32 *)(SHARED_VIEW + 0xfec00000ULL);
    mem_u32 *shared_apic = (mem_u32 *)0xfec00000ULL;

    *private_apic = 1;
    check((private_apic[4] & 0xff) == 0x20, "version of the I/O APIC");
    check((shared_apic[4] & 0xff) == 0x20, "in a shared mapping");
}

void case_hv_cpuid(void)
{
    uint32_t r[4];

    cpuid(1, r);
    check(r[2] >> 31, "there is a hypervisor");
    cpuid(0x40000000, r);
    check(r[1] == 0x7263694d && r[2] == 0x666f736f && r[3] == 0x76482074,
          "it says Microsoft Hv");
    cpuid(0x40000001, r);
    check(r[0] == 0x31237648, "its interface is Hv#1");
    cpuid(0x40000003, r);
    expect(r[0], 1 << 1 | 1 << 2 | 1 << 5 | 1 << 6 | 1 << 7 | 1 << 9,
           "time, SynIC, hypercalls, VP index, reset, reference TSC");
    expect(r[1], 1 << 4 | 1 << 5 | (isolated() ? 1 << 22 : 0),
           "messages, events, isolation");
    cpuid(0x40000004, r);
    check(r[0] & 1 << 9, "no automatic EOI");
    cpuid(0x4000000c, r);
    expect(r[0], 0, "no paravisor");
    expect(r[1], isolated() ? 1 | 1 << 5 | bit << 6 : 0, "VBS, boundary bit");
    print_hex("boundary", bit);
    /* Linux reads this one without a look at the highest leaf. */
    cpuid(0x40000082, r);
    check(!(r[0] | r[1] | r[2] | r[3]), "an unknown leaf is 0");
    cpuid(0x40000100, r);
    check(!(r[0] | r[1] | r[2] | r[3]), "there is no other hypervisor");
}

static void check_gp(uint32_t msr)
{
    uint64_t value;

    if (try_rdmsr(msr, &value) != GP || try_wrmsr(msr, 0) != GP) {
        print_hex("msr", msr);
        check(false, "an unknown MSR raises #GP");
    }
}

static void check_clock(void)
{
    uint64_t now, then = rdmsr(HV_TIME_REF);

    for (int i = 0; i < 1000; i++) {
        now = rdmsr(HV_TIME_REF);
        if (now < then) {
            check(false, "reference time never goes back");
        }
        then = now;
    }
    for (int i = 0; i < 1000000 && then == now; i++) {
        now = rdmsr(HV_TIME_REF);
    }
    check(now > then, "reference time goes on");
}

void case_hv_msrs(void)
{
    static const uint32_t unknown[] = {
        0x40000004, 0x40000010, HV_TSC_FREQUENCY, 0x40000070, 0x40000085,
        0x400000a0, HV_STIMER0, 0x40000106, 0x40000118, 0x40001000, 0x4000ffff,
    };
    uint64_t value;

    for (unsigned i = 0; i < sizeof(unknown) / sizeof(*unknown); i++) {
        check_gp(unknown[i]);
    }
    expect(rdmsr(HV_VP_INDEX), 0, "VP index");
    expect(try_wrmsr(HV_VP_INDEX, 1), GP, "it cannot be written");
    expect(rdmsr(HV_SVERSION), 1, "version of the SynIC");
    expect(try_wrmsr(HV_SVERSION, 1), GP, "it cannot be written");
    expect(try_wrmsr(HV_TIME_REF, 1), GP, "time cannot be written");
    check_clock();
    expect(rdmsr(HV_SINT(0)), 1 << 16, "a SINT is masked");
    expect(try_wrmsr(HV_SINT(3), 5), GP, "vector of an exception");
    expect(try_wrmsr(HV_SINT(3), 5 | 1 << 16), 0, "not if masked");
    expect(try_wrmsr(HV_SINT(3), 64 | 1 << 17), GP, "no automatic EOI");
    expect(try_wrmsr(HV_SINT(3), 64), 0, "a good SINT");
    expect(rdmsr(HV_SINT(3)), 64, "it is kept");
    expect(try_wrmsr(HV_SIMP, 1ULL << 50 | 1), GP, "SIMP out of range");
    expect(try_wrmsr(HV_SIEFP, 1ULL << 50 | 1), GP, "SIEFP out of range");
    /* The page is there only while the guest has an identity. */
    wrmsr(HV_HYPERCALL, HV_CALL_PAGE | 1);
    expect(rdmsr(HV_HYPERCALL), 0, "no page without identity");
    wrmsr(HV_GUEST_OS_ID, 1);
    expect(try_wrmsr(HV_HYPERCALL, MMIO_PAGE | 1), GP, "no page in a device");
    wrmsr(HV_HYPERCALL, HV_CALL_PAGE | 1);
    expect(rdmsr(HV_HYPERCALL), HV_CALL_PAGE | 1, "a page");
    check(private_view(HV_CALL_PAGE)[3] == 0xc3, "it holds code");
    wrmsr(HV_GUEST_OS_ID, 0);
    expect(rdmsr(HV_HYPERCALL) & 1, 0, "and is gone with the identity");
    private_view(HV_INPUT)[0] = 0xff;
    wrmsr(HV_VP_ASSIST, HV_INPUT | 1);
    expect(private_view(HV_INPUT)[0], 0, "no EOI can be left out");
    expect(try_rdmsr(HV_REF_TSC, &value), 0, "reference TSC");
    *(mem_u32 *)private_view(HV_INPUT) = 7;
    wrmsr(HV_REF_TSC, HV_INPUT | 1);
    expect(*(mem_u32 *)private_view(HV_INPUT), 0, "read the MSR instead");
}

static void check_post(void)
{
    mem_post_message *post =
        (mem_post_message *)private_view(HV_INPUT);

    post->connection = 0x77;
    post->type = 1;
    post->size = 8;
    expect(hypercall(HV_POST_MESSAGE, HV_INPUT), HV_CONNECTION_ID,
           "no port for the message");
    post->size = 241;
    expect(hypercall(HV_POST_MESSAGE, HV_INPUT), HV_INVALID_INPUT,
           "a message that is too long");
    post->size = 8;
    expect(hypercall(HV_POST_MESSAGE, HV_INPUT + 4), HV_ALIGNMENT,
           "an unaligned message");
    expect(hypercall(HV_POST_MESSAGE, HV_INPUT + PAGE - 248), HV_ALIGNMENT,
           "a message that crosses a page");
    expect(hypercall(HV_POST_MESSAGE | HV_FAST, HV_INPUT), HV_INVALID_INPUT,
           "a message in a register");
    expect(hypercall(HV_POST_MESSAGE, MMIO_PAGE), HV_PARAMETER,
           "a message in a device");
    expect(hypercall(HV_POST_MESSAGE, NO_RAM), HV_PARAMETER,
           "a message nowhere");
    expect(hypercall(HV_POST_MESSAGE, 1ULL << 50), HV_PARAMETER,
           "a message out of range");
    expect(hypercall(HV_POST_MESSAGE | HV_REPS(1, 0), HV_INPUT),
           HV_INVALID_INPUT, "a message is no list");
}

static void check_signal(void)
{
    mem_u64 *event = (mem_u64 *)private_view(HV_INPUT);

    expect(hypercall(HV_SIGNAL_EVENT | HV_FAST, 0x77), HV_CONNECTION_ID,
           "no port for the event");
    *event = 0x77;
    expect(hypercall(HV_SIGNAL_EVENT, HV_INPUT), HV_CONNECTION_ID,
           "no port, parameters in memory");
    *event = 0x77 | 1ULL << 32;
    expect(hypercall(HV_SIGNAL_EVENT, HV_INPUT), HV_PORT_ID, "a flag number");
    expect(hypercall(HV_SIGNAL_EVENT | HV_FAST, 1 << 24), HV_INVALID_INPUT,
           "a reserved bit of the connection");
    expect(hypercall(HV_SIGNAL_EVENT, HV_INPUT + 1), HV_ALIGNMENT,
           "unaligned parameters");
}

void case_hv_hypercalls(void)
{
    uint64_t result;

    expect(try_hypercall(true, 0x7777, 0, &result), UD, "VMCALL, no identity");
    expect(try_hypercall(false, 0x7777, 0, &result), UD,
           "VMMCALL, no identity");
    expect(hypercall(0x7777, 0), HV_INVALID_CODE, "through the page");
    expect(try_hypercall(true, 0x7777, 0, &result), 0, "VMCALL");
    expect(result, HV_INVALID_CODE, "unknown call");
    expect(try_hypercall(false, 0x7777, 0, &result), 0, "VMMCALL");
    expect(result, HV_INVALID_CODE, "unknown call");
    for (int i = 27; i < 64; i = i == 31 ? 44 : i == 47 ? 60 : i + 1) {
        expect(hypercall(HV_SIGNAL_EVENT | HV_FAST | 1ULL << i, 0x77),
               HV_INVALID_INPUT, "a reserved bit of the control value");
    }
    if (!isolated()) {
        expect(hypercall(HV_VISIBILITY | HV_REPS(1, 0), HV_INPUT),
               HV_INVALID_CODE, "nothing to hide");
    }
    check_post();
    check_signal();
}

void case_hv_user(void)
{
    hypercall(0x7777, 0);
    expect(try_user_hypercall(true), UD, "VMCALL at CPL 3");
    expect(try_user_hypercall(false), UD, "VMMCALL at CPL 3");
}

static uint64_t visibility(unsigned count, unsigned start)
{
    return hypercall(HV_VISIBILITY | HV_REPS(count, start), HV_INPUT);
}

static void check_bad_headers(void)
{
    mem_visibility *in = visibility_input(true);

    in->pfn[0] = ARENA / PAGE;
    in->partition = 1;
    expect(visibility(1, 0), HV_PARTITION_ID, "another partition");
    in->partition = ~0ULL;
    in->visibility = 1;
    expect(visibility(1, 0), HV_PARAMETER, "visible for reading only");
    in->visibility = 3 | 1 << 2;
    expect(visibility(1, 0), HV_PARAMETER, "a reserved bit");
    in->visibility = 3;
    in->reserved = 1;
    expect(visibility(1, 0), HV_PARAMETER, "a reserved field");
    in->reserved = 0;
    expect(visibility(0, 0), HV_INVALID_INPUT, "no page");
    expect(visibility(511, 0), HV_INVALID_INPUT, "more than a list holds");
    expect(visibility(4095, 0), HV_INVALID_INPUT, "far more");
    expect(visibility(4, 4), HV_INVALID_INPUT, "a start at the end");
    expect(hypercall(HV_VISIBILITY | HV_FAST | HV_REPS(1, 0), HV_INPUT),
           HV_INVALID_INPUT, "a list in registers");
    expect(hypercall(HV_VISIBILITY | 1 << 17 | HV_REPS(1, 0), HV_INPUT),
           HV_INVALID_INPUT, "a variable header");
    expect(hypercall(HV_VISIBILITY | HV_REPS(1, 0), HV_INPUT + 4),
           HV_ALIGNMENT, "an unaligned list");
    expect(hypercall(HV_VISIBILITY | HV_REPS(2, 0), HV_INPUT + PAGE - 24),
           HV_ALIGNMENT, "a list that crosses a page");
    expect(hypercall(HV_VISIBILITY | HV_REPS(1, 0), NO_RAM),
           HV_PARAMETER, "a list nowhere");
}

/* The runner expects 2 + 1 + 1 + 1 pages shared. */
void case_hv_visibility(void)
{
    mem_visibility *in;

    check_bad_headers();
    in = visibility_input(true);
    in->pfn[0] = ARENA / PAGE;
    in->pfn[1] = ARENA / PAGE + 1;
    in->pfn[2] = NO_RAM / PAGE;
    in->pfn[3] = ARENA / PAGE + 2;
    expect(visibility(4, 0), HV_PARAMETER | HV_REPS(2, 0),
           "up to a page that does not exist");
    in->pfn[2] = MMIO_PAGE / PAGE;
    expect(visibility(4, 2), HV_PARAMETER | HV_REPS(2, 0),
           "up to a page of a device");
    in->pfn[2] = ~0ULL;
    expect(visibility(3, 2), HV_PARAMETER | HV_REPS(2, 0),
           "up to a page out of range");
    expect(visibility(4, 3), HV_REPS(4, 0), "from the last page on");
    /* Twice the same page; the second is redundant. */
    in->pfn[0] = in->pfn[1] = ARENA / PAGE + 4;
    expect(visibility(2, 0), HV_REPS(2, 0), "a page named twice");

    /* The list may be in a shared page, named with the bit or without. */
    to_shared(HV_INPUT, 1);
    in = (mem_visibility *)shared_view(HV_INPUT);
    in->partition = ~0ULL;
    in->visibility = 3;
    in->reserved = 0;
    in->pfn[0] = ARENA / PAGE + 8;
    expect(visibility(1, 0), HV_REPS(1, 0), "a list in a shared page");
    expect(hypercall(HV_VISIBILITY | HV_REPS(1, 0), HV_INPUT | 1ULL << bit),
           HV_REPS(1, 0), "with the bit");
    expect(hypercall(HV_VISIBILITY | HV_REPS(1, 0),
                     HV_CALL_PAGE | 1ULL << bit),
           HV_PARAMETER, "not in a private page with the bit");
}

/* Rows of pages, and how they join to one request. */
void case_hv_lists(void)
{
    mem_visibility *in;

    /* 2 MiB as Linux does it: one request, two calls. */
    to_shared(ARENA, 512);
    /* A row, a gap, a row: three requests. */
    in = visibility_input(true);
    for (int i = 0; i < 9; i++) {
        in->pfn[i] = (ARENA + FRAME) / PAGE + i + (i >= 4) + (i >= 8);
    }
    expect(visibility(9, 0), HV_REPS(9, 0), "three rows");
    /* A list that is not full does not continue. */
    to_shared(ARENA + 2 * FRAME, 256);
    to_shared(ARENA + 2 * FRAME + 256 * PAGE, 256);
    /* A full list does not continue in the other direction. */
    to_shared(ARENA + 3 * FRAME, 512);
    to_private(ARENA + 3 * FRAME, 510);
    to_shared(ARENA + 3 * FRAME + 510 * PAGE, 2);
}

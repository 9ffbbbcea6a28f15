/*
 * The bare guest: the cases
 *
 * The runner (run) compares the emulator's statistics with what each case does
 * to memory.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "guest.h"

#define EDU_ID  0x11e81234
#define AHCI_ID 0x29228086

static void case_clean(void)
{
    declare_memory();
    *private_view(ARENA) = 7;
    to_shared(ARENA, 1);
    *shared_view(ARENA) = 42;
    check(*shared_view(ARENA) == 42, "shared memory holds data");
    to_private(ARENA, 1);
    *private_view(ARENA) = 43;
    check(*private_view(ARENA) == 43, "private memory holds data");
}

static void case_private_to_shared(void)
{
    declare_memory();
    to_shared(ARENA, 1);
    (void)*private_view(ARENA + 8);
}

/* The TLB holds the translation from before the conversion. */
static void case_stale(void)
{
    declare_memory();
    (void)*private_view(ARENA);
    to_shared(ARENA, 1);
    *private_view(ARENA) = 1;
}

static void case_shared_to_private(void)
{
    declare_memory();
    *private_view(ARENA) = 5;
    *shared_view(ARENA) = 6;
    check(*private_view(ARENA) == 5, "the two copies are apart");
}

static void case_fetch(void)
{
    declare_memory();
    to_shared(ARENA, 1);
    /* ret, through a data mapping of the same page */
    *shared_view(ARENA) = 0xc3;
    ((void (*)(void))shared_view(ARENA))();
}

static void case_mmio(void)
{
    mem_u32 *edu = pci_enable(EDU_ID, 0);

    declare_memory();
    check((edu[0] & 0xff) == 0xed, "device memory in a shared mapping");
    check((*(mem_u32 *)((uint64_t)edu + SHARED_VIEW) & 0xff) == 0xed,
          "device memory in a private mapping");
}

static void case_unaccepted(void)
{
    to_shared(ARENA, 1);
    check(request(ARENA, 1, false) == 0, "request to make private");
    check(*private_view(ARENA) == POISON, "unaccepted memory is poison");
}

static void case_poison(void)
{
    declare_memory();
    for (uint64_t i = 0; i < PAGE; i++) {
        private_view(ARENA)[i] = 1;
    }
    to_shared(ARENA, 1);
    check(all_bytes(shared_view(ARENA), PAGE, 0x5a), "shared copy is poison");
    to_private(ARENA, 1);
    check(all_bytes(private_view(ARENA), PAGE,
                    is_sev() || is_hyperv() ? 0x5a : 0),
          "private copy is poison or, accepted by a TD, zero");
}

/* The loader put this image into shared memory. */
static void case_scrub(void)
{
    uint64_t first = (uint64_t)__image_start;

    check(all_bytes(shared_view(first), PAGE, POISON), "image is scrubbed");
    check(*private_view(first) != POISON, "image runs from private memory");
    check(*(mem_u16 *)shared_view(0x413) ==
          *(mem_u16 *)private_view(0x413),
          "firmware's data is in both copies");
}

static void edu_dma(mem_u32 *edu, uint64_t from, uint64_t to,
                    uint32_t n, uint32_t command)
{
    *(mem_u64 *)(edu + 0x80 / 4) = from;
    *(mem_u64 *)(edu + 0x88 / 4) = to;
    *(mem_u64 *)(edu + 0x90 / 4) = n;
    edu[0x98 / 4] = command;
    while (edu[0x98 / 4] & 1) {
        asm volatile("pause");
    }
}

/* Through the buffer of the device, from one page to another. */
static void case_dma_shared(void)
{
    mem_u32 *edu = pci_enable(EDU_ID, 0);

    declare_memory();
    to_shared(ARENA, 2);
    shared_view(ARENA)[0] = 99;
    edu_dma(edu, ARENA, 0x40000, 64, 1);
    edu_dma(edu, 0x40000, ARENA + PAGE, 64, 3);
    check(shared_view(ARENA + PAGE)[0] == 99, "DMA moves data");
}

static void case_dma_private(void)
{
    mem_u32 *edu = pci_enable(EDU_ID, 0);

    declare_memory();
    private_view(ARENA)[0x80] = 1;
    edu_dma(edu, ARENA + 0x80, 0x40000, 64, 1);
    edu_dma(edu, 0x40000, ARENA + PAGE, 32, 3);
}

/* An AHCI port keeps the area for received FISes mapped. */
static void case_dma_mapped(void)
{
    mem_u32 *ahci = pci_enable(AHCI_ID, 5);

    declare_memory();
    to_shared(ARENA, 1);
    ahci[4 / 4] |= 1U << 31;
    ahci[0x108 / 4] = ARENA;
    ahci[0x10c / 4] = 0;
    ahci[0x118 / 4] |= 1 << 4;
    to_private(ARENA, 1);
}

static void case_counts(void)
{
    declare_memory();
    for (int i = 0; i < 3; i++) {
        to_shared(ARENA + i * PAGE, 1);
    }
    to_shared(ARENA + FRAME, 1024);
    to_shared(ARENA + 3 * FRAME + PAGE, 8);
    to_private(ARENA, 1);
    to_private(ARENA + FRAME, 512);
    /* redundant */
    to_shared(ARENA + PAGE, 1);
    /* refused; Hyper-V's requests have no such parts */
    if (is_hyperv()) {
        return;
    }
    check(request(ARENA + 1, 1, true) != 0, "unaligned address is refused");
    check(request(ARENA, 0, true) != 0, "empty range is refused");
}

static void case_declare(void)
{
    /* .bss..decrypted: used, declared private, declared shared */
    *shared_view(ARENA) = 11;
    request(1 << 20, (127 << 20) / PAGE, false);
    *shared_view(ARENA) = 12;
    request(ARENA, 1, true);
    check(*shared_view(ARENA) == 12, "a declaration leaves content alone");
    /* early_set_memory_decrypted(): used, then requested */
    *shared_view(ARENA + FRAME) = 13;
    request(ARENA + FRAME, 1, true);
    check(*shared_view(ARENA + FRAME) == 13,
          "conversion in place leaves content alone");
    /* used, but never requested: a violation when the phase ends */
    *shared_view(ARENA + 2 * FRAME) = 14;
    request(ARENA + 3 * FRAME, 1, true);
}

static void case_unknown(void)
{
    if (is_sev()) {
        check(vmmcall(9999, 0, 0, 0) == (uint64_t)-1000, "VMMCALL: ENOSYS");
        return;
    }
    check(tdvmcall(0x7777, 0, 0) == 0x8000000000000003ULL,
          "TDG.VP.VMCALL: sub-function not supported");
    check(tdcall(77, 0, 0) >> 32 == 0xc0000100, "TDCALL: operand invalid");
    check(accept(ARENA, 0) == 0x00000b0a00000000ULL, "already accepted");
    to_shared(ARENA, 1);
    check(accept(ARENA, 0) >> 32 == 0xc0000100, "accept of a shared page");
}

/* Runs twice; CMOS remembers. */
static void case_reset(void)
{
    uint8_t boot;

    outb(0x70, 0x50);
    boot = inb(0x71);
    declare_memory();
    if (boot != 0xa5) {
        outb(0x70, 0x50);
        outb(0x71, 0xa5);
        *private_view(ARENA + PAGE) = 77;
        to_shared(ARENA, 1);
        *shared_view(ARENA) = 1;
        print("resetting\n");
        outb(0xcf9, 6);
        for (;;) {
            asm volatile("hlt");
        }
    }
    check(*private_view(ARENA + PAGE) == 0, "private memory is fresh");
    check(*private_view(ARENA) == 0, "a shared page is private again");
}

/* Show two contents at one GPA, and give the runner time to read both. */
static void case_wait(void)
{
    declare_memory();
    to_shared(ARENA, 1);
    *(mem_u64 *)shared_view(ARENA) = 0x1122334455667788;
    *(mem_u64 *)private_view(ARENA + PAGE) = 0x99aabbccddeeff00;
    print("waiting\n");
    for (;;) {
        asm volatile("hlt");
    }
}

const struct test_case cases[] = {
    { "clean", case_clean },
    { "private-to-shared", case_private_to_shared },
    { "stale", case_stale },
    { "shared-to-private", case_shared_to_private },
    { "fetch", case_fetch },
    { "mmio", case_mmio },
    { "unaccepted", case_unaccepted },
    { "poison", case_poison },
    { "scrub", case_scrub },
    { "dma-shared", case_dma_shared },
    { "dma-private", case_dma_private },
    { "dma-mapped", case_dma_mapped },
    { "counts", case_counts },
    { "declare", case_declare },
    { "unknown", case_unknown },
    { "reset", case_reset },
    { "wait", case_wait },
    { "smp", case_smp },
    { "halt", case_halt },
    { "fault-fail", case_fault_fail },
    { "fault-partial", case_fault_partial },
    { "fault-retry", case_fault_retry },
    { "fault-retry-always", case_fault_retry_always },
    { "fault-every", case_fault_every },
    { "fault-direction", case_fault_direction },
    { "fault-armed", case_fault_armed },
    { "count", case_count },
    { "count-calls", case_count_calls },
    { "count-violation", case_count_violation },
    { "count-reset", case_count_reset },
    { "count-migrates", case_count_migrates },
    { "barriers", case_barriers },
    { "hv-private-mmio", case_hv_private_mmio },
    { "hv-cpuid", case_hv_cpuid },
    { "hv-msrs", case_hv_msrs },
    { "hv-hypercalls", case_hv_hypercalls },
    { "hv-user", case_hv_user },
    { "hv-visibility", case_hv_visibility },
    { "hv-lists", case_hv_lists },
    { "hv-sint", case_hv_sint },
    { "hv-message", case_hv_message },
    { "hv-message-shared", case_hv_message_shared },
    { "hv-event", case_hv_event },
    { "hv-pending-reset", case_hv_pending_reset },
    { NULL, NULL },
};

/*
 * Emulated confidential guests: conversion of pages
 *
 * A request changes the state of each of its pages.  It fills the copy that
 * comes into use with the poison byte, so that code which relies on old
 * content fails.  Every TLB entry that was checked against the old state is
 * gone before the request returns to the guest.
 *
 * SEV starts with an early phase.  On hardware the C-bit alone decides, and
 * the hypervisor only takes note.  Linux relies on this twice:
 * - It uses .bss..decrypted through shared mappings.  Much later it tells the
 *   hypervisor that all RAM is private, and then that this section is shared.
 *   Such requests are declarations: they are counted apart, and content stays.
 * - early_set_memory_decrypted() copies the content in place through both
 *   mappings and makes its request afterwards.  Such a request is a conversion
 *   in place: content stays.
 * The first conversion of any other form ends the phase.  Pending violations
 * (access.c) are reported then.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "qemu/osdep.h"
#include "exec/cputlb.h"
#include "exec/exec-all.h"
#include "exec/ram_addr.h"
#include "hw/core/cpu.h"
#include "cvm-emu-internal.h"
#include "trace.h"

/* What a request is, see above. */
typedef enum Request {
    REQUEST_CONVERSION,
    /* a conversion that changes nothing */
    REQUEST_REDUNDANT,
    REQUEST_IN_PLACE,
    REQUEST_DECLARATION,
} Request;

static const char *const request_name[] = {
    "conversion", "redundant conversion", "in-place conversion", "declaration",
};

static void cvm_emu_fill(MemoryRegion *mr, hwaddr offset, uint8_t byte)
{
    ram_addr_t addr = memory_region_get_ram_addr(mr) + offset;

    memset((uint8_t *)memory_region_get_ram_ptr(mr) + offset, byte,
           CVM_EMU_PAGE_SIZE);
    /* The guest may have run code that was there. */
    tb_invalidate_phys_range(addr, addr + CVM_EMU_PAGE_SIZE - 1);
}

void cvm_emu_fill_private(CvmEmu *s, uint64_t index, uint8_t byte)
{
    cvm_emu_fill(&s->ram, index << CVM_EMU_PAGE_BITS, byte);
}

void cvm_emu_fill_shared(CvmEmu *s, uint64_t index, uint8_t byte)
{
    hwaddr gpa = cvm_emu_page_gpa(s, index);
    int i;

    for (i = 0; i < s->ranges->len; i++) {
        CvmEmuRange *r = &g_array_index(s->ranges, CvmEmuRange, i);

        if (gpa - r->gpa >= r->size) {
            continue;
        }
        if (!r->mr->readonly && !r->mr->rom_device) {
            cvm_emu_fill(r->mr, r->offset + gpa - r->gpa, byte);
        }
        return;
    }
}

/* Update the counts of shared pages and of frames, with the lock held. */
static void cvm_emu_count_page(CvmEmu *s, uint64_t index, int delta)
{
    uint64_t frame = index / CVM_EMU_FRAME_PAGES;
    uint16_t all = s->frame_pages[frame];
    uint16_t *shared = &s->frame_shared[frame];

    s->frames_shared -= *shared == all;
    s->frames_mixed -= *shared && *shared < all;
    *shared += delta;
    s->frames_shared += *shared == all;
    s->frames_mixed += *shared && *shared < all;

    s->shared_pages += delta;
}

/* After a reset no page is shared.  Called with the lock held. */
void cvm_emu_count_reset(CvmEmu *s)
{
    memset(s->pages, CVM_EMU_PAGE_OTHER, s->npages);
    memset(s->frame_shared, 0, s->nframes * sizeof(*s->frame_shared));
    memset(s->open, 0, sizeof(s->open));
    s->shared_pages = 0;
    s->frames_shared = 0;
    s->frames_mixed = 0;
}

static Request cvm_emu_classify(CvmEmu *s, hwaddr gpa, uint64_t npages,
                                bool to_shared)
{
    bool changes = false;
    uint8_t seen = 0;
    uint64_t i;

    if (!s->early) {
        return REQUEST_CONVERSION;
    }
    for (i = 0; i < npages; i++) {
        uint8_t page = cvm_emu_page(s, cvm_emu_page_index(s, gpa +
                                    (i << CVM_EMU_PAGE_BITS)));
        uint8_t state = page & CVM_EMU_PAGE_STATE;

        if (state == CVM_EMU_PAGE_LAUNCH) {
            return REQUEST_DECLARATION;
        }
        changes |= state != CVM_EMU_PAGE_OTHER &&
                   (state == CVM_EMU_PAGE_SHARED) != to_shared;
        seen |= page;
    }
    if (!changes) {
        return REQUEST_REDUNDANT;
    }
    if (to_shared && (seen & CVM_EMU_PAGE_EARLY)) {
        return REQUEST_DECLARATION;
    }
    if (to_shared && (seen & CVM_EMU_PAGE_INPLACE)) {
        return REQUEST_IN_PLACE;
    }
    return REQUEST_CONVERSION;
}

static void cvm_emu_page_to_shared(CvmEmu *s, uint64_t index, uint8_t page)
{
    /* Keep content that the guest has written already. */
    if (!(page & (CVM_EMU_PAGE_EARLY | CVM_EMU_PAGE_INPLACE))) {
        cvm_emu_fill_shared(s, index, s->poison);
    }
    qatomic_set(&s->pages[index],
                CVM_EMU_PAGE_SHARED | CVM_EMU_PAGE_DECLARED);
}

static void cvm_emu_page_to_private(CvmEmu *s, uint64_t index, uint8_t page)
{
    uint8_t state = CVM_EMU_PAGE_PRIVATE;

    if ((page & CVM_EMU_PAGE_STATE) == CVM_EMU_PAGE_LAUNCH) {
        /*
         * The guest has used the private copy since launch, so keep its
         * content.  Launch has poisoned the shared copy except in the areas
         * that firmware keeps.
         */
        if (!(page & CVM_EMU_PAGE_EARLY) &&
            cvm_emu_in_firmware_area(s, cvm_emu_page_gpa(s, index))) {
            cvm_emu_fill_shared(s, index, s->poison);
        }
    } else {
        cvm_emu_fill_private(s, index, s->poison);
        page &= ~(CVM_EMU_PAGE_EARLY | CVM_EMU_PAGE_INPLACE);
        state = cvm_emu_tdx ? CVM_EMU_PAGE_UNACCEPTED : CVM_EMU_PAGE_PRIVATE;
    }
    qatomic_set(&s->pages[index], state | CVM_EMU_PAGE_DECLARED |
                (page & (CVM_EMU_PAGE_EARLY | CVM_EMU_PAGE_INPLACE)));
}

static void cvm_emu_convert_page(CvmEmu *s, uint64_t index, bool to_shared,
                                 bool count_redundant)
{
    uint8_t page = cvm_emu_page(s, index);
    uint8_t state = page & CVM_EMU_PAGE_STATE;
    bool is_shared = state == CVM_EMU_PAGE_SHARED;

    if (state == CVM_EMU_PAGE_OTHER) {
        return;
    }
    if (is_shared == to_shared && state != CVM_EMU_PAGE_LAUNCH) {
        s->redundant_pages += count_redundant;
        return;
    }
    if (to_shared) {
        cvm_emu_page_to_shared(s, index, page);
        cvm_emu_count_page(s, index, 1);
        return;
    }
    cvm_emu_page_to_private(s, index, page);
    if (is_shared) {
        cvm_emu_count_page(s, index, -1);
    }
}

/**
 * cvm_emu_size_class: find the counter for a request of this size
 * @s: the object, with its lock held
 * @gpa: first page
 * @npages: number of 4 KiB pages
 * @to_shared: the wanted state
 *
 * Return: the counter.
 */
uint64_t *cvm_emu_size_class(CvmEmu *s, hwaddr gpa, uint64_t npages,
                             bool to_shared)
{
    CvmEmuRequestStats *to = &s->to[to_shared];
    hwaddr size = npages << CVM_EMU_PAGE_BITS;

    if (!((gpa | size) & (CVM_EMU_FRAME_SIZE - 1))) {
        return &to->size_2m;
    }
    return npages == 1 ? &to->size_4k : &to->other;
}

static void cvm_emu_count_request(CvmEmu *s, Request kind, hwaddr gpa,
                                  uint64_t npages, bool to_shared)
{
    if (kind == REQUEST_DECLARATION) {
        s->declarations.requests++;
        s->declarations.pages += npages;
        return;
    }
    s->in_place += kind == REQUEST_IN_PLACE;
    s->to[to_shared].pages += npages;
    ++*cvm_emu_size_class(s, gpa, npages, to_shared);
}

static CvmEmuResult cvm_emu_check_request(hwaddr gpa, uint64_t npages)
{
    if (gpa & (CVM_EMU_PAGE_SIZE - 1)) {
        return CVM_EMU_ALIGN;
    }
    if (!npages || gpa >= CVM_EMU_WINDOW ||
        npages > (CVM_EMU_WINDOW - gpa) >> CVM_EMU_PAGE_BITS) {
        return CVM_EMU_RANGE;
    }
    return CVM_EMU_OK;
}

/* How many of @npages pages from @gpa can have a state. */
static uint64_t cvm_emu_clamp(CvmEmu *s, hwaddr gpa, uint64_t npages)
{
    hwaddr end = MAX(s->low_size, s->high_base + s->high_size);

    return gpa >= end ? 0 : MIN(npages, (end - gpa) >> CVM_EMU_PAGE_BITS);
}

/* Whether the state of a page follows the guest's mapping from now on. */
static void cvm_emu_set_follow(CvmEmu *s, uint64_t index, bool follow)
{
    uint8_t page = s->pages[index] & ~CVM_EMU_PAGE_FOLLOW;

    if (follow && page != CVM_EMU_PAGE_OTHER) {
        page |= CVM_EMU_PAGE_FOLLOW;
    }
    qatomic_set(&s->pages[index], page);
}

/**
 * cvm_emu_follow: let a page take its state from the guest's mapping
 * @s: the object, without its lock
 * @index: index of a page of RAM
 * @to_shared: how the guest has it mapped
 *
 * SEV: the guest may change its C-bit back when a request fails.  On hardware
 * nothing else is needed, and content that was not touched meanwhile is still
 * there.  This ends with the next request that succeeds.
 *
 * Return: false if the page does not follow.
 */
bool cvm_emu_follow(CvmEmu *s, uint64_t index, bool to_shared)
{
    uint8_t page;

    QEMU_LOCK_GUARD(&s->lock);
    page = s->pages[index];
    if (!(page & CVM_EMU_PAGE_FOLLOW)) {
        return false;
    }
    if (((page & CVM_EMU_PAGE_STATE) == CVM_EMU_PAGE_SHARED) != to_shared) {
        page &= ~CVM_EMU_PAGE_STATE;
        page |= to_shared ? CVM_EMU_PAGE_SHARED : CVM_EMU_PAGE_PRIVATE;
        qatomic_set(&s->pages[index], page);
        cvm_emu_count_page(s, index, to_shared ? 1 : -1);
        s->faults.followed++;
    }
    return true;
}

/**
 * cvm_emu_change: change the state of pages
 * @s: the object, with its lock held, in an RCU critical section
 * @gpa: first page
 * @npages: number of 4 KiB pages
 * @to_shared: the wanted state
 * @conversion: false for a declaration
 * @done: for how many of them, counted from the first, the host did its part
 */
void cvm_emu_change(CvmEmu *s, hwaddr gpa, uint64_t npages, bool to_shared,
                    bool conversion, uint64_t done)
{
    uint64_t i, known = cvm_emu_clamp(s, gpa, npages);

    for (i = 0; i < known; i++) {
        uint64_t index = cvm_emu_page_index(s, gpa +
                                            (i << CVM_EMU_PAGE_BITS));

        if (index != CVM_EMU_NO_PAGE) {
            cvm_emu_convert_page(s, index, to_shared, conversion);
            cvm_emu_set_follow(s, index, i >= done);
        }
    }
    if (!to_shared && conversion) {
        cvm_emu_dma_check_maps(s, gpa, npages << CVM_EMU_PAGE_BITS);
    }
}

/* Carry out a request; the host did its part for the first @done pages. */
static void cvm_emu_serve(CvmEmu *s, Request kind, hwaddr gpa,
                          uint64_t npages, bool to_shared, uint64_t done)
{
    cvm_emu_count_request(s, kind, gpa, npages, to_shared);
    if (to_shared) {
        cvm_emu_drop_pending(s, gpa, npages << CVM_EMU_PAGE_BITS);
    }
    if (kind == REQUEST_CONVERSION && s->early) {
        s->early = false;
        cvm_emu_report_pending(s);
    }
    cvm_emu_change(s, gpa, npages, to_shared, kind != REQUEST_DECLARATION,
                   done);
    cvm_emu_stats_sample(s);
}

/**
 * cvm_emu_convert: serve a conversion request
 * @s: the object
 * @cs: CPU that made the request, in a helper that ends its TB
 * @gpa: first page, without the platform's bit
 * @npages: number of 4 KiB pages
 * @to_shared: the wanted state
 * @done: receives how many pages, counted from the first, the host converted
 *
 * Return: CVM_EMU_OK, or the reason why the request failed.  A failed request
 * changes nothing, unless the fault was injected (fault.c).
 */
CvmEmuResult cvm_emu_convert(CvmEmu *s, CPUState *cs, hwaddr gpa,
                             uint64_t npages, bool to_shared, uint64_t *done)
{
    CvmEmuResult result = cvm_emu_check_request(gpa, npages);
    Request kind;

    RCU_READ_LOCK_GUARD();
    QEMU_LOCK_GUARD(&s->lock);
    *done = 0;
    if (result != CVM_EMU_OK) {
        s->failed++;
        return result;
    }
    *done = npages;
    kind = cvm_emu_classify(s, gpa, cvm_emu_clamp(s, gpa, npages), to_shared);
    trace_cvm_emu_convert(cs->cpu_index, to_shared ? "shared" : "private",
                          gpa, npages, request_name[kind]);
    s->hypercalls.conversion++;
    if (kind != REQUEST_DECLARATION) {
        result = cvm_emu_fault(s, npages, to_shared, done);
        s->failed += result == CVM_EMU_FAILED;
    }
    if (cvm_emu_tdx) {
        /* Here the host decides.  Under SEV the C-bit already has. */
        npages = *done;
    }
    if (npages) {
        cvm_emu_serve(s, kind, gpa, npages, to_shared, *done);
        tlb_flush_all_cpus_synced(cs);
    }
    return result;
}

/**
 * cvm_emu_accept: serve TDG.MEM.PAGE.ACCEPT
 * @s: the object
 * @gpa: first page
 * @npages: number of 4 KiB pages
 *
 * Return: 0, -EINVAL if part of it is not private RAM, or -EALREADY if part
 * of it is accepted already.  On error nothing changes.
 */
int cvm_emu_accept(CvmEmu *s, hwaddr gpa, uint64_t npages)
{
    bool accepted = false;
    int result = 0;
    uint64_t i;

    RCU_READ_LOCK_GUARD();
    QEMU_LOCK_GUARD(&s->lock);
    s->hypercalls.accept++;
    for (i = 0; i < npages; i++) {
        hwaddr at = gpa + (i << CVM_EMU_PAGE_BITS);

        switch (cvm_emu_page_state(s, cvm_emu_page_index(s, at))) {
        case CVM_EMU_PAGE_UNACCEPTED:
            break;
        case CVM_EMU_PAGE_LAUNCH:
        case CVM_EMU_PAGE_PRIVATE:
            accepted = true;
            break;
        default:
            result = -EINVAL;
        }
    }
    if (!result && accepted) {
        result = -EALREADY;
    }
    for (i = 0; i < npages && !result; i++) {
        uint64_t index = cvm_emu_page_index(s, gpa +
                                            (i << CVM_EMU_PAGE_BITS));

        cvm_emu_fill_private(s, index, 0);
        qatomic_set(&s->pages[index],
                    CVM_EMU_PAGE_PRIVATE | CVM_EMU_PAGE_DECLARED);
    }
    trace_cvm_emu_accept(gpa, npages, result);
    return result;
}

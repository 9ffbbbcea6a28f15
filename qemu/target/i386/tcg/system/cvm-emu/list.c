/*
 * Emulated confidential guests: conversion of a list of pages
 *
 * A guest of Hyper-V names each 4 KiB page, in lists of limited length: 2 MiB
 * take two calls.  Other guests pass ranges.  So that figures compare, pages in
 * a row count as one request.  If a row ends a full list, the request stays
 * open: it continues in the next call that starts where this row ended.
 * Hypercalls are counted as they come.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "qemu/osdep.h"
#include "qemu/rcu.h"
#include "exec/cputlb.h"
#include "hw/core/cpu.h"
#include "cvm-emu-internal.h"
#include "trace.h"

static hwaddr cvm_emu_list_gpa(uint64_t pfn)
{
    return pfn << CVM_EMU_PAGE_BITS;
}

/* How many pages at the start of a list are RAM. */
static unsigned cvm_emu_list_valid(CvmEmu *s, const uint64_t *pfns, unsigned n)
{
    unsigned i;

    for (i = 0; i < n; i++) {
        if (pfns[i] >= CVM_EMU_WINDOW >> CVM_EMU_PAGE_BITS ||
            cvm_emu_page_state(s, cvm_emu_page_index(s,
                               cvm_emu_list_gpa(pfns[i]))) ==
            CVM_EMU_PAGE_OTHER) {
            break;
        }
    }
    return i;
}

/* How many pages at the start of a list are in a row. */
static unsigned cvm_emu_list_row(const uint64_t *pfns, unsigned n)
{
    unsigned i = 1;

    while (i < n && pfns[i] == pfns[0] + i) {
        i++;
    }
    return i;
}

/* Find the request that this row continues, and uncount and close it. */
static CvmEmuOpenRequest cvm_emu_list_resume(CvmEmu *s, hwaddr gpa,
                                             bool to_shared)
{
    CvmEmuOpenRequest none = { .gpa = gpa, .to_shared = to_shared };
    int i;

    for (i = 0; i < CVM_EMU_OPEN_MAX; i++) {
        CvmEmuOpenRequest *open = &s->open[i], found = *open;

        if (found.npages && found.to_shared == to_shared &&
            found.gpa + (found.npages << CVM_EMU_PAGE_BITS) == gpa) {
            --*cvm_emu_size_class(s, found.gpa, found.npages, to_shared);
            open->npages = 0;
            return found;
        }
    }
    return none;
}

static void cvm_emu_list_count(CvmEmu *s, hwaddr gpa, unsigned n,
                               bool to_shared, bool resume, bool more)
{
    CvmEmuOpenRequest r = { .gpa = gpa, .to_shared = to_shared };

    if (resume) {
        r = cvm_emu_list_resume(s, gpa, to_shared);
    }
    r.npages += n;
    s->to[to_shared].pages += n;
    ++*cvm_emu_size_class(s, r.gpa, r.npages, to_shared);
    if (more) {
        s->open[s->open_next++ % CVM_EMU_OPEN_MAX] = r;
    }
}

/* Carry out a list; @more if its last row may continue in another call. */
static void cvm_emu_list_serve(CvmEmu *s, const uint64_t *pfns, unsigned n,
                               bool to_shared, bool more)
{
    unsigned i, row;

    for (i = 0; i < n; i += row) {
        hwaddr gpa = cvm_emu_list_gpa(pfns[i]);

        row = cvm_emu_list_row(pfns + i, n - i);
        cvm_emu_list_count(s, gpa, row, to_shared, i == 0,
                           more && i + row == n);
        cvm_emu_change(s, gpa, row, to_shared, true, row);
    }
    cvm_emu_stats_sample(s);
}

/**
 * cvm_emu_convert_list: serve a request that names each page
 * @cs: CPU that made the request, in a helper that ends its TB
 * @pfns: GPAs of 4 KiB pages, divided by 4 KiB
 * @n: number of pages, at least 1
 * @to_shared: the wanted state
 * @more: the list is full
 * @done: receives how many pages, counted from the first, were converted
 *
 * Return: CVM_EMU_LIST_OK, or the reason why not all pages were converted.
 * With fault=retry, @done may be less than @n after CVM_EMU_LIST_OK.
 */
CvmEmuListResult cvm_emu_convert_list(CPUState *cs, const uint64_t *pfns,
                                      unsigned n, bool to_shared, bool more,
                                      uint64_t *done)
{
    CvmEmu *s = cvm_emu;
    CvmEmuListResult result = CVM_EMU_LIST_RANGE;

    RCU_READ_LOCK_GUARD();
    QEMU_LOCK_GUARD(&s->lock);
    s->hypercalls.conversion++;
    *done = cvm_emu_list_valid(s, pfns, n);
    if (*done == n) {
        result = cvm_emu_fault(s, n, to_shared, done) == CVM_EMU_FAILED
                 ? CVM_EMU_LIST_FAILED : CVM_EMU_LIST_OK;
    }
    s->failed += result != CVM_EMU_LIST_OK;
    trace_cvm_emu_convert_list(cs->cpu_index, to_shared ? "shared" : "private",
                               pfns[0], n, *done, result);
    if (*done) {
        cvm_emu_list_serve(s, pfns, *done, to_shared, more && *done == n);
        tlb_flush_all_cpus_synced(cs);
    }
    return result;
}

void cvm_emu_count_hypercall__slow(void)
{
    QEMU_LOCK_GUARD(&cvm_emu->lock);
    cvm_emu->hypercalls.total++;
}

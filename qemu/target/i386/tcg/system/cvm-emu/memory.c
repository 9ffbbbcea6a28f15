/*
 * Emulated confidential guests: the two copies of memory, launch and reset
 *
 * Launch and reset cost time for pages that were used only.  Launch copies
 * pages that the host has populated; reset returns both copies to the host.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qemu/bitmap.h"
#include "qemu/cutils.h"
#include "qemu/error-report.h"
#include "qemu/rcu.h"
#include "qemu/units.h"
#include "exec/address-spaces.h"
#include "exec/cputlb.h"
#include "exec/ram_addr.h"
#include "exec/tb-flush.h"
#include "hw/boards.h"
#include "hw/core/cpu.h"
#include "hw/i386/x86.h"
#include "system/reset.h"
#include "cvm-emu-internal.h"
#include "trace.h"

/*
 * Areas that SeaBIOS keeps: BIOS data, EBDA and ROM below 1 MiB; ACPI and
 * other tables at the end of low RAM.  Guests read them through shared
 * mappings.
 */
#define FIRMWARE_LOW  (1 * MiB)
#define FIRMWARE_HIGH (2 * MiB)

typedef struct LaunchStats {
    CvmEmu *s;
    int pagemap;
    uint64_t copied;
    uint64_t poisoned;
} LaunchStats;

void *cvm_emu_private_ptr(CvmEmu *s, uint64_t index)
{
    return s->private_host + (index << CVM_EMU_PAGE_BITS);
}

bool cvm_emu_is_cpu_root(MemoryRegion *mr)
{
    return mr == &cvm_emu->root;
}

bool cvm_emu_in_firmware_area(CvmEmu *s, hwaddr gpa)
{
    return gpa < FIRMWARE_LOW ||
           (gpa >= s->low_size - FIRMWARE_HIGH && gpa < s->low_size);
}

/*
 * Read which of @n pages at @host are populated.  If the host does not tell,
 * take all for populated; the caller then looks at the content.
 */
static void cvm_emu_read_pagemap(int fd, void *host, uint64_t n,
                                 uint64_t *entries)
{
    off_t at = (uintptr_t)host / CVM_EMU_PAGE_SIZE * sizeof(*entries);
    ssize_t size = n * sizeof(*entries);

    if (fd < 0 || pread(fd, entries, size, at) != size) {
        memset(entries, 0xff, size);
    }
}

/* Present or swapped: see the Linux admin guide, pagemap. */
static bool cvm_emu_pagemap_populated(uint64_t entry)
{
    return entry >> 62;
}

static void cvm_emu_launch_page(LaunchStats *st, uint64_t index, hwaddr gpa,
                                uint8_t *host, bool populated, bool writable)
{
    CvmEmu *s = st->s;
    bool firmware = cvm_emu_in_firmware_area(s, gpa);
    bool content = populated && !buffer_is_zero(host, CVM_EMU_PAGE_SIZE);

    if (content) {
        memcpy(cvm_emu_private_ptr(s, index), host, CVM_EMU_PAGE_SIZE);
        st->copied++;
    }
    if (content && writable && !firmware) {
        memset(host, s->poison, CVM_EMU_PAGE_SIZE);
        st->poisoned++;
    }
    /* SEV: the guest has yet to declare what the page is. */
    s->pages[index] = firmware || cvm_emu_sev ? CVM_EMU_PAGE_LAUNCH
                                              : CVM_EMU_PAGE_PRIVATE;
}

static bool cvm_emu_launch_range(Int128 start, Int128 length,
                                 const MemoryRegion *cmr, hwaddr offset,
                                 void *opaque)
{
    enum { BATCH = 4096 };
    g_autofree uint64_t *entries = g_new(uint64_t, BATCH);
    LaunchStats *st = opaque;
    MemoryRegion *mr = (MemoryRegion *)cmr;
    hwaddr gpa = int128_get64(start), size = int128_get64(length);
    uint8_t *host;
    uint64_t first, n;
    bool anonymous;
    int i;

    if (!memory_region_is_ram(mr) || memory_region_is_ram_device(mr) ||
        cvm_emu_page_index(st->s, gpa) == CVM_EMU_NO_PAGE) {
        return false;
    }
    g_array_append_val(st->s->ranges, ((CvmEmuRange) {
        .mr = mr, .offset = offset, .gpa = gpa, .size = size,
    }));
    host = (uint8_t *)memory_region_get_ram_ptr(mr) + offset;
    anonymous = memory_region_get_fd(mr) < 0;
    for (; size; size -= n * CVM_EMU_PAGE_SIZE) {
        n = MIN(size / CVM_EMU_PAGE_SIZE, BATCH);
        if (!n) {
            break;
        }
        first = cvm_emu_page_index(st->s, gpa);
        cvm_emu_read_pagemap(anonymous ? st->pagemap : -1, host, n, entries);
        for (i = 0; i < n; i++) {
            cvm_emu_launch_page(st, first + i, gpa, host,
                                cvm_emu_pagemap_populated(entries[i]),
                                !mr->readonly && !mr->rom_device);
            gpa += CVM_EMU_PAGE_SIZE;
            host += CVM_EMU_PAGE_SIZE;
        }
    }
    return false;
}

static void cvm_emu_flush_cpu(CPUState *cs, run_on_cpu_data data)
{
    tlb_flush(cs);
}

/* Called while no CPU runs guest code. */
static void cvm_emu_launch(CPUState *launcher, run_on_cpu_data data)
{
    LaunchStats st = { .s = cvm_emu };
    CvmEmu *s = cvm_emu;
    CPUState *cs;

    if (s->launched) {
        return;
    }
    st.pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
    WITH_QEMU_LOCK_GUARD(&s->lock) {
        g_array_set_size(s->ranges, 0);
        WITH_RCU_READ_LOCK_GUARD() {
            flatview_for_each_range(
                address_space_to_flatview(&address_space_memory),
                cvm_emu_launch_range, &st);
        }
        s->launches++;
        s->early = cvm_emu_sev;
        qatomic_set(&s->launched, true);
        cvm_emu_stats_sample(s);
    }
    if (st.pagemap >= 0) {
        close(st.pagemap);
    }
    /* Code in the shared copy may have been overwritten. */
    tb_flush(launcher);
    CPU_FOREACH(cs) {
        if (cs == launcher) {
            tlb_flush(cs);
        } else {
            async_run_on_cpu(cs, cvm_emu_flush_cpu, RUN_ON_CPU_NULL);
        }
    }
    trace_cvm_emu_launch(s->launches, st.copied, st.poisoned);
}

void cvm_emu_long_mode__slow(CPUX86State *env)
{
    if (!qatomic_read(&cvm_emu->launched) &&
        !qatomic_xchg(&cvm_emu->launch_pending, true)) {
        async_safe_run_on_cpu(env_cpu(env), cvm_emu_launch, RUN_ON_CPU_NULL);
    }
}

static void cvm_emu_discard(MemoryRegion *mr, hwaddr offset, hwaddr size)
{
    RAMBlock *rb = mr->ram_block;

    if (ram_block_discard_range(rb, offset, size)) {
        memset((uint8_t *)qemu_ram_get_host_addr(rb) + offset, 0, size);
    }
}

/*
 * A reset makes a new guest, so discard both copies of memory, but keep the
 * first MiB of the shared copy: SeaBIOS runs there, and the chipset does not
 * restore its ROM.  Guests use this area mostly through private mappings.
 *
 * Called with all CPUs stopped, before the loader fills memory.
 */
static void cvm_emu_reset(void *opaque)
{
    CvmEmu *s = opaque;
    int i;

    qatomic_set(&s->launch_pending, false);
    if (!s->launched) {
        return;
    }
    trace_cvm_emu_reset();
    qatomic_set(&s->launched, false);
    WITH_QEMU_LOCK_GUARD(&s->lock) {
        cvm_emu_report_pending(s);
        cvm_emu_count_reset(s);
        cvm_emu_stats_sample(s);
    }
    bitmap_zero(s->halted, MACHINE(qdev_get_machine())->smp.max_cpus);
    s->td_ctls = 0;
    s->notify_enables = 0;
    for (i = 0; i < s->ranges->len; i++) {
        CvmEmuRange *r = &g_array_index(s->ranges, CvmEmuRange, i);

        if (r->gpa >= FIRMWARE_LOW && !r->mr->readonly &&
            !r->mr->rom_device) {
            cvm_emu_discard(r->mr, r->offset, r->size);
        }
    }
    cvm_emu_discard(&s->ram, 0, memory_region_size(&s->ram));
    tb_flush(first_cpu);
}

void cvm_emu_overlay_moved__slow(MemoryRegion *mr, hwaddr gpa)
{
    CvmEmu *s = cvm_emu;
    MemoryRegion *alias = g_hash_table_lookup(s->overlays, mr);

    if (!alias) {
        alias = g_new0(MemoryRegion, 1);
        memory_region_init_alias(alias, OBJECT(s), "cvm-emu-overlay", mr, 0,
                                 memory_region_size(mr));
        g_hash_table_insert(s->overlays, mr, alias);
    }
    if (memory_region_is_mapped(alias)) {
        memory_region_del_subregion(&s->root, alias);
    }
    if (gpa) {
        memory_region_add_subregion_overlap(&s->root, CVM_EMU_WINDOW + gpa,
                                            alias, 1);
    }
}

static bool cvm_emu_check_machine(CvmEmu *s, Error **errp)
{
    MachineState *ms = MACHINE(qdev_get_machine());
    X86MachineState *x86ms;

    if (!object_dynamic_cast(OBJECT(ms), TYPE_X86_MACHINE)) {
        error_setg(errp, "cvm-emu: this machine has no support for it; "
                   "use -machine pc or q35");
        return false;
    }
    x86ms = X86_MACHINE(ms);
    if (x86_machine_is_smm_enabled(x86ms)) {
        error_setg(errp, "cvm-emu: system management mode is not supported; "
                   "use -machine smm=off");
        return false;
    }
    if (ms->maxram_size > ms->ram_size) {
        error_setg(errp, "cvm-emu: memory hotplug is not supported; "
                   "use -m without maxmem");
        return false;
    }
    return true;
}

MemoryRegion *cvm_emu_cpu_root__slow(MemoryRegion *mr, Error **errp)
{
    CvmEmu *s = cvm_emu;
    MachineState *ms = MACHINE(qdev_get_machine());

    if (ms->cgs != CONFIDENTIAL_GUEST_SUPPORT(s)) {
        /* cvm_emu_machine_done() reports this with the object's id. */
        return mr;
    }
    if (s->ready) {
        return &s->root;
    }
    if (!cvm_emu_check_machine(s, errp)) {
        return NULL;
    }
    memory_region_init(&s->root, OBJECT(s), "cvm-emu", UINT64_MAX);
    memory_region_init_alias(&s->system, OBJECT(s), "cvm-emu-system", mr, 0,
                             CVM_EMU_WINDOW);
    memory_region_add_subregion(&s->root, 0, &s->system);
    s->halted = bitmap_new(ms->smp.max_cpus);
    s->ranges = g_array_new(false, false, sizeof(CvmEmuRange));
    s->overlays = g_hash_table_new(NULL, NULL);
    qemu_register_reset(cvm_emu_reset, s);
    s->parent_obj.ready = true;
    s->ready = true;
    return &s->root;
}

static void cvm_emu_count_frames(CvmEmu *s)
{
    uint64_t i, gpa_end = s->low_size >> CVM_EMU_PAGE_BITS;

    for (i = 0; i < gpa_end; i++) {
        s->frame_pages[i / CVM_EMU_FRAME_PAGES]++;
    }
    for (i = s->low_pages; i < s->npages; i++) {
        s->frame_pages[i / CVM_EMU_FRAME_PAGES]++;
    }
}

/* Called when the machine is built, so that RAM has its size and place. */
void cvm_emu_memory_done(CvmEmu *s)
{
    X86MachineState *x86ms = X86_MACHINE(qdev_get_machine());
    uint64_t low, end;

    s->low_size = x86ms->below_4g_mem_size;
    s->high_size = x86ms->above_4g_mem_size;
    s->high_base = s->high_size ? x86ms->above_4g_mem_start : 4 * GiB;
    end = s->high_size ? s->high_base + s->high_size : s->low_size;
    if (end > MIN(cvm_emu_addr_bit, CVM_EMU_WINDOW)) {
        error_report("cvm-emu: RAM ends at 0x%" PRIx64 ", above bit %d of "
                     "the address; use less RAM or a higher bit", end,
                     ctz64(cvm_emu_addr_bit));
        exit(EXIT_FAILURE);
    }
    if (s->low_size < FIRMWARE_LOW + FIRMWARE_HIGH) {
        error_report("cvm-emu: RAM of less than %" PRIu64 " MiB is not "
                     "supported", (uint64_t)(FIRMWARE_LOW + FIRMWARE_HIGH) /
                     MiB);
        exit(EXIT_FAILURE);
    }

    low = ROUND_UP(s->low_size, CVM_EMU_FRAME_SIZE);
    s->low_pages = low >> CVM_EMU_PAGE_BITS;
    s->npages = s->low_pages + (s->high_size >> CVM_EMU_PAGE_BITS);
    s->nframes = DIV_ROUND_UP(s->npages, CVM_EMU_FRAME_PAGES);
    s->pages = g_new0(uint8_t, s->npages);
    s->frame_shared = g_new0(uint16_t, s->nframes);
    s->frame_pages = g_new0(uint16_t, s->nframes);
    cvm_emu_count_frames(s);

    memory_region_init_ram_nomigrate(&s->ram, OBJECT(s), "cvm-emu.private",
                                     low + s->high_size, &error_fatal);
    s->private_host = memory_region_get_ram_ptr(&s->ram);
    memory_region_init_alias(&s->ram_low, OBJECT(s), "cvm-emu-low", &s->ram,
                             0, s->low_size);
    memory_region_add_subregion(&s->root, CVM_EMU_WINDOW, &s->ram_low);
    if (s->high_size) {
        memory_region_init_alias(&s->ram_high, OBJECT(s), "cvm-emu-high",
                                 &s->ram, low, s->high_size);
        memory_region_add_subregion(&s->root, CVM_EMU_WINDOW + s->high_base,
                                    &s->ram_high);
    }
}

/*
 * Emulated confidential guests: CPU accesses and violations
 *
 * An access is checked when its translation enters the TLB.  It is carried
 * out in any case, on the copy of memory that its mapping asks for.  Code
 * that uses the wrong mapping reads garbage, as on hardware.
 *
 * In the early phase of SEV (pages.c), the guest may use a page through a
 * shared mapping although it has declared the page private.  Such an access
 * is a pending violation.  It is dropped when the guest requests to share the
 * page, and reported when the phase ends.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "qemu/osdep.h"
#include "qapi/qapi-types-cvm-emu.h"
#include "qemu/error-report.h"
#include "qemu/timer.h"
#include "exec/exec-all.h"
#include "exec/page-protection.h"
#include "hw/core/cpu.h"
#include "hw/i386/apic.h"
#include "hw/intc/ioapic.h"
#include "system/cpus.h"
#include "system/runstate.h"
#include "cvm-emu-internal.h"
#include "trace.h"

/* TPM interface (TCG PC Client Platform TPM Profile, "FIFO Interface") */
#define TPM_BASE 0xfed40000

/* Which copy a mapping asks for. */
typedef enum View {
    /* not a mapping: page tables, or paging is off */
    VIEW_NONE,
    VIEW_PRIVATE,
    VIEW_SHARED,
} View;

static View cvm_emu_view(CPUX86State *env, int mmu_idx, hwaddr paddr)
{
    bool bit = paddr & cvm_emu_addr_bit;

    if (mmu_idx == MMU_PHYS_IDX || mmu_idx == MMU_NESTED_IDX ||
        !(env->cr[0] & CR0_PG_MASK) || !(env->hflags & HF_LMA_MASK)) {
        return VIEW_NONE;
    }
    return bit == cvm_emu_sev ? VIEW_PRIVATE : VIEW_SHARED;
}

/*
 * Record the instruction that makes the access, and the time.  Translated
 * code continues after this, so put the state of the CPU back.
 *
 * Under -icount the clock may be read only where a translation block ends,
 * because the whole block is counted when it starts.  The restored state has
 * the count at this instruction.
 */
static void cvm_emu_where(CPUX86State *env, uintptr_t ra, CvmEmuViolation *v)
{
    CPUState *cs = env_cpu(env);
    target_ulong eip = env->eip;
    uint32_t cc_op = env->cc_op;
    uint16_t icount_left = cs->neg.icount_decr.u16.low;
    bool can_do_io = cs->neg.can_do_io;

    cpu_restore_state(cs, ra);
    cs->neg.can_do_io = true;
    v->time_ns = qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL);
    v->has_rip = true;
    v->rip = env->eip + env->segs[R_CS].base;

    cs->neg.can_do_io = can_do_io;
    cs->neg.icount_decr.u16.low = icount_left;
    env->eip = eip;
    env->cc_op = cc_op;
}

static CvmEmuAccess cvm_emu_access(MMUAccessType access)
{
    switch (access) {
    case MMU_DATA_STORE:
        return CVM_EMU_ACCESS_WRITE;
    case MMU_INST_FETCH:
        return CVM_EMU_ACCESS_FETCH;
    default:
        return CVM_EMU_ACCESS_READ;
    }
}

/* Warn of each of the first violations, then of one each second. */
static void cvm_emu_warn(CvmEmu *s, CvmEmuViolation *v)
{
    g_autoptr(GString) text = g_string_new(NULL);
    int64_t now = qemu_clock_get_ms(QEMU_CLOCK_REALTIME);

    if (!s->strict && s->cpu_violations + s->dma_violations > CVM_EMU_LOG_MAX &&
        now - s->warn_time < 1000) {
        s->warn_muted++;
        return;
    }
    s->warn_time = now;
    g_string_append_printf(text, "cvm-emu: %s %s gpa 0x%" PRIx64,
                           CvmEmuViolationType_str(v->type),
                           CvmEmuAccess_str(v->access), v->gpa);
    if (v->has_rip) {
        g_string_append_printf(text, " gva 0x%" PRIx64 " rip 0x%" PRIx64
                               " cpu %" PRId64, v->gva, v->rip, v->cpu);
    }
    if (v->device) {
        g_string_append_printf(text, " length %" PRIu64 " device %s",
                               v->length, v->device);
    }
    if (v->address) {
        g_string_append_printf(text, " at %s", v->address);
    }
    if (s->warn_muted) {
        g_string_append_printf(text, " (%" PRIu64 " more not shown)",
                               s->warn_muted);
        s->warn_muted = 0;
    }
    warn_report("%s", text->str);
}

/*
 * strict=on: let the main loop end QEMU in an orderly way.  This CPU stops at
 * the end of the current translation block.
 */
static void cvm_emu_stop(void)
{
    error_report("cvm-emu: stopping at the first violation (strict=on)");
    qemu_system_shutdown_request_with_code(SHUTDOWN_CAUSE_HOST_ERROR,
                                           EXIT_FAILURE);
    cpu_stop_current();
}

/**
 * cvm_emu_violation: count, log and report a violation
 * @s: the object, with its lock held
 * @v: the violation; the function takes it over
 */
void cvm_emu_violation(CvmEmu *s, CvmEmuViolation *v)
{
    bool dma = v->device;

    if (dma) {
        s->dma_violations++;
        trace_cvm_emu_dma_violation(CvmEmuViolationType_str(v->type),
                                    v->device, CvmEmuAccess_str(v->access),
                                    v->gpa, v->length);
    } else {
        s->cpu_violations++;
        trace_cvm_emu_cpu_violation(v->cpu, CvmEmuViolationType_str(v->type),
                                    CvmEmuAccess_str(v->access), v->rip,
                                    v->gva, v->gpa);
    }
    cvm_emu_warn(s, v);
    if (s->log->len < CVM_EMU_LOG_MAX) {
        g_ptr_array_add(s->log, v);
    } else {
        qapi_free_CvmEmuViolation(v);
    }
    if (s->strict && s->cpu_violations + s->dma_violations == 1) {
        cvm_emu_stop();
    }
}

void cvm_emu_drop_pending(CvmEmu *s, hwaddr gpa, hwaddr size)
{
    guint i = 0;

    while (i < s->pending->len) {
        CvmEmuViolation *v = g_ptr_array_index(s->pending, i);

        if (v->gpa - gpa < size) {
            qapi_free_CvmEmuViolation(v);
            g_ptr_array_remove_index(s->pending, i);
        } else {
            i++;
        }
    }
}

void cvm_emu_report_pending(CvmEmu *s)
{
    guint i;

    for (i = 0; i < s->pending->len; i++) {
        cvm_emu_violation(s, g_ptr_array_index(s->pending, i));
    }
    g_ptr_array_set_size(s->pending, 0);
}

static void cvm_emu_cpu_violation(CPUX86State *env, CvmEmuViolationType type,
                                  vaddr addr, hwaddr gpa,
                                  MMUAccessType access, uintptr_t ra,
                                  bool pending)
{
    CvmEmu *s = cvm_emu;
    CvmEmuViolation *v = g_new0(CvmEmuViolation, 1);

    v->type = type;
    v->access = cvm_emu_access(access);
    v->gpa = gpa;
    v->length = CVM_EMU_PAGE_SIZE;
    v->has_cpu = true;
    v->cpu = env_cpu(env)->cpu_index;
    cvm_emu_where(env, ra, v);
    v->has_gva = true;
    v->gva = addr;
    QEMU_LOCK_GUARD(&s->lock);
    if (pending) {
        g_ptr_array_add(s->pending, v);
    } else {
        cvm_emu_violation(s, v);
    }
}

/*
 * The guest uses a shared mapping of a page that is not shared.  Return true
 * for a violation; @pending tells whether it is only a pending one.
 */
static bool cvm_emu_use_shared(CvmEmu *s, uint64_t index, uint8_t page,
                               bool *pending)
{
    uint8_t flag = page & CVM_EMU_PAGE_DECLARED ? CVM_EMU_PAGE_INPLACE
                                                : CVM_EMU_PAGE_EARLY;

    *pending = false;
    if (!qatomic_read(&s->early)) {
        return (page & CVM_EMU_PAGE_STATE) != CVM_EMU_PAGE_LAUNCH;
    }
    if (page & (CVM_EMU_PAGE_EARLY | CVM_EMU_PAGE_INPLACE)) {
        return false;
    }
    WITH_QEMU_LOCK_GUARD(&s->lock) {
        s->pages[index] |= flag;
    }
    *pending = flag == CVM_EMU_PAGE_INPLACE;
    return *pending;
}

static void cvm_emu_check_shared(CPUX86State *env, vaddr addr, hwaddr gpa,
                                 MMUAccessType access, uintptr_t ra,
                                 uint64_t index, uint8_t page)
{
    bool pending;

    if (access == MMU_INST_FETCH) {
        cvm_emu_cpu_violation(env, CVM_EMU_VIOLATION_TYPE_FETCH_SHARED, addr,
                              gpa, access, ra, false);
        return;
    }
    if ((page & CVM_EMU_PAGE_STATE) == CVM_EMU_PAGE_SHARED ||
        cvm_emu_follow(cvm_emu, index, true)) {
        return;
    }
    if (cvm_emu_use_shared(cvm_emu, index, page, &pending)) {
        cvm_emu_cpu_violation(env, CVM_EMU_VIOLATION_TYPE_SHARED_TO_PRIVATE,
                              addr, gpa, access, ra, pending);
    }
}

static void cvm_emu_check_private(CPUX86State *env, vaddr addr, hwaddr gpa,
                                  MMUAccessType access, uintptr_t ra,
                                  uint64_t index, uint8_t page)
{
    switch (page & CVM_EMU_PAGE_STATE) {
    case CVM_EMU_PAGE_SHARED:
        if (cvm_emu_follow(cvm_emu, index, false)) {
            return;
        }
        cvm_emu_cpu_violation(env, CVM_EMU_VIOLATION_TYPE_PRIVATE_TO_SHARED,
                              addr, gpa, access, ra, false);
        break;
    case CVM_EMU_PAGE_UNACCEPTED:
        cvm_emu_cpu_violation(env, CVM_EMU_VIOLATION_TYPE_UNACCEPTED,
                              addr, gpa, access, ra, false);
        break;
    }
}

/*
 * Device memory that Linux maps as private, and rightly so.  The local APIC is
 * part of the CPU; in a TD, the TDX module handles it.  On Hyper-V, the I/O
 * APIC and the TPM do not belong to the root partition.
 */
static bool cvm_emu_is_private_mmio(CPUX86State *env, hwaddr gpa)
{
    uint64_t base = cpu_get_apic_base(env_archcpu(env)->apic_state);

    if (cvm_emu_vbs && (gpa == IO_APIC_DEFAULT_ADDRESS ||
                        gpa == TPM_BASE)) {
        return true;
    }
    return gpa == (base & MSR_IA32_APICBASE_BASE);
}

void cvm_emu_tlb_fill__slow(CPUX86State *env, vaddr addr,
                            MMUAccessType access, int mmu_idx, uintptr_t ra,
                            hwaddr *paddr, int *prot)
{
    CvmEmu *s = cvm_emu;
    View view = cvm_emu_view(env, mmu_idx, *paddr);
    hwaddr gpa = *paddr & ~cvm_emu_addr_bit;
    hwaddr page_gpa = gpa & ~(CVM_EMU_PAGE_SIZE - 1);
    uint64_t index;
    uint8_t page;

    *paddr = gpa;
    if (!qatomic_read(&s->launched)) {
        return;
    }
    index = cvm_emu_page_index(s, gpa);
    page = cvm_emu_page(s, index);
    if (page == CVM_EMU_PAGE_OTHER) {
        if (view == VIEW_PRIVATE && s->mmio_check &&
            !cvm_emu_is_private_mmio(env, page_gpa)) {
            cvm_emu_cpu_violation(env, CVM_EMU_VIOLATION_TYPE_MMIO_PRIVATE,
                                  addr, page_gpa, access, ra, false);
        }
        return;
    }
    if (view == VIEW_SHARED) {
        cvm_emu_check_shared(env, addr, page_gpa, access, ra, index, page);
        /* Let a fetch miss the TLB, so that it is checked, too. */
        if (access != MMU_INST_FETCH) {
            *prot &= ~PAGE_EXEC;
        }
        return;
    }
    cvm_emu_check_private(env, addr, page_gpa, access, ra, index, page);
    *paddr = gpa | CVM_EMU_WINDOW;
}

hwaddr cvm_emu_phys__slow(hwaddr addr)
{
    hwaddr gpa = addr & ~(cvm_emu_addr_bit | CVM_EMU_WINDOW);

    if (qatomic_read(&cvm_emu->launched) &&
        cvm_emu_page_state(cvm_emu, cvm_emu_page_index(cvm_emu, gpa)) !=
        CVM_EMU_PAGE_OTHER) {
        return gpa | CVM_EMU_WINDOW;
    }
    return gpa;
}

bool cvm_emu_copy_in_use__slow(hwaddr gpa, hwaddr *addr)
{
    hwaddr page = gpa & ~cvm_emu_addr_bit;
    CvmEmuPage state;

    *addr = page;
    if (!qatomic_read(&cvm_emu->launched)) {
        return true;
    }
    state = cvm_emu_page_state(cvm_emu, cvm_emu_page_index(cvm_emu, page));
    if (gpa & cvm_emu_addr_bit) {
        return state == CVM_EMU_PAGE_SHARED;
    }
    if (state != CVM_EMU_PAGE_SHARED && state != CVM_EMU_PAGE_OTHER) {
        *addr |= CVM_EMU_WINDOW;
    }
    return true;
}

hwaddr cvm_emu_gpa__slow(hwaddr addr)
{
    return addr & ~CVM_EMU_WINDOW;
}

hwaddr cvm_emu_debug_leaf__slow(CPUX86State *env, hwaddr addr)
{
    if (cvm_emu_view(env, 0, addr) == VIEW_SHARED) {
        return addr & ~cvm_emu_addr_bit;
    }
    return cvm_emu_phys__slow(addr);
}

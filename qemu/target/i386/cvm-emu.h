/*
 * Emulated confidential guests: hooks for the x86 CPU
 *
 * Each hook is an inline test of a global.  The global is set before the first
 * CPU is created and never changes afterwards.  Builds that cannot have a
 * cvm-emu object (user mode, no TCG, 32-bit only) get empty stubs.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef I386_CVM_EMU_H
#define I386_CVM_EMU_H

#include "cpu.h"
#include "exec/mmu-access-type.h"

#if !defined(CONFIG_USER_ONLY) && defined(CONFIG_TCG) && defined(TARGET_X86_64)

/* C-bit (SEV), S-bit (TDX) or vTOM bit (Hyper-V); 0 without cvm-emu object. */
extern uint64_t cvm_emu_addr_bit;
/* The guest is an SEV guest: VMMCALL reaches the emulated hypervisor. */
extern bool cvm_emu_sev;
/* The guest is a TDX guest: TDCALL exists. */
extern bool cvm_emu_tdx;
/* Hyper-V isolates the guest; its interface is in hyperv-tcg.h. */
extern bool cvm_emu_vbs;

/* Why the conversion of a list of pages ended. */
typedef enum CvmEmuListResult {
    /* the list ended, or the host asks for another call */
    CVM_EMU_LIST_OK,
    /* at a page that is not RAM */
    CVM_EMU_LIST_RANGE,
    /* at an injected fault */
    CVM_EMU_LIST_FAILED,
} CvmEmuListResult;

MemoryRegion *cvm_emu_cpu_root__slow(MemoryRegion *mr, Error **errp);
bool cvm_emu_check_cpu__slow(X86CPU *cpu, Error **errp);
void cvm_emu_cpu_features__slow(X86CPU *cpu);
bool cvm_emu_cpuid__slow(uint32_t leaf, uint32_t *eax, uint32_t *ebx,
                         uint32_t *ecx, uint32_t *edx);
void cvm_emu_long_mode__slow(CPUX86State *env);
void cvm_emu_tlb_fill__slow(CPUX86State *env, vaddr addr,
                            MMUAccessType access, int mmu_idx, uintptr_t ra,
                            hwaddr *paddr, int *prot);
hwaddr cvm_emu_phys__slow(hwaddr addr);
hwaddr cvm_emu_debug_leaf__slow(CPUX86State *env, hwaddr addr);
bool cvm_emu_halt_wake__slow(CPUState *cs);
void cvm_emu_vmmcall(CPUX86State *env);
bool cvm_emu_copy_in_use__slow(hwaddr gpa, hwaddr *addr);
void cvm_emu_overlay_moved__slow(MemoryRegion *mr, hwaddr gpa);
void cvm_emu_count_hypercall__slow(void);
CvmEmuListResult cvm_emu_convert_list(CPUState *cs, const uint64_t *pfns,
                                      unsigned n, bool to_shared, bool more,
                                      uint64_t *done);

/**
 * cvm_emu_cpu_root: root of the address space of a CPU
 * @mr: root without emulation
 * @errp: receives what is wrong with the configuration
 *
 * Return: @mr, a region that also has private memory, or NULL on error.
 */
static inline MemoryRegion *cvm_emu_cpu_root(MemoryRegion *mr, Error **errp)
{
    return cvm_emu_addr_bit ? cvm_emu_cpu_root__slow(mr, errp) : mr;
}

/**
 * cvm_emu_check_cpu: refuse a CPU model that does not fit the platform
 * @cpu: CPU being realized, its features are final
 * @errp: receives the reason
 */
static inline bool cvm_emu_check_cpu(X86CPU *cpu, Error **errp)
{
    return !cvm_emu_addr_bit || cvm_emu_check_cpu__slow(cpu, errp);
}

/**
 * cvm_emu_cpu_features: adjust features and CPUID levels to the platform
 * @cpu: CPU whose features are being expanded
 */
static inline void cvm_emu_cpu_features(X86CPU *cpu)
{
    if (cvm_emu_addr_bit) {
        cvm_emu_cpu_features__slow(cpu);
    }
}

/**
 * cvm_emu_cpuid: answer the platform's own CPUID leaves
 * @leaf: CPUID leaf
 * @eax: result
 * @ebx: result
 * @ecx: result
 * @edx: result
 *
 * Return: true if @leaf is one of them.
 */
static inline bool cvm_emu_cpuid(uint32_t leaf, uint32_t *eax, uint32_t *ebx,
                                 uint32_t *ecx, uint32_t *edx)
{
    return cvm_emu_addr_bit &&
           cvm_emu_cpuid__slow(leaf, eax, ebx, ecx, edx);
}

/**
 * cvm_emu_rdmsr_sev_status: value of MSR C001_0131
 *
 * Return: bit 0 set if SEV is active (AMD APM volume 2, 15.34.10).
 */
static inline uint64_t cvm_emu_rdmsr_sev_status(void)
{
    return cvm_emu_sev;
}

/**
 * cvm_emu_long_mode: a CPU enters long mode
 * @env: the CPU
 *
 * The first time after a reset, this launches the confidential guest.
 */
static inline void cvm_emu_long_mode(CPUX86State *env)
{
    if (cvm_emu_addr_bit) {
        cvm_emu_long_mode__slow(env);
    }
}

/**
 * cvm_emu_tlb_fill: choose the copy of memory and check the access
 * @env: the CPU
 * @addr: virtual address
 * @access: kind of access
 * @mmu_idx: MMU index of the access
 * @ra: host return address, for the instruction pointer
 * @paddr: guest physical address with the platform's bit; receives the
 *         address in the CPU's address space
 * @prot: protection for the TLB entry
 */
static inline void cvm_emu_tlb_fill(CPUX86State *env, vaddr addr,
                                    MMUAccessType access, int mmu_idx,
                                    uintptr_t ra, hwaddr *paddr, int *prot)
{
    if (unlikely(cvm_emu_addr_bit)) {
        cvm_emu_tlb_fill__slow(env, addr, access, mmu_idx, ra, paddr, prot);
    }
}

/**
 * cvm_emu_phys: find page tables and other structures of the CPU itself
 * @addr: guest physical address, with or without the platform's bit
 *
 * Return: the address in the CPU's address space.
 */
static inline hwaddr cvm_emu_phys(hwaddr addr)
{
    return unlikely(cvm_emu_addr_bit) ? cvm_emu_phys__slow(addr) : addr;
}

/**
 * cvm_emu_debug_leaf: cvm_emu_tlb_fill() for debuggers, without checks
 * @env: the CPU
 * @addr: guest physical address with the platform's bit
 *
 * Return: the address in the CPU's address space.
 */
static inline hwaddr cvm_emu_debug_leaf(CPUX86State *env, hwaddr addr)
{
    return unlikely(cvm_emu_addr_bit) ? cvm_emu_debug_leaf__slow(env, addr)
                                      : addr;
}

/**
 * cvm_emu_halt_wake: does an interrupt wake a CPU that has RFLAGS.IF clear?
 * @cs: halted CPU
 *
 * A TDX guest halts by TDG.VP.VMCALL, with interrupts disabled.
 */
static inline bool cvm_emu_halt_wake(CPUState *cs)
{
    return cvm_emu_tdx && cvm_emu_halt_wake__slow(cs);
}

/**
 * cvm_emu_copy_in_use: find the copy of a page that the guest uses
 * @gpa: guest physical address, with or without the platform's bit
 * @addr: receives the address in the CPU's address space
 *
 * For a hypervisor that the guest trusts with private memory; not for devices.
 *
 * Return: false if the bit says shared and the page is not.
 */
static inline bool cvm_emu_copy_in_use(hwaddr gpa, hwaddr *addr)
{
    if (unlikely(cvm_emu_addr_bit)) {
        return cvm_emu_copy_in_use__slow(gpa, addr);
    }
    *addr = gpa;
    return true;
}

/**
 * cvm_emu_overlay_moved: the hypervisor covers a page of the guest
 * @mr: memory that covers the page; it is in the system memory already
 * @gpa: address of the page, or 0 for none
 *
 * The guest sees @mr through private and through shared mappings.  Called with
 * the BQL held, in a memory transaction.
 */
static inline void cvm_emu_overlay_moved(MemoryRegion *mr, hwaddr gpa)
{
    if (cvm_emu_addr_bit) {
        cvm_emu_overlay_moved__slow(mr, gpa);
    }
}

/**
 * cvm_emu_count_hypercall: the guest makes a hypercall to Hyper-V
 */
static inline void cvm_emu_count_hypercall(void)
{
    if (cvm_emu_addr_bit) {
        cvm_emu_count_hypercall__slow();
    }
}

#else

#define cvm_emu_addr_bit UINT64_C(0)
#define cvm_emu_sev false
#define cvm_emu_tdx false
#define cvm_emu_vbs false

static inline bool cvm_emu_check_cpu(X86CPU *cpu, Error **errp)
{
    return true;
}

static inline void cvm_emu_cpu_features(X86CPU *cpu)
{
}

static inline bool cvm_emu_cpuid(uint32_t leaf, uint32_t *eax, uint32_t *ebx,
                                 uint32_t *ecx, uint32_t *edx)
{
    return false;
}

static inline uint64_t cvm_emu_rdmsr_sev_status(void)
{
    return 0;
}

static inline void cvm_emu_long_mode(CPUX86State *env)
{
}

static inline void cvm_emu_vmmcall(CPUX86State *env)
{
}

static inline bool cvm_emu_halt_wake(CPUState *cs)
{
    return false;
}

#ifndef CONFIG_USER_ONLY
static inline MemoryRegion *cvm_emu_cpu_root(MemoryRegion *mr, Error **errp)
{
    return mr;
}

static inline void cvm_emu_tlb_fill(CPUX86State *env, vaddr addr,
                                    MMUAccessType access, int mmu_idx,
                                    uintptr_t ra, hwaddr *paddr, int *prot)
{
}

static inline hwaddr cvm_emu_phys(hwaddr addr)
{
    return addr;
}

static inline hwaddr cvm_emu_debug_leaf(CPUX86State *env, hwaddr addr)
{
    return addr;
}
#endif

#endif
#endif

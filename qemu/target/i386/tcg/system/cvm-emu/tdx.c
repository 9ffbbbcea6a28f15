/*
 * Emulated confidential guests: the interface of the TDX module and its host
 *
 * TDCALL leaves and status codes: Intel TDX Module ABI specification.
 * TDG.VP.VMCALL sub-functions: Intel TDX Guest-Hypervisor Communication
 * Interface (GHCI).  Instructions that raise #VE on hardware work natively
 * here.  The sub-functions that stand for them exist nevertheless.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "qemu/osdep.h"
#include "qemu/bitops.h"
#include "qemu/error-report.h"
#include "qemu/main-loop.h"
#include "exec/address-spaces.h"
#include "exec/exec-all.h"
#include "exec/helper-proto.h"
#include "exec/ioport.h"
#include "hw/boards.h"
#include "hw/core/cpu.h"
#include "system/runstate.h"
#include "tcg/helper-tcg.h"
#include "cvm-emu-internal.h"
#include "trace.h"

/* TDCALL leaves */
#define TDG_VP_VMCALL       0
#define TDG_VP_INFO         1
#define TDG_VP_VEINFO_GET   3
#define TDG_MEM_PAGE_ACCEPT 6
#define TDG_VM_RD           7
#define TDG_VM_WR           8

/* Completion status; the low 32 bits name the operand or its level */
#define TDX_SUCCESS               0
#define TDX_OPERAND_INVALID       0xc000010000000000ULL
#define TDX_NO_VE_INFO            0xc000070400000000ULL
#define TDX_PAGE_ALREADY_ACCEPTED 0x00000b0a00000000ULL
#define TDX_FIELD_ID_INCORRECT    0xc0000c0000000000ULL
#define TDX_OPERAND_RAX 0
#define TDX_OPERAND_RCX 1
#define TDX_OPERAND_RDX 2

#define TD_ATTR_SEPT_VE_DISABLE (1ULL << 28)

/* Metadata fields of the TD */
#define TDCS_CONFIG_FLAGS             0x1110000300000016ULL
#define TDCS_TD_CTLS                  0x1110000300000017ULL
#define TDCS_NOTIFY_ENABLES           0x9100000000000010ULL
#define TDCS_TOPOLOGY_ENUM_CONFIGURED 0x9100000000000019ULL

/* TDG.VP.VMCALL sub-functions; small numbers are VMX exit reasons */
#define VMCALL_CPUID        10
#define VMCALL_HLT          12
#define VMCALL_IO           30
#define VMCALL_RDMSR        31
#define VMCALL_WRMSR        32
#define VMCALL_MMIO         48
#define VMCALL_INFO         0x10000
#define VMCALL_MAP_GPA      0x10001
#define VMCALL_FATAL_ERROR  0x10003

#define VMCALL_SUCCESS         0
#define VMCALL_RETRY           1
#define VMCALL_INVALID_OPERAND 0x8000000000000000ULL
#define VMCALL_ALIGN_ERROR     0x8000000000000002ULL
#define VMCALL_UNSUPPORTED     0x8000000000000003ULL

static uint64_t vmcall_map_gpa(CPUX86State *env)
{
    target_ulong *r = env->regs;
    hwaddr gpa = r[12] & ~cvm_emu_addr_bit;
    uint64_t done;

    if (r[13] & (CVM_EMU_PAGE_SIZE - 1)) {
        WITH_QEMU_LOCK_GUARD(&cvm_emu->lock) {
            cvm_emu->failed++;
        }
        r[11] = r[12];
        return VMCALL_ALIGN_ERROR;
    }
    switch (cvm_emu_convert(cvm_emu, env_cpu(env), gpa,
                            r[13] >> CVM_EMU_PAGE_BITS,
                            r[12] & cvm_emu_addr_bit, &done)) {
    case CVM_EMU_OK:
        r[11] = 0;
        return VMCALL_SUCCESS;
    case CVM_EMU_FAILED:
        r[11] = r[12] + (done << CVM_EMU_PAGE_BITS);
        return VMCALL_INVALID_OPERAND;
    case CVM_EMU_RETRY:
        r[11] = r[12] + (done << CVM_EMU_PAGE_BITS);
        return VMCALL_RETRY;
    case CVM_EMU_ALIGN:
        r[11] = r[12];
        return VMCALL_ALIGN_ERROR;
    default:
        r[11] = r[12];
        return VMCALL_INVALID_OPERAND;
    }
}

static uint64_t vmcall_io(CPUX86State *env)
{
    target_ulong *r = env->regs;
    uint64_t size = r[12], port = r[14] & 0xffff;
    MemOp op = size_memop(size);
    uint8_t data[4];

    if (size != 1 && size != 2 && size != 4) {
        return VMCALL_INVALID_OPERAND;
    }
    if (r[13]) {
        stn_le_p(data, size, r[15]);
        address_space_write(&address_space_io, port,
                            cpu_get_mem_attrs(env), data, 1 << op);
        return VMCALL_SUCCESS;
    }
    address_space_read(&address_space_io, port, cpu_get_mem_attrs(env),
                       data, 1 << op);
    r[11] = ldn_le_p(data, size);
    return VMCALL_SUCCESS;
}

static uint64_t vmcall_mmio(CPUX86State *env)
{
    target_ulong *r = env->regs;
    hwaddr gpa = r[14] & ~cvm_emu_addr_bit;
    uint64_t size = r[12];
    MemTxResult result;
    uint8_t data[8];

    if (size != 1 && size != 2 && size != 4 && size != 8) {
        return VMCALL_INVALID_OPERAND;
    }
    if (r[13]) {
        stn_le_p(data, size, r[15]);
        result = address_space_write(env_cpu(env)->as, gpa,
                                     cpu_get_mem_attrs(env), data, size);
    } else {
        result = address_space_read(env_cpu(env)->as, gpa,
                                    cpu_get_mem_attrs(env), data, size);
        r[11] = ldn_le_p(data, size);
    }
    return result == MEMTX_OK ? VMCALL_SUCCESS : VMCALL_INVALID_OPERAND;
}

static uint64_t vmcall_cpuid(CPUX86State *env)
{
    target_ulong *r = env->regs;
    uint32_t out[4];

    cpu_x86_cpuid(env, r[12], r[13], &out[0], &out[1], &out[2], &out[3]);
    r[12] = out[0];
    r[13] = out[1];
    r[14] = out[2];
    r[15] = out[3];
    return VMCALL_SUCCESS;
}

/* Call the helpers of RDMSR and WRMSR, and restore the registers they use. */
static uint64_t vmcall_msr(CPUX86State *env, bool write)
{
    target_ulong *r = env->regs;
    target_ulong rax = r[R_EAX], rcx = r[R_ECX], rdx = r[R_EDX];

    r[R_ECX] = r[12];
    if (write) {
        r[R_EAX] = (uint32_t)r[13];
        r[R_EDX] = r[13] >> 32;
        helper_wrmsr(env);
    } else {
        helper_rdmsr(env);
        r[11] = deposit64(r[R_EAX], 32, 32, r[R_EDX]);
    }
    r[R_EAX] = rax;
    r[R_ECX] = rcx;
    r[R_EDX] = rdx;
    return VMCALL_SUCCESS;
}

/*
 * R12 tells whether interrupts are blocked while the CPU halts.  If they are
 * not, an interrupt must wake the CPU although RFLAGS.IF is clear.
 */
static void vmcall_hlt(CPUX86State *env, int insn_len)
{
    CPUState *cs = env_cpu(env);

    if (env->regs[12]) {
        clear_bit_atomic(cs->cpu_index, cvm_emu->halted);
    } else {
        set_bit_atomic(cs->cpu_index, cvm_emu->halted);
    }
    env->regs[10] = VMCALL_SUCCESS;
    env->eip += insn_len;
    helper_hlt(env);
}

bool cvm_emu_halt_wake__slow(CPUState *cs)
{
    return cvm_emu->halted &&
           test_bit(cs->cpu_index, cvm_emu->halted) &&
           (cs->interrupt_request & CPU_INTERRUPT_HARD);
}

/* The guest gave up: R12 holds a code, the other registers may hold text. */
static void vmcall_fatal_error(CPUX86State *env)
{
    static const int text[] = { 14, 15, R_EBX, R_EDI, R_ESI, 8, 9, R_EDX };
    char message[sizeof(uint64_t) * ARRAY_SIZE(text) + 1] = "";
    int i;

    for (i = 0; i < ARRAY_SIZE(text) && env->regs[12] & (1ULL << 63); i++) {
        stq_le_p(message + i * sizeof(uint64_t), env->regs[text[i]]);
    }
    for (i = 0; message[i]; i++) {
        message[i] = g_ascii_isprint(message[i]) ? message[i] : '?';
    }
    error_report("cvm-emu: the guest reports fatal error 0x%" PRIx64 " %s",
                 (uint64_t)env->regs[12], message);
    qemu_system_shutdown_request_with_code(SHUTDOWN_CAUSE_GUEST_PANIC,
                                           EXIT_FAILURE);
    env_cpu(env)->stop = true;
    cpu_exit(env_cpu(env));
}

static uint64_t vmcall(CPUX86State *env, int insn_len)
{
    target_ulong *r = env->regs;

    if (r[10]) {
        /* A vendor's own interface: the host has none. */
        return VMCALL_UNSUPPORTED;
    }
    switch (r[11]) {
    case VMCALL_CPUID:
        return vmcall_cpuid(env);
    case VMCALL_HLT:
        vmcall_hlt(env, insn_len);
        g_assert_not_reached();
    case VMCALL_IO:
        return vmcall_io(env);
    case VMCALL_RDMSR:
        return vmcall_msr(env, false);
    case VMCALL_WRMSR:
        return vmcall_msr(env, true);
    case VMCALL_MMIO:
        return vmcall_mmio(env);
    case VMCALL_INFO:
        r[11] = r[12] = r[13] = r[14] = 0;
        return VMCALL_SUCCESS;
    case VMCALL_MAP_GPA:
        return vmcall_map_gpa(env);
    case VMCALL_FATAL_ERROR:
        vmcall_fatal_error(env);
        return VMCALL_SUCCESS;
    default:
        return VMCALL_UNSUPPORTED;
    }
}

static uint64_t tdg_vp_vmcall(CPUX86State *env, int insn_len)
{
    target_ulong *r = env->regs;
    uint64_t function = r[11], r12 = r[12], r13 = r[13];

    WITH_QEMU_LOCK_GUARD(&cvm_emu->lock) {
        cvm_emu->hypercalls.total++;
    }
    r[10] = vmcall(env, insn_len);
    trace_cvm_emu_tdvmcall(env_cpu(env)->cpu_index, function, r12, r13,
                           r[10]);
    return TDX_SUCCESS;
}

static uint64_t tdg_vp_info(CPUX86State *env)
{
    target_ulong *r = env->regs;
    MachineState *ms = MACHINE(qdev_get_machine());

    r[R_ECX] = cvm_emu->gpaw;
    r[R_EDX] = TD_ATTR_SEPT_VE_DISABLE;
    r[8] = ms->smp.cpus | (uint64_t)ms->smp.max_cpus << 32;
    r[9] = env_cpu(env)->cpu_index;
    r[10] = r[11] = 0;
    return TDX_SUCCESS;
}

static uint64_t tdg_mem_page_accept(CPUX86State *env)
{
    uint64_t operand = env->regs[R_ECX];
    uint64_t level = operand & 7;
    hwaddr gpa = operand & ~(CVM_EMU_PAGE_SIZE - 1);
    uint64_t npages = 1ULL << (9 * level);

    if (level > 2 || (operand & 0xff8) || (gpa & cvm_emu_addr_bit) ||
        (gpa >> CVM_EMU_PAGE_BITS) & (npages - 1)) {
        return TDX_OPERAND_INVALID | TDX_OPERAND_RCX;
    }
    switch (cvm_emu_accept(cvm_emu, gpa, npages)) {
    case 0:
        return TDX_SUCCESS;
    case -EALREADY:
        return TDX_PAGE_ALREADY_ACCEPTED | level;
    default:
        return TDX_OPERAND_INVALID | TDX_OPERAND_RCX;
    }
}

static bool tdg_field(uint64_t id, uint64_t *value, uint64_t **writable)
{
    switch (id) {
    case TDCS_CONFIG_FLAGS:
        *value = 0;
        *writable = NULL;
        return true;
    case TDCS_TOPOLOGY_ENUM_CONFIGURED:
        *value = 1;
        *writable = NULL;
        return true;
    case TDCS_TD_CTLS:
        *writable = &cvm_emu->td_ctls;
        break;
    case TDCS_NOTIFY_ENABLES:
        *writable = &cvm_emu->notify_enables;
        break;
    default:
        return false;
    }
    *value = **writable;
    return true;
}

static uint64_t tdg_vm_access(CPUX86State *env, bool write)
{
    target_ulong *r = env->regs;
    uint64_t value, *writable;

    QEMU_LOCK_GUARD(&cvm_emu->lock);
    if (!tdg_field(r[R_EDX], &value, &writable) || (write && !writable)) {
        r[8] = 0;
        return TDX_FIELD_ID_INCORRECT | TDX_OPERAND_RDX;
    }
    if (write) {
        *writable = (value & ~r[9]) | (r[8] & r[9]);
    }
    r[8] = value;
    return TDX_SUCCESS;
}

void helper_tdcall(CPUX86State *env, int insn_len)
{
    uint64_t leaf = env->regs[R_EAX], status;

    switch (leaf) {
    case TDG_VP_VMCALL:
        env->regs[R_EAX] = TDX_SUCCESS;
        status = tdg_vp_vmcall(env, insn_len);
        break;
    case TDG_VP_INFO:
        status = tdg_vp_info(env);
        break;
    case TDG_VP_VEINFO_GET:
        status = TDX_NO_VE_INFO;
        break;
    case TDG_MEM_PAGE_ACCEPT:
        status = tdg_mem_page_accept(env);
        break;
    case TDG_VM_RD:
        status = tdg_vm_access(env, false);
        break;
    case TDG_VM_WR:
        status = tdg_vm_access(env, true);
        break;
    default:
        status = TDX_OPERAND_INVALID | TDX_OPERAND_RAX;
    }
    trace_cvm_emu_tdcall(env_cpu(env)->cpu_index, leaf, status);
    env->regs[R_EAX] = status;
}

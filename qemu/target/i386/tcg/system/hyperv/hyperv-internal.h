/*
 * Hyper-V's interface under TCG: shared by the files in this directory
 *
 * QEMU is the hypervisor here: it answers CPUID leaves and synthetic MSRs,
 * serves hypercalls and has a synthetic interrupt controller (SynIC), whose
 * generic part is hw/hyperv/hyperv.c.  References to "TLFS" are to the
 * Hypervisor Top Level Functional Specification.
 *
 * Guest memory.  The hypervisor reads and writes it as the CPU does that
 * asked for it, through that CPU's address space, and RAM only.  In an
 * isolated guest (cvm-emu, kind hyperv-vbs) it finds a page in the copy that
 * is in use, private or shared: VBS isolates the guest from the host's root
 * partition, not from the hypervisor.  Devices are part of the root partition;
 * they go through their own address spaces, which the audit watches.
 *
 * Locking.  A virtual processor's registers are written by its own thread, or
 * when all stand still.  Others read only what the SynIC needs to deliver an
 * interrupt, with the BQL held; these are written with it held.
 * The registers of the partition are protected by the BQL.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef HYPERV_INTERNAL_H
#define HYPERV_INTERNAL_H

#include "cpu.h"
#include "hyperv-tcg.h"
#include "hw/hyperv/hyperv-proto.h"

#define HV_PAGE_BITS 12
#define HV_PAGE_SIZE (1ULL << HV_PAGE_BITS)
#define HV_PAGE_MASK (~(HV_PAGE_SIZE - 1))

/* TLFS, "Partition Reference Time": in units of 100 ns. */
#define HV_REF_TIME_NS 100

/* Registers of the partition. */
typedef struct HvPartition {
    uint64_t guest_os_id;
    uint64_t hypercall;
    uint64_t reference_tsc;
} HvPartition;

/* Registers of a virtual processor; survive INIT, unlike those in env. */
typedef struct HvVp {
    uint64_t vp_assist;
    uint64_t scontrol;
    uint64_t siefp;
    uint64_t simp;
    uint64_t sint[HV_SINT_COUNT];
} HvVp;

extern HvPartition hv_partition;

/* cpu.c */
HvVp *hv_vp(CPUState *cs);

/* memory.c */
bool hv_gpa_valid(CPUX86State *env, hwaddr gpa);
bool hv_guest_read(CPUX86State *env, hwaddr gpa, void *data, size_t size);
bool hv_guest_write(CPUX86State *env, hwaddr gpa, const void *data,
                    size_t size);

/* synic.c */
void hv_synic_init(void);
void hv_synic_reset_vp(X86CPU *cpu);
bool hv_synic_rdmsr(CPUX86State *env, uint32_t msr, uint64_t *value);
bool hv_synic_wrmsr(CPUX86State *env, uint32_t msr, uint64_t value);

/* visibility.c */
uint64_t hv_modify_host_visibility(CPUX86State *env, uint64_t control,
                                   uint64_t input);

/* A hypercall's control and result values (TLFS, "Hypercall Inputs"). */
#define HV_CONTROL_CODE(c)      extract64(c, 0, 16)
#define HV_CONTROL_FAST(c)      extract64(c, 16, 1)
#define HV_CONTROL_VARHEAD(c)   extract64(c, 17, 10)
#define HV_CONTROL_RESERVED     0xf000f000f8000000ULL
#define HV_CONTROL_REP_COUNT(c) extract64(c, 32, 12)
#define HV_CONTROL_REP_START(c) extract64(c, 48, 12)
#define HV_RESULT(status, reps) ((status) | (uint64_t)(reps) << 32)

#define HV_STATUS_INVALID_PARTITION_ID 13

#endif

/*
 * Hyper-V's interface under TCG: shared by the files in this directory
 *
 * QEMU is the hypervisor here.  It answers CPUID leaves and synthetic MSRs,
 * serves hypercalls and has a synthetic interrupt controller (SynIC).  The
 * generic part of the SynIC is hw/hyperv/hyperv.c.  "TLFS" is the Hypervisor
 * Top Level Functional Specification.
 *
 * Guest memory.  The hypervisor uses the address space of the CPU that made
 * the request, and RAM only.  In an isolated guest (cvm-emu, kind hyperv-vbs)
 * it uses the copy of the page that is in use, private or shared: VBS isolates
 * the guest from the host's root partition, not from the hypervisor.  Devices
 * belong to the root partition.  They use their own address spaces, and the
 * audit watches these.
 *
 * Locking.  A virtual processor's own thread writes its registers, or any
 * thread while no CPU runs.  Other threads read only the registers that the
 * SynIC needs to deliver an interrupt; these are read and written with the BQL
 * held.  The BQL protects the registers of the partition.
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

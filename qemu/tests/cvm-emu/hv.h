/*
 * The bare guest: Hyper-V's interface
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef HV_H
#define HV_H

#include "guest.h"

#define HV_GUEST_OS_ID   0x40000000
#define HV_HYPERCALL     0x40000001
#define HV_VP_INDEX      0x40000002
#define HV_RESET         0x40000003
#define HV_TIME_REF      0x40000020
#define HV_REF_TSC       0x40000021
#define HV_TSC_FREQUENCY 0x40000022
#define HV_VP_ASSIST     0x40000073
#define HV_SCONTROL      0x40000080
#define HV_SVERSION      0x40000081
#define HV_SIEFP         0x40000082
#define HV_SIMP          0x40000083
#define HV_EOM           0x40000084
#define HV_SINT(n)       (0x40000090 + (n))
#define HV_STIMER0       0x400000b0

#define HV_OK               0
#define HV_INVALID_CODE     2
#define HV_INVALID_INPUT    3
#define HV_ALIGNMENT        4
#define HV_PARAMETER        5
#define HV_MEMORY           11
#define HV_PARTITION_ID     13
#define HV_PORT_ID          17
#define HV_CONNECTION_ID    18

#define HV_POST_MESSAGE     0x5cULL
#define HV_SIGNAL_EVENT     0x5dULL
#define HV_VISIBILITY       0xdbULL
#define HV_FAST             (1ULL << 16)
#define HV_REPS(count, start) \
    ((uint64_t)(count) << 32 | (uint64_t)(start) << 48)
#define HV_MAX_REPS         510

#define STATUS(result)      ((result) & 0xffff)
#define REPS_DONE(result)   ((result) >> 32 & 0xfff)

/* Pages below the arena that the cases do not convert. */
#define HV_CALL_PAGE  (ARENA - FRAME / 2)
#define HV_INPUT      (HV_CALL_PAGE + PAGE)
#define HV_SIMP_PAGE  (HV_CALL_PAGE + 2 * PAGE)
#define HV_SIEFP_PAGE (HV_CALL_PAGE + 3 * PAGE)

struct visibility {
    uint64_t partition;
    uint32_t visibility;
    uint32_t reserved;
    uint64_t pfn[HV_MAX_REPS];
};

typedef volatile struct visibility mem_visibility;  /* see guest.h */

struct post_message {
    uint32_t connection;
    uint32_t reserved;
    uint32_t type;
    uint32_t size;
    uint8_t payload[240];
};

typedef volatile struct post_message mem_post_message;  /* see guest.h */

struct message {
    uint32_t type;
    uint8_t size;
    uint8_t flags;
    uint16_t reserved;
    uint64_t sender;
    uint8_t payload[240];
};

typedef volatile struct message mem_message;    /* see guest.h */

/* hv-lib.c */
void cpuid(uint32_t leaf, uint32_t out[4]);
uint64_t rdmsr(uint32_t msr);
void wrmsr(uint32_t msr, uint64_t value);
uint64_t hypercall(uint64_t control, uint64_t input);
mem_visibility *visibility_input(bool to_shared);
void expect(uint64_t have, uint64_t want, const char *what);

/* in assembly: start.S, trap.c */
extern uint64_t user_gdt[], low_private[];
extern char trap_ud[], trap_gp[];
extern uint32_t tss[];

/* trap.c: returns the vector of the exception, or 0 */
int try_rdmsr(uint32_t msr, uint64_t *value);
int try_wrmsr(uint32_t msr, uint64_t value);
int try_hypercall(bool vmcall, uint64_t control, uint64_t input,
                  uint64_t *result);
int try_user_hypercall(bool vmcall);
void set_handler(int vector, void (*handler)(void *frame));

#endif

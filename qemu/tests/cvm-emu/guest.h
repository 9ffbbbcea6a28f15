/*
 * The bare guest: shared by its files
 *
 * Each run of the guest is one case, named on the command line.  The guest
 * checks data and return values and prints "ok" or "FAIL" lines; the runner
 * compares the emulator's statistics with what the case did.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef GUEST_H
#define GUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PAGE   4096ULL
#define FRAME  (2ULL << 20)
#define SHARED_VIEW (512ULL << 30)
/* Free RAM of the cases: 32 MiB to 64 MiB, all in 2 MiB frames. */
#define ARENA  (32ULL << 20)
#define POISON 0xcc

/* Memory and registers: the compiler must keep each access. */
typedef volatile uint8_t mem_u8;    /* see above */
typedef volatile uint16_t mem_u16;  /* see above */
typedef volatile uint32_t mem_u32;  /* see above */
typedef volatile uint64_t mem_u64;  /* see above */
typedef volatile int mem_int;       /* see above */

struct test_case {
    const char *name;
    void (*run)(void);
};

extern const struct test_case cases[];
extern uint32_t mbi, bit, private_high, hyperv;
extern char ap_start[], ap_end[], __image_start[], __image_end[];

static inline mem_u8 *private_view(uint64_t gpa)
{
    return (mem_u8 *)gpa;
}

static inline mem_u8 *shared_view(uint64_t gpa)
{
    return (mem_u8 *)(SHARED_VIEW + gpa);
}

static inline void outb(uint16_t port, uint8_t v)
{
    asm volatile("outb %0, %1" : : "a"(v), "Nd"(port));
}

static inline uint8_t inb(uint16_t port)
{
    uint8_t v;

    asm volatile("inb %1, %0" : "=a"(v) : "Nd"(port));
    return v;
}

static inline void outl(uint16_t port, uint32_t v)
{
    asm volatile("outl %0, %1" : : "a"(v), "Nd"(port));
}

static inline uint32_t inl(uint16_t port)
{
    uint32_t v;

    asm volatile("inl %1, %0" : "=a"(v) : "Nd"(port));
    return v;
}

/* console.c, also part of ../vmbus */
void print(const char *s);
void print_hex(const char *name, uint64_t v);
void check(bool good, const char *what);
void finish(void) __attribute__((noreturn));

/* lib.c */
bool is_sev(void);
bool is_hyperv(void);
uint64_t vmmcall(uint64_t nr, uint64_t a, uint64_t b, uint64_t c);
uint64_t tdcall(uint64_t leaf, uint64_t rcx, uint64_t rdx);
/* R11 after the last tdvmcall(), and the same for hv_request() */
extern uint64_t vmcall_r11;
uint64_t tdvmcall(uint64_t function, uint64_t r12, uint64_t r13);
uint64_t request(uint64_t gpa, uint64_t pages, bool to_shared);
uint64_t accept(uint64_t gpa, unsigned level);
void to_shared(uint64_t gpa, uint64_t pages);
void to_private(uint64_t gpa, uint64_t pages);
bool all_bytes(mem_u8 *p, uint64_t n, uint8_t byte);
void declare_memory(void);

/* hv-lib.c */
uint64_t hv_request(uint64_t gpa, uint64_t pages, bool to_shared);

/* hv.c */
void case_hv_private_mmio(void);
void case_hv_cpuid(void);
void case_hv_msrs(void);
void case_hv_hypercalls(void);
void case_hv_user(void);
void case_hv_visibility(void);
void case_hv_lists(void);

/* synic.c */
void case_hv_sint(void);
void case_hv_message(void);
void case_hv_message_shared(void);
void case_hv_event(void);
void case_hv_pending_reset(void);

/* pci.c */
mem_u32 *pci_enable(uint32_t id, int bar);

/* smp.c */
void case_smp(void);
void case_halt(void);
void start_ap(void);
void ap_main(void);

/* fault.c */
void case_fault_fail(void);
void case_fault_partial(void);
void case_fault_retry(void);
void case_fault_retry_always(void);
void case_fault_every(void);
void case_fault_direction(void);
void case_fault_armed(void);

/* count.c */
void case_count(void);
void case_count_calls(void);
void case_count_violation(void);
void case_count_reset(void);
void case_count_migrates(void);

/* barrier.c */
extern char barriers_start[], barriers_plain[], barriers_add[], barriers_xadd[];
extern char barriers_bts[], barriers_xchg[], barriers_cmpxchg[];
extern char barriers_cmpxchg16b[], barriers_end[];
void case_barriers(void);

#endif

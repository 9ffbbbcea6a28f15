/*
 * Emulated confidential guests: shared by the files in this directory
 *
 * Memory.  Guest RAM exists twice.  The shared copy is the machine's RAM.
 * Devices, fw_cfg and the monitor see only this one.  The private copy is a
 * RAM block that only the address space of the CPUs maps, at CVM_EMU_WINDOW +
 * GPA.  The page walk yields a GPA with the platform's bit, and the TLB entry
 * leads to one copy or the other.
 *
 * Launch.  Firmware runs in the shared copy.  When a CPU first enters long
 * mode, memory that firmware and loader have filled is copied to the private
 * copy.  It is then poisoned in the shared copy, except in the areas that
 * firmware keeps.
 *
 * Page states.  One byte for each 4 KiB page of RAM, see CvmEmuPage.  Bytes
 * are written with the lock held and read without.  A request that changes
 * the state returns to the guest after all TLB entries are gone that were
 * checked against the old state.
 *
 * Frames.  Pages are indexed so that 512 consecutive indexes starting at a
 * multiple of 512 are one naturally aligned 2 MiB frame.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef CVM_EMU_INTERNAL_H
#define CVM_EMU_INTERNAL_H

#include "cpu.h"
#include "cvm-emu.h"
#include "exec/memory.h"
#include "qapi/qapi-types-cvm-emu.h"
#include "qemu/lockable.h"
#include "qemu/notify.h"
#include "qemu/thread.h"
#include "system/confidential-guest-support.h"
#include "system/cvm-emu.h"

#define TYPE_CVM_EMU "cvm-emu"
OBJECT_DECLARE_SIMPLE_TYPE(CvmEmu, CVM_EMU)

/* Private memory, above every GPA: TARGET_PHYS_ADDR_SPACE_BITS is 52. */
#define CVM_EMU_WINDOW      (1ULL << 51)
#define CVM_EMU_PAGE_BITS   12
#define CVM_EMU_PAGE_SIZE   (1ULL << CVM_EMU_PAGE_BITS)
#define CVM_EMU_FRAME_SIZE  (1ULL << 21)
#define CVM_EMU_FRAME_PAGES 512

#define CVM_EMU_LOG_MAX      32
#define CVM_EMU_TIMELINE_MAX 1024
#define CVM_EMU_OPEN_MAX     8

/* State of a page, in the low bits. */
typedef enum CvmEmuPage {
    /* not RAM: device memory or nothing */
    CVM_EMU_PAGE_OTHER,
    /* both copies may be used: the guest has not made a request yet */
    CVM_EMU_PAGE_LAUNCH,
    CVM_EMU_PAGE_PRIVATE,
    CVM_EMU_PAGE_SHARED,
    /* TDX: private after MapGPA, needs TDG.MEM.PAGE.ACCEPT */
    CVM_EMU_PAGE_UNACCEPTED,
} CvmEmuPage;

#define CVM_EMU_PAGE_STATE 0x07
/* SEV: covered by a request */
#define CVM_EMU_PAGE_DECLARED 0x10
/* SEV: used through a shared mapping before the first request that covers it */
#define CVM_EMU_PAGE_EARLY 0x20
/* SEV, early phase: used through a shared mapping after such a request */
#define CVM_EMU_PAGE_INPLACE 0x40
/* SEV: the host failed the last request that covers it, see fault.c */
#define CVM_EMU_PAGE_FOLLOW 0x80

/* Result of a conversion request. */
typedef enum CvmEmuResult {
    CVM_EMU_OK,
    /* address or size not a multiple of 4 KiB */
    CVM_EMU_ALIGN,
    /* empty or beyond the guest physical address space */
    CVM_EMU_RANGE,
    /* an injected fault */
    CVM_EMU_FAILED,
    /* TDX: an injected fault; the guest has to request the rest again */
    CVM_EMU_RETRY,
} CvmEmuResult;

/* A request that may continue in the next call, see list.c. */
typedef struct CvmEmuOpenRequest {
    hwaddr gpa;
    uint64_t npages;            /* 0: none */
    bool to_shared;
} CvmEmuOpenRequest;

/* A contiguous part of guest RAM, as devices see it. */
typedef struct CvmEmuRange {
    MemoryRegion *mr;
    hwaddr offset;
    hwaddr gpa;
    hwaddr size;
} CvmEmuRange;

struct CvmEmu {
    ConfidentialGuestSupport parent_obj;

    /* properties */
    CvmEmuKind kind;
    uint8_t cbitpos;
    uint8_t gpaw;
    uint8_t vtom_bit;
    bool strict;
    bool mmio_check;
    uint8_t poison;
    char *stats_file;

    /* memory layout, constant once the machine is built */
    bool ready;
    MemoryRegion root;
    MemoryRegion system;
    MemoryRegion ram;
    MemoryRegion ram_low;
    MemoryRegion ram_high;
    uint64_t low_size;
    uint64_t high_base;
    uint64_t high_size;
    uint64_t low_pages;         /* multiple of CVM_EMU_FRAME_PAGES */
    uint64_t npages;
    uint64_t nframes;
    uint8_t *private_host;
    GArray *ranges;             /* of CvmEmuRange; changes at launch only */
    Notifier machine_done;
    Notifier exit;
    Error *migration_blocker;

    bool launched;
    bool launch_pending;
    /* SEV: no plain conversion yet */
    bool early;
    uint8_t *pages;             /* by page index */

    /* Protects all that follows, and the writing of pages. */
    QemuMutex lock;
    uint16_t *frame_shared;     /* by frame: number of shared pages */
    uint16_t *frame_pages;      /* by frame: number of pages of RAM */
    uint64_t launches;
    CvmEmuRequestStats to[2];   /* 0: to private, 1: to shared */
    uint64_t redundant_pages;
    uint64_t failed;
    uint64_t in_place;
    CvmEmuOpenRequest open[CVM_EMU_OPEN_MAX];
    unsigned open_next;
    CvmEmuDeclarationStats declarations;
    CvmEmuHypercallStats hypercalls;
    CvmEmuFaultKind fault;
    CvmEmuFaultDirection fault_direction;
    uint64_t fault_nth;
    uint64_t fault_every;
    uint64_t fault_seen;        /* requests since one of these was set */
    CvmEmuFaultStats faults;
    uint64_t shared_pages;
    uint64_t shared_pages_peak;
    uint64_t frames_shared;
    uint64_t frames_mixed;
    uint64_t frames_mixed_peak;
    uint64_t cpu_violations;
    uint64_t dma_violations;
    GPtrArray *log;             /* of CvmEmuViolation */
    GPtrArray *pending;         /* of CvmEmuViolation, see access.c */
    GArray *timeline;           /* of CvmEmuTimelineEntry */
    int64_t timeline_step;
    int64_t warn_time;
    uint64_t warn_muted;
    GHashTable *maps;           /* host address -> GSList of CvmEmuMap */

    /* Hyper-V: overlay page -> its alias in private memory; under the BQL */
    GHashTable *overlays;

    /* TDX */
    unsigned long *halted;      /* by CPU index: an interrupt wakes it */
    uint64_t td_ctls;
    uint64_t notify_enables;
};

/* The one object, or NULL. */
extern CvmEmu *cvm_emu;

/* memory.c */
bool cvm_emu_memory_init(CvmEmu *s, Error **errp);
void cvm_emu_memory_done(CvmEmu *s);
void *cvm_emu_private_ptr(CvmEmu *s, uint64_t index);
bool cvm_emu_is_cpu_root(MemoryRegion *mr);
bool cvm_emu_in_firmware_area(CvmEmu *s, hwaddr gpa);

/* pages.c */
CvmEmuResult cvm_emu_convert(CvmEmu *s, CPUState *cs, hwaddr gpa,
                             uint64_t npages, bool to_shared, uint64_t *done);
uint64_t *cvm_emu_size_class(CvmEmu *s, hwaddr gpa, uint64_t npages,
                             bool to_shared);
void cvm_emu_change(CvmEmu *s, hwaddr gpa, uint64_t npages, bool to_shared,
                    bool conversion, uint64_t done);
bool cvm_emu_follow(CvmEmu *s, uint64_t index, bool to_shared);
int cvm_emu_accept(CvmEmu *s, hwaddr gpa, uint64_t npages);
void cvm_emu_fill_private(CvmEmu *s, uint64_t index, uint8_t byte);
void cvm_emu_fill_shared(CvmEmu *s, uint64_t index, uint8_t byte);
void cvm_emu_count_reset(CvmEmu *s);

/* fault.c */
CvmEmuResult cvm_emu_fault(CvmEmu *s, uint64_t npages, bool to_shared,
                           uint64_t *done);
bool cvm_emu_fault_check(CvmEmu *s, Error **errp);
void cvm_emu_fault_class_init(ObjectClass *oc);

/* access.c */
void cvm_emu_violation(CvmEmu *s, CvmEmuViolation *v);
void cvm_emu_drop_pending(CvmEmu *s, hwaddr gpa, hwaddr size);
void cvm_emu_report_pending(CvmEmu *s);

/* dma.c */
void cvm_emu_dma_init(CvmEmu *s);
void cvm_emu_dma_check_maps(CvmEmu *s, hwaddr gpa, hwaddr size);

/* stats.c */
void cvm_emu_stats_init(CvmEmu *s);
void cvm_emu_stats_sample(CvmEmu *s);
void cvm_emu_stats_write(CvmEmu *s);

#define CVM_EMU_NO_PAGE UINT64_MAX

/**
 * cvm_emu_page_index: index of a page of RAM
 * @s: the object
 * @gpa: guest physical address, without the platform's bit
 *
 * Return: its index, or CVM_EMU_NO_PAGE outside of RAM.
 */
static inline uint64_t cvm_emu_page_index(CvmEmu *s, hwaddr gpa)
{
    if (gpa < s->low_size) {
        return gpa >> CVM_EMU_PAGE_BITS;
    }
    if (gpa - s->high_base < s->high_size) {
        return s->low_pages + ((gpa - s->high_base) >> CVM_EMU_PAGE_BITS);
    }
    return CVM_EMU_NO_PAGE;
}

/**
 * cvm_emu_page_gpa: the reverse of cvm_emu_page_index()
 * @s: the object
 * @index: index of a page
 *
 * Return: its guest physical address.
 */
static inline hwaddr cvm_emu_page_gpa(CvmEmu *s, uint64_t index)
{
    if (index < s->low_pages) {
        return index << CVM_EMU_PAGE_BITS;
    }
    return s->high_base + ((index - s->low_pages) << CVM_EMU_PAGE_BITS);
}

/**
 * cvm_emu_page: what is known about a page
 * @s: the object
 * @index: index of a page, or CVM_EMU_NO_PAGE
 *
 * Return: state and flags.
 */
static inline uint8_t cvm_emu_page(CvmEmu *s, uint64_t index)
{
    return index == CVM_EMU_NO_PAGE ? CVM_EMU_PAGE_OTHER
                                    : qatomic_read(&s->pages[index]);
}

static inline CvmEmuPage cvm_emu_page_state(CvmEmu *s, uint64_t index)
{
    return cvm_emu_page(s, index) & CVM_EMU_PAGE_STATE;
}

#endif

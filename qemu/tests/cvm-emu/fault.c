/*
 * The bare guest: conversions that the host fails
 *
 * The emulator's options choose them.  declare_memory() makes one conversion
 * under SEV and none under TDX.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "guest.h"

#define FIRST (ARENA + PAGE)
#define RETRY 1

static void check_failed(uint64_t status, const char *what)
{
    /* -EFAULT, "insufficient memory" or "operand invalid" */
    check(status == (is_sev() ? (uint64_t)-14 :
                     is_hyperv() ? 11 : 1ULL << 63), what);
}

/* Where the host stopped; SEV does not report it. */
static void check_reached(uint64_t gpa, bool to_shared)
{
    if (!is_sev()) {
        check(vmcall_r11 == (gpa | (to_shared ? 1ULL << bit : 0)),
              "the GPA that the host reached");
    }
}

static void fill_private(int pages)
{
    for (int i = 0; i < pages; i++) {
        *private_view(FIRST + i * PAGE) = 7;
    }
}

static void check_private(int from, int to)
{
    for (int i = from; i < to; i++) {
        check(*private_view(FIRST + i * PAGE) == 7,
              "what was not converted is still there");
    }
}

/* The one after the first conversion fails. */
void case_fault_fail(void)
{
    declare_memory();
    fill_private(4);
    to_shared(ARENA, 1);
    check_failed(request(FIRST, 4, true), "the second request fails");
    check_reached(FIRST, true);
    if (is_sev()) {
        /* The C-bit is clear, whatever the host says. */
        *shared_view(FIRST) = 9;
        check(*shared_view(FIRST) == 9, "shared memory holds data");
    }
    /* The guest changes all pages back except the last one. */
    check_private(0, 3);
    to_shared(FIRST, 4);
    check(*shared_view(FIRST) == POISON, "a conversion after all");
    /* Violations: the last request was served. */
    (void)*private_view(FIRST);
    (void)*private_view(FIRST + 3 * PAGE);
}

void case_fault_partial(void)
{
    declare_memory();
    fill_private(8);
    to_shared(ARENA, 1);
    check_failed(request(FIRST, 8, true), "the second request fails");
    check_reached(FIRST + 4 * PAGE, true);
    for (int i = 0; i < 4; i++) {
        *shared_view(FIRST + i * PAGE) = 9;
    }
    check_private(4, 8);
    /* A violation: this one was converted. */
    (void)*private_view(FIRST);
}

/* The guest resumes where the host asks it to. */
void case_fault_retry(void)
{
    check(request(ARENA, 8, true) == RETRY, "the host wants a retry");
    check_reached(ARENA + 4 * PAGE, true);
    to_shared(ARENA + 4 * PAGE, 4);
    for (int i = 0; i < 8; i++) {
        *shared_view(ARENA + i * PAGE) = i;
    }
}

/* The host never serves all pages, and in the end none. */
void case_fault_retry_always(void)
{
    uint64_t page = 0;
    int requests = 0;

    do {
        page = (vmcall_r11 & ~(1ULL << bit)) / PAGE - ARENA / PAGE;
        page = requests ? page : 0;
        requests++;
        check(request(ARENA + page * PAGE, 8 - page, true) == RETRY,
              "the host wants a retry");
    } while ((vmcall_r11 & ~(1ULL << bit)) != ARENA + page * PAGE);
    check(page == 7 && requests == 4, "half of the rest each time");
    check(*private_view(ARENA + 7 * PAGE) == 0, "the last page stays");
}

/* Tells the runner which of sixteen failed. */
void case_fault_every(void)
{
    uint64_t failed = 0;

    declare_memory();
    for (int i = 0; i < 16; i++) {
        failed |= (uint64_t)(request(ARENA + i * PAGE, 1, true) != 0) << i;
    }
    print_hex("failed", failed);
}

/* The second conversion to private fails. */
void case_fault_direction(void)
{
    declare_memory();
    to_shared(ARENA, 3);
    *shared_view(ARENA + PAGE) = 9;
    to_private(ARENA, 1);
    check_failed(request(ARENA + PAGE, 1, false), "the second one fails");
    check_reached(ARENA + PAGE, false);
    check(*shared_view(ARENA + PAGE) == 9, "the page is still shared");
    to_shared(ARENA + 4 * PAGE, 1);
    to_private(ARENA + PAGE, 2);
}

static void wait_for_runner(const char *message, uint8_t value)
{
    print(message);
    outb(0x70, 0x51);
    while (inb(0x71) != value) {
        asm volatile("pause");
    }
}

/* The runner asks for faults while the guest runs. */
void case_fault_armed(void)
{
    declare_memory();
    to_shared(ARENA, 1);
    wait_for_runner("arm\n", 0xa5);
    check_failed(request(FIRST, 1, true), "the next request fails");
    to_shared(FIRST + PAGE, 1);
    wait_for_runner("again\n", 0xa6);
    check_failed(request(FIRST + 2 * PAGE, 1, true), "and once more");
    to_shared(FIRST + 3 * PAGE, 1);
}

/*
 * The bare guest: count executed instructions with isa-insn-count
 *
 * Interrupts are off, so that between two reads nothing else is executed.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "guest.h"

#define COUNT 0x5c0

static uint64_t read_count(void)
{
    uint64_t low = inl(COUNT);

    return low | (uint64_t)inl(COUNT + 4) << 32;
}

/* Instructions from one read to the next, including the latter. */
#define BETWEEN(code) ({                                                \
    uint32_t first_, second_;                                           \
    asm volatile("inl %%dx, %%eax\n\t"                                  \
                 "mov %%eax, %%ebx\n\t"                                 \
                 code                                                   \
                 "inl %%dx, %%eax"                                      \
                 : "=a"(second_), "=&b"(first_)                         \
                 : "d"(COUNT) : "rcx", "rdi", "memory", "cc");          \
    second_ - first_ - 1;                                               \
})

static void expect(uint64_t have, uint64_t want, const char *what)
{
    check(have == want, what);
    if (have != want) {
        print_hex("  counted ", have);
        print_hex("  expected", want);
    }
}

/* More than 2^32 instructions, in few and cheap translation blocks. */
static void burn(void)
{
    uint32_t rounds = 0x100000000 / 500 + 1;

    asm volatile("1: .rept 500\n\tnop\n\t.endr\n\t"
                 "dec %0\n\tjnz 1b" : "+r"(rounds) : : "cc");
}

void case_count(void)
{
    uint64_t old, new, high;

    expect(BETWEEN(""), 1, "the reading instruction counts");
    expect(BETWEEN(".rept 1000\n\tnop\n\t.endr\n\t"), 1001,
           "straight code, more than a translation block");
    expect(BETWEEN("mov $1000, %%ecx\n\t1: dec %%ecx\n\tjnz 1b\n\t"), 2002,
           "a loop");
    expect(BETWEEN("lea 1f(%%rip), %%rdi\n\tjmp *%%rdi\n\tud2\n\t1:\n\t"), 3,
           "an indirect jump");
    expect(BETWEEN("mov $100, %%ecx\n\tmov $0x2000000, %%edi\n\t"
                   "rep stosb\n\t"), 104, "REP counts each iteration, and one");

    (void)inb(COUNT);
    old = read_count();
    expect(old >> 32, 0, "a boot takes less than 2^32 instructions");
    check(inb(COUNT) == 0 && inl(COUNT + 2) == 0,
          "reads of another size or alignment return zero");
    old = read_count();
    outl(COUNT, 0);
    outl(COUNT + 4, 77);
    high = inl(COUNT + 4);
    new = read_count();
    check(new > old && new - old < 100 && high == 0, "writes are ignored");

    old = inl(COUNT);
    burn();
    /* Reads of bytes would latch if they were not refused. */
    (void)inb(COUNT);
    high = inl(COUNT + 4);
    expect(high, 0, "the high half is that of the latched count");
    new = read_count();
    check(new - old > 0x100000000 && new - old < 0x102000000,
          "the count has 64 bits");
    print_hex("count", new);
}

/* A confidential guest does this often; it must not change the count. */
void case_count_calls(void)
{
    uint64_t start, end;

    declare_memory();
    start = read_count();
    for (int i = 0; i < 16; i++) {
        request(ARENA + i * PAGE, 1, true);
        *shared_view(ARENA + i * PAGE) = i;
    }
    request(ARENA, 16, false);
    end = read_count();
    print_hex("calls", end - start);
    check(end - start > 100 && end - start < 10000, "the count is sane");
}

/* A violation is found in the middle of a translation block. */
void case_count_violation(void)
{
    declare_memory();
    request(ARENA, 1, true);
    expect(BETWEEN(".rept 7\n\tnop\n\t.endr\n\t"
                   "movb $1, 0x2000000\n\t"
                   ".rept 9\n\tnop\n\t.endr\n\t"), 18,
           "a violation leaves the count alone");
}

/* Runs twice; CMOS remembers. */
void case_count_reset(void)
{
    uint64_t high;

    outb(0x70, 0x50);
    if (inb(0x71) == 0xa5) {
        high = inl(COUNT + 4);
        expect(high, 0, "a reset clears the latch");
        check(read_count() >> 32, "a reset leaves the count alone");
        return;
    }
    outb(0x70, 0x50);
    outb(0x71, 0xa5);
    burn();
    check(read_count() >> 32, "the latch is not empty");
    outb(0xcf9, 6);
    for (;;) {
        asm volatile("hlt");
    }
}

/* The runner migrates between the two halves. */
void case_count_migrates(void)
{
    uint64_t low, high;

    burn();
    low = inl(COUNT);
    print("latched\n");
    outb(0x70, 0x51);
    while (inb(0x71) != 0xa5) {
        asm volatile("pause");
    }
    high = inl(COUNT + 4);
    expect(high, 1, "the latch migrates");
    check(read_count() > (low | high << 32), "the count goes on");
}

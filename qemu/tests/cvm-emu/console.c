/*
 * A bare guest: console and result
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "guest.h"

#define COM1 0x3f8
#define DEBUG_EXIT 0xf4

static int failures;

static void put(char c)
{
    while (!(inb(COM1 + 5) & 0x20)) {
        asm volatile("pause");
    }
    outb(COM1, c);
}

void print(const char *s)
{
    while (*s) {
        put(*s++);
    }
}

void print_hex(const char *name, uint64_t v)
{
    print(name);
    print(" 0x");
    for (int i = 60; i >= 0; i -= 4) {
        put("0123456789abcdef"[(v >> i) & 15]);
    }
    print("\n");
}

void check(bool good, const char *what)
{
    print(good ? "ok " : "FAIL ");
    print(what);
    print("\n");
    failures += !good;
}

/* isa-debug-exit: QEMU exits with 2 * v + 1. */
void finish(void)
{
    print("done\n");
    outb(DEBUG_EXIT, failures ? 2 : 1);
    for (;;) {
        asm volatile("hlt");
    }
}

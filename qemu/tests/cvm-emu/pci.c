/*
 * The bare guest: find and enable a PCI device on bus 0
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "guest.h"

static uint32_t config(int dev, int offset)
{
    outl(0xcf8, 0x80000000 | dev << 11 | offset);
    return inl(0xcfc);
}

/* Memory and bus mastering on; returns the shared mapping of a 32-bit BAR. */
mem_u32 *pci_enable(uint32_t id, int bar)
{
    for (int dev = 0; dev < 32; dev++) {
        if (config(dev, 0) != id) {
            continue;
        }
        uint32_t command = config(dev, 4);

        outl(0xcfc, (command & 0xffff) | 6);
        return (mem_u32 *)(uint64_t)
               (config(dev, 0x10 + 4 * bar) & ~15U);
    }
    check(false, "find the PCI device");
    finish();
}

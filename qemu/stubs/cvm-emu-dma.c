/*
 * Emulated confidential guests: stubs of the DMA audit
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "qemu/osdep.h"
#include "system/cvm-emu.h"

bool cvm_emu_dma_audit;

void cvm_emu_dma_access__slow(AddressSpace *as, hwaddr addr, hwaddr len,
                              bool is_write, MemTxAttrs attrs)
{
    g_assert_not_reached();
}

void cvm_emu_dma_ram__slow(AddressSpace *as, MemoryRegion *mr, hwaddr offset,
                           hwaddr len, bool is_write)
{
    g_assert_not_reached();
}

void cvm_emu_dma_map__slow(AddressSpace *as, MemoryRegion *mr, hwaddr offset,
                           hwaddr len, bool is_write, void *host)
{
    g_assert_not_reached();
}

void cvm_emu_dma_unmap__slow(void *host)
{
    g_assert_not_reached();
}

hwaddr cvm_emu_gpa__slow(hwaddr addr)
{
    g_assert_not_reached();
}

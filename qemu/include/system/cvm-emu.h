/*
 * Emulated confidential guests: hooks for the memory core
 *
 * A cvm-emu object gives the guest private pages.  No device may touch them.
 * These hooks tell the audit about every access that a device makes.  Without
 * the object, each hook tests a global that never changes.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef SYSTEM_CVM_EMU_H
#define SYSTEM_CVM_EMU_H

#include "exec/hwaddr.h"
#include "exec/memattrs.h"

/* True once there is a cvm-emu object; set before the machine is built. */
extern bool cvm_emu_dma_audit;

void cvm_emu_dma_access__slow(AddressSpace *as, hwaddr addr, hwaddr len,
                              bool is_write, MemTxAttrs attrs);
void cvm_emu_dma_ram__slow(AddressSpace *as, MemoryRegion *mr, hwaddr offset,
                           hwaddr len, bool is_write);
void cvm_emu_dma_map__slow(AddressSpace *as, MemoryRegion *mr, hwaddr offset,
                           hwaddr len, bool is_write, void *host);
void cvm_emu_dma_unmap__slow(void *host);
hwaddr cvm_emu_gpa__slow(hwaddr addr);

/**
 * cvm_emu_dma_access: audit a completed access to an address space
 * @as: address space, which stands for the device
 * @addr: address in @as
 * @len: bytes
 * @is_write: the device wrote
 * @attrs: attributes of the access
 *
 * Called with or without the BQL, inside or outside of an RCU critical
 * section.
 */
static inline void cvm_emu_dma_access(AddressSpace *as, hwaddr addr,
                                      hwaddr len, bool is_write,
                                      MemTxAttrs attrs)
{
    if (unlikely(cvm_emu_dma_audit)) {
        cvm_emu_dma_access__slow(as, addr, len, is_write, attrs);
    }
}

/**
 * cvm_emu_dma_ram: audit an access whose translation is known
 * @as: address space, which stands for the device
 * @mr: region that the access resolved to; ignored if it is not RAM
 * @offset: offset in @mr
 * @len: bytes
 * @is_write: the device writes
 *
 * Called within an RCU critical section, with or without the BQL.
 */
static inline void cvm_emu_dma_ram(AddressSpace *as, MemoryRegion *mr,
                                   hwaddr offset, hwaddr len, bool is_write)
{
    if (unlikely(cvm_emu_dma_audit)) {
        cvm_emu_dma_ram__slow(as, mr, offset, len, is_write);
    }
}

/**
 * cvm_emu_dma_map: audit and remember RAM handed out by address_space_map()
 * @as: address space, which stands for the device
 * @mr: RAM region
 * @offset: offset in @mr
 * @len: bytes
 * @is_write: the device writes
 * @host: what address_space_map() returns
 *
 * Called within an RCU critical section, with or without the BQL.
 */
static inline void cvm_emu_dma_map(AddressSpace *as, MemoryRegion *mr,
                                   hwaddr offset, hwaddr len, bool is_write,
                                   void *host)
{
    if (unlikely(cvm_emu_dma_audit)) {
        cvm_emu_dma_map__slow(as, mr, offset, len, is_write, host);
    }
}

/**
 * cvm_emu_dma_unmap: forget RAM remembered by cvm_emu_dma_map()
 * @host: what address_space_map() returned
 */
static inline void cvm_emu_dma_unmap(void *host)
{
    if (unlikely(cvm_emu_dma_audit)) {
        cvm_emu_dma_unmap__slow(host);
    }
}

/**
 * cvm_emu_gpa: translate a CPU's physical address to the guest's
 * @addr: address in the CPU's address space
 *
 * Return: the guest physical address; the same for both copies of memory.
 */
static inline hwaddr cvm_emu_gpa(hwaddr addr)
{
    return unlikely(cvm_emu_dma_audit) ? cvm_emu_gpa__slow(addr) : addr;
}

#endif

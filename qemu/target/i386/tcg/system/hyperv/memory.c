/*
 * Hyper-V's interface under TCG: the hypervisor's access to guest memory
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "qemu/osdep.h"
#include "qemu/rcu.h"
#include "exec/memory.h"
#include "hw/core/cpu.h"
#include "cvm-emu.h"
#include "hyperv-internal.h"

/**
 * hv_gpa_valid: can the guest have memory at an address?
 * @env: a CPU
 * @gpa: guest physical address that the guest passed
 *
 * The bit that tells private from shared is not part of the address.
 *
 * Return: false beyond the physical address width.
 */
bool hv_gpa_valid(CPUX86State *env, hwaddr gpa)
{
    return !((gpa & ~cvm_emu_addr_bit) >> env_archcpu(env)->phys_bits);
}

/*
 * Accept RAM only.  An access to device memory would enter a device in the
 * middle of a hypercall, and devices do not expect that.
 */
static bool hv_is_ram(AddressSpace *as, hwaddr addr, hwaddr size,
                      bool is_write)
{
    hwaddr xlat, len = size;
    MemoryRegion *mr = address_space_translate(as, addr, &xlat, &len,
                                               is_write,
                                               MEMTXATTRS_UNSPECIFIED);

    return len >= size && memory_access_is_direct(mr, is_write,
                                                  MEMTXATTRS_UNSPECIFIED);
}

static bool hv_guest_access(CPUX86State *env, hwaddr gpa, void *data,
                            size_t size, bool is_write)
{
    AddressSpace *as = env_cpu(env)->as;
    hwaddr addr;

    if (!size || (gpa & HV_PAGE_MASK) != ((gpa + size - 1) & HV_PAGE_MASK) ||
        !hv_gpa_valid(env, gpa) || !cvm_emu_copy_in_use(gpa, &addr)) {
        return false;
    }
    RCU_READ_LOCK_GUARD();
    return hv_is_ram(as, addr, size, is_write) &&
           address_space_rw(as, addr, MEMTXATTRS_UNSPECIFIED, data, size,
                            is_write) == MEMTX_OK;
}

/**
 * hv_guest_read: read guest memory
 * @env: CPU that asked for it
 * @gpa: guest physical address
 * @data: receives the data
 * @size: bytes; all of them in one page
 *
 * Return: false, with @data undefined, if this is not RAM of the guest.
 */
bool hv_guest_read(CPUX86State *env, hwaddr gpa, void *data, size_t size)
{
    return hv_guest_access(env, gpa, data, size, false);
}

/**
 * hv_guest_write: write guest memory
 * @env: CPU that asked for it
 * @gpa: guest physical address
 * @data: the data
 * @size: bytes; all of them in one page
 *
 * Return: false if this is not writable RAM of the guest.
 */
bool hv_guest_write(CPUX86State *env, hwaddr gpa, const void *data,
                    size_t size)
{
    return hv_guest_access(env, gpa, (void *)data, size, true);
}

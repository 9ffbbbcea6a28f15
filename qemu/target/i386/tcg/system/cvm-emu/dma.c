/*
 * Emulated confidential guests: audit of device accesses
 *
 * Devices see the shared copy of memory only, so an access to a private page
 * transfers garbage.  Hardware does the same at best.  The audit finds such
 * accesses and names the device.  It sees accesses through QEMU's memory API,
 * but not vhost, VFIO or other DMA outside of the process.
 *
 * Devices cache virtqueue rings across resets of the guest's driver
 * (MemoryRegionCache).  The audit checks each access to the cache, not the
 * cache itself.  A page that address_space_map() returned is in use: if it
 * becomes private meanwhile, that is a violation.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "qemu/osdep.h"
#include "qemu/rcu.h"
#include "qemu/timer.h"
#include "exec/address-spaces.h"
#include "hw/core/cpu.h"
#include "hw/pci/pci_device.h"
#include "monitor/monitor.h"
#include "system/runstate.h"
#include "cvm-emu-internal.h"

typedef struct CvmEmuMap {
    AddressSpace *as;
    hwaddr gpa;
    hwaddr size;
    bool is_write;
} CvmEmuMap;

void cvm_emu_dma_init(CvmEmu *s)
{
    s->maps = g_hash_table_new(NULL, NULL);
}

/* CPUs and the monitor are not devices. */
static bool cvm_emu_is_device(AddressSpace *as)
{
    if (as == &address_space_memory) {
        return !monitor_cur() && runstate_is_running();
    }
    return as != &address_space_io && !cvm_emu_is_cpu_root(as->root);
}

/* All PCI DMA uses the address space inside of the PCIDevice. */
static PCIDevice *cvm_emu_find_device(AddressSpace *as)
{
    Object *owner = memory_region_owner(as->root);
    PCIDevice *dev = (PCIDevice *)object_dynamic_cast(owner, TYPE_PCI_DEVICE);

    return dev && &dev->bus_master_as == as ? dev : NULL;
}

static void cvm_emu_name_device(AddressSpace *as, CvmEmuViolation *v)
{
    PCIDevice *dev = cvm_emu_find_device(as);

    if (!dev) {
        v->device = g_strdup(as == &address_space_memory ? "system-memory"
                                                         : as->name);
        return;
    }
    v->device = dev->qdev.id ? g_strdup(dev->qdev.id)
                             : object_get_canonical_path(OBJECT(dev));
    v->address = g_strdup_printf("%02x:%02x.%x", pci_dev_bus_num(dev),
                                 PCI_SLOT(dev->devfn), PCI_FUNC(dev->devfn));
}

/* Called with the lock held. */
static void cvm_emu_dma_violation(CvmEmu *s, CvmEmuViolationType type,
                                  AddressSpace *as, hwaddr gpa, hwaddr len,
                                  bool is_write)
{
    CvmEmuViolation *v = g_new0(CvmEmuViolation, 1);

    v->type = type;
    v->access = is_write ? CVM_EMU_ACCESS_WRITE : CVM_EMU_ACCESS_READ;
    v->gpa = gpa;
    v->length = len;
    v->time_ns = qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL);
    cvm_emu_name_device(as, v);
    cvm_emu_violation(s, v);
}

static bool cvm_emu_is_private(CvmEmu *s, hwaddr gpa)
{
    CvmEmuPage state = cvm_emu_page_state(s, cvm_emu_page_index(s, gpa));

    return state == CVM_EMU_PAGE_PRIVATE || state == CVM_EMU_PAGE_UNACCEPTED;
}

/* Report one violation per access, even if it covers many private pages. */
static void cvm_emu_dma_check(CvmEmu *s, AddressSpace *as, hwaddr gpa,
                              hwaddr len, bool is_write)
{
    hwaddr page = gpa & ~(CVM_EMU_PAGE_SIZE - 1);

    for (; page < gpa + len; page += CVM_EMU_PAGE_SIZE) {
        if (cvm_emu_is_private(s, page)) {
            QEMU_LOCK_GUARD(&s->lock);
            cvm_emu_dma_violation(s, CVM_EMU_VIOLATION_TYPE_DMA, as,
                                  MAX(gpa, page), gpa + len - MAX(gpa, page),
                                  is_write);
            return;
        }
    }
}

/* Find the GPA of an offset in a RAM region, or -1. */
static hwaddr cvm_emu_ram_gpa(CvmEmu *s, MemoryRegion *mr, hwaddr offset)
{
    int i;

    for (i = 0; i < s->ranges->len; i++) {
        CvmEmuRange *r = &g_array_index(s->ranges, CvmEmuRange, i);

        if (r->mr == mr && offset - r->offset < r->size) {
            return r->gpa + offset - r->offset;
        }
    }
    return -1;
}

void cvm_emu_dma_ram__slow(AddressSpace *as, MemoryRegion *mr, hwaddr offset,
                           hwaddr len, bool is_write)
{
    CvmEmu *s = cvm_emu;
    hwaddr gpa;

    if (!qatomic_read(&s->launched) || !cvm_emu_is_device(as)) {
        return;
    }
    gpa = cvm_emu_ram_gpa(s, mr, offset);
    if (gpa != -1) {
        cvm_emu_dma_check(s, as, gpa, len, is_write);
    }
}

void cvm_emu_dma_access__slow(AddressSpace *as, hwaddr addr, hwaddr len,
                              bool is_write, MemTxAttrs attrs)
{
    CvmEmu *s = cvm_emu;

    if (!qatomic_read(&s->launched) || !cvm_emu_is_device(as)) {
        return;
    }
    RCU_READ_LOCK_GUARD();
    if (address_space_to_flatview(as) ==
        address_space_to_flatview(&address_space_memory)) {
        cvm_emu_dma_check(s, as, addr, len, is_write);
        return;
    }
    /* Behind an IOMMU.  The access succeeded, so translation does, too. */
    while (len) {
        hwaddr offset, part = len;
        MemoryRegion *mr = address_space_translate(as, addr, &offset, &part,
                                                   is_write, attrs);

        cvm_emu_dma_ram__slow(as, mr, offset, part, is_write);
        addr += part;
        len -= part;
    }
}

void cvm_emu_dma_map__slow(AddressSpace *as, MemoryRegion *mr, hwaddr offset,
                           hwaddr len, bool is_write, void *host)
{
    CvmEmu *s = cvm_emu;
    CvmEmuMap *map;
    hwaddr gpa;

    if (!qatomic_read(&s->launched) || !cvm_emu_is_device(as)) {
        return;
    }
    gpa = cvm_emu_ram_gpa(s, mr, offset);
    if (gpa == -1) {
        return;
    }
    cvm_emu_dma_check(s, as, gpa, len, is_write);
    map = g_new(CvmEmuMap, 1);
    *map = (CvmEmuMap) {
        .as = as, .gpa = gpa, .size = len, .is_write = is_write,
    };
    QEMU_LOCK_GUARD(&s->lock);
    g_hash_table_insert(s->maps, host,
                        g_slist_prepend(g_hash_table_lookup(s->maps, host),
                                        map));
}

void cvm_emu_dma_unmap__slow(void *host)
{
    CvmEmu *s = cvm_emu;
    GSList *list;

    QEMU_LOCK_GUARD(&s->lock);
    list = g_hash_table_lookup(s->maps, host);
    if (!list) {
        return;
    }
    g_free(list->data);
    list = g_slist_delete_link(list, list);
    if (list) {
        g_hash_table_insert(s->maps, host, list);
    } else {
        g_hash_table_remove(s->maps, host);
    }
}

/**
 * cvm_emu_dma_check_maps: report devices that have mapped these pages
 * @s: the object, with its lock held
 * @gpa: start of memory that becomes private
 * @size: bytes
 */
void cvm_emu_dma_check_maps(CvmEmu *s, hwaddr gpa, hwaddr size)
{
    GHashTableIter iter;
    gpointer list;

    g_hash_table_iter_init(&iter, s->maps);
    while (g_hash_table_iter_next(&iter, NULL, &list)) {
        for (GSList *l = list; l; l = l->next) {
            CvmEmuMap *m = l->data;

            if (m->gpa < gpa + size && gpa < m->gpa + m->size) {
                cvm_emu_dma_violation(s, CVM_EMU_VIOLATION_TYPE_DMA_MAPPED,
                                      m->as, m->gpa, m->size, m->is_write);
            }
        }
    }
}

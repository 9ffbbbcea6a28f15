/*
 * Device isa-insn-count: tell a guest how many instructions were executed
 *
 * For measuring guest code under "-icount".  The count is that of TCG's
 * instruction counter: all CPUs since QEMU started, firmware included.  The TSC
 * follows virtual time, and that jumps ahead while all CPUs are halted.  This
 * count does not, and a guest can neither set nor stop it.
 *
 * Eight I/O ports.  A 4-byte read at offset 0 latches the count and returns its
 * low half.  A 4-byte read at offset 4 returns the high half of the latch.
 * Other reads return zero, and writes are ignored; both are logged ("-d
 * guest_errors").
 *
 * The count is exact.  TCG makes an instruction that does port I/O the last one
 * of its translation block, so all executed instructions are known when the
 * device is read, including the one that reads it.
 *
 * There is one latch: CPUs that read at the same time must take turns.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "qemu/osdep.h"
#include "hw/isa/isa.h"
#include "hw/qdev-properties.h"
#include "migration/vmstate.h"
#include "qapi/error.h"
#include "qemu/bitops.h"
#include "qemu/log.h"
#include "qemu/module.h"
#include "qom/object.h"
#include "system/cpu-timers.h"

#define TYPE_ISA_INSN_COUNT "isa-insn-count"
OBJECT_DECLARE_SIMPLE_TYPE(IsaInsnCount, ISA_INSN_COUNT)

#define INSN_COUNT_PORTS 8
#define INSN_COUNT_LOW   0
#define INSN_COUNT_HIGH  4

struct IsaInsnCount {
    ISADevice parent_obj;

    uint16_t iobase;
    MemoryRegion io;
    uint64_t latched;
};

static uint64_t insn_count_read(void *opaque, hwaddr addr, unsigned size)
{
    IsaInsnCount *s = opaque;

    if (addr == INSN_COUNT_HIGH) {
        return extract64(s->latched, 32, 32);
    }
    s->latched = icount_get_raw();
    return extract64(s->latched, 0, 32);
}

static void insn_count_write(void *opaque, hwaddr addr, uint64_t value,
                             unsigned size)
{
    qemu_log_mask(LOG_GUEST_ERROR, "isa-insn-count: write of 0x%" PRIx64
                  " to offset %" HWADDR_PRIu " ignored\n", value, addr);
}

/* The memory core refuses all but aligned accesses of 4 bytes. */
static const MemoryRegionOps insn_count_ops = {
    .read = insn_count_read,
    .write = insn_count_write,
    .valid.min_access_size = 4,
    .valid.max_access_size = 4,
    .impl.min_access_size = 4,
    .impl.max_access_size = 4,
    .endianness = DEVICE_LITTLE_ENDIAN,
};

static void insn_count_realize(DeviceState *dev, Error **errp)
{
    IsaInsnCount *s = ISA_INSN_COUNT(dev);

    if (!icount_enabled()) {
        error_setg(errp, "isa-insn-count: instructions are not counted; "
                   "add -icount shift=0,sleep=off and use -accel tcg");
        return;
    }
    if (!s->iobase || s->iobase % INSN_COUNT_PORTS) {
        error_setg(errp, "isa-insn-count: iobase is 0x%x; it must be a "
                   "multiple of %d, and not 0", s->iobase, INSN_COUNT_PORTS);
        return;
    }
    memory_region_init_io(&s->io, OBJECT(s), &insn_count_ops, s,
                          TYPE_ISA_INSN_COUNT, INSN_COUNT_PORTS);
    isa_register_ioport(ISA_DEVICE(dev), &s->io, s->iobase);
}

static void insn_count_reset(DeviceState *dev)
{
    ISA_INSN_COUNT(dev)->latched = 0;
}

static const VMStateDescription insn_count_vmstate = {
    .name = TYPE_ISA_INSN_COUNT,
    .version_id = 1,
    .minimum_version_id = 1,
    /* The count itself migrates with the timers. */
    .fields = (const VMStateField[]) {
        VMSTATE_UINT64(latched, IsaInsnCount),
        VMSTATE_END_OF_LIST()
    }
};

static const Property insn_count_properties[] = {
    DEFINE_PROP_UINT16("iobase", IsaInsnCount, iobase, 0x5c0),
};

static void insn_count_class_init(ObjectClass *klass, void *data)
{
    DeviceClass *dc = DEVICE_CLASS(klass);

    dc->desc = "counter of executed instructions (needs -icount)";
    dc->realize = insn_count_realize;
    dc->vmsd = &insn_count_vmstate;
    device_class_set_legacy_reset(dc, insn_count_reset);
    device_class_set_props(dc, insn_count_properties);
    set_bit(DEVICE_CATEGORY_MISC, dc->categories);
}

static const TypeInfo insn_count_info = {
    .name          = TYPE_ISA_INSN_COUNT,
    .parent        = TYPE_ISA_DEVICE,
    .instance_size = sizeof(IsaInsnCount),
    .class_init    = insn_count_class_init,
};

static void insn_count_register_types(void)
{
    type_register_static(&insn_count_info);
}

type_init(insn_count_register_types)

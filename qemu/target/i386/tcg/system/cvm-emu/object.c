/*
 * Emulated confidential guests: the user-creatable object
 *
 * -object cvm-emu is the platform.  The machine names it as its
 * confidential-guest-support, and the first CPU then builds the memory
 * (memory.c).  There is at most one object, and it lives as long as QEMU.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qapi/qapi-visit-cvm-emu.h"
#include "qapi/visitor.h"
#include "qemu/error-report.h"
#include "qom/object_interfaces.h"
#include "hw/boards.h"
#include "migration/blocker.h"
#include "system/system.h"
#include "cvm-emu-internal.h"

OBJECT_DEFINE_SIMPLE_TYPE_WITH_INTERFACES(CvmEmu, cvm_emu, CVM_EMU,
                                   CONFIDENTIAL_GUEST_SUPPORT,
                                   { TYPE_USER_CREATABLE }, { NULL })

CvmEmu *cvm_emu;
uint64_t cvm_emu_addr_bit;
bool cvm_emu_sev;
bool cvm_emu_tdx;
bool cvm_emu_vbs;
bool cvm_emu_dma_audit;

static void cvm_emu_machine_done(Notifier *n, void *data)
{
    CvmEmu *s = container_of(n, CvmEmu, machine_done);
    MachineState *ms = MACHINE(qdev_get_machine());
    const char *id = object_get_canonical_path_component(OBJECT(s));

    if (ms->cgs != CONFIDENTIAL_GUEST_SUPPORT(s)) {
        error_report("cvm-emu: object '%s' is not in use; "
                     "add -machine confidential-guest-support=%s", id, id);
        exit(EXIT_FAILURE);
    }
    if (!s->ready) {
        error_report("cvm-emu: object '%s' needs an x86-64 CPU under "
                     "-accel tcg", id);
        exit(EXIT_FAILURE);
    }
    cvm_emu_memory_done(s);
}

static void cvm_emu_exit(Notifier *n, void *data)
{
    CvmEmu *s = container_of(n, CvmEmu, exit);

    if (s->ready) {
        cvm_emu_stats_write(s);
    }
}

/* Each kind has its own property for the bit that tells shared from private. */
static bool cvm_emu_check_properties(CvmEmu *s, Error **errp)
{
    const struct {
        CvmEmuKind kind;
        const char *name;
        bool set;
    } bits[] = {
        { CVM_EMU_KIND_SEV, "cbitpos", s->cbitpos },
        { CVM_EMU_KIND_TDX, "gpaw", s->gpaw },
        { CVM_EMU_KIND_HYPERV_VBS, "vtom-bit", s->vtom_bit },
    };
    int i;

    for (i = 0; i < ARRAY_SIZE(bits); i++) {
        if (bits[i].set && s->kind != bits[i].kind) {
            error_setg(errp, "cvm-emu: property '%s' is for kind=%s; kind=%s "
                       "takes '%s'", bits[i].name,
                       CvmEmuKind_str(bits[i].kind), CvmEmuKind_str(s->kind),
                       bits[s->kind].name);
            return false;
        }
    }
    return cvm_emu_fault_check(s, errp);
}

static void cvm_emu_set_kind_globals(CvmEmu *s)
{
    switch (s->kind) {
    case CVM_EMU_KIND_SEV:
        s->cbitpos = s->cbitpos ?: 47;
        cvm_emu_addr_bit = 1ULL << s->cbitpos;
        cvm_emu_sev = true;
        break;
    case CVM_EMU_KIND_TDX:
        s->gpaw = s->gpaw ?: 48;
        cvm_emu_addr_bit = 1ULL << (s->gpaw - 1);
        cvm_emu_tdx = true;
        break;
    case CVM_EMU_KIND_HYPERV_VBS:
        s->vtom_bit = s->vtom_bit ?: 46;
        cvm_emu_addr_bit = 1ULL << s->vtom_bit;
        cvm_emu_vbs = true;
        break;
    default:
        g_assert_not_reached();
    }
}

static bool cvm_emu_check_stats_file(CvmEmu *s, Error **errp)
{
    int fd;

    if (!s->stats_file) {
        return true;
    }
    /* Fail early.  If QEMU crashes later, no old file must be left. */
    fd = qemu_create(s->stats_file, O_WRONLY | O_TRUNC, 0666, errp);
    if (fd < 0) {
        error_prepend(errp, "cvm-emu: cannot write stats-file: ");
        return false;
    }
    close(fd);
    return true;
}

static void cvm_emu_complete(UserCreatable *uc, Error **errp)
{
    CvmEmu *s = CVM_EMU(uc);

    if (cvm_emu) {
        error_setg(errp, "cvm-emu: only one object is possible");
        return;
    }
    if (phase_check(PHASE_MACHINE_CREATED)) {
        error_setg(errp, "cvm-emu: the object cannot be added to a machine "
                   "that exists already; use -object");
        return;
    }
    if (!cvm_emu_check_properties(s, errp) ||
        !cvm_emu_check_stats_file(s, errp)) {
        return;
    }
    error_setg(&s->migration_blocker,
               "cvm-emu: private memory cannot be migrated or saved");
    if (migrate_add_blocker(&s->migration_blocker, errp) < 0) {
        return;
    }

    cvm_emu_set_kind_globals(s);
    cvm_emu = s;
    cvm_emu_dma_audit = true;
    object_ref(OBJECT(s));
    cvm_emu_stats_init(s);
    cvm_emu_dma_init(s);

    s->machine_done.notify = cvm_emu_machine_done;
    qemu_add_machine_init_done_notifier(&s->machine_done);
    s->exit.notify = cvm_emu_exit;
    qemu_add_exit_notifier(&s->exit);
}

static bool cvm_emu_can_be_deleted(UserCreatable *uc)
{
    return CVM_EMU(uc) != cvm_emu;
}

static int cvm_emu_kvm_init(ConfidentialGuestSupport *cgs, Error **errp)
{
    error_setg(errp, "cvm-emu: the emulation needs -accel tcg; for KVM use "
               "the objects sev-guest or sev-snp-guest");
    return -1;
}

static int cvm_emu_get_kind(Object *obj, Error **errp)
{
    return CVM_EMU(obj)->kind;
}

static void cvm_emu_set_kind(Object *obj, int value, Error **errp)
{
    CVM_EMU(obj)->kind = value;
}

static void cvm_emu_get_cbitpos(Object *obj, Visitor *v, const char *name,
                                void *opaque, Error **errp)
{
    visit_type_uint8(v, name, &CVM_EMU(obj)->cbitpos, errp);
}

static void cvm_emu_set_cbitpos(Object *obj, Visitor *v, const char *name,
                                void *opaque, Error **errp)
{
    uint8_t value;

    if (!visit_type_uint8(v, name, &value, errp)) {
        return;
    }
    if (value < 36 || value > 51) {
        error_setg(errp, "cvm-emu: 'cbitpos' is %u; it must be 36 to 51",
                   value);
        return;
    }
    CVM_EMU(obj)->cbitpos = value;
}

static void cvm_emu_get_gpaw(Object *obj, Visitor *v, const char *name,
                             void *opaque, Error **errp)
{
    visit_type_uint8(v, name, &CVM_EMU(obj)->gpaw, errp);
}

static void cvm_emu_set_gpaw(Object *obj, Visitor *v, const char *name,
                             void *opaque, Error **errp)
{
    uint8_t value;

    if (!visit_type_uint8(v, name, &value, errp)) {
        return;
    }
    if (value != 48 && value != 52) {
        error_setg(errp, "cvm-emu: 'gpaw' is %u; it must be 48 or 52", value);
        return;
    }
    CVM_EMU(obj)->gpaw = value;
}

static void cvm_emu_get_vtom_bit(Object *obj, Visitor *v, const char *name,
                                 void *opaque, Error **errp)
{
    visit_type_uint8(v, name, &CVM_EMU(obj)->vtom_bit, errp);
}

static void cvm_emu_set_vtom_bit(Object *obj, Visitor *v, const char *name,
                                 void *opaque, Error **errp)
{
    uint8_t value;

    if (!visit_type_uint8(v, name, &value, errp)) {
        return;
    }
    if (value < 36 || value > 50) {
        error_setg(errp, "cvm-emu: 'vtom-bit' is %u; it must be 36 to 50",
                   value);
        return;
    }
    CVM_EMU(obj)->vtom_bit = value;
}

static bool cvm_emu_get_strict(Object *obj, Error **errp)
{
    return CVM_EMU(obj)->strict;
}

static void cvm_emu_set_strict(Object *obj, bool value, Error **errp)
{
    CVM_EMU(obj)->strict = value;
}

static bool cvm_emu_get_mmio_check(Object *obj, Error **errp)
{
    return CVM_EMU(obj)->mmio_check;
}

static void cvm_emu_set_mmio_check(Object *obj, bool value, Error **errp)
{
    CVM_EMU(obj)->mmio_check = value;
}

static void cvm_emu_get_poison(Object *obj, Visitor *v, const char *name,
                               void *opaque, Error **errp)
{
    visit_type_uint8(v, name, &CVM_EMU(obj)->poison, errp);
}

static void cvm_emu_set_poison(Object *obj, Visitor *v, const char *name,
                               void *opaque, Error **errp)
{
    visit_type_uint8(v, name, &CVM_EMU(obj)->poison, errp);
}

static char *cvm_emu_get_stats_file(Object *obj, Error **errp)
{
    return g_strdup(CVM_EMU(obj)->stats_file);
}

static void cvm_emu_set_stats_file(Object *obj, const char *value, Error **errp)
{
    g_free(CVM_EMU(obj)->stats_file);
    CVM_EMU(obj)->stats_file = g_strdup(value);
}

static void cvm_emu_class_init(ObjectClass *oc, void *data)
{
    UserCreatableClass *ucc = USER_CREATABLE_CLASS(oc);
    ConfidentialGuestSupportClass *cgc = CONFIDENTIAL_GUEST_SUPPORT_CLASS(oc);

    ucc->complete = cvm_emu_complete;
    ucc->can_be_deleted = cvm_emu_can_be_deleted;
    cgc->kvm_init = cvm_emu_kvm_init;

    object_class_property_add_enum(oc, "kind", "CvmEmuKind",
                                   &CvmEmuKind_lookup,
                                   cvm_emu_get_kind, cvm_emu_set_kind);
    object_class_property_set_description(oc, "kind",
        "interface to emulate: sev, tdx or hyperv-vbs (required)");
    object_class_property_add(oc, "cbitpos", "uint8", cvm_emu_get_cbitpos,
                              cvm_emu_set_cbitpos, NULL, NULL);
    object_class_property_set_description(oc, "cbitpos",
        "C-bit position, 36 to 51 (kind=sev, default 47)");
    object_class_property_add(oc, "gpaw", "uint8", cvm_emu_get_gpaw,
                              cvm_emu_set_gpaw, NULL, NULL);
    object_class_property_set_description(oc, "gpaw",
        "guest physical address width, 48 or 52 (kind=tdx, default 48)");
    object_class_property_add(oc, "vtom-bit", "uint8", cvm_emu_get_vtom_bit,
                              cvm_emu_set_vtom_bit, NULL, NULL);
    object_class_property_set_description(oc, "vtom-bit",
        "shared boundary bit, 36 to 50 (kind=hyperv-vbs, default 46)");
    object_class_property_add_bool(oc, "strict", cvm_emu_get_strict,
                                   cvm_emu_set_strict);
    object_class_property_set_description(oc, "strict",
        "exit with failure at the first violation (default off)");
    object_class_property_add_bool(oc, "mmio-check", cvm_emu_get_mmio_check,
                                   cvm_emu_set_mmio_check);
    object_class_property_set_description(oc, "mmio-check",
        "device memory in a private mapping is a violation (default on)");
    object_class_property_add(oc, "poison", "uint8", cvm_emu_get_poison,
                              cvm_emu_set_poison, NULL, NULL);
    object_class_property_set_description(oc, "poison",
        "byte that undefined memory is filled with (default 0xcc)");
    object_class_property_add_str(oc, "stats-file", cvm_emu_get_stats_file,
                                  cvm_emu_set_stats_file);
    object_class_property_set_description(oc, "stats-file",
        "file that receives the result of query-cvm-emu-stats at exit");
    cvm_emu_fault_class_init(oc);
}

static void cvm_emu_init(Object *obj)
{
    CvmEmu *s = CVM_EMU(obj);

    s->poison = 0xcc;
    s->mmio_check = true;
    qemu_mutex_init(&s->lock);
}

static void cvm_emu_finalize(Object *obj)
{
    CvmEmu *s = CVM_EMU(obj);

    /* Called only if the creation of the object failed. */
    g_free(s->stats_file);
    migrate_del_blocker(&s->migration_blocker);
    qemu_mutex_destroy(&s->lock);
}

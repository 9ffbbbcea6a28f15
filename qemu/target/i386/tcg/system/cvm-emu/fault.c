/*
 * Emulated confidential guests: a host that fails conversions on request
 *
 * Properties choose what goes wrong (fault), which requests fail (fault-nth,
 * fault-every) and in which direction (fault-direction).  qom-set may change
 * them at any time.  Each change restarts the count.
 *
 * Only requests in the chosen direction that would otherwise be served count.
 * Declarations (pages.c) do not count: the guest makes them before it has
 * anything to lose.
 *
 * The state after a fault depends on who decides.  Under TDX and Hyper-V the
 * host does: pages that it did not convert keep their state.  Under SEV the
 * C-bit in the guest's page tables decides.  The guest has changed it before
 * the hypercall, so all pages take the new state.  If the guest changes the
 * C-bit back after the failure, the pages follow, see cvm_emu_follow().
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qapi/qapi-visit-cvm-emu.h"
#include "qapi/visitor.h"
#include "cvm-emu-internal.h"
#include "trace.h"

static bool cvm_emu_fault_direction(CvmEmu *s, bool to_shared)
{
    switch (s->fault_direction) {
    case CVM_EMU_FAULT_DIRECTION_TO_SHARED:
        return to_shared;
    case CVM_EMU_FAULT_DIRECTION_TO_PRIVATE:
        return !to_shared;
    default:
        return true;
    }
}

/* Request number fault-nth, and then each fault-every-th. */
static bool cvm_emu_fault_due(CvmEmu *s)
{
    uint64_t first = s->fault_nth ?: s->fault_every;
    uint64_t n = ++s->fault_seen;

    if (!first || n < first) {
        return false;
    }
    return n == first ||
           (s->fault_every && (n - first) % s->fault_every == 0);
}

/**
 * cvm_emu_fault: fail a request, if it is its turn
 * @s: the object, with its lock held
 * @npages: number of 4 KiB pages of a request that would be served
 * @to_shared: the wanted state
 * @done: set to the number of pages, counted from the first, that the host
 *        converts before it fails; unchanged if it does not fail
 *
 * Return: CVM_EMU_OK, or what to tell the guest.
 */
CvmEmuResult cvm_emu_fault(CvmEmu *s, uint64_t npages, bool to_shared,
                           uint64_t *done)
{
    if (s->fault == CVM_EMU_FAULT_KIND_OFF ||
        !cvm_emu_fault_direction(s, to_shared) || !cvm_emu_fault_due(s)) {
        return CVM_EMU_OK;
    }
    s->faults.injected++;
    *done = s->fault == CVM_EMU_FAULT_KIND_FAIL ? 0 : npages / 2;
    trace_cvm_emu_fault(CvmEmuFaultKind_str(s->fault), s->fault_seen, *done);
    return s->fault == CVM_EMU_FAULT_KIND_RETRY ? CVM_EMU_RETRY
                                                : CVM_EMU_FAILED;
}

/**
 * cvm_emu_fault_check: refuse properties that make no sense together
 * @s: the object, about to be used
 * @errp: receives the reason
 *
 * Return: true if they make sense.
 */
bool cvm_emu_fault_check(CvmEmu *s, Error **errp)
{
    bool turn = s->fault_nth || s->fault_every;

    if (s->fault == CVM_EMU_FAULT_KIND_RETRY && s->kind == CVM_EMU_KIND_SEV) {
        error_setg(errp, "cvm-emu: 'fault=retry' is not for kind=sev, which "
                   "takes 'fail' or 'partial'");
        return false;
    }
    if (s->fault != CVM_EMU_FAULT_KIND_OFF && !turn) {
        error_setg(errp, "cvm-emu: 'fault' needs 'fault-nth' or "
                   "'fault-every', to say which request is to fail");
        return false;
    }
    if (s->fault == CVM_EMU_FAULT_KIND_OFF && turn) {
        error_setg(errp, "cvm-emu: 'fault-nth' and 'fault-every' need "
                   "'fault', to say how a request is to fail");
        return false;
    }
    return true;
}

static int cvm_emu_get_fault(Object *obj, Error **errp)
{
    return CVM_EMU(obj)->fault;
}

static void cvm_emu_set_fault(Object *obj, int value, Error **errp)
{
    CvmEmu *s = CVM_EMU(obj);

    if (s == cvm_emu && cvm_emu_sev && value == CVM_EMU_FAULT_KIND_RETRY) {
        error_setg(errp, "cvm-emu: 'fault=retry' is not for kind=sev, which "
                   "takes 'fail' or 'partial'");
        return;
    }
    QEMU_LOCK_GUARD(&s->lock);
    s->fault = value;
    s->fault_seen = 0;
}

static int cvm_emu_get_fault_direction(Object *obj, Error **errp)
{
    return CVM_EMU(obj)->fault_direction;
}

static void cvm_emu_set_fault_direction(Object *obj, int value, Error **errp)
{
    CvmEmu *s = CVM_EMU(obj);

    QEMU_LOCK_GUARD(&s->lock);
    s->fault_direction = value;
    s->fault_seen = 0;
}

static uint64_t *cvm_emu_fault_number(CvmEmu *s, const char *name)
{
    return g_str_equal(name, "fault-nth") ? &s->fault_nth : &s->fault_every;
}

static void cvm_emu_get_fault_number(Object *obj, Visitor *v,
                                     const char *name, void *opaque,
                                     Error **errp)
{
    uint64_t value = *cvm_emu_fault_number(CVM_EMU(obj), name);

    visit_type_uint64(v, name, &value, errp);
}

static void cvm_emu_set_fault_number(Object *obj, Visitor *v,
                                     const char *name, void *opaque,
                                     Error **errp)
{
    CvmEmu *s = CVM_EMU(obj);
    uint64_t value;

    if (!visit_type_uint64(v, name, &value, errp)) {
        return;
    }
    QEMU_LOCK_GUARD(&s->lock);
    *cvm_emu_fault_number(s, name) = value;
    s->fault_seen = 0;
}

/**
 * cvm_emu_fault_class_init: add the properties
 * @oc: class of the object
 */
void cvm_emu_fault_class_init(ObjectClass *oc)
{
    object_class_property_add_enum(oc, "fault", "CvmEmuFaultKind",
                                   &CvmEmuFaultKind_lookup,
                                   cvm_emu_get_fault, cvm_emu_set_fault);
    object_class_property_set_description(oc, "fault",
        "how conversions fail: off, fail, partial or retry (default off)");
    object_class_property_add(oc, "fault-nth", "uint64",
                              cvm_emu_get_fault_number,
                              cvm_emu_set_fault_number, NULL, NULL);
    object_class_property_set_description(oc, "fault-nth",
        "number of the first request that fails, 1 for the next");
    object_class_property_add(oc, "fault-every", "uint64",
                              cvm_emu_get_fault_number,
                              cvm_emu_set_fault_number, NULL, NULL);
    object_class_property_set_description(oc, "fault-every",
        "distance between requests that fail, 0 for one only (default 0)");
    object_class_property_add_enum(oc, "fault-direction",
                                   "CvmEmuFaultDirection",
                                   &CvmEmuFaultDirection_lookup,
                                   cvm_emu_get_fault_direction,
                                   cvm_emu_set_fault_direction);
    object_class_property_set_description(oc, "fault-direction",
        "requests that may fail: both, to-shared or to-private "
        "(default both)");
}

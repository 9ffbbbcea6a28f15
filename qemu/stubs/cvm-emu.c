/*
 * Emulated confidential guests: stub for targets that have none
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qapi/qapi-commands-cvm-emu.h"

CvmEmuStats *qmp_query_cvm_emu_stats(Error **errp)
{
    error_setg(errp, "this target has no cvm-emu object");
    return NULL;
}

/*
 * HMP command for emulated confidential guests
 *
 * Prints the same JSON object as query-cvm-emu-stats returns.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "qemu/osdep.h"
#include "monitor/hmp.h"
#include "monitor/monitor.h"
#include "qapi/error.h"
#include "qapi/qapi-commands-cvm-emu.h"
#include "qapi/qapi-visit-cvm-emu.h"
#include "qapi/qobject-output-visitor.h"
#include "qobject/qjson.h"
#include "qobject/qobject.h"

void hmp_info_cvm_emu_stats(Monitor *mon, const QDict *qdict)
{
    g_autoptr(GString) json = NULL;
    Error *err = NULL;
    CvmEmuStats *stats = qmp_query_cvm_emu_stats(&err);
    QObject *obj;
    Visitor *v;

    if (hmp_handle_error(mon, err)) {
        return;
    }
    v = qobject_output_visitor_new(&obj);
    visit_type_CvmEmuStats(v, NULL, &stats, &error_abort);
    visit_complete(v, &obj);
    visit_free(v);
    json = qobject_to_json_pretty(obj, true);
    monitor_printf(mon, "%s\n", json->str);
    qobject_unref(obj);
    qapi_free_CvmEmuStats(stats);
}

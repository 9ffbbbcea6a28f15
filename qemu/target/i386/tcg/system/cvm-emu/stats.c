/*
 * Emulated confidential guests: statistics
 *
 * query-cvm-emu-stats returns one structure, defined in qapi/cvm-emu.json.
 * "info cvm-emu-stats" prints the same, and so does QEMU, when it exits, to
 * the file that property "stats-file" names.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "qemu/osdep.h"
#include "qapi/clone-visitor.h"
#include "qapi/error.h"
#include "qapi/qapi-commands-cvm-emu.h"
#include "qapi/qapi-visit-cvm-emu.h"
#include "qapi/qobject-output-visitor.h"
#include "qobject/qjson.h"
#include "qobject/qobject.h"
#include "qemu/error-report.h"
#include "qemu/timer.h"
#include "cvm-emu-internal.h"

void cvm_emu_stats_init(CvmEmu *s)
{
    s->log = g_ptr_array_new();
    s->pending = g_ptr_array_new();
    s->timeline = g_array_new(false, false, sizeof(CvmEmuTimelineEntry));
}

/* Drop each second entry, and take entries half as often from now on. */
static void cvm_emu_thin_timeline(CvmEmu *s)
{
    CvmEmuTimelineEntry *e = (CvmEmuTimelineEntry *)s->timeline->data;
    guint i, n = s->timeline->len / 2;

    for (i = 0; i < n; i++) {
        e[i] = e[2 * i];
    }
    g_array_set_size(s->timeline, n);
    s->timeline_step = (e[n - 1].time_ns - e[0].time_ns) / n;
}

/**
 * cvm_emu_stats_sample: update peaks and timeline with the present values
 * @s: the object, with its lock held
 *
 * Called at the end of a request: values in the middle of one do not count.
 */
void cvm_emu_stats_sample(CvmEmu *s)
{
    CvmEmuTimelineEntry now = {
        .time_ns = qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL),
        .shared_pages = s->shared_pages,
        .mixed = s->frames_mixed,
    };
    guint n = s->timeline->len;
    CvmEmuTimelineEntry *e = (CvmEmuTimelineEntry *)s->timeline->data;

    s->shared_pages_peak = MAX(s->shared_pages_peak, s->shared_pages);
    s->frames_mixed_peak = MAX(s->frames_mixed_peak, s->frames_mixed);

    /* The last entry has the present values, and is replaced until due. */
    if (n > 1 && now.time_ns - e[n - 2].time_ns < s->timeline_step) {
        e[n - 1] = now;
        return;
    }
    if (n == CVM_EMU_TIMELINE_MAX) {
        cvm_emu_thin_timeline(s);
    }
    g_array_append_val(s->timeline, now);
}

static CvmEmuMixedFrameList *cvm_emu_stats_frames(CvmEmu *s)
{
    CvmEmuMixedFrameList *list = NULL, **tail = &list;
    uint64_t i;

    for (i = 0; i < s->nframes; i++) {
        CvmEmuMixedFrame *f;

        if (!s->frame_shared[i] || s->frame_shared[i] == s->frame_pages[i]) {
            continue;
        }
        f = g_new0(CvmEmuMixedFrame, 1);
        f->gpa = cvm_emu_page_gpa(s, i * CVM_EMU_FRAME_PAGES);
        f->shared_pages = s->frame_shared[i];
        QAPI_LIST_APPEND(tail, f);
    }
    return list;
}

static CvmEmuViolationList *cvm_emu_stats_log(CvmEmu *s)
{
    CvmEmuViolationList *list = NULL, **tail = &list;
    guint i;

    for (i = 0; i < s->log->len; i++) {
        CvmEmuViolation *v = g_ptr_array_index(s->log, i);

        QAPI_LIST_APPEND(tail, QAPI_CLONE(CvmEmuViolation, v));
    }
    return list;
}

static CvmEmuTimelineEntryList *cvm_emu_stats_timeline(CvmEmu *s)
{
    CvmEmuTimelineEntryList *list = NULL, **tail = &list;
    guint i;

    for (i = 0; i < s->timeline->len; i++) {
        QAPI_LIST_APPEND(tail,
                         g_memdup2(&g_array_index(s->timeline,
                                                  CvmEmuTimelineEntry, i),
                                   sizeof(CvmEmuTimelineEntry)));
    }
    return list;
}

static CvmEmuConversionStats *cvm_emu_stats_conversions(CvmEmu *s)
{
    CvmEmuConversionStats *c = g_new0(CvmEmuConversionStats, 1);

    c->to_shared = g_memdup2(&s->to[1], sizeof(s->to[1]));
    c->to_private = g_memdup2(&s->to[0], sizeof(s->to[0]));
    c->redundant_pages = s->redundant_pages;
    c->failed = s->failed;
    c->in_place = s->in_place;
    return c;
}

CvmEmuStats *qmp_query_cvm_emu_stats(Error **errp)
{
    CvmEmu *s = cvm_emu;
    CvmEmuStats *b;

    if (!s || !s->ready) {
        error_setg(errp, "no cvm-emu object is in use");
        return NULL;
    }
    QEMU_LOCK_GUARD(&s->lock);
    b = g_new0(CvmEmuStats, 1);
    b->version = 1;
    b->kind = s->kind;
    b->launches = s->launches;
    b->conversions = cvm_emu_stats_conversions(s);
    b->declarations = g_memdup2(&s->declarations, sizeof(s->declarations));
    b->hypercalls = g_memdup2(&s->hypercalls, sizeof(s->hypercalls));
    b->faults = g_memdup2(&s->faults, sizeof(s->faults));
    b->shared_pages = s->shared_pages;
    b->shared_pages_peak = s->shared_pages_peak;
    b->frames = g_new0(CvmEmuFrameStats, 1);
    b->frames->shared = s->frames_shared;
    b->frames->mixed = s->frames_mixed;
    b->frames->mixed_peak = s->frames_mixed_peak;
    b->mixed_frames = cvm_emu_stats_frames(s);
    b->violations = g_new0(CvmEmuViolationStats, 1);
    b->violations->cpu = s->cpu_violations;
    b->violations->dma = s->dma_violations;
    b->violations->log = cvm_emu_stats_log(s);
    b->timeline = cvm_emu_stats_timeline(s);
    return b;
}

/**
 * cvm_emu_stats_write: report pending violations and write the file
 * @s: the object
 *
 * Called once, when QEMU exits.
 */
void cvm_emu_stats_write(CvmEmu *s)
{
    g_autoptr(GString) json = NULL;
    g_autoptr(GError) gerr = NULL;
    CvmEmuStats *stats;
    QObject *obj;
    Visitor *v;

    WITH_QEMU_LOCK_GUARD(&s->lock) {
        cvm_emu_report_pending(s);
    }
    if (!s->stats_file) {
        return;
    }
    stats = qmp_query_cvm_emu_stats(&error_abort);
    v = qobject_output_visitor_new(&obj);
    visit_type_CvmEmuStats(v, NULL, &stats, &error_abort);
    visit_complete(v, &obj);
    visit_free(v);
    json = qobject_to_json_pretty(obj, true);
    g_string_append_c(json, '\n');
    if (!g_file_set_contents(s->stats_file, json->str, json->len, &gerr)) {
        error_report("cvm-emu: cannot write stats-file: %s", gerr->message);
    }
    qobject_unref(obj);
    qapi_free_CvmEmuStats(stats);
}

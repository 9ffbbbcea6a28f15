/* SPDX-License-Identifier: GPL-2.0 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM cc_convert

#if !defined(_TRACE_CC_CONVERT_H) || defined(TRACE_HEADER_MULTI_READ)
#define _TRACE_CC_CONVERT_H

#include <linux/tracepoint.h>

/*
 * One request to convert memory between private and shared, after the fact.
 * @pfn is that of the first page: a vmalloc() range goes on elsewhere.
 * @nr_2m and @nr_4k describe the range that was asked for, also if @ret is
 * an error; the counters in sysfs add them up where @ret is 0.
 */
TRACE_EVENT(cc_convert,
	    TP_PROTO(unsigned long pfn, unsigned long nr_pages,
		     unsigned long nr_2m, unsigned long nr_4k, bool enc,
		     int ret, unsigned long caller),
	    TP_ARGS(pfn, nr_pages, nr_2m, nr_4k, enc, ret, caller),
	    TP_STRUCT__entry(__field(unsigned long, pfn)
			     __field(unsigned long, nr_pages)
			     __field(unsigned long, nr_2m)
			     __field(unsigned long, nr_4k)
			     __field(unsigned long, caller)
			     __field(int, ret)
			     __field(bool, enc)),
	    TP_fast_assign(__entry->pfn = pfn;
			   __entry->nr_pages = nr_pages;
			   __entry->nr_2m = nr_2m;
			   __entry->nr_4k = nr_4k;
			   __entry->caller = caller;
			   __entry->ret = ret;
			   __entry->enc = enc;),
	    TP_printk("to=%s pfn=0x%lx nr_pages=%lu nr_2m=%lu nr_4k=%lu ret=%d caller=%pS",
		      __entry->enc ? "private" : "shared", __entry->pfn,
		      __entry->nr_pages, __entry->nr_2m, __entry->nr_4k,
		      __entry->ret, (void *)__entry->caller)
);

#endif /* _TRACE_CC_CONVERT_H */

/* This part must be outside protection */
#include <trace/define_trace.h>

# SPDX-License-Identifier: GPL-2.0
"""Mistakes that the KUnit tests of the series must find: used by kunit-mutate.

Each: name, file, text after which the mistake is made, what is there, what is
there instead, and the case that must turn red. What is there is an expression,
or, if it ends with a semicolon, a statement; all mistakes are compiled into
one kernel, of which each boot makes one. Suites that need a confidential guest
run in one, see PLATFORM.
"""

POOL = "kernel/dma/shared_pool.c"
CHUNK = "kernel/dma/shared_chunk.c"
WORK = "kernel/dma/shared_work.c"
RESERVE = "kernel/dma/shared_reserve.c"
HEADER = "kernel/dma/shared_pool.h"
GRANULE = "include/linux/cc_shared_granule.h"
SPLIT = "arch/x86/mm/cc_convert.c"
POLICY = "arch/x86/mm/cc_convert_policy.c"
FAULT = "arch/x86/mm/cc_convert_fault.c"

PLATFORM = {"cc_shared_guest": "sev"}

MUTATIONS = (
    # use
    ("release-counts-nothing", CHUNK, "chunk = pick_empty(pool, delay);",
     "released += chunk_unshare(pool, chunk);", "chunk_unshare(pool, chunk);",
     "cc_shared_pool.pool_first_page"),
    ("zero-first-page-only", POOL, "page = alloc_atomic(pool, req);",
     "PFN_PHYS(req->nr_pages)", "PAGE_SIZE",
     "cc_shared_pool.pool_zeroed_again"),
    ("last-page-never-used", POOL, "list_for_each_entry(chunk, list, node)",
     "chunk->nr_pages - chunk->used < req->nr_pages",
     "chunk->nr_pages - chunk->used <= req->nr_pages",
     "cc_shared_pool.pool_chunk_is_used_up"),
    ("no-alignment", POOL, "unsigned long align =",
     "roundup_pow_of_two(req->nr_pages) - 1", "0",
     "cc_shared_pool.pool_natural_alignment"),
    ("full-stays-full", POOL, "so that others become empty.",
     "used_before == chunk->nr_pages", "false",
     "cc_shared_pool.pool_fragmented"),
    ("last-chunk-wasted", POOL, "nr = min_t(unsigned long, left",
     "chunk_take(pool, chunk, 0, nr);",
     "chunk_take(pool, chunk, 0, pool->chunk_pages);",
     "cc_shared_pool.pool_large"),
    ("no-refill", POOL, "pool->refill_limit = min(",
     "queue_work(system_dfl_wq, &pool->refill);", ";",
     "cc_shared_pool.pool_atomic"),
    ("reserve-for-all", HEADER, "static inline bool cc_shared_short",
     "pool->reserve", "0", "cc_shared_pool.pool_reserve_is_kept"),
    ("trim-at-once", CHUNK, "chunk->nr_pages > spare_pages(pool) ||",
     "time_before(jiffies, chunk->empty_since + delay)", "false",
     "cc_shared_pool.pool_trim_waits"),
    ("limit-of-first-page", POOL, "(nid == NUMA_NO_NODE || nid == chunk->nid)",
     "chunk->nr_pages", "1", "cc_shared_pool.pool_limit"),
    ("whole-counts-as-used", POOL, "pool->stats.whole++;",
     "pool->stats.pages_used -= chunk->nr_pages;", ";",
     "cc_shared_pool.pool_whole_chunk"),
    ("more-than-half", RESERVE, 'if (!strcmp(end, "%")',
     "value <= 50", "value <= 51", "cc_shared_pool.pool_parse_bound"),
    # failure, shortage and crowds
    ("atomic-leaves-reserve", POOL, "static struct page *alloc_atomic",
     "cc_shared_take(pool, req, req->nid)",
     "cc_shared_short(pool, 0) ? NULL : cc_shared_take(pool, req, req->nid)",
     "cc_shared_pool_fault.pool_reserve_exhausted"),
    ("small-not-rounded", CHUNK, ".small = true,",
     "roundup_pow_of_two(req->nr_pages)", "req->nr_pages",
     "cc_shared_pool_fault.pool_no_chunk"),
    ("refill-whole-or-nothing", WORK, "No chunk to be had",
     "rounddown_pow_of_two(pool->reserve)", "0",
     "cc_shared_pool_fault.pool_refill_without_chunk"),
    ("failed-chunk-is-used", CHUNK, "return ret;\n\t}\n\n\tfor (at = pfn;",
     "(ret)", "(0)", "cc_shared_pool_fault.pool_share_fails"),
    ("failed-chunk-is-freed", CHUNK, "private, leaking it",
     "chunk_leak(pool, chunk);",
     "pool->ops->put(chunk); chunk_forget(pool, chunk);",
     "cc_shared_pool_fault.pool_unshare_fails"),
    ("leak-counts-one-page", CHUNK, "static void chunk_leak(",
     "pool->stats.small_leaked += chunk->nr_pages;",
     "pool->stats.small_leaked++;", "cc_shared_pool_fault.pool_nth_failure"),
    ("stop-is-ignored", CHUNK, "int cc_shared_grow(struct cc_shared_pool",
     "pool->stopped", "false", "cc_shared_pool_fault.pool_stopped"),
    ("free-is-trusted", POOL, "if (!chunk || chunk->whole ||",
     "find_next_zero_bit(chunk->bitmap, end, start) >= end", "true",
     "cc_shared_pool_fault.pool_bad_free"),
    ("atomic-not-zeroed", POOL, "page = alloc_atomic(pool, req);\n\n\tif ",
     "(page)", "(gfpflags_allow_blocking(req->gfp) ? page : NULL)",
     "cc_shared_pool_fault.pool_concurrent"),
    # the pool of a guest
    ("small-sizes-only", POOL, "if (!req.nr_pages ||",
     "size > LONG_MAX", "size > SZ_4M", "cc_shared_guest.guest_64_mib"),
    ("limit-is-forgotten", POOL, "PFN_UP(size),\n\t\t.nid = nid,\n\t\t.limit = ",
     "limit", "CC_SHARED_NO_LIMIT",
     "cc_shared_guest.guest_isa_memory"),
    ("atomic-never", POOL, "struct page *cc_shared_alloc_pages(",
     "cc_shared_pool_alloc(&cc_shared_pool, &req)",
     "gfpflags_allow_blocking(gfp) ? cc_shared_pool_alloc(&cc_shared_pool, &req) : NULL",
     "cc_shared_guest.guest_atomic"),
    ("nothing-is-something", POOL, "phys_addr_t limit)\n{\n\tstruct cc_shared_request req = {\n"
     "\t\t.nr_pages = PFN_UP(size),",
     "!req.nr_pages", "false", "cc_shared_guest.guest_impossible"),
    ("guest-no-alignment", POOL, "chunk->nr_pages, 0,",
     "align", "0",
     "cc_shared_guest.guest_low_memory"),
    # granule
    ("plain-guests-share", GRANULE, "size_t granule = PAGE_SIZE;",
     "!cc_guest", "false", "cc_shared.granule_plain_guest"),
    ("no-preference", GRANULE, "size_t granule = PAGE_SIZE;",
     "max_t(size_t, granule, CC_SHARED_PREFERRED_GRANULE)", "granule",
     "cc_shared.granule_cc_guest"),
    ("odd-minimum", GRANULE, "if (minimum > granule)",
     "roundup_pow_of_two(minimum)", "minimum",
     "cc_shared.granule_minimum_wins"),
    ("always-a-cvm", GRANULE, "size_t minimum = 0;",
     "cc_platform_has(CC_ATTR_GUEST_MEM_ENCRYPT)", "true",
     "cc_shared.granule_of_this_machine"),
    # accounting and policy of x86
    ("alignment-wraps", SPLIT, "first = round_up(pfn",
     "first < pfn", "false", "cc_convert.split_range"),
    ("blocks-are-forgotten", SPLIT, "if (last <= first)",
     "split->nr_2m += (last - first) / PAGES_PER_2M;",
     "split->nr_2m = (last - first) / PAGES_PER_2M;",
     "cc_convert.split_adds_up"),
    ("head-is-lost", SPLIT, "split->nr_2m +=",
     "nr_pages - (last - first)", "end - last",
     "cc_convert.split_conserves_pages"),
    ("same-page-again", SPLIT, "if (run &&", "run_pfn + run", "run_pfn",
     "cc_convert.split_vmalloc_range"),
    ("never-contiguous", SPLIT, "split.nr_4k++;", "pfn = page_to_pfn(page);",
     "pfn = page_to_pfn(page) ^ 1;",
     "cc_convert.split_vmalloc_contiguous"),
    ("all-are-to-shared", SPLIT, "CC_TO_PRIVATE_FAIL : CC_TO_SHARED_FAIL",
     "enc ? CC_TO_PRIVATE_2M : CC_TO_SHARED_2M", "CC_TO_SHARED_2M",
     "cc_convert.account_counts"),
    ("judged-in-boot", POLICY, "mode == CC_CONVERT_OFF ||", "!booted", "false",
     "cc_convert_policy.policy_judge"),
    ("always-warn", POLICY, "return i;", "*mode = i;",
     "*mode = CC_CONVERT_WARN;", "cc_convert_policy.policy_parse"),
    ("nothing-is-a-mode", POLICY, "ARRAY_SIZE(names), str) :", "-EINVAL", "0",
     "cc_convert_policy.policy_parse_rejects"),
    ("all-are-exempt", POLICY, "list_for_each_entry(section,",
     "section->task == task", "true", "cc_convert_policy.policy_exemption"),
    ("end-without-begin", POLICY, "void __cc_convert_unavoidable_end(",
     "!section->task", "false", "cc_convert_policy.policy_exemption_late"),
    ("any-error-refuses", POLICY, "bool cc_convert_refused(",
     "ret == -EPERM && static_key_enabled(&cc_convert_policy_key)", "ret < 0",
     "cc_convert_policy.policy_refusal_is_special"),
    ("whenever", FAULT, "may change the filter", "READ_ONCE(filter->when) != when",
     "false", "cc_convert_fault.fault_match"),
    ("always-after", FAULT, "return i;", "*when = i;",
     "*when = CC_CONVERT_FAULT_AFTER;", "cc_convert_fault.fault_parse_when"),
    ("anything-is-a-time", FAULT, "if (i < 0)", "return i;", "return 0;",
     "cc_convert_fault.fault_parse_when_rejects"),
    # more than one node: in the guest test of that name
    ("full-node-grows-others", POOL, "might_sleep();",
     "any.nid = NUMA_NO_NODE;", "any.nid = req->nid;",
     "cc_shared_guest.guest_full_node"),
    ("node-is-ignored", POOL, "PFN_UP(size),\n\t\t.nid = ", "nid", "NUMA_NO_NODE",
     "cc_shared_guest.guest_each_node"),
)

# Cases that need a guest test of their own
TEST = {"cc_shared_guest.guest_full_node": "nodes",
        "cc_shared_guest.guest_each_node": "nodes"}

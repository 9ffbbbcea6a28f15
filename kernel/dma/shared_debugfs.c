// SPDX-License-Identifier: GPL-2.0
/*
 * Pool of memory shared with the host: /sys/kernel/debug/cc_shared
 *
 *   stats   one name and value per line, see struct cc_shared_stats
 *   chunks  one line per chunk: page frame, node, source, pages, pages in use,
 *           longest run of free pages
 */
#include <linux/bitmap.h>
#include <linux/debugfs.h>
#include <linux/init.h>
#include <linux/seq_file.h>

#include "shared_pool.h"

static int stats_show(struct seq_file *m, void *v)
{
	struct cc_shared_pool *pool = &cc_shared_pool;
	struct cc_shared_stats stats;

	scoped_guard(spinlock_irqsave, &pool->lock)
		stats = pool->stats;

	seq_printf(m, "granule %zu\n", cc_shared_granule());
	seq_printf(m, "bound %lu\n", cc_shared_reserve_bound());
	seq_printf(m, "reserve_pages %lu\n", pool->reserve);
	seq_printf(m, "chunks %lu\n", stats.chunks);
	seq_printf(m, "chunks_empty %lu\n", stats.empty);
	seq_printf(m, "chunks_swiotlb %lu\n", stats.whole);
	seq_printf(m, "chunks_leaked %lu\n", stats.leaked);
	seq_printf(m, "pages_used %lu\n", stats.pages_used);
	seq_printf(m, "pages_free %lu\n", stats.pages_free);
	seq_printf(m, "small_pages %lu\n", stats.small_pages);
	seq_printf(m, "small_leaked %lu\n", stats.small_leaked);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(stats);

static unsigned long longest_free_run(const struct cc_shared_chunk *chunk)
{
	unsigned long start, end, longest = 0;

	for_each_clear_bitrange(start, end, chunk->bitmap, chunk->nr_pages)
		longest = max(longest, end - start);

	return longest;
}

static int chunks_show(struct seq_file *m, void *v)
{
	static const char * const sources[] = {
		[CC_SHARED_SEED] = "seed",
		[CC_SHARED_CMA] = "cma",
		[CC_SHARED_BUDDY] = "buddy",
	};
	struct cc_shared_chunk *chunk;
	unsigned long index;

	guard(rcu)();
	xa_for_each(&cc_shared_pool.chunks, index, chunk) {
		if (index != chunk->pfn)
			continue;
		seq_printf(m, "%#lx node %d %s pages %u used %u%s longest_free %lu\n",
			   chunk->pfn, chunk->nid, sources[chunk->source],
			   chunk->nr_pages, chunk->used,
			   chunk->whole ? " whole" : "",
			   longest_free_run(chunk));
	}
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(chunks);

static int __init cc_shared_debugfs_init(void)
{
	struct dentry *dir;

	if (!cc_shared_pool_enabled())
		return 0;

	dir = debugfs_create_dir("cc_shared", NULL);
	debugfs_create_file("stats", 0400, dir, NULL, &stats_fops);
	debugfs_create_file("chunks", 0400, dir, NULL, &chunks_fops);
	return 0;
}
late_initcall(cc_shared_debugfs_init);

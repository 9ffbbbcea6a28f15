// SPDX-License-Identifier: GPL-2.0
/*
 * Counters in debugfs, xen_shim/: "stats" of all domains since boot, "domains"
 * of each one, also of those that died and are still mapped.
 */
#include <linux/debugfs.h>
#include <linux/seq_file.h>

#include "shim.h"

static struct dentry *shim_debugfs;

static int stats_show(struct seq_file *m, void *unused)
{
	unsigned int domains;

	mutex_lock(&shim_domains_lock);
	domains = list_count_nodes(&shim_domains);
	mutex_unlock(&shim_domains_lock);

	seq_printf(m, "domains %u\n", domains);
	seq_printf(m, "pinned %ld\n", atomic_long_read(&shim_pinned));
	seq_printf(m, "mapped %ld\n", atomic_long_read(&shim_mapped));
	seq_printf(m, "maps %lld\n", atomic64_read(&shim_stats.maps));
	seq_printf(m, "copies %lld\n", atomic64_read(&shim_stats.copies));
	seq_printf(m, "refused %lld\n", atomic64_read(&shim_stats.refused));

	return 0;
}
DEFINE_SHOW_ATTRIBUTE(stats);

static int domains_show(struct seq_file *m, void *unused)
{
	struct shim_domain *dom;

	guard(mutex)(&shim_domains_lock);
	list_for_each_entry(dom, &shim_domains, list)
		seq_printf(m, "%u %s pinned %lu refs %u maps %lld copies %lld refused %lld\n",
			   dom->domid, READ_ONCE(dom->dead) ? "dead" : "alive",
			   READ_ONCE(dom->pinned), refcount_read(&dom->refs),
			   atomic64_read(&dom->stats.maps),
			   atomic64_read(&dom->stats.copies),
			   atomic64_read(&dom->stats.refused));

	return 0;
}
DEFINE_SHOW_ATTRIBUTE(domains);

/**
 * shim_debugfs_init - show the counters
 */
void shim_debugfs_init(void)
{
	shim_debugfs = debugfs_create_dir("xen_shim", NULL);
	debugfs_create_file("stats", 0400, shim_debugfs, NULL, &stats_fops);
	debugfs_create_file("domains", 0400, shim_debugfs, NULL, &domains_fops);
	shim_bench_init(shim_debugfs);
}

/**
 * shim_debugfs_exit - show them no more
 */
void shim_debugfs_exit(void)
{
	debugfs_remove_recursive(shim_debugfs);
}

// SPDX-License-Identifier: GPL-2.0
/*
 * Counters in debugfs, xen_shim/: "stats" of all domains since boot, "domains"
 * of each one, also of those that died and are still mapped.
 */
#include <linux/debugfs.h>
#include <linux/seq_file.h>

#include "shim.h"

static struct dentry *shim_debugfs;

struct shim_sums {
	unsigned int domains;
	s64 mapped;
	s64 maps;
	s64 copies;
	s64 refused;
};

static void add_to_sums(struct shim_sums *sums, const struct shim_stats *stats)
{
	/* In this order: what is unmapped was mapped before. */
	s64 unmaps = atomic64_read_acquire(&stats->unmaps);
	s64 maps = atomic64_read(&stats->maps);

	sums->mapped += maps - unmaps;
	sums->maps += maps;
	sums->copies += atomic64_read(&stats->copies);
	sums->refused += atomic64_read(&stats->refused);
}

/* The caller holds shim_domains_lock. */
static struct shim_sums sum_stats(void)
{
	struct shim_sums sums = { };
	struct shim_domain *dom;

	lockdep_assert_held(&shim_domains_lock);

	add_to_sums(&sums, &shim_stats);
	list_for_each_entry(dom, &shim_domains, list) {
		add_to_sums(&sums, &dom->stats);
		sums.domains++;
	}

	return sums;
}

/**
 * shim_mapped - how many grants are mapped now
 *
 * Context: May sleep.
 * Return: Their number; more than that if some are just unmapped
 */
s64 shim_mapped(void)
{
	guard(mutex)(&shim_domains_lock);

	return sum_stats().mapped;
}

static int stats_show(struct seq_file *m, void *unused)
{
	struct shim_sums sums;

	mutex_lock(&shim_domains_lock);
	sums = sum_stats();
	mutex_unlock(&shim_domains_lock);

	seq_printf(m, "domains %u\n", sums.domains);
	seq_printf(m, "pinned %ld\n", atomic_long_read(&shim_pinned));
	seq_printf(m, "mapped %lld\n", sums.mapped);
	seq_printf(m, "maps %lld\n", sums.maps);
	seq_printf(m, "copies %lld\n", sums.copies);
	seq_printf(m, "refused %lld\n", sums.refused);

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

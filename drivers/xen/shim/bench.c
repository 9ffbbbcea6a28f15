// SPDX-License-Identifier: GPL-2.0
/*
 * Grant operations, many times: to count instructions or time around a write
 *
 * debugfs xen_shim/bench takes one line:
 *
 *   map DOMID GREF COUNT ROUNDS
 *	map and unmap COUNT consecutive grants, writable, in one batch
 *   copy DOMID GREF COUNT ROUNDS
 *	copy the pages of COUNT consecutive grants into a page of the kernel
 *   none DOMID GREF COUNT ROUNDS
 *	only fill in the operations of "map", to be subtracted
 *
 * The write fails with EIO if an operation is refused.
 */
#include <linux/debugfs.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include <xen/grant_table.h>

#include "shim.h"

#define BENCH_BATCH	64
#define BENCH_ROUNDS	1000000

struct bench {
	char what[8];
	unsigned int domid;
	unsigned int gref;
	unsigned int count;
	unsigned int rounds;
	struct page *pages[BENCH_BATCH];
	struct page *local;
	union {
		struct {
			struct gnttab_map_grant_ref map[BENCH_BATCH];
			struct gnttab_unmap_grant_ref unmap[BENCH_BATCH];
		};
		struct gnttab_copy copy[BENCH_BATCH];
	};
};

static int bench_map(struct bench *b, bool run)
{
	unsigned int i, failed = 0;

	for (i = 0; i < b->count; i++)
		gnttab_set_map_op(&b->map[i], 0, GNTTAB_host_map, b->gref + i,
				  b->domid);
	if (run)
		gnttab_map_refs(b->map, NULL, b->pages, b->count,
				GNTTAB_PAGES_TO(b->pages));

	for (i = 0; i < b->count; i++) {
		if (run && b->map[i].status != GNTST_okay) {
			failed++;
			continue;
		}
		gnttab_set_unmap_op(&b->unmap[i - failed], 0, GNTTAB_host_map,
				    b->map[i].handle);
	}
	if (run)
		gnttab_unmap_refs(b->unmap, NULL, b->pages, b->count - failed);

	return failed ? -EIO : 0;
}

static int bench_copy(struct bench *b)
{
	unsigned int i;

	for (i = 0; i < b->count; i++)
		b->copy[i] = (struct gnttab_copy) {
			.source = { .u.ref = b->gref + i, .domid = b->domid },
			.dest = { .u.gmfn = page_to_pfn(b->local),
				  .domid = DOMID_SELF },
			.len = XEN_PAGE_SIZE,
			.flags = GNTCOPY_source_gref,
		};
	gnttab_batch_copy(b->copy, b->count);

	for (i = 0; i < b->count; i++)
		if (b->copy[i].status != GNTST_okay)
			return -EIO;

	return 0;
}

static int bench_round(struct bench *b)
{
	if (!strcmp(b->what, "map"))
		return bench_map(b, true);
	if (!strcmp(b->what, "copy"))
		return bench_copy(b);
	if (!strcmp(b->what, "none"))
		return bench_map(b, false);

	return -EINVAL;
}

static int bench_run(struct bench *b, const char *line)
{
	int err = 0;

	if (sscanf(line, "%7s %u %u %u %u", b->what, &b->domid, &b->gref,
		   &b->count, &b->rounds) != 5)
		return -EINVAL;
	if (!b->count || b->count > BENCH_BATCH || b->rounds > BENCH_ROUNDS ||
	    b->domid >= DOMID_FIRST_RESERVED)
		return -EINVAL;

	b->local = alloc_page(GFP_KERNEL);
	if (!b->local)
		return -ENOMEM;

	while (!err && b->rounds--) {
		err = bench_round(b);
		cond_resched();
	}
	__free_page(b->local);

	return err;
}

static ssize_t bench_write(struct file *file, const char __user *buf,
			   size_t size, loff_t *pos)
{
	struct bench *b __free(kfree) = kzalloc_obj(*b);
	char line[64];
	int err;

	if (!b)
		return -ENOMEM;
	if (size >= sizeof(line))
		return -EINVAL;
	if (copy_from_user(line, buf, size))
		return -EFAULT;
	line[size] = '\0';

	err = bench_run(b, line);

	return err ? err : size;
}

static const struct file_operations bench_fops = {
	.owner	= THIS_MODULE,
	.write	= bench_write,
};

/**
 * shim_bench_init - have the file
 * @parent: directory
 */
void shim_bench_init(struct dentry *parent)
{
	debugfs_create_file("bench", 0200, parent, NULL, &bench_fops);
}

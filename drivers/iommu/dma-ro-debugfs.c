// SPDX-License-Identifier: GPL-2.0
/*
 * DMA-RO domains: windows, and what devices may write, in debugfs.
 *
 * What a device may write at the moment is what a host would need to know to
 * find out which pages it can have made dirty. iommu.dma_ro_track=1 keeps it
 * for each domain that has a window: an address for each 4 KiB of IOVA. That takes
 * memory and time for each mapping, and is for looking at it only.
 *
 * With a flush queue a device can write for a little longer than this shows.
 */
#define pr_fmt(fmt) "iommu: DMA-RO: " fmt

#include <linux/debugfs.h>
#include <linux/iommu.h>
#include <linux/kstrtox.h>
#include <linux/seq_file.h>
#include <linux/xarray.h>

#include "dma-iommu.h"
#include "dma-ro.h"
#include "dma-ro-window.h"

/* The smallest page of any IOMMU */
#define TRACKED		SZ_4K

DEFINE_STATIC_KEY_FALSE(iommu_dma_ro_track_key);

static bool dma_ro_track __initdata;

static int __init iommu_dma_ro_track_setup(char *str)
{
	return kstrtobool(str, &dma_ro_track);
}
early_param("iommu.dma_ro_track", iommu_dma_ro_track_setup);

/**
 * __iommu_dma_ro_track_map() - note what a device may write from now on
 * @domain: the domain
 * @iova: first IOVA
 * @phys: what it stands for
 * @size: in bytes
 */
void __iommu_dma_ro_track_map(struct iommu_domain *domain, unsigned long iova,
			      phys_addr_t phys, size_t size)
{
	struct iommu_dma_ro *ro = iommu_dma_ro_of(domain);
	unsigned long flags;
	size_t done;

	if (!ro)
		return;
	xa_lock_irqsave(&ro->writable, flags);
	for (done = 0; done < size; done += TRACKED) {
		if (xa_is_err(__xa_store(&ro->writable, (iova + done) / TRACKED,
					 xa_mk_value((phys + done) / TRACKED),
					 GFP_ATOMIC)))
			ro->writable_lost = true;
		else
			ro->writable_pages++;
	}
	xa_unlock_irqrestore(&ro->writable, flags);
}

/* The window itself, in which nothing is writable, can be a large range. */
static void dma_ro_forget(struct iommu_dma_ro *ro, unsigned long first,
			  unsigned long last)
{
	XA_STATE(xas, &ro->writable, first);
	unsigned long flags;
	void *entry;

	xas_lock_irqsave(&xas, flags);
	xas_for_each(&xas, entry, last) {
		xas_store(&xas, NULL);
		ro->writable_pages--;
	}
	xas_unlock_irqrestore(&xas, flags);
}

/**
 * __iommu_dma_ro_track_unmap() - note what a device may not access any more
 * @domain: the domain
 * @iova: first IOVA
 * @size: in bytes
 */
void __iommu_dma_ro_track_unmap(struct iommu_domain *domain,
				unsigned long iova, size_t size)
{
	struct iommu_dma_ro *ro = iommu_dma_ro_of(domain);

	if (ro && size)
		dma_ro_forget(ro, iova / TRACKED, (iova + size - 1) / TRACKED);
}

/* A line for each window: device, first and last address, bytes mapped */
static int dma_ro_windows_show(struct seq_file *m, void *unused)
{
	struct iommu_dma_ro *ro;

	mutex_lock(&iommu_dma_ro_lock);
	list_for_each_entry(ro, &iommu_dma_ro_windows, list) {
		seq_printf(m, "%s %#llx-%#llx readable %llu", ro->name,
			   ro->base, ro->base + ro->size - 1, ro->mapped);
		if (static_branch_unlikely(&iommu_dma_ro_track_key))
			seq_printf(m, " writable %lu%s",
				   READ_ONCE(ro->writable_pages) * TRACKED,
				   ro->writable_lost ? " incomplete" : "");
		seq_putc(m, '\n');
	}
	mutex_unlock(&iommu_dma_ro_lock);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(dma_ro_windows);

/* A line for each page: device, IOVA, physical address */
static int dma_ro_writable_show(struct seq_file *m, void *unused)
{
	struct iommu_dma_ro *ro;
	unsigned long index;
	void *entry;

	mutex_lock(&iommu_dma_ro_lock);
	list_for_each_entry(ro, &iommu_dma_ro_windows, list)
		xa_for_each(&ro->writable, index, entry)
			seq_printf(m, "%s %#llx %#llx\n", ro->name,
				   (u64)index * TRACKED,
				   (u64)xa_to_value(entry) * TRACKED);
	mutex_unlock(&iommu_dma_ro_lock);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(dma_ro_writable);

static int __init dma_ro_debugfs_init(void)
{
	struct dentry *dir;

	if (dma_ro_track) {
		static_branch_enable(&iommu_dma_ro_track_key);
		pr_info("what devices may write is tracked, which is slow\n");
	}
	dir = debugfs_create_dir("dma_ro", iommu_debugfs_dir);
	debugfs_create_file("windows", 0400, dir, NULL, &dma_ro_windows_fops);
	debugfs_create_file("writable", 0400, dir, NULL,
			    &dma_ro_writable_fops);
	return 0;
}
subsys_initcall_sync(dma_ro_debugfs_init);

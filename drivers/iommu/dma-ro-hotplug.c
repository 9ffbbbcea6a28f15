// SPDX-License-Identifier: GPL-2.0
/*
 * DMA-RO domains: memory that goes online or offline.
 *
 * The notifier runs when memory is online already or offline for good. Until
 * then its pages are mapped as in any other domain, and after that nobody can
 * have them mapped: nothing needs to be undone if either fails. Memory that
 * cannot be mapped into a window stays out of it.
 */
#define pr_fmt(fmt) "iommu: DMA-RO: " fmt

#include <linux/init.h>
#include <linux/list.h>
#include <linux/memory.h>
#include <linux/mm.h>
#include <linux/notifier.h>
#include <linux/pfn.h>

#include "dma-ro.h"
#include "dma-ro-window.h"

static void dma_ro_online(u64 start, u64 end)
{
	struct iommu_dma_ro *ro;

	list_for_each_entry(ro, &iommu_dma_ro_windows, list)
		if (iommu_dma_ro_map(ro, start, end))
			pr_warn("memory at %#llx-%#llx stays out of a window\n",
				start, end - 1);
}

/*
 * A block may hold the struct pages of its memory: the rest of it goes
 * offline, but all of it is to be taken away.
 */
static void dma_ro_offline(u64 start, u64 end)
{
	u64 block = iommu_dma_ro_block();
	struct iommu_dma_ro *ro;

	start = ALIGN_DOWN(start, block);
	end = ALIGN(end, block);
	list_for_each_entry(ro, &iommu_dma_ro_windows, list)
		iommu_dma_ro_unmap(ro, start, end);
}

static int dma_ro_notify(struct notifier_block *nb, unsigned long action,
			 void *data)
{
	struct memory_notify *arg = data;
	u64 start = PFN_PHYS(arg->start_pfn);
	u64 end = start + PFN_PHYS(arg->nr_pages);

	mutex_lock(&iommu_dma_ro_lock);
	if (action == MEM_ONLINE)
		dma_ro_online(start, end);
	else if (action == MEM_OFFLINE)
		dma_ro_offline(start, end);
	mutex_unlock(&iommu_dma_ro_lock);
	return NOTIFY_OK;
}

static struct notifier_block dma_ro_nb = {
	.notifier_call = dma_ro_notify,
};

static int __init dma_ro_hotplug_init(void)
{
	return register_memory_notifier(&dma_ro_nb);
}
core_initcall(dma_ro_hotplug_init);

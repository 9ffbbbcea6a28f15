// SPDX-License-Identifier: GPL-2.0
/*
 * DMA-RO domains: addresses that stay out of a window.
 *
 * An IOVA is a physical address in a window only if it reaches memory from
 * where the device is: not what the IOMMU or firmware reserved, and not what a
 * host bridge takes for its own windows or does not forward. All of that is
 * found out before the window is built. A device that joins later may only
 * bring what is not in the window.
 */
#include <linux/iommu.h>
#include <linux/pci.h>
#include <linux/slab.h>

#include "dma-ro.h"
#include "dma-ro-window.h"

/**
 * iommu_dma_ro_excludes() - do some addresses stay out of a window?
 * @ro: the window
 * @start: the first address
 * @last: the last address
 *
 * Return: true if something in that range was excluded.
 */
bool iommu_dma_ro_excludes(const struct iommu_dma_ro *ro, u64 start, u64 last)
{
	unsigned int i;

	for (i = 0; i < ro->nr_excluded; i++)
		if (start <= ro->excluded[i].last &&
		    last >= ro->excluded[i].start)
			return true;
	return false;
}

static bool dma_ro_maps(const struct iommu_dma_ro *ro, u64 start, u64 last)
{
	u64 end = ro->base + ro->size - 1;

	if (!ro->size || start > end || last < ro->base)
		return false;
	start = (max(start, ro->base) - ro->base) >> IOMMU_DMA_RO_SHIFT;
	last = (min(last, end) - ro->base) >> IOMMU_DMA_RO_SHIFT;
	return find_next_bit(ro->granules, last + 1, start) <= last;
}

/**
 * iommu_dma_ro_exclude() - keep addresses out of a window
 * @ro: the window; iommu_dma_ro_lock is held
 * @start: the first address
 * @last: the last address
 *
 * Return: 0, %-ENOMEM, or %-EBUSY if some of it is in the window already.
 */
int iommu_dma_ro_exclude(struct iommu_dma_ro *ro, u64 start, u64 last)
{
	struct iommu_dma_ro_range *more;
	unsigned int i;

	if (ro->live && dma_ro_maps(ro, start, last))
		return -EBUSY;

	/* Devices come and go, and tend to have the same ranges. */
	for (i = 0; i < ro->nr_excluded; i++)
		if (start >= ro->excluded[i].start &&
		    last <= ro->excluded[i].last)
			return 0;

	more = krealloc_array(ro->excluded, ro->nr_excluded + 1, sizeof(*more),
			      GFP_KERNEL);
	if (!more)
		return -ENOMEM;
	more[ro->nr_excluded++] = (struct iommu_dma_ro_range){ start, last };
	ro->excluded = more;
	return 0;
}

static int dma_ro_exclude_reserved(struct iommu_dma_ro *ro, struct device *dev)
{
	struct iommu_resv_region *region;
	LIST_HEAD(regions);
	int ret = 0;

	iommu_get_resv_regions(dev, &regions);
	list_for_each_entry(region, &regions, list) {
		/* An offer to map MSIs there, which nobody takes up here */
		if (region->type == IOMMU_RESV_SW_MSI || !region->length)
			continue;
		ret = iommu_dma_ro_exclude(ro, region->start,
					   region->start + region->length - 1);
		if (ret)
			break;
	}
	iommu_put_resv_regions(dev, &regions);
	return ret;
}

/* What is not among the addresses that a host bridge forwards, if it has any */
static int dma_ro_exclude_unforwarded(struct iommu_dma_ro *ro,
				      struct pci_host_bridge *bridge)
{
	struct resource_entry *range, *next;
	u64 start, first = 0;
	int ret;

	if (list_empty(&bridge->dma_ranges))
		return 0;
	do {
		next = NULL;
		resource_list_for_each_entry(range, &bridge->dma_ranges) {
			start = range->res->start - range->offset;
			if (start >= first &&
			    (!next || start < next->res->start - next->offset))
				next = range;
		}
		start = next ? next->res->start - next->offset : U64_MAX;
		if (start > first) {
			ret = iommu_dma_ro_exclude(ro, first, start - 1);
			if (ret)
				return ret;
		}
		if (next)
			first = next->res->end - next->offset + 1;
	} while (next && first);
	return 0;
}

/* What a host bridge does not forward as DMA: its windows, and all else */
static int dma_ro_exclude_bridge(struct iommu_dma_ro *ro, struct pci_dev *pdev)
{
	struct pci_host_bridge *bridge = pci_find_host_bridge(pdev->bus);
	struct resource_entry *window;
	int ret;

	resource_list_for_each_entry(window, &bridge->windows) {
		if (resource_type(window->res) != IORESOURCE_MEM)
			continue;
		ret = iommu_dma_ro_exclude(ro,
					   window->res->start - window->offset,
					   window->res->end - window->offset);
		if (ret)
			return ret;
	}
	return dma_ro_exclude_unforwarded(ro, bridge);
}

/**
 * iommu_dma_ro_exclude_for() - keep out what is not memory for a device
 * @ro: the window; iommu_dma_ro_lock is held
 * @dev: the device
 *
 * Return: 0, %-ENOMEM, or %-EBUSY if some of it is in the window already.
 */
int iommu_dma_ro_exclude_for(struct iommu_dma_ro *ro, struct device *dev)
{
	int ret;

	if (dev_is_pci(dev)) {
		ret = dma_ro_exclude_bridge(ro, to_pci_dev(dev));
		if (ret)
			return ret;
	}
	return dma_ro_exclude_reserved(ro, dev);
}

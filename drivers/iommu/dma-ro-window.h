/* SPDX-License-Identifier: GPL-2.0 */
/* DMA-RO domains: what the files about the window share; see dma-ro.c */
#ifndef __DRIVERS_IOMMU_DMA_RO_WINDOW_H
#define __DRIVERS_IOMMU_DMA_RO_WINDOW_H

#include <linux/memory.h>
#include <linux/mutex.h>
#include <linux/sizes.h>
#include <linux/types.h>

#include "dma-iommu.h"

struct device;
struct iommu_dma_ro;

extern struct mutex iommu_dma_ro_lock;
extern struct list_head iommu_dma_ro_windows;

/* iommu_dma_ro_of - the window of a domain, or NULL */
static inline struct iommu_dma_ro *iommu_dma_ro_of(struct iommu_domain *domain)
{
	struct iommu_dma_ro **slot = iommu_dma_ro_slot(domain);

	return slot ? *slot : NULL;
}

/*
 * iommu_dma_ro_block - bytes of memory that can go away as a whole: no leaf of
 * a window's page table lies in two such blocks. Where nothing goes away, as
 * much as a large leaf has.
 */
static inline u64 iommu_dma_ro_block(void)
{
	return IS_ENABLED(CONFIG_MEMORY_HOTPLUG) ? memory_block_size_bytes() :
						   SZ_1G;
}

int iommu_dma_ro_map(struct iommu_dma_ro *ro, u64 start, u64 end);
void iommu_dma_ro_unmap(struct iommu_dma_ro *ro, u64 start, u64 end);
bool iommu_dma_ro_excludes(const struct iommu_dma_ro *ro, u64 start, u64 last);
int iommu_dma_ro_exclude(struct iommu_dma_ro *ro, u64 start, u64 last);
int iommu_dma_ro_exclude_for(struct iommu_dma_ro *ro, struct device *dev);

#endif /* __DRIVERS_IOMMU_DMA_RO_WINDOW_H */

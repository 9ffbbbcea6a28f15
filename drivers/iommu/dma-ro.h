/* SPDX-License-Identifier: GPL-2.0 */
/*
 * DMA-RO domains: a device-read-only identity window for DMA_TO_DEVICE.
 *
 * What dma-iommu.c needs in its fast paths. Each of them is a nop as long as
 * no domain of the system has a window.
 */
#ifndef __DRIVERS_IOMMU_DMA_RO_H
#define __DRIVERS_IOMMU_DMA_RO_H

#include <linux/bitops.h>
#include <linux/device.h>
#include <linux/dma-map-ops.h>
#include <linux/dma-mapping.h>
#include <linux/jump_label.h>
#include <linux/sizes.h>
#include <linux/types.h>
#include <linux/xarray.h>

struct iommu_domain;
struct scatterlist;

/*
 * The granule in which memory is in the window or not: small enough for the
 * edges of memory to be a small loss, and the size of a leaf in most formats.
 */
#define IOMMU_DMA_RO_SHIFT	21
#define IOMMU_DMA_RO_GRANULE	BIT(IOMMU_DMA_RO_SHIFT)

/**
 * struct iommu_dma_ro_range - addresses that stay out of a window
 * @start: the first of them
 * @last: the last of them
 */
struct iommu_dma_ro_range {
	u64 start;
	u64 last;
};

/**
 * struct iommu_dma_ro - the window of a domain
 * @base: its first address, physical and IOVA alike, aligned to the granule
 * @size: of all of it in bytes; what of it is mapped is in @granules
 * @granules: a bit for each granule that the device can read. They are set
 *	after the granule is mapped, and cleared before it is unmapped, which
 *	is when it has no users any more.
 * @domain: whose window this is
 * @prot: how it is mapped
 * @coherent: all devices of the group are. Some are found to be only after
 *	the window was built, and do not use it.
 * @live: the window is built, what is in it does not become excluded
 * @excluded: addresses which are not memory on the bus
 * @nr_excluded: how many there are
 * @mapped: bytes that are mapped
 * @name: of the group's first device
 * @writable: what devices may write, if that is tracked: see dma-ro-debugfs.c
 * @writable_pages: how many entries that has
 * @writable_lost: it does not have all, for lack of memory
 * @list: all windows, under iommu_dma_ro_lock like everything but the fast
 *	path's reading of @granules
 */
struct iommu_dma_ro {
	u64 base;
	u64 size;
	unsigned long *granules;
	struct iommu_domain *domain;
	int prot;
	bool coherent;
	bool live;
	struct iommu_dma_ro_range *excluded;
	unsigned int nr_excluded;
	u64 mapped;
	char name[32];
	struct xarray writable;
	unsigned long writable_pages;
	bool writable_lost;
	struct list_head list;
};

#ifdef CONFIG_IOMMU_DMA_RO

DECLARE_STATIC_KEY_FALSE(iommu_dma_ro_key);

bool iommu_dma_ro_by_default(void);
int iommu_dma_ro_add_device(struct iommu_domain *domain, struct device *dev);
int iommu_dma_ro_build(struct iommu_domain *domain, struct device *dev);
void iommu_dma_ro_abandon(struct iommu_domain *domain);
bool iommu_dma_ro_hold(struct iommu_domain *domain);
void iommu_dma_ro_release(void);
void iommu_dma_ro_free(struct iommu_dma_ro *ro);
bool iommu_dma_ro_covers(struct iommu_domain *domain, u64 iova);

void __iommu_dma_ro_explain(u64 addr);
bool __iommu_dma_ro_can_read(const struct iommu_dma_ro *ro, u64 first,
			     u64 last);
bool __iommu_dma_ro_map_sg(const struct iommu_dma_ro *ro, struct device *dev,
			   struct scatterlist *sg, int nents,
			   enum dma_data_direction dir, unsigned long attrs);

/* iommu_dma_ro_in_use - does any domain have a window? */
static __always_inline bool iommu_dma_ro_in_use(void)
{
	return static_branch_unlikely(&iommu_dma_ro_key);
}

/* iommu_dma_ro_explain - say why a device may not write to an address */
static inline void iommu_dma_ro_explain(u64 addr)
{
	if (iommu_dma_ro_in_use())
		__iommu_dma_ro_explain(addr);
}

/*
 * iommu_dma_ro_can_map - may a buffer be mapped by its physical address?
 * @size is not 0. Attributes ask for what the window does not give.
 */
static inline bool iommu_dma_ro_can_map(const struct iommu_dma_ro *ro,
					struct device *dev, phys_addr_t phys,
					size_t size,
					enum dma_data_direction dir,
					unsigned long attrs)
{
	u64 first, last;

	if (!iommu_dma_ro_in_use())
		return false;
	if (dir != DMA_TO_DEVICE || !ro ||
	    ro->coherent != dev_is_dma_coherent(dev) ||
	    attrs & (DMA_ATTR_MMIO | DMA_ATTR_PRIVILEGED | DMA_ATTR_CC_SHARED))
		return false;

	first = phys - ro->base;
	last = first + size - 1;
	if (first >= ro->size || last >= ro->size || last < first ||
	    ro->base + last > min_not_zero(dma_get_mask(dev),
					   dev->bus_dma_limit))
		return false;

	first >>= IOMMU_DMA_RO_SHIFT;
	last >>= IOMMU_DMA_RO_SHIFT;
	if (likely(first == last))
		return test_bit(first, ro->granules);
	return __iommu_dma_ro_can_read(ro, first, last);
}

/*
 * iommu_dma_ro_owns - was a buffer mapped by its physical address?
 * The IOVAs of the window are reserved: the address alone decides.
 */
static inline bool iommu_dma_ro_owns(const struct iommu_dma_ro *ro,
				     dma_addr_t addr)
{
	return iommu_dma_ro_in_use() && ro &&
	       addr - ro->base < ro->size;
}

/* iommu_dma_ro_map_sg - map all of a list that way, or nothing of it */
static inline bool iommu_dma_ro_map_sg(const struct iommu_dma_ro *ro,
				       struct device *dev,
				       struct scatterlist *sg, int nents,
				       enum dma_data_direction dir,
				       unsigned long attrs)
{
	return iommu_dma_ro_in_use() &&
	       dir == DMA_TO_DEVICE && ro &&
	       __iommu_dma_ro_map_sg(ro, dev, sg, nents, dir, attrs);
}

#else /* CONFIG_IOMMU_DMA_RO */

static inline bool iommu_dma_ro_in_use(void)
{
	return false;
}

static inline void iommu_dma_ro_explain(u64 addr)
{
}

static inline bool iommu_dma_ro_by_default(void)
{
	return false;
}

static inline int iommu_dma_ro_add_device(struct iommu_domain *domain,
					  struct device *dev)
{
	return -EOPNOTSUPP;
}

static inline int iommu_dma_ro_build(struct iommu_domain *domain,
				     struct device *dev)
{
	return -EOPNOTSUPP;
}

static inline void iommu_dma_ro_abandon(struct iommu_domain *domain)
{
}

static inline bool iommu_dma_ro_hold(struct iommu_domain *domain)
{
	return false;
}

static inline void iommu_dma_ro_release(void)
{
}

static inline void iommu_dma_ro_free(struct iommu_dma_ro *ro)
{
}

static inline bool iommu_dma_ro_covers(struct iommu_domain *domain, u64 iova)
{
	return false;
}

static inline bool iommu_dma_ro_can_map(const struct iommu_dma_ro *ro,
					struct device *dev, phys_addr_t phys,
					size_t size,
					enum dma_data_direction dir,
					unsigned long attrs)
{
	return false;
}

static inline bool iommu_dma_ro_owns(const struct iommu_dma_ro *ro,
				     dma_addr_t addr)
{
	return false;
}

static inline bool iommu_dma_ro_map_sg(const struct iommu_dma_ro *ro,
				       struct device *dev,
				       struct scatterlist *sg, int nents,
				       enum dma_data_direction dir,
				       unsigned long attrs)
{
	return false;
}

#endif /* CONFIG_IOMMU_DMA_RO */

#if defined(CONFIG_IOMMU_DMA_RO) && defined(CONFIG_IOMMU_DEBUGFS)

DECLARE_STATIC_KEY_FALSE(iommu_dma_ro_track_key);

void __iommu_dma_ro_track_map(struct iommu_domain *domain, unsigned long iova,
			      phys_addr_t phys, size_t size);
void __iommu_dma_ro_track_unmap(struct iommu_domain *domain,
				unsigned long iova, size_t size);

/* iommu_dma_ro_track_map - something was mapped for a device to write */
static inline void iommu_dma_ro_track_map(struct iommu_domain *domain,
					  unsigned long iova, phys_addr_t phys,
					  size_t size)
{
	if (static_branch_unlikely(&iommu_dma_ro_track_key))
		__iommu_dma_ro_track_map(domain, iova, phys, size);
}

/* iommu_dma_ro_track_unmap - something was unmapped */
static inline void iommu_dma_ro_track_unmap(struct iommu_domain *domain,
					    unsigned long iova, size_t size)
{
	if (static_branch_unlikely(&iommu_dma_ro_track_key))
		__iommu_dma_ro_track_unmap(domain, iova, size);
}

#else

static inline void iommu_dma_ro_track_map(struct iommu_domain *domain,
					  unsigned long iova, phys_addr_t phys,
					  size_t size)
{
}

static inline void iommu_dma_ro_track_unmap(struct iommu_domain *domain,
					    unsigned long iova, size_t size)
{
}

#endif
#endif /* __DRIVERS_IOMMU_DMA_RO_H */

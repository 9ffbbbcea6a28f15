// SPDX-License-Identifier: GPL-2.0
/*
 * DMA-RO domains: a device-read-only identity window for DMA_TO_DEVICE.
 *
 * The window of a domain is a range of IOVAs that equal physical addresses.
 * System RAM in it is mapped once, before the domain is attached, for devices
 * to read. A buffer that a device only reads is then mapped by handing out its
 * physical address, and unmapped by doing nothing: no IOVA, no page table, no
 * invalidation. What devices write is mapped as ever, elsewhere.
 *
 * Invariants:
 *  - nothing in the window is ever writable, and all its IOVAs are reserved,
 *    so that an address tells how it was mapped;
 *  - a granule is used only while its bit is set, and is mapped at least as
 *    long;
 *  - only memory that is online is mapped, and no leaf of the page table is
 *    larger than the block of memory that can go offline;
 *  - where this cannot be had, the domain has no window, and a message why.
 */
#define pr_fmt(fmt) "iommu: DMA-RO: " fmt

#include <linux/cc_platform.h>
#include <linux/cleanup.h>
#include <linux/crash_dump.h>
#include <linux/dma-map-ops.h>
#include <linux/ioport.h>
#include <linux/iommu.h>
#include <linux/kstrtox.h>
#include <linux/memblock.h>
#include <linux/memory_hotplug.h>
#include <linux/mm.h>
#include <linux/pci.h>
#include <linux/scatterlist.h>
#include <linux/slab.h>

#include "dma-iommu.h"
#include "dma-ro.h"
#include "dma-ro-window.h"

/*
 * Below this a window never begins, whatever it is asked to include, so that
 * devices that cannot address the rest find IOVAs there.
 */
#define DMA_RO_LOW	SZ_256M
/* IOVAs that must be left above a window, for all else */
#define DMA_RO_ROOM	SZ_4G

DEFINE_STATIC_KEY_FALSE(iommu_dma_ro_key);
EXPORT_SYMBOL_GPL(iommu_dma_ro_key);

/* All windows; taken within a group's mutex and memory hotplug */
DEFINE_MUTEX(iommu_dma_ro_lock);
LIST_HEAD(iommu_dma_ro_windows);

/* All windows begin at the same address; here the largest ends */
static u64 dma_ro_base, dma_ro_end;

static bool dma_ro_wanted __ro_after_init;
static bool dma_ro_low __ro_after_init;

static int __init iommu_dma_ro_setup(char *str)
{
	if (!str)
		return -EINVAL;
	dma_ro_low = !strcmp(str, "all");
	if (dma_ro_low) {
		dma_ro_wanted = true;
		return 0;
	}
	if (kstrtobool(str, &dma_ro_wanted)) {
		pr_warn("iommu.dma_ro=%s: expected 0, 1 or all\n", str);
		return -EINVAL;
	}
	return 0;
}
early_param("iommu.dma_ro", iommu_dma_ro_setup);

/**
 * iommu_dma_ro_by_default() - was DMA-RO asked for on the command line?
 *
 * Return: true if translated default domains are to have a window.
 */
bool iommu_dma_ro_by_default(void)
{
	return dma_ro_wanted;
}

/* --- what may have a window ---------------------------------------------- */

/* The reason why no device can have a window, or NULL */
static const char *dma_ro_system_reason(void)
{
	if (cc_platform_has(CC_ATTR_MEM_ENCRYPT))
		return "memory is encrypted";
	if (is_kdump_kernel())
		return "this is a kdump kernel";
	return NULL;
}

static const char *dma_ro_device_reason(struct device *dev)
{
	const char *reason = dma_ro_system_reason();

	if (reason)
		return reason;
	if (dev_is_pci(dev) && to_pci_dev(dev)->untrusted)
		return "the device is untrusted";
	if (!device_iommu_capable(dev, IOMMU_CAP_READ_ONLY))
		return "the IOMMU driver does not say that it enforces read-only";
	return NULL;
}

/* --- the window ------------------------------------------------------------ */

static struct iommu_dma_ro *dma_ro_alloc(struct iommu_domain *domain,
					 struct device *dev)
{
	struct iommu_dma_ro *ro = kzalloc_obj(*ro);

	if (!ro)
		return NULL;
	INIT_LIST_HEAD(&ro->list);
	xa_init_flags(&ro->writable, XA_FLAGS_LOCK_IRQ);
	strscpy(ro->name, dev_name(dev));
	ro->domain = domain;
	ro->coherent = dev_is_dma_coherent(dev);
	ro->prot = IOMMU_READ | IOMMU_NOEXEC;
	if (ro->coherent)
		ro->prot |= IOMMU_CACHE;
	*iommu_dma_ro_slot(domain) = ro;
	return ro;
}

/**
 * iommu_dma_ro_free() - give back what describes a window
 * @ro: the window, or NULL
 *
 * Its mappings go away with the domain.
 */
void iommu_dma_ro_free(struct iommu_dma_ro *ro)
{
	if (!ro)
		return;
	mutex_lock(&iommu_dma_ro_lock);
	list_del(&ro->list);
	mutex_unlock(&iommu_dma_ro_lock);
	xa_destroy(&ro->writable);
	kvfree(ro->granules);
	kfree(ro->excluded);
	kfree(ro);
}

/**
 * iommu_dma_ro_covers() - is an address in the window of a domain?
 * @domain: a domain
 * @iova: the address
 *
 * Return: true if only the window can map that address.
 */
bool iommu_dma_ro_covers(struct iommu_domain *domain, u64 iova)
{
	struct iommu_dma_ro *ro;

	if (domain->cookie_type != IOMMU_COOKIE_DMA_IOVA)
		return false;
	ro = iommu_dma_ro_of(domain);
	return ro && iova - ro->base < ro->size;
}

static bool dma_ro_eligible(const struct iommu_dma_ro *ro, u64 addr)
{
	return !test_bit((addr - ro->base) >> IOMMU_DMA_RO_SHIFT,
			 ro->granules) &&
	       pfn_to_online_page(PHYS_PFN(addr)) &&
	       !iommu_dma_ro_excludes(ro, addr,
				      addr + IOMMU_DMA_RO_GRANULE - 1);
}

/* [start, end) is within a block of memory, so that no leaf is larger */
static int dma_ro_map_block(struct iommu_dma_ro *ro, u64 start, u64 end)
{
	u64 run;
	int ret;

	/*
	 * A driver may take parts of such memory away without a word, while
	 * the block stays online: virtio-mem does.
	 */
	if (region_intersects(start, end - start,
			      IORESOURCE_SYSRAM_DRIVER_MANAGED,
			      IORES_DESC_NONE) != REGION_DISJOINT)
		return 0;

	for (; start < end; start = run) {
		run = start + IOMMU_DMA_RO_GRANULE;
		if (!dma_ro_eligible(ro, start))
			continue;
		while (run < end && dma_ro_eligible(ro, run))
			run += IOMMU_DMA_RO_GRANULE;
		ret = iommu_map(ro->domain, start, start, run - start, ro->prot,
				GFP_KERNEL);
		if (ret)
			return ret;
		/* Before the bits, which allow its use. */
		smp_wmb();
		bitmap_set(ro->granules,
			   (start - ro->base) >> IOMMU_DMA_RO_SHIFT,
			   (run - start) >> IOMMU_DMA_RO_SHIFT);
		ro->mapped += run - start;
	}
	return 0;
}

struct dma_ro_walk {
	struct iommu_dma_ro *ro;
	int ret;
};

static int dma_ro_map_ram(unsigned long pfn, unsigned long nr, void *arg)
{
	u64 block = iommu_dma_ro_block();
	struct dma_ro_walk *walk = arg;
	struct iommu_dma_ro *ro = walk->ro;
	u64 start = max_t(u64, PFN_PHYS(pfn), ro->base);
	u64 end = min_t(u64, PFN_PHYS(pfn + nr), ro->base + ro->size);
	u64 next;

	start = ALIGN(start, IOMMU_DMA_RO_GRANULE);
	end = ALIGN_DOWN(end, IOMMU_DMA_RO_GRANULE);
	for (; start < end; start = next) {
		next = min(ALIGN_DOWN(start, block) + block, end);
		walk->ret = dma_ro_map_block(ro, start, next);
		if (walk->ret)
			return walk->ret;
		cond_resched();
	}
	return 0;
}

/**
 * iommu_dma_ro_map() - let the device read memory in a part of the window
 * @ro: the window; iommu_dma_ro_lock is held
 * @start: first physical address
 * @end: where it ends
 *
 * Memory that the device can read already, that is offline, that a driver
 * manages or that does not fill a granule stays as it is.
 *
 * Return: 0, or an errno; what was mapped before stays mapped.
 */
int iommu_dma_ro_map(struct iommu_dma_ro *ro, u64 start, u64 end)
{
	struct dma_ro_walk walk = { .ro = ro };

	lockdep_assert_held(&iommu_dma_ro_lock);

	start = max(start, ro->base);
	end = min(end, ro->base + ro->size);
	if (start >= end)
		return 0;
	/* Its own errno says only that there is no memory, or not yet. */
	walk_system_ram_range(PHYS_PFN(start), PHYS_PFN(end - start), &walk,
			      dma_ro_map_ram);
	return walk.ret;
}

/**
 * iommu_dma_ro_unmap() - take a part of the window away from the device
 * @ro: the window; iommu_dma_ro_lock is held
 * @start: first physical address, aligned to a block of memory
 * @end: where it ends, likewise
 *
 * Nothing there is in use any more.
 */
void iommu_dma_ro_unmap(struct iommu_dma_ro *ro, u64 start, u64 end)
{
	unsigned long bit, next, last;
	u64 addr, size;

	lockdep_assert_held(&iommu_dma_ro_lock);

	start = max(start, ro->base);
	end = min(end, ro->base + ro->size);
	if (start >= end)
		return;
	bit = (start - ro->base) >> IOMMU_DMA_RO_SHIFT;
	last = (end - ro->base) >> IOMMU_DMA_RO_SHIFT;
	for (; bit < last; bit = next) {
		bit = find_next_bit(ro->granules, last, bit);
		if (bit >= last)
			break;
		next = find_next_zero_bit(ro->granules, last, bit);
		bitmap_clear(ro->granules, bit, next - bit);
		addr = ro->base + ((u64)bit << IOMMU_DMA_RO_SHIFT);
		size = (u64)(next - bit) << IOMMU_DMA_RO_SHIFT;
		WARN_ON(iommu_unmap(ro->domain, addr, size) != size);
		ro->mapped -= size;
	}
}

/*
 * Find out where the window is: all System RAM that there is or can be, from
 * 4 GiB on, or from DMA_RO_LOW. Memory that can be added later is left out
 * where IOVAs are too few for it.
 */
static const char *dma_ro_place(struct iommu_dma_ro *ro)
{
	const struct iommu_domain_geometry *geometry = &ro->domain->geometry;
	u64 ram = PFN_PHYS((u64)max_pfn), end, limit = U64_MAX;

	if (geometry->force_aperture)
		limit = geometry->aperture_end;
	if (limit < ram || limit - ram < DMA_RO_ROOM)
		return "the IOMMU's addresses are too few for all of memory";
	if (__ffs(ro->domain->pgsize_bitmap) > IOMMU_DMA_RO_SHIFT)
		return "the IOMMU's pages are too large";

	ro->base = dma_ro_low ? DMA_RO_LOW : SZ_4G;
	if (geometry->aperture_start > ro->base)
		return "the IOMMU's addresses begin too high";
	end = max_t(u64, ram, PFN_PHYS(max_possible_pfn));
	end = min(end, limit - DMA_RO_ROOM + 1);
	end = ALIGN(end, IOMMU_DMA_RO_GRANULE);
	if (end <= ro->base)
		return "there is no memory at or above 4 GiB";
	ro->size = end - ro->base;
	return NULL;
}

/**
 * iommu_dma_ro_add_device() - ask whether a device can use a domain's window
 * @domain: a domain with a DMA cookie
 * @dev: a device of its group; the group's mutex is held
 *
 * To be called for each device of a group before iommu_dma_ro_build(), and for
 * each that joins later, before it is attached.
 *
 * Return: 0, or an errno after a message why not.
 */
int iommu_dma_ro_add_device(struct iommu_domain *domain, struct device *dev)
{
	struct iommu_dma_ro *ro = iommu_dma_ro_of(domain);
	const char *reason = dma_ro_device_reason(dev);
	int ret;

	if (!iommu_dma_ro_slot(domain))
		return -EINVAL;
	if (!ro && !reason) {
		ro = dma_ro_alloc(domain, dev);
		if (!ro)
			return -ENOMEM;
	}
	if (!reason && ro->coherent != dev_is_dma_coherent(dev))
		reason = "devices of the group differ in cache coherency";
	if (reason) {
		dev_warn(dev, "DMA-RO refused: %s\n", reason);
		return -EOPNOTSUPP;
	}

	mutex_lock(&iommu_dma_ro_lock);
	ret = iommu_dma_ro_exclude_for(ro, dev);
	mutex_unlock(&iommu_dma_ro_lock);
	if (ret)
		dev_warn(dev, "DMA-RO refused: %s\n", ret == -EBUSY ?
			 "reserved addresses are in the group's window" :
			 "no memory");
	return ret;
}

/**
 * iommu_dma_ro_build() - build the window of a domain
 * @domain: a domain to which iommu_dma_ro_add_device() added each device, and
 *	which is not attached yet
 * @dev: one of the devices, for messages; the group's mutex is held
 *
 * Return: 0, or an errno after a message why not.
 */
int iommu_dma_ro_build(struct iommu_domain *domain, struct device *dev)
{
	struct iommu_dma_ro *ro = iommu_dma_ro_of(domain);
	const char *reason;
	int ret = -EOPNOTSUPP;

	reason = dma_ro_place(ro);
	if (reason)
		goto out_refused;
	reason = "no memory";
	ret = -ENOMEM;
	ro->granules = kvcalloc(BITS_TO_LONGS(ro->size >> IOMMU_DMA_RO_SHIFT),
				sizeof(long), GFP_KERNEL);
	if (!ro->granules)
		goto out_refused;

	/*
	 * Memory that goes online or offline from now on waits for the lock,
	 * and then finds the window in the list.
	 */
	mutex_lock(&iommu_dma_ro_lock);
	ret = iommu_dma_ro_map(ro, ro->base, ro->base + ro->size);
	if (!ret) {
		ro->live = true;
		WRITE_ONCE(dma_ro_base, ro->base);
		WRITE_ONCE(dma_ro_end, max(dma_ro_end, ro->base + ro->size));
		list_add_tail(&ro->list, &iommu_dma_ro_windows);
	}
	mutex_unlock(&iommu_dma_ro_lock);
	reason = "the window cannot be mapped";
	if (ret)
		goto out_refused;

	static_branch_enable(&iommu_dma_ro_key);
	dev_info(dev, "DMA-RO: the device can read %llu MiB in %#llx-%#llx\n",
		 ro->mapped >> 20, ro->base, ro->base + ro->size - 1);
	return 0;

out_refused:
	dev_warn(dev, "DMA-RO refused: %s\n", reason);
	return ret;
}

/**
 * iommu_dma_ro_abandon() - leave a domain without a window
 * @domain: a domain that iommu_dma_ro_add_device() or iommu_dma_ro_build()
 *	refused
 */
void iommu_dma_ro_abandon(struct iommu_domain *domain)
{
	struct iommu_dma_ro *ro = iommu_dma_ro_of(domain);

	if (!ro)
		return;
	if (ro->granules) {
		mutex_lock(&iommu_dma_ro_lock);
		iommu_dma_ro_unmap(ro, ro->base, ro->base + ro->size);
		mutex_unlock(&iommu_dma_ro_lock);
	}
	*iommu_dma_ro_slot(domain) = NULL;
	iommu_dma_ro_free(ro);
}

/**
 * iommu_dma_ro_hold() - have the window of a domain stay as it is
 * @domain: a domain with or without a window
 *
 * For attaching the domain: drivers such as virtio-iommu do not expect that
 * something is mapped meanwhile, which memory hotplug does.
 *
 * Context: Process context. May sleep.
 * Return: Whether to call iommu_dma_ro_release() afterwards
 */
bool iommu_dma_ro_hold(struct iommu_domain *domain)
{
	if (!iommu_dma_ro_of(domain))
		return false;
	mutex_lock(&iommu_dma_ro_lock);
	return true;
}

/**
 * iommu_dma_ro_release() - let windows change again
 *
 * Context: Process context.
 */
void iommu_dma_ro_release(void)
{
	mutex_unlock(&iommu_dma_ro_lock);
}

/* --- slow halves of the fast paths ----------------------------------------- */

/**
 * __iommu_dma_ro_explain() - say why a device may not write to an address
 * @addr: an IOVA to which a device was not allowed to write
 *
 * Context: any; for fault handlers of drivers.
 */
void __iommu_dma_ro_explain(u64 addr)
{
	if (addr >= READ_ONCE(dma_ro_base) && addr < READ_ONCE(dma_ro_end))
		pr_err_ratelimited("%#llx is where devices may only read: was a buffer written that is mapped DMA_TO_DEVICE?\n",
				   addr);
}
EXPORT_SYMBOL_GPL(__iommu_dma_ro_explain);

/**
 * __iommu_dma_ro_can_read() - can the device read each of some granules?
 * @ro: the window
 * @first: number of the first granule
 * @last: number of the last
 *
 * Return: true if so.
 */
bool __iommu_dma_ro_can_read(const struct iommu_dma_ro *ro, u64 first,
			     u64 last)
{
	return find_next_zero_bit(ro->granules, last + 1, first) > last;
}

/**
 * __iommu_dma_ro_map_sg() - map a list by its physical addresses
 * @ro: the window
 * @dev: the device
 * @sg: the list
 * @nents: its length
 * @dir: %DMA_TO_DEVICE
 * @attrs: attributes of the mapping
 *
 * Other than by an IOVA, a list is not merged into fewer segments, and a
 * segment stays on one side of a boundary only if it is there already.
 *
 * Return: true if all of it is mapped, false if nothing is.
 */
bool __iommu_dma_ro_map_sg(const struct iommu_dma_ro *ro, struct device *dev,
			   struct scatterlist *sg, int nents,
			   enum dma_data_direction dir, unsigned long attrs)
{
	unsigned long boundary = dma_get_seg_boundary(dev);
	struct scatterlist *s;
	int i;

	if (nents > 1 && READ_ONCE(dev->iommu->sg_merge))
		return false;

	for_each_sg(sg, s, nents, i) {
		u64 phys = sg_phys(s);

		if (!s->length ||
		    !iommu_dma_ro_can_map(ro, dev, phys, s->length, dir, attrs))
			return false;
		if ((phys ^ (phys + s->length - 1)) & ~(u64)boundary)
			return false;
	}
	for_each_sg(sg, s, nents, i) {
		sg_dma_address(s) = sg_phys(s);
		sg_dma_len(s) = s->length;
	}
	return true;
}

// SPDX-License-Identifier: GPL-2.0
/*
 * KUnit tests of DMA-RO domains: what is mapped into a window, and which
 * buffers are handed out by their physical address.
 *
 * The memory is that of the machine. The page table is a list of leaves; it
 * refuses what must not happen to one: to map twice, to map for writing, and to
 * unmap a part of a leaf.
 */
#include <kunit/device.h>
#include <kunit/test.h>
#include <linux/dma-mapping.h>
#include <linux/iommu.h>
#include <linux/list.h>
#include <linux/memblock.h>
#include <linux/scatterlist.h>
#include <linux/slab.h>

#include "dma-ro.h"
#include "dma-ro-window.h"

#define GRANULE		IOMMU_DMA_RO_GRANULE
#define BASE		SZ_4G

struct leaf {
	struct list_head list;
	u64 iova;
	u64 size;
	int prot;
};

struct fake {
	struct iommu_domain domain;
	struct list_head leaves;
	u64 bytes;
	int budget;		/* of leaves that can be mapped, or -1 */
	int errors;
	struct iommu_dma_ro ro;
	struct device *dev;
	struct dev_iommu dev_iommu;
	u64 low;		/* where the window of real memory begins */
};

static struct fake *of(struct iommu_domain *domain)
{
	return container_of(domain, struct fake, domain);
}

static int fake_map(struct iommu_domain *domain, unsigned long iova,
		    phys_addr_t phys, size_t pgsize, size_t count, int prot,
		    gfp_t gfp, size_t *mapped)
{
	struct fake *fake = of(domain);
	struct leaf *leaf;

	if (iova != phys || prot & IOMMU_WRITE || !(prot & IOMMU_READ) ||
	    iova / iommu_dma_ro_block() !=
	    (iova + pgsize * count - 1) / iommu_dma_ro_block())
		fake->errors++;
	list_for_each_entry(leaf, &fake->leaves, list)
		if (iova < leaf->iova + leaf->size &&
		    leaf->iova < iova + pgsize * count)
			fake->errors++;
	if (!fake->budget)
		return -ENOMEM;
	if (fake->budget > 0)
		fake->budget--;

	leaf = kzalloc_obj(*leaf);
	if (!leaf)
		return -ENOMEM;
	*leaf = (struct leaf){ .iova = iova, .size = pgsize * count };
	list_add_tail(&leaf->list, &fake->leaves);
	fake->bytes += leaf->size;
	*mapped = leaf->size;
	return 0;
}

static size_t fake_unmap(struct iommu_domain *domain, unsigned long iova,
			 size_t pgsize, size_t count,
			 struct iommu_iotlb_gather *gather)
{
	u64 size = pgsize * count, unmapped = 0;
	struct fake *fake = of(domain);
	struct leaf *leaf, *next;

	list_for_each_entry_safe(leaf, next, &fake->leaves, list) {
		if (leaf->iova + leaf->size <= iova ||
		    leaf->iova >= iova + size)
			continue;
		if (leaf->iova < iova || leaf->iova + leaf->size > iova + size)
			fake->errors++;
		unmapped += leaf->size;
		fake->bytes -= leaf->size;
		list_del(&leaf->list);
		kfree(leaf);
	}
	return unmapped;
}

static const struct iommu_domain_ops fake_ops = {
	.map_pages = fake_map,
	.unmap_pages = fake_unmap,
};

/* A window of @size bytes from @base on, with nothing in it */
static struct iommu_dma_ro *window(struct kunit *test, u64 base, u64 size)
{
	struct fake *fake = test->priv;
	struct iommu_dma_ro *ro = &fake->ro;

	*ro = (struct iommu_dma_ro){
		.base = base, .size = size, .domain = &fake->domain,
		.prot = IOMMU_READ | IOMMU_NOEXEC,
		.coherent = dev_is_dma_coherent(fake->dev),
	};
	ro->granules = kunit_kcalloc(test, BITS_TO_LONGS(size / GRANULE),
				     sizeof(long), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, ro->granules);
	return ro;
}

static int found_ram(unsigned long pfn, unsigned long nr, void *low)
{
	/* Not the first megabyte of a PC */
	if (PFN_PHYS((u64)nr) < SZ_32M)
		return 0;
	*(u64 *)low = ALIGN(PFN_PHYS((u64)pfn), SZ_16M);
	return 1;
}

/* A window over all memory of this machine, wherever that begins */
static struct iommu_dma_ro *real_window(struct kunit *test)
{
	struct fake *fake = test->priv;

	KUNIT_ASSERT_EQ(test, walk_system_ram_range(0, max_pfn, &fake->low,
						    found_ram), 1);
	return window(test, fake->low,
		      ALIGN(PFN_PHYS((u64)max_pfn), GRANULE) - fake->low);
}

static void set(struct iommu_dma_ro *ro, u64 start, u64 size)
{
	bitmap_set(ro->granules, (start - ro->base) / GRANULE, size / GRANULE);
}

static bool can(struct kunit *test, u64 phys, u64 size)
{
	struct fake *fake = test->priv;

	return iommu_dma_ro_can_map(&fake->ro, fake->dev, phys, size,
				    DMA_TO_DEVICE, 0);
}

static int map_all(struct iommu_dma_ro *ro)
{
	int ret;

	mutex_lock(&iommu_dma_ro_lock);
	ret = iommu_dma_ro_map(ro, ro->base, ro->base + ro->size);
	mutex_unlock(&iommu_dma_ro_lock);
	return ret;
}

static void unmap(struct iommu_dma_ro *ro, u64 start, u64 end)
{
	mutex_lock(&iommu_dma_ro_lock);
	iommu_dma_ro_unmap(ro, start, end);
	mutex_unlock(&iommu_dma_ro_lock);
}

/* The edges of a window, of a granule in it, and of what is mapped */
static void dma_ro_edges(struct kunit *test)
{
	struct iommu_dma_ro *ro = window(test, BASE, 8 * GRANULE);

	set(ro, BASE, 2 * GRANULE);
	set(ro, BASE + 7 * GRANULE, GRANULE);

	KUNIT_EXPECT_TRUE(test, can(test, BASE, 1));
	KUNIT_EXPECT_TRUE(test, can(test, BASE + GRANULE - 1, 2));
	KUNIT_EXPECT_TRUE(test, can(test, BASE, 2 * GRANULE));
	KUNIT_EXPECT_FALSE(test, can(test, BASE - 1, 1));
	KUNIT_EXPECT_FALSE(test, can(test, BASE - 1, 2));
	KUNIT_EXPECT_FALSE(test, can(test, BASE, 2 * GRANULE + 1));
	KUNIT_EXPECT_FALSE(test, can(test, BASE + 2 * GRANULE, 1));
	/* The middle of it is not mapped. */
	KUNIT_EXPECT_FALSE(test, can(test, BASE, 8 * GRANULE));
	KUNIT_EXPECT_TRUE(test, can(test, BASE + 8 * GRANULE - 1, 1));
	KUNIT_EXPECT_FALSE(test, can(test, BASE + 8 * GRANULE - 1, 2));
	KUNIT_EXPECT_FALSE(test, can(test, BASE + 8 * GRANULE, 1));
	/* Sums that overflow */
	KUNIT_EXPECT_FALSE(test, can(test, BASE, U64_MAX));
	KUNIT_EXPECT_FALSE(test, can(test, U64_MAX, 2));
	KUNIT_EXPECT_FALSE(test, can(test, 0, BASE + 1));

	KUNIT_EXPECT_TRUE(test, iommu_dma_ro_owns(ro, BASE));
	KUNIT_EXPECT_TRUE(test, iommu_dma_ro_owns(ro, BASE + 8 * GRANULE - 1));
	KUNIT_EXPECT_FALSE(test, iommu_dma_ro_owns(ro, BASE - 1));
	KUNIT_EXPECT_FALSE(test, iommu_dma_ro_owns(ro, BASE + 8 * GRANULE));
	KUNIT_EXPECT_FALSE(test, iommu_dma_ro_owns(NULL, BASE));
}

/* What a window does not give: other directions, attributes, addresses */
static void dma_ro_refused(struct kunit *test)
{
	static const unsigned long attrs[] = {
		DMA_ATTR_MMIO, DMA_ATTR_PRIVILEGED, DMA_ATTR_CC_SHARED,
	};
	struct iommu_dma_ro *ro = window(test, BASE, GRANULE);
	struct fake *fake = test->priv;
	u64 mask = BASE + SZ_4K - 1;
	int i;

	set(ro, BASE, GRANULE);
	KUNIT_ASSERT_TRUE(test, can(test, BASE, SZ_4K + 1));
	for (i = 0; i < ARRAY_SIZE(attrs); i++)
		KUNIT_EXPECT_FALSE(test,
				   iommu_dma_ro_can_map(ro, fake->dev, BASE, 1,
							DMA_TO_DEVICE, attrs[i]));
	KUNIT_EXPECT_FALSE(test, iommu_dma_ro_can_map(ro, fake->dev, BASE, 1,
						      DMA_FROM_DEVICE, 0));
	KUNIT_EXPECT_FALSE(test, iommu_dma_ro_can_map(ro, fake->dev, BASE, 1,
						      DMA_BIDIRECTIONAL, 0));
	KUNIT_EXPECT_FALSE(test, iommu_dma_ro_can_map(NULL, fake->dev, BASE, 1,
						      DMA_TO_DEVICE, 0));

	ro->coherent = !ro->coherent;
	KUNIT_EXPECT_FALSE(test, can(test, BASE, 1));
	ro->coherent = !ro->coherent;

	*fake->dev->dma_mask = mask;
	KUNIT_EXPECT_TRUE(test, can(test, BASE, SZ_4K));
	KUNIT_EXPECT_FALSE(test, can(test, BASE, SZ_4K + 1));
	*fake->dev->dma_mask = DMA_BIT_MASK(32);
	KUNIT_EXPECT_FALSE(test, can(test, BASE, 1));
	*fake->dev->dma_mask = DMA_BIT_MASK(64);
	fake->dev->bus_dma_limit = mask;
	KUNIT_EXPECT_TRUE(test, can(test, BASE, SZ_4K));
	KUNIT_EXPECT_FALSE(test, can(test, BASE, SZ_4K + 1));
}

/* All memory of this machine, there and away again, by whole leaves */
static void dma_ro_all_memory(struct kunit *test)
{
	struct iommu_dma_ro *ro = real_window(test);
	struct fake *fake = test->priv;
	u64 bits;

	KUNIT_ASSERT_EQ(test, map_all(ro), 0);
	bits = bitmap_weight(ro->granules, ro->size / GRANULE);
	KUNIT_EXPECT_GT(test, bits, 0);
	KUNIT_EXPECT_EQ(test, fake->bytes, bits * GRANULE);
	KUNIT_EXPECT_EQ(test, ro->mapped, fake->bytes);

	/* Nothing is mapped twice. */
	KUNIT_EXPECT_EQ(test, map_all(ro), 0);
	KUNIT_EXPECT_EQ(test, fake->bytes, bits * GRANULE);
	KUNIT_EXPECT_EQ(test, fake->errors, 0);

	unmap(ro, ro->base, ro->base + ro->size);
	KUNIT_EXPECT_EQ(test, fake->bytes, 0);
	KUNIT_EXPECT_EQ(test, ro->mapped, 0);
	KUNIT_EXPECT_TRUE(test, bitmap_empty(ro->granules, ro->size / GRANULE));
	KUNIT_EXPECT_EQ(test, fake->errors, 0);
}

/* A block of memory that goes away and comes back */
static void dma_ro_one_block(struct kunit *test)
{
	struct iommu_dma_ro *ro = real_window(test);
	u64 block = iommu_dma_ro_block(), all;
	struct fake *fake = test->priv;
	u64 start = ALIGN(fake->low, block);

	KUNIT_ASSERT_EQ(test, map_all(ro), 0);
	all = fake->bytes;
	unmap(ro, start, start + block);
	KUNIT_EXPECT_LT(test, fake->bytes, all);
	KUNIT_EXPECT_GE(test, fake->bytes + block, all);
	KUNIT_EXPECT_FALSE(test, can(test, start, 1));
	KUNIT_EXPECT_TRUE(test, iommu_dma_ro_owns(ro, start));
	KUNIT_EXPECT_EQ(test, map_all(ro), 0);
	KUNIT_EXPECT_EQ(test, fake->bytes, all);
	KUNIT_EXPECT_EQ(test, fake->errors, 0);
	unmap(ro, ro->base, ro->base + ro->size);
	KUNIT_EXPECT_EQ(test, fake->bytes, 0);
}

/* Reserved addresses, by the granule that they are in */
static void dma_ro_excluded(struct kunit *test)
{
	struct iommu_dma_ro *ro = real_window(test);
	struct fake *fake = test->priv;
	u64 all, hole = fake->low + GRANULE;

	KUNIT_ASSERT_EQ(test, map_all(ro), 0);
	all = fake->bytes;
	KUNIT_ASSERT_TRUE(test, can(test, hole, 2 * GRANULE));
	unmap(ro, ro->base, ro->base + ro->size);

	/* The last byte of one granule, the first of the next */
	KUNIT_ASSERT_EQ(test, iommu_dma_ro_exclude(ro, hole + GRANULE - 1,
						   hole + GRANULE), 0);
	KUNIT_ASSERT_EQ(test, map_all(ro), 0);
	KUNIT_EXPECT_EQ(test, fake->bytes, all - 2 * GRANULE);
	KUNIT_EXPECT_FALSE(test, can(test, hole, 1));
	KUNIT_EXPECT_FALSE(test, can(test, hole + GRANULE, 1));
	KUNIT_EXPECT_TRUE(test, can(test, hole - 1, 1));
	KUNIT_EXPECT_TRUE(test, can(test, hole + 2 * GRANULE, 1));

	/* A device that comes later cannot have what is in use. */
	ro->live = true;
	KUNIT_EXPECT_EQ(test, iommu_dma_ro_exclude(ro, hole, hole), 0);
	KUNIT_EXPECT_EQ(test, iommu_dma_ro_exclude(ro, 0, fake->low - 1), 0);
	KUNIT_EXPECT_EQ(test, iommu_dma_ro_exclude(ro, 0, U64_MAX), -EBUSY);
	KUNIT_EXPECT_EQ(test, iommu_dma_ro_exclude(ro, fake->low, fake->low),
			-EBUSY);

	unmap(ro, ro->base, ro->base + ro->size);
	KUNIT_EXPECT_EQ(test, fake->errors, 0);
	kfree(ro->excluded);
}

/* Memory for the page table runs out at each step */
static void dma_ro_no_memory(struct kunit *test)
{
	struct iommu_dma_ro *ro = real_window(test);
	struct fake *fake = test->priv;
	int steps, ret = -ENOMEM;

	for (steps = 0; ret; steps++) {
		fake->budget = steps;
		ret = map_all(ro);
		KUNIT_ASSERT_TRUE(test, !ret || ret == -ENOMEM);
		KUNIT_EXPECT_EQ(test, fake->bytes,
				GRANULE * bitmap_weight(ro->granules,
							ro->size / GRANULE));
		unmap(ro, ro->base, ro->base + ro->size);
		KUNIT_ASSERT_EQ(test, fake->bytes, 0);
	}
	KUNIT_EXPECT_GT(test, steps, 1);
	KUNIT_EXPECT_EQ(test, fake->errors, 0);
}

static bool list_can(struct kunit *test, struct scatterlist *sg, int n)
{
	struct fake *fake = test->priv;

	return iommu_dma_ro_map_sg(&fake->ro, fake->dev, sg, n, DMA_TO_DEVICE,
				   0);
}

/* A list is mapped as a whole or not at all */
static void dma_ro_lists(struct kunit *test)
{
	static const unsigned int offset[] = { 0, 100, 4000 };
	struct fake *fake = test->priv;
	struct scatterlist sg[3];
	struct iommu_dma_ro *ro;
	struct page *page;
	int i;

	page = alloc_pages(GFP_KERNEL, 2);
	KUNIT_ASSERT_NOT_NULL(test, page);
	ro = window(test, ALIGN_DOWN(page_to_phys(page), GRANULE), GRANULE);
	set(ro, ro->base, GRANULE);
	sg_init_table(sg, ARRAY_SIZE(sg));
	for (i = 0; i < ARRAY_SIZE(sg); i++)
		sg_set_page(&sg[i], page + i, 90, offset[i]);

	KUNIT_EXPECT_TRUE(test, list_can(test, sg, 3));
	for (i = 0; i < ARRAY_SIZE(sg); i++) {
		KUNIT_EXPECT_EQ(test, sg_dma_address(&sg[i]),
				page_to_phys(page + i) + offset[i]);
		KUNIT_EXPECT_EQ(test, sg_dma_len(&sg[i]), 90);
		sg_dma_address(&sg[i]) = DMA_MAPPING_ERROR;
	}

	/* Who relies on merging gets IOVAs, unless there is nothing to merge. */
	fake->dev_iommu.sg_merge = true;
	KUNIT_EXPECT_FALSE(test, list_can(test, sg, 3));
	KUNIT_EXPECT_EQ(test, sg_dma_address(&sg[0]), DMA_MAPPING_ERROR);
	KUNIT_EXPECT_TRUE(test, list_can(test, sg, 1));
	fake->dev_iommu.sg_merge = false;

	/* A segment across a boundary */
	sg[1].length = 4096;
	dma_set_seg_boundary(fake->dev, SZ_4K - 1);
	KUNIT_EXPECT_FALSE(test, list_can(test, sg, 3));
	dma_set_seg_boundary(fake->dev, ULONG_MAX);
	KUNIT_EXPECT_TRUE(test, list_can(test, sg, 3));

	/* One of them is elsewhere. */
	bitmap_zero(ro->granules, ro->size / GRANULE);
	sg_dma_address(&sg[0]) = DMA_MAPPING_ERROR;
	KUNIT_EXPECT_FALSE(test, list_can(test, sg, 3));
	KUNIT_EXPECT_EQ(test, sg_dma_address(&sg[0]), DMA_MAPPING_ERROR);
	__free_pages(page, 2);
}

static int dma_ro_test_init(struct kunit *test)
{
	struct fake *fake = kunit_kzalloc(test, sizeof(*fake), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, fake);
	test->priv = fake;
	INIT_LIST_HEAD(&fake->leaves);
	fake->budget = -1;
	fake->domain.type = IOMMU_DOMAIN_UNMANAGED;
	fake->domain.ops = &fake_ops;
	fake->domain.pgsize_bitmap = SZ_4K | SZ_2M | SZ_1G;
	fake->dev = kunit_device_register(test, "dma-ro-test");
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, fake->dev);
	fake->dev->dma_mask = kunit_kzalloc(test, sizeof(u64), GFP_KERNEL);
	fake->dev->dma_parms = kunit_kzalloc(test, sizeof(*fake->dev->dma_parms),
					     GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, fake->dev->dma_mask);
	KUNIT_ASSERT_NOT_NULL(test, fake->dev->dma_parms);
	*fake->dev->dma_mask = DMA_BIT_MASK(64);
	dma_set_seg_boundary(fake->dev, ULONG_MAX);
	fake->dev->iommu = &fake->dev_iommu;

	/* It stays: a device may have got a window meanwhile. */
	static_branch_enable(&iommu_dma_ro_key);
	return 0;
}

static void dma_ro_test_exit(struct kunit *test)
{
	struct fake *fake = test->priv;
	struct leaf *leaf, *next;

	if (!fake)
		return;
	KUNIT_EXPECT_TRUE_MSG(test, list_empty(&fake->leaves),
			      "something is still mapped");
	list_for_each_entry_safe(leaf, next, &fake->leaves, list)
		kfree(leaf);
	if (fake->dev) {
		fake->dev->iommu = NULL;
		fake->dev->dma_mask = NULL;
		fake->dev->dma_parms = NULL;
	}
}

static struct kunit_case dma_ro_test_cases[] = {
	KUNIT_CASE(dma_ro_edges),
	KUNIT_CASE(dma_ro_refused),
	KUNIT_CASE(dma_ro_all_memory),
	KUNIT_CASE(dma_ro_one_block),
	KUNIT_CASE(dma_ro_excluded),
	KUNIT_CASE(dma_ro_no_memory),
	KUNIT_CASE(dma_ro_lists),
	{}
};

static struct kunit_suite dma_ro_test_suite = {
	.name = "iommu-dma-ro",
	.init = dma_ro_test_init,
	.exit = dma_ro_test_exit,
	.test_cases = dma_ro_test_cases,
};

kunit_test_suite(dma_ro_test_suite);

// SPDX-License-Identifier: GPL-2.0
/*
 * KUnit tests of DMA-RO domains: which devices and domains get a window.
 *
 * The devices are made up, and so is what their IOMMU's driver says. Memory is
 * that of the machine: where a window must fit all of it, the test says so.
 */
#include <kunit/device.h>
#include <kunit/test.h>
#include <linux/cc_platform.h>
#include <linux/crash_dump.h>
#include <linux/iommu.h>
#include <linux/memblock.h>
#include <linux/mm.h>
#include <linux/pci.h>

#include "dma-iommu.h"
#include "dma-ro.h"
#include "dma-ro-window.h"

struct made_up {
	struct iommu_domain domain;
	struct iommu_device iommu;
	struct dev_iommu dev_iommu;
	struct device *dev;
	u64 mapped;
	bool fail;
};

static bool says_so(struct device *dev, enum iommu_cap cap)
{
	return cap == IOMMU_CAP_READ_ONLY;
}

static bool does_not(struct device *dev, enum iommu_cap cap)
{
	return cap != IOMMU_CAP_READ_ONLY;
}

static const struct iommu_ops enforcing = { .capable = says_so };
static const struct iommu_ops not_enforcing = { .capable = does_not };

static int count_map(struct iommu_domain *domain, unsigned long iova,
		     phys_addr_t phys, size_t pgsize, size_t count, int prot,
		     gfp_t gfp, size_t *mapped)
{
	struct made_up *it = container_of(domain, struct made_up, domain);

	/* The second block of memory cannot be mapped. */
	if (it->fail && it->mapped)
		return -ENOMEM;
	*mapped = pgsize * count;
	it->mapped += *mapped;
	return 0;
}

static size_t count_unmap(struct iommu_domain *domain, unsigned long iova,
			  size_t pgsize, size_t count,
			  struct iommu_iotlb_gather *gather)
{
	struct made_up *it = container_of(domain, struct made_up, domain);

	it->mapped -= pgsize * count;
	return pgsize * count;
}

static const struct iommu_domain_ops counting = {
	.map_pages = count_map,
	.unmap_pages = count_unmap,
};

static bool has_window(struct made_up *it)
{
	return *iommu_dma_ro_slot(&it->domain);
}

/* Skip where no device of the system can have a window */
static void need_plain_system(struct kunit *test)
{
	if (cc_platform_has(CC_ATTR_MEM_ENCRYPT) || is_kdump_kernel())
		kunit_skip(test, "memory is encrypted, or a kdump kernel");
}

static void need_high_memory(struct kunit *test)
{
	need_plain_system(test);
	if (PFN_PHYS((u64)max_pfn) <= SZ_4G)
		kunit_skip(test, "there is no memory above 4 GiB");
}

/* An untrusted device is refused, whatever the driver of its IOMMU says. */
static void dma_ro_untrusted(struct kunit *test)
{
	struct made_up *it = test->priv;
	struct pci_dev *pdev = kunit_kzalloc(test, sizeof(*pdev), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, pdev);
	pdev->dev.bus = &pci_bus_type;
	pdev->dev.init_name = "dma-ro-untrusted";
	pdev->dev.iommu = &it->dev_iommu;
	pdev->untrusted = true;
	KUNIT_ASSERT_TRUE(test, dev_is_pci(&pdev->dev));
	KUNIT_EXPECT_EQ(test, iommu_dma_ro_add_device(&it->domain, &pdev->dev),
			-EOPNOTSUPP);
	KUNIT_EXPECT_FALSE(test, has_window(it));
}

/* A driver that does not say that it enforces read-only */
static void dma_ro_incapable(struct kunit *test)
{
	struct made_up *it = test->priv;

	it->iommu.ops = &not_enforcing;
	KUNIT_EXPECT_EQ(test, iommu_dma_ro_add_device(&it->domain, it->dev),
			-EOPNOTSUPP);
	KUNIT_EXPECT_FALSE(test, has_window(it));
}

/*
 * A window is mapped coherent or not. The window is changed rather than the
 * device, which is always coherent on some architectures.
 */
static void dma_ro_mixed_coherency(struct kunit *test)
{
	struct made_up *it = test->priv;
	struct iommu_dma_ro *ro;

	need_plain_system(test);
	KUNIT_ASSERT_EQ(test, iommu_dma_ro_add_device(&it->domain, it->dev), 0);
	KUNIT_EXPECT_EQ(test, iommu_dma_ro_add_device(&it->domain, it->dev), 0);
	ro = *iommu_dma_ro_slot(&it->domain);
	ro->coherent = !ro->coherent;
	KUNIT_EXPECT_EQ(test, iommu_dma_ro_add_device(&it->domain, it->dev),
			-EOPNOTSUPP);
	iommu_dma_ro_abandon(&it->domain);
	KUNIT_EXPECT_FALSE(test, has_window(it));
}

/* Memory is encrypted: nothing else matters. */
static void dma_ro_encrypted(struct kunit *test)
{
	struct made_up *it = test->priv;

	if (!cc_platform_has(CC_ATTR_MEM_ENCRYPT))
		kunit_skip(test, "memory is not encrypted");
	KUNIT_EXPECT_EQ(test, iommu_dma_ro_add_device(&it->domain, it->dev),
			-EOPNOTSUPP);
}

/* Too few addresses, too large pages; then a window, and what it maps */
static void dma_ro_geometry(struct kunit *test)
{
	struct made_up *it = test->priv;
	struct iommu_domain_geometry *geometry = &it->domain.geometry;
	u64 ram = PFN_PHYS((u64)max_pfn), possible = max_possible_pfn;
	struct iommu_dma_ro *ro;
	int ret;

	need_high_memory(test);
	KUNIT_ASSERT_EQ(test, iommu_dma_ro_add_device(&it->domain, it->dev), 0);

	geometry->force_aperture = true;
	geometry->aperture_end = ram - 1;
	KUNIT_EXPECT_EQ(test, iommu_dma_ro_build(&it->domain, it->dev),
			-EOPNOTSUPP);
	geometry->aperture_end = ram + SZ_4G - 1;
	KUNIT_EXPECT_EQ(test, iommu_dma_ro_build(&it->domain, it->dev),
			-EOPNOTSUPP);
	geometry->aperture_end = ram + SZ_4G;
	it->domain.pgsize_bitmap = SZ_1G;
	KUNIT_EXPECT_EQ(test, iommu_dma_ro_build(&it->domain, it->dev),
			-EOPNOTSUPP);
	it->domain.pgsize_bitmap = SZ_4K | SZ_2M;
	KUNIT_EXPECT_EQ(test, it->mapped, 0);

	/* What can be added later must not take the room. */
	max_possible_pfn = max(possible, PHYS_PFN(ram + SZ_8G));
	ret = iommu_dma_ro_build(&it->domain, it->dev);
	max_possible_pfn = possible;
	KUNIT_ASSERT_EQ(test, ret, 0);
	ro = *iommu_dma_ro_slot(&it->domain);
	KUNIT_EXPECT_GT(test, it->mapped, 0);
	KUNIT_EXPECT_EQ(test, ro->mapped, it->mapped);
	KUNIT_EXPECT_GE(test, ro->base + ro->size, ram);
	/* IOVAs are left above it. */
	KUNIT_EXPECT_LE(test, ro->base + ro->size + SZ_4G - 1,
			geometry->aperture_end + SZ_2M);
	KUNIT_EXPECT_TRUE(test, iommu_dma_ro_covers(&it->domain, ro->base));
	KUNIT_EXPECT_FALSE(test, iommu_dma_ro_covers(&it->domain, 0));
}

/* The window cannot be mapped as a whole: nothing of it is left. */
static void dma_ro_build_fails(struct kunit *test)
{
	struct made_up *it = test->priv;

	need_high_memory(test);
	it->fail = true;
	KUNIT_ASSERT_EQ(test, iommu_dma_ro_add_device(&it->domain, it->dev), 0);
	if (!iommu_dma_ro_build(&it->domain, it->dev))
		kunit_skip(test, "there is a single block of memory only");
	iommu_dma_ro_abandon(&it->domain);
	KUNIT_EXPECT_EQ(test, it->mapped, 0);
	KUNIT_EXPECT_FALSE(test, has_window(it));
}

static int dma_ro_admit_init(struct kunit *test)
{
	struct made_up *it = kunit_kzalloc(test, sizeof(*it), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, it);
	test->priv = it;
	it->domain.type = IOMMU_DOMAIN_DMA_RO;
	it->domain.ops = &counting;
	it->domain.pgsize_bitmap = SZ_4K | SZ_2M;
	it->iommu.ops = &enforcing;
	it->dev_iommu.iommu_dev = &it->iommu;
	it->dev = kunit_device_register(test, "dma-ro-admit-test");
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, it->dev);
	it->dev->iommu = &it->dev_iommu;
	return iommu_get_dma_cookie(&it->domain);
}

static void dma_ro_admit_exit(struct kunit *test)
{
	struct made_up *it = test->priv;

	if (!it)
		return;
	if (it->dev)
		it->dev->iommu = NULL;
	if (it->domain.cookie_type == IOMMU_COOKIE_DMA_IOVA)
		iommu_put_dma_cookie(&it->domain);
}

static struct kunit_case dma_ro_admit_cases[] = {
	KUNIT_CASE(dma_ro_incapable),
	KUNIT_CASE(dma_ro_untrusted),
	KUNIT_CASE(dma_ro_mixed_coherency),
	KUNIT_CASE(dma_ro_encrypted),
	KUNIT_CASE(dma_ro_geometry),
	KUNIT_CASE(dma_ro_build_fails),
	{}
};

static struct kunit_suite dma_ro_admit_suite = {
	.name = "iommu-dma-ro-admit",
	.init = dma_ro_admit_init,
	.exit = dma_ro_admit_exit,
	.test_cases = dma_ro_admit_cases,
};

kunit_test_suite(dma_ro_admit_suite);

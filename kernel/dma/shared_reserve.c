// SPDX-License-Identifier: GPL-2.0
/*
 * Reserve from which the pool of shared memory takes its chunks
 *
 * Physically contiguous memory is easy to have at boot and hard to have later.
 * So that chunks can be had later, an area is set aside at boot, but for the
 * kernel's movable pages (CMA), not for nothing: only what is shared is lost to
 * others. The reserve bounds what contiguous memory is kept for this purpose.
 *
 *   low area   below 4 GiB, so that any device can reach it: SWIOTLB's bounce
 *              buffers, and whatever else is to be shared. Its first chunks,
 *              the seed, are shared at boot and stay so.
 *   node areas the rest, if the bound is larger than the low area: one per
 *              node, above 4 GiB, for devices that can reach them
 *
 * Nothing here depends on the areas being there: without them, chunks come from
 * the page allocator.
 */
#define pr_fmt(fmt) "cc_shared: " fmt

#include <linux/cc_platform.h>
#include <linux/cc_shared.h>
#include <linux/cma.h>
#include <linux/cpumask.h>
#include <linux/ctype.h>
#include <linux/init.h>
#include <linux/kernel.h>
#include <linux/math64.h>
#include <linux/memblock.h>
#include <linux/mm.h>
#include <linux/nodemask.h>
#include <linux/swiotlb.h>

#include <kunit/visibility.h>

#include "shared_pool.h"
#include "shared_reserve.h"

/*
 * Share of memory for the reserve, in percent, if the command line does not
 * say: as much as the host may have to give twice in the worst case. It is a
 * bound and not a cost.
 */
#define DEFAULT_PERCENT		8

/* SWIOTLB gets no more unless told so, see mem_encrypt_setup_arch(). */
#define MAX_LOW_AREA		SZ_1G

/* Do not bother with less than that. */
#define MIN_AREA		SZ_8M

/* One sixteenth of the low area is shared at boot, for bounce buffers. */
#define SEED_DIVISOR		16
#define MIN_SEED_CHUNKS		4

struct reserve_area {
	struct cma *cma;
	phys_addr_t base;
	phys_addr_t end;
};

static struct cc_shared_bound bound_option __initdata = {
	.percent = DEFAULT_PERCENT,
};

static bool bound_given __initdata;
static bool enabled __initdata;
static bool areas_ready;
static unsigned long bound;
static struct reserve_area low_area;
static unsigned long seed_chunks;
static struct reserve_area node_areas[MAX_NUMNODES];

/**
 * cc_shared_parse_bound() - parse the value of cc_shared=
 * @str: a size as memparse() takes it, a number of percent, or "off"
 * @bound: result
 *
 * Context: Any.
 * Return: 0, or -EINVAL.
 */
VISIBLE_IF_KUNIT int cc_shared_parse_bound(const char *str,
					   struct cc_shared_bound *bound)
{
	unsigned long long value;
	char *end;

	if (!str)
		return -EINVAL;
	if (!strcmp(str, "off")) {
		*bound = (struct cc_shared_bound){ .off = true };
		return 0;
	}
	if (!isdigit(*str))
		return -EINVAL;

	value = memparse(str, &end);
	if (!strcmp(end, "%") && value <= 50) {
		*bound = (struct cc_shared_bound){ .percent = value };
		return 0;
	}
	if (*end)
		return -EINVAL;

	*bound = (struct cc_shared_bound){ .size = value };
	return 0;
}
EXPORT_SYMBOL_IF_KUNIT(cc_shared_parse_bound);

static int __init cc_shared_setup(char *str)
{
	bound_given = !cc_shared_parse_bound(str, &bound_option);
	if (bound_given)
		return 0;

	pr_warn("cc_shared=%s is unknown, use a size, at most 50%%, or off\n",
		str ?: "");
	return -EINVAL;
}
early_param("cc_shared", cc_shared_setup);

static phys_addr_t __init area_alignment(void)
{
	return max_t(phys_addr_t, cc_shared_granule(), CMA_MIN_ALIGNMENT_BYTES);
}

/* What SWIOTLB gets without a reserve, and a chunk for others. */
static phys_addr_t __init bounce_size(void)
{
	phys_addr_t granule = cc_shared_granule();

	if (!IS_ENABLED(CONFIG_SWIOTLB))
		return 0;

	return round_up(swiotlb_size_or_default(), granule) + granule;
}

static phys_addr_t __init low_size(phys_addr_t size)
{
	phys_addr_t low = min_t(phys_addr_t, memblock_phys_mem_size(), SZ_4G);
	phys_addr_t most = max_t(phys_addr_t, MAX_LOW_AREA, bounce_size());

	return min3(size, most, low / 2);
}

/* Half as much is better than nothing. */
static bool __init alloc_low_area(phys_addr_t size)
{
	phys_addr_t align = area_alignment();

	for (size = round_up(low_size(size), align); size >= MIN_AREA;
	     size = round_up(size / 2, align)) {
		low_area.base = memblock_phys_alloc_range(size, align, SZ_16M,
							  SZ_4G);
		if (low_area.base) {
			low_area.end = low_area.base + size;
			return true;
		}
	}

	return false;
}

static void __init init_low_area(phys_addr_t size)
{
	unsigned long align = area_alignment(), chunks, seed;

	if (!alloc_low_area(size))
		return;

	chunks = (low_area.end - low_area.base) / cc_shared_granule();
	seed_chunks = max3(chunks / SEED_DIVISOR,
			   (unsigned long)num_possible_cpus(),
			   (unsigned long)MIN_SEED_CHUNKS);
	/* The bounce buffers, and one more for coherent memory. */
	seed_chunks = min(seed_chunks + 1, chunks / 2);
	seed = round_up(seed_chunks * cc_shared_granule(), align);
	seed_chunks = seed / cc_shared_granule();

	if (cma_init_reserved_mem(low_area.base + seed,
				  low_area.end - low_area.base - seed,
				  ilog2(cc_shared_granule()) - PAGE_SHIFT,
				  "cc_shared_low", &low_area.cma)) {
		/* Keep the seed, the rest is of no use to anybody. */
		memblock_phys_free(low_area.base + seed,
				   low_area.end - low_area.base - seed);
		low_area.end = low_area.base + seed;
	}
}

static void __init init_node_areas(phys_addr_t size)
{
	phys_addr_t align = area_alignment(), part;
	unsigned long total = memblock_phys_mem_size() >> PAGE_SHIFT;
	char name[CMA_MAX_NAME];
	unsigned long start, end;
	int nid, i;

	for_each_node_state(nid, N_MEMORY) {
		unsigned long pages = 0;

		for_each_mem_pfn_range(i, nid, &start, &end, NULL)
			pages += end - max(start, min(end, PHYS_PFN(SZ_4G)));

		part = round_down(mul_u64_u64_div_u64(size, pages, total),
				  align);
		if (part < MIN_AREA)
			continue;

		snprintf(name, sizeof(name), "cc_shared_node%d", nid);
		if (cma_declare_contiguous_nid(SZ_4G, part, 0, align,
					       ilog2(cc_shared_granule()) - PAGE_SHIFT,
					       false, name,
					       &node_areas[nid].cma, nid))
			continue;

		node_areas[nid].end = cma_get_base(node_areas[nid].cma) + part;
		bound += part;
	}
}

/**
 * cc_shared_reserve_init() - set the reserve aside
 *
 * Context: Early in boot, while memblock is the allocator and the nodes are
 *	    known, before swiotlb_init().
 */
void __init cc_shared_reserve_init(void)
{
	phys_addr_t size = bound_option.size;

	if (!cc_platform_has(CC_ATTR_GUEST_MEM_ENCRYPT))
		return;
	if (bound_option.off) {
		pr_info("off: memory is shared page by page\n");
		return;
	}

	enabled = true;
	if (!IS_ENABLED(CONFIG_CMA)) {
		pr_info("no reserve, as this kernel has no CMA\n");
		return;
	}

	if (bound_option.percent)
		size = mul_u64_u32_div(memblock_phys_mem_size(),
				       bound_option.percent, 100);
	if (!bound_given)
		size = max(size, bounce_size());
	size = min_t(phys_addr_t, size, memblock_phys_mem_size() / 2);

	init_low_area(size);
	bound = low_area.end - low_area.base;
	if (size > bound)
		init_node_areas(size - bound);

	pr_info("at most %lu MiB in reserve, %lu MiB shared from the start\n",
		bound >> 20, seed_chunks * cc_shared_granule() >> 20);
}

/**
 * cc_shared_init() - share the seed, and open the pool for business
 *
 * Context: Early in boot, as soon as memory can be converted and kmalloc() can
 *	    be used.
 */
void __init cc_shared_init(void)
{
	struct cc_shared_pool *pool = &cc_shared_pool;

	if (pool->ops || !cc_platform_has(CC_ATTR_GUEST_MEM_ENCRYPT))
		return;

	cc_shared_pool_init(pool, cc_shared_granule(), &cc_shared_ops);
	if (!enabled)
		return;

	/* What the atomic pools of the DMA API had for each of three zones */
	pool->reserve = clamp(totalram_pages() / (SZ_1G / SZ_128K),
			      PHYS_PFN(SZ_128K), pool->chunk_pages / 2);

	if (seed_chunks)
		cc_shared_seed(pool, PHYS_PFN(low_area.base), seed_chunks);

	static_branch_enable(&cc_shared_pool_key);
}

/* Where the architecture has no use for a pool, pages are shared one by one. */
static int __init cc_shared_early_init(void)
{
	cc_shared_init();
	return 0;
}
early_initcall(cc_shared_early_init);

/* Until then the areas are neither CMA's nor anybody else's. */
static int __init cc_shared_areas_ready(void)
{
	areas_ready = true;
	return 0;
}
postcore_initcall(cc_shared_areas_ready);

static struct page *get_from(const struct reserve_area *area,
			     const struct cc_shared_request *req,
			     struct cc_shared_chunk *template)
{
	struct page *page;

	if (!IS_ENABLED(CONFIG_CMA) || !area->cma ||
	    area->end - 1 > req->limit)
		return NULL;

	page = cma_alloc(area->cma, req->nr_pages,
			 ilog2(cc_shared_granule()) - PAGE_SHIFT, true);
	if (!page)
		return NULL;

	template->source = CC_SHARED_CMA;
	template->cma = area->cma;
	return page;
}

/**
 * cc_shared_reserve_get() - get private memory out of the reserve
 * @req: what is asked for, a multiple of a granule. If it names a node, other
 *	 nodes are not asked.
 * @template: its source and area are filled in
 *
 * The low area is the last one asked, unless the limit demands it: it is the
 * only one that all devices can reach.
 *
 * Context: Process context.
 * Return: The first page, or NULL.
 */
struct page *cc_shared_reserve_get(const struct cc_shared_request *req,
				   struct cc_shared_chunk *template)
{
	int nid = req->nid == NUMA_NO_NODE ? numa_mem_id() : req->nid, other;
	struct page *page;

	if (!READ_ONCE(areas_ready))
		return NULL;

	if (!req->low_only) {
		page = get_from(&node_areas[nid], req, template);
		if (page)
			return page;

		for_each_node_state(other, N_MEMORY) {
			if (req->nid != NUMA_NO_NODE || other == nid)
				continue;
			page = get_from(&node_areas[other], req, template);
			if (page)
				return page;
		}
	}

	/* memblock knew the nodes when it found the area, so it is on one. */
	if (req->nid != NUMA_NO_NODE &&
	    req->nid != pfn_to_nid(PHYS_PFN(low_area.base)))
		return NULL;
	return get_from(&low_area, req, template);
}

/**
 * cc_shared_reserve_put() - give private memory back to the reserve
 * @page: first page
 * @chunk: says how much, and which area it is from
 *
 * Context: Process context.
 */
void cc_shared_reserve_put(struct page *page,
			   const struct cc_shared_chunk *chunk)
{
	if (IS_ENABLED(CONFIG_CMA))
		WARN_ON_ONCE(!cma_release(chunk->cma, page, chunk->nr_pages));
}

/**
 * cc_shared_reserve_is_low() - is this page in the low area?
 * @pfn: page frame
 *
 * Context: Any.
 * Return: true if so.
 */
bool cc_shared_reserve_is_low(unsigned long pfn)
{
	phys_addr_t phys = PFN_PHYS(pfn);

	return phys >= low_area.base && phys < low_area.end;
}

/**
 * cc_shared_reserve_low() - where is the low area?
 * @base: physical address of its first byte
 * @seed: size in bytes of what is shared from the start
 *
 * Context: After cc_shared_reserve_init().
 * Return: Size in bytes, 0 if there is none.
 */
size_t __init cc_shared_reserve_low(phys_addr_t *base, size_t *seed)
{
	*base = low_area.base;
	*seed = seed_chunks * cc_shared_granule();
	return low_area.end - low_area.base;
}

/**
 * cc_shared_reserve_bound() - how much memory is set aside?
 *
 * Context: Any.
 * Return: Size of all areas in bytes.
 */
unsigned long cc_shared_reserve_bound(void)
{
	return bound;
}

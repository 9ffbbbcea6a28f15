/* SPDX-License-Identifier: GPL-2.0 */
/*
 * From a scatterlist to the page frames that Hyper-V wants
 *
 * A request of the storage driver names one offset, one length, and the page
 * frames in between. So all entries but the first have to begin, and all but
 * the last have to end, on a Hyper-V page. Hyper-V pages are 4 KiB, whatever
 * the pages of the guest are.
 *
 * The addresses are those of the DMA API: bounce buffers, in an isolated guest.
 */
#ifndef _STORVSC_SGL_H
#define _STORVSC_SGL_H

#include <linux/errno.h>
#include <linux/hyperv.h>
#include <linux/scatterlist.h>
#include <linux/types.h>

/**
 * storvsc_fill_pfns() - list the Hyper-V pages of a scatterlist
 * @sgl: scatterlist that is mapped for DMA
 * @nents: number of its entries after mapping
 * @pfns: where to put the page frames
 * @count: number of page frames that there must be
 *
 * Context: Any.
 * Return: 0, or -EINVAL if there are more or fewer pages, or gaps within them.
 */
static inline int storvsc_fill_pfns(struct scatterlist *sgl, int nents,
				    u64 *pfns, unsigned int count)
{
	struct scatterlist *sg;
	unsigned int n = 0;
	int i;

	for_each_sg(sgl, sg, nents, i) {
		u64 start = sg_dma_address(sg);
		u64 end = start + sg_dma_len(sg);
		u64 pfn = HVPFN_DOWN(start);

		if (i > 0 && offset_in_hvpage(start))
			return -EINVAL;
		if (i < nents - 1 && offset_in_hvpage(end))
			return -EINVAL;
		if (HVPFN_UP(end) - pfn > count - n)
			return -EINVAL;

		while (pfn < HVPFN_UP(end))
			pfns[n++] = pfn++;
	}

	return n == count ? 0 : -EINVAL;
}

#endif /* _STORVSC_SGL_H */

/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Granule of memory that a confidential guest shares with its host
 *
 * A host that backs a guest with 2 MiB pages has to split such a page, or to
 * keep two copies of it, as soon as the guest makes a part of it shared and
 * leaves the rest private. Memory that is about to be shared is therefore
 * best taken in naturally aligned blocks of one granule, and converted whole.
 *
 * Two granules exist, and this header is where they meet:
 *
 *  - the mandatory minimum: anything smaller does not work. It comes from the
 *    architecture, as mem_cc_shared_granule_size(), where there is one.
 *  - the preferred granule: anything smaller works, at a cost to the host.
 *
 * Invariants: a granule is a power of two, it is never below %PAGE_SIZE, and
 * it is exactly %PAGE_SIZE outside a confidential guest, so that code which
 * aligns to it is unchanged there.
 */
#ifndef _LINUX_CC_SHARED_GRANULE_H
#define _LINUX_CC_SHARED_GRANULE_H

#include <linux/cc_platform.h>
#include <linux/log2.h>
#include <linux/mem_encrypt.h>
#include <linux/minmax.h>
#include <linux/sizes.h>
#include <linux/types.h>
#include <linux/mm_types.h>

/**
 * CC_SHARED_PREFERRED_GRANULE - preferred granule of a confidential guest
 *
 * In bytes. It is the size of the second smallest leaf of the tables through
 * which hosts map guest memory: a PDE of AMD nested paging and of Intel EPT,
 * a level 2 block of Arm stage 2 with 4 KiB granules, and it is also the
 * larger of the two page sizes in the RMP of SEV-SNP and in the GHCB page
 * state change request. It is a property of the host's tables. Hence it is
 * not %PMD_SIZE, which is 512 MiB where the guest uses 64 KiB pages.
 */
#define CC_SHARED_PREFERRED_GRANULE	SZ_2M

/**
 * cc_shared_granule_for() - granule for a given kind of guest
 * @cc_guest: true if the memory of this guest is private by default
 * @minimum: mandatory minimum in bytes, a power of two, or 0 for none
 *
 * The pure part of cc_shared_granule(). A @minimum that is not a power of two
 * is rounded up to one.
 *
 * Context: Any.
 * Return: Granule in bytes, a power of two, at least %PAGE_SIZE.
 */
static inline size_t cc_shared_granule_for(bool cc_guest, size_t minimum)
{
	size_t granule = PAGE_SIZE;

	if (!cc_guest)
		return granule;

	granule = max_t(size_t, granule, CC_SHARED_PREFERRED_GRANULE);
	if (minimum > granule)
		granule = roundup_pow_of_two(minimum);

	return granule;
}

/**
 * cc_shared_granule() - granule in which to share memory with the host
 *
 * This is a preference: a caller that cannot have memory of this alignment
 * carries on with less, down to the mandatory minimum.
 *
 * Context: Any, from the moment cc_platform_has() gives its final answer;
 *	    on x86 that is before memblock is used.
 * Return: Granule in bytes, a power of two. %PAGE_SIZE if this is not a
 *	   confidential guest.
 */
static inline size_t cc_shared_granule(void)
{
	size_t minimum = 0;

	/* Architectures that know of a minimum define a macro of that name. */
#ifdef mem_cc_shared_granule_size
	minimum = mem_cc_shared_granule_size();
#endif
	return cc_shared_granule_for(cc_platform_has(CC_ATTR_GUEST_MEM_ENCRYPT),
				     minimum);
}

#endif /* _LINUX_CC_SHARED_GRANULE_H */

/* SPDX-License-Identifier: GPL-2.0 */
#ifndef XEN_SHIM_TEST_BLK_LOAD_H
#define XEN_SHIM_TEST_BLK_LOAD_H

#include "blk.h"
#include "disk.h"

#define BLK_LOAD_REQUESTS	2000
#define BLK_LOAD_PAGES		(BLK_RING_ENTRIES * BLK_SEGMENTS)

/*
 * Reads and writes of 11 pages at random, with the ring full all the time.
 * Every read, and the disk at the end, must have what was written last.
 * @pages: BLK_LOAD_PAGES of the domain's, to read into and write from.
 * @keep: the grefs, as a frontend with persistent grants does; they stay.
 */
int blk_load(struct blk *b, struct disk *disk, uint64_t *seed,
	     const uint32_t *pages, bool keep);

#endif

// SPDX-License-Identifier: GPL-2.0
/*
 * blkback serves the toy domain from a real block device
 *
 * Every byte that goes one way through the backend is compared with what the
 * device has by itself, read and written past the page cache. Settings:
 * XEN_SHIM_BLKDEV (its content is lost), XEN_SHIM_SEED.
 */
#include <sys/ioctl.h>

#include <xen/shim.h>

#include "blk.h"
#include "blk_load.h"
#include "clock.h"
#include "disk.h"
#include "run.h"

#define DOMID		11
#define PAGES		2048

static struct domain d;
static struct xs xs;
static struct disk disk;
static struct blk b;
static uint64_t seed;
static uint32_t buffer[BLK_LOAD_PAGES];
static uint8_t copy[BLK_INDIRECT_SEGMENTS * XPAGE];

static void fill(void *data, size_t length)
{
	uint64_t *p = data;

	for (size_t i = 0; i < length / sizeof(*p); i++)
		p[i] = next_random(&seed);
}

static int connect_disk(bool persistent)
{
	return blk_connect(&b, &d, &xs, 51712, disk.major, disk.minor, persistent);
}

static int step_connect(void)
{
	int error = disk_open(&disk, 0);

	if (error)
		return error;
	if (open_store(&xs) || dom_create(&d, DOMID, PAGES))
		return -1;
	for (int i = 0; i < BLK_LOAD_PAGES; i++)
		buffer[i] = page_get(&d);
	if (connect_disk(false))
		return -1;
	ksft_print_msg("%s: %llu sectors, indirect %u, flush %d, discard %d\n",
		       disk.path, (unsigned long long)b.sectors, b.indirect_max,
		       b.flush, b.discard);
	if (b.sectors != disk.sectors)
		return fail("blkback says %llu sectors, the disk has %llu",
			    (unsigned long long)b.sectors,
			    (unsigned long long)disk.sectors);
	return 0;
}

/* One request of @n parts; grefs are taken and given back around it. */
static int transfer(int op, uint64_t sector, struct blk_part *parts,
		    const uint32_t *pages, unsigned int n)
{
	int status;

	for (unsigned int i = 0; i < n; i++)
		parts[i].gref = gref_get(&d, pages[i], op == BLK_WRITE);
	status = blk_done(&b, blk_rw(&b, op, sector, parts, n));
	for (unsigned int i = 0; i < n; i++)
		if (gref_put(&d, parts[i].gref))
			return fail("gref %u is in use after the response",
				    parts[i].gref);
	return status;
}

/* Every first and last sector of a page, both ways. */
static int step_parts(void)
{
	struct blk_part part = { };
	uint8_t *page = dom_page(&d, buffer[0]);
	uint8_t before[XPAGE];
	uint64_t sector = 8;

	for (part.first = 0; part.first < PAGE_SECTORS; part.first++) {
		for (part.last = part.first; part.last < PAGE_SECTORS; part.last++) {
			size_t at = part.first * SECTOR;
			size_t length = (part.last - part.first + 1) * SECTOR;

			fill(page, XPAGE);
			memcpy(before, page, XPAGE);
			if (transfer(BLK_WRITE, sector, &part, buffer, 1))
				return fail("write of sectors %u to %u failed",
					    part.first, part.last);
			if (disk_read(&disk, sector, copy, length))
				return -1;
			if (memcmp(copy, page + at, length))
				return fail("sectors %u to %u are not on the disk",
					    part.first, part.last);
			fill(copy, length);
			if (disk_write(&disk, sector, copy, length))
				return -1;
			if (transfer(BLK_READ, sector, &part, buffer, 1))
				return fail("read of sectors %u to %u failed",
					    part.first, part.last);
			memcpy(before + at, copy, length);
			if (memcmp(page, before, XPAGE))
				return fail("a read of sectors %u to %u changed others, or none",
					    part.first, part.last);
			sector += 3;
		}
	}
	return 0;
}

static int step_direct(void)
{
	struct blk_part parts[BLK_SEGMENTS];
	uint64_t sector = 4096;
	unsigned int i;

	for (i = 0; i < BLK_SEGMENTS; i++) {
		parts[i].first = 0;
		parts[i].last = PAGE_SECTORS - 1;
		fill(dom_page(&d, buffer[i]), XPAGE);
	}
	if (transfer(BLK_WRITE, sector, parts, buffer, BLK_SEGMENTS))
		return fail("write of %d pages failed", BLK_SEGMENTS);
	if (disk_read(&disk, sector, copy, BLK_SEGMENTS * XPAGE))
		return -1;
	for (i = 0; i < BLK_SEGMENTS; i++)
		if (memcmp(copy + i * XPAGE, dom_page(&d, buffer[i]), XPAGE))
			return fail("page %u of a write is not on the disk", i);
	fill(copy, BLK_SEGMENTS * XPAGE);
	if (disk_write(&disk, sector, copy, BLK_SEGMENTS * XPAGE))
		return -1;
	if (transfer(BLK_READ, sector, parts, buffer, BLK_SEGMENTS))
		return fail("read of %d pages failed", BLK_SEGMENTS);
	for (i = 0; i < BLK_SEGMENTS; i++)
		if (memcmp(copy + i * XPAGE, dom_page(&d, buffer[i]), XPAGE))
			return fail("page %u of a read is not what the disk has", i);
	return 0;
}

/* 256 pages in one request, their segments in one page of the guest's. */
static int indirect(int op, uint64_t sector, unsigned int n)
{
	uint32_t frame = page_get(&d), gref = gref_get(&d, frame, true);
	struct blk_segment *segments = (void *)dom_page(&d, frame);
	int status;

	for (unsigned int i = 0; i < n; i++) {
		segments[i].gref = gref_get(&d, buffer[i], op == BLK_WRITE);
		segments[i].first = 0;
		segments[i].last = PAGE_SECTORS - 1;
	}
	status = blk_done(&b, blk_indirect(&b, op, sector, n, &gref));
	for (unsigned int i = 0; i < n; i++)
		if (gref_put(&d, segments[i].gref))
			return fail("gref %u is in use after the response",
				    segments[i].gref);
	if (gref_put(&d, gref))
		return fail("the segments' page is in use after the response");
	page_put(&d, frame);
	return status;
}

static int step_indirect(void)
{
	unsigned int n = b.indirect_max, i;

	if (n < BLK_INDIRECT_SEGMENTS)
		return fail("blkback offers %u indirect segments", n);
	n = BLK_INDIRECT_SEGMENTS;
	for (i = 0; i < n; i++)
		fill(dom_page(&d, buffer[i]), XPAGE);
	if (indirect(BLK_WRITE, 8192, n))
		return fail("write of %u pages failed", n);
	if (disk_read(&disk, 8192, copy, sizeof(copy)))
		return -1;
	for (i = 0; i < n; i++)
		if (memcmp(copy + i * XPAGE, dom_page(&d, buffer[i]), XPAGE))
			return fail("page %u of a write is not on the disk", i);
	fill(copy, sizeof(copy));
	if (disk_write(&disk, 8192, copy, sizeof(copy)))
		return -1;
	if (indirect(BLK_READ, 8192, n))
		return fail("read of %u pages failed", n);
	for (i = 0; i < n; i++)
		if (memcmp(copy + i * XPAGE, dom_page(&d, buffer[i]), XPAGE))
			return fail("page %u of a read is not what the disk has", i);
	return 0;
}

static int step_load(void)
{
	return blk_load(&b, &disk, &seed, buffer, false);
}

static int step_flush(void)
{
	int status = blk_done(&b, blk_rw(&b, BLK_FLUSH, 0, NULL, 0));

	if (!b.flush && status == BLK_EOPNOTSUPP) {
		set_why("the disk has no write cache");
		return STEP_SKIP;
	}
	return status ? fail("flush: %d", status) : 0;
}

static int step_discard(void)
{
	int status;

	if (!b.discard) {
		set_why("the disk has no discard");
		return STEP_SKIP;
	}
	fill(copy, 64 * SECTOR);
	if (disk_write(&disk, 2048, copy, 64 * SECTOR))
		return -1;
	status = blk_done(&b, blk_discard(&b, 2048, 64));
	if (status)
		return fail("discard: %d", status);
	if (!disk.made)
		return 0;
	/* null_blk forgets what is discarded; others may keep it. */
	if (disk_read(&disk, 2048, copy, 64 * SECTOR))
		return -1;
	for (size_t i = 0; i < 64 * SECTOR; i++)
		if (copy[i])
			return fail("byte %zu is there after a discard", i);
	return 0;
}

/* --- what must be refused ---------------------------------------------------- */

struct refusal {
	const char *what;
	struct blk_request r;
	int status;
};

static int refused(const struct refusal *t, uint32_t page)
{
	uint8_t before[XPAGE];
	int status;

	fill(dom_page(&d, page), XPAGE);
	memcpy(before, dom_page(&d, page), XPAGE);
	status = blk_done(&b, blk_raw(&b, &t->r));
	if (status != t->status)
		return fail("%s: answered with %d, not %d", t->what, status, t->status);
	if (memcmp(before, dom_page(&d, page), XPAGE))
		return fail("%s: the page has changed", t->what);
	return 0;
}

#define RW(o, s, g, f, l, n) { .op = o, .rw = { .segments = n, .sector = s, \
	.seg = { { .gref = g, .first = f, .last = l } } } }

static int step_errors(void)
{
	uint32_t page = page_get(&d), closed = gref_get(&d, page, false);
	uint32_t good = gref_get(&d, page, false), ro = gref_get(&d, page, true);
	uint32_t outside = gref_get(&d, page, false), other = gref_get(&d, page, false);
	struct blk_part part = { good, 0, PAGE_SECTORS - 1 };
	const struct refusal tests[] = {
		{ "read past the end", RW(BLK_READ, disk.sectors - 1, good, 0, 7, 1), BLK_ERROR },
		{ "write past the end", RW(BLK_WRITE, disk.sectors, good, 0, 0, 1), BLK_ERROR },
		{ "sector number that wraps", RW(BLK_READ, ~0ULL, good, 0, 7, 1), BLK_ERROR },
		{ "no segments", RW(BLK_READ, 0, good, 0, 7, 0), BLK_ERROR },
		{ "12 segments", RW(BLK_READ, 0, good, 0, 7, 12), BLK_ERROR },
		{ "last sector before the first", RW(BLK_READ, 0, good, 5, 4, 1), BLK_ERROR },
		{ "sector 8 of a page", RW(BLK_READ, 0, good, 0, 8, 1), BLK_ERROR },
		{ "gref without a grant", RW(BLK_READ, 0, closed, 0, 7, 1), BLK_ERROR },
		{ "reserved gref", RW(BLK_READ, 0, 0, 0, 7, 1), BLK_ERROR },
		{ "gref past the table", RW(BLK_READ, 0, DOM_GRANTS, 0, 7, 1), BLK_ERROR },
		{ "largest gref", RW(BLK_READ, 0, ~0U, 0, 7, 1), BLK_ERROR },
		{ "read into a read-only page", RW(BLK_READ, 0, ro, 0, 7, 1), BLK_ERROR },
		{ "frame that is not there", RW(BLK_READ, 0, outside, 0, 7, 1), BLK_ERROR },
		{ "gref for another domain", RW(BLK_READ, 0, other, 0, 7, 1), BLK_ERROR },
		{ "operation 99", RW(99, 0, good, 0, 7, 1), BLK_EOPNOTSUPP },
		{ "indirect operation 99", { .op = BLK_INDIRECT, .indirect = { .op = 99,
			.segments = 1, .gref = { good } } }, BLK_ERROR },
		{ "257 indirect segments", { .op = BLK_INDIRECT, .indirect = { .op = BLK_READ,
			.segments = 257, .gref = { good } } }, BLK_ERROR },
	};
	unsigned int failed = 0;

	gref_put(&d, closed);
	d.grants[outside].frame = 0x7fffff;
	d.grants[other].domid = DOMID + 1;
	for (unsigned int i = 0; i < sizeof(tests) / sizeof(*tests); i++) {
		if (refused(&tests[i], page)) {
			ksft_print_msg("%s\n", why);
			failed++;
		}
	}
	if (failed)
		return fail("%u requests were not refused as they should", failed);
	if (blk_done(&b, blk_rw(&b, BLK_READ, 0, &part, 1)))
		return fail("a good request after the bad ones fails");
	if (gref_put(&d, good) || gref_put(&d, ro) || gref_put(&d, outside) ||
	    gref_put(&d, other))
		return fail("a gref is in use after its refusal");
	page_put(&d, page);
	return 0;
}

/* --- dirty log -------------------------------------------------------------------- */

/* One bit per page of the guest's, by page number. */
static int dirty_pages(uint64_t *bits)
{
	struct xen_shim_dirty_log log = { .nr_pages = PAGES / 2 };

	log.bitmap = (uintptr_t)bits;
	if (ioctl(d.fd, XEN_SHIM_DIRTY_LOG_GET, &log))
		return fail("XEN_SHIM_DIRTY_LOG_GET: %s", strerror(errno));
	log.gpa = DOM_HIGH_GPA;
	log.bitmap = (uintptr_t)(bits + PAGES / 2 / 64);
	if (ioctl(d.fd, XEN_SHIM_DIRTY_LOG_GET, &log))
		return fail("XEN_SHIM_DIRTY_LOG_GET: %s", strerror(errno));
	return 0;
}

static bool is_set(const uint64_t *bits, uint32_t page)
{
	return bits[page / 64] >> page % 64 & 1;
}

/* The ring and the grant table are always dirty while they are in use. */
static bool may_be_dirty(uint32_t page)
{
	return page < DOM_GRANT_FRAMES || page == b.ring.page;
}

/* A read writes to pages, and a write does not. */
static int step_dirty(void)
{
	uint32_t pages[4], on = 1, off = 0;
	struct blk_part parts[4] = { };
	uint64_t bits[PAGES / 64];
	unsigned int i;

	/* From both halves of the memory. */
	for (i = 0; i < 4; i++) {
		pages[i] = i % 2 ? buffer[i] : PAGES - 1 - i * 70;
		parts[i].last = PAGE_SECTORS - 1;
	}
	if (ioctl(d.fd, XEN_SHIM_DIRTY_LOG_ENABLE, &on))
		return fail("XEN_SHIM_DIRTY_LOG_ENABLE: %s", strerror(errno));
	if (dirty_pages(bits))
		return -1;
	if (transfer(BLK_READ, 0, parts, pages, 3) ||
	    transfer(BLK_WRITE, 64, parts, pages + 3, 1))
		return fail("reading or writing failed");
	for (int round = 0; round < 2; round++) {
		memset(bits, 0x55, sizeof(bits));
		if (dirty_pages(bits))
			return -1;
		for (uint32_t page = 0; page < PAGES; page++) {
			bool read = !round && (page == pages[0] || page == pages[1] ||
					       page == pages[2]);

			if (is_set(bits, page) != read && !may_be_dirty(page))
				return fail("look %d: page %u is %sdirty", round + 1,
					    page, read ? "not " : "");
		}
	}
	if (!is_set(bits, b.ring.page))
		return fail("the ring, which is mapped, is not dirty");
	if (ioctl(d.fd, XEN_SHIM_DIRTY_LOG_ENABLE, &off))
		return fail("disabling the log: %s", strerror(errno));
	return 0;
}

/* --- persistent grants ---------------------------------------------------------- */

static int step_persistent(void)
{
	struct shim_stats first, second;
	bool counted;

	if (blk_disconnect(&b) || connect_disk(true))
		return -1;
	if (blk_load(&b, &disk, &seed, buffer, true))
		return -1;
	counted = !shim_stats(DOMID, &first);
	if (!counted)
		return -1;
	ksft_print_msg("%d requests: %ld maps, %ld live mappings\n", BLK_LOAD_REQUESTS,
		       first.maps, first.mappings);
	if (first.mappings < BLK_LOAD_PAGES)
		return fail("%ld mappings live, fewer than the %d pages in use",
			    first.mappings, BLK_LOAD_PAGES);
	/* Once more: nothing is mapped anew but what is new to the backend. */
	if (blk_done(&b, blk_rw(&b, BLK_READ, 0, &(struct blk_part){
			gref_get(&d, page_get(&d), false), 0, 7 }, 1)))
		return fail("reading failed");
	if (shim_stats(DOMID, &second))
		return -1;
	if (second.maps != first.maps + 1)
		return fail("%ld maps for a request with one new page",
			    second.maps - first.maps);
	return 0;
}

static int step_close(void)
{
	struct shim_stats s;

	if (blk_disconnect(&b))
		return -1;
	if (shim_stats(DOMID, &s))
		return -1;
	if (s.mappings || s.pinned != PAGES)
		return fail("%ld mappings and %ld pinned pages after the device is closed",
			    s.mappings, s.pinned);
	for (uint32_t gref = DOM_FIRST_GREF; gref < DOM_GRANTS; gref++)
		if (gref_busy(&d, gref))
			return fail("gref %u is in use after the device is closed", gref);
	dom_destroy(&d);
	disk_close(&disk);
	return shim_wait_idle(10000, &s);
}

int main(void)
{
	static const struct step steps[] = {
		{ "a block device connects", step_connect, true },
		{ "every part of a page, both directions", step_parts, false },
		{ "direct request of 11 pages, both directions", step_direct, false },
		{ "indirect request of 256 pages, both directions", step_indirect, false },
		{ "reads and writes with a full ring", step_load, false },
		{ "flush", step_flush, false },
		{ "discard", step_discard, false },
		{ "what must be refused is", step_errors, false },
		{ "dirty log", step_dirty, false },
		{ "persistent grants", step_persistent, false },
		{ "nothing is left when the device is closed", step_close, false },
	};

	seed = begin_tests();
	run_steps(steps, ARRAY_SIZE(steps));
}

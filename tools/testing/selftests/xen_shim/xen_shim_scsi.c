// SPDX-License-Identifier: GPL-2.0
/*
 * scsiback serves the toy domain from a LUN of the kernel's SCSI target
 *
 * The LUN is the disk of disk.h by target_core_iblock. What the guest writes
 * is compared with what the disk has, and the other way round.
 */
#include "clock.h"
#include "disk.h"
#include "run.h"
#include "scsi.h"
#include "target.h"

#define DOMID		14
#define PAGES		512
#define LARGE		128	/* pages of a request with segments in pages */

static struct domain d;
static struct xs xs;
static struct disk disk;
static struct scsi scsi;
static uint64_t seed;
static uint32_t page[LARGE];
static uint8_t copy[LARGE * XPAGE];

static int step_connect(void)
{
	int error = disk_open(&disk, 0) ?: target_make(TARGET_XEN, disk.path);

	if (error)
		return error;
	if (open_store(&xs) || dom_create(&d, DOMID, PAGES))
		return -1;
	for (int i = 0; i < LARGE; i++)
		page[i] = page_get(&d);
	return scsi_connect(&scsi, &d, &xs, 0);
}

static struct scsi_request command(uint8_t op, uint8_t direction)
{
	return (struct scsi_request) {
		.act = SCSI_CDB, .command_length = 10, .command = { op },
		.direction = direction,
	};
}

static int step_inquiry(void)
{
	uint32_t gref = gref_get(&d, page[0], false);
	struct scsi_request r = command(0x12, SCSI_FROM_DEVICE);
	struct scsi_response rsp;
	uint8_t *data = dom_page(&d, page[0]);
	uint32_t last;

	r.command_length = 6;
	r.command[4] = 96;
	r.segments = 1;
	r.seg[0] = (struct scsi_segment) { gref, 0, 96 };
	if (scsi_talk(&scsi, &r, &rsp))
		return -1;
	if (rsp.result || memcmp(data + 8, "LIO-ORG", 7))
		return fail("INQUIRY: result %#x, vendor '%.8s'", rsp.result, data + 8);
	r = command(0x25, SCSI_FROM_DEVICE);
	r.segments = 1;
	r.seg[0] = (struct scsi_segment) { gref, 512, 8 };
	if (scsi_talk(&scsi, &r, &rsp))
		return -1;
	last = data[512] << 24 | data[513] << 16 | data[514] << 8 | data[515];
	if (rsp.result || last + 1 != disk.sectors)
		return fail("READ CAPACITY: result %#x, %u sectors", rsp.result, last + 1);
	return gref_put(&d, gref) ? fail("the gref is in use after the response") : 0;
}

/* @pages pages; their segments are in the request, or in a page of their own. */
static int transfer(uint8_t op, uint32_t sector, unsigned int pages)
{
	struct scsi_request r = command(op, op == 0x2a ? SCSI_TO_DEVICE :
						SCSI_FROM_DEVICE);
	uint32_t list_page = page_get(&d), list = gref_get(&d, list_page, true);
	struct scsi_segment *seg = (void *)dom_page(&d, list_page);
	struct scsi_response rsp;
	unsigned int i;

	scsi_set_blocks(r.command, sector, pages * PAGE_SECTORS);
	for (i = 0; i < pages; i++)
		seg[i] = (struct scsi_segment) {
			gref_get(&d, page[i], op == 0x2a), 0, XPAGE };
	if (pages <= SCSI_SEGMENTS) {
		r.segments = pages;
		memcpy(r.seg, seg, pages * sizeof(*seg));
	} else {
		r.segments = SCSI_SG_GRANT | 1;
		r.seg[0] = (struct scsi_segment) { list, 0, pages * sizeof(*seg) };
	}
	if (scsi_talk(&scsi, &r, &rsp))
		return -1;
	for (i = 0; i < pages; i++)
		if (gref_put(&d, seg[i].gref))
			return fail("gref %u is in use after the response", seg[i].gref);
	if (gref_put(&d, list))
		return fail("the segments' page is in use after the response");
	page_put(&d, list_page);
	return rsp.result ? fail("operation %#x: result %#x", op, rsp.result) : 0;
}

static void fill(uint8_t *p)
{
	for (size_t i = 0; i < XPAGE; i++)
		p[i] = next_random(&seed) >> 56;
}

static int both_ways(unsigned int pages, uint32_t sector)
{
	unsigned int i;

	for (i = 0; i < pages; i++)
		fill(dom_page(&d, page[i]));
	if (transfer(0x2a, sector, pages) ||
	    disk_read(&disk, sector, copy, pages * XPAGE))
		return -1;
	for (i = 0; i < pages; i++)
		if (memcmp(copy + i * XPAGE, dom_page(&d, page[i]), XPAGE))
			return fail("page %u of a write is not on the disk", i);
	for (i = 0; i < pages; i++)
		fill(copy + i * XPAGE);
	if (disk_write(&disk, sector, copy, pages * XPAGE) ||
	    transfer(0x28, sector, pages))
		return -1;
	for (i = 0; i < pages; i++)
		if (memcmp(copy + i * XPAGE, dom_page(&d, page[i]), XPAGE))
			return fail("page %u of a read is not what the disk has", i);
	return 0;
}

static int step_direct(void)
{
	for (unsigned int pages = 1; pages <= SCSI_SEGMENTS; pages++)
		if (both_ways(pages, pages * 512))
			return -1;
	return 0;
}

static int step_list(void)
{
	return both_ways(LARGE, 32768);
}

static int step_errors(void)
{
	struct scsi_request r = command(0x28, SCSI_FROM_DEVICE);
	uint32_t ro = gref_get(&d, page[0], true);
	struct scsi_response rsp;
	int wrong = 0;

	scsi_set_blocks(r.command, 0, 8);
	r.segments = 1;
	r.seg[0] = (struct scsi_segment) { ro, 0, XPAGE };
	if (scsi_talk(&scsi, &r, &rsp))
		return -1;
	wrong += !rsp.result;		/* into a read-only page */
	r.seg[0].gref = DOM_GRANTS;
	if (scsi_talk(&scsi, &r, &rsp))
		return -1;
	wrong += !rsp.result;		/* no such grant */
	r.seg[0] = (struct scsi_segment) { ro, 1, XPAGE };
	r.direction = SCSI_TO_DEVICE;
	r.command[0] = 0x2a;
	if (scsi_talk(&scsi, &r, &rsp))
		return -1;
	wrong += !rsp.result;		/* over the end of a page */
	r.lun = 1;
	if (scsi_talk(&scsi, &r, &rsp))
		return -1;
	wrong += !rsp.result;		/* no such LUN */
	if (gref_put(&d, ro))
		return fail("the gref is in use after its refusal");
	return wrong ? fail("%d of 4 requests were not refused", wrong) : both_ways(4, 64);
}

static int step_close(void)
{
	struct shim_stats s;

	if (scsi_disconnect(&scsi))
		return -1;
	if (shim_stats(DOMID, &s))
		return -1;
	if (s.mappings)
		return fail("%ld pages are mapped after the device is closed", s.mappings);
	dom_destroy(&d);
	target_remove(TARGET_XEN);
	disk_close(&disk);
	return shim_wait_idle(10000, &s);
}

int main(void)
{
	static const struct step steps[] = {
		{ "a LUN connects", step_connect, true },
		{ "INQUIRY and READ CAPACITY", step_inquiry, false },
		{ "requests of 1 to 26 pages, both directions", step_direct, false },
		{ "a request of 128 pages, both directions", step_list, false },
		{ "what must be refused is", step_errors, false },
		{ "nothing is left when the device is closed", step_close, false },
	};

	seed = begin_tests();
	run_steps(steps, ARRAY_SIZE(steps));
}

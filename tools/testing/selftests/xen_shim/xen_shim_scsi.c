// SPDX-License-Identifier: GPL-2.0
/*
 * scsiback serves the toy domain from a LUN of the kernel's SCSI target
 *
 * The LUN is the disk of disk.h by target_core_iblock. What the guest writes
 * is compared with what the disk has, and the other way round.
 */
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "clock.h"
#include "device.h"
#include "disk.h"
#include "run.h"

#define DOMID		14
#define PAGES		512
#define TARGET		"/sys/kernel/config/target"
#define CORE		TARGET "/core/iblock_0/xenshim"
#define NAME		"naa.60014055a5a5a5a5"
#define PORT_GROUP	TARGET "/xen-pvscsi/" NAME "/tpgt_1"
#define WAIT_MS		20000
#define LARGE		128	/* pages of a request with segments in pages */

static struct domain d;
static struct xs xs;
static struct disk disk;
static struct device dev;
static struct ring ring;
static struct port port;
static uint64_t seed;
static uint32_t page[LARGE];
static uint8_t copy[LARGE * XPAGE];

/* --- the target: configfs --------------------------------------------------------- */

static int put(const char *path, const char *value)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC), n;

	if (fd < 0)
		return fail("%s: %s", path, strerror(errno));
	n = write(fd, value, strlen(value));
	close(fd);
	return n < 0 ? fail("%s: %s", path, strerror(errno)) : 0;
}

static int folder(const char *path)
{
	if (mkdir(path, 0755) && errno != EEXIST)
		return fail("%s: %s", path, strerror(errno));
	return 0;
}

static int make_target(void)
{
	char path[80];

	if (access(TARGET, F_OK)) {
		set_why("the kernel has no SCSI target");
		return STEP_SKIP;
	}
	snprintf(path, sizeof(path), "udev_path=%s", disk.path);
	if (folder(TARGET "/core/iblock_0") || folder(CORE) ||
	    put(CORE "/control", path) || put(CORE "/enable", "1"))
		return -1;
	if (folder(TARGET "/xen-pvscsi") || folder(TARGET "/xen-pvscsi/" NAME) ||
	    folder(PORT_GROUP) || put(PORT_GROUP "/nexus", "naa.60014055a5a5a5a6") ||
	    folder(PORT_GROUP "/lun/lun_0"))
		return -1;
	if (symlink(CORE, PORT_GROUP "/lun/lun_0/disk"))
		return fail("no LUN: %s", strerror(errno));
	return 0;
}

static void remove_target(void)
{
	unlink(PORT_GROUP "/lun/lun_0/disk");
	rmdir(PORT_GROUP "/lun/lun_0");
	put(PORT_GROUP "/nexus", "NULL");
	rmdir(PORT_GROUP);
	rmdir(TARGET "/xen-pvscsi/" NAME);
	rmdir(CORE);
}

/* --- the frontend ------------------------------------------------------------------ */

static int step_connect(void)
{
	char lun[200];
	int error = disk_open(&disk, 0) ?: make_target();

	if (error)
		return error;
	if (open_store(&xs) || dom_create(&d, DOMID, PAGES))
		return -1;
	for (int i = 0; i < LARGE; i++)
		page[i] = page_get(&d);
	if (ring_make(&ring, &d, SCSI_RING_ENTRIES, sizeof(struct scsi_request)) ||
	    port_open(&d, &port) || device_make(&dev, &d, &xs, "vscsi", 0))
		return -1;
	snprintf(lun, sizeof(lun), "%s/vscsi-devs/dev-0", dev.back);
	if (xs_write(&xs, lun, "p-dev", NAME ":0") ||
	    xs_write(&xs, lun, "v-dev", "0:0:0:0") ||
	    xs_write(&xs, lun, "state", "%u", XB_INITIALISING) ||
	    device_offer(&dev) ||
	    xs_write(&xs, dev.front, "ring-ref", "%u", ring.gref) ||
	    xs_write(&xs, dev.front, "event-channel", "%u", port.port) ||
	    device_state(&dev, XB_INITIALISED, XB_CONNECTED) ||
	    xs_wait(&xs, lun, "state", XB_INITIALISED, WAIT_MS) ||
	    xs_write(&xs, dev.front, "state", "%u", XB_CONNECTED))
		return -1;
	return xs_wait(&xs, lun, "state", XB_CONNECTED, WAIT_MS);
}

/* Send it, and wait for its response. */
static int talk(const struct scsi_request *r, struct scsi_response *rsp)
{
	struct scsi_request *slot = ring_next(&ring);
	uint64_t end = now_ms() + WAIT_MS;

	*slot = *r;
	slot->id = ring.req_prod;
	if (ring_push(&ring))
		port_kick(&port);
	while (!ring_pop(&ring, rsp, sizeof(*rsp))) {
		if (now_ms() > end)
			return fail("no response for %d s", WAIT_MS / 1000);
		port_wait(&port, 100);
	}
	return rsp->id == (uint16_t)ring.req_prod ? 0 :
	       fail("a response to request %u", rsp->id);
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
	if (talk(&r, &rsp))
		return -1;
	if (rsp.result || memcmp(data + 8, "LIO-ORG", 7))
		return fail("INQUIRY: result %#x, vendor '%.8s'", rsp.result, data + 8);
	r = command(0x25, SCSI_FROM_DEVICE);
	r.segments = 1;
	r.seg[0] = (struct scsi_segment) { gref, 512, 8 };
	if (talk(&r, &rsp))
		return -1;
	last = data[512] << 24 | data[513] << 16 | data[514] << 8 | data[515];
	if (rsp.result || last + 1 != disk.sectors)
		return fail("READ CAPACITY: result %#x, %u sectors", rsp.result, last + 1);
	return gref_put(&d, gref) ? fail("the gref is in use after the response") : 0;
}

static void set_blocks(struct scsi_request *r, uint32_t sector, uint16_t count)
{
	for (int i = 0; i < 4; i++)
		r->command[2 + i] = sector >> (24 - 8 * i);
	r->command[7] = count >> 8;
	r->command[8] = count;
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

	set_blocks(&r, sector, pages * PAGE_SECTORS);
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
	if (talk(&r, &rsp))
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

	set_blocks(&r, 0, 8);
	r.segments = 1;
	r.seg[0] = (struct scsi_segment) { ro, 0, XPAGE };
	if (talk(&r, &rsp))
		return -1;
	wrong += !rsp.result;		/* into a read-only page */
	r.seg[0].gref = DOM_GRANTS;
	if (talk(&r, &rsp))
		return -1;
	wrong += !rsp.result;		/* no such grant */
	r.seg[0] = (struct scsi_segment) { ro, 1, XPAGE };
	r.direction = SCSI_TO_DEVICE;
	r.command[0] = 0x2a;
	if (talk(&r, &rsp))
		return -1;
	wrong += !rsp.result;		/* over the end of a page */
	r.lun = 1;
	if (talk(&r, &rsp))
		return -1;
	wrong += !rsp.result;		/* no such LUN */
	if (gref_put(&d, ro))
		return fail("the gref is in use after its refusal");
	return wrong ? fail("%d of 4 requests were not refused", wrong) : both_ways(4, 64);
}

static int step_close(void)
{
	struct shim_stats s;

	if (device_state(&dev, XB_CLOSING, XB_CLOSING) || device_remove(&dev) ||
	    ring_free(&ring) || port_close(&d, &port))
		return -1;
	if (shim_stats(DOMID, &s))
		return -1;
	if (s.mappings)
		return fail("%ld pages are mapped after the device is closed", s.mappings);
	dom_destroy(&d);
	remove_target();
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
	RUN_STEPS(steps);
}

// SPDX-License-Identifier: GPL-2.0
/*
 * The toy domain (domain.h)
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <xen/shim.h>

#include "domain.h"

char why[512];

void set_why(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(why, sizeof(why), format, args);
	va_end(args);
}

/* An ioctl by name. Return: 0 or -errno. */
#define call(d, request, arg) ({					\
	int error_ = ioctl((d)->fd, request, arg) ? -errno : 0;		\
	if (error_)							\
		set_why("%s: %s", #request, strerror(-error_));		\
	error_;								\
})

int dom_alloc(struct domain *d, uint16_t domid, size_t pages)
{
	memset(d, 0, sizeof(*d));
	d->fd = -1;
	d->domid = domid;
	d->pages = pages;
	d->next_port = 1;
	d->memfd = memfd_create("guest", MFD_CLOEXEC);
	if (d->memfd < 0 || ftruncate(d->memfd, pages * XPAGE)) {
		set_why("memfd: %s", strerror(errno));
		return -errno;
	}
	d->ram = mmap(NULL, pages * XPAGE, PROT_READ | PROT_WRITE, MAP_SHARED,
		      d->memfd, 0);
	if (d->ram == MAP_FAILED) {
		set_why("mapping the guest's memory: %s", strerror(errno));
		return -errno;
	}
	d->grants = (struct grant_v1 *)d->ram;
	d->free_page = calloc(pages, sizeof(*d->free_page));
	d->free_gref = calloc(DOM_GRANTS, sizeof(*d->free_gref));
	if (!d->free_page || !d->free_gref)
		return -ENOMEM;
	for (size_t i = pages; i-- > DOM_GRANT_FRAMES;)
		d->free_page[d->free_pages++] = i;
	for (size_t i = DOM_GRANTS; i-- > DOM_FIRST_GREF;)
		d->free_gref[d->free_grefs++] = i;
	return 0;
}

int dom_set_domid(struct domain *d)
{
	uint32_t domid = d->domid;

	return call(d, XEN_SHIM_SET_DOMID, &domid);
}

int dom_set_memory(struct domain *d)
{
	char room[sizeof(struct xen_shim_mem_table) +
		  2 * sizeof(struct xen_shim_mem_region)] = { };
	struct xen_shim_mem_table *table = (void *)room;
	uint64_t half = d->pages / 2 * XPAGE;

	table->nr_regions = 2;
	table->regions[0].size = half;
	table->regions[0].hva = (uintptr_t)d->ram;
	table->regions[1].gpa = DOM_HIGH_GPA;
	table->regions[1].size = d->pages * XPAGE - half;
	table->regions[1].hva = (uintptr_t)d->ram + half;
	return call(d, XEN_SHIM_SET_MEM_TABLE, table);
}

int dom_set_gnttab(struct domain *d, uint32_t frames)
{
	uint64_t gpa[DOM_GRANT_FRAMES];
	struct xen_shim_gnttab set = {
		.version = 1,
		.nr_frames = frames,
		.frames = (uintptr_t)gpa,
	};

	for (uint32_t i = 0; i < frames; i++)
		gpa[i] = (uint64_t)dom_gfn(d, i) << XPAGE_SHIFT;
	return call(d, XEN_SHIM_SET_GNTTAB, &set);
}

int dom_create(struct domain *d, uint16_t domid, size_t pages)
{
	int error = dom_alloc(d, domid, pages);

	if (error)
		return error;
	d->fd = open("/dev/xen-shim", O_RDWR | O_CLOEXEC);
	if (d->fd < 0) {
		set_why("/dev/xen-shim: %s", strerror(errno));
		return -errno;
	}
	error = dom_set_domid(d);
	if (!error)
		error = dom_set_memory(d);
	if (!error)
		error = dom_set_gnttab(d, DOM_GRANT_FRAMES);
	return error;
}

void dom_destroy(struct domain *d)
{
	if (d->fd >= 0)
		close(d->fd);
	if (d->ram && d->ram != MAP_FAILED)
		munmap(d->ram, d->pages * XPAGE);
	if (d->memfd >= 0)
		close(d->memfd);
	free(d->free_page);
	free(d->free_gref);
	memset(d, 0, sizeof(*d));
	d->fd = -1;
	d->memfd = -1;
}

uint32_t dom_gfn(const struct domain *d, uint32_t page)
{
	if (page < d->pages / 2)
		return page;
	return (DOM_HIGH_GPA >> XPAGE_SHIFT) + page - d->pages / 2;
}

uint8_t *dom_page(const struct domain *d, uint32_t page)
{
	return d->ram + page * XPAGE;
}

uint32_t page_get(struct domain *d)
{
	return d->free_pages ? d->free_page[--d->free_pages] : NO_PAGE;
}

void page_put(struct domain *d, uint32_t page)
{
	d->free_page[d->free_pages++] = page;
}

uint32_t gref_get(struct domain *d, uint32_t page, bool readonly)
{
	uint32_t gref;

	if (!d->free_grefs)
		return 0;
	gref = d->free_gref[--d->free_grefs];
	d->grants[gref].domid = BACKEND_DOMID;
	d->grants[gref].frame = dom_gfn(d, page);
	__atomic_store_n(&d->grants[gref].flags,
			 GTF_PERMIT_ACCESS | (readonly ? GTF_READONLY : 0),
			 __ATOMIC_RELEASE);
	return gref;
}

bool gref_busy(const struct domain *d, uint32_t gref)
{
	return __atomic_load_n(&d->grants[gref].flags, __ATOMIC_ACQUIRE) &
	       (GTF_READING | GTF_WRITING);
}

int gref_put(struct domain *d, uint32_t gref)
{
	uint16_t *flags = &d->grants[gref].flags;
	uint16_t old = __atomic_load_n(flags, __ATOMIC_ACQUIRE);

	do {
		if (old & (GTF_READING | GTF_WRITING))
			return -EBUSY;
	} while (!__atomic_compare_exchange_n(flags, &old, 0, false,
					      __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE));
	d->free_gref[d->free_grefs++] = gref;
	return 0;
}

/* --- event channels --------------------------------------------------------- */

int port_open(struct domain *d, struct port *p)
{
	struct xen_shim_evtchn bind = { .port = d->next_port };
	int error;

	p->port = d->next_port;
	p->kick_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	p->call_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (p->kick_fd < 0 || p->call_fd < 0)
		return -errno;
	bind.kick_fd = p->kick_fd;
	bind.call_fd = p->call_fd;
	error = call(d, XEN_SHIM_BIND_EVTCHN, &bind);
	if (!error)
		d->next_port++;
	return error;
}

int port_close(struct domain *d, struct port *p)
{
	uint32_t port = p->port;
	int error = call(d, XEN_SHIM_UNBIND_EVTCHN, &port);

	close(p->kick_fd);
	close(p->call_fd);
	p->kick_fd = -1;
	p->call_fd = -1;
	return error;
}

int port_kick(const struct port *p)
{
	uint64_t one = 1;

	return write(p->kick_fd, &one, sizeof(one)) == sizeof(one) ? 0 : -errno;
}

int port_wait(const struct port *p, int timeout_ms)
{
	struct pollfd polled = { .fd = p->call_fd, .events = POLLIN };
	uint64_t count;

	if (poll(&polled, 1, timeout_ms) <= 0)
		return -ETIMEDOUT;
	return read(p->call_fd, &count, sizeof(count)) < 0 ? -errno : 0;
}

// SPDX-License-Identifier: GPL-2.0
/*
 * What Xen's libraries are to xenstored, where there is no Xen but its shim
 *
 *	LD_PRELOAD=./xenstored_libs.so xenstored --no-fork
 *
 * Xen's own daemon asks libxenctrl, libxengnttab and libxenevtchn for little:
 * an event channel to the kernel of domain 0, and whether a domain exists. The
 * ring of that kernel comes out of /proc/xen. Here the ring is the page of
 * /dev/xen-shim-store, and the event channel is two eventfds; every domain
 * exists. No domain has a ring of its own: who wants to talk to the store
 * takes the socket.
 *
 * One event channel and one thread. Interfaces: tools/include/xenevtchn.h,
 * xengnttab.h and xenctrl.h of Xen.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <xen/shim.h>

#define STORE		"/dev/xen-shim-store"
#define RING_FILE	"/proc/xen/xsd_kva"
#define PORT_FILE	"/proc/xen/xsd_port"
#define REMOTE_PORT	"1\n"	/* of the kernel; nobody else has ports */
#define LOCAL_PORT	2
#define VIRQ_PORT	3	/* never pending: no domain comes or goes */

static int handle;		/* what all of the libraries' handles are */
static int store_fd = -1, kick_fd = -1, call_fd = -1;

/* --- files ------------------------------------------------------------------ */

/* The daemon closes it once it is mapped; the ioctl comes later. */
static int open_ring(void)
{
	int fd = syscall(SYS_openat, AT_FDCWD, STORE, O_RDWR | O_CLOEXEC, 0);

	if (fd >= 0)
		store_fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	return fd;
}

static int open_port(void)
{
	int fd = memfd_create("xsd_port", MFD_CLOEXEC);

	if (fd >= 0 && pwrite(fd, REMOTE_PORT, strlen(REMOTE_PORT), 0) < 0)
		return -1;
	return fd;
}

int open(const char *path, int flags, ...)
{
	mode_t mode = 0;
	va_list args;

	if (!strcmp(path, RING_FILE))
		return open_ring();
	if (!strcmp(path, PORT_FILE))
		return open_port();
	if (flags & (O_CREAT | O_TMPFILE)) {
		va_start(args, flags);
		mode = va_arg(args, int);
		va_end(args);
	}
	return syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

/* --- libxenevtchn ------------------------------------------------------------- */

void *xenevtchn_open(void *logger, unsigned int flags)
{
	(void)logger;
	(void)flags;
	kick_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	call_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return kick_fd < 0 || call_fd < 0 ? NULL : &handle;
}

/* That is for a daemon which is replaced while it runs. */
void *xenevtchn_fdopen(void *logger, int fd, unsigned int flags)
{
	(void)logger;
	(void)fd;
	(void)flags;
	errno = EOPNOTSUPP;
	return NULL;
}

int xenevtchn_close(void *x)
{
	(void)x;
	return close(kick_fd) | close(call_fd);
}

int xenevtchn_fd(void *x)
{
	(void)x;
	return kick_fd;
}

int xenevtchn_bind_interdomain(void *x, uint32_t domid, uint32_t port)
{
	struct xen_shim_store set = { .kick_fd = kick_fd, .call_fd = call_fd };

	(void)x;
	(void)port;
	if (domid) {
		errno = ESRCH;
		return -1;
	}
	return ioctl(store_fd, XEN_SHIM_STORE_SET, &set) ? -1 : LOCAL_PORT;
}

int xenevtchn_bind_virq(void *x, unsigned int virq)
{
	(void)x;
	(void)virq;
	return VIRQ_PORT;
}

int xenevtchn_unbind(void *x, uint32_t port)
{
	(void)x;
	(void)port;
	return 0;
}

int xenevtchn_notify(void *x, uint32_t port)
{
	uint64_t one = 1;

	(void)x;
	(void)port;
	return write(call_fd, &one, sizeof(one)) == sizeof(one) ? 0 : -1;
}

/* If somebody was quicker, it is a look at an empty ring. */
int xenevtchn_pending(void *x)
{
	uint64_t count;

	(void)x;
	if (read(kick_fd, &count, sizeof(count)) < 0 && errno != EAGAIN)
		return -1;
	return LOCAL_PORT;
}

int xenevtchn_unmask(void *x, uint32_t port)
{
	(void)x;
	(void)port;
	return 0;
}

/* --- libxengnttab: no domain's ring is mapped ------------------------------------ */

void *xengnttab_open(void *logger, unsigned int flags)
{
	(void)logger;
	(void)flags;
	return &handle;
}

int xengnttab_close(void *x)
{
	(void)x;
	return 0;
}

int xengnttab_set_max_grants(void *x, uint32_t count)
{
	(void)x;
	(void)count;
	return 0;
}

void *xengnttab_map_grant_ref(void *x, uint32_t domid, uint32_t ref, int prot)
{
	(void)x;
	(void)domid;
	(void)ref;
	(void)prot;
	errno = EOPNOTSUPP;
	return NULL;
}

int xengnttab_unmap(void *x, void *address, uint32_t count)
{
	(void)x;
	(void)address;
	(void)count;
	return 0;
}

/* --- libxenctrl ------------------------------------------------------------------- */

/* The first fields of struct xen_domctl_getdomaininfo: all that is looked at. */
struct domain_info {
	uint16_t domid, pad;
	uint32_t flags;		/* neither dying nor shut down */
};

void *xc_interface_open(void *logger, void *dombuild_logger, unsigned int flags)
{
	(void)logger;
	(void)dombuild_logger;
	(void)flags;
	return &handle;
}

int xc_interface_close(void *x)
{
	(void)x;
	return 0;
}

/* Since Xen 4.18. Before that, xc_domain_getinfo() had another structure. */
int xc_domain_getinfo_single(void *x, uint32_t domid, struct domain_info *info)
{
	(void)x;
	info->domid = domid;
	info->flags = 0;
	return 0;
}

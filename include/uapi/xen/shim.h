/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * User interface of the Xen shim: /dev/xen-shim and /dev/xen-shim-store.
 *
 * One open file of /dev/xen-shim is one guest domain, as Xen's backends see
 * it. The one open file of /dev/xen-shim-store is the xenstore daemon's end
 * of the kernel's connection. See Documentation/virt/kvm/xen-shim.rst.
 *
 * All addresses and sizes are in bytes. All fields that are not used and all
 * flags that are not defined must be 0: else EINVAL.
 */
#ifndef _UAPI_XEN_SHIM_H
#define _UAPI_XEN_SHIM_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define XEN_SHIM_IOC			0xbb

/* Guest memory that backends may read, but not write. */
#define XEN_SHIM_MEM_READONLY		(1U << 0)

/* Limits, so that one call cannot ask for any amount of work. */
#define XEN_SHIM_MAX_REGIONS		64
#define XEN_SHIM_MAX_GNTTAB_FRAMES	64
#define XEN_SHIM_MAX_PORTS		4096

/**
 * struct xen_shim_mem_region - a range of guest memory
 * @gpa: first guest physical address, a multiple of 4096
 * @size: length in bytes, a multiple of 4096, not 0
 * @hva: first address in the caller's memory, a multiple of 4096
 * @flags: 0 or XEN_SHIM_MEM_READONLY
 * @pad: 0
 */
struct xen_shim_mem_region {
	__u64 gpa;
	__u64 size;
	__u64 hva;
	__u32 flags;
	__u32 pad;
};

/**
 * struct xen_shim_mem_table - all memory of a guest
 * @nr_regions: number of entries of @regions, 1 .. XEN_SHIM_MAX_REGIONS
 * @pad: 0
 * @regions: in the order of @gpa, without overlap
 */
struct xen_shim_mem_table {
	__u32 nr_regions;
	__u32 pad;
	struct xen_shim_mem_region regions[];
};

/**
 * struct xen_shim_gnttab - where the guest keeps its grant table
 * @version: version of the entries: 1
 * @nr_frames: number of frames, 1 .. XEN_SHIM_MAX_GNTTAB_FRAMES
 * @frames: user address of @nr_frames __u64: guest physical address of each
 *	frame, a multiple of 4096, in memory that is not read-only
 */
struct xen_shim_gnttab {
	__u32 version;
	__u32 nr_frames;
	__u64 frames;
};

/**
 * struct xen_shim_evtchn - an interdomain event channel of the guest
 * @port: the guest's port, 1 .. XEN_SHIM_MAX_PORTS - 1
 * @kick_fd: eventfd that is signalled when the guest sends on the port
 * @call_fd: eventfd that the kernel signals to raise the port in the guest
 * @flags: 0
 */
struct xen_shim_evtchn {
	__u32 port;
	__s32 kick_fd;
	__s32 call_fd;
	__u32 flags;
};

/**
 * struct xen_shim_dirty_log - read and clear a part of the dirty log
 * @gpa: first guest physical address, a multiple of 4096 * 64
 * @nr_pages: number of pages of 4096 bytes, up to 2^20
 * @bitmap: user address of (@nr_pages + 63) / 64 __u64: bit n % 64 of word
 *	n / 64 is set if page n from @gpa was written. Bits of pages that
 *	the guest does not have are 0.
 * @flags: 0
 * @pad: 0
 */
struct xen_shim_dirty_log {
	__u64 gpa;
	__u64 nr_pages;
	__u64 bitmap;
	__u32 flags;
	__u32 pad;
};

/**
 * struct xen_shim_store - connect a xenstore daemon
 * @kick_fd: eventfd that the kernel signals when it has written to the page
 * @call_fd: eventfd that the daemon signals when it has written to the page
 * @flags: 0
 * @pad: 0
 */
struct xen_shim_store {
	__s32 kick_fd;
	__s32 call_fd;
	__u32 flags;
	__u32 pad;
};

/* /dev/xen-shim */

/*
 * Set the domain ID, 1 .. 0x7fef, once. EBUSY: in use, perhaps by a domain that
 * is dead and still mapped.
 */
#define XEN_SHIM_SET_DOMID		_IOW(XEN_SHIM_IOC, 0, __u32)

/*
 * Pin the guest's memory, once. ENOMEM: more than RLIMIT_MEMLOCK allows; then
 * nothing is changed.
 */
#define XEN_SHIM_SET_MEM_TABLE \
	_IOW(XEN_SHIM_IOC, 1, struct xen_shim_mem_table)

/*
 * Set the frames of the grant table. May be called again with more frames,
 * the first of which are the same. Needs the memory table.
 */
#define XEN_SHIM_SET_GNTTAB		_IOW(XEN_SHIM_IOC, 2, struct xen_shim_gnttab)

/* Add and remove an event channel. EEXIST, ENOENT. */
#define XEN_SHIM_BIND_EVTCHN		_IOW(XEN_SHIM_IOC, 3, struct xen_shim_evtchn)
#define XEN_SHIM_UNBIND_EVTCHN		_IOW(XEN_SHIM_IOC, 4, __u32)

/* 1: start to log pages that backends write, none is dirty; 0: stop. */
#define XEN_SHIM_DIRTY_LOG_ENABLE	_IOW(XEN_SHIM_IOC, 5, __u32)
#define XEN_SHIM_DIRTY_LOG_GET \
	_IOW(XEN_SHIM_IOC, 6, struct xen_shim_dirty_log)

/*
 * /dev/xen-shim-store
 *
 * mmap() of 4096 bytes at offset 0 with MAP_SHARED gives the page that holds
 * struct xenstore_domain_interface. STORE_SET may be called once per open
 * file. The first one starts the kernel's xenbus.
 */
#define XEN_SHIM_STORE_SET		_IOW(XEN_SHIM_IOC, 16, struct xen_shim_store)

#endif /* _UAPI_XEN_SHIM_H */

/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Xen's grants and event channels, provided by this kernel
 *
 * Where this kernel is the host of a guest that speaks Xen's protocols, a
 * backend that serves the guest does not need a hypervisor to reach it: the
 * provider registered here stands in. Invariants:
 *
 *  - There is no provider on Xen: xen_shim_domain() implies !xen_domain().
 *  - Who is not on Xen and holds no reference of xen_shim_domain_get() uses
 *    neither grants nor event channels.
 *  - No hypercall is made while xen_shim_domain() is true.
 */
#ifndef _XEN_SHIM_H
#define _XEN_SHIM_H

#include <linux/err.h>
#include <linux/jump_label.h>
#include <linux/types.h>
#include <xen/interface/xen.h>
#include <xen/interface/event_channel.h>
#include <xen/interface/grant_table.h>

struct gnttab_page_changed;
struct module;
struct page;

/* Local event channel ports, the first of which is not valid. */
#define XEN_SHIM_NR_CHANNELS	4096

/**
 * struct xen_shim_ops - what a provider does instead of the hypervisor
 * @owner: module that is held by xen_shim_domain_get()
 * @map_grants: look up the pages of @count grants. Sets the status and the
 *	handle of each, and calls @page_cb for each that is GNTST_okay. Any
 *	context.
 * @unmap_grants: give up @count mappings, by their handles. Sets the status of
 *	each. Cannot fail for a handle that is in use. Any context.
 * @copy_grants: copy @count ranges, none of which may cross a page, and set
 *	the status of each. Any context.
 * @translate_gref: see xen_shim_translate_gref()
 * @put_gref: see xen_shim_put_gref()
 * @evtchn_bind: give the port @remote of domain @domid a local port, and set
 *	@local to it. May sleep. Returns 0 or an error.
 * @evtchn_close: free a local port. May sleep.
 * @evtchn_send: raise an event at the other end of a local port. Any context.
 */
struct xen_shim_ops {
	struct module *owner;
	void (*map_grants)(struct gnttab_map_grant_ref *ops, unsigned int count,
			   const struct gnttab_page_changed *page_cb);
	void (*unmap_grants)(struct gnttab_unmap_grant_ref *ops,
			     unsigned int count);
	void (*copy_grants)(struct gnttab_copy *ops, unsigned int count);
	struct page *(*translate_gref)(domid_t domid, grant_ref_t ref,
				       bool writable, grant_handle_t *handle);
	void (*put_gref)(grant_handle_t handle);
	int (*evtchn_bind)(domid_t domid, evtchn_port_t remote,
			   evtchn_port_t *local);
	void (*evtchn_close)(evtchn_port_t local);
	void (*evtchn_send)(evtchn_port_t local);
};

#ifdef CONFIG_XEN_SHIM_HOOKS

DECLARE_STATIC_KEY_FALSE(xen_shim_key);
extern const struct xen_shim_ops *xen_shim_ops;

/**
 * xen_shim_domain - whether a provider stands in for the hypervisor
 *
 * A no-op in the instruction stream unless one does.
 *
 * Return: Whether one does. Never true on Xen.
 */
static __always_inline bool xen_shim_domain(void)
{
	return static_branch_unlikely(&xen_shim_key);
}

int xen_shim_register(const struct xen_shim_ops *ops);
void xen_shim_unregister(const struct xen_shim_ops *ops);

void xen_shim_page_to_array(unsigned int idx, phys_addr_t addr, void *ctx);

bool xen_shim_domain_get(void);
void xen_shim_domain_put(void);

struct page *xen_shim_translate_gref(domid_t domid, grant_ref_t ref,
				     bool writable, grant_handle_t *handle);
void xen_shim_put_gref(grant_handle_t handle);

static inline void xen_shim_map_grants(struct gnttab_map_grant_ref *ops,
				       unsigned int count,
				       const struct gnttab_page_changed *page_cb)
{
	xen_shim_ops->map_grants(ops, count, page_cb);
}

static inline void xen_shim_unmap_grants(struct gnttab_unmap_grant_ref *ops,
					 unsigned int count)
{
	xen_shim_ops->unmap_grants(ops, count);
}

static inline void xen_shim_copy_grants(struct gnttab_copy *ops,
					unsigned int count)
{
	xen_shim_ops->copy_grants(ops, count);
}

static inline int xen_shim_evtchn_bind(domid_t domid, evtchn_port_t remote,
				       evtchn_port_t *local)
{
	return xen_shim_ops->evtchn_bind(domid, remote, local);
}

static inline void xen_shim_evtchn_close(evtchn_port_t local)
{
	xen_shim_ops->evtchn_close(local);
}

static inline void xen_shim_evtchn_send(evtchn_port_t local)
{
	xen_shim_ops->evtchn_send(local);
}

#else /* !CONFIG_XEN_SHIM_HOOKS */

static inline bool xen_shim_domain(void)
{
	return false;
}

static inline void xen_shim_page_to_array(unsigned int idx, phys_addr_t addr,
					  void *ctx)
{
}

static inline bool xen_shim_domain_get(void)
{
	return false;
}

static inline void xen_shim_domain_put(void)
{
}

static inline struct page *xen_shim_translate_gref(domid_t domid,
						   grant_ref_t ref,
						   bool writable,
						   grant_handle_t *handle)
{
	return ERR_PTR(-ENODEV);
}

static inline void xen_shim_put_gref(grant_handle_t handle)
{
}

static inline void xen_shim_map_grants(struct gnttab_map_grant_ref *ops,
				       unsigned int count,
				       const struct gnttab_page_changed *page_cb)
{
}

static inline void xen_shim_unmap_grants(struct gnttab_unmap_grant_ref *ops,
					 unsigned int count)
{
}

static inline void xen_shim_copy_grants(struct gnttab_copy *ops,
					unsigned int count)
{
}

static inline int xen_shim_evtchn_bind(domid_t domid, evtchn_port_t remote,
				       evtchn_port_t *local)
{
	return -ENODEV;
}

static inline void xen_shim_evtchn_close(evtchn_port_t local)
{
}

static inline void xen_shim_evtchn_send(evtchn_port_t local)
{
}

#endif /* CONFIG_XEN_SHIM_HOOKS */

/*
 * Flag of a grant operation for a mapping that the CPU uses. The shim maps
 * nothing, it says where the page is, and refuses GNTMAP_host_map.
 */
#define GNTTAB_host_map		(xen_shim_domain() ? 0 : GNTMAP_host_map)

#endif /* _XEN_SHIM_H */

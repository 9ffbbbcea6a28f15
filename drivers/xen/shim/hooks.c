// SPDX-License-Identifier: GPL-2.0
/*
 * Which provider stands in for Xen, if any
 *
 * This part is built in, as are the grant table, the event channels and
 * xenbus, which ask here. At most one provider is registered, and never on
 * Xen. One that a backend holds is not unregistered, for it is a module that
 * cannot be removed then; so xen_shim_ops is stable for whoever holds it, and
 * the hot paths take no lock.
 */
#define pr_fmt(fmt) "xen_shim: " fmt

#include <linux/export.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/printk.h>

#include <xen/events.h>
#include <xen/shim.h>
#include <xen/xen.h>

const struct xen_shim_ops *xen_shim_ops __read_mostly;
EXPORT_SYMBOL_GPL(xen_shim_ops);

DEFINE_STATIC_KEY_FALSE(xen_shim_key);
EXPORT_SYMBOL_GPL(xen_shim_key);

/* Protects xen_shim_ops and the key against registration. */
static DEFINE_MUTEX(xen_shim_lock);

/**
 * xen_shim_register - stand in for Xen
 * @ops: what is done instead; stays in use until xen_shim_unregister()
 *
 * Context: May sleep.
 * Return: 0, -ENOMEM, or -EBUSY on Xen or if there is a provider already
 */
int xen_shim_register(const struct xen_shim_ops *ops)
{
	int err;

	if (xen_domain()) {
		pr_info("this kernel runs on Xen, which provides grants itself\n");
		return -EBUSY;
	}

	guard(mutex)(&xen_shim_lock);
	if (xen_shim_ops)
		return -EBUSY;

	err = xen_evtchn_shim_init();
	if (err)
		return err;

	xen_shim_ops = ops;
	static_branch_enable(&xen_shim_key);

	return 0;
}
EXPORT_SYMBOL_GPL(xen_shim_register);

/**
 * xen_shim_unregister - cease to stand in for Xen
 * @ops: what was registered
 *
 * To be called when the module is removed: so nobody holds it any more.
 *
 * Context: May sleep.
 */
void xen_shim_unregister(const struct xen_shim_ops *ops)
{
	guard(mutex)(&xen_shim_lock);
	if (WARN_ON_ONCE(xen_shim_ops != ops))
		return;

	static_branch_disable(&xen_shim_key);
	xen_shim_ops = NULL;
}
EXPORT_SYMBOL_GPL(xen_shim_unregister);

/**
 * xen_shim_domain_get - hold the provider for as long as a backend is there
 *
 * Context: May sleep.
 * Return: Whether there is one. If so, call xen_shim_domain_put() later.
 */
bool xen_shim_domain_get(void)
{
	guard(mutex)(&xen_shim_lock);

	return xen_shim_ops && try_module_get(xen_shim_ops->owner);
}
EXPORT_SYMBOL_GPL(xen_shim_domain_get);

/**
 * xen_shim_domain_put - undo xen_shim_domain_get()
 *
 * May also be called on Xen, where it does nothing.
 */
void xen_shim_domain_put(void)
{
	if (xen_shim_domain())
		module_put(xen_shim_ops->owner);
}
EXPORT_SYMBOL_GPL(xen_shim_domain_put);

/**
 * xen_shim_page_to_array - note where a grant was mapped in an array of pages
 * @idx: index of the operation
 * @addr: physical address of the page
 * @ctx: array of pointers to struct page; entry @idx is set
 *
 * A callback of struct gnttab_page_changed, which a provider may know and need
 * not call. See GNTTAB_PAGES_TO().
 */
void xen_shim_page_to_array(unsigned int idx, phys_addr_t addr, void *ctx)
{
	struct page **pages = ctx;

	pages[idx] = pfn_to_page(PHYS_PFN(addr));
}
EXPORT_SYMBOL_GPL(xen_shim_page_to_array);

/**
 * xen_shim_translate_gref - look up a granted page
 * @domid: domain that granted it
 * @ref: grant reference
 * @writable: whether it is to be written
 * @handle: set to what xen_shim_put_gref() takes
 *
 * For users of a few grants that have no use for batches, such as rings. The
 * grant is marked as in use, and the page stays until xen_shim_put_gref(),
 * even if the guest dies.
 *
 * Context: Any.
 * Return: The page, or ERR_PTR(): -ENODEV without a provider, -ESRCH if there
 * is no such domain, -EACCES if the grant does not permit this, -ENOSPC if
 * there are too many mappings
 */
struct page *xen_shim_translate_gref(domid_t domid, grant_ref_t ref,
				     bool writable, grant_handle_t *handle)
{
	if (!xen_shim_domain())
		return ERR_PTR(-ENODEV);

	return xen_shim_ops->translate_gref(domid, ref, writable, handle);
}
EXPORT_SYMBOL_GPL(xen_shim_translate_gref);

/**
 * xen_shim_put_gref - give up a page of xen_shim_translate_gref()
 * @handle: what that set
 *
 * Context: Any.
 */
void xen_shim_put_gref(grant_handle_t handle)
{
	if (xen_shim_domain())
		xen_shim_ops->put_gref(handle);
}
EXPORT_SYMBOL_GPL(xen_shim_put_gref);

// SPDX-License-Identifier: GPL-2.0
/*
 * The Xen shim: Xen's backends for guests of this kernel
 *
 * A VMM that emulates Xen for its guest gives this module the guest's memory,
 * its grant table and its event channels, and the backends of this kernel
 * serve the guest as they serve domains of Xen. There is no hypervisor and no
 * hypercall: mapping a grant is looking up a page.
 * See Documentation/virt/kvm/xen-shim.rst.
 *
 * All state of a guest belongs to its open file (domain.c).
 */
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/overflow.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include <xen/shim.h>

#include "shim.h"

static const struct xen_shim_ops shim_ops = {
	.owner		= THIS_MODULE,
	.map_grants	= shim_map_grants,
	.unmap_grants	= shim_unmap_grants,
	.copy_grants	= shim_copy_grants,
	.translate_gref	= shim_translate_gref,
	.put_gref	= shim_put_gref,
	.evtchn_bind	= shim_evtchn_bind,
	.evtchn_close	= shim_evtchn_close,
	.evtchn_send	= shim_evtchn_send,
};

static int shim_open(struct inode *inode, struct file *file)
{
	file->private_data = shim_domain_create();

	return file->private_data ? 0 : -ENOMEM;
}

static int shim_release(struct inode *inode, struct file *file)
{
	shim_domain_kill(file->private_data);

	return 0;
}

static long ioctl_mem_table(struct shim_domain *dom, void __user *argp)
{
	struct xen_shim_mem_region *regions __free(kvfree) = NULL;
	struct xen_shim_mem_table __user *user = argp;
	struct xen_shim_mem_table table;

	if (copy_from_user(&table, user, sizeof(table)))
		return -EFAULT;

	if (!table.nr_regions || table.nr_regions > XEN_SHIM_MAX_REGIONS ||
	    table.pad)
		return -EINVAL;

	regions = vmemdup_array_user(user->regions, table.nr_regions,
				     sizeof(*regions));
	if (IS_ERR(regions))
		return PTR_ERR(no_free_ptr(regions));

	return shim_memory_set(dom, regions, table.nr_regions);
}

static long ioctl_gnttab(struct shim_domain *dom, void __user *argp)
{
	u64 frames[XEN_SHIM_MAX_GNTTAB_FRAMES];
	struct xen_shim_gnttab gnttab;

	if (copy_from_user(&gnttab, argp, sizeof(gnttab)))
		return -EFAULT;

	if (gnttab.version != 1 || !gnttab.nr_frames ||
	    gnttab.nr_frames > XEN_SHIM_MAX_GNTTAB_FRAMES)
		return -EINVAL;

	if (copy_from_user(frames, u64_to_user_ptr(gnttab.frames),
			   gnttab.nr_frames * sizeof(*frames)))
		return -EFAULT;

	return shim_gnttab_set(dom, frames, gnttab.nr_frames);
}

static long ioctl_bind_evtchn(struct shim_domain *dom, void __user *argp)
{
	struct xen_shim_evtchn evtchn;

	if (copy_from_user(&evtchn, argp, sizeof(evtchn)))
		return -EFAULT;

	return shim_evtchn_add(dom, &evtchn);
}

static long ioctl_dirty_get(struct shim_domain *dom, void __user *argp)
{
	struct xen_shim_dirty_log log;

	if (copy_from_user(&log, argp, sizeof(log)))
		return -EFAULT;

	return shim_dirty_get(dom, &log);
}

/* Those whose argument is a number. */
static long ioctl_number(struct shim_domain *dom, unsigned int cmd,
			 void __user *argp)
{
	u32 number;

	if (cmd != XEN_SHIM_SET_DOMID && cmd != XEN_SHIM_UNBIND_EVTCHN &&
	    cmd != XEN_SHIM_DIRTY_LOG_ENABLE)
		return -ENOTTY;

	if (get_user(number, (u32 __user *)argp))
		return -EFAULT;

	switch (cmd) {
	case XEN_SHIM_SET_DOMID:
		if (number != (domid_t)number)
			return -EINVAL;
		return shim_domain_set_domid(dom, number);
	case XEN_SHIM_UNBIND_EVTCHN:
		return shim_evtchn_del(dom, number);
	default:
		return number > 1 ? -EINVAL : shim_dirty_enable(dom, number);
	}
}

static long shim_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct shim_domain *dom = file->private_data;
	void __user *argp = (void __user *)arg;

	guard(mutex)(&dom->lock);

	switch (cmd) {
	case XEN_SHIM_SET_MEM_TABLE:
		return ioctl_mem_table(dom, argp);
	case XEN_SHIM_SET_GNTTAB:
		return ioctl_gnttab(dom, argp);
	case XEN_SHIM_BIND_EVTCHN:
		return ioctl_bind_evtchn(dom, argp);
	case XEN_SHIM_DIRTY_LOG_GET:
		return ioctl_dirty_get(dom, argp);
	default:
		return ioctl_number(dom, cmd, argp);
	}
}

static const struct file_operations shim_fops = {
	.owner		= THIS_MODULE,
	.open		= shim_open,
	.release	= shim_release,
	.unlocked_ioctl	= shim_ioctl,
	.compat_ioctl	= compat_ptr_ioctl,
};

static struct miscdevice shim_dev = {
	.minor	= MISC_DYNAMIC_MINOR,
	.name	= "xen-shim",
	.mode	= 0600,
	.fops	= &shim_fops,
};

static struct miscdevice shim_store_dev = {
	.minor	= MISC_DYNAMIC_MINOR,
	.name	= "xen-shim-store",
	.mode	= 0600,
	.fops	= &shim_store_fops,
};

static int __init shim_init(void)
{
	int err;

	BUILD_BUG_ON(PAGE_SIZE != XEN_PAGE_SIZE);

	err = shim_domain_init();
	if (err)
		return err;

	err = shim_store_init();
	if (err)
		goto out_domain;

	err = xen_shim_register(&shim_ops);
	if (err)
		goto out_store;

	err = misc_register(&shim_dev);
	if (err)
		goto out_unregister;

	err = misc_register(&shim_store_dev);
	if (err)
		goto out_shim_dev;

	shim_debugfs_init();

	return 0;

out_shim_dev:
	misc_deregister(&shim_dev);
out_unregister:
	xen_shim_unregister(&shim_ops);
out_store:
	shim_store_exit();
out_domain:
	shim_domain_exit();

	return err;
}

static void __exit shim_exit(void)
{
	shim_debugfs_exit();
	misc_deregister(&shim_store_dev);
	misc_deregister(&shim_dev);
	xen_shim_unregister(&shim_ops);
	shim_store_exit();
	shim_domain_exit();
}

module_init(shim_init);
module_exit(shim_exit);

MODULE_DESCRIPTION("Xen's backends for guests of this kernel");
MODULE_LICENSE("GPL");

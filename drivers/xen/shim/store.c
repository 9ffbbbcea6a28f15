// SPDX-License-Identifier: GPL-2.0
/*
 * Xenstore: the daemon's end of the kernel's connection
 *
 * /dev/xen-shim-store has one opener, the daemon. It maps the ring page, and
 * says by which eventfds both are woken. Then xenbus is started, or continues
 * with the new daemon; its threads do not end, so this module stays. When the
 * file is closed, all backends are removed, for nobody could tell them that
 * their frontends are gone. Both take as long as backends and daemon need, so
 * they are done by a worker, one after the other; the next opener waits.
 */
#define pr_fmt(fmt) "xen_shim: " fmt

#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/uaccess.h>
#include <linux/wait.h>

#include <xen/interface/io/xs_wire.h>
#include <xen/xenbus.h>

#include "shim.h"

enum store_state {
	STORE_CLOSED,
	STORE_OPEN,		/* opened, no eventfds yet */
	STORE_CONNECTED,
	STORE_CLOSING,		/* backends are being removed */
};

/* Protects the three below. */
static DEFINE_MUTEX(store_lock);
static enum store_state store_state;
static struct shim_channel *store_channel;
/* The same for each daemon: xenbus binds it once. 0 before the first one. */
static evtchn_port_t store_port;

static DECLARE_WAIT_QUEUE_HEAD(store_waitq);
static struct workqueue_struct *store_wq;
static struct xenstore_domain_interface *store_page;

static void store_connect_work(struct work_struct *work)
{
	int err = xenbus_shim_connect(store_page, store_port);

	if (err)
		pr_err("xenbus cannot be started: %d\n", err);
}

static DECLARE_WORK(store_connect, store_connect_work);

static void store_disconnect_work(struct work_struct *work)
{
	xenbus_shim_disconnect();

	mutex_lock(&store_lock);
	store_state = STORE_CLOSED;
	mutex_unlock(&store_lock);
	wake_up(&store_waitq);
}

static DECLARE_WORK(store_disconnect, store_disconnect_work);

static int shim_store_open(struct inode *inode, struct file *file)
{
	int err;

	err = wait_event_interruptible(store_waitq,
				       READ_ONCE(store_state) != STORE_CLOSING);
	if (err)
		return err;

	guard(mutex)(&store_lock);
	if (store_state != STORE_CLOSED)
		return -EBUSY;
	store_state = STORE_OPEN;

	return 0;
}

static int shim_store_release(struct inode *inode, struct file *file)
{
	guard(mutex)(&store_lock);

	if (store_state == STORE_OPEN) {
		store_state = STORE_CLOSED;
		return 0;
	}

	/* The channel remains in the table of local ports until the next one. */
	shim_channel_detach(store_channel);
	shim_channel_put(store_channel);
	store_channel = NULL;
	store_state = STORE_CLOSING;

	xenbus_shim_set_gone(true);
	queue_work(store_wq, &store_disconnect);

	return 0;
}

static int store_set(const struct xen_shim_store *arg)
{
	struct shim_channel *c;
	bool first = !store_port;
	int err;

	if (arg->flags || arg->pad)
		return -EINVAL;

	guard(mutex)(&store_lock);
	if (store_state != STORE_OPEN)
		return -EBUSY;

	c = shim_channel_create(arg->call_fd, arg->kick_fd);
	if (IS_ERR(c))
		return PTR_ERR(c);

	err = shim_channel_attach(c, &store_port);
	if (err) {
		shim_channel_detach(c);
		shim_channel_put(c);
		return err;
	}

	/* For good: xenbus does not stop once it was started. */
	if (first)
		__module_get(THIS_MODULE);

	store_channel = c;
	store_state = STORE_CONNECTED;
	xenbus_shim_set_gone(false);
	queue_work(store_wq, &store_connect);

	return 0;
}

static long shim_store_ioctl(struct file *file, unsigned int cmd,
			     unsigned long arg)
{
	struct xen_shim_store set;

	if (cmd != XEN_SHIM_STORE_SET)
		return -ENOTTY;

	if (copy_from_user(&set, (void __user *)arg, sizeof(set)))
		return -EFAULT;

	return store_set(&set);
}

static int shim_store_mmap(struct file *file, struct vm_area_struct *vma)
{
	if (vma->vm_pgoff || vma_pages(vma) != 1 ||
	    !(vma->vm_flags & VM_SHARED))
		return -EINVAL;

	/* A child must not hold the file open. */
	vm_flags_set(vma, VM_DONTCOPY | VM_DONTEXPAND);

	return vm_insert_page(vma, vma->vm_start, virt_to_page(store_page));
}

const struct file_operations shim_store_fops = {
	.owner		= THIS_MODULE,
	.open		= shim_store_open,
	.release	= shim_store_release,
	.unlocked_ioctl	= shim_store_ioctl,
	.compat_ioctl	= compat_ptr_ioctl,
	.mmap		= shim_store_mmap,
};

/**
 * shim_store_init - get ready for a daemon
 *
 * Return: 0 or -ENOMEM
 */
int __init shim_store_init(void)
{
	store_page = (void *)get_zeroed_page(GFP_KERNEL);
	if (!store_page)
		return -ENOMEM;

	store_wq = alloc_ordered_workqueue("xen_shim_store", 0);
	if (!store_wq) {
		free_page((unsigned long)store_page);
		return -ENOMEM;
	}

	return 0;
}

/**
 * shim_store_exit - undo shim_store_init(), if there never was a daemon
 *
 * Context: May sleep.
 */
void shim_store_exit(void)
{
	destroy_workqueue(store_wq);
	free_page((unsigned long)store_page);
}

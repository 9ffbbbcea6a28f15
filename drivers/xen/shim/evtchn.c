// SPDX-License-Identifier: GPL-2.0
/*
 * Event channels: a pair of eventfds, and a local port
 *
 * The VMM adds a channel for each port that its guest opened for a backend;
 * the backend then binds to it, and gets a local port. Either may be gone
 * first. A channel is referenced by the domain's table of ports and by the
 * table of local ports. The kick eventfd is read by a callback in its wait
 * queue, which raises the local port; the call eventfd is signalled when the
 * backend notifies, wherever it does so.
 *
 * Xenstore's ring has a channel too, without a domain.
 */
#include <linux/eventfd.h>
#include <linux/file.h>
#include <linux/poll.h>
#include <linux/slab.h>

#include <xen/events.h>
#include <xen/shim.h>

#include "shim.h"

/**
 * struct shim_channel - an event channel
 * @refs: of the tables that it is in
 * @kick: signalled from outside for the kernel
 * @call: signalled by the kernel
 * @local: local port, or 0 if it is not bound
 * @detached: @kick is not listened to, and @call is not signalled any more
 * @wait: in the wait queue of @kick, unless @detached
 * @pt: to get into that wait queue
 * @rcu: frees this
 */
struct shim_channel {
	refcount_t refs;
	struct eventfd_ctx *kick;
	struct eventfd_ctx *call;
	evtchn_port_t local;
	bool detached;
	wait_queue_entry_t wait;
	poll_table pt;
	struct rcu_head rcu;
};

/* Channels by local port; read under RCU. */
static DEFINE_XARRAY_ALLOC1(shim_locals);

/* Serialises changes of the tables. */
static DEFINE_MUTEX(shim_evtchn_lock);

static void shim_channel_free(struct rcu_head *rcu)
{
	struct shim_channel *c = container_of(rcu, struct shim_channel, rcu);

	eventfd_ctx_put(c->kick);
	eventfd_ctx_put(c->call);
	kfree(c);
}

/**
 * shim_channel_put - drop a reference
 * @c: channel
 *
 * Context: Any.
 */
void shim_channel_put(struct shim_channel *c)
{
	if (refcount_dec_and_test(&c->refs))
		call_rcu(&c->rcu, shim_channel_free);
}

/* Called with the lock of the eventfd's wait queue, wherever it is signalled. */
static int shim_kicked(wait_queue_entry_t *wait, unsigned int mode, int sync,
		       void *key)
{
	struct shim_channel *c = container_of(wait, struct shim_channel, wait);
	evtchn_port_t local = READ_ONCE(c->local);
	__u64 count;

	if (!(key_to_poll(key) & EPOLLIN))
		return 0;

	eventfd_ctx_do_read(c->kick, &count);
	/* What is sent before a backend is bound is raised when it binds. */
	if (local)
		xen_evtchn_shim_raise(local);

	return 0;
}

static void shim_listen(struct file *file, wait_queue_head_t *wqh,
			poll_table *pt)
{
	struct shim_channel *c = container_of(pt, struct shim_channel, pt);

	add_wait_queue(wqh, &c->wait);
}

/**
 * shim_channel_create - a channel of two eventfds
 * @kick_fd: eventfd to listen to
 * @call_fd: eventfd to signal
 *
 * Context: May sleep.
 * Return: The channel, with a reference; or ERR_PTR()
 */
struct shim_channel *shim_channel_create(int kick_fd, int call_fd)
{
	struct shim_channel *c;
	struct eventfd_ctx *ctx;

	CLASS(fd, kick)(kick_fd);
	if (fd_empty(kick))
		return ERR_PTR(-EBADF);

	c = kzalloc_obj(*c, GFP_KERNEL_ACCOUNT);
	if (!c)
		return ERR_PTR(-ENOMEM);

	ctx = eventfd_ctx_fileget(fd_file(kick));
	if (IS_ERR(ctx)) {
		kfree(c);
		return ERR_CAST(ctx);
	}
	c->kick = ctx;

	ctx = eventfd_ctx_fdget(call_fd);
	if (IS_ERR(ctx)) {
		eventfd_ctx_put(c->kick);
		kfree(c);
		return ERR_CAST(ctx);
	}
	c->call = ctx;

	refcount_set(&c->refs, 1);
	init_waitqueue_func_entry(&c->wait, shim_kicked);
	init_poll_funcptr(&c->pt, shim_listen);
	vfs_poll(fd_file(kick), &c->pt);

	return c;
}

/**
 * shim_channel_detach - neither listen nor signal any more
 * @c: channel; not detached yet
 *
 * A local port that it is bound to remains, for the backend to close.
 *
 * Context: May sleep.
 */
void shim_channel_detach(struct shim_channel *c)
{
	__u64 count;

	WRITE_ONCE(c->detached, true);
	eventfd_ctx_remove_wait_queue(c->kick, &c->wait, &count);
}

static int attach_locked(struct shim_channel *c, evtchn_port_t *local)
{
	static u32 next;
	u32 port;
	int err;

	lockdep_assert_held(&shim_evtchn_lock);

	if (c->local)
		return -EBUSY;

	err = xa_alloc_cyclic(&shim_locals, &port, c,
			      XA_LIMIT(1, XEN_SHIM_NR_CHANNELS - 1), &next,
			      GFP_KERNEL);
	if (err < 0)
		return err;

	refcount_inc(&c->refs);
	WRITE_ONCE(c->local, port);
	*local = port;

	return 0;
}

/**
 * shim_channel_attach - bind a channel to a local port
 * @c: channel
 * @local: 0, then it is set to the port; or a port of another, detached channel
 *	that @c takes over
 *
 * Context: May sleep.
 * Return: 0, or an error
 */
int shim_channel_attach(struct shim_channel *c, evtchn_port_t *local)
{
	struct shim_channel *old;

	guard(mutex)(&shim_evtchn_lock);

	if (!*local)
		return attach_locked(c, local);

	refcount_inc(&c->refs);
	old = xa_store(&shim_locals, *local, c, GFP_KERNEL);
	WRITE_ONCE(c->local, *local);
	shim_channel_put(old);
	/* As the first one: something may have been sent already. */
	xen_evtchn_shim_raise(*local);

	return 0;
}

/**
 * shim_evtchn_add - add a port of a guest
 * @dom: domain
 * @arg: port and eventfds
 *
 * Context: May sleep. The caller holds the domain's lock.
 * Return: 0, -EEXIST, or another error
 */
int shim_evtchn_add(struct shim_domain *dom, const struct xen_shim_evtchn *arg)
{
	struct shim_channel *c;
	int err;

	lockdep_assert_held(&dom->lock);

	if (!arg->port || arg->port >= XEN_SHIM_MAX_PORTS || arg->flags)
		return -EINVAL;

	c = shim_channel_create(arg->kick_fd, arg->call_fd);
	if (IS_ERR(c))
		return PTR_ERR(c);

	mutex_lock(&shim_evtchn_lock);
	err = xa_insert(&dom->ports, arg->port, c, GFP_KERNEL_ACCOUNT);
	mutex_unlock(&shim_evtchn_lock);
	if (err) {
		shim_channel_detach(c);
		shim_channel_put(c);
	}

	return err == -EBUSY ? -EEXIST : err;
}

/**
 * shim_evtchn_del - remove a port of a guest
 * @dom: domain
 * @port: the guest's port
 *
 * Context: May sleep.
 * Return: 0 or -ENOENT
 */
int shim_evtchn_del(struct shim_domain *dom, u32 port)
{
	struct shim_channel *c;

	mutex_lock(&shim_evtchn_lock);
	c = xa_erase(&dom->ports, port);
	mutex_unlock(&shim_evtchn_lock);
	if (!c)
		return -ENOENT;

	shim_channel_detach(c);
	shim_channel_put(c);

	return 0;
}

/**
 * shim_evtchn_del_all - remove all ports of a guest
 * @dom: domain, which is dead
 *
 * Context: May sleep.
 */
void shim_evtchn_del_all(struct shim_domain *dom)
{
	struct shim_channel *c;
	unsigned long port;

	xa_for_each(&dom->ports, port, c)
		shim_evtchn_del(dom, port);
}

/**
 * shim_evtchn_bind - see struct xen_shim_ops
 * @domid: domain
 * @remote: its port
 * @local: set to the local port
 *
 * Return: 0; -ESRCH if there is no such domain; -ENOENT if it has no such port;
 * -EBUSY if that is bound; -ENOMEM
 */
int shim_evtchn_bind(domid_t domid, evtchn_port_t remote,
		     evtchn_port_t *local)
{
	struct shim_domain *dom = shim_domain_find(domid);
	struct shim_channel *c;
	int err;

	if (!dom)
		return -ESRCH;

	mutex_lock(&shim_evtchn_lock);
	c = xa_load(&dom->ports, remote);
	err = c ? attach_locked(c, local) : -ENOENT;
	mutex_unlock(&shim_evtchn_lock);
	shim_domain_put(dom);

	return err;
}

/**
 * shim_evtchn_close - see struct xen_shim_ops
 * @local: local port
 */
void shim_evtchn_close(evtchn_port_t local)
{
	struct shim_channel *c;

	mutex_lock(&shim_evtchn_lock);
	c = xa_erase(&shim_locals, local);
	if (c)
		WRITE_ONCE(c->local, 0);
	mutex_unlock(&shim_evtchn_lock);

	if (c)
		shim_channel_put(c);
}

/**
 * shim_evtchn_send - see struct xen_shim_ops
 * @local: local port
 */
void shim_evtchn_send(evtchn_port_t local)
{
	struct shim_channel *c;

	rcu_read_lock();
	c = xa_load(&shim_locals, local);
	if (c && !READ_ONCE(c->detached))
		eventfd_signal(c->call);
	rcu_read_unlock();
}

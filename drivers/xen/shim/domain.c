// SPDX-License-Identifier: GPL-2.0
/*
 * Domains: found by their ID, and gone when nobody uses them
 *
 * The VMM may die at any moment, with I/O in flight. Closing its file marks the
 * domain as dead and removes the event channels, so nothing new begins; what is
 * mapped stays pinned until the backends have unmapped it. So long nobody else
 * gets its ID, by which they would go on to ask. The last reference may be
 * dropped by a bio that completes, so the rest is done by a worker.
 */
#include <linux/list.h>
#include <linux/slab.h>

#include "shim.h"

/* Domains that have an ID, dead ones while they are used; read under RCU. */
static DEFINE_XARRAY(shim_domids);

/* All domains, by their number; read under RCU. */
static DEFINE_XARRAY_ALLOC(shim_domain_nrs);

/* Of domains that are gone, and of operations that had none. */
struct shim_stats shim_stats;

LIST_HEAD(shim_domains);
/* Protects the list of domains. */
DEFINE_MUTEX(shim_domains_lock);

struct workqueue_struct *shim_wq;

static void add_stats(const struct shim_stats *stats)
{
	atomic64_add(atomic64_read(&stats->maps), &shim_stats.maps);
	atomic64_add(atomic64_read(&stats->unmaps), &shim_stats.unmaps);
	atomic64_add(atomic64_read(&stats->copies), &shim_stats.copies);
	atomic64_add(atomic64_read(&stats->refused), &shim_stats.refused);
}

static void shim_domain_free_work(struct work_struct *work)
{
	struct shim_domain *dom = container_of(to_rcu_work(work),
					       struct shim_domain, free_work);

	mutex_lock(&shim_domains_lock);
	list_del(&dom->list);
	add_stats(&dom->stats);
	mutex_unlock(&shim_domains_lock);

	xa_erase(&shim_domain_nrs, dom->nr);
	if (dom->domid)
		xa_erase(&shim_domids, dom->domid);
	shim_gnttab_free(dom);
	shim_memory_free(dom);
	xa_destroy(&dom->ports);
	/* Who found it by its number may just see that it has no reference. */
	kvfree_rcu(dom, rcu);
}

/**
 * shim_domain_create - a domain for a file that was opened
 *
 * Context: May sleep.
 * Return: The domain, with the file's reference; or NULL
 */
struct shim_domain *shim_domain_create(void)
{
	struct shim_domain *dom;
	unsigned int i;

	dom = kvzalloc_obj(*dom, GFP_KERNEL_ACCOUNT);
	if (!dom)
		return NULL;

	if (xa_alloc(&shim_domain_nrs, &dom->nr, NULL,
		     XA_LIMIT(0, SHIM_MAX_DOMAINS - 1), GFP_KERNEL_ACCOUNT)) {
		kvfree(dom);
		return NULL;
	}

	refcount_set(&dom->refs, 1);
	mutex_init(&dom->lock);
	xa_init(&dom->ports);
	for (i = 0; i < SHIM_NR_LOCKS; i++)
		raw_spin_lock_init(&dom->locks[i].lock);
	INIT_RCU_WORK(&dom->free_work, shim_domain_free_work);
	/* The entry is reserved: this needs no memory. */
	xa_store(&shim_domain_nrs, dom->nr, dom, GFP_KERNEL_ACCOUNT);

	mutex_lock(&shim_domains_lock);
	list_add_tail(&dom->list, &shim_domains);
	mutex_unlock(&shim_domains_lock);

	return dom;
}

/**
 * shim_domain_kill - the file of a domain was closed
 * @dom: domain, which may be freed by this
 *
 * Context: May sleep.
 */
void shim_domain_kill(struct shim_domain *dom)
{
	WRITE_ONCE(dom->dead, true);
	shim_evtchn_del_all(dom);
	shim_domain_put(dom);
}

/**
 * shim_domain_set_domid - give a domain its ID
 * @dom: domain without ID
 * @domid: domain ID
 *
 * Context: May sleep. The caller holds the domain's lock.
 * Return: 0; -EINVAL if it has an ID or none may have this one; -EBUSY if
 * another one has it, or had it and is not unmapped yet; -ENOMEM
 */
int shim_domain_set_domid(struct shim_domain *dom, domid_t domid)
{
	int err;

	lockdep_assert_held(&dom->lock);

	if (dom->domid || !domid || domid >= DOMID_FIRST_RESERVED)
		return -EINVAL;

	err = xa_insert(&shim_domids, domid, dom, GFP_KERNEL_ACCOUNT);
	if (err == -EBUSY) {
		/* Nobody may use the one that has it, and it is to be freed. */
		rcu_barrier();
		flush_workqueue(shim_wq);
		err = xa_insert(&shim_domids, domid, dom, GFP_KERNEL_ACCOUNT);
	}
	if (err)
		return err;

	dom->domid = domid;

	return 0;
}

/**
 * shim_domain_find_many - a domain that is alive
 * @domid: domain ID
 * @nr: number of references to take
 *
 * Context: Any.
 * Return: The domain, with references for shim_domain_put_many(); or NULL
 */
struct shim_domain *shim_domain_find_many(domid_t domid, unsigned int nr)
{
	struct shim_domain *dom;

	rcu_read_lock();
	dom = xa_load(&shim_domids, domid);
	if (dom && (READ_ONCE(dom->dead) ||
		    !refcount_add_not_zero(nr, &dom->refs)))
		dom = NULL;
	rcu_read_unlock();

	return dom;
}

/**
 * shim_domain_by_nr - the domain of a handle
 * @nr: its number, perhaps not valid
 *
 * Context: Any, with RCU held, under which it stays.
 * Return: The domain, or NULL if there is none or if it is going away
 */
struct shim_domain *shim_domain_by_nr(u32 nr)
{
	struct shim_domain *dom = xa_load(&shim_domain_nrs, nr);

	return dom && refcount_read(&dom->refs) ? dom : NULL;
}

/**
 * shim_domain_put_many - drop references
 * @dom: domain
 * @nr: number of references
 *
 * Context: Any.
 */
void shim_domain_put_many(struct shim_domain *dom, unsigned int nr)
{
	if (refcount_sub_and_test(nr, &dom->refs))
		queue_rcu_work(shim_wq, &dom->free_work);
}

/**
 * shim_domain_init - get ready for domains
 *
 * Return: 0 or -ENOMEM
 */
int __init shim_domain_init(void)
{
	shim_wq = alloc_workqueue("xen_shim", WQ_UNBOUND, 0);

	return shim_wq ? 0 : -ENOMEM;
}

/**
 * shim_domain_exit - free the domains that wait for it
 *
 * Context: May sleep. No file is open, and no backend is there.
 */
void shim_domain_exit(void)
{
	/* The RCU part of free_work first, then its work. */
	rcu_barrier();
	destroy_workqueue(shim_wq);
}

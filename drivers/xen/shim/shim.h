/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The Xen shim: what its files share
 *
 * A domain is one guest, and one open file of /dev/xen-shim. It is referenced
 * by that file and by each mapping of one of its grants. All of its memory is
 * pinned when the VMM hands over the memory table, as grants are mapped where
 * nobody may sleep, and stays so until the last reference is gone. The memory
 * table is set once, and frames of the grant table are only added: so neither
 * is protected by more than the release store that publishes it.
 */
#ifndef _DRIVERS_XEN_SHIM_H
#define _DRIVERS_XEN_SHIM_H

#include <linux/atomic.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/nospec.h>
#include <linux/refcount.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>

#include <uapi/xen/shim.h>
#include <xen/interface/event_channel.h>
#include <xen/interface/grant_table.h>
#include <xen/interface/xen.h>
#include <xen/page.h>

struct dentry;
struct eventfd_ctx;
struct file_operations;
struct gnttab_page_changed;
struct mm_struct;
struct page;

#define SHIM_GREFS_PER_FRAME \
	(XEN_PAGE_SIZE / sizeof(struct grant_entry_v1))

/*
 * Locks for the use of grants. Neighbours share one, as they are likely to be
 * of the same request, and those of another queue are likely not to be near.
 */
#define SHIM_NR_LOCKS		32
#define SHIM_GREFS_PER_LOCK	32

/* Domains at the same time, also dead ones that are still mapped. */
#define SHIM_MAX_DOMAINS	0xffffU

/**
 * struct shim_region - a range of a guest's memory
 * @gfn: first guest frame number
 * @nr_pages: number of pages
 * @readonly: whether backends may only read it
 * @pages: the pages, pinned
 * @dirty: bitmap of pages that were written, or NULL if it was never asked for
 */
struct shim_region {
	u64 gfn;
	unsigned long nr_pages;
	bool readonly;
	struct page **pages;
	unsigned long *dirty;
};

/* Users of a grant: the lower half counts readers, the upper half writers. */
#define SHIM_READER	0x1U
#define SHIM_WRITER	0x10000U
#define SHIM_MAX_USERS	0xffffU

/**
 * struct shim_active - how a grant is used
 * @users: number of mappings that only read times SHIM_READER, and of others
 *	times SHIM_WRITER
 * @gfn: granted frame, valid if there are users
 *
 * Protected by the lock of the grant.
 */
struct shim_active {
	u32 users;
	u32 gfn;
};

/**
 * struct shim_frame - a frame of a grant table
 * @shared: its entries, which the guest writes too
 * @active: how they are used
 * @gfn: where it is
 */
struct shim_frame {
	struct grant_entry_v1 *shared;
	struct shim_active *active;
	u64 gfn;
};

/* Padded, as netback's queues use different grants at the same time. */
struct shim_lock {
	raw_spinlock_t lock;
} ____cacheline_aligned_in_smp;

/**
 * struct shim_stats - what was done so far
 * @maps: grants that were mapped or translated
 * @unmaps: of these, how many are not mapped any more
 * @copies: ranges that were copied to the domain, or from it to the kernel
 * @refused: operations that were refused
 */
struct shim_stats {
	atomic64_t maps;
	atomic64_t unmaps;
	atomic64_t copies;
	atomic64_t refused;
};

/**
 * struct shim_domain - a guest
 * @refs: one of the file, one per mapping, and that of who looks at it
 * @dead: the file was closed: no more mappings or copies
 * @logging: whether written pages are marked in the dirty bitmaps
 * @domid: domain ID, 0 before it is set
 * @nr: its number, of which no two domains have the same; part of handles
 * @nr_regions: valid entries of @regions; 0 before they are set
 * @regions: the memory
 * @nr_grefs: number of grants; 0 before the grant table is set
 * @frames: the grant table
 * @locks: protect how grants are used
 * @lock: serialises the file's ioctls
 * @ports: event channels, by the guest's port; has its own lock
 * @mm: who is charged for @pinned
 * @pinned: number of pages that are pinned and charged
 * @stats: for debugfs
 * @list: all domains, also those which are dead
 * @free_work: tears this down when @refs is 0
 * @rcu: then frees it
 */
struct shim_domain {
	refcount_t refs;
	bool dead;
	bool logging;
	domid_t domid;
	u32 nr;
	unsigned int nr_regions;
	struct shim_region *regions;
	unsigned int nr_grefs;
	struct shim_frame frames[XEN_SHIM_MAX_GNTTAB_FRAMES];
	struct shim_lock locks[SHIM_NR_LOCKS];
	struct mutex lock;	/* serialises ioctls */
	struct xarray ports;
	struct mm_struct *mm;
	unsigned long pinned;
	struct shim_stats stats;
	struct list_head list;
	struct rcu_work free_work;
	struct rcu_head rcu;
};

/* domain.c */
extern struct workqueue_struct *shim_wq;
extern struct shim_stats shim_stats;

struct shim_domain *shim_domain_create(void);
void shim_domain_kill(struct shim_domain *dom);
int shim_domain_set_domid(struct shim_domain *dom, domid_t domid);
struct shim_domain *shim_domain_find_many(domid_t domid, unsigned int nr);
struct shim_domain *shim_domain_by_nr(u32 nr);
void shim_domain_put_many(struct shim_domain *dom, unsigned int nr);
int shim_domain_init(void);
void shim_domain_exit(void);

static inline struct shim_domain *shim_domain_find(domid_t domid)
{
	return shim_domain_find_many(domid, 1);
}

static inline void shim_domain_put(struct shim_domain *dom)
{
	shim_domain_put_many(dom, 1);
}

/* memory.c */
int shim_memory_set(struct shim_domain *dom,
		    const struct xen_shim_mem_region *table, unsigned int nr);
void shim_memory_free(struct shim_domain *dom);

const struct shim_region *shim_memory_region(const struct shim_domain *dom,
					     u64 gfn, bool write);

/* A page of a region, of a guest frame number that is in there. */
static __always_inline struct page *
shim_region_page(const struct shim_region *region, u64 gfn)
{
	return region->pages[array_index_nospec(gfn - region->gfn,
						region->nr_pages)];
}

/**
 * shim_memory_page - look up a page of a guest
 * @dom: domain; the caller has a reference
 * @gfn: guest frame number, as the guest gave it
 * @write: whether it is to be written
 *
 * Context: Any.
 * Return: The page, which stays as long as the reference; or NULL
 */
static inline struct page *shim_memory_page(const struct shim_domain *dom,
					    u64 gfn, bool write)
{
	const struct shim_region *region = shim_memory_region(dom, gfn, write);

	return region ? shim_region_page(region, gfn) : NULL;
}

/* dirty.c */
int shim_dirty_enable(struct shim_domain *dom, bool on);
int shim_dirty_get(struct shim_domain *dom,
		   const struct xen_shim_dirty_log *log);
void shim_dirty_mark(struct shim_domain *dom, u64 gfn);

/* gnttab.c */
int shim_gnttab_set(struct shim_domain *dom, const u64 *frames,
		    unsigned int nr);
void shim_gnttab_free(struct shim_domain *dom);
void shim_gnttab_dirty(struct shim_domain *dom);
void shim_gnttab_sync(struct shim_domain *dom);

/* The frame and the lock of a grant that the domain has. */
static inline struct shim_frame *shim_frame(struct shim_domain *dom,
					    grant_ref_t ref)
{
	return &dom->frames[ref / SHIM_GREFS_PER_FRAME];
}

static inline raw_spinlock_t *shim_gref_lock(struct shim_domain *dom,
					     grant_ref_t ref)
{
	return &dom->locks[ref / SHIM_GREFS_PER_LOCK % SHIM_NR_LOCKS].lock;
}

/* gref.c; see also gref.h */
extern const struct shim_region shim_no_region;

s16 shim_gref_get(struct shim_domain *dom, grant_ref_t ref, bool write,
		  const struct shim_region **region, struct page **page);
void shim_gref_put(struct shim_domain *dom, grant_ref_t ref, bool write);

/* map.c */
void shim_map_grants(struct gnttab_map_grant_ref *ops, unsigned int count,
		     const struct gnttab_page_changed *page_cb);
void shim_unmap_grants(struct gnttab_unmap_grant_ref *ops, unsigned int count);
struct page *shim_translate_gref(domid_t domid, grant_ref_t ref, bool writable,
				 grant_handle_t *handle);
void shim_put_gref(grant_handle_t handle);

/* copy.c */
void shim_copy_grants(struct gnttab_copy *ops, unsigned int count);

/* evtchn.c */
struct shim_channel;

int shim_evtchn_add(struct shim_domain *dom, const struct xen_shim_evtchn *arg);
int shim_evtchn_del(struct shim_domain *dom, u32 port);
void shim_evtchn_del_all(struct shim_domain *dom);
int shim_evtchn_bind(domid_t domid, evtchn_port_t remote,
		     evtchn_port_t *local);
void shim_evtchn_close(evtchn_port_t local);
void shim_evtchn_send(evtchn_port_t local);
struct shim_channel *shim_channel_create(int kick_fd, int call_fd);
int shim_channel_attach(struct shim_channel *c, evtchn_port_t *local);
void shim_channel_detach(struct shim_channel *c);
void shim_channel_put(struct shim_channel *c);

/* store.c */
extern const struct file_operations shim_store_fops;

int shim_store_init(void);
void shim_store_exit(void);

/* debugfs.c */
extern atomic_long_t shim_pinned;
extern struct list_head shim_domains;
extern struct mutex shim_domains_lock;

s64 shim_mapped(void);
void shim_debugfs_init(void);
void shim_debugfs_exit(void);

/* bench.c */
#ifdef CONFIG_XEN_SHIM_BENCH
void shim_bench_init(struct dentry *parent);
#else
static inline void shim_bench_init(struct dentry *parent)
{
}
#endif

#endif /* _DRIVERS_XEN_SHIM_H */

// SPDX-License-Identifier: GPL-2.0
/*
 * Tests of grant look-up and of handles: a domain of a few pages of this kernel
 *
 * What needs a process, such as pinning, and what needs a backend, is tested
 * by tools/testing/selftests/xen_shim.
 */
#include <kunit/test.h>
#include <linux/bitmap.h>
#include <linux/mm.h>

#include <xen/grant_table.h>
#include <xen/shim.h>

#include "gref.h"

#define TEST_DOMID	0x7ab
#define TEST_GFN	0x100	/* frames 0x100 .. 0x107, the last is read-only */
#define TEST_PAGES	8
#define TEST_RO_GFN	(TEST_GFN + TEST_PAGES - 1)
#define TEST_TABLE_GFN	TEST_GFN	/* the first holds the grant table */

struct shim_fixture {
	struct shim_domain *dom;
	struct shim_region regions[2];
	struct page *pages[TEST_PAGES];
	unsigned long dirty[2];
	struct grant_entry_v1 *table;
	bool killed;
};

static void set_grant(struct shim_fixture *f, grant_ref_t ref, u32 gfn,
		      u16 flags)
{
	f->table[ref].domid = 0;
	f->table[ref].frame = gfn;
	f->table[ref].flags = flags;
}

static s16 get_grant(struct shim_domain *dom, grant_ref_t ref, bool write,
		     struct page **page)
{
	const struct shim_region *region = &shim_no_region;

	return shim_gref_get(dom, ref, write, &region, page);
}

static int set_domid(struct shim_domain *dom)
{
	guard(mutex)(&dom->lock);

	return shim_domain_set_domid(dom, TEST_DOMID);
}

static int shim_test_init(struct kunit *test)
{
	struct shim_fixture *f = kunit_kzalloc(test, sizeof(*f), GFP_KERNEL);
	u64 frame = (u64)TEST_TABLE_GFN << PAGE_SHIFT;
	unsigned int i;
	int err;

	KUNIT_ASSERT_NOT_NULL(test, f);
	test->priv = f;
	for (i = 0; i < TEST_PAGES; i++) {
		f->pages[i] = alloc_page(GFP_KERNEL | __GFP_ZERO);
		KUNIT_ASSERT_NOT_NULL(test, f->pages[i]);
	}

	f->dom = shim_domain_create();
	KUNIT_ASSERT_NOT_NULL(test, f->dom);
	f->regions[0] = (struct shim_region) {
		.gfn = TEST_GFN,
		.nr_pages = TEST_PAGES - 1,
		.pages = f->pages,
		.dirty = &f->dirty[0],
	};
	f->regions[1] = (struct shim_region) {
		.gfn = TEST_RO_GFN,
		.nr_pages = 1,
		.readonly = true,
		.pages = f->pages + TEST_PAGES - 1,
		.dirty = &f->dirty[1],
	};
	f->dom->regions = f->regions;
	f->dom->nr_regions = 2;
	f->table = page_address(f->pages[0]);

	mutex_lock(&f->dom->lock);
	err = shim_domain_set_domid(f->dom, TEST_DOMID);
	if (!err)
		err = shim_gnttab_set(f->dom, &frame, 1);
	mutex_unlock(&f->dom->lock);
	KUNIT_ASSERT_EQ(test, err, 0);

	return 0;
}

static void kill_domain(struct shim_fixture *f)
{
	f->killed = true;
	shim_domain_kill(f->dom);
}

static void shim_test_exit(struct kunit *test)
{
	struct shim_fixture *f = test->priv;
	unsigned int i;

	if (!f)
		return;

	if (f->dom) {
		KUNIT_EXPECT_EQ(test, shim_mapped(), 0);
		/* Nothing was pinned; and nobody looks at it any more. */
		f->dom->nr_regions = 0;
		f->dom->regions = NULL;
		if (!f->killed)
			kill_domain(f);
	}
	for (i = 0; i < TEST_PAGES; i++)
		if (f->pages[i])
			__free_page(f->pages[i]);
}

static void shim_test_memory(struct kunit *test)
{
	struct shim_fixture *f = test->priv;
	struct shim_domain *dom = f->dom;

	KUNIT_EXPECT_NULL(test, shim_memory_page(dom, TEST_GFN - 1, false));
	KUNIT_EXPECT_PTR_EQ(test, shim_memory_page(dom, TEST_GFN, true),
			    f->pages[0]);
	KUNIT_EXPECT_PTR_EQ(test, shim_memory_page(dom, TEST_RO_GFN - 1, true),
			    f->pages[TEST_PAGES - 2]);
	KUNIT_EXPECT_PTR_EQ(test, shim_memory_page(dom, TEST_RO_GFN, false),
			    f->pages[TEST_PAGES - 1]);
	KUNIT_EXPECT_NULL(test, shim_memory_page(dom, TEST_RO_GFN, true));
	KUNIT_EXPECT_NULL(test, shim_memory_page(dom, TEST_RO_GFN + 1, false));
	KUNIT_EXPECT_NULL(test, shim_memory_page(dom, U64_MAX, false));
}

static void shim_test_grant(struct kunit *test)
{
	struct shim_fixture *f = test->priv;
	struct grant_entry_v1 *e = &f->table[9];
	struct shim_domain *dom = f->dom;
	struct page *page;

	/* A reference that is cut to the table is not this one. */
	set_grant(f, 0, TEST_GFN + 1, GTF_permit_access);
	KUNIT_EXPECT_EQ(test, get_grant(dom, 9, false, &page),
			GNTST_bad_gntref);
	KUNIT_EXPECT_EQ(test, get_grant(dom, SHIM_GREFS_PER_FRAME, false,
					&page), GNTST_bad_gntref);
	KUNIT_EXPECT_EQ(test, get_grant(dom, U32_MAX, false, &page),
			GNTST_bad_gntref);

	set_grant(f, 9, TEST_GFN + 2, GTF_permit_access | GTF_readonly);
	KUNIT_EXPECT_EQ(test, get_grant(dom, 9, true, &page),
			GNTST_permission_denied);
	KUNIT_EXPECT_EQ(test, e->flags, GTF_permit_access | GTF_readonly);
	KUNIT_ASSERT_EQ(test, get_grant(dom, 9, false, &page), GNTST_okay);
	KUNIT_EXPECT_PTR_EQ(test, page, f->pages[2]);
	KUNIT_EXPECT_EQ(test, e->flags,
			GTF_permit_access | GTF_readonly | GTF_reading);
	shim_gref_put(dom, 9, false);
	KUNIT_EXPECT_EQ(test, e->flags, GTF_permit_access | GTF_readonly);

	/* Granted to another domain, and of another type. */
	e->domid = 1;
	KUNIT_EXPECT_EQ(test, get_grant(dom, 9, false, &page),
			GNTST_bad_gntref);
	set_grant(f, 9, TEST_GFN + 2, GTF_accept_transfer);
	KUNIT_EXPECT_EQ(test, get_grant(dom, 9, false, &page),
			GNTST_bad_gntref);

	/* A frame that the guest does not have, and one it may not write. */
	set_grant(f, 9, TEST_RO_GFN + 1, GTF_permit_access);
	KUNIT_EXPECT_EQ(test, get_grant(dom, 9, false, &page),
			GNTST_bad_page);
	KUNIT_EXPECT_EQ(test, e->flags, GTF_permit_access);
	set_grant(f, 9, TEST_RO_GFN, GTF_permit_access);
	KUNIT_EXPECT_EQ(test, get_grant(dom, 9, true, &page),
			GNTST_bad_page);
	KUNIT_EXPECT_EQ(test, e->flags, GTF_permit_access);
}

static void shim_test_many_users(struct kunit *test)
{
	struct shim_fixture *f = test->priv;
	struct grant_entry_v1 *e = &f->table[3];
	struct shim_domain *dom = f->dom;
	struct shim_active *active = &dom->frames[0].active[3];
	struct page *page;

	set_grant(f, 3, TEST_GFN + 1, GTF_permit_access);
	KUNIT_ASSERT_EQ(test, get_grant(dom, 3, false, &page), GNTST_okay);
	KUNIT_ASSERT_EQ(test, get_grant(dom, 3, true, &page), GNTST_okay);
	KUNIT_ASSERT_EQ(test, get_grant(dom, 3, true, &page), GNTST_okay);
	KUNIT_EXPECT_EQ(test, e->flags,
			GTF_permit_access | GTF_reading | GTF_writing);

	/* The guest may not exchange the page while it is used. */
	e->frame = TEST_GFN + 2;
	KUNIT_EXPECT_EQ(test, get_grant(dom, 3, true, &page),
			GNTST_general_error);
	e->frame = TEST_GFN + 1;

	/* There are as many users as can be counted, of one kind. */
	active->users += SHIM_WRITER * (SHIM_MAX_USERS - 2);
	KUNIT_EXPECT_EQ(test, get_grant(dom, 3, true, &page),
			GNTST_no_space);
	KUNIT_EXPECT_EQ(test, get_grant(dom, 3, false, &page), GNTST_okay);
	shim_gref_put(dom, 3, false);
	active->users -= SHIM_WRITER * (SHIM_MAX_USERS - 2);

	shim_gref_put(dom, 3, true);
	KUNIT_EXPECT_EQ(test, e->flags,
			GTF_permit_access | GTF_reading | GTF_writing);
	shim_gref_put(dom, 3, true);
	KUNIT_EXPECT_EQ(test, e->flags, GTF_permit_access | GTF_reading);
	shim_gref_put(dom, 3, false);
	KUNIT_EXPECT_EQ(test, e->flags, GTF_permit_access);
}

static void shim_test_map(struct kunit *test)
{
	struct gnttab_map_grant_ref map[8] = {
		{ .dom = TEST_DOMID, .ref = 1 },
		{ .dom = TEST_DOMID, .ref = 2 },	/* not granted */
		{ .dom = TEST_DOMID, .ref = 1, .flags = GNTMAP_host_map },
		{ .dom = TEST_DOMID + 1, .ref = 1 },	/* no such domain */
		{ .dom = TEST_DOMID, .ref = 1, .flags = GNTMAP_readonly },
		{ .dom = TEST_DOMID, .ref = 3 },
		{ .dom = TEST_DOMID, .ref = 4, .flags = GNTMAP_readonly },
		{ .dom = TEST_DOMID, .ref = 4 },	/* not to be written */
	};
	struct gnttab_unmap_grant_ref unmap[4] = { };
	struct shim_fixture *f = test->priv;
	struct page *pages[8] = { };
	const struct gnttab_page_changed page_cb = {
		.cb = xen_shim_page_to_array,
		.ctx = pages,
	};

	set_grant(f, 1, TEST_GFN + 4, GTF_permit_access);
	set_grant(f, 3, TEST_GFN + 5, GTF_permit_access);
	set_grant(f, 4, TEST_RO_GFN, GTF_permit_access);
	shim_map_grants(map, 8, &page_cb);
	KUNIT_EXPECT_EQ(test, map[0].status, GNTST_okay);
	KUNIT_EXPECT_EQ(test, map[1].status, GNTST_bad_gntref);
	KUNIT_EXPECT_EQ(test, map[2].status, GNTST_general_error);
	KUNIT_EXPECT_EQ(test, map[3].status, GNTST_bad_domain);
	KUNIT_EXPECT_EQ(test, map[4].status, GNTST_okay);
	KUNIT_EXPECT_EQ(test, map[5].status, GNTST_okay);
	KUNIT_EXPECT_EQ(test, map[6].status, GNTST_okay);
	KUNIT_EXPECT_EQ(test, map[7].status, GNTST_bad_page);
	KUNIT_EXPECT_PTR_EQ(test, pages[0], f->pages[4]);
	KUNIT_EXPECT_NULL(test, pages[1]);
	KUNIT_EXPECT_NULL(test, pages[2]);
	KUNIT_EXPECT_NULL(test, pages[3]);
	KUNIT_EXPECT_PTR_EQ(test, pages[4], f->pages[4]);
	KUNIT_EXPECT_PTR_EQ(test, pages[5], f->pages[5]);
	KUNIT_EXPECT_PTR_EQ(test, pages[6], f->pages[TEST_PAGES - 1]);
	KUNIT_EXPECT_NULL(test, pages[7]);
	KUNIT_EXPECT_NE(test, map[0].handle, map[4].handle);
	KUNIT_EXPECT_NE(test, map[4].handle, map[5].handle);
	KUNIT_EXPECT_EQ(test, shim_mapped(), 4);
	KUNIT_EXPECT_EQ(test, refcount_read(&f->dom->refs), 5);

	unmap[0].handle = map[0].handle;
	unmap[1].handle = map[4].handle;
	unmap[2].handle = map[5].handle;
	unmap[3].handle = map[6].handle;
	shim_unmap_grants(unmap, 4);
	KUNIT_EXPECT_EQ(test, unmap[0].status, GNTST_okay);
	KUNIT_EXPECT_EQ(test, unmap[1].status, GNTST_okay);
	KUNIT_EXPECT_EQ(test, unmap[2].status, GNTST_okay);
	KUNIT_EXPECT_EQ(test, unmap[3].status, GNTST_okay);
	KUNIT_EXPECT_EQ(test, f->table[1].flags, GTF_permit_access);
	KUNIT_EXPECT_EQ(test, f->table[4].flags, GTF_permit_access);
	KUNIT_EXPECT_EQ(test, refcount_read(&f->dom->refs), 1);

	/* Who does not say where to note pages cannot use any. */
	shim_map_grants(map, 1, NULL);
	KUNIT_EXPECT_EQ(test, map[0].status, GNTST_general_error);
}

static void shim_test_death(struct kunit *test)
{
	struct shim_fixture *f = test->priv;
	grant_handle_t handle, other;
	struct shim_domain *next;
	struct page *page;

	next = shim_domain_create();
	KUNIT_ASSERT_NOT_NULL(test, next);
	set_grant(f, 1, TEST_GFN + 4, GTF_permit_access);
	page = shim_translate_gref(TEST_DOMID, 1, true, &handle);
	KUNIT_ASSERT_PTR_EQ(test, page, f->pages[4]);

	kill_domain(f);
	page = shim_translate_gref(TEST_DOMID, 1, true, &other);
	KUNIT_EXPECT_EQ(test, PTR_ERR(page), -ESRCH);
	KUNIT_EXPECT_EQ(test, refcount_read(&f->dom->refs), 1);
	/* Whoever mapped it might ask for more, by the ID. */
	KUNIT_EXPECT_EQ(test, set_domid(next), -EBUSY);

	/* As in shim_test_exit(), before the last reference is dropped. */
	f->dom->nr_regions = 0;
	f->dom->regions = NULL;
	shim_put_gref(handle);
	f->dom = NULL;
	KUNIT_EXPECT_EQ(test, f->table[1].flags, GTF_permit_access);
	KUNIT_EXPECT_EQ(test, shim_mapped(), 0);

	KUNIT_EXPECT_EQ(test, set_domid(next), 0);
	shim_domain_kill(next);
}

static void shim_test_copy(struct kunit *test)
{
	struct shim_fixture *f = test->priv;
	struct page *local = alloc_page(GFP_KERNEL | __GFP_ZERO);
	struct gnttab_copy op = {
		.source = { .u.ref = 1, .domid = TEST_DOMID, .offset = 4000 },
		.dest = { .domid = DOMID_SELF },
		.len = 96,
		.flags = GNTCOPY_source_gref,
	};
	struct gnttab_copy back = op;

	KUNIT_ASSERT_NOT_NULL(test, local);
	op.dest.u.gmfn = page_to_pfn(local);
	set_grant(f, 1, TEST_GFN + 4, GTF_permit_access | GTF_readonly);
	memset(page_address(f->pages[4]) + 4000, 0x5a, 96);

	shim_copy_grants(&op, 1);
	KUNIT_EXPECT_EQ(test, op.status, GNTST_okay);
	KUNIT_EXPECT_NULL(test, memchr_inv(page_address(local), 0x5a, 96));
	KUNIT_EXPECT_EQ(test, *(u8 *)(page_address(local) + 96), 0);
	KUNIT_EXPECT_EQ(test, f->table[1].flags,
			GTF_permit_access | GTF_readonly);

	op.len = 97;
	shim_copy_grants(&op, 1);
	KUNIT_EXPECT_EQ(test, op.status, GNTST_bad_copy_arg);

	/* Back to the guest: a page that it may, and may not write. */
	back.source.u.gmfn = page_to_pfn(local);
	back.source.domid = DOMID_SELF;
	back.source.offset = 0;
	back.dest.u.ref = 1;
	back.dest.domid = TEST_DOMID;
	back.dest.offset = 0;
	back.flags = GNTCOPY_dest_gref;
	shim_copy_grants(&back, 1);
	KUNIT_EXPECT_EQ(test, back.status, GNTST_permission_denied);
	set_grant(f, 1, TEST_GFN + 5, GTF_permit_access);
	shim_copy_grants(&back, 1);
	KUNIT_EXPECT_EQ(test, back.status, GNTST_okay);
	KUNIT_EXPECT_NULL(test, memchr_inv(page_address(f->pages[5]), 0x5a,
					   96));

	/* A frame of this kernel is not a guest's to name. */
	back.source.domid = TEST_DOMID;
	shim_copy_grants(&back, 1);
	KUNIT_EXPECT_EQ(test, back.status, GNTST_permission_denied);

	__free_page(local);
}

static void shim_test_dirty(struct kunit *test)
{
	struct shim_fixture *f = test->priv;
	struct shim_domain *dom = f->dom;
	struct page *page;

	set_grant(f, 1, TEST_GFN + 4, GTF_permit_access);
	set_grant(f, 2, TEST_GFN + 5, GTF_permit_access);

	/* Nothing is noted before it is asked for. */
	KUNIT_ASSERT_EQ(test, get_grant(dom, 1, true, &page), GNTST_okay);
	shim_gref_put(dom, 1, true);
	KUNIT_EXPECT_EQ(test, f->dirty[0], 0);

	mutex_lock(&dom->lock);
	KUNIT_EXPECT_EQ(test, shim_dirty_enable(dom, true), 0);
	mutex_unlock(&dom->lock);

	KUNIT_ASSERT_EQ(test, get_grant(dom, 1, true, &page), GNTST_okay);
	KUNIT_ASSERT_EQ(test, get_grant(dom, 2, false, &page), GNTST_okay);
	KUNIT_EXPECT_EQ(test, f->dirty[0], 0);
	shim_gref_put(dom, 2, false);
	KUNIT_EXPECT_EQ(test, f->dirty[0], 0);

	/* What is mapped writable may be written at any time. */
	mutex_lock(&dom->lock);
	shim_gnttab_dirty(dom);
	mutex_unlock(&dom->lock);
	KUNIT_EXPECT_EQ(test, f->dirty[0], BIT(0) | BIT(4));

	f->dirty[0] = 0;
	shim_gref_put(dom, 1, true);
	KUNIT_EXPECT_EQ(test, f->dirty[0], BIT(4));
	KUNIT_EXPECT_EQ(test, f->dirty[1], 0);
}

/* Many mappings of few grants: each is counted, and undone on its own. */
static void shim_test_handles(struct kunit *test)
{
	const unsigned int nr = 100;	/* more than are mapped at a time */
	struct gnttab_map_grant_ref *map;
	struct gnttab_unmap_grant_ref *unmap;
	struct shim_fixture *f = test->priv;
	struct gnttab_page_changed page_cb = { .cb = xen_shim_page_to_array };
	struct page **pages;
	unsigned int i;

	map = kunit_kcalloc(test, nr, sizeof(*map), GFP_KERNEL);
	unmap = kunit_kcalloc(test, nr, sizeof(*unmap), GFP_KERNEL);
	pages = kunit_kcalloc(test, nr, sizeof(*pages), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, map);
	KUNIT_ASSERT_NOT_NULL(test, unmap);
	KUNIT_ASSERT_NOT_NULL(test, pages);

	/* Two grants that share a lock, and two far away, read and written. */
	set_grant(f, 1, TEST_GFN + 1, GTF_permit_access);
	set_grant(f, 2, TEST_GFN + 2, GTF_permit_access);
	set_grant(f, 60, TEST_GFN + 3, GTF_permit_access);
	set_grant(f, 511, TEST_RO_GFN, GTF_permit_access | GTF_readonly);
	for (i = 0; i < nr; i++) {
		static const grant_ref_t ref[] = { 1, 2, 60, 511 };

		map[i].dom = TEST_DOMID;
		map[i].ref = ref[i % 4];
		map[i].flags = i % 3 && i % 4 != 3 ? 0 : GNTMAP_readonly;
	}
	page_cb.ctx = pages;
	shim_map_grants(map, nr, &page_cb);
	for (i = 0; i < nr; i++) {
		static const unsigned int page[] = { 1, 2, 3, TEST_PAGES - 1 };

		KUNIT_ASSERT_EQ(test, map[i].status, GNTST_okay);
		KUNIT_EXPECT_PTR_EQ(test, pages[i], f->pages[page[i % 4]]);
		KUNIT_EXPECT_NE(test, map[i].handle, ~0U);
		unmap[i].handle = map[nr - 1 - i].handle;
	}
	KUNIT_EXPECT_EQ(test, shim_mapped(), nr);
	KUNIT_EXPECT_EQ(test, refcount_read(&f->dom->refs), nr + 1);

	/* The last one of each grant is what clears its flags. */
	shim_unmap_grants(unmap, nr - 4);
	KUNIT_EXPECT_EQ(test, shim_mapped(), 4);
	KUNIT_EXPECT_EQ(test, f->table[1].flags,
			GTF_permit_access | GTF_reading);
	KUNIT_EXPECT_EQ(test, f->table[2].flags,
			GTF_permit_access | GTF_reading | GTF_writing);
	KUNIT_EXPECT_EQ(test, f->table[60].flags,
			GTF_permit_access | GTF_reading | GTF_writing);
	KUNIT_EXPECT_EQ(test, f->table[511].flags,
			GTF_permit_access | GTF_readonly | GTF_reading);
	shim_unmap_grants(unmap + nr - 4, 4);
	KUNIT_EXPECT_EQ(test, f->table[1].flags, GTF_permit_access);
	KUNIT_EXPECT_EQ(test, f->table[2].flags, GTF_permit_access);
	KUNIT_EXPECT_EQ(test, f->table[60].flags, GTF_permit_access);
	KUNIT_EXPECT_EQ(test, f->table[511].flags,
			GTF_permit_access | GTF_readonly);
	KUNIT_EXPECT_EQ(test, refcount_read(&f->dom->refs), 1);
}

/* What a backend gives back once too often, or never had. */
static void shim_test_bad_handles(struct kunit *test)
{
	struct gnttab_map_grant_ref map[2] = {
		{ .dom = TEST_DOMID, .ref = 1, .flags = GNTMAP_readonly },
		{ .dom = TEST_DOMID, .ref = 1 },
	};
	struct gnttab_unmap_grant_ref unmap[6] = { };
	struct shim_fixture *f = test->priv;
	struct page *pages[2];
	const struct gnttab_page_changed page_cb = {
		.cb = xen_shim_page_to_array,
		.ctx = pages,
	};

	set_grant(f, 1, TEST_GFN + 1, GTF_permit_access);
	shim_map_grants(map, 2, &page_cb);
	KUNIT_ASSERT_EQ(test, map[0].status, GNTST_okay);
	KUNIT_ASSERT_EQ(test, map[1].status, GNTST_okay);

	unmap[0].handle = map[0].handle;
	unmap[1].handle = map[0].handle;	/* again */
	unmap[2].handle = map[1].handle ^ 6;	/* of another grant */
	unmap[3].handle = map[1].handle ^ BIT(15); /* beyond the table */
	unmap[4].handle = map[1].handle ^ BIT(21); /* of another domain */
	unmap[5].handle = ~0;
	kunit_warning_suppress(test) {
		shim_unmap_grants(unmap, 6);
		KUNIT_EXPECT_SUPPRESSED_WARNING_COUNT(test, 3);
	}
	KUNIT_EXPECT_EQ(test, unmap[0].status, GNTST_okay);
	KUNIT_EXPECT_EQ(test, unmap[1].status, GNTST_bad_handle);
	KUNIT_EXPECT_EQ(test, unmap[2].status, GNTST_bad_handle);
	KUNIT_EXPECT_EQ(test, unmap[3].status, GNTST_bad_handle);
	KUNIT_EXPECT_EQ(test, unmap[4].status, GNTST_bad_handle);
	KUNIT_EXPECT_EQ(test, unmap[5].status, GNTST_bad_handle);

	/* The writer was not touched by any of that. */
	KUNIT_EXPECT_EQ(test, shim_mapped(), 1);
	KUNIT_EXPECT_EQ(test, refcount_read(&f->dom->refs), 2);
	KUNIT_EXPECT_EQ(test, f->table[1].flags,
			GTF_permit_access | GTF_reading | GTF_writing);
	shim_put_gref(map[1].handle);
	KUNIT_EXPECT_EQ(test, f->table[1].flags, GTF_permit_access);
	KUNIT_EXPECT_EQ(test, refcount_read(&f->dom->refs), 1);
}

static struct kunit_case shim_test_cases[] = {
	KUNIT_CASE(shim_test_memory),
	KUNIT_CASE(shim_test_grant),
	KUNIT_CASE(shim_test_many_users),
	KUNIT_CASE(shim_test_map),
	KUNIT_CASE(shim_test_death),
	KUNIT_CASE(shim_test_copy),
	KUNIT_CASE(shim_test_dirty),
	KUNIT_CASE(shim_test_handles),
	KUNIT_CASE(shim_test_bad_handles),
	{ }
};

static struct kunit_suite shim_test_suite = {
	.name = "xen_shim",
	.init = shim_test_init,
	.exit = shim_test_exit,
	.test_cases = shim_test_cases,
};

kunit_test_suite(shim_test_suite);

/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The toy domain: guest memory, a grant table and event channels
 *
 * Guest memory is a memfd. Its pages are numbered from 0; guest physical
 * addresses have a hole in the middle of them, so that they are not the same.
 * A page is in use from page_get() to page_put(). Functions return 0 or
 * -errno.
 */
#ifndef XEN_SHIM_TEST_DOMAIN_H
#define XEN_SHIM_TEST_DOMAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "abi.h"
#include "kselftest.h"	/* __printf */

#define DOM_GRANT_FRAMES	16
#define DOM_GRANTS		(DOM_GRANT_FRAMES * GRANTS_PER_FRAME)
#define DOM_FIRST_GREF		8	/* those before are reserved */
#define DOM_HIGH_GPA		0x100000000ULL	/* second half of the memory */

struct domain {
	int fd;			/* /dev/xen-shim */
	int memfd;
	uint16_t domid;
	uint8_t *ram;
	size_t pages;
	struct grant_v1 *grants;	/* the first pages of @ram */
	uint32_t *free_page, free_pages;
	uint32_t *free_gref, free_grefs;
	uint32_t next_port;
};

/* A guest's end of an event channel. */
struct port {
	uint32_t port;
	int kick_fd;		/* to the backend */
	int call_fd;		/* from it */
};

/* Memory and grant table without the kernel: for dom_attach(). */
int dom_alloc(struct domain *d, uint16_t domid, size_t pages);

/* The same as a domain of the kernel. */
int dom_create(struct domain *d, uint16_t domid, size_t pages);
int dom_set_domid(struct domain *d);
int dom_set_memory(struct domain *d);
int dom_set_gnttab(struct domain *d, uint32_t frames);
void dom_destroy(struct domain *d);

/* Page number to guest frame number. */
uint32_t dom_gfn(const struct domain *d, uint32_t page);

uint8_t *dom_page(const struct domain *d, uint32_t page);

#define NO_PAGE		UINT32_MAX
uint32_t page_get(struct domain *d);
void page_put(struct domain *d, uint32_t page);

/* Grant the backend access. Return: the gref, 0 if there is none left. */
uint32_t gref_get(struct domain *d, uint32_t page, bool readonly);

/* The backend has the page mapped, or copies from or to it. */
bool gref_busy(const struct domain *d, uint32_t gref);

/* Take it back. Return: 0; -EBUSY: it is mapped, and not changed. */
int gref_put(struct domain *d, uint32_t gref);

int port_open(struct domain *d, struct port *p);
int port_close(struct domain *d, struct port *p);
int port_kick(const struct port *p);

/* Wait for the backend. Return: 0, -ETIMEDOUT. */
int port_wait(const struct port *p, int timeout_ms);

/* --- what the shim says of itself: debugfs ----------------------------------- */

struct shim_stats {
	long domains;		/* of shim_totals() */
	long pinned;		/* pages */
	long mappings;		/* live */
	long maps, copies, refused;
};

/* Of one domain. Return: 0; -ENOENT: there is none, or no debugfs. */
int shim_stats(uint16_t domid, struct shim_stats *s);

/* Of all, the dying ones, too. */
int shim_totals(struct shim_stats *s);

/* Wait until there is no domain, and no page pinned or mapped. Return: 0, -ETIMEDOUT. */
int shim_wait_idle(int timeout_ms, struct shim_stats *left);

/* Why what was asked for last failed, in words. */
extern char why[512];
__printf(1, 2) void set_why(const char *format, ...);

#endif /* XEN_SHIM_TEST_DOMAIN_H */

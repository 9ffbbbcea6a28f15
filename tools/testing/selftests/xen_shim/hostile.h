/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A guest that does what it should not
 *
 * Everything follows from the seed, but for what the other processors do at
 * the same time. Pages are filled with a pattern; canaries must keep theirs.
 */
#ifndef XEN_SHIM_TEST_HOSTILE_H
#define XEN_SHIM_TEST_HOSTILE_H

#include "blk.h"
#include "net.h"
#include "scsi.h"

#define HOSTILE_GREFS	64	/* that the generator plays with */
#define CANARY_PAGES	64

struct hostile {
	struct domain *d;
	uint64_t *seed;
	bool wild;		/* anything, such as its own rings as a buffer */
	uint32_t gref[HOSTILE_GREFS];
	uint32_t page[HOSTILE_GREFS];
};

int hostile_init(struct hostile *h, struct domain *d, uint64_t *seed);

/* A number that is right, at an edge, or anything. */
uint32_t hostile_number(struct hostile *h, uint32_t right, uint32_t edge);

/* A gref that is good, or not. */
uint32_t hostile_gref(struct hostile *h);

/* Change an entry of the grant table that may be in use at this moment. */
void hostile_change(struct hostile *h);

/* Write one request to the ring, without a look at what it should be. */
void hostile_blk(struct hostile *h, struct blk *b);
void hostile_net_tx(struct hostile *h, struct net *n);
void hostile_net_rx(struct hostile *h, struct net *n);
void hostile_net_ctrl(struct hostile *h, struct net *n);
void hostile_scsi(struct hostile *h, struct scsi *s, uint32_t sectors);

/* Change requests that are in the ring already. */
void hostile_rewrite(struct hostile *h, struct ring *r);

/*
 * Pages that nobody may touch. Each word of them begins with a number that is
 * nowhere else, so that copies of them are found.
 */
void canary_fill(uint8_t *pages, uint64_t seed);

/* Return: 0, or -1 with the place in why. */
int canary_check(const uint8_t *pages, uint64_t seed, const char *whose);
int canary_leaked(const uint8_t *data, size_t length, const char *where);

#endif /* XEN_SHIM_TEST_HOSTILE_H */

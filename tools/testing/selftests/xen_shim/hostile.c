// SPDX-License-Identifier: GPL-2.0
/*
 * The generator of a hostile guest's requests (hostile.h)
 */
#include <string.h>

#include "clock.h"
#include "hostile.h"

static uint32_t any(struct hostile *h)
{
	return next_random(h->seed) >> 32;
}

/* True once in @n times. */
static bool once_in(struct hostile *h, unsigned int n)
{
	return any(h) % n == 0;
}

int hostile_init(struct hostile *h, struct domain *d, uint64_t *seed)
{
	h->d = d;
	h->seed = seed;
	for (int i = 0; i < HOSTILE_GREFS; i++) {
		h->page[i] = page_get(d);
		h->gref[i] = gref_get(d, h->page[i], i % 8 == 7);
		if (h->page[i] == NO_PAGE || !h->gref[i])
			return -1;
	}
	return 0;
}

uint32_t hostile_number(struct hostile *h, uint32_t right, uint32_t edge)
{
	switch (any(h) % 8) {
	case 0:
		return edge;
	case 1:
		return edge + 1;
	case 2:
		return edge - 1;
	case 3:
		return 0;
	case 4:
		return ~0U >> any(h) % 32;
	case 5:
		return any(h);
	default:
		return right;
	}
}

/* Only who is wild has its own rings overwritten, which are granted, too. */
uint32_t hostile_gref(struct hostile *h)
{
	uint32_t gref;

	if (!once_in(h, 4))
		return h->gref[any(h) % HOSTILE_GREFS];
	gref = hostile_number(h, DOM_FIRST_GREF, DOM_GRANTS);
	if (h->wild || gref < DOM_FIRST_GREF || gref >= DOM_GRANTS)
		return gref;
	return DOM_GRANTS - 1 - gref % 16;	/* granted to nobody */
}

/*
 * Domain 0 is who may have it; frames are the guest's own, a hole, or far out.
 * Half of the changes put an entry right again, so that work goes on.
 */
void hostile_change(struct hostile *h)
{
	unsigned int i = any(h) % HOSTILE_GREFS;
	struct grant_v1 *g = &h->d->grants[h->gref[i]];

	switch (any(h) % 8) {
	case 0:
		g->flags = any(h);
		break;
	case 1:
		g->domid = any(h);
		break;
	case 2:
		/* What is there is in two parts; between them, a hole. */
		g->frame = hostile_number(h, dom_gfn(h->d, h->page[i]),
					  h->d->pages / 2);
		if (!h->wild && g->frame < h->d->pages / 2)
			g->frame += h->d->pages / 2;
		break;
	case 3:
		/* Another page of its own, for it may do with them what it wants. */
		g->frame = dom_gfn(h->d, h->wild ? any(h) % h->d->pages :
				   h->page[any(h) % HOSTILE_GREFS]);
		break;
	default:
		g->domid = BACKEND_DOMID;
		g->frame = dom_gfn(h->d, h->page[i]);
		g->flags = GTF_PERMIT_ACCESS;
	}
}

/* --- blkif ------------------------------------------------------------------- */

/* One bad segment fails a request: @good ones are needed for any I/O at all. */
static void wild_segment(struct hostile *h, struct blk_segment *s, bool good)
{
	if (good) {
		*s = (struct blk_segment) { h->gref[any(h) % HOSTILE_GREFS], 0, 7, 0 };
		return;
	}
	s->gref = hostile_gref(h);
	s->first = once_in(h, 3) ? hostile_number(h, 0, PAGE_SECTORS) : 0;
	s->last = once_in(h, 3) ? hostile_number(h, 7, PAGE_SECTORS) : 7;
}

void hostile_blk(struct hostile *h, struct blk *b)
{
	struct blk_request *r = ring_next(&b->ring);
	unsigned int i = any(h) % HOSTILE_GREFS;
	uint64_t sector = any(h) % b->sectors;
	bool good = once_in(h, 2);
	/* Not in use by who else plays with it: its content is the segments. */
	struct blk_segment *list = (void *)dom_page(h->d, h->page[i]);

	memset(r, 0, sizeof(*r));
	if (!good && once_in(h, 4))
		sector = once_in(h, 2) ? next_random(h->seed) : b->sectors - 1;
	switch (any(h) % 8) {
	case 0:
		r->op = BLK_DISCARD;
		r->discard.flag = any(h);
		r->discard.sector = sector;
		r->discard.sectors = hostile_number(h, 8, b->sectors);
		break;
	case 1:
	case 2:
		r->op = BLK_INDIRECT;
		r->indirect.op = good ? any(h) % 2 :
				 hostile_number(h, BLK_READ, BLK_INDIRECT);
		r->indirect.segments = good ? 1 + any(h) % 64 :
				       hostile_number(h, 4, BLK_INDIRECT_SEGMENTS);
		r->indirect.sector = sector;
		r->indirect.gref[0] = h->gref[i];
		for (int j = 1; j < BLK_INDIRECT_FRAMES; j++)
			r->indirect.gref[j] = hostile_gref(h);
		for (unsigned int j = 0; j < SEGMENTS_PER_FRAME; j++)
			wild_segment(h, list + j, good);
		break;
	case 3:
		for (unsigned int j = 0; j < sizeof(*r); j++)
			((uint8_t *)r)[j] = any(h);
		break;
	default:
		r->op = good ? any(h) % 2 : hostile_number(h, any(h) % 2, BLK_FLUSH);
		r->rw.segments = good ? 1 + any(h) % BLK_SEGMENTS :
				 hostile_number(h, 3, BLK_SEGMENTS);
		r->rw.sector = sector;
		r->rw.handle = any(h);
		for (int j = 0; j < BLK_SEGMENTS; j++) {
			struct blk_segment s = { };

			wild_segment(h, &s, good);
			r->rw.seg[j] = s;
		}
	}
	r->rw.id = b->next_id++;
}

/* --- netif --------------------------------------------------------------------- */

static void wild_extra(struct hostile *h, struct net_extra *e)
{
	memset(e, 0, sizeof(*e));
	e->type = hostile_number(h, NET_EXTRA_GSO, NET_EXTRA_XDP);
	e->flags = once_in(h, 4) ? any(h) : 0;
	e->gso.size = hostile_number(h, 1400, 1);
	e->gso.type = once_in(h, 4) ? any(h) : NET_GSO_TCPV4;
}

/*
 * netback gives up on a device for some of these, and says so; then the caller
 * connects it anew. So most packets are of a kind that it merely refuses.
 */
void hostile_net_tx(struct hostile *h, struct net *n)
{
	unsigned int slots = once_in(h, 4) ? any(h) % 6 : 0, size = 0;
	bool fatal = h->wild && once_in(h, 64);

	for (unsigned int i = 0; i <= slots; i++) {
		struct net_tx_request *r = ring_next(&n->tx);

		r->gref = hostile_gref(h);
		r->id = any(h);
		r->offset = any(h) % 1024;
		size = i ? any(h) % 64 : 64 * slots + any(h) % (XPAGE - 2048);
		r->size = size;
		r->flags = any(h) & (NET_TX_CSUM_BLANK | NET_TX_DATA_VALIDATED);
		if (i < slots)
			r->flags |= NET_TX_MORE_DATA;
		if (fatal) {
			r->offset = hostile_number(h, r->offset, XPAGE);
			r->size = hostile_number(h, size, XPAGE);
			r->flags = any(h);
		}
		if (i || !once_in(h, 8))
			continue;
		r->flags |= NET_TX_EXTRA_INFO;
		if (fatal)
			wild_extra(h, ring_next(&n->tx));
		else
			*(struct net_extra *)ring_next(&n->tx) = (struct net_extra) {
				.type = NET_EXTRA_GSO,
				.gso = { .size = 1 + any(h) % 9000, .type = NET_GSO_TCPV4 },
			};
	}
}

void hostile_net_rx(struct hostile *h, struct net *n)
{
	struct net_rx_request *r = ring_next(&n->rx);

	r->id = any(h);
	r->pad = any(h);
	r->gref = hostile_gref(h);
}

void hostile_net_ctrl(struct hostile *h, struct net *n)
{
	struct net_ctrl_request *r = ring_next(&n->ctrl);

	r->id = any(h);
	r->type = hostile_number(h, 1 + any(h) % 7, NET_CTRL_SET_ALGORITHM);
	r->data[0] = once_in(h, 2) ? hostile_gref(h) : hostile_number(h, 1, 128);
	r->data[1] = hostile_number(h, 40, 128);
	r->data[2] = hostile_number(h, 0, 128);
}

/* --- vscsiif ------------------------------------------------------------------- */

/* READ and WRITE, which move data; and what else a target does something for. */
static void wild_command(struct hostile *h, struct scsi_request *r, uint32_t sectors)
{
	static const uint8_t op[] = {
		0x28, 0x2a, 0x28, 0x2a, 0x88, 0x8a, 0x12, 0x25,
		0x35, 0x03, 0xa0, 0x41, 0x42, 0x89, 0x9e, 0x1a,
	};

	for (int i = 0; i < SCSI_COMMAND; i++)
		r->command[i] = any(h);
	if (!once_in(h, 8))
		r->command[0] = op[any(h) % sizeof(op)];
	scsi_set_blocks(r->command, hostile_number(h, any(h) % sectors, sectors),
			hostile_number(h, 8, 256));
	r->command_length = hostile_number(h, 10, SCSI_COMMAND);
	r->direction = once_in(h, 8) ? any(h) : 1 + any(h) % 3;
	r->timeout = any(h);
}

static struct scsi_segment wild_scsi_segment(struct hostile *h)
{
	struct scsi_segment seg = { .gref = hostile_gref(h) };

	seg.offset = once_in(h, 3) ? hostile_number(h, 0, XPAGE) : 0;
	seg.length = once_in(h, 3) ? hostile_number(h, XPAGE, XPAGE) : XPAGE;
	return seg;
}

/* Segments in pages of their own, whose content others play with. */
static void wild_list(struct hostile *h, struct scsi_request *r)
{
	r->segments = SCSI_SG_GRANT | hostile_number(h, 1 + any(h) % 2, SCSI_SEGMENTS);
	for (int i = 0; i < SCSI_SEGMENTS; i++) {
		unsigned int page = any(h) % HOSTILE_GREFS;
		struct scsi_segment *list = (void *)dom_page(h->d, h->page[page]);
		unsigned int room = XPAGE / sizeof(*list), count = 1 + any(h) % 32;

		for (unsigned int j = 0; i < 2 && j < count; j++)
			list[j] = wild_scsi_segment(h);
		r->seg[i].gref = once_in(h, 8) ? hostile_gref(h) : h->gref[page];
		r->seg[i].offset = once_in(h, 8) ? hostile_number(h, 0, XPAGE) : 0;
		r->seg[i].length = once_in(h, 8) ?
			hostile_number(h, count, room) * sizeof(*list) + any(h) % 2 :
			count * sizeof(*list);
	}
}

/* One that works, unless somebody changes the grants. */
static void good_scsi(struct hostile *h, struct scsi_request *r, uint32_t sectors)
{
	unsigned int pages = 1 + any(h) % SCSI_SEGMENTS;
	bool write = once_in(h, 2);

	r->act = SCSI_CDB;
	r->command_length = 10;
	r->command[0] = write ? 0x2a : 0x28;
	r->direction = write ? SCSI_TO_DEVICE : SCSI_FROM_DEVICE;
	scsi_set_blocks(r->command, any(h) % (sectors - SCSI_SEGMENTS * PAGE_SECTORS),
			pages * PAGE_SECTORS);
	r->segments = pages;
	for (unsigned int i = 0; i < pages; i++)
		r->seg[i] = (struct scsi_segment) {
			h->gref[any(h) % HOSTILE_GREFS], 0, XPAGE };
}

void hostile_scsi(struct hostile *h, struct scsi *s, uint32_t sectors)
{
	struct scsi_request *r = ring_next(&s->ring);

	memset(r, 0, sizeof(*r));
	r->id = any(h);
	if (once_in(h, 2)) {
		good_scsi(h, r, sectors);
		return;
	}
	if (once_in(h, 16)) {
		for (unsigned int i = 0; i < sizeof(*r); i++)
			((uint8_t *)r)[i] = any(h);
		return;
	}
	r->act = once_in(h, 16) ? hostile_number(h, SCSI_ABORT, SCSI_RESET) : SCSI_CDB;
	r->other_id = any(h);
	wild_command(h, r, sectors);
	if (once_in(h, 8)) {
		r->channel = hostile_number(h, 0, 1);
		r->target = hostile_number(h, 0, 1);
		r->lun = hostile_number(h, 0, 1);
	}
	r->segments = once_in(h, 4) ? hostile_number(h, 3, SCSI_SEGMENTS) : any(h) % 4;
	for (int i = 0; i < SCSI_SEGMENTS; i++)
		r->seg[i] = wild_scsi_segment(h);
	if (once_in(h, 3))
		wild_list(h, r);
}

void hostile_rewrite(struct hostile *h, struct ring *r)
{
	uint8_t *entry = (uint8_t *)r->s->entries + any(h) % r->entries * r->size;

	entry[any(h) % r->size] ^= 1 << any(h) % 8;
}

/* --- canaries -------------------------------------------------------------------- */

#define CANARY		0xca9a517e57ULL		/* the upper 40 bits */

static uint64_t canary_word(uint64_t *state)
{
	return CANARY << 24 | next_random(state) >> 40;
}

void canary_fill(uint8_t *pages, uint64_t seed)
{
	uint64_t *p = (uint64_t *)pages;

	for (size_t i = 0; i < CANARY_PAGES * XPAGE / sizeof(*p); i++)
		p[i] = canary_word(&seed);
}

int canary_check(const uint8_t *pages, uint64_t seed, const char *whose)
{
	const uint64_t *p = (const uint64_t *)pages;

	for (size_t i = 0; i < CANARY_PAGES * XPAGE / sizeof(*p); i++) {
		if (p[i] == canary_word(&seed))
			continue;
		set_why("%s: word %zu of page %zu was changed", whose,
			i % (XPAGE / sizeof(*p)), i / (XPAGE / sizeof(*p)));
		return -1;
	}
	return 0;
}

int canary_leaked(const uint8_t *data, size_t length, const char *where)
{
	const uint64_t *p = (const uint64_t *)data;

	for (size_t i = 0; i < length / sizeof(*p); i++) {
		if (p[i] >> 24 != CANARY)
			continue;
		set_why("word %zu of %s is from another domain's page", i, where);
		return -1;
	}
	return 0;
}

// SPDX-License-Identifier: GPL-2.0
/*
 * A block device with a full ring (blk_load.h)
 *
 * The disk is cut into areas. What is in one follows from its number and its
 * generation, which is how often it was written. An area has one request at a
 * time, as nobody says in which order the backend does two of them.
 */
#include <string.h>

#include "blk_load.h"
#include "clock.h"

#define DEPTH		BLK_RING_ENTRIES
#define AREAS		(DEPTH * 4)
#define FIRST_SECTOR	16384

struct slot {
	uint64_t id;
	int op;
	struct blk_part parts[BLK_SEGMENTS];
	const uint32_t *pages;
	uint32_t area;
	bool used;
};

struct load {
	struct blk *b;
	struct domain *d;
	uint64_t *seed;
	bool keep;
	struct slot slots[DEPTH];
	uint32_t generation[AREAS];
};

static void area_fill(uint8_t *page, uint32_t area, uint32_t generation,
		      unsigned int i)
{
	uint64_t state = ((uint64_t)area << 32 | generation) * 977 + i + 1;
	uint64_t *p = (uint64_t *)page;

	for (size_t j = 0; j < XPAGE / sizeof(*p); j++)
		p[j] = next_random(&state);
}

static uint64_t area_sector(uint32_t area)
{
	return FIRST_SECTOR + (uint64_t)area * BLK_SEGMENTS * PAGE_SECTORS;
}

static bool area_busy(const struct load *l, uint32_t area)
{
	for (int i = 0; i < DEPTH; i++)
		if (l->slots[i].used && l->slots[i].area == area)
			return true;
	return false;
}

static void issue(struct load *l, struct slot *s, uint32_t area)
{
	uint32_t *generation = &l->generation[area];

	s->area = area;
	s->op = !*generation || next_random(l->seed) % 2 ? BLK_WRITE : BLK_READ;
	if (s->op == BLK_WRITE)
		++*generation;
	for (unsigned int i = 0; i < BLK_SEGMENTS; i++) {
		if (s->op == BLK_WRITE)
			area_fill(dom_page(l->d, s->pages[i]), area, *generation, i);
		if (!l->keep || !s->parts[i].gref)
			s->parts[i].gref = gref_get(l->d, s->pages[i], false);
		s->parts[i].first = 0;
		s->parts[i].last = PAGE_SECTORS - 1;
	}
	s->id = blk_rw(l->b, s->op, area_sector(area), s->parts, BLK_SEGMENTS);
	s->used = true;
}

static int finish(struct load *l, struct slot *s, int status)
{
	uint8_t expected[XPAGE];

	s->used = false;
	if (status) {
		set_why("request %llu failed: %d", (unsigned long long)s->id, status);
		return -1;
	}
	for (unsigned int i = 0; i < BLK_SEGMENTS; i++) {
		area_fill(expected, s->area, l->generation[s->area], i);
		if (memcmp(expected, dom_page(l->d, s->pages[i]), XPAGE)) {
			set_why("page %u of area %u is not what was written", i,
				s->area);
			return -1;
		}
		if (!l->keep && gref_put(l->d, s->parts[i].gref)) {
			set_why("gref %u is in use after the response",
				s->parts[i].gref);
			return -1;
		}
	}
	return 0;
}

static int take_response(struct load *l)
{
	struct blk_response rsp;

	if (blk_kick(l->b) || blk_wait(l->b, &rsp))
		return -1;
	for (int i = 0; i < DEPTH; i++)
		if (l->slots[i].used && l->slots[i].id == rsp.id)
			return finish(l, &l->slots[i], rsp.status);
	set_why("a response to request %llu, which there is not",
		(unsigned long long)rsp.id);
	return -1;
}

/* What the disk has by itself. */
static int check_disk(const struct load *l, struct disk *disk)
{
	static uint8_t data[BLK_SEGMENTS * XPAGE];
	uint8_t expected[XPAGE];

	for (uint32_t area = 0; area < AREAS; area++) {
		if (!l->generation[area])
			continue;
		if (disk_read(disk, area_sector(area), data, sizeof(data)))
			return -1;
		for (unsigned int i = 0; i < BLK_SEGMENTS; i++) {
			area_fill(expected, area, l->generation[area], i);
			if (!memcmp(expected, data + i * XPAGE, XPAGE))
				continue;
			set_why("page %u of area %u is not on the disk", i, area);
			return -1;
		}
	}
	return 0;
}

/* With persistent grants, all that was used is still mapped. */
static int check_mapped(const struct load *l)
{
	for (int i = 0; i < DEPTH; i++) {
		for (unsigned int j = 0; j < BLK_SEGMENTS; j++) {
			uint32_t gref = l->slots[i].parts[j].gref;

			if (!gref || gref_busy(l->d, gref))
				continue;
			set_why("gref %u is not mapped persistently", gref);
			return -1;
		}
	}
	return 0;
}

int blk_load(struct blk *b, struct disk *disk, uint64_t *seed,
	     const uint32_t *pages, bool keep)
{
	static struct load l;
	unsigned int issued = 0, done;

	memset(&l, 0, sizeof(l));
	l.b = b;
	l.d = b->dev.d;
	l.seed = seed;
	l.keep = keep;
	for (int i = 0; i < DEPTH; i++)
		l.slots[i].pages = pages + i * BLK_SEGMENTS;
	for (done = 0; done < BLK_LOAD_REQUESTS; done++) {
		for (int i = 0; i < DEPTH && issued < BLK_LOAD_REQUESTS; i++) {
			uint32_t area = next_random(seed) % AREAS;

			if (l.slots[i].used || area_busy(&l, area))
				continue;
			issue(&l, &l.slots[i], area);
			issued++;
		}
		if (take_response(&l))
			return -1;
	}
	if (b->lost_calls) {
		set_why("%u responses without a call", b->lost_calls);
		return -1;
	}
	return check_disk(&l, disk) ?: keep ? check_mapped(&l) : 0;
}

// SPDX-License-Identifier: GPL-2.0
/*
 * What the shim says of itself in debugfs (domain.h): xen_shim/stats has lines
 * of a name and a number, xen_shim/domains one line per domain.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "clock.h"
#include "domain.h"

#define ROOT	"/sys/kernel/debug/xen_shim"

static FILE *open_file(const char *path)
{
	FILE *file = fopen(path, "re");

	if (!file)
		set_why("%s: %s", path, strerror(errno));
	return file;
}

int shim_stats(uint16_t domid, struct shim_stats *s)
{
	FILE *file = open_file(ROOT "/domains");
	unsigned int id;
	char line[256];
	long refs;

	if (!file)
		return -ENOENT;
	while (fgets(line, sizeof(line), file)) {
		/* The file has one reference, each mapping another. */
		if (sscanf(line, "%u alive pinned %ld refs %ld maps %ld copies %ld refused %ld",
			   &id, &s->pinned, &refs, &s->maps, &s->copies,
			   &s->refused) != 6 || id != domid)
			continue;
		s->mappings = refs - 1;
		fclose(file);
		return 0;
	}
	fclose(file);
	set_why("there is no domain %u in %s", domid, ROOT "/domains");
	return -ENOENT;
}

int shim_totals(struct shim_stats *s)
{
	FILE *file = open_file(ROOT "/stats");
	unsigned int found = 0;
	char name[32];
	long value;

	if (!file)
		return -ENOENT;
	memset(s, 0, sizeof(*s));
	while (fscanf(file, "%31s %ld", name, &value) == 2) {
		const struct { const char *name; long *to; } known[] = {
			{ "domains", &s->domains }, { "pinned", &s->pinned },
			{ "mapped", &s->mappings }, { "maps", &s->maps },
			{ "copies", &s->copies }, { "refused", &s->refused },
		};

		for (unsigned int i = 0; i < sizeof(known) / sizeof(*known); i++) {
			if (strcmp(name, known[i].name))
				continue;
			*known[i].to = value;
			found++;
		}
	}
	fclose(file);
	if (found == 6)
		return 0;
	set_why("%s: %u of 6 figures", ROOT "/stats", found);
	return -EINVAL;
}

int shim_wait_idle(int timeout_ms, struct shim_stats *left)
{
	uint64_t end = now_ms() + timeout_ms;
	int error;

	for (;;) {
		error = shim_totals(left);
		if (error || (!left->pinned && !left->mappings && !left->domains))
			return error;
		if (now_ms() > end) {
			set_why("%ld domains, %ld pages pinned and %ld mapped after %d ms",
				left->domains, left->pinned, left->mappings,
				timeout_ms);
			return -ETIMEDOUT;
		}
		sleep_us(1000);
	}
}

/*
 * A bare guest of the VMBus: run the case that the command line names
 *
 * The last word is the name; "fuzz-" is followed by a random seed.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "vmbus.h"

static const char *last_word(const char *line)
{
    const char *last = line;

    for (; *line; line++) {
        if (*line == ' ') {
            last = line + 1;
        }
    }
    return last;
}

/* What follows @prefix in @word, or NULL */
static const char *after(const char *word, const char *prefix)
{
    while (*prefix && *prefix == *word) {
        word++;
        prefix++;
    }
    return *prefix ? NULL : word;
}

void main(void)
{
    const uint32_t *info = (const uint32_t *)(uint64_t)mbi;
    const char *name = last_word((const char *)(uint64_t)info[4]);
    const char *seed = after(name, "fuzz-");

    synic_init();
    if (seed) {
        case_fuzz(seed);
        finish();
    }
    for (const struct test_case *c = cases; c->name; c++) {
        const char *rest = after(name, c->name);

        if (rest && !*rest) {
            c->run();
            finish();
        }
    }
    check(false, "know the case");
    finish();
}

/* start.S has an entry for a second CPU, which is not used here. */
void ap_main(void)
{
}

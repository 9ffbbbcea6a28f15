/*
 * The bare guest: run the case that the command line names
 *
 * The last word of the multiboot command line is the name.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "guest.h"

static bool last_word_is(const char *line, const char *word)
{
    const char *last = line;

    for (; *line; line++) {
        if (*line == ' ') {
            last = line + 1;
        }
    }
    while (*word && *word == *last) {
        word++;
        last++;
    }
    return !*word && !*last;
}

void main(void)
{
    const uint32_t *info = (const uint32_t *)(uint64_t)mbi;
    const char *line = (const char *)(uint64_t)info[4];

    for (const struct test_case *c = cases; c->name; c++) {
        if (last_word_is(line, c->name)) {
            print("case ");
            print(c->name);
            print("\n");
            c->run();
            finish();
        }
    }
    check(false, "know the case");
    finish();
}

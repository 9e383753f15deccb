/* Options of a sub-command: one table from which the parser and --help come.
 *
 * getopt_long(3) does the parsing. Its own messages are switched off, and argp(3) is not used,
 * because a mistake is answered with exactly one line, and help exists in two languages. */
#ifndef APPS_COMMON_OPTIONS_H
#define APPS_COMMON_OPTIONS_H

#include <stdint.h>

#include "apps/common/say.h"

/* Keys of long options without a letter begin here. */
#define OPTION_LONG 256

struct option_line {
    int key;          /* the letter, or OPTION_LONG and up */
    const char *name; /* the long name, or NULL; a line without key and name is a heading */
    const char *arg;  /* what its argument is called, or NULL */
    const char *en, *zh;
};

struct option_table {
    const struct option_line *lines;
    size_t lines_count;
    const char *usage_en, *usage_zh;       /* the first lines of --help */
    const char *epilogue_en, *epilogue_zh; /* the last: examples */
    /* Takes one option; false when the argument is no good: it has said so then. */
    bool (*take)(void *ctx, int key, const char *arg);
};

/* --help and --lang are understood everywhere; --lang is left to say_init() but checked here.
 * Returns the index of the first operand, or one of these. */
enum { OPTIONS_HELPED = -1, OPTIONS_WRONG = -2 };
int options_parse(const struct option_table *table, struct say *say, int argc, char **argv,
                  void *ctx);

/* Reads the number that `option` was given, from `least` to `most`; false: it has said so. */
bool options_number(struct say *say, const char *option, const char *arg, uint64_t least,
                    uint64_t most, uint64_t *number);

/* Takes NAME=VALUE apart that `option` was given, in a copy for the rest of the program. False: it
 * is none, or the list is `full`; it has said so, with the example. */
bool options_pair(struct say *say, const char *option, const char *arg, const char *example,
                  bool full, char **name, char **value);

#endif

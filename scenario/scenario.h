/* The line-oriented language of simulations and experiments.
 *
 * A line is a keyword, words, and settings KEY=VALUE in any order; "#" begins a comment, double
 * quotes hold what has blanks. `param NAME=VALUE` gives a value a name that later lines use as
 * $NAME or ${NAME} and the command line may override; a value like $rtt/2 or 3*$size is worked
 * out (sums as well: $rtt*2+1s). What the keywords mean is not known here: who reads the lines says
 * what there is and complains with line and column, in the form FILE:LINE:COLUMN: sentence. */
#ifndef SCENARIO_SCENARIO_H
#define SCENARIO_SCENARIO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SCENARIO_WORDS  64
#define SCENARIO_PARAMS 64

struct scenario_word {
    const char *text;
    uint32_t column; /* from 1 */
};

struct scenario_setting {
    const char *key, *value;
    uint32_t column, value_column;
};

struct scenario_line {
    uint32_t number; /* from 1 */
    unsigned words_count, settings_count;
    struct scenario_word words[SCENARIO_WORDS]; /* the keyword is the first */
    struct scenario_setting settings[SCENARIO_WORDS];
};

/* A range or list that campaigns draw a parameter from. */
struct scenario_param {
    const char *name, *value;
    const char *from, *to, *any; /* NULL: not given */
    const char *says[2];         /* what it is, in English and Chinese; NULL: not said */
    bool given;                  /* the value is not the file's */
    uint32_t line;
};

/* What --set says, before the file is read. */
struct scenario_given {
    const char *name, *value;
};

/* A sentence about a place. */
struct scenario_fault {
    uint32_t line, column;
    char text[400]; /* "FILE:LINE:COLUMN: ..." */
};

struct scenario {
    const char *name;     /* of the file; the caller's */
    char *text;           /* cut into words */
    struct piece *pieces; /* words that were worked out */
    struct scenario_line *lines;
    size_t lines_count;
    struct scenario_param params[SCENARIO_PARAMS];
    unsigned params_count;
};

/* Reads a text. `given` overrides parameters; one that does not exist is a fault. False: `fault`
 * says what is wrong and where, and there is nothing to free. */
bool scenario_read(struct scenario *s, const char *name, const char *text, size_t len,
                   const struct scenario_given *given, unsigned given_count,
                   struct scenario_fault *fault);
void scenario_free(struct scenario *s);

/* Writes a fault; returns false, so that a reader can say `return scenario_fault(...)`. */
bool scenario_fault(const struct scenario *s, struct scenario_fault *fault, uint32_t line,
                    uint32_t column, const char *format, ...) __attribute__((format(printf, 5, 6)));

/* The setting of a key; NULL: not there. */
const struct scenario_setting *scenario_setting(const struct scenario_line *line, const char *key);

/* ---- values --------------------------------------------------------------------------------- */

/* "10ms", "1.5s", "250us", "2min"; a bare 0. */
bool scenario_time(const char *text, uint64_t *ns);
/* The same, perhaps with a sign. */
bool scenario_signed_time(const char *text, int64_t *ns);
/* "3000", "64kb", "1mb", "2gb" (thousands), "64kib", "1mib". */
bool scenario_bytes(const char *text, uint64_t *bytes);
/* "10mbit", "56kbit", "1gbit", in bits per second. */
bool scenario_rate(const char *text, uint64_t *bps);
/* Decimal, or hexadecimal behind 0x. */
bool scenario_number(const char *text, uint64_t most, uint64_t *number);
/* A decimal fraction. */
bool scenario_fraction(const char *text, double *number);
/* "on", "off", "yes", "no". */
bool scenario_flag(const char *text, bool *flag);

#endif

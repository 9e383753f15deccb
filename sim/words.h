/* Names in scenario files: what read.c reads and write.c writes. */
#ifndef SIM_WORDS_H
#define SIM_WORDS_H

#include "sim/plan.h"

/* Settings of hosts and flows as tables: name, unit, where it lies. */
enum words_unit { WORDS_FLAG, WORDS_NUMBER, WORDS_BYTES, WORDS_TIME, WORDS_CHOICE };

struct words_row {
    const char *name;
    uint8_t unit; /* enum words_unit */
    uint8_t size;
    uint16_t offset;
    const char *const *choices; /* WORDS_CHOICE: the value is the index; NULL at the end */
};

extern const struct words_row words_of_node[]; /* each ends with a row without a name */
extern const struct words_row words_of_flow[];
extern const struct words_row words_of_end[]; /* of one end of a flow: arrays of two */

const struct words_row *words_find(const struct words_row *rows, const char *name);

/* Reads a value into `base` (for words_of_end: of end `end`). */
bool words_set(const struct words_row *row, void *base, unsigned end, const char *value);
uint64_t words_get(const struct words_row *row, const void *base, unsigned end);

/* "64kb", "10ms", ...: what to write for this row. */
const char *words_example(const struct words_row *row);

/* Writes a value as words_set() reads it. */
void words_format(const struct words_row *row, uint64_t value, char *text, size_t len);

/* Names of rows, and of the choices of one, separated by ", ". */
void words_list(const struct words_row *rows, char *text, size_t len);
void words_choices(const struct words_row *row, char *text, size_t len);

/* Impairments: writes those in which `how` differs from nothing, each with a blank before it. */
void words_impair(const struct la_impair *how, char *text, size_t len);

#endif

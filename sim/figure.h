/* Figures of a run by name, and what a scenario expects of them. */
#ifndef SIM_FIGURE_H
#define SIM_FIGURE_H

#include "sim/sim.h"

/* Reads the words of an `expect` line, the keyword being words[0]:
 *
 *     expect [at TIME] [FLOW|all] [client|server] FIGURE >= VALUE
 *     expect [at TIME] [FLOW|all] no FIGURE
 *
 * False: `why` says what is wrong with the word of index `*column`. */
bool figure_expect(const struct plan *plan, const char *const *words, unsigned count,
                   struct plan_expect *e, unsigned *column, struct la_message *why);

/* Writes an expectation as figure_expect() reads it. */
void figure_write(const struct plan *plan, const struct plan_expect *e, char *text, size_t len);

/* Does it hold? If not, `text` says what is, and what should be. */
bool figure_holds(const struct plan *plan, const struct sim_result *r, const struct plan_expect *e,
                  char *text, size_t len);

/* "bytes", "time", "rate", "state" or "": what a figure is measured in. */
const char *figure_unit(unsigned figure);

/* The figures there are, separated by ", ". */
void figure_names(char *text, size_t len);

#endif

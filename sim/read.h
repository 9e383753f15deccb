/* From a scenario to a plan, and back: what the keywords of a simulation mean. */
#ifndef SIM_READ_H
#define SIM_READ_H

#include <stdio.h>

#include "scenario/scenario.h"
#include "sim/plan.h"

/* `also`: keywords that are somebody else's (narration), NULL at the end; their lines are passed
 * over. NULL: there are none. */
bool sim_read(const struct scenario *s, const char *const *also, struct plan *plan,
              struct scenario_fault *fault);

/* Writes a plan as a scenario that reads back as the same plan. */
void sim_write(const struct plan *plan, FILE *out);

/* For parameters with a range or a list: values that follow from the seed. Returns how many were
 * drawn; the texts stand in `memory`. */
#define SIM_DRAWN_TEXT 64
unsigned sim_draw_params(const struct scenario *s, uint64_t seed, struct scenario_given *given,
                         char memory[][SIM_DRAWN_TEXT], unsigned max);

#endif

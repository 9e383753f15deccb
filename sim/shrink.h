/* A plan made smaller: by name, for the command line, and step by step, for a seed that fails.
 *
 * A cut switches one thing off (an impairment, an option, a habit of the applications), drops
 * flows or caps their bytes. Shrinking tries cut after cut and keeps those with which the run
 * still fails in the same way, so what is left is what the fault needs. */
#ifndef SIM_SHRINK_H
#define SIM_SHRINK_H

#include "sim/sim.h"

struct plan_cut {
    uint64_t without;     /* a bit for each name of cut_name() */
    uint64_t bytes_most;  /* of a flow and direction, 0: as it is */
    uint64_t flows;       /* a bit for each of the first 64 that stays; 0: all stay */
    uint32_t repeat_most; /* 0: as it is */
};

/* What can be switched off, from 0 on; NULL: no more. */
const char *cut_name(unsigned n);
int cut_find(const char *name);

void cut_apply(struct plan *plan, const struct plan_cut *cut);

/* Makes `cut` as large as it can be while `plan` fails with violations of kind `kind`. `runs` is
 * how many runs it may take; `result` is that of the smallest plan. Returns the runs taken. */
unsigned shrink(const struct plan *plan, const char *kind, struct plan_cut *cut, unsigned runs,
                struct sim_result *result);

/* The options of `lastack sim` that make this cut: " --without loss,dup --bytes 3000". */
void cut_format(const struct plan_cut *cut, char *text, size_t len);

#endif

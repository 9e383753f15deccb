/* `lastack sim`: what its parts share. */
#ifndef APPS_SIM_SIM_H
#define APPS_SIM_SIM_H

#include "apps/common/say.h"
#include "scenario/scenario.h"
#include "sim/shrink.h"
#include "sim/sim.h"

#define JOB_GIVEN 32

struct job {
    struct say say;
    const char *file; /* a scenario, NULL: a menu */
    char *text;       /* of the file */
    size_t text_len;
    int menu;
    bool seed_given;
    uint64_t seed;
    bool campaign;
    uint64_t first, last; /* seeds */
    unsigned workers;
    struct scenario_given given[JOB_GIVEN];
    unsigned given_count;
    struct plan_cut cut;
    bool trace, json, print, list;
    bool drawn; /* parameters of the file follow from the seed */
    const char *plot, *pcap, *table;
};

/* The plan of a seed: from the file, parameters drawn when it is a campaign, or from the menu; and
 * cut. False: it was said why. */
bool job_plan(struct job *job, uint64_t seed, struct plan *plan);

/* One run, with its table. An exit code. */
int job_run(struct job *job);

/* Many. */
int job_campaign(struct job *job);

/* A table of results. */
int job_table(struct job *job);

/* ---- report.c ------------------------------------------------------------------------------- */

void report_table(const struct job *job, const struct plan *plan, const struct sim_result *r);
void report_json(const struct job *job, const struct plan *plan, const struct sim_result *r);

/* ---- plot.c --------------------------------------------------------------------------------- */

struct plot;

/* Readings of a run, and the picture. NULL: no memory. */
struct plot *plot_new(const struct plan *plan);
void plot_sample(void *ctx, unsigned flow, unsigned end, const struct sim_sample *sample);
bool plot_draw(struct plot *plot, struct say *say, const char *path);
void plot_free(struct plot *plot);

#endif

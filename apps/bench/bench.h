/* The benchmarks: what they share.
 *
 * A figure is one number with a name, a kind and a unit; figures that come out of one run stand
 * next to each other in the table of figures.c and form a group. Groups are run in turn, the
 * whole round several times, so that what else the machine does meets all of them alike; what is
 * reported is the median. Counts (bytes of records, of the archive) need one run only. */
#ifndef APPS_BENCH_BENCH_H
#define APPS_BENCH_BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cjson/cJSON.h>

#include "apps/common/say.h"

#define BENCH_RUNS_MAX 99

enum bench_sense { BENCH_NO_TARGET, BENCH_AT_LEAST, BENCH_AT_MOST };

struct bench;
struct figure;

/* Measures a group once, or says with figures_missing() why it cannot. */
typedef void (*bench_run)(struct bench *bench, struct figure *group);

struct figure {
    const char *name, *kind, *unit;
    bench_run run;  /* the same for the whole group */
    int variant;    /* which one, for a `run` of several groups */
    unsigned group; /* figures in it: 0 for all but the first */
    bool once;      /* a count */
    int digits;     /* behind the point, for people */
    enum bench_sense sense;
    double target;
    const char *en, *zh; /* what it is */

    bool wanted;
    double values[BENCH_RUNS_MAX];
    unsigned values_count;
    char missing[256]; /* why there is no value */
    cJSON *conditions;
};

struct bench {
    struct say say;
    bool json, list;
    double seconds;      /* of one measurement */
    unsigned runs;       /* repetitions */
    uint32_t records;    /* of each kind, for idle-bytes and index-bytes */
    const char *archive; /* the core's archive, NULL: next to the program */
    struct figure *figures;
    size_t figures_count;
    int cpu, cpu_peer; /* the same where there is one only */
};

/* ---- figures.c ------------------------------------------------------------------------------ */

struct figure *bench_figures(size_t *count);

/* Groups that go by one name. */
bool figure_is(const struct figure *figure, const char *name);

void figure_add(struct figure *figure, double value);
__attribute__((format(printf, 2, 3))) void figures_missing(struct figure *group, const char *format,
                                                           ...);

/* What a figure was measured under; the same key again replaces. */
void condition_number(struct figure *figure, const char *key, double value);
__attribute__((format(printf, 3, 4))) void condition_text(struct figure *figure, const char *key,
                                                          const char *format, ...);

/* ---- report.c ------------------------------------------------------------------------------- */

void report_machine(const struct bench *bench);
void report_figure(const struct bench *bench, const struct figure *figure);
void report_list(const struct bench *bench);

/* ---- cpu.c ---------------------------------------------------------------------------------- */

/* The first two processors this process may use. */
void cpu_choose(struct bench *bench);
/* Binds the calling process; false when that is forbidden. */
bool cpu_pin(int cpu);

/* A stretch of work of this thread, which never sleeps: measured in processor time, so that what
 * others run on the same processor meanwhile does not count. On an idle machine it is the time that
 * passed; how much of that the thread had is told. */
struct cpu_stretch {
    uint64_t cpu_ns, wall_ns;
};
struct cpu_stretch cpu_stretch_begin(void);
double cpu_stretch_end(const struct cpu_stretch *begin, struct figure *figure);

/* ---- the runs ------------------------------------------------------------------------------- */

void size_run(struct bench *bench, struct figure *group);

enum idle_variant {
    IDLE_ESTABLISHED = 0,
    IDLE_TIME_WAIT = 2,
    IDLE_HALF_OPEN = 4,
    IDLE_V6 = 1, /* added to these */
};
void idle_run(struct bench *bench, struct figure *group);
void ring_run(struct bench *bench, struct figure *group);

enum bulk_variant { BULK_COPY, BULK_IN_PLACE, BULK_V6, BULK_MTU_9000 };
void bulk_run(struct bench *bench, struct figure *group);

/* `variant`: how many connections. */
void pingpong_run(struct bench *bench, struct figure *group);

void connrate_run(struct bench *bench, struct figure *group);

void live_run(struct bench *bench, struct figure *group);

#endif

/* The rows of a chart: which there are, and in which order.
 *
 * Either end has moments (a packet leaves or arrives, a call, a timer, a change of state) in the
 * order of its time. A row shows one moment, or two: a packet that leaves one end and arrives at
 * the other without anything between. Rows keep the order of either end but not that of both
 * ends together: of ten segments in flight each can still be one row, and the rows go down the page
 * as slanted arrows do. A packet that cannot be one row (it is overtaken, it crosses another, much
 * happens while it flies) is two, its departure and its arrival; between them it takes a track, so
 * that what crosses it is seen to do so.
 *
 * Long runs are summed up first (chart_runs.c).
 *
 * Pure: rows are made from a finished chart and a form, and nothing is written. */
#ifndef VIEW_CHART_ROWS_H
#define VIEW_CHART_ROWS_H

#include "chart.h"

enum chart_row_kind {
    ROW_ARROW,  /* leaves and arrives, is lost, or flies at the end */
    ROW_DEPART, /* leaves; its arrival is another row */
    ROW_ARRIVE,
    ROW_POINT, /* something at one end */
    ROW_NOTE,
    ROW_RUN, /* many packets summed up */
};

/* What a row that stands for many packets says. */
struct chart_sum {
    uint32_t packets[2]; /* by the end that sent them */
    uint64_t bytes[2];
    uint32_t again[2], lost[2], refused[2];
    uint16_t flags[2];          /* LA_TH_* that all of them have */
    uint64_t first_ns, sent_ns; /* first and last departure */
    uint64_t last_ns;           /* last arrival */
    uint32_t order, event;      /* of the first packet */
};

/* Which events are not drawn, and the sums that stand for them (chart_runs.c). */
struct chart_runs {
    bool *hidden;     /* by event */
    uint32_t *sum_of; /* by event: 1 + the sum that begins with it, else 0 */
    struct chart_sum *sums;
    size_t sums_n, sums_cap;
};

struct chart_row {
    enum chart_row_kind kind;
    uint8_t end;      /* of all but arrows: where; arrows: where it comes from */
    bool is_set;      /* of a timer: it is set in this row, else it ran out */
    bool timed[2];    /* an end has a moment in this row */
    bool stated[2];   /* its state is shown */
    uint8_t state[2]; /* enum la_tcp_state */
    int16_t track;    /* of DEPART and ARRIVE; -1: there was none left */
    uint32_t event;   /* index of the event */
    uint32_t partner; /* DEPART, ARRIVE: index of the other row */
    uint64_t time_ns[2];
    uint32_t sum; /* RUN: index of its sum */
};

#define CHART_TRACKS_MAX 24

struct chart_rows {
    struct chart_row *rows;
    size_t n, cap;
    struct chart_runs runs;
    unsigned tracks; /* how many columns of them there are */
};

/* False: no memory; what there is must be freed all the same. */
bool chart_runs_make(struct chart_runs *runs, const struct la_chart *c, uint32_t run_max);
void chart_runs_free(struct chart_runs *runs);

/* False: no memory. `tracks_max`: how many a drawing has room for. */
bool chart_rows_make(struct chart_rows *rows, const struct la_chart *c,
                     const struct la_chart_form *form, unsigned tracks_max);
void chart_rows_free(struct chart_rows *rows);

#endif

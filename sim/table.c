/* Tables: see table.h. A cell's number is taken apart into the axes of its table, the last axis
 * running fastest. */
#include "sim/table.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "sim/measure.h"
#include "sim/options.h"

#define MS                ((uint64_t)LA_NS_PER_MS)
#define MBIT              UINT64_C(1000000)
#define AXES              6
#define CC_MOST           8
#define BULK_NS           (10 * (uint64_t)LA_NS_PER_S)
#define FAST_NS           (3 * (uint64_t)LA_NS_PER_S) /* from 1 Gbit/s on */
#define BULK_RTTS         100
#define SHORT_CONNECTIONS 25
#define DCTCP_MARK_PPM    170000 /* of the product: more than a seventh */

static const uint32_t losses_ppm[] = {0, 30, 1000, 10000, 30000};
static const uint64_t rtts_ns[] = {1 * MS, 10 * MS, 66 * MS, 200 * MS};
static const uint64_t rates_bps[] = {10 * MBIT, 100 * MBIT, 1000 * MBIT};
static const uint32_t queues_ppm[] = {500000, 1000000, 4000000};
static const uint32_t reorders_ppm[] = {0, 1000, 10000};
static const uint64_t sizes[] = {10000, 100000, 1000000};
static const unsigned crowds[] = {2, 4, 16};

enum axis { LOSS, RTT, RATE, QUEUE, REORDER, SIZE, CROWD, MIXED_RTT, CC, CC_PAIR, NO_AXIS };

static unsigned cc_count(void)
{
    unsigned n = 0;
    while (n < CC_MOST && option_cc(n))
        n++;
    return n;
}

/* Pairs of controllers: each with itself, and each two. */
static unsigned pair_count(void)
{
    unsigned n = cc_count();
    return n * (n + 1) / 2;
}

static void pair_of(unsigned pair, unsigned *a, unsigned *b)
{
    for (*a = 0; pair >= cc_count() - *a; (*a)++)
        pair -= cc_count() - *a;
    *b = *a + pair;
}

static unsigned axis_size(enum axis axis)
{
    switch (axis) {
    case LOSS:
        return LA_ARRAY_LEN(losses_ppm);
    case RTT:
        return LA_ARRAY_LEN(rtts_ns);
    case RATE:
        return LA_ARRAY_LEN(rates_bps);
    case QUEUE:
        return LA_ARRAY_LEN(queues_ppm);
    case REORDER:
        return LA_ARRAY_LEN(reorders_ppm);
    case SIZE:
        return LA_ARRAY_LEN(sizes);
    case CROWD:
        return LA_ARRAY_LEN(crowds);
    case MIXED_RTT:
        return 2;
    case CC:
        return cc_count();
    default:
        return pair_count();
    }
}

static const struct table_row {
    const char *name, *text, *columns;
    enum axis axes[AXES];
} tables[] = {
    {"bulk",
     "one flow for 100 round trips, at least 10 s (1 Gbit/s: 3 s)",
     "goodput   rtx    twice  RTO",
     {CC, RATE, RTT, QUEUE, LOSS, NO_AXIS}},
    {"reorder",
     "the same with packets late by up to a quarter of the round trip, 0.003 % lost",
     "goodput   rtx    twice  RTO",
     {CC, RATE, RTT, REORDER, NO_AXIS, NO_AXIS}},
    {"short",
     "time to complete, mean and worst of 25 connections",
     "mean       worst      RTO",
     {CC, SIZE, RATE, RTT, LOSS, NO_AXIS}},
    {"fair",
     "flows that share 100 Mbit/s: Jain's index after a warm-up",
     "Jain   goodput",
     {CROWD, MIXED_RTT, CC_PAIR, NO_AXIS, NO_AXIS, NO_AXIS}},
};

const char *table_name(unsigned table)
{
    return table < LA_ARRAY_LEN(tables) ? tables[table].name : NULL;
}

const char *table_text(unsigned table)
{
    return table < LA_ARRAY_LEN(tables) ? tables[table].text : NULL;
}

int table_find(const char *name)
{
    for (unsigned i = 0; i < LA_ARRAY_LEN(tables); i++)
        if (strcmp(tables[i].name, name) == 0)
            return (int)i;
    return -1;
}

unsigned table_cells(unsigned table)
{
    unsigned cells = 1;
    for (unsigned i = 0; tables[table].axes[i] != NO_AXIS; i++)
        cells *= axis_size(tables[table].axes[i]);
    return cells;
}

/* ---- cells ---------------------------------------------------------------------------------- */

/* Sets one axis of a measurement and writes its words. */
static int axis_take(enum axis axis, unsigned i, struct measure *m, char *text, size_t len)
{
    unsigned a, b;
    switch (axis) {
    case LOSS:
        m->loss_ppm = losses_ppm[i];
        return snprintf(text, len, " loss %5.3f%%", losses_ppm[i] / 1e4);
    case RTT:
        m->rtt_ns = rtts_ns[i];
        return snprintf(text, len, " %3u ms", (unsigned)(rtts_ns[i] / MS));
    case RATE:
        m->rate_bps = rates_bps[i];
        return snprintf(text, len, " %4u Mbit/s", (unsigned)(rates_bps[i] / MBIT));
    case QUEUE:
        m->queue_bdp_ppm = queues_ppm[i];
        return snprintf(text, len, " queue %.1f", queues_ppm[i] / 1e6);
    case REORDER:
        m->reorder_ppm = reorders_ppm[i];
        return snprintf(text, len, " late %3.1f%%", reorders_ppm[i] / 1e4);
    case SIZE:
        m->bytes = sizes[i];
        return snprintf(text, len, " %4u kB", (unsigned)(sizes[i] / 1000));
    case CROWD:
        m->flows = crowds[i];
        return snprintf(text, len, "%2u flows", crowds[i]);
    case MIXED_RTT:
        m->rtt_other_ns = i ? 3 * m->rtt_ns : 0;
        return snprintf(text, len, i ? " 20 and 60 ms" : " 20 ms       ");
    case CC:
        m->cc = option_cc(i);
        if (strcmp(m->cc, "dctcp") == 0) /* it lives on marks: RFC 8257 4.1 */
            m->mark_bdp_ppm = DCTCP_MARK_PPM;
        return snprintf(text, len, "%-8s", m->cc);
    default:
        pair_of(i, &a, &b);
        m->cc = option_cc(a);
        m->cc_other = a == b ? NULL : option_cc(b);
        return snprintf(text, len, " %-8s %-8s", m->cc, option_cc(b));
    }
}

static void cell_plan(unsigned table, unsigned cell, struct measure *m, char line[TABLE_LINE])
{
    const enum axis *axes = tables[table].axes;
    unsigned at[AXES], n = 0;
    size_t len = 0;
    *m = (struct measure){.seed = 1, .flows = 1, .queue_bdp_ppm = 1000000};
    m->rate_bps = 100 * MBIT;
    m->rtt_ns = 20 * MS;
    while (axes[n] != NO_AXIS)
        n++;
    for (unsigned i = n; i-- > 0;) {
        at[i] = cell % axis_size(axes[i]);
        cell /= axis_size(axes[i]);
    }
    line[0] = '\0';
    for (unsigned i = 0; i < n; i++)
        len += (size_t)axis_take(axes[i], at[i], m, line + len, TABLE_LINE - len);
    if (table == 1) {
        m->loss_ppm = 30;
        m->reorder_ns = m->rtt_ns / 4;
    }
    if (m->bytes) {
        m->repeat = SHORT_CONNECTIONS;
    } else {
        uint64_t trips_ns = BULK_RTTS * m->rtt_ns;
        uint64_t least_ns = m->rate_bps >= 1000 * MBIT ? FAST_NS : BULK_NS;
        m->for_ns = trips_ns > least_ns ? trips_ns : least_ns;
    }
    if (m->flows > 1) { /* 300 round trips behind a warm-up */
        m->warm_up_ns = 20 * (uint64_t)LA_NS_PER_S;
        uint64_t longest_ns = m->rtt_other_ns > m->rtt_ns ? m->rtt_other_ns : m->rtt_ns;
        m->for_ns = m->warm_up_ns + 300 * 2 * longest_ns;
    }
}

double table_cost(unsigned table, unsigned cell)
{
    struct measure m;
    char line[TABLE_LINE];
    cell_plan(table, cell, &m, line);
    if (m.bytes)
        return (double)m.bytes * m.repeat / 1460;
    return (double)m.rate_bps / 8 / 1500 * ((double)m.for_ns / 1e9);
}

static void figures(unsigned table, const struct measured *r, char *text, size_t len)
{
    double sent = (double)(r->bytes + r->rtx_bytes);
    if (r->failed)
        snprintf(text, len, "  %.100s", r->why);
    else if (table <= 1)
        snprintf(text, len, "  %8.2f %6.2f%% %6.2f%% %4u", r->goodput_bps / 1e6,
                 sent > 0 ? 100.0 * (double)r->rtx_bytes / sent : 0,
                 sent > 0 ? 100.0 * (double)r->spurious_bytes / sent : 0, r->timeouts);
    else if (table == 2)
        snprintf(text, len, "  %8.1f ms %8.1f ms %4u", (double)r->fct_ns / 1e6,
                 (double)r->fct_worst_ns / 1e6, r->timeouts);
    else
        snprintf(text, len, "  %.3f %8.2f", r->jain, r->goodput_bps / 1e6);
}

void table_head(unsigned table, char line[TABLE_LINE])
{
    snprintf(line, TABLE_LINE, "# %s: %s; %s", tables[table].name, tables[table].text,
             tables[table].columns);
}

bool table_cell(unsigned table, unsigned cell, char line[TABLE_LINE])
{
    struct measure m;
    struct measured r;
    cell_plan(table, cell, &m, line);
    if (!measure_run(&m, &r))
        return false;
    size_t len = strlen(line);
    figures(table, &r, line + len, TABLE_LINE - len);
    return true;
}

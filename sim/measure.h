/* Measurements: a configuration in a few numbers, and what comes of it.
 *
 * Senders, each behind a line of its own, share one bottleneck to a receiver:
 *
 *     c0 ---\
 *     c1 ----+-- r ==bottleneck==> s
 *     ...   /
 *
 * The bottleneck has the rate, the queue, the losses and the reordering; the lines have the rest of
 * the round trip, which may differ from sender to sender. */
#ifndef SIM_MEASURE_H
#define SIM_MEASURE_H

#include "sim/sim.h"

#define MEASURE_FLOWS 32

struct measure {
    uint64_t seed;
    uint32_t loss_ppm;
    uint64_t rtt_ns;
    uint64_t rtt_other_ns; /* of every second flow; 0: the same */
    uint64_t rate_bps;
    uint32_t queue_bdp_ppm;      /* in parts of rate x rtt */
    uint32_t mark_bdp_ppm;       /* ECN: set CE from so much queue on; 0: never */
    uint32_t reorder_ppm;        /* packets that are late */
    uint64_t reorder_ns;         /* by up to this much */
    const char *cc, *cc_other;   /* of every second flow; NULL: the default, or the same */
    unsigned flows;              /* at least 1 */
    uint64_t bytes;              /* of each connection, 0: for the time */
    uint64_t for_ns, warm_up_ns; /* not counted */
    uint32_t repeat;             /* connections one after the other, with `bytes` */
};

struct measured {
    double goodput_bps; /* all flows, after the warm-up */
    double jain;
    uint64_t bytes, rtx_bytes, spurious_bytes;
    uint32_t timeouts, recoveries, undone;
    uint64_t fct_ns, fct_worst_ns; /* mean and worst of the connections */
    bool failed;                   /* something did not hold: `why` */
    char why[160];
};

/* False: no memory. */
bool measure_run(const struct measure *m, struct measured *out);

#endif

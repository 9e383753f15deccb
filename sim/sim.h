/* The deterministic network: a run of a plan in virtual time, and what came of it.
 *
 * There is one loop. Each node (host, lane, router, the list of acts) says when it has something to
 * do next; the earliest is run, the one with the lower number among equals, and hands packets to
 * its neighbours. Nothing else moves the time. Every random choice is drawn from a generator of its
 * own, derived from the seed and the place where it is made, so that a choice more in one place
 * changes no other. The same plan gives the same run, to the byte: `hash` says so.
 *
 * After every event the invariants of the hosts that took part are checked (sim/check.h). The data
 * is a ledger (sim/flow.h). A violation ends the run; it says what, when and with which seed. */
#ifndef SIM_SIM_H
#define SIM_SIM_H

#include <stdio.h>

#include "sim/plan.h"

/* What is known of a flow when it is over, all its connections together. */
struct sim_flow_result {
    char name[PLAN_NAME];
    const char *cc;
    uint64_t began_ns;          /* the client called open */
    uint64_t connected_ns;      /* of the first connection */
    uint64_t ended_ns;          /* the last byte was read, or the last connection failed */
    uint64_t bytes[2];          /* read: by the server, by the client */
    uint64_t measured[2];       /* of them, read after the warm-up (struct sim_watch) */
    uint64_t rtx_bytes[2];      /* sent again by client and server */
    uint64_t spurious_bytes[2]; /* arrived again at the other end, the network not having doubled
                                   them */
    uint32_t rtx_segs[2], timeouts[2], recoveries[2], undone[2];
    uint32_t rtt_min_us, rtt_avg_us; /* of the end that sent more */
    uint64_t fct_ns;                 /* opening to last byte, of the slowest connection */
    uint64_t fct_sum_ns;             /* of all of them */
    uint32_t connections, failed;
    int32_t error; /* the first la_err, or 0 */
    uint8_t state[2];
    uint64_t wrong_bytes; /* read by either end, and not written by the other */
};

struct sim_result {
    bool broken;          /* an invariant does not hold, or an expectation */
    bool kept_going;      /* the run ended because its time was up (plan->end_ns) */
    char violation[512];  /* what, where */
    char kind[48];        /* its short name: the same for the same fault */
    uint64_t violated_ns; /* when */
    uint64_t hash;
    uint64_t events, packets, dropped, marked, end_ns;
    uint64_t bytes; /* read by applications */
    unsigned flows_count;
    struct sim_flow_result flows[PLAN_FLOWS];
};

/* One reading of a connection, for plots. */
struct sim_sample {
    uint64_t time_ns;
    uint32_t cwnd, ssthresh, flight, srtt_us, rto_ms;
    uint64_t acked; /* bytes of the sender that were acknowledged */
};

/* A packet on its way: it leaves a host, and later a host takes it, or it is lost. */
enum sim_wire_what { SIM_LEFT, SIM_TAKEN, SIM_LOST };
struct sim_wire {
    uint8_t what;    /* enum sim_wire_what */
    bool late;       /* LEFT: held back on purpose */
    bool forged;     /* LEFT: no host made it (an act did), or a wrong one */
    uint16_t node;   /* LEFT: who sends it; TAKEN: who takes it */
    uint16_t reason; /* enum la_reason: why it is sent, or the verdict */
    uint32_t serial; /* the same for the same packet, from 1 on */
    uint32_t conn;   /* at this host; 0: none, or not known */
    uint32_t len;
    int32_t flow;         /* -1: none */
    const uint8_t *ip;    /* from the IP header on; LOST: NULL */
    uint32_t link_header; /* bytes of Ethernet before it */
    const char *why;      /* LOST: what became of it */
    uint64_t time_ns;
};

/* An application's call and what it returned; verbs as in POSIX, and "connected", "error". */
struct sim_call {
    uint16_t node;
    uint8_t side; /* 0 client, 1 server */
    int32_t flow; /* -1: a host's own (listen) */
    uint32_t conn;
    const char *verb;
    int64_t result; /* bytes, or a negative la_err */
    uint64_t time_ns;
};

/* Moments of an event of a host: its stack has taken segments, and nobody has looked at them yet;
 * it is about to send; its connections are about to be looked at. */
enum sim_moment { SIM_TOOK, SIM_SENDS, SIM_LOOKS };
struct world;
struct host;

/* Who wants to know more than the result. All may be NULL. */
struct sim_watch {
    void *ctx;
    /* Packets, calls, and what the stacks say of themselves: their trace records, in order, with
     * the times of the run. */
    void (*wire)(void *ctx, const struct sim_wire *wire);
    void (*call)(void *ctx, const struct sim_call *call);
    void (*records)(void *ctx, unsigned node, const struct la_trace_record *records, size_t n);
    /* Hosts that are wrong on purpose (plan_node.wrong); NULL: such a plan is not run. */
    const struct sim_wrong *wrong;
    /* A reading of the sending end of a flow, at each ACK but no more often than every_ns. */
    void (*sample)(void *ctx, unsigned flow, unsigned end, const struct sim_sample *sample);
    uint64_t every_ns;
    /* Every packet that a host sends (`out`) or takes. Its length, why it
     * was sent or the verdict, and the connection stand in `frame`; its bytes in `bytes`. */
    void (*packet)(void *ctx, unsigned node, bool out, const struct la_frame *frame,
                   const uint8_t *bytes, uint64_t now_ns);
    /* For tests, which break an invariant on purpose (sim/world.h). */
    void (*meddle)(void *ctx, struct world *w, struct host *h, enum sim_moment moment);
    FILE *trace;              /* one line a packet and act */
    uint64_t measure_from_ns; /* the warm-up */
    bool unchecked;           /* no invariants: for measurements of speed */
    uint64_t events_max;      /* more are an endless run; 0: 2,000,000,000 */
};

/* Runs a plan to its end. False: there is no memory for it, or the plan is none. */
bool sim_run(const struct plan *plan, const struct sim_watch *watch, struct sim_result *result);

/* ---- figures -------------------------------------------------------------------------------- */

/* What an expectation can be about. */
enum sim_figure {
    SIM_GOODPUT, /* bits per second, from opening to last byte */
    SIM_BYTES,
    SIM_RTX_BYTES,
    SIM_RTX_SEGS,
    SIM_SPURIOUS,
    SIM_TIMEOUTS,
    SIM_RECOVERIES,
    SIM_UNDONE,
    SIM_FCT, /* nanoseconds */
    SIM_RTT_MIN,
    SIM_RTT_AVG,
    SIM_STATE,
    SIM_FAILED,
    SIM_JAIN, /* of all flows */
    SIM_DROPPED,
    SIM_MARKED,
    SIM_WRONG_BYTES, /* read and never written, where the plan lets that pass */
    SIM_CONNECTIONS,
    SIM_FIGURES
};

const char *sim_figure_name(unsigned figure);
/* -1: there is none of this name. */
int sim_figure_find(const char *name);

/* `flow` -1: the sum over all flows, or the worst where a sum makes no sense. */
double sim_figure_value(const struct sim_result *r, unsigned figure, int flow, unsigned end);

double sim_goodput_bps(const struct sim_flow_result *flow);
/* Jain's index over the goodput of flows [first, last]. */
double sim_jain(const struct sim_result *r, unsigned first, unsigned last);

#endif

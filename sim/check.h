/* The invariants of a connection, asked after every event of a host.
 *
 * Those that take constant time are asked of every connection that an event touched; those that
 * walk a queue likewise while fewer than 64 segments are outstanding, else every 1,024th event. The
 * table in docs/simulator.md says by number what is asked, and when. What needs no more than
 * numbers is a pure function (rules.h); here is what looks into stacks. The readers of the ledger
 * (flow.c) ask I1 and I9, the campaign I32. */
#ifndef SIM_CHECK_H
#define SIM_CHECK_H

#include "sim/world.h"

/* The control block behind an end, also after its handle was given up; NULL: it is gone. */
const struct tcb *check_tcb(const struct flow_end *e);

/* Leaves the run: what does not hold, and where its connection stands. */
__attribute__((noreturn)) void check_broken(struct world *w, const struct flow_end *e,
                                            const char *kind);

/* The facts of a connection, for rules.h. */
struct rule_view check_view(const struct flow_end *e);

/* ---- check_wire.c --------------------------------------------------------------------------- */

/* A packet that the stack sends, from its IP header on; `e` NULL: of no flow's connection. */
void check_packet(struct world *w, struct host *h, struct flow_end *e, const uint8_t *ip,
                  uint32_t len, enum la_reason reason);

/* What the header of a packet said before the stack took it; `tcp` false: it is none of TCP. */
struct check_seen {
    bool tcp;
    uint64_t who;  /* addresses and ports, hashed; 0: no cookies were sent */
    uint32_t conn; /* of the verdict, 0: none */
    uint32_t ports;
    struct rule_segment seg;
};
struct check_seen check_seen(const struct host *h, const uint8_t *ip, uint32_t len);

/* The stack took it; `seen->seg.reason` and `seen->conn` are the verdict. `e` NULL: of no flow's
 * connection. `alone`: the first and only one of this event for it. */
void check_taken(struct world *w, struct host *h, struct flow_end *e, const struct check_seen *seen,
                 bool alone);

/* TIME-WAIT: of one connection that may have entered it, or whose FIN came `again`; and of all. */
void check_wait(struct world *w, struct host *h, const struct flow_end *e, bool again);
void check_waits(struct world *w, struct host *h);

/* Nothing is remembered any more: the host has crashed, or the run is over. */
void check_forget(struct host *h);

/* ---- check.c -------------------------------------------------------------------------------- */

/* After an event of the host. */
void check_host(struct world *w, struct host *h);

/* Everything is over: nothing may be left. */
void check_idle(struct world *w, struct host *h);

#endif

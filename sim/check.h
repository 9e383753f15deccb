/* The invariants of shared knowledge about TCP, asked after every event of a host.
 *
 * Those that take constant time are asked of every connection that an event touched; those that
 * walk a queue likewise while fewer than 64 segments are outstanding, else every 1,024th event.
 * What is asked, by the numbers of the list in docs/simulator.md: I2 to I6, I9, I12, I13, I22, I23,
 * I31, I33. I1 and I9 are asked by the readers of the ledger (flow.c), I32 by the campaign. */
#ifndef SIM_CHECK_H
#define SIM_CHECK_H

#include "sim/world.h"

/* The control block behind an end, also after its handle was given up; NULL: it is gone. */
const struct tcb *check_tcb(const struct flow_end *e);

/* A TCP packet of an end, from its IP header on, as it leaves. */
void check_packet(struct world *w, struct flow_end *e, const uint8_t *ip, uint32_t len,
                  enum la_reason reason);

/* After an event of the host. */
void check_host(struct world *w, struct host *h);

/* Everything is over: nothing may be left. */
void check_idle(struct world *w, struct host *h);

#endif

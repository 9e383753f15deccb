/* The record of a scene: packets, states, calls and timers of all hosts, in the order of the run.
 *
 * It is filled by the run through struct sim_watch. A packet is one entry with both its ends:
 * when it left and why, when it was taken and what it was to the receiver, or where it was lost.
 * Segments, states and timers carry the flow they belong to, found by the connection's identifier.
 *
 * `order` numbers everything that happened anywhere, so that of two moments of the same time it is
 * known which was first; a packet has one for each end. */
#ifndef LAB_RECORD_H
#define LAB_RECORD_H

#include "sim/sim.h"
#include "wire/tcp.h"

enum lab_what { LAB_PACKET, LAB_STATE, LAB_CALL, LAB_TIMER, LAB_NOTE };
enum lab_fate { LAB_FLYING, LAB_ARRIVED, LAB_LOST };

struct lab_event {
    uint8_t what; /* enum lab_what */
    uint8_t fate; /* PACKET: enum lab_fate */
    bool late, forged;
    uint8_t state, state_before; /* STATE */
    uint16_t node;               /* where; PACKET: who sent it */
    int32_t to;                  /* PACKET: who took it; -1: nobody */
    int32_t flow;                /* -1: none */
    uint32_t conn, conn_there;
    uint16_t reason, verdict; /* enum la_reason */
    uint32_t kinds;           /* PACKET: enum sim_kind, all that apply */
    uint64_t time_ns, over_ns;
    uint32_t order, over_order;
    uint32_t serial; /* PACKET: from 1 on */
    uint32_t value;  /* TIMER: milliseconds; NOTE: by reason */
    const char *verb;
    int64_t result;
    const char *why; /* PACKET, LOST */
    uint8_t *frame;  /* PACKET: its bytes, link header first */
    uint32_t len, link_header;
    uint32_t payload; /* bytes */
    struct wire_tcp tcp;
    bool is_tcp;
};

/* Trace records as they came, for the chart, which joins them with the packets itself. */
struct lab_kept {
    struct la_trace_record record;
    uint32_t order;
    unsigned node;
};

struct lab_record {
    const struct plan *plan;
    struct lab_event *events;
    size_t count, room;
    struct lab_kept *kept;
    size_t kept_count, kept_room;
    uint32_t order;
    uint64_t end_ns;
    bool no_memory;
};

/* Fills `watch` so that a run is recorded. */
void lab_record_begin(struct lab_record *r, const struct plan *plan, struct sim_watch *watch);
/* After the run: flows of states and timers. */
void lab_record_end(struct lab_record *r, uint64_t end_ns);
void lab_record_free(struct lab_record *r);

/* The state of a host's end of a flow (-1: of any) at a time: the last one it entered. */
uint8_t lab_state_at(const struct lab_record *r, unsigned node, int flow, uint64_t time_ns);

#endif

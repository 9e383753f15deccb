/* Event rings: what happened to a connection, as 32-byte records.
 *
 * One ring for what belongs to no connection and rings from a bounded pool for connections. A
 * connection takes a ring with its first record and lets it go when it is idle or gone; until what
 * the ring holds is drained, it is an orphan. When no ring is to be had the oldest orphan is taken
 * over and its records count as lost. Writing is a store of 32 bytes and a counter: a ring that is
 * full overwrites its oldest record, and how many were lost so shows when it is drained.
 *
 * Serials are given without gaps and rise within each ring. So draining needs no sorting: in a
 * window of n serials each record has its place, which is its serial less the first.
 *
 * Invariants: a ring belongs to one connection or is an orphan; a connection's ring stands in
 * `written` exactly while it holds records not drained; an orphan holds at least one; the last
 * min(size, write - read) records written to a ring are in it. */
#ifndef TRACE_RING_H
#define TRACE_RING_H

#include <stddef.h>
#include <stdint.h>

#include <lastack/stack.h>
#include <lastack/trace.h>

#include "base/list.h"
#include "base/memory.h"
#include "base/slab.h"

#define TRACE_RING_RECORDS 64   /* of a connection */
#define TRACE_OWN_RECORDS  1024 /* of the stack's own ring */

struct trace_ring {
    struct list link;     /* in written or orphans, or alone */
    uint32_t index;       /* in the slab; 0: the stack's own */
    uint32_t conn;        /* identifier of the connection */
    uint64_t write, read; /* counters, modulo the size; nobody may drain for years */
    uint32_t mask;        /* size - 1 */
    uint32_t unused[3];
    struct trace_ring **owner; /* where the connection keeps its pointer; NULL: none to tell */
    struct la_trace_record records[]; /* each within one cache line */
};
_Static_assert(sizeof(struct trace_ring) == 64, "the records begin a cache line");

struct trace {
    struct memory *memory;
    struct slab rings;      /* `used`: how many are out, orphans included */
    struct trace_ring *own; /* the stack's: from creation to destruction, uncharged */
    struct list written;    /* rings with records not drained, the stack's own among them */
    struct list orphans;    /* let go of with such records, oldest first */
    uint32_t serial;        /* of the next record */
    uint64_t lost;          /* records, not yet reported by trace_drain() */
    uint64_t counters[256]; /* by enum la_reason: for each value of its byte in a record */
};

/* 0 or LA_ENOMEM. */
int trace_init(struct trace *t, struct memory *memory, uint32_t rings_max);
void trace_destroy(struct trace *t);

/* Gives a connection a ring, or NULL (its records then go to the stack's own ring). When all its
 * records are drained the ring goes back to the pool and *owner becomes NULL: who is idle, or is
 * drained as it goes, holds none. `owner` NULL: the ring stays until it is released. */
struct trace_ring *trace_ring_get(struct trace *t, uint32_t conn, struct trace_ring **owner);

/* The connection lets go of its ring; records not yet drained stay until they are. */
void trace_ring_release(struct trace *t, struct trace_ring *ring);

/* The records whose reason is counted, a bit for each la_trace_what. */
#define TRACE_COUNTED                                                                      \
    (1U << LA_TRACE_IN | 1U << LA_TRACE_OUT | 1U << LA_TRACE_TIMER | 1U << LA_TRACE_CALL | \
     1U << LA_TRACE_EVENT)

/* Writes a record; fills in its serial and counts its reason (IN, OUT, TIMER, EVENT and CALL
 * records count, OPTIONS, PEER and STATE do not). `ring` NULL: the stack's own. Inline, so that the
 * fields go straight into the ring instead of through a record on the stack. */
static inline void trace_put(struct trace *t, struct trace_ring *ring,
                             const struct la_trace_record *record)
{
    struct la_trace_record *to;

    if (!ring) {
        ring = t->own;
    }
    if (ring->write == ring->read) {
        list_append(&t->written, &ring->link);
    }
    to = &ring->records[ring->write++ & ring->mask];
    /* Field by field: a copy of the whole would put the record together in memory first and load
     * it in pieces wider than those that were stored, for which the processor has to wait. */
    to->time_ns = record->time_ns;
    to->serial = t->serial++;
    to->conn = record->conn;
    to->seq = record->seq;
    to->ack = record->ack;
    to->wnd = record->wnd;
    to->len = record->len;
    to->flags = record->flags;
    to->reason = record->reason;
    to->what_state = record->what_state;
    t->counters[record->reason] += TRACE_COUNTED >> LA_TRACE_WHAT(record) & 1;
}

/* Takes records out, oldest serial first; returns how many: fewer than `max` only when none is
 * left. When records were lost since the last call the first one is an EVENT TRACE_LOST with
 * seq = how many and the time of the record that follows it; each lost one is counted. */
size_t trace_drain(struct trace *t, struct la_trace_record *records, size_t max);

#endif

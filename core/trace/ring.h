/* Event rings: what happened to a connection, as 32-byte records.
 *
 * One ring for what belongs to no connection and rings from a bounded pool for connections. A
 * connection takes a ring with its first record and gives it back when it is idle or gone and the
 * ring is drained; until then it is an orphan. When no ring is free the oldest orphan is taken
 * over and its records count as lost. Writing is a store of 32 bytes and a counter.
 *
 * Invariants: write - read <= TRACE_RING_RECORDS; a ring belongs to one connection or to none. */
#ifndef TRACE_RING_H
#define TRACE_RING_H

#include <stddef.h>
#include <stdint.h>

#include <lastack/stack.h>
#include <lastack/trace.h>

#include "base/list.h"
#include "base/memory.h"

#define TRACE_RING_RECORDS 64   /* of a connection */
#define TRACE_OWN_RECORDS  1024 /* of the stack's own ring */

struct trace_ring {
    struct list link;     /* free, orphaned or owned */
    uint64_t lost;        /* overwritten before they were drained */
    uint32_t conn;        /* identifier, for taking over */
    uint32_t write, read; /* counters, modulo the size */
    uint16_t owned;       /* 1: a connection points here */
    struct la_trace_record records[TRACE_RING_RECORDS];
};

struct trace {
    struct memory *memory;
    struct list owned, orphans, unused;
    uint32_t rings, rings_max;
    uint32_t serial;
    uint64_t lost;
    uint64_t counters[LA_REASON_COUNT];
    uint32_t own_write, own_read;
    struct la_trace_record *own; /* TRACE_OWN_RECORDS */
    void *slabs;                 /* list of the slabs rings were carved from */
};

int trace_init(struct trace *t, struct memory *memory, uint32_t rings_max);
void trace_destroy(struct trace *t);

/* Gives a connection a ring, or NULL (its records then go to the stack's own ring). */
struct trace_ring *trace_ring_get(struct trace *t, uint32_t conn);

/* The connection lets go of its ring; records not yet drained stay until they are. */
void trace_ring_release(struct trace *t, struct trace_ring *ring);

/* Writes a record; fills in its serial and counts its reason (IN, OUT, TIMER, EVENT and CALL
 * records count, OPTIONS, PEER and STATE do not). `ring` NULL: the stack's own. */
void trace_put(struct trace *t, struct trace_ring *ring, const struct la_trace_record *record);

/* Takes records out, oldest serial first as far as one call goes; returns how many. When records
 * were lost since the last call the first one is an EVENT TRACE_LOST with seq = how many. */
size_t trace_drain(struct trace *t, struct la_trace_record *records, size_t max);

#endif

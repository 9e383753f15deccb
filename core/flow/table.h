/* The 4-tuple table: finds the record of a connection, half-open or in TIME-WAIT.
 *
 * Open addressing in buckets of one cache line: eight slots of 8 bytes {tag, value}; the tag is 32
 * bits of a keyed hash (SipHash), so that a peer cannot choose what collides. The value names a
 * slab and an index; keys are compared in the record, whose first member is its flow_key.
 *
 * The tag as a fraction of 2^32 chooses the home bucket, for any number of buckets: so the table
 * grows by half instead of doubling, and moving an entry needs neither its key nor its record. What
 * finds its home full goes to the next bucket with room; a removal pulls an entry back into the
 * hole, so there are no tombstones and a search ends at the first bucket that is not full.
 *
 * Growing and shrinking are incremental: two arrays live side by side, and each addition and
 * removal moves a few buckets. When there is no memory to grow, the table goes on to be filled to
 * 15/16 before it refuses.
 *
 * Invariants: a key stands in at most one slot; every bucket between an entry's home and its own is
 * full (buckets of `old` below `first` are empty and count as full); the entries of a bucket come
 * before its empty slots. */
#ifndef FLOW_TABLE_H
#define FLOW_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <lastack/addr.h>

#include "base/flow_key.h"
#include "base/memory.h"
#include "base/siphash.h"
#include "base/slab.h"

enum flow_kind { FLOW_CONN, FLOW_HALF_OPEN, FLOW_TIME_WAIT };

/* What a slot refers to: kind in the upper 2 bits, slab index below. 0 is none (indices begin at
 * 1). */
typedef uint32_t flow_ref;
#define FLOW_REF(kind, index) ((uint32_t)(kind) << 30 | (index))
#define FLOW_KIND(ref)        ((enum flow_kind)((ref) >> 30))
#define FLOW_INDEX(ref)       ((ref)&0x3fffffffU)

struct flow_slot {
    uint32_t tag; /* 32 bits of the hash */
    flow_ref ref; /* 0: empty */
};

struct flow_array {
    struct flow_slot *slots; /* buckets of eight, cache-line aligned; NULL: no such array */
    uint32_t buckets;
    uint32_t first; /* buckets that were moved away */
    uint32_t used;
};

struct flow_table {
    struct memory *memory;
    struct sip_key key;
    const struct slab *slabs[3]; /* by enum flow_kind */
    struct flow_array now, old;  /* old: being moved into now */
    struct flow_slot *least;     /* the smallest array: from creation to destruction, uncharged */
};

/* Returns 0 or LA_ENOMEM. */
int flow_table_init(struct flow_table *t, struct memory *memory, struct sip_key key,
                    const struct slab *conns, const struct slab *half_open,
                    const struct slab *time_wait);
void flow_table_destroy(struct flow_table *t);

uint64_t flow_hash(const struct flow_table *t, const struct flow_key *key);

/* What stands for `key`, or 0. `hash` is flow_hash(key). */
flow_ref flow_find(const struct flow_table *t, const struct flow_key *key, uint64_t hash);

/* Brings the bucket into the cache. */
void flow_prefetch(const struct flow_table *t, uint64_t hash);

/* Enters a record (its key is read from it). 0, LA_EEXIST, LA_ENOMEM (the table is full and cannot
 * grow). */
int flow_add(struct flow_table *t, flow_ref ref);

/* Replaces what stands for a key (half-open becomes a connection, a connection TIME-WAIT): the new
 * record holds the same key. Cannot fail. */
void flow_replace(struct flow_table *t, flow_ref from, flow_ref to);

/* The record still holds its key, and is in the table. */
void flow_remove(struct flow_table *t, flow_ref ref);

/* Real bytes of the arrays. */
uint64_t flow_table_bytes(const struct flow_table *t);

#endif

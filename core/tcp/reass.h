/* Reassembly: data that arrived behind a gap (RFC 9293 SHLD-31), as sorted ranges of buffers.
 *
 * The ranges live in one packet buffer that is attached to the connection while there are any: a
 * small one at first, larger ones as the gaps become more. A long fat path that loses a burst has
 * hundreds of them, so that the range of a segment is looked up by halves.
 *
 * Invariants: ranges are sorted, disjoint and not adjacent, all behind RCV.NXT and inside the
 * window; at most REASS_RANGES; each range's buffers are contiguous and sum up to its length.
 * Bytes that are there already win over bytes that come again. */
#ifndef TCP_REASS_H
#define TCP_REASS_H

#include "tcp/tcb.h"

struct reass_range {
    seq32 start, end;
    struct la_buf *head, *tail;
    uint32_t stamp; /* grows with each arrival: the most recent first in SACK (RFC 2018 4) */
};

struct tcp_reass {
    uint32_t count, room;
    uint32_t stamp;
    struct reass_range range[]; /* `room` of them */
};

/* How many fit a buffer of that size, and the largest. */
#define REASS_FIT(bytes) (((bytes) - sizeof(struct tcp_reass)) / sizeof(struct reass_range))
#define REASS_RANGES     REASS_FIT(BUF_CHUNK)

static inline struct tcp_reass *tcp_reass_of(const struct tcb *t)
{
    return t->reass ? (struct tcp_reass *)(void *)t->reass->data : NULL;
}

/* Takes a buffer whose bytes (data, len, seq) lie behind RCV.NXT; always takes it over. Returns
 * LA_TAKE_DATA_EARLY, LA_TAKE_DATA_OLD (all bytes were there), LA_DROP_REASSEMBLY_FULL or
 * LA_DROP_NO_MEMORY. */
enum la_reason tcp_reass_add(struct tcb *t, struct tcp_env *env, struct la_buf *buf);

/* For a segment in order that reaches into the ranges: what came first stays. */
void tcp_reass_keep_first(const struct tcb *t, struct la_buf *buf);

/* The range that begins at or before RCV.NXT is taken out as a list of buffers, NULL: none. */
struct la_buf *tcp_reass_pull(struct tcb *t, struct tcp_env *env);

/* Fills in SACK blocks, the most recently received first; returns how many. */
/* The first bytes of `buf` that are there already (RFC 2883 4.2); false: none. */
bool tcp_reass_overlap(const struct tcb *t, const struct la_buf *buf, struct wire_sack *twice);
uint8_t tcp_reass_sack(const struct tcb *t, struct wire_sack *blocks, uint8_t max);

void tcp_reass_drop(struct tcb *t, struct tcp_env *env);

#endif

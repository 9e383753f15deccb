/* What was sent and is not acknowledged: the scoreboard (RFC 2018 5, RFC 6675 3 and 4) with the
 * time each run of bytes left (RFC 8985 5.1).
 *
 * A run is what left together: a segment, a super-segment that the link cut, or a burst of them.
 * The runs cover [SND.UNA, SND.MAX) without a gap; a SACK block that ends inside a run splits it. A
 * run is found by sequence number in O(log n) (a treap), and stands in at most one of two lists:
 *
 *   flying   in flight, by the time it left last: what RACK looks at
 *   lost     marked lost and not sent again: what is sent again next
 *
 * A run that the peer has (SACKed) stands in neither, and neighbours that it has become one, so
 * that a block that is told again and again costs a look-up and no walk. Runs live in a slab of the
 * stack, by 32-bit index, 0 none.
 *
 * Invariants (board_check() recomputes them): runs are in order, adjacent and not empty; the sums
 * are those over the runs; SACKED excludes LOST and RTX; RTX means that the run was LOST and its
 * retransmission is under way. */
#ifndef LOSS_BOARD_H
#define LOSS_BOARD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/seq.h"
#include "base/slab.h"

enum run_flag {
    RUN_SACKED = 0x01,      /* the peer has it */
    RUN_LOST = 0x02,        /* judged lost since it first left */
    RUN_RTX = 0x04,         /* sent again after that, and under way */
    RUN_EVER_RTX = 0x08,    /* was sent more than once (Karn) */
    RUN_APP_LIMITED = 0x10, /* left when the application had no more to send */
    RUN_PROBE = 0x20,       /* its last transmission was a tail loss probe */
    RUN_MTU_PROBE = 0x40,   /* left in a packet larger than the rest (RFC 4821) */
};

/* 64 bytes: a cache line. Times of rate samples are microseconds modulo 2^32. */
struct run {
    uint64_t sent_ns;             /* when it left last */
    uint32_t left, right, parent; /* the treap */
    uint32_t next, prev;          /* the list it stands in */
    seq32 seq, end;               /* [seq, end); SYN and FIN count */
    uint32_t delivered;           /* low half of the bytes delivered when it left */
    uint32_t delivered_us;        /* when those had been delivered */
    uint32_t first_us;            /* when the first packet of that sample left */
    uint32_t flight;              /* in flight when it left, itself included */
    uint32_t lost_then;           /* bytes lost in all when it left, modulo 2^32 */
    uint8_t flags;                /* enum run_flag */
    uint8_t why;                  /* enum la_reason: why it goes again */
    uint8_t times;                /* it was sent, at most 255 */
};

struct run_list {
    uint32_t head, tail;
};

struct board {
    struct slab *runs;
    uint32_t root;
    uint32_t first, last; /* by sequence number */
    uint32_t spare;       /* a free run, kept so that what has been planned can be noted */
    uint32_t count;
    struct run_list flying, lost;
    uint32_t bytes;        /* covered: SND.MAX - SND.UNA */
    uint32_t sacked_bytes; /* RUN_SACKED */
    uint32_t lost_bytes;   /* RUN_LOST */
    uint32_t rtx_bytes;    /* RUN_RTX */
    uint32_t sacked_runs;
    seq32 high_sacked; /* end of the highest SACKed run; counts while sacked_bytes != 0 */
};

_Static_assert(sizeof(struct run) == 64, "a run is a cache line");

static inline struct run *board_at(const struct board *b, uint32_t index)
{
    return slab_at(b->runs, index);
}

void board_init(struct board *b, struct slab *runs);
/* Gives all runs back. */
void board_clear(struct board *b);

/* Bytes in flight: pipe of RFC 6675 4. */
static inline uint32_t board_flight(const struct board *b)
{
    return b->bytes - b->sacked_bytes - b->lost_bytes + b->rtx_bytes;
}

/* Sees to a spare run: true when the next board_add() cannot fail. */
bool board_ready(struct board *b);

/* Appends a run [seq, end) behind the last one (`seq` must be its end) that left at `now_ns`, in
 * flight. Its index, or 0: no memory. */
uint32_t board_add(struct board *b, seq32 seq, seq32 end, uint64_t now_ns);

/* Lets the last run reach to `end`: what lies there left together with it. */
void board_extend(struct board *b, seq32 end);

/* The run that contains `seq`, or 0. */
uint32_t board_find(const struct board *b, seq32 seq);
/* The run behind / before this one, by sequence number, or 0. */
uint32_t board_next(const struct board *b, uint32_t index);
uint32_t board_prev(const struct board *b, uint32_t index);

/* Splits a run at `at` (inside it); the second part's index, or 0: no memory, nothing changed. Both
 * have the state of the whole, and stand in its list one behind the other. */
uint32_t board_split(struct board *b, uint32_t index, seq32 at);

/* Takes out the first run (it was acknowledged). */
void board_pop(struct board *b);
/* Cuts [seq, una) off the first run. */
void board_trim(struct board *b, seq32 una);

/* The changes of state.
 *   sack    the peer has it; the run it is part of now comes back
 *   lose    judged lost: to the list of the lost, as its `first` or last, with the reason why it
 *           goes again
 *   resent  it left again just now
 *   renege  SACKed, and the peer dropped it after all: in flight, as the oldest
 *   unlose  the judgement was wrong: in flight, as the oldest */
uint32_t board_sack(struct board *b, uint32_t index);
void board_lose(struct board *b, uint32_t index, uint8_t why, bool first);
void board_resent(struct board *b, uint32_t index, uint64_t now_ns);
void board_renege(struct board *b, uint32_t index);
void board_unlose(struct board *b, uint32_t index);

/* Do the invariants hold? Walks all runs: for tests and simulations. */
bool board_check(const struct board *b, seq32 una, seq32 max);

#endif

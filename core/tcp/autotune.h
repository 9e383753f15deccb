/* How large a connection's buffers are: they follow what the path and the application can use.
 *
 * Integers in, integers out; the control block is the caller's business.
 *
 * Receiving, dynamic right-sizing: a window smaller than a round trip's worth of data stops the
 * sender, and the receiver cannot see the sender's window. It can see what arrives in a round trip
 * and is read. Twice that lets the sender double in the next one; while the amount itself grows
 * (the sender is in slow start, and has doubled again before the next measurement) it is up to
 * three times as much. The round trip is the receiver's own estimate: from the echo of its
 * timestamps, or, without them, the time in which a whole window arrived, which is a round trip
 * when the window holds the sender back and longer otherwise, so that the shortest is taken.
 *
 * An application that leaves more waiting than it reads in a round is the bottleneck itself: then
 * no growth helps. A buffer never gets smaller by tuning, and a window that was offered stays
 * offered (RFC 9293 3.8.6, SHLD-14).
 *
 * Sending: what is outstanding must be kept, SACKed or not (RFC 2018 8), and the application needs
 * room for another window to keep the pipe full: the larger of two congestion windows, and one on
 * top of what is held, which is more in recovery.
 *
 * Memory: a connection's buffers have a cap, and the stack has a budget. By the share of it that is
 * in use growth slows down, then stops; then windows are offered only up to the initial size; at
 * last data are refused that exceed it, so that what is left serves everybody's ACKs and small
 * queues. All of it follows from memory in use now, not from promises: thousands of idle
 * connections with large buffers cost nothing. */
#ifndef TCP_AUTOTUNE_H
#define TCP_AUTOTUNE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/seq.h"

/* ---- pressure ------------------------------------------------------------------------------- */

enum tune_pressure {
    TUNE_FREE, /* below 1/2 of the budget: buffers grow as they need */
    TUNE_SLOW, /* from 1/2: by a quarter of that */
    TUNE_STOP, /* from 3/4: not at all; windows only up to the initial size */
    TUNE_SHED, /* from 7/8: what exceeds the initial size is refused */
};
enum tune_pressure tune_pressure(uint64_t used, uint64_t max);

/* What a buffer may have. */
struct tune_limits {
    uint32_t initial; /* every connection has this much */
    uint32_t cap;     /* and none has more; at least `initial` */
    uint8_t pressure; /* enum tune_pressure */
};

/* ---- receiving ------------------------------------------------------------------------------ */

/* Per connection. Times are microseconds of the stack, modulo 2^32: a round longer than 71 minutes
 * is measured wrong once. */
struct tune_rcv {
    uint32_t rtt_us;    /* the receiver's estimate, 0: none yet */
    uint32_t round_us;  /* when the present round began */
    seq32 round_seq;    /* one behind what the application had read then */
    uint32_t space;     /* the most it read in a round */
    seq32 window_seq;   /* without timestamps: a window ends here that ... */
    uint32_t window_us; /* ... began to arrive then */
    uint32_t tsecr;     /* with them: the last one that gave a sample */
    bool timing;        /* window_seq and window_us count */
};

/* Data begin to arrive: `read` is one behind what was read (and acknowledged), `first` what a
 * sender's first window brings. `rtt_us`: from the handshake, 0 unknown. */
void tune_rcv_begin(struct tune_rcv *r, seq32 read, uint32_t first, uint32_t rtt_us,
                    uint32_t now_us);

/* A full segment echoed our timestamp `tsecr`, which is `age_us` old. One sample for each: what
 * follows in the same flight says less. */
void tune_rcv_echo(struct tune_rcv *r, uint32_t tsecr, uint32_t age_us);

/* Data arrived in order up to `rcv_nxt`, and `wnd` is offered: for peers without timestamps. */
void tune_rcv_arrived(struct tune_rcv *r, seq32 rcv_nxt, uint32_t wnd, uint32_t now_us);

/* The application has read up to `read`, and `waiting` bytes wait on. Returns the buffer's size
 * from now on: `rcvbuf` or more. */
struct tune_read {
    struct tune_limits limits;
    seq32 read;
    uint32_t waiting;
    uint32_t rcvbuf;
    uint32_t mss; /* largest segment received */
    uint32_t now_us;
};
uint32_t tune_rcv_read(struct tune_rcv *r, const struct tune_read *in);

/* The size that windows are offered by: all of it, but the initial size under pressure. */
uint32_t tune_rcv_size(uint32_t rcvbuf, const struct tune_limits *limits);

/* May a queue that holds `charge` bytes take `more`? Twice the size, for what segments do not fill,
 * and `slack` for one buffer that is larger than all the rest. `early`: it would wait behind a gap,
 * and all real memory counts; the peer sends it again if it is refused (RFC 2018 8). In order only
 * what waits for the application counts: it can be read, while data behind a gap go only when that
 * is filled. */
struct tune_take {
    struct tune_limits limits;
    uint32_t rcvbuf;
    uint32_t charge, more;
    uint32_t slack;
    bool early;
};
bool tune_rcv_takes(const struct tune_take *in);

/* ---- sending -------------------------------------------------------------------------------- */

/* An ACK arrived, or the window changed. Returns the size of the send buffer from now on. It gets
 * smaller under pressure alone, and not below what it holds. */
struct tune_send {
    struct tune_limits limits;
    uint32_t sndbuf;
    uint32_t cwnd;
    uint32_t held;   /* SND.MAX - SND.UNA: outstanding, SACKed or not */
    uint32_t queued; /* with what was never sent */
};
uint32_t tune_snd(const struct tune_send *in);

#endif

/* What a connection has found out about its path: how large packets may be (plpmtud.h), and how
 * much arrives in a round trip (autotune.h).
 *
 * It is attached when there is something to know: when a segment of full size got lost, when less
 * than the link's MTU is used, or when data arrive in quantity; and goes with the connection, or
 * with its flight when nothing is left in it that another could not find out again. mtu.c and
 * tune.c feed the objects from the connection, and do what they conclude.
 *
 * Invariant: a probe under way is a run of its own in the board, at probe_seq. */
#ifndef TCP_PATH_H
#define TCP_PATH_H

#include "base/slab.h"
#include "loss/board.h"
#include "tcp/autotune.h"
#include "tcp/plpmtud.h"
#include "tcp/tcb.h"

struct tcp_path {
    struct plpmtud mtu;
    struct tune_rcv rcv;
    seq32 probe_seq; /* of the probe under way */
    bool tuning;     /* rcv has begun */
};

static inline struct tcp_path *tcp_path_of(const struct tcb *t, const struct tcp_env *env)
{
    return t->path ? slab_at(env->paths, t->path) : NULL;
}

/* Attaches it if it is not there; NULL: no memory. */
struct tcp_path *tcp_path_get(struct tcb *t, struct tcp_env *env);
void tcp_path_drop(struct tcb *t, struct tcp_env *env);
/* The connection is idle: it is taken away unless it holds more than the path's usual state. */
void tcp_path_rest(struct tcb *t, struct tcp_env *env);

/* ---- buffers (tune.c) ------------------------------------------------------------------------ */

/* The first size of the receive buffer, and the shift for the largest it may get. */
uint32_t tcp_rcvbuf_first(const struct la_tcp_options *o, const struct tcp_env *env);
uint8_t tcp_rcv_shift(const struct la_tcp_options *o, const struct tcp_env *env);

/* The receive buffer's size that windows are offered by. */
uint32_t tcp_rcv_size(const struct tcb *t, const struct tcp_env *env);
/* Is there no memory for `more` bytes of it? `early`: behind a gap. */
bool tcp_rcv_refuses(const struct tcb *t, const struct tcp_env *env, uint32_t more, bool early);

/* Data arrived in order / the application has read. */
void tcp_tune_arrived(struct tcb *t, struct tcp_env *env, const struct tcp_segment *seg);
void tcp_tune_read(struct tcb *t, struct tcp_env *env);
/* An ACK was worked on: how large is the send buffer? */
void tcp_tune_send(struct tcb *t, const struct tcp_env *env);

/* ---- the path's MTU (mtu.c) ------------------------------------------------------------------ */

struct tcp_ack_news; /* flight.h */
struct tcp_plan;     /* tcp.h */

/* The stack says what link and cache hold. */
void tcp_mtu_told(struct tcb *t, struct tcp_env *env, uint32_t path_mtu, uint32_t link_mtu);
/* A Packet Too Big message about something in flight; the verdict. */
enum la_reason tcp_mtu_reported(struct tcb *t, struct tcp_env *env, uint32_t mtu);

/* [r->seq, end) of a run was delivered / a run is judged lost; true: it was the probe, and no loss
 * to tell anybody. */
void tcp_mtu_delivered(struct tcb *t, struct tcp_env *env, struct tcp_ack_news *n,
                       const struct run *r, seq32 end);
bool tcp_mtu_lost(struct tcb *t, struct tcp_env *env, struct tcp_ack_news *n, const struct run *r);
/* The judging is over: what follows for segments to come. */
void tcp_mtu_judged(struct tcb *t, struct tcp_env *env, struct tcp_ack_news *n);
/* The retransmission timer ran out for the first run; true: the MTU fell. */
bool tcp_mtu_timeout(struct tcb *t, struct tcp_env *env);

/* Payload of the probe that is to leave, 0: none is due / it has left. */
uint32_t tcp_mtu_probe_len(const struct tcb *t, const struct tcp_env *env);
void tcp_mtu_probe_left(struct tcb *t, struct tcp_env *env, const struct tcp_plan *plan);

#endif

/* The state of a connection: one writer, and a table of the legal arcs.
 *
 * The arcs are those of RFC 9293 figure 5 with its notes, and the arcs of abort and time-out, which
 * lead to CLOSED from everywhere. LISTEN, half-open connections and TIME-WAIT that has begun are
 * records of their own (listen.h, time_wait.h); a control block passes through SYN-RECEIVED when
 * its record becomes a connection and at a simultaneous open. */
#include "tcp/tcp.h"

#include "base/mem.h"
#include "tcp/extra.h"
#include "tcp/flight.h"
#include "tcp/path.h"
#include "tcp/reass.h"

#define TO(state) (1U << LA_TCP_##state)

static const uint16_t arcs[LA_TCP_STATE_COUNT] = {
    [LA_TCP_CLOSED] = TO(SYN_SENT) | TO(SYN_RECEIVED) | TO(LISTEN),
    [LA_TCP_LISTEN] = TO(SYN_RECEIVED) | TO(SYN_SENT) | TO(CLOSED),
    [LA_TCP_SYN_SENT] = TO(SYN_RECEIVED) | TO(ESTABLISHED) | TO(CLOSED),
    [LA_TCP_SYN_RECEIVED] =
        TO(ESTABLISHED) | TO(FIN_WAIT_1) | TO(CLOSE_WAIT) | TO(LISTEN) | TO(CLOSED),
    [LA_TCP_ESTABLISHED] = TO(FIN_WAIT_1) | TO(CLOSE_WAIT) | TO(CLOSED),
    /* Note 2 of figure 5: from FIN-WAIT-1 to TIME-WAIT directly when one segment acknowledges our
     * FIN and carries the peer's: the close in three segments. */
    [LA_TCP_FIN_WAIT_1] = TO(FIN_WAIT_2) | TO(CLOSING) | TO(TIME_WAIT) | TO(CLOSED),
    [LA_TCP_FIN_WAIT_2] = TO(TIME_WAIT) | TO(CLOSED),
    [LA_TCP_CLOSE_WAIT] = TO(LAST_ACK) | TO(CLOSED),
    [LA_TCP_CLOSING] = TO(TIME_WAIT) | TO(CLOSED),
    [LA_TCP_LAST_ACK] = TO(CLOSED),
    [LA_TCP_TIME_WAIT] = TO(CLOSED),
};

bool tcp_arc_legal(enum la_tcp_state from, enum la_tcp_state to)
{
    return (arcs[from] >> to & 1U) != 0;
}

void tcp_note(struct tcb *t, struct tcp_env *env, enum la_trace_what what, enum la_reason why,
              uint32_t value, uint32_t len)
{
    if (!t->ring) {
        t->ring = trace_ring_get(env->trace, t->conn, &t->ring);
    }
    struct la_trace_record r = {
        .time_ns = env->now_ns,
        .conn = t->conn,
        .seq = value,
        .len = (uint16_t)(len > UINT16_MAX ? UINT16_MAX : len),
        .reason = (uint8_t)why,
        .what_state = LA_TRACE_PACK((uint8_t)what, t->state),
    };
    trace_put(env->trace, t->ring, &r);
}

static void trace_options(struct tcp_env *env, struct trace_ring *ring,
                          const struct la_trace_record *segment, const struct wire_tcp *h)
{
    struct la_trace_record r = *segment;
    r.seq = (h->options & WIRE_TCP_MSS) ? h->mss : 0;
    r.ack = (h->options & WIRE_TCP_TS) ? h->tsval : 0;
    r.wnd = 0;
    r.len = (h->options & WIRE_TCP_WSCALE) ? h->wscale : 255;
    r.flags = (h->options & WIRE_TCP_TS) ? LA_TRACE_OPT_TIMESTAMPS : 0;
    r.flags |= (h->options & WIRE_TCP_SACK_OK) ? LA_TRACE_OPT_SACK : 0;
    r.what_state = LA_TRACE_PACK(LA_TRACE_OPTIONS, LA_TRACE_STATE_OF(segment));
    trace_put(env->trace, ring, &r);
}

void tcp_trace_header(struct tcp_env *env, struct trace_ring *ring, uint32_t conn, uint8_t state,
                      enum la_trace_what what, const struct wire_tcp *h, uint32_t len,
                      enum la_reason why)
{
    struct la_trace_record r = {
        .time_ns = env->now_ns,
        .conn = conn,
        .seq = h->seq,
        .ack = h->ack,
        .wnd = h->wnd,
        .len = (uint16_t)(len > UINT16_MAX ? UINT16_MAX : len),
        .flags = h->flags,
        .reason = (uint8_t)why,
        .what_state = LA_TRACE_PACK((uint8_t)what, state),
    };
    trace_put(env->trace, ring, &r);
    if (h->flags & LA_TH_SYN) {
        trace_options(env, ring, &r, h);
    }
}

void tcp_trace_segment(struct tcb *t, struct tcp_env *env, enum la_trace_what what,
                       const struct wire_tcp *h, uint32_t len, enum la_reason why)
{
    if (!t->ring) {
        t->ring = trace_ring_get(env->trace, t->conn, &t->ring);
    }
    tcp_trace_header(env, t->ring, t->conn, t->state, what, h, len, why);
}

void tcp_set_state(struct tcb *t, struct tcp_env *env, enum la_tcp_state to, enum la_reason why)
{
    enum la_tcp_state from = (enum la_tcp_state)t->state;
    if (from == to) {
        return;
    }
    LA_ASSERT(env->assert_handler, tcp_arc_legal(from, to));
    t->state = (uint8_t)to;
    uint32_t wait_ms = to == LA_TCP_TIME_WAIT ? env->time_wait_ms : 0;
    tcp_note(t, env, LA_TRACE_STATE, why, wait_ms, from);
    if (to == LA_TCP_TIME_WAIT) {
        /* Linger, FIN-WAIT-2 and keep-alive are over, however late the ACK of the FIN leaves. */
        t->rtx_at_ns = t->keep_at_ns = TCP_NEVER;
        t->todo |= TCP_DO_CLOSED;
    }
    if (to == LA_TCP_CLOSED) {
        t->todo |= TCP_DO_GONE;
    }
}

void tcp_end(struct tcb *t, struct tcp_env *env, int error, enum la_reason why)
{
    t->error = (int8_t)error;
    t->rtx_at_ns = t->ack_at_ns = t->keep_at_ns = TCP_NEVER;
    t->todo |= error ? TCP_DO_ERROR : TCP_DO_CLOSED;
    if (t->state != LA_TCP_CLOSED) {
        tcp_set_state(t, env, LA_TCP_CLOSED, why);
    }
}

void tcp_release(struct tcb *t, struct tcp_env *env)
{
    tcp_flight_drop(t, env);
    tcp_path_drop(t, env);
    tcp_reass_drop(t, env);
    tcp_ecn_drop(t, env);
    tcp_extra_drop(t, env);
    buf_put_list(env->bufs, t->snd_head);
    buf_put_list(env->bufs, t->rcv_head);
    t->snd_head = t->snd_tail = NULL;
    t->rcv_head = t->rcv_tail = NULL;
    t->rcv_queued = t->rcv_charge = 0;
    if (t->ring) {
        trace_ring_release(env->trace, t->ring);
        t->ring = NULL;
    }
}

static bool queue_adds_up(const struct la_buf *head, uint32_t bytes)
{
    uint64_t sum = 0;
    for (; head; head = head->next) {
        sum += head->len;
    }
    return sum == bytes;
}

static bool board_covers(const struct tcb *t)
{
    uint32_t bytes = t->flight ? t->flight->board.bytes : 0;
    return t->state < LA_TCP_ESTABLISHED || bytes == seq_len(t->snd_una, t->snd_nxt);
}

bool tcp_invariants(const struct tcb *t)
{
    if (t->state == LA_TCP_CLOSED) {
        return true;
    }
    uint32_t fin = (t->flags & TCP_F_FIN_SENT) ? 1 : 0;
    return seq_le(t->snd_una, t->snd_nxt) && seq_le(t->snd_nxt, t->snd_max) &&
           seq_le(t->snd_max, seq_add(t->snd_end, fin)) && t->cc.cwnd >= 1 && board_covers(t) &&
           (t->state < LA_TCP_ESTABLISHED || t->rtx_at_ns != TCP_NEVER ||
            seq_eq(t->snd_una, t->snd_max));
}

bool tcp_invariants_deep(const struct tcb *t)
{
    if (t->state == LA_TCP_CLOSED) {
        return true;
    }
    return queue_adds_up(t->rcv_head, t->rcv_queued) &&
           (!t->flight || t->state < LA_TCP_ESTABLISHED ||
            board_check(&t->flight->board, t->snd_una, t->snd_nxt));
}

/* The passive side of Fast Open (RFC 7413 4.2.2): a SYN with a valid cookie becomes a connection at
 * once, in SYN-RECEIVED, with its data in the receive queue, and waits for accept like any other.
 *
 * Invariant: a listener's fastopen_pending counts its connections whose TFO_PENDING is set. */
#include "stack/stack.h"

#include "base/mem.h"

/* RFC 7413 5.1: "continuing to account for those connection requests that have just been reset
 * against the listener's PendingFastOpenRequests until a timeout period has passed". */
#define RESET_COUNTS_S 60

static uint32_t now_s(const struct la_stack *s)
{
    return (uint32_t)(s->env.now_ns / 1000000000);
}

static uint32_t pending(const struct la_stack *s, struct endpoint *e)
{
    if (e->fastopen_resets != 0 && now_s(s) - e->fastopen_reset_s >= RESET_COUNTS_S) {
        e->fastopen_resets = 0;
    }
    return e->fastopen_pending + e->fastopen_resets;
}

static uint32_t limit(const struct la_stack *s, const struct endpoint *e)
{
    uint32_t own = e->options.fastopen_qlen;
    bool all = (s->env.persona.fastopen & LA_FASTOPEN_SERVER_ALL) != 0;
    return own == 0 && all ? e->options.backlog : own;
}

/* No memory after all: as if the SYN had no option. */
static enum la_reason give_up(struct la_stack *s, uint32_t index)
{
    struct conn *c = stack_conn_at(s, index);
    tcp_end(&c->tcb, &s->env, LA_ENOMEM, LA_DROP_NO_MEMORY);
    c->tcb.todo = 0;
    stack_conn_gone(s, index);
    stack_conn_free_if_done(s, index);
    return LA_NONE;
}

static enum la_reason take(struct la_stack *s, struct arrival *a, uint32_t listener,
                           const struct tfo_cookie *answer)
{
    struct endpoint *e = stack_endpoint_at(s, listener);
    struct tcp_handshake shake = tcp_handshake_of(&a->seg, &a->key, &e->options, &s->env);
    stack_above_old(a, &shake);
    uint32_t index = stack_accepted_new(s, a, listener, &shake, 0);
    if (!index) {
        return LA_NONE;
    }
    struct conn *c = stack_conn_at(s, index);
    if (!tcp_tfo_accept(&c->tcb, &s->env, answer)) {
        return give_up(s, index);
    }
    tcp_extra_of(&c->tcb, &s->env)->listener = stack_endpoint_handle(s, listener);
    e->fastopen_pending++;
    a->conn = c->tcb.conn;
    stack_trace_peer(s, &a->key, a->conn);
    tcp_tfo_take(&c->tcb, &s->env, &a->seg);
    stack_accept_queue_enter(s, index);
    stack_touch(s, index);
    return LA_TAKE_SYN_DATA;
}

enum la_reason stack_fastopen_arrives(struct la_stack *s, struct arrival *a, uint32_t listener,
                                      uint8_t *shake)
{
    struct endpoint *e = stack_endpoint_at(s, listener);
    uint16_t which = a->seg.h.options & (WIRE_TCP_FASTOPEN | WIRE_TCP_FASTOPEN_EXP);
    struct tfo_cookie cookie = {.len = which ? a->seg.h.fastopen_n : 0};
    struct tfo_cookie answer = {.len = 0};
    mem_copy(cookie.bytes, a->seg.h.fastopen, cookie.len);

    struct tfo_question q = {.mode = s->env.persona.fastopen,
                             .pending = pending(s, e),
                             .limit = limit(s, e),
                             .option = which != 0,
                             .empty = cookie.len == 0,
                             .data = a->seg.len != 0,
                             .no_cookie = e->options.fastopen_no_cookie};
    if (cookie.len != 0 && q.pending < q.limit) {
        q.check = (uint8_t)tfo_check(&s->tfo, &a->key.raddr, &a->key.laddr, &cookie);
    }
    bool experimental = which == WIRE_TCP_FASTOPEN_EXP;
    switch (tfo_syn(&q)) {
    case TFO_PLAIN:
        return LA_NONE;
    case TFO_GIVE:
        *shake = (uint8_t)(SHAKE_COOKIE | (experimental ? SHAKE_EXPERIMENTAL : 0));
        return LA_NONE;
    case TFO_RENEW:
        answer = tfo_make(&s->tfo.keys[0], &a->key.raddr, &a->key.laddr);
        answer.experimental = experimental;
        break;
    case TFO_TAKE:
        break;
    }
    return take(s, a, listener, &answer);
}

void stack_fastopen_settled(struct la_stack *s, const struct conn *c)
{
    struct tcp_extra *x = tcp_extra_of(&c->tcb, &s->env);
    if (!(x->tfo & TFO_PENDING) || c->tcb.state == LA_TCP_SYN_RECEIVED) {
        return;
    }
    x->tfo &= (uint16_t)~TFO_PENDING;
    uint32_t index = stack_endpoint_of(s, x->listener);
    if (!index) {
        return; /* it was closed meanwhile */
    }
    struct endpoint *e = stack_endpoint_at(s, index);
    e->fastopen_pending--;
    if (c->tcb.error == LA_ECONNRESET) {
        e->fastopen_resets++;
        e->fastopen_reset_s = now_s(s);
        struct la_trace_record r = {.time_ns = s->env.now_ns,
                                    .conn = c->tcb.conn,
                                    .reason = LA_FASTOPEN_RESET,
                                    .what_state =
                                        LA_TRACE_PACK(LA_TRACE_EVENT, LA_TCP_SYN_RECEIVED)};
        trace_put(&s->trace, NULL, &r);
    }
}

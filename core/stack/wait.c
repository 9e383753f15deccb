/* TIME-WAIT in the stack: records of 64 bytes in a list sorted by deadline (RFC 9293 3.6.1).
 *
 * The wait has one length, so whoever begins or restarts it goes to the end of the list. When the
 * records are used up the oldest gives way, and that is counted. */
#include "stack/stack.h"

#include "base/mem.h"

#define ANSWERS_PER_SECOND 10 /* to segments without data */

static void note(struct la_stack *s, const struct tcp_time_wait *w, enum la_trace_what what,
                 uint8_t state, enum la_reason why, uint32_t value, uint16_t len)
{
    struct la_trace_record r = {.time_ns = s->env.now_ns,
                                .conn = tcp_time_wait_conn(w),
                                .seq = value,
                                .len = len,
                                .reason = (uint8_t)why,
                                .what_state = LA_TRACE_PACK((uint8_t)what, state)};
    trace_put(&s->trace, NULL, &r);
}

static void remove_wait(struct la_stack *s, uint32_t index, enum la_trace_what what,
                        enum la_reason why)
{
    struct tcp_time_wait *w = stack_time_wait_at(s, index);
    note(s, w, what, LA_TCP_TIME_WAIT, why, s->time_wait_ms, 0);
    note(s, w, LA_TRACE_STATE, LA_TCP_CLOSED, why, 0, LA_TCP_TIME_WAIT);
    index_list_remove(&s->waits, index);
    flow_remove(&s->table, FLOW_REF(FLOW_TIME_WAIT, index));
    w->conn = 0;
    slab_put(&s->time_wait, index);
}

static void file_wait(struct la_stack *s, uint32_t index)
{
    stack_time_wait_at(s, index)->deadline_ms = tcp_now_ms(&s->env) + s->time_wait_ms;
    index_list_append(&s->waits, index);
}

static void acknowledge(struct la_stack *s, const struct tcp_time_wait *w, enum la_reason why)
{
    struct wire_tcp h;
    tcp_time_wait_ack(w, &s->env, &h);
    stack_reply(s, &w->key, &h, 0, LA_TCP_TIME_WAIT, why, tcp_time_wait_conn(w));
}

/* RFC 5961 7: two ends that disagree about their numbers must not answer each other for ever. A
 * record has no room for a count, so this one is the stack's. */
static bool may_answer(struct la_stack *s)
{
    uint32_t now = (uint32_t)(s->env.now_ns / 1000000000);
    if (s->wait_answers_s != now) {
        s->wait_answers_s = now;
        s->wait_answers = 0;
    }
    s->wait_answers++;
    return s->wait_answers <= ANSWERS_PER_SECOND;
}

static uint32_t new_record(struct la_stack *s)
{
    uint32_t index = slab_get(&s->time_wait);
    if (!index && s->waits.head) {
        remove_wait(s, s->waits.head, LA_TRACE_EVENT, LA_TIME_WAIT_EVICTED);
        index = slab_get(&s->time_wait);
    }
    return index;
}

void stack_wait_begin(struct la_stack *s, uint32_t conn)
{
    struct conn *c = stack_conn_at(s, conn);
    uint32_t index = new_record(s);
    wheel_cancel(&s->wheel, &c->timer);
    stack_output_unqueue(s, c, conn);
    if (!index) {
        /* Not even the oldest record was there to give way: the wait is over before it began. */
        tcp_note(&c->tcb, &s->env, LA_TRACE_EVENT, LA_TIME_WAIT_EVICTED, 0, 0);
        tcp_end(&c->tcb, &s->env, LA_OK, LA_TIME_WAIT_EVICTED);
        c->tcb.todo = 0;
        stack_conn_gone(s, conn);
        return;
    }
    struct tcp_time_wait *w = stack_time_wait_at(s, index);
    *w = tcp_time_wait_of(&c->tcb);
    flow_replace(&s->table, FLOW_REF(FLOW_CONN, conn), FLOW_REF(FLOW_TIME_WAIT, index));
    /* Only who closed gets here, and nobody closes what was not accepted. */
    LA_ASSERT(s->env.assert_handler, !(c->bits & CONN_PENDING));
    c->bits = (uint8_t)((c->bits & ~CONN_TABLE) | CONN_WAIT);
    c->owner = index;
    file_wait(s, index);
    if (c->tcb.flags & TCP_F_ACK_NOW) {
        /* A segment came before the ACK of the FIN had left: the record sends it. */
        c->tcb.flags &= ~(uint32_t)TCP_F_ACK_NOW;
        acknowledge(s, w, LA_ACK_FIN);
    }
}

enum la_reason stack_wait_arrives(struct la_stack *s, struct arrival *a, uint32_t index)
{
    struct tcp_time_wait *w = stack_time_wait_at(s, index);
    struct tcp_time_wait_verdict v = tcp_time_wait_arrives(w, &a->seg);

    a->conn = tcp_time_wait_conn(w);
    if (v.action == TCP_TW_REUSE) {
        /* RFC 6191 2, RFC 9293 3.6.1 (MAY-2): only when somebody listens; else the SYN is an old
         * one for all we know, and the wait goes on. */
        const struct bind_entry *b = bind_find(&s->tcp_binds, &a->key.laddr, a->key.lport);
        if (b && stack_endpoint_at(s, b->owner)->kind == ENDPOINT_LISTENER) {
            a->reuses = true;
            a->old_snd_nxt = w->snd_nxt;
            remove_wait(s, index, LA_TRACE_EVENT, LA_TIME_WAIT_REUSED);
            a->conn = 0;
            return stack_nobody_arrives(s, a);
        }
        v = (struct tcp_time_wait_verdict){TCP_TW_ACK, LA_DROP_SYN_SYNCHRONIZED};
    }
    stack_trace_in(s, a, LA_TCP_TIME_WAIT, v.reason);
    switch (v.action) {
    case TCP_TW_RESTART:
        acknowledge(s, w, LA_ACK_TIME_WAIT);
        index_list_remove(&s->waits, index);
        file_wait(s, index);
        note(s, w, LA_TRACE_EVENT, LA_TCP_TIME_WAIT, LA_TIME_WAIT_RESTART, s->time_wait_ms, 0);
        break;
    case TCP_TW_ACK:
        if (a->seg.seg_len != 0 || may_answer(s)) {
            acknowledge(s, w, LA_ACK_UNACCEPTABLE);
        }
        break;
    case TCP_TW_DROP:
    case TCP_TW_REUSE:
        break;
    }
    return v.reason;
}

void stack_wait_timeout(struct la_stack *s)
{
    uint32_t now_ms = tcp_now_ms(&s->env);
    while (s->waits.head &&
           (int32_t)(stack_time_wait_at(s, s->waits.head)->deadline_ms - now_ms) <= 0) {
        remove_wait(s, s->waits.head, LA_TRACE_TIMER, LA_TIMEOUT_TIME_WAIT);
    }
}

uint32_t stack_wait_left_ms(const struct la_stack *s, const struct conn *c)
{
    if (!(c->bits & CONN_WAIT) || c->owner >> s->time_wait.shift >= s->time_wait.chunk_count ||
        !s->time_wait.chunks[c->owner >> s->time_wait.shift].objects) {
        return 0;
    }
    const struct tcp_time_wait *w = stack_time_wait_at(s, c->owner);
    if (tcp_time_wait_conn(w) != c->tcb.conn) {
        return 0;
    }
    int32_t left = (int32_t)(w->deadline_ms - tcp_now_ms(&s->env));
    return left > 0 ? (uint32_t)left : 0;
}

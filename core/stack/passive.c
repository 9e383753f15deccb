/* The passive side: listeners (RFC 9293 3.10.7.2), half-open connections and SYN cookies.
 *
 * Overload drops the SYN or the last ACK and never resets: the peer tries again (RFC 4987 3.1).
 * Invariants: endpoint.half_open counts the listener's records; a record stands in the list of its
 * retry count, which is sorted by deadline because every list has one interval. */
#include "stack/stack.h"

#include "base/mem.h"
#include "tcp/path.h"
#include "tcp/rtt.h"

/* 1, 2, 4 ... 60 s (RFC 6298 5.5, 2.5). */
static uint32_t interval_ms(const struct la_stack *s, uint32_t retries)
{
    const struct la_persona *p = &s->env.persona;
    return tcp_rto_backed_off(p->rto_initial_ms, retries, p->rto_max_ms);
}

uint32_t stack_path_mtu(struct la_stack *s, const struct flow_key *key)
{
    struct ip_path path;
    if (ip_route(&s->ip, &key->raddr, 0, &key->laddr, s->env.now_ns, &path) != LA_OK) {
        return la_addr_is_v4(&key->raddr) ? IP_MTU_MIN_V4 : IP_MTU_MIN_V6;
    }
    return path.mtu;
}

/* Neither SYN-ACKs nor pure ACKs are ECT (RFC 3168 6.1.1, 6.1.4). */
static uint8_t not_ect(uint8_t tos)
{
    return (uint8_t)(tos & ~3);
}

/* ---- half-open records ---------------------------------------------------------------------- */

static void answer(struct la_stack *s, uint32_t index, enum la_reason why)
{
    struct tcp_half_open *h = stack_half_open_at(s, index);
    const struct endpoint *e = stack_endpoint_at(s, h->listener);
    struct wire_tcp syn_ack;
    if (why != LA_SYN_ACK) {
        h->shake.fastopen = 0; /* RFC 7413 4.2.2: what goes again has no Fast Open option */
    }
    tcp_syn_ack(&h->shake, &h->key, &e->options, stack_path_mtu(s, &h->key), &s->env, false,
                &syn_ack);
    syn_ack.flags |= ecn_shake_answer(&h->shake.ecn, h->retries);
    (void)ecn_shake_option(&h->shake.ecn, why != LA_SYN_ACK, &syn_ack);
    stack_reply(s, &h->key, &syn_ack, not_ect(e->options.tos), LA_TCP_SYN_RECEIVED, why, h->conn);
}

static void file_half_open(struct la_stack *s, uint32_t index)
{
    struct tcp_half_open *h = stack_half_open_at(s, index);
    h->deadline_ms = tcp_now_ms(&s->env) + interval_ms(s, h->retries);
    index_list_append(&s->half_lists[h->retries], index);
}

void stack_half_open_remove(struct la_stack *s, uint32_t index)
{
    struct tcp_half_open *h = stack_half_open_at(s, index);
    index_list_remove(&s->half_lists[h->retries], index);
    flow_remove(&s->table, FLOW_REF(FLOW_HALF_OPEN, index));
    stack_endpoint_at(s, h->listener)->half_open--;
    slab_put(&s->half_open, index);
}

/* RFC 1122 4.2.2.13 (a): above all numbers of the connection before, which may have run ahead of
 * the clock. */
void stack_above_old(const struct arrival *a, struct tcp_handshake *shake)
{
    if (a->reuses && seq_le(shake->iss, a->old_snd_nxt)) {
        shake->iss = seq_add(a->old_snd_nxt, 1U << 17);
    }
}

static enum la_reason new_half_open(struct la_stack *s, struct arrival *a, uint32_t listener,
                                    uint8_t fastopen)
{
    struct endpoint *e = stack_endpoint_at(s, listener);
    uint32_t index = slab_get(&s->half_open);
    if (!index) {
        return LA_DROP_NO_MEMORY;
    }
    struct tcp_half_open *h = stack_half_open_at(s, index);
    h->key = a->key;
    h->conn = stack_conn_id(s);
    h->listener = listener;
    h->began_ms = tcp_now_ms(&s->env);
    h->shake = tcp_handshake_of(&a->seg, &a->key, &e->options, &s->env);
    h->shake.fastopen = fastopen;
    stack_above_old(a, &h->shake);
    if (flow_add(&s->table, FLOW_REF(FLOW_HALF_OPEN, index)) != LA_OK) {
        slab_put(&s->half_open, index);
        return LA_DROP_NO_MEMORY;
    }
    e->half_open++;
    file_half_open(s, index);
    a->conn = h->conn;
    stack_trace_peer(s, &h->key, h->conn);
    stack_trace_in(s, a, LA_TCP_SYN_RECEIVED, LA_TAKE_SYN);
    answer(s, index, LA_SYN_ACK);
    return LA_TAKE_SYN;
}

/* The SYN again: answered again, unless it asks for another kind of ECN. */
static void answer_again(struct la_stack *s, const struct arrival *a, uint32_t index)
{
    struct tcp_half_open *h = stack_half_open_at(s, index);
    enum la_ecn wish = (enum la_ecn)stack_endpoint_at(s, h->listener)->options.ecn;
    if (ecn_shake_again(&h->shake.ecn, wish, a->seg.h.flags, ECN_FIELD(a->seg.tos))) {
        answer(s, index, LA_SYN_ACK_AGAIN);
    } else {
        stack_reset_reply(s, a, LA_RST_ECN);
        stack_half_open_remove(s, index);
    }
}

static void challenge_half_open(struct la_stack *s, struct tcp_half_open *h, uint32_t rcv_wnd)
{
    if (h->challenges == UINT8_MAX) {
        return;
    }
    h->challenges++;
    struct wire_tcp ack = {.src_port = h->key.lport,
                           .dst_port = h->key.rport,
                           .seq = seq_add(h->shake.iss, 1).v,
                           .ack = seq_add(h->shake.irs, 1).v,
                           .flags = (uint16_t)(LA_TH_ACK | ecn_shake_flags(&h->shake.ecn)),
                           .wnd = (uint16_t)rcv_wnd};
    if (h->shake.flags & TCP_F_TS) {
        struct wire_tcp like;
        const struct endpoint *e = stack_endpoint_at(s, h->listener);
        tcp_syn_ack(&h->shake, &h->key, &e->options, IP_MTU_MIN_V6, &s->env, false, &like);
        ack.options = WIRE_TCP_TS;
        ack.tsval = like.tsval;
        ack.tsecr = like.tsecr;
    }
    stack_reply(s, &h->key, &ack, 0, LA_TCP_SYN_RECEIVED, LA_CHALLENGE_SYN, h->conn);
}

/* ---- a connection is made ------------------------------------------------------------------- */

/* A control block for a handshake that the third segment of `a` completes, in the table. 0: no
 * memory. `half_open` 0: from a cookie. */
uint32_t stack_accepted_new(struct la_stack *s, const struct arrival *a, uint32_t listener,
                            const struct tcp_handshake *shake, uint32_t half_open)
{
    uint32_t index = stack_conn_new(s);
    if (!index) {
        return 0;
    }
    struct conn *c = stack_conn_at(s, index);
    const struct tcp_half_open *h = half_open ? stack_half_open_at(s, half_open) : NULL;
    const struct endpoint *e = stack_endpoint_at(s, listener);
    uint32_t id = h ? h->conn : stack_conn_id(s);
    if (!tcp_accept_init(&c->tcb, &s->env, &a->key, id, &e->options, stack_path_mtu(s, &a->key),
                         shake, h && h->retries != 0)) {
        slab_put(&s->conns, index);
        return 0;
    }
    c->owner = listener;
    c->link = a->link;
    if (h && h->retries == 0) {
        /* The third segment measures the first round trip (RFC 6298 2.2), to the millisecond. */
        c->tcb.syn_at_us = (h->deadline_ms - interval_ms(s, 0)) * 1000;
        c->tcb.flags |= TCP_F_SYN_TIMED;
    }
    if (h) {
        flow_replace(&s->table, FLOW_REF(FLOW_HALF_OPEN, half_open), FLOW_REF(FLOW_CONN, index));
        index_list_remove(&s->half_lists[h->retries], half_open);
        slab_put(&s->half_open, half_open);
        stack_endpoint_at(s, listener)->half_open--;
    } else if (flow_add(&s->table, FLOW_REF(FLOW_CONN, index)) != LA_OK) {
        tcp_release(&c->tcb, &s->env);
        slab_put(&s->conns, index);
        return 0;
    }
    c->bits |= CONN_TABLE;
    return index;
}

/* The handshake is complete, or need not be (Fast Open): the connection waits for accept. */
void stack_accept_queue_enter(struct la_stack *s, uint32_t index)
{
    struct conn *c = stack_conn_at(s, index);
    struct endpoint *e = stack_endpoint_at(s, c->owner);
    c->ready.next = 0;
    if (e->accept_tail) {
        stack_conn_at(s, e->accept_tail)->ready.next = index;
    } else {
        e->accept_head = index;
    }
    e->accept_tail = index;
    e->accept_count++;
    e->accept_total++;
    c->bits |= CONN_PENDING;
    stack_endpoint_ready(s, c->owner);
}

/* The third segment meets the control block that was made for it. */
static enum la_reason complete(struct la_stack *s, struct arrival *a, uint32_t index)
{
    struct tcb *t = &stack_conn_at(s, index)->tcb;
    enum la_reason verdict = stack_conn_arrives(s, a, index);
    if (t->state >= LA_TCP_ESTABLISHED) {
        stack_accept_queue_enter(s, index);
    } else if (t->state == LA_TCP_SYN_RECEIVED) {
        tcp_end(t, &s->env, LA_ECONNABORTED, verdict);
    }
    return verdict;
}

static bool accept_queue_full(const struct endpoint *e)
{
    return e->accept_count >= e->options.backlog;
}

static enum la_reason drop(struct la_stack *s, struct arrival *a, enum la_reason why)
{
    stack_trace_in(s, a, LA_TCP_SYN_RECEIVED, why);
    return why;
}

/* The listener wants to hear of connections that have data; the peer thinks that it is open. */
static bool deferred(const struct la_stack *s, const struct arrival *a,
                     const struct tcp_half_open *h)
{
    uint32_t wait_s = stack_endpoint_at(s, h->listener)->options.defer_accept_s;
    return wait_s != 0 && a->seg.len == 0 && !(a->seg.h.flags & LA_TH_FIN) &&
           tcp_now_ms(&s->env) - h->began_ms < wait_s * 1000;
}

static enum la_reason establish(struct la_stack *s, struct arrival *a, uint32_t half_open)
{
    struct tcp_half_open *h = stack_half_open_at(s, half_open);
    struct tcp_handshake shake = h->shake;
    if (accept_queue_full(stack_endpoint_at(s, h->listener))) {
        return drop(s, a, LA_DROP_LISTEN_ACCEPT_QUEUE); /* the SYN-ACK goes again, and so on */
    }
    if (deferred(s, a, h)) {
        h->acked = true;
        return drop(s, a, LA_DROP_LISTEN_DEFERRED);
    }
    uint32_t index = stack_accepted_new(s, a, h->listener, &shake, half_open);
    return index ? complete(s, a, index) : drop(s, a, LA_DROP_NO_MEMORY);
}

enum la_reason stack_half_open_error(struct la_stack *s, uint32_t index, const struct ip_error *e)
{
    const struct tcp_half_open *h = stack_half_open_at(s, index);
    if (e->kind == IP_ERR_MTU || e->seq != h->shake.iss.v) {
        return LA_DROP_ICMP_STALE; /* RFC 5927 4.1 */
    }
    stack_half_open_remove(s, index);
    return LA_TAKE_ICMP_ERROR;
}

enum la_reason stack_half_open_arrives(struct la_stack *s, struct arrival *a, uint32_t index)
{
    struct tcp_half_open *h = stack_half_open_at(s, index);
    uint32_t rcvbuf = tcp_rcvbuf_first(&stack_endpoint_at(s, h->listener)->options, &s->env);
    uint32_t rcv_wnd = rcvbuf < UINT16_MAX ? rcvbuf : UINT16_MAX;
    struct tcp_half_open_verdict v = tcp_half_open_arrives(h, rcv_wnd, &a->seg);

    a->conn = h->conn;
    if (v.action == TCP_HALF_ESTABLISH) {
        return establish(s, a, index);
    }
    stack_trace_in(s, a, LA_TCP_SYN_RECEIVED, v.reason);
    switch (v.action) {
    case TCP_HALF_ANSWER:
        answer_again(s, a, index);
        break;
    case TCP_HALF_CHALLENGE:
        challenge_half_open(s, h, rcv_wnd);
        break;
    case TCP_HALF_RESET:
        stack_reset_reply(s, a, LA_RST_BAD_ACK);
        break;
    case TCP_HALF_REMOVE:
        stack_half_open_remove(s, index);
        break;
    case TCP_HALF_DROP:
    case TCP_HALF_ESTABLISH:
        break;
    }
    return v.reason;
}

/* ---- LISTEN --------------------------------------------------------------------------------- */

static uint64_t now_s(const struct la_stack *s)
{
    return s->env.now_ns / 1000000000;
}

static enum la_cookies cookies_of(const struct la_stack *s, const struct endpoint *e)
{
    uint8_t c = e->options.cookies <= LA_COOKIES_NEVER ? e->options.cookies : s->config.cookies;
    return (enum la_cookies)c;
}

static enum la_reason answer_with_cookie(struct la_stack *s, struct arrival *a, struct endpoint *e)
{
    struct tcp_handshake shake = tcp_handshake_of(&a->seg, &a->key, &e->options, &s->env);
    struct wire_tcp syn_ack;
    if (!(shake.flags & TCP_F_TS)) {
        shake.flags = 0; /* nothing but the MSS can be remembered */
        shake.ecn.mode = shake.ecn.mode == ECN_CLASSIC ? ECN_NONE : shake.ecn.mode;
    }
    shake.iss = tcp_cookie_make(&s->cookie_key, &a->key, a->seg.seq, now_s(s), shake.peer_mss,
                                tcp_cookie_bits(&shake));
    e->cookies_until_s = now_s(s) + 2 * TCP_COOKIE_PERIOD_S;
    stack_trace_in(s, a, LA_TCP_LISTEN, LA_TAKE_SYN);
    tcp_syn_ack(&shake, &a->key, &e->options, stack_path_mtu(s, &a->key), &s->env, true, &syn_ack);
    syn_ack.flags |= ecn_shake_answer(&shake.ecn, 0);
    (void)ecn_shake_option(&shake.ecn, false, &syn_ack);
    stack_reply(s, &a->key, &syn_ack, not_ect(e->options.tos), LA_TCP_LISTEN, LA_SYN_COOKIE, 0);
    return LA_TAKE_SYN;
}

static enum la_reason syn_arrives(struct la_stack *s, struct arrival *a, uint32_t listener)
{
    struct endpoint *e = stack_endpoint_at(s, listener);
    enum la_cookies cookies = cookies_of(s, e);
    if (accept_queue_full(e)) {
        stack_trace_in(s, a, LA_TCP_LISTEN, LA_DROP_LISTEN_ACCEPT_QUEUE);
        return LA_DROP_LISTEN_ACCEPT_QUEUE;
    }
    uint8_t fastopen = 0;
    if (s->env.persona.fastopen & LA_FASTOPEN_SERVER) {
        enum la_reason taken = stack_fastopen_arrives(s, a, listener, &fastopen);
        if (taken != LA_NONE) {
            return taken;
        }
    }
    bool full = e->half_open >= e->options.half_open_max;
    if (cookies == LA_COOKIES_ALWAYS || (full && cookies == LA_COOKIES_AUTO)) {
        return answer_with_cookie(s, a, e);
    }
    enum la_reason verdict =
        full ? LA_DROP_LISTEN_SYN_QUEUE : new_half_open(s, a, listener, fastopen);
    if (verdict == LA_DROP_NO_MEMORY && cookies == LA_COOKIES_AUTO) {
        return answer_with_cookie(s, a, e);
    }
    if (verdict != LA_TAKE_SYN) {
        stack_trace_in(s, a, LA_TCP_LISTEN, verdict);
    }
    return verdict;
}

static enum la_reason cookie_arrives(struct la_stack *s, struct arrival *a, uint32_t listener)
{
    struct endpoint *e = stack_endpoint_at(s, listener);
    struct tcp_handshake shake;
    if (!tcp_cookie_check(&s->cookie_key, &a->seg, &a->key, now_s(s), &shake)) {
        stack_trace_in(s, a, LA_TCP_LISTEN, LA_DROP_COOKIE);
        stack_reset_reply(s, a, LA_RST_NO_CONNECTION);
        return LA_DROP_COOKIE;
    }
    if (accept_queue_full(e)) {
        return drop(s, a, LA_DROP_LISTEN_ACCEPT_QUEUE);
    }
    shake.ecn = ecn_shake_of_cookie((enum la_ecn)e->options.ecn, shake.ecn.mode == ECN_CLASSIC,
                                    a->seg.h.flags);
    uint32_t index = stack_accepted_new(s, a, listener, &shake, 0);
    if (!index) {
        return drop(s, a, LA_DROP_NO_MEMORY);
    }
    stack_trace_peer(s, &a->key, stack_conn_at(s, index)->tcb.conn);
    enum la_reason verdict = complete(s, a, index);
    return verdict == LA_TAKE_HANDSHAKE_ACK ? LA_TAKE_COOKIE : verdict;
}

enum la_reason stack_listen_arrives(struct la_stack *s, struct arrival *a, uint32_t endpoint)
{
    struct endpoint *e = stack_endpoint_at(s, endpoint);
    struct tcp_listen_verdict v = tcp_listen_arrives(&a->seg, e->cookies_until_s > now_s(s));
    if (v.action == TCP_LISTEN_SYN && (a->seg.h.flags & LA_TH_FIN) &&
        s->env.persona.syn_fin_dropped) {
        v = (struct tcp_listen_verdict){TCP_LISTEN_DROP, LA_DROP_LISTEN_OTHER};
    }
    switch (v.action) {
    case TCP_LISTEN_SYN:
        return syn_arrives(s, a, endpoint);
    case TCP_LISTEN_COOKIE:
        return cookie_arrives(s, a, endpoint);
    case TCP_LISTEN_RESET:
        stack_trace_in(s, a, LA_TCP_LISTEN, v.reason);
        stack_reset_reply(s, a, LA_RST_NO_CONNECTION);
        return v.reason;
    case TCP_LISTEN_DROP:
        break;
    }
    stack_trace_in(s, a, LA_TCP_LISTEN, v.reason);
    return v.reason;
}

/* ---- time ----------------------------------------------------------------------------------- */

static void half_open_due(struct la_stack *s, uint32_t index)
{
    struct tcp_half_open *h = stack_half_open_at(s, index);
    const struct endpoint *e = stack_endpoint_at(s, h->listener);
    struct la_trace_record r = {.time_ns = s->env.now_ns,
                                .conn = h->conn,
                                .seq = interval_ms(s, h->retries),
                                .len = h->retries,
                                .reason = LA_TIMEOUT_RTX,
                                .what_state = LA_TRACE_PACK(LA_TRACE_TIMER, LA_TCP_SYN_RECEIVED)};
    uint32_t most =
        e->options.syn_retries < HALF_OPEN_RETRIES ? e->options.syn_retries : HALF_OPEN_RETRIES;
    if (h->retries >= most) {
        r.reason = LA_TIMEOUT_HALF_OPEN; /* RFC 9293 3.8.3 */
        trace_put(&s->trace, NULL, &r);
        stack_half_open_remove(s, index);
        return;
    }
    trace_put(&s->trace, NULL, &r);
    index_list_remove(&s->half_lists[h->retries], index);
    h->retries++;
    file_half_open(s, index);
    if (!h->acked || tcp_now_ms(&s->env) - h->began_ms >= e->options.defer_accept_s * 1000) {
        answer(s, index, LA_SYN_ACK_AGAIN); /* who waits for data to be accepted has heard it */
    }
}

void stack_half_open_timeout(struct la_stack *s)
{
    uint32_t now_ms = tcp_now_ms(&s->env);
    for (unsigned i = 0; i <= HALF_OPEN_RETRIES; i++) {
        struct index_list *l = &s->half_lists[i];
        while (l->head && (int32_t)(stack_half_open_at(s, l->head)->deadline_ms - now_ms) <= 0) {
            half_open_due(s, l->head);
        }
    }
}

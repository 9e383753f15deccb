/* Stories with two ends: what a simulator would tell a chart, made by hand.
 *
 * Sequence numbers are relative (SYN = 0), time is in microseconds. Each segment is told as the
 * sender's OUT record, the packet on the wire, and the receiver's IN record; states follow from
 * what the story says. */
#ifndef TESTS_VIEW_CHART_STORY_H
#define TESTS_VIEW_CHART_STORY_H

#include <string.h>

#include <lastack/chart.h>
#include <lastack/err.h>

#define L LA_CHART_LEFT
#define R LA_CHART_RIGHT

#define SYN LA_TH_SYN
#define ACK LA_TH_ACK
#define FIN LA_TH_FIN
#define RST LA_TH_RST
#define PSH LA_TH_PSH

struct telling {
    struct la_chart *c;
    bool zh;
    uint64_t now_us;
    uint64_t flight_us;
    uint32_t iss[2];
    uint16_t port[2];
    uint32_t conn[2];
    uint8_t state[2];
    uint32_t serial;
};

static inline void tell_begin(struct telling *t, struct la_chart *c, bool zh)
{
    *t = (struct telling){
        .c = c,
        .zh = zh,
        .flight_us = 25000,
        .iss = {4294967290u, 300},
        .port = {40000, 80},
        .conn = {1, 1},
        .state = {LA_TCP_CLOSED, LA_TCP_LISTEN},
    };
    la_chart_end(c, L, zh ? "客户端" : "client", "10.0.0.1:40000");
    la_chart_end(c, R, zh ? "服务器" : "server", "10.0.0.2:80");
    la_chart_begins(c, 0);
}

static inline struct la_trace_record tell_record(struct telling *t, int end, uint64_t us,
                                                 unsigned what, enum la_reason why)
{
    return (struct la_trace_record){
        .time_ns = us * 1000,
        .serial = t->serial++,
        .conn = t->conn[end],
        .reason = (uint8_t)why,
        .what_state = LA_TRACE_PACK(what, t->state[end]),
    };
}

static inline void tell_state_at(struct telling *t, int end, uint64_t us, unsigned state,
                                 enum la_reason why)
{
    struct la_trace_record r;

    if (t->state[end] == state)
        return;
    r = tell_record(t, end, us, LA_TRACE_STATE, why);
    r.len = t->state[end];
    r.what_state = LA_TRACE_PACK(LA_TRACE_STATE, state);
    r.seq = state == LA_TCP_TIME_WAIT ? 60000 : 0;
    t->state[end] = (uint8_t)state;
    la_chart_records(t->c, end, &r, 1, true);
}

static inline void tell_call(struct telling *t, int end, enum la_reason why, int32_t result,
                             unsigned state)
{
    struct la_trace_record r = tell_record(t, end, t->now_us, LA_TRACE_CALL, why);

    r.seq = (uint32_t)result;
    la_chart_records(t->c, end, &r, 1, true);
    tell_state_at(t, end, t->now_us, state, why);
}

static inline void tell_timer(struct telling *t, int end, enum la_reason why, uint32_t ms,
                              uint16_t backoff)
{
    struct la_trace_record r = tell_record(t, end, t->now_us, LA_TRACE_TIMER, why);

    r.seq = ms;
    r.len = backoff;
    la_chart_records(t->c, end, &r, 1, true);
}

static inline void tell_event(struct telling *t, int end, enum la_reason why)
{
    struct la_trace_record r = tell_record(t, end, t->now_us, LA_TRACE_EVENT, why);

    la_chart_records(t->c, end, &r, 1, true);
}

static inline void tell_note(struct telling *t, enum la_chart_end where, const char *en,
                             const char *zh)
{
    la_chart_note(t->c, where, t->now_us * 1000, t->zh ? zh : en);
}

struct segment {
    int from;
    uint16_t flags;
    uint32_t seq, ack, len;
    enum la_reason why;
    unsigned state; /* of the sender before it, as OUT records have it; 0: as it is */
    uint16_t wnd;
    uint8_t marks;
};

static inline uint32_t tell_sent(struct telling *t, struct segment s)
{
    const int from = s.from;
    struct la_chart_packet p = {
        .from = (enum la_chart_end)from,
        .sent_ns = t->now_us * 1000,
        .marks = s.marks,
        .h = {.src = la_addr_v4(10, 0, 0, (uint8_t)(1 + from)),
              .dst = la_addr_v4(10, 0, 0, (uint8_t)(2 - from)),
              .src_port = t->port[from],
              .dst_port = t->port[1 - from],
              .protocol = 6,
              .flags = s.flags,
              .seq = t->iss[from] + s.seq,
              .ack = (s.flags & ACK) != 0 ? t->iss[1 - from] + s.ack : 0,
              .len = s.len,
              .wnd = (s.flags & SYN) != 0 ? 65535
                     : s.wnd != 0         ? s.wnd
                                          : 512,
              .options = (s.flags & SYN) != 0 ? LA_CHART_OPT_MSS | LA_CHART_OPT_WSCALE |
                                                    LA_CHART_OPT_TS | LA_CHART_OPT_SACK_OK
                                              : 0,
              .mss = 1460,
              .wscale = 7},
    };
    struct la_trace_record r = tell_record(t, from, t->now_us, LA_TRACE_OUT, s.why);

    if (s.wnd == 1)
        p.h.wnd = 0;
    r.seq = p.h.seq;
    r.ack = p.h.ack;
    r.len = (uint16_t)s.len;
    r.wnd = p.h.wnd;
    r.flags = s.flags;
    if (s.state != 0)
        r.what_state = LA_TRACE_PACK(LA_TRACE_OUT, s.state);
    if (s.why != LA_NONE)
        la_chart_records(t->c, from, &r, 1, true);
    return la_chart_packet(t->c, &p);
}

/* It arrives now. */
static inline void tell_arrives(struct telling *t, uint32_t number, struct segment s,
                                uint64_t at_us, unsigned state, enum la_reason verdict)
{
    const int to = 1 - s.from;
    struct la_trace_record r;

    la_chart_arrived(t->c, number, at_us * 1000, 0, LA_NONE);
    tell_state_at(t, to, at_us, state, verdict);
    r = tell_record(t, to, at_us, LA_TRACE_IN, verdict);
    r.seq = t->iss[s.from] + s.seq;
    r.ack = (s.flags & ACK) != 0 ? t->iss[to] + s.ack : 0;
    r.len = (uint16_t)s.len;
    r.wnd = (s.flags & SYN) != 0 ? 65535 : s.wnd == 1 ? 0 : s.wnd != 0 ? s.wnd : 512;
    r.flags = s.flags;
    la_chart_records(t->c, to, &r, 1, true);
}

/* Sent now, and the clock goes on to its arrival. */
static inline void tell(struct telling *t, struct segment s, unsigned state, enum la_reason verdict)
{
    uint32_t number = tell_sent(t, s);

    t->now_us += t->flight_us;
    tell_arrives(t, number, s, t->now_us, state, verdict);
}

static inline void tell_lost(struct telling *t, struct segment s)
{
    la_chart_lost(t->c, tell_sent(t, s), (t->now_us + t->flight_us * 6 / 10) * 1000, LA_CHART_LOST,
                  NULL);
}

/* ---- what several stories share ---- */

#define ESTAB LA_TCP_ESTABLISHED

static inline void tell_listen(struct telling *t)
{
    tell_call(t, R, LA_CALL_LISTEN, 0, LA_TCP_LISTEN);
}

static inline void tell_open(struct telling *t)
{
    tell_call(t, L, LA_CALL_OPEN, 0, LA_TCP_SYN_SENT);
    tell(t, (struct segment){L, SYN, 0, 0, 0, LA_SYN}, LA_TCP_SYN_RECEIVED, LA_TAKE_SYN);
    tell(t, (struct segment){R, SYN | ACK, 0, 1, 0, LA_SYN_ACK}, ESTAB, LA_TAKE_SYN_ACK);
    tell(t, (struct segment){L, ACK, 1, 1, 0, LA_HANDSHAKE_ACK}, ESTAB, LA_TAKE_HANDSHAKE_ACK);
    tell_call(t, R, LA_CALL_ACCEPT, 0, ESTAB);
}

/* The left end closes first, the right one at once. */
static inline void tell_close(struct telling *t, uint32_t seq, uint32_t got)
{
    struct segment fin = {R, FIN | ACK, got, seq + 1, 0, LA_FIN, LA_TCP_LAST_ACK};
    struct segment ack = {R, ACK, got, seq + 1, 0, LA_ACK_FIN};
    uint32_t first, second;

    tell_call(t, L, LA_CALL_CLOSE, 0, LA_TCP_FIN_WAIT_1);
    tell(t, (struct segment){L, FIN | ACK, seq, got, 0, LA_FIN}, LA_TCP_CLOSE_WAIT, LA_TAKE_FIN);
    first = tell_sent(t, ack);
    t->now_us += 10000;
    tell_call(t, R, LA_CALL_CLOSE, 0, LA_TCP_LAST_ACK);
    second = tell_sent(t, fin);
    t->now_us += t->flight_us;
    tell_arrives(t, first, ack, t->now_us - 10000, LA_TCP_FIN_WAIT_2, LA_TAKE_ACK_FIN);
    tell_arrives(t, second, fin, t->now_us, LA_TCP_TIME_WAIT, LA_TAKE_FIN);
    tell(t, (struct segment){L, ACK, seq + 1, got + 1, 0, LA_ACK_FIN}, LA_TCP_CLOSED,
         LA_TAKE_ACK_FIN);
}

static inline void tell_wait_ends(struct telling *t)
{
    t->now_us += 60000000 - t->flight_us;
    tell_timer(t, L, LA_TIMEOUT_TIME_WAIT, 60000, 0);
    tell_state_at(t, L, t->now_us, LA_TCP_CLOSED, LA_TIMEOUT_TIME_WAIT);
}

#endif

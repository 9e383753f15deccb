/* Stories: trace records as the core writes them, made by hand.
 *
 * Sequence numbers are relative to the initial ones (SYN = 0) on both sides, time is in
 * microseconds since the story's beginning. A story whose name says so shows a figure of
 * RFC 9293, this end being "TCP Peer A". */
#ifndef TESTS_VIEW_STORY_H
#define TESTS_VIEW_STORY_H

#include <string.h>

#include <lastack/err.h>
#include <lastack/trace.h>

#define STORY_ISS 4294967290u /* wraps soon */
#define STORY_IRS 300u

struct story {
    struct la_trace_record records[4096];
    size_t n;
    uint32_t conn;
    uint64_t now_ns;
};

static inline struct la_trace_record *story_record(struct story *s, unsigned what, unsigned state,
                                                   enum la_reason reason)
{
    struct la_trace_record *r = &s->records[s->n];

    *r = (struct la_trace_record){
        .time_ns = s->now_ns,
        .serial = (uint32_t)s->n + 4294967000u,
        .conn = s->conn,
        .reason = (uint8_t)reason,
        .what_state = LA_TRACE_PACK(what, state),
    };
    s->n++;
    return r;
}

static inline void story_begin(struct story *s, uint16_t here, uint16_t there)
{
    struct la_trace_record *r;

    memset(s, 0, sizeof(*s));
    s->conn = 7;
    s->now_ns = UINT64_C(5000000000);
    r = story_record(s, LA_TRACE_PEER, LA_TCP_CLOSED, LA_NONE);
    r->seq = 0x0a570001;
    r->ack = (uint32_t)here << 16 | there;
}

static inline void story_wait(struct story *s, uint64_t us)
{
    s->now_ns += us * 1000;
}

static inline void story_out(struct story *s, unsigned state, enum la_reason reason, uint16_t flags,
                             uint32_t seq, uint32_t ack, uint16_t len)
{
    struct la_trace_record *r = story_record(s, LA_TRACE_OUT, state, reason);

    r->flags = flags;
    r->seq = STORY_ISS + seq;
    r->ack = (flags & LA_TH_ACK) != 0 ? STORY_IRS + ack : 0;
    r->len = len;
    r->wnd = (flags & LA_TH_SYN) != 0 ? 65535 : 512;
}

static inline void story_in(struct story *s, unsigned state, enum la_reason reason, uint16_t flags,
                            uint32_t seq, uint32_t ack, uint16_t len)
{
    struct la_trace_record *r = story_record(s, LA_TRACE_IN, state, reason);

    r->flags = flags;
    r->seq = STORY_IRS + seq;
    r->ack = (flags & LA_TH_ACK) != 0 ? STORY_ISS + ack : 0;
    r->len = len;
    r->wnd = (flags & LA_TH_SYN) != 0 ? 64240 : 502;
}

static inline void story_options(struct story *s, enum la_reason reason)
{
    struct la_trace_record *r = story_record(s, LA_TRACE_OPTIONS, 0, reason);

    r->seq = 1460;
    r->len = 7;
    r->flags = LA_TRACE_OPT_TIMESTAMPS | LA_TRACE_OPT_SACK;
}

static inline void story_state(struct story *s, unsigned old, unsigned new, enum la_reason reason)
{
    story_record(s, LA_TRACE_STATE, new, reason)->len = (uint16_t)old;
}

static inline void story_time_wait(struct story *s, unsigned old, uint32_t ms)
{
    story_state(s, old, LA_TCP_TIME_WAIT, LA_TAKE_FIN);
    s->records[s->n - 1].seq = ms;
}

static inline void story_timer(struct story *s, unsigned state, enum la_reason reason, uint32_t ms,
                               uint16_t backoff)
{
    struct la_trace_record *r = story_record(s, LA_TRACE_TIMER, state, reason);

    r->seq = ms;
    r->len = backoff;
}

static inline void story_call(struct story *s, unsigned state, enum la_reason reason,
                              int32_t result)
{
    story_record(s, LA_TRACE_CALL, state, reason)->seq = (uint32_t)result;
}

/* ---- what several stories share ---- */

#define SYN LA_TH_SYN
#define ACK LA_TH_ACK
#define FIN LA_TH_FIN
#define RST LA_TH_RST
#define PSH LA_TH_PSH

/* RFC 9293 figure 6, this end active. */
static inline void story_open(struct story *s)
{
    story_begin(s, 40000, 5000);
    story_call(s, LA_TCP_CLOSED, LA_CALL_OPEN, 0);
    story_state(s, LA_TCP_CLOSED, LA_TCP_SYN_SENT, LA_CALL_OPEN);
    story_out(s, LA_TCP_SYN_SENT, LA_SYN, SYN, 0, 0, 0);
    story_options(s, LA_SYN);
    story_wait(s, 85);
    story_state(s, LA_TCP_SYN_SENT, LA_TCP_ESTABLISHED, LA_TAKE_SYN_ACK);
    story_in(s, LA_TCP_ESTABLISHED, LA_TAKE_SYN_ACK, SYN | ACK, 0, 1, 0);
    story_options(s, LA_TAKE_SYN_ACK);
    story_out(s, LA_TCP_ESTABLISHED, LA_HANDSHAKE_ACK, ACK, 1, 1, 0);
}

/* The same seen from a listener. */
static inline void story_open_passive(struct story *s)
{
    story_begin(s, 5000, 40000);
    story_state(s, LA_TCP_LISTEN, LA_TCP_SYN_RECEIVED, LA_TAKE_SYN);
    story_in(s, LA_TCP_SYN_RECEIVED, LA_TAKE_SYN, SYN, 0, 0, 0);
    story_options(s, LA_TAKE_SYN);
    story_out(s, LA_TCP_SYN_RECEIVED, LA_SYN_ACK, SYN | ACK, 0, 1, 0);
    story_options(s, LA_SYN_ACK);
    story_wait(s, 64);
    story_state(s, LA_TCP_SYN_RECEIVED, LA_TCP_ESTABLISHED, LA_TAKE_HANDSHAKE_ACK);
    story_in(s, LA_TCP_ESTABLISHED, LA_TAKE_HANDSHAKE_ACK, ACK, 1, 1, 0);
    story_call(s, LA_TCP_ESTABLISHED, LA_CALL_ACCEPT, 0);
}

static inline void story_time_wait_ends(struct story *s, uint64_t us)
{
    story_wait(s, us);
    story_timer(s, LA_TCP_TIME_WAIT, LA_TIMEOUT_TIME_WAIT, 0, 0);
    story_state(s, LA_TCP_TIME_WAIT, LA_TCP_CLOSED, LA_TIMEOUT_TIME_WAIT);
}

/* RFC 9293 figure 12; here `seq` is what this end has sent, `got` what the peer has. */
static inline void story_close(struct story *s, uint32_t seq, uint32_t got)
{
    story_wait(s, 1000);
    story_call(s, LA_TCP_ESTABLISHED, LA_CALL_CLOSE, 0);
    story_state(s, LA_TCP_ESTABLISHED, LA_TCP_FIN_WAIT_1, LA_CALL_CLOSE);
    story_out(s, LA_TCP_FIN_WAIT_1, LA_FIN, FIN | ACK, seq, got, 0);
    story_wait(s, 73);
    story_state(s, LA_TCP_FIN_WAIT_1, LA_TCP_FIN_WAIT_2, LA_TAKE_ACK);
    story_in(s, LA_TCP_FIN_WAIT_2, LA_TAKE_ACK, ACK, got, seq + 1, 0);
    story_wait(s, 250);
    story_time_wait(s, LA_TCP_FIN_WAIT_2, 2000);
    story_in(s, LA_TCP_TIME_WAIT, LA_TAKE_FIN, FIN | ACK, got, seq + 1, 0);
    story_out(s, LA_TCP_TIME_WAIT, LA_ACK_FIN, ACK, seq + 1, got + 1, 0);
}

static inline void story_data(struct story *s)
{
    story_call(s, LA_TCP_ESTABLISHED, LA_CALL_SEND, 1460);
    story_out(s, LA_TCP_ESTABLISHED, LA_DATA, PSH | ACK, 1, 1, 1460);
    story_wait(s, 50);
    story_in(s, LA_TCP_ESTABLISHED, LA_TAKE_ACK, ACK, 1, 1461, 0);
}

#endif

/* TIME-WAIT: how long it lasts, what segments do to it, who may end it early, and that everything
 * is free afterwards (RFC 9293 3.6.1, 3.10.7.4; RFC 1337; RFC 6191). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/stack_peer.h"

static struct peer p;
static la_handle listener, conn;
static uint32_t snd, rcv; /* of the peer: what it sends next, what it expects */
static bool v6, ts;

static struct la_addr from(void)
{
    return peer_addr(v6, 2);
}

static struct peer_segment seg(uint32_t seq, uint32_t ack, uint16_t flags, uint32_t tsval)
{
    struct peer_segment s = peer_segment(from(), 1000, seq, ack, flags);
    s.h.options = ts ? WIRE_TCP_TS : 0;
    s.h.tsval = tsval;
    return s;
}

static enum la_reason send(uint32_t seq, uint32_t ack, uint16_t flags, uint32_t tsval)
{
    struct peer_segment s = seg(seq, ack, flags, tsval);
    return peer_send(&p, &s);
}

/* A connection from port `sport` that the stack closes first; it is in TIME-WAIT then. */
static void to_time_wait(uint16_t sport, uint32_t isn, bool keep)
{
    snd = isn;
    (void)peer_connect(&p, from(), sport, ts ? WIRE_TCP_TS : 0, &snd, &rcv);
    assert_int_equal(la_tcp_accept(p.stack, listener, &conn), 0);
    assert_int_equal(keep ? la_tcp_shutdown(p.stack, conn) : la_tcp_close(p.stack, conn), 0);
    assert_int_equal(peer_pull(&p), 1);
    assert_true(p.out[0].tcp.flags & LA_TH_FIN);
    rcv += 1;
    struct peer_segment s = seg(snd, rcv, LA_TH_FIN | LA_TH_ACK, 5002);
    s.h.src_port = sport;
    assert_int_equal(peer_send(&p, &s), LA_TAKE_FIN);
    snd += 1;
    assert_int_equal(p.count, 1);
    assert_int_equal(p.out[0].tcp.ack, snd);
}

static uint64_t later_ns; /* how long the stack has run before anything happens */

static void begin(uint32_t isn, const struct la_config *c)
{
    struct la_endpoint any = {.addr = la_addr_any_v6(), .port = 80};
    peer_init(&p, c);
    (void)peer_run(&p, later_ns);
    assert_int_equal(la_tcp_listen(p.stack, &any, NULL, &listener), 0);
    to_time_wait(1000, isn, true);
}

static uint32_t waits(void)
{
    struct la_stack_stats st;
    la_stack_stats(p.stack, &st);
    return st.time_wait;
}

static enum la_tcp_state state_of(la_handle h)
{
    struct la_tcp_info info;
    assert_int_equal(la_tcp_info(p.stack, h, &info), 0);
    return (enum la_tcp_state)info.state;
}

/* RFC 9293 MUST-13: 2 MSL, or what the configuration says. */
static void test_length(void **state)
{
    (void)state;
    static const struct {
        unsigned msl_s, wait_s, want_s;
    } rows[] = {{30, 0, 60}, {120, 0, 240}, {2, 0, 4},
                {30, 7, 7},  {0, 120, 120}, {600 * 3600, 0, 24 * 86400}};
    for (unsigned k = 0; k < 12; k++) {
        unsigned i = k % 6;
        struct la_config c = peer_config(&p);
        struct la_tcp_info info;
        c.msl_ns = rows[i].msl_s * LA_NS_PER_S;
        c.time_wait_ns = rows[i].wait_s * LA_NS_PER_S;
        v6 = (i & 1) != 0;
        /* Also where the clock of milliseconds wraps, after 49 days. */
        later_ns = k < 6 ? 0 : ((UINT64_C(1) << 32) - 1001000) * LA_NS_PER_MS;
        begin(77, &c);
        later_ns = 0;
        uint64_t want_ns = rows[i].want_s * LA_NS_PER_S;
        assert_int_equal(la_stack_next_deadline(p.stack), p.now_ns + want_ns);
        assert_int_equal(la_tcp_info(p.stack, conn, &info), 0);
        assert_int_equal(info.time_wait_left_ms, rows[i].want_s * 1000);
        assert_int_equal(peer_run(&p, want_ns - LA_NS_PER_MS), 0);
        assert_int_equal(state_of(conn), LA_TCP_TIME_WAIT);
        assert_int_equal(waits(), 1);
        (void)peer_run(&p, LA_NS_PER_MS);
        assert_int_equal(state_of(conn), LA_TCP_CLOSED);
        assert_int_equal(waits(), 0);
        assert_int_equal(la_stack_counter(p.stack, LA_TIMEOUT_TIME_WAIT), 1);
        assert_int_equal(la_stack_memory(p.stack, LA_MEM_TIME_WAIT), 0);
        assert_int_equal(la_stack_next_deadline(p.stack), UINT64_MAX);
        assert_int_equal(la_tcp_close(p.stack, conn), 0);
        assert_int_equal(la_stack_memory(p.stack, LA_MEM_CONNECTIONS), 0);
        peer_end(&p);
    }
}

/* Nothing but the FIN itself prolongs the wait, and nothing ends it (RFC 1337 3; I15). */
static void assassins(uint32_t isn)
{
    begin(isn, NULL);
    (void)peer_run(&p, 20 * LA_NS_PER_S);
    const struct {
        uint32_t seq, ack;
        uint16_t flags;
        uint32_t tsval;
        unsigned answers;
        enum la_reason verdict;
    } rows[] = {
        {snd, 0, LA_TH_RST, 5003, 0, LA_DROP_TIME_WAIT_RST},
        {snd + 10, 0, LA_TH_RST, 5003, 0, LA_DROP_TIME_WAIT_RST},
        {snd, rcv, LA_TH_RST | LA_TH_ACK, 0, 0, LA_DROP_TIME_WAIT_RST},
        {snd, rcv, LA_TH_ACK, 5003, 0, LA_DROP_TIME_WAIT},
        {snd, rcv + 9, LA_TH_ACK, 5003, 0, LA_DROP_TIME_WAIT},
        {snd - 100, 0, LA_TH_SYN, 5001, 1, LA_DROP_SYN_SYNCHRONIZED},
        {snd + 100, rcv, LA_TH_SYN | LA_TH_ACK, 6000, 1, LA_DROP_SYN_SYNCHRONIZED},
        {snd - 100, rcv, LA_TH_FIN | LA_TH_ACK, 5003, 1, LA_DROP_TIME_WAIT},
    };
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal(send(rows[i].seq, rows[i].ack, rows[i].flags, rows[i].tsval),
                         rows[i].verdict);
        assert_int_equal(p.count, rows[i].answers);
        if (p.count) {
            assert_int_equal(p.out[0].tcp.flags, LA_TH_ACK);
            assert_int_equal(p.out[0].tcp.seq, rcv);
            assert_int_equal(p.out[0].tcp.ack, snd);
        }
        assert_int_equal(waits(), 1);
    }
    /* Old data are acknowledged, and not taken. */
    struct peer_segment old = seg(snd - 11, rcv, LA_TH_ACK, 5003);
    old.data = "0123456789";
    old.len = 10;
    assert_int_equal(peer_send(&p, &old), LA_DROP_TIME_WAIT);
    assert_int_equal(p.count, 1);
    assert_int_equal(la_tcp_recv(p.stack, conn, &(char){0}, 1, 0), 0);
    struct la_tcp_info info;
    assert_int_equal(la_tcp_info(p.stack, conn, &info), 0);
    assert_int_equal(info.time_wait_left_ms, 40000);
    /* "Acknowledge it, and restart the 2 MSL timeout", as often as it comes. */
    for (unsigned i = 0; i < 3; i++) {
        (void)peer_run(&p, 30 * LA_NS_PER_S);
        assert_int_equal(send(snd - 1, rcv, LA_TH_FIN | LA_TH_ACK, 5004), LA_TAKE_FIN_AGAIN);
        assert_int_equal(p.count, 1);
        assert_int_equal(p.out[0].reason, LA_ACK_TIME_WAIT);
        assert_int_equal(p.out[0].tcp.ack, snd);
        assert_int_equal(la_tcp_info(p.stack, conn, &info), 0);
        assert_int_equal(info.time_wait_left_ms, 60000);
    }
    (void)peer_run(&p, 60 * LA_NS_PER_S);
    assert_int_equal(waits(), 0);
    peer_end(&p);
}

static void test_assassination(void **state)
{
    (void)state;
    static const uint32_t isns[] = {0, 1000, 0x7ffffff0, 0xfffffff0, 0xffffffff};
    for (unsigned i = 0; i < 20; i++) {
        v6 = (i & 1) != 0;
        ts = (i & 2) != 0;
        assassins(isns[i / 4]);
    }
}

/* A new SYN takes the place over: with a newer timestamp whatever its number (RFC 6191 2, SHLD-4),
 * without timestamps with a number above the old ones (RFC 9293 3.6.1, MAY-2). When only the new
 * one has timestamps, nothing old can pass for it. */
static void test_reuse(void **state)
{
    (void)state;
    const struct {
        bool ts, syn_ts;
        int32_t seq; /* from RCV.NXT */
        int32_t tsval;
        bool reused;
    } rows[] = {
        {true, true, 100, 1, true},        {true, true, -100, 1, true},
        {true, true, -100, 1000000, true}, {true, true, 100, 0, true},
        {true, true, -100, 0, false},      {true, true, 100, -1, false},
        {true, false, 100, 0, true},       {true, false, -100, 0, false},
        {false, false, 1, 0, true},        {false, false, 0x7ffffff0, 0, true},
        {false, false, 0, 0, false},       {false, false, -1, 0, false},
        {false, true, 100, 5, true},       {false, true, -100, 5, true},
    };
    for (unsigned i = 0; i < 2 * sizeof(rows) / sizeof(rows[0]); i++) {
        unsigned k = i / 2;
        v6 = (i & 1) != 0;
        ts = rows[k].ts;
        begin(0xfffffff0, NULL);
        uint32_t seq = snd + (uint32_t)rows[k].seq;
        struct peer_segment s = seg(seq, 0, LA_TH_SYN, 5002 + (uint32_t)rows[k].tsval);
        s.h.options = rows[k].syn_ts ? WIRE_TCP_TS : 0;
        enum la_reason verdict = peer_send(&p, &s);
        assert_int_equal(verdict, rows[k].reused ? LA_TAKE_SYN : LA_DROP_SYN_SYNCHRONIZED);
        assert_int_equal(p.count, 1);
        assert_int_equal(waits(), rows[k].reused ? 0 : 1);
        assert_int_equal(la_stack_counter(p.stack, LA_TIME_WAIT_REUSED), rows[k].reused);
        if (rows[k].reused) {
            struct wire_tcp a = p.out[0].tcp;
            assert_int_equal(a.flags, LA_TH_SYN | LA_TH_ACK);
            assert_true((int32_t)(a.seq - rcv) > 0); /* RFC 1122 4.2.2.13 (a) */
            s = seg(seq + 1, a.seq + 1, LA_TH_ACK, 5003 + (uint32_t)rows[k].tsval);
            s.h.options = a.options & WIRE_TCP_TS;
            assert_int_equal(peer_send(&p, &s), LA_TAKE_HANDSHAKE_ACK);
            la_handle h;
            assert_int_equal(la_tcp_accept(p.stack, listener, &h), 0);
            assert_int_equal(state_of(h), LA_TCP_ESTABLISHED);
            assert_int_equal(state_of(conn), LA_TCP_CLOSED); /* the old one's handle */
        }
        peer_end(&p);
    }
}

/* MAY-2 (a): the new connection's first number is above all of the old one's, also when those ran
 * ahead of the clock that chooses numbers. */
static void test_reuse_number(void **state)
{
    (void)state;
    static uint8_t bytes[20000];
    for (unsigned i = 0; i < 2; i++) {
        struct la_endpoint any = {.addr = la_addr_any_v6(), .port = 80};
        v6 = i == 1;
        ts = true;
        peer_init(&p, NULL);
        assert_int_equal(la_tcp_listen(p.stack, &any, NULL, &listener), 0);
        snd = 1000;
        (void)peer_connect(&p, from(), 1000, WIRE_TCP_TS, &snd, &rcv);
        assert_int_equal(la_tcp_accept(p.stack, listener, &conn), 0);
        for (unsigned sent = 0; sent < 1000000;) { /* in no time at all */
            int64_t n = la_tcp_send(p.stack, conn, bytes, sizeof(bytes), 0);
            sent += n > 0 ? (unsigned)n : 0;
            if (peer_pull(&p)) {
                const struct peer_packet *last = &p.out[p.count - 1];
                rcv = last->tcp.seq + (uint32_t)last->payload_len;
            }
            (void)send(snd, rcv, LA_TH_ACK, 5001);
            if (p.count) {
                const struct peer_packet *last = &p.out[p.count - 1];
                rcv = last->tcp.seq + (uint32_t)last->payload_len;
            }
        }
        for (unsigned k = 0; k < 200; k++) {
            (void)send(snd, rcv, LA_TH_ACK, 5001);
            if (p.count) {
                const struct peer_packet *last = &p.out[p.count - 1];
                rcv = last->tcp.seq + (uint32_t)last->payload_len;
            }
        }
        assert_int_equal(la_tcp_close(p.stack, conn), 0);
        assert_int_equal(peer_pull(&p), 1);
        rcv = p.out[0].tcp.seq + 1;
        assert_int_equal(send(snd, rcv, LA_TH_FIN | LA_TH_ACK, 5002), LA_TAKE_FIN);
        assert_int_equal(waits(), 1);
        assert_int_equal(send(snd + 5000, 0, LA_TH_SYN, 5003), LA_TAKE_SYN);
        assert_true((int32_t)(p.out[0].tcp.seq - rcv) > 0);
        peer_end(&p);
    }
}

/* Where nobody listens a SYN ends no wait. */
static void test_no_listener(void **state)
{
    (void)state;
    ts = true;
    v6 = false;
    begin(5, NULL);
    assert_int_equal(la_tcp_close(p.stack, listener), 0);
    assert_int_equal(send(snd + 100, 0, LA_TH_SYN, 6000), LA_DROP_SYN_SYNCHRONIZED);
    assert_int_equal(p.count, 1);
    assert_int_equal(p.out[0].tcp.flags, LA_TH_ACK);
    assert_int_equal(waits(), 1);
    peer_end(&p);
}

/* The records are few: the oldest gives way, whoever restarted is young again, and it is counted.
 */
static void test_eviction(void **state)
{
    (void)state;
    struct la_config c = peer_config(&p);
    la_handle h[5];
    c.time_wait_max = 3;
    ts = v6 = false;
    begin(5, &c);
    h[0] = conn;
    uint32_t snd0 = snd, rcv0 = rcv;
    for (uint16_t i = 1; i < 3; i++) {
        (void)peer_run(&p, LA_NS_PER_S);
        to_time_wait((uint16_t)(1000 + i), 5, true);
        h[i] = conn;
    }
    assert_int_equal(send(snd0 - 1, rcv0, LA_TH_FIN | LA_TH_ACK, 0), LA_TAKE_FIN_AGAIN);
    to_time_wait(1003, 5, true); /* the second one goes */
    h[3] = conn;
    assert_int_equal(waits(), 3);
    assert_int_equal(la_stack_counter(p.stack, LA_TIME_WAIT_EVICTED), 1);
    static const enum la_tcp_state want[] = {LA_TCP_TIME_WAIT, LA_TCP_CLOSED, LA_TCP_TIME_WAIT,
                                             LA_TCP_TIME_WAIT};
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(state_of(h[i]), want[i]);
    }
    to_time_wait(1004, 5, false);
    assert_int_equal(state_of(h[2]), LA_TCP_CLOSED);
    assert_int_equal(la_tcp_info(p.stack, conn, &(struct la_tcp_info){0}), LA_EBADF);
    (void)peer_run(&p, 61 * LA_NS_PER_S);
    assert_int_equal(waits(), 0);
    peer_end(&p);
    /* Not even one: the wait ends as it begins, and nothing leaks. */
    c = peer_config(&p);
    c.time_wait_max = 0;
    begin(5, &c);
    assert_int_equal(state_of(conn), LA_TCP_CLOSED);
    assert_int_equal(la_tcp_recv(p.stack, conn, &(char){0}, 1, 0), 0);
    assert_int_equal(la_stack_counter(p.stack, LA_TIME_WAIT_EVICTED), 1);
    assert_int_equal(la_tcp_close(p.stack, conn), 0);
    assert_int_equal(la_stack_memory(p.stack, LA_MEM_CONNECTIONS), 0);
    peer_end(&p);
}

/* Segments that come in one batch with the FIN, before its ACK has left: one ACK for all, and the
 * record takes over. */
static void test_same_batch(void **state)
{
    (void)state;
    for (unsigned held = 0; held < 2; held++) {
        uint8_t bytes[2048];
        struct la_endpoint any = {.addr = la_addr_any_v6(), .port = 80};
        ts = v6 = false;
        peer_init(&p, NULL);
        assert_int_equal(la_tcp_listen(p.stack, &any, NULL, &listener), 0);
        snd = 5;
        (void)peer_connect(&p, from(), 1000, 0, &snd, &rcv);
        assert_int_equal(la_tcp_accept(p.stack, listener, &conn), 0);
        assert_int_equal(held ? la_tcp_shutdown(p.stack, conn) : la_tcp_close(p.stack, conn), 0);
        assert_int_equal(peer_pull(&p), 1);
        struct peer_segment s = seg(snd, rcv + 1, LA_TH_FIN | LA_TH_ACK, 0);
        size_t len = peer_bytes(&p, &s, bytes);
        struct la_frame frames[3];
        for (unsigned i = 0; i < 3; i++) {
            struct la_buf *buf = la_buf_get(p.stack, len);
            memcpy(buf->data, bytes, len);
            buf->len = (uint32_t)len;
            la_frame_from_buf(&frames[i], buf);
        }
        la_stack_input(p.stack, p.link, frames, 3, p.now_ns);
        assert_int_equal(frames[0].reason, LA_TAKE_FIN);
        assert_int_equal(frames[1].reason, LA_TAKE_FIN_AGAIN);
        assert_true(peer_pull(&p) >= 1);
        assert_int_equal(p.out[0].tcp.ack, snd + 1);
        assert_int_equal(waits(), 1);
        (void)peer_run(&p, 61 * LA_NS_PER_S);
        assert_int_equal(waits(), 0);
        if (held) {
            assert_int_equal(state_of(conn), LA_TCP_CLOSED);
            assert_int_equal(la_tcp_close(p.stack, conn), 0);
        }
        assert_int_equal(la_stack_memory(p.stack, LA_MEM_CONNECTIONS), 0);
        peer_end(&p);
    }
}

/* The link takes nothing while the ACK of the FIN waits, longer than any timer of the connection
 * that went before: TIME-WAIT is neither skipped nor ended by them. */
static void blocked_link(bool abort_it)
{
    struct la_endpoint any = {.addr = la_addr_any_v6(), .port = 80};
    struct la_tcp_options o;
    ts = v6 = false;
    la_tcp_options_init(&o);
    o.linger_s = 3;
    o.fin_wait_2_s = 3;
    peer_init(&p, NULL);
    assert_int_equal(la_tcp_listen(p.stack, &any, &o, &listener), 0);
    snd = 5;
    (void)peer_connect(&p, from(), 1000, 0, &snd, &rcv);
    assert_int_equal(la_tcp_accept(p.stack, listener, &conn), 0);
    assert_int_equal(abort_it ? la_tcp_shutdown(p.stack, conn) : la_tcp_close(p.stack, conn), 0);
    assert_int_equal(peer_pull(&p), 1);
    uint8_t bytes[2048];
    struct peer_segment s = seg(snd, rcv + 1, LA_TH_FIN | LA_TH_ACK, 0);
    assert_int_equal(peer_raw(&p, bytes, peer_bytes(&p, &s, bytes)), LA_TAKE_FIN);
    for (unsigned i = 0; i < 10; i++) {
        p.now_ns += LA_NS_PER_S;
        la_stack_timeout(p.stack, p.now_ns);
    }
    if (abort_it) {
        assert_int_equal(la_tcp_abort(p.stack, conn, LA_RST_ABORT), 0);
    }
    assert_int_equal(peer_pull(&p), 1);
    assert_int_equal(p.out[0].tcp.flags, LA_TH_ACK);
    assert_int_equal(p.out[0].tcp.ack, snd + 1);
    assert_int_equal(waits(), 1);
    peer_end(&p);
}

static void test_blocked_link(void **state)
{
    (void)state;
    blocked_link(false);
    blocked_link(true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_length),      cmocka_unit_test(test_assassination),
        cmocka_unit_test(test_reuse),       cmocka_unit_test(test_reuse_number),
        cmocka_unit_test(test_no_listener), cmocka_unit_test(test_eviction),
        cmocka_unit_test(test_same_batch),  cmocka_unit_test(test_blocked_link),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

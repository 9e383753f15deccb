/* Listeners: both queues and their limits, the retransmission of SYN-ACKs, what a segment does to a
 * half-open connection, and what a closed listener leaves behind (RFC 9293 3.10.7.2, RFC 4987). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/stack_peer.h"

static struct peer p;
static la_handle listener;

static const uint32_t isns[] = {0, 1000, 0x7ffffff0, 0xfffffff0, 0xffffffff};
#define ISNS (sizeof(isns) / sizeof(isns[0]))

static struct la_tcp_options options_of(uint32_t backlog, uint32_t half_open, uint8_t cookies)
{
    struct la_tcp_options o;
    la_tcp_options_init(&o);
    o.backlog = backlog;
    o.half_open_max = half_open;
    o.cookies = cookies;
    return o;
}

static void begin(uint32_t backlog, uint32_t half_open)
{
    struct la_tcp_options o = options_of(backlog, half_open, LA_COOKIES_NEVER);
    struct la_endpoint any = {.addr = la_addr_any_v6(), .port = 80};
    peer_init(&p, NULL);
    assert_int_equal(la_tcp_listen(p.stack, &any, &o, &listener), 0);
}

static struct la_stack_stats stats(void)
{
    struct la_stack_stats st;
    la_stack_stats(p.stack, &st);
    return st;
}

/* Sends a SYN from port `sport`; returns the verdict, the answer in p.out[0]. */
static enum la_reason syn(bool v6, uint16_t sport, uint32_t seq)
{
    struct peer_segment s = peer_segment(peer_addr(v6, 2), sport, seq, 0, LA_TH_SYN);
    return peer_send(&p, &s);
}

static enum la_reason segment(bool v6, uint16_t sport, uint32_t seq, uint32_t ack, uint16_t flags)
{
    struct peer_segment s = peer_segment(peer_addr(v6, 2), sport, seq, ack, flags);
    return peer_send(&p, &s);
}

/* The half-open queue has a limit for each listener; a SYN above it is dropped without a word. */
static void test_half_open_limit(void **state)
{
    (void)state;
    begin(10, 3);
    la_handle other;
    struct la_tcp_options o = options_of(10, 1, LA_COOKIES_NEVER);
    struct la_endpoint at = peer_at(&p, false, 81);
    assert_int_equal(la_tcp_listen(p.stack, &at, &o, &other), 0);
    for (uint16_t i = 0; i < 3; i++) {
        assert_int_equal(syn(i & 1, (uint16_t)(1000 + i), 5), LA_TAKE_SYN);
        assert_int_equal(p.count, 1);
        assert_int_equal(p.out[0].reason, LA_SYN_ACK);
    }
    uint32_t iss = p.out[0].tcp.seq;
    assert_int_equal(syn(false, 1003, 5), LA_DROP_LISTEN_SYN_QUEUE);
    assert_int_equal(p.count, 0);
    /* The other listener's queue is its own. */
    struct peer_segment s = peer_segment(peer_addr(false, 2), 1004, 5, 0, LA_TH_SYN);
    s.h.dst_port = 81;
    assert_int_equal(peer_send(&p, &s), LA_TAKE_SYN);
    assert_int_equal(stats().half_open, 4);
    /* One completes: there is room again. */
    assert_int_equal(segment(false, 1002, 6, iss + 1, LA_TH_ACK), LA_TAKE_HANDSHAKE_ACK);
    assert_int_equal(stats().half_open, 3);
    assert_int_equal(syn(false, 1003, 5), LA_TAKE_SYN);
    assert_int_equal(syn(false, 1005, 5), LA_DROP_LISTEN_SYN_QUEUE);
    assert_int_equal(la_stack_counter(p.stack, LA_DROP_LISTEN_SYN_QUEUE), 2);
    peer_end(&p);
}

/* The accept queue: the last ACK is dropped, the connection stays half-open, its SYN-ACK goes again
 * and the next ACK is taken when there is room; no reset. */
static void test_accept_queue_limit(void **state)
{
    (void)state;
    uint32_t iss[3];
    la_handle h;
    begin(2, 10);
    for (uint16_t i = 0; i < 3; i++) {
        assert_int_equal(syn(false, (uint16_t)(1000 + i), 5), LA_TAKE_SYN);
        iss[i] = p.out[0].tcp.seq;
    }
    for (uint16_t i = 0; i < 2; i++) {
        assert_int_equal(segment(false, (uint16_t)(1000 + i), 6, iss[i] + 1, LA_TH_ACK),
                         LA_TAKE_HANDSHAKE_ACK);
    }
    assert_int_equal(segment(false, 1002, 6, iss[2] + 1, LA_TH_ACK), LA_DROP_LISTEN_ACCEPT_QUEUE);
    assert_int_equal(p.count, 0);
    assert_int_equal(syn(false, 1003, 5), LA_DROP_LISTEN_ACCEPT_QUEUE);
    assert_int_equal(p.count, 0);
    assert_int_equal(peer_run(&p, 1100 * LA_NS_PER_MS), 1);
    assert_int_equal(p.out[0].reason, LA_SYN_ACK_AGAIN);
    assert_int_equal(p.out[0].tcp.seq, iss[2]);
    assert_int_equal(p.out[0].tcp.dst_port, 1002);
    assert_int_equal(la_tcp_accept(p.stack, listener, &h), 0);
    /* With data: they are taken together with the ACK. */
    struct peer_segment s =
        peer_segment(peer_addr(false, 2), 1002, 6, iss[2] + 1, LA_TH_ACK | LA_TH_PSH);
    s.data = "hello";
    s.len = 5;
    (void)peer_send(&p, &s);
    assert_int_equal(stats().half_open, 0);
    assert_int_equal(la_tcp_accept(p.stack, listener, &h), 0);
    assert_int_equal(la_tcp_accept(p.stack, listener, &h), 0);
    char text[8];
    assert_int_equal(la_tcp_recv(p.stack, h, text, sizeof(text), 0), 5);
    assert_memory_equal(text, "hello", 5);
    assert_int_equal(la_tcp_accept(p.stack, listener, &h), LA_EAGAIN);
    assert_int_equal(la_stack_counter(p.stack, LA_DROP_LISTEN_ACCEPT_QUEUE), 2);
    peer_end(&p);
}

/* SYN-ACKs go again after 1, 2, 4 ... 60 s, as often as the listener's option says, then the record
 * goes (RFC 9293 3.8.3, MUST-22; RFC 6298 5.5). */
static void test_syn_ack_schedule(void **state)
{
    (void)state;
    static const unsigned at_s[] = {1, 3, 7, 15, 31, 63, 123};
    static const unsigned end_s[] = {1, 3, 7, 15, 31, 63, 123, 183};
    for (unsigned retries = 0; retries <= 7; retries++) {
        struct la_tcp_options o = options_of(10, 10, LA_COOKIES_NEVER);
        struct la_endpoint any = {.addr = la_addr_any_v6(), .port = 80};
        o.syn_retries = (uint8_t)retries;
        peer_init(&p, NULL);
        assert_int_equal(la_tcp_listen(p.stack, &any, &o, &listener), 0);
        uint64_t start = p.now_ns;
        assert_int_equal(syn((retries & 1) != 0, 1000, 99), LA_TAKE_SYN);
        uint32_t iss = p.out[0].tcp.seq;
        (void)peer_run(&p, end_s[retries] * LA_NS_PER_S - LA_NS_PER_MS);
        assert_int_equal(p.count, retries);
        for (unsigned i = 0; i < retries; i++) {
            assert_int_equal(p.out[i].reason, LA_SYN_ACK_AGAIN);
            assert_int_equal(p.out[i].tcp.seq, iss);
            assert_int_equal(p.out[i].tcp.ack, 100);
            assert_in_range(p.out[i].at_ns - start, at_s[i] * (uint64_t)LA_NS_PER_S,
                            at_s[i] * (uint64_t)LA_NS_PER_S + LA_NS_PER_MS);
        }
        assert_int_equal(stats().half_open, 1);
        assert_int_equal(peer_run(&p, 2 * LA_NS_PER_MS), 0);
        assert_int_equal(stats().half_open, 0);
        assert_int_equal(la_stack_counter(p.stack, LA_TIMEOUT_HALF_OPEN), 1);
        assert_int_equal(la_stack_next_deadline(p.stack), UINT64_MAX);
        peer_end(&p);
    }
}

/* RFC 9293 3.10.7.4 on a half-open connection, at all initial numbers: the SYN again, wrong ACKs,
 * resets, SYNs and data elsewhere in the window. */
static void half_open_rules(bool v6, uint32_t isn)
{
    begin(10, 10);
    assert_int_equal(syn(v6, 1000, isn), LA_TAKE_SYN);
    uint32_t iss = p.out[0].tcp.seq;
    assert_int_equal(p.out[0].tcp.ack, isn + 1);
    /* The SYN came again: so does the same answer. */
    assert_int_equal(syn(v6, 1000, isn), LA_TAKE_SYN_AGAIN);
    assert_int_equal(p.count, 1);
    assert_int_equal(p.out[0].tcp.seq, iss);
    /* Only ISS+1 is acceptable; others are answered <SEQ=SEG.ACK><CTL=RST>, and it stays. */
    const uint32_t wrong[] = {iss, iss + 2, iss + 0x80000000U, iss - 1000};
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(segment(v6, 1000, isn + 1, wrong[i], LA_TH_ACK), LA_DROP_HALF_OPEN);
        assert_int_equal(p.count, 1);
        assert_int_equal(p.out[0].reason, LA_RST_BAD_ACK);
        assert_int_equal(p.out[0].tcp.flags, LA_TH_RST);
        assert_int_equal(p.out[0].tcp.seq, wrong[i]);
    }
    assert_int_equal(segment(v6, 1000, isn + 1, 0, 0), LA_DROP_NO_ACK);
    assert_int_equal(p.count, 0);
    /* RFC 5961 3.2: a reset in the window but not exact is challenged, one outside is dropped. */
    assert_int_equal(segment(v6, 1000, isn + 100, 0, LA_TH_RST), LA_DROP_RST_INEXACT);
    assert_int_equal(p.count, 1);
    assert_int_equal(p.out[0].tcp.flags, LA_TH_ACK);
    assert_int_equal(p.out[0].tcp.ack, isn + 1);
    assert_int_equal(segment(v6, 1000, isn + 200000, 0, LA_TH_RST), LA_DROP_RST_SEQUENCE);
    assert_int_equal(p.count, 0);
    /* RFC 5961 4.2: so is a SYN. */
    assert_int_equal(segment(v6, 1000, isn + 5, 0, LA_TH_SYN), LA_DROP_SYN_SYNCHRONIZED);
    assert_int_equal(p.count, 1);
    assert_int_equal(p.out[0].tcp.flags, LA_TH_ACK);
    assert_int_equal(segment(v6, 1000, isn + 200000, iss + 1, LA_TH_ACK), LA_DROP_SEQUENCE);
    assert_int_equal(stats().half_open, 1);
    /* Answers to what may be forged are bounded. */
    unsigned answers = 0;
    for (unsigned i = 0; i < 1000; i++) {
        (void)segment(v6, 1000, isn + 100, 0, LA_TH_RST);
        answers += p.count != 0;
    }
    assert_in_range(answers, 1, 255);
    /* RFC 9293 MUST-11: the exact reset returns to LISTEN without a word. */
    assert_int_equal(segment(v6, 1000, isn + 1, 0, LA_TH_RST), LA_TAKE_RST);
    assert_int_equal(p.count, 0);
    assert_int_equal(stats().half_open, 0);
    assert_int_equal(la_stack_ready(p.stack, listener), 0);
    assert_int_equal(syn(v6, 1000, isn), LA_TAKE_SYN);
    peer_end(&p);
}

static void test_half_open_rules(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2 * ISNS; i++) {
        half_open_rules((i & 1) != 0, isns[i / 2]);
    }
}

/* RFC 9293 3.10.7.2, in its order: RST, ACK, SYN, the rest. */
static void test_listen_rules(void **state)
{
    (void)state;
    begin(10, 10);
    assert_int_equal(segment(false, 1000, 5, 0, LA_TH_RST), LA_DROP_LISTEN_RST);
    assert_int_equal(p.count, 0);
    assert_int_equal(segment(false, 1000, 5, 7, LA_TH_RST | LA_TH_ACK), LA_DROP_LISTEN_RST);
    assert_int_equal(p.count, 0);
    assert_int_equal(segment(false, 1000, 5, 777, LA_TH_ACK), LA_DROP_LISTEN_ACK);
    assert_int_equal(p.count, 1);
    assert_int_equal(p.out[0].tcp.flags, LA_TH_RST);
    assert_int_equal(p.out[0].tcp.seq, 777);
    assert_int_equal(segment(false, 1000, 5, 777, LA_TH_ACK | LA_TH_SYN), LA_DROP_LISTEN_ACK);
    assert_int_equal(p.out[0].tcp.flags, LA_TH_RST);
    assert_int_equal(segment(false, 1000, 5, 0, LA_TH_FIN), LA_DROP_LISTEN_OTHER);
    assert_int_equal(segment(false, 1000, 5, 0, 0), LA_DROP_LISTEN_OTHER);
    assert_int_equal(p.count, 0);
    /* A FIN or data on the SYN is not acknowledged with it: the peer sends them again. */
    struct peer_segment s = peer_segment(peer_addr(false, 2), 1000, 5, 0, LA_TH_SYN | LA_TH_FIN);
    s.data = "data";
    s.len = 4;
    assert_int_equal(peer_send(&p, &s), LA_TAKE_SYN);
    assert_int_equal(p.out[0].tcp.ack, 6);
    peer_end(&p);
}

/* A listener that closes resets what was not accepted, and forgets what was half-open. */
static void test_listener_closes(void **state)
{
    (void)state;
    begin(10, 10);
    uint32_t snd = 5, rcv;
    (void)peer_connect(&p, peer_addr(false, 2), 1000, 0, &snd, &rcv);
    (void)peer_connect(&p, peer_addr(true, 2), 1001, WIRE_TCP_TS, &(uint32_t){9}, &(uint32_t){0});
    assert_int_equal(syn(false, 1002, 5), LA_TAKE_SYN);
    uint32_t iss = p.out[0].tcp.seq;
    assert_int_equal(stats().conns, 2);
    assert_int_equal(la_tcp_close(p.stack, listener), 0);
    assert_int_equal(la_tcp_close(p.stack, listener), LA_EBADF);
    assert_int_equal(peer_pull(&p), 2);
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(p.out[i].reason, LA_RST_LISTENER_CLOSED);
        assert_true(p.out[i].tcp.flags & LA_TH_RST);
        if (p.out[i].tcp.dst_port == 1000) {
            assert_int_equal(p.out[i].tcp.seq, rcv);
        }
    }
    assert_int_equal(stats().conns + stats().half_open, 0);
    assert_int_equal(segment(false, 1002, 6, iss + 1, LA_TH_ACK), LA_DROP_NO_CONNECTION);
    assert_int_equal(p.out[0].reason, LA_RST_NO_CONNECTION);
    assert_int_equal(segment(false, 1000, snd, rcv, LA_TH_ACK), LA_DROP_NO_CONNECTION);
    assert_int_equal(la_stack_memory(p.stack, LA_MEM_SOCKETS), 0);
    assert_int_equal(la_stack_memory(p.stack, LA_MEM_HALF_OPEN), 0);
    peer_end(&p);
}

/* What dies before accept leaves the queue, wherever it stood; what ended in order stays. */
static void test_dies_before_accept(void **state)
{
    (void)state;
    for (unsigned victim = 0; victim < 3; victim++) {
        uint32_t snd[3] = {5, 50, 500}, rcv[3];
        la_handle h;
        begin(3, 10);
        for (uint16_t i = 0; i < 3; i++) {
            (void)peer_connect(&p, peer_addr(false, 2), (uint16_t)(1000 + i), 0, &snd[i], &rcv[i]);
        }
        assert_int_equal(segment(false, (uint16_t)(1000 + victim), snd[victim], 0, LA_TH_RST),
                         LA_TAKE_RST);
        unsigned fin = (victim + 1) % 3;
        (void)segment(false, (uint16_t)(1000 + fin), snd[fin], rcv[fin], LA_TH_FIN | LA_TH_ACK);
        assert_int_equal(stats().conns, 2);
        /* There is room for one more, at the end. */
        (void)peer_connect(&p, peer_addr(false, 2), 1003, 0, &(uint32_t){5}, &(uint32_t){0});
        uint16_t last = 0;
        for (unsigned i = 0; i < 3; i++) {
            struct la_tcp_info info;
            assert_int_equal(la_tcp_accept(p.stack, listener, &h), 0);
            assert_int_equal(la_tcp_info(p.stack, h, &info), 0);
            assert_true(info.remote.port > last && info.remote.port != 1000 + victim);
            last = info.remote.port;
            bool ended = last == 1000 + fin;
            assert_int_equal(info.state, ended ? LA_TCP_CLOSE_WAIT : LA_TCP_ESTABLISHED);
            assert_int_equal(la_tcp_recv(p.stack, h, &(char){0}, 1, 0), ended ? 0 : LA_EAGAIN);
        }
        assert_int_equal(la_tcp_accept(p.stack, listener, &h), LA_EAGAIN);
        peer_end(&p);
    }
}

/* ACCEPTABLE is a level: it stays until the queue is empty, and comes again. */
static void test_acceptable(void **state)
{
    (void)state;
    struct la_event ev;
    la_handle h;
    begin(10, 10);
    assert_int_equal(la_tcp_set_user(p.stack, listener, 42), 0);
    assert_int_equal(la_stack_poll(p.stack, &ev, 1), 0);
    for (unsigned round = 0; round < 2; round++) {
        (void)peer_connect(&p, peer_addr(false, 2), (uint16_t)(1000 + round), 0, &(uint32_t){5},
                           &(uint32_t){0});
        for (unsigned i = 0; i < 3; i++) {
            assert_int_equal(la_stack_poll(p.stack, &ev, 1), 1);
            assert_true(ev.handle == listener && ev.user == 42);
            assert_int_equal(ev.events, LA_EV_ACCEPTABLE);
        }
        assert_int_equal(la_stack_ready(p.stack, listener), LA_EV_ACCEPTABLE);
        assert_int_equal(la_tcp_accept(p.stack, listener, &h), 0);
        while (la_stack_poll(p.stack, &ev, 1) == 1) { /* CONNECTED of the connection */
            assert_true(ev.handle == h);
        }
    }
    assert_int_equal(la_stack_want(p.stack, listener, 0), 0);
    (void)peer_connect(&p, peer_addr(false, 2), 1002, 0, &(uint32_t){5}, &(uint32_t){0});
    assert_int_equal(la_stack_poll(p.stack, &ev, 1), 0);
    assert_int_equal(la_stack_want(p.stack, listener, LA_EV_ACCEPTABLE), 0);
    assert_int_equal(la_stack_poll(p.stack, &ev, 1), 1);
    peer_end(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_half_open_limit),    cmocka_unit_test(test_accept_queue_limit),
        cmocka_unit_test(test_syn_ack_schedule),   cmocka_unit_test(test_half_open_rules),
        cmocka_unit_test(test_listen_rules),       cmocka_unit_test(test_listener_closes),
        cmocka_unit_test(test_dies_before_accept), cmocka_unit_test(test_acceptable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

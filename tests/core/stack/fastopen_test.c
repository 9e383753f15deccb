/* Fast Open between a stack and its peer (RFC 7413 4.2): what a listener gives, takes and counts,
 * and two stacks that do it together. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "stack/stack.h"
#include "support/core_memory.h"
#include "support/stack_peer.h"
#include "support/two_stacks.h"

#define ANY_FO (WIRE_TCP_FASTOPEN | WIRE_TCP_FASTOPEN_EXP)

static struct peer p;
static la_handle listener;

static void begin(uint32_t mode, uint32_t qlen)
{
    struct la_config c = peer_config(&p);
    struct la_tcp_options o;
    struct la_endpoint any = {.addr = la_addr_any_v6(), .port = 80};
    c.persona.fastopen = mode;
    peer_init(&p, &c);
    la_tcp_options_init(&o);
    o.fastopen_qlen = qlen;
    o.backlog = 3;
    assert_int_equal(la_tcp_listen(p.stack, &any, &o, &listener), 0);
}

static struct peer_segment syn(bool v6, uint16_t sport, uint16_t kind, const struct wire_tcp *from,
                               const char *text)
{
    struct peer_segment s = peer_segment(peer_addr(v6, 2), sport, 100, 0, LA_TH_SYN);
    s.h.options = WIRE_TCP_MSS | kind;
    s.h.mss = 1000;
    if (from) {
        s.h.fastopen_n = from->fastopen_n;
        memcpy(s.h.fastopen, from->fastopen, sizeof(s.h.fastopen));
    }
    s.data = text;
    s.len = strlen(text);
    return s;
}

static struct wire_tcp cookie(bool v6, uint16_t kind)
{
    struct peer_segment s = syn(v6, 999, kind, NULL, "");
    assert_int_equal(peer_send(&p, &s), LA_TAKE_SYN);
    assert_int_equal(p.count, 1);
    assert_int_equal(p.out[0].tcp.options & ANY_FO, kind);
    assert_int_equal(p.out[0].tcp.fastopen_n, 8);
    return p.out[0].tcp;
}

static enum la_reason ack(bool v6, uint16_t sport, const struct wire_tcp *answer, uint32_t seq)
{
    struct peer_segment s = peer_segment(peer_addr(v6, 2), sport, seq, answer->seq + 1, LA_TH_ACK);
    return peer_send(&p, &s);
}

static uint32_t pending(void)
{
    return stack_endpoint_at(p.stack, stack_endpoint_of(p.stack, listener))->fastopen_pending;
}

/* The whole way, with either option: a cookie, data taken, read and answered before the third
 * segment. */
static void test_taken(void **state)
{
    for (unsigned i = 0; i < 4; i++) {
        bool v6 = i & 1;
        uint16_t kind = (i & 2) ? WIRE_TCP_FASTOPEN_EXP : WIRE_TCP_FASTOPEN;
        char text[16];
        la_handle h;
        struct la_tcp_info info;
        begin(LA_FASTOPEN_SERVER, 2);
        struct wire_tcp given = cookie(v6, kind);
        struct peer_segment s = syn(v6, 1000, kind, &given, "hello");
        assert_int_equal(peer_send(&p, &s), LA_TAKE_SYN_DATA);
        assert_int_equal(p.count, 1);
        struct wire_tcp answer = p.out[0].tcp;
        assert_int_equal(answer.flags & 0x3f, LA_TH_SYN | LA_TH_ACK);
        assert_int_equal(answer.ack, 106);
        assert_int_equal(answer.options & ANY_FO, 0);
        assert_int_equal(pending(), 1);
        assert_int_equal(la_tcp_accept(p.stack, listener, &h), 0);
        assert_int_equal(la_tcp_info(p.stack, h, &info), 0);
        assert_int_equal(info.state, LA_TCP_SYN_RECEIVED);
        assert_true(info.syn_data);
        assert_int_equal(la_tcp_recv(p.stack, h, text, sizeof(text), 0), 5);
        assert_memory_equal(text, "hello", 5);
        assert_int_equal(la_tcp_send(p.stack, h, "answer", 6, 0), 6);
        assert_int_equal(peer_pull(&p), 1);
        assert_int_equal(p.out[0].payload_len, 6);
        assert_int_equal(ack(v6, 1000, &answer, 106), LA_TAKE_HANDSHAKE_ACK);
        assert_int_equal(pending(), 0);
        assert_int_equal(la_tcp_info(p.stack, h, &info), 0);
        assert_int_equal(info.state, LA_TCP_ESTABLISHED);
        assert_int_equal(la_tcp_abort(p.stack, h, LA_RST_ABORT), 0);
        (void)peer_pull(&p);
        peer_end(&p);
    }
}

/* Off, or not for this listener, or no room: a plain handshake. A wrong cookie gets a right one. */
static void test_not_taken(void **state)
{
    static const struct {
        uint32_t mode, qlen;
        bool gives;
    } rows[] = {
        {0, 5, false},
        {LA_FASTOPEN_CLIENT, 5, false},
        {LA_FASTOPEN_SERVER, 0, false},
        {LA_FASTOPEN_SERVER, 1, true},
        {LA_FASTOPEN_SERVER | LA_FASTOPEN_SERVER_ALL, 0, true},
    };
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        begin(rows[i].mode, rows[i].qlen);
        struct wire_tcp wrong = {.fastopen_n = 8, .fastopen = {9}};
        struct peer_segment s = syn(false, 1000, WIRE_TCP_FASTOPEN, &wrong, "hello");
        assert_int_equal(peer_send(&p, &s), LA_TAKE_SYN);
        assert_int_equal(p.out[0].tcp.ack, 101);
        assert_int_equal((p.out[0].tcp.options & ANY_FO) != 0, rows[i].gives);
        assert_int_equal(pending(), 0);
        (void)peer_run(&p, LA_NS_PER_S); /* 4.2.2: again without the option */
        assert_int_equal(p.count, 1);
        assert_int_equal(p.out[0].reason, LA_SYN_ACK_AGAIN);
        assert_int_equal(p.out[0].tcp.options & ANY_FO, 0);
        peer_end(&p);
    }
}

/* Data without a cookie, where the stack wants none. */
static void test_no_cookie(void **state)
{
    begin(LA_FASTOPEN_SERVER | LA_FASTOPEN_SERVER_NO_COOKIE, 2);
    struct peer_segment s = syn(true, 1000, 0, NULL, "hello");
    assert_int_equal(peer_send(&p, &s), LA_TAKE_SYN_DATA);
    assert_int_equal(p.out[0].tcp.ack, 106);
    s = syn(true, 1001, 0, NULL, "");
    assert_int_equal(peer_send(&p, &s), LA_TAKE_SYN);
    peer_end(&p);
}

/* A cookie by the backup key is taken and renewed (4.1.2). */
static void test_renewed(void **state)
{
    struct la_persona persona;
    begin(LA_FASTOPEN_SERVER, 2);
    la_stack_persona(p.stack, &persona);
    persona.fastopen_keys = 1;
    persona.fastopen_key[0][0] = 1;
    assert_int_equal(la_stack_set_persona(p.stack, &persona), 0);
    struct wire_tcp old = cookie(false, WIRE_TCP_FASTOPEN);
    persona.fastopen_keys = 2;
    persona.fastopen_key[1][0] = 1;
    persona.fastopen_key[0][0] = 2;
    assert_int_equal(la_stack_set_persona(p.stack, &persona), 0);
    struct peer_segment s = syn(false, 1000, WIRE_TCP_FASTOPEN, &old, "hello");
    assert_int_equal(peer_send(&p, &s), LA_TAKE_SYN_DATA);
    struct wire_tcp new = p.out[0].tcp;
    assert_int_equal(new.ack, 106);
    assert_int_equal(new.fastopen_n, 8);
    assert_memory_not_equal(new.fastopen, old.fastopen, 8);
    s = syn(false, 1001, WIRE_TCP_FASTOPEN, &new, "hello");
    assert_int_equal(peer_send(&p, &s), LA_TAKE_SYN_DATA);
    assert_int_equal(p.out[0].tcp.options & ANY_FO, 0);
    persona.ack_segs = 0;
    assert_int_equal(la_stack_set_persona(p.stack, &persona), LA_EINVAL);
    peer_end(&p);
}

/* PendingFastOpenRequests (4.2): beyond the limit it is off; what was reset counts a minute more
 * (5.1). */
static void test_limit(void **state)
{
    begin(LA_FASTOPEN_SERVER, 2);
    struct wire_tcp given = cookie(false, WIRE_TCP_FASTOPEN);
    struct wire_tcp answer[2];
    for (uint16_t i = 0; i < 2; i++) {
        struct peer_segment s = syn(false, (uint16_t)(1000 + i), WIRE_TCP_FASTOPEN, &given, "x");
        assert_int_equal(peer_send(&p, &s), LA_TAKE_SYN_DATA);
        answer[i] = p.out[0].tcp;
    }
    struct peer_segment third = syn(false, 1002, WIRE_TCP_FASTOPEN, &given, "x");
    assert_int_equal(peer_send(&p, &third), LA_TAKE_SYN);
    assert_int_equal(p.out[0].tcp.ack, 101);
    assert_int_equal(p.out[0].tcp.options & ANY_FO, 0);
    assert_int_equal(ack(false, 1000, &answer[0], 102), LA_TAKE_HANDSHAKE_ACK);
    assert_int_equal(pending(), 1);
    struct peer_segment rst = peer_segment(peer_addr(false, 2), 1001, 102, 0, LA_TH_RST);
    assert_int_equal(peer_send(&p, &rst), LA_TAKE_RST);
    assert_int_equal(pending(), 0);
    struct peer_segment more = syn(false, 1003, WIRE_TCP_FASTOPEN, &given, "x");
    assert_int_equal(peer_send(&p, &more), LA_TAKE_SYN_DATA);
    more = syn(false, 1004, WIRE_TCP_FASTOPEN, &given, "x");
    assert_int_equal(peer_send(&p, &more), LA_TAKE_SYN); /* one is pending, one was reset */
    (void)peer_run(&p, 61 * LA_NS_PER_S);
    assert_int_equal(la_stack_counter(p.stack, LA_FASTOPEN_RESET), 1);
    peer_end(&p);
}

/* The listener closes: who was not accepted is reset, and whose handshake is still on its way. */
static void test_listener_closed(void **state)
{
    la_handle h;
    begin(LA_FASTOPEN_SERVER, 3);
    struct wire_tcp given = cookie(false, WIRE_TCP_FASTOPEN);
    for (uint16_t i = 0; i < 2; i++) {
        struct peer_segment s = syn(false, (uint16_t)(1000 + i), WIRE_TCP_FASTOPEN, &given, "hey");
        assert_int_equal(peer_send(&p, &s), LA_TAKE_SYN_DATA);
    }
    assert_int_equal(la_tcp_accept(p.stack, listener, &h), 0);
    assert_int_equal(la_tcp_close(p.stack, listener), 0);
    assert_int_equal(peer_pull(&p), 1);
    assert_int_equal(p.out[0].tcp.flags, LA_TH_RST | LA_TH_ACK);
    assert_int_equal(p.out[0].tcp.dst_port, 1001);
    assert_int_equal(p.out[0].tcp.ack, 104);
    /* The accepted one goes on without its listener. */
    struct la_tcp_info info;
    assert_int_equal(la_tcp_info(p.stack, h, &info), 0);
    struct wire_tcp answer = {.seq = info.iss};
    assert_int_equal(ack(false, 1000, &answer, 104), LA_TAKE_HANDSHAKE_ACK);
    assert_int_equal(la_tcp_abort(p.stack, h, LA_RST_ABORT), 0);
    (void)peer_pull(&p);
    peer_end(&p);
}

/* A connection that died in the queue: gone by default, accepted by a persona's choice. */
static void test_dead_in_the_queue(void **state)
{
    for (unsigned kept = 0; kept < 2; kept++) {
        la_handle h;
        char text[8];
        struct la_persona persona;
        begin(LA_FASTOPEN_SERVER, 3);
        la_stack_persona(p.stack, &persona);
        persona.accept_dead = kept;
        assert_int_equal(la_stack_set_persona(p.stack, &persona), 0);
        struct wire_tcp given = cookie(false, WIRE_TCP_FASTOPEN);
        struct peer_segment s = syn(false, 1000, WIRE_TCP_FASTOPEN, &given, "hey");
        assert_int_equal(peer_send(&p, &s), LA_TAKE_SYN_DATA);
        s = peer_segment(peer_addr(false, 2), 1000, 104, 0, LA_TH_RST);
        assert_int_equal(peer_send(&p, &s), LA_TAKE_RST);
        assert_int_equal(la_tcp_accept(p.stack, listener, &h), kept ? 0 : LA_EAGAIN);
        if (kept) {
            assert_int_equal(la_tcp_recv(p.stack, h, text, sizeof(text), 0), 3);
            assert_int_equal(la_tcp_recv(p.stack, h, text, sizeof(text), 0), LA_ECONNRESET);
            assert_int_equal(la_tcp_close(p.stack, h), 0);
        }
        peer_end(&p);
    }
}

/* ---- two stacks ----------------------------------------------------------------------------- */

static struct pair pair;

static void allow(unsigned end, uint32_t mode)
{
    struct la_persona persona;
    la_stack_persona(pair.end[end].stack, &persona);
    persona.fastopen = mode;
    assert_int_equal(la_stack_set_persona(pair.end[end].stack, &persona), 0);
}

/* Three connections: the first asks, the others carry their data in the SYN. */
static void test_two_stacks(void **state)
{
    struct pair_options options = pair_defaults();
    for (unsigned v6 = 0; v6 < 2; v6++) {
        assert_true(pair_init(&pair, &options));
        allow(0, LA_FASTOPEN_CLIENT);
        allow(1, LA_FASTOPEN_SERVER);
        struct la_stack *here = pair.end[0].stack, *there = pair.end[1].stack;
        struct la_endpoint any = {.addr = la_addr_any_v6(), .port = 80};
        struct la_endpoint to = pair_at(&pair, 1, v6, 80);
        struct la_tcp_options o;
        la_handle door;
        la_tcp_options_init(&o);
        o.fastopen_qlen = 10;
        assert_int_equal(la_tcp_listen(there, &any, &o, &door), 0);
        la_tcp_options_init(&o);
        o.fastopen = true;
        for (unsigned i = 0; i < 3; i++) {
            la_handle a, b;
            char text[16];
            struct la_tcp_info info;
            assert_int_equal(la_tcp_open(here, NULL, &to, &o, &a), 0);
            assert_int_equal(la_tcp_info(here, a, &info), 0);
            assert_int_equal(info.syn_waits, i != 0);
            assert_int_equal(la_tcp_send(here, a, "question", 8, 0), 8);
            pair_settle(&pair);
            assert_int_equal(la_tcp_accept(there, door, &b), 0);
            assert_int_equal(la_tcp_recv(there, b, text, sizeof(text), 0), 8);
            assert_int_equal(la_tcp_info(there, b, &info), 0);
            assert_int_equal(info.syn_data, i != 0);
            assert_int_equal(la_tcp_info(here, a, &info), 0);
            assert_int_equal(info.syn_data, i != 0);
            assert_int_equal(info.state, LA_TCP_ESTABLISHED);
            assert_int_equal(la_tcp_close(here, a), 0);
            pair_settle(&pair);
            assert_int_equal(la_tcp_close(there, b), 0);
            pair_settle(&pair);
        }
        assert_int_equal(la_tcp_close(there, door), 0);
        pair_run(&pair, 120 * LA_NS_PER_S);
        pair_end_all(&pair);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_taken),
        cmocka_unit_test(test_not_taken),
        cmocka_unit_test(test_no_cookie),
        cmocka_unit_test(test_renewed),
        cmocka_unit_test(test_limit),
        cmocka_unit_test(test_listener_closed),
        cmocka_unit_test(test_dead_in_the_queue),
        cmocka_unit_test(test_two_stacks),
    };
    return cmocka_run_group_tests_name("core/stack/fastopen", tests, NULL, NULL);
}

/* Who may have which local endpoint, and which 4-tuples a connection that opens gets: the conflict
 * table, SO_REUSEADDR, bound handles, and the end of the ports (RFC 9293 3.9.1.1; RFC 6056). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/stack_peer.h"
#include "support/two_stacks.h"

static struct peer p;

enum place { ANY4, ANY6, ONLY6, A4, B4, A6, B6 };

static struct la_endpoint at(enum place where, uint16_t port)
{
    struct la_endpoint e = {.port = port};
    static const uint8_t last[] = {0, 0, 0, 1, 9, 1, 9};
    e.addr = where == ANY4                     ? la_addr_any_v4()
             : where == ANY6 || where == ONLY6 ? la_addr_any_v6()
                                               : peer_addr(where >= A6, last[where]);
    return e;
}

static void begin(void)
{
    peer_init(&p, NULL);
    struct la_addr b4 = peer_addr(false, 9), b6 = peer_addr(true, 9);
    assert_int_equal(la_stack_addr_add(p.stack, p.link, &b4, 24), 0);
    assert_int_equal(la_stack_addr_add(p.stack, p.link, &b6, 64), 0);
}

static int bind_or_listen(enum place where, bool listen, bool reuse, la_handle *h)
{
    struct la_tcp_options o;
    struct la_endpoint e = at(where, 80);
    la_tcp_options_init(&o);
    o.v6_only = where == ONLY6;
    o.reuse_addr = reuse;
    return listen ? la_tcp_listen(p.stack, &e, &o, h) : la_tcp_bind(p.stack, &e, &o, h);
}

/* Do the two stand for some same address? The table by hand. */
static bool overlap(enum place a, enum place b)
{
    static const bool table[7][7] = {
        /*          ANY4 ANY6 ONLY6 A4 B4 A6 B6 */
        [ANY4] = {1, 1, 0, 1, 1, 0, 0},  [ANY6] = {1, 1, 1, 1, 1, 1, 1},
        [ONLY6] = {0, 1, 1, 0, 0, 1, 1}, [A4] = {1, 1, 0, 1, 0, 0, 0},
        [B4] = {1, 1, 0, 0, 1, 0, 0},    [A6] = {0, 1, 1, 0, 0, 1, 0},
        [B6] = {0, 1, 1, 0, 0, 0, 1},
    };
    return table[a][b];
}

/* All pairs of places, bound or listening, with and without reuse: two listeners never share, two
 * bound ones share when both say so; refused calls leave nothing behind (MUST-41). */
static void test_conflicts(void **state)
{
    (void)state;
    begin();
    for (unsigned i = 0; i < 7 * 7 * 16; i++) {
        enum place a = i % 7, b = i / 7 % 7;
        bool listen[2] = {i / 49 & 1, i / 49 & 2}, reuse[2] = {i / 49 & 4, i / 49 & 8};
        la_handle first, second = 0;
        bool conflict = overlap(a, b) && (listen[0] || listen[1] || !reuse[0] || !reuse[1]);
        assert_int_equal(bind_or_listen(a, listen[0], reuse[0], &first), 0);
        assert_int_equal(bind_or_listen(b, listen[1], reuse[1], &second),
                         conflict ? LA_EADDRINUSE : 0);
        assert_int_equal(la_tcp_close(p.stack, first), 0);
        if (!conflict) {
            assert_int_equal(la_tcp_close(p.stack, second), 0);
        }
        assert_int_equal(la_stack_memory(p.stack, LA_MEM_SOCKETS), 0);
    }
    peer_end(&p);
}

/* Bound ones share with reuse until one of them listens. */
static void test_listen_bound(void **state)
{
    (void)state;
    begin();
    la_handle a, b, h;
    struct la_endpoint local;
    assert_int_equal(bind_or_listen(A4, false, true, &a), 0);
    assert_int_equal(bind_or_listen(ANY6, false, true, &b), 0);
    assert_int_equal(la_tcp_listen_bound(p.stack, a), LA_EADDRINUSE);
    assert_int_equal(la_tcp_accept(p.stack, a, &h), LA_EINVAL);
    assert_int_equal(la_tcp_close(p.stack, b), 0);
    struct peer_segment s = peer_segment(peer_addr(false, 2), 1000, 5, 0, LA_TH_SYN);
    assert_int_equal(peer_send(&p, &s), LA_DROP_NO_CONNECTION); /* bound only: nobody is here */
    assert_int_equal(p.out[0].tcp.flags, LA_TH_RST | LA_TH_ACK);
    assert_int_equal(la_tcp_listen_bound(p.stack, a), 0);
    assert_int_equal(la_tcp_listen_bound(p.stack, a), 0);
    assert_int_equal(peer_send(&p, &s), LA_TAKE_SYN);
    assert_int_equal(la_tcp_local(p.stack, a, &local), 0);
    assert_int_equal(local.port, 80);
    assert_true(la_addr_equal(&local.addr, &p.v4));
    struct la_endpoint to = {.addr = peer_addr(false, 2), .port = 99};
    assert_int_equal(la_tcp_open_bound(p.stack, a, &to, &h), LA_EISCONN);
    peer_end(&p);
}

/* A segment goes to the most specific listener; a v6-only one takes no IPv4. */
static void test_most_specific(void **state)
{
    (void)state;
    static const struct {
        enum place listen, to;
        bool taken;
    } rows[] = {
        {ANY6, A4, true},   {ANY6, B6, true},  {ANY4, A4, true}, {ANY4, A6, false},
        {ONLY6, A4, false}, {ONLY6, A6, true}, {A4, A4, true},   {A4, B4, false},
        {A6, A6, true},     {A6, B6, false},
    };
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        la_handle l;
        begin();
        assert_int_equal(bind_or_listen(rows[i].listen, true, false, &l), 0);
        struct peer_segment s = peer_segment(peer_addr(rows[i].to >= A6, 2), 1000, 5, 0, LA_TH_SYN);
        s.dst = at(rows[i].to, 80).addr;
        assert_int_equal(peer_send(&p, &s), rows[i].taken ? LA_TAKE_SYN : LA_DROP_NO_CONNECTION);
        assert_int_equal(p.count, 1);
        assert_int_equal(p.out[0].tcp.flags,
                         rows[i].taken ? LA_TH_SYN | LA_TH_ACK : LA_TH_RST | LA_TH_ACK);
        /* RFC 9293 MUST-45: the answer comes from the address that was asked. */
        struct la_addr from = s.dst;
        bool v6 = rows[i].to >= A6;
        assert_memory_equal(p.out[0].bytes + (v6 ? 8 : 12), from.b + (v6 ? 0 : 12), v6 ? 16 : 4);
        peer_end(&p);
    }
}

/* Not our address, or no address for an endpoint. */
static void test_not_ours(void **state)
{
    (void)state;
    la_handle h;
    begin();
    struct la_endpoint e = {.addr = peer_addr(false, 77), .port = 80};
    assert_int_equal(la_tcp_listen(p.stack, &e, NULL, &h), LA_EADDRNOTAVAIL);
    e.addr = peer_addr(true, 77);
    assert_int_equal(la_tcp_bind(p.stack, &e, NULL, &h), LA_EADDRNOTAVAIL);
    struct la_endpoint to = {.addr = peer_addr(true, 2), .port = 80};
    assert_int_equal(la_tcp_open(p.stack, &e, &to, NULL, &h), LA_EADDRNOTAVAIL);
    /* One family cannot reach the other. */
    e.addr = p.v4;
    assert_true(la_tcp_open(p.stack, &e, &to, NULL, &h) < 0);
    assert_int_equal(la_stack_memory(p.stack, LA_MEM_CONNECTIONS), 0);
    assert_int_equal(la_stack_memory(p.stack, LA_MEM_SOCKETS), 0);
    peer_end(&p);
}

/* RFC 9293 MUST-46: an OPEN to what cannot be one host is refused. */
static void test_invalid_remote(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "0.0.0.0", "224.0.0.1", "255.255.255.255", "10.0.0.255", "10.0.0.0", "127.0.0.1", "::",
        "ff02::1", "::1",       "239.255.255.255", "240.0.0.1"};
    la_handle h;
    begin();
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct la_endpoint to = {.port = 80};
        assert_int_equal(la_addr_parse(bad[i], &to.addr), 0);
        assert_int_equal(la_tcp_open(p.stack, NULL, &to, NULL, &h), LA_EINVAL);
    }
    struct la_endpoint to = {.addr = peer_addr(false, 2)};
    assert_int_equal(la_tcp_open(p.stack, NULL, &to, NULL, &h), LA_EINVAL); /* port 0 */
    to = (struct la_endpoint){.addr = la_addr_v4(192, 0, 2, 1), .port = 80};
    assert_int_equal(la_tcp_open(p.stack, NULL, &to, NULL, &h), LA_ENETUNREACH);
    assert_int_equal(la_stack_memory(p.stack, LA_MEM_CONNECTIONS), 0);
    peer_end(&p);
}

/* MUST-42: LISTEN beside connections of the same port that open; MUST-41: which it leaves alone. */
static void test_listen_beside(void **state)
{
    (void)state;
    la_handle c, l, h;
    begin();
    struct la_endpoint here = {.addr = p.v4, .port = 80};
    struct la_endpoint to = {.addr = peer_addr(false, 2), .port = 4000};
    struct la_tcp_info before, after;
    assert_int_equal(la_tcp_open(p.stack, &here, &to, NULL, &c), 0);
    assert_int_equal(peer_pull(&p), 1);
    assert_int_equal(la_tcp_info(p.stack, c, &before), 0);
    assert_int_equal(la_tcp_listen(p.stack, &here, NULL, &l), 0);
    assert_int_equal(la_tcp_listen(p.stack, &here, NULL, &h), LA_EADDRINUSE);
    struct peer_segment s = peer_segment(peer_addr(false, 2), 4001, 5, 0, LA_TH_SYN);
    assert_int_equal(peer_send(&p, &s), LA_TAKE_SYN);
    assert_int_equal(la_tcp_info(p.stack, c, &after), 0);
    assert_int_equal(after.state, LA_TCP_SYN_SENT);
    assert_int_equal(after.conn, before.conn);
    assert_int_equal(after.snd_nxt, before.snd_nxt);
    s = peer_segment(peer_addr(false, 2), 4000, 5, before.iss + 1, LA_TH_SYN | LA_TH_ACK);
    assert_int_equal(peer_send(&p, &s), LA_TAKE_SYN_ACK);
    /* The same 4-tuple twice cannot be; another remote from the port of a listener needs reuse. */
    assert_int_equal(la_tcp_open(p.stack, &here, &to, NULL, &h), LA_EADDRINUSE);
    to.port = 4002;
    assert_int_equal(la_tcp_open(p.stack, &here, &to, NULL, &h), LA_EADDRINUSE);
    struct la_tcp_options o;
    la_tcp_options_init(&o);
    o.reuse_addr = true;
    assert_int_equal(la_tcp_open(p.stack, &here, &to, &o, &h), 0);
    peer_end(&p);
}

/* MUST-43: bound first, then opened, from the address and port it was bound to; MUST-44: without an
 * address the route chooses one. */
static void test_open_bound(void **state)
{
    (void)state;
    static const enum place places[] = {ANY4, ANY6, A4, B4};
    for (unsigned i = 0; i < 8; i++) {
        la_handle b, c, other;
        struct la_endpoint local, bound, to = {.addr = peer_addr(false, 2), .port = 4000};
        begin();
        struct la_endpoint e = at(places[i / 2], (i & 1) ? 5000 : 0);
        assert_int_equal(la_tcp_bind(p.stack, &e, NULL, &b), 0);
        assert_int_equal(la_tcp_local(p.stack, b, &bound), 0);
        assert_int_equal(i & 1, bound.port == 5000);
        assert_int_not_equal(bound.port, 0);
        assert_int_equal(la_tcp_send(p.stack, b, "x", 1, 0), LA_EBADF);
        assert_int_equal(la_tcp_open_bound(p.stack, b, &(struct la_endpoint){.port = 1}, &c),
                         LA_EINVAL); /* refused: still bound */
        assert_int_equal(la_tcp_open_bound(p.stack, b, &to, &c), 0);
        assert_int_equal(la_tcp_local(p.stack, b, &local), LA_EBADF); /* consumed */
        assert_int_equal(la_tcp_local(p.stack, c, &local), 0);
        assert_int_equal(local.port, bound.port);
        assert_true(la_addr_equal(&local.addr, places[i / 2] == B4 ? &e.addr : &p.v4));
        assert_int_equal(peer_pull(&p), 1);
        assert_int_equal(p.out[0].tcp.src_port, local.port);
        assert_memory_equal(p.out[0].bytes + 12, local.addr.b + 12, 4);
        /* MUST-45: and goes on from there. */
        (void)peer_run(&p, 1500 * LA_NS_PER_MS);
        assert_int_equal(p.count, 1);
        assert_memory_equal(p.out[0].bytes + 12, local.addr.b + 12, 4);
        assert_int_equal(la_tcp_close(p.stack, c), 0);
        assert_int_equal(la_tcp_bind(p.stack, &bound, NULL, &other), 0);
        peer_end(&p);
    }
}

/* TIME-WAIT keeps a port from being bound, but not with SO_REUSEADDR. */
static void test_reuse_addr(void **state)
{
    (void)state;
    la_handle l, h;
    uint32_t snd = 5, rcv;
    begin();
    assert_int_equal(bind_or_listen(ANY6, true, false, &l), 0);
    (void)peer_connect(&p, peer_addr(false, 2), 1000, 0, &snd, &rcv);
    assert_int_equal(la_tcp_accept(p.stack, l, &h), 0);
    assert_int_equal(la_tcp_close(p.stack, h), 0);
    (void)peer_pull(&p);
    struct peer_segment s =
        peer_segment(peer_addr(false, 2), 1000, snd, rcv + 1, LA_TH_FIN | LA_TH_ACK);
    assert_int_equal(peer_send(&p, &s), LA_TAKE_FIN);
    assert_int_equal(la_tcp_close(p.stack, l), 0);
    static const enum place taken[] = {ANY4, ANY6, A4}, free_[] = {B4, A6, ONLY6};
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(bind_or_listen(taken[i], true, false, &h), LA_EADDRINUSE);
        assert_int_equal(bind_or_listen(taken[i], true, true, &h), 0);
        assert_int_equal(la_tcp_close(p.stack, h), 0);
        assert_int_equal(bind_or_listen(free_[i], true, false, &h), 0);
        assert_int_equal(la_tcp_close(p.stack, h), 0);
    }
    (void)peer_run(&p, 61 * LA_NS_PER_S);
    assert_int_equal(bind_or_listen(ANY6, true, false, &h), 0);
    peer_end(&p);
}

/* EADDRNOTAVAIL comes only when no legal 4-tuple is left: four ports, each for every remote. */
static void test_ports_used_up(void **state)
{
    (void)state;
    struct la_config c = peer_config(&p);
    la_handle h[4], more, l;
    c.port_first = 40000;
    c.port_last = 40003;
    peer_init(&p, &c);
    for (unsigned v6 = 0; v6 < 2; v6++) {
        for (unsigned remote = 0; remote < 3; remote++) {
            unsigned seen = 0;
            struct la_endpoint to = {.addr = peer_addr(v6 != 0, (uint8_t)(2 + remote / 2)),
                                     .port = (uint16_t)(80 + remote % 2)};
            for (unsigned i = 0; i < 4; i++) {
                struct la_endpoint local;
                assert_int_equal(la_tcp_open(p.stack, NULL, &to, NULL, &h[i]), 0);
                assert_int_equal(la_tcp_local(p.stack, h[i], &local), 0);
                assert_in_range(local.port, 40000, 40003);
                seen |= 1U << (local.port - 40000);
            }
            assert_int_equal(seen, 15);
            assert_int_equal(la_tcp_open(p.stack, NULL, &to, NULL, &more), LA_EADDRNOTAVAIL);
            assert_int_equal(la_tcp_abort(p.stack, h[2], LA_RST_ABORT), 0);
            assert_int_equal(la_tcp_open(p.stack, NULL, &to, NULL, &h[2]), 0);
            assert_int_equal(la_tcp_open(p.stack, NULL, &to, NULL, &more), LA_EADDRNOTAVAIL);
        }
    }
    /* A listener's port is left alone. */
    struct la_endpoint any = {.addr = la_addr_any_v6(), .port = 40001};
    assert_int_equal(la_tcp_listen(p.stack, &any, NULL, &l), 0);
    struct la_endpoint to = {.addr = peer_addr(false, 9), .port = 80}, local;
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(la_tcp_open(p.stack, NULL, &to, NULL, &more), 0);
        assert_int_equal(la_tcp_local(p.stack, more, &local), 0);
        assert_int_not_equal(local.port, 40001);
    }
    assert_int_equal(la_tcp_open(p.stack, NULL, &to, NULL, &more), LA_EADDRNOTAVAIL);
    assert_int_equal(la_tcp_close(p.stack, l), 0);
    assert_int_equal(la_tcp_open(p.stack, NULL, &to, NULL, &more), 0);
    /* Bound ones without a number: each port once. */
    any.port = 0;
    for (unsigned i = 0; i < 5; i++) {
        assert_int_equal(la_tcp_bind(p.stack, &any, NULL, &more), i < 4 ? 0 : LA_EADDRINUSE);
    }
    peer_end(&p);
}

/* A 4-tuple in TIME-WAIT is not given out again before its time. */
static void test_time_wait_keeps_tuple(void **state)
{
    (void)state;
    struct pair pair;
    struct pair_options o = pair_defaults();
    la_handle c, s, l;
    o.port_first = o.port_last = 40000;
    assert_true(pair_init(&pair, &o));
    struct la_endpoint to = pair_at(&pair, 1, false, 80);
    pair_connect(&pair, false, &c, &s, &l);
    assert_int_equal(la_tcp_close(pair.end[0].stack, c), 0);
    pair_settle(&pair);
    assert_int_equal(la_tcp_close(pair.end[1].stack, s), 0);
    pair_run(&pair, 59 * LA_NS_PER_S);
    assert_int_equal(la_tcp_open(pair.end[0].stack, NULL, &to, NULL, &c), LA_EADDRNOTAVAIL);
    pair_run(&pair, 2 * LA_NS_PER_S);
    assert_int_equal(la_tcp_open(pair.end[0].stack, NULL, &to, NULL, &c), 0);
    pair_settle(&pair);
    assert_int_equal(pair_state(&pair, 0, c), LA_TCP_ESTABLISHED);
    pair_end_all(&pair);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_conflicts),      cmocka_unit_test(test_listen_bound),
        cmocka_unit_test(test_most_specific),  cmocka_unit_test(test_not_ours),
        cmocka_unit_test(test_invalid_remote), cmocka_unit_test(test_listen_beside),
        cmocka_unit_test(test_open_bound),     cmocka_unit_test(test_reuse_addr),
        cmocka_unit_test(test_ports_used_up),  cmocka_unit_test(test_time_wait_keeps_tuple),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

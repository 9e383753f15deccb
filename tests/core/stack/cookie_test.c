/* SYN cookies end to end (RFC 4987 3.6), and the SYN flood. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/core_memory.h"
#include "support/stack_peer.h"

#define ALL (WIRE_TCP_MSS | WIRE_TCP_WSCALE | WIRE_TCP_SACK_OK | WIRE_TCP_TS)

static struct peer p;
static la_handle listener;

/* `stack`: the configuration's choice; `own`: the listener's, 255 for none. */
static void begin(uint8_t stack, uint8_t own, uint32_t half_open)
{
    struct la_config c = peer_config(&p);
    struct la_tcp_options o;
    struct la_endpoint any = {.addr = la_addr_any_v6(), .port = 80};
    c.cookies = stack;
    peer_init(&p, &c);
    la_tcp_options_init(&o);
    o.cookies = own;
    o.half_open_max = half_open;
    assert_int_equal(la_tcp_listen(p.stack, &any, &o, &listener), 0);
}

static uint32_t half_open(void)
{
    struct la_stack_stats st;
    la_stack_stats(p.stack, &st);
    return st.half_open;
}

static struct peer_segment syn_of(bool v6, uint16_t sport, uint32_t seq, uint8_t options)
{
    struct peer_segment s = peer_segment(peer_addr(v6, 2), sport, seq, 0, LA_TH_SYN);
    s.h.options = options;
    s.h.mss = 1460;
    s.h.wscale = 7;
    s.h.tsval = 5000;
    return s;
}

/* The third segment that belongs to `answer`. */
static struct peer_segment ack_of(bool v6, const struct wire_tcp *answer)
{
    struct peer_segment s =
        peer_segment(peer_addr(v6, 2), answer->dst_port, answer->ack, answer->seq + 1, LA_TH_ACK);
    s.h.options = answer->options & WIRE_TCP_TS;
    s.h.tsval = 5001;
    s.h.tsecr = answer->tsval;
    return s;
}

static struct wire_tcp ask(bool v6, uint16_t sport, uint32_t seq, uint8_t options)
{
    struct peer_segment s = syn_of(v6, sport, seq, options);
    assert_int_equal(peer_send(&p, &s), LA_TAKE_SYN);
    assert_int_equal(p.count, 1);
    return p.out[0].tcp;
}

/* auto | always | never, of the stack and of a listener. */
static void test_choice(void **state)
{
    (void)state;
    static const uint8_t choices[] = {LA_COOKIES_AUTO, LA_COOKIES_ALWAYS, LA_COOKIES_NEVER};
    for (unsigned i = 0; i < 12; i++) {
        uint8_t stack = choices[i % 3], own = i < 3 ? 255 : choices[(i / 3) - 1];
        uint8_t holds = own == 255 ? stack : own;
        begin(stack, own, 1);
        struct peer_segment s = syn_of(false, 1000, 5, ALL);
        assert_int_equal(peer_send(&p, &s), LA_TAKE_SYN);
        bool always = holds == LA_COOKIES_ALWAYS;
        assert_int_equal(p.out[0].reason, always ? LA_SYN_COOKIE : LA_SYN_ACK);
        assert_int_equal(half_open(), always ? 0 : 1);
        s = syn_of(false, 1001, 5, ALL);
        enum la_reason verdict = peer_send(&p, &s);
        if (holds == LA_COOKIES_NEVER) {
            assert_int_equal(verdict, LA_DROP_LISTEN_SYN_QUEUE);
            assert_int_equal(p.count, 0);
        } else {
            assert_int_equal(verdict, LA_TAKE_SYN);
            assert_int_equal(p.out[0].reason, LA_SYN_COOKIE);
        }
        peer_end(&p);
    }
}

/* MSS is kept in classes, window scale and SACK through the timestamp, and lost without one. */
static void kept(bool v6, uint8_t options, uint16_t mss, uint32_t want_mss)
{
    struct la_tcp_info info;
    la_handle h;
    begin(LA_COOKIES_ALWAYS, 255, 100);
    struct peer_segment s = syn_of(v6, 1000, 0xffffffff, options);
    s.h.mss = mss;
    assert_int_equal(peer_send(&p, &s), LA_TAKE_SYN);
    struct wire_tcp answer = p.out[0].tcp;
    bool ts = (options & WIRE_TCP_TS) != 0;
    assert_int_equal(answer.options,
                     WIRE_TCP_MSS |
                         (ts ? options & (WIRE_TCP_TS | WIRE_TCP_WSCALE | WIRE_TCP_SACK_OK) : 0));
    assert_int_equal(la_stack_memory(p.stack, LA_MEM_HALF_OPEN), 0);
    struct peer_segment ack = ack_of(v6, &answer);
    ack.data = "hello";
    ack.len = 5;
    (void)peer_send(&p, &ack);
    assert_int_equal(la_tcp_accept(p.stack, listener, &h), 0);
    assert_int_equal(la_tcp_info(p.stack, h, &info), 0);
    assert_int_equal(info.state, LA_TCP_ESTABLISHED);
    assert_int_equal(info.timestamps, ts);
    assert_int_equal(info.sack, ts && (options & WIRE_TCP_SACK_OK));
    assert_int_equal(info.window_scale, ts && (options & WIRE_TCP_WSCALE));
    assert_int_equal(info.snd_wscale, info.window_scale ? 7 : 0);
    assert_int_equal(info.rcv_wscale != 0, info.window_scale);
    assert_int_equal(info.iss, answer.seq);
    assert_int_equal(info.irs, 0xffffffff);
    assert_int_equal(info.mss, want_mss - (ts ? 12 : 0));
    assert_int_equal(info.snd_wnd, 65535U << info.snd_wscale);
    char text[8];
    assert_int_equal(la_tcp_recv(p.stack, h, text, sizeof(text), 0), 5);
    assert_int_equal(la_tcp_send(p.stack, h, "x", 1, 0), 1);
    assert_int_equal(peer_pull(&p), 1);
    assert_int_equal(p.out[0].tcp.seq, answer.seq + 1);
    if (ts) {
        assert_true((int32_t)(p.out[0].tcp.tsval - answer.tsval) > 0); /* I28 */
    }
    peer_end(&p);
}

static void test_what_is_kept(void **state)
{
    (void)state;
    static const uint16_t mss[][2] = {{536, 536},   {600, 536},   {1220, 1220}, {1379, 1220},
                                      {1400, 1400}, {1459, 1440}, {1460, 1460}, {9000, 1460}};
    for (unsigned i = 0; i < 8; i++) {
        kept(false, ALL, mss[i][0], mss[i][1]);
        kept(false, WIRE_TCP_MSS, mss[i][0], mss[i][1]);
        kept(true, ALL, mss[i][0], mss[i][1] < 1440 ? mss[i][1] : 1440);
    }
    kept(false, ALL & ~WIRE_TCP_SACK_OK, 1460, 1460);
    kept(false, ALL & ~WIRE_TCP_WSCALE, 1460, 1460);
    kept(false, ALL & ~WIRE_TCP_TS, 1460, 1460);
    kept(true, WIRE_TCP_TS | WIRE_TCP_MSS, 1460, 1440);
    kept(false, 0, 0, 536); /* RFC 9293 MUST-15 */
}

/* Good in the period it was made and in the next one; then refused, also when the period's number
 * comes round again (I34). */
static void test_periods(void **state)
{
    (void)state;
    static const struct {
        unsigned at_s; /* after second 1000, in period 15 */
        bool good;
    } rows[] = {{0, true},   {23, true},   {24, true},    {87, true},
                {88, false}, {150, false}, {2048, false}, {2100, false}};
    for (unsigned i = 0; i < 8; i++) {
        begin(LA_COOKIES_ALWAYS, 255, 100);
        struct wire_tcp answer = ask((i & 1) != 0, 1000, 77, (i & 2) ? ALL : 0);
        (void)peer_run(&p, rows[i].at_s * LA_NS_PER_S);
        if (!rows[i].good) {
            (void)ask(false, 1001, 5, 0); /* so that cookies are looked at all the same */
        }
        struct peer_segment ack = ack_of((i & 1) != 0, &answer);
        assert_int_equal(peer_send(&p, &ack), rows[i].good ? LA_TAKE_COOKIE : LA_DROP_COOKIE);
        la_handle h;
        assert_int_equal(la_tcp_accept(p.stack, listener, &h), rows[i].good ? 0 : LA_EAGAIN);
        if (!rows[i].good) {
            assert_int_equal(p.count, 1);
            assert_int_equal(p.out[0].tcp.flags, LA_TH_RST);
            assert_int_equal(p.out[0].tcp.seq, answer.seq + 1);
        }
        peer_end(&p);
    }
}

/* Nobody gets in who was not given that very cookie (I34): other numbers, ports, addresses, options
 * and guesses are refused. */
static void test_forged(void **state)
{
    (void)state;
    begin(LA_COOKIES_ALWAYS, 255, 100);
    struct wire_tcp answer = ask(false, 1000, 77, ALL);
    struct peer_segment good = ack_of(false, &answer);
    struct peer_segment s;
    for (unsigned bit = 0; bit < 32; bit++) {
        s = good;
        s.h.ack ^= 1U << bit;
        assert_int_equal(peer_send(&p, &s), LA_DROP_COOKIE);
        s = good;
        s.h.seq ^= 1U << bit;
        assert_int_equal(peer_send(&p, &s), LA_DROP_COOKIE);
    }
    for (unsigned bit = 0; bit < 6; bit++) { /* window scale and SACK cannot be changed */
        s = good;
        s.h.tsecr ^= 1U << bit;
        assert_int_equal(peer_send(&p, &s), LA_DROP_COOKIE);
    }
    s = good;
    s.h.options = 0;
    assert_int_equal(peer_send(&p, &s), LA_DROP_COOKIE);
    s = good;
    s.h.src_port++;
    assert_int_equal(peer_send(&p, &s), LA_DROP_COOKIE);
    s = good;
    s.src = peer_addr(false, 3);
    assert_int_equal(peer_send(&p, &s), LA_DROP_COOKIE);
    uint64_t random = 1;
    for (unsigned i = 0; i < 20000; i++) {
        s = good;
        s.h.ack = (uint32_t)random_u64(&random);
        assert_int_equal(peer_send(&p, &s), LA_DROP_COOKIE);
        assert_int_equal(p.count, 1);
        assert_int_equal(p.out[0].tcp.flags, LA_TH_RST);
    }
    struct la_stack_stats st;
    la_stack_stats(p.stack, &st);
    assert_int_equal(st.conns, 0);
    assert_int_equal(peer_send(&p, &good), LA_TAKE_COOKIE);
    peer_end(&p);
    /* Before any was given out an ACK is not even looked at, nor is the cookie of another key. */
    begin(LA_COOKIES_ALWAYS, 255, 100);
    good.h.src_port++;
    assert_int_equal(peer_send(&p, &good), LA_DROP_LISTEN_ACK);
    assert_int_equal(p.out[0].tcp.flags, LA_TH_RST);
    peer_end(&p);
}

/* A full accept queue drops the ACK with the cookie; the next one is good again. */
static void test_accept_queue(void **state)
{
    (void)state;
    struct la_tcp_options o;
    la_handle h;
    begin(LA_COOKIES_ALWAYS, 255, 100);
    assert_int_equal(la_tcp_get_options(p.stack, listener, &o), 0);
    o.backlog = 1;
    assert_int_equal(la_tcp_set_options(p.stack, listener, &o), 0);
    struct wire_tcp first = ask(false, 1000, 5, ALL), second = ask(false, 1001, 5, 0);
    struct peer_segment ack = ack_of(false, &first);
    assert_int_equal(peer_send(&p, &ack), LA_TAKE_COOKIE);
    ack = ack_of(false, &second);
    assert_int_equal(peer_send(&p, &ack), LA_DROP_LISTEN_ACCEPT_QUEUE);
    assert_int_equal(p.count, 0);
    assert_int_equal(la_tcp_accept(p.stack, listener, &h), 0);
    assert_int_equal(peer_send(&p, &ack), LA_TAKE_COOKIE);
    peer_end(&p);
}

/* 10,000 SYNs of nobody: half-open records stay within their limit, memory does not grow, and an
 * honest client gets through with cookies, and not without. */
static void flood(uint8_t cookies, bool v6)
{
    la_handle h;
    begin(cookies, 255, 16);
    uint64_t held = 0;
    for (unsigned i = 0; i < 10000; i++) {
        struct peer_segment s = syn_of(v6, (uint16_t)(1024 + i % 50000), i * 7919, ALL);
        s.src = peer_addr(v6, (uint8_t)(3 + i % 250));
        enum la_reason verdict = peer_send(&p, &s);
        assert_true(verdict == LA_TAKE_SYN || verdict == LA_DROP_LISTEN_SYN_QUEUE);
        assert_true(half_open() <= 16);
        if (i == 100) {
            held = la_stack_memory(p.stack, LA_MEM_HELD);
        }
        if (i % 100 == 0) {
            (void)peer_run(&p, LA_NS_PER_MS);
        }
    }
    assert_true(la_stack_memory(p.stack, LA_MEM_HELD) <= held);
    assert_true(la_stack_memory(p.stack, LA_MEM_HALF_OPEN) <= 16 * 96);
    struct peer_segment honest = syn_of(v6, 1000, 5, ALL);
    enum la_reason verdict = peer_send(&p, &honest);
    if (cookies == LA_COOKIES_NEVER) {
        assert_int_equal(verdict, LA_DROP_LISTEN_SYN_QUEUE);
        peer_end(&p);
        return;
    }
    assert_int_equal(verdict, LA_TAKE_SYN);
    struct peer_segment ack = ack_of(v6, &p.out[0].tcp);
    assert_int_equal(peer_send(&p, &ack), LA_TAKE_COOKIE);
    assert_int_equal(la_tcp_accept(p.stack, listener, &h), 0);
    assert_int_equal(la_tcp_send(p.stack, h, "hello", 5, 0), 5);
    assert_int_equal(peer_pull(&p), 1);
    assert_int_equal(p.out[0].payload_len, 5);
    /* The flood is over: records are forgotten, and a SYN gets one again. */
    assert_int_equal(la_tcp_abort(p.stack, h, LA_RST_ABORT), 0);
    (void)peer_run(&p, 400 * LA_NS_PER_S);
    assert_int_equal(half_open(), 0);
    honest = syn_of(v6, 1001, 5, ALL);
    assert_int_equal(peer_send(&p, &honest), LA_TAKE_SYN);
    assert_int_equal(p.out[0].reason, cookies == LA_COOKIES_ALWAYS ? LA_SYN_COOKIE : LA_SYN_ACK);
    peer_end(&p);
}

static void test_flood(void **state)
{
    (void)state;
    flood(LA_COOKIES_AUTO, false);
    flood(LA_COOKIES_AUTO, true);
    flood(LA_COOKIES_ALWAYS, false);
    flood(LA_COOKIES_NEVER, false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_choice),       cmocka_unit_test(test_what_is_kept),
        cmocka_unit_test(test_periods),      cmocka_unit_test(test_forged),
        cmocka_unit_test(test_accept_queue), cmocka_unit_test(test_flood),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

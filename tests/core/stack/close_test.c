/* Opening and closing from both sides at once, closing in three segments, half-close, resets,
 * half-open recovery, and what the application is told of it (RFC 9293 3.5, 3.6). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/two_stacks.h"

static struct pair p;

#define S0 (p.end[0].stack)
#define S1 (p.end[1].stack)

/* A wire that holds frames back until it is told to let them through. */
static struct {
    bool hold;
    size_t count;
    unsigned passed; /* frames of both directions */
    struct {
        unsigned from;
        size_t len;
        uint8_t bytes[2048];
    } frames[64];
} wire;

static bool hold(void *ctx, unsigned from, unsigned serial, uint8_t *bytes, size_t len)
{
    (void)ctx;
    (void)serial;
    if (!wire.hold) {
        wire.passed++;
        return true;
    }
    assert_true(wire.count < 64 && len <= sizeof(wire.frames[0].bytes));
    wire.frames[wire.count].from = from;
    wire.frames[wire.count].len = len;
    memcpy(wire.frames[wire.count].bytes, bytes, len);
    wire.count++;
    return false;
}

/* Delivers what was held; the answers are held again. */
static void let_through(void)
{
    size_t n = wire.count;
    static __typeof__(wire) was;
    was = wire;
    wire.count = 0;
    for (size_t i = 0; i < n; i++) {
        (void)pair_inject(&p, 1 - was.frames[i].from, was.frames[i].bytes, was.frames[i].len);
        wire.passed++;
    }
    pair_settle(&p);
}

static void begin(void)
{
    struct pair_options o = pair_defaults();
    assert_true(pair_init(&p, &o));
    memset(&wire, 0, sizeof(wire));
    p.filter = hold;
}

static void all_gone(void)
{
    for (unsigned n = 0; n < 2; n++) {
        struct la_stack_stats st;
        la_stack_stats(p.end[n].stack, &st);
        assert_int_equal(st.conns + st.half_open + st.time_wait, 0);
        assert_int_equal(la_stack_memory(p.end[n].stack, LA_MEM_BUFFERS), 0);
        assert_int_equal(la_stack_memory(p.end[n].stack, LA_MEM_CONNECTIONS), 0);
        assert_int_equal(la_stack_next_deadline(p.end[n].stack), UINT64_MAX);
    }
    pair_end_all(&p);
}

static int64_t read_all(unsigned end, la_handle h, char *text, size_t max)
{
    return la_tcp_recv(p.end[end].stack, h, text, max, 0);
}

/* RFC 9293 figure 13: FINs cross; CLOSING on both sides, TIME-WAIT on both sides (I21). */
static void test_simultaneous_close(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        la_handle c, s, l;
        char text[8];
        begin();
        pair_connect(&p, (i & 1) != 0, &c, &s, &l);
        wire.hold = true;
        wire.passed = 0;
        if (i & 2) { /* with data on the FIN */
            assert_int_equal(la_tcp_send(S0, c, "ab", 2, 0), 2);
            assert_int_equal(la_tcp_send(S1, s, "cd", 2, 0), 2);
        }
        assert_int_equal(la_tcp_shutdown(S0, c), 0);
        assert_int_equal(la_tcp_shutdown(S1, s), 0);
        pair_settle(&p);
        assert_int_equal(wire.count, 2);
        let_through();
        assert_int_equal(pair_state(&p, 0, c), LA_TCP_CLOSING);
        assert_int_equal(pair_state(&p, 1, s), LA_TCP_CLOSING);
        let_through();
        assert_int_equal(pair_state(&p, 0, c), LA_TCP_TIME_WAIT);
        assert_int_equal(pair_state(&p, 1, s), LA_TCP_TIME_WAIT);
        assert_int_equal(wire.count, 0);
        assert_int_equal(wire.passed, 4);
        if (i & 2) {
            assert_int_equal(read_all(0, c, text, 8), 2);
            assert_int_equal(read_all(1, s, text, 8), 2);
        }
        assert_int_equal(read_all(0, c, text, 8), 0);
        wire.hold = false;
        pair_run(&p, 61 * LA_NS_PER_S);
        assert_int_equal(pair_state(&p, 0, c), LA_TCP_CLOSED);
        la_tcp_close(S0, c);
        la_tcp_close(S1, s);
        la_tcp_close(S1, l);
        all_gone();
    }
}

/* RFC 9293 MUST-10, figure 7: two SYNs cross and make one connection. */
static void test_simultaneous_open(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 16; i++) {
        bool v6 = (i & 1) != 0;
        struct la_tcp_options o;
        struct la_tcp_info info[2];
        la_handle h[2];
        char text[8];
        begin();
        la_tcp_options_init(&o);
        o.timestamps = (i & 2) != 0;
        o.window_scale = (i & 4) != 0;
        o.sack = (i & 8) != 0;
        struct la_endpoint at[2] = {pair_at(&p, 0, v6, 1000), pair_at(&p, 1, v6, 2000)};
        wire.hold = true;
        wire.passed = 0;
        assert_int_equal(la_tcp_open(S0, &at[0], &at[1], &o, &h[0]), 0);
        assert_int_equal(la_tcp_open(S1, &at[1], &at[0], i < 8 ? &o : NULL, &h[1]), 0);
        pair_settle(&p);
        let_through();
        assert_int_equal(pair_state(&p, 0, h[0]), LA_TCP_SYN_RECEIVED);
        assert_int_equal(pair_state(&p, 1, h[1]), LA_TCP_SYN_RECEIVED);
        while (wire.count) {
            let_through();
        }
        assert_int_equal(wire.passed, 4); /* each end's SYN and SYN-ACK, as in the figure (I21) */
        for (unsigned n = 0; n < 2; n++) {
            struct la_stack_stats st;
            la_stack_stats(p.end[n].stack, &st);
            assert_int_equal(st.conns, 1);
            assert_int_equal(la_tcp_info(p.end[n].stack, h[n], &info[n]), 0);
            assert_int_equal(info[n].state, LA_TCP_ESTABLISHED);
            assert_int_equal(info[n].timestamps, o.timestamps);
            assert_int_equal(info[n].window_scale, o.window_scale);
            assert_int_equal(info[n].sack, o.sack);
            assert_false(info[n].passive);
        }
        assert_int_equal(info[0].snd_nxt, info[1].rcv_nxt);
        assert_int_equal(info[1].snd_nxt, info[0].rcv_nxt);
        wire.hold = false;
        assert_int_equal(la_tcp_send(S0, h[0], "ping", 4, 0), 4);
        assert_int_equal(la_tcp_send(S1, h[1], "pong", 4, 0), 4);
        pair_settle(&p);
        assert_int_equal(read_all(1, h[1], text, 8), 4);
        assert_memory_equal(text, "ping", 4);
        assert_int_equal(read_all(0, h[0], text, 8), 4);
        assert_memory_equal(text, "pong", 4);
        assert_int_equal(la_tcp_close(S0, h[0]), 0);
        assert_int_equal(la_tcp_close(S1, h[1]), 0);
        pair_run(&p, 120 * LA_NS_PER_S);
        all_gone();
    }
}

static la_handle server_to_shut;

static void shut_at_fin(struct pair *pair, unsigned end)
{
    struct la_tcp_info info;
    if (end == 1 && server_to_shut && la_tcp_info(pair->end[1].stack, server_to_shut, &info) == 0 &&
        info.state == LA_TCP_CLOSE_WAIT) {
        assert_int_equal(la_tcp_shutdown(pair->end[1].stack, server_to_shut), 0);
        server_to_shut = 0;
    }
}

/* Who has nothing more to send when the FIN comes answers with one segment, ACK and FIN: note 2 of
 * figure 5, from FIN-WAIT-1 to TIME-WAIT at once. */
static void test_three_segments(void **state)
{
    (void)state;
    for (unsigned v6 = 0; v6 < 2; v6++) {
        la_handle c, s, l;
        begin();
        pair_connect(&p, v6 != 0, &c, &s, &l);
        server_to_shut = s;
        p.check = shut_at_fin;
        wire.passed = 0;
        assert_int_equal(la_tcp_shutdown(S0, c), 0);
        pair_settle(&p);
        assert_int_equal(wire.passed, 3);
        assert_int_equal(pair_state(&p, 0, c), LA_TCP_TIME_WAIT);
        assert_int_equal(pair_state(&p, 1, s), LA_TCP_CLOSED);
        la_tcp_close(S0, c);
        la_tcp_close(S1, s);
        la_tcp_close(S1, l);
        pair_run(&p, 61 * LA_NS_PER_S);
        all_gone();
    }
}

/* The side that was closed on goes on sending for as long as it likes: megabytes, in either role.
 */
static void half_close(unsigned closer, bool v6)
{
    static uint8_t bytes[30000];
    const size_t total = 3000000;
    la_handle h[2], l;
    size_t sent = 0, got = 0;
    begin();
    pair_connect(&p, v6, &h[0], &h[1], &l);
    unsigned other = 1 - closer;
    struct la_stack *sc = p.end[closer].stack, *so = p.end[other].stack;
    assert_int_equal(la_tcp_send(sc, h[closer], "bye", 3, 0), 3);
    assert_int_equal(la_tcp_shutdown(sc, h[closer]), 0);
    assert_int_equal(la_tcp_send(sc, h[closer], "x", 1, 0), LA_EPIPE);
    pair_settle(&p);
    assert_int_equal(la_tcp_recv(so, h[other], bytes, 8, 0), 3);
    assert_int_equal(la_tcp_recv(so, h[other], bytes, 8, 0), 0);
    while (got < total) {
        for (size_t i = 0; i < sizeof(bytes); i++) {
            bytes[i] = (uint8_t)((sent + i) * 7 >> 4);
        }
        size_t left = total - sent < sizeof(bytes) ? total - sent : sizeof(bytes);
        int64_t n = left ? la_tcp_send(so, h[other], bytes, left, 0) : 0;
        sent += n > 0 ? (size_t)n : 0;
        pair_run(&p, LA_NS_PER_MS);
        assert_int_equal(pair_state(&p, closer, h[closer]), LA_TCP_FIN_WAIT_2);
        assert_int_equal(pair_state(&p, other, h[other]), LA_TCP_CLOSE_WAIT);
        while ((n = la_tcp_recv(sc, h[closer], bytes, sizeof(bytes), 0)) > 0) {
            for (int64_t i = 0; i < n; i++) {
                assert_int_equal(bytes[i], (uint8_t)((got + (size_t)i) * 7 >> 4));
            }
            got += (size_t)n;
        }
        assert_int_equal(n, LA_EAGAIN);
    }
    assert_int_equal(la_tcp_shutdown(so, h[other]), 0);
    pair_settle(&p);
    assert_int_equal(la_tcp_recv(sc, h[closer], bytes, 8, 0), 0);
    assert_int_equal(pair_state(&p, closer, h[closer]), LA_TCP_TIME_WAIT);
    assert_int_equal(pair_state(&p, other, h[other]), LA_TCP_CLOSED);
    la_tcp_close(S0, h[0]);
    la_tcp_close(S1, h[1]);
    la_tcp_close(S1, l);
    pair_run(&p, 61 * LA_NS_PER_S);
    all_gone();
}

static void test_half_close(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        half_close(i & 1, (i & 2) != 0);
    }
}

static unsigned resets(const struct la_stack *s, enum la_reason why)
{
    return (unsigned)la_stack_counter(s, why);
}

/* RFC 9293 SHLD-3: data unread at the close, or coming after it, make it a reset; what the peer had
 * received is read first, then the reset is told (MUST-12). */
static void test_unread(void **state)
{
    (void)state;
    for (unsigned after = 0; after < 2; after++) {
        la_handle c, s, l;
        char text[8];
        begin();
        pair_connect(&p, after != 0, &c, &s, &l);
        assert_int_equal(la_tcp_send(S1, s, "hello", 5, 0), 5);
        pair_settle(&p);
        if (after) {
            assert_int_equal(la_tcp_close(S1, s), 0);
            pair_settle(&p);
            assert_int_equal(pair_state(&p, 0, c), LA_TCP_CLOSE_WAIT);
            assert_int_equal(la_tcp_send(S0, c, "data", 4, 0), 4);
        } else {
            assert_int_equal(la_tcp_send(S0, c, "data", 4, 0), 4);
            pair_settle(&p);
            assert_int_equal(la_tcp_close(S1, s), 0);
        }
        pair_settle(&p);
        assert_int_equal(resets(S1, after ? LA_RST_DATA_AFTER_CLOSE : LA_RST_UNREAD), 1);
        assert_int_equal(pair_state(&p, 0, c), LA_TCP_CLOSED);
        assert_int_equal(read_all(0, c, text, 8), 5);
        assert_memory_equal(text, "hello", 5);
        if (after) {
            assert_int_equal(read_all(0, c, text, 8), 0); /* the FIN came before the reset */
        } else {
            assert_int_equal(read_all(0, c, text, 8), LA_ECONNRESET);
        }
        assert_int_equal(la_tcp_send(S0, c, "x", 1, 0), LA_ECONNRESET);
        la_tcp_close(S0, c);
        la_tcp_close(S1, l);
        all_gone();
    }
}

/* Linger 0 closes with a reset; a linger time gives up what the peer does not take. */
static void test_linger(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        la_handle c, s, l;
        struct la_tcp_options o;
        char text[8];
        begin();
        pair_connect(&p, (i & 1) != 0, &c, &s, &l);
        assert_int_equal(la_tcp_get_options(S0, c, &o), 0);
        o.linger_s = i < 2 ? 0 : 5;
        assert_int_equal(la_tcp_set_options(S0, c, &o), 0);
        wire.hold = true; /* and lost */
        assert_int_equal(la_tcp_send(S0, c, "data", 4, 0), 4);
        pair_settle(&p);
        assert_int_equal(la_tcp_close(S0, c), 0);
        pair_settle(&p);
        if (i >= 2) {
            assert_int_equal(resets(S0, LA_RST_LINGER), 0);
            pair_run(&p, 4900 * LA_NS_PER_MS);
            assert_int_equal(resets(S0, LA_RST_LINGER), 0);
            pair_run(&p, 200 * LA_NS_PER_MS);
        }
        assert_int_equal(resets(S0, LA_RST_LINGER), 1);
        struct la_stack_stats st;
        la_stack_stats(S0, &st);
        assert_int_equal(st.conns, 0);
        wire.hold = false;
        let_through();
        (void)read_all(1, s, text, 8);
        /* With a linger time the FIN came before the reset. */
        assert_int_equal(read_all(1, s, text, 8), i < 2 ? LA_ECONNRESET : 0);
        assert_int_equal(la_tcp_send(S1, s, "x", 1, 0), LA_ECONNRESET);
        la_tcp_close(S1, s);
        la_tcp_close(S1, l);
        all_gone();
    }
}

/* A linger time in which the peer takes everything is a close in order. */
static void test_linger_in_time(void **state)
{
    (void)state;
    la_handle c, s, l;
    struct la_tcp_options o;
    char text[8];
    begin();
    pair_connect(&p, false, &c, &s, &l);
    assert_int_equal(la_tcp_get_options(S0, c, &o), 0);
    o.linger_s = 5;
    assert_int_equal(la_tcp_set_options(S0, c, &o), 0);
    assert_int_equal(la_tcp_send(S0, c, "data", 4, 0), 4);
    assert_int_equal(la_tcp_close(S0, c), 0);
    pair_run(&p, 20 * LA_NS_PER_S);
    assert_int_equal(read_all(1, s, text, 8), 4);
    assert_int_equal(read_all(1, s, text, 8), 0);
    assert_int_equal(la_tcp_close(S1, s), 0);
    pair_settle(&p);
    assert_int_equal(resets(S0, LA_RST_LINGER), 0);
    struct la_stack_stats st;
    la_stack_stats(S0, &st);
    assert_int_equal(st.time_wait, 1);
    la_tcp_close(S1, l);
    pair_run(&p, 61 * LA_NS_PER_S);
    all_gone();
}

/* RFC 1122 4.2.2.20: a peer that never closes does not hold a connection nobody reads from. */
static void test_fin_wait_2(void **state)
{
    (void)state;
    la_handle c, s, l;
    begin();
    pair_connect(&p, false, &c, &s, &l);
    assert_int_equal(la_tcp_close(S0, c), 0);
    pair_run(&p, 59 * LA_NS_PER_S);
    struct la_stack_stats st;
    la_stack_stats(S0, &st);
    assert_int_equal(st.conns, 1);
    pair_run(&p, 2 * LA_NS_PER_S);
    la_stack_stats(S0, &st);
    assert_int_equal(st.conns, 0);
    assert_int_equal(la_stack_counter(S0, LA_TIMEOUT_FIN_WAIT_2), 1);
    /* A half-close, on the other hand, may last. */
    assert_int_equal(la_tcp_shutdown(S1, s), 0);
    pair_settle(&p);
    assert_int_equal(read_all(1, s, &(char){0}, 1), 0);
    la_tcp_close(S1, s);
    la_tcp_close(S1, l);
    pair_run(&p, 200 * LA_NS_PER_S);
    all_gone();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_simultaneous_close),
        cmocka_unit_test(test_simultaneous_open),
        cmocka_unit_test(test_three_segments),
        cmocka_unit_test(test_half_close),
        cmocka_unit_test(test_unread),
        cmocka_unit_test(test_linger),
        cmocka_unit_test(test_linger_in_time),
        cmocka_unit_test(test_fin_wait_2),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

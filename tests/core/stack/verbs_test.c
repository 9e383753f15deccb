/* The verbs: back-pressure, a clock that goes back, determinism, the fast path, the trace, and the
 * three forms of send and receive. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/stack_net.h"

static struct net net;

#define S0 (net.pair.end[0].stack)
#define S1 (net.pair.end[1].stack)

static uint8_t pattern(unsigned way, size_t at)
{
    return (uint8_t)(at * 29 / 7 + way * 91);
}

/* Writes what fits and reads what is there, in random portions. */
static void move(unsigned end, la_handle h, size_t total, size_t *sent, size_t *got, uint64_t *rnd)
{
    struct la_stack *s = net.pair.end[end].stack;
    uint8_t bytes[9000];
    size_t len = 1 + random_below(rnd, sizeof(bytes) - 1);
    len = total - *sent < len ? total - *sent : len;
    for (size_t i = 0; i < len; i++) {
        bytes[i] = pattern(end, *sent + i);
    }
    int64_t n = len ? la_tcp_send(s, h, bytes, len, 0) : 0;
    *sent += n > 0 ? (size_t)n : 0;
    n = la_tcp_recv(s, h, bytes, 1 + random_below(rnd, sizeof(bytes) - 1), 0);
    for (int64_t i = 0; i < n; i++) {
        assert_int_equal(bytes[i], pattern(1 - end, *got + (size_t)i));
    }
    *got += n > 0 ? (size_t)n : 0;
}

static uint64_t take_random;

static size_t take_some(void *ctx, unsigned from, size_t n)
{
    (void)ctx;
    (void)from;
    return random_below(&take_random, (uint32_t)n + 1);
}

static bool pass(void *ctx, unsigned from, unsigned serial, uint8_t *bytes, size_t len)
{
    (void)ctx;
    (void)from;
    (void)serial;
    (void)bytes;
    (void)len;
    return true;
}

/* The link takes any part of a batch: what it did not take comes out first the next time, so that
 * nothing is lost, sent again or out of order. */
static void test_back_pressure(void **state)
{
    (void)state;
    for (unsigned seed = 1; seed <= 8; seed++) {
        struct pair_options o = pair_defaults();
        struct la_tcp_info info;
        la_handle h[2], l;
        size_t sent[2] = {0}, got[2] = {0};
        uint64_t rnd = seed;
        assert_true(net_init(&net, &o, seed));
        net.pair.filter = pass;
        pair_connect(&net.pair, (seed & 1) != 0, &h[0], &h[1], &l);
        take_random = seed;
        net.pair.take = take_some;
        while (got[0] + got[1] < 600000) {
            move(0, h[0], 300000, &sent[0], &got[0], &rnd);
            move(1, h[1], 300000, &sent[1], &got[1], &rnd);
            pair_run(&net.pair, random_below(&rnd, 20) * LA_NS_PER_MS);
        }
        for (unsigned end = 0; end < 2; end++) {
            assert_int_equal(la_tcp_info(net.pair.end[end].stack, h[end], &info), 0);
            assert_int_equal(info.ooo_segs_in, 0);
            assert_int_equal(info.rtx_segs, 0);
            assert_int_equal(la_tcp_close(net.pair.end[end].stack, h[end]), 0);
        }
        assert_int_equal(la_tcp_close(S1, l), 0);
        pair_run(&net.pair, 61 * LA_NS_PER_S);
        for (unsigned end = 0; end < 2; end++) {
            assert_int_equal(la_stack_memory(net.pair.end[end].stack, LA_MEM_BUFFERS), 0);
        }
        net_end(&net);
    }
}

/* A connection can be aborted while its frames wait for the link: they hold what they need. */
static void test_kept_frames(void **state)
{
    (void)state;
    struct pair_options o = pair_defaults();
    struct la_frame frames[64];
    static uint8_t bytes[9000];
    la_handle c, s, l;
    assert_true(net_init(&net, &o, 1));
    net.pair.filter = pass;
    pair_connect(&net.pair, false, &c, &s, &l);
    assert_int_equal(la_tcp_send(S0, c, bytes, sizeof(bytes), 0), sizeof(bytes));
    size_t n = la_stack_output(S0, net.pair.end[0].link, frames, 64, 0);
    assert_true(n >= 6);
    assert_int_equal(la_stack_output(S0, net.pair.end[0].link, NULL, 0, 0), 0);
    la_stack_sent(S0, net.pair.end[0].link, frames, n, 2);
    assert_int_equal(la_tcp_abort(S0, c, LA_RST_ABORT), 0);
    assert_true(la_stack_has_output(S0, net.pair.end[0].link));
    assert_int_not_equal(la_stack_memory(S0, LA_MEM_BUFFERS), 0);
    size_t again = la_stack_output(S0, net.pair.end[0].link, frames, 64, 0);
    assert_int_equal(again, n - 2 + 1); /* and the reset */
    for (size_t i = 0; i + 1 < again; i++) {
        assert_int_equal(frames[i].reason, LA_DATA);
    }
    assert_int_equal(frames[again - 1].reason, LA_RST_ABORT);
    la_stack_sent(S0, net.pair.end[0].link, frames, again, again);
    assert_int_equal(la_stack_memory(S0, LA_MEM_BUFFERS), 0);
    /* Destroyed with frames that wait: they are freed with it. */
    la_tcp_close(S1, s);
    pair_connect(&net.pair, true, &c, &s, &(la_handle){0});
    net_end(&net);
}

/* `now` never goes back: an earlier value counts as the last one. */
static void test_clock_back(void **state)
{
    (void)state;
    struct pair_options o = pair_defaults();
    la_handle c, s, l;
    struct la_tcp_info info;
    assert_true(net_init(&net, &o, 1));
    net.pair.filter = pass;
    pair_run(&net.pair, 100 * LA_NS_PER_S);
    pair_connect(&net.pair, false, &c, &s, &l);
    la_tcp_close(S0, c);
    pair_settle(&net.pair);
    la_tcp_shutdown(S1, s);
    pair_settle(&net.pair);
    uint64_t before = la_stack_counter(S0, LA_CLOCK_BACKWARDS);
    uint64_t deadline = la_stack_next_deadline(S0);
    la_stack_timeout(S0, 5);
    assert_int_equal(la_stack_counter(S0, LA_CLOCK_BACKWARDS), before + 1);
    assert_int_equal(la_stack_next_deadline(S0), deadline);
    struct la_frame f;
    assert_int_equal(la_stack_output(S0, net.pair.end[0].link, &f, 1, 7), 0);
    la_stack_input(S0, net.pair.end[0].link, NULL, 0, 0);
    assert_int_equal(la_stack_counter(S0, LA_CLOCK_BACKWARDS), before + 3);
    /* The wait is neither longer nor shorter. */
    pair_run(&net.pair, 60 * LA_NS_PER_S);
    struct la_stack_stats st;
    la_stack_stats(S0, &st);
    assert_int_equal(st.time_wait, 0);
    assert_int_equal(la_tcp_info(S1, s, &info), 0);
    net_end(&net);
}

/* A long exchange on a bad wire, that follows from `seed` alone; the hashes of all that was sent.
 */
static void exchange(uint64_t seed, bool fast, bool v6, uint64_t hash[2], uint64_t frames[2])
{
    struct pair_options o = pair_defaults();
    struct la_tcp_options t;
    la_handle h[2][2] = {{0}}, l;
    size_t sent[2][2] = {{0}}, got[2][2] = {{0}};
    uint64_t rnd = seed;
    o.fast_path = fast;
    assert_true(net_init(&net, &o, seed));
    net.loss = seed % 3 == 0 ? 0 : 15;
    net.duplicate = net.loss;
    net.reorder = 4 * net.loss;
    net.corrupt = net.loss / 5;
    la_tcp_options_init(&t);
    t.rcvbuf_bytes = 20000 + random_below(&rnd, 100000);
    t.sack = (seed & 1) != 0;
    t.timestamps = (seed & 2) != 0;
    struct la_endpoint to = pair_at(&net.pair, 1, v6, 80);
    assert_int_equal(la_tcp_listen(S1, &to, &t, &l), 0);
    for (unsigned i = 0; i < 2; i++) {
        struct la_endpoint from = pair_at(&net.pair, 0, v6, (uint16_t)(1000 + i));
        assert_int_equal(la_tcp_open(S0, &from, &to, &t, &h[i][0]), 0);
    }
    for (unsigned turn = 0; turn < 6000; turn++) {
        struct la_tcp_info info;
        la_handle s;
        if (la_tcp_accept(S1, l, &s) == 0) {
            assert_int_equal(la_tcp_info(S1, s, &info), 0);
            h[info.remote.port - 1000][1] = s;
        }
        unsigned i = random_below(&rnd, 2), end = random_below(&rnd, 2);
        if (h[i][end]) {
            move(end, h[i][end], 150000, &sent[i][end], &got[i][end], &rnd);
        }
        (void)net_step(&net, 20 * LA_NS_PER_MS);
    }
    assert_true(got[0][0] + got[0][1] + got[1][0] + got[1][1] > 200000);
    memcpy(hash, net.hash, sizeof(net.hash));
    memcpy(frames, net.sent, sizeof(net.sent));
    net_end(&net);
}

/* The same seed and calls give the same bytes at the same times (I32), with the fast path as
 * without it; another seed gives others. */
static void test_determinism(void **state)
{
    (void)state;
    uint64_t last = 0;
    for (uint64_t seed = 1; seed <= 12; seed++) {
        uint64_t hash[3][2], frames[3][2];
        bool v6 = (seed & 1) != 0;
        exchange(seed, true, v6, hash[0], frames[0]);
        exchange(seed, false, v6, hash[1], frames[1]);
        assert_int_equal(frames[0][0], frames[1][0]);
        assert_int_equal(frames[0][1], frames[1][1]);
        assert_memory_equal(hash[0], hash[1], sizeof(hash[0]));
        if (seed < 4) {
            exchange(seed, true, v6, hash[2], frames[2]);
            assert_memory_equal(hash[0], hash[2], sizeof(hash[0]));
        }
        assert_true(hash[0][0] != last);
        last = hash[0][0];
    }
}

/* What is not drained in time is overwritten, and the loss is said and counted. */
static void test_trace(void **state)
{
    (void)state;
    static struct la_trace_record r[4096];
    struct pair_options o = pair_defaults();
    la_handle c, s, l;
    assert_true(net_init(&net, &o, 1));
    net.pair.filter = pass;
    pair_connect(&net.pair, false, &c, &s, &l);
    size_t n = la_stack_trace(S0, r, 4096);
    assert_true(n > 5 && n < 64);
    for (size_t i = 0; i < n; i++) {
        assert_int_not_equal(r[i].reason, LA_TRACE_LOST);
        assert_true(i == 0 || r[i].serial == r[i - 1].serial + 1);
    }
    uint32_t next = r[n - 1].serial + 1;
    for (unsigned i = 0; i < 100; i++) {
        assert_int_equal(la_tcp_send(S0, c, "x", 1, 0), 1);
        pair_run(&net.pair, 50 * LA_NS_PER_MS);
    }
    n = la_stack_trace(S0, r, 4096);
    assert_int_equal(r[0].reason, LA_TRACE_LOST);
    assert_true(r[0].seq > 0);
    assert_int_equal(la_stack_counter(S0, LA_TRACE_LOST), r[0].seq);
    assert_int_equal(r[n - 1].serial + 1 - next, n - 1 + r[0].seq); /* none is unaccounted for */
    for (size_t i = 2; i < n; i++) {
        assert_true((int32_t)(r[i].serial - r[i - 1].serial) > 0);
        assert_true(r[i].time_ns >= r[i - 1].time_ns);
    }
    assert_int_equal(la_stack_trace(S0, r, 4096), 0);
    net_end(&net);
}

/* Lent buffers come back when they are acknowledged, in order, with handle and cookie, and once;
 * after an abort as well. */
static void test_lent(void **state)
{
    (void)state;
    static uint8_t bytes[3][20000];
    for (unsigned abort_it = 0; abort_it < 2; abort_it++) {
        struct pair_options o = pair_defaults();
        la_handle c, s, l, owner;
        struct la_event ev[4];
        uint64_t cookie;
        static uint8_t in[60000];
        assert_true(net_init(&net, &o, 1));
        net.pair.filter = pass;
        pair_connect(&net.pair, abort_it != 0, &c, &s, &l);
        for (unsigned i = 0; i < 3; i++) {
            memset(bytes[i], (int)i + 1, sizeof(bytes[i]));
            assert_int_equal(la_tcp_lend(S0, c, bytes[i], sizeof(bytes[i]), 100 + i, 0), 20000);
        }
        assert_int_equal(la_tcp_released(S0, &owner, &cookie), 0);
        if (abort_it) {
            assert_int_equal(la_tcp_abort(S0, c, LA_RST_ABORT), 0);
        }
        pair_settle(&net.pair);
        size_t got = 0;
        int64_t n;
        while (!abort_it && got < 60000) {
            pair_run(&net.pair, 50 * LA_NS_PER_MS);
            n = la_tcp_recv(S1, s, in, sizeof(in), 0);
            for (int64_t i = 0; i < n; i++) {
                assert_int_equal(in[i], (got + (size_t)i) / 20000 + 1);
            }
            got += n > 0 ? (size_t)n : 0;
        }
        pair_run(&net.pair, LA_NS_PER_S);
        uint32_t events = 0;
        for (size_t i = 0, m = la_stack_poll(S0, ev, 4); i < m; i++) {
            events |= ev[i].events;
            assert_true(!(ev[i].events & LA_EV_RELEASED) || ev[i].handle == c);
        }
        assert_true(events & LA_EV_RELEASED);
        for (unsigned i = 0; i < 3; i++) {
            assert_int_equal(la_tcp_released(S0, &owner, &cookie), 1);
            assert_true(owner == c);
            assert_int_equal(cookie, 100 + i);
        }
        assert_int_equal(la_tcp_released(S0, &owner, &cookie), 0);
        assert_int_equal(la_stack_memory(S0, LA_MEM_BUFFERS), 0);
        net_end(&net);
    }
}

/* In place: reserve and commit, peek and consume; and taken over: la_tcp_take(). */
static void test_in_place(void **state)
{
    (void)state;
    struct pair_options o = pair_defaults();
    la_handle c, s, l;
    void *room;
    const void *data;
    struct la_buf *buf;
    size_t len = 100;
    assert_true(net_init(&net, &o, 1));
    net.pair.filter = pass;
    pair_connect(&net.pair, false, &c, &s, &l);
    assert_int_equal(la_tcp_reserve(S0, c, &room, &len), 0);
    assert_int_equal(len, 100);
    memcpy(room, "hello world", 11);
    assert_int_equal(la_tcp_commit(S0, c, 1000000, 0), LA_EINVAL);
    assert_int_equal(la_tcp_commit(S0, c, 5, 0), 0);
    pair_settle(&net.pair);
    assert_int_equal(la_tcp_peek(S1, s, &data), 5);
    assert_memory_equal(data, "hello", 5);
    assert_int_equal(la_tcp_peek(S1, s, &data), 5);
    assert_int_equal(la_tcp_consume(S1, s, 6), LA_EINVAL);
    assert_int_equal(la_tcp_consume(S1, s, 2), 0);
    assert_int_equal(la_tcp_peek(S1, s, &data), 3);
    assert_memory_equal(data, "llo", 3);
    assert_int_equal(la_tcp_take(S1, s, &buf), 3);
    assert_memory_equal(buf->data, "llo", 3);
    assert_int_equal(la_tcp_take(S1, s, &(struct la_buf *){0}), LA_EAGAIN);
    /* The reserved room again: what was not committed is written over. */
    len = 1 << 20;
    assert_int_equal(la_tcp_reserve(S0, c, &room, &len), 0);
    memset(room, 'z', len);
    assert_int_equal(la_tcp_commit(S0, c, len, 0), 0);
    pair_settle(&net.pair);
    size_t got = 0;
    while (got < len) {
        int64_t n = la_tcp_peek(S1, s, &data);
        if (n == LA_EAGAIN) { /* the last, partial segment waits for the delayed ACK */
            pair_run(&net.pair, 50 * LA_NS_PER_MS);
            n = la_tcp_peek(S1, s, &data);
        }
        assert_true(n > 0);
        assert_int_equal(((const uint8_t *)data)[n - 1], 'z');
        assert_int_equal(la_tcp_consume(S1, s, (size_t)n), 0);
        got += (size_t)n;
    }
    assert_memory_equal(buf->data, "llo", 3); /* ours until it is given back */
    la_buf_put(S1, buf);
    assert_int_equal(la_tcp_shutdown(S0, c), 0);
    assert_int_equal(la_tcp_reserve(S0, c, &room, &len), LA_EPIPE);
    assert_int_equal(la_tcp_commit(S0, c, 0, 0), LA_EPIPE);
    pair_settle(&net.pair);
    assert_int_equal(la_tcp_peek(S1, s, &data), 0);
    assert_int_equal(la_tcp_take(S1, s, &buf), 0);
    assert_int_equal(la_stack_memory(S1, LA_MEM_BUFFERS), 0);
    net_end(&net);
}

/* With room for one event a call, everybody who is ready gets a turn; a level comes again. */
static void test_poll_turns(void **state)
{
    (void)state;
    enum { N = 20 };
    struct pair_options o = pair_defaults();
    la_handle c[N], s, l;
    unsigned seen[N] = {0};
    struct la_event ev;
    assert_true(net_init(&net, &o, 1));
    net.pair.filter = pass;
    struct la_endpoint to = pair_at(&net.pair, 1, false, 80);
    assert_int_equal(la_tcp_listen(S1, &to, NULL, &l), 0);
    for (unsigned i = 0; i < N; i++) {
        assert_int_equal(la_tcp_open(S0, NULL, &to, NULL, &c[i]), 0);
        assert_int_equal(la_tcp_set_user(S0, c[i], i), 0);
        pair_settle(&net.pair);
        assert_int_equal(la_tcp_accept(S1, l, &s), 0);
        assert_int_equal(la_tcp_send(S1, s, "x", 1, 0), 1);
    }
    pair_settle(&net.pair);
    for (unsigned i = 0; i < 3 * N; i++) {
        assert_int_equal(la_stack_poll(S0, &ev, 1), 1);
        assert_true(ev.user < N && ev.handle == c[ev.user]);
        assert_true(ev.events & LA_EV_READABLE);
        assert_int_equal((ev.events & LA_EV_CONNECTED) != 0, seen[ev.user] == 0);
        seen[ev.user]++;
    }
    for (unsigned i = 0; i < N; i++) {
        assert_int_equal(seen[i], 3);
        assert_int_equal(la_tcp_recv(S0, c[i], &(char){0}, 1, 0), 1);
    }
    assert_int_equal(la_stack_poll(S0, &ev, 1), 0);
    /* I13: nobody has anything to do, so no time is asked for. */
    pair_run(&net.pair, LA_NS_PER_S);
    assert_int_equal(la_stack_next_deadline(S0), UINT64_MAX);
    assert_int_equal(la_stack_next_deadline(S1), UINT64_MAX);
    net_end(&net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_back_pressure), cmocka_unit_test(test_kept_frames),
        cmocka_unit_test(test_clock_back),    cmocka_unit_test(test_determinism),
        cmocka_unit_test(test_trace),         cmocka_unit_test(test_lent),
        cmocka_unit_test(test_in_place),      cmocka_unit_test(test_poll_turns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Memory that is not there: the N-th allocation fails, for every N, and budgets are tiny. Nothing
 * crashes, nothing leaks, what was delivered is right, and the next connection is served. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/two_stacks.h"

#define CONNS 3
#define TOTAL 60000

static struct pair p;

struct way {
    size_t sent, got;
};

static uint8_t pattern(unsigned conn, unsigned end, size_t at)
{
    return (uint8_t)(at * 13 / 5 + conn * 50 + end * 100);
}

static void push(unsigned conn, unsigned end, la_handle h, struct way *w)
{
    uint8_t bytes[5000];
    size_t len = TOTAL - w->sent < sizeof(bytes) ? TOTAL - w->sent : sizeof(bytes);
    for (size_t i = 0; i < len; i++) {
        bytes[i] = pattern(conn, end, w->sent + i);
    }
    int64_t n = h && len ? la_tcp_send(p.end[end].stack, h, bytes, len, 0) : 0;
    w->sent += n > 0 ? (size_t)n : 0;
}

static void pull(unsigned conn, unsigned end, la_handle h, struct way *w)
{
    uint8_t bytes[7000];
    int64_t n = h ? la_tcp_recv(p.end[end].stack, h, bytes, sizeof(bytes), 0) : 0;
    for (int64_t i = 0; i < n; i++) {
        assert_int_equal(bytes[i], pattern(conn, 1 - end, w->got + (size_t)i));
    }
    w->got += n > 0 ? (size_t)n : 0;
    assert_true(w->got <= w->sent);
}

/* Who was accepted is told by the client's port. */
static void accept_some(la_handle listener, la_handle h[CONNS][2])
{
    la_handle s;
    struct la_tcp_info server, client;
    while (listener && la_tcp_accept(p.end[1].stack, listener, &s) == 0) {
        assert_int_equal(la_tcp_info(p.end[1].stack, s, &server), 0);
        for (unsigned i = 0; i < CONNS; i++) {
            if (h[i][0] && la_tcp_info(p.end[0].stack, h[i][0], &client) == 0 &&
                client.local.port == server.remote.port) {
                h[i][1] = s;
            }
        }
    }
}

static void datagrams(void)
{
    struct la_stack *a = p.end[0].stack, *b = p.end[1].stack;
    la_handle u0, u1;
    struct la_endpoint at0 = pair_at(&p, 0, false, 53), at1 = pair_at(&p, 1, false, 53);
    static uint8_t bytes[4000], in[4000];
    if (la_udp_open(a, &at0, &u0) != 0) {
        return;
    }
    if (la_udp_open(b, &at1, &u1) == 0) {
        memset(bytes, 0x5c, sizeof(bytes));
        (void)la_udp_send(a, u0, &at1, bytes, sizeof(bytes)); /* in fragments */
        (void)la_udp_send(a, u0, &at1, "x", 1);
        pair_settle(&p);
        int64_t n;
        while ((n = la_udp_recv(b, u1, NULL, in, sizeof(in))) >= 0) {
            assert_true(n == 1 || (n == 4000 && memcmp(in, bytes, 4000) == 0));
        }
        assert_int_equal(la_udp_close(b, u1), 0);
    }
    assert_int_equal(la_udp_close(a, u0), 0);
}

/* Everything a stack does, each call allowed to fail; returns the bytes that arrived. */
static size_t scenario(bool v6)
{
    struct la_stack *a = p.end[0].stack, *b = p.end[1].stack;
    struct la_endpoint at = pair_at(&p, 1, v6, 80);
    struct way ways[CONNS][2] = {{{0}}};
    la_handle listener = 0, h[CONNS][2] = {{0}};
    size_t got = 0;

    if (la_tcp_listen(b, &at, NULL, &listener) != 0) {
        listener = 0;
    }
    for (unsigned i = 0; i < CONNS; i++) {
        struct la_tcp_options o;
        la_tcp_options_init(&o);
        o.ecn = i % 2 ? LA_ECN_ACCURATE : LA_ECN_PASSIVE; /* its record may be missing */
        if (la_tcp_open(a, NULL, &at, &o, &h[i][0]) != 0) {
            h[i][0] = 0;
        }
    }
    for (unsigned turn = 0; turn < 60; turn++) {
        pair_run(&p, 100 * LA_NS_PER_MS);
        accept_some(listener, h);
        for (unsigned i = 0; i < CONNS; i++) {
            for (unsigned end = 0; end < 2; end++) {
                push(i, end, h[i][end], &ways[i][end]);
            }
            pair_settle(&p);
            for (unsigned end = 0; end < 2; end++) {
                pull(i, end, h[i][end], &ways[i][1 - end]);
            }
        }
    }
    datagrams();
    for (unsigned i = 0; i < CONNS; i++) {
        for (unsigned end = 0; end < 2; end++) {
            got += ways[i][end].got;
            if (h[i][end]) {
                assert_int_equal(la_tcp_close(p.end[end].stack, h[i][end]), 0);
            }
        }
    }
    if (listener) {
        assert_int_equal(la_tcp_close(b, listener), 0);
    }
    return got;
}

/* All records are gone after the longest wait, and all memory when both ends are destroyed. */
static void finish(void)
{
    pair_run(&p, 1200 * LA_NS_PER_S);
    for (unsigned end = 0; end < 2; end++) {
        struct la_stack *s = p.end[end].stack;
        struct la_stack_stats st;
        la_stack_stats(s, &st);
        assert_int_equal(st.conns + st.half_open + st.time_wait, 0);
        assert_int_equal(la_stack_memory(s, LA_MEM_BUFFERS), 0);
        assert_int_equal(la_stack_memory(s, LA_MEM_SOCKETS), 0);
        assert_int_equal(la_stack_next_deadline(s), UINT64_MAX);
    }
}

/* One allocation failed once: after that everything works. */
static void works_again(void)
{
    la_handle c, s, l;
    char text[8];
    pair_connect(&p, false, &c, &s, &l);
    assert_int_equal(la_tcp_send(p.end[0].stack, c, "hello", 5, 0), 5);
    pair_settle(&p);
    assert_int_equal(la_tcp_recv(p.end[1].stack, s, text, sizeof(text), 0), 5);
    assert_memory_equal(text, "hello", 5);
}

static void test_every_allocation(void **state)
{
    (void)state;
    struct pair_options o = pair_defaults();
    unsigned calls[2] = {1000, 1000}, whole = 0;
    for (unsigned end = 0; end < 2; end++) {
        for (unsigned n = 0; n <= calls[end]; n++) {
            o.fail_at[end] = n; /* 0: none fails; tells how many there are */
            if (!pair_init(&p, &o)) {
                assert_true(n != 0);
                pair_end_all(&p);
                continue;
            }
            size_t got = scenario((n & 1) != 0);
            whole += got == 2UL * CONNS * TOTAL;
            if (n == 0) {
                assert_int_equal(got, 2UL * CONNS * TOTAL);
                calls[end] = p.end[end].memory.calls + 3;
                assert_in_range(calls[end], 10, 500);
            }
            finish();
            works_again();
            pair_end_all(&p);
        }
        o.fail_at[end] = 0;
    }
    assert_true(whole > 10);
}

/* Two allocations in a row, and every one from the N-th on: a budget. */
static void test_budgets(void **state)
{
    (void)state;
    unsigned made = 0, whole = 0;
    for (uint64_t max = 16 * 1024; max <= 6 << 20; max += max < 1 << 20 ? 24 * 1024 : 400 * 1024) {
        struct pair_options o = pair_defaults();
        o.memory_max = max;
        if (!pair_init(&p, &o)) {
            pair_end_all(&p);
            continue;
        }
        made++;
        size_t got = scenario((max & (1 << 13)) != 0);
        whole += got == 2UL * CONNS * TOTAL;
        for (unsigned end = 0; end < 2; end++) {
            assert_true(la_stack_memory(p.end[end].stack, LA_MEM_HELD) <= max);
            assert_true(p.end[end].memory.live_bytes <= max); /* I31 */
        }
        finish();
        pair_end_all(&p);
    }
    assert_true(made > 10 && whole > 3 && whole < made);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_allocation),
        cmocka_unit_test(test_budgets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

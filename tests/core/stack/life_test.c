/* The story: opened in three segments, closed in four, TIME-WAIT, and the lost last ACK. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/two_stacks.h"

static void open_close(bool v6, bool fast)
{
    struct pair p;
    struct pair_options o = pair_defaults();
    la_handle c, s, l;
    char text[64];

    o.fast_path = fast;
    assert_true(pair_init(&p, &o));
    pair_connect(&p, v6, &c, &s, &l);
    assert_int_equal(pair_state(&p, 0, c), LA_TCP_ESTABLISHED);
    assert_int_equal(pair_state(&p, 1, s), LA_TCP_ESTABLISHED);
    assert_int_equal(la_tcp_send(p.end[0].stack, c, "hello", 5, 0), 5);
    pair_settle(&p);
    assert_int_equal(la_tcp_recv(p.end[1].stack, s, text, sizeof(text), 0), 5);
    assert_memory_equal(text, "hello", 5);
    assert_int_equal(la_tcp_shutdown(p.end[0].stack, c), 0);
    pair_settle(&p);
    assert_int_equal(pair_state(&p, 0, c), LA_TCP_FIN_WAIT_2);
    assert_int_equal(pair_state(&p, 1, s), LA_TCP_CLOSE_WAIT);
    assert_int_equal(la_tcp_recv(p.end[1].stack, s, text, sizeof(text), 0), 0);
    /* Half-close: the side that was closed on still sends. */
    assert_int_equal(la_tcp_send(p.end[1].stack, s, "more", 4, 0), 4);
    pair_settle(&p);
    assert_int_equal(la_tcp_recv(p.end[0].stack, c, text, sizeof(text), 0), 4);
    assert_int_equal(la_tcp_close(p.end[1].stack, s), 0);
    pair_settle(&p);
    assert_int_equal(pair_state(&p, 0, c), LA_TCP_TIME_WAIT);
    assert_int_equal(la_tcp_recv(p.end[0].stack, c, text, sizeof(text), 0), 0);
    assert_int_equal(la_tcp_info(p.end[1].stack, s, &(struct la_tcp_info){0}), LA_EBADF);
    pair_run(&p, 59 * LA_NS_PER_S);
    assert_int_equal(pair_state(&p, 0, c), LA_TCP_TIME_WAIT);
    pair_run(&p, 2 * LA_NS_PER_S);
    assert_int_equal(pair_state(&p, 0, c), LA_TCP_CLOSED);
    la_tcp_close(p.end[0].stack, c);
    la_tcp_close(p.end[1].stack, l);
    pair_settle(&p);
    struct la_stack_stats st;
    for (unsigned i = 0; i < 2; i++) {
        la_stack_stats(p.end[i].stack, &st);
        assert_int_equal(st.conns + st.half_open + st.time_wait, 0);
        assert_int_equal(la_stack_memory(p.end[i].stack, LA_MEM_BUFFERS), 0);
    }
    pair_end_all(&p);
}

static void test_open_close(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        open_close((i & 1) != 0, (i & 2) != 0);
    }
}

struct loss {
    unsigned from, last_n;
    unsigned acks_lost, want;
};

/* Loses the bare ACKs of end 0 once its peer has sent a FIN. */
static bool lose_last_ack(void *ctx, unsigned from, unsigned serial, uint8_t *b, size_t len)
{
    struct loss *l = ctx;
    (void)serial;
    const uint8_t *tcp = b + 20;
    if (from == 1 && (tcp[13] & LA_TH_FIN)) {
        l->last_n++;
    }
    if (from == 0 && l->last_n != 0 && len == 20U + (tcp[12] >> 4) * 4U && l->acks_lost < l->want) {
        l->acks_lost++;
        return false;
    }
    return true;
}

/* RFC 9293 MUST-13: the repeated FIN is acknowledged again and 2 MSL start over, twice. */
static void test_lost_last_ack(void **state)
{
    (void)state;
    struct pair p;
    struct pair_options o = pair_defaults();
    struct loss l = {.want = 2};
    la_handle c, s, li;
    struct la_tcp_info info;

    assert_true(pair_init(&p, &o));
    pair_connect(&p, false, &c, &s, &li);
    la_tcp_shutdown(p.end[0].stack, c);
    pair_settle(&p);
    p.filter = lose_last_ack;
    p.ctx = &l;
    la_tcp_shutdown(p.end[1].stack, s);
    pair_settle(&p);
    assert_int_equal(pair_state(&p, 0, c), LA_TCP_TIME_WAIT);
    assert_int_equal(pair_state(&p, 1, s), LA_TCP_LAST_ACK);
    pair_run(&p, 10 * LA_NS_PER_S);
    assert_int_equal(l.acks_lost, 2);
    assert_int_equal(l.last_n, 3);
    assert_int_equal(pair_state(&p, 1, s), LA_TCP_CLOSED);
    assert_int_equal(la_stack_counter(p.end[0].stack, LA_TIME_WAIT_RESTART), 2);
    assert_int_equal(la_stack_counter(p.end[0].stack, LA_ACK_TIME_WAIT), 2);
    la_tcp_info(p.end[0].stack, c, &info);
    assert_true(info.time_wait_left_ms > 50000); /* began again, not 10 s ago */
    pair_run(&p, 60 * LA_NS_PER_S);
    assert_int_equal(pair_state(&p, 0, c), LA_TCP_CLOSED);
    pair_end_all(&p);
}

static void bulk(bool v6, bool fast, size_t total, uint32_t mtu, pair_filter *filter, void *ctx)
{
    struct pair p;
    struct pair_options o = pair_defaults();
    la_handle c, s, l;
    size_t sent = 0, got = 0;
    uint8_t out[4096], in[8192];

    o.fast_path = fast;
    o.mtu = mtu;
    assert_true(pair_init(&p, &o));
    pair_connect(&p, v6, &c, &s, &l);
    p.filter = filter;
    p.ctx = ctx;
    for (unsigned idle = 0; got < total && idle < 100000;) {
        size_t before = got;
        while (sent < total) {
            size_t want = total - sent < sizeof(out) ? total - sent : sizeof(out);
            for (size_t i = 0; i < want; i++) {
                out[i] = (uint8_t)((sent + i) * 31 >> 3);
            }
            int64_t n = la_tcp_send(p.end[0].stack, c, out, want, 0);
            if (n < 0) {
                assert_int_equal(n, LA_EAGAIN);
                break;
            }
            sent += (size_t)n;
        }
        pair_settle(&p);
        int64_t n;
        while ((n = la_tcp_recv(p.end[1].stack, s, in, sizeof(in), 0)) > 0) {
            for (int64_t i = 0; i < n; i++) {
                assert_int_equal(in[i], (uint8_t)((got + (size_t)i) * 31 >> 3));
            }
            got += (size_t)n;
        }
        if (got == before) {
            pair_run(&p, 10 * LA_NS_PER_MS);
            idle++;
        }
    }
    assert_int_equal(got, total);
    la_tcp_close(p.end[0].stack, c);
    la_tcp_close(p.end[1].stack, s);
    pair_run(&p, 100 * LA_NS_PER_S);
    assert_int_equal(la_stack_memory(p.end[0].stack, LA_MEM_BUFFERS), 0);
    assert_int_equal(la_stack_memory(p.end[1].stack, LA_MEM_BUFFERS), 0);
    pair_end_all(&p);
}

static void test_bulk(void **state)
{
    (void)state;
    const uint32_t mtus[] = {576, 1280, 1500, 9000};
    for (unsigned i = 0; i < 4; i++) {
        bulk(false, true, 2000000, mtus[i], NULL, NULL);
        bulk(false, false, 2000000, mtus[i], NULL, NULL);
        if (mtus[i] >= 1280) {
            bulk(true, true, 2000000, mtus[i], NULL, NULL);
        }
    }
}

static bool lose_some(void *ctx, unsigned from, unsigned serial, uint8_t *b, size_t len)
{
    uint32_t *x = ctx;
    (void)from;
    (void)serial;
    (void)b;
    (void)len;
    *x = *x * 1664525U + 1013904223U;
    return (*x >> 16) % 50 != 0;
}

static void test_bulk_with_loss(void **state)
{
    (void)state;
    for (uint32_t seed = 1; seed < 6; seed++) {
        uint32_t x = seed;
        bulk(false, (seed & 1) != 0, 500000, 1500, lose_some, &x);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_open_close),
        cmocka_unit_test(test_lost_last_ack),
        cmocka_unit_test(test_bulk),
        cmocka_unit_test(test_bulk_with_loss),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

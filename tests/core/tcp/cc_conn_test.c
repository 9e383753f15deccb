/* The congestion control of a connection: chosen by number and name, at open, at listen, and
 * changed while the connection lives; a number that there is none of is refused. */
#include "support/tcp_sink.h"
#include "support/two_stacks.h"

static const char *const names[] = {"cubic", "newreno", "bbr", "dctcp"};
#define COUNT 4

/* ---- the lists ------------------------------------------------------------------------------- */

static void test_names(void **state)
{
    struct la_tcp_options o;
    la_tcp_options_init(&o);
    assert_string_equal(la_cc_name(o.cc), "cubic"); /* the default */
    for (unsigned i = 0; i < COUNT; i++) {
        int n = la_cc_find(names[i]);
        assert_in_range(n, 0, COUNT - 1);
        assert_string_equal(la_cc_name((unsigned)n), names[i]);
    }
    assert_null(la_cc_name(COUNT));
    assert_null(la_cc_name(UINT32_MAX));
    static const char *const bad[] = {"",     "cubi", "cubicc", "CUBIC",
                                      "reno", " bbr", "bbr ",   "vegas"};
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(la_cc_find(bad[i]), LA_EINVAL);
    }
}

/* ---- the calls ------------------------------------------------------------------------------- */

static struct pair pair;

static const char *cc_of(unsigned end, la_handle h)
{
    struct la_tcp_info info;
    assert_int_equal(la_tcp_info(pair.end[end].stack, h, &info), 0);
    return info.cc;
}

static struct la_tcp_options with_cc(uint8_t cc)
{
    struct la_tcp_options o;
    la_tcp_options_init(&o);
    o.cc = cc;
    return o;
}

/* Writes and reads on, at both ends, what fits. */
static void exchange_data(const la_handle h[2], uint32_t total)
{
    static uint8_t bytes[20000];
    uint32_t sent[2] = {0, 0}, got[2] = {0, 0};
    for (unsigned turn = 0; got[0] + got[1] < 2 * total; turn++) {
        assert_true(turn < 100000);
        for (unsigned end = 0; end < 2; end++) {
            uint32_t left = total - sent[end];
            uint32_t want = left < sizeof(bytes) ? left : (uint32_t)sizeof(bytes);
            int64_t n = want ? la_tcp_send(pair.end[end].stack, h[end], bytes, want, 0) : 0;
            sent[end] += n > 0 ? (uint32_t)n : 0;
            n = la_tcp_recv(pair.end[end].stack, h[end], bytes, sizeof(bytes), 0);
            got[end] += n > 0 ? (uint32_t)n : 0;
        }
        pair_run(&pair, LA_NS_PER_MS);
    }
}

static bool lose_some(void *ctx, unsigned from, unsigned serial, uint8_t *b, size_t len)
{
    return serial % 41 != 0;
}

/* Each pair of controllers at the two ends; an accepted connection has its listener's. */
static void test_open_and_listen(void **state)
{
    for (unsigned i = 0; i < COUNT * COUNT; i++) {
        const struct pair_options o = pair_defaults();
        const struct la_tcp_options mine = with_cc((uint8_t)(i % COUNT));
        const struct la_tcp_options theirs = with_cc((uint8_t)(i / COUNT));
        la_handle h[2], l;
        assert_true(pair_init(&pair, &o));
        struct la_endpoint at = pair_at(&pair, 1, (i & 1) != 0, 80);
        assert_int_equal(la_tcp_listen(pair.end[1].stack, &at, &theirs, &l), 0);
        assert_int_equal(la_tcp_open(pair.end[0].stack, NULL, &at, &mine, &h[0]), 0);
        assert_string_equal(cc_of(0, h[0]), la_cc_name(i % COUNT)); /* SYN-SENT */
        pair_settle(&pair);
        assert_int_equal(la_tcp_accept(pair.end[1].stack, l, &h[1]), 0);
        assert_string_equal(cc_of(0, h[0]), la_cc_name(i % COUNT));
        assert_string_equal(cc_of(1, h[1]), la_cc_name(i / COUNT));
        struct la_tcp_options read;
        assert_int_equal(la_tcp_get_options(pair.end[1].stack, h[1], &read), 0);
        assert_int_equal(read.cc, i / COUNT);
        pair.filter = lose_some;
        exchange_data(h, 200000);
        assert_string_equal(cc_of(1, h[1]), la_cc_name(i / COUNT));
        pair_end_all(&pair);
    }
}

/* Every call that takes options refuses a number behind the last, and nothing has happened. */
static void test_wrong_number(void **state)
{
    static const uint8_t wrong[] = {COUNT, COUNT + 1, 127, 255};
    const struct pair_options o = pair_defaults();
    la_handle h[2], l, none;
    assert_true(pair_init(&pair, &o));
    pair_connect(&pair, false, &h[0], &h[1], &l);
    struct la_stack *s = pair.end[0].stack;
    struct la_endpoint at = pair_at(&pair, 0, false, 81), far = pair_at(&pair, 1, false, 80);
    for (unsigned i = 0; i < sizeof(wrong); i++) {
        const struct la_tcp_options bad = with_cc(wrong[i]);
        assert_int_equal(la_tcp_open(s, NULL, &far, &bad, &none), LA_EINVAL);
        assert_int_equal(la_tcp_listen(s, &at, &bad, &none), LA_EINVAL);
        assert_int_equal(la_tcp_bind(s, &at, &bad, &none), LA_EINVAL);
        assert_int_equal(la_tcp_set_options(s, h[0], &bad), LA_EINVAL);
        assert_int_equal(la_tcp_set_options(pair.end[1].stack, l, &bad), LA_EINVAL);
        assert_string_equal(cc_of(0, h[0]), "cubic");
    }
    struct la_stack_stats stats;
    la_stack_stats(s, &stats);
    assert_int_equal(stats.conns + stats.half_open, 1);
    const struct la_tcp_options good = with_cc(1);
    assert_int_equal(la_tcp_listen(s, &at, &good, &none), 0); /* the port is free */
    pair_end_all(&pair);
}

/* Changed again and again while data flow both ways with losses, and on a listener for what it will
 * accept. */
static void test_changed(void **state)
{
    const struct pair_options o = pair_defaults();
    la_handle h[2], l, c, s;
    assert_true(pair_init(&pair, &o));
    pair_connect(&pair, false, &h[0], &h[1], &l);
    pair.filter = lose_some;
    for (unsigned i = 0; i < 3 * COUNT; i++) {
        for (unsigned end = 0; end < 2; end++) {
            struct la_tcp_options change;
            struct la_stack *stack = pair.end[end].stack;
            assert_int_equal(la_tcp_get_options(stack, h[end], &change), 0);
            change.cc = (uint8_t)((i * 3 + end) % COUNT);
            change.pacing = (i & 2) != 0;
            assert_int_equal(la_tcp_set_options(stack, h[end], &change), 0);
            assert_string_equal(cc_of(end, h[end]), la_cc_name(change.cc));
        }
        exchange_data(h, 100000);
    }
    pair.filter = NULL;
    const struct la_tcp_options bbr = with_cc((uint8_t)la_cc_find("bbr"));
    assert_int_equal(la_tcp_set_options(pair.end[1].stack, l, &bbr), 0);
    struct la_endpoint at = pair_at(&pair, 1, false, 80);
    assert_int_equal(la_tcp_open(pair.end[0].stack, NULL, &at, NULL, &c), 0);
    pair_run(&pair, LA_NS_PER_S);
    assert_int_equal(la_tcp_accept(pair.end[1].stack, l, &s), 0);
    assert_string_equal(cc_of(1, s), "bbr");
    assert_string_equal(cc_of(0, c), "cubic");
    pair_end_all(&pair);
}

/* ---- in the connection ----------------------------------------------------------------------- */

static void change(struct tcp_harness *h, const char *name)
{
    h->t.opt.cc = (uint8_t)la_cc_find(name);
    tcp_set_cc(&h->t, &h->env);
    assert_string_equal(h->t.cc.ops->name, name);
    h->t.todo |= TCP_DO_OUTPUT; /* as la_tcp_set_options() does */
    tcp_check(h);
}

/* In the middle of a recovery and after a timeout, from each to each: the window stays, the private
 * state begins anew, everything arrives. */
static bool every_ninth(void *ctx, const struct tcp_out *o)
{
    uint32_t *n = ctx;
    return ++*n % 9 == 0;
}

static void changed_in_trouble(struct tcp_harness *h)
{
    static struct sink sink;
    for (unsigned i = 0; i < COUNT * COUNT; i++) {
        uint32_t n = 0;
        h->options.cc = (uint8_t)(i % COUNT);
        h->options.ecn = LA_ECN_OFF; /* or DCTCP would ask for it */
        tcp_connect_over(h, RTT_MS);
        sink_init(&sink, h, RTT_MS);
        sink.lose = every_ninth;
        sink.ctx = &n;
        tcp_say(h, 40000, 0);
        for (unsigned turn = 0; h->t.phase == CC_OPEN; turn++) {
            assert_true(turn < 1000);
            sink_run(h, &sink, h->env.now_ns + 5 * MS);
        }
        uint32_t cwnd = h->t.cc.cwnd, ssthresh = h->t.cc.ssthresh;
        change(h, la_cc_name(i / COUNT));
        assert_int_equal(h->t.cc.ssthresh, ssthresh);
        assert_int_equal(h->t.cc.cwnd, cwnd);
        tcp_flush(h);
        sink_run(h, &sink, h->env.now_ns + 60 * SECOND);
        assert_int_equal(sink.next, 40001);
        assert_int_equal(h->t.phase, CC_OPEN);
        assert_false(tcp_timer_due(h));
        tcp_again(h);
    }
}

/* Not to pace any more takes effect; and the same one again changes nothing. */
static void pacing_ends(struct tcp_harness *h)
{
    h->options.cc = (uint8_t)la_cc_find("bbr");
    tcp_connect_over(h, RTT_MS);
    tcp_say(h, 10 * h->t.mss, 0);
    assert_int_equal(tcp_waiting(h), 2); /* a quantum */
    uint64_t bps = h->t.cc.pacing_bps;
    change(h, "bbr");
    assert_int_equal(h->t.cc.pacing_bps, bps);
    change(h, "newreno");
    assert_int_equal(h->t.cc.pacing_bps, 0);
    tcp_flush(h);
    assert_int_equal(tcp_waiting(h), 10);
}

/* An idle connection has no state to begin: it has with the next bytes. */
static void changed_when_idle(struct tcp_harness *h)
{
    tcp_connect_over(h, RTT_MS);
    assert_null(h->t.flight);
    for (unsigned i = 0; i < COUNT; i++) {
        change(h, la_cc_name(i));
    }
    segments_out(h, 1);
    assert_non_null(h->t.cc.state);
    assert_string_equal(h->t.cc.ops->name, la_cc_name(COUNT - 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_open_and_listen),
        cmocka_unit_test(test_wrong_number),
        cmocka_unit_test(test_changed),
        EVERYWHERE_SACK(changed_in_trouble),
        EVERYWHERE(changed_in_trouble),
        EVERYWHERE(pacing_ends),
        EVERYWHERE(changed_when_idle),
    };
    return cmocka_run_group_tests_name("core/tcp/cc_conn", tests, NULL, NULL);
}

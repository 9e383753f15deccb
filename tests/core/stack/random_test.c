/* A random wire and a random application: whatever happens, what is read is what was written (I1),
 * invariants hold after every event, everything comes to an end and all memory returns. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/stack_net.h"

#define CONNS 4
#define SEEDS 200

/* One direction of a connection: the ledger. The byte at offset n of stream `id` is pattern(). */
struct stream {
    uint32_t id;
    uint64_t written, read;
    uint64_t limit; /* as many bytes it will carry */
    bool ended;     /* the writer shut down */
    bool seen_end;  /* the reader has read the end */
};

struct link {
    la_handle h[2]; /* client at end 0 or 1, its server at the other; 0: closed or not yet there */
    unsigned client;
    bool done[2];   /* handle given up */
    bool failed[2]; /* an error was reported */
    bool unclean;   /* somebody aborted, or closed before the end was read */
    uint16_t port;
    struct stream stream[2]; /* written by end 0, 1 */
};

struct world {
    struct net net;
    la_handle listener[2];
    struct link links[CONNS];
    uint64_t random;
};

static uint8_t pattern(const struct stream *s, uint64_t offset)
{
    return (uint8_t)((offset * 31 >> 3) + s->id * 77 + (offset >> 12));
}

static struct la_stack *stack_of(struct world *w, unsigned end)
{
    return w->net.pair.end[end].stack;
}

static void begin(struct world *w, uint64_t seed)
{
    struct pair_options o = pair_defaults();
    struct la_tcp_options options;

    memset(w, 0, sizeof(*w));
    w->random = seed * 977 + 5;
    o.fast_path = (seed & 1) != 0;
    o.mtu = (seed & 2) ? 1500 : 1280;
    o.time_wait_ns = 5 * LA_NS_PER_S;
    assert_true(net_init(&w->net, &o, seed));
    w->net.loss = random_below(&w->random, 80);
    w->net.duplicate = random_below(&w->random, 40);
    w->net.reorder = random_below(&w->random, 200);
    w->net.corrupt = random_below(&w->random, 30);
    w->net.delay_ns = random_below(&w->random, 60) * LA_NS_PER_MS;
    la_tcp_options_init(&options);
    options.backlog = 2 * CONNS;
    options.rcvbuf_bytes = 2000 + random_below(&w->random, 200000);
    options.sndbuf_bytes = 2000 + random_below(&w->random, 200000);
    options.nodelay = (seed & 4) != 0;
    options.sack = (seed & 8) != 0;
    options.timestamps = (seed & 16) != 0;
    options.window_scale = (seed & 32) != 0;
    options.cookies = (seed & 64) ? LA_COOKIES_ALWAYS : LA_COOKIES_AUTO;
    for (unsigned end = 0; end < 2; end++) {
        struct la_endpoint any = {.addr = la_addr_any_v6(), .port = 80};
        assert_int_equal(la_tcp_listen(stack_of(w, end), &any, &options, &w->listener[end]), 0);
    }
    for (unsigned i = 0; i < CONNS; i++) {
        struct link *l = &w->links[i];
        l->client = i & 1;
        l->port = (uint16_t)(2000 + i);
        struct la_endpoint to = pair_at(&w->net.pair, 1 - l->client, (i & 2) != 0, 80);
        struct la_endpoint from = pair_at(&w->net.pair, l->client, (i & 2) != 0, l->port);
        for (unsigned end = 0; end < 2; end++) {
            l->stream[end].id = i * 2 + end;
            l->stream[end].limit = random_below(&w->random, 150000);
        }
        assert_int_equal(
            la_tcp_open(stack_of(w, l->client), &from, &to, &options, &l->h[l->client]), 0);
    }
}

static void accept_all(struct world *w)
{
    la_handle h;
    for (unsigned end = 0; end < 2; end++) {
        while (la_tcp_accept(stack_of(w, end), w->listener[end], &h) == 0) {
            struct la_tcp_info info;
            assert_int_equal(la_tcp_info(stack_of(w, end), h, &info), 0);
            unsigned i = info.remote.port - 2000U;
            assert_true(i < CONNS);
            struct link *l = &w->links[i];
            if (l->h[end] || l->done[end]) {
                /* A SYN that came twice made a second one after the first had died. */
                la_tcp_abort(stack_of(w, end), h, LA_RST_ABORT);
                continue;
            }
            l->h[end] = h;
        }
    }
}

static void give_up(struct world *w, struct link *l, unsigned end, bool abort_it)
{
    int err = abort_it ? la_tcp_abort(stack_of(w, end), l->h[end], LA_RST_ABORT)
                       : la_tcp_close(stack_of(w, end), l->h[end]);
    assert_int_equal(err, 0);
    assert_int_equal(la_tcp_close(stack_of(w, end), l->h[end]), LA_EBADF);
    l->h[end] = 0;
    l->done[end] = true;
}

static void failed(struct link *l, unsigned end, int64_t err)
{
    assert_true(err == LA_ECONNRESET || err == LA_ETIMEDOUT || err == LA_ECONNREFUSED);
    l->failed[end] = true;
}

static void write_some(struct world *w, struct link *l, unsigned end)
{
    struct stream *s = &l->stream[end];
    uint8_t bytes[8192];
    uint64_t left = s->limit - s->written;
    size_t len = 1 + random_below(&w->random, sizeof(bytes) - 1);
    len = left < len ? (size_t)left : len;
    for (size_t i = 0; i < len; i++) {
        bytes[i] = pattern(s, s->written + i);
    }
    if (len == 0 || s->ended) {
        return;
    }
    int64_t n = la_tcp_send(stack_of(w, end), l->h[end], bytes, len,
                            random_below(&w->random, 8) == 0 ? LA_SEND_MORE : 0);
    if (n > 0) {
        s->written += (uint64_t)n;
    } else if (n != LA_EAGAIN && n != LA_EPIPE) {
        failed(l, end, n);
    }
}

static void read_some(struct world *w, struct link *l, unsigned end)
{
    struct stream *s = &l->stream[1 - end];
    uint8_t bytes[8192];
    int64_t n = la_tcp_recv(stack_of(w, end), l->h[end], bytes,
                            1 + random_below(&w->random, sizeof(bytes) - 1), 0);
    for (int64_t i = 0; i < n; i++) {
        assert_int_equal(bytes[i], pattern(s, s->read + (uint64_t)i)); /* I1 */
    }
    if (n > 0) {
        assert_false(s->seen_end); /* I9 */
        s->read += (uint64_t)n;
        assert_true(s->read <= s->written);
    } else if (n == 0) {
        assert_true(s->ended || l->done[1 - end]);
        assert_int_equal(s->read, s->written); /* I9: the end comes behind the last byte */
        s->seen_end = true;
    } else if (n != LA_EAGAIN) {
        failed(l, end, n);
    }
}

static void end_writing(struct world *w, struct link *l, unsigned end)
{
    int err = la_tcp_shutdown(stack_of(w, end), l->h[end]);
    if (err == 0) {
        l->stream[end].ended = true;
    }
}

static void act(struct world *w, struct link *l, unsigned end)
{
    struct stream *s = &l->stream[end];
    if (!l->h[end]) {
        return;
    }
    uint32_t what = random_below(&w->random, 1000);
    if (l->failed[end]) {
        l->unclean = true;
        give_up(w, l, end, what < 500);
    } else if (what < 450) {
        write_some(w, l, end);
    } else if (what < 900) {
        read_some(w, l, end);
    } else if (what < 960 && s->written == s->limit) {
        end_writing(w, l, end);
    } else if (what < 998) {
        if (s->ended && l->stream[1 - end].seen_end) {
            give_up(w, l, end, false);
        }
    } else if (what == 998) {
        l->unclean = true;
        give_up(w, l, end, random_below(&w->random, 2) == 0);
    }
}

static bool over(const struct world *w)
{
    for (unsigned i = 0; i < CONNS; i++) {
        const struct link *l = &w->links[i];
        for (unsigned end = 0; end < 2; end++) {
            bool never = !l->h[end] && l->done[1 - end];
            if (!l->done[end] && !never) {
                return false;
            }
        }
    }
    return true;
}

static void drain_events(struct world *w)
{
    struct la_event events[16];
    for (unsigned end = 0; end < 2; end++) {
        size_t n = la_stack_poll(stack_of(w, end), events, 1 + random_below(&w->random, 16));
        for (size_t i = 0; i < n; i++) {
            assert_int_not_equal(events[i].events, 0);
            assert_true((events[i].error != 0) ==
                        ((events[i].events & (LA_EV_ERROR | LA_EV_SOFT_ERROR)) != 0));
            assert_int_not_equal(la_stack_ready(stack_of(w, end), events[i].handle), LA_EBADF);
        }
    }
}

static void finish(struct world *w)
{
    struct la_stack_stats st;
    for (unsigned end = 0; end < 2; end++) {
        accept_all(w);
        assert_int_equal(la_tcp_close(stack_of(w, end), w->listener[end]), 0);
    }
    /* The longest: R2 of a peer that is gone. */
    net_run(&w->net, 1200 * LA_NS_PER_S);
    for (unsigned end = 0; end < 2; end++) {
        struct la_stack *s = stack_of(w, end);
        la_stack_stats(s, &st);
        assert_int_equal(st.conns + st.half_open + st.time_wait, 0);
        assert_int_equal(la_stack_next_deadline(s), UINT64_MAX); /* I13 */
        while (la_stack_trace(s, (struct la_trace_record[64]){{0}}, 64) != 0) {
        }
        for (unsigned kind = LA_MEM_BUFFERS; kind < LA_MEM_KINDS; kind++) {
            assert_int_equal(la_stack_memory(s, (enum la_memory_kind)kind), 0); /* I31 */
        }
    }
    net_end(&w->net);
}

static unsigned clean; /* connections that carried everything both ways */

static void run(uint64_t seed)
{
    static struct world w;
    begin(&w, seed);
    for (unsigned turns = 0; !over(&w); turns++) {
        assert_true(turns < 3000000);
        accept_all(&w);
        struct link *l = &w.links[random_below(&w.random, CONNS)];
        act(&w, l, random_below(&w.random, 2));
        if (random_below(&w.random, 4) == 0) {
            (void)net_step(&w.net, LA_NS_PER_S);
        }
        drain_events(&w);
    }
    for (unsigned i = 0; i < CONNS; i++) {
        const struct link *l = &w.links[i];
        if (!l->unclean && !l->failed[0] && !l->failed[1]) {
            assert_int_equal(l->stream[0].read, l->stream[0].limit);
            assert_int_equal(l->stream[1].read, l->stream[1].limit);
            clean++;
        }
    }
    finish(&w);
}

static void test_random(void **state)
{
    (void)state;
    const char *only = getenv("SEED");
    for (uint64_t seed = only ? strtoull(only, NULL, 10) : 0; seed < SEEDS; seed++) {
        run(seed);
        if (only) {
            return;
        }
    }
    assert_true(clean > SEEDS * CONNS / 4); /* the test is about something */
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_random)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

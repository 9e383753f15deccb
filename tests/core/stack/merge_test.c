/* Merging of received segments: with it and without it the same bytes leave and the same trace is
 * written. Frames are delivered in batches, so that there is something to merge; with the fast path
 * off every merged segment is taken apart again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/marks.h"
#include "support/two_stacks.h"

#define BATCH 64
#define TOTAL 3000000

struct run {
    uint64_t bytes_hash, trace_hash;
    uint64_t frames, records;
    uint32_t rng;
    uint32_t marked;
    uint32_t cwr_out, cwr_in; /* segments with CWR: frames that were delivered, records */
    bool lossy;
    uint8_t ecn;
};

static void add(uint64_t *hash, const void *data, size_t len)
{
    const uint8_t *p = data;
    for (size_t i = 0; i < len; i++) {
        *hash = (*hash ^ p[i]) * 0x100000001b3U;
    }
}

static bool lost(struct run *r)
{
    r->rng = r->rng * 1664525U + 1013904223U;
    return r->lossy && (r->rng >> 16) % 97 == 0;
}

/* Marks come in clusters, as a queue makes them. */
static void mark(struct run *r, uint8_t *ip)
{
    if (r->ecn > LA_ECN_PASSIVE && (r->frames / 37) % 5 == 0 && r->frames % 7 < 5) {
        r->marked += ip_mark(ip);
    }
}

static size_t carry_batch(struct pair *p, struct run *r, unsigned from)
{
    static struct la_frame out[BATCH], in[BATCH];
    struct pair_end *e = &p->end[from], *to = &p->end[1 - from];
    size_t n = la_stack_output(e->stack, e->link, out, BATCH, p->now_ns);
    size_t m = 0;
    for (size_t i = 0; i < n; i++) {
        struct la_buf *buf = la_buf_get(to->stack, out[i].len);
        assert_non_null(buf);
        for (unsigned f = 0; f < out[i].nfrags; f++) {
            memcpy(buf->data + buf->len, out[i].frag[f].data, out[i].frag[f].len);
            buf->len += out[i].frag[f].len;
        }
        mark(r, buf->data);
        add(&r->bytes_hash, buf->data, buf->len);
        r->frames++;
        if (lost(r)) {
            la_buf_put(to->stack, buf);
            continue;
        }
        size_t head = buf->data[0] >> 4 == 4 ? 20 : 40;
        bool text = buf->len > head + (size_t)(buf->data[head + 12] >> 4) * 4;
        r->cwr_out += text && (buf->data[head + 13] & LA_TH_CWR);
        la_frame_from_buf(&in[m++], buf);
    }
    la_stack_sent(e->stack, e->link, out, n, n);
    la_stack_input(to->stack, to->link, in, m, p->now_ns);
    return n;
}

static void drain_trace(struct pair *p, struct run *r)
{
    struct la_trace_record t[128];
    size_t n;
    for (unsigned e = 0; e < 2; e++) {
        while ((n = la_stack_trace(p->end[e].stack, t, 128)) != 0) {
            for (size_t i = 0; i < n; i++) {
                /* The order of segment and event may differ, the records not. */
                uint64_t one = 0xcbf29ce484222325U;
                t[i].serial = 0;
                bool in = LA_TRACE_WHAT(&t[i]) == LA_TRACE_IN && t[i].len != 0;
                r->cwr_in += in && (t[i].flags & LA_TH_CWR);
                add(&one, &t[i], sizeof(t[i]));
                r->trace_hash += one;
            }
            r->records += n;
        }
    }
}

static void pass_time(struct pair *p)
{
    p->now_ns += 5 * LA_NS_PER_MS;
    la_stack_timeout(p->end[0].stack, p->now_ns);
    la_stack_timeout(p->end[1].stack, p->now_ns);
}

static struct run transfer(bool v6, bool fast, bool lossy, uint8_t ecn)
{
    struct pair p;
    struct run r = {.bytes_hash = 0xcbf29ce484222325U, .rng = 7, .lossy = lossy, .ecn = ecn};
    struct la_tcp_options asks;
    struct pair_options o = pair_defaults();
    static uint8_t data[100000];
    size_t sent = 0, got = 0;
    la_handle c, s, l;

    o.fast_path = fast;
    assert_true(pair_init(&p, &o));
    struct la_endpoint at = pair_at(&p, 1, v6, 80);
    la_tcp_options_init(&asks);
    asks.ecn = ecn;
    assert_int_equal(la_tcp_listen(p.end[1].stack, &at, NULL, &l), 0);
    assert_int_equal(la_tcp_open(p.end[0].stack, NULL, &at, &asks, &c), 0);
    pair_settle(&p);
    assert_int_equal(la_tcp_accept(p.end[1].stack, l, &s), 0);
    for (unsigned turn = 0; got < TOTAL && turn < 200000; turn++) {
        int64_t n = sent < TOTAL ? la_tcp_send(p.end[0].stack, c, data, sizeof(data), 0) : 0;
        sent += n > 0 ? (size_t)n : 0;
        size_t moved = carry_batch(&p, &r, 0);
        moved += carry_batch(&p, &r, 1);
        n = la_tcp_recv(p.end[1].stack, s, data, sizeof(data), 0);
        got += n > 0 ? (size_t)n : 0;
        drain_trace(&p, &r);
        if (moved == 0) {
            pass_time(&p);
        }
    }
    assert_true(got >= TOTAL);
    assert_int_equal(r.cwr_in, r.cwr_out);
    pair_end_all(&p);
    return r;
}

/* RFC 9293 MUST-58, MUST-59: all segments of a batch before the ACK. */
static void test_same_with_and_without(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 12; i++) {
        uint8_t ecn = (uint8_t)(LA_ECN_PASSIVE + i / 4);
        struct run with = transfer((i & 1) != 0, true, (i & 2) != 0, ecn);
        struct run without = transfer((i & 1) != 0, false, (i & 2) != 0, ecn);
        assert_int_equal(with.marked, without.marked);
        assert_int_equal(with.marked != 0, ecn > LA_ECN_PASSIVE);
        assert_int_equal(with.frames, without.frames);
        assert_true(with.bytes_hash == without.bytes_hash);
        assert_int_equal(with.records, without.records);
        assert_true(with.trace_hash == without.trace_hash);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_with_and_without),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Reassembly (RFC 9293 3.10.7.4, SHLD-31): random segments against a map of bytes, the caps, SACK
 * blocks in their order, and memory that fails at every request. */
#include "support/tcp_harness.h"
#include "tcp/reass.h"

#define SPACE 600

/* Which bytes are there, and their value: the one that came first. Offset 0 is RCV.NXT. */
struct model {
    bool have[SPACE];
    uint8_t byte[SPACE];
    uint32_t next; /* in order up to here */
};

static struct la_buf *segment(struct tcp_harness *h, uint32_t seq, uint32_t len, uint8_t salt)
{
    struct la_buf *buf = buf_get(&h->pool, len);
    for (uint32_t i = 0; i < len; i++) {
        buf->data[i] = (uint8_t)(salt * 31 + i);
    }
    buf->len = len;
    buf->seq = seq;
    return buf;
}

/* Ranges of the model as [start, end) pairs, adjacent ones joined. */
static unsigned model_ranges(const struct model *m, uint32_t (*ranges)[2])
{
    unsigned n = 0;
    for (uint32_t i = 0; i < SPACE; i++) {
        if (!m->have[i]) {
            continue;
        }
        if (i == 0 || !m->have[i - 1]) {
            ranges[n++][0] = i;
        }
        ranges[n - 1][1] = i + 1;
    }
    return n;
}

static void compare(const struct tcp_harness *h, const struct model *m)
{
    uint32_t ranges[SPACE][2];
    unsigned n = model_ranges(m, ranges);
    const struct tcp_reass *q = tcp_reass_of(&h->t);
    assert_int_equal(q ? q->count : 0, n);
    for (unsigned i = 0; i < n; i++) {
        const struct reass_range *r = &q->range[i];
        assert_int_equal(r->start.v, h->irs + 1 + ranges[i][0]);
        assert_int_equal(r->end.v, h->irs + 1 + ranges[i][1]);
        uint32_t at = ranges[i][0];
        for (const struct la_buf *b = r->head; b; b = b->next) {
            assert_memory_equal(b->data, m->byte + at, b->len);
            at += b->len;
        }
        assert_int_equal(at, ranges[i][1]);
    }
}

static void add(struct tcp_harness *h, struct model *m, uint32_t from, uint32_t len, uint8_t salt)
{
    bool new = false;
    struct la_buf *buf = segment(h, h->irs + 1 + from, len, salt);
    for (uint32_t i = 0; i < len; i++) {
        if (!m->have[from + i]) {
            new = m->have[from + i] = true;
            m->byte[from + i] = buf->data[i];
        }
    }
    enum la_reason verdict = tcp_reass_add(&h->t, &h->env, buf);
    assert_int_equal(verdict, new ? LA_TAKE_DATA_EARLY : LA_TAKE_DATA_OLD);
    compare(h, m);
}

static void random_segments(struct tcp_harness *h)
{
    uint64_t seed = h->iss ^ h->irs;
    tcp_connect(h);
    for (unsigned round = 0; round < 4; round++) {
        struct model m = {0};
        for (unsigned i = 0; i < 60; i++) {
            uint32_t from = 1 + random_below(&seed, SPACE - 60);
            add(h, &m, from, 1 + random_below(&seed, round % 2 ? 8 : 60), (uint8_t)i);
            if (tcp_reass_of(&h->t)->count == REASS_RANGES - 1) {
                break;
            }
        }
        tcp_reass_drop(&h->t, &h->env);
        assert_null(h->t.reass);
        assert_int_equal(h->t.rcv_charge, 0);
    }
}

/* The whole way: segments in any order and overlapping, each with bytes of its own; the stream has
 * of every byte the one that came first. */
static void first_byte_wins(struct tcp_harness *h)
{
    static uint8_t got[SPACE];
    uint64_t seed = h->iss + 3 * h->irs;
    struct model m = {0};
    tcp_connect(h);
    while (m.next < SPACE) {
        uint32_t from = random_below(&seed, SPACE);
        uint32_t len = 1 + random_below(&seed, 40);
        len = from + len > SPACE ? SPACE - from : len;
        bool other = random_below(&seed, 2) != 0;
        for (uint32_t i = from; i < from + len; i++) {
            if (!m.have[i]) {
                m.have[i] = true;
                m.byte[i] = other ? (uint8_t)~tcp_peer_byte(i) : tcp_peer_byte(i);
            }
        }
        while (m.next < SPACE && m.have[m.next]) {
            m.next++;
        }
        tcp_feed(h, &(struct tcp_in){
                        .flags = ACK, .seq = 1 + from, .ack = 1, .len = len, .other_bytes = other});
        assert_int_equal(tcp_peer_rel(h, h->t.rcv_nxt), 1 + m.next);
        h->out_head = h->out_tail;
    }
    assert_int_equal(tcp_recv(&h->t, &h->env, got, SPACE, 0), SPACE);
    assert_memory_equal(got, m.byte, SPACE);
    assert_null(h->t.reass);
    tcp_flush(h);
}

/* At most so many gaps; what fills one is still taken. */
static void too_many_ranges(struct tcp_harness *h)
{
    tcp_connect(h);
    for (uint32_t i = 0; i < REASS_RANGES; i++) {
        assert_int_equal(tcp_segment_in(h, ACK, 11 + 20 * i, 1, 10), LA_TAKE_DATA_EARLY);
        assert_int_equal(tcp_next(h)->h.ack, h->irs + 1);
    }
    uint32_t beyond = 11 + 20 * REASS_RANGES;
    assert_int_equal(tcp_segment_in(h, ACK, beyond, 1, 10), LA_DROP_REASSEMBLY_FULL);
    assert_int_equal(tcp_segment_in(h, ACK, 21, 1, 5), LA_TAKE_DATA_EARLY); /* grows one */
    assert_int_equal(tcp_segment_in(h, ACK, 26, 1, 5), LA_TAKE_DATA_EARLY); /* joins two */
    assert_int_equal(tcp_reass_of(&h->t)->count, REASS_RANGES - 1);
    assert_int_equal(tcp_segment_in(h, ACK, beyond, 1, 10), LA_TAKE_DATA_EARLY);
    h->out_head = h->out_tail;
}

/* Real memory is bounded however small the segments in large buffers are. */
static void charge_is_bounded(struct tcp_harness *h)
{
    tcp_connect(h);
    for (uint32_t i = 0; i < 200; i++) {
        struct la_buf *buf = buf_get(&h->pool, BUF_CHUNK);
        buf->len = 1;
        buf->seq = h->irs + 11 + i;
        tcp_reass_add(&h->t, &h->env, buf);
        assert_true(h->t.rcv_charge <= 2 * 50000 + BUF_HUGE);
    }
    tcp_check(h);
}

/* RFC 2018 4: the block of the segment that came last is first; RFC 2883: a repeated one before it
 * all. */
static void sack_blocks(struct tcp_harness *h)
{
    h->options.sack = true;
    h->syn_options |= WIRE_TCP_SACK_OK;
    tcp_connect(h);
    static const uint32_t from[] = {101, 501, 301, 701, 901};
    for (unsigned i = 0; i < 5; i++) {
        tcp_segment_in(h, ACK, from[i], 1, 100);
        struct tcp_out *o = tcp_next(h);
        assert_int_equal(o->ack, 1);
        assert_int_equal(o->h.sack_n, i < 4 ? i + 1 : 4);
        for (unsigned k = 0; k < o->h.sack_n; k++) {
            assert_int_equal(o->h.sack[k].left, h->irs + from[i - k]);
            assert_int_equal(o->h.sack[k].right, h->irs + from[i - k] + 100);
        }
    }
    /* 501 grows to the left: it is the first block now. */
    tcp_segment_in(h, ACK, 451, 1, 50);
    struct tcp_out *o = tcp_next(h);
    assert_int_equal(o->h.sack[0].left, h->irs + 451);
    assert_int_equal(o->h.sack[0].right, h->irs + 601);
    assert_int_equal(o->h.sack[1].left, h->irs + 901);
    /* D-SACK (RFC 2883 4): the repeated bytes, then the block that holds them. */
    assert_int_equal(tcp_segment_in(h, ACK, 321, 1, 20), LA_TAKE_DATA_OLD);
    o = tcp_next(h);
    assert_int_equal(o->h.sack[0].left, h->irs + 321);
    assert_int_equal(o->h.sack[0].right, h->irs + 341);
    assert_int_equal(o->h.sack[1].left, h->irs + 301);
    assert_int_equal(o->h.sack[1].right, h->irs + 401);
    /* It is told once. */
    tcp_segment_in(h, ACK, 1101, 1, 10);
    o = tcp_next(h);
    assert_int_equal(o->h.sack[0].left, h->irs + 1101);
    /* Below RCV.NXT as well. */
    tcp_segment_in(h, ACK, 1, 1, 100);
    tcp_expect(h, ACK, 1, 201, 0);
    tcp_segment_in(h, ACK, 11, 1, 60);
    o = tcp_next(h);
    assert_int_equal(o->h.sack[0].left, h->irs + 11);
    assert_int_equal(o->h.sack[0].right, h->irs + 71);
    /* And old bytes in front of new ones. */
    tcp_segment_in(h, ACK, 191, 1, 20);
    o = tcp_next(h);
    assert_int_equal(o->ack, 211);
    assert_int_equal(o->h.sack[0].left, h->irs + 191);
    assert_int_equal(o->h.sack[0].right, h->irs + 201);
}

/* With timestamps three blocks fit, and data make room for them (RFC 9293 MUST-16). */
static void sack_and_timestamps(struct tcp_harness *h)
{
    h->options.sack = h->options.timestamps = true;
    h->syn_options |= WIRE_TCP_SACK_OK | WIRE_TCP_TS;
    tcp_connect(h);
    for (uint32_t i = 0; i < 5; i++) {
        tcp_segment_in(h, ACK, 101 + 200 * i, 1, 100);
        assert_int_equal(tcp_next(h)->h.sack_n, i < 3 ? i + 1 : 3);
    }
    tcp_say(h, 3000, 0);
    struct tcp_out *o = tcp_next(h);
    assert_int_equal(o->h.sack_n, 3);
    assert_int_equal(o->len, TCP_TEST_MSS - 12 - 28);
    assert_int_equal(o->h.hdr_len, 60);
}

/* Without agreement no SACK leaves. */
static void no_sack(struct tcp_harness *h)
{
    tcp_connect(h);
    tcp_segment_in(h, ACK, 101, 1, 100);
    assert_int_equal(tcp_next(h)->h.options, 0);
    tcp_segment_in(h, ACK, 101, 1, 100);
    assert_int_equal(tcp_next(h)->h.options, 0);
}

/* RFC 5681 4.2: at once behind a gap, and when the gap is filled. */
static void acknowledged_at_once(struct tcp_harness *h)
{
    tcp_connect(h);
    tcp_segment_in(h, ACK, 11, 1, 10);
    struct tcp_out *o = tcp_next(h);
    assert_int_equal(o->reason, LA_ACK_GAP);
    tcp_segment_in(h, ACK, 1, 1, 10);
    o = tcp_next(h);
    assert_int_equal(o->reason, LA_ACK_FILLED);
    assert_int_equal(o->ack, 21);
    assert_int_equal(tcp_hear(h, 100), 20);
}

/* Memory fails at the N-th request: the segment is dropped, the connection goes on. */
static void no_memory(struct tcp_harness *h)
{
    for (unsigned n = 1; n < 12; n++) {
        tcp_connect(h);
        h->tm.fail_at = h->tm.calls + n;
        for (uint32_t i = 0; i < 20; i++) {
            struct la_buf *buf = buf_get(&h->pool, 100);
            if (buf) {
                buf->len = 100;
                buf->seq = h->irs + 1001 + i * 200;
                enum la_reason v = tcp_reass_add(&h->t, &h->env, buf);
                assert_true(v == LA_TAKE_DATA_EARLY || v == LA_DROP_NO_MEMORY);
            }
            tcp_check(h);
        }
        h->tm.fail_at = 0;
        tcp_segment_in(h, ACK, 1, 1, 10);
        assert_int_equal(tcp_hear(h, 10), 10);
        h->out_head = h->out_tail;
        tcp_again(h);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        EVERYWHERE(random_segments), EVERYWHERE(first_byte_wins),
        EVERYWHERE(too_many_ranges), EVERYWHERE(charge_is_bounded),
        EVERYWHERE(sack_blocks),     EVERYWHERE(sack_and_timestamps),
        EVERYWHERE(no_sack),         EVERYWHERE(acknowledged_at_once),
        EVERYWHERE(no_memory),
    };
    return cmocka_run_group_tests_name("core/tcp/reass", tests, NULL, NULL);
}

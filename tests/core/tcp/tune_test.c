/* The sizes of the buffers in the connection: they follow what is read and what the window lets go,
 * an option of the user holds them, the window's scale is chosen for the largest, and memory that
 * runs short is kept for everybody. */
#include "support/tcp_harness.h"
#include "tcp/decide.h"
#include "tcp/reass.h"

#define INITIAL 100000U /* as the harness has it */

/* A peer with timestamps and a scaled window; sizes are the stack's. */
static void connect_auto(struct tcp_harness *h)
{
    h->options.sndbuf_bytes = h->options.rcvbuf_bytes = 0;
    h->options.window_scale = h->options.timestamps = true;
    h->syn_options |= WIRE_TCP_WSCALE | WIRE_TCP_TS;
    h->peer_wscale = 8;
    tcp_connect(h);
}

/* The window that leaves in the next segments, unscaled. */
static uint32_t window_of(struct tcp_harness *h)
{
    uint32_t wnd = 0;
    while (tcp_waiting(h) != 0) {
        wnd = (uint32_t)tcp_next(h)->h.wnd << h->t.rcv_wscale;
    }
    return wnd;
}

/* A round trip of 10 ms: `bytes` arrive and are read. */
static void round_of(struct tcp_harness *h, uint32_t *at, uint32_t bytes)
{
    uint32_t echo = h->tsval_seen;
    tcp_wait_ms(h, 10);
    for (uint32_t end = *at + bytes; *at < end; *at += 1000) {
        tcp_feed(h,
                 &(struct tcp_in){.flags = ACK, .seq = *at, .ack = 1, .len = 1000, .tsecr = echo});
        assert_int_equal(h->verdict, LA_TAKE_DATA);
        assert_int_equal(tcp_hear(h, 1000), 1000);
    }
    window_of(h);
}

static void receive_buffer_grows(struct tcp_harness *h)
{
    uint32_t at = 1;
    connect_auto(h);
    assert_int_equal(h->t.opt.rcvbuf, INITIAL);
    assert_int_equal(h->t.rcv_wscale, tcp_window_shift(1 << 28)); /* for the cap: RFC 7323 2.3 */
    for (uint32_t bytes = 10000; bytes <= 640000; bytes *= 2) {
        assert_true(h->t.opt.rcvbuf >= bytes); /* never less than the sender's window */
        round_of(h, &at, bytes);
    }
    assert_in_range(h->t.opt.rcvbuf, 2 * 320000, 6 * 640000 + 100000);
    struct la_tcp_info info;
    tcp_info(&h->t, &h->env, &info);
    assert_int_equal(info.rcvbuf_bytes, h->t.opt.rcvbuf);
    assert_in_range(info.rcv_rtt_us, 1, 20000);
    /* It is offered. */
    tcp_segment_in(h, ACK, at, 1, 1000);
    tcp_wait_ms(h, 50);
    assert_true(window_of(h) > 2 * 320000);
}

/* Without timestamps the time of a windowful serves. */
static void without_timestamps(struct tcp_harness *h)
{
    h->options.rcvbuf_bytes = 0;
    h->options.window_scale = true;
    h->syn_options |= WIRE_TCP_WSCALE;
    tcp_connect(h);
    uint32_t at = 1;
    for (unsigned i = 0; i < 30; i++) {
        uint32_t wnd = tcp_rcv_wnd(&h->t) / 1000 * 1000;
        round_of(h, &at, wnd < 400000 ? wnd : 400000);
    }
    assert_true(h->t.opt.rcvbuf > 2 * INITIAL);
    h->out_head = h->out_tail;
}

/* Who does not read gets no larger buffer. */
static void unread(struct tcp_harness *h)
{
    connect_auto(h);
    uint32_t at = 1;
    for (unsigned i = 0; tcp_rcv_wnd(&h->t) >= 1000 && i < 1000; i++) {
        tcp_wait_ms(h, 5);
        tcp_segment_in(h, ACK, at, 1, 1000);
        at += 1000;
        window_of(h);
    }
    assert_int_equal(h->t.opt.rcvbuf, INITIAL);
    assert_true(h->t.rcv_queued <= INITIAL + INITIAL / 8);
}

/* What the user sets stays, and has its own scale. */
static void set_by_the_user(struct tcp_harness *h)
{
    h->options.rcvbuf_bytes = 50000;
    h->options.sndbuf_bytes = 60000;
    h->options.window_scale = h->options.timestamps = true;
    h->syn_options |= WIRE_TCP_WSCALE | WIRE_TCP_TS;
    tcp_connect(h);
    assert_int_equal(h->t.rcv_wscale, 0);
    uint32_t at = 1;
    for (unsigned i = 0; i < 10; i++) {
        round_of(h, &at, 50000);
    }
    assert_int_equal(h->t.opt.rcvbuf, 50000);
    h->t.cc.cwnd = 500000;
    tcp_say(h, 60000, 0);
    h->out_head = h->out_tail;
    tcp_ack_in(h, 30001);
    assert_int_equal(h->t.opt.sndbuf, 60000);
    h->out_head = h->out_tail;
    tcp_ack_in(h, tcp_rel(h, h->t.snd_max));
    h->out_head = h->out_tail;
}

/* The peer acknowledges every second segment of what is outstanding. */
static void acked_round(struct tcp_harness *h)
{
    h->out_head = h->out_tail;
    tcp_wait_ms(h, 10);
    uint32_t end = tcp_rel(h, h->t.snd_max);
    for (uint32_t at = tcp_rel(h, h->t.snd_una); at < end;) {
        at = at + 2000 < end ? at + 2000 : end;
        tcp_ack_in(h, at);
        h->out_head = h->out_tail;
    }
}

static void send_buffer_grows(struct tcp_harness *h)
{
    connect_auto(h);
    assert_int_equal(h->t.opt.sndbuf, INITIAL);
    for (unsigned i = 0; i < 8; i++) {
        uint32_t room = tcp_snd_room(&h->t);
        if (room) {
            tcp_say(h, room, 0);
        }
        acked_round(h);
        assert_true(h->t.opt.sndbuf >= 2 * h->t.cc.cwnd || h->t.opt.sndbuf == INITIAL);
    }
    assert_true(h->t.cc.cwnd > INITIAL);
    assert_true(h->t.opt.sndbuf >= 2 * h->t.cc.cwnd);
    while (!seq_eq(h->t.snd_una, h->t.snd_end)) {
        acked_round(h);
    }
}

/* ---- memory ---------------------------------------------------------------------------------- */

/* So much of the budget is in use. The pool is warm, so that it needs no more than it holds. */
static void press(struct tcp_harness *h, unsigned percent)
{
    h->memory.max = memory_used(&h->memory) * 100 / percent;
}

static void warm(struct tcp_harness *h, size_t size, unsigned n)
{
    struct la_buf *list = NULL;
    while (n-- != 0) {
        struct la_buf *buf = buf_get(&h->pool, size);
        buf->next = list;
        list = buf;
    }
    buf_put_list(&h->pool, list);
}

/* From 3/4 on nothing grows, and windows come down to the initial size, but not their edge. */
static void pressure_stops(struct tcp_harness *h)
{
    uint32_t at = 1;
    connect_auto(h);
    for (uint32_t bytes = 10000; bytes <= 320000; bytes *= 2) {
        round_of(h, &at, bytes);
    }
    uint32_t grown = h->t.opt.rcvbuf;
    assert_true(grown > 3 * INITIAL);
    struct la_buf *others = buf_get(&h->pool, BUF_HUGE);
    for (unsigned i = 0; i < 5; i++) {
        press(h, 80);
        round_of(h, &at, 600000 < tcp_rcv_wnd(&h->t) ? 600000 : tcp_rcv_wnd(&h->t) / 1000 * 1000);
    }
    assert_int_equal(h->t.opt.rcvbuf, grown);
    assert_true(tcp_rcv_wnd(&h->t) <=
                INITIAL + INITIAL / 8); /* check_edge(): it never moved left */
    h->memory.max = UINT64_MAX;
    round_of(h, &at, 50000);
    assert_true(tcp_rcv_wnd(&h->t) > 2 * INITIAL); /* and comes back */
    buf_put(&h->pool, others);
    h->out_head = h->out_tail;
}

/* At 7/8 what exceeds the initial size is refused: behind a gap from 3/4 on. */
static void pressure_sheds(struct tcp_harness *h)
{
    uint32_t at = 1;
    connect_auto(h);
    for (uint32_t bytes = 10000; bytes <= 640000; bytes *= 2) {
        round_of(h, &at, bytes);
    }
    warm(h, BUF_SMALL, 4);
    warm(h, BUF_MTU, 600);
    warm(h, BUF_CHUNK, 60);
    enum la_reason early = LA_TAKE_DATA_EARLY, next = LA_TAKE_DATA;
    uint32_t behind = 0, queued = 0;
    for (; early == LA_TAKE_DATA_EARLY && behind < 2000000; behind += 1000) {
        press(h, 80);
        early = tcp_segment_in(h, ACK, at + 1000 + behind, 1, 1000);
        h->out_head = h->out_tail;
    }
    assert_int_equal(early, LA_DROP_REASSEMBLY_FULL);
    assert_in_range(h->t.rcv_charge, 2 * INITIAL, 2 * INITIAL + BUF_HUGE);
    press(h, 80);
    assert_int_equal(tcp_segment_in(h, ACK, at, 1, 1000), LA_TAKE_DATA); /* it fills the gap */
    for (; next == LA_TAKE_DATA && queued < 2000000; queued += 1000) {
        press(h, 92);
        next = tcp_segment_in(h, ACK, tcp_peer_rel(h, h->t.rcv_nxt), 1, 1000);
        h->out_head = h->out_tail;
    }
    assert_int_equal(next, LA_DROP_NO_MEMORY);
    assert_true(h->t.rcv_queued <= 2 * INITIAL + BUF_HUGE);
    h->memory.max = UINT64_MAX;
    h->out_head = h->out_tail;
    assert_int_equal(tcp_segment_in(h, ACK, tcp_peer_rel(h, h->t.rcv_nxt), 1, 1000), LA_TAKE_DATA);
    h->out_head = h->out_tail;
}

/* Whatever waits behind a gap, and however short memory is: what fills it is taken. */
static void gap_is_filled(struct tcp_harness *h)
{
    for (unsigned percent = 50; percent <= 100; percent += 50) {
        h->options.rcvbuf_bytes = 50000;
        tcp_connect(h);
        warm(h, BUF_SMALL, 4);
        warm(h, BUF_MTU, 300);
        warm(h, BUF_CHUNK, 30);
        enum la_reason early = LA_TAKE_DATA_EARLY;
        for (uint32_t at = 1 + TCP_TEST_MSS; early == LA_TAKE_DATA_EARLY; at += 1400) {
            struct la_buf *buf = buf_get(&h->pool, BUF_HUGE); /* as large as a link's are */
            buf->len = 1100;
            buf->seq = h->irs + at + 300;
            early = tcp_reass_add(&h->t, &h->env, buf);
        }
        assert_int_equal(early, LA_DROP_REASSEMBLY_FULL);
        press(h, percent);
        assert_int_equal(tcp_segment_in(h, ACK, 1, 1, TCP_TEST_MSS), LA_TAKE_DATA);
        h->memory.max = UINT64_MAX;
        h->out_head = h->out_tail;
        tcp_again(h);
    }
}

/* Short of memory for the record nothing is tuned, and nothing is wrong. */
static void no_memory(struct tcp_harness *h)
{
    uint32_t at = 1;
    connect_auto(h);
    h->paths.max = 0;
    for (uint32_t bytes = 10000; bytes <= 80000; bytes *= 2) {
        round_of(h, &at, bytes);
    }
    assert_int_equal(h->t.path, 0);
    assert_int_equal(h->t.opt.rcvbuf, INITIAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        EVERYWHERE(receive_buffer_grows),
        EVERYWHERE(without_timestamps),
        EVERYWHERE(unread),
        EVERYWHERE(set_by_the_user),
        EVERYWHERE(send_buffer_grows),
        EVERYWHERE(pressure_stops),
        EVERYWHERE(pressure_sheds),
        EVERYWHERE(no_memory),
        EVERYWHERE(gap_is_filled),
    };
    return cmocka_run_group_tests_name("core/tcp/tune", tests, NULL, NULL);
}

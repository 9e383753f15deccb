/* Data in both directions: when a segment leaves (Nagle, CORK, PSH, silly windows), when an ACK
 * does, urgent data, and the three forms of sending and receiving. */
#include "support/tcp_harness.h"

/* ---- sending -------------------------------------------------------------------------------- */

/* RFC 9293 3.7.4, SHLD-7, MUST-60: a partial segment waits while something is outstanding, and no
 * longer. */
static void nagle(struct tcp_harness *h)
{
    tcp_connect(h);
    tcp_say(h, 10, 0);
    tcp_expect(h, ACK | PSH, 1, 1, 10);
    for (unsigned i = 0; i < 9; i++) {
        tcp_say(h, 100, 0);
        tcp_silent(h);
    }
    tcp_say(h, 150, 0); /* a full segment and 50 bytes */
    tcp_expect(h, ACK, 11, 1, 1000);
    tcp_silent(h);
    tcp_ack_in(h, 11);
    tcp_silent(h);
    tcp_ack_in(h, 1011);
    tcp_expect(h, ACK | PSH, 1011, 1, 50); /* MUST-61: the last byte is pushed */
}

/* RFC 9293 MUST-17. */
static void nodelay(struct tcp_harness *h)
{
    h->options.nodelay = true;
    tcp_connect(h);
    for (uint32_t i = 0; i < 5; i++) {
        tcp_say(h, 10, 0);
        tcp_expect(h, ACK | PSH, 1 + 10 * i, 1, 10);
    }
}

/* So many writes before anything leaves. */
static void say_held(struct tcp_harness *h, unsigned times, uint32_t each)
{
    h->hold = true;
    for (unsigned i = 0; i < times; i++) {
        tcp_say(h, each, 0);
    }
    h->hold = false;
    tcp_flush(h);
}

/* RFC 9293 SHLD-27, SHLD-28, MAY-16: what was said in pieces goes in full segments; MUST-61: the
 * last one is pushed. */
static void collects(struct tcp_harness *h)
{
    tcp_connect(h);
    say_held(h, 30, 100);
    tcp_expect(h, ACK, 1, 1, 1000);
    tcp_expect(h, ACK, 1001, 1, 1000);
    tcp_expect(h, ACK | PSH, 2001, 1, 1000);
    tcp_silent(h);
}

/* SHLD-28: pieces so small that a frame has too few for a segment of them. */
static void small_writes(struct tcp_harness *h)
{
    h->peer_mss = 1440;
    tcp_connect(h);
    assert_int_equal(h->t.mss, 1440);
    h->hold = true;
    for (unsigned i = 0; i < 200; i++) {
        tcp_say(h, 14, 0);
    }
    unsigned buffers = 0;
    for (const struct la_buf *b = h->t.snd_head; b; b = b->next) {
        buffers++;
    }
    assert_true(buffers <= 3); /* so few that no copy is needed */
    h->hold = false;
    tcp_flush(h);
    tcp_expect(h, ACK, 1, 1, 1440);
    tcp_silent(h); /* the rest waits: Nagle */
    tcp_ack_in(h, 1441);
    tcp_expect(h, ACK | PSH, 1441, 1, 1360);
}

/* A super-segment carries whole segments and stays in the window. */
static void super_segments(struct tcp_harness *h)
{
    h->most = 65535;
    tcp_connect(h);
    tcp_say(h, 8500, 0); /* Nagle: behind whole segments the partial one waits (SHLD-7) */
    tcp_expect(h, ACK, 1, 1, 8000);
    tcp_silent(h);
    tcp_ack_in(h, 8001);
    tcp_expect(h, ACK | PSH, 8001, 1, 500);
    tcp_say(h, 1700, 0);
    tcp_expect(h, ACK, 8501, 1, 1000);
    tcp_silent(h);
    tcp_ack_in(h, 9501);
    tcp_expect(h, ACK | PSH, 9501, 1, 700);
    assert_int_equal(h->t.segs_out, 1 + 1 + 9 + 1 + 1);
}

static void cork(struct tcp_harness *h)
{
    h->options.cork = true;
    tcp_connect(h);
    tcp_say(h, 300, 0);
    tcp_silent(h);
    tcp_say(h, 900, 0);
    tcp_expect(h, ACK, 1, 1, 1000);
    tcp_silent(h);
    tcp_ack_in(h, 1001);
    tcp_silent(h);
    tcp_wait_ms(h, 199);
    tcp_silent(h);
    tcp_wait_ms(h, 1); /* RFC 9293 3.8.6.2.1: the override timer; MUST-60 */
    tcp_expect(h, ACK | PSH, 1001, 1, 200);
}

static void cork_from_the_start(struct tcp_harness *h)
{
    h->options.cork = true;
    tcp_connect(h);
    tcp_say(h, 300, 0);
    tcp_silent(h);
    tcp_wait_ms(h, 200); /* MUST-60: not held for ever */
    tcp_expect(h, ACK | PSH, 1, 1, 300);
}

static void more(struct tcp_harness *h)
{
    tcp_connect(h);
    tcp_say(h, 300, LA_SEND_MORE);
    tcp_silent(h);
    tcp_say(h, 20, 0);
    tcp_expect(h, ACK | PSH, 1, 1, 320);
    tcp_ack_in(h, 321);
    tcp_say(h, 30, LA_SEND_MORE);
    tcp_shutdown(&h->t, &h->env);
    tcp_flush(h);
    tcp_expect(h, FIN | ACK | PSH, 321, 1, 30);
}

static void more_is_not_for_ever(struct tcp_harness *h)
{
    tcp_connect(h);
    tcp_say(h, 300, LA_SEND_MORE);
    tcp_silent(h);
    tcp_wait_ms(h, 200);
    tcp_expect(h, ACK | PSH, 1, 1, 300);
}

/* The send buffer is bounded, and the application hears when there is room again. */
static void send_buffer(struct tcp_harness *h)
{
    static const uint8_t bytes[5000];
    h->options.sndbuf_bytes = 3000;
    h->own_bytes = true;
    tcp_connect(h);
    assert_int_equal(tcp_send(&h->t, &h->env, bytes, 5000, 0), 3000);
    tcp_flush(h);
    assert_int_equal(tcp_send(&h->t, &h->env, bytes, 1, 0), LA_EAGAIN);
    assert_int_equal(tcp_send(&h->t, &h->env, bytes, 0, 0), 0);
    assert_false(tcp_ready(&h->t, &h->env) & LA_EV_WRITABLE);
    h->t.todo &= ~(uint32_t)TCP_DO_WRITABLE;
    tcp_ack_in(h, 501);
    assert_false(h->t.todo & TCP_DO_WRITABLE);
    tcp_ack_in(h, 1001);
    assert_true(h->t.todo & TCP_DO_WRITABLE);
    assert_true(tcp_ready(&h->t, &h->env) & LA_EV_WRITABLE);
    assert_int_equal(tcp_send(&h->t, &h->env, bytes, 5000, 0), 1000);
    tcp_flush(h);
}

/* In place: what was reserved stays valid while segments arrive, until it is committed. */
static void reserve_and_commit(struct tcp_harness *h)
{
    void *data;
    size_t len = 100;
    tcp_connect(h);
    tcp_say(h, BUF_SMALL, 0); /* fills its chunk */
    tcp_expect(h, ACK | PSH, 1, 1, BUF_SMALL);
    assert_int_equal(tcp_reserve(&h->t, &h->env, &data, &len), 0);
    assert_int_equal(len, 100);
    tcp_ack_in(h, 1 + BUF_SMALL);                 /* all that was said is acknowledged meanwhile */
    tcp_segment_in(h, ACK, 1, 1 + BUF_SMALL, 64); /* and other buffers are taken */
    for (uint32_t i = 0; i < 100; i++) {
        ((uint8_t *)data)[i] = tcp_our_byte(h->said + i);
    }
    h->said += 100;
    assert_int_equal(tcp_commit(&h->t, &h->env, 101 + BUF_CHUNK, 0), LA_EINVAL);
    assert_int_equal(tcp_commit(&h->t, &h->env, 100, 0), 0);
    tcp_flush(h);
    tcp_expect(h, ACK | PSH, 1 + BUF_SMALL, 65, 100);
    assert_int_equal(tcp_hear(h, 100), 64);
    assert_int_equal(tcp_commit(&h->t, &h->env, 0, 0), 0);
}

/* Lent: sent from the caller's memory, given back when acknowledged and out of every frame. */
static void lend(struct tcp_harness *h)
{
    static uint8_t bytes[2500];
    uint64_t owner, cookie;
    for (uint32_t i = 0; i < sizeof(bytes); i++) {
        bytes[i] = tcp_our_byte(i);
    }
    tcp_connect(h);
    assert_int_equal(tcp_lend(&h->t, &h->env, bytes, sizeof(bytes), 1, 77, 0), sizeof(bytes));
    h->said += sizeof(bytes);
    tcp_flush(h);
    tcp_say(h, 500, 0); /* does not write behind the lent bytes */
    tcp_expect(h, ACK, 1, 1, 1000);
    tcp_expect(h, ACK, 1001, 1, 1000);
    tcp_expect(h, ACK | PSH, 2001, 1, 1000);
    tcp_ack_in(h, 2500);
    assert_false(buf_released(&h->pool, &owner, &cookie));
    tcp_ack_in(h, 2501);
    assert_true(buf_released(&h->pool, &owner, &cookie));
    assert_int_equal(cookie, 77);
    assert_int_equal(tcp_lend(&h->t, &h->env, bytes, 0, 1, 1, 0), LA_EINVAL);
    tcp_shutdown(&h->t, &h->env);
    assert_int_equal(tcp_lend(&h->t, &h->env, bytes, 1, 1, 1, 0), LA_EPIPE);
    tcp_flush(h);
}

static void lend_pieces(struct tcp_harness *h, uint32_t pieces, uint32_t each)
{
    static uint8_t bytes[8000];
    for (uint32_t i = 0; i < sizeof(bytes); i++) {
        bytes[i] = tcp_our_byte(i);
    }
    for (uint32_t i = 0; i < pieces; i++) {
        assert_int_equal(tcp_lend(&h->t, &h->env, bytes + i * each, each, 1, i, 0), each);
    }
    h->said += pieces * each;
    tcp_flush(h);
}

/* SHLD-28, MUST-38: lent in pieces that are too small for a frame, a segment is copied; a
 * super-segment is of whole ones. What was lent comes back. */
static void lend_small(struct tcp_harness *h)
{
    uint64_t owner, cookie;
    h->options.nodelay = true;
    tcp_connect(h);
    h->hold = true;
    lend_pieces(h, 100, 24);
    h->hold = false;
    tcp_flush(h);
    tcp_expect(h, ACK, 1, 1, 1000);
    tcp_expect(h, ACK, 1001, 1, 1000);
    tcp_expect(h, ACK | PSH, 2001, 1, 400);
    tcp_silent(h);
    tcp_ack_in(h, 2401);
    for (uint64_t i = 0; i < 100; i++) {
        assert_true(buf_released(&h->pool, &owner, &cookie));
        assert_int_equal(cookie, i);
    }
    assert_false(buf_released(&h->pool, &owner, &cookie));

    tcp_again(h);
    h->most = 65535;
    tcp_connect(h);
    h->hold = true;
    lend_pieces(h, 20, 400);
    h->hold = false;
    tcp_flush(h);
    tcp_expect(h, ACK, 1, 1, 2000); /* seven pieces are 2800 bytes */
    tcp_expect(h, ACK, 2001, 1, 2000);
    tcp_expect(h, ACK, 4001, 1, 2000);
    tcp_expect(h, ACK | PSH, 6001, 1, 2000);
    tcp_ack_in(h, 8001);
    for (uint64_t i = 0; i < 20; i++) {
        assert_true(buf_released(&h->pool, &owner, &cookie));
    }
}

/* Without memory for the copy the pieces go that fit. */
static void lend_small_no_memory(struct tcp_harness *h)
{
    uint64_t owner, cookie;
    h->options.nodelay = true;
    tcp_connect(h);
    h->hold = true;
    lend_pieces(h, 10, 24);
    h->memory.max = memory_used(&h->memory);
    h->hold = false;
    tcp_flush(h);
    tcp_expect(h, ACK, 1, 1, 7 * 24);
    tcp_expect(h, ACK | PSH, 1 + 7 * 24, 1, 3 * 24);
    h->memory.max = UINT64_MAX;
    tcp_ack_in(h, 241);
    while (buf_released(&h->pool, &owner, &cookie)) {
    }
}

/* ---- receiving ------------------------------------------------------------------------------ */

static void three_ways_to_read(struct tcp_harness *h)
{
    const void *at;
    struct la_buf *buf;
    uint8_t bytes[10];
    tcp_connect(h);
    assert_int_equal(tcp_hear(h, 10), LA_EAGAIN);
    assert_int_equal(tcp_peek(&h->t, &at), LA_EAGAIN);
    assert_int_equal(tcp_take(&h->t, &h->env, &buf), LA_EAGAIN);
    tcp_segment_in(h, ACK, 1, 1, 1000);
    assert_int_equal(tcp_recv(&h->t, &h->env, bytes, 10, LA_RECV_PEEK), 10);
    assert_int_equal(bytes[9], tcp_peer_byte(9));
    assert_int_equal(tcp_hear(h, 0), 0);
    assert_int_equal(tcp_hear(h, 300), 300);
    assert_int_equal(tcp_peek(&h->t, &at), 700);
    assert_int_equal(*(const uint8_t *)at, tcp_peer_byte(300));
    assert_int_equal(tcp_consume(&h->t, &h->env, 701), LA_EINVAL);
    assert_int_equal(tcp_consume(&h->t, &h->env, 100), 0);
    assert_int_equal(tcp_take(&h->t, &h->env, &buf), 600);
    assert_int_equal(buf->data[0], tcp_peer_byte(400));
    buf_put(&h->pool, buf);
    tcp_check(h);
    tcp_segment_in(h, ACK | FIN, 1001, 1, 0);
    assert_int_equal(tcp_take(&h->t, &h->env, &buf), 0);
    assert_int_equal(tcp_peek(&h->t, &at), 0);
}

/* RFC 9293 3.8.6.3, SHLD-18, MUST-40: a lone segment is acknowledged after less than half a second;
 * SHLD-19: every second full one at once. */
static void delayed_ack(struct tcp_harness *h)
{
    tcp_connect(h);
    tcp_segment_in(h, ACK, 1, 1, 1300);
    tcp_silent(h);
    assert_int_equal(tcp_fire(h), 40);
    tcp_expect(h, ACK, 1, 1301, 0);
    assert_false(tcp_timer_due(h));
    for (uint32_t i = 1; i < 20; i++) {
        tcp_segment_in(h, ACK, 1 + 1300 * i, 1, 1300);
        if (i % 2 == 0) {
            tcp_expect(h, ACK, 1, 1301 + 1300 * i, 0);
        }
        tcp_silent(h);
        tcp_hear(h, 5000);
        tcp_silent(h);
    }
}

static void delay_is_bounded(struct tcp_harness *h)
{
    h->options.delack_ms = 5000;
    tcp_connect(h);
    tcp_segment_in(h, ACK, 1, 1, 10);
    assert_in_range(tcp_fire(h), 0, 499); /* RFC 9293 MUST-40 */
    tcp_expect(h, ACK, 1, 11, 0);
}

/* Data that leave carry the ACK, and the timer is off. */
static void ack_rides_on_data(struct tcp_harness *h)
{
    tcp_connect(h);
    tcp_segment_in(h, ACK, 1, 1, 10);
    tcp_say(h, 20, 0);
    tcp_expect(h, ACK | PSH, 1, 11, 20);
    tcp_ack_in(h, 21);
    assert_false(tcp_timer_due(h));
}

/* RFC 9293 MUST-58, MUST-59: a batch is processed whole before one ACK leaves. */
static void batch_of_segments(struct tcp_harness *h)
{
    tcp_connect(h);
    h->hold = true;
    for (uint32_t i = 0; i < 10; i++) {
        tcp_segment_in(h, ACK, 1 + 1000 * i, 1, 1000);
    }
    h->hold = false;
    tcp_flush(h);
    tcp_expect(h, ACK, 1, 10001, 0);
    tcp_silent(h);
}

/* Merged segments are acknowledged as their parts would be, and count as many. */
static void merged_segments(struct tcp_harness *h)
{
    tcp_connect(h);
    tcp_feed(h, &(struct tcp_in){.flags = ACK, .seq = 1, .ack = 1, .len = 2600, .segs = 2});
    tcp_expect(h, ACK, 1, 2601, 0);
    assert_int_equal(h->t.rcv_mss, 1300);
    tcp_feed(h, &(struct tcp_in){.flags = ACK, .seq = 2601, .ack = 1, .len = 6500, .segs = 5});
    tcp_expect(h, ACK, 1, 9101, 0);
    assert_int_equal(h->t.segs_in, 1 + 2 + 5);
}

/* ---- urgent data ---------------------------------------------------------------------------- */

/* RFC 9293 3.8.5, MUST-30, MUST-31, MUST-62: of any length, the pointer counts from each segment.
 */
static void send_urgent(struct tcp_harness *h)
{
    tcp_connect(h);
    tcp_say(h, 3500, LA_SEND_URGENT);
    for (uint32_t i = 0; i < 3; i++) {
        struct tcp_out *o = tcp_next(h);
        assert_int_equal(o->h.flags, ACK | URG);
        assert_int_equal(o->seq + o->h.urg, 3501);
    }
    tcp_silent(h);
    tcp_ack_in(h, 3001);
    struct tcp_out *last = tcp_next(h);
    assert_int_equal(last->h.flags, ACK | URG | PSH);
    assert_int_equal(last->seq + last->h.urg, 3501);
    tcp_say(h, 10, 0);
    tcp_ack_in(h, 3501);
    tcp_expect(h, ACK | PSH, 3501, 1, 10); /* no longer urgent */
}

/* RFC 9293 MUST-31: longer than the pointer reaches; it is told as soon as it can be. */
static void send_urgent_far(struct tcp_harness *h)
{
    h->syn_options |= WIRE_TCP_WSCALE;
    h->options.window_scale = true;
    h->peer_wscale = 4;
    h->options.sndbuf_bytes = 200000;
    tcp_connect(h);
    tcp_window_in(h, 1, 60000);
    h->t.cc.cwnd = 500000;
    tcp_say(h, 100000, LA_SEND_URGENT);
    bool told = false;
    while (tcp_waiting(h) != 0) {
        struct tcp_out *o = tcp_next(h);
        bool urg = (o->h.flags & URG) != 0;
        assert_int_equal(urg, 100001 - o->seq <= 65535);
        assert_true(!urg || o->seq + o->h.urg == 100001);
        told |= urg;
    }
    assert_true(told);
}

static uint32_t urgent_left(struct tcp_harness *h)
{
    struct la_tcp_info info;
    tcp_info(&h->t, &h->env, &info);
    return info.urgent_left;
}

/* RFC 9293 MUST-32, MUST-33: told when the pointer advances, and how much is left. */
static void receive_urgent(struct tcp_harness *h)
{
    struct tcp_in in = {.flags = ACK | URG, .seq = 1, .ack = 1, .len = 10, .urg = 15};
    tcp_connect(h);
    tcp_feed(h, &in);
    assert_true(h->t.todo & TCP_DO_URGENT);
    assert_int_equal(urgent_left(h), 15);
    h->t.todo = 0;
    in.seq = 11;
    in.urg = 5; /* the same place: nothing new */
    tcp_feed(h, &in);
    assert_false(h->t.todo & TCP_DO_URGENT);
    in.seq = 21;
    in.urg = 20;
    tcp_feed(h, &in);
    assert_true(h->t.todo & TCP_DO_URGENT);
    assert_int_equal(urgent_left(h), 40);
    assert_int_equal(tcp_hear(h, 25), 25); /* in line */
    assert_int_equal(urgent_left(h), 15);
    in.seq = 31;
    in.urg = 0;
    tcp_feed(h, &in); /* an older pointer does not move it back */
    assert_int_equal(urgent_left(h), 15);
    assert_int_equal(tcp_hear(h, 15), 15);
    assert_int_equal(urgent_left(h), 0);
    assert_false(tcp_ready(&h->t, &h->env) & LA_EV_URGENT);
}

/* RFC 9293 MUST-33: the peer's FIN does not end the urgent data a byte early. */
static void urgent_up_to_the_fin(struct tcp_harness *h)
{
    tcp_connect(h);
    tcp_feed(h,
             &(struct tcp_in){.flags = ACK | URG | FIN, .seq = 1, .ack = 1, .len = 10, .urg = 10});
    assert_int_equal(tcp_hear(h, 9), 9);
    assert_int_equal(urgent_left(h), 1);
    assert_int_equal(tcp_hear(h, 9), 1);
    assert_int_equal(urgent_left(h), 0);
    assert_int_equal(tcp_hear(h, 9), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        EVERYWHERE(nagle),
        EVERYWHERE(nodelay),
        EVERYWHERE(collects),
        EVERYWHERE(super_segments),
        EVERYWHERE(cork),
        EVERYWHERE(cork_from_the_start),
        EVERYWHERE(more),
        EVERYWHERE(more_is_not_for_ever),
        EVERYWHERE(send_buffer),
        EVERYWHERE(reserve_and_commit),
        EVERYWHERE(lend),
        EVERYWHERE(lend_small),
        EVERYWHERE(lend_small_no_memory),
        EVERYWHERE(small_writes),
        EVERYWHERE(three_ways_to_read),
        EVERYWHERE(delayed_ack),
        EVERYWHERE(delay_is_bounded),
        EVERYWHERE(ack_rides_on_data),
        EVERYWHERE(batch_of_segments),
        EVERYWHERE(merged_segments),
        EVERYWHERE(send_urgent),
        EVERYWHERE(send_urgent_far),
        EVERYWHERE(receive_urgent),
        EVERYWHERE(urgent_up_to_the_fin),
    };
    return cmocka_run_group_tests_name("core/tcp/data", tests, NULL, NULL);
}

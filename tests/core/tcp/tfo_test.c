/* Fast Open in the life of a connection (RFC 7413 4.2), on a bare control block. */
#include "support/tcp_harness.h"
#include "tcp/fastopen.h"

#define COOKIE                                        \
    (struct tfo_cookie)                               \
    {                                                 \
        .len = 8, .bytes = { 1, 2, 3, 4, 5, 6, 7, 8 } \
    }

static void client(struct tcp_harness *h)
{
    h->env.persona.fastopen = LA_FASTOPEN_CLIENT;
    h->options.fastopen = true;
}

/* The cookie and the MSS of an earlier connection. */
static void know(struct tcp_harness *h, uint16_t mss)
{
    struct tfo_cookie c = COOKIE;
    tfo_learned(&h->tfo, &h->key, mss, &c, true, (uint32_t)(h->env.now_ns / SECOND));
}

static uint16_t room(uint16_t mss)
{
    return (uint16_t)(mss - 40);
}

static enum la_reason syn_ack(struct tcp_harness *h, uint32_t ack)
{
    struct tcp_in in = {.flags = SYN | ACK, .ack = ack};
    return tcp_feed(h, &in);
}

/* 4.2.1: off unless the persona and the socket ask for it; then the SYN asks for a cookie. */
static void off_by_default(struct tcp_harness *h)
{
    h->options.fastopen = true;
    tcp_start(h);
    struct tcp_out *o = tcp_next(h);
    assert_int_equal(o->h.options & (WIRE_TCP_FASTOPEN | WIRE_TCP_FASTOPEN_EXP), 0);
    tcp_again(h);
    h->env.persona.fastopen = LA_FASTOPEN_CLIENT;
    h->options.fastopen = false;
    tcp_start(h);
    o = tcp_next(h);
    assert_int_equal(o->h.options & WIRE_TCP_FASTOPEN, 0);
}

static void asks_for_a_cookie(struct tcp_harness *h)
{
    client(h);
    tcp_start(h);
    struct tcp_out *o = tcp_next(h);
    assert_int_equal(o->h.flags, SYN);
    assert_true(o->h.options & WIRE_TCP_FASTOPEN);
    assert_int_equal(o->h.fastopen_n, 0);
    assert_int_equal(o->len, 0);
    tcp_wait_ms(h, 1000); /* "retransmit SYN packets without the cookie options on timeouts" */
    o = tcp_next(h);
    assert_int_equal(o->h.flags, SYN);
    assert_int_equal(o->h.options & WIRE_TCP_FASTOPEN, 0);
    syn_ack(h, 1);
    tcp_expect(h, ACK, 1, 1, 0);
}

/* 4.2.2: the SYN waits for data, carries as much as the server's MSS lets, and the rest follows. */
static void data_in_the_syn(struct tcp_harness *h)
{
    client(h);
    know(h, 1000);
    tcp_start(h);
    tcp_silent(h);
    assert_int_equal(h->t.state, LA_TCP_SYN_SENT);
    assert_true(tcp_ready(&h->t, &h->env) & LA_EV_WRITABLE);
    uint8_t bytes[3000];
    for (unsigned i = 0; i < sizeof(bytes); i++) {
        bytes[i] = tcp_our_byte(i);
    }
    uint16_t n = room(1000);
    assert_int_equal(tcp_send(&h->t, &h->env, bytes, sizeof(bytes), 0), n);
    h->said = n;
    tcp_flush(h);
    struct tcp_out *o = tcp_next(h);
    assert_int_equal(o->h.flags, SYN);
    assert_int_equal(o->len, n);
    assert_int_equal(o->reason, LA_SYN_DATA);
    assert_int_equal(o->h.fastopen_n, 8);
    assert_int_equal(o->h.fastopen[7], 8);
    tcp_say(h, 500, 0); /* queued behind it */
    tcp_silent(h);
    assert_int_equal(syn_ack(h, 1U + n), LA_TAKE_SYN_ACK);
    tcp_expect(h, ACK | PSH, 1U + n, 1, 500);
    struct la_tcp_info info;
    tcp_info(&h->t, &h->env, &info);
    assert_true(info.syn_data);
    assert_int_equal(info.bytes_acked, n);
    tcp_ack_in(h, 1U + n + 500);
    assert_false(tcp_outstanding(&h->t));
}

/* All, a part or none of the data acknowledged: what is left goes in the first segment after. */
static void partly_taken(struct tcp_harness *h)
{
    static const uint32_t taken[] = {0, 1, 50, 99, 100};
    for (unsigned i = 0; i < 5; i++) {
        if (i != 0) {
            tcp_again(h);
        }
        client(h);
        h->env.persona.fastopen_strikes = 255;
        know(h, 1000);
        tcp_start(h);
        tcp_say(h, 100, 0);
        struct tcp_out *o = tcp_next(h);
        assert_int_equal(o->len, 100);
        syn_ack(h, 1 + taken[i]);
        if (taken[i] == 100) {
            tcp_expect(h, ACK, 101, 1, 0);
        } else {
            tcp_expect(h, ACK | PSH, 1 + taken[i], 1, 100 - taken[i]);
        }
        struct la_tcp_info info;
        tcp_info(&h->t, &h->env, &info);
        assert_int_equal(info.syn_data, taken[i] == 100);
        assert_int_equal(info.bytes_rtx, 100 - taken[i]);
        tcp_ack_in(h, 101);
        assert_false(tcp_timer_due(h));
    }
}

/* An ACK of more than was sent is refused, and the connection goes on. */
static void over_acknowledged(struct tcp_harness *h)
{
    client(h);
    know(h, 1000);
    tcp_start(h);
    tcp_say(h, 100, 0);
    (void)tcp_next(h);
    assert_int_equal(syn_ack(h, 102), LA_DROP_SYN_SENT_ACK);
    tcp_expect(h, RST, 102, 0, 0);
    assert_int_equal(h->t.state, LA_TCP_SYN_SENT);
    syn_ack(h, 101);
    tcp_expect(h, ACK, 101, 1, 0);
}

/* No answer: a plain SYN, and the path is remembered (4.1.3.1); data come after the handshake. */
static void timed_out(struct tcp_harness *h)
{
    client(h);
    know(h, 1000);
    tcp_start(h);
    tcp_say(h, 100, 0);
    (void)tcp_next(h);
    tcp_wait_ms(h, 1000);
    struct tcp_out *o = tcp_next(h);
    assert_int_equal(o->h.flags, SYN);
    assert_int_equal(o->len, 0);
    assert_int_equal(o->h.options & WIRE_TCP_FASTOPEN, 0);
    syn_ack(h, 1);
    tcp_expect(h, ACK | PSH, 1, 1, 100);
    assert_true(tfo_doubtful(&h->tfo, &h->key, 1, (uint32_t)(h->env.now_ns / SECOND)));
    assert_int_equal(h->tfo.blackhole_until_s, 0);
    tcp_ack_in(h, 101);
    tcp_again(h);
    client(h);
    know(h, 1000);
    tfo_refused(&h->tfo, &h->key, (uint32_t)(h->env.now_ns / SECOND));
    tcp_start(h); /* the next one does not try */
    o = tcp_next(h);
    assert_int_equal(o->h.options & WIRE_TCP_FASTOPEN, 0);
}

/* Not even plain SYNs are answered: a black hole. */
static void black_hole(struct tcp_harness *h)
{
    client(h);
    know(h, 1000);
    tcp_start(h);
    tcp_say(h, 100, 0);
    (void)tcp_next(h);
    tcp_wait_ms(h, 1000);
    (void)tcp_next(h);
    tcp_wait_ms(h, 2000);
    (void)tcp_next(h);
    assert_int_equal(h->tfo.blackhole_until_s, 0);
    tcp_wait_ms(h, 4000);
    (void)tcp_next(h);
    assert_true(h->tfo.blackhole_until_s != 0);
    struct flow_key other = h->key;
    other.rport = 99;
    assert_true(tfo_doubtful(&h->tfo, &other, 1, (uint32_t)(h->env.now_ns / SECOND)));
}

/* "ICMP error messages" are negative answers as well: at once a smaller SYN without data. */
static void too_large(struct tcp_harness *h)
{
    client(h);
    know(h, 1400);
    tcp_start(h);
    tcp_say(h, 1300, 0);
    struct tcp_out *o = tcp_next(h);
    assert_int_equal(o->len, 1300);
    uint32_t mtu = h->v4 ? 800 : 1300;
    assert_int_equal(tcp_icmp(&h->t, &h->env, TCP_ICMP_MTU, 0, mtu, h->t.iss), LA_TAKE_ICMP_MTU);
    tcp_flush(h);
    o = tcp_next(h);
    assert_int_equal(o->h.flags, SYN);
    assert_int_equal(o->len, 0);
    assert_int_equal(o->h.mss, mtu - (h->v4 ? 40 : 60));
    syn_ack(h, 1);
    while (tcp_waiting(h) != 0) {
        (void)tcp_next(h);
    }
    tcp_ack_in(h, 1301);
}

/* Without a cookie the SYN carries data at once, up to the default MSS (4.1.3, 6.3). */
static void without_a_cookie(struct tcp_harness *h)
{
    client(h);
    h->options.fastopen_no_cookie = true;
    tcp_start(h);
    tcp_silent(h);
    uint8_t bytes[2000];
    for (unsigned i = 0; i < sizeof(bytes); i++) {
        bytes[i] = tcp_our_byte(i);
    }
    uint16_t n = room(h->v4 ? 536 : 1220);
    assert_int_equal(tcp_send(&h->t, &h->env, bytes, sizeof(bytes), 0), n);
    h->said = n;
    tcp_flush(h);
    struct tcp_out *o = tcp_next(h);
    assert_int_equal(o->len, n);
    assert_int_equal(o->h.options & WIRE_TCP_FASTOPEN, 0);
    syn_ack(h, 1U + n);
    tcp_expect(h, ACK, 1U + n, 1, 0);
}

/* The SYN that waits leaves without data when it is told to, and never when it is closed. */
static void no_data_after_all(struct tcp_harness *h)
{
    client(h);
    know(h, 1000);
    tcp_start(h);
    tcp_silent(h);
    assert_false(tcp_timer_due(h));
    assert_int_equal(tcp_send(&h->t, &h->env, "", 0, 0), LA_EINPROGRESS);
    tcp_flush(h);
    struct tcp_out *o = tcp_next(h);
    assert_int_equal(o->len, 0);
    assert_int_equal(o->h.fastopen_n, 8);
    syn_ack(h, 1);
    tcp_expect(h, ACK, 1, 1, 0);
    tcp_again(h);
    client(h);
    know(h, 1000);
    tcp_start(h);
    tcp_close(&h->t, &h->env);
    tcp_flush(h);
    tcp_silent(h);
    assert_int_equal(h->t.state, LA_TCP_CLOSED);
}

/* ---- passive -------------------------------------------------------------------------------- */

/* The SYN brings `len` bytes that are taken. */
static void taken(struct tcp_harness *h, uint32_t len)
{
    tcp_start_passive(h);
    struct tfo_cookie none = {.len = 0};
    assert_true(tcp_tfo_accept(&h->t, &h->env, &none));
    struct la_buf *buf = buf_get(&h->pool, len);
    for (uint32_t i = 0; i < len; i++) {
        buf->data[i] = tcp_peer_byte(i);
    }
    buf->len = len;
    struct tcp_segment seg = {.h = {.flags = SYN, .seq = h->irs, .wnd = h->peer_wnd},
                              .seq = seq_of(h->irs),
                              .len = len,
                              .seg_len = len + 1,
                              .segs = 1,
                              .buf = buf};
    h->edge_known = false;
    tcp_tfo_take(&h->t, &h->env, &seg);
    assert_null(seg.buf);
    tcp_flush(h);
    struct tcp_out *o = tcp_next(h);
    assert_int_equal(o->h.flags, SYN | ACK);
    assert_int_equal(o->seq, 0);
    assert_int_equal(o->ack, 1 + len);
    assert_int_equal(o->reason, LA_SYN_ACK);
    assert_int_equal(h->t.state, LA_TCP_SYN_RECEIVED);
}

/* 3, figure: data are read and answered before the handshake is complete. */
static void answered_early(struct tcp_harness *h)
{
    h->options.nodelay = true;
    taken(h, 300);
    assert_int_equal(tcp_hear(h, 1000), 300);
    assert_true(tcp_ready(&h->t, &h->env) & LA_EV_WRITABLE);
    tcp_say(h, 1500, 0);
    tcp_expect(h, ACK, 1, 301, 1000);
    tcp_expect(h, ACK | PSH, 1001, 301, 500);
    assert_int_equal(tcp_ack_in(h, 1), LA_TAKE_HANDSHAKE_ACK);
    assert_int_equal(h->t.state, LA_TCP_ESTABLISHED);
    tcp_silent(h);
    tcp_ack_in(h, 1501);
    assert_false(tcp_outstanding(&h->t));
    assert_int_equal(h->t.bytes_acked, 1500);
    assert_false(tcp_timer_due(h));
}

/* An ACK of the data is one of the SYN-ACK as well. */
static void acknowledged_with_the_data(struct tcp_harness *h)
{
    taken(h, 10);
    tcp_say(h, 100, 0);
    tcp_expect(h, ACK | PSH, 1, 11, 100);
    assert_int_equal(tcp_ack_in(h, 101), LA_TAKE_HANDSHAKE_ACK);
    assert_int_equal(h->t.state, LA_TCP_ESTABLISHED);
    assert_false(tcp_timer_due(h));
}

/* The SYN-ACK is lost: it goes again alone, and what left behind it after the handshake. */
static void syn_ack_again(struct tcp_harness *h)
{
    taken(h, 10);
    tcp_say(h, 100, 0);
    tcp_expect(h, ACK | PSH, 1, 11, 100);
    tcp_wait_ms(h, 1000);
    struct tcp_out *o = tcp_next(h);
    assert_int_equal(o->h.flags, SYN | ACK);
    assert_int_equal(o->ack, 11);
    assert_int_equal(o->len, 0);
    tcp_segment_in(h, SYN, 0, 0, 0); /* the peer's plain SYN, which knows nothing of the data */
    o = tcp_next(h);
    assert_int_equal(o->h.flags, SYN | ACK);
    assert_int_equal(o->ack, 11);
    tcp_silent(h);
    tcp_ack_in(h, 1);
    assert_int_equal(h->t.state, LA_TCP_ESTABLISHED);
    tcp_wait_ms(h, 3000);
    tcp_expect(h, ACK | PSH, 1, 11, 100);
    tcp_ack_in(h, 101);
}

/* Nobody answers: the connection ends as a half-open one does, and tells who accepted it. */
static void given_up(struct tcp_harness *h)
{
    h->options.syn_retries = 2;
    taken(h, 10);
    while (h->t.state == LA_TCP_SYN_RECEIVED) {
        (void)tcp_fire(h);
        while (tcp_waiting(h) != 0) {
            assert_int_equal(tcp_next(h)->h.flags, SYN | ACK);
        }
    }
    assert_int_equal(h->t.error, LA_ETIMEDOUT);
    assert_int_equal(tcp_hear(h, 100), 10); /* what came is still there */
}

/* A reset in SYN-RECEIVED: the data can be read, then the error. */
static void reset(struct tcp_harness *h)
{
    taken(h, 10);
    tcp_segment_in(h, RST, 11, 0, 0);
    assert_int_equal(h->t.state, LA_TCP_CLOSED);
    assert_int_equal(h->t.error, LA_ECONNRESET);
    assert_int_equal(tcp_hear(h, 100), 10);
    assert_int_equal(tcp_hear(h, 100), LA_ECONNRESET);
}

/* FIN before accept, CLOSE before the ACK: the FIN waits for the handshake (RFC 9293 3.10.4). */
static void closed_early(struct tcp_harness *h)
{
    taken(h, 10);
    assert_int_equal(tcp_hear(h, 100), 10);
    tcp_close(&h->t, &h->env);
    tcp_flush(h);
    tcp_silent(h);
    assert_int_equal(h->t.state, LA_TCP_SYN_RECEIVED);
    tcp_ack_in(h, 1);
    tcp_expect(h, FIN | ACK, 1, 11, 0);
    assert_int_equal(h->t.state, LA_TCP_FIN_WAIT_1);
    tcp_segment_in(h, FIN | ACK, 11, 2, 0);
    tcp_expect(h, ACK, 2, 12, 0);
    assert_int_equal(h->t.state, LA_TCP_TIME_WAIT);
}

/* Closed with data unread: a reset (SHLD-3). */
static void closed_unread(struct tcp_harness *h)
{
    taken(h, 10);
    tcp_close(&h->t, &h->env);
    tcp_flush(h);
    tcp_expect(h, RST | ACK, 1, 11, 0);
    assert_int_equal(h->t.state, LA_TCP_CLOSED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        EVERYWHERE(off_by_default),
        EVERYWHERE(asks_for_a_cookie),
        EVERYWHERE(data_in_the_syn),
        EVERYWHERE(partly_taken),
        EVERYWHERE(over_acknowledged),
        EVERYWHERE(timed_out),
        EVERYWHERE(black_hole),
        EVERYWHERE(too_large),
        EVERYWHERE(without_a_cookie),
        EVERYWHERE(no_data_after_all),
        EVERYWHERE(answered_early),
        EVERYWHERE(acknowledged_with_the_data),
        EVERYWHERE(syn_ack_again),
        EVERYWHERE(given_up),
        EVERYWHERE(reset),
        EVERYWHERE(closed_early),
        EVERYWHERE(closed_unread),
    };
    return cmocka_run_group_tests_name("core/tcp/tfo", tests, NULL, NULL);
}

/* ABORT in every state, half-open recovery, what the application is told, and handles that are
 * stale (RFC 9293 3.5.1, 3.5.2, 3.10.5). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/packets.h"
#include "support/stack_peer.h"
#include "support/two_stacks.h"

static struct pair p;

#define S0 (p.end[0].stack)
#define S1 (p.end[1].stack)

/* Loses frames of either end as long as it is told to. */
static bool cut[2];
static unsigned rst_from[2];

static bool watch(void *ctx, unsigned from, unsigned serial, uint8_t *bytes, size_t len)
{
    (void)ctx;
    (void)serial;
    (void)len;
    size_t head = bytes[0] >> 4 == 6 ? 40 : 20;
    if (bytes[head + 13] & LA_TH_RST) {
        rst_from[from]++;
    }
    return !cut[from];
}

static void begin(void)
{
    struct pair_options o = pair_defaults();
    assert_true(pair_init(&p, &o));
    p.filter = watch;
    cut[0] = cut[1] = false;
    rst_from[0] = rst_from[1] = 0;
}

static struct la_stack_stats stats(unsigned end)
{
    struct la_stack_stats st;
    la_stack_stats(p.end[end].stack, &st);
    return st;
}

/* Brings end 0's connection into `want`; the server's handle in *s, 0 when there is none. */
static void bring(enum la_tcp_state want, bool v6, la_handle *c, la_handle *s, la_handle *l)
{
    *s = *l = 0;
    struct la_endpoint here = pair_at(&p, 0, v6, 1000), there = pair_at(&p, 1, v6, 80);
    switch (want) {
    case LA_TCP_SYN_SENT:
        cut[0] = true;
        assert_int_equal(la_tcp_open(S0, &here, &there, NULL, c), 0);
        pair_settle(&p);
        break;
    case LA_TCP_SYN_RECEIVED: /* simultaneous open: the SYNs cross, their answers are lost */
        assert_int_equal(la_tcp_open(S0, &here, &there, NULL, c), 0);
        assert_int_equal(la_tcp_open(S1, &there, &here, NULL, s), 0);
        cut[0] = true;
        pair_settle(&p);
        break;
    default:
        pair_connect(&p, v6, c, s, l);
        break;
    }
    switch (want) {
    case LA_TCP_FIN_WAIT_1:
        cut[0] = true;
        la_tcp_shutdown(S0, *c);
        break;
    case LA_TCP_FIN_WAIT_2:
        la_tcp_shutdown(S0, *c);
        break;
    case LA_TCP_CLOSE_WAIT:
        la_tcp_shutdown(S1, *s);
        break;
    case LA_TCP_CLOSING: /* its FIN is lost, the peer's comes */
        cut[0] = true;
        la_tcp_shutdown(S0, *c);
        pair_settle(&p);
        la_tcp_shutdown(S1, *s);
        break;
    case LA_TCP_LAST_ACK:
        la_tcp_shutdown(S1, *s);
        pair_settle(&p);
        cut[0] = true;
        la_tcp_shutdown(S0, *c);
        break;
    case LA_TCP_TIME_WAIT:
        la_tcp_shutdown(S0, *c);
        pair_settle(&p);
        la_tcp_shutdown(S1, *s);
        break;
    default:
        break;
    }
    pair_settle(&p);
    assert_int_equal(pair_state(&p, 0, *c), want);
    cut[0] = false;
}

/* ABORT (RFC 9293 3.10.5): one reset, but none where nobody knows of us or nothing is left to say;
 * the handle is stale at once, the peer is told (MUST-12). */
static void test_abort(void **state)
{
    (void)state;
    static const struct {
        enum la_tcp_state state;
        unsigned rst; /* 2: our FIN was lost, so that the reset is not exact and is challenged */
        int peer;     /* what its next call returns */
    } rows[] = {
        {LA_TCP_SYN_SENT, 0, 0},
        {LA_TCP_SYN_RECEIVED, 1, LA_ECONNREFUSED},
        {LA_TCP_ESTABLISHED, 1, LA_ECONNRESET},
        {LA_TCP_FIN_WAIT_1, 2, LA_ECONNRESET},
        {LA_TCP_FIN_WAIT_2, 1, LA_ECONNRESET},
        {LA_TCP_CLOSE_WAIT, 1, LA_ECONNRESET},
        {LA_TCP_CLOSING, 2, LA_ECONNRESET},
        {LA_TCP_LAST_ACK, 2, LA_ECONNRESET},
        {LA_TCP_TIME_WAIT, 0, 0},
    };
    for (unsigned i = 0; i < 2 * sizeof(rows) / sizeof(rows[0]); i++) {
        la_handle c, s, l;
        unsigned k = i / 2;
        begin();
        bring(rows[k].state, (i & 1) != 0, &c, &s, &l);
        assert_int_equal(la_tcp_abort(S0, c, LA_RST_ABORT), 0);
        assert_int_equal(la_tcp_abort(S0, c, LA_RST_ABORT), LA_EBADF);
        assert_int_equal(la_tcp_send(S0, c, "x", 1, 0), LA_EBADF);
        pair_settle(&p);
        assert_int_equal(rst_from[0], rows[k].rst);
        assert_int_equal(rst_from[1], 0);
        assert_int_equal(la_stack_counter(S0, LA_RST_ABORT), rows[k].rst != 0);
        assert_int_equal(la_stack_counter(S0, LA_CALL_ABORT), rows[k].state != LA_TCP_TIME_WAIT);
        assert_int_equal(stats(0).conns, 0);
        assert_int_equal(stats(0).time_wait, rows[k].state == LA_TCP_TIME_WAIT);
        if (rows[k].peer) {
            assert_int_equal(pair_state(&p, 1, s), LA_TCP_CLOSED);
            assert_int_equal(la_tcp_send(S1, s, "x", 1, 0), rows[k].peer);
        }
        if (s) {
            la_tcp_close(S1, s);
        }
        if (l) {
            la_tcp_close(S1, l);
        }
        pair_run(&p, 200 * LA_NS_PER_S);
        assert_int_equal(stats(0).conns + stats(0).time_wait + stats(1).conns, 0);
        assert_int_equal(la_stack_memory(S0, LA_MEM_CONNECTIONS), 0);
        pair_end_all(&p);
    }
}

/* RFC 9293 3.5.1, figure 10: the peer has lost its memory; the first data meet a reset (I30). */
static void test_peer_restarted(void **state)
{
    (void)state;
    for (unsigned v6 = 0; v6 < 2; v6++) {
        la_handle c, s, l;
        struct la_event ev[4];
        begin();
        pair_connect(&p, v6 != 0, &c, &s, &l);
        while (la_stack_poll(S0, ev, 4)) {
        }
        pair_restart(&p, 1);
        assert_int_equal(la_tcp_send(S0, c, "data", 4, 0), 4);
        pair_settle(&p);
        assert_int_equal(rst_from[1], 1);
        assert_int_equal(la_stack_counter(S1, LA_RST_NO_CONNECTION), 1);
        assert_int_equal(la_stack_poll(S0, ev, 4), 1);
        assert_true(ev[0].handle == c && (ev[0].events & LA_EV_ERROR));
        assert_int_equal(ev[0].error, LA_ECONNRESET);
        assert_int_equal(la_tcp_recv(S0, c, &(char){0}, 1, 0), LA_ECONNRESET);
        assert_int_equal(la_tcp_recv(S1, s, &(char){0}, 1, 0), LA_EBADF);
        la_tcp_close(S0, c);
        assert_int_equal(stats(0).conns + stats(1).conns, 0);
        pair_end_all(&p);
    }
}

/* Figure 9: the client has lost its memory and opens again from the same port. Its SYN meets a
 * challenge ACK (RFC 5961 4), which it answers with a reset; the next SYN opens. */
static void test_client_restarted(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        bool v6 = (i & 1) != 0;
        la_handle c, s, l, again;
        begin();
        struct la_endpoint here = pair_at(&p, 0, v6, 1000), there = pair_at(&p, 1, v6, 80);
        assert_int_equal(la_tcp_listen(S1, &there, NULL, &l), 0);
        assert_int_equal(la_tcp_open(S0, &here, &there, NULL, &c), 0);
        pair_settle(&p);
        assert_int_equal(la_tcp_accept(S1, l, &s), 0);
        if (i & 2) {
            pair_run(&p, 3 * LA_NS_PER_S);
        }
        pair_restart(&p, 0);
        assert_int_equal(la_tcp_open(S0, &here, &there, NULL, &again), 0);
        pair_settle(&p);
        /* Outside the window it fails the first check already, with the same answer. */
        assert_int_equal(
            la_stack_counter(S1, LA_CHALLENGE_SYN) + la_stack_counter(S1, LA_ACK_UNACCEPTABLE), 1);
        assert_int_equal(rst_from[0], 1);
        assert_int_equal(la_tcp_recv(S1, s, &(char){0}, 1, 0), LA_ECONNRESET);
        assert_int_equal(pair_state(&p, 0, again), LA_TCP_SYN_SENT);
        pair_run(&p, 1100 * LA_NS_PER_MS); /* the SYN again */
        assert_int_equal(pair_state(&p, 0, again), LA_TCP_ESTABLISHED);
        la_tcp_close(S1, s);
        assert_int_equal(la_tcp_accept(S1, l, &s), 0);
        assert_int_equal(pair_state(&p, 1, s), LA_TCP_ESTABLISHED);
        pair_end_all(&p);
    }
}

/* A box in the middle that adds to the numbers of both ends once they are connected. */
static bool shift;
static unsigned shifted;

static bool shift_numbers(void *ctx, unsigned from, unsigned serial, uint8_t *bytes, size_t len)
{
    (void)ctx;
    (void)from;
    (void)serial;
    size_t head = bytes[0] >> 4 == 6 ? 40 : 20;
    if (shift) {
        store_be32(bytes + head + 4, load_be32(bytes + head + 4) + (1U << 20));
        packet_finish(bytes, head, len, PACKET_TCP, 16, false);
        shifted++;
    }
    return true;
}

/* Two ends whose numbers disagree do not answer each other for ever (RFC 5961 7; an ACK storm), and
 * what is never acknowledged ends both (MUST-20). */
static void test_no_storm(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        la_handle c, s, l;
        begin();
        p.filter = shift_numbers;
        shift = false;
        shifted = 0;
        pair_connect(&p, (i & 1) != 0, &c, &s, &l);
        shift = true;
        p.delay_ns = LA_NS_PER_MS;
        assert_int_equal(la_tcp_send(S0, c, "data", 4, 0), 4);
        if (i & 2) {
            assert_int_equal(la_tcp_send(S1, s, "data", 4, 0), 4);
        }
        pair_run(&p, 60 * LA_NS_PER_S);
        assert_true(shifted <= 500);
        pair_run(&p, 1200 * LA_NS_PER_S);
        assert_int_equal(la_tcp_recv(S0, c, &(char){0}, 1, 0), LA_ETIMEDOUT);
        shift = false;
        la_tcp_close(S0, c);
        la_tcp_abort(S1, s, LA_RST_ABORT);
        la_tcp_close(S1, l);
        pair_run(&p, LA_NS_PER_S);
        assert_int_equal(stats(0).conns + stats(1).conns, 0);
        pair_end_all(&p);
    }
}

/* Nobody there: ECONNREFUSED (RFC 9293 3.10.7.3). */
static void test_refused(void **state)
{
    (void)state;
    for (unsigned v6 = 0; v6 < 2; v6++) {
        la_handle c;
        struct la_event ev;
        begin();
        struct la_endpoint there = pair_at(&p, 1, v6 != 0, 80);
        assert_int_equal(la_tcp_open(S0, NULL, &there, NULL, &c), 0);
        pair_settle(&p);
        assert_int_equal(la_stack_poll(S0, &ev, 1), 1);
        assert_int_equal(ev.error, LA_ECONNREFUSED);
        assert_int_equal(la_tcp_send(S0, c, "x", 1, 0), LA_ECONNREFUSED);
        assert_int_equal(la_tcp_shutdown(S0, c), LA_ECONNREFUSED);
        assert_int_equal(la_tcp_close(S0, c), 0);
        assert_int_equal(stats(0).conns, 0);
        pair_end_all(&p);
    }
}

static uint32_t events_of(unsigned end, la_handle h)
{
    struct la_event ev[8];
    uint32_t events = 0;
    size_t n = la_stack_poll(p.end[end].stack, ev, 8);
    for (size_t i = 0; i < n; i++) {
        events |= ev[i].handle == h ? ev[i].events : 0;
    }
    return events;
}

/* What an application hears in the life of a connection: CONNECTED once, READABLE as long as there
 * is something to read, PEER_CLOSED once, CLOSED once. */
static void test_events(void **state)
{
    (void)state;
    la_handle c, s, l;
    char text[8];
    begin();
    pair_connect(&p, false, &c, &s, &l);
    assert_int_equal(events_of(0, c), LA_EV_CONNECTED);
    assert_int_equal(events_of(0, c), 0);
    assert_int_equal(events_of(1, s), LA_EV_CONNECTED);
    assert_int_equal(la_tcp_send(S1, s, "hello", 5, 0), 5);
    pair_settle(&p);
    for (unsigned i = 0; i < 5; i++) {
        assert_int_equal(events_of(0, c), LA_EV_READABLE);
        assert_int_equal(la_tcp_recv(S0, c, text, 1, 0), 1);
    }
    assert_int_equal(events_of(0, c), 0);
    assert_int_equal(la_stack_want(S0, c, LA_EV_WRITABLE), 0);
    assert_int_equal(events_of(0, c), LA_EV_WRITABLE);
    assert_int_equal(events_of(0, c), LA_EV_WRITABLE);
    assert_int_equal(la_stack_want(S0, c, LA_EV_READABLE | LA_EV_PEER_CLOSED | LA_EV_CLOSED), 0);
    assert_int_equal(events_of(0, c), 0);
    assert_int_equal(la_tcp_shutdown(S1, s), 0);
    pair_settle(&p);
    assert_int_equal(events_of(0, c), LA_EV_READABLE | LA_EV_PEER_CLOSED);
    assert_int_equal(events_of(0, c), LA_EV_READABLE); /* the end can be read, for ever */
    assert_int_equal(la_tcp_recv(S0, c, text, 8, 0), 0);
    assert_int_equal(la_tcp_shutdown(S0, c), 0);
    pair_settle(&p);
    assert_int_equal(events_of(0, c) & ~(uint32_t)LA_EV_READABLE, LA_EV_CLOSED);
    assert_int_equal(events_of(1, s) & LA_EV_CLOSED, LA_EV_CLOSED);
    assert_int_equal(events_of(1, s) & LA_EV_CLOSED, 0);
    assert_int_equal(la_stack_ready(S0, c) & LA_EV_CLOSED, LA_EV_CLOSED);
    assert_int_equal(la_tcp_close(S0, c), 0);
    assert_int_equal(events_of(0, c), 0);
    pair_end_all(&p);
}

/* Every call on a handle that is given up says so, also when its place has a new owner. */
static void check_stale(struct la_stack *s, la_handle h)
{
    struct la_tcp_info info;
    struct la_tcp_options o;
    struct la_endpoint e;
    struct la_buf *buf;
    const void *const_data;
    void *data;
    size_t len = 1;
    la_handle other;
    la_tcp_options_init(&o);
    assert_int_equal(la_tcp_send(s, h, "x", 1, 0), LA_EBADF);
    assert_int_equal(la_tcp_recv(s, h, &info, 1, 0), LA_EBADF);
    assert_int_equal(la_tcp_reserve(s, h, &data, &len), LA_EBADF);
    assert_int_equal(la_tcp_commit(s, h, 0, 0), LA_EBADF);
    assert_int_equal(la_tcp_lend(s, h, "x", 1, 0, 0), LA_EBADF);
    assert_int_equal(la_tcp_peek(s, h, &const_data), LA_EBADF);
    assert_int_equal(la_tcp_consume(s, h, 0), LA_EBADF);
    assert_int_equal(la_tcp_take(s, h, &buf), LA_EBADF);
    assert_int_equal(la_tcp_shutdown(s, h), LA_EBADF);
    assert_int_equal(la_tcp_close(s, h), LA_EBADF);
    assert_int_equal(la_tcp_abort(s, h, LA_RST_ABORT), LA_EBADF);
    assert_int_equal(la_tcp_info(s, h, &info), LA_EBADF);
    assert_int_equal(la_tcp_local(s, h, &e), LA_EBADF);
    assert_int_equal(la_tcp_get_options(s, h, &o), LA_EBADF);
    assert_int_equal(la_tcp_set_options(s, h, &o), LA_EBADF);
    assert_int_equal(la_tcp_set_user(s, h, 1), LA_EBADF);
    assert_int_equal(la_tcp_accept(s, h, &other), LA_EBADF);
    assert_int_equal(la_tcp_listen_bound(s, h), LA_EBADF);
    assert_int_equal(la_tcp_open_bound(s, h, &e, &other), LA_EBADF);
    assert_int_equal(la_stack_want(s, h, 1), LA_EBADF);
    assert_int_equal(la_stack_ready(s, h), LA_EBADF);
    assert_int_equal(la_udp_send(s, h, &e, "x", 1), LA_EBADF);
    assert_int_equal(la_udp_close(s, h), LA_EBADF);
}

static void test_stale_handles(void **state)
{
    (void)state;
    la_handle old[8], c, s, l;
    begin();
    struct la_endpoint there = pair_at(&p, 1, false, 80);
    for (unsigned i = 0; i < 8; i++) {
        pair_connect(&p, false, &c, &s, &l);
        assert_int_equal(la_tcp_abort(S0, c, LA_RST_ABORT), 0);
        pair_settle(&p);
        la_tcp_close(S1, s);
        la_tcp_close(S1, l);
        old[i] = c;
        check_stale(S0, c);
        check_stale(S1, l);
        check_stale(S1, s);
    }
    assert_int_equal(la_tcp_listen(S1, &there, NULL, &l), 0);
    assert_int_equal(la_tcp_open(S0, NULL, &there, NULL, &c), 0);
    pair_settle(&p);
    assert_int_equal(old[7] & 0x7fffffff, c & 0x7fffffff); /* the same place */
    for (unsigned i = 0; i < 8; i++) {
        assert_true(old[i] != c);
        check_stale(S0, old[i]);
    }
    check_stale(S0, 0);
    check_stale(S0, UINT64_MAX);
    check_stale(S0, c ^ (UINT64_C(1) << 31));
    check_stale(S0, c + 1);
    check_stale(S0, c | 0x7fffffff);
    assert_int_equal(pair_state(&p, 0, c), LA_TCP_ESTABLISHED);
    pair_end_all(&p);
}

/* What stands behind a reset in one batch finds no connection any more: neither its data nor its
 * FIN may hide the error (MUST-12), and a SYN begins anew. */
static void test_behind_a_reset(void **state)
{
    (void)state;
    static struct peer rude;
    static const uint16_t behind[] = {LA_TH_ACK, LA_TH_ACK | LA_TH_FIN, LA_TH_SYN};
    static const enum la_reason verdicts[] = {LA_DROP_LISTEN_ACK, LA_DROP_LISTEN_ACK, LA_TAKE_SYN};
    for (unsigned row = 0; row < 3; row++) {
        struct la_endpoint any = {.addr = la_addr_any_v6(), .port = 80};
        struct la_frame frames[2];
        la_handle listener, conn;
        uint32_t snd = 5, rcv;
        peer_init(&rude, NULL);
        assert_int_equal(la_tcp_listen(rude.stack, &any, NULL, &listener), 0);
        (void)peer_connect(&rude, peer_addr(false, 2), 1000, 0, &snd, &rcv);
        assert_int_equal(la_tcp_accept(rude.stack, listener, &conn), 0);
        for (unsigned i = 0; i < 2; i++) {
            uint8_t bytes[128];
            struct peer_segment s =
                peer_segment(peer_addr(false, 2), 1000, snd, rcv, i ? behind[row] : LA_TH_RST);
            s.data = "text";
            s.len = i && row == 0 ? 4 : 0;
            size_t len = peer_bytes(&rude, &s, bytes);
            struct la_buf *buf = la_buf_get(rude.stack, len);
            memcpy(buf->data, bytes, len);
            buf->len = (uint32_t)len;
            la_frame_from_buf(&frames[i], buf);
        }
        la_stack_input(rude.stack, rude.link, frames, 2, rude.now_ns);
        assert_int_equal(frames[0].reason, LA_TAKE_RST);
        assert_int_equal(frames[1].reason, verdicts[row]);
        assert_int_equal(la_tcp_recv(rude.stack, conn, &(char){0}, 1, 0), LA_ECONNRESET);
        (void)peer_pull(&rude);
        assert_int_equal(rude.count, 1);
        assert_int_equal(rude.out[0].tcp.flags, row == 2 ? LA_TH_SYN | LA_TH_ACK : LA_TH_RST);
        assert_int_equal(la_tcp_close(rude.stack, conn), 0);
        assert_int_equal(la_stack_memory(rude.stack, LA_MEM_CONNECTIONS), 0);
        peer_end(&rude);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_abort),
        cmocka_unit_test(test_peer_restarted),
        cmocka_unit_test(test_client_restarted),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_no_storm),
        cmocka_unit_test(test_events),
        cmocka_unit_test(test_stale_handles),
        cmocka_unit_test(test_behind_a_reset),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

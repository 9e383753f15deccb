/* Every user call in every state (RFC 9293 3.10.1 to 3.10.6), from tables written by the text.
 *
 * OPEN on a connection that exists and calls without a block are the stack's. Two decisions differ
 * from the letter of the text and are marked: a CLOSE in SYN-RECEIVED sends its FIN once the
 * handshake is complete, and an ABORT in CLOSING and LAST-ACK tells the peer. */
#include "support/tcp_harness.h"

#include "tcp/reass.h"

static const enum la_tcp_state states[] = {
    LA_TCP_SYN_SENT,   LA_TCP_SYN_RECEIVED, LA_TCP_ESTABLISHED,
    LA_TCP_FIN_WAIT_1, LA_TCP_FIN_WAIT_2,   LA_TCP_CLOSE_WAIT,
    LA_TCP_CLOSING,    LA_TCP_LAST_ACK,     LA_TCP_TIME_WAIT,
};
#define STATES (sizeof(states) / sizeof(states[0]))

/* What leaves at once: nothing, data, a FIN, a reset. */
enum leaves { NOTHING, DATA, A_FIN, A_RST };

static void check_leaves(struct tcp_harness *h, enum leaves what)
{
    if (what != NOTHING) {
        struct tcp_out *o = tcp_next(h);
        assert_int_equal(o->len != 0, what == DATA);
        assert_int_equal((o->h.flags & FIN) != 0, what == A_FIN);
        assert_int_equal((o->h.flags & RST) != 0, what == A_RST);
        assert_true(o->h.flags & ACK);
    }
    tcp_silent(h);
}

/* 3.10.2: queued while opening, sent when open, "connection closing" afterwards. */
static void send_in_every_state(struct tcp_harness *h)
{
    static const struct {
        int64_t result;
        enum leaves leaves;
    } want[STATES] = {
        {5, NOTHING}, {5, NOTHING}, {5, DATA},  {LA_EPIPE}, {LA_EPIPE},
        {5, DATA},    {LA_EPIPE},   {LA_EPIPE}, {LA_EPIPE},
    };
    h->own_bytes = true;
    for (unsigned i = 0; i < STATES; i++) {
        void *at;
        size_t len = 5;
        tcp_to_state(h, states[i]);
        h->own_bytes = true;
        assert_int_equal(tcp_send(&h->t, &h->env, "hello", 5, 0), want[i].result);
        tcp_flush(h);
        check_leaves(h, want[i].leaves);
        int reserved = tcp_reserve(&h->t, &h->env, &at, &len);
        assert_int_equal(reserved, want[i].result > 0 ? 0 : want[i].result);
        assert_int_equal(h->t.state, states[i]);
        tcp_again(h);
    }
}

/* 3.10.3: nothing yet, or the end after the peer's FIN. RFC 9293 MUST-12. */
static void receive_in_every_state(struct tcp_harness *h)
{
    static const int64_t want[STATES] = {
        LA_EAGAIN, LA_EAGAIN, LA_EAGAIN, LA_EAGAIN, LA_EAGAIN, 0, 0, 0, 0,
    };
    for (unsigned i = 0; i < STATES; i++) {
        tcp_to_state(h, states[i]);
        assert_int_equal(tcp_hear(h, 10), want[i]);
        assert_int_equal((tcp_ready(&h->t, &h->env) & LA_EV_READABLE) != 0, want[i] == 0);
        assert_int_equal((tcp_ready(&h->t, &h->env) & LA_EV_PEER_CLOSED) != 0, want[i] == 0);
        tcp_again(h);
    }
}

/* The half-close: a FIN once, from ESTABLISHED and CLOSE-WAIT at once, else when it is open. */
static void shutdown_in_every_state(struct tcp_harness *h)
{
    static const struct {
        enum la_tcp_state next;
        enum leaves leaves;
    } want[STATES] = {
        {LA_TCP_SYN_SENT, NOTHING},   {LA_TCP_SYN_RECEIVED, NOTHING}, {LA_TCP_FIN_WAIT_1, A_FIN},
        {LA_TCP_FIN_WAIT_1, NOTHING}, {LA_TCP_FIN_WAIT_2, NOTHING},   {LA_TCP_LAST_ACK, A_FIN},
        {LA_TCP_CLOSING, NOTHING},    {LA_TCP_LAST_ACK, NOTHING},     {LA_TCP_TIME_WAIT, NOTHING},
    };
    for (unsigned i = 0; i < STATES; i++) {
        tcp_to_state(h, states[i]);
        assert_int_equal(tcp_shutdown(&h->t, &h->env), 0);
        assert_int_equal(tcp_shutdown(&h->t, &h->env), 0);
        tcp_flush(h);
        assert_int_equal(h->t.state, want[i].next);
        check_leaves(h, want[i].leaves);
        assert_int_equal(tcp_send(&h->t, &h->env, "x", 1, 0), LA_EPIPE);
        tcp_again(h);
    }
}

/* 3.10.4. SYN-RECEIVED: "if no SENDs have been issued [...] form a FIN segment"; here it waits for
 * the handshake. */
static void close_in_every_state(struct tcp_harness *h)
{
    static const struct {
        enum la_tcp_state next;
        enum leaves leaves;
    } want[STATES] = {
        {LA_TCP_CLOSED, NOTHING},     {LA_TCP_SYN_RECEIVED, NOTHING}, {LA_TCP_FIN_WAIT_1, A_FIN},
        {LA_TCP_FIN_WAIT_1, NOTHING}, {LA_TCP_FIN_WAIT_2, NOTHING},   {LA_TCP_LAST_ACK, A_FIN},
        {LA_TCP_CLOSING, NOTHING},    {LA_TCP_LAST_ACK, NOTHING},     {LA_TCP_TIME_WAIT, NOTHING},
    };
    for (unsigned i = 0; i < STATES; i++) {
        tcp_to_state(h, states[i]);
        tcp_close(&h->t, &h->env);
        tcp_close(&h->t, &h->env);
        tcp_flush(h);
        assert_int_equal(h->t.state, want[i].next);
        check_leaves(h, want[i].leaves);
        assert_int_equal(h->t.error, 0);
        tcp_again(h);
    }
}

/* 3.10.5: <SEQ=SND.NXT><CTL=RST> where the peer knows of us. CLOSING and LAST-ACK: the text sends
 * none; here the peer is told, so that it need not wait for what will not come. */
static void abort_in_every_state(struct tcp_harness *h)
{
    static const enum leaves want[STATES] = {
        NOTHING, A_RST, A_RST, A_RST, A_RST, A_RST, A_RST, A_RST, NOTHING,
    };
    for (unsigned i = 0; i < STATES; i++) {
        tcp_to_state(h, states[i]);
        uint32_t snd_nxt = tcp_rel(h, h->t.snd_max);
        tcp_abort(&h->t, &h->env, LA_RST_ABORT);
        tcp_abort(&h->t, &h->env, LA_RST_ABORT);
        tcp_flush(h);
        assert_int_equal(h->t.state, LA_TCP_CLOSED);
        assert_true(want[i] == NOTHING || h->out[h->out_head % TCP_OUT_MAX].seq == snd_nxt);
        check_leaves(h, want[i]);
        assert_int_equal(h->t.error, LA_ECONNABORTED);
        assert_true(h->t.todo & TCP_DO_GONE);
        assert_false(tcp_timer_due(h));
        assert_int_equal(tcp_send(&h->t, &h->env, "x", 1, 0), LA_ECONNABORTED);
        tcp_again(h);
    }
}

/* What is queued in both directions is flushed by it, and given back. */
static void abort_with_queues(struct tcp_harness *h)
{
    static const uint8_t lent[3000];
    uint64_t owner, cookie;
    tcp_connect(h);
    h->own_bytes = true;
    tcp_say(h, 20000, 0);
    assert_int_equal(tcp_lend(&h->t, &h->env, lent, sizeof(lent), 1, 5, 0), sizeof(lent));
    tcp_segment_in(h, ACK, 1, 1, 100);
    tcp_segment_in(h, ACK, 501, 1, 100);
    tcp_abort(&h->t, &h->env, LA_RST_ABORT);
    tcp_flush(h);
    tcp_release(&h->t, &h->env);
    assert_true(buf_released(&h->pool, &owner, &cookie));
    assert_int_equal(cookie, 5);
    h->out_head = h->out_tail;
}

/* 3.10.6: STATUS tells the truth in every state. */
static void status_in_every_state(struct tcp_harness *h)
{
    for (unsigned i = 0; i < STATES; i++) {
        struct la_tcp_info info;
        tcp_to_state(h, states[i]);
        tcp_info(&h->t, &h->env, &info);
        assert_int_equal(info.state, states[i]);
        assert_int_equal(info.iss, h->iss);
        assert_int_equal(info.irs, i == 0 ? 0 : h->irs);
        assert_int_equal(info.local.port, 40000);
        assert_int_equal(info.remote.port, 80);
        assert_int_equal(info.unacked_bytes, h->t.snd_max.v - h->t.snd_una.v);
        assert_int_equal(info.unsent_bytes, 0);
        assert_int_equal(info.rcv_queued, 0);
        assert_int_equal(info.snd_nxt, h->t.snd_max.v);
        tcp_again(h);
    }
    tcp_connect(h);
    tcp_say(h, 15000, 0);
    tcp_segment_in(h, ACK, 1, 1001, 10);
    struct la_tcp_info info;
    tcp_info(&h->t, &h->env, &info);
    assert_int_equal(info.snd_queued, 14000);
    assert_int_equal(info.unacked_bytes + info.unsent_bytes, 14000);
    assert_int_equal(info.bytes_acked, 1000);
    assert_int_equal(info.bytes_in, 10);
    assert_int_equal(info.rcv_queued, 10);
    h->out_head = h->out_tail;
}

/* The table of arcs is figure 5 with its notes: what is not drawn is not legal, but for the way to
 * CLOSED. */
static void legal_arcs(void **state)
{
    static const struct {
        enum la_tcp_state from, to;
    } figure_5[] = {
        {LA_TCP_CLOSED, LA_TCP_LISTEN},
        {LA_TCP_CLOSED, LA_TCP_SYN_SENT},
        {LA_TCP_LISTEN, LA_TCP_SYN_RECEIVED},
        {LA_TCP_LISTEN, LA_TCP_SYN_SENT},
        {LA_TCP_SYN_SENT, LA_TCP_SYN_RECEIVED},
        {LA_TCP_SYN_SENT, LA_TCP_ESTABLISHED},
        {LA_TCP_SYN_RECEIVED, LA_TCP_ESTABLISHED},
        {LA_TCP_SYN_RECEIVED, LA_TCP_FIN_WAIT_1},
        {LA_TCP_SYN_RECEIVED, LA_TCP_LISTEN},
        {LA_TCP_ESTABLISHED, LA_TCP_FIN_WAIT_1},
        {LA_TCP_ESTABLISHED, LA_TCP_CLOSE_WAIT},
        {LA_TCP_FIN_WAIT_1, LA_TCP_FIN_WAIT_2},
        {LA_TCP_FIN_WAIT_1, LA_TCP_CLOSING},
        {LA_TCP_FIN_WAIT_1, LA_TCP_TIME_WAIT},
        {LA_TCP_FIN_WAIT_2, LA_TCP_TIME_WAIT},
        {LA_TCP_CLOSE_WAIT, LA_TCP_LAST_ACK},
        {LA_TCP_CLOSING, LA_TCP_TIME_WAIT},
    };
    for (unsigned from = 0; from < LA_TCP_STATE_COUNT; from++) {
        for (unsigned to = 0; to < LA_TCP_STATE_COUNT; to++) {
            bool drawn = to == LA_TCP_CLOSED && from != LA_TCP_CLOSED;
            for (unsigned i = 0; i < sizeof(figure_5) / sizeof(figure_5[0]); i++) {
                drawn |= figure_5[i].from == from && figure_5[i].to == to;
            }
            /* 3.10.7.4, eighth: a FIN in SYN-RECEIVED; a record of LISTEN becomes a block. */
            drawn |= from == LA_TCP_SYN_RECEIVED && to == LA_TCP_CLOSE_WAIT;
            drawn |= from == LA_TCP_CLOSED && to == LA_TCP_SYN_RECEIVED;
            assert_int_equal(tcp_arc_legal((enum la_tcp_state)from, (enum la_tcp_state)to), drawn);
        }
    }
}

/* A whole connection, with memory that fails at the N-th request: whatever fails is told, nothing
 * is lost that was taken, and all of it comes back. */
static void no_memory_anywhere(struct tcp_harness *h)
{
    static uint8_t bytes[20000];
    for (unsigned n = 1; n < 20; n++) {
        uint32_t queued = 0;
        h->own_bytes = true;
        h->tm.fail_at = h->tm.calls + n;
        tcp_connect(h);
        for (unsigned i = 0; i < 20; i++) {
            int64_t took = tcp_send(&h->t, &h->env, bytes, 1 + 999 * i, 0);
            assert_true(took > 0 || took == LA_ENOBUFS);
            queued += took > 0 ? (uint32_t)took : 0;
            tcp_flush(h);
            tcp_ack_in(h, tcp_rel(h, h->t.snd_max));
            h->out_head = h->out_tail;
        }
        while (!seq_eq(h->t.snd_una, h->t.snd_end)) {
            tcp_ack_in(h, tcp_rel(h, h->t.snd_max));
            h->out_head = h->out_tail;
        }
        assert_int_equal(h->t.bytes_acked, queued);
        for (uint32_t i = 0; i < 10; i++) {
            struct tcp_in in = {.flags = ACK, .seq = 1 + 3000 * i, .ack = queued + 1, .len = 100};
            struct la_buf *probe = buf_get(&h->pool, 100);
            if (probe) { /* there is memory for the segment itself */
                buf_put(&h->pool, probe);
                tcp_feed(h, &in);
            }
        }
        h->out_head = h->out_tail;
        tcp_again(h);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        EVERYWHERE(send_in_every_state),     EVERYWHERE(receive_in_every_state),
        EVERYWHERE(shutdown_in_every_state), EVERYWHERE(close_in_every_state),
        EVERYWHERE(abort_in_every_state),    EVERYWHERE(abort_with_queues),
        EVERYWHERE(status_in_every_state),   cmocka_unit_test(legal_arcs),
        EVERYWHERE(no_memory_anywhere),
    };
    return cmocka_run_group_tests_name("core/tcp/calls", tests, NULL, NULL);
}

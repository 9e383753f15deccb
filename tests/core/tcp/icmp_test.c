/* ICMP errors about a connection (RFC 9293 3.9.2.2; RFC 5461, RFC 5927, RFC 1191). */
#include "support/tcp_harness.h"

static enum la_reason icmp(struct tcp_harness *h, enum tcp_icmp kind, int error, uint32_t mtu,
                           uint32_t seq)
{
    enum la_reason v = tcp_icmp(&h->t, &h->env, kind, error, mtu, seq_of(h->iss + seq));
    tcp_flush(h);
    return v;
}

/* RFC 5927 4.1: only what quotes something in flight is believed (RFC 9293 MUST-54). */
static void in_flight_only(struct tcp_harness *h)
{
    tcp_connect(h);
    tcp_say(h, 500, 0);
    tcp_ack_in(h, 101);
    h->out_head = h->out_tail;
    static const uint32_t stale[] = {0, 1, 100, 501, 502, 0x80000000, UINT32_MAX};
    for (unsigned i = 0; i < sizeof(stale) / sizeof(stale[0]); i++) {
        assert_int_equal(icmp(h, TCP_ICMP_SOFT, LA_EHOSTUNREACH, 0, stale[i]), LA_DROP_ICMP_STALE);
        assert_int_equal(icmp(h, TCP_ICMP_HARD, LA_ECONNREFUSED, 0, stale[i]), LA_DROP_ICMP_STALE);
        assert_int_equal(icmp(h, TCP_ICMP_MTU, 0, 600, stale[i]), LA_DROP_ICMP_STALE);
    }
    assert_int_equal(h->t.soft_error, 0);
    assert_int_equal(h->t.path_mtu, 1500);
    tcp_silent(h);
    assert_int_equal(icmp(h, TCP_ICMP_SOFT, LA_EHOSTUNREACH, 0, 101), LA_TAKE_ICMP_ERROR);
    assert_int_equal(icmp(h, TCP_ICMP_SOFT, LA_EHOSTUNREACH, 0, 500), LA_TAKE_ICMP_ERROR);
}

/* RFC 9293 MUST-56: a soft error ends nothing, in no state; SHLD-25, MUST-47: the application may
 * see it, and progress forgets it. */
static void soft_errors(struct tcp_harness *h)
{
    static const enum la_tcp_state states[] = {LA_TCP_SYN_SENT, LA_TCP_SYN_RECEIVED,
                                               LA_TCP_FIN_WAIT_1, LA_TCP_CLOSING, LA_TCP_LAST_ACK};
    for (unsigned i = 0; i < 5; i++) {
        tcp_to_state(h, states[i]);
        uint32_t una = tcp_rel(h, h->t.snd_una);
        assert_int_equal(icmp(h, TCP_ICMP_SOFT, LA_ENETUNREACH, 0, una), LA_TAKE_ICMP_ERROR);
        assert_int_equal(h->t.state, states[i]);
        assert_int_equal(h->t.soft_error, LA_ENETUNREACH);
        assert_true(h->t.todo & TCP_DO_SOFT_ERROR);
        assert_int_equal(h->t.error, 0);
        tcp_again(h);
    }
    tcp_connect(h);
    tcp_say(h, 100, 0);
    icmp(h, TCP_ICMP_SOFT, LA_ENETUNREACH, 0, 1);
    tcp_ack_in(h, 101);
    assert_int_equal(h->t.soft_error, 0);
}

/* It is the reason when the connection times out after all. */
static void soft_error_at_the_end(struct tcp_harness *h)
{
    h->options.soft_errors = false; /* RFC 9293 SHLD-20 */
    tcp_to_state(h, LA_TCP_SYN_SENT);
    icmp(h, TCP_ICMP_SOFT, LA_EHOSTUNREACH, 0, 0);
    assert_false(h->t.todo & TCP_DO_SOFT_ERROR);
    for (unsigned i = 0; i < 8; i++) {
        tcp_fire(h);
    }
    assert_int_equal(h->t.state, LA_TCP_CLOSED);
    assert_int_equal(h->t.error, LA_EHOSTUNREACH);
    h->out_head = h->out_tail;
}

/* RFC 9293 SHLD-26 as RFC 5461 4.1 has it: a hard error ends what is opening, nothing else. */
static void hard_errors(struct tcp_harness *h)
{
    static const struct {
        enum la_tcp_state state;
        bool ends;
    } cases[] = {
        {LA_TCP_SYN_SENT, true}, {LA_TCP_SYN_RECEIVED, true}, {LA_TCP_FIN_WAIT_1, false},
        {LA_TCP_CLOSING, false}, {LA_TCP_LAST_ACK, false},
    };
    for (unsigned i = 0; i < 5; i++) {
        tcp_to_state(h, cases[i].state);
        uint32_t una = tcp_rel(h, h->t.snd_una);
        assert_int_equal(icmp(h, TCP_ICMP_HARD, LA_ECONNREFUSED, 0, una), LA_TAKE_ICMP_ERROR);
        assert_int_equal(h->t.state, cases[i].ends ? LA_TCP_CLOSED : cases[i].state);
        assert_int_equal(h->t.error, cases[i].ends ? LA_ECONNREFUSED : 0);
        tcp_silent(h);
        tcp_again(h);
    }
    tcp_connect(h);
    tcp_say(h, 100, 0);
    icmp(h, TCP_ICMP_HARD, LA_ECONNREFUSED, 0, 1);
    assert_int_equal(h->t.state, LA_TCP_ESTABLISHED);
    assert_int_equal(h->t.soft_error, LA_ECONNREFUSED);
}

/* RFC 1191 6: what was too big goes again at once, smaller, and slows nothing down: the window
 * stays as many packets (RFC 4821 4). */
static void path_mtu(struct tcp_harness *h)
{
    h->peer_mss = 1400;
    tcp_connect(h);
    tcp_say(h, 2800, 0);
    h->out_head = h->out_tail;
    uint32_t cwnd = h->t.cc.cwnd;
    uint32_t mtu = h->v4 ? 1340 : 1360;
    assert_int_equal(icmp(h, TCP_ICMP_MTU, 0, mtu, 1), LA_TAKE_ICMP_MTU);
    assert_int_equal(h->t.mss, 1300);
    struct tcp_out *o = tcp_next(h);
    assert_int_equal(o->seq, 1);
    assert_int_equal(o->len, 1300);
    assert_int_equal(o->reason, LA_RTX_MTU);
    uint32_t at = 1301;
    while (tcp_waiting(h) != 0) {
        o = tcp_next(h);
        assert_int_equal(o->seq, at);
        assert_true(o->len <= 1300);
        at += o->len;
    }
    assert_int_equal(at, 2801);
    assert_int_equal(h->t.cc.cwnd, cwnd / 1400 * 1300);
    assert_int_equal(h->t.backoff, 0);
    /* A larger one is no news. */
    assert_int_equal(icmp(h, TCP_ICMP_MTU, 0, 1400, 1), LA_DROP_ICMP_STALE);
    assert_int_equal(h->t.mss, 1300);
    tcp_ack_in(h, 2801);
}

/* One that is larger than what we send changes nothing that is in flight. */
static void path_mtu_large_enough(struct tcp_harness *h)
{
    tcp_connect(h);
    tcp_say(h, 2000, 0);
    h->out_head = h->out_tail;
    assert_int_equal(icmp(h, TCP_ICMP_MTU, 0, 1300, 1), LA_TAKE_ICMP_MTU);
    assert_int_equal(h->t.mss, TCP_TEST_MSS);
    tcp_silent(h);
}

/* Whatever is claimed, segments stay of a sensible size: what no link has is not believed (RFC 791
 * 3.2, RFC 8201 4), and the least size is 552 (ip/pmtu.h). */
static void path_mtu_absurd(struct tcp_harness *h)
{
    static const uint32_t mtus[] = {0, 1, 39, 40, 41, 59, 60, 67, 68, 551};
    for (unsigned i = 0; i < sizeof(mtus) / sizeof(mtus[0]); i++) {
        tcp_connect(h);
        tcp_say(h, 100, 0);
        bool heeded = h->v4 && mtus[i] >= 68;
        assert_int_equal(icmp(h, TCP_ICMP_MTU, 0, mtus[i], 1),
                         heeded ? LA_TAKE_ICMP_MTU : LA_DROP_ICMP_STALE);
        assert_int_equal(h->t.mss, heeded ? 512 : TCP_TEST_MSS);
        h->out_head = h->out_tail;
        tcp_again(h);
    }
}

/* Without memory to doubt it a report is taken as it is. */
static void path_mtu_no_memory(struct tcp_harness *h)
{
    h->peer_mss = 1400;
    tcp_connect(h);
    tcp_say(h, 100, 0);
    h->memory.max = 0;
    assert_int_equal(icmp(h, TCP_ICMP_MTU, 0, 1300, 1), LA_TAKE_ICMP_MTU);
    h->memory.max = UINT64_MAX;
    assert_int_equal(h->t.path_mtu, 1300);
    h->out_head = h->out_tail;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        EVERYWHERE(in_flight_only),
        EVERYWHERE(soft_errors),
        EVERYWHERE(soft_error_at_the_end),
        EVERYWHERE(hard_errors),
        EVERYWHERE(path_mtu),
        EVERYWHERE(path_mtu_large_enough),
        EVERYWHERE(path_mtu_absurd),
        EVERYWHERE(path_mtu_no_memory),
    };
    return cmocka_run_group_tests_name("core/tcp/icmp", tests, NULL, NULL);
}

/* The path's MTU in the connection: a black hole found and left, probes and what becomes of them
 * (RFC 4821, RFC 8899), what stack and ICMP say. */
#include "support/tcp_harness.h"

#define PEER_MSS 1400

static void connect_sack(struct tcp_harness *h)
{
    h->options.sack = true;
    h->options.sndbuf_bytes = 1 << 20;
    h->syn_options |= WIRE_TCP_SACK_OK;
    h->peer_mss = PEER_MSS;
    tcp_connect(h);
}

static uint32_t head(const struct tcp_harness *h)
{
    return h->v4 ? 40 : 60;
}

static uint32_t base_mss(const struct tcp_harness *h)
{
    return (h->v4 ? 1200 : 1280) - head(h);
}

/* An ACK with one SACK block. */
static void sack_in(struct tcp_harness *h, uint32_t ack, uint32_t left, uint32_t right)
{
    struct tcp_in in = {.flags = ACK, .seq = 1, .ack = ack};
    in.sack[0] = (struct wire_sack){.left = left, .right = right};
    tcp_feed(h, &in);
}

static const struct plpmtud *mtu_of(const struct tcp_harness *h)
{
    const struct tcp_path *p = tcp_path_of(&h->t, &h->env);
    assert_non_null(p);
    assert_true(plpmtud_check(&p->mtu));
    return &p->mtu;
}

/* Everything that left is acknowledged, in steps of two segments, until nothing leaves any more. */
static void ack_all(struct tcp_harness *h)
{
    while (tcp_waiting(h) != 0) {
        struct tcp_out *o = tcp_next(h);
        if (tcp_waiting(h) != 0) {
            o = tcp_next(h);
        }
        tcp_ack_in(h, o->seq + o->len);
    }
}

/* Three timeouts in a row for a full segment: R1, the full stop of RFC 4821 7.7. */
static void to_base(struct tcp_harness *h)
{
    connect_sack(h);
    tcp_say(h, 2 * PEER_MSS, 0);
    h->out_head = h->out_tail;
    while (h->t.rtx_timeouts < 3) {
        assert_int_equal(h->t.mss, PEER_MSS);
        h->out_head = h->out_tail;
        assert_true(tcp_fire(h) < UINT64_MAX);
    }
    assert_int_equal(h->t.mss, base_mss(h));
    assert_int_equal(mtu_of(h)->state, PLPMTUD_BASE);
}

static void black_hole_by_timeouts(struct tcp_harness *h)
{
    to_base(h);
    struct tcp_out *o = tcp_next(h);
    assert_int_equal(o->seq, 1);
    assert_int_equal(o->len, base_mss(h));
    tcp_silent(h); /* one segment after a timeout */
    assert_int_equal(h->t.path_mtu, base_mss(h) + head(h));
    tcp_ack_in(h, 1 + o->len);
    assert_int_equal(mtu_of(h)->state, PLPMTUD_SEARCHING);
    ack_all(h);
    assert_true(seq_eq(h->t.snd_una, h->t.snd_end));
}

/* Small segments pass, and are SACKed; the full-sized one does not, three times. */
static void black_hole_by_losses(struct tcp_harness *h)
{
    connect_sack(h);
    h->options.nodelay = true;
    tcp_options_pack(&h->t.opt, &h->options);
    tcp_say(h, 100, 0);
    tcp_ack_in(h, 101);
    tcp_say(h, PEER_MSS, 0);
    for (unsigned i = 0; i < 4; i++) {
        tcp_say(h, 100, 0);
    }
    h->out_head = h->out_tail;
    uint32_t after = 101 + PEER_MSS;
    sack_in(h, 101, after, after + 400);
    assert_int_equal(tcp_next(h)->seq, 101); /* the first loss */
    assert_int_equal(mtu_of(h)->lost, 1);
    h->out_head = h->out_tail;
    while (h->t.mss == PEER_MSS) {
        h->out_head = h->out_tail;
        assert_true(tcp_fire(h) < UINT64_MAX);
        assert_true(h->t.rtx_timeouts <= 2);
    }
    assert_int_equal(h->t.rtx_timeouts, 2); /* not as late as R1 */
    struct tcp_out *o = tcp_next(h);
    assert_int_equal(o->seq, 101);
    assert_int_equal(o->len, base_mss(h));
    ack_all(h);
}

/* Without the option, and where no segment is larger than any path takes, nothing is doubted. */
static void not_doubted(struct tcp_harness *h)
{
    h->options.mtu_probing = false;
    connect_sack(h);
    tcp_say(h, 2 * PEER_MSS, 0);
    for (unsigned i = 0; i < 5; i++) {
        h->out_head = h->out_tail;
        tcp_fire(h);
    }
    assert_int_equal(h->t.mss, PEER_MSS);
    h->out_head = h->out_tail;
    tcp_again(h);
    tcp_connect(h); /* the peer's MSS is 1000 */
    tcp_say(h, 2000, 0);
    for (unsigned i = 0; i < 5; i++) {
        h->out_head = h->out_tail;
        tcp_fire(h);
    }
    assert_int_equal(h->t.mss, TCP_TEST_MSS);
    h->out_head = h->out_tail;
}

/* SEARCHING at the base size, with a window of several segments and nothing outstanding. */
static void to_search(struct tcp_harness *h)
{
    to_base(h);
    ack_all(h);
    h->t.cc.cwnd = 20000;
    h->t.cc.ssthresh = 20000;
    assert_int_equal(mtu_of(h)->state, PLPMTUD_SEARCHING);
    tcp_silent(h);
}

/* The probe that leaves with enough data behind it. */
static struct tcp_out *probe(struct tcp_harness *h)
{
    tcp_say(h, 10000, 0);
    struct tcp_out *o = tcp_next(h);
    assert_int_equal(o->reason, LA_PROBE_MTU);
    assert_int_equal(mtu_of(h)->probed, o->len + head(h));
    assert_true(o->len > h->t.mss && o->len <= PEER_MSS);
    for (unsigned i = 0; i < 3; i++) { /* RFC 4821 7.4: segments behind it show its loss */
        assert_int_equal(tcp_next(h)->len, base_mss(h));
    }
    return o;
}

static void probe_arrives(struct tcp_harness *h)
{
    to_search(h);
    struct tcp_out o = *probe(h);
    uint32_t cwnd = h->t.cc.cwnd;
    tcp_ack_in(h, o.seq + o.len);
    assert_int_equal(h->t.mss, o.len);
    assert_int_equal(h->t.path_mtu, o.len + head(h));
    assert_true(h->t.todo & TCP_DO_PATH_MTU); /* others may know */
    assert_in_range(h->t.cc.cwnd, cwnd, cwnd + o.len);
    h->out_head = h->out_tail;
    tcp_ack_in(h, tcp_rel(h, h->t.snd_max));
    for (unsigned i = 0; i < 10 && mtu_of(h)->state == PLPMTUD_SEARCHING; i++) {
        tcp_say(h, 10000, 0);
        h->out_head = h->out_tail;
        tcp_ack_in(h, tcp_rel(h, h->t.snd_max));
        h->out_head = h->out_tail;
        tcp_ack_in(h, tcp_rel(h, h->t.snd_max));
    }
    assert_int_equal(mtu_of(h)->state, PLPMTUD_COMPLETE);
    assert_in_range(h->t.mss, PEER_MSS * 63 / 64, PEER_MSS);
    h->out_head = h->out_tail;
}

/* RFC 4821 7.6.2: lost alone it goes again in smaller segments, and is no sign of congestion. */
static void probe_lost_alone(struct tcp_harness *h)
{
    to_search(h);
    struct tcp_out o = *probe(h);
    uint32_t after = o.seq + o.len, recoveries = h->t.recoveries;
    uint32_t ssthresh = h->t.cc.ssthresh, cwnd = h->t.cc.cwnd;
    h->out_head = h->out_tail;
    tcp_wait_ms(h, 20);
    sack_in(h, o.seq, after, after + 3 * base_mss(h));
    uint32_t at = o.seq;
    while (at < after) {
        struct tcp_out *again = tcp_next(h);
        assert_int_equal(again->reason, LA_RTX_PROBE_MTU);
        assert_int_equal(again->seq, at);
        assert_true(again->len <= base_mss(h));
        at += again->len;
    }
    assert_int_equal(at, after);
    assert_int_equal(h->t.phase, CC_OPEN);
    assert_int_equal(h->t.recoveries, recoveries);
    assert_int_equal(h->t.cc.ssthresh, ssthresh);
    assert_true(h->t.cc.cwnd >= cwnd);
    assert_int_equal(mtu_of(h)->high, o.len + head(h) - 1);
    assert_int_equal(mtu_of(h)->failed, 1);
    /* RFC 4821 4: the next one waits. */
    while (!seq_eq(h->t.snd_una, h->t.snd_end)) {
        h->out_head = h->out_tail;
        tcp_ack_in(h, tcp_rel(h, h->t.snd_max));
    }
    tcp_say(h, 10000, 0);
    tcp_wait_ms(h, 1); /* it may be paced */
    assert_int_equal(tcp_next(h)->reason, LA_DATA);
    h->out_head = h->out_tail;
    tcp_ack_in(h, tcp_rel(h, h->t.snd_max));
    h->out_head = h->out_tail;
}

/* 7.6.4: with another it says nothing, and the window comes down. */
static void probe_lost_with_another(struct tcp_harness *h)
{
    to_search(h);
    struct tcp_out o = *probe(h);
    uint32_t after = o.seq + o.len + base_mss(h), recoveries = h->t.recoveries;
    h->out_head = h->out_tail;
    tcp_wait_ms(h, 20);
    sack_in(h, o.seq, after, after + 3 * base_mss(h));
    assert_int_equal(h->t.phase, CC_RECOVERY);
    assert_int_equal(h->t.recoveries, recoveries + 1);
    assert_int_equal(mtu_of(h)->failed, 0);
    assert_int_equal(mtu_of(h)->tries, 1);
    assert_int_equal(mtu_of(h)->probed, 0);
    h->out_head = h->out_tail;
}

/* 7.6.3: found out by the timer. */
static void probe_lost_by_timeout(struct tcp_harness *h)
{
    to_search(h);
    struct tcp_out o = *probe(h);
    unsigned timeouts = h->t.rtx_timeouts;
    while (h->t.rtx_timeouts == timeouts) {
        h->out_head = h->out_tail;
        tcp_fire(h);
    }
    assert_int_equal(mtu_of(h)->high, o.len + head(h) - 1);
    assert_int_equal(mtu_of(h)->failed, 1);
    assert_int_equal(h->t.mss, base_mss(h));
    assert_true(tcp_next(h)->len <= base_mss(h));
    h->out_head = h->out_tail;
}

/* 7.4: not without data or window for it and what must follow, nor without SACK. */
static void no_probe(struct tcp_harness *h)
{
    to_search(h);
    tcp_say(h, 3 * base_mss(h), 0);
    assert_int_equal(tcp_next(h)->reason, LA_DATA);
    h->out_head = h->out_tail;
    tcp_ack_in(h, tcp_rel(h, h->t.snd_max));
    h->t.cc.cwnd = 3 * base_mss(h);
    tcp_say(h, 10000, 0);
    assert_int_equal(tcp_next(h)->reason, LA_DATA);
    h->out_head = h->out_tail;
    tcp_window_in(h, tcp_rel(h, h->t.snd_max), 4000);
    h->t.cc.cwnd = 20000;
    h->out_head = h->out_tail;
    tcp_window_in(h, tcp_rel(h, h->t.snd_max), 4000);
    while (tcp_waiting(h) != 0) {
        assert_int_not_equal(tcp_next(h)->reason, LA_PROBE_MTU);
    }
    h->t.flags &= ~(uint32_t)TCP_F_SACK;
    tcp_window_in(h, tcp_rel(h, h->t.snd_max), 60000);
    tcp_say(h, 10000, 0);
    while (tcp_waiting(h) != 0) {
        assert_int_not_equal(tcp_next(h)->reason, LA_PROBE_MTU);
    }
    h->t.flags |= TCP_F_SACK;
}

/* Behind the FIN there is nothing to probe with. */
static void no_probe_behind_the_fin(struct tcp_harness *h)
{
    to_search(h);
    assert_int_not_equal(tcp_mtu_probe_len(&h->t, &h->env), 0);
    tcp_shutdown(&h->t, &h->env);
    tcp_flush(h);
    assert_int_equal(tcp_next(h)->reason, LA_FIN);
    tcp_flush(h);
    tcp_silent(h);
}

/* The congestion window is full: other data wait until it has room for the probe. */
static void probe_waits_for_room(struct tcp_harness *h)
{
    to_search(h);
    h->t.cc.cwnd = 6 * base_mss(h);
    struct tcp_path *p = tcp_path_of(&h->t, &h->env);
    p->mtu.next_ns = h->env.now_ns + 5 * MS;
    tcp_say(h, 30000, 0);
    assert_int_equal(tcp_waiting(h), 6);
    uint32_t una = tcp_rel(h, h->t.snd_una);
    h->out_head = h->out_tail;
    tcp_wait_ms(h, 6);
    h->t.flags &= ~(uint32_t)TCP_F_CWND_USED; /* the window stays as it is */
    tcp_ack_in(h, una + base_mss(h));
    tcp_silent(h); /* room for a segment, not for the probe */
    tcp_ack_in(h, una + 2 * base_mss(h));
    assert_int_equal(tcp_next(h)->reason, LA_PROBE_MTU);
    h->out_head = h->out_tail;
    tcp_ack_in(h, tcp_rel(h, h->t.snd_max));
    h->out_head = h->out_tail;
}

/* ---- what the stack says --------------------------------------------------------------------- */

static void told(struct tcp_harness *h)
{
    connect_sack(h);
    assert_int_equal(h->t.link_mtu, 1500);
    tcp_mtu_told(&h->t, &h->env, 1500, 1500);
    assert_int_equal(h->t.path, 0); /* nothing to know */
    tcp_mtu_told(&h->t, &h->env, 1300, 1500);
    assert_int_equal(h->t.mss, 1300 - head(h));
    assert_true(plpmtud_next_ns(mtu_of(h)) == h->env.now_ns + PLPMTUD_RAISE_NS);
    tcp_mtu_told(&h->t, &h->env, 1400, 1500); /* never upwards without a probe */
    assert_int_equal(h->t.mss, 1300 - head(h));
    tcp_mtu_told(&h->t, &h->env, 1290, 1290); /* the link itself changed */
    assert_int_equal(h->t.mss, 1290 - head(h));
    tcp_mtu_told(&h->t, &h->env, 1290, 9000);
    assert_int_equal(h->t.link_mtu, 9000);
    assert_int_equal(mtu_of(h)->max, PEER_MSS + head(h)); /* and what the peer takes */
    assert_true(plpmtud_next_ns(mtu_of(h)) == h->env.now_ns);
}

/* An idle connection keeps the record only if there is something in it. */
static void rest(struct tcp_harness *h)
{
    connect_sack(h);
    assert_non_null(tcp_path_get(&h->t, &h->env));
    tcp_flight_drop(&h->t, &h->env);
    assert_non_null(tcp_path_get(&h->t, &h->env));
    tcp_path_rest(&h->t, &h->env);
    assert_int_equal(h->t.path, 0);
    tcp_mtu_told(&h->t, &h->env, 1300, 1500);
    tcp_path_rest(&h->t, &h->env);
    assert_int_not_equal(h->t.path, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        EVERYWHERE(black_hole_by_timeouts),
        EVERYWHERE(black_hole_by_losses),
        EVERYWHERE(not_doubted),
        EVERYWHERE(probe_arrives),
        EVERYWHERE(probe_lost_alone),
        EVERYWHERE(probe_lost_with_another),
        EVERYWHERE(probe_lost_by_timeout),
        EVERYWHERE(no_probe),
        EVERYWHERE(no_probe_behind_the_fin),
        EVERYWHERE(probe_waits_for_room),
        EVERYWHERE(told),
        EVERYWHERE(rest),
    };
    return cmocka_run_group_tests_name("core/tcp/mtu", tests, NULL, NULL);
}

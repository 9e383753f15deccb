/* LISTEN (RFC 9293 3.10.7.2), half-open connections (3.10.7.4 for SYN-RECEIVED), the handshake as
 * the listener's side has it. */
#include "support/tcp_harness.h"
#include "tcp/decide.h"

static struct tcp_segment make(uint16_t flags, uint32_t seq, uint32_t ack, uint32_t len)
{
    struct tcp_segment s = {.seq = seq_of(seq), .ack = seq_of(ack), .len = len, .segs = 1};
    s.h.flags = flags;
    s.seg_len = wire_tcp_seglen(&s.h, len);
    return s;
}

/* All flags, in the order of 3.10.7.2: RST, ACK, SYN, other. */
static void listen_all_flags(void **state)
{
    for (uint16_t flags = 0; flags < 512; flags++) {
        for (int cookies = 0; cookies < 2; cookies++) {
            struct tcp_segment s = make(flags, 5, 6, 0);
            struct tcp_listen_verdict v = tcp_listen_arrives(&s, cookies);
            enum tcp_listen_action want = TCP_LISTEN_DROP;
            if (flags & RST) {
                assert_int_equal(v.reason, LA_DROP_LISTEN_RST);
            } else if (flags & ACK) {
                want = cookies && !(flags & SYN) ? TCP_LISTEN_COOKIE : TCP_LISTEN_RESET;
                struct tcp_reset r = tcp_reset_for(s.seq, s.ack, flags, s.seg_len);
                assert_int_equal(r.flags, RST); /* <SEQ=SEG.ACK><CTL=RST> */
                assert_int_equal(r.seq.v, 6);
            } else if (flags & SYN) {
                want = TCP_LISTEN_SYN;
            }
            assert_int_equal(v.action, want);
        }
    }
}

static struct tcp_half_open half_open(const struct tcp_harness *h)
{
    return (struct tcp_half_open){.key = h->key,
                                  .shake = {.iss = seq_of(h->iss), .irs = seq_of(h->irs)}};
}

#define WND 100

static void half(const struct tcp_half_open *r, const struct tcp_segment *s,
                 enum tcp_half_open_action action, enum la_reason reason)
{
    struct tcp_half_open_verdict v = tcp_half_open_arrives(r, WND, s);
    assert_int_equal(v.action, action);
    assert_int_equal(v.reason, reason);
}

/* RFC 9293 MUST-11: the record is what came from LISTEN; an exact reset returns there. */
static void half_open_resets(struct tcp_harness *h)
{
    struct tcp_half_open r = half_open(h);
    for (int d = -3; d < WND + 3; d++) {
        struct tcp_segment s = make(RST, h->irs + 1 + (uint32_t)d, 0, 0);
        enum tcp_half_open_action want = d == 0             ? TCP_HALF_REMOVE
                                         : d > 0 && d < WND ? TCP_HALF_CHALLENGE
                                                            : TCP_HALF_DROP;
        assert_int_equal(tcp_half_open_arrives(&r, WND, &s).action, want);
    }
}

/* The SYN again is answered again; another one is challenged (as RFC 5961 4 has it for open
 * connections), whatever its number. */
static void half_open_syns(struct tcp_harness *h)
{
    struct tcp_half_open r = half_open(h);
    struct tcp_segment s = make(SYN, h->irs, 0, 0);
    half(&r, &s, TCP_HALF_ANSWER, LA_TAKE_SYN_AGAIN);
    s = make(SYN, h->irs, 0, 30);
    half(&r, &s, TCP_HALF_ANSWER, LA_TAKE_SYN_AGAIN);
    s = make(SYN, h->irs + 5, 0, 0);
    half(&r, &s, TCP_HALF_CHALLENGE, LA_DROP_SYN_SYNCHRONIZED);
    s = make(SYN, h->irs - 5, 0, 0);
    half(&r, &s, TCP_HALF_CHALLENGE, LA_DROP_SEQUENCE);
    s = make(SYN | ACK, h->irs + 1, h->iss + 1, 0);
    half(&r, &s, TCP_HALF_CHALLENGE, LA_DROP_SYN_SYNCHRONIZED);
}

/* Only ISS + 1 opens it; everything else in the window is answered with <SEQ=SEG.ACK><CTL=RST>. */
static void half_open_acks(struct tcp_harness *h)
{
    static const uint32_t bad[] = {0, 2, 3, 0x80000001, UINT32_MAX};
    struct tcp_half_open r = half_open(h);
    struct tcp_segment s = make(ACK, h->irs + 1, h->iss + 1, 0);
    half(&r, &s, TCP_HALF_ESTABLISH, LA_TAKE_HANDSHAKE_ACK);
    s = make(ACK | FIN, h->irs + 1, h->iss + 1, 50);
    half(&r, &s, TCP_HALF_ESTABLISH, LA_TAKE_HANDSHAKE_ACK);
    s = make(ACK, h->irs + 50, h->iss + 1, 0); /* data before it were lost */
    half(&r, &s, TCP_HALF_ESTABLISH, LA_TAKE_HANDSHAKE_ACK);
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        s = make(ACK, h->irs + 1, h->iss + bad[i], 0);
        half(&r, &s, TCP_HALF_RESET, LA_DROP_HALF_OPEN);
    }
    s = make(0, h->irs + 1, 0, 0);
    half(&r, &s, TCP_HALF_DROP, LA_DROP_NO_ACK);
    s = make(FIN, h->irs + 1, 0, 0);
    half(&r, &s, TCP_HALF_DROP, LA_DROP_NO_ACK);
    s = make(ACK, h->irs, h->iss + 1, 0);
    half(&r, &s, TCP_HALF_CHALLENGE, LA_DROP_SEQUENCE);
    s = make(ACK, h->irs + 1 + WND, h->iss + 1, 0);
    half(&r, &s, TCP_HALF_CHALLENGE, LA_DROP_SEQUENCE);
}

/* RFC 7323 3.2, 5.3: what the control block would not take opens no control block. */
static void half_open_timestamps(struct tcp_harness *h)
{
    struct tcp_half_open r = half_open(h);
    r.shake.flags = TCP_F_TS;
    r.shake.ts_recent = 1000;
    struct tcp_segment s = make(ACK, h->irs + 1, h->iss + 1, 0);
    half(&r, &s, TCP_HALF_DROP, LA_DROP_TIMESTAMP_MISSING);
    s.h.options = WIRE_TCP_TS;
    s.h.tsval = 999;
    half(&r, &s, TCP_HALF_CHALLENGE, LA_DROP_PAWS);
    s.h.tsval = 1000;
    half(&r, &s, TCP_HALF_ESTABLISH, LA_TAKE_HANDSHAKE_ACK);
    r.shake.flags = 0;
    s.h.tsval = 5;
    half(&r, &s, TCP_HALF_ESTABLISH, LA_TAKE_HANDSHAKE_ACK);
}

/* What the SYN offers and the listener wants is agreed on, nothing else; RFC 9293 MUST-14, MUST-15,
 * MUST-65, SHLD-5: the answer carries the MSS. */
static void handshake(struct tcp_harness *h)
{
    for (unsigned n = 0; n < 16 * 8; n++) {
        struct tcp_segment syn = make(SYN, h->irs, 0, 0);
        syn.h.options = (uint8_t)(n & 15);
        syn.h.mss = 1234;
        syn.h.wscale = 15;
        syn.h.tsval = 555;
        h->options.window_scale = (n & 16) != 0;
        h->options.timestamps = (n & 32) != 0;
        h->options.sack = (n & 64) != 0;
        h->options.rcvbuf_bytes = 1 << 20;
        struct tcp_handshake s = tcp_handshake_of(&syn, &h->key, &h->options, &h->env);
        bool ws = (n & WIRE_TCP_WSCALE) && (n & 16), ts = (n & WIRE_TCP_TS) && (n & 32);
        bool sack = (n & WIRE_TCP_SACK_OK) && (n & 64);
        assert_int_equal(s.flags,
                         (ws ? TCP_F_WSCALE : 0) | (ts ? TCP_F_TS : 0) | (sack ? TCP_F_SACK : 0));
        assert_int_equal(s.snd_wscale, ws ? 14 : 0);
        assert_int_equal(s.peer_mss, n & WIRE_TCP_MSS ? 1234 : 0);
        assert_int_equal(s.iss.v, h->iss);
        struct wire_tcp w = {0};
        tcp_syn_ack(&s, &h->key, &h->options, 1500, &h->env, false, &w);
        assert_int_equal(w.flags, SYN | ACK);
        assert_int_equal(w.seq, h->iss);
        assert_int_equal(w.ack, h->irs + 1);
        assert_int_equal(w.wnd, 65535);
        assert_int_equal(w.mss, h->v4 ? 1460 : 1440);
        assert_int_equal(w.options, WIRE_TCP_MSS | (ws ? WIRE_TCP_WSCALE : 0) |
                                        (ts ? WIRE_TCP_TS : 0) | (sack ? WIRE_TCP_SACK_OK : 0));
        assert_int_equal(ws ? w.wscale : 5, 5);
        assert_int_equal(ts ? w.tsecr : 555, 555);
    }
}

/* RFC 5681 3.1, RFC 6298 5.7: a SYN-ACK that was lost leaves a slow start. */
static void lost_syn_ack(struct tcp_harness *h)
{
    struct tcp_handshake s = {.iss = seq_of(h->iss), .irs = seq_of(h->irs), .peer_mss = 1000};
    tcp_accept_init(&h->t, &h->env, &h->key, 7, &h->options, 1500, &s, true);
    tcp_segment_in(h, ACK, 1, 1, 0);
    assert_int_equal(h->t.state, LA_TCP_ESTABLISHED);
    assert_int_equal(h->t.cc.cwnd, 1000);
    assert_int_equal(h->t.rto_ms, 3000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(listen_all_flags), EVERYWHERE(half_open_resets),
        EVERYWHERE(half_open_syns),         EVERYWHERE(half_open_acks),
        EVERYWHERE(half_open_timestamps),   EVERYWHERE(handshake),
        EVERYWHERE(lost_syn_ack),
    };
    return cmocka_run_group_tests_name("core/tcp/listen", tests, NULL, NULL);
}

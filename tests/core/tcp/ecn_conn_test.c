/* ECN in the connection: handshakes, marks in both directions, what each segment carries (RFC 9293
 * SHLD-8; RFC 3168, RFC 9768, RFC 8257 3.2). */
#include "support/tcp_harness.h"

#define AE  LA_TH_AE
#define CWR LA_TH_CWR
#define ECE LA_TH_ECE

#define NOT_ECT ECN_NOT_ECT
#define ECT0    ECN_ECT0
#define CE      ECN_CE

/* Data of the peer with this ECN field and these flags; returns what it is answered with, if
 * anything. */
static struct tcp_out *data_in(struct tcp_harness *h, uint8_t field, uint16_t flags)
{
    tcp_feed(h, &(struct tcp_in){.flags = (uint16_t)(ACK | flags),
                                 .seq = tcp_peer_rel(h, h->t.rcv_nxt),
                                 .ack = tcp_rel(h, h->t.snd_max),
                                 .len = 1000,
                                 .tos = field});
    return tcp_waiting(h) ? tcp_next(h) : NULL;
}

/* An ACK with these flags and, when `ceb` is not negative, an AccECN option. */
static void echo_in(struct tcp_harness *h, uint32_t ack, uint16_t flags, int64_t ceb)
{
    struct tcp_in in = {
        .flags = (uint16_t)(ACK | flags), .seq = tcp_peer_rel(h, h->t.rcv_nxt), .ack = ack};
    if (ceb >= 0) {
        in.options = WIRE_TCP_ECN0;
        in.ecn_n = 2;
        in.ecn[0] = 1;
        in.ecn[1] = (uint32_t)ceb;
    }
    tcp_feed(h, &in);
}

static uint16_t ace(uint32_t n)
{
    return ecn_ace_flags(n);
}

static void open_classic(struct tcp_harness *h)
{
    h->options.ecn = LA_ECN_CLASSIC;
    tcp_start(h);
    assert_int_equal(tcp_next(h)->h.flags, SYN | CWR | ECE);
    tcp_segment_in(h, SYN | ACK | ECE, 0, 1, 0);
    struct tcp_out *o = tcp_next(h);
    assert_int_equal(o->h.flags, ACK);
    assert_int_equal(o->field, NOT_ECT);
}

static void open_accurate_fresh(struct tcp_harness *h)
{
    h->options.ecn = LA_ECN_ACCURATE;
    tcp_start(h);
    struct tcp_out *o = tcp_next(h);
    assert_int_equal(o->h.flags, SYN | AE | CWR | ECE);
    assert_int_equal(o->field, NOT_ECT);
    assert_false(o->h.options & (WIRE_TCP_ECN0 | WIRE_TCP_ECN1)); /* never on a SYN */
    tcp_feed(h, &(struct tcp_in){.flags = SYN | ACK | CWR,
                                 .ack = 1,
                                 .options = WIRE_TCP_MSS | WIRE_TCP_ECN0,
                                 .ecn_n = 3,
                                 .ecn = {1, 0, 1}});
    o = tcp_next(h);
    assert_int_equal(o->h.flags, ACK | CWR); /* 010: the SYN-ACK came not-ECT */
    assert_int_equal(o->h.options & WIRE_TCP_ECN0, WIRE_TCP_ECN0);
    tcp_silent(h);
}

/* The same, without the test on the first data. */
static void open_accurate(struct tcp_harness *h)
{
    open_accurate_fresh(h);
    h->t.ecn->flags &= (uint16_t)~ECN_F_TEST_DATA;
}

/* Bytes of ours leave in full segments, all with this field and these flags beside ACK and PSH. */
static void leaves(struct tcp_harness *h, uint32_t segments, uint8_t field, uint16_t flags)
{
    tcp_say(h, 1000 * segments, 0);
    for (uint32_t i = 0; i < segments; i++) {
        struct tcp_out *o = tcp_next(h);
        assert_int_equal(o->len, 1000);
        assert_int_equal(o->field, field);
        assert_int_equal(o->h.flags & ~PSH, ACK | flags);
    }
    tcp_silent(h);
}

/* Nothing is asked for unless it is wished, and no more than twice (RFC 9768 3.1.4.1). */
static void asking(struct tcp_harness *h)
{
    static const uint16_t flags[] = {0, 0, CWR | ECE, AE | CWR | ECE};
    for (uint8_t wish = LA_ECN_OFF; wish <= LA_ECN_ACCURATE; wish++) {
        h->options.ecn = wish;
        tcp_start(h);
        for (unsigned sent = 0; sent < 4; sent++) {
            assert_int_equal(tcp_next(h)->h.flags, SYN | (sent < 2 ? flags[wish] : 0));
            tcp_fire(h);
        }
        tcp_next(h);
        tcp_again(h);
    }
}

/* All answers to all questions (RFC 9768 table 2). */
static void answers(struct tcp_harness *h)
{
    for (uint8_t wish = LA_ECN_OFF; wish <= LA_ECN_ACCURATE; wish++) {
        for (uint32_t n = 0; n < 8; n++) {
            struct la_tcp_info info;
            h->options.ecn = wish;
            tcp_start(h);
            tcp_next(h);
            tcp_segment_in(h, SYN | ACK | ace(n), 0, 1, 0);
            enum ecn_mode mode = ecn_client_mode((enum la_ecn)wish, ace(n));
            static const uint8_t agreed[] = {LA_ECN_OFF, LA_ECN_CLASSIC, LA_ECN_ACCURATE};
            tcp_info(&h->t, &h->env, &info);
            assert_int_equal(info.ecn, agreed[mode]);
            assert_int_equal(h->ecns.used, mode != ECN_NONE);
            assert_int_equal(tcp_next(h)->h.flags, ACK | (mode == ECN_ACCURATE ? CWR : 0));
            tcp_say(h, 1000, 0);
            struct tcp_out *o = tcp_next(h);
            /* 011, 100 and 110 say that the SYN did not arrive as it left. */
            bool mangled = mode == ECN_ACCURATE && (n == 3 || n == 4 || n == 6);
            assert_int_equal(o->field, mode == ECN_NONE || mangled ? NOT_ECT : ECT0);
            assert_int_equal(info.ecn_sends, o->field == ECT0);
            tcp_again(h);
        }
    }
}

/* A listener and all SYNs; the ACK field that comes third. */
static void asked(struct tcp_harness *h)
{
    for (uint8_t wish = LA_ECN_OFF; wish <= LA_ECN_ACCURATE; wish++) {
        for (uint32_t n = 0; n < 8; n++) {
            h->options.ecn = wish;
            h->syn_flags = ace(n);
            tcp_start_passive(h);
            enum ecn_mode mode = ecn_server_mode((enum la_ecn)wish, ace(n));
            assert_int_equal(h->ecns.used, mode != ECN_NONE);
            tcp_segment_in(h, ACK | (mode == ECN_ACCURATE ? CWR : 0), 1, 1, 0);
            leaves(h, 1, mode == ECN_NONE ? NOT_ECT : ECT0, mode == ECN_ACCURATE ? ace(5) : 0);
            tcp_again(h);
        }
    }
    /* RFC 9768 table 4, note 1: zero. */
    h->options.ecn = LA_ECN_PASSIVE;
    h->syn_flags = AE | CWR | ECE;
    tcp_start_passive(h);
    tcp_segment_in(h, ACK, 1, 1, 0);
    leaves(h, 3, NOT_ECT, ace(5));
    uint32_t cwnd = h->t.cc.cwnd;
    echo_in(h, 3001, ace(3), -1);
    assert_true(h->t.cc.cwnd >= cwnd); /* not listened to */
    assert_int_equal(h->t.phase, CC_OPEN);
    assert_int_equal(ecn_ace(data_in(h, CE, 0)->h.flags), 6); /* but told */
}

/* RFC 3168 6.1.3. */
static void classic_receiver(struct tcp_harness *h)
{
    open_classic(h);
    assert_null(data_in(h, ECT0, 0));
    struct tcp_out *o = data_in(h, CE, 0);
    assert_int_equal(o->h.flags, ACK | ECE);
    assert_int_equal(o->field, NOT_ECT);
    for (unsigned i = 0; i < 9; i++) { /* delayed, as ever */
        o = data_in(h, ECT0, 0);
        assert_true(!o || o->h.flags == (ACK | ECE));
    }
    leaves(h, 1, ECT0, ECE); /* on data too */
    assert_null(data_in(h, ECT0, 0));
    o = data_in(h, ECT0, CWR);
    assert_int_equal(o->h.flags, ACK);
    assert_int_equal(o->reason, LA_ACK_MARKED);
    assert_int_equal(data_in(h, CE, CWR)->h.flags, ACK | ECE);
    struct la_tcp_info info;
    tcp_info(&h->t, &h->env, &info);
    assert_int_equal(info.ce_in, 2);
}

/* Outside the window the field is ignored (RFC 3168 6.1.5). */
static void outside_the_window(struct tcp_harness *h)
{
    open_classic(h);
    data_in(h, ECT0, 0);
    tcp_feed(h, &(struct tcp_in){.flags = ACK, .seq = 1, .ack = 1, .len = 1000, .tos = CE});
    assert_int_equal(tcp_next(h)->h.flags, ACK);
    tcp_again(h);
    open_accurate(h);
    data_in(h, ECT0, 0);
    tcp_feed(h, &(struct tcp_in){.flags = ACK, .seq = 1, .ack = 1, .len = 1000, .tos = CE});
    assert_int_equal(ecn_ace(tcp_next(h)->h.flags), 5);
}

/* RFC 3168 6.1.2: one reaction a window, told by CWR on new data, once. */
static void classic_sender(struct tcp_harness *h)
{
    open_classic(h);
    leaves(h, 10, ECT0, 0);
    uint32_t cwnd = h->t.cc.cwnd;
    echo_in(h, 1001, ECE, -1);
    assert_int_equal(h->t.phase, CC_CWR);
    uint32_t ssthresh = h->t.cc.ssthresh;
    assert_in_range(ssthresh, cwnd / 2, cwnd - 1);
    assert_int_equal(h->t.rtx_segs, 0);
    tcp_say(h, 20000, 0);
    unsigned reduced = 0, left = tcp_waiting(h);
    for (uint32_t ack = 2001; ack <= 10001; ack += 1000) {
        echo_in(h, ack, ECE, -1);
        assert_int_equal(h->t.cc.ssthresh, ssthresh);
        left = tcp_waiting(h);
        while (left--) {
            struct tcp_out *o = tcp_next(h);
            assert_int_equal(o->field, ECT0);
            assert_int_equal((o->h.flags & CWR) != 0, reduced == 0);
            reduced++;
        }
    }
    assert_true(reduced > 1);
    assert_int_equal(h->t.cc.cwnd, ssthresh);
    assert_int_equal(h->t.phase, CC_OPEN); /* all of that window is acknowledged */
    assert_true(h->t.cc.ssthresh == ssthresh);
    echo_in(h, 11001, 0, -1);
    assert_int_equal(h->t.cc.ssthresh, ssthresh);
    while (tcp_waiting(h)) {
        assert_false(tcp_next(h)->h.flags & CWR);
    }
    echo_in(h, 12001, ECE, -1); /* the next window */
    assert_true(h->t.cc.ssthresh < ssthresh);
    assert_int_equal(h->t.phase, CC_CWR);
}

/* What goes again is neither ECT nor carries CWR, which waits for new data (RFC 3168 6.1.5). */
static void retransmissions(struct tcp_harness *h)
{
    open_classic(h);
    leaves(h, 6, ECT0, 0);
    for (unsigned i = 0; i < 3; i++) {
        tcp_ack_in(h, 1);
    }
    struct tcp_out *o = tcp_next(h);
    assert_int_equal(o->seq, 1);
    assert_int_equal(o->field, NOT_ECT);
    assert_int_equal(o->h.flags & ~PSH, ACK);
    assert_int_equal(h->t.phase, CC_RECOVERY);
    tcp_ack_in(h, 6001);
    tcp_say(h, 1000, 0); /* the window was reduced for a loss: that is told as well */
    o = tcp_next(h);
    assert_int_equal(o->field, ECT0);
    assert_int_equal(o->h.flags & ~PSH, ACK | CWR);
    tcp_fire(h); /* lost: neither probe nor retransmission is ECT */
    tcp_fire(h);
    while (tcp_waiting(h)) {
        o = tcp_next(h);
        assert_int_equal(o->field, NOT_ECT);
        assert_int_equal(o->h.flags & ~PSH, ACK);
    }
}

/* RFC 3168 6.1.6: window probes. */
static void window_probe(struct tcp_harness *h)
{
    open_classic(h);
    tcp_window_in(h, 1, 0);
    tcp_say(h, 1000, 0);
    tcp_silent(h);
    tcp_fire(h);
    struct tcp_out *o = tcp_next(h);
    assert_int_equal(o->reason, LA_PROBE_WINDOW);
    assert_int_equal(o->len, 1);
    assert_int_equal(o->field, NOT_ECT);
}

/* A super-segment never carries the CWR bit, whatever it means (RFC 9768 3.3.4). */
static void super_segments(struct tcp_harness *h)
{
    open_classic(h);
    h->most = 60000;
    tcp_say(h, 8000, 0);
    assert_int_equal(tcp_next(h)->len, 8000);
    tcp_silent(h);
    echo_in(h, 8001, ECE, -1);
    tcp_say(h, 8000, 0);
    struct tcp_out *o = tcp_next(h);
    assert_int_equal(o->len, 1000);
    assert_true(o->h.flags & CWR);
    assert_true(tcp_next(h)->len > 1000);
    tcp_again(h);

    open_accurate(h);
    h->most = 60000;
    for (unsigned marks = 0; marks < 16; marks++) {
        uint32_t cep = 5 + marks;
        tcp_say(h, 3000, 0);
        for (uint32_t left = 3000; left != 0;) {
            o = tcp_next(h);
            assert_int_equal(ecn_ace(o->h.flags), cep & 7);
            assert_int_equal(o->len, cep & 2 ? 1000 : left);
            left -= o->len;
        }
        tcp_silent(h);
        (void)data_in(h, CE, 0); /* acknowledges as well */
        while (tcp_waiting(h)) {
            tcp_next(h);
        }
        tcp_wait_ms(h, 100);
        while (tcp_waiting(h)) {
            tcp_next(h);
        }
    }
}

/* RFC 8257 3.2: two ACKs when the marks change, each for the bytes of its state. */
static void dctcp_receiver(struct tcp_harness *h)
{
    h->syn_options = WIRE_TCP_MSS | WIRE_TCP_WSCALE;
    h->options.window_scale = true;
    h->peer_wscale = 3;
    open_classic(h);
    h->t.ecn->flags |= ECN_F_DCTCP;
    assert_null(data_in(h, ECT0, 0));
    struct tcp_out *o = data_in(h, CE, 0);
    assert_int_equal(o->reason, LA_ACK_BEFORE_MARK);
    assert_int_equal(o->h.flags, ACK);
    assert_int_equal(o->ack, 1001);
    tcp_expect(h, ACK | ECE, 1, 2001, 0);
    tcp_silent(h);
    assert_null(data_in(h, CE, 0));
    o = data_in(h, ECT0, 0);
    assert_int_equal(o->h.flags, ACK | ECE);
    assert_int_equal(o->ack, 3001);
    tcp_expect(h, ACK, 1, 4001, 0);
    tcp_silent(h);
    o = data_in(h, CE, 0); /* nothing waited: one will do */
    assert_int_equal(o->h.flags, ACK | ECE);
    assert_int_equal(o->ack, 5001);
    tcp_silent(h);
}

/* RFC 9768 3.2.2, 3.2.3: counters, triggers and options of the receiver. */
static void accurate_receiver(struct tcp_harness *h)
{
    open_accurate(h);
    assert_null(data_in(h, ECT0, 0));
    struct tcp_out *o = data_in(h, CE, 0);
    assert_int_equal(o->reason, LA_ACK_MARKED);
    assert_int_equal(ecn_ace(o->h.flags), 6);
    assert_int_equal(o->h.ecn_n, 2);
    assert_int_equal(o->h.ecn[0], 1001);
    assert_int_equal(o->h.ecn[1], 1000);
    assert_null(data_in(h, CE, 0));
    o = data_in(h, CE, 0);
    assert_int_equal(ecn_ace(o->h.flags), 0); /* 8 in three bits */
    assert_int_equal(o->h.ecn[1], 3000);
    /* Nothing arrived since: our data need no option, and are full. */
    leaves(h, 2, ECT0, ace(8));
    /* With one they are shorter. */
    tcp_feed(h, &(struct tcp_in){.flags = ACK,
                                 .seq = tcp_peer_rel(h, h->t.rcv_nxt),
                                 .ack = 2001,
                                 .len = 1000,
                                 .tos = ECT0});
    tcp_say(h, 2000, 0);
    o = tcp_next(h);
    assert_int_equal(o->len, 992);
    assert_int_equal(o->h.ecn_n, 2);
    assert_int_equal(o->h.ecn[0], 2001);
    assert_int_equal(tcp_next(h)->len, 1000);
    while (tcp_waiting(h)) {
        tcp_next(h);
    }
    struct la_tcp_info info;
    tcp_info(&h->t, &h->env, &info);
    assert_int_equal(info.ecn, LA_ECN_ACCURATE);
    assert_int_equal(info.ce_in, 3);
}

/* RFC 9768 3.2.3.2.1, 3.2.3.2.2: the first data carry an option, what is sent again does not. */
static void first_data(struct tcp_harness *h)
{
    open_accurate_fresh(h);
    tcp_say(h, 2000, 0);
    struct tcp_out *o = tcp_next(h);
    assert_int_equal(o->len, 992);
    assert_int_equal(o->h.options & WIRE_TCP_ECN0, WIRE_TCP_ECN0);
    assert_int_equal(o->h.ecn_n, 1);
    assert_int_equal(o->h.ecn[0], 1);
    o = tcp_next(h);
    assert_int_equal(o->len, 1000);
    assert_false(o->h.options & WIRE_TCP_ECN0);
    while (o->seq != 1 || o->len == 0) {
        while (!tcp_waiting(h)) {
            tcp_fire(h);
        }
        o = tcp_next(h);
    }
    assert_false(o->h.options & WIRE_TCP_ECN0);
}

/* SACK blocks and the option share 40 bytes: two blocks go first, then the option (RFC 9768
 * 3.2.3.3). */
static void option_space(struct tcp_harness *h)
{
    h->syn_options = WIRE_TCP_MSS | WIRE_TCP_SACK_OK | WIRE_TCP_TS;
    h->options.sack = h->options.timestamps = true;
    h->options.ecn = LA_ECN_PASSIVE;
    h->syn_flags = AE | CWR | ECE;
    tcp_start_passive(h);
    tcp_segment_in(h, ACK | CWR, 1, 1, 0);
    for (unsigned gaps = 1; gaps <= 4; gaps++) {
        tcp_feed(h, &(struct tcp_in){.flags = ACK | ace(5),
                                     .seq = 1 + 2000 * gaps,
                                     .ack = 1,
                                     .len = 1000,
                                     .tos = gaps == 1 ? CE : ECT0});
        struct tcp_out *o = tcp_next(h);
        assert_int_equal(o->h.sack_n, gaps < 2 ? 1 : 2);
        assert_int_equal(o->h.options & WIRE_TCP_ECN0, WIRE_TCP_ECN0);
        assert_int_equal(o->h.ecn_n, 2);
        assert_int_equal(o->h.ecn[0], 1 + 1000 * (gaps - 1));
        assert_int_equal(o->h.ecn[1], 1000);
        assert_true(o->h.hdr_len <= 60);
    }
    /* An ACK without news of marks has room for three blocks. */
    tcp_feed(h, &(struct tcp_in){
                    .flags = ACK | ace(5), .seq = 10001, .ack = 1, .len = 1000, .tos = NOT_ECT});
    struct tcp_out *o = tcp_next(h);
    assert_int_equal(o->h.sack_n, 3);
    assert_false(o->h.options & WIRE_TCP_ECN0);
}

/* RFC 9768 3.2.2.2, A: the sender's counters, the reaction of a controller that answers once a
 * window. */
static void accurate_sender(struct tcp_harness *h)
{
    struct la_tcp_info info;
    open_accurate(h);
    leaves(h, 10, ECT0, ace(5));
    uint32_t cwnd = h->t.cc.cwnd;
    echo_in(h, 2001, ace(5), 0);
    assert_int_equal(h->t.phase, CC_OPEN);
    echo_in(h, 4001, ace(7), 1500);
    assert_int_equal(h->t.phase, CC_CWR);
    uint32_t ssthresh = h->t.cc.ssthresh;
    assert_true(ssthresh < cwnd + 4000);
    tcp_info(&h->t, &h->env, &info);
    assert_int_equal(info.ce_acked, 2);
    assert_int_equal(info.ce_acked_bytes, 1500);
    echo_in(h, 8001, ace(0), -1); /* without an option: as many as there can have been */
    assert_int_equal(h->t.cc.ssthresh, ssthresh);
    tcp_info(&h->t, &h->env, &info);
    assert_int_equal(info.ce_acked, 3);
    assert_int_equal(info.ce_acked_bytes, 2500);
    tcp_say(h, 5000, 0);
    while (tcp_waiting(h)) { /* no CWR: it would be a counter */
        struct tcp_out *o = tcp_next(h);
        assert_int_equal(ecn_ace(o->h.flags), 5);
        assert_int_equal(o->field, ECT0);
    }
    echo_in(h, 10001, ace(0), 2500);
    tcp_info(&h->t, &h->env, &info);
    assert_int_equal(info.ce_acked, 3);
    assert_int_equal(h->t.phase, CC_OPEN);
}

/* RFC 9768 3.2.2.4: a counter that begins with zero. */
static void zeroed(struct tcp_harness *h)
{
    open_accurate(h);
    leaves(h, 2, ECT0, ace(5));
    echo_in(h, 1001, ace(0), -1);
    assert_int_equal(h->t.phase, CC_OPEN);
    leaves(h, 2, NOT_ECT, ace(5));
    struct la_tcp_info info;
    tcp_info(&h->t, &h->env, &info);
    assert_false(info.ecn_sends);
}

/* RFC 9768 3.2.2.1: the handshake's ACK goes before data that wait; 3.1.2: a marked SYN-ACK. */
static void handshake_ack(struct tcp_harness *h)
{
    h->options.ecn = LA_ECN_ACCURATE;
    tcp_start(h);
    tcp_next(h);
    tcp_say(h, 5000, 0);
    tcp_silent(h);
    tcp_feed(h, &(struct tcp_in){.flags = SYN | ACK | CWR, .ack = 1, .tos = CE});
    struct tcp_out *o = tcp_next(h);
    assert_int_equal(o->len, 0);
    assert_int_equal(o->h.flags, ACK | AE | CWR);
    o = tcp_next(h);
    assert_int_equal(o->len, 992);            /* with an option, too */
    assert_int_equal(ecn_ace(o->h.flags), 6); /* counted, once */
    while (tcp_waiting(h)) {
        tcp_next(h);
    }
    /* Our ACK was lost: the SYN-ACK again, and its field again. */
    tcp_feed(h, &(struct tcp_in){.flags = SYN | ACK | CWR, .ack = 1, .tos = CE});
    assert_int_equal(tcp_next(h)->h.flags, ACK | AE | CWR);
    tcp_feed(h, &(struct tcp_in){.flags = SYN | ACK | CWR, .ack = 1, .tos = NOT_ECT});
    assert_int_equal(tcp_next(h)->h.flags, ACK | CWR);
    tcp_silent(h);
    assert_int_equal(ecn_ace(data_in(h, CE, 0)->h.flags), 7);
}

/* A marked SYN: it left not-ECT, so the path garbles the field; and who marks meets congestion. */
static void marked_syn(struct tcp_harness *h)
{
    h->options.ecn = LA_ECN_ACCURATE;
    tcp_start(h);
    tcp_next(h);
    tcp_segment_in(h, SYN | ACK | AE | CWR, 0, 1, 0);
    assert_int_equal(tcp_next(h)->h.flags, ACK | CWR);
    assert_int_equal(h->t.cc.cwnd, h->t.mss);
    h->t.ecn->flags &= (uint16_t)~ECN_F_TEST_DATA;
    leaves(h, 1, NOT_ECT, ace(5));
}

/* SYNs that cross: each end takes the other's for a question (RFC 9768 3.1.2). */
static void crossed(struct tcp_harness *h)
{
    static const uint16_t want[3] = {0, ECE, CWR | ECE};
    for (uint8_t wish = LA_ECN_OFF; wish <= LA_ECN_ACCURATE; wish++) {
        for (uint32_t n = 0; n < 8; n++) {
            h->options.ecn = wish;
            tcp_start(h);
            tcp_next(h);
            enum ecn_mode mode =
                wish < LA_ECN_CLASSIC ? ECN_NONE : ecn_server_mode((enum la_ecn)wish, ace(n));
            tcp_feed(h, &(struct tcp_in){.flags = SYN | ace(n), .tos = ECN_ECT1});
            assert_int_equal(tcp_next(h)->h.flags, SYN | ACK | want[mode]);
            tcp_segment_in(h, SYN | ACK | want[mode], 0, 1, 0);
            assert_int_equal(h->t.state, LA_TCP_ESTABLISHED);
            assert_int_equal(h->ecns.used, mode != ECN_NONE);
            leaves(h, 1, mode == ECN_NONE ? NOT_ECT : ECT0, mode == ECN_ACCURATE ? ace(5) : 0);
            tcp_again(h);
        }
    }
}

/* Without memory for the record nothing is asked for, and no promise is made. */
static void no_memory(struct tcp_harness *h)
{
    h->ecns.max = h->ecns.used;
    h->options.ecn = LA_ECN_ACCURATE;
    tcp_start(h);
    assert_int_equal(tcp_next(h)->h.flags, SYN);
    tcp_segment_in(h, SYN | ACK, 0, 1, 0);
    tcp_expect(h, ACK, 1, 1, 0);
    leaves(h, 1, NOT_ECT, 0);
}

/* Marks during a recovery: it was congestion, so the recovery is not taken back. */
static void marks_in_recovery(struct tcp_harness *h)
{
    for (unsigned marked = 0; marked < 2; marked++) {
        h->syn_options = WIRE_TCP_MSS | WIRE_TCP_TS;
        h->options.timestamps = true;
        h->peer_mss = TCP_TEST_MSS + 12;
        open_classic(h);
        leaves(h, 10, ECT0, 0);
        uint32_t cwnd = h->t.cc.cwnd;
        uint32_t early = h->tsval_seen;
        tcp_wait_ms(h, 20);
        for (unsigned i = 0; i < 3; i++) {
            tcp_ack_in(h, 1);
        }
        assert_int_equal(h->t.phase, CC_RECOVERY);
        while (tcp_waiting(h)) {
            tcp_next(h);
        }
        tcp_feed(h, &(struct tcp_in){.flags = ACK | (marked ? ECE : 0),
                                     .seq = 1,
                                     .ack = 1001,
                                     .tsecr = early}); /* of the original: spurious */
        assert_int_equal(h->t.undone, !marked);
        assert_int_equal(h->t.cc.cwnd >= cwnd, !marked);
        while (tcp_waiting(h)) {
            tcp_next(h);
        }
        tcp_again(h);
    }
}

/* A window reduced for marks stays reduced when a recovery behind it turns out to be a mistake. */
static void undo_behind_marks(struct tcp_harness *h)
{
    h->syn_options = WIRE_TCP_MSS | WIRE_TCP_TS;
    h->options.timestamps = true;
    h->peer_mss = TCP_TEST_MSS + 12;
    open_classic(h);
    leaves(h, 10, ECT0, 0);
    echo_in(h, 1001, ECE, -1);
    assert_int_equal(h->t.phase, CC_CWR);
    uint32_t ssthresh = h->t.cc.ssthresh, early = h->tsval_seen;
    tcp_wait_ms(h, 20);
    for (unsigned i = 0; i < 3; i++) {
        tcp_ack_in(h, 1001);
    }
    assert_int_equal(h->t.phase, CC_RECOVERY);
    while (tcp_waiting(h)) {
        tcp_next(h);
    }
    tcp_feed(h, &(struct tcp_in){.flags = ACK, .seq = 1, .ack = 2001, .tsecr = early});
    assert_int_equal(h->t.undone, 1);
    assert_int_equal(h->t.cc.ssthresh, ssthresh);
    assert_true(h->t.cc.cwnd <= ssthresh + 1000);
}

/* Pure ACKs that are marked, as experiments have them: counted, and told by an ACK of ACKs at the
 * third (RFC 9768 3.2.2.5.1). */
static void marked_acks(struct tcp_harness *h)
{
    open_accurate(h);
    leaves(h, 9, ECT0, ace(5));
    for (uint32_t n = 1; n <= 9; n++) {
        tcp_feed(h,
                 &(struct tcp_in){.flags = ACK | ace(5), .seq = 1, .ack = 1 + 1000 * n, .tos = CE});
        assert_int_equal(tcp_waiting(h), n % 3 == 0);
        if (n % 3 == 0) {
            assert_int_equal(tcp_next(h)->h.flags, ACK | ace(5 + n));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        EVERYWHERE(asking),
        EVERYWHERE(answers),
        EVERYWHERE(asked),
        EVERYWHERE(classic_receiver),
        EVERYWHERE(outside_the_window),
        EVERYWHERE(classic_sender),
        EVERYWHERE(retransmissions),
        EVERYWHERE(window_probe),
        EVERYWHERE(super_segments),
        EVERYWHERE(dctcp_receiver),
        EVERYWHERE(accurate_receiver),
        EVERYWHERE(first_data),
        EVERYWHERE(option_space),
        EVERYWHERE(accurate_sender),
        EVERYWHERE(zeroed),
        EVERYWHERE(handshake_ack),
        EVERYWHERE(marked_syn),
        EVERYWHERE(crossed),
        EVERYWHERE(no_memory),
        EVERYWHERE(marks_in_recovery),
        EVERYWHERE(undo_behind_marks),
        EVERYWHERE(marked_acks),
    };
    return cmocka_run_group_tests_name("core/tcp/ecn_conn", tests, NULL, NULL);
}

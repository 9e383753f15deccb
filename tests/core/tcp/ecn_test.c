/* ECN by itself: all handshakes, what receivers tell, what senders make of it, over wires that mark
 * data and lose ACKs, against exact counts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/prng.h"
#include "tcp/ecn.h"

#define MSS 1000

#define AE  LA_TH_AE
#define CWR LA_TH_CWR
#define ECE LA_TH_ECE

static struct prng random_from(uint8_t seed)
{
    struct prng p;
    const uint8_t key[32] = {seed};
    prng_seed(&p, key);
    return p;
}

static struct wire_tcp header(uint16_t flags)
{
    return (struct wire_tcp){.flags = (uint16_t)(LA_TH_ACK | flags)};
}

/* ---- handshake ------------------------------------------------------------------------------ */

static void test_ace_is_the_three_flags(void **state)
{
    for (uint16_t ace = 0; ace < 8; ace++) {
        uint16_t flags = (ace & 4 ? AE : 0) | (ace & 2 ? CWR : 0) | (ace & 1 ? ECE : 0);
        assert_int_equal(ecn_ace_flags(ace), flags);
        assert_int_equal(ecn_ace_flags(ace + 8), flags);
        assert_int_equal(ecn_ace(flags | LA_TH_ACK | LA_TH_SYN | LA_TH_URG), ace);
    }
}

/* RFC 9768 3.1.4.1, RFC 3168 6.1.1.1. */
static void test_syn_flags(void **state)
{
    for (unsigned sent = 0; sent < 10; sent++) {
        assert_int_equal(ecn_syn_flags(LA_ECN_OFF, sent), 0);
        assert_int_equal(ecn_syn_flags(LA_ECN_PASSIVE, sent), 0);
        assert_int_equal(ecn_syn_flags(LA_ECN_CLASSIC, sent), sent < 2 ? CWR | ECE : 0);
        assert_int_equal(ecn_syn_flags(LA_ECN_ACCURATE, sent), sent < 2 ? AE | CWR | ECE : 0);
    }
}

/* RFC 9768 table 2, 3.1.3; RFC 3168 6.1.1: all flags that can come back. */
static void test_client_modes(void **state)
{
    static const enum ecn_mode accurate[8] = {ECN_NONE,     ECN_CLASSIC,  ECN_ACCURATE,
                                              ECN_ACCURATE, ECN_ACCURATE, ECN_ACCURATE,
                                              ECN_ACCURATE, ECN_NONE};
    for (uint32_t ace = 0; ace < 8; ace++) {
        uint16_t flags = ecn_ace_flags(ace) | LA_TH_SYN | LA_TH_ACK;
        assert_int_equal(ecn_client_mode(LA_ECN_OFF, flags), ECN_NONE);
        assert_int_equal(ecn_client_mode(LA_ECN_PASSIVE, flags), ECN_NONE);
        assert_int_equal(ecn_client_mode(LA_ECN_CLASSIC, flags),
                         (ace & 3) == 1 ? ECN_CLASSIC : ECN_NONE);
        assert_int_equal(ecn_client_mode(LA_ECN_ACCURATE, flags), accurate[ace]);
    }
}

static void test_server_modes(void **state)
{
    for (uint32_t ace = 0; ace < 8; ace++) {
        uint16_t flags = ecn_ace_flags(ace) | LA_TH_SYN;
        enum ecn_mode newest = ace == 0 ? ECN_NONE : ace == 3 ? ECN_CLASSIC : ECN_ACCURATE;
        assert_int_equal(ecn_server_mode(LA_ECN_OFF, flags), ECN_NONE);
        assert_int_equal(ecn_server_mode(LA_ECN_PASSIVE, flags), newest);
        assert_int_equal(ecn_server_mode(LA_ECN_ACCURATE, flags), newest);
        assert_int_equal(ecn_server_mode(LA_ECN_CLASSIC, flags),
                         (ace & 3) == 3 ? ECN_CLASSIC : ECN_NONE);
    }
}

/* Both ends of a whole handshake, whatever they want, whatever fields their packets arrive with:
 * one mode, counters in step, ECT only where nothing was mangled. */
static void one_handshake(enum la_ecn a, enum la_ecn b, uint8_t syn_field, uint8_t answer_field)
{
    struct tcp_ecn client, server;
    uint16_t syn = ecn_syn_flags(a, 0);
    struct ecn_shake shake = ecn_shake_of(b, syn, syn_field);
    struct wire_tcp syn_ack = {.flags = LA_TH_SYN | LA_TH_ACK};
    syn_ack.flags |= ecn_shake_answer(&shake, 0);
    assert_int_equal(ecn_shake_option(&shake, false, &syn_ack), shake.mode == ECN_ACCURATE);

    bool syn_met = ecn_begin_client(&client, a, &syn_ack, answer_field, false);
    ecn_begin_server(&server, &shake);
    enum ecn_mode want = a < LA_ECN_CLASSIC || b == LA_ECN_OFF        ? ECN_NONE
                         : a == LA_ECN_CLASSIC || b == LA_ECN_CLASSIC ? ECN_CLASSIC
                                                                      : ECN_ACCURATE;
    assert_int_equal(client.mode, want);
    assert_int_equal(server.mode, want);
    struct wire_tcp third = header(ecn_flags(&client, true, false));
    ecn_option_fill(&client, false, 20, &third);
    bool answer_met = ecn_third_segment(&server, &third, true);
    ecn_sent(&client, &third, false, true);

    bool accurate = want == ECN_ACCURATE;
    assert_int_equal(syn_met, accurate && syn_field == ECN_CE);
    assert_int_equal(answer_met, accurate && answer_field == ECN_CE);
    assert_int_equal(third.options, accurate ? WIRE_TCP_ECN0 : 0);
    assert_false((client.flags | server.flags) & ECN_F_ZEROED);
    assert_int_equal(ecn_option_bytes(&client, false, 40), 0);
    assert_int_equal(ecn_option_bytes(&client, true, 40), accurate ? 8 : 0);
    assert_int_equal(client.r_cep, accurate && answer_field == ECN_CE ? 6 : 5);
    assert_int_equal(server.s_cep, client.r_cep);
    assert_int_equal(server.r_cep, 5); /* RFC 9768 3.2.2.2: never for a SYN */
    assert_int_equal(client.s_cep, 5);
    enum ecn_field sends = want == ECN_NONE ? ECN_NOT_ECT : ECN_ECT0;
    assert_int_equal(ecn_codepoint(&client, 1, true),
                     accurate && syn_field != ECN_NOT_ECT ? ECN_NOT_ECT : sends);
    assert_int_equal(ecn_codepoint(&server, 1, true),
                     accurate && answer_field != ECN_NOT_ECT ? ECN_NOT_ECT : sends);
    assert_false((client.flags | server.flags) & ECN_F_DEAF);
    if (accurate) { /* the second ACK carries the counter */
        assert_int_equal(ecn_ace(ecn_flags(&client, true, false)), client.r_cep);
    }
}

static void test_handshakes(void **state)
{
    for (int a = LA_ECN_OFF; a <= LA_ECN_ACCURATE; a++) {
        for (int b = LA_ECN_OFF; b <= LA_ECN_ACCURATE; b++) {
            for (uint8_t fields = 0; fields < 16; fields++) {
                one_handshake((enum la_ecn)a, (enum la_ecn)b, fields & 3, fields >> 2);
            }
        }
    }
}

/* RFC 9768 3.1.5: all second SYNs after all first ones. */
static void test_second_syn(void **state)
{
    for (int wish = LA_ECN_OFF; wish <= LA_ECN_ACCURATE; wish++) {
        for (uint32_t pair = 0; pair < 64; pair++) {
            uint16_t first = ecn_ace_flags(pair & 7), again = ecn_ace_flags(pair >> 3);
            struct ecn_shake s = ecn_shake_of((enum la_ecn)wish, first, ECN_NOT_ECT);
            enum ecn_mode one = (enum ecn_mode)s.mode;
            enum ecn_mode two = ecn_server_mode((enum la_ecn)wish, again);
            bool ok = ecn_shake_again(&s, (enum la_ecn)wish, again, ECN_ECT1);
            assert_int_equal(ok, one == ECN_NONE || two == ECN_NONE || one == two);
            assert_int_equal(s.mode, one);
            assert_int_equal(s.no_ect, one != ECN_NONE && two == ECN_NONE);
            if (one == ECN_ACCURATE && ok) { /* the field of the latest SYN goes back */
                assert_int_equal(ecn_ace(ecn_shake_answer(&s, 0)), 3);
                struct tcp_ecn e;
                ecn_begin_server(&e, &s);
                assert_int_equal(ecn_codepoint(&e, 9, true), s.no_ect ? ECN_NOT_ECT : ECN_ECT0);
            }
            if (one == ECN_CLASSIC && ok) {
                assert_int_equal(ecn_shake_answer(&s, 0), s.no_ect ? 0 : ECE);
            }
            if (one == ECN_NONE) {
                assert_int_equal(ecn_shake_answer(&s, 0), 0);
            }
        }
    }
}

/* RFC 9768 3.2.3.2.2: first without the option, then without ECN; the mode stays, ECT does not. */
static void test_syn_ack_again(void **state)
{
    struct ecn_shake s = ecn_shake_of(LA_ECN_PASSIVE, AE | CWR | ECE, ECN_NOT_ECT);
    struct wire_tcp h = {0};
    assert_true(ecn_shake_option(&s, false, &h));
    assert_int_equal(h.options, WIRE_TCP_ECN0);
    assert_int_equal(h.ecn_n, 3);
    assert_int_equal(h.ecn[0], 1);
    assert_int_equal(h.ecn[1], 0);
    assert_int_equal(h.ecn[2], 1);
    assert_false(ecn_shake_option(&s, true, &h));
    assert_int_equal(ecn_shake_answer(&s, 1), CWR);
    assert_false(s.no_ect);
    assert_int_equal(ecn_shake_answer(&s, 2), 0);
    assert_true(s.no_ect);
    assert_int_equal(s.mode, ECN_ACCURATE);
    struct ecn_shake classic = ecn_shake_of(LA_ECN_PASSIVE, CWR | ECE, ECN_NOT_ECT);
    assert_int_equal(ecn_shake_answer(&classic, 5), ECE);

    /* The client hears it again, marked: counted once, told by the next pure ACK. */
    struct tcp_ecn e;
    struct wire_tcp syn_ack = header(LA_TH_SYN | CWR);
    ecn_begin_client(&e, LA_ECN_ACCURATE, &syn_ack, ECN_NOT_ECT, false);
    struct wire_tcp ack = header(0);
    assert_int_equal(ecn_ace(ecn_flags(&e, true, false)), 2);
    assert_int_equal(ecn_ace(ecn_flags(&e, false, true)), 5); /* not on data */
    ecn_sent(&e, &ack, true, false);
    assert_int_equal(ecn_ace(ecn_flags(&e, true, false)), 2);
    ecn_sent(&e, &ack, false, true);
    assert_int_equal(ecn_ace(ecn_flags(&e, true, false)), 5);
    for (int i = 0; i < 3; i++) {
        ecn_syn_ack_again(&e, ECN_CE);
        assert_int_equal(ecn_ace(ecn_flags(&e, true, false)), 6);
        ecn_sent(&e, &ack, false, true);
        assert_int_equal(e.r_cep, 6);
    }
}

/* A client that fell back to a SYN without ECN: RFC 3168 6.1.1 forbids ECT, RFC 9768 3.1.5 not. */
static void test_client_fell_back(void **state)
{
    struct tcp_ecn e;
    struct wire_tcp accurate = header(LA_TH_SYN | CWR), classic = header(LA_TH_SYN | ECE);
    ecn_begin_client(&e, LA_ECN_ACCURATE, &accurate, 0, true);
    assert_int_equal(ecn_codepoint(&e, 1, true), ECN_ECT0);
    ecn_begin_client(&e, LA_ECN_ACCURATE, &classic, 0, true);
    assert_int_equal(e.mode, ECN_CLASSIC);
    assert_int_equal(ecn_codepoint(&e, 1, true), ECN_NOT_ECT);
    ecn_begin_client(&e, LA_ECN_CLASSIC, &classic, 0, false);
    assert_int_equal(ecn_codepoint(&e, 1, true), ECN_ECT0);
}

/* RFC 9768 table 4. */
static void test_third_segment(void **state)
{
    struct ecn_shake s = ecn_shake_of(LA_ECN_PASSIVE, AE | CWR | ECE, ECN_NOT_ECT);
    for (uint32_t ace = 0; ace < 8; ace++) {
        struct tcp_ecn e;
        struct wire_tcp h = header(ecn_ace_flags(ace));
        ecn_begin_server(&e, &s);
        assert_int_equal(ecn_third_segment(&e, &h, true), ace == 6);
        assert_int_equal(e.s_cep, ace == 6 ? 6 : 5);
        assert_int_equal((e.flags & ECN_F_DEAF) != 0, ace == 0);
        bool mangled = ace == 3 || ace == 4 || ace == 6; /* it left not-ECT */
        assert_int_equal((e.flags & ECN_F_NO_ECT) != 0, ace == 0 || mangled);

        /* With data or SACK blocks it is the counter. */
        ecn_begin_server(&e, &s);
        bool more = ecn_third_segment(&e, &h, false);
        assert_int_equal(more, ace != 0 && ace != 5);
        assert_int_equal(e.s_cep & 7, ace);
        h.options = WIRE_TCP_SACK;
        ecn_begin_server(&e, &s);
        assert_int_equal(ecn_third_segment(&e, &h, true), more);
    }
    /* 3.2.3.2.4: a zeroed option; 3.2.3.2.3: none. */
    for (int i = 0; i < 16; i++) {
        struct tcp_ecn e;
        struct wire_tcp h = header(CWR);
        h.options = i & 8 ? WIRE_TCP_ECN1 : WIRE_TCP_ECN0;
        h.ecn_n = 3;
        h.ecn[0] = i & 1;
        h.ecn[1] = i & 2;
        h.ecn[2] = i & 4;
        ecn_begin_server(&e, &s);
        assert_false(ecn_third_segment(&e, &h, true));
        bool zero = !(i & 1) || !(i & 4);
        assert_int_equal((e.flags & ECN_F_ZEROED) != 0, zero);
    }
}

/* RFC 9768 5.1. */
static void test_cookies(void **state)
{
    for (uint32_t ace = 0; ace < 8; ace++) {
        uint16_t flags = ecn_ace_flags(ace);
        enum ecn_mode infer = ace >= 2 ? ECN_ACCURATE : ECN_NONE;
        assert_int_equal(ecn_shake_of_cookie(LA_ECN_OFF, true, flags).mode, ECN_NONE);
        assert_int_equal(ecn_shake_of_cookie(LA_ECN_OFF, false, flags).mode, ECN_NONE);
        assert_int_equal(ecn_shake_of_cookie(LA_ECN_PASSIVE, false, flags).mode, infer);
        assert_int_equal(ecn_shake_of_cookie(LA_ECN_ACCURATE, false, flags).mode, infer);
        assert_int_equal(ecn_shake_of_cookie(LA_ECN_PASSIVE, true, flags).mode, ECN_CLASSIC);
        assert_int_equal(ecn_shake_of_cookie(LA_ECN_CLASSIC, false, flags).mode, ECN_NONE);
    }
}

/* ---- classic -------------------------------------------------------------------------------- */

static struct tcp_ecn opened(enum ecn_mode mode)
{
    struct tcp_ecn e;
    struct ecn_shake s = {.mode = mode};
    ecn_begin_server(&e, &s);
    return e;
}

static enum ecn_ack data_arrives(struct tcp_ecn *e, uint8_t field, uint16_t flags)
{
    struct ecn_arrival a = {.flags = flags, .field = field, .len = MSS, .segs = 1};
    return ecn_arrived(e, &a);
}

/* RFC 3168 6.1.3: ECE from CE until CWR, CWR before CE; not for pure ACKs. */
static void test_classic_receiver(void **state)
{
    struct tcp_ecn e = opened(ECN_CLASSIC);
    assert_int_equal(ecn_flags(&e, true, false), 0);
    assert_int_equal(data_arrives(&e, ECN_ECT0, 0), ECN_ACK_NO);
    assert_int_equal(data_arrives(&e, ECN_CE, 0), ECN_ACK_NOW);
    assert_int_equal(data_arrives(&e, ECN_CE, 0), ECN_ACK_NO);
    for (int i = 0; i < 5; i++) {
        struct wire_tcp ack = header(ecn_flags(&e, true, false));
        assert_int_equal(ecn_ace(ack.flags), 1);
        ecn_sent(&e, &ack, false, true);
        assert_int_equal(data_arrives(&e, ECN_ECT0, 0), ECN_ACK_NO);
    }
    struct ecn_arrival ack = {.flags = CWR, .field = ECN_CE, .segs = 1};
    assert_int_equal(ecn_arrived(&e, &ack), ECN_ACK_NO);
    assert_int_equal(ecn_flags(&e, true, false), ECE);
    assert_int_equal(data_arrives(&e, ECN_ECT0, CWR), ECN_ACK_NOW);
    assert_int_equal(ecn_flags(&e, true, false), 0);
    assert_int_equal(data_arrives(&e, ECN_CE, CWR), ECN_ACK_NOW);
    assert_int_equal(ecn_flags(&e, false, true), ECE);
    assert_int_equal(data_arrives(&e, ECN_CE, CWR), ECN_ACK_NOW);
    assert_int_equal(ecn_flags(&e, false, true), ECE);
    assert_int_equal(e.r_cep, 5 + 5);
}

/* RFC 3168 6.1.2: one reaction a window, and CWR once, on new data. */
static void test_classic_sender(void **state)
{
    struct tcp_ecn e = opened(ECN_CLASSIC);
    seq32 una = seq_of(0xffffff00), end = seq_add(una, 10 * MSS);
    struct wire_tcp ece = header(ECE), clear = header(0);

    for (int i = 1; i <= 30; i++) {
        una = seq_add(una, MSS);
        struct ecn_echo echo = {.h = &ece, .acked = MSS, .mss = MSS, .snd_una = una};
        struct ecn_news news = ecn_feedback(&e, &echo);
        assert_int_equal(news.ce_bytes, MSS);
        assert_true(news.congested);
        assert_int_equal(ecn_first_of_window(&e, end), i % 10 == 1);
        if (i % 10 == 1) {
            end = seq_add(una, 10 * MSS);
            e.cwr_end = end;
            assert_int_equal(ecn_flags(&e, false, false), 0); /* not on a retransmission */
            assert_int_equal(ecn_flags(&e, true, false), 0);
            struct wire_tcp h = header(ecn_flags(&e, false, true));
            assert_int_equal(ecn_ace(h.flags), 2);
            ecn_sent(&e, &h, true, false);
        }
        assert_int_equal(ecn_flags(&e, false, true), 0);
    }
    /* Long after, behind the wrap of the numbers: a fresh window all the same. */
    struct ecn_echo quiet = {.h = &clear, .acked = 1, .mss = MSS, .snd_una = end};
    assert_false(ecn_feedback(&e, &quiet).congested);
    assert_true(ecn_first_of_window(&e, seq_add(end, 1U << 31)));

    e = opened(ECN_CLASSIC);
    ecn_reduced(&e); /* by a loss */
    assert_int_equal(ecn_flags(&e, false, true), CWR);
    e = opened(ECN_ACCURATE);
    ecn_reduced(&e);
    assert_int_equal(ecn_ace(ecn_flags(&e, false, true)), 5);
    struct ecn_echo dup = {.h = &ece, .mss = MSS};
    e = opened(ECN_CLASSIC);
    assert_true(ecn_feedback(&e, &dup).congested); /* a duplicate ACK tells it too */
}

/* RFC 3168 6.1.1, 6.1.4 to 6.1.6. */
static void test_codepoint(void **state)
{
    for (int mode = ECN_NONE; mode <= ECN_ACCURATE; mode++) {
        struct tcp_ecn e = opened((enum ecn_mode)mode);
        assert_int_equal(ecn_codepoint(&e, MSS, true), mode == ECN_NONE ? ECN_NOT_ECT : ECN_ECT0);
        assert_int_equal(ecn_codepoint(&e, MSS, false), ECN_NOT_ECT);
        assert_int_equal(ecn_codepoint(&e, 0, true), ECN_NOT_ECT);
        e.flags |= ECN_F_NO_ECT;
        assert_int_equal(ecn_codepoint(&e, MSS, true), ECN_NOT_ECT);
    }
}

/* Without ECN nothing is looked at and nothing is said. */
static void test_none(void **state)
{
    struct tcp_ecn e = opened(ECN_NONE);
    struct wire_tcp h = header(AE | CWR | ECE);
    struct ecn_echo echo = {.h = &h, .acked = MSS, .mss = MSS, .newer = true};
    assert_int_equal(data_arrives(&e, ECN_CE, CWR), ECN_ACK_NO);
    assert_false(ecn_feedback(&e, &echo).congested);
    assert_int_equal(ecn_flags(&e, true, true), 0);
    assert_int_equal(ecn_option_bytes(&e, false, 40), 0);
}

/* ---- DCTCP ---------------------------------------------------------------------------------- */

/* RFC 8257 3.2, figure 1. */
static void test_dctcp_states(void **state)
{
    struct tcp_ecn e = opened(ECN_CLASSIC);
    e.flags |= ECN_F_DCTCP;
    struct ecn_arrival a = {.field = ECN_ECT0, .len = MSS, .segs = 1, .rcv_nxt = seq_of(7)};
    assert_int_equal(ecn_arrived(&e, &a), ECN_ACK_NO);
    a.field = ECN_CE;
    assert_int_equal(ecn_arrived(&e, &a), ECN_ACK_NOW); /* nothing unacknowledged before */
    assert_int_equal(ecn_flags(&e, true, false), ECE);
    a.unacked = true;
    a.flags = CWR; /* CWR and CE together: CE counts */
    assert_int_equal(ecn_arrived(&e, &a), ECN_ACK_NO);
    assert_int_equal(ecn_flags(&e, true, false), ECE);
    a.flags = 0;
    a.field = ECN_ECT0;
    assert_int_equal(ecn_arrived(&e, &a), ECN_ACK_TWICE);
    assert_int_equal(e.before_ack.v, 7);
    assert_int_equal(ecn_before_flags(&e), ECE);
    assert_int_equal(ecn_flags(&e, true, false), 0);
    a.len = 0;
    a.field = ECN_CE; /* not data */
    assert_int_equal(ecn_arrived(&e, &a), ECN_ACK_NO);
    /* Changes while that ACK waits: what met congestion is not forgotten. */
    a = (struct ecn_arrival){
        .field = ECN_CE, .len = MSS, .segs = 1, .unacked = true, .rcv_nxt = seq_of(8)};
    assert_int_equal(ecn_arrived(&e, &a), ECN_ACK_TWICE);
    assert_int_equal(e.before_ack.v, 7);
    assert_int_equal(ecn_before_flags(&e), ECE);
    ecn_before_sent(&e);
    a.field = ECN_ECT0;
    a.rcv_nxt = seq_of(9);
    assert_int_equal(ecn_arrived(&e, &a), ECN_ACK_TWICE);
    assert_int_equal(e.before_ack.v, 9);
}

/* Every byte is reported with the mark it came with, whatever the marks and the delayed ACKs. */
static void test_dctcp_counts(void **state)
{
    struct prng random = random_from(3);
    struct tcp_ecn r = opened(ECN_CLASSIC), s = opened(ECN_CLASSIC);
    r.flags |= ECN_F_DCTCP;
    seq32 rcv_nxt = seq_of(0xfffff000), acked = rcv_nxt;
    uint64_t marked = 0, told = 0;
    uint32_t chance = 2;

    for (int i = 0; i < 100000; i++) {
        if (prng_below(&random, 50) == 0) {
            chance = 1 + prng_below(&random, 20);
        }
        uint8_t field = prng_below(&random, chance) == 0 ? ECN_CE : ECN_ECT0;
        uint32_t len = 1 + prng_below(&random, MSS);
        struct ecn_arrival a = {.field = field,
                                .len = len,
                                .segs = 1,
                                .unacked = !seq_eq(acked, rcv_nxt),
                                .rcv_nxt = rcv_nxt};
        enum ecn_ack what = ecn_arrived(&r, &a);
        rcv_nxt = seq_add(rcv_nxt, len);
        marked += field == ECN_CE ? len : 0;
        for (int n = 0; n < 2; n++) {
            bool before = n == 0;
            if (before ? what != ECN_ACK_TWICE : what == ECN_ACK_NO && prng_below(&random, 2)) {
                continue;
            }
            seq32 to = before ? r.before_ack : rcv_nxt;
            struct wire_tcp h = header(before ? ecn_before_flags(&r) : ecn_flags(&r, true, false));
            struct ecn_echo echo = {
                .h = &h, .acked = seq_len(acked, to), .mss = MSS, .snd_una = to, .newer = true};
            told += ecn_feedback(&s, &echo).ce_bytes;
            acked = to;
            if (before) {
                ecn_before_sent(&r);
            } else {
                ecn_sent(&r, &h, false, true);
            }
        }
    }
    struct wire_tcp h = header(ecn_flags(&r, true, false));
    struct ecn_echo echo = {.h = &h, .acked = seq_len(acked, rcv_nxt), .mss = MSS};
    told += ecn_feedback(&s, &echo).ce_bytes;
    assert_int_equal(told, marked);
}

/* ---- accurate: receiver --------------------------------------------------------------------- */

/* RFC 9768 3.2.2.5.1 */
static void test_accurate_acks(void **state)
{
    struct tcp_ecn e = opened(ECN_ACCURATE);
    struct wire_tcp h = header(0);
    assert_int_equal(data_arrives(&e, ECN_ECT0, 0), ECN_ACK_NO);
    assert_int_equal(data_arrives(&e, ECN_CE, 0), ECN_ACK_NOW); /* a change to CE */
    ecn_sent(&e, &h, false, true);
    assert_int_equal(data_arrives(&e, ECN_CE, 0), ECN_ACK_NO);
    assert_int_equal(data_arrives(&e, ECN_CE, 0), ECN_ACK_NOW); /* the second */
    ecn_sent(&e, &h, false, true);
    assert_int_equal(data_arrives(&e, ECN_ECT0, 0), ECN_ACK_NO); /* back: no trigger */
    ecn_sent(&e, &h, false, true);

    struct ecn_arrival ack = {.field = ECN_CE, .segs = 1};
    assert_int_equal(ecn_arrived(&e, &ack), ECN_ACK_NO);
    assert_int_equal(ecn_arrived(&e, &ack), ECN_ACK_NO);
    assert_int_equal(ecn_arrived(&e, &ack), ECN_ACK_NOW); /* the third, without data */
    ecn_sent(&e, &h, false, true);
    assert_int_equal(data_arrives(&e, ECN_CE, 0), ECN_ACK_NO); /* the packet before was CE */
    ack.unacked = true;
    assert_int_equal(ecn_arrived(&e, &ack), ECN_ACK_NOW);
    assert_int_equal(e.r_cep, 5 + 8);

    ecn_sent(&e, &h, false, true);
    ack.segs = 1000; /* merged */
    ack.len = 1000 * MSS;
    assert_int_equal(ecn_arrived(&e, &ack), ECN_ACK_NOW);
    assert_int_equal(e.r_cep, 5 + 1008);
    for (int i = 0; i < 10; i++) { /* whatever comes, an ACK leaves before the field cycles */
        ecn_sent(&e, &h, false, true);
        for (int n = 1; n <= 3; n++) {
            ack = (struct ecn_arrival){.field = ECN_CE, .segs = 1};
            if (ecn_arrived(&e, &ack) == ECN_ACK_NOW) {
                break;
            }
            assert_true(n < 3);
        }
    }
}

static void test_accurate_counters(void **state)
{
    struct tcp_ecn e = opened(ECN_ACCURATE);
    static const uint8_t fields[] = {ECN_ECT0, ECN_NOT_ECT, ECN_CE, ECN_ECT1, ECN_ECT0};
    for (size_t i = 0; i < sizeof(fields); i++) {
        data_arrives(&e, fields[i], AE | CWR | ECE);
    }
    assert_int_equal(e.r_bytes[ECN_ECT0 - 1], 1 + 2 * MSS);
    assert_int_equal(e.r_bytes[ECN_ECT1 - 1], 1 + MSS);
    assert_int_equal(e.r_bytes[ECN_CE - 1], MSS);
    assert_int_equal(e.r_cep, 6);
    struct wire_tcp h = header(0);
    ecn_option_fill(&e, false, 40, &h);
    assert_int_equal(h.options, WIRE_TCP_ECN0);
    assert_int_equal(h.ecn_n, 3);
    assert_int_equal(h.ecn[0], 1 + 2 * MSS);
    assert_int_equal(h.ecn[1], MSS);
    assert_int_equal(h.ecn[2], 1 + MSS);
    ecn_sent(&e, &h, false, true);
    assert_int_equal(ecn_option_bytes(&e, false, 40), 0); /* nothing changed since */
    data_arrives(&e, ECN_CE, 0);
    assert_int_equal(ecn_option_bytes(&e, false, 40), 12);
    assert_int_equal(ecn_option_bytes(&e, false, 11), 8); /* without what did not change */
    assert_int_equal(ecn_option_bytes(&e, false, 7), 0);
    e.r_bytes[ECN_CE - 1] = 0x1fffffe;
    h = header(0);
    ecn_option_fill(&e, false, 8, &h);
    assert_int_equal(h.ecn[1], 0xfffffe); /* 24 bits */
}

/* Does an option tell a counter? */
static bool tells(struct ecn_option o, enum ecn_field field)
{
    enum ecn_field first = o.order == WIRE_TCP_ECN1 ? ECN_ECT1 : ECN_ECT0;
    if (o.order == 0) {
        return false;
    }
    return field == ECN_CE ? o.n >= 2 : field == first ? o.n >= 1 : o.n == 3;
}

/* RFC 9768 3.2.3.3: all that changed or nothing; all that ever did if there is room; no field that
 * could be left away. */
static void test_option_choice(void **state)
{
    static const uint8_t bytes[] = {4, 8, 8, 12};
    for (uint8_t set = 0; set < 64; set++) {
        uint8_t ever = set >> 3, changed = set & 7;
        for (uint32_t room = 0; room <= 40; room++) {
            struct ecn_option o = ecn_option_choose(ever, changed, room);
            uint8_t told = 0;
            for (int f = ECN_ECT1; f <= ECN_CE; f++) {
                told |= tells(o, (enum ecn_field)f) ? ECN_BIT(f) : 0;
            }
            if (o.order) {
                assert_true(bytes[o.n] <= room);
                assert_int_equal(changed & ~told, 0);
            }
            if (room >= 12) {
                assert_int_equal((ever | changed) & ~told, 0);
                assert_true(o.n <= 1 || (ever | changed) & told & ECN_BIT(ECN_CE) || o.n == 3);
            }
            if (room < 4) {
                assert_int_equal(o.order, 0);
            }
            uint8_t both = ECN_BIT(ECN_ECT0) | ECN_BIT(ECN_ECT1);
            if (room >= 8 && (changed & both) != both) {
                assert_int_not_equal(o.order, 0);
            }
        }
    }
    assert_int_equal(ecn_option_choose(0, ECN_BIT(ECN_ECT0), 40).n, 1); /* the text's examples */
    assert_int_equal(ecn_option_choose(2, ECN_BIT(ECN_CE), 40).n, 2);
    assert_int_equal(ecn_option_choose(0, ECN_BIT(ECN_ECT1), 40).order, WIRE_TCP_ECN1);
    assert_int_equal(ecn_option_choose(0, 0, 4).n, 0); /* a test, the empty one */
    assert_int_equal(ecn_option_choose(0, 0, 4).order, WIRE_TCP_ECN0);
    assert_int_equal(ecn_option_choose(0, 0, 8).n, 1);
}

/* ---- accurate: sender ----------------------------------------------------------------------- */

/* RFC 9768 A.2.1 and A.2.2, the examples of the text. */
static void test_safest(void **state)
{
    assert_int_equal(ecn_safest(2, 9 * 1460, 1460, -1), 2);
    assert_int_equal(ecn_safest(2, 10 * 1460, 1460, -1), 10);
    assert_int_equal(ecn_safest(0, 8 * 1460, 1460, 1460), 8);
    assert_int_equal(ecn_safest(2, 10 * 1460, 1460, 1460), 2);
    assert_int_equal(ecn_safest(7, 15 * 1460, 1460, 10200), 7);
    assert_int_equal(ecn_safest(5, 1460, 1460, -1), 5); /* more than were acknowledged */
    assert_int_equal(ecn_safest(7, UINT32_MAX, 1, INT32_MAX), INT32_MAX);
    assert_int_equal(ecn_safest(7, UINT32_MAX, 1, -1), UINT32_MAX);
    assert_int_equal(ecn_safest(4, 40 * 1460, 1460, 20 * 1460), 20); /* where the text says 36 */
    assert_int_equal(ecn_safest(3, 1000, 0, -1), 3);
    for (uint32_t least = 0; least < 8; least++) {
        for (uint32_t packets = 0; packets < 100; packets++) {
            uint32_t n = ecn_safest(least, packets * 1460, 1460, -1);
            assert_int_equal(n % 8, least);
            assert_true(n == least || n <= packets);
            assert_true(n + 8 > packets); /* the most there can have been */
        }
    }
}

static struct ecn_news ack_comes(struct tcp_ecn *e, uint32_t ace, uint32_t acked, int64_t ceb)
{
    struct wire_tcp h = header(ecn_ace_flags(ace));
    if (ceb >= 0) {
        h.options = WIRE_TCP_ECN0;
        h.ecn_n = 2;
        h.ecn[0] = 1;
        h.ecn[1] = (uint32_t)ceb & WIRE_ECN_MASK;
    }
    struct ecn_echo echo = {.h = &h, .acked = acked, .mss = 1460, .newer = acked != 0};
    return ecn_feedback(e, &echo);
}

static void test_feedback(void **state)
{
    struct tcp_ecn e = opened(ECN_ACCURATE);
    struct ecn_news n = ack_comes(&e, 5, 1460, -1);
    assert_false(n.congested);
    n = ack_comes(&e, 6, 2920, -1); /* A.3: bytes from packets */
    assert_int_equal(n.ce_packets, 1);
    assert_int_equal(n.ce_bytes, 1460);
    n = ack_comes(&e, 0, 1000, -1);
    assert_int_equal(n.ce_packets, 2);
    assert_int_equal(n.ce_bytes, 1000); /* no more than there were */
    n = ack_comes(&e, 3, 0, -1);        /* nothing new: superseded */
    assert_false(n.congested);
    assert_int_equal(e.s_cep, 8);

    /* A.1: the example of the text. */
    e = opened(ECN_ACCURATE);
    e.flags |= ECN_F_HEARD;
    e.s_ceb = 33554433;
    n = ack_comes(&e, 6, 1460, 1461);
    assert_int_equal(n.ce_bytes, 1460);
    assert_int_equal(e.s_ceb, 33555893);
    assert_int_equal(n.ce_packets, 1);
    /* Estimates are corrected by the next option. */
    n = ack_comes(&e, 0, 2 * 1460, -1);
    assert_int_equal(n.ce_bytes, 2 * 1460);
    n = ack_comes(&e, 0, 100, 1461 + 1500);
    assert_int_equal(n.ce_bytes, 0);
    assert_int_equal(e.s_ceb, 33555893 + 1500);
    assert_false(n.congested);
    /* An older ACK that is not known as such by its number. */
    struct wire_tcp h = header(ecn_ace_flags(7));
    h.options = WIRE_TCP_ECN1;
    h.ecn_n = 2;
    h.ecn[1] = 1461;
    struct ecn_echo old = {.h = &h, .acked = 1460, .mss = 1460};
    assert_false(ecn_feedback(&e, &old).congested);
    assert_int_equal(e.s_ceb, 33555893 + 1500);
    /* A counter that makes no sense cannot silence the packet counter. */
    n = ack_comes(&e, 2, 1460, 0x900000);
    assert_int_equal(n.ce_packets, 2);
    assert_true(n.congested);
    n = ack_comes(&e, 3, 1460, 0x900000 + 1460);
    assert_int_equal(n.ce_packets, 1);
    assert_int_equal(ack_comes(&e, 4, 1460, 0x900000 + 2920).ce_bytes, 1460);
    for (uint32_t field = 0; field <= WIRE_ECN_MASK; field += 4093) { /* nothing breaks */
        for (uint32_t ace = 0; ace < 8; ace++) {
            e = opened(ECN_ACCURATE);
            e.s_cep = UINT32_MAX - ace;
            e.s_ceb = field * 77;
            (void)ack_comes(&e, 7 - ace, field * 3, field);
            (void)ack_comes(&e, ace, UINT32_MAX, WIRE_ECN_MASK - field);
        }
    }
}

/* RFC 9768 3.2.2.4: zero at first; later it is a number like others. */
static void test_zeroed(void **state)
{
    struct tcp_ecn e = opened(ECN_ACCURATE);
    assert_false(ack_comes(&e, 0, 1460, -1).congested);
    assert_int_equal(ecn_codepoint(&e, 1, true), ECN_NOT_ECT);
    assert_false(ack_comes(&e, 3, 1460, -1).congested);
    for (uint32_t ace = 1; ace < 8; ace++) { /* but all others may be a peer of the future */
        e = opened(ECN_ACCURATE);
        (void)ack_comes(&e, ace, 1460, -1);
        assert_int_equal(ecn_codepoint(&e, 1, true), ECN_ECT0);
    }
    e = opened(ECN_ACCURATE);
    (void)ack_comes(&e, 5, 1460, -1);
    assert_int_equal(ack_comes(&e, 0, 3 * 1460, -1).ce_packets, 3);
    assert_int_equal(ecn_codepoint(&e, 1, true), ECN_ECT0);
}

/* RFC 9768 3.2.2.3: marks on everything for four round trips are no congestion ... */
static void test_continuous(void **state)
{
    for (int unmarked = 0; unmarked < 2; unmarked++) {
        struct tcp_ecn e = opened(ECN_ACCURATE);
        uint32_t ace = 5;
        bool heard = true;
        for (int i = 0; i < 60; i++) {
            ace += unmarked && i == 30 ? 0 : 1;
            struct wire_tcp h = header(ecn_ace_flags(ace));
            struct ecn_echo echo = {
                .h = &h, .acked = 1460, .mss = 1460, .newer = true, .round = (uint8_t)(i / 10)};
            heard = ecn_feedback(&e, &echo).congested;
        }
        assert_int_equal(heard, unmarked);
        assert_int_equal(ecn_codepoint(&e, 1, true), unmarked ? ECN_ECT0 : ECN_NOT_ECT);
    }
}

/* RFC 9768 3.2.3.2.5: ... and bytes without a packet are no mark. */
static void test_inconsistent(void **state)
{
    struct tcp_ecn e = opened(ECN_ACCURATE);
    (void)ack_comes(&e, 5, 1460, 0);
    (void)ack_comes(&e, 5, 1460, 1460);
    assert_int_equal(ecn_codepoint(&e, 1, true), ECN_NOT_ECT);
    e = opened(ECN_ACCURATE);
    (void)ack_comes(&e, 5, 1460, 0);
    (void)ack_comes(&e, 5, 8 * 1460, 8 * 1460); /* eight are possible */
    assert_int_equal(ecn_codepoint(&e, 1, true), ECN_ECT0);
    assert_int_equal(e.s_cep, 13);
}

/* ---- accurate: both ends -------------------------------------------------------------------- */

struct wire_case {
    uint32_t ack_loss;    /* of 100 */
    uint32_t option_loss; /* of 100: a header without room, or a middlebox */
    uint32_t least_len;
    uint32_t acks_each; /* one ACK for so many segments at least */
};

/* Data with random marks, ACKs of which some are lost. The sender's byte counter agrees exactly
 * after each option; its packet counter is never behind by more than the ACKs that are missing. */
static void run_wire(const struct wire_case *c, uint8_t seed)
{
    struct prng random = random_from(seed);
    struct tcp_ecn r = opened(ECN_ACCURATE), s = opened(ECN_ACCURATE);
    uint32_t rcv = 0, acked = 0, waiting = 0, chance = 2;
    uint64_t marked = 0, packets = 0, told = 0, told_packets = 0;
    uint64_t known = 0, known_packets = 0;

    r.r_bytes[ECN_CE - 1] = s.s_ceb = 0xffff00; /* soon behind the wrap */
    r.r_cep = s.s_cep = 0xfffffffd;
    for (int i = 0; i < 60000; i++) {
        if (prng_below(&random, 200) == 0) {
            chance = 1 + prng_below(&random, 30);
        }
        uint32_t len = c->least_len + prng_below(&random, MSS - c->least_len + 1);
        uint8_t field = prng_below(&random, chance) == 0 ? ECN_CE : ECN_ECT0;
        struct ecn_arrival a = {.field = field, .len = len, .segs = 1, .unacked = waiting != 0};
        bool now = ecn_arrived(&r, &a) != ECN_ACK_NO;
        rcv += len;
        waiting++;
        marked += field == ECN_CE ? len : 0;
        packets += field == ECN_CE;
        if (!now && waiting < c->acks_each) {
            continue;
        }
        struct wire_tcp h = header(ecn_flags(&r, true, false));
        bool option = prng_below(&random, 100) >= c->option_loss;
        ecn_option_fill(&r, false, option ? 40 : 0, &h);
        ecn_sent(&r, &h, false, true);
        waiting = 0;
        if (prng_below(&random, 100) < c->ack_loss) {
            continue;
        }
        struct ecn_echo echo = {.h = &h, .acked = rcv - acked, .mss = MSS, .newer = true};
        acked = rcv;
        known = marked;
        known_packets = packets;
        struct ecn_news n = ecn_feedback(&s, &echo);
        told += n.ce_bytes;
        told_packets += n.ce_packets;
        assert_int_equal(s.s_cep & 7, r.r_cep & 7);
        if (h.ecn_n >= 2) {
            assert_int_equal(s.s_ceb & WIRE_ECN_MASK, r.r_bytes[ECN_CE - 1] & WIRE_ECN_MASK);
            if (c->option_loss == 0) {
                assert_int_equal(told, marked);
            }
        }
        if (c->least_len == MSS && c->option_loss == 100 && c->ack_loss < 20) {
            assert_true(told_packets >= packets); /* the safest case */
        }
        if (c->ack_loss == 0) {
            assert_int_equal(told_packets, packets);
        }
    }
    assert_int_equal(ecn_codepoint(&s, 1, true), ECN_ECT0); /* nothing looked like mangling */
    if (c->option_loss < 100) {
        assert_in_range(told, known, known + known / 4);
        assert_in_range(told_packets * 20, known_packets * 18, known_packets * 22);
    }
}

static void test_wires(void **state)
{
    static const struct wire_case cases[] = {
        {0, 0, 1, 2},    {0, 0, MSS, 2},  {0, 100, 1, 2},    {0, 100, MSS, 1},  {0, 50, 300, 2},
        {30, 0, MSS, 2}, {30, 0, 400, 3}, {15, 100, MSS, 2}, {70, 100, MSS, 2}, {70, 0, MSS, 2},
        {10, 30, 1, 2},  {95, 0, 700, 2}, {0, 0, 1, 6},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        for (uint8_t seed = 1; seed <= 3; seed++) {
            run_wire(&cases[i], seed);
        }
    }
}

/* Who acknowledges a dozen segments at a time did not lose the ACKs between: no invented marks. */
static void test_rare_acks(void **state)
{
    struct tcp_ecn s = opened(ECN_ACCURATE);
    uint32_t told = 0;
    for (int i = 0; i < 200; i++) {
        uint32_t ace = 5 + (i >= 100);
        told += ack_comes(&s, ace, i < 20 ? 2 * 1460 : 12 * 1460, -1).ce_packets;
        if (i == 60) {
            told = 0; /* it took a while to see it */
        }
    }
    assert_int_equal(told, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ace_is_the_three_flags),
        cmocka_unit_test(test_syn_flags),
        cmocka_unit_test(test_client_modes),
        cmocka_unit_test(test_server_modes),
        cmocka_unit_test(test_handshakes),
        cmocka_unit_test(test_second_syn),
        cmocka_unit_test(test_syn_ack_again),
        cmocka_unit_test(test_client_fell_back),
        cmocka_unit_test(test_third_segment),
        cmocka_unit_test(test_cookies),
        cmocka_unit_test(test_classic_receiver),
        cmocka_unit_test(test_classic_sender),
        cmocka_unit_test(test_codepoint),
        cmocka_unit_test(test_none),
        cmocka_unit_test(test_dctcp_states),
        cmocka_unit_test(test_dctcp_counts),
        cmocka_unit_test(test_accurate_acks),
        cmocka_unit_test(test_accurate_counters),
        cmocka_unit_test(test_option_choice),
        cmocka_unit_test(test_safest),
        cmocka_unit_test(test_feedback),
        cmocka_unit_test(test_zeroed),
        cmocka_unit_test(test_continuous),
        cmocka_unit_test(test_inconsistent),
        cmocka_unit_test(test_wires),
        cmocka_unit_test(test_rare_acks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SYN cookies (RFC 4987 3.6): what they keep, how long they last, and that none is taken that was
 * not given. */
#include "support/tcp_harness.h"

static const struct sip_key secret = {11, 22};

static struct flow_key a_key(uint16_t port)
{
    return (struct flow_key){.laddr = la_addr_v4(10, 0, 0, 1),
                             .raddr = la_addr_v4(10, 0, 0, 2),
                             .lport = 80,
                             .rport = port};
}

/* The ACK that gives a cookie back. */
static struct tcp_segment third(seq32 cookie, uint32_t irs, bool ts, uint32_t bits)
{
    struct tcp_segment seg = {.seq = seq_of(irs + 1), .ack = seq_add(cookie, 1), .segs = 1};
    seg.h.flags = ACK;
    seg.h.options = ts ? WIRE_TCP_TS : 0;
    seg.h.tsecr = 0xabcd1200 | bits;
    seg.h.tsval = 4242;
    return seg;
}

static uint16_t kept_mss(uint16_t mss)
{
    static const uint16_t values[] = {64, 536, 1220, 1380, 1400, 1440, 1460, 8940};
    uint16_t best = 64;
    for (unsigned i = 0; i < 8; i++) {
        best = values[i] <= mss ? values[i] : best;
    }
    return best;
}

/* The largest of eight values that is not above the peer's MSS; RFC 9293 MUST-15: 536 without. */
static void every_mss(void **state)
{
    struct flow_key key = a_key(1);
    struct tcp_handshake s;
    for (uint32_t mss = 0; mss <= UINT16_MAX; mss += mss < 9000 ? 1 : 997) {
        seq32 cookie = tcp_cookie_make(&secret, &key, seq_of(7), 1000, (uint16_t)mss, 0);
        struct tcp_segment seg = third(cookie, 7, false, 0);
        assert_true(tcp_cookie_check(&secret, &seg, &key, 1000, &s));
        assert_int_equal(s.peer_mss, kept_mss(mss ? (uint16_t)mss : 536));
        assert_int_equal(s.irs.v, 7);
        assert_int_equal(s.iss.v, cookie.v);
        assert_int_equal(s.flags, 0);
    }
}

/* Window scale, SACK and classic ECN come back through the timestamp. */
static void every_option(void **state)
{
    struct flow_key key = a_key(1);
    for (unsigned n = 0; n < 2 * 2 * 2 * 15; n++) {
        struct tcp_handshake s, in = {.flags = TCP_F_TS, .snd_wscale = (uint8_t)(n / 8)};
        in.ecn.mode = n & 4 ? ECN_CLASSIC : n & 1 ? ECN_ACCURATE : ECN_NONE;
        in.flags |= n & 1 ? TCP_F_SACK : 0;
        in.flags |= n & 2 ? TCP_F_WSCALE : 0;
        uint32_t bits = tcp_cookie_bits(&in);
        assert_in_range(bits, 0, TCP_COOKIE_BITS);
        seq32 cookie = tcp_cookie_make(&secret, &key, seq_of(7), 1000, 1460, bits);
        struct tcp_segment seg = third(cookie, 7, true, bits);
        assert_true(tcp_cookie_check(&secret, &seg, &key, 1000, &s));
        assert_int_equal(s.flags, in.flags);
        assert_int_equal(s.snd_wscale, n & 2 ? in.snd_wscale : 0);
        assert_int_equal(s.ecn.mode, n & 4 ? ECN_CLASSIC : ECN_NONE);
        assert_int_equal(s.ts_recent, 4242);
        /* Other bits than were given are refused: they are part of the hash. */
        for (uint32_t other = 0; other <= TCP_COOKIE_BITS; other++) {
            seg = third(cookie, 7, true, other);
            assert_int_equal(tcp_cookie_check(&secret, &seg, &key, 1000, &s), other == bits);
        }
        seg = third(cookie, 7, false, 0);
        assert_false(tcp_cookie_check(&secret, &seg, &key, 1000, &s));
    }
    struct tcp_handshake plain = {.flags = TCP_F_SACK | TCP_F_WSCALE, .snd_wscale = 7};
    plain.ecn.mode = ECN_CLASSIC;
    assert_int_equal(tcp_cookie_bits(&plain), 0); /* without timestamps they are lost */
}

/* Taken in its period and the next one, not in the third, nor before it was given. */
static void two_periods(void **state)
{
    struct flow_key key = a_key(1);
    struct tcp_handshake s;
    for (uint64_t period = 1; period < 200; period++) {
        uint64_t at = period * TCP_COOKIE_PERIOD_S;
        seq32 cookie = tcp_cookie_make(&secret, &key, seq_of(7), at + 63, 1460, 0);
        struct tcp_segment seg = third(cookie, 7, false, 0);
        assert_true(tcp_cookie_check(&secret, &seg, &key, at + 63, &s));
        assert_true(tcp_cookie_check(&secret, &seg, &key, at + 127, &s));
        for (uint64_t later = 2; later < 100; later++) {
            assert_false(tcp_cookie_check(&secret, &seg, &key, at + 64 * later, &s));
        }
        assert_false(tcp_cookie_check(&secret, &seg, &key, at - 1, &s));
    }
}

/* For another tuple, another number of the peer or another key it is none. */
static void for_nobody_else(void **state)
{
    struct flow_key key = a_key(1), other = key;
    struct sip_key wrong = {secret.k0, secret.k1 + 1};
    struct tcp_handshake s;
    seq32 cookie = tcp_cookie_make(&secret, &key, seq_of(7), 1000, 1460, 0);
    struct tcp_segment seg = third(cookie, 7, false, 0);
    for (unsigned i = 0; i < 4; i++) {
        other = key;
        other.lport ^= i == 0;
        other.rport ^= i == 1;
        other.laddr.b[15] ^= i == 2;
        other.raddr.b[12] ^= i == 3;
        assert_false(tcp_cookie_check(&secret, &seg, &other, 1000, &s));
    }
    assert_false(tcp_cookie_check(&wrong, &seg, &key, 1000, &s));
    seg = third(cookie, 8, false, 0);
    assert_false(tcp_cookie_check(&secret, &seg, &key, 1000, &s));
    seg = third(cookie, 7, false, 0);
    for (unsigned bit = 0; bit < 32; bit++) {
        seg.ack = seq_add(seq_of(cookie.v ^ 1U << bit), 1);
        assert_false(tcp_cookie_check(&secret, &seg, &key, 1000, &s));
    }
}

/* Guessing: 24 bits of hash, so of 2^18 random ACKs about one in 2^27 is taken; none is. */
static void forged(void **state)
{
    struct flow_key key = a_key(1);
    struct tcp_handshake s;
    uint64_t seed = 99;
    unsigned taken = 0;
    for (unsigned i = 0; i < 1U << 18; i++) {
        uint64_t r = random_u64(&seed);
        struct tcp_segment seg = third(seq_of((uint32_t)r), (uint32_t)(r >> 32), false, 0);
        taken += tcp_cookie_check(&secret, &seg, &key, 1000, &s);
    }
    assert_int_equal(taken, 0);
}

/* The SYN-ACK of a cookie carries the bits, in a timestamp that later ones do not fall behind. */
static void in_the_syn_ack(void **state)
{
    static struct tcp_harness h;
    for (uint32_t iss = 0; iss < 200; iss++) {
        tcp_begin(&h, iss * 1000, 5, true, false);
        h.options.timestamps = h.options.sack = h.options.window_scale = true;
        struct tcp_handshake s = {.flags = TCP_F_TS | TCP_F_SACK | TCP_F_WSCALE, .snd_wscale = 9};
        struct wire_tcp cookie = {0}, plain = {0};
        tcp_syn_ack(&s, &h.key, &h.options, 1500, &h.env, true, &cookie);
        tcp_syn_ack(&s, &h.key, &h.options, 1500, &h.env, false, &plain);
        assert_int_equal(cookie.tsval & TCP_COOKIE_BITS, tcp_cookie_bits(&s));
        assert_in_range(plain.tsval - cookie.tsval, 1, 2 * TCP_COOKIE_BITS + 1);
        tcp_finish(&h);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_mss),   cmocka_unit_test(every_option),
        cmocka_unit_test(two_periods), cmocka_unit_test(for_nobody_else),
        cmocka_unit_test(forged),      cmocka_unit_test(in_the_syn_ack),
    };
    return cmocka_run_group_tests_name("core/tcp/cookie", tests, NULL, NULL);
}

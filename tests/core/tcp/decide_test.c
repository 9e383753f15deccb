/* The pure decisions, exhaustively over small windows at many places of the sequence space, against
 * models in 64 bits that walk through the numbers one by one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <lastack/trace.h>

#include "tcp/decide.h"

#include <cmocka.h> /* last: it makes `fail` a macro */

#define W 9 /* windows and segments up to here */

static const uint32_t bases[] = {0,          1,          1000,       0x7ffffff0, 0x7fffffff,
                                 0x80000000, 0xfffffff0, 0xfffffffb, 0xffffffff};
#define BASES (sizeof(bases) / sizeof(bases[0]))

/* RFC 9293 3.10.7.4, first, table 6: is the first or the last number of the segment in the window?
 * One that reaches out on both sides is neither, and is refused. */
static bool model_acceptable(int64_t nxt, int64_t wnd, int64_t seq, int64_t len)
{
    if (len == 0) {
        return wnd == 0 ? seq == nxt : seq >= nxt && seq < nxt + wnd;
    }
    int64_t last = seq + len - 1;
    return wnd != 0 && ((seq >= nxt && seq < nxt + wnd) || (last >= nxt && last < nxt + wnd));
}

static void sequence_acceptable(void **state)
{
    for (unsigned b = 0; b < BASES; b++) {
        for (int64_t wnd = 0; wnd <= W; wnd++) {
            for (int64_t seq = -2 * W; seq <= 2 * W; seq++) {
                for (int64_t len = 0; len <= 3 * W; len++) {
                    bool got = tcp_seq_acceptable(seq_of(bases[b]), (uint32_t)wnd,
                                                  seq_of(bases[b] + (uint32_t)seq), (uint32_t)len);
                    assert_int_equal(got, model_acceptable(0, wnd, seq, len));
                }
            }
        }
    }
    assert_false(tcp_seq_acceptable(seq_of(100), 10, seq_of(99), 12)); /* straddles both edges */
}

/* RFC 5961 3.2; RFC 9293 MUST-66: exact also when the window is closed. */
static void reset_acceptable(void **state)
{
    for (unsigned b = 0; b < BASES; b++) {
        for (int64_t wnd = 0; wnd <= W; wnd++) {
            for (int64_t seq = -2 * W; seq <= 2 * W; seq++) {
                enum tcp_rst_verdict want = seq == 0               ? TCP_RST_ACCEPT
                                            : seq > 0 && seq < wnd ? TCP_RST_CHALLENGE
                                                                   : TCP_RST_DROP;
                assert_int_equal(tcp_rst_verdict(seq_of(bases[b]), (uint32_t)wnd,
                                                 seq_of(bases[b] + (uint32_t)seq)),
                                 want);
            }
        }
    }
}

/* RFC 5961 5.2 (MAY-12). */
static void ack_acceptable(void **state)
{
    for (unsigned b = 0; b < BASES; b++) {
        for (int64_t flight = 0; flight <= W; flight++) {
            for (int64_t most = 0; most <= W; most++) {
                for (int64_t ack = -2 * W; ack <= 2 * W; ack++) {
                    enum tcp_ack_verdict want = ack > flight  ? TCP_ACK_TOO_NEW
                                                : ack > 0     ? TCP_ACK_NEW
                                                : ack == 0    ? TCP_ACK_SAME
                                                : ack < -most ? TCP_ACK_TOO_OLD
                                                              : TCP_ACK_OLD;
                    assert_int_equal(
                        tcp_ack_verdict(seq_of(bases[b]), seq_of(bases[b] + (uint32_t)flight),
                                        (uint32_t)most, seq_of(bases[b] + (uint32_t)ack)),
                        want);
                }
            }
        }
    }
    assert_int_equal(tcp_ack_verdict(seq_of(5), seq_of(9), 65535, seq_of(9 + 0x7fffffffU)),
                     TCP_ACK_TOO_NEW);
}

/* "If (SND.WL1 < SEG.SEQ or (SND.WL1 = SEG.SEQ and SND.WL2 =< SEG.ACK))". */
static void window_update(void **state)
{
    for (unsigned b = 0; b < BASES * BASES; b++) {
        uint32_t s = bases[b % BASES], a = bases[b / BASES];
        for (int seq = -W; seq <= W; seq++) {
            for (int ack = -W; ack <= W; ack++) {
                bool want = 0 < seq || (0 == seq && 0 <= ack);
                assert_int_equal(tcp_window_update_ok(seq_of(s), seq_of(a),
                                                      seq_of(s + (uint32_t)seq),
                                                      seq_of(a + (uint32_t)ack)),
                                 want);
            }
        }
    }
}

static void duplicate_ack(void **state)
{
    for (unsigned bits = 0; bits < 16; bits++) {
        bool out = bits & 1, data = bits & 2, changed = bits & 4, other = bits & 8;
        assert_int_equal(tcp_duplicate_ack(out, data ? 7 : 0, changed, seq_of(UINT32_MAX),
                                           seq_of(other ? 0 : UINT32_MAX)),
                         out && !data && !changed && !other);
    }
}

/* RFC 7323 5.3, 5.5. */
static void paws(void **state)
{
    const uint32_t days24 = 24 * 86400;
    for (unsigned b = 0; b < BASES; b++) {
        for (int32_t d = -W; d <= W; d++) {
            uint32_t val = bases[b] + (uint32_t)d;
            assert_int_equal(tcp_paws_ok(bases[b], val, 0), d >= 0);
            assert_int_equal(tcp_paws_ok(bases[b], val, days24), d >= 0);
            assert_true(tcp_paws_ok(bases[b], val, days24 + 1));
        }
        assert_true(tcp_paws_ok(bases[b], bases[b] + 0x7fffffff, 0));
        assert_false(tcp_paws_ok(bases[b], bases[b] + 0x80000000, 0));
    }
}

/* RFC 9293 3.8.6.3: SHLD-18, SHLD-19. */
static void ack_policy(void **state)
{
    for (uint32_t mss = 1; mss < 40; mss++) {
        for (uint32_t bytes = 0; bytes < 100; bytes++) {
            enum tcp_ack_policy want = bytes == 0         ? TCP_ACK_NONE
                                       : bytes >= 2 * mss ? TCP_ACK_NOW
                                                          : TCP_ACK_DELAY;
            assert_int_equal(tcp_ack_policy(bytes, 2 * mss), want);
        }
    }
}

/* RFC 9293 3.8.6, MUST-34: U = SND.UNA + SND.WND - SND.NXT, which may be negative; REC-1.
 * RFC 6675 5: and what the congestion window has left. */
static void usable_window(void **state)
{
    for (int64_t out = 0; out <= W; out++) {
        for (int64_t wnd = 0; wnd <= 2 * W; wnd++) {
            for (int64_t flight = 0; flight <= out; flight++) {
                for (int64_t cwnd = 1; cwnd <= 2 * W; cwnd++) {
                    int64_t theirs = wnd - out;
                    int64_t ours = cwnd - flight;
                    int64_t want = theirs < ours ? theirs : ours;
                    assert_int_equal(tcp_usable_window((uint32_t)out, (uint32_t)wnd,
                                                       (uint32_t)flight, (uint32_t)cwnd),
                                     want > 0 ? want : 0);
                }
            }
        }
    }
    assert_int_equal(tcp_usable_window(0, 1U << 30, 0, UINT32_MAX), 1U << 30);
}

/* RFC 9293 3.8.6.2.1 (MUST-38) with Nagle's brackets (3.7.4, SHLD-7, MUST-17), one segment at a
 * time: the four cases as the text has them, and what CORK and a FIN add to them. */
static bool model_segment(const struct tcp_send_question *q, uint32_t d, uint32_t u, bool first,
                          uint32_t *len)
{
    uint32_t least = d < u ? d : u;
    bool brackets = !q->outstanding || q->nodelay;
    *len = least < q->mss ? least : q->mss;
    if (least == 0) {
        return false;
    }
    if (least >= q->mss) {
        return true; /* (1) */
    }
    if (d <= u && (q->fin || (brackets && !q->hold))) {
        return true; /* (2) */
    }
    if (d > u && first && brackets && !q->hold && least >= q->snd_wnd_max / 2) {
        return true; /* (3), Fs = 1/2 */
    }
    return q->override && (d <= u || first); /* (4) */
}

static uint32_t model_may_send(const struct tcp_send_question *q)
{
    uint32_t d = q->unsent, u = q->usable, sum = 0, len;
    while (model_segment(q, d, u, sum == 0, &len)) {
        d -= len;
        u -= len;
        sum += len;
    }
    return sum;
}

static void may_send(void **state)
{
    for (uint32_t bits = 0; bits < 32; bits++) {
        for (uint32_t n = 0; n < 20 * 20 * 4 * 3; n++) {
            struct tcp_send_question q = {
                .unsent = n % 20,
                .usable = n / 20 % 20,
                .mss = 4 + n / 400 % 4,
                .snd_wnd_max = 6 * (n / 1600),
                .nodelay = bits & 1,
                .hold = bits & 2,
                .fin = bits & 4,
                .outstanding = bits & 8,
                .override = bits & 16,
            };
            assert_int_equal(tcp_may_send(&q), model_may_send(&q));
        }
    }
}

/* RFC 9293 3.8.6.2.2 (MUST-39): RCV.BUFF - RCV.USER - RCV.WND >= min(Fr * RCV.BUFF, Eff.snd.MSS);
 * SHLD-14: never less than was offered. */
static void window_to_offer(void **state)
{
    for (uint32_t buffer = 2; buffer < 30; buffer++) {
        for (uint32_t mss = 1; mss < 20; mss++) {
            for (uint32_t n = 0; n < 40 * 40; n++) {
                uint32_t offered = n % 40, room = n / 40;
                uint32_t step = mss < buffer / 2 ? mss : buffer / 2;
                uint32_t got = tcp_window_to_offer(offered, room, buffer, mss);
                bool opens = (int64_t)room - offered >= step;
                assert_int_equal(got, opens ? room : offered);
            }
        }
    }
}

static void window_shift(void **state)
{
    for (uint32_t bit = 0; bit < 32; bit++) {
        for (int d = -1; d <= 1; d++) {
            uint32_t buffer = (1U << bit) + (uint32_t)d;
            uint8_t shift = tcp_window_shift(buffer);
            assert_in_range(shift, 0, 14);
            assert_true(shift == 14 || buffer >> shift <= 65535);
            assert_true(shift == 0 || buffer >> (shift - 1) > 65535);
        }
    }
}

/* RFC 9293 3.7.1: MUST-15, MUST-16, MUST-67. */
static void effective_mss(void **state)
{
    assert_int_equal(tcp_effective_mss(0, 1500, true, 0, 0), 536);
    assert_int_equal(tcp_effective_mss(0, 1500, false, 0, 0), 1220);
    assert_int_equal(tcp_effective_mss(0, 296, true, 0, 0), 256);
    for (int v4 = 0; v4 < 2; v4++) {
        int64_t head = v4 ? 40 : 60;
        for (int64_t peer = 1; peer < 9000; peer += 37) {
            for (int64_t mtu = 0; mtu < 9000; mtu += 61) {
                for (int64_t options = 0; options <= 40; options += 10) {
                    for (int64_t most = 0; most < 2000; most += 700) {
                        int64_t want = peer < mtu - head ? peer : mtu - head;
                        want = most != 0 && want > most ? most : want;
                        want = want - options < 48 ? 48 : want - options;
                        assert_int_equal(tcp_effective_mss((uint16_t)peer, (uint32_t)mtu, v4,
                                                           (uint32_t)options, (uint16_t)most),
                                         want);
                    }
                }
            }
        }
    }
}

/* RFC 9293 3.6.1 MAY-2; RFC 6191 2 (SHLD-4), its rules one by one. */
static void time_wait_reusable(void **state)
{
    for (unsigned b = 0; b < BASES * BASES; b++) {
        uint32_t nxt = bases[b % BASES], ts = bases[b / BASES];
        for (int seq = -3; seq <= 3; seq++) {
            seq32 syn = seq_of(nxt + (uint32_t)seq);
            bool newer = seq > 0;
            for (int d = -3; d <= 3; d++) {
                bool want = d > 0 || (d == 0 && newer);
                assert_int_equal(
                    tcp_time_wait_reusable(seq_of(nxt), syn, true, ts, true, ts + (uint32_t)d),
                    want);
            }
            assert_int_equal(tcp_time_wait_reusable(seq_of(nxt), syn, true, ts, false, 0), newer);
            assert_true(tcp_time_wait_reusable(seq_of(nxt), syn, false, 0, true, ts));
            assert_int_equal(tcp_time_wait_reusable(seq_of(nxt), syn, false, 0, false, 0), newer);
        }
    }
}

/* RFC 9293 3.5.2, group 1, and 3.10.7.1. */
static void reset_for(void **state)
{
    for (uint16_t flags = 0; flags < 512; flags++) {
        for (unsigned b = 0; b < BASES; b++) {
            struct tcp_reset r = tcp_reset_for(seq_of(bases[b]), seq_of(77), flags, 5);
            if (flags & LA_TH_RST) {
                assert_int_equal(r.flags, 0); /* never to a reset */
            } else if (flags & LA_TH_ACK) {
                assert_int_equal(r.flags, LA_TH_RST);
                assert_int_equal(r.seq.v, 77);
            } else {
                assert_int_equal(r.flags, LA_TH_RST | LA_TH_ACK);
                assert_int_equal(r.seq.v, 0);
                assert_int_equal(r.ack.v, bases[b] + 5);
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sequence_acceptable),
        cmocka_unit_test(reset_acceptable),
        cmocka_unit_test(ack_acceptable),
        cmocka_unit_test(window_update),
        cmocka_unit_test(duplicate_ack),
        cmocka_unit_test(paws),
        cmocka_unit_test(ack_policy),
        cmocka_unit_test(usable_window),
        cmocka_unit_test(may_send),
        cmocka_unit_test(window_to_offer),
        cmocka_unit_test(window_shift),
        cmocka_unit_test(effective_mss),
        cmocka_unit_test(time_wait_reusable),
        cmocka_unit_test(reset_for),
    };
    return cmocka_run_group_tests_name("core/tcp/decide", tests, NULL, NULL);
}

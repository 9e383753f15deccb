/* The invariants that are functions of integers: what a correct connection does holds, and each
 * way to break one is found out by its name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <lastack/tcp.h>

#include "cc/cc.h"
#include "sim/rules.h"

#include <cmocka.h> /* last: it makes `fail` a macro */

#define MS       UINT64_C(1000000)
#define NOW      (UINT64_C(5000) * MS)
#define RTO_MAX  120000U
#define MSS      1000U
#define ISS      0xfffff000U /* the numbers wrap within the stream */
#define PEER_ISS 0x7ffff000U

static struct rule_view fresh(void)
{
    return (struct rule_view){
        .state = LA_TCP_ESTABLISHED,
        .phase = CC_OPEN,
        .ts = true,
        .mss = MSS,
        .rcv_mss = MSS,
        .iss = ISS,
        .irs = PEER_ISS,
        .snd_una = ISS + 1 + 10 * MSS,
        .snd_max = ISS + 1 + 20 * MSS,
        .snd_wnd_max = 50 * MSS,
        .rcv_nxt = PEER_ISS + 1 + 5000,
        .rcv_adv = PEER_ISS + 1 + 65000,
        .rcvbuf = 60000,
        .ts_recent = 7000,
        .ts_recent_s = 4,
        .last_ack_sent = PEER_ISS + 1 + 5000,
        .cwnd = 10 * MSS,
        .ssthresh = UINT32_MAX,
        .srtt_us8 = 80000,
        .rto_ms = 300,
        .delivered = 10 * MSS,
        .rtx_at_ns = NOW + 300 * MS,
        .ack_at_ns = UINT64_MAX,
    };
}

static struct rule_segment data(void)
{
    return (struct rule_segment){.seq = PEER_ISS + 1 + 5000,
                                 .ack = ISS + 1 + 12 * MSS,
                                 .tsval = 7001,
                                 .payload = MSS,
                                 .flags = LA_TH_ACK,
                                 .reason = LA_TAKE_DATA,
                                 .ts = true};
}

static void assert_holds(const char *why)
{
    if (why) {
        fail_msg("%s", why);
    }
}

static void assert_breaks(const char *why, const char *number)
{
    if (!why || strncmp(why, number, strlen(number)) != 0) {
        fail_msg("%s instead of %s", why ? why : "all holds", number);
    }
}

/* ---- pairs ---------------------------------------------------------------------------------- */

static struct rule_view peer_of(const struct rule_view *v)
{
    struct rule_view p = fresh();
    p.iss = v->irs;
    p.irs = v->iss;
    p.snd_una = p.iss + 1;
    return p;
}

static const char *pair(uint8_t a, uint8_t b)
{
    struct rule_view one = fresh(), two = peer_of(&one);
    one.state = a;
    two.state = b;
    const char *why = rules_pair(&one, &two);
    assert_true((why == NULL) == (rules_pair(&two, &one) == NULL));
    return why;
}

/* All pairs of states from ESTABLISHED on, against the table that follows from figure 5. */
static void states_beside_each_other(void **state)
{
    const uint8_t all[] = {LA_TCP_ESTABLISHED, LA_TCP_FIN_WAIT_1, LA_TCP_FIN_WAIT_2,
                           LA_TCP_CLOSE_WAIT,  LA_TCP_CLOSING,    LA_TCP_LAST_ACK,
                           LA_TCP_TIME_WAIT};
    /*                          ESTAB FW1 FW2 CW CLOSING LA TW */
    const char *possible[] = {/* ESTABLISHED */ "++-----",
                              /* FIN-WAIT-1  */ "++-+++-",
                              /* FIN-WAIT-2  */ "---+++-",
                              /* CLOSE-WAIT  */ "-++----",
                              /* CLOSING     */ "-++-+-+",
                              /* LAST-ACK    */ "-++---+",
                              /* TIME-WAIT   */ "----+++"};
    (void)state;
    for (unsigned a = 0; a < 7; a++) {
        for (unsigned b = 0; b < 7; b++) {
            if ((pair(all[a], all[b]) == NULL) != (possible[a][b] == '+')) {
                fail_msg("%u and %u: %s", all[a], all[b], pair(all[a], all[b]));
            }
        }
    }
    assert_breaks(pair(LA_TCP_CLOSE_WAIT, LA_TCP_ESTABLISHED), "I7");
    assert_breaks(pair(LA_TCP_FIN_WAIT_2, LA_TCP_ESTABLISHED), "I7");
}

static void open_by_the_right_numbers(void **state)
{
    (void)state;
    struct rule_view a = fresh(), b = peer_of(&a);
    b.state = LA_TCP_SYN_RECEIVED;
    assert_holds(rules_pair(&a, &b));
    b.state = LA_TCP_SYN_SENT;
    assert_breaks(rules_pair(&a, &b), "I8");
    a.state = LA_TCP_FIN_WAIT_1; /* from SYN-RECEIVED: the peer may not know yet */
    assert_holds(rules_pair(&a, &b));

    a = fresh();
    b = peer_of(&a);
    b.state = LA_TCP_SYN_RECEIVED;
    a.snd_una = a.iss;
    assert_breaks(rules_pair(&a, &b), "I8");
    a = fresh();
    b.irs++;
    assert_breaks(rules_pair(&a, &b), "I8");
}

/* ---- segments ------------------------------------------------------------------------------- */

static void resets(void **state)
{
    (void)state;
    struct rule_view v = fresh();
    struct rule_segment rst = data();
    rst.flags = LA_TH_RST;
    rst.payload = 0;
    rst.reason = LA_TAKE_RST;
    assert_holds(rules_taken(&v, NULL, &rst, 0, 0));
    rst.seq++;
    assert_breaks(rules_taken(&v, NULL, &rst, 0, 0), "I17");
    rst.reason = LA_DROP_RST_INEXACT;
    assert_holds(rules_taken(&v, &v, &rst, 0, 0));
    assert_breaks(rules_taken(&v, NULL, &rst, 0, 0), "I17");
    rst.reason = LA_DROP_PAWS;
    assert_breaks(rules_taken(&v, &v, &rst, 0, 0), "I28");
}

static void syns(void **state)
{
    (void)state;
    struct rule_view v = fresh(), moved = fresh();
    struct rule_segment syn = data();
    syn.flags = LA_TH_SYN;
    syn.reason = LA_DROP_SYN_SYNCHRONIZED;
    assert_holds(rules_taken(&v, &v, &syn, 0, 0));
    assert_breaks(rules_taken(&v, NULL, &syn, 0, 0), "I18");
    moved.rcv_nxt++;
    assert_breaks(rules_taken(&v, &moved, &syn, 0, 0), "I18");
    moved = fresh();
    moved.snd_una++;
    assert_breaks(rules_taken(&v, &moved, &syn, 0, 0), "I18");
}

static void ack_range(void **state)
{
    (void)state;
    struct rule_view v = fresh();
    struct rule_segment s = data();
    const uint16_t delivering[] = {LA_TAKE_DATA, LA_TAKE_DATA_EARLY, LA_TAKE_FIN};
    for (unsigned i = 0; i < 3; i++) {
        s.reason = delivering[i];
        s.ack = v.snd_max;
        assert_holds(rules_taken(&v, &v, &s, 0, 0));
        s.ack = v.snd_max + 1;
        assert_breaks(rules_taken(&v, &v, &s, 0, 0), "I19");
        s.ack = v.snd_una - v.snd_wnd_max;
        assert_holds(rules_taken(&v, &v, &s, 0, 0));
        s.ack--;
        assert_breaks(rules_taken(&v, &v, &s, 0, 0), "I19");
    }
    s.reason = LA_DROP_ACK_RANGE;
    assert_holds(rules_taken(&v, &v, &s, 0, 0));
    s.reason = LA_TAKE_DATA;
    s.payload = 0;
    assert_holds(rules_taken(&v, &v, &s, 0, 0));
}

static void last_timestamp(void **state)
{
    (void)state;
    struct rule_view before = fresh(), after = fresh();
    struct rule_segment s = data();
    after.ts_recent = s.tsval;
    assert_holds(rules_taken(&before, &after, &s, 0, 0));
    after.ts_recent++;
    assert_breaks(rules_taken(&before, &after, &s, 0, 0), "I28");
    after.ts_recent = s.tsval;
    s.ts = false;
    assert_breaks(rules_taken(&before, &after, &s, 0, 0), "I28");
    s.ts = true;
    s.seq = before.last_ack_sent + 1;
    assert_breaks(rules_taken(&before, &after, &s, 0, 0), "I28");
    before.loses = true;
    assert_holds(rules_taken(&before, &after, &s, 0, 0));
    before.loses = false;
    s = data();
    s.tsval = after.ts_recent = before.ts_recent - 1;
    assert_breaks(rules_taken(&before, &after, &s, 0, 0), "I28");
    after.ts_recent_s = before.ts_recent_s + 24 * 86400; /* RFC 7323 5.5 */
    assert_holds(rules_taken(&before, &after, &s, 0, 0));
}

static void karn(void **state)
{
    (void)state;
    struct rule_view before = fresh(), after = fresh();
    struct rule_segment s = data();
    uint32_t from = before.snd_una, to = from + 2 * MSS;
    before.ts = after.ts = false;
    after.snd_una = to;
    after.srtt_us8++;
    assert_breaks(rules_taken(&before, &after, &s, from, to), "I25");
    assert_holds(rules_taken(&before, &after, &s, from, to - 1));
    assert_holds(rules_taken(&before, &after, &s, from + 1, to));
    assert_holds(rules_taken(&before, &after, &s, from, from));
    before.ts = after.ts = true;
    assert_holds(rules_taken(&before, &after, &s, from, to));
    before.ts = after.ts = false;
    after.srtt_us8--;
    assert_holds(rules_taken(&before, &after, &s, from, to));
}

/* ---- steps ---------------------------------------------------------------------------------- */

static const char *step(const struct rule_view *before, const struct rule_view *after)
{
    return rules_step(before, after, NOW, RTO_MAX);
}

static void acks_in_time(void **state)
{
    (void)state;
    struct rule_view before = fresh(), after = fresh();
    after.rcv_unacked = 2 * MSS;
    after.ack_at_ns = NOW + 500 * MS;
    assert_holds(step(&before, &after));
    after.ack_at_ns++;
    assert_breaks(step(&before, &after), "I14");
    after.ack_at_ns = UINT64_MAX;
    assert_breaks(step(&before, &after), "I14");
    after.held_back = true;
    assert_holds(step(&before, &after));
    after.held_back = false;
    after.ack_at_ns = NOW + 40 * MS;
    after.rcv_unacked++;
    assert_breaks(step(&before, &after), "I14");
}

static void silly_windows(void **state)
{
    (void)state;
    struct rule_view before = fresh(), after = fresh();
    after.rcv_adv += MSS;
    assert_holds(step(&before, &after));
    after.rcv_adv--;
    assert_breaks(step(&before, &after), "I29");
    after.segs_out += 2; /* several ACKs, each with its rounding */
    assert_holds(step(&before, &after));
    after.segs_out--;
    assert_breaks(step(&before, &after), "I29");
    after.state = LA_TCP_CLOSE_WAIT; /* nothing will come */
    assert_holds(step(&before, &after));
    after.state = LA_TCP_ESTABLISHED;
    after.wnd_shift = 3; /* told in units of eight */
    after.rcv_adv = before.rcv_adv + MSS - 7;
    assert_holds(step(&before, &after));
    after.rcv_adv--;
    assert_breaks(step(&before, &after), "I29");
    after.rcv_adv = before.rcv_adv + 8;
    assert_breaks(step(&before, &after), "I29");
    after.rcv_adv--;
    assert_holds(step(&before, &after));
    after.rcv_adv = before.rcv_adv + 8;
    after.rcv_nxt = after.rcv_adv - (65535U << 3); /* as large as a window can be told */
    assert_holds(step(&before, &after));
    after = before;
    after.rcvbuf = 1000; /* half of it is less than a segment */
    after.rcv_adv = before.rcv_adv + 500;
    assert_holds(step(&before, &after));
}

static void windows_of_congestion(void **state)
{
    (void)state;
    struct rule_view before = fresh(), after = fresh();
    after.delivered += 2 * MSS;
    after.cwnd += 2 * MSS;
    assert_holds(step(&before, &after));
    after.cwnd++;
    assert_breaks(step(&before, &after), "I24");
    after.delivered = before.delivered + 1;
    after.cwnd = before.cwnd + MSS;
    assert_holds(step(&before, &after));
    after.cwnd++;
    assert_breaks(step(&before, &after), "I24");
    before.own_cwnd = after.own_cwnd = true;
    assert_holds(step(&before, &after));

    before = after = fresh(); /* nobody counts */
    after.delivered = 0;
    after.cwnd += 5 * MSS;
    assert_holds(step(&before, &after));
    after.delivered = before.delivered;
    before.delivered = 0;
    assert_holds(step(&before, &after));
    before = after = fresh(); /* the end of an episode */
    before.phase = CC_RECOVERY;
    after.cwnd += 5 * MSS;
    after.ssthresh = 4 * MSS;
    assert_holds(step(&before, &after));

    before = after = fresh();
    before.cwnd = after.cwnd = MSS;
    after.ssthresh = 2 * MSS;
    assert_holds(step(&before, &after));
    after.phase = CC_LOSS;
    assert_holds(step(&before, &after)); /* more than the window, but the least there is */
    after = before = fresh();
    after.cwnd = MSS - 1;
    assert_breaks(step(&before, &after), "I24");
    after = fresh();
    after.ssthresh = 2 * MSS - 1;
    assert_breaks(step(&before, &after), "I24");
}

static void losses_reduce_once(void **state)
{
    (void)state;
    struct rule_view before = fresh(), after = fresh();
    after.phase = CC_RECOVERY;
    after.recoveries++;
    after.ssthresh = before.cwnd;
    assert_holds(step(&before, &after));
    after.ssthresh++;
    assert_breaks(step(&before, &after), "I24");
    after.delivered++;
    assert_holds(step(&before, &after));

    before = after;
    after.ssthresh /= 2;
    assert_breaks(step(&before, &after), "I24");
    after.recoveries++;
    assert_holds(step(&before, &after));
    after.recoveries--;
    after.undone++;
    assert_holds(step(&before, &after));
}

static void timeouts(void **state)
{
    (void)state;
    struct rule_view before = fresh(), after = fresh();
    before.backoff = 2; /* 1.2 s */
    after.backoff = 3;
    before.rtx_at_ns = NOW;
    after.rtx_at_ns = NOW + 2400 * MS;
    assert_holds(step(&before, &after));
    after.rtx_at_ns--;
    assert_breaks(step(&before, &after), "I25");
    after.snd_una++; /* something was acknowledged meanwhile */
    assert_holds(step(&before, &after));

    after = before;
    before.backoff = 12;
    after.backoff = 13;
    after.rtx_at_ns = NOW + RTO_MAX * MS;
    assert_holds(step(&before, &after));
    after.rtx_at_ns--;
    assert_breaks(step(&before, &after), "I25");
    after.rtx_at_ns += 2;
    assert_breaks(step(&before, &after), "I25");
    after.rtx_at_ns = UINT64_MAX;
    assert_holds(step(&before, &after));
}

/* ---- small segments ------------------------------------------------------------------------- */

static void small_segments(void **state)
{
    (void)state;
    const struct rule_small small = {
        .missing = 1, .payload = 400, .snd_wnd_max = 8000, .waited_ns = 99 * MS - 1};
    struct rule_small s = small;
    assert_false(rules_small_ok(&s));
    s.missing = 0;
    assert_true(rules_small_ok(&s));
    s = small;
    s.cut = true;
    assert_true(rules_small_ok(&s));

    s = small; /* the last one: Nagle */
    s.last = true;
    assert_false(rules_small_ok(&s));
    s.alone = true;
    assert_true(rules_small_ok(&s));
    s.alone = false;
    s.nodelay = true;
    assert_true(rules_small_ok(&s));
    s.nodelay = false;
    s.fin = true;
    assert_true(rules_small_ok(&s));

    s = small; /* cut by the window: half of the largest, or the override timer */
    s.alone = true;
    assert_false(rules_small_ok(&s));
    s.payload = 4000;
    assert_true(rules_small_ok(&s));
    s.alone = false;
    assert_false(rules_small_ok(&s));
    s = small;
    s.waited_ns++;
    assert_false(rules_small_ok(&s));
    s.waited_ns = 100 * MS;
    assert_true(rules_small_ok(&s));
}

/* A connection that does nothing breaks nothing. */
static void at_rest(void **state)
{
    (void)state;
    struct rule_view v = fresh(), peer = peer_of(&v);
    struct rule_segment s = data();
    assert_holds(step(&v, &v));
    assert_holds(rules_pair(&v, &peer));
    assert_holds(rules_taken(&v, &v, &s, 0, 0));
    assert_holds(rules_taken(&v, NULL, &s, 0, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(at_rest),
        cmocka_unit_test(states_beside_each_other),
        cmocka_unit_test(open_by_the_right_numbers),
        cmocka_unit_test(resets),
        cmocka_unit_test(syns),
        cmocka_unit_test(ack_range),
        cmocka_unit_test(last_timestamp),
        cmocka_unit_test(karn),
        cmocka_unit_test(acks_in_time),
        cmocka_unit_test(silly_windows),
        cmocka_unit_test(windows_of_congestion),
        cmocka_unit_test(losses_reduce_once),
        cmocka_unit_test(timeouts),
        cmocka_unit_test(small_segments),
    };
    return cmocka_run_group_tests_name("sim/rules", tests, NULL, NULL);
}

/* RACK (RFC 8985 6): the examples of 3.4, 3.5 and 9.1, the rules of 6.2 one by one, near the wrap
 * of sequence numbers, and random runs against the pseudocode, segment by segment. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "loss/rack.h"
#include "support/core_memory.h"

#include <cmocka.h> /* last: it makes `fail` a macro */

#define MS UINT64_C(1000000) /* in nanoseconds */
#define US UINT64_C(1000)

static const uint32_t firsts[] = {0, 1000, 0x7ffffff0, 0xfffffff0, 0xffffffff};
#define FIRSTS (sizeof(firsts) / sizeof(firsts[0]))

/* ---- a sender of few segments of 100 bytes --------------------------------------------------- */

struct seg {
    uint64_t sent_ns;
    bool rtx, acked, lost;
};

struct flow {
    struct rack rack;
    uint32_t first;
    struct seg seg[8];
    uint64_t wait_ns; /* the reordering timer that the last look wants, 0: none */
};

static seq32 end_of(const struct flow *f, unsigned n)
{
    return seq_of(f->first + 100 * (n + 1));
}

static void begin(struct flow *f, uint32_t first)
{
    *f = (struct flow){.first = first};
    rack_init(&f->rack, seq_of(first));
}

static void send(struct flow *f, unsigned n, uint64_t now_ns)
{
    f->seg[n].rtx = f->seg[n].sent_ns != 0;
    f->seg[n].sent_ns = now_ns;
    f->seg[n].lost = false;
}

static void deliver(struct flow *f, unsigned n, uint64_t now_ns, uint32_t min_rtt_us)
{
    struct rack_delivery d = {
        .sent_ns = f->seg[n].sent_ns,
        .seq = seq_sub(end_of(f, n), 100),
        .end = end_of(f, n),
        .retransmitted = f->seg[n].rtx,
    };
    f->seg[n].acked = true;
    rack_delivered(&f->rack, &d, now_ns, min_rtt_us);
}

/* RACK_detect_loss(): bits of the segments that are lost now. */
static unsigned look(struct flow *f, uint32_t reo_wnd_us, uint64_t now_ns)
{
    unsigned lost = 0;
    f->wait_ns = 0;
    for (unsigned n = 0; n < 8; n++) {
        struct seg *s = &f->seg[n];
        if (s->sent_ns == 0 || s->acked || s->lost) {
            continue;
        }
        uint64_t wait_ns = 0;
        switch (rack_judge(&f->rack, s->sent_ns, end_of(f, n), reo_wnd_us, now_ns, &wait_ns)) {
        case RACK_IS_LOST:
            s->lost = true;
            lost |= 1U << n;
            break;
        case RACK_WAIT:
            assert_int_not_equal(wait_ns, 0);
            f->wait_ns = wait_ns > f->wait_ns ? wait_ns : f->wait_ns;
            break;
        default:
            break;
        }
    }
    return lost;
}

/* ---- the examples ---------------------------------------------------------------------------- */

/* 3.4, figure 1: four segments, the last three lost, a probe, a retransmission lost again. */
static void figure_1(void **state)
{
    (void)state;
    for (unsigned i = 0; i < FIRSTS; i++) {
        struct flow f;
        begin(&f, firsts[i]);
        for (unsigned n = 0; n < 4; n++) {
            send(&f, n, 10 * MS); /* 1: all at one time */
        }
        deliver(&f, 0, 20 * MS, 10000); /* 2 */
        assert_int_equal(look(&f, 2500, 20 * MS), 0);
        assert_int_equal(f.wait_ns, 0); /* they left with P0 but behind it in sequence */
        send(&f, 3, 40 * MS);           /* 3: the probe */
        deliver(&f, 3, 50 * MS, 10000); /* 4, 5a */
        assert_int_equal(look(&f, 2500, 50 * MS), 0x6); /* 5b: P1 and P2 */
        send(&f, 1, 50 * MS);
        send(&f, 2, 50 * MS);                        /* 5c */
        deliver(&f, 2, 60 * MS, 10000);              /* 6, 7a */
        assert_int_equal(look(&f, 0, 60 * MS), 0x2); /* the retransmission of P1 is lost */
        send(&f, 1, 60 * MS);                        /* 7b */
        deliver(&f, 1, 70 * MS, 10000);
        assert_int_equal(look(&f, 0, 70 * MS), 0);
        assert_false(f.rack.reordering_seen); /* what was sent again tells nothing of reordering */
    }
}

/* 3.5: a timeout of the first segment; the second and third left just before. */
static void timeout_spares_recent(void **state)
{
    (void)state;
    struct flow f;
    begin(&f, 5000);
    send(&f, 0, 1 * MS);
    deliver(&f, 0, 101 * MS, 0); /* the round trip is 100 ms */
    send(&f, 1, 200 * MS);
    send(&f, 2, 1190 * MS);
    send(&f, 3, 1199 * MS);
    assert_true(rack_lost_at_timeout(&f.rack, true, f.seg[1].sent_ns, 0, 1200 * MS));
    assert_false(rack_lost_at_timeout(&f.rack, false, f.seg[2].sent_ns, 0, 1200 * MS));
    assert_false(rack_lost_at_timeout(&f.rack, false, f.seg[3].sent_ns, 0, 1200 * MS));
    /* A round trip and the window later they are. */
    assert_false(rack_lost_at_timeout(&f.rack, false, 1190 * MS, 25000, 1315 * MS - 1));
    assert_true(rack_lost_at_timeout(&f.rack, false, 1190 * MS, 25000, 1315 * MS));
    /* The first is, however late it left. */
    assert_true(rack_lost_at_timeout(&f.rack, true, 1200 * MS, 25000, 1200 * MS));
    /* Nothing delivered yet: all are. */
    struct rack fresh;
    rack_init(&fresh, seq_of(0));
    assert_true(rack_lost_at_timeout(&fresh, false, 1199 * MS, 25000, 1200 * MS));
}

/* 9.1, example 1: P1 and P3 of three are lost; the ACK of R1 finds P3. */
static void tail_drop(void **state)
{
    (void)state;
    for (unsigned i = 0; i < FIRSTS; i++) {
        struct flow f;
        begin(&f, firsts[i]);
        for (unsigned n = 0; n < 3; n++) {
            send(&f, n, (10 + 5 * n) * MS); /* apart by more than the window */
        }
        deliver(&f, 1, 35 * MS, 20000);
        assert_int_equal(look(&f, 5000, 35 * MS), 0x1);
        send(&f, 0, 35 * MS);
        deliver(&f, 0, 55 * MS, 20000); /* R1 is acknowledged */
        assert_int_equal(look(&f, 5000, 55 * MS), 0x4);
    }
}

/* 9.1, example 2: P1, P2 lost, then R1 lost again. */
static void lost_retransmission(void **state)
{
    (void)state;
    for (unsigned i = 0; i < FIRSTS; i++) {
        struct flow f;
        begin(&f, firsts[i]);
        for (unsigned n = 0; n < 3; n++) {
            send(&f, n, (10 + 5 * n) * MS);
        }
        deliver(&f, 2, 40 * MS, 20000);
        assert_int_equal(look(&f, 5000, 40 * MS), 0x3);
        send(&f, 0, 40 * MS);
        send(&f, 1, 45 * MS);
        deliver(&f, 1, 65 * MS, 20000);
        assert_int_equal(look(&f, 5000, 65 * MS), 0x1);
    }
}

/* 9.1, example 3: P3 overtakes; within min_rtt / 4 nothing is lost, later P1 and P2 are. */
static void reordering(void **state)
{
    (void)state;
    struct flow f;
    begin(&f, 0xffffff80);
    f.rack.reordering_seen = true;
    for (unsigned n = 0; n < 3; n++) {
        send(&f, n, 10 * MS);
    }
    struct rack_window_in in = {.min_rtt_us = 20000, .srtt_us = 20000, .recovering = true};
    uint32_t reo_wnd_us = rack_reo_wnd_us(&f.rack, &in);
    assert_int_equal(reo_wnd_us, 5000);
    deliver(&f, 2, 30 * MS, 20000);
    assert_int_equal(look(&f, reo_wnd_us, 30 * MS), 0);
    assert_int_equal(f.wait_ns, 5 * MS);
    assert_int_equal(look(&f, reo_wnd_us, 35 * MS - 1), 0);
    assert_int_equal(f.wait_ns, 1);
    assert_int_equal(look(&f, reo_wnd_us, 35 * MS), 0x3);
}

/* ---- the rules ------------------------------------------------------------------------------- */

/* Step 2: what may be the ACK of an earlier transmission says nothing. */
static void ambiguous(void **state)
{
    (void)state;
    struct rack r, before;
    rack_init(&r, seq_of(100));
    struct rack_delivery d = {.sent_ns = 10 * MS, .end = seq_of(200), .retransmitted = true};
    before = r;
    rack_delivered(&r, &d, 14 * MS, 5000); /* faster than the least round trip */
    assert_int_equal(r.started, before.started);
    assert_int_equal(r.rtt_us, before.rtt_us);
    assert_int_equal(r.fack.v, 200); /* step 3 counts it all the same */
    d.ts_older = true;
    rack_delivered(&r, &d, 20 * MS, 5000); /* the timestamp says so */
    assert_false(r.started);
    d.retransmitted = false; /* the first transmission: its timestamp is never older */
    rack_delivered(&r, &d, 20 * MS, 5000);
    assert_true(r.started);
    assert_int_equal(r.rtt_us, 10000);
    d.retransmitted = true;
    d.ts_older = false;
    d.sent_ns = 15 * MS;
    rack_delivered(&r, &d, 20 * MS, 5000); /* just as fast */
    assert_int_equal(r.rtt_us, 5000);
    assert_int_equal(r.xmit_ns, 15 * MS);
    d.sent_ns = 19 * MS;
    rack_delivered(&r, &d, 20 * MS, 0); /* the least is unknown */
    assert_int_equal(r.rtt_us, 1000);
}

/* The late original passes for the retransmission, and everything else for lost; when that is known
 * to be wrong nobody is judged until the next delivery, and then by that. */
static void retracted(void **state)
{
    (void)state;
    struct flow f;
    begin(&f, 0xffffff00);
    for (unsigned n = 0; n < 4; n++) {
        send(&f, n, (1 + n) * MS);
    }
    send(&f, 0, 300 * MS);
    deliver(&f, 0, 420 * MS, 100000);
    rack_retract(&f.rack);
    assert_int_equal(look(&f, 0, 420 * MS), 0);
    assert_int_equal(f.wait_ns, 0);
    deliver(&f, 2, 425 * MS, 100000);
    assert_int_equal(f.rack.rtt_us, 422000);
    assert_int_equal(f.rack.xmit_ns, 3 * MS);
    assert_int_equal(look(&f, 0, 425 * MS), 0x2);
}

/* Step 2: the latest transmission, ties by sequence; the round trip is that of what left last among
 * what one ACK delivers, and of the newest ACK else. */
static void latest(void **state)
{
    (void)state;
    for (unsigned i = 0; i < FIRSTS; i++) {
        struct rack r;
        uint32_t s = firsts[i];
        rack_init(&r, seq_of(s));
        struct rack_delivery d = {.sent_ns = 20 * MS, .end = seq_of(s + 200)};
        rack_delivered(&r, &d, 50 * MS, 0);
        d.end = seq_of(s + 300);
        rack_delivered(&r, &d, 50 * MS, 0);
        assert_int_equal(r.end.v, s + 300);
        d.end = seq_of(s + 250); /* same time, before it */
        rack_delivered(&r, &d, 50 * MS, 0);
        assert_int_equal(r.end.v, s + 300);
        d.sent_ns = 10 * MS; /* older, in the same ACK */
        d.end = seq_of(s + 400);
        rack_delivered(&r, &d, 50 * MS, 0);
        assert_int_equal(r.xmit_ns, 20 * MS);
        assert_int_equal(r.end.v, s + 300);
        assert_int_equal(r.rtt_us, 30000);
        rack_delivered(&r, &d, 51 * MS, 0); /* in a later ACK */
        assert_int_equal(r.rtt_us, 41000);
        assert_int_equal(r.xmit_ns, 20 * MS);
    }
}

/* Step 3. */
static void detects_reordering(void **state)
{
    (void)state;
    for (unsigned i = 0; i < FIRSTS; i++) {
        struct rack r;
        uint32_t s = firsts[i];
        rack_init(&r, seq_of(s));
        struct rack_delivery d = {.sent_ns = MS, .end = seq_of(s + 300)};
        rack_delivered(&r, &d, 2 * MS, 0);
        rack_delivered(&r, &d, 2 * MS, 0); /* the same again is not below */
        assert_false(r.reordering_seen);
        d.end = seq_of(s + 200);
        d.retransmitted = true;
        rack_delivered(&r, &d, 2 * MS, 0);
        assert_false(r.reordering_seen);
        d.retransmitted = false;
        rack_delivered(&r, &d, 2 * MS, 0);
        assert_true(r.reordering_seen);
        assert_int_equal(r.fack.v, s + 300);
    }
}

/* Step 4: all combinations of its conditions. */
static void window(void **state)
{
    (void)state;
    for (unsigned bits = 0; bits < 8; bits++) {
        struct rack r;
        rack_init(&r, seq_of(0));
        r.reordering_seen = (bits & 1) != 0;
        struct rack_window_in in = {.min_rtt_us = 10000,
                                    .srtt_us = 12000,
                                    .recovering = (bits & 2) != 0,
                                    .dup_thresh = (bits & 4) != 0};
        bool zero = !r.reordering_seen && (in.recovering || in.dup_thresh);
        for (uint16_t mult = 1; mult < 20; mult++) {
            r.reo_wnd_mult = mult;
            uint32_t want = mult * 2500U > 12000 ? 12000 : mult * 2500U;
            assert_int_equal(rack_reo_wnd_us(&r, &in), zero ? 0 : want);
        }
    }
    struct rack r;
    rack_init(&r, seq_of(0));
    r.reo_wnd_mult = UINT16_MAX;
    struct rack_window_in in = {.min_rtt_us = UINT32_MAX, .srtt_us = UINT32_MAX};
    assert_int_equal(rack_reo_wnd_us(&r, &in), UINT32_MAX);
    in.srtt_us = 0; /* 3.3.2: zero without an estimate */
    assert_int_equal(rack_reo_wnd_us(&r, &in), 0);
}

/* Step 4: (N + 1) * min_RTT / 4 after N round trips with a D-SACK, for 16 recoveries. */
static void adapts(void **state)
{
    (void)state;
    for (unsigned i = 0; i < FIRSTS; i++) {
        struct rack r;
        uint32_t una = firsts[i];
        struct rack_window_in in = {.min_rtt_us = 4000, .srtt_us = 1000000};
        rack_init(&r, seq_of(una));
        for (uint32_t n = 1; n <= 100; n++) {
            assert_true(rack_dsack(&r, seq_of(una), seq_of(una + 1000)));
            assert_int_equal(rack_reo_wnd_us(&r, &in), (n + 1) * 1000);
            assert_false(rack_dsack(&r, seq_of(una + 999), seq_of(una + 2000))); /* this round */
            una += 1000;
        }
        for (unsigned n = 0; n < 15; n++) {
            rack_recovered(&r);
            assert_int_equal(r.reo_wnd_mult, 101);
        }
        rack_recovered(&r);
        assert_int_equal(r.reo_wnd_mult, 1);
        rack_recovered(&r);
        assert_int_equal(r.reo_wnd_mult, 1);
    }
    struct rack r; /* it does not wrap */
    rack_init(&r, seq_of(0));
    for (uint32_t n = 0; n < 70000; n++) {
        rack_dsack(&r, seq_of(n), seq_of(n));
    }
    assert_int_equal(r.reo_wnd_mult, UINT16_MAX);
}

/* The end of a D-SACK's round is forgotten before it could look like the future. */
static void round_is_forgotten(void **state)
{
    (void)state;
    struct rack r;
    rack_init(&r, seq_of(0));
    assert_true(rack_dsack(&r, seq_of(0), seq_of(1000)));
    uint32_t end = 0;
    for (unsigned n = 0; n < 11; n++) {
        end += 1U << 28;
        struct rack_delivery d = {.sent_ns = n * MS, .end = seq_of(end)};
        rack_delivered(&r, &d, (n + 1) * MS, 0);
    }
    assert_true(seq_lt(seq_of(end), seq_of(1000))); /* it looks as if it were before it */
    assert_true(rack_dsack(&r, seq_of(end), seq_of(end + 1000)));
}

/* Step 5: the moment of the verdict to the nanosecond. */
static void moment(void **state)
{
    (void)state;
    struct flow f;
    begin(&f, 0);
    send(&f, 0, 1000 * MS);
    send(&f, 1, 1000 * MS + 300);
    send(&f, 2, 1000 * MS + 900);
    uint64_t ack_ns = 1000 * MS + 900 + 7 * US + 999;
    deliver(&f, 1, ack_ns, 0);
    assert_int_equal(f.rack.rtt_us, 8); /* rounded down */
    uint64_t wait_ns = 0;
    uint64_t at_ns = 1000 * MS + 8 * US + 5 * US;
    assert_int_equal(rack_judge(&f.rack, 1000 * MS, end_of(&f, 0), 5, at_ns - 1, &wait_ns),
                     RACK_WAIT);
    assert_int_equal(wait_ns, 1);
    assert_int_equal(rack_judge(&f.rack, 1000 * MS, end_of(&f, 0), 5, at_ns, &wait_ns),
                     RACK_IS_LOST);
    /* What left later is not judged, nor is the delivered one itself. */
    assert_int_equal(rack_judge(&f.rack, f.seg[2].sent_ns, end_of(&f, 2), 0, at_ns * 2, &wait_ns),
                     RACK_LATER);
    assert_int_equal(rack_judge(&f.rack, f.seg[1].sent_ns, end_of(&f, 1), 0, at_ns * 2, &wait_ns),
                     RACK_LATER);
    /* Without a window nothing waits at the ACK itself: a round trip of almost nothing must not
     * stall. */
    for (uint64_t rtt_ns = 0; rtt_ns < 3000; rtt_ns += 7) {
        struct flow g;
        begin(&g, 0xffffffff);
        send(&g, 0, 5 * MS);
        send(&g, 1, 5 * MS);
        deliver(&g, 1, 5 * MS + rtt_ns, 0);
        assert_int_equal(look(&g, 0, 5 * MS + rtt_ns), 1);
    }
}

static void extremes(void **state)
{
    (void)state;
    struct rack r;
    rack_init(&r, seq_of(0));
    struct rack_delivery d = {.sent_ns = 0, .end = seq_of(1)};
    rack_delivered(&r, &d, UINT64_MAX / 2, UINT32_MAX); /* 292 years */
    assert_int_equal(r.rtt_us, UINT32_MAX);
    d.sent_ns = UINT64_MAX / 2;
    d.end = seq_of(2);
    rack_delivered(&r, &d, 1000, 0); /* left after now: no time has passed */
    assert_int_equal(r.rtt_us, 0);
    uint64_t wait_ns = 0;
    r.rtt_us = UINT32_MAX;
    assert_int_equal(rack_judge(&r, 0, seq_of(1), UINT32_MAX, 0, &wait_ns), RACK_WAIT);
    assert_int_equal(wait_ns, 2 * (uint64_t)UINT32_MAX * US);
}

/* ---- against the pseudocode ------------------------------------------------------------------ */

#define SEGS 24

/* 6.2 as it is written, with sequence numbers of 64 bits and signed times. */
struct model {
    int64_t xmit, rtt;
    uint64_t end, fack, una, round;
    bool started, seen, round_set;
    unsigned mult;
    int persist;
};

struct model_seg {
    int64_t xmit;
    bool sent, rtx, acked, lost;
};

static bool model_after(int64_t t1, uint64_t e1, int64_t t2, uint64_t e2)
{
    return t1 > t2 || (t1 == t2 && e1 > e2);
}

/* Steps 2 and 3 for a set of segments, each step in its own order. */
static void model_ack(struct model *m, struct model_seg *seg, uint32_t set, int64_t now,
                      int64_t min_rtt)
{
    uint32_t todo = set;
    while (todo != 0) {
        unsigned pick = SEGS;
        for (unsigned n = 0; n < SEGS; n++) {
            if ((todo >> n & 1) && (pick == SEGS || seg[n].xmit < seg[pick].xmit)) {
                pick = n;
            }
        }
        todo &= ~(1U << pick);
        int64_t rtt = now - seg[pick].xmit;
        if (seg[pick].rtx && rtt < min_rtt) {
            continue;
        }
        m->rtt = rtt;
        if (!m->started || model_after(seg[pick].xmit, pick, m->xmit, m->end)) {
            m->xmit = seg[pick].xmit;
            m->end = pick;
            m->started = true;
        }
    }
    for (unsigned n = 0; n < SEGS; n++) {
        if (set >> n & 1) {
            if (n + 1 > m->fack) {
                m->fack = n + 1;
            } else if (n + 1 < m->fack && !seg[n].rtx) {
                m->seen = true;
            }
            seg[n].acked = true;
        }
    }
}

static int64_t model_window(struct model *m, bool recovering, unsigned sacked, int64_t min_rtt,
                            int64_t srtt)
{
    if (!m->seen && (recovering || sacked >= 3)) {
        return 0;
    }
    int64_t wnd = (int64_t)m->mult * min_rtt / 4;
    return wnd < srtt ? wnd : srtt;
}

static void step_4(struct model *m, struct rack *r, uint64_t *seed, uint32_t first)
{
    uint64_t una = m->una += random_below(seed, 4), nxt = una + random_below(seed, SEGS);
    bool dsack = random_below(seed, 4) == 0, ending = random_below(seed, 4) == 0, grew = false;
    if (m->round_set && una >= m->round) {
        m->round_set = false;
    }
    if (dsack) {
        grew = rack_dsack(r, seq_of(first + (uint32_t)una), seq_of(first + (uint32_t)nxt));
        assert_int_equal(grew, !m->round_set);
    }
    if (dsack && !m->round_set) {
        m->round = nxt;
        m->round_set = true;
        m->mult++;
        m->persist = 16;
    } else if (ending) {
        m->persist--;
        if (m->persist <= 0) {
            m->mult = 1;
            m->persist = 0;
        }
    }
    if (ending && !grew) {
        rack_recovered(r);
    }
    assert_int_equal(r->reo_wnd_mult, m->mult);
}

static void walk(uint64_t *seed, uint32_t first)
{
    struct rack r;
    struct model m = {.mult = 1};
    struct model_seg seg[SEGS] = {{0}};
    int64_t now = 1 + random_below(seed, 1000), min_rtt = 1 + random_below(seed, 50);
    rack_init(&r, seq_of(first));
    for (unsigned event = 0; event < 60; event++) {
        now += random_below(seed, 20);
        /* Some leave, for the first time in order, or again. */
        for (unsigned n = 0; n < SEGS; n++) {
            bool next = !seg[n].sent && (n == 0 || seg[n - 1].sent);
            if ((next || seg[n].lost) && random_below(seed, 2) == 0) {
                seg[n] = (struct model_seg){.xmit = now, .sent = true, .rtx = seg[n].sent};
            }
        }
        now += 1 + random_below(seed, 40);
        /* An ACK for some of them. */
        uint32_t set = 0;
        for (unsigned n = 0; n < SEGS; n++) {
            if (seg[n].sent && !seg[n].acked && random_below(seed, 5) == 0) {
                set |= 1U << n;
            }
        }
        for (unsigned n = 0; n < SEGS; n++) {
            if (set >> n & 1) {
                struct rack_delivery d = {.sent_ns = (uint64_t)seg[n].xmit * US,
                                          .seq = seq_of(first + n),
                                          .end = seq_of(first + n + 1),
                                          .retransmitted = seg[n].rtx};
                rack_delivered(&r, &d, (uint64_t)now * US, (uint32_t)min_rtt);
            }
        }
        model_ack(&m, seg, set, now, min_rtt);
        step_4(&m, &r, seed, first);
        unsigned sacked = random_below(seed, 6);
        bool recovering = random_below(seed, 2) == 0;
        struct rack_window_in in = {.min_rtt_us = (uint32_t)min_rtt,
                                    .srtt_us = (uint32_t)min_rtt * 2,
                                    .recovering = recovering,
                                    .dup_thresh = sacked >= 3};
        uint32_t reo_wnd = rack_reo_wnd_us(&r, &in);
        assert_int_equal(reo_wnd, model_window(&m, recovering, sacked, min_rtt, min_rtt * 2));
        for (unsigned n = 0; n < SEGS; n++) {
            if (!seg[n].sent || seg[n].acked || seg[n].lost) {
                continue;
            }
            uint64_t wait_ns = 0;
            enum rack_verdict verdict =
                rack_judge(&r, (uint64_t)seg[n].xmit * US, seq_of(first + n + 1), reo_wnd,
                           (uint64_t)now * US, &wait_ns);
            if (!m.started || !model_after(m.xmit, m.end, seg[n].xmit, n)) {
                assert_int_equal(verdict, RACK_LATER);
                continue;
            }
            int64_t remaining = seg[n].xmit + m.rtt + reo_wnd - now;
            assert_int_equal(verdict, remaining <= 0 ? RACK_IS_LOST : RACK_WAIT);
            if (remaining > 0) {
                assert_int_equal(wait_ns, (uint64_t)remaining * US);
            }
            seg[n].lost = remaining <= 0;
        }
    }
    assert_int_equal(r.reordering_seen, m.seen);
    assert_int_equal(r.fack.v, (uint32_t)(first + m.fack));
}

static void random_walks(void **state)
{
    (void)state;
    uint64_t seed = 8985;
    for (unsigned n = 0; n < 5000; n++) {
        walk(&seed, firsts[n % FIRSTS] - (uint32_t)(n % 30));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(figure_1),
        cmocka_unit_test(timeout_spares_recent),
        cmocka_unit_test(tail_drop),
        cmocka_unit_test(lost_retransmission),
        cmocka_unit_test(reordering),
        cmocka_unit_test(ambiguous),
        cmocka_unit_test(retracted),
        cmocka_unit_test(latest),
        cmocka_unit_test(detects_reordering),
        cmocka_unit_test(window),
        cmocka_unit_test(adapts),
        cmocka_unit_test(round_is_forgotten),
        cmocka_unit_test(moment),
        cmocka_unit_test(extremes),
        cmocka_unit_test(random_walks),
    };
    return cmocka_run_group_tests_name("core/loss/rack", tests, NULL, NULL);
}
